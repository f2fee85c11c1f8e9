//! The past of a list, as it is written down from what was published.

use repute_database::lists::{self, List};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::testing::on_each;
use repute_database::{Key, Timestamp, changes};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::history::{self, DAY};

#[tokio::test]
async fn each_day_has_the_size_and_the_changes_of_what_was_published() {
    on_each(async |database| {
        let list = List {
            apex: "bl.example".parse().expect("a name"),
            title: "A list".to_owned(),
            description: String::new(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let id = lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
        transaction.commit().await.expect("it is committed");
        // Changes so many keys and publishes that, so many hours after the beginning of 1970.
        let publish = async |hour: i64, keys: u8, outcome: Outcome| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let serial = changes::next_serial(t.session(), id).await.expect("a serial");
            let keys: Vec<Key> = (0..keys)
                .map(|n| Key::Network(format!("8.8.{serial}.{n}").parse().expect("a network")))
                .collect();
            changes::note(t.session(), id, serial, &keys).await.expect("it is noted");
            let time = Timestamp(hour * DAY / 24);
            let entries = u64::from(serial) * 10;
            let publication = Publication { serial, time, entries, audit: 0, outcome };
            publications::note(t.session(), id, &publication).await.expect("it is noted");
            transaction.commit().await.expect("it is committed");
        };
        let keep = async |hour: i64| {
            let now = Timestamp(hour * DAY / 24);
            history::keep(&database, now).await.expect("it is kept");
            history::keep(&database, now).await.expect("twice is as good as once");
            let mut connection = database.read().await.expect("a connection");
            let days = history::of(connection.session(), id, now).await.expect("they are read");
            days.iter().map(|day| (day.day, day.entries, day.changed)).collect::<Vec<_>>()
        };
        assert_eq!(keep(1).await, []);
        let refused = || Outcome::Refused { why: "too much".to_owned() };
        publish(2, 9, Outcome::Published).await;
        assert_eq!(keep(3).await, [(0, 20, 0)]);
        publish(4, 3, Outcome::Published).await;
        publish(5, 5, Outcome::Published).await;
        assert_eq!(keep(6).await, [(0, 40, 8)]);
        // A clock is ten days ahead for a while.
        assert_eq!(keep(240).await, [(0, 40, 8), (10, 40, 0)]);
        assert_eq!(keep(7).await, [(0, 40, 8)], "that day is to come");
        // What is refused is not seen; what then holds it holds its changes too.
        publish(25, 2, refused()).await;
        assert_eq!(keep(26).await, [(0, 40, 8), (1, 40, 0)]);
        publish(27, 4, Outcome::Published).await;
        assert_eq!(keep(28).await, [(0, 40, 8), (1, 60, 6)]);
        // Nobody was there for two days.
        publish(50, 1, Outcome::Published).await;
        publish(75, 1, Outcome::Published).await;
        assert_eq!(keep(76).await, [(0, 40, 8), (1, 60, 6), (2, 70, 1), (3, 80, 1)]);
        // A season later the first ones are forgotten.
        assert_eq!(keep(24 * (history::KEPT + 2)).await, [(2, 70, 1), (3, 80, 1), (92, 80, 0)]);
    })
    .await;
}
