//! `/work`: what takes longer than a page, how far it is and what became of it. The pages come again by themselves as
//! long as something is under way, without a script.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::work::{self, Kind, State as Stands, Work, WorkId};
use repute_database::{Transaction, audit};
use repute_registry::work as rules;
use serde_json::Value;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::sign_in::back;
use crate::visitor::Member;
use crate::work::{About, progress, who};

/// The page of all.
#[derive(Template)]
#[template(path = "work.html")]
pub(crate) struct AllWork {
    frame: Frame,
    rows: Vec<Row>,
}

/// The page of one.
#[derive(Template)]
#[template(path = "work_one.html")]
pub(crate) struct OneWork {
    frame: Frame,
    row: Row,
    /// Whether the visitor may cancel it.
    may_cancel: bool,
    /// Whether its file is on another server.
    is_elsewhere: bool,
    /// The list and the source that can be purged from it now, as this was the trial of that.
    clears: Option<(String, String)>,
    /// What became of it, in sentences.
    said: Vec<String>,
    /// What is to be looked at.
    warned: Vec<String>,
    /// What would change, or did, with examples.
    groups: Vec<Group>,
}

/// A piece of work.
struct Row {
    work: Work,
    title: String,
    who: Option<String>,
}

/// So many of something, and the first of them.
struct Group {
    count: u64,
    words: String,
    first: Vec<String>,
}

/// `GET /work`.
pub(crate) async fn show(State(app): State<App>, frame: Frame) -> Result<Page<AllWork>, AppError> {
    let mut look = app.database.look().await?;
    let mut rows = Vec::new();
    for work in work::latest(look.session(), None, MOST).await? {
        rows.push(Row::of(&mut look, work).await?);
    }
    Ok(Page(AllWork { frame, rows }))
}

/// `GET /work/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<OneWork>, AppError> {
    let mut look = app.database.look().await?;
    let work = work::by_id(look.session(), WorkId(id)).await?.ok_or(AppError::NotFound)?;
    let own = audit::known_actor(look.session(), member.account.id.0).await?;
    let is_own = own.as_ref() == Some(&work.new.actor);
    let may_cancel = work.state.is_open() && (is_own || frame.is_administrator());
    let result: Value = serde_json::from_str(&work.result).unwrap_or_default();
    let (said, warned) = (said(work.new.kind, &result), warned(&result));
    let groups = match work.new.kind {
        Kind::Purge => Vec::new(),
        Kind::Replay => replayed(&result),
        Kind::Import => imported(&result),
    };
    let is_elsewhere =
        work.new.folder.as_ref().is_some_and(|folder| folder != app.means.spool.name());
    let about = About::of(look.session(), &work).await?;
    let is_trial = about.is_clearing && about.is_dry && work.state == Stands::Done;
    let is_more = number(&result, "removed") > 0 && number(&result, "for_two_editors") == 0;
    let clears = about.list.zip(about.source);
    let clears = clears.filter(|_| is_trial && is_more && frame.is_administrator());
    let row = Row::of(&mut look, work).await?;
    Ok(Page(OneWork { frame, row, may_cancel, is_elsewhere, clears, said, warned, groups }))
}

/// `POST /work/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let now = repute_database::Timestamp::now();
    let cancelled = rules::cancel(&mut transaction, member.person(), WorkId(id), now).await?;
    transaction.commit().await?;
    app.means.spool.discard(&cancelled);
    Ok(back(&format!("/work/{id}"), Flash::WorkCancelled))
}

/// Leads to work that was just ordered.
pub(crate) fn begun(app: &App, id: WorkId) -> Response {
    app.work_waits.notify_one();
    back(&format!("/work/{}", id.0), Flash::WorkBegun)
}

impl Row {
    /// Of a piece of work.
    async fn of(look: &mut Transaction, work: Work) -> Result<Row, AppError> {
        let title = About::of(look.session(), &work).await?.title(work.new.kind);
        let who = who(look.session(), &work).await?;
        Ok(Row { work, title, who })
    }

    /// How far it is, in words.
    fn progress(&self) -> String {
        progress(&self.work)
    }

    /// How its state is marked.
    fn mark(&self) -> &'static str {
        match self.work.state {
            Stands::Done => "good",
            Stands::Failed => "bad",
            Stands::Queued | Stands::Running | Stands::Cancelled => "idle",
        }
    }

    /// Whether a bar says something.
    fn has_bar(&self) -> bool {
        self.work.state == Stands::Running && (1..=self.work.new.total).contains(&self.work.done)
    }
}

impl AllWork {
    /// Whether something is under way.
    fn is_open(&self) -> bool {
        self.rows.iter().any(|row| row.work.state.is_open())
    }
}

/// A number of a result.
fn number(result: &Value, name: &str) -> u64 {
    result[name].as_u64().unwrap_or(0)
}

/// Texts of a result.
fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What became of it, in sentences.
fn said(kind: Kind, result: &Value) -> Vec<String> {
    if result.is_null() {
        return Vec::new();
    }
    match kind {
        Kind::Purge => vec![format!(
            "{} observations are gone. Rules look again within seconds, and entries that stood on them alone leave \
             their lists.",
            number(result, "observations")
        )],
        Kind::Replay => vec![format!(
            "By what was seen of {} addresses and names. {} stay as they are. Nothing was changed.",
            number(result, "keys"),
            number(result, "same")
        )],
        Kind::Import => {
            let is_dry = result["dry_run"].as_bool().unwrap_or(false);
            let mut line = format!("{} unchanged", number(result, "unchanged"));
            for (name, words) in [
                ("shortened", "end earlier than until now"),
                ("kept", "of other sources stay theirs"),
                ("kept_out", "kept out by decisions"),
                ("faults", "faulty lines are left out"),
                ("misfits", "name what the list does not take"),
                ("repeated", "repeat another"),
                ("left_out", "hold under a condition and are left out"),
            ] {
                if number(result, name) > 0 {
                    line += &format!(", {} {words}", number(result, name));
                }
            }
            let first = match (is_dry, result["serial"].as_u64()) {
                (true, _) => "Nothing was changed.".to_owned(),
                (false, Some(serial)) => format!("It is serial {serial} of the list."),
                (false, None) => "Nothing had to be changed.".to_owned(),
            };
            let mut lines = vec![first, format!("{line}.")];
            // A purge of a source has no file.
            let digest = result["sha256"].as_str().filter(|digest| !digest.is_empty());
            lines.extend(digest.map(|digest| format!("SHA-256 of the file: {digest}.")));
            lines
        }
    }
}

/// What is to be looked at.
fn warned(result: &Value) -> Vec<String> {
    let mut warned = Vec::new();
    if let Some(why) = result["held"].as_str() {
        let why = sentence(why);
        warned.push(format!(
            "The guards of the list keep it back until a second person has looked. {why}"
        ));
    }
    let codes = texts(&result["codes_without_meaning"]);
    if !codes.is_empty() {
        warned.push(format!("The list does not say what {} means.", codes.join(", ")));
    }
    let (count, first) =
        (number(result, "for_two_editors"), texts(&result["first_for_two_editors"]));
    if count > 0 {
        warned.push(format!(
            "Two editors have to agree to {count} of these changes, such as {}: this is done only without them.",
            first.join(", ")
        ));
    }
    warned.extend(texts(&result["first_faults"]));
    warned
}

/// What a replay found.
fn replayed(result: &Value) -> Vec<Group> {
    let added = match result["outcome"].as_str() {
        Some("propose") => "would be proposed",
        Some(_) | None => "would be listed",
    };
    let group = |(name, words): (&str, &str)| Group {
        count: number(&result[name], "count"),
        words: words.to_owned(),
        first: texts(&result[name]["first"]),
    };
    [
        ("added", added),
        ("renewed", "would be listed longer"),
        ("dropped", "are listed by it and would not be"),
        ("asked", "are an organisation’s on an allow list: an editor would be asked"),
        ("held", "are reserved or excluded, and never listed"),
    ]
    .map(group)
    .into_iter()
    .filter(|group| group.count > 0)
    .collect()
}

/// What an import changed, or would.
fn imported(result: &Value) -> Vec<Group> {
    let would = if result["dry_run"].as_bool() == Some(true) { "would be " } else { "" };
    let group = |name: &str| Group {
        count: number(result, name),
        words: format!("{would}{name}"),
        first: texts(&result["examples"][name]),
    };
    let groups = ["added", "changed", "renewed", "removed"].map(group).into_iter();
    groups.filter(|group| group.count > 0).collect()
}

/// So much is shown.
const MOST: u32 = 50;
