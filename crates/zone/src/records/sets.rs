//! What a zone answers at one name, as records without their owner.
//!
//! Their data lie in wire form in one buffer, which is used again for each name: whoever goes through a list of a
//! million entries allocates nothing on the way.

use std::io::Write;
use std::net::Ipv6Addr;

use repute_dnsxl::Name;

use crate::records::sorted_names::labels_with_length;
use crate::relative::Relative;
use crate::zone::{Address, Dialect, Hit, Listing, Question, Subject, Zone};

/// Records of one name: each once, and those of one type with one time to live (RFC 2181 section 5).
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordSets {
    records: Vec<Held>,
    data: Vec<u8>,
}

/// A record, whose data lie in a buffer.
#[derive(Clone, Copy, Debug)]
struct Held {
    rtype: u16,
    ttl: u32,
    /// Where its data begin.
    at: usize,
    /// How long they are.
    len: usize,
}

/// A record without its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bare<'s> {
    /// Its type.
    pub(crate) rtype: u16,
    /// Its data in wire form.
    pub(crate) data: &'s [u8],
    /// Its time to live in seconds.
    pub(crate) ttl: u32,
}

impl RecordSets {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.data.clear();
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Bare<'_>> {
        self.records.iter().map(|held| self.bare(held))
    }

    /// One of them.
    pub(crate) fn get(&self, place: usize) -> Option<Bare<'_>> {
        self.records.get(place).map(|held| self.bare(held))
    }

    /// Puts them in the order of their types and data.
    pub(crate) fn sort(&mut self) {
        let RecordSets { records, data } = self;
        let data = |held: &Held| data.get(held.at..held.at + held.len);
        records.sort_unstable_by(|a, b| a.rtype.cmp(&b.rtype).then_with(|| data(a).cmp(&data(b))));
    }

    /// Adds a record, if it is not there.
    pub(crate) fn add(&mut self, rtype: u16, mut ttl: u32, data: &[u8]) {
        let mut is_there = false;
        for bare in self.iter().filter(|bare| bare.rtype == rtype) {
            ttl = ttl.min(bare.ttl);
            is_there |= bare.data == data;
        }
        for held in self.records.iter_mut().filter(|held| held.rtype == rtype) {
            held.ttl = ttl;
        }
        if !is_there {
            let (at, len) = (self.data.len(), data.len());
            self.data.extend_from_slice(data);
            self.records.push(Held { rtype, ttl, at, len });
        }
    }

    fn bare(&self, held: &Held) -> Bare<'_> {
        let data = self.data.get(held.at..held.at + held.len).unwrap_or_default();
        Bare { rtype: held.rtype, data, ttl: held.ttl }
    }
}

impl PartialEq for RecordSets {
    fn eq(&self, other: &RecordSets) -> bool {
        self.iter().eq(other.iter())
    }
}

/// A zone to be asked for what a client without a key is told.
#[derive(Debug)]
pub(crate) struct Asked<'z> {
    zone: &'z Zone,
    /// The same, but with one name for each address.
    plain: Zone,
    now: u32,
}

impl<'z> Asked<'z> {
    /// A zone at a time (seconds since 1970).
    pub(crate) fn new(zone: &'z Zone, now: u32) -> Asked<'z> {
        Asked { zone, plain: Zone { dialect: Dialect::Native, ..zone.clone() }, now }
    }

    /// Adds the answer at the name that the first `len` bytes are in wire form, without the root and the apex. Some bytes
    /// behind them make reading faster.
    pub(crate) fn own(&self, buffer: &[u8], len: usize, sets: &mut RecordSets) {
        let mut starts = [0; MOST_LABELS];
        let (wire, _) = buffer.split_at(len.min(buffer.len()));
        let count = label_starts(wire, &mut starts);
        let name = Relative::in_buffer(buffer, wire.len(), &starts[..count]);
        // The other dialect's rules are for 127.0.0.1 and its like only.
        let zone = match self.zone.question(name).is_never_listed() {
            true => self.zone,
            false => &self.plain,
        };
        self.take(wire, None, sets, |hit| {
            zone.visit(name, hit);
        });
    }

    /// Adds what a name is answered at which nothing begins, so that only what lies around it lists it; `wire` is such a
    /// name. As an address it is the given one, counted from the last `base` labels on. `network` is named in texts
    /// instead of the address, if there is one.
    pub(crate) fn below(
        &self,
        wire: &[u8],
        base: usize,
        address: Address,
        network: Option<Subject>,
        sets: &mut RecordSets,
    ) {
        let mut starts = [0; MOST_LABELS];
        let count = label_starts(wire, &mut starts);
        let question = Question::new(Relative::new(wire, &starts[..count]), address);
        self.take(wire, network, sets, |hit| self.plain.visit_unsaid(question, base, hit));
    }

    /// Adds what is found.
    fn take(
        &self,
        wire: &[u8],
        network: Option<Subject>,
        sets: &mut RecordSets,
        visit: impl FnOnce(&mut dyn FnMut(Hit<'_>)),
    ) {
        let mut hidden = None;
        visit(&mut |hit| match hit {
            Hit::Listing(listing) if !listing.applies(self.now, false) => {
                hidden = Some(listing.ttl());
            }
            Hit::Listing(listing) => {
                let subject = network.unwrap_or_else(|| listing.subject());
                self.add_listing(listing.about(subject), wire, sets);
            }
            Hit::Record(record) => sets.add(record.rtype(), record.ttl(), record.data()),
        });
        if let Some(ttl) = hidden.filter(|_| sets.is_empty()) {
            // An entry that does not apply is no listing, but it is there: NODATA, as the server says.
            sets.add(HINFO, ttl, EXISTS);
        }
    }

    fn add_listing(&self, listing: Listing<'_>, wire: &[u8], sets: &mut RecordSets) {
        let mut room = [0; LONGEST_TARGET];
        let target = target(listing.subject(), wire, &mut room);
        for pair in listing.pairs(self.now, false) {
            sets.add(A, listing.ttl(), &pair.code);
        }
        for pair in listing.pairs(self.now, false) {
            // One string behind its length.
            let mut text = [0; 1 + LONGEST_TEXT];
            let len = self.zone.write_text(listing, pair, target, &mut text[1..]);
            if len > 0 {
                text[0] = len as u8;
                sets.add(TXT, listing.ttl(), &text[..=len]);
            }
        }
    }
}

/// What texts name, as the server writes it; `wire` is the name that was asked about.
fn target<'r>(subject: Subject, wire: &[u8], room: &'r mut [u8; LONGEST_TARGET]) -> &'r [u8] {
    let all = room.len();
    let mut rest = &mut room[..];
    let written = match subject {
        Subject::Ipv4(address) => {
            // By far the most, so without the machinery of formatting.
            let mut at = 0;
            for octet in address.to_be_bytes() {
                if at > 0 {
                    rest[at] = b'.';
                    at += 1;
                }
                for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
                    if octet >= least {
                        rest[at] = b'0' + octet / unit % 10;
                        at += 1;
                    }
                }
            }
            return &room[..at];
        }
        // Never with an IPv4 address at its end.
        Subject::Ipv6(address) if address >> 32 == 0xffff => {
            write!(rest, "::ffff:{:x}:{:x}", address >> 16 & 0xffff, address & 0xffff)
        }
        Subject::Ipv6(address) => write!(rest, "{}", Ipv6Addr::from(address)),
        Subject::Name { start, end } => {
            let entry = wire.get(usize::from(start)..usize::from(end)).unwrap_or_default();
            if let Some(len) = plain(entry, rest) {
                return &room[..len];
            }
            match Name::from_wire(&[entry, &[0]].concat()) {
                Ok(name) => write!(rest, "{name}"),
                Err(_) => Ok(()),
            }
        }
        Subject::Client => Ok(()),
    };
    // There is room for the longest name, so nothing else can fail.
    let left = if written.is_ok() { rest.len() } else { all };
    &room[..all - left]
}

/// Writes a name of letters, digits and hyphens, as nearly all are; nothing if it is another one.
fn plain(wire: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    for label in labels_with_length(wire) {
        if at > 0 {
            *out.get_mut(at)? = b'.';
            at += 1;
        }
        let label = label.get(1..)?;
        if !label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            return None;
        }
        out.get_mut(at..at + label.len())?.copy_from_slice(label);
        at += label.len();
    }
    (at > 0).then_some(at)
}

/// Finds where each label of a name in wire form begins; how many there are.
fn label_starts(wire: &[u8], starts: &mut [u8; MOST_LABELS]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let (Some(&len), Some(start)) = (wire.get(at), starts.get_mut(count)) {
        *start = at as u8;
        count += 1;
        at += 1 + usize::from(len);
    }
    count
}

/// Data of a record that only says that its name exists and is not listed: `"" "not listed"`.
pub(crate) const EXISTS: &[u8] = b"\x00\x0anot listed";
/// Type of an address (RFC 1035 section 3.4.1).
pub(crate) const A: u16 = 1;
/// Type of a name server (RFC 1035 section 3.3.11).
pub(crate) const NS: u16 = 2;
/// Type of host information (RFC 1035 section 3.3.2).
pub(crate) const HINFO: u16 = 13;
/// Type of a text (RFC 1035 section 3.3.14).
pub(crate) const TXT: u16 = 16;

/// The longest text, as served.
const LONGEST_TEXT: usize = 254;
/// The longest name as text: each byte may take four.
const LONGEST_TARGET: usize = 1024;
/// Most labels of a name.
const MOST_LABELS: usize = 128;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// What texts name, of a name that was asked about.
    fn named(subject: Subject, name: &str) -> String {
        let name: Name = name.parse().expect("a name");
        let mut room = [0; LONGEST_TARGET];
        String::from_utf8_lossy(target(subject, name.relative(), &mut room)).into_owned()
    }

    #[test]
    fn texts_name_what_is_listed() {
        for address in [0, 0x0102_0304, 0xc000_0207, 0x0a64_ff09, 0x6313_0a00, u32::MAX] {
            let text = Ipv4Addr::from(address).to_string();
            assert_eq!(named(Subject::Ipv4(address), "x"), text);
        }
        assert_eq!(named(Subject::Ipv6(0x2001_0db8 << 96 | 1), "x"), "2001:db8::1");
        assert_eq!(named(Subject::Ipv6(0xffff_7f00_0002), "x"), "::ffff:7f00:2");
        let all = Subject::Name { start: 0, end: 200 };
        assert_eq!(named(all, "x"), ".", "there are no such bytes");
        for name in ["mail-1.example", "_dmarc.example", "a\\.b.example", "\\000.x"] {
            let end = name.parse::<Name>().expect("a name").relative().len() as u8;
            assert_eq!(named(Subject::Name { start: 0, end }, name), name);
        }
        assert_eq!(named(Subject::Name { start: 4, end: 12 }, "www.example"), "example");
        assert_eq!(named(Subject::Client, "x"), "");
    }

    #[test]
    fn records_of_one_type_live_equally_long_and_are_there_once() {
        let mut sets = RecordSets::default();
        for (rtype, ttl, data) in [(TXT, 60, "b"), (A, 30, "x"), (TXT, 20, "a"), (TXT, 90, "b")] {
            sets.add(rtype, ttl, data.as_bytes());
        }
        sets.sort();
        let bare = |rtype, ttl, data| Bare { rtype, data, ttl };
        let expect = [bare(A, 30, &b"x"[..]), bare(TXT, 20, b"a"), bare(TXT, 20, b"b")];
        assert!(sets.iter().eq(expect));
        assert_eq!(sets.get(1), Some(expect[1]));
        sets.clear();
        assert!(sets.is_empty() && sets.get(0).is_none());
    }
}
