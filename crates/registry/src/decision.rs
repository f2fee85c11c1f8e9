//! What editors decide: each decision has a reason, names the policy it follows, and is on the list with the same
//! transaction that writes it down.
//!
//! Who belongs to an organisation decides nothing about it. What can do much harm two editors decide. Nothing is ever
//! taken back: an undo is a new request with what was there before.

use std::collections::BTreeMap;
use std::fmt;

use repute_database::audit::Deed;
use repute_database::conflicts::About;
use repute_database::entries::{self, Entry, Named};
use repute_database::lists::{self, Stored};
use repute_database::requests::{
    self, Approval, New, Outcome as Ended, Request, RequestId, Standing,
};
use repute_database::{
    Agreed, DatabaseError, Key, Session, Timestamp, Transaction, audit, categories,
};
use repute_database::{claims, organisations};
use repute_dnsxl::Network;
use serde_json::{Value, json};

use crate::agreement;
use crate::category;
use crate::changes::{self, Cause, Change};
use crate::conflict::{self, Partial};
use crate::kept_out::{self, End};
use crate::notice::Notice;
use crate::permission::{Action, Denied, Person, Relation};
use crate::publish as publisher;
use crate::request::item::Item;
use crate::request::state::State;
use crate::request::{self, RequestError, allow, load, state_of, step, write};
use crate::two_editors::{self, TwoEditors};
use crate::weight::Weight;

/// What an editor decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These items are approved, by their places, and the others are not.
    Approve {
        /// Their places, in order.
        positions: Vec<usize>,
        /// Why not the others; nothing to say if there are none.
        why: String,
        /// What else is said of them.
        terms: Terms,
    },
    /// Nothing is approved.
    Reject(Reason, String),
    /// Who asks has to say more first.
    Ask(String),
    /// Somebody else should decide.
    PutBack,
}

/// What an editor says of entries that he approves. Of two editors the second one's words hold, but for what is left out,
/// to which both agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which criterion of the policy they meet.
    pub criterion: Criterion,
    /// When somebody looks at them again; without it as the request says, or after a year.
    pub review: Option<Timestamp>,
    /// What stays off the list of the networks that are approved: each becomes an exclusion.
    pub without: Vec<Network>,
}

/// Which criterion of the policy entries meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Criterion {
    /// The one that the request names, if it names one.
    #[default]
    AsAsked,
    /// None.
    Nothing,
    /// This one, by its short name.
    This(String),
}

/// Terms that fit the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// Which criterion of the policy the entries meet.
    criterion: Option<Named>,
    /// When somebody looks at them again; after a year without it.
    review: Option<Timestamp>,
    /// What is never listed of the networks, and why.
    without: Vec<(Network, String)>,
}

/// Why something is rejected, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The addresses are not shown to be the organisation's.
    NotYours,
    /// Names and addresses do not lead to each other.
    Fcrdns,
    /// Names look dynamic.
    Naming,
    /// Reserved, dynamic or too large a range.
    Range,
    /// Abuse was seen.
    Reputation,
    /// It is there, or another organisation's.
    Duplicate,
    /// Not what the list is for.
    Policy,
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is on the list since a serial; none if only the organisation itself changed.
    Published(Option<u32>),
    /// Another editor has to agree.
    Waits(TwoEditors),
    /// It came to another state.
    Moved(State),
}

/// How long a request waits, by RFC 6471 section 2.2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Less than two days.
    InTime,
    /// Longer than a request should wait.
    Late,
    /// Longer than one may wait: seven days.
    Overdue,
}

/// How long a request waits that was handed in at a moment.
pub fn service(submitted: Timestamp, now: Timestamp) -> Service {
    match now.0 - submitted.0 {
        waited if waited >= 7 * DAY => Service::Overdue,
        waited if waited >= LATE => Service::Late,
        _ => Service::InTime,
    }
}

/// Takes a request out of the queue, so that no other editor begins with it.
///
/// # Errors
/// If the person may not, or it is not in the queue.
pub async fn review(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    now: Timestamp,
) -> Result<Request, RequestError> {
    let mut request = load(transaction, id).await?;
    allow(transaction.session(), person, request.new.organisation, Action::Decide).await?;
    be_free(transaction.session(), person, &request).await?;
    step(transaction, &mut request, person, State::InReview, "", "", now).await?;
    Ok(request)
}

/// Decides a request in the version that the editor saw.
///
/// # Errors
/// If the person may not, the request is not in review, changed meanwhile, or does not fit the list.
pub async fn decide(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    version: i64,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(Decided, Vec<Notice>), RequestError> {
    decide_after(transaction, person, (id, version), verdict, Weight::default(), now).await
}

/// The same if the editor had done more lately than the audit log says.
pub(crate) async fn decide_after(
    transaction: &mut Transaction,
    person: Person,
    (id, version): (RequestId, i64),
    verdict: &Verdict,
    more: Weight,
    now: Timestamp,
) -> Result<(Decided, Vec<Notice>), RequestError> {
    let mut request = load(transaction, id).await?;
    allow(transaction.session(), person, request.new.organisation, Action::Decide).await?;
    be_free(transaction.session(), person, &request).await?;
    if request.version != version {
        return Err(RequestError::Conflict);
    }
    if state_of(&request)? != State::InReview {
        return Err(RequestError::State(state_of(&request)?));
    }
    let list = lists::by_id(transaction.session(), request.new.list).await?;
    let list = list.ok_or(RequestError::Unknown("list"))?;
    let request = &mut request;
    request.standing.policy = lists::policy_version(transaction.session(), list.id).await?;
    let (state, reason, text) = match verdict {
        Verdict::Approve { positions, why, terms } if !positions.is_empty() => {
            let approved = (&**positions, &**why, terms);
            return approve(transaction, person, request, &list, approved, more, now).await;
        }
        Verdict::Approve { .. } => {
            return Err(RequestError::Items("say which items are approved, or reject".to_owned()));
        }
        Verdict::Reject(reason, text) => (State::Rejected, reason.word(), &**text),
        Verdict::Ask(text) if text.trim().is_empty() => {
            return Err(RequestError::Items("say what is to be answered".to_owned()));
        }
        Verdict::Ask(text) => (State::NeedsInfo, "", &**text),
        Verdict::PutBack => (State::Queued, "", ""),
    };
    if state == State::Rejected {
        end_items(transaction, request, &[], &BTreeMap::new()).await?;
    }
    step(transaction, request, person, state, reason, text, now).await?;
    if state == State::Rejected {
        let items = requests::items(transaction.session(), id).await?.len();
        let detail = json!({ "items": items, "reason": reason });
        log(transaction, person, "request.reject", (request, &list), detail, now).await?;
    }
    let notices = match state {
        State::Queued => Vec::new(),
        _ => vec![Notice::RequestMoved {
            account: request.new.account,
            request: id,
            state,
            held: None,
        }],
    };
    Ok((Decided::Moved(state), notices))
}

/// Writes into the audit log what was decided of a request, behind all that it changes, and by which version of the policy.
/// The words of it stay in the request's history, from which whoever is named in them goes: the log is for ever.
async fn log(
    transaction: &mut Transaction,
    person: Person,
    action: &str,
    (request, list): (&Request, &Stored),
    mut detail: Value,
    now: Timestamp,
) -> Result<(), RequestError> {
    detail["list"] = list.list.apex.to_string().into();
    detail["organisation"] = request.new.organisation.0.into();
    detail["policy"] = request.standing.policy.into();
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        subject: format!("request/{}", request.id.0),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Whether an editor decides a request without deciding about himself: he neither asked for it nor ever claimed to
/// speak for its organisation, whether or not he belongs to it now. What takes something back he may begin and decide.
///
/// # Errors
/// If the database fails.
pub async fn is_free(
    session: Session<'_>,
    person: Person,
    request: &Request,
) -> Result<bool, DatabaseError> {
    if request.new.account == person.account && request.new.undoes.is_none() {
        return Ok(false);
    }
    let claims = claims::of_account(session, person.account).await?;
    Ok(claims.iter().all(|claim| claim.new.organisation != request.new.organisation))
}

/// Fails if an editor would decide about himself, or said that he is partial.
async fn be_free(
    mut session: Session<'_>,
    person: Person,
    request: &Request,
) -> Result<(), RequestError> {
    // Whoever is partial in something is so in what takes it back.
    for id in [Some(request.id), request.new.undoes].into_iter().flatten() {
        if conflict::is_declared(session.again(), person, About::Request(id)).await? {
            return Err(Partial.into());
        }
    }
    match is_free(session, person, request).await? {
        true => Ok(()),
        false => Err(RequestError::Denied(Denied(Action::Decide, Relation::Member))),
    }
}

/// Begins a request that takes back what another one brought, in review with the editor who wants it; he decides it
/// like any other.
///
/// # Errors
/// If the person may not, or nothing of that request is published.
pub async fn undo(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    reason: &str,
    now: Timestamp,
) -> Result<RequestId, RequestError> {
    let done = load(transaction, id).await?;
    allow(transaction.session(), person, done.new.organisation, Action::Undo).await?;
    if conflict::is_declared(transaction.session(), person, About::Request(id)).await? {
        return Err(Partial.into());
    }
    if state_of(&done)? != State::Published {
        return Err(RequestError::State(state_of(&done)?));
    }
    let stored = requests::items(transaction.session(), id).await?;
    let items: Vec<Item> = stored.iter().filter_map(inverse).collect();
    if items.is_empty() {
        return Err(RequestError::Items("there is nothing to take back".to_owned()));
    }
    let new = New {
        account: person.account,
        reason: format!("takes back request {}: {reason}", id.0),
        undoes: Some(id),
        criterion: None,
        review: None,
        ..done.new
    };
    let id = requests::add(transaction.session(), &new, now).await?;
    requests::set_items(transaction.session(), id, &request::stored_items(&items)).await?;
    let mut request = load(transaction, id).await?;
    for state in [State::Submitted, State::Checking, State::Queued, State::InReview] {
        step(transaction, &mut request, person, state, "", "", now).await?;
    }
    Ok(id)
}

/// Approves items, or notes that one of two editors does.
async fn approve(
    transaction: &mut Transaction,
    person: Person,
    request: &mut Request,
    list: &Stored,
    (positions, why, terms): (&[usize], &str, &Terms),
    more: Weight,
    now: Timestamp,
) -> Result<(Decided, Vec<Notice>), RequestError> {
    let items = request::items(transaction.session(), request.id).await?;
    let chosen: Vec<&Item> = positions.iter().filter_map(|place| items.get(*place)).collect();
    let is_sorted = positions.windows(2).all(|two| two[0] < two[1]);
    if chosen.len() != positions.len() || !is_sorted {
        return Err(RequestError::Items("an item that is approved is not there".to_owned()));
    }
    let is_partial = positions.len() < items.len() || !terms.without.is_empty();
    if is_partial && why.trim().is_empty() {
        return Err(RequestError::Items("say why the others are not approved".to_owned()));
    }
    // The first of two editors learns of it, too.
    category_of(transaction, request, list, &chosen).await?;
    // What the terms are held against stays so until it is written.
    lists::lock(transaction.session(), list.id).await?;
    let settled = settle(transaction, request, list, &chosen, (why, terms), now).await?;
    let plan = plan(transaction, request, list, (positions, &settled), now).await?;
    let actor = audit::actor(transaction.session(), person.account).await?;
    let t = &mut *transaction;
    let two = two_editors::of_changes_after(t, list, &actor, &plan.changes, more, now).await?;
    let agreed = match two {
        None => None,
        Some(two) => {
            let first = requests::approval(transaction.session(), request.id).await?;
            // Who agreed to something else agreed to nothing.
            let agrees = |first: &Approval| {
                let is_same = first.positions == positions && first.spared == terms.without;
                first.account != person.account && is_same
            };
            let first = match first.filter(agrees) {
                Some(first) => stands(transaction, request, &first, now).await?,
                None => None,
            };
            let Some(first) = first else {
                let (positions, spared) = (positions.to_vec(), terms.without.clone());
                let approval = Approval { account: person.account, positions, spared, time: now };
                requests::set_approval(transaction.session(), request.id, &approval).await?;
                let text = format!("one editor agrees; another one has to, for {two}");
                step(transaction, request, person, State::Queued, "second", &text, now).await?;
                return Ok((Decided::Waits(two), Vec::new()));
            };
            Some(audit::actor(transaction.session(), first.account).await?)
        }
    };
    let state = if is_partial { State::PartlyApproved } else { State::Approved };
    let text = match terms.without.is_empty() {
        true => why.trim().to_owned(),
        false => format!("{} Left out: {}.", ended(why), words(&terms.without)),
    };
    step(transaction, request, person, state, "", &text, now).await?;
    let by = (person, agreed.as_deref());
    let serial = carry_out(transaction, by, request, list, (positions, plan), now).await?;
    let account = request.new.account;
    let held = match serial {
        Some(serial) => publisher::prospect(transaction.session(), list, serial).await?.held(),
        None => None,
    };
    let notice = Notice::RequestMoved { account, request: request.id, state, held };
    Ok((Decided::Published(serial), vec![notice]))
}

/// Who agreed to a request before, if his word still counts: he could decide it now, too.
async fn stands(
    transaction: &mut Transaction,
    request: &Request,
    first: &Approval,
    now: Timestamp,
) -> Result<Option<Person>, RequestError> {
    let word = Agreed { account: first.account, time: first.time };
    let Some(person) = agreement::stands(transaction, word, now).await? else { return Ok(None) };
    let of = request.new.organisation;
    for decides in [
        allow(transaction.session(), person, of, Action::Decide).await,
        be_free(transaction.session(), person, request).await,
    ] {
        match decides {
            Ok(()) => {}
            Err(RequestError::Denied(_) | RequestError::Partial(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(person))
}

/// What approved items of a request make of its list and its organisation.
struct Plan {
    /// The list's keys.
    changes: Vec<Change>,
    /// What was there before, by the places of the items.
    before: BTreeMap<usize, String>,
    /// What the organisation is called from then on.
    name: String,
    /// Where it is found.
    website: String,
    /// Its category, if it gets one.
    category: Option<u8>,
}

/// Brings approved items of a request onto the list and into the organisation's record; the serial that has them.
pub(crate) async fn publish(
    transaction: &mut Transaction,
    person: Person,
    request: &mut Request,
    list: &Stored,
    (positions, settled): (&[usize], &Settled),
    now: Timestamp,
) -> Result<Option<u32>, RequestError> {
    let plan = plan(transaction, request, list, (positions, settled), now).await?;
    carry_out(transaction, (person, None), request, list, (positions, plan), now).await
}

/// What approved items would change. Nobody else changes the list from here on.
async fn plan(
    transaction: &mut Transaction,
    request: &Request,
    list: &Stored,
    (positions, settled): (&[usize], &Settled),
    now: Timestamp,
) -> Result<Plan, RequestError> {
    let id = request.new.organisation;
    let organisation = organisations::by_id(transaction.session(), id).await?;
    let organisation = organisation.ok_or(RequestError::Unknown("organisation"))?;
    let items = request::items(transaction.session(), request.id).await?;
    let chosen: Vec<(usize, &Item)> =
        positions.iter().filter_map(|place| Some((*place, items.get(*place)?))).collect();
    if let organisations::State::Suspended { reason } = &organisation.state
        && chosen.iter().any(|(_, item)| item.code().is_some())
        && request.new.undoes.is_none()
    {
        return Err(RequestError::Suspended(reason.clone()));
    }
    // What is at a key now decides what it is afterwards, so nobody else writes meanwhile.
    lists::lock(transaction.session(), list.id).await?;
    let all: Vec<&Item> = chosen.iter().map(|(_, item)| *item).collect();
    let was = categories::of(transaction.session(), id, list.id).await?;
    let category = category_of(transaction, request, list, &all).await?;
    let mut before = BTreeMap::new();
    let mut changes = Vec::new();
    let (mut name, mut website) = (organisation.name.clone(), organisation.website.clone());
    for (place, item) in chosen {
        match item {
            Item::Add { .. } | Item::Remove { .. } | Item::Rescore { .. } => {
                let by = (request, &*organisation.name);
                let (change, was) = change(transaction, by, list, item, settled, now).await?;
                before.insert(place, was);
                changes.extend(change);
            }
            Item::Name(new) => {
                before.insert(place, std::mem::replace(&mut name, new.clone()));
            }
            Item::Website(new) => {
                before.insert(place, std::mem::replace(&mut website, new.clone()));
            }
            Item::Category(_) => {
                let was = was.as_ref().map(|category| category.number.to_string());
                before.insert(place, was.unwrap_or_default());
            }
        }
    }
    for (network, why) in &settled.without {
        changes.push(exclusion(transaction, list, *network, why, now).await?);
    }
    Ok(Plan { changes, before, name, website, category })
}

/// Has a plan hold, by an editor and maybe another one who agreed before, by his pseudonym.
async fn carry_out(
    transaction: &mut Transaction,
    (person, agreed): (Person, Option<&str>),
    request: &mut Request,
    list: &Stored,
    (positions, plan): (&[usize], Plan),
    now: Timestamp,
) -> Result<Option<u32>, RequestError> {
    let Plan { changes, before, name, website, category } = plan;
    let id = request.new.organisation;
    if let Some(number) = category {
        let why = format!("request {}", request.id.0);
        category::assign(transaction, person, id, list, number, &why, now).await?;
    }
    organisations::describe(transaction.session(), id, &name, &website).await?;
    let cause = Cause {
        actor: audit::actor(transaction.session(), person.account).await?,
        action: "request.publish".to_owned(),
        reason: format!("request {}", request.id.0),
    };
    let off = kept_out::leaving(transaction, list.id, &changes).await?;
    let serial = match changes.is_empty() {
        true => None,
        false => {
            let done = changes::apply_agreed(transaction, list, &changes, &cause, agreed, now);
            Some(done.await?)
        }
    };
    // What was decided to go no feed brings back, nor a score that was lowered.
    let by = (&*cause.actor, &*cause.reason);
    kept_out::keep_all(transaction, list.id, &off, by, End::AsTheListSays, now).await?;
    end_items(transaction, request, positions, &before).await?;
    let state = State::Published.word().to_owned();
    let policy = lists::policy_version(transaction.session(), list.id).await?;
    let standing = Standing { state, serial, policy, ..request.standing.clone() };
    write(transaction, request, person, standing, "", "", now).await?;
    // What changes a list has its row with that.
    if serial.is_none() {
        let agreed = json!({ "items": positions.len(), "agreed": agreed });
        log(transaction, person, "request.approve", (request, list), agreed, now).await?;
    }
    Ok(serial)
}

/// The category in which an organisation is by what is approved. What takes something back brings what was there, whatever
/// it carried.
async fn category_of(
    transaction: &mut Transaction,
    request: &Request,
    list: &Stored,
    items: &[&Item],
) -> Result<Option<u8>, RequestError> {
    let all = categories::all(transaction.session(), list.id).await?;
    let organisation = request.new.organisation;
    let own = categories::of(transaction.session(), organisation, list.id).await?;
    let fit = category::fit(&all, own.as_ref(), items);
    if let (Some((item, carried)), Some(category), Some(code), None) = (
        fit.strays.first(),
        fit.category,
        fit.strays.first().and_then(|(item, _)| item.code()),
        request.new.undoes,
    ) {
        let what = item.network().map_or_else(String::new, |network| network.to_string());
        let conflict = category::conflict(code, carried, category);
        let mend = "leave it out, or give the organisation another category first";
        return Err(RequestError::Items(format!("{what}: {conflict}: {mend}")));
    }
    Ok(fit.category.map(|category| category.number))
}

/// What an item makes of the entries at its key, and which code the organisation, which is called so, had there before.
async fn change(
    transaction: &mut Transaction,
    (request, called): (&Request, &str),
    list: &Stored,
    item: &Item,
    settled: &Settled,
    now: Timestamp,
) -> Result<(Option<Change>, String), RequestError> {
    let Some(network) = item.network() else { return Ok((None, String::new())) };
    let key = Key::Network(network);
    let own = Some(request.new.organisation);
    let all = entries::at(transaction.session(), list.id, &key).await?;
    let (mine, mut entries): (Vec<Entry>, Vec<Entry>) =
        all.into_iter().partition(|entry| entry.organisation == own && entry.code.is_some());
    let mut replaced = mine;
    if let Some(code) = item.code() {
        // A key has a code once. Nobody's entry becomes theirs; another organisation's does not.
        let same = entries.iter().position(|entry| entry.code == Some(code));
        if let Some(same) = same.map(|place| entries.remove(place)) {
            if let Some(other) = same.organisation {
                let words = format!(
                    "organisation {} has {key} on the list with {code}: its entry must go first",
                    other.0
                );
                return Err(RequestError::Items(words));
            }
            replaced.push(same);
        }
        entries.push(Entry {
            key: key.clone(),
            code: Some(code),
            text: String::new(),
            // Whoever looks it up reads this.
            reason: format!("{called} asked for it (request {})", request.id.0),
            criterion: settled.criterion,
            source: entries::source(transaction.session(), SOURCE).await?,
            organisation: own,
            since: replaced.iter().map(|entry| entry.since).min().unwrap_or(now),
            expires: None,
            review: Some(settled.review.unwrap_or(Timestamp(now.0 + REVIEW))),
        });
    }
    let codes = replaced.iter().filter_map(|entry| Some(entry.code?.to_string()));
    let was = codes.collect::<Vec<_>>().join(" ");
    Ok((Some(Change { key, entries }), was))
}

/// What an editor says of entries, held against the list and what is approved.
async fn settle(
    transaction: &mut Transaction,
    request: &Request,
    list: &Stored,
    chosen: &[&Item],
    (why, terms): (&str, &Terms),
    now: Timestamp,
) -> Result<Settled, RequestError> {
    let slug = match &terms.criterion {
        Criterion::AsAsked => request.new.criterion.as_deref(),
        Criterion::Nothing => None,
        Criterion::This(slug) => Some(&**slug),
    };
    let criterion = match slug {
        Some(slug) => Some(request::criterion(transaction.session(), list, slug).await?),
        None => None,
    };
    if let Some(review) = terms.review {
        request::check_review(review, now)?;
    }
    // What was asked for long ago may be over by now.
    let asked = request.new.review.filter(|asked| *asked > now);
    let mut without = Vec::new();
    for network in &terms.without {
        let key = Key::Network(*network);
        let is_around = |item: &&&Item| {
            let around = item.network().filter(|_| item.code().is_some()).map(Key::Network);
            around.is_some_and(|around| around != key && around.within().contains(&key.to_bytes()))
        };
        let Some(item) = chosen.iter().find(is_around) else {
            let words =
                format!("{network} lies in no network that is approved: it is left out anyway");
            return Err(RequestError::Items(words));
        };
        let there = entries::at(transaction.session(), list.id, &key).await?;
        if there.iter().any(|entry| entry.code.is_some()) {
            let words =
                format!("{network} is listed by itself: take that entry off the list first");
            return Err(RequestError::Items(words));
        }
        let of = item.network().map_or_else(String::new, |network| network.to_string());
        let reason = format!("left out of {of} (request {}): {}", request.id.0, why.trim());
        without.push((*network, reason.chars().take(MOST_REASON).collect()));
    }
    let review = terms.review.or(asked);
    Ok(Settled { criterion, review, without })
}

/// What keeps a part of a network off the list.
async fn exclusion(
    transaction: &mut Transaction,
    list: &Stored,
    network: Network,
    why: &str,
    now: Timestamp,
) -> Result<Change, RequestError> {
    let key = Key::Network(network);
    let mut entries = entries::at(transaction.session(), list.id, &key).await?;
    if entries.iter().all(|entry| entry.code.is_some()) {
        entries.push(Entry {
            key: key.clone(),
            code: None,
            text: String::new(),
            reason: why.to_owned(),
            criterion: None,
            source: entries::source(transaction.session(), SOURCE).await?,
            organisation: None,
            since: now,
            expires: None,
            review: None,
        });
    }
    Ok(Change { key, entries })
}

/// Networks one behind the other.
fn words(networks: &[Network]) -> String {
    networks.iter().map(Network::to_string).collect::<Vec<_>>().join(", ")
}

/// A sentence with an end.
fn ended(words: &str) -> String {
    let words = words.trim();
    match words.ends_with(['.', '!', '?']) {
        true => words.to_owned(),
        false => format!("{words}."),
    }
}

/// Writes how the items of a request ended, and what was there before.
async fn end_items(
    transaction: &mut Transaction,
    request: &Request,
    positions: &[usize],
    before: &BTreeMap<usize, String>,
) -> Result<(), RequestError> {
    let mut items = requests::items(transaction.session(), request.id).await?;
    for (place, item) in items.iter_mut().enumerate() {
        item.outcome = match positions.contains(&place) {
            true => Ended::Approved,
            false => Ended::Rejected,
        };
        item.before = before.get(&place).cloned().unwrap_or_default();
    }
    Ok(requests::set_items(transaction.session(), request.id, &items).await?)
}

/// The item that takes back an approved one.
fn inverse(item: &requests::Item) -> Option<Item> {
    if item.outcome != Ended::Approved {
        return None;
    }
    // An organisation with several codes at a key got them from elsewhere: the first one stands for them.
    let code = item.before.split(' ').next().and_then(|code| code.parse().ok());
    match (Item::of_words(&item.action, &item.subject, &item.code)?, code) {
        (Item::Add { network, .. } | Item::Rescore { network, .. }, Some(code)) => {
            Some(Item::Rescore { network, code })
        }
        (Item::Add { network, .. } | Item::Rescore { network, .. }, None) => {
            Some(Item::Remove { network })
        }
        (Item::Remove { network }, Some(code)) => Some(Item::Add { network, code }),
        (Item::Remove { .. }, None) => None,
        (Item::Name(_), _) => Some(Item::Name(item.before.clone())),
        (Item::Website(_), _) => Some(Item::Website(item.before.clone())),
        (Item::Category(_), _) => item.before.parse().ok().map(Item::Category),
    }
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 7] = [
        Reason::NotYours,
        Reason::Fcrdns,
        Reason::Naming,
        Reason::Range,
        Reason::Reputation,
        Reason::Duplicate,
        Reason::Policy,
    ];

    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Reason::NotYours => "not-yours",
            Reason::Fcrdns => "fcrdns",
            Reason::Naming => "naming",
            Reason::Range => "range",
            Reason::Reputation => "reputation",
            Reason::Duplicate => "duplicate",
            Reason::Policy => "policy",
        }
    }

    /// The reason of a word.
    pub fn of_word(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NotYours => {
                "The addresses are not shown to be yours: neither their names nor \
                their registration lead to a domain of your organisation."
            }
            Reason::Fcrdns => {
                "The names of the addresses do not lead back to them. Set PTR and A \
                or AAAA records that agree, and ask again."
            }
            Reason::Naming => {
                "The addresses have names as dynamic addresses have them. Give each \
                server a name of its own, and ask again."
            }
            Reason::Range => {
                "The range is reserved, dynamic or larger than what sends mail. Name \
                the addresses of your servers."
            }
            Reason::Reputation => {
                "Abuse was seen from these addresses. End it, and ask again when \
                nothing was seen for 30 days."
            }
            Reason::Duplicate => {
                "These addresses are listed already, or are another organisation's."
            }
            Reason::Policy => "This is not what the list is for; its policy says what is.",
        })
    }
}

/// Where entries come from that were asked for.
const SOURCE: &str = "requests";
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// After so long a request is late, in microseconds: two days (RFC 6471).
pub const LATE: i64 = 2 * DAY;
/// Characters of the reason of an exclusion.
const MOST_REASON: usize = 500;
/// When somebody looks at an entry again that was asked for.
const REVIEW: i64 = 365 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_two_days_and_at_most_seven() {
        let at = |days: f64| Timestamp((days * DAY as f64) as i64);
        for (days, expected) in [
            (0.0, Service::InTime),
            (1.99, Service::InTime),
            (2.0, Service::Late),
            (6.99, Service::Late),
            (7.0, Service::Overdue),
        ] {
            assert_eq!(service(at(10.0), at(10.0 + days)), expected, "{days}");
        }
    }

    #[test]
    fn a_reason_is_read_as_it_is_written_and_says_something() {
        for reason in Reason::ALL {
            assert_eq!(Reason::of_word(reason.word()), Some(reason));
            assert!(reason.to_string().ends_with('.'), "{reason}");
        }
        assert_eq!(Reason::of_word("because"), None);
    }
}
