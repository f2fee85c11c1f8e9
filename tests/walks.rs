//! Walks: the ways that data goes through the product, each told as one story with the real binary.
//!
//! What happens at each station is tested in its own room, with all its edges; here is what joins them.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "a walk has a client of its own, which shows packets")]
mod dns;
#[path = "serve/free.rs"]
mod free;
#[path = "walks/hostile.rs"]
mod hostile;
#[path = "walks/packet.rs"]
mod packet;
#[path = "serve/pages.rs"]
mod pages;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "a walk needs a part of what tests of the command need")]
mod process;
#[path = "walks/request.rs"]
mod request;

use std::fs;

use dns::until;
use packet::{Client, over_tcp, query, with_edns, words};
use process::{Place, Served};

/// ARCHITECTURE.md, "A DNS query" and "How data gets in".
#[test]
fn a_query_becomes_an_answer_and_an_edit_another_one() {
    // An operator has a list of addresses, one of names, and says who may ask.
    let place = Place::new();
    let many: String =
        (1..=40).map(|n| format!("192.0.2.9 :2:reason {n} of many for $\n")).collect();
    let list = format!(
        "192.0.2.0/28 :2:open relay, see https://bl.example/$\n!192.0.2.7\n192.0.2.1 :3:spam from $\n\
         2001:db8::/32 :4:all of it\n198.51.100.1 :5:for customers @ key=require\n{many}"
    );
    place.write("bl.txt", &list);
    place.write("names.txt", ".bad.example :2:$ is bad\n");
    place.write("clients.acl", "127.0.0.9 :refuse\n");
    place.write("keys.acl", "k7dq2mwp4s :pass\nunpaid :refuse\n:pass\n");
    let config = place.header() + CONFIG;
    let server = Served::start(&place, &config);
    let client = Client::at("127.0.0.1", server.dns);

    // A packet comes to a worker, with others: it takes all there are, and answers each.
    for last in 0..60 {
        client.sends(&query(&format!("{last}.0.0.10.bl.example"), "A"));
    }
    for _ in 0..60 {
        assert_eq!(words(&client.hears()), "NXDOMAIN AA, SOA");
    }

    // The question is read, and what cannot be read is told so.
    client.sends(&query("1.2.0.192.bl.example", "A")[..20]);
    assert_eq!(words(&client.hears()), "FORMERR");

    // Access lists speak first: of the client's address ...
    let refused = Client::at("127.0.0.9", server.dns);
    assert_eq!(refused.asks("1.2.0.192.bl.example", "A"), "REFUSED");
    // ... and of the key before the apex, which is cut off then.
    assert_eq!(client.asks("1.2.0.192.unpaid.bl.example", "A"), "REFUSED");
    assert_eq!(client.asks("1.2.0.192.k7dq2mwp4s.bl.example", "A"), "NOERROR AA, 127.0.0.3");
    assert_eq!(client.asks("1.100.51.198.k7dq2mwp4s.bl.example", "A"), "NOERROR AA, 127.0.0.5");
    assert_eq!(client.asks("1.100.51.198.bl.example", "A"), "NOERROR AA, SOA");

    // The zone with the longest apex that matches answers; without one nobody does.
    assert_eq!(client.asks("www.bad.example.names.bl.example", "A"), "NOERROR AA, 127.0.0.2");
    assert_eq!(client.asks("1.2.0.192.names.bl.example", "A"), "NXDOMAIN AA, SOA");
    assert_eq!(client.asks("1.2.0.192.elsewhere.example", "A"), "REFUSED");

    // The labels before it are read as an address, and the index has its value: the closest network's.
    assert_eq!(client.asks("1.2.0.192.bl.example", "A"), "NOERROR AA, 127.0.0.3");
    assert_eq!(client.asks("2.2.0.192.bl.example", "A"), "NOERROR AA, 127.0.0.2");
    let nibbles = format!("{}8.b.d.0.1.0.0.2.bl.example", "7.".repeat(24));
    assert_eq!(client.asks(&nibbles, "A"), "NOERROR AA, 127.0.0.4");
    // The text has the target put in; of names it is the entry.
    let spam = "NOERROR AA, \"spam from 192.0.2.1\"";
    assert_eq!(client.asks("1.2.0.192.bl.example", "TXT"), spam);
    let bad = "NOERROR AA, \"bad.example is bad\"";
    assert_eq!(client.asks("www.bad.example.names.bl.example", "TXT"), bad);
    // Excluded, or of another type, or above others: not listed is not the same as not there.
    assert_eq!(client.asks("7.2.0.192.bl.example", "A"), "NXDOMAIN AA, SOA");
    assert_eq!(client.asks("1.2.0.192.bl.example", "AAAA"), "NOERROR AA, SOA");
    assert_eq!(client.asks("2.0.192.bl.example", "A"), "NOERROR AA, SOA");
    assert_eq!(client.asks("1.0.0.2.bl.example", "A"), "NOERROR AA, SOA");

    // The message is composed: EDNS for who has it, TC for what is too long, and all of it by TCP.
    client.sends(&with_edns(query("1.2.0.192.bl.example", "A")));
    assert_eq!(words(&client.hears()), "NOERROR AA, 127.0.0.3, OPT");
    let long = query("9.2.0.192.bl.example", "TXT");
    client.sends(&long);
    assert_eq!(words(&client.hears()), "NOERROR AA TC");
    let whole = words(&over_tcp(server.dns, &long));
    assert_eq!(whole.matches("for 192.0.2.9").count(), 40, "{whole}");
    assert!(whole.starts_with("NOERROR AA, \"reason"), "{whole}");

    // An edit is noticed, the new zone built beside the old one and swapped; every query has an answer.
    place.write("beside.txt", &list.replace(":3:spam", ":6:more spam"));
    fs::rename(place.path("beside.txt"), place.path("bl.txt")).unwrap();
    let ask = || client.asks("1.2.0.192.bl.example", "TXT");
    until("the edit is served", || {
        let answer = ask();
        assert!(answer == spam || answer.contains("more spam"), "{answer}");
        answer != spam
    });
    assert_eq!(client.asks("1.2.0.192.bl.example", "A"), "NOERROR AA, 127.0.0.6");

    // An edit that went wrong is refused, and what was served is served on: now, ...
    place.write("bl.txt", "0.0.0.0/0 :2:everybody\n");
    let (code, shown) = server.reload();
    assert_eq!(code, 1, "{shown}");
    assert_eq!(client.asks("1.2.0.192.bl.example", "A"), "NOERROR AA, 127.0.0.6");
    assert_eq!(client.asks("9.9.9.9.bl.example", "A"), "NXDOMAIN AA, SOA");
    assert!(server.answers("bl.example") > 70, "and what was asked is counted");
    // ... and by a server that was killed and starts with it.
    server.kill();
    let server = Served::start(&place, &config);
    let client = Client::at("127.0.0.1", server.dns);
    assert_eq!(client.asks("1.2.0.192.bl.example", "A"), "NOERROR AA, 127.0.0.6");
    assert_eq!(Client::at("127.0.0.9", server.dns).asks("1.2.0.192.bl.example", "A"), "REFUSED");
    server.stop();
}

/// Two zones, one inside the other.
const CONFIG: &str = r#"
[[zone]]
apex = "bl.example"
acl = "clients.acl"
aclkey = "keys.acl"
[[zone.source]]
kind = "addresses"
format = "rbldnsd"
files = ["bl.txt"]

[[zone]]
apex = "names.bl.example"
[[zone.source]]
kind = "names"
format = "rbldnsd"
files = ["names.txt"]
"#;
