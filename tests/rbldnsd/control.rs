//! Programs that take rbldnsd's arguments, run and watched from outside.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::deadline;

/// A program that takes rbldnsd's arguments.
pub(crate) struct Program {
    path: PathBuf,
    first: &'static [&'static str],
}

/// What a program did that ended.
pub(crate) struct Ran {
    /// Its exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
    /// What it said: standard output, then standard error.
    pub(crate) output: String,
}

impl Program {
    /// Returns Debian's rbldnsd, or nothing if `./test --no-peers` asked to do without.
    pub(crate) fn peer() -> Option<Program> {
        if std::env::var_os("REPUTE_NO_PEERS").is_some() {
            eprintln!("skipped: REPUTE_NO_PEERS is set");
            return None;
        }
        let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
        let path = folders.map(|folder| Path::new(folder).join("rbldnsd"));
        let path = path.into_iter().find(|path| path.exists());
        let path = path.expect("rbldnsd is missing: install Debian's package rbldnsd");
        Some(Program { path, first: &[] })
    }

    /// Returns this project's drop-in.
    pub(crate) fn ours() -> Program {
        Program { path: env!("CARGO_BIN_EXE_repute").into(), first: &["rbldnsd"] }
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program's file can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let output_text = text(&output.stdout) + &text(&output.stderr);
        Ran { code: output.status.code(), output: output_text }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.first).args(arguments).stdin(Stdio::null());
        command
    }
}

/// A server in the foreground; it ends with the value.
pub(crate) struct Running {
    child: Child,
    port: u16,
    socket: UdpSocket,
    said: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts a server on a free port and waits until it says that it is ready.
    pub(crate) fn start(program: &Program, arguments: &[&str]) -> Running {
        let port = free_port();
        let listen = format!("127.0.0.1/{port}");
        let mut all = vec!["-n", "-b", &listen];
        if is_root() {
            all.extend(["-u", "65534:65534"]);
        }
        all.extend(arguments);
        let mut command = program.command(&all);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program's file can be run");
        let said = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            follow(child.stdout.take().expect("stdout is piped"), &said),
            follow(child.stderr.take().expect("stderr is piped"), &said),
        ];
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
        let server = Running { child, port, socket, said, readers };
        until(|| server.said().contains(" started ("));
        server
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
        self.said.lock().expect("no reader panics").clone()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child.id().to_string(), name);
    }

    /// Asks it to end and returns its exit code and all it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let status = self.child.wait().expect("a child can be waited for");
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        (status.code(), self.said())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a time-out over 0 is taken");
    let mut reply = [0; 2048];
    for _ in 0..5 {
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
        thread::yield_now();
    }
}

/// Returns a folder that any user can read and write.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), mode).expect("the test's own folder");
    folder
}

/// Returns a port that is free for UDP and TCP.
///
/// It lies below the range from which the kernel gives clients theirs: one of those could take it
/// between this look and the server's start.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    (0..PORTS.len())
        .map(|_| PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len() as u16)
        .find(|port| {
            let address = ("127.0.0.1", *port);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
        .expect("one of ten thousand ports is free")
}

/// Where servers under test listen.
const PORTS: Range<u16> = 10_000..20_000;

/// Whether the test runs as root, which rbldnsd refuses to do.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)) == Some("0")
}

/// Sends a signal to a process.
fn signal(pid: &str, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), pid]).status();
    assert!(status.expect("kill is there").success(), "no process {pid}");
}

/// Gathers what a child says.
fn follow(stream: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().expect("no reader panics");
            said.push_str(&line);
            said.push('\n');
        }
    })
}
