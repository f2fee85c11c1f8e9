//! Secrets that have to be read again, sealed: whoever has the database or a backup of it, and not the key beside it, has
//! none of them.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a key that is made of that of tokens. Whose a secret is is bound in, so that one is
//! not taken for another's who can write into the database. Nonces are random: of the few secrets that there are, no two
//! come to have the same.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::token::{NoRandom, TokenKey};

/// What seals, and opens what it has sealed.
#[derive(Debug)]
pub struct Seal(LessSafeKey);

impl Seal {
    /// That of a key.
    pub fn of(key: &TokenKey) -> Seal {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key.derived(b"seal---"));
        Seal(LessSafeKey::new(key.expect("32 bytes are a key")))
    }

    /// Seals a secret of somebody.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn close(&self, whose: &str, secret: &[u8]) -> Result<Vec<u8>, NoRandom> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| NoRandom)?;
        let (mut text, whose) = (secret.to_vec(), Aad::from(whose.as_bytes()));
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce_of, whose, &mut text);
        let tag = tag.expect("a secret is short enough");
        Ok([&nonce, &text[..], tag.as_ref()].concat())
    }

    /// Opens what was sealed for somebody; none if it was sealed by another key, for another one, or is broken.
    pub fn open(&self, whose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(whose.as_bytes()), &mut text);
        opened.ok().map(|secret| secret.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_person_and_by_nothing_else() {
        let seal = |byte| Seal::of(&TokenKey::new(&[byte; 32]));
        let secret = b"12345678901234567890";
        let closed = seal(1).close("codes of 7", secret).expect("random numbers");
        assert_eq!(closed.len(), 12 + 20 + 16);
        assert!(!closed.windows(4).any(|part| secret.windows(4).any(|other| part == other)));
        assert_eq!(seal(1).open("codes of 7", &closed).as_deref(), Some(&secret[..]));
        assert_eq!(seal(2).open("codes of 7", &closed), None);
        assert_eq!(seal(1).open("codes of 8", &closed), None);
        let again = seal(1).close("codes of 7", secret).expect("random numbers");
        assert_ne!(closed, again);
        for place in 0..closed.len() {
            let mut forged = closed.clone();
            forged[place] ^= 1;
            assert_eq!(seal(1).open("codes of 7", &forged), None, "{place}");
            assert_eq!(seal(1).open("codes of 7", &closed[..place]), None, "{place}");
        }
        assert_eq!(seal(1).open("codes of 7", secret), None, "what was never sealed");
    }
}
