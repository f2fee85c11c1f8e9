//! `/api/v1/claims`: somebody shows that a domain is his, and so that he may speak for an organisation.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::Session;
use repute_database::claims::{self, Claim, ClaimId, Mailbox, Proof};
use repute_database::entries::OrganisationId;
use repute_database::organisations::find as organisations;
use repute_dnsxl::Name;
use repute_registry::claim::{self, For, challenge};
use repute_registry::intervention;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::limits::{Deed, Doer};
use crate::moment::Moment;
use crate::overview::card;
use crate::pages::claim::limit;
use crate::token::Scope;
use crate::visitor::Visitor;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/claims", GROUP, own)
            .says("Your claims", "")
            .by(READ)
            .answers::<Claims>(),
        Endpoint::post("/api/v1/claims", GROUP, open)
            .says(
                "Claim a domain",
                "For a new organisation by its name, or for one that is there by its Id. By DNS a TXT record proves it, \
                 which the answer names; by mail a link that goes to the mailbox, which a person follows.",
            )
            .by(WRITE)
            .takes::<Wanted>()
            .creates::<Claimed>(),
        Endpoint::get("/api/v1/claims/{id}", GROUP, show)
            .says("One of your claims", "With the record that proves it, if it is to be proven by DNS.")
            .by(READ)
            .answers::<Claimed>(),
        Endpoint::post("/api/v1/claims/{id}/look", GROUP, look)
            .says(
                "Look for the proof of a claim now",
                "The domain's own name servers are asked. It is looked for regularly anyway.",
            )
            .by(WRITE)
            .answers::<Looked>(),
        Endpoint::post("/api/v1/claims/{id}/withdraw", GROUP, withdraw)
            .says("Take a claim back", "")
            .by(WRITE)
            .answers::<Done>(),
        Endpoint::post("/api/v1/claims/{id}/end", GROUP, end)
            .says(
                "End somebody's claim",
                "Administrators may, for an organisation to which they do not belong. Who made it is told; if it held its \
                 domain, the next one who proved it has it.",
            )
            .by(STEP_IN)
            .takes::<Why>()
            .answers::<Done>(),
    ]
}

/// Claims.
#[derive(Serialize, JsonSchema)]
struct Claims {
    /// The claims.
    claims: Vec<Claimed>,
}

/// A claim.
#[derive(Serialize, JsonSchema)]
pub(super) struct Claimed {
    /// Its number.
    id: i64,
    /// The Id of the organisation.
    organisation: i64,
    /// Whether that has anything on any list; else nothing of it is published yet.
    published: bool,
    /// What is claimed.
    domain: String,
    /// `dns` or `mail`.
    proof: &'static str,
    /// `open`, `waiting`, `held`, `superseded`, `lapsed`, `expired` or `withdrawn`.
    state: &'static str,
    /// What was seen when it was last looked for.
    seen: String,
    /// Until when it is to be proven (RFC 3339).
    expires: String,
    /// The TXT record that proves it; for its owner, as long as it counts.
    record: Option<Record>,
}

/// A TXT record.
#[derive(Serialize, JsonSchema)]
struct Record {
    /// Its name.
    name: String,
    /// What it must hold.
    text: String,
}

/// What somebody wants to claim.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The domain, in ASCII.
    domain: String,
    /// The Id of an organisation that is there; without it a new one is made.
    organisation: Option<i64>,
    /// What a new organisation is called.
    #[serde(default)]
    name: String,
    /// The categories of a new organisation, of lists that have some.
    #[serde(default)]
    categories: Vec<Chosen>,
    /// How it shall be proven.
    proof: By,
}

/// A category that is chosen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// The apex of the list.
    list: String,
    /// The category's number.
    category: u8,
}

/// How something is proven.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    /// By a TXT record.
    Dns,
    /// By a link that goes to postmaster@.
    Postmaster,
    /// By a link that goes to hostmaster@.
    Hostmaster,
    /// By a link that goes to abuse@.
    Abuse,
}

/// Why it is ended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why: whoever made the claim reads it, and the audit log keeps it.
    reason: String,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
struct Looked {
    /// Whether the record was there.
    found: bool,
    /// Why not.
    fault: Option<String>,
    #[serde(flatten)]
    claim: Claimed,
}

/// `GET /api/v1/claims`.
async fn own(State(app): State<App>, caller: Caller) -> Result<Json<Claims>, AppError> {
    let mut look = app.database.look().await?;
    let own = claims::of_account(look.session(), caller.account.id.0).await?;
    let mut ids: Vec<_> = own.iter().map(|claim| claim.new.organisation).collect();
    ids.sort_by_key(|id| id.0);
    ids.dedup();
    let published = organisations::published(look.session(), &ids).await?;
    let shown = |claim: &Claim| theirs(&app, claim, published.contains(&claim.new.organisation));
    Ok(Json(Claims { claims: own.iter().map(shown).collect() }))
}

/// `POST /api/v1/claims`.
async fn open(State(app): State<App>, visitor: Visitor, call: Call) -> Result<Response, AppError> {
    call.known(&app).await?;
    let wanted: Wanted = call.read()?;
    let wrong = |_| AppError::Wrong("name a domain, as example.org".to_owned());
    let domain: Name = wanted.domain.trim().parse().map_err(wrong)?;
    let whom = match wanted.organisation {
        Some(_) if !wanted.categories.is_empty() => {
            let words = "a new organisation chooses its categories: ask for a change of this one's";
            return Err(AppError::Wrong(words.to_owned()));
        }
        Some(id) => For::Existing(OrganisationId(id)),
        None => {
            let mut categories = Vec::new();
            for one in &wanted.categories {
                categories.push((card(&app, &one.list).await?.id, one.category));
            }
            For::New { name: wanted.name.trim().to_owned(), categories }
        }
    };
    let proof = match wanted.proof {
        By::Dns => Proof::Dns,
        By::Postmaster => Proof::Mail(Mailbox::Postmaster),
        By::Hostmaster => Proof::Mail(Mailbox::Hostmaster),
        By::Abuse => Proof::Mail(Mailbox::Abuse),
    };
    limit(&app, visitor.address, call.caller.account.id, proof).await?;
    let (person, key) = (call.caller.person(), &app.means.key);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let opened = claim::open(t, person, &whom, &domain, proof, key, now).await?;
    let published = is_published(t.session(), &opened.claim).await?;
    write.tell(&opened.notices).await?;
    write.done(StatusCode::CREATED, &theirs(&app, &opened.claim, published)).await
}

/// `GET /api/v1/claims/{id}`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Claimed>, AppError> {
    let claim = find(&app, &caller, id).await?;
    let mut connection = app.database.read().await?;
    let published = is_published(connection.session(), &claim).await?;
    Ok(Json(theirs(&app, &claim, published)))
}

/// `POST /api/v1/claims/{id}/look`.
async fn look(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    call.known(&app).await?;
    let claim = find(&app, &call.caller, id).await?;
    let doer = Doer::Account(call.caller.account.id.0);
    app.limits.take(Deed::Ask, &doer, Instant::now()).map_err(AppError::TooMany)?;
    let found = claim::search(&app.means.look, &claim, &app.means.key).await;
    let found = found.map_err(AppError::Sockets)?;
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let (claim, notices) = claim::take(t, person, ClaimId(id), &found, now).await?;
    let published = is_published(t.session(), &claim).await?;
    write.tell(&notices).await?;
    let fault = found.as_ref().err().map(ToString::to_string);
    let looked = Looked { found: found.is_ok(), fault, claim: theirs(&app, &claim, published) };
    write.done(StatusCode::OK, &looked).await
}

/// `POST /api/v1/claims/{id}/end`.
async fn end(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, Why { reason }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let notices = intervention::end_claim(t, person, ClaimId(id), &reason, now).await?;
    write.tell(&notices).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/claims/{id}/withdraw`.
async fn withdraw(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    claim::withdraw(&mut write.transaction, person, ClaimId(id), write.now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// A claim of whoever asks.
async fn find(app: &App, caller: &Caller, id: i64) -> Result<Claim, AppError> {
    let mut connection = app.database.read().await?;
    let claim = claims::by_id(connection.session(), ClaimId(id)).await?;
    claim.filter(|claim| claim.new.account == caller.account.id.0).ok_or(AppError::NotFound)
}

/// Whether the organisation of a claim has anything on any list.
async fn is_published(session: Session<'_>, claim: &Claim) -> Result<bool, AppError> {
    Ok(!organisations::published(session, &[claim.new.organisation]).await?.is_empty())
}

/// A claim for its owner, with the record that proves it.
fn theirs(app: &App, claim: &Claim, published: bool) -> Claimed {
    use claims::State::{Held, Open, Waiting};
    let is_alive = matches!(claim.state, Open | Waiting { .. } | Held { .. });
    let name = app.means.look.name(&claim.new.domain).ok();
    let record = name.filter(|_| is_alive && claim.new.proof == Proof::Dns).map(|name| Record {
        name: name.to_string(),
        text: challenge::text(&claim::token(claim, &app.means.key)),
    });
    Claimed { record, ..Claimed::of(claim, published) }
}

impl Claimed {
    /// Of a claim, whose organisation has something on a list or not.
    pub(super) fn of(claim: &Claim, published: bool) -> Claimed {
        Claimed {
            id: claim.id.0,
            organisation: claim.new.organisation.0,
            published,
            domain: claim.new.domain.to_string(),
            proof: if claim.new.proof == Proof::Dns { "dns" } else { "mail" },
            state: claim.state.word(),
            seen: claim.seen.clone(),
            expires: Moment(claim.new.expires).rfc3339(),
            record: None,
        }
    }
}

/// To see one's own.
const READ: &[Scope] = &[Scope::OrganisationsRead];
/// To step in, as administrators do.
const STEP_IN: &[Scope] = &[Scope::PeopleWrite];
/// To make some.
const WRITE: &[Scope] = &[Scope::OrganisationsWrite];
/// The heading.
const GROUP: &str = "Claims";
