//! `/api`: what programs can do, for people; and the same as an OpenAPI document.

use askama::Template;
use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::api::{Described, Document, document};
use crate::app::App;
use crate::frame::{Frame, Page};
use crate::token::Scope;

/// The page.
#[derive(Template)]
#[template(path = "api.html")]
pub(crate) struct Docs {
    frame: Frame,
    document: &'static Document,
    origin: String,
    scopes: [Scope; 20],
}

/// `GET /api`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Page<Docs> {
    let origin = app.config.public_url.to_string();
    Page(Docs { frame, document: document(), origin, scopes: Scope::ALL })
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn openapi(State(app): State<App>) -> Json<Value> {
    let mut json = document().json.clone();
    json["info"]["title"] = app.config.title.clone().into();
    json["servers"] = serde_json::json!([{ "url": app.config.public_url.to_string() }]);
    Json(json)
}

impl Docs {
    /// The headings, each once, in order.
    fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<&'static str> = Vec::new();
        for one in &self.document.endpoints {
            if !groups.contains(&one.endpoint.group) {
                groups.push(one.endpoint.group);
            }
        }
        groups
    }

    /// What stands under a heading.
    fn of(&self, group: &str) -> Vec<&'static Described> {
        self.document.endpoints.iter().filter(|one| one.endpoint.group == group).collect()
    }
}

/// The place of a heading, for links.
fn place(group: &str) -> String {
    group.to_lowercase().replace(' ', "-")
}
