//! `/queue/upkeep`: what editors should know of entries that are on the lists already.

use askama::Template;
use axum::extract::State;
use repute_database::Timestamp;
use repute_database::consistency::{self, Watched};
use repute_database::reviews::{self, Overdue};
use repute_database::undelivered::{self, Missed};
use repute_registry::consistency::{Reason, reasons};

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::moment::Moment;

/// The page.
#[derive(Template)]
#[template(path = "upkeep.html")]
pub(crate) struct Upkeep {
    frame: Frame,
    /// What is bad, the longest first, with why, and whose it is.
    bad: Vec<(Watched, Vec<Reason>, String)>,
    /// Who did not look at his entries in time.
    overdue: Vec<Overdue>,
    /// To whom letters do not come.
    missed: Vec<Missed>,
}

/// `GET /queue/upkeep`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Result<Page<Upkeep>, AppError> {
    let mut look = app.database.look().await?;
    let bad = consistency::bad(look.session(), MOST).await?;
    let with_reasons = |(one, name): (Watched, String)| {
        let why = reasons(&one.standing);
        (one, why, name)
    };
    let bad = bad.into_iter().map(with_reasons).collect();
    let overdue = reviews::overdue(look.session(), Timestamp::now(), MOST).await?;
    let missed = undelivered::missed(look.session(), MOST).await?;
    Ok(Page(Upkeep { frame, bad, overdue, missed }))
}

/// Rows that are shown of each kind.
const MOST: u32 = 200;
