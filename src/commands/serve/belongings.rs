//! What the server writes: made while it may still be root, and given to the user it becomes.
//!
//! A fresh machine has no data folder, and the user that serves may make none below /var/lib. So what is
//! missing is made first and given away; what is there already belongs to somebody, and is never given
//! to somebody else. Where that leaves the user without a place to write, the start ends with the
//! command that makes one.
//!
//! Nothing here follows a link that it did not find: a folder or file is made where there was none, and
//! given away by its descriptor.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::bail;
use nix::unistd::{AccessFlags, access};
use repute_nameserver::query_log::{Destination, Queries};

use crate::config::{Config, Opened};
use crate::privilege::Account;

/// What a server by some configuration has to write.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Belongings {
    /// The data folder and those in it: nobody but the server writes there.
    data: Vec<PathBuf>,
    /// The folder of the control socket, if it is another and the server makes that.
    control: Option<PathBuf>,
    /// The file of the query log, if there is one.
    log: Option<PathBuf>,
}

impl Belongings {
    /// What the configuration says of it.
    pub(in crate::commands) fn of(config: &Config, opened: Opened) -> Belongings {
        let data_dir = &config.process.data_dir;
        let data = [data_dir.clone(), data_dir.join("feeds"), data_dir.join("zones")];
        let control = config.process.control.parent().filter(|_| !opened.control);
        let log = &config.server.query_log;
        Belongings {
            control: control.map(here).filter(|folder| folder != data_dir),
            log: match (log.queries, &log.destination) {
                (Queries::Off, _) | (_, Destination::Stdout | Destination::Syslog(_)) => None,
                (_, Destination::File(path)) => Some(path.clone()),
            },
            data: data.into(),
        }
    }

    /// What a monitor has to write: its state.
    pub(in crate::commands) fn of_monitor(state: &Path) -> Belongings {
        let data = state.parent().map(here).into_iter().collect();
        Belongings { data, control: None, log: None }
    }

    /// The query log, if a server that started now could not make it where it should be.
    ///
    /// A folder that is missing is made by a server that has a user to become, as
    /// [`Belongings::prepare`] says, and by nobody for one that stays who it is.
    pub(in crate::commands) fn misplaced_log(&self, becomes: Option<&Account>) -> Option<&Path> {
        let log = self.log.as_deref()?;
        let folder = here(log.parent()?);
        let has_place = match becomes {
            Some(_) => found(&folder).is_none_or(|found| found.is_dir()),
            None => folder.is_dir(),
        };
        (log.is_dir() || !has_place).then_some(log)
    }

    /// Makes what is missing and gives it to whom the server becomes.
    ///
    /// What cannot be made or given is no failure yet: see [`Belongings::check`].
    pub(in crate::commands) fn prepare(&self, account: &Account) {
        for folder in self.data.iter().chain(&self.control) {
            make_folder(folder, account);
        }
        if let Some(log) = &self.log {
            if let Some(folder) = log.parent() {
                make_folder(&here(folder), account);
            }
            let options = OpenOptions::new().append(true).create_new(true).mode(LOG_MODE).open(log);
            give(options, log, account);
        }
    }

    /// Makes sure that whom the process is now may write all of it.
    ///
    /// # Errors
    /// If not: which user may not write what, and the command that changes it.
    pub(in crate::commands) fn check(&self, account: &Account) -> anyhow::Result<()> {
        let Account { user, group, .. } = account;
        let install = |folders: &[&Path]| {
            let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
            format!("install -d -o {user} -g {group} {}", folders.join(" "))
        };
        if let Some(closed) = self.data.first().and_then(|folder| closed_above(folder)) {
            let closed = closed.display();
            bail!(
                "user `{user}` cannot reach the data folder through {closed}: as root run \
                 `chmod o+x {closed}`, or set another `data-dir`"
            );
        }
        // What is missing in the data folder is made there by whoever may write it.
        let there = self.data.iter().enumerate().filter(|(at, folder)| *at == 0 || folder.exists());
        let refused: Vec<&Path> =
            there.map(|(_, folder)| folder.as_path()).filter(|folder| refuses(folder)).collect();
        if let Some(first) = refused.first() {
            let (first, remedy) = (first.display(), install(&refused));
            bail!("user `{user}` cannot write the data folder {first}: as root run `{remedy}`");
        }
        if let Some(folder) = self.control.as_deref().filter(|folder| refuses(folder)) {
            let own = own_folder(folder);
            bail!(
                "user `{user}` cannot make the control socket in {}: as root run `{}` and set \
                 `control = \"{}\"`, or leave `control` empty",
                folder.display(),
                install(&[&own]),
                own.join("control").display()
            );
        }
        let Some(log) = &self.log else { return Ok(()) };
        if log.exists() {
            if access(log, AccessFlags::W_OK).is_err() {
                let log = log.display();
                bail!(
                    "user `{user}` cannot write the query log {log}: as root run `chown {account} {log}`"
                );
            }
        } else if let Some(folder) = log.parent().map(here).filter(|folder| refuses(folder)) {
            let own = own_folder(&folder);
            bail!(
                "user `{user}` cannot make the query log in {}: as root run `{}` and set \
                 `destination = \"{}\"`",
                folder.display(),
                install(&[&own]),
                own.join(log.file_name().unwrap_or_default()).display()
            );
        }
        Ok(())
    }
}

/// Makes a folder with all above it, and gives away what it made.
fn make_folder(folder: &Path, account: &Account) {
    if folder.exists() {
        return;
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above, account);
    }
    let made = DirBuilder::new().mode(FOLDER_MODE).create(folder);
    give(made.and_then(|()| open_folder(folder)), folder, account);
}

/// Opens a folder that was made just now, and nothing else that came into its place.
fn open_folder(folder: &Path) -> io::Result<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags).open(folder)
}

/// Gives away what was made, if it was.
fn give(made: io::Result<File>, path: &Path, account: &Account) {
    let given =
        made.and_then(|made| fchown(&made, Some(account.uid.as_raw()), Some(account.gid.as_raw())));
    if let Err(error) = given {
        tracing::debug!("{} was not made for {account}: {error}", path.display());
    }
}

/// Whether a folder, or what is there of the way to it, refuses us. What fails for another reason is told
/// where it fails.
fn refuses(folder: &Path) -> bool {
    let write = AccessFlags::W_OK | AccessFlags::X_OK;
    found(folder).is_some_and(|there| there.is_dir() && access(&there, write).is_err())
}

/// What is there of a folder: itself, or else the nearest above it.
fn found(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(here).find(|folder| folder.exists())
}

/// The folder above that does not let us through, if there is one.
fn closed_above(folder: &Path) -> Option<PathBuf> {
    let above = folder.ancestors().skip(1).map(here);
    let there = above.filter(|above| above.is_dir());
    there.filter(|above| access(above, AccessFlags::X_OK).is_err()).last()
}

/// A folder of the server's own in one that many may use, such as /run.
fn own_folder(folder: &Path) -> PathBuf {
    if folder.ends_with(NAME) { folder.to_owned() } else { folder.join(NAME) }
}

/// A folder by a path that is not empty.
fn here(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
}

/// What folders of the server are called.
const NAME: &str = "repute";
/// The server writes, its group reads.
const FOLDER_MODE: u32 = 0o750;
/// The query log names clients.
const LOG_MODE: u32 = 0o640;
