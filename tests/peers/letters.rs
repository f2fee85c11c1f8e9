//! Letters on their whole way, as doc/registry.md sets it up: the portal gives them to Postfix, another mail server
//! refuses the recipient, Postfix reports that to the return path, and `repute registry bounce` reads the report.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::daemon::{Daemon, until};
use crate::list_server::REPUTE;
use crate::network::{on_private_network, run};
use crate::postfix::start_postfix_with;

#[test]
fn a_letter_that_comes_back_ends_the_letters_to_its_address() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let program = give_to_its_user(folder.path());
        let config = folder.path().join("repute.toml").display().to_string();
        let pipe = SERVICES.replace("PROGRAM", &program).replace("CONFIG", &config);
        let mut postfix = start_postfix_with(MAIN, &pipe);
        let _far = Daemon::start(Command::new("/usr/sbin/smtp-sink").args([
            "-u",
            "nobody",
            "-f",
            "RCPT",
            "-B",
            "550 5.1.1 there is no such user",
            "127.0.0.1:2526",
            "10",
        ]));
        let own = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", &program];
        let own = [&own[..], &["--config", &config]].concat();
        let mut portal =
            Daemon::start(Command::new("setpriv").args([&own[..], &["serve"]].concat()));
        portal.wait_for("portal");

        let administrator = |mail: &str| {
            let add = ["admin", "add", mail, "--role", "administrator"];
            let link = run("setpriv", &[&own[..], &add[..]].concat());
            let path = link.trim().strip_prefix(PORTAL).expect("it is ours").to_owned();
            let made = post(&path, "name=Anna&password=some+long+words");
            let (_, rest) = made.split_once("set-cookie: ").expect("who joins is signed in");
            let (cookie, _) = rest.split_once(';').expect("it has an end");
            format!("Cookie: {cookie}\r\n")
        };
        let here = administrator("here@mx.example");
        let gone = administrator("gone@far.example");
        let account = |cookie: &str| ask("GET", "/account", cookie, "");
        assert!(!account(&gone).contains(STOPPED), "nothing went there yet");

        // Both are written to, and read the address of no letter.
        for mail in ["here%40mx.example", "gone%40far.example"] {
            let told = post("/forgot", &format!("mail={mail}"));
            assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        }
        postfix.wait_for("to=<here@mx.example>");
        let refused = postfix.wait_for("to=<gone@far.example>");
        assert!(refused.contains("status=bounced"), "{refused}");
        let piped = postfix.wait_for("relay=repute-bounce");
        assert!(piped.contains("to=<bounces+") && piped.contains("status=sent"), "{piped}");

        let told = until("the account says so", || {
            Some(account(&gone)).filter(|page| page.contains(STOPPED))
        });
        assert!(told.contains("550 5.1.1 there is no such user"), "{told}");
        assert!(!account(&here).contains(STOPPED), "only that address is stopped");
    });
}

/// Gives a folder to the user that everything of Repute runs as here, with the program in it; where that is.
fn give_to_its_user(folder: &Path) -> String {
    let program = folder.join("repute");
    fs::copy(REPUTE, &program).expect("there is room for a copy");
    fs::create_dir(folder.join("data")).expect("the folder is ours");
    fs::write(folder.join("repute.toml"), CONFIG).expect("the folder is ours");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    run("chown", &["-R", "nobody:nogroup", &folder.display().to_string()]);
    program.display().to_string()
}

/// Posts a form to the portal, from a page of its own; the answer with its head.
fn post(path: &str, form: &str) -> String {
    let head = format!("Origin: {PORTAL}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    ask("POST", path, &head, form)
}

/// Asks the portal; the answer with its head.
fn ask(method: &str, path: &str, head: &str, body: &str) -> String {
    let mut stream = until("the portal", || TcpStream::connect("127.0.0.1:8080").ok());
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:8080\r\n{head}Connection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Where the portal is.
const PORTAL: &str = "http://localhost:8080";

/// What a person reads whose address is stopped.
const STOPPED: &str = "Letters to gone@far.example do not arrive";

/// The portal, which gives letters to Postfix.
const CONFIG: &str = "\
[server]
listen = [\"127.0.0.1:5300\"]
data-dir = \"data\"
metrics = \"\"
[registry]
database = \"registry.db\"
[portal]
listen = \"127.0.0.1:8080\"
public-url = \"http://localhost:8080\"
return-path = \"bounces@mx.example\"
ask-other-lists = false
[portal.smtp]
server = \"127.0.0.1\"
port = 25
tls = \"none\"
from = \"Lists <lists@mx.example>\"
";

/// Postfix for the lists' domain, with the lines of the manual, and one way to a far domain.
const MAIN: &str = "
recipient_delimiter = +
transport_maps = inline:{ { bounces@mx.example=repute-bounce: }, { far.example=smtp:[127.0.0.1]:2526 } }
";

/// The pipe of the manual, and the way to another server.
const SERVICES: &str = "\
smtp      unix  -  -  n  -    -  smtp
repute-bounce unix - n n - 2 pipe
  flags=Rhu user=nobody argv=PROGRAM --config CONFIG registry bounce
";
