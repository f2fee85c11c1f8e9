//! Has the kernel tell which list files changed (inotify).
//!
//! Folders are watched and not files: a list that is renamed into place, or removed and written
//! again, is another file under the same name. What is told is only a hint that it is time to look;
//! whether a file changed is decided by its stamp, so a lost or doubled hint does no harm, and
//! where the kernel tells nothing (network file systems) the loader looks from time to time.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tracing::warn;

/// What happened to a list file, or to the copy that will become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// It is being written; a [`Hint::Closed`] will follow.
    Writing(PathBuf),
    /// It was written to the end, renamed into place, touched or removed.
    Closed(PathBuf),
    /// The kernel lost count: look at all files.
    Lost,
}

/// Waits for what the kernel tells of some folders.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Inotify,
    watched: Arc<Mutex<Watched>>,
    buffer: Vec<u8>,
}

/// Says which folders those are, also while somebody waits.
pub(super) struct Folders {
    watches: Watches,
    watched: Arc<Mutex<Watched>>,
    /// Folders that cannot be watched, which was told.
    missing: HashSet<PathBuf>,
}

/// The folders, as the kernel names them, with the lists in each.
type Watched = HashMap<WatchDescriptor, Lists>;

/// The lists in one folder: the name there, and the paths as they are configured. One folder may be
/// spelled in several ways, and the loader knows its files by the spelling.
type Lists = HashMap<OsString, Vec<PathBuf>>;

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// If the kernel has no inotify for us at all.
    pub(super) fn new() -> io::Result<(Watch, Folders)> {
        let inotify = Inotify::init()?;
        let watched = Arc::new(Mutex::new(Watched::new()));
        let folders = Folders {
            watches: inotify.watches(),
            watched: Arc::clone(&watched),
            missing: HashSet::new(),
        };
        Ok((Watch { inotify, watched, buffer: vec![0; 16 * 1024] }, folders))
    }

    /// Waits until something happens and tells it.
    ///
    /// # Errors
    /// If the kernel fails; it is no use to ask again then.
    pub(super) fn wait(&mut self) -> io::Result<Vec<Hint>> {
        loop {
            let mut hints = Vec::new();
            let events = self.inotify.read_events_blocking(&mut self.buffer)?;
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    hints.push(Hint::Lost);
                    continue;
                }
                let Some(lists) = watched.get(&event.wd) else { continue };
                let Some(name) = event.name else { continue };
                let Some(paths) = list_of(name, lists) else { continue };
                let writing = event.mask.contains(EventMask::MODIFY);
                let hint = if writing { Hint::Writing } else { Hint::Closed };
                hints.extend(paths.iter().cloned().map(hint));
            }
            drop(watched);
            if !hints.is_empty() {
                return Ok(hints);
            }
        }
    }
}

impl Folders {
    /// Watches the folders of these files, and no others. Called again, it finds folders that were
    /// not there before, or that were replaced.
    ///
    /// A folder that cannot be watched, as it is not there or there are too many, is only reported.
    pub(super) fn set<'a>(&mut self, files: impl Iterator<Item = &'a Path>) {
        let mut lists: HashMap<&Path, Lists> = HashMap::new();
        for file in files {
            let Some(name) = file.file_name() else { continue };
            let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
            let lists = lists.entry(folder.unwrap_or(Path::new("."))).or_default();
            lists.entry(name.to_owned()).or_default().push(file.to_owned());
        }
        self.missing.retain(|folder| lists.contains_key(folder.as_path()));
        // What happens from here on waits for the new names.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *watched);
        for (folder, lists) in lists {
            match self.watches.add(folder, mask()) {
                Ok(descriptor) => {
                    self.missing.remove(folder);
                    before.remove(&descriptor);
                    let known = watched.entry(descriptor).or_default();
                    for (name, paths) in lists {
                        known.entry(name).or_default().extend(paths);
                    }
                }
                Err(error) => {
                    if self.missing.insert(folder.to_owned()) {
                        warn!("cannot watch {}, looking now and then: {error}", folder.display());
                    }
                }
            }
        }
        for descriptor in before.into_keys() {
            // A folder that is gone is no longer watched anyway.
            let _ = self.watches.remove(descriptor);
        }
    }
}

/// The list that a name in its folder means: itself, or as rsync writes it before it renames it,
/// `.list.Xa72bQ`.
fn list_of<'a>(name: &OsStr, lists: &'a Lists) -> Option<&'a Vec<PathBuf>> {
    if let Some(paths) = lists.get(name) {
        return Some(paths);
    }
    let hidden = name.as_encoded_bytes().strip_prefix(b".")?;
    let (list, _) = hidden.split_at(hidden.iter().rposition(|&b| b == b'.')?);
    lists.iter().find(|(name, _)| name.as_encoded_bytes() == list).map(|(_, paths)| paths)
}

/// What is asked of the kernel.
fn mask() -> WatchMask {
    WatchMask::MODIFY
        | WatchMask::CLOSE_WRITE
        | WatchMask::MOVED_TO
        | WatchMask::MOVED_FROM
        | WatchMask::CREATE
        | WatchMask::DELETE
        | WatchMask::ATTRIB
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Waits until a file was closed, and returns what was told until then.
    fn until_closed(watch: &mut Watch, path: &Path) -> Vec<Hint> {
        let mut all = Vec::new();
        while !all.contains(&Hint::Closed(path.to_owned())) {
            all.extend(watch.wait().unwrap());
        }
        all
    }

    #[test]
    fn a_file_is_seen_when_it_is_written_renamed_or_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let absent = folder.path().join("absent/list");
        let (mut watch, mut folders) = Watch::new().unwrap();
        folders.set([absent.as_path(), path.as_path()].into_iter());
        fs::write(folder.path().join("other"), "x").unwrap();
        fs::write(&path, "192.0.2.1\n").unwrap();
        let hints = until_closed(&mut watch, &path);
        assert!(hints.iter().all(|h| *h != Hint::Closed(folder.path().join("other"))));

        let beside = folder.path().join("beside");
        fs::write(&beside, "192.0.2.2\n").unwrap();
        fs::rename(&beside, &path).unwrap();
        until_closed(&mut watch, &path);

        fs::create_dir(folder.path().join("absent")).unwrap();
        folders.set([absent.as_path()].into_iter());
        fs::write(&path, "192.0.2.3\n").unwrap();
        fs::write(&absent, "192.0.2.3\n").unwrap();
        let hints = until_closed(&mut watch, &absent);
        assert!(!hints.contains(&Hint::Closed(path)), "no longer watched");
    }

    #[test]
    fn what_rsync_writes_first_belongs_to_its_list() {
        let lists = Lists::from([(OsString::from("a.txt"), vec!["./a.txt".into()])]);
        let check = |name: &str, expect: bool| {
            assert_eq!(list_of(OsStr::new(name), &lists).is_some(), expect, "{name}");
        };
        check("a.txt", true);
        check(".a.txt.Xa72bQ", true);
        check(".a.txt", false);
        check("b.txt", false);
        check(".b.txt.Xa72bQ", false);
    }
}
