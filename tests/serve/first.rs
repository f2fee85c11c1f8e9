//! The first start, as somebody meets it who has nothing but the binary and an empty folder.
//!
//! What else runs on the machine may have the usual ports, other tests among it: what is said is believed.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::dns::{ask, ask_txt, listed, rcode, until};
use crate::free::free_address;
use crate::process::{Place, Served};

/// A server that was started without a configuration.
struct First {
    child: Child,
    /// All that it said when it was ready.
    said: String,
    /// What it logs, once it has ended.
    log: Option<JoinHandle<String>>,
    /// Where it answers DNS.
    dns: SocketAddr,
    /// Its portal, as people type it.
    url: String,
}

impl First {
    /// Starts it in a folder, and waits until it has said everything.
    fn start(place: &Place) -> First {
        let socket = place.path("ready");
        let _ = fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).unwrap();
        let mut command = place.command(&["serve"]);
        let said = fs::File::create(place.path("said")).unwrap();
        command.stdout(said).stderr(Stdio::piped()).env("NOTIFY_SOCKET", socket);
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        // What it says is said before it is ready (sd_notify(3)).
        ready.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut words = [0; 4096];
        let length = ready.recv(&mut words).expect("it gets ready");
        assert!(words[..length].starts_with(b"READY=1"));
        let said = fs::read_to_string(place.path("said")).unwrap();
        let dns = said.split_once("answers at ").unwrap().1;
        let dns = dns.split_whitespace().next().unwrap().parse().unwrap();
        let url = after(&said, "portal   ").unwrap().to_owned();
        First { child, said, log: Some(log), dns, url }
    }

    /// The link that makes an administrator, if there is one.
    fn link(&self) -> Option<&str> {
        after(&self.said, "begin    open this link to become the first administrator")?;
        let link = self.said.lines().map(str::trim).find(|line| line.contains("/join/"));
        link.and_then(|link| link.strip_prefix(&self.url))
    }

    /// What the portal answers to a request.
    fn http(&self, request: &str, path: &str, body: &str) -> String {
        let authority = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        let head = format!(
            "{request} {path} HTTP/1.1\r\nHost: {authority}\r\nOrigin: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.url,
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Stops it as ^C does; all that it logged.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let kill = std::process::Command::new("kill").args(["-s", "INT", &pid]).status();
        assert!(kill.unwrap().success());
        assert!(self.child.wait().unwrap().success(), "^C is no failure");
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for First {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that ended cannot be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a line says behind its first word.
fn after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

/// The name under which the shipped list answers for an address.
const FIRST_LISTED: &str = "20.185.90.77.ipsum.example";

#[test]
fn a_first_start_serves_lists_and_a_portal_whose_link_makes_an_administrator_once() {
    let place = Place::new();
    let server = First::start(&place);
    assert_eq!(ask(server.dns, FIRST_LISTED).answers, ["127.0.0.10"]);
    assert!(ask_txt(server.dns, "0-mail.com.disposable.example").answers[0].contains("0-mail.com"));
    assert!(listed(server.dns, "a.b.0-mail.com.disposable.example"), "what is below is listed");
    assert!(listed(server.dns, "2.0.0.127.ipsum.example"), "RFC 5782 test entry");
    assert_eq!(rcode(server.dns, "1.0.0.127.ipsum.example"), 3);
    assert!(server.said.contains(&format!("-p {} {FIRST_LISTED} A", server.dns.port())));

    assert!(server.url.starts_with("http://localhost:"), "passkeys want a name: {}", server.url);
    assert!(server.http("GET", "/", "").starts_with("HTTP/1.1 200"));
    let link = server.link().expect("it says how to begin");
    let page = server.http("GET", link, "");
    assert!(page.contains("<strong>administrator</strong>"), "{page}");
    let form = "mail=a%40example.org&name=A&password=some+long+words";
    let made = server.http("POST", link, form);
    assert!(made.starts_with("HTTP/1.1 303") && made.contains("set-cookie: session="), "{made}");
    assert!(server.http("GET", link, "").starts_with("HTTP/1.1 404"), "it works once");
    assert!(server.http("POST", link, form).starts_with("HTTP/1.1 404"), "it works once");
    let admins = place.command(&["admin", "list"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&admins.stdout), "administrator  a@example.org  A\n");

    // Whoever has the shell does for people what they ask for in letters.
    let does = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let output = place.command(&words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), told)
    };
    // Where the portal is it says in the database a moment after its start.
    let mut link = None;
    until("a link to where the portal is", || {
        let (_, printed, _) = does("admin add c@example.org");
        link = printed.trim().strip_prefix(&server.url).map(str::to_owned);
        link.is_some()
    });
    let link = link.expect("there is one");
    let made = server.http("POST", &link, "name=C&password=some+long+words");
    assert!(made.starts_with("HTTP/1.1 303"), "{made}");
    let sign_in = |mail: &str, status: &str| {
        let form = format!("mail={mail}%40example.org&password=some+long+words");
        let answer = server.http("POST", "/sign-in", &form);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{mail}: {answer}");
    };
    sign_in("c", "303");
    assert_eq!(does("admin mail c@example.org d@example.org").0, Some(0));
    sign_in("c", "422");
    sign_in("d", "303");
    let (code, _, told) = does("admin mail d@example.org a@example.org");
    assert!(code == Some(2) && told.contains("`a@example.org` has an account"), "{told}");
    assert_eq!(does("admin lock d@example.org").0, Some(0));
    sign_in("d", "403");
    let (code, _, told) = does("admin lock a@example.org");
    assert!(code == Some(2) && told.contains("the last administrator"), "{told}");
    assert_eq!(does("admin unlock d@example.org").0, Some(0));
    sign_in("d", "303");
    let (_, kept, _) = does("admin export d@example.org");
    assert!(kept.starts_with('{') && kept.contains("\"mail\": \"d@example.org\""), "{kept}");
    let (code, _, told) = does("admin delete d@example.org");
    assert!(code == Some(2) && told.contains("--yes"), "{told}");
    let (_, _, told) = does("admin delete d@example.org --yes");
    assert_eq!(told, "the account of d@example.org is gone\n");
    sign_in("d", "422");
    let (code, _, told) = does("admin delete d@example.org --yes");
    assert!(code == Some(2) && told.contains("has no account"), "{told}");

    // Letters lie where it says.
    let mail = after(&server.said, "mail     is written into ").unwrap();
    let folder = place.path(mail.split_once(',').unwrap().0);
    server.http("POST", "/sign-up", "mail=b%40example.org");
    until("a letter", || fs::read_dir(&folder).is_ok_and(|mut letters| letters.next().is_some()));

    // And a list that is made at the shell is answered beside those of files.
    for words in [
        "list add bl.example --template blocklist --reason ours",
        "entry add bl.example 192.0.2.1 --reason spam",
    ] {
        let words = [vec!["registry"], words.split(' ').collect()].concat();
        let output = place.command(&words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    until("the list is answered", || listed(server.dns, "1.2.0.192.bl.example"));
    let url = server.url.clone();
    server.stop();

    // The second start keeps what was edited, and has no link.
    fs::write(place.path("repute-data/ipsum.txt"), "192.0.2.1\t3\n").unwrap();
    let server = First::start(&place);
    assert_eq!(ask(server.dns, "1.2.0.192.ipsum.example").answers, ["127.0.0.3"]);
    assert!(!listed(server.dns, FIRST_LISTED));
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    assert!(server.said.contains("portal   http://localhost:"), "{url}: {}", server.said);
    assert!(!server.said.contains("/join/"), "{}", server.said);
    server.stop();
}

#[test]
fn a_first_start_beside_somebody_at_its_ports_takes_others_and_says_so() {
    // Where another has them already, they need not be taken.
    let _dns = std::net::UdpSocket::bind("127.0.0.1:5300");
    let _pages = TcpListener::bind("127.0.0.1:9053");
    let _portal = TcpListener::bind("127.0.0.1:8080");
    let place = Place::new();
    let server = First::start(&place);
    assert_ne!(server.dns.port(), 5300);
    assert_eq!(ask(server.dns, FIRST_LISTED).answers, ["127.0.0.10"]);
    assert_ne!(server.url, "http://localhost:8080");
    let link = server.link().expect("the link has the port that is served");
    assert!(server.http("GET", link, "").contains("<strong>administrator</strong>"));
    // What the shell prints leads to the same place.
    until("a link to where the portal is", || {
        let added = place.command(&["admin", "add", "new@example.org"]).output().unwrap();
        let link = String::from_utf8_lossy(&added.stdout).into_owned();
        link.starts_with(&format!("{}/join/", server.url))
    });
    let status = place.command(&["status", "--json"]).output().unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));

    // A second one in the same folder would spoil its data.
    let second = place.command(&["serve"]).output().unwrap();
    let errors = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && errors.contains("a server is running already"), "{errors}");
    assert!(server.http("GET", link, "").starts_with("HTTP/1.1 200"), "the first one goes on");

    let log = server.stop();
    for (port, what) in [(5300, "DNS is answered"), (9053, "metrics"), (8080, "the portal is")] {
        assert!(log.contains(&format!("port {port} is taken, so {what}")), "{log}");
    }
}

#[test]
fn a_port_that_a_configuration_names_and_another_has_ends_the_start() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (key, config) in [
        ("", format!("[server]\nlisten = [\"{address}\"]\nmetrics = \"\"\ndata-dir = \"data\"\n")),
        ("", place.header().replace("metrics = \"\"", &format!("metrics = \"{address}\""))),
        ("portal.listen: ", format!("{}[portal]\nlisten = \"{address}\"\n", place.header())),
    ] {
        let (code, errors) = place.fails(&config);
        assert_ne!(code, 0);
        assert!(errors.contains(&format!("{key}{address} is in use")), "{errors}");
        assert!(!place.path("data").exists(), "nothing is left behind");
    }
}

#[test]
fn a_portal_listens_at_several_addresses() {
    let place = Place::new();
    let (one, other) = (free_address(), free_address());
    let config =
        format!("{}[portal]\nlisten = [\"{one}\", \"{other}\", \"[::1]:0\"]\n", place.header());
    let server = Served::start(&place, &config);
    for address in [one, other] {
        until("it answers", || TcpStream::connect(address).is_ok());
    }
    server.stop();
}
