//! `/api/v1/lists/{apex}/entries`: what is on a list, and an editor's changes of it without a request.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::find::Sought;
use repute_database::entries::{self, Entry, OrganisationId, SourceId};
use repute_database::kept_out as stored;
use repute_database::motions::MotionId;
use repute_database::{Key, NoKey, Timestamp, Transaction, lists};
use repute_registry::edit::{self, Edit, End, Listing, Made, Review, What, Which};
use repute_registry::{motion, publish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Endpoint, Write};
use crate::app::App;
use crate::error::AppError;
use crate::lookup::parse;
use crate::moment::Moment;
use crate::overview::card;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/lists/{apex}/entries", GROUP, show)
            .says(
                "What is on a list",
                "Page by page in the order of the keys; or only what is within a network or below a name; or only what \
                 decides about an address or a name, the most specific first.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Page>(),
        Endpoint::post("/api/v1/lists/{apex}/entries", GROUP, change)
            .says(
                "Change entries without a request",
                "Up to a thousand changes, all of them or none. What two editors have to agree to waits until another one \
                 does: then `motion` says under which number, and nothing is changed yet. What belongs to an \
                 organisation of the token's owner is refused.",
            )
            .by(WRITE)
            .takes::<Changes>()
            .up_to(LARGE)
            .answers::<Changed>(),
        Endpoint::post("/api/v1/lists/{apex}/entries/give", GROUP, give)
            .says(
                "Give entries to an organisation, or take them from one",
                "It is responsible for them from then on. The entries of some keys, or of a thousand keys at the most that \
                 are found by what they say; `more` says whether there are others. DNS does not see it.",
            )
            .by(WRITE)
            .takes::<Giving>()
            .answers::<Given>(),
        Endpoint::get("/api/v1/lists/{apex}/kept-out", GROUP, kept_out)
            .says(
                "What imports do not bring back onto a list",
                "Because it was taken off by a decision. A thousand at a time, in the order of the keys.",
            )
            .by(READ)
            .query::<After>()
            .answers::<AllKeptOut>(),
        Endpoint::post("/api/v1/lists/{apex}/kept-out/end", GROUP, let_back)
            .says("Let imports list something again", "")
            .by(WRITE)
            .takes::<LetBack>()
            .answers::<Done>(),
    ]
}

/// Which entries.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// What decides about this address or name.
    target: Option<String>,
    /// What is within this network, or below this name.
    within: Option<String>,
    /// What `next` said, after which to go on.
    after: Option<String>,
    /// So many keys at most: up to 1000.
    limit: Option<u32>,
}

/// Entries.
#[derive(Serialize, JsonSchema)]
struct Page {
    /// The entries.
    entries: Vec<Listed>,
    /// The key after which to go on, if there may be more.
    next: Option<String>,
}

/// An entry.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listed {
    /// What it names: an address, a network or a name.
    key: String,
    /// Its code; nothing if it is never listed.
    code: Option<String>,
    /// The text that DNS answers; empty for the list's.
    text: String,
    /// Why.
    reason: String,
    /// From which source it came.
    source: String,
    /// The Id of the organisation that is responsible for it.
    organisation: Option<i64>,
    /// Since when (RFC 3339).
    since: String,
    /// When it ends by itself.
    expires: Option<String>,
    /// When it should be looked at again.
    review: Option<String>,
}

/// Changes of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// Why, for the audit log.
    reason: String,
    /// From which source new entries are; `api` without it. A source can be purged.
    source: Option<String>,
    /// What changes, in this order.
    changes: Vec<Typed>,
}

/// A change.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Typed {
    /// List something; an entry with the same code is replaced.
    List {
        /// An address, a network or a name.
        key: String,
        /// With which code.
        code: String,
        /// Why, for everybody to read.
        reason: String,
        /// The text that DNS answers; without it the list's.
        #[serde(default)]
        text: String,
        /// The short name of the criterion that it meets.
        criterion: Option<String>,
        /// After how many days it ends by itself.
        days: Option<u32>,
    },
    /// Never list something, whatever is around it.
    Exclude {
        /// An address, a network or a name.
        key: String,
        /// Why.
        reason: String,
    },
    /// Remove something.
    Remove {
        /// An address, a network or a name.
        key: String,
        /// The entry with this code; without it all entries of the key.
        code: Option<String>,
    },
}

/// Who gets which entries.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Giving {
    /// The Id of the organisation; nothing if they are to be nobody's.
    organisation: Option<i64>,
    /// Why, for the audit log.
    reason: String,
    /// The entries of these keys: addresses, networks or names.
    #[serde(default)]
    keys: Vec<String>,
    /// Without keys: those that say all of this.
    #[serde(default)]
    found: Option<FoundBy>,
}

/// What entries say, of which all that is named has to be so.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FoundBy {
    /// They are within this network, or below this name.
    within: Option<String>,
    /// They came from this source.
    source: Option<String>,
    /// They are those of this organisation.
    organisation: Option<i64>,
    /// DNS answers exactly this text; lists of others often have the domain there.
    text: Option<String>,
}

/// They are given.
#[derive(Serialize, JsonSchema)]
struct Given {
    /// The entries of so many keys.
    keys: usize,
    /// Whether there are more that are found so.
    more: bool,
}

/// It is changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Changed {
    /// The serial that has it; nothing if it waits for a second editor.
    pub(super) serial: Option<u32>,
    /// Under which number it waits for a second editor, if it does (`/api/v1/motions`).
    pub(super) motion: Option<i64>,
    /// Why another editor has to agree.
    pub(super) because: Option<String>,
    /// Why it is not published before a second person has looked at it; nothing if it is in DNS in a moment.
    pub(super) held: Option<String>,
}

/// Where to go on.
#[derive(Deserialize, JsonSchema)]
struct After {
    /// The key after which to go on.
    after: Option<String>,
}

/// What imports do not bring back.
#[derive(Serialize, JsonSchema)]
struct AllKeptOut {
    /// The keys.
    kept_out: Vec<KeptOut>,
    /// Where to go on, if there are more.
    next: Option<String>,
}

/// A key that imports do not list.
#[derive(Serialize, JsonSchema)]
struct KeptOut {
    /// An address, a network or a name.
    key: String,
    /// The code that it lost while it stayed on the list with another one: no import and no rule gives it that again.
    /// Nothing if it is kept off with whatever code.
    code: Option<String>,
    /// Since when (RFC 3339).
    since: String,
    /// Until when; nothing if for ever.
    until: Option<String>,
    /// Why.
    reason: String,
}

/// What may come back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LetBack {
    /// An address, a network or a name.
    key: String,
    /// The code, if only that is kept off.
    code: Option<String>,
    /// Why, for the audit log.
    reason: String,
}

/// `GET /api/v1/lists/{apex}/kept-out`.
async fn kept_out(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Json<AllKeptOut>, AppError> {
    let list = card(&app, &apex).await?.id;
    let after = after.as_deref().map(spot).transpose()?;
    let mut look = app.database.look().await?;
    let (after, now) = (after.as_ref(), Timestamp::now());
    let mut found = stored::page(look.session(), list, after, now, MOST + 1).await?;
    let is_more = found.len() > MOST as usize;
    found.truncate(MOST as usize);
    let next = found.last().filter(|_| is_more).map(|last| last.spot().to_string());
    let shown = |one: stored::KeptOut| KeptOut {
        key: one.key.to_string(),
        code: one.code.map(|code| code.to_string()),
        since: Moment(one.since).rfc3339(),
        until: one.until.map(|end| Moment(end).rfc3339()),
        reason: one.reason,
    };
    Ok(Json(AllKeptOut { kept_out: found.into_iter().map(shown).collect(), next }))
}

/// What is kept off, as it is written.
fn spot(text: &str) -> Result<stored::Spot, AppError> {
    text.parse().map_err(|error: NoKey| AppError::Wrong(error.to_string()))
}

/// `POST /api/v1/lists/{apex}/kept-out/end`.
async fn let_back(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let LetBack { key, code, reason } = call.read()?;
    let spot = spot(&format!("{key} {}", code.unwrap_or_default()))?;
    let id = card(&app, &apex).await?.id;
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = lists::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    repute_registry::kept_out::let_back(t, person, &list, &spot, reason.trim(), now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `GET /api/v1/lists/{apex}/entries`.
async fn show(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, AppError> {
    let list = card(&app, &apex).await?.id;
    let mut look = app.database.look().await?;
    let limit = wanted.limit.unwrap_or(100).clamp(1, MOST);
    let (found, next) = match &wanted.target {
        Some(target) => {
            let target = parse(target).map_err(|error| AppError::Target(error.to_string()))?;
            (entries::over(look.session(), list, &target).await?, None)
        }
        None => {
            let within = wanted.within.as_deref().map(key).transpose()?;
            let after = wanted.after.as_deref().map(key).transpose()?;
            let (within, after) = (within.as_ref(), after.as_ref());
            let found = entries::page(look.session(), list, within, after, limit).await?;
            let mut keys: Vec<&Key> = found.iter().map(|entry| &entry.key).collect();
            keys.dedup();
            let last = keys.last().filter(|_| keys.len() >= limit as usize);
            let next = last.map(ToString::to_string);
            (found, next)
        }
    };
    let sources = entries::sources(look.session()).await?;
    let entries = found.iter().map(|entry| Listed::of(entry, &sources)).collect();
    Ok(Json(Page { entries, next }))
}

/// `POST /api/v1/lists/{apex}/entries`.
async fn change(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let Changes { reason, source, changes } = call.read()?;
    let id = card(&app, &apex).await?.id;
    let edits = changes.into_iter().map(edit).collect::<Result<Vec<Edit>, AppError>>()?;
    let source = source.as_deref().unwrap_or("api");
    if !repute_registry::evidence::is_word(source) {
        return Err(AppError::Wrong(format!("`{source}` is no name of a source")));
    }
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = lists::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    let made = edit::edit(t, person, &list, &edits, source, &reason, now).await?;
    let changed = Changed::of(t, &list, made).await?;
    changed.tell(&mut write).await?;
    write.done(changed.status(), &changed).await
}

impl Changed {
    /// Of what was made of a change.
    pub(super) async fn of(
        transaction: &mut Transaction,
        list: &lists::Stored,
        made: Made,
    ) -> Result<Changed, AppError> {
        Ok(match made {
            Made::Published(serial) => {
                let held = publish::prospect(transaction.session(), list, serial).await?.held();
                Changed { serial: Some(serial), motion: None, because: None, held }
            }
            Made::Waits(id, why) => {
                let because = Some(why.to_string());
                Changed { serial: None, motion: Some(id.0), because, held: None }
            }
        })
    }

    /// Tells those who may agree to what waits.
    pub(super) async fn tell(&self, write: &mut Write) -> Result<(), AppError> {
        let Some(id) = self.motion else { return Ok(()) };
        let notices = motion::notices(&mut write.transaction, MotionId(id)).await?;
        write.tell(&notices).await
    }

    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self.motion {
            Some(_) => StatusCode::ACCEPTED,
            None => StatusCode::OK,
        }
    }
}

/// `POST /api/v1/lists/{apex}/entries/give`.
async fn give(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let Giving { organisation, reason, keys, found } = call.read()?;
    let id = card(&app, &apex).await?.id;
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = lists::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    let which = match (keys.is_empty(), found) {
        (false, None) => Which::Keys(keys.iter().map(|name| key(name)).collect::<Result<_, _>>()?),
        (true, Some(by)) => {
            let source = match &by.source {
                Some(name) => {
                    let known = entries::known_source(t.session(), name).await?;
                    let none = || AppError::Wrong(format!("no entry came from `{name}`"));
                    Some(known.ok_or_else(none)?)
                }
                None => None,
            };
            let sought = Sought {
                within: by.within.as_deref().map(key).transpose()?,
                organisation: by.organisation.map(OrganisationId),
                source,
                text: by.text,
                code: None,
            };
            if sought == Sought::default() {
                return Err(AppError::Wrong("say what the entries have in common".to_owned()));
            }
            Which::Sought(sought)
        }
        (true, None) | (false, Some(_)) => {
            let words = "name the keys, or say what the entries have in common";
            return Err(AppError::Wrong(words.to_owned()));
        }
    };
    let to = organisation.map(OrganisationId);
    let (given, notices) = edit::give(t, person, &list, &which, to, &reason, now).await?;
    write.tell(&notices).await?;
    write.done(StatusCode::OK, &Given { keys: given.keys, more: given.is_more }).await
}

/// Reads a change.
fn edit(typed: Typed) -> Result<Edit, AppError> {
    let code = |text: &str| {
        text.trim().parse().map_err(|error| AppError::Wrong(format!("`{}`: {error}", text.trim())))
    };
    Ok(match typed {
        Typed::List { key: name, code: with, reason, text, criterion, days } => {
            let end = days.map_or(End::Never, End::After);
            let (code, review) = (code(&with)?, Review::AsBefore);
            let listing = Listing { code, before: None, text, reason, criterion, end, review };
            Edit { key: key(&name)?, what: What::List(listing) }
        }
        Typed::Exclude { key: name, reason } => {
            Edit { key: key(&name)?, what: What::Exclude { reason } }
        }
        Typed::Remove { key: name, code: with } => {
            let code = with.as_deref().map(code).transpose()?;
            Edit { key: key(&name)?, what: What::Remove { code } }
        }
    })
}

/// Reads a key.
pub(super) fn key(text: &str) -> Result<Key, AppError> {
    text.trim().parse().map_err(|error: repute_database::NoKey| AppError::Wrong(error.to_string()))
}

impl Listed {
    /// Of an entry.
    pub(super) fn of(entry: &Entry, sources: &[(SourceId, String)]) -> Listed {
        let source = sources.iter().find(|(id, _)| *id == entry.source);
        Listed {
            key: entry.key.to_string(),
            code: entry.code.map(|code| code.to_string()),
            text: entry.text.clone(),
            reason: entry.reason.clone(),
            source: source.map_or_else(String::new, |(_, name)| name.clone()),
            organisation: entry.organisation.map(|id| id.0),
            since: Moment(entry.since).rfc3339(),
            expires: entry.expires.map(|end| Moment(end).rfc3339()),
            review: entry.review.map(|time| Moment(time).rfc3339()),
        }
    }
}

/// To read them.
const READ: &[Scope] = &[Scope::EntriesRead];
/// To change them.
const WRITE: &[Scope] = &[Scope::EntriesWrite];
/// Bytes of a thousand changes, with a reason and a text each.
const LARGE: usize = 4 * 1024 * 1024;
/// The heading.
const GROUP: &str = "Entries";
/// So many keys are shown at most.
const MOST: u32 = 1_000;
