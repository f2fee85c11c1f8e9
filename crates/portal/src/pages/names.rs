//! `/lookup/names`: whether the names of an address lead back to it, asked of DNS while somebody waits. Pages about an
//! address load the answer from here once they are there.

use std::net::IpAddr;
use std::time::Instant;

use askama::Template;
use axum::extract::{Query, State};
use repute_dnsxl::Target;
use repute_registry::request::check::{self, Check, Finding};
use repute_registry::request::evidence;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::limits::{Deed, Doer};
use crate::lookup::parse;
use crate::pages::request::outcome_mark;
use crate::spans::Spans;
use crate::visitor::Visitor;

/// The page.
#[derive(Template)]
#[template(path = "names.html")]
pub(crate) struct Names {
    frame: Frame,
    address: IpAddr,
    findings: Vec<Finding>,
}

/// What is asked about.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    target: String,
}

/// `GET /lookup/names?target=...`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Query(Asked { target }): Query<Asked>,
) -> Result<Page<Names>, AppError> {
    let target = parse(&target).map_err(|error| AppError::Target(error.to_string()))?;
    let address = match target {
        Target::Ipv4(address) => IpAddr::V4(address),
        Target::Ipv6(address) => IpAddr::V6(address),
        Target::Name(_) => return Err(AppError::Target("no address: names have none".to_owned())),
    };
    let doer = Doer::at(visitor.address);
    app.limits.take(Deed::Ask, &doer, Instant::now()).map_err(AppError::TooMany)?;
    let findings = look(&app, address).await?;
    Ok(Page(Names { frame, address, findings }))
}

/// Asks DNS how the names of an address look.
pub(crate) async fn look(app: &App, address: IpAddr) -> Result<Vec<Finding>, AppError> {
    let look = &app.means.look;
    let found = evidence::of_addresses(vec![address], &look.resolvers, look.timeout).await;
    let found = found.map_err(AppError::Sockets)?;
    let findings = found.iter().flat_map(|evidence| check::names(evidence, &[]));
    // Whose domain it is nobody asked.
    Ok(findings.filter(|finding| finding.check != Check::Domain).collect())
}

/// What a check is about, for people.
pub(crate) fn title(finding: &Finding) -> &'static str {
    match finding.check {
        Check::Fcrdns => "Its name leads back to it",
        Check::Naming => "The name is that of a server",
        Check::Range | Check::Domain | Check::Conflict | Check::Category | Check::Elsewhere => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn what_no_resolver_says_is_said_to_be_unknown_with_the_line_to_ask() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let page = site.get("/lookup/names?target=192.0.2.7").await;
            page.says(&["192.0.2.7", "no resolver says whether", "dig +short -x 192.0.2.7"]);
            for target in ["mail.example", "", "%3Cb%3E"] {
                let answer = site.get(&format!("/lookup/names?target={target}")).await;
                assert_eq!(answer.status, axum::http::StatusCode::BAD_REQUEST, "{target}");
            }
        })
        .await;
    }
}
