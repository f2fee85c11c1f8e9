//! The innermost search: how many of a few sorted numbers are not above a value.
//!
//! Halving ends at a window of fixed size, and the window is counted without a branch: compilers turn
//! that loop into vector compares on every target we build for. The halving chooses by
//! `select_unpredictable`, since a mispredicted branch costs more than the whole search.
//!
//! Windows may reach behind the numbers; an arena therefore ends with [`SLACK`] unused bytes.

use std::hint::select_unpredictable;

use crate::section::{read_u16, read_u32, read_u64};

/// Unused bytes behind the last number of an arena.
pub(crate) const SLACK: usize = 64;

macro_rules! rank {
    ($(#[$doc:meta])* $name:ident, $int:ty, $read:expr, $lanes:literal, $sum:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(bytes: &[u8], at: usize, count: usize, x: $int) -> usize {
            const SIZE: usize = size_of::<$int>();
            let (mut first, mut rest) = (0, count);
            while rest > $lanes {
                let half = rest / 2;
                let pivot = $read(bytes, at + (first + half) * SIZE);
                first = select_unpredictable(pivot <= x, first + half, first);
                rest -= half;
            }
            let from = at + first * SIZE;
            let window: &[u8; $lanes * SIZE] =
                bytes[from..from + $lanes * SIZE].try_into().expect("the slice is the window");
            let (numbers, _) = window.as_chunks::<SIZE>();
            let mut not_above: $sum = 0;
            for (lane, raw) in numbers.iter().enumerate() {
                let in_use = (lane as $sum) < rest as $sum;
                not_above += <$sum>::from(in_use & (<$int>::from_le_bytes(*raw) <= x));
            }
            first + not_above as usize
        }
    };
}

rank!(
    /// Counts the bytes up to `x` among `count` sorted ones.
    rank_u8, u8, |b: &[u8], at: usize| b[at], 32, u8
);
rank!(
    /// Counts the 16-bit numbers up to `x` among `count` sorted ones.
    rank_u16, u16, read_u16, 32, u16
);
rank!(
    /// Counts the 32-bit numbers up to `x` among `count` sorted ones.
    rank_u32, u32, read_u32, 8, u32
);
rank!(
    /// Counts the 64-bit numbers up to `x` among `count` sorted ones.
    rank_u64, u64, read_u64, 4, u64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_and_place_agrees_with_a_scan() {
        for count in 0..200_usize {
            let numbers: Vec<u16> = (0..count).map(|i| (i * 7 + 3) as u16).collect();
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            bytes.extend([0; SLACK]);
            for x in 0..1500_u16 {
                let expect = numbers.iter().filter(|n| **n <= x).count();
                assert_eq!(rank_u16(&bytes, 0, count, x), expect, "{count} {x}");
            }
        }
    }

    #[test]
    fn bytes_behind_the_numbers_do_not_count() {
        let mut bytes = vec![5_u8, 9, 200];
        bytes.extend([0; SLACK]);
        assert_eq!(rank_u8(&bytes, 0, 3, 4), 0);
        assert_eq!(rank_u8(&bytes, 0, 3, 9), 2);
        assert_eq!(rank_u8(&bytes, 0, 3, 255), 3);
        assert_eq!(rank_u64(&[0; SLACK], 0, 0, 7), 0);
    }
}
