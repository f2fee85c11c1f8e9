//! `/api/v1/organisations`, for editors: which there are, and what is decided about them without a request.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, find};
use repute_dnsxl::Name;
use repute_registry::{category, intervention, organisation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{Aim, Card, DONE, Done, GROUP, cards};
use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::contact;
use crate::error::AppError;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organisations/search", GROUP, search)
            .says(
                "All organisations",
                "By their Ids, up to 1000 at a time; or those of an Id, or with some words in their name, a domain or the \
                 mail address of a contact.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Found>(),
        Endpoint::post("/api/v1/organisations", GROUP, add)
            .says(
                "Add an organisation for which nobody speaks yet",
                "Whoever proves one of its domains, or claims its Id with one, speaks for it.",
            )
            .by(DECIDE)
            .takes::<Typed>()
            .creates::<Card>(),
        Endpoint::put("/api/v1/organisations/{id}/suspension", GROUP, suspend)
            .says(
                "Suspend an organisation",
                "It gets no new entries; what it has stays. The reason is for everybody to read.",
            )
            .by(DECIDE)
            .takes::<Words>()
            .answers::<Done>(),
        Endpoint::delete("/api/v1/organisations/{id}/suspension", GROUP, resume)
            .says("End a suspension", "")
            .by(DECIDE)
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/domains", GROUP, name_domain)
            .says(
                "Say by which domain an organisation is known",
                "Who then proves that domain speaks for the organisation.",
            )
            .by(DECIDE)
            .takes::<TypedDomain>()
            .answers::<Done>(),
        Endpoint::delete("/api/v1/organisations/{id}/domains", GROUP, forget_domain)
            .says(
                "Say that an organisation is not known by a domain any more",
                "One that is proven stays until its claim ends. Its owners are told.",
            )
            .by(DECIDE)
            .takes::<LostDomain>()
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/intervene", GROUP, intervene)
            .says(
                "Step in for the owners of an organisation",
                "Administrators may, for one to which they do not belong: make somebody who has an account an owner, add a \
                 contact, remove one. Whom it concerns is told, with the reason, which the audit log keeps.",
            )
            .by(STEP_IN)
            .takes::<Intervention>()
            .answers::<Done>(),
        Endpoint::put("/api/v1/organisations/{id}/categories/{apex}", GROUP, categorise)
            .says(
                "Say in which category of a list an organisation is",
                "With the reason, which the audit log keeps. What is listed keeps its codes.",
            )
            .by(DECIDE)
            .takes::<TypedCategory>()
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/notes", GROUP, note)
            .says("Write a note for other editors", "")
            .by(DECIDE)
            .takes::<Words>()
            .answers::<Done>(),
    ]
}

/// Which organisations.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// An Id, or words of a name, a domain or the mail address of a contact.
    #[serde(default)]
    find: String,
    /// The Id after which to go on.
    after: Option<i64>,
    /// So many at most: up to 1000.
    limit: Option<u32>,
}

/// Organisations.
#[derive(Serialize, JsonSchema)]
struct Found {
    /// The organisations.
    organisations: Vec<Known>,
    /// The Id after which to go on, if there are more.
    next: Option<i64>,
}

/// An organisation, with what it is known by.
#[derive(Serialize, JsonSchema)]
struct Known {
    #[serde(flatten)]
    card: Card,
    /// The domains by which it is known.
    domains: Vec<String>,
}

/// An organisation that is added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Typed {
    /// What it is called.
    name: String,
    /// The domains by which it is known.
    #[serde(default)]
    domains: Vec<String>,
}

/// A domain.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedDomain {
    /// Its name.
    domain: String,
}

/// A domain that is taken away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LostDomain {
    /// Its name.
    domain: String,
    /// Why.
    reason: String,
}

/// What an administrator does for an organisation.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
enum Intervention {
    /// Make somebody an owner.
    Appoint {
        /// The mail address of his account.
        mail: String,
        /// Why.
        reason: String,
    },
    /// Add a contact. Its reader gets a link first, as any other.
    AddContact {
        /// A mail address.
        mail: String,
        /// What it is for.
        purpose: Aim,
        /// Why.
        reason: String,
    },
    /// Remove a contact.
    RemoveContact {
        /// Its mail address.
        mail: String,
        /// What it is for.
        purpose: Aim,
        /// Why.
        reason: String,
    },
}

/// A category.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedCategory {
    /// Its number.
    category: u8,
    /// Why.
    reason: String,
}

/// A text.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    /// What it says.
    text: String,
}

/// `GET /api/v1/organisations/search`.
async fn search(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Found>, AppError> {
    let limit = wanted.limit.unwrap_or(100).clamp(1, MOST);
    let after = wanted.after.map(OrganisationId);
    let mut look = app.database.look().await?;
    let mut found = find::find(look.session(), &wanted.find, after, limit + 1).await?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| is_more).map(|last| last.id.0);
    let ids: Vec<_> = found.iter().map(|one| one.id).collect();
    let domains = find::domains_of(look.session(), &ids).await?;
    let known = |card: Card| {
        let of = domains.iter().filter(|(id, _)| id.0 == card.id);
        let domains = of.map(|(_, domain)| domain.to_string()).collect();
        Known { card, domains }
    };
    let organisations = cards(look.session(), found).await?.into_iter().map(known).collect();
    Ok(Json(Found { organisations, next }))
}

/// `POST /api/v1/organisations`.
async fn add(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let (person, Typed { name, domains }) = (call.caller.person(), call.read()?);
    let domains = domains.iter().map(|text| domain(text)).collect::<Result<Vec<_>, _>>()?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let id = organisation::add(t, person, &name, &domains, now).await?;
    let added = organisations::by_id(t.session(), id).await?.into_iter().collect();
    let card = cards(t.session(), added).await?.pop().ok_or(AppError::NotFound)?;
    write.done(StatusCode::CREATED, &card).await
}

/// `PUT /api/v1/organisations/{id}/suspension`.
async fn suspend(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, Words { text }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::suspend(t, person, OrganisationId(id), &text, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/organisations/{id}/suspension`.
async fn resume(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::resume(t, person, OrganisationId(id), now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/domains`.
async fn name_domain(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, TypedDomain { domain: name }) = (call.caller.person(), call.read()?);
    let domain = domain(&name)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::name_domain(t, person, OrganisationId(id), &domain, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/organisations/{id}/domains`.
async fn forget_domain(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, LostDomain { domain: name, reason }) = (call.caller.person(), call.read()?);
    let (domain, id) = (domain(&name)?, OrganisationId(id));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let notices = intervention::forget_domain(t, person, id, &domain, &reason, now).await?;
    write.tell(&notices).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/intervene`.
async fn intervene(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id, by) = (call.caller.person(), OrganisationId(id), call.caller.account.id);
    let typed: Intervention = call.read()?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let notices = match typed {
        Intervention::Appoint { mail, reason } => {
            let mail = mail.trim().to_lowercase();
            let (_, notices) = intervention::appoint(t, person, id, &mail, &reason, now).await?;
            notices
        }
        Intervention::AddContact { mail, purpose, reason } => {
            let contact = purpose.contact(&mail);
            let notices = intervention::add_contact(t, person, id, &contact, &reason, now).await?;
            contact::ask(&app, t, id, &contact.mail, by, now).await?;
            notices
        }
        Intervention::RemoveContact { mail, purpose, reason } => {
            let contact = purpose.contact(&mail);
            intervention::remove_contact(t, person, id, &contact, &reason, now).await?
        }
    };
    write.has_written();
    write.tell(&notices).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `PUT /api/v1/organisations/{id}/categories/{apex}`.
async fn categorise(
    State(app): State<App>,
    Path((id, apex)): Path<(i64, String)>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), OrganisationId(id));
    let TypedCategory { category: number, reason } = call.read()?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    category::set(t, person, id, &list, number, &reason, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/notes`.
async fn note(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, Words { text }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::note(t, person, OrganisationId(id), &text, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// Reads a domain.
fn domain(text: &str) -> Result<Name, AppError> {
    let wrong = |_| AppError::Wrong(format!("`{}` is no domain", text.trim()));
    text.trim().parse().map_err(wrong)
}

/// To see all.
const READ: &[Scope] = &[Scope::QueueRead];
/// To do what editors do.
const DECIDE: &[Scope] = &[Scope::QueueWrite];
/// To step in, as administrators do.
const STEP_IN: &[Scope] = &[Scope::PeopleWrite];
/// So many are shown at most.
const MOST: u32 = 1_000;
