//! A line of the query log as `rbldnsd -l` writes it.
//!
//! Programs read these lines, so the words for types, classes, response codes and bytes in names are
//! those that Debian's rbldnsd was seen to write: it knows the types of RFC 1035 and its time, spells
//! NOTIMP with an L, and names what it does not know by its number in lower case. A query that gets no
//! answer leaves no line.

use std::fmt::{self, Display, Formatter};
use std::io::Write;

use super::Record;
use crate::counters::Rcode;

/// Appends `seconds client name type class: rcode/answers/bytes`.
pub(super) fn write(record: &Record, out: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(reply) = record.reply() else { return Ok(()) };
    writeln!(
        out,
        "{} {} {} {} {}: {}/{}/{}",
        record.moment.seconds,
        record.client,
        Name(record),
        Type(record.qtype),
        Class(record.class),
        Code(reply.rcode),
        reply.answers,
        reply.len,
    )
}

/// The name asked for.
struct Name<'a>(&'a Record);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        super::line::name(self.0, b".\\\"$@;", f)
    }
}

/// A type.
struct Type(u16);

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            number @ 0..=41 => TYPES[usize::from(number)],
            250 => "TSIG",
            251 => "IXFR",
            252 => "AXFR",
            253 => "MAILB",
            254 => "MAILA",
            255 => "ANY",
            256 => "ZXFR",
            number => return write!(f, "type{number}"),
        };
        f.write_str(name)
    }
}

/// A class.
struct Class(u16);

impl Display for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("INVALID"),
            1 => f.write_str("IN"),
            3 => f.write_str("CH"),
            4 => f.write_str("HS"),
            255 => f.write_str("ANY"),
            number => write!(f, "class{number}"),
        }
    }
}

/// A response code.
struct Code(u8);

impl Display for Code {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match Rcode::of(self.0) {
            Rcode::NotImp => f.write_str("NOTIMPL"),
            Rcode::NotAuth | Rcode::BadCookie | Rcode::Other => write!(f, "rcode{}", self.0),
            known => f.write_str(known.label()),
        }
    }
}

/// The types from 0 on.
const TYPES: [&str; 42] = [
    "INVALID", "A", "NS", "MD", "MF", "CNAME", "SOA", "MB", "MG", "MR", "NULL", "WKS", "PTR",
    "HINFO", "MINFO", "MX", "TXT", "RP", "AFSDB", "X25", "ISDN", "RT", "NSAP", "NSAP_PTR", "SIG",
    "KEY", "PX", "GPOS", "AAAA", "LOC", "NXT", "EID", "NIMLOC", "SRV", "ATMA", "NAPTR", "KX",
    "CERT", "A6", "DNAME", "SINK", "OPT",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_log::Moment;
    use crate::query_log::tests::{answer, client};
    use crate::respond::Outcome;

    /// The line for a query of this type and class that got this answer.
    fn line(qtype: u16, class: u16, outcome: &Outcome) -> String {
        let mut query = vec![0; 12];
        query.extend_from_slice(b"\x05a b(.\x02Bl\x07example\x00");
        query.extend_from_slice(&qtype.to_be_bytes());
        query.extend_from_slice(&class.to_be_bytes());
        let moment = Moment { seconds: 1_795_313_288, milliseconds: 7 };
        let mut line = Vec::new();
        write(&Record::new(moment, &query, &client(), outcome), &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn lines_are_worded_as_rbldnsd_words_them() {
        let check = |qtype, class, rcode, expect: &str| {
            let expect = format!("1795313288 192.0.2.1 a\\032b(\\..Bl.example {expect}/1/80\n");
            assert_eq!(line(qtype, class, &answer(rcode, false)), expect);
        };
        check(1, 1, 0, "A IN: NOERROR");
        check(28, 3, 3, "AAAA CH: NXDOMAIN");
        check(41, 255, 4, "OPT ANY: NOTIMPL");
        check(42, 77, 5, "type42 class77: REFUSED");
        check(99, 0, 9, "type99 INVALID: rcode9");
        check(257, 2, 1, "type257 class2: FORMERR");
    }

    #[test]
    fn a_query_without_an_answer_leaves_no_line() {
        assert_eq!(line(1, 1, &Outcome::Drop), "");
    }
}
