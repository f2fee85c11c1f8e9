//! The door for messages that [`respond`](crate::respond()) does not answer.
//!
//! Updates (RFC 2136), NOTIFY (RFC 1996), transfers (RFC 5936, 1995) and whatever is signed (RFC 8945)
//! need a key, a store or many messages, and so time. A worker has none: it hands such a message to a
//! [`Beyond`] and goes on with the next query. Whether there is one, the zones say by their
//! [`Handover`](crate::Handover).
//!
//! Deliberately no meaning of any message: that is decided by whoever implements [`Beyond`].

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

pub use crate::listen::back::Back;
use crate::report::BeyondReport;

/// Answers what [`respond`](crate::respond()) does not.
///
/// Messages are whole, as they came. Their header and their question could be read, and unless the opcode is
/// that of an update or of NOTIFY their records too; nothing else is known of them.
pub trait Beyond: Send + Sync + 'static {
    /// Takes a datagram. It is called by a worker, on which other queries wait: whoever needs time
    /// queues a copy, with a bound, and drops what is too much. An answer goes [`Back`] from any thread.
    fn datagram(&self, message: &[u8], peer: SocketAddr, back: Back);

    /// What was done so far. It is asked for metrics and status.
    fn report(&self) -> BeyondReport;

    /// Answers a message of a connection, by as many messages as it takes; whether the connection goes
    /// on. Other messages of the connection wait meanwhile. It is dropped when the server stops.
    fn stream<'a>(
        &'a self,
        message: &'a [u8],
        peer: SocketAddr,
        out: &'a mut (dyn Outgoing + Send),
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// The way of answers over a connection.
pub trait Outgoing {
    /// Sends one message behind its length, and returns when the kernel has taken it. A client has
    /// [`write`](crate::listen::tcp::Config::write) to make room for each message, so that it may read a
    /// long answer for as long as it gets on; nothing gathers here.
    ///
    /// # Errors
    /// If the connection is broken, the client reads too slowly, or the message has more than 65,535 bytes.
    /// Nothing more can be sent then.
    fn send<'a>(&'a mut self, message: &'a [u8]) -> Sending<'a>;
}

/// A message on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;
