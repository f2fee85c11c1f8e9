//! What a zone answers at one name, as records to be written.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::Name;

use crate::export::{quoted, record_text};
use crate::relative::Relative;
use crate::zone::{Dialect, Hit, Listing, Subject, Zone};

/// Records of one name: each once, and those of one type with one time to live (RFC 2181 section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RecordSets {
    records: Vec<Record>,
}

/// A record without its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    rtype: u16,
    ttl: u32,
    /// Type and data, as in a master file.
    text: String,
}

/// A zone to be asked for what a client without a key is told.
pub(super) struct Asked<'z> {
    zone: &'z Zone,
    /// The same, but with one name for each address.
    plain: Zone,
    now: u32,
}

impl<'z> Asked<'z> {
    /// A zone at a time (seconds since 1970).
    pub(super) fn new(zone: &'z Zone, now: u32) -> Asked<'z> {
        Asked { zone, plain: Zone { dialect: Dialect::Native, ..zone.clone() }, now }
    }

    /// The answer at a name in wire form without the root. `network` is named in texts instead of
    /// the address that was asked about, if there is one.
    pub(super) fn at(&self, wire: &[u8], network: Option<Subject>) -> RecordSets {
        let (mut starts, mut at) = ([0; 128], 0);
        let mut count = 0;
        while let Some(&len) = wire.get(at) {
            starts[count] = at as u8;
            count += 1;
            at += 1 + usize::from(len);
        }
        let name = Relative::new(wire, &starts[..count]);
        let (mut sets, mut hidden) = (RecordSets::default(), None);
        let mut hit = |hit: Hit<'_>| match hit {
            Hit::Listing(listing) if !listing.applies(self.now, false) => {
                hidden = Some(listing.ttl());
            }
            Hit::Listing(listing) => {
                let subject = network.unwrap_or_else(|| listing.subject());
                self.add_listing(listing.about(subject), wire, &mut sets);
            }
            Hit::Record(record) => {
                if let Some(text) = record_text(record) {
                    sets.add(record.rtype(), record.ttl(), text);
                }
            }
        };
        // The other dialect's rules are for 127.0.0.1 and its like only.
        if self.zone.question(name).is_never_listed() {
            self.zone.visit(name, &mut hit);
        } else {
            self.plain.visit(name, &mut hit);
        }
        if let Some(ttl) = hidden.filter(|_| sets.is_empty()) {
            // An entry that does not apply is no listing, but it is there: NODATA, as the server says.
            sets.add(13, ttl, EXISTS.to_owned());
        }
        sets
    }

    fn add_listing(&self, listing: Listing<'_>, wire: &[u8], sets: &mut RecordSets) {
        let target = match listing.subject() {
            Subject::Ipv4(address) => Ipv4Addr::from(address).to_string(),
            // As the server writes it: never with an IPv4 address at its end.
            Subject::Ipv6(address) if address >> 32 == 0xffff => {
                format!("::ffff:{:x}:{:x}", address >> 16 & 0xffff, address & 0xffff)
            }
            Subject::Ipv6(address) => Ipv6Addr::from(address).to_string(),
            Subject::Name { start, end } => {
                let entry = wire.get(usize::from(start)..usize::from(end)).unwrap_or_default();
                let name = Name::from_wire(&[entry, &[0]].concat());
                name.map_or_else(|_| String::new(), |name| name.to_string())
            }
            Subject::Client => String::new(),
        };
        for pair in listing.pairs(self.now, false) {
            sets.add(1, listing.ttl(), format!("A\t{}", Ipv4Addr::from(pair.code)));
        }
        for pair in listing.pairs(self.now, false) {
            let mut text = [0; LONGEST_TEXT];
            let len = self.zone.write_text(listing, pair, target.as_bytes(), &mut text);
            if len > 0 {
                let mut quotes = b"TXT\t".to_vec();
                // Memory takes all that is written.
                let _ = quoted(&mut quotes, &text[..len]);
                sets.add(16, listing.ttl(), String::from_utf8_lossy(&quotes).into_owned());
            }
        }
    }
}

impl RecordSets {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Writes them for an owner.
    pub(super) fn write(&self, owner: &str, out: &mut dyn Write) -> io::Result<()> {
        let mut records = self.records.iter();
        records.try_for_each(|r| writeln!(out, "{owner}\t{}\tIN\t{}", r.ttl, r.text))
    }

    fn add(&mut self, rtype: u16, mut ttl: u32, text: String) {
        let mut is_there = false;
        for record in self.records.iter_mut().filter(|record| record.rtype == rtype) {
            ttl = ttl.min(record.ttl);
            is_there |= record.text == text;
        }
        for record in self.records.iter_mut().filter(|record| record.rtype == rtype) {
            record.ttl = ttl;
        }
        if !is_there {
            self.records.push(Record { rtype, ttl, text });
        }
    }
}

/// A record of a name that exists and is not listed.
pub(super) const EXISTS: &str = "HINFO\t\"\" \"not listed\"";
/// The longest text, as served.
const LONGEST_TEXT: usize = 254;
