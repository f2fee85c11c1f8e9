//! What became of the keys of a list, change by change, with the entries before and after: what an editor reads of an
//! entry, and by what a change is taken back.
//!
//! Who did it and why is in the audit log alone, of which each step names its row: so a person who is erased there is
//! erased here. A change of very many keys, as an import is, is one step that names only some of them.

use repute_dnsxl::ReturnCode;
use serde_json::{Value, json};
use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::entries::{CriterionId, Entry, Named, OrganisationId, SourceId};
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub i64);

/// Of which kind a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A key changed.
    Change,
    /// The entries of a key last longer or shorter, or are there for another reason. Only the last one of a key is kept.
    Renewal,
    /// Very many keys changed, which are not named.
    Many,
}

/// What a change made of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The key; none for [`Kind::Many`].
    pub key: Option<Key>,
    /// Its entries before, in the order of their codes. Of very many keys: some of those that went.
    pub before: Vec<Entry>,
    /// Its entries after it. Of very many keys: some of those that came or became others.
    pub after: Vec<Entry>,
}

/// A step, with what the audit log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Names it.
    pub id: StepId,
    /// Of which kind it is.
    pub kind: Kind,
    /// What it made of the key.
    pub turn: Turn,
    /// The number of its row in the audit log.
    pub audit: u64,
    /// Under which version of the list's policy it was done; none if none was in force, or it was not kept yet.
    pub policy: Option<i64>,
    /// When.
    pub time: Timestamp,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
    /// The name of that account; none for one that is gone, and for whoever has none.
    pub name: Option<String>,
    /// The number of that user of the system, who did it at the shell.
    pub user: Option<u32>,
    /// What was done, in a word of the audit log.
    pub action: String,
    /// The particulars, as the audit log has them: JSON.
    pub detail: String,
}

/// What became of a key, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// What became of it.
    pub turn: Turn,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
}

/// What the steps of one change have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Under {
    /// The number of its row in the audit log.
    pub audit: u64,
    /// When.
    pub time: Timestamp,
    /// The version of the list's policy that is in force, if one is.
    pub policy: Option<i64>,
}

/// Writes steps of one change, under its row of the audit log; those that change nothing are left out.
///
/// # Errors
/// If the database fails.
pub async fn note(
    mut session: Session<'_>,
    list: ListId,
    under: Under,
    kind: Kind,
    turns: &[Turn],
) -> Result<(), DatabaseError> {
    let audit = i64::try_from(under.audit).unwrap_or(i64::MAX);
    let turns: Vec<&Turn> = turns.iter().filter(|turn| !turn.is_none()).collect();
    for part in turns.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(NOTE);
            query.push_values(part, |mut row, turn| {
                row.push_bind(list.0)
                    .push_bind(turn.key.as_ref().map(Key::to_bytes).unwrap_or_default())
                    .push_bind(audit)
                    .push_bind(under.time.0)
                    .push_bind(word(kind))
                    .push_bind(text_of(&turn.before))
                    .push_bind(text_of(&turn.after))
                    .push_bind(under.policy);
            });
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Drops the renewals of some keys, before others of them are written.
///
/// # Errors
/// If the database fails.
pub async fn drop_renewals(
    mut session: Session<'_>,
    list: ListId,
    keys: &[Key],
) -> Result<(), DatabaseError> {
    for part in keys.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(DROP_RENEWALS);
            query.push_bind(list.0).push(" AND key IN (");
            let mut keys = query.separated(", ");
            for key in part {
                keys.push_bind(key.to_bytes());
            }
            query.push(")");
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// The steps of a key, the latest first, from before one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn of_key(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    before: Option<StepId>,
    limit: u32,
) -> Result<Vec<Step>, DatabaseError> {
    page(session, list, key.to_bytes(), before, limit).await
}

/// The changes of very many keys of a list, the latest first, from before one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn of_many(
    session: Session<'_>,
    list: ListId,
    before: Option<StepId>,
    limit: u32,
) -> Result<Vec<Step>, DatabaseError> {
    page(session, list, Vec::new(), before, limit).await
}

/// The changes of very many keys of a list behind a row of the audit log and up to another one, in their order.
///
/// # Errors
/// If the database fails.
pub async fn of_many_between(
    session: Session<'_>,
    list: ListId,
    (after, last): (u64, u64),
    limit: u32,
) -> Result<Vec<Step>, DatabaseError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(MANY_BETWEEN)
            .bind(list.0)
            .bind(Vec::<u8>::new())
            .bind(number(after))
            .bind(number(last))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(step).collect()
}

/// The first step of each of these keys behind a row of the audit log; of a key that did not change since there is none.
///
/// # Errors
/// If the database fails.
pub async fn first_behind(
    mut session: Session<'_>,
    list: ListId,
    keys: &[Key],
    audit: u64,
) -> Result<Vec<Turn>, DatabaseError> {
    let audit = i64::try_from(audit).unwrap_or(i64::MAX);
    let mut turns = Vec::new();
    for part in keys.chunks(ROWS) {
        let rows: Vec<(Vec<u8>, String, String)> = on!(session.again(), |c| {
            let mut query = QueryBuilder::new(FIRST_OF);
            query.push_values(part, |mut row, key| {
                row.push_bind(key.to_bytes());
            });
            query.push(FIRST_FROM).push_bind(list.0).push(FIRST_BEHIND).push_bind(audit);
            query.push(FIRST_END);
            query.build_query_as().fetch_all(c).await?
        });
        for row in rows {
            turns.push(turn(row)?);
        }
    }
    Ok(turns)
}

/// The last steps of each of these keys, the latest first, at most so many of each.
///
/// # Errors
/// If the database fails.
pub async fn past_of(
    mut session: Session<'_>,
    list: ListId,
    keys: &[Key],
    most: u32,
) -> Result<Vec<Past>, DatabaseError> {
    let mut all = Vec::new();
    for part in keys.chunks(ROWS) {
        let rows: Vec<(Vec<u8>, String, String, String)> = on!(session.again(), |c| {
            let mut query = QueryBuilder::new(PAST_OF);
            query.push_values(part, |mut row, key| {
                row.push_bind(key.to_bytes());
            });
            query.push(PAST_FROM).push_bind(list.0);
            query.push(PAST_MOST).push_bind(i64::from(most)).push(PAST_END);
            query.build_query_as().fetch_all(c).await?
        });
        for (key, before, after, actor) in rows {
            all.push(Past { turn: turn((key, before, after))?, actor });
        }
    }
    Ok(all)
}

/// A step of a list, by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(
    session: Session<'_>,
    list: ListId,
    id: StepId,
) -> Result<Option<Step>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(list.0).bind(id.0).fetch_optional(c).await?);
    row.map(step).transpose()
}

/// Forgets steps of before a moment, the oldest first, at most so many; how many.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    session: Session<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| {
        let query = sqlx::query(FORGET).bind(before.0).bind(i64::from(limit));
        query.execute(c).await?.rows_affected()
    }))
}

impl Turn {
    /// What a change makes of a key.
    pub fn new(key: Key, before: Vec<Entry>, after: Vec<Entry>) -> Turn {
        let mut turn = Turn { key: Some(key), before, after };
        turn.before.sort_by_key(|entry| entry.code);
        turn.after.sort_by_key(|entry| entry.code);
        turn
    }

    /// Whether nothing changes.
    fn is_none(&self) -> bool {
        self.key.is_some() && self.before == self.after
    }

    /// Whether these are the entries after it, in whatever order.
    pub fn led_to(&self, entries: &[Entry]) -> bool {
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.code);
        entries.into_iter().eq(&self.after)
    }
}

/// Some steps of what is stored as a key.
async fn page(
    session: Session<'_>,
    list: ListId,
    key: Vec<u8>,
    before: Option<StepId>,
    limit: u32,
) -> Result<Vec<Step>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OF_KEY)
            .bind(list.0)
            .bind(key)
            .bind(before.map_or(i64::MAX, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(step).collect()
}

/// A row of steps.
type Row = (
    i64,
    Vec<u8>,
    i64,
    i64,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<String>,
    String,
    String,
    Option<i64>,
);

/// Reads a row.
fn step(row: Row) -> Result<Step, DatabaseError> {
    let (id, key, audit, time, kind, before, after, actor, account, name, action, detail, policy) =
        row;
    Ok(Step {
        id: StepId(id),
        kind: kind_of(&kind)?,
        turn: turn((key, before, after))?,
        audit: audit.unsigned_abs(),
        policy,
        time: Timestamp(time),
        actor,
        name,
        user: account.and_then(|account| u32::try_from(-1 - account).ok()),
        action,
        detail,
    })
}

/// Reads what became of a key.
fn turn((key, before, after): (Vec<u8>, String, String)) -> Result<Turn, DatabaseError> {
    let key = if key.is_empty() { None } else { Some(Key::from_bytes(&key)?) };
    let read = |text: &str| {
        entries_of(text).ok_or(DatabaseError::Content("the entries of a step of the history"))
    };
    Ok(Turn { key, before: read(&before)?, after: read(&after)? })
}

/// A turn as it is stored elsewhere.
pub(crate) fn value_of(turn: &Turn) -> Value {
    json!({
        "key": turn.key.as_ref().map(Key::to_string),
        "before": entries_value(&turn.before),
        "after": entries_value(&turn.after),
    })
}

/// Reads turns that are stored elsewhere.
pub(crate) fn turns_of(value: &Value) -> Option<Vec<Turn>> {
    let turn = |value: &Value| {
        let key = match &value["key"] {
            Value::Null => None,
            key => Some(key.as_str()?.parse().ok()?),
        };
        let entries = |name: &str| entries_in(&value[name]);
        Some(Turn { key, before: entries("before")?, after: entries("after")? })
    };
    value.as_array()?.iter().map(turn).collect()
}

/// Entries as they are stored.
fn text_of(entries: &[Entry]) -> String {
    entries_value(entries).to_string()
}

/// The same as JSON.
fn entries_value(entries: &[Entry]) -> Value {
    let entry = |entry: &Entry| {
        json!({
            "key": entry.key.to_string(),
            "code": entry.code.map(|code| code.to_string()),
            "text": entry.text,
            "reason": entry.reason,
            "criterion": entry.criterion.map(|named| named.id.0),
            "criterion_version": entry.criterion.and_then(|named| named.version),
            "source": entry.source.0,
            "organisation": entry.organisation.map(|id| id.0),
            "since": entry.since.0,
            "expires": entry.expires.map(|time| time.0),
            "review": entry.review.map(|time| time.0),
        })
    };
    Value::Array(entries.iter().map(entry).collect())
}

/// Reads them.
fn entries_of(text: &str) -> Option<Vec<Entry>> {
    entries_in(&serde_json::from_str(text).ok()?)
}

/// Reads them from JSON.
fn entries_in(value: &Value) -> Option<Vec<Entry>> {
    let text_at = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    let entry = |value: &Value| {
        let code = match &value["code"] {
            Value::Null => None,
            code => Some(code.as_str()?.parse::<ReturnCode>().ok()?),
        };
        Some(Entry {
            key: value["key"].as_str()?.parse().ok()?,
            code,
            text: text_at(value, "text")?,
            reason: text_at(value, "reason")?,
            criterion: value["criterion"].as_i64().map(|id| Named {
                id: CriterionId(id),
                version: value["criterion_version"].as_i64(),
            }),
            source: SourceId(value["source"].as_i64()?),
            organisation: value["organisation"].as_i64().map(OrganisationId),
            since: Timestamp(value["since"].as_i64()?),
            expires: value["expires"].as_i64().map(Timestamp),
            review: value["review"].as_i64().map(Timestamp),
        })
    };
    value.as_array()?.iter().map(entry).collect()
}

/// The word for a kind.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Change => "change",
        Kind::Renewal => "renewal",
        Kind::Many => "many",
    }
}

/// The kind of a word.
fn kind_of(word: &str) -> Result<Kind, DatabaseError> {
    match word {
        "change" => Ok(Kind::Change),
        "renewal" => Ok(Kind::Renewal),
        "many" => Ok(Kind::Many),
        _ => Err(DatabaseError::Content("the kind of a step of the history")),
    }
}

/// Rows in a statement: 8 values each, and SQLite takes 32,766.
const ROWS: usize = 1_000;
/// Before the rows of [`note`].
const NOTE: &str =
    "INSERT INTO entry_history (list, key, audit, time, kind, before, after, policy) ";
/// Before the keys of [`first_behind`].
const FIRST_OF: &str = "WITH wanted (key) AS (";
/// Before its list.
const FIRST_FROM: &str =
    ") SELECT h.key, h.before, h.after FROM wanted CROSS JOIN entry_history h WHERE h.id =
    (SELECT MIN(o.id) FROM entry_history o WHERE o.list = ";
/// Before its row of the audit log.
const FIRST_BEHIND: &str = " AND o.key = wanted.key AND o.audit > ";
/// Behind that.
const FIRST_END: &str = ")";
/// Before the keys of [`past_of`].
const PAST_OF: &str = "WITH wanted (key) AS (";
/// Before its list.
const PAST_FROM: &str = ") SELECT h.key, h.before, h.after, a.actor FROM wanted
    CROSS JOIN entry_history h JOIN audit a ON a.number = h.audit WHERE h.id IN
    (SELECT o.id FROM entry_history o WHERE o.key = wanted.key AND o.list = ";
/// Before how many of each.
const PAST_MOST: &str = " ORDER BY o.id DESC LIMIT ";
/// Behind that.
const PAST_END: &str = ") ORDER BY h.id DESC";
/// Before the list of [`drop_renewals`].
const DROP_RENEWALS: &str = "DELETE FROM entry_history WHERE kind = 'renewal' AND list = ";

statements! {
    /// Steps, the latest first.
    OF_KEY = "SELECT h.id, h.key, h.audit, h.time, h.kind, h.before, h.after, a.actor, w.account, p.name, a.action, a.detail, h.policy
        FROM entry_history h JOIN audit a ON a.number = h.audit LEFT JOIN actors w ON w.pseudonym = a.actor
        LEFT JOIN accounts p ON p.id = w.account
        WHERE h.list = $1 AND h.key = $2 AND h.id < $3 ORDER BY h.id DESC LIMIT $4";
    /// Changes of many, in their order.
    MANY_BETWEEN = "SELECT h.id, h.key, h.audit, h.time, h.kind, h.before, h.after, a.actor, w.account, p.name, a.action, a.detail, h.policy
        FROM entry_history h JOIN audit a ON a.number = h.audit LEFT JOIN actors w ON w.pseudonym = a.actor
        LEFT JOIN accounts p ON p.id = w.account
        WHERE h.list = $1 AND h.key = $2 AND h.audit > $3 AND h.audit <= $4 ORDER BY h.id LIMIT $5";
    /// One step.
    BY_ID = "SELECT h.id, h.key, h.audit, h.time, h.kind, h.before, h.after, a.actor, w.account, p.name, a.action, a.detail, h.policy
        FROM entry_history h JOIN audit a ON a.number = h.audit LEFT JOIN actors w ON w.pseudonym = a.actor
        LEFT JOIN accounts p ON p.id = w.account
        WHERE h.list = $1 AND h.id = $2";
    /// Forgets the oldest: they stand in the order of their numbers.
    FORGET = "DELETE FROM entry_history WHERE time < $1
        AND id IN (SELECT id FROM entry_history ORDER BY id LIMIT $2)";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{Transaction, accounts, audit, entries, lists};

    /// An entry of a key.
    fn entry(key: &str, code: &str, source: SourceId) -> Entry {
        Entry {
            key: key.parse().expect("a key"),
            code: code.parse().ok(),
            text: "a \"text\"".to_owned(),
            reason: "why".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(5),
            expires: Some(Timestamp(70)),
            review: None,
        }
    }

    /// A row of the audit log.
    async fn done(transaction: &mut Transaction, actor: &str, time: i64) -> Under {
        let deed = audit::Deed {
            time: Timestamp(time),
            actor: actor.to_owned(),
            action: "entries.edit".to_owned(),
            subject: "list/bl.example".to_owned(),
            detail: "{}".to_owned(),
        };
        let audit = audit::append(transaction.session(), &deed).await.expect("it is written");
        Under { audit, time: Timestamp(time), policy: (time < 20).then_some(3) }
    }

    #[tokio::test]
    async fn steps_are_read_as_they_were_written_and_name_nobody_who_is_gone() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let other = lists::tests::add(&mut t.session(), "other.example").await;
            let source = entries::source(t.session(), "hand").await.expect("a source");
            let role = accounts::Role::Editor;
            let account =
                accounts::add(t.session(), "a@x.example", "Ada", "$none", role, Timestamp(1)).await;
            let account = account.expect("it is added").expect("it is new");
            let actor = audit::actor(t.session(), account.0).await.expect("a pseudonym");
            let key: Key = "192.0.2.0/24".parse().expect("a key");
            let one = entry("192.0.2.0/24", "127.0.0.2", source);
            let never = entry("192.0.2.0/24", "", source);
            let turns = [
                Turn::new(key.clone(), vec![], vec![one.clone()]),
                Turn::new(key.clone(), vec![one.clone()], vec![one.clone(), never.clone()]),
                Turn::new(key.clone(), vec![one.clone(), never.clone()], vec![]),
            ];
            let mut rows = Vec::new();
            for (at, turn) in turns.iter().enumerate() {
                let row = done(t, &actor, 10 + at as i64).await;
                let turns =
                    [turn.clone(), Turn::new("192.0.2.9".parse().expect("a key"), vec![], vec![])];
                note(t.session(), list, row, Kind::Change, &turns).await.expect("it is written");
                rows.push(row.audit);
            }
            let found = of_key(t.session(), list, &key, None, 2).await.expect("they are read");
            let shown: Vec<_> = found.iter().map(|step| (step.audit, step.turn.clone())).collect();
            assert_eq!(shown, [(rows[2], turns[2].clone()), (rows[1], turns[1].clone())]);
            assert_eq!(
                (found[0].name.as_deref(), &*found[0].action),
                (Some("Ada"), "entries.edit")
            );
            assert!(found[1].turn.led_to(&[one.clone(), never.clone()]), "in whatever order");
            assert!(!found[1].turn.led_to(std::slice::from_ref(&one)));
            let rest = of_key(t.session(), list, &key, Some(found[1].id), 9).await.expect("read");
            assert_eq!(rest.len(), 1);
            let alone = by_id(t.session(), list, rest[0].id).await.expect("it is read");
            assert_eq!(alone.as_ref(), rest.first());
            assert_eq!(by_id(t.session(), other, rest[0].id).await.expect("it is read"), None);
            let nothing = "192.0.2.9".parse().expect("a key");
            let none = of_key(t.session(), list, &nothing, None, 9).await.expect("they are read");
            assert_eq!(none, [], "what changes nothing is not written");
            let behind = first_behind(t.session(), list, std::slice::from_ref(&key), rows[0]).await;
            assert_eq!(behind.expect("it is read"), [turns[1].clone()]);
            let behind = first_behind(t.session(), list, std::slice::from_ref(&key), rows[2]).await;
            assert_eq!(behind.expect("it is read"), []);
            audit::erase(t.session(), account.0).await.expect("he is erased");
            let found = of_key(t.session(), list, &key, None, 1).await.expect("they are read");
            assert_eq!((found[0].name.as_deref(), &found[0].actor), (None, &actor));
        })
        .await;
    }

    #[tokio::test]
    async fn of_renewals_the_last_is_kept_and_what_is_old_is_forgotten() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let source = entries::source(t.session(), "rule").await.expect("a source");
            let key: Key = "192.0.2.1".parse().expect("a key");
            let of = |since: i64| Entry {
                since: Timestamp(since),
                ..entry("192.0.2.1", "127.0.0.2", source)
            };
            let row = done(t, audit::SYSTEM, 10).await;
            let turn = Turn::new(key.clone(), vec![], vec![of(0)]);
            note(t.session(), list, row, Kind::Change, &[turn]).await.expect("it is written");
            for time in 1..4 {
                let row = done(t, audit::SYSTEM, 10 + time).await;
                let keys = std::slice::from_ref(&key);
                drop_renewals(t.session(), list, keys).await.expect("they go");
                let turn = Turn::new(key.clone(), vec![of(time - 1)], vec![of(time)]);
                note(t.session(), list, row, Kind::Renewal, &[turn]).await.expect("it is written");
            }
            let row = done(t, audit::SYSTEM, 20).await;
            let many = Turn { key: None, before: vec![of(0)], after: vec![] };
            note(t.session(), list, row, Kind::Many, std::slice::from_ref(&many))
                .await
                .expect("written");
            let found = of_key(t.session(), list, &key, None, 9).await.expect("they are read");
            let kinds: Vec<_> = found.iter().map(|step| (step.kind, step.time.0)).collect();
            assert_eq!(kinds, [(Kind::Renewal, 13), (Kind::Change, 10)]);
            let steps = of_many(t.session(), list, None, 9).await.expect("they are read");
            assert_eq!(steps.iter().map(|step| &step.turn).collect::<Vec<_>>(), [&many]);
            assert_eq!((found[0].policy, steps[0].policy), (Some(3), None));
            for (rows, count) in [((row.audit - 1, row.audit), 1), ((row.audit, row.audit + 1), 0)]
            {
                let steps = of_many_between(t.session(), list, rows, 9).await.expect("read");
                assert_eq!(steps.len(), count, "{rows:?}");
            }
            for (before, gone) in [(10, 0), (13, 1), (14, 1), (14, 0), (21, 1)] {
                let forgotten = forget(t.session(), Timestamp(before), 9).await;
                assert_eq!(forgotten.expect("they go"), gone, "{before}");
            }
        })
        .await;
    }
}
