//! Motions: changes that one editor wants and another one has to agree to, with what is there before and afterwards.
//!
//! A motion ends once, in whatever way, and stays as it was then. Who may end it and what follows from it is the
//! registry's business.

use repute_dnsxl::ReturnCode;
use serde_json::{Value, json};

use crate::database::DatabaseError;
use crate::dns::{Links, Settings};
use crate::entry_history::{Turn, turns_of, value_of};
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MotionId(pub i64);

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// In which list.
    pub list: ListId,
    /// What becomes of what.
    pub what: What,
    /// What the audit log calls it once it is done.
    pub action: String,
    /// Who wants it, by his account.
    pub account: i64,
    /// Why.
    pub reason: String,
    /// Why two have to agree, in a word.
    pub two: String,
    /// Since when.
    pub created: Timestamp,
    /// Until when somebody can agree.
    pub expires: Timestamp,
}

/// What becomes of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Keys have other entries.
    Entries(Vec<Turn>),
    /// A list is published otherwise.
    Publishing {
        /// How it is until now.
        before: Box<Settings>,
        /// How from then on.
        after: Box<Settings>,
    },
    /// One editor decides alone about a code.
    Code {
        /// The code.
        code: ReturnCode,
        /// What it means until now.
        before: String,
        /// What from then on.
        after: String,
    },
}

/// A motion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motion {
    /// Its number.
    pub id: MotionId,
    /// What is wanted.
    pub new: New,
    /// Where it stands.
    pub state: State,
    /// When it ended.
    pub decided: Option<Timestamp>,
    /// Who ended it: a pseudonym of the audit log.
    pub decided_by: Option<String>,
    /// What was said of that.
    pub answer: String,
    /// With which serial it was done.
    pub serial: Option<u32>,
}

/// Where a motion stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Another editor has to say.
    Open,
    /// He agreed, and it is done.
    Confirmed,
    /// He did not.
    Refused,
    /// Who wanted it does not any more.
    Withdrawn,
    /// Nobody agreed in time.
    Expired,
    /// What it was about had become something else.
    Stale,
}

/// How a motion ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'e> {
    /// In which state.
    pub state: State,
    /// By whom: a pseudonym of the audit log.
    pub by: &'e str,
    /// What is said of it.
    pub answer: &'e str,
    /// With which serial it is done.
    pub serial: Option<u32>,
    /// When.
    pub time: Timestamp,
}

impl State {
    /// All of them.
    pub const ALL: [State; 6] = [
        State::Open,
        State::Confirmed,
        State::Refused,
        State::Withdrawn,
        State::Expired,
        State::Stale,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Confirmed => "confirmed",
            State::Refused => "refused",
            State::Withdrawn => "withdrawn",
            State::Expired => "expired",
            State::Stale => "stale",
        }
    }
}

impl What {
    /// The word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Entries(_) => "entries",
            What::Publishing { .. } => "publishing",
            What::Code { .. } => "code",
        }
    }
}

/// Writes a motion down.
///
/// # Errors
/// If the database fails.
pub async fn add(session: Session<'_>, new: &New) -> Result<MotionId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD)
            .bind(new.list.0)
            .bind(new.what.kind())
            .bind(&new.action)
            .bind(new.account)
            .bind(&new.reason)
            .bind(&new.two)
            .bind(written(&new.what))
            .bind(new.created.0)
            .bind(new.expires.0)
            .fetch_one(c)
            .await?
    });
    Ok(MotionId(id))
}

/// How many bytes what is wanted takes where it is kept.
pub fn size(what: &What) -> usize {
    written(what).len()
}

/// A motion by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: MotionId) -> Result<Option<Motion>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(motion).transpose()
}

/// Motions in a state, the latest first, from before one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    state: State,
    before: Option<MotionId>,
    limit: u32,
) -> Result<Vec<Motion>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(PAGE)
            .bind(state.word())
            .bind(before.map_or(i64::MAX, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(motion).collect()
}

/// The open motions of all lists, the first first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn open(session: Session<'_>, limit: u32) -> Result<Vec<Motion>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OPEN).bind(i64::from(limit)).fetch_all(c).await?);
    rows.into_iter().map(motion).collect()
}

/// The open motions of a list, the first first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn open_of(
    session: Session<'_>,
    list: ListId,
    limit: u32,
) -> Result<Vec<Motion>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OPEN_OF).bind(list.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(motion).collect()
}

/// Has an open motion be somebody else's, until a moment; whether it was open.
///
/// # Errors
/// If the database fails.
pub async fn take_over(
    session: Session<'_>,
    id: MotionId,
    account: i64,
    expires: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        let query = sqlx::query(TAKE_OVER).bind(id.0).bind(account).bind(expires.0);
        query.execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Ends an open motion; whether it was open.
///
/// # Errors
/// If the database fails.
pub async fn end(
    session: Session<'_>,
    id: MotionId,
    ending: &Ending<'_>,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(END)
            .bind(id.0)
            .bind(ending.state.word())
            .bind(ending.time.0)
            .bind(ending.by)
            .bind(ending.answer)
            .bind(ending.serial.map(i64::from))
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

/// Ends open motions whose time is over; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| { sqlx::query(EXPIRE).bind(now.0).execute(c).await?.rows_affected() }))
}

/// Forgets motions that ended before a moment; how many.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before.0).execute(c).await?.rows_affected()))
}

/// A row of motions.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// In which list.
    list: i64,
    /// What kind it is.
    kind: String,
    /// What the log calls it.
    action: String,
    /// Who wants it.
    account: i64,
    /// Why.
    reason: String,
    /// Why two have to agree.
    two: String,
    /// What becomes of what.
    particulars: String,
    /// Where it stands.
    state: String,
    /// Since when.
    created: i64,
    /// Until when.
    expires: i64,
    /// When it ended.
    decided: Option<i64>,
    /// By whom.
    decided_by: Option<String>,
    /// What was said.
    answer: String,
    /// With which serial.
    serial: Option<i64>,
}

/// Reads a row.
fn motion(row: Row) -> Result<Motion, DatabaseError> {
    let state = State::ALL.into_iter().find(|state| state.word() == row.state);
    let what = read(&row.kind, &row.particulars).ok_or(DatabaseError::Content("a motion"))?;
    Ok(Motion {
        id: MotionId(row.id),
        new: New {
            list: ListId(row.list),
            what,
            action: row.action,
            account: row.account,
            reason: row.reason,
            two: row.two,
            created: Timestamp(row.created),
            expires: Timestamp(row.expires),
        },
        state: state.ok_or(DatabaseError::Content("the state of a motion"))?,
        decided: row.decided.map(Timestamp),
        decided_by: row.decided_by,
        answer: row.answer,
        serial: row.serial.and_then(|serial| u32::try_from(serial).ok()),
    })
}

/// What becomes of what, as it is stored.
fn written(what: &What) -> String {
    let value = match what {
        What::Entries(turns) => Value::Array(turns.iter().map(value_of).collect()),
        What::Publishing { before, after } => {
            json!({ "before": of_settings(before), "after": of_settings(after) })
        }
        What::Code { code, before, after } => {
            json!({ "code": code.to_string(), "before": before, "after": after })
        }
    };
    value.to_string()
}

/// Reads it.
fn read(kind: &str, text: &str) -> Option<What> {
    let value: Value = serde_json::from_str(text).ok()?;
    match kind {
        "entries" => Some(What::Entries(turns_of(&value)?)),
        "publishing" => Some(What::Publishing {
            before: Box::new(settings_of(&value["before"])?),
            after: Box::new(settings_of(&value["after"])?),
        }),
        "code" => Some(What::Code {
            code: value["code"].as_str()?.parse().ok()?,
            before: value["before"].as_str()?.to_owned(),
            after: value["after"].as_str()?.to_owned(),
        }),
        _ => None,
    }
}

/// How a list is published, as it is stored.
fn of_settings(settings: &Settings) -> Value {
    let words =
        |all: &[repute_dnsxl::Name]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let canaries: Vec<String> = settings.canaries.iter().map(ToString::to_string).collect();
    json!({
        "name_servers": words(&settings.name_servers),
        "hostmaster": settings.hostmaster.as_ref().map(ToString::to_string),
        "refresh": settings.refresh,
        "retry": settings.retry,
        "expire": settings.expire,
        "minimum": settings.minimum,
        "name_server_ttl": settings.name_server_ttl,
        "ipv4_prefix": settings.ipv4_prefix,
        "ipv6_prefix": settings.ipv6_prefix,
        "max_change": settings.max_change,
        "canaries": canaries,
        "links": settings.links.word(),
    })
}

/// Reads it.
fn settings_of(value: &Value) -> Option<Settings> {
    let number = |name: &str| value[name].as_u64().and_then(|number| u32::try_from(number).ok());
    let small = |name: &str| value[name].as_u64().and_then(|number| u8::try_from(number).ok());
    let words = |name: &str| -> Option<Vec<&str>> {
        value[name].as_array()?.iter().map(Value::as_str).collect()
    };
    Some(Settings {
        name_servers: words("name_servers")?
            .into_iter()
            .map(|name| name.parse().ok())
            .collect::<Option<_>>()?,
        hostmaster: match &value["hostmaster"] {
            Value::Null => None,
            name => Some(name.as_str()?.parse().ok()?),
        },
        refresh: number("refresh")?,
        retry: number("retry")?,
        expire: number("expire")?,
        minimum: number("minimum")?,
        name_server_ttl: number("name_server_ttl")?,
        ipv4_prefix: small("ipv4_prefix")?,
        ipv6_prefix: small("ipv6_prefix")?,
        max_change: small("max_change")?,
        canaries: words("canaries")?
            .into_iter()
            .map(|target| target.parse().ok())
            .collect::<Option<_>>()?,
        links: Links::by_word(value["links"].as_str()?)?,
    })
}

statements! {
    /// Writes one down.
    ADD = "INSERT INTO motions
        (list, kind, action, account, reason, two, particulars, state, created, expires, answer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, '') RETURNING id";
    /// One motion.
    BY_ID = "SELECT id, list, kind, action, account, reason, two, particulars, state, created, expires,
        decided, decided_by, answer, serial FROM motions WHERE id = $1";
    /// Those in a state.
    PAGE = "SELECT id, list, kind, action, account, reason, two, particulars, state, created, expires,
        decided, decided_by, answer, serial FROM motions WHERE state = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    /// Those that are open.
    OPEN = "SELECT id, list, kind, action, account, reason, two, particulars, state, created, expires,
        decided, decided_by, answer, serial FROM motions WHERE state = 'open' ORDER BY id LIMIT $1";
    /// Those of a list that are open.
    OPEN_OF = "SELECT id, list, kind, action, account, reason, two, particulars, state, created, expires,
        decided, decided_by, answer, serial FROM motions WHERE state = 'open' AND list = $1 ORDER BY id LIMIT $2";
    /// Has one be another's.
    TAKE_OVER = "UPDATE motions SET account = $2, expires = $3 WHERE id = $1 AND state = 'open'";
    /// Ends one.
    END = "UPDATE motions SET state = $2, decided = $3, decided_by = $4, answer = $5, serial = $6
        WHERE id = $1 AND state = 'open'";
    /// Ends those whose time is over.
    EXPIRE = "UPDATE motions SET state = 'expired', decided = $1
        WHERE state = 'open' AND expires <= $1";
    /// Forgets what ended long ago.
    FORGET = "DELETE FROM motions WHERE state <> 'open' AND COALESCE(decided, expires) < $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::{Entry, SourceId};
    use crate::testing::on_each;
    use crate::{audit, lists};

    #[tokio::test]
    async fn a_motion_is_kept_as_it_was_made_and_ends_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let key: crate::Key = "9.9.0.0/16".parse().expect("a key");
            let entry = Entry {
                key: key.clone(),
                code: Some(ReturnCode::LISTED),
                text: "$".to_owned(),
                reason: "why".to_owned(),
                criterion: None,
                source: SourceId(1),
                organisation: None,
                since: Timestamp(5),
                expires: Some(Timestamp(99)),
                review: None,
            };
            let settings = Settings {
                name_servers: vec!["ns1.example.net".parse().expect("a name")],
                canaries: vec!["192.0.2.1".parse().expect("a target")],
                links: Links::Off,
                ..Settings::default()
            };
            let loose = Settings {
                hostmaster: Some("h.example.net".parse().expect("a name")),
                ipv4_prefix: 0,
                ..settings.clone()
            };
            let code = ReturnCode::LISTED;
            let all = [
                What::Entries(vec![Turn::new(key, vec![entry.clone()], Vec::new())]),
                What::Publishing { before: Box::new(settings), after: Box::new(loose) },
                What::Code { code, before: "a".to_owned(), after: "b".to_owned() },
            ];
            let mut made = Vec::new();
            for what in all {
                let new = New {
                    list,
                    what,
                    action: "entries.edit".to_owned(),
                    account: 7,
                    reason: "it is wrong".to_owned(),
                    two: "wide-range".to_owned(),
                    created: Timestamp(10),
                    expires: Timestamp(20),
                };
                let id = add(t.session(), &new).await.expect("it is written");
                let read = by_id(t.session(), id).await.expect("it is read").expect("it is there");
                assert_eq!((&read.new, read.state), (&new, State::Open));
                made.push(id);
            }
            let open = open_of(t.session(), list, 9).await.expect("they are read");
            assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), made);
            let page = page(t.session(), State::Open, Some(made[2]), 1).await.expect("some");
            assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [made[1]]);
            let taken = take_over(t.session(), made[2], 8, Timestamp(30)).await;
            assert!(taken.expect("it is taken"));
            let by = audit::actor(t.session(), 8).await.expect("a pseudonym");
            let state = State::Confirmed;
            let ending =
                Ending { state, by: &by, answer: "yes", serial: Some(5), time: Timestamp(15) };
            for is_open in [true, false] {
                let ended = end(t.session(), made[0], &ending).await.expect("it is tried");
                assert_eq!(ended, is_open);
            }
            let first = by_id(t.session(), made[0]).await.expect("read").expect("there");
            assert_eq!(
                (first.state, &*first.answer, first.serial, first.decided),
                (State::Confirmed, "yes", Some(5), Some(Timestamp(15)))
            );
            assert!(!take_over(t.session(), made[0], 8, Timestamp(30)).await.expect("tried"));
            assert_eq!(expire(t.session(), Timestamp(20)).await.expect("it is done"), 1);
            let late = by_id(t.session(), made[1]).await.expect("read").expect("there");
            assert_eq!(late.state, State::Expired);
            assert_eq!(forget(t.session(), Timestamp(16)).await.expect("it is done"), 1);
            assert!(by_id(t.session(), made[0]).await.expect("it is read").is_none());
        })
        .await;
    }
}
