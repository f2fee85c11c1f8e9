//! No text, however broken, makes a reader of lists panic; what an import writes can be pasted.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_lookup::catalogue::import::{self, Import};
use repute_lookup::catalogue::{Catalogue, refreshed, to_toml};

/// Changes a valid text, imports it, and reads what is written for it.
fn look(valid: &str, mutations: &[Mutation], import: fn(&str, &Catalogue) -> Import) {
    let catalogue = CATALOGUE.get_or_init(Catalogue::shipped);
    let text = mutate(valid.as_bytes(), mutations);
    let text = String::from_utf8_lossy(&text);
    let import = import(&text, catalogue);
    assert!(!mutations.is_empty() || !import.lists.is_empty(), "the valid text has lists");
    let lines = text.lines().count();
    assert!(import.faults.iter().all(|fault| (1..=lines + 1).contains(&fault.line)));
    let pasted = import.to_toml();
    let read = Catalogue::with(&pasted, &mut |_| Ok(None));
    let read = read.unwrap_or_else(|error| panic!("{error} in\n{pasted}"));
    for imported in &import.lists {
        let again = read.find(&imported.list.zone).expect("what is written is read");
        assert_eq!(again.keys, imported.list.keys);
        assert_eq!(again.polarity, imported.list.polarity);
        assert_eq!(again.only, imported.list.only);
        assert_eq!(again.meanings, imported.list.meanings);
        assert_eq!(again.errors, imported.list.errors);
    }
}

/// The shipped lists, read once.
static CATALOGUE: std::sync::OnceLock<Catalogue> = std::sync::OnceLock::new();

#[test]
fn fuzz_catalogue() {
    let valid = "date = \"2026-11-22\"\n[[list]]\nzone = \"bl.example\"\nkeys = [\"ipv4\", \"host\"]\n\
                 rate = 2.5\nonly = [\"127.0.0.[2..4]\"]\ncontains = [\"zen.spamhaus.org\"]\nask = true\n\
                 access = \"key-before-zone\"\nkey-file = \"/k\"\nstatus = \"live\"\nchecked = \"2026-11\"\n\
                 [list.codes]\n\"127.0.0.2\" = \"spam\"\n[list.errors]\n\"127.0.0.0&128\" = \"no\"\n\
                 [[list]]\nzone = \"multi.surbl.org\"\npolarity = \"info\"\n";
    bolero::check!().with_test_time(time()).with_type::<Vec<Mutation>>().for_each(|mutations| {
        let text = mutate(valid.as_bytes(), mutations);
        let text = String::from_utf8_lossy(&text);
        match Catalogue::with(&text, &mut |_| Ok(Some("key".to_owned()))) {
            Ok(catalogue) => {
                for target in ["192.0.2.1", "2001:db8::1", "host.example"] {
                    catalogue.default_set(&target.parse().expect("a target"));
                }
            }
            Err(error) => {
                assert!(!mutations.is_empty(), "the valid text is read: {error}");
                assert!(error.line <= text.lines().count() + 1, "{error}");
            }
        }
    });
}

#[test]
fn fuzz_refreshed() {
    let valid = "# x\n[[list]]\nchecked = \"2012\"\nzone = \"a.example\" # \u{e9}\nsource = \"\"\"\n\u{e9}\"\"\"\n\
                 [list.codes]\n\"127.0.0.2\" = \"spam\"\n[[list]]\nzone = \"b.example\"\nstatus = \"dead\"";
    let mut measured = repute_lookup::catalogue::Entry::new("a.example".parse().expect("a name"));
    measured.status = Some(repute_lookup::list::Status::Live);
    measured.checked = Some("2026-11-22".to_owned());
    bolero::check!().with_test_time(time()).with_type::<Vec<Mutation>>().for_each(|mutations| {
        let text = mutate(valid.as_bytes(), mutations);
        let text = String::from_utf8_lossy(&text);
        match refreshed(&text, std::slice::from_ref(&measured)) {
            Ok(new) => {
                let again = refreshed(&new, std::slice::from_ref(&measured));
                assert_eq!(again.as_deref(), Ok(&*new), "nothing is left to change");
            }
            Err(error) => assert!(!mutations.is_empty(), "the valid text is edited: {error}"),
        }
    });
}

#[test]
fn fuzz_check_rbl() {
    let valid = "; x\n[rbl]\nserver=bl.example\nserver = zen.spamhaus.org\ncritical=2\n[targets]\n\
                 server=1.2.3.4\n";
    bolero::check!()
        .with_test_time(time())
        .with_type::<Vec<Mutation>>()
        .for_each(|mutations| look(valid, mutations, import::check_rbl));
}

#[test]
fn fuzz_postfix() {
    let valid = "key = abc\nzone = $key.zen.dq.spamhaus.net\n# x\nsmtpd_client_restrictions =\n \
                 reject_rbl_client\n# y\n  ${zone}=127.0.0.[2..11;30], permit_dnswl_client \
                 wl.example=127.0.[0..255].[1;2] $zone\npostscreen_dnsbl_sites = a.example=127.0.0.2*3 \
                 a.example=127.0.0.[3..4] b.example*-2, c.example\nx = $x$y\ny = $x $x $x $y\nz = \
                 reject_rhsbl_sender dbl.example $y\nsmtp inet n - y - - smtpd -o key=def -o\n { \
                 smtpd_helo_restrictions = reject_rhsbl_helo\n e.example } -ox=$z\n";
    bolero::check!()
        .with_test_time(time())
        .with_type::<Vec<Mutation>>()
        .for_each(|mutations| look(valid, mutations, import::postfix));
}

#[test]
fn fuzz_spamassassin() {
    let valid = "header __A eval:check_rbl('a', 'bl.example.')\nheader B eval:check_rbl_sub('a', \
                 '127.0.0.2')\ndescribe B the \\# second\nheader C eval:check_rbl('c', 'bl.example.', \
                 '^127\\.0\\.\\d+\\.(?:1|2[0-5]{1,2})$')\nheader A_BLOCKED eval:check_rbl_sub('a', \
                 '^127\\.0\\.0\\.255$')\nurirhssub D multi.example. A 8\nurirhssub E multi.example. A \
                 127.0.1.2-127.0.1.9\nurirhssub F multi.example. A 0x10/0x10\ntflags D nice notrim\n\
                 askdns G _DKIMDOMAIN_.g.example A /^127\\.0\\.0\\.[2-4]$/\nurirhsbl H h.example. A\n\
                 uridnssub I i.example. A 127.0.2.0/255.255.255.0\n";
    bolero::check!()
        .with_test_time(time())
        .with_type::<Vec<Mutation>>()
        .for_each(|mutations| look(valid, mutations, import::spamassassin));
}

#[test]
fn fuzz_rspamd() {
    let valid = "/* x */\nrbl {\n .include \"y\"\n default_ipv6 = false;\n rbls {\n a { rbl = \
                 \"a.example\"; checks = [\"from\", urls]; returncodes { A = \"127.0.0.2\"; B = \
                 [\"127.0.%d+.3\", '127.0.0.[4-6]']; A_BLOCKED = \"127.0.0.255\"; } }\n \"b\" = { rbl: \
                 b.example, is_whitelist = true; returnbits { C = 8, D = 16 } text = <<E\n{\nE\n }\n c { \
                 rbl = \"c.example\"; returncodes_matcher = \"regexp\"; returncodes { F = \
                 \"/^127\\\\.0\\\\.0\\\\.2$/\" } }\n } }\n";
    bolero::check!()
        .with_test_time(time())
        .with_type::<Vec<Mutation>>()
        .for_each(|mutations| look(valid, mutations, import::rspamd));
}

#[test]
fn shipped_lists_can_be_written_and_read() {
    for list in Catalogue::shipped().lists() {
        let mut entry = repute_lookup::catalogue::Entry::new(list.zone.clone());
        entry.codes = Some(list.meanings.clone());
        entry.errors = Some(list.errors.clone());
        entry.keys = Some(list.keys);
        let read = Catalogue::with(&to_toml(&entry), &mut |_| Ok(None)).expect("its own tables");
        assert_eq!(read.find(&list.zone), Some(list));
    }
}
