//! A file that is taken into a list, or of which it is told what it would change. To purge a source from a list is to take
//! in that it has nothing any more: the same, without a file.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use repute_database::accounts::{self, AccountId, Role};
use repute_database::entries::{self, CriterionId};
use repute_database::lists::{self, ListId, Stored};
use repute_database::work::{self, End, Kind, New, Subject, Work, WorkId};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, audit};
use repute_dnsxl::{KeyKind, ReturnCode};
use repute_zone::DatasetKind;
use serde_json::{Value, json};

use super::WorkError;
use super::spool::Spool;
use super::worker::{Beat, Claim, Undone, Worker};
use crate::changes::{Cause, ChangeError};
use crate::import::content::{self, Content, Reading};
use crate::import::{self, Import, Mode, Report, Step, Whose};
use crate::publish;

/// How a file is laid out, if that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// rbldnsd's, of addresses or names.
    Rbldnsd,
    /// Addresses or names in the first column between blanks.
    Plain,
    /// dnswl.org's.
    Dnswl,
}

impl Layout {
    /// All of them.
    pub const ALL: [Layout; 3] = [Layout::Rbldnsd, Layout::Plain, Layout::Dnswl];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Layout::Rbldnsd => "rbldnsd",
            Layout::Plain => "plain",
            Layout::Dnswl => "dnswl",
        }
    }

    /// The reader's word for it.
    fn of(self, keys: KeyKind) -> content::Layout {
        match (self, keys) {
            (Layout::Rbldnsd, KeyKind::Ip) => content::Layout::Rbldnsd(DatasetKind::Addresses),
            (Layout::Rbldnsd, KeyKind::Name) => content::Layout::Rbldnsd(DatasetKind::Names),
            (Layout::Plain, _) => content::Layout::Plain,
            (Layout::Dnswl, _) => content::Layout::Dnswl,
        }
    }
}

/// What is to become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where its entries come from, what becomes of others, why, and until when they hold.
    pub import: Import,
    /// Whether nothing is to be changed.
    pub is_dry: bool,
    /// How it is laid out; without it, as its first lines look.
    pub layout: Option<Layout>,
    /// The code of entries of a table without a column of codes.
    pub code: Option<ReturnCode>,
    /// Lines with a smaller number in the second column are passed over.
    pub minimum: Option<u32>,
    /// Whether all below the names of a table is listed, too.
    pub subdomains: bool,
    /// What the audit log calls the file.
    pub name: String,
}

/// Orders the import of a file that is in the folder.
///
/// # Errors
/// If the database fails.
pub async fn order(
    transaction: &mut Transaction,
    list: ListId,
    wanted: &Wanted,
    (spool, file): (&Spool, &str),
    actor: &str,
    now: Timestamp,
) -> Result<WorkId, DatabaseError> {
    let Import { source, mode, reason, expires, criterion, review, whose } = &wanted.import;
    let particulars = json!({
        "name": wanted.name,
        "file": file,
        "source": source,
        "mode": mode.word(),
        "reason": reason,
        "expires": expires.map(|expires| expires.0),
        "criterion": criterion.map(|criterion| criterion.0),
        "review": review.map(|review| review.0),
        "organisations": *whose == Whose::ByNumber,
        "dry_run": wanted.is_dry,
        "layout": wanted.layout.map(Layout::word),
        "code": wanted.code.map(|code| code.to_string()),
        "minimum": wanted.minimum,
        "subdomains": wanted.subdomains,
    });
    let new = New {
        kind: Kind::Import,
        subject: Subject { list: Some(list), ..Subject::default() },
        particulars: particulars.to_string(),
        actor: actor.to_owned(),
        total: 0,
        folder: Some(spool.name().to_owned()),
    };
    work::order(transaction.session(), &new, now).await
}

/// Orders that all entries of a source leave a list, or that it is told what would.
///
/// # Errors
/// If there is no such source, or the database fails.
pub async fn order_clearing(
    transaction: &mut Transaction,
    list: ListId,
    (source, is_dry): (&str, bool),
    cause: &Cause,
    now: Timestamp,
) -> Result<WorkId, WorkError> {
    // A slip in the name would look like a list that has nothing of it any more.
    if entries::known_source(transaction.session(), source).await?.is_none() {
        return Err(WorkError::NoSource(source.to_owned()));
    }
    let particulars = json!({
        "file": null,
        "source": source,
        "mode": Mode::ReplaceSource.word(),
        "reason": cause.reason,
        "dry_run": is_dry,
        "subdomains": false,
        "name": "",
    });
    let new = New {
        kind: Kind::Import,
        subject: Subject { list: Some(list), ..Subject::default() },
        particulars: particulars.to_string(),
        actor: cause.actor.clone(),
        total: 0,
        // Any process does it.
        folder: None,
    };
    Ok(work::order(transaction.session(), &new, now).await?)
}

/// The file of an import.
pub(super) fn file_of(work: &Work) -> Option<String> {
    let said: Value = serde_json::from_str(&work.new.particulars).ok()?;
    said["file"].as_str().filter(|_| work.new.kind == Kind::Import).map(str::to_owned)
}

/// Imports the file, or tells what that would change; whether the work was still the claimer's.
pub(super) async fn carry_out(
    worker: &Worker,
    work: &Work,
    claim: &Claim<'_>,
    beat: &Beat,
) -> Result<bool, Undone> {
    let wrong = |why: &str| Undone::Wrong(why.to_owned());
    let (wanted, file) = read_wanted(work).ok_or_else(|| wrong("it is not understood"))?;
    let list = work.new.subject.list.ok_or_else(|| wrong("it names no list"))?;
    let mut connection = worker.database.read().await?;
    be_allowed(connection.session(), work).await?;
    let list = lists::by_id(connection.session(), list).await?;
    let list = list.ok_or_else(|| wrong("the list is not there any more"))?;
    let codes = lists::codes(connection.session(), list.id).await?;
    drop(connection);
    let now = Timestamp::now();
    let content = match &file {
        Some(file) => read(worker, &wanted, file, &list, now).await?,
        None => Content::default(),
    };
    let is_rbldnsd = matches!(content.layout, Some(content::Layout::Rbldnsd(_)));
    if wanted.code.is_some() && is_rbldnsd {
        return Err(wrong(
            "rbldnsd's files say their codes themselves: leave the code out, or say the layout",
        ));
    }
    if file.is_some() && content.rows.is_empty() && wanted.import.mode != Mode::Add {
        return Err(Undone::Wrong(format!("{} has no entries", content.name)));
    }
    let strange: BTreeSet<ReturnCode> =
        content.rows.iter().filter_map(|r| r.place.code()).collect();
    let strange = strange.into_iter().filter(|code| !codes.iter().any(|(known, _)| known == code));
    let strange: Vec<String> = match codes.is_empty() {
        true => Vec::new(),
        false => strange.take(SHOWN).map(|code| code.to_string()).collect(),
    };
    let mut step = |step: Step| {
        let (done, total) = match step {
            Step::Compared(count) => (count, 0),
            Step::Written { done, of } => (done, of),
        };
        beat.done.store(done, Ordering::Relaxed);
        beat.total.store(total, Ordering::Relaxed);
    };
    let changed = |error| match error {
        ChangeError::Database(error) => Undone::Database(error),
        error => Undone::Wrong(error.to_string()),
    };
    let import = &wanted.import;
    if wanted.is_dry {
        let mut look = worker.database.look().await?;
        let report = import::dry_run(look.session(), &list, import, &content, now, &mut step).await;
        drop(look);
        let told = told(&list, &report.map_err(changed)?, &content, &strange, &wanted, None);
        let mut transaction = worker.database.begin().await?;
        let ended = claim.end(transaction.session(), work.id, End::Done(&told), now).await?;
        transaction.commit().await?;
        return Ok(ended);
    }
    let mut transaction = worker.database.begin().await?;
    let cause = Cause {
        actor: work.new.actor.clone(),
        action: if file.is_some() { "list.import" } else { CLEAR }.to_owned(),
        reason: import.reason.clone(),
    };
    let report =
        import::run(&mut transaction, &list, import, &content, &cause, now, &mut step).await;
    let report = report.map_err(changed)?;
    // Whoever ordered it is one person.
    if report.for_two > 0 {
        let remedy = match file {
            Some(_) => {
                "leave them out of the file and make them on their pages, where another editor agrees, or have \
                 whoever has the shell import it"
            }
            None => {
                "take them off on their pages first, where another editor agrees, or have whoever has the shell purge \
                 the source"
            }
        };
        return Err(Undone::Wrong(format!(
            "two editors have to agree to {} of its changes, such as {}: {remedy}",
            report.for_two,
            report.first_for_two.join(", ")
        )));
    }
    // It took a while, and so did the file before.
    be_allowed(transaction.session(), work).await?;
    // Without anything to change nothing of this is to hold.
    if report.serial.is_none() {
        drop(transaction);
        transaction = worker.database.begin().await?;
    }
    let held = match report.serial {
        None => None,
        Some(serial) => publish::prospect(transaction.session(), &list, serial).await?.held(),
    };
    let told = told(&list, &report, &content, &strange, &wanted, held.as_deref());
    let now = Timestamp::now();
    if !claim.end(transaction.session(), work.id, End::Done(&told), now).await? {
        return Ok(false);
    }
    transaction.commit().await?;
    Ok(true)
}

/// Makes sure that who ordered work may still order it: it may have waited for a week. He is looked at and not held, as
/// whoever holds accounts waits for the audit log, and an import has that by the end.
async fn be_allowed(mut session: Session<'_>, work: &Work) -> Result<(), Undone> {
    let lost = || {
        Undone::Wrong(
            "who ordered it is no administrator any more, or locked: an administrator may order it \
             anew"
                .to_owned(),
        )
    };
    let account = audit::account_of(session.again(), &work.new.actor).await?;
    let account = account.ok_or_else(lost)?;
    let found = accounts::by_id(session, AccountId(account)).await?.ok_or_else(lost)?;
    match (found.locked, found.role) {
        (None, Role::Administrator) => Ok(()),
        (Some(_), _) | (None, Role::Member | Role::Editor) => Err(lost()),
    }
}

/// Reads the file, on a thread of its own.
async fn read(
    worker: &Worker,
    wanted: &Wanted,
    file: &str,
    list: &Stored,
    now: Timestamp,
) -> Result<Content, Undone> {
    let reading = Reading {
        layout: wanted.layout.map(|layout| layout.of(list.list.keys)),
        keys: list.list.keys,
        code: wanted.code.unwrap_or(ReturnCode::LISTED),
        minimum: wanted.minimum,
        subdomains: wanted.subdomains,
        now: u32::try_from(now.0 / 1_000_000).unwrap_or(u32::MAX),
    };
    let reading = match (reading.layout, wanted.minimum) {
        (None, Some(_)) => Reading { layout: Some(content::Layout::Plain), ..reading },
        (Some(_) | None, _) => reading,
    };
    let (spool, file, name) = (worker.spool.clone(), file.to_owned(), wanted.name.clone());
    let unpack = worker.unpack;
    let read = tokio::task::spawn_blocking(move || {
        let file =
            spool.file(&file).map_err(|error| format!("its file cannot be read: {error}"))?;
        content::read(&name, file, unpack, &reading).map_err(|error| error.to_string())
    });
    match read.await {
        Ok(read) => read.map_err(Undone::Wrong),
        Err(_) => Err(Undone::Wrong("the file ends its reader".to_owned())),
    }
}

/// What became of the file, as JSON.
fn told(
    list: &Stored,
    report: &Report,
    content: &Content,
    strange: &[String],
    wanted: &Wanted,
    held: Option<&str>,
) -> String {
    let mut told = report.told(&list.list.apex, Some(content), wanted.is_dry);
    let examples = &report.examples;
    told["examples"] = json!({
        "added": examples.added, "changed": examples.changed, "removed": examples.removed,
    });
    let faults: Vec<String> =
        content.faults.iter().take(SHOWN_FAULTS).map(ToString::to_string).collect();
    told["first_faults"] = json!(faults);
    told["misfits"] = json!(content.misfits);
    told["repeated"] = json!(content.repeated);
    told["left_out"] = json!(content.left_out);
    told["codes_without_meaning"] = json!(strange);
    told["held"] = json!(held);
    told.to_string()
}

/// What is wanted, and the name of the file; without one all entries of the source go.
fn read_wanted(work: &Work) -> Option<(Wanted, Option<String>)> {
    let said: Value = serde_json::from_str(&work.new.particulars).ok()?;
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let mode = [Mode::Add, Mode::ReplaceSource, Mode::ReplaceList];
    let layout = text("layout");
    let wanted = Wanted {
        import: Import {
            source: text("source")?,
            mode: mode.into_iter().find(|mode| Some(mode.word()) == said["mode"].as_str())?,
            reason: text("reason")?,
            expires: said["expires"].as_i64().map(Timestamp),
            criterion: said["criterion"].as_i64().map(CriterionId),
            review: said["review"].as_i64().map(Timestamp),
            // Work of a version that did not know it says nothing of it.
            whose: match said["organisations"].as_bool() {
                Some(true) => Whose::ByNumber,
                Some(false) | None => Whose::Nobodys,
            },
        },
        is_dry: said["dry_run"].as_bool()?,
        layout: Layout::ALL.into_iter().find(|known| Some(known.word()) == layout.as_deref()),
        code: text("code").and_then(|code| code.parse().ok()),
        minimum: said["minimum"].as_u64().and_then(|number| u32::try_from(number).ok()),
        subdomains: said["subdomains"].as_bool()?,
        name: text("name")?,
    };
    let file = match &said["file"] {
        Value::Null => None,
        file => Some(file.as_str()?.to_owned()),
    };
    Some((wanted, file))
}

/// What the audit log calls the purge of a source of entries.
const CLEAR: &str = "source.purge";
/// So many codes are named that the list does not know.
const SHOWN: usize = 5;
/// So many faulty lines are told.
const SHOWN_FAULTS: usize = 20;
