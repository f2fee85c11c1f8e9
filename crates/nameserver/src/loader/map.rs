//! Snapshot files as memory: files of ours are mapped, those of others are copied first.
//!
//! A mapped file opens without being read, and all threads share its pages; but whoever cuts it while
//! it is mapped ends the process by SIGBUS. Nobody but us writes in the data folder, and we only
//! rename and remove there, which harms no map. A file of the operator's may be cut or written over
//! at any time, so what is served of it is a private copy in the data folder. The kernel makes that
//! copy: by sharing blocks where the file system can, else at the speed of memory. It is made once for
//! each version of the file: a restart finds it (`build`).

#![expect(unsafe_code, reason = "a mapped file is memory that another process could change")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;

use super::spool::Draft;

/// Maps a whole file in the data folder for reading.
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
    // each offset it finds there; that nobody cuts files in the data folder is said above.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}

/// Copies a file of somebody else's for this place in the data folder, and maps the copy.
///
/// # Errors
/// If the data folder cannot be written, or the file not be read.
pub(super) fn copy(mut file: &File, place: &Path) -> io::Result<(Draft, Bytes)> {
    let draft = Draft::new(place);
    // It uses copy_file_range(2) where that is possible.
    io::copy(&mut file, &mut File::create(draft.path())?)?;
    let image = map(draft.path())?;
    Ok((draft, image))
}

/// Reads a file of somebody else's into memory.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(mut file: &File) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_outlives_its_original_and_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let (original, place) = (folder.path().join("original"), folder.path().join("place"));
        let text = "192.0.2.1".repeat(10_000);
        std::fs::write(&original, &text).unwrap();
        let (draft, image) = copy(&File::open(&original).unwrap(), &place).unwrap();
        std::fs::write(&original, "").unwrap();
        assert_eq!(image, text);
        drop(draft);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the original");
        assert_eq!(image, text);
    }
}
