//! A program that runs while a test does, and what it has said so far.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// A running program; it ends with this value.
pub(crate) struct Daemon {
    /// The program's name, for messages.
    name: String,
    /// The process.
    child: Child,
    /// What it says, line by line, on either stream.
    lines: Receiver<String>,
    /// What was read of that already, for the message of a failing test.
    seen: Vec<String>,
}

impl Daemon {
    /// Starts a program that stays in the foreground.
    pub(crate) fn start(command: &mut Command) -> Daemon {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {name}: {error}; `./test` installs it"));
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().expect("it is piped"), sender.clone());
        forward(child.stderr.take().expect("it is piped"), sender);
        Daemon { name, child, lines, seen: Vec::new() }
    }

    /// Waits until the program has said a line with this text, and returns the first such line.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline - Instant::now()) {
            self.seen.push(line);
            let line = self.seen.last().expect("it was just pushed");
            if line.contains(text) {
                return line.clone();
            }
        }
        panic!("{} never said `{text}`, but:\n{}", self.name, self.seen.join("\n"));
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "{signal}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            self.seen.extend(self.lines.try_iter());
            println!("--- {}\n{}", self.name, self.seen.join("\n"));
        }
    }
}

/// Waits until there is something, by looking again and again: other programs do not say when.
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: it never came");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends each line of a stream until it ends or nobody listens.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
}

/// How long a program may take for what it always does: long enough for a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);
