//! Requests: what organisations ask for, item by item, with all that happened to each.
//!
//! States, actions and checks are words here; what they mean and what may follow what is the registry's business.

use repute_dnsxl::Network;

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

pub mod queue;

/// Names a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub i64);

/// Who asks what of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// In whose name.
    pub organisation: OrganisationId,
    /// Of which list.
    pub list: ListId,
    /// Who.
    pub account: i64,
    /// Why.
    pub reason: String,
    /// The request that this one takes back.
    pub undoes: Option<RequestId>,
    /// Which criterion of the policy its addresses meet, by its short name.
    pub criterion: Option<String>,
    /// When somebody is to look at them again.
    pub review: Option<Timestamp>,
}

/// A request as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// Who asks what of whom.
    pub new: New,
    /// Where it stands.
    pub standing: Standing,
    /// How often it changed.
    pub version: i64,
    /// When it was begun.
    pub created: Timestamp,
    /// When it last changed.
    pub touched: Timestamp,
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The word of its state.
    pub state: String,
    /// When it was handed in, first.
    pub submitted: Option<Timestamp>,
    /// Who has it in review.
    pub editor: Option<i64>,
    /// The version of the policy by which it was decided.
    pub policy: Option<i64>,
    /// The list's serial that has what was approved.
    pub serial: Option<u32>,
}

/// One thing that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is to be done.
    pub action: String,
    /// With what.
    pub subject: String,
    /// With which return code; empty if none.
    pub code: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was there before it was approved.
    pub before: String,
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not yet.
    Open,
    /// It was approved.
    Approved,
    /// It was not.
    Rejected,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub kind: String,
    /// How it ended.
    pub outcome: String,
    /// About what.
    pub about: String,
    /// What was seen.
    pub seen: String,
    /// How it is mended.
    pub mend: String,
}

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
    /// The word of the state it came to.
    pub state: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, for people.
    pub text: String,
}

/// What one editor agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The editor.
    pub account: i64,
    /// The items, by their places.
    pub positions: Vec<usize>,
    /// What is left out of their networks.
    pub spared: Vec<Network>,
    /// When.
    pub time: Timestamp,
}

/// Begins a request.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    new: &New,
    now: Timestamp,
) -> Result<RequestId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD)
            .bind(new.organisation.0)
            .bind(new.list.0)
            .bind(new.account)
            .bind(&new.reason)
            .bind(now.0)
            .bind(new.undoes.map(|id| id.0))
            .bind(new.criterion.as_deref().unwrap_or_default())
            .bind(new.review.map(|time| time.0))
            .fetch_one(c)
            .await?
    });
    Ok(RequestId(id))
}

/// A request by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: RequestId) -> Result<Option<Request>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(request).transpose()
}

/// The requests of an organisation, the latest first, from before one on if it is named, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn of_organisation(
    session: Session<'_>,
    id: OrganisationId,
    before: Option<RequestId>,
    limit: u32,
) -> Result<Vec<Request>, DatabaseError> {
    let before = before.map_or(i64::MAX, |id| id.0);
    let rows: Vec<Row> = on!(session, |c| {
        let query = sqlx::query_as(OF_ORGANISATION).bind(id.0).bind(i64::from(limit));
        query.bind(before).fetch_all(c).await?
    });
    rows.into_iter().map(request).collect()
}

/// How many requests are in each state, by its word, and since when the one that waits longest does.
///
/// # Errors
/// If the database fails.
pub async fn count_by_state(
    session: Session<'_>,
) -> Result<Vec<(String, u64, Timestamp)>, DatabaseError> {
    let rows: Vec<(String, i64, i64)> =
        on!(session, |c| sqlx::query_as(COUNT_BY_STATE).fetch_all(c).await?);
    let read = |(state, count, oldest): (String, i64, i64)| {
        (state, u64::try_from(count).unwrap_or(0), Timestamp(oldest))
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Moves a request on, if it is still the version that the caller saw, and writes down what happened. Whether it was.
///
/// # Errors
/// If the database fails.
pub async fn move_on(
    mut session: Session<'_>,
    request: &Request,
    standing: &Standing,
    event: &Event,
) -> Result<bool, DatabaseError> {
    let rows = on!(session.again(), |c| {
        sqlx::query(MOVE_ON)
            .bind(request.id.0)
            .bind(request.version)
            .bind(&standing.state)
            .bind(standing.submitted.map(|time| time.0))
            .bind(event.time.0)
            .bind(standing.editor)
            .bind(standing.policy)
            .bind(standing.serial.map(i64::from))
            .execute(c)
            .await?
            .rows_affected()
    });
    if rows != 1 {
        return Ok(false);
    }
    on!(session, |c| {
        sqlx::query(ADD_EVENT)
            .bind(request.id.0)
            .bind(request.version + 1)
            .bind(event.time.0)
            .bind(&event.actor)
            .bind(&event.state)
            .bind(&event.reason)
            .bind(&event.text)
            .execute(c)
            .await?;
    });
    Ok(true)
}

/// Writes the items of a request in place of those it had.
///
/// # Errors
/// If the database fails.
pub async fn set_items(
    mut session: Session<'_>,
    id: RequestId,
    items: &[Item],
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| sqlx::query(CLEAR_ITEMS).bind(id.0).execute(c).await?.rows_affected());
    for (position, item) in (0_i64..).zip(items) {
        // By what it is about it is found again.
        let is_about_network = ABOUT_NETWORKS.contains(&&*item.action);
        let network = item.subject.parse().ok().filter(|_| is_about_network);
        let key = network.map(|network| Key::Network(network).to_bytes());
        on!(session.again(), |c| {
            sqlx::query(ADD_ITEM)
                .bind(id.0)
                .bind(position)
                .bind(&item.action)
                .bind(&item.subject)
                .bind(&item.code)
                .bind(outcome_word(item.outcome))
                .bind(&item.before)
                .bind(key)
                .execute(c)
                .await?;
        });
    }
    Ok(())
}

/// The items of a request, in their order.
///
/// # Errors
/// If the database fails.
pub async fn items(session: Session<'_>, id: RequestId) -> Result<Vec<Item>, DatabaseError> {
    let rows: Vec<(String, String, String, String, String)> =
        on!(session, |c| sqlx::query_as(ITEMS).bind(id.0).fetch_all(c).await?);
    let item = |(action, subject, code, outcome, before): (_, _, _, String, _)| {
        let outcome = match &*outcome {
            "open" => Outcome::Open,
            "approved" => Outcome::Approved,
            "rejected" => Outcome::Rejected,
            _ => return Err(DatabaseError::Content("the outcome of an item")),
        };
        Ok(Item { action, subject, code, outcome, before })
    };
    rows.into_iter().map(item).collect()
}

/// Writes what the checks found in place of what they found before.
///
/// # Errors
/// If the database fails.
pub async fn set_findings(
    mut session: Session<'_>,
    id: RequestId,
    findings: &[Finding],
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| {
        sqlx::query(CLEAR_FINDINGS).bind(id.0).execute(c).await?.rows_affected()
    });
    for (number, finding) in (0_i64..).zip(findings) {
        on!(session.again(), |c| {
            sqlx::query(ADD_FINDING)
                .bind(id.0)
                .bind(number)
                .bind(&finding.kind)
                .bind(&finding.outcome)
                .bind(&finding.about)
                .bind(&finding.seen)
                .bind(&finding.mend)
                .execute(c)
                .await?;
        });
    }
    Ok(())
}

/// What the checks found.
///
/// # Errors
/// If the database fails.
pub async fn findings(session: Session<'_>, id: RequestId) -> Result<Vec<Finding>, DatabaseError> {
    let rows: Vec<(String, String, String, String, String)> =
        on!(session, |c| sqlx::query_as(FINDINGS).bind(id.0).fetch_all(c).await?);
    let finding = |(kind, outcome, about, seen, mend)| Finding { kind, outcome, about, seen, mend };
    Ok(rows.into_iter().map(finding).collect())
}

/// What happened to a request, the first first.
///
/// # Errors
/// If the database fails.
pub async fn history(session: Session<'_>, id: RequestId) -> Result<Vec<Event>, DatabaseError> {
    let rows: Vec<(i64, String, String, String, String)> =
        on!(session, |c| sqlx::query_as(HISTORY).bind(id.0).fetch_all(c).await?);
    let event = |(time, actor, state, reason, text)| Event {
        time: Timestamp(time),
        actor,
        state,
        reason,
        text,
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Notes what one editor agreed to, in place of what was noted before.
///
/// # Errors
/// If the database fails.
pub async fn set_approval(
    session: Session<'_>,
    id: RequestId,
    approval: &Approval,
) -> Result<(), DatabaseError> {
    let positions: Vec<String> = approval.positions.iter().map(usize::to_string).collect();
    let spared: Vec<String> = approval.spared.iter().map(Network::to_string).collect();
    on!(session, |c| {
        sqlx::query(SET_APPROVAL)
            .bind(id.0)
            .bind(approval.account)
            .bind(positions.join(" "))
            .bind(spared.join(" "))
            .bind(approval.time.0)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// What one editor agreed to, if one did.
///
/// # Errors
/// If the database fails.
pub async fn approval(
    session: Session<'_>,
    id: RequestId,
) -> Result<Option<Approval>, DatabaseError> {
    let row: Option<(i64, String, String, i64)> =
        on!(session, |c| sqlx::query_as(APPROVAL).bind(id.0).fetch_optional(c).await?);
    let Some((account, positions, spared, time)) = row else { return Ok(None) };
    let positions = positions.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    let positions = positions.map_err(|_| DatabaseError::Content("an approval"))?;
    let spared = spared.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    let spared = spared.map_err(|_| DatabaseError::Content("an approval"))?;
    Ok(Some(Approval { account, positions, spared, time: Timestamp(time) }))
}

/// Forgets what one editor agreed to.
///
/// # Errors
/// If the database fails.
pub async fn clear_approval(session: Session<'_>, id: RequestId) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(CLEAR_APPROVAL).bind(id.0).execute(c).await?.rows_affected());
    Ok(())
}

/// A row of requests: who asks what, and where it stands.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// In whose name.
    organisation: i64,
    /// Of which list.
    list: i64,
    /// Who.
    account: i64,
    /// Why.
    reason: String,
    /// The word of its state.
    state: String,
    /// How often it changed.
    version: i64,
    /// When it was begun.
    created: i64,
    /// When it was handed in.
    submitted: Option<i64>,
    /// When it last changed.
    touched: i64,
    /// Who has it in review.
    editor: Option<i64>,
    /// By which policy it was decided.
    policy: Option<i64>,
    /// Which serial has it.
    serial: Option<i64>,
    /// What it takes back.
    undoes: Option<i64>,
    /// Which criterion it names.
    criterion: String,
    /// When somebody is to look again.
    review: Option<i64>,
}

/// Reads a row.
fn request(row: Row) -> Result<Request, DatabaseError> {
    let serial = row.serial.map(u32::try_from).transpose();
    Ok(Request {
        id: RequestId(row.id),
        new: New {
            organisation: OrganisationId(row.organisation),
            list: ListId(row.list),
            account: row.account,
            reason: row.reason,
            undoes: row.undoes.map(RequestId),
            criterion: Some(row.criterion).filter(|slug| !slug.is_empty()),
            review: row.review.map(Timestamp),
        },
        standing: Standing {
            state: row.state,
            submitted: row.submitted.map(Timestamp),
            editor: row.editor,
            policy: row.policy,
            serial: serial.map_err(|_| DatabaseError::Content("the serial of a request"))?,
        },
        version: row.version,
        created: Timestamp(row.created),
        touched: Timestamp(row.touched),
    })
}

/// The stored word of an outcome.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Open => "open",
        Outcome::Approved => "approved",
        Outcome::Rejected => "rejected",
    }
}

/// The words of items that are about networks.
const ABOUT_NETWORKS: [&str; 3] = ["add", "remove", "rescore"];

statements! {
    /// Begins a request.
    ADD = "INSERT INTO requests (organisation, list, account, reason, state, version, created, touched, undoes, criterion, review)
        VALUES ($1, $2, $3, $4, 'draft', 0, $5, $5, $6, $7, $8) RETURNING id";
    /// One request.
    BY_ID = "SELECT id, organisation, list, account, reason, state, version, created, submitted,
        touched, editor, policy, serial, undoes, criterion, review FROM requests WHERE id = $1";
    /// Those of an organisation.
    OF_ORGANISATION = "SELECT id, organisation, list, account, reason, state, version, created, submitted,
        touched, editor, policy, serial, undoes, criterion, review FROM requests WHERE organisation = $1 AND id < $3
        ORDER BY id DESC LIMIT $2";
    /// Those in each state.
    COUNT_BY_STATE = "SELECT state, COUNT(*), MIN(COALESCE(submitted, created)) FROM requests
        GROUP BY state ORDER BY state";
    /// Moves one on.
    MOVE_ON = "UPDATE requests SET version = version + 1, state = $3, submitted = $4, touched = $5,
        editor = $6, policy = $7, serial = $8 WHERE id = $1 AND version = $2";
    /// Writes down what happened.
    ADD_EVENT = "INSERT INTO request_history (request, version, time, actor, state, reason, text)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// Forgets the items.
    CLEAR_ITEMS = "DELETE FROM request_items WHERE request = $1";
    /// Adds an item.
    ADD_ITEM = "INSERT INTO request_items (request, position, action, subject, code, outcome, before, key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// All items.
    ITEMS = "SELECT action, subject, code, outcome, before FROM request_items
        WHERE request = $1 ORDER BY position";
    /// Forgets what was found.
    CLEAR_FINDINGS = "DELETE FROM request_findings WHERE request = $1";
    /// Adds a finding.
    ADD_FINDING = "INSERT INTO request_findings (request, number, kind, outcome, about, seen, mend)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// All that was found.
    FINDINGS = "SELECT kind, outcome, about, seen, mend FROM request_findings
        WHERE request = $1 ORDER BY number";
    /// All that happened.
    HISTORY = "SELECT time, actor, state, reason, text FROM request_history
        WHERE request = $1 ORDER BY version";
    /// Notes an approval.
    SET_APPROVAL = "INSERT INTO request_approvals (request, account, positions, spared, time)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (request) DO UPDATE SET account = excluded.account,
        positions = excluded.positions, spared = excluded.spared, time = excluded.time";
    /// Forgets it.
    CLEAR_APPROVAL = "DELETE FROM request_approvals WHERE request = $1";
    /// That approval.
    APPROVAL = "SELECT account, positions, spared, time FROM request_approvals WHERE request = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{audit, lists, organisations};

    #[tokio::test]
    async fn a_request_is_stored_with_all_that_happens_to_it() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "wl.example").await;
            let other = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let organisation = organisations::add(transaction.session(), "x", Timestamp(1)).await;
            let organisation = organisation.expect("an Id");
            let actor = audit::actor(transaction.session(), 5).await.expect("a pseudonym");
            let reason = "we moved".to_owned();
            let (criterion, review) = (Some("trap".to_owned()), Some(Timestamp(99)));
            let new =
                New { organisation, list, account: 5, reason, undoes: None, criterion, review };
            let id = add(transaction.session(), &new, Timestamp(10)).await.expect("it is begun");
            let item = |action: &str, outcome, before: &str| Item {
                action: action.to_owned(),
                subject: "192.0.2.1".to_owned(),
                code: "127.0.5.1".to_owned(),
                outcome,
                before: before.to_owned(),
            };
            let items = [item("add", Outcome::Open, ""), item("remove", Outcome::Rejected, "x")];
            for items in [&items[1..], &items[..]] {
                set_items(transaction.session(), id, items).await.expect("they are written");
            }
            let read = super::items(transaction.session(), id).await.expect("they are read");
            assert_eq!(read, items);
            let finding = |kind: &str| Finding {
                kind: kind.to_owned(),
                outcome: "fail".to_owned(),
                about: "192.0.2.1".to_owned(),
                seen: "nothing".to_owned(),
                mend: "dig".to_owned(),
            };
            for found in [&[finding("range")][..], &[finding("fcrdns"), finding("naming")]] {
                set_findings(transaction.session(), id, found).await.expect("they are written");
            }
            let read = findings(transaction.session(), id).await.expect("they are read");
            assert_eq!(read, [finding("fcrdns"), finding("naming")]);

            let request = by_id(transaction.session(), id).await.expect("read").expect("there");
            assert_eq!(
                (&request.new, &*request.standing.state, request.version),
                (&new, "draft", 0)
            );
            let event = Event {
                time: Timestamp(20),
                actor,
                state: "queued".to_owned(),
                reason: String::new(),
                text: "it waits".to_owned(),
            };
            let standing = Standing {
                state: "queued".to_owned(),
                submitted: Some(Timestamp(20)),
                editor: Some(9),
                policy: Some(3),
                serial: Some(u32::MAX),
            };
            for is_first in [true, false] {
                let moved = move_on(transaction.session(), &request, &standing, &event).await;
                assert_eq!(moved.expect("an answer"), is_first, "a version is changed once");
            }
            let request = by_id(transaction.session(), id).await.expect("read").expect("there");
            assert_eq!((&request.standing, request.touched), (&standing, Timestamp(20)));
            assert_eq!(history(transaction.session(), id).await.expect("read"), [event]);
            assert_eq!(approval(transaction.session(), id).await.expect("read"), None);
            for positions in [vec![], vec![0, 12]] {
                let spared = vec!["192.0.2.7".parse().expect("a network")];
                let given = Approval { account: 9, positions, spared, time: Timestamp(30) };
                set_approval(transaction.session(), id, &given).await.expect("it is noted");
                let read = approval(transaction.session(), id).await.expect("read");
                assert_eq!(read, Some(given));
            }
            clear_approval(transaction.session(), id).await.expect("it is forgotten");
            assert_eq!(approval(transaction.session(), id).await.expect("read"), None);
            let theirs = of_organisation(transaction.session(), organisation, None, 9).await;
            assert_eq!(theirs.expect("read").len(), 1);
            let counted = count_by_state(transaction.session()).await.expect("they are counted");
            assert_eq!(counted, [("queued".to_owned(), 1, Timestamp(20))]);
            for (list, count) in [(list, 1), (other, 0)] {
                let filter = queue::Filter { list: Some(list), ..queue::Filter::default() };
                let order = queue::Order::LongestWait;
                let found = queue::page(transaction.session(), &filter, order, None, 9).await;
                assert_eq!(found.expect("read").len(), count);
            }
            for (before, count) in [(None, 1), (Some(id), 0)] {
                let theirs = of_organisation(transaction.session(), organisation, before, 9).await;
                assert_eq!(theirs.expect("read").len(), count);
            }
        })
        .await;
    }
}
