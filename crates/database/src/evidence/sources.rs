//! Who brings evidence, and what is known of each without counting.

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a source of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceSourceId(pub i64);

/// What a source brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Mail to addresses that nobody uses.
    Trap,
    /// Reports of recipients.
    AbuseReport,
    /// Whatever else somebody saw.
    Observation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Trap, Kind::AbuseReport, Kind::Observation];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Trap => "trap",
            Kind::AbuseReport => "abuse-report",
            Kind::Observation => "observation",
        }
    }
}

/// A source of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: EvidenceSourceId,
    /// Its name.
    pub name: String,
    /// What it brings.
    pub kind: Kind,
    /// Since when there is one.
    pub created: Timestamp,
    /// Since when nothing more is taken from it.
    pub closed: Option<Timestamp>,
}

/// Adds a source.
///
/// # Errors
/// If there is one of this name, or the database fails.
pub async fn add_source(
    session: Session<'_>,
    name: &str,
    kind: Kind,
    now: Timestamp,
) -> Result<EvidenceSourceId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD_SOURCE).bind(name).bind(kind.word()).bind(now.0).fetch_one(c).await?
    });
    Ok(EvidenceSourceId(id))
}

/// The source of this name, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn source(session: Session<'_>, name: &str) -> Result<Option<Source>, DatabaseError> {
    let row: Option<SourceRow> =
        on!(session, |c| sqlx::query_as(SOURCE).bind(name).fetch_optional(c).await?);
    row.map(read_source).transpose()
}

/// All sources by their names, with how many observations of each there are.
///
/// # Errors
/// If the database fails.
pub async fn sources(session: Session<'_>) -> Result<Vec<(Source, u64)>, DatabaseError> {
    let rows: Vec<(i64, String, String, i64, Option<i64>, i64)> =
        on!(session, |c| sqlx::query_as(SOURCES).fetch_all(c).await?);
    let read = |(id, name, kind, created, closed, count): (_, _, _, _, _, i64)| {
        Ok((read_source((id, name, kind, created, closed))?, count.unsigned_abs()))
    };
    rows.into_iter().map(read).collect()
}

/// When a source was last heard of: what it told last, and the latest that it saw; none if nothing of it is there.
///
/// # Errors
/// If the database fails.
pub async fn last_of(
    session: Session<'_>,
    id: EvidenceSourceId,
) -> Result<Option<(Timestamp, Timestamp)>, DatabaseError> {
    let row: Option<(Option<i64>, Option<i64>)> =
        on!(session, |c| sqlx::query_as(LAST_OF).bind(id.0).fetch_optional(c).await?);
    let (received, seen) = row.unwrap_or_default();
    Ok(received.zip(seen).map(|(received, seen)| (Timestamp(received), Timestamp(seen))))
}

/// The names of all sources by their numbers.
///
/// # Errors
/// If the database fails.
pub async fn names(session: Session<'_>) -> Result<Vec<(EvidenceSourceId, String)>, DatabaseError> {
    let rows: Vec<(i64, String)> = on!(session, |c| sqlx::query_as(NAMES).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(id, name)| (EvidenceSourceId(id), name)).collect())
}

/// Closes a source, or opens it again.
///
/// # Errors
/// If the database fails.
pub async fn set_closed(
    session: Session<'_>,
    id: EvidenceSourceId,
    closed: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    let closed = closed.map(|time| time.0);
    on!(session, |c| {
        sqlx::query(SET_CLOSED).bind(id.0).bind(closed).execute(c).await?;
    });
    Ok(())
}

/// Counts what a source brought.
pub(super) async fn grow(
    session: Session<'_>,
    id: EvidenceSourceId,
    count: u64,
    received: Timestamp,
    seen: Timestamp,
) -> Result<(), DatabaseError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    on!(session, |c| {
        sqlx::query(GROW).bind(id.0).bind(count).bind(received.0).bind(seen.0).execute(c).await?;
    });
    Ok(())
}

/// Counts what of a source is gone.
pub(super) async fn shrink(
    session: Session<'_>,
    id: EvidenceSourceId,
    count: u64,
) -> Result<(), DatabaseError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    on!(session, |c| {
        sqlx::query(SHRINK).bind(id.0).bind(count).execute(c).await?;
    });
    Ok(())
}

/// A row of sources.
type SourceRow = (i64, String, String, i64, Option<i64>);

/// Reads a row.
fn read_source((id, name, kind, created, closed): SourceRow) -> Result<Source, DatabaseError> {
    let kind = Kind::ALL.into_iter().find(|one| one.word() == kind);
    Ok(Source {
        id: EvidenceSourceId(id),
        name,
        kind: kind.ok_or(DatabaseError::Content("the kind of a source"))?,
        created: Timestamp(created),
        closed: closed.map(Timestamp),
    })
}

statements! {
    /// Adds a source.
    ADD_SOURCE = "INSERT INTO evidence_sources (name, kind, created) VALUES ($1, $2, $3) RETURNING id";
    /// One source.
    SOURCE = "SELECT id, name, kind, created, closed FROM evidence_sources WHERE name = $1";
    /// All of them.
    SOURCES = "SELECT id, name, kind, created, closed, observations FROM evidence_sources ORDER BY name";
    /// What they are called.
    NAMES = "SELECT id, name FROM evidence_sources ORDER BY id";
    /// When one was last heard of.
    LAST_OF = "SELECT last_received, last_seen FROM evidence_sources WHERE id = $1 AND observations > 0";
    /// Closes a source, or opens it.
    SET_CLOSED = "UPDATE evidence_sources SET closed = $2 WHERE id = $1";
    /// It brought something.
    GROW = "UPDATE evidence_sources SET observations = observations + $2,
        last_received = CASE WHEN last_received >= $3 THEN last_received ELSE $3 END,
        last_seen = CASE WHEN last_seen >= $4 THEN last_seen ELSE $4 END WHERE id = $1";
    /// Something of it is gone.
    SHRINK = "UPDATE evidence_sources SET observations = observations - $2 WHERE id = $1";
}
