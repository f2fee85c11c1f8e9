//! Pages and metrics of a state in which everything happens at once, and whose words are hostile.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::List;
use repute_lookup::traffic::Traffic;

use super::*;
use crate::config::Config;
use crate::detail::{self, About};
use crate::metrics;
use crate::standing::Saw;
use crate::state::{Finding, Rules, State as Known, Summary};
use crate::steady::Hysteresis;
use crate::view::Process;

/// What lists said of three targets, with this text wherever a stranger may put one.
fn known(text: &str) -> (Known, Config, Process) {
    let list =
        |zone: &str| ListAt { list: List::new(zone.parse().expect("a name")), servers: Vec::new() };
    let lists = vec![list("bl.example"), list("clean.example"), list("dead.example")];
    let config = Config::new(Vec::new(), lists, Vec::new());
    let rules = Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(3600) };
    let mut state = Known::default();
    let details = Details {
        codes: vec!["127.0.0.2".into(), "127.0.0.4".into()],
        meanings: vec![text.into()],
        texts: vec![text.into()],
        link: Some(format!("https://bl.example/{text}")),
    };
    let finding = |list: &str, saw, condition| Finding {
        list: list.into(),
        meaning: Meaning::Block,
        saw,
        condition: Some(condition),
        part_of: Vec::new(),
    };
    for (target, is_listed) in
        [("192.0.2.1", true), ("2001:db8::1", false), ("mail.example", false)]
    {
        for round in 0..4 {
            let saw = match is_listed && round > 0 {
                true => Saw::Listed(details.clone()),
                false => Saw::Clean,
            };
            let findings = vec![
                finding("bl.example", saw, Condition::Ok),
                finding("clean.example", Saw::Clean, Condition::Ok),
                finding("dead.example", Saw::Unknown(text.into()), Condition::Dead),
            ];
            let now = 1_700_000_000 + 3600 * round;
            let summary = Summary { asked: 3, unknown: 1, ..Summary::default() };
            let summary = Summary { outcome: Outcome::Clean, ..summary };
            let mut events = state.see_target(text, target, findings, summary, now, rules);
            events.extend(state.judge_lists(now, rules));
            state.tell(&events, std::iter::empty(), now);
        }
    }
    let broken = Finding { list: text.into(), ..finding("", Saw::Listed(details), Condition::Ok) };
    state.see_zone("own.example", vec![broken], Summary::default(), 1_700_000_000, rules);
    state.subjects.entry(text.into()).or_default().problem = Some(text.into());
    let mut process = Process { save_error: Some(text.into()), ..Process::default() };
    process.given_up.insert(text.into(), 3);
    process.traffic.insert("bl.example".into(), Traffic::default());
    (state, config, process)
}

/// All pages of it.
fn pages(text: &str) -> Vec<String> {
    let (state, config, process) = known(text);
    let view = View::of(&state, &config, &process, 1_700_020_000);
    let targets = view.targets.iter().map(|t| detail::render(&view, t, About::Target));
    let zones = view.zones.iter().map(|zone| detail::render(&view, zone, About::Zone));
    targets.chain(zones).chain([render(&view)]).collect()
}

/// Makes sure that every tag that was opened is closed, in order, and that nothing from outside opens one.
fn check_form(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let (_, mut rest) = page.split_once("<!doctype html>").expect("it begins so");
    while let Some((_, tag)) = rest.split_once('<') {
        // An attribute may have the icon's own tags in it.
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (tag, after) = tag.split_at(end.expect("a tag ends"));
        rest = after;
        let name = tag.split([' ', '\n', '/']).next().expect("a name");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "<{tag}>"),
            None if tag.ends_with('/') || ["meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
        assert!(!["script", "img", "b"].contains(&name), "<{tag}>");
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn pages_are_well_formed_whatever_lists_say() {
    for text in ["", "</p>\"></td></style><script>a()</script>\n<b>", "'><img src=x onerror='a()'>"]
    {
        for page in pages(text) {
            check_form(&page);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_becomes_a_part_of_a_page(text in "[<>&\"'/a-z \\x00-\\x1f\u{2020}-\u{2070}]{0,40}") {
        for page in pages(&text) {
            check_form(&page);
        }
    }
}

#[test]
fn ages_are_short() {
    let ages = [5, 65, 7300, 200_000].map(|seconds| Ago(seconds).to_string());
    assert_eq!(ages, ["just now", "1 min ago", "2 h ago", "2 d ago"]);
}

#[test]
fn the_headline_says_the_worst() {
    let (state, config, process) = known("why");
    let view = View::of(&state, &config, &process, 1_700_020_000);
    assert_eq!(headline(&view), (Mood::Bad, "One of 3 targets is listed".to_owned()));
    let nothing = Known::default();
    let view = View::of(&nothing, &config, &process, 1_700_020_000);
    assert_eq!(headline(&view), (Mood::Warn, "Nothing was checked yet".to_owned()));
}

#[test]
fn every_sample_has_its_family_and_none_comes_twice() {
    let (state, config, process) = known("a\\\"b\nc");
    let view = View::of(&state, &config, &process, 1_700_020_000);
    let page = metrics::render(&view, true);
    let mut families = HashMap::new();
    let mut seen = HashSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(words.next().is_some_and(|text| !text.is_empty()), "{line}");
            *families.entry(name.to_owned()).or_insert(0) += if keyword == "HELP" { 1 } else { 10 };
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let is_part =
            |part: &str| name.strip_suffix(part).is_some_and(|n| families.contains_key(n));
        let is_known = families.get(name) == Some(&11);
        assert!(is_known || ["_bucket", "_sum", "_count"].into_iter().any(is_part), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(seen.insert(series.to_owned()), "twice: {line}");
    }
    for line in [
        "dnsbl_listed{target=\"192.0.2.1\",zone=\"bl.example\",code=\"127.0.0.4\"} 1",
        "dnsbl_listed{target=\"2001:db8::1\",zone=\"bl.example\",code=\"\"} 0",
        "dnsbl_unknown{target=\"192.0.2.1\",zone=\"dead.example\"} 1",
        "dnsbl_zone_state{zone=\"dead.example\",state=\"dead\"} 1",
        "dnsbl_zone_up{zone=\"dead.example\"} 0",
        "dnsbl_zone_info{zone=\"bl.example\",polarity=\"block\"} 1",
        "dnsbl_target_score{target=\"192.0.2.1\"} 1",
        "dnsbl_audit_failed{zone=\"own.example\",rule=\"a\\\\\\\"b\\nc\"} 1",
        "dnsbl_query_duration_seconds_bucket{zone=\"bl.example\",le=\"+Inf\"} 0",
        "luzilla_rbls_listed{rbl=\"bl.example\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    // What was never known is neither 0 nor 1.
    assert!(!page.contains("dnsbl_listed{target=\"192.0.2.1\",zone=\"dead.example\""), "{page}");
}

/// A state in which one target is on lists of every meaning, and a view of it from `show`.
fn on_each<T>(show: impl FnOnce(&View<'_>) -> T) -> T {
    use repute_dnsxl::Polarity;
    let list = |zone: &str, polarity| {
        let list = List { polarity, ..List::new(zone.parse().expect("a name")) };
        ListAt { list, servers: Vec::new() }
    };
    let lists = vec![list("wl.example", Polarity::Allow), list("asn.example", Polarity::Info)];
    let config = Config::new(Vec::new(), lists, Vec::new());
    let rules = Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(3600) };
    let mut state = Known::default();
    let finding = |list: &str, meaning| Finding {
        list: list.into(),
        meaning,
        saw: Saw::Listed(Details { codes: vec!["127.0.0.3".into()], ..Details::default() }),
        condition: Some(Condition::Ok),
        part_of: Vec::new(),
    };
    for round in 0..3 {
        let findings =
            vec![finding("wl.example", Meaning::Allow), finding("asn.example", Meaning::Info)];
        let now = 1_700_000_000 + 3600 * round;
        state.see_target("192.0.2.1", "192.0.2.1", findings, Summary::default(), now, rules);
    }
    let process = Process::default();
    show(&View::of(&state, &config, &process, 1_700_020_000))
}

#[test]
fn who_is_on_an_allow_list_is_not_drawn_as_who_is_on_none() {
    let (first, target) =
        on_each(|view| (render(view), detail::render(view, &view.targets[0], About::Target)));
    for (list, word) in [("wl.example", "allowed"), ("asn.example", "fact")] {
        let cell = format!("192.0.2.1, {list}: {word}: 127.0.0.3");
        assert!(first.contains(&cell), "{cell}: {first}");
        assert!(target.contains(&format!("{list}: {word}, ")), "{target}");
    }
    assert!(!first.contains("example: not listed"), "{first}");
}

#[test]
fn addresses_stand_in_their_order_and_names_behind_them() {
    let config = Config::new(Vec::new(), Vec::new(), Vec::new());
    let mut state = Known::default();
    let rules = Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(3600) };
    for target in ["192.0.2.100", "10.example", "2001:db8::1", "192.0.2.96", "9.0.0.1"] {
        state.see_target(target, target, Vec::new(), Summary::default(), 1, rules);
    }
    let process = Process::default();
    let view = View::of(&state, &config, &process, 2);
    let names: Vec<&str> = view.targets.iter().map(|target| target.name).collect();
    assert_eq!(names, ["9.0.0.1", "192.0.2.96", "192.0.2.100", "2001:db8::1", "10.example"]);
}

#[test]
fn the_first_page_is_fetched_again_and_its_zones_have_a_head() {
    let (state, config, process) = known("a");
    let view = View::of(&state, &config, &process, 1_700_020_000);
    let page = render(&view);
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"60\">"), "{page}");
    assert!(page.contains("<th scope=\"col\">Last audit</th>"), "{page}");
    let target = detail::render(&view, &view.targets[0], About::Target);
    assert!(!target.contains("http-equiv"), "who reads is not disturbed");
}
