//! Mail that waits to be sent: written in the transaction that makes it necessary, gone when a mail server has taken
//! it. To whom it went is known a while longer, as a report that it did not arrive may come days later.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LetterId(pub i64);

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub recipient: String,
    /// What it is about.
    pub subject: String,
    /// What it says, as plain text.
    pub plain: String,
    /// The same as HTML.
    pub html: String,
    /// Where it is unsubscribed from by one click; empty if it cannot be.
    pub unsubscribe: String,
}

/// A letter that somebody is sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number.
    pub id: LetterId,
    /// What it is.
    pub letter: Letter,
    /// When it was written. Numbers may be given again, so this belongs to its name.
    pub created: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// Puts a letter into the box.
///
/// # Errors
/// If the database fails.
pub async fn put(
    session: Session<'_>,
    letter: &Letter,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(PUT)
            .bind(&letter.recipient)
            .bind(&letter.subject)
            .bind(&letter.plain)
            .bind(&letter.html)
            .bind(now.0)
            .bind(&letter.unsubscribe)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Takes a letter that is due, and of those first one that nobody can unsubscribe from: somebody asked for it and waits.
/// Nobody else gets it for so long. One that is not [`sent`] by then is taken again.
///
/// # Errors
/// If the database fails.
pub async fn take(
    session: Session<'_>,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Taken>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(TAKE).bind(now.0).bind(now.after(lease).0).fetch_optional(c).await?
    });
    Ok(row.map(|(id, recipient, subject, plain, html, attempts, unsubscribe, created)| Taken {
        id: LetterId(id),
        letter: Letter { recipient, subject, plain, html, unsubscribe },
        created: Timestamp(created),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    }))
}

/// A row of the outbox: number, recipient, subject, plain, HTML, attempts, link, moment.
type Row = (i64, String, String, String, String, i64, String, i64);

/// A letter is sent.
///
/// # Errors
/// If the database fails.
pub async fn sent(
    mut session: Session<'_>,
    id: LetterId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| {
        sqlx::query(KEEP).bind(id.0).bind(now.0).execute(c).await?.rows_affected()
    });
    give_up(session, id).await
}

/// A letter is given up.
///
/// # Errors
/// If the database fails.
pub async fn give_up(session: Session<'_>, id: LetterId) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(GONE).bind(id.0).execute(c).await?.rows_affected());
    Ok(())
}

/// When the letters with a number were written, and to whom: one that waits or was sent, and, as numbers are given again,
/// perhaps others that were sent.
///
/// # Errors
/// If the database fails.
pub async fn recipients(
    session: Session<'_>,
    id: LetterId,
) -> Result<Vec<(Timestamp, String)>, DatabaseError> {
    let rows: Vec<(i64, String)> =
        on!(session, |c| sqlx::query_as(RECIPIENTS).bind(id.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(created, recipient)| (Timestamp(created), recipient)).collect())
}

/// Forgets to whom letters went so long ago.
///
/// # Errors
/// If the database fails.
pub async fn forget_sent(
    session: Session<'_>,
    now: Timestamp,
    age: Duration,
) -> Result<u64, DatabaseError> {
    let before = now.before(age).0;
    Ok(on!(session, |c| sqlx::query(FORGET_SENT).bind(before).execute(c).await?.rows_affected()))
}

/// A letter was not taken, and is tried again.
///
/// # Errors
/// If the database fails.
pub async fn failed(
    session: Session<'_>,
    id: LetterId,
    error: &str,
    again: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(FAILED).bind(id.0).bind(error).bind(again.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

statements! {
    /// Puts a letter in.
    PUT = "INSERT INTO outbox (recipient, subject, plain, html, created, due, attempts, unsubscribe)
        VALUES ($1, $2, $3, $4, $5, $5, 0, $6)";
    /// Takes one out for a while.
    TAKE = "UPDATE outbox SET due = $2, attempts = attempts + 1 WHERE due <= $1 AND id =
        (SELECT id FROM outbox WHERE due <= $1
            ORDER BY CASE unsubscribe WHEN '' THEN 0 ELSE 1 END, due, id LIMIT 1)
        RETURNING id, recipient, subject, plain, html, attempts, unsubscribe, created";
    /// It is known to whom it went.
    KEEP = "INSERT INTO sent_letters (letter, created, recipient, sent)
        SELECT id, created, recipient, CAST($2 AS BIGINT) FROM outbox WHERE id = $1
        ON CONFLICT (letter, created) DO NOTHING";
    /// It is gone.
    GONE = "DELETE FROM outbox WHERE id = $1";
    /// To whom it is, or was.
    RECIPIENTS = "SELECT created, recipient FROM outbox WHERE id = $1
        UNION SELECT created, recipient FROM sent_letters WHERE letter = $1 ORDER BY 1, 2";
    /// Nobody will report them any more.
    FORGET_SENT = "DELETE FROM sent_letters WHERE sent <= $1";
    /// It stays.
    FAILED = "UPDATE outbox SET error = $2, due = $3 WHERE id = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_letter_is_sent_by_one_and_again_if_he_fell_silent() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let letter = |to: &str| Letter {
                recipient: to.to_owned(),
                subject: "s".to_owned(),
                plain: "p".to_owned(),
                html: "h".to_owned(),
                unsubscribe: "u".to_owned(),
            };
            for (to, at) in [("a@x.example", 1), ("b@x.example", 2)] {
                put(t.session(), &letter(to), Timestamp(at)).await.expect("it is put in");
            }
            let lease = Duration::from_micros(10);
            let mut next = async |now: i64| {
                take(t.session(), Timestamp(now), lease).await.expect("it is tried")
            };
            let first = next(5).await.expect("one is due");
            assert_eq!((first.letter, first.attempts), (letter("a@x.example"), 1));
            let second = next(5).await.expect("one is due");
            assert_eq!(second.letter, letter("b@x.example"));
            assert_eq!(next(5).await, None);
            let again = next(15).await.expect("nobody heard of the first");
            assert_eq!((again.id, again.attempts), (first.id, 2));
            sent(t.session(), first.id, Timestamp(16)).await.expect("it is gone");
            let to = recipients(t.session(), first.id).await.expect("they are read");
            assert_eq!(to, [(Timestamp(1), "a@x.example".to_owned())], "it may come back");
            let to = recipients(t.session(), second.id).await.expect("they are read");
            assert_eq!(to, [(second.created, "b@x.example".to_owned())], "so may one on its way");
            let age = Duration::from_micros(4);
            assert_eq!(forget_sent(t.session(), Timestamp(19), age).await.expect("a number"), 0);
            assert_eq!(forget_sent(t.session(), Timestamp(20), age).await.expect("a number"), 1);
            assert_eq!(recipients(t.session(), first.id).await.expect("they are read"), []);
            failed(t.session(), second.id, "no such host", Timestamp(50)).await.expect("it stays");
            let mut next = async |now: i64| {
                take(t.session(), Timestamp(now), lease).await.expect("it is tried")
            };
            assert_eq!(next(49).await, None);
            assert_eq!(next(50).await.map(|taken| taken.id), Some(second.id));
            give_up(t.session(), second.id).await.expect("it is gone");
            assert_eq!(recipients(t.session(), second.id).await.expect("they are read"), []);
        })
        .await;
    }
}
