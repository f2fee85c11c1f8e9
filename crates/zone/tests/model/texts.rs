//! Texts: the substitutions of doc/formats.md, done here with replacements in strings.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use repute_dnsxl::relative_ipv4;
use repute_zone::export::{self, View};
use repute_zone::{DatasetKind, Hit, Relative, Zone};

use crate::question::labels;
use crate::zones;

/// A piece of a text.
#[derive(Clone, Debug)]
enum Piece {
    /// Words.
    Words(String),
    /// `$`, what was asked about.
    Target,
    /// `$$`.
    Dollar,
    /// `$0` to `$9`.
    Variable(u8),
    /// `$=`, the entry's own text; in templates only.
    Own,
}

/// A text, and for a template the entry's own in it.
fn pieces(own: bool) -> impl Strategy<Value = Vec<Piece>> {
    // Words begin with a blank or a letter, so that they do not join a `$` before them.
    let words = "[a-z ][a-z0-9: ,]{0,12}[a-z.]".prop_map(Piece::Words);
    let own = if own { 2 } else { 0 };
    let piece = prop_oneof![
        4 => words,
        2 => Just(Piece::Target),
        1 => Just(Piece::Dollar),
        2 => (0_u8..3).prop_map(Piece::Variable),
        own => Just(Piece::Own),
    ];
    proptest::collection::vec(piece, 1..6)
}

/// A text as it is written, behind something that is no blank.
fn written(pieces: &[Piece]) -> String {
    let mut text = String::from("t");
    for piece in pieces {
        match piece {
            Piece::Words(words) => text += words,
            Piece::Target => text += "$ ",
            Piece::Dollar => text += "$$",
            Piece::Variable(n) => text += &format!("${n}"),
            Piece::Own => text += "$=",
        }
    }
    text
}

/// What it means.
fn meant(pieces: &[Piece], variables: &BTreeMap<u8, String>, target: &str, own: &str) -> String {
    let mut text = String::from("t");
    for piece in pieces {
        match piece {
            Piece::Words(words) => text += words,
            Piece::Target => text += &format!("{target} "),
            Piece::Dollar => text += "$",
            Piece::Variable(n) => text += &variables[n],
            Piece::Own => text += own,
        }
    }
    text
}

/// The text of an address.
fn text(zone: &Zone, address: Ipv4Addr) -> String {
    let wire = relative_ipv4(address);
    let mut texts = Vec::new();
    zone.visit(Relative::new(&wire, &labels(&wire)), |hit| {
        let Hit::Listing(listing) = hit else { panic!("a list has listings") };
        for pair in listing.pairs(0, false) {
            let mut text = [0; 4096];
            let target = address.to_string();
            let len = listing.write_text(pair, target.as_bytes(), text.len(), &mut text);
            texts.push(String::from_utf8_lossy(&text[..len]).into_owned());
        }
    });
    assert_eq!(texts.len(), 1);
    texts.remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 96,
        ..ProptestConfig::default()
    })]

    #[test]
    fn texts_are_substituted_as_documented(
        variables in proptest::collection::vec("[a-z]{1,9}", 3),
        too_late in "[a-z]{1,9}",
        template in proptest::option::of(pieces(true)),
        default in pieces(false),
        own in pieces(false),
        plain in "[a-z ]{1,20}[a-z]",
    ) {
        let variables: BTreeMap<u8, String> = (0..).zip(variables).collect();
        let mut list = String::new();
        for (n, value) in &variables {
            list += &format!("${n} {value}\n");
        }
        if let Some(template) = &template {
            list += &format!("$= {}\n", written(template));
        }
        // Of a variable the first line counts.
        list += &format!("$0 {too_late}\n:2:{}\n192.0.2.1\n192.0.2.2 :3\n", written(&default));
        list += &format!("192.0.2.3 :4:{}\n", written(&own));
        // Opts out of the template, if there is one.
        list += &format!("192.0.2.4 :5:={}\n", written(&own));
        // The template's place for an entry's text takes it as it is.
        list += &format!("192.0.2.5 :6:{plain}\n");
        list += "192.0.2.6 :7:\n";
        for zone in &zones(DatasetKind::Ip4set, &list) {
            for (last, expect) in [(1, &default), (2, &default), (3, &own)] {
                let address = Ipv4Addr::new(192, 0, 2, last);
                if template.is_none() {
                    let expect = meant(expect, &variables, &address.to_string(), "");
                    prop_assert_eq!(text(zone, address), expect.trim_end());
                }
            }
            let opted_out = Ipv4Addr::new(192, 0, 2, 4);
            let expect = meant(&own, &variables, "192.0.2.4", &written(&own));
            prop_assert_eq!(text(zone, opted_out), expect.trim_end());
            let inside = Ipv4Addr::new(192, 0, 2, 5);
            let expect = match &template {
                Some(template) => meant(template, &variables, "192.0.2.5", plain.trim_start()),
                None => plain.trim_start().to_owned(),
            };
            prop_assert_eq!(text(zone, inside), expect.trim_end());
            if template.is_none() {
                prop_assert_eq!(text(zone, Ipv4Addr::new(192, 0, 2, 6)), "");
            }
        }
    }

    /// Whatever a text begins with, and what it is beside its template: an export says it so that it is
    /// read as it is.
    #[test]
    fn exported_texts_are_read_as_they_were(
        texts in proptest::collection::vec("=?[=a-z@#;: ]{0,2}([a-z ]|\\$ |\\$\\$){1,9}[a-z.]", 1..20),
    ) {
        let lines = (1_u8..).zip(&texts);
        let list: String =
            lines.map(|(last, text)| format!("192.0.2.{last} :{last}:{text}\n")).collect();
        let [zone, _] = zones(DatasetKind::Ip4set, &list);
        let mut exported = Vec::new();
        export::rbldnsd(&zone, View::At(0), &mut exported).expect("memory takes it");
        let exported = String::from_utf8(exported).expect("it is text");
        let [again, _] = zones(DatasetKind::Combined, &exported);
        for (last, _) in (1..).zip(&texts) {
            let address = Ipv4Addr::new(192, 0, 2, last);
            prop_assert_eq!(text(&again, address), text(&zone, address), "{}", exported);
        }
    }
}
