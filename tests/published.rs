//! Lists of the registry: what is committed to a database, by whatever process, is answered in DNS by the real binary,
//! which survives kills, a database that is away, and people who ask too much.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "these tests need a part of the client")]
mod dns;
#[path = "serve/free.rs"]
mod free;
#[path = "published/imported.rs"]
mod imported;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "these tests need a part of what tests of the command need")]
mod process;
#[path = "serve/random.rs"]
mod random;
#[path = "published/together.rs"]
mod together;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dns::{listed, rcode, until};
use free::free_address;
use process::{Place, Served, zone};
use repute_database::dns::Settings;
use repute_database::entries::{self, Entry};
use repute_database::lists::{self, List, Stored};
use repute_database::testing::Server;
use repute_database::{Database, Timestamp, audit};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::changes::{Cause, Change, apply};
use repute_registry::publish;
use repute_registry::settings::{Hand, Who, configure};
use tokio::runtime::Runtime;

/// An editor, in a process of his own: this one.
struct Editor {
    /// Runs what he does.
    runtime: Runtime,
    /// The database.
    database: Database,
    /// His pseudonym.
    actor: String,
}

impl Editor {
    /// Sits down at a database.
    fn at(place: &repute_database::Place) -> Editor {
        let runtime = Runtime::new().unwrap();
        let (database, actor) = runtime.block_on(async {
            let database = Database::open(place).await.unwrap();
            let mut transaction = database.begin().await.unwrap();
            let actor = audit::actor(transaction.session(), 1).await.unwrap();
            transaction.commit().await.unwrap();
            (database, actor)
        });
        Editor { runtime, database, actor }
    }

    /// Adds a list of addresses.
    fn adds(&self, apex: &str) -> Stored {
        self.runtime.block_on(async {
            let mut transaction = self.database.begin().await.unwrap();
            let list = List {
                apex: apex.parse().unwrap(),
                title: "A list".to_owned(),
                description: String::new(),
                polarity: Polarity::Block,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            lists::add(transaction.session(), &list, Timestamp::now()).await.unwrap();
            let stored = lists::by_apex(transaction.session(), &list.apex).await.unwrap();
            transaction.commit().await.unwrap();
            stored.unwrap()
        })
    }

    /// Why he does what he does.
    fn cause(&self) -> Cause {
        let action = "entries.change".to_owned();
        Cause { actor: self.actor.clone(), action, reason: "a test".to_owned() }
    }

    /// Lists networks, or takes them off; returns once that is acknowledged.
    fn changes(&self, list: &Stored, keys: &[&str], is_listed: bool) -> u32 {
        self.runtime.block_on(async {
            let mut transaction = self.database.begin().await.unwrap();
            let source = entries::source(transaction.session(), "test").await.unwrap();
            let change = |key: &&str| {
                let key: repute_database::Key = key.parse().unwrap();
                let entry = Entry {
                    key: key.clone(),
                    code: Some("127.0.0.2".parse().unwrap()),
                    text: "see https://bl.example/$".to_owned(),
                    reason: String::new(),
                    criterion: None,
                    source,
                    organisation: None,
                    since: Timestamp::now(),
                    expires: None,
                    review: None,
                };
                Change { key, entries: if is_listed { vec![entry] } else { Vec::new() } }
            };
            let changes: Vec<Change> = keys.iter().map(change).collect();
            let (cause, now) = (self.cause(), Timestamp::now());
            let serial = apply(&mut transaction, list, &changes, &cause, now).await.unwrap();
            transaction.commit().await.unwrap();
            serial
        })
    }
}

/// The configuration of a server with a registry.
fn config(place: &Place, database: &str) -> String {
    format!("{}[registry]\ndatabase = \"{database}\"\n", place.header())
}

/// Runs a story on SQLite and on PostgreSQL; where tests run without peers, on SQLite only. What the configuration
/// says of the database, and where it is.
fn on_each(story: impl Fn(&Place, &str, &repute_database::Place)) {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let file = repute_database::Place::File(place.path("data/registry.db"));
    story(&place, "registry.db", &file);
    if let Some(server) = Server::start() {
        story(&Place::new(), &server.url(), &server.place());
    }
}

#[test]
fn a_change_in_the_database_is_answered_and_no_kill_loses_it() {
    on_each(|place, database, at| {
        let editor = Editor::at(at);
        let list = editor.adds("bl.example");
        editor.changes(&list, &["192.0.2.0/24"], true);
        place.write("names.txt", "bad.example\n");
        let config = config(place, database) + &zone("names.example", "names", &["names.txt"]);
        let server = Served::start(place, &config);
        let is_there = |name: &str| listed(server.dns, name);
        until("the list is served", || is_there("1.2.0.192.bl.example"));
        assert!(is_there("2.0.0.127.bl.example") && !is_there("1.0.0.127.bl.example"));
        assert!(is_there("bad.example.names.example"), "and those of files beside it");
        let text = dns::ask_txt(server.dns, "7.2.0.192.bl.example");
        assert_eq!(
            (text.answers, text.ttl),
            (vec!["see https://bl.example/192.0.2.7".to_owned()], Some(300))
        );

        // Another process changes it, while it is asked.
        editor.changes(&list, &["192.0.2.0/24"], false);
        editor.changes(&list, &["198.51.100.1", "2001:db8::/32"], true);
        until("the change is served", || is_there("1.100.51.198.bl.example"));
        assert!(!is_there("1.2.0.192.bl.example"));
        let other = editor.adds("other.example");
        assert_eq!(editor.changes(&other, &["10.0.0.1"], true), 2);
        until("the new list is served", || is_there("1.0.0.10.other.example"));
        let (code, status) = server.run(&["status"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.contains("bl.example") && status.contains("other.example"), "{status}");

        // It is killed while it publishes, again and again; whatever was acknowledged is answered by the next one.
        let mut acknowledged = Vec::new();
        let mut server = server;
        for round in 0..3 {
            let is_over = AtomicBool::new(false);
            let served = thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    let mut written = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let (high, low) = (written.len() / 250, written.len() % 250);
                        let address = format!("10.{}.{low}.1", round * 50 + high);
                        editor.changes(&list, &[&address], true);
                        written.push(address);
                    }
                    written
                });
                let first = format!("1.0.{}.10.bl.example", round * 50);
                until("it publishes", || listed(server.dns, &first));
                server.kill();
                is_over.store(true, Ordering::Relaxed);
                writer.join().unwrap()
            });
            acknowledged.extend(served);
            server = Served::start(place, &config);
            let dns = server.dns;
            for address in &acknowledged {
                let octets: Vec<&str> = address.split('.').rev().collect();
                let name = format!("{}.bl.example", octets.join("."));
                until("nothing is lost", || listed(dns, &name));
            }
        }
        assert!(!listed(server.dns, "1.2.0.192.bl.example"));
        server.stop();
    });
}

#[test]
fn what_must_not_be_is_refused_and_a_second_person_may_mean_it() {
    on_each(|place, database, at| {
        let editor = Editor::at(at);
        let list = editor.adds("bl.example");
        editor.changes(&list, &["192.0.2.1"], true);
        let server = Served::start(place, &config(place, database));
        until("the list is served", || listed(server.dns, "1.2.0.192.bl.example"));
        let serial = editor.changes(&list, &["10.0.0.0/8"], true);
        let approval = format!("repute list approve bl.example {serial}");
        until("it is refused", || server.run(&["list", "status"]).1.contains(&approval));
        let (code, status) = server.run(&["list", "status", "bl.example"]);
        assert_eq!(code, 1, "{status}");
        assert!(status.contains("all of 10.0.0.0/8 would be listed"), "{status}");
        let (_, status) = server.run(&["status", "--json"]);
        assert!(status.contains("all of 10.0.0.0/8 would be listed"), "{status}");
        assert!(listed(server.dns, "1.2.0.192.bl.example"));
        assert_eq!(rcode(server.dns, "1.2.3.10.bl.example"), 3);
        // The editor has an account; whoever sits at the server's shell is somebody else.
        let (code, said) = server.run(&["list", "approve", "bl.example", &serial.to_string()]);
        assert_eq!(code, 0, "{said}");
        until("it is published", || listed(server.dns, "3.2.1.10.bl.example"));
        let (code, said) = server.run(&["list", "approve", "bl.example", &serial.to_string()]);
        assert_eq!((code, said.trim()), (2, "repute: no version of bl.example waits for approval"));

        for args in [&["list", "approve", "no.example", "3"][..], &["list", "status", "no.example"]]
        {
            let (code, said) = server.run(args);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains("`repute list status` shows those there are"), "{said}");
        }

        // And it ends without listing the world.
        assert!(server.run(&["list", "retire", "bl.example"]).1.contains("--empty"));
        let (code, said) = server.run(&["list", "retire", "bl.example", "--empty"]);
        assert_eq!(code, 0, "{said}");
        for gone in ["2.0.0.127.bl.example", "3.2.1.10.bl.example", "1.2.0.192.bl.example"] {
            until("it is empty", || rcode(server.dns, gone) == 3);
        }
        let (code, said) = server.run(&["list", "retire", "bl.example", "--end"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("emptied 0 days ago"), "{said}");
        server.stop();
    });
}

/// What is done at the shell is somebody's: whoever made a change there does not approve it there.
#[test]
fn who_changed_a_list_at_the_shell_does_not_approve_that() {
    on_each(|place, database, at| {
        let server = Served::start(place, &config(place, database));
        let run = |user: &str, args: &[&str]| {
            let mut command = place.command(args);
            command.args(["--config", "repute.toml"]).env("SUDO_UID", user);
            let output = command.output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            (output.status.code().unwrap_or(-1), text)
        };
        let add = |user, key| {
            let entry = ["registry", "entry", "add", "bl.example", key, "--reason", "a test"];
            let (code, said) = run(user, &entry);
            assert_eq!(code, 0, "{said}");
            said
        };
        let (code, said) = run("4711", &["registry", "list", "add", "bl.example"]);
        assert_eq!(code, 0, "{said}");
        add("4711", "192.0.2.1");
        until("the list is served", || listed(server.dns, "1.2.0.192.bl.example"));
        let said = add("4711", "11.0.0.0/8");
        assert!(said.contains("held back") && said.contains("all of 11.0.0.0/8"), "{said}");
        let approve = ["list", "approve", "bl.example", "3"];
        until("it is refused", || run("4711", &["list", "status"]).1.contains(&approve.join(" ")));
        let (code, said) = run("4711", &approve);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("your own change: a second person"), "{said}");
        let (_, log) = run("4711", &["registry", "log", "bl.example", "-n", "1", "--json"]);
        if nix::unistd::getuid().is_root() {
            assert!(log.contains("\"user\":\"user 4711\""), "{log}");
            let (code, said) = run("4712", &approve);
            assert_eq!(code, 0, "{said}");
        } else {
            // Only root is believed who called sudo; so the other person has an account here.
            let editor = Editor::at(at);
            editor.runtime.block_on(async {
                let mut transaction = editor.database.begin().await.unwrap();
                let apex = "bl.example".parse().unwrap();
                let list = lists::by_apex(transaction.session(), &apex).await.unwrap().unwrap();
                let now = Timestamp::now();
                publish::approve(&mut transaction, &list, 3, &editor.actor, now).await.unwrap();
                transaction.commit().await.unwrap();
            });
        }
        until("it is published", || listed(server.dns, "3.2.1.11.bl.example"));
        server.stop();
    });
}

/// What a list says of itself at the shell is what DNS says of it.
#[test]
fn what_is_set_at_the_shell_is_published() {
    let place = Place::new();
    let server = Served::start(&place, &config(&place, "registry.db"));
    let done = |args: &[&str]| {
        let (code, said) = server.run(args);
        assert_eq!(code, 0, "{said}");
    };
    done(&["registry", "list", "add", "bl.example"]);
    let reason = "it costs $5";
    done(&["registry", "entry", "add", "bl.example", "192.0.2.1", "--reason", reason]);
    let text = || dns::ask_txt(server.dns, "1.2.0.192.bl.example");
    until("the reason is answered", || text().answers == [reason]);
    assert_eq!(text().ttl, Some(300));
    done(&["registry", "list", "set", "bl.example", "--ttl", "77s"]);
    until("the new time to live is answered", || text().ttl == Some(77));
    let canaries = ["--canaries", "192.0.2.9"];
    done(&[&["registry", "list", "dns", "set", "bl.example"][..], &canaries].concat());
    let wide = ["registry", "entry", "add", "bl.example", "192.0.2.0/24", "--reason", reason];
    let (code, said) = server.run(&wide);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("192.0.2.9 would be listed, which is a canary"), "{said}");
    server.stop();
}

#[test]
fn a_server_starts_without_its_database_and_follows_it_later() {
    let Some(postgres) = Server::start() else { return };
    let place = Place::new();
    let config = config(&place, &postgres.url());
    let editor = Editor::at(&postgres.place());
    let list = editor.adds("bl.example");
    editor.changes(&list, &["192.0.2.1"], true);
    let server = Served::start(&place, &config);
    until("the list is served", || listed(server.dns, "1.2.0.192.bl.example"));
    server.stop();
    editor.runtime.block_on(editor.database.close());
    drop(editor);
    let postgres = postgres.stopped();
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"), "at once, from before the start");
    server.logged("cannot open the database");
    assert!(server.run(&["status"]).1.contains("stale"));
    let postgres = postgres.again();
    let editor = Editor::at(&postgres.place());
    editor.changes(&list, &["192.0.2.2"], true);
    until("it is followed", || listed(server.dns, "2.2.0.192.bl.example"));
    assert!(!server.run(&["status"]).1.contains("stale"));
    server.stop();
}

#[test]
fn a_zone_of_the_configuration_and_a_list_of_its_name_do_not_mix() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let editor = Editor::at(&repute_database::Place::File(place.path("data/registry.db")));
    let list = editor.adds("bl.example");
    editor.changes(&list, &["192.0.2.1"], true);
    place.write("bl.txt", "198.51.100.1\n");
    let without = config(&place, "registry.db");
    let both = without.clone() + &zone("bl.example", "addresses", &["bl.txt"]);
    let server = Served::start(&place, &both);
    let conflict = "the configuration has a zone of this name as well";
    until("it is told", || server.run(&["status"]).1.contains(conflict));
    assert!(listed(server.dns, "1.100.51.198.bl.example"));
    assert!(!listed(server.dns, "1.2.0.192.bl.example"));
    place.write("repute.toml", &without);
    server.reload();
    until("it is the list's turn", || listed(server.dns, "1.2.0.192.bl.example"));
    assert!(!server.run(&["status"]).1.contains(conflict));
    server.stop();
}

#[test]
fn settings_of_a_list_are_seen_in_dns() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let editor = Editor::at(&repute_database::Place::File(place.path("data/registry.db")));
    let list = editor.adds("bl.example");
    let server = Served::start(&place, &config(&place, "registry.db"));
    until("it is served", || listed(server.dns, "2.0.0.127.bl.example"));
    editor.runtime.block_on(async {
        let mut transaction = editor.database.begin().await.unwrap();
        let canaries = vec!["192.0.2.9".parse().unwrap()];
        let settings = Settings { canaries, ..Settings::default() };
        let who = Who::Shell(&editor.actor);
        let hand = Hand { who, reason: "a test", now: Timestamp::now() };
        configure(&mut transaction, &hand, &list, &settings).await.unwrap();
        transaction.commit().await.unwrap();
    });
    until("the serial is seen", || server.serial("bl.example") == 2);
    editor.changes(&list, &["192.0.2.0/24"], true);
    until("it is refused", || server.run(&["status"]).1.contains("192.0.2.9 would be listed"));
    server.stop();
}

/// What the portal answers to a request for a path.
fn page(portal: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(portal).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn the_portal_says_why_of_what_dns_answers() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let portal = free_address();
    let config = format!(
        "{}[portal]\nlisten = \"{portal}\"\npublic-url = \"http://localhost:{}\"\n",
        place.header(),
        portal.port()
    );
    let server = Served::start(&place, &config);
    // Without a name for it the database is there, beside the portal.
    let editor = Editor::at(&repute_database::Place::File(place.path("data/registry.db")));
    let list = editor.adds("bl.example");
    editor.changes(&list, &["192.0.2.0/24"], true);
    until("the list is served", || listed(server.dns, "1.2.0.192.bl.example"));
    let said = |target: &str| {
        let text = page(portal, &format!("/api/v1/lookup?target={target}")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        serde_json::from_str::<serde_json::Value>(body).unwrap()["lists"][0].clone()
    };
    until("the portal knows the list", || said("192.0.2.1")["listed"] == true);
    assert_eq!(said("192.0.2.1")["entries"][0]["key"], "192.0.2.0/24");
    assert_eq!(said("192.0.3.1")["listed"], false);
    let html = page(portal, "/lookup?target=192.0.2.1").unwrap();
    assert!(html.contains("192.0.2.0/24") && html.contains("127.0.0.2"), "{html}");
    assert!(page(portal, "/account").unwrap().starts_with("HTTP/1.1 303"), "it asks who that is");
}

#[test]
fn a_portal_whose_database_is_away_is_waited_for_while_dns_is_answered() {
    let Some(postgres) = Server::start() else { return };
    let (url, at) = (postgres.url(), postgres.place());
    let editor = Editor::at(&at);
    editor.adds("bl.example");
    drop(editor);
    let stopped = postgres.stopped();
    let place = Place::new();
    place.write("names.txt", "bad.example\n");
    let portal = free_address();
    let config = config(&place, &url)
        + &format!("[portal]\nlisten = \"{portal}\"\n")
        + &zone("names.example", "names", &["names.txt"]);
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "bad.example.names.example"));
    let postgres = stopped.again();
    assert!(page(portal, "/lists/bl.example").unwrap().starts_with("HTTP/1.1 200"));
    drop(postgres);
}

#[test]
fn the_portal_asks_lists_of_others_when_somebody_wants_it() {
    let others = Place::new();
    others.write("bl.txt", "8.8.8.0/24 :2:sends <spam>, see https://others.example/$\n");
    let other = others.header() + &zone("bl.others.example", "ip4set", &["bl.txt"]);
    let other = Served::start(&others, &other);
    until("the other list is served", || listed(other.dns, "8.8.8.8.bl.others.example"));
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let portal = free_address();
    let config = format!(
        "{}[portal]\nlisten = \"{portal}\"\npublic-url = \"http://localhost:{}\"\n\
         other-lists = [\"bl.others.example@{}\"]\n",
        place.header(),
        portal.port(),
        other.dns
    );
    let _server = Served::start(&place, &config);
    until("there is a portal", || page(portal, "/").is_some_and(|text| text.contains(" 200 ")));
    let html = page(portal, "/lookup/elsewhere?q=8.8.8.8").unwrap();
    for words in ["8.8.8.8 is on 1 of 1 block lists", "127.0.0.2", "sends &#60;spam&#62;"] {
        assert!(html.contains(words), "{words} is not in {html}");
    }
    let html = page(portal, "/lookup/elsewhere?q=8.8.4.4").unwrap();
    assert!(html.contains("8.8.4.4 is on none of 1 block lists"), "{html}");
}
