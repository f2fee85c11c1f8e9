//! dig and kdig: what a person, or a checker of name servers, sees who asks the list server.

use crate::list_server::{ADDRESS, PORT, start_list_server};
use crate::network::{on_private_network, run};

/// Asks with dig and returns what it prints; it must have received an answer.
pub(crate) fn dig(arguments: &[&str]) -> String {
    run("dig", &[&["+nocookie", "+tries=1"], arguments].concat())
}

/// The response code in dig's header line.
pub(crate) fn status(output: &str) -> &str {
    let status = output.split_once("status: ").map(|(_, rest)| rest);
    status.and_then(|rest| rest.split(',').next()).unwrap_or("none")
}

/// The tests of RFC 8906 section 8, "Testing", with its own dig commands.
#[test]
fn the_name_server_passes_the_tests_of_rfc_8906() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);

        // Section 8.1: basic DNS.
        let soa = "\tIN\tSOA\t";
        let plain = ["+noedns", "+noad", "+norec"];
        check(&[&plain[..], &["soa"]], "NOERROR", &["flags: qr aa;", soa], &["OPT PSEUDO"]);
        check(&[&plain[..], &["type1000"]], "NOERROR", &["ANSWER: 0"], &["OPT PSEUDO"]);
        check(&[&plain[..], &["+cd", "soa"]], "NOERROR", &[soa], &["OPT PSEUDO"]);
        check(&[&["+noedns", "+norec", "+ad", "soa"]], "NOERROR", &[soa], &["qr aa ad"]);
        check(&[&plain[..], &["+zflag", "soa"]], "NOERROR", &[soa], &["MBZ"]);
        check(&[&["+noedns", "+noad", "+rec", "soa"]], "NOERROR", &["qr aa rd;", soa], &[" ra;"]);
        check(&[&plain[..], &["+opcode=15", "+header-only"]], "NOTIMP", &[], &["OPT PSEUDO"]);
        check(&[&plain[..], &["+tcp", "soa"]], "NOERROR", &[soa], &["OPT PSEUDO"]);

        // Section 8.2: extended DNS.
        let edns = ["+edns=0", "+noad", "+norec"];
        let version_1 = ["+edns=1", "+noednsneg", "+noad", "+norec"];
        let (zero, flags) = ("EDNS: version: 0", "EDNS: version: 0, flags:; udp: ");
        check(&[&edns[..], &["soa"]], "NOERROR", &[soa, flags], &[]);
        check(&[&version_1[..], &["soa"]], "BADVERS", &[flags], &[soa]);
        check(&[&edns[..], &["+ednsopt=100", "soa"]], "NOERROR", &[soa, flags], &["OPT=100"]);
        check(&[&edns[..], &["+ednsflags=0x40", "soa"]], "NOERROR", &[soa, flags], &["MBZ"]);
        check(&[&version_1[..], &["+ednsflags=0x40", "soa"]], "BADVERS", &[flags], &[soa, "MBZ"]);
        check(&[&version_1[..], &["+ednsopt=100", "soa"]], "BADVERS", &[zero], &["OPT=100"]);
        check(&[&edns[..], &["+dnssec", "soa"]], "NOERROR", &[soa, zero], &[]);
        check(&[&version_1[..], &["+dnssec", "soa"]], "BADVERS", &[zero], &[soa]);
        let many = ["+cookie", "+nsid", "+expire", "+subnet=0.0.0.0/0", "soa"];
        check(&[&edns[..], &many], "NOERROR", &[soa, zero], &[]);
    });
}

/// dig makes half a cookie, and judges by itself whether the whole one is for it.
#[test]
fn dig_finds_our_cookies_good() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);
        let port = PORT.to_string();
        let asked = [&format!("@{ADDRESS}"), "-p", &port, "+cookie", "bl.example", "SOA"];
        let output = run("dig", &asked);
        assert!(output.contains("(good)") && status(&output) == "NOERROR", "{output}");
    });
}

#[test]
fn a_long_answer_is_truncated_and_comes_whole_over_tcp() {
    on_private_network(|| {
        let sentence = "a reason of many words, ".repeat(9);
        let long: String =
            (2..5).map(|code| format!("192.0.2.7 :{code}:{code} {sentence}\n")).collect();
        let _server = start_list_server(&[("bl.example", &long)]);

        let name = "7.2.0.192.bl.example";
        let small = ask(&["+ignore", "+bufsize=512", name, "txt"]);
        assert!(small.contains(" tc"), "{small}");
        let patient = ask(&["+bufsize=512", name, "txt"]);
        assert!(patient.contains("Truncated, retrying in TCP mode"), "{patient}");
        assert!(patient.contains("ANSWER: 3"), "{patient}");
        let whole = ask(&["+ignore", "+bufsize=1232", name, "txt"]);
        assert!(whole.contains("ANSWER: 3") && !whole.contains(" tc"), "{whole}");
    });
}

#[test]
fn kdig_asks_many_questions_over_one_connection() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);
        let port = PORT.to_string();
        let names = ["7.2.0.192.bl.example", "9.2.0.192.bl.example", "8.2.0.192.bl.example"];
        let server = format!("@{ADDRESS}");
        let global = [server.as_str(), "-p", &port, "+tcp", "+keepopen", "+short"];
        assert_eq!(run("kdig", &[&global[..], &names].concat()), "127.0.0.2\n127.0.0.4\n");
    });
}

#[test]
fn a_question_keeps_its_spelling() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);
        let answer = ask(&["7.2.0.192.bL.eXaMPLe", "a"]);
        assert!(answer.contains("\n7.2.0.192.bL.eXaMPLe.\t"), "{answer}");
    });
}

#[test]
fn what_is_not_listed_says_how_long_it_is_so() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);
        let unlisted = ask(&["9.2.0.192.bl.example", "a"]);
        assert_eq!(status(&unlisted), "NXDOMAIN");
        assert!(unlisted.contains("AUTHORITY: 1") && unlisted.contains("\tSOA\t"), "{unlisted}");
        // RFC 8020: names exist below this one.
        let above = ask(&["2.0.192.bl.example", "a"]);
        assert_eq!(status(&above), "NOERROR");
        assert!(above.contains("ANSWER: 0") && above.contains("\tSOA\t"), "{above}");
    });
}

/// RFC 5782 section 5: "IPv4-based DNSxLs MUST contain an entry for 127.0.0.2 for testing purposes.
/// IPv4-based DNSxLs MUST NOT contain an entry for 127.0.0.1."
#[test]
fn test_entries_hold_whatever_the_list_says() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", "127.0.0.0/24 :2:all of these")]);
        assert_eq!(ask(&["+short", "2.0.0.127.bl.example", "a"]), "127.0.0.2\n");
        let never = ask(&["1.0.0.127.bl.example", "a"]);
        assert_eq!(status(&never), "NXDOMAIN");
        assert!(never.contains("ANSWER: 0"), "{never}");
    });
}

#[test]
fn names_of_others_are_refused_with_the_reason() {
    on_private_network(|| {
        let _server = start_list_server(&[("bl.example", LIST)]);
        let refused = ask(&["www.example.net", "a"]);
        assert_eq!(status(&refused), "REFUSED");
        assert!(refused.contains("EDE: 20 (Not Authoritative)"), "{refused}");
    });
}

/// Asks the list server about the zone itself, and looks for texts in what dig prints.
#[track_caller]
fn check(arguments: &[&[&str]], code: &str, present: &[&str], absent: &[&str]) {
    let arguments = [arguments.concat(), vec!["bl.example"]].concat();
    let output = ask(&arguments);
    assert_eq!(status(&output), code, "{arguments:?}\n{output}");
    for text in present {
        assert!(output.contains(text), "no `{text}` for {arguments:?}\n{output}");
    }
    for text in [absent, &["malformed", "WARNING: Message"]].concat() {
        assert!(!output.contains(text), "`{text}` for {arguments:?}\n{output}");
    }
}

/// Asks the list server itself, with no resolver between.
pub(crate) fn ask(arguments: &[&str]) -> String {
    let (server, port) = (format!("@{ADDRESS}"), PORT.to_string());
    dig(&[&[server.as_str(), "-p", &port], arguments].concat())
}

/// Two addresses.
const LIST: &str = "192.0.2.7 :2:listed\n192.0.2.8 :4:listed\n";
