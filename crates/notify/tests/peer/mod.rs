//! What the tests' servers share: certificates that are made as they run, and files with secrets.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use repute_notify::{Channel, Message};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

/// A folder with what a channel reads: certificates of an authority, a secret.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    /// What a server for `localhost` shows to prove that it is that.
    pub(crate) tls: Arc<ServerConfig>,
}

impl Files {
    /// Makes an authority, which signs a certificate, and the files `ca`, `other-ca` and `secret`.
    pub(crate) fn new() -> Files {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [authority, other] = [authority(), authority()];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .and_then(|params| params.signed_by(&key, &authority))
            .expect("a certificate can be made");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows all versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("key and certificate belong together");
        let files = Files { folder, tls: Arc::new(tls) };
        files.write("ca", &authority.pem());
        files.write("other-ca", &other.pem());
        files.write("secret", "hunter2\n");
        files
    }

    /// Writes a file anew.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A channel, `$` in whose table is the folder.
    pub(crate) fn channel(&self, toml: &str) -> Channel {
        let folder = self.folder.path().display().to_string();
        toml::from_str(&toml.replace('$', &folder)).expect("the channel is right")
    }
}

/// Somebody who signs certificates.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    KeyPair::generate()
        .and_then(|key| CertifiedIssuer::self_signed(params, key))
        .expect("an authority can be made")
}

/// The message that is sent.
pub(crate) fn message() -> Message {
    Message::new("listed", "192.0.2.1 is listed on größer.example\r\nBcc: evil@example.net")
        .with_id("e1")
        .with_text("one\n.\n..two\nRSET\nsnow: ☃")
        .with_fact("target", "192.0.2.1")
}
