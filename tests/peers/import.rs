//! The lists that other programs ask by their own packages' files, taken over: what is written is read
//! back by `repute check --catalogue`, and Postfix reads its files as we do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::list_server::REPUTE;
use crate::network::run;

/// Imports files; the exit code, the tables and the faults.
fn import(files: &[PathBuf]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(REPUTE).args(["catalogue", "import"]).args(files).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// The lists of tables, in their order.
fn zones(tables: &str) -> Vec<&str> {
    tables.lines().filter_map(|line| line.strip_prefix("zone = \"")?.strip_suffix('"')).collect()
}

/// Has tables read back, and expects each of their lists to be known then.
fn read_back(tables: &str) {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let file = folder.path().join("lists.toml");
    fs::write(&file, tables).expect("the folder is writable");
    let shown =
        run(REPUTE, &["check", "--lists", "--json", "--catalogue", &file.to_string_lossy()]);
    for zone in zones(tables) {
        assert!(shown.contains(&format!("\"zone\":\"{zone}\"")), "{zone} is not read back");
    }
}

/// Whether tests without peers are wanted.
fn is_without_peers() -> bool {
    std::env::var_os("REPUTE_NO_PEERS").is_some()
}

#[test]
fn check_rbl_and_its_lists() {
    if is_without_peers() {
        return;
    }
    let file = Path::new("/etc/nagios-plugins/check_rbl.ini");
    let (code, tables, faults) = import(&[file.into()]);
    assert_eq!((code, &*faults), (0, ""));
    let text = fs::read_to_string(file).expect("Debian's monitoring-plugins-contrib is there");
    let mut servers: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("server=")).collect();
    let mut found = zones(&tables);
    servers.sort_unstable();
    servers.dedup();
    found.sort_unstable();
    assert!(servers.len() > 50, "the file has lists: {servers:?}");
    assert_eq!(found, servers);
    read_back(&tables);
}

#[test]
fn spamassassin_and_its_rules() {
    if is_without_peers() {
        return;
    }
    let folder = fs::read_dir("/usr/share/spamassassin").expect("Debian's spamassassin is there");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cf"));
    let (code, tables, faults) = import(&files);
    assert_eq!((code, &*faults), (0, ""));
    for zone in ["zen.spamhaus.org", "list.dnswl.org", "multi.uribl.com"] {
        assert!(zones(&tables).contains(&zone), "{tables}");
    }
    // Black, grey and red are rules, and what else may come is none.
    let uribl =
        "zone = \"multi.uribl.com\"\nonly = [\"127.0.0.0&2\", \"127.0.0.0&4\", \"127.0.0.0&8\"]\n";
    assert!(tables.contains(uribl), "{tables}");
    read_back(&tables);
}

#[test]
fn rspamd_and_what_it_asks_by_itself() {
    if is_without_peers() {
        return;
    }
    let file = Path::new("/etc/rspamd/modules.d/rbl.conf");
    let (code, tables, faults) = import(&[file.into()]);
    assert_eq!(code, 1, "some of its lists are asked for hashes: {faults}");
    assert!(faults.lines().all(|line| line.contains("asked for hashes")), "{faults}");
    for zone in ["zen.spamhaus.org", "list.dnswl.org", "multi.surbl.org"] {
        assert!(zones(&tables).contains(&zone), "{tables}");
    }
    // Of the other symbols of that list one is an error.
    let zen = "zone = \"zen.spamhaus.org\"\nonly = [\"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\", ";
    assert!(tables.contains(zen), "{tables}");
    assert!(!tables.contains("only = [\"127.255"), "{tables}");
    read_back(&tables);
}

/// `postconf` prints both files as Postfix understands them, each service's parameters with the service.
#[test]
fn postfix_and_its_services() {
    if is_without_peers() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let place = |name: &str| folder.path().join(name);
    let services =
        fs::read_to_string("/usr/share/postfix/master.cf.dist").expect("Debian's postfix is there");
    fs::write(place("main.cf"), MAIN).expect("the folder is writable");
    fs::write(place("master.cf"), services + MASTER).expect("the folder is writable");
    let (code, ours, faults) = import(&[place("main.cf"), place("master.cf")]);
    assert_eq!((code, &*faults), (0, ""));

    let folder = folder.path().to_string_lossy();
    let postconf = |what: &str| run("/usr/sbin/postconf", &["-c", &folder, "-x", what]);
    fs::write(place("printed"), postconf("-n") + &postconf("-P")).expect("it is writable");
    let (code, theirs, faults) = import(&[place("printed")]);
    assert_eq!((code, &*faults), (0, ""));
    let sorted = |tables: &str| {
        let mut tables: Vec<String> =
            tables.split("[[list]]").map(|table| table.trim().to_owned()).collect();
        tables.sort();
        tables
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
    assert_eq!(zones(&ours).len(), 6, "{ours}");
    for remark in ["c.example\"\n# Its weight (*2) is", "wl.example\"\n# Its weight (*-1) is"] {
        assert!(ours.contains(remark), "{ours}");
    }
    read_back(&ours);
}

/// Lists for all services.
const MAIN: &str = "\
compatibility_level = 3.6
own_lists = reject_rbl_client a.example=127.0.0.[2;4..6]
mua_client_restrictions = permit_sasl_authenticated reject_rbl_client b.example
smtpd_client_restrictions = permit_mynetworks, $own_lists
postscreen_dnsbl_sites = c.example*2 wl.example=127.0.0.[2..3]*-1
";

/// Lists for one service: by a parameter of its own, by one of all, and between braces over two lines.
const MASTER: &str = "
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o own_lists=reject_rbl_client,d.example
  -o smtpd_client_restrictions=$own_lists,$mua_client_restrictions
# a comment, and it goes on
  -o { smtpd_helo_restrictions = reject_rhsbl_helo
       names.example }
";
