//! `/lookup`: what our lists say of somebody.

use std::time::Instant;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::accounts::Role;
use repute_database::kept_out::{self, KeptOut};
use repute_database::lists::Leaving;
use repute_database::{Key, Timestamp};
use repute_dnsxl::{Name, Target};
use repute_registry::elsewhere::{self, Elsewhere};
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::limits::{Deed, Doer};
use crate::lookup::{Finding, look_up, parse};
use crate::moment::Moment;
use crate::visitor::Visitor;

/// The page.
#[derive(Template)]
#[template(path = "lookup.html")]
pub(crate) struct LookUp {
    frame: Frame,
    typed: String,
    fault: Option<String>,
    target: String,
    findings: Vec<Finding>,
    /// What imports do not bring back of it, for editors: the list and what is said.
    kept_out: Vec<(Name, KeptOut)>,
    /// How many lists of others can be asked.
    others: usize,
}

/// What is asked about.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    target: String,
}

/// `GET /lookup?target=...`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Query(Asked { target: typed }): Query<Asked>,
) -> Result<Response, AppError> {
    limit(&app, &visitor)?;
    let others = app.means.elsewhere.as_ref().map_or(0, Elsewhere::count);
    let (fault, target) = (None, String::new());
    let (findings, kept_out) = (Vec::new(), Vec::new());
    let mut page = LookUp { frame, typed, fault, target, findings, kept_out, others };
    if page.typed.trim().is_empty() {
        return Ok(Page(page).into_response());
    }
    match parse(&page.typed) {
        Ok(target) => {
            page.findings = look_up(&app, &target).await?;
            page.target = target.to_string();
            if visitor.role() >= Some(Role::Editor) {
                page.kept_out = kept_out_of(&app, &target, &page.findings).await?;
            }
            if elsewhere::reserved(&target).is_some() {
                page.others = 0;
            }
            Ok(Page(page).into_response())
        }
        Err(error) => {
            page.fault = Some(error.to_string());
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
    }
}

/// What imports do not bring back of a target, on the lists that take it.
async fn kept_out_of(
    app: &App,
    target: &Target,
    findings: &[Finding],
) -> Result<Vec<(Name, KeptOut)>, AppError> {
    let (keys, now) = (Key::over(target), Timestamp::now());
    let mut look = app.database.look().await?;
    let mut all = Vec::new();
    for card in findings.iter().map(|finding| &finding.card) {
        let found = kept_out::among(look.session(), card.id, &keys, now).await?;
        all.extend(found.into_iter().map(|one| (card.list.apex.clone(), one)));
    }
    Ok(all)
}

/// Lets somebody look something up, if that is not too much.
pub(crate) fn limit(app: &App, visitor: &Visitor) -> Result<(), AppError> {
    if !app.config.limit_look_ups {
        return Ok(());
    }
    let doer = Doer::at(visitor.address);
    app.limits.take(Deed::LookUp, &doer, Instant::now()).map_err(AppError::TooMany)
}

impl LookUp {
    /// Whether it is an address, which has names.
    fn is_address(&self) -> bool {
        self.target.parse::<std::net::IpAddr>().is_ok()
    }

    /// How many lists have the target.
    fn listed(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_listed()).count()
    }

    /// The class of the whole: bad if one that blocks has it.
    fn mark(&self) -> &'static str {
        let is_bad = self.findings.iter().any(|finding| finding.mark() == "bad");
        if is_bad { "bad" } else { "good" }
    }
}

#[cfg(test)]
mod tests {
    use repute_database::entries::{self, Entry};
    use repute_database::testing::on_each_narrow;
    use repute_database::{audit, lists};

    use super::*;
    use crate::testing::Site;
    use crate::zones::Standing;

    /// Lists an address of which somebody has written the reason.
    async fn list(site: &Site) {
        let id = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let code = "127.0.0.2".parse().expect("a code");
        lists::set_code(t.session(), id, code, "sends spam").await.expect("it is set");
        let version = lists::publish_policy(t.session(), id, "Traps.", Timestamp(1)).await;
        let version = version.expect("it is published");
        let criterion = lists::add_criterion(
            t.session(),
            id,
            version,
            "trap",
            ("A trap was hit", "Clean up."),
            Timestamp(1),
        );
        let id_of = criterion.await.expect("it is added");
        let criterion = lists::named(t.session(), id_of).await.expect("it is there");
        // What it says later is not what the entry was listed by.
        let (session, later) = (t.session(), Timestamp(1_900_000_000_000_000));
        let changed = lists::change_criterion(session, id_of, "Something else", "x", later);
        assert_eq!(changed.await.expect("it is changed"), 2);
        let source = entries::source(t.session(), "test").await.expect("a source");
        let entry = |key: &str, is_listed: bool| Entry {
            key: key.parse().expect("a key"),
            code: is_listed.then_some(code),
            text: String::new(),
            reason: "<script>alert(1)</script>".to_owned(),
            criterion: Some(criterion),
            source,
            organisation: None,
            since: Timestamp(1_772_373_906_000_000),
            expires: None,
            review: Some(Timestamp(1_803_909_906_000_000)),
        };
        let all = [entry("192.0.2.0/24", true), entry("192.0.2.9", false)];
        entries::put(t.session(), id, &all).await.expect("they are written");
        transaction.commit().await.expect("it is committed");
    }

    #[tokio::test]
    async fn a_listing_says_why_since_when_and_how_to_get_out() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            list(&site).await;
            let page = site.get("/lookup?target=192.0.2.7").await;
            assert!(!page.text.contains("Something else"), "{}", page.text);
            page.says(&[
                "192.0.2.7 is on 1 of 1",
                "sends spam",
                "A trap was hit",
                "2026-03-01 14:05",
                "Looked at again</dt><dd><time datetime=\"2027-03-01T14:05:06Z\">",
                "<a href=\"/lists/bl.example#policy-1\">version 1</a>",
                "How to get out",
                "192.0.2.0/24",
                "&#60;script&#62;",
                "lists@example.org",
            ]);
            assert!(!page.text.contains("<script>"));
            for other in ["192.0.2.9", "198.51.100.1"] {
                let page = site.get(&format!("/lookup?target={other}")).await;
                page.says(&["is on none of our lists", "not listed"]);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn editors_see_what_imports_do_not_bring_back() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let id = site.add_list("bl.example").await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let actor = audit::actor(transaction.session(), 5).await.expect("a pseudonym");
            let kept = KeptOut {
                key: "9.9.9.0/24".parse().expect("a key"),
                code: "127.0.0.3".parse().ok(),
                since: Timestamp(1),
                until: None,
                actor,
                reason: "removal <7>".to_owned(),
            };
            kept_out::put(transaction.session(), id, &kept).await.expect("it is written");
            transaction.commit().await.expect("it is committed");
            let words = ["Kept out by a decision", "9.9.9.0/24 127.0.0.3", "removal &#60;7&#62;"];
            let page = site.get("/lookup?target=9.9.9.9").await;
            assert!(!page.text.contains(words[0]), "that is for editors");
            site.become_role(Some(Role::Editor)).await;
            site.get("/lookup?target=9.9.9.9").await.says(&words);
            let page = site.get("/lookup?target=9.9.8.9").await;
            assert!(!page.text.contains(words[0]), "another network");
        })
        .await;
    }

    #[tokio::test]
    async fn what_dns_answers_counts_before_what_is_registered() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            list(&site).await;
            let name = "bl.example".parse().expect("a name");
            let target = "198.51.100.1".parse().expect("a target");
            let code = "127.0.0.9".parse().expect("a code");
            let row = (name, target, Standing::Listed(vec![code]));
            site.zones.0.lock().expect("nobody panicked").push(row);
            site.get("/lookup?target=198.51.100.1").await.says(&["127.0.0.9", "is on 1 of 1"]);
            site.get("/lookup?target=192.0.2.7").await.says(&["is on none of our lists"]);
        })
        .await;
    }

    #[tokio::test]
    async fn programs_get_json_and_problems_as_json() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            list(&site).await;
            let answer = site.get("/api/v1/lookup?target=192.0.2.7").await;
            let json: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
            let list = &json["lists"][0];
            assert_eq!(json["target"], "192.0.2.7");
            assert_eq!((&list["list"], &list["listed"]), (&"bl.example".into(), &true.into()));
            assert_eq!(list["codes"][0]["meaning"], "sends spam");
            assert_eq!(list["entries"][0]["criterion"], "trap");
            assert_eq!(list["entries"][0]["since"], "2026-03-01T14:05:06Z");

            let wrong = site.get("/api/v1/lookup?target=192.0.2.0/24").await;
            assert_eq!(wrong.status, 400);
            assert_eq!(wrong.header("content-type"), "application/problem+json");
            wrong.says(&["a network: look up one of its addresses"]);
            let page = site.get("/lookup?target=%3Cb%3E").await;
            assert_eq!(page.status, 422);
            page.says(&["role=\"alert\"", "&#60;b&#62;"]);
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_asks_too_often_is_told_to_wait() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let mut last = site.get("/lookup").await;
            for _ in 0..130 {
                last = site.get("/lookup").await;
            }
            assert_eq!(last.status, 429);
            assert_eq!(last.header("retry-after"), "1");
            last.says(&["Too often"]);
        })
        .await;
    }
}
