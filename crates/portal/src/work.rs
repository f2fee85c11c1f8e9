//! Work that takes longer than a page: who does it here, and how it is told in words.

use repute_database::lists;
use repute_database::work::{Kind, State, Work};
use repute_database::{DatabaseError, Session, accounts, audit};
use repute_registry::work::{Worker, run as run_worker};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::whole;

/// Does work until it is told to stop.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let (spool, unpack) = (app.means.spool.clone(), app.means.unpack);
    match Worker::new(app.database.clone(), spool, unpack) {
        Ok(worker) => run_worker(worker, &app.work_waits, stop).await,
        Err(error) => tracing::error!("no work is done here: {}", whole(&error)),
    }
}

/// What work is about, as people call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The list, by its apex.
    pub(crate) list: Option<String>,
    /// The source of evidence, or of an import's entries.
    pub(crate) source: Option<String>,
    /// The rule, and its version.
    pub(crate) rule: Option<(String, i64)>,
    /// The file.
    pub(crate) file: Option<String>,
    /// Whether nothing is to be changed.
    pub(crate) is_dry: bool,
    /// Whether all entries of the source are to leave the list.
    pub(crate) is_clearing: bool,
}

impl About {
    /// Of a piece of work.
    pub(crate) async fn of(session: Session<'_>, work: &Work) -> Result<About, DatabaseError> {
        let list = match work.new.subject.list {
            Some(list) => lists::by_id(session, list).await?,
            None => None,
        };
        let said: Value = serde_json::from_str(&work.new.particulars).unwrap_or_default();
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        let about = About { list: list.map(|list| list.list.apex.to_string()), ..About::default() };
        Ok(match work.new.kind {
            Kind::Purge => About { source: text("name"), ..about },
            Kind::Replay => {
                let version = said["version"].as_i64().unwrap_or(0);
                About { rule: text("name").map(|name| (name, version)), is_dry: true, ..about }
            }
            Kind::Import => About {
                source: text("source"),
                file: text("name").filter(|_| !said["file"].is_null()),
                is_clearing: said["file"].is_null(),
                is_dry: said["dry_run"].as_bool().unwrap_or(false),
                ..about
            },
        })
    }

    /// In a few words.
    pub(crate) fn title(&self, kind: Kind) -> String {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        match kind {
            Kind::Purge => format!("Purge of source {}", word(&self.source)),
            Kind::Replay => {
                let (name, version) = self.rule.clone().unwrap_or_default();
                format!("Replay of rule {name}, version {version}, on {}", word(&self.list))
            }
            Kind::Import if self.is_clearing => {
                let what = format!("source {} from {}", word(&self.source), word(&self.list));
                match self.is_dry {
                    true => format!("Dry run of the purge of {what}"),
                    false => format!("Purge of {what}"),
                }
            }
            Kind::Import if self.is_dry => {
                format!("Dry run of {} for {}", word(&self.file), word(&self.list))
            }
            Kind::Import => format!("Import of {} into {}", word(&self.file), word(&self.list)),
        }
    }
}

/// Who ordered work, by his name; none if the account is gone.
pub(crate) async fn who(
    mut session: Session<'_>,
    work: &Work,
) -> Result<Option<String>, DatabaseError> {
    let account = audit::account_of(session.again(), &work.new.actor).await?;
    let Some(account) = account else { return Ok(None) };
    let account = accounts::by_id(session, accounts::AccountId(account)).await?;
    Ok(account.map(|account| account.name))
}

/// How far work is, in words.
pub(crate) fn progress(work: &Work) -> String {
    let unit = match work.new.kind {
        Kind::Purge | Kind::Replay => "observations",
        Kind::Import => "entries",
    };
    match (work.state, work.done, work.new.total) {
        (State::Queued, ..) => "it waits its turn".to_owned(),
        (State::Running, 0, _) => "it begins".to_owned(),
        (State::Running, done, 0) => format!("compared with {done} {unit}"),
        (State::Running | State::Cancelled, done, total) if done <= total && total > 0 => {
            format!("{done} of {total} {unit}")
        }
        (State::Running | State::Cancelled, done, _) => format!("{done} {unit}"),
        (State::Done, ..) => "it is done".to_owned(),
        (State::Failed, ..) => work.fault.clone(),
    }
}
