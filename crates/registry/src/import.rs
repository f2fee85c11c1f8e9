//! A file's entries become those of a list: what would change, and the change.
//!
//! A file is read whole ([`content`]), sorted, and held beside the list in one pass over both in the order of their
//! keys ([`mod@compare`]); a dry run ends there, and so shows what an import does. The import is one transaction with
//! one serial and one row in the audit log, which names the file by its SHA-256. Memory is taken for the file, some
//! hundred bytes an entry; of the list only a part at a time.
//!
//! An entry belongs to the source that brought it. An import changes and removes only what is of its own source;
//! only [`Mode::ReplaceList`] lays hands on the entries of others. What was taken off by a decision no import brings back
//! ([`crate::kept_out`]).

pub mod compare;
pub mod content;
mod owners;
mod report;

use repute_database::bulk::{self, Common, Place};
use repute_database::entries::{self, CriterionId, SourceId};
use repute_database::entry_history::{Kind, Turn};
use repute_database::lists::{self, Stored};
use repute_database::{Session, Timestamp, Transaction, kept_out};
use serde_json::json;

use crate::changes::{self, Bulk, Cause, ChangeError};
use compare::{Difference, Merge};
use content::Content;
use owners::Owners;

pub use report::Report;

/// What becomes of entries that are not in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    Add,
    /// Those of the same source go.
    ReplaceSource,
    /// All of the list go.
    ReplaceList,
}

impl Mode {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Add => "add",
            Mode::ReplaceSource => "replace-source",
            Mode::ReplaceList => "replace-list",
        }
    }
}

/// How a file's entries are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Where they come from.
    pub source: String,
    /// What becomes of others.
    pub mode: Mode,
    /// Why they are listed, for people.
    pub reason: String,
    /// Until when they are.
    pub expires: Option<Timestamp>,
    /// Which criterion of the policy they meet; without it those that are there keep theirs.
    pub criterion: Option<CriterionId>,
    /// On which day somebody looks at them again; without it those that are there keep theirs. A day and not a span: the
    /// same file a day later changes nothing.
    pub review: Option<Timestamp>,
    /// Whose those are that are nobody's yet.
    pub whose: Whose,
}

/// Whose the entries of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's, unless they are somebody's already.
    #[default]
    Nobodys,
    /// The organisations' whose numbers the file has; those that are not there are added.
    ByNumber,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many entries of the list have been compared.
    Compared(u64),
    /// Of so many entries so many are written.
    Written {
        /// Written already.
        done: u64,
        /// All of them.
        of: u64,
    },
}

/// What an import would change. Nothing is written, and nobody waits for it; what others change meanwhile may be
/// seen or not.
///
/// # Errors
/// If the database fails.
pub async fn dry_run(
    mut session: Session<'_>,
    list: &Stored,
    import: &Import,
    content: &Content,
    now: Timestamp,
    step: &mut (dyn FnMut(Step) + Send),
) -> Result<Report, ChangeError> {
    let source = entries::known_source(session.again(), &import.source).await?;
    let for_two = lists::codes_for_two(session.again(), list.id).await?;
    let owners = Owners::find(session.again(), import, content).await?;
    let by = (import, source, &owners);
    let difference = compare(session, list, by, content, now, step).await?;
    let terms = (import.expires, &for_two[..]);
    Ok(Report::new(&difference, content, &owners, None, terms)?)
}

/// Takes a file's entries into a list. What of it is for two editors to decide the report says: whether one alone may do
/// it all the same is the caller's to know. Without anything to change nothing is written, the report has no serial, and
/// the transaction is to be dropped.
///
/// # Errors
/// If the database fails: then the transaction is to be dropped.
pub async fn run(
    transaction: &mut Transaction,
    list: &Stored,
    import: &Import,
    content: &Content,
    cause: &Cause,
    now: Timestamp,
    step: &mut (dyn FnMut(Step) + Send),
) -> Result<Report, ChangeError> {
    // Organisations come before lists, for whoever waits for both; what is read of them then stays as it is.
    owners::hold(transaction, import, content).await?;
    let owners = Owners::find(transaction.session(), import, content).await?;
    owners.add(transaction, now).await?;
    // Whoever else changes the list waits from here on, so that what is compared is what is changed.
    let serial = changes::begin_bulk(transaction, list).await?;
    let source = entries::source(transaction.session(), &import.source).await?;
    let for_two = lists::codes_for_two(transaction.session(), list.id).await?;
    let session = transaction.session();
    let by = (import, Some(source), &owners);
    let difference = compare(session, list, by, content, now, step).await?;
    let terms = (import.expires, &for_two[..]);
    if difference.is_empty() {
        return Ok(Report::new(&difference, content, &owners, None, terms)?);
    }
    let criterion = match import.criterion {
        Some(id) => Some(lists::named(transaction.session(), id).await?),
        None => None,
    };
    let common = Common {
        source,
        reason: import.reason.clone(),
        since: now,
        expires: import.expires,
        criterion,
        review: import.review,
    };
    let rows: Vec<_> = difference
        .added
        .iter()
        .chain(&difference.changed)
        .chain(&difference.renewed)
        .map(|at| content.rows[*at as usize].clone())
        .collect();
    let touched: Vec<&Place> = rows
        .iter()
        .map(|row| &row.place)
        .chain(difference.removed.iter().map(|(_, place)| place))
        .collect();
    // Of few entries each has its history; for many the one row of the import stands.
    let is_each = touched.len() <= changes::MOST_EACH;
    let before = match is_each {
        true => changes::of_places(transaction, list.id, &touched).await?,
        false => Vec::new(),
    };
    let (mut done, of) = (0, rows.len() as u64);
    for part in rows.chunks(PART) {
        bulk::put(transaction.session(), list.id, &common, part).await?;
        done += part.len() as u64;
        step(Step::Written { done, of });
    }
    bulk::assign(transaction.session(), list.id, &owners.places(&rows)).await?;
    let gone: Vec<i64> = difference.removed.iter().map(|(id, _)| *id).collect();
    bulk::remove(transaction.session(), &gone).await?;
    let history = match is_each {
        true => {
            let mut after = changes::of_places(transaction, list.id, &touched).await?.into_iter();
            let turn = |(key, before)| {
                Turn::new(key, before, after.next().map(|(_, after)| after).unwrap_or_default())
            };
            (Kind::Change, before.into_iter().map(turn).collect())
        }
        false => {
            let listed = difference.added.iter().chain(&difference.changed);
            let came: Vec<&Place> = listed.map(|at| &content.rows[*at as usize].place).collect();
            let gone: Vec<&Place> = difference.removed.iter().map(|(_, place)| place).collect();
            let (before, after) =
                (changes::sample(&gone, &common)?, changes::sample(&came, &common)?);
            (Kind::Many, vec![Turn { key: None, before, after }])
        }
    };
    let listed = difference.added.iter().chain(&difference.changed);
    let places = listed
        .map(|at| &content.rows[*at as usize].place)
        .chain(difference.removed.iter().map(|(_, place)| place));
    let report = Report::new(&difference, content, &owners, Some(serial), terms)?;
    let bulk = Bulk {
        serial,
        places: places.collect(),
        detail: json!({
            "serial": serial,
            "source": import.source,
            "mode": import.mode.word(),
            "file": content.name,
            "sha256": content.sha256,
            "added": report.added,
            "changed": report.changed,
            "renewed": report.renewed,
            "shortened": report.shortened,
            // Whose doing it is that entries end then is looked for here, see `changes::ends`.
            "expires": import.expires.map(|end| end.0),
            "removed": report.removed,
            "unchanged": report.unchanged,
            "kept": report.kept,
            "kept_out": report.kept_out,
            "organisations": report.organisations,
            "faults": content.faults.errors(),
            "reason": cause.reason,
        }),
        history,
    };
    changes::end_bulk(transaction, list, &bulk, cause, now).await?;
    Ok(report)
}

/// Holds a file's entries beside those of a list.
async fn compare(
    mut session: Session<'_>,
    list: &Stored,
    (import, source, owners): (&Import, Option<SourceId>, &Owners),
    content: &Content,
    now: Timestamp,
    step: &mut (dyn FnMut(Step) + Send),
) -> Result<Difference, ChangeError> {
    let keys = kept_out::keys(session.again(), list.id, now).await?;
    let places = kept_out::places(session.again(), list.id, now).await?;
    let mut merge = Merge::new(&content.rows, import, source, (&keys, &places), owners);
    let (mut after, mut count) = (None, 0);
    loop {
        let held = bulk::slice(session.again(), list.id, after.as_ref(), READ).await?;
        let Some(last) = held.last() else { break };
        after = Some(last.place.clone());
        count += held.len() as u64;
        step(Step::Compared(count));
        merge.take(held);
    }
    Ok(merge.finish())
}

/// Entries of a list that are in memory at once.
const READ: u32 = 20_000;
/// Entries that are written between two steps.
const PART: usize = 20_000;

#[cfg(test)]
mod tests;
