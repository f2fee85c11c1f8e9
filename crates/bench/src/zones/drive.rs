//! Queries and updates at steady rates from one thread that never sleeps, and how long each answer took.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::SCHEDULING;
use super::updates::Updates;
use crate::blast::loopback;
use crate::process::{Server, restrict};
use crate::queries::Queries;
use crate::settings::Settings;

/// What is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Queries a second; 0 for none.
    pub(super) queries: f64,
    /// Updates a second; 0 for none.
    pub(super) updates: f64,
    /// Updates under way, as many a second as are answered; 0 for none.
    pub(super) window: usize,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Microseconds from when each query was due to its answer.
    latencies: Vec<f64>,
    /// The same of updates.
    update_latencies: Vec<f64>,
    /// Queries without an answer.
    pub(super) lost: u64,
    /// Updates that are done.
    pub(super) updated: u64,
    /// Updates that are not.
    pub(super) refused: u64,
    /// How long it took.
    pub(super) took: Duration,
}

impl Seen {
    /// A percentile of answers to queries, in microseconds.
    pub(super) fn latency(&self, part: f64) -> f64 {
        percentile(&self.latencies, part)
    }

    /// A percentile of answers to updates, in microseconds.
    pub(super) fn update_latency(&self, part: f64) -> f64 {
        percentile(&self.update_latencies, part)
    }
}

/// The value below which a part of all is.
fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * part) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Messages of one kind that are on their way, by their numbers.
struct Line {
    socket: UdpSocket,
    /// When the message of a number was due.
    due: Vec<Option<Instant>>,
    /// How many were sent.
    sent: u64,
    /// How many are on their way.
    waiting: usize,
    lost: u64,
}

impl Line {
    /// A line to a server.
    fn new(server: &Server) -> io::Result<Line> {
        let socket = UdpSocket::bind(loopback(0))?;
        socket.connect(loopback(server.port))?;
        socket.set_nonblocking(true)?;
        Ok(Line { socket, due: vec![None; 1 << 16], sent: 0, waiting: 0, lost: 0 })
    }

    /// The number of the next message.
    fn id(&self) -> u16 {
        (self.sent % (1 << 16)) as u16
    }

    /// Sends the next message, which was due at a time.
    fn send(&mut self, message: &[u8], due: Instant) -> io::Result<()> {
        let id = usize::from(self.id());
        if self.due[id].replace(due).is_some() {
            self.lost += 1;
            self.waiting -= 1;
        }
        self.sent += 1;
        self.waiting += 1;
        self.socket.send(message).map(drop)
    }

    /// Takes what has come: microseconds that it took, and the response code.
    fn receive(&mut self) -> io::Result<Option<(f64, u8)>> {
        let mut buffer = [0; 4096];
        let length = match self.socket.recv(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            length => length?,
        };
        let [high, low, _, flags, ..] = buffer[..length.max(4)] else { return Ok(None) };
        let place = &mut self.due[usize::from(u16::from_be_bytes([high, low]))];
        // An answer that comes twice, or after all patience, is none.
        let Some(due) = place.take() else { return Ok(None) };
        self.waiting -= 1;
        Ok(Some((due.elapsed().as_secs_f64() * 1e6, flags & 15)))
    }
}

/// Sends for a while and takes answers for a little longer.
///
/// # Errors
/// If loopback fails.
pub(super) fn drive(
    settings: &Settings,
    server: &Server,
    queries: &mut Queries,
    updates: &mut Updates,
    pace: Pace,
    duration: Duration,
) -> anyhow::Result<Seen> {
    std::thread::scope(|scope| {
        let work = || {
            restrict(&[settings.generator_cpu], SCHEDULING)?;
            Ok(exchange(server, queries, updates, pace, duration)?)
        };
        scope.spawn(work).join().expect("a generator does not panic")
    })
}

/// Sends and receives.
fn exchange(
    server: &Server,
    queries: &mut Queries,
    updates: &mut Updates,
    pace: Pace,
    duration: Duration,
) -> io::Result<Seen> {
    let (mut asked, mut changed) = (Line::new(server)?, Line::new(server)?);
    let mut seen = Seen::default();
    let begin = Instant::now();
    let due = |sent: u64, rate: f64| begin + Duration::from_secs_f64(sent as f64 / rate);
    loop {
        let now = Instant::now();
        let is_over = now >= begin + duration;
        if is_over && (asked.waiting + changed.waiting == 0 || now >= begin + duration + PATIENCE) {
            break;
        }
        if !is_over {
            while pace.queries > 0.0 && due(asked.sent, pace.queries) <= now {
                let (id, index) = (asked.id(), (asked.sent % queries.len() as u64) as usize);
                queries.identify(index, id);
                asked.send(queries.packet(index), due(asked.sent, pace.queries))?;
            }
            while pace.updates > 0.0 && due(changed.sent, pace.updates) <= now {
                let message = updates.next(changed.id());
                changed.send(&message, due(changed.sent, pace.updates))?;
            }
            while changed.waiting < pace.window {
                let message = updates.next(changed.id());
                changed.send(&message, now)?;
            }
        }
        while let Some((took, _)) = asked.receive()? {
            seen.latencies.push(took);
        }
        while let Some((took, rcode)) = changed.receive()? {
            seen.update_latencies.push(took);
            if rcode == 0 { seen.updated += 1 } else { seen.refused += 1 }
        }
    }
    seen.took = duration;
    seen.lost = asked.lost + asked.waiting as u64;
    // What nobody answers is not done.
    seen.refused += changed.lost + changed.waiting as u64;
    Ok(seen)
}

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
