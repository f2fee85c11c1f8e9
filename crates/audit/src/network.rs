//! The packets of an audit: odd questions to some servers at once, by UDP and TCP, each within its time.
//!
//! `repute-lookup` carries thousands of ordinary look-ups, and would not believe the replies that are looked
//! for here. Every question by UDP is sent four times before its time is over, so that a lost packet does not
//! look like a fault of the server; what is cut is asked again by TCP.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::reply::{Heard, Reply, is_reply_to, read};

/// A question on its way.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Which of the servers.
    pub(crate) server: usize,
    /// The packet; those to one server differ in their ids.
    pub(crate) packet: Vec<u8>,
    /// How it goes there.
    pub(crate) transport: Transport,
    /// When it begins, counted from the first.
    pub(crate) after: Duration,
}

/// How a question goes to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// By UDP, and by TCP if the reply is cut.
    Udp,
    /// By TCP.
    Tcp,
}

/// Asks servers; what came of each question stands in the order of the questions. Each ends after twice the time at
/// most.
///
/// # Errors
/// If there are no sockets to be had.
pub(crate) fn ask(
    servers: &[SocketAddr],
    questions: &[Question],
    timeout: Duration,
) -> io::Result<Vec<Heard>> {
    let mut asking = Asking::new(servers, questions, timeout)?;
    let mut events = Events::with_capacity(256);
    while let Some(due) = asking.advance(Instant::now()) {
        let wait = due.saturating_duration_since(Instant::now());
        match asking.poll.poll(&mut events, Some(wait)) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        let tokens: Vec<usize> = events.iter().map(|event| event.token().0).collect();
        for token in tokens {
            match token.checked_sub(asking.lines.len()) {
                None => asking.receive(token),
                Some(place) => asking.converse(place),
            }
        }
    }
    let heard = asking.states.into_iter().map(|state| match state {
        State::Over(heard) => heard,
        State::Udp { .. } | State::Tcp(_) => Heard::Silence,
    });
    Ok(heard.collect())
}

/// Questions on their way.
struct Asking<'q> {
    servers: &'q [SocketAddr],
    questions: &'q [Question],
    timeout: Duration,
    started: Instant,
    poll: Poll,
    lines: Vec<Line>,
    /// For each question.
    states: Vec<State>,
    packet: Box<[u8]>,
}

/// The way to a server by UDP.
struct Line {
    /// Nothing if there is none.
    socket: Option<UdpSocket>,
    /// Whether any packet came back.
    answered: bool,
    /// How often the network said that nobody is there.
    refused: u32,
}

/// How far a question is.
enum State {
    /// It was sent so many times; `strange` if something came that is no reply.
    Udp { sends: usize, strange: bool },
    /// It goes by TCP.
    Tcp(Connection),
    /// This came of it.
    Over(Heard),
}

/// A question by TCP.
struct Connection {
    stream: TcpStream,
    deadline: Instant,
    /// What is still to be sent, with its length in front.
    out: Vec<u8>,
    /// What came.
    reply: Vec<u8>,
    /// The reply that was cut, if one was the reason.
    cut: Option<Box<Reply>>,
}

impl<'q> Asking<'q> {
    /// Opens the sockets.
    fn new(
        servers: &'q [SocketAddr],
        questions: &'q [Question],
        timeout: Duration,
    ) -> io::Result<Asking<'q>> {
        let poll = Poll::new()?;
        let mut lines = Vec::new();
        for (place, server) in servers.iter().enumerate() {
            let socket = match connected(*server) {
                Ok(mut socket) => {
                    poll.registry().register(&mut socket, Token(place), Interest::READABLE)?;
                    Some(socket)
                }
                Err(e) if is_refusal(&e) || e.kind() == io::ErrorKind::AddrNotAvailable => None,
                // A system without IPv6.
                Err(_) if server.is_ipv6() => None,
                Err(e) => return Err(e),
            };
            lines.push(Line { socket, answered: false, refused: 0 });
        }
        let started = Instant::now();
        let packet = vec![0; 65_535].into_boxed_slice();
        let states = questions.iter().map(|_| State::Udp { sends: 0, strange: false }).collect();
        let mut asking =
            Asking { servers, questions, timeout, started, poll, lines, states, packet };
        for (place, question) in questions.iter().enumerate() {
            if asking.lines[question.server].socket.is_none() {
                asking.states[place] = State::Over(Heard::NoRoute);
            } else if question.transport == Transport::Tcp {
                asking.connect(place, None, started);
            }
        }
        Ok(asking)
    }

    /// Sends what is due and ends what is over; says when there is more to do, if there is.
    fn advance(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for place in 0..self.states.len() {
            let question = &self.questions[place];
            let due = match &mut self.states[place] {
                State::Over(_) => continue,
                State::Tcp(connection) if connection.deadline <= now => {
                    self.states[place] = State::Over(given_up(connection.cut.take()));
                    continue;
                }
                State::Tcp(connection) => connection.deadline,
                State::Udp { sends, strange } => {
                    let due =
                        |sends: usize| SENDS.get(sends).map(|part| self.timeout.mul_f64(*part));
                    // Before its time nothing is due.
                    let begins = self.started + question.after;
                    let Some(waited) = now.checked_duration_since(begins) else {
                        next = Some(next.map_or(begins, |next| next.min(begins)));
                        continue;
                    };
                    if *sends < SENDS.len() && due(*sends).is_some_and(|due| due <= waited) {
                        *sends += 1;
                        let line = &mut self.lines[question.server];
                        let sent = line.socket.as_ref().map(|socket| socket.send(&question.packet));
                        // A full buffer is a lost packet, and a lost packet is sent again.
                        if matches!(sent, Some(Err(e)) if is_refusal(&e)) {
                            line.refused += 1;
                        }
                    }
                    let line = &self.lines[question.server];
                    if !line.answered && line.refused > 1 {
                        self.states[place] = State::Over(Heard::Unreachable);
                        continue;
                    }
                    if waited >= self.timeout {
                        let heard = if *strange { Heard::Malformed } else { Heard::Silence };
                        self.states[place] = State::Over(heard);
                        continue;
                    }
                    begins + due(*sends).unwrap_or(self.timeout)
                }
            };
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        next
    }

    /// Takes in all that waits in a socket.
    fn receive(&mut self, server: usize) {
        loop {
            let line = &mut self.lines[server];
            let Some(socket) = &line.socket else { return };
            let len = match socket.recv(&mut self.packet) {
                Ok(len) => len,
                Err(e) if is_refusal(&e) => {
                    line.refused += 1;
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            line.answered = true;
            let packet = &self.packet[..len];
            let mut asked = self.questions.iter().zip(&self.states);
            let Some(place) = asked.position(|(question, state)| {
                question.server == server
                    && matches!(state, State::Udp { .. })
                    && is_reply_to(packet, &question.packet)
            }) else {
                continue;
            };
            match read(packet, &self.questions[place].packet) {
                Some(reply) if reply.truncated => {
                    self.connect(place, Some(Box::new(reply)), Instant::now());
                }
                Some(reply) => self.states[place] = State::Over(Heard::Reply(Box::new(reply))),
                None => self.states[place] = State::Udp { sends: SENDS.len(), strange: true },
            }
        }
    }

    /// Begins a question by TCP.
    fn connect(&mut self, place: usize, cut: Option<Box<Reply>>, now: Instant) {
        let question = &self.questions[place];
        let token = Token(self.lines.len() + place);
        let opened = TcpStream::connect(self.servers[question.server]).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, interest)?;
            Ok(stream)
        });
        self.states[place] = match opened {
            Err(_) => State::Over(cut.map_or(Heard::Unreachable, Heard::Reply)),
            Ok(stream) => {
                let len = (question.packet.len() as u16).to_be_bytes();
                let out = [&len[..], &question.packet].concat();
                let deadline = now + self.timeout;
                State::Tcp(Connection { stream, deadline, out, reply: Vec::new(), cut })
            }
        };
    }

    /// Writes and reads as much as a connection takes and gives.
    fn converse(&mut self, place: usize) {
        let State::Tcp(connection) = &mut self.states[place] else { return };
        let heard = match connection.advance() {
            Ok(false) => return,
            Ok(true) => {
                let packet = connection.reply.get(2..).unwrap_or_default();
                let query = &self.questions[place].packet;
                match read(packet, query).filter(|_| is_reply_to(packet, query)) {
                    Some(reply) => Heard::Reply(Box::new(reply)),
                    None => connection.cut.take().map_or(Heard::Malformed, Heard::Reply),
                }
            }
            Err(e) if is_refusal(&e) => {
                connection.cut.take().map_or(Heard::Unreachable, Heard::Reply)
            }
            Err(_) => given_up(connection.cut.take()),
        };
        self.states[place] = State::Over(heard);
    }
}

impl Connection {
    /// Goes on as far as it can; says whether the reply is complete.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(e) if is_not_yet(&e) => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        loop {
            let wanted = match self.reply.first_chunk() {
                None => 2 - self.reply.len(),
                Some(len) => (2 + usize::from(u16::from_be_bytes(*len))) - self.reply.len(),
            };
            if wanted == 0 {
                return Ok(true);
            }
            let mut part = [0; 4096];
            let wanted = wanted.min(part.len());
            match self.stream.read(&mut part[..wanted]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.reply.extend_from_slice(&part[..n]),
                Err(e) if is_not_yet(&e) => return Ok(false),
                Err(e) => return Err(e),
            }
        }
    }
}

/// What came of a question by TCP without an answer.
fn given_up(cut: Option<Box<Reply>>) -> Heard {
    cut.map_or(Heard::Silence, Heard::Reply)
}

/// A socket that sends to and receives from one server only, from a port the system chooses at random.
fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.connect(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Whether an error means that nobody listens there, or that there is no way to it.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable
    )
}

/// Whether an error means that there is more to come.
fn is_not_yet(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::WouldBlock | Kind::NotConnected | Kind::Interrupted)
}

/// When a question is sent, as a part of the time it has.
const SENDS: [f64; 4] = [0.0, 0.15, 0.35, 0.6];
