//! Where the lines of the query log go.
//!
//! An error is told once and not again before lines pass; meanwhile lines are lost. Nothing here can
//! stop the server.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::Destination;

/// An open destination.
#[derive(Debug)]
pub(super) struct Sink {
    /// What it is.
    kind: Kind,
    /// Whether the last attempt failed.
    failing: bool,
}

/// The kinds of destination.
#[derive(Debug)]
enum Kind {
    /// Standard output.
    Stdout,
    /// A file, and its path for opening it again.
    File(PathBuf, File),
    /// A datagram for each line, to the socket at a path.
    Syslog(PathBuf, UnixDatagram),
}

impl Sink {
    /// Opens a destination.
    pub(super) fn open(destination: &Destination) -> io::Result<Sink> {
        let kind = match destination {
            Destination::Stdout => Kind::Stdout,
            Destination::File(path) => Kind::File(path.clone(), append_to(path)?),
            Destination::Syslog(path) => {
                let socket = UnixDatagram::unbound()?;
                // Syslog may start after us: a line connects again when it must.
                let _ = socket.connect(path);
                Kind::Syslog(path.clone(), socket)
            }
        };
        Ok(Sink { kind, failing: false })
    }

    /// Takes the line in `text` where each is a message of its own; elsewhere lines gather.
    pub(super) fn line(&mut self, text: &mut Vec<u8>) {
        if matches!(self.kind, Kind::Syslog(..)) || text.len() >= GATHERED_BYTES {
            self.flush(text);
        }
    }

    /// Writes what has gathered and empties it.
    pub(super) fn flush(&mut self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let result = match &mut self.kind {
            Kind::Stdout => io::stdout().lock().write_all(text),
            Kind::File(_, file) => file.write_all(text),
            Kind::Syslog(path, socket) => send(path, socket, text),
        };
        match result {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!("query log cannot be written, lines are lost: {error}");
            }
            Err(_) => {}
        }
        text.clear();
    }

    /// Opens a file again under its path; keeps the old one if that fails.
    pub(super) fn reopen(&mut self) {
        let Kind::File(path, file) = &mut self.kind else { return };
        match append_to(path) {
            Ok(new) => *file = new,
            Err(error) => {
                let path = path.display();
                tracing::error!(
                    "query log {path} cannot be opened again, keeping the old one: {error}"
                );
            }
        }
    }
}

/// Opens a file for appending, readable by its owner and group only: it names clients.
fn append_to(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Sends one line to syslog in the form of local messages: priority, tag, text.
fn send(path: &Path, socket: &UnixDatagram, line: &[u8]) -> io::Result<()> {
    let tag = format!("<{SYSLOG_PRIORITY}>repute[{}]: ", std::process::id());
    let message = [tag.as_bytes(), line.trim_ascii_end()].concat();
    // A daemon that was started again has a new socket.
    socket.send(&message).or_else(|_| {
        socket.connect(path)?;
        socket.send(&message)
    })?;
    Ok(())
}

/// Facility daemon (3), severity info (6).
const SYSLOG_PRIORITY: u8 = 3 << 3 | 6;
/// Bytes of lines that are written at once.
const GATHERED_BYTES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut sink = Sink::open(&Destination::File(path.clone())).unwrap();
        sink.flush(&mut b"one\n".to_vec());
        std::fs::rename(&path, &old).unwrap();
        sink.reopen();
        sink.flush(&mut b"two\n".to_vec());
        assert_eq!(std::fs::read(old).unwrap(), b"one\n");
        assert_eq!(std::fs::read(path).unwrap(), b"two\n");
    }

    #[test]
    fn syslog_gets_one_message_a_line_also_after_it_was_restarted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.socket");
        let mut daemon = UnixDatagram::bind(&path).unwrap();
        let mut sink = Sink::open(&Destination::Syslog(path.clone())).unwrap();
        for line in ["one\n", "two\n"] {
            sink.line(&mut line.as_bytes().to_vec());
            let mut message = [0; 99];
            let n = daemon.recv(&mut message).unwrap();
            let expect = format!("<30>repute[{}]: {}", std::process::id(), line.trim_end());
            assert_eq!(&message[..n], expect.as_bytes());
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
            daemon = UnixDatagram::bind(&path).unwrap();
        }
    }
}
