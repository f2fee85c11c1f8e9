//! Which names of a list are gone through: all, or those that changes touch.

use std::ops::Range;

use crate::records::sorted_names::first_label;

/// A name that a change touches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Touched {
    /// Its path.
    pub(crate) path: Vec<u8>,
    /// Whether all that is below it is touched as well.
    pub(crate) with_below: bool,
}

/// The names that are gone through: these and all that are above them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'s> {
    /// Sorted; nothing for all.
    touched: Option<&'s [Touched]>,
}

/// What is gone through at and below a name.
#[derive(Clone, Debug)]
pub(crate) enum Within {
    /// All.
    All,
    /// What these touch, as far as it was not gone through.
    Some(Range<usize>),
}

impl<'s> Scope<'s> {
    /// All names.
    pub(crate) const ALL: Scope<'static> = Scope { touched: None };

    /// What is touched, which must be sorted.
    pub(crate) fn of(touched: &'s [Touched]) -> Scope<'s> {
        Scope { touched: Some(touched) }
    }

    /// What is gone through at and below the apex.
    pub(crate) fn begin(&self) -> Within {
        let Some(touched) = self.touched else { return Within::All };
        match touched.iter().any(|touched| touched.path.is_empty() && touched.with_below) {
            true => Within::All,
            false => Within::Some(0..touched.len()),
        }
    }

    /// The next label below a name whose path is so long, and what is gone through there.
    pub(crate) fn next(&self, within: &mut Within, at: usize) -> Option<(&'s [u8], Within)> {
        let (Some(touched), Within::Some(range)) = (self.touched, within) else { return None };
        loop {
            let rest = touched.get(range.clone())?;
            let first = rest.first()?;
            let Some(label) = first_label(&first.path, at) else {
                // The name itself.
                range.start += 1;
                continue;
            };
            let count = rest.iter().take_while(|touched| goes_on(touched, at, label)).count();
            let end = at + label.len();
            let is_whole = |touched: &Touched| touched.with_below && touched.path.len() == end;
            let below = match rest.iter().take(count).any(is_whole) {
                true => Within::All,
                false => Within::Some(range.start..range.start + count),
            };
            range.start += count;
            return Some((label, below));
        }
    }
}

/// Whether a path goes on with a label behind its first bytes.
fn goes_on(touched: &Touched, at: usize, label: &[u8]) -> bool {
    touched.path.get(at..).is_some_and(|rest| rest.starts_with(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_to_something_touched_is_gone_through() {
        let touched = |path: &[u8], with_below| Touched { path: path.to_vec(), with_below };
        let all = [
            touched(b"\x01a", false),
            touched(b"\x01a\x01b", true),
            touched(b"\x01a\x01b\x01c", true),
            touched(b"\x01a\x01d\x01e", false),
            touched(b"\x02ab", true),
        ];
        let scope = Scope::of(&all);
        let mut within = scope.begin();
        let (label, mut below) = scope.next(&mut within, 0).expect("there is one");
        assert_eq!(label, b"\x01a");
        assert!(matches!(below, Within::Some(_)), "not all below is touched");
        let (label, all_of) = scope.next(&mut below, 2).expect("there is one");
        assert_eq!(label, b"\x01b");
        assert!(matches!(all_of, Within::All));
        assert_eq!(scope.next(&mut below, 2).map(|(label, _)| label), Some(&b"\x01d"[..]));
        assert!(scope.next(&mut below, 2).is_none());
        assert!(matches!(scope.next(&mut within, 0), Some((b"\x02ab", Within::All))));
        assert!(scope.next(&mut within, 0).is_none());
        assert!(matches!(Scope::ALL.begin(), Within::All));
        let root = [touched(b"", true)];
        assert!(matches!(Scope::of(&root).begin(), Within::All));
    }
}
