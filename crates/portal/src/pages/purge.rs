//! `/lists/{apex}/purge`: all entries of a source leave a list, once it was told what would go.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::lists::Stored;
use repute_database::{Timestamp, audit, entries};
use repute_registry::changes::Cause;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::work;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::overview::stored;
use crate::pages::work::begun;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "purge.html")]
pub(crate) struct PurgePage {
    frame: Frame,
    list: Stored,
    /// What brought entries, by name.
    sources: Vec<String>,
}

/// What is to go.
#[derive(Deserialize)]
pub(crate) struct Typed {
    source: String,
    /// `try` or `purge`.
    act: String,
    #[serde(default)]
    why: String,
}

/// `GET /lists/{apex}/purge`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
) -> Result<Page<PurgePage>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let sources = entries::sources(look.session()).await?;
    let mut sources: Vec<String> = sources.into_iter().map(|(_, name)| name).collect();
    sources.sort();
    Ok(Page(PurgePage { frame, list, sources }))
}

/// `POST /lists/{apex}/purge`: it is tried, or done.
pub(crate) async fn order(
    State(app): State<App>,
    member: Member,
    Path(apex): Path<String>,
    Form(Typed { source, act, why }): Form<Typed>,
) -> Result<Response, AppError> {
    permission::check(member.person(), Relation::Stranger, Action::ChangeLists)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let is_dry = match &*act {
        "try" => true,
        "purge" => false,
        _ => return Err(AppError::Choice),
    };
    let mut transaction = app.database.begin().await?;
    let (t, now) = (&mut transaction, Timestamp::now());
    let list = stored(t.session(), &apex).await?;
    let cause = Cause {
        actor: audit::actor(t.session(), member.account.id.0).await?,
        action: String::new(),
        reason: why.trim().chars().take(MOST_REASON).collect(),
    };
    let id = work::order_clearing(t, list.id, (&source, is_dry), &cause, now).await?;
    transaction.commit().await?;
    Ok(begun(&app, id))
}

/// So long is a reason.
const MOST_REASON: usize = 500;

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::accounts::Role;
    use repute_database::entries::Entry;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;

    #[tokio::test]
    async fn an_administrator_sees_what_would_go_before_a_source_is_purged() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = site.add_list("bl.example").await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let source = entries::source(t.session(), "feed <1>").await.expect("a source");
            let entry = Entry {
                key: "9.9.2.1".parse().expect("a key"),
                code: "127.0.0.2".parse().ok(),
                text: String::new(),
                reason: String::new(),
                criterion: None,
                source,
                organisation: None,
                since: Timestamp(1),
                expires: None,
                review: None,
            };
            entries::put(t.session(), list, &[entry]).await.expect("it is written");
            transaction.commit().await.expect("it is committed");
            let place = "/lists/bl.example/purge";
            site.become_role(Some(Role::Editor)).await;
            assert_eq!(site.get(place).await.status, StatusCode::FORBIDDEN);
            site.become_role(Some(Role::Administrator)).await;
            site.get("/lists/bl.example/settings").await.says(&[place]);
            site.get(place).await.says(&["<option>feed &#60;1&#62;</option>"]);
            for (source, act, status) in [
                ("none", "try", StatusCode::UNPROCESSABLE_ENTITY),
                ("feed <1>", "", StatusCode::UNPROCESSABLE_ENTITY),
            ] {
                let answer = site.post(place, &[("source", source), ("act", act)]).await;
                assert_eq!(answer.status, status, "{source} {act}");
            }
            let tried = site.post(place, &[("source", "feed <1>"), ("act", "try")]).await;
            assert_eq!(tried.location(), "/work/1");
            site.work().await;
            let page = site.get("/work/1").await;
            page.says(&[
                "Dry run of the purge of source feed &#60;1&#62; from bl.example",
                "1 would be removed",
                "9.9.2.1 127.0.0.2",
                "action=\"/lists/bl.example/purge\"",
            ]);
            assert!(!page.text.contains("SHA-256"), "there is no file");
            let form = [("source", "feed <1>"), ("act", "purge"), ("why", "it went bad")];
            assert_eq!(site.post(place, &form).await.location(), "/work/2");
            site.work().await;
            let page = site.get("/work/2").await;
            page.says(&["Purge of source feed &#60;1&#62; from bl.example", "1 removed"]);
            assert!(!page.text.contains("action=\"/lists/bl.example/purge\""), "it is done");
            let mut read = site.app.database.read().await.expect("a connection");
            let left = entries::page(read.session(), list, None, None, 9).await;
            assert_eq!(left.expect("it is read"), []);
        })
        .await;
    }
}
