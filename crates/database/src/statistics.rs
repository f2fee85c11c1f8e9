//! What the service of editors is counted from: decisions with their times, and what waits.

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// A decision about a request or a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The state that it led to, by its word.
    pub outcome: String,
    /// When it was made.
    pub time: Timestamp,
    /// Since when it was waited for.
    pub asked: Timestamp,
    /// Who made it; none if that account is gone, or is not written down.
    pub account: Option<i64>,
}

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its state, by its word.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
}

/// The decisions about requests from a moment on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn of_requests(
    session: Session<'_>,
    from: Timestamp,
    limit: u32,
) -> Result<Vec<Decision>, DatabaseError> {
    let rows: Vec<(String, i64, i64, Option<i64>)> = on!(session, |c| {
        sqlx::query_as(OF_REQUESTS).bind(from.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    let read = |(outcome, time, asked, account)| Decision {
        outcome,
        time: Timestamp(time),
        asked: Timestamp(asked),
        account,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The decisions about removals from a moment on, at most so many; what a link did by itself is `auto-granted`.
///
/// # Errors
/// If the database fails.
pub async fn of_removals(
    session: Session<'_>,
    from: Timestamp,
    limit: u32,
) -> Result<Vec<Decision>, DatabaseError> {
    let rows: Vec<(String, i64, i64, Option<i64>)> = on!(session, |c| {
        sqlx::query_as(OF_REMOVALS).bind(from.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    let read = |(outcome, time, asked, account)| Decision {
        outcome,
        time: Timestamp(time),
        asked: Timestamp(asked),
        account,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The requests and removals that wait for an editor, at most so many of each.
///
/// # Errors
/// If the database fails.
pub async fn waiting(session: Session<'_>, limit: u32) -> Result<Vec<Waiting>, DatabaseError> {
    let rows: Vec<(String, i64)> =
        on!(session, |c| sqlx::query_as(WAITING).bind(i64::from(limit)).fetch_all(c).await?);
    let read = |(state, since)| Waiting { state, since: Timestamp(since) };
    Ok(rows.into_iter().map(read).collect())
}

statements! {
    /// What was decided about requests. What was handed in again waits from then on.
    OF_REQUESTS = "SELECT h.state, h.time, COALESCE(
            (SELECT MAX(s.time) FROM request_history AS s
                WHERE s.request = h.request AND s.state = 'submitted' AND s.version < h.version),
            r.created), a.account
        FROM request_history AS h JOIN requests AS r ON r.id = h.request
            JOIN actors AS a ON a.pseudonym = h.actor
        WHERE h.time >= $1 AND h.state IN ('approved', 'partly-approved', 'auto-approved', 'rejected',
            'needs-info', 'withdrawn', 'expired')
        ORDER BY h.time DESC LIMIT $2";
    /// What was decided about removals.
    OF_REMOVALS = "SELECT CASE WHEN r.state = 'granted' AND r.decided_by IS NULL THEN 'auto-granted'
            ELSE r.state END, r.decided, r.created, a.account
        FROM removals AS r LEFT JOIN actors AS a ON a.pseudonym = r.decided_by
        WHERE r.decided >= $1 AND r.state IN ('granted', 'refused') AND r.joins IS NULL ORDER BY r.decided DESC LIMIT $2";
    /// What waits.
    WAITING = "SELECT state, since FROM (
            SELECT state, COALESCE(submitted, created) AS since FROM requests
                WHERE state IN ('queued', 'in-review')
            UNION ALL SELECT 'removal' AS state, created AS since FROM removals
                WHERE state = 'queued' AND joins IS NULL) AS open
        ORDER BY since LIMIT $1";
}
