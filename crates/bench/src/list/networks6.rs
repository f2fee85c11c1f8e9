//! The IPv6 list: /64s, clustered in the /32s that registries hand out.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::Ipv6Addr;

use super::write_header;
use crate::random::Random;

/// A list of IPv6 networks, all /64.
pub(crate) struct Networks6 {
    /// The upper halves of the addresses, sorted.
    pub(crate) entries: Vec<u64>,
}

impl Networks6 {
    /// Makes a list of `count` networks; half of them lie dense at the start of their /32.
    pub(crate) fn generate(seed: u64, count: usize) -> Networks6 {
        let mut random = Random::new(seed);
        let allocations: Vec<u64> =
            (0..3_000).map(|_| (0x2000_0000 + random.below(0x0a00_0000)) << 32).collect();
        let mut entries = BTreeSet::new();
        while entries.len() < count {
            let within = if random.percent(50) { 1 << 32 } else { 1 << 16 };
            entries.insert(random.pick(&allocations) | random.below(within));
        }
        Networks6 { entries: entries.into_iter().collect() }
    }

    /// Writes the list in rbldnsd's format.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        write_header(out)?;
        for entry in &self.entries {
            writeln!(out, "{}/64", Ipv6Addr::from(u128::from(*entry) << 64))?;
        }
        Ok(())
    }
}
