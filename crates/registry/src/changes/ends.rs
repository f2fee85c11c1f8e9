//! Whose doing it is that entries end: who said when. Time takes them off, but he decided it, and so does not approve
//! himself what the guards of a list make of that.
//!
//! What changed one by one has its steps in the history of each key, which say who gave it the end that it has. Of a
//! file of many only the one row of the import stands, with the end that all of it got.

use std::collections::{BTreeMap, BTreeSet};

use repute_database::audit;
use repute_database::entries::Entry;
use repute_database::entry_history::{self, Past};
use repute_database::lists::Stored;
use repute_database::{DatabaseError, Key, Transaction};
use serde_json::Value;

/// Who set the ends of entries that are over, by their pseudonyms.
pub(super) async fn set_by(
    transaction: &mut Transaction,
    list: &Stored,
    gone: &[Entry],
) -> Result<BTreeSet<String>, DatabaseError> {
    let mut keys: Vec<Key> = gone.iter().map(|entry| entry.key.clone()).collect();
    keys.sort_by_cached_key(Key::to_bytes);
    keys.dedup();
    let mut all: BTreeMap<Vec<u8>, Vec<Past>> = BTreeMap::new();
    for past in entry_history::past_of(transaction.session(), list.id, &keys, LOOKED).await? {
        let Some(key) = &past.turn.key else { continue };
        all.entry(key.to_bytes()).or_default().push(past);
    }
    let (mut found, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for entry in gone {
        let past = all.get(&entry.key.to_bytes()).map_or(&[][..], Vec::as_slice);
        match setter(entry, past) {
            Setter::Known(actor) => {
                found.insert(actor.to_owned());
            }
            Setter::File => ends.extend(entry.expires),
            // Whoever wrote over it so often does not hide behind that.
            Setter::Buried => found.extend(past.iter().map(|past| past.actor.clone())),
        }
    }
    let subject = format!("list/{}", list.list.apex);
    for end in ends.into_iter().take(MOST_ENDS) {
        let words = format!("\"expires\":{},", end.0);
        let session = transaction.session();
        found.extend(audit::actors_saying(session, &subject, IMPORT, &words).await?);
    }
    Ok(found)
}

/// What the audit log says of entries that expired: who had set their ends.
pub(crate) fn told(detail: &str) -> Vec<String> {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let all = detail["ended_by"].as_array().into_iter().flatten();
    all.filter_map(|actor| actor.as_str().map(str::to_owned)).collect()
}

/// Who gave an entry its end.
enum Setter<'p> {
    /// This one.
    Known(&'p str),
    /// Somebody by a file of many.
    File,
    /// One of those who changed its key, who are more than were looked at.
    Buried,
}

/// Who gave an entry its end, by the last steps of its key, the latest first.
fn setter<'p>(entry: &Entry, past: &'p [Past]) -> Setter<'p> {
    let has = |entries: &[Entry]| {
        entries.iter().any(|one| one.code == entry.code && one.expires == entry.expires)
    };
    for Past { turn, actor } in past {
        match (has(&turn.after), has(&turn.before)) {
            (true, false) => return Setter::Known(actor),
            (true, true) => {}
            // It got the end after this step, by what leaves no step.
            (false, _) => return Setter::File,
        }
    }
    match past.len() < LOOKED as usize {
        true => Setter::File,
        false => Setter::Buried,
    }
}

/// What the audit log calls an import.
const IMPORT: &str = "list.import";
/// So many ends of files are looked for; there are more only if the history of what was set one by one is forgotten.
const MOST_ENDS: usize = 100;
/// So many steps of a key are looked at.
const LOOKED: u32 = 50;
