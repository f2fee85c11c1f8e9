//! `/lists/{apex}/entries/give`: an editor gives entries to an organisation, those that he chose or all that he found.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::entries::OrganisationId;
use repute_database::{Key, Timestamp};
use repute_registry::edit::{self, Which};
use serde::Deserialize;

use super::{Narrowed, key_of, one};
use crate::app::App;
use crate::entry_history::Names;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::notice;
use crate::overview::stored;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// What is given, and to whom.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    /// The Id of an organisation; empty to take it from one.
    to: String,
    /// Why, for the log.
    #[serde(default)]
    why: String,
    /// `found` for all that the filter finds; else what was chosen.
    #[serde(default)]
    which: String,
    /// The page of which key it came from, if from one.
    #[serde(default)]
    from: String,
    /// What was looked for, and `key-192.0.2.7` for each that was chosen.
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

/// `POST /lists/{apex}/entries/give`.
pub(crate) async fn give(
    State(app): State<App>,
    member: Member,
    Path(apex): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let wrong = |what: &str| AppError::Wrong(what.to_owned());
    let to = match typed.to.trim().trim_start_matches('#') {
        "" => None,
        id => Some(OrganisationId(id.parse().map_err(|_| wrong("an Id is a number"))?)),
    };
    let field = |name: &str| typed.more.get(name).cloned().unwrap_or_default();
    let narrowed = Narrowed {
        find: field("find"),
        organisation: field("organisation"),
        source: field("source"),
        code: field("code"),
        text: field("text"),
        after: String::new(),
    };
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let list = stored(transaction.session(), &apex).await?;
    let which = match &*typed.which {
        "found" if !narrowed.is_narrow() => {
            return Err(wrong("say first which entries: not all of a list are given at once"));
        }
        "found" => {
            let names = Names::of(transaction.session(), list.id).await?;
            let (sought, _) = narrowed.sought(&names).map_err(AppError::Wrong)?;
            Which::Sought(sought)
        }
        _ => {
            let chosen = typed.more.keys().filter_map(|name| name.strip_prefix("key-"));
            let keys: Result<Vec<Key>, String> = chosen.map(key_of).collect();
            Which::Keys(keys.map_err(AppError::Wrong)?)
        }
    };
    if which == Which::Keys(Vec::new()) {
        return Err(wrong("choose entries first"));
    }
    let t = &mut transaction;
    let (given, notices) = edit::give(t, person, &list, &which, to, &typed.why, now).await?;
    notice::put(&app, t, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    let apex = &list.list.apex;
    let path = match typed.from.is_empty() {
        true => narrowed.path(apex),
        false => one::path(apex, &key_of(&typed.from).map_err(AppError::Wrong)?),
    };
    Ok(back(&path, if given.is_more { Flash::SomeGiven } else { Flash::Given }))
}
