//! What the server says, and to whom: the terminal that started it, syslog, or both.
//!
//! While it starts, a daemon speaks to its terminal and to syslog; afterwards to syslog alone. In the
//! foreground it speaks to the terminal. Messages begin with the program's name on a terminal, and
//! with name and process number in syslog.

use std::fmt;
use std::io::Write;
use std::os::unix::net::UnixDatagram;

use super::PROGRAM;
use super::facility::Facility;

/// Who hears what.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Whether news go to standard output.
    news: bool,
    /// Whether complaints go to standard error.
    complaints: bool,
    /// Where all goes besides.
    syslog: Option<Syslog>,
}

impl Talk {
    /// Speaks to the terminal: all of it, or complaints only.
    pub(super) fn to_terminal(news: bool) -> Talk {
        Talk { news, complaints: true, syslog: None }
    }

    /// Speaks to syslog too. The socket is opened now, as a new root folder may hide it.
    pub(super) fn and_syslog(mut self, facility: Facility) -> Talk {
        self.syslog = Syslog::open(facility);
        self
    }

    /// Speaks to syslog only.
    pub(super) fn leave_terminal(&mut self) {
        self.news = false;
        self.complaints = false;
    }

    /// Tells what went well.
    pub(super) fn info(&self, message: impl fmt::Display) {
        if self.news {
            // A reader that has gone is no reason to stop serving.
            let _ = writeln!(std::io::stdout(), "{PROGRAM}: {message}");
        }
        self.log(6, &message);
    }

    /// Tells what went wrong but is no obstacle.
    pub(super) fn warning(&self, message: impl fmt::Display) {
        self.complain(4, &message);
    }

    /// Tells what failed.
    pub(super) fn error(&self, message: impl fmt::Display) {
        self.complain(3, &message);
    }

    fn complain(&self, severity: u8, message: &dyn fmt::Display) {
        if self.complaints {
            let _ = writeln!(std::io::stderr(), "{PROGRAM}: {message}");
        }
        self.log(severity, message);
    }

    fn log(&self, severity: u8, message: &dyn fmt::Display) {
        if let Some(syslog) = &self.syslog {
            syslog.send(severity, message);
        }
    }
}

/// A socket to the system's log.
#[derive(Debug)]
struct Syslog {
    socket: UnixDatagram,
    facility: Facility,
}

impl Syslog {
    /// Connects to the log; a machine without one hears nothing, as with any other program.
    fn open(facility: Facility) -> Option<Syslog> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(SYSLOG).ok()?;
        Some(Syslog { socket, facility })
    }

    /// Sends one message.
    fn send(&self, severity: u8, message: &dyn fmt::Display) {
        let priority = self.facility.priority(severity);
        let text = format!("<{priority}>{PROGRAM}[{}]: {message}", std::process::id());
        if self.socket.send(text.as_bytes()).is_err() {
            // The log was started again: its socket is another one. Behind a new root folder there
            // is none, and nobody to tell.
            let again = self.socket.connect(SYSLOG);
            let _ = again.and_then(|()| self.socket.send(text.as_bytes()));
        }
    }
}

/// Where syslog and the journal listen.
const SYSLOG: &str = "/dev/log";
