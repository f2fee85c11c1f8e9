//! In place of acme-dns: its configuration and its database, and clients that go on with the passwords they have.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::process::Command;

use repute_database::Place as Database;
use repute_database::acme_dns::Account;
use repute_database::testing::Server;
use repute_database::testing::acme_dns::{Schema, make};

use crate::challenge_api::{Client, value};
use crate::daemon::Daemon;
use crate::dns::{ask, ask_txt, rcode};
use crate::free::free_address;
use crate::process::Place;

const PASSWORD: &str = "PUrNTjU24JYNEOCeS2JcjaJGv1sinT80oV9--dpX";

/// Where a server in place of acme-dns answers.
struct Addresses {
    dns: SocketAddr,
    api: SocketAddr,
}

impl Addresses {
    fn free() -> Addresses {
        Addresses { dns: free_address(), api: free_address() }
    }

    /// A configuration of version 2, with a key that nobody knows.
    fn config(&self, engine: &str, connection: &str) -> String {
        let Addresses { dns, api } = self;
        format!(
            r#"
[general]
listen = "{dns}"
protocol = "both"
domain = "auth.example.org"
nsname = "auth.example.org"
nsadmin = "admin.example.org"
records = ["auth.example.org. A 198.51.100.1", "auth.example.org. NS auth.example.org.", "ns.example.org. A 198.51.100.2"]
debug = false
[database]
engine = "{engine}"
connection = "{connection}"
[api]
ip = "{}"
disable_registration = false
port = "{}"
tls = "none"
corsorigins = ["*"]
use_header = false
header_name = "X-Forwarded-For"
[logconfig]
loglevel = "info"
logtype = "stdout"
logformat = "text"
[unknown]
key = 1
"#,
            api.ip(),
            api.port()
        )
    }
}

/// An account of acme-dns that has a value, and its client.
fn account(api: SocketAddr, number: u8) -> (Account, Client) {
    let username = format!("a097455b-52cc-4569-90c8-7a4b97c6eb{number:02x}");
    let subdomain = format!("d420c923-bbd7-4056-ab64-c3ca54c9b3{number:02x}");
    let account = Account {
        username: username.clone(),
        password: bcrypt::hash(PASSWORD, 10).expect("a hash"),
        subdomain: subdomain.clone(),
        allow_from: "[\"127.0.0.0/8\"]".to_owned(),
        values: vec![String::new(), value(1)],
    };
    let full_domain = format!("{subdomain}.auth.example.org");
    let password = PASSWORD.to_owned();
    (account, Client { api, username, password, subdomain, full_domain })
}

/// Makes a database of acme-dns.
fn database(place: &Database, schema: Schema, accounts: &[Account]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(make(place, schema, accounts));
}

/// Starts it by the configuration in a folder.
fn start(place: &Place, mut command: Command) -> Daemon {
    Daemon::start(command.current_dir(place.path("")))
}

/// Runs a command beside it; what it prints, if it does what it should.
fn run(place: &Place, args: &[&str]) -> String {
    let output = place.command(args).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn clients_of_acme_dns_go_on_with_its_configuration_and_its_database() {
    let place = Place::new();
    let addresses = Addresses::free();
    fs::create_dir(place.path("old")).expect("a folder");
    let (account, client) = account(addresses.api, 1);
    let file = place.path("old/acme-dns.db");
    database(&Database::File(file.clone()), Schema::Text, &[account]);
    let before = fs::read(&file).expect("it is there");
    place.write("config.cfg", &addresses.config("sqlite", "old/acme-dns.db"));

    let mut server = start(&place, place.command(&["acme-dns", "-c", "config.cfg"]));
    server.wait_for("`unknown.key` is not known and changes nothing");
    server.wait_for("has `ns.example.org`, which is not in auth.example.org");
    let said = server.wait_for("1 account taken over from");
    assert!(said.contains("old/acme-dns.db; it is left as it is"), "{said}");
    server.wait_for("ready after");
    assert_eq!(ask_txt(addresses.dns, &client.full_domain).answers, [value(1)]);
    assert_eq!(client.update(&value(2)).expect("it answers"), 200);
    let answer = ask_txt(addresses.dns, &client.full_domain);
    assert_eq!((answer.answers.len(), answer.ttl), (2, Some(1)));
    assert_eq!(ask(addresses.dns, "auth.example.org").answers, ["198.51.100.1"]);
    assert_eq!(rcode(addresses.dns, "ns.example.org"), 5, "it is not ours");
    let new = Client::register(addresses.api);
    assert!(place.path("old/repute/zones.redb").exists());
    let listed = run(&place, &["challenge", "--config", "config.cfg", "list", "--json"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    drop(server);

    // By its name, with the file where it looks for it; what was taken over is not read again.
    fs::rename(&file, place.path("old/away.db")).expect("it moves");
    symlink(env!("CARGO_BIN_EXE_repute"), place.path("acme-dns")).expect("a link");
    let rotated = run(&place, &["challenge", "--config", "config.cfg", "rotate", &new.username]);
    let mut server = start(&place, Command::new(place.path("acme-dns")));
    server.wait_for("ready after");
    assert_eq!(client.update(&value(3)).expect("it answers"), 200);
    assert_eq!(new.update(&value(3)).expect("it answers"), 401);
    let new = Client { password: rotated.trim().to_owned(), ..new };
    assert_eq!(new.update(&value(3)).expect("it answers"), 200);
    assert!(before == fs::read(place.path("old/away.db")).expect("it is there"));
    let status = run(&place, &["status", "--config", "config.cfg"]);
    assert!(status.contains("auth.example.org"), "{status}");
}

#[test]
fn accounts_are_taken_over_from_postgresql_once() {
    let Some(old) = Server::start() else { return };
    let place = Place::new();
    let addresses = Addresses::free();
    let (first, client) = account(addresses.api, 1);
    database(&old.place(), Schema::Json, &[first]);
    let data = "\n[repute]\ndata_dir = \"data\"\n";
    place.write("config.cfg", &(addresses.config("postgres", &old.url()) + data));
    let start = || start(&place, place.command(&["acme-dns", "-c", "config.cfg"]));
    let mut server = start();
    server.wait_for("1 account taken over from PostgreSQL at");
    server.wait_for("ready after");
    assert_eq!(client.update(&value(2)).expect("it answers"), 200);
    drop(server);

    // It may be gone by then.
    drop(old);
    let mut server = start();
    server.wait_for("ready after");
    assert_eq!(client.update(&value(3)).expect("it answers"), 200);
    assert_eq!(ask_txt(addresses.dns, &client.full_domain).answers.len(), 3);
}

#[test]
fn what_would_not_do_what_it_says_is_refused_and_a_new_installation_begins_without_accounts() {
    let place = Place::new();
    let addresses = Addresses::free();
    let config = addresses.config("sqlite", "acme-dns.db");
    let refused = |text: &str| {
        place.write("config.cfg", text);
        let output = place.command(&["acme-dns", "-c", "config.cfg"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = refused(&config.replace("tls = \"none\"", "tls = \"letsencrypt\""));
    assert!(told.contains("config.cfg: `api.tls` asks for a certificate"), "{told}");
    assert!(told.contains("set `tls = \"cert\"`"), "{told}");
    let files = "tls = \"cert\"\ntls_cert_privkey = \"k.pem\"\ntls_cert_fullchain = \"c.pem\"";
    let told = refused(&config.replace("tls = \"none\"", files));
    assert!(told.contains("the API of the challenge service cannot speak TLS"), "{told}");
    fs::write(place.path("acme-dns.db"), "nothing that acme-dns wrote").expect("writable");
    let told = refused(&config);
    assert!(told.contains("the accounts of acme-dns cannot be taken over"), "{told}");

    fs::remove_file(place.path("acme-dns.db")).expect("it was there");
    place.write(
        "config.cfg",
        &config.replace("logtype = \"stdout\"", "logtype = \"file\"\nlogfile = \"log\""),
    );
    let mut server = start(&place, place.command(&["acme-dns", "-c=config.cfg"]));
    server.wait_for("there is no database at");
    server.wait_for("challenge http://");
    let client = Client::register(addresses.api);
    assert_eq!(client.update(&value(1)).expect("it answers"), 200);
    let log = fs::read_to_string(place.path("log")).expect("it is written");
    assert!(log.contains("update of challenge account"), "{log}");
}
