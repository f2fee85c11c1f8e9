//! Removals: whoever is on a block list gets off it by himself, without an account, the first time at once.
//!
//! A link that is mailed to him is all he needs. What comes back onto the list again and again is locked for longer
//! each time, and who removes very much at once waits for an editor, as does what belongs to a wave of them ([`wave`]), and
//! what an editor refused not long ago. Who is locked out, or was refused, may appeal: an editor looks whether the entry is
//! right, and says what he finds. An entry wider than what was asked about is never
//! removed without one: it says something about others, too. But a /64 is one subscriber's, who shows that it is his
//! ([`control`]).

use std::net::IpAddr;

use repute_database::audit::Deed;
use repute_database::conflicts::About;
use repute_database::entries::{self, Entry};
use repute_database::entry_history;
use repute_database::lists::{self, Leaving, ListId, Stored};
use repute_database::organisations::{self, MemberRole};
use repute_database::removals::{self, Likeness, New, Removal, RemovalId, State};
pub use repute_database::removals::{Control, Kind, Refusal, Way};
use repute_database::{
    Agreed, DatabaseError, Key, Session, Timestamp, Transaction, audit,
    kept_out as database_kept_out, undelivered,
};
use repute_dnsxl::{Extent, Name, Polarity, Target};
use serde_json::json;

use crate::agreement;
use crate::changes::{self, Cause, Change, ChangeError};
use crate::conflict::{self, Partial};
use crate::kept_out::{self, End};
use crate::notice::Notice;
use crate::organisation::is_mail;
use crate::permission::{self, Action, Denied, Person, Relation};
use crate::publish;
use crate::request::check::Evidence;
use crate::rule;
use crate::token::{self, NoRandom, TokenKey, Use};
use crate::two_editors::{self, TwoEditors};
use crate::weight::Weight;

pub mod control;
pub mod wave;

use control::Reach;
use wave::Waves;

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is listed.
    pub target: Target,
    /// Where the link goes.
    pub mail: String,
    /// From where he asks.
    pub client: IpAddr,
    /// What he says.
    pub reason: String,
    /// Whether it is to go, or an editor is to look at it.
    pub kind: Kind,
    /// By which way he comes.
    pub way: Way,
    /// What DNS says of the target, if it is an address.
    pub seen: Vec<Evidence>,
}

/// What came of a link that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The entry is off the list since this serial.
    Removed {
        /// The serial.
        serial: u32,
        /// What lists the target all the same.
        still: Option<Still>,
    },
    /// It came back too often: it can be removed from that moment on, with the same link if it is still good then.
    Locked {
        /// When.
        until: Timestamp,
    },
    /// An editor decides, and why.
    ToEditors(Why),
    /// The entry was not on the list any more.
    Gone {
        /// What lists the target all the same.
        still: Option<Still>,
    },
}

/// An entry that lists a target after another one went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// What it names.
    pub key: Key,
    /// Why it is there, as it is published.
    pub reason: String,
    /// What a removal of it would meet.
    pub outlook: Outlook,
}

/// Why an editor decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The entry lists more than what was asked about.
    #[error("the entry covers more than what you asked about")]
    Wider,
    /// The entry lists what one subscriber of IPv6 has, who has not shown that he is it.
    #[error("the entry covers a whole IPv6 network, and nothing shows that it is yours")]
    Unproven,
    /// The list does not block.
    #[error("this list does not block, and people do not take themselves off it")]
    Kind,
    /// An editor refused it not long ago.
    #[error("an editor refused this not long ago")]
    Refused,
    /// It is locked, and somebody appealed.
    #[error("it is locked, and you appeal")]
    Appeal,
    /// Entries with its code are an editor's.
    #[error("editors decide about entries with this code")]
    Code,
    /// Very much is being removed by one person, or from one network.
    #[error("very many removals came from you or your network today")]
    Mass,
    /// Very much of one domain is being removed.
    #[error("very many removals of addresses of the same domain were asked for today")]
    OneDomain,
    /// Very much is being removed that was listed for the same.
    #[error(
        "very many removals of what was listed for the same reason were asked for within an hour"
    )]
    OneOrigin,
}

/// Why there is no removal.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// Who wants to decide may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Who wants to decide said that he is partial.
    #[error(transparent)]
    Partial(#[from] Partial),
    /// Another kind of list.
    #[error("{0} is no block list: being on it does no harm")]
    NoBlockList(String),
    /// It is not on the list.
    #[error("{0} is not on the list")]
    NotListed(Target),
    /// Its code does not leave the list by asking.
    #[error(
        "{0} is listed with a code whose entries are not taken off by asking: write to the list's contact instead"
    )]
    Never(Target),
    /// Not a mail address.
    #[error("`{0}` is not a mail address")]
    Mail(String),
    /// As many as one asks for on a day.
    #[error(
        "too many requests from this address or network today: write to the list's contact instead"
    )]
    TooMany,
    /// An appeal that says nothing.
    #[error("say why the entry is wrong")]
    NoWords,
    /// An appeal where nothing was decided yet.
    #[error("{0} is neither locked nor refused: ask for the removal instead")]
    NoAppeal(Target),
    /// As many appeals as editors hear.
    #[error(
        "too many appeals about this entry, or from this network: write to the list's contact instead"
    )]
    TooManyAppeals,
    /// Not the link of an open removal.
    #[error("this link is not valid: it is incomplete, was used, or is older than two days")]
    Link,
    /// It is decided.
    #[error("this removal is {0}")]
    Over(&'static str),
    /// It waits with another one.
    #[error("this is decided with removal {0}, which waited for the same entry before")]
    Joined(i64),
    /// A refusal without a reason.
    #[error("say why")]
    NoReason,
    /// The list cannot be changed so.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// No token can be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Asks for a removal: a link goes to who asks.
///
/// # Errors
/// If it is not on the list, the mail address is none, or too much was asked for.
pub async fn ask(
    transaction: &mut Transaction,
    list: &Stored,
    ask: &Ask,
    key: &TokenKey,
    now: Timestamp,
) -> Result<(RemovalId, Vec<Notice>), RemovalError> {
    // Whom a text of the list itself sent here is heard, whatever the list is for.
    if list.list.polarity != Polarity::Block && ask.way == Way::Typed {
        return Err(RemovalError::NoBlockList(list.list.apex.to_string()));
    }
    let mail = ask.mail.trim().to_lowercase();
    if !is_mail(&mail) {
        return Err(RemovalError::Mail(mail.chars().take(80).collect()));
    }
    let entry = entry(transaction.session(), list.id, &ask.target, ask.way).await?;
    let entry = entry.ok_or_else(|| RemovalError::NotListed(ask.target.clone()))?;
    let network = control::network(ask.client).to_string();
    let since = Timestamp(now.0 - DAY);
    let (by_mail, by_network) =
        removals::asked_since(transaction.session(), &mail, &network, since).await?;
    if by_mail >= MOST_BY_MAIL || by_network >= MOST_BY_NETWORK {
        return Err(RemovalError::TooMany);
    }
    let names: Vec<Name> = control::confirmed(&ask.seen).cloned().collect();
    let control = control::control(&ask.target, &entry.key, ask.client, &mail, &names);
    let shown = (&*ask.target.to_string(), control);
    let outlook = outlook(transaction.session(), list, &entry, shown, now).await?;
    if outlook == Outlook::Never {
        return Err(RemovalError::Never(ask.target.clone()));
    }
    if ask.kind == Kind::Appeal {
        if ask.reason.trim().is_empty() {
            return Err(RemovalError::NoWords);
        }
        if !outlook.is_appealed() {
            return Err(RemovalError::NoAppeal(ask.target.clone()));
        }
        let (of_entry, by_network) = removals::appealed_since(
            transaction.session(),
            (list.id, &entry.key, Timestamp(now.0 - 30 * DAY)),
            (&network, since),
        )
        .await?;
        if of_entry >= MOST_APPEALS_OF_ENTRY || by_network >= MOST_APPEALS_BY_NETWORK {
            return Err(RemovalError::TooManyAppeals);
        }
    }
    let new = New {
        list: list.id,
        key: entry.key.clone(),
        target: ask.target.to_string(),
        mail: mail.clone(),
        network,
        reason: ask.reason.chars().take(MOST_TEXT).collect(),
        kind: ask.kind,
        way: ask.way,
        control,
        nonce: token::nonce()?,
        created: now,
        expires: Timestamp(now.0 + LINK),
    };
    let id = removals::add(transaction.session(), &new).await?;
    let (domain, source) = (wave::domain(&ask.target, &ask.seen), Some(entry.source));
    let likeness = Likeness { domain, source, criterion: entry.criterion.map(|named| named.id) };
    removals::liken(transaction.session(), id, &likeness).await?;
    let token = key.token(Use::Removal(id.0), &new.nonce);
    let (target, kind) = (ask.target.clone(), ask.kind);
    Ok((id, vec![Notice::RemovalLink { removal: id, mail, target, kind, token }]))
}

/// Whether a token is that of a removal: who has it may see what it is about.
pub fn is_link(removal: &Removal, token: &str, key: &TokenKey) -> bool {
    key.is(token, Use::Removal(removal.id.0), &removal.new.nonce)
}

/// Follows a link: who has it read the mail. It is good once; one that is locked is good again when it is not.
///
/// # Errors
/// If the link is not that of an open removal.
pub async fn confirm(
    transaction: &mut Transaction,
    id: RemovalId,
    token: &str,
    key: &TokenKey,
    waves: &Waves,
    now: Timestamp,
) -> Result<Answer, RemovalError> {
    let removal = removals::by_id(transaction.session(), id).await?.ok_or(RemovalError::Link)?;
    let is_open = removal.state == State::Sent && now < removal.new.expires;
    if !is_open || !key.is(token, Use::Removal(id.0), &removal.new.nonce) {
        return Err(RemovalError::Link);
    }
    // The letter arrived.
    undelivered::revive(transaction.session(), &removal.new.mail).await?;
    lists::lock(transaction.session(), removal.new.list).await?;
    let new = &removal.new;
    let list = lists::by_id(transaction.session(), new.list).await?;
    let list = list.ok_or(DatabaseError::Missing("list"))?;
    let entries = entries::at(transaction.session(), new.list, &new.key).await?;
    let Some(entry) = entries.iter().find(|entry| entry.code.is_some()) else {
        let answer = "it was not listed any more";
        move_on(transaction, &removal, State::Granted, (answer, None), now).await?;
        let still = still(transaction.session(), &list, new, now).await?;
        return Ok(Answer::Gone { still });
    };
    let since = Timestamp(now.0 - DAY);
    let (by_mail, by_network) =
        removals::asked_since(transaction.session(), &new.mail, &new.network, since).await?;
    let outlook = outlook(transaction.session(), &list, entry, (&new.target, new.control), now);
    let why = match outlook.await? {
        Outlook::Locked(until) if new.kind == Kind::Removal => return Ok(Answer::Locked { until }),
        Outlook::Locked(_) => Some(Why::Appeal),
        // The list says so since the letter was sent.
        Outlook::Never => {
            let target: Result<Target, _> = new.target.parse();
            let wrong = DatabaseError::Content("the target of a removal");
            return Err(RemovalError::Never(target.map_err(|_| wrong)?));
        }
        Outlook::Editor(why) => Some(why),
        Outlook::Free if is_mass(by_mail, by_network) => Some(Why::Mass),
        Outlook::Free => wave::of(transaction, id, waves, now).await?,
    };
    if let Some(why) = why {
        let first = removals::waiting_at(transaction.session(), new.list, &new.key).await?;
        move_on(transaction, &removal, State::Queued, (&why.to_string(), None), now).await?;
        if let Some(first) = first {
            removals::join(transaction.session(), id, first).await?;
        }
        return Ok(Answer::ToEditors(why));
    }
    let changes = [gone(&removal, entries)];
    let by = (None, None);
    let serial = remove(transaction, &removal, &changes, by, End::default(), now).await?;
    let still = still(transaction.session(), &list, new, now).await?;
    Ok(Answer::Removed { serial, still })
}

/// What a removal of an entry would meet, as far as that does not depend on who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The link in the letter removes it.
    Free,
    /// It can be removed from that moment on.
    Locked(Timestamp),
    /// An editor decides.
    Editor(Why),
    /// It is not taken off by asking, as its code says.
    Never,
}

impl Outlook {
    /// Whether one appeals against it.
    pub fn is_appealed(&self) -> bool {
        match self {
            Outlook::Locked(_) | Outlook::Editor(Why::Refused) => true,
            Outlook::Free | Outlook::Editor(_) | Outlook::Never => false,
        }
    }
}

/// What a removal of an entry would meet, for somebody who asks about a target, and what shows that it is his.
///
/// # Errors
/// If the database fails.
pub async fn outlook(
    mut session: Session<'_>,
    list: &Stored,
    entry: &Entry,
    (target, control): (&str, Control),
    now: Timestamp,
) -> Result<Outlook, DatabaseError> {
    let leaving = leaving(session.again(), list.id, &entry.key).await?;
    if list.list.polarity == Polarity::Block && leaving == Leaving::Never {
        return Ok(Outlook::Never);
    }
    let before = before(session.again(), list.id, entry, now).await?;
    match locked_until(entry.since, before) {
        Some(until) if now < until => return Ok(Outlook::Locked(until)),
        Some(_) | None => {}
    }
    if list.list.polarity != Polarity::Block {
        return Ok(Outlook::Editor(Why::Kind));
    }
    if refusal(session, list.id, &entry.key, now).await?.is_some() {
        return Ok(Outlook::Editor(Why::Refused));
    }
    if leaving == Leaving::Editor {
        return Ok(Outlook::Editor(Why::Code));
    }
    Ok(match (Reach::of(&entry.key, target), control) {
        (Reach::Exact, _) | (Reach::Subscriber, Control::Address | Control::Domain) => {
            Outlook::Free
        }
        (Reach::Subscriber, Control::None) => Outlook::Editor(Why::Unproven),
        (Reach::Wider, _) => Outlook::Editor(Why::Wider),
    })
}

/// How what is listed at a key leaves its list, by the strictest of its codes.
async fn leaving(
    mut session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<Leaving, DatabaseError> {
    let leavings = lists::leavings(session.again(), list).await?;
    if leavings.is_empty() {
        return Ok(Leaving::Link);
    }
    let entries = entries::at(session, list, key).await?;
    Ok(lists::leaving_of(&leavings, entries.iter().filter_map(|entry| entry.code)))
}

/// The last refusal within 30 days to remove an entry, or another of the same subscriber; none if one of them was removed
/// later. Until that is so long ago, nothing of it goes without an editor.
///
/// # Errors
/// If the database fails.
pub async fn refusal(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    now: Timestamp,
) -> Result<Option<Refusal>, DatabaseError> {
    let month = Timestamp(now.0 - 30 * DAY);
    let whole = control::whole(key);
    removals::last_refused(session, list, key, whole.as_ref(), month).await
}

/// How often an entry was removed within the last 30 days, or another of the same subscriber before it was listed.
///
/// # Errors
/// If the database fails.
pub async fn before(
    session: Session<'_>,
    list: ListId,
    entry: &Entry,
    now: Timestamp,
) -> Result<u32, DatabaseError> {
    let month = Timestamp(now.0 - 30 * DAY);
    let whole = control::whole(&entry.key);
    removals::granted_since(session, list, &entry.key, whole.as_ref(), month, entry.since).await
}

/// What lists a target all the same, after an entry went.
async fn still(
    mut session: Session<'_>,
    list: &Stored,
    new: &New,
    now: Timestamp,
) -> Result<Option<Still>, DatabaseError> {
    let target: Result<Target, _> = new.target.parse();
    let target = target.map_err(|_| DatabaseError::Content("the target of a removal"))?;
    let entry = entry(session.again(), list.id, &target, new.way).await?;
    let Some(entry) = entry.filter(|entry| entry.expires.is_none_or(|expires| expires > now))
    else {
        return Ok(None);
    };
    let outlook = outlook(session, list, &entry, (&new.target, new.control), now).await?;
    Ok(Some(Still { key: entry.key, reason: entry.reason, outlook }))
}

/// The entry that lists a target. The link of a text may name what only lies above what is listed.
///
/// # Errors
/// If the database fails.
pub async fn entry(
    mut session: Session<'_>,
    list: ListId,
    target: &Target,
    way: Way,
) -> Result<Option<Entry>, DatabaseError> {
    let mut over = entries::over(session.again(), list, target).await?;
    if over.is_empty()
        && let (Way::Link, Target::Name(name)) = (way, target)
    {
        over = entries::at(session, list, &Key::Name(name.clone(), Extent::Below)).await?;
    }
    // The most specific one decides; without a code it says that nothing is listed here.
    let first = over.first().map(|first| first.key.clone());
    let is_excluded = over.iter().any(|e| Some(&e.key) == first.as_ref() && e.code.is_none());
    Ok(over.into_iter().next().filter(|_| !is_excluded))
}

/// Decides a removal that waits for an editor, with those that joined it. An entry that lists very much goes when two
/// agree, and so do very many.
///
/// # Errors
/// If the person may not, a refusal has no reason, or it does not wait.
pub async fn decide(
    transaction: &mut Transaction,
    person: Person,
    id: RemovalId,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(Decided, Vec<Notice>), RemovalError> {
    decide_after(transaction, person, id, verdict, Weight::default(), now).await
}

/// The same if the editor had done more lately than the audit log says.
pub(crate) async fn decide_after(
    transaction: &mut Transaction,
    person: Person,
    id: RemovalId,
    verdict: &Verdict,
    more: Weight,
    now: Timestamp,
) -> Result<(Decided, Vec<Notice>), RemovalError> {
    let removal = removals::by_id(transaction.session(), id).await?.ok_or(RemovalError::Link)?;
    // Nobody else decides or changes the entry meanwhile, and what was read before that is read again.
    lists::lock(transaction.session(), removal.new.list).await?;
    let removal = removals::by_id(transaction.session(), id).await?.ok_or(RemovalError::Link)?;
    let new = &removal.new;
    let entries = entries::at(transaction.session(), new.list, &new.key).await?;
    let relation = relation(transaction.session(), person, new).await?;
    permission::check(person, relation, Action::Decide)?;
    if is_partial(transaction.session(), person, id).await? {
        return Err(Partial.into());
    }
    // What he says is kept with the removal, in the audit log and in a letter.
    if verdict.words().chars().count() > MOST_WORDS {
        return Err(ChangeError::Long { what: "the reason", most: MOST_WORDS }.into());
    }
    if removal.state != State::Queued {
        return Err(RemovalError::Over(removal.state.word()));
    }
    if verdict.words().is_empty() && is_appealed(transaction.session(), &removal).await? {
        return Err(RemovalError::NoReason);
    }
    if let Some(first) = removal.joins {
        return Err(RemovalError::Joined(first.0));
    }
    let mut held = None;
    let decided = match verdict {
        Verdict::Grant { end, why } => {
            let actor = audit::actor(transaction.session(), person.account).await?;
            let list = lists::by_id(transaction.session(), new.list).await?;
            let list = list.ok_or(DatabaseError::Missing("list"))?;
            let changes = [gone(&removal, entries)];
            let t = &mut *transaction;
            let two = two_editors::of_changes_after(t, &list, &actor, &changes, more, now).await?;
            let first = match removal.agreed.filter(|first| first.account != person.account) {
                Some(first) if two.is_some() => stands(transaction, &removal, first, now).await?,
                Some(_) | None => None,
            };
            let agreed = match (two, first) {
                (None, _) => None,
                (Some(_), Some(first)) => {
                    Some(audit::actor(transaction.session(), first.account).await?)
                }
                (Some(two), None) => {
                    let agreed = Agreed { account: person.account, time: now };
                    removals::agree(transaction.session(), id, agreed).await?;
                    return Ok((Decided::Waits(two), Vec::new()));
                }
            };
            let by = (Some((&*actor, why.trim())), agreed.as_deref());
            let serial = remove(transaction, &removal, &changes, by, *end, now).await?;
            let still = still(transaction.session(), &list, new, now).await?;
            held = publish::prospect(transaction.session(), &list, serial).await?.held();
            Decided::Granted { serial, still }
        }
        Verdict::Refuse(why) if why.trim().is_empty() => return Err(RemovalError::NoReason),
        Verdict::Refuse(why) => {
            let actor = audit::actor(transaction.session(), person.account).await?;
            move_on(transaction, &removal, State::Refused, (why, Some(&actor)), now).await?;
            Decided::Refused
        }
    };
    let still = match &decided {
        Decided::Granted { still, .. } => still.clone(),
        Decided::Refused | Decided::Waits(_) => None,
    };
    let (mail, target) = (new.mail.clone(), new.target.clone());
    let (is_refused, said) = (decided == Decided::Refused, verdict.words().to_owned());
    let by_guards = held.clone();
    let mut told =
        vec![Notice::RemovalDecided { removal: id, mail, target, is_refused, said, still, held }];
    let serial = match &decided {
        Decided::Granted { serial, .. } => Some((*serial, by_guards)),
        Decided::Refused | Decided::Waits(_) => None,
    };
    let joined = removals::joined(transaction.session(), id).await?;
    told.extend(decide_joined(transaction, person, &joined, (verdict, serial), now).await?);
    // What goes has its row with what changed of the list.
    if is_refused {
        let joined: Vec<RemovalId> = joined.iter().map(|one| one.id).collect();
        log_refusal(transaction, person, &removal, &joined, now).await?;
    }
    Ok((decided, told))
}

/// Writes a refusal into the audit log, behind all that it changes: of which removal, with those that waited with it, and
/// by which version of the policy. What was said stays with the removal, from which it goes with whoever asked: the log is
/// for ever.
async fn log_refusal(
    transaction: &mut Transaction,
    person: Person,
    removal: &Removal,
    joined: &[RemovalId],
    now: Timestamp,
) -> Result<(), RemovalError> {
    let list = lists::by_id(transaction.session(), removal.new.list).await?;
    let list = list.ok_or(DatabaseError::Missing("list"))?;
    let joined: Vec<i64> = joined.iter().map(|id| id.0).collect();
    let detail = json!({
        "list": list.list.apex.to_string(),
        "kind": removal.new.kind.word(),
        "joined": joined,
        "policy": lists::policy_version(transaction.session(), list.id).await?,
    });
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: "removal.refuse".to_owned(),
        subject: format!("removal/{}", removal.id.0),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Decides those that waited with a removal as that was, with the serial that has it and what holds that back, and who
/// is told.
async fn decide_joined(
    transaction: &mut Transaction,
    person: Person,
    all: &[Removal],
    (verdict, granted): (&Verdict, Option<(u32, Option<String>)>),
    now: Timestamp,
) -> Result<Vec<Notice>, RemovalError> {
    let actor = audit::actor(transaction.session(), person.account).await?;
    let mut told = Vec::new();
    for joined in all.iter().cloned() {
        let state = match verdict {
            Verdict::Grant { .. } => State::Granted,
            Verdict::Refuse(_) => State::Refused,
        };
        let said = verdict.words();
        move_on(transaction, &joined, state, (said, Some(&actor)), now).await?;
        let mut held = None;
        if let Some((serial, by_guards)) = &granted {
            removals::note_serial(transaction.session(), joined.id, *serial).await?;
            held.clone_from(by_guards);
        }
        let still = match verdict {
            Verdict::Refuse(_) => None,
            Verdict::Grant { .. } => {
                let list = lists::by_id(transaction.session(), joined.new.list).await?;
                let list = list.ok_or(DatabaseError::Missing("list"))?;
                still(transaction.session(), &list, &joined.new, now).await?
            }
        };
        let New { mail, target, .. } = joined.new;
        let (removal, said) = (joined.id, said.to_owned());
        let is_refused = state == State::Refused;
        told.push(Notice::RemovalDecided { removal, mail, target, is_refused, said, still, held });
    }
    Ok(told)
}

/// Who agreed to a removal before, if his word still counts: he could decide it now, too, and it is of the same entry.
async fn stands(
    transaction: &mut Transaction,
    removal: &Removal,
    first: Agreed,
    now: Timestamp,
) -> Result<Option<Person>, RemovalError> {
    let Some(person) = agreement::stands(transaction, first, now).await? else { return Ok(None) };
    let relation = relation(transaction.session(), person, &removal.new).await?;
    let may = permission::may(person.role, relation, Action::Decide);
    // He may be partial in what joined it after his word, or have said so since.
    let is_partial = is_partial(transaction.session(), person, removal.id).await?;
    Ok((may && !is_partial && is_as_it_was(transaction, removal, first).await?).then_some(person))
}

/// Whether an editor said that he is partial in a removal, or in one that joined it and is decided with it.
///
/// # Errors
/// If the database fails.
pub(crate) async fn is_partial(
    mut session: Session<'_>,
    person: Person,
    id: RemovalId,
) -> Result<bool, DatabaseError> {
    let joined = removals::joined(session.again(), id).await?;
    for id in std::iter::once(id).chain(joined.iter().map(|other| other.id)) {
        if conflict::is_declared(session.again(), person, About::Removal(id)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what is listed is still what the first of two editors agreed to take off. That it lasts longer as something
/// was seen again makes no other entry of it.
async fn is_as_it_was(
    transaction: &mut Transaction,
    removal: &Removal,
    first: Agreed,
) -> Result<bool, DatabaseError> {
    let (list, key) = (removal.new.list, &removal.new.key);
    // An import of very many names no entries in their history, but those that it brought are there since then.
    let there = entries::at(transaction.session(), list, key).await?;
    if there.iter().any(|entry| first.time < entry.since) {
        return Ok(false);
    }
    // Of a key only the last renewal is kept.
    let steps = entry_history::of_key(transaction.session(), list, key, None, 2).await?;
    let last = steps.iter().find(|step| step.kind != entry_history::Kind::Renewal);
    Ok(last.is_none_or(|step| step.time <= first.time))
}

/// Whether somebody appeals by a removal, or by one that joined it: then a decision says why, whatever it is.
///
/// # Errors
/// If the database fails.
pub async fn is_appealed(session: Session<'_>, removal: &Removal) -> Result<bool, DatabaseError> {
    if removal.new.kind == Kind::Appeal {
        return Ok(true);
    }
    let joined = removals::joined(session, removal.id).await?;
    Ok(joined.iter().any(|other| other.new.kind == Kind::Appeal))
}

/// What a person is to the organisations whose entries a removal is about.
pub(crate) async fn relation(
    mut session: Session<'_>,
    person: Person,
    new: &New,
) -> Result<Relation, DatabaseError> {
    let entries = entries::at(session.again(), new.list, &new.key).await?;
    let mut relation = Relation::Stranger;
    for owner in entries.iter().filter_map(|entry| entry.organisation) {
        let role: Option<MemberRole> =
            organisations::role_of(session.again(), owner, person.account).await?;
        relation = relation.max(role.into());
    }
    Ok(relation)
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The entry is off the list since this serial.
    Granted {
        /// The serial.
        serial: u32,
        /// What lists the target all the same.
        still: Option<Still>,
    },
    /// It stays.
    Refused,
    /// Another editor has to agree, and why.
    Waits(TwoEditors),
}

/// What an editor decides about a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The entry goes.
    Grant {
        /// Until when imports do not bring it back.
        end: End,
        /// Why, in words for who asked; an appeal is not granted without.
        why: String,
    },
    /// It stays, and why.
    Refuse(String),
}

impl Verdict {
    /// What who asked reads.
    fn words(&self) -> &str {
        match self {
            Verdict::Grant { why, .. } | Verdict::Refuse(why) => why.trim(),
        }
    }
}

/// Ends links that nobody followed, forgets who asked for what is long over, and drops what nobody looks for any more:
/// whoever asks is a stranger, and nothing that strangers write stays for ever.
///
/// # Errors
/// If the database fails.
pub async fn tidy(transaction: &mut Transaction, now: Timestamp) -> Result<u64, DatabaseError> {
    database_kept_out::expire(transaction.session(), now).await?;
    let ended = removals::expire(transaction.session(), now).await?;
    let before = Timestamp(now.0 - KEPT);
    let forgotten = removals::forget(transaction.session(), before).await?;
    let over = (before, Timestamp(now.0 - ENDED_KEPT));
    Ok(ended + forgotten + removals::drop_old(transaction.session(), over).await?)
}

/// Until when an entry is locked that is on the list since a moment, and was removed so often in the 30 days before:
/// a day when it came back once, twice as long for each further time, a month at most.
pub fn locked_until(since: Timestamp, removed: u32) -> Option<Timestamp> {
    let doublings = removed.checked_sub(1)?;
    let days = 1_i64.checked_shl(doublings).map_or(30, |days| days.clamp(1, 30));
    let days = if doublings >= 5 { 30 } else { days };
    Some(Timestamp(since.0.saturating_add(days * DAY)))
}

/// Whether so many removals in a day, by one person and from one network, are more than an operator has who repairs
/// something.
pub fn is_mass(by_mail: u32, by_network: u32) -> bool {
    by_mail > MASS_BY_MAIL || by_network > MASS_BY_NETWORK
}

/// What is left at the key of a removal that is granted: what is excluded there stays so.
fn gone(removal: &Removal, entries: Vec<Entry>) -> Change {
    let entries = entries.into_iter().filter(|entry| entry.code.is_none()).collect();
    Change { key: removal.new.key.clone(), entries }
}

/// Takes what is listed at a key off the list: by an editor with what he says, and maybe another one who agreed before,
/// or by nobody.
async fn remove(
    transaction: &mut Transaction,
    removal: &Removal,
    changes: &[Change],
    (by, agreed): (Option<(&str, &str)>, Option<&str>),
    end: End,
    now: Timestamp,
) -> Result<u32, RemovalError> {
    let list = lists::by_id(transaction.session(), removal.new.list).await?;
    let list = list.ok_or(DatabaseError::Missing("list"))?;
    let reason = format!("removal {}", removal.id.0);
    let actor = match by {
        Some((actor, _)) => actor.to_owned(),
        None => audit::actor(transaction.session(), NOBODY).await?,
    };
    let cause = Cause { actor, action: "removal.grant".to_owned(), reason };
    // What was seen before is repaired: rules do not list it again for that.
    rule::settle(transaction, list.id, &removal.new.key, now).await?;
    let serial = changes::apply_agreed(transaction, &list, changes, &cause, agreed, now).await?;
    let keeper = (&*cause.actor, &*cause.reason);
    kept_out::keep(transaction, list.id, &removal.new.key, keeper, end, now).await?;
    let said = by.map_or(("", None), |(actor, said)| (said, Some(actor)));
    move_on(transaction, removal, State::Granted, said, now).await?;
    removals::note_serial(transaction.session(), removal.id, serial).await?;
    Ok(serial)
}

/// Writes where a removal stands.
async fn move_on(
    transaction: &mut Transaction,
    removal: &Removal,
    state: State,
    said: (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), RemovalError> {
    match removals::move_on(transaction.session(), removal, state, said, now).await? {
        true => Ok(()),
        false => Err(RemovalError::Link),
    }
}

/// Who has no account, for the audit log: accounts are numbered from 1 on.
const NOBODY: i64 = 0;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// How long a link is good.
const LINK: i64 = 2 * DAY;
/// How long it is known who asked.
const KEPT: i64 = 90 * DAY;
/// For so long a removal that was decided is kept, as what became of its entry is.
const ENDED_KEPT: i64 = 730 * DAY;
/// Removals in a day that are a mass, by one person.
const MASS_BY_MAIL: u32 = 5;
/// From one network.
const MASS_BY_NETWORK: u32 = 10;
/// Links in a day that are sent to one person.
const MOST_BY_MAIL: u32 = 20;
/// To one network.
const MOST_BY_NETWORK: u32 = 50;
/// Appeals about an entry that editors decide in 30 days.
const MOST_APPEALS_OF_ENTRY: u32 = 3;
/// Appeals in a day from one network.
const MOST_APPEALS_BY_NETWORK: u32 = 5;
/// Characters of what somebody says.
const MOST_TEXT: usize = 2_000;
/// Of what an editor says.
const MOST_WORDS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_outs_grow_to_a_month() {
        let days = [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (999, 30)];
        for (removed, days) in days {
            let until = (days > 0).then_some(Timestamp(7 + days * DAY));
            assert_eq!(locked_until(Timestamp(7), removed), until, "removed {removed} times");
        }
    }

    #[test]
    fn a_mass_is_more_than_a_repair() {
        for (by_mail, by_network, expected) in
            [(1, 1, false), (5, 10, false), (6, 6, true), (1, 11, true)]
        {
            assert_eq!(is_mass(by_mail, by_network), expected, "{by_mail} {by_network}");
        }
    }
}
