//! `/api/v1/organisations/{id}/invitations`, and what else belongs to an organisation from time to time: joining it,
//! and saying that what it has is still right.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::OrganisationId;
use repute_database::invitations::{self, Invitation};
use repute_database::organisations::{self, MemberRole, find};
use repute_database::{Timestamp, outbox};
use repute_registry::organisation::{self, OrganisationError};
use repute_registry::permission::{self, Action};
use repute_registry::{invitation, review};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::letter;
use crate::limits::{self, Doer};
use crate::moment::Moment;
use crate::secret::Secret;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organisations/{id}/invitations", GROUP, all)
            .says("Who is invited to an organisation", "Its owners may see it.")
            .by(WRITE)
            .answers::<Invitations>(),
        Endpoint::post("/api/v1/organisations/{id}/invitations", GROUP, invite)
            .says("Invite somebody to an organisation", "By a letter with a link. Owners may.")
            .by(WRITE)
            .takes::<New>()
            .creates::<Invited>(),
        Endpoint::delete("/api/v1/organisations/{id}/invitations", GROUP, revoke)
            .says("Take an invitation back", "Owners may.")
            .by(WRITE)
            .takes::<Whom>()
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/join", GROUP, join)
            .says("Follow an invitation to your mail address", "")
            .by(WRITE)
            .answers::<Done>(),
        Endpoint::post("/api/v1/organisations/{id}/still-right", GROUP, still_right)
            .says(
                "Say that what an organisation has on lists is still right",
                "Entries that are due for a review are asked about again in a year.",
            )
            .by(WRITE)
            .answers::<Confirmed>(),
    ]
}

/// Who is invited.
#[derive(Serialize, JsonSchema)]
struct Invitations {
    /// The invitations.
    invitations: Vec<Invited>,
}

/// Somebody who is invited.
#[derive(Serialize, JsonSchema)]
struct Invited {
    /// His mail address.
    mail: String,
    /// As what: `owner` or `member`.
    role: &'static str,
    /// Until when it holds (RFC 3339).
    expires: String,
}

/// Who shall be invited.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct New {
    /// His mail address.
    mail: String,
    /// As what; a member without it.
    #[serde(default)]
    role: Part,
}

/// What somebody is in an organisation.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// He says who belongs to it.
    Owner,
    /// He belongs to it.
    #[default]
    Member,
}

/// Who is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whom {
    /// His mail address.
    mail: String,
}

/// It is still right.
#[derive(Serialize, JsonSchema)]
struct Confirmed {
    /// How many entries have another date of review.
    entries: usize,
}

/// `GET /api/v1/organisations/{id}/invitations`.
async fn all(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Invitations>, AppError> {
    let (person, id) = (caller.person(), OrganisationId(id));
    let mut look = app.database.look().await?;
    let relation = organisation::relation(look.session(), person, id).await?;
    permission::check(person, relation, Action::ChangeMembers)
        .map_err(OrganisationError::Denied)?;
    let found = invitations::of_organisation(look.session(), id, Timestamp::now()).await?;
    Ok(Json(Invitations { invitations: found.iter().map(Invited::from).collect() }))
}

/// `POST /api/v1/organisations/{id}/invitations`.
async fn invite(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let New { mail, role } = call.read()?;
    let (person, id, secret) = (call.caller.person(), OrganisationId(id), Secret::new()?);
    let role = match role {
        Part::Owner => MemberRole::Owner,
        Part::Member => MemberRole::Member,
    };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let made = invitation::invite(t, person, id, &mail, role, &secret.digest(), now).await?;
    // Nobody is to be bombed with them, whoever asks for it; and nobody learns here who else has had letters.
    let invited = Doer::by_mail(&format!("invited {}", made.mail));
    for doer in [Doer::Account(person.account), invited] {
        limits::take_within(&app, t, limits::Deed::Mail, doer).await?;
    }
    let name = organisations::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?.name;
    let published = find::published(t.session(), &[id]).await?;
    let told = (&*name, !published.is_empty());
    let letter = letter::invitation(&app.config, &made.mail, told, &secret)?;
    outbox::put(t.session(), &letter, now).await?;
    write.has_written();
    write.done(StatusCode::CREATED, &Invited::from(&made)).await
}

/// `DELETE /api/v1/organisations/{id}/invitations`.
async fn revoke(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let Whom { mail } = call.read()?;
    let (person, id) = (call.caller.person(), OrganisationId(id));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    invitation::revoke(t, person, id, &mail, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/join`.
async fn join(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, mail) = (call.caller.person(), &call.caller.account.mail);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let found = invitation::of_mail(t, OrganisationId(id), mail, now).await?;
    invitation::join(t, person, &found, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `POST /api/v1/organisations/{id}/still-right`.
async fn still_right(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), OrganisationId(id));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let entries = review::still_right(t, person, id, now).await?;
    write.done(StatusCode::OK, &Confirmed { entries }).await
}

impl From<&Invitation> for Invited {
    fn from(invitation: &Invitation) -> Invited {
        Invited {
            mail: invitation.mail.clone(),
            role: if invitation.role == MemberRole::Owner { "owner" } else { "member" },
            expires: Moment(invitation.expires).rfc3339(),
        }
    }
}

/// To change who belongs to one's organisations.
const WRITE: &[Scope] = &[Scope::OrganisationsWrite];
/// The heading.
const GROUP: &str = "Organisations";
