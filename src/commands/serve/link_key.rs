//! The key of the links that the portal sends, and of what is sealed in its database: a file of its own, made when it is not
//! there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use repute_registry::token::{self, TokenKey};

/// Reads the key, or makes one.
///
/// # Errors
/// If the file cannot be read or written, or holds something else.
pub(in crate::commands) fn read_or_make(path: &Path) -> anyhow::Result<TokenKey> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let Some(key) = parse(text.trim()) else {
        bail!(
            "{} does not hold a key of 64 hexadecimal digits: put back the one that belongs to the database; or take the \
             file away, and another one is made, but links in letters that are on their way end with it, and codes of \
             second factors cannot be checked any more",
            path.display()
        );
    };
    Ok(TokenKey::new(&key))
}

/// Makes a key for whoever runs the server alone; what another process made meanwhile counts.
fn make(path: &Path) -> anyhow::Result<String> {
    let text: String = token::key()?.iter().map(|byte| format!("{byte:02x}")).collect();
    // Whole or not at all: written beside, and linked into its place.
    let part = path.with_extension(format!("key.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        match fs::hard_link(&part, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    };
    let written = write();
    // It is there under its own name, or of no use.
    let _ = fs::remove_file(&part);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The bytes of 64 hexadecimal digits.
fn parse(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, place) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portal.key");
        read_or_make(&path).expect("it is made");
        let text = fs::read_to_string(&path).expect("it is there");
        assert_eq!((text.len(), text.trim().len()), (65, 64));
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        read_or_make(&path).expect("it is read");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portal.key");
        for text in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            fs::write(&path, text).expect("it is written");
            let error = read_or_make(&path).expect_err("it is no key").to_string();
            assert!(error.contains("portal.key does not hold a key"), "{error}");
        }
    }
}
