//! What the links in the texts of listings are made of: a key of tags for each list, and where the portal is.
//!
//! The key is no secret of people: whoever asks a list is told the tags. It is here, and not in a file, so that every
//! process that publishes makes the same links, and a restored backup still knows those that are out.

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// A key of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its number: the largest of a list makes its tags.
    pub number: i64,
    /// The key.
    pub secret: [u8; 16],
}

/// The keys of a list, the one that makes tags first.
///
/// # Errors
/// If the database fails.
pub async fn of(session: Session<'_>, list: ListId) -> Result<Vec<StoredKey>, DatabaseError> {
    let rows: Vec<(i64, Vec<u8>)> =
        on!(session, |c| sqlx::query_as(OF).bind(list.0).fetch_all(c).await?);
    let key = |(number, secret): (i64, Vec<u8>)| {
        let secret = secret[..].try_into().map_err(|_| DatabaseError::Content("a key of tags"))?;
        Ok(StoredKey { number, secret })
    };
    rows.into_iter().map(key).collect()
}

/// Gives a list a key of this number. Whether it had none of it before.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    list: ListId,
    key: &StoredKey,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(ADD)
            .bind(list.0)
            .bind(key.number)
            .bind(&key.secret[..])
            .bind(now.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

/// Forgets the keys of a list before a number.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, list: ListId, before: i64) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(FORGET).bind(list.0).bind(before).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Where people reach the portal, if it ever said so.
///
/// # Errors
/// If the database fails.
pub async fn portal(session: Session<'_>) -> Result<Option<String>, DatabaseError> {
    let row: Option<(String,)> = on!(session, |c| sqlx::query_as(PORTAL).fetch_optional(c).await?);
    Ok(row.map(|(url,)| url))
}

/// Writes down where people reach the portal. Whether that is news.
///
/// # Errors
/// If the database fails.
pub async fn set_portal(session: Session<'_>, url: &str) -> Result<bool, DatabaseError> {
    let rows =
        on!(session, |c| sqlx::query(SET_PORTAL).bind(url).execute(c).await?.rows_affected());
    Ok(rows == 1)
}

statements! {
    /// The keys of a list.
    OF = "SELECT number, secret FROM tag_keys WHERE list = $1 ORDER BY number DESC";
    /// Adds one.
    ADD = "INSERT INTO tag_keys (list, number, secret, created) VALUES ($1, $2, $3, $4)
        ON CONFLICT (list, number) DO NOTHING";
    /// Forgets old ones.
    FORGET = "DELETE FROM tag_keys WHERE list = $1 AND number < $2";
    /// Where the portal is.
    PORTAL = "SELECT url FROM portal_address WHERE id = 1";
    /// Says where it is.
    SET_PORTAL = "INSERT INTO portal_address (id, url) VALUES (1, $1) ON CONFLICT (id) DO UPDATE
        SET url = excluded.url WHERE portal_address.url <> excluded.url";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn the_last_key_is_first_and_an_address_is_news_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let key = |number| StoredKey { number, secret: [number as u8; 16] };
            let now = Timestamp(7);
            for number in 1..=3 {
                assert!(add(t.session(), list, &key(number), now).await.expect("it is added"));
            }
            let other = StoredKey { number: 3, secret: [9; 16] };
            assert!(!add(t.session(), list, &other, now).await.expect("it is there"));
            forget(t.session(), list, 2).await.expect("it is forgotten");
            let keys = of(t.session(), list).await.expect("they are read");
            assert!(keys == [key(3), key(2)]);
            assert_eq!(portal(t.session()).await.expect("it is read"), None);
            for (url, is_news) in [("http://a", true), ("http://a", false), ("http://b", true)] {
                let told = set_portal(t.session(), url).await.expect("it is written");
                assert_eq!(told, is_news, "{url}");
                assert_eq!(portal(t.session()).await.expect("it is read").as_deref(), Some(url));
            }
        })
        .await;
    }
}
