//! `/api/v1/queue`: what waits for editors, and what they decide.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::{self, OrganisationId};
use repute_database::lists::{self, ListId};
use repute_database::removals::{self, Removal, RemovalId};
use repute_database::requests::queue::{self, Filter, Order, Place};
use repute_database::requests::{self, RequestId};
use repute_database::{Session, Sought, Timestamp};
use repute_registry::decision::{self, Criterion, Decided, Reason, Terms, Verdict};
use repute_registry::kept_out::End;
use repute_registry::request::check::{Neighbour, Whose};
use repute_registry::request::state::State as Stage;
use repute_registry::{publish, removal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::entries::Listed;
use crate::api::requests::{Card, Found, Requests, Shown, network, service};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::card;
use crate::pages::entries::one::day_of;
use crate::pages::removal::{findings, neighbours, next_step, notes, refused};
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/queue", GROUP, show)
            .says(
                "Requests in a state",
                "By default those that wait, the oldest first. What is over comes with the latest change first. Two \
                 hundred at a time; `next` says where the others begin.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Requests>(),
        Endpoint::post("/api/v1/requests/{id}/review", GROUP, review)
            .says("Take a request, so that nobody else decides it meanwhile", "")
            .by(WRITE)
            .answers::<Shown>(),
        Endpoint::post("/api/v1/requests/{id}/decide", GROUP, decide)
            .says(
                "Decide a request that one has taken",
                "By the version that was read: if somebody changed the request meanwhile, it is refused (409). Where two \
                 editors must agree, the first one's approval waits for the second one's.",
            )
            .by(WRITE)
            .takes::<Decision>()
            .answers::<Outcome>(),
        Endpoint::post("/api/v1/requests/{id}/undo", GROUP, undo)
            .says("Take back what was decided", "By a new request, which is decided as any other.")
            .by(WRITE)
            .takes::<Why>()
            .creates::<Shown>(),
        Endpoint::get("/api/v1/removals", GROUP, waiting)
            .says(
                "Removals that wait for an editor",
                "Two hundred at a time, the oldest first; `next` says where the others begin.",
            )
            .by(READ)
            .query::<WantedRemovals>()
            .answers::<Removals>(),
        Endpoint::get("/api/v1/removals/{id}", GROUP, one)
            .says("One removal", "With the entries that it is about, those around them, and what DNS says now.")
            .by(READ)
            .answers::<Whole>(),
        Endpoint::post("/api/v1/removals/{id}/decide", GROUP, decide_removal)
            .says("Decide a removal", "A refusal says why, and so does any decision of an appeal.")
            .by(WRITE)
            .takes::<OfRemoval>()
            .answers::<RemovalOutcome>(),
    ]
}

/// Which requests.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// In which state, or `all`; without it `queued` or, if something is looked for, all.
    state: Option<String>,
    /// Of which list, by its apex.
    list: Option<String>,
    /// Of which organisation, by its Id.
    organisation: Option<i64>,
    /// Only those that wait longer than two days.
    #[serde(default)]
    late: bool,
    /// Only those on your desk, or with which you did something; without `state` in all states.
    #[serde(default)]
    mine: bool,
    /// Only those to which one editor agreed, and another has to.
    #[serde(default)]
    second: bool,
    /// What is looked for: a number, an address or network, or a part of the name or domain of the organisation or of
    /// the name or address of who asked.
    #[serde(default)]
    find: String,
    /// Where to go on, by the `next` of the page before.
    after: Option<String>,
}

/// Which removals.
#[derive(Deserialize, JsonSchema)]
struct WantedRemovals {
    /// From which list, by its apex.
    list: Option<String>,
    /// Only those that wait longer than two days.
    #[serde(default)]
    late: bool,
    /// Only those to which you agreed.
    #[serde(default)]
    mine: bool,
    /// Only those to which one editor agreed, and another has to.
    #[serde(default)]
    second: bool,
    /// What is looked for: a number, an address or network, or a part of what was asked about or of who asked.
    #[serde(default)]
    find: String,
    /// The number behind which to go on.
    after: Option<i64>,
}

/// What an editor decides.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
enum Decision {
    /// Some items are approved, and the others are not.
    Approve {
        /// The version of the request that was read.
        version: i64,
        /// The places of those that are approved, from 0 on.
        items: Vec<usize>,
        /// Why not the others.
        #[serde(default)]
        why: String,
        /// The short name of the criterion of the policy that they meet; empty for none, and without it the one that
        /// the request names.
        criterion: Option<String>,
        /// The day on which somebody should look at them again, such as 2026-03-01; without it as the request says,
        /// or in a year.
        review_on: Option<String>,
        /// Addresses and networks within those that are approved which become exclusions: they are not listed.
        #[serde(default)]
        without: Vec<String>,
    },
    /// Nothing is approved.
    Reject {
        /// The version of the request that was read.
        version: i64,
        /// `not-yours`, `fcrdns`, `naming`, `range`, `reputation`, `duplicate` or `policy`.
        reason: String,
        /// What else is to be said.
        #[serde(default)]
        why: String,
    },
    /// Who asks has to say more first.
    Ask {
        /// The version of the request that was read.
        version: i64,
        /// What.
        why: String,
    },
    /// Somebody else should decide.
    PutBack {
        /// The version of the request that was read.
        version: i64,
    },
}

/// A reason.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// In words.
    why: String,
}

/// What a decision led to.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    /// `published`, `waits` for a second editor, or `moved`.
    outcome: &'static str,
    /// Why a second editor has to agree.
    because: Option<String>,
    /// Why it is not in DNS before a second person has looked at a version of the list; none if it is.
    held: Option<String>,
    /// The request now.
    request: Shown,
}

/// Removals.
#[derive(Serialize, JsonSchema)]
struct Removals {
    /// The removals.
    removals: Vec<ShownRemoval>,
    /// The number behind which to go on, if there are more.
    next: Option<i64>,
}

/// A removal.
#[derive(Serialize, JsonSchema)]
struct ShownRemoval {
    /// Its number.
    id: i64,
    /// `removal`, or `appeal` of somebody who is locked out or was refused.
    kind: &'static str,
    /// From which list; nothing if that is gone.
    list: Option<String>,
    /// What was asked about.
    target: String,
    /// The key of the entry that lists it.
    key: String,
    /// What whoever asked says.
    reason: String,
    /// `sent`, `queued`, `granted`, `refused` or `expired`.
    state: &'static str,
    /// When it was asked for (RFC 3339).
    created: String,
    /// Whether one editor agreed already, and another has to.
    agreed: bool,
    /// The number of the removal with which it is decided, as that waited for the same entry before.
    joins: Option<i64>,
    /// `in-time`, `late` or `overdue`, by RFC 6471 section 2.2.6; for those that wait.
    service: Option<&'static str>,
}

/// A removal with the entries that it is about.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    removal: ShownRemoval,
    /// The entries.
    entries: Vec<Listed>,
    /// What DNS says of the address, asked now; none if it is no address, or you asked too often.
    findings: Option<Vec<Found>>,
    /// Entries around it, and within it.
    neighbours: Vec<Around>,
    /// What editors noted about the organisations that have the entries.
    notes: Vec<Noted>,
    /// What an editor said against it within 30 days, while it waits.
    refused: Option<RefusedBefore>,
    /// Those who asked for the same entry meanwhile: they are decided with it.
    joined: Vec<ShownRemoval>,
}

/// What an editor said against a removal before.
#[derive(Serialize, JsonSchema)]
struct RefusedBefore {
    /// When (RFC 3339).
    time: String,
    /// Why.
    why: String,
}

/// An entry around another one.
#[derive(Serialize, JsonSchema)]
struct Around {
    /// What it lists.
    network: String,
    /// The Id of the organisation that has it; none for an editor's or a feed's.
    organisation: Option<i64>,
    /// Whether it is that of the organisation that has the entry in question.
    own: bool,
}

/// A note of an editor.
#[derive(Serialize, JsonSchema)]
struct Noted {
    /// What it says.
    text: String,
    /// The editor's pseudonym in the audit log.
    actor: String,
    /// What the editor is called, as long as the account is there.
    name: Option<String>,
    /// When (RFC 3339).
    time: String,
}

/// What an editor decides about a removal.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
enum OfRemoval {
    /// It is taken off the list.
    Grant {
        /// How long no import brings it back: `as-the-list-says` (the default), `never` or `at-once`.
        #[serde(default)]
        kept_off: KeptOff,
        /// Why; needed for an appeal, and whoever asked reads it.
        #[serde(default)]
        why: String,
    },
    /// It stays.
    Refuse {
        /// Why.
        why: String,
    },
}

/// Until when imports do not bring something back.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum KeptOff {
    /// As long as the list says.
    #[default]
    AsTheListSays,
    /// They never do.
    Never,
    /// The next one may.
    AtOnce,
}

/// What a decision about a removal led to.
#[derive(Serialize, JsonSchema)]
struct RemovalOutcome {
    /// `granted`, `refused`, or `waits` for a second editor.
    outcome: &'static str,
    /// Why another editor has to agree, if it waits for one.
    because: Option<String>,
    /// Why it is not in DNS before a second person has looked at a version of the list; none if it is.
    held: Option<String>,
    /// What lists the target all the same, if the entry went.
    still: Option<ShownStill>,
    /// The removal now.
    removal: ShownRemoval,
}

/// An entry that lists a target after another one went.
#[derive(Serialize, JsonSchema)]
struct ShownStill {
    /// What it names.
    key: String,
    /// Why it is there; it may be empty.
    reason: String,
    /// What to do about it.
    next: String,
}

/// `GET /api/v1/queue`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Requests>, AppError> {
    let list = match &wanted.list {
        Some(apex) => Some(card(&app, apex).await?.id),
        None => None,
    };
    let unknown = |word: &str| AppError::Wrong(format!("`{word}` is no state of a request"));
    let sought = Sought::read(&wanted.find);
    let state = match wanted.state.as_deref() {
        Some("all") => None,
        Some(word) => Some(Stage::of_word(word).ok_or_else(|| unknown(word))?),
        None if sought.is_some() || wanted.mine || wanted.second => None,
        None => Some(Stage::Queued),
    };
    let order = match state {
        Some(state) if !state.is_over() => Order::LongestWait,
        Some(_) | None => Order::LatestChange,
    };
    let nowhere = |_| AppError::Wrong("`after` is no `next` of a page before".to_owned());
    let after: Option<Place> =
        wanted.after.as_deref().map(str::parse).transpose().map_err(nowhere)?;
    let filter = Filter {
        state: state.map(|state| state.word().to_owned()),
        list,
        organisation: wanted.organisation.map(OrganisationId),
        before: wanted.late.then(|| Timestamp(Timestamp::now().0 - decision::LATE)),
        editor: wanted.mine.then_some(caller.account.id),
        for_second: wanted.second,
        sought,
    };
    let mut look = app.database.look().await?;
    let mut found = queue::page(look.session(), &filter, order, after, MOST + 1).await?;
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let next = found.last().filter(|_| is_more).map(|last| Place::of(last, order).to_string());
    let mut cards = Vec::new();
    for request in &found {
        cards.push(Card::of(look.session(), request).await?);
    }
    Ok(Json(Requests { requests: cards, next }))
}

/// `POST /api/v1/requests/{id}/review`.
async fn review(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), RequestId(id));
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    decision::review(t, person, id, now).await?;
    let shown = Shown::of(t.session(), id).await?;
    write.done(StatusCode::OK, &shown).await
}

/// `POST /api/v1/requests/{id}/decide`.
async fn decide(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), RequestId(id));
    let (version, verdict) = match call.read()? {
        Decision::Approve { version, items: mut positions, why, criterion, review_on, without } => {
            positions.sort_unstable();
            positions.dedup();
            let criterion = match criterion.as_deref().map(str::trim) {
                None => Criterion::AsAsked,
                Some("") => Criterion::Nothing,
                Some(slug) => Criterion::This(slug.to_owned()),
            };
            let review = review_on.as_deref().map(day_of).transpose()?;
            let without = without.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
            let terms = Terms { criterion, review, without };
            (version, Verdict::Approve { positions, why, terms })
        }
        Decision::Reject { version, reason, why } => {
            let unknown = || AppError::Wrong(format!("`{reason}` is no reason to reject"));
            let reason = Reason::of_word(&reason).ok_or_else(unknown)?;
            (version, Verdict::Reject(reason, why))
        }
        Decision::Ask { version, why } => (version, Verdict::Ask(why)),
        Decision::PutBack { version } => (version, Verdict::PutBack),
    };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let (decided, notices) = decision::decide(t, person, id, version, &verdict, now).await?;
    write.tell(&notices).await?;
    let decided_serial = match &decided {
        Decided::Published(serial) => *serial,
        Decided::Waits(_) | Decided::Moved(_) => None,
    };
    let (outcome, because) = match decided {
        Decided::Published(_) => ("published", None),
        Decided::Waits(why) => ("waits", Some(why.to_string())),
        Decided::Moved(_) => ("moved", None),
    };
    let t = &mut write.transaction;
    let held = match (decided_serial, requests::by_id(t.session(), id).await?) {
        (Some(serial), Some(request)) => held(t.session(), request.new.list, serial).await?,
        (Some(_) | None, _) => None,
    };
    let request = Shown::of(t.session(), id).await?;
    write.done(StatusCode::OK, &Outcome { outcome, because, held, request }).await
}

/// Why a serial of a list is not published soon, if it is not.
async fn held(
    mut session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<Option<String>, AppError> {
    let list = lists::by_id(session.again(), list).await?.ok_or(AppError::NotFound)?;
    Ok(publish::prospect(session, &list, serial).await?.held())
}

/// `POST /api/v1/requests/{id}/undo`.
async fn undo(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, Why { why }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let new = decision::undo(t, person, RequestId(id), why.trim(), now).await?;
    let shown = Shown::of(t.session(), new).await?;
    write.done(StatusCode::CREATED, &shown).await
}

/// `GET /api/v1/removals`.
async fn waiting(
    State(app): State<App>,
    caller: Caller,
    Query(wanted): Query<WantedRemovals>,
) -> Result<Json<Removals>, AppError> {
    let list = match &wanted.list {
        Some(apex) => Some(card(&app, apex).await?.id),
        None => None,
    };
    let (sought, after) = (Sought::read(&wanted.find), wanted.after.map(RemovalId));
    let narrowed = removals::Narrowed {
        list,
        sought: sought.as_ref(),
        before: wanted.late.then(|| Timestamp(Timestamp::now().0 - decision::LATE)),
        editor: wanted.mine.then_some(caller.account.id),
        for_second: wanted.second,
        after,
    };
    let mut look = app.database.look().await?;
    let mut found = removals::queued(look.session(), &narrowed, MOST + 1).await?;
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let next = found.last().filter(|_| is_more).map(|last| last.id.0);
    let mut all = Vec::new();
    for removal in &found {
        all.push(ShownRemoval::of(look.session(), removal).await?);
    }
    Ok(Json(Removals { removals: all, next }))
}

/// `GET /api/v1/removals/{id}`.
async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Whole>, AppError> {
    let mut look = app.database.look().await?;
    let removal = removals::by_id(look.session(), RemovalId(id)).await?;
    let removal = removal.ok_or(AppError::NotFound)?;
    let found = entries::at(look.session(), removal.new.list, &removal.new.key).await?;
    let sources = entries::sources(look.session()).await?;
    let shown = ShownRemoval::of(look.session(), &removal).await?;
    let neighbours = neighbours(look.session(), &removal, &found).await?;
    let notes = notes(look.session(), &found).await?;
    let refused = refused(look.session(), &removal).await?;
    let mut joined = Vec::new();
    for other in removals::joined(look.session(), removal.id).await? {
        joined.push(ShownRemoval::of(look.session(), &other).await?);
    }
    drop(look);
    let findings = findings(&app, caller.account.id, &removal).await?;
    Ok(Json(Whole {
        removal: shown,
        refused: refused
            .map(|before| RefusedBefore { time: Moment(before.at).rfc3339(), why: before.why }),
        joined,
        findings: findings.map(|all| all.into_iter().map(Found::from).collect()),
        neighbours: neighbours.iter().map(Around::from).collect(),
        notes: notes
            .into_iter()
            .map(|note| Noted {
                text: note.text,
                actor: note.actor,
                name: note.name,
                time: Moment(note.time).rfc3339(),
            })
            .collect(),
        entries: found.iter().map(|entry| Listed::of(entry, &sources)).collect(),
    }))
}

/// `POST /api/v1/removals/{id}/decide`.
async fn decide_removal(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, id) = (call.caller.person(), RemovalId(id));
    let verdict = match call.read()? {
        OfRemoval::Grant { kept_off, why } => removal::Verdict::Grant {
            end: match kept_off {
                KeptOff::AsTheListSays => End::AsTheListSays,
                KeptOff::Never => End::Never,
                KeptOff::AtOnce => End::AtOnce,
            },
            why: why.trim().to_owned(),
        },
        OfRemoval::Refuse { why } => removal::Verdict::Refuse(why.trim().to_owned()),
    };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let (decided, notices) = removal::decide(t, person, id, &verdict, now).await?;
    write.tell(&notices).await?;
    let (outcome, because, serial, still) = match decided {
        removal::Decided::Waits(why) => ("waits", Some(why.to_string()), None, None),
        removal::Decided::Granted { serial, still } => ("granted", None, Some(serial), still),
        removal::Decided::Refused => ("refused", None, None, None),
    };
    let still = still.map(|still| ShownStill {
        key: still.key.to_string(),
        next: next_step(&still.outlook),
        reason: still.reason,
    });
    let t = &mut write.transaction;
    let removal = removals::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    let held = match serial {
        Some(serial) => held(t.session(), removal.new.list, serial).await?,
        None => None,
    };
    let removal = ShownRemoval::of(t.session(), &removal).await?;
    write.done(StatusCode::OK, &RemovalOutcome { outcome, because, held, still, removal }).await
}

impl ShownRemoval {
    /// Of a removal.
    async fn of(session: Session<'_>, removal: &Removal) -> Result<ShownRemoval, AppError> {
        let list = lists::by_id(session, removal.new.list).await?;
        Ok(ShownRemoval {
            id: removal.id.0,
            kind: removal.new.kind.word(),
            list: list.map(|list| list.list.apex.to_string()),
            target: removal.new.target.clone(),
            key: removal.new.key.to_string(),
            reason: removal.new.reason.clone(),
            state: removal.state.word(),
            created: Moment(removal.new.created).rfc3339(),
            agreed: removal.agreed.is_some(),
            joins: removal.joins.map(|first| first.0),
            service: (removal.state == removals::State::Queued)
                .then(|| service(removal.new.created)),
        })
    }
}

impl From<&Neighbour> for Around {
    fn from(neighbour: &Neighbour) -> Around {
        let (organisation, own) = match neighbour.whose {
            Whose::Own => (None, true),
            Whose::Others(id) => (Some(id), false),
            Whose::Nobodys => (None, false),
        };
        Around { network: neighbour.network.to_string(), organisation, own }
    }
}

/// To see what waits.
const READ: &[Scope] = &[Scope::QueueRead];
/// To decide.
const WRITE: &[Scope] = &[Scope::QueueWrite];
/// The heading.
const GROUP: &str = "Editors";
/// What is shown at once.
const MOST: u32 = 200;
