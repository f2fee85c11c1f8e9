//! Updates that came before: a copy of one must not be done twice.
//!
//! A signature holds for as long as clocks may be apart, and in that time whoever overheard an update could send
//! it again, after the zone went on (RFC 8945 section 10 leaves that to the protocol). So what was seen in that time
//! is remembered, by its signature, which no other message has, with what was answered. A copy gets that answer again
//! and changes nothing: it is what an honest client needs whose answer was lost and who sends the same once more.
//!
//! What is remembered is bounded. Should a key sign more in that time than that, the oldest is forgotten, and from then
//! on whatever was signed no later than that gets BADTIME, as section 5.2.3 has a server do with what is older than the
//! last. What changed a zone is remembered in the store, in the turn of the change, and so over a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{ReadableTable, TableDefinition};
use repute_dnsxl::Name;

use crate::signature::{Signed, WIDEST};
use crate::store::{Fault, Turn};

/// What was seen, of each key.
#[derive(Debug, Default)]
pub struct Replays(Mutex<HashMap<Name, Recent>>);

/// What was seen of a key.
#[derive(Debug, Default)]
struct Recent {
    /// By the time it was signed, and its signature.
    seen: BTreeMap<Mark, State>,
    /// When the latest of what was forgotten too early was signed.
    floor: Option<u64>,
}

/// A message: when it was signed, and the beginning of its signature.
pub type Mark = (u64, u128);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is being done.
    UnderWay,
    /// It was answered so.
    Answered(u8),
}

/// Whether a message came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It did not; it is under way now.
    Never,
    /// It did, and nobody has answered it yet.
    UnderWay,
    /// It did, and this was answered.
    Answered(u8),
    /// Nobody knows, and it is older than what is known.
    TooOld,
}

impl Replays {
    /// Looks whether a message came before, and remembers it.
    pub fn begin(&self, signed: &Signed, now: u64) -> Seen {
        let mark = mark(signed);
        let mut keys = self.keys();
        let recent = keys.entry(signed.signer.key().name().clone()).or_default();
        match recent.seen.get(&mark) {
            Some(State::UnderWay) => return Seen::UnderWay,
            Some(State::Answered(rcode)) => return Seen::Answered(*rcode),
            None if recent.floor.is_some_and(|floor| mark.0 <= floor) => return Seen::TooOld,
            None => {}
        }
        recent.seen.insert(mark, State::UnderWay);
        // What is so old gets BADTIME whoever signs it.
        let old = now.saturating_sub(u64::from(WINDOW));
        while let Some(first) = recent.seen.first_entry().filter(|first| first.key().0 < old) {
            first.remove();
        }
        if recent.seen.len() > MOST
            && let Some(((time, _), _)) = recent.seen.pop_first()
        {
            recent.floor = recent.floor.max(Some(time));
        }
        Seen::Never
    }

    /// Remembers what was answered.
    pub fn answered(&self, key: &Name, mark: Mark, rcode: u8) {
        if let Some(state) = self.keys().get_mut(key).and_then(|recent| recent.seen.get_mut(&mark))
        {
            *state = State::Answered(rcode);
        }
    }

    /// Forgets a message that was not done, so that the same may come again.
    pub fn forget(&self, key: &Name, mark: Mark) {
        if let Some(recent) = self.keys().get_mut(key) {
            recent.seen.remove(&mark);
        }
    }

    /// Remembers what the store does.
    ///
    /// # Errors
    /// If its file fails.
    pub fn load(turn: &mut Turn<'_>) -> Result<Replays, Fault> {
        let mut keys: HashMap<Name, Recent> = HashMap::new();
        let table = turn.transaction().open_table(SEEN)?;
        for item in table.iter()? {
            let (key, rcode) = item?;
            let (name, time, mac) = key.value();
            let Ok(name) = Name::from_wire(name) else { continue };
            let state = State::Answered(rcode.value());
            keys.entry(name).or_default().seen.insert((time, mac), state);
        }
        Ok(Replays(Mutex::new(keys)))
    }

    /// What was seen.
    fn keys(&self) -> MutexGuard<'_, HashMap<Name, Recent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps in the store that a message was done, and forgets there what is too old.
///
/// # Errors
/// If its file fails.
pub fn keep(turn: &Turn<'_>, key: &Name, mark: Mark, rcode: u8, now: u64) -> Result<(), Fault> {
    let mut table = turn.transaction().open_table(SEEN)?;
    let old = now.saturating_sub(u64::from(WINDOW));
    table.retain_in((key.as_wire(), 0, 0)..(key.as_wire(), old, 0), |_, _| false)?;
    table.insert((key.as_wire(), mark.0, mark.1), rcode)?;
    Ok(())
}

/// The mark of a message.
pub fn mark(signed: &Signed) -> Mark {
    let mac = signed.mac.first_chunk::<16>().copied().unwrap_or_default();
    (signed.time, u128::from_be_bytes(mac))
}

/// How long a message is remembered behind the time it was signed, in seconds: later it gets BADTIME.
const WINDOW: u16 = WIDEST;
/// Messages of one key that are remembered: 72 a second for the whole time, or more for a shorter one.
const MOST: usize = 65_536;
/// Updates that changed something: key, when it was signed, the beginning of its signature; what was answered.
const SEEN: TableDefinition<'_, (&[u8], u64, u128), u8> = TableDefinition::new("updates");

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::{Algorithm, Key, Keys};
    use crate::signature::{Asker, Checked, check};
    use crate::store::{Limits, Store};

    const NOW: u64 = 1_800_000_000;

    /// A message of this id, signed now.
    fn signed(id: u16, now: u64) -> Signed {
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let key = Key::new(name(), Algorithm::Sha256, secret).expect("a key");
        let keys: Keys = [key].into_iter().collect();
        let [high, low] = id.to_be_bytes();
        let mut message = vec![high, low, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Asker::sign(
            keys.get(&name()).map(Arc::clone).as_ref().expect("the key"),
            &mut message,
            now,
        );
        match check(&message, &keys, now) {
            Checked::Signed(signed) => signed,
            other => panic!("{other:?}"),
        }
    }

    fn name() -> Name {
        "k.test".parse().expect("a name")
    }

    #[test]
    fn a_copy_gets_the_same_answer_and_is_not_done_again() {
        let replays = Replays::default();
        let (one, other) = (signed(1, NOW), signed(2, NOW));
        assert_eq!(replays.begin(&one, NOW), Seen::Never);
        assert_eq!(replays.begin(&one, NOW), Seen::UnderWay);
        replays.answered(&name(), mark(&one), 8);
        assert_eq!(replays.begin(&other, NOW), Seen::Never);
        assert_eq!(replays.begin(&one, NOW + 200), Seen::Answered(8));
        replays.forget(&name(), mark(&other));
        assert_eq!(
            replays.begin(&other, NOW),
            Seen::Never,
            "it was not done, so it may come again"
        );
    }

    #[test]
    fn what_is_forgotten_too_early_is_refused_and_what_came_later_is_not() {
        let replays = Replays::default();
        let first = signed(1, NOW);
        assert_eq!(replays.begin(&first, NOW), Seen::Never);
        // Others, made up, until there is no room.
        let mut keys = replays.keys();
        let recent = keys.get_mut(&name()).expect("the key");
        for i in 0..MOST {
            recent.seen.insert((NOW + 1, i as u128), State::Answered(0));
        }
        drop(keys);
        assert_eq!(replays.begin(&signed(2, NOW + 2), NOW + 2), Seen::Never);
        assert_eq!(replays.begin(&first, NOW + 2), Seen::TooOld);
        assert_eq!(replays.begin(&signed(3, NOW + 2), NOW + 2), Seen::Never);
        // With time there is room again, and nothing of it is needed.
        assert_eq!(replays.begin(&signed(4, NOW + 2000), NOW + 2000), Seen::Never);
        assert_eq!(replays.keys()[&name()].seen.len(), 1);
    }

    #[test]
    fn what_was_done_is_known_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("zones.redb");
        let one = signed(1, NOW);
        let store = Store::open(&path, Limits::default()).expect("a store");
        let seen = mark(&one);
        store.turn(move |turn| keep(turn, &name(), (1, 1), 0, 1)).wait().expect("kept");
        store.turn(move |turn| keep(turn, &name(), seen, 0, NOW)).wait().expect("kept");
        drop(store);
        let store = Store::open(&path, Limits::default()).expect("the store");
        let replays = store.turn(Replays::load).wait().expect("read");
        assert_eq!(replays.begin(&one, NOW), Seen::Answered(0));
        assert_eq!(replays.keys()[&name()].seen.len(), 1, "what is too old was forgotten");
    }
}
