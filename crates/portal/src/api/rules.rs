//! `/api/v1/rules`: by which rules lists go, in all their versions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::Transaction;
use repute_database::lists::{self, Stored};
use repute_database::rules::{self, Outcome, Rule, Terms};
use repute_dnsxl::ReturnCode;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::{rule, work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::sources::cause;
use crate::api::work::{OneWork, begun};
use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::stored;
use crate::pages::rules::find;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/rules", GROUP, all)
            .says("The rules of all lists", "Each in the version that holds.")
            .by(READ)
            .answers::<Rules>(),
        Endpoint::get("/api/v1/rules/{id}", GROUP, one)
            .says("One rule in all its versions", "The one that holds first.")
            .by(READ)
            .answers::<Rules>(),
        Endpoint::put("/api/v1/lists/{apex}/rules/{name}", GROUP, put)
            .says(
                "Write a rule, or a new version of one",
                "A new rule does nothing until it is turned on; a new version of one that is on holds at once.",
            )
            .by(WRITE)
            .takes::<Written>()
            .answers::<OneRule>(),
        Endpoint::put("/api/v1/rules/{id}/enabled", GROUP, enable)
            .says("Turn a rule on", "It looks at what was seen in its time, too. Replay it first.")
            .by(WRITE)
            .takes::<Why>()
            .answers::<OneRule>(),
        Endpoint::delete("/api/v1/rules/{id}/enabled", GROUP, disable)
            .says("Turn a rule off", "What it listed stays until its time is over.")
            .by(WRITE)
            .takes::<Why>()
            .answers::<OneRule>(),
        Endpoint::post("/api/v1/rules/{id}/replay", GROUP, replay)
            .says(
                "Try a rule on what was seen",
                "It is done as work, which says what would change; nothing does.",
            )
            .by(READ)
            .takes::<Tried>()
            .begins::<OneWork>(),
    ]
}

/// Rules.
#[derive(Serialize, JsonSchema)]
struct Rules {
    /// The rules.
    rules: Vec<OneRule>,
}

/// A version of a rule.
#[derive(Serialize, JsonSchema)]
struct OneRule {
    /// The number of the rule.
    id: i64,
    /// Of which list.
    list: String,
    /// Its name.
    name: String,
    /// Which version it is.
    version: i64,
    /// When this version was written (RFC 3339).
    created: String,
    /// Since when the rule is on.
    enabled: Option<String>,
    #[serde(flatten)]
    says: Says,
}

/// A version of a rule as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// So many hits
    hits: u32,
    /// within so many seconds
    within: u64,
    /// list for so many seconds from the last one.
    lasts: u64,
    /// Why, for people.
    reason: String,
    /// `propose`, which it is without it, or `list`.
    outcome: Option<String>,
    /// From so many sources; 1 without it.
    from_sources: Option<u32>,
    /// At so many traps; 0 without it.
    from_traps: Option<u32>,
    /// The classes that count; none are all.
    #[serde(default)]
    classes: Vec<String>,
    /// The sources that count; none are all.
    #[serde(default)]
    sources: Vec<String>,
    /// The code of the entry; 127.0.0.2 without it.
    code: Option<String>,
    /// What DNS says.
    #[serde(default)]
    text: String,
    /// The short name of the criterion that it meets.
    criterion: Option<String>,
    /// The network of an IPv4 address that is listed; 32 without it.
    ipv4_prefix: Option<u8>,
    /// That of an IPv6 address; 64 without it.
    ipv6_prefix: Option<u8>,
    /// Why it is written, for the audit log.
    #[serde(default)]
    why: String,
}

/// What a rule says.
#[derive(Serialize, JsonSchema)]
struct Says {
    /// So many hits
    hits: u32,
    /// within so many seconds
    within: u64,
    /// list for so many seconds from the last one.
    lasts: u64,
    /// Why, for people.
    reason: String,
    /// `propose` or `list`.
    outcome: &'static str,
    /// From so many sources.
    from_sources: u32,
    /// At so many traps.
    from_traps: u32,
    /// The classes that count; none are all.
    classes: Vec<String>,
    /// The sources that count; none are all.
    sources: Vec<String>,
    /// The code of the entry.
    code: String,
    /// What DNS says.
    text: String,
    /// The short name of the criterion that it meets.
    criterion: Option<String>,
    /// The network of an IPv4 address that is listed.
    ipv4_prefix: u8,
    /// That of an IPv6 address.
    ipv6_prefix: u8,
}

/// Why something is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// For the audit log.
    #[serde(default)]
    reason: String,
}

/// Which version is tried.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tried {
    /// Its number; without it the one that holds.
    version: Option<i64>,
}

/// `GET /api/v1/rules`.
async fn all(State(app): State<App>) -> Result<Json<Rules>, AppError> {
    let mut look = app.database.look().await?;
    let mut all = Vec::new();
    for list in lists::all(look.session()).await? {
        for rule in rules::of_list(look.session(), list.id).await? {
            all.push(OneRule::of(&mut look, &list, rule).await?);
        }
    }
    Ok(Json(Rules { rules: all }))
}

/// `GET /api/v1/rules/{id}`.
async fn one(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Rules>, AppError> {
    let mut look = app.database.look().await?;
    let (list, rule) = find(&mut look, id).await?;
    let mut all = Vec::new();
    for version in rules::versions(look.session(), list.id, &rule.name).await?.into_iter().rev() {
        all.push(OneRule::of(&mut look, &list, version).await?);
    }
    Ok(Json(Rules { rules: all }))
}

/// `PUT /api/v1/lists/{apex}/rules/{name}`.
async fn put(
    State(app): State<App>,
    Path((apex, name)): Path<(String, String)>,
    call: Call,
) -> Result<Response, AppError> {
    let written: Written = call.read()?;
    may_change(&call)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    let terms = written.terms(t, &list).await?;
    let cause = cause(t, &call, "rule.put", &written.why).await?;
    rule::put(t, &list, &name, &terms, &cause, now).await?;
    let rule = rule::find(t, &list, &name, None).await?;
    let shown = OneRule::of(t, &list, rule).await?;
    write.done(StatusCode::OK, &shown).await
}

/// `PUT /api/v1/rules/{id}/enabled`.
async fn enable(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    set_enabled(&app, &call, id, true).await
}

/// `DELETE /api/v1/rules/{id}/enabled`.
async fn disable(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    set_enabled(&app, &call, id, false).await
}

/// `POST /api/v1/rules/{id}/replay`.
async fn replay(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let Tried { version } = call.read()?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let (list, rule) = find(t, id).await?;
    let rule = rule::find(t, &list, &rule.name, version).await?;
    let cause = cause(t, &call, "rule.replay", "").await?;
    let id = work::order_replay(t, &rule, &cause.actor, now).await?;
    begun(&app, &call, write, id).await
}

/// Turns a rule on or off.
async fn set_enabled(app: &App, call: &Call, id: i64, is_on: bool) -> Result<Response, AppError> {
    let Why { reason } = call.read()?;
    may_change(call)?;
    let mut write = call.begin(app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let (list, rule) = find(t, id).await?;
    let action = if is_on { "rule.enable" } else { "rule.disable" };
    let cause = cause(t, call, action, &reason).await?;
    rule::set_enabled(t, &list, &rule.name, is_on, &cause, now).await?;
    let (list, rule) = find(t, id).await?;
    let shown = OneRule::of(t, &list, rule).await?;
    write.done(StatusCode::OK, &shown).await
}

/// Fails if whoever asks may not change rules.
fn may_change(call: &Call) -> Result<(), AppError> {
    permission::check(call.caller.person(), Relation::Stranger, Action::ChangeRules)
        .map_err(|denied| AppError::Refused(denied.to_string()))
}

impl Written {
    /// What it says, for a list.
    async fn terms(&self, transaction: &mut Transaction, list: &Stored) -> Result<Terms, AppError> {
        let criteria = lists::criteria(transaction.session(), list.id).await?;
        let criterion = self.criterion.as_ref().map(|slug| {
            let found = criteria.iter().find(|known| known.slug == *slug && known.is_open());
            let unknown = || AppError::Wrong(format!("the list has no criterion `{slug}`"));
            found.map(|found| found.id).ok_or_else(unknown)
        });
        let code = self.code.as_deref().map(|code| {
            code.trim().parse().map_err(|error| AppError::Wrong(format!("`{code}`: {error}")))
        });
        let micros =
            |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Ok(Terms {
            classes: self.classes.clone(),
            sources: self.sources.clone(),
            hits: self.hits,
            from_sources: self.from_sources.unwrap_or(1),
            from_traps: self.from_traps.unwrap_or(0),
            span: micros(self.within),
            lasts: micros(self.lasts),
            outcome: match self.outcome.as_deref() {
                None | Some("propose") => Outcome::Propose,
                Some("list") => Outcome::List,
                Some(_) => return Err(AppError::Choice),
            },
            code: code.transpose()?.unwrap_or(ReturnCode::LISTED),
            text: self.text.clone(),
            reason: self.reason.clone(),
            criterion: criterion.transpose()?,
            ipv4_prefix: self.ipv4_prefix.unwrap_or(32),
            ipv6_prefix: self.ipv6_prefix.unwrap_or(64),
        })
    }
}

impl OneRule {
    /// Of a version of a rule.
    async fn of(look: &mut Transaction, list: &Stored, rule: Rule) -> Result<OneRule, AppError> {
        let criteria = lists::criteria(look.session(), list.id).await?;
        let Terms { span, lasts, criterion, .. } = rule.terms;
        let criterion = criteria.into_iter().find(|known| Some(known.id) == criterion);
        let seconds = |micros: i64| micros.unsigned_abs() / 1_000_000;
        Ok(OneRule {
            id: rule.id.0,
            list: list.list.apex.to_string(),
            name: rule.name,
            version: rule.version,
            created: Moment(rule.created).rfc3339(),
            enabled: rule.enabled.map(|since| Moment(since).rfc3339()),
            says: Says {
                hits: rule.terms.hits,
                within: seconds(span),
                lasts: seconds(lasts),
                reason: rule.terms.reason,
                outcome: rule.terms.outcome.word(),
                from_sources: rule.terms.from_sources,
                from_traps: rule.terms.from_traps,
                classes: rule.terms.classes,
                sources: rule.terms.sources,
                code: rule.terms.code.to_string(),
                text: rule.terms.text,
                criterion: criterion.map(|criterion| criterion.slug),
                ipv4_prefix: rule.terms.ipv4_prefix,
                ipv6_prefix: rule.terms.ipv6_prefix,
            },
        })
    }
}

/// To see them.
const READ: &[Scope] = &[Scope::EvidenceRead, Scope::RulesWrite];
/// To change them.
const WRITE: &[Scope] = &[Scope::RulesWrite];
/// The heading.
const GROUP: &str = "Rules";
