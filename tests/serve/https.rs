//! A feed by https, from a real TLS server: one that nobody trusted vouches for is refused, one that an
//! authority in `SSL_CERT_FILE` vouches for is believed.

use std::path::Path;
use std::process::Command;

use crate::dns::{listed, rcode, until};
use crate::process::{Place, Served};
use crate::web::Feed;

#[test]
fn a_feed_by_https_is_taken_from_a_trusted_server_only() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        eprintln!("skipped: REPUTE_NO_PEERS is set");
        return;
    }
    let place = Place::new();
    place.write("openssl.cnf", OPENSSL);
    for authority in ["ours", "other"] {
        certificate(&place, "authority", authority, &[]);
    }
    certificate(&place, "server", "server", &["-CA", "ours.pem", "-CAkey", "ours.key"]);
    let feed = Feed::start_tls("192.0.2.1\n", &place.path("server.pem"), &place.path("server.key"));
    let config = format!(
        "{}[[zone]]\napex = \"bl.example\"\n[[zone.source]]\nkind = \"addresses\"\nurl = \"{}\"\n",
        place.header(),
        feed.url(),
    );
    let trusting = |file: &Path| Served::start_with(&place, &config, &[("SSL_CERT_FILE", file)]);

    let server = trusting(&place.path("other.pem"));
    let why = "certificate is signed by nobody that this system trusts";
    until(why, || server.run(&["status", "--json"]).1.contains(why));
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 2, "SERVFAIL");
    server.stop();

    let server = trusting(&place.path("ours.pem"));
    until("fetched", || listed(server.dns, "1.2.0.192.bl.example"));
    server.stop();
}

/// Makes a certificate and its key, signed by itself or as the arguments say.
fn certificate(place: &Place, kind: &str, name: &str, signed: &[&str]) {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-config", "openssl.cnf", "-extensions", kind])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-keyout", &key, "-out", &certificate])
        .args(signed)
        .current_dir(place.path(""))
        .output()
        .expect("openssl is missing: install Debian's package openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What certificates say, whatever the system's own settings are.
const OPENSSL: &str = "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = test\n\
    [authority]\nbasicConstraints = critical, CA:TRUE\n\
    [server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";
