//! What counts as new, on small lists and on every way to count.

use super::*;

#[test]
fn the_short_way_leads_where_the_long_one_does() {
    use crate::dataset::ipv4_entries::Ipv4Entries;
    use crate::resolve::Overlap;
    use crate::value::{ValueBuilder, ValueId};
    let index = |count: u32, more: &[(u32, u8)]| {
        let mut entries = Ipv4Entries::default();
        entries.push(0x0a00_0000, 9, ValueId(1));
        for n in 0..count {
            let base = (n % 7) << 20 | n.wrapping_mul(0x9e37) & 0xffff;
            entries.push(0xc000_0000 | base, 32, ValueId(1 + n % 3));
            entries.push(0x0a80_0000 | (n % 128) << 16, 16, ValueId(2));
        }
        more.iter().for_each(|(first, len)| entries.push(*first, *len, ValueId(1)));
        entries.index(Overlap::AllOfLongest, &mut ValueBuilder::default()).0
    };
    let indexes = [
        index(0, &[]),
        index(127, &[]),
        index(128, &[]),
        index(5000, &[]),
        index(5000, &[(0xc010_1234, 32), (0xdead_0000, 18)]),
    ];
    for new in &indexes {
        for old in indexes.iter().map(Some).chain([None]) {
            let old: Vec<_> = old.into_iter().collect();
            // Of an index given twice windows cannot be compared, and it covers the same.
            let twice: Vec<_> = old.iter().chain(&old).copied().collect();
            for len in [1, 8, 16] {
                let short = Growth::between(&[new], &old, len);
                assert_eq!(short, Growth::between(&[new, new], &twice, len), "/{len}");
            }
        }
    }
}

#[test]
fn gaps_are_what_is_in_one_and_not_in_the_other() {
    let sets: [&[(u8, u8)]; 6] = [
        &[],
        &[(0, 255)],
        &[(0, 9), (20, 29), (200, 255)],
        &[(5, 24)],
        &[(9, 20), (30, 199)],
        &[(0, 0), (2, 2), (4, 4), (255, 255)],
    ];
    let holds = |set: &[(u8, u8)], x| set.iter().any(|(a, b)| (*a..=*b).contains(&x));
    for a in sets {
        for b in sets {
            let mut found = Vec::new();
            gaps(a, b, |first, last| found.extend(first..=last));
            let expect = (0..=255).filter(|&x| holds(a, x) && !holds(b, x));
            assert_eq!(found, expect.collect::<Vec<u8>>(), "{a:?} without {b:?}");
        }
    }
}

#[test]
fn a_network_is_covered_but_for_a_small_part() {
    let covered = |ranges: &[(u128, u128)]| {
        let mut networks = Networks::new(10);
        ranges.iter().for_each(|&(first, last)| networks.add(first, last));
        networks.finish()
    };
    assert_eq!(covered(&[(0, 1023)]), [(0, 0)]);
    assert_eq!(covered(&[(0, 99), (102, 1020)]), []);
    assert_eq!(covered(&[(0, 99), (101, 1020)]), [(0, 0)]);
    assert_eq!(covered(&[(0, 99), (101, 5000)]), [(0, 3)]);
    assert_eq!(covered(&[(2000, 3071), (3072, 4095)]), [(2, 3)]);
    assert_eq!(covered(&[(2000, 3060), (9000, 9001)]), []);
}

#[test]
fn neighbours_are_told_as_one_network() {
    let eights = |networks: Vec<(u128, u128)>| {
        Growth { networks, len: 8, ..Growth::default() }.widest::<Ipv4Index>().collect::<Vec<_>>()
    };
    assert_eq!(eights(vec![(0, 255)]), [(0, 0)]);
    assert_eq!(eights(vec![(2, 3)]), [(2 << 24, 7)]);
    assert_eq!(eights(vec![(3, 4)]), [(3 << 24, 8), (4 << 24, 8)]);
    let sixteens = Growth { networks: vec![(0, 0xffff)], len: 16, ..Growth::default() };
    assert_eq!(sixteens.widest::<Ipv6Index>().collect::<Vec<_>>(), [(0, 0)]);
}
