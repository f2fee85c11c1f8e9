//! The rules of the SpamAssassin that is installed: read as they are, they are lists with codes, and what
//! they say of codes is what the catalogue says.
//!
//! A missing SpamAssassin fails the tests; only `REPUTE_NO_PEERS` in the environment skips them, as for
//! all tests that need another program.

use std::fs;

use repute_dnsxl::{Name, Polarity};
use repute_lookup::catalogue::import::{self, Import};
use repute_lookup::catalogue::{Catalogue, Entry, to_toml};

/// Where Debian's package has its rules.
const RULES: &str = "/usr/share/spamassassin";

/// All rules as one text, since they refer to each other.
fn rules() -> Option<String> {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        return None;
    }
    let folder = fs::read_dir(RULES).expect("install Debian's package spamassassin");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cf"));
    files.sort();
    let texts = files.iter().map(|path| {
        String::from_utf8_lossy(&fs::read(path).expect("a file of rules")).into_owned()
    });
    Some(texts.collect::<Vec<_>>().join("\n"))
}

/// Reads the rules as if nothing were known of codes.
fn import(rules: &str) -> Import {
    let shipped = Catalogue::shipped();
    let without_codes = shipped.lists().map(|list| {
        let mut entry = Entry::new(list.zone.clone());
        entry.codes = Some(Vec::new());
        entry.errors = Some(Vec::new());
        to_toml(&entry)
    });
    let without_codes: String = without_codes.collect();
    let catalogue = Catalogue::with(&without_codes, &mut |_| Ok(None)).expect("good tables");
    import::spamassassin(rules, &catalogue)
}

#[test]
fn every_rule_that_asks_a_list_is_read() {
    let Some(rules) = rules() else { return };
    let import = import(&rules);
    let faults: Vec<String> = import.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let asked = ["check_rbl(", "urirhssub ", "urirhsbl ", "uridnssub "];
    let lines = rules.lines().filter(|line| !line.trim_start().starts_with('#'));
    let lines = lines.filter(|line| asked.iter().any(|word| line.contains(word)));
    for line in lines {
        let is_found = import.lists.iter().any(|list| line.contains(&list.list.zone.to_string()));
        assert!(is_found, "no list of: {line}");
    }
}

#[test]
fn what_rules_say_of_codes_is_what_the_catalogue_says() {
    let Some(rules) = rules() else { return };
    let shipped = Catalogue::shipped();
    let mut compared = 0;
    for imported in import(&rules).lists {
        let Some(known) = shipped.find(&imported.list.zone) else { continue };
        if known.meanings.is_empty() {
            continue;
        }
        let errors = known.errors.iter().map(|(codes, _)| codes);
        for (codes, rule) in &imported.list.meanings {
            // The lists of facts have hundreds of codes, of which few are named.
            if known.polarity != Polarity::Info {
                let is_known = known.meanings.iter().any(|(known, _)| known.overlaps(codes));
                assert!(is_known, "{} does not know {codes}: {rule}", known.zone);
            }
            compared += 1;
        }
        for (codes, rule) in &imported.list.errors {
            let is_general = codes.to_string().starts_with("127.255.255.");
            let is_known = is_general || errors.clone().any(|known| known.overlaps(codes));
            assert!(is_known, "{} takes {codes} for a listing: {rule}", known.zone);
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} codes compared");
}

#[test]
fn good_news_and_names_are_told_apart() {
    let Some(rules) = rules() else { return };
    let import = import(&rules);
    let find = |zone: &str| {
        let zone: Name = zone.parse().expect("a name");
        let found = import.lists.iter().find(|found| found.list.zone == zone);
        found.map_or_else(|| panic!("{zone} is asked"), |found| &found.list)
    };
    assert_eq!(find("list.dnswl.org").polarity, Polarity::Allow);
    assert_eq!(find("zen.spamhaus.org").polarity, Polarity::Block);
    assert!(find("multi.uribl.com").keys.name.is_some());
    let trust = find("list.dnswl.org").meaning("127.0.5.3".parse().expect("a code"));
    assert!(trust.is_some_and(|meaning| meaning.contains("high trust")));
}
