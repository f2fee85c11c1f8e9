//! Backups that are restored under lists that are followed.

use repute_database::audit::Verified;
use repute_database::backup::{self, Into};

use super::*;
use crate::restore::{AHEAD, RESTORE, restore};

/// A backup of a database.
async fn backup(database: &Database) -> Vec<u8> {
    let mut file = Vec::new();
    let mut look = database.look().await.expect("a look");
    backup::write(&mut look, &mut file).await.expect("it is written");
    file
}

/// The zone of a list.
fn zone(shelf: &Shelf, apex: &str) -> Option<Arc<Zone>> {
    let apex: Name = apex.parse().expect("a name");
    shelf.zones.lock().expect("whole").get(&apex).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_restored_is_followed_on_by_everybody() {
    in_each(async |place| {
        let here = Database::open(&place).await.expect("it opens");
        let list = add(&here).await;
        let by = actor(&here, 1).await;
        change(&here, &list, &by, &["192.0.2.0/24"]).await;
        let file = backup(&here).await;
        let shelf = Shelf::new();
        let publisher = Publisher::start(here.clone(), shelf.clone());
        let serial = change(&here, &list, &by, &["198.51.100.7"]).await;
        let copy = |shelf: &Shelf| shelf.copy.lock().expect("whole").as_ref().map(Editor::serial);
        shelf.until("it is followed", |shelf| copy(shelf) == Some(serial)).await;

        // Somebody restores it at the shell, in a process of its own.
        let there = Database::open(&place).await.expect("it opens twice");
        let mut transaction = there.begin().await.expect("a transaction");
        let done = restore(&mut transaction, &mut &*file, Into::Instead, 1000, Timestamp(9)).await;
        transaction.commit().await.expect("it is committed");
        let ahead = serial + AHEAD;
        let apex = list.list.apex.clone();
        assert_eq!(done.expect("it is restored").lists, [(apex, ahead)]);
        shelf.until("it is followed", |shelf| copy(shelf) == Some(ahead)).await;
        assert!(shelf.lists("192.0.2.1") && !shelf.lists("198.51.100.7"));

        // It goes on from there by what changes.
        let by = actor(&here, 1).await;
        change(&here, &list, &by, &["203.0.113.9"]).await;
        shelf.until("it is followed", |shelf| copy(shelf) == Some(ahead + 1)).await;
        assert!(shelf.lists("203.0.113.9") && !shelf.lists("198.51.100.7"));
        let ways = shelf.ways.lock().expect("whole").clone();
        assert_eq!(ways[ways.len() - 2..], ["whole", "delta"], "{ways:?}");
        let mut look = here.look().await.expect("a look");
        let found = audit::verify(look.session()).await.expect("it is read");
        assert!(matches!(found, Verified::Whole(_)), "{found:?}");
        let deeds = audit::of_subject(look.session(), "list/bl.example", 9).await;
        let deeds = deeds.expect("they are read");
        let deed = deeds.iter().find(|deed| deed.action == RESTORE).expect("it is written down");
        assert_eq!(deed.detail, format!("{{\"serial\":{ahead},\"was\":2}}"));
        let users = audit::users(look.session()).await.expect("they are read");
        assert_eq!(users, [(deed.actor.clone(), 1000)]);
        drop(look);
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_that_comes_again_with_another_history_is_read_anew() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        change(&database, &list, &by, &["192.0.2.0/24"]).await;
        let file = backup(&database).await;
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        let serial = change(&database, &list, &by, &["198.51.100.7"]).await;
        shelf.until("it is followed", |shelf| shelf.serial() == serial).await;
        // A copy that something else than this program put back, and on which somebody went on at once.
        let mut transaction = database.begin().await.expect("a transaction");
        let back = backup::restore(&mut transaction, &mut &*file, Into::Instead).await;
        back.expect("it is restored");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let cause = Cause { actor: by, action: "entries.change".to_owned(), reason: String::new() };
        for (key, expect) in [("203.0.113.9", serial), ("203.0.113.10", serial + 1)] {
            let change = [change_of(key, source, None)];
            let serial = apply(&mut transaction, &list, &change, &cause, Timestamp(9)).await;
            assert_eq!(serial.expect("it is applied"), expect);
        }
        transaction.commit().await.expect("it is committed");
        shelf.until("it is followed", |shelf| shelf.serial() == serial + 1).await;
        assert!(shelf.lists("203.0.113.9") && shelf.lists("203.0.113.10"));
        assert!(shelf.lists("192.0.2.1") && !shelf.lists("198.51.100.7"));
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_registry_that_is_restored_takes_the_place_of_the_lists() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = Database::open(&Place::File(folder.path().join("other.db"))).await;
    let other = other.expect("it opens");
    let mut transaction = other.begin().await.expect("a transaction");
    let wl = List {
        apex: "wl.example".parse().expect("a name"),
        title: "Another list".to_owned(),
        description: String::new(),
        polarity: Polarity::Allow,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let id = lists::add(transaction.session(), &wl, Timestamp(1)).await.expect("it is added");
    transaction.commit().await.expect("it is committed");
    let wl = Stored { id, list: wl, state: lists::State::Active, serial: 1 };
    let by = actor(&other, 1).await;
    change(&other, &wl, &by, &["203.0.113.0/24"]).await;
    let file = backup(&other).await;
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        assert_eq!(list.id, id, "the number is the same, the list is not");
        let by = actor(&database, 1).await;
        change(&database, &list, &by, &["192.0.2.0/24"]).await;
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is followed", |shelf| shelf.serial() == 2).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let done = restore(&mut transaction, &mut &*file, Into::Instead, 1000, Timestamp(9)).await;
        done.expect("it is restored");
        transaction.commit().await.expect("it is committed");
        shelf.until("it is there", |shelf| zone(shelf, "wl.example").is_some()).await;
        assert!(shelf.lists("203.0.113.1") && !shelf.lists("192.0.2.1"));
        assert_eq!(shelf.serial(), 2 + AHEAD);
        assert!(zone(&shelf, "bl.example").is_none());
        publisher.stop().await;
    })
    .await;
}
