//! The signature on a webhook's body, by which its reader knows the sender.
//!
//! The header `Repute-Signature: t=UNIX-SECONDS,v1=HEX` holds the time of sending and the
//! HMAC-SHA256 (RFC 2104), under the shared secret, of those seconds in decimal, a full stop, and
//! the body. The reader computes it again, compares in constant time, and refuses times that are
//! minutes away: an old request cannot be sent again by somebody who saw it.

use std::fmt::Write as _;

use ring::hmac;

/// The header's name.
pub(crate) const HEADER: &str = "repute-signature";

/// Returns the header's value for a body sent at a Unix time.
pub(crate) fn sign(secret: &str, time: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(time.to_string().as_bytes());
    context.update(b".");
    context.update(body.as_bytes());
    let mut header = format!("t={time},v1=");
    for byte in context.sign().as_ref() {
        let _ = write!(header, "{byte:02x}");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is what `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac hunter2` prints.
    #[test]
    fn a_signature_is_what_other_software_computes() {
        assert_eq!(
            sign("hunter2", 1_700_000_000, r#"{"a":1}"#),
            "t=1700000000,v1=56b25cbf563812b38800e5f4dd1febfde087d36841155e70b3aa285517e1570a"
        );
    }
}
