//! The access list that holds for all zones, kept fresh like a zone.
//!
//! It decides who is answered at all, so a fault in it never opens the server: the last good list
//! stays, and at the first start without a readable one every client is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use repute_zone::format::{self, Input, ReadOptions};
use repute_zone::{Dataset, DatasetKind};
use tracing::{error, info, warn};

use super::build::{AccessList, BuildError};
use super::files::Stamp;
use super::recipe::Reading;
use super::schedule::Retry;
use super::settle::Settle;

/// The access list for all zones, if there is one.
pub(super) struct GlobalAcl {
    /// Its file.
    path: Option<PathBuf>,
    /// Whether the file is at rest.
    settle: Settle,
    /// The file when it was looked at last.
    seen: Option<Stamp>,
    /// Whether a good list is in force.
    in_force: bool,
    /// How the file is read.
    reading: Reading,
    /// When a file that could not be read is tried again.
    retry: Retry,
    /// Why it could not be put in force, if so.
    last_error: Option<String>,
}

impl GlobalAcl {
    /// Takes on a file.
    pub(super) fn new(path: Option<PathBuf>, reading: Reading) -> GlobalAcl {
        let settle = reading.settle();
        let retry = Retry::default();
        GlobalAcl { path, settle, seen: None, in_force: false, reading, retry, last_error: None }
    }

    /// Takes over another file, or none; whether all clients are to be answered from now on. Until
    /// the new file could be read, what is in force stays so.
    pub(super) fn configure(&mut self, path: Option<PathBuf>, reading: Reading) -> bool {
        let ended = path.is_none() && self.path.is_some();
        if path != self.path || reading != self.reading {
            *self = GlobalAcl { in_force: !ended, ..GlobalAcl::new(path, reading) };
        }
        ended
    }

    /// How long the file must be left alone yet, as somebody may be writing to it.
    pub(super) fn unsettled(&self, now: SystemTime) -> Duration {
        let stamp = self.path.as_deref().and_then(|path| Stamp::of(path).ok());
        stamp
            .map_or(Duration::ZERO, |stamp| self.reading.settle.saturating_sub(stamp.distance(now)))
    }

    /// Why the list could not be put in force, if so.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// When a file that could not be read is tried again, unless it changes before.
    pub(super) fn retry(&self) -> Option<Instant> {
        if self.settle.due().is_some() { None } else { self.retry.due() }
    }

    /// When it may be read.
    pub(super) fn due(&self) -> Option<Instant> {
        self.settle.due()
    }

    /// Has it read again.
    pub(super) fn force(&mut self, now: Instant) {
        if self.path.is_some() {
            self.settle.disturb(now);
        }
    }

    /// Looks at the file; if it is not as it was, the wait begins anew.
    pub(super) fn look(&mut self, now: Instant) {
        let Some(path) = &self.path else { return };
        let stamp = Stamp::of(path).ok();
        if stamp != self.seen {
            self.seen = stamp;
            self.settle.disturb(now);
        }
    }

    /// Somebody writes to the file, or is done.
    pub(super) fn told(&mut self, path: &PathBuf, writing: bool, now: Instant) {
        if self.path.as_ref() != Some(path) {
            return;
        }
        if writing {
            self.settle.writing(path.clone(), now);
        } else {
            self.settle.closed(path, now);
        }
        self.look(now);
    }

    /// Reads the list if the wait is over; `None` leaves what is in force.
    pub(super) fn settled(&mut self, now: Instant) -> Option<Arc<Dataset>> {
        let path = self.path.clone()?;
        self.settle.rest();
        let read = self.read(&path);
        match &read {
            Err(error) if error.may_pass() => self.retry.failed(now, self.reading.patience),
            Ok(_) | Err(_) => self.retry.over(),
        }
        let error = match read {
            Ok(dataset) => {
                info!("{} is in force with {} entries", path.display(), dataset.entries());
                self.in_force = true;
                self.last_error = None;
                return Some(Arc::new(dataset));
            }
            Err(BuildError::Changed { .. }) => {
                self.settle.disturb(now);
                return None;
            }
            Err(error) => error,
        };
        let why = match self.in_force {
            true => format!("the access list for all zones is not reloaded: {error}"),
            false => format!("every client is refused, as there is no access list: {error}"),
        };
        if self.last_error.as_ref() != Some(&why) {
            error!("{why}");
        }
        self.last_error = Some(why);
        if self.in_force { None } else { Some(Arc::new(refuse_all())) }
    }

    /// Reads the file.
    fn read(&self, path: &Path) -> Result<Dataset, BuildError> {
        let list = AccessList::read(path, DatasetKind::Acl, self.reading.max_unpacked)?;
        for fault in list.faults.iter() {
            warn!("{fault}");
        }
        list.whole()
    }
}

/// A list that refuses everybody.
fn refuse_all() -> Dataset {
    let text = "0.0.0.0/0 :refuse\n::/0 :refuse\n";
    let reader = Box::new(text.as_bytes());
    let input = Input { name: Arc::from("refuse all"), reader, modified: 0 };
    format::rbldnsd::read(DatasetKind::Acl, vec![input], &ReadOptions::default())
        .expect("a constant list is readable")
        .dataset
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use repute_zone::Action;

    use super::*;

    fn written(path: &Path, text: &str) -> GlobalAcl {
        fs::write(path, text).unwrap();
        let zero = Duration::ZERO;
        let reading = Reading { settle: zero, patience: zero, max_unpacked: 1 << 20 };
        GlobalAcl::new(Some(path.to_owned()), reading)
    }

    #[test]
    fn a_faulty_line_opens_the_server_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acl");
        let (now, client) = (Instant::now(), Ipv4Addr::LOCALHOST.into());

        let mut acl = written(&path, "127.0.0.0/8 :refuse\n");
        let list = acl.settled(now).expect("a good list is put in force");
        assert_eq!(list.acl_action(client), Some(Action::Refuse));
        fs::write(&path, "127.0.0.0.1/8 :refuse\n192.0.2.0/24 :refuse\n").unwrap();
        assert!(acl.settled(now).is_none(), "the good list stays in force");
        let told = acl.last_error().expect("it is told");
        assert!(told.contains("acl:1:"), "{told}");

        // At a first start there is none to stay in force.
        for text in ["127.0.0.0/8 :refues\n", "127.0.0.0/8 :refuse\nnonsense\n"] {
            let list = written(&path, text).settled(now).expect("something is put in force");
            assert_eq!(
                list.acl_action(Ipv4Addr::new(198, 51, 100, 1).into()),
                Some(Action::Refuse)
            );
        }
    }
}
