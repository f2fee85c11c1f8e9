//! Postfix accepts and rejects real SMTP sessions by our lists, asked through Unbound.
//!
//! Clients have the addresses 192.0.2.x and 2001:db8::x. The whole road is real: a TCP session from
//! that address, a look-up by Postfix through the C library's resolver, and the reply's text.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::daemon::Daemon;
use crate::list_server::{ListServer, start_list_server, wait_until_listed};
use crate::network::{add_address, cover, on_private_network, resolve_with_loopback, run};
use crate::smtp::{Reply, deliver};
use crate::unbound::start_unbound;

#[test]
fn a_listed_client_is_rejected_with_our_reason() {
    on_private_network(|| {
        let _mail = MailServer::start();
        assert_eq!(
            deliver_from("192.0.2.7", SMTPD).0,
            "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using bl.example; \
             listed, see https://bl.example/q/192.0.2.7"
        );
        assert_eq!(
            deliver_from("2001:db8::7", SMTPD).0,
            "554 5.7.1 Service unavailable; Client host [2001:db8::7] blocked using bl.example; \
             listed, see https://bl.example/q/2001:db8::7"
        );
    });
}

#[test]
fn an_unlisted_client_is_accepted() {
    on_private_network(|| {
        let _mail = MailServer::start();
        for client in ["192.0.2.9", "2001:db8::9"] {
            let reply = deliver_from(client, SMTPD);
            assert!(reply.0.starts_with("250 2.0.0 Ok: queued"), "{client}: {reply:?}");
        }
    });
}

/// The allow list wins where its answer matches the pattern `127.0.[2..15].[2..3]`, and only there.
#[test]
fn the_allow_list_decides_by_its_return_code() {
    on_private_network(|| {
        let _mail = MailServer::start();
        let trusted = deliver_from("192.0.2.8", SMTPD);
        assert!(trusted.0.starts_with("250 2.0.0 Ok: queued"), "{trusted:?}");
        let unknown = deliver_from("192.0.2.6", SMTPD);
        assert!(unknown.0.starts_with("554 5.7.1"), "{unknown:?}");
    });
}

#[test]
fn an_edit_of_the_list_decides_the_next_session() {
    on_private_network(|| {
        let mail = MailServer::start();
        mail.lists.edit("bl.example", &BLOCK.replace("192.0.2.7", "192.0.2.5"));
        wait_until_listed("5.2.0.192.bl.example");
        let added = deliver_from("192.0.2.5", SMTPD);
        assert!(added.0.starts_with("554 5.7.1"), "{added:?}");
        let removed = deliver_from("192.0.2.7", SMTPD);
        assert!(removed.0.starts_with("250 2.0.0 Ok: queued"), "{removed:?}");
    });
}

#[test]
fn postscreen_weighs_block_and_allow_lists() {
    on_private_network(|| {
        let mut mail = MailServer::start();
        // Side by side, as each waits for the whole of postscreen_greet_wait.
        let [listed, trusted, unlisted] = thread::scope(|scope| {
            ["192.0.2.7", "192.0.2.8", "2001:db8::9"]
                .map(|client| scope.spawn(|| deliver_from(client, POSTSCREEN)))
                .map(|session| session.join().expect("the session ends"))
        });
        assert_eq!(
            listed.0,
            "550 5.7.1 Service unavailable; client [192.0.2.7] blocked using bl.example"
        );
        assert!(trusted.0.starts_with("250 2.0.0 Ok: queued"), "{trusted:?}");
        assert!(unlisted.0.starts_with("250 2.0.0 Ok: queued"), "{unlisted:?}");
        mail.postfix.wait_for("addr 192.0.2.7 listed by domain bl.example as 127.0.0.2");
        mail.postfix.wait_for("DNSBL rank 2 for [192.0.2.7]");
        mail.postfix.wait_for("PASS NEW [192.0.2.8]");
        mail.postfix.wait_for("PASS NEW [2001:db8::9]");
    });
}

/// A mail server with its resolver and the lists it asks.
struct MailServer {
    /// The server of `bl.example` and `wl.example`.
    lists: ListServer,
    /// The resolver; it ends with the test.
    _unbound: Daemon,
    /// Postfix, which logs to its standard output.
    postfix: Daemon,
}

impl MailServer {
    /// Starts the list server, Unbound and Postfix on this test's private network.
    fn start() -> MailServer {
        for client in CLIENTS {
            add_address(client.parse().expect("the constant is an address"));
        }
        let lists = start_list_server(&[("bl.example", BLOCK), ("wl.example", ALLOW)]);
        resolve_with_loopback(lists.folder());
        let unbound = start_unbound(lists.folder(), &["bl.example", "wl.example"]);
        MailServer { lists, _unbound: unbound, postfix: start_postfix(EXAMPLE) }
    }
}

/// Delivers a message from a client's address to one of the mail server's ports, and returns the verdict.
fn deliver_from(client: &str, port: u16) -> Reply {
    let client: IpAddr = client.parse().expect("the test names an address");
    let server = if client.is_ipv4() { "127.0.0.1" } else { "::1" };
    let server: IpAddr = server.parse().expect("loopback is an address");
    deliver(client, SocketAddr::new(server, port))
}

/// Starts a Postfix whose configuration, queue and data are this test's own, with these lines in its main.cf.
pub(crate) fn start_postfix(lines: &str) -> Daemon {
    start_postfix_with(lines, "")
}

/// The same, with more services in its master.cf.
pub(crate) fn start_postfix_with(lines: &str, services: &str) -> Daemon {
    // Its users must reach these folders, which they may not in the test's own.
    cover("/var/spool/postfix");
    let folder = Path::new("/var/spool/postfix/private");
    let [config, queue, data] = ["config", "queue", "data"].map(|name| folder.join(name));
    for folder in [&config, &queue, &data] {
        fs::create_dir_all(folder).expect("the file system is new and ours");
    }
    run("chown", &["postfix", &data.to_string_lossy()]);
    fs::write(config.join("main.cf"), format!("{MAIN}{lines}")).expect("the folder is writable");
    fs::write(config.join("master.cf"), format!("{MASTER}{services}"))
        .expect("the folder is writable");

    run("postfix", &["-c", &config.to_string_lossy(), "check"]);
    let mut postfix = Daemon::start(Command::new("postfix").arg("-c").arg(&config).arg("start-fg"));
    postfix.wait_for("daemon started");
    postfix
}

/// The addresses of the clients.
const CLIENTS: &[&str] = &[
    "192.0.2.5",
    "192.0.2.6",
    "192.0.2.7",
    "192.0.2.8",
    "192.0.2.9",
    "2001:db8::7",
    "2001:db8::9",
];

/// Who is blocked.
const BLOCK: &str = "\
192.0.2.6 :2:listed, see https://bl.example/q/$
192.0.2.7 :2:listed, see https://bl.example/q/$
192.0.2.8 :2:listed, see https://bl.example/q/$
2001:db8::7 :2:listed, see https://bl.example/q/$
";

/// Who is known: 127.0.CATEGORY.SCORE.
const ALLOW: &str = "\
192.0.2.6 :127.0.5.0:score none
192.0.2.8 :127.0.5.2:score medium
";

/// The port where smtpd judges clients by itself.
const SMTPD: u16 = 25;

/// The port where postscreen stands before smtpd.
const POSTSCREEN: u16 = 26;

/// What Postfix does with our lists.
const EXAMPLE: &str = include_str!("../../examples/postfix/main.cf");

/// The rest, which needs nothing of the world: all mail is discarded. Answers of lists that come after
/// `postscreen_greet_wait` do not count, so it is long enough for a machine under load.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = /var/spool/postfix/private/queue
data_directory = /var/spool/postfix/private/data
maillog_file = /dev/stdout
myhostname = mx.example
mydestination = mx.example
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = all
alias_maps =
local_recipient_maps =
local_transport = discard:
default_transport = discard:
postscreen_greet_wait = 6s
postscreen_access_list =
postscreen_cache_map =
";

/// The services of Postfix that a message meets before it is discarded.
const MASTER: &str = "\
25        inet  n  -  n  -    -  smtpd
26        inet  n  -  n  -    1  postscreen
smtpd     pass  -  -  n  -    -  smtpd
dnsblog   unix  -  -  n  -    0  dnsblog
postlog   unix-dgram n - n -  1  postlogd
pickup    unix  n  -  n  60   1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
proxymap  unix  -  -  n  -    -  proxymap
anvil     unix  -  -  n  -    1  anvil
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
discard   unix  -  -  n  -    -  discard
error     unix  -  -  n  -    -  error
";
