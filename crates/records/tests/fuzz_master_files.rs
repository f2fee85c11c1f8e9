//! Master files of anybody: nothing panics or hangs, and what is read is written and read again as it was.

use std::sync::Arc;
use std::time::Duration;

use repute_dnsxl::Name;
use repute_records::{Difference, Editor, Record, Zone, lint, master};

#[test]
fn any_text_is_read() {
    // How long to go on: `FUZZ_SECONDS`, or a second.
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(1));
    bolero::check!().with_test_time(time).with_type::<Vec<u8>>().for_each(|bytes| {
        let apex: Name = "example.test".parse().expect("a name");
        let start = b"$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\n";
        read(&apex, bytes);
        read(&apex, &[&start[..], bytes].concat());
        // Words that mean something, chosen by the bytes.
        let words: Vec<u8> =
            bytes.iter().flat_map(|byte| WORDS[usize::from(*byte) % WORDS.len()].bytes()).collect();
        read(&apex, &[&start[..], &words].concat());
    });
}

/// Reads a text, and holds what comes of it to its promises.
fn read(apex: &Name, text: &[u8]) {
    let reading = master::read(apex, text, &mut |_| Ok(b"in 60 A 192.0.2.1\n".to_vec()));
    let records: Vec<Record> = reading.records.into_iter().map(|placed| placed.record).collect();
    for record in &records {
        let line = format!("{}\n", master::line(record));
        let again = master::read_lines(apex, &line);
        let again: Vec<&Record> = again.records.iter().map(|placed| &placed.record).collect();
        assert_eq!(again, [record], "{line}");
    }
    let Ok((zone, _)) = Zone::new(apex.clone(), records) else { return };
    lint::zone(&zone);
    for node in zone.iter() {
        zone.find_name(node.owner());
    }
    let zone = Arc::new(zone);
    let difference = Difference::between(&zone, &zone);
    assert!(difference.is_empty());
    Editor::new(&zone).apply(&difference).expect("a difference without records fits");
}

/// Parts of master files.
const WORDS: [&str; 40] = [
    "\n",
    " ",
    "\t",
    "@",
    "a",
    "*",
    ".",
    "b.",
    "\\046",
    "\\",
    "\"",
    "(",
    ")",
    ";",
    "60 ",
    "1w2d ",
    "IN ",
    "CH ",
    "A ",
    "192.0.2.1",
    "AAAA ",
    "2001:db8::1",
    "TXT ",
    "MX 10 ",
    "NS ",
    "CNAME ",
    "SOA ",
    "TYPE65280 ",
    "\\# 2 ab",
    "cd",
    "$ORIGIN ",
    "$TTL ",
    "$INCLUDE f",
    "$GENERATE 1-3 ",
    "$",
    "${0,4,n}",
    "CAA 0 issue ",
    "SVCB 1 . ",
    "alpn=h2",
    "DNAME ",
];
