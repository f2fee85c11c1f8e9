//! `/`: what lists there are, and the form to look somebody up.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::overview::ListCard;

/// The first page.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Home {
    frame: Frame,
    lists: Arc<Vec<ListCard>>,
}

/// `GET /`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Result<Page<Home>, AppError> {
    let lists = app.overview.get(&app.database, &*app.zones).await?;
    Ok(Page(Home { frame, lists }))
}

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each_narrow;

    use crate::testing::Site;

    #[tokio::test]
    async fn lists_are_named_escaped_and_counted() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database.clone());
            site.get("/").await.says(&["There are no lists yet"]);
            // Lists are remembered for a moment.
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            let page = site.get("/").await;
            page.says(&[
                "The list &#60;bl.example&#62;",
                "block list",
                "addresses",
                "/lists/bl.example",
            ]);
            let list = site.get("/lists/BL.example.").await;
            list.says(&[
                "reject_rbl_client bl.example=",
                "eval:check_rbl(&#39;BL_EXAMPLE-lastexternal&#39;, &#39;bl.example.&#39;,",
                "dig +short 2.0.0.127.bl.example A",
                "No policy is published yet",
                "mailto:lists@example.org",
                "not here",
            ]);
            site.get("/status").await.says(&["1 of 1 lists is not answered here"]);
        })
        .await;
    }
}
