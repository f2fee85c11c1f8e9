//! Passwords of accounts, and what is kept of them.
//!
//! A password of ours has 240 random bits, so its SHA-256 is as good as a slow hash, which would cost a tenth of a second
//! for each update. Accounts that come from acme-dns have bcrypt hashes; each becomes a digest when its password was
//! shown once.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;

use crate::turn::Fault;

/// A password in the form of acme-dns: 40 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn random() -> Result<Password, Fault> {
        // Six bits a character.
        let mut bytes = [0; LENGTH / 4 * 3];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::NoRandom)?;
        Ok(Password(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes what somebody sent, if it has the form.
    pub fn parse(text: &str) -> Option<Password> {
        (text.len() == LENGTH && is_base64url(text)).then(|| Password(text.to_owned()))
    }

    /// The text, for whom it belongs to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        Digest(bytes)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Whether all characters are those of the URL-safe alphabet.
pub(crate) fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The SHA-256 of a password.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// One that no password has.
    pub(crate) const NOBODY: Digest = Digest([0; 32]);

    /// Whether both are the same, in a time that does not tell where they differ.
    pub(crate) fn is(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// What is kept of an account's password.
#[derive(Clone)]
pub(crate) enum Secret {
    /// Its digest.
    Digest(Digest),
    /// What acme-dns kept of it, in the form `$2a$10$...`.
    Bcrypt(String),
}

impl Secret {
    /// Reads what [`Self::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Secret, Fault> {
        match bytes.split_first() {
            Some((0, digest)) => {
                Ok(Secret::Digest(Digest(digest.try_into().map_err(|_| Fault::Damaged)?)))
            }
            Some((1, hash)) => {
                let hash = str::from_utf8(hash).map_err(|_| Fault::Damaged)?;
                Ok(Secret::Bcrypt(hash.to_owned()))
            }
            _ => Err(Fault::Damaged),
        }
    }

    /// Its form in the store: which kind, and what is kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Secret::Digest(digest) => [&[0][..], &digest.0].concat(),
            Secret::Bcrypt(hash) => [&[1][..], hash.as_bytes()].concat(),
        }
    }

    /// Takes a hash of acme-dns, unless it is none, or one that costs more than a second to verify.
    pub(crate) fn from_bcrypt(hash: &str) -> Option<Secret> {
        let parts: bcrypt::HashParts = hash.parse().ok()?;
        (parts.get_cost() <= MOST_COST).then(|| Secret::Bcrypt(hash.to_owned()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether a hash is of this password. It takes a tenth of a second and is nothing for a thread that others wait for.
pub(crate) fn is_of(hash: &str, password: &Password) -> bool {
    bcrypt::verify(password.as_str(), hash).unwrap_or(false)
}

/// Characters of a password.
const LENGTH: usize = 40;
/// The largest cost of a bcrypt hash that is taken; acme-dns makes them with 10, each more is twice the time.
const MOST_COST: u32 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_passwords_have_the_form_and_are_all_different() {
        let some: Vec<_> = (0..100).map(|_| Password::random().expect("random bytes")).collect();
        for (i, one) in some.iter().enumerate() {
            assert_eq!(Password::parse(one.as_str()).as_ref(), Some(one));
            assert!(some.iter().skip(i + 1).all(|other| other != one));
        }
    }

    #[test]
    fn what_has_not_the_form_is_no_password() {
        for (text, is_one) in [
            ("", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
            ("aaaaaaaa-aaa-aaaaaa-aaaaaaaa-aaa_aacaaaa", true),
            ("aaaaaaaa-aaa-aaaaaa#aaaaaaaa-aaa_aacaaaa", false),
            ("aaaaaaaa-aaa-aaaaaa-aaaaaaaa-aaa_aacaaaaa", false),
            ("ääääääääääääääääääää", false),
        ] {
            assert_eq!(Password::parse(text).is_some(), is_one, "{text}");
        }
    }

    #[test]
    fn hashes_of_other_programs_are_verified_and_dear_ones_refused() {
        let password = Password::parse("PUrNTjU24JYNEOCeS2JcjaJGv1sinT80oV9--dpX").expect("one");
        let hash = bcrypt::hash(password.as_str(), 4).expect("a hash");
        assert!(is_of(&hash, &password) && !is_of(&hash, &Password::random().expect("one")));
        assert!(Secret::from_bcrypt(&hash).is_some());
        let (cut, dear) = (&hash[..hash.len() - 1], hash.replacen("$04$", "$15$", 1));
        for bad in ["", "$2a$10$", "secret", cut, &dear] {
            assert!(Secret::from_bcrypt(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_reads_back_and_nothing_shows_it() {
        let digest = Password::random().expect("one").digest();
        let kept = Secret::from_bytes(&Secret::Digest(digest).to_bytes()).expect("it is one");
        assert!(matches!(kept, Secret::Digest(other) if other.is(&digest)));
        assert!(!digest.is(&Digest::NOBODY));
        assert_eq!(format!("{:?}", Secret::Bcrypt("x".to_owned())), "Secret(..)");
        for bytes in [&[][..], &[0, 1], &[1, 0xff], &[2]] {
            assert!(Secret::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
