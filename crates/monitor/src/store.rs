//! The state on disk: one file, written whole beside the old one and renamed, so that whoever kills the
//! process finds the old one or the new one.
//!
//! A second process that wrote the same file would undo what the first one learned, so the file's lock is
//! held as long as the process lives.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state::State;

/// A place for the state, which nobody else has.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Its lock; it ends with the process, however that ends.
    _lock: File,
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{0} is in use: is another monitor running?")]
    InUse(PathBuf),
    /// It cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none.
    #[error("{path} is no state of a monitor: {why}; move it away to begin anew")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A later version of this program wrote it.
    #[error(
        "{path} was written by a later version of this program (form {version}, known is {VERSION}): \
         run that one, or move the file away to begin anew"
    )]
    Later {
        /// Which file.
        path: PathBuf,
        /// The number of its form.
        version: u64,
    },
}

impl Store {
    /// Takes the lock and reads what is there; nothing, if there is nothing.
    ///
    /// # Errors
    /// If somebody else has the lock, or what is there cannot be used. It is left as it is then.
    pub fn open(path: &Path) -> Result<(Store, State), StoreError> {
        let read = |path: &Path, source| StoreError::Read { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| read(folder, source))?;
        }
        let lock_path = beside(path, ".lock");
        let options =
            fs::OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = options.map_err(|source| read(&lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(read(&lock_path, source)),
        }
        let state = match fs::read(path) {
            Ok(text) => parse(&text, path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(source) => return Err(read(path, source)),
        };
        Ok((Store { path: path.to_owned(), _lock: lock }, state))
    }

    /// Writes the state, whole or not at all.
    ///
    /// # Errors
    /// If the disk is full or the folder is not ours. What was there is there still.
    pub fn write(&self, text: &[u8]) -> io::Result<()> {
        let part = beside(&self.path, ".part");
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&part, &self.path)?;
            // The name is on disk when its folder is.
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        if written.is_err() {
            // Nothing is left of it; the first error is the one to tell.
            drop(fs::remove_file(&part));
        }
        written
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The state as it is written.
pub fn text(state: &State) -> Vec<u8> {
    let file = Versioned { version: VERSION, state };
    serde_json::to_vec(&file).expect("a state has only texts for keys, and numbers that are finite")
}

/// Reads what is written; `path` is where that was, for the error.
///
/// # Errors
/// If it is no state, or one of a later version.
pub fn parse(text: &[u8], path: &Path) -> Result<State, StoreError> {
    let foreign = |error: serde_json::Error| StoreError::Foreign {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let Head { version } = serde_json::from_slice(text).map_err(foreign)?;
    if version != VERSION {
        return Err(StoreError::Later { path: path.to_owned(), version });
    }
    let file: Versioned<State> = serde_json::from_slice(text).map_err(foreign)?;
    Ok(file.state)
}

/// A file of any version.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// A state with the number of its form.
#[derive(Deserialize, Serialize)]
struct Versioned<S> {
    version: u64,
    state: S,
}

/// A name behind which more stands.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// The number of the form that is written.
const VERSION: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_again_and_only_one_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below").join("monitor.json");
        let (store, mut state) = Store::open(&path).expect("there is nothing");
        assert_eq!(state, State::default());
        state.numbered = 7;
        store.write(&text(&state)).expect("it is written");
        assert!(matches!(Store::open(&path), Err(StoreError::InUse(_))));
        drop(store);
        assert_eq!(Store::open(&path).expect("it is there").1.numbered, 7);
        let mut names: Vec<_> = fs::read_dir(path.parent().expect("it has one"))
            .expect("it is there")
            .map(|entry| entry.expect("it is readable").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["monitor.json", "monitor.json.lock"], "nothing else is left");
    }

    #[test]
    fn what_is_no_state_is_an_error_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("monitor.json");
        for (written, why) in [
            ("", "is no state of a monitor"),
            ("{\"version\":1}", "is no state of a monitor: missing field `state`"),
            ("{\"version\":1,\"state\":{\"targets\":[]}}", "is no state of a monitor"),
            (
                "{\"version\":2,\"state\":\"what comes\"}",
                "by a later version of this program (form 2, known is 1)",
            ),
        ] {
            fs::write(&path, written).expect("it is writable");
            let error = Store::open(&path).expect_err("it is none").to_string();
            assert!(error.contains(why), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), written);
        }
        // What a later version of the same form adds is no reason to begin anew.
        fs::write(&path, "{\"version\":1,\"new\":1,\"state\":{\"new\":1,\"numbered\":3}}")
            .expect("it is writable");
        assert_eq!(Store::open(&path).expect("it is one").1.numbered, 3);
    }
}
