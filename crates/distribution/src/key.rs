//! Keys: those that sign manifests, and those by which a follower knows who signed.
//!
//! Signing keys lie in a folder, each in a file that only the server's user may read. There may be several: each
//! manifest is signed by all of them, so that followers can be told of a new one before the old one goes.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::hex;

/// A key by which it can be told who signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a public key as `repute registry distribution key` shows it: `ed25519:` and 64 digits"
)]
pub struct PublicKeyError;

impl PublicKey {
    /// Its short name: the beginning of its SHA-256.
    pub fn id(&self) -> String {
        let digest = digest(&SHA256, &self.0);
        digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is the key of a signature of these bytes.
    pub(crate) fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(bytes, signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<PublicKey, PublicKeyError> {
        let digits = text.trim().strip_prefix("ed25519:").ok_or(PublicKeyError)?;
        hex::decode(&digits.to_ascii_lowercase()).map(PublicKey).ok_or(PublicKeyError)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The keys that sign.
pub struct Keys {
    /// The folder they lie in.
    folder: PathBuf,
    /// Each of them.
    pairs: Vec<Ed25519KeyPair>,
}

/// Why there are no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The folder or a file cannot be used.
    #[error("cannot use the signing keys in {folder}", folder = .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no key.
    #[error("{path} is no signing key: put the right file back, or remove it to sign with the others", path = .0.display())]
    NoKey(PathBuf),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers, so no key can be made")]
    NoRandom,
    /// There is no key of this name.
    #[error(
        "there is no signing key {0}: `repute registry distribution key` shows those there are"
    )]
    Unknown(String),
    /// It is the last one.
    #[error(
        "{0} is the only signing key: make another with `--add` first, and tell the followers of it"
    )]
    Last(String),
}

impl Keys {
    /// The keys in a folder; one is made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be used, or a file in it is no key.
    pub fn open(folder: &Path) -> Result<Keys, KeyError> {
        let mut keys = Keys { folder: folder.to_owned(), pairs: Vec::new() };
        if !folder.exists() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| keys.failed(source))?;
            give(folder);
        }
        keys.read()?;
        if keys.pairs.is_empty() {
            keys.add()?;
        }
        Ok(keys)
    }

    /// Reads the folder again: what was added or removed since counts from now on.
    ///
    /// # Errors
    /// If that fails; the keys stay as they are then.
    pub fn read(&mut self) -> Result<(), KeyError> {
        let files = fs::read_dir(&self.folder).map_err(|source| self.failed(source))?;
        let mut paths: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
        paths.sort();
        let mut pairs = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|source| self.failed(source))?;
            let seed = hex::decode::<32>(text.trim());
            let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
            pairs.push(pair.ok_or(KeyError::NoKey(path))?);
        }
        // Somebody may just be at it.
        if !pairs.is_empty() {
            self.pairs = pairs;
        }
        Ok(())
    }

    /// Makes one more key.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self) -> Result<PublicKey, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::NoRandom)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::NoRandom)?;
        let key = public(&pair);
        let path = self.path(&key.id());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(format!("{}\n", hex::encode(&seed)).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| self.failed(source))?;
        give(&path);
        self.pairs.push(pair);
        Ok(key)
    }

    /// Removes a key by its short name.
    ///
    /// # Errors
    /// If there is none, if it is the only one, or it cannot be removed.
    pub fn remove(&mut self, id: &str) -> Result<(), KeyError> {
        if !self.public().iter().any(|key| key.id() == id) {
            return Err(KeyError::Unknown(id.to_owned()));
        }
        if self.pairs.len() == 1 {
            return Err(KeyError::Last(id.to_owned()));
        }
        fs::remove_file(self.path(id)).map_err(|source| self.failed(source))?;
        self.pairs.retain(|pair| public(pair).id() != id);
        Ok(())
    }

    /// The public keys, by which others know who signed.
    pub fn public(&self) -> Vec<PublicKey> {
        self.pairs.iter().map(public).collect()
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A text with the signatures of all keys behind it, a line each.
    pub fn seal(&self, text: &str) -> String {
        let mut sealed = text.to_owned();
        for (id, signature) in self.sign(text.as_bytes()) {
            sealed.push_str(&format!("{SIGNATURE} {id} {}\n", hex::encode(&signature)));
        }
        sealed
    }

    /// The signatures of these bytes, each with the short name of its key.
    fn sign(&self, bytes: &[u8]) -> Vec<(String, [u8; 64])> {
        let sign = |pair: &Ed25519KeyPair| {
            let mut signature = [0; 64];
            // Ed25519 signatures have 64 bytes (RFC 8032 section 5.1.6).
            signature.copy_from_slice(pair.sign(bytes).as_ref());
            (public(pair).id(), signature)
        };
        self.pairs.iter().map(sign).collect()
    }

    /// Where a key lies.
    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{ENDING}"))
    }

    /// An error of the folder.
    fn failed(&self, source: io::Error) -> KeyError {
        KeyError::Folder { folder: self.folder.clone(), source }
    }
}

impl fmt::Debug for Keys {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.public()).finish()
    }
}

/// The public key of a pair.
fn public(pair: &Ed25519KeyPair) -> PublicKey {
    let mut key = [0; 32];
    // Ed25519 public keys have 32 bytes (RFC 8032 section 5.1.5).
    key.copy_from_slice(pair.public_key().as_ref());
    PublicKey(key)
}

/// Gives what root made to whoever has the folder around it: the server may be somebody else.
fn give(path: &Path) {
    let owner = path.parent().and_then(|folder| fs::metadata(folder).ok());
    if let Some(owner) = owner {
        // Who may not give it away is who has it.
        let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
    }
}

/// The word of a signature.
pub(crate) const SIGNATURE: &str = "signature";
/// What names of keys end with.
const ENDING: &str = "key";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        let keys = Keys::open(&path).expect("they open");
        let [key] = keys.public()[..] else { panic!("one key") };
        let file = path.join(format!("{}.key", key.id()));
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).expect("a folder").permissions().mode() & 0o777, 0o700);
        assert_eq!(Keys::open(&path).expect("they open").public(), [key]);
        let secret = fs::read_to_string(&file).expect("a text");
        assert!(!format!("{keys:?}").contains(secret.trim()));
        fs::write(&file, "nonsense").expect("it is written");
        assert!(matches!(Keys::open(&path), Err(KeyError::NoKey(_))));
    }

    #[test]
    fn each_key_signs_until_it_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = Keys::open(folder.path()).expect("they open");
        let mut server = Keys::open(folder.path()).expect("they open");
        let old = keys.public()[0];
        assert!(matches!(keys.remove(&old.id()), Err(KeyError::Last(_))));
        let new = keys.add().expect("it is made");
        server.read().expect("they are read");
        let signatures = server.sign(b"words");
        assert_eq!(signatures.len(), 2);
        for key in [old, new] {
            let (_, signature) = signatures.iter().find(|(id, _)| *id == key.id()).expect("one");
            assert!(key.has_signed(b"words", signature));
            assert!(!key.has_signed(b"other", signature));
        }
        keys.remove(&old.id()).expect("it goes");
        assert!(matches!(keys.remove(&old.id()), Err(KeyError::Unknown(_))));
        server.read().expect("they are read");
        assert_eq!(server.public(), [new]);
    }

    #[test]
    fn a_public_key_is_its_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Keys::open(folder.path()).expect("they open").public()[0];
        assert_eq!(key.to_string().parse(), Ok(key));
        for wrong in ["", "ed25519:", "ed25519:00", &key.to_string()[8..]] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(PublicKeyError), "{wrong}");
        }
    }
}
