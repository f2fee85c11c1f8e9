//! `/api/v1/requests`: an organisation asks for a change of a list, and sees what the checks see.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::OrganisationId;
use repute_database::organisations::find;
use repute_database::requests::{self, Request, RequestId};
use repute_database::{Session, Timestamp, lists};
use repute_dnsxl::Network;
use repute_registry::permission::{self, Action};
use repute_registry::request::check::Finding;
use repute_registry::request::item::Item;
use repute_registry::request::{self, Draft};
use repute_registry::{decision, organisation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done, READ_OR_QUEUE, visible};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::check;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::card;
use crate::pages::entries::one::day_of;
use crate::pages::request::with_category;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organisations/{id}/requests", GROUP, of_organisation)
            .says(
                "What an organisation asked for",
                "The latest request first, a hundred at a time; `next` says where the others begin.",
            )
            .by(READ_OR_QUEUE)
            .query::<Earlier>()
            .answers::<Requests>(),
        Endpoint::post("/api/v1/organisations/{id}/checks", GROUP, check)
            .says(
                "What the checks say of a request",
                "Nothing is handed in. DNS and lists of others are asked about the addresses, so this takes a moment, 20 seconds at \
                 the most; what was not looked at by then is said to be so.",
            )
            .by(WRITE)
            .takes::<Wanted>()
            .only_asks()
            .answers::<Checked>(),
        Endpoint::post("/api/v1/organisations/{id}/requests", GROUP, submit)
            .says(
                "Ask for a change of a list",
                "It is checked and handed in. What only takes an organisation's own entries off an allow list needs \
                 nobody and is on its way at once; all else waits for an editor. Addresses can be asked for once a \
                 domain of the organisation is proven (`POST /api/v1/claims`); what is open already is refused (409).",
            )
            .by(WRITE)
            .takes::<Wanted>()
            .creates::<Shown>(),
        Endpoint::get("/api/v1/requests/{id}", GROUP, show)
            .says("One request", "With its items, what the checks found, and its history.")
            .by(READ_OR_QUEUE)
            .answers::<Shown>(),
        Endpoint::post("/api/v1/requests/{id}/answer", GROUP, answer)
            .says("Go on with a request that an editor asked about", "Perhaps without some items.")
            .by(WRITE)
            .takes::<Answer>()
            .answers::<Shown>(),
        Endpoint::post("/api/v1/requests/{id}/withdraw", GROUP, withdraw)
            .says("Take a request back", "")
            .by(WRITE)
            .answers::<Done>(),
    ]
}

/// What somebody asks for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of which list, by its apex.
    list: String,
    /// Why.
    #[serde(default)]
    reason: String,
    /// What, one thing after the other.
    items: Vec<Typed>,
    /// The short name of the criterion of the policy that the addresses meet.
    criterion: Option<String>,
    /// The day on which somebody should look at them again, such as 2026-03-01; in a year without it.
    review_on: Option<String>,
}

/// Something that is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Typed {
    /// List a network with a code.
    Add {
        /// An address or a network.
        network: String,
        /// With which code: `127.0.5.1`.
        code: String,
    },
    /// Take a network off the list.
    Remove {
        /// An address or a network.
        network: String,
    },
    /// List a network with another code.
    Rescore {
        /// An address or a network.
        network: String,
        /// With which code from now on.
        code: String,
    },
    /// Another name for the organisation.
    Name {
        /// The name.
        name: String,
    },
    /// Another website.
    Website {
        /// Its URL.
        website: String,
    },
    /// Another category on the list.
    Category {
        /// The category's number.
        category: u8,
    },
}

/// Which part of the requests.
#[derive(Deserialize, JsonSchema)]
struct Earlier {
    /// Those before this number, by the `next` of the page before.
    before: Option<i64>,
}

/// What an author answers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// What he says.
    #[serde(default)]
    words: String,
    /// The places of items that are dropped, from 0 on.
    #[serde(default)]
    drop: Vec<usize>,
    /// The number of a category that is asked for, too.
    category: Option<u8>,
}

/// What the checks say.
#[derive(Serialize, JsonSchema)]
struct Checked {
    /// What they found.
    findings: Vec<Found>,
}

/// What a check found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    /// Which check.
    check: String,
    /// `pass`, `unclear`, `warn` or `fail`.
    outcome: String,
    /// The address or network it is about.
    about: String,
    /// What was seen.
    seen: String,
    /// How it is mended; empty if there is nothing to mend.
    mend: String,
}

/// Requests.
#[derive(Serialize, JsonSchema)]
pub(super) struct Requests {
    /// The requests.
    pub(super) requests: Vec<Card>,
    /// Where to go on, if there are more.
    pub(super) next: Option<String>,
}

/// A request.
#[derive(Serialize, JsonSchema)]
pub(super) struct Card {
    /// Its number.
    id: i64,
    /// In whose name.
    organisation: i64,
    /// Whether that has anything on any list; else nothing of it is published yet.
    published: bool,
    /// Of which list; nothing if that is gone.
    list: Option<String>,
    /// Where it stands: `queued`, `in-review`, `published` and others.
    state: String,
    /// Why.
    reason: String,
    /// Which request it takes back.
    undoes: Option<i64>,
    /// When it was begun (RFC 3339).
    created: String,
    /// When it was handed in.
    submitted: Option<String>,
    /// The serial with which it came on the list.
    serial: Option<u32>,
    /// The version of the list's policy by which it was decided.
    policy: Option<i64>,
    /// The short name of the criterion that it names.
    criterion: Option<String>,
    /// The day on which somebody should look again, if it names one.
    review_on: Option<String>,
    /// Which version of it this is: a decision names the one it is about.
    version: i64,
    /// `in-time`, `late` or `overdue`, by RFC 6471 section 2.2.6; for those that wait.
    service: Option<&'static str>,
}

/// A request with all that is in it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shown {
    #[serde(flatten)]
    card: Card,
    /// What it asks for.
    items: Vec<ShownItem>,
    /// What the checks found.
    findings: Vec<Found>,
    /// What happened to it.
    history: Vec<Event>,
}

/// An item of a request.
#[derive(Serialize, JsonSchema)]
struct ShownItem {
    /// Its place, from 0 on.
    place: usize,
    /// `add`, `remove`, `rescore`, `name`, `website` or `category`.
    action: String,
    /// On what.
    subject: String,
    /// With which code; empty if it names none.
    code: String,
    /// `open`, `approved` or `rejected`.
    outcome: &'static str,
}

/// Something that happened to a request.
#[derive(Serialize, JsonSchema)]
struct Event {
    /// When (RFC 3339).
    time: String,
    /// Where it stood from then on.
    state: String,
    /// Why it was rejected, in a word.
    reason: String,
    /// What was said.
    text: String,
}

/// `GET /api/v1/organisations/{id}/requests`.
async fn of_organisation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(Earlier { before }): Query<Earlier>,
) -> Result<Json<Requests>, AppError> {
    let id = visible(&app, &caller, id).await?.id;
    let mut look = app.database.look().await?;
    let before = before.map(RequestId);
    let mut found = requests::of_organisation(look.session(), id, before, MOST + 1).await?;
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let next = found.last().filter(|_| is_more).map(|last| last.id.0.to_string());
    let mut cards = Vec::new();
    for request in &found {
        cards.push(Card::of(look.session(), request).await?);
    }
    Ok(Json(Requests { requests: cards, next }))
}

/// `POST /api/v1/organisations/{id}/checks`.
async fn check(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Json<Checked>, AppError> {
    let wanted: Wanted = call.read()?;
    let of = own(&app, &call.caller, id).await?;
    let (card, items) = (card(&app, &wanted.list).await?, items(&wanted.items)?);
    let gathered = check::gather(&app, call.caller.account.id, &items).await?;
    let mut look = app.database.look().await?;
    let stored = lists::by_id(look.session(), card.id).await?.ok_or(AppError::NotFound)?;
    let evidence = &gathered.evidence;
    let mut findings = request::findings(look.session(), of, &stored, &items, evidence).await?;
    findings.extend(gathered.others);
    Ok(Json(Checked { findings: findings.into_iter().map(Found::from).collect() }))
}

/// `POST /api/v1/organisations/{id}/requests`.
async fn submit(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    call.known(&app).await?;
    let wanted: Wanted = call.read()?;
    let organisation = own(&app, &call.caller, id).await?;
    let (list, items) = (card(&app, &wanted.list).await?.id, items(&wanted.items)?);
    let gathered = check::gather(&app, call.caller.account.id, &items).await?;
    let (criterion, reason) = (wanted.criterion, wanted.reason.trim().to_owned());
    let review = wanted.review_on.as_deref().map(day_of).transpose()?;
    let draft = Draft { organisation, list, reason, items, criterion, review };
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let id = request::begin(t, person, &draft, &app.config.requests, now).await?;
    check::hand_in(t, person, id, "", &gathered, now).await?;
    let shown = Shown::of(t.session(), id).await?;
    write.done(StatusCode::CREATED, &shown).await
}

/// `GET /api/v1/requests/{id}`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Shown>, AppError> {
    let request = requests::by_id(app.database.read().await?.session(), RequestId(id)).await?;
    let request = request.ok_or(AppError::NotFound)?;
    // Without a connection in hand: who holds one and waits for another may wait for himself.
    visible(&app, &caller, request.new.organisation.0).await?;
    Ok(Json(Shown::of(app.database.look().await?.session(), request.id).await?))
}

/// `POST /api/v1/requests/{id}/answer`.
async fn answer(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    call.known(&app).await?;
    let (id, Answer { words, drop: dropped, category }) = (RequestId(id), call.read()?);
    let category = category.map(Item::Category);
    let mut connection = app.database.read().await?;
    let found = requests::by_id(connection.session(), id).await?.ok_or(AppError::NotFound)?;
    let all = request::items(connection.session(), id).await?;
    drop(connection);
    own(&app, &call.caller, found.new.organisation.0).await?;
    let kept = all.into_iter().enumerate().filter(|(place, _)| !dropped.contains(place));
    let kept: Vec<Item> = kept.map(|(_, item)| item).collect();
    let is_other = category.as_ref().is_some_and(|asked| !kept.contains(asked));
    let kept = with_category(kept, category);
    if kept.is_empty() {
        return Err(AppError::Wrong("nothing is left: take the request back instead".to_owned()));
    }
    let gathered = check::gather(&app, call.caller.account.id, &kept).await?;
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    if !dropped.is_empty() || is_other {
        request::revise(t, person, id, &kept).await?;
    }
    check::hand_in(t, person, id, &words, &gathered, now).await?;
    let shown = Shown::of(t.session(), id).await?;
    write.done(StatusCode::OK, &shown).await
}

/// `POST /api/v1/requests/{id}/withdraw`.
async fn withdraw(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    request::withdraw(&mut write.transaction, person, RequestId(id), write.now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// An organisation that whoever asks belongs to.
async fn own(app: &App, caller: &Caller, id: i64) -> Result<OrganisationId, AppError> {
    let mut connection = app.database.read().await?;
    let id = OrganisationId(id);
    let seen = organisation::visible(connection.session(), caller.person(), id).await?;
    let (_, relation) = seen.ok_or(AppError::NotFound)?;
    permission::check(caller.person(), relation, Action::Request)
        .map(|()| id)
        .map_err(|denied| AppError::Refused(denied.to_string()))
}

/// What is asked for, read.
fn items(typed: &[Typed]) -> Result<Vec<Item>, AppError> {
    if typed.is_empty() || typed.len() > MOST_ITEMS {
        return Err(AppError::Wrong(format!("ask for 1 to {MOST_ITEMS} things at once")));
    }
    let code = |text: &str| {
        let wrong = |error| AppError::Wrong(format!("`{}`: {error}", text.trim()));
        text.trim().parse().map_err(wrong)
    };
    let item = |typed: &Typed| {
        Ok(match typed {
            Typed::Add { network: on, code: with } => {
                Item::Add { network: network(on)?, code: code(with)? }
            }
            Typed::Remove { network: on } => Item::Remove { network: network(on)? },
            Typed::Rescore { network: on, code: with } => {
                Item::Rescore { network: network(on)?, code: code(with)? }
            }
            Typed::Name { name } => Item::Name(name.trim().to_owned()),
            Typed::Website { website } => Item::Website(website.trim().to_owned()),
            Typed::Category { category } => Item::Category(*category),
        })
    };
    typed.iter().map(item).collect()
}

/// A network that is named.
pub(super) fn network(text: &str) -> Result<Network, AppError> {
    let wrong = |error| AppError::Wrong(format!("`{}`: {error}", text.trim()));
    text.trim().parse().map_err(wrong)
}

impl Card {
    /// Of a request.
    pub(super) async fn of(mut session: Session<'_>, request: &Request) -> Result<Card, AppError> {
        let list = lists::by_id(session.again(), request.new.list).await?;
        let published = find::published(session, &[request.new.organisation]).await?;
        let standing = &request.standing;
        let waits = matches!(&*standing.state, "queued" | "in-review");
        let service = standing.submitted.filter(|_| waits).map(service);
        Ok(Card {
            id: request.id.0,
            organisation: request.new.organisation.0,
            published: !published.is_empty(),
            list: list.map(|list| list.list.apex.to_string()),
            state: standing.state.clone(),
            reason: request.new.reason.clone(),
            undoes: request.new.undoes.map(|id| id.0),
            created: Moment(request.created).rfc3339(),
            submitted: standing.submitted.map(|time| Moment(time).rfc3339()),
            serial: standing.serial,
            policy: standing.policy,
            criterion: request.new.criterion.clone(),
            review_on: request.new.review.map(|review| Moment(review).day()),
            version: request.version,
            service,
        })
    }
}

/// The word of how long something waits.
pub(super) fn service(since: Timestamp) -> &'static str {
    match decision::service(since, Timestamp::now()) {
        decision::Service::InTime => "in-time",
        decision::Service::Late => "late",
        decision::Service::Overdue => "overdue",
    }
}

impl Shown {
    /// All of a request.
    pub(super) async fn of(mut session: Session<'_>, id: RequestId) -> Result<Shown, AppError> {
        let request = requests::by_id(session.again(), id).await?.ok_or(AppError::NotFound)?;
        let card = Card::of(session.again(), &request).await?;
        let items = requests::items(session.again(), id).await?;
        let findings = requests::findings(session.again(), id).await?;
        let history = requests::history(session, id).await?;
        let item = |(place, item): (usize, requests::Item)| ShownItem {
            place,
            action: item.action,
            subject: item.subject,
            code: item.code,
            outcome: match item.outcome {
                requests::Outcome::Open => "open",
                requests::Outcome::Approved => "approved",
                requests::Outcome::Rejected => "rejected",
            },
        };
        let found = |finding: requests::Finding| Found {
            check: finding.kind,
            outcome: finding.outcome,
            about: finding.about,
            seen: finding.seen,
            mend: finding.mend,
        };
        let event = |event: requests::Event| Event {
            time: Moment(event.time).rfc3339(),
            state: event.state,
            reason: event.reason,
            text: event.text,
        };
        Ok(Shown {
            card,
            items: items.into_iter().enumerate().map(item).collect(),
            findings: findings.into_iter().map(found).collect(),
            history: history.into_iter().map(event).collect(),
        })
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Found {
        Found {
            check: finding.check.word().to_owned(),
            outcome: finding.outcome.word().to_owned(),
            about: finding.about,
            seen: finding.seen,
            mend: finding.mend,
        }
    }
}

/// To ask for something.
const WRITE: &[Scope] = &[Scope::RequestsWrite];
/// The heading.
const GROUP: &str = "Requests";
/// Requests that are shown.
const MOST: u32 = 100;
/// So many things are asked for at once.
const MOST_ITEMS: usize = 1_000;
