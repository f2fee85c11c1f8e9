//! The removals that wait for an editor, and which of them somebody looks for.

use sqlx::QueryBuilder;

use super::{Removal, RemovalId, Row, removal};
use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::sought::{self, Sought};
use crate::statement::statements;
use crate::time::Timestamp;

/// Which of those that an editor decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Narrowed<'s> {
    /// From this list only.
    pub list: Option<ListId>,
    /// What somebody looks for.
    pub sought: Option<&'s Sought>,
    /// Asked for before.
    pub before: Option<Timestamp>,
    /// To which this editor agreed.
    pub editor: Option<AccountId>,
    /// Only those to which one editor agreed, and another has to.
    pub for_second: bool,
    /// Those behind this one.
    pub after: Option<RemovalId>,
}

/// Those that an editor decides, the first first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn queued(
    session: Session<'_>,
    narrowed: &Narrowed<'_>,
    limit: u32,
) -> Result<Vec<Removal>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(QUEUED);
        if let Some(list) = narrowed.list {
            query.push(" AND list = ").push_bind(list.0);
        }
        if let Some(after) = narrowed.after {
            query.push(" AND id > ").push_bind(after.0);
        }
        if let Some(before) = narrowed.before {
            query.push(" AND created < ").push_bind(before.0);
        }
        if let Some(editor) = narrowed.editor {
            query.push(" AND agreed = ").push_bind(editor.0);
        }
        if narrowed.for_second {
            query.push(" AND agreed IS NOT NULL");
        }
        match narrowed.sought {
            None => {}
            Some(Sought::Number(id)) => {
                query.push(" AND id = ").push_bind(*id);
            }
            Some(Sought::Network(network)) => {
                let ([first, last], around) = sought::keys(*network);
                query.push(" AND ((key >= ").push_bind(first);
                query.push(" AND key <= ").push_bind(last).push(")");
                for key in around {
                    query.push(" OR key = ").push_bind(key);
                }
                query.push(")");
            }
            Some(Sought::Words(words)) => {
                let pattern = sought::pattern(words);
                query.push(" AND (LOWER(target) LIKE ").push_bind(pattern.clone());
                query.push(" ESCAPE '\\' OR mail LIKE ").push_bind(pattern);
                query.push(" ESCAPE '\\')");
            }
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        query.build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(removal).collect()
}

/// The one that waits for an editor about an entry, if one does: others join it.
///
/// # Errors
/// If the database fails.
pub async fn waiting_at(
    session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<Option<RemovalId>, DatabaseError> {
    let key = key.to_bytes();
    let (first,): (Option<i64>,) =
        on!(session, |c| sqlx::query_as(WAITING_AT).bind(list.0).bind(key).fetch_one(c).await?);
    Ok(first.map(RemovalId))
}

/// Those that wait for an editor together with one, or were decided with it, the first first.
///
/// # Errors
/// If the database fails.
pub async fn joined(session: Session<'_>, id: RemovalId) -> Result<Vec<Removal>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(JOINED).bind(id.0).fetch_all(c).await?);
    rows.into_iter().map(removal).collect()
}

/// Those that wait for an editor, before what narrows them. Those that joined one are decided with it.
const QUEUED: &str =
    "SELECT id, list, key, target, mail, network, reason, nonce, state, created, expires,
    decided, answer, agreed, agreed_at, way, control, joins, kind, serial
    FROM removals WHERE state = 'queued' AND joins IS NULL";

statements! {
    /// The first that waits about an entry.
    WAITING_AT = "SELECT MIN(id) FROM removals
        WHERE list = $1 AND key = $2 AND state = 'queued' AND joins IS NULL";
    /// Those that joined one.
    JOINED = "SELECT id, list, key, target, mail, network, reason, nonce, state, created, expires,
        decided, answer, agreed, agreed_at, way, control, joins, kind, serial
        FROM removals WHERE joins = $1 ORDER BY id";
}
