//! Programs that take rbldnsd's arguments, as child processes: Debian's rbldnsd and the drop-in.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::free::free_port;

/// A program that takes rbldnsd's arguments.
pub(crate) struct Program {
    /// The file to run.
    path: PathBuf,
    /// What comes before rbldnsd's own arguments; nothing but in ours.
    pub(crate) first: &'static [&'static str],
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

    /// Returns the command that runs the program with these arguments.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.first).args(arguments).stdin(Stdio::null());
        command
    }
}

/// A server in the foreground; it ends with the value.
pub(crate) struct Process {
    /// The process.
    pub(crate) child: Child,
    /// What it said so far.
    pub(crate) said: Arc<Mutex<String>>,
    /// Those who gather that.
    pub(crate) readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    /// Starts a server on free ports of loopback, one for each address, and waits until it says that it
    /// is ready. Returns it with where it answers.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Program,
        on: &[IpAddr],
        arguments: &[A],
    ) -> (Process, Vec<SocketAddr>) {
        // A port found free may be taken by another test before the server has it.
        for _ in 0..5 {
            let on: Vec<_> = on.iter().map(|ip| SocketAddr::new(*ip, free_port())).collect();
            match Process::try_start(program, &on, arguments) {
                Ok(process) => return (process, on),
                Err(said) => eprintln!("{said}"),
            }
        }
        panic!("{} does not start", program.path.display());
    }

    /// Starts a server, or returns what it said when it ended instead.
    fn try_start<A: AsRef<OsStr>>(
        program: &Program,
        on: &[SocketAddr],
        arguments: &[A],
    ) -> Result<Process, String> {
        let mut command = program.command(&["-n"]);
        for address in on {
            command.arg("-b").arg(format!("{}/{}", address.ip(), address.port()));
        }
        if is_root() {
            command.args(["-u", "65534:65534"]);
        }
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program's file can be run");
        let said = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = mpsc::channel();
        let readers = vec![
            follow(child.stdout.take().expect("stdout is piped"), &said, sender.clone()),
            follow(child.stderr.take().expect("stderr is piped"), &said, sender),
        ];
        let process = Process { child, said, readers };
        // The channel closes when the server ends without having got ready.
        if lines.iter().any(|line| line.contains(" started (")) {
            return Ok(process);
        }
        let said = process.said.lock().expect("no reader panics").clone();
        Err(said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            // One that panicked has said so.
            let _ = reader.join();
        }
    }
}

/// Whether the test runs as root, which rbldnsd refuses to do.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)) == Some("0")
}

/// Gathers what a child says and passes it on, line by line, until it ends.
fn follow(
    stream: impl Read + Send + 'static,
    said: &Arc<Mutex<String>>,
    sender: mpsc::Sender<String>,
) -> thread::JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            {
                let mut said = said.lock().expect("nobody panics with it");
                said.push_str(&line);
                said.push('\n');
            }
            // Nobody listens once the server is ready; what it says is still taken from it.
            let _ = sender.send(line);
        }
    })
}
