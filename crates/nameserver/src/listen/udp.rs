//! UDP workers: threads that turn batches of queries into batches of answers.
//!
//! The usual worker has one socket and blocks in `recvmmsg` itself: no readiness call, no timer. It is
//! woken to stop by shutting its socket for reading, which Linux lets a blocked receive return from.
//! A worker with several sockets, or with one that systemd keeps for the next start, waits in `poll`
//! on them and on a pipe that hangs up when it is time to stop.
//!
//! Nothing is allocated, locked or written to a log for a query. The zones are read once a batch and
//! let go before waiting, so that an idle worker never keeps an old zone in memory.

use std::io;
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use arrayvec::ArrayVec;

use super::back::Back;
use super::batch::{Datagrams, PacketInfo, Wait};
use super::cores::{self, Core};
use super::socket;
use super::tally::Tally;
use crate::beyond::Beyond;
use crate::counters::Block;
use crate::query_log::{Moment, Recorder};
use crate::rate_limit::{Micros, RateLimit, Turn, Verdict};
use crate::respond::{BATCH, Client, Outcome, Queries, Request, Transport, respond_batch};
use crate::zones::Zones;

/// What one UDP worker will serve, before it starts.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Where it runs.
    core: Core,
    /// Its sockets.
    endpoints: Vec<Endpoint>,
}

/// One socket of a worker.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// The socket; blocking, unless it was given so.
    socket: Arc<UdpSocket>,
    /// Where it is bound.
    address: SocketAddr,
    /// Whether it tells where a query arrived.
    info: PacketInfo,
    /// Who else has it.
    holder: Holder,
}

/// Who holds a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// This worker alone.
    Worker,
    /// All workers, and systemd beyond our life: it must never be shut down.
    Systemd,
}

/// What a worker needs to answer.
#[derive(Clone)]
pub(crate) struct Duty {
    /// What is served.
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    /// Where it counts.
    pub(crate) counters: Arc<Block>,
    /// Where it reports queries to.
    pub(crate) log: Recorder,
    /// How many answers a network gets.
    pub(crate) rate_limit: Arc<RateLimit>,
    /// Who takes what is not answered here, if anybody does.
    pub(crate) beyond: Option<Arc<dyn Beyond>>,
    /// Where the answers of that are counted.
    pub(crate) tally: Tally,
}

/// The running workers.
#[derive(Debug)]
pub(crate) struct Crew {
    /// Their threads.
    threads: Vec<JoinHandle<()>>,
    /// Set when they shall stop.
    stopping: Arc<AtomicBool>,
    /// Closed when they shall stop; `None` once it is.
    hang_up: Option<io::PipeWriter>,
    /// A second handle of each socket, to wake its worker and to read the kernel's counters.
    endpoints: Vec<Endpoint>,
}

impl Worker {
    /// A worker without sockets.
    pub(crate) fn on(core: Core) -> Worker {
        Worker { core, endpoints: Vec::new() }
    }

    /// Gives it one more socket.
    pub(crate) fn add(&mut self, endpoint: Endpoint) {
        self.endpoints.push(endpoint);
    }
}

impl Endpoint {
    /// A socket that only this worker has.
    pub(crate) fn own(socket: UdpSocket, address: SocketAddr) -> Endpoint {
        let (socket, info) = (Arc::new(socket), packet_info(address));
        Endpoint { socket, address, info, holder: Holder::Worker }
    }

    /// A socket that all workers and systemd have.
    pub(crate) fn shared(socket: UdpSocket, address: SocketAddr) -> Endpoint {
        let (socket, info) = (Arc::new(socket), packet_info(address));
        Endpoint { socket, address, info, holder: Holder::Systemd }
    }
}

/// Starts the workers; `duty` makes what each needs from its number.
pub(crate) fn start(workers: Vec<Worker>, duty: impl Fn(usize) -> Duty) -> io::Result<Crew> {
    let (pipe, hang_up) = io::pipe()?;
    let mut crew = Crew {
        threads: Vec::new(),
        stopping: Arc::new(AtomicBool::new(false)),
        hang_up: Some(hang_up),
        endpoints: Vec::new(),
    };
    for (number, worker) in workers.into_iter().enumerate() {
        if worker.endpoints.is_empty() {
            continue;
        }
        crew.endpoints.extend_from_slice(&worker.endpoints);
        let (pipe, stopping, duty) = (pipe.try_clone()?, crew.stopping.clone(), duty(number));
        let thread = thread::Builder::new()
            .name(format!("dns-udp-{number}"))
            .spawn(move || worker.run(&duty, &pipe, &stopping))?;
        crew.threads.push(thread);
    }
    Ok(crew)
}

impl Crew {
    /// Tells all workers to answer what has arrived and end.
    pub(crate) fn stop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.hang_up = None;
        for endpoint in self.endpoints.iter().filter(|e| e.holder == Holder::Worker) {
            // Fails with ENOTCONN, as nobody is connected, and wakes the reader nevertheless.
            let _ = socket2::SockRef::from(&*endpoint.socket).shutdown(Shutdown::Read);
        }
    }

    /// Waits until they have ended.
    pub(crate) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // A worker catches its own panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }

    /// Datagrams the kernel discarded because a receive buffer was full, by address.
    pub(crate) fn receive_drops(&self) -> Vec<(SocketAddr, u64)> {
        let mut drops: Vec<(SocketAddr, u64)> = Vec::new();
        for endpoint in &self.endpoints {
            let known = drops.iter_mut().find(|(address, _)| *address == endpoint.address);
            let count = socket::receive_drops(&*endpoint.socket);
            match (known, endpoint.holder) {
                (None, _) => drops.push((endpoint.address, count)),
                (Some((_, sum)), Holder::Worker) => *sum += count,
                // Every worker has the same socket: it is counted once.
                (Some(_), Holder::Systemd) => {}
            }
        }
        drops
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Worker {
    /// Serves until told to stop. A fault in our own code costs one batch, not the worker.
    fn run(&self, duty: &Duty, pipe: &io::PipeReader, stopping: &AtomicBool) {
        cores::settle(self.core);
        let mut desk = Desk::new();
        loop {
            let serve = AssertUnwindSafe(|| match self.endpoints.as_slice() {
                [only] if only.holder == Holder::Worker => {
                    serve_one(only, &mut desk, duty, stopping);
                }
                several => serve_several(several, &mut desk, duty, pipe, stopping),
            });
            // All that is shared with the next round is plain bytes and counters.
            match panic::catch_unwind(serve) {
                Ok(()) => return,
                Err(_) => {
                    duty.counters.panicked();
                    tracing::error!("a batch of queries was lost to a fault in the server");
                }
            }
        }
    }
}

/// Serves one socket, blocked in the receive call itself.
fn serve_one(endpoint: &Endpoint, desk: &mut Desk, duty: &Duty, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Acquire) {
        serve_batch(endpoint, desk, duty, Wait::ForOne);
    }
    drain(endpoint, desk, duty);
}

/// Serves several sockets, each as it has something.
fn serve_several(
    endpoints: &[Endpoint],
    desk: &mut Desk,
    duty: &Duty,
    pipe: &io::PipeReader,
    stopping: &AtomicBool,
) {
    let interest = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut ready: Vec<libc::pollfd> =
        endpoints.iter().map(|e| interest(e.socket.as_raw_fd())).collect();
    ready.push(interest(pipe.as_fd().as_raw_fd()));
    while !stopping.load(Ordering::Acquire) {
        wait(&mut ready);
        for (endpoint, entry) in endpoints.iter().zip(&ready) {
            if entry.revents != 0 {
                serve_batch(endpoint, desk, duty, Wait::No);
            }
        }
    }
    for endpoint in endpoints {
        drain(endpoint, desk, duty);
    }
}

/// Answers what lies in the receive buffer, then ends: nothing that has arrived is left unanswered.
fn drain(endpoint: &Endpoint, desk: &mut Desk, duty: &Duty) {
    // A flood must not keep a stopping server alive: a receive buffer is only so large.
    for _ in 0..DRAIN_BATCHES {
        if serve_batch(endpoint, desk, duty, Wait::No) == 0 {
            return;
        }
    }
}

/// Receives a batch, answers it and returns its size.
fn serve_batch(endpoint: &Endpoint, desk: &mut Desk, duty: &Duty, wait: Wait) -> usize {
    let count = match desk.datagrams.receive(&endpoint.socket, endpoint.info, wait) {
        Ok(count) => count,
        Err(error) => {
            receive_failed(&error);
            return 0;
        }
    };
    if count == 0 {
        return 0;
    }
    desk.answer(duty);
    if let Some(beyond) = &duty.beyond {
        desk.hand_over(&**beyond, endpoint, &duty.tally);
    }
    let outcomes = desk.outcomes[..count].iter().enumerate();
    let lengths = outcomes.filter_map(|(slot, outcome)| match outcome {
        Outcome::Reply(reply) => Some((slot, usize::from(reply.len))),
        Outcome::Drop | Outcome::Limited | Outcome::Beyond => None,
    });
    let failed = desk.datagrams.send(&endpoint.socket, endpoint.info, lengths);
    if failed > 0 {
        duty.counters.send_failed(failed);
    }
    count
}

/// The buffers of a worker, made once.
struct Desk {
    /// Queries and answers as bytes.
    datagrams: Datagrams,
    /// Queries as they are read.
    queries: Queries,
    /// What became of them.
    outcomes: [Outcome; BATCH],
    /// Which limited answers are sent all the same.
    turn: Turn,
}

impl Desk {
    /// Makes the buffers.
    fn new() -> Desk {
        Desk {
            datagrams: Datagrams::new(),
            queries: Queries::default(),
            outcomes: [Outcome::Drop; BATCH],
            turn: Turn::default(),
        }
    }

    /// Writes the answers to what was received, counts and reports them.
    fn answer(&mut self, duty: &Duty) {
        let moment = now();
        let (received, replies) = self.datagrams.parts();
        let mut requests = ArrayVec::<Request<'_>, BATCH>::new();
        for (bytes, address) in received.iter() {
            requests.push(Request { bytes, client: Client { address, transport: Transport::Udp } });
        }
        let outcomes = &mut self.outcomes[..requests.len()];
        let zones = duty.zones.load();
        respond_batch(&mut self.queries, &requests, moment.seconds, &zones, replies, outcomes);
        if let Some(rules) = duty.rate_limit.rules() {
            let now = ticks();
            for ((request, outcome), bytes) in requests.iter().zip(&mut *outcomes).zip(replies) {
                let Outcome::Reply(reply) = *outcome else { continue };
                if reply.proven {
                    continue;
                }
                let address = request.client.address;
                match duty.rate_limit.judge(&rules, address, now, &mut self.turn) {
                    Verdict::Send => {}
                    Verdict::Truncate => *outcome = reply.shortened(bytes.as_mut()),
                    Verdict::Drop => *outcome = Outcome::Limited,
                }
            }
        }
        duty.counters.batch();
        for (request, outcome) in requests.iter().zip(outcomes.iter()) {
            duty.counters.record(request.bytes.len(), outcome);
        }
        if duty.log.is_on() {
            for (request, outcome) in requests.iter().zip(outcomes.iter()) {
                duty.log.note(moment, request.bytes, &request.client, outcome);
            }
        }
    }

    /// Hands over what somebody else answers.
    fn hand_over(&mut self, beyond: &dyn Beyond, endpoint: &Endpoint, tally: &Tally) {
        let count = self.datagrams.parts().0.iter().count();
        for slot in 0..count {
            if self.outcomes[slot] != Outcome::Beyond {
                continue;
            }
            let Some(way) = self.datagrams.way_back(slot, endpoint.info) else { continue };
            let peer = way.peer.0.socket();
            let back = Back::new(Arc::downgrade(&endpoint.socket), way, tally.clone());
            if let Some((message, _)) = self.datagrams.parts().0.iter().nth(slot) {
                beyond.datagram(message, peer, back);
            }
        }
    }
}

/// Judges an error of the receive call. None ends the worker.
fn receive_failed(error: &io::Error) {
    match error.raw_os_error() {
        // Nothing there, a signal, or an ICMP message about an earlier answer.
        Some(libc::EAGAIN | libc::EINTR | libc::ECONNREFUSED) => {}
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EMSGSIZE) => {}
        _ => {
            tracing::error!("receiving queries fails: {error}");
            // Not to spin where the kernel is out of memory, or worse.
            thread::sleep(RECEIVE_BACK_OFF);
        }
    }
}

/// The time, as the kernel noted it at its last tick: exact to some milliseconds, and much cheaper.
fn now() -> Moment {
    let time = coarse(libc::CLOCK_REALTIME_COARSE);
    Moment { seconds: time.tv_sec as u32, milliseconds: (time.tv_nsec / 1_000_000) as u16 }
}

/// The time since the machine started, as exact and as cheap; nobody sets it back.
fn ticks() -> Micros {
    let time = coarse(libc::CLOCK_MONOTONIC_COARSE);
    Micros(time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_nsec.cast_unsigned() / 1_000)
}

/// Reads a coarse clock.
#[expect(unsafe_code, reason = "the standard library does not offer the coarse clocks")]
fn coarse(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the write; the clocks exist since Linux 2.6.32.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time
}

/// Waits until a descriptor has something; a signal is as good as that.
#[expect(unsafe_code, reason = "the standard library has no poll")]
fn wait(descriptors: &mut [libc::pollfd]) {
    // SAFETY: the pointer and the count describe one slice of initialised entries.
    let ready =
        unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, -1) };
    if ready < 0 {
        // Entries are undefined after an error.
        for entry in descriptors {
            entry.revents = 0;
        }
    }
}

/// What a socket with this address tells of a query.
fn packet_info(address: SocketAddr) -> PacketInfo {
    if socket::is_wildcard(address) { PacketInfo::Wildcard } else { PacketInfo::Bound }
}

/// Batches answered after the order to stop: more than a receive buffer holds.
const DRAIN_BATCHES: usize = 1024;
/// Pause after an error of the receive call that nobody expects.
const RECEIVE_BACK_OFF: std::time::Duration = std::time::Duration::from_millis(100);
