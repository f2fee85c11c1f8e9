//! `/status`: whether lists are served, and what of them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::overview::ListCard;

/// The page of the service's state.
#[derive(Template)]
#[template(path = "status.html")]
pub(crate) struct Status {
    frame: Frame,
    lists: Arc<Vec<ListCard>>,
    silent: usize,
    /// How many stand still.
    held: usize,
}

/// `GET /status`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Result<Page<Status>, AppError> {
    let lists = app.overview.get(&app.database, &*app.zones).await?;
    let silent = lists.iter().filter(|card| !card.is_served).count();
    let held = lists.iter().filter(|card| card.held.is_some()).count();
    Ok(Page(Status { frame, lists, silent, held }))
}
