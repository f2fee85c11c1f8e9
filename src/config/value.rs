//! Values as they are written in the configuration: parsed where they stand.
//!
//! A value that is parsed while the file is read fails with its own place in the file. So no text
//! leaves this module unparsed: names, addresses, spans of time and sizes become types here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use repute_dnsxl::ReturnCode;
use serde::{Deserialize, Deserializer, de};

/// A value that is written as text and parses itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Text).map_err(|error| de::Error::custom(format!("`{text}`: {error}")))
    }
}

/// An address to listen at: `192.0.2.1:53`, `[2001:db8::1]:53`, or without a port, which is 53 then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl FromStr for ListenAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<ListenAddress, ValueError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(ListenAddress(SocketAddr::new(address, 53)));
        }
        text.parse().map(ListenAddress).map_err(|_| ValueError::Listen)
    }
}

/// A span of time: `90s`, `35m`, `1h30m`, `7d`, `2w`, `200ms`, or whole seconds as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// So many seconds.
    pub(crate) const fn seconds(n: u64) -> Span {
        Span(Duration::from_secs(n))
    }

    /// As a TTL or SOA timer, which DNS counts in whole seconds of 31 bits (RFC 2181 section 8).
    pub(crate) fn as_ttl(self) -> u32 {
        u32::try_from(self.0.as_secs()).map_or(MAX_TTL, |s| s.min(MAX_TTL))
    }
}

/// An address to answer DNS over TLS at; the port defaults to 853.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TlsAddress(pub(crate) SocketAddr);

impl FromStr for TlsAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<TlsAddress, ValueError> {
        let ListenAddress(mut address) = text.parse()?;
        if text.parse::<SocketAddr>().is_err() {
            address.set_port(853);
        }
        Ok(TlsAddress(address))
    }
}

impl FromStr for Span {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Span, ValueError> {
        let (mut rest, mut total) = (text.trim(), Duration::ZERO);
        if rest.is_empty() {
            return Err(ValueError::Span);
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| ValueError::Span)?;
            let unit_ms = match unit {
                "ms" => 1,
                "" | "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 604_800_000,
                _ => return Err(ValueError::Span),
            };
            let part = number.checked_mul(unit_ms).ok_or(ValueError::Span)?;
            total = total.checked_add(Duration::from_millis(part)).ok_or(ValueError::Span)?;
            rest = tail;
        }
        Ok(Span(total))
    }
}

/// A size in bytes: `64MiB`, `500kB`, `4GiB`, or bytes as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Size, ValueError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| ValueError::Size)?;
        let unit = match unit.trim_start() {
            "" | "B" => 1,
            "kB" => 1_000,
            "KiB" => 1 << 10,
            "MB" => 1_000_000,
            "MiB" => 1 << 20,
            "GB" => 1_000_000_000,
            "GiB" => 1 << 30,
            _ => return Err(ValueError::Size),
        };
        number.checked_mul(unit).map(Size).ok_or(ValueError::Size)
    }
}

/// Gives a type that is written as text or as a plain whole number its `Deserialize`.
macro_rules! text_or_number {
    ($name:ident, $what:literal, $from_number:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                /// Takes the text or the number.
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|e| E::custom(format!("`{text}`: {e}")))
                    }

                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                        u64::try_from(number).map($from_number).map_err(|_| {
                            E::custom(concat!("expected ", $what, ", not less than 0"))
                        })
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

text_or_number!(Span, "a span of time such as \"35m\"", Span::seconds);
text_or_number!(Size, "a size such as \"64MiB\"", Size);

/// A return code of a list: in 127.0.0.0/8 (RFC 5782 section 2.1), or its last number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ListCode(pub(crate) ReturnCode);

impl FromStr for ListCode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<ListCode, ValueError> {
        let code: ReturnCode = text.parse().map_err(|_| ValueError::Code)?;
        if code.is_conventional() { Ok(ListCode(code)) } else { Err(ValueError::CodeOutside) }
    }
}

/// What separates the columns of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    /// Any run of blanks and tabs.
    Blanks,
    /// One such byte between two columns.
    Byte(u8),
}

impl FromStr for Separator {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Separator, ValueError> {
        match text.as_bytes() {
            b"blanks" => Ok(Separator::Blanks),
            b"tab" => Ok(Separator::Byte(b'\t')),
            [b'"'] => Err(ValueError::Separator),
            [byte] if byte.is_ascii() => Ok(Separator::Byte(*byte)),
            _ => Err(ValueError::Separator),
        }
    }
}

/// Largest TTL (RFC 2181 section 8).
const MAX_TTL: u32 = 0x7fff_ffff;

/// Why a text is no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// No return code.
    #[error("expected a return code such as 127.0.0.2, or its last number")]
    Code,
    /// A return code that clients take for something else.
    #[error(
        "a return code is in 127.0.0.0/8 (RFC 5782): expected such as 127.0.0.2, or its last number"
    )]
    CodeOutside,
    /// No address to listen at.
    #[error("expected an address and port such as 192.0.2.1:53 or [2001:db8::1]:53")]
    Listen,
    /// No separator of columns.
    #[error("expected `blanks`, `tab` or one character such as `,`, but not a quote")]
    Separator,
    /// No size.
    #[error("expected a number of bytes with a unit such as 64MiB")]
    Size,
    /// No span of time.
    #[error("expected a number with a unit (ms, s, m, h, d, w) such as 35m")]
    Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(text.parse().ok(), ms.map(|n| Span(Duration::from_millis(n))), "{text}");
        };
        check("35m", Some(2_100_000));
        check("1h30m", Some(5_400_000));
        check("200ms", Some(200));
        check("12", Some(12_000));
        check("", None);
        check("m", None);
        check("5 parsecs", None);
        check("99999999999999999999w", None);
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!("64MiB".parse(), Ok(Size(64 << 20)));
        assert_eq!("10 kB".parse(), Ok(Size(10_000)));
        assert_eq!("ten".parse::<Size>(), Err(ValueError::Size));
        assert_eq!("99999999999GiB".parse::<Size>(), Err(ValueError::Size));
    }

    #[test]
    fn a_listen_address_without_a_port_means_53() {
        let address: ListenAddress = "2001:db8::1".parse().unwrap();
        assert_eq!(address.0.to_string(), "[2001:db8::1]:53");
        assert!("localhost:53".parse::<ListenAddress>().is_err());
    }
}
