//! Messages on a connection, each behind two bytes of length and within its own time (RFC 7766 section 8).

use std::io;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::timeout;

use super::tally::Tally;
use super::wire::send_all;
use crate::beyond::{Outgoing, Sending};

/// The way of one answer, which may be many messages, over a connection.
pub(super) struct Framed<'s, S> {
    /// The connection.
    stream: &'s mut S,
    /// How long the client may take for one message.
    limit: Duration,
    /// Where the answer is counted.
    tally: &'s Tally,
    /// A message with its length, while it is sent.
    frame: Vec<u8>,
    /// How far the answer is.
    state: State,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sent.
    Fresh,
    /// Its first message was sent.
    Begun,
    /// A message was sent in part, or might have been.
    Broken,
}

impl<'s, S> Framed<'s, S> {
    /// A way on which nothing was sent yet.
    pub(super) fn new(stream: &'s mut S, limit: Duration, tally: &'s Tally) -> Framed<'s, S> {
        Framed { stream, limit, tally, frame: Vec::new(), state: State::Fresh }
    }

    /// Whether nothing can follow on the connection.
    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }
}

impl<S: AsyncWrite + Unpin + Send> Outgoing for Framed<'_, S> {
    fn send<'a>(&'a mut self, message: &'a [u8]) -> Sending<'a> {
        Box::pin(async move {
            let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            let before = self.state;
            if before == State::Broken {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            // Until all of it is with the kernel: whoever drops this future leaves half a message.
            self.state = State::Broken;
            self.frame.clear();
            self.frame.extend_from_slice(&length.to_be_bytes());
            self.frame.extend_from_slice(message);
            let sent = timeout(self.limit, send_all(self.stream, &self.frame)).await;
            let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            if let Err(error) = sent {
                self.tally.send_failed();
                return Err(error);
            }
            match before {
                State::Begun => self.tally.more(message),
                State::Fresh | State::Broken => self.tally.answer(message),
            }
            self.state = State::Begun;
            Ok(())
        })
    }
}
