//! Tells systemd that the server is ready, reloads or stops (sd_notify(3)).
//!
//! The protocol is a datagram of `NAME=value` lines to a socket named in the environment. Without
//! that variable nobody is there to tell.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::time::{ClockId, clock_gettime};

/// Whom to tell.
#[derive(Debug)]
pub(crate) struct Notify(Option<(UnixDatagram, SocketAddr)>);

impl Notify {
    /// Finds the socket that the environment names.
    pub(crate) fn from_environment() -> Notify {
        Notify(Notify::find())
    }

    /// Answers are given now; the text is shown by `systemctl status`.
    pub(crate) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Lists are read again; [`Notify::ready`] follows.
    pub(crate) fn reloading(&self) {
        // systemd matches the two by this clock.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
        let micros = now.map_or(0, |t| t.tv_sec() * 1_000_000 + t.tv_nsec() / 1_000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The server is about to end.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Opens a socket to whoever listens.
    fn find() -> Option<(UnixDatagram, SocketAddr)> {
        let path = std::env::var_os("NOTIFY_SOCKET")?;
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&path),
        };
        Some((UnixDatagram::unbound().ok()?, address.ok()?))
    }

    /// Sends a message. If it is lost systemd finds out by its own time-out, and says so.
    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.0
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::warn!("cannot notify systemd: {error}");
        }
    }
}
