//! How long the other side may take.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// How long the other side may take: seconds, or a text such as `30s` or `2m`; at most an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    /// The time-out as the standard library writes it.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// A time-out of whole seconds, if there is one.
    fn from_seconds(seconds: u64) -> Option<Timeout> {
        (1..=3600).contains(&seconds).then(|| Timeout(Duration::from_secs(seconds)))
    }
}

/// 30 seconds: enough for a mail server that looks the sender up first.
impl Default for Timeout {
    fn default() -> Timeout {
        Timeout(Duration::from_secs(30))
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timeout, D::Error> {
        deserializer.deserialize_any(TimeoutVisitor)
    }
}

/// Reads a number or a text.
struct TimeoutVisitor;

impl Visitor<'_> for TimeoutVisitor {
    type Value = Timeout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time from 1s to 1h, such as \"30s\" or \"2m\"")
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timeout, E> {
        u64::try_from(seconds)
            .ok()
            .and_then(Timeout::from_seconds)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(seconds), &self))
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timeout, E> {
        Timeout::from_seconds(seconds)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(seconds), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timeout, E> {
        let (number, factor) = match text.trim() {
            t if t.ends_with('s') => (&t[..t.len() - 1], 1),
            t if t.ends_with('m') => (&t[..t.len() - 1], 60),
            t if t.ends_with('h') => (&t[..t.len() - 1], 3600),
            t => (t, 1),
        };
        let seconds = number.trim_end().parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        seconds
            .and_then(Timeout::from_seconds)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_from_numbers_and_texts() {
        for (value, seconds) in [
            (serde_json::json!(10), Some(10)),
            (serde_json::json!("10"), Some(10)),
            (serde_json::json!("10s"), Some(10)),
            (serde_json::json!("2 m"), Some(120)),
            (serde_json::json!("1h"), Some(3600)),
            (serde_json::json!("2h"), None),
            (serde_json::json!(0), None),
            (serde_json::json!(-1), None),
            (serde_json::json!("99999999999999999999m"), None),
            (serde_json::json!("soon"), None),
            (serde_json::json!(true), None),
        ] {
            let read = serde_json::from_value::<Timeout>(value.clone()).ok();
            assert_eq!(read.map(|t| t.duration().as_secs()), seconds, "{value}");
        }
    }
}
