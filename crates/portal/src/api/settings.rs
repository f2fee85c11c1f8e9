//! `/api/v1/lists/{apex}/settings` and what belongs to it: what a list says of itself, how it decides and how it is
//! published, by the rules of its page.
//!
//! Whoever read the settings may say so by `If-Match`: then nobody changed them between reading and changing.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::ETAG;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use repute_database::categories::{self, Category};
use repute_database::dns;
use repute_database::lists::{self, Leaving, List, Stored};
use repute_database::motions::MotionId;
use repute_database::{Session, audit, kept_out};
use repute_dnsxl::{KeyKind, Name, Polarity};
use repute_registry::changes::Cause;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::settings::{self, Description, Hand, Set, Who};
use repute_registry::template::Template;
use ring::digest::{SHA256, digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/lists", GROUP, add)
            .says("Add a list", "With the codes and categories of a template.")
            .by(WRITE)
            .takes::<New>()
            .creates::<Settings>(),
        Endpoint::get("/api/v1/lists/{apex}/settings", GROUP, show)
            .says(
                "What a list says of itself, how it decides and how it is published",
                "The header `ETag` names this state of them.",
            )
            .by(READ)
            .answers::<Settings>(),
        Endpoint::patch("/api/v1/lists/{apex}/settings", GROUP, change)
            .says("Change settings of a list", "What is left out stays as it is.")
            .guarded()
            .by(WRITE)
            .takes::<Changes>()
            .answers::<Settings>(),
        Endpoint::get("/api/v1/lists/{apex}/policies", GROUP, policies)
            .says("All versions of a list's policy", "The one in force first.")
            .by(READ)
            .answers::<Policies>(),
        Endpoint::post("/api/v1/lists/{apex}/policies", GROUP, publish)
            .says(
                "Publish a policy",
                "It takes the place of the version before, which stays readable.",
            )
            .guarded()
            .by(WRITE)
            .takes::<NewPolicy>()
            .creates::<Settings>(),
        Endpoint::post("/api/v1/lists/{apex}/criteria", GROUP, add_criterion)
            .says("Add a criterion to the policy in force", "")
            .guarded()
            .by(WRITE)
            .takes::<NewCriterion>()
            .creates::<Settings>(),
        Endpoint::put("/api/v1/lists/{apex}/criteria/{slug}", GROUP, change_criterion)
            .says(
                "Have a criterion say something else from now on",
                "What was listed by it keeps what it said then.",
            )
            .guarded()
            .by(WRITE)
            .takes::<ChangedCriterion>()
            .answers::<Settings>(),
        Endpoint::delete("/api/v1/lists/{apex}/criteria/{slug}", GROUP, end_criterion)
            .says(
                "Have nothing be listed by a criterion any more",
                "It stays for the entries that name it.",
            )
            .guarded()
            .by(WRITE)
            .takes::<Why>()
            .answers::<Settings>(),
        Endpoint::put("/api/v1/lists/{apex}/categories/{number}", GROUP, name_category)
            .says(
                "Add a category, or give one another name",
                "Numbers go from 0 to 255. Categories are never deleted.",
            )
            .guarded()
            .by(WRITE)
            .takes::<Named>()
            .answers::<Settings>(),
        Endpoint::put("/api/v1/lists/{apex}/codes/{code}", GROUP, set_code)
            .says("Say what a return code means", "")
            .guarded()
            .by(WRITE)
            .takes::<Meaning>()
            .answers::<Settings>(),
    ]
}

/// The settings of a list.
#[derive(Serialize, JsonSchema)]
struct Settings {
    /// Its apex.
    apex: String,
    /// What it is called.
    title: String,
    /// What it is for.
    description: String,
    /// Where people write about it.
    contact: String,
    /// For how many seconds its answers may be kept.
    ttl: u32,
    /// `block`, `allow` or `info`.
    polarity: &'static str,
    /// What it lists: `address` or `name`.
    keys: &'static str,
    /// `active`, `retiring` or `retired`.
    state: &'static str,
    /// Which version of its policy is in force; nothing if none was published.
    policy: Option<i64>,
    /// For what it lists.
    criteria: Vec<Criterion>,
    /// What its codes mean.
    codes: Vec<Code>,
    /// Its categories.
    categories: Vec<Numbered>,
    /// For how many days imports do not bring back what was taken off it by a decision; 0 for not at all.
    keep_out: u32,
    /// How it is published.
    dns: Dns,
    /// What is possible and not wise in it: a sentence each.
    doubts: Vec<String>,
    /// Under which number a part of what was asked for waits for a second person (`/api/v1/motions`), if it does: guards
    /// that would refuse less, and one editor where two decide.
    motion: Option<i64>,
}

/// A criterion.
#[derive(Serialize, JsonSchema)]
struct Criterion {
    /// Its short name.
    slug: String,
    /// What it is called.
    title: String,
    /// What it says.
    text: String,
    /// Which version of it that is.
    version: i64,
    /// Since when nothing is listed by it any more (RFC 3339), if so.
    ended: Option<String>,
}

/// A code.
#[derive(Serialize, JsonSchema)]
struct Code {
    /// As DNS has it.
    code: String,
    /// What it means.
    meaning: String,
    /// Whether two editors have to agree to entries with it.
    two_editors: bool,
    /// How its entries are taken off a block list for whoever asks: by the `link` in a letter, by an `editor`, or `none`.
    removal: &'static str,
}

/// A category.
#[derive(Serialize, JsonSchema)]
struct Numbered {
    /// Its number.
    number: u8,
    /// Its name.
    name: String,
}

/// How a list is published.
#[derive(Serialize, JsonSchema)]
struct Dns {
    /// Its name servers; none means the list itself.
    name_servers: Vec<String>,
    /// The mailbox of the SOA, as a name; nothing means hostmaster below the list.
    hostmaster: Option<String>,
    /// Secondaries look so often, in seconds,
    refresh: u32,
    /// and again after so many, if that failed;
    retry: u32,
    /// for so long they answer without us.
    expire: u32,
    /// For so many seconds "not listed" is kept.
    minimum: u32,
    /// For so many seconds the NS records are kept.
    name_server_ttl: u32,
    /// Newly listed IPv4 networks of this length or wider wait for a second person; 0 lets all pass.
    ipv4_prefix: u8,
    /// The same for IPv6.
    ipv6_prefix: u8,
    /// A change of more than so many per cent of the entries waits for one; 0 lets all pass.
    max_change: u8,
    /// What must never be listed.
    canaries: Vec<String>,
    /// Whether texts lead to a page of the entry: `on`, `off`, or `auto`, for a list that blocks.
    links: &'static str,
}

/// What changes. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
    /// What it is called.
    title: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Where people write about it.
    contact: Option<String>,
    /// For how many seconds its answers may be kept.
    ttl: Option<u32>,
    /// For how many days imports do not bring back what was taken off it by a decision; 0 for not at all.
    keep_out: Option<u32>,
    /// How it is published.
    dns: Option<DnsChanges>,
}

/// What changes in how a list is published.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DnsChanges {
    /// All name servers; none means the list itself.
    name_servers: Option<Vec<String>>,
    /// The mailbox of the SOA, as a name; empty means hostmaster below the list.
    hostmaster: Option<String>,
    /// Secondaries look so often, in seconds,
    refresh: Option<u32>,
    /// and again after so many, if that failed;
    retry: Option<u32>,
    /// for so long they answer without us.
    expire: Option<u32>,
    /// For so many seconds "not listed" is kept.
    minimum: Option<u32>,
    /// For so many seconds the NS records are kept.
    name_server_ttl: Option<u32>,
    /// Newly listed IPv4 networks of this length or wider wait for a second person; 0 lets all pass.
    ipv4_prefix: Option<u8>,
    /// The same for IPv6.
    ipv6_prefix: Option<u8>,
    /// A change of more than so many per cent of the entries waits for one; 0 lets all pass.
    max_change: Option<u8>,
    /// All that must never be listed.
    canaries: Option<Vec<String>>,
    /// Whether texts lead to a page of the entry: `on`, `off`, or `auto`, for a list that blocks.
    links: Option<String>,
}

/// A new list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct New {
    /// The name it is asked under.
    apex: String,
    /// What it is called; the apex without it.
    #[serde(default)]
    title: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// What being listed means.
    polarity: Means,
    /// What it lists.
    keys: Keys,
    /// For how many seconds its answers may be kept; 300 without it.
    ttl: Option<u32>,
    /// Where people write about it.
    #[serde(default)]
    contact: String,
    /// The codes and categories to begin with; `empty` without it.
    #[serde(default)]
    template: Word,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What being listed means.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Means {
    /// Something bad.
    Block,
    /// Something good.
    Allow,
    /// Neither.
    Info,
}

/// What a list lists.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Keys {
    /// Addresses and networks.
    Address,
    /// Names.
    Name,
}

/// A template.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// Nothing.
    #[default]
    Empty,
    /// A code for each reason to block an address.
    Blocklist,
    /// A code for each reason to block a domain.
    DomainBlocklist,
    /// 127.0.category.score.
    Dnswl,
}

/// Policies.
#[derive(Serialize, JsonSchema)]
struct Policies {
    /// The versions.
    policies: Vec<Policy>,
}

/// A version of a policy.
#[derive(Serialize, JsonSchema)]
struct Policy {
    /// Which it is.
    version: i64,
    /// When it was published (RFC 3339).
    published: String,
    /// What it says.
    text: String,
}

/// A new policy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPolicy {
    /// What it says; paragraphs have an empty line between.
    text: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// A new criterion.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewCriterion {
    /// Its short name, of a-z, 0-9 and `-`.
    slug: String,
    /// What it is called.
    title: String,
    /// What it says.
    text: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What a criterion says from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangedCriterion {
    /// What it is called.
    title: String,
    /// What it says.
    text: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// Why it is ended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// The name of a category.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The name.
    name: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What a code means.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Meaning {
    /// In words.
    meaning: String,
    /// Whether two editors have to agree to entries with it; without it that stays as it is, and a new code is for two if
    /// one that is like it is.
    two_editors: Option<bool>,
    /// How its entries are taken off a block list for whoever asks: `link`, `editor` or `none`; without it that stays as
    /// it is.
    removal: Option<String>,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What is to be changed about a list.
enum Wish {
    /// What it says of itself, and how it is published.
    Set(Box<Changes>),
    /// Its policy.
    Policy(NewPolicy),
    /// One more criterion.
    Criterion(NewCriterion),
    /// A criterion says something else.
    ChangeCriterion(String, ChangedCriterion),
    /// A criterion is ended.
    EndCriterion(String, Why),
    /// A category.
    Category(u8, Named),
    /// A code.
    Code(String, Meaning),
}

/// `POST /api/v1/lists`.
async fn add(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let new: New = call.read()?;
    permission::check(call.caller.person(), Relation::Stranger, Action::ChangeLists)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let apex: Name = parse("name of a list", &new.apex)?;
    let title = new.title.trim();
    let list = List {
        title: if title.is_empty() { apex.to_string() } else { title.to_owned() },
        apex,
        description: new.description.trim().to_owned(),
        polarity: match new.polarity {
            Means::Block => Polarity::Block,
            Means::Allow => Polarity::Allow,
            Means::Info => Polarity::Info,
        },
        keys: match new.keys {
            Keys::Address => KeyKind::Ip,
            Keys::Name => KeyKind::Name,
        },
        ttl: new.ttl.unwrap_or(300),
        contact: new.contact.trim().to_owned(),
    };
    let template = match new.template {
        Word::Empty => Template::Empty,
        Word::Blocklist => Template::Blocklist,
        Word::DomainBlocklist => Template::DomainBlocklist,
        Word::Dnswl => Template::Dnswl,
    };
    let description = Description {
        title: list.title.clone(),
        description: list.description.clone(),
        contact: list.contact.clone(),
        ttl: list.ttl,
    };
    settings::check_description(&description)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let cause = Cause {
        actor: audit::actor(t.session(), call.caller.account.id.0).await?,
        action: "list.add".to_owned(),
        reason: new.reason,
    };
    let stored = repute_registry::lists::add(t, &list, template, &cause, now).await?;
    let shown = Settings::of(t.session(), &stored).await?;
    write.done(StatusCode::CREATED, &shown).await
}

/// `GET /api/v1/lists/{apex}/settings`.
async fn show(State(app): State<App>, Path(apex): Path<String>) -> Result<Response, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let settings = Settings::of(look.session(), &list).await?;
    let mark = settings.mark()?;
    let mut response = Json(settings).into_response();
    response.headers_mut().insert(ETAG, mark);
    Ok(response)
}

/// `PATCH /api/v1/lists/{apex}/settings`.
async fn change(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::Set(Box::new(call.read()?));
    carry_out(&app, &call, &apex, wish, StatusCode::OK).await
}

/// `GET /api/v1/lists/{apex}/policies`.
async fn policies(
    State(app): State<App>,
    Path(apex): Path<String>,
) -> Result<Json<Policies>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let found = lists::policies(look.session(), list.id).await?;
    let policy = |policy: lists::Policy| Policy {
        version: policy.version,
        published: Moment(policy.published).rfc3339(),
        text: policy.text,
    };
    Ok(Json(Policies { policies: found.into_iter().map(policy).collect() }))
}

/// `POST /api/v1/lists/{apex}/policies`.
async fn publish(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::Policy(call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::CREATED).await
}

/// `POST /api/v1/lists/{apex}/criteria`.
async fn add_criterion(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::Criterion(call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::CREATED).await
}

/// `PUT /api/v1/lists/{apex}/criteria/{slug}`.
async fn change_criterion(
    State(app): State<App>,
    Path((apex, slug)): Path<(String, String)>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::ChangeCriterion(slug, call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::OK).await
}

/// `DELETE /api/v1/lists/{apex}/criteria/{slug}`.
async fn end_criterion(
    State(app): State<App>,
    Path((apex, slug)): Path<(String, String)>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::EndCriterion(slug, call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::OK).await
}

/// `PUT /api/v1/lists/{apex}/categories/{number}`.
async fn name_category(
    State(app): State<App>,
    Path((apex, number)): Path<(String, u8)>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::Category(number, call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::OK).await
}

/// `PUT /api/v1/lists/{apex}/codes/{code}`.
async fn set_code(
    State(app): State<App>,
    Path((apex, code)): Path<(String, String)>,
    call: Call,
) -> Result<Response, AppError> {
    let wish = Wish::Code(code, call.read()?);
    carry_out(&app, &call, &apex, wish, StatusCode::OK).await
}

/// Changes a list, if it is still as whoever asks read it, and shows its settings.
async fn carry_out(
    app: &App,
    call: &Call,
    apex: &str,
    wish: Wish,
    status: StatusCode,
) -> Result<Response, AppError> {
    let mut write = call.begin(app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), apex).await?;
    // Nobody else changes it from here on.
    lists::lock(t.session(), list.id).await?;
    let list = lists::by_id(t.session(), list.id).await?.ok_or(AppError::NotFound)?;
    let before = Settings::of(t.session(), &list).await?.mark()?;
    call.matches(&before)?;
    let who = Who::Person(call.caller.person());
    let hand = |reason| Hand { who, reason, now };
    let mut motion = None;
    match &wish {
        Wish::Set(changes) => motion = set(t, &hand(&changes.reason), &list, changes).await?,
        Wish::Policy(NewPolicy { text, reason }) => {
            settings::publish_policy(t, &hand(reason), &list, text).await?;
        }
        Wish::Criterion(NewCriterion { slug, title, text, reason }) => {
            settings::add_criterion(t, &hand(reason), &list, slug, title, text).await?;
        }
        Wish::ChangeCriterion(slug, ChangedCriterion { title, text, reason }) => {
            settings::change_criterion(t, &hand(reason), &list, slug, title, text).await?;
        }
        Wish::EndCriterion(slug, Why { reason }) => {
            settings::end_criterion(t, &hand(reason), &list, slug).await?;
        }
        Wish::Category(number, Named { name, reason }) => {
            let category = Category { number: *number, name: name.clone() };
            let known = categories::all(t.session(), list.id).await?;
            match known.iter().any(|known| known.number == *number) {
                true => {
                    settings::rename_category(t, &hand(reason), &list, &category).await?;
                }
                false => settings::add_category(t, &hand(reason), &list, &category).await?,
            }
        }
        Wish::Code(code, Meaning { meaning, two_editors, removal, reason }) => {
            let code = parse("return code", code)?;
            let wrong = || AppError::Wrong("`removal` is link, editor or none".to_owned());
            let leaving = removal.as_deref().map(|word| Leaving::by_word(word).ok_or_else(wrong));
            let (by, rules) = (hand(reason), (*two_editors, leaving.transpose()?));
            if let Set::Waits(id) = settings::set_code(t, &by, &list, code, meaning, rules).await? {
                motion = Some(id);
            }
        }
    }
    let list = lists::by_id(t.session(), list.id).await?.ok_or(AppError::NotFound)?;
    let mut after = Settings::of(t.session(), &list).await?;
    let mark = after.mark()?;
    after.motion = motion.map(|id| id.0);
    if let Some(id) = motion {
        let notices = repute_registry::motion::notices(t, id).await?;
        write.tell(&notices).await?;
    }
    let mut response = write.done(status, &after).await?;
    response.headers_mut().insert(ETAG, mark);
    Ok(response)
}

/// Changes what a list says of itself, and how it is published.
async fn set(
    transaction: &mut repute_database::Transaction,
    hand: &Hand<'_>,
    list: &Stored,
    changes: &Changes,
) -> Result<Option<MotionId>, AppError> {
    let mut motion = None;
    let or = |new: &Option<String>, old: &str| new.clone().unwrap_or_else(|| old.to_owned());
    let new = Description {
        title: or(&changes.title, &list.list.title),
        description: or(&changes.description, &list.list.description),
        contact: or(&changes.contact, &list.list.contact),
        ttl: changes.ttl.unwrap_or(list.list.ttl),
    };
    let is_said = changes.title.is_some()
        || changes.description.is_some()
        || changes.contact.is_some()
        || changes.ttl.is_some();
    if is_said {
        settings::describe(transaction, hand, list, &new).await?;
    }
    if let Some(changes) = &changes.dns {
        let before = dns::of(transaction.session(), list.id).await?;
        let new = changes.over(before)?;
        if let Set::Waits(id) = settings::configure(transaction, hand, list, &new).await? {
            motion = Some(id);
        }
    }
    if let Some(days) = changes.keep_out {
        settings::keep_out(transaction, hand, list, days).await?;
    }
    match is_said || changes.dns.is_some() || changes.keep_out.is_some() {
        true => Ok(motion),
        false => Err(AppError::Wrong("say what is to be changed".to_owned())),
    }
}

impl DnsChanges {
    /// What holds with these changes.
    fn over(&self, before: dns::Settings) -> Result<dns::Settings, AppError> {
        fn each<T: std::str::FromStr>(what: &str, words: &[String]) -> Result<Vec<T>, AppError> {
            words.iter().map(|word| parse(what, word)).collect()
        }
        let servers = self.name_servers.as_deref().map(|all| each("name server", all));
        let canaries = self.canaries.as_deref().map(|all| each("canary", all));
        Ok(dns::Settings {
            name_servers: servers.transpose()?.unwrap_or(before.name_servers),
            hostmaster: match self.hostmaster.as_deref().map(str::trim) {
                None => before.hostmaster,
                Some("") => None,
                Some(name) => Some(parse("mailbox", name)?),
            },
            refresh: self.refresh.unwrap_or(before.refresh),
            retry: self.retry.unwrap_or(before.retry),
            expire: self.expire.unwrap_or(before.expire),
            minimum: self.minimum.unwrap_or(before.minimum),
            name_server_ttl: self.name_server_ttl.unwrap_or(before.name_server_ttl),
            ipv4_prefix: self.ipv4_prefix.unwrap_or(before.ipv4_prefix),
            ipv6_prefix: self.ipv6_prefix.unwrap_or(before.ipv6_prefix),
            max_change: self.max_change.unwrap_or(before.max_change),
            canaries: canaries.transpose()?.unwrap_or(before.canaries),
            links: match self.links.as_deref() {
                None => before.links,
                Some(word) => dns::Links::by_word(word)
                    .ok_or_else(|| AppError::Wrong("links are on, off or auto".to_owned()))?,
            },
        })
    }
}

impl Settings {
    /// Of a list.
    async fn of(mut session: Session<'_>, list: &Stored) -> Result<Settings, AppError> {
        let id = list.id;
        let codes = lists::codes(session.again(), id).await?;
        let for_two = lists::codes_for_two(session.again(), id).await?;
        let leavings = lists::leavings(session.again(), id).await?;
        let criteria = lists::criteria(session.again(), id).await?;
        let categories = categories::all(session.again(), id).await?;
        let policy = lists::policy_version(session.again(), id).await?;
        let keep_out = kept_out::days(session.again(), id).await?;
        let dns = dns::of(session, id).await?;
        let doubts = settings::doubts(list, &dns);
        let code = |(code, meaning): (repute_dnsxl::ReturnCode, String)| Code {
            code: code.to_string(),
            meaning,
            two_editors: for_two.contains(&code),
            removal: lists::leaving_of(&leavings, [code]).word(),
        };
        let criterion = |one: lists::Criterion| Criterion {
            version: one.versions.last().map_or(1, |last| last.version),
            slug: one.slug,
            title: one.title,
            text: one.text,
            ended: one.ended.map(|end| Moment(end).rfc3339()),
        };
        Ok(Settings {
            apex: list.list.apex.to_string(),
            title: list.list.title.clone(),
            description: list.list.description.clone(),
            contact: list.list.contact.clone(),
            ttl: list.list.ttl,
            polarity: match list.list.polarity {
                Polarity::Block => "block",
                Polarity::Allow => "allow",
                Polarity::Info => "info",
            },
            keys: if list.list.keys == KeyKind::Ip { "address" } else { "name" },
            state: list.state.word(),
            policy,
            criteria: criteria.into_iter().map(criterion).collect(),
            codes: codes.into_iter().map(code).collect(),
            categories: categories
                .into_iter()
                .map(|Category { number, name }| Numbered { number, name })
                .collect(),
            keep_out,
            dns: Dns {
                name_servers: dns.name_servers.iter().map(ToString::to_string).collect(),
                hostmaster: dns.hostmaster.as_ref().map(ToString::to_string),
                refresh: dns.refresh,
                retry: dns.retry,
                expire: dns.expire,
                minimum: dns.minimum,
                name_server_ttl: dns.name_server_ttl,
                ipv4_prefix: dns.ipv4_prefix,
                ipv6_prefix: dns.ipv6_prefix,
                max_change: dns.max_change,
                canaries: dns.canaries.iter().map(ToString::to_string).collect(),
                links: dns.links.word(),
            },
            doubts,
            motion: None,
        })
    }

    /// What names this state of them (RFC 9110 section 8.8.3).
    fn mark(&self) -> Result<HeaderValue, AppError> {
        let text = serde_json::to_vec(self).map_err(AppError::Answer)?;
        let digest = digest(&SHA256, &text);
        let words: String =
            digest.as_ref().iter().take(MARK).map(|byte| format!("{byte:02x}")).collect();
        Ok(HeaderValue::from_str(&format!("\"{words}\"")).expect("digits are fine in a header"))
    }
}

/// Reads a word.
fn parse<T: std::str::FromStr>(what: &str, word: &str) -> Result<T, AppError> {
    let wrong = || AppError::Wrong(format!("`{}` is no {what}", word.trim()));
    word.trim().parse().map_err(|_| wrong())
}

/// To see them.
const READ: &[Scope] = &[Scope::ListsRead, Scope::ListsWrite];
/// To change them.
const WRITE: &[Scope] = &[Scope::ListsWrite];
/// The heading.
const GROUP: &str = "Settings of lists";
/// So many bytes of a digest are enough to tell states apart.
const MARK: usize = 16;
