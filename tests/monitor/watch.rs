//! The monitor as a child process, somebody who looks at its pages, and somebody whom it tells.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::dns::until;
use crate::process::Place;

/// A monitor that runs.
pub(crate) struct Watch<'p> {
    place: &'p Place,
    child: Child,
    /// Where its pages are.
    pages: SocketAddr,
}

impl<'p> Watch<'p> {
    /// Starts a monitor and waits until it says that it watches.
    pub(crate) fn start(place: &'p Place, config: &str) -> Watch<'p> {
        Watch::start_by(place, config, place.command(&[]))
    }

    /// Starts it by a command that runs the binary with what is put behind it.
    pub(crate) fn start_by(place: &'p Place, config: &str, mut command: Command) -> Watch<'p> {
        place.write("monitor.toml", config);
        let mut child = command
            .args(["monitor", "--config", "monitor.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let Some((_, address)) = line.trim_end().split_once("shown at http://") else {
            let mut errors = String::new();
            stderr.read_to_string(&mut errors).unwrap();
            panic!("the monitor does not start: {line}{errors}");
        };
        let pages = address.trim_end_matches('/').parse().unwrap();
        let mut log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(place.path("monitor.log"))
            .unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut log));
        Watch { place, child, pages }
    }

    /// Fetches a page: status, head and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.pages).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    /// Waits until the metrics have a line.
    pub(crate) fn measures(&self, line: &str) {
        until(line, || self.get("/metrics").2.lines().any(|found| found == line));
    }

    /// How many rounds of checks there were.
    pub(crate) fn rounds(&self) -> u64 {
        let metrics = self.get("/metrics").2;
        let line = metrics.lines().find_map(|l| l.strip_prefix("repute_monitor_rounds_total "));
        line.unwrap().parse().unwrap()
    }

    /// Waits until everything was checked so often again.
    pub(crate) fn goes_on_for(&self, rounds: u64) {
        let end = self.rounds() + rounds;
        until("more rounds", || self.rounds() >= end);
    }

    /// The status as JSON.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.get("/status.json").2).unwrap()
    }

    /// Waits until something is logged.
    pub(crate) fn logged(&self, what: &str) -> String {
        let log = || std::fs::read_to_string(self.place.path("monitor.log")).unwrap();
        until(what, || log().contains(what));
        log()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success(), "a graceful end is no failure");
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // A test that failed leaves no monitor behind; one that ended cannot be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A web server that takes messages, or does not.
pub(crate) struct Hook {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<Vec<Value>>>,
    is_closed: Arc<AtomicBool>,
}

impl Hook {
    /// Starts it.
    pub(crate) fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Hook {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
            refused: Arc::default(),
            is_closed: Arc::default(),
        };
        let (taken, refused, is_closed) =
            (Arc::clone(&hook.taken), Arc::clone(&hook.refused), Arc::clone(&hook.is_closed));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let message = read(&stream);
                let refuses = is_closed.load(Ordering::SeqCst);
                if refuses { &refused } else { &taken }.lock().unwrap().push(message);
                let status = if refuses { "503 Busy" } else { "204 No Content" };
                let head =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                // Who was killed meanwhile reads nothing.
                let _ = stream.write_all(head.as_bytes());
            }
        });
        hook
    }

    /// The channel that leads here.
    pub(crate) fn channel(&self) -> String {
        format!(
            "[[monitor.channel]]\nname = \"hook\"\n[monitor.channel.webhook]\nurl = \"http://{}/x\"\n",
            self.address
        )
    }

    /// Refuses what comes from now on, or takes it.
    pub(crate) fn close(&self, is_closed: bool) {
        self.is_closed.store(is_closed, Ordering::SeqCst);
    }

    /// What was taken so far.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// What was refused so far.
    pub(crate) fn refused(&self) -> Vec<Value> {
        self.refused.lock().unwrap().clone()
    }

    /// Waits until so many messages were taken, and returns the last of them.
    pub(crate) fn takes(&self, count: usize) -> Value {
        until("a message", || self.taken().len() >= count);
        let taken = self.taken();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken.last().unwrap().clone()
    }
}

/// Reads a request, and its body as JSON.
fn read(stream: &TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}
