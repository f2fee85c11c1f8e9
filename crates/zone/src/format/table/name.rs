//! Names in tables: what is surely a name is taken, what is surely something else is told as that.
//!
//! Lists are made by people, who paste URLs and mail addresses where a name is meant; taken as labels,
//! these would be entries that nobody ever asks for. DNS itself allows any octet in a label (RFC 2181
//! section 11): those that mean something in lists are written behind a backslash. Letters beyond ASCII
//! are mapped as browsers do (UTS 46).
//!
//! rbldnsd's own files are not read here; there any word is a name.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use repute_dnsxl::NameError;

use crate::fault::Problem;
use crate::format::rbldnsd::{Bad, address, fault, name};

/// Writes a name in wire form without the root, in lower case.
#[inline]
pub(super) fn relative<'w>(key: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], Bad> {
    let mut previous = b'.';
    for &byte in key {
        if !IS_PLAIN[usize::from(byte)] || (byte == b'.' && previous == b'.') {
            return unusual(key, wire);
        }
        previous = byte;
    }
    if previous.is_ascii_digit() && is_address(key) {
        return Err(not_a_name(ADDRESS));
    }
    written(key, wire)
}

/// A key with bytes that few names have.
#[cold]
fn unusual<'w>(key: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], Bad> {
    what_it_is(key)?;
    if let Some(at) = empty_label(key) {
        return Err(Bad { at, problem: Problem::Name(NameError::EmptyLabel) });
    }
    if !key.is_ascii() {
        return international(key, wire);
    }
    no_special_byte(key)?;
    written(key, wire)
}

/// Names what a key is that is surely no name, as a whole.
fn what_it_is(key: &[u8]) -> Result<(), Bad> {
    let what = if key.windows(3).any(|w| w == b"://") {
        "a URL where a domain name is expected: leave only the host name"
    } else if key.starts_with(b"||") || key.starts_with(b"@@") || key.ends_with(b"^") {
        "an Adblock rule where a domain name is expected: `format = \"adblock\"` reads such lists"
    } else if key.starts_with(b"$") || key.starts_with(b":") || key.starts_with(b"!") {
        "a line of rbldnsd's format where a domain name is expected: `format = \"rbldnsd\"` reads such \
         lists; a name that begins so is written with a backslash before it"
    } else if is_address(key) {
        ADDRESS
    } else {
        return Ok(());
    };
    Err(not_a_name(what))
}

/// Finds a byte that means something else in lists than itself.
fn no_special_byte(key: &[u8]) -> Result<(), Bad> {
    let mut escaped = false;
    for (at, byte) in key.iter().enumerate() {
        let is_itself = escaped;
        escaped = *byte == b'\\' && !escaped;
        let what = match byte {
            b'\\' | b'.' => continue,
            b'@' => {
                "a mail address where a domain name is expected: leave only what follows the `@`"
            }
            b'/' => "a domain name ends before this slash: leave only the host name",
            b':' => "a domain name ends before this colon: leave out the port",
            b'*' => "`*` stands only before the whole name, as in *.bad.example",
            byte if SPECIAL.contains(byte) || byte.is_ascii_control() || *byte == b' ' => {
                "a domain name is expected: in one, this character is written with a backslash before it"
            }
            _ => continue,
        };
        if !is_itself {
            return Err(Bad { at, problem: Problem::NotAName(what) });
        }
    }
    Ok(())
}

/// A name with letters beyond ASCII, mapped to the form it has in DNS.
fn international<'w>(key: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], Bad> {
    if std::str::from_utf8(key).is_err() {
        let at = key.iter().position(|b| !b.is_ascii()).unwrap_or(0);
        let what =
            "a domain name in UTF-8 is expected; other bytes are written as \\ and three digits";
        return Err(Bad { at, problem: Problem::NotAName(what) });
    }
    if key.contains(&b'\\') {
        return Err(not_a_name("a domain name has either backslashes or letters beyond ASCII"));
    }
    let mapped =
        Uts46::new().to_ascii(key, AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
    let mapped = mapped.map_err(|_| {
        not_a_name("a domain name is expected; these letters cannot be one together (UTS 46)")
    })?;
    let mapped = mapped.as_bytes();
    what_it_is(mapped)?;
    let whole = |bad: Bad| Bad { at: 0, ..bad };
    if empty_label(mapped).is_some() {
        return Err(Bad { at: 0, problem: Problem::Name(NameError::EmptyLabel) });
    }
    no_special_byte(mapped).map_err(whole)?;
    written(mapped, wire).map_err(whole)
}

/// Writes a name that was looked at.
#[inline]
fn written<'w>(key: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], Bad> {
    match name::relative(key, wire) {
        Ok([]) => Err(Bad { at: 0, problem: Problem::Expected("a domain name") }),
        Ok(name) => Ok(name),
        Err(error) => Err(fault::of_name(key, error)),
    }
}

/// Where a label is empty: behind a dot that another follows, or at the start. The dot at the end is the
/// root's.
fn empty_label(key: &[u8]) -> Option<usize> {
    let mut previous = b'.';
    let mut escaped = false;
    for (at, &byte) in key.iter().enumerate() {
        if byte == b'.' && previous == b'.' {
            return Some(at);
        }
        previous = if escaped { b'x' } else { byte };
        escaped = byte == b'\\' && !escaped;
    }
    None
}

/// Whether a key is an address or a network.
fn is_address(key: &[u8]) -> bool {
    let v4 = || match address::ipv4(key, true) {
        Some((_, [])) => key.iter().filter(|b| **b == b'.').count() == 3 || key.contains(&b'/'),
        Some(_) | None => false,
    };
    let v6 = || key.contains(&b':') && matches!(address::ipv6(key), Some((_, _, [])));
    v4() || v6()
}

/// Tells of a whole key what it is and what to do.
fn not_a_name(what: &'static str) -> Bad {
    Bad { at: 0, problem: Problem::NotAName(what) }
}

/// What is said of addresses among names.
const ADDRESS: &str = "an IP address where a domain name is expected: put it into a source with \
                       `kind = \"addresses\"`";

/// Bytes that stand for themselves only behind a backslash, with those that have a message of their own.
const SPECIAL: &[u8] = b"|^\",;#?()<>[]{}";

/// Bytes that names are made of; dots divide them.
static IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        plain[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A key, and its name or, with a caret's place, what is said of it.
    fn read(key: &[u8]) -> Result<String, (usize, String)> {
        let mut wire = [0; 256];
        match relative(key, &mut wire) {
            Ok(name) => {
                let whole = [name, b"\0"].concat();
                Ok(repute_dnsxl::Name::from_wire(&whole).expect("a name").to_string())
            }
            Err(bad) => Err((bad.at, bad.problem.to_string())),
        }
    }

    fn check(key: &str, expect: &str) {
        assert_eq!(read(key.as_bytes()), Ok(expect.to_owned()), "{key}");
    }

    fn refuse(key: &str, at: usize, words: &str) {
        let (place, said) = read(key.as_bytes()).expect_err(key);
        assert!(place == at && said.contains(words), "{key}: {place}: {said}");
    }

    #[test]
    fn names_are_taken() {
        check("Bad.Example", "bad.example");
        check("bad.example.", "bad.example");
        check("_dmarc.bad-.example", "_dmarc.bad-.example");
        check("15169", "15169");
        check("1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa");
        check("a+b.it's.ex~ample", "a+b.it's.ex~ample");
        check("a\\.b\\@c\\*.\\064x\\255.example", "a\\.b\\@c*.\\@x\\255.example");
        check(&format!("{}.example", "x".repeat(63)), &format!("{}.example", "x".repeat(63)));
    }

    #[test]
    fn letters_beyond_ascii_are_mapped() {
        check("bücher.example", "xn--bcher-kva.example");
        check("BÜCHER.Example.", "xn--bcher-kva.example");
        check("faß.example", "xn--fa-hia.example");
        check("ｂａｄ。example", "bad.example");
        check("_ü.example", "xn--_-eha.example");
        check("почта.рф", "xn--80a1acny.xn--p1ai");
    }

    #[test]
    fn letters_that_are_no_name_are_refused() {
        refuse("a\u{200d}b.example", 0, "UTS 46");
        refuse("aب.example", 0, "UTS 46");
        refuse("xn--a.ü", 0, "UTS 46");
        refuse("ü..example", 3, "a label is empty");
        refuse("ü。。example", 0, "a label is empty");
        refuse("ü\\@.example", 0, "either backslashes or");
        refuse("ü@bad.example", 0, "a mail address");
        refuse("user＠bad.example", 0, "a mail address");
        refuse("http：//bad.example", 0, "a URL");
        refuse("１.２.３.４", 0, "an IP address");
        refuse(&format!("{}.example", "ü".repeat(70)), 0, "longer than 63 bytes");
        let (at, said) = read(b"b\xfccher.example").unwrap_err();
        assert!(at == 1 && said.contains("in UTF-8"), "{said}");
    }

    #[test]
    fn what_is_no_name_is_told_as_what_it_is() {
        refuse("https://bad.example/x?y", 0, "leave only the host name");
        refuse("bad.example/x", 11, "leave only the host name");
        refuse("bad.example:443", 11, "leave out the port");
        refuse("user@bad.example", 4, "leave only what follows the `@`");
        refuse("||bad.example^", 0, "`format = \"adblock\"`");
        refuse("@@||bad.example^", 0, "`format = \"adblock\"`");
        refuse("bad.example^", 0, "`format = \"adblock\"`");
        refuse("!bad.example", 0, "`format = \"rbldnsd\"`");
        refuse(":2:spam", 0, "`format = \"rbldnsd\"`");
        refuse("192.0.2.1", 0, "`kind = \"addresses\"`");
        refuse("192.0.2.0/24", 0, "`kind = \"addresses\"`");
        refuse("2001:db8::1", 0, "`kind = \"addresses\"`");
        refuse("2001:db8::/32", 0, "`kind = \"addresses\"`");
        refuse("bad*.example", 3, "only before the whole name");
        refuse("bad(1).example", 3, "with a backslash before it");
        refuse("bad\"x.example", 3, "with a backslash before it");
        refuse("a..b", 2, "a label is empty");
        refuse(".bad.example", 0, "a label is empty");
        refuse("bad.example..", 12, "a label is empty");
        refuse("a\\...b", 4, "a label is empty");
        refuse("", 0, "expected a domain name");
        refuse("\\256", 0, "a backslash");
        refuse(&format!("{}.example", "x".repeat(64)), 0, "longer than 63 bytes");
        refuse(&"abcdefg.".repeat(40), 0, "longer than 255 bytes");
    }
}
