//! `/lookup/elsewhere`: what lists of others say of a target, asked because somebody wants to know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Query, State};
use repute_database::Timestamp;
use repute_dnsxl::Polarity;
use repute_registry::elsewhere::{Opinion, Refusal, Report, Says, reserved};
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::limits::{Deed, Doer};
use crate::lookup::parse;
use crate::moment::Moment;
use crate::visitor::Visitor;

/// The page.
#[derive(Template)]
#[template(path = "elsewhere.html")]
pub(crate) struct ElsewherePage {
    frame: Frame,
    report: Arc<Report>,
}

/// What is asked about.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

/// `GET /lookup/elsewhere?q=...`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Query(Asked { q }): Query<Asked>,
) -> Result<Page<ElsewherePage>, AppError> {
    let lists = app.means.elsewhere.as_ref().ok_or(AppError::NotFound)?;
    let target = parse(&q).map_err(|error| AppError::Target(error.to_string()))?;
    if let Some(what) = reserved(&target) {
        return Err(AppError::Wrong(Refusal::Reserved(what).to_string()));
    }
    let report = match lists.kept(&target) {
        // What is known already costs nobody anything.
        Some(report) => report,
        None => {
            let now = Instant::now();
            let account = visitor.member.as_ref().map(|member| Doer::Account(member.account.id.0));
            for doer in [Some(Doer::at(visitor.address)), account].into_iter().flatten() {
                app.limits.take(Deed::Elsewhere, &doer, now).map_err(AppError::TooMany)?;
            }
            lists.ask(&target).await.map_err(|_| AppError::TooMany(BUSY))?
        }
    };
    Ok(Page(ElsewherePage { frame, report }))
}

impl ElsewherePage {
    /// When the lists were asked.
    fn asked(&self) -> Moment {
        Moment(Timestamp(i64::try_from(self.report.asked).unwrap_or(0) * 1_000_000))
    }

    /// What the block lists come to.
    fn summary(&self) -> String {
        let (target, block) = (&self.report.target, Polarity::Block);
        let of_block = || self.report.opinions.iter().filter(|one| one.polarity == block);
        let silent = of_block().filter(|one| matches!(one.says, Says::Unknown(_))).count();
        let answered = of_block().count() - silent;
        match (answered, self.report.listed(block).count()) {
            (0, _) => format!("No block list of others said anything of {target}"),
            (_, 0) => format!("{target} is on none of {answered} block lists of others"),
            (_, listed) => format!("{target} is on {listed} of {answered} block lists of others"),
        }
    }

    /// The class of the whole.
    fn mark(&self) -> &'static str {
        match (self.report.is_void(), self.report.listed(Polarity::Block).next()) {
            (true, _) => "idle",
            (false, Some(_)) => "bad",
            (false, None) => "good",
        }
    }

    /// The lists: first those that have it, then those that did not say, then those that have it not.
    fn groups(&self) -> Vec<(&'static str, Vec<&Opinion>)> {
        let of = |is: fn(&Says) -> bool| {
            self.report.opinions.iter().filter(|one| is(&one.says)).collect::<Vec<_>>()
        };
        let mut groups = vec![
            ("These have it", of(|says| matches!(says, Says::Listed(..)))),
            ("These did not say", of(|says| matches!(says, Says::Unknown(_)))),
            ("These do not have it", of(|says| matches!(says, Says::NotListed))),
        ];
        groups.retain(|(_, opinions)| !opinions.is_empty());
        groups
    }
}

/// The class that marks what a list says: what is bad on one is good on another.
fn mark(opinion: &Opinion) -> &'static str {
    match (opinion.polarity, opinion.is_listed()) {
        (Polarity::Block, true) => "bad",
        (Polarity::Block, false) | (Polarity::Allow, true) => "good",
        (Polarity::Allow, false) | (Polarity::Info, _) => "idle",
    }
}

/// Whether a list is called otherwise than by its zone.
fn has_name(opinion: &Opinion) -> bool {
    opinion.title != opinion.zone.to_string()
}

/// When to come again if too much is being asked.
const BUSY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn other_lists_are_asked_on_request_and_silence_is_no_answer() {
        on_each_narrow(async |database| {
            let mut site = Site::asking_another_list(database);
            let offer = "action=\"/lookup/elsewhere\"";
            site.get("/lookup?target=8.8.8.8").await.says(&[offer, "Ask other lists too"]);
            let page = site.get("/lookup/elsewhere?q=8.8.8.8").await;
            page.says(&[
                "No block list of others said anything of 8.8.8.8",
                "bl.example",
                "unknown",
            ]);
            assert!(!page.text.contains("not listed"));
            // Of what is private nobody is asked.
            for target in ["10.0.0.1", "192.0.2.7", "fe80::1", "printer.local", "mail"] {
                let page = site.get(&format!("/lookup?target={target}")).await;
                assert!(!page.text.contains(offer), "{target}");
                let answer = site.get(&format!("/lookup/elsewhere?q={target}")).await;
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{target}");
            }
            assert_eq!(site.get("/lookup/elsewhere").await.status, StatusCode::BAD_REQUEST);
        })
        .await;
    }

    #[tokio::test]
    async fn who_asks_for_others_too_often_is_told_to_wait_but_not_for_what_is_known() {
        on_each_narrow(async |database| {
            let mut site = Site::asking_another_list(database);
            for last in 0..6 {
                let answer = site.get(&format!("/lookup/elsewhere?q=8.8.8.{last}")).await;
                assert_eq!(answer.status, StatusCode::OK);
            }
            let answer = site.get("/lookup/elsewhere?q=8.8.8.9").await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(site.get("/lookup/elsewhere?q=8.8.8.5").await.status, StatusCode::OK);
        })
        .await;
    }

    #[tokio::test]
    async fn a_portal_that_asks_nobody_else_offers_nothing() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let page = site.get("/lookup?target=8.8.8.8").await;
            assert!(!page.text.contains("/lookup/elsewhere"));
            let answer = site.get("/lookup/elsewhere?q=8.8.8.8").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        })
        .await;
    }
}
