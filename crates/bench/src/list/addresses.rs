//! IPv4 lists.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::Ipv4Addr;

use super::{CODES, SEE, write_group, write_header};
use crate::random::{Random, Weighted};

/// An IPv4 list, grouped by return code, sorted within a group.
pub(crate) struct Addresses {
    /// The entries.
    pub(crate) entries: Vec<Network>,
}

/// A listed IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    /// The return code's last octet.
    pub(crate) code: u8,
    /// The first address.
    pub(crate) base: u32,
    /// The prefix length.
    pub(crate) len: u8,
}

impl Network {
    /// How many addresses it has.
    pub(crate) fn size(self) -> u32 {
        1 << (32 - self.len)
    }
}

impl Addresses {
    /// Makes a list of `count` entries, `hosts` of 100 single addresses.
    pub(crate) fn generate(seed: u64, count: usize, hosts: usize) -> Addresses {
        let mut random = Random::new(seed);
        let hot = hot_networks(&mut random);
        let host_count = count * hosts / 100;
        let mut entries = Vec::with_capacity(count);
        let codes = Weighted::new(CODES.map(|(code, weight, _)| (weight, code)));
        let mut seen = vec![0_u64; 1 << 26];
        while entries.len() < host_count {
            let base = u32::from(hot.pick(&mut random)) << 16 | random.below(1 << 16) as u32;
            let (word, bit) = ((base >> 6) as usize, 1 << (base & 63));
            if seen[word] & bit == 0 {
                seen[word] |= bit;
                entries.push(Network { code: codes.pick(&mut random), base, len: 32 });
            }
        }
        drop(seen);
        let lengths = Weighted::new([(30, 24), (10, 25), (12, 26), (16, 27), (18, 28), (14, 29)]);
        let mut seen = HashSet::with_capacity(count - host_count);
        while entries.len() < count {
            let len: u8 = lengths.pick(&mut random);
            let high = if random.percent(50) {
                hot.pick(&mut random)
            } else {
                (1 << 8) + random.below(222 << 8) as u16
            };
            let base = (u32::from(high) << 16 | random.below(1 << 16) as u32)
                & (u32::MAX << (32 - u32::from(len)));
            if seen.insert((base, len)) {
                entries.push(Network { code: codes.pick(&mut random), base, len });
            }
        }
        entries.sort_unstable();
        Addresses { entries }
    }

    /// Writes the list in rbldnsd's format, each group under its default line.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        write_header(out)?;
        for (code, _, text) in CODES {
            write_group(out, code, text)?;
            for entry in self.entries.iter().filter(|entry| entry.code == code) {
                let address = Ipv4Addr::from(entry.base);
                match entry.len {
                    32 => writeln!(out, "{address}")?,
                    len => writeln!(out, "{address}/{len}")?,
                }
            }
        }
        Ok(())
    }

    /// Writes a list of single addresses as a master file: A and TXT for each.
    pub(crate) fn write_master(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "$ORIGIN bl.test.\n$TTL 2100")?;
        writeln!(
            out,
            "@ 3600 IN SOA ns1.example.org. hostmaster.example.org. 1 600 300 86400 300"
        )?;
        writeln!(out, "@ 3600 IN NS ns1.example.org.\n@ 3600 IN NS ns2.example.org.")?;
        for (code, _, text) in CODES {
            for entry in self.entries.iter().filter(|entry| entry.code == code) {
                let (owner, address) = (reversed(entry.base), Ipv4Addr::from(entry.base));
                writeln!(out, "{owner} A 127.0.0.{code}")?;
                writeln!(out, "{owner} TXT \"{text}{SEE}{address}\"")?;
            }
        }
        Ok(())
    }
}

/// Writes an address as query names have it: octets from the last to the first.
pub(crate) fn reversed(address: u32) -> String {
    let [a, b, c, d] = address.to_be_bytes();
    format!("{d}.{c}.{b}.{a}")
}

/// Picks some 2,000 hot /16s, whose shares fall as `1 / rank^0.8` (Zipf).
fn hot_networks(random: &mut Random) -> Weighted<u16> {
    let mut hot = Vec::with_capacity(HOT);
    while hot.len() < HOT {
        let first = 1 + random.below(222) as u16;
        let network = first << 8 | random.below(256) as u16;
        if first != 10 && first != 127 && !hot.contains(&network) {
            hot.push(network);
        }
    }
    Weighted::new(hot.into_iter().enumerate().map(|(rank, network)| {
        let weight = 1e6 / ((rank + 1) as f64).powf(0.8);
        (weight as u64, network)
    }))
}

/// How many /16s hold all single addresses.
const HOT: usize = 2_000;
