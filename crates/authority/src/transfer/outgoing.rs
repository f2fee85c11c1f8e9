//! A transfer on its way: written by a thread, signed, and carried by the task of its connection.

use std::ops::ControlFlow;
use std::sync::Arc;

use repute_dnsxl::Name;
use repute_nameserver::beyond::Outgoing;
use repute_records::{Record, Zone, rtype};
use repute_zone::Soa;
use tokio::sync::mpsc;

use super::ask::{Ask, What};
use super::message::Page;
use super::sequence;
use crate::signature::Signer;
use crate::store::Steps;

/// What a transfer is made of.
#[derive(Clone, Debug)]
pub enum Source {
    /// An ordinary zone, and what changed since the serial that the secondary has, if that is known.
    Records(Arc<Zone>, Option<Steps>),
    /// A list, the time (seconds since 1970) for which its records are made, and what changed as for a zone.
    List(Arc<repute_zone::Zone>, u32, Option<Steps>),
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How the transfer ended.
    pub outcome: Outcome,
    /// Its messages.
    pub messages: u64,
    /// Its records, the SOA records included.
    pub records: u64,
    /// Bytes of its messages.
    pub bytes: u64,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secondary has what it asked for already.
    Current,
    /// It got what changed.
    Changes,
    /// It got all.
    Whole,
    /// There is more than it may have: it got nothing.
    TooLarge,
    /// It was given up, as the secondary read no more, or a record fits into no message.
    Broken,
}

impl Source {
    /// The SOA record; a list without one is not transferred.
    pub fn soa(&self) -> Option<Record> {
        match self {
            Source::Records(zone, _) => Some(zone.soa_record()),
            Source::List(zone, ..) => zone.soa().map(|soa| soa_record(zone.apex(), soa)),
        }
    }

    /// What is sent for a question.
    fn plan(&self, ask: &Ask, serial: u32) -> Plan<'_> {
        let (Source::Records(_, steps) | Source::List(_, _, steps)) = self;
        match (ask.what, steps) {
            (What::Whole, _) => Plan::Whole,
            // Also if the secondary is ahead: it is told what there is (RFC 1995 section 2).
            (What::Since(from), _) if serial.wrapping_sub(from).cast_signed() <= 0 => Plan::Current,
            (What::Since(_), Some(steps)) if self.is_less(steps) => Plan::Changes(steps),
            (What::Since(_), _) => Plan::Whole,
        }
    }

    /// Whether what changed is less than all there is.
    fn is_less(&self, steps: &Steps) -> bool {
        let whole = match self {
            Source::Records(zone, _) => zone.len() as u64,
            Source::List(zone, ..) => zone.entries(),
        };
        steps.records() <= whole.max(FEW)
    }
}

/// What is sent.
enum Plan<'s> {
    Current,
    Changes(&'s Steps),
    Whole,
}

/// Sends what was asked for. `most` are the records that somebody may have; `now` is seconds since 1970.
pub async fn send(
    ask: Ask,
    id: [u8; 2],
    source: Source,
    mut signer: Option<Signer>,
    most: u64,
    now: u64,
    out: &mut (dyn Outgoing + Send),
) -> Sent {
    let room = LARGEST - signer.as_ref().map_or(0, Signer::room);
    let (pages, mut ready) = mpsc::channel(WAITING);
    let written = tokio::task::spawn_blocking(move || write(&ask, id, &source, most, room, &pages));
    let (mut messages, mut bytes, mut is_broken) = (0, 0, false);
    while let Some(mut page) = ready.recv().await {
        if let Some(signer) = &mut signer {
            signer.sign(&mut page, now);
        }
        messages += 1;
        bytes += page.len() as u64;
        if out.send(&page).await.is_err() {
            is_broken = true;
            break;
        }
    }
    // The writer sees by this that nobody takes any more.
    drop(ready);
    let (outcome, records) = written.await.unwrap_or((Outcome::Broken, 0));
    Sent { outcome: if is_broken { Outcome::Broken } else { outcome }, messages, records, bytes }
}

/// The answer to a question by UDP: the SOA, by which the secondary sees whether it has to come by TCP (RFC 1995
/// section 2).
pub fn answer_datagram(ask: &Ask, id: [u8; 2], source: &Source) -> Option<Vec<u8>> {
    let soa = source.soa()?;
    let mut page = Page::new(id, &ask.apex, ask.what.qtype(), LARGEST);
    page.push(soa.owner.as_wire(), soa.rtype, soa.ttl, &soa.data).then(|| page.take())
}

/// Writes all messages; how it ended, and how many records they have.
fn write(
    ask: &Ask,
    id: [u8; 2],
    source: &Source,
    most: u64,
    room: usize,
    pages: &mpsc::Sender<Vec<u8>>,
) -> (Outcome, u64) {
    let Some(soa) = source.soa() else { return (Outcome::Broken, 0) };
    let serial = repute_records::Soa::read(&soa.data).map_or(0, |soa| soa.serial);
    let mut page = Page::new(id, &ask.apex, ask.what.qtype(), room);
    let mut count = 0;
    let mut each = |owner: &[u8], rtype: u16, ttl: u32, data: &[u8]| {
        if !page.push(owner, rtype, ttl, data) {
            if page.is_empty() || pages.blocking_send(page.take()).is_err() {
                return ControlFlow::Break(());
            }
            if !page.push(owner, rtype, ttl, data) {
                return ControlFlow::Break(());
            }
        }
        count += 1;
        ControlFlow::Continue(())
    };
    let (outcome, flow) = match source.plan(ask, serial) {
        Plan::Current => {
            (Outcome::Current, each(soa.owner.as_wire(), soa.rtype, soa.ttl, &soa.data))
        }
        Plan::Changes(steps) => {
            let mut record = |record: &Record| {
                each(record.owner.as_wire(), record.rtype, record.ttl, &record.data)
            };
            let flow = steps.each(&mut record).unwrap_or_else(|error| {
                tracing::warn!(zone = %ask.apex, "what changed in `{}` cannot be sent: {error}", ask.apex);
                ControlFlow::Break(())
            });
            (Outcome::Changes, flow)
        }
        Plan::Whole => match source {
            Source::Records(zone, _) if zone.len() as u64 > most => return (Outcome::TooLarge, 0),
            Source::Records(zone, _) => (Outcome::Whole, sequence::zone(zone, &mut each)),
            Source::List(zone, ..) if zone.entries() > most => return (Outcome::TooLarge, 0),
            Source::List(zone, now, _) => {
                (Outcome::Whole, sequence::list(zone, &soa, *now, &mut each))
            }
        },
    };
    if flow.is_break() || pages.blocking_send(page.take()).is_err() {
        return (Outcome::Broken, count);
    }
    (outcome, count)
}

/// A list's SOA as a record.
pub(crate) fn soa_record(apex: &Name, soa: &Soa) -> Record {
    let mut data = [soa.origin.as_wire(), soa.person.as_wire()].concat();
    for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    Record { owner: apex.clone(), rtype: rtype::SOA, ttl: soa.ttl, data: data.into_boxed_slice() }
}

/// Bytes of a message: all that a length can say.
const LARGEST: usize = 65_535;
/// Messages that wait to be sent.
const WAITING: usize = 2;
/// So many records are always sent as changes.
const FEW: u64 = 100;
