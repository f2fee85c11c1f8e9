//! Several events as one message: what is bad first, with all that one needs to act.

use std::fmt::Write;

use repute_chart::time_text;
use repute_notify::Message;

use crate::event::{Event, Kind};

/// Writes a message of events, of which there must be one; `omitted` more were too many to be kept.
pub fn message(id: &str, events: &[Event], omitted: u64) -> Message {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_key(|event| (!event.is_bad(), event.kind, event.number));
    let mut text = String::new();
    for event in &sorted {
        write_event(&mut text, event);
    }
    if omitted > 0 {
        let _ = writeln!(text, "and {omitted} more before these, too many to be kept");
    }
    let kind = match sorted.split_first() {
        Some((first, rest)) if rest.iter().all(|event| event.kind == first.kind) => {
            first.kind.word()
        }
        _ => "changes",
    };
    let message = Message::new(kind, &subject(&sorted, omitted))
        .with_id(id)
        .with_text(&text)
        .with_fact("count", omitted.saturating_add(events.len() as u64));
    let message = match &*sorted {
        [one] => {
            let mut message = message.with_fact("list", one.list.clone());
            if let Some(target) = &one.target {
                message = message.with_fact("target", target.clone());
            }
            message
        }
        _ => message,
    };
    let facts: Vec<_> = sorted.iter().take(MOST_FACTS).map(|event| fact(event)).collect();
    message.with_fact("events", facts)
}

/// One line for all of them.
fn subject(sorted: &[&Event], omitted: u64) -> String {
    let Some(first) = sorted.first() else { return "no news".to_owned() };
    match omitted.saturating_add(sorted.len() as u64 - 1) {
        0 => first.sentence(),
        more => {
            let count = |kind: Kind| sorted.iter().filter(|event| event.kind == kind).count();
            let kinds = [
                (Kind::Listed, "listed"),
                (Kind::Delisted, "delisted"),
                (Kind::Dead, "lists dead"),
                (Kind::Back, "lists back"),
                (Kind::Failed, "rules broken"),
                (Kind::Mended, "rules mended"),
            ];
            let counts: Vec<String> = kinds
                .iter()
                .filter(|(kind, _)| count(*kind) > 0)
                .map(|(kind, word)| format!("{} {word}", count(*kind)))
                .collect();
            format!("{}, and {more} more ({})", first.sentence(), counts.join(", "))
        }
    }
}

/// What happened, and under it what is known about it.
fn write_event(text: &mut String, event: &Event) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", event.sentence());
    let details = &event.details;
    match (event.kind, event.first_seen, event.last_seen) {
        (Kind::Listed | Kind::Failed, Some(first), _) => {
            let _ = writeln!(text, "  first seen {} UTC", time(first));
        }
        (Kind::Delisted | Kind::Mended, Some(first), Some(last)) => {
            let _ = writeln!(text, "  seen from {} to {} UTC", time(first), time(last));
        }
        (Kind::Back, Some(first), Some(last)) => {
            let _ = writeln!(text, "  away from {} to {} UTC", time(first), time(last));
        }
        (_, _, _) => {
            let _ = writeln!(text, "  {} UTC", time(event.time));
        }
    }
    if matches!(event.kind, Kind::Listed | Kind::Failed) {
        let means = if details.meanings.is_empty() { "" } else { ": " };
        if !details.codes.is_empty() {
            let codes = details.codes.join(", ");
            let _ = writeln!(text, "  {codes}{means}{}", details.meanings.join(", "));
        }
        for said in &details.texts {
            let _ = writeln!(text, "  \"{said}\"");
        }
        if let Some(link) = &details.link
            && event.is_bad()
        {
            let _ = writeln!(text, "  to be removed: {link}");
        }
    }
}

/// An event for programs.
fn fact(event: &Event) -> serde_json::Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    value["kind"] = event.kind.word().into();
    value
}

/// A time for people.
fn time(seconds: u64) -> String {
    time_text(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Events that are told to programs in one message; the text has all.
const MOST_FACTS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Meaning;
    use crate::standing::Details;

    fn event(number: u64, kind: Kind, list: &str) -> Event {
        Event {
            number,
            time: 1_700_003_600,
            kind,
            target: Some("192.0.2.25".into()),
            list: list.into(),
            meaning: Meaning::Block,
            first_seen: Some(1_700_000_000),
            last_seen: Some(1_700_003_600),
            details: Details {
                codes: vec!["127.0.0.2".into()],
                meanings: vec!["sends spam".into()],
                texts: vec!["see bl.example".into()],
                link: Some("https://bl.example/remove".into()),
            },
            reason: None,
        }
    }

    #[test]
    fn one_event_is_told_in_its_own_words() {
        let message = message("m-1", &[event(7, Kind::Listed, "bl.example")], 0);
        assert_eq!((message.id(), message.kind()), ("m-1", "listed"));
        assert_eq!(message.subject(), "192.0.2.25 is listed on bl.example");
        assert_eq!(
            message.text(),
            "192.0.2.25 is listed on bl.example\n  first seen 2023-11-14 22:13 UTC\n  \
             127.0.0.2: sends spam\n  \"see bl.example\"\n  \
             to be removed: https://bl.example/remove\n"
        );
        let facts: Vec<&str> = message.facts().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(facts, ["count", "list", "target", "events"]);
        assert_eq!(message.facts()[3].1[0]["kind"], "listed");
        assert_eq!(message.facts()[3].1[0]["first-seen"], 1_700_000_000);
    }

    #[test]
    fn a_list_that_is_back_tells_how_long_it_was_away() {
        let back = Event { target: None, ..event(1, Kind::Back, "bl.example") };
        let message = message("m", &[back], 0);
        assert_eq!(
            message.text(),
            "the list bl.example can be used again\n  \
             away from 2023-11-14 22:13 to 2023-11-14 23:13 UTC\n"
        );
    }

    #[test]
    fn several_are_one_message_with_the_worst_first() {
        let events = [
            event(1, Kind::Delisted, "a.example"),
            event(2, Kind::Listed, "b.example"),
            event(3, Kind::Listed, "c.example"),
        ];
        let message = message("m", &events, 4);
        assert_eq!(message.kind(), "changes");
        assert_eq!(
            message.subject(),
            "192.0.2.25 is listed on b.example, and 6 more (2 listed, 1 delisted)"
        );
        let lines: Vec<&str> = message.text().lines().filter(|l| !l.starts_with(' ')).collect();
        assert_eq!(
            lines,
            [
                "192.0.2.25 is listed on b.example",
                "192.0.2.25 is listed on c.example",
                "192.0.2.25 is no longer listed on a.example",
                "and 4 more before these, too many to be kept"
            ]
        );
        assert!(message.text().contains("  seen from 2023-11-14 22:13 to 2023-11-14 23:13 UTC\n"));
    }
}
