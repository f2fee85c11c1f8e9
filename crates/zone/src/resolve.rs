//! Resolves nested networks into disjoint ranges.
//!
//! The look-up must not think about longest matches, exclusions or ties, so all of that is decided
//! here, once, by one sweep over the networks in order: a stack holds those that are open, and each
//! stretch between two ends gets the value that holds there.

use std::ops::{Add, Sub};

/// What decides where networks overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// The most specific network; of two equal ones the first (rbldnsd's tries).
    FirstOfLongest,
    /// The most specific network; equal ones answer together.
    AllOfLongest,
    /// As rbldnsd's `ip4set`, which expands networks to whole octets: the most specific of /32, /24,
    /// /16 and /8 decides, and all entries of that class answer together.
    AllOfClass,
}

/// A network with its value; 0 is an exclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<K> {
    /// The first address.
    pub(crate) first: K,
    /// The last address.
    pub(crate) last: K,
    /// Length of the prefix.
    pub(crate) len: u8,
    /// What its addresses are listed with.
    pub(crate) value: u32,
}

/// What holds around a sweep: the value of wider networks, and the prefix length it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cover {
    /// The value; 0 for none.
    pub(crate) value: u32,
    /// The prefix length, or none if nothing covers.
    pub(crate) len: Option<u8>,
}

impl Cover {
    /// What holds inside a network nested in this one.
    pub(crate) fn nested(
        self,
        len: u8,
        value: u32,
        overlap: Overlap,
        union: &mut impl FnMut(u32, u32) -> u32,
    ) -> Cover {
        let value = match (overlap, self.len) {
            (Overlap::AllOfClass, Some(outer)) if class(outer) == class(len) => {
                together(self.value, value, union)
            }
            _ => value,
        };
        Cover { value, len: Some(len) }
    }
}

/// The octets that rbldnsd expands a network of this prefix length to: at least one.
fn class(len: u8) -> u8 {
    len.div_ceil(8).max(1)
}

/// The value of two equal networks: both, unless one of them excludes.
pub(crate) fn together(a: u32, b: u32, union: &mut impl FnMut(u32, u32) -> u32) -> u32 {
    if a == 0 || b == 0 { 0 } else { union(a, b) }
}

/// Sweeps over networks, sorted by first address and then by length, and emits disjoint ranges in
/// order, value 0 included, from `domain.0` to `domain.1`. Returns how many entries were dropped as
/// duplicates with another value.
pub(crate) fn sweep<K>(
    domain: (K, K),
    base: Cover,
    entries: impl IntoIterator<Item = Entry<K>>,
    overlap: Overlap,
    union: &mut impl FnMut(u32, u32) -> u32,
    mut emit: impl FnMut(K, K, u32),
) -> u64
where
    K: Copy + Ord + From<u8> + Add<Output = K> + Sub<Output = K>,
{
    let one = K::from(1);
    let mut open: Vec<(K, K, Cover)> = Vec::with_capacity(32);
    let mut at = domain.0;
    let mut dropped = 0;
    for entry in entries {
        while let Some((_, last, cover)) = open.last()
            && *last < entry.first
        {
            if at <= *last {
                emit(at, *last, cover.value);
                at = *last + one;
            }
            open.pop();
        }
        if let Some((first, last, cover)) = open.last_mut()
            && (*first, *last) == (entry.first, entry.last)
        {
            match overlap {
                Overlap::FirstOfLongest => dropped += u64::from(cover.value != entry.value),
                Overlap::AllOfLongest | Overlap::AllOfClass => {
                    cover.value = together(cover.value, entry.value, union);
                }
            }
            continue;
        }
        let cover = open.last().map_or(base, |(_, _, cover)| *cover);
        if at < entry.first {
            emit(at, entry.first - one, cover.value);
            at = entry.first;
        }
        let cover = cover.nested(entry.len, entry.value, overlap, union);
        open.push((entry.first, entry.last, cover));
    }
    while let Some((_, last, cover)) = open.pop() {
        if at <= last {
            emit(at, last, cover.value);
            if last == domain.1 {
                return dropped;
            }
            at = last + one;
        }
    }
    emit(at, domain.1, base.value);
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges of the 8-bit domain as text; `networks` are (first, length of the prefix, value).
    fn check(overlap: Overlap, networks: &[(u8, u8, u32)], expect: &str) {
        let mut entries: Vec<_> = networks
            .iter()
            .map(|&(first, len, value)| {
                let last = u32::from(first) + (256 >> len) - 1;
                Entry { first: u32::from(first), last, len: len + 24, value }
            })
            .collect();
        entries.sort_by_key(|e| (e.first, e.len));
        let mut text = String::new();
        sweep((0, 255), Cover::default(), entries, overlap, &mut |a, b| a * 10 + b, |a, b, v| {
            if v != 0 {
                text += &format!("{a}-{b}={v} ");
            }
        });
        assert_eq!(text.trim_end(), expect);
    }

    #[test]
    fn the_most_specific_network_decides() {
        check(
            Overlap::AllOfLongest,
            &[(0, 1, 1), (16, 4, 2), (20, 8, 0)],
            "0-15=1 16-19=2 21-31=2 32-127=1",
        );
    }

    #[test]
    fn equal_networks_answer_together_or_the_first_alone() {
        check(Overlap::AllOfLongest, &[(0, 8, 1), (0, 8, 2)], "0-0=12");
        check(Overlap::FirstOfLongest, &[(0, 8, 1), (0, 8, 2)], "0-0=1");
        check(Overlap::AllOfLongest, &[(0, 8, 1), (0, 8, 0)], "");
    }

    #[test]
    fn networks_of_one_class_answer_together() {
        check(Overlap::AllOfClass, &[(0, 6, 1), (1, 8, 2)], "0-0=1 1-1=12 2-3=1");
        check(Overlap::AllOfClass, &[(0, 0, 1), (1, 8, 2)], "0-0=1 1-1=2 2-255=1");
    }

    #[test]
    fn the_end_of_the_domain_is_no_overflow() {
        check(Overlap::AllOfLongest, &[(128, 1, 1), (255, 8, 2)], "128-254=1 255-255=2");
        check(Overlap::AllOfLongest, &[(0, 0, 3)], "0-255=3");
    }
}
