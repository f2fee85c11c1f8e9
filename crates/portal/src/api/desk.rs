//! What editors have besides single requests: decisions about many at once, reasons to choose from, what rules propose,
//! and what on the lists should be looked at again.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::lists;
use repute_database::removals::RemovalId;
use repute_database::requests::RequestId;
use repute_database::rules::{self, ProposalId, ProposalState};
use repute_database::{Timestamp, consistency, reviews};
use repute_registry::bulk::{self, Impact, Outcome, Pick, Ruling, Tried};
use repute_registry::consistency::reasons;
use repute_registry::decision::Reason;
use repute_registry::publish;
use repute_registry::rule::proposal::{self, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::notice;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/queue/bulk", GROUP, decide)
            .says(
                "Decide requests and removals together",
                "Each by itself, by the same rules as alone: what cannot be decided is left out and says why. With \
                 `dry_run` nothing happens, and it says what would, with what the guards of a list would make of all of \
                 them together.",
            )
            .by(WRITE)
            .takes::<Many>()
            .answers::<Decided<'static>>(),
        Endpoint::get("/api/v1/queue/reasons", GROUP, canned)
            .says(
                "The reasons to reject, and the texts to choose from",
                "A text is sent as `why`, alone or with your own words.",
            )
            .by(READ)
            .answers::<Reasons>(),
        Endpoint::get("/api/v1/queue/upkeep", GROUP, upkeep)
            .says("What is on the lists and should be looked at", "Up to 200 of each kind.")
            .by(READ)
            .answers::<Upkeep>(),
        Endpoint::get("/api/v1/proposals", GROUP, proposals)
            .says("What rules propose", "Of all lists or one, page by page.")
            .by(READ)
            .query::<Wanted>()
            .answers::<Proposals>(),
        Endpoint::post("/api/v1/proposals/decide", GROUP, decide_proposals)
            .says(
                "Decide what rules propose",
                "All that are named or none. A refusal says why, and holds back what was seen until then.",
            )
            .by(WRITE)
            .takes::<OfProposals>()
            .answers::<DoneOfProposals>(),
    ]
}

/// It is decided.
#[derive(Serialize, JsonSchema)]
struct DoneOfProposals {
    /// Always true.
    done: bool,
    /// Why it is not in DNS before a second person has looked at a version of the list; none if it is.
    held: Option<String>,
    /// To which of them another editor has to agree before they are listed, by their numbers.
    waits: Vec<i64>,
}

/// What is decided about many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Many {
    /// What becomes of all of them.
    verdict: Word,
    /// Requests, in the versions that were read.
    #[serde(default)]
    requests: Vec<Picked>,
    /// Removals, by their numbers.
    #[serde(default)]
    removals: Vec<i64>,
    /// Why they are rejected, in a word: one of the reasons.
    reason: Option<String>,
    /// What else is to be said.
    #[serde(default)]
    why: String,
    /// Whether nothing is to happen.
    #[serde(default)]
    dry_run: bool,
}

/// What becomes of many.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    /// They are approved, and removals granted.
    Approve,
    /// They are rejected.
    Reject,
}

/// A request that is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Picked {
    /// Its number.
    id: i64,
    /// The version that was read.
    version: i64,
}

/// What became of many.
#[derive(Serialize, JsonSchema)]
struct Decided<'r> {
    /// Whether it happened, or only would.
    dry_run: bool,
    /// How many of them the guards of their lists keep back until another editor approves a version.
    held: usize,
    /// What became of each.
    results: &'r [OfOne],
}

/// What became of one.
#[derive(Serialize, Deserialize, JsonSchema)]
struct OfOne {
    /// The number of the request; nothing for a removal.
    request: Option<i64>,
    /// The number of the removal; nothing for a request.
    removal: Option<i64>,
    /// `done`, `waits` for a second editor, or `left-out`.
    outcome: Cow<'static, str>,
    /// Why it waits, or is left out.
    why: Option<String>,
    /// Networks that are newly listed by it.
    added: Vec<String>,
    /// Networks that leave the list by it.
    removed: Vec<String>,
    /// How many networks get another code.
    changed: usize,
    /// How many other things change.
    other: usize,
    /// Why the list's guards keep it back until another editor approves it; none if they do not.
    held: Option<String>,
}

/// Reasons to reject.
#[derive(Serialize, JsonSchema)]
struct Reasons {
    /// The reasons.
    reasons: Vec<OneReason>,
    /// Texts that this portal offers.
    texts: Vec<String>,
}

/// A reason to reject.
#[derive(Serialize, JsonSchema)]
struct OneReason {
    /// In a word.
    reason: &'static str,
    /// What whoever asked is told.
    text: String,
}

/// What should be looked at again.
#[derive(Serialize, JsonSchema)]
struct Upkeep {
    /// Networks whose names do not agree with them.
    bad: Vec<Bad>,
    /// Organisations that did not say in time that what they have is still right.
    overdue: Vec<Overdue>,
}

/// A network whose names do not agree with it.
#[derive(Serialize, JsonSchema)]
struct Bad {
    /// The network.
    key: String,
    /// The Id of the organisation.
    organisation: i64,
    /// What it is called.
    name: String,
    /// Since when looks at it fail (RFC 3339).
    failing: Option<String>,
    /// What was seen.
    seen: Vec<String>,
}

/// An organisation that did not look at its entries in time.
#[derive(Serialize, JsonSchema)]
struct Overdue {
    /// Its Id.
    organisation: i64,
    /// What it is called.
    name: String,
    /// How many entries.
    entries: u64,
    /// Since when (RFC 3339).
    since: String,
}

/// Which proposals.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// Of which list, by its apex; of all without it.
    list: Option<String>,
    /// `open`, `accepted` or `refused`; `open` without it.
    state: Option<String>,
    /// The number of the proposal after which to go on; with a list.
    after: Option<i64>,
}

/// Proposals.
#[derive(Serialize, JsonSchema)]
struct Proposals {
    /// The proposals: of each list up to 200.
    proposals: Vec<Proposed>,
}

/// A proposal.
#[derive(Serialize, JsonSchema)]
struct Proposed {
    /// Its number.
    id: i64,
    /// For which list.
    list: String,
    /// By which rule, by its number,
    rule: i64,
    /// in which version.
    version: i64,
    /// What would be listed.
    key: String,
    /// How many hits there were,
    hits: u64,
    /// from how many sources.
    from_sources: u32,
    /// When the last was (RFC 3339).
    last: String,
    /// Until when it would be listed.
    expires: String,
    /// Why it was not listed at once.
    note: String,
    /// Whether one editor agreed already, and another has to.
    agreed: bool,
    /// Since when it is proposed.
    created: String,
}

/// What is decided about proposals.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfProposals {
    /// What becomes of them.
    verdict: OfProposal,
    /// Which, by their numbers.
    proposals: Vec<i64>,
    /// Why.
    #[serde(default)]
    why: String,
}

/// What becomes of a proposal.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OfProposal {
    /// It is listed.
    Accept,
    /// It is not.
    Refuse,
}

/// `POST /api/v1/queue/bulk`.
async fn decide(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let many: Many = call.read()?;
    let picks = many.requests.iter().map(|one| Pick::Request(RequestId(one.id), one.version));
    let picks: Vec<Pick> =
        picks.chain(many.removals.iter().map(|id| Pick::Removal(RemovalId(*id)))).collect();
    if !(1..=MOST_AT_ONCE).contains(&picks.len()) {
        return Err(AppError::Wrong(format!("from 1 to {MOST_AT_ONCE} are decided at once")));
    }
    let ruling = match many.verdict {
        Word::Approve => Ruling::Approve,
        Word::Reject => {
            let word = many.reason.as_deref().unwrap_or_default();
            let unknown = || AppError::Wrong(format!("`{word}` is no reason to reject"));
            let reason = Reason::of_word(word).ok_or_else(unknown)?;
            Ruling::Reject(reason, many.why.trim().to_owned())
        }
    };
    // Each has a transaction of its own, which also keeps what became of it and of those before.
    let (person, now) = (call.caller.person(), Timestamp::now());
    let mut steps = call.steps::<OfOne>(&app).await?;
    let mut tried = Tried::default();
    loop {
        let Some(pick) = picks.get(steps.done.len()).copied() else {
            app.mail_waits.notify_one();
            let held = steps.done.iter().filter(|one| one.held.is_some()).count();
            let decided = Decided { dry_run: many.dry_run, held, results: &steps.done };
            if let Some(response) = steps.answer(&app, StatusCode::OK, &decided).await? {
                return Ok(response);
            }
            (steps, tried) = (call.steps(&app).await?, Tried::default());
            continue;
        };
        let mut transaction = app.database.begin().await?;
        let t = &mut transaction;
        if many.dry_run {
            let outcome = bulk::try_out(t, person, pick, &ruling, &mut tried, now).await?;
            steps.done.push(OfOne::of(pick, outcome));
            continue;
        }
        let (outcome, notices) = bulk::carry_out(t, person, pick, &ruling, now).await?;
        let is_made = matches!(outcome, Outcome::Done(_) | Outcome::Second(_));
        steps.done.push(OfOne::of(pick, outcome));
        if !is_made {
            continue;
        }
        if steps.keep(&mut transaction).await? {
            notice::put(&app, &mut transaction, &notices, now).await?;
            transaction.commit().await?;
        } else {
            drop(transaction);
            steps = call.steps(&app).await?;
        }
    }
}

impl OfOne {
    /// What became of one.
    fn of(pick: Pick, outcome: Outcome) -> OfOne {
        let (request, removal) = match pick {
            Pick::Request(id, _) => (Some(id.0), None),
            Pick::Removal(id) => (None, Some(id.0)),
        };
        let (outcome, why, impact) = match outcome {
            Outcome::Done(impact) => ("done", None, impact),
            Outcome::Second(why) => ("waits", Some(why), Impact::default()),
            Outcome::LeftOut(why) => ("left-out", Some(why), Impact::default()),
        };
        OfOne {
            request,
            removal,
            outcome: outcome.into(),
            why,
            added: impact.added.iter().map(ToString::to_string).collect(),
            removed: impact.removed.iter().map(ToString::to_string).collect(),
            changed: impact.changed,
            other: impact.other,
            held: impact.held,
        }
    }
}

/// `GET /api/v1/queue/reasons`.
async fn canned(State(app): State<App>) -> Json<Reasons> {
    let reason = |one: Reason| OneReason { reason: one.word(), text: one.to_string() };
    Json(Reasons {
        reasons: Reason::ALL.into_iter().map(reason).collect(),
        texts: app.config.canned_reasons.clone(),
    })
}

/// `GET /api/v1/queue/upkeep`.
async fn upkeep(State(app): State<App>) -> Result<Json<Upkeep>, AppError> {
    let mut look = app.database.look().await?;
    let bad = consistency::bad(look.session(), MOST).await?;
    let overdue = reviews::overdue(look.session(), Timestamp::now(), MOST).await?;
    let one = |(one, name): (consistency::Watched, String)| Bad {
        key: one.key.to_string(),
        organisation: one.organisation.0,
        name,
        failing: one.standing.failing.map(|since| Moment(since).rfc3339()),
        seen: reasons(&one.standing)
            .into_iter()
            .map(|reason| format!("{}: {}", reason.about, reason.seen))
            .collect(),
    };
    let late = |one: reviews::Overdue| Overdue {
        organisation: one.organisation.0,
        name: one.name,
        entries: one.entries,
        since: Moment(one.oldest).rfc3339(),
    };
    Ok(Json(Upkeep {
        bad: bad.into_iter().map(one).collect(),
        overdue: overdue.into_iter().map(late).collect(),
    }))
}

/// `GET /api/v1/proposals`.
async fn proposals(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Proposals>, AppError> {
    let state = match wanted.state.as_deref() {
        None | Some("open") => ProposalState::Open,
        Some("accepted") => ProposalState::Accepted,
        Some("refused") => ProposalState::Refused,
        Some(_) => return Err(AppError::Choice),
    };
    let mut look = app.database.look().await?;
    let of = match &wanted.list {
        Some(apex) => vec![stored(look.session(), apex).await?],
        None => lists::all(look.session()).await?,
    };
    let mut all = Vec::new();
    let after = wanted.after.filter(|_| wanted.list.is_some()).map(ProposalId);
    for list in of {
        for one in rules::proposals(look.session(), list.id, state, after, MOST).await? {
            all.push(Proposed {
                id: one.id.0,
                list: list.list.apex.to_string(),
                rule: one.rule.0,
                version: one.version,
                key: one.proposed.key.to_string(),
                hits: one.proposed.hits,
                from_sources: one.proposed.from_sources,
                last: Moment(one.proposed.last).rfc3339(),
                expires: Moment(one.proposed.expires).rfc3339(),
                note: one.proposed.note,
                agreed: one.agreed.is_some(),
                created: Moment(one.created).rfc3339(),
            });
        }
    }
    Ok(Json(Proposals { proposals: all }))
}

/// `POST /api/v1/proposals/decide`.
async fn decide_proposals(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let OfProposals { verdict, proposals, why } = call.read()?;
    if !(1..=MOST_AT_ONCE).contains(&proposals.len()) {
        return Err(AppError::Wrong(format!("from 1 to {MOST_AT_ONCE} are decided at once")));
    }
    let verdict = match verdict {
        OfProposal::Accept => Verdict::Accept,
        OfProposal::Refuse => Verdict::Refuse,
    };
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let ids: Vec<ProposalId> = proposals.into_iter().map(ProposalId).collect();
    proposal::take_lists(t, &ids).await?;
    let (mut made, mut waits) = (Vec::new(), Vec::new());
    for id in ids {
        match proposal::decide(t, person, id, verdict, why.trim(), now).await? {
            proposal::Decided::Listed(list, serial) => made.push((list, serial)),
            proposal::Decided::Waits(_) => waits.push(id.0),
            proposal::Decided::Refused => {}
        }
    }
    let mut held = None;
    for (list, serial) in &made {
        held = held.or(publish::prospect(t.session(), list, *serial).await?.held());
    }
    write.done(StatusCode::OK, &DoneOfProposals { done: true, held, waits }).await
}

/// To see what waits.
const READ: &[Scope] = &[Scope::QueueRead];
/// To decide.
const WRITE: &[Scope] = &[Scope::QueueWrite];
/// The heading.
const GROUP: &str = "Editors";
/// So many of a kind are shown.
const MOST: u32 = 200;
/// So many are decided at once.
const MOST_AT_ONCE: usize = 100;
