//! `/api/v1/organisations`: who an organisation is, who belongs to it, and what it has on our lists.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::categories::{self, Category};
use repute_database::claims;
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::organisations::{
    self, Contact, MemberRole, Organisation, Purpose, State as Standing, find,
};
use repute_database::{DatabaseError, Key, Session, contact_mails, undelivered};
use repute_registry::organisation;
use repute_registry::permission::Relation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::claims::Claimed;
use crate::api::entries::{Listed, key};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::contact;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::card;
use crate::pages::arrive;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organisations", GROUP, own)
            .says("The organisations that you belong to", "")
            .by(READ)
            .answers::<Organisations>(),
        Endpoint::get("/api/v1/organisations/{id}", GROUP, show)
            .says("One organisation", "With its people, contacts, domains and claims.")
            .by(READ_OR_QUEUE)
            .answers::<Whole>(),
        Endpoint::get("/api/v1/organisations/{id}/entries", GROUP, entries)
            .says(
                "What an organisation has on a list",
                "A thousand entries at a time, by their keys; `next` says where the others begin.",
            )
            .by(READ_OR_QUEUE)
            .query::<OfList>()
            .answers::<Entries>(),
        Endpoint::put("/api/v1/organisations/{id}/contacts", GROUP, add_contact)
            .says("Write to an organisation there too", "Owners may.")
            .by(WRITE)
            .takes::<TypedContact>()
            .answers::<Done>(),
        Endpoint::delete("/api/v1/organisations/{id}/contacts", GROUP, remove_contact)
            .says("Write there no more", "Owners may.")
            .by(WRITE)
            .takes::<TypedContact>()
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/contacts/try", GROUP, try_contact)
            .says(
                "Have one more letter with a link go to a contact",
                "To one that did not say yet that letters may come, or at which none arrive. Whoever reads there follows \
                 the link. Owners may; 404 if letters go there anyway.",
            )
            .by(WRITE)
            .takes::<TypedMail>()
            .answers::<Done>(),
        Endpoint::put("/api/v1/organisations/{id}/members/{account}", GROUP, put_member)
            .says(
                "Give somebody who belongs to an organisation another role in it",
                "Owners may. Nobody is made to belong to something that he does not know of.",
            )
            .by(WRITE)
            .takes::<TypedRole>()
            .answers::<Done>(),
        Endpoint::delete("/api/v1/organisations/{id}/members/{account}", GROUP, remove_member)
            .says("Take somebody out of an organisation", "Owners may; everybody may go himself.")
            .by(WRITE)
            .answers::<Done>(),
    ]
}

/// Organisations.
#[derive(Serialize, JsonSchema)]
struct Organisations {
    /// The organisations.
    organisations: Vec<Card>,
}

/// An organisation.
#[derive(Serialize, JsonSchema)]
pub(super) struct Card {
    /// Its Id.
    pub(super) id: i64,
    /// What it is called.
    name: String,
    /// Its website.
    website: String,
    /// Why it is suspended, if it is.
    suspended: Option<String>,
    /// Whether it has anything on any list; else nothing of it is published yet.
    published: bool,
    /// Since when it is known (RFC 3339).
    created: String,
}

/// An organisation with all that belongs to it.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    card: Card,
    /// The domains by which it is known.
    domains: Vec<String>,
    /// In which categories it is.
    categories: Vec<InCategory>,
    /// Who belongs to it.
    members: Vec<Belonging>,
    /// Where it is written to.
    contacts: Vec<ShownContact>,
    /// What was claimed for it.
    claims: Vec<Claimed>,
}

/// The category of a list in which an organisation is.
#[derive(Serialize, JsonSchema)]
struct InCategory {
    /// The apex of the list.
    list: String,
    /// The category's number, which return codes hold.
    number: u8,
    /// What it is called.
    name: String,
}

/// Somebody who belongs to an organisation.
#[derive(Serialize, JsonSchema)]
struct Belonging {
    /// The number of his account.
    account: i64,
    /// `owner` or `member`.
    role: &'static str,
    /// Since when (RFC 3339).
    since: String,
}

/// Where an organisation is written to.
#[derive(Serialize, JsonSchema)]
struct ShownContact {
    /// The address.
    mail: String,
    /// `abuse`, `technical` or `general`.
    purpose: &'static str,
    /// Whether letters go there: whoever reads there said so by a link, and not that none shall; and they arrive.
    written_to: bool,
    /// Since when letters do not arrive there (RFC 3339).
    undelivered: Option<String>,
}

/// Which list.
#[derive(Deserialize, JsonSchema)]
struct OfList {
    /// Its apex.
    list: String,
    /// The key after which to go on.
    after: Option<String>,
}

/// Entries of an organisation.
#[derive(Serialize, JsonSchema)]
struct Entries {
    /// The category that it has on the list.
    category: Option<String>,
    /// Whether anything of it is published there.
    published: bool,
    /// The entries.
    entries: Vec<Listed>,
    /// The key after which to go on, if there are more.
    next: Option<String>,
}

/// A contact.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedContact {
    /// A mail address.
    mail: String,
    /// What it is for.
    purpose: Aim,
}

/// A contact that is there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedMail {
    /// Its mail address.
    mail: String,
}

/// What a contact is for.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Aim {
    /// Complaints.
    Abuse,
    /// Whoever runs the servers.
    Technical,
    /// All else.
    General,
}

/// A role in an organisation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedRole {
    /// What he shall be.
    role: Part,
}

/// What somebody is in an organisation.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// He says who belongs to it.
    Owner,
    /// He speaks for it.
    Member,
}

/// It is done.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {
    /// Always true.
    pub(super) done: bool,
}

/// It is done.
pub(super) const DONE: Done = Done { done: true };

/// `GET /api/v1/organisations`.
async fn own(State(app): State<App>, caller: Caller) -> Result<Json<Organisations>, AppError> {
    let mut look = app.database.look().await?;
    let own = organisations::of_account(look.session(), caller.account.id.0).await?;
    Ok(Json(Organisations { organisations: cards(look.session(), own).await? }))
}

/// `GET /api/v1/organisations/{id}`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Whole>, AppError> {
    let organisation = visible(&app, &caller, id).await?;
    let id = organisation.id;
    let lists = app.overview.get(&app.database, &*app.zones).await?;
    let mut look = app.database.look().await?;
    let card = cards(look.session(), vec![organisation]).await?.pop().ok_or(AppError::NotFound)?;
    let published = card.published;
    let domains = organisations::domains(look.session(), id).await?;
    let members = organisations::members(look.session(), id).await?;
    let contacts = organisations::contacts(look.session(), id).await?;
    let said = contact_mails::of(look.session(), id).await?;
    let dead = undelivered::of_organisation(look.session(), id).await?;
    let claims = claims::of_organisation(look.session(), id).await?;
    let mut categories = Vec::new();
    for one in lists.iter().filter(|one| !one.categories.is_empty()) {
        let found = categories::of(look.session(), id, one.id).await?;
        let list = one.list.apex.to_string();
        categories.extend(found.map(|Category { number, name }| InCategory { list, number, name }));
    }
    let belonging = |one: organisations::Member| Belonging {
        account: one.account,
        role: if one.role == MemberRole::Owner { "owner" } else { "member" },
        since: Moment(one.since).rfc3339(),
    };
    let since = |mail: &str| dead.iter().find(|one| one.mail == mail).and_then(|one| one.dead);
    let is_wanted = |mail: &str| said.iter().any(|one| one.mail == mail && one.is_written_to());
    let shown = |Contact { mail, purpose }| ShownContact {
        written_to: is_wanted(&mail) && since(&mail).is_none(),
        undelivered: since(&mail).map(|since| Moment(since).rfc3339()),
        mail,
        purpose: match purpose {
            Purpose::Abuse => "abuse",
            Purpose::Technical => "technical",
            Purpose::General => "general",
        },
    };
    Ok(Json(Whole {
        card,
        domains: domains.iter().map(ToString::to_string).collect(),
        categories,
        members: members.into_iter().map(belonging).collect(),
        contacts: contacts.into_iter().map(shown).collect(),
        claims: claims.iter().map(|claim| Claimed::of(claim, published)).collect(),
    }))
}

/// `GET /api/v1/organisations/{id}/entries`.
async fn entries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(OfList { list, after }): Query<OfList>,
) -> Result<Json<Entries>, AppError> {
    let id = visible(&app, &caller, id).await?.id;
    let card = card(&app, &list).await?;
    let mut look = app.database.look().await?;
    let category = categories::of(look.session(), id, card.id).await?;
    let after = after.as_deref().map(key).transpose()?;
    let after = after.as_ref();
    let mut found = entries::of_organisation(look.session(), card.id, id, after, MOST + 1).await?;
    let next = cut(&mut found, MOST as usize);
    let sources = entries::sources(look.session()).await?;
    Ok(Json(Entries {
        category: category.map(|category| category.name),
        published: !found.is_empty() || after.is_some(),
        entries: found.iter().map(|entry| Listed::of(entry, &sources)).collect(),
        next: next.map(|key| key.to_string()),
    }))
}

/// Leaves so many entries at the most, all of each key; the key after which to go on if there are more.
fn cut(found: &mut Vec<Entry>, most: usize) -> Option<Key> {
    let over = found.get(most)?.key.clone();
    let whole = found.iter().position(|entry| entry.key == over).unwrap_or_default();
    // A key that fills a page alone has the rest of it left out: it has at most a few codes.
    found.truncate(if whole == 0 { most } else { whole });
    found.last().map(|last| last.key.clone())
}

/// `PUT /api/v1/organisations/{id}/contacts`.
async fn add_contact(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, contact) = (call.caller.person(), contact(&call.read()?));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::add_contact(t, person, OrganisationId(id), &contact, now).await?;
    contact::ask(&app, t, OrganisationId(id), &contact.mail, call.caller.account.id, now).await?;
    write.has_written();
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/organisations/{id}/contacts`.
async fn remove_contact(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, contact) = (call.caller.person(), contact(&call.read()?));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    organisation::remove_contact(t, person, OrganisationId(id), &contact, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/contacts/try`.
async fn try_contact(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, TypedMail { mail }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    arrive::try_again(&app, t, person, OrganisationId(id), mail.trim(), now).await?;
    write.has_written();
    write.done(StatusCode::OK, &DONE).await
}

/// `PUT /api/v1/organisations/{id}/members/{account}`.
async fn put_member(
    State(app): State<App>,
    Path((id, account)): Path<(i64, i64)>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), OrganisationId(id));
    let TypedRole { role } = call.read()?;
    let role = match role {
        Part::Owner => MemberRole::Owner,
        Part::Member => MemberRole::Member,
    };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    if organisations::role_of(t.session(), id, account).await?.is_none() {
        return Err(AppError::NotFound);
    }
    organisation::put_member(t, person, id, account, role, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/organisations/{id}/members/{account}`.
async fn remove_member(
    State(app): State<App>,
    Path((id, account)): Path<(i64, i64)>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), OrganisationId(id));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    if organisations::role_of(t.session(), id, account).await?.is_none() {
        return Err(AppError::NotFound);
    }
    organisation::remove_member(t, person, id, account, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// An organisation, if whoever asks may see it.
pub(super) async fn visible(app: &App, caller: &Caller, id: i64) -> Result<Organisation, AppError> {
    let mut connection = app.database.read().await?;
    let id = OrganisationId(id);
    let seen = organisation::visible(connection.session(), caller.person(), id).await?;
    let (organisation, relation) = seen.ok_or(AppError::NotFound)?;
    // A token for one's own organisations shows no others, even if its owner is an editor.
    let is_own = relation != Relation::Stranger && caller.has(Scope::OrganisationsRead);
    match is_own || caller.has(Scope::QueueRead) {
        true => Ok(organisation),
        false => Err(AppError::NotFound),
    }
}

/// A contact as it is typed.
fn contact(typed: &TypedContact) -> Contact {
    typed.purpose.contact(&typed.mail)
}

impl Aim {
    /// The contact of a mail address that is for this.
    pub(super) fn contact(self, mail: &str) -> Contact {
        let purpose = match self {
            Aim::Abuse => Purpose::Abuse,
            Aim::Technical => Purpose::Technical,
            Aim::General => Purpose::General,
        };
        Contact { mail: mail.trim().to_lowercase(), purpose }
    }
}

/// Organisations for whoever may see them.
///
/// # Errors
/// If the database fails.
pub(super) async fn cards(
    session: Session<'_>,
    all: Vec<Organisation>,
) -> Result<Vec<Card>, DatabaseError> {
    let ids: Vec<_> = all.iter().map(|one| one.id).collect();
    let published = find::published(session, &ids).await?;
    let card = |organisation: Organisation| Card {
        id: organisation.id.0,
        published: published.contains(&organisation.id),
        name: organisation.name,
        website: organisation.website,
        suspended: match organisation.state {
            Standing::Active => None,
            Standing::Suspended { reason } => Some(reason),
        },
        created: Moment(organisation.created).rfc3339(),
    };
    Ok(all.into_iter().map(card).collect())
}

/// To see one's own.
const READ: &[Scope] = &[Scope::OrganisationsRead];
/// To see one's own or, as an editor, all.
pub(super) const READ_OR_QUEUE: &[Scope] = &[Scope::OrganisationsRead, Scope::QueueRead];
/// To change one's own.
const WRITE: &[Scope] = &[Scope::OrganisationsWrite];
/// The heading.
pub(super) const GROUP: &str = "Organisations";
/// Entries that are shown.
const MOST: u32 = 1_000;

#[cfg(test)]
mod tests {
    use repute_database::Timestamp;

    use super::*;

    #[test]
    fn a_page_ends_between_keys() {
        let entry = |text: &str| Entry {
            key: text.parse().expect("a key"),
            code: None,
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source: entries::SourceId(1),
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        for (keys, most, left, next) in [
            (&["9.9.9.1", "9.9.9.2"][..], 2, 2, None),
            (&["9.9.9.1", "9.9.9.2", "9.9.9.3"], 2, 2, Some("9.9.9.2")),
            (&["9.9.9.1", "9.9.9.2", "9.9.9.2"], 2, 1, Some("9.9.9.1")),
            (&["9.9.9.1", "9.9.9.1", "9.9.9.1"], 2, 2, Some("9.9.9.1")),
            (&[], 2, 0, None),
        ] {
            let mut found: Vec<Entry> = keys.iter().map(|key| entry(key)).collect();
            let after = cut(&mut found, most).map(|key| key.to_string());
            assert_eq!((found.len(), after.as_deref()), (left, next), "{keys:?}");
        }
    }
}
