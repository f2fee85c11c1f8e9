//! Browsers in which somebody has signed in before.
//!
//! Whoever tries passwords of one address from all over the world has to be slowed down for that address as a whole; but
//! then he decides when its person may sign in. So a browser in which somebody was let in keeps a token of it, and has a
//! bucket of its own: what is tried elsewhere does not keep him out there, and what is tried there counts for nobody else.
//! Whoever is in none of his browsers still has a passkey, or a letter by which he chooses another password.
//!
//! The token opens nothing, and is stored nowhere but in the browser.

use axum::http::{HeaderMap, HeaderValue};
use repute_database::accounts::AccountId;
use repute_registry::token::{TokenKey, Use};

use crate::config::PublicUrl;
use crate::secret::{NoRandomness, digest_of, random};
use crate::visitor::cookie;

/// A browser that is known for somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device(String);

impl Device {
    /// One more of somebody.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn new(
        key: &TokenKey,
        account: AccountId,
        mail: &str,
    ) -> Result<Device, NoRandomness> {
        let nonce = random::<16>()?;
        let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let token = key.token(Use::Device(account.0), &said(&nonce, mail));
        Ok(Device(format!("{nonce}.{token}")))
    }

    /// The browser that asks, if it shows that it is somebody's, whoever that is.
    pub(crate) fn shown(headers: &HeaderMap, url: &PublicUrl) -> Option<Device> {
        cookie(headers, name(url)).map(|text| Device(text.to_owned()))
    }

    /// Whether it is a browser of this account. Only the very text that was given counts: each other way to write it would
    /// have a bucket of its own.
    pub(crate) fn is_of(&self, key: &TokenKey, account: AccountId, mail: &str) -> bool {
        let parts = self.0.split_once('.');
        parts.is_some_and(|(nonce, token)| {
            let as_given =
                token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            as_given && key.is(token, Use::Device(account.0), &said(nonce, mail))
        })
    }

    /// What it is counted by.
    pub(crate) fn digest(&self) -> Vec<u8> {
        digest_of(&self.0)
    }

    /// Has the browser keep it, for as long as browsers keep anything.
    pub(crate) fn cookie(&self, url: &PublicUrl) -> HeaderValue {
        let (name, secure) = (name(url), if url.is_secure() { "; Secure" } else { "" });
        let text =
            format!("{name}={}; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax{secure}", self.0);
        HeaderValue::from_str(&text).expect("its words are plain")
    }
}

/// The cookie's name.
fn name(url: &PublicUrl) -> &'static str {
    if url.is_secure() { "__Host-device" } else { "device" }
}

/// What makes the token that of one browser and one address: numbers of accounts may be given again.
fn said(nonce: &str, mail: &str) -> [u8; 16] {
    let mut said = [0; 16];
    for (place, byte) in said.iter_mut().zip(digest_of(&format!("{nonce} {mail}"))) {
        *place = byte;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_that_of_one_account_with_one_address() {
        let (key, mail) = (TokenKey::new(&[1; 32]), "a@x.example");
        let device = Device::new(&key, AccountId(7), mail).expect("random numbers");
        assert!(device.is_of(&key, AccountId(7), mail));
        assert!(!device.is_of(&key, AccountId(8), mail));
        assert!(!device.is_of(&key, AccountId(7), "b@x.example"));
        assert!(!device.is_of(&TokenKey::new(&[2; 32]), AccountId(7), mail));
        let other = Device::new(&key, AccountId(7), mail).expect("random numbers");
        assert_ne!(device, other);
        let (_, token) = other.0.split_once('.').expect("two parts");
        let text = &device.0;
        for other in
            [text.to_uppercase(), format!("{text} "), format!("{text}\t"), text.replace('.', ". ")]
        {
            assert_ne!(other, *text);
            assert!(!Device(other.clone()).is_of(&key, AccountId(7), mail), "{other:?}");
        }
        let (nonce, own) = text.split_once('.').expect("two parts");
        let loud = format!("{nonce}.{}", own.to_uppercase());
        assert!(!Device(loud).is_of(&key, AccountId(7), mail), "one bucket for one browser");
        for forged in ["", ".", nonce, &format!("{nonce}.{token}"), &format!("{nonce}.")] {
            assert!(!Device(forged.to_owned()).is_of(&key, AccountId(7), mail), "{forged}");
        }
    }
}
