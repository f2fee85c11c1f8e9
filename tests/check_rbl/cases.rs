//! What check_rbl is called with, what it says, and what is right.
//!
//! Lines are those of version 1.7, which Debian has, with its time replaced by `T`. Where 1.8.1 says something
//! else the row tells it.

/// One call.
pub(crate) struct Case {
    /// What it is about.
    pub(crate) about: &'static str,
    /// The options, with quotes as in a shell.
    pub(crate) options: &'static str,
    /// What we say: exit code and first line.
    pub(crate) ours: (i32, &'static str),
    /// What stands below it, in one of the further lines; nothing if that does not matter.
    pub(crate) below: &'static str,
    /// What check_rbl says.
    pub(crate) theirs: Theirs,
}

/// What check_rbl says.
pub(crate) enum Theirs {
    /// The same.
    Same,
    /// This, which is wrong.
    Wrong(i32, &'static str),
}

use Theirs::{Same, Wrong};

/// A call of which both say the same.
const fn same(about: &'static str, options: &'static str, code: i32, line: &'static str) -> Case {
    Case { about, options, ours: (code, line), below: "", theirs: Same }
}

/// A call of which check_rbl says something wrong.
const fn fault(
    about: &'static str,
    options: &'static str,
    ours: (i32, &'static str),
    below: &'static str,
    theirs: (i32, &'static str),
) -> Case {
    Case { about, options, ours, below, theirs: Wrong(theirs.0, theirs.1) }
}

/// Results that are right.
pub(crate) const GENUINE: &[Case] = &[
    same(
        "a clean list",
        "-H 192.0.2.25 -s clean.test",
        0,
        "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
    ),
    same(
        "a listing",
        "-H 192.0.2.25 -s listed2.test",
        2,
        "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
    ),
    same(
        "a warning",
        "-H 192.0.2.25 -s listed2.test -w 1 -c 3",
        1,
        "CHECK_RBL WARNING - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;2 time=T;;",
    ),
    same(
        "below the thresholds",
        "-H 192.0.2.25 -s listed2.test -w2c3",
        0,
        "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;1;2 time=T;;",
    ),
    same(
        "an appended text",
        "--host=192.0.2.25 --serv listed2.test -a 'see wiki'",
        2,
        "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) see wiki | servers=1;0;0 time=T;;",
    ),
    same(
        "an address of /etc/hosts",
        "-H 127.0.0.1 -s listed2.test",
        0,
        "CHECK_RBL OK - 127.0.0.1 (localhost) BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
    ),
    same(
        "a host",
        "-H mail.test. -s listed2.test",
        2,
        "CHECK_RBL CRITICAL - mail.test BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
    ),
    same(
        "an IPv6 address",
        "-H 2001:DB8::25 -s listed2.test -s clean.test",
        2,
        "CHECK_RBL CRITICAL - 2001:DB8::25 (2001:db8::25) BLACKLISTED on 1 server of 2 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
    ),
    same(
        "a domain",
        "-U spam.example -s listed2.test",
        2,
        "CHECK_RBL CRITICAL - spam.example BLACKLISTED on 1 server of 1 (spam.example.listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
    ),
    same(
        "an allow list that has it",
        "-H 192.0.2.25 -s white.test --wl",
        0,
        "CHECK_RBL OK - 192.0.2.25 (mail.test) NOT WHITELISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
    ),
    same(
        "an allow list that does not",
        "-H 192.0.2.26 -s white.test --whitel",
        2,
        "CHECK_RBL CRITICAL - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 1 server of 1 (white.test) | servers=1;0;0 time=T;;",
    ),
    same(
        "a domain on no allow list",
        "-U ham.example -s white.test --wl",
        2,
        "CHECK_RBL CRITICAL - ham.example NOT WHITELISTED on 1 server of 1 (ham.example.white.test) | servers=1;0;0 time=T;;",
    ),
    same(
        "a dead list beside others",
        "-H 192.0.2.25 -s dead4.test -s clean.test -s listed2.test --query-timeout 1",
        2,
        "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 3 (listed2.test (127.0.0.2)) (1 server timed out: dead4.test) | servers=1;0;0 time=T;;",
    ),
    same(
        "thresholds the wrong way round",
        "-H 192.0.2.25 -s listed2.test -w 3 -c 2",
        3,
        "CHECK_RBL UNKNOWN - critical has to be greater or equal warning",
    ),
    same(
        "a host that does not exist",
        "-H nosuch.test -s listed2.test",
        3,
        "CHECK_RBL UNKNOWN - Cannot resolve nosuch.test",
    ),
    same("no host", "-s listed2.test", 3, "CHECK_RBL UNKNOWN - host or url has to be set"),
    same("how it is used", "--usage", 3, "Usage: check_rbl [OPTIONS]"),
];

/// Results of check_rbl that are wrong, with what is right.
pub(crate) const FAULTS: &[Case] = &[
    fault(
        "a list that does not answer public resolvers",
        "-H 192.0.2.25 -s open.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: open.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: open.test: does not answer public resolvers: ask by a resolver of your own (127.255.255.254)",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (open.test (127.255.255.254)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "a list that blocks",
        "-H 192.0.2.25 -s blocked.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: blocked.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "it blocks our resolver, or a filter answers for it (127.0.0.1)",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (blocked.test (127.0.0.1)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "a parked domain",
        "-H 192.0.2.25 -s parked.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: parked.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: parked.test: answers 203.0.113.9, which no list does: parked, hijacked, or dead",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (parked.test (203.0.113.9)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "a list that lists everything",
        "-H 192.0.2.25 -s wild.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: wild.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: wild.test: lists everything",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (wild.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "REFUSED",
        "-H 192.0.2.25 -s refused.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: refused.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: refused.test: REFUSED",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "SERVFAIL",
        "-H 192.0.2.25 -s servfail.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: servfail.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: servfail.test: SERVFAIL",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "REFUSED by an allow list",
        "-H 192.0.2.26 -s refused.test --wl",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 0 servers of 1 (1 server unusable: refused.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: refused.test: REFUSED",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 1 server of 1 (refused.test) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "SERVFAIL by an allow list",
        "-H 192.0.2.26 -s servfail.test --wl",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 0 servers of 1 (1 server unusable: servfail.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: servfail.test: SERVFAIL",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 1 server of 1 (servfail.test) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "a zone that does not exist",
        "-H 192.0.2.25 -s none.test",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server unusable: none.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: none.test: no sign of such a list: a typing error",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "every list timed out",
        "-H 192.0.2.25 -s dead2.test -s dead3.test --query-timeout 1",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 2 (2 servers timed out: dead2.test, dead3.test) (0 of 2 servers answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: dead2.test: no answer in time",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 2 (2 servers timed out: dead2.test, dead3.test) | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "every allow list timed out",
        "-H 192.0.2.26 -s dead6.test --wl --query-timeout 1",
        (
            3,
            "CHECK_RBL UNKNOWN - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 0 servers of 1 (1 server timed out: dead6.test) (0 of 1 server answered) | servers=0;0;0 time=T;;",
        ),
        "unknown: dead6.test: no answer in time",
        (
            0,
            "CHECK_RBL OK - 192.0.2.26 (192.0.2.26) NOT WHITELISTED on 0 servers of 1 (1 server timed out: dead6.test) | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "one dead list that takes all the time",
        "-H 192.0.2.25 -s dead1.test -s listed2.test -s clean.test -t 1 --query-timeout 1",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 3 (listed2.test (127.0.0.2)) (1 server timed out: dead1.test) | servers=1;0;0 time=T;;",
        ),
        "unknown: dead1.test: no answer in time",
        (3, "RBL UNKNOWN - plugin timed out (timeout 1s)"),
    ),
    fault(
        "several codes",
        "-H 192.0.2.25 -s multi.test",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (multi.test (127.0.0.2, 127.0.0.4, 127.0.0.10)) | servers=1;0;0 time=T;;",
        ),
        "listed: 192.0.2.25 by multi.test: 127.0.0.2, 127.0.0.4, 127.0.0.10, \"spam / servers=0;0;0 OK\"",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (multi.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "an allow list among block lists",
        "-H 192.0.2.25 -s list.dnswl.org -s clean.test",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 2 | servers=0;0;0 time=T;;",
        ),
        "allowed: 192.0.2.25 by list.dnswl.org: 127.0.8.3 public sector, trust high",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 2 (list.dnswl.org (127.0.8.3)) | servers=1;0;0 time=T;;",
        ),
    ),
    fault(
        "a lost packet",
        "-H 192.0.2.25 -s lossy.test --query-timeout 2",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (lossy.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "listed: 192.0.2.25 by lossy.test: 127.0.0.2",
        (
            0,
            "CHECK_RBL OK - 192.0.2.25 (mail.test) BLACKLISTED on 0 servers of 1 (1 server timed out: lossy.test) | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "a host with two addresses",
        "-H two.test -s listed2.test",
        (
            2,
            "CHECK_RBL CRITICAL - two.test BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "listed: 192.0.2.25 by listed2.test",
        (0, "CHECK_RBL OK - two.test BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;"),
    ),
    fault(
        "a host with IPv6 only",
        "-H six.test -s listed2.test",
        (
            2,
            "CHECK_RBL CRITICAL - six.test BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "listed: 2001:db8::25 by listed2.test",
        (3, "CHECK_RBL UNKNOWN - Cannot resolve six.test"),
    ),
    fault(
        "a host that is none",
        "-H 'bad_host!' -s listed2.test",
        (
            3,
            "CHECK_RBL UNKNOWN - --host bad_host!: neither an address nor a host name; a domain or URL goes behind --url",
        ),
        "",
        (0, "CHECK_RBL OK - bad_host! BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;"),
    ),
    fault(
        "a URL",
        "-U http://spam.example/y -s listed2.test",
        (
            2,
            "CHECK_RBL CRITICAL - spam.example BLACKLISTED on 1 server of 1 (spam.example.listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "listed: spam.example by listed2.test",
        (
            0,
            "CHECK_RBL OK - http://spam.example/y BLACKLISTED on 0 servers of 1 | servers=0;0;0 time=T;;",
        ),
    ),
    fault(
        "the same list twice",
        "-H 192.0.2.25 -s listed2.test -s LISTED2.test.",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 2 servers of 2 (listed2.test (127.0.0.2) LISTED2.test. (127.0.0.2)) | servers=2;0;0 time=T;;",
        ),
    ),
    fault(
        "lists inside of a list",
        "-H 192.0.2.25 -s zen.spamhaus.org -s sbl.spamhaus.org -s xbl.spamhaus.org",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 3 (zen.spamhaus.org (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
        "listed: 192.0.2.25 by sbl.spamhaus.org (counted in the list that contains it)",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 3 servers of 3 (zen.spamhaus.org (127.0.0.2) sbl.spamhaus.org (127.0.0.2) xbl.spamhaus.org (127.0.0.2)) | servers=3;0;0 time=T;;",
        ),
    ),
    fault(
        "a resolver that is none",
        "-H 192.0.2.25 -n 'bad name!' -s clean.test",
        (3, "CHECK_RBL UNKNOWN - Invalid nameserver bad name!: an address is wanted"),
        "",
        (2, "CHECK_RBL CRITICAL - Invalid nameserver bad name!"),
    ),
    fault(
        "an ini file that is not there",
        "-H 192.0.2.25 -s clean.test --extra-opts=rbl@/missing.ini",
        (
            3,
            "CHECK_RBL UNKNOWN - --extra-opts: cannot read /missing.ini: No such file or directory (os error 2); the monitoring user must be able to read it",
        ),
        "",
        (3, "Failed to open file '/missing.ini' for reading: No such file or directory"),
    ),
    fault(
        "no list",
        "-H 192.0.2.25",
        (3, "CHECK_RBL UNKNOWN - Missing argument: server"),
        "Usage: check_rbl [OPTIONS]",
        (3, "Usage: check_rbl [OPTIONS]"),
    ),
    fault(
        "no listing is enough for an alert",
        "-H 192.0.2.25 -s clean.test -w 0",
        (3, "CHECK_RBL UNKNOWN - --warning 0: write a number from 1 up"),
        "",
        (3, "RBL UNKNOWN - Cannot parse warning range: '-1'"),
    ),
    fault(
        "an option that is none",
        "-H 192.0.2.25 -s clean.test --foo",
        (3, "CHECK_RBL UNKNOWN - unknown option `foo`; --help shows all"),
        "Usage: check_rbl [OPTIONS]",
        (3, "Usage: check_rbl [OPTIONS]"),
    ),
    fault(
        "a refusing list beside others",
        "-H 192.0.2.25 -s listed2.test -s refused.test -s clean.test",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 3 (listed2.test (127.0.0.2)) (1 server unusable: refused.test) | servers=1;0;0 time=T;;",
        ),
        "unknown: refused.test: REFUSED",
        (
            2,
            "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 3 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;",
        ),
    ),
];

/// What a line is but for the time.
pub(crate) fn without_time(line: &str) -> String {
    match line.split_once("time=") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            format!("{before}time={}", rest.replacen('s', "T", 1))
        }
        None => line.to_owned(),
    }
}
