//! What one end has of a list: a folder with a signed manifest and the parcels it names.
//!
//! Parcels are written before the manifest that names them and removed after one that does not, each file beside its
//! place, flushed and renamed. So whoever is killed at any moment leaves a manifest whose parcels are there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use repute_dnsxl::Name;

use crate::hex;
use crate::manifest::{Item, Manifest};

/// The folder of a list.
#[derive(Clone, Debug)]
pub(crate) struct Store(PathBuf);

impl Store {
    /// The folder of a list in one for all.
    pub(crate) fn of(folder: &Path, apex: &Name) -> Store {
        // A name may have any byte in it, `/` too.
        let text = apex.to_string();
        let is_harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let is_name = text.len() < 200 && !text.starts_with('.') && text.bytes().all(is_harmless);
        let name = match is_name {
            true => text,
            // A file's name has at most 255 bytes; how such a name begins and ends tells it from others.
            false => {
                let wire = apex.as_wire();
                let (start, end) = (wire.len().min(60), wire.len().saturating_sub(60));
                format!("x-{}-{}", hex::encode(&wire[..start]), hex::encode(&wire[end..]))
            }
        };
        Store(folder.join(name))
    }

    /// All of them in a folder, which is made if it is not there.
    pub(crate) fn all(folder: &Path) -> io::Result<Vec<Store>> {
        fs::create_dir_all(folder)?;
        let paths = fs::read_dir(folder)?.flatten().map(|file| file.path());
        Ok(paths.filter(|path| path.is_dir()).map(Store).collect())
    }

    /// The manifest as it was signed, if there is one.
    pub(crate) fn manifest(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.0.join(MANIFEST)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a manifest in its place.
    pub(crate) fn put_manifest(&self, text: &str) -> io::Result<()> {
        self.put(MANIFEST, text.as_bytes())
    }

    /// The bytes of an item, if they are what it says; whatever else is there is not.
    pub(crate) fn read(&self, item: &Item) -> io::Result<Option<Bytes>> {
        let path = self.path(item);
        match fs::metadata(&path) {
            Ok(file) if file.len() == item.length => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let bytes = fs::read(&path)?;
        Ok(item.is(&bytes).then(|| Bytes::from(bytes)))
    }

    /// Puts an item in its place.
    pub(crate) fn put_item(&self, item: &Item, bytes: &[u8]) -> io::Result<()> {
        self.put(&item.file(), bytes)
    }

    /// Where an item lies.
    pub(crate) fn path(&self, item: &Item) -> PathBuf {
        self.0.join(item.file())
    }

    /// Removes what a manifest does not name.
    pub(crate) fn sweep(&self, manifest: &Manifest) {
        let names: Vec<String> = manifest.items().map(Item::file).collect();
        let Ok(files) = fs::read_dir(&self.0) else { return };
        for file in files.flatten() {
            let name = file.file_name();
            let is_named = name == MANIFEST || names.iter().any(|known| name == **known);
            if !is_named {
                // Should it stay, the next time removes it.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) {
        // The manifest first: without it nothing of the rest counts.
        let _ = fs::remove_file(self.0.join(MANIFEST));
        let _ = fs::remove_dir_all(&self.0);
    }

    /// Writes a file, whole or not at all.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let (path, part) = (self.0.join(name), self.0.join(format!("{name}.part")));
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            // The name is on disk when its folder is.
            File::open(&self.0)?.sync_all()
        });
        if written.is_err() {
            // The first failure is the one to tell.
            let _ = fs::remove_file(&part);
        }
        written
    }
}

/// What the manifest is called.
const MANIFEST: &str = "manifest";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::manifest;

    #[test]
    fn an_item_is_what_its_digest_says_or_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = manifest();
        let store = Store::of(folder.path(), &manifest.origin.apex);
        assert_eq!(store.manifest().expect("it can be read"), None);
        assert_eq!(store.read(&manifest.whole).expect("it can be read"), None);
        store.put_item(&manifest.whole, b"bytes").expect("it is written");
        let other = Item::of(1, 2, b"other");
        store.put_item(&other, b"other").expect("it is written");
        store.put_manifest("text").expect("it is written");
        assert_eq!(store.read(&manifest.whole).expect("read"), Some(Bytes::from_static(b"bytes")));
        store.sweep(&manifest);
        assert_eq!(store.read(&other).expect("it can be read"), None);
        for wrong in ["byte", "bytez"] {
            fs::write(store.path(&manifest.whole), wrong).expect("it is written");
            assert_eq!(store.read(&manifest.whole).expect("it can be read"), None, "{wrong}");
        }
        assert_eq!(Store::all(folder.path()).expect("they are read").len(), 1);
        store.remove();
        assert_eq!(Store::all(folder.path()).expect("they are read").len(), 0);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let long = format!("{}x", "\\000\\001.".repeat(60));
        for apex in ["a/b", "\\.\\./x", ".", "\\000", &long] {
            let Store(path) = Store::of(Path::new("f"), &apex.parse().expect("a name"));
            assert_eq!(path.parent(), Some(Path::new("f")), "{apex}");
            assert!(path.file_name().expect("a name").len() <= 255, "{apex}");
        }
    }
}
