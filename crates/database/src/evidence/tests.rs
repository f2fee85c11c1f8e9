//! Evidence on both databases.

use super::*;
use crate::testing::on_each;

/// Something seen of an address.
fn seen(source: EvidenceSourceId, number: u32, time: i64) -> Observation {
    let address = std::net::Ipv4Addr::from(0x0900_0000 + number).to_string();
    Observation {
        source,
        class: "spam".to_owned(),
        key: address.parse().expect("a key"),
        seen: Timestamp(time),
        received: Timestamp(time + 5),
        count: 2,
        trap: Some(vec![7; 16]),
        detail: "HELO x".to_owned(),
    }
}

/// An identity of its own for each of these, from a number on.
fn each(first: u128, observations: &[Observation]) -> Vec<(Identity, Observation)> {
    (first..).map(u128::to_be_bytes).zip(observations.iter().cloned()).collect()
}

/// How much there is of each source, as its counter says, which is to be the truth.
async fn counts(transaction: &mut crate::Transaction) -> Vec<u64> {
    let sources = sources(transaction.session()).await.expect("they are read");
    let all = page(transaction.session(), Timestamp(0), None, 99_999).await.expect("a page").0;
    for (source, count) in &sources {
        let truth = all.iter().filter(|seen| seen.source == source.id);
        assert_eq!(truth.clone().count() as u64, *count, "{}", source.name);
        let last = truth.clone().map(|seen| seen.seen).max();
        let known = last_of(transaction.session(), source.id).await.expect("it is read");
        assert!(known.map(|(_, seen)| seen) >= last && known.is_some() == last.is_some());
    }
    sources.into_iter().map(|(_, count)| count).collect()
}

#[tokio::test]
async fn what_is_told_again_counts_once() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let id = add_source(t.session(), "traps", Kind::Trap, Timestamp(1)).await;
        let id = id.expect("it is added");
        let some: Vec<Observation> = (0..3).map(|i| seen(id, i, 100)).collect();
        lock(t.session()).await.expect("it is locked");
        let new = add(t.session(), &each(0, &some)).await.expect("they are added");
        assert_eq!(new.len(), 3);
        take_waiting(t.session(), 99).await.expect("keys");
        // Two are known, one is new, and is there twice.
        let mut again = each(1, &some);
        again.push(again[2].clone());
        let new = add(t.session(), &again).await.expect("they are added");
        assert_eq!(new.into_iter().collect::<Vec<_>>(), [3_u128.to_be_bytes()]);
        assert_eq!(counts(t).await, [4]);
        let waiting = take_waiting(t.session(), 99).await.expect("keys");
        assert_eq!(waiting.len(), 1, "rules look at what is new only");
    })
    .await;
}

#[tokio::test]
async fn a_source_is_purged_in_parts_of_whole_keys() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let mut ids = Vec::new();
        for name in ["traps", "users"] {
            let id = add_source(t.session(), name, Kind::Trap, Timestamp(1)).await;
            ids.push(id.expect("it is added"));
        }
        lock(t.session()).await.expect("it is locked");
        // Ten of each of ten addresses, mixed.
        let many: Vec<Observation> =
            (0..100).map(|i| seen(ids[0], i % 10, 100 + i64::from(i))).collect();
        add(t.session(), &each(0, &many)).await.expect("they are added");
        let other = [seen(ids[1], 3, 50)];
        add(t.session(), &each(1_000, &other)).await.expect("it is added");
        let last = last(t.session()).await.expect("it is read");
        let late = [seen(ids[0], 4, 500)];
        add(t.session(), &each(2_000, &late)).await.expect("it is added");
        take_waiting(t.session(), 999).await.expect("keys");
        assert_eq!(counts(t).await, [101, 1]);
        for (gone, left, keys) in [(40, 61, 4), (40, 21, 4), (20, 1, 2), (0, 1, 0)] {
            let purged = purge_some(t.session(), ids[0], last, 40).await.expect("it is purged");
            assert_eq!((purged, counts(t).await), (gone, vec![left, 1]));
            let waiting = take_waiting(t.session(), 999).await.expect("keys");
            assert!(waiting.len() == keys && waiting.iter().all(|key| key.is_lost));
        }
        assert_eq!(purge(t.session(), ids[0]).await.expect("it is purged"), 1, "what came later");
        assert_eq!(counts(t).await, [0, 1]);
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_observations_are_taken_paged_purged_and_forgotten() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let now = Timestamp(1);
        let (mut ids, names) = (Vec::new(), ["traps", "users"]);
        for (name, kind) in names.into_iter().zip([Kind::Trap, Kind::AbuseReport]) {
            let id = add_source(transaction.session(), name, kind, now).await;
            ids.push(id.expect("it is added"));
        }
        let many: Vec<Observation> =
            (0..10_000).map(|i| seen(ids[0], i, 100 + i64::from(i))).collect();
        lock(transaction.session()).await.expect("it is locked");
        add(transaction.session(), &each(0, &many)).await.expect("they are added");
        let twice = seen(ids[1], 3, 50);
        let told = each(99_999, std::slice::from_ref(&twice));
        add(transaction.session(), &told).await.expect("it is added");
        assert_eq!(counts(&mut transaction).await, [10_000, 1]);
        // All of a key in the order of time, and all of a network.
        let one = of_key(transaction.session(), &twice.key, Timestamp(0), 9).await;
        assert_eq!(one.expect("they are read"), [twice.clone(), many[3].clone()]);
        let network = "9.0.0.0/24".parse().expect("a key");
        let some = of_key(transaction.session(), &network, Timestamp(0), 999).await;
        assert_eq!(some.expect("they are read").len(), 257);
        let late = of_key(transaction.session(), &network, Timestamp(100 + 250), 999).await;
        assert_eq!(late.expect("they are read").len(), 6);
        // Pages give each once.
        let (mut place, mut paged) = (None, Vec::new());
        loop {
            let next = page(transaction.session(), Timestamp(60), place.as_ref(), 3_000).await;
            let (some, last) = next.expect("a page");
            if some.is_empty() {
                break;
            }
            paged.extend(some);
            place = last;
        }
        assert_eq!(paged, many);
        // Each key waits once.
        let waiting = take_waiting(transaction.session(), 4_000).await.expect("keys");
        assert_eq!((waiting.len(), waiting[3].is_lost), (4_000, false));
        let purged = purge(transaction.session(), ids[0]).await.expect("it is purged");
        assert_eq!(purged, 10_000);
        let waiting = take_waiting(transaction.session(), 20_000).await.expect("keys");
        assert!(waiting.len() == 10_000 && waiting.iter().all(|key| key.is_lost));
        let left = of_key(transaction.session(), &network, Timestamp(0), 999).await;
        assert_eq!(left.expect("they are read"), std::slice::from_ref(&twice));
        assert_eq!(wait_all(transaction.session(), Timestamp(50)).await.expect("keys"), 1);
        for (before, count) in [(50, 0), (51, 1)] {
            let gone = forget(transaction.session(), Timestamp(before)).await;
            assert_eq!(gone.expect("they are forgotten"), count);
            assert_eq!(counts(&mut transaction).await, [0, 1 - count]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_is_closed_and_opened_and_its_name_is_its_own() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let session = &mut transaction;
        let id = add_source(session.session(), "traps", Kind::Trap, Timestamp(3)).await;
        let id = id.expect("it is added");
        for closed in [Some(Timestamp(9)), None] {
            set_closed(session.session(), id, closed).await.expect("it is set");
            let found = source(session.session(), "traps").await.expect("it is read");
            let expect = Source {
                id,
                name: "traps".to_owned(),
                kind: Kind::Trap,
                created: Timestamp(3),
                closed,
            };
            assert_eq!(found, Some(expect));
        }
        assert_eq!(source(session.session(), "x").await.expect("it is read"), None);
        let again = add_source(session.session(), "traps", Kind::Trap, Timestamp(3)).await;
        assert!(again.is_err());
    })
    .await;
}
