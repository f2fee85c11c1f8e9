//! No command line, ini file or text, however broken, makes the monitoring plugins panic or say what was not meant.

#[path = "../src/drop_in/check_rbl/getopt.rs"]
mod getopt;
#[path = "../src/plugin/ini.rs"]
mod ini;
#[path = "../crates/zone/tests/fuzz/mutation.rs"]
mod mutation;
#[path = "../src/plugin/range.rs"]
mod range;
#[path = "../src/drop_in/check_rbl/specs.rs"]
mod specs;
#[path = "../src/plugin/text.rs"]
mod text;

use mutation::{Mutation, mutate, time};
use range::Range;
use text::{clean, clean_to};

#[test]
fn fuzz_ini_files() {
    let valid = "# lists\n[rbl]\nserver = bl.example\r\ncritical=5\n; none\n[other]\nappend=a=b\n";
    bolero::check!().with_test_time(time()).with_type::<Vec<Mutation>>().for_each(|mutations| {
        let text = mutate(valid.as_bytes(), mutations);
        let text = String::from_utf8_lossy(&text);
        match ini::section(&text, "rbl") {
            Ok(entries) => {
                let lines = text.split(['\n', '\r']).count();
                for entry in &entries {
                    assert!(
                        (1..=lines).contains(&entry.line) && !entry.key.is_empty(),
                        "{entry:?}"
                    );
                    assert!(text.contains(&entry.key) && text.contains(&entry.value), "{entry:?}");
                }
                assert!(!mutations.is_empty() || entries.len() == 2);
            }
            Err(error) => assert!(!mutations.is_empty(), "the valid text is read: {error:?}"),
        }
    });
}

#[test]
fn fuzz_command_lines() {
    let valid = "-w1c3\n--serv\nbl.example\n--extra-opts=rbl@x\n-vvv\n+host\nx\n--wl\n--\nrest\n";
    bolero::check!().with_test_time(time()).with_type::<Vec<Mutation>>().for_each(|mutations| {
        let text = mutate(valid.as_bytes(), mutations);
        let words: Vec<String> =
            String::from_utf8_lossy(&text).split('\n').map(str::to_owned).collect();
        match getopt::parse(&words, &specs::SPECS) {
            Ok((given, rest)) => {
                assert!(rest.iter().all(|word| words.contains(word)), "{rest:?}");
                let known = |name| specs::SPECS.iter().any(|spec| spec.names[0] == name);
                assert!(given.iter().all(|given| known(given.name)), "{given:?}");
            }
            Err(error) => assert!(!mutations.is_empty(), "the valid line is read: {error}"),
        }
    });
}

#[test]
fn fuzz_ranges_and_texts() {
    bolero::check!().with_test_time(time()).with_type::<Vec<Mutation>>().for_each(|mutations| {
        let text = mutate("@-1.5:20".as_bytes(), mutations);
        let text = String::from_utf8_lossy(&text);
        if let Ok(range) = text.parse::<Range>() {
            let again: Range = range.to_string().parse().expect("what is written is read");
            for value in [-2.0, -1.5, 0.0, 20.0, 1e9] {
                assert_eq!(range.alerts(value), again.alerts(value), "{text}");
            }
        }
        let cleaned = clean(&text);
        assert!(!cleaned.contains(|c: char| c == '|' || c.is_control()), "{cleaned:?}");
        assert!(clean_to(&text, 5).chars().count() <= 5 + "...".len());
    });
}
