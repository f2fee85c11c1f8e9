//! Files that wait to be taken into a list: in one folder of this server, of which no other server knows.
//!
//! The folder has a name of its own, by which the work that needs its files is known. A file is on the disk before the
//! work is ordered, and goes when nobody needs it any more; what a crash left between the two goes with the next start.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use repute_database::work::Work;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The folder.
#[derive(Clone, Debug)]
pub struct Spool {
    /// Where it is.
    folder: PathBuf,
    /// Its name.
    name: String,
}

/// A new file in it. Dropped without [`Spooled::keep`] it is gone.
#[derive(Debug)]
pub struct Spooled {
    /// Where it is.
    path: PathBuf,
    /// Its name in the folder.
    name: String,
    /// To be written.
    file: File,
    /// Whether it stays.
    is_kept: bool,
}

impl Spool {
    /// Opens the folder, and makes it if it is not there; only its owner can read what is in it.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Spool> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let path = folder.join(NAME);
        let name = match fs::read_to_string(&path) {
            Ok(name) if is_name(&name) => name,
            Ok(_) => fresh(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fresh(&path)?,
            Err(error) => return Err(error),
        };
        Ok(Spool { folder: folder.to_owned(), name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(&self) -> io::Result<Spooled> {
        let name = random()?;
        let path = self.folder.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Spooled { path, name, file, is_kept: false })
    }

    /// Opens a file.
    ///
    /// # Errors
    /// If it is not there.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        match is_name(name) {
            true => File::open(self.folder.join(name)),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether it holds the file of some work.
    pub fn has(&self, work: &Work) -> bool {
        work.new.folder.as_deref() == Some(&*self.name)
    }

    /// Removes the file of work that is over, if it has one.
    pub fn discard(&self, work: &Work) {
        if let Some(file) = super::import::file_of(work) {
            self.remove(&file);
        }
    }

    /// Removes a file that nobody needs any more.
    fn remove(&self, name: &str) {
        if is_name(name) {
            // Should it stay, the next start removes it.
            drop(fs::remove_file(self.folder.join(name)));
        }
    }

    /// Removes all files but these, and but those that somebody may be making.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(super) fn sweep(&self, but: &HashSet<String>, now: SystemTime) -> io::Result<()> {
        for file in fs::read_dir(&self.folder)?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let written = file.metadata().and_then(|file| file.modified());
            let age = written.ok().and_then(|written| now.duration_since(written).ok());
            let is_old = age.is_some_and(|age| age > MAKING);
            if is_name(&name) && is_old && !but.contains(&name) {
                self.remove(&name);
            }
        }
        Ok(())
    }
}

impl Spooled {
    /// Writes some bytes behind those that are there.
    ///
    /// # Errors
    /// If the disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Sees to it that the file survives the loss of power: its name.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn sync(&self) -> io::Result<&str> {
        self.file.sync_all()?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(&self.name)
    }

    /// Leaves it there, for the work that was ordered.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if !self.is_kept {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A new name for the folder, which it keeps.
fn fresh(path: &Path) -> io::Result<String> {
    let name = random()?;
    fs::write(path, &name)?;
    Ok(name)
}

/// A name that nothing else has.
fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    let none = |_| io::Error::other("the system gives no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a text is such a name, and leads nowhere else.
fn is_name(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// A file to which nothing was written for so long is not being made any more.
const MAKING: Duration = Duration::from_secs(3_600);
/// The file that says how the folder is called.
const NAME: &str = "name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_if_it_is_kept_and_goes_with_the_next_sweep() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(&folder.path().join("spool")).expect("it opens");
        let again = Spool::open(&folder.path().join("spool")).expect("it opens");
        assert_eq!(spool.name(), again.name(), "it keeps its name");
        let dropped = spool.create().expect("a file");
        let name = dropped.sync().expect("it is written").to_owned();
        drop(dropped);
        assert!(spool.file(&name).is_err());
        let mut kept = spool.create().expect("a file");
        kept.write(b"words").expect("it is written");
        let name = kept.sync().expect("it is written").to_owned();
        kept.keep();
        assert_eq!(
            io::read_to_string(spool.file(&name).expect("it is there")).expect("x"),
            "words"
        );
        let now = SystemTime::now();
        let later = now + 2 * MAKING;
        spool.sweep(&HashSet::from([name.clone()]), later).expect("it is swept");
        assert!(spool.file(&name).is_ok());
        spool.sweep(&HashSet::new(), now).expect("it is swept");
        assert!(spool.file(&name).is_ok(), "somebody may be writing it");
        spool.sweep(&HashSet::new(), later).expect("it is swept");
        assert!(spool.file(&name).is_err());
        assert_eq!(
            Spool::open(&folder.path().join("spool")).expect("it opens").name(),
            spool.name()
        );
        for outside in ["../spool/name", "/etc/passwd", "name", ""] {
            assert!(spool.file(outside).is_err(), "{outside}");
        }
    }
}
