//! The innermost search: how many of a few sorted numbers are not above a value.
//!
//! Halving ends at a window of fixed size, and the window is compared at once without a branch. The
//! halving chooses by `select_unpredictable`, since a mispredicted branch costs more than the whole
//! search. Since the numbers are sorted, those not above the value are the first ones: the answer is
//! where the mask of comparisons ends.
//!
//! Windows may reach behind the numbers; an arena therefore ends with [`SLACK`] unused bytes.

use std::hint::select_unpredictable;

use crate::section::{read_u16, read_u32, read_u64};

/// Unused bytes behind the last number of an arena.
pub(crate) const SLACK: usize = 64;

macro_rules! rank {
    ($(#[$doc:meta])* $name:ident, $int:ty, $read:expr, $lanes:literal, $mask:path) => {
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
            // Beyond the numbers the mask is cut off; there are at most 32 lanes.
            let not_above = $mask(window, x) & !(u64::MAX << rest);
            first + not_above.trailing_ones() as usize
        }
    };
}

rank!(
    /// Counts the bytes up to `x` among `count` sorted ones.
    rank_u8, u8, |b: &[u8], at: usize| b[at], 32, compare::bytes
);
rank!(
    /// Counts the 16-bit numbers up to `x` among `count` sorted ones.
    rank_u16, u16, read_u16, 32, compare::shorts
);
rank!(
    /// Counts the 32-bit numbers up to `x` among `count` sorted ones.
    rank_u32, u32, read_u32, 8, compare::words
);
rank!(
    /// Counts the 64-bit numbers up to `x` among `count` sorted ones.
    rank_u64, u64, read_u64, 4, compare::portable::<32, 8, u64>
);

/// Comparisons of a whole window: bit `i` says that number `i` is not above the value.
mod compare {
    /// A little-endian number of a window.
    pub(super) trait Number<const SIZE: usize>: Copy + PartialOrd {
        /// Reads it.
        fn read(raw: [u8; SIZE]) -> Self;
    }

    macro_rules! number {
        ($($int:ty),*) => { $(
            impl Number<{ size_of::<$int>() }> for $int {
                #[inline(always)]
                fn read(raw: [u8; size_of::<$int>()]) -> $int {
                    <$int>::from_le_bytes(raw)
                }
            }
        )* };
    }
    number!(u8, u16, u32, u64);

    /// Number by number; what every processor can do.
    #[inline(always)]
    pub(super) fn portable<const BYTES: usize, const SIZE: usize, T: Number<SIZE>>(
        window: &[u8; BYTES],
        x: T,
    ) -> u64 {
        let (numbers, _) = window.as_chunks::<SIZE>();
        let lanes = numbers.iter().enumerate();
        lanes.fold(0, |mask, (i, raw)| mask | u64::from(T::read(*raw) <= x) << i)
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn bytes(window: &[u8; 32], x: u8) -> u64 {
        portable::<32, 1, u8>(window, x)
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn shorts(window: &[u8; 64], x: u16) -> u64 {
        portable::<64, 2, u16>(window, x)
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(super) fn words(window: &[u8; 32], x: u32) -> u64 {
        portable::<32, 4, u32>(window, x)
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) use sse2::{bytes, shorts, words};

    /// Sixteen bytes at a time, with what every x86-64 processor has.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "entering code for SSE2 is unsafe, though all x86-64 has it")]
    mod sse2 {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_cmpgt_epi32, _mm_max_epu8,
            _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x, _mm_set1_epi8,
            _mm_set1_epi16, _mm_set1_epi32, _mm_setzero_si128, _mm_subs_epu16, _mm_xor_si128,
        };

        /// Bytes not above `x`.
        #[inline(always)]
        pub(crate) fn bytes(window: &[u8; 32], x: u8) -> u64 {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { bytes_sse2(window, x) }
        }

        /// Numbers not above `x`.
        #[inline(always)]
        pub(crate) fn shorts(window: &[u8; 64], x: u16) -> u64 {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { shorts_sse2(window, x) }
        }

        /// Numbers not above `x`.
        #[inline(always)]
        pub(crate) fn words(window: &[u8; 32], x: u32) -> u64 {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { words_sse2(window, x) }
        }

        /// Those whose maximum with `x` is `x`.
        #[target_feature(enable = "sse2")]
        #[inline]
        fn bytes_sse2(window: &[u8; 32], x: u8) -> u64 {
            let x = _mm_set1_epi8(x.cast_signed());
            let half = |at| mask(_mm_cmpeq_epi8(_mm_max_epu8(load(window, at), x), x));
            half(0) | half(16) << 16
        }

        /// Those from which nothing is left after a saturating subtraction.
        #[target_feature(enable = "sse2")]
        #[inline]
        fn shorts_sse2(window: &[u8; 64], x: u16) -> u64 {
            let (x, zero) = (_mm_set1_epi16(x.cast_signed()), _mm_setzero_si128());
            let part = |at| _mm_cmpeq_epi16(_mm_subs_epu16(load(window, at), x), zero);
            let low = mask(_mm_packs_epi16(part(0), part(16)));
            low | mask(_mm_packs_epi16(part(32), part(48))) << 16
        }

        /// The comparison is signed, so both sides are moved by half the range.
        #[target_feature(enable = "sse2")]
        #[inline]
        fn words_sse2(window: &[u8; 32], x: u32) -> u64 {
            let sign = _mm_set1_epi32(i32::MIN);
            let x = _mm_xor_si128(_mm_set1_epi32(x.cast_signed()), sign);
            let part = |at| _mm_cmpgt_epi32(_mm_xor_si128(load(window, at), sign), x);
            let above = _mm_packs_epi32(part(0), part(16));
            !mask(_mm_packs_epi16(above, above)) & 0xff
        }

        /// Sixteen bytes of a window.
        #[target_feature(enable = "sse2")]
        #[inline]
        fn load<const N: usize>(window: &[u8; N], at: usize) -> __m128i {
            let half =
                |at: usize| i64::from_le_bytes(window[at..at + 8].try_into().expect("eight bytes"));
            _mm_set_epi64x(half(at + 8), half(at))
        }

        /// The upper bit of each byte.
        #[target_feature(enable = "sse2")]
        #[inline]
        fn mask(lanes: __m128i) -> u64 {
            u64::from(_mm_movemask_epi8(lanes).cast_unsigned())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn vectors_and_single_numbers_agree() {
            let mut state = 0x1234_5678_9abc_def0_u64;
            let mut next = move || {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                (state >> 32) as u32
            };
            for _ in 0..2000 {
                let window: [u8; 64] = std::array::from_fn(|_| next() as u8);
                let half: &[u8; 32] = window[..32].try_into().unwrap();
                let x = next();
                // Equal numbers matter most, so one of them is often the value itself.
                let one = u32::from_le_bytes(half[8..12].try_into().unwrap());
                for x in [x, one, 0, u32::MAX, 0x8000_0000] {
                    assert_eq!(bytes(half, x as u8), portable::<32, 1, u8>(half, x as u8));
                    assert_eq!(
                        shorts(&window, x as u16),
                        portable::<64, 2, u16>(&window, x as u16)
                    );
                    assert_eq!(words(half, x), portable::<32, 4, u32>(half, x));
                }
            }
        }
    }
}

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
