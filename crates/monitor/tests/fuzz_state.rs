//! A state with anything in it, as a disk or a hand may leave it: what can be read can be lived with.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use std::path::Path;
use std::time::Duration;

use mutation::{Mutation, mutate, time};
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::List;
use repute_monitor::event::Meaning;
use repute_monitor::standing::{Details, Saw};
use repute_monitor::state::{Condition, Finding, Kept, Rules, State, Summary};
use repute_monitor::steady::Hysteresis;
use repute_monitor::view::{Process, View};
use repute_monitor::{Config, metrics, notice, store};

/// A finding of `bl.example`.
fn finding(saw: Saw) -> Finding {
    let condition = match saw {
        Saw::Unknown(_) => Condition::Dead,
        Saw::Listed(_) | Saw::Clean => Condition::Ok,
    };
    Finding {
        list: "bl.example".into(),
        meaning: Meaning::Block,
        saw,
        condition: Some(condition),
        part_of: Vec::new(),
    }
}

/// Two of three, and a check an hour.
fn rules() -> Rules {
    Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(3600) }
}

/// A state in which something of everything is.
fn sound() -> State {
    let mut state = State::default();
    let listed = || Saw::Listed(Details { codes: vec!["127.0.0.2".into()], ..Details::default() });
    let silent = || Saw::Unknown("no answer in time".into());
    let said = [Saw::Clean, listed(), listed(), silent(), silent(), silent()];
    for (now, saw) in (1_700_000_000..).step_by(3600).zip(said) {
        let (found, summary) = (vec![finding(saw.clone())], Summary::default());
        let mut events = state.see_target("192.0.2.1", "192.0.2.1", found, summary, now, rules());
        events.extend(state.see_zone("bl.example", vec![finding(saw)], summary, now, rules()));
        events.extend(state.judge_lists(now, rules()));
        state.tell(&events, ["page"].into_iter(), now);
    }
    state.subjects.entry("192.0.2.1".into()).or_default().checked = Some(1_700_000_000_000);
    for mailbox in state.outbox.values_mut() {
        mailbox.close(Duration::ZERO, 1_700_100_000);
    }
    state
}

/// Does with a state all that the monitor does.
fn live_with(mut state: State) {
    let list = List::new("bl.example".parse().expect("a name"));
    let config = Config::new(Vec::new(), vec![ListAt { list, servers: Vec::new() }], Vec::new());
    for now in [0, 1_700_200_000, u64::MAX] {
        for saw in [Saw::Clean, Saw::Unknown("why".into()), Saw::Listed(Details::default())] {
            let found = vec![finding(saw)];
            let summary = Summary::default();
            let events = state.see_target("192.0.2.1", "192.0.2.1", found, summary, now, rules());
            state.tell(&events, ["page"].into_iter(), now);
        }
        let events = state.judge_lists(now, rules());
        state.tell(&events, ["page"].into_iter(), now);
        for mailbox in state.outbox.values_mut() {
            mailbox.next(Duration::from_secs(300));
            mailbox.close(Duration::from_secs(300), now);
            mailbox.hurry(now);
            mailbox.waiting();
            if let Some(letter) = mailbox.due(now).cloned() {
                notice::message(&letter.id, &letter.events, letter.omitted);
                mailbox.refused(&letter.id, false, now, 0.5);
            }
        }
        let process = Process::default();
        let view = View::of(&state, &config, &process, now);
        metrics::render(&view, true);
        serde_json::to_string(&view).expect("it can be shown");
        let yes = &|_: &str| true;
        state.forget(&Kept { subject: yes, zone: yes, list: yes, channel: yes }, now, rules());
    }
    let text = store::text(&state);
    store::parse(&text, Path::new("state")).expect("what was written can be read");
}

#[test]
fn fuzz_states() {
    let sound = store::text(&sound());
    assert!(store::parse(&sound, Path::new("state")).is_ok(), "the seed is sound");
    bolero::check!().with_type::<Vec<Mutation>>().with_test_time(time()).for_each(
        |mutations: &Vec<Mutation>| {
            if let Ok(state) = store::parse(&mutate(&sound, mutations), Path::new("state")) {
                live_with(state);
            }
        },
    );
}

#[test]
fn no_number_is_too_large() {
    let text = String::from_utf8(store::text(&sound())).expect("it is text");
    let numbers: Vec<usize> = text.match_indices("1700").map(|(at, _)| at).collect();
    assert!(numbers.len() > 20, "times are found");
    for at in numbers {
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |n| at + n);
        let large = format!("{}{}{}", &text[..at], u64::MAX, &text[end..]);
        // What is a time within a text is none.
        if let Ok(state) = store::parse(large.as_bytes(), Path::new("state")) {
            live_with(state);
        }
    }
}
