//! `/queue`: what waits for editors, and what they decide.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::Timestamp;
use repute_database::entries::OrganisationId;
use repute_database::lists::{self, ListId};
use repute_database::organisations;
use repute_database::publications;
use repute_database::removals::{self, Removal};
use repute_database::requests::{self, Request, RequestId, queue};
use repute_database::rules;
use repute_registry::decision::{self, Criterion, Decided, Reason, Service, Terms, Verdict};
use repute_registry::publish::{self, Prospect};
use repute_registry::removal::Kind;
use repute_registry::request;
use repute_registry::request::paste::paste;
use repute_registry::request::state::State as Stage;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::overview::ListCard;
use crate::pages::bulk::with_canned;
use crate::pages::motion;
use crate::pages::organisation::mark;
use crate::pages::request::{page_day, path};
use crate::pages::sign_in::back;
use crate::visitor::Member;

mod narrow;
pub(crate) mod version;

use narrow::{ALL, Narrowed};
use version::Version;

/// The page.
#[derive(Template)]
#[template(path = "queue.html")]
pub(crate) struct Queue {
    frame: Frame,
    filter: Narrowed,
    cards: Vec<ListCard>,
    waiting: Vec<Waiting>,
    /// Where more requests are, if there are more.
    next: Option<String>,
    removals: Vec<Asked>,
    /// Where more removals are.
    next_removals: Option<String>,
    /// Lists with proposals that wait, and how many.
    proposals: Vec<(ListCard, u64)>,
    versions: Vec<Version>,
    /// What waits for a second editor.
    motions: Vec<motion::Waiting>,
    /// Requests in each state, and since when the oldest is there.
    counts: Vec<(Stage, u64, Timestamp)>,
    now: Timestamp,
    /// Texts to choose from.
    canned: Vec<String>,
}

/// A request that waits.
struct Waiting {
    request: Request,
    stage: Stage,
    organisation: String,
    list: String,
    items: usize,
    service: Service,
}

/// A removal that waits.
struct Asked {
    removal: Removal,
    card: Option<ListCard>,
    service: Service,
}

impl Asked {
    /// Whether somebody appeals who is locked out or was refused.
    fn is_appeal(&self) -> bool {
        self.removal.new.kind == Kind::Appeal
    }
}

/// `GET /queue`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(filter): Query<Narrowed>,
) -> Result<Page<Queue>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let now = Timestamp::now();
    let mut look = app.database.look().await?;
    let own = member.account.id;
    let (wanted, order) = (filter.filter(own, now), filter.order());
    let mut found = match filter.shows("requests") {
        true => queue::page(look.session(), &wanted, order, filter.after(), MOST + 1).await?,
        false => Vec::new(),
    };
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let next = found.last().filter(|_| is_more).map(|last| filter.behind(last));
    let mut names: HashMap<OrganisationId, String> = HashMap::new();
    let mut waiting = Vec::new();
    for request in found {
        let of = request.new.organisation;
        if let Entry::Vacant(place) = names.entry(of) {
            let found = organisations::by_id(look.session(), of).await?;
            place.insert(found.map_or_else(String::new, |found| found.name));
        }
        let card = cards.iter().find(|card| card.id == request.new.list);
        let items = requests::items(look.session(), request.id).await?.len();
        let since = request.standing.submitted.unwrap_or(request.created);
        waiting.push(Waiting {
            stage: request::state_of(&request)?,
            organisation: names.get(&of).cloned().unwrap_or_default(),
            list: card.map_or_else(String::new, |card| card.list.title.clone()),
            items,
            service: decision::service(since, now),
            request,
        });
    }
    let card = |list| cards.iter().find(|card| card.id == list).cloned();
    let sought = filter.sought();
    let narrowed = removals::Narrowed {
        list: filter.list(),
        sought: sought.as_ref(),
        before: filter.before(now),
        editor: filter.is_mine().then_some(own),
        for_second: filter.is_for_second(),
        after: filter.after_removal(),
    };
    let mut removals = match filter.shows("removals") {
        true => removals::queued(look.session(), &narrowed, MOST + 1).await?,
        false => Vec::new(),
    };
    let is_more = removals.len() > MOST as usize;
    removals.truncate(MOST as usize);
    let next_removals =
        removals.last().filter(|_| is_more).map(|last| filter.behind_removal(last.id));
    let asked = |removal: Removal| Asked {
        card: card(removal.new.list),
        service: decision::service(removal.new.created, now),
        removal,
    };
    let removals = removals.into_iter().map(asked).collect();
    let mut proposals = Vec::new();
    // Nobody has them on his desk.
    let narrows = filter.is_mine() || filter.is_late();
    let of_list = |card: &&ListCard| filter.list().is_none_or(|list| list == card.id);
    for card in cards.iter().filter(of_list).filter(|_| filter.shows("proposals") && !narrows) {
        let open = match filter.is_for_second() {
            true => rules::count_agreed(look.session(), card.id).await?,
            false => rules::count_open(look.session(), card.id).await?,
        };
        if open > 0 {
            proposals.push((card.clone(), open));
        }
    }
    let counted = requests::count_by_state(look.session()).await?;
    let counts = counted
        .into_iter()
        .filter_map(|(word, count, oldest)| Some((Stage::of_word(&word)?, count, oldest)))
        .collect();
    let mut versions = Vec::new();
    for (list, publication) in publish::waiting(look.session()).await? {
        let Some(card) = card(list) else { continue };
        let good = publications::last_good(look.session(), list).await?.map(|good| good.serial);
        let is_own = publish::is_author(look.session(), member.person(), list, &publication);
        let is_own = is_own.await?;
        versions.push(Version { card, publication, good, is_own });
    }
    let motions = motion::waiting(look.session(), now).await?;
    let (cards, canned) = (cards.to_vec(), app.config.canned_reasons.clone());
    Ok(Page(Queue {
        frame,
        filter,
        cards,
        waiting,
        next,
        removals,
        next_removals,
        proposals,
        versions,
        motions,
        counts,
        now,
        canned,
    }))
}

/// `POST /requests/{id}/review`: an editor takes a request.
pub(crate) async fn review(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let id = RequestId(id);
    decision::review(&mut transaction, member.person(), id, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(back(&path(id), Flash::RequestTaken))
}

/// `POST /requests/{id}/decide`. Items that are approved are fields of their own, as `item-0=yes`.
pub(crate) async fn decide(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, AppError> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let wrong = |what: &str| AppError::Wrong(what.to_owned());
    let version = field("version").parse().map_err(|_| wrong("the form is not whole"))?;
    let why = with_canned(&app, field("canned"), field("why"));
    let verdict = match field("verdict") {
        "approve" => {
            let mut positions: Vec<usize> =
                fields.keys().filter_map(|name| name.strip_prefix("item-")?.parse().ok()).collect();
            positions.sort_unstable();
            let pasted = paste(field("without"));
            if let Some(fault) = pasted.faults.first() {
                return Err(AppError::Wrong(format!("what is left out: {fault}")));
            }
            let terms = Terms {
                criterion: match fields.get("criterion").map(|slug| slug.trim()) {
                    None => Criterion::AsAsked,
                    Some("") => Criterion::Nothing,
                    Some(slug) => Criterion::This(slug.to_owned()),
                },
                review: page_day(field("review")).map_err(AppError::Wrong)?,
                without: pasted.networks,
            };
            Verdict::Approve { positions, why, terms }
        }
        "reject" => {
            let reason = Reason::of_word(field("reason"));
            Verdict::Reject(reason.ok_or_else(|| wrong("choose a reason"))?, why)
        }
        "ask" => Verdict::Ask(why),
        "put-back" => Verdict::PutBack,
        _ => return Err(wrong("choose what to do")),
    };
    let (id, now) = (RequestId(id), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let decided =
        decision::decide(&mut transaction, member.person(), id, version, &verdict, now).await?;
    let (decided, notices) = decided;
    let list =
        requests::by_id(transaction.session(), id).await?.ok_or(AppError::NotFound)?.new.list;
    notice::put(&app, &mut transaction, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    let is_held = match decided {
        Decided::Published(Some(serial)) => is_held(&app, list, Some(serial)).await?,
        Decided::Published(None) | Decided::Waits(_) | Decided::Moved(_) => false,
    };
    let flash = match decided {
        Decided::Published(_) if is_held => Flash::RequestHeld,
        Decided::Published(_) => Flash::RequestPublished,
        Decided::Waits(_) => Flash::RequestWaitsForSecond,
        Decided::Moved(_) => Flash::RequestDecided,
    };
    Ok(back(&path(id), flash))
}

/// What is typed to undo a request.
#[derive(Deserialize)]
pub(crate) struct Undo {
    why: String,
}

/// `POST /requests/{id}/undo`.
pub(crate) async fn undo(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Undo { why }): Form<Undo>,
) -> Result<Response, AppError> {
    let (id, now) = (RequestId(id), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let new = decision::undo(&mut transaction, member.person(), id, why.trim(), now).await?;
    transaction.commit().await?;
    Ok(back(&path(new), Flash::UndoBegun))
}

impl Queue {
    /// Whether a list is the one that is chosen.
    fn is_list(&self, card: &ListCard) -> bool {
        self.filter.list() == Some(card.id)
    }

    /// Whether a state is the one that is chosen.
    fn is_state(&self, word: &str) -> bool {
        self.filter.is_state(word)
    }

    /// The states that can be chosen: their words, and what they are called.
    fn states(&self) -> Vec<(&'static str, String)> {
        let states = [
            Stage::Queued,
            Stage::InReview,
            Stage::NeedsInfo,
            Stage::Published,
            Stage::Rejected,
            Stage::Withdrawn,
            Stage::Expired,
        ];
        let states = states.into_iter().map(|stage| (stage.word(), stage.to_string()));
        states.chain([(ALL, "all states".to_owned())]).collect()
    }

    /// Whether what is shown can be decided together.
    fn can_decide(&self) -> bool {
        let shown = [Stage::Queued, Stage::InReview];
        let shown = shown.iter().any(|stage| self.is_state(stage.word()));
        (shown && !self.waiting.is_empty()) || !self.removals.is_empty()
    }

    /// The reasons for which editors reject.
    fn reasons(&self) -> [Reason; 7] {
        Reason::ALL
    }

    /// For how long something waits.
    fn age(&self, since: Timestamp) -> String {
        let hours = (self.now.0 - since.0).max(0) / 3_600_000_000;
        match hours {
            0 => "less than an hour".to_owned(),
            1 => "an hour".to_owned(),
            hours @ 2..48 => format!("{hours} hours"),
            hours => format!("{} days", hours / 24),
        }
    }
}

impl Waiting {
    /// The class and the words of how long it waits (RFC 6471 section 2.2.6).
    fn service(&self) -> (&'static str, &'static str) {
        service_mark(self.service)
    }

    /// Whether it can be decided together with others.
    fn can_be_chosen(&self) -> bool {
        matches!(self.stage, Stage::Queued | Stage::InReview)
    }

    /// Since when it waits.
    fn since(&self) -> Timestamp {
        self.request.standing.submitted.unwrap_or(self.request.created)
    }
}

impl Asked {
    /// The class and the words of how long it waits.
    fn service(&self) -> (&'static str, &'static str) {
        service_mark(self.service)
    }
}

/// The class and the words of how long something waits.
fn service_mark(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::InTime => ("good", "in time"),
        Service::Late => ("warn", "late"),
        Service::Overdue => ("bad", "overdue"),
    }
}

/// Whether a serial of a list, or its last one, is not published soon, as far as can be told.
pub(crate) async fn is_held(
    app: &App,
    list: ListId,
    serial: Option<u32>,
) -> Result<bool, AppError> {
    let mut connection = app.database.read().await?;
    let list = lists::by_id(connection.session(), list).await?.ok_or(AppError::NotFound)?;
    let serial = serial.unwrap_or(list.serial);
    let prospect = publish::prospect(connection.session(), &list, serial).await?;
    Ok(prospect != Prospect::Soon)
}

/// Requests on a page, and removals: as many as are decided at once.
const MOST: u32 = 100;
