//! Sockets that systemd opened for us (`sd_listen_fds(3)`).
//!
//! The binary reads `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` and hands their values over; what
//! each descriptor is, the kernel tells. Given sockets stay open in systemd while we restart, so no
//! query is lost then; that is why nothing here or in the loops may shut one down.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use socket2::{Domain, SockRef, Type};

/// What systemd opened, by use.
#[derive(Debug, Default)]
pub struct Given {
    /// Sockets for DNS over UDP.
    pub udp: Vec<UdpSocket>,
    /// Sockets for DNS over TCP.
    pub tcp: Vec<TcpListener>,
    /// A TCP socket with `FileDescriptorName=http`: metrics and status.
    pub http: Option<TcpListener>,
    /// A unix stream socket: the control socket.
    pub control: Option<UnixListener>,
}

impl Given {
    /// Takes the sockets that the three variables speak of, if they are meant for process `pid`.
    ///
    /// # Errors
    /// If a descriptor is no socket, or of a kind that nothing here serves.
    ///
    /// Call it once and before any other descriptor is opened: it takes ownership by number.
    pub fn from_systemd(
        pid: u32,
        listen_pid: Option<&str>,
        listen_fds: Option<&str>,
        listen_names: Option<&str>,
    ) -> Result<Given, ActivationError> {
        let mut given = Given::default();
        if listen_pid.and_then(|p| p.parse().ok()) != Some(pid) {
            return Ok(given);
        }
        let count: RawFd = listen_fds.and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut names = listen_names.unwrap_or("").split(':');
        for number in FIRST_FD..FIRST_FD.saturating_add(count.clamp(0, MOST_FDS)) {
            let name = names.next().unwrap_or("");
            given.add(take(number)?, name).map_err(|kind| kind.of(number))?;
        }
        Ok(given)
    }

    /// Sorts one socket in by what the kernel says of it.
    fn add(&mut self, fd: OwnedFd, name: &str) -> Result<(), Misfit> {
        let socket = SockRef::from(&fd);
        let kind = socket.r#type().map_err(Misfit::NoSocket)?;
        let domain = socket.domain().map_err(Misfit::NoSocket)?;
        let internet = domain == Domain::IPV4 || domain == Domain::IPV6;
        match (kind, internet) {
            (Type::DGRAM, true) => self.udp.push(fd.into()),
            (Type::STREAM, true) if name == "http" => self.http = Some(fd.into()),
            (Type::STREAM, true) => self.tcp.push(fd.into()),
            (Type::STREAM, false) if domain == Domain::UNIX => self.control = Some(fd.into()),
            _ => return Err(Misfit::Unknown),
        }
        Ok(())
    }
}

/// Takes ownership of an inherited descriptor and keeps it from children.
#[expect(unsafe_code, reason = "inherited descriptors arrive as bare numbers")]
fn take(number: RawFd) -> Result<OwnedFd, ActivationError> {
    // SAFETY: F_SETFD has no memory effects; on a number that is not open it fails with EBADF.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(ActivationError::NoSocket { number, source: io::Error::last_os_error() });
    }
    // SAFETY: the call above proves that it is open; by the protocol of sd_listen_fds it is ours, and
    // `from_systemd` is called once, so nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Why a given descriptor is of no use, before its number is known.
enum Misfit {
    /// The kernel does not know it as a socket.
    NoSocket(io::Error),
    /// A socket nothing here serves.
    Unknown,
}

impl Misfit {
    /// Names the descriptor.
    fn of(self, number: RawFd) -> ActivationError {
        match self {
            Misfit::NoSocket(source) => ActivationError::NoSocket { number, source },
            Misfit::Unknown => ActivationError::Unknown { number },
        }
    }
}

/// Why sockets given by systemd cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// Not open, or no socket.
    #[error("descriptor {number} from systemd is not a socket: check the .socket unit")]
    NoSocket {
        /// Its number.
        number: RawFd,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket of a kind that we do not serve.
    #[error(
        "descriptor {number} from systemd is of no use here: \
         ListenDatagram= and ListenStream= with addresses or a unix path are"
    )]
    Unknown {
        /// Its number.
        number: RawFd,
    },
}

/// `SD_LISTEN_FDS_START`.
const FIRST_FD: RawFd = 3;
/// More descriptors than anybody means to give.
const MOST_FDS: RawFd = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_another_process_are_ignored() {
        let given = Given::from_systemd(10, Some("11"), Some("3"), None).unwrap();
        assert!(given.udp.is_empty() && given.tcp.is_empty());
        let given = Given::from_systemd(10, None, None, None).unwrap();
        assert!(given.http.is_none() && given.control.is_none());
    }

    #[test]
    fn sockets_are_told_apart_by_kind_and_name() {
        let mut given = Given::default();
        let stream = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let datagram = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        assert!(given.add(stream(), "dns").is_ok());
        assert!(given.add(stream(), "http").is_ok());
        assert!(given.add(datagram, "").is_ok());
        assert_eq!((given.udp.len(), given.tcp.len(), given.http.is_some()), (1, 1, true));
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert!(matches!(given.add(file, ""), Err(Misfit::NoSocket(_))));
    }
}
