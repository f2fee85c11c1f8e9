//! SpamAssassin's `check_rbl` rules fire on the relays we list.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::list_server::{ADDRESS, PORT, start_list_server};
use crate::network::on_private_network;

#[test]
fn rules_fire_by_return_code() {
    on_private_network(|| {
        let server = start_list_server(&[("bl.example", BLOCK), ("wl.example", ALLOW)]);
        let rules = |relay: &str| rules_that_fire(server.folder(), relay);

        assert_eq!(rules("192.0.2.7"), ["RCVD_IN_BL", "RCVD_IN_BL_SPAM"]);
        assert_eq!(rules("192.0.2.8"), ["RCVD_IN_BL", "RCVD_IN_BL_POLICY", "RCVD_IN_WL_MED"]);
        assert_eq!(rules("2001:db8::7"), ["RCVD_IN_BL", "RCVD_IN_BL_SPAM"]);
        assert_eq!(rules("192.0.2.9"), [""; 0]);
    });
}

/// Has SpamAssassin judge a message from a relay, and returns the names of its rules that fired.
fn rules_that_fire(folder: &Path, relay: &str) -> Vec<String> {
    let site = folder.join("spamassassin");
    fs::create_dir_all(&site).expect("the test's folder is writable");
    fs::write(site.join("init.pre"), PLUGINS).expect("the folder is writable");
    let rules = format!("dns_server [{ADDRESS}]:{PORT}\n{SETTINGS}{EXAMPLE}");
    fs::write(site.join("local.cf"), rules).expect("the folder is writable");

    let mut spamassassin = Command::new("spamassassin")
        .arg(format!("--configpath={}", site.display()))
        .arg(format!("--siteconfigpath={}", site.display()))
        .arg("--nocreate-prefs")
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("spamassassin is there: `./test` installs it");
    let mut stdin = spamassassin.stdin.take().expect("it is piped");
    stdin.write_all(message(relay).as_bytes()).expect("it reads its message");
    drop(stdin);
    let output = spamassassin.wait_with_output().expect("it ends");
    assert!(output.status.success());

    fired(&String::from_utf8_lossy(&output.stdout))
}

/// The rules in the header that SpamAssassin puts into the message.
fn fired(message: &str) -> Vec<String> {
    let header = message.replace("\n\t", "");
    let line = header.lines().find_map(|line| line.strip_prefix("X-Spam-Rules:"));
    let line = line.unwrap_or_else(|| panic!("no header with rules in\n{message}")).trim();
    let mut rules: Vec<String> =
        line.split(',').filter(|rule| !matches!(*rule, "" | "none")).map(str::to_owned).collect();
    rules.sort();
    rules
}

/// A message as our mail server received it from a relay.
fn message(relay: &str) -> String {
    let literal = if relay.contains(':') { format!("IPv6:{relay}") } else { relay.to_owned() };
    format!(
        "Received: from client.example (client.example [{literal}])\n\
         \tby mx.example (Postfix) with ESMTP id 1\n\
         \tfor <someone@mx.example>; Sun, 22 Nov 2026 00:00:00 +0000 (UTC)\n\
         From: sender@client.example\n\
         To: someone@mx.example\n\
         Subject: test\n\
         Date: Sun, 22 Nov 2026 00:00:00 +0000\n\
         Message-Id: <1@client.example>\n\
         \n\
         Hello.\n"
    )
}

/// Two kinds of bad relays.
const BLOCK: &str = "\
192.0.2.7 :2:spam
192.0.2.8 :4:policy
2001:db8::/32 :2:spam
";

/// 127.0.CATEGORY.SCORE.
const ALLOW: &str = "192.0.2.8 :127.0.5.2:score medium\n";

/// What judges a message at all, and what the rules need.
const PLUGINS: &str = "\
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::DNSEval
";

/// Rules for such lists, as an administrator would write them.
const EXAMPLE: &str = include_str!("../../examples/spamassassin/repute.cf");

/// The rest: DNS works though nothing outside can be asked, and the rules that fired are shown.
const SETTINGS: &str = "\
dns_available yes
util_rb_tld example
clear_headers
add_header all Rules _TESTS_
";
