//! `/lists/new`: another list, for administrators.
//!
//! What it says of itself in detail, its name servers and its policy come afterwards, on its settings.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::lists::List;
use repute_database::{Timestamp, audit};
use repute_dnsxl::Name;
use repute_registry::changes::Cause;
use repute_registry::lists::{self, AddError};
use repute_registry::permission::{self, Action, Relation};
use repute_registry::settings::{self, Description, SettingsError};
use repute_registry::template::Template;
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::pages::sign_in::back;
use crate::spans::Spans;
use crate::visitor::Member;

/// The page.
#[derive(askama::Template)]
#[template(path = "list_new.html")]
pub(crate) struct NewListPage {
    frame: Frame,
    typed: Typed,
    /// Why what was typed last was refused.
    fault: Option<String>,
}

/// What is typed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    apex: String,
    #[serde(default)]
    template: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    contact: String,
}

/// `GET /lists/new`.
pub(crate) async fn show(frame: Frame) -> Page<NewListPage> {
    Page(NewListPage { frame, typed: Typed::default(), fault: None })
}

/// `POST /lists/new`.
pub(crate) async fn add(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let refuse = |frame, typed, fault: String| {
        let page = NewListPage { frame, typed, fault: Some(sentence(&fault)) };
        Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
    };
    permission::check(member.person(), Relation::Stranger, Action::ChangeLists)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let template = Template::by_word(&typed.template).ok_or(AppError::Choice)?;
    let apex: Name = match typed.apex.trim().parse() {
        Ok(apex) => apex,
        Err(why) => {
            let fault = format!("`{}` is no name for a list: {why}", typed.apex.trim());
            return refuse(frame, typed, fault);
        }
    };
    let title = typed.title.trim();
    let description = Description {
        title: if title.is_empty() { apex.to_string() } else { title.to_owned() },
        description: typed.description.trim().to_owned(),
        contact: typed.contact.trim().to_owned(),
        ttl: TTL,
    };
    match settings::check_description(&description) {
        Ok(()) => {}
        Err(SettingsError::Database(error)) => return Err(error.into()),
        Err(error) => return refuse(frame, typed, error.to_string()),
    }
    let list = List {
        apex,
        title: description.title,
        description: description.description,
        polarity: template.polarity(),
        keys: template.keys(),
        ttl: description.ttl,
        contact: description.contact,
    };
    let mut transaction = app.database.begin().await?;
    let cause = Cause {
        actor: audit::actor(transaction.session(), member.account.id.0).await?,
        action: "list.add".to_owned(),
        reason: String::new(),
    };
    match lists::add(&mut transaction, &list, template, &cause, Timestamp::now()).await {
        Ok(_) => {
            transaction.commit().await?;
            Ok(back(&format!("/lists/{}/settings", list.apex), Flash::ListAdded))
        }
        Err(error @ (AddError::Exists(_) | AddError::Apex { .. })) => {
            drop(transaction);
            refuse(frame, typed, error.to_string())
        }
        Err(error) => Err(error.into()),
    }
}

/// For how many seconds resolvers keep its answers, until somebody says otherwise.
const TTL: u32 = 300;

impl NewListPage {
    /// The templates: word, name, what comes with it, and whether it is chosen.
    fn templates(&self) -> [(&'static str, &'static str, &'static str, bool); 4] {
        Template::ALL.map(|template| {
            let (name, says) = match template {
                Template::Blocklist => (
                    "Block list of addresses",
                    "A code for each reason to block one, from 127.0.0.2 on, as large lists number them.",
                ),
                Template::DomainBlocklist => {
                    ("Block list of domains", "Codes from 127.0.1.2 on: spam, phishing, malware.")
                }
                Template::Dnswl => (
                    "Allow list of mail servers",
                    "127.0.CATEGORY.SCORE, as dnswl.org has them, with its categories.",
                ),
                Template::Empty => {
                    ("Block list of addresses, without codes", "You say what each code means.")
                }
            };
            let is_chosen = match self.typed.template.is_empty() {
                true => template == Template::Blocklist,
                false => self.typed.template == template.word(),
            };
            (template.word(), name, says, is_chosen)
        })
    }
}

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role;

    use super::*;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn an_administrator_adds_a_list_and_comes_to_its_settings() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.become_role(Some(Role::Administrator)).await;
            site.get("/").await.says(&["/lists/new"]);
            site.get("/lists/new").await.says(&["Allow list of mail servers"]);
            let typed =
                [("apex", "bl.example"), ("template", "blocklist"), ("title", "Spam <sources>")];
            let made = site.post("/lists/new", &typed).await;
            assert_eq!(made.location(), "/lists/bl.example/settings");
            let page = site.get("/lists/bl.example/settings").await;
            page.says(&["Spam &#60;sources&#62;", "127.0.0.2", "source of spam"]);
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let deeds = audit::of_subject(transaction.session(), "list/bl.example", 9).await;
            let deeds = deeds.expect("they are read");
            assert_eq!(deeds.first().expect("one").action, "list.add");
            drop(transaction);
            // Again, and what is none, is told on the page, with what was typed.
            for (apex, why) in [
                ("bl.example", "There is a list bl.example already"),
                ("example", "whole top-level domain"),
                ("a b", "is no name for a list"),
            ] {
                let typed = [("apex", apex), ("template", "dnswl"), ("title", "Kept")];
                let refused = site.post("/lists/new", &typed).await;
                assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{apex}");
                refused.says(&[why, "value=\"Kept\"", "value=\"dnswl\" checked"]);
            }
            let typed = [("apex", "x.example"), ("template", "no such")];
            assert_eq!(
                site.post("/lists/new", &typed).await.status,
                StatusCode::UNPROCESSABLE_ENTITY
            );
        })
        .await;
    }
}
