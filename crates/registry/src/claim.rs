//! Claims: somebody proves that a domain is his, and so that he may speak for an organisation.
//!
//! Anybody may claim any domain, also one that somebody holds: the better proof wins, and who held it is told a week
//! before. A proof in DNS is looked at again for as long as it counts.
//!
//! A claim says who speaks for a domain. It does not say that an address belongs to it: that is checked with each
//! request.

use std::error::Error;
use std::io;

use repute_database::accounts::{self, AccountId};
use repute_database::claims::{self, Claim, ClaimId, New, Proof, State};
use repute_database::entries::OrganisationId;
use repute_database::lists::ListId;
use repute_database::organisations::{self, MemberRole, find};
use repute_database::person::NOBODY;
use repute_database::{Database, DatabaseError, Session, Timestamp, Transaction, undelivered};
use repute_dnsxl::Name;
use serde_json::json;
use tokio::task::JoinSet;

use crate::category;
use crate::notice::Notice;
use crate::organisation::{self, OrganisationError};
use crate::permission::{self, Action, Denied, Person, Relation, Role};
use crate::token::{self, NoRandom, TokenKey, Use};

pub mod challenge;
pub mod standing;

use challenge::{Fault, Look};
use standing::Found;

/// For whom a domain is claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum For {
    /// A new organisation.
    New {
        /// What it is called.
        name: String,
        /// The categories that it chooses, of lists that have some.
        categories: Vec<(ListId, u8)>,
    },
    /// One that is there.
    Existing(OrganisationId),
}

/// A claim that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The claim.
    pub claim: Claim,
    /// What is to be sent.
    pub notices: Vec<Notice>,
}

/// Why there is no such claim, or it is not proven.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No domain that somebody can hold.
    #[error("`{0}` is not a domain that can be claimed: name one like example.org")]
    Domain(String),
    /// There is no such claim, or it is somebody else's.
    #[error("there is no such claim")]
    Unknown,
    /// The challenge is over, or met.
    #[error("this claim is {0}: make another one")]
    Over(&'static str),
    /// A link with another token.
    #[error("this link is not valid: it is incomplete, or of another claim")]
    Link,
    /// As many mails as go to a domain on a day.
    #[error("{MAILS_A_DAY} mails went to {0} today: prove it by DNS, or try again tomorrow")]
    Mails(Name),
    /// As many claims as one person makes on a day.
    #[error("you made {CLAIMS_A_DAY} claims today: make another one tomorrow")]
    Many,
    /// What happened cannot be told to whom it concerns.
    #[error("what happened to the claim of {domain} cannot be told")]
    Told {
        /// The domain.
        domain: Name,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Too many open claims of one person.
    #[error("you have {OPEN_CLAIMS} open claims: prove or withdraw some of them first")]
    Open,
    /// The organisation cannot be claimed for.
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
    /// The organisation is not known by this domain.
    #[error(
        "organisation {id} is not known by {domain}: claim a domain that it is known by, or ask one of its owners"
    )]
    Stranger {
        /// The organisation.
        id: i64,
        /// The domain.
        domain: Name,
    },
    /// Who made it is locked.
    #[error("the account that made this claim is locked: ask the administrators of this portal")]
    Locked,
    /// No challenge can be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Makes a claim. One by mail is sent at once.
///
/// # Errors
/// If the domain is none, the person has too many open ones, or no more mails go to the domain today.
pub async fn open(
    transaction: &mut Transaction,
    person: Person,
    whom: &For,
    domain: &Name,
    proof: Proof,
    key: &TokenKey,
    now: Timestamp,
) -> Result<Opened, ClaimError> {
    permission::check(person, Relation::Stranger, Action::Claim)?;
    // A label with an underscore belongs to who runs the name above it.
    let is_domain = domain.label_count() >= 2
        && domain.to_string().len() <= 200
        && domain
            .labels()
            .all(|label| label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'));
    if !is_domain {
        return Err(ClaimError::Domain(domain.to_string()));
    }
    let theirs = claims::of_account(transaction.session(), person.account).await?;
    if theirs.iter().filter(|claim| claim.state == State::Open).count() >= OPEN_CLAIMS {
        return Err(ClaimError::Open);
    }
    // Those that were taken back count too: each may have sent a letter to somebody else.
    let today = |claim: &&Claim| claim.new.created.0 > now.0 - DAY;
    if theirs.iter().filter(today).count() >= CLAIMS_A_DAY {
        return Err(ClaimError::Many);
    }
    if let Proof::Mail(_) = proof {
        let day = now.0.div_euclid(DAY);
        if !claims::count_mail(transaction.session(), domain, day, MAILS_A_DAY).await? {
            return Err(ClaimError::Mails(domain.clone()));
        }
    }
    let id = match whom {
        For::New { name, categories } => {
            let id = organisation::found(transaction, person, name, now).await?;
            category::choose(transaction, person, id, categories, now).await?;
            id
        }
        For::Existing(id) => {
            let found = organisations::by_id(transaction.session(), *id).await?;
            found.ok_or(OrganisationError::Unknown(id.0))?;
            if !may_speak(transaction, person.account, *id, domain).await? {
                return Err(ClaimError::Stranger { id: id.0, domain: domain.clone() });
            }
            *id
        }
    };
    let new = New {
        organisation: id,
        domain: domain.clone(),
        account: person.account,
        proof,
        nonce: token::nonce()?,
        created: now,
        expires: Timestamp(now.0 + OPEN_FOR),
    };
    let claim = claims::add(transaction.session(), &new).await?;
    let claim = Claim { id: claim, new, state: State::Open, seen: String::new() };
    let notices = match proof {
        Proof::Dns => Vec::new(),
        Proof::Mail(mailbox) => vec![Notice::ClaimLink {
            claim: claim.id,
            domain: domain.clone(),
            mailbox,
            token: token(&claim, key),
        }],
    };
    let detail = json!({ "domain": domain.to_string(), "claim": claim.id.0 });
    organisation::log(transaction, person, "claim.open", id, &detail, now).await?;
    Ok(Opened { claim, notices })
}

/// The token of a claim: what stands in its TXT record, or in its link.
pub fn token(claim: &Claim, key: &TokenKey) -> String {
    key.token(Use::Claim(claim.id.0), &claim.new.nonce)
}

/// What whoever reads a domain's mailbox says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is right.
    Yes,
    /// It is not theirs.
    No,
}

/// The claim whose link was mailed to a domain's mailbox.
///
/// # Errors
/// If it is no such link.
pub async fn of_link(
    session: Session<'_>,
    id: ClaimId,
    token: &str,
    key: &TokenKey,
) -> Result<Claim, ClaimError> {
    let claim = claims::by_id(session, id).await?.ok_or(ClaimError::Link)?;
    let is_mail = matches!(claim.new.proof, Proof::Mail(_));
    match is_mail && key.is(token, Use::Claim(id.0), &claim.new.nonce) {
        true => Ok(claim),
        false => Err(ClaimError::Link),
    }
}

/// Takes what somebody says by the link of a mail. Who has it reads the domain's mail, and so needs no account; who made the
/// claim is told. The link is good once.
///
/// # Errors
/// If the link is not that of an open claim.
pub async fn follow_link(
    transaction: &mut Transaction,
    id: ClaimId,
    token: &str,
    answer: Answer,
    key: &TokenKey,
    now: Timestamp,
) -> Result<(Claim, Vec<Notice>), ClaimError> {
    let claim = of_link(transaction.session(), id, token, key).await?;
    // What it leads to is in the name of who made the claim: nobody else is known.
    let person = Person { account: claim.new.account, role: Role::Member };
    let mut mailbox = String::new();
    if let Proof::Mail(of) = claim.new.proof {
        mailbox = format!("{}@{}", of.local_part(), claim.new.domain);
        undelivered::revive(transaction.session(), &mailbox).await?;
    }
    let (claim, mut notices) = match answer {
        Answer::Yes => prove(transaction, person, &claim, "the link was followed", now).await?,
        Answer::No => {
            open_still(&claim, now)?;
            let seen = format!("whoever reads {mailbox} says that it is not theirs");
            end(transaction, &claim, &seen, now).await?;
            let detail = json!({ "domain": claim.new.domain.to_string(), "claim": id.0 });
            let of = claim.new.organisation;
            organisation::log(transaction, person, "claim.refuse", of, &detail, now).await?;
            (Claim { state: State::Withdrawn, seen, ..claim }, Vec::new())
        }
    };
    let is_published = is_published(transaction, claim.new.organisation).await?;
    notices.push(Notice::ClaimAnswered {
        account: claim.new.account,
        claim: id,
        domain: claim.new.domain.clone(),
        mailbox,
        answer,
        is_published,
    });
    Ok((claim, notices))
}

/// Whether an organisation has anything on any list.
async fn is_published(
    transaction: &mut Transaction,
    id: OrganisationId,
) -> Result<bool, DatabaseError> {
    Ok(!find::published(transaction.session(), &[id]).await?.is_empty())
}

/// Takes what a look for a claim's TXT record found for a proof, or says in the claim why it is none.
///
/// # Errors
/// If the claim is not an open one of this person.
pub async fn take(
    transaction: &mut Transaction,
    person: Person,
    id: ClaimId,
    found: &Result<usize, Fault>,
    now: Timestamp,
) -> Result<(Claim, Vec<Notice>), ClaimError> {
    let claim = theirs(transaction, person, id).await?;
    if claim.new.proof != Proof::Dns {
        return Err(ClaimError::Unknown);
    }
    match found {
        Ok(servers) => prove(transaction, person, &claim, &seen(*servers), now).await,
        Err(fault) => {
            open_still(&claim, now)?;
            let seen = fault.to_string();
            claims::set_state(transaction.session(), &claim, State::Open, &seen).await?;
            Ok((Claim { seen, ..claim }, Vec::new()))
        }
    }
}

/// Takes a claim back. What it gave goes with it, but who is a member stays one.
///
/// # Errors
/// If it is not this person's, or over.
pub async fn withdraw(
    transaction: &mut Transaction,
    person: Person,
    id: ClaimId,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let claim = theirs(transaction, person, id).await?;
    end(transaction, &claim, "", now).await?;
    let detail = json!({ "domain": claim.new.domain.to_string(), "claim": id.0 });
    let organisation = claim.new.organisation;
    organisation::log(transaction, person, "claim.withdraw", organisation, &detail, now).await?;
    Ok(())
}

/// Ends a claim that is not over, and what it gave; `why` if not who made it does that.
pub(crate) async fn end(
    transaction: &mut Transaction,
    claim: &Claim,
    why: &str,
    now: Timestamp,
) -> Result<(), ClaimError> {
    claims::hold_domain(transaction.session(), &claim.new.domain).await?;
    match claim.state {
        State::Open | State::Waiting { .. } | State::Held { .. } => {}
        State::Superseded | State::Lapsed | State::Expired | State::Withdrawn => {
            return Err(ClaimError::Over(claim.state.word()));
        }
    }
    move_on(transaction, claim, State::Withdrawn, why).await?;
    let organisation = claim.new.organisation;
    match claim.state {
        State::Held { .. } => {
            let domain = &claim.new.domain;
            organisations::remove_domain(transaction.session(), organisation, domain).await?;
            next_in_line(transaction, domain, now).await
        }
        State::Open
        | State::Waiting { .. }
        | State::Superseded
        | State::Lapsed
        | State::Expired
        | State::Withdrawn => Ok(()),
    }
}

/// Tells people what happened to their claims, in the transaction in which it does.
pub trait Tell {
    /// Writes down what is to be told.
    fn tell(
        &self,
        transaction: &mut Transaction,
        notices: &[Notice],
    ) -> impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send;
}

/// Looks again at the proofs that are due, and ends challenges that nobody met; each claim with what is told of it in
/// a transaction of its own. Safe to run twice, and in several processes at once.
///
/// # Errors
/// The first that was met; the other claims were looked at nevertheless.
pub async fn look_again(
    database: &Database,
    look: &Look,
    key: &TokenKey,
    tell: &impl Tell,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let mut transaction = database.begin().await?;
    claims::expire(transaction.session(), now).await?;
    // Clocks differ, so that yesterday is not over yet.
    claims::forget_mails(transaction.session(), now.0.div_euclid(DAY) - 1).await?;
    let due = claims::due(transaction.session(), now, AT_ONCE).await?;
    transaction.commit().await?;
    let mut first = Ok(());
    // Servers that say nothing hold up a few others, and not all.
    let (mut due, mut searches) = (due.into_iter(), JoinSet::new());
    loop {
        while searches.len() < AT_A_TIME
            && let Some(claim) = due.next()
        {
            let (look, token) = (look.clone(), token(&claim, key));
            searches.spawn(async move {
                let found = found_of(&look, &claim, token).await;
                (claim, found)
            });
        }
        let Some(searched) = searches.join_next().await else { break };
        // A fault of ours ended it: it is due still.
        let Ok((claim, found)) = searched else { continue };
        let done = after_search(database, tell, &claim, found, now).await;
        // Another process was faster, and told of it.
        let done = done.or_else(|error| match error {
            ClaimError::Over(_) => Ok(()),
            error => Err(error),
        });
        first = first.and(done);
    }
    first
}

/// What is found of the proof of a claim.
async fn found_of(look: &Look, claim: &Claim, token: String) -> io::Result<Result<usize, Fault>> {
    match claim.new.proof {
        Proof::Dns => search_for(look, claim, token).await,
        Proof::Mail(_) => Ok(Ok(1)),
    }
}

/// Writes down what was found of the proof of a claim, and what follows.
async fn after_search(
    database: &Database,
    tell: &impl Tell,
    claim: &Claim,
    found: io::Result<Result<usize, Fault>>,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let found = found.map_err(|_| DatabaseError::Missing("socket to ask name servers with"))?;
    let mut transaction = database.begin().await?;
    let notices = after_look(&mut transaction, claim, &found, now).await?;
    let told = tell.tell(&mut transaction, &notices).await;
    told.map_err(|source| ClaimError::Told { domain: claim.new.domain.clone(), source })?;
    Ok(transaction.commit().await?)
}

/// Looks for a claim's TXT record, on a thread that may wait.
///
/// # Errors
/// If there are no sockets to be had.
pub async fn search(
    look: &Look,
    claim: &Claim,
    key: &TokenKey,
) -> io::Result<Result<usize, Fault>> {
    search_for(look, claim, token(claim, key)).await
}

/// The same for the text of the record.
async fn search_for(look: &Look, claim: &Claim, token: String) -> io::Result<Result<usize, Fault>> {
    let (look, domain) = (look.clone(), claim.new.domain.clone());
    let task = tokio::task::spawn_blocking(move || look.run(&domain, &token));
    task.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// What follows from another look at a claim.
async fn after_look(
    transaction: &mut Transaction,
    claim: &Claim,
    found: &Result<usize, Fault>,
    now: Timestamp,
) -> Result<Vec<Notice>, ClaimError> {
    let seen = found.as_ref().map_or_else(Fault::to_string, |servers| seen(*servers));
    let what = match found {
        Ok(_) => Found::There,
        Err(Fault::Missing { .. }) => Found::Missing,
        Err(Fault::Unclear { .. } | Fault::NoServers { .. }) => Found::Unclear,
    };
    let domain = claim.new.domain.clone();
    let (organisation, account) = (claim.new.organisation, claim.new.account);
    organisations::lock(transaction.session(), organisation).await?;
    claims::hold_domain(transaction.session(), &domain).await?;
    let (what, seen) = match claim.state {
        State::Waiting { .. }
            if !may_speak(transaction, account, organisation, &domain).await? =>
        {
            let seen = format!("organisation {} is not known by {domain} any more", organisation.0);
            (Found::Missing, seen)
        }
        // It waits on, as whoever is locked may be let in again; but it gives him nothing meanwhile.
        State::Waiting { .. } if is_locked(transaction, account).await? => {
            (Found::Unclear, "who made the claim is locked".to_owned())
        }
        _ => (what, seen),
    };
    match claim.state {
        State::Waiting { .. } if what == Found::There => {
            let others = claims::of_domain(transaction.session(), &domain).await?;
            let holders = || others.iter().filter(|one| matches!(one.state, State::Held { .. }));
            let is_better = |holder: &Claim| {
                holder.new.account == NOBODY
                    || standing::strength(claim.new.proof) > standing::strength(holder.new.proof)
            };
            if !holders().all(is_better) {
                // He was told, and proved it as well.
                let seen = "whoever holds it has proven it as well since";
                move_on(transaction, claim, standing::in_line(claim.state), seen).await?;
                return Ok(Vec::new());
            }
            let mut notices = Vec::new();
            for holder in holders() {
                move_on(transaction, holder, State::Superseded, "a better proof").await?;
                if holder.new.organisation == organisation {
                    let (id, holder) = (organisation, holder.new.account);
                    organisations::remove_member(transaction.session(), id, holder).await?;
                } else {
                    let id = holder.new.organisation;
                    organisations::remove_domain(transaction.session(), id, &domain).await?;
                }
                let account = holder.new.account;
                notices.push(Notice::ClaimLost { account, domain: domain.clone() });
            }
            hold(transaction, claim, &seen, now).await?;
            let is_published = is_published(transaction, organisation).await?;
            notices.push(Notice::ClaimHeld { account, organisation, domain, is_published });
            Ok(notices)
        }
        State::Waiting { proven, .. } if what == Found::Unclear => {
            let state = State::Waiting { proven, takes: Some(Timestamp(now.0 + DAY)) };
            move_on(transaction, claim, state, &seen).await?;
            Ok(Vec::new())
        }
        State::Waiting { .. } => {
            // The challenger's own proof is gone, or what he proves it for is none of his any more: it is the turn of the next, if nobody holds it.
            move_on(transaction, claim, State::Lapsed, &seen).await?;
            let others = claims::of_domain(transaction.session(), &domain).await?;
            if !others.iter().any(|one| matches!(one.state, State::Held { .. })) {
                next_in_line(transaction, &domain, now).await?;
            }
            Ok(vec![Notice::ClaimLost { account, domain }])
        }
        State::Held { proven, failures, .. } => {
            let state = standing::looked(proven, failures, what, now);
            move_on(transaction, claim, state, &seen).await?;
            match (state, what) {
                (State::Lapsed, _) => {
                    // Whoever registers the domain next must not come to the organisation by it.
                    organisations::remove_domain(transaction.session(), organisation, &domain)
                        .await?;
                    next_in_line(transaction, &domain, now).await?;
                    Ok(vec![Notice::ClaimLost { account, domain }])
                }
                (_, Found::Missing) => Ok(vec![Notice::ClaimFails { account, domain, seen }]),
                (_, Found::There | Found::Unclear) => Ok(Vec::new()),
            }
        }
        State::Open | State::Superseded | State::Lapsed | State::Expired | State::Withdrawn => {
            Ok(Vec::new())
        }
    }
}

/// Moves an open claim on that was just proven.
async fn prove(
    transaction: &mut Transaction,
    person: Person,
    claim: &Claim,
    seen: &str,
    now: Timestamp,
) -> Result<(Claim, Vec<Notice>), ClaimError> {
    open_still(claim, now)?;
    let (domain, organisation) = (&claim.new.domain, claim.new.organisation);
    organisations::lock(transaction.session(), organisation).await?;
    claims::hold_domain(transaction.session(), domain).await?;
    // What was so when it was opened may be two weeks ago.
    if is_locked(transaction, claim.new.account).await? {
        return Err(ClaimError::Locked);
    }
    if !may_speak(transaction, claim.new.account, organisation, domain).await? {
        return Err(ClaimError::Stranger { id: organisation.0, domain: domain.clone() });
    }
    let others = claims::of_domain(transaction.session(), domain).await?;
    let mut holder = others.iter().find(|one| matches!(one.state, State::Held { .. }));
    let mut notices = Vec::new();
    let is_ours = |one: &&Claim| one.new.organisation == claim.new.organisation;
    if let Some(ours) = holder.filter(is_ours) {
        let is_own = ours.new.account == claim.new.account;
        let [new, known] = [claim, ours].map(|one| (one.new.account, one.new.proof));
        let is_replaced = standing::replaces(new, known);
        if is_replaced {
            move_on(transaction, ours, State::Superseded, "a newer proof").await?;
            holder = None;
        }
        // Nobody has to be told that he proved something better, or again; but that a colleague did, who reads the
        // same mailbox or writes the same zone, and speaks for the organisation beside him.
        if is_replaced && !is_own && ours.new.account != NOBODY {
            let (account, domain) = (ours.new.account, domain.clone());
            notices.push(Notice::ClaimShared {
                account,
                organisation: claim.new.organisation,
                domain,
            });
        }
    }
    let state = standing::proven(claim.new.proof, holder.map(|one| one.new.proof), now);
    match (state, holder) {
        (State::Waiting { takes, .. }, Some(holder)) => {
            move_on(transaction, claim, state, seen).await?;
            if let Some(takes) = takes {
                let (account, domain) = (holder.new.account, domain.clone());
                notices.push(Notice::ClaimChallenged { account, domain, takes });
            }
        }
        _ => {
            hold(transaction, claim, seen, now).await?;
            // Those who would have taken it from a lesser proof wait without a day now.
            let is_equal = |one: &&Claim| {
                matches!(one.state, State::Waiting { takes: Some(_), .. })
                    && standing::strength(one.new.proof) <= standing::strength(claim.new.proof)
            };
            for other in others.iter().filter(|one| one.id != claim.id).filter(is_equal) {
                let state = standing::in_line(other.state);
                move_on(transaction, other, state, &other.seen).await?;
            }
        }
    }
    let detail =
        json!({ "domain": domain.to_string(), "claim": claim.id.0, "state": state.word() });
    organisation::log(transaction, person, "claim.prove", organisation, &detail, now).await?;
    Ok((Claim { state, seen: seen.to_owned(), ..claim.clone() }, notices))
}

/// Whether an account is locked, which then comes to nothing.
async fn is_locked(transaction: &mut Transaction, account: i64) -> Result<bool, DatabaseError> {
    let found = accounts::by_id(transaction.session(), AccountId(account)).await?;
    Ok(found.is_some_and(|found| found.locked.is_some()))
}

/// Whether somebody who proves a domain comes to speak for an organisation by it: a domain of his own makes nobody the owner
/// of somebody else's. Who made it is its owner.
async fn may_speak(
    transaction: &mut Transaction,
    account: i64,
    id: OrganisationId,
    domain: &Name,
) -> Result<bool, DatabaseError> {
    let role = organisations::role_of(transaction.session(), id, account).await?;
    if role == Some(MemberRole::Owner) {
        return Ok(true);
    }
    Ok(organisations::domains(transaction.session(), id).await?.contains(domain))
}

/// Gives a claim its domain, and who made it a say in the organisation.
async fn hold(
    transaction: &mut Transaction,
    claim: &Claim,
    seen: &str,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let state = standing::held(claim.new.proof, now);
    move_on(transaction, claim, state, seen).await?;
    let (id, owner) = (claim.new.organisation, MemberRole::Owner);
    let account = claim.new.account;
    organisations::put_member(transaction.session(), id, account, owner, now).await?;
    organisations::add_domain(transaction.session(), id, &claim.new.domain).await?;
    Ok(())
}

/// Lets the best of those that wait for a domain have it, now that nobody holds it.
async fn next_in_line(
    transaction: &mut Transaction,
    domain: &Name,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let others = claims::of_domain(transaction.session(), domain).await?;
    let waiting = others.iter().filter(|one| matches!(one.state, State::Waiting { .. }));
    // Of equal ones the first.
    let next = waiting.rev().max_by_key(|one| standing::strength(one.new.proof));
    if let Some(next) = next
        && let State::Waiting { proven, .. } = next.state
    {
        // It is looked at once more before.
        let state = State::Waiting { proven, takes: Some(now) };
        move_on(transaction, next, state, &next.seen).await?;
    }
    Ok(())
}

/// Writes a claim's new state.
async fn move_on(
    transaction: &mut Transaction,
    claim: &Claim,
    state: State,
    seen: &str,
) -> Result<(), ClaimError> {
    match claims::set_state(transaction.session(), claim, state, seen).await? {
        true => Ok(()),
        false => Err(ClaimError::Over("changed by somebody else")),
    }
}

/// A claim of a person; an administrator sees all of them.
async fn theirs(
    transaction: &mut Transaction,
    person: Person,
    id: ClaimId,
) -> Result<Claim, ClaimError> {
    let claim = claims::by_id(transaction.session(), id).await?;
    claim.filter(|claim| claim.new.account == person.account).ok_or(ClaimError::Unknown)
}

/// Fails if a claim's challenge is over.
fn open_still(claim: &Claim, now: Timestamp) -> Result<(), ClaimError> {
    match claim.state {
        State::Open if now < claim.new.expires => Ok(()),
        State::Open => Err(ClaimError::Over("expired")),
        state => Err(ClaimError::Over(state.word())),
    }
}

/// What was seen of a proof in DNS, in words.
fn seen(servers: usize) -> String {
    match servers {
        1 => "the zone's one server has it".to_owned(),
        more => format!("{more} servers of the zone have it"),
    }
}

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// How long a challenge can be met.
const OPEN_FOR: i64 = 14 * DAY;
/// Mails with a link that go to a domain on a day, whoever asks for them: nobody is to be bombed with them.
const MAILS_A_DAY: u32 = 3;
/// Open claims that one person has.
const OPEN_CLAIMS: usize = 20;
/// Claims that one person makes on a day.
const CLAIMS_A_DAY: usize = 30;
/// Claims that are looked at in one run.
const AT_ONCE: u32 = 200;
/// Claims whose proof is looked for at a time.
const AT_A_TIME: usize = 16;
