//! The monitor as a whole: opened, started, changed, stopped.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::config::Config;
use crate::event::Meaning;
use crate::http;
use crate::overview::outcome_of;
use crate::shared::Shared;
use crate::state::{Outcome, Summary};
use crate::store::{Store, StoreError};
use crate::view::Cell;
use crate::{audit, check, tell};

/// A monitor with its state, which nobody else has.
pub struct Monitor {
    shared: Arc<Shared>,
}

/// What a single round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Targets that are listed.
    pub listed: usize,
    /// Targets that are not.
    pub clean: usize,
    /// Targets about which nobody can tell.
    pub unknown: usize,
    /// Zones that break rules.
    pub broken: usize,
    /// Whether all messages were taken.
    pub all_told: bool,
}

impl Monitor {
    /// Takes up what was known.
    ///
    /// # Errors
    /// If the state is in use, or is none that can be used.
    pub fn open(config: Config, state: &Path) -> Result<Monitor, StoreError> {
        let (store, state) = Store::open(state)?;
        Ok(Monitor { shared: Arc::new(Shared::new(config, store, state)) })
    }

    /// Checks and tells from now on, in threads of its own.
    ///
    /// # Errors
    /// If no threads can be started.
    pub fn start(&self) -> io::Result<()> {
        self.shared.start("check", |shared| check::run(shared))?;
        self.shared.start("audit", |shared| audit::run(shared))?;
        self.shared.start("tell", tell::run)?;
        Ok(())
    }

    /// What serves pages and metrics; it ends with the runtime it runs in.
    pub fn pages(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + 'static {
        http::serve(listener, Arc::clone(&self.shared))
    }

    /// Checks everything once and tells at once what happened.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn once(&self) -> io::Result<Tally> {
        let config = self.shared.config();
        for subjects in config.subjects.chunks(ONCE_TOGETHER) {
            check::check(&self.shared, &config, subjects)?;
        }
        for zone in &config.zones {
            audit::audit(&self.shared, &config, zone)?;
        }
        self.shared.save();
        let all_told = tell::flush(&self.shared);
        let tally = self.shared.show(|view, _| {
            let count =
                |outcome| view.targets.iter().filter(|t| outcome_of(t) == Some(outcome)).count();
            let broken = view.zones.iter().filter(|zone| zone.lists.iter().any(Cell::is_listed));
            Tally {
                broken: broken.count(),
                listed: count(Outcome::Listed),
                clean: count(Outcome::Clean),
                unknown: count(Outcome::Unknown),
                all_told,
            }
        });
        Ok(tally)
    }

    /// What somebody should look at, a line each: what is wrong with a subject itself; targets that are
    /// listed, and where; those about which nobody can tell; rules that zones break.
    pub fn summary(&self) -> Vec<String> {
        self.shared.show(|view, _| {
            let problems = view.problems.iter().map(|(subject, why)| format!("{subject}: {why}"));
            let targets = view.targets.iter().filter_map(|target| match outcome_of(target)? {
                Outcome::Clean => None,
                Outcome::Listed => {
                    let lists = target.lists.iter().filter(|cell| cell.counts());
                    let lists: Vec<&str> = lists.map(|cell| cell.list).collect();
                    Some(format!("{} is listed on {}", target.name, lists.join(", ")))
                }
                Outcome::Unknown => {
                    let Summary { unknown, asked, .. } = target.summary;
                    let said = format!("{}: {unknown} of {asked} lists did not say", target.name);
                    let cells = target.lists.iter().filter(|cell| cell.meaning == Meaning::Block);
                    let reasons: BTreeSet<&str> = cells.filter_map(|cell| cell.reason).collect();
                    let reasons: Vec<&str> = reasons.into_iter().collect();
                    Some(match reasons.is_empty() {
                        true => said,
                        false => format!("{said}: {}", reasons.join("; ")),
                    })
                }
            });
            let zones = view.zones.iter().flat_map(|zone| {
                let broken = zone.lists.iter().filter(|cell| cell.is_listed());
                broken.map(|cell| format!("the zone {} breaks a rule: {}", zone.name, cell.list))
            });
            problems.chain(targets).chain(zones).collect()
        })
    }

    /// Goes on by another configuration.
    pub fn configure(&self, config: Config) {
        self.shared.configure(config);
    }

    /// Whether the state could be written the last time; if not, why.
    pub fn save_error(&self) -> Option<String> {
        self.shared.book().process.save_error.clone()
    }

    /// Writes the state, and ends. A message on its way is waited for a moment: one whose end nobody wrote
    /// down is sent again at the next start.
    pub fn stop(self) {
        let until = Instant::now() + LAST_MOMENT;
        {
            let mut book = self.shared.book();
            book.is_over = true;
            self.shared.wake();
            while !book.sending.is_empty() && Instant::now() < until {
                book = self.shared.wait(book, until.saturating_duration_since(Instant::now()));
            }
        }
        self.shared.save();
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Monitor")
    }
}

/// Subjects of one survey, where nothing is to be spread.
const ONCE_TOGETHER: usize = 256;
/// How long a message on its way is waited for at the end.
const LAST_MOMENT: Duration = Duration::from_secs(1);
