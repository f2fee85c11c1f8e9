//! Pebble, the certificate authority of tests: it asks our name server for challenges, as Let's Encrypt does.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, until};

/// A running Pebble.
pub(crate) struct Pebble {
    /// The process.
    _daemon: Daemon,
    /// The certificate that clients must trust.
    pub(crate) trust: PathBuf,
}

/// Where clients find it.
pub(crate) const DIRECTORY: &str = "https://localhost:14000/dir";

impl Pebble {
    /// Starts it with the name server that it asks, as `ADDRESS:PORT`, and a folder for its files.
    pub(crate) fn start(folder: &Path, name_server: &str) -> Pebble {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let (trust, key) = (folder.join("pebble.pem"), folder.join("pebble.key"));
        fs::write(&trust, made.cert.pem()).expect("the test's folder is writable");
        fs::write(&key, made.signing_key.serialize_pem()).expect("the test's folder is writable");
        let config = serde_json::json!({"pebble": {
            "listenAddress": "127.0.0.1:14000",
            "managementListenAddress": "127.0.0.1:15000",
            "certificate": &trust,
            "privateKey": &key,
            "httpPort": 5002, "tlsPort": 5001,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        let file = folder.join("pebble.json");
        fs::write(&file, config.to_string()).expect("the test's folder is writable");
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&file).args(["-strict=false", "-dnsserver", name_server]);
        // Each order is validated anew, and at once.
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        pebble.env("PEBBLE_WFE_NONCEREJECT", "0");
        let mut daemon = Daemon::start(&mut pebble);
        // It says so before it does.
        daemon.wait_for("Listening on");
        until("pebble listens", || TcpStream::connect("127.0.0.1:14000").ok());
        Pebble { _daemon: daemon, trust }
    }
}
