//! kdig over TLS (RFC 7858): it takes our certificate for the name that it asks for, and no other.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use crate::list_server::{SERVER, ZONE, serve};
use crate::network::{on_private_network, run};

#[test]
fn kdig_asks_over_tls_and_believes_the_certificate() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the test's folder is writable");
        };
        let key = KeyPair::generate().expect("a key");
        let names = vec!["ns.example".to_owned()];
        let certificate = CertificateParams::new(names).expect("a name").self_signed(&key);
        write("cert.pem", &certificate.expect("a certificate").pem());
        write("key.pem", &key.serialize_pem());
        write("bl.example", "192.0.2.1\n");
        let tls = "tls-certificate = \"cert.pem\"\ntls-key = \"key.pem\"\n";
        let zone = ZONE.replace("APEX", "bl.example").replace("KIND", "addresses");
        let listen = "listen = [\"127.0.0.1:5300\"]\nlisten-tls = [\"127.0.0.1\"]\n";
        write("repute.toml", &format!("{SERVER}{listen}{tls}{zone}"));
        let _server = serve(&folder.path().join("repute.toml"));

        let answer = kdig(&folder.path().join("cert.pem"), "ns.example", "+nopadding");
        assert!(answer.contains("TLS session (TLS1.3)"), "{answer}");
        assert!(answer.contains("status: NOERROR") && answer.contains("127.0.0.2"), "{answer}");
        assert!(!answer.contains("Received 468 B"), "no padding was asked for: {answer}");
        let answer = kdig(&folder.path().join("cert.pem"), "ns.example", "+padding");
        assert!(answer.contains("Received 468 B") && answer.contains("127.0.0.2"), "{answer}");
        let answer = kdig(&folder.path().join("cert.pem"), "other.example", "+padding");
        assert!(!answer.contains("status: NOERROR"), "{answer}");
    });
}

/// Asks by TLS, believing a certificate for a name, and returns all that it says.
fn kdig(certificate: &Path, name: &str, padding: &str) -> String {
    let ca = format!("+tls-ca={}", certificate.display());
    let hostname = format!("+tls-hostname={name}");
    let command = format!(
        "kdig @127.0.0.1 -p 853 +tls {ca} {hostname} {padding} +timeout=20 +retry=0 1.2.0.192.bl.example A 2>&1; true"
    );
    run("sh", &["-c", &command])
}
