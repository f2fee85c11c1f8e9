//! The thread that takes records out of the queues and writes them as lines.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::sink::Sink;
use super::{Channel, Format, Orders, QUEUE_RECORDS, line};
use crate::status::StatusBoard;

/// The log thread.
pub(super) struct Writer {
    /// The queues of all workers.
    pub(super) channels: Vec<Arc<Channel>>,
    /// What it is told.
    pub(super) orders: Arc<Orders>,
    /// How lines look.
    pub(super) format: Format,
    /// Knows the names of zones.
    pub(super) board: Arc<StatusBoard>,
    /// Where lines go.
    pub(super) sink: Sink,
}

impl Writer {
    /// Writes until told to stop.
    pub(super) fn run(mut self) {
        let mut text = Vec::new();
        loop {
            let stopping = self.orders.stop.load(Ordering::Acquire);
            if self.orders.reopen.swap(false, Ordering::AcqRel) {
                self.sink.reopen();
            }
            let (mut lines, mut idle) = (0, true);
            for channel in &self.channels {
                // At most one queue's worth, so that a busy worker does not keep the others waiting.
                for record in std::iter::from_fn(|| channel.queue.pop()).take(QUEUE_RECORDS) {
                    let before = text.len();
                    line::write(&record, self.format, &self.board, &mut text);
                    lines += u64::from(text.len() > before);
                    self.sink.line(&mut text);
                    idle = false;
                }
            }
            self.sink.flush(&mut text);
            self.orders.lines.fetch_add(lines, Ordering::Relaxed);
            match (idle, stopping) {
                (true, true) => return,
                (true, false) => thread::park_timeout(PAUSE),
                (false, _) => {}
            }
        }
    }
}

/// How often an idle log thread looks: a full queue at 200,000 queries a second.
const PAUSE: Duration = Duration::from_millis(20);
