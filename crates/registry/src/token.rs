//! Tokens that nobody can guess and that are stored nowhere: a keyed digest of what they are for and of a nonce.
//!
//! Who reads the database learns none of them. They can be shown again, and each is compared in constant time.

use std::fmt;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The key of all tokens. Another one ends all that are on their way.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

/// What a token is for: no token is good for two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A claim, by its number.
    Claim(i64),
    /// A removal, by its number.
    Removal(i64),
    /// To have fewer letters, by the number of an account.
    Letters(i64),
    /// To report that a letter did not arrive, by the number of the letter.
    Report(i64),
    /// To say that letters arrive, by the number of the address at which they failed.
    Arrive(i64),
    /// To say that letters may go to a contact, by the number of its organisation.
    Contact(i64),
    /// To say that none shall, by the same.
    NoContact(i64),
    /// To have another mail address, by the number of an account.
    Mail(i64),
    /// To be known for a browser in which somebody signed in, by the number of his account.
    Device(i64),
}

/// No random numbers are to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

impl TokenKey {
    /// A key of these bytes, which are secret.
    pub fn new(bytes: &[u8; 32]) -> TokenKey {
        TokenKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The token of a use and its nonce: 32 letters and digits, 160 bits.
    pub fn token(&self, purpose: Use, nonce: &[u8; 16]) -> String {
        let digest = hmac::sign(&self.0, &said(purpose, nonce));
        let mut token = String::with_capacity(32);
        // Five bytes are eight letters; 20 bytes come out even.
        for part in digest.as_ref().chunks_exact(5).take(4) {
            let bits = part.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            let letter = |place: u32| char::from(LETTERS[(bits >> (35 - 5 * place) & 31) as usize]);
            token.extend((0..8).map(letter));
        }
        token
    }

    /// The digest under which a trap is kept: the same for the same trap, in whatever letter case, and nobody without
    /// the key learns which it is.
    pub fn digest_of_trap(&self, trap: &str) -> Vec<u8> {
        self.digest(b"trap---", trap.trim().to_ascii_lowercase().as_bytes())
    }

    /// The digest under which it is counted what somebody does: nobody without the key learns who it is.
    pub fn digest_of_doer(&self, doer: &[u8]) -> Vec<u8> {
        self.digest(b"doer---", doer)
    }

    /// A digest of what a program asks, by which nobody without the key finds a secret in it.
    pub fn digest_of_call(&self, digest: &[u8]) -> Vec<u8> {
        self.digest(b"call---", digest)
    }

    /// A key for something else, made of this one: nobody comes from it to this one, or to another.
    pub(crate) fn derived(&self, what: &[u8; 7]) -> [u8; 32] {
        let digest = hmac::sign(&self.0, what);
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// 128 bits of a keyed digest of something of a kind.
    fn digest(&self, kind: &[u8; 7], said: &[u8]) -> Vec<u8> {
        let digest = hmac::sign(&self.0, &[kind, said].concat());
        digest.as_ref().iter().take(16).copied().collect()
    }

    /// Whether a token is that of a use and its nonce; takes as long for a wrong one as for the right one.
    pub fn is(&self, token: &str, purpose: Use, nonce: &[u8; 16]) -> bool {
        // Two digests with a key are compared: where they differ says nothing of the token.
        let right = hmac::sign(&self.0, self.token(purpose, nonce).as_bytes());
        hmac::verify(&self.0, token.trim().to_ascii_lowercase().as_bytes(), right.as_ref()).is_ok()
    }
}

impl fmt::Debug for TokenKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// The bytes of a new key.
///
/// # Errors
/// If the system gives no random numbers.
pub fn key() -> Result<[u8; 32], NoRandom> {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| NoRandom)?;
    Ok(key)
}

/// A new nonce.
///
/// # Errors
/// If the system gives no random numbers.
pub fn nonce() -> Result<[u8; 16], NoRandom> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| NoRandom)?;
    Ok(nonce)
}

/// What is signed: the use, and the nonce.
fn said(purpose: Use, nonce: &[u8; 16]) -> Vec<u8> {
    let (word, number) = match purpose {
        Use::Claim(number) => (b"claim--", number),
        Use::Removal(number) => (b"removal", number),
        Use::Letters(number) => (b"letters", number),
        Use::Report(number) => (b"report-", number),
        Use::Arrive(number) => (b"arrive-", number),
        Use::Contact(number) => (b"contact", number),
        Use::NoContact(number) => (b"no-cont", number),
        Use::Mail(number) => (b"mail---", number),
        Use::Device(number) => (b"device-", number),
    };
    [&word[..], &number.to_be_bytes(), nonce].concat()
}

/// What tokens are written with (RFC 4648 section 6, in lower case): no two look the same.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_one_thing_under_one_key() {
        let (key, other) = (TokenKey::new(&[1; 32]), TokenKey::new(&[2; 32]));
        let token = key.token(Use::Claim(7), &[3; 16]);
        assert!(token.len() == 32 && token.bytes().all(|byte| LETTERS.contains(&byte)), "{token}");
        assert!(key.is(&token, Use::Claim(7), &[3; 16]));
        assert!(key.is(&format!(" {} ", token.to_uppercase()), Use::Claim(7), &[3; 16]));
        for (key, purpose, nonce) in [
            (&other, Use::Claim(7), [3; 16]),
            (&key, Use::Claim(8), [3; 16]),
            (&key, Use::Removal(7), [3; 16]),
            (&key, Use::Claim(7), [4; 16]),
        ] {
            assert!(!key.is(&token, purpose, &nonce), "{purpose:?}");
        }
        assert!(!key.is("", Use::Claim(7), &[3; 16]));
        assert_ne!(nonce().expect("random"), nonce().expect("random"));
        assert_eq!(format!("{key:?}"), "TokenKey");
    }
}
