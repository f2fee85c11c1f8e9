//! Two servers with portals on one database: what one of them did is so at the other, is done once, and outlives a kill.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use repute_database::testing::Server;
use repute_database::{Timestamp, jobs, outbox};

use super::{Editor, page};
use crate::dns::{listed, until};
use crate::free::free_address;
use crate::process::{Place, Served};

/// One of the servers.
pub(crate) struct Portal<'p> {
    pub(crate) server: Served<'p>,
    /// Where its portal is.
    at: SocketAddr,
    /// The folder of its letters.
    mail: std::path::PathBuf,
}

impl<'p> Portal<'p> {
    /// Starts it on a database; `more` stands below `[portal]` besides.
    pub(crate) fn start(place: &'p Place, database: &str, more: &str) -> Portal<'p> {
        // The key of links is the same at both.
        let at = free_address();
        place.write("link.key", &"5f".repeat(32));
        let config = format!(
            "{}[portal]\nlisten = \"{at}\"\npublic-url = \"{URL}\"\nlink-key = \"link.key\"\n\
             mail-dir = \"mail\"\n{more}",
            super::config(place, database)
        );
        let server = Served::start(place, &config);
        until("the portal answers", || page(at, "/").is_some_and(|text| text.contains(" 200 ")));
        Portal { server, at, mail: place.path("mail") }
    }

    /// Asks the portal for something, with a cookie or a token; nothing if it is gone before it answered.
    fn try_ask(&self, request: &str, path: &str, head: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.at).ok()?;
        let host = URL.strip_prefix("http://").unwrap();
        let text = format!(
            "{request} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {URL}\r\n{head}Connection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        // An answer that was cut is none.
        text.contains("\r\n\r\n").then_some(text)
    }

    /// The same of one that answers.
    pub(crate) fn ask(&self, request: &str, path: &str, head: &str, body: &str) -> String {
        self.try_ask(request, path, head, body).expect("it answers")
    }

    /// Posts a form.
    fn post(&self, path: &str, cookie: &str, form: &str) -> String {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", path, &format!("{kind}{cookie}"), form)
    }

    /// Makes an administrator; his cookie, as a line of a head.
    pub(crate) fn join(&self, mail: &str) -> String {
        let (code, link) = self.server.run(&["admin", "add", mail, "--role", "administrator"]);
        assert_eq!(code, 0, "{link}");
        let path = link.trim().strip_prefix(URL).expect("it is ours").to_owned();
        let made = self.post(&path, "", "name=Anna&password=some+long+words");
        format!("Cookie: {}\r\n", between(&made, "set-cookie: ", ";"))
    }

    /// Makes a token with scopes, as a form says them; by somebody's cookie.
    pub(crate) fn token(&self, cookie: &str, scopes: &str) -> String {
        let form = format!("name=a+test&days=30&{scopes}");
        let page = self.post("/account/tokens", cookie, &form);
        format!("repute_{}", between(&page, "repute_", "<")).trim().to_owned()
    }

    /// Lists an address by the API, under a key; the serial that is answered, if there is an answer.
    fn list(&self, token: &str, key: &str, address: &str) -> Option<u32> {
        let head = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        );
        let body = format!(
            "{{\"reason\": \"a test\", \"changes\": [{{\"action\": \"list\", \"key\": \"{address}\", \
             \"code\": \"127.0.0.2\", \"reason\": \"spam\"}}]}}"
        );
        let text = self.try_ask("POST", "/api/v1/lists/bl.example/entries", &head, &body)?;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let answer: serde_json::Value = serde_json::from_str(body).ok()?;
        u32::try_from(answer["serial"].as_u64()?).ok()
    }

    /// To whom letters in its folder go, each as often as it is there.
    fn letters(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.mail).into_iter().flatten();
        let files = files.map(|file| file.unwrap().path());
        let whole = files.filter(|file| file.extension().is_some_and(|ending| ending == "eml"));
        let to = |text: String| between(&text, "To: ", "\r\n").to_owned();
        whole.map(|file| to(std::fs::read_to_string(file).unwrap())).collect()
    }
}

/// What stands between two words.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).map_or(rest, |(found, _)| found)
}

/// The name by which DNS is asked for an address.
fn name(address: &str) -> String {
    let mut parts: Vec<_> = address.split('.').collect();
    parts.reverse();
    format!("{}.bl.example", parts.join("."))
}

/// Takes the letters that are due by then, as somebody who then dies; how many.
fn waiting(editor: &Editor, now: Timestamp) -> Vec<outbox::LetterId> {
    editor.runtime.block_on(async {
        let (mut transaction, mut found) = (editor.database.begin().await.unwrap(), Vec::new());
        let lease = Duration::from_secs(3_600);
        while let Some(taken) = outbox::take(transaction.session(), now, lease).await.unwrap() {
            found.push(taken.id);
        }
        // It is rolled back: nothing was taken.
        found
    })
}

#[test]
fn two_portals_share_sessions_serials_and_letters_and_one_outlives_the_other() {
    let Some(postgres) = Server::start() else { return };
    let (url, editor) = (postgres.url(), Editor::at(&postgres.place()));
    let (here, there) = (Place::new(), Place::new());
    let one = Portal::start(&here, &url, "");
    let other = Portal::start(&there, &url, "");
    let add = ["registry", "list", "add", "bl.example", "--template", "blocklist"];
    assert_eq!(one.server.run(&[&add[..], &["--reason", "ours"]].concat()).0, 0);
    for portal in [&one, &other] {
        // What lists there are is kept for a moment.
        until("it knows the list", || {
            page(portal.at, "/lists/bl.example")
                .is_some_and(|text| text.starts_with("HTTP/1.1 200"))
        });
    }

    // A session that began at one is good at the other, and ends there for both.
    let cookie = one.join("anna@example.org");
    let is_in = |portal: &Portal<'_>, cookie: &str| {
        portal.ask("GET", "/account", cookie, "").starts_with("HTTP/1.1 200")
    };
    assert!(is_in(&one, &cookie) && is_in(&other, &cookie));
    assert!(other.post("/sign-out", &cookie, "").starts_with("HTTP/1.1 303"));
    assert!(!is_in(&one, &cookie) && !is_in(&other, &cookie));
    let signed = other.post("/sign-in", "", "mail=anna%40example.org&password=some+long+words");
    let cookie = format!("Cookie: {}\r\n", between(&signed, "set-cookie: ", ";"));
    assert!(is_in(&one, &cookie));

    // A token that one made, at both: each entry has a serial of its own, and none is missing.
    let token = &*one.token(&cookie, "entries%3Aread=yes&entries%3Awrite=yes");
    let serials: BTreeMap<u32, String> = thread::scope(|scope| {
        let writers =
            [&one, &other, &one, &other].into_iter().enumerate().map(|(writer, portal)| {
                scope.spawn(move || {
                    let add = |i: u32| {
                        let address = format!("11.{writer}.0.{i}");
                        (portal.list(token, &address, &address).expect("it answers"), address)
                    };
                    (0..20).map(add).collect::<Vec<_>>()
                })
            });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(serials.len(), 80, "no serial was given twice");
    let (first, last) = (*serials.keys().next().unwrap(), *serials.keys().last().unwrap());
    assert_eq!(last - first, 79, "and none was left out");

    // What is sent to both under one key is done once.
    let twice: Vec<_> = thread::scope(|scope| {
        let ask = |portal| scope.spawn(move || one_key(portal, token));
        [&one, &other].map(ask).map(|asked| asked.join().unwrap()).into()
    });
    assert_eq!(twice, [last + 1, last + 1]);
    for portal in [&one, &other] {
        until("both answer the same", || portal.server.serial("bl.example") == u64::from(last) + 1);
        for address in serials.values() {
            assert!(listed(portal.server.dns, &name(address)), "{address}");
        }
        let (code, verified) = portal.server.run(&["registry", "verify"]);
        assert!(code == 0 && verified.contains("the audit log is whole"), "{verified}");
    }

    // Letters of both go out once, by whichever takes them.
    for i in 0..8 {
        let portal = if i % 2 == 0 { &one } else { &other };
        let form = format!("mail=new{i}%40example.org");
        assert!(portal.post("/sign-up", "", &form).starts_with("HTTP/1.1 200"));
    }
    let letters = || {
        let mut all = [one.letters(), other.letters()].concat();
        all.retain(|to| to.contains("new"));
        all.sort();
        all
    };
    // Those that somebody has in his hands are not seen in the box.
    until("all are sent", || letters().len() >= 8);
    let all_time = Timestamp::now().after(Duration::from_secs(86_400));
    until("the box is empty", || waiting(&editor, all_time).is_empty());
    let letters = letters();
    let expected: Vec<_> = (0..8).map(|i| format!("new{i}@example.org")).collect();
    assert_eq!(letters, expected);

    // One is killed while both write; what either acknowledged is answered by the one that goes on.
    let (is_over, count) = (AtomicBool::new(false), AtomicU32::new(0));
    let acknowledged = thread::scope(|scope| {
        let writers = [(20, &one), (21, &other)].map(|(writer, portal)| {
            let (is_over, count) = (&is_over, &count);
            scope.spawn(move || {
                let mut written = Vec::new();
                for i in 0..200 {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let address = format!("11.{writer}.1.{i}");
                    if portal.list(token, &address, &address).is_some() {
                        written.push(address);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                written
            })
        });
        until("they write", || count.load(Ordering::Relaxed) > 10);
        one.server.signal("KILL");
        let before = count.load(Ordering::Relaxed);
        until("the other goes on", || count.load(Ordering::Relaxed) > before + 10);
        is_over.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap()).concat()
    });
    for address in &acknowledged {
        until(address, || listed(other.server.dns, &name(address)));
    }
    let (code, verified) = other.server.run(&["registry", "verify"]);
    assert!(code == 0 && verified.contains("the audit log is whole"), "{verified}");
    assert!(is_in(&other, &cookie), "the session is in the database");

    // It comes back, and has all of it.
    drop(one);
    let one = Portal::start(&here, &url, "");
    until("it answers again", || listed(one.server.dns, "2.0.0.127.bl.example"));
    until("both answer the same", || {
        one.server.serial("bl.example") == other.server.serial("bl.example")
    });
    for address in &acknowledged {
        assert!(listed(one.server.dns, &name(address)), "{address}");
    }
    assert!(is_in(&one, &cookie));
}

/// Lists an address under the one key.
fn one_key(portal: &Portal<'_>, token: &str) -> u32 {
    portal.list(token, "the-one-key", "11.9.9.9").expect("it answers")
}

#[test]
fn what_a_killed_server_had_in_its_hands_is_done_by_the_other() {
    let Some(postgres) = Server::start() else { return };
    let (url, editor) = (postgres.url(), Editor::at(&postgres.place()));
    let (here, there) = (Place::new(), Place::new());
    // Its mail server takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let smtp = format!(
        "[portal.smtp]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"lists@example.org\"\n",
        silent.local_addr().unwrap().port()
    );
    let one = Portal::start(&here, &url, &smtp);
    for words in [
        "list add bl.example --template blocklist --reason ours",
        "entry add bl.example 192.0.2.1 --reason spam",
    ] {
        let words = [vec!["registry"], words.split(' ').collect()].concat();
        assert_eq!(one.server.run(&words).0, 0);
    }
    assert!(one.post("/sign-up", "", "mail=new%40example.org").starts_with("HTTP/1.1 200"));
    let (held, _) = silent.accept().unwrap();
    one.server.signal("KILL");
    drop((one, held));

    // It also had the job to take off what is over.
    let far = Timestamp::now().after(Duration::from_secs(86_400));
    let order = jobs::Order {
        kind: "expire".to_owned(),
        key: Some("expire".to_owned()),
        payload: "{}".to_owned(),
        due: Timestamp::now(),
    };
    let job = editor.runtime.block_on(async {
        let mut transaction = editor.database.begin().await.unwrap();
        jobs::keep(transaction.session(), &order, Duration::from_secs(15)).await.unwrap();
        let job = jobs::take_of(transaction.session(), "expire", far, Duration::ZERO).await;
        transaction.commit().await.unwrap();
        job.unwrap().expect("it is there")
    });
    let mut add = there.command(&["registry", "entry", "add", "bl.example", "192.0.2.2"]);
    add.args(["--reason", "for a moment", "--expires", "1s", "--database", &url]);
    assert!(add.status().unwrap().success());

    let other = Portal::start(&there, &url, "");
    until("both are listed", || listed(other.server.dns, "2.2.0.192.bl.example"));
    assert!(listed(other.server.dns, "1.2.0.192.bl.example"));
    assert!(other.letters().is_empty(), "for all that is known, it is being sent");
    assert_eq!(waiting(&editor, far).len(), 1);
    // Minutes later nobody is at either any more.
    editor.runtime.block_on(async {
        let mut transaction = editor.database.begin().await.unwrap();
        let (t, now) = (&mut transaction, Timestamp::now());
        let taken = outbox::take(t.session(), far, Duration::ZERO).await.unwrap().unwrap();
        outbox::failed(t.session(), taken.id, "", now).await.unwrap();
        jobs::failed(t.session(), &job, "", now).await.unwrap();
        transaction.commit().await.unwrap();
    });
    until("the other sends it", || other.letters() == ["new@example.org"]);
    until("the box is empty", || waiting(&editor, far).is_empty());
    until("it is over", || !listed(other.server.dns, "2.2.0.192.bl.example"));
    assert!(listed(other.server.dns, "1.2.0.192.bl.example"));
}

/// Where people reach both, by a proxy.
const URL: &str = "http://lists.example";
