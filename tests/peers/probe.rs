//! Lists that live, died, were parked, list everything or block us, measured through Unbound.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::list_server::{PORT, REPUTE, start_list_server};
use crate::name_servers::{NOBODY, NSD, RBLDNSD, start_nsd, start_rbldnsd, start_unbound};
use crate::network::on_private_network;

/// Runs a probe in a folder; the exit code, what it shows and what it complains of.
fn probe(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(REPUTE)
        .args([
            "catalogue",
            "probe",
            "--resolver",
            "127.0.0.1",
            "--catalogue",
            "lists.toml",
            "--timeout",
            "2s",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// The words of the line about a zone.
fn line<'a>(shown: &'a str, zone: &str) -> Vec<&'a str> {
    let line = shown.lines().find(|line| line.starts_with(&format!("{zone} ")));
    line.unwrap_or_else(|| panic!("{zone} is not in\n{shown}")).split_whitespace().collect()
}

#[test]
fn what_became_of_lists_is_measured_and_written() {
    on_private_network(|| {
        let server = start_list_server(&[("ours.example", "192.0.2.7\n")]);
        let folder = server.folder();
        let _rbldnsd = start_rbldnsd(folder, RBLDNSD_LISTS);
        let _nsd = start_nsd(folder, NSD_ZONES);
        let stubs = [
            ("ours.example", PORT),
            ("live.example", RBLDNSD),
            ("world.example", RBLDNSD),
            ("parked.example", NSD),
            ("blocked.example", NSD),
            ("emptied.example", NSD),
            ("parent.example", NSD),
            ("silent.example", NOBODY),
        ];
        let _unbound = start_unbound(folder, &stubs, &format!("{ROOT}{COM}"));
        let zones = [
            "ours.example",
            "live.example",
            "world.example",
            "parked.example",
            "blocked.example",
            "emptied.example",
            "gone.parent.example",
            "silent.example",
        ];
        let table = |zone: &&str| {
            format!(
                "# {zone}\n[[list]]\nzone = \"{zone}\"\nstatus = \"live\"\nchecked = \"2012\"\n"
            )
        };
        let tables = zones.iter().map(table).collect::<String>();
        let tables = tables.replacen("status = \"live\"", "status = \"dead\"", 1);
        fs::write(folder.join("lists.toml"), &tables).expect("the folder is writable");

        let (code, shown, why) =
            probe(folder, &[&zones[..], &["--all", "--output", "lists.toml"]].concat());
        assert_eq!((code, &*why), (1, ""), "{shown}");
        for (zone, found) in [
            ("ours.example", "dead (2012) live its test entry is listed"),
            ("live.example", "live (2012) live its test entry is listed"),
            ("world.example", "live (2012) wildcarded lists everything, invented names too"),
            ("parked.example", "live (2012) dead answers 198.51.100.1: parked or hijacked"),
            (
                "emptied.example",
                "live (2012) cannot tell its zone is there, its test entry is not listed",
            ),
            ("gone.parent.example", "live (2012) dead there is no such zone"),
            ("silent.example", "live (2012) dead nothing answers, asked twice"),
        ] {
            assert_eq!(line(&shown, zone)[1..].join(" "), found, "{shown}");
        }
        // What concerns our resolver is no death.
        let blocked = line(&shown, "blocked.example").join(" ");
        assert!(blocked.starts_with(
            "blocked.example live (2012) cannot tell does not answer public resolvers"
        ));
        assert!(shown.contains("8 lists measured on 20"), "{shown}");
        assert!(shown.ends_with(": 5 changed, 1 as known, 2 cannot be told\n"), "{shown}");

        // What was written is what is known the next time.
        let written = fs::read_to_string(folder.join("lists.toml")).expect("it is there");
        assert!(written.contains("# parked.example\n[[list]]\nzone = \"parked.example\"\nsource = \"measured: answers 198.51.100.1: parked or hijacked\"\nstatus = \"dead\"\n"), "{written}");
        let (code, shown, _) = probe(folder, &zones);
        assert_eq!((code, shown.lines().count()), (0, 1), "{shown}");
        assert!(
            shown.contains(": 0 changed, 6 as known, 2 cannot be told; --all shows why"),
            "{shown}"
        );
        let again = fs::read_to_string(folder.join("lists.toml")).expect("it is there");
        assert_eq!(again, written);
    });
}

/// Unbound makes up an address for what does not exist, as resolvers of some providers do.
#[test]
fn a_resolver_that_makes_answers_up_says_nothing_of_a_list() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let folder = folder.path();
        let _rbldnsd = start_rbldnsd(folder, RBLDNSD_LISTS);
        let made_up = "  local-zone: \"invalid.\" redirect\n  local-data: \"invalid. A 198.51.100.9\"\n  \
                         local-zone: \"gone.example.\" redirect\n  local-data: \"gone.example. A 198.51.100.9\"\n";
        let rewriting = format!("{ROOT}{made_up}");
        let _unbound = start_unbound(folder, &[("live.example", RBLDNSD)], &rewriting);
        let tables = "[[list]]\nzone = \"live.example\"\nstatus = \"live\"\n\
                      [[list]]\nzone = \"gone.example\"\nstatus = \"live\"\n";
        fs::write(folder.join("lists.toml"), tables).expect("the folder is writable");
        let (code, shown, why) = probe(folder, &["live.example", "gone.example", "--json"]);
        assert_eq!((code, &*why), (0, ""), "{shown}");
        let found = |zone: &str| {
            let line = shown.lines().find(|line| line.contains(zone)).expect("it is shown");
            serde_json::from_str::<serde_json::Value>(line).expect("it is JSON")
        };
        assert_eq!(found("live.example")["now"], "live");
        assert!(found("gone.example")["now"].is_null(), "{shown}");
        let said = found("gone.example")["finding"].to_string();
        assert!(
            said.contains("the resolver answers 198.51.100.9 for names that do not exist"),
            "{said}"
        );
    });
}

/// Unbound without a way to the root shows nothing, though a list of one's own lives; a dead port neither.
#[test]
fn without_a_resolver_that_works_nothing_is_said() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let folder = folder.path();
        let _rbldnsd = start_rbldnsd(folder, RBLDNSD_LISTS);
        let unbound = start_unbound(folder, &[("live.example", RBLDNSD), (".", NOBODY)], "");
        let table = "[[list]]\nzone = \"silent.example\"\nstatus = \"live\"\n\
                     [[list]]\nzone = \"live.example\"\nstatus = \"live\"\n";
        fs::write(folder.join("lists.toml"), table).expect("the folder is writable");
        let asked = ["silent.example", "live.example", "--toml", "--output", "lists.toml"];
        let nothing_is_said = || {
            let (code, shown, why) = probe(folder, &asked);
            assert_eq!((code, &*shown), (2, ""), "{why}");
            assert!(
                why.contains("nothing can be said of any list: by way of 127.0.0.1:53 the root"),
                "{why}"
            );
            let kept = fs::read_to_string(folder.join("lists.toml")).expect("it is there");
            assert_eq!(kept, table);
        };
        nothing_is_said();
        drop(unbound);
        nothing_is_said();
    });
}

/// Unbound with the root's name servers at hand, as they stay in a cache for days, and with nothing behind them:
/// no list of the catalogue answers, which is no reason to bury them.
#[test]
fn lists_do_not_die_all_at_once() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let folder = folder.path();
        let _rbldnsd = start_rbldnsd(folder, RBLDNSD_LISTS);
        let stubs = [("live.example", RBLDNSD), ("silent.example", NOBODY), (".", NOBODY)];
        let with_a_way_out = format!("{ROOT}{COM}");
        let unbound = start_unbound(folder, &stubs, &with_a_way_out);
        let tables = "[[list]]\nzone = \"live.example\"\n[[list]]\nzone = \"silent.example\"\nstatus = \"live\"\n";
        fs::write(folder.join("lists.toml"), tables).expect("the folder is writable");
        let kept = || fs::read_to_string(folder.join("lists.toml")).expect("it is there");
        let (code, shown, why) = probe(folder, &["--output", "lists.toml"]);
        assert_eq!(code, 2, "{shown}{why}");
        assert!(why.contains(" lists known as live would be dead at once"), "{why}");
        assert!(line(&shown, "silent.example").join(" ").contains("live dead nothing"), "{shown}");
        assert_eq!(kept(), tables);
        let (code, shown, _) = probe(folder, &["--toml"]);
        assert_eq!((code, &*shown), (2, ""), "tables are written neither");
        drop(unbound);

        // Lists that are named are believed, but not if nothing else answers either.
        let cut_off = start_unbound(folder, &stubs, ROOT);
        let (code, shown, why) = probe(folder, &["silent.example", "--output", "lists.toml"]);
        assert_eq!((code, &*shown), (2, ""), "{why}");
        assert!(why.contains("neither do the servers of com, net, org"), "{why}");
        assert_eq!(kept(), tables);
        // What answers was reached, wherever it is.
        let (code, shown, why) = probe(folder, &["live.example"]);
        assert_eq!((code, &*why), (1, ""), "{shown}");
        drop(cut_off);
        let _unbound = start_unbound(folder, &stubs, &with_a_way_out);
        let (code, shown, why) = probe(folder, &["silent.example", "--output", "lists.toml"]);
        assert_eq!((code, &*why), (1, ""), "{shown}");
        assert!(kept().contains("status = \"dead\""), "{}", kept());
    });
}

/// What Unbound answers for the root, which is not to be had on a private network.
const ROOT: &str = "  local-zone: \".\" typetransparent\n  local-data: \". NS ns.test.\"\n";

/// That Unbound answers for some zone of the Internet.
const COM: &str = "  local-zone: \"com.\" static\n";

/// A list that is well, and one that lists the world.
const RBLDNSD_LISTS: &[(&str, &str, &str)] = &[
    ("live.example", "ip4set", "127.0.0.2\n192.0.2.7\n"),
    ("world.example", "ip4set", "0.0.0.0/1\n128.0.0.0/1\n"),
];

/// A domain that was sold, a list that blocks us, one that was emptied, and one that was taken away.
const NSD_ZONES: &[(&str, &str)] = &[
    ("parked.example", "@ A 198.51.100.1\n* A 198.51.100.1\n"),
    ("blocked.example", "* A 127.255.255.254\n"),
    ("emptied.example", "www A 198.51.100.2\n"),
    ("parent.example", "www A 198.51.100.2\n"),
];
