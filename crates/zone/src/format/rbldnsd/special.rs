//! Special entries: `$SOA`, `$NS`, `$TTL`, `$TIMESTAMP`, `$MAXRANGE4`, `$DATASET`, `$0` to `$9`, `$=`.

use std::sync::Arc;

use repute_dnsxl::Name;

use crate::dataset::{DatasetKind, Soa};
use crate::fault::Problem;
use crate::format::rbldnsd::name::relative;
use crate::format::rbldnsd::{Bad, Part, Reader, fault, is_blank, skip_blanks, word};
use crate::format::{Progress, ReadError, ReadOptions};

impl Reader<'_> {
    /// Reads a special entry: a line, and the part of it behind what introduces it. Tells what is wrong with
    /// it, if it is.
    pub(super) fn special(
        &mut self,
        line: &[u8],
        text: &[u8],
        progress: &mut Progress,
    ) -> Result<Result<(), Bad>, ReadError> {
        let (head, rest) = word(text);
        let good = if head.len() == 1 && (head[0].is_ascii_digit() || head[0] == b'=') {
            self.variable(head[0], rest)
        } else {
            match head.to_ascii_lowercase().as_slice() {
                b"soa" => self.soa(rest).is_some(),
                b"ns" | b"nameserver" => self.name_servers(rest).is_some(),
                b"ttl" => self.ttl(rest).is_some(),
                b"maxrange4" => self.max_range(line, rest, progress).is_some(),
                b"timestamp" => self.timestamp(rest, progress)?,
                b"dataset" if self.main.kind == DatasetKind::Combined => {
                    self.dataset(line, rest, progress)?
                }
                _ => false,
            }
        };
        let may_stand_here = self.main.kind.has_records();
        let what = match head.to_ascii_lowercase().as_slice() {
            b"soa" if may_stand_here => {
                "ttl origin person serial refresh retry expire minimum, times with s, m, h, d or w"
            }
            b"ns" | b"nameserver" if may_stand_here => "ttl name name ...",
            b"ttl" => "a time such as 35m",
            b"maxrange4" => "a number of addresses, or a prefix length such as /16",
            b"timestamp" => "yyyy:mm:dd:hh:mm:ss in UTC, and then maybe +2d or another time",
            b"dataset" if self.main.kind == DatasetKind::Combined => "type[:name] apex ...",
            [b'0'..=b'9' | b'='] => "a text",
            _ => "",
        };
        Ok(match (good, what) {
            (true, _) => Ok(()),
            (false, "") => Err(Bad { at: line.len() - text.len(), problem: Problem::Special }),
            (false, what) => Err(Bad::expected(line.len() - rest.len(), what)),
        })
    }

    /// The part that specials about entries belong to: the last one, also at the start of another file.
    fn current(&mut self) -> &mut Part {
        self.parts.last_mut().unwrap_or(&mut self.main)
    }

    fn variable(&mut self, which: u8, value: &[u8]) -> bool {
        if value.is_empty() {
            return false;
        }
        let answers = &mut self.current().answers;
        let place = match which {
            b'=' => &mut answers.template,
            digit => &mut answers.variables[usize::from(digit - b'0')],
        };
        // The first one counts.
        place.get_or_insert_with(|| value.to_vec());
        true
    }

    fn soa(&mut self, text: &[u8]) -> Option<()> {
        if !self.main.kind.has_records() {
            return None;
        }
        if self.main.header.soa.is_some() {
            return Some(());
        }
        let (ttl, rest) = ttl(text, self.main.header.ttl, self.options)?;
        let (origin, rest) = name(rest)?;
        let (person, rest) = name(rest)?;
        let (serial, rest) = number(rest)?;
        let (refresh, rest) = seconds(rest)?;
        let (retry, rest) = seconds(rest)?;
        let (expire, rest) = seconds(rest)?;
        let (minimum, rest) = seconds(rest)?;
        let soa = Soa { ttl, origin, person, serial, refresh, retry, expire, minimum };
        rest.is_empty().then(|| self.main.header.soa = Some(soa))
    }

    fn name_servers(&mut self, text: &[u8]) -> Option<()> {
        if !self.main.kind.has_records() {
            return None;
        }
        if self.main.header.name_servers.is_some() {
            return Some(());
        }
        let (ttl, mut rest) = ttl(text, self.main.header.ttl, self.options)?;
        let mut servers: Vec<Name> = Vec::new();
        loop {
            if rest.first() == Some(&b'-') {
                rest = word(rest).1;
            } else {
                let (server, tail) = name(rest)?;
                rest = tail;
                if !servers.contains(&server) && servers.len() < MOST_NAME_SERVERS {
                    servers.push(server);
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        self.main.header.name_servers = Some((ttl, servers));
        Some(())
    }

    fn ttl(&mut self, text: &[u8]) -> Option<()> {
        let (ttl, rest) = ttl(text, self.options.default_ttl, self.options)?;
        rest.is_empty().then(|| self.current().header.ttl = ttl)
    }

    fn max_range(&mut self, line: &[u8], text: &[u8], progress: &mut Progress) -> Option<()> {
        let size = match text.strip_prefix(b"/") {
            Some(bits) => {
                let (bits, rest) = number(bits)?;
                (rest.is_empty() && (1..=32).contains(&bits)).then(|| 1_u64 << (32 - bits))?
            }
            None => {
                let (size, rest) = number(text)?;
                (rest.is_empty() && size > 0).then_some(u64::from(size))?
            }
        };
        match self.max_range {
            Some(now) if now < size => {
                progress.fault(line, line.len() - text.len(), Problem::RangeRaised);
            }
            _ => self.max_range = Some(size),
        }
        Some(())
    }

    fn timestamp(&mut self, text: &[u8], progress: &mut Progress) -> Result<bool, ReadError> {
        let Some((stamp, rest)) = timestamp(text) else { return Ok(false) };
        let expires = match rest {
            [] => 0,
            [b'+', relative @ ..] => match seconds(relative) {
                Some((time, [])) if stamp != 0 && time != 0 => {
                    let Some(expires) = stamp.checked_add(time) else { return Ok(false) };
                    expires
                }
                _ => return Ok(false),
            },
            absolute => match timestamp(absolute) {
                Some((time, [])) => time,
                _ => return Ok(false),
            },
        };
        if stamp > self.options.now {
            let (name, line) = (Arc::clone(&progress.source), progress.line);
            return Err(ReadError::Future { name, line, seconds: stamp - self.options.now });
        }
        if expires != 0 {
            let header = &mut self.main.header;
            header.expires = Some(header.expires.map_or(expires, |e| e.min(expires)));
        }
        Ok(true)
    }

    /// `$DATASET type[:name] branch ...`: what follows belongs to a new data set.
    fn dataset(
        &mut self,
        line: &[u8],
        text: &[u8],
        progress: &mut Progress,
    ) -> Result<bool, ReadError> {
        let comment = (0..text.len())
            .find(|&i| matches!(text[i], b'#' | b';') && (i == 0 || is_blank(text[i - 1])));
        let (kind, mut rest) = word(&text[..comment.unwrap_or(text.len())]);
        if kind.is_empty() {
            return Ok(false);
        }
        let kind = kind.split(|b| *b == b':').next().unwrap_or(kind);
        let word_of_kind = String::from_utf8_lossy(kind).into_owned();
        let kind = match word_of_kind.parse() {
            Ok(DatasetKind::Combined | DatasetKind::Acl | DatasetKind::Aclkey) | Err(_) => {
                let (name, line) = (Arc::clone(&progress.source), progress.line);
                return Err(ReadError::BranchKind { name, line, kind: word_of_kind });
            }
            Ok(kind) => kind,
        };
        let mut part = Part::new(kind, self.main.header.ttl);
        part.answers.inherit(&self.main.answers);
        if rest.is_empty() {
            progress.fault(line, line.len(), Problem::NoBranch);
        }
        while !rest.is_empty() {
            let (branch, tail) = word(rest);
            rest = tail;
            let mut wire = [0; 256];
            match branch {
                b"@" => part.branches.push(Box::default()),
                name => match relative(name, &mut wire) {
                    Ok(name) => part.branches.push(Box::from(name)),
                    Err(error) => {
                        let start = line.len() - text.len() + offset(text, name);
                        let bad = fault::of_name(name, error).at(start);
                        progress.fault(line, bad.at, bad.problem);
                    }
                },
            }
        }
        self.trace.enter(kind, &part.branches);
        self.parts.push(part);
        self.in_part = true;
        Ok(true)
    }
}

impl DatasetKind {
    /// Whether its files may say something of the zone: access lists have none.
    fn has_records(self) -> bool {
        !matches!(self, DatasetKind::Acl | DatasetKind::Aclkey)
    }
}

/// Where a part of a text begins in it.
fn offset(text: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr()).min(text.len())
}

/// Reads a time to live; 0 takes the default, others are kept inside the limits.
pub(super) fn ttl<'t>(
    text: &'t [u8],
    default: u32,
    options: &ReadOptions,
) -> Option<(u32, &'t [u8])> {
    let (ttl, rest) = seconds(text)?;
    let ttl = match ttl {
        0 => default,
        ttl if options.min_ttl != 0 && ttl < options.min_ttl => options.min_ttl,
        ttl if options.max_ttl != 0 && ttl > options.max_ttl => options.max_ttl,
        ttl => ttl,
    };
    Some((ttl, rest))
}

/// Reads a time: a number with a unit (s, m, h, d, w) or seconds; and what follows the word.
pub(super) fn seconds(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let number: u32 = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    let (unit, rest) = match text[digits..].split_first() {
        Some((b's' | b'S', rest)) => (1, rest),
        Some((b'm' | b'M', rest)) => (60, rest),
        Some((b'h' | b'H', rest)) => (3600, rest),
        Some((b'd' | b'D', rest)) => (86_400, rest),
        Some((b'w' | b'W', rest)) => (604_800, rest),
        _ => (1, &text[digits..]),
    };
    let seconds = number.checked_mul(unit)?;
    match rest.first() {
        None | Some(b':') => Some((seconds, rest)),
        Some(byte) if is_blank(*byte) => Some((seconds, skip_blanks(rest))),
        Some(_) => None,
    }
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = word(text);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

fn name(text: &[u8]) -> Option<(Name, &[u8])> {
    let (name, rest) = word(text);
    if name.is_empty() {
        return None;
    }
    let mut wire = [0; 256];
    let mut whole = relative(name, &mut wire).ok()?.to_vec();
    whole.push(0);
    Some((Name::from_wire(&whole).ok()?, rest))
}

/// Reads `yyyy:mm:dd[:hh[:mm[:ss]]]` in UTC, also with dashes or nothing between; `0`, `-` and `:`
/// alone are no time at all.
fn timestamp(text: &[u8]) -> Option<(u32, &[u8])> {
    let (stamp, rest) = word(text);
    if matches!(stamp, b"0" | b"-" | b":") {
        return Some((0, rest));
    }
    let mut at = 0;
    let mut field = |width: usize, low: u32, high: u32| -> Option<u32> {
        let digits = stamp[at..].iter().take(width).take_while(|b| b.is_ascii_digit()).count();
        let number: u32 = std::str::from_utf8(&stamp[at..at + digits]).ok()?.parse().ok()?;
        at += digits;
        if matches!(stamp.get(at), Some(b':' | b'-')) {
            at += 1;
        }
        (low..=high).contains(&number).then_some(number)
    };
    let year = field(4, 1970, 2038)?;
    let month = field(2, 1, 12)?;
    let day = field(2, 1, days_in(year, month))?;
    let mut clock = [0; 3];
    for (part, high) in clock.iter_mut().zip([23, 59, 59]) {
        match field(2, 0, high) {
            Some(number) => *part = number,
            None => break,
        }
    }
    let days = (1970..year).map(|y| 365 + u32::from(is_leap(y))).sum::<u32>()
        + (1..month).map(|m| days_in(year, m)).sum::<u32>()
        + day
        - 1;
    let time = u64::from(days) * 86_400 + u64::from(clock[0] * 3600 + clock[1] * 60 + clock[2]);
    (at >= stamp.len()).then_some((u32::try_from(time).ok()?, rest))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Most name servers of a zone, as in rbldnsd.
const MOST_NAME_SERVERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_read_in_all_forms() {
        let at = |text: &str| timestamp(text.as_bytes()).map(|(time, _)| time);
        assert_eq!(at("2026:11:22:01:34:50"), Some(1_795_311_290));
        assert_eq!(at("20261122013450"), Some(1_795_311_290));
        assert_eq!(at("2026-11-22"), Some(1_795_305_600));
        assert_eq!(at("0"), Some(0));
        assert_eq!(at("2026:13:01"), None);
        assert_eq!(at("2026:02:29"), None);
    }

    /// As Debian's rbldnsd: such lines reach the section before them, in the file before, and no later one.
    #[test]
    fn specials_at_the_start_of_another_file_belong_to_the_section_before() {
        let files = ["$DATASET dnset @\na.example\n", "$TTL 7m\n$DATASET dnset @\nb.example\n"];
        let inputs = files.map(|text| crate::format::Input {
            name: Arc::from("list"),
            reader: Box::new(text.as_bytes()),
            modified: 0,
        });
        let options = ReadOptions::default();
        let kind = DatasetKind::Combined;
        let loaded = crate::format::rbldnsd::read(kind, inputs.into(), &options).unwrap();
        let crate::dataset::Content::Combined(branches) = &loaded.dataset.content else {
            panic!("a combined list has branches");
        };
        let ttls: Vec<_> = branches[0].datasets.iter().map(|d| d.header().ttl).collect();
        assert_eq!(ttls, [420, options.default_ttl]);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(seconds(b"35m x"), Some((2100, &b"x"[..])));
        assert_eq!(seconds(b"2d"), Some((172_800, &b""[..])));
        assert_eq!(seconds(b"5x"), None);
    }
}
