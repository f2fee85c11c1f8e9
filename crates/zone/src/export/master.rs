//! The master file (RFC 1035 section 5): the same answers from BIND, NSD, Knot and others.
//!
//! Networks become wildcards. Since the zone is resolved into disjoint blocks, a wildcard stands only
//! where no other address is below it. A text that names the address asked about names the block's first
//! address instead: master files cannot say more.
//!
//! IPv4 and IPv6 in one zone do not go together with wildcards (RFC 5782 section 2.4): the nibbles of
//! 2001:db8::/32 make `1.0.0.2` exist, which cuts the wildcard of a listed 2.0.0.0/8. Such a list is
//! exported as two zones, one of each family, if it must be exact.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dataset::names::{Record, Say};
use crate::dataset::{Addresses, Branch, Content, Dataset, Names};
use crate::export::{name_text, quoted, record_text, text};
use crate::value::{ValueId, Values};
use crate::zone::{Subject, Zone};

/// Writes a zone as a master file.
///
/// # Errors
/// If `out` fails.
pub fn master(zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "; {}, serial {}, {} entries", zone.apex(), zone.serial(), zone.entries())?;
    writeln!(out, "$ORIGIN {}.", zone.apex())?;
    if let Some(soa) = zone.soa() {
        writeln!(
            out,
            "@\t{}\tIN\tSOA\t{}. {}. {} {} {} {} {}",
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
        for server in servers {
            writeln!(out, "@\t{ttl}\tIN\tNS\t{server}.")?;
        }
    }
    for dataset in zone.datasets() {
        records(dataset, "", out)?;
    }
    if let Some(tests) = &zone.tests {
        for entry in &tests.entries {
            let target = match entry.subject {
                Subject::Ipv4(a) => Ipv4Addr::from(a).to_string(),
                Subject::Ipv6(a) => Ipv6Addr::from(a).to_string(),
                Subject::Name { .. } | Subject::Client => name_text(&entry.relative),
            };
            let owner = name_text(&entry.relative);
            Owners { values: &tests.values, ttl: tests.ttl, out, error: None }.put(
                &owner,
                entry.value,
                &target,
            )?;
        }
    }
    Ok(())
}

fn records(dataset: &Dataset, below: &str, out: &mut dyn Write) -> io::Result<()> {
    let ttl = dataset.header.ttl;
    match &dataset.content {
        Content::Addresses(addresses) => address_records(addresses, ttl, below, out),
        Content::Names(names) => name_records(names, ttl, below, out),
        Content::Generic(generic) => {
            let mut lines = Vec::new();
            generic.names.for_each(|name, record| {
                if let Say::Listed(set) = record.exact {
                    let owner = join(&name_text(name), below);
                    lines.extend(generic.records(set).filter_map(|record| {
                        Some(format!("{owner}\t{}\tIN\t{}", record.ttl(), record_text(record)?))
                    }));
                }
            });
            lines.sort_unstable();
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        }
        Content::Combined(branches) => {
            branches.iter().try_for_each(|Branch { suffix, datasets, .. }| {
                let below = if suffix.is_empty() { String::new() } else { name_text(suffix) };
                datasets.iter().try_for_each(|dataset| records(dataset, &below, out))
            })
        }
        Content::Acl(_) | Content::Keys(_) => Ok(()),
    }
}

fn address_records(
    addresses: &Addresses,
    ttl: u32,
    below: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let values = &addresses.values;
    if let Some(v4) = &addresses.v4 {
        let mut owners = Owners { values, ttl, out: &mut *out, error: None };
        v4.for_each(|first, shift, value| {
            // Whole octets behind the wildcard; what is between is written out.
            let wild = shift / 8;
            for part in 0..1_u32 << (shift % 8) {
                let address = first + (part << (8 * wild));
                let octets = Ipv4Addr::from(address).octets();
                let mut labels = if wild == 0 { Vec::new() } else { vec!["*".to_owned()] };
                labels.extend(octets[..4 - usize::from(wild)].iter().rev().map(u8::to_string));
                let target = Ipv4Addr::from(address).to_string();
                owners.entry(&join(&labels.join("."), below), ValueId(value), &target);
            }
        });
        owners.finish()?;
    }
    if let Some(v6) = &addresses.v6 {
        let mut owners = Owners { values, ttl, out: &mut *out, error: None };
        v6.for_each(|first, shift, value| {
            let wild = shift / 4;
            for part in 0..1_u128 << (shift % 4) {
                let address = first + (part << (4 * wild));
                let digits = format!("{address:032x}");
                let mut labels = if wild == 0 { Vec::new() } else { vec!["*".to_owned()] };
                let kept = digits[..32 - usize::from(wild)].chars().rev().map(String::from);
                labels.extend(kept);
                let target = Ipv6Addr::from(address).to_string();
                owners.entry(&join(&labels.join("."), below), ValueId(value), &target);
            }
        });
        owners.finish()?;
    }
    Ok(())
}

/// Names: a wildcard ends where another name is, so what it lists is written again around that name.
fn name_records(names: &Names, ttl: u32, below: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut all: Vec<(Vec<u8>, Record)> = Vec::new();
    names.index.for_each(|name, record| all.push((name.to_vec(), record)));
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut owners = Owners { values: &names.values, ttl, out, error: None };
    for (name, record) in all.iter().filter(|(name, _)| !name.is_empty()) {
        let around = covering(names, name);
        let text = name_text(name);
        match (record.exact, &around) {
            (Say::Listed(value), _) => owners.entry(&join(&text, below), ValueId(value), &text),
            (Say::Nothing, Some((value, subject))) => {
                owners.entry(&join(&text, below), *value, subject);
            }
            // The name must exist without a listing, or the wildcard around it would answer.
            (Say::Excluded, Some(_)) => owners.excluded(&join(&text, below)),
            (Say::Excluded | Say::Nothing, _) => {}
        }
        let wildcard = format!("*.{text}");
        match (record.below, &around) {
            (Say::Listed(value), _) => owners.entry(&join(&wildcard, below), ValueId(value), &text),
            (Say::Nothing, Some((value, subject))) => {
                owners.entry(&join(&wildcard, below), *value, subject);
            }
            (Say::Excluded, Some(_)) => owners.excluded(&join(&wildcard, below)),
            (Say::Excluded | Say::Nothing, _) => {}
        }
    }
    owners.finish()
}

/// What lists a name because it lies below another, and that other name.
fn covering(names: &Names, name: &[u8]) -> Option<(ValueId, String)> {
    let mut above = name;
    while let Some(&len) = above.first() {
        above = &above[1 + usize::from(len)..];
        match names.index.record_of(above).below {
            Say::Listed(value) => return Some((ValueId(value), name_text(above))),
            Say::Excluded => return None,
            Say::Nothing => {}
        }
    }
    None
}

fn join(labels: &str, below: &str) -> String {
    match (labels, below) {
        ("@", "") => "@".to_owned(),
        ("@", below) => below.to_owned(),
        (labels, "") => labels.to_owned(),
        (labels, below) => format!("{labels}.{below}"),
    }
}

/// Writes A and TXT records of owners.
struct Owners<'v> {
    values: &'v Values,
    ttl: u32,
    out: &'v mut dyn Write,
    error: Option<io::Error>,
}

impl Owners<'_> {
    fn entry(&mut self, owner: &str, value: ValueId, target: &str) {
        if self.error.is_none() {
            self.error = self.put(owner, value, target).err();
        }
    }

    fn put(&mut self, owner: &str, value: ValueId, target: &str) -> io::Result<()> {
        let ttl = self.ttl;
        let mut seen = Vec::new();
        for pair in self.values.pairs(value) {
            let [a, b, c, d] = pair.code;
            if !seen.contains(&pair.code) {
                seen.push(pair.code);
                writeln!(self.out, "{owner}\t{ttl}\tIN\tA\t{a}.{b}.{c}.{d}")?;
            }
            let text = text(self.values, pair, target);
            if !text.is_empty() {
                write!(self.out, "{owner}\t{ttl}\tIN\tTXT\t")?;
                quoted(self.out, &text)?;
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    /// A name that exists without being listed.
    fn excluded(&mut self, owner: &str) {
        if self.error.is_none() {
            let ttl = self.ttl;
            let line = writeln!(self.out, "{owner}\t{ttl}\tIN\tHINFO\t\"\" \"not listed\"");
            self.error = line.err();
        }
    }

    fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}
