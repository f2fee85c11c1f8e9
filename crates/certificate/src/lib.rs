//! A server's own certificate: read from its files, shown to whoever comes by TLS, and read anew when they change.
//!
//! Whatever speaks TLS has one of these, whether it serves pages or DNS; which protocols it offers within TLS (ALPN) it
//! says when it opens it.
//!
//! Programs that renew certificates write two files, one after the other. So files that just changed are left alone until
//! they stand still, and a pair that cannot be used changes nothing: the one before is shown on, and the log says why.
//! Connections that stand keep what they began with.
//!
//! Who signed it is not asked: that is for clients to judge.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError as Verdict, RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

/// Where a certificate and its key are, both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate of the server, and behind it those that lead to who is trusted.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate that is shown.
#[derive(Debug)]
pub struct Certificate {
    /// Where it is read.
    files: CertificateFiles,
    /// What is offered within TLS (RFC 7301).
    protocols: Vec<Vec<u8>>,
    /// What is shown now.
    shown: RwLock<Arc<ServerConfig>>,
    /// The bytes that are shown, to know whether others are there.
    bytes: Mutex<Bytes>,
}

/// The bytes of a certificate and of its key.
#[derive(PartialEq, Eq)]
struct Bytes(Vec<u8>, Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a certificate and its key")
    }
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in it.
    #[error("{} has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in it.
    #[error("{} has no private key in PEM (`-----BEGIN PRIVATE KEY-----`) without a passphrase", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// One was made for another.
    #[error(
        "the key in {} does not fit the first certificate in {}: one of them is of another pair, or the chain is in \
         the wrong order",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Something else is wrong with them.
    #[error("{} and {} cannot be used for TLS", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// What should be mended although a certificate can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Its time is over.
    #[error("the certificate in {} expired at {at} UTC: clients refuse it, renew it", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
        /// When.
        at: String,
    },
    /// Its time is over soon.
    #[error("the certificate in {} expires at {at} UTC: renew it", file.display())]
    ExpiresSoon {
        /// The file.
        file: PathBuf,
        /// When.
        at: String,
    },
    /// Its time has not come.
    #[error("the certificate in {} is not valid before {at} UTC", file.display())]
    NotYet {
        /// The file.
        file: PathBuf,
        /// When it is.
        at: String,
    },
    /// It is for somebody else.
    #[error("the certificate in {} is not for {host}, by which people come: browsers refuse it", file.display())]
    OtherHost {
        /// The file.
        file: PathBuf,
        /// The name or address by which people come.
        host: String,
    },
    /// Others may read the key.
    #[error("others can read the key in {0}: `chmod o= {0}`", key.display())]
    OpenKey {
        /// The file.
        key: PathBuf,
    },
    /// Something else.
    #[error("clients may refuse the certificate in {}: {why}", file.display())]
    Other {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

impl CertificateFiles {
    /// Reads both.
    fn read(&self) -> Result<Bytes, CertificateError> {
        let read = |path: &Path| {
            bytes(path).map_err(|source| CertificateError::Read { path: path.into(), source })
        };
        Ok(Bytes(read(&self.certificate)?, read(&self.key)?))
    }

    /// What is shown of these bytes.
    fn shown(
        &self,
        bytes: &Bytes,
        protocols: &[Vec<u8>],
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let chain = self.chain(bytes)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes.1)
            .map_err(|_| CertificateError::NoKey { path: self.key.clone() })?;
        let (certificate, key_file) = (self.certificate.clone(), self.key.clone());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|source| match source {
                rustls::Error::InconsistentKeys(_) => {
                    CertificateError::Mismatch { certificate, key: key_file }
                }
                source => CertificateError::Unusable { certificate, key: key_file, source },
            })?;
        config.alpn_protocols = protocols.to_vec();
        Ok(Arc::new(config))
    }

    /// The certificates in these bytes, at least one.
    fn chain(&self, bytes: &Bytes) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let none = || CertificateError::NoCertificate { path: self.certificate.clone() };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes.0)
            .collect::<Result<_, _>>()
            .map_err(|_| none())?;
        if chain.is_empty() { Err(none()) } else { Ok(chain) }
    }

    /// When both were written, and what they are; nothing while one cannot be looked at.
    fn stamp(&self) -> Option<[Stamp; 2]> {
        let stamp = |path: &Path| fs::metadata(path).ok().map(|file| Stamp::of(&file));
        Some([stamp(&self.certificate)?, stamp(&self.key)?])
    }
}

/// By what a file that was written anew is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64);

impl Stamp {
    /// That of a file.
    fn of(file: &Metadata) -> Stamp {
        Stamp(file.ino(), file.len(), file.mtime(), file.mtime_nsec())
    }
}

impl Certificate {
    /// Reads a certificate and its key, for a server that offers these protocols within TLS, such as `http/1.1`.
    ///
    /// # Errors
    /// If one cannot be read or used, or they do not fit.
    pub fn open(
        files: CertificateFiles,
        protocols: &[&str],
    ) -> Result<Certificate, CertificateError> {
        let protocols: Vec<_> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let bytes = files.read()?;
        let shown = RwLock::new(files.shown(&bytes, &protocols)?);
        Ok(Certificate { files, protocols, shown, bytes: Mutex::new(bytes) })
    }

    /// Reads the files again and shows what is there from now on; whether that is something else.
    ///
    /// # Errors
    /// If it cannot be shown. Then what was shown before is shown on.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let mut known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.files.read()?;
        if *known == bytes {
            return Ok(false);
        }
        let shown = self.files.shown(&bytes, &self.protocols)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        *known = bytes;
        tracing::info!("the new certificate in {} is shown", self.place());
        Ok(true)
    }

    /// What should be mended, for a server that people reach at a host, if that is known.
    pub fn doubts(&self, host: Option<&str>, now: SystemTime) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let (file, key) = (self.files.certificate.clone(), self.files.key.clone());
        if fs::metadata(&key).is_ok_and(|file| file.mode() & 0o004 != 0) {
            doubts.push(Doubt::OpenKey { key });
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(chain) = self.files.chain(&bytes) else { return doubts };
        let Some((own, others)) = chain.split_first() else { return doubts };
        let other =
            |error: rustls::Error| Doubt::Other { file: file.clone(), why: error.to_string() };
        let parsed = match ParsedCertificate::try_from(own) {
            Ok(parsed) => parsed,
            Err(error) => return vec![other(error)],
        };
        let judge = |now: Duration| {
            // Nobody is trusted: what is said of a good one is that its issuer is not known.
            let algorithms = ring::default_provider().signature_verification_algorithms.all;
            let (roots, now) = (RootCertStore::empty(), UnixTime::since_unix_epoch(now));
            verify_server_cert_signed_by_trust_anchor(&parsed, &roots, others, now, algorithms)
                .err()
        };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        match judge(now) {
            Some(rustls::Error::InvalidCertificate(Verdict::ExpiredContext {
                not_after, ..
            })) => doubts.push(Doubt::Expired { file: file.clone(), at: moment(not_after) }),
            Some(rustls::Error::InvalidCertificate(Verdict::NotValidYetContext {
                not_before,
                ..
            })) => doubts.push(Doubt::NotYet { file: file.clone(), at: moment(not_before) }),
            None | Some(rustls::Error::InvalidCertificate(Verdict::UnknownIssuer)) => {
                if let Some(rustls::Error::InvalidCertificate(Verdict::ExpiredContext {
                    not_after,
                    ..
                })) = judge(now + SOON)
                {
                    doubts.push(Doubt::ExpiresSoon { file: file.clone(), at: moment(not_after) });
                }
            }
            Some(error) => doubts.push(other(error)),
        }
        let Some(host) = host else { return doubts };
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let is_for = |name| verify_server_name(&parsed, &name).is_ok();
        if !ServerName::try_from(name).is_ok_and(is_for) {
            doubts.push(Doubt::OtherHost { file: file.clone(), host: host.to_owned() });
        }
        doubts
    }

    /// What is shown to whoever comes now.
    pub fn shown(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what is written into the files, until it is told to stop.
    pub async fn watch(self: Arc<Certificate>, stop: CancellationToken) {
        let (mut taken, mut before) = (None, None);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = self.files.stamp();
            // A pair that is changed just now is looked at again, when both halves may be there.
            if now != taken && now == before {
                taken = now;
                let (this, place) = (Arc::clone(&self), self.place());
                let reload = tokio::task::spawn_blocking(move || this.reload());
                if let Ok(Err(error)) = reload.await {
                    let why = chain_of(&error);
                    tracing::error!(
                        "the certificate in {place} is not taken over, the one before is shown: {why}"
                    );
                }
            }
            before = now;
        }
    }

    /// The file of the certificate.
    fn place(&self) -> String {
        self.files.certificate.display().to_string()
    }
}

/// An error with what lies behind it.
fn chain_of(error: &CertificateError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// The bytes of a regular file that is no larger than such files are.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    // The kind is looked at first, as opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    if File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)? as u64 > MOST_BYTES {
        return Err(io::Error::other("it is larger than a mebibyte"));
    }
    Ok(bytes)
}

/// A moment as people read it.
fn moment(time: UnixTime) -> String {
    let minutes = time.as_secs().min(FAR) / 60;
    let (mut year, mut day) = (1970, minutes / 1_440);
    while day >= days_of(year) {
        day -= days_of(year);
        year += 1;
    }
    let february = days_of(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02}", day + 1)
}

/// How many days a year has.
fn days_of(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    365 + u64::from(is_leap)
}

/// How often is looked whether the files are others.
const LOOK: Duration = Duration::from_secs(2);
/// From when on somebody is told that a certificate expires: those who renew by program do it much earlier.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// Most bytes of a file.
const MOST_BYTES: u64 = 1 << 20;
/// The last second of the year 9999, the last that a certificate can name.
const FAR: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tempfile::TempDir;

    use super::*;

    /// Two files in a folder.
    fn files(folder: &TempDir) -> CertificateFiles {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        CertificateFiles { certificate, key }
    }

    /// Writes a certificate for a host, valid for the years 2020 to 2039, and its key.
    fn write(files: &CertificateFiles, host: &str) -> KeyPair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a host");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(&files.certificate, certificate.pem()).expect("it is written");
        fs::write(&files.key, key.serialize_pem()).expect("it is written");
        fs::set_permissions(&files.key, PermissionsExt::from_mode(0o640)).expect("it is ours");
        key
    }

    /// So many seconds into a year, about.
    fn at(year: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_556_952 + 86_400)
    }

    #[test]
    fn what_cannot_be_shown_is_said_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(&folder);
        let refused = |files: &CertificateFiles| {
            chain_of(&Certificate::open(files.clone(), &[]).expect_err("it is refused"))
        };
        assert!(refused(&files).contains("cert.pem: No such file"), "{}", refused(&files));
        let first = write(&files, "lists.example");
        let shown = Certificate::open(files.clone(), &["http/1.1"]).expect("it is good");
        let before = shown.shown();
        assert_eq!(before.alpn_protocols, [b"http/1.1"]);
        assert!(!shown.reload().expect("it is good"), "it is the same");

        write(&files, "lists.example");
        fs::write(&files.key, first.serialize_pem()).expect("it is written");
        let why = "does not fit the first certificate";
        assert!(refused(&files).contains(why), "{}", refused(&files));
        assert!(shown.reload().expect_err("it does not fit").to_string().contains(why));
        fs::write(&files.key, "not a key").expect("it is written");
        assert!(refused(&files).contains("key.pem has no private key"), "{}", refused(&files));
        fs::write(&files.certificate, "").expect("it is written");
        assert!(refused(&files).contains("has no certificate"), "{}", refused(&files));
        fs::write(&files.certificate, vec![b'x'; 2 << 20]).expect("it is written");
        assert!(refused(&files).contains("larger"), "{}", refused(&files));
        fs::remove_file(&files.key).expect("it is ours");
        fs::create_dir(&files.key).expect("it is ours");
        fs::write(&files.certificate, "").expect("it is written");
        assert!(refused(&files).contains("not a regular file"), "{}", refused(&files));
        assert!(Arc::ptr_eq(&before, &shown.shown()), "the one before is shown");

        fs::remove_dir(&files.key).expect("it is ours");
        write(&files, "lists.example");
        assert!(shown.reload().expect("it is good"), "it is another");
        assert!(!Arc::ptr_eq(&before, &shown.shown()));
    }

    #[test]
    fn what_should_be_mended_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(&folder);
        write(&files, "lists.example");
        let shown = Certificate::open(files.clone(), &["http/1.1"]).expect("it is good");
        let doubts = |host: &str, at: SystemTime| {
            let doubts = shown.doubts(Some(host), at);
            doubts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(doubts("lists.example", at(2026)), "");
        let soon = at(2040) - Duration::from_secs(10 * 86_400);
        for (host, when, says) in [
            ("lists.example", at(2041), "expired at 2040-01-01 00:00 UTC"),
            ("lists.example", soon, "expires at 2040-01-01 00:00 UTC"),
            ("lists.example", at(2019), "not valid before 2020-01-01 00:00 UTC"),
            ("other.example", at(2026), "is not for other.example"),
            ("[::1]", at(2026), "is not for [::1]"),
        ] {
            let said = doubts(host, when);
            assert!(said.contains(says) && !said.contains(';'), "{host}: {said}");
        }
        assert!(shown.doubts(None, at(2026)).is_empty(), "nobody comes by a name");
        fs::set_permissions(&files.key, PermissionsExt::from_mode(0o644)).expect("it is ours");
        let said = doubts("lists.example", at(2026));
        assert!(said.contains("others can read the key") && said.contains("chmod o= "), "{said}");
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        let check = |seconds, expect: &str| {
            assert_eq!(moment(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expect);
        };
        check(0, "1970-01-01 00:00");
        check(951_782_399, "2000-02-28 23:59");
        check(951_782_400, "2000-02-29 00:00");
        check(1_798_761_599, "2026-12-31 23:59");
        check(4_107_542_400, "2100-03-01 00:00");
        check(u64::MAX, "9999-12-31 23:59");
    }
}
