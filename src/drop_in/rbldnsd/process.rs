//! Becoming a daemon: into the background, another user, another root folder.
//!
//! All of this happens while the process has one thread, and in the order in which rbldnsd does it:
//! fork, bind, write the process number, change root, give up rights, and only then read data.

#![expect(unsafe_code, reason = "a fork and the standard descriptors have no safe face")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::{Gid, Group, Uid, User, getuid, setgid, setgroups, setuid};

use super::talk::Talk;

/// Which process this is after a fork.
pub(super) enum Side {
    /// The first one, which ends with this code once the daemon works or has failed.
    Parent(ExitCode),
    /// The daemon.
    Daemon(Background),
}

/// A daemon that is still tied to the terminal.
#[derive(Debug)]
pub(super) struct Background {
    /// Hangs up on the parent; a byte before says that all is well.
    parent: io::PipeWriter,
}

/// Leaves the foreground: the caller's process ends when the daemon is ready or failed.
///
/// # Errors
/// If the system has no room for another process or pipe.
pub(super) fn fork() -> io::Result<Side> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: the process has one thread so far, so the child may do all that the parent might.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Daemon(Background { parent: writer })),
        _ => {
            drop(writer);
            let ready = reader.read_exact(&mut [0]).is_ok();
            Ok(Side::Parent(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
        }
    }
}

impl Background {
    /// Tells the parent that the daemon works, and leaves the terminal.
    ///
    /// `keep_output` leaves standard output where it is: the query log goes there.
    pub(super) fn ready(mut self, talk: &mut Talk, keep_output: bool) {
        // The parent may have been killed; the daemon serves nevertheless.
        let _ = self.parent.write_all(&[0]);
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            for fd in [0, 1, 2].into_iter().filter(|fd| *fd != 1 || !keep_output) {
                replace(fd, &null);
            }
        }
        // SAFETY: setsid takes nothing; it fails only for the leader of a group, as no child is.
        unsafe { libc::setsid() };
        talk.leave_terminal();
    }
}

/// Lets one of the standard descriptors mean another file.
fn replace(fd: RawFd, file: &File) {
    // SAFETY: `file` is open, and nothing owns descriptors 0 to 2, which std only borrows.
    unsafe { libc::dup2(file.as_raw_fd(), fd) };
}

/// Who a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Who it is already.
    Same,
    /// Somebody else.
    Other(Uid, Gid),
}

impl Identity {
    /// Finds out who `-u user[:group]` is: by name or by number, `rbldns` if root says nothing.
    ///
    /// # Errors
    /// The message for the user, as rbldnsd words it; to run as root is one.
    pub(super) fn find(option: Option<&str>) -> Result<Identity, String> {
        let Some(option) = option.or(getuid().is_root().then_some(USER)) else {
            return Ok(Identity::Same);
        };
        let (user, group) = match option.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (option, None),
        };
        let (uid, mut gid) = match user.parse() {
            Ok(number) => (Uid::from_raw(number), Gid::from_raw(number)),
            Err(_) => {
                let entry = User::from_name(user).ok().flatten();
                let entry = entry.ok_or(format!("unknown user `{user}'"))?;
                (entry.uid, entry.gid)
            }
        };
        if uid.is_root() {
            return Err("daemon should not run as root, specify -u option".to_owned());
        }
        if let Some(group) = group {
            gid = match group.parse() {
                Ok(number) => Gid::from_raw(number),
                Err(_) => {
                    let entry = Group::from_name(group).ok().flatten();
                    entry.ok_or(format!("unknown group `{group}'"))?.gid
                }
            };
        }
        Ok(Identity::Other(uid, gid))
    }

    /// Becomes that user, for good.
    ///
    /// # Errors
    /// The message for the user.
    pub(super) fn assume(self) -> Result<(), String> {
        let Identity::Other(uid, gid) = self else { return Ok(()) };
        // The groups first: without root they can no longer be changed.
        setgroups(&[gid])
            .and_then(|()| setgid(gid))
            .and_then(|()| setuid(uid))
            .map_err(|why| format!("unable to setuid({uid}:{gid}): {}", why.desc()))
    }
}

/// Writes the number of this process into a file.
///
/// # Errors
/// The message for the user.
pub(super) fn write_pid(path: &Path) -> Result<(), String> {
    let text = format!("{}\n", std::process::id());
    std::fs::write(path, text).map_err(|why| failed("unable to write pidfile", &why))
}

/// Enters the folders of `-r` and `-w`.
///
/// # Errors
/// The message for the user.
pub(super) fn enter(root: Option<&Path>, work: Option<&Path>) -> Result<(), String> {
    if let Some(root) = root {
        std::env::set_current_dir(root)
            .and_then(|()| std::os::unix::fs::chroot("."))
            .map_err(|why| failed(&format!("unable to chroot to {}", root.display()), &why))?;
    }
    if let Some(work) = work {
        std::env::set_current_dir(work)
            .map_err(|why| failed(&format!("unable to chdir to {}", work.display()), &why))?;
    }
    Ok(())
}

/// Says what failed and why, in the words of the C library.
pub(super) fn failed(what: &str, why: &io::Error) -> String {
    let text = why.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    format!("{what}: {reason}")
}

/// Tells systemd how a service of `Type=notify` is doing, if it started us (sd_notify(3)).
#[derive(Debug)]
pub(super) struct Notify(Option<std::os::unix::net::UnixDatagram>);

impl Notify {
    /// Connects to the socket whose name is in `NOTIFY_SOCKET`; now, as a new root would hide it.
    pub(super) fn open(name: Option<&OsStr>) -> Notify {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::net::{SocketAddr, UnixDatagram};

        let connect = |name: &OsStr| {
            let address = match name.as_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            io::Result::Ok(socket)
        };
        Notify(name.and_then(|name| connect(name).ok()))
    }

    /// Whether systemd listens.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sends a state such as `READY=1`.
    pub(super) fn tell(&self, state: &str) {
        if let Some(socket) = &self.0 {
            // systemd's time-out is its own; there is nothing to do about a lost message.
            let _ = socket.send(state.as_bytes());
        }
    }
}

/// Who root becomes without `-u`.
const USER: &str = "rbldns";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_name_or_number() {
        let find = |option| Identity::find(Some(option));
        let other = |uid, gid| Ok(Identity::Other(Uid::from_raw(uid), Gid::from_raw(gid)));
        assert_eq!(find("7"), other(7, 7));
        assert_eq!(find("7:8"), other(7, 8));
        assert_eq!(find("nobody:8"), other(65_534, 8));
        assert_eq!(find("no-such-user").unwrap_err(), "unknown user `no-such-user'");
        assert_eq!(find("7:no-such-group").unwrap_err(), "unknown group `no-such-group'");
    }

    #[test]
    fn root_is_refused() {
        let why = "daemon should not run as root, specify -u option";
        for root in ["0", "root", "0:8"] {
            assert_eq!(Identity::find(Some(root)).unwrap_err(), why);
        }
    }

    #[test]
    fn systemd_hears_from_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        Notify::open(Some(path.as_os_str())).tell("READY=1");
        let mut message = [0; 16];
        let length = systemd.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"READY=1");
    }
}
