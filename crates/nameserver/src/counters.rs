//! Counters of queries and answers.
//!
//! Every worker has its own [`Block`] and is its only writer: counting is a load and a store, without
//! a locked instruction and without a cache line that two cores want. Readers add the blocks up when
//! somebody asks. Counts are kept by the position of a zone in the configuration, so they outlive the
//! reload of its data.
//!
//! Deliberately nothing about clients: what is not counted cannot leak.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::respond::{Outcome, Reply, Transport};
use crate::zones::ZoneIndex;

mod class;
mod totals;

pub use class::{QueryType, Rcode};
pub use totals::{Totals, TransportTotals, ZoneTotals};

/// The counters of the whole server.
#[derive(Debug)]
pub struct Counters {
    /// One block for each UDP worker.
    udp: Vec<Arc<Block>>,
    /// The block of answers by UDP that others give, after a worker handed the query over.
    handed_over: SharedBlock,
    /// The block of all TCP connections.
    tcp: SharedBlock,
}

impl Counters {
    /// Makes zeroed counters for a number of UDP workers.
    pub(crate) fn new(workers: usize) -> Counters {
        Counters {
            udp: (0..workers).map(|_| Arc::default()).collect(),
            handed_over: SharedBlock::default(),
            tcp: SharedBlock::default(),
        }
    }

    /// The block of one UDP worker.
    pub(crate) fn udp(&self, worker: usize) -> Arc<Block> {
        Arc::clone(&self.udp[worker])
    }

    /// The block of answers by UDP that others give.
    pub(crate) fn handed_over(&self) -> SharedBlock {
        self.handed_over.clone()
    }

    /// The block of all TCP connections.
    pub(crate) fn tcp(&self) -> SharedBlock {
        self.tcp.clone()
    }

    /// Adds everything up.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for block in &self.udp {
            block.add_to(&mut totals, Transport::Udp);
        }
        self.handed_over.lock(|block| block.add_to(&mut totals, Transport::Udp));
        self.tcp.lock(|block| block.add_to(&mut totals, Transport::Tcp));
        totals
    }
}

/// The counters of one writer.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Block {
    /// Calls that brought queries.
    batches: Cell,
    /// Queries, answered or not.
    queries: Cell,
    /// Queries without an answer, by decision.
    dropped: Cell,
    /// Of these: because their network has had its answers.
    limited: Cell,
    /// Answers that were cut for that.
    slipped: Cell,
    /// Answers the kernel refused to send.
    send_failures: Cell,
    /// Batches lost to a fault of ours.
    panics: Cell,
    /// Bytes of queries.
    bytes_in: Cell,
    /// Bytes of answers.
    bytes_out: Cell,
    /// Answers to queries for no zone of ours.
    elsewhere: ZoneBlock,
    /// Answers by zone. Segment `k` holds `FIRST_SEGMENT << k` zones and is made when the first of
    /// them is asked: once in the life of a server, so that no limit need be known beforehand.
    zones: [OnceLock<Box<[ZoneBlock]>>; SEGMENTS],
}

impl Block {
    /// Counts one query and what became of it.
    #[inline]
    pub(crate) fn record(&self, request_len: usize, outcome: &Outcome) {
        self.queries.add(1);
        self.bytes_in.add(request_len as u64);
        match outcome {
            Outcome::Drop => self.dropped.add(1),
            Outcome::Limited => {
                self.dropped.add(1);
                self.limited.add(1);
            }
            // Its answer is counted when it is there.
            Outcome::Beyond => {}
            Outcome::Reply(reply) => {
                self.bytes_out.add(u64::from(reply.len));
                self.slipped.add(u64::from(reply.limited));
                self.zone(reply.zone).record(request_len, reply);
            }
        }
    }

    /// Counts an answer that somebody else gave, to a query that was counted when it came.
    pub(crate) fn answered(&self, reply: &Reply) {
        self.bytes_out.add(u64::from(reply.len));
        self.zone(reply.zone).record(0, reply);
    }

    /// Counts bytes of a further message of such an answer.
    pub(crate) fn sent_more(&self, bytes: usize) {
        self.bytes_out.add(bytes as u64);
    }

    /// Counts a call that brought queries.
    #[inline]
    pub(crate) fn batch(&self) {
        self.batches.add(1);
    }

    /// Counts answers that could not be sent.
    pub(crate) fn send_failed(&self, answers: usize) {
        self.send_failures.add(answers as u64);
    }

    /// Counts a fault of ours that was contained.
    pub(crate) fn panicked(&self) {
        self.panics.add(1);
    }

    /// The counters of a zone.
    #[inline]
    fn zone(&self, index: Option<ZoneIndex>) -> &ZoneBlock {
        let Some(ZoneIndex(index)) = index else { return &self.elsewhere };
        let (segment, place) = locate(index);
        let zones = self.zones[segment]
            .get_or_init(|| (0..FIRST_SEGMENT << segment).map(|_| ZoneBlock::default()).collect());
        &zones[place]
    }

    /// Adds this block to sums.
    fn add_to(&self, totals: &mut Totals, transport: Transport) {
        let sums = match transport {
            Transport::Udp => &mut totals.udp,
            Transport::Tcp => &mut totals.tcp,
        };
        sums.queries += self.queries.get();
        sums.dropped += self.dropped.get();
        sums.limited += self.limited.get();
        sums.slipped += self.slipped.get();
        sums.send_failures += self.send_failures.get();
        sums.batches += self.batches.get();
        sums.bytes_in += self.bytes_in.get();
        sums.bytes_out += self.bytes_out.get();
        totals.panics += self.panics.get();
        self.elsewhere.add_to(&mut totals.elsewhere, transport);
        let mut first = 0;
        for (k, segment) in self.zones.iter().enumerate() {
            for (i, zone) in segment.get().into_iter().flatten().enumerate() {
                if zone.is_zero() {
                    continue;
                }
                if totals.zones.len() <= first + i {
                    totals.zones.resize(first + i + 1, ZoneTotals::default());
                }
                zone.add_to(&mut totals.zones[first + i], transport);
            }
            first += FIRST_SEGMENT << k;
        }
    }
}

/// A block that several tasks write, one at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedBlock(Arc<Mutex<Block>>);

impl SharedBlock {
    /// Lets one task count.
    pub(crate) fn lock<R>(&self, count: impl FnOnce(&Block) -> R) -> R {
        count(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The counters of one zone at one writer, in cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct ZoneBlock {
    /// Answers by response code.
    rcodes: [Cell; Rcode::ALL.len()],
    /// Answers by type asked for.
    types: [Cell; QueryType::ALL.len()],
    /// Answers that name a listing.
    listed: Cell,
    /// Answers cut to fit UDP.
    truncated: Cell,
    /// Bytes of queries.
    bytes_in: Cell,
    /// Bytes of answers.
    bytes_out: Cell,
}

impl ZoneBlock {
    /// Counts one answer.
    #[inline]
    fn record(&self, request_len: usize, reply: &Reply) {
        self.rcodes[Rcode::of(reply.rcode) as usize].add(1);
        self.types[QueryType::of(reply.qtype) as usize].add(1);
        self.listed.add(u64::from(reply.listed));
        self.truncated.add(u64::from(reply.truncated));
        self.bytes_in.add(request_len as u64);
        self.bytes_out.add(u64::from(reply.len));
    }

    /// Whether nothing was ever counted here.
    fn is_zero(&self) -> bool {
        self.rcodes.iter().all(|c| c.get() == 0)
    }

    /// Adds these to sums.
    fn add_to(&self, sums: &mut ZoneTotals, transport: Transport) {
        for (sum, cell) in sums.rcodes.iter_mut().zip(&self.rcodes) {
            *sum += cell.get();
        }
        for (sum, cell) in sums.types.iter_mut().zip(&self.types) {
            *sum += cell.get();
        }
        sums.listed += self.listed.get();
        sums.truncated += self.truncated.get();
        sums.bytes_in += self.bytes_in.get();
        sums.bytes_out += self.bytes_out.get();
        if transport == Transport::Tcp {
            sums.tcp += self.rcodes.iter().map(Cell::get).sum::<u64>();
        }
    }
}

/// A counter with one writer at a time.
#[derive(Debug, Default)]
struct Cell(AtomicU64);

impl Cell {
    /// Adds, by the one writer: no other store can come between the load and ours.
    #[inline]
    fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Reads, by anybody.
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The segment of a zone index, and the place in it.
#[inline]
fn locate(index: u16) -> (usize, usize) {
    let shifted = usize::from(index) + FIRST_SEGMENT;
    let segment = shifted.ilog2() as usize - FIRST_SEGMENT.ilog2() as usize;
    (segment, shifted - (FIRST_SEGMENT << segment))
}

/// Zones in the first segment: a power of two.
const FIRST_SEGMENT: usize = 16;
/// Segments for all 65,536 indices.
const SEGMENTS: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(zone: Option<u16>, rcode: u8, qtype: u16) -> Outcome {
        Outcome::Reply(Reply {
            len: 100,
            zone: zone.map(ZoneIndex),
            rcode,
            qtype,
            answers: 1,
            listed: rcode == 0,
            truncated: false,
            keyed: false,
            proven: false,
            limited: false,
        })
    }

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let mut expect = (0, 0);
        for index in 0..=u16::MAX {
            assert_eq!(locate(index), expect, "{index}");
            expect.1 += 1;
            if expect.1 == FIRST_SEGMENT << expect.0 {
                expect = (expect.0 + 1, 0);
            }
        }
        assert!(expect.0 < SEGMENTS);
    }

    #[test]
    fn counts_are_by_zone_rcode_type_and_transport() {
        let counters = Counters::new(2);
        counters.udp(0).record(40, &reply(Some(0), 0, 1));
        counters.udp(1).record(40, &reply(Some(0), 3, 16));
        counters.udp(1).record(40, &reply(Some(500), 0, 99));
        counters.udp(1).record(12, &Outcome::Drop);
        counters.tcp().lock(|b| b.record(50, &reply(None, 5, 1)));
        let totals = counters.totals();
        let first = totals.zone(ZoneIndex(0));
        assert_eq!((first.rcode(Rcode::NoError), first.rcode(Rcode::NxDomain)), (1, 1));
        assert_eq!((first.listed, first.bytes_in, first.bytes_out, first.tcp), (1, 80, 200, 0));
        assert_eq!(first.types[QueryType::Txt as usize], 1);
        assert_eq!(totals.zone(ZoneIndex(500)).types[QueryType::Other as usize], 1);
        assert_eq!(totals.zone(ZoneIndex(501)), ZoneTotals::default());
        assert_eq!((totals.udp.queries, totals.udp.dropped, totals.tcp.queries), (4, 1, 1));
        assert_eq!((totals.elsewhere.rcode(Rcode::Refused), totals.elsewhere.tcp), (1, 1));
        assert_eq!(totals.everywhere().answers(), 4);
    }

    #[test]
    fn the_difference_is_what_was_counted_since() {
        let counters = Counters::new(1);
        counters.udp(0).record(40, &reply(Some(1), 0, 1));
        let before = counters.totals().zone(ZoneIndex(1));
        counters.udp(0).record(40, &reply(Some(1), 3, 1));
        let since = counters.totals().zone(ZoneIndex(1)) - before;
        assert_eq!((since.answers(), since.rcode(Rcode::NxDomain)), (1, 1));
    }
}
