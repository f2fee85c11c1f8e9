//! `/api/v1/organisations/{id}/consistency`: how what an organisation has stands with DNS, as its page shows it.

use axum::Json;
use axum::extract::{Path, State};
use repute_database::consistency::{self, State as Dns};
use repute_registry::consistency::reasons;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::organisations::{READ_OR_QUEUE, visible};
use crate::api::{Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organisations/{id}/consistency", "Organisations", show)
            .says(
                "How the networks of an organisation stand with DNS",
                "Each is looked at about once a day: names and addresses have to lead to each other. `suspect` is what \
                 failed, `bad` what fails for three days; the first hundred of those are named, the worst first.",
            )
            .by(READ_OR_QUEUE)
            .answers::<Consistency>(),
    ]
}

/// How networks stand with DNS.
#[derive(Serialize, JsonSchema)]
struct Consistency {
    /// How many are not looked at yet.
    new: u64,
    /// Of how many all is well.
    ok: u64,
    /// Of how many something may be wrong.
    suspect: u64,
    /// How many are wrong for long.
    bad: u64,
    /// Those that are suspect or bad.
    unwell: Vec<Unwell>,
}

/// A network that is not well.
#[derive(Serialize, JsonSchema)]
struct Unwell {
    /// The network.
    key: String,
    /// `suspect` or `bad`.
    state: &'static str,
    /// Since when (RFC 3339).
    since: String,
    /// Since when looks at it fail (RFC 3339).
    failing: Option<String>,
    /// When it was last looked at (RFC 3339).
    looked: Option<String>,
    /// What is not as it should be.
    reasons: Vec<Why>,
}

/// What is not as it should be.
#[derive(Serialize, JsonSchema)]
struct Why {
    /// The address or network that it is about.
    about: String,
    /// What was seen.
    seen: String,
    /// How it is mended.
    mend: String,
}

/// `GET /api/v1/organisations/{id}/consistency`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Consistency>, AppError> {
    let id = visible(&app, &caller, id).await?.id;
    let mut look = app.database.look().await?;
    let counts = consistency::counts(look.session(), id).await?;
    let found = consistency::unwell(look.session(), id, MOST).await?;
    let time = |time| Moment(time).rfc3339();
    let one = |one: consistency::Watched| Unwell {
        key: one.key.to_string(),
        state: match one.standing.state {
            Dns::Ok => "ok",
            Dns::Suspect => "suspect",
            Dns::Bad => "bad",
        },
        since: time(one.standing.since),
        failing: one.standing.failing.map(time),
        looked: one.standing.looked.map(time),
        reasons: reasons(&one.standing)
            .into_iter()
            .map(|why| Why { about: why.about, seen: why.seen, mend: why.mend })
            .collect(),
    };
    Ok(Json(Consistency {
        new: counts.new,
        ok: counts.ok,
        suspect: counts.suspect,
        bad: counts.bad,
        unwell: found.into_iter().map(one).collect(),
    }))
}

/// So many networks are named.
const MOST: u32 = 100;
