//! Keys that sign messages (TSIG, RFC 8945): a name, an algorithm, and a secret that both sides have.
//!
//! A secret is in nothing that can be shown: not in `Debug`, not in an error. What is weak is refused with the way
//! out instead of being accepted with a warning that nobody reads.
//!
//! Reads no files: the text of one is given.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use domain::utils::base64;
use repute_dnsxl::Name;
use ring::hmac;

/// A key.
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    secret: hmac::Key,
}

/// How a key signs. MD5 and SHA-1 are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA256: what everybody has.
    #[default]
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
}

/// Why a key is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is broken, or too near to it.
    #[error("`{0}` is weak and not offered: make a new key with hmac-sha256 for both sides")]
    Weak(String),
    /// Nobody knows it.
    #[error("`{0}` is no algorithm of keys: write hmac-sha256, hmac-sha384 or hmac-sha512")]
    Unknown(String),
    /// It is no base64.
    #[error(
        "the secret of key {0} is not base64: write what `tsig-keygen {0}` shows behind `secret`"
    )]
    NotBase64(Name),
    /// It can be guessed.
    #[error(
        "the secret of key {name} has {len} bytes, and needs {SHORTEST} or more: make one with `tsig-keygen {name}`"
    )]
    Short {
        /// The key.
        name: Name,
        /// Bytes it has.
        len: usize,
    },
}

impl Key {
    /// A key by its secret in base64, as other name servers' key files have it. White space does not count.
    ///
    /// # Errors
    /// If the secret is no base64 or too short.
    pub fn new(name: Name, algorithm: Algorithm, secret: &str) -> Result<Key, KeyError> {
        let text: String = secret.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes: Vec<u8> =
            base64::decode(&text).map_err(|_| KeyError::NotBase64(name.clone()))?;
        if bytes.len() < SHORTEST {
            return Err(KeyError::Short { name, len: bytes.len() });
        }
        Ok(Key { name, algorithm, secret: hmac::Key::new(algorithm.hmac(), &bytes) })
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Begins a signature.
    pub(crate) fn begin(&self) -> hmac::Context {
        hmac::Context::with_key(&self.secret)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secret.
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Algorithm {
    /// Its name on the wire (RFC 8945 section 6).
    pub(crate) fn wire(self) -> &'static [u8] {
        match self {
            Algorithm::Sha256 => b"\x0bhmac-sha256\x00",
            Algorithm::Sha384 => b"\x0bhmac-sha384\x00",
            Algorithm::Sha512 => b"\x0bhmac-sha512\x00",
        }
    }

    /// Bytes of a whole signature.
    pub(crate) fn len(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }

    /// The same for the library that computes it.
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha384 => hmac::HMAC_SHA384,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Sha256 => "hmac-sha256",
            Algorithm::Sha384 => "hmac-sha384",
            Algorithm::Sha512 => "hmac-sha512",
        })
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Algorithm, KeyError> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        match name.as_str() {
            "hmac-sha256" => Ok(Algorithm::Sha256),
            "hmac-sha384" => Ok(Algorithm::Sha384),
            "hmac-sha512" => Ok(Algorithm::Sha512),
            "hmac-md5" | "hmac-md5.sig-alg.reg.int" | "hmac-sha1" => {
                Err(KeyError::Weak(text.to_owned()))
            }
            _ => Err(KeyError::Unknown(text.to_owned())),
        }
    }
}

/// Keys by their names.
#[derive(Clone, Debug, Default)]
pub struct Keys(HashMap<Name, Arc<Key>>);

impl Keys {
    /// A key by its name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Key>> {
        self.0.get(name)
    }

    /// Their names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Keys {
        Keys(keys.into_iter().map(|key| (key.name.clone(), Arc::new(key))).collect())
    }
}

/// Bytes of the shortest secret: what nobody can try out. RFC 8945 section 8 recommends as many as the signature has.
const SHORTEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "c2VjcmV0IG9mIHNpeHRlZW4gYnl0ZXM=";

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn weak_algorithms_are_refused_with_the_way_out() {
        for weak in ["hmac-md5", "HMAC-MD5.SIG-ALG.REG.INT.", "hmac-sha1"] {
            let error = weak.parse::<Algorithm>().expect_err("weak");
            assert_eq!(error, KeyError::Weak(weak.to_owned()));
            assert!(error.to_string().contains("hmac-sha256"), "{error}");
        }
        assert!(matches!("hmac-sha3".parse::<Algorithm>(), Err(KeyError::Unknown(_))));
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn secrets_are_checked_and_shown_nowhere() {
        let key = Key::new(name("k.test"), Algorithm::Sha256, SECRET).expect("a key");
        let folded = format!(" {}\n{}\n", &SECRET[..8], &SECRET[8..]);
        Key::new(name("k.test"), Algorithm::Sha256, &folded).expect("white space does not count");
        let keys: Keys = [key].into_iter().collect();
        let shown = format!("{keys:?}");
        assert!(shown.contains("k.test") && !shown.contains("secret of"), "{shown}");
        for bad in ["c2hvcnQ=", "not base64!", ""] {
            let error = Key::new(name("k.test"), Algorithm::Sha256, bad).expect_err("bad");
            assert!(bad.is_empty() || !format!("{error} {error:?}").contains(bad), "{error}");
            assert!(error.to_string().contains("k.test"), "{error}");
        }
    }
}
