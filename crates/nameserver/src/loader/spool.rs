//! What must survive a restart, as files in the data folder.
//!
//! A file here is written beside the old one, flushed to the disk and renamed into its place. A
//! process that is killed at any moment so leaves the old file or the new one, never a part of one;
//! what it was writing stays behind under a name that nobody reads and is removed at the next start.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use repute_dnsxl::Name;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The folder of last good feeds and zones, and of the zones' serials.
#[derive(Clone, Debug)]
pub struct Spool {
    feeds: PathBuf,
    zones: PathBuf,
}

impl Spool {
    /// The folders as they are, for those who only read; nothing is made or removed.
    pub fn at(data_dir: &Path) -> Spool {
        Spool { feeds: data_dir.join("feeds"), zones: data_dir.join("zones") }
    }

    /// Makes the folders and removes what a killed process left half written.
    ///
    /// # Errors
    /// If the data folder cannot be made or written.
    pub fn open(data_dir: &Path) -> io::Result<Spool> {
        let spool = Spool::at(data_dir);
        for folder in [&spool.feeds, &spool.zones] {
            fs::create_dir_all(folder)?;
            sweep(folder, |name| Path::new(name).extension().is_some_and(|e| e == BESIDE))?;
        }
        // Lists of the operator's may lie here too, with whatever he is writing.
        sweep(data_dir, is_beside)?;
        Ok(spool)
    }

    /// Where the last good copy of a feed lies. It is named by the URL alone, so that it is found
    /// again, and never taken for another's, when zones change their order.
    pub fn feed(&self, url: &str) -> PathBuf {
        self.feeds.join(format!("{:016x}.list", xxh3_64(url.as_bytes())))
    }

    /// Where the last good snapshot of a zone lies.
    pub fn zone(&self, apex: &Name) -> PathBuf {
        self.of_zone(apex, "snapshot")
    }

    /// Where the last serial of a zone is written down.
    pub fn serial(&self, apex: &Name) -> PathBuf {
        self.of_zone(apex, "serial")
    }

    /// The file of a zone with this ending.
    fn of_zone(&self, apex: &Name, ending: &str) -> PathBuf {
        // A name may have any byte in it, `/` too, so its text form names the file only if harmless.
        let text = apex.to_string();
        let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let name = if text.bytes().all(harmless) && !text.starts_with('.') && text.len() < 200 {
            text
        } else {
            format!("{:016x}", xxh3_64(apex.as_wire()))
        };
        self.zones.join(format!("{name}.{ending}"))
    }
}

/// What is known of a fetched feed, kept beside it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedNote {
    /// The URL, for people who look into the folder.
    pub url: String,
    /// The server's name for this version (RFC 9110 section 8.8.3).
    pub etag: Option<String>,
    /// The server's time of this version, as it wrote it.
    pub last_modified: Option<String>,
    /// When the server last said that this is what it has, in Unix seconds.
    pub confirmed: u64,
}

impl FeedNote {
    /// Reads the note beside a feed; without a readable one the feed is fetched afresh.
    pub fn read(feed: &Path) -> Option<FeedNote> {
        serde_json::from_slice(&fs::read(note_path(feed)).ok()?).ok()
    }

    /// Removes the note beside a feed, so that the feed is fetched afresh.
    pub(super) fn forget(feed: &Path) {
        // Without one there is nothing to forget.
        let _ = fs::remove_file(note_path(feed));
    }

    /// Writes the note beside a feed. The feed is renamed into place first: should we be killed in
    /// between, the old note asks for a version that is gone, and the feed is fetched again.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, feed: &Path) -> io::Result<()> {
        replace_file(&note_path(feed), |out| Ok(serde_json::to_writer_pretty(out, self)?))
    }
}

/// Where the note of a feed lies.
fn note_path(feed: &Path) -> PathBuf {
    feed.with_extension("json")
}

/// Writes a file beside the old one, flushes it and renames it into place.
///
/// # Errors
/// If writing fails; the old file is untouched then and the new one removed.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path);
    let written = write_beside(&beside, write).and_then(|()| promote(&beside, path));
    if written.is_err() {
        // The first failure is the one to report; a file left behind is removed at the next start.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A file beside its place, where it waits to be judged. Dropped, it is removed; who has mapped it
/// keeps it until he lets go.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// A file that is to be written for this place.
    pub(super) fn new(place: &Path) -> Draft {
        Draft { path: beside(place), place: place.to_owned() }
    }

    /// Where it lies until it is judged.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The place it is for.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Flushes it and puts it into its place.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(super) fn accept(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        promote(&self.path, &self.place)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `accept` there is nothing under this name.
        let _ = fs::remove_file(&self.path);
    }
}

/// The name under which a file is written before it takes its place; no two writers have the same.
fn beside(path: &Path) -> PathBuf {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{number}.{BESIDE}", std::process::id()));
    path.with_file_name(name)
}

/// Whether a name is one that [`beside`] gives.
fn is_beside(name: &OsStr) -> bool {
    let mut parts = name.as_encoded_bytes().rsplit(|&b| b == b'.');
    let mut next = |is: fn(&[u8]) -> bool| parts.next().is_some_and(is);
    let number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    next(|part| part == BESIDE.as_bytes()) && next(number) && next(number) && next(|_| true)
}

/// Removes the files in a folder whose names say that nobody needs them.
fn sweep(folder: &Path, is_litter: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_litter(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What helps when a file in the data folder could not be written; to be put behind the reason.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free space there or name a larger disk as `data-dir`"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; let the server's user write there"
        }
        _ => "",
    }
}

/// Writes and flushes a file that is not in its place yet.
pub(super) fn write_beside(
    beside: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, File::create(beside)?);
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Renames a flushed file into its place and flushes the folder, which holds the name.
fn promote(beside: &Path, path: &Path) -> io::Result<()> {
    fs::rename(beside, path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The ending of files that are not in their place yet.
const BESIDE: &str = "part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone.snapshot");
        replace_file(&path, |out| out.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |out| {
            out.write_all(b"new, cut sh")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let zone = spool.zone(&"bl.example".parse().unwrap());
        fs::write(&zone, "whole").unwrap();
        fs::write(zone.with_extension("snapshot.77.part"), "ha").unwrap();
        fs::write(beside(&folder.path().join("first.txt")), "ha").unwrap();
        for list in ["my.part", "my.7.part", "7.8.part"] {
            fs::write(folder.path().join(list), "the operator's").unwrap();
        }
        Spool::open(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path().join("zones")).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(fs::read(&zone).unwrap(), b"whole");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2 + 3, "{left:?}");
    }

    #[test]
    fn no_apex_leads_out_of_the_folder() {
        let spool = Spool { feeds: "f".into(), zones: "z".into() };
        for apex in ["a/b", "\\.\\./x", ".", "\\000"] {
            let path = spool.zone(&apex.parse().unwrap());
            assert_eq!(path.parent(), Some(Path::new("z")), "{apex}");
        }
    }

    #[test]
    fn a_note_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let feed = spool.feed("https://feed.example/list");
        let note = FeedNote { etag: Some("\"7\"".into()), confirmed: 9, ..FeedNote::default() };
        note.write(&feed).unwrap();
        assert_eq!(FeedNote::read(&feed), Some(note));
        assert_eq!(FeedNote::read(Path::new("absent")), None);
    }
}
