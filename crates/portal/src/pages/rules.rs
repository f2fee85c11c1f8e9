//! `/rules`: by which rules lists go, in all their versions, and what a version would change.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::lists::{self, Stored};
use repute_database::rules::{self, Outcome, Rule};
use repute_database::{Timestamp, Transaction, audit, entries, evidence};
use repute_registry::changes::Cause;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::{rule, work};
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::sign_in::back;
use crate::pages::work::begun;
use crate::visitor::Member;

/// The page of all.
#[derive(Template)]
#[template(path = "rules.html")]
pub(crate) struct Rules {
    frame: Frame,
    rows: Vec<Row>,
    /// How many addresses and names wait for rules to look.
    waiting: u64,
}

/// A rule.
struct Row {
    rule: Rule,
    list: String,
    /// How many entries it has on its list.
    entries: u64,
}

/// The page of one.
#[derive(Template)]
#[template(path = "rule.html")]
pub(crate) struct OneRule {
    frame: Frame,
    list: Stored,
    /// Its versions, the last first.
    versions: Vec<Rule>,
    entries: u64,
}

/// Which version is replayed.
#[derive(Deserialize)]
pub(crate) struct Replay {
    version: i64,
}

/// `GET /rules`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Result<Page<Rules>, AppError> {
    let mut look = app.database.look().await?;
    let mut rows = Vec::new();
    for list in lists::all(look.session()).await? {
        for rule in rules::of_list(look.session(), list.id).await? {
            let entries = entries_of(&mut look, &rule).await?;
            rows.push(Row { rule, list: list.list.title.clone(), entries });
        }
    }
    let waiting = evidence::count_waiting(look.session()).await?;
    Ok(Page(Rules { frame, rows, waiting }))
}

/// `GET /rules/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    frame: Frame,
    Path(id): Path<i64>,
) -> Result<Page<OneRule>, AppError> {
    let mut look = app.database.look().await?;
    let (list, rule) = find(&mut look, id).await?;
    let mut versions = rules::versions(look.session(), list.id, &rule.name).await?;
    versions.reverse();
    let entries = entries_of(&mut look, &rule).await?;
    Ok(Page(OneRule { frame, list, versions, entries }))
}

/// `POST /rules/{id}/replay`.
pub(crate) async fn replay(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Replay { version }): Form<Replay>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let (list, rule) = find(&mut transaction, id).await?;
    let rule = rule::find(&mut transaction, &list, &rule.name, Some(version)).await?;
    let actor = audit::actor(transaction.session(), member.account.id.0).await?;
    let now = Timestamp::now();
    let id = work::order_replay(&mut transaction, &rule, &actor, now).await?;
    transaction.commit().await?;
    Ok(begun(&app, id))
}

/// `POST /rules/{id}/enable`.
pub(crate) async fn enable(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    set_enabled(&app, &member, id, true).await
}

/// `POST /rules/{id}/disable`.
pub(crate) async fn disable(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    set_enabled(&app, &member, id, false).await
}

/// Turns a rule on or off.
async fn set_enabled(
    app: &App,
    member: &Member,
    id: i64,
    is_on: bool,
) -> Result<Response, AppError> {
    permission::check(member.person(), Relation::Stranger, Action::ChangeRules)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let mut transaction = app.database.begin().await?;
    let (list, rule) = find(&mut transaction, id).await?;
    let cause = Cause {
        actor: audit::actor(transaction.session(), member.account.id.0).await?,
        action: if is_on { "rule.enable" } else { "rule.disable" }.to_owned(),
        reason: String::new(),
    };
    let now = Timestamp::now();
    rule::set_enabled(&mut transaction, &list, &rule.name, is_on, &cause, now).await?;
    transaction.commit().await?;
    let flash = if is_on { Flash::RuleOn } else { Flash::RuleOff };
    Ok(back(&format!("/rules/{id}"), flash))
}

/// A rule by its number, and its list.
pub(crate) async fn find(look: &mut Transaction, id: i64) -> Result<(Stored, Rule), AppError> {
    for list in lists::all(look.session()).await? {
        let rules = rules::of_list(look.session(), list.id).await?;
        if let Some(rule) = rules.into_iter().find(|rule| rule.id.0 == id) {
            return Ok((list, rule));
        }
    }
    Err(AppError::NotFound)
}

/// How many entries a rule has on its list.
async fn entries_of(look: &mut Transaction, rule: &Rule) -> Result<u64, AppError> {
    let source = rule::source_name(&rule.name);
    Ok(match entries::known_source(look.session(), &source).await? {
        Some(source) => entries::count_of(look.session(), rule.list, source).await?,
        None => 0,
    })
}

impl OneRule {
    /// The version that holds.
    fn rule(&self) -> Option<&Rule> {
        self.versions.first()
    }
}

/// What a rule says, in a sentence.
fn terms(rule: &Rule) -> String {
    let terms = &rule.terms;
    let mut text = format!("{} in {}", count(terms.hits, "hit"), span(terms.span));
    if terms.from_sources > 1 {
        text.push_str(&format!(" from {} sources", terms.from_sources));
    }
    if terms.from_traps > 0 {
        text.push_str(&format!(" at {}", count(terms.from_traps, "trap")));
    }
    if !terms.classes.is_empty() {
        text.push_str(&format!(", of {}", terms.classes.join(", ")));
    }
    if !terms.sources.is_empty() {
        text.push_str(&format!(", seen by {}", terms.sources.join(", ")));
    }
    let outcome = match terms.outcome {
        Outcome::Propose => "is proposed",
        Outcome::List => "is listed",
    };
    format!("{text}: {outcome} with {} until {} after the last", terms.code, span(terms.lasts))
}

/// So many of something.
fn count(count: u32, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// A span in microseconds, in whole units as people say them.
fn span(micros: i64) -> String {
    let seconds = Duration::from_micros(micros.unsigned_abs()).as_secs();
    for (size, word) in [(86_400, "day"), (3_600, "hour"), (60, "minute")] {
        if seconds >= size && seconds.is_multiple_of(size) {
            return count(u32::try_from(seconds / size).unwrap_or(u32::MAX), word);
        }
    }
    count(u32::try_from(seconds).unwrap_or(u32::MAX), "second")
}
