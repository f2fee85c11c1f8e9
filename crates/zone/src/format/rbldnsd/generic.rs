//! Entries of `generic` data sets: `name [ttl] [IN] A|TXT|MX data`.

use crate::fault::Problem;
use crate::format::rbldnsd::name::relative;
use crate::format::rbldnsd::{Bad, Entries, Part, fault, special, word};
use crate::format::{Progress, ReadOptions, Trace};
use crate::value::ValueId;
use repute_dnsxl::Extent;

/// Reads an entry.
pub(super) fn entry(
    part: &mut Part,
    line: &[u8],
    options: &ReadOptions,
    trace: &mut Trace,
    progress: &mut Progress,
) -> Result<(), Bad> {
    let place = |rest: &[u8]| line.len() - rest.len();
    let (owner, mut rest) = word(line);
    let mut wire = [0; 256];
    let name = match owner {
        b"@" => &[][..],
        text => match relative(text, &mut wire) {
            Ok([]) => return Err(Bad::expected(0, "a domain name, or @")),
            Ok(name) => name,
            Err(error) => return Err(fault::of_name(text, error).at(0)),
        },
    };
    let mut ttl = part.header.ttl;
    if rest.first().is_some_and(u8::is_ascii_digit) {
        let (given, tail) = special::ttl(rest, part.header.ttl, options)
            .ok_or_else(|| Bad::expected(place(rest), "a time to live"))?;
        (ttl, rest) = (given, tail);
    }
    if let ([b'i' | b'I', b'n' | b'N'], tail) = word(rest) {
        rest = tail;
    }
    let (rtype, data) = word(rest);
    let (rtype, data) = match rtype.to_ascii_lowercase().as_slice() {
        b"a" => (1, address(data).ok_or_else(|| Bad::expected(place(data), "an IPv4 address"))?),
        b"txt" => (16, text(line, data, progress)),
        b"mx" => (
            15,
            exchange(data)
                .ok_or_else(|| Bad::expected(place(data), "a preference and a domain name"))?,
        ),
        _ => return Err(Bad::expected(place(rest), "a record type: A, TXT or MX")),
    };
    let Entries::Generic(records) = &mut part.entries else { return Ok(()) };
    records.push(name, rtype, ttl, &data);
    trace.name(progress, line, (name, Extent::Exact), ValueId(1));
    Ok(())
}

fn address(data: &[u8]) -> Option<Vec<u8>> {
    let (word, _) = word(data);
    let address: std::net::Ipv4Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    Some(address.octets().to_vec())
}

fn text(line: &[u8], data: &[u8], progress: &mut Progress) -> Vec<u8> {
    let text = match data {
        [b'"', inner @ .., b'"'] => inner,
        all => all,
    };
    if text.len() > 255 {
        progress.fault(line, line.len() - text.len() + 255, Problem::TextCut(255));
    }
    let text = &text[..text.len().min(255)];
    let mut data = vec![text.len() as u8];
    data.extend_from_slice(text);
    data
}

fn exchange(data: &[u8]) -> Option<Vec<u8>> {
    let (preference, rest) = word(data);
    let preference: u16 = std::str::from_utf8(preference).ok()?.parse().ok()?;
    let (host, rest) = word(rest);
    if !rest.is_empty() || host.is_empty() {
        return None;
    }
    let mut wire = [0; 256];
    let host = relative(host, &mut wire).ok()?;
    let mut data = preference.to_be_bytes().to_vec();
    data.extend_from_slice(host);
    data.push(0);
    Some(data)
}
