//! A mail address, as it names an account: parsed once, in lower case.

use std::fmt;
use std::str::FromStr;

use repute_dnsxl::Name;

/// A mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

/// Why a text is no mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address, such as `you@example.org`")]
pub struct MailAddressError;

impl MailAddress {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = MailAddressError;

    fn from_str(text: &str) -> Result<MailAddress, MailAddressError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(MailAddressError)?;
        let is_local = !local.is_empty()
            && local.len() <= 64
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom));
        let domain: Name = domain.parse().map_err(|_| MailAddressError)?;
        let domain = domain.to_string();
        let is_domain = domain.len() <= 190
            && domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            && domain != ".";
        if !is_local || !is_domain {
            return Err(MailAddressError);
        }
        Ok(MailAddress(format!("{}@{domain}", local.to_ascii_lowercase())))
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a byte may be before the `@` unquoted (RFC 5322 section 3.2.3).
fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_in_lower_case_or_none() {
        for (text, expect) in [
            (" You@Example.ORG ", Some("you@example.org")),
            ("a.b+c@x.example.", Some("a.b+c@x.example")),
            ("root@localhost", Some("root@localhost")),
            ("you", None),
            ("@x.example", None),
            ("a..b@x.example", None),
            ("a b@x.example", None),
            ("a@x.example\r\nBcc: b@x.example", None),
            ("a@b@x.example", None),
            ("a@", None),
            ("a@.", None),
        ] {
            let parsed = text.parse::<MailAddress>().ok();
            assert_eq!(parsed.as_ref().map(MailAddress::as_str), expect, "{text}");
        }
    }
}
