//! Checks one after the other, and what is told of them.

use super::*;

/// Two of three, and a check every 100 s.
fn rules() -> Rules {
    Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(100) }
}

/// What a list says, as a letter.
fn finding(list: &str, letter: char) -> Finding {
    let part_of = if list == "part" { vec!["whole".to_owned()] } else { Vec::new() };
    let saw = match letter {
        'L' => Saw::Listed(Details::default()),
        'C' => Saw::Clean,
        _ => Saw::Unknown("no answer in time".into()),
    };
    let condition = Some(if letter == '?' { Condition::Dead } else { Condition::Ok });
    let meaning = if list == "allow" { Meaning::Allow } else { Meaning::Block };
    Finding { list: list.into(), meaning, saw, condition, part_of }
}

/// Checks a target every 100 s against lists that say this, check by check; what is told after each.
fn checks(state: &mut State, start: u64, said: &[(&str, &str)]) -> Vec<String> {
    let count = said.iter().map(|(_, letters)| letters.len()).max().unwrap_or(0);
    let mut told = Vec::new();
    for n in 0..count {
        let now = start + 100 * n as u64;
        let findings = said
            .iter()
            .filter_map(|(list, letters)| Some(finding(list, letters.chars().nth(n)?)))
            .collect();
        state.subjects.entry("192.0.2.1".into()).or_default();
        let mut events =
            state.see_target("192.0.2.1", "192.0.2.1", findings, Summary::default(), now, rules());
        events.extend(state.judge_lists(now, rules()));
        let sentences: Vec<String> = events.iter().map(Event::sentence).collect();
        told.push(sentences.join("; ").replace("192.0.2.1 is ", ""));
    }
    told
}

#[test]
fn the_first_round_is_silent() {
    let mut state = State::default();
    let told = checks(&mut state, 1000, &[("a", "LLLCC"), ("b", "CCLLL")]);
    assert_eq!(told, ["", "", "", "listed on b", "no longer listed on a"]);
}

#[test]
fn a_list_that_is_added_later_is_silent_at_first_too() {
    let mut state = State::default();
    checks(&mut state, 1000, &[("a", "CC")]);
    let told = checks(&mut state, 1200, &[("a", "CCC"), ("b", "LLL")]);
    assert_eq!(told, ["", "", ""]);
    assert_eq!(state.targets["192.0.2.1"].standings["b"].status(), Some(Status::Listed));
}

#[test]
fn a_part_is_not_told_beside_the_whole() {
    let told = checks(&mut State::default(), 1000, &[("whole", "CLLLCC"), ("part", "CLLLCC")]);
    assert_eq!(told, ["", "", "listed on whole", "", "", "no longer listed on whole"]);
    // Alone it is told, and so it is when the whole does not have it any more.
    let told = checks(&mut State::default(), 1000, &[("whole", "CCCC"), ("part", "CLLL")]);
    assert_eq!(told[2], "listed on part");
    let told = checks(&mut State::default(), 1000, &[("whole", "CLLCCCC"), ("part", "CLLLLCC")]);
    assert_eq!(told[4..], ["no longer listed on whole", "", "no longer listed on part"]);
}

#[test]
fn to_lose_a_place_on_an_allow_list_is_told() {
    let told = checks(&mut State::default(), 1000, &[("allow", "LCC")]);
    assert_eq!(told, ["", "", "no longer on the allow list allow"]);
}

#[test]
fn a_list_that_dies_is_one_event_and_nobody_is_delisted_by_it() {
    let mut state = State::default();
    let told = checks(&mut state, 1000, &[("a", "L????LLL")]);
    assert_eq!(
        told,
        [
            "",
            "",
            "the list a cannot be used: no answer in time",
            "",
            "",
            "",
            "the list a can be used again",
            ""
        ]
    );
    let standing = &state.targets["192.0.2.1"].standings["a"];
    assert_eq!((standing.status(), standing.seen()), (Some(Status::Listed), Some((1000, 1700))));
    // One that never lived is where things stand.
    assert_eq!(checks(&mut State::default(), 1000, &[("b", "????")]), [""; 4]);
}

#[test]
fn a_list_that_is_back_was_away_since_it_was_found_dead() {
    let mut state = State::default();
    checks(&mut state, 1000, &[("a", "C??")]);
    let mut events = Vec::new();
    for now in [1300, 1400] {
        let found = vec![finding("a", 'C')];
        state.see_target("192.0.2.1", "192.0.2.1", found, Summary::default(), now, rules());
        events.extend(state.judge_lists(now, rules()));
    }
    let [back] = &*events else { panic!("{events:?}") };
    assert_eq!((back.kind, back.first_seen, back.last_seen), (Kind::Back, Some(1200), Some(1400)));
}

#[test]
fn a_list_is_judged_by_its_best_answer_and_not_for_each_target() {
    let mut state = State::default();
    let mut check = |now: u64, target: &str, letter| {
        let findings = vec![finding("a", letter)];
        state.see_target(target, target, findings, Summary::default(), now, rules());
        state.judge_lists(now, rules()).len()
    };
    // Up at first; then silent for a moment, while many targets are checked.
    assert_eq!(check(1000, "192.0.2.0", 'C'), 0);
    for n in 1..49 {
        assert_eq!(check(1000 + n, &format!("192.0.2.{n}"), '?'), 0);
    }
    assert_eq!(check(1049, "192.0.2.50", 'C'), 0);
    assert_eq!(check(1051, "192.0.2.51", 'C'), 0);
    assert_eq!(state.lists["a"].life.value(), Some(Life::Up));
}

#[test]
fn rules_of_a_zone_are_told_in_their_own_words() {
    let mut state = State::default();
    let mut told = Vec::new();
    for (n, letter) in (1..).zip("CLLCC".chars()) {
        let findings = vec![Finding { list: "soa".into(), ..finding("soa", letter) }];
        let events = state.see_zone("bl.example", findings, Summary::default(), n, rules());
        told.extend(events.iter().map(Event::sentence));
    }
    assert_eq!(
        told,
        ["the zone bl.example breaks a rule: soa", "the zone bl.example keeps a rule again: soa"]
    );
}

#[test]
fn what_is_configured_no_more_is_forgotten() {
    let mut state = State::default();
    checks(&mut state, 1000, &[("a", "L"), ("b", "L")]);
    state.tell(&[], ["page"].into_iter(), 1000);
    state.outbox.insert("gone".into(), Mailbox::default());
    let kept = Kept {
        subject: &|_| true,
        zone: &|_| true,
        list: &|list| list == "a",
        channel: &|_| false,
    };
    state.forget(&kept, 1299, rules());
    assert_eq!(state.targets["192.0.2.1"].standings.keys().collect::<Vec<_>>(), ["a"]);
    assert!(state.outbox.is_empty() && !state.lists.contains_key("b"));
    // An address that its host has no more is checked no more.
    state.forget(&kept, 1300, rules());
    assert!(state.targets.is_empty());
}

#[test]
fn events_are_numbered_logged_and_put_into_each_mailbox() {
    let mut state = State::default();
    let mut now = 0;
    for letters in ["CLL", "CC", "LL"] {
        for letter in letters.chars() {
            now += 100;
            let findings = vec![finding("a", letter)];
            let events = state.see_target("s", "t", findings, Summary::default(), now, rules());
            state.tell(&events, ["one", "two"].into_iter(), now);
        }
    }
    assert_eq!(state.events.iter().map(|e| e.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(state.outbox["one"], state.outbox["two"]);
    assert_eq!(state.outbox["one"].waiting(), 3);
    let many: Vec<Event> = state.events.iter().cycle().take(3000).cloned().collect();
    state.tell(&many, std::iter::empty(), now);
    assert_eq!(state.events.len(), MOST_EVENTS);
}

#[test]
fn a_state_is_the_same_after_it_was_written_and_read() {
    let mut state = State::default();
    checks(&mut state, 1000, &[("a", "CLLC?"), ("whole", "L????")]);
    let events = state.judge_lists(2000, rules());
    state.tell(&events, ["page"].into_iter(), 2000);
    let text = serde_json::to_string(&state).expect("it can be written");
    assert_eq!(serde_json::from_str::<State>(&text).expect("it can be read"), state);
    // A memory of another form costs no more than itself.
    let odd = text.replace("\"memory\":{", "\"memory\":{\"more\":1,");
    assert_eq!(serde_json::from_str::<State>(&odd).expect("it can be read").targets, state.targets);
}
