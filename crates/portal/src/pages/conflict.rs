//! `…/conflict`: an editor says that he is partial in a request, a removal, a proposal or another one's change, and takes
//! that back; what of it stands on their pages.

use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::accounts;
use repute_database::conflicts::{self, About, Declared};
use repute_database::motions::MotionId;
use repute_database::removals::RemovalId;
use repute_database::requests::RequestId;
use repute_database::rules::ProposalId;
use repute_database::{Session, Timestamp};
use repute_registry::conflict::{self, Conflict};
use repute_registry::permission::Person;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// Who is partial in something, as an editor sees it.
pub(crate) struct Interest {
    /// Why he himself does not decide it, if so.
    pub(crate) conflict: Option<Conflict>,
    /// Who else said that he is partial, with their names.
    pub(crate) declared: Vec<(String, Declared)>,
    /// Where it is said.
    pub(crate) path: String,
    /// Whether it can be said: it is not decided.
    pub(crate) is_open: bool,
}

/// What an editor says of himself.
#[derive(Deserialize)]
pub(crate) struct Typed {
    /// `declare` or `take-back`.
    act: String,
    #[serde(default)]
    why: String,
}

/// Who is partial in something.
pub(crate) async fn interest(
    mut session: Session<'_>,
    person: Person,
    about: About,
    is_open: bool,
) -> Result<Interest, AppError> {
    let mut declared = Vec::new();
    for one in conflicts::of(session.again(), about).await? {
        if one.account.0 == person.account {
            continue;
        }
        let account = accounts::by_id(session.again(), one.account).await?;
        let name = account.map_or_else(|| "Somebody who is gone".to_owned(), |found| found.name);
        declared.push((name, one));
    }
    let conflict = conflict::of(session, person, about).await?;
    let path = match about {
        About::Request(id) => format!("/requests/{}/conflict", id.0),
        About::Removal(id) => format!("/queue/removals/{}/conflict", id.0),
        About::Proposal(id) => format!("/proposals/{}/conflict", id.0),
        About::Motion(id) => format!("/queue/motions/{}/conflict", id.0),
    };
    Ok(Interest { conflict, declared, path, is_open })
}

/// `POST /requests/{id}/conflict`.
pub(crate) async fn of_request(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    say(&app, &member, About::Request(RequestId(id)), &typed, &format!("/requests/{id}")).await
}

/// `POST /queue/removals/{id}/conflict`.
pub(crate) async fn of_removal(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    say(&app, &member, About::Removal(RemovalId(id)), &typed, &format!("/queue/removals/{id}"))
        .await
}

/// `POST /proposals/{id}/conflict`.
pub(crate) async fn of_proposal(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    say(&app, &member, About::Proposal(ProposalId(id)), &typed, "/proposals").await
}

/// `POST /queue/motions/{id}/conflict`.
pub(crate) async fn of_motion(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    say(&app, &member, About::Motion(MotionId(id)), &typed, &format!("/queue/motions/{id}")).await
}

/// Writes down what an editor says of himself, and goes back.
async fn say(
    app: &App,
    member: &Member,
    about: About,
    typed: &Typed,
    page: &str,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let flash = match &*typed.act {
        "declare" => {
            conflict::declare(&mut transaction, person, about, &typed.why, now).await?;
            Flash::ConflictDeclared
        }
        "take-back" => {
            conflict::take_back(&mut transaction, person, about, now).await?;
            Flash::ConflictTakenBack
        }
        _ => return Err(AppError::Choice),
    };
    transaction.commit().await?;
    Ok(back(page, flash))
}

impl Interest {
    /// Whether he himself said that he is partial.
    pub(crate) fn has_declared(&self) -> bool {
        self.conflict == Some(Conflict::Declared)
    }

    /// Whether he may decide it.
    pub(crate) fn is_free(&self) -> bool {
        self.conflict.is_none()
    }
}
