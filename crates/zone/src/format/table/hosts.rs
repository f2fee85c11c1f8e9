//! Lines of /etc/hosts: an address that leads nowhere, and the names that are given it.
//!
//! Such lists begin with the lines every machine has (`127.0.0.1 localhost`, `ff02::1 ip6-allnodes`),
//! which list nothing. An address of a real machine is no sign of a list but of somebody's own file,
//! whose names must not be listed by mistake.

use std::net::IpAddr;

use crate::fault::Problem;
use crate::format::rbldnsd::Bad;

/// The names a line lists, each with its place.
pub(super) fn names(line: &[u8]) -> Result<impl Iterator<Item = (usize, &[u8])>, Bad> {
    let end = memchr::memchr(b'#', line).unwrap_or(line.len());
    let mut words = words(&line[..end]);
    let (at, address) = words.next().unwrap_or((0, b""));
    let Some(leads_nowhere) = sink(address) else {
        let what = "an address such as 0.0.0.0 and names, as in /etc/hosts";
        return Err(Bad { at, problem: Problem::Expected(what) });
    };
    let mut names = words.filter(|(_, name)| !is_of_every_machine(name)).peekable();
    match names.peek() {
        Some(_) if !leads_nowhere => {
            let what = "0.0.0.0, 127.0.0.1, :: or ::1 before names that are listed; this address \
                        is a machine's own";
            Err(Bad { at, problem: Problem::Expected(what) })
        }
        Some(_) | None => Ok(names),
    }
}

/// Whether an address leads nowhere; nothing if it is none. A zone such as `%lo0` may follow it.
fn sink(text: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(text).ok()?;
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    let address: IpAddr = address.parse().ok()?;
    Some(address.is_unspecified() || address.is_loopback())
}

/// Whether a name stands in every machine's own file, or is an address that stands for itself.
fn is_of_every_machine(name: &[u8]) -> bool {
    let is = |text: &[u8]| name.eq_ignore_ascii_case(text);
    let begins =
        |text: &[u8]| name.len() > text.len() && name[..text.len()].eq_ignore_ascii_case(text);
    [&b"localhost"[..], b"localhost.localdomain", b"local", b"broadcasthost", b"0.0.0.0"]
        .iter()
        .any(|text| is(text))
        || begins(b"ip6-") && !name.contains(&b'.')
}

/// Words between blanks, with their places.
fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    line.split(u8::is_ascii_whitespace).filter_map(move |word| {
        let start = at;
        at += word.len() + 1;
        (!word.is_empty()).then_some((start, word))
    })
}
