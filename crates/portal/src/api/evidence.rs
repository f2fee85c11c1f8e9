//! `/api/v1/evidence`: what spam traps, filters and people saw, from programs; and mail-abuse reports as they are.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::audit;
use repute_registry::changes::Cause;
use repute_registry::evidence::{self, Sighting, arf, batch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::lookup::parse;
use crate::token::{Scope, may_tell};

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/evidence", GROUP, take)
            .says(
                "Tell what was seen of addresses and names",
                "All of it is taken, or nothing; what was told before counts once. Rules turn it into entries or proposals within seconds. A trap is kept as \
                 a keyed digest from which nobody learns the address.",
            )
            .by(SCOPES)
            .takes::<Told>()
            .up_to(LARGE)
            .creates::<Taken>(),
        Endpoint::post("/api/v1/evidence/arf", GROUP, take_report)
            .says(
                "Hand on a mail-abuse report (ARF, RFC 5965)",
                "The body is the message as it came (`Content-Type: message/rfc822`).",
            )
            .by(SCOPES)
            .query::<From>()
            .reads("message/rfc822")
            .up_to(arf::MOST)
            .creates::<Taken>(),
    ]
}

/// What was seen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Told {
    /// From which source: one that an administrator has added.
    source: String,
    /// What it saw.
    observations: Vec<Seen>,
}

/// Something that was seen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The address or name that it is about.
    target: String,
    /// What, in a word: `spam`, `abuse`, `dictionary-attack`.
    class: String,
    /// When (RFC 3339, or seconds since 1970 as text); now without it.
    seen: Option<String>,
    /// How often; once without it.
    count: Option<u32>,
    /// The trap that was hit, if one was.
    trap: Option<String>,
    /// A few words about it, with no person in them.
    #[serde(default)]
    detail: String,
    /// What you call it: told again under the same name it counts once.
    id: Option<String>,
}

/// Who hands something on.
#[derive(Deserialize, JsonSchema)]
struct From {
    /// The source: one that an administrator has added.
    source: String,
}

/// It is taken.
#[derive(Serialize, JsonSchema)]
struct Taken {
    /// How many observations were taken.
    taken: u64,
    /// How many were told before, and do not count again.
    known: u64,
}

/// `POST /api/v1/evidence`.
async fn take(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let Told { source, observations } = call.read()?;
    let mut sightings = Vec::with_capacity(observations.len());
    for (place, seen) in observations.into_iter().enumerate() {
        let wrong = |why: String| AppError::Wrong(format!("observation {}: {why}", place + 1));
        let target = parse(&seen.target);
        let target = target.map_err(|error| wrong(format!("`{}` is {error}", seen.target)))?;
        let time = seen.seen.as_deref().map(batch::time).transpose();
        sightings.push(Sighting {
            target,
            class: seen.class,
            seen: time.map_err(|error| wrong(error.to_string()))?.unwrap_or(call.now()),
            count: seen.count.unwrap_or(1),
            trap: seen.trap,
            detail: seen.detail,
            id: seen.id,
        });
    }
    write(&app, &call, &source, &sightings).await
}

/// `POST /api/v1/evidence/arf`.
async fn take_report(
    State(app): State<App>,
    Query(From { source }): Query<From>,
    call: Call,
) -> Result<Response, AppError> {
    let message = call.bytes("message/rfc822")?;
    let sightings = arf::read(message, call.now());
    let sightings = sightings.map_err(|error| AppError::Wrong(error.to_string()))?;
    write(&app, &call, &source, &sightings).await
}

/// Takes what was seen.
async fn write(
    app: &App,
    call: &Call,
    source: &str,
    sightings: &[Sighting],
) -> Result<Response, AppError> {
    let mut write = call.begin(app).await?;
    let (token, account) = (call.caller.token.id, &call.caller.account);
    may_tell(write.transaction.session(), (token, account), source).await?;
    let (t, now, key) = (&mut write.transaction, write.now, Some(&app.means.key));
    let cause = Cause {
        actor: audit::actor(t.session(), call.caller.account.id.0).await?,
        action: "evidence.take".to_owned(),
        reason: "by the API".to_owned(),
    };
    let told = &mut evidence::Told::default();
    let evidence::Taken { taken, known } =
        evidence::take(t, source, (sightings, told), key, &cause, now).await?;
    write.done(StatusCode::CREATED, &Taken { taken, known }).await
}

/// Who may.
const SCOPES: &[Scope] = &[Scope::EvidenceWrite];
/// The heading.
const GROUP: &str = "Evidence";
/// Bytes of ten thousand observations, and more.
const LARGE: usize = 4 * 1024 * 1024;
