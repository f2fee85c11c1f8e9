//! rbldnsd's text, as one `combined` file.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dataset::names::Say;
use crate::dataset::{Addresses, Branch, Content, Dataset, Names};
use crate::export::{name_text, record_text};
use crate::value::{ValueId, Values};
use crate::zone::Zone;

/// Writes a zone as a file for rbldnsd's type `combined`.
///
/// rbldnsd answers an IPv6 network with one value only: of several the first is written, with a
/// comment. Test entries that we add ourselves are written out.
///
/// # Errors
/// If `out` fails.
pub fn rbldnsd(zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}, serial {}, {} entries", zone.apex(), zone.serial(), zone.entries())?;
    if let Some(soa) = zone.soa() {
        writeln!(
            out,
            "$SOA {} {} {} {} {} {} {} {}",
            soa.ttl,
            soa.origin,
            soa.person,
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        )?;
    }
    if let Some((ttl, servers)) = zone.name_servers() {
        write!(out, "$NS {ttl}")?;
        for server in servers {
            write!(out, " {server}")?;
        }
        writeln!(out)?;
    }
    for dataset in zone.datasets() {
        branch(dataset, "@", out)?;
    }
    tests(zone, out)
}

fn branch(dataset: &Dataset, at: &str, out: &mut dyn Write) -> io::Result<()> {
    let ttl = dataset.header.ttl;
    match &dataset.content {
        Content::Addresses(addresses) => addresses_at(addresses, ttl, at, out),
        Content::Names(names) => names_at(names, ttl, at, out),
        Content::Generic(generic) => {
            writeln!(out, "$DATASET generic {at}\n$TTL {ttl}")?;
            let mut lines = Vec::new();
            generic.names.for_each(|name, record| {
                if let Say::Listed(set) = record.exact {
                    for record in generic.records(set) {
                        if let Some(text) = record_text(record) {
                            lines.push(format!("{}\t{}\t{text}", name_text(name), record.ttl()));
                        }
                    }
                }
            });
            lines.sort_unstable();
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        }
        Content::Combined(branches) => {
            branches.iter().try_for_each(|Branch { suffix, datasets, .. }| {
                datasets.iter().try_for_each(|dataset| branch(dataset, &name_text(suffix), out))
            })
        }
        Content::Acl(_) | Content::Keys(_) => Ok(()),
    }
}

fn addresses_at(addresses: &Addresses, ttl: u32, at: &str, out: &mut dyn Write) -> io::Result<()> {
    let values = &addresses.values;
    if let Some(v4) = &addresses.v4 {
        writeln!(out, "$DATASET ip4set {at}\n$TTL {ttl}")?;
        let mut writer = Lines { values, out: &mut *out, default: ValueId::NOTHING, error: None };
        v4.for_each(|first, shift, value| {
            let (address, len) = (Ipv4Addr::from(first), 32 - shift);
            let key = if len == 32 { format!("{address}") } else { format!("{address}/{len}") };
            writer.entry(&key, ValueId(value), Several::Repeat);
        });
        writer.finish()?;
    }
    if let Some(v6) = &addresses.v6 {
        writeln!(out, "$DATASET ip6trie {at}\n$TTL {ttl}")?;
        let mut writer = Lines { values, out: &mut *out, default: ValueId::NOTHING, error: None };
        v6.for_each(|first, shift, value| {
            let key = format!("{}/{}", groups(first), 128 - shift);
            writer.entry(&key, ValueId(value), Several::First);
        });
        writer.finish()?;
    }
    Ok(())
}

fn names_at(names: &Names, ttl: u32, at: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "$DATASET dnset {at}\n$TTL {ttl}")?;
    let mut entries = Vec::new();
    names.index.for_each(|name, record| {
        let text = name_text(name);
        let mut side = |say: Say, lead: &str| match say {
            Say::Nothing => {}
            Say::Excluded => entries.push((format!("!{lead}{text}"), ValueId::NOTHING)),
            Say::Listed(value) => entries.push((format!("{lead}{text}"), ValueId(value))),
        };
        if record.exact == record.below {
            side(record.exact, ".");
        } else {
            side(record.exact, "");
            side(record.below, "*.");
        }
    });
    entries.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let values = &names.values;
    let mut writer = Lines { values, out, default: ValueId::NOTHING, error: None };
    for (key, value) in entries {
        writer.entry(&key, value, Several::Repeat);
    }
    writer.finish()
}

/// Test entries that the zone adds to its lists.
fn tests(zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    use crate::zone::Subject;
    let Some(tests) = &zone.tests else { return Ok(()) };
    for kind in ["ip4set", "ip6trie", "dnset"] {
        let entries = tests.entries.iter().filter_map(|entry| {
            let key = match entry.subject {
                Subject::Ipv4(a) if kind == "ip4set" => Ipv4Addr::from(a).to_string(),
                Subject::Ipv6(a) if kind == "ip6trie" => format!("{}/128", groups(a)),
                Subject::Name { .. } if kind == "dnset" => name_text(&entry.relative),
                _ => return None,
            };
            Some((key, entry.value))
        });
        let entries: Vec<_> = entries.collect();
        if !entries.is_empty() {
            writeln!(out, "$DATASET {kind} @\n$TTL {}", tests.ttl)?;
            let (values, default) = (&tests.values, ValueId::NOTHING);
            let mut writer = Lines { values, out: &mut *out, default, error: None };
            for (key, value) in entries {
                writer.entry(&key, value, Several::Repeat);
            }
            writer.finish()?;
        }
    }
    Ok(())
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
    out: &'v mut dyn Write,
    default: ValueId,
    error: Option<io::Error>,
}

impl Lines<'_> {
    fn entry(&mut self, key: &str, value: ValueId, several: Several) {
        if self.error.is_none() {
            self.error = self.try_entry(key, value, several).err();
        }
    }

    fn try_entry(&mut self, key: &str, value: ValueId, several: Several) -> io::Result<()> {
        if value == ValueId::NOTHING {
            return writeln!(self.out, "{key}");
        }
        let pairs: Vec<_> = self.values.pairs(value).collect();
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
                let count = if several == Several::First { 1 } else { all.len() };
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

    /// `:A:TXT`, with `$` where the target goes in.
    fn answer(&self, pair: crate::value::Pair) -> Vec<u8> {
        let [a, b, c, d] = pair.code;
        let mut answer = format!(":{a}.{b}.{c}.{d}:").into_bytes();
        let text = self.values.template_of(pair);
        if text.first() == Some(&b'=') {
            // A leading equals sign would be taken for "without the template".
            answer.push(b'=');
        }
        answer.extend_from_slice(&text);
        answer
    }

    fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}

/// An IPv6 address in groups only, as rbldnsd reads it.
fn groups(address: u128) -> String {
    let groups = Ipv6Addr::from(address).segments();
    groups.map(|g| format!("{g:x}")).join(":")
}
