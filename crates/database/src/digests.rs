//! Which letters somebody wants, and the news that is gathered for him until they are one letter.

use std::time::Duration;

use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Which letters somebody wants besides those that need him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All, at once.
    All,
    /// One a day.
    Daily,
    /// One a week.
    Weekly,
    /// None.
    Needed,
}

/// A piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub what: String,
    /// Where to read on.
    pub link: String,
    /// When it happened.
    pub created: Timestamp,
}

impl Wanted {
    /// All of them.
    pub const ALL: [Wanted; 4] = [Wanted::All, Wanted::Daily, Wanted::Weekly, Wanted::Needed];

    /// Its word, as it is stored and as forms say it.
    pub fn word(self) -> &'static str {
        match self {
            Wanted::All => "all",
            Wanted::Daily => "daily",
            Wanted::Weekly => "weekly",
            Wanted::Needed => "needed",
        }
    }

    /// The one of a word.
    pub fn of_word(word: &str) -> Option<Wanted> {
        Wanted::ALL.into_iter().find(|wanted| wanted.word() == word)
    }
}

/// Which letters somebody wants; nothing if there is no such account.
///
/// # Errors
/// If the database fails.
pub async fn wanted(
    session: Session<'_>,
    account: AccountId,
) -> Result<Option<Wanted>, DatabaseError> {
    let row: Option<(String,)> =
        on!(session, |c| sqlx::query_as(WANTED).bind(account.0).fetch_optional(c).await?);
    let read = |(word,): (String,)| {
        Wanted::of_word(&word).ok_or(DatabaseError::Content("which letters somebody wants"))
    };
    row.map(read).transpose()
}

/// Says which letters somebody wants. Who wants none loses what was gathered.
///
/// # Errors
/// If the database fails.
pub async fn want(
    mut session: Session<'_>,
    account: AccountId,
    wanted: Wanted,
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| {
        let query = sqlx::query(WANT).bind(account.0).bind(wanted.word());
        query.execute(c).await?.rows_affected()
    });
    if wanted == Wanted::Needed {
        on!(session, |c| sqlx::query(DROP).bind(account.0).execute(c).await?.rows_affected());
    }
    Ok(())
}

/// Gathers a piece of news for somebody.
///
/// # Errors
/// If the database fails.
pub async fn gather(
    session: Session<'_>,
    account: AccountId,
    item: &Item,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(GATHER)
            .bind(account.0)
            .bind(&item.subject)
            .bind(&item.what)
            .bind(&item.link)
            .bind(item.created.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// For whom news has been gathered for as long as he wants, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn due(
    session: Session<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<AccountId>, DatabaseError> {
    let since = |days: u64| now.before(Duration::from_secs(days * 86_400)).0;
    let rows: Vec<(i64,)> = on!(session, |c| {
        sqlx::query_as(DUE)
            .bind(now.0)
            .bind(since(1))
            .bind(since(7))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    Ok(rows.into_iter().map(|(id,)| AccountId(id)).collect())
}

/// Takes what was gathered for somebody, the first of it first; nobody else gets it.
///
/// # Errors
/// If the database fails.
pub async fn take(session: Session<'_>, account: AccountId) -> Result<Vec<Item>, DatabaseError> {
    let mut rows: Vec<(i64, String, String, String, i64)> =
        on!(session, |c| sqlx::query_as(TAKE).bind(account.0).fetch_all(c).await?);
    rows.sort_by_key(|row| row.0);
    let item = |(_, subject, what, link, created)| Item {
        subject,
        what,
        link,
        created: Timestamp(created),
    };
    Ok(rows.into_iter().map(item).collect())
}

statements! {
    /// What somebody wants.
    WANTED = "SELECT letters FROM accounts WHERE id = $1";
    /// He wants that.
    WANT = "UPDATE accounts SET letters = $2 WHERE id = $1";
    /// Nothing is gathered.
    DROP = "DELETE FROM digests WHERE account = $1";
    /// One more.
    GATHER = "INSERT INTO digests (account, subject, what, link, created) VALUES ($1, $2, $3, $4, $5)";
    /// For whom it is time.
    DUE = "SELECT a.id FROM accounts a JOIN
        (SELECT account, MIN(created) AS first FROM digests GROUP BY account) d ON d.account = a.id
        WHERE d.first <= CASE a.letters WHEN 'daily' THEN CAST($2 AS BIGINT) WHEN 'weekly' THEN CAST($3 AS BIGINT)
            ELSE CAST($1 AS BIGINT) END
        ORDER BY a.id LIMIT $4";
    /// All of somebody's.
    TAKE = "DELETE FROM digests WHERE account = $1 RETURNING id, subject, what, link, created";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::testing::on_each;

    #[tokio::test]
    async fn news_is_gathered_as_long_as_somebody_wants() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let day = |count: i64| Timestamp(count * 86_400_000_000);
            let id = accounts::add(t.session(), "a@x.example", "A", "", Role::Member, day(0)).await;
            let id = id.expect("it is added").expect("it is new");
            assert_eq!(wanted(t.session(), id).await.expect("read"), Some(Wanted::All));
            assert_eq!(wanted(t.session(), AccountId(99)).await.expect("read"), None);
            let item = |subject: &str, created| Item {
                subject: subject.to_owned(),
                what: "what".to_owned(),
                link: "/x".to_owned(),
                created,
            };
            want(t.session(), id, Wanted::Weekly).await.expect("it is written");
            for (subject, at) in [("first", day(10)), ("second", day(12))] {
                gather(t.session(), id, &item(subject, at)).await.expect("it is kept");
            }
            for (wanted, at, is_due) in [
                (Wanted::Weekly, day(16), false),
                (Wanted::Weekly, day(17), true),
                (Wanted::Daily, day(10), false),
                (Wanted::Daily, day(11), true),
                (Wanted::All, day(10), true),
            ] {
                want(t.session(), id, wanted).await.expect("it is written");
                let due = due(t.session(), at, 9).await.expect("they are read");
                assert_eq!(due.contains(&id), is_due, "{wanted:?} at {at:?}");
            }
            let taken = take(t.session(), id).await.expect("they are taken");
            assert_eq!(taken, [item("first", day(10)), item("second", day(12))]);
            assert_eq!(take(t.session(), id).await.expect("they are taken"), []);
            gather(t.session(), id, &item("third", day(20))).await.expect("it is kept");
            want(t.session(), id, Wanted::Needed).await.expect("it is written");
            assert_eq!(take(t.session(), id).await.expect("they are taken"), []);
        })
        .await;
    }
}
