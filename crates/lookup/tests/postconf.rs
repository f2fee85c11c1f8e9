//! What the reader of `main.cf` makes of continued lines, comments and macros is what Postfix makes of
//! them: `postconf -x` prints the file with all of that gone.
//!
//! A missing Postfix fails the test; only `REPUTE_NO_PEERS` in the environment skips it, as for all tests
//! that need another program.

use std::fs;
use std::path::Path;
use std::process::Command;

use repute_lookup::catalogue::Catalogue;
use repute_lookup::catalogue::import::{self, Import};

/// A `main.cf` with what its grammar allows.
const MAIN_CF: &str = "# lists\n\
    key = sekrit\n\
    lists = reject_rbl_client a.example,\n\
    \x20 reject_rbl_client b.example=127.0.0.[2;4..6]\n\
    # a comment, an empty line, and it goes on\n\
    \n\
    \treject_rbl_client b.example=127.0.0.9\n\
    own_zone = $key.zen.dq.spamhaus.net\n\
    twice = reject_rbl_client first.example\n\
    smtpd_client_restrictions = permit_mynetworks, $lists\n\
    # reject_rbl_client commented.example\n\
    \x20  reject_rbl_client ${own_zone} reject_rbl_client\n\
    \x20  $(own_zone)=127.0.0.[2..11],permit_dnswl_client wl.example=127.0.[0..255].3\n\
    twice = reject_rbl_client second.example\n\
    smtpd_helo_restrictions=$twice , warn_if_reject reject_rhsbl_helo names.example\n\
    postscreen_dnsbl_sites = c.example*2 d.example=127.0.0.2*-1\n\
    \x20 $sites\n\
    sites = e.example=127.0.0.[1..255]\n";

/// What is asked, with all filters.
fn lists(import: &Import) -> Vec<String> {
    let mut lists: Vec<String> =
        import.lists.iter().map(|found| format!("{:?}", found.list)).collect();
    lists.sort();
    lists
}

#[test]
fn postfix_reads_its_file_as_we_do() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("main.cf"), MAIN_CF).expect("a file");
    let places = ["/usr/sbin/postconf", "/usr/local/sbin/postconf"];
    let program = places.into_iter().find(|path| Path::new(path).exists());
    let output = Command::new(program.expect("install Debian's package postfix"))
        .args(["-c".as_ref(), folder.path().as_os_str(), "-n".as_ref(), "-x".as_ref()])
        .output()
        .expect("postconf runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expanded = String::from_utf8(output.stdout).expect("it was ASCII");
    assert!(expanded.contains("reject_rbl_client second.example"), "{expanded}");

    let catalogue = Catalogue::shipped();
    let (ours, theirs) =
        (import::postfix(MAIN_CF, &catalogue), import::postfix(&expanded, &catalogue));
    assert_eq!(ours.faults, [], "the file is good");
    assert_eq!(lists(&ours), lists(&theirs), "{expanded}");
    assert_eq!(ours.lists.len(), 9, "{}", ours.to_toml());
}
