//! Arrays of little-endian numbers that lie in an image.
//!
//! A zone built in memory and one mapped from a snapshot file are the same sections of bytes, so
//! there is one look-up path for both. Reading is by checked slices: a hostile image can give wrong
//! answers but never reach outside itself.

use bytes::Bytes;

/// An array of 32-bit numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct U32s(pub(crate) Bytes);

/// An array of 64-bit numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct U64s(pub(crate) Bytes);

macro_rules! section {
    ($name:ident, $int:ty, $read:ident) => {
        impl $name {
            /// The number at a position.
            ///
            /// # Panics
            /// If the position is outside; [`crate::snapshot::open`] proves that none in use is.
            #[inline(always)]
            pub(crate) fn get(&self, index: usize) -> $int {
                $read(&self.0, index * size_of::<$int>())
            }

            /// How many numbers there are.
            pub(crate) fn len(&self) -> usize {
                self.0.len() / size_of::<$int>()
            }

            /// All numbers in order.
            pub(crate) fn iter(&self) -> impl Iterator<Item = $int> + '_ {
                (0..self.len()).map(|i| self.get(i))
            }
        }

        impl FromIterator<$int> for $name {
            fn from_iter<T: IntoIterator<Item = $int>>(numbers: T) -> $name {
                let mut bytes = Vec::new();
                for n in numbers {
                    bytes.extend_from_slice(&n.to_le_bytes());
                }
                bytes.shrink_to_fit();
                $name(Bytes::from(bytes))
            }
        }

        /// Reads a number at a byte offset.
        #[inline(always)]
        pub(crate) fn $read(bytes: &[u8], at: usize) -> $int {
            let raw = &bytes[at..at + size_of::<$int>()];
            <$int>::from_le_bytes(raw.try_into().expect("the slice has the number's size"))
        }
    };
}

section!(U32s, u32, read_u32);
section!(U64s, u64, read_u64);

/// Reads a 16-bit number at a byte offset.
#[inline(always)]
pub(crate) fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("the slice has the number's size"))
}

impl U32s {
    /// The number at a position, or 0 outside: for positions that come from an image.
    #[inline(always)]
    pub(crate) fn get_or_zero(&self, index: usize) -> u32 {
        let at = index * size_of::<u32>();
        self.0.get(at..at + size_of::<u32>()).map_or(0, |raw| read_u32(raw, 0))
    }
}
