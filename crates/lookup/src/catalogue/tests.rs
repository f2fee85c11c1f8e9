//! The shipped file holds what it promises; tables of users change it as they say, or fail with a place.

use std::collections::HashSet;

use proptest::prelude::*;
use repute_dnsxl::Polarity;

use super::*;
use crate::code::CodeSet;
use crate::list::{KeyPlace, Keys, NameForm, TestEntries};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn zones(lists: &[&List]) -> Vec<String> {
    lists.iter().map(|list| list.zone.to_string()).collect()
}

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

/// The catalogue with the user's tables and no keys.
fn with(user: &str) -> Catalogue {
    Catalogue::with(user, &mut |_| Ok(None)).expect("good tables")
}

fn check_error(user: &str, expect: &str) {
    let error = Catalogue::with(user, &mut |_| Ok(None)).expect_err(user);
    assert_eq!(error.to_string(), expect, "{user}");
}

#[test]
fn the_shipped_file_can_be_read() {
    let (date, tables) = read::read(SHIPPED).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(date.map(|date| date.to_string()).as_deref(), Some("2026-11-22"));
    let mut catalogue = Catalogue { date: date.expect("a date"), items: Vec::new() };
    catalogue.merge(&tables, false).unwrap_or_else(|error| panic!("{error}"));
    assert!(catalogue.lists().count() >= 126, "check_rbl's lists are all there");
}

#[test]
fn what_is_said_of_a_status_has_a_source() {
    for list in Catalogue::shipped().lists() {
        let has_source = list.source.is_some();
        assert!(has_source || list.status == Status::Unknown, "{}: says who?", list.zone);
        assert!(list.checked.is_none() || has_source, "{}: a day without a source", list.zone);
    }
}

#[test]
fn allow_lists_tell_refusals_from_listings() {
    // Read without a filter, a refusal of these would let everybody in.
    let catalogue = Catalogue::shipped();
    for zone in ["list.dnswl.org", "dwl.dnswl.org"] {
        let list = catalogue.find(&name(zone)).expect("it ships");
        let is_error = |code: &str| {
            let code = code.parse().expect("a code");
            list.errors.iter().any(|(codes, _)| codes.contains(code))
        };
        assert!(is_error("127.0.0.255") && is_error("127.0.10.3"), "{zone}");
        assert!(!is_error("127.0.5.3") && !is_error("127.0.10.0"), "{zone}");
    }
}

#[test]
fn codes_mean_what_the_lists_say() {
    let catalogue = Catalogue::shipped();
    for (zone, code, meaning) in [
        ("zen.spamhaus.org", "127.0.0.10", "PBL: its provider says that it sends no mail directly"),
        ("multi.surbl.org", "127.0.0.24", "PH: phishing, MW: malware"),
        ("list.dnswl.org", "127.0.3.2", "email service provider, trust medium"),
        ("dnsbl.httpbl.org", "127.9.40.5", "suspicious, spams comments"),
        ("score.senderscore.com", "127.0.4.80", "score, the last number: 100 is best"),
    ] {
        let list = catalogue.find(&name(zone)).expect("it ships");
        let said = list.meaning(code.parse().expect("a code"));
        assert_eq!(said.as_deref(), Some(meaning), "{zone} {code}");
    }
    let unknown = catalogue.find(&name("bl.spamcop.net")).expect("it ships");
    assert_eq!(unknown.meaning("127.0.0.2".parse().expect("a code")), None);
}

#[test]
fn the_default_set_lives_is_open_and_counts_nothing_twice() {
    let catalogue = Catalogue::shipped();
    for target in [target("192.0.2.1"), target("2001:db8::1"), target("host.example")] {
        let set = catalogue.default_set(&target);
        assert!(!set.is_empty(), "{target}");
        for list in &set {
            assert_eq!((list.status, &list.access), (Status::Live, &Access::Open), "{}", list.zone);
            assert!(list.takes(&target), "{}", list.zone);
            let outer = set.iter().find(|outer| outer.contains.contains(&list.zone));
            assert!(outer.is_none(), "{} is in {outer:?} too", list.zone);
        }
    }
    let addresses = zones(&catalogue.default_set(&target("192.0.2.1")));
    assert!(addresses.contains(&"zen.spamhaus.org".to_owned()));
    for out in ["sbl.spamhaus.org", "dnsbl.sorbs.net", "b.barracudacentral.org", "multi.surbl.org"]
    {
        assert!(!addresses.contains(&out.to_owned()), "{out}");
    }
    let names = zones(&catalogue.default_set(&target("host.example")));
    assert!(names.contains(&"dbl.spamhaus.org".to_owned()), "{names:?}");
}

#[test]
fn a_list_within_a_list_within_a_list_is_left_out() {
    let catalogue = with(
        "[[list]]\nzone = \"a.example\"\ncontains = [\"b.example\"]\n\
         [[list]]\nzone = \"b.example\"\ncontains = [\"c.example\"]\nask = false\n\
         [[list]]\nzone = \"c.example\"\n",
    );
    let set = zones(&catalogue.default_set(&target("192.0.2.1")));
    assert!(set.contains(&"a.example".to_owned()));
    assert!(!set.iter().any(|zone| zone == "b.example" || zone == "c.example"), "{set:?}");
}

#[test]
fn a_user_changes_a_field_and_keeps_the_rest() {
    let shipped = Catalogue::shipped().find(&name("zen.spamhaus.org")).expect("it ships").clone();
    let catalogue =
        with("[[list]]\nzone = \"ZEN.spamhaus.org\"\nrate = 5\nonly = [\"127.0.0.2\"]\n");
    let changed = catalogue.find(&shipped.zone).expect("it is still there");
    let mut expect = shipped;
    expect.rate = Some(5.0);
    expect.only = vec!["2".parse().expect("a code")];
    assert_eq!(*changed, expect);
    assert_eq!(catalogue.lists().count(), Catalogue::shipped().lists().count());
}

#[test]
fn a_user_adds_a_list_and_it_is_asked() {
    let catalogue = with(
        "[server]\ndata-dir = \"/x\"\n\n[[list]]\nzone = \"bl.example\"\ntitle = \"Ours\"\n\
         keys = [\"ipv4\", \"registrable\"]\npolarity = \"allow\"\nrate = 2.5\nchecked = \"2026-11\"\n\
         delisting = \"https://bl.example/?q={target}\"\nterms = \"t\"\nsource = \"s\"\nnote = \"n\"\n\
         test-listed = false\ntest-unlisted = false\nam-i-blocked = \"amiblocked.bl.example\"\nwhoami = \"whoami.bl.example\"\n\
         contains = [\"zen.spamhaus.org\"]\n\
         [list.codes]\n\"127.0.0.10\" = \"ten\"\n\"2\" = \"two\"\n[list.errors]\n\"255\" = \"no\"\n",
    );
    let mut expect = List::new(name("bl.example"));
    let set = |text: &str| -> CodeSet { text.parse().expect("a set") };
    expect.title = Some("Ours".into());
    expect.keys = Keys { ipv4: true, ipv6: false, name: Some(NameForm::Registrable) };
    expect.polarity = Polarity::Allow;
    expect.rate = Some(2.5);
    expect.checked = Some("2026-11".into());
    expect.delisting = Some("https://bl.example/?q={target}".into());
    expect.terms = Some("t".into());
    expect.source = Some("s".into());
    expect.note = Some("n".into());
    expect.tests = TestEntries { listed: false, unlisted: false };
    expect.am_i_blocked = Some(name("amiblocked.bl.example"));
    expect.whoami = Some(name("whoami.bl.example"));
    expect.contains = vec![name("zen.spamhaus.org")];
    expect.meanings = vec![(set("10"), "ten".into()), (set("2"), "two".into())];
    expect.errors = vec![(set("255"), "no".into())];
    assert_eq!(*catalogue.find(&name("bl.example")).expect("it was added"), expect);
    let set = zones(&catalogue.default_set(&target("192.0.2.1")));
    assert!(set.contains(&"bl.example".to_owned()));
    assert!(!set.contains(&"zen.spamhaus.org".to_owned()), "it is a part of the user's");
}

#[test]
fn what_is_asked_can_be_said() {
    let set = |user: &str| zones(&with(user).default_set(&target("192.0.2.1")));
    let has = |user: &str, zone: &str| set(user).contains(&zone.to_owned());
    assert!(!has("[[list]]\nzone = \"bl.spamcop.net\"\nask = false", "bl.spamcop.net"));
    assert!(!has("[[list]]\nzone = \"bl.spamcop.net\"\nstatus = \"dead\"", "bl.spamcop.net"));
    assert!(has("[[list]]\nzone = \"virbl.bit.nl\"\nask = true", "virbl.bit.nl"));
    assert!(has(
        "[[list]]\nzone = \"b.barracudacentral.org\"\nask = true",
        "b.barracudacentral.org"
    ));
    assert!(!has("[[list]]\nzone = \"new.example\"\nstatus = \"dead\"", "new.example"));
    // Without a key it would be asked under a wrong name.
    let no_key = "[[list]]\nzone = \"new.example\"\naccess = \"key-before-zone\"\nask = true";
    assert!(!has(no_key, "new.example"));
}

#[test]
fn keys_come_from_whom_is_asked_and_are_shown_to_nobody() {
    let mut asked = Vec::new();
    let user = "[[list]]\nzone = \"dnsbl.httpbl.org\"\nkey-file = \"/etc/key\"\n";
    let catalogue = Catalogue::with(user, &mut |source| {
        asked.push(source.clone());
        Ok(match source {
            KeySource::File(_) => Some("abcdefghijkl\n".to_owned()),
            KeySource::Environment(variable) => {
                (variable == "REPUTE_KEY_SPAMHAUS").then(|| "sekrit".to_owned())
            }
        })
    });
    let catalogue = catalogue.expect("good keys");
    assert!(asked.contains(&KeySource::File("/etc/key".into())));
    assert!(!asked.contains(&KeySource::Environment("REPUTE_KEY_HTTPBL".into())), "replaced");
    let key_of = |zone: &str| match &catalogue.find(&name(zone)).expect("it ships").access {
        Access::Key(place, Some(key)) => Some((*place, key.reveal().to_string())),
        Access::Key(_, None) | Access::Open | Access::Registration => None,
    };
    let (target_key, zone_key) = (key_of("dnsbl.httpbl.org"), key_of("zen.dq.spamhaus.net"));
    assert_eq!(target_key, Some((KeyPlace::BeforeTarget, "abcdefghijkl".to_owned())));
    assert_eq!(zone_key, Some((KeyPlace::BeforeZone, "sekrit".to_owned())));
    assert_eq!(key_of("combined.mail.abusix.zone"), None);
    let set = zones(&catalogue.default_set(&target("192.0.2.1")));
    assert!(set.contains(&"zen.dq.spamhaus.net".to_owned()));
    assert!(!set.contains(&"zen.spamhaus.org".to_owned()), "the same data");
    assert!(!format!("{catalogue:?}").contains("sekrit"));
}

#[test]
fn a_key_that_is_none_is_an_error_without_the_key() {
    let user = "\n[[list]]\nzone = \"dnsbl.httpbl.org\"\nkey-env = \"K\"\n";
    let only_k = |answer: Result<Option<String>, String>| {
        move |source: &KeySource| match source {
            KeySource::Environment(variable) if variable == "K" => answer.clone(),
            KeySource::Environment(_) | KeySource::File(_) => Ok(None),
        }
    };
    for (answer, expect) in [
        (Ok(Some("two labels.x".to_owned())), CatalogueFault::BadKey.to_string()),
        (Ok(Some(String::new())), CatalogueFault::BadKey.to_string()),
    ] {
        let error = Catalogue::with(user, &mut only_k(answer)).expect_err("a bad key");
        let expect = format!("line 4: list dnsbl.httpbl.org: key-env: {expect}");
        assert_eq!(error.to_string(), expect);
    }
    let shipped = Catalogue::with("", &mut |_| Ok(Some("x y".into()))).expect_err("a bad key");
    assert!(shipped.to_string().starts_with("list zen.dq.spamhaus.net: key-env: "), "{shipped}");
}

#[test]
fn a_key_that_cannot_be_had_is_the_matter_of_its_list_alone() {
    let user = "[[list]]\nzone = \"zen.dq.spamhaus.net\"\nkey-file = \"k\"\n";
    let lost = &mut |source: &KeySource| match source {
        KeySource::File(_) => Err("cannot read k".to_owned()),
        KeySource::Environment(_) => Ok(None),
    };
    let mut catalogue = Catalogue::with(user, lost).expect("the other lists are well");
    let list = |catalogue: &Catalogue| {
        catalogue.find(&name("zen.dq.spamhaus.net")).expect("it ships").clone()
    };
    assert_eq!(list(&catalogue).no_key.as_deref(), Some("cannot read k"));
    let set = zones(&catalogue.default_set(&target("192.0.2.1")));
    assert!(set.contains(&"zen.dq.spamhaus.net".to_owned()), "it is said why it is not asked");
    assert!(set.contains(&"zen.spamhaus.org".to_owned()), "nothing stands in its place");
    // A later file has it.
    catalogue.lay("", &mut |_| Ok(Some("sekrit".to_owned()))).expect("a key");
    assert_eq!(list(&catalogue).no_key, None);
}

#[test]
fn faults_name_the_line_the_list_and_the_key() {
    let list = |rest: &str| format!("\n[[list]]\nzone = \"bl.example\"\n{rest}\n");
    check_error(
        "[[list]]\nzone = \"x\"\n=",
        "line 3: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
    );
    check_error("list = 1", "line 1: list: lists are tables: write `[[list]]` above each of them");
    check_error(
        "list = [1]",
        "line 1: list: lists are tables: write `[[list]]` above each of them",
    );
    check_error("date = \"x\"", "line 1: date: not a day: expected a date such as 2026-11-22");
    check_error(
        "\n\n[[list]]\ntitle = \"x\"",
        "line 3: the list has no `zone`, the name under which it is asked",
    );
    check_error(
        "[[list]]\nzone = \"a..b\"",
        "line 2: list a..b: zone: not a domain name: a label is empty",
    );
    let check = |rest: &str, expect: &str| {
        check_error(&list(rest), &format!("line 4: list bl.example: {expect}"));
    };
    check(
        "tilte = \"x\"",
        &format!("tilte: there is no such key; there are {}", read::KEYS.join(", ")),
    );
    check("title = 1", "title: expected a text in quotes");
    check("polarity = \"good\"", "polarity: expected \"block\", \"allow\" or \"info\"");
    check(
        "keys = [\"host\", \"registrable\"]",
        "keys: expected a list of \"ipv4\", \"ipv6\", and \"host\" or \"registrable\"",
    );
    check(
        "keys = []",
        "keys: expected a list of \"ipv4\", \"ipv6\", and \"host\" or \"registrable\"",
    );
    check("rate = 0", "rate: expected queries a second, more than 0");
    check("rate = nan", "rate: expected queries a second, more than 0");
    check("checked = \"soon\"", "checked: expected a date such as 2026-11-22, 2026-11 or 2026");
    check(
        "delisting = \"javascript:x\"",
        "delisting: expected a link such as https://bl.example/?q={target}",
    );
    check(
        "codes = { \"10.0.0.2\" = \"x\" }",
        "codes: 10.0.0.2 is not within 127.0.0.0/8: lists answer with nothing else",
    );
    check(
        "only = [\"127.0.0.0/7\"]",
        "only: [126..127].[0..255].[0..255].[0..255] is not within \
          127.0.0.0/8: lists answer with nothing else",
    );
    check(
        "contains = [\"nowhere.example\"]",
        "contains: nowhere.example is no list of the catalogue: add a table for it, or leave it out",
    );
    check(
        "contains = [\"bl.example\"]",
        "contains: bl.example contains this list itself: one of them is the larger one",
    );
    check(
        "key-file = \"x\"",
        "key-file: the list takes no key: `access` says where it stands, \
          \"key-before-zone\" or \"key-before-target\"",
    );
    // What only shows beside another key or table.
    check_error(
        &list("codes = { \"2\" = \"x\" }\nerrors = { \"127.0.0.0/24\" = \"y\" }"),
        "line 5: list bl.example: errors: 127.0.0.[0..255] is among `codes` too: it is a listing or an \
         error, not both",
    );
    check_error(
        &list("key-file = \"x\"\nkey-env = \"y\""),
        "line 5: list bl.example: key-env: `key-file` and `key-env` are both there: keep the one that \
         has the key",
    );
    check_error(
        &list("[[list]]\nzone = \"BL.example\""),
        "line 5: list bl.example: zone: the list has a table in line 2 already: make one of them",
    );
    check_error(
        "[[list]]\nzone = \"zen.spamhaus.org\"\n[list.codes]\n\"127.255.255.254\" = \"x\"",
        "line 3: list zen.spamhaus.org: codes: 127.255.255.254 is among `codes` too: it is a listing or \
         an error, not both",
    );
    check_error(
        "[[list]]\nzone = \"sbl.spamhaus.org\"\ncontains = [\"zen.spamhaus.org\"]",
        "line 3: list sbl.spamhaus.org: contains: zen.spamhaus.org contains this list itself: one of \
         them is the larger one",
    );
}

/// Any entry that can be read back: what the parser refuses is left out by construction.
fn entries() -> impl Strategy<Value = Entry> {
    let texts = || proptest::option::of(any::<String>());
    let meanings = |base: u8| {
        let one = (0..20_u8, any::<String>());
        proptest::option::of(proptest::collection::vec(one, 0..4).prop_map(move |items| {
            let mut seen = HashSet::new();
            let items = items.into_iter().filter(|(code, _)| seen.insert(*code));
            let code = |octet| CodeSet::one(repute_dnsxl::ReturnCode::last_octet(octet));
            items.map(|(octet, meaning)| (code(base + octet), meaning)).collect()
        }))
    };
    let first = (texts(), meanings(2), meanings(100), texts(), texts(), texts());
    let second = (any::<Option<bool>>(), any::<Option<bool>>(), 0..5_usize, any::<Option<u16>>());
    (first, second).prop_map(|((title, codes, errors, terms, source, note), second)| {
        let (test_listed, ask, word, rate) = second;
        let mut entry = Entry::new(name("bl.example"));
        entry.title = title;
        entry.codes = codes;
        entry.errors = errors;
        entry.terms = terms;
        entry.source = source;
        entry.note = note;
        entry.test_listed = test_listed;
        entry.ask = ask;
        entry.status = read::STATUSES.get(word).map(|(_, status)| *status);
        entry.polarity = read::POLARITIES.get(word).map(|(_, polarity)| *polarity);
        entry.access = read::ACCESSES.get(word).map(|(_, access)| access.clone());
        entry.rate = rate.map(|rate| f64::from(rate) / 8.0 + 0.125);
        entry.contains = ask.map(|_| vec![name("zen.spamhaus.org"), name("a\\.b.c")]);
        entry.only = ask.map(|_| vec!["127.0.0.0&6".parse().expect("a set")]);
        entry.keys = ask.map(|ipv4| Keys { ipv4, ipv6: true, name: Some(NameForm::Host) });
        entry.am_i_blocked = ask.map(|_| name("x.bl.example"));
        entry.whoami = ask.map(|_| name("y.bl.example"));
        entry
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(entry in entries()) {
        let text = to_toml(&entry);
        let (_, tables) = read::read(&text).map_err(|error| {
            TestCaseError::fail(format!("{error} in\n{text}"))
        })?;
        prop_assert_eq!(&tables[0].entry, &entry, "{}", text);
    }
}

#[test]
fn a_table_shows_kind_access_and_state() {
    let catalogue = Catalogue::with("", &mut |source| match source {
        KeySource::Environment(variable) if variable == "REPUTE_KEY_HTTPBL" => Ok(Some("k".into())),
        KeySource::Environment(_) | KeySource::File(_) => Ok(None),
    });
    let catalogue = catalogue.expect("good keys");
    let shown = |zone: &str| {
        let row = table(catalogue.find(&name(zone))).remove(0);
        let Row { zone, kind, polarity, status, date, access, .. } = row;
        [&zone, &kind, polarity, status, &date, access].join(" | ")
    };
    assert_eq!(
        shown("zen.spamhaus.org"),
        "zen.spamhaus.org | ipv4 ipv6 | block | live | 2026-11-22 | open"
    );
    assert_eq!(shown("dwl.dnswl.org"), "dwl.dnswl.org | host | allow | live | 2026-11-22 | open");
    assert_eq!(
        shown("dnsbl.sorbs.net"),
        "dnsbl.sorbs.net | ipv4 ipv6 | block | dead | 2024-06-05 | open"
    );
    assert_eq!(
        shown("b.barracudacentral.org"),
        "b.barracudacentral.org | ipv4 ipv6 | block | live | 2026-11-22 | registration"
    );
    assert!(shown("dnsbl.httpbl.org").ends_with("| key"));
    assert!(shown("zrd.dq.spamhaus.net").ends_with("| no key"));
}

#[test]
fn the_manual_explains_every_key_and_its_examples_work() {
    let manual = include_str!("../../../../doc/catalogue.md");
    let cells = manual.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells: String =
        cells.filter_map(|row| row.split(" | ").next()).map(|c| format!("`{c}, ")).collect();
    for key in read::KEYS {
        assert!(cells.contains(&format!("`{key}`")), "doc/catalogue.md has no row for `{key}`");
    }
    for example in manual.split("```toml\n").skip(1) {
        let example = example.split("```").next().unwrap_or_default();
        with(example);
    }
    for variable in Catalogue::shipped().items.iter().filter_map(|item| match &item.key {
        Some(KeySource::Environment(variable)) => Some(variable),
        Some(KeySource::File(_)) | None => None,
    }) {
        assert!(manual.contains(variable), "doc/catalogue.md does not name {variable}");
    }
}
