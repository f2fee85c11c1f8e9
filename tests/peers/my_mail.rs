//! The addresses of a mail domain, found in zones that NSD serves, by way of Unbound, and checked.

use std::path::Path;
use std::process::{Command, Output};

use crate::list_server::{PORT, REPUTE, start_list_server};
use crate::name_servers::{NOBODY, NSD, start_nsd, start_unbound};
use crate::network::on_private_network;

/// Checks a domain's mail; the exit code, what is shown and what is told.
fn check(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(REPUTE)
        .args(["check", "--resolver", "127.0.0.1", "--list", "bl.example", "--forgetful"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[test]
fn what_a_domain_sends_by_is_checked() {
    on_private_network(|| {
        let server =
            start_list_server(&[("bl.example", "192.0.2.26 :2:spam\n203.0.113.0/24 :2:spam\n")]);
        let folder = server.folder();
        let _nsd = start_nsd(folder, ZONES);
        let stubs = [
            ("bl.example", PORT),
            ("mail.example", NSD),
            ("spf.example", NSD),
            ("large.example", NSD),
            ("null.example", NSD),
            ("silent.example", NOBODY),
        ];
        let _unbound = start_unbound(folder, &stubs, "");

        let (code, shown, told) = check(folder, &["--my-mail", "mail.example", "--csv"]);
        assert_eq!(code, 1, "{shown}{told}");
        assert_eq!(
            told,
            "mail.example takes and sends mail by:\n  \
             192.0.2.25     (a.mail.example, MX 10; mx in the SPF of mail.example)\n  \
             2001:db8::25   (a.mail.example, MX 10; mx in the SPF of mail.example)\n  \
             192.0.2.26     (b.mail.example, MX 20; mx in the SPF of mail.example)\n  \
             192.0.2.64/30  (SPF of spf.example)\n  \
             `x/y` in the SPF of spf.example is none of its terms: receivers take it for an error\n"
        );
        let checked: Vec<&str> =
            shown.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        let addresses = [
            "192.0.2.25",
            "2001:db8::25",
            "192.0.2.26",
            "192.0.2.64",
            "192.0.2.65",
            "192.0.2.66",
            "192.0.2.67",
        ];
        assert_eq!(checked, addresses, "{shown}");
        assert!(shown.contains("192.0.2.26,bl.example,block,listed,127.0.0.2"), "{shown}");

        // Large networks are counted, and looked up if that is meant; the one of IPv6 never.
        let (code, shown, told) = check(folder, &["--my-mail", "somebody@large.example"]);
        assert_eq!((code, shown.lines().count()), (0, 1), "{shown}{told}");
        for line in [
            "  203.0.112.0/20  (SPF of large.example): 4096 addresses, left out without --yes\n",
            "  192.0.2.80      (large.example itself, which has no MX)\n",
        ] {
            assert!(told.contains(line), "{told}");
        }
        let (code, shown, told) =
            check(folder, &["--my-mail", "large.example", "--yes", "--csv", "--rate", "0"]);
        assert_eq!((code, shown.lines().count()), (1, 1 + 4096 + 1), "{told}");
        assert!(told.contains("2001:db8::/32   (SPF of large.example): 79228162514264337593543950336 addresses, left out\n"), "{told}");

        // Beside other targets, and what is nothing.
        let (code, shown, _) =
            check(folder, &["--my-mail", "mail.example", "198.51.100.1", "--csv"]);
        assert_eq!((code, shown.lines().count()), (1, 1 + 8), "{shown}");
        let (code, _, told) = check(folder, &["--my-mail", "null.example"]);
        assert_eq!(code, 2);
        assert!(told.contains("  null.example takes no mail (null MX, RFC 7505)\n"), "{told}");
        assert!(
            told.starts_with("repute: nothing to check: no address of null.example was found\n"),
            "{told}"
        );
        let (code, _, told) = check(folder, &["--my-mail", "gone.mail.example"]);
        assert_eq!(code, 2);
        assert!(
            told.contains("repute: nothing to check: gone.mail.example: no such domain\n"),
            "{told}"
        );
        let (code, _, told) = check(folder, &["--my-mail", "192.0.2.1"]);
        assert_eq!((code, &*told), (2, "repute: --my-mail 192.0.2.1: not a domain\n"));
        // What could not be found is not clean.
        let (code, shown, told) =
            check(folder, &["--my-mail", "silent.example", "198.51.100.1", "--timeout", "1s"]);
        assert_eq!(code, 2, "{shown}{told}");
        assert!(told.contains("  no resolver says what the MX of silent.example is\n"), "{told}");
        assert!(shown.contains("198.51.100.1 is not listed"), "{shown}");
        // A monitoring system is told the same on its lines, and nothing else.
        let watch = |domain: &str| check(folder, &["--monitoring", "--my-mail", domain]);
        let (code, shown, told) = watch("mail.example");
        assert_eq!((code, &*told), (2, ""), "{shown}");
        assert!(
            shown.starts_with("REPUTE CRITICAL - 4 targets are on 1 of 1 list: bl.example"),
            "{shown}"
        );
        assert!(shown.contains("\n  192.0.2.64/30  (SPF of spf.example)\n"), "{shown}");
        let (code, shown, told) = watch("large.example");
        assert_eq!((code, &*told), (0, ""), "{shown}");
        let (code, shown, _) = watch("gone.mail.example");
        assert_eq!(code, 3, "{shown}");
        assert!(
            shown.starts_with(
                "REPUTE UNKNOWN - nothing to check: gone.mail.example: no such domain"
            ),
            "{shown}"
        );
    });
}

/// A domain with two mail servers and a record that leads on, one that sends from large networks, one without mail.
const ZONES: &[(&str, &str)] = &[
    (
        "mail.example",
        "@ MX 20 b\n@ MX 10 a\n@ TXT \"v=spf1 mx incl\" \"ude:spf.example -all\"\n\
         a A 192.0.2.25\na AAAA 2001:db8::25\nb A 192.0.2.26\n",
    ),
    ("spf.example", "@ TXT \"v=spf1 ip4:192.0.2.64/30 x|y ~all\"\n"),
    (
        "large.example",
        "@ A 192.0.2.80\n@ TXT \"v=spf1 ip4:203.0.112.0/20 ip6:2001:db8::/32 -all\"\n",
    ),
    ("null.example", "@ MX 0 .\n@ TXT \"v=spf1 -all\"\n"),
];
