//! The shelf: what a publisher hands out of its lists.
//!
//! Of each list there is the whole of it at some serial, and the deltas before and after that; once they have grown so
//! much that the whole list is quicker to fetch, a new one is wanted. All of it lies in files, made once for a version
//! and not for each who asks; manifests are signed when something changes, and from time to time to say that nothing
//! did. That is said only while the lists can be read: a publisher that lost its database lets manifests expire.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repute_dnsxl::Name;
use tokio::sync::watch;
use tracing::warn;

use crate::key::{KeyError, Keys};
use crate::manifest::{Item, MOST_DELTAS, Manifest, Origin, is_later};
use crate::store::Store;

/// What is handed out.
#[derive(Debug)]
pub struct Shelf {
    /// The folder of all lists.
    folder: PathBuf,
    /// Who signs; whoever has this is the one who changes the shelf.
    keys: Mutex<Keys>,
    /// Each list; held for a moment only, as those who ask wait for it.
    lists: Mutex<BTreeMap<Name, Shelved>>,
    /// Counts versions.
    news: watch::Sender<u64>,
    /// Tells the versions of this process from those of another.
    start: u64,
}

/// A list on the shelf.
#[derive(Debug)]
struct Shelved {
    /// What it is.
    manifest: Manifest,
    /// That, signed.
    text: String,
    /// The version with which it came.
    version: u64,
}

/// A version that was just published.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'d> {
    /// The list.
    pub origin: &'d Origin,
    /// The serial.
    pub serial: u32,
    /// The last serial that a second person approved; 0 if there is none.
    pub approved: u32,
    /// A sum over all that the list says at this serial ([`repute_zone::journal::Editor::checksum`]).
    pub content: u128,
}

/// The manifests of some lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handout {
    /// Names what there is now: what comes after it can be asked for by it.
    pub tag: String,
    /// The texts, one after the other.
    pub text: String,
}

impl Shelf {
    /// The shelf in a data folder, with what was on it before.
    ///
    /// # Errors
    /// If there are no keys to sign with, or the folder cannot be used.
    pub fn open(data_dir: &Path) -> Result<Shelf, ShelfError> {
        let folder = data_dir.join("distribution");
        let keys = Keys::open(&keys_in(data_dir))?;
        let failed = |source| ShelfError::Folder { folder: folder.clone(), source };
        let mut lists = BTreeMap::new();
        for store in Store::all(&folder).map_err(failed)? {
            let Some(text) = store.manifest().ok().flatten() else { continue };
            // What a key signed that is gone is published anew.
            let Ok(manifest) = Manifest::open(&text, &keys.public()) else { continue };
            if manifest.items().all(|item| matches!(store.read(item), Ok(Some(_)))) {
                lists.insert(manifest.origin.apex.clone(), Shelved { manifest, text, version: 0 });
            }
        }
        let (keys, lists) = (Mutex::new(keys), Mutex::new(lists));
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = start.as_micros() as u64;
        Ok(Shelf { folder, keys, lists, news: watch::Sender::new(0), start })
    }

    /// Puts a version on the shelf, with what leads to it from the one before: a serial and a parcel. Whether the whole
    /// list is wanted: there is none that leads here, or it has become old.
    ///
    /// # Errors
    /// If it cannot be written; the shelf is as it was then.
    pub fn put(
        &self,
        delivery: Delivery<'_>,
        delta: Option<(u32, &[u8])>,
    ) -> Result<bool, ShelfError> {
        let Delivery { origin, serial, approved, content } = delivery;
        let mut keys = self.keys();
        let known = self.known(&origin.apex).filter(|known| known.origin == *origin);
        let Some(known) = known else { return Ok(true) };
        if known.serial == serial && known.content != content {
            // The same serial stood for something else: nothing that is on the shelf leads here.
            return Ok(true);
        }
        let mut manifest = Manifest { approved, content, ..known };
        if manifest.serial != serial {
            let has_room = manifest.parts().count() <= MOST_DELTAS;
            let delta = delta.filter(|(from, _)| *from == manifest.serial && has_room);
            let Some((from, bytes)) = delta else { return Ok(true) };
            let item = Item::of(from, serial, bytes);
            self.written(self.store(&origin.apex).put_item(&item, bytes))?;
            manifest.deltas.push(item);
            manifest.serial = serial;
        }
        let since: u64 = manifest.parts().skip(1).map(|item| item.length).sum();
        let count = manifest.parts().count();
        let is_old =
            since > manifest.whole.length / 2 + LITTLE || count > many(manifest.whole.length);
        self.sign(&mut keys, manifest)?;
        Ok(is_old)
    }

    /// Puts a whole list on the shelf.
    ///
    /// # Errors
    /// If it cannot be written; the shelf is as it was then.
    pub fn put_whole(&self, delivery: Delivery<'_>, bytes: &[u8]) -> Result<(), ShelfError> {
        let Delivery { origin, serial, approved, content } = delivery;
        let whole = Item::of(0, serial, bytes);
        let mut keys = self.keys();
        self.written(self.store(&origin.apex).put_item(&whole, bytes))?;
        let known = self.known(&origin.apex);
        if let Some(before) = known.as_ref().filter(|known| is_later(serial, known.serial)) {
            warn!(
                zone = %origin.apex,
                "the serial of `{}` goes back from {} to {serial}: servers that follow keep the later one until the \
                 list is past it; on those that shall not wait, remove the list from `followed` in the data folder",
                origin.apex, before.serial
            );
        }
        let deltas = match known {
            Some(known)
                if (&known.origin, known.serial, known.content) == (origin, serial, content) =>
            {
                known.deltas
            }
            Some(_) | None => Vec::new(),
        };
        let (made, expires) = (0, 0);
        let origin = origin.clone();
        let manifest = Manifest { origin, serial, made, expires, approved, content, whole, deltas };
        self.sign(&mut keys, manifest)
    }

    /// Says that these are all lists there are, and that what is on the shelf is still so. Takes no time unless there
    /// is something to be said; while the shelf is being changed it is said the next time.
    pub fn confirm(&self, lists: &[Name]) {
        let now = unix_now();
        let all = self.lists();
        let gone: Vec<Name> = all.keys().filter(|apex| !lists.contains(apex)).cloned().collect();
        let is_old = |one: &&Shelved| now.saturating_sub(one.manifest.made) >= FRESH.as_secs();
        let is_there = |one: &&Shelved| lists.contains(&one.manifest.origin.apex);
        let old = all.values().filter(is_there).filter(is_old);
        let old: Vec<Manifest> = old.map(|shelved| shelved.manifest.clone()).collect();
        drop(all);
        if gone.is_empty() && old.is_empty() {
            return;
        }
        let Ok(mut keys) = self.keys.try_lock() else { return };
        for apex in gone {
            self.lists().remove(&apex);
            self.store(&apex).remove();
            self.tell();
        }
        for manifest in old {
            let apex = manifest.origin.apex.clone();
            // It may have been changed just before.
            if self.known(&apex).is_none_or(|known| known.made != manifest.made) {
                continue;
            }
            if let Err(error) = self.sign(&mut keys, manifest) {
                warn!(zone = %apex, "cannot say that `{apex}` is still so: {}", told(&error));
            }
        }
    }

    /// The manifests of those lists that somebody may have: all of them, or those that came after a tag.
    pub fn manifests(&self, after: Option<&str>, may_have: impl Fn(&Name) -> bool) -> Handout {
        let (lists, start) = (self.lists(), format!("{:x}", self.start));
        let after = after.and_then(|tag| {
            let (its_start, version) = tag.split_once('-')?;
            (its_start == start).then(|| version.parse::<u64>().ok())?
        });
        let is_new = |one: &Shelved| after.is_none_or(|after| one.version > after);
        let mut text = String::new();
        for (apex, shelved) in lists.iter() {
            if is_new(shelved) && may_have(apex) {
                text.push_str(&shelved.text);
            }
        }
        Handout { tag: format!("{start}-{}", *self.news.borrow()), text }
    }

    /// Where a parcel lies, and its length: the whole list at a serial, or what changed between two.
    pub fn parcel(&self, apex: &Name, from: u32, to: u32) -> Option<(PathBuf, u64)> {
        let lists = self.lists();
        let mut items = lists.get(apex)?.manifest.items();
        let item = items.find(|item| (item.from, item.to) == (from, to))?;
        Some((self.store(apex).path(item), item.length))
    }

    /// Counts versions: who waits for the next one waits for this to change.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Signs a manifest, and hands it out from now on.
    fn sign(&self, keys: &mut Keys, mut manifest: Manifest) -> Result<(), ShelfError> {
        if let Err(error) = keys.read() {
            warn!("{}; the keys from before sign", told(&error));
        }
        // What leads on from the whole list stays, however much it is; before that a few for whoever is a little late.
        let needed = manifest.parts().count() - 1;
        let kept = needed.max(LATE).min(manifest.deltas.len());
        manifest.deltas.drain(..manifest.deltas.len() - kept);
        manifest.made = unix_now();
        manifest.expires = manifest.made + LIFETIME.as_secs();
        let (store, text) = (self.store(&manifest.origin.apex), manifest.sign(keys));
        self.written(store.put_manifest(&text))?;
        store.sweep(&manifest);
        let mut lists = self.lists();
        let version = *self.news.borrow() + 1;
        lists.insert(manifest.origin.apex.clone(), Shelved { manifest, text, version });
        drop(lists);
        self.tell();
        Ok(())
    }

    /// Tells who waits.
    fn tell(&self) {
        self.news.send_modify(|news| *news += 1);
    }

    /// The folder of a list.
    fn store(&self, apex: &Name) -> Store {
        Store::of(&self.folder, apex)
    }

    /// What a list is, as it was said last.
    fn known(&self, apex: &Name) -> Option<Manifest> {
        self.lists().get(apex).map(|shelved| shelved.manifest.clone())
    }

    /// Who signs.
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each list.
    fn lists(&self) -> MutexGuard<'_, BTreeMap<Name, Shelved>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the folder that could not be written.
    fn written(&self, written: io::Result<()>) -> Result<(), ShelfError> {
        written.map_err(|source| ShelfError::Folder { folder: self.folder.clone(), source })
    }
}

/// Where the keys that sign lie in a data folder.
pub fn keys_in(data_dir: &Path) -> PathBuf {
    data_dir.join("distribution-keys")
}

/// Why nothing can be handed out.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The folder cannot be used.
    #[error("cannot keep what is handed out in {folder}: let the server's user write there", folder = .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An error with what is behind it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// From how many deltas on a new whole list of so many bytes is worth it: each change has everybody fetch a line for
/// every delta, and each whole list all of that.
fn many(whole: u64) -> usize {
    usize::try_from((whole / 50).isqrt()).unwrap_or(MOST_DELTAS).clamp(LATE, MOST_DELTAS / 2)
}

/// The time in Unix seconds.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// How long a manifest may be believed.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// After how long it is said again that a list is still so.
const FRESH: Duration = Duration::from_secs(300);
/// So many bytes of deltas are never worth a new whole list.
const LITTLE: u64 = 64 * 1024;
/// So many deltas are kept for those who are late.
const LATE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The manifests of a shelf.
    fn all(shelf: &Shelf) -> Vec<Manifest> {
        let keys = shelf.keys().public();
        let text = shelf.manifests(None, |_| true).text;
        let open = |text: &&str| Manifest::open(text, &keys).expect("it is good");
        crate::manifest::split(&text).iter().map(open).collect()
    }

    /// A list.
    fn origin(apex: &str) -> Origin {
        Origin { id: 1, apex: apex.parse().expect("a name") }
    }

    #[test]
    fn a_list_goes_on_by_deltas_and_begins_anew_when_it_must() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path()).expect("it opens");
        let origin = origin("bl.example");
        let at =
            |serial| Delivery { origin: &origin, serial, approved: 0, content: u128::from(serial) };
        assert!(shelf.put(at(5), None).expect("it is asked"), "there is none");
        shelf.put_whole(at(5), b"five").expect("it is put");
        assert!(!shelf.put(at(7), Some((5, b"five to seven"))).expect("it is put"));
        assert!(shelf.put(at(9), Some((8, b"eight to nine"))).expect("asked"), "no way leads on");
        assert!(shelf.put(at(9), None).expect("it is asked"));
        let [manifest] = &all(&shelf)[..] else { panic!("one list") };
        assert_eq!((manifest.serial, manifest.whole.to, manifest.deltas.len()), (7, 5, 1));
        let (path, length) = shelf.parcel(&origin.apex, 5, 7).expect("it is there");
        assert_eq!(
            (std::fs::read(&path).expect("it is read"), length),
            (b"five to seven".to_vec(), 13)
        );
        assert_eq!(shelf.parcel(&origin.apex, 4, 7), None);
        // A start finds all of it, and needs no whole list.
        let shelf = Shelf::open(folder.path()).expect("it opens");
        assert!(!shelf.put(at(7), None).expect("it is put"));
        let (news, (old, _)) = (shelf.news(), shelf.parcel(&origin.apex, 0, 5).expect("there"));
        shelf.put_whole(at(7), b"seven").expect("it is put");
        assert!(news.has_changed().expect("it is there"));
        let [manifest] = &all(&shelf)[..] else { panic!("one list") };
        assert_eq!((manifest.whole.to, manifest.deltas.len()), (7, 1), "who was at 5 may go on");
        let other = Delivery { content: 77, ..at(7) };
        assert!(shelf.put(other, None).expect("asked"), "this serial stood for something else");
        let many = vec![0; LITTLE as usize + 100];
        assert!(shelf.put(at(8), Some((7, &many))).expect("it is put"), "it has become old");
        let [manifest] = &all(&shelf)[..] else { panic!("one list") };
        assert_eq!((manifest.serial, manifest.deltas.len()), (8, 2), "{manifest:?}");
        assert!(!old.exists(), "what is not named any more is gone");
        shelf.put_whole(Delivery { content: 88, ..at(8) }, b"other").expect("it is put");
        let [manifest] = &all(&shelf)[..] else { panic!("one list") };
        assert_eq!((manifest.content, manifest.deltas.len()), (88, 0), "no way leads to it");
    }

    #[test]
    fn who_may_have_a_list_is_told_of_it_and_of_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path()).expect("it opens");
        for apex in ["a.example", "b.example"] {
            let origin = origin(apex);
            let delivery = Delivery { origin: &origin, serial: 1, approved: 0, content: 1 };
            shelf.put_whole(delivery, b"entries").expect("it is put");
        }
        let b: Name = "b.example".parse().expect("a name");
        let one = shelf.manifests(None, |apex| *apex == b);
        assert!(one.text.contains("list b.example 1") && !one.text.contains("a.example"));
        assert_eq!(shelf.manifests(None, |_| false).text, "");
        shelf.confirm(std::slice::from_ref(&b));
        let all = shelf.manifests(None, |_| true).text;
        assert_eq!(all, one.text, "the other list is gone, and this is still fresh");
        shelf.lists().get_mut(&b).expect("it is there").manifest.made -= FRESH.as_secs();
        shelf.confirm(std::slice::from_ref(&b));
        assert_eq!(self::all(&shelf)[0].serial, 1);
    }

    #[test]
    fn whoever_has_something_is_told_what_came_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path()).expect("it opens");
        let put = |apex: &str| {
            let origin = origin(apex);
            let delivery = Delivery { origin: &origin, serial: 1, approved: 0, content: 1 };
            shelf.put_whole(delivery, b"entries").expect("it is put");
        };
        put("a.example");
        let first = shelf.manifests(None, |_| true);
        assert_eq!(shelf.manifests(Some(&first.tag), |_| true).text, "");
        put("b.example");
        let next = shelf.manifests(Some(&first.tag), |_| true);
        assert!(next.text.contains("b.example") && !next.text.contains("a.example"));
        assert_eq!(shelf.manifests(Some(&next.tag), |_| true).text, "");
        for strange in ["", "0-0", "x-1", "1-"] {
            let all = shelf.manifests(Some(strange), |_| true);
            assert!(all.text.contains("a.example") && all.text.contains("b.example"), "{strange}");
        }
    }
}
