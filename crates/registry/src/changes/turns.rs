//! What a change makes of each key, for the history of entries: of few keys each, of many only a sample.

use std::cmp::Reverse;
use std::collections::HashMap;

use repute_database::bulk::{Common, Place};
use repute_database::entries::{self, Entry};
use repute_database::entry_history::{Kind, Turn};
use repute_database::lists::ListId;
use repute_database::{DatabaseError, Key, Transaction};

use super::Change;
use crate::two_editors::is_single;
use crate::weight::Weight;

/// What changes will make of their keys: to be called before they are written. Of several for one key the last counts.
pub(super) async fn of_changes(
    transaction: &mut Transaction,
    list: ListId,
    changes: &[Change],
) -> Result<Vec<Turn>, DatabaseError> {
    let after: HashMap<&Key, &Vec<Entry>> =
        changes.iter().map(|change| (&change.key, &change.entries)).collect();
    let mut before = at_each(transaction, list, changes.iter().map(|change| &change.key)).await?;
    let turn = |change: &Change| {
        let before = before.remove(&change.key)?;
        let after = after.get(&change.key).map(|after| (*after).clone());
        Some(Turn::new(change.key.clone(), before, after.unwrap_or_default()))
    };
    Ok(changes.iter().filter_map(turn).collect())
}

/// What became of keys of which entries went, each key once: to be called when they are gone.
pub(super) async fn of_gone(
    transaction: &mut Transaction,
    list: ListId,
    gone: Vec<Entry>,
) -> Result<(Vec<Key>, Kind, Vec<Turn>), DatabaseError> {
    let mut keys: Vec<Key> = gone.iter().map(|entry| entry.key.clone()).collect();
    keys.sort_by_cached_key(Key::to_bytes);
    keys.dedup();
    if keys.len() > MOST_EACH {
        let before = gone.into_iter().take(SAMPLE).collect();
        return Ok((keys, Kind::Many, vec![Turn { key: None, before, after: Vec::new() }]));
    }
    let mut left = at_each(transaction, list, keys.iter()).await?;
    let turn = |key: &Key| {
        let after = left.remove(key).unwrap_or_default();
        let before = gone.iter().filter(|entry| entry.key == *key).chain(&after).cloned().collect();
        Turn::new(key.clone(), before, after)
    };
    let turns = keys.iter().map(turn).collect();
    Ok((keys, Kind::Change, turns))
}

/// The entries of the keys of these places, each key once and in the order in which they come.
pub(crate) async fn of_places(
    transaction: &mut Transaction,
    list: ListId,
    places: &[&Place],
) -> Result<Vec<(Key, Vec<Entry>)>, DatabaseError> {
    let keys = places.iter().map(|place| place.key()).collect::<Result<Vec<_>, _>>()?;
    let mut found = at_each(transaction, list, keys.iter()).await?;
    Ok(keys.iter().filter_map(|key| found.remove_entry(key)).collect())
}

/// A few of very many places: the widest networks, and others from the first to the last.
pub(crate) fn sample(places: &[&Place], common: &Common) -> Result<Vec<Entry>, DatabaseError> {
    let mut wide = Vec::new();
    for place in places {
        if let Key::Network(network) = place.key()?
            && !is_single(network)
        {
            let weight = Weight::of(network);
            wide.push((weight.ipv4.max(weight.ipv6), *place));
        }
    }
    wide.sort_by_key(|(size, _)| Reverse(*size));
    let mut some: Vec<&Place> = wide.into_iter().take(SAMPLE / 2).map(|(_, place)| place).collect();
    let step = places.len().div_ceil(SAMPLE - some.len()).max(1);
    some.extend(places.iter().step_by(step));
    some.sort();
    some.dedup();
    let entry = |place: &Place| {
        Ok(Entry {
            key: place.key()?,
            code: place.code(),
            text: String::new(),
            reason: common.reason.clone(),
            criterion: common.criterion,
            source: common.source,
            organisation: None,
            since: common.since,
            expires: common.expires,
            review: common.review,
        })
    };
    some.into_iter().map(entry).collect()
}

/// The entries of these keys, an empty row of a key without any.
async fn at_each<'k>(
    transaction: &mut Transaction,
    list: ListId,
    keys: impl Iterator<Item = &'k Key>,
) -> Result<HashMap<Key, Vec<Entry>>, DatabaseError> {
    let mut found: HashMap<Key, Vec<Entry>> = keys.map(|key| (key.clone(), Vec::new())).collect();
    let keys: Vec<Key> = found.keys().cloned().collect();
    for entry in entries::at_each(transaction.session(), list, &keys).await? {
        found.entry(entry.key.clone()).or_default().push(entry);
    }
    Ok(found)
}

/// Of an import, or of what expires at once, so many keys have a step of the history each; of more there is one for all.
pub const MOST_EACH: usize = 100;
/// So many of very many are named.
const SAMPLE: usize = 100;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use repute_database::testing::on_each;
    use repute_database::{Timestamp, audit, entry_history};
    use repute_dnsxl::ReturnCode;

    use super::super::tests::add;
    use super::super::{Cause, apply, expire, renew};
    use super::*;

    /// An entry of a key that ends at a moment.
    fn entry(key: &Key, source: entries::SourceId, end: i64) -> Entry {
        Entry {
            key: key.clone(),
            code: Some(ReturnCode::LISTED),
            text: String::new(),
            reason: "why".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(1),
            expires: Some(Timestamp(end)),
            review: None,
        }
    }

    #[tokio::test]
    async fn every_way_in_which_a_key_changes_leaves_a_step() {
        on_each(async |database| {
            let list = add(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let source = entries::source(t.session(), "test").await.expect("a source");
            let cause = |action: &str| Cause {
                actor: audit::SYSTEM.to_owned(),
                action: action.to_owned(),
                reason: "a test".to_owned(),
            };
            let key: Key = "192.0.2.1".parse().expect("a key");
            let change = |end| Change { key: key.clone(), entries: vec![entry(&key, source, end)] };
            // Of two changes of one key the last counts, and it is one step.
            let both = [change(50), change(60)];
            apply(t, &list, &both, &cause("listed"), Timestamp(10)).await.expect("applied");
            // What is as it was before is no step.
            apply(t, &list, &[change(60)], &cause("again"), Timestamp(11)).await.expect("applied");
            for end in [70, 80] {
                let cause = cause("renewed");
                renew(t, &list, &[change(end)], &cause, Timestamp(12)).await.expect("renewed");
            }
            let gone = expire(t, &list, 9, &cause("over"), Timestamp(80)).await;
            assert_eq!(gone.expect("it is over"), 1);
            let steps = entry_history::of_key(t.session(), list.id, &key, None, 9).await;
            let steps = steps.expect("they are read");
            let ends = |entries: &[Entry]| -> Vec<i64> {
                entries.iter().filter_map(|entry| entry.expires).map(|end| end.0).collect()
            };
            let shown: Vec<_> = steps
                .iter()
                .map(|step| (&*step.action, ends(&step.turn.before), ends(&step.turn.after)))
                .collect();
            let expect = [
                ("over", vec![80], vec![]),
                ("renewed", vec![70], vec![80]),
                ("listed", vec![], vec![60]),
            ];
            assert_eq!(shown, expect);
        })
        .await;
    }

    #[tokio::test]
    async fn of_very_many_that_are_over_at_once_one_step_tells() {
        on_each(async |database| {
            let list = add(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let source = entries::source(t.session(), "test").await.expect("a source");
            let keys: Vec<Key> = (0..=MOST_EACH as u32)
                .map(|at| Ipv4Addr::from(0x0900_0000 + at).to_string().parse().expect("a key"))
                .collect();
            let all: Vec<Entry> = keys.iter().map(|key| entry(key, source, 50)).collect();
            entries::put(t.session(), list.id, &all).await.expect("they are written");
            let cause = Cause {
                actor: audit::SYSTEM.to_owned(),
                action: "over".to_owned(),
                reason: String::new(),
            };
            let gone = expire(t, &list, 1_000, &cause, Timestamp(60)).await;
            assert_eq!(gone.expect("they are over"), keys.len());
            let of_key = entry_history::of_key(t.session(), list.id, &keys[0], None, 9).await;
            assert_eq!(of_key.expect("they are read"), []);
            let many = entry_history::of_many(t.session(), list.id, None, 9).await.expect("read");
            assert_eq!((many.len(), many[0].turn.before.len()), (1, SAMPLE));
        })
        .await;
    }

    #[test]
    fn a_sample_has_the_widest_and_some_of_all() {
        let key = |at: u32| Ipv4Addr::from(0x0900_0000 + at * 256).to_string();
        let mut keys: Vec<String> = (0..10_000).map(key).collect();
        keys.extend((8..=30).map(|len| format!("45.0.0.0/{len}")));
        let place =
            |key: &String| Place::new(&key.parse().expect("a key"), Some(ReturnCode::LISTED));
        let places: Vec<Place> = keys.iter().map(place).collect();
        let common = Common {
            source: entries::SourceId(1),
            reason: String::new(),
            since: Timestamp(1),
            expires: None,
            criterion: None,
            review: None,
        };
        let places: Vec<&Place> = places.iter().collect();
        let found = sample(&places, &common).expect("they are keys");
        let found: Vec<String> = found.iter().map(|entry| entry.key.to_string()).collect();
        assert!(found.len() <= SAMPLE, "{}", found.len());
        assert!((8..=30).all(|len| found.contains(&format!("45.0.0.0/{len}"))), "{found:?}");
        assert!(found.contains(&key(0)) && found.iter().any(|one| one > &"9.30".to_owned()));
        let few = sample(&places[..7], &common).expect("they are keys");
        assert_eq!(few.len(), 7);
    }
}
