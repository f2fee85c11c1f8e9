//! Programs that take rbldnsd's arguments, run, told and watched from outside.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::deadline;
use crate::program::{Process, Program};

/// What a program did that ended.
pub(crate) struct Ran {
    /// Its exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
    /// What it said: standard output, then standard error.
    pub(crate) output: String,
}

impl Program {
    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program's file can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let output_text = text(&output.stdout) + &text(&output.stderr);
        Ran { code: output.status.code(), output: output_text }
    }
}

/// A server in the foreground and a socket to ask it; it ends with the value.
pub(crate) struct Running {
    process: Process,
    port: u16,
    socket: UdpSocket,
    /// Whether it is rbldnsd, which may sleep over signals.
    sleeps: bool,
}

impl Running {
    /// Starts a server on a free port and waits until it says that it is ready.
    pub(crate) fn start(program: &Program, arguments: &[&str]) -> Running {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (process, on) = Process::start(program, &[loopback], arguments);
        let socket = UdpSocket::bind((loopback, 0)).expect("loopback can be bound");
        Running { process, port: on[0].port(), socket, sleeps: program.first.is_empty() }
    }

    /// Asks one query and returns the reply.
    pub(crate) fn ask(&self, name: &str, rtype: u16) -> Vec<u8> {
        ask(&self.socket, self.port, name, rtype)
    }

    /// Asks any question and returns the reply.
    pub(crate) fn ask_anything(&self, labels: &[&[u8]], question: Question) -> Vec<u8> {
        ask_anything(&self.socket, self.port, labels, question)
    }

    /// Returns what it said so far.
    pub(crate) fn said(&self) -> String {
        self.process.said.lock().expect("no reader panics").clone()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.process.child.id().to_string(), name);
    }

    /// Sends it a signal and waits until something is the case that follows from it, or fails.
    ///
    /// rbldnsd looks for signals before it waits for datagrams: one that comes in between is seen
    /// with the next datagram only. So it gets datagrams, empty ones, which it neither counts nor logs.
    pub(crate) fn signal_until(&self, name: &str, mut holds: impl FnMut() -> bool) {
        self.signal(name);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
        until(|| {
            if self.sleeps {
                // Who has ended takes none, and that may be what is waited for.
                let _ = socket.send_to(&[], ("127.0.0.1", self.port));
            }
            holds()
        });
    }

    /// Asks it to end and returns its exit code and all it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let pid = self.process.child.id();
        // Ended and not waited for: the number stays its own.
        self.signal_until("TERM", || has_ended(pid));
        let status = self.process.child.wait().expect("a child can be waited for");
        for reader in self.process.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        (status.code(), self.said())
    }
}

/// A server in the background, by its process number; it ends with the value.
pub(crate) struct Daemon(pub(crate) String);

impl Drop for Daemon {
    fn drop(&mut self) {
        signal(&self.0, "TERM");
    }
}

/// Asks one query and returns the reply; asks again if none comes.
pub(crate) fn ask(socket: &UdpSocket, port: u16, name: &str, rtype: u16) -> Vec<u8> {
    let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
    ask_anything(socket, port, &labels, Question { rtype, class: 1, opcode: 0 })
}

/// What is asked about a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// The type.
    pub(crate) rtype: u16,
    /// The class.
    pub(crate) class: u16,
    /// The operation.
    pub(crate) opcode: u8,
}

/// Asks any question about any labels until it is answered.
pub(crate) fn ask_anything(
    socket: &UdpSocket,
    port: u16,
    labels: &[&[u8]],
    question: Question,
) -> Vec<u8> {
    let mut query = vec![7, 7, question.opcode << 3, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels {
        query.push(label.len() as u8);
        query.extend_from_slice(label);
    }
    query.push(0);
    query.extend(question.rtype.to_be_bytes());
    query.extend(question.class.to_be_bytes());
    // Long: a query that is only slow would be in the log twice.
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out over 0 is taken");
    let mut reply = [0; 2048];
    for _ in 0..2 {
        socket.send_to(&query, ("127.0.0.1", port)).expect("loopback takes datagrams");
        if let Ok(length) = socket.recv(&mut reply) {
            return reply[..length].to_vec();
        }
    }
    panic!("no answer to {question:?} about {labels:?}");
}

/// Waits until something is the case, or fails.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let deadline = deadline();
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a child of ours has ended, by the state of the process that Linux tells (`proc_pid_stat(5)`).
fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// Returns a folder that any user can read and write.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), mode).expect("the test's own folder");
    folder
}

/// Sends a signal to a process.
fn signal(pid: &str, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), pid]).status();
    assert!(status.expect("kill is there").success(), "no process {pid}");
}
