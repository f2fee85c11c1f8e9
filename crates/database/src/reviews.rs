//! Review dates of what organisations have on lists: which are near, which are over, and who was reminded of which.

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Something that is to be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The list it is on.
    pub list: ListId,
    /// What it is.
    pub key: Key,
    /// When somebody should look at it, or should have.
    pub review: Timestamp,
}

/// An organisation that did not look in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its Id.
    pub organisation: OrganisationId,
    /// What it is called.
    pub name: String,
    /// How many entries it should have looked at.
    pub entries: u64,
    /// Since when it should have looked at the first of them.
    pub oldest: Timestamp,
}

/// What an organisation should look at until a moment, the earliest first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn due(
    session: Session<'_>,
    organisation: OrganisationId,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Due>, DatabaseError> {
    let rows: Vec<(i64, Vec<u8>, i64)> = on!(session, |c| {
        let query = sqlx::query_as(DUE).bind(organisation.0).bind(until.0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    let due = |(list, key, review): (i64, Vec<u8>, i64)| {
        Ok(Due { list: ListId(list), key: Key::from_bytes(&key)?, review: Timestamp(review) })
    };
    rows.into_iter().map(due).collect()
}

/// How many entries an organisation should look at until a moment.
///
/// # Errors
/// If the database fails.
pub async fn count(
    session: Session<'_>,
    organisation: OrganisationId,
    until: Timestamp,
) -> Result<u64, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(COUNT).bind(organisation.0).bind(until.0).fetch_one(c).await?
    });
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Who did not look in time, the longest first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn overdue(
    session: Session<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Overdue>, DatabaseError> {
    let rows: Vec<(i64, String, i64, i64)> = on!(session, |c| {
        sqlx::query_as(OVERDUE).bind(now.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    let overdue = |(id, name, entries, oldest)| Overdue {
        organisation: OrganisationId(id),
        name,
        entries: u64::try_from(entries).unwrap_or(0),
        oldest: Timestamp(oldest),
    };
    Ok(rows.into_iter().map(overdue).collect())
}

/// Organisations with review dates that are near or over and that they were not reminded of as such, except those that
/// were reminded after `quiet`; at most so many.
///
/// # Errors
/// If the database fails.
pub async fn to_remind(
    session: Session<'_>,
    now: Timestamp,
    ahead: Timestamp,
    quiet: Timestamp,
    limit: u32,
) -> Result<Vec<OrganisationId>, DatabaseError> {
    let rows: Vec<(i64,)> = on!(session, |c| {
        let query = sqlx::query_as(TO_REMIND).bind(now.0).bind(ahead.0).bind(quiet.0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    Ok(rows.into_iter().map(|(id,)| OrganisationId(id)).collect())
}

/// Notes that an organisation is reminded now. Whether nobody else did so after `quiet`.
///
/// # Errors
/// If the database fails.
pub async fn reminded(
    session: Session<'_>,
    organisation: OrganisationId,
    now: Timestamp,
    ahead: Timestamp,
    quiet: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        let query = sqlx::query(REMINDED).bind(organisation.0).bind(now.0).bind(ahead.0);
        query.bind(quiet.0).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

statements! {
    /// What one should look at.
    DUE = "SELECT list, key, MIN(review) FROM entries WHERE organisation = $1 AND review <= $2
        GROUP BY list, key ORDER BY MIN(review), list, key LIMIT $3";
    /// How many.
    COUNT = "SELECT COUNT(*) FROM entries WHERE organisation = $1 AND review <= $2";
    /// Who did not.
    OVERDUE = "SELECT e.organisation, o.name, COUNT(*), MIN(e.review) FROM entries e
        JOIN organisations o ON o.id = e.organisation
        WHERE e.organisation IS NOT NULL AND e.review <= $1
        GROUP BY e.organisation, o.name ORDER BY MIN(e.review), e.organisation LIMIT $2";
    /// Who is to be reminded.
    TO_REMIND = "SELECT DISTINCT e.organisation FROM entries e JOIN organisations o ON o.id = e.organisation
        WHERE e.organisation IS NOT NULL AND e.review <= $2 AND o.review_told <= $3
        AND (e.review > o.review_ahead OR (e.review <= $1 AND e.review > o.review_due))
        ORDER BY e.organisation LIMIT $4";
    /// He is.
    REMINDED = "UPDATE organisations SET review_told = $2, review_due = $2, review_ahead = $3
        WHERE id = $1 AND review_told <= $4";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::{self, Entry, SourceId};
    use crate::testing::on_each;
    use crate::{lists, organisations};

    #[tokio::test]
    async fn an_organisation_is_reminded_ahead_and_when_it_is_due() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "wl.example").await;
            entries::source(t.session(), "hand").await.expect("a source");
            let own = organisations::add(t.session(), "Own", Timestamp(1)).await.expect("an Id");
            for (key, code, review, whose) in [
                ("192.0.2.1", "127.0.0.2", Some(1_000), Some(own)),
                ("192.0.2.1", "127.0.0.3", Some(1_000), Some(own)),
                ("192.0.2.2", "127.0.0.2", Some(900), Some(own)),
                ("192.0.2.3", "127.0.0.2", None, Some(own)),
                ("192.0.2.4", "127.0.0.2", Some(900), None),
            ] {
                let entry = Entry {
                    key: key.parse().expect("a key"),
                    code: Some(code.parse().expect("a code")),
                    text: String::new(),
                    reason: String::new(),
                    criterion: None,
                    source: SourceId(1),
                    organisation: whose,
                    since: Timestamp(1),
                    expires: None,
                    review: review.map(Timestamp),
                };
                entries::put(t.session(), list, &[entry]).await.expect("it is written");
            }
            let found = due(t.session(), own, Timestamp(1_000), 9).await.expect("they are read");
            let words: Vec<_> =
                found.iter().map(|one| (one.key.to_string(), one.review.0)).collect();
            assert_eq!(words, [("192.0.2.2".to_owned(), 900), ("192.0.2.1".to_owned(), 1_000)]);
            assert_eq!(count(t.session(), own, Timestamp(999)).await.expect("a number"), 1);
            let late = overdue(t.session(), Timestamp(1_000), 9).await.expect("they are read");
            let wanted = Overdue {
                organisation: own,
                name: "Own".to_owned(),
                entries: 3,
                oldest: Timestamp(900),
            };
            assert_eq!(late, [wanted]);

            // Ahead of the first, of the second, and when both are over; in between there is nothing new.
            for (now, is_told) in [
                (500, false),
                (800, true),
                (850, false),
                (900, true),
                (950, false),
                (1_000, true),
                (2_000, false),
            ] {
                let (ahead, quiet) = (Timestamp(now + 100), Timestamp(now));
                let now = Timestamp(now);
                let who = to_remind(t.session(), now, ahead, quiet, 9).await.expect("read");
                assert_eq!(who.contains(&own), is_told, "at {now:?}");
                if is_told {
                    let first = reminded(t.session(), own, now, ahead, quiet).await;
                    assert!(first.expect("an answer"));
                    let before = Timestamp(now.0 - 1);
                    let again = reminded(t.session(), own, now, ahead, before).await;
                    assert!(!again.expect("an answer"), "somebody was faster");
                }
            }
        })
        .await;
    }
}
