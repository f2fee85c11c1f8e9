//! A zone in other software's formats: rbldnsd's text and the master file of general name servers.
//!
//! Both are written from the resolved zone, so nesting, exclusions and ties are already decided and
//! the order of lines does not matter.

mod header;
mod master;
mod rbldnsd;

use std::io::{self, Write};

use repute_dnsxl::Name;

use crate::records::sets::EXISTS;
use crate::relative::Relative;
use crate::zone::{Hit, Zone};

pub use master::master;
pub use rbldnsd::rbldnsd;

/// What an export shows of entries that have a delay or need a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What a client without a key is told at this time (seconds since 1970).
    At(u32),
    /// All of them, each with its condition, and every answer of a network.
    Whole,
}

/// Whether a zone names only itself as its name server, and has no address there: nobody told it of any.
pub fn lacks_name_servers(zone: &Zone) -> bool {
    matches!(zone.name_servers(), Some((_, [server])) if server == zone.apex() && lacks_address(zone, server))
}

/// Whether a name server's address would have to be in the zone, and is not (RFC 1035 section 5.2).
pub fn lacks_address(zone: &Zone, server: &Name) -> bool {
    if !server.is_within(zone.apex()) {
        return false;
    }
    let wire = server.relative();
    let wire = &wire[..wire.len() - zone.apex().relative().len()];
    let (mut labels, mut at) = (Vec::new(), 0);
    while let Some(&len) = wire.get(at) {
        labels.push(at as u8);
        at += 1 + usize::from(len);
    }
    let mut found = false;
    zone.visit(Relative::new(wire, &labels), |hit| {
        found |= matches!(hit, Hit::Record(record) if record.rtype() == 1);
    });
    !found
}

/// Writes a character-string between quotes (RFC 1035 section 5.1).
fn quoted(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    for &byte in text {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte))?,
            0x20..=0x7e => out.write_all(&[byte])?,
            _ => write!(out, "\\{byte:03}")?,
        }
    }
    out.write_all(b"\"")
}

/// A name in wire form without the root, as text; `@` for none.
fn name_text(mut wire: &[u8]) -> String {
    let mut text = String::new();
    while let Some((&len, rest)) = wire.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(len)) else { break };
        if !text.is_empty() {
            text.push('.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'@' | b'$' | b'(' | b')' => {
                    text.push('\\');
                    text.push(char::from(byte));
                }
                0x21..=0x7e => text.push(char::from(byte)),
                _ => text.push_str(&format!("\\{byte:03}")),
            }
        }
        wire = rest;
    }
    if text.is_empty() { "@".to_owned() } else { text }
}

/// Type and data of a record as text; nothing for a type that no list has.
fn record_text(rtype: u16, data: &[u8]) -> Option<String> {
    match rtype {
        1 => Some(format!("A\t{}", std::net::Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))),
        16 => {
            let mut text = Vec::new();
            quoted(&mut text, data.get(1..)?).ok()?;
            Some(format!("TXT\t{}", String::from_utf8(text).ok()?))
        }
        13 => (data == EXISTS).then(|| "HINFO\t\"\" \"not listed\"".to_owned()),
        15 => {
            let preference = u16::from_be_bytes([*data.first()?, *data.get(1)?]);
            let host = data.get(2..data.len() - 1)?;
            let host = if host.is_empty() { String::new() } else { name_text(host) };
            Some(format!("MX\t{preference} {host}."))
        }
        _ => None,
    }
}

/// What other software takes for a name server where none is known: a zone must have one, and one in the
/// zone must have an address there (RFC 1035 section 5.2). Local zones have always named this one.
const STAND_IN: &str = "localhost.";
/// The same in wire form.
pub(crate) const STAND_IN_WIRE: &[u8] = b"\x09localhost\x00";
