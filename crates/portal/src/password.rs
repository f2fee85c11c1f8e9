//! Passwords: Argon2id, on threads of their own, and no more at once than memory bears.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::error::AppError;

mod common;

/// Where passwords are hashed.
#[derive(Debug)]
pub(crate) struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Hashing {
    /// A place to work in. It goes with the work: that goes on when nobody waits for it any more.
    async fn place(&self) -> Result<OwnedSemaphorePermit, AppError> {
        Arc::clone(&self.0).acquire_owned().await.map_err(|_| AppError::Random)
    }

    /// What is stored of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AppError> {
        let place = self.place().await?;
        let hashed = spawn_blocking(move || {
            let _place = place;
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await.map_err(|_| AppError::Random)?.map_err(|_| AppError::Random)
    }

    /// Whether a password is that of which this is stored. Without it the answer is no, after the same time.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, AppError> {
        let place = self.place().await?;
        let verified = spawn_blocking(move || {
            let _place = place;
            let text = stored.as_deref().unwrap_or(&DUMMY);
            let is_right = PasswordHash::new(text).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            });
            is_right && stored.is_some()
        });
        verified.await.map_err(|_| AppError::Random)
    }
}

/// Whose password it is to be, and where: what others would try first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// His mail address.
    pub(crate) mail: &'a str,
    /// What he is called.
    pub(crate) name: &'a str,
    /// The host of the portal.
    pub(crate) host: &'a str,
}

impl About<'_> {
    /// The words that are expected in it, in lower case: of a few letters they stand in anything.
    fn words(&self) -> Vec<String> {
        let local = self.mail.split('@').next().unwrap_or_default();
        let domain = self.mail.split('@').nth(1).unwrap_or_default();
        // The last label is nobody's.
        let hosts = [domain, self.host].into_iter().flat_map(|host| {
            let labels: Vec<&str> = host.split('.').collect();
            let count = labels.len().saturating_sub(1).max(1);
            labels.into_iter().take(count).collect::<Vec<_>>()
        });
        let words = [local].into_iter().chain(self.name.split_whitespace()).chain(hosts);
        words.filter(|word| word.chars().count() > 3).map(str::to_lowercase).collect()
    }
}

/// What is wrong with a password that somebody wants, if anything is.
pub(crate) fn fault(password: &str, about: About<'_>) -> Option<&'static str> {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    let distinct: std::collections::HashSet<char> = lower.chars().collect();
    match () {
        () if length < SHORTEST => Some("Take 12 characters or more: a few words do well."),
        () if length > LONGEST => Some("Take 200 characters or less."),
        () if distinct.len() < 5 => Some("Take more than a few different characters."),
        () if about.words().iter().any(|word| lower.contains(word)) => {
            Some("Take one without your name, your mail address or the name of this site in it.")
        }
        () if common::is_common(password) => Some(
            "Take another one: this is among those that everybody tries first. A few words of your own do well.",
        ),
        () => None,
    }
}

/// What is compared with where there is no account.
static DUMMY: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password(b"nobody has this");
    hash.map(|hash| hash.to_string()).unwrap_or_default()
});
/// So many at once: 19 MiB each.
const AT_ONCE: usize = 4;
/// Fewest characters.
const SHORTEST: usize = 12;
/// Most characters.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_nothing_else_is() {
        let hashing = Hashing::default();
        let stored = hashing.hash("correct horse".to_owned()).await.expect("it is hashed");
        assert!(stored.starts_with("$argon2id$v=19$"), "{stored}");
        let again = hashing.hash("correct horse".to_owned()).await.expect("it is hashed");
        assert_ne!(stored, again, "each has its salt");
        for (password, stored, expect) in [
            ("correct horse", Some(stored.clone()), true),
            ("Correct horse", Some(stored), false),
            ("nobody has this", None, false),
            ("x", Some("not a hash".to_owned()), false),
        ] {
            let verified = hashing.verify(password.to_owned(), stored).await;
            assert_eq!(verified.expect("it is compared"), expect, "{password}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_with_a_reason() {
        let about = About {
            mail: "postmaster@bank.example",
            name: "Ada Lovelace",
            host: "reputation.example.org",
        };
        for (password, is_fine) in [
            ("short", false),
            ("my name is lovelace", false),
            ("rich bank of mine", false),
            ("to the Reputation site", false),
            ("password12345", false),
            ("ada counts sheep", true),
            ("an organ of sheep", true),
            ("aaaaaaaaaaaaaaaa", false),
            ("postmaster2026!", false),
            ("three plain words", true),
            ("zwölf Zeichen", true),
        ] {
            assert_eq!(fault(password, about).is_none(), is_fine, "{password}");
        }
        assert!(fault(&"several words ".repeat(16), about).is_some());
    }
}
