//! Maps a snapshot file, so that it opens without being read and all threads share its pages.

#![expect(unsafe_code, reason = "a mapped file is memory that another process could change")]

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;

/// Maps a whole file for reading.
///
/// Snapshots are replaced by renaming, never written in place: `repute zone build` and the loader
/// hold to that. An operator who truncates one while it is served ends the process by SIGBUS, as
/// with any program that maps files; whatever else is written into it is caught by the checksum
/// when it is opened, and later by the bounds checks of every access.
///
/// # Errors
/// If the file cannot be opened or mapped.
pub(super) fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    // SAFETY: the map is read only and owned by the `Bytes` that is returned, so no reference
    // outlives it. The zone code reads it as plain bytes, of which any value is valid, and checks
    // each offset it finds there; that nobody truncates the file is the contract stated above.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}
