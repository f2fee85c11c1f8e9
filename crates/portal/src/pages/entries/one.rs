//! `/lists/{apex}/entry`: what a list says of one address, network or name, what became of it, and the forms by which an
//! editor changes it, takes it off, and takes a change back.
//!
//! Whatever is changed goes through `registry`'s `edit`, as by the API. Not here: a public page of an entry
//! (`pages::entry`).

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::entries::{self, Entry};
use repute_database::entry_history::{self, StepId};
use repute_database::kept_out::{self, KeptOut};
use repute_database::lists::{self, Criterion, Stored};
use repute_database::{Key, Timestamp, Transaction, organisations};
use repute_dnsxl::{Name, ReturnCode};
use repute_registry::edit::{self, Edit, End, Listing, Made, Review, What};
use repute_registry::publish::{self, Prospect};
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::entry_history::{Names, Told, told};
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::overview::stored;
use crate::pages::entries::key_of;
use crate::pages::motion;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "entries_one.html")]
pub(crate) struct One {
    frame: Frame,
    list: Stored,
    key: Key,
    codes: Vec<(ReturnCode, String)>,
    names: Names,
    /// Its entries, each with the name of who is responsible for it.
    rows: Vec<(Entry, Option<String>)>,
    /// What covers it.
    above: Vec<Entry>,
    /// What imports leave out of it.
    kept_out: Vec<KeptOut>,
    /// What became of it, the latest first.
    history: Vec<Told>,
    /// Where earlier steps are.
    earlier: Option<i64>,
    /// Imports and others of very many entries, the latest first, and whether the entry came with one.
    many: Vec<(Told, bool)>,
    /// What the form was made of.
    seen: String,
}

/// Which entry.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// What it names.
    key: String,
    /// The step before which to go on.
    before: Option<i64>,
}

/// What is to become of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    key: String,
    /// `list`, `remove` or `exclude`.
    act: String,
    /// What the form was made of.
    #[serde(default)]
    seen: String,
    /// With which code it is listed.
    #[serde(default)]
    code: String,
    /// With which one until now.
    #[serde(default)]
    before: String,
    #[serde(default)]
    text: String,
    /// Whether the list's own text is meant where none is typed.
    #[serde(default)]
    of_list: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    criterion: String,
    /// The day on which it ends, and the one that was shown.
    #[serde(default)]
    end: String,
    #[serde(default)]
    end_before: String,
    /// The day on which somebody looks again, and the one that was shown.
    #[serde(default)]
    review: String,
    #[serde(default)]
    review_before: String,
    /// What is excluded.
    #[serde(default)]
    address: String,
    /// Why, for the log.
    #[serde(default)]
    why: String,
}

/// What is taken back.
#[derive(Debug, Deserialize)]
pub(crate) struct Undone {
    step: i64,
    #[serde(default)]
    why: String,
}

/// `GET /lists/{apex}/entry`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
    Query(Wanted { key, before }): Query<Wanted>,
) -> Result<Page<One>, AppError> {
    let key = key_of(&key).map_err(AppError::Wrong)?;
    let now = Timestamp::now();
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let codes = lists::codes(look.session(), list.id).await?;
    let names = Names::of(look.session(), list.id).await?;
    let there = entries::at(look.session(), list.id, &key).await?;
    let above = entries::above(look.session(), list.id, &key).await?;
    let kept_out = kept_out::all_at(look.session(), list.id, &key, now).await?;
    let before = before.map(StepId);
    let mut steps =
        entry_history::of_key(look.session(), list.id, &key, before, MOST_STEPS + 1).await?;
    let is_more = steps.len() > MOST_STEPS as usize;
    steps.truncate(MOST_STEPS as usize);
    let earlier = steps.last().filter(|_| is_more).map(|step| step.id.0);
    let many = entry_history::of_many(look.session(), list.id, None, MOST_MANY).await?;
    let many = many.iter().map(|step| {
        let is_origin = there.iter().any(|entry| entry.since == step.time);
        (told(step, &there, &names, now), is_origin)
    });
    let many = many.collect();
    let history = steps.iter().map(|step| told(step, &there, &names, now)).collect();
    let seen = digest(&there);
    let mut rows = Vec::new();
    for entry in there {
        let organisation = match entry.organisation {
            Some(id) => organisations::by_id(look.session(), id).await?.map(|found| found.name),
            None => None,
        };
        rows.push((entry, organisation));
    }
    let one =
        One { frame, list, key, codes, names, rows, above, kept_out, history, earlier, many, seen };
    Ok(Page(one))
}

/// `POST /lists/{apex}/entry`: an editor changes it by himself.
pub(crate) async fn change(
    State(app): State<App>,
    member: Member,
    Path(apex): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let key = key_of(&typed.key).map_err(AppError::Wrong)?;
    let edit = typed.edit(&key)?;
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let list = stored(transaction.session(), &apex).await?;
    // Nobody else changes the list from here on.
    lists::lock(transaction.session(), list.id).await?;
    // Who has seen something else would take back unseen what somebody else changed meanwhile.
    let there = entries::at(transaction.session(), list.id, &key).await?;
    // What is taken out of something is not what was seen.
    let is_other = typed.act == "exclude" && typed.seen.is_empty();
    if !is_other && typed.seen != digest(&there) {
        return Err(AppError::Changed);
    }
    let (t, edits) = (&mut transaction, [edit]);
    let made = edit::edit(t, person, &list, &edits, SOURCE, &typed.why, now).await?;
    done(&app, transaction, &list, &edits[0].key, made, Flash::EntryChanged).await
}

/// `POST /lists/{apex}/entry/undo`: an editor takes a change back.
pub(crate) async fn undo(
    State(app): State<App>,
    member: Member,
    Path(apex): Path<String>,
    Form(Undone { step, why }): Form<Undone>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let list = stored(transaction.session(), &apex).await?;
    let t = &mut transaction;
    let (key, made) = edit::undo(t, person, &list, StepId(step), &why, now).await?;
    done(&app, transaction, &list, &key, made, Flash::ChangeUndone).await
}

/// Has a change hold and goes back to the entry, or goes to where it waits for a second editor, of whom all are told.
async fn done(
    app: &App,
    mut transaction: Transaction,
    list: &Stored,
    key: &Key,
    made: Made,
    flash: Flash,
) -> Result<Response, AppError> {
    let serial = match made {
        Made::Published(serial) => serial,
        Made::Waits(id, _) => {
            let notices = repute_registry::motion::notices(&mut transaction, id).await?;
            notice::put(app, &mut transaction, &notices, Timestamp::now()).await?;
            transaction.commit().await?;
            app.mail_waits.notify_one();
            return Ok(back(&motion::path(id), Flash::MotionMade));
        }
    };
    let prospect = publish::prospect(transaction.session(), list, serial).await?;
    transaction.commit().await?;
    let flash = match prospect {
        Prospect::Soon => flash,
        Prospect::Held { .. } | Prospect::Behind { .. } => Flash::ChangeHeld,
    };
    Ok(back(&path(&list.list.apex, key), flash))
}

/// Where the page of an entry is.
pub(crate) fn path(apex: &Name, key: &Key) -> String {
    format!("/lists/{apex}/entry?key={}", encode(&key.to_string()))
}

/// What of the entries of a key a form was made of.
fn digest(there: &[Entry]) -> String {
    let mut there: Vec<&Entry> = there.iter().collect();
    there.sort_by_key(|entry| entry.code);
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{there:?}").as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Typed {
    /// What is to be done.
    fn edit(&self, key: &Key) -> Result<Edit, AppError> {
        let code = |text: &str| -> Result<ReturnCode, AppError> {
            let text = text.trim();
            text.parse().map_err(|error| AppError::Wrong(format!("`{text}`: {error}")))
        };
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match &*self.act {
            "list" => {
                let (end, review) = (self.end.trim(), self.review.trim());
                let listing = Listing {
                    code: code(&self.code)?,
                    before: given(&self.before).map(|text| code(&text)).transpose()?,
                    text: match (self.text.trim(), &*self.of_list) {
                        ("", "yes") => String::new(),
                        ("", _) => edit::text_of(&self.reason),
                        (text, _) => text.to_owned(),
                    },
                    reason: self.reason.clone(),
                    criterion: given(&self.criterion),
                    end: match end {
                        "" => End::Never,
                        same if same == self.end_before => End::AsBefore,
                        day => End::At(day_of(day)?),
                    },
                    review: match review {
                        "" => Review::Never,
                        same if same == self.review_before => Review::AsBefore,
                        day => Review::At(day_of(day)?),
                    },
                };
                if listing.reason.trim().is_empty() {
                    return Err(AppError::Wrong(
                        "an entry has a reason, for everybody to read".into(),
                    ));
                }
                Ok(Edit { key: key.clone(), what: What::List(listing) })
            }
            "remove" => {
                let code = given(&self.before).map(|text| code(&text)).transpose()?;
                Ok(Edit { key: key.clone(), what: What::Remove { code } })
            }
            "exclude" => {
                let inner = key_of(&self.address).map_err(AppError::Wrong)?;
                if !key.within().contains(&inner.to_bytes()) {
                    return Err(AppError::Wrong(format!("{inner} is not within {key}")));
                }
                let reason = self.reason.trim().to_owned();
                if reason.is_empty() {
                    return Err(AppError::Wrong(
                        "an exclusion has a reason, for everybody to read".into(),
                    ));
                }
                Ok(Edit { key: inner, what: What::Exclude { reason } })
            }
            _ => Err(AppError::Choice),
        }
    }
}

/// The beginning of a day.
pub(crate) fn day_of(text: &str) -> Result<Timestamp, AppError> {
    let wrong = || AppError::Wrong(format!("`{text}` is no day, such as 2026-03-01"));
    Moment::of_day(text).map(|day| day.0).ok_or_else(wrong)
}

impl One {
    /// What a code means.
    fn meaning(&self, code: ReturnCode) -> &str {
        let found = self.codes.iter().find(|(known, _)| *known == code);
        found.map_or("", |(_, meaning)| meaning)
    }

    /// The page of a key.
    fn place(&self, key: &Key) -> String {
        path(&self.list.list.apex, key)
    }

    /// Whether entries are chosen in the tables.
    fn chooses(&self) -> bool {
        false
    }

    /// The key in the address of a page.
    fn encoded(&self) -> String {
        encode(&self.key.to_string())
    }

    /// The text of an entry that is neither its reason nor the list's.
    fn own_text<'e>(&self, entry: &'e Entry) -> &'e str {
        if entry.text == edit::text_of(&entry.reason) { "" } else { &entry.text }
    }

    /// How it stands on the list, as a mark and a word.
    fn standing(&self) -> (&'static str, &'static str) {
        let is_never = self.rows.iter().any(|(entry, _)| entry.code.is_none());
        match (self.rows.is_empty(), is_never, self.above.first()) {
            (false, true, _) => ("idle", "never listed"),
            (false, false, _) => ("bad", "listed"),
            (true, _, Some(above)) if above.code.is_some() => ("bad", "listed by what covers it"),
            (true, ..) => ("idle", "not listed"),
        }
    }

    /// Whether it is listed with a code.
    fn has(&self, code: &ReturnCode) -> bool {
        self.rows.iter().any(|(entry, _)| entry.code == Some(*code))
    }

    /// Whether there is a code with which it could be listed, too. What is never listed is no entry of a code.
    fn can_be_listed(&self) -> bool {
        let is_never = self.rows.iter().any(|(entry, _)| entry.code.is_none());
        !is_never && (self.codes.is_empty() || self.codes.iter().any(|(code, _)| !self.has(code)))
    }

    /// Whether there is something below it that could be taken out.
    fn has_below(&self) -> bool {
        let is_listed = self.rows.iter().any(|(entry, _)| entry.code.is_some());
        let is_one = match &self.key {
            Key::Network(_) => self.key.within().start() == self.key.within().end(),
            Key::Name(_, extent) => *extent == repute_dnsxl::Extent::Exact,
        };
        is_listed && !is_one
    }

    /// A day of a form, if there is one.
    fn day(&self, time: &Option<Timestamp>) -> String {
        time.map(|time| Moment(time).day()).unwrap_or_default()
    }

    /// The criteria that an entry may name: those that are not ended, and its own.
    fn criteria_of<'o>(&'o self, entry: &'o Entry) -> impl Iterator<Item = &'o Criterion> {
        let is_here = |one: &&Criterion| {
            one.is_open() || Some(one.id) == entry.criterion.map(|named| named.id)
        };
        self.names.criteria.iter().filter(is_here)
    }

    /// Which version of its criterion an entry names, if that is not the one in force.
    fn former(&self, entry: &Entry) -> Option<i64> {
        let named = entry.criterion?;
        let said = self.names.criterion(named)?.said(named.version, entry.since)?;
        let last = self.names.criterion(named)?.named().version;
        Some(said.version).filter(|version| Some(*version) != last)
    }

    /// Whether a criterion is that of an entry.
    fn is_of(&self, entry: &Entry, slug: &str) -> bool {
        let found = entry.criterion.and_then(|named| self.names.criterion(named));
        found.is_some_and(|found| found.slug == slug)
    }
}

/// From which source entries are that editors write here; the shell's are as well.
const SOURCE: &str = "hand";
/// So many steps are shown.
const MOST_STEPS: u32 = 50;
/// So many changes of very many entries.
const MOST_MANY: u32 = 10;
