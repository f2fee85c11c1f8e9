//! Secrets: what a cookie or a link holds. Only their digests are stored.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// A secret that nobody can guess, in letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandomness;

impl Secret {
    /// A new one: 256 bits of the system's.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn new() -> Result<Secret, NoRandomness> {
        let bytes = random::<32>()?;
        Ok(Secret(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text of it, for whoever shall have it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> Vec<u8> {
        digest_of(&self.0)
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn random<const COUNT: usize>() -> Result<[u8; COUNT], NoRandomness> {
    let mut bytes = [0; COUNT];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// What is stored of a secret. A look-up by it takes no longer for a better guess.
pub(crate) fn digest_of(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}
