//! What became of removals before: of an entry, and of whoever asked.

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How often an entry was removed since a moment; and others of the whole to which it belongs, if to any, before it was
/// listed.
///
/// # Errors
/// If the database fails.
pub async fn granted_since(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    whole: Option<&Key>,
    since: Timestamp,
    listed: Timestamp,
) -> Result<u32, DatabaseError> {
    let key = key.to_bytes();
    let (first, last) = match whole {
        Some(whole) => whole.within().into_inner(),
        None => (key.clone(), key.clone()),
    };
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(GRANTED_SINCE)
            .bind(list.0)
            .bind(first)
            .bind(last)
            .bind(since.0)
            .bind(key)
            .bind(listed.0)
            .fetch_one(c)
            .await?
    });
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// When an entry was last removed because somebody asked, if it is known.
///
/// # Errors
/// If the database fails.
pub async fn last_granted(
    session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<Option<Timestamp>, DatabaseError> {
    let key = key.to_bytes();
    let (last,): (Option<i64>,) =
        on!(session, |c| sqlx::query_as(LAST_GRANTED).bind(list.0).bind(key).fetch_one(c).await?);
    Ok(last.map(Timestamp))
}

/// How much was asked for from a mail address, and from a network, since a moment.
///
/// # Errors
/// If the database fails.
pub async fn asked_since(
    mut session: Session<'_>,
    mail: &str,
    network: &str,
    since: Timestamp,
) -> Result<(u32, u32), DatabaseError> {
    let (by_mail,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(BY_MAIL_SINCE).bind(mail).bind(since.0).fetch_one(c).await?
    });
    let (by_network,): (i64,) = on!(session, |c| {
        sqlx::query_as(BY_NETWORK_SINCE).bind(network).bind(since.0).fetch_one(c).await?
    });
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok((count(by_mail), count(by_network)))
}

statements! {
    /// Counts removals of an entry, and of others beside it; a link that found nothing to remove is none.
    GRANTED_SINCE = "SELECT COUNT(*) FROM removals
        WHERE list = $1 AND key >= $2 AND key <= $3 AND decided >= $4 AND state = 'granted' AND answer = ''
        AND (key = $5 OR decided <= $6)";
    /// When an entry was last removed.
    LAST_GRANTED = "SELECT MAX(decided) FROM removals
        WHERE list = $1 AND key = $2 AND state = 'granted' AND answer = ''";
    /// Counts those from an address.
    BY_MAIL_SINCE = "SELECT COUNT(*) FROM removals WHERE mail = $1 AND created >= $2";
    /// Counts those from a network.
    BY_NETWORK_SINCE = "SELECT COUNT(*) FROM removals WHERE network = $1 AND created >= $2";
}
