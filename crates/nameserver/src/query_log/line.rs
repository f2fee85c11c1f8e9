//! One line of the query log.
//!
//! Names are written in the case of the query, with everything that is not plain escaped, so that no
//! client can forge a line or a terminal sequence. Writing to memory cannot fail.

use std::fmt::{self, Display, Formatter};
use std::io::Write;

use serde::Serialize;

use super::{Format, Moment, Record, rbldnsd};
use crate::counters::Rcode;
use crate::respond::{Outcome, Transport};
use crate::status::StatusBoard;

/// Appends the line of one record, with its line end; some formats have none for some records.
pub(super) fn write(record: &Record, format: Format, board: &StatusBoard, out: &mut Vec<u8>) {
    let done = match format {
        Format::Text => text(record, out),
        Format::Json => json(record, board, out),
        Format::Rbldnsd => rbldnsd::write(record, out),
    };
    debug_assert!(done.is_ok(), "memory takes every line");
}

/// `time client transport name class type rcode answers bytes [listed] [truncated]`.
fn text(record: &Record, out: &mut Vec<u8>) -> std::io::Result<()> {
    let Record { moment, client, transport, class, qtype, outcome, .. } = record;
    let (name, transport) = (QueryName(record), transport_name(*transport));
    let (class, qtype) = (Class(*class), Type(*qtype));
    write!(out, "{moment} {client} {transport} {name} {class} {qtype} ")?;
    match outcome {
        Outcome::Drop => writeln!(out, "dropped"),
        Outcome::Limited => writeln!(out, "limited"),
        Outcome::Beyond => writeln!(out, "handed-over"),
        Outcome::Reply(reply) => {
            write!(out, "{} {} {}", rcode_name(reply.rcode), reply.answers, reply.len)?;
            writeln!(
                out,
                "{}{}",
                if reply.listed { " listed" } else { "" },
                match (reply.truncated, reply.limited) {
                    (_, true) => " limited",
                    (true, false) => " truncated",
                    (false, false) => "",
                }
            )
        }
    }
}

/// A JSON object, with the zone's name.
fn json(record: &Record, board: &StatusBoard, out: &mut Vec<u8>) -> std::io::Result<()> {
    /// The members in the order in which they are written.
    #[derive(Serialize)]
    struct Members {
        time: String,
        client: String,
        transport: &'static str,
        name: String,
        class: String,
        r#type: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        rcode: Option<String>,
        answers: u8,
        bytes: u16,
        listed: bool,
        truncated: bool,
    }
    let reply = record.reply();
    let zone = reply.and_then(|r| r.zone).and_then(|index| board.zone(index));
    let members = Members {
        time: record.moment.to_string(),
        client: record.client.to_string(),
        transport: transport_name(record.transport),
        name: QueryName(record).to_string(),
        class: Class(record.class).to_string(),
        r#type: Type(record.qtype).to_string(),
        zone: zone.map(|z| z.name.to_string()),
        rcode: reply.map(|r| rcode_name(r.rcode)),
        answers: reply.map_or(0, |r| r.answers),
        bytes: reply.map_or(0, |r| r.len),
        listed: reply.is_some_and(|r| r.listed),
        truncated: reply.is_some_and(|r| r.truncated),
    };
    serde_json::to_writer(&mut *out, &members)?;
    writeln!(out)
}

/// The name asked for, in the text form of RFC 1035 section 5.1.
struct QueryName<'a>(&'a Record);

impl Display for QueryName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        name(self.0, b".\\\";()@$", f)
    }
}

/// Writes the name asked for, with a backslash before some characters and the others that are not
/// plain as numbers.
pub(super) fn name(record: &Record, quoted: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let mut rest = &record.name[..usize::from(record.name_len)];
    if rest.is_empty() {
        return f.write_str(".");
    }
    let mut first = true;
    while let Some((&length, tail)) = rest.split_first() {
        let (label, tail) = tail.split_at(tail.len().min(usize::from(length)));
        if !first {
            f.write_str(".")?;
        }
        for &byte in label {
            match byte {
                byte if quoted.contains(&byte) => write!(f, "\\{}", char::from(byte))?,
                0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\{byte:03}")?,
            }
        }
        (first, rest) = (false, tail);
    }
    Ok(())
}

/// A class by name.
struct Class(u16);

impl Display for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("IN"),
            3 => f.write_str("CH"),
            4 => f.write_str("HS"),
            255 => f.write_str("ANY"),
            other => write!(f, "CLASS{other}"),
        }
    }
}

/// A type by name.
struct Type(u16);

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match type_name(self.0) {
            Some(name) => f.write_str(name),
            // RFC 3597 section 5.
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// The name of a type that clients ask for.
fn type_name(qtype: u16) -> Option<&'static str> {
    Some(match qtype {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        52 => "TLSA",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        257 => "CAA",
        _ => return None,
    })
}

/// The name of a response code, or its number.
fn rcode_name(rcode: u8) -> String {
    match Rcode::of(rcode) {
        Rcode::Other => format!("RCODE{rcode}"),
        known => known.label().into(),
    }
}

/// The word for a transport.
fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

impl Display for Moment {
    /// Writes the form of RFC 3339, in UTC.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let milliseconds = self.milliseconds;
        write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

/// The Gregorian date that is so many days after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of a year and months follow one
/// formula: 153 days for every five of them.
fn date(days: u32) -> (u32, u32, u32) {
    let days = days + DAYS_FROM_YEAR_0;
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_FROM_YEAR_0: u32 = 719_468;
/// Days after which the calendar repeats.
const DAYS_OF_400_YEARS: u32 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::{Client, Outcome, Reply};
    use crate::status::ZoneStatus;
    use crate::zones::ZoneIndex;

    fn check(format: Format, outcome: Outcome, expect: &str) {
        let mut query = vec![0; 12];
        query.extend_from_slice(b"\x03a b\x02Bl\x07example\x00\x00\x63\x00\x01");
        let client = Client { address: "2001:db8::1".parse().unwrap(), transport: Transport::Udp };
        let moment = Moment { seconds: 1_795_313_288, milliseconds: 7 };
        let record = Record::new(moment, &query, &client, &outcome);
        let board = StatusBoard::new();
        board.report(ZoneStatus::loading("bl.example".parse().unwrap(), ZoneIndex(4)));
        let mut line = Vec::new();
        write(&record, format, &board, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), expect);
    }

    fn hit() -> Outcome {
        let zone = Some(ZoneIndex(4));
        Outcome::Reply(Reply {
            len: 54,
            zone,
            rcode: 0,
            qtype: 99,
            answers: 1,
            listed: true,
            truncated: false,
            keyed: false,
            proven: false,
            limited: false,
        })
    }

    #[test]
    fn text_is_words() {
        check(
            Format::Text,
            hit(),
            "2026-11-22T02:08:08.007Z 2001:db8::1 udp a\\032b.Bl.example IN SPF NOERROR 1 54 listed\n",
        );
        check(
            Format::Text,
            Outcome::Drop,
            "2026-11-22T02:08:08.007Z 2001:db8::1 udp a\\032b.Bl.example IN SPF dropped\n",
        );
        check(
            Format::Text,
            Outcome::Beyond,
            "2026-11-22T02:08:08.007Z 2001:db8::1 udp a\\032b.Bl.example IN SPF handed-over\n",
        );
    }

    #[test]
    fn what_a_network_has_too_much_is_limited() {
        let line = "2026-11-22T02:08:08.007Z 2001:db8::1 udp a\\032b.Bl.example IN SPF";
        check(Format::Text, Outcome::Limited, &format!("{line} limited\n"));
        let Outcome::Reply(reply) = hit() else { unreachable!("it is one") };
        let cut = Reply { truncated: true, limited: true, listed: false, ..reply };
        check(Format::Text, Outcome::Reply(cut), &format!("{line} NOERROR 1 54 limited\n"));
    }

    #[test]
    fn json_names_the_zone() {
        check(
            Format::Json,
            hit(),
            "{\"time\":\"2026-11-22T02:08:08.007Z\",\"client\":\"2001:db8::1\",\"transport\":\"udp\",\
             \"name\":\"a\\\\032b.Bl.example\",\"class\":\"IN\",\"type\":\"SPF\",\"zone\":\"bl.example\",\
             \"rcode\":\"NOERROR\",\"answers\":1,\"bytes\":54,\"listed\":true,\"truncated\":false}\n",
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_512), (2026, 2, 28));
        assert_eq!(date(20_513), (2026, 3, 1));
        assert_eq!(date(47_540), (2100, 2, 28));
        assert_eq!(date(47_541), (2100, 3, 1));
    }
}
