//! Has the kernel tell which list files changed (inotify).
//!
//! Folders are watched and not files: a list that is renamed into place, or removed and written
//! again, is another file under the same name. Where links are on the way to a file, so are their
//! folders: a link that is swapped makes the same path another file too. What is told is only a hint that it is time to look;
//! whether a file changed is decided by its stamp, so a lost or doubled hint does no harm, and
//! where the kernel tells nothing (network file systems) the loader looks from time to time.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tracing::warn;

use super::links::{Place, places};

/// What happened to a list file, or to the copy that will become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// It is being written; a [`Hint::Closed`] will follow.
    Writing(PathBuf),
    /// It was written to the end or touched.
    Closed(PathBuf),
    /// Its name, or a link or folder on the way to it, came, went or was replaced: it may be another
    /// file now, in another folder.
    Moved(PathBuf),
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

/// The lists in one folder: the name there, of a list or of a link on the way to it, and the paths as
/// they are configured. Several paths may lead here, and the loader knows its files by the path.
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
                let Some(name) = event.name else {
                    // The folder itself: it was moved, removed, or its rights were changed.
                    hints.extend(lists.values().flatten().cloned().map(Hint::Moved));
                    continue;
                };
                let Some(paths) = list_of(name, lists) else { continue };
                hints.extend(paths.iter().cloned().map(hint(event.mask)));
            }
            drop(watched);
            if !hints.is_empty() {
                return Ok(hints);
            }
        }
    }
}

impl Folders {
    /// Watches the folders of these files and of the links that lead there, and no others. Called
    /// again, it finds folders that were not there before, or that were replaced.
    ///
    /// A folder that cannot be watched, as it may not be read or there are too many, is only reported.
    pub(super) fn set<'a>(&mut self, files: impl Iterator<Item = &'a Path>) {
        let mut lists: HashMap<PathBuf, Lists> = HashMap::new();
        for file in files {
            for Place { folder, name } in places(file) {
                let paths = lists.entry(folder).or_default().entry(name).or_default();
                paths.push(file.to_owned());
            }
        }
        self.missing.retain(|folder| lists.contains_key(folder));
        // What happens from here on waits for the new names.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *watched);
        for (folder, lists) in lists {
            match self.watches.add(&folder, mask()) {
                Ok(descriptor) => {
                    self.missing.remove(&folder);
                    before.remove(&descriptor);
                    let known = watched.entry(descriptor).or_default();
                    for (name, paths) in lists {
                        known.entry(name).or_default().extend(paths);
                    }
                }
                Err(error) => {
                    if self.missing.insert(folder.clone()) {
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

/// What an event means for a list.
fn hint(event: EventMask) -> fn(PathBuf) -> Hint {
    let written = EventMask::CLOSE_WRITE | EventMask::ATTRIB;
    if event.contains(EventMask::MODIFY) {
        Hint::Writing
    } else if event.intersects(written) {
        Hint::Closed
    } else {
        Hint::Moved
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
        | WatchMask::MOVE_SELF
        | WatchMask::DELETE_SELF
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Waits until this was told, and returns all that was told until then.
    fn until(watch: &mut Watch, hint: &Hint) -> Vec<Hint> {
        let mut all = Vec::new();
        while !all.contains(hint) {
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
        let hints = until(&mut watch, &Hint::Closed(path.clone()));
        assert!(hints.iter().all(|h| *h != Hint::Closed(folder.path().join("other"))));

        let beside = folder.path().join("beside");
        fs::write(&beside, "192.0.2.2\n").unwrap();
        fs::rename(&beside, &path).unwrap();
        until(&mut watch, &Hint::Moved(path.clone()));

        fs::create_dir(folder.path().join("absent")).unwrap();
        until(&mut watch, &Hint::Moved(absent.clone()));
        folders.set([absent.as_path()].into_iter());
        fs::write(&path, "192.0.2.3\n").unwrap();
        fs::write(&absent, "192.0.2.3\n").unwrap();
        let hints = until(&mut watch, &Hint::Closed(absent));
        assert!(!hints.contains(&Hint::Closed(path)), "no longer watched");
    }

    #[test]
    fn a_swapped_link_and_a_swapped_folder_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for release in ["1", "2"] {
            fs::create_dir(at(release)).unwrap();
            fs::write(at(release).join("list"), "192.0.2.1\n").unwrap();
        }
        symlink("1", at("current")).unwrap();
        let list = at("current/list");
        let (mut watch, mut folders) = Watch::new().unwrap();
        folders.set([list.as_path()].into_iter());
        symlink("2", at("new")).unwrap();
        fs::rename(at("new"), at("current")).unwrap();
        until(&mut watch, &Hint::Moved(list.clone()));

        folders.set([list.as_path()].into_iter());
        fs::write(at("2/list"), "192.0.2.2\n").unwrap();
        let hints = until(&mut watch, &Hint::Closed(list.clone()));
        assert!(!hints.contains(&Hint::Moved(list.clone())));

        fs::rename(at("2"), at("away")).unwrap();
        until(&mut watch, &Hint::Moved(list.clone()));
        folders.set([list.as_path()].into_iter());
        fs::rename(at("1"), at("2")).unwrap();
        until(&mut watch, &Hint::Moved(list));
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
