//! Where everything that is known of a running server comes together and becomes a [`Report`].

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::beyond::Beyond;
use crate::counters::Counters;
use crate::listen::tcp::Admission;
use crate::listen::udp::Crew;
use crate::query_log::QueryLog;
use crate::rate_limit::RateLimit;
use crate::rates::{SAMPLE_EVERY, Window};
use crate::report::{ConnectionsReport, Report, ZoneReport};
use crate::status::StatusBoard;
use crate::zones::ZoneIndex;

/// Where everything that is known of a running server comes together.
#[derive(Debug)]
pub(super) struct Overview {
    /// When it started, on the clock that never jumps.
    pub(super) started: Instant,
    /// When it started, in unix seconds.
    pub(super) started_at: u64,
    /// Threads that answer UDP.
    pub(super) workers: usize,
    /// Addresses served by UDP.
    pub(super) udp_addresses: Vec<SocketAddr>,
    /// Addresses served by TCP.
    pub(super) tcp_addresses: Vec<SocketAddr>,
    /// Addresses served by TLS.
    pub(super) tls_addresses: Vec<SocketAddr>,
    /// TCP connections.
    pub(super) admission: Admission,
    /// The UDP workers.
    pub(super) crew: Mutex<Crew>,
    /// How many answers a network gets.
    pub(super) rate_limit: Arc<RateLimit>,
    /// The query log.
    pub(super) log: Mutex<QueryLog>,
    /// Rates of the last minute.
    pub(super) window: Mutex<Window>,
    /// All counters.
    pub(super) counters: Arc<Counters>,
    /// The zones' states.
    pub(super) board: Arc<StatusBoard>,
    /// What is done for zones besides answering.
    pub(super) beyond: Doings,
}

/// Whoever does something for zones besides answering, if anybody does.
pub(super) struct Doings(pub(super) Option<Arc<dyn Beyond>>);

impl fmt::Debug for Doings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Doings").field(&self.0.is_some()).finish()
    }
}

impl Overview {
    /// Gathers what is the case now.
    pub(super) fn report(&self) -> Report {
        let totals = self.counters.totals();
        let rates = self
            .window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rates(self.started.elapsed(), &totals);
        let (lines, lost) = self.log.lock().unwrap_or_else(PoisonError::into_inner).counts();
        let drops = self.crew.lock().unwrap_or_else(PoisonError::into_inner).receive_drops();
        let connections = self.admission.connections();
        let now = unix_seconds();
        let rate =
            |index: ZoneIndex| rates.zones.get(usize::from(index.0)).copied().unwrap_or_default();
        let zones = self.board.zones().into_iter().map(|status| {
            let index = status.index;
            ZoneReport::new(status, &totals.zone(index), rate(index), now)
        });
        Report {
            version: env!("CARGO_PKG_VERSION").into(),
            time: now,
            started_at: self.started_at,
            workers: self.workers,
            udp_addresses: self.udp_addresses.clone(),
            tcp_addresses: self.tcp_addresses.clone(),
            tls_addresses: self.tls_addresses.clone(),
            memory_bytes: resident_memory(),
            queries_per_second: rates.queries,
            udp: totals.udp.into(),
            tcp: totals.tcp.into(),
            tcp_connections: ConnectionsReport {
                open: connections.open,
                admitted: connections.admitted,
                refused: connections.refused,
            },
            receive_buffer_drops: drops.into_iter().collect(),
            panics: totals.panics,
            query_log_lines: lines,
            query_log_lost: lost,
            elsewhere: (&totals.elsewhere).into(),
            zones: zones.collect(),
            beyond: self.beyond.0.as_ref().map(|beyond| beyond.report()),
        }
    }

    /// Opens the files of the query log again.
    pub(super) fn reopen_logs(&self) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).reopen();
    }
}

/// Samples the counters for the rates until the server stops.
///
/// What is limited is told here too, where there is time: when it begins, and not again before it was quiet for
/// a minute.
pub(super) async fn sample(overview: Arc<Overview>, stop: CancellationToken) {
    let (mut known, mut seen) = (0, None::<Instant>);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SAMPLE_EVERY) => {}
        }
        let totals = overview.counters.totals();
        let limited = totals.udp.limited + totals.udp.slipped;
        if limited > known {
            let is_new = seen.is_none_or(|at| at.elapsed() >= QUIET);
            if is_new {
                tracing::warn!(
                    limited,
                    "a network asks for more answers than it gets by UDP (`responses-per-second` of \
                     [nameserver.rate-limit]): the others are truncated or dropped; if it is no flood, exempt it"
                );
            }
            (known, seen) = (limited, Some(Instant::now()));
        }
        let mut window = overview.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.sample(overview.started.elapsed(), &totals);
    }
}

/// How long nothing must have been limited until that is told again.
const QUIET: Duration = Duration::from_secs(60);

/// The time.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The process' resident set in bytes, 0 where the kernel does not tell.
fn resident_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
