//! Removals: who is on a block list and wants to be off it asks, without an account.

use crate::agreed::{Agreed, agreed};
use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

pub(crate) mod alike;
pub(crate) mod past;
pub(crate) mod queue;

pub use alike::{Alike, Likeness, alike, liken};
pub use past::{Refusal, appealed_since, asked_since, granted_since, last_granted, last_refused};
pub use queue::{Narrowed, joined, queued, waiting_at};

/// Names a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemovalId(pub i64);

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// Of which list.
    pub list: ListId,
    /// Which entry.
    pub key: Key,
    /// What he asked about.
    pub target: String,
    /// His mail address.
    pub mail: String,
    /// His network.
    pub network: String,
    /// What he says.
    pub reason: String,
    /// Whether it is to go, or an editor is to look at it.
    pub kind: Kind,
    /// By which way he came.
    pub way: Way,
    /// What shows that he has to do with the target.
    pub control: Control,
    /// Random bytes, from which the token of his link is made.
    pub nonce: [u8; 16],
    /// When.
    pub created: Timestamp,
    /// Until when the link is good.
    pub expires: Timestamp,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// That an entry goes.
    #[default]
    Removal,
    /// That an editor looks whether an entry is right which does not go otherwise.
    Appeal,
}

impl Kind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Removal => "removal",
            Kind::Appeal => "appeal",
        }
    }
}

/// By which way somebody asks for a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// He typed the target.
    Typed,
    /// He followed the link of a listing's text.
    Link,
}

impl Way {
    /// Its word.
    fn word(self) -> &'static str {
        match self {
            Way::Typed => "typed",
            Way::Link => "link",
        }
    }
}

/// What shows that somebody has to do with the target he wants off a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    None,
    /// He asked from that address.
    Address,
    /// His mail is taken at a domain of it.
    Domain,
}

impl Control {
    /// Its word.
    fn word(self) -> &'static str {
        match self {
            Control::None => "none",
            Control::Address => "address",
            Control::Domain => "domain",
        }
    }
}

/// A removal as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its number.
    pub id: RemovalId,
    /// What is asked for.
    pub new: New,
    /// Where it stands.
    pub state: State,
    /// When it was decided.
    pub decided: Option<Timestamp>,
    /// Why so, or why an editor decides.
    pub answer: String,
    /// The editor who agrees that the entry goes, where two have to, and since when.
    pub agreed: Option<Agreed>,
    /// The one that waited for an editor about the same entry before, and is decided with this one.
    pub joins: Option<RemovalId>,
    /// With which serial of the list the entry went.
    pub serial: Option<u32>,
}

/// Where a removal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The link is on its way.
    Sent,
    /// An editor decides.
    Queued,
    /// The entry is gone.
    Granted,
    /// The entry stays.
    Refused,
    /// The link was not followed in time.
    Expired,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Sent => "sent",
            State::Queued => "queued",
            State::Granted => "granted",
            State::Refused => "refused",
            State::Expired => "expired",
        }
    }
}

/// Writes down what somebody asks for.
///
/// # Errors
/// If its nonce was used before, or the database fails.
pub async fn add(session: Session<'_>, new: &New) -> Result<RemovalId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD)
            .bind(new.list.0)
            .bind(new.key.to_bytes())
            .bind(&new.target)
            .bind(&new.mail)
            .bind(&new.network)
            .bind(&new.reason)
            .bind(&new.nonce[..])
            .bind(new.created.0)
            .bind(new.expires.0)
            .bind(new.way.word())
            .bind(new.control.word())
            .bind(new.kind.word())
            .fetch_one(c)
            .await?
    });
    Ok(RemovalId(id))
}

/// A removal by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: RemovalId) -> Result<Option<Removal>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(removal).transpose()
}

/// Moves a removal on, if it still stands where the caller believes. Whether it did. Who decided is a pseudonym of the
/// audit log; none where nobody had to.
///
/// # Errors
/// If the database fails.
pub async fn move_on(
    session: Session<'_>,
    before: &Removal,
    state: State,
    (answer, decided_by): (&str, Option<&str>),
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let decided = matches!(state, State::Granted | State::Refused).then_some(now.0);
    let rows = on!(session, |c| {
        sqlx::query(MOVE_ON)
            .bind(before.id.0)
            .bind(before.state.word())
            .bind(state.word())
            .bind(decided)
            .bind(answer)
            .bind(decided_by)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

/// Notes that an editor agrees to a removal that two have to agree to.
///
/// # Errors
/// If the database fails.
pub async fn agree(
    session: Session<'_>,
    id: RemovalId,
    agreed: Agreed,
) -> Result<(), DatabaseError> {
    let Agreed { account, time } = agreed;
    on!(session, |c| {
        sqlx::query(AGREE).bind(id.0).bind(account).bind(time.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Notes with which serial of the list an entry went.
///
/// # Errors
/// If the database fails.
pub async fn note_serial(
    session: Session<'_>,
    id: RemovalId,
    serial: u32,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(NOTE_SERIAL)
            .bind(id.0)
            .bind(i64::from(serial))
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// Notes that a removal waits for an editor together with one that waited before.
///
/// # Errors
/// If the database fails.
pub async fn join(
    session: Session<'_>,
    id: RemovalId,
    first: RemovalId,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(JOIN).bind(id.0).bind(first.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Takes back that an editor agrees to a removal, if it was he.
///
/// # Errors
/// If the database fails.
pub async fn take_back(
    session: Session<'_>,
    id: RemovalId,
    account: i64,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(TAKE_BACK).bind(id.0).bind(account).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Ends those whose link was not followed in time; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(EXPIRE).bind(now.0).execute(c).await?.rows_affected()))
}

/// Forgets who asked, of those that are over and were begun before a moment; how many.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before.0).execute(c).await?.rows_affected()))
}

/// Drops removals that nobody went on with and that were made before one moment, and those that ended and were made
/// before another one; how many. The latest one stays, so that no number is given twice.
///
/// # Errors
/// If the database fails.
pub async fn drop_old(
    session: Session<'_>,
    (expired, ended): (Timestamp, Timestamp),
) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| {
        let query = sqlx::query(DROP_OLD).bind(expired.0).bind(ended.0);
        query.execute(c).await?.rows_affected()
    }))
}

/// A row of removals.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// Of which list.
    list: i64,
    /// Which entry.
    key: Vec<u8>,
    /// What was asked about.
    target: String,
    /// By whom.
    mail: String,
    /// From where.
    network: String,
    /// Why.
    reason: String,
    /// For the token.
    nonce: Vec<u8>,
    /// The word of its state.
    state: String,
    /// When it was begun.
    created: i64,
    /// How long the link is good.
    expires: i64,
    /// When it was decided.
    decided: Option<i64>,
    /// Why so.
    answer: String,
    /// Who agreed first.
    agreed: Option<i64>,
    /// When.
    agreed_at: Option<i64>,
    /// By which way he came.
    way: String,
    /// What shows that it is his.
    control: String,
    /// With which one it waits.
    joins: Option<i64>,
    /// The word of what is asked for.
    kind: String,
    /// With which serial the entry went.
    serial: Option<i64>,
}

/// Reads a row.
fn removal(row: Row) -> Result<Removal, DatabaseError> {
    let state = match &*row.state {
        "sent" => State::Sent,
        "queued" => State::Queued,
        "granted" => State::Granted,
        "refused" => State::Refused,
        "expired" => State::Expired,
        _ => return Err(DatabaseError::Content("the state of a removal")),
    };
    let way = match &*row.way {
        "typed" => Way::Typed,
        "link" => Way::Link,
        _ => return Err(DatabaseError::Content("the way of a removal")),
    };
    let control = match &*row.control {
        "none" => Control::None,
        "address" => Control::Address,
        "domain" => Control::Domain,
        _ => return Err(DatabaseError::Content("the control of a removal")),
    };
    let kind = match &*row.kind {
        "removal" => Kind::Removal,
        "appeal" => Kind::Appeal,
        _ => return Err(DatabaseError::Content("the kind of a removal")),
    };
    let nonce = row.nonce[..].try_into();
    let new = New {
        list: ListId(row.list),
        key: Key::from_bytes(&row.key)?,
        target: row.target,
        mail: row.mail,
        network: row.network,
        reason: row.reason,
        kind,
        way,
        control,
        nonce: nonce.map_err(|_| DatabaseError::Content("the nonce of a removal"))?,
        created: Timestamp(row.created),
        expires: Timestamp(row.expires),
    };
    let decided = row.decided.map(Timestamp);
    let (answer, agreed) = (row.answer, agreed(row.agreed, row.agreed_at));
    let joins = row.joins.map(RemovalId);
    let serial = row.serial.map(u32::try_from).transpose();
    let serial = serial.map_err(|_| DatabaseError::Content("the serial of a removal"))?;
    Ok(Removal { id: RemovalId(row.id), new, state, decided, answer, agreed, joins, serial })
}

statements! {
    /// Writes one down.
    ADD = "INSERT INTO removals
        (list, key, target, mail, network, reason, nonce, state, created, expires, way, control, kind, answer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'sent', $8, $9, $10, $11, $12, '') RETURNING id";
    /// One removal.
    BY_ID = "SELECT id, list, key, target, mail, network, reason, nonce, state, created, expires,
        decided, answer, agreed, agreed_at, way, control, joins, kind, serial FROM removals WHERE id = $1";
    /// Moves one on.
    MOVE_ON = "UPDATE removals SET state = $3, decided = $4, answer = $5, decided_by = $6
        WHERE id = $1 AND state = $2";
    /// Notes who agrees.
    AGREE = "UPDATE removals SET agreed = $2, agreed_at = $3 WHERE id = $1 AND state = 'queued'";
    /// Notes when it went.
    NOTE_SERIAL = "UPDATE removals SET serial = $2 WHERE id = $1 AND state = 'granted'";
    /// Notes with which one it waits.
    JOIN = "UPDATE removals SET joins = $2 WHERE id = $1 AND state = 'queued'";
    /// Notes that he does not.
    TAKE_BACK = "UPDATE removals SET agreed = NULL, agreed_at = NULL WHERE id = $1 AND agreed = $2";
    /// Ends those that were not followed.
    EXPIRE = "UPDATE removals SET state = 'expired' WHERE state = 'sent' AND expires <= $1";
    /// Drops what is long over.
    DROP_OLD = "DELETE FROM removals WHERE id < (SELECT MAX(id) FROM removals) AND mail = ''
        AND ((state = 'expired' AND created < $1) OR (state IN ('granted', 'refused') AND created < $2))";
    /// Forgets people.
    FORGET = "UPDATE removals SET mail = '', network = '', reason = ''
        WHERE created < $1 AND mail <> '' AND state NOT IN ('sent', 'queued')";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::sought::Sought;
    use crate::testing::on_each;

    #[tokio::test]
    async fn removals_are_counted_decided_and_forgotten() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let new = |number: u8, mail: &str| New {
                list,
                key: "192.0.2.1".parse().expect("a key"),
                target: "192.0.2.1".to_owned(),
                mail: mail.to_owned(),
                network: "198.51.100.0/24".to_owned(),
                reason: "it is repaired".to_owned(),
                kind: if number == 1 { Kind::Removal } else { Kind::Appeal },
                way: if number == 1 { Way::Typed } else { Way::Link },
                control: [Control::None, Control::Address, Control::Domain]
                    [usize::from(number - 1) % 3],
                nonce: [number; 16],
                created: Timestamp(i64::from(number)),
                expires: Timestamp(100),
            };
            let mut ids = Vec::new();
            for (number, mail) in [(1, "a@x.example"), (2, "b@x.example"), (3, "a@x.example")] {
                let id = add(transaction.session(), &new(number, mail)).await;
                ids.push(id.expect("it is written"));
            }
            let mut read = async |id| {
                by_id(transaction.session(), id).await.expect("it is read").expect("it is there")
            };
            let (first, second) = (read(ids[0]).await, read(ids[1]).await);
            assert_eq!((&first.new, first.state), (&new(1, "a@x.example"), State::Sent));
            let session = &mut transaction;
            let counts =
                asked_since(session.session(), "a@x.example", "198.51.100.0/24", Timestamp(2));
            assert_eq!(counts.await.expect("numbers"), (1, 2));
            let moves = [(&first, State::Granted, ""), (&second, State::Queued, "so")];
            for (removal, state, answer) in moves {
                for is_first in [true, false] {
                    let now = Timestamp(50);
                    let said = (answer, None);
                    let moved = move_on(session.session(), removal, state, said, now).await;
                    assert_eq!(moved.expect("an answer"), is_first, "it moves on once");
                }
            }
            for id in &ids[..2] {
                agree(session.session(), *id, Agreed { account: 7, time: Timestamp(5) })
                    .await
                    .expect("it is noted");
            }
            let first_now = by_id(session.session(), ids[0]).await.expect("read").expect("there");
            assert_eq!(first_now.agreed, None, "what is decided needs nobody");
            let waiting = queued(session.session(), &Narrowed::default(), 9).await;
            let waiting = waiting.expect("they are read");
            assert_eq!((waiting.len(), waiting[0].id, &*waiting[0].answer), (1, ids[1], "so"));
            assert_eq!(waiting[0].agreed, Some(Agreed { account: 7, time: Timestamp(5) }));
            for (sought, list, after, count) in [
                ("192.0.2.1", None, None, 1),
                ("192.0.2.0/24", Some(list), None, 1),
                ("192.0.2.2", None, None, 0),
                ("2.0.3", None, None, 0),
                ("B@x", None, Some(ids[0]), 1),
                ("0.2.1", None, None, 1),
                ("", None, Some(ids[1]), 0),
                ("", Some(ListId(99)), None, 0),
            ] {
                let read = Sought::read(sought);
                let narrowed =
                    Narrowed { list, sought: read.as_ref(), after, ..Narrowed::default() };
                let found = queued(session.session(), &narrowed, 9).await.expect("they are read");
                assert_eq!(found.len(), count, "{sought} {list:?} {after:?}");
            }
            for (key, whole, since, listed, count) in [
                ("192.0.2.1", None, 50, 0, 1),
                ("192.0.2.1", Some("192.0.2.0/24"), 50, 0, 1),
                ("192.0.2.1", None, 51, 99, 0),
                ("192.0.2.2", Some("192.0.2.0/24"), 50, 50, 1),
                ("192.0.2.2", Some("192.0.2.0/24"), 50, 49, 0),
                ("192.0.2.0/24", None, 50, 50, 0),
            ] {
                let at = key.parse().expect("a key");
                let within = whole.map(|whole| whole.parse().expect("a key"));
                let (since, listed) = (Timestamp(since), Timestamp(listed));
                let counted =
                    granted_since(session.session(), list, &at, within.as_ref(), since, listed);
                assert_eq!(counted.await.expect("a number"), count, "{key} {whole:?} {since:?}");
            }
            assert_eq!(expire(session.session(), Timestamp(100)).await.expect("a number"), 1);
            assert_eq!(forget(session.session(), Timestamp(100)).await.expect("a number"), 2);
            let first = by_id(session.session(), ids[0]).await.expect("read").expect("there");
            assert_eq!((&*first.new.mail, &*first.new.network), ("", ""));
            let second = by_id(session.session(), ids[1]).await.expect("read").expect("there");
            assert_eq!(second.new.mail, "b@x.example", "it is needed for the answer");
            let id = add(session.session(), &new(4, "c@x.example")).await;
            ids.push(id.expect("it is written"));
            // What nobody went on with goes first, what was decided later, and what waits never.
            let states: Vec<State> = {
                let mut all = Vec::new();
                for id in &ids {
                    let one = by_id(session.session(), *id).await.expect("read").expect("there");
                    all.push(one.state);
                }
                all
            };
            let long = (Timestamp(i64::MAX), Timestamp(0));
            let gone = drop_old(session.session(), long).await.expect("a number");
            let last = ids.iter().max().expect("some");
            let is_over = |at: usize, of: &[State]| of.contains(&states[at]) && ids[at] != *last;
            let expired = (0..ids.len()).filter(|at| is_over(*at, &[State::Expired])).count();
            assert_eq!(gone, expired as u64, "{states:?}");
            let all = (Timestamp(i64::MAX), Timestamp(i64::MAX));
            let gone = drop_old(session.session(), all).await.expect("a number");
            let of = [State::Granted, State::Refused];
            let decided = (0..ids.len()).filter(|at| is_over(*at, &of)).count();
            assert_eq!(gone, decided as u64, "{states:?}");
            assert_eq!((expired, decided), (1, 1), "{states:?}");
            for (at, id) in ids.iter().enumerate() {
                let left = by_id(session.session(), *id).await.expect("it is read");
                let of = [State::Expired, State::Granted, State::Refused];
                assert_eq!(left.is_none(), is_over(at, &of), "{at} of {states:?}");
            }
        })
        .await;
    }
}
