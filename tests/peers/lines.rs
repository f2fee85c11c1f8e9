//! The lines that the page of a list offers to mail servers, given to these as they stand there: each program finds
//! nothing wrong with them, and treats by them who is listed and who is not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::list_server::{REPUTE, serve, wait_until_listed};
use crate::network::{add_address, on_private_network, resolve_with_loopback, run};
use crate::postfix::start_postfix;
use crate::smtp::Session;

#[test]
fn postfix_takes_the_lines_and_decides_by_them() {
    on_private_network(|| {
        let portal = Portal::start();
        for client in [LISTED, TRUSTED, UNKNOWN] {
            add_address(client.parse().expect("the constant is an address"));
        }
        // Each list's lines are whole; who uses several puts their restrictions behind one another.
        let block = portal.lines("bl.example", "Postfix", "main.cf");
        let names = portal.lines("dbl.example", "Postfix", "main.cf");
        let allow = portal.lines("wl.example", "Postfix", "main.cf");
        let last = |lines: &str| lines.lines().last().expect("there are lines").to_owned();
        let lines = format!("{allow}\n{}\n{}\n", last(&block), last(&names));
        let _postfix = start_postfix(&lines);
        let says = |client: &str, sender: &str| {
            let client: IpAddr = client.parse().expect("the constant is an address");
            let server: SocketAddr = "127.0.0.1:25".parse().expect("an address");
            let (mut session, _) = Session::open(client, server);
            session.say("EHLO client.example");
            session.say(&format!("MAIL FROM:<{sender}>"));
            session.say("RCPT TO:<someone@mx.example>").0
        };
        let listed = says(LISTED, "a@good.example");
        assert!(listed.contains("blocked using bl.example; see https://bl.example/"), "{listed}");
        let named = says(UNKNOWN, "a@bad.example");
        assert!(named.contains("blocked using dbl.example"), "{named}");
        for client in [TRUSTED, UNKNOWN] {
            let accepted = says(client, "a@good.example");
            assert!(accepted.starts_with("250 "), "{client}: {accepted}");
        }
    });
}

#[test]
fn spamassassin_takes_the_lines_and_its_rules_fire() {
    on_private_network(|| {
        let portal = Portal::start();
        let site = portal.folder.path().join("spamassassin");
        fs::create_dir(&site).expect("the folder is ours");
        fs::write(site.join("init.pre"), PLUGINS).expect("the folder is ours");
        let all = ["bl.example", "wl.example", "dbl.example"];
        let lines = all.map(|list| portal.lines(list, "SpamAssassin", "local.cf"));
        let rules = format!("dns_server [127.0.0.1]:53\n{SETTINGS}{}\n", lines.join("\n"));
        fs::write(site.join("local.cf"), rules).expect("the folder is ours");
        let run = |arguments: &[&str], message: &str| {
            let mut command = Command::new("spamassassin");
            command.arg(format!("--configpath={}", site.display()));
            command.arg(format!("--siteconfigpath={}", site.display()));
            command.arg("--nocreate-prefs").args(arguments).env("HOME", portal.folder.path());
            feed(&mut command, message)
        };
        run(&["--lint"], "");
        let fired = |relay: &str, url: &str| {
            let message = MESSAGE.replace("RELAY", relay).replace("URL", url);
            let text = run(&[], &message).replace("\n\t", "");
            let line = text.lines().find_map(|line| line.strip_prefix("X-Spam-Rules:"));
            let mut rules: Vec<String> =
                line.expect("the header").trim().split(',').map(str::to_owned).collect();
            rules.sort();
            rules.join(" ")
        };
        let clean = "http://good.example/";
        assert_eq!(fired(LISTED, clean), "RCVD_BL_EXAMPLE");
        assert_eq!(fired(TRUSTED, clean), "RCVD_BL_EXAMPLE RCVD_WL_EXAMPLE");
        assert_eq!(fired(UNKNOWN, "http://www.bad.example/"), "RCVD_DBL_EXAMPLE");
        assert_eq!(fired(UNKNOWN, clean), "none");
        // Who is only known, with the score 0, is not trusted.
        assert_eq!(fired(KNOWN, clean), "none");
    });
}

#[test]
fn rspamd_takes_the_lines() {
    on_private_network(|| {
        let portal = Portal::start();
        let local = portal.folder.path().join("rspamd");
        fs::create_dir_all(local.join("local.d")).expect("the folder is ours");
        for place in ["local.d/rbl.conf", "local.d/rbl_group.conf"] {
            let all = ["bl.example", "wl.example", "dbl.example"];
            let lines = all.map(|list| portal.lines(list, "rspamd", place));
            fs::write(local.join(place), lines.join("\n")).expect("the folder is ours");
        }
        let set = format!("--var=LOCAL_CONFDIR={}", local.display());
        let said = run("rspamadm", &[&set, "configtest"]);
        assert!(said.contains("syntax OK"), "{said}");
        let dump = run("rspamadm", &[&set, "configdump", "rbl"]);
        for words in ["bl.example {", "BL_EXAMPLE_2", "127.0.%d+.1", "emails_domainonly"] {
            assert!(dump.contains(words), "{words} is not in\n{dump}");
        }
        let groups = run("rspamadm", &[&set, "configdump", "group"]);
        assert!(groups.contains("WL_EXAMPLE_3"), "{groups}");
    });
}

#[test]
fn exim_takes_the_lines_and_decides_by_them() {
    on_private_network(|| {
        let portal = Portal::start();
        let exim = Exim::new(portal.folder.path());
        let lines = |list| portal.lines(list, "Exim", "the RCPT access list");
        let allow = portal.lines("wl.example", "Exim", "the RCPT access list, before block lists");
        let config =
            exim.config(&[&allow, &lines("bl.example"), &lines("dbl.example")].map(String::as_str));
        let says = |client: &str, sender: &str, to: &str| exim.session(&config, client, sender, to);
        let listed = says(LISTED, "a@good.example", "someone@mx.example");
        assert!(
            listed.contains("550 192.0.2.7 is listed at bl.example: see https://bl.example/"),
            "{listed}"
        );
        let named = says(UNKNOWN, "a@bad.example", "someone@mx.example");
        assert!(named.contains("550 bad.example is listed at dbl.example"), "{named}");
        for (client, sender) in
            [(TRUSTED, "a@good.example"), (UNKNOWN, "a@good.example"), (UNKNOWN, "")]
        {
            let accepted = says(client, sender, "someone@mx.example");
            assert!(accepted.contains("250 Accepted"), "{client}: {accepted}");
        }
        // Who is trusted may still not have us send his mail to others.
        let relayed = says(TRUSTED, "a@good.example", "someone@far.example");
        assert!(relayed.contains("550 "), "{relayed}");
    });
}

/// A portal with lists, whose server is the resolver of this test.
struct Portal {
    /// Its folder, in which other files of the test may lie.
    folder: TempDir,
    /// The server; it ends with the test.
    _process: Daemon,
}

impl Portal {
    /// Makes the lists, and starts it.
    fn start() -> Portal {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let config = folder.path().join("repute.toml");
        fs::create_dir(folder.path().join("data")).expect("the folder is ours");
        fs::write(&config, CONFIG).expect("the folder is ours");
        let registry = |arguments: &[&str]| {
            let config = config.to_string_lossy();
            run(REPUTE, &[&["--config", &*config, "registry"], arguments].concat());
        };
        for (list, template) in [
            ("bl.example", "blocklist"),
            ("wl.example", "dnswl"),
            ("dbl.example", "domain-blocklist"),
        ] {
            registry(&["list", "add", list, "--template", template]);
        }
        for (list, what, code) in [
            ("bl.example", LISTED, "127.0.0.2"),
            ("bl.example", TRUSTED, "127.0.0.4"),
            ("wl.example", TRUSTED, "127.0.5.2"),
            ("wl.example", KNOWN, "127.0.5.0"),
            ("dbl.example", ".bad.example", "127.0.1.4"),
        ] {
            let text = format!("see https://{list}/");
            registry(&[
                "entry", "add", list, what, "--code", code, "--reason", "a test", "--text", &text,
            ]);
        }
        resolve_with_loopback(folder.path());
        let portal = Portal { _process: serve(&config), folder };
        portal.wait();
        portal
    }

    /// Waits until the lists are answered.
    fn wait(&self) {
        for name in ["7.2.0.192.bl.example", "8.2.0.192.wl.example", "bad.example.dbl.example"] {
            wait_until_listed(name);
        }
    }

    /// The lines of a list's page for a program, at a place of its configuration.
    fn lines(&self, list: &str, program: &str, place: &str) -> String {
        let page = page(&format!("/lists/{list}"));
        let title = format!("<h3>{program} <small>{place}</small></h3>");
        let (_, rest) = page.split_once(&title).unwrap_or_else(|| panic!("no {title} in\n{page}"));
        let (_, rest) = rest.split_once("<code>").expect("there are lines");
        let (lines, _) = rest.split_once("</code>").expect("they end");
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
            .iter()
            .fold(lines.to_owned(), |text, (written, meant)| text.replace(written, meant))
    }
}

/// A page of the portal.
fn page(path: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:8080").expect("the portal is there");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

/// Runs a program to its end with this input; what it wrote. It must succeed.
fn feed(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{error}: `./test` installs it"));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &stderr
}

/// Exim as `./test` unpacks it: it cannot be installed beside Postfix.
struct Exim {
    /// Where it is unpacked.
    root: PathBuf,
    /// The folder of this test.
    folder: PathBuf,
}

impl Exim {
    /// The one of this test. Exim looks for its own user before anything else, so there is one.
    fn new(folder: &Path) -> Exim {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/exim");
        assert!(root.exists(), "no {}: `./test` unpacks Exim there", root.display());
        for (file, line) in [
            ("/etc/passwd", "Debian-exim:x:64990:64990::/:/bin/false\n"),
            ("/etc/group", "Debian-exim:x:64990:\n"),
        ] {
            let own = folder.join(file.rsplit('/').next().expect("a name"));
            let text = fs::read_to_string(file).expect("every system has it") + line;
            fs::write(&own, text).expect("the folder is ours");
            run("mount", &["--bind", &own.to_string_lossy(), file]);
        }
        Exim { root, folder: folder.to_owned() }
    }

    /// A configuration with these rules in its access list, which Exim finds nothing wrong with.
    fn config(&self, rules: &[&str]) -> PathBuf {
        let file = self.folder.join("exim.conf");
        let folder = self.folder.to_string_lossy();
        let text = EXIM.replace("FOLDER", &folder).replace("RULES", &rules.join("\n"));
        fs::write(&file, text).expect("the folder is ours");
        let said = feed(self.command(&file).arg("-bV"), "");
        assert!(said.contains("Configuration file is"), "{said}");
        file
    }

    /// What it says to a client that names this sender and this recipient.
    fn session(&self, config: &Path, client: &str, sender: &str, to: &str) -> String {
        let words =
            format!("EHLO client.example\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nQUIT\r\n");
        feed(self.command(config).args(["-bh", client]), &words)
    }

    /// Exim with a configuration.
    fn command(&self, config: &Path) -> Command {
        let mut command = Command::new(self.root.join("usr/sbin/exim4"));
        let libraries =
            format!("{}/usr/lib/{}-linux-gnu", self.root.display(), std::env::consts::ARCH);
        command.env("LD_LIBRARY_PATH", libraries).arg("-C").arg(config);
        command
    }
}

/// On the block list.
const LISTED: &str = "192.0.2.7";
/// On the block list and, with a score, on the allow list.
const TRUSTED: &str = "192.0.2.8";
/// On the allow list without a score.
const KNOWN: &str = "192.0.2.10";
/// On none.
const UNKNOWN: &str = "192.0.2.9";

/// The portal and its server.
const CONFIG: &str = "\
[server]
listen = [\"127.0.0.1:53\", \"127.0.0.1:5300\"]
data-dir = \"data\"
metrics = \"\"
[registry]
database = \"registry.db\"
[portal]
listen = \"127.0.0.1:8080\"
ask-other-lists = false
";

/// What judges a message at all, and what the rules need.
const PLUGINS: &str = "\
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::DNSEval
loadplugin Mail::SpamAssassin::Plugin::URIDNSBL
";

/// DNS works though nothing outside can be asked, and the rules that fired are shown.
const SETTINGS: &str = "\
dns_available yes
util_rb_tld example
clear_headers
add_header all Rules _TESTS_
";

/// A message as our mail server received it.
const MESSAGE: &str = "\
Received: from client.example (client.example [RELAY])
\tby mx.example (Postfix) with ESMTP id 1
\tfor <someone@mx.example>; Sun, 22 Nov 2026 00:00:00 +0000 (UTC)
From: sender@client.example
To: someone@mx.example
Subject: test
Date: Sun, 22 Nov 2026 00:00:00 +0000
Message-Id: <1@client.example>

See URL now.
";

/// An Exim that takes mail for one domain.
const EXIM: &str = "\
exim_user = root
primary_hostname = mx.example
domainlist local_domains = mx.example
domainlist relay_to_domains =
spool_directory = FOLDER/spool
log_file_path = FOLDER/exim-%slog
never_users =
keep_environment =
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
RULES
  accept domains = +local_domains
  deny message = no relaying
begin routers
local:
  driver = accept
  domains = +local_domains
  transport = nothing
begin transports
nothing:
  driver = appendfile
  file = /dev/null
";
