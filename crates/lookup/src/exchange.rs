//! Queries on their way: ids, repetitions, deadlines, and which reply belongs to which.
//!
//! A list asked of many targets is thousands of queries at once through a few sockets, over a network that
//! loses some. Every query is sent up to eight times before its deadline, each time under the same id, and
//! never more are on the way than a socket's buffer holds the replies of.
//!
//! No sockets and no clock in here: time and packets come in, packets and answers go out.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::message::{self, Manner, Match, Question, Reply};

/// What became of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server said this.
    Reply(Reply),
    /// It said nothing in time.
    TimedOut,
    /// Nobody is there: the network says so.
    Unreachable,
    /// It said only what cannot be read.
    Malformed,
}

/// Whether there is room for a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It would be sent at once.
    Now,
    /// From then on.
    Later(Instant),
    /// As many are on the way as may be: the next reply makes room.
    Full,
}

/// A packet to be sent from a socket.
#[derive(Debug)]
pub struct Datagram<'e> {
    /// Which of the server's sockets.
    pub socket: SocketId,
    /// The packet.
    pub bytes: &'e [u8],
}

/// One of the sockets to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId {
    /// The server, in the order of [`Exchange::add_server`].
    pub server: usize,
    /// Its socket.
    pub socket: usize,
}

/// A query that TC told to repeat by TCP.
#[derive(Debug)]
pub struct OverTcp {
    /// The query, for [`Exchange::receive_tcp`].
    pub ticket: Ticket,
    /// The server.
    pub server: usize,
    /// The packet, without its length.
    pub bytes: Vec<u8>,
}

/// Names a query on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    place: usize,
    generation: u32,
}

/// Limits of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a query may take in all.
    pub timeout: Duration,
    /// How many queries are on the way through one socket.
    pub window: usize,
    /// How often a query is sent, from once to [`MOST_SENDS`] times.
    pub sends: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { timeout: Duration::from_secs(2), window: 128, sends: MOST_SENDS }
    }
}

/// Queries on their way; `T` is what the asker wants back with the answer.
#[derive(Debug)]
pub struct Exchange<T> {
    limits: Limits,
    random: StdRng,
    servers: Vec<Server>,
    /// Queries by place; free places are reused.
    pending: Vec<Option<Pending<T>>>,
    free: Vec<usize>,
    generation: u32,
    /// By number of sends: when the next one, or the end, is due. Each queue has one delay, so it is in
    /// order by itself.
    due: [VecDeque<(Instant, Ticket)>; SENDS.len()],
    /// Queries to be sent now.
    outbox: VecDeque<Ticket>,
    /// Queries to be repeated by TCP.
    over_tcp: VecDeque<OverTcp>,
    answers: VecDeque<(T, Answer)>,
    /// Space for packets.
    packet: Vec<u8>,
}

/// A server and its sockets.
#[derive(Debug)]
struct Server {
    manner: Manner,
    /// For each socket: the queries on the way by id.
    sockets: Vec<HashMap<u16, usize, Ids>>,
    /// Queries that wait for room.
    waiting: VecDeque<Ticket>,
    /// When it was first asked.
    begun: Option<Instant>,
    /// How many packets came back.
    replies: usize,
    /// How often the network said that nobody is there.
    refused: u32,
    /// How many queries it did not answer.
    timeouts: u32,
}

/// Hashes ids: they are random numbers of our own, and nobody else's word puts one into a map.
type Ids = BuildHasherDefault<IdHasher>;

/// See [`Ids`].
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u16(u16::from(*byte));
        }
    }

    fn write_u16(&mut self, id: u16) {
        // The map takes its buckets from the low bits and its tags from the high ones.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// A query on its way.
#[derive(Debug)]
struct Pending<T> {
    generation: u32,
    server: usize,
    question: Question,
    tag: T,
    /// When it was first sent.
    state: State,
}

/// How far a query is.
#[derive(Debug)]
enum State {
    /// It waits for room.
    Waiting,
    /// It was sent so many times; `query` is what is sent.
    Sent { socket: usize, id: u16, sends: usize, started: Instant, query: Box<[u8]>, strange: bool },
    /// It is repeated by TCP until then.
    Tcp { started: Instant, query: Box<[u8]> },
}

impl<T> Exchange<T> {
    /// An exchange without servers.
    pub fn new(limits: Limits) -> Exchange<T> {
        Exchange {
            limits,
            random: StdRng::from_os_rng(),
            servers: Vec::new(),
            pending: Vec::new(),
            free: Vec::new(),
            generation: 0,
            due: Default::default(),
            outbox: VecDeque::new(),
            over_tcp: VecDeque::new(),
            answers: VecDeque::new(),
            packet: Vec::new(),
        }
    }

    /// Adds a server that is asked in this manner through so many sockets; returns its number.
    pub fn add_server(&mut self, manner: Manner, sockets: usize) -> usize {
        let sockets = (0..sockets.max(1)).map(|_| HashMap::default()).collect();
        self.servers.push(Server {
            manner,
            sockets,
            waiting: VecDeque::new(),
            begun: None,
            replies: 0,
            refused: 0,
            timeouts: 0,
        });
        self.servers.len() - 1
    }

    /// Whether a query to a server would be sent at once, or when it is time for one.
    ///
    /// A server that has not answered yet gets a burst each millisecond and not all at once: its socket takes some
    /// 270 small datagrams, by the kernel's default, and what it loses comes again much later. Each reply makes room
    /// for another query, so a server that keeps up is soon asked as fast as it answers.
    pub fn room(&self, server: usize, now: Instant) -> Room {
        let server = &self.servers[server];
        let is_full = |socket: &HashMap<u16, usize, Ids>| socket.len() >= self.limits.window;
        if !server.waiting.is_empty() || server.sockets.iter().all(is_full) {
            return Room::Full;
        }
        let Some(begun) = server.begun else { return Room::Now };
        let on_the_way: usize = server.sockets.iter().map(HashMap::len).sum();
        if on_the_way < BURST + server.replies {
            return Room::Now;
        }
        let elapsed = now.saturating_duration_since(begun).as_millis() as usize;
        match on_the_way < BURST + server.replies + BURST * elapsed {
            true => Room::Now,
            false => Room::Later(begun + Duration::from_millis(elapsed as u64 + 1)),
        }
    }

    /// Whether anything at all came from a server.
    pub fn has_answered(&self, server: usize) -> bool {
        self.servers[server].replies > 0
    }

    /// Whether a server seems to be dead: it answered nothing, several times.
    pub fn is_silent(&self, server: usize) -> bool {
        let server = &self.servers[server];
        server.replies == 0 && (server.timeouts >= MOST_TIMEOUTS || server.is_gone())
    }

    /// How many queries are not answered yet.
    pub fn len(&self) -> usize {
        self.pending.len() - self.free.len()
    }

    /// Whether all queries are answered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks a server.
    pub fn ask(&mut self, server: usize, question: Question, tag: T, now: Instant) {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let pending = Some(Pending { generation, server, question, tag, state: State::Waiting });
        let place = match self.free.pop() {
            Some(place) => {
                self.pending[place] = pending;
                place
            }
            None => {
                self.pending.push(pending);
                self.pending.len() - 1
            }
        };
        self.servers[server].waiting.push_back(Ticket { place, generation });
        self.admit(server, now);
    }

    /// Sends what has room.
    fn admit(&mut self, at: usize, now: Instant) {
        let server = &mut self.servers[at];
        while !server.waiting.is_empty() {
            // The emptiest socket, so that no buffer is filled while others are idle.
            let sockets = server.sockets.iter_mut().enumerate();
            let Some((socket, ids)) = sockets.min_by_key(|(_, ids)| ids.len()) else { return };
            if ids.len() >= self.limits.window {
                return;
            }
            let Some(ticket) = server.waiting.pop_front() else { return };
            let Some(pending) = self.pending[ticket.place].as_mut() else { continue };
            if pending.generation != ticket.generation {
                continue;
            }
            let id = loop {
                let id = self.random.random();
                if !ids.contains_key(&id) {
                    break id;
                }
            };
            ids.insert(id, ticket.place);
            server.begun.get_or_insert(now);
            message::write(
                &pending.question,
                server.manner,
                id,
                &mut self.random,
                &mut self.packet,
            );
            let query = Box::from(&self.packet[..]);
            let (sends, strange) = (0, false);
            pending.state = State::Sent { socket, id, sends, started: now, query, strange };
            self.outbox.push_back(ticket);
        }
    }

    /// Takes the next packet to be sent.
    pub fn next_datagram(&mut self, now: Instant) -> Option<Datagram<'_>> {
        loop {
            let ticket = self.outbox.pop_front()?;
            let Some(pending) = current(&mut self.pending, ticket) else { continue };
            let State::Sent { socket, sends, started, .. } = &mut pending.state else { continue };
            // A query that was also sent again for its letters ends when its last send says.
            if *sends < MOST_SENDS {
                // Behind the last send that is allowed comes the end.
                let next = if *sends + 1 < self.limits.sends { *sends } else { MOST_SENDS - 1 };
                let due = *started + self.limits.timeout.mul_f64(SENDS[next]);
                self.due[next].push_back((due.max(now), ticket));
                *sends = next + 1;
            }
            let socket = SocketId { server: pending.server, socket: *socket };
            // Looked up again, since what is returned must not borrow from the loop.
            let pending = self.pending[ticket.place].as_ref()?;
            let State::Sent { query, .. } = &pending.state else { return None };
            return Some(Datagram { socket, bytes: query });
        }
    }

    /// Takes the next query that is to be repeated by TCP.
    pub fn next_over_tcp(&mut self) -> Option<OverTcp> {
        self.over_tcp.pop_front()
    }

    /// Takes the next answer.
    pub fn next_answer(&mut self) -> Option<(T, Answer)> {
        self.answers.pop_front()
    }

    /// Whether [`Self::next_answer`] has something to give.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_due(&mut self) -> Option<Instant> {
        let pending = &mut self.pending;
        self.due
            .iter_mut()
            .enumerate()
            .filter_map(|(sends, queue)| {
                // What was answered since is passed over here.
                while let Some((_, ticket)) = queue.front()
                    && !is_due(pending, *ticket, sends)
                {
                    queue.pop_front();
                }
                queue.front().map(|(due, _)| *due)
            })
            .min()
    }

    /// Repeats what is due, and ends what is over.
    pub fn tick(&mut self, now: Instant) {
        for sends in 0..SENDS.len() {
            while let Some(&(due, ticket)) = self.due[sends].front()
                && due <= now
            {
                self.due[sends].pop_front();
                if !is_due(&mut self.pending, ticket, sends) {
                    continue;
                }
                if sends + 1 < SENDS.len() {
                    self.outbox.push_back(ticket);
                    continue;
                }
                let Some(pending) = current(&mut self.pending, ticket) else { continue };
                let server = pending.server;
                self.servers[server].timeouts += 1;
                let answer = match &pending.state {
                    State::Sent { strange: true, .. } => Answer::Malformed,
                    _ if self.servers[server].is_gone() => Answer::Unreachable,
                    State::Waiting | State::Sent { .. } | State::Tcp { .. } => Answer::TimedOut,
                };
                self.finish(ticket, answer, now);
            }
        }
    }

    /// Takes in a packet.
    pub fn receive(&mut self, from: SocketId, packet: &[u8], now: Instant) {
        let Some((id, _)) = packet.split_first_chunk() else { return };
        let id = u16::from_be_bytes(*id);
        let Some(server) = self.servers.get_mut(from.server) else { return };
        server.replies += 1;
        let Some(&place) = server.sockets.get(from.socket).and_then(|ids| ids.get(&id)) else {
            return;
        };
        let Some(pending) = self.pending[place].as_mut() else { return };
        let ticket = Ticket { place, generation: pending.generation };
        let State::Sent { query, strange, started, .. } = &mut pending.state else { return };
        match message::matches(packet, query) {
            Match::No => {
                // A reply without the question says that the server could not read it.
                *strange |= packet.get(2).is_some_and(|flags| flags & 0x80 != 0);
            }
            Match::OtherCase => {
                // A server that does not keep the case is asked in plain letters from now on.
                let manner = Manner { mixed_case: false, ..server.manner };
                server.manner = manner;
                message::write(&pending.question, manner, id, &mut self.random, &mut self.packet);
                *query = Box::from(&self.packet[..]);
                self.outbox.push_back(ticket);
            }
            Match::Exact => match message::read(packet) {
                None => *strange = true,
                Some(reply) if reply.truncated => {
                    let (started, query) = (*started, query.clone());
                    let bytes = query.to_vec();
                    self.leave_socket(ticket, now);
                    let Some(pending) = self.pending[place].as_mut() else { return };
                    pending.state = State::Tcp { started, query };
                    let server = pending.server;
                    self.over_tcp.push_back(OverTcp { ticket, server, bytes });
                }
                Some(reply) => self.finish(ticket, Answer::Reply(reply), now),
            },
        }
    }

    /// Takes in what came by TCP, without its length, or that nothing did.
    pub fn receive_tcp(&mut self, ticket: Ticket, packet: Option<&[u8]>, now: Instant) {
        let Some(pending) = current(&mut self.pending, ticket) else { return };
        let State::Tcp { query, started } = &pending.state else { return };
        let late = now >= *started + self.limits.timeout;
        let answer = match packet {
            Some(packet) if message::matches(packet, query) == Match::Exact => {
                message::read(packet).map_or(Answer::Malformed, Answer::Reply)
            }
            Some(_) => Answer::Malformed,
            None if late => Answer::TimedOut,
            None => Answer::Unreachable,
        };
        self.finish(ticket, answer, now);
    }

    /// Until when a query may be answered by TCP.
    pub fn tcp_deadline(&mut self, ticket: Ticket) -> Option<Instant> {
        match current(&mut self.pending, ticket)?.state {
            State::Tcp { started, .. } => Some(started + self.limits.timeout),
            State::Waiting | State::Sent { .. } => None,
        }
    }

    /// Takes in that the network says nobody is there.
    pub fn refuse(&mut self, server: usize, now: Instant) {
        let Some(state) = self.servers.get_mut(server) else { return };
        state.refused += 1;
        if !state.is_gone() {
            return;
        }
        let gone = self.pending.iter().enumerate().filter_map(|(place, pending)| {
            let pending = pending.as_ref().filter(|pending| pending.server == server)?;
            Some(Ticket { place, generation: pending.generation })
        });
        for ticket in gone.collect::<Vec<_>>() {
            self.finish(ticket, Answer::Unreachable, now);
        }
    }

    /// Ends a query.
    fn finish(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        self.leave_socket(ticket, now);
        let Some(pending) = self.pending[ticket.place].take() else { return };
        self.free.push(ticket.place);
        self.answers.push_back((pending.tag, answer));
    }

    /// Gives the place in its socket to the next query.
    fn leave_socket(&mut self, ticket: Ticket, now: Instant) {
        let Some(pending) = current(&mut self.pending, ticket) else { return };
        let server = pending.server;
        if let State::Sent { socket, id, .. } = pending.state {
            self.servers[server].sockets[socket].remove(&id);
            self.admit(server, now);
        }
    }
}

impl Server {
    /// Whether nobody is there, as far as can be told.
    fn is_gone(&self) -> bool {
        self.replies == 0 && self.refused > 1
    }
}

/// The query a ticket names, if it is still on its way.
fn current<T>(pending: &mut [Option<Pending<T>>], ticket: Ticket) -> Option<&mut Pending<T>> {
    let pending = pending.get_mut(ticket.place)?.as_mut();
    pending.filter(|pending| pending.generation == ticket.generation)
}

/// Whether a query still waits for what was due after so many sends, less one.
fn is_due<T>(pending: &mut [Option<Pending<T>>], ticket: Ticket, sends: usize) -> bool {
    match current(pending, ticket).map(|pending| &pending.state) {
        Some(State::Sent { sends: sent, .. }) => *sent == sends + 1,
        Some(State::Waiting | State::Tcp { .. }) | None => false,
    }
}

/// How many queries a server gets at once before it has answered.
const BURST: usize = 128;
/// After so many queries without any answer a server seems to be dead.
const MOST_TIMEOUTS: u32 = 3;
/// When the next send is due after each one, as a part of the time a query may take: at 0, then at these;
/// the last is the end. A resolver that recurses needs some hundred milliseconds, so the second waits for
/// those.
const SENDS: [f64; MOST_SENDS] = [0.15, 0.28, 0.4, 0.52, 0.64, 0.76, 0.88, 1.0];
/// How often a query is sent at most.
pub const MOST_SENDS: usize = 8;
