//! The audit log: what was done, by whom, and why. Rows are only ever added, and each row's digest covers the row
//! before it, so that nobody can change or drop one unseen.
//!
//! People stand in it as pseudonyms. Erasing a person cuts the pseudonym from the account, and the log stays whole.

mod head;

use std::ops::RangeInclusive;
use std::time::Duration;

use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;
use crate::turn;

pub use head::{Head, HeadError};

/// What is done, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub time: Timestamp,
    /// By whom: a pseudonym, from [`actor`].
    pub actor: String,
    /// What, in a word of the field: `entry.add`.
    pub action: String,
    /// To what: `list/bl.example`.
    pub subject: String,
    /// The particulars, as JSON.
    pub detail: String,
}

/// What a look through the whole log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// All of it is as it was written: so many rows.
    Whole(u64),
    /// From this row on it is not.
    BrokenAt(u64),
}

/// The pseudonym of an account, which is made if it has none.
///
/// # Errors
/// If the database fails.
pub async fn actor(mut session: Session<'_>, account: i64) -> Result<String, DatabaseError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| DatabaseError::Content("the system gives no random numbers"))?;
    let pseudonym: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    on!(session.again(), |c| {
        sqlx::query(ADD_ACTOR).bind(pseudonym).bind(account).execute(c).await?;
    });
    let (known,): (String,) =
        on!(session, |c| sqlx::query_as(ACTOR).bind(account).fetch_one(c).await?);
    Ok(known)
}

/// The pseudonym of an account, if it has one: who only looks needs none.
///
/// # Errors
/// If the database fails.
pub async fn known_actor(
    session: Session<'_>,
    account: i64,
) -> Result<Option<String>, DatabaseError> {
    let known: Option<(String,)> =
        on!(session, |c| sqlx::query_as(ACTOR).bind(account).fetch_optional(c).await?);
    Ok(known.map(|(known,)| known))
}

/// The account behind a pseudonym; none if it is gone, or was none.
///
/// # Errors
/// If the database fails.
pub async fn account_of(
    session: Session<'_>,
    pseudonym: &str,
) -> Result<Option<i64>, DatabaseError> {
    let row: Option<(Option<i64>,)> =
        on!(session, |c| sqlx::query_as(ACCOUNT_OF).bind(pseudonym).fetch_optional(c).await?);
    Ok(row.and_then(|(account,)| account))
}

/// The pseudonym of a user of the system, by his number; it is made if he has none. Accounts have numbers above 0,
/// users those below, so that neither is taken for the other.
///
/// # Errors
/// If the database fails.
pub async fn user(session: Session<'_>, uid: u32) -> Result<String, DatabaseError> {
    actor(session, -1 - i64::from(uid)).await
}

/// All users of the system who ever did something: their pseudonyms and their numbers.
///
/// # Errors
/// If the database fails.
pub async fn users(session: Session<'_>) -> Result<Vec<(String, u32)>, DatabaseError> {
    let rows: Vec<(String, i64)> = on!(session, |c| sqlx::query_as(USERS).fetch_all(c).await?);
    let user = |(pseudonym, account): (String, i64)| {
        let uid = u32::try_from(-1 - account);
        Ok((pseudonym, uid.map_err(|_| DatabaseError::Content("the number of a user"))?))
    };
    rows.into_iter().map(user).collect()
}

/// The name in the log of something that is no person, such as a command line: the name itself, which must be no
/// pseudonym. It has no account, so nothing is ever cut from it.
///
/// # Errors
/// If the database fails.
pub async fn machine(session: Session<'_>, name: &str) -> Result<String, DatabaseError> {
    on!(session, |c| sqlx::query(ADD_MACHINE).bind(name).execute(c).await?.rows_affected());
    Ok(name.to_owned())
}

/// Some rows of the log behind a number, in their order, with their numbers.
///
/// # Errors
/// If the database fails.
pub async fn rows(
    session: Session<'_>,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, Deed)>, DatabaseError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(ROWS).bind(after).bind(i64::from(limit)).fetch_all(c).await?
    });
    let deed = |(number, time, actor, action, subject, detail, _): Row| {
        let deed = Deed { time: Timestamp(time), actor, action, subject, detail };
        (number.unsigned_abs(), deed)
    };
    Ok(rows.into_iter().map(deed).collect())
}

/// Cuts an account from its pseudonym, for good. Whether it had one.
///
/// # Errors
/// If the database fails.
pub async fn erase(session: Session<'_>, account: i64) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| sqlx::query(ERASE).bind(account).execute(c).await?.rows_affected());
    Ok(rows > 0)
}

/// Writes a deed down; its number. Whoever else appends waits until this transaction is over.
///
/// # Errors
/// If the database fails.
pub async fn append(mut session: Session<'_>, deed: &Deed) -> Result<u64, DatabaseError> {
    turn::logs(&session);
    let (number, before): (i64, Vec<u8>) =
        on!(session.again(), |c| sqlx::query_as(NEXT).fetch_one(c).await?);
    let digest = digest(&before, number, deed);
    on!(session.again(), |c| {
        sqlx::query(APPEND)
            .bind(number)
            .bind(deed.time.0)
            .bind(&deed.actor)
            .bind(&deed.action)
            .bind(&deed.subject)
            .bind(&deed.detail)
            .bind(&digest)
            .execute(c)
            .await?;
    });
    on!(session, |c| sqlx::query(END).bind(&digest).execute(c).await?.rows_affected());
    u64::try_from(number).map_err(|_| DatabaseError::Content("the number of an audit row"))
}

/// What was done to a subject, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn of_subject(
    session: Session<'_>,
    subject: &str,
    limit: u32,
) -> Result<Vec<Deed>, DatabaseError> {
    let rows: Vec<(i64, String, String, String, String)> = on!(session, |c| {
        sqlx::query_as(OF_SUBJECT).bind(subject).bind(i64::from(limit)).fetch_all(c).await?
    });
    let deed = |(time, actor, action, subject, detail)| Deed {
        time: Timestamp(time),
        actor,
        action,
        subject,
        detail,
    };
    Ok(rows.into_iter().map(deed).collect())
}

/// What an account did, in its order.
///
/// # Errors
/// If the database fails.
pub async fn of_account(session: Session<'_>, account: i64) -> Result<Vec<Deed>, DatabaseError> {
    let rows: Vec<(i64, String, String, String, String)> =
        on!(session, |c| sqlx::query_as(OF_ACCOUNT).bind(account).fetch_all(c).await?);
    let deed = |(time, actor, action, subject, detail)| Deed {
        time: Timestamp(time),
        actor,
        action,
        subject,
        detail,
    };
    Ok(rows.into_iter().map(deed).collect())
}

/// What was done to a subject from one row up to another, in its order, at most so many rows: each with its number.
///
/// # Errors
/// If the database fails.
pub async fn of_subject_between(
    session: Session<'_>,
    subject: &str,
    rows: RangeInclusive<u64>,
    limit: u32,
) -> Result<Vec<(u64, By)>, DatabaseError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows: Vec<RowOf> = on!(session, |c| {
        sqlx::query_as(OF_SUBJECT_BETWEEN)
            .bind(subject)
            .bind(number(*rows.start()))
            .bind(number(*rows.end()))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    let by = |(number, time, actor, action, subject, detail, account, name): RowOf| {
        let deed = Deed { time: Timestamp(time), actor, action, subject, detail };
        let user = account.and_then(|account| u32::try_from(-1 - account).ok());
        (number.unsigned_abs(), By { deed, name, user })
    };
    Ok(rows.into_iter().map(by).collect())
}

/// A row with the number, and with who its pseudonym is.
type RowOf = (i64, i64, String, String, String, String, Option<i64>, Option<String>);

/// What was done, and who the pseudonym in it is, as long as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// What was done.
    pub deed: Deed,
    /// The name of the account.
    pub name: Option<String>,
    /// The number of the user of the system.
    pub user: Option<u32>,
}

/// Who did something to a subject from one row up to another, but for deeds of one kind.
///
/// # Errors
/// If the database fails.
pub async fn actors_of(
    session: Session<'_>,
    subject: &str,
    rows: RangeInclusive<u64>,
    but: &str,
) -> Result<Vec<String>, DatabaseError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let actors: Vec<(String,)> = on!(session, |c| {
        sqlx::query_as(ACTORS_OF)
            .bind(subject)
            .bind(number(*rows.start()))
            .bind(number(*rows.end()))
            .bind(but)
            .fetch_all(c)
            .await?
    });
    Ok(actors.into_iter().map(|(actor,)| actor).collect())
}

/// The details of deeds of one kind that were done to a subject from one row up to another, in their order.
///
/// # Errors
/// If the database fails.
pub async fn details_of(
    session: Session<'_>,
    subject: &str,
    rows: RangeInclusive<u64>,
    action: &str,
) -> Result<Vec<String>, DatabaseError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let details: Vec<(String,)> = on!(session, |c| {
        sqlx::query_as(DETAILS_OF)
            .bind(subject)
            .bind(number(*rows.start()))
            .bind(number(*rows.end()))
            .bind(action)
            .fetch_all(c)
            .await?
    });
    Ok(details.into_iter().map(|(detail,)| detail).collect())
}

/// Who did deeds of one kind to a subject of which the detail has these words. They are no pattern of SQL.
///
/// # Errors
/// If the database fails.
pub async fn actors_saying(
    session: Session<'_>,
    subject: &str,
    action: &str,
    words: &str,
) -> Result<Vec<String>, DatabaseError> {
    let pattern = format!("%{words}%");
    let actors: Vec<(String,)> = on!(session, |c| {
        sqlx::query_as(ACTORS_SAYING).bind(subject).bind(action).bind(pattern).fetch_all(c).await?
    });
    Ok(actors.into_iter().map(|(actor,)| actor).collect())
}

/// What somebody did to a subject from a moment on, all of it, the last ones first: of each deed what it was, and its
/// detail.
///
/// # Errors
/// If the database fails.
pub async fn details_since(
    session: Session<'_>,
    actor: &str,
    subject: &str,
    since: Timestamp,
) -> Result<Vec<(String, String)>, DatabaseError> {
    Ok(on!(session, |c| {
        sqlx::query_as(OF_ACTOR)
            .bind(actor)
            .bind(subject)
            .bind(since.0)
            .bind(since.before(DISORDER).0)
            .fetch_all(c)
            .await?
    }))
}

/// A row may be so much older than the row before it: its time is that of the beginning of what was done, and that took
/// as long as it did. Behind a row that is older yet nobody looks.
const DISORDER: Duration = Duration::from_secs(86_400);

/// When a deed was last done to a subject.
///
/// # Errors
/// If the database fails.
pub async fn last_of(
    session: Session<'_>,
    subject: &str,
    action: &str,
) -> Result<Option<Timestamp>, DatabaseError> {
    let row: Option<(i64,)> = on!(session, |c| {
        sqlx::query_as(LAST_OF).bind(subject).bind(action).fetch_optional(c).await?
    });
    Ok(row.map(|(time,)| Timestamp(time)))
}

/// Whoever acts where nobody does: expiry, for one.
pub const SYSTEM: &str = "system";

/// Looks through the whole log.
///
/// # Errors
/// If the database fails.
pub async fn verify(mut session: Session<'_>) -> Result<Verified, DatabaseError> {
    let (mut last, mut before) = (0_i64, vec![0; 32]);
    loop {
        let rows: Vec<Row> = on!(session.again(), |c| {
            sqlx::query_as(ROWS).bind(last).bind(PART).fetch_all(c).await?
        });
        if rows.is_empty() {
            break;
        }
        for (number, time, actor, action, subject, detail, stored) in rows {
            let deed = Deed { time: Timestamp(time), actor, action, subject, detail };
            let is_next = number == last + 1;
            if !is_next || digest(&before, number, &deed) != stored {
                return Ok(Verified::BrokenAt(last.unsigned_abs() + 1));
            }
            (last, before) = (number, stored);
        }
    }
    // The end is kept apart: without it the last rows could be dropped unseen.
    let end = Head { rows: last.unsigned_abs(), digest: before };
    match head(session).await? == end {
        true => Ok(Verified::Whole(last.unsigned_abs())),
        false => Ok(Verified::BrokenAt(last.unsigned_abs() + 1)),
    }
}

/// How many rows the log has, and the digest of the last of them.
///
/// # Errors
/// If the database fails.
pub async fn head(session: Session<'_>) -> Result<Head, DatabaseError> {
    let (rows, digest): (i64, Vec<u8>) =
        on!(session, |c| sqlx::query_as(LAST).fetch_one(c).await?);
    let rows =
        u64::try_from(rows).map_err(|_| DatabaseError::Content("the number of an audit row"))?;
    Ok(Head { rows, digest })
}

/// Whether the log was only added to since it had this head: otherwise it is another one, or an older copy.
///
/// # Errors
/// If the database fails.
pub async fn goes_on_from(session: Session<'_>, head: &Head) -> Result<bool, DatabaseError> {
    Ok(digest_at(session, head.rows).await?.is_some_and(|digest| digest == head.digest))
}

/// The digest of a row, which covers all rows up to it; none if there is no such row. Before the first row it is zeros.
///
/// # Errors
/// If the database fails.
pub async fn digest_at(
    session: Session<'_>,
    number: u64,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    if number == 0 {
        return Ok(Some(vec![0; 32]));
    }
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let row: Option<(Vec<u8>,)> =
        on!(session, |c| sqlx::query_as(DIGEST).bind(number).fetch_optional(c).await?);
    Ok(row.map(|(digest,)| digest))
}

/// A row of the log.
type Row = (i64, i64, String, String, String, String, Vec<u8>);

/// The digest of a row behind another one: each field with its length in front.
fn digest(before: &[u8], number: i64, deed: &Deed) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&number.to_be_bytes());
    context.update(&deed.time.0.to_be_bytes());
    for text in [&deed.actor, &deed.action, &deed.subject, &deed.detail] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// Rows that are read at once.
const PART: i64 = 1_000;

statements! {
    /// Who is behind a pseudonym.
    ACCOUNT_OF = "SELECT account FROM actors WHERE pseudonym = $1";
    /// A pseudonym for an account without one.
    ADD_ACTOR = "INSERT INTO actors (pseudonym, account) VALUES ($1, $2) ON CONFLICT (account) DO NOTHING";
    /// The pseudonym of an account.
    ACTOR = "SELECT pseudonym FROM actors WHERE account = $1";
    /// Users of the system.
    USERS = "SELECT pseudonym, account FROM actors WHERE account < 0 ORDER BY account DESC";
    /// Somebody who is no person.
    ADD_MACHINE = "INSERT INTO actors (pseudonym, account) VALUES ($1, NULL) ON CONFLICT (pseudonym) DO NOTHING";
    /// Cuts an account off.
    ERASE = "UPDATE actors SET account = NULL WHERE account = $1";
    /// The next number, with the digest of the row before.
    NEXT = "UPDATE audit_end SET number = number + 1 WHERE one = 1 RETURNING number, digest";
    /// The new end.
    END = "UPDATE audit_end SET digest = $1 WHERE one = 1";
    /// The end.
    LAST = "SELECT number, digest FROM audit_end WHERE one = 1";
    /// The digest of a row.
    DIGEST = "SELECT digest FROM audit WHERE number = $1";
    /// Adds a row.
    APPEND = "INSERT INTO audit (number, time, actor, action, subject, detail, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// Some rows, in order.
    ROWS = "SELECT number, time, actor, action, subject, detail, digest
        FROM audit WHERE number > $1 ORDER BY number LIMIT $2";
    /// Who did something to a subject.
    ACTORS_OF = "SELECT DISTINCT actor FROM audit
        WHERE subject = $1 AND number >= $2 AND number <= $3 AND action <> $4 ORDER BY actor";
    /// The details of deeds of one kind.
    DETAILS_OF = "SELECT detail FROM audit
        WHERE subject = $1 AND number >= $2 AND number <= $3 AND action = $4 ORDER BY number";
    /// Who did deeds of one kind that say something.
    ACTORS_SAYING = "SELECT DISTINCT actor FROM audit
        WHERE subject = $1 AND action = $2 AND detail LIKE $3 ORDER BY actor";
    /// What was done to a subject, and by whom.
    OF_SUBJECT_BETWEEN = "SELECT a.number, a.time, a.actor, a.action, a.subject, a.detail, w.account, p.name
        FROM audit a LEFT JOIN actors w ON w.pseudonym = a.actor LEFT JOIN accounts p ON p.id = w.account
        WHERE a.subject = $1 AND a.number >= $2 AND a.number <= $3 ORDER BY a.number LIMIT $4";
    /// What somebody did to a subject lately: his rows are gone through from the last one back to one that is much older,
    /// and not all that he ever did.
    OF_ACTOR = "SELECT action, detail FROM audit
        WHERE actor = $1 AND subject = $2 AND time >= $3 AND number > COALESCE(
            (SELECT number FROM audit WHERE actor = $1 AND time < $4 ORDER BY number DESC LIMIT 1), 0)
        ORDER BY number DESC";
    /// When a deed was done last.
    LAST_OF = "SELECT time FROM audit WHERE subject = $1 AND action = $2 ORDER BY number DESC LIMIT 1";
    /// The rows of an account.
    OF_ACCOUNT = "SELECT a.time, a.actor, a.action, a.subject, a.detail FROM audit a
        JOIN actors w ON w.pseudonym = a.actor WHERE w.account = $1 ORDER BY a.number";
    /// The rows of a subject.
    OF_SUBJECT = "SELECT time, actor, action, subject, detail
        FROM audit WHERE subject = $1 ORDER BY number DESC LIMIT $2";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{Database, Transaction};

    /// Writes some deeds down.
    async fn write(transaction: &mut Transaction, count: i64) {
        let actor = actor(transaction.session(), 1).await.expect("a pseudonym");
        for time in 0..count {
            let deed = Deed {
                time: Timestamp(time),
                actor: actor.clone(),
                action: "entry.add".to_owned(),
                subject: format!("list/{}", time % 2),
                detail: "{}".to_owned(),
            };
            append(transaction.session(), &deed).await.expect("it is written");
        }
    }

    /// Takes off what keeps rows of the log from being changed, as somebody does who has the database.
    async fn unguard(transaction: &mut Transaction) {
        let statements = match transaction.session() {
            Session::Sqlite(_) => {
                ["DROP TRIGGER audit_is_never_changed", "DROP TRIGGER audit_is_never_shortened"]
            }
            Session::Postgres(..) => [
                "DROP TRIGGER audit_is_never_changed ON audit",
                "DROP TRIGGER audit_is_never_emptied ON audit",
            ],
        };
        for sql in statements {
            on!(transaction.session(), |c| {
                sqlx::query(sql).execute(c).await.expect("it runs");
            });
        }
    }

    /// What a look through the log finds after somebody was at it with a statement.
    async fn after(database: &Database, sql: &'static str) -> Verified {
        let mut transaction = database.begin().await.expect("a transaction");
        unguard(&mut transaction).await;
        on!(transaction.session(), |c| {
            sqlx::query(sql).execute(c).await.expect("it runs");
        });
        verify(transaction.session()).await.expect("it is read")
    }

    #[tokio::test]
    async fn nothing_in_the_log_can_be_changed_or_dropped_unseen() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            assert_eq!(
                verify(transaction.session()).await.expect("it is read"),
                Verified::Whole(0)
            );
            write(&mut transaction, 2_100).await;
            transaction.commit().await.expect("it is committed");
            use Verified::{BrokenAt, Whole};
            assert_eq!(after(&database, "SELECT 1").await, Whole(2_100));
            let change = "UPDATE audit SET detail = '{\"x\":1}' WHERE number = 1500";
            assert_eq!(after(&database, change).await, BrokenAt(1500));
            let moved =
                "UPDATE audit SET subject = subject || action, action = '' WHERE number = 3";
            assert_eq!(after(&database, moved).await, BrokenAt(3));
            assert_eq!(after(&database, "DELETE FROM audit WHERE number = 7").await, BrokenAt(7));
            let end = "DELETE FROM audit WHERE number > 2099";
            assert_eq!(after(&database, end).await, BrokenAt(2_100));
        })
        .await;
    }

    #[tokio::test]
    async fn what_somebody_did_to_a_subject_is_not_washed_out_by_what_he_did_to_others() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (me, other) = (
                actor(t.session(), 1).await.expect("a pseudonym"),
                actor(t.session(), 2).await.expect("a pseudonym"),
            );
            let hour = 3_600_000_000;
            let mut deeds = vec![
                (&me, "list/0", 1, "long ago"),
                (&me, "list/0", 30 * hour, "before"),
                (&me, "list/0", 40 * hour, "first"),
                (&other, "list/0", 40 * hour, "another's"),
            ];
            deeds.extend(vec![(&me, "list/1", 40 * hour, "elsewhere"); 2_100]);
            // What was begun before is written down after it.
            deeds.push((&me, "list/0", 35 * hour, "slow"));
            deeds.push((&me, "list/0", 41 * hour, "last"));
            for (who, subject, time, action) in deeds {
                let deed = Deed {
                    time: Timestamp(time),
                    actor: who.clone(),
                    action: action.to_owned(),
                    subject: subject.to_owned(),
                    detail: "{}".to_owned(),
                };
                append(t.session(), &deed).await.expect("it is written");
            }
            for (since, expected) in [
                (40 * hour, &["last", "first"][..]),
                (35 * hour, &["last", "slow", "first"]),
                (0, &["last", "slow", "first", "before", "long ago"]),
                (42 * hour, &[]),
            ] {
                let found = details_since(t.session(), &me, "list/0", Timestamp(since)).await;
                let found = found.expect("they are read");
                let found: Vec<_> = found.iter().map(|(action, _)| &**action).collect();
                assert_eq!(found, expected, "since {since}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn rows_of_the_log_are_only_ever_added() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            write(&mut transaction, 3).await;
            transaction.commit().await.expect("it is committed");
            let change = "UPDATE audit SET detail = '' WHERE number = 2";
            for (sql, word) in [(change, "changed"), ("DELETE FROM audit", "removed")] {
                let mut transaction = database.begin().await.expect("a transaction");
                let refused: Result<_, sqlx::Error> = match transaction.session() {
                    Session::Sqlite(c) => sqlx::query(sql).execute(c).await.map(drop),
                    Session::Postgres(c, _) => sqlx::query(sql).execute(c).await.map(drop),
                };
                let told = refused.expect_err(sql).to_string();
                assert!(
                    told.contains(&format!("rows of the audit log are never {word}")),
                    "{told}"
                );
            }
            let mut connection = database.read().await.expect("a connection");
            let found = verify(connection.session()).await.expect("it is read");
            assert_eq!(found, Verified::Whole(3));
        })
        .await;
    }

    /// Writes all of the log anew, with another detail in one row, as somebody does who has the database.
    async fn rewrite(transaction: &mut Transaction, changed: i64) {
        let mut before = vec![0; 32];
        for (number, mut deed) in
            rows(transaction.session(), 0, 1_000).await.expect("they are read")
        {
            let number = number.cast_signed();
            if number == changed {
                deed.detail = "{\"never\":true}".to_owned();
            }
            before = digest(&before, number, &deed);
            on!(transaction.session(), |c| {
                sqlx::query("UPDATE audit SET detail = $2, digest = $3 WHERE number = $1")
                    .bind(number)
                    .bind(&deed.detail)
                    .bind(&before)
                    .execute(c)
                    .await
                    .expect("it is changed");
            });
        }
        on!(transaction.session(), |c| {
            sqlx::query(END).bind(&before).execute(c).await.expect("it is changed");
        });
    }

    #[tokio::test]
    async fn a_log_that_is_rewritten_whole_has_another_digest_from_there_on() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            write(&mut transaction, 9).await;
            let mut digests = Vec::new();
            for number in 0..=10 {
                let digest = digest_at(transaction.session(), number).await.expect("it is read");
                assert_eq!(digest.is_some(), number < 10);
                digests.push(digest);
            }
            let (head, older) = (
                head(transaction.session()).await.expect("it is read"),
                Head { rows: 4, digest: digests[4].clone().expect("a digest") },
            );
            let goes_on = async |transaction: &mut Transaction, from: &Head| {
                goes_on_from(transaction.session(), from).await.expect("it is read")
            };
            let longer = Head { rows: 10, ..head.clone() };
            for (from, is_so) in [(&head, true), (&older, true), (&longer, false)] {
                assert_eq!(goes_on(&mut transaction, from).await, is_so, "{from}");
            }
            unguard(&mut transaction).await;
            rewrite(&mut transaction, 5).await;
            for (from, is_so) in [(&head, false), (&older, true)] {
                assert_eq!(goes_on(&mut transaction, from).await, is_so, "{from}");
            }
            let found = verify(transaction.session()).await.expect("it is read");
            assert_eq!(found, Verified::Whole(9), "it does not show in the log itself");
            for number in 0..=10_u32 {
                let digest = digest_at(transaction.session(), number.into()).await;
                let is_same = digest.expect("it is read") == digests[number as usize];
                assert_eq!(is_same, number < 5 || number == 10, "row {number}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_user_of_the_system_is_nobody_with_an_account() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let account = actor(transaction.session(), 1).await.expect("a pseudonym");
            let mut known = Vec::new();
            for uid in [0, 1, 1000, u32::MAX, 1] {
                let pseudonym = user(transaction.session(), uid).await.expect("a pseudonym");
                assert_ne!(pseudonym, account);
                known.push((pseudonym, uid));
            }
            let again = known.pop();
            assert_eq!(again.as_ref(), known.get(1), "he stays who he is");
            let users = users(transaction.session()).await.expect("they are read");
            assert_eq!(users, known, "who has an account is none of them");
        })
        .await;
    }

    #[tokio::test]
    async fn a_person_is_erased_and_the_log_stays_whole() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            write(&mut transaction, 4).await;
            let before = actor(transaction.session(), 1).await.expect("a pseudonym");
            assert!(erase(transaction.session(), 1).await.expect("it is cut"));
            assert!(!erase(transaction.session(), 1).await.expect("there is none"));
            assert_eq!(
                verify(transaction.session()).await.expect("it is read"),
                Verified::Whole(4)
            );
            let deeds =
                of_subject(transaction.session(), "list/1", 10).await.expect("they are read");
            assert_eq!(head(transaction.session()).await.expect("it is read").rows, 4);
            let mut who = async |rows, but| {
                let found = actors_of(transaction.session(), "list/1", rows, but).await;
                found.expect("they are read")
            };
            assert_eq!(who(1..=2, "entry.remove").await, std::slice::from_ref(&before));
            assert_eq!(who(1..=1, "entry.remove").await, [""; 0], "that is of another subject");
            assert_eq!(who(1..=2, "entry.add").await, [""; 0], "they are left out");
            let times: Vec<i64> = deeds.iter().map(|deed| deed.time.0).collect();
            assert_eq!((times, &deeds[0].actor), (vec![3, 1], &before));
            let again = actor(transaction.session(), 1).await.expect("a pseudonym");
            assert_ne!(again, before, "whoever has that account now is somebody else");
        })
        .await;
    }
}
