//! The TXT values of a subdomain, and which of them stay.
//!
//! acme-dns keeps two, and a third takes the place of the older one. Certificates with many names behind one subdomain need
//! more at a time, but only for as long as an order takes: so the two newest stay, as there, and others until they are too
//! old or too many. The order is that in which they came, and not that of clocks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::password::is_base64url;

/// A moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// What a client wants to have in DNS: 43 characters of base64url, a SHA-256 (RFC 8555 section 8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Takes what somebody sent, if it has the form.
    pub fn parse(text: &str) -> Option<Text> {
        (text.len() == 43 && is_base64url(text)).then(|| Text(text.to_owned()))
    }

    /// The value for a key authorization (RFC 8555 section 8.4).
    pub fn of_key_authorization(key: &str) -> Text {
        let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
        Text(URL_SAFE_NO_PAD.encode(digest))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many values a subdomain keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Most values; the two newest are always kept. Default: 10.
    pub values: usize,
    /// How long values before the two newest stay. Default: 1 h.
    pub age: Duration,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { values: 10, age: Duration::from_secs(3600) }
    }
}

impl Keep {
    /// How many values stay before the two newest.
    fn extra(&self) -> usize {
        self.values.saturating_sub(ALWAYS)
    }
}

/// The values of a subdomain, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(pub(crate) Vec<(Moment, String)>);

impl Values {
    /// Adds a value as the newest; one that is there already is not there twice.
    pub(crate) fn add(&mut self, text: &Text, now: Moment, keep: &Keep) {
        self.remove(text);
        self.0.push((now, text.0.clone()));
        let most = ALWAYS + keep.extra();
        self.0.drain(..self.0.len().saturating_sub(most));
        self.expire(now, keep);
    }

    /// Takes a value away. Whether it was there.
    pub(crate) fn remove(&mut self, text: &Text) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, other)| *other != text.0);
        self.0.len() < before
    }

    /// Takes away what is too old and not of the two newest. How many went.
    pub(crate) fn expire(&mut self, now: Moment, keep: &Keep) -> usize {
        let before = self.0.len();
        let mut extra = before.saturating_sub(ALWAYS);
        self.0.retain(|(at, _)| {
            let is_extra = extra > 0;
            extra = extra.saturating_sub(1);
            !is_extra || due(*at, keep) > now
        });
        before - self.0.len()
    }

    /// When one of them is too old, if that ever comes.
    pub(crate) fn due(&self, keep: &Keep) -> Option<Moment> {
        let extra = self.0.len().saturating_sub(ALWAYS);
        self.0.iter().take(extra).map(|(at, _)| due(*at, keep)).min()
    }

    /// The strings, for DNS.
    pub(crate) fn strings(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|(_, text)| text.clone().into_bytes()).collect()
    }
}

/// When a value of a moment is too old.
fn due(at: Moment, keep: &Keep) -> Moment {
    Moment(at.0.saturating_add(u64::try_from(keep.age.as_millis()).unwrap_or(u64::MAX)))
}

/// How many values always stay: those of a name and of the wildcard below it.
const ALWAYS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: char) -> Text {
        Text::parse(&of.to_string().repeat(43)).expect("a value")
    }

    /// The values after each of `steps` (what, when), and when one is due.
    fn check(keep: Keep, steps: &[(char, u64)], expect: &str, due: Option<u64>) {
        let mut values = Values::default();
        for (of, at) in steps {
            values.add(&text(*of), Moment(*at), &keep);
        }
        let held: String = values.0.iter().filter_map(|(_, text)| text.chars().next()).collect();
        assert_eq!((held.as_str(), values.due(&keep)), (expect, due.map(Moment)), "{steps:?}");
    }

    #[test]
    fn the_two_newest_stay_and_others_while_they_are_young_and_few() {
        let keep = |values| Keep { values, age: Duration::from_millis(100) };
        check(keep(10), &[], "", None);
        check(keep(10), &[('a', 0), ('b', 9000)], "ab", None);
        check(keep(10), &[('a', 0), ('b', 0), ('c', 0)], "abc", Some(100));
        check(keep(10), &[('a', 0), ('b', 50), ('c', 99)], "abc", Some(100));
        check(keep(10), &[('a', 0), ('b', 50), ('c', 100)], "bc", None);
        check(keep(10), &[('a', 0), ('b', 50), ('c', 200), ('d', 900)], "cd", None);
        check(keep(3), &[('a', 0), ('b', 0), ('c', 0), ('d', 0)], "bcd", Some(100));
        for few in 0..=2 {
            check(keep(few), &[('a', 0), ('b', 0), ('c', 0)], "bc", None);
        }
    }

    #[test]
    fn an_equal_value_is_there_once_as_the_newest() {
        let keep = Keep::default();
        check(keep, &[('a', 0), ('b', 1), ('a', 2)], "ba", None);
        check(keep, &[('a', 0), ('a', 0)], "a", None);
    }

    #[test]
    fn a_clock_that_goes_back_neither_ends_values_nor_orders_them() {
        let keep = Keep { values: 3, age: Duration::from_millis(100) };
        check(keep, &[('a', 500), ('b', 400), ('c', 300), ('d', 10)], "bcd", Some(500));
    }

    #[test]
    fn time_takes_extra_values_and_nothing_else() {
        let keep = Keep { values: 10, age: Duration::from_millis(100) };
        let mut values = Values::default();
        for (at, of) in "abcd".chars().enumerate() {
            values.add(&text(of), Moment(at as u64), &keep);
        }
        assert_eq!(
            [99, 100, u64::MAX, u64::MAX].map(|at| values.expire(Moment(at), &keep)),
            [0, 1, 1, 0]
        );
        assert!(values.due(&keep).is_none());
        assert!(values.remove(&text('d')) && !values.remove(&text('d')));
        assert_eq!(values.strings(), [vec![b'c'; 43]]);
    }

    #[test]
    fn what_acme_dns_refuses_is_no_value() {
        let good = "a".repeat(43);
        for bad in
            ["", &good[1..], &format!("{good}a"), &good.replacen('a', "#", 1), &"ä".repeat(22)]
        {
            assert_eq!(Text::parse(bad), None, "{bad}");
        }
        assert!(Text::parse(&good.replacen("aa", "-_", 1)).is_some());
    }
}
