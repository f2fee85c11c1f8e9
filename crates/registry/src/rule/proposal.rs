//! Proposals: what rules would list, and an editor decides.
//!
//! A person goes through [`decide`], which asks whether he may: who belongs to an organisation that has what is proposed
//! on an allow list does not decide about it. The command line may everything.

use std::collections::BTreeSet;

use repute_database::conflicts::About;
use repute_database::lists::{self, ListId, Stored};
use repute_database::rules::{self, Proposal, ProposalId, ProposalState};
use repute_database::{
    Agreed, DatabaseError, Session, Timestamp, Transaction, audit, entries, organisations,
};
use serde_json::json;

use super::standing::{Hold, hold, holders};
use super::{source_name, turn};
use crate::agreement;
use crate::changes::{self, Cause, Change, ChangeError};
use crate::conflict::{self, Partial};
use crate::permission::{self, Action, Denied, Person, Relation};
use crate::two_editors::{self, TwoEditors};

/// Why a proposal cannot be decided so.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// Who wants to decide may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Who wants to decide said that he is partial.
    #[error(transparent)]
    Partial(#[from] Partial),
    /// There is no such proposal.
    #[error("there is no proposal {0} for this list")]
    Unknown(i64),
    /// It was decided.
    #[error("proposal {0} is decided already: it is {1}")]
    Decided(i64, &'static str),
    /// Nothing of it would be listed any more.
    #[error("the time of proposal {0} is over: refuse it")]
    Over(i64),
    /// It is never listed.
    #[error("proposal {0} cannot be listed ({1}): refuse it")]
    Held(i64, &'static str),
    /// A refusal without a reason.
    #[error("a refusal needs a reason")]
    Reason,
    /// The list cannot be changed so.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What an editor decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is listed.
    Accept,
    /// It is not.
    Refuse,
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is on this list since this serial.
    Listed(Box<Stored>, u32),
    /// It is not listed.
    Refused,
    /// Another editor has to agree, and why.
    Waits(TwoEditors),
}

/// Has whoever else would change the lists of some proposals wait: for who decides several at once, as everybody takes
/// lists by their numbers and before the audit log.
///
/// # Errors
/// If there is none of one of the numbers, or the database fails.
pub async fn take_lists(
    transaction: &mut Transaction,
    ids: &[ProposalId],
) -> Result<(), ProposalError> {
    let mut lists = BTreeSet::new();
    for id in ids {
        let proposal = rules::proposal_by_id(transaction.session(), *id).await?;
        lists.insert(proposal.ok_or(ProposalError::Unknown(id.0))?.list.0);
    }
    for list in lists {
        lists::lock(transaction.session(), ListId(list)).await?;
    }
    Ok(())
}

/// Decides a proposal for whichever list it is. What two editors have to agree to is listed when the second one accepts it.
///
/// # Errors
/// If the person may not, or it cannot be decided so: the transaction is to be dropped.
pub async fn decide(
    transaction: &mut Transaction,
    person: Person,
    id: ProposalId,
    verdict: Verdict,
    reason: &str,
    now: Timestamp,
) -> Result<Decided, ProposalError> {
    let proposal = rules::proposal_by_id(transaction.session(), id).await?;
    let proposal = proposal.ok_or(ProposalError::Unknown(id.0))?;
    let list = lists::by_id(transaction.session(), proposal.list).await?;
    let list = list.ok_or(ProposalError::Unknown(id.0))?;
    // Nobody else decides it meanwhile, and what was read before that is read again.
    lists::lock(transaction.session(), list.id).await?;
    let proposal = open(transaction, &list, id).await?;
    let relation = relation(transaction.session(), person, &proposal).await?;
    permission::check(person, relation, Action::Decide)?;
    if conflict::is_declared(transaction.session(), person, About::Proposal(id)).await? {
        return Err(Partial.into());
    }
    let action = match verdict {
        Verdict::Accept => "proposal.accept",
        Verdict::Refuse => "proposal.refuse",
    };
    let cause = Cause {
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        reason: reason.to_owned(),
    };
    match verdict {
        Verdict::Accept => {
            let change = plan(transaction, &list, &proposal, now).await?;
            let changes = [change];
            let actor = &*cause.actor;
            let two = two_editors::of_changes(transaction, &list, actor, &changes, now).await?;
            let first = match proposal.agreed.filter(|first| first.account != person.account) {
                Some(first) if two.is_some() => stands(transaction, &proposal, first, now).await?,
                Some(_) | None => None,
            };
            let agreed = match (two, first) {
                (None, _) => None,
                (Some(_), Some(first)) => {
                    Some(audit::actor(transaction.session(), first.account).await?)
                }
                (Some(two), None) => {
                    let agreed = Agreed { account: person.account, time: now };
                    rules::agree(transaction.session(), id, agreed).await?;
                    return Ok(Decided::Waits(two));
                }
            };
            let agreed = agreed.as_deref();
            let serial = carry_out(transaction, &list, id, (&changes, agreed), &cause, now).await?;
            Ok(Decided::Listed(Box::new(list), serial))
        }
        Verdict::Refuse => {
            refuse(transaction, &list, id, &cause, now).await?;
            Ok(Decided::Refused)
        }
    }
}

/// Who agreed to a proposal before, if his word still counts: he could decide it now, too.
async fn stands(
    transaction: &mut Transaction,
    proposal: &Proposal,
    first: Agreed,
    now: Timestamp,
) -> Result<Option<Person>, ProposalError> {
    let Some(person) = agreement::stands(transaction, first, now).await? else { return Ok(None) };
    let relation = relation(transaction.session(), person, proposal).await?;
    Ok(permission::may(person.role, relation, Action::Decide).then_some(person))
}

/// What a person is to those who have what is proposed on an allow list.
pub(crate) async fn relation(
    mut session: Session<'_>,
    person: Person,
    proposal: &Proposal,
) -> Result<Relation, DatabaseError> {
    let all = lists::all(session.again()).await?;
    let mut relation = Relation::Stranger;
    let Some(list) = all.iter().find(|list| list.id == proposal.list) else { return Ok(relation) };
    let key = &proposal.proposed.key;
    for holder in holders(session.again(), &all, list, key, MOST_HOLDERS).await? {
        let role = organisations::role_of(session.again(), holder, person.account).await?;
        relation = relation.max(role.into());
    }
    Ok(relation)
}

/// Accepts a proposal on behalf of whoever has the shell: it becomes an entry of its rule until the time it says; the
/// list's serial.
///
/// # Errors
/// If it cannot be accepted, or the database fails: the transaction is to be dropped.
pub async fn accept(
    transaction: &mut Transaction,
    list: &Stored,
    id: ProposalId,
    cause: &Cause,
    now: Timestamp,
) -> Result<u32, ProposalError> {
    lists::lock(transaction.session(), list.id).await?;
    let proposal = open(transaction, list, id).await?;
    let change = plan(transaction, list, &proposal, now).await?;
    carry_out(transaction, list, id, (&[change], None), cause, now).await
}

/// What a proposal makes of its key.
async fn plan(
    transaction: &mut Transaction,
    list: &Stored,
    proposal: &Proposal,
    now: Timestamp,
) -> Result<Change, ProposalError> {
    let (id, key) = (proposal.id, &proposal.proposed.key);
    if proposal.proposed.expires <= now {
        return Err(ProposalError::Over(id.0));
    }
    let version = rules::version(transaction.session(), proposal.rule, proposal.version).await?;
    let rule = version.ok_or(DatabaseError::Missing("version of a rule"))?;
    let all = lists::all(transaction.session()).await?;
    match hold(transaction.session(), &all, list, key, (rule.terms.code, now)).await? {
        // That is what the editor was asked, or the newer decision.
        Some(Hold::Organisation | Hold::TwoEditors | Hold::KeptOut) | None => {}
        Some(held) => return Err(ProposalError::Held(id.0, held.word())),
    }
    let source = entries::source(transaction.session(), &source_name(&rule.name)).await?;
    let mut entries = entries::at(transaction.session(), list.id, key).await?;
    if !entries.iter().any(|entry| entry.code == Some(rule.terms.code)) {
        let times = (now, proposal.proposed.expires);
        entries.push(turn::entry_of(transaction.session(), &rule, key, source, times).await?);
    }
    Ok(Change { key: key.clone(), entries })
}

/// Has a proposal be listed, maybe with another editor who agreed before, by his pseudonym.
async fn carry_out(
    transaction: &mut Transaction,
    list: &Stored,
    id: ProposalId,
    (changes, agreed): (&[Change], Option<&str>),
    cause: &Cause,
    now: Timestamp,
) -> Result<u32, ProposalError> {
    write_down(transaction, id, ProposalState::Accepted, cause, now).await?;
    Ok(changes::apply_agreed(transaction, list, changes, cause, agreed, now).await?)
}

/// Refuses a proposal: what was seen until now is not proposed again.
///
/// # Errors
/// If it cannot be refused, or the database fails: the transaction is to be dropped.
pub async fn refuse(
    transaction: &mut Transaction,
    list: &Stored,
    id: ProposalId,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), ProposalError> {
    if cause.reason.trim().is_empty() {
        return Err(ProposalError::Reason);
    }
    let proposal = open(transaction, list, id).await?;
    write_down(transaction, id, ProposalState::Refused, cause, now).await?;
    let key = proposal.proposed.key.to_string();
    let detail = json!({ "proposal": id.0, "key": key, "reason": cause.reason });
    super::record(transaction, list, cause, detail, now).await?;
    Ok(())
}

/// A proposal for a list that is open.
async fn open(
    transaction: &mut Transaction,
    list: &Stored,
    id: ProposalId,
) -> Result<Proposal, ProposalError> {
    let proposal = rules::proposal_by_id(transaction.session(), id).await?;
    let proposal = proposal.filter(|proposal| proposal.list == list.id);
    let proposal = proposal.ok_or(ProposalError::Unknown(id.0))?;
    match proposal.state {
        ProposalState::Open => Ok(proposal),
        state @ (ProposalState::Accepted | ProposalState::Refused) => {
            Err(ProposalError::Decided(id.0, state.word()))
        }
    }
}

/// Writes down what is decided, unless somebody else did meanwhile.
async fn write_down(
    transaction: &mut Transaction,
    id: ProposalId,
    state: ProposalState,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), ProposalError> {
    let (session, reason) = (transaction.session(), &cause.reason);
    match rules::decide(session, id, state, &cause.actor, reason, now).await? {
        true => Ok(()),
        false => Err(ProposalError::Decided(id.0, "no longer open")),
    }
}

/// So many organisations are looked at before whoever decides is held for a stranger.
const MOST_HOLDERS: usize = 1_000;
