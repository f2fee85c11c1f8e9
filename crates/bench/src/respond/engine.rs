//! Repute's `respond`, called as the server calls it: a batch of received packets at a time, or one.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use repute_nameserver::{
    Client, Outcome, Queries as Parsed, ReplyBuffer, Request, Transport, Zones, respond,
    respond_batch,
};

use crate::kernel;
use crate::library::now;
use crate::queries::{Expect, Queries};

/// How `respond` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// A query at a time.
    One,
    /// 64 queries at a time, so that memory is fetched for all before the first is answered.
    Batch,
}

/// What a run over queries found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finding {
    /// Bytes of all replies.
    pub(crate) bytes: u64,
    /// Replies that say otherwise than the list does.
    pub(crate) wrong: u64,
}

/// A thread's means to answer.
pub(crate) struct Engine<'z> {
    /// What is served.
    zones: &'z Zones,
    /// Where queries of a batch are taken apart.
    parsed: Parsed,
    /// Where replies are written.
    replies: Vec<ReplyBuffer>,
}

impl<'z> Engine<'z> {
    /// Makes room for replies.
    pub(crate) fn new(zones: &'z Zones) -> Engine<'z> {
        Engine { zones, parsed: Parsed::default(), replies: ReplyBuffer::many(kernel::BATCH) }
    }

    /// Answers all queries once.
    pub(crate) fn answer(&mut self, queries: &Queries, way: Way) -> Finding {
        let mut finding = Finding::default();
        let now = now();
        for start in (0..queries.len()).step_by(kernel::BATCH) {
            self.answer_batch(queries, start, now, way, &mut finding);
        }
        finding
    }

    /// Answers the first `count` queries, with caches flushed before each batch, off the clock.
    pub(crate) fn answer_flushed(
        &mut self,
        queries: &Queries,
        count: usize,
        way: Way,
        walk: &mut [u8],
    ) -> Duration {
        let mut spent = Duration::ZERO;
        let mut finding = Finding::default();
        let now = now();
        for start in (0..count.min(queries.len())).step_by(kernel::BATCH) {
            for line in walk.iter_mut().step_by(64) {
                *line = line.wrapping_add(1);
            }
            std::hint::black_box(&mut *walk);
            let begin = Instant::now();
            self.answer_batch(queries, start, now, way, &mut finding);
            spent += begin.elapsed();
        }
        std::hint::black_box(finding);
        spent
    }

    /// Answers up to 64 queries from `start` on.
    fn answer_batch(
        &mut self,
        queries: &Queries,
        start: usize,
        now: u32,
        way: Way,
        finding: &mut Finding,
    ) {
        let count = kernel::BATCH.min(queries.len() - start);
        let mut outcomes = [Outcome::Drop; kernel::BATCH];
        match way {
            Way::Batch => {
                let requests: [Request<'_>; kernel::BATCH] = std::array::from_fn(|i| Request {
                    bytes: queries.packet(start + i.min(count - 1)),
                    client: CLIENT,
                });
                let (replies, outcomes) = (&mut self.replies[..count], &mut outcomes[..count]);
                let requests = &requests[..count];
                respond_batch(&mut self.parsed, requests, now, self.zones, replies, outcomes);
            }
            Way::One => {
                for (i, outcome) in outcomes[..count].iter_mut().enumerate() {
                    let (packet, reply) = (queries.packet(start + i), self.replies[i].as_mut());
                    *outcome = respond(packet, &CLIENT, now, self.zones, reply);
                }
            }
        }
        for (i, outcome) in outcomes[..count].iter().enumerate() {
            let listed = match outcome {
                Outcome::Reply(reply) => {
                    finding.bytes += u64::from(reply.len);
                    reply.answers > 0
                }
                Outcome::Drop | Outcome::Limited | Outcome::Beyond => false,
            };
            let expected = queries.expected(start + i) == Expect::Listed;
            finding.wrong += u64::from(listed != expected);
        }
    }
}

/// Who asks.
const CLIENT: Client =
    Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), transport: Transport::Udp };
