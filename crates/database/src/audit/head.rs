//! The head of the audit log, as it is shown and typed: how many rows, and the digest that covers them.

use std::fmt;
use std::str::FromStr;

/// The head of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// So many rows.
    pub rows: u64,
    /// The digest of the last of them.
    pub digest: Vec<u8>,
}

/// A text that is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a head as `repute registry verify` shows it: a number, `:` and 64 hexadecimal digits"
)]
pub struct HeadError;

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.rows)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Head, HeadError> {
        let (rows, digits) = text.trim().split_once(':').ok_or(HeadError)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HeadError);
        }
        let byte = |place| u8::from_str_radix(&digits[place..place + 2], 16);
        let digest = (0..64).step_by(2).map(byte).collect::<Result<_, _>>();
        let rows = rows.parse().map_err(|_| HeadError)?;
        Ok(Head { rows, digest: digest.map_err(|_| HeadError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_shown() {
        let head = Head { rows: 17, digest: (0..32).collect() };
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        assert_eq!(format!(" {}\n", head.to_string().to_uppercase()).parse(), Ok(head));
        for text in [
            "",
            "17",
            "17:",
            "x:00",
            ":00",
            &format!("1:{}", "g".repeat(64)),
            &format!("1:{}", "é".repeat(32)),
        ] {
            assert_eq!(text.parse::<Head>(), Err(HeadError), "{text}");
        }
    }
}
