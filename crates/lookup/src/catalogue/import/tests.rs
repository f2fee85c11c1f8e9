//! Configurations in the shape of each program's own, and what becomes of them.

use super::*;

/// Imports a text; says what is written for it, and the faults.
fn shown(import: fn(&str, &Catalogue) -> Import, text: &str) -> String {
    let import = import(text, &Catalogue::shipped());
    let faults: String = import.faults.iter().map(|fault| format!("! {fault}\n")).collect();
    import.to_toml().replace("[[list]]\n", "").replace("\n\n", "\n") + &faults
}

#[track_caller]
fn check(import: fn(&str, &Catalogue) -> Import, text: &str, expect: &str) {
    let found = shown(import, text);
    let expect: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expect, "{text}\n--\n{found}");
}

#[test]
fn servers_of_an_ini_file_are_lists() {
    check(
        check_rbl,
        "; lists\n[check]\nserver=other.example\n\n[rbl]\nwarning=2\nserver = bl.example\r\n#server=off.example\n\
         server=ZEN.spamhaus.org.\nserver=bl.example\nserver=\nserver=http://x/\nnonsense\n\
         [targets]\nserver=192.0.2.1\n",
        r#"zone = "bl.example"
           zone = "zen.spamhaus.org"
           ! line 11: `` is no zone: expected a name such as bl.example
           ! line 12: `http://x/` is no zone: expected a name such as bl.example
           ! line 13: this is no line of such a file: expected `server=bl.example`"#,
    );
    check(
        check_rbl,
        "server=bl.example\n",
        "! line 1: no lists: expected a section `[rbl]` with lines `server=bl.example`",
    );
}

#[test]
fn what_the_catalogue_knows_comes_along() {
    let catalogue = Catalogue::shipped();
    let import = check_rbl("[rbl]\nserver=list.dnswl.org\nserver=new.example", &catalogue);
    let [known, new] = &import.lists[..] else { panic!("two lists") };
    assert_eq!(Some(&known.list), catalogue.find(&known.entry.zone));
    assert_eq!(known.list.polarity, Polarity::Allow, "check_rbl does not know, we do");
    assert_eq!((new.line, &new.list), (3, &List::new("new.example".parse().expect("a name"))));
}

#[test]
fn postfix_restrictions_are_lists() {
    check(
        postfix,
        "# main.cf\n\
         smtpd_recipient_restrictions = permit_mynetworks,\n\
         \x20   reject_unauth_destination\n\
         # reject_rbl_client commented.example\n\
         \x20   reject_rbl_client zen.spamhaus.org=127.0.0.[2..11],\n\
         \n\
         \tpermit_dnswl_client wl.example=127.0.[0..255].[2;3], reject_rbl_client bl.example\n\
         \x20   warn_if_reject reject_rhsbl_sender\n\
         \x20     names.example, reject_rhsbl_helo names.example reject_rhsbl_client\n\
         mydestination = $myhostname, bl.other.example\n",
        r#"zone = "zen.spamhaus.org"
           only = ["127.0.0.[2..11]"]
           zone = "wl.example"
           polarity = "allow"
           only = ["127.0.[0..255].[2;3]"]
           zone = "bl.example"
           zone = "names.example"
           keys = ["host"]
           ! line 9: `reject_rhsbl_client` is not followed by what it needs"#,
    );
}

#[test]
fn postscreen_sites_are_lists() {
    check(
        postfix,
        "postscreen_dnsbl_sites = old.example\n\
         postscreen_dnsbl_sites = bl.example*2 mixed.example=127.0.0.2 mixed.example=127.0.0.1*-2\n\
         \x20 part.example=127.0.0.2, part.example=127.0.0.4*3\n\
         \x20 whole.example=127.0.0.2 whole.example\n\
         \x20 wl.example=127.0.[2..15].[1..3]*-4\n\
         \x20 x.example=127.0.0.256 y.example=3 z.example*many q.example=10.0.0.1\n",
        r#"zone = "bl.example"
           # Its weight (*2) is not taken over: a listing counts as any other.
           zone = "mixed.example"
           # Its weight (*-2) is not taken over: a listing counts as any other.
           polarity = "info"
           only = ["127.0.0.2", "127.0.0.1"]
           zone = "part.example"
           # Its weight (*3) is not taken over: a listing counts as any other.
           only = ["127.0.0.2", "127.0.0.4"]
           zone = "whole.example"
           zone = "wl.example"
           # Its weight (*-4) is not taken over: a listing counts as any other.
           polarity = "allow"
           only = ["127.0.[2..15].[1..3]"]
           ! line 6: `127.0.0.256` is no set of return codes that can be written down: add it to the list by hand
           ! line 6: `3` is no set of return codes that can be written down: add it to the list by hand
           ! line 6: this is no line of such a file: expected `bl.example=127.0.0.2*3`
           ! line 6: 10.0.0.1 is not within 127.0.0.0/8, where lists answer: left out"#,
    );
}

#[test]
fn postfix_macros_are_put_in() {
    check(
        postfix,
        "key = sekrit\nlists = reject_rbl_client a.example,\n  reject_rbl_client b.example\n\
         own_zone = $key.zen.dq.spamhaus.net\nloop = $loop\n\
         smtpd_client_restrictions = $lists reject_rbl_client ${own_zone} $gone $loop\n\
         \x20 reject_rbl_client $nothing.bl.example reject_rbl_client c.example\n",
        r#"zone = "a.example"
           zone = "b.example"
           zone = "zen.dq.spamhaus.net"
           # The key that stood in the zone's name is left out: put it into a file of its own.
           # key-file = "/etc/repute/keys/zen.dq.spamhaus.net"
           zone = "c.example"
           ! line 6: `$gone` has no value in this text: add the line that sets it, or write it out
           ! line 6: `$loop` has no value in this text: add the line that sets it, or write it out
           ! line 7: `$nothing.bl.example` has no value in this text: add the line that sets it, or write it out"#,
    );
}

#[test]
fn a_key_in_a_zone_is_kept_and_not_shown() {
    let line = "reject_rbl_client sekrit.zen.dq.spamhaus.net=127.0.0.[2..11]";
    let import = postfix(&format!("smtpd_client_restrictions = {line}"), &Catalogue::shipped());
    let Access::Key(KeyPlace::BeforeZone, Some(key)) = &import.lists[0].list.access else {
        panic!("no key in {import:?}");
    };
    assert_eq!(key.reveal().to_string(), "sekrit");
    let shown = format!("{import:?} {}", import.to_toml());
    assert!(!shown.contains("sekrit"), "{shown}");
    let read = Catalogue::with(&import.to_toml(), &mut |_| Ok(None)).expect("it can be pasted");
    let zone = "zen.dq.spamhaus.net".parse().expect("a name");
    assert_eq!(read.find(&zone).map(|list| list.only.len()), Some(1));
}

#[test]
fn spamassassin_rules_say_what_codes_mean() {
    check(
        spamassassin,
        "ifplugin Mail::SpamAssassin::Plugin::DNSEval\n\
         header __X_ANY   eval:check_rbl('x', 'bl.example.')   # all of it\n\
         tflags __X_ANY   net\n\
         header X_SPAM    eval:check_rbl_sub('x', '127.0.0.2')\n\
         describe X_SPAM  Sends \\#1 spam\n\
         header X_RANGE   eval:check_rbl('x-lastexternal', 'bl.example.', '^127\\.0\\.0\\.1[01]$')\n\
         header X_BLOCKED eval:check_rbl_sub('x', '127.0.0.9')\n\
         header X_REFUSED eval:check_rbl_sub('x', '127.255.255.254')\n\
         header X_TEXT    eval:check_rbl_txt('t', \"text.example.\", '(?i:spam)')\n\
         header X_ODD     eval:check_rbl_sub('x', '^127\\.')\n\
         header X_GONE    eval:check_rbl_sub('other-file', '127.0.0.3')\n\
         header X_BROKEN  eval:check_rbl('x')\n\
         header SUBJ      Subject =~ /check_rbl_not/\n\
         endif\n",
        r##"zone = "bl.example"
           [list.codes]
           "127.0.0.2" = "Sends #1 spam"
           "127.0.0.[10..11]" = "X_RANGE"
           [list.errors]
           "127.0.0.9" = "X_BLOCKED"
           "127.255.255.254" = "X_REFUSED"
           zone = "text.example"
           ! line 10: `^127\.` is no set of return codes that can be written down: add it to the list by hand
           ! line 11: the set `other-file` is looked up by no rule of this text: import both files as one text
           ! line 12: this is no line of such a file: expected a rule such as `header X eval:check_rbl('x', 'bl.example.')`
           ! line 13: this is no line of such a file: expected a rule such as `header X eval:check_rbl('x', 'bl.example.')`"##,
    );
}

#[test]
fn spamassassin_lists_of_names_and_good_news() {
    check(
        spamassassin,
        "urirhssub U_BLACK   multi.example.  A   2\n\
         urirhssub U_GREY    multi.example.  A   0x4\n\
         urirhssub U_NET     multi.example.  A   127.0.2.0/255.255.255.0\n\
         urirhssub U_MASK    multi.example.  A   0.0.0.16/0.0.0.16\n\
         urirhssub U_SPAN    multi.example.  A   127.0.1.20-127.0.1.39\n\
         urirhssub U_BLOCKED multi.example.  A   1\n\
         urirhsbl  V         whole.example.  A\n\
         tflags    V         net notrim\n\
         uridnsbl  W         hosts.example   TXT\n\
         header __L          eval:check_rbl('wl-firsttrusted', 'wl.example.')\n\
         header L_HI         eval:check_rbl_sub('wl-firsttrusted', '^127\\.0\\.\\d+\\.3$')\n\
         tflags L_HI         nice net\n\
         header L_BLOCKED    eval:check_rbl_sub('wl-firsttrusted', '^127\\.0\\.\\d+\\.255$')\n\
         askdns D_HI         _DKIMDOMAIN_.dwl.example A /^127\\.\\d+\\.\\d+\\.5$/\n\
         askdns D_SPF        _SENDERDOMAIN_ TXT /^v=spf1/\n\
         askdns D_IP         _LASTEXTERNALREVIP_.addresses.example A /^127\\.0\\.0\\.2$/\n\
         header M_GOOD       eval:check_rbl('m', 'mixed.example.', '127.0.0.3')\n\
         tflags M_GOOD       nice\n\
         header M_BAD        eval:check_rbl_sub('m', '127.0.0.2')\n",
        r#"zone = "multi.example"
           keys = ["registrable"]
           only = ["127.0.0.0&2", "127.0.0.0&4", "127.0.2.[0..255]", "127.0.0.0&16", "127.0.1.[20..39]"]
           [list.codes]
           "127.0.0.0&2" = "U_BLACK"
           "127.0.0.0&4" = "U_GREY"
           "127.0.2.[0..255]" = "U_NET"
           "127.0.0.0&16" = "U_MASK"
           "127.0.1.[20..39]" = "U_SPAN"
           [list.errors]
           "127.0.0.0&1" = "U_BLOCKED"
           zone = "whole.example"
           keys = ["host"]
           zone = "hosts.example"
           zone = "wl.example"
           polarity = "allow"
           only = ["127.0.[0..255].3"]
           [list.codes]
           "127.0.[0..255].3" = "L_HI"
           [list.errors]
           "127.0.[0..255].255" = "L_BLOCKED"
           zone = "dwl.example"
           keys = ["host"]
           only = ["127.[0..255].[0..255].5"]
           [list.codes]
           "127.[0..255].[0..255].5" = "D_HI"
           zone = "addresses.example"
           only = ["127.0.0.2"]
           [list.codes]
           "127.0.0.2" = "D_IP"
           zone = "mixed.example"
           polarity = "info"
           only = ["127.0.0.3", "127.0.0.2"]
           [list.codes]
           "127.0.0.3" = "M_GOOD"
           "127.0.0.2" = "M_BAD""#,
    );
}

#[test]
fn rspamd_lists_say_what_is_looked_up() {
    check(
        rspamd,
        r#"# local.d/rbl.conf
           rbls {
             x {
               rbl = "bl.example"; ipv6 = true; checks = ["from", "received"];
               returncodes { X_SPAM = "127.0.0.2"; X_MORE = ["127.0.0.3", "127.0.0.4"]; X_BLOCKED = "127.0.0.255" }
             }
             "y" {
               rbl = 'names.example'
               checks: [urls, emails]
               returnbits = { Y_PH = 8; Y_MW = 16; Y_BLOCKED = 1; Y_ODD = none }
             }
             z { rbl = "v4.example"; ipv6 = no; is_whitelist = yes; returncodes { Z_LOW = "127.0.%d+.1"; Z_BAD = "127.%a" } }
             h { rbl = "hosts.example"; from = false; helo = true; }
             r { rbl = "re.example"; returncodes_matcher = "regexp"; returncodes { R = "/^127\.0\.0\.[2-9]$/"; } }
             g { rbl = "glob.example"; returncodes_matcher = "glob"; returncodes { G = "127.0.1.*"; } }
             md5 { rbl = "hash.example"; hash = "md5"; checks = ["emails"]; }
             sel { rbl = "sel.example"; selector = "helo"; }
             off { rbl = "off.example"; enabled = false; }
             patch { ipv6 = true; }
           }"#,
        r#"zone = "bl.example"
           only = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
           [list.codes]
           "127.0.0.2" = "X_SPAM"
           "127.0.0.3" = "X_MORE"
           "127.0.0.4" = "X_MORE"
           [list.errors]
           "127.0.0.255" = "X_BLOCKED"
           zone = "names.example"
           keys = ["registrable"]
           [list.codes]
           "127.0.0.0&8" = "Y_PH"
           "127.0.0.0&16" = "Y_MW"
           [list.errors]
           "127.0.0.0&1" = "Y_BLOCKED"
           zone = "v4.example"
           keys = ["ipv4"]
           polarity = "allow"
           [list.codes]
           "127.0.[0..255].1" = "Z_LOW"
           zone = "hosts.example"
           keys = ["host"]
           zone = "re.example"
           only = ["127.0.0.[2..9]"]
           [list.codes]
           "127.0.0.[2..9]" = "R"
           zone = "glob.example"
           only = ["127.0.1.[0..255]"]
           [list.codes]
           "127.0.1.[0..255]" = "G"
           ! line 10: `none` is no set of return codes that can be written down: add it to the list by hand
           ! line 12: `127.%a` is no set of return codes that can be written down: add it to the list by hand
           ! line 16: list `md5` is asked for hashes (`hash`), which is not supported
           ! line 17: list `sel` is asked for what a selector finds, which is not supported"#,
    );
}

#[test]
fn rspamd_sections_defaults_and_directives_are_understood() {
    check(
        rspamd,
        r#"/* the module's
              own file */
           rbl {
             .include(try=true,priority=1) "$LOCAL_CONFDIR/local.d/rbl.conf"
             default_ipv6 = false;
             rbls {
               a { rbl = "a.example"; description = <<EOD
{ not an "object
EOD
               }
               b { rbl = "b.example"; ipv6 = true; no_ip = true; urls = true; url_full_hostname = true }
               known { rbl = "sekrit.zen.dq.spamhaus.net"; returncodes { K = "127.0.0.2"; } }
             }
           }"#,
        r#"zone = "a.example"
           keys = ["ipv4"]
           zone = "b.example"
           keys = ["host"]
           zone = "zen.dq.spamhaus.net"
           # The key that stood in the zone's name is left out: put it into a file of its own.
           # key-file = "/etc/repute/keys/zen.dq.spamhaus.net"
           only = ["127.0.0.2"]"#,
    );
}

#[test]
fn codes_that_rspamd_has_symbols_for_are_those_that_count() {
    check(
        rspamd,
        r#"rbls {
             open { rbl = "open.example"; unknown = true; returncodes { O = "127.0.0.2" } }
             wl {
               rbl = "wl.example"; is_whitelist = true;
               whitelist_exception = "W_BAD"; whitelist_exception = "W_NONE";
               returncodes { W_BAD = "127.0.0.10"; W_NONE = "127.0.0.11"; W_GOOD = "127.0.0.20" }
             }
             blocked { rbl = "blocked.example"; returncodes { B_BLOCKED = "127.255.255.254" } }
             both { rbl = "both.example"; returncodes { C = "127.0.0.2" } returnbits { D = 4 } }
             far { rbl = "far.example"; returncodes { F = "127.0.0.2"; G = "10.0.0.1" } }
           }"#,
        r#"zone = "open.example"
           [list.codes]
           "127.0.0.2" = "O"
           zone = "wl.example"
           polarity = "allow"
           only = ["127.0.0.20"]
           [list.codes]
           "127.0.0.10" = "W_BAD"
           "127.0.0.11" = "W_NONE"
           "127.0.0.20" = "W_GOOD"
           zone = "blocked.example"
           [list.errors]
           "127.255.255.254" = "B_BLOCKED"
           zone = "both.example"
           only = ["127.0.0.2", "127.0.0.0&4"]
           [list.codes]
           "127.0.0.2" = "C"
           "127.0.0.0&4" = "D"
           zone = "far.example"
           only = ["127.0.0.2"]
           [list.codes]
           "127.0.0.2" = "F"
           ! line 10: 10.0.0.1 is not within 127.0.0.0/8, where lists answer: left out"#,
    );
}

#[test]
fn of_a_broken_rspamd_file_what_stands_before_the_fault_is_kept() {
    for (text, fault) in [
        (
            "rbls {\n a { rbl = \"a.example\";\n }",
            "line 3: this is no line of such a file: expected a `}`: one is missing",
        ),
        (
            "rbls { a { rbl = \"a.example\"; } }\n}",
            "line 2: this is no line of such a file: expected a key: there is a `}` too many",
        ),
        (
            "rbls { a { rbl = \"a.example\"; x = \"\n } }",
            "line 2: this is no line of such a file: expected a closing quote",
        ),
        (
            "rbls { a { rbl = \"a.example\"; x = [ 1, } }",
            "line 1: this is no line of such a file: expected a `]` before the `}`",
        ),
    ] {
        check(rspamd, text, &format!("zone = \"a.example\"\n! {fault}"));
    }
    check(
        rspamd,
        "rbl { default_from = true; }",
        "! line 1: no lists: expected `rbls { name { rbl = \"bl.example\"; } }`",
    );
}

#[test]
fn a_code_that_is_an_error_is_not_taken_as_a_listing() {
    // What is written must be read again, and a list must not contradict itself.
    check(
        rspamd,
        "rbls { a { rbl = a.example; returncodes { A = [127.0.0.2, 127.0.0.3]; A_BLOCKED = \"127.0.0.3\" } } }",
        r#"zone = "a.example"
           only = ["127.0.0.2"]
           [list.codes]
           "127.0.0.2" = "A"
           [list.errors]
           "127.0.0.3" = "A_BLOCKED"
           ! line 1: 127.0.0.3 is an error of the list, not a listing: left out"#,
    );
}

#[test]
fn a_rule_that_counts_some_codes_of_a_known_list_is_its_filter() {
    let rule = "urirhssub URIBL_BLACK multi.uribl.com. A 2\n";
    let black = "zone = \"multi.uribl.com\"\nonly = [\"127.0.0.0&2\"]";
    check(spamassassin, rule, black);
    let grey =
        "urirhssub URIBL_GREY MULTI.uribl.com A 4\nurirhssub X_BLOCKED multi.uribl.com A 1\n";
    let both = "zone = \"multi.uribl.com\"\nonly = [\"127.0.0.0&2\", \"127.0.0.0&4\"]";
    check(spamassassin, &format!("{rule}{grey}{rule}"), both);
    let all = format!("{rule}urirhsbl ALL multi.uribl.com. A\n");
    check(spamassassin, &all, "zone = \"multi.uribl.com\"");
}
