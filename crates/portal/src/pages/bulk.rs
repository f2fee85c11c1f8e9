//! `/queue/bulk`: one decision about several requests and removals: first what it would lead to, then, once confirmed,
//! what it led to.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use repute_database::Timestamp;
use repute_database::removals::{self, RemovalId};
use repute_database::requests::RequestId;
use repute_registry::bulk::{self, Impact, Outcome, Pick, Ruling, Tried};
use repute_registry::decision::Reason;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::notice;
use crate::pages::request::size;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "bulk.html")]
pub(crate) struct Bulk {
    frame: Frame,
    /// Whether it happened, or only would.
    is_done: bool,
    is_approval: bool,
    lines: Vec<Line>,
    /// What all of it changes.
    impact: Impact,
    /// What is sent again to confirm.
    fields: BTreeMap<String, String>,
}

/// What became of one.
struct Line {
    /// Where it is.
    path: String,
    /// What it is called.
    name: String,
    outcome: Outcome,
}

/// `POST /queue/bulk`. What is picked are fields of their own: `request-7`, with the version that was seen, and
/// `removal-7`; with `confirm` it happens.
pub(crate) async fn decide(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(mut fields): Form<BTreeMap<String, String>>,
) -> Result<Page<Bulk>, AppError> {
    let is_done = fields.remove("confirm").is_some();
    let wrong = |what: &str| AppError::Wrong(what.to_owned());
    let picks: Vec<Pick> = fields.iter().filter_map(|(name, value)| pick(name, value)).collect();
    if picks.is_empty() {
        return Err(wrong("choose what is to be decided"));
    }
    if picks.len() > MOST {
        return Err(wrong("at most a hundred are decided at once"));
    }
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let ruling = match field("verdict") {
        "approve" => Ruling::Approve,
        "reject" => {
            let reason = Reason::of_word(field("reason"));
            let why = with_canned(&app, field("canned"), field("why"));
            Ruling::Reject(reason.ok_or_else(|| wrong("choose a reason"))?, why)
        }
        _ => return Err(wrong("choose what to do")),
    };
    let now = Timestamp::now();
    let (mut lines, mut impact, mut tried) = (Vec::new(), Impact::default(), Tried::default());
    for pick in picks {
        let mut transaction = app.database.begin().await?;
        let (path, name) = match pick {
            Pick::Request(id, _) => (super::request::path(id), format!("Request {}", id.0)),
            Pick::Removal(id) => {
                let found = removals::by_id(transaction.session(), id).await?;
                let target = found.map_or_else(String::new, |found| found.new.target);
                (format!("/queue/removals/{}", id.0), format!("Removal of {target}"))
            }
        };
        let (t, person) = (&mut transaction, member.person());
        let outcome = if is_done {
            let (outcome, notices) = bulk::carry_out(t, person, pick, &ruling, now).await?;
            match &outcome {
                // Whatever was begun for it must not stay.
                Outcome::LeftOut(_) => drop(transaction),
                Outcome::Done(_) | Outcome::Second(_) => {
                    notice::put(&app, t, &notices, now).await?;
                    transaction.commit().await?;
                }
            }
            outcome
        } else {
            bulk::try_out(t, person, pick, &ruling, &mut tried, now).await?
        };
        if let Outcome::Done(one) = &outcome {
            impact.add(one);
        }
        lines.push(Line { path, name, outcome });
    }
    if is_done {
        app.mail_waits.notify_one();
    }
    let is_approval = ruling == Ruling::Approve;
    Ok(Page(Bulk { frame, is_done, is_approval, lines, impact, fields }))
}

/// What a field picks, if it picks something.
fn pick(name: &str, value: &str) -> Option<Pick> {
    let (kind, id) = name.split_once('-')?;
    let id = id.parse().ok()?;
    match kind {
        "request" => Some(Pick::Request(RequestId(id), value.parse().ok()?)),
        "removal" => Some(Pick::Removal(RemovalId(id))),
        _ => None,
    }
}

/// What an editor says: one of the texts that the configuration has, by its number, and his own words.
pub(crate) fn with_canned(app: &App, canned: &str, why: &str) -> String {
    let canned = canned.parse().ok().and_then(|at: usize| app.config.canned_reasons.get(at));
    let words = [canned.map(String::as_str).unwrap_or_default(), why.trim()];
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Bulk {
    /// How many end in each way: done, waiting for another editor, left out.
    fn counts(&self) -> (usize, usize, usize) {
        let of =
            |is: fn(&Outcome) -> bool| self.lines.iter().filter(|one| is(&one.outcome)).count();
        (
            of(|one| matches!(one, Outcome::Done(_))),
            of(|one| matches!(one, Outcome::Second(_))),
            of(|one| matches!(one, Outcome::LeftOut(_))),
        )
    }

    /// How many the guards of their lists keep back.
    fn held(&self) -> usize {
        self.lines.iter().filter(|one| one.outcome.is_held()).count()
    }

    /// Whether there is something to confirm.
    fn can_confirm(&self) -> bool {
        let (done, second, _) = self.counts();
        !self.is_done && done + second > 0
    }

    /// How many addresses come onto lists.
    fn added(&self) -> String {
        size(self.impact.added.iter().copied())
    }

    /// How many leave them.
    fn removed(&self) -> String {
        size(self.impact.removed.iter().copied())
    }
}

impl Line {
    /// What became of it, with its class.
    fn words(&self, is_done: bool) -> (&'static str, String) {
        match &self.outcome {
            Outcome::Done(impact) => {
                let verb = if is_done { "decided" } else { "would be decided" };
                let Impact { added, changed, removed, other, held } = impact;
                let parts = [
                    (added.len(), "newly listed"),
                    (*changed, "with another code"),
                    (removed.len(), "off the list"),
                    (*other, "other changes"),
                ];
                let parts = parts.iter().filter(|(count, _)| *count > 0);
                let parts: Vec<String> =
                    parts.map(|(count, what)| format!("{count} {what}")).collect();
                let rest = if parts.is_empty() {
                    String::new()
                } else {
                    format!(": {}", parts.join(", "))
                };
                match held {
                    Some(why) => {
                        let words =
                            "the list’s guards keep it back until another editor approves it";
                        ("warn", format!("{verb}{rest}; {words}: {why}"))
                    }
                    None => ("good", format!("{verb}{rest}")),
                }
            }
            Outcome::Second(why) => ("warn", format!("another editor has to agree, for {why}")),
            Outcome::LeftOut(why) => ("bad", format!("left out. {}", sentence(why))),
        }
    }
}

/// How many are decided at once at most.
const MOST: usize = 100;
