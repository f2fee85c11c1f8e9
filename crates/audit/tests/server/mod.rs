//! A name server of a small list that does everything right, or one thing wrong.

use std::net::Ipv4Addr;

use repute_dnsxl::{Name, relative_ipv4, relative_ipv6};

/// The list.
pub(crate) const ZONE: &str = "bl.list.test";

/// What the server says to a query; `fault` names what it does wrong.
pub(crate) fn answer(fault: &str, query: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let asked = Asked::read(query)?;
    if (fault, tcp) == ("no TCP", true) || (fault, tcp) == ("silence", false) {
        return None;
    }
    if asked.opcode != 0 {
        let code = if fault == "FORMERR to operations" { 1 } else { 4 };
        let head = [query[2] & 0x78 | 0x80, code, 0, 0, 0, 0, 0, 0, 0, 0];
        return Some([&query[..2], &head].concat());
    }
    let mut said = say(fault, &asked, tcp)?;
    if let Some(edns) = &asked.edns {
        match fault {
            "EDNS ignored" => return Some(said.write(query, &asked, None)),
            "EDNS unknown" => {
                said = Said { code: 1, ..Said::default() };
                return Some(said.write(query, &asked, None));
            }
            "EDNS silence" => return None,
            "DO silence" if edns.flags & 0x8000 != 0 => return None,
            "version answered" => {}
            _ if edns.version != 0 => said = Said { code: 16, ..Said::default() },
            _ => {}
        }
        let echo = match fault {
            "option repeated" => (0, edns.option.clone()),
            "flag repeated" => (edns.flags, Vec::new()),
            _ => (0, Vec::new()),
        };
        return Some(said.write(query, &asked, Some(echo)));
    }
    Some(said.write(query, &asked, None))
}

/// A query.
struct Asked {
    opcode: u8,
    bits: (u8, u8),
    name: String,
    rtype: u16,
    question: Vec<u8>,
    edns: Option<EdnsAsked>,
}

/// EDNS of a query.
struct EdnsAsked {
    version: u8,
    flags: u16,
    option: Vec<u8>,
}

impl Asked {
    /// Reads a query.
    fn read(query: &[u8]) -> Option<Asked> {
        let (bits, opcode) = ((*query.get(2)?, *query.get(3)?), query[2] >> 3 & 15);
        if query[5] == 0 {
            let (question, edns) = (Vec::new(), None);
            return Some(Asked { opcode, bits, name: String::new(), rtype: 0, question, edns });
        }
        let mut end = 12;
        while *query.get(end)? != 0 {
            end += 1 + usize::from(query[end]);
        }
        let name = Name::from_wire(&query[12..=end]).ok()?.to_string();
        let rtype = u16::from_be_bytes([query[end + 1], query[end + 2]]);
        let question = query[12..end + 5].to_vec();
        let opt = &query[end + 5..];
        let edns = (query[11] == 1).then(|| EdnsAsked {
            version: opt[6],
            flags: u16::from_be_bytes([opt[7], opt[8]]),
            option: opt[11..].to_vec(),
        });
        Some(Asked { opcode, bits, name, rtype, question, edns })
    }
}

/// An answer.
#[derive(Default)]
struct Said {
    code: u16,
    not_authoritative: bool,
    cut: bool,
    recursion: bool,
    records: Vec<Vec<u8>>,
    authority: Vec<Vec<u8>>,
    /// Bits of the fourth byte that are repeated.
    repeated: u8,
    lower_case: bool,
}

/// What is said, EDNS aside.
fn say(fault: &str, asked: &Asked, tcp: bool) -> Option<Said> {
    let mut said = Said {
        not_authoritative: fault == "no AA",
        recursion: fault == "recursion",
        lower_case: fault == "lower case",
        repeated: match fault {
            "Z repeated" => asked.bits.1 & 0x40,
            "AD repeated" => asked.bits.1 & 0x20,
            _ => 0,
        },
        ..Said::default()
    };
    if fault == "REFUSED by TCP" && tcp {
        return Some(Said { code: 5, ..said });
    }
    if fault == "lame" {
        said.not_authoritative = true;
        said.authority.push(record(&[0], 2, 60, b"\x01a\x04test\x00"));
        return Some(said);
    }
    let whole = [("refused", 5), ("expired", 2), ("unknown", 3)];
    if let Some((_, code)) = whole.iter().find(|(name, _)| *name == fault) {
        return Some(Said { code: *code, ..said });
    }
    if fault == "SERVFAIL to CD" && asked.bits.1 & 0x10 != 0 {
        return Some(Said { code: 2, ..said });
    }
    let apex_name = if fault == "part of a zone" { "list.test" } else { ZONE };
    let is_apex = asked.name == apex_name;
    let relative = match asked.name == ZONE || is_apex {
        true => Some(""),
        false => asked.name.strip_suffix(&format!(".{ZONE}")),
    };
    let Some(relative) = relative else {
        match fault {
            "silence to others" => return None,
            "referral" => said.authority.push(record(&[0], 2, 60, b"\x01a\x04test\x00")),
            _ => said.code = 5,
        }
        return Some(said);
    };
    let code: [u8; 4] = match fault {
        "strange code" => [203, 0, 113, 9],
        "blocked" => [127, 255, 255, 254],
        "other code" => [127, 0, 0, 4],
        "countries" => [127, 0, 0, relative.bytes().last().unwrap_or(2)],
        _ => [127, 0, 0, 2],
    };
    let is_listed = is_listed(fault, relative);
    let ttl = match fault {
        "TTL 0" => 0,
        "TTL of a week" => 604_800,
        _ => 2100,
    };
    match (relative, asked.rtype) {
        (_, 6) if is_apex && fault != "no SOA" => said.records.push(soa(fault, 3600)),
        (_, 2) if is_apex && fault != "no NS" => {
            for name in ["\x03ns1\x04list\x04test", "\x03ns2\x04list\x04test"] {
                let data = [name.as_bytes(), &[0]].concat();
                said.records.push(record(&apex(), 2, 3600, &data));
                if fault == "one NS" {
                    break;
                }
            }
        }
        (_, 1) if is_listed => said.records.push(record(&[0xc0, 12], 1, ttl, &code)),
        (_, 16) if is_listed && fault != "no text" => {
            let text: &[u8] = if fault == "empty text" { b"" } else { b"see https://list.test/" };
            said.cut = fault == "cut" && !tcp;
            if !said.cut {
                let data = [&[text.len() as u8], text].concat();
                said.records.push(record(&[0xc0, 12], 16, ttl, &data));
            }
        }
        (_, 28) if is_listed && fault == "no AAAA" => said.code = 3,
        ("", 1000) if fault == "NOTIMP to types" => said.code = 4,
        _ if !exists(fault, relative) => said.code = 3,
        _ => {}
    }
    if said.records.is_empty() && fault != "no SOA in denials" && said.code != 4 {
        said.authority.push(soa(fault, 300));
    }
    Some(said)
}

/// Whether a name before the list's is an entry.
fn is_listed(fault: &str, relative: &str) -> bool {
    let entry = |last: u8| relative_ipv4(Ipv4Addr::new(127, 0, 0, last));
    let mapped = |last: u8| relative_ipv6(Ipv4Addr::new(127, 0, 0, last).to_ipv6_mapped());
    let name = |wire: Vec<u8>| Name::from_wire(&[wire, vec![0]].concat()).map(|n| n.to_string());
    let is = |wire: Vec<u8>| name(wire).is_ok_and(|name| name == relative);
    match fault {
        "names" => relative == "test",
        "names, and INVALID" => matches!(relative, "test" | "invalid"),
        "IPv6 only" => is(mapped(2)),
        "IPv4 only" => is(entry(2)),
        "wildcard" | "blocked" => !relative.is_empty(),
        "world" if relative.split('.').count() == 4 => !is(entry(1)),
        "countries" if relative.split('.').count() == 4 => {
            !relative.ends_with("127") || is(entry(2))
        }
        "empty" => false,
        "127.0.0.1" if is(entry(1)) => true,
        "::ffff:127.0.0.1" if is(mapped(1)) => true,
        "entries below names" if relative.starts_with("2.0.0.127.") => true,
        _ => is(entry(2)) || is(mapped(2)),
    }
}

/// Whether a name before the list's exists, with records or without.
fn exists(fault: &str, relative: &str) -> bool {
    let above = [relative_ipv4(Ipv4Addr::new(127, 0, 0, 2))]
        .into_iter()
        .chain([relative_ipv6(Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped())])
        .filter_map(|wire| Name::from_wire(&[wire, vec![0]].concat()).ok());
    let is_above = |name: Name| name.to_string().ends_with(&format!(".{relative}"));
    relative.is_empty()
        || is_listed(fault, relative)
        || (fault != "no names above" && above.into_iter().any(is_above))
}

impl Said {
    /// Writes it as the reply to a query; with EDNS, its flags and option.
    fn write(&self, query: &[u8], asked: &Asked, edns: Option<(u16, Vec<u8>)>) -> Vec<u8> {
        let mut out = query[..2].to_vec();
        let authoritative = !self.not_authoritative && matches!(self.code, 0 | 3);
        out.push(0x80 | u8::from(authoritative) << 2 | u8::from(self.cut) << 1 | asked.bits.0 & 1);
        out.push(u8::from(self.recursion) << 7 | self.repeated | self.code as u8 & 15);
        let counts = [1, self.records.len(), self.authority.len(), usize::from(edns.is_some())];
        counts.iter().for_each(|count| out.extend((*count as u16).to_be_bytes()));
        match self.lower_case {
            true => out.extend(asked.question.to_ascii_lowercase()),
            false => out.extend(&asked.question),
        }
        self.records.iter().chain(&self.authority).for_each(|record| out.extend(record));
        if let Some((flags, option)) = edns {
            out.extend([0, 0, 41, 4, 208, (self.code >> 4) as u8, 0]);
            out.extend(flags.to_be_bytes());
            out.extend((option.len() as u16).to_be_bytes());
            out.extend(option);
        }
        out
    }
}

/// A record of class IN.
fn record(owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let head = [&rtype.to_be_bytes()[..], &[0, 1], &ttl.to_be_bytes()].concat();
    [owner, &head, &(data.len() as u16).to_be_bytes(), data].concat()
}

/// The list's name in wire form.
fn apex() -> Vec<u8> {
    ZONE.parse::<Name>().expect("a name").as_wire().to_vec()
}

/// The SOA record.
fn soa(fault: &str, ttl: u32) -> Vec<u8> {
    let mname: &[u8] = b"\x03ns1\x04list\x04test\x00";
    let rname: &[u8] =
        if fault == "no mailbox" { b"\x00" } else { b"\x04post\x04list\x04test\x00" };
    let serial: u32 = match fault {
        "serial 0" => 0,
        "serial 8" => 8,
        "serial to come" => 2_098_010_100,
        _ => 7,
    };
    let (refresh, retry, expire, minimum): (u32, u32, u32, u32) = match fault {
        "retry longer than refresh" => (600, 3600, 604_800, 300),
        "short expire" => (3600, 600, 3600, 300),
        "negative TTL 0" => (3600, 600, 604_800, 0),
        "negative TTL of a week" => (3600, 600, 604_800, 604_800),
        _ => (3600, 600, 604_800, 300),
    };
    let ttl = if fault == "negative TTL of a week" { 604_800 } else { ttl };
    let times = [serial, refresh, retry, expire, minimum].map(u32::to_be_bytes).concat();
    let owner = match fault {
        "part of a zone" => "list.test".parse::<Name>().expect("a name").as_wire().to_vec(),
        _ => apex(),
    };
    record(&owner, 6, ttl, &[mname, rname, &times].concat())
}
