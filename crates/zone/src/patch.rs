//! Changes laid over an index that is never rewritten in place.
//!
//! A change touches a network, so a patch is a sorted list of disjoint ranges, each with the value
//! that holds there now; 0 says that nothing is listed any more. It is asked before the index, and
//! it covers exactly the networks that changed: a change of one address is one range, whatever the
//! size of the list. A patched index is a new value that shares everything else with the old one, so
//! readers of the old one are not disturbed.

use std::ops::{Add, Sub};

/// Ranges with their values, disjoint and sorted. `K` is an address as a number.
#[derive(Clone, Debug)]
pub(crate) struct Patch<K> {
    ranges: Vec<Range<K>>,
}

impl<K> Default for Patch<K> {
    fn default() -> Self {
        Patch { ranges: Vec::new() }
    }
}

/// Addresses from `first` to `last`, both included, and their value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range<K> {
    /// The first address.
    pub(crate) first: K,
    /// The last address.
    pub(crate) last: K,
    /// What they are listed with; 0 for not listed.
    pub(crate) value: u32,
}

impl<K> Patch<K>
where
    K: Copy + Ord + From<u8> + Add<Output = K> + Sub<Output = K>,
{
    /// The value at an address, if it was changed.
    #[inline]
    pub(crate) fn find(&self, address: K) -> Option<u32> {
        let after = self.ranges.partition_point(|r| r.first <= address);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (address <= range.last).then_some(range.value)
    }

    /// Whether anything from `first` to `last` is listed, given the same question to the index.
    pub(crate) fn any_in(&self, first: K, last: K, base: impl Fn(K, K) -> bool) -> bool {
        let one = K::from(1);
        let mut at = first;
        let from = self.ranges.partition_point(|r| r.last < first);
        for range in &self.ranges[from..] {
            if range.first > last {
                break;
            }
            if at < range.first && base(at, range.first - one) {
                return true;
            }
            if range.value != 0 {
                return true;
            }
            if range.last >= last {
                return false;
            }
            at = range.last + one;
        }
        base(at, last)
    }

    /// This patch with newer ranges laid over it. `newer` must be sorted and disjoint.
    pub(crate) fn over(&self, newer: &[Range<K>]) -> Patch<K> {
        let one = K::from(1);
        let mut ranges = Vec::with_capacity(self.ranges.len() + newer.len() + 2);
        let mut new = newer.iter().copied().peekable();
        for old in &self.ranges {
            let mut rest = Some(*old);
            while let (Some(old), Some(next)) = (rest, new.peek().copied()) {
                if next.last < old.first {
                    push(&mut ranges, next);
                    new.next();
                } else if next.first > old.last {
                    break;
                } else {
                    if old.first < next.first {
                        push(&mut ranges, Range { last: next.first - one, ..old });
                    }
                    if next.last < old.last {
                        rest = Some(Range { first: next.last + one, ..old });
                        push(&mut ranges, next);
                        new.next();
                    } else {
                        rest = None;
                    }
                }
            }
            if let Some(old) = rest {
                push(&mut ranges, old);
            }
        }
        for next in new {
            push(&mut ranges, next);
        }
        Patch { ranges }
    }

    /// What is listed at or behind an address: the first range, cut to begin there, given the same question to the
    /// index. `end` is the last address there is.
    pub(crate) fn next(
        &self,
        from: K,
        end: K,
        base: impl Fn(K) -> Option<Range<K>>,
    ) -> Option<Range<K>> {
        let one = K::from(1);
        let mut at = from;
        let mut rest = &self.ranges[self.ranges.partition_point(|r| r.last < from)..];
        while let Some((&over, more)) = rest.split_first() {
            if at < over.first {
                if let Some(range) = base(at).filter(|range| range.first < over.first) {
                    return Some(Range { last: range.last.min(over.first - one), ..range });
                }
                at = over.first;
            }
            if over.value != 0 {
                return Some(Range { first: at, ..over });
            }
            if over.last == end {
                return None;
            }
            (at, rest) = (over.last + one, more);
        }
        base(at)
    }

    /// How many ranges it holds.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Begins a walk over an index with this patch laid over it, from `first` to `last`.
    pub(crate) fn walk(&self, first: K, last: K) -> Walk<'_, K> {
        let from = self.ranges.partition_point(|r| r.last < first);
        let to = self.ranges.partition_point(|r| r.first <= last);
        Walk { ranges: &self.ranges[from..to.max(from)], begun: false }
    }
}

/// A walk over an index in order, with what a patch lays over it.
pub(crate) struct Walk<'p, K> {
    /// Ranges of the patch that do not lie wholly before what was given.
    ranges: &'p [Range<K>],
    /// Whether the first of them was given already.
    begun: bool,
}

impl<K> Walk<'_, K>
where
    K: Copy + Ord + From<u8> + Add<Output = K> + Sub<Output = K>,
{
    /// Takes the index's next range; gives what is listed up to its end.
    pub(crate) fn next(&mut self, under: Range<K>, give: &mut impl FnMut(Range<K>)) {
        let one = K::from(1);
        let mut first = under.first;
        while let Some((&over, rest)) = self.ranges.split_first()
            && over.first <= under.last
        {
            if first < over.first {
                give(Range { first, last: over.first - one, ..under });
            }
            if !std::mem::replace(&mut self.begun, true) && over.value != 0 {
                give(over);
            }
            if over.last >= under.last {
                return;
            }
            first = first.max(over.last + one);
            (self.ranges, self.begun) = (rest, false);
        }
        give(Range { first, ..under });
    }

    /// Gives what the patch lists behind the index's last range.
    pub(crate) fn finish(self, give: &mut impl FnMut(Range<K>)) {
        let rest = &self.ranges[usize::from(self.begun)..];
        rest.iter().filter(|range| range.value != 0).for_each(|range| give(*range));
    }
}

/// Appends a range; one that touches the last with the same value extends it.
pub(crate) fn push<K>(ranges: &mut Vec<Range<K>>, range: Range<K>)
where
    K: Copy + Ord + From<u8> + Sub<Output = K>,
{
    match ranges.last_mut() {
        Some(last)
            if last.value == range.value
                && last.last < range.first
                && range.first - K::from(1) == last.last =>
        {
            last.last = range.last;
        }
        _ => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(ranges: &[(u32, u32, u32)]) -> Patch<u32> {
        let ranges: Vec<_> =
            ranges.iter().map(|&(first, last, value)| Range { first, last, value }).collect();
        Patch::default().over(&ranges)
    }

    #[test]
    fn newer_ranges_win() {
        let old = patch(&[(10, 19, 1), (30, 39, 2), (50, 59, 3)]);
        let newer =
            [Range { first: 15, last: 34, value: 9 }, Range { first: 52, last: 53, value: 0 }];
        let both = old.over(&newer);
        for x in 0..70_u32 {
            let expect = match x {
                15..=34 => Some(9),
                52..=53 => Some(0),
                10..=14 => Some(1),
                35..=39 => Some(2),
                50..=51 | 54..=59 => Some(3),
                _ => None,
            };
            assert_eq!(both.find(x), expect, "{x}");
        }
    }

    #[test]
    fn a_walk_gives_what_look_ups_find() {
        let p =
            patch(&[(0, 2, 7), (10, 19, 0), (25, 26, 5), (30, 49, 6), (60, 69, 0), (80, 80, 8)]);
        let index = [(1, 1, 1), (5, 5, 1), (8, 21, 2), (24, 28, 3), (35, 36, 4), (48, 60, 5)];
        let mut given = Vec::new();
        let mut walk = p.walk(1, 100);
        for (first, last, value) in index {
            walk.next(Range { first, last, value }, &mut |range| given.push(range));
        }
        walk.finish(&mut |range| given.push(range));
        assert!(given.is_sorted_by(|a, b| a.last < b.first), "{given:?}");
        for x in 0..100_u32 {
            let under = index.iter().find(|(first, last, _)| (*first..=*last).contains(&x));
            let expect = p.find(x).unwrap_or(under.map_or(0, |(_, _, value)| *value));
            let found = given.iter().find(|r| (r.first..=r.last).contains(&x));
            assert_eq!(found.map_or(0, |r| r.value), expect, "{x}");
        }
    }

    #[test]
    fn what_comes_next_is_what_look_ups_find() {
        let p =
            patch(&[(0, 2, 7), (10, 19, 0), (25, 26, 5), (30, 49, 6), (60, 69, 0), (95, 99, 0)]);
        let index = [(1, 1, 1), (5, 5, 1), (8, 21, 2), (24, 28, 3), (35, 36, 4), (48, 96, 5)];
        let base = |at: u32| {
            let range = index.iter().find(|(_, last, _)| *last >= at)?;
            Some(Range { first: range.0.max(at), last: range.1, value: range.2 })
        };
        let found = |x| {
            let under = index.iter().find(|(first, last, _)| (*first..=*last).contains(&x));
            p.find(x).unwrap_or(under.map_or(0, |(_, _, value)| *value))
        };
        for from in 0..100 {
            let next = p.next(from, 99, base);
            let expect = (from..100).find(|x| found(*x) != 0);
            assert_eq!(next.map(|range| range.first), expect, "{from}");
            if let Some(range) = next {
                assert!((range.first..=range.last).all(|x| found(x) == range.value), "{range:?}");
            }
        }
    }

    #[test]
    fn a_range_is_listed_if_a_patch_or_what_it_leaves_open_is() {
        let p = patch(&[(10, 19, 0), (30, 39, 5)]);
        let nothing = |_, _| false;
        assert!(!p.any_in(0, 29, nothing));
        assert!(p.any_in(0, 30, nothing));
        assert!(!p.any_in(12, 15, |_, _| true));
        assert!(p.any_in(12, 20, |a, b| a <= 20 && 20 <= b));
    }
}
