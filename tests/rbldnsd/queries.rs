//! Queries of every kind a name server meets: what lists are asked for, and what strays in.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::lists::{Lists, Zone, nibbles, octets};
use crate::random::Random;
use crate::wire::{self, name_wire, rtype};

/// A query as bytes, and what the comparer must know of it.
pub(crate) struct Query {
    /// The message; its first two bytes are overwritten with an identifier when it is sent.
    pub(crate) bytes: Vec<u8>,
    /// The name asked for, in wire form; empty if the message has none that can be read.
    pub(crate) name: Vec<u8>,
    /// The apex of the zone meant, in wire form; empty if none is.
    pub(crate) apex: Vec<u8>,
    /// The type asked for.
    pub(crate) rtype: u16,
    /// The class asked for.
    pub(crate) class: u16,
    /// What is wrong with it, as the sender knows.
    pub(crate) defect: Defect,
    /// What the one good OPT record in it says.
    pub(crate) edns: Option<Edns>,
}

/// What an OPT record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edns {
    /// The version.
    pub(crate) version: u8,
    /// The size of UDP message the client takes.
    pub(crate) size: u16,
}

/// Whether and how a query strays from what clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// It does not.
    None,
    /// A header bit that only replies have (AA, TC) or that nobody knows (Z).
    Flag,
    /// An operation other than QUERY.
    Opcode,
    /// It cannot be read: a section is cut off, a name is broken, a count lies.
    Format,
    /// It is a reply, or too short to have an identifier and a header: nobody answers that.
    Reply,
}

/// Asks for everything the lists speak of, so that each entry is a witness: what is listed under
/// an address or a name proves all names above it.
pub(crate) fn exhaustive(lists: &Lists) -> Vec<Query> {
    let mut queries = Vec::new();
    for zone in &lists.zones {
        let mut names: Vec<String> = Vec::new();
        for &address in &zone.ipv4 {
            names.push(octets(address));
            names.push(nibbles(address.to_ipv6_mapped()));
            let [a, b, c, d] = address.octets();
            let high = u16::from_be_bytes([a, b]);
            let low = u16::from_be_bytes([c, d]);
            names.push(nibbles(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0)));
        }
        names.extend(zone.ipv6.iter().copied().map(nibbles));
        names.extend(zone.names.iter().cloned());
        names.sort();
        names.dedup();
        for name in names {
            for rtype in [rtype::A, rtype::TXT] {
                queries.extend(plain(zone, &name, rtype));
            }
        }
    }
    queries
}

/// Asks for addresses and names of the lists as ordinary clients do: for access lists.
pub(crate) fn ordinary(lists: &Lists, random: &mut Random, count: usize) -> Vec<Query> {
    let mut queries = Vec::new();
    while queries.len() < count {
        let zone = &lists.zones[random.below(lists.zones.len())];
        let rtype = random.one(&[rtype::A, rtype::A, rtype::TXT, rtype::NS, rtype::SOA, 28]);
        let name = relative(zone, random);
        queries.extend(plain(zone, &name, rtype));
    }
    queries
}

/// Asks one query of a random kind.
pub(crate) fn any(lists: &Lists, random: &mut Random) -> Query {
    loop {
        let zone = &lists.zones[random.below(lists.zones.len())];
        let name = match random.below(100) {
            0..55 => relative(zone, random),
            55..75 => partial(&relative(zone, random), random),
            75..80 => String::new(),
            80..90 => odd_name(random),
            _ => format!("{}.{}", random.pick(&["a", "7", "*", "_x"]), relative(zone, random)),
        };
        let rtype = match random.below(100) {
            0..40 => rtype::A,
            40..60 => rtype::TXT,
            60..66 => rtype::ANY,
            66..72 => rtype::MX,
            72..78 => rtype::NS,
            78..84 => rtype::SOA,
            84..90 => 28,
            90..96 => random.one(&[5, 12, 33, 41, 43, 46, 99, 249]),
            _ => random.one(&[0, 250, 251, 252, 253, 254, 256, 257, 32_768, 65_535]),
        };
        let Some(mut query) = plain(zone, &name, rtype) else { continue };
        if random.percent(2) {
            let foreign = name_wire(random.pick(&[
                "www.example.org",
                "test",
                "",
                "bl.example",
                "xset4.test",
            ]));
            query = build(foreign, Vec::new(), rtype, 1);
        } else if random.percent(1) {
            let name = random.pick(&["version.bind", "version.server", "hostname.bind", "x.y"]);
            query = build(
                name_wire(name),
                Vec::new(),
                random.one(&[rtype::TXT, rtype::TXT, rtype::A]),
                3,
            );
        } else if random.percent(2) {
            let class = random.one(&[255, 3, 4, 0, 254, 77]);
            query = build(query.name, query.apex, rtype, class);
        }
        spice(&mut query, random);
        return query;
    }
}

/// Asks a query that cannot be read, or is none.
pub(crate) fn malformed(lists: &Lists, random: &mut Random) -> Query {
    let zone = &lists.zones[random.below(lists.zones.len())];
    let name = relative(zone, random);
    let Some(mut query) = plain(zone, &name, rtype::A) else { return malformed(lists, random) };
    query.defect = Defect::Format;
    let bytes = &mut query.bytes;
    match random.below(12) {
        0 => bytes.truncate(12 + random.below(bytes.len() - 12)),
        1 => {
            bytes.truncate(random.below(12));
            query.defect = Defect::Reply;
        }
        2 => {
            bytes[2] |= 0x80;
            query.defect = Defect::Reply;
        }
        3 => bytes[5] = random.one(&[0, 2, 200]),
        4 => bytes[4] = 1,
        5 => bytes[12] = random.one(&[64, 100, 128, 191]),
        6 => bytes.splice(12..13, [0xc0, 12]).for_each(drop),
        7 => {
            // A name of more than 255 bytes, of labels that are each fine.
            let long = [&[63][..], &[b'x'; 63]].concat().repeat(4);
            bytes.splice(12..12, long).for_each(drop);
        }
        8 => {
            let end = bytes.len();
            bytes.truncate(end - 1 - random.below(4));
        }
        9 => {
            bytes.truncate(12);
        }
        10 => bytes.splice(12..12, [0; 5].map(|_| random.bits() as u8 | 0x80)).for_each(drop),
        _ => {
            // A length byte that points past the end of the message.
            bytes[12] = 63;
            bytes.truncate(40.min(bytes.len()));
        }
    }
    query.name.clear();
    query
}

/// Asks for the address of a whole name.
pub(crate) fn address(name: &str) -> Query {
    build(name_wire(name), Vec::new(), rtype::A, 1)
}

/// Adds what real and broken clients add: case, flags, EDNS, more sections.
fn spice(query: &mut Query, random: &mut Random) {
    if random.percent(30) {
        let end = 12 + query.name.len();
        let mut at = 12;
        while query.bytes[at] != 0 && at < end {
            let label = at + 1..at + 1 + usize::from(query.bytes[at]);
            at = label.end;
            for byte in &mut query.bytes[label] {
                if random.percent(50) {
                    *byte = byte.to_ascii_uppercase();
                }
            }
        }
    }
    if random.percent(50) {
        query.bytes[2] |= (wire::RD >> 8) as u8;
    }
    // rbldnsd leaves the second byte of flags as it was in answers of class CH.
    if query.class == 1 && random.percent(3) {
        query.bytes[3] |= random.one(&[0x10, 0x20, 0x30]);
    }
    if query.class == 1 && random.percent(1) {
        let (at, bit) = random.one(&[(2, 0x04), (2, 0x02), (3, 0x40), (3, 0x80), (3, 0x05)]);
        query.bytes[at] |= bit;
        query.defect = Defect::Flag;
        return;
    }
    if random.percent(1) {
        query.bytes[2] |= (1 + random.below(15) as u8) << 3;
        query.defect = Defect::Opcode;
        return;
    }
    match random.below(100) {
        0..60 => {}
        60..92 => add_opt(query, random, 0),
        92..94 => {
            let version = 1 + random.below(255) as u8;
            add_opt(query, random, version);
        }
        94 => {
            add_opt(query, random, 0);
            add_opt(query, random, 0);
            query.edns = None;
            query.defect = Defect::Format;
        }
        95 => {
            // A count that promises a record that is not there.
            let at = random.one(&[7, 9, 11]);
            query.bytes[at] = 1;
            query.defect = Defect::Format;
        }
        96 => {
            let junk: Vec<u8> = (0..1 + random.below(9)).map(|_| random.bits() as u8).collect();
            query.bytes.extend(junk);
            query.defect = Defect::Format;
        }
        97 => {
            // An OPT record whose data is cut off.
            add_opt(query, random, 0);
            let end = query.bytes.len();
            query.bytes[end - 1] = 9;
            query.edns = None;
            query.defect = Defect::Format;
        }
        98 => {
            // Another record in ADDITIONAL, as a TSIG or a stray one.
            query.bytes.extend([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
            query.bytes[11] = 1;
        }
        _ => {
            // A record in ANSWER, as no query has one.
            query.bytes.extend([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
            query.bytes[7] = 1;
        }
    }
}

/// Adds an OPT record (RFC 6891 section 6.1.2), with DO, options and sizes as they come.
fn add_opt(query: &mut Query, random: &mut Random, version: u8) {
    let size: u16 = random.one(&[0, 511, 512, 520, 523, 1232, 1400, 2048, 4096, 65_535]);
    let high = if random.percent(30) { 0x80 } else { 0 };
    let low = if random.percent(5) { 1 } else { 0 };
    query.bytes.extend([0, 0, 41]);
    query.bytes.extend(size.to_be_bytes());
    query.bytes.extend([0, version, high, low]);
    let options: &[u8] = match random.below(10) {
        0 => &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        1 => &[0, 3, 0, 0],
        2 => &[0, 12, 0, 3, 0, 0, 0],
        3 => &[0xff, 0xfe, 0, 1, 9],
        _ => &[],
    };
    query.bytes.extend((options.len() as u16).to_be_bytes());
    query.bytes.extend(options);
    query.bytes[11] += 1;
    query.edns = Some(Edns { version, size });
}

/// Builds a query for a name in a zone; `None` if the name is too long to be one.
fn plain(zone: &Zone, relative: &str, rtype: u16) -> Option<Query> {
    let apex = name_wire(&zone.apex);
    let mut name = name_wire(relative);
    name.pop();
    name.extend_from_slice(&apex);
    let fits = name.len() <= 255 && relative.split('.').all(|label| label.len() < 64);
    fits.then(|| build(name, apex, rtype, 1))
}

/// Builds a query in wire form.
fn build(name: Vec<u8>, apex: Vec<u8>, rtype: u16, class: u16) -> Query {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&name);
    bytes.extend(rtype.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    Query { bytes, name, apex, rtype, class, defect: Defect::None, edns: None }
}

/// Picks a whole name of a zone: one it speaks of, mostly.
fn relative(zone: &Zone, random: &mut Random) -> String {
    let kinds = [zone.ipv4.len(), zone.ipv6.len(), zone.names.len()];
    let total: usize = kinds.iter().sum();
    if total == 0 || random.percent(5) {
        let address = Ipv4Addr::from(random.bits() as u32);
        return octets(address);
    }
    let choice = random.below(total);
    if choice < kinds[0] {
        let address = zone.ipv4[choice];
        return match random.below(10) {
            0 => nibbles(address.to_ipv6_mapped()),
            1 => octets(Ipv4Addr::from(u32::from(address) ^ 1 << random.below(32))),
            2 => {
                let [a, b, c, d] = address.octets();
                format!("{d:03}.{c:02}.{b}.{a:03}")
            }
            _ => octets(address),
        };
    }
    if choice < kinds[0] + kinds[1] {
        let address = zone.ipv6[choice - kinds[0]];
        let flipped = Ipv6Addr::from(u128::from(address) ^ 1 << random.below(128));
        let address = if random.percent(20) { flipped } else { address };
        return nibbles(address);
    }
    zone.names[choice - kinds[0] - kinds[1]].clone()
}

/// Cuts labels off the left, so that a name above others is left.
fn partial(name: &str, random: &mut Random) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    labels[random.below(labels.len())..].join(".")
}

/// Returns names that look like addresses but are none, and names with odd bytes.
fn odd_name(random: &mut Random) -> String {
    random
        .pick(&[
            "256.0.0.127",
            "1.2.3.4.5",
            "0001.0.0.127",
            "a.0.0.127",
            "1e1.0.0.10",
            "-1.0.0.127",
            "1.0.0.2",
            "2.0.0.127.in-addr",
            "g.0.0.0.8.b.d.0.1.0.0.2",
            "8.b.d.0.1.0.0.2",
            "2.0.0.2",
            "\u{1}\u{2}.x",
            "sp ace",
            "@",
            "$",
            "ns1",
            "com",
            "a.a.a.a.a.a.a.a.com",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "exs",
            "\u{fc}.org",
        ])
        .to_owned()
}
