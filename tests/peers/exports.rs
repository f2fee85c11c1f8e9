//! Exports for other name servers: named-checkzone takes them, and NSD answers the same from them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dig::{ask, dig, status};
use crate::list_server::{ListServer, REPUTE, start_list_server_of};
use crate::network::{on_private_network, run};

#[test]
fn a_master_file_loads_in_named_checkzone() {
    on_private_network(|| {
        for (kind, list) in [("addresses", ADDRESSES), ("addresses", MIXED), ("names", NAMES)] {
            let server = start_list_server_of(kind, &[("bl.example", list)]);
            let file = export(&server, "master");
            let output = run("named-checkzone", &["bl.example", &file]);
            assert!(output.ends_with("OK\n"), "{output}");
            // A list outside of a configuration knows no name servers.
            let (list, file) = (server.folder().join("list"), server.folder().join("plain"));
            fs::write(&list, "192.0.2.1\n").expect("the test's folder is writable");
            let (list, file) = (list.to_string_lossy(), file.to_string_lossy());
            let what = ["zone", "export", "--kind", "addresses", "--apex", "bl.example", &list];
            run(REPUTE, &[&what[..], &["--format", "master", "--output", &file]].concat());
            let output = run("named-checkzone", &["bl.example", &file]);
            assert!(output.ends_with("OK\n"), "{output}");
        }
    });
}

#[test]
fn nsd_answers_the_same_from_a_master_file() {
    on_private_network(|| {
        for (kind, list, questions) in [
            ("addresses", ADDRESSES, ABOUT_ADDRESSES),
            ("addresses", MIXED, ABOUT_MIXED),
            ("names", NAMES, ABOUT_NAMES),
        ] {
            let server = start_list_server_of(kind, &[("bl.example", list)]);
            export(&server, "master");
            let _nsd = start_nsd(server.folder(), "bl.example", "127.0.0.1@5302");
            for name in questions {
                for kind in ["A", "TXT", "AAAA"] {
                    let question = ["+norec", "+bufsize=1232", name, kind];
                    let theirs = dig(&[&THERE[..], &question].concat());
                    let ours = ask(&question);
                    assert_eq!(summary(&ours), summary(&theirs), "{ours}\n{theirs}");
                }
            }
        }
    });
}

#[test]
fn rbldnsd_answers_the_same_from_its_data() {
    on_private_network(|| {
        for (kind, list, theirs, questions) in [
            ("addresses", ADDRESSES, &["ip4trie", "ip6trie"][..], ABOUT_ADDRESSES),
            ("names", NAMES, &["dnset"], ABOUT_NAMES),
        ] {
            let server = start_list_server_of(kind, &[("bl.example", list)]);
            export(&server, "rbldnsd");
            let _rbldnsd = start_rbldnsd(server.folder(), "bl.example", theirs, "127.0.0.1/5302");
            for name in questions {
                for kind in ["A", "TXT"] {
                    let theirs = dig(&[&THERE[..], &["+short", name, kind]].concat());
                    assert_eq!(ask(&["+short", name, kind]), theirs, "{name} {kind}");
                }
            }
        }
    });
}

/// Writes the zone in another software's format and returns the file's name.
fn export(server: &ListServer, format: &str) -> String {
    let file = server.folder().join(format);
    let output = file.to_string_lossy().into_owned();
    let config = server.folder().join("repute.toml");
    let config = config.to_string_lossy();
    let arguments = ["--config", &config, "zone", "export", "bl.example"];
    run(REPUTE, &[&arguments[..], &["--format", format, "--output", &output]].concat());
    output
}

/// Starts NSD with the exported master file of a zone, at an address such as 127.0.0.1@5302.
pub(crate) fn start_nsd(folder: &Path, zone: &str, at: &str) -> Daemon {
    let config = folder.join("nsd.conf");
    let path = folder.display();
    let text = format!(
        "server:\n  ip-address: {at}\n  username: \"\"\n  zonesdir: \"{path}\"\n  \
         pidfile: \"\"\n  xfrdfile: \"\"\n  zonelistfile: \"{path}/zones\"\n  database: \"\"\n  \
         minimal-responses: yes\n  rrl-ratelimit: 0\n\
         remote-control:\n  control-enable: no\n\
         zone:\n  name: \"{zone}\"\n  zonefile: \"master\"\n"
    );
    fs::write(&config, text).expect("the test's folder is writable");
    let mut nsd = Daemon::start(Command::new("nsd").arg("-d").arg("-c").arg(&config));
    nsd.wait_for("nsd started");
    nsd
}

/// Starts rbldnsd with the exported data of a zone as data sets of these types, at an address such as
/// 127.0.0.1/5302.
pub(crate) fn start_rbldnsd(folder: &Path, zone: &str, types: &[&str], at: &str) -> Daemon {
    // It gives root up before it reads.
    run("chmod", &["755", &folder.to_string_lossy()]);
    let mut command = Command::new("rbldnsd");
    command.args(["-n", "-u", "nobody", "-b", at, "-w"]).arg(folder);
    command.args(types.iter().map(|kind| format!("{zone}:{kind}:rbldnsd")));
    let mut rbldnsd = Daemon::start(&mut command);
    rbldnsd.wait_for("started");
    rbldnsd
}

/// How dig reaches the other name server.
const THERE: [&str; 3] = ["@127.0.0.1", "-p", "5302"];

/// What must be the same: the response code and the records of the answer, in any order.
fn summary(output: &str) -> (String, Vec<String>) {
    let answer = output.split_once(";; ANSWER SECTION:\n").map_or("", |(_, rest)| rest);
    let mut records: Vec<String> = answer
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    records.sort();
    (status(output).to_owned(), records)
}

/// Networks of several sizes, one inside another, exclusions, several values, both families.
const ADDRESSES: &str = "\
192.0.2.7 :2:listed, see https://bl.example/q/here
192.0.2.128/25 :3:half of a network
192.0.2.129 :4:one of that half
!192.0.2.130
198.51.100.0/22 :5:four networks
2001:db8::/32 :2:listed
2001:db8:1::/48 :3:a part of that
!2001:db8:2::/48
2001:db8:3::7 :4:one address
";

/// Networks of both families that begin with the same labels, loopback inside of one, and an entry for
/// clients with a key.
const MIXED: &str = "\
2.0.0.0/15 :2:four
2.0.1.0/24 :3:a part of that
2001:db8::/32 :4:six
2002:800::/22 :5:six to four
3000::/17 :6:wide
127.0.0.0/24 :7:loopback
198.51.100.0/24 :8:a network
198.51.100.9 :9:for few @ key=require
";

/// Addresses at which families, wildcards and conditions meet.
const ABOUT_MIXED: &[&str] = &[
    "0.0.0.2.bl.example",
    "1.0.0.2.bl.example",
    "2.0.0.2.bl.example",
    "10.0.0.2.bl.example",
    "5.1.0.2.bl.example",
    "255.1.0.2.bl.example",
    "7.200.0.2.bl.example",
    "7.200.1.2.bl.example",
    "7.200.2.2.bl.example",
    "1.2.0.3.bl.example",
    "10.2.0.3.bl.example",
    "2.0.0.127.bl.example",
    "3.0.0.127.bl.example",
    "8.100.51.198.bl.example",
    "9.100.51.198.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.1.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.2.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.0.1.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.f.0.0.3.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.f.0.1.3.bl.example",
];

/// Exact names, all below a name, both, one inside another, an exclusion.
const NAMES: &str = "\
exact.example.org :2:listed, see https://bl.example/q/here
*.below.example.org :3:a hoster
.both.example.org :4:a network of names
deep.in.both.example.org :5:one of them
!good.both.example.org
";

/// Names listed, excluded, unlisted, between and above, each before the apex.
const ABOUT_NAMES: &[&str] = &[
    "exact.example.org.bl.example",
    "x.exact.example.org.bl.example",
    "below.example.org.bl.example",
    "x.below.example.org.bl.example",
    "x.y.below.example.org.bl.example",
    "both.example.org.bl.example",
    "x.both.example.org.bl.example",
    "good.both.example.org.bl.example",
    "x.good.both.example.org.bl.example",
    "deep.in.both.example.org.bl.example",
    "x.deep.in.both.example.org.bl.example",
    "in.both.example.org.bl.example",
    "example.org.bl.example",
    "org.bl.example",
    "net.bl.example",
    "test.bl.example",
    "invalid.bl.example",
];

/// Addresses listed, excluded, unlisted, between, above and at the apex.
const ABOUT_ADDRESSES: &[&str] = &[
    "7.2.0.192.bl.example",
    "8.2.0.192.bl.example",
    "129.2.0.192.bl.example",
    "130.2.0.192.bl.example",
    "255.2.0.192.bl.example",
    "2.0.192.bl.example",
    "192.bl.example",
    "193.bl.example",
    "9.100.51.198.bl.example",
    "9.103.51.198.bl.example",
    "9.104.51.198.bl.example",
    "2.0.0.127.bl.example",
    "1.0.0.127.bl.example",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.8.b.d.0.1.0.0.2.bl.example",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.b.d.0.1.0.0.2.bl.example",
    "8.b.d.0.1.0.0.2.bl.example",
    "1.0.0.2.bl.example",
    "www.bl.example",
];
