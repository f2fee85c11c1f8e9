//! The challenge service with those who use it: lego, which gets certificates of Pebble by it, and a secondary.
//!
//! Pebble looks for the values in DNS as a certificate authority does: it asks a resolver, which follows the CNAME from
//! the zone of the name to the account's subdomain.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use crate::challenge_api::{Client, send, value};
use crate::daemon::{Daemon, until};
use crate::dig::dig;
use crate::network::on_private_network;
use crate::pebble::{DIRECTORY, Pebble};

/// Where our server answers DNS.
const DNS: u16 = 53;
/// Where its API is, with TLS.
const API: u16 = 4443;
/// Where it is in the clear.
const PLAIN: u16 = 8053;
/// Where BIND is.
const BIND: u16 = 5310;

/// A zone with names that get certificates, whose challenges are for accounts, beside a table for the service.
fn zones(accounts: &[(&str, &Client)]) -> String {
    let lines: String = accounts
        .iter()
        .map(|(name, client)| format!(", \"_acme-challenge.{name} CNAME {}.\"", client.full_domain))
        .collect();
    format!(
        "[[primary]]\napex = \"example.test\"\nrecords = [\"@ NS ns\", \"ns A 127.0.0.1\"{lines}]\n"
    )
}

/// A configuration with the service.
fn config(more: &str) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.1:{DNS}\"]\ndata-dir = \"data\"\nmetrics = \"\"\n{more}\n\
         [challenge]\ndomain = \"auth.test\"\nlisten = [\"127.0.0.1:{PLAIN}\"]\n\
         records = [\"@ NS ns\", \"ns A 127.0.0.1\"]\ntransfer = [\"127.0.0.1\"]\n"
    )
}

/// Starts our server with a configuration.
fn serve(folder: &Path, config: &str) -> Daemon {
    fs::write(folder.join("repute.toml"), config).expect("the test's folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// Has a running server take over its configuration as it is now.
fn reload(folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    let reload = command.args(["reload", "--config", "repute.toml"]).current_dir(folder);
    let Output { status, stderr, .. } = reload.output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
}

/// A lego that wants a certificate for a name and its wildcard, by some provider.
fn lego(folder: &Path, provider: &str, name: &str) -> Command {
    let mut lego = Command::new("lego");
    lego.arg("--path").arg(folder.join("lego"));
    lego.args(["--server", DIRECTORY]);
    lego.args(["--accept-tos", "--email=a@example.test", "--dns.disable-cp"]);
    lego.args([&format!("--dns={provider}"), &format!("--dns.resolvers=127.0.0.1:{DNS}")]);
    lego.args([&format!("--domains={name}"), &format!("--domains=*.{name}"), "run"]);
    lego.env("LEGO_CA_CERTIFICATES", folder.join("pebble.pem"));
    lego
}

/// Runs it; there is a certificate then.
fn gets(folder: &Path, mut lego: Command, name: &str) {
    let Output { status, stderr, .. } = lego.output().expect("lego is there: `./test` installs it");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}");
    assert!(folder.join(format!("lego/certificates/{name}.crt")).exists(), "{said}");
}

/// A client of acme-dns's API as people write it for a hook of their ACME client; Debian's lego is built without its own.
fn by_update(folder: &Path, api: &str, client: &Client, name: &str) -> Command {
    use std::os::unix::fs::PermissionsExt as _;
    let Client { username, password, subdomain, .. } = client;
    let hook = format!(
        "#!/bin/sh\n[ \"$1\" = present ] || exit 0\n\
         exec curl --silent --show-error --fail --cacert '{}' -H 'X-Api-User: {username}' \
         -H 'X-Api-Key: {password}' -d \"{{\\\"subdomain\\\": \\\"{subdomain}\\\", \\\"txt\\\": \\\"$3\\\"}}\" {api}/update\n",
        folder.join("pebble.pem").display()
    );
    let path = folder.join("hook.sh");
    fs::write(&path, hook).expect("writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut lego = lego(folder, "exec", name);
    lego.env("EXEC_PATH", path);
    lego.env("EXEC_PROPAGATION_TIMEOUT", "30").env("EXEC_POLLING_INTERVAL", "1");
    lego.env("EXEC_SEQUENCE_INTERVAL", "1");
    lego
}

#[test]
fn lego_gets_certificates_by_either_api_from_a_server_with_the_service() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let _server = serve(folder, &config(&zones(&[])));
        let api = SocketAddr::from(([127, 0, 0, 1], PLAIN));
        let (first, second) = (Client::register(api), Client::register(api));
        let accounts = [("a", &first), ("b", &second)];
        fs::write(folder.join("repute.toml"), config(&zones(&accounts))).expect("writable");
        reload(folder);
        let _pebble = Pebble::start(folder, &format!("127.0.0.1:{DNS}"));

        let base = format!("http://{api}");
        gets(folder, by_update(folder, &base, &first, "a.example.test"), "a.example.test");
        let values = dig(&["@127.0.0.1", "+short", "TXT", "_acme-challenge.a.example.test"]);
        assert!(values.contains(&first.full_domain), "{values}");
        assert_eq!(values.matches('"').count(), 4, "the name and its wildcard: {values}");

        let mut httpreq = lego(folder, "httpreq", "b.example.test");
        httpreq.env("HTTPREQ_ENDPOINT", &base).env("HTTPREQ_USERNAME", &second.username);
        httpreq.env("HTTPREQ_PASSWORD", &second.password);
        httpreq.env("HTTPREQ_PROPAGATION_TIMEOUT", "30").env("HTTPREQ_POLLING_INTERVAL", "1");
        gets(folder, httpreq, "b.example.test");
        let left = dig(&["@127.0.0.1", "+short", "TXT", &second.full_domain]);
        assert!(left.trim().is_empty(), "it cleans up: {left}");
    });
}

#[test]
fn lego_gets_a_certificate_from_a_server_in_place_of_acme_dns_with_tls() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let _pebble = Pebble::start(folder, &format!("127.0.0.1:{DNS}"));
        let text = format!(
            r#"
[general]
listen = "127.0.0.2:{DNS}"
domain = "auth.test"
nsname = "auth.test"
nsadmin = "admin.test"
records = ["auth.test. A 127.0.0.2", "auth.test. NS auth.test."]
[database]
engine = "sqlite3"
connection = "acme-dns.db"
[api]
ip = "127.0.0.1"
port = "{API}"
tls = "cert"
tls_cert_privkey = "pebble.key"
tls_cert_fullchain = "pebble.pem"
"#
        );
        fs::write(folder.join("config.cfg"), text).expect("writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        command.args(["acme-dns", "-c", "config.cfg"]).current_dir(folder);
        let mut server = Daemon::start(&mut command);
        server.wait_for("ready after");
        let mut register = Command::new(env!("CARGO_BIN_EXE_repute"));
        let words = ["challenge", "--config", "config.cfg", "register", "--json"];
        let told = register.args(words).current_dir(folder).output().expect("it runs");
        let api = SocketAddr::from(([127, 0, 0, 1], API));
        let client = Client::read(api, &String::from_utf8_lossy(&told.stdout));

        // The names are in a zone elsewhere, and a resolver finds both.
        let elsewhere = folder.join("elsewhere");
        fs::create_dir(&elsewhere).expect("a folder");
        let zones = zones(&[("c", &client)]);
        let zones = format!(
            "[server]\nlisten = [\"127.0.0.3:{DNS}\"]\ndata-dir = \"data\"\nmetrics = \"\"\n{zones}"
        );
        let _elsewhere = serve(&elsewhere, &zones);
        let unbound = format!(
            "server:\n  interface: 127.0.0.1\n  port: {DNS}\n  do-daemonize: no\n  username: \"\"\n  \
             chroot: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  do-not-query-localhost: no\n  \
             module-config: \"iterator\"\n  local-zone: \"test.\" nodefault\n\
             stub-zone:\n  name: \"auth.test\"\n  stub-addr: 127.0.0.2\n\
             stub-zone:\n  name: \"example.test\"\n  stub-addr: 127.0.0.3\n"
        );
        fs::write(folder.join("unbound.conf"), unbound).expect("writable");
        let mut unbound = Command::new("unbound");
        let _unbound = Daemon::start(unbound.arg("-d").arg("-c").arg(folder.join("unbound.conf")));
        until("unbound answers", || {
            let asked = ["@127.0.0.1", "+time=1", "+tries=1", "SOA", "example.test"];
            // It fails as long as nobody listens.
            let answer = Command::new("dig").args(asked).output().ok()?;
            String::from_utf8_lossy(&answer.stdout).contains("NOERROR").then_some(())
        });
        let base = format!("https://localhost:{API}");
        gets(folder, by_update(folder, &base, &client, "c.example.test"), "c.example.test");
    });
}

/// BIND as a secondary of the zone, which asks by itself only after a day.
fn bind(folder: &Path) -> Daemon {
    let folder = folder.join("bind");
    fs::create_dir(&folder).expect("a folder");
    let config = format!(
        "options {{ directory \"{}\"; listen-on port {BIND} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
         recursion no; pid-file none; session-keyfile none; notify no; dnssec-validation no; \
         min-refresh-time 86400; }};\ncontrols {{ }};\n\
         zone \"auth.test\" {{ type secondary; file \"auth.test.db\"; \
         primaries {{ 127.0.0.1 port {DNS}; }}; allow-notify {{ 127.0.0.1; }}; }};\n",
        folder.display(),
    );
    let file = folder.join("named.conf");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut bind = Daemon::start(Command::new("named").args(["-g", "-n", "1", "-c"]).arg(&file));
    bind.wait_for("running");
    bind
}

#[test]
fn values_go_to_secondaries_by_transfer_one_by_one() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let told = format!("notify = [\"127.0.0.1:{BIND}\"]\n");
        let mut server = serve(folder.path(), &(config("") + &told));
        let _bind = bind(folder.path());
        let there = |name: &str, rtype: &str| {
            dig(&["@127.0.0.1", "-p", &BIND.to_string(), "+short", rtype, name])
        };
        until("BIND has the zone", || {
            there("ns.auth.test", "A").contains("127.0.0.1").then_some(())
        });
        let api = SocketAddr::from(([127, 0, 0, 1], PLAIN));
        let client = Client::register(api);
        let serial = || -> u64 {
            let soa = dig(&["@127.0.0.1", "+short", "SOA", "auth.test"]);
            soa.split(' ').nth(2).and_then(|serial| serial.parse().ok()).expect("a serial")
        };
        let before = serial();
        for number in 1..=3 {
            assert_eq!(client.update(&value(number)).expect("it answers"), 200);
        }
        until("BIND has the values", || {
            there(&client.full_domain, "TXT").contains(&value(3)).then_some(())
        });
        assert_eq!(there("auth.test", "SOA"), dig(&["@127.0.0.1", "+short", "SOA", "auth.test"]));
        server.wait_for("sent what changed in `auth.test`");
        let whole = dig(&["@127.0.0.1", "AXFR", "auth.test"]);
        for number in 1..=3 {
            assert!(whole.contains(&value(number)), "{whole}");
        }
        let kdig = |words: &[&str]| {
            let output = Command::new("kdig").args(["@127.0.0.1", "+tcp"]).args(words).output();
            let output = output.expect("kdig is there: `./test` installs it");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let steps = kdig(&[&format!("IXFR={before}"), "auth.test"]);
        assert_eq!(steps.matches("\tTXT\t").count(), 3, "each once, and nothing else: {steps}");
        assert_eq!(steps.matches("\tSOA\t").count(), 2 + 2 * 3, "{steps}");
        assert!(!steps.contains("\tNS\t"), "{steps}");
        let body =
            format!("{{\"subdomain\": \"{}\", \"txt\": \"{}\"}}", client.subdomain, value(1));
        let headers =
            [("X-Api-User", client.username.as_str()), ("X-Api-Key", client.password.as_str())];
        let before = serial();
        let (status, _) = send(api, "DELETE", "/update", &headers, &body).expect("it answers");
        assert_eq!(status, 200);
        let steps = kdig(&[&format!("IXFR={before}"), "auth.test"]);
        assert!(steps.contains(&value(1)) && !steps.contains(&value(2)), "{steps}");
        until("BIND has the others", || {
            (!there(&client.full_domain, "TXT").contains(&value(1))).then_some(())
        });
    });
}
