//! Tables from outside: text in; out comes what is listed and what is said of it.

use std::io::Cursor;
use std::sync::Arc;

use repute_dnsxl::Polarity;

use super::*;
use crate::{Dialect, Zone, ZoneSpec, export};

/// A table of this kind with its key in the first column and nothing else.
fn table(kind: TableKind, layout: Layout) -> TableOptions {
    TableOptions {
        kind,
        layout,
        key_column: 0,
        code_column: None,
        category_column: None,
        minimum: None,
        code: ReturnCode::LISTED,
        text: String::new(),
        text_column: None,
        subdomains: false,
        header_lines: 0,
    }
}

/// CSV of addresses with a code and a text.
fn csv() -> TableOptions {
    let table = table(TableKind::Addresses, Layout::Separated(b','));
    TableOptions { code_column: Some(1), text_column: Some(2), ..table }
}

/// Reads files by the rules of native zones.
fn load(files: &[&[u8]], table: &TableOptions, options: &ReadOptions) -> Loaded {
    let input = |(n, text): (usize, &&'_ [u8])| Input {
        name: Arc::from(format!("{n}")),
        reader: Box::new(Cursor::new(text.to_vec())),
        modified: 0,
    };
    let inputs = files.iter().enumerate().map(input).collect();
    read(inputs, table, options).expect("memory can be read")
}

/// What is listed, in rbldnsd's words, and what is said of the files.
fn outcome(files: &[&[u8]], table: &TableOptions) -> (Vec<String>, Vec<String>) {
    let loaded = load(files, table, &ReadOptions::default());
    let said = loaded.faults.iter().map(ToString::to_string).collect();
    assert!(loaded.faults.errors() <= loaded.lines, "a faulty line is a line");
    let zone = Zone::new(ZoneSpec {
        apex: "bl.example".parse().expect("a name"),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: vec![Arc::new(loaded.dataset)],
        test_entries: false,
        link: None,
        codes: Vec::new(),
        serial: 0,
    });
    let mut text = Vec::new();
    export::rbldnsd(&zone, export::View::Whole, &mut text).expect("memory takes it");
    let text = String::from_utf8_lossy(&text).into_owned();
    let listed = text.lines().filter(|line| !line.starts_with(['$', '#']) && !line.is_empty());
    (listed.map(str::to_owned).collect(), said)
}

/// A list, what it lists, and what is said of it.
fn check(table: &TableOptions, list: &str, listed: &[&str], said: &[&str]) {
    assert_eq!(outcome(&[list.as_bytes()], table), (owned(listed), owned(said)), "{list}");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_quoted_field_holds_separators_quotes_and_line_ends() {
    check(
        &csv(),
        "192.0.2.1,3,\"open proxy, seen \"\"twice\"\"\"\n\
         \"192.0.2.2\" , \"4\" , \"first\n192.0.2.9,9,second\n# third\"\n192.0.2.3,5,5\" pipe\n",
        &[
            ":127.0.0.3:open proxy, seen \"twice\"",
            "192.0.2.1",
            ":127.0.0.4:first 192.0.2.9,9,second # third",
            "192.0.2.2",
            ":127.0.0.5:5\" pipe",
            "192.0.2.3",
        ],
        &[],
    );
}

#[test]
fn a_quote_that_is_not_closed_swallows_nothing() {
    let quote = |place: &str| {
        format!(
            "0:{place}: this quote is not closed: expected another at the field's end, within 100 lines"
        )
    };
    // To the end of the file, where the next one closes it before other text, and for too long.
    check(
        &csv(),
        "192.0.2.1,2,a\n  192.0.2.2,2,\"b\n192.0.2.3,3,c\n",
        &[":127.0.0.2:a", "192.0.2.1", ":127.0.0.3:c", "192.0.2.3"],
        &[&quote("2:15")],
    );
    check(
        &csv(),
        "192.0.2.2,2,\"b\n192.0.2.3,3,\"c\"\n192.0.2.4,3,\"d\n",
        &[":127.0.0.3:c", "192.0.2.3"],
        &[&quote("1:13"), &quote("3:13")],
    );
    let (lines, filler) = (120, "192.0.2.4,4,d\n");
    let long = format!("192.0.2.2,2,\"b\n{}192.0.2.3,3,\"c\"\n", filler.repeat(lines));
    check(
        &csv(),
        &long,
        &[":127.0.0.3:c", "192.0.2.3", ":127.0.0.4:d", "192.0.2.4"],
        &[&quote("1:13")],
    );
    // A file's quote is no matter of the next file.
    let (listed, said) = outcome(&[b"192.0.2.2,2,\"b\n", b"192.0.2.3,3,\"c\"\n"], &csv());
    assert_eq!((listed, said), (owned(&[":127.0.0.3:c", "192.0.2.3"]), vec![quote("1:13")]));
}

#[test]
fn a_fault_inside_a_record_is_told_in_its_own_line() {
    let table = TableOptions { key_column: 1, code_column: None, text_column: None, ..csv() };
    check(
        &table,
        "\"two\nlines\", 192.0.2.1\n \"two\n  lines\", 192.0.2.300\n\"x\"y,192.0.2.3\n",
        &[":127.0.0.2:", "192.0.2.1"],
        &[
            "0:4:19: expected a number from 0 to 255",
            "0:5:4: expected the separator or the line's end behind the closing quote; a quote \
             inside quotes is written twice",
        ],
    );
}

#[test]
fn a_text_that_is_too_long_is_cut_and_told() {
    let list = format!("192.0.2.1,2,\"{}\"\n", "x".repeat(300));
    let text = format!(":127.0.0.2:{}", "x".repeat(254));
    let said = "0:1:268: the text is longer than 254 bytes and is cut there";
    check(&csv(), &list, &[&text, "192.0.2.1"], &[said]);
}

#[test]
fn names_are_names() {
    let table = table(TableKind::Names, Layout::Blanks);
    let said = |place: &str, words: &str| format!("0:{place}: {words}");
    check(
        &table,
        "bad.example\n *.https://bad.example/\nb\u{fc}cher.example\n.a..b\nuser@bad.example x\n",
        &[":127.0.0.2:", "bad.example", "xn--bcher-kva.example"],
        &[
            &said("2:4", "a URL where a domain name is expected: leave only the host name"),
            &said("4:4", "a domain name is malformed: a label is empty"),
            &said(
                "5:5",
                "a mail address where a domain name is expected: leave only what follows the `@`",
            ),
        ],
    );
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_start_of_each_file_only() {
    let table = table(TableKind::Addresses, Layout::Blanks);
    let files: [&[u8]; 3] = [
        b"\xef\xbb\xbf192.0.2.1",
        b"\xef\xbb\xbf# list\n",
        b"\xef\xbb\xbfx\n\xef\xbb\xbf192.0.2.3",
    ];
    let (listed, said) = outcome(&files, &table);
    assert_eq!(listed, [":127.0.0.2:", "192.0.2.1"]);
    let expected = "expected an IPv4 or IPv6 address, network or range";
    assert_eq!(said, [format!("2:1:1: {expected}"), format!("2:2:1: {expected}")]);
}

#[test]
fn names_of_hosts_lists_are_listed_and_those_of_every_machine_are_not() {
    let table = table(TableKind::Names, Layout::Hosts);
    let own = "0:%: expected 0.0.0.0, 127.0.0.1, :: or ::1 before names that are listed; this address \
               is a machine's own";
    check(
        &table,
        "# list\n127.0.0.1 localhost\n127.0.0.1\tlocalhost.localdomain local\n\
         255.255.255.255 broadcasthost\n::1 LocalHost ip6-loopback\nfe80::1%lo0 localhost\n\
         ff02::2 ip6-allrouters\n0.0.0.0 0.0.0.0\n\
         0.0.0.0 bad.example\tb\u{fc}cher.example # why\n::1 six.example\n127.0.0.1 ip6-ads.example#x\n\
         0.0.0.0\n192.0.2.1 printer.example\nbad.example\n0.0.0.0 a..b fine.example https://c/\n\
         0.0.0.0 192.0.2.9\n",
        &[
            ":127.0.0.2:",
            "bad.example",
            "fine.example",
            "ip6-ads.example",
            "six.example",
            "xn--bcher-kva.example",
        ],
        &[
            &own.replace('%', "13:1"),
            "0:14:1: expected an address such as 0.0.0.0 and names, as in /etc/hosts",
            "0:15:11: a domain name is malformed: a label is empty",
            "0:16:9: an IP address where a domain name is expected: put it into a source with \
             `kind = \"addresses\"`",
        ],
    );
}

#[test]
fn domain_rules_of_adblock_lists_list_and_exclude() {
    let table = table(TableKind::Names, Layout::Adblock);
    let option = "0:%: expected the rule's end behind the `^`; options say what DNS cannot";
    let other = "0:%: expected a rule such as ||bad.example^ or @@||good.example^; others say what \
                 DNS cannot";
    let part = "0:%: expected a whole name and a `^` behind it";
    check(
        &table,
        "[Adblock Plus 2.0]\n! Title: list\n# note\n||Bad.example^\n@@||good.bad.example^|\n\
         ||ads.example^$third-party\n||ads.example/x^\n||ads.example\n##.banner\nads.example##.x\n\
         ||a..b^\n/regex/\n||ads.example$image^\n",
        &["!.good.bad.example", ":127.0.0.2:", ".bad.example"],
        &[
            &option.replace('%', "6:15"),
            &part.replace('%', "7:3"),
            &part.replace('%', "8:3"),
            &other.replace('%', "9:1"),
            &other.replace('%', "10:1"),
            "0:11:5: a domain name is malformed: a label is empty",
            &other.replace('%', "12:1"),
            &part.replace('%', "13:3"),
        ],
    );
}

#[test]
fn codes_are_in_127_and_declared() {
    let list = "192.0.2.1 3\n192.0.2.2 10.0.0.1\n192.0.2.3 127.0.1.4\n192.0.2.4 127.0.1.4\n\
                192.0.2.300 9\n";
    let columns = table(TableKind::Addresses, Layout::Blanks);
    let columns = TableOptions { code_column: Some(1), ..columns };
    let options = ReadOptions { codes: vec![ReturnCode::last_octet(3)], ..ReadOptions::default() };
    let loaded = load(&[list.as_bytes()], &columns, &options);
    let said: Vec<_> = loaded.faults.iter().map(ToString::to_string).collect();
    let expect = [
        "0:2:11: 10.0.0.1 is outside 127.0.0.0/8: expected a number from 0 to 255, or such as 127.0.0.2",
        "0:3:11: 127.0.1.4 is not among the zone's `return-codes`: add it there, or correct it",
        "0:5:9: expected a number from 0 to 255",
    ];
    assert_eq!(said, expect);
    assert_eq!((loaded.dataset.entries(), loaded.faults.warnings()), (3, 1));
    // The one code of lists without a column is judged as well.
    let one =
        "0:2:%: 127.0.0.2 is not among the zone's `return-codes`: add it there, or correct it";
    for (layout, line, column) in [
        (Layout::Blanks, "bad.example", "1"),
        (Layout::Hosts, "::1 bad.example", "5"),
        (Layout::Adblock, "||bad.example^", "3"),
    ] {
        let list = format!("# x\n{line}\n{line}\n");
        let loaded = load(&[list.as_bytes()], &table(TableKind::Names, layout), &options);
        let said: Vec<_> = loaded.faults.iter().map(ToString::to_string).collect();
        assert_eq!(said, [one.replace('%', column)]);
    }
}

#[test]
fn a_column_that_nothing_uses_is_told_once_a_file() {
    let plain = table(TableKind::Addresses, Layout::Blanks);
    let code = "this column is passed over: `code-column = 2` would answer it as the return code";
    let text = "this column is passed over: `text-column = 2` would answer it as the text";
    let value = "this is passed over: `format = \"rbldnsd\"` reads values such as :2:text";
    for (list, said) in [
        ("192.0.2.1 # x\n192.0.2.2 ;x\n\"192.0.2.3\"\n", vec![]),
        ("192.0.2.1\n192.0.2.2\t7\n192.0.2.3 8\n", vec![format!("0:2:11: {code}")]),
        ("192.0.2.1 127.0.0.7\n", vec![format!("0:1:11: {code}")]),
        ("192.0.2.1  spam source\n", vec![format!("0:1:12: {text}")]),
        ("192.0.2.1 :2:spam\n", vec![format!("0:1:11: {value}")]),
    ] {
        assert_eq!(outcome(&[list.as_bytes()], &plain).1, said, "{list}");
    }
    let said = outcome(&[b"192.0.2.1 2\n", b"192.0.2.2 2\n"], &plain).1;
    assert_eq!(said, [format!("0:1:11: {code}"), format!("1:1:11: {code}")]);
    // Who declared a column knows of the others.
    for columns in [
        TableOptions { code_column: Some(1), ..plain.clone() },
        TableOptions { text_column: Some(1), ..plain.clone() },
        TableOptions { key_column: 1, ..plain.clone() },
        TableOptions { layout: Layout::Separated(b','), ..plain },
    ] {
        let list = match columns.layout {
            Layout::Separated(_) => "192.0.2.1,2,x\n",
            Layout::Blanks | Layout::Hosts | Layout::Adblock if columns.key_column == 1 => {
                "2 192.0.2.1 x\n"
            }
            Layout::Blanks | Layout::Hosts | Layout::Adblock => "192.0.2.1 2 x\n",
        };
        assert_eq!(outcome(&[list.as_bytes()], &columns).1, [""; 0]);
    }
}
