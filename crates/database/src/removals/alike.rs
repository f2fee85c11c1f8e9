//! What removals have in common, by which waves of them are seen.

use super::RemovalId;
use crate::database::DatabaseError;
use crate::entries::{CriterionId, SourceId};
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What a removal has in common with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// The domain of the target; empty if none is known.
    pub domain: String,
    /// Where the entry came from.
    pub source: Option<SourceId>,
    /// Why it was listed, as the list's policy says it.
    pub criterion: Option<CriterionId>,
}

/// Notes what a removal has in common with others.
///
/// # Errors
/// If the database fails.
pub async fn liken(
    session: Session<'_>,
    id: RemovalId,
    likeness: &Likeness,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(LIKEN)
            .bind(id.0)
            .bind(&likeness.domain)
            .bind(likeness.source.map(|source| source.0))
            .bind(likeness.criterion.map(|criterion| criterion.0))
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// How many others are like a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alike {
    /// Removals of targets of the same domain.
    pub by_domain: u32,
    /// Networks from which somebody had something removed that was listed by the same source and criterion.
    pub by_origin: u32,
}

/// How many of those whose link was followed are like a removal: of the same domain and asked for since a moment, and
/// of the same origin since another.
///
/// # Errors
/// If the database fails.
pub async fn alike(
    mut session: Session<'_>,
    id: RemovalId,
    domain_since: Timestamp,
    origin_since: Timestamp,
) -> Result<Alike, DatabaseError> {
    let (by_domain,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(OF_DOMAIN).bind(id.0).bind(domain_since.0).fetch_one(c).await?
    });
    let (by_origin,): (i64,) = on!(session, |c| {
        sqlx::query_as(OF_ORIGIN).bind(id.0).bind(origin_since.0).fetch_one(c).await?
    });
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Alike { by_domain: count(by_domain), by_origin: count(by_origin) })
}

statements! {
    /// Notes what one is like.
    LIKEN = "UPDATE removals SET domain = $2, source = $3, criterion = $4 WHERE id = $1";
    /// Counts those of the same domain.
    OF_DOMAIN = "SELECT COUNT(*) FROM removals own JOIN removals r ON r.domain = own.domain
        WHERE own.id = $1 AND r.domain <> '' AND r.id <> own.id AND r.created >= $2
        AND r.state IN ('queued', 'granted', 'refused')";
    /// Counts the networks that asked for those of the same origin.
    OF_ORIGIN = "SELECT COUNT(DISTINCT r.network) FROM removals own
        JOIN removals r ON r.list = own.list AND r.source = own.source
        WHERE own.id = $1 AND COALESCE(r.criterion, 0) = COALESCE(own.criterion, 0) AND r.id <> own.id
        AND r.created >= $2 AND r.state IN ('queued', 'granted', 'refused')";
}
