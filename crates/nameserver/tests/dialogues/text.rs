//! Queries from text and answers to text. Independent of the server's own reading and writing.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use repute_nameserver::Transport;

use crate::conversation::CLIENT;

/// The packet of a query, its transport and its client.
pub(crate) fn query(text: &str) -> (Vec<u8>, Transport, IpAddr) {
    if let Some(hex) = text.strip_prefix("hex") {
        return (bytes(hex), Transport::Udp, CLIENT);
    }
    let mut words = text.split_whitespace();
    let (name, rtype) = (words.next().expect("a name"), words.next().expect("a type"));
    let (mut flags, mut class, mut transport, mut client) =
        ([1_u8, 0], 1_u16, Transport::Udp, CLIENT);
    let (mut edns, mut size, mut version, mut dnssec, mut options) =
        (false, 1232_u16, 0, 0, Vec::new());
    let mut keys = Vec::new();
    for word in words {
        let (word, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u16>().expect("a number");
        match word {
            "edns" if value.is_empty() => edns = true,
            "edns" => (edns, size) = (true, number()),
            "version" => (edns, version) = (true, number() as u8),
            "do" => (edns, dnssec) = (true, 0x80),
            "nsid" => (edns, options) = (true, vec![0, 3, 0, 0]),
            "option" => {
                edns = true;
                options.extend_from_slice(&number().to_be_bytes());
                options.extend_from_slice(&[0, 1, 9]);
            }
            "cookie" => {
                edns = true;
                options.extend_from_slice(&[0, 10, 0, (value.len() / 2) as u8]);
                options.extend(bytes(value));
            }
            "tsig" => keys.push(value),
            "tcp" => transport = Transport::Tcp,
            "norec" => flags[0] &= !1,
            "aa" => flags[0] |= 4,
            "tc" => flags[0] |= 2,
            "ch" => class = 3,
            "class" => class = number(),
            "opcode" => flags[0] |= (number() as u8) << 3,
            "client" => client = value.parse().expect("an address"),
            other => panic!("no way to ask: {other}"),
        }
    }
    let additional = u8::from(edns) + keys.len() as u8;
    let mut packet = vec![0x12, 0x34, flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0, additional];
    packet.extend(name_wire(name));
    packet.extend_from_slice(&type_number(rtype).to_be_bytes());
    packet.extend_from_slice(&class.to_be_bytes());
    if edns {
        packet.extend_from_slice(&[0, 0, 41]);
        packet.extend_from_slice(&size.to_be_bytes());
        packet.extend_from_slice(&[0, version, dnssec, 0]);
        packet.extend_from_slice(&(options.len() as u16).to_be_bytes());
        packet.extend_from_slice(&options);
    }
    for key in keys {
        packet.extend(signature(key));
    }
    (packet, transport, client)
}

/// Bytes from hexadecimal digits, with anything between them.
fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// A TSIG record that no key of anybody made (RFC 8945 section 4.2).
fn signature(key: &str) -> Vec<u8> {
    let mut record = name_wire(key);
    let algorithm = name_wire("hmac-sha256");
    record.extend_from_slice(&[0, 250, 0, 255, 0, 0, 0, 0]);
    record.extend_from_slice(&(algorithm.len() as u16 + 16 + 32).to_be_bytes());
    record.extend(algorithm);
    record.extend_from_slice(&1_700_000_000_u64.to_be_bytes()[2..]);
    record.extend_from_slice(&[1, 0x2c, 0, 32]);
    record.extend_from_slice(&[0xab; 32]);
    record.extend_from_slice(&[0x12, 0x34, 0, 0, 0, 0]);
    record
}

/// An answer as lines: response code and flags, then records.
pub(crate) fn message(reply: &[u8], query: &[u8]) -> Vec<String> {
    let counts: Vec<u16> =
        reply[4..12].chunks(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
    let mut at = 12;
    if counts[0] == 1 {
        let (_, end) = name(reply, at);
        at = end + 4;
        assert_eq!(reply[12..at], query[12..at], "the question is copied, its case too");
    }
    let mut records = Vec::new();
    let mut edns = None;
    for (section, count) in ["an", "au", "ad"].into_iter().zip(&counts[1..]) {
        for _ in 0..*count {
            let (owner, end) = name(reply, at);
            let fixed = &reply[end..end + 10];
            let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
            let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
            let len = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let data = end + 10..end + 10 + len;
            at = data.end;
            if rtype == 41 {
                edns = Some((u16::from_be_bytes([fixed[2], fixed[3]]), fixed.to_vec(), data));
                continue;
            }
            let rdata = rdata(reply, rtype, data);
            records.push(format!("{section} {owner} {ttl} {} {rdata}", type_name(rtype)));
        }
    }
    assert_eq!(at, reply.len(), "the message ends where its records do");
    let extended = edns.as_ref().map_or(0, |(_, fixed, _)| u16::from(fixed[4]) << 4);
    let mut head = rcode_name(u16::from(reply[3] & 15) | extended);
    for (bit, flag) in [(4, "AA"), (2, "TC"), (1, "RD")] {
        if reply[2] & bit != 0 && (flag != "RD") {
            write!(head, " {flag}").expect("a string takes it");
        }
    }
    assert_eq!(reply[2] & 0x79, query[2] & 0x79, "opcode and RD are copied");
    assert_eq!(reply[2] & 0x80, 0x80, "it is a response");
    assert_eq!(reply[3] & 0xf0, 0, "RA, AD and CD are not ours to set");
    let mut lines = vec![head];
    lines.extend(records);
    if let Some((size, fixed, data)) = edns {
        let mut line = format!("opt {size}");
        if fixed[6] & 0x80 != 0 {
            line.push_str(" do");
        }
        let mut options = &reply[data];
        while let [a, b, c, d, rest @ ..] = options {
            let (code, len) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            let (data, rest) = rest.split_at(usize::from(len));
            match code {
                10 => {
                    let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                    write!(line, " cookie={hex}")
                }
                3 => write!(line, " nsid={}", String::from_utf8_lossy(data)),
                15 => write!(line, " ede={}", u16::from_be_bytes([data[0], data[1]])),
                other => write!(line, " option={other}"),
            }
            .expect("a string takes it");
            options = rest;
        }
        lines.push(line);
    }
    lines
}

/// A name from text: `\.` is a dot inside a label, `\DDD` a byte (RFC 1035 section 5.1).
fn name_wire(text: &str) -> Vec<u8> {
    let (mut labels, mut rest) = (vec![Vec::new()], text.as_bytes());
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let byte = match (byte, tail) {
            (b'.', _) => {
                labels.push(Vec::new());
                continue;
            }
            (b'\\', [a @ b'0'..=b'9', b, c, tail @ ..]) => {
                rest = tail;
                (a - b'0') * 100 + (b - b'0') * 10 + (c - b'0')
            }
            (b'\\', [escaped, tail @ ..]) => {
                rest = tail;
                *escaped
            }
            (byte, _) => *byte,
        };
        labels.last_mut().expect("there is always one").push(byte);
    }
    let labels = labels.into_iter().filter(|label| !label.is_empty());
    let mut wire: Vec<u8> =
        labels.flat_map(|label| [vec![label.len() as u8], label].concat()).collect();
    wire.push(0);
    wire
}

/// A label as text, the other way round.
fn label_text(label: &[u8]) -> String {
    let mut text = String::new();
    for byte in label {
        match byte {
            b'.' | b'\\' => write!(text, "\\{}", char::from(*byte)),
            b'!'..=b'~' => write!(text, "{}", char::from(*byte)),
            other => write!(text, "\\{other:03}"),
        }
        .expect("a string takes it");
    }
    text
}

fn name(message: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut end) = (Vec::new(), None);
    loop {
        let len = usize::from(message[at]);
        match len {
            0 => break,
            64.. => {
                end.get_or_insert(at + 2);
                at = usize::from(u16::from_be_bytes([message[at] & 0x3f, message[at + 1]]));
            }
            _ => {
                labels.push(label_text(&message[at + 1..at + 1 + len]));
                at += 1 + len;
            }
        }
    }
    (labels.join("."), end.unwrap_or(at + 1))
}

fn rdata(message: &[u8], rtype: u16, data: std::ops::Range<usize>) -> String {
    let bytes = &message[data.clone()];
    match rtype {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).expect("four bytes")).to_string(),
        2 | 5 | 12 | 39 => name(message, data.start).0,
        15 => format!(
            "{} {}",
            u16::from_be_bytes([bytes[0], bytes[1]]),
            name(message, data.start + 2).0
        ),
        16 => format!("\"{}\"", String::from_utf8_lossy(&bytes[1..])),
        6 => {
            let (origin, end) = name(message, data.start);
            let (person, end) = name(message, end);
            let numbers = message[end..data.end].chunks(4);
            let numbers: Vec<_> = numbers
                .map(|n| u32::from_be_bytes(n.try_into().expect("four bytes")).to_string())
                .collect();
            format!("{origin} {person} {}", numbers.join(" "))
        }
        250 => {
            let (algorithm, end) = name(message, data.start);
            let number = |at: usize, len: usize| {
                message[end + at..end + at + len].iter().fold(0, |n, b| n << 8 | u64::from(*b))
            };
            assert_eq!(end + 16, data.end, "no MAC and no other data");
            format!(
                "{algorithm} {} {} mac={} id={} error={}",
                number(0, 6),
                number(6, 2),
                number(8, 2),
                number(10, 2),
                number(12, 2)
            )
        }
        _ => format!("{} bytes", bytes.len()),
    }
}

const TYPES: [(&str, u16); 15] = [
    ("CNAME", 5),
    ("PTR", 12),
    ("SRV", 33),
    ("DNAME", 39),
    ("DS", 43),
    ("A", 1),
    ("NS", 2),
    ("SOA", 6),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("OPT", 41),
    ("TSIG", 250),
    ("AXFR", 252),
    ("ANY", 255),
];

fn type_number(name: &str) -> u16 {
    let known = TYPES.iter().find(|(n, _)| *n == name).map(|(_, number)| *number);
    known.unwrap_or_else(|| name.trim_start_matches("TYPE").parse().expect("a type"))
}

fn type_name(number: u16) -> String {
    let known = TYPES.iter().find(|(_, n)| *n == number).map(|(name, _)| (*name).to_owned());
    known.unwrap_or_else(|| format!("TYPE{number}"))
}

fn rcode_name(rcode: u16) -> String {
    let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    match rcode {
        6 => "YXDOMAIN".to_owned(),
        9 => "NOTAUTH".to_owned(),
        16 => "BADVERS".to_owned(),
        23 => "BADCOOKIE".to_owned(),
        n => names.get(usize::from(n)).map_or_else(|| format!("RCODE{n}"), |n| (*n).to_owned()),
    }
}
