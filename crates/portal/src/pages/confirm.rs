//! `/confirm`: who is signed in shows once more who he is, before something that cannot be taken back.

use askama::Template;
use axum::extract::{FromRequest as _, FromRequestParts as _, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use repute_database::factors::{self, Factors};

use crate::access::encode;
use crate::account;
use crate::again::Kept;
use crate::app::App;
use crate::error::AppError;
use crate::factor;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::pages::sign_in::{Next, own, to};
use crate::visitor::{Member, Visitor};

/// The page.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    frame: Frame,
    mail: String,
    next: String,
    is_wrong: bool,
    factors: Factors,
    /// What was typed before, and is not lost.
    kept: Option<Kept>,
}

/// The page that sends again what was typed before.
#[derive(Template)]
#[template(path = "again.html")]
struct Again {
    frame: Frame,
    kept: Kept,
}

/// What is sent: a proof, where to go on, and what was typed into another form before.
pub(crate) struct Sent {
    next: String,
    kept: Option<Kept>,
    form: Vec<(String, String)>,
}

impl Sent {
    /// Of the fields of a form.
    pub(crate) fn new(form: Vec<(String, String)>) -> Sent {
        let kept = Kept::carried(&form);
        let mut sent = Sent { next: String::new(), kept, form };
        sent.next = own(&sent.field("next"));
        sent
    }

    /// What is in a field; nothing if it was not sent.
    pub(crate) fn field(&self, name: &str) -> String {
        let found = self.form.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Goes on: with what was typed before, if something was.
    pub(crate) fn go_on(self, frame: Frame) -> Response {
        match self.kept {
            Some(Kept { to, fields }) => {
                let kept = Kept { to: own(&to), fields };
                Page(Again { frame, kept }).into_response()
            }
            None => to(&self.next),
        }
    }
}

/// Asks who is signed in to show once more who he is, before what he asks for is done. He is sent to the page for it, and
/// from there to `next`; or shown it here, if he typed so much that it should not be lost.
pub(crate) async fn ask(app: &App, request: Request, next: &str) -> Response {
    let elsewhere = Redirect::to(&format!("/confirm?next={}", encode(next))).into_response();
    if request.method() != Method::POST {
        return elsewhere;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (mut parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let Ok(Form(fields)) = Form::from_request(request, app).await else { return elsewhere };
    let Some(kept) = Kept::of(&path, fields) else { return elsewhere };
    let who = (
        Frame::from_request_parts(&mut parts, app).await,
        Member::from_request_parts(&mut parts, app).await,
    );
    let (Ok(frame), Ok(member)) = who else { return elsewhere };
    match page(app, frame, member, (next, Some(kept)), false).await {
        Ok(page) => (StatusCode::FORBIDDEN, Page(page)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `GET /confirm`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(Next { next }): Query<Next>,
) -> Result<Page<Confirm>, AppError> {
    page(&app, frame, member, (&next, None), false).await.map(Page)
}

/// `POST /confirm`.
pub(crate) async fn by_password(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    let sent = Sent::new(form);
    if account::prove_by_password(&app, &member, sent.field("password")).await? {
        return Ok(sent.go_on(frame));
    }
    let page = page(&app, frame, member, (&sent.next, sent.kept), true).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// `POST /confirm/code`.
pub(crate) async fn by_code(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    let sent = Sent::new(form);
    if factor::prove(&app, &member, &sent.field("code")).await? {
        return Ok(sent.go_on(frame));
    }
    let page = page(&app, frame, member, (&sent.next, sent.kept), true).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// The page, with the ways that this person has.
async fn page(
    app: &App,
    frame: Frame,
    member: Member,
    (next, kept): (&str, Option<Kept>),
    is_wrong: bool,
) -> Result<Confirm, AppError> {
    let mut connection = app.database.read().await?;
    let factors = factors::of(connection.session(), member.account.id).await?;
    let mail = member.account.mail;
    Ok(Confirm { frame, mail, next: own(next), is_wrong, factors, kept })
}

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role;
    use repute_database::testing::on_each_narrow;

    use crate::testing::Site;
    use axum::http::StatusCode;

    #[tokio::test]
    async fn what_was_typed_is_there_after_the_proof_has_become_old() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            site.join("ada@x.example", Role::Administrator).await;
            let policy = "We list <what> hits traps & nothing else.\r\n".repeat(5);
            let (place, form) =
                ("/lists/bl.example/settings", [("part", "policy"), ("text", &policy)]);
            site.let_time_pass().await;
            let asked = site.post(place, &form).await;
            assert_eq!(asked.status, StatusCode::FORBIDDEN);
            asked.says(&[
                "What you typed is kept",
                "name=\"typed-text\"",
                "We list &#60;what&#62;",
            ]);
            let carried =
                [("to", place), ("typed-part", "policy"), ("typed-text", &policy), ("next", place)];
            let wrong = [&carried[..], &[("password", "not mine")]].concat();
            let wrong = site.post("/confirm", &wrong).await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
            wrong.says(&["That was not right", "We list &#60;what&#62;"]);
            let right = [&carried[..], &[("password", "the first words")]].concat();
            let right = site.post("/confirm", &right).await;
            right.says(&["Send it now", "action=\"/lists/bl.example/settings\"", "name=\"text\""]);
            let done = site.post(place, &form).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
            site.get("/lists/bl.example").await.says(&["We list &#60;what&#62; hits traps"]);
            // What is sent elsewhere is sent nowhere.
            let mut elsewhere = carried.to_vec();
            elsewhere[0].1 = "https://x.example/";
            elsewhere.push(("password", "the first words"));
            let page = site.post("/confirm", &elsewhere).await;
            page.says(&["action=\"/account\""]);
            // A little is typed again where it was.
            site.let_time_pass().await;
            let asked = site.post(place, &[("part", "policy"), ("text", "Traps.")]).await;
            assert!(asked.location().starts_with("/confirm?next="), "{asked:?}");
        })
        .await;
    }
}
