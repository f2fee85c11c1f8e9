//! Seeded random numbers: the same seed gives the same lists and queries on every machine.
//!
//! Own code (xoshiro256++, seeded by SplitMix64, both in the public domain by their authors) because a
//! library is free to change its streams between versions, and a list that changes breaks comparisons.

/// A stream of random numbers.
pub(crate) struct Random([u64; 4]);

impl Random {
    /// Starts the stream of a seed.
    pub(crate) fn new(seed: u64) -> Random {
        let mut state = seed;
        Random(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// Returns 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Returns a number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// Returns `true` in this many of 100 cases.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// Picks one item of a slice that is not empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Puts a slice in random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// A choice among items that are not equally likely.
pub(crate) struct Weighted<T> {
    /// The items with the sum of the weights up to and with theirs.
    items: Vec<(u64, T)>,
}

impl<T: Copy> Weighted<T> {
    /// Takes items with their weights, of which one at least is not 0.
    pub(crate) fn new(items: impl IntoIterator<Item = (u64, T)>) -> Weighted<T> {
        let mut sum = 0;
        let items = items
            .into_iter()
            .map(|(weight, item)| {
                sum += weight;
                (sum, item)
            })
            .collect();
        Weighted { items }
    }

    /// Picks one item.
    pub(crate) fn pick(&self, random: &mut Random) -> T {
        let total = self.items.last().map_or(1, |(sum, _)| *sum);
        let point = random.below(total);
        self.items[self.items.partition_point(|(sum, _)| *sum <= point)].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_stream() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| a.bits() == b.bits()));
        assert_ne!(Random::new(7).bits(), Random::new(8).bits());
    }

    #[test]
    fn weights_decide_how_often() {
        let choice = Weighted::new([(1, 'a'), (0, 'b'), (9, 'c')]);
        let mut random = Random::new(1);
        let picks: Vec<char> = (0..10_000).map(|_| choice.pick(&mut random)).collect();
        assert!(!picks.contains(&'b'));
        let a = picks.iter().filter(|c| **c == 'a').count();
        assert!((800..1200).contains(&a), "{a}");
    }
}
