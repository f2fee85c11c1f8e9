//! Resolvers that are well, that forward, that make answers up, that refuse: Unbound, each examined as it is.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::list_server::{ADDRESS, PORT, REPUTE, start_list_server};
use crate::name_servers::{NOBODY, NSD, start_nsd, start_unbound};
use crate::network::{add_address, on_private_network};

/// Has resolvers examined; the exit code and what is shown.
fn doctor(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(REPUTE)
        .args(["check", "--doctor", "--config", "lists.toml", "--catalogue", "lists.toml"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("it writes UTF-8"))
}

/// The last line.
fn last(shown: &str) -> &str {
    shown.lines().last().expect("there is a line")
}

/// Two lists, of which one says who is blocked.
const LISTS: &str = "\
[[list]]
zone = \"ours.example\"
[[list]]
zone = \"theirs.example\"
am-i-blocked = \"amiblocked.theirs.example\"
whoami = \"whoami.theirs.example\"
";

/// What a test has in common: a list of ours, one of theirs that behaves as told, and names that say who asked.
fn with_servers(theirs: &str, seen_as: &str, test: impl FnOnce(&Path)) {
    let server = start_list_server(&[("ours.example", "192.0.2.7\n")]);
    let folder = server.folder();
    std::fs::write(folder.join("lists.toml"), LISTS).expect("the folder is writable");
    let who = format!("whoami A {seen_as}\n");
    let theirs = format!("{theirs}whoami TXT \"{seen_as}\"\n");
    let zones = [
        ("theirs.example", &*theirs),
        ("akamai.net", &*who),
        ("53.100.51.198.in-addr.arpa", "@ PTR resolver.provider.example.\n"),
    ];
    let _nsd = start_nsd(folder, &zones);
    test(folder);
}

/// What Unbound is told of those servers.
const STUBS: [(&str, u16); 4] = [
    ("ours.example", PORT),
    ("theirs.example", NSD),
    ("akamai.net", NSD),
    ("53.100.51.198.in-addr.arpa", NSD),
];

/// The lists that are asked.
const BOTH: [&str; 4] = ["--list", "ours.example", "--list", "theirs.example"];

#[test]
fn a_resolver_of_ones_own_needs_nothing() {
    on_private_network(|| {
        with_servers("2.0.0.127 A 127.0.0.2\namiblocked TXT \"no\"\n", "198.51.100.53", |folder| {
            let known = format!("{ROOT}  local-zone: \"100.51.198.in-addr.arpa.\" nodefault\n");
            let unbound = start_unbound(folder, &STUBS, &known);
            let (code, shown) = doctor(folder, &[&["--resolver", "127.0.0.1"][..], &BOTH].concat());
            assert_eq!((code, last(&shown)), (0, "Nothing to mend."), "{shown}");
            for line in [
                "Resolver 127.0.0.1:53\n",
                "  no such name  denied\n",
                "  TCP           answers\n",
                "  letters       kept as sent\n",
                "  is seen as    198.51.100.53 (resolver.provider.example), says whoami.akamai.net\n",
                "  is seen as    198.51.100.53 (resolver.provider.example), says whoami.theirs.example\n",
                "  lists         2 of 2 answer, 0 block us, 0 say nothing of use\n",
                "    answers    theirs.example\n               \"no\"\n",
            ] {
                assert!(shown.contains(line), "{line} is not in\n{shown}");
            }
            // The same without the root and with a list that is out of reach: that one list answers proves nothing.
            drop(unbound);
            let _unbound = start_unbound(folder, &[("ours.example", PORT), (".", NOBODY)], "");
            let (code, shown) = doctor(folder, &[&["--resolver", "127.0.0.1"][..], &BOTH].concat());
            assert_eq!(code, 1, "{shown}");
            assert!(
                last(&shown).starts_with(
                    "To mend: look after the way out of 127.0.0.1:53: it does not find the root"
                ),
                "{shown}"
            );
            assert!(
                shown.contains("  lists         1 of 2 answer, 0 block us, 1 say nothing of use\n"),
                "{shown}"
            );
            assert!(shown.contains("    silent     theirs.example  "), "{shown}");
        });
    });
}

/// What Unbound answers for the root, which is not to be had on a private network.
const ROOT: &str =
    "  local-zone: \".\" typetransparent\n  local-data: \". SOA ns.test. host.test. 1 1 1 1 1\"\n";

/// A list that answers 127.255.255.254, and says why, to a resolver whose questions come from a public one.
#[test]
fn a_resolver_that_forwards_is_told_by_what_lists_see() {
    on_private_network(|| {
        let blocks = "* A 127.255.255.254\n* TXT \"public resolver, see https://theirs.example/\"\namiblocked TXT \"yes\"\n";
        with_servers(blocks, "8.8.8.8", |folder| {
            let _unbound = start_unbound(folder, &STUBS, "");
            let (code, shown) = doctor(folder, &[&["--resolver", "127.0.0.1"][..], &BOTH].concat());
            assert_eq!(code, 1, "{shown}");
            assert!(
                last(&shown).starts_with(
                    "To mend: have 127.0.0.1:53 ask by itself and not forward to others: its questions come from \
                     8.8.8.8, the public resolver of Google, and theirs.example does not answer it: does not \
                     answer public resolvers"
                ),
                "{shown}"
            );
            assert!(shown.contains("blocks us  theirs.example"), "{shown}");
            assert!(shown.contains("\"yes\"\n"), "{shown}");
            assert!(
                shown.contains("\"public resolver, see https://theirs.example/\"\n"),
                "{shown}"
            );
        });
    });
}

/// 9.9.9.9 is on this machine for the test; beside it are a resolver that makes answers up, one that refuses, a
/// name server that is no resolver, and nobody.
#[test]
fn every_resolver_is_examined_and_the_worst_fault_named() {
    on_private_network(|| {
        with_servers("2.0.0.127 A 127.0.0.2\n", "198.51.100.53", |folder| {
            for address in ["9.9.9.9", "192.0.2.53", "127.0.0.3"] {
                add_address(address.parse().expect("an address"));
            }
            let more = "  interface: 9.9.9.9\n  interface: 192.0.2.53\n  access-control: 9.9.9.9/32 allow\n  \
                        local-zone: \"invalid.\" redirect\n  \
                        local-data: \"invalid. A 198.51.100.9\"\n  do-tcp: no\n";
            let _unbound = start_unbound(folder, &STUBS, &format!("{ROOT}{more}"));
            let no_resolver = format!("{ADDRESS}:{PORT}");
            let examine = |resolvers: &[&str]| {
                let named = resolvers.iter().flat_map(|at| ["--resolver", at]);
                let arguments: Vec<&str> = named.chain(BOTH).chain(["--json"]).collect();
                let (code, shown) = doctor(folder, &arguments);
                (code, serde_json::from_str::<Value>(&shown).expect("it is JSON"))
            };
            let (code, found) =
                examine(&["9.9.9.9", "192.0.2.53", &no_resolver, "127.0.0.3", "127.0.0.1:9"]);
            assert_eq!((code, &found["outcome"]), (1, &Value::from("mend")));
            let mend: Vec<&str> = found["mend"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            for (text, start) in mend.iter().zip([
                "ask another resolver, or have this taken off it: 9.9.9.9:53 answers 198.51.100.9",
                "have 192.0.2.53:53 answer this machine",
                "have 127.0.0.1:5300 answer this machine (its access list), or ask another",
                "run a resolver of your own, such as Unbound on this machine: 9.9.9.9:53 is the public one of Quad9",
                "let TCP through to 9.9.9.9:53",
                "take 127.0.0.3:53 out of the resolvers",
                "take 127.0.0.1:9 out of the resolvers",
            ]) {
                assert!(text.starts_with(start), "{text} is not: {start}");
            }
            assert_eq!(mend.len(), 7, "{mend:#?}");
            assert_eq!(found["resolvers"][0]["rewrites"], "198.51.100.9");
            assert_eq!(found["resolvers"][1]["recursion"], "refused");
            assert_eq!(found["resolvers"][4]["answers"], false);
            let (code, found) = examine(&["127.0.0.1:9", "127.0.0.3"]);
            assert_eq!((code, &found["outcome"]), (2, &Value::from("unknown")));
        });
    });
}
