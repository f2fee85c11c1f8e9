//! `/queue/versions/{id}`: what a version that the guards of a list refused brings, and the button of whoever means it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::lists::{self, ListId, Stored};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{Key, Timestamp};
use repute_dnsxl::Network;
use repute_registry::publish::{self, Brought, Fate, Row};
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::entry_history::{Names, counted, lines, what, who};
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::overview::{ListCard, grouped};
use crate::pages::entries::one;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// A version that was refused, among what waits.
pub(super) struct Version {
    pub(super) card: ListCard,
    pub(super) publication: Publication,
    /// The serial that is answered meanwhile.
    pub(super) good: Option<u32>,
    /// Whether whoever looks made the change.
    pub(super) is_own: bool,
}

/// The page of a version.
#[derive(Template)]
#[template(path = "version.html")]
pub(crate) struct VersionPage {
    frame: Frame,
    list: Stored,
    brought: Brought,
    is_own: bool,
    /// Who changed what, in words.
    deeds: Vec<Deed>,
    /// The part of the keys that is shown, each with what becomes of it.
    rows: Vec<(Row, Vec<String>)>,
    /// Which are shown; all without it.
    shown: Option<Fate>,
    /// Where more are.
    next: Option<String>,
}

/// What somebody did, in words.
struct Deed {
    time: Timestamp,
    who: String,
    what: String,
    /// How many entries, or which file.
    lines: Vec<String>,
    reason: String,
}

/// Which keys are shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Narrowed {
    /// What becomes of them; all without it.
    #[serde(default)]
    show: String,
    /// The key behind which to go on.
    #[serde(default)]
    after: String,
}

/// Which version somebody means.
#[derive(Deserialize)]
pub(crate) struct Approved {
    serial: u32,
}

/// `GET /queue/versions/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
    Query(Narrowed { show, after }): Query<Narrowed>,
) -> Result<Page<VersionPage>, AppError> {
    let mut look = app.database.look().await?;
    let list = lists::by_id(look.session(), ListId(id)).await?.ok_or(AppError::NotFound)?;
    let refused = publications::pending(look.session(), list.id).await?;
    let refused = refused.ok_or(AppError::NotFound)?;
    let person = member.person();
    let is_own = publish::is_author(look.session(), person, list.id, &refused).await?;
    let brought = publish::brought(look.session(), &list, refused).await?;
    let names = Names::of(look.session(), list.id).await?;
    let shown = Fate::ALL.into_iter().find(|fate| fate.word() == show);
    let after = match after.trim() {
        "" => Vec::new(),
        text => {
            let key: Key = text
                .parse()
                .map_err(|error: repute_database::NoKey| AppError::Wrong(error.to_string()))?;
            key.to_bytes()
        }
    };
    let mut found = brought.page(shown, &after, MOST + 1);
    let is_more = found.len() > MOST;
    found.truncate(MOST);
    let next = found.last().filter(|_| is_more).map(|last| {
        let key = encode(&last.key.to_string());
        let show = shown.map_or("", Fate::word);
        format!("/queue/versions/{id}?show={show}&after={key}#keys")
    });
    let words = |row: &Row| {
        let before = row.before.clone().unwrap_or_default();
        lines(
            &repute_database::entry_history::Turn::new(row.key.clone(), before, row.after.clone()),
            &names,
        )
    };
    let rows = found.into_iter().map(|row| (row.clone(), words(row))).collect();
    let deeds = brought.by.iter().map(|(_, by)| {
        let detail: serde_json::Value = serde_json::from_str(&by.deed.detail).unwrap_or_default();
        Deed {
            time: by.deed.time,
            who: who(&by.deed.actor, by.name.as_deref(), by.user),
            what: what(&by.deed.action),
            lines: counted(&detail),
            reason: detail["reason"].as_str().unwrap_or_default().to_owned(),
        }
    });
    let deeds = deeds.collect();
    Ok(Page(VersionPage { frame, list, is_own, deeds, rows, shown, next, brought }))
}

/// `POST /queue/versions/{id}`: somebody else than who changed a list means what its guards refused.
pub(crate) async fn approve(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Approved { serial }): Form<Approved>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let list = lists::by_id(transaction.session(), ListId(id)).await?.ok_or(AppError::NotFound)?;
    let (person, now) = (member.person(), Timestamp::now());
    publish::approve_by(&mut transaction, person, &list, serial, now).await?;
    transaction.commit().await?;
    Ok(back("/queue", Flash::VersionApproved))
}

/// Why a version was refused.
fn refusal(publication: &Publication) -> &str {
    match &publication.outcome {
        Outcome::Refused { why } => why,
        Outcome::Published | Outcome::Approved { .. } => "",
    }
}

impl Version {
    /// Why it was refused, as a sentence begins.
    pub(super) fn why(&self) -> String {
        sentence(refusal(&self.publication)).trim_end_matches('.').to_owned()
    }

    /// What is answered meanwhile.
    pub(super) fn before(&self) -> String {
        answered(self.good)
    }
}

/// What is answered meanwhile.
fn answered(good: Option<u32>) -> String {
    match good {
        Some(serial) => format!("Serial {serial} is answered."),
        None => "Nothing of the list is answered yet.".to_owned(),
    }
}

impl VersionPage {
    /// Why it was refused, each reason as a sentence.
    fn reasons(&self) -> Vec<String> {
        refusal(&self.brought.refused).split("; ").map(sentence).collect()
    }

    /// What is answered meanwhile.
    fn before(&self) -> String {
        answered(self.brought.good.as_ref().map(|good| good.serial))
    }

    /// Whether these are shown.
    fn is_shown(&self, word: &str) -> bool {
        self.shown.map_or("", Fate::word) == word
    }

    /// The choices of what is shown, by their words and names.
    fn choices(&self) -> [(&'static str, &'static str); 4] {
        [
            ("", "all"),
            ("added", "newly listed"),
            ("removed", "not any more"),
            ("changed", "otherwise"),
        ]
    }

    /// A number with its thousands apart.
    fn number(&self, number: &u64) -> String {
        grouped(*number)
    }

    /// The page of a key.
    fn place(&self, key: &Key) -> String {
        one::path(&self.list.list.apex, key)
    }

    /// How wide a network is.
    fn size(&self, network: &Network, count: &u64) -> String {
        let what = match network {
            Network::V4(_) => "addresses",
            Network::V6(_) => "networks /64",
        };
        format!("{} {what}", grouped(*count))
    }

    /// What becomes of a key, as a mark and words.
    fn mark(&self, row: &Row) -> (&'static str, &'static str) {
        match row.fate {
            Fate::Added => ("good", "newly listed"),
            Fate::Removed => ("bad", "not any more"),
            Fate::Changed => ("idle", "otherwise"),
        }
    }
}

/// Keys on a page.
const MOST: usize = 100;
