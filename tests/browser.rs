//! The portal in a real browser: walks of people through the pages of the real binary, which `tests/browser/` tells.
//!
//! Each walk goes over SQLite, where every page on the way is looked at, and then over PostgreSQL, where the pages are the
//! same and what happens is what counts.
//!
//! With `SCREENSHOTS=FOLDER` in the environment each page that is looked at is kept there as pictures.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "a walk asks by DNS what it must")]
mod dns;
#[path = "serve/free.rs"]
mod free;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "a walk needs a part of what tests of the command need")]
mod process;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use free::free_address;
use process::{Place, Served, zone};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::list_days::{self, Day};
use repute_database::organisations::{Contact, Purpose};
use repute_database::testing::Server;
use repute_database::{Timestamp, Transaction, contact_mails, lists, organisations};

/// A walk: it is gone once, by whichever test wants it first.
struct Walk {
    /// What happens on it; the paths of the pages that were looked at.
    story: fn(&Ground) -> Vec<String>,
    /// The same, once it was gone.
    looked: OnceLock<Vec<String>>,
}

impl Walk {
    /// One that nobody has gone yet.
    const fn new(story: fn(&Ground) -> Vec<String>) -> Walk {
        Walk { story, looked: OnceLock::new() }
    }

    /// Goes it on each kind of database; the paths of the pages that were looked at.
    fn looked(&self) -> &[String] {
        self.looked.get_or_init(|| {
            if std::env::var_os("REPUTE_NO_PEERS").is_some() {
                return Vec::new();
            }
            let looked = (self.story)(&Ground { place: Place::new(), server: None });
            assert!(!looked.is_empty(), "a walk looks at what it comes by");
            let server = Server::start();
            assert!(server.is_some(), "there is PostgreSQL");
            (self.story)(&Ground { place: Place::new(), server });
            looked
        })
    }
}

/// All walks.
static WALKS: [&Walk; 8] =
    [&ACCOUNTS, &LETTERS, &REGISTRY, &LINK, &SILENCE, &DESK, &EVIDENCE, &ORGANISATION];

/// What a walk goes over.
struct Ground {
    /// The folder of its portal.
    place: Place,
    /// The server of its database; without one that is a file.
    server: Option<Server>,
}

impl Ground {
    /// Where the database is.
    fn database(&self) -> repute_database::Place {
        match &self.server {
            Some(server) => server.place(),
            None => repute_database::Place::File(self.place.path("data/registry.db")),
        }
    }

    /// What the configuration says of the database.
    fn registry(&self) -> String {
        match &self.server {
            Some(server) => format!("[registry]\ndatabase = \"{}\"\n", server.url()),
            None => String::new(),
        }
    }
}

/// A portal with its server, for a walk; `dns` is where it answers DNS, `more` what stands below `[portal]` besides.
fn portal<'p>(ground: &'p Ground, dns: SocketAddr, more: &str) -> (Served<'p>, String) {
    let place = &ground.place;
    // What a walk finds there may have been put there before.
    std::fs::create_dir_all(place.path("data")).unwrap();
    let portal = free_address();
    let url = format!("http://localhost:{}", portal.port());
    let config = format!(
        "{}{}[portal]\nlisten = \"{portal}\"\npublic-url = \"{url}\"\n{more}",
        place.header().replace("127.0.0.1:0", &dns.to_string()),
        ground.registry()
    );
    let server = Served::start(place, &config);
    // It opens its database beside what answers DNS.
    dns::until("the portal answers", || std::net::TcpStream::connect(portal).is_ok());
    (server, url)
}

/// Runs a command at the shell of a server, which must go well; what it said.
fn done(server: &Served<'_>, line: &[&str]) -> String {
    let (status, told) = server.run(line);
    assert_eq!(status, 0, "{told}");
    told
}

/// A process that ends with the test.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Unbound at a port: it asks our server about example.org, and knows the names of two addresses.
fn resolver(place: &Place, at: SocketAddr, server: SocketAddr) -> Child {
    let config = RESOLVER
        .replace("FOLDER", &place.path("").display().to_string())
        .replace("PORT", &at.port().to_string())
        .replace("SERVER", &format!("{}@{}", server.ip(), server.port()));
    place.write("unbound.conf", &config);
    let mut command = Command::new("unbound");
    command.arg("-d").arg("-c").arg(place.path("unbound.conf"));
    let log = std::fs::File::create(place.path("unbound.log")).unwrap();
    let child = command.stderr(log).spawn();
    Child(child.unwrap_or_else(|error| panic!("no unbound: {error}; `./test` installs it")))
}

/// What Unbound is told: no files, no other users, and nothing beyond loopback.
const RESOLVER: &str = r#"
server:
  directory: "FOLDER"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1@PORT
  port: PORT
  do-not-query-localhost: no
  module-config: "iterator"
  cache-max-negative-ttl: 0
  local-zone: "." refuse
  local-zone: "example.org." transparent
  local-zone: "8.in-addr.arpa." transparent
  local-data-ptr: "8.8.8.8 mail.example.org"
  local-data-ptr: "8.8.4.4 mail2.example.org"
stub-zone:
  name: "example.org"
  stub-addr: SERVER
remote-control:
  control-enable: no
"#;

/// Runs a walk to its good end; the paths of the pages that it looked at.
fn walk(ground: &Ground, name: &str, arguments: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules").exists(), "`./test` installs what drives the browser");
    let mut command = Command::new("node");
    command.current_dir(folder).arg(name).args(arguments);
    if ground.server.is_some() {
        // Each page is looked at once, and is the same on each database.
        command.env("LOOKS", "none");
    }
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("no node: {error}; `./test` installs it"));
    let told = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{told}");
    said.lines().filter_map(|line| line.strip_prefix("looked at ")).map(str::to_owned).collect()
}

#[test]
fn an_account_is_guarded_by_codes_and_passkeys() {
    ACCOUNTS.looked();
}

/// An account, from the link that makes it to the factors by which it is guarded.
static ACCOUNTS: Walk = Walk::new(accounts);

/// What happens there.
fn accounts(ground: &Ground) -> Vec<String> {
    let (server, _) = portal(ground, free_address(), "");
    let (status, link) =
        server.run(&["admin", "add", "ada@example.org", "--role", "administrator"]);
    assert_eq!(status, 0, "{link}");
    let looked = walk(ground, "accounts.mjs", &[link.trim()]);
    // Whoever has the shell helps who has lost it all.
    assert_eq!(server.run(&["admin", "reset-factors", "ada@example.org"]), (0, String::new()));
    let (status, told) = server.run(&["admin", "reset-factors", "nobody@example.org"]);
    assert_eq!(status, 2, "{told}");
    assert!(told.contains("`nobody@example.org` has no account"), "{told}");
    let (_, all) = server.run(&["admin", "list", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    assert_eq!((&all[0]["mail"], &all[0]["locked"]), (&"ada@example.org".into(), &false.into()));
    looked
}

#[test]
fn letters_that_come_back_and_arrive_again() {
    LETTERS.looked();
}

/// What everybody sees; the first list; a letter that comes back, one that arrives again, and a password that is forgotten.
static LETTERS: Walk = Walk::new(letters);

/// What happens there.
fn letters(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    let dns = free_address();
    let (server, _) = portal(ground, dns, "");
    let (status, link) =
        server.run(&["admin", "add", "ada@example.org", "--role", "administrator"]);
    assert_eq!(status, 0, "{link}");
    let (mail, config) = (place.path("data").join("mail"), place.path("repute.toml"));
    let [mail, config] = [mail, config].map(|path| path.display().to_string());
    let bounce = [env!("CARGO_BIN_EXE_repute"), "--config", &config, "registry", "bounce"];
    let port = dns.port().to_string();
    walk(ground, "letters.mjs", &[&[link.trim(), &port, &mail], &bounce[..]].concat())
}

/// Changes a database beside its server, as no command and no page does.
fn change(place: &repute_database::Place, change: impl AsyncFnOnce(&mut Transaction)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = repute_database::Database::open(place).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        change(&mut transaction).await;
        transaction.commit().await.unwrap();
    });
}

/// The number of a list.
async fn list_of(transaction: &mut Transaction, apex: &str) -> lists::ListId {
    let apex = apex.parse().unwrap();
    let found = lists::by_apex(transaction.session(), &apex).await.unwrap();
    found.expect("the list is there").id
}

/// Gives a list the days of a season.
fn give_past(place: &repute_database::Place, apex: &str) {
    change(place, async |transaction| {
        let list = list_of(transaction, apex).await;
        let now = Timestamp::now();
        let today = now.0 / 86_400_000_000;
        for day in today - 80..=today {
            let age = (day - today + 80).unsigned_abs();
            let (entries, changed) = (900 + 20 * age + age % 7 * 30, age * 7 % 90);
            let published = Timestamp(now.0 - 1);
            let day = Day { day, entries, changed, serial: 1, published };
            list_days::begin(transaction.session(), list, &day).await.unwrap();
        }
    });
}

/// Gives an organisation an address on a list, without the road that leads there.
fn give_entry(place: &repute_database::Place, apex: &str, key: &str) {
    change(place, async |transaction| {
        let (t, now) = (transaction, Timestamp::now());
        let list = list_of(t, apex).await;
        let organisation = organisations::add(t.session(), "Example Mail", now).await.unwrap();
        let entry = entry_of(t, key, organisation, None).await;
        entries::put(t.session(), list, &[entry]).await.unwrap();
    });
}

/// An address of an organisation, and when it is to be looked at again.
async fn entry_of(
    transaction: &mut Transaction,
    key: &str,
    organisation: OrganisationId,
    review: Option<Timestamp>,
) -> Entry {
    Entry {
        key: key.parse().unwrap(),
        code: Some("127.0.5.2".parse().unwrap()),
        text: String::new(),
        reason: String::new(),
        criterion: None,
        source: entries::source(transaction.session(), "hand").await.unwrap(),
        organisation: Some(organisation),
        since: Timestamp::now(),
        expires: None,
        review,
    }
}

#[test]
fn from_a_claim_to_a_listing_and_back() {
    REGISTRY.looked();
}

/// An organisation for which nobody speaks: a contact who gets letters, and an address that should have been looked at.
fn give_organisation(place: &repute_database::Place, apex: &str, key: &str) {
    change(place, async |transaction| {
        let (t, now) = (transaction, Timestamp::now());
        let id = organisations::add(t.session(), "Example Mail", now).await.unwrap();
        let mail = "noc@example.org".to_owned();
        let contact = Contact { mail: mail.clone(), purpose: Purpose::Technical };
        organisations::add_contact(t.session(), id, &contact).await.unwrap();
        contact_mails::confirm(t.session(), id, &mail, now).await.unwrap();
        let list = list_of(t, apex).await;
        let entry = entry_of(t, key, id, Some(Timestamp(now.0 - 1))).await;
        entries::put(t.session(), list, &[entry]).await.unwrap();
    });
}

/// Sign-up, claim by a TXT record that our own server serves, request, editor, DNS, look-up, removal.
static REGISTRY: Walk = Walk::new(registry);

/// What happens there.
fn registry(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    let (dns, at) = (free_address(), free_address());
    let _resolver = resolver(place, at, dns);
    place.write("example.org", "ns A 127.0.0.1\nmail A 8.8.8.8\nmail2 A 8.8.4.4\n");
    let own = zone("example.org", "generic", &["example.org"]).replace(
        "[[zone.source]]",
        "test-entries = false\nname-servers = [\"ns.example.org\"]\n[[zone.source]]",
    );
    // A list of others, on the same server.
    place.write("others.txt", "8.8.8.8 :2:sends spam\n");
    let others = zone("bl.others.example", "ip4set", &["others.txt"]);
    let more = format!(
        "resolvers = [\"{at}\"]\nname-server-port = {}\nother-lists = [\"bl.others.example@{dns}\"]\n\
         canned-reasons = [\"Write to our postmaster first.\"]\n{own}{others}",
        dns.port()
    );
    let (server, url) = portal(ground, dns, &more);
    let does = |line: &[&str]| done(&server, line);
    for (apex, template, title) in
        [("wl.example", "dnswl", "Good senders"), ("bl.example", "blocklist", "Spam sources")]
    {
        does(&["registry", "list", "add", apex, "--template", template, "--title", title]);
    }
    for key in ["192.0.2.7", "198.51.100.0/24"] {
        does(&["registry", "entry", "add", "bl.example", key, "--reason", "traps hit"]);
    }
    give_past(&ground.database(), "bl.example");
    let editor = does(&["admin", "add", "edith@example.org", "--role", "editor"]);
    let (mail, zone_file) = (place.path("data").join("mail"), place.path("example.org"));
    let (mail, zone_file) = (mail.display().to_string(), zone_file.display().to_string());
    let port = dns.port().to_string();
    let looked = walk(ground, "registry.mjs", &[&url, &port, editor.trim(), &mail, &zone_file]);
    does(&["registry", "verify"]);
    looked
}

#[test]
fn from_a_reject_to_the_removal() {
    LINK.looked();
}

/// The text of a listing leads to the page that says why and what to mend, and from there off the list.
static LINK: Walk = Walk::new(link);

/// What happens there.
fn link(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    let (dns, at) = (free_address(), free_address());
    let _resolver = resolver(place, at, dns);
    // The name of the address leads nowhere yet.
    place.write("example.org", "ns A 127.0.0.1\n");
    let own = zone("example.org", "generic", &["example.org"]).replace(
        "[[zone.source]]",
        "test-entries = false\nname-servers = [\"ns.example.org\"]\n[[zone.source]]",
    );
    let (server, url) = portal(ground, dns, &format!("resolvers = [\"{at}\"]\n{own}"));
    let does = |line: &[&str]| done(&server, line);
    let add = ["registry", "list", "add"];
    does(
        &[&add[..], &["bl.example", "--template", "blocklist", "--title", "Spam sources"]].concat(),
    );
    let names = ["dbl.example", "--template", "domain-blocklist", "--title", "Names"];
    does(&[&add[..], &names].concat());
    for (list, key, code, reason) in [
        ("bl.example", "8.8.8.8", "127.0.0.2", "traps hit"),
        ("bl.example", "9.9.9.0/24", "127.0.0.2", "a network of snowshoe senders"),
        ("dbl.example", "spam.example.net", "127.0.1.2", "was advertised"),
    ] {
        does(&["registry", "entry", "add", list, key, "--code", code, "--reason", reason]);
    }
    for list in ["bl.example", "dbl.example"] {
        // A portal at localhost is nowhere to lead to, unless somebody says so.
        does(&["registry", "list", "dns", "set", list, "--links", "on"]);
    }
    for name in ["8.8.8.8.bl.example", "9.9.9.9.bl.example", "spam.example.net.dbl.example"] {
        dns::until("the link", || {
            dns::ask_txt(dns, name).answers.first().is_some_and(|text| text.contains("/r/"))
        });
    }
    let (mail, zone_file) = (place.path("data").join("mail"), place.path("example.org"));
    let (mail, zone_file) = (mail.display().to_string(), zone_file.display().to_string());
    let join = does(&["admin", "add", "edith@example.org", "--role", "administrator"]);
    let looked =
        walk(ground, "link.mjs", &[&url, &dns.port().to_string(), &mail, &zone_file, join.trim()]);
    does(&["registry", "verify"]);
    looked
}

#[test]
fn what_no_resolver_answers_comes_later_and_is_unknown() {
    SILENCE.looked();
}

/// Resolvers that take every question and answer none keep no page from being shown.
static SILENCE: Walk = Walk::new(silence);

/// What happens there.
fn silence(ground: &Ground) -> Vec<String> {
    let dns = free_address();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let more = format!("resolvers = [\"{at}\"]\nask-other-lists = false\n");
    let (server, url) = portal(ground, dns, &more);
    let does = |line: &[&str]| done(&server, line);
    for (apex, template) in [("bl.example", "blocklist"), ("wl.example", "dnswl")] {
        does(&["registry", "list", "add", apex, "--template", template, "--title", apex]);
    }
    does(&["registry", "entry", "add", "bl.example", "8.8.8.8", "--reason", "traps hit"]);
    does(&["registry", "list", "dns", "set", "bl.example", "--links", "on"]);
    give_entry(&ground.database(), "wl.example", "8.8.8.8");
    let mut link = String::new();
    dns::until("the link", || {
        let text = dns::ask_txt(dns, "8.8.8.8.bl.example").answers.into_iter().next();
        link = text.unwrap_or_default();
        link.contains("/r/")
    });
    let path = &link[link.find("/r/").unwrap()..];
    let path = path.trim_end_matches('"');
    let join = does(&["admin", "add", "ada@example.org", "--role", "editor"]);
    walk(ground, "silence.mjs", &[&url, path, join.trim()])
}

#[test]
fn an_editor_goes_through_a_list() {
    DESK.looked();
}

/// An editor goes through a list, changes an entry, takes that back, and approves what guards refused.
static DESK: Walk = Walk::new(desk);

/// What happens there.
fn desk(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    let dns = free_address();
    let (server, url) = portal(ground, dns, "");
    let does = |line: &[&str]| done(&server, line);
    let list = ["registry", "list", "add", "bl.example", "--template", "blocklist"];
    does(&[&list[..], &["--title", "Spam sources"]].concat());
    for (key, reason) in [("8.8.8.8", "traps hit"), ("9.9.9.0/24", "a network of snowshoe senders")]
    {
        does(&["registry", "entry", "add", "bl.example", key, "--reason", reason]);
    }
    does(&["registry", "list", "dns", "set", "bl.example", "--canaries", "1.1.1.1"]);
    let join = does(&["admin", "add", "edith@example.org", "--role", "editor"]);
    let too = does(&["admin", "add", "otto@example.org", "--role", "editor"]);
    let config = place.path("repute.toml").display().to_string();
    let program = [env!("CARGO_BIN_EXE_repute"), "--config", &config];
    let port = dns.port().to_string();
    let looked = walk(
        ground,
        "desk.mjs",
        &[&[&*url, &port, join.trim(), too.trim()], &program[..]].concat(),
    );
    does(&["registry", "verify"]);
    looked
}

#[test]
fn from_what_traps_saw_to_a_listing_and_the_end_of_a_source() {
    EVIDENCE.looked();
}

/// What traps saw is proposed by a rule, listed by an editor, answered by DNS, and gone with its source.
static EVIDENCE: Walk = Walk::new(evidence);

/// What happens there.
fn evidence(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    let dns = free_address();
    let (server, url) = portal(ground, dns, "");
    let does = |line: &[&str]| done(&server, line);
    let list = ["registry", "list", "add", "bl.example", "--template", "blocklist"];
    does(&[&list[..], &["--title", "Spam sources"]].concat());
    does(&["registry", "evidence", "sources", "add", "traps", "--kind", "trap"]);
    let hits = "target,trap\n8.8.8.8,one@secret.example\n8.8.8.8,two@secret.example\n\
        8.8.4.4,one@secret.example\n8.8.4.4,two@secret.example\n";
    place.write("hits.csv", hits);
    let hits = place.path("hits.csv").display().to_string();
    does(&["registry", "evidence", "import", &hits, "--source", "traps"]);
    let rule = "hits = 2\nwithin = \"1d\"\nfrom-traps = 2\nlasts = \"7d\"\nreason = \"It hit two traps.\"\n";
    place.write("traps.toml", rule);
    let rule = place.path("traps.toml").display().to_string();
    does(&["registry", "rule", "add", "bl.example", "traps", &rule]);
    let link = does(&["admin", "add", "edith@example.org", "--role", "administrator"]);
    let looked = walk(ground, "evidence.mjs", &[&url, &dns.port().to_string(), link.trim()]);
    does(&["registry", "verify"]);
    looked
}

#[test]
fn an_organisation_that_cannot_help_itself() {
    ORGANISATION.looked();
}

/// An administrator steps in for an organisation; its new owner is asked, told and written to, and gone in the end.
static ORGANISATION: Walk = Walk::new(organisation);

/// What happens there.
fn organisation(ground: &Ground) -> Vec<String> {
    let place = &ground.place;
    std::fs::create_dir(place.path("data")).unwrap();
    // All of it is there before the portal, which reminds people as soon as it starts.
    let database = ground.server.as_ref().map_or("data/registry.db".to_owned(), Server::url);
    let list = ["registry", "list", "add", "wl.example", "--template", "dnswl"];
    let mut add = place.command(&list);
    let add = add.args(["--title", "Good senders", "--database", &database]).output().unwrap();
    assert!(add.status.success(), "{}", String::from_utf8_lossy(&add.stderr));
    give_organisation(&ground.database(), "wl.example", "8.8.8.8");
    let more = "resolvers = [\"127.0.0.1:9\"]\nask-other-lists = false\n";
    let (server, url) = portal(ground, free_address(), more);
    let does = |line: &[&str]| done(&server, line);
    let above = does(&["admin", "add", "ada@example.org", "--role", "administrator"]);
    let member = does(&["admin", "add", "grace@example.org", "--role", "member"]);
    let mail = place.path("data").join("mail").display().to_string();
    let looked = walk(ground, "organisation.mjs", &[&url, &mail, above.trim(), member.trim()]);
    does(&["registry", "verify"]);
    looked
}

/// The route of pages that a path takes: of those that fit it the one with the fewest parts that may be anything.
fn route_of<'r>(path: &str, routes: &BTreeSet<&'r str>) -> Option<&'r str> {
    let parts = |path: &'r str| path.split('/').skip(1);
    let fits = |route: &&&'r str| {
        let (parts, there): (Vec<_>, Vec<_>) =
            (parts(route).collect(), path.split('/').skip(1).collect());
        let is_same = |(part, there): (&&str, &&str)| part.starts_with('{') || part == there;
        parts.len() == there.len() && parts.iter().zip(&there).all(is_same)
    };
    let any = |route: &&&'r str| parts(route).filter(|part| part.starts_with('{')).count();
    routes.iter().filter(fits).min_by_key(any).copied()
}

/// Whoever adds a page takes a walk there.
#[test]
fn every_page_is_looked_at_on_a_walk() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        return;
    }
    // A test beside this table makes sure that it has every route.
    let table = include_str!("../crates/portal/src/routes/promise/pages.rs");
    let routes = table.split('"').filter_map(|text| text.strip_prefix("GET "));
    let mut routes: BTreeSet<&str> = routes.collect();
    assert!(routes.len() > 60, "the table is read: {routes:?}");
    for no_page in NO_PAGES {
        assert!(routes.remove(no_page), "there is no {no_page} any more");
    }
    let mut seen = BTreeSet::new();
    for walk in WALKS {
        for path in walk.looked() {
            if let Some(route) = route_of(path, &routes) {
                seen.insert(route);
            }
        }
    }
    let never: Vec<_> = routes.difference(&seen).collect();
    assert!(never.is_empty(), "no walk looks at {never:?}");
}

/// What is asked for and is no page: files, and what programs read.
const NO_PAGES: [&str; 6] = [
    "/assets/{name}",
    "/api/v1/openapi.json",
    "/api/v1/distribution/manifests",
    "/api/v1/distribution/lists/{apex}/{from}/{to}",
    "/account/data.json",
    "/people/{id}/data.json",
];
