//! What two editors have to agree to: the one place that decides it, by whatever way an entry comes, changes or goes.
//!
//! It goes by what a change makes of each key. Only what newly gets a code or covers something else counts, and until
//! when: who has an entry end earlier takes it off, only later, and who has it end later lists it for the time that is
//! added. Who mends the reason of a wide entry needs nobody. What one editor did within an hour counts together, as in
//! pieces it would be as much; what another one agreed to does not.
//!
//! Of a file that is imported each entry is looked at by itself ([`of_coming`], [`of_going`]), as a feed brings and drops
//! thousands every day: how much it is together, and within the hour, the guards of the list watch.
//!
//! Not here: who the second one is and whether the first one's word still counts ([`crate::agreement`]), and what whoever
//! has the shell does, rules by themselves, and time: they ask nobody, and the guards of a list look at all of it.

use std::fmt;
use std::time::Duration;

use repute_database::entries::Entry;
use repute_database::entry_history::Turn;
use repute_database::lists::{self, Stored};
use repute_database::{DatabaseError, Key, Session, Timestamp, Transaction, audit};
use repute_dnsxl::{Extent, Network, ReturnCode};
use repute_zone::guard::is_shared_suffix;
use serde_json::Value;

use crate::changes::{self, Change};
use crate::request::item::Item;
use crate::reserved::prefix_len;
use crate::weight::Weight;

/// Why one editor is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TwoEditors {
    /// A code that the list says so of, such as the highest score of an allow list: mail passes unseen.
    Code,
    /// A network wider than /20 (IPv4) or /40 (IPv6).
    WideRange,
    /// All below a name under which others register theirs.
    WideName,
    /// Very many entries go at once.
    MassRemoval,
}

/// What a change makes of a key, as far as it matters here.
struct Step<'k> {
    key: &'k Key,
    /// How it is listed until now.
    before: Vec<Said>,
    /// How afterwards.
    after: Vec<Said>,
}

/// What an entry says of its key, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    /// With which code it is listed; none is that it is never listed.
    code: Option<ReturnCode>,
    /// Until when; [`FOR_EVER`] without an end.
    until: Timestamp,
}

/// Why another editor has to agree to what somebody wants to change in a list, if so.
///
/// # Errors
/// If the database fails.
pub(crate) async fn of_changes(
    transaction: &mut Transaction,
    list: &Stored,
    actor: &str,
    changes: &[Change],
    now: Timestamp,
) -> Result<Option<TwoEditors>, DatabaseError> {
    of_changes_after(transaction, list, actor, changes, Weight::default(), now).await
}

/// The same if the editor had done more lately than the audit log says.
///
/// # Errors
/// If the database fails.
pub(crate) async fn of_changes_after(
    transaction: &mut Transaction,
    list: &Stored,
    actor: &str,
    changes: &[Change],
    more: Weight,
    now: Timestamp,
) -> Result<Option<TwoEditors>, DatabaseError> {
    let turns = changes::turns(transaction, list, changes).await?;
    let for_two = lists::codes_for_two(transaction.session(), list.id).await?;
    let past = recently(transaction.session(), actor, list, now).await?;
    Ok(of_turns(&turns, &for_two, past.and(more)))
}

/// The same of turns; `for_two` are the codes that the list says so of, and `past` what the same editor did lately.
pub fn of_turns(turns: &[Turn], for_two: &[ReturnCode], past: Weight) -> Option<TwoEditors> {
    of_steps(&turns.iter().filter_map(step).collect::<Vec<_>>(), for_two, past)
}

/// The same of what a request asks for, where each item stands with the codes that its network has until now.
pub fn of_items<'i>(
    items: impl IntoIterator<Item = (&'i Item, &'i [ReturnCode])>,
    for_two: &[ReturnCode],
) -> Option<TwoEditors> {
    let keys: Vec<_> = items
        .into_iter()
        .filter_map(|(item, now)| Some((Key::Network(item.network()?), item, now)))
        .collect();
    let steps = keys.iter().map(|(key, item, now)| Step {
        key,
        before: now.iter().copied().map(|code| Said::of(Some(code), None)).collect(),
        after: item.code().into_iter().map(|code| Said::of(Some(code), None)).collect(),
    });
    of_steps(&steps.collect::<Vec<_>>(), for_two, Weight::default())
}

/// Why one editor alone does not list a key with a code, or say that it is never listed, if so.
pub(crate) fn of_coming(
    key: &Key,
    code: Option<ReturnCode>,
    for_two: &[ReturnCode],
) -> Option<TwoEditors> {
    let step = Step { key, before: Vec::new(), after: vec![Said::of(code, None)] };
    of_steps(&[step], for_two, Weight::default())
}

/// Why one editor alone does not take a key off that is listed with a code, or excluded, if so.
pub(crate) fn of_going(key: &Key, code: Option<ReturnCode>) -> Option<TwoEditors> {
    let step = Step { key, before: vec![Said::of(code, None)], after: Vec::new() };
    of_steps(&[step], &[], Weight::default())
}

/// Why one editor alone does not have an entry end at another time than it did, if so.
pub(crate) fn of_staying(
    key: &Key,
    code: Option<ReturnCode>,
    (before, after): (Option<Timestamp>, Option<Timestamp>),
    for_two: &[ReturnCode],
) -> Option<TwoEditors> {
    let said = |end| vec![Said::of(code, end)];
    let step = Step { key, before: said(before), after: said(after) };
    of_steps(&[step], for_two, Weight::default())
}

/// How much turns weigh together, for the audit log.
pub(crate) fn weight(turns: &[Turn]) -> Weight {
    turns.iter().filter_map(step).fold(Weight::default(), |sum, step| sum.and(step.weight()))
}

/// Decides it.
fn of_steps(steps: &[Step<'_>], for_two: &[ReturnCode], past: Weight) -> Option<TwoEditors> {
    if steps.iter().any(|step| step.gains(for_two)) {
        return Some(TwoEditors::Code);
    }
    if let Some(wide) = steps.iter().find_map(Step::wide) {
        return Some(wide);
    }
    let here = steps.iter().fold(Weight::default(), |sum, step| sum.and(step.weight()));
    let all = past.and(here);
    // What does not add to it is not stopped by what was before.
    let is_more = Weight { removed: 0, ..here } != Weight::default();
    match (is_more && all.is_wide(), here.removed > 0 && all.is_mass()) {
        (true, _) => Some(TwoEditors::WideRange),
        (false, true) => Some(TwoEditors::MassRemoval),
        (false, false) => None,
    }
}

impl Step<'_> {
    /// Whether nothing changes that DNS could tell of, now or later.
    fn is_same(&self) -> bool {
        let is_in = |some: &[Said], all: &[Said]| some.iter().all(|said| all.contains(said));
        is_in(&self.before, &self.after) && is_in(&self.after, &self.before)
    }

    /// Whether it gets one of these codes, or keeps it longer.
    fn gains(&self, codes: &[ReturnCode]) -> bool {
        let is_one = |said: &Said| said.code.is_some_and(|code| codes.contains(&code));
        self.after.iter().filter(|said| is_one(said)).any(|said| {
            let before = self.before.iter().find(|before| before.code == said.code);
            before.is_none_or(|before| before.until < said.until)
        })
    }

    /// Whether it is listed with other codes, or some of it ends earlier. A later end of what a list has is no news to
    /// it: programs say again every day what they still see.
    fn is_other(&self) -> bool {
        let is_in = |some: &[Said], all: &[Said], is_enough: fn(&Said, &Said) -> bool| {
            some.iter().all(|said| {
                all.iter().any(|other| other.code == said.code && is_enough(said, other))
            })
        };
        !is_in(&self.before, &self.after, |before, after| before.until <= after.until)
            || !is_in(&self.after, &self.before, |_, _| true)
    }

    /// Why it covers more than one decides about, if it does and becomes something else.
    fn wide(&self) -> Option<TwoEditors> {
        if self.is_same() {
            return None;
        }
        match self.key {
            Key::Network(network) => is_wide(*network).then_some(TwoEditors::WideRange),
            // The name alone is nobody else's.
            Key::Name(_, Extent::Exact) => None,
            Key::Name(name, Extent::Below | Extent::Both) => {
                is_shared_suffix(name).then_some(TwoEditors::WideName)
            }
        }
    }

    /// How much it weighs; a single address weighs nothing, as programs list them one by one all day: if they are too
    /// many for a list, its guard against sudden changes knows.
    fn weight(&self) -> Weight {
        if !self.is_other() {
            return Weight::default();
        }
        let listed_until = |all: &[Said]| {
            all.iter().filter(|said| said.code.is_some()).map(|said| said.until).max()
        };
        // What is to go earlier goes, too: otherwise one would have all of a list end tomorrow.
        let is_gone = listed_until(&self.after) < listed_until(&self.before);
        // What is never listed is off the list by that, too, whatever is around it.
        let is_never = |all: &[Said]| all.iter().any(|said| said.code.is_none());
        let is_out = is_never(&self.after) && !is_never(&self.before);
        let of = match self.key {
            Key::Network(network) if !is_single(*network) => Weight::of(*network),
            Key::Network(_) | Key::Name(..) => Weight::default(),
        };
        Weight { removed: u64::from(is_gone || is_out), ..of }
    }
}

impl Said {
    /// With a code, or as what is never listed, until an end if there is one.
    fn of(code: Option<ReturnCode>, end: Option<Timestamp>) -> Said {
        Said { code, until: end.unwrap_or(FOR_EVER) }
    }
}

impl TwoEditors {
    /// All of them.
    pub const ALL: [TwoEditors; 4] =
        [TwoEditors::Code, TwoEditors::WideRange, TwoEditors::WideName, TwoEditors::MassRemoval];

    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            TwoEditors::Code => "code",
            TwoEditors::WideRange => "wide-range",
            TwoEditors::WideName => "wide-name",
            TwoEditors::MassRemoval => "mass-removal",
        }
    }
}

impl fmt::Display for TwoEditors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TwoEditors::Code => "a code that two editors decide about",
            TwoEditors::WideRange => {
                "a range wider than /20 (IPv4) or /40 (IPv6), or as much in pieces"
            }
            TwoEditors::WideName => {
                "all below a top-level domain or public suffix, where others register names"
            }
            TwoEditors::MassRemoval => "very many removals at once",
        })
    }
}

/// What a turn makes of its key, if it is of one.
fn step(turn: &Turn) -> Option<Step<'_>> {
    let said = |entries: &[Entry]| {
        entries.iter().map(|entry| Said::of(entry.code, entry.expires)).collect::<Vec<_>>()
    };
    let key = turn.key.as_ref()?;
    Some(Step { key, before: said(&turn.before), after: said(&turn.after) })
}

/// How much somebody changed of a list alone within [`SPAN`], by whatever way.
pub(crate) async fn recently(
    session: Session<'_>,
    actor: &str,
    list: &Stored,
    now: Timestamp,
) -> Result<Weight, DatabaseError> {
    let (subject, since) = (format!("list/{}", list.list.apex), now.before(SPAN));
    let all = audit::details_since(session, actor, &subject, since).await?;
    let details = all.iter().filter_map(|(_, detail)| serde_json::from_str::<Value>(detail).ok());
    let alone = details.filter(|detail| detail["agreed"].is_null());
    Ok(alone.fold(Weight::default(), |sum, detail| sum.and(Weight::of_json(&detail["weight"]))))
}

/// Whether a network is wider than one editor decides about.
pub(crate) fn is_wide(network: Network) -> bool {
    match network {
        Network::V4(_) => prefix_len(network) < 20,
        Network::V6(_) => prefix_len(network) < 40,
    }
}

/// Whether a network is one address of IPv4, or a /64 of IPv6 at most.
pub(crate) fn is_single(network: Network) -> bool {
    match network {
        Network::V4(network) => network.prefix_len() == 32,
        Network::V6(network) => network.prefix_len() >= 64,
    }
}

/// Behind all ends.
const FOR_EVER: Timestamp = Timestamp(i64::MAX);
/// What one editor changes within this time counts together.
const SPAN: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::MASS;

    /// What is decided of changes of keys, each as `key before > after`, where codes are the last part of 127.0.0.x, maybe
    /// with an `@end`, and `!` is never.
    fn check(words: &[&str], past: Weight) -> Option<TwoEditors> {
        let for_two = ["127.0.0.9".parse().expect("a code")];
        let codes = |words: &str| -> Vec<Said> {
            let said = |word: &str| {
                let (code, end) = word.split_once('@').unwrap_or((word, ""));
                let code = match code {
                    "!" => None,
                    last => Some(format!("127.0.0.{last}").parse().expect("a code")),
                };
                Said::of(code, end.parse().ok().map(Timestamp))
            };
            words.split_whitespace().map(said).collect()
        };
        let read = |words: &&str| -> (Key, Vec<_>, Vec<_>) {
            let (key, rest) = words.split_once(' ').expect("a key");
            let (before, after) = rest.split_once('>').expect("before and after");
            (key.parse().expect("a key"), codes(before), codes(after))
        };
        let read: Vec<_> = words.iter().map(read).collect();
        let step = |(key, before, after): &(Key, Vec<_>, Vec<_>)| Step {
            key: Box::leak(Box::new(key.clone())),
            before: before.clone(),
            after: after.clone(),
        };
        of_steps(&read.iter().map(step).collect::<Vec<_>>(), &for_two, past)
    }

    #[test]
    fn two_editors_decide_what_newly_does_much_harm() {
        use TwoEditors::{Code, WideName, WideRange};
        for (words, why) in [
            ("192.0.2.1 > 2", None),
            ("192.0.2.1 > 9", Some(Code)),
            ("192.0.2.1 2 > 9", Some(Code)),
            // It has it already, and may lose it.
            ("192.0.2.1 9 > 9", None),
            ("192.0.2.1 9 > 2", None),
            ("192.0.2.1 9 >", None),
            ("x.example > 9", Some(Code)),
            ("192.0.0.0/20 > 2", None),
            ("192.0.0.0/19 > 2", Some(WideRange)),
            ("192.0.0.0/19 2 > 3", Some(WideRange)),
            ("192.0.0.0/19 2 >", Some(WideRange)),
            ("192.0.0.0/19 > !", Some(WideRange)),
            // Another reason.
            ("192.0.0.0/19 2 > 2", None),
            ("192.0.0.0/19 2@7 > 2@7", None),
            // Another end.
            ("192.0.0.0/19 2 > 2@7", Some(WideRange)),
            ("192.0.0.0/19 2@7 > 2@8", Some(WideRange)),
            ("192.0.0.0/19 !@7 > !", Some(WideRange)),
            ("192.0.0.0/20 2 > 2@7", None),
            ("192.0.0.0/20 2@7 > 2", None),
            ("*.com 2@7 > 2", Some(WideName)),
            ("192.0.2.1 9@7 > 9", Some(Code)),
            ("192.0.2.1 9@7 > 9@8", Some(Code)),
            ("192.0.2.1 9 > 9@8", None),
            ("192.0.2.1 2@7 > 2", None),
            ("192.0.2.1 2 > 2@7", None),
            ("192.0.0.0/19 2 3 > 3 2", None),
            ("2001:d00::/40 > 2", None),
            ("2001:d00::/39 > 2", Some(WideRange)),
            ("com > 2", None),
            (".com > 2", Some(WideName)),
            ("*.com > 2", Some(WideName)),
            ("*.co.uk > !", Some(WideName)),
            (".co.uk 2 >", Some(WideName)),
            (".co.uk 2 > 2", None),
            (".spam.co.uk > 2", None),
        ] {
            assert_eq!(check(&[words], Weight::default()), why, "{words}");
        }
    }

    #[test]
    fn in_pieces_it_is_as_much() {
        use TwoEditors::{MassRemoval, WideRange};
        let none = Weight::default();
        let pieces = |count: usize, words: &'static str| vec![words; count];
        assert_eq!(check(&pieces(16, "192.0.2.0/24 > 2"), none), None);
        assert_eq!(check(&pieces(17, "192.0.2.0/24 > 2"), none), Some(WideRange));
        assert_eq!(check(&pieces(17, "192.0.2.0/24 2 > 2"), none), None);
        assert_eq!(check(&pieces(17, "192.0.2.0/24 2 > 2@7"), none), Some(WideRange));
        assert_eq!(check(&pieces(17, "192.0.2.0/24 2@7 > 2@8"), none), None);
        assert_eq!(check(&pieces(2, "2001:db8::/40 > 2"), none), Some(WideRange));
        assert_eq!(check(&pieces(9_999, "192.0.2.1 > 2"), none), None);
        let mass = MASS as usize;
        for words in [
            "192.0.2.1 2 >",
            "x.example 2 >",
            "192.0.2.1 > !",
            // What ends earlier goes, only later.
            "192.0.2.1 2 > 2@7",
            "192.0.2.1 2@8 > 2@7",
            "x.example 2 3@9 > 2@8",
        ] {
            assert_eq!(check(&pieces(mass, words), none), Some(MassRemoval), "{words}");
            assert_eq!(check(&pieces(mass - 1, words), none), None, "{words}");
        }
        // One of several codes may end, and what lasts longer is no removal.
        for words in ["192.0.2.1 2 3 > 2 3@7", "192.0.2.1 2@7 > 2@8", "192.0.2.1 2@7 > 3"] {
            assert_eq!(check(&pieces(mass, words), none), None, "{words}");
        }
        // What was done before counts for what adds to it, and for nothing else.
        let past = Weight { ipv4: 1 << 12, ipv6: 0, removed: MASS };
        for (words, why) in [
            ("192.0.2.0/31 > 2", Some(WideRange)),
            ("192.0.2.1 2 >", Some(MassRemoval)),
            ("192.0.2.1 > 2", None),
            ("192.0.2.0/24 2 > 2", None),
        ] {
            assert_eq!(check(&[words], past), why, "{words}");
        }
    }

    #[test]
    fn an_item_is_held_against_what_is_there() {
        let code = |code: &str| code.parse::<ReturnCode>().expect("a code");
        let (low, high) = (code("127.0.5.1"), code("127.0.5.3"));
        let item = |action: &str, network: &str, code: &str| {
            Item::of_words(action, network, code).expect("an item")
        };
        for (item, now, why) in [
            (item("add", "192.0.2.1", "127.0.5.3"), vec![], Some(TwoEditors::Code)),
            (item("rescore", "192.0.2.1", "127.0.5.3"), vec![low], Some(TwoEditors::Code)),
            (item("rescore", "192.0.2.1", "127.0.5.3"), vec![high], None),
            (item("remove", "192.0.0.0/19", ""), vec![low], Some(TwoEditors::WideRange)),
            (item("remove", "192.0.0.0/19", ""), vec![], None),
            (item("name", "Example", ""), vec![], None),
        ] {
            assert_eq!(of_items([(&item, &now[..])], &[high]), why, "{item}");
        }
    }
}
