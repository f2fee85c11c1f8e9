//! `/invitations/...`: somebody is asked to belong to an organisation, and does.

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::letter;
use crate::limits::{self, Deed, Doer};
use crate::pages::organisation::path;
use crate::pages::sign_in::back;
use crate::secret::{Secret, digest_of};
use crate::visitor::{Member, Visitor};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::entries::OrganisationId;
use repute_database::invitations::Invitation;
use repute_database::organisations::{self, MemberRole, find};
use repute_database::{Timestamp, Transaction, outbox};
use repute_registry::invitation;
use serde::Deserialize;

/// The page behind the link of a letter.
#[derive(Template)]
#[template(path = "invitation.html")]
pub(crate) struct InvitationPage {
    frame: Frame,
    organisation: String,
    /// Whether it has anything on any list.
    is_published: bool,
    is_owner: bool,
    is_signed_in: bool,
    /// What stands in the link.
    secret: String,
}

/// Who is invited.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mail: String,
    /// `owner`, or else a member.
    #[serde(default)]
    role: String,
}

/// `POST /organisations/{id}/invitations`.
pub(crate) async fn invite(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Typed { mail, role }): Form<Typed>,
) -> Result<Response, AppError> {
    let (person, now, id) = (member.person(), Timestamp::now(), OrganisationId(id));
    let role = if role == "owner" { MemberRole::Owner } else { MemberRole::Member };
    let secret = Secret::new()?;
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let made = invitation::invite(t, person, id, &mail, role, &secret.digest(), now).await?;
    // Nobody is to be bombed with them, whoever asks for it; and nobody learns here who else has had letters.
    let invited = Doer::by_mail(&format!("invited {}", made.mail));
    for doer in [Doer::Account(person.account), invited] {
        limits::take_within(&app, t, Deed::Mail, doer).await?;
    }
    let name = name_of(&mut transaction, &made).await?;
    let published = find::published(transaction.session(), &[id]).await?;
    let told = (&*name, !published.is_empty());
    let letter = letter::invitation(&app.config, &made.mail, told, &secret)?;
    outbox::put(transaction.session(), &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&path(id.0), Flash::Invited))
}

/// `POST /organisations/{id}/invitations/revoke`.
pub(crate) async fn revoke(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Typed { mail, .. }): Form<Typed>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    invitation::revoke(&mut transaction, person, OrganisationId(id), &mail, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::InvitationRevoked))
}

/// `GET /invitations/{secret}`. Looking uses nothing up: scanners of mail look.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path(secret): Path<String>,
) -> Result<Page<InvitationPage>, AppError> {
    let mut look = app.database.look().await?;
    let found = invitation::of_link(&mut look, &digest_of(&secret), Timestamp::now()).await?;
    let organisation = name_of(&mut look, &found).await?;
    let published = find::published(look.session(), &[found.organisation]).await?;
    let is_published = !published.is_empty();
    let is_owner = found.role == MemberRole::Owner;
    let is_signed_in = visitor.member.is_some();
    Ok(Page(InvitationPage { frame, organisation, is_published, is_owner, is_signed_in, secret }))
}

/// `POST /invitations/{secret}`: whoever has the link joins.
pub(crate) async fn join(
    State(app): State<App>,
    member: Member,
    Path(secret): Path<String>,
) -> Result<Response, AppError> {
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let found = invitation::of_link(&mut transaction, &digest_of(&secret), now).await?;
    joined(transaction, &member, &found, now).await
}

/// `POST /organisations/{id}/join`: whoever has the address joins.
pub(crate) async fn join_by_mail(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let (now, mail) = (Timestamp::now(), &member.account.mail);
    let mut transaction = app.database.begin().await?;
    let found = invitation::of_mail(&mut transaction, OrganisationId(id), mail, now).await?;
    joined(transaction, &member, &found, now).await
}

/// Has somebody belong to what he was invited to.
async fn joined(
    mut transaction: Transaction,
    member: &Member,
    found: &Invitation,
    now: Timestamp,
) -> Result<Response, AppError> {
    invitation::join(&mut transaction, member.person(), found, now).await?;
    transaction.commit().await?;
    Ok(back(&path(found.organisation.0), Flash::JoinedOrganisation))
}

/// What an organisation is called.
async fn name_of(transaction: &mut Transaction, found: &Invitation) -> Result<String, AppError> {
    let organisation = organisations::by_id(transaction.session(), found.organisation).await?;
    Ok(organisation.ok_or(AppError::NotFound)?.name)
}
