//! The sockets of an exchange, and the loop that carries packets between it and the network.
//!
//! One thread, one `poll`: queries to many lists share few sockets, so that nothing has to be woken for
//! each of them.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::batch::{self, Batch};
use crate::exchange::{Exchange, OverTcp, SocketId, Ticket};
use crate::message::Manner;
use crate::survey::{Report, Survey, Tag};

/// The network side of an exchange.
#[derive(Debug)]
pub struct Sockets {
    poll: Poll,
    events: Events,
    /// Each with the place of its first socket.
    servers: Vec<(SocketAddr, usize)>,
    udp: Vec<UdpSocket>,
    /// Which socket each of them is.
    ids: Vec<SocketId>,
    tcp: Vec<Option<Connection>>,
    batch: Batch,
}

/// One query by TCP.
#[derive(Debug)]
struct Connection {
    ticket: Ticket,
    deadline: Instant,
    stream: TcpStream,
    /// What is still to be sent, with its length in front.
    out: Vec<u8>,
    /// What came.
    reply: Vec<u8>,
}

impl Sockets {
    /// No servers yet.
    ///
    /// # Errors
    /// If the system gives no more descriptors.
    pub fn new() -> io::Result<Sockets> {
        Ok(Sockets {
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            servers: Vec::new(),
            udp: Vec::new(),
            ids: Vec::new(),
            tcp: Vec::new(),
            batch: Batch::new(),
        })
    }

    /// Opens sockets to a server and makes it known to an exchange; returns its number there.
    ///
    /// # Errors
    /// If no socket can be opened or the address cannot be reached at all.
    pub fn add_server<T>(
        &mut self,
        exchange: &mut Exchange<T>,
        address: SocketAddr,
        manner: Manner,
        sockets: usize,
    ) -> io::Result<usize> {
        let server = exchange.add_server(manner, sockets);
        self.servers.push((address, self.udp.len()));
        for socket in 0..sockets {
            let mut udp = connected(address)?;
            let token = Token(self.udp.len());
            self.poll.registry().register(&mut udp, token, Interest::READABLE)?;
            self.udp.push(udp);
            self.ids.push(SocketId { server, socket });
        }
        Ok(server)
    }

    /// Sends and receives until there are answers, or nothing is on the way, or until a moment.
    ///
    /// # Errors
    /// If the system's poll fails.
    pub fn turn<T>(&mut self, exchange: &mut Exchange<T>, until: Instant) -> io::Result<()> {
        let now = Instant::now();
        exchange.tick(now);
        self.send(exchange, now);
        self.open_connections(exchange, now);
        self.end_connections(exchange, now);
        let due = exchange.next_due().into_iter().chain(self.connection_due());
        let until = due.fold(until, Instant::min);
        let wait = match exchange.has_answers() {
            true => Duration::ZERO,
            false => until.saturating_duration_since(Instant::now()),
        };
        // Poll counts in milliseconds and rounds up; a moment that is over is not waited for.
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        for token in tokens {
            match token.0.checked_sub(TCP) {
                None => self.receive(exchange, token.0),
                Some(place) => self.converse(exchange, place),
            }
        }
        Ok(())
    }

    /// Carries a survey to its end, or until `each` breaks off, which gets a report as soon as it and those
    /// before it are complete.
    ///
    /// # Errors
    /// If the system's poll fails.
    pub fn run(
        &mut self,
        survey: &mut Survey<'_>,
        exchange: &mut Exchange<Tag>,
        mut each: impl FnMut(Report) -> ControlFlow<()>,
    ) -> io::Result<()> {
        loop {
            let now = Instant::now();
            while let Some((tag, answer)) = exchange.next_answer() {
                survey.hear(tag, &answer, exchange, now);
            }
            while let Some(report) = survey.report(now) {
                if each(report).is_break() {
                    return Ok(());
                }
            }
            if survey.is_over(now) {
                return Ok(());
            }
            let again = survey.ask(exchange, now);
            // What is late already is waited for by its own deadline.
            let due = survey.next_due().filter(|due| *due > now);
            let until = again.into_iter().chain(due).fold(now + LONGEST_SLEEP, Instant::min);
            self.turn(exchange, until)?;
        }
    }

    /// Sends everything that is due.
    fn send<T>(&mut self, exchange: &mut Exchange<T>, now: Instant) {
        while let Some(datagram) = exchange.next_datagram(now) {
            let id = datagram.socket;
            let first = self.servers.get(id.server).map_or(0, |(_, first)| *first);
            self.batch.push(first + id.socket, datagram.bytes);
        }
        let ids = &self.ids;
        self.batch.send(&self.udp, |socket, error| {
            // A full buffer is a lost packet, and a lost packet is sent again.
            if is_refusal(error)
                && let Some(id) = ids.get(socket)
            {
                exchange.refuse(id.server, now);
            }
        });
    }

    /// Takes in all that waits in a socket.
    fn receive<T>(&mut self, exchange: &mut Exchange<T>, place: usize) {
        let (Some(id), Some(socket)) = (self.ids.get(place), self.udp.get(place)) else { return };
        loop {
            let now = Instant::now();
            match self.batch.receive(socket, |packet| exchange.receive(*id, packet, now)) {
                Ok(batch::MOST) => {}
                // Fewer than fit: it was the last, and should more have come, poll would say so again.
                Ok(_) => return,
                Err(e) if is_refusal(&e) => exchange.refuse(id.server, Instant::now()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Begins the queries by TCP that wait.
    fn open_connections<T>(&mut self, exchange: &mut Exchange<T>, now: Instant) {
        while let Some(OverTcp { ticket, server, bytes }) = exchange.next_over_tcp() {
            let deadline = exchange.tcp_deadline(ticket).unwrap_or(now);
            let place = self.tcp.iter().position(Option::is_none).unwrap_or(self.tcp.len());
            let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
            out.extend_from_slice(&bytes);
            let opened = TcpStream::connect(self.servers[server].0).and_then(|mut stream| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut stream, Token(TCP + place), interest)?;
                Ok(stream)
            });
            let Ok(stream) = opened else {
                exchange.receive_tcp(ticket, None, now);
                continue;
            };
            let connection = Some(Connection { ticket, deadline, stream, out, reply: Vec::new() });
            match self.tcp.get_mut(place) {
                Some(free) => *free = connection,
                None => self.tcp.push(connection),
            }
        }
    }

    /// Ends those whose time is over.
    fn end_connections<T>(&mut self, exchange: &mut Exchange<T>, now: Instant) {
        for slot in &mut self.tcp {
            if let Some(connection) = slot.take_if(|connection| connection.deadline <= now) {
                exchange.receive_tcp(connection.ticket, None, now);
            }
        }
    }

    /// When the first of them ends.
    fn connection_due(&self) -> Option<Instant> {
        self.tcp.iter().flatten().map(|connection| connection.deadline).min()
    }

    /// Writes and reads as much as a connection takes and gives.
    fn converse<T>(&mut self, exchange: &mut Exchange<T>, place: usize) {
        let Some(slot) = self.tcp.get_mut(place) else { return };
        let Some(connection) = slot else { return };
        let said = match connection.advance() {
            Ok(false) => return,
            Ok(true) => connection.reply.get(2..),
            Err(_) => None,
        };
        exchange.receive_tcp(connection.ticket, said, Instant::now());
        *slot = None;
    }
}

impl Connection {
    /// Goes on as far as it can; says whether the reply is complete.
    fn advance(&mut self) -> io::Result<bool> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        let mut part = [0; 4096];
        loop {
            let missing = match self.reply.first_chunk() {
                None => 2 - self.reply.len(),
                Some(len) => (2 + usize::from(u16::from_be_bytes(*len))) - self.reply.len(),
            };
            if missing == 0 && self.reply.len() >= 2 {
                return Ok(true);
            }
            let wanted = missing.clamp(1, part.len());
            match self.stream.read(&mut part[..wanted]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.reply.extend_from_slice(&part[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
    }
}

/// A socket that sends to and receives from one server only, from a port the system chooses at random.
fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // As much as the system allows: replies to a full window come all at once.
    drop(socket.set_recv_buffer_size(RECEIVE_BUFFER));
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

/// The first token of a connection.
const TCP: usize = 1 << 20;
/// Bytes of the receive buffer that are asked for.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The longest time the loop sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
