//! List files on disk: whether they changed, and whether they were read whole.
//!
//! A list is written by programs that know nothing of us: renamed into place, rewritten in place, or
//! copied one file after the other. So a file is known by its [`Stamp`], which is taken before and
//! after reading; when the two differ, what was read is thrown away.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode: another file was renamed into its place.
    identity: (u64, u64),
    /// The length in bytes.
    size: u64,
    /// The time of the last write, seconds and nanoseconds.
    modified: (i64, i64),
    /// The time of the last change of content or name, which no program can set back.
    changed: (i64, i64),
}

impl Stamp {
    /// Looks at the file that a path names now.
    ///
    /// # Errors
    /// If there is none, or it is no regular file: a folder or a pipe cannot be a list.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        Stamp::from_metadata(&std::fs::metadata(path)?)
    }

    /// The time of the last write in Unix seconds, as serials use it.
    pub fn modified(&self) -> u32 {
        u32::try_from(self.modified.0.max(0)).unwrap_or(u32::MAX)
    }

    /// How far the last write is from a time. A file that is being written now is near; a time to come
    /// is as far as one that is past, as clocks are set back and copies keep the times of others.
    pub(super) fn distance(&self, from: SystemTime) -> Duration {
        let nanos = |seconds: i128, nanos: i128| seconds * 1_000_000_000 + nanos;
        let then = nanos(self.modified.0.into(), self.modified.1.into());
        let from = from.duration_since(UNIX_EPOCH).unwrap_or_default();
        let from = nanos(from.as_secs().into(), from.subsec_nanos().into());
        let distance = u64::try_from(then.abs_diff(from)).unwrap_or(u64::MAX);
        Duration::from_nanos(distance)
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What stays the same when the file is given another name.
    pub(super) fn but_for_its_name(&self) -> Stamp {
        Stamp { changed: (0, 0), ..*self }
    }

    /// Takes the stamp out of what the kernel says.
    fn from_metadata(metadata: &Metadata) -> io::Result<Stamp> {
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Stamp {
            identity: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// A file that is being read, with the stamp it had when it was opened.
#[derive(Debug)]
pub struct OpenList {
    path: PathBuf,
    file: File,
    stamp: Stamp,
}

impl OpenList {
    /// Opens a list file.
    ///
    /// # Errors
    /// If it cannot be opened or is no regular file.
    pub fn open(path: &Path) -> io::Result<OpenList> {
        // The kind is looked at first, as opening a pipe would wait for its writer.
        Stamp::of(path)?;
        let file = File::open(path)?;
        let stamp = Stamp::from_metadata(&file.metadata()?)?;
        Ok(OpenList { path: path.to_owned(), file, stamp })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The stamp it had when it was opened.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether the path still names the same, unwritten file: what was read since is whole.
    pub fn is_unchanged(&self) -> bool {
        Stamp::of(&self.path).is_ok_and(|now| now == self.stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_and_a_rename_are_both_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, "192.0.2.1\n").unwrap();
        let open = OpenList::open(&path).unwrap();
        assert!(open.is_unchanged());

        std::fs::write(&path, "192.0.2.1\n192.0.2.2\n").unwrap();
        assert!(!open.is_unchanged(), "rewritten in place");

        let open = OpenList::open(&path).unwrap();
        let beside = folder.path().join("list.new");
        std::fs::copy(&path, &beside).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        assert!(!open.is_unchanged(), "renamed into place, with the same content");
    }

    #[test]
    fn only_a_file_that_was_written_right_now_may_be_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let file = File::create(&path).unwrap();
        let now = UNIX_EPOCH + Duration::from_millis(1_800_000_000_500);
        let check = |written: SystemTime, expect: u64| {
            file.set_modified(written).unwrap();
            let distance = Stamp::of(&path).unwrap().distance(now);
            assert_eq!(distance, Duration::from_millis(expect));
        };
        check(now, 0);
        check(now - Duration::from_millis(600), 600);
        check(now + Duration::from_millis(3_600_000), 3_600_000);
        check(UNIX_EPOCH, 1_800_000_000_500);
    }

    #[test]
    fn a_folder_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        assert!(OpenList::open(folder.path()).is_err());
        assert!(OpenList::open(&folder.path().join("absent")).is_err());
    }

    /// The kernel writes down when a file was renamed, which is no change of what is in it.
    #[test]
    fn a_file_under_another_name_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, "192.0.2.1\n").unwrap();
        let before = Stamp::of(&one).unwrap();
        let after = loop {
            std::fs::rename(&one, &other).unwrap();
            let after = Stamp::of(&other).unwrap();
            // Its clock goes in steps.
            if after != before {
                break after;
            }
            std::fs::rename(&other, &one).unwrap();
        };
        assert_eq!(after.but_for_its_name(), before.but_for_its_name());
        std::fs::write(&other, "192.0.2.1\n192.0.2.2\n").unwrap();
        let changed = Stamp::of(&other).unwrap();
        assert_ne!(changed.but_for_its_name(), before.but_for_its_name());
    }
}
