//! Motions: what one editor wants and another one has to agree to waits in the database, with what is there before and
//! afterwards, until somebody confirms or refuses it.
//!
//! A motion is a change word by word, not a wish: who confirms it knows exactly what will be there. If anything of it
//! has changed meanwhile it says so and ends, as nobody agreed to that. If who wanted it may not do so any more, his word
//! counts for nothing, and who confirms takes his place.
//!
//! Here are changes of entries, and of how a list guards itself ([`crate::settings`]). Requests, removals and proposals
//! keep the word of the first editor themselves.

use repute_database::accounts;
use repute_database::audit::{self, Deed};
use repute_database::conflicts::About;
use repute_database::lists::{self, Stored};
use repute_database::motions::{self, Ending, Motion, MotionId, New, State, What};
use repute_database::{Agreed, DatabaseError, Key, Session, Timestamp, Transaction};
use serde_json::json;

use crate::agreement::{self, PATIENCE};
use crate::changes::Cause;
use crate::conflict::{self, Partial};
use crate::edit::{self, EditError};
use crate::notice::Notice;
use crate::permission::{self, Action, Denied, Person, Relation, Role};
use crate::settings::{self, SettingsError};
use crate::two_editors::TwoEditors;

/// Why a motion is not decided so.
#[derive(Debug, thiserror::Error)]
pub enum MotionError {
    /// Who wants to decide may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Who wants to decide said that he is partial.
    #[error(transparent)]
    Partial(#[from] Partial),
    /// There is none of this number.
    #[error("nothing waits for a second editor under the number {0}")]
    Unknown(i64),
    /// It ended.
    #[error("number {0} does not wait any more: it is {1}")]
    Over(i64, &'static str),
    /// It is his own.
    #[error("you want this yourself: another editor has to agree")]
    Own,
    /// It is another one's.
    #[error("another editor wants this: refuse it, or let him take it back")]
    NotOwn,
    /// Who wanted it may not do so any more, and who would take his place neither.
    #[error(
        "who wanted this is no administrator any more: refuse it; an administrator may want it anew"
    )]
    Lost,
    /// A refusal without a reason.
    #[error("say why, in at most {MOST_TEXT} characters: who wanted it reads it")]
    Reason,
    /// It cannot be changed so.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It cannot be set so.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What became of a motion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is done, with this serial if something is to be published.
    Done(Option<u32>),
    /// Who wanted it may not any more; now whoever confirmed it wants it, and another editor has to agree.
    TakenOver,
    /// It ended as it was about something else by now: why.
    Stale(String),
    /// It is refused.
    Refused,
    /// Who wanted it took it back.
    Withdrawn,
}

/// What is said of a motion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be done.
    Confirm,
    /// It is not, and why.
    Refuse(String),
    /// Who wanted it does not any more.
    Withdraw,
}

/// Why something does not become a motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// Another one is about the same.
    #[error("number {} waits for a second editor and is about the same: decide or take back that first", .0.0)]
    Same(MotionId),
    /// It is more than anybody reads.
    #[error(
        "what you want changes so much at once that it cannot wait for a second editor: want it in parts, of fewer \
         networks or names"
    )]
    Large,
    /// Very many wait.
    #[error(
        "as many changes of this list wait for a second editor as can, {MOST_OPEN} or fewer large ones: have some \
         decided first"
    )]
    Full,
}

/// What somebody wants to do, and needs another one for.
pub(crate) struct Wish<'w> {
    /// What becomes of what.
    pub(crate) what: What,
    /// What the audit log calls it once it is done.
    pub(crate) action: &'w str,
    /// Why.
    pub(crate) reason: &'w str,
    /// Why two have to agree, in a word.
    pub(crate) two: &'w str,
}

/// Has a wish wait for a second editor. Nobody else changes the list meanwhile.
///
/// # Errors
/// If the database fails.
pub(crate) async fn open(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    wish: Wish<'_>,
    now: Timestamp,
) -> Result<Result<MotionId, NoRoom>, DatabaseError> {
    if motions::size(&wish.what) > MOST_BYTES {
        return Ok(Err(NoRoom::Large));
    }
    let open = motions::open_of(transaction.session(), list.id, MOST_OPEN).await?;
    let open: Vec<Motion> = open.into_iter().filter(|one| now < one.new.expires).collect();
    if let Some(same) = open.iter().find(|one| is_about_same(&one.new.what, &wish.what)) {
        return Ok(Err(NoRoom::Same(same.id)));
    }
    let bytes = open.iter().map(|one| motions::size(&one.new.what)).sum::<usize>();
    let is_full = bytes + motions::size(&wish.what) > MOST_OPEN_BYTES;
    if open.len() >= MOST_OPEN as usize || is_full {
        return Ok(Err(NoRoom::Full));
    }
    let new = New {
        list: list.id,
        what: wish.what,
        action: wish.action.to_owned(),
        account: person.account,
        reason: wish.reason.trim().to_owned(),
        two: wish.two.to_owned(),
        created: now,
        expires: now.after(PATIENCE),
    };
    let id = motions::add(transaction.session(), &new).await?;
    log(transaction, person, "motion.open", (id, list, &new), new.reason.clone(), now).await?;
    Ok(Ok(id))
}

/// Decides a motion.
///
/// # Errors
/// If the person may not, it does not wait, or cannot be done: then the transaction is to be dropped.
pub async fn decide(
    transaction: &mut Transaction,
    person: Person,
    id: MotionId,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<Decided, MotionError> {
    permission::check(person, Relation::Stranger, Action::Decide)?;
    let unknown = || MotionError::Unknown(id.0);
    let motion = motions::by_id(transaction.session(), id).await?.ok_or_else(unknown)?;
    // Nobody else decides it or changes the list meanwhile, and what was read before that is read again.
    lists::lock(transaction.session(), motion.new.list).await?;
    let motion = motions::by_id(transaction.session(), id).await?.ok_or_else(unknown)?;
    let list = lists::by_id(transaction.session(), motion.new.list).await?;
    let list = list.ok_or(DatabaseError::Missing("list"))?;
    match motion.state {
        State::Open if now < motion.new.expires => {}
        State::Open => return Err(MotionError::Over(id.0, State::Expired.word())),
        state => return Err(MotionError::Over(id.0, state.word())),
    }
    let is_own = motion.new.account == person.account;
    match verdict {
        Verdict::Withdraw if !is_own => Err(MotionError::NotOwn),
        Verdict::Withdraw => {
            end(transaction, person, (&motion, &list), State::Withdrawn, ("", None), now).await?;
            Ok(Decided::Withdrawn)
        }
        Verdict::Confirm | Verdict::Refuse(_) if is_own => Err(MotionError::Own),
        Verdict::Refuse(why) => {
            check(transaction, person, &list, &motion).await?;
            let why = why.trim();
            if why.is_empty() || why.chars().count() > MOST_TEXT {
                return Err(MotionError::Reason);
            }
            end(transaction, person, (&motion, &list), State::Refused, (why, None), now).await?;
            Ok(Decided::Refused)
        }
        Verdict::Confirm => {
            check(transaction, person, &list, &motion).await?;
            confirm(transaction, person, (&motion, &list), now).await
        }
    }
}

/// What somebody is to the organisations that a motion is about.
///
/// # Errors
/// If the database fails.
pub(crate) async fn relation(
    mut session: Session<'_>,
    person: Person,
    motion: &Motion,
) -> Result<Relation, DatabaseError> {
    let Some(list) = lists::by_id(session.again(), motion.new.list).await? else {
        return Ok(Relation::Stranger);
    };
    match check_part(session, person, &list, motion).await {
        Ok(()) => Ok(Relation::Stranger),
        Err(EditError::Denied(Denied(_, relation))) => Ok(relation),
        Err(EditError::Database(error)) => Err(error),
        Err(_) => Ok(Relation::Stranger),
    }
}

/// Those who may agree to a motion that waits are told of it: neither who wants it nor who is partial in it.
///
/// # Errors
/// If the database fails.
pub async fn notices(
    transaction: &mut Transaction,
    id: MotionId,
) -> Result<Vec<Notice>, DatabaseError> {
    let Some(motion) = motions::by_id(transaction.session(), id).await? else {
        return Ok(Vec::new());
    };
    let Some(list) = lists::by_id(transaction.session(), motion.new.list).await? else {
        return Ok(Vec::new());
    };
    let mover = mover(transaction.session(), &motion).await?;
    let mut notices = Vec::new();
    for account in accounts::editors(transaction.session()).await? {
        let role = match account.role {
            accounts::Role::Member => Role::Member,
            accounts::Role::Editor => Role::Editor,
            accounts::Role::Administrator => Role::Administrator,
        };
        let person = Person { account: account.id.0, role };
        if motion.new.account == person.account {
            continue;
        }
        match check(transaction, person, &list, &motion).await {
            Ok(()) => {}
            Err(MotionError::Database(error) | MotionError::Edit(EditError::Database(error))) => {
                return Err(error);
            }
            Err(_) => continue,
        }
        notices.push(Notice::MotionWaits {
            account: person.account,
            motion: id,
            list: list.list.apex.clone(),
            about: about(&motion.new.what),
            mover: mover.clone(),
            reason: motion.new.reason.clone(),
            two: why(&motion),
        });
    }
    Ok(notices)
}

/// What something is about, in few words.
pub fn about(what: &What) -> String {
    match what {
        What::Entries(turns) => match &turns[..] {
            [] => "nothing".to_owned(),
            [one] => one.key.as_ref().map_or_else(String::new, ToString::to_string),
            [one, ..] => {
                let first = one.key.as_ref().map_or_else(String::new, ToString::to_string);
                format!("{first} and {} more", turns.len() - 1)
            }
        },
        What::Publishing { .. } => "the guards of the list".to_owned(),
        What::Code { code, .. } => format!("the code {code}"),
    }
}

/// Ends motions whose time is over, and forgets those that ended long ago.
///
/// # Errors
/// If the database fails.
pub async fn tidy(transaction: &mut Transaction, now: Timestamp) -> Result<u64, DatabaseError> {
    let ended = motions::expire(transaction.session(), now).await?;
    Ok(ended + motions::forget(transaction.session(), now.before(KEPT)).await?)
}

/// The name of who wants something; nobody's if his account is gone.
///
/// # Errors
/// If the database fails.
pub async fn mover(session: Session<'_>, motion: &Motion) -> Result<Option<String>, DatabaseError> {
    let account = accounts::AccountId(motion.new.account);
    Ok(accounts::by_id(session, account).await?.map(|found| found.name))
}

/// Has a motion be done.
async fn confirm(
    transaction: &mut Transaction,
    person: Person,
    (motion, list): (&Motion, &Stored),
    now: Timestamp,
) -> Result<Decided, MotionError> {
    let id = motion.id;
    let stale = match &motion.new.what {
        What::Entries(turns) => edit::stale(transaction, list, turns, now).await?,
        what => settings::stale(transaction, list, what).await?,
    };
    if let Some(why) = stale {
        end(transaction, person, (motion, list), State::Stale, (&why, None), now).await?;
        return Ok(Decided::Stale(why));
    }
    // Until when it counts the motion itself says.
    let word = Agreed { account: motion.new.account, time: now };
    let first = match agreement::stands(transaction, word, now).await? {
        Some(first) => may_want(transaction, first, list, motion).await?.then_some(first),
        None => None,
    };
    let Some(first) = first else {
        if !may_want(transaction, person, list, motion).await? {
            return Err(MotionError::Lost);
        }
        let expires = now.after(PATIENCE);
        motions::take_over(transaction.session(), id, person.account, expires).await?;
        let words = "who wanted it may not any more".to_owned();
        log(transaction, person, "motion.take-over", (id, list, &motion.new), words, now).await?;
        return Ok(Decided::TakenOver);
    };
    let second = audit::actor(transaction.session(), person.account).await?;
    let actor = audit::actor(transaction.session(), first.account).await?;
    let (action, reason) = (motion.new.action.clone(), motion.new.reason.clone());
    let cause = Cause { actor, action, reason };
    let serial = match &motion.new.what {
        What::Entries(turns) => {
            Some(edit::agreed(transaction, list, turns, (&cause, &second), now).await?)
        }
        what => settings::agreed(transaction, list, what, (&cause, &second), now).await?,
    };
    end(transaction, person, (motion, list), State::Confirmed, ("", serial), now).await?;
    Ok(Decided::Done(serial))
}

/// Whether somebody may want what a motion says.
async fn may_want(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    motion: &Motion,
) -> Result<bool, MotionError> {
    let action = match motion.new.what {
        What::Entries(_) => Action::EditEntries,
        What::Publishing { .. } | What::Code { .. } => Action::ChangeLists,
    };
    if permission::check(person, Relation::Stranger, action).is_err() {
        return Ok(false);
    }
    match check(transaction, person, list, motion).await {
        Ok(()) => Ok(true),
        Err(MotionError::Denied(_) | MotionError::Partial(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes sure that somebody has no part in what a motion is about.
async fn check(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    motion: &Motion,
) -> Result<(), MotionError> {
    if conflict::is_declared(transaction.session(), person, About::Motion(motion.id)).await? {
        return Err(Partial.into());
    }
    match check_part(transaction.session(), person, list, motion).await {
        Ok(()) => Ok(()),
        Err(EditError::Denied(denied)) => Err(denied.into()),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that nothing of it is an organisation's to which somebody belongs.
async fn check_part(
    session: Session<'_>,
    person: Person,
    list: &Stored,
    motion: &Motion,
) -> Result<(), EditError> {
    match &motion.new.what {
        What::Entries(turns) => edit::check_part(session, person, list, turns).await,
        What::Publishing { .. } | What::Code { .. } => Ok(()),
    }
}

/// Ends a motion, and writes that down.
async fn end(
    transaction: &mut Transaction,
    person: Person,
    (motion, list): (&Motion, &Stored),
    state: State,
    (answer, serial): (&str, Option<u32>),
    now: Timestamp,
) -> Result<(), MotionError> {
    let by = audit::actor(transaction.session(), person.account).await?;
    let ending = Ending { state, by: &by, answer, serial, time: now };
    if !motions::end(transaction.session(), motion.id, &ending).await? {
        return Err(MotionError::Over(motion.id.0, "decided"));
    }
    let action = match state {
        State::Confirmed => "motion.confirm",
        State::Refused => "motion.refuse",
        State::Stale => "motion.stale",
        State::Withdrawn | State::Expired | State::Open => "motion.withdraw",
    };
    let about = (motion.id, list, &motion.new);
    Ok(log(transaction, person, action, about, answer.to_owned(), now).await?)
}

/// Writes down in the log what is done about a motion. It is no row of the list's: who agrees to a change did not make
/// it, and may look at what the guards say of it.
async fn log(
    transaction: &mut Transaction,
    person: Person,
    action: &str,
    (id, list, new): (MotionId, &Stored, &New),
    reason: String,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let keys: Vec<String> = keys(&new.what).take(SHOWN).map(Key::to_string).collect();
    let apex = list.list.apex.to_string();
    let detail = json!({
        "list": apex, "kind": new.what.kind(), "keys": keys, "two": new.two, "reason": reason,
    });
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        subject: format!("motion/{}", id.0),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// The keys that something is about.
fn keys(what: &What) -> impl Iterator<Item = &Key> {
    let turns = match what {
        What::Entries(turns) => &turns[..],
        What::Publishing { .. } | What::Code { .. } => &[],
    };
    turns.iter().filter_map(|turn| turn.key.as_ref())
}

/// Whether one makes the other stale.
fn is_about_same(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::Entries(_), What::Entries(_)) => {
            keys(one).any(|key| keys(other).any(|other| other == key))
        }
        (What::Publishing { .. }, What::Publishing { .. }) => true,
        (What::Code { code, .. }, What::Code { code: other, .. }) => code == other,
        (What::Entries(_) | What::Publishing { .. } | What::Code { .. }, _) => false,
    }
}

/// Why two editors have to agree to a motion, for people.
pub fn why(motion: &Motion) -> String {
    let two = TwoEditors::ALL.into_iter().find(|two| two.word() == motion.new.two);
    two.map_or_else(|| settings::LOOSER.to_owned(), |two| two.to_string())
}

/// So many bytes one takes at most: a thousand keys with the usual words.
const MOST_BYTES: usize = 1 << 20;
/// So many all of a list that wait: whoever wants one more reads them all.
const MOST_OPEN_BYTES: usize = 16 << 20;
/// So many wait of a list at most.
const MOST_OPEN: u32 = 200;
/// Characters of a reason.
const MOST_TEXT: usize = 500;
/// So many keys are named in the log.
const SHOWN: usize = 20;
/// For so long it is known what became of a motion.
const KEPT: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);
