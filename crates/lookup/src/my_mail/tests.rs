//! Domains as their records are, and what is found of each.

use super::*;
use crate::message::Reply;

/// Answers a question from lines `name TYPE data`; `name TYPE -` is silence.
fn answer(zone: &str, question: &Question) -> Answer {
    let name = Name::from_wire(&question.name).expect("a name").to_string();
    let rtype = match question.rtype {
        A => "A",
        AAAA => "AAAA",
        MX => "MX",
        _ => "TXT",
    };
    let (mut records, mut exists) = (Vec::new(), false);
    for line in zone.lines().map(str::trim) {
        let mut words = line.splitn(3, ' ');
        let (Some(owner), Some(of), Some(data)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        exists |= owner == name;
        if (owner, of) != (&*name, rtype) {
            continue;
        }
        records.push(match rtype {
            _ if data == "-" => return Answer::TimedOut,
            "MX" => {
                let (preference, host) = data.split_once(' ').expect("a preference");
                let host = if host == "." { Name::root() } else { host.parse().expect("a name") };
                Data::Mx { preference: preference.parse().expect("a number"), host }
            }
            "TXT" => Data::Text(data.to_owned()),
            _ => Data::Address(data.parse().expect("an address")),
        });
    }
    Answer::Reply(Reply { rcode: if exists { 0 } else { 3 }, records, ..Reply::default() })
}

/// What is found of mail.example: addresses with their reasons, then notes.
fn shown(zone: &str) -> Vec<String> {
    let mut search = Search::new("mail.example".parse().expect("a name"));
    loop {
        let questions = search.questions();
        if questions.is_empty() {
            break;
        }
        let answers: Vec<Answer> =
            questions.iter().map(|question| answer(zone, question)).collect();
        search.hear(&answers);
    }
    let mail = search.end();
    let found = mail.found.iter().map(|found| {
        let origins: Vec<String> = found.origins.iter().map(ToString::to_string).collect();
        format!("{} ({})", found.subject, origins.join("; "))
    });
    let notes =
        mail.notes.iter().map(|note| format!("{}{note}", if note.is_gap() { "! " } else { "" }));
    found.chain(notes).collect()
}

#[track_caller]
fn check(zone: &str, expect: &[&str]) {
    assert_eq!(shown(zone), expect, "{zone}");
}

#[test]
fn mail_servers_are_found() {
    check(
        "mail.example MX 20 b.mail.example
         mail.example MX 10 a.mail.example
         mail.example MX 20 gone.example
         a.mail.example A 192.0.2.25
         a.mail.example AAAA 2001:db8::25
         b.mail.example A 192.0.2.26
         b.mail.example A 192.0.2.25",
        &[
            "192.0.2.25 (a.mail.example, MX 10; b.mail.example, MX 20)",
            "2001:db8::25 (a.mail.example, MX 10)",
            "192.0.2.26 (b.mail.example, MX 20)",
            "mail.example has no SPF record",
            "gone.example (gone.example, MX 20) has no address",
        ],
    );
    check(
        "mail.example A 192.0.2.80\nmail.example TXT v=spf1 -all",
        &["192.0.2.80 (mail.example itself, which has no MX)"],
    );
    check(
        "mail.example MX 0 .\nmail.example A 192.0.2.80\nmail.example TXT v=spf1 -all",
        &["mail.example takes no mail (null MX, RFC 7505)"],
    );
    check("", &["! mail.example: no such domain", "mail.example has no SPF record"]);
    check(
        "mail.example MX -\nmail.example TXT -",
        &[
            "! no resolver says what the MX of mail.example is",
            "! no resolver says what the SPF of mail.example is",
        ],
    );
    check(
        "mail.example MX 10 a.mail.example\nmail.example TXT v=spf1 -all\na.mail.example A 192.0.2.25\na.mail.example AAAA -",
        &[
            "192.0.2.25 (a.mail.example, MX 10)",
            "! no resolver says what the address of a.mail.example is",
        ],
    );
}

#[test]
fn what_spf_names_is_found() {
    check(
        "mail.example MX 10 mx.example
         mx.example A 192.0.2.25
         mail.example TXT unrelated
         mail.example TXT v=spf1 mx a:web.example/28 ip4:192.0.2.25 ip4:198.51.100.0/24 include:_spf.example ~all
         web.example A 203.0.113.77
         web.example AAAA 2001:db8::80
         _spf.example TXT v=spf1 ip6:2001:db8:1::/48 mx:others.example//64 ?ip4:192.0.2.9 -ip4:192.0.2.10 -all
         others.example MX 5 mx.others.example
         mx.others.example AAAA 2001:db8:2::25",
        &[
            "192.0.2.25 (SPF of mail.example; mx.example, MX 10; mx in the SPF of mail.example)",
            "198.51.100.0/24 (SPF of mail.example)",
            "203.0.113.64/28 (a:web.example/28 in the SPF of mail.example)",
            "2001:db8::80 (a:web.example/28 in the SPF of mail.example)",
            "2001:db8:1::/48 (SPF of _spf.example)",
            "192.0.2.9 (SPF of _spf.example)",
            "2001:db8:2::/64 (mx:others.example//64 in the SPF of _spf.example)",
        ],
    );
    check(
        "mail.example MX 0 .
         mail.example TXT v=spf1 redirect=_spf.example
         _spf.example TXT v=spf1 ip4:192.0.2.1",
        &["192.0.2.1 (SPF of _spf.example)", "mail.example takes no mail (null MX, RFC 7505)"],
    );
}

#[test]
fn what_cannot_be_followed_is_said() {
    check(
        "mail.example MX 0 .
         mail.example TXT v=spf1 exists:%{i}.x.example ptr include:%{d}.x.example ip5:x include:none.example a:gone.example redirect=%{o}.example
         mail.example TXT v=spf1 include:a.example
         a.example TXT v=spf1 include:b.example ip4:192.0.2.1
         b.example TXT v=spf1 include:a.example include:c.example
         c.example TXT -",
        &[
            "192.0.2.1 (SPF of a.example)",
            "mail.example takes no mail (null MX, RFC 7505)",
            "mail.example has several SPF records: receivers take them for an error; all are looked at",
            "`ip5:x` in the SPF of mail.example is none of its terms: receivers take it for an error",
            "`exists:%{i}.x.example` in the SPF of mail.example names other addresses for every mail: left out",
            "`ptr` in the SPF of mail.example names other addresses for every mail: left out",
            "`include:%{d}.x.example` in the SPF of mail.example names other addresses for every mail: left out",
            "`redirect` in the SPF of mail.example names other addresses for every mail: left out",
            "none.example has no SPF record",
            "gone.example (a:gone.example in the SPF of mail.example) has no address",
            "the SPF of a.example includes itself",
            "! no resolver says what the SPF of c.example is",
        ],
    );
}

#[test]
fn the_limits_of_receivers_are_told_and_not_ours() {
    let includes = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("include:n{n}.example")).collect();
        let records: String =
            (0..count).map(|n| format!("n{n}.example TXT v=spf1 ip4:192.0.2.{n}\n")).collect();
        format!("mail.example MX 0 .\nmail.example TXT v=spf1 {}\n{records}", names.join(" "))
    };
    let found = shown(&includes(10));
    assert_eq!(found.len(), 11, "{found:?}");
    let found = shown(&includes(14));
    assert_eq!(found.len(), 16, "all are found: {found:?}");
    assert_eq!(found[15], "SPF needs 14 look-ups: receivers make 10 and take more for an error");
    let found = shown(
        "mail.example MX 0 .\nmail.example TXT v=spf1 a:a.example a:b.example mx:c.example\n",
    );
    assert_eq!(
        found.last().map(String::as_str),
        Some("3 look-ups of SPF find nothing: receivers bear 2")
    );
    // A record that leads on and on comes to an end.
    let chain: String = (0..1000)
        .map(|n| format!("n{n}.example TXT v=spf1 include:n{}.example\n", n + 1))
        .collect();
    let found =
        shown(&format!("mail.example MX 0 .\nmail.example TXT v=spf1 include:n0.example\n{chain}"));
    assert!(
        found.contains(&"! SPF leads further than is followed: the rest is left out".to_owned())
    );
}
