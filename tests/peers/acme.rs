//! ACME clients that prove a name by DNS-01 with our name server as their solver: certbot and lego by RFC 2136, against
//! Pebble, which asks our server for the challenge.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dig::dig;
use crate::network::{on_private_network, resolve_with_loopback, run};
use crate::pebble::{DIRECTORY, Pebble};

/// The secret of the clients' key.
const SECRET: &str = "aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBub2lzZSE=";

/// A zone in which a key may put challenges, and nothing else, on the port that name servers have.
const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:53"]
data-dir = "data"
metrics = ""

[[key]]
name = "acme.example"
secret-file = "acme.key"

[[primary]]
apex = "cert.example"
records = ["@ NS ns", "ns A 127.0.0.1", "@ A 192.0.2.1", "www A 192.0.2.1"]
transfer = ["key acme.example"]
[[primary.update]]
key = "acme.example"
names = ["_acme-challenge.*"]
types = ["TXT"]
"#;

/// Starts our server.
fn start(folder: &Path) -> Daemon {
    fs::write(folder.join("acme.key"), SECRET).expect("the test's folder is writable");
    fs::write(folder.join("repute.toml"), CONFIG).expect("the test's folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// Whether the records of the zone are those of the configuration again, but for its serial.
fn nothing_is_left() -> bool {
    let key = format!("hmac-sha256:acme.example:{SECRET}");
    let zone = dig(&["@127.0.0.1", "-y", &key, "cert.example", "AXFR"]);
    assert!(zone.contains("www.cert.example."), "{zone}");
    !zone.contains("_acme-challenge")
}

/// What a certificate is for.
fn names(certificate: &Path) -> String {
    let file = certificate.to_string_lossy();
    run("openssl", &["x509", "-in", &file, "-noout", "-ext", "subjectAltName"])
}

#[test]
fn certbot_gets_a_certificate_by_updates() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let mut server = start(folder);
        let pebble = Pebble::start(folder, "127.0.0.1:53");
        let credentials = folder.join("certbot.ini");
        let lines = format!(
            "dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_name = acme.example.\n\
             dns_rfc2136_secret = {SECRET}\ndns_rfc2136_algorithm = HMAC-SHA256\n"
        );
        fs::write(&credentials, lines).expect("the test's folder is writable");
        run("chmod", &["600", &credentials.to_string_lossy()]);
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let output = Command::new("certbot")
            .args([
                "certonly",
                "--non-interactive",
                "--agree-tos",
                "--register-unsafely-without-email",
            ])
            .args(["--server", DIRECTORY, "--dns-rfc2136", "--dns-rfc2136-credentials"])
            .arg(&credentials)
            .args(["--dns-rfc2136-propagation-seconds", "1"])
            .args(["-d", "cert.example", "-d", "*.cert.example", "-d", "www.cert.example"])
            .args(["--config-dir", &at("etc"), "--work-dir", &at("work"), "--logs-dir", &at("log")])
            .env("REQUESTS_CA_BUNDLE", &pebble.trust)
            .output()
            .expect("certbot is there: `./test` installs it");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        let certificate = names(&folder.join("etc/live/cert.example/cert.pem"));
        assert!(certificate.contains("DNS:*.cert.example"), "{certificate}");
        assert!(nothing_is_left(), "certbot takes its records away");
        server.wait_for("acme.example");
    });
}

#[test]
fn lego_gets_a_certificate_by_updates() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        // lego asks the name servers of the zone by their names whether the record is there.
        resolve_with_loopback(folder);
        let _server = start(folder);
        let pebble = Pebble::start(folder, "127.0.0.1:53");
        let output = Command::new("lego")
            .arg("--path")
            .arg(folder.join("lego"))
            .args(["--server", DIRECTORY, "--accept-tos", "--email", "a@cert.example"])
            .args(["--dns", "rfc2136", "--dns.resolvers", "127.0.0.1:53"])
            .args(["--domains", "cert.example", "--domains", "*.cert.example"])
            .args(["--domains", "www.cert.example", "run"])
            .env("LEGO_CA_CERTIFICATES", &pebble.trust)
            .env("RFC2136_NAMESERVER", "127.0.0.1:53")
            .env("RFC2136_TSIG_KEY", "acme.example.")
            .env("RFC2136_TSIG_SECRET", SECRET)
            .env("RFC2136_TSIG_ALGORITHM", "hmac-sha256.")
            .env("RFC2136_POLLING_INTERVAL", "1")
            .env("RFC2136_PROPAGATION_TIMEOUT", "30")
            .env("RFC2136_SEQUENCE_INTERVAL", "1")
            .output()
            .expect("lego is there: `./test` installs it");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        let certificate = names(&folder.join("lego/certificates/cert.example.crt"));
        assert!(certificate.contains("DNS:*.cert.example"), "{certificate}");
        assert!(nothing_is_left(), "lego takes its records away");
    });
}
