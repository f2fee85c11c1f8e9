//! Secrets and certificates, which come from files only.
//!
//! A file is read anew for each message, so that a new password needs no restart.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::Fault;

/// Reads a file that holds one line with a secret.
///
/// # Errors
/// If it cannot be read, is empty, has more than a line or is longer than any secret.
pub(crate) fn read_secret(path: &Path) -> Result<String, Fault> {
    let text = read(path, MAX_SECRET)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(char::is_control) {
        return Err(Fault::EmptySecret(path.to_owned()));
    }
    Ok(line.to_owned())
}

/// Reads a file that holds certificates in PEM form.
///
/// # Errors
/// If it cannot be read or is too large.
pub(crate) fn read_certificates(path: &Path) -> Result<String, Fault> {
    read(path, MAX_CERTIFICATES)
}

/// Reads a file of limited size.
fn read(path: &Path, limit: u64) -> Result<String, Fault> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .and_then(|size| if size as u64 > limit { Err(too_large(limit)) } else { Ok(()) })
        .map_err(|source| Fault::Secret { path: path.to_owned(), source })?;
    Ok(text)
}

/// The error for a file that is something else than expected.
fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes"))
}

/// How many bytes a file with a secret may have.
const MAX_SECRET: u64 = 4 << 10;
/// How many bytes a file with certificates may have.
const MAX_CERTIFICATES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, secret) in [
            ("hunter 2", Some("hunter 2")),
            ("hunter 2\n", Some("hunter 2")),
            ("hunter 2\r\n", Some("hunter 2")),
            ("", None),
            ("\n", None),
            ("one\ntwo\n", None),
            (&"x".repeat(4097), None),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_secret(&path).ok().as_deref(), secret, "{content:?}");
        }
    }

    #[test]
    fn an_error_names_the_file_and_not_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let missing = read_secret(&path).unwrap_err().to_string();
        assert!(missing.starts_with(&format!("cannot read {}: No such file", path.display())));
        std::fs::write(&path, "hunter\n2").unwrap();
        let wrong = read_secret(&path).unwrap_err().to_string();
        assert_eq!(wrong, format!("{} must hold one line with the secret", path.display()));
    }
}
