//! Where in a key it went wrong: read again slowly, once the fast readers have refused it.

use repute_dnsxl::NameError;

use crate::fault::Problem;
use crate::format::rbldnsd::Bad;

/// How much of a family an entry may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Most {
    /// One address.
    Address,
    /// A network.
    Network,
    /// A range of addresses.
    Range,
}

/// Why this is no address or network of either family; `what` is expected where nothing better can be
/// said. The place counts from the key's first byte.
#[cold]
pub(in crate::format) fn of_address(key: &[u8], what: &'static str, most: Most) -> Bad {
    let hex = key.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    match key.get(hex) {
        Some(b':') if !is_value(&key[hex..]) => of_ipv6(key, what),
        _ => of_ipv4(key, what, most),
    }
}

/// Why this is no IPv4 address, prefix, network or range.
#[cold]
pub(in crate::format) fn of_ipv4(key: &[u8], what: &'static str, most: Most) -> Bad {
    let at = match octets(key) {
        Ok(at) => at,
        Err(Bad { at: 0, .. }) if !key.first().is_some_and(u8::is_ascii_digit) => {
            return Bad::expected(0, what);
        }
        Err(bad) => return bad,
    };
    match key.get(at) {
        Some(b'/') if most != Most::Address => {
            Bad::expected(at + 1, "a prefix length from 0 to 32")
        }
        Some(b'-') if most == Most::Range => match octets(&key[at + 1..]) {
            Ok(_) => Bad::expected(at + 1, "the range's last address, not before its first"),
            Err(bad) => bad.at(at + 1),
        },
        // A number alone.
        _ if !key[..at].contains(&b'.') => Bad::expected(0, what),
        _ => Bad::expected(at, what),
    }
}

/// Why this name is none.
#[cold]
pub(in crate::format) fn of_name(text: &[u8], error: NameError) -> Bad {
    let mut start = 0;
    let labels = text.split(|b| *b == b'.').map(|label| {
        let at = start;
        start += label.len() + 1;
        (at, label)
    });
    let at = match &error {
        NameError::LongLabel => labels.into_iter().find(|(_, label)| label.len() > 63),
        _ => labels.into_iter().find(|(_, label)| label.contains(&b'\\')),
    };
    Bad { at: at.map_or(0, |(at, _)| at), problem: Problem::Name(error) }
}

/// Why this is no IPv6 address or network.
fn of_ipv6(key: &[u8], what: &'static str) -> Bad {
    let end = key.iter().position(|b| !(b.is_ascii_hexdigit() || matches!(b, b':' | b'.')));
    let end = end.unwrap_or(key.len());
    let mut at = 0;
    let mut groups = 0;
    for group in key[..end].split(|b| *b == b':') {
        if group.len() > 4 && !group.contains(&b'.') {
            return Bad::expected(at, "a group of one to four hexadecimal digits");
        }
        groups += 1;
        at += group.len() + 1;
    }
    let address = std::str::from_utf8(&key[..end]).ok();
    let is_address = address.is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok());
    match key.get(end) {
        Some(b'/') if is_address || groups <= 8 && !key[..end].windows(2).any(|w| w == b"::") => {
            Bad::expected(end + 1, "a prefix length from 0 to 128")
        }
        None | Some(b' ' | b'\t' | b'/' | b'#' | b';') => Bad::expected(0, what),
        Some(_) => Bad::expected(end, what),
    }
}

/// Whether what begins with a colon is an entry's value.
fn is_value(text: &[u8]) -> bool {
    !matches!(text, [_, b':', ..]) && !text.iter().skip(1).take(5).any(|b| *b == b':')
}

/// Reads one to four octets: where they end, or where one is wrong.
fn octets(text: &[u8]) -> Result<usize, Bad> {
    let mut at = 0;
    for count in 1.. {
        let digits = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let octet = std::str::from_utf8(&text[at..at + digits]).ok();
        if octet.and_then(|octet| octet.parse::<u64>().ok()).is_none_or(|octet| octet > 255) {
            return Err(Bad::expected(at, "a number from 0 to 255"));
        }
        at += digits;
        if count == 4 || text.get(at) != Some(&b'.') {
            return Ok(at);
        }
        at += 1;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use crate::dataset::DatasetKind;
    use crate::format::table::{Layout, TableKind, TableOptions};
    use crate::format::{Input, ReadOptions, rbldnsd, table};

    /// Reads lines that each show below themselves, by a caret and what is said, where they are wrong.
    fn check(kind: DatasetKind, picture: &str) {
        let lines: Vec<&str> = picture.lines().collect();
        for pair in lines.chunks(2) {
            let [line, expect] = pair[..] else { panic!("lines come in pairs: {pair:?}") };
            let reader = Box::new(Cursor::new(line.as_bytes()));
            let input = Input { name: Arc::from("list"), reader, modified: 0 };
            let loaded = rbldnsd::read(kind, vec![input], &ReadOptions::default()).unwrap();
            let shown: Vec<String> = loaded.faults.iter().map(caret).collect();
            assert_eq!(shown, [expect], "{kind}: {line}");
        }
    }

    fn caret(fault: &crate::Fault) -> String {
        format!("{}^ {}", " ".repeat(fault.column as usize - 1), fault.problem)
    }

    #[test]
    fn the_caret_is_under_what_is_wrong_in_ipv4() {
        for kind in [DatasetKind::Ip4set, DatasetKind::Addresses] {
            check(
                kind,
                "\
192.0.2.0/33 :2:
          ^ expected a prefix length from 0 to 32
192.0.2.0/ :2:
          ^ expected a prefix length from 0 to 32
192.0.2.2/24 :2:
          ^ the address has bits set behind the prefix length: expected 192.0.2.0/24, or a longer prefix
  !192.0.2.2/24
             ^ the address has bits set behind the prefix length: expected 192.0.2.0/24, or a longer prefix
192.0.2.300
        ^ expected a number from 0 to 255
192..2.3
    ^ expected a number from 0 to 255
192.0.2.9-300 :2:
          ^ expected a number from 0 to 255
192.0.2.9-7 :2:
          ^ expected the range's last address, not before its first",
            );
        }
        check(DatasetKind::Ip4set, "192.0.2.x\n        ^ expected a number from 0 to 255");
        check(DatasetKind::Ip4set, "spam\n^ expected an IPv4 address, network or range");
        check(DatasetKind::Ip4set, "17\n^ expected an IPv4 address, network or range");
        check(DatasetKind::Ip4tset, "192.0.2.0/24\n         ^ expected an IPv4 address");
        check(
            DatasetKind::Acl,
            "192.0.2.2/24\n          ^ the address has bits set behind the prefix length: expected \
             192.0.2.0/24, or a longer prefix",
        );
    }

    #[test]
    fn the_caret_is_under_what_is_wrong_in_ipv6() {
        for kind in [DatasetKind::Ip6trie, DatasetKind::Addresses, DatasetKind::Ip4trie] {
            check(
                kind,
                "\
2001:db8::/129 :2:
           ^ expected a prefix length from 0 to 128
2001:db8::1/32 :2:
            ^ the address has bits set behind the prefix length: expected 2001:db8::/32, or a longer prefix
2001::/15 :2:
       ^ the address has bits set behind the prefix length: expected 2000::/15, or a longer prefix
12345:db8::/48 :2:
^ expected a group of one to four hexadecimal digits
2001:db8::x :2:
          ^ expected an IPv6 address, or a network such as 2001:db8::/32",
            );
        }
        let other =
            "expected an IPv6 address or network; kinds `addresses` and `ip4trie` take IPv4";
        for kind in [DatasetKind::Ip6trie, DatasetKind::Ip6tset] {
            check(
                kind,
                &format!("192.0.2.0/24\n^ {other}\n192.0.2.1\n^ {other}\n!192.0.2\n ^ {other}"),
            );
        }
        check(DatasetKind::Addresses, "spam :2:\n^ expected an IPv4 or IPv6 address or network");
    }

    #[test]
    fn the_caret_is_under_what_is_wrong_in_names() {
        let long = "x".repeat(64);
        check(
            DatasetKind::Dnset,
            &format!(
                "*.a.{long}.b :2:\n    ^ a domain name is malformed: {}",
                repute_dnsxl::NameError::LongLabel
            ),
        );
    }

    #[test]
    fn the_caret_is_under_what_is_wrong_in_specials() {
        let long = "x".repeat(64);
        check(
            DatasetKind::Combined,
            &format!(
                "\
$TTL 5x
     ^ expected a time such as 35m
  #$MAXRANGE4 /33
              ^ expected a number of addresses, or a prefix length such as /16
$NS
   ^ expected ttl name name ...
$FOO bar
 ^ not a special entry that can stand here
$DATASET ip4set @ a.{long}
                    ^ a domain name is malformed: a label is longer than 63 bytes"
            ),
        );
        check(DatasetKind::Ip4set, "$DATASET ip4set @\n ^ not a special entry that can stand here");
        check(DatasetKind::Acl, "$NS 1d ns.example\n ^ not a special entry that can stand here");
    }

    #[test]
    fn the_caret_is_under_what_is_wrong_in_tables() {
        let table = TableOptions {
            kind: TableKind::Addresses,
            layout: Layout::Separated(b','),
            key_column: 1,
            code_column: None,
            category_column: None,
            minimum: None,
            code: repute_dnsxl::ReturnCode::LISTED,
            text: String::new(),
            text_column: None,
            subdomains: false,
            header_lines: 0,
        };
        let text = "x, 192.0.2.2/24\nx,\"192.0.2.300\",y\n  x,2001:db8::/200\n";
        let reader = Box::new(Cursor::new(text.as_bytes()));
        let input = Input { name: Arc::from("list"), reader, modified: 0 };
        let loaded = table::read(vec![input], &table, &ReadOptions::default()).unwrap();
        let shown: Vec<String> = loaded.faults.iter().map(caret).collect();
        let expect = [
            "             ^ the address has bits set behind the prefix length: expected 192.0.2.0/24, \
             or a longer prefix",
            "           ^ expected a number from 0 to 255",
            "               ^ expected a prefix length from 0 to 128",
        ];
        assert_eq!(shown, expect);
    }
}
