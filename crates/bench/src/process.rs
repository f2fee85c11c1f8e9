//! A server as a process: started on its CPUs, awaited, measured from outside, stopped.
//!
//! What is measured comes from `/proc`: run time in nanoseconds of all threads and children
//! (`schedstat`; it includes the kernel's work in their context) and proportional memory
//! (`smaps_rollup`), so that servers are all measured alike and need not co-operate.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::blast::loopback;
use crate::kernel::{self, Signal};

/// How a process competes for its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheduling {
    /// Before all ordinary work, where the user may.
    RealTime,
    /// As any other.
    Normal,
}

/// A running server; it ends with this value.
pub(crate) struct Server {
    /// The process.
    child: Child,
    /// Where it listens on loopback.
    pub(crate) port: u16,
    /// From its start to its first right answer.
    pub(crate) ready_after: Duration,
    /// The CPU time that took.
    pub(crate) ready_cpu: Duration,
}

impl Server {
    /// Starts a server and waits until it answers a query for a listed target.
    ///
    /// # Errors
    /// If it cannot be started, ends at once, or does not answer within 90 s.
    pub(crate) fn start(
        command: Command,
        port: u16,
        cpus: &[usize],
        scheduling: Scheduling,
        probe: &[u8],
        log: &Path,
    ) -> anyhow::Result<Server> {
        Server::start_at(command, loopback(port), cpus, scheduling, (probe, PATIENCE), log)
    }

    /// The same at another address than 127.0.0.1, with so much patience for one answer.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_at(
        mut command: Command,
        address: SocketAddr,
        cpus: &[usize],
        scheduling: Scheduling,
        (probe, patience): (&[u8], Duration),
        log: &Path,
    ) -> anyhow::Result<Server> {
        let output = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let name = command.get_program().to_string_lossy().into_owned();
        let begin = Instant::now();
        // Mask and policy pass from a thread to the processes it starts: no code runs between fork and exec.
        let child = std::thread::scope(|scope| {
            let spawn = || {
                restrict(cpus, scheduling)?;
                command.spawn().with_context(|| format!("cannot start {name}"))
            };
            scope.spawn(spawn).join().expect("starting a process does not panic")
        })?;
        let mut server = Server {
            child,
            port: address.port(),
            ready_after: Duration::ZERO,
            ready_cpu: Duration::ZERO,
        };
        let socket = UdpSocket::bind(loopback(0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(patience))?;
        while !answers(&socket, probe) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status}: {}", tail(log));
            }
            if begin.elapsed() > START_LIMIT {
                bail!("{name} did not answer within 90 s: {}", tail(log));
            }
        }
        server.ready_after = begin.elapsed();
        server.ready_cpu = server.cpu();
        Ok(server)
    }

    /// The process identifier.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of the server so far, all threads, children too.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(family(self.id()).iter().map(|process| run_time(*process)).sum())
    }

    /// Proportional memory of the server and its children, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let kib: u64 = family(self.id()).iter().filter_map(|process| pss(*process)).sum();
        kib as f64 / 1024.0
    }

    /// Makes the server read its lists again.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) fn reload(&self) -> std::io::Result<()> {
        kernel::signal(self.id(), Signal::Reload)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is gone already needs no signal.
        let _gone = kernel::signal(self.id(), Signal::Terminate);
        let begin = Instant::now();
        while begin.elapsed() < STOP_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Pins the calling thread and sets its policy; a user who may not set it measures without.
///
/// # Errors
/// If a CPU does not exist.
pub(crate) fn restrict(cpus: &[usize], scheduling: Scheduling) -> anyhow::Result<()> {
    kernel::pin(cpus).with_context(|| format!("cannot run on CPU {cpus:?}"))?;
    if scheduling == Scheduling::RealTime {
        // Without the right to it, figures are noisier; `machine` says so in the report.
        let _not_permitted = kernel::real_time();
    }
    Ok(())
}

/// Finds a program in `PATH`, and where Debian puts servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// This very program: what the kernel runs, even if a build has replaced the file meanwhile.
pub(crate) fn myself() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// Asks once; whether the answer has records.
pub(crate) fn answers(socket: &UdpSocket, probe: &[u8]) -> bool {
    if socket.send(probe).is_err() {
        // The port is closed still: nothing sleeps in `recv`, so this must not spin.
        std::thread::sleep(Duration::from_micros(500));
        return false;
    }
    let mut reply = [0; 1500];
    match socket.recv(&mut reply) {
        Ok(len) if len >= 12 => reply[3] & 15 == 0 && reply[7] > 0,
        _ => {
            std::thread::sleep(Duration::from_micros(500));
            false
        }
    }
}

/// A process and all below it.
fn family(process: u32) -> Vec<u32> {
    let mut members = Vec::new();
    let mut todo = vec![process];
    while let Some(process) = todo.pop() {
        members.push(process);
        for thread in threads(process) {
            let children = fs::read_to_string(thread.join("children")).unwrap_or_default();
            todo.extend(children.split_ascii_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    members
}

/// The folders of a process' threads; none if it is gone.
fn threads(process: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// The run time of a process in nanoseconds.
fn run_time(process: u32) -> u64 {
    threads(process)
        .iter()
        .filter_map(|thread| fs::read_to_string(thread.join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// The proportional memory of a process in KiB.
fn pss(process: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The end of a log file, for a message.
fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = bytes.len().saturating_sub(600);
    String::from_utf8_lossy(&bytes[start..]).trim().to_owned()
}

/// How long a server may take to load: general name servers take seconds for a million names.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long one answer is waited for before the next query.
const PATIENCE: Duration = Duration::from_millis(2);
/// How long a server may take to end in good order.
const STOP_LIMIT: Duration = Duration::from_secs(20);
