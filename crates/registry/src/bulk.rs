//! Decisions about several requests and removals at once, and what they would lead to before anybody makes them.
//!
//! Each is decided by itself, by the same rules as alone, in a transaction of its own: what cannot be decided is left
//! out and says why. A dry run does the same and then drops the transaction, so that it cannot say anything else than
//! what will happen; what of the past counts for the next one it carries along.

use std::collections::HashMap;

use repute_database::lists::{self, ListId, Stored};
use repute_database::removals::{self, RemovalId};
use repute_database::requests::{self, RequestId};
use repute_database::{DatabaseError, Key, Timestamp, Transaction, audit, entries};
use repute_dnsxl::Network;

use crate::decision::{self, Decided, Reason, Terms, Verdict};
use crate::kept_out::End;
use crate::notice::Notice;
use crate::permission::Person;
use crate::publish::{self, Together};
use crate::removal::{self, RemovalError};
use crate::request::item::Item;
use crate::request::state::State;
use crate::request::{self, RequestError};
use crate::two_editors;
use crate::weight::Weight;

/// What is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A request, in the version that the editor saw.
    Request(RequestId, i64),
    /// A removal that waits for an editor.
    Removal(RemovalId),
}

/// What is decided about all that was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// All that was asked for is approved, and removals are granted.
    Approve,
    /// Nothing is, and why.
    Reject(Reason, String),
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is made: what changes on the list.
    Done(Impact),
    /// It waits for another editor, and why.
    Second(String),
    /// It is not made, and why.
    LeftOut(String),
}

/// What the decisions of a dry run would have done to each list until now.
#[derive(Clone, Debug, Default)]
pub struct Tried(HashMap<ListId, Sum>);

/// What they would have done to one.
#[derive(Clone, Debug, Default)]
struct Sum {
    /// How much of it would count as what the editor did alone.
    weight: Weight,
    /// What all of them would bring.
    together: Together,
    /// Why the guards of the list would keep one of them back, and so all behind it.
    held: Option<String>,
}

/// What changes on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    /// Networks that are newly listed.
    pub added: Vec<Network>,
    /// Networks of which the code changes.
    pub changed: usize,
    /// Networks that leave the list.
    pub removed: Vec<Network>,
    /// Names and websites of organisations that change, and names that leave a list.
    pub other: usize,
    /// Why the guards of the list keep it back until a second person has looked, if they do.
    pub held: Option<String>,
}

/// Decides about one, in this transaction; the caller commits it, or drops it if nothing should have happened. What is
/// left out must not be committed.
///
/// # Errors
/// If the database fails.
pub async fn carry_out(
    transaction: &mut Transaction,
    person: Person,
    pick: Pick,
    ruling: &Ruling,
    now: Timestamp,
) -> Result<(Outcome, Vec<Notice>), DatabaseError> {
    carry_out_after(transaction, person, pick, ruling, Weight::default(), now).await
}

/// What a decision would lead to, in a transaction that the caller drops, if those that were tried before it were made.
///
/// # Errors
/// If the database fails.
pub async fn try_out(
    transaction: &mut Transaction,
    person: Person,
    pick: Pick,
    ruling: &Ruling,
    tried: &mut Tried,
    now: Timestamp,
) -> Result<Outcome, DatabaseError> {
    let list = match pick {
        Pick::Request(id, _) => {
            requests::by_id(transaction.session(), id).await?.map(|found| found.new.list)
        }
        Pick::Removal(id) => {
            removals::by_id(transaction.session(), id).await?.map(|found| found.new.list)
        }
    };
    let stored = match list {
        Some(list) => lists::by_id(transaction.session(), list).await?,
        None => None,
    };
    // What is not there any more says so.
    let Some(stored) = stored else {
        return Ok(carry_out(transaction, person, pick, ruling, now).await?.0);
    };
    let sum = tried.0.entry(stored.id).or_default();
    // Only what he did alone counts, as the log has it.
    let before = done(transaction, person, &stored, now).await?;
    let (mut outcome, _) =
        carry_out_after(transaction, person, pick, ruling, sum.weight, now).await?;
    if let Outcome::Done(impact) = &mut outcome {
        let after = done(transaction, person, &stored, now).await?;
        sum.weight = sum.weight.and(after.more_than(before));
        sum.take(transaction, (pick, &stored), impact, now).await?;
    }
    Ok(outcome)
}

impl Sum {
    /// Takes in what one would do, and says of it what the guards would make of all until now: what each alone may do
    /// they may not do together, and what is kept back keeps back all that comes later.
    async fn take(
        &mut self,
        transaction: &mut Transaction,
        (pick, list): (Pick, &Stored),
        impact: &mut Impact,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let names = match pick {
            // Those of a request are of its organisation, and no entries.
            Pick::Request(..) => 0,
            Pick::Removal(_) => impact.other,
        };
        if impact.added.is_empty() && impact.changed + impact.removed.len() + names == 0 {
            return Ok(());
        }
        self.together.added.extend(&impact.added);
        self.together.removed += (impact.removed.len() + names) as u64;
        if impact.held.is_none() {
            impact.held = match &self.held {
                Some(why) => Some(format!("it comes behind what is kept back, because {why}")),
                None => publish::prospect_of_many(transaction.session(), list, &self.together, now)
                    .await?
                    .map(|why| format!("with those before it, {why}")),
            };
        }
        self.held = self.held.take().or_else(|| impact.held.clone());
        Ok(())
    }
}

/// How much an editor changed of a list alone lately.
async fn done(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    now: Timestamp,
) -> Result<Weight, DatabaseError> {
    match audit::known_actor(transaction.session(), person.account).await? {
        Some(actor) => two_editors::recently(transaction.session(), &actor, list, now).await,
        None => Ok(Weight::default()),
    }
}

/// Decides about one if the editor had done more lately than the audit log says.
async fn carry_out_after(
    transaction: &mut Transaction,
    person: Person,
    pick: Pick,
    ruling: &Ruling,
    more: Weight,
    now: Timestamp,
) -> Result<(Outcome, Vec<Notice>), DatabaseError> {
    match pick {
        Pick::Request(id, version) => {
            match of_request(transaction, person, (id, version), ruling, more, now).await {
                Ok(done) => Ok(done),
                Err(RequestError::Database(error)) => Err(error),
                Err(error) => Ok((Outcome::LeftOut(error.to_string()), Vec::new())),
            }
        }
        Pick::Removal(id) => match of_removal(transaction, person, id, ruling, more, now).await {
            Ok(done) => Ok(done),
            Err(RemovalError::Database(error)) => Err(error),
            Err(error) => Ok((Outcome::LeftOut(error.to_string()), Vec::new())),
        },
    }
}

/// Decides about a request; one that nobody has is taken first.
async fn of_request(
    transaction: &mut Transaction,
    person: Person,
    (id, seen): (RequestId, i64),
    ruling: &Ruling,
    more: Weight,
    now: Timestamp,
) -> Result<(Outcome, Vec<Notice>), RequestError> {
    let mut request = request::load(transaction, id).await?;
    if request.version != seen {
        return Err(RequestError::Conflict);
    }
    match request::state_of(&request)? {
        State::Queued => request = decision::review(transaction, person, id, now).await?,
        State::InReview if request.standing.editor != Some(person.account) => {
            let words = "another editor has it on the desk";
            return Ok((Outcome::LeftOut(words.to_owned()), Vec::new()));
        }
        _ => {}
    }
    let mut impact = match ruling {
        Ruling::Approve => impact(transaction, &request).await?,
        Ruling::Reject(..) => Impact::default(),
    };
    let verdict = match ruling {
        Ruling::Approve => {
            let count = requests::items(transaction.session(), id).await?.len();
            let (positions, why) = ((0..count).collect(), String::new());
            Verdict::Approve { positions, why, terms: Terms::default() }
        }
        Ruling::Reject(reason, why) => Verdict::Reject(*reason, why.clone()),
    };
    let version = request.version;
    let (decided, notices) =
        decision::decide_after(transaction, person, (id, version), &verdict, more, now).await?;
    let outcome = match decided {
        Decided::Published(serial) => {
            impact.held = held(transaction, request.new.list, serial).await?;
            Outcome::Done(impact)
        }
        Decided::Moved(_) => Outcome::Done(impact),
        Decided::Waits(two) => Outcome::Second(two.to_string()),
    };
    Ok((outcome, notices))
}

/// Decides about a removal.
async fn of_removal(
    transaction: &mut Transaction,
    person: Person,
    id: RemovalId,
    ruling: &Ruling,
    more: Weight,
    now: Timestamp,
) -> Result<(Outcome, Vec<Notice>), RemovalError> {
    let removal = removals::by_id(transaction.session(), id).await?.ok_or(RemovalError::Link)?;
    let verdict = match ruling {
        Ruling::Approve => removal::Verdict::Grant { end: End::AsTheListSays, why: String::new() },
        // Its reasons are about organisations; who asked for a removal reads the words alone.
        Ruling::Reject(_, why) => removal::Verdict::Refuse(why.clone()),
    };
    let (decided, notices) =
        removal::decide_after(transaction, person, id, &verdict, more, now).await?;
    let outcome = match decided {
        removal::Decided::Refused => Outcome::Done(Impact::default()),
        removal::Decided::Waits(two) => Outcome::Second(two.to_string()),
        removal::Decided::Granted { serial, .. } => {
            let held = held(transaction, removal.new.list, Some(serial)).await?;
            Outcome::Done(match removal.new.key {
                Key::Network(network) => {
                    Impact { removed: vec![network], held, ..Impact::default() }
                }
                Key::Name(..) => Impact { other: 1, held, ..Impact::default() },
            })
        }
    };
    Ok((outcome, notices))
}

/// Why the guards of a list keep a serial back, if there is one and they do.
async fn held(
    transaction: &mut Transaction,
    list: ListId,
    serial: Option<u32>,
) -> Result<Option<String>, DatabaseError> {
    let Some(serial) = serial else { return Ok(None) };
    let stored = lists::by_id(transaction.session(), list).await?;
    let stored = stored.ok_or(DatabaseError::Missing("list"))?;
    Ok(publish::prospect(transaction.session(), &stored, serial).await?.held())
}

/// What a request would change, held against what is on the list.
async fn impact(
    transaction: &mut Transaction,
    request: &requests::Request,
) -> Result<Impact, RequestError> {
    let mut impact = Impact::default();
    // What is at a key now decides; nobody else writes meanwhile.
    lists::lock(transaction.session(), request.new.list).await?;
    for item in request::items(transaction.session(), request.id).await? {
        let Some(network) = item.network() else {
            impact.other += 1;
            continue;
        };
        let key = Key::Network(network);
        let there = entries::at(transaction.session(), request.new.list, &key).await?;
        let own = Some(request.new.organisation);
        let codes: Vec<_> = there
            .iter()
            .filter(|entry| entry.organisation == own)
            .filter_map(|entry| entry.code)
            .collect();
        match (&item, item.code()) {
            (Item::Remove { .. }, _) if !codes.is_empty() => impact.removed.push(network),
            (_, Some(_)) if codes.is_empty() => impact.added.push(network),
            (_, Some(code)) if codes != [code] => impact.changed += 1,
            (_, _) => {}
        }
    }
    Ok(impact)
}

impl Outcome {
    /// Whether the guards of the list keep it back until a second person has looked.
    pub fn is_held(&self) -> bool {
        matches!(self, Outcome::Done(Impact { held: Some(_), .. }))
    }
}

impl Impact {
    /// Adds another one; of several that are kept back it says why of the first.
    pub fn add(&mut self, other: &Impact) {
        self.added.extend(&other.added);
        self.removed.extend(&other.removed);
        self.changed += other.changed;
        self.other += other.other;
        self.held = self.held.take().or_else(|| other.held.clone());
    }
}
