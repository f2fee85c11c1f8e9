//! Backups of each database, restored into each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use repute_dnsxl::ReturnCode;

use super::*;
use crate::audit::Deed;
use crate::testing::on_each;
use crate::{Database, Key, Place, Timestamp, bulk, changes, entries, jobs, lists, work};

/// Fills a database with something in many tables.
async fn fill(database: &Database) {
    let mut transaction = database.begin().await.expect("a transaction");
    let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
    lists::set_code(transaction.session(), list, ReturnCode::LISTED, "spam").await.expect("a code");
    lists::set_category(transaction.session(), list, 4, "häuser \"4\"").await.expect("a category");
    let source = entries::source(transaction.session(), "feed").await.expect("a source");
    let common = bulk::Common {
        source,
        reason: "line\nend".to_owned(),
        since: Timestamp(1),
        expires: Some(Timestamp(9)),
        criterion: None,
        review: None,
    };
    let rows: Vec<bulk::Row> = (0..7_000_u32)
        .map(|i| {
            let key: Key = std::net::Ipv4Addr::from(i).to_string().parse().expect("a key");
            let place = bulk::Place::new(&key, Some(ReturnCode::LISTED));
            bulk::Row { place, text: "see it".into() }
        })
        .collect();
    bulk::put(transaction.session(), list, &common, &rows).await.expect("they are written");
    changes::note_anew(transaction.session(), list, 2, 20_000).await.expect("it is noted");
    let actor = audit::actor(transaction.session(), 1).await.expect("a pseudonym");
    for number in 0..3 {
        let deed = Deed {
            time: Timestamp(number),
            actor: actor.clone(),
            action: "list.add".to_owned(),
            subject: "list/bl.example".to_owned(),
            detail: "{}".to_owned(),
        };
        audit::append(transaction.session(), &deed).await.expect("it is written");
    }
    let order = jobs::Order {
        kind: "publish".to_owned(),
        key: None,
        payload: "{}".to_owned(),
        due: Timestamp(4),
    };
    jobs::order(transaction.session(), &order).await.expect("it is ordered");
    transaction.commit().await.expect("it is committed");
}

/// A backup of a database.
async fn backup(database: &Database) -> Vec<u8> {
    let mut out = Vec::new();
    let mut snapshot = database.look().await.expect("a transaction");
    let extent = write(&mut snapshot, &mut out).await.expect("it is written");
    assert!(extent.tables > 10, "{extent:?}");
    out
}

/// Restores a backup.
async fn restored(database: &Database, file: &[u8], into: Into) -> Result<Extent, BackupError> {
    let mut transaction = database.begin().await.expect("a transaction");
    let extent = restore(&mut transaction, &mut &*file, into).await?;
    transaction.commit().await.expect("it is committed");
    Ok(extent)
}

/// The lines of a backup but for the last, in an order of their own: databases order rows as they like.
fn lines(file: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(file).expect("it is text");
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains("sha256")).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn a_backup_of_each_database_restores_into_each() {
    on_each(async |from| {
        fill(&from).await;
        let file = backup(&from).await;
        let file = &*file;
        on_each(async |to| {
            let extent = restored(&to, file, Into::Empty).await.expect("it is restored");
            assert!(extent.rows > 7_000, "{extent:?}");
            assert_eq!(lines(&backup(&to).await), lines(file));
            // New rows get new numbers.
            let mut transaction = to.begin().await.expect("a transaction");
            lists::tests::add(&mut transaction.session(), "new.example").await;
            transaction.commit().await.expect("it is committed");
            let refused = restored(&to, file, Into::Empty).await;
            assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");
            restored(&to, file, Into::Instead).await.expect("it is restored");
            assert_eq!(lines(&backup(&to).await), lines(file));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_whole_backup_changes_nothing() {
    on_each(async |database| {
        fill(&database).await;
        let file = backup(&database).await;
        let text = String::from_utf8(file.clone()).expect("it is text");
        let end = text.rfind("{\"end\"").expect("an end");
        let again = |text: &str| {
            let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            let digest: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            let rows = text.lines().filter(|line| line.starts_with('[')).count();
            format!("{text}{{\"end\":{{\"rows\":{rows},\"sha256\":\"{digest}\"}}}}\n")
        };
        let whole = &text[..end];
        assert_eq!(again(whole), text, "the test knows how a backup ends");
        let cases = [
            (String::new(), "this is no backup of Repute"),
            ("x\n".to_owned(), "this is no backup of Repute"),
            (whole.to_owned(), "the backup is cut short, or something stands behind its end"),
            (format!("{text}x"), "the backup is cut short, or something stands behind its end"),
            (
                text.replacen("see it", "see me", 1),
                "the backup is damaged: its bytes are not those of its digest",
            ),
            (
                again(&whole.replacen("list.add", "list.bad", 1)),
                "the audit log of the backup is not as it was written from row 1 on: nothing was restored",
            ),
            (
                again(&whole.replacen("\"table\":\"codes\"", "\"table\":\"cods\"", 1)),
                "line ",
            ),
            (
                whole.replacen("\"schema\":[1", "\"schema\":[7", 1),
                "the backup was written by another version",
            ),
            (
                text.replacen("\"version\":1", "\"version\":2", 1),
                "the backup is of version 2, and this program reads version 1: use a later one",
            ),
        ];
        for (damaged, words) in cases {
            let refused = restored(&database, damaged.as_bytes(), Into::Instead).await;
            let refused = refused.expect_err(words).to_string();
            assert!(refused.starts_with(words), "{refused}");
        }
        assert_eq!(lines(&backup(&database).await), lines(&file), "nothing was changed");
    })
    .await;
}

/// Writes pairs until it is told to stop: a row of the audit log and a job, in one transaction. How many pairs that
/// were, and how many did not come to be because something else had its turn.
async fn write_pairs(database: Database, is_over: Arc<AtomicBool>) -> (u32, u32) {
    let (mut done, mut given_up) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        match write_pair(&database).await {
            Ok(()) => done += 1,
            Err(error) if error.is_contended() => given_up += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    (done, given_up)
}

/// Writes one pair.
async fn write_pair(database: &Database) -> Result<(), DatabaseError> {
    let mut transaction = database.begin().await?;
    let order = jobs::Order {
        kind: "pair".to_owned(),
        key: None,
        payload: "{}".to_owned(),
        due: Timestamp(4),
    };
    jobs::order(transaction.session(), &order).await?;
    let actor = audit::machine(transaction.session(), "writer").await?;
    let deed = Deed {
        time: Timestamp(1),
        actor,
        action: "pair.add".to_owned(),
        subject: "pair".to_owned(),
        detail: "{}".to_owned(),
    };
    audit::append(transaction.session(), &deed).await?;
    transaction.commit().await
}

/// How many jobs of pairs there are, and how many rows of the log, which is whole.
async fn pairs(database: &Database) -> (u64, u64) {
    let mut look = database.look().await.expect("a look");
    let sql = "SELECT COUNT(*) FROM jobs WHERE kind = 'pair'";
    let (jobs,): (i64,) =
        on!(look.session(), |c| sqlx::query_as(sql).fetch_one(c).await.expect("they are counted"));
    match audit::verify(look.session()).await.expect("it is read") {
        Verified::Whole(rows) => (jobs.unsigned_abs(), rows),
        Verified::BrokenAt(row) => panic!("the log is broken at {row}"),
    }
}

/// Two tasks that write pairs.
struct Writers {
    /// Ends them.
    is_over: Arc<AtomicBool>,
    /// The tasks.
    tasks: Vec<tokio::task::JoinHandle<(u32, u32)>>,
}

impl Writers {
    /// Starts them, and waits until there is something.
    async fn start(database: &Database) -> Writers {
        let is_over = Arc::new(AtomicBool::new(false));
        let start = |_| tokio::spawn(write_pairs(database.clone(), Arc::clone(&is_over)));
        let tasks = (0..2).map(start).collect();
        while pairs(database).await.0 == 0 {}
        Writers { is_over, tasks }
    }

    /// Stops them; how many pairs they wrote.
    async fn stop(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = 0;
        for task in self.tasks {
            all += task.await.expect("it ends").0;
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_one_moment_while_others_write() {
    on_each(async |from| {
        let writers = Writers::start(&from).await;
        let mut files = Vec::new();
        for _ in 0..5 {
            files.push(backup(&from).await);
        }
        let written = writers.stop().await;
        assert_eq!(pairs(&from).await, (written.into(), written.into()));
        on_each(async |to| {
            let mut last = 0;
            for file in &files {
                restored(&to, file, Into::Instead).await.expect("it is restored");
                let (jobs, rows) = pairs(&to).await;
                assert!(jobs == rows && rows >= last, "{jobs} jobs, {rows} rows, {last} before");
                last = rows;
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_while_a_backup_is_restored_writes_before_it_or_behind_it() {
    on_each(async |database| {
        for _ in 0..10 {
            write_pair(&database).await.expect("it is written");
        }
        let file = backup(&database).await;
        let writers = Writers::start(&database).await;
        for _ in 0..5 {
            restored(&database, &file, Into::Instead).await.expect("it is restored");
            // Half a pair would be what somebody began before the restore and ended behind it.
            let (jobs, rows) = pairs(&database).await;
            assert!(jobs == rows && rows >= 10, "{jobs} jobs, {rows} rows");
        }
        writers.stop().await;
        let (jobs, rows) = pairs(&database).await;
        assert!(jobs == rows && rows >= 10, "{jobs} jobs, {rows} rows");
    })
    .await;
}

#[tokio::test]
async fn what_only_sqlite_keeps_is_no_hindrance() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::File(folder.path().join("old.db"));
    let old = Database::open(&place).await.expect("it opens");
    let mut transaction = old.begin().await.expect("a transaction");
    let list = crate::lists::tests::add(&mut transaction.session(), "bl.example").await;
    lists::set_category(transaction.session(), list, 4, "a\0b").await.expect("a category");
    transaction.commit().await.expect("it is committed");
    let file = backup(&old).await;
    on_each(async |database| {
        restored(&database, &file, Into::Empty).await.expect("it is restored");
        let mut connection = database.read().await.expect("a connection");
        let all = lists::categories(connection.session(), list).await.expect("they are read");
        assert_eq!(all[0].1, "a\u{fffd}b");
    })
    .await;
}

/// A row for each table that is not restored, and the account and organisation they are about.
const ROWS: [&str; 13] = [
    "INSERT INTO accounts (id, mail, name, password, role, created) VALUES (7, 'a@x.example', 'A', 'x', 'editor', 1)",
    "INSERT INTO organisations (id, name, created) VALUES (7, 'O', 1)",
    "INSERT INTO sessions (digest, account, client, created, seen, proven, expires) \
     VALUES ($1, 7, '', 1, 1, 1, 9)",
    "INSERT INTO links (digest, purpose, mail, role, expires) VALUES ($1, 'join', NULL, 'member', 9)",
    "INSERT INTO sign_ins (digest, account, failures, expires) VALUES ($1, 7, 0, 9)",
    "INSERT INTO ceremonies (digest, account, purpose, state, expires) VALUES ($1, 7, 'show', '', 9)",
    "INSERT INTO tokens (account, name, digest, scopes, created) VALUES (7, 't', $1, '', 1)",
    "INSERT INTO answers (account, key, digest, status, body, created) VALUES (7, 'k', $1, 200, '', 1)",
    "INSERT INTO outbox (recipient, subject, plain, html, created, due, attempts) \
     VALUES ('a@x.example', '', '', '', 1, 1, 0)",
    "INSERT INTO digests (account, subject, what, link, created) VALUES (7, '', '', '', 1)",
    "INSERT INTO invitations (organisation, mail, role, digest, account, created, expires) \
     VALUES (7, 'b@x.example', 'owner', $1, 7, 1, 9)",
    "INSERT INTO limits (deed, doer, until) VALUES ('try', $1, 9)",
    "INSERT INTO open_answers (doer, key, digest, status, body, created) VALUES ($1, 'k', $1, 200, '', 1)",
];

#[tokio::test]
async fn what_has_ended_since_a_backup_does_not_come_back() {
    on_each(async |from| {
        let mut transaction = from.begin().await.expect("a transaction");
        for sql in ROWS {
            let takes_digest = sql.contains("$1");
            on!(transaction.session(), |c| {
                let query = sqlx::query(sql);
                let query = if takes_digest { query.bind(vec![1_u8; 32]) } else { query };
                query.execute(c).await.expect("it is written");
            });
        }
        transaction.commit().await.expect("it is committed");
        let file = backup(&from).await;
        let text = std::str::from_utf8(&file).expect("it is text");
        assert!(text.contains("b@x.example"), "the backup has all of it");
        on_each(async |to| {
            restored(&to, &file, Into::Empty).await.expect("it is restored");
            let mut connection = to.read().await.expect("a connection");
            for name in ENDED {
                let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}"));
                let (count,): (i64,) = on!(connection.session(), |c| {
                    sqlx::query_as(sql).fetch_one(c).await.expect("they are counted")
                });
                assert_eq!(count, 0, "{name}");
            }
            let kept = "SELECT COUNT(*) FROM accounts";
            let (count,): (i64,) = on!(connection.session(), |c| {
                sqlx::query_as(kept).fetch_one(c).await.expect("they are counted")
            });
            assert_eq!(count, 1);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn work_that_was_ordered_before_the_backup_does_not_begin_behind_it() {
    on_each(async |from| {
        fill(&from).await;
        let mut transaction = from.begin().await.expect("a transaction");
        let new = work::New {
            kind: work::Kind::Import,
            subject: work::Subject::default(),
            particulars: "{}".to_owned(),
            actor: audit::SYSTEM.to_owned(),
            total: 0,
            folder: None,
        };
        work::order(transaction.session(), &new, Timestamp(1)).await.expect("it is ordered");
        transaction.commit().await.expect("it is committed");
        let file = backup(&from).await;
        let open = work::open(from.read().await.expect("a connection").session()).await;
        assert_eq!(open.expect("it is read").len(), 1, "it is there until it is restored");
        let file = &*file;
        on_each(async |to| {
            restored(&to, file, Into::Empty).await.expect("it is restored");
            let open = work::open(to.read().await.expect("a connection").session()).await;
            assert_eq!(open.expect("it is read"), []);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_huge_row_is_restored() {
    on_each(async |from| {
        let huge = "\u{1}ä\"".repeat(6 << 20);
        let mut transaction = from.begin().await.expect("a transaction");
        let t = &mut transaction;
        lists::tests::add(&mut t.session(), "bl.example").await;
        let actor = audit::actor(t.session(), 1).await.expect("a pseudonym");
        let new = crate::kept_out::KeptOut {
            key: "192.0.2.1".parse().expect("a key"),
            code: None,
            since: Timestamp(1),
            until: None,
            actor,
            reason: huge.clone(),
        };
        let list = lists::by_apex(t.session(), &"bl.example".parse().expect("a name")).await;
        let list = list.expect("it is read").expect("it is there").id;
        crate::kept_out::put(t.session(), list, &new).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        let file = backup(&from).await;
        assert!(file.len() > 32 << 20, "{}", file.len());
        let file = &*file;
        on_each(async |to| {
            restored(&to, file, Into::Empty).await.expect("it is restored");
            let mut read = to.read().await.expect("a connection");
            let found = crate::kept_out::at(read.session(), list, &new.key, Timestamp(9)).await;
            let found = found.expect("it is read").expect("it is there");
            assert!(found.reason == huge, "all of it");
        })
        .await;
    })
    .await;
}
