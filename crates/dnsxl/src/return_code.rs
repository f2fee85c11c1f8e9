//! The address a list answers with (RFC 5782 section 2.1).

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A return code: an A value, by convention in 127.0.0.0/8, never used as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReturnCode(pub Ipv4Addr);

impl ReturnCode {
    /// 127.0.0.2: listed, without saying more.
    pub const LISTED: ReturnCode = ReturnCode(Ipv4Addr::new(127, 0, 0, 2));

    /// The code 127.0.0.`n`.
    pub const fn last_octet(n: u8) -> ReturnCode {
        ReturnCode(Ipv4Addr::new(127, 0, 0, n))
    }

    /// Whether it lies in 127.0.0.0/8, where clients expect it (RFC 5782 section 2.1: SHOULD).
    pub fn is_conventional(self) -> bool {
        self.0.octets()[0] == 127
    }
}

impl FromStr for ReturnCode {
    type Err = ReturnCodeError;

    /// Parses `127.0.0.2` or only its last number, `2`.
    fn from_str(text: &str) -> Result<ReturnCode, ReturnCodeError> {
        if let Ok(n) = text.parse::<u8>() {
            return Ok(ReturnCode::last_octet(n));
        }
        text.parse().map(ReturnCode).map_err(|_| ReturnCodeError)
    }
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is no return code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a return code: expected an address such as 127.0.0.2, or its last number")]
pub struct ReturnCodeError;
