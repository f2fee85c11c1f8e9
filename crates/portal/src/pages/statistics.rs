//! `/statistics`: what editors decided in which week, how long it took, and what waits.

use askama::Template;
use axum::extract::State;
use repute_chart::{Bar, Series};
use repute_database::accounts::{self, AccountId};
use repute_database::{Timestamp, statistics as rows};
use repute_registry::statistics::{self, Service, Week};

use crate::app::App;
use crate::chart::Chart;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::moment::Moment;

/// The page.
#[derive(Template)]
#[template(path = "statistics.html")]
pub(crate) struct Statistics {
    frame: Frame,
    /// Requests, and removals that editors or links decided.
    parts: Vec<Part>,
    /// How many wait, by age.
    waiting: [(&'static str, usize); 5],
    open: Chart,
    /// Editors by name; only for administrators.
    editors: Option<Vec<(String, Service)>>,
}

/// One kind of what is decided.
struct Part {
    title: &'static str,
    /// Whether some are approved in part, or sent back.
    has_more: bool,
    chart: Chart,
    /// The last week first.
    weeks: Vec<(String, Week)>,
    service: Option<Service>,
}

/// `GET /statistics`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
) -> Result<Page<Statistics>, AppError> {
    let now = Timestamp::now();
    let from = Timestamp(now.0 - WEEKS * 7 * DAY);
    let mut look = app.database.look().await?;
    let requests = rows::of_requests(look.session(), from, MOST).await?;
    let removals = rows::of_removals(look.session(), from, MOST).await?;
    let waiting = rows::waiting(look.session(), MOST).await?;
    let editors = match frame.is_administrator() {
        true => {
            let mut editors = Vec::new();
            for (account, service) in statistics::by_editor(&requests) {
                let found = accounts::by_id(look.session(), AccountId(account)).await?;
                let name =
                    found.map_or_else(|| "an account that is gone".to_owned(), |one| one.name);
                editors.push((name, service));
            }
            Some(editors)
        }
        false => None,
    };
    let part = |title, has_more, decisions: &[rows::Decision]| {
        let weeks = statistics::weeks(decisions, WEEKS, now);
        let chart = chart(title, has_more, &weeks);
        let named = weeks.into_iter().rev().map(|week| (day(week.begins), week)).collect();
        Part { title, has_more, chart, weeks: named, service: statistics::service(decisions) }
    };
    let parts = vec![part("Requests", true, &requests), part("Removals", false, &removals)];
    let waiting = statistics::by_age(&waiting, now);
    let bars = waiting.map(|(label, count)| Bar { label, value: count as f64 });
    let open = Chart::bars("Waiting for an editor", &bars);
    Ok(Page(Statistics { frame, parts, waiting, open, editors }))
}

impl Part {
    /// How much nobody had to decide.
    fn automatic(&self) -> usize {
        self.weeks.iter().map(|(_, week)| week.automatic).sum()
    }
}

impl Statistics {
    /// How much waits, of any age.
    fn waits(&self) -> usize {
        self.waiting.iter().map(|(_, count)| count).sum()
    }
}

/// Decisions by week, as lines.
fn chart(title: &str, has_more: bool, weeks: &[Week]) -> Chart {
    let points = |count: fn(&Week) -> usize| -> Vec<(i64, f64)> {
        weeks.iter().map(|week| (week.begins.0 / 1_000_000, count(week) as f64)).collect()
    };
    let all: [(&str, Vec<(i64, f64)>); 6] = [
        ("approved", points(|week| week.approved)),
        ("rejected", points(|week| week.rejected)),
        ("without an editor", points(|week| week.automatic)),
        ("approved in part", points(|week| week.partly)),
        ("asked", points(|week| week.asked)),
        ("given up", points(|week| week.given_up)),
    ];
    let shown = if has_more { &all[..] } else { &all[..3] };
    let series: Vec<Series<'_>> =
        shown.iter().map(|(label, points)| Series { label, points }).collect();
    Chart::lines(&format!("{title} decided a week"), &series)
}

/// A length of time for people.
fn time(micros: i64) -> String {
    let hours = micros / 3_600_000_000;
    match hours {
        0 => "less than an hour".to_owned(),
        1 => "an hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{}.{} days", hours / 24, hours % 24 * 10 / 24),
    }
}

/// The day of a moment.
fn day(time: Timestamp) -> String {
    Moment(time).rfc3339().split('T').next().unwrap_or_default().to_owned()
}

/// A share, in per cent.
fn share(part: usize, all: usize) -> usize {
    (part * 100).checked_div(all).unwrap_or(0)
}

/// The class that marks a time against two and seven days.
fn mark(micros: i64) -> &'static str {
    match micros / DAY {
        ..2 => "good",
        2..7 => "warn",
        _ => "bad",
    }
}

/// Weeks that are shown.
const WEEKS: i64 = 12;
/// Rows that are counted.
const MOST: u32 = 100_000;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
