//! What a list says of itself, how it decides, and how it is published: changed by administrators at the portal and by
//! whoever has the shell, each time with a row of the audit log that says why.
//!
//! Policies and criteria have versions, of which none is changed or taken back; criteria, categories and codes are
//! added or named anew, so that nothing that is listed loses what it meant.
//!
//! What keeps one person from doing much harm, one person does not loosen alone: an administrator who weakens a guard, or
//! wants one editor to be enough for a code, needs an editor or another administrator who agrees ([`crate::motion`]).
//! Whoever has the shell needs nobody: he has the database in his hands.
//!
//! Not here: entries (`changes`), the end of a list (`retirement`).

use repute_database::audit::{self, Deed};
use repute_database::categories::{self, Category};
use repute_database::dns::{self, Settings};
use repute_database::entries::CriterionId;
use repute_database::lists::{self, Leaving, Stored};
use repute_database::motions::{MotionId, What};
use repute_database::rules::{self, Rule};
use repute_database::{DatabaseError, Timestamp, Transaction, changes, kept_out, publications};
use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode, Target};
use serde_json::{Value, json};

use crate::changes::Cause;
use crate::link::{self, LinkError};
use crate::motion::{self, NoRoom, Wish};
use crate::permission::{self, Action, Denied, Person, Relation};
use crate::token::NoRandom;

/// Who changes what a list is, why and when.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'h> {
    /// Who.
    pub who: Who<'h>,
    /// Why.
    pub reason: &'h str,
    /// When.
    pub now: Timestamp,
}

/// Somebody who changes what a list is.
#[derive(Clone, Copy, Debug)]
pub enum Who<'h> {
    /// Somebody with an account, who must be an administrator.
    Person(Person),
    /// Whoever has the shell, by his pseudonym: he has the database in his hands.
    Shell(&'h str),
    /// Two people, by their pseudonyms: what the first one wanted the second one agreed to.
    Two(&'h str, &'h str),
}

/// What became of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It holds, with this serial if something is to be published.
    Done(Option<u32>),
    /// An editor or another administrator has to agree: until then all stays as it is.
    Waits(MotionId),
}

impl From<LinkError> for SettingsError {
    fn from(error: LinkError) -> SettingsError {
        match error {
            LinkError::Random(error) => error.into(),
            LinkError::Database(error) => error.into(),
        }
    }
}

/// What a list says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What people call it.
    pub title: String,
    /// What it is for, in a few sentences.
    pub description: String,
    /// Where people write about it.
    pub contact: String,
    /// Time to live of its answers, in seconds.
    pub ttl: u32,
}

/// Why a list is not changed so.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A text that is missing, too long, or has characters that nobody sees.
    #[error("{what} needs from 1 to {most} characters, without control characters")]
    Text {
        /// Which.
        what: &'static str,
        /// The most.
        most: usize,
    },
    /// Answers that nobody may keep.
    #[error("a time to live of nothing would have every answer asked for again: give 1 s or more")]
    Ttl,
    /// Longer than anybody remembers why.
    #[error(
        "what was taken off is kept off for at most {KEPT_OUT} days; say of one entry that it is for ever"
    )]
    KeptOut,
    /// The policy in force says the same.
    #[error("version {0} of the policy says the same")]
    SamePolicy(i64),
    /// Criteria are parts of a policy.
    #[error("criteria belong to a policy: publish one first")]
    NoPolicy,
    /// A short name that links cannot hold.
    #[error("`{0}` is no short name of a criterion: take up to 40 of a-z, 0-9 and `-`")]
    Slug(String),
    /// There is one of this short name.
    #[error("this list has a criterion `{0}`: take another short name")]
    SlugTaken(String),
    /// There is none of this short name.
    #[error("this list has no criterion `{0}`{known}", known = known(.1))]
    NoCriterion(String, Vec<String>),
    /// Nothing is listed by it any more.
    #[error("the criterion `{0}` is ended: add another one")]
    CriterionEnded(String),
    /// A rule that is on lists by it.
    #[error(
        "the rule `{rule}` lists by the criterion `{slug}`: give it another one, or disable it, first"
    )]
    CriterionInUse {
        /// Its short name.
        slug: String,
        /// The rule.
        rule: String,
    },
    /// It says so already.
    #[error("the criterion `{0}` says the same")]
    SameCriterion(String),
    /// A number that means something already.
    #[error("{0} is a category of this list: rename it, or take another number")]
    CategoryTaken(u8),
    /// There is none of this number.
    #[error("this list has no category {0}")]
    NoCategory(u8),
    /// A code that clients do not take for one.
    #[error("{0} is outside 127.0.0.0/8, where clients expect return codes (RFC 5782)")]
    Code(ReturnCode),
    /// A canary that the list could not list anyhow.
    #[error("the canary {canary} cannot be on this list, which lists {keys}")]
    Canary {
        /// The canary.
        canary: String,
        /// What it lists.
        keys: KeyKind,
    },
    /// A guard that says nothing.
    #[error(
        "guards: IPv4 prefixes go from 0 to 32, those of IPv6 from 0 to 128, changes from 0 to 100 %; 0 turns one off"
    )]
    Guard,
    /// A name server that no host is called by.
    #[error("`{0}` is no name of a host: those have letters, digits and `-` (RFC 1123)")]
    Server(String),
    /// Times of the SOA that secondaries cannot follow.
    #[error(
        "refresh, retry, expire and the times to live are 1 s or more, and expire is longer than refresh"
    )]
    Times,
    /// More than a list needs.
    #[error("at most {0} name servers and {1} canaries")]
    TooMany(usize, usize),
    /// There is no key for links.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// A version waits, and by other guards it would not.
    #[error("serial {0} waits for a second person: guards stay as they are until then")]
    Waits(u32),
    /// It needs a second person, and there is no room to wait for one.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Describes a list anew. A new time to live has a new serial, by which it is published.
///
/// # Errors
/// If the person may not, a text is not as it should be, or the database fails.
pub async fn describe(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    new: &Description,
) -> Result<(), SettingsError> {
    let actor = may(transaction, hand).await?;
    check_description(new)?;
    let Description { title, description, contact, ttl } = new;
    let session = transaction.session();
    lists::describe(session, list.id, title.trim(), description.trim(), contact.trim(), *ttl)
        .await?;
    let mut detail = json!({
        "title": title, "description": description, "contact": contact, "ttl": ttl,
    });
    if *ttl != list.list.ttl {
        detail["serial"] = changes::next_serial(transaction.session(), list.id).await?.into();
    }
    record(transaction, hand, &actor, "list.set", list, detail).await
}

/// Fails if a list cannot say that of itself: asked of new lists, too.
///
/// # Errors
/// If a text is missing, too long or has characters that nobody sees, or answers could not be kept.
pub fn check_description(new: &Description) -> Result<(), SettingsError> {
    text("the title", &new.title, TITLE)?;
    optional("the description", &new.description, TEXT)?;
    optional("the contact", &new.contact, TITLE)?;
    match new.ttl {
        0 => Err(SettingsError::Ttl),
        _ => Ok(()),
    }
}

/// Says for how many days what was taken off a list is kept off it, whatever imports say; 0 for not at all.
///
/// # Errors
/// If the person may not, it is longer than ten years, or the database fails.
pub async fn keep_out(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    days: u32,
) -> Result<(), SettingsError> {
    let actor = may(transaction, hand).await?;
    if days > KEPT_OUT {
        return Err(SettingsError::KeptOut);
    }
    kept_out::set_days(transaction.session(), list.id, days).await?;
    record(transaction, hand, &actor, "list.keep-out", list, json!({ "days": days })).await
}

/// Publishes a policy, which takes the place of the one before; its version.
///
/// # Errors
/// If the person may not, it says nothing or nothing new, or the database fails.
pub async fn publish_policy(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    policy: &str,
) -> Result<i64, SettingsError> {
    let actor = may(transaction, hand).await?;
    // Browsers send lines as mail does.
    let policy = policy.replace("\r\n", "\n");
    text("a policy", &policy, POLICY)?;
    let policy = policy.trim();
    let before = lists::policy(transaction.session(), list.id).await?;
    if let Some(before) = before.filter(|before| before.text == policy) {
        return Err(SettingsError::SamePolicy(before.version));
    }
    let version = lists::publish_policy(transaction.session(), list.id, policy, hand.now).await?;
    let detail = json!({ "version": version, "characters": policy.chars().count() });
    record(transaction, hand, &actor, "policy.publish", list, detail).await?;
    Ok(version)
}

/// Adds a criterion to the policy in force.
///
/// # Errors
/// If the person may not, there is no policy or one of this short name, or the database fails.
pub async fn add_criterion(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    slug: &str,
    title: &str,
    explanation: &str,
) -> Result<CriterionId, SettingsError> {
    let actor = may(transaction, hand).await?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || slug.len() > SLUG || !slug.chars().all(is_plain) {
        return Err(SettingsError::Slug(slug.to_owned()));
    }
    text("the title of a criterion", title, TITLE)?;
    text("what a criterion says", explanation, TEXT)?;
    let Some(version) = lists::policy_version(transaction.session(), list.id).await? else {
        return Err(SettingsError::NoPolicy);
    };
    lists::lock(transaction.session(), list.id).await?;
    let known = lists::criteria(transaction.session(), list.id).await?;
    if known.iter().any(|known| known.slug == slug) {
        return Err(SettingsError::SlugTaken(slug.to_owned()));
    }
    let (title, explanation) = (title.trim(), explanation.trim());
    let session = transaction.session();
    let said = (title, explanation);
    let id = lists::add_criterion(session, list.id, version, slug, said, hand.now).await?;
    let detail = json!({ "slug": slug, "title": title, "text": explanation, "version": version });
    record(transaction, hand, &actor, "criterion.add", list, detail).await?;
    Ok(id)
}

/// Has a criterion say something else from now on. What was listed by it keeps what it said then.
///
/// # Errors
/// If the person may not, there is none of this short name, it is ended or says the same, or the database fails.
pub async fn change_criterion(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    slug: &str,
    title: &str,
    explanation: &str,
) -> Result<i64, SettingsError> {
    let actor = may(transaction, hand).await?;
    text("the title of a criterion", title, TITLE)?;
    text("what a criterion says", explanation, TEXT)?;
    let known = open_criterion(transaction, list, slug).await?;
    let (title, explanation) = (title.trim(), explanation.trim());
    if known.title == title && known.text == explanation {
        return Err(SettingsError::SameCriterion(known.slug));
    }
    let session = transaction.session();
    let version = lists::change_criterion(session, known.id, title, explanation, hand.now).await?;
    let detail = json!({ "slug": slug, "title": title, "text": explanation, "version": version });
    record(transaction, hand, &actor, "criterion.change", list, detail).await?;
    Ok(version)
}

/// Has nothing be listed by a criterion any more. It stays for the entries that name it.
///
/// # Errors
/// If the person may not, there is none of this short name or it is ended, a rule that is on lists by it, or the database
/// fails.
pub async fn end_criterion(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    slug: &str,
) -> Result<(), SettingsError> {
    let actor = may(transaction, hand).await?;
    let known = open_criterion(transaction, list, slug).await?;
    let rules = rules::of_list(transaction.session(), list.id).await?;
    let by_it = |rule: &Rule| rule.enabled.is_some() && rule.terms.criterion == Some(known.id);
    if let Some(rule) = rules.into_iter().find(by_it) {
        return Err(SettingsError::CriterionInUse { slug: slug.to_owned(), rule: rule.name });
    }
    lists::end_criterion(transaction.session(), known.id, hand.now).await?;
    record(transaction, hand, &actor, "criterion.end", list, json!({ "slug": slug })).await
}

/// A criterion that is not ended; nobody else changes the list from here on.
async fn open_criterion(
    transaction: &mut Transaction,
    list: &Stored,
    slug: &str,
) -> Result<lists::Criterion, SettingsError> {
    lists::lock(transaction.session(), list.id).await?;
    let known = lists::criteria(transaction.session(), list.id).await?;
    let slugs = || known.iter().filter(|one| one.is_open()).map(|one| one.slug.clone()).collect();
    let found = known.iter().find(|known| known.slug == slug).cloned();
    let found = found.ok_or_else(|| SettingsError::NoCriterion(slug.to_owned(), slugs()))?;
    match found.is_open() {
        true => Ok(found),
        false => Err(SettingsError::CriterionEnded(slug.to_owned())),
    }
}

/// The criteria there are, behind an error.
fn known(slugs: &[String]) -> String {
    match slugs.is_empty() {
        true => ": none is open".to_owned(),
        false => format!(": it has {}", slugs.join(", ")),
    }
}

/// Adds a category.
///
/// # Errors
/// If the person may not, its number is taken, or the database fails.
pub async fn add_category(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    category: &Category,
) -> Result<(), SettingsError> {
    let actor = may(transaction, hand).await?;
    text("the name of a category", &category.name, TITLE)?;
    if !categories::add(transaction.session(), list.id, category).await? {
        return Err(SettingsError::CategoryTaken(category.number));
    }
    let detail = json!({ "number": category.number, "name": category.name });
    record(transaction, hand, &actor, "category.add", list, detail).await
}

/// Gives a category another name.
///
/// # Errors
/// If the person may not, there is none of its number, or the database fails.
pub async fn rename_category(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    category: &Category,
) -> Result<(), SettingsError> {
    let actor = may(transaction, hand).await?;
    text("the name of a category", &category.name, TITLE)?;
    if !categories::rename(transaction.session(), list.id, category).await? {
        return Err(SettingsError::NoCategory(category.number));
    }
    let detail = json!({ "number": category.number, "name": category.name });
    record(transaction, hand, &actor, "category.rename", list, detail).await
}

/// Gives a code of a list a meaning, or another one; and says, if it is to be said, whether two editors have to agree to
/// entries with it, and how those leave the list for whoever asks. A new one is for two if one of the list's that is like
/// it is, unless something else is said. That one is enough where two had to agree is for two people to say.
///
/// # Errors
/// If the person may not, it is no return code by convention, or the database fails.
pub async fn set_code(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    code: ReturnCode,
    meaning: &str,
    (for_two, leaving): (Option<bool>, Option<Leaving>),
) -> Result<Set, SettingsError> {
    let actor = may(transaction, hand).await?;
    if !code.is_conventional() {
        return Err(SettingsError::Code(code));
    }
    text("the meaning of a code", meaning, TITLE)?;
    lists::lock(transaction.session(), list.id).await?;
    let all_for_two = lists::codes_for_two(transaction.session(), list.id).await?;
    let codes = lists::codes(transaction.session(), list.id).await?;
    let before = codes.into_iter().find(|(known, _)| *known == code).map(|(_, meaning)| meaning);
    // Otherwise whoever adds it would list alone what two decide about everywhere else.
    let is_like = before.is_none()
        && all_for_two.iter().any(|marked| is_as_strict(list.list.polarity, code, *marked));
    if let Who::Person(person) = hand.who
        && for_two == Some(false)
        && (all_for_two.contains(&code) || is_like)
    {
        if is_like {
            lists::set_code(transaction.session(), list.id, code, meaning.trim()).await?;
            lists::set_two_editors(transaction.session(), list.id, code, true).await?;
            let (code, meaning) = (code.to_string(), meaning.trim());
            let detail = json!({ "code": code, "meaning": meaning, "two_editors": true });
            record(transaction, hand, &actor, CODE, list, detail).await?;
        }
        let before = before.unwrap_or_else(|| meaning.trim().to_owned());
        let what = What::Code { code, before, after: meaning.trim().to_owned() };
        if let Some(leaving) = leaving {
            lists::set_leaving(transaction.session(), list.id, code, leaving).await?;
            let detail = json!({ "code": code.to_string(), "removal": leaving.word() });
            record(transaction, hand, &actor, CODE, list, detail).await?;
        }
        return wait(transaction, (hand, person), list, what, CODE).await;
    }
    lists::set_code(transaction.session(), list.id, code, meaning.trim()).await?;
    let mut detail = json!({ "code": code.to_string(), "meaning": meaning });
    if let Some(is_for_two) = for_two.or(is_like.then_some(true)) {
        lists::set_two_editors(transaction.session(), list.id, code, is_for_two).await?;
        detail["two_editors"] = is_for_two.into();
    }
    if let Some(leaving) = leaving {
        lists::set_leaving(transaction.session(), list.id, code, leaving).await?;
        detail["removal"] = leaving.word().into();
    }
    record(transaction, hand, &actor, CODE, list, detail).await?;
    Ok(Set::Done(None))
}

/// Whether a code says at least as much as one that two editors decide about: it ends as that does, as the highest score
/// of every category; and on an allow list, where scores go up with the last number, also if that is higher.
fn is_as_strict(polarity: Polarity, code: ReturnCode, marked: ReturnCode) -> bool {
    let ([.., new], [.., known]) = (code.0.octets(), marked.0.octets());
    match polarity {
        Polarity::Allow => new >= known,
        Polarity::Block | Polarity::Info => new == known,
    }
}

/// Has a list published by other settings; the serial that shows them. Guards that refuse less are for two people to want.
///
/// # Errors
/// If the person may not, a setting makes no sense, a version waits that other guards would let pass, or the database
/// fails.
pub async fn configure(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    new: &Settings,
) -> Result<Set, SettingsError> {
    let actor = may(transaction, hand).await?;
    check(list.list.keys, new)?;
    lists::lock(transaction.session(), list.id).await?;
    let before = dns::of(transaction.session(), list.id).await?;
    if guards(&before) != guards(new)
        && let Some(waiting) = publications::pending(transaction.session(), list.id).await?
    {
        return Err(SettingsError::Waits(waiting.serial));
    }
    if let Who::Person(person) = hand.who
        && is_looser(&before, new)
    {
        let what = What::Publishing { before: Box::new(before), after: Box::new(new.clone()) };
        return wait(transaction, (hand, person), list, what, PUBLISH).await;
    }
    dns::set(transaction.session(), list.id, new).await?;
    link::give_key(transaction, list.id, hand.now).await?;
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    let names = |names: &[repute_dnsxl::Name]| names.iter().map(ToString::to_string).collect();
    let name_servers: Vec<String> = names(&new.name_servers);
    let canaries: Vec<String> = new.canaries.iter().map(Target::to_string).collect();
    let detail = json!({
        "serial": serial,
        "name_servers": name_servers,
        "hostmaster": new.hostmaster.as_ref().map(ToString::to_string),
        "refresh": new.refresh, "retry": new.retry, "expire": new.expire, "minimum": new.minimum,
        "name_server_ttl": new.name_server_ttl,
        "ipv4_prefix": new.ipv4_prefix, "ipv6_prefix": new.ipv6_prefix,
        "max_change": new.max_change, "canaries": canaries, "links": new.links.word(),
    });
    record(transaction, hand, &actor, PUBLISH, list, detail).await?;
    Ok(Set::Done(Some(serial)))
}

/// Has something wait for a second person.
async fn wait(
    transaction: &mut Transaction,
    (hand, person): (&Hand<'_>, Person),
    list: &Stored,
    what: What,
    action: &str,
) -> Result<Set, SettingsError> {
    let wish = Wish { what, action, reason: hand.reason, two: "looser" };
    Ok(Set::Waits(motion::open(transaction, person, list, wish, hand.now).await??))
}

/// Why what somebody wanted to set is not what is to be changed any more, if so.
pub(crate) async fn stale(
    transaction: &mut Transaction,
    list: &Stored,
    what: &What,
) -> Result<Option<String>, SettingsError> {
    match what {
        What::Publishing { before, .. } => {
            let holds = dns::of(transaction.session(), list.id).await?;
            Ok((holds != **before)
                .then(|| "how the list is published has changed since this was wanted".to_owned()))
        }
        What::Code { code, before, .. } => {
            let codes = lists::codes(transaction.session(), list.id).await?;
            let for_two = lists::codes_for_two(transaction.session(), list.id).await?;
            let is_same = for_two.contains(code)
                && codes.iter().any(|(known, meaning)| known == code && meaning == before);
            Ok((!is_same).then(|| format!("{code} has changed since this was wanted")))
        }
        What::Entries(_) => Ok(None),
    }
}

/// Sets what one person wanted and another one agreed to, by his pseudonym; the serial that shows it, if it is published.
pub(crate) async fn agreed(
    transaction: &mut Transaction,
    list: &Stored,
    what: &What,
    (cause, second): (&Cause, &str),
    now: Timestamp,
) -> Result<Option<u32>, SettingsError> {
    let hand = Hand { who: Who::Two(&cause.actor, second), reason: &cause.reason, now };
    let set = match what {
        What::Publishing { after, .. } => configure(transaction, &hand, list, after).await?,
        What::Code { code, after, .. } => {
            set_code(transaction, &hand, list, *code, after, (Some(false), None)).await?
        }
        What::Entries(_) => Set::Done(None),
    };
    match set {
        Set::Done(serial) => Ok(serial),
        Set::Waits(_) => Ok(None),
    }
}

/// Whether settings refuse less than others.
fn is_looser(before: &Settings, new: &Settings) -> bool {
    // 0 turns each off, which is the loosest.
    let share = |settings: &Settings| match settings.max_change {
        0 => u8::MAX,
        share => share,
    };
    new.ipv4_prefix < before.ipv4_prefix
        || new.ipv6_prefix < before.ipv6_prefix
        || share(new) > share(before)
        || before.canaries.iter().any(|canary| !new.canaries.contains(canary))
}

/// Has a list make its links with another key; the serial that shows them. Links that are out stay good until this is
/// done once more.
///
/// # Errors
/// If the person may not, there are no random numbers, or the database fails.
pub async fn renew_links(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    list: &Stored,
) -> Result<u32, SettingsError> {
    let actor = may(transaction, hand).await?;
    lists::lock(transaction.session(), list.id).await?;
    link::renew_key(transaction, list.id, hand.now).await?;
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    record(transaction, hand, &actor, "list.links", list, json!({ "serial": serial })).await?;
    Ok(serial)
}

/// What is allowed and yet not wise in how a list is published: a sentence each.
pub fn doubts(list: &Stored, settings: &Settings) -> Vec<String> {
    let apex = &list.list.apex;
    let mut doubts = Vec::new();
    match &settings.name_servers[..] {
        [] => doubts.push(format!(
            "{apex} has itself as its only name server, and no address under that name: nobody finds it unless whoever \
             asks is told its address; name at least two servers outside it"
        )),
        [one] => doubts.push(format!(
            "{one} is the only name server: when it is away, so is the list (RFC 2182 asks for two or more)"
        )),
        [_, _, ..] => {}
    }
    for server in settings.name_servers.iter().filter(|server| server.is_within(apex)) {
        doubts.push(format!(
            "{server} is within {apex}, which has no addresses of its own: only glue leads there"
        ));
    }
    doubts
}

/// The pseudonym of who may change what a list is.
async fn may(transaction: &mut Transaction, hand: &Hand<'_>) -> Result<String, SettingsError> {
    if !hand.reason.is_empty() {
        text("the reason", hand.reason, REASON)?;
    }
    match hand.who {
        Who::Person(person) => {
            permission::check(person, Relation::Stranger, Action::ChangeLists)?;
            Ok(audit::actor(transaction.session(), person.account).await?)
        }
        Who::Shell(pseudonym) | Who::Two(pseudonym, _) => Ok(pseudonym.to_owned()),
    }
}

/// Writes down what was done.
async fn record(
    transaction: &mut Transaction,
    hand: &Hand<'_>,
    actor: &str,
    action: &str,
    list: &Stored,
    mut detail: Value,
) -> Result<(), SettingsError> {
    detail["reason"] = hand.reason.into();
    if let Who::Two(_, second) = hand.who {
        detail["agreed"] = second.into();
    }
    let deed = Deed {
        time: hand.now,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: format!("list/{}", list.list.apex),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Fails if settings make no sense.
fn check(keys: KeyKind, new: &Settings) -> Result<(), SettingsError> {
    if new.name_servers.len() > SERVERS || new.canaries.len() > CANARIES {
        return Err(SettingsError::TooMany(SERVERS, CANARIES));
    }
    let is_host = |name: &Name| {
        name.labels().flatten().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    if let Some(other) = new.name_servers.iter().find(|server| !is_host(server)) {
        return Err(SettingsError::Server(other.to_string()));
    }
    if new.ipv4_prefix > 32 || new.ipv6_prefix > 128 || new.max_change > 100 {
        return Err(SettingsError::Guard);
    }
    let times = [new.refresh, new.retry, new.expire, new.minimum, new.name_server_ttl];
    if times.iter().any(|time| *time == 0 || *time > MAX_TIME) || new.expire <= new.refresh {
        return Err(SettingsError::Times);
    }
    let fits = |target: &Target| match target {
        Target::Ipv4(_) | Target::Ipv6(_) => keys == KeyKind::Ip,
        Target::Name(_) => keys == KeyKind::Name,
    };
    match new.canaries.iter().find(|canary| !fits(canary)) {
        Some(canary) => Err(SettingsError::Canary { canary: canary.to_string(), keys }),
        None => Ok(()),
    }
}

/// The part of settings that refuses versions.
fn guards(settings: &Settings) -> (u8, u8, u8, Vec<String>) {
    let Settings { ipv4_prefix, ipv6_prefix, max_change, canaries, .. } = settings;
    let mut canaries: Vec<String> = canaries.iter().map(Target::to_string).collect();
    canaries.sort();
    (*ipv4_prefix, *ipv6_prefix, *max_change, canaries)
}

/// Fails if a text says nothing, too much, or what nobody sees.
fn text(what: &'static str, text: &str, most: usize) -> Result<(), SettingsError> {
    match text.trim().is_empty() {
        true => Err(SettingsError::Text { what, most }),
        false => optional(what, text, most),
    }
}

/// The same for a text that may be left out.
fn optional(what: &'static str, text: &str, most: usize) -> Result<(), SettingsError> {
    // Long texts have paragraphs.
    let is_unseen = |c: char| c.is_control() && (most < TEXT || !matches!(c, '\n' | '\r' | '\t'));
    match text.chars().count() > most || text.chars().any(is_unseen) {
        true => Err(SettingsError::Text { what, most }),
        false => Ok(()),
    }
}

/// Why two people have to agree to settings.
pub(crate) const LOOSER: &str = "what keeps one person from doing much harm would be weaker";
/// What the audit log calls it when a code gets a meaning.
const CODE: &str = "list.code";
/// What it calls it when a list is published otherwise.
const PUBLISH: &str = "list.publish";
/// Days for which something is kept off a list.
const KEPT_OUT: u32 = 3_650;
/// Characters of a title, a name, a contact.
const TITLE: usize = 200;
/// Characters of a reason.
const REASON: usize = 1_000;
/// Characters of a text of some sentences.
const TEXT: usize = 2_000;
/// Characters of a policy.
const POLICY: usize = 100_000;
/// Characters of a short name.
const SLUG: usize = 40;
/// Most name servers of a list.
const SERVERS: usize = 13;
/// Most canaries of a list.
const CANARIES: usize = 1_000;
/// The longest time of DNS (RFC 2181 section 8).
const MAX_TIME: u32 = i32::MAX as u32;

#[cfg(test)]
mod tests;
