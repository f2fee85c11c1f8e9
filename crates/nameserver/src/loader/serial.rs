//! Serials that never go back, not even over a restart.
//!
//! Where no file names one, the serial of a zone is the time of its newest file: servers that have
//! the same files then agree without talking. But a file can change twice in a second, its time can
//! go back, and so can the clock; secondaries and mirrors that see a serial go back stand still
//! (RFC 1982). So the last one is kept in the data folder, together with what it was made of, and the
//! next one is the same for the same files and later for any others.
//!
//! A serial that the operator wrote down is his own and never changed here.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::config::{SourceConfig, ZoneConfig};
use super::files::OpenList;
use super::spool::replace_file;

/// The last serial of a zone, and what it stands for; kept as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The serial.
    pub serial: u32,
    /// The files and the configuration it was made of; `None` if it was compiled elsewhere and fetched.
    pub made_of: Option<Fingerprint>,
}

/// What a zone was made of: equal only if neither a file nor what the configuration makes of it
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(u64);

impl Issued {
    /// Reads the note at a path; one that is not there or not readable knows nothing.
    pub(super) fn read(path: &Path) -> Option<Issued> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes the note, so that it outlives the process.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, |out| Ok(serde_json::to_writer(out, self)?))
    }
}

/// The serial of a zone whose files name none.
pub(super) fn next_serial(last: Option<Issued>, modified: u32, made_of: Fingerprint) -> u32 {
    let serial = match last {
        Some(last) if last.made_of == Some(made_of) => last.serial,
        Some(last) if !is_later(modified, last.serial) => last.serial.wrapping_add(1),
        Some(_) | None => modified,
    };
    // 0 means "none" where a serial is written down.
    serial.max(1)
}

/// Whether a serial is later than another (RFC 1982 section 3.2). Of two that are half of all
/// numbers apart neither is.
pub(super) fn is_later(serial: u32, than: u32) -> bool {
    serial.wrapping_sub(than).cast_signed() > 0
}

/// Takes the fingerprint of what a zone is made of.
pub(super) fn fingerprint<'a>(
    config: &ZoneConfig,
    files: impl Iterator<Item = (&'a SourceConfig, &'a [OpenList])>,
) -> Fingerprint {
    // How the values are written does not matter, only that different ones are written differently.
    let mut text = format!(
        "{:?}",
        (
            (&config.apex, config.polarity, &config.soa, config.soa_is_given, config.test_entries),
            (&config.name_servers, config.name_server_ttl, &config.return_codes),
            (config.ttl, config.min_ttl, config.max_ttl, config.accept_host_bits),
        )
    );
    for (source, files) in files {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:?}", source.format);
        for file in files {
            let _ = match &source.origin {
                super::SourceOrigin::Files(_) => {
                    write!(text, "{:?}{:?}", file.path(), file.stamp())
                }
                // The copy of a feed is renamed once it is accepted.
                super::SourceOrigin::Feed(feed) => {
                    write!(text, "{}{:?}", feed.url, file.stamp().but_for_its_name())
                }
            };
        }
    }
    Fingerprint(xxh3_64(text.as_bytes()))
}

/// Takes the fingerprint of the snapshot that a zone is.
pub(super) fn fingerprint_of_snapshot(config: &ZoneConfig, file: &OpenList) -> Fingerprint {
    let text = format!("{:?}", (&config.apex, "snapshot", file.path(), file.stamp()));
    Fingerprint(xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THESE: Fingerprint = Fingerprint(1);
    const OTHERS: Fingerprint = Fingerprint(2);

    #[test]
    fn a_serial_is_the_time_of_the_newest_file_and_never_goes_back() {
        let after = |last, modified, made_of| {
            let last = Issued { serial: last, made_of: Some(THESE) };
            next_serial(Some(last), modified, made_of)
        };
        assert_eq!(next_serial(None, 2_000, THESE), 2_000);
        assert_eq!(after(1_500, 2_000, OTHERS), 2_000);
        assert_eq!(after(2_000, 2_000, OTHERS), 2_001, "twice in a second");
        assert_eq!(after(2_001, 1_000, OTHERS), 2_002, "a file, or the clock, went back");
        assert_eq!(
            after(2_002, 2_000, THESE),
            2_002,
            "the same files, for instance after a restart"
        );
        assert_eq!(after(u32::MAX, u32::MAX, OTHERS), 1, "0 means none");
        assert_eq!(after(u32::MAX - 5, 20, OTHERS), 20, "later, although smaller");
        assert_eq!(after(5, 5 + (1 << 31), OTHERS), 6, "neither is later");
        let compiled = Issued { serial: 7, made_of: None };
        assert_eq!(next_serial(Some(compiled), 3, THESE), 8);
    }

    #[test]
    fn a_note_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bl.example.serial");
        assert_eq!(Issued::read(&path), None);
        let issued = Issued { serial: u32::MAX, made_of: Some(OTHERS) };
        issued.write(&path).unwrap();
        assert_eq!(Issued::read(&path), Some(issued));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Issued::read(&path), None, "a note that is cut knows nothing");
    }
}
