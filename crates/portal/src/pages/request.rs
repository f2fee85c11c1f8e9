//! `/requests`: an organisation asks for a change of a list, sees what the checks see, and what an editor says.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::accounts::{self, AccountId};
use repute_database::categories::{self, Category};
use repute_database::conflicts::About;
use repute_database::entries::{self, OrganisationId};
use repute_database::lists::{Criterion, ListId};
use repute_database::organisations::{self, Note, Organisation, find};
use repute_database::requests::{self, Approval, Event, Request, RequestId};
use repute_database::{Key, Session, Timestamp};
use repute_dnsxl::{Network, ReturnCode};
use repute_registry::decision::Reason;
use repute_registry::organisation;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::request::check::{Finding, Neighbour, Outcome, Whose};
use repute_registry::request::item::Item;
use repute_registry::request::paste::paste;
use repute_registry::request::state::State as Stage;
use repute_registry::request::{self, Draft, RequestError, limit};
use repute_registry::two_editors::{self, TwoEditors};
use serde::Deserialize;

use crate::app::App;
use crate::check;
use crate::error::{AppError, sentence};
use crate::evidence::{Seen, seen};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::overview::ListCard;
use crate::pages::conflict::{Interest, interest};
use crate::pages::organisation::mark;
use crate::pages::queue::is_held;
use crate::pages::sign_in::back;
use crate::spans::Spans;
use crate::visitor::Member;

/// The page on which a request is written.
#[derive(Template)]
#[template(path = "request_new.html")]
pub(crate) struct NewRequest {
    frame: Frame,
    organisation: Organisation,
    /// The lists that take requests.
    cards: Vec<ListCard>,
    typed: Typed,
    faults: Vec<String>,
    /// The categories in which the organisation is.
    own: Vec<(ListId, Category)>,
    /// Whether addresses may be asked for: a domain is proven.
    is_proven: bool,
    /// Whether the organisation has anything on any list.
    is_published: bool,
    /// The request that asks for the same, and is open.
    same: Option<RequestId>,
    /// What the checks say, if they were asked.
    checked: Option<Checked>,
}

/// What the checks say of what is asked for.
struct Checked {
    items: Vec<Item>,
    findings: Vec<Finding>,
}

/// The page of a request.
#[derive(Template)]
#[template(path = "request.html")]
pub(crate) struct RequestPage {
    frame: Frame,
    request: Request,
    stage: Stage,
    organisation: Organisation,
    /// The list; none if it is retired.
    card: Option<ListCard>,
    author: String,
    rows: Vec<Row>,
    findings: Vec<requests::Finding>,
    history: Vec<Event>,
    /// What whoever looks is to the organisation.
    relation: Relation,
    /// What an editor sees besides.
    desk: Option<Desk>,
}

/// An item of a request.
struct Row {
    place: usize,
    item: Item,
    outcome: requests::Outcome,
    /// What is on the list there now, of this organisation.
    now: Vec<ReturnCode>,
}

/// What an editor sees besides.
struct Desk {
    notes: Vec<Note>,
    /// Entries around the items.
    neighbours: Vec<Neighbour>,
    /// What was seen of each item of which something was.
    evidence: Vec<(Network, Vec<Seen>)>,
    /// An editor who agreed already, and when.
    first: Option<(String, Approval)>,
    /// Why two editors have to agree, if they have to.
    two: Option<TwoEditors>,
    /// Whether he is partial, and who else is.
    interest: Interest,
    /// Whether it is on his desk, and not on another's.
    has_it: bool,
    /// How many addresses it would newly list, and take off.
    impact: (String, String),
    /// Texts to choose from.
    canned: Vec<String>,
}

/// What is typed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    list: i64,
    /// `add`, `remove` or `rescore`.
    #[serde(default)]
    action: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    networks: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    website: String,
    /// The number of a category; empty to keep it.
    #[serde(default)]
    category: String,
    /// The short name of a criterion of the list's policy; empty for none.
    #[serde(default)]
    criterion: String,
    /// The day on which somebody is to look again; empty to leave it to the editors.
    #[serde(default)]
    review: String,
    #[serde(default)]
    reason: String,
    /// Whether to hand it in, and not only to look what the checks say.
    #[serde(default)]
    submit: String,
}

/// What an author answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    words: String,
    /// The places of items that are dropped, with commas.
    #[serde(default)]
    drop: String,
    /// The number of a category that is asked for, too; empty for none.
    #[serde(default)]
    category: String,
}

/// `GET /organisations/{id}/request`.
pub(crate) async fn form(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
    Query(typed): Query<Typed>,
) -> Result<Page<NewRequest>, AppError> {
    let organisation = own(&app, &member, id).await?;
    let cards = cards(&app).await?;
    let is_proven = is_proven(&app, id).await?;
    let is_published = is_published(&app, id).await?;
    let own = own_categories(&app, id, &cards).await?;
    Ok(Page(NewRequest {
        frame,
        organisation,
        cards,
        own,
        typed,
        faults: Vec::new(),
        is_proven,
        is_published,
        same: None,
        checked: None,
    }))
}

/// `POST /organisations/{id}/request`: says what the checks say of it or, if that is wanted, hands it in.
pub(crate) async fn submit(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let organisation = own(&app, &member, id).await?;
    let cards = cards(&app).await?;
    let card = cards.iter().find(|card| card.id == ListId(typed.list)).cloned();
    let (items, mut faults) = items(&typed);
    if card.is_none() {
        faults.push("Choose a list.".to_owned());
    }
    let review = match page_day(&typed.review) {
        Ok(review) => review,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if items.is_empty() && faults.is_empty() {
        faults.push(
            "Say what is to change: addresses, the name, the website or the category.".to_owned(),
        );
    }
    let is_proven = is_proven(&app, id).await?;
    let is_published = is_published(&app, id).await?;
    let own = own_categories(&app, id, &cards).await?;
    let (same, checked) = (None, None);
    let mut page = NewRequest {
        frame,
        organisation,
        cards,
        own,
        typed,
        faults,
        is_proven,
        is_published,
        same,
        checked,
    };
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let Some(card) = card.filter(|_| page.faults.is_empty()) else {
        return Ok((unprocessable, Page(page)).into_response());
    };
    let gathered = check::gather(&app, member.account.id, &items).await?;
    if page.typed.submit.is_empty() {
        let mut look = app.database.look().await?;
        let stored = repute_database::lists::by_id(look.session(), card.id).await?;
        let stored = stored.ok_or(AppError::NotFound)?;
        let of = OrganisationId(id);
        let mut findings =
            request::findings(look.session(), of, &stored, &items, &gathered.evidence).await?;
        findings.extend(gathered.others);
        page.checked = Some(Checked { items, findings });
        return Ok(Page(page).into_response());
    }
    let draft = Draft {
        organisation: OrganisationId(id),
        list: card.id,
        reason: page.typed.reason.trim().to_owned(),
        items,
        criterion: Some(page.typed.criterion.trim().to_owned()).filter(|slug| !slug.is_empty()),
        review,
    };
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let begun = request::begin(&mut transaction, person, &draft, &app.config.requests, now).await;
    match begun {
        Ok(request) => {
            let stage =
                check::hand_in(&mut transaction, person, request, "", &gathered, now).await?;
            transaction.commit().await?;
            Ok(back(&path(request), handed_in(&app, card.id, stage).await?))
        }
        Err(RequestError::Same(id)) => {
            page.same = Some(id);
            Ok((StatusCode::CONFLICT, Page(page)).into_response())
        }
        Err(
            error @ (RequestError::Items(_)
            | RequestError::Suspended(_)
            | RequestError::Unproven(_)
            | RequestError::Many { .. }),
        ) => {
            page.faults.push(sentence(&error.to_string()));
            Ok((unprocessable, Page(page)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /requests/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<RequestPage>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let mut look = app.database.look().await?;
    let request = requests::by_id(look.session(), RequestId(id)).await?;
    let request = request.ok_or(AppError::NotFound)?;
    let of = request.new.organisation;
    let seen = organisation::visible(look.session(), member.person(), of).await?;
    let (organisation, relation) = seen.ok_or(AppError::NotFound)?;
    let stage = request::state_of(&request)?;
    let card = cards.iter().find(|card| card.id == request.new.list).cloned();
    let author = accounts::by_id(look.session(), AccountId(request.new.account)).await?;
    let author = author.map_or_else(|| "an account that is gone".to_owned(), |one| one.name);
    let rows = rows(look.session(), &request).await?;
    let mut findings = requests::findings(look.session(), request.id).await?;
    // What is about the same stands together.
    findings.sort_by(|a, b| a.about.cmp(&b.about));
    let mut history = requests::history(look.session(), request.id).await?;
    // It lasts as long as the checks do, and nobody learns anything of it.
    history.retain(|event| event.state != Stage::Checking.word());
    let desk = match member.is_editor() {
        true => Some(desk(&app, look.session(), &member, &request, &rows).await?),
        false => None,
    };
    Ok(Page(RequestPage {
        frame,
        request,
        stage,
        organisation,
        card,
        author,
        rows,
        findings,
        history,
        relation,
        desk,
    }))
}

/// `POST /requests/{id}/answer`: its author goes on with it, perhaps without some items.
pub(crate) async fn answer(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(typed): Form<Answer>,
) -> Result<Response, AppError> {
    let (person, id, words) = (member.person(), RequestId(id), &typed.words);
    let places = typed.drop.split(',').filter_map(|place| place.trim().parse().ok());
    let dropped: Vec<usize> = places.collect();
    let mut connection = app.database.read().await?;
    let request = requests::by_id(connection.session(), id).await?.ok_or(AppError::NotFound)?;
    let items = request::items(connection.session(), id).await?;
    drop(connection);
    own(&app, &member, request.new.organisation.0).await?;
    let kept: Vec<Item> = items
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !dropped.contains(&(place + 1)))
        .map(|(_, item)| item)
        .collect();
    let category = category(&typed.category).map_err(AppError::Wrong)?;
    let is_other = category.as_ref().is_some_and(|asked| !kept.contains(asked));
    let kept = with_category(kept, category);
    if kept.is_empty() {
        return Err(AppError::Wrong("nothing is left: take the request back instead".to_owned()));
    }
    let gathered = check::gather(&app, member.account.id, &kept).await?;
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    if !dropped.is_empty() || is_other {
        request::revise(&mut transaction, person, id, &kept).await?;
    }
    let stage = check::hand_in(&mut transaction, person, id, words, &gathered, now).await?;
    transaction.commit().await?;
    Ok(back(&path(id), handed_in(&app, request.new.list, stage).await?))
}

/// `POST /requests/{id}/withdraw`.
pub(crate) async fn withdraw(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    request::withdraw(&mut transaction, member.person(), RequestId(id), Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(back(&path(RequestId(id)), Flash::RequestWithdrawn))
}

/// An organisation that whoever asks belongs to.
async fn own(app: &App, member: &Member, id: i64) -> Result<Organisation, AppError> {
    let mut connection = app.database.read().await?;
    let id = OrganisationId(id);
    let seen = organisation::visible(connection.session(), member.person(), id).await?;
    let (organisation, relation) = seen.ok_or(AppError::NotFound)?;
    // Who may read it and not speak for it is told so.
    permission::check(member.person(), relation, Action::Request)
        .map_err(|denied| AppError::Refused(denied.to_string()))?;
    Ok(organisation)
}

/// Whether an organisation may ask for addresses.
async fn is_proven(app: &App, id: i64) -> Result<bool, AppError> {
    let mut connection = app.database.read().await?;
    Ok(limit::is_proven(connection.session(), OrganisationId(id)).await?)
}

/// Whether an organisation has anything on any list.
async fn is_published(app: &App, id: i64) -> Result<bool, AppError> {
    let mut connection = app.database.read().await?;
    let ids = [OrganisationId(id)];
    Ok(!find::published(connection.session(), &ids).await?.is_empty())
}

/// The categories in which an organisation is, of lists that have some.
async fn own_categories(
    app: &App,
    id: i64,
    cards: &[ListCard],
) -> Result<Vec<(ListId, Category)>, AppError> {
    let mut connection = app.database.read().await?;
    let mut own = Vec::new();
    for card in cards.iter().filter(|card| !card.categories.is_empty()) {
        let found = categories::of(connection.session(), OrganisationId(id), card.id).await?;
        own.extend(found.map(|category| (card.id, category)));
    }
    Ok(own)
}

/// The lists that take requests.
async fn cards(app: &App) -> Result<Vec<ListCard>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let takes = |card: &&ListCard| card.is_of_addresses() && !card.is_retiring();
    Ok(cards.iter().filter(takes).cloned().collect())
}

/// The day that is typed, if one is.
pub(crate) fn page_day(typed: &str) -> Result<Option<Timestamp>, String> {
    match typed.trim() {
        "" => Ok(None),
        day => match Timestamp::of_day(day) {
            Some(day) => Ok(Some(day)),
            None => Err(format!("`{day}` is no day, such as 2026-03-01.")),
        },
    }
}

/// Items with another category in place of the one that they ask for, if one is chosen.
pub(crate) fn with_category(mut items: Vec<Item>, category: Option<Item>) -> Vec<Item> {
    if let Some(category) = category {
        items.retain(|item| !matches!(item, Item::Category(_)));
        items.push(category);
    }
    items
}

/// What is asked for, and what is wrong with what was typed.
fn items(typed: &Typed) -> (Vec<Item>, Vec<String>) {
    let pasted = paste(&typed.networks);
    let mut faults: Vec<String> =
        pasted.faults.iter().map(|fault| sentence(&fault.to_string())).collect();
    let code: Option<ReturnCode> = typed.code.trim().parse().ok();
    let needs_code = !pasted.networks.is_empty() && typed.action != "remove";
    if needs_code && code.is_none() {
        faults.push("Choose what the addresses shall be listed as.".to_owned());
    }
    let item = |network: Network| match (&*typed.action, code) {
        ("remove", _) => Some(Item::Remove { network }),
        ("rescore", Some(code)) => Some(Item::Rescore { network, code }),
        (_, Some(code)) => Some(Item::Add { network, code }),
        (_, None) => None,
    };
    let mut items: Vec<Item> = pasted.networks.iter().copied().filter_map(item).collect();
    let (name, website) = (typed.name.trim(), typed.website.trim());
    if !name.is_empty() {
        items.push(Item::Name(name.to_owned()));
    }
    if !website.is_empty() {
        items.push(Item::Website(website.to_owned()));
    }
    match category(&typed.category) {
        Ok(category) => items.extend(category),
        Err(fault) => faults.push(fault),
    }
    (items, faults)
}

/// The category that is asked for, if one is.
fn category(typed: &str) -> Result<Option<Item>, String> {
    match typed.trim() {
        "" => Ok(None),
        number => match number.parse() {
            Ok(number) => Ok(Some(Item::Category(number))),
            Err(_) => Err("Choose a category of the list.".to_owned()),
        },
    }
}

/// The items of a request, with what is on the list now.
async fn rows(mut session: Session<'_>, request: &Request) -> Result<Vec<Row>, AppError> {
    let items = request::items(session.again(), request.id).await?;
    let stored = requests::items(session.again(), request.id).await?;
    let mut rows = Vec::new();
    for (place, (item, stored)) in items.into_iter().zip(stored).enumerate() {
        let now = match item.network() {
            Some(network) => {
                let key = Key::Network(network);
                let entries = entries::at(session.again(), request.new.list, &key).await?;
                let own = Some(request.new.organisation);
                let own = entries.iter().filter(|entry| entry.organisation == own);
                own.filter_map(|entry| entry.code).collect()
            }
            None => Vec::new(),
        };
        rows.push(Row { place, item, outcome: stored.outcome, now });
    }
    Ok(rows)
}

/// What an editor sees besides.
async fn desk(
    app: &App,
    mut session: Session<'_>,
    member: &Member,
    request: &Request,
    rows: &[Row],
) -> Result<Desk, AppError> {
    let of = request.new.organisation;
    let notes = organisations::notes(session.again(), of, MOST_NOTES).await?;
    let list = repute_database::lists::by_id(session.again(), request.new.list).await?;
    let list = list.ok_or(AppError::NotFound)?;
    let mut neighbours: Vec<Neighbour> = Vec::new();
    for row in rows.iter().take(MOST_ROWS) {
        let around = request::neighbours(session.again(), of, &list, &row.item).await?;
        let new = around.into_iter().filter(|one| !neighbours.contains(one)).collect::<Vec<_>>();
        neighbours.extend(new);
    }
    neighbours.truncate(MOST_NEIGHBOURS);
    let mut evidence = Vec::new();
    for network in rows.iter().take(MOST_ROWS).filter_map(|row| row.item.network()) {
        let seen = seen(session.again(), &Key::Network(network)).await?;
        if !seen.is_empty() {
            evidence.push((network, seen));
        }
    }
    let first = requests::approval(session.again(), request.id).await?;
    let first = match first {
        Some(approval) => {
            let who = accounts::by_id(session.again(), AccountId(approval.account)).await?;
            let who = who.map_or_else(|| "an account that is gone".to_owned(), |who| who.name);
            Some((who, approval))
        }
        None => None,
    };
    let for_two = repute_database::lists::codes_for_two(session.again(), list.id).await?;
    let two = two_editors::of_items(rows.iter().map(|row| (&row.item, &row.now[..])), &for_two);
    let sum = |is: fn(&Row) -> bool| {
        let networks = rows.iter().filter(|row| is(row)).filter_map(|row| row.item.network());
        size(networks)
    };
    let adds = sum(|row| matches!(row.item, Item::Add { .. }) && row.now.is_empty());
    let removes = sum(|row| matches!(row.item, Item::Remove { .. }) && !row.now.is_empty());
    let stage = request::state_of(request)?;
    let is_open = !stage.is_over();
    let about = About::Request(request.id);
    let interest = interest(session, member.person(), about, is_open).await?;
    let has_it = request.standing.editor == Some(member.account.id.0);
    let canned = app.config.canned_reasons.clone();
    let impact = (adds, removes);
    Ok(Desk { notes, neighbours, evidence, first, two, interest, has_it, impact, canned })
}

/// How many addresses networks have, for people: of IPv6 a count of /64 says more.
pub(crate) fn size(networks: impl Iterator<Item = Network>) -> String {
    let (mut four, mut six) = (0_u128, 0_u128);
    for network in networks {
        match network {
            Network::V4(network) => {
                four += u128::from(network.last() - network.first()) + 1;
            }
            Network::V6(network) => {
                six = six.saturating_add((network.last() >> 64) - (network.first() >> 64) + 1);
            }
        }
    }
    match (four, six) {
        (0, 0) => "nothing".to_owned(),
        (four, 0) => format!("{four} IPv4"),
        (0, six) => format!("{six} /64 of IPv6"),
        (four, six) => format!("{four} IPv4, {six} /64 of IPv6"),
    }
}

/// What is said of a request that was handed in.
async fn handed_in(app: &App, list: ListId, stage: Stage) -> Result<Flash, AppError> {
    Ok(match stage {
        Stage::Published if is_held(app, list, None).await? => Flash::RequestHeld,
        Stage::Published => Flash::RequestPublished,
        Stage::NeedsInfo => Flash::RequestCameBack,
        _ => Flash::RequestQueued,
    })
}

/// Where a request is.
pub(crate) fn path(id: RequestId) -> String {
    format!("/requests/{}", id.0)
}

/// The class that marks how a check ended, by its word.
pub(crate) fn outcome_mark(word: &str) -> &'static str {
    match Outcome::of_word(word) {
        Some(Outcome::Pass) => "good",
        Some(Outcome::Warn) => "warn",
        Some(Outcome::Fail) => "bad",
        Some(Outcome::Unclear) | None => "idle",
    }
}

/// The criteria of a list by which something may be listed.
fn open(card: &ListCard) -> impl Iterator<Item = &Criterion> {
    card.criteria.iter().filter(|one| one.is_open())
}

impl NewRequest {
    /// The lists that have categories, with the one that the organisation is in.
    fn categorised(&self) -> impl Iterator<Item = (&ListCard, Option<&Category>)> {
        let of = |card: &ListCard| self.own.iter().find(|(id, _)| *id == card.id).map(|(_, c)| c);
        self.cards
            .iter()
            .filter(|card| !card.categories.is_empty())
            .map(move |card| (card, of(card)))
    }

    /// The lists whose policy has criteria.
    fn with_criteria(&self) -> impl Iterator<Item = &ListCard> {
        self.cards.iter().filter(|card| open(card).next().is_some())
    }

    /// Whether a category is the one that is chosen.
    fn is_chosen(&self, card: &ListCard, category: &Category) -> bool {
        card.id.0 == self.typed.list && category.number.to_string() == self.typed.category.trim()
    }
}

impl RequestPage {
    /// Whether whoever looks asked for it, or may go on with it.
    fn is_own(&self) -> bool {
        self.relation != Relation::Stranger
    }

    /// Whether whoever looks decides about such requests, and belongs to nobody whom this one is about.
    fn is_free(&self) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.interest.is_free())
    }

    /// Whether its author has to add something.
    fn waits_for_author(&self) -> bool {
        self.is_own() && matches!(self.stage, Stage::NeedsInfo | Stage::Draft)
    }

    /// What an editor asks, once that is what it waits for.
    fn question(&self) -> Option<&str> {
        let asked = self.history.iter().rev().find(|event| event.state == Stage::NeedsInfo.word());
        asked.filter(|_| self.stage == Stage::NeedsInfo).map(|event| &*event.text)
    }

    /// The criteria that its list has.
    fn criteria(&self) -> Vec<&Criterion> {
        self.card.as_ref().map(|card| open(card).collect()).unwrap_or_default()
    }

    /// The criterion that it names, by what it is called.
    fn criterion(&self) -> Option<&str> {
        let slug = self.request.new.criterion.as_deref()?;
        let known = self.criteria().into_iter().find(|known| known.slug == slug);
        Some(known.map_or(slug, |known| &known.title))
    }

    /// Whether a criterion is the one that it names.
    fn names(&self, criterion: &Criterion) -> bool {
        self.request.new.criterion.as_ref() == Some(&criterion.slug)
    }

    /// The day of the review that it asks for, as a form has it.
    fn review(&self) -> String {
        self.request.new.review.map_or_else(String::new, |review| Moment(review).day())
    }

    /// The categories that its list has.
    fn categories(&self) -> &[Category] {
        self.card.as_ref().map_or(&[], |card| &card.categories)
    }

    /// Whether it can still be taken back.
    fn is_alive(&self) -> bool {
        self.stage.may_become(Stage::Withdrawn)
    }

    /// The reasons for which editors reject.
    fn reasons(&self) -> [Reason; 7] {
        Reason::ALL
    }

    /// What a reason that stands in the history says.
    fn reason(&self, word: &str) -> String {
        Reason::of_word(word).map_or_else(String::new, |reason| reason.to_string())
    }

    /// Whether something of it is on the list.
    fn is_published(&self) -> bool {
        self.stage == Stage::Published
    }

    /// What a state that stands in the history is called.
    fn state(&self, word: &str) -> String {
        Stage::of_word(word).map_or_else(|| word.to_owned(), |stage| stage.to_string())
    }

    /// Whether an editor may take it.
    fn is_queued(&self) -> bool {
        self.stage == Stage::Queued
    }

    /// Whether an editor has it.
    fn is_in_review(&self) -> bool {
        self.stage == Stage::InReview
    }
}

impl Row {
    /// What became of it.
    fn outcome(&self) -> Option<(&'static str, &'static str)> {
        match self.outcome {
            requests::Outcome::Open => None,
            requests::Outcome::Approved => Some(("good", "approved")),
            requests::Outcome::Rejected => Some(("bad", "not approved")),
        }
    }
}

/// Whose a neighbour is, in words.
pub(crate) fn whose(neighbour: &Neighbour) -> String {
    match neighbour.whose {
        Whose::Own => "this organisation's".to_owned(),
        Whose::Others(id) => format!("organisation {id}'s"),
        Whose::Nobodys => "nobody's".to_owned(),
    }
}

/// Notes that are shown.
const MOST_NOTES: u32 = 20;
/// Items whose neighbours are shown.
const MOST_ROWS: usize = 50;
/// Neighbours that are shown.
const MOST_NEIGHBOURS: usize = 50;
