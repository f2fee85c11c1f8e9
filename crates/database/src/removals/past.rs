//! What became of removals before: of an entry, and of whoever asked.

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How often an entry was removed since a moment; and others of the whole to which it belongs, if to any, before it was
/// listed. What editors took off since somebody appealed was wrong, and does not count.
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

/// What an editor said against a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// The last refusal since a moment to remove an entry, or another of the whole to which it belongs; none if one of them
/// was removed later.
///
/// # Errors
/// If the database fails.
pub async fn last_refused(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    whole: Option<&Key>,
    since: Timestamp,
) -> Result<Option<Refusal>, DatabaseError> {
    let key = key.to_bytes();
    let (first, last) = match whole {
        Some(whole) => whole.within().into_inner(),
        None => (key.clone(), key),
    };
    let row: Option<(i64, String)> = on!(session, |c| {
        let query = sqlx::query_as(LAST_REFUSED).bind(list.0).bind(first).bind(last);
        query.bind(since.0).fetch_optional(c).await?
    });
    Ok(row.map(|(at, why)| Refusal { at: Timestamp(at), why }))
}

/// How many appeals about an entry were decided that were made since a moment, and how many came from a network since
/// another.
///
/// # Errors
/// If the database fails.
pub async fn appealed_since(
    mut session: Session<'_>,
    (list, key, since): (ListId, &Key, Timestamp),
    (network, network_since): (&str, Timestamp),
) -> Result<(u32, u32), DatabaseError> {
    let (of_entry,): (i64,) = on!(session.again(), |c| {
        let query = sqlx::query_as(APPEALS_OF).bind(list.0).bind(key.to_bytes());
        query.bind(since.0).fetch_one(c).await?
    });
    let (by_network,): (i64,) = on!(session, |c| {
        sqlx::query_as(APPEALS_FROM).bind(network).bind(network_since.0).fetch_one(c).await?
    });
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok((count(of_entry), count(by_network)))
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
        WHERE list = $1 AND key >= $2 AND key <= $3 AND decided >= $4 AND state = 'granted'
        AND joins IS NULL AND (key = $5 OR decided <= $6)
        AND ((decided_by IS NULL AND answer = '') OR (decided_by IS NOT NULL AND kind = 'removal'))";
    /// When an entry was last removed.
    LAST_GRANTED = "SELECT MAX(decided) FROM removals
        WHERE list = $1 AND key = $2 AND state = 'granted' AND (answer = '' OR decided_by IS NOT NULL)";
    /// The last refusal, unless something was granted later; a link that found nothing to remove granted nothing.
    LAST_REFUSED = "SELECT decided, answer FROM removals
        WHERE list = $1 AND key >= $2 AND key <= $3 AND decided >= $4 AND state = 'refused'
        AND decided >= COALESCE((SELECT MAX(g.decided) FROM removals g
            WHERE g.list = $1 AND g.key >= $2 AND g.key <= $3 AND g.decided >= $4 AND g.state = 'granted'
            AND (g.answer = '' OR g.decided_by IS NOT NULL)), 0)
        ORDER BY decided DESC, id LIMIT 1";
    /// Counts the appeals about an entry whose link was followed.
    APPEALS_OF = "SELECT COUNT(*) FROM removals WHERE list = $1 AND key = $2 AND kind = 'appeal'
        AND created >= $3 AND state IN ('granted', 'refused') AND joins IS NULL";
    /// Counts the appeals from a network.
    APPEALS_FROM = "SELECT COUNT(*) FROM removals WHERE network = $1 AND kind = 'appeal' AND created >= $2";
    /// Counts those from an address.
    BY_MAIL_SINCE = "SELECT COUNT(*) FROM removals WHERE mail = $1 AND created >= $2";
    /// Counts those from a network.
    BY_NETWORK_SINCE = "SELECT COUNT(*) FROM removals WHERE network = $1 AND created >= $2";
}
