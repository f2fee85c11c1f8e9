//! Conflicts of interest: who decides nothing about a request, a removal, a proposal or a motion although he is an editor.
//!
//! Some are known by themselves: he belongs to the organisation that it is about, asked for it, or claimed to speak for
//! it. Others he declares; that stands in the audit log and others see it. Until it is decided he can take it back.

use std::fmt;

use repute_database::accounts::AccountId;
use repute_database::conflicts::{self, About, Declared};
use repute_database::lists;
use repute_database::motions::{self, State as Moved};
use repute_database::removals::{self, State as Removed};
use repute_database::requests;
use repute_database::rules::{self, ProposalState};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, audit};
use serde_json::json;

use crate::decision;
use crate::motion;
use crate::organisation;
use crate::permission::{self, Action, Denied, Person, Relation};
use crate::removal;
use crate::request::state::State;
use crate::request::{self, RequestError, state_of};
use crate::rule::proposal;

/// Why an editor does not decide something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// He belongs to an organisation that it is about.
    Belongs,
    /// He asked for it, or claimed to speak for the organisation.
    Asked,
    /// He said so.
    Declared,
}

/// An editor wants to decide what he said he is partial in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "you said that you are partial in this, so another editor decides it: take that back first if it was a mistake"
)]
pub struct Partial;

/// Why a conflict cannot be declared or taken back.
#[derive(Debug, thiserror::Error)]
pub enum ConflictError {
    /// Only editors decide, so only they are partial.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is nothing of that number.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It is decided.
    #[error("the {0} is decided already: that is not possible any more")]
    Over(&'static str),
    /// Nobody says why.
    #[error("say why, in at most {MOST_TEXT} characters: it stands in the audit log")]
    Reason,
    /// He had not said so.
    #[error("you did not say that you are partial in this")]
    None,
    /// The request cannot be put back into the queue.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Writes down that an editor is partial in something. What he alone of two agreed to is open again, and a request on
/// his desk goes back into the queue.
///
/// # Errors
/// If the person is no editor, it is not there or decided, or he does not say why.
pub async fn declare(
    transaction: &mut Transaction,
    person: Person,
    about: About,
    reason: &str,
    now: Timestamp,
) -> Result<(), ConflictError> {
    permission::check(person, Relation::Stranger, Action::Decide)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MOST_TEXT {
        return Err(ConflictError::Reason);
    }
    be_open(transaction, about).await?;
    let account = AccountId(person.account);
    let new = Declared { account, reason: reason.to_owned(), since: now };
    conflicts::put(transaction.session(), about, &new).await?;
    match about {
        About::Request(id) => {
            let approval = requests::approval(transaction.session(), id).await?;
            if approval.is_some_and(|approval| approval.account == person.account) {
                requests::clear_approval(transaction.session(), id).await?;
            }
            let mut request = request::load(transaction, id).await?;
            let has_it = request.standing.editor == Some(person.account);
            if state_of(&request)? == State::InReview && has_it {
                let t = &mut *transaction;
                request::step(t, &mut request, person, State::Queued, "", "", now).await?;
            }
        }
        About::Removal(id) => {
            removals::take_back(transaction.session(), id, person.account).await?;
        }
        About::Proposal(id) => {
            rules::take_back(transaction.session(), id, person.account).await?;
        }
        // His own he takes back; another one's he leaves to others.
        About::Motion(_) => {}
    }
    log(transaction, person, "conflict.declare", about, reason, now).await
}

/// Takes back that an editor is partial in something.
///
/// # Errors
/// If he had not said so, or it is decided.
pub async fn take_back(
    transaction: &mut Transaction,
    person: Person,
    about: About,
    now: Timestamp,
) -> Result<(), ConflictError> {
    permission::check(person, Relation::Stranger, Action::Decide)?;
    be_open(transaction, about).await?;
    if !conflicts::remove(transaction.session(), about, AccountId(person.account)).await? {
        return Err(ConflictError::None);
    }
    log(transaction, person, "conflict.take-back", about, "", now).await
}

/// Why an editor does not decide something, if so.
///
/// # Errors
/// If the database fails.
pub async fn of(
    mut session: Session<'_>,
    person: Person,
    about: About,
) -> Result<Option<Conflict>, DatabaseError> {
    let is_declared_here = match about {
        About::Removal(id) => removal::is_partial(session.again(), person, id).await?,
        About::Request(_) | About::Proposal(_) | About::Motion(_) => {
            is_declared(session.again(), person, about).await?
        }
    };
    if is_declared_here {
        return Ok(Some(Conflict::Declared));
    }
    let relation = match about {
        About::Request(id) => {
            let Some(request) = requests::by_id(session.again(), id).await? else {
                return Ok(None);
            };
            if let Some(undone) = request.new.undoes
                && is_declared(session.again(), person, About::Request(undone)).await?
            {
                return Ok(Some(Conflict::Declared));
            }
            let of = request.new.organisation;
            let relation = organisation::relation(session.again(), person, of).await?;
            let is_free = decision::is_free(session, person, &request).await?;
            if relation == Relation::Stranger && !is_free {
                return Ok(Some(Conflict::Asked));
            }
            relation
        }
        About::Removal(id) => match removals::by_id(session.again(), id).await? {
            Some(removal) => removal::relation(session, person, &removal.new).await?,
            None => Relation::Stranger,
        },
        About::Proposal(id) => match rules::proposal_by_id(session.again(), id).await? {
            Some(one) => proposal::relation(session, person, &one).await?,
            None => Relation::Stranger,
        },
        About::Motion(id) => match motions::by_id(session.again(), id).await? {
            Some(one) if one.new.account == person.account => return Ok(Some(Conflict::Asked)),
            Some(one) => motion::relation(session, person, &one).await?,
            None => Relation::Stranger,
        },
    };
    Ok((relation != Relation::Stranger).then_some(Conflict::Belongs))
}

/// Whether an editor said that he is partial in something.
pub(crate) async fn is_declared(
    session: Session<'_>,
    person: Person,
    about: About,
) -> Result<bool, DatabaseError> {
    let all = conflicts::of(session, about).await?;
    Ok(all.iter().any(|one| one.account.0 == person.account))
}

/// Fails if something is not there, or decided; nobody else decides it meanwhile.
async fn be_open(transaction: &mut Transaction, about: About) -> Result<(), ConflictError> {
    let unknown = || ConflictError::Unknown(about.kind());
    let is_open = match about {
        About::Request(id) => {
            let found = request::load(transaction, id).await.map_err(|error| match error {
                RequestError::Unknown(_) => unknown(),
                RequestError::Database(error) => error.into(),
                error => error.into(),
            })?;
            !state_of(&found)?.is_over()
        }
        About::Removal(id) => {
            let found = removals::by_id(transaction.session(), id).await?;
            let found = found.ok_or_else(unknown)?;
            lists::lock(transaction.session(), found.new.list).await?;
            let found = removals::by_id(transaction.session(), id).await?.ok_or_else(unknown)?;
            found.state == Removed::Queued
        }
        About::Proposal(id) => {
            let found = rules::proposal_by_id(transaction.session(), id).await?;
            let found = found.ok_or_else(unknown)?;
            lists::lock(transaction.session(), found.list).await?;
            let found = rules::proposal_by_id(transaction.session(), id).await?;
            found.ok_or_else(unknown)?.state == ProposalState::Open
        }
        About::Motion(id) => {
            let found = motions::by_id(transaction.session(), id).await?;
            let found = found.ok_or_else(unknown)?;
            lists::lock(transaction.session(), found.new.list).await?;
            let found = motions::by_id(transaction.session(), id).await?;
            found.ok_or_else(unknown)?.state == Moved::Open
        }
    };
    if is_open { Ok(()) } else { Err(ConflictError::Over(about.kind())) }
}

/// Writes down in the log what an editor says of himself.
async fn log(
    transaction: &mut Transaction,
    person: Person,
    action: &str,
    about: About,
    reason: &str,
    now: Timestamp,
) -> Result<(), ConflictError> {
    let deed = audit::Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        subject: format!("{}/{}", about.kind(), about.number()),
        detail: json!({ "reason": reason }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Conflict::Belongs => "you belong to an organisation that this is about",
            Conflict::Asked => "you asked for this, or claimed to speak for its organisation",
            Conflict::Declared => "you said that you are partial in this",
        })
    }
}

/// Characters of a reason.
const MOST_TEXT: usize = 500;
