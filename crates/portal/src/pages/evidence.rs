//! `/evidence`: what was seen, by whom, and the end of a source's.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::evidence::{self, Source};
use repute_database::{Key, Timestamp, audit};
use repute_registry::changes::Cause;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::rule::touched::{Touched, touched};
use repute_registry::work;
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::evidence::{Seen, seen};
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::work::begun;
use crate::visitor::Member;

/// The page of all sources, and of what was seen of something.
#[derive(Template)]
#[template(path = "evidence.html")]
pub(crate) struct Evidence {
    frame: Frame,
    sources: Vec<Row>,
    key: String,
    fault: Option<String>,
    /// What was seen of it, if something is asked about.
    found: Option<Vec<Seen>>,
    /// How many addresses and names wait for rules to look.
    waiting: u64,
}

/// A source.
struct Row {
    source: Source,
    count: u64,
    /// When it was last heard of, and what it saw then.
    last: Option<(Timestamp, Timestamp)>,
}

/// The page of a source.
#[derive(Template)]
#[template(path = "source.html")]
pub(crate) struct OneSource {
    frame: Frame,
    row: Row,
    touched: Touched,
}

/// What is asked about.
#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    key: String,
}

/// Why something is done.
#[derive(Deserialize)]
pub(crate) struct Why {
    why: String,
}

/// `GET /evidence`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Query(Search { key }): Query<Search>,
) -> Result<Page<Evidence>, AppError> {
    let mut look = app.database.look().await?;
    let mut sources = Vec::new();
    for (source, count) in evidence::sources(look.session()).await? {
        let last = evidence::last_of(look.session(), source.id).await?;
        sources.push(Row { source, count, last });
    }
    let waiting = evidence::count_waiting(look.session()).await?;
    let (found, fault) = match key.trim().parse::<Key>() {
        _ if key.trim().is_empty() => (None, None),
        Ok(key) => (Some(seen(look.session(), &key).await?), None),
        Err(error) => (None, Some(sentence(&error.to_string()))),
    };
    Ok(Page(Evidence { frame, sources, key, fault, found, waiting }))
}

/// `GET /evidence/sources/{id}`.
pub(crate) async fn source(
    State(app): State<App>,
    frame: Frame,
    Path(id): Path<i64>,
) -> Result<Page<OneSource>, AppError> {
    let mut look = app.database.look().await?;
    let all = evidence::sources(look.session()).await?;
    let found = all.into_iter().find(|(source, _)| source.id.0 == id);
    let (source, count) = found.ok_or(AppError::NotFound)?;
    let last = evidence::last_of(look.session(), source.id).await?;
    let touched = touched(&mut look, source.id, Timestamp::now()).await?;
    Ok(Page(OneSource { frame, row: Row { source, count, last }, touched }))
}

/// `POST /evidence/sources/{id}/purge`.
pub(crate) async fn purge(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Why { why }): Form<Why>,
) -> Result<Response, AppError> {
    permission::check(member.person(), Relation::Stranger, Action::PurgeSource)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    let mut transaction = app.database.begin().await?;
    let names = evidence::names(transaction.session()).await?;
    let found = names.into_iter().find(|(source, _)| source.0 == id);
    let (_, name) = found.ok_or(AppError::NotFound)?;
    let cause = Cause {
        actor: audit::actor(transaction.session(), member.account.id.0).await?,
        action: "evidence.purge".to_owned(),
        reason: why.trim().to_owned(),
    };
    let now = Timestamp::now();
    let id = work::order_purge(&mut transaction, &name, &cause, now).await?;
    transaction.commit().await?;
    Ok(begun(&app, id))
}
