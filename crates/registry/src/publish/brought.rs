//! What a version that was refused brings, for the second person who is to mean it: which keys become others since the
//! version that is answered, by whose changes, and how they stand with what the guards look at.
//!
//! Of a change that names its keys all is told; of an import of very many entries its counts and a sample, which were
//! written down with it.

use std::collections::{BTreeMap, HashMap};

use repute_database::audit::{self, By};
use repute_database::entries::{self, Entry};
use repute_database::entry_history::{self, Step, Turn};
use repute_database::lists::Stored;
use repute_database::publications::{self, Publication};
use repute_database::{DatabaseError, Key, Session, changes, dns};
use repute_dnsxl::{Ipv4Network, Ipv6Network, Network, Target};

use crate::reserved::prefix_len;
use crate::two_editors::is_single;
use crate::weight::Weight;

/// What a version brings.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The version that was refused.
    pub refused: Publication,
    /// The one that is answered meanwhile, if there is one.
    pub good: Option<Publication>,
    /// How many keys become others; of very many as their imports counted them.
    pub counts: Counts,
    /// What becomes of each key that is named, in the order of keys.
    pub rows: Vec<Row>,
    /// Whether there are more of them than are told.
    pub is_cut: bool,
    /// Changes of very many entries, with a sample of each.
    pub many: Vec<Step>,
    /// The widest networks that are newly listed, the widest first.
    pub widest: Vec<Network>,
    /// The /8 of IPv4 and /16 of IPv6 in which most is newly listed: how many keys, and how many addresses (of IPv6: /64).
    pub around: Vec<(Network, u64, u64)>,
    /// Addresses and names that must never be listed, with what would list them.
    pub canaries: Vec<(Target, Option<Key>)>,
    /// Who changed the list since, with their rows of the audit log.
    pub by: Vec<(u64, By)>,
}

/// How many keys become others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Newly listed.
    pub added: u64,
    /// Not listed any more.
    pub removed: u64,
    /// Listed otherwise.
    pub changed: u64,
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub key: Key,
    /// What becomes of it.
    pub fate: Fate,
    /// Its entries in the version that is answered, if that is known.
    pub before: Option<Vec<Entry>>,
    /// Its entries now.
    pub after: Vec<Entry>,
}

/// What becomes of a key, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is newly listed.
    Added,
    /// It is not listed any more.
    Removed,
    /// It is listed otherwise.
    Changed,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 3] = [Fate::Added, Fate::Removed, Fate::Changed];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Removed => "removed",
            Fate::Changed => "changed",
        }
    }
}

/// What a version that was refused and waits brings.
///
/// # Errors
/// If the database fails.
pub async fn brought(
    mut session: Session<'_>,
    list: &Stored,
    refused: Publication,
) -> Result<Brought, DatabaseError> {
    let good = publications::last_good(session.again(), list.id).await?;
    let (from, row) = good.as_ref().map_or((0, 0), |good| (good.serial, good.audit));
    let serials = (from, refused.serial);
    let mut keys = changes::keys_between(session.again(), list.id, serials, MOST + 1).await?;
    let is_cut = keys.len() > MOST as usize;
    keys.truncate(MOST as usize);
    let rows = rows(session.again(), list, &keys, good.as_ref()).await?;
    let numbers = (row, refused.audit);
    let many = entry_history::of_many_between(session.again(), list.id, numbers, SHOWN).await?;
    let subject = format!("list/{}", list.list.apex);
    let numbers = row + 1..=refused.audit;
    let by = audit::of_subject_between(session.again(), &subject, numbers, SHOWN).await?;
    let mut counts = Counts::default();
    for row in &rows {
        counts.add(row.fate, 1);
    }
    for step in &many {
        counts.add_import(step);
    }
    let sampled = many.iter().flat_map(|step| &step.turn.after).map(|entry| &entry.key);
    let added = rows.iter().filter(|row| row.fate == Fate::Added).map(|row| &row.key);
    let networks: Vec<Network> = added
        .chain(sampled)
        .filter_map(|key| match key {
            Key::Network(network) => Some(*network),
            Key::Name(..) => None,
        })
        .collect();
    let mut canaries = Vec::new();
    for canary in dns::of(session.again(), list.id).await?.canaries {
        let over = entries::over(session.again(), list.id, &canary).await?;
        let first = over.first().map(|first| first.key.clone());
        let decides = over.iter().filter(|entry| Some(&entry.key) == first.as_ref());
        let is_listed = decides.clone().all(|entry| entry.code.is_some());
        canaries.push((canary, first.filter(|_| is_listed)));
    }
    let (widest, around) = (widest(&networks), around(&networks));
    Ok(Brought { refused, good, counts, rows, is_cut, many, widest, around, canaries, by })
}

impl Brought {
    /// What becomes of keys behind one, by its bytes: all of them, or those of a fate; at most so many.
    pub fn page(&self, only: Option<Fate>, after: &[u8], limit: usize) -> Vec<&Row> {
        let is_wanted = |row: &&Row| only.is_none_or(|only| only == row.fate);
        let is_behind = |row: &&Row| *row.key.to_bytes() > *after;
        self.rows.iter().filter(is_wanted).filter(is_behind).take(limit).collect()
    }
}

impl Counts {
    /// Counts keys of a fate.
    fn add(&mut self, fate: Fate, count: u64) {
        let of = match fate {
            Fate::Added => &mut self.added,
            Fate::Removed => &mut self.removed,
            Fate::Changed => &mut self.changed,
        };
        *of = of.saturating_add(count);
    }

    /// Counts what an import counted, if its keys are not named.
    fn add_import(&mut self, step: &Step) {
        let detail: serde_json::Value = serde_json::from_str(&step.detail).unwrap_or_default();
        let number = |name: &str| detail[name].as_u64().unwrap_or(0);
        let all = number("added") + number("removed") + number("changed");
        if all <= changes::MOST_NAMED as u64 {
            return;
        }
        for fate in Fate::ALL {
            self.add(fate, number(fate.word()));
        }
    }
}

/// What becomes of keys; those that are as they were are left out.
async fn rows(
    mut session: Session<'_>,
    list: &Stored,
    keys: &[Key],
    good: Option<&Publication>,
) -> Result<Vec<Row>, DatabaseError> {
    let row = good.map_or(0, |good| good.audit);
    let turns = entry_history::first_behind(session.again(), list.id, keys, row).await?;
    let of = |turn: Turn| Some((turn.key?, turn.before));
    let mut before: HashMap<Key, Vec<Entry>> = turns.into_iter().filter_map(of).collect();
    let mut after: HashMap<Key, Vec<Entry>> = HashMap::new();
    for entry in entries::at_each(session.again(), list.id, keys).await? {
        after.entry(entry.key.clone()).or_default().push(entry);
    }
    let row = |key: &Key| {
        let mut after = after.remove(key).unwrap_or_default();
        after.sort_by_key(|entry| entry.code);
        let before = before.remove(key);
        let fate = fate(before.as_deref(), &after, good)?;
        Some(Row { key: key.clone(), fate, before, after })
    };
    Ok(keys.iter().filter_map(row).collect())
}

/// What becomes of a key; none if it is as it was. Where nobody wrote down what it was, the times of its entries tell:
/// what is replaced keeps since when it is listed.
fn fate(before: Option<&[Entry]>, after: &[Entry], good: Option<&Publication>) -> Option<Fate> {
    let is_listed = |entries: &[Entry]| entries.iter().any(|entry| entry.code.is_some());
    let was_listed = match before {
        Some(before) if before == after => return None,
        Some(before) => is_listed(before),
        None => {
            let is_older = |entry: &Entry| good.is_some_and(|good| entry.since <= good.time);
            after.is_empty() || after.iter().any(is_older)
        }
    };
    Some(match (was_listed, is_listed(after)) {
        (false, true) => Fate::Added,
        (true, false) => Fate::Removed,
        (true, true) | (false, false) => Fate::Changed,
    })
}

/// The widest networks, no single addresses.
fn widest(networks: &[Network]) -> Vec<Network> {
    let mut wide: Vec<Network> = networks.iter().copied().filter(|n| !is_single(*n)).collect();
    wide.sort_by_key(|network| {
        (std::cmp::Reverse(size(*network)), Key::Network(*network).to_bytes())
    });
    wide.dedup();
    wide.truncate(WIDEST);
    wide
}

/// Where most of the networks are.
fn around(networks: &[Network]) -> Vec<(Network, u64, u64)> {
    let mut all: BTreeMap<Vec<u8>, (Network, u64, u64)> = BTreeMap::new();
    for network in networks {
        let wide = match network {
            Network::V4(inner) => {
                let len = prefix_len(*network).min(8);
                Network::V4(Ipv4Network::around(inner.first().into(), len))
            }
            Network::V6(inner) => {
                let len = prefix_len(*network).min(16);
                Network::V6(Ipv6Network::around(inner.first().into(), len))
            }
        };
        let place = all.entry(Key::Network(wide).to_bytes()).or_insert((wide, 0, 0));
        place.1 += 1;
        place.2 = place.2.saturating_add(size(*network));
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|(_, _, size)| std::cmp::Reverse(*size));
    all.truncate(AROUND);
    all
}

/// How many addresses of IPv4, or /64 of IPv6, a network has.
fn size(network: Network) -> u64 {
    let weight = Weight::of(network);
    weight.ipv4.max(weight.ipv6)
}

/// So many keys are told of.
const MOST: u32 = 20_000;
/// So many rows of the log, and changes of very many entries.
const SHOWN: u32 = 200;
/// So many of the widest networks.
const WIDEST: usize = 20;
/// So many surroundings.
const AROUND: usize = 10;

#[cfg(test)]
mod tests {
    use repute_database::lists::{self, List};
    use repute_database::publications::Outcome;
    use repute_database::testing::on_each;
    use repute_database::{Database, Timestamp, Transaction};
    use repute_dnsxl::{KeyKind, Polarity, ReturnCode};

    use super::*;
    use crate::changes::{Cause, Change, apply};
    use crate::import::{self, Import, Mode, content};

    /// A block list of addresses with a canary.
    async fn list(database: &Database) -> Stored {
        let list = List {
            apex: "bl.example".parse().expect("a name"),
            title: String::new(),
            description: String::new(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let id = lists::add(t.session(), &list, Timestamp(1)).await.expect("it is added");
        let canaries = vec!["9.9.9.9".parse().expect("a target"), "8.8.8.8".parse().expect("one")];
        let settings = dns::of(t.session(), id).await.expect("it is read");
        dns::set(t.session(), id, &dns::Settings { canaries, ..settings }).await.expect("set");
        let stored = lists::by_id(t.session(), id).await.expect("it is read").expect("there");
        transaction.commit().await.expect("it is committed");
        stored
    }

    /// Lists keys, or takes those with a `-` off; what became of that version.
    async fn publish(
        t: &mut Transaction,
        list: &Stored,
        words: &[&str],
        (outcome, now): (Outcome, i64),
    ) -> Publication {
        let source = entries::source(t.session(), "test").await.expect("a source");
        let change = |word: &&str| {
            let key: Key = word.trim_start_matches('-').parse().expect("a key");
            let entry = Entry {
                key: key.clone(),
                code: Some(ReturnCode::LISTED),
                text: String::new(),
                reason: format!("at {now}"),
                criterion: None,
                source,
                organisation: None,
                since: Timestamp(now),
                expires: None,
                review: None,
            };
            let entries = if word.starts_with('-') { Vec::new() } else { vec![entry] };
            Change { key, entries }
        };
        let changes: Vec<Change> = words.iter().map(change).collect();
        let actor = audit::machine(t.session(), "shell").await.expect("a name");
        let cause = Cause { actor, action: "entry.add".to_owned(), reason: "why".to_owned() };
        let serial = apply(t, list, &changes, &cause, Timestamp(now)).await.expect("applied");
        note(t, list, serial, (outcome, now)).await
    }

    /// Writes down what became of a serial.
    async fn note(
        t: &mut Transaction,
        list: &Stored,
        serial: u32,
        (outcome, now): (Outcome, i64),
    ) -> Publication {
        let audit = audit::head(t.session()).await.expect("it is read").rows;
        let publication = Publication { serial, time: Timestamp(now), entries: 3, audit, outcome };
        publications::note(t.session(), list.id, &publication).await.expect("it is noted");
        publication
    }

    #[tokio::test]
    async fn what_becomes_of_each_key_is_told_against_what_is_answered() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let old = ["9.1.0.1", "9.1.0.2", "9.1.0.3"];
            let good = publish(t, &list, &old, (Outcome::Published, 10)).await;
            // What came and went meanwhile is nothing, and of several changes the last counts.
            let refused = || Outcome::Refused { why: "it is wide".to_owned() };
            let words = ["9.1.0.2", "-9.1.0.3", "9.1.0.4", "9.9.0.0/16", "2a00::/32"];
            publish(t, &list, &words, (refused(), 20)).await;
            let pending = publish(t, &list, &["-9.1.0.4", "9.9.9.0/24"], (refused(), 30)).await;
            let found = brought(t.session(), &list, pending.clone()).await.expect("it is told");
            let rows: Vec<_> =
                found.rows.iter().map(|row| (row.fate.word(), row.key.to_string())).collect();
            let expect = [
                ("changed", "9.1.0.2"),
                ("removed", "9.1.0.3"),
                ("added", "9.9.0.0/16"),
                ("added", "9.9.9.0/24"),
                ("added", "2a00::/32"),
            ];
            assert_eq!(rows, expect.map(|(fate, key)| (fate, key.to_owned())));
            let Counts { added, removed, changed } = found.counts;
            assert_eq!((added, removed, changed, found.is_cut), (3, 1, 1, false));
            let widest: Vec<_> = found.widest.iter().map(ToString::to_string).collect();
            assert_eq!(widest, ["2a00::/32", "9.9.0.0/16", "9.9.9.0/24"]);
            let around: Vec<_> =
                found.around.iter().map(|(n, keys, size)| (n.to_string(), *keys, *size)).collect();
            let nine = ("9.0.0.0/8".to_owned(), 2, 65_536 + 256);
            assert_eq!(around, [("2a00::/16".to_owned(), 1, 1 << 32), nine]);
            let canaries: Vec<_> = found
                .canaries
                .iter()
                .map(|(canary, by)| (canary.to_string(), by.as_ref().map(ToString::to_string)))
                .collect();
            let listed = ("9.9.9.9".to_owned(), Some("9.9.9.0/24".to_owned()));
            assert_eq!(canaries, [("8.8.8.8".to_owned(), None), listed]);
            assert_eq!(found.good, Some(good));
            assert_eq!(found.by.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [2, 3]);
            let page = found.page(Some(Fate::Added), &found.rows[2].key.to_bytes(), 1);
            assert_eq!(page[0].key.to_string(), "9.9.9.0/24");
        })
        .await;
    }

    #[tokio::test]
    async fn an_import_of_very_many_is_told_by_its_counts_and_a_sample() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            publish(t, &list, &["9.1.0.1"], (Outcome::Published, 10)).await;
            let many = changes::MOST_NAMED as u32 + 5;
            let keys = (0..many).map(|at| std::net::Ipv4Addr::from(0x2d00_0000 + at).to_string());
            let text: String = keys.map(|key| format!("{key} :2:x\n")).collect();
            let reading = content::Reading {
                layout: None,
                keys: KeyKind::Ip,
                code: ReturnCode::LISTED,
                minimum: None,
                subdomains: false,
                now: 0,
            };
            let text = format!("{text}46.0.0.0/7 :2:x\n");
            let file = content::read("x.txt", text.as_bytes(), |file| Ok(file), &reading);
            let file = file.expect("memory is readable");
            let import = Import {
                source: "feed".to_owned(),
                mode: Mode::Add,
                reason: String::new(),
                expires: None,
                criterion: None,
                review: None,
                whose: crate::import::Whose::Nobodys,
            };
            let actor = audit::machine(t.session(), "shell").await.expect("a name");
            let cause = Cause { actor, action: "list.import".to_owned(), reason: String::new() };
            let now = Timestamp(20);
            let done = import::run(t, &list, &import, &file, &cause, now, &mut |_| ()).await;
            let serial = done.expect("it is done").serial.expect("it has one");
            let refused = Outcome::Refused { why: "too much".to_owned() };
            let pending = note(t, &list, serial, (refused, 20)).await;
            let found = brought(t.session(), &list, pending).await.expect("it is told");
            assert_eq!((found.rows.len(), found.many.len()), (0, 1));
            assert_eq!(found.counts.added, u64::from(many) + 1);
            assert_eq!(found.widest[0].to_string(), "46.0.0.0/7");
            assert!(found.many[0].turn.after.len() > 10);
        })
        .await;
    }
}
