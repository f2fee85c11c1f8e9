//! The secrets that DNS cookies are made by: of a file that servers of one name share, or made at the start.

use std::fs;
use std::sync::OnceLock;

use anyhow::Context as _;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use repute_nameserver::cookie::{Cookies, Secret, Secrets};

use crate::config::{CookieConfig, CookiePolicy};

/// What is done about cookies, with secrets.
///
/// # Errors
/// If the file of secrets cannot be read or holds something else, or the system gives no random bytes.
pub(in crate::commands) fn cookies(config: &CookieConfig) -> anyhow::Result<Cookies> {
    let with: fn(Secrets) -> Cookies = match config.policy {
        CookiePolicy::Off => return Ok(Cookies::Off),
        CookiePolicy::On => Cookies::On,
        CookiePolicy::Require => Cookies::Require,
    };
    let Some(path) = &config.secret_file else {
        return Ok(with(Secrets::new(own()?, None)));
    };
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the secret of DNS cookies, {}", path.display()))?;
    Ok(with(text.parse().with_context(|| path.display().to_string())?))
}

/// The secret of this process: the same after each reload, so that clients keep their cookies.
fn own() -> anyhow::Result<Secret> {
    static OWN: OnceLock<Secret> = OnceLock::new();
    if let Some(secret) = OWN.get() {
        return Ok(*secret);
    }
    let mut bytes = [0; 16];
    OsRng.try_fill_bytes(&mut bytes).context("the system gives no random bytes")?;
    Ok(*OWN.get_or_init(|| Secret::new(bytes)))
}
