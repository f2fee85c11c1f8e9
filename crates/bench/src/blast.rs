//! The load generator: one thread that keeps a window of queries outstanding.
//!
//! It must cost less per query than the servers it measures, so it moves datagrams in batches and
//! composes nothing. Two lessons are built in:
//!
//! * When no reply is there it waits a few microseconds in user space. Asking the kernel again and
//!   again takes the socket's lock from the server that wants to reply, which then looks a fifth slower.
//! * Flat out it does not sleep (until 20 ms passed without a reply): waking a sleeper would be charged
//!   to the server, as the CPU time of its send call.
//!
//! Replies are matched by their identifier, so a reply that contradicts the list is counted as wrong.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type as SocketType};

use crate::kernel::{self, Datagram, Wait};
use crate::queries::{Expect, Queries};

/// How a server is to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where it listens.
    pub(crate) server: SocketAddr,
    /// For how long.
    pub(crate) duration: Duration,
    /// Most queries outstanding. rbldnsd's receive buffer holds some 160: more would be lost.
    pub(crate) window: usize,
    /// From how many sockets.
    pub(crate) sockets: usize,
    /// How fast.
    pub(crate) pace: Pace,
}

/// How fast queries are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// As fast as replies come back.
    FlatOut,
    /// So many a second.
    PerSecond(f64),
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Queries sent.
    pub(crate) sent: u64,
    /// Replies received.
    pub(crate) received: u64,
    /// Queries without a reply when nothing came for 250 ms, or a second after the end.
    pub(crate) lost: u64,
    /// Replies with records.
    pub(crate) positive: u64,
    /// Replies that deny.
    pub(crate) negative: u64,
    /// Replies with an error code.
    pub(crate) failed: u64,
    /// Replies that say otherwise than the list does; errors are among them.
    pub(crate) wrong: u64,
    /// Bytes of all replies.
    pub(crate) bytes: u64,
    /// The longest time without a reply while queries were outstanding.
    pub(crate) longest_silence: Duration,
    /// From the first query to the last reply.
    pub(crate) elapsed: Duration,
}

impl Tally {
    /// Replies a second.
    pub(crate) fn rate(&self) -> f64 {
        self.received as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Loads a server with the queries, round and round, on the calling thread.
///
/// # Errors
/// If a socket cannot be made. What the server does is no error: it is in the tally.
pub(crate) fn run(load: &Load, queries: &mut Queries) -> io::Result<Tally> {
    let mut blast = Blast::new(load)?;
    let begin = Instant::now();
    let end = begin + load.duration;
    blast.last_progress = begin;
    loop {
        let now = Instant::now();
        let over = now >= end;
        if !over {
            blast.send(load, queries, now, now - begin);
        }
        if blast.receive(queries) > 0 {
            blast.note_progress(Instant::now());
        } else if blast.outstanding() > 0 {
            if blast.give_up_or_wait(load.pace, over.then_some(end)) {
                break;
            }
        } else if !over && load.pace != Pace::FlatOut {
            std::thread::sleep(Duration::from_micros(200));
        }
        if over && blast.outstanding() == 0 {
            break;
        }
    }
    blast.tally.elapsed = blast.last_progress.saturating_duration_since(begin);
    Ok(blast.tally)
}

/// The state of a run.
struct Blast {
    /// Connected sockets: the kernel drops what comes from elsewhere.
    sockets: Vec<UdpSocket>,
    /// Queries outstanding on each socket.
    waiting: Vec<usize>,
    /// Which query has an identifier.
    asked: Vec<u32>,
    /// The next query.
    next: usize,
    /// The next identifier.
    id: u16,
    /// When the last reply came.
    last_progress: Instant,
    /// Where replies are received.
    replies: Vec<Datagram>,
    /// What was counted.
    tally: Tally,
}

impl Blast {
    /// Opens the sockets.
    fn new(load: &Load) -> io::Result<Blast> {
        let sockets = (0..load.sockets.max(1))
            .map(|_| connect(load.server))
            .collect::<io::Result<Vec<UdpSocket>>>()?;
        Ok(Blast {
            waiting: vec![0; sockets.len()],
            sockets,
            asked: vec![0; 1 << 16],
            next: 0,
            id: 0,
            last_progress: Instant::now(),
            replies: Datagram::batch(),
            tally: Tally::default(),
        })
    }

    /// Queries outstanding on all sockets.
    fn outstanding(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// Fills the window, as far as the pace allows.
    fn send(&mut self, load: &Load, queries: &mut Queries, now: Instant, passed: Duration) {
        let share = (load.window / self.sockets.len()).max(1);
        for index in 0..self.sockets.len() {
            let room = share.saturating_sub(self.waiting[index]).min(SEND_BATCH);
            let count = match load.pace {
                // Small batches cost the server a wake-up each: wait until half the window is free.
                Pace::FlatOut if room < (share / 2).min(SEND_BATCH / 2) => 0,
                Pace::FlatOut => room,
                Pace::PerSecond(rate) => {
                    let due = passed.as_secs_f64() * rate - self.tally.sent as f64;
                    room.min(due.max(0.0) as usize)
                }
            };
            if count == 0 {
                continue;
            }
            let mut batch: [usize; SEND_BATCH] = [0; SEND_BATCH];
            for slot in &mut batch[..count] {
                queries.identify(self.next, self.id);
                self.asked[usize::from(self.id)] = self.next as u32;
                *slot = self.next;
                self.id = self.id.wrapping_add(1);
                self.next = (self.next + 1) % queries.len();
            }
            let packets: [&[u8]; SEND_BATCH] =
                std::array::from_fn(|i| if i < count { queries.packet(batch[i]) } else { &[] });
            // What the kernel does not take is asked again when its turn comes round.
            if let Ok(sent) = kernel::send(&self.sockets[index], &packets[..count]) {
                if self.outstanding() == 0 {
                    self.last_progress = now;
                }
                self.tally.sent += sent as u64;
                self.waiting[index] += sent;
            }
        }
    }

    /// Takes what replies there are, and counts them.
    fn receive(&mut self, queries: &Queries) -> usize {
        let mut progress = 0;
        for (socket, waiting) in self.sockets.iter().zip(&mut self.waiting) {
            if *waiting == 0 {
                continue;
            }
            // Nothing there, or the port is closed for a moment: both are silence.
            let Ok(count) = kernel::receive(socket, &mut self.replies[..SEND_BATCH], Wait::No)
            else {
                continue;
            };
            progress += count;
            *waiting = waiting.saturating_sub(count);
            for reply in &self.replies[..count] {
                let query =
                    self.asked[usize::from(u16::from_be_bytes([reply.bytes[0], reply.bytes[1]]))];
                count_reply(&mut self.tally, reply, queries.expected(query as usize));
            }
        }
        progress
    }

    /// Notes that replies came.
    fn note_progress(&mut self, now: Instant) {
        self.note_silence(now);
        self.last_progress = now;
    }

    /// Notes for how long none came.
    fn note_silence(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.last_progress);
        self.tally.longest_silence = self.tally.longest_silence.max(silence);
    }

    /// Waits for replies; returns whether the run is over without those that are missing.
    fn give_up_or_wait(&mut self, pace: Pace, ended: Option<Instant>) -> bool {
        let now = Instant::now();
        if ended.is_none() {
            self.note_silence(now);
        }
        if ended.is_some_and(|end| now > end + LAST_CALL) {
            self.tally.lost += self.outstanding() as u64;
            return true;
        }
        let silence = now.saturating_duration_since(self.last_progress);
        match pace {
            Pace::FlatOut => {
                if silence > LOST_AFTER {
                    self.tally.lost += self.outstanding() as u64;
                    self.waiting.fill(0);
                    self.last_progress = now;
                }
                while now.elapsed() < BACK_OFF {
                    for _ in 0..20 {
                        std::hint::spin_loop();
                    }
                }
                if silence > SLEEP_AFTER {
                    kernel::poll(&self.sockets);
                }
            }
            Pace::PerSecond(_) => kernel::poll(&self.sockets),
        }
        false
    }
}

/// Opens a socket to the server, with room for a burst of replies.
fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(server), SocketType::DGRAM, None)?;
    socket.set_recv_buffer_size(4 << 20)?;
    let socket = UdpSocket::from(socket);
    socket.connect(server)?;
    Ok(socket)
}

/// Counts a reply by its header: response code and answer count.
fn count_reply(tally: &mut Tally, reply: &Datagram, expect: Expect) {
    tally.received += 1;
    tally.bytes += reply.len as u64;
    let found = match (reply.bytes[3] & 15, reply.bytes[7]) {
        (0, 1..) => {
            tally.positive += 1;
            Expect::Listed
        }
        (0 | 3, 0) => {
            tally.negative += 1;
            Expect::Unlisted
        }
        _ => {
            tally.failed += 1;
            Expect::Unknown
        }
    };
    tally.wrong += u64::from(expect != Expect::Unknown && expect != found);
}

/// An address on the same machine, for servers that the bench starts.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that is free for UDP and TCP, for a server that the bench starts.
///
/// Below the range from which the kernel gives clients theirs: one of those could take a port between
/// this look and the server's start.
///
/// # Errors
/// If there is none.
pub(crate) fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    (0..PORTS.len())
        .map(|_| PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len() as u16)
        .find(|port| {
            UdpSocket::bind(loopback(*port)).is_ok() && TcpListener::bind(loopback(*port)).is_ok()
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port from 20,000 on is free"))
}

/// Where servers listen.
const PORTS: Range<u16> = 20_000..30_000;
/// Most queries that one call sends.
const SEND_BATCH: usize = 32;
/// Flat out, what is outstanding after so long a silence is lost.
const LOST_AFTER: Duration = Duration::from_millis(250);
/// So long after the end replies are still taken.
const LAST_CALL: Duration = Duration::from_secs(1);
/// How long replies may gather before the kernel is asked again.
const BACK_OFF: Duration = Duration::from_micros(8);
/// Flat out, sleep only after so long a silence.
const SLEEP_AFTER: Duration = Duration::from_millis(20);
