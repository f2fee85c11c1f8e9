//! rbldnsd's text, as one `combined` file.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dataset::names::Say;
use crate::dataset::{Addresses, Branch, Content, Dataset, Names};
use crate::export::header::{Syntax, header};
use crate::export::{View, name_text, record_text};
use crate::link::Link;
use crate::value::{Pair, ValueId, Values};
use crate::zone::{Dialect, Subject, Zone};

/// Writes a zone as a file for rbldnsd's type `combined`.
///
/// rbldnsd answers an IPv6 network with one value only: of several the first is written, with a
/// comment. Test entries that we add ourselves are written out, and what is never listed is excluded.
///
/// # Errors
/// If `out` fails.
pub fn rbldnsd(zone: &Zone, view: View, out: &mut dyn Write) -> io::Result<()> {
    header(zone, view, Syntax::Rbldnsd, out)?;
    let never_listed = zone.dialect == Dialect::Native;
    let link = zone.link().map(Link::before);
    let mut export = Export { view, never_listed, link, out };
    for dataset in zone.datasets() {
        export.branch(dataset, &[])?;
    }
    export.tests(zone)
}

/// An export under way.
struct Export<'o> {
    view: View,
    /// Whether 127.0.0.1 and its like are never listed (RFC 5782 section 5).
    never_listed: bool,
    /// Where texts lead to: rbldnsd makes no tags, so without one.
    link: Option<&'o str>,
    out: &'o mut dyn Write,
}

impl Export<'_> {
    /// Writes a data set; `suffix` is where it is below the apex.
    fn branch(&mut self, dataset: &Dataset, suffix: &[u8]) -> io::Result<()> {
        let ttl = dataset.header.ttl;
        match &dataset.content {
            Content::Addresses(addresses) => self.addresses(addresses, ttl, suffix),
            Content::Names(names) => self.names(names, ttl, suffix),
            Content::Generic(generic) => {
                self.head("generic", ttl, suffix)?;
                let mut lines = Vec::new();
                generic.names.for_each(|name, record| {
                    if let Say::Listed(set) = record.exact {
                        for record in generic.records(set) {
                            if let Some(text) = record_text(record.rtype(), record.data()) {
                                lines.push(format!(
                                    "{}\t{}\t{text}",
                                    name_text(name),
                                    record.ttl()
                                ));
                            }
                        }
                    }
                });
                lines.sort_unstable();
                lines.iter().try_for_each(|line| writeln!(self.out, "{line}"))
            }
            Content::Combined(branches) => {
                branches.iter().try_for_each(|Branch { suffix, datasets, .. }| {
                    datasets.iter().try_for_each(|dataset| self.branch(dataset, suffix))
                })
            }
            Content::Acl(_) | Content::Keys(_) => Ok(()),
        }
    }

    fn addresses(&mut self, addresses: &Addresses, ttl: u32, suffix: &[u8]) -> io::Result<()> {
        let values = &addresses.values;
        let never_listed = self.never_listed;
        if let Some(v4) = &addresses.v4 {
            self.head("ip4set", ttl, suffix)?;
            if never_listed && v4.find(LOOPBACK) != 0 {
                writeln!(self.out, "!{}", Ipv4Addr::from(LOOPBACK))?;
            }
            let mut lines = self.lines(values);
            v4.for_each(|first, shift, value| {
                let (address, len) = (Ipv4Addr::from(first), 32 - shift);
                match len {
                    32 if never_listed && first == LOOPBACK => {}
                    32 => lines.entry(&format!("{address}"), ValueId(value), Several::Repeat),
                    _ => lines.entry(&format!("{address}/{len}"), ValueId(value), Several::Repeat),
                }
            });
            lines.finish()?;
        }
        if let Some(v6) = &addresses.v6 {
            self.head("ip6trie", ttl, suffix)?;
            let mapped = 0xffff << 32 | u128::from(LOOPBACK);
            if never_listed && v6.find(mapped) != 0 {
                writeln!(self.out, "!{}/128", groups(mapped))?;
            }
            let several = match self.view {
                View::At(_) => Several::First,
                View::Whole => Several::Repeat,
            };
            let mut lines = self.lines(values);
            v6.for_each(|first, shift, value| {
                if shift > 0 || !never_listed || first != mapped {
                    let key = format!("{}/{}", groups(first), 128 - shift);
                    lines.entry(&key, ValueId(value), several);
                }
            });
            lines.finish()?;
        }
        Ok(())
    }

    fn names(&mut self, names: &Names, ttl: u32, suffix: &[u8]) -> io::Result<()> {
        self.head("dnset", ttl, suffix)?;
        let never_listed = self.never_listed;
        let values = &names.values;
        let mut entries = Vec::new();
        let mut lines = self.lines(values);
        names.index.for_each(|name, record| {
            let text = name_text(name);
            let mut side = |say: Say, lead: &str| match say {
                Say::Nothing => {}
                // What does not apply hides what is around it all the same.
                Say::Listed(value) if lines.pairs(ValueId(value)).next().is_some() => {
                    entries.push((format!("{lead}{text}"), ValueId(value)));
                }
                Say::Listed(_) | Say::Excluded => {
                    entries.push((format!("!{lead}{text}"), ValueId::NOTHING));
                }
            };
            if never_listed && name == b"\x07invalid" {
                side(record.below, "*.");
            } else if record.exact == record.below {
                side(record.exact, ".");
            } else {
                side(record.exact, "");
                side(record.below, "*.");
            }
        });
        entries.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        for (key, value) in entries {
            lines.entry(&key, value, Several::Repeat);
        }
        lines.finish()
    }

    /// Test entries that the zone adds to its lists.
    fn tests(&mut self, zone: &Zone) -> io::Result<()> {
        let Some(tests) = &zone.tests else { return Ok(()) };
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in &tests.entries {
            let (key, list) = entry.key_and_list();
            let (kind, key) = match entry.subject {
                Subject::Ipv4(a) => ("ip4set", Ipv4Addr::from(a).to_string()),
                Subject::Ipv6(a) => ("ip6trie", format!("{}/128", self::groups(a))),
                Subject::Name { .. } => ("dnset", name_text(key)),
                Subject::Client => continue,
            };
            groups.entry((list, kind)).or_default().push((key, entry.value));
        }
        for ((list, kind), entries) in groups {
            self.head(kind, tests.ttl, list)?;
            let mut lines = Lines { link: None, ..self.lines(&tests.values) };
            for (key, value) in entries {
                lines.entry(&key, value, Several::Repeat);
            }
            lines.finish()?;
        }
        Ok(())
    }

    /// The lines a data set begins with.
    fn head(&mut self, kind: &str, ttl: u32, suffix: &[u8]) -> io::Result<()> {
        writeln!(self.out, "$DATASET {kind} {}\n$TTL {ttl}", name_text(suffix))
    }

    fn lines<'v>(&'v mut self, values: &'v Values) -> Lines<'v> {
        let default = ValueId::NOTHING;
        let (view, link) = (self.view, self.link);
        Lines { values, view, link, out: &mut *self.out, default, error: None }
    }
}

/// What to do with a value of several pairs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Several {
    /// A line for each: the type takes that.
    Repeat,
    /// Only the first, with a comment.
    First,
}

/// Writes entries; a default line serves all that follow with the same value.
struct Lines<'v> {
    values: &'v Values,
    view: View,
    /// Where the texts lead to.
    link: Option<&'v str>,
    out: &'v mut dyn Write,
    default: ValueId,
    error: Option<io::Error>,
}

impl<'v> Lines<'v> {
    fn entry(&mut self, key: &str, value: ValueId, several: Several) {
        if self.error.is_none() {
            self.error = self.try_entry(key, value, several).err();
        }
    }

    fn try_entry(&mut self, key: &str, value: ValueId, several: Several) -> io::Result<()> {
        if value == ValueId::NOTHING {
            return writeln!(self.out, "{key}");
        }
        let pairs: Vec<_> = self.pairs(value).collect();
        match &pairs[..] {
            [pair] => {
                if self.default != value {
                    let answer = self.answer(*pair);
                    self.out.write_all(&answer)?;
                    self.out.write_all(b"\n")?;
                    self.default = value;
                }
                writeln!(self.out, "{key}")
            }
            all => {
                let count = if several == Several::First { 1.min(all.len()) } else { all.len() };
                if count < all.len() {
                    writeln!(self.out, "# {} more answers of {key} are left out", all.len() - 1)?;
                }
                all[..count].iter().try_for_each(|pair| {
                    let answer = self.answer(*pair);
                    write!(self.out, "{key} ")?;
                    self.out.write_all(&answer)?;
                    self.out.write_all(b"\n")
                })
            }
        }
    }

    /// The pairs of a value that are shown.
    fn pairs(&self, value: ValueId) -> impl Iterator<Item = Pair> + use<'v> {
        let (values, view) = (self.values, self.view);
        values.pairs(value).filter(move |pair| match view {
            View::At(now) => values.applies(*pair, now, false),
            View::Whole => true,
        })
    }

    /// `:A:TXT`, with `$` where the target goes in, and the condition behind it.
    fn answer(&self, pair: Pair) -> Vec<u8> {
        let [a, b, c, d] = pair.code;
        let mut answer = format!(":{a}.{b}.{c}.{d}:").into_bytes();
        let mut text = self.values.template(pair);
        if let Some(before) = self.link {
            text.truncate(fitting(&text, LONGEST_TEXT - before.len() - 1 - LONGEST_TARGET));
            text.extend_from_slice(if text.is_empty() { b"" } else { b" " });
            text.extend_from_slice(before.as_bytes());
            text.push(b'$');
        }
        if let Some(b'=' | b' ' | b'\t') = text.first() {
            // An equals sign would be taken for "without the template", blanks for none; behind a sign
            // of ours they are what they are.
            answer.push(b'=');
        }
        answer.extend_from_slice(&text);
        if self.view == View::Whole {
            let condition = self.values.condition(pair.condition);
            if condition.from != 0 {
                answer.extend_from_slice(format!(" @ ts={};delay=0", condition.from).as_bytes());
            }
            for (is_set, word) in
                [(condition.keyed_only, "require"), (condition.keyed_at_once, "nodelay")]
            {
                if is_set {
                    answer.extend_from_slice(format!(" @ key={word}").as_bytes());
                }
            }
        }
        answer
    }

    fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}

/// How much of a template fits into so much room, if each target is as long as most are at the most.
fn fitting(template: &[u8], room: usize) -> usize {
    let (mut at, mut taken) = (0, 0);
    while at < template.len() {
        let (piece, len) = match &template[at..] {
            [b'$', b'$', ..] => (2, 1),
            [b'$', ..] => (1, LONGEST_TARGET),
            // A character of several bytes is one piece.
            [_, rest @ ..] => {
                let more = rest.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
                (1 + more, 1 + more)
            }
            [] => break,
        };
        taken += len;
        if taken > room {
            break;
        }
        at += piece;
    }
    at
}

/// An IPv6 address in groups only, as rbldnsd reads it.
fn groups(address: u128) -> String {
    let groups = Ipv6Addr::from(address).segments();
    groups.map(|g| format!("{g:x}")).join(":")
}

/// What rbldnsd sends of a text.
const LONGEST_TEXT: usize = 254;
/// Bytes of a target in a text, but for very long names.
const LONGEST_TARGET: usize = 64;
/// 127.0.0.1.
const LOOPBACK: u32 = 0x7f00_0001;
