//! Master files as text: what is read, what is refused, what is written again.

use super::*;

/// The records and faults of a text, one a line.
fn read_text(text: &str) -> Vec<String> {
    let apex: Name = "example.test".parse().expect("a name");
    let mut include = |name: &str| match name {
        "inner" => Ok(b"in A 192.0.2.99\n@ 60 TXT \"of the inner\"\nbroken A x\n".to_vec()),
        "loop" => Ok(b"$INCLUDE loop\n".to_vec()),
        _ => Err("no such file".to_owned()),
    };
    let reading = read(&apex, text.as_bytes(), &mut include);
    let records = reading.records.iter().map(|placed| line(&placed.record).replace('\t', " "));
    records.chain(reading.faults.iter().map(|fault| format!("! {fault}"))).collect()
}

#[test]
fn all_that_a_line_can_leave_out_is_filled_in() {
    let text = "$TTL 1h\n\
        @ IN SOA ns hostmaster ( 7 ; the serial\n 1h 15m 1w 5m )\n\
        \tNS ns\n\
        NS 60 IN A 192.0.2.1\n\
        IN AAAA 2001:db8::1\n\
        a.b.example.test. IN 5m CNAME @\n\
        $ORIGIN sub\n\
        x MX 10 mail\n\
        * TXT one \"two three\" \"with \\\" and ;\"\n";
    assert_eq!(
        read_text(text),
        [
            "example.test. 3600 IN SOA ns.example.test. hostmaster.example.test. 7 3600 900 604800 300",
            "example.test. 3600 IN NS ns.example.test.",
            "ns.example.test. 60 IN A 192.0.2.1",
            "in.example.test. 3600 IN AAAA 2001:db8::1",
            "a.b.example.test. 300 IN CNAME example.test.",
            "x.sub.example.test. 3600 IN MX 10 mail.sub.example.test.",
            "*.sub.example.test. 3600 IN TXT \"one\" \"two three\" \"with \\\" and ;\"",
        ]
    );
}

#[test]
fn types_of_all_kinds_are_read_and_written() {
    let lines = [
        "a.example.test. 60 IN CAA 0 issue \"ca.example; accounturi=https://ca.example/1\"",
        "a.example.test. 60 IN SRV 1 2 443 host.example.test.",
        "a.example.test. 60 IN TLSA 3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6",
        "a.example.test. 60 IN PTR host.example.test.",
        "a.example.test. 60 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1",
        "a.example.test. 60 IN SVCB 16 svc.example.test. port=8443",
        "a.example.test. 60 IN NAPTR 100 10 \"u\" \"sip+E2U\" \"!^.*$!sip:info@example.test!\" .",
        "a.example.test. 60 IN DNAME other.example.",
        "a.example.test. 60 IN SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789",
        "a.example.test. 60 IN DS 60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
        "a.example.test. 60 IN TYPE65280 \\# 3 0a0b0c",
        "a.example.test. 60 IN HINFO \"PC\" \"Linux\"",
    ];
    for line in lines {
        let read = read_text(line);
        assert_eq!(read.len(), 1, "{read:?}");
        assert_eq!(read[0].to_lowercase(), line.to_lowercase());
        assert_eq!(read_text(&read[0]), read, "what is written is read again");
    }
    // Known types in the form of unknown ones (RFC 3597 section 5).
    assert_eq!(read_text("a 60 IN TYPE1 \\# 4 c0000201"), ["a.example.test. 60 IN A 192.0.2.1"]);
}

#[test]
fn every_fault_is_told_and_the_rest_is_read() {
    let text = "$TTL 60\n\
        a A 192.0.2.300\n\
        b A 192.0.2.2\n\
        c MX ten mail\n\
        d TXT \"never closed\n\
        e WHAT 1\n\
        f 60 CH A 192.0.2.1\n\
        g A 192.0.2.7 )\n\
        h\n\
        $NEVER 1\n\
        $INCLUDE missing\n\
        i 99999999999 A 192.0.2.1\n\
        j AXFR\n\
        k A ( 192.0.2.11\n";
    let told = read_text(text);
    assert_eq!(told[0], "b.example.test. 60 IN A 192.0.2.2");
    let lines: Vec<_> = told[1..]
        .iter()
        .map(|fault| fault.trim_start_matches("! ").split(':').next().unwrap_or(""))
        .collect();
    assert_eq!(
        lines,
        ["2", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"],
        "{told:#?}"
    );
    assert!(told.iter().any(|fault| fault.ends_with("cannot include missing: no such file")));
}

#[test]
fn files_are_included_and_lines_generated() {
    let text = "$TTL 60\n$INCLUDE inner sub\n@ A 192.0.2.1\n$GENERATE 1-3/2 host-${0,2} A 192.0.2.$\n\
        $GENERATE 10-10 ${0,3,n} TXT \"costs $$ $\"\n$INCLUDE loop\n";
    let told = read_text(text);
    assert_eq!(
        told[..6],
        [
            "in.sub.example.test. 60 IN A 192.0.2.99",
            "sub.example.test. 60 IN TXT \"of the inner\"",
            "example.test. 60 IN A 192.0.2.1",
            "host-01.example.test. 60 IN A 192.0.2.1",
            "host-03.example.test. 60 IN A 192.0.2.3",
            "a.0.example.test. 60 IN TXT \"costs $ 10\"",
        ]
    );
    assert!(
        told[6].starts_with("! inner:3: the data of the A record is not understood"),
        "{}",
        told[6]
    );
    assert!(told[7].contains("loop is not read"), "{}", told[7]);
    assert_eq!(told.len(), 8);
}

#[test]
fn times_are_read_with_units() {
    for (text, expect) in
        [("1w2d3h4m5s", Some(788_645)), ("90", Some(90)), ("1d12", Some(86_412)), ("d", None)]
    {
        assert_eq!(seconds(text.as_bytes()), expect);
    }
    assert_eq!(seconds(b""), None);
    assert_eq!(seconds(b"99999w99999w"), None);
}
