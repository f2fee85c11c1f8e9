//! Requests: what organisations ask of a list, item by item, from the draft to the serial that has it.
//!
//! A request is checked before an editor sees it, and its author sees what the checks see before he submits. What
//! only takes an organisation's own entries off an allow list needs nobody.
//!
//! Not here: what editors decide ([`crate::decision`]).

use std::collections::{BTreeSet, HashSet};

use repute_database::entries::{self, Named, OrganisationId};
use repute_database::lists::{self, Stored};
use repute_database::organisations;
use repute_database::requests::{
    self, Event, New, Outcome as Ended, Request, RequestId, Standing, queue,
};
use repute_database::{DatabaseError, Key, Session, Timestamp, Transaction, audit, categories};
use repute_dnsxl::{KeyKind, Polarity, ReturnCode, Target};

use crate::category;
use crate::changes::ChangeError;
use crate::conflict::Partial;
use crate::decision;
use crate::organisation::{self, OrganisationError};
use crate::permission::{self, Action, Denied, Person};
use crate::reserved::first;
use crate::two_editors;

pub mod check;
pub mod elsewhere;
pub mod evidence;
pub mod item;
pub mod limit;
pub mod paste;
pub mod state;

use check::{Check, Evidence, Finding, Neighbour, Outcome, Whose};
use item::Item;
use limit::Limits;
use state::State;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// In whose name.
    pub organisation: OrganisationId,
    /// Of which list.
    pub list: lists::ListId,
    /// Why.
    pub reason: String,
    /// What.
    pub items: Vec<Item>,
    /// Which criterion of the policy the addresses meet, by its short name.
    pub criterion: Option<String>,
    /// When somebody is to look at them again; after a year without it.
    pub review: Option<Timestamp>,
}

/// Why a request does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Who wants to decide said that he is partial.
    #[error(transparent)]
    Partial(#[from] Partial),
    /// There is no such request, list or organisation.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// What it asks for is not possible.
    #[error("{0}")]
    Items(String),
    /// It is not where it would have to be.
    #[error("the request is {0}: that is not possible any more")]
    State(State),
    /// Somebody else changed it meanwhile.
    #[error("somebody changed this request meanwhile: look at it again")]
    Conflict,
    /// Nobody has shown that he speaks for the organisation.
    #[error("no domain of the organisation is proven yet: claim one first, then ask for addresses")]
    Unproven(OrganisationId),
    /// As many requests as may be open.
    #[error("{of} {count} open requests: wait until some are decided, or take some back")]
    Many {
        /// Who.
        of: &'static str,
        /// How many.
        count: u32,
    },
    /// The same is asked for.
    #[error("request {} asks for the same and is open: go on with that one", .0.0)]
    Same(RequestId),
    /// The organisation may not have new entries.
    #[error("the organisation is suspended: {0}")]
    Suspended(String),
    /// What was approved does not fit the list.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<OrganisationError> for RequestError {
    fn from(error: OrganisationError) -> RequestError {
        match error {
            OrganisationError::Denied(denied) => RequestError::Denied(denied),
            OrganisationError::Unknown(_) => RequestError::Unknown("organisation"),
            OrganisationError::Database(error) => RequestError::Database(error),
            other => RequestError::Items(other.to_string()),
        }
    }
}

/// Begins a request.
///
/// # Errors
/// If the person may not, what it asks for is not possible, is asked for already, or is too much.
pub async fn begin(
    transaction: &mut Transaction,
    person: Person,
    draft: &Draft,
    limits: &Limits,
    now: Timestamp,
) -> Result<RequestId, RequestError> {
    allow(transaction.session(), person, draft.organisation, Action::Request).await?;
    let list = lists::by_id(transaction.session(), draft.list).await?;
    let list = list.ok_or(RequestError::Unknown("list"))?;
    possible(transaction, &list, &draft.items).await?;
    if let Some(slug) = &draft.criterion {
        criterion(transaction.session(), &list, slug).await?;
    }
    if let Some(review) = draft.review {
        check_review(review, now)?;
    }
    limit::be_proven(transaction.session(), draft.organisation, &draft.items).await?;
    limit::have_room(transaction, person, draft, limits).await?;
    let new = New {
        organisation: draft.organisation,
        list: draft.list,
        account: person.account,
        reason: draft.reason.chars().take(MOST_TEXT).collect(),
        undoes: None,
        criterion: draft.criterion.clone(),
        review: draft.review,
    };
    let id = requests::add(transaction.session(), &new, now).await?;
    requests::set_items(transaction.session(), id, &stored_items(&draft.items)).await?;
    Ok(id)
}

/// What the checks find of items, with evidence that was gathered before; nothing is written.
///
/// # Errors
/// If the database fails.
pub async fn findings(
    mut session: Session<'_>,
    organisation: OrganisationId,
    list: &Stored,
    items: &[Item],
    evidence: &[Evidence],
) -> Result<Vec<Finding>, DatabaseError> {
    let domains = organisations::domains(session.again(), organisation).await?;
    let mut findings = Vec::new();
    for item in items {
        let Some(network) = item.network() else { continue };
        if !matches!(item, Item::Remove { .. }) {
            findings.push(check::range(network));
        }
        let neighbours = neighbours(session.again(), organisation, list, item).await?;
        findings.extend(check::conflicts(item, &neighbours));
    }
    findings.extend(evidence.iter().flat_map(|one| check::names(one, &domains)));
    findings.extend(of_categories(session, organisation, list, items).await?);
    Ok(findings)
}

/// What the checks find of the categories that items carry.
async fn of_categories(
    mut session: Session<'_>,
    organisation: OrganisationId,
    list: &Stored,
    items: &[Item],
) -> Result<Vec<Finding>, DatabaseError> {
    let all = categories::all(session.again(), list.id).await?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let own = categories::of(session.again(), organisation, list.id).await?;
    let left = match category::asked(items.iter()) {
        Some(number) => {
            let about: HashSet<Key> =
                items.iter().filter_map(|item| Some(Key::Network(item.network()?))).collect();
            let entries =
                entries::of_organisation(session, list.id, organisation, None, MOST_OWN).await?;
            let is_left = |entry: &&entries::Entry| {
                let carried = entry.code.and_then(|code| category::carried(&all, code));
                carried.is_some_and(|carried| carried.number != number)
                    && !about.contains(&entry.key)
            };
            entries.iter().filter(is_left).count()
        }
        None => 0,
    };
    Ok(category::findings(&all, own.as_ref(), items, left))
}

/// The entries around and within what an item is about.
///
/// # Errors
/// If the database fails.
pub async fn neighbours(
    mut session: Session<'_>,
    organisation: OrganisationId,
    list: &Stored,
    item: &Item,
) -> Result<Vec<Neighbour>, DatabaseError> {
    let Some(network) = item.network() else { return Ok(Vec::new()) };
    let target = match first(network) {
        std::net::IpAddr::V4(address) => Target::Ipv4(address),
        std::net::IpAddr::V6(address) => Target::Ipv6(address),
    };
    let key = Key::Network(network);
    let mut entries = entries::over(session.again(), list.id, &target).await?;
    entries.extend(entries::page(session, list.id, Some(&key), None, MOST_NEIGHBOURS).await?);
    let mut neighbours: Vec<Neighbour> = Vec::new();
    for entry in entries {
        let Key::Network(network) = entry.key else { continue };
        let whose = match entry.organisation {
            Some(id) if id == organisation => Whose::Own,
            Some(id) => Whose::Others(id.0),
            None => Whose::Nobodys,
        };
        let neighbour = Neighbour { network, whose };
        if !neighbours.contains(&neighbour) {
            neighbours.push(neighbour);
        }
    }
    Ok(neighbours)
}

/// Asks for other items, in a draft or a request that came back.
///
/// # Errors
/// If the person may not, what it asks for is not possible, or an editor has it.
pub async fn revise(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    items: &[Item],
) -> Result<(), RequestError> {
    let request = load(transaction, id).await?;
    allow(transaction.session(), person, request.new.organisation, Action::Request).await?;
    let state = state_of(&request)?;
    if !matches!(state, State::Draft | State::NeedsInfo) {
        return Err(RequestError::State(state));
    }
    let list = lists::by_id(transaction.session(), request.new.list).await?;
    possible(transaction, &list.ok_or(RequestError::Unknown("list"))?, items).await?;
    // What an editor agreed to was something else.
    requests::clear_approval(transaction.session(), id).await?;
    Ok(requests::set_items(transaction.session(), id, &stored_items(items)).await?)
}

/// Hands a request in, with evidence about it and what its author has to add: it is checked, and then waits for an editor, goes back to who wrote
/// it, or is done.
///
/// # Errors
/// If the person may not, or it is not a draft or one that needed information.
pub async fn submit(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    words: &str,
    evidence: &[Evidence],
    now: Timestamp,
) -> Result<State, RequestError> {
    let mut request = load(transaction, id).await?;
    allow(transaction.session(), person, request.new.organisation, Action::Request).await?;
    let list = lists::by_id(transaction.session(), request.new.list).await?;
    let list = list.ok_or(RequestError::Unknown("list"))?;
    let items = items(transaction.session(), id).await?;
    limit::be_proven(transaction.session(), request.new.organisation, &items).await?;
    step(transaction, &mut request, person, State::Submitted, "", words, now).await?;
    check_in(transaction, person, &mut request, &list, evidence, now).await
}

/// Runs the checks of a request that was handed in, and sends it where they say.
pub(crate) async fn check_in(
    transaction: &mut Transaction,
    person: Person,
    request: &mut Request,
    list: &Stored,
    evidence: &[Evidence],
    now: Timestamp,
) -> Result<State, RequestError> {
    step(transaction, request, person, State::Checking, "", "", now).await?;
    let items = items(transaction.session(), request.id).await?;
    let organisation = request.new.organisation;
    let findings = findings(transaction.session(), organisation, list, &items, evidence).await?;
    let stored: Vec<requests::Finding> = findings.iter().map(stored_finding).collect();
    requests::set_findings(transaction.session(), request.id, &stored).await?;
    let next = route(&items, &findings, list.list.polarity);
    let words = match next {
        State::NeedsInfo => "a check found something that must be mended first",
        _ => "",
    };
    step(transaction, request, person, next, "", words, now).await?;
    if next == State::AutoApproved {
        let all: Vec<usize> = (0..items.len()).collect();
        let settled = decision::Settled::default();
        decision::publish(transaction, person, request, list, (&all, &settled), now).await?;
        return Ok(State::Published);
    }
    Ok(next)
}

/// Takes a request back.
///
/// # Errors
/// If the person may not, or it is over.
pub async fn withdraw(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    now: Timestamp,
) -> Result<(), RequestError> {
    let mut request = load(transaction, id).await?;
    allow(transaction.session(), person, request.new.organisation, Action::Request).await?;
    step(transaction, &mut request, person, State::Withdrawn, "", "", now).await
}

/// Ends drafts that nobody went on with, and questions that nobody answered; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(transaction: &mut Transaction, now: Timestamp) -> Result<usize, RequestError> {
    let mut ended = 0;
    for (state, patience) in [(State::Draft, DRAFT), (State::NeedsInfo, QUESTION)] {
        let state = Some(state.word().to_owned());
        let filter = queue::Filter { state, ..queue::Filter::default() };
        let order = queue::Order::LongestWait;
        let old = queue::page(transaction.session(), &filter, order, None, AT_ONCE).await?;
        for mut request in old.into_iter().filter(|one| one.touched.0 + patience <= now.0) {
            let author = Person { account: request.new.account, role: permission::Role::Member };
            let words = "nobody went on with it";
            step(transaction, &mut request, author, State::Expired, "", words, now).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Where the checks send a request.
pub fn route(items: &[Item], findings: &[Finding], polarity: Polarity) -> State {
    let failed = |finding: &&Finding| finding.outcome == Outcome::Fail;
    let of = |check: Check| findings.iter().filter(move |finding| finding.check == check);
    let cannot_be = of(Check::Range)
        .chain(of(Check::Conflict))
        .chain(of(Check::Category))
        .any(|one| failed(&one));
    let no_names = of(Check::Fcrdns).count() > 0 && of(Check::Fcrdns).all(|one| failed(&one));
    // An allow list says who is good; a block list does not forget because it is asked to.
    let is_own_business = polarity == Polarity::Allow
        && items.iter().all(|item| matches!(item, Item::Remove { .. }))
        && two_editors::of_items(items.iter().map(|item| (item, LISTED)), &[]).is_none();
    match (cannot_be || (no_names && polarity == Polarity::Allow), is_own_business) {
        (true, _) => State::NeedsInfo,
        (false, true) => State::AutoApproved,
        (false, false) => State::Queued,
    }
}

/// The items of a request.
///
/// # Errors
/// If the database fails.
pub async fn items(session: Session<'_>, id: RequestId) -> Result<Vec<Item>, DatabaseError> {
    let stored = requests::items(session, id).await?;
    let read = |item: &requests::Item| {
        Item::of_words(&item.action, &item.subject, &item.code)
            .ok_or(DatabaseError::Content("an item of a request"))
    };
    stored.iter().map(read).collect()
}

/// The state of a request.
///
/// # Errors
/// If the database holds a word that is none.
pub fn state_of(request: &Request) -> Result<State, DatabaseError> {
    State::of_word(&request.standing.state).ok_or(DatabaseError::Content("the state of a request"))
}

/// A request that is there, to be changed: whoever else would change one of the same organisation waits. Organisations
/// come first, before requests and lists, so that no two wait for each other.
pub(crate) async fn load(
    transaction: &mut Transaction,
    id: RequestId,
) -> Result<Request, RequestError> {
    let unknown = || RequestError::Unknown("request");
    let before = requests::by_id(transaction.session(), id).await?.ok_or_else(unknown)?;
    organisations::lock(transaction.session(), before.new.organisation).await?;
    requests::by_id(transaction.session(), id).await?.ok_or_else(unknown)
}

/// Moves a request on, if its state may become that one.
pub(crate) async fn step(
    transaction: &mut Transaction,
    request: &mut Request,
    person: Person,
    next: State,
    reason: &str,
    text: &str,
    now: Timestamp,
) -> Result<(), RequestError> {
    let state = state_of(request)?;
    if !state.may_become(next) {
        return Err(RequestError::State(state));
    }
    let mut standing = Standing { state: next.word().to_owned(), ..request.standing.clone() };
    match next {
        State::Submitted => standing.submitted = standing.submitted.or(Some(now)),
        State::InReview => standing.editor = Some(person.account),
        State::Queued | State::NeedsInfo => standing.editor = None,
        State::Draft
        | State::Checking
        | State::AutoApproved
        | State::Approved
        | State::PartlyApproved
        | State::Rejected
        | State::Withdrawn
        | State::Expired
        | State::Published => {}
    }
    write(transaction, request, person, standing, reason, text, now).await
}

/// Writes where a request stands, and what happened.
pub(crate) async fn write(
    transaction: &mut Transaction,
    request: &mut Request,
    person: Person,
    standing: Standing,
    reason: &str,
    text: &str,
    now: Timestamp,
) -> Result<(), RequestError> {
    let event = Event {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        state: standing.state.clone(),
        reason: reason.to_owned(),
        text: text.chars().take(MOST_TEXT).collect(),
    };
    if !requests::move_on(transaction.session(), request, &standing, &event).await? {
        return Err(RequestError::Conflict);
    }
    (request.standing, request.version, request.touched) = (standing, request.version + 1, now);
    Ok(())
}

/// Lets a person do something in the name of an organisation, or about it.
pub(crate) async fn allow(
    session: Session<'_>,
    person: Person,
    id: OrganisationId,
    action: Action,
) -> Result<(), RequestError> {
    let relation = organisation::relation(session, person, id).await?;
    Ok(permission::check(person, relation, action)?)
}

/// The criterion of a list's policy with a short name.
pub(crate) async fn criterion(
    session: Session<'_>,
    list: &Stored,
    slug: &str,
) -> Result<Named, RequestError> {
    let all = lists::criteria(session, list.id).await?;
    let found = all.iter().find(|known| known.slug == slug && known.is_open());
    let found = found.map(lists::Criterion::named);
    found.ok_or_else(|| {
        let slug = slug.escape_debug();
        RequestError::Items(format!("the policy of {} has no criterion `{slug}`", list.list.apex))
    })
}

/// Fails if nobody could look at something again at a moment.
pub(crate) fn check_review(review: Timestamp, now: Timestamp) -> Result<(), RequestError> {
    match review > now && review.0 <= now.0 + LATEST_REVIEW {
        true => Ok(()),
        false => Err(RequestError::Items("a review is in the future, within ten years".to_owned())),
    }
}

/// Items as they are stored when nothing happened to them.
pub(crate) fn stored_items(items: &[Item]) -> Vec<requests::Item> {
    let stored = |item: &Item| {
        let (action, subject, code) = item.words();
        let action = action.to_owned();
        requests::Item { action, subject, code, outcome: Ended::Open, before: String::new() }
    };
    items.iter().map(stored).collect()
}

/// A finding as it is stored.
fn stored_finding(finding: &Finding) -> requests::Finding {
    requests::Finding {
        kind: finding.check.word().to_owned(),
        outcome: finding.outcome.word().to_owned(),
        about: finding.about.clone(),
        seen: finding.seen.clone(),
        mend: finding.mend.clone(),
    }
}

/// Fails if items cannot be on a list, whoever decides.
async fn possible(
    transaction: &mut Transaction,
    list: &Stored,
    items: &[Item],
) -> Result<(), RequestError> {
    let wrong = |what: String| Err(RequestError::Items(what));
    if items.is_empty() || items.len() > paste::MOST {
        return wrong(format!("a request has 1 to {} items", paste::MOST));
    }
    let codes = lists::codes(transaction.session(), list.id).await?;
    let categories = categories::all(transaction.session(), list.id).await?;
    let mut seen = BTreeSet::new();
    for item in items {
        let (action, subject, _) = item.words();
        let what = item.network().map_or_else(|| action.to_owned(), |network| network.to_string());
        if !seen.insert(what.clone()) {
            return wrong(format!("`{what}` stands in the request twice"));
        }
        if item.network().is_some() && list.list.keys != KeyKind::Ip {
            return wrong(format!("{} lists names, not addresses", list.list.apex));
        }
        if let Some(code) = item.code()
            && (!code.is_conventional() || !codes.iter().any(|(known, _)| *known == code))
        {
            return wrong(format!("{} has no code {code}", list.list.apex));
        }
        match item {
            Item::Category(number) if !categories.iter().any(|one| one.number == *number) => {
                return wrong(format!("{} has no category {number}", list.list.apex));
            }
            Item::Name(text) if organisation::called(text).is_err() => {
                return wrong(OrganisationError::Name.to_string());
            }
            Item::Website(text)
                if !(text.starts_with("https://") || text.starts_with("http://"))
                    || subject.len() > MOST_NAME
                    || text.chars().any(|c| c.is_control() || c.is_whitespace()) =>
            {
                return wrong(format!("`{}` is no website", text.escape_debug()));
            }
            Item::Category(_)
            | Item::Name(_)
            | Item::Website(_)
            | Item::Add { .. }
            | Item::Remove { .. }
            | Item::Rescore { .. } => {}
        }
    }
    Ok(())
}

/// Characters of a reason.
const MOST_TEXT: usize = 4_000;
/// How what is to go stands on its list, as far as a second editor matters.
const LISTED: &[ReturnCode] = &[ReturnCode::LISTED];
/// Characters of a name, of a website.
const MOST_NAME: usize = 200;
/// Entries within a network that are looked at.
const MOST_NEIGHBOURS: u32 = 200;
/// Entries of an organisation that are looked at for their category.
const MOST_OWN: u32 = 10_000;
/// Requests that expire in one run.
const AT_ONCE: u32 = 500;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// The latest review.
const LATEST_REVIEW: i64 = 3_650 * DAY;
/// How long a draft waits.
const DRAFT: i64 = 90 * DAY;
/// How long an answer is waited for.
const QUESTION: i64 = 30 * DAY;
