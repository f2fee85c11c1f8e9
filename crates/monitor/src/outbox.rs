//! What is still to be told, by channel: gathered for a while, made into one message, tried until it is
//! taken.
//!
//! All of it is part of the state on disk, and a message leaves it only when it was taken or given up. So
//! it is told at least once; told twice, by a process that was killed between sending and writing that down,
//! it has the same id.

use std::time::Duration;

use repute_notify::retry;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// What is to be told through one channel.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Mailbox {
    /// Events that wait for more, and since when.
    gathering: Vec<Event>,
    since: u64,
    /// Events before those that were too many.
    omitted: u64,
    /// Messages that were not taken yet, the oldest first.
    letters: Vec<Letter>,
}

/// One message that is to be sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Letter {
    /// What is the same each time it is sent.
    pub id: String,
    /// What it tells.
    pub events: Vec<Event>,
    /// How many more it does not tell.
    pub omitted: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again, in Unix seconds.
    pub again: u64,
}

/// What became of a letter that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is tried again at this time.
    Later(u64),
    /// It is given up.
    GivenUp,
}

impl Mailbox {
    /// Takes events in.
    pub fn add(&mut self, events: &[Event], now: u64) {
        if self.gathering.is_empty() && !events.is_empty() {
            self.since = now;
        }
        self.gathering.extend_from_slice(events);
        let too_many = self.gathering.len().saturating_sub(MOST_EVENTS);
        self.gathering.drain(..too_many);
        self.omitted = self.omitted.saturating_add(too_many as u64);
    }

    /// Makes what was gathered for long enough into a letter. Returns whether it did.
    pub fn close(&mut self, window: Duration, now: u64) -> bool {
        // A clock that went back must not hold news up.
        let is_over = now >= self.since.saturating_add(window.as_secs()) || now < self.since;
        if self.gathering.is_empty() || !is_over {
            return false;
        }
        let events = std::mem::take(&mut self.gathering);
        let omitted = std::mem::take(&mut self.omitted);
        let first = events.first().map_or(0, |event| event.number);
        let id = format!("repute-{}-{first}", self.since);
        self.letters.push(Letter { id, events, omitted, attempts: 0, again: now });
        // One message a window for a day are fewer, but for very short windows.
        let too_many = self.letters.len().saturating_sub(MOST_LETTERS);
        let dropped = self.letters.drain(..too_many);
        self.omitted = dropped.fold(self.omitted, |sum, letter| sum.saturating_add(letter.count()));
        true
    }

    /// The letter that is to be sent now.
    pub fn due(&self, now: u64) -> Option<&Letter> {
        self.letters
            .iter()
            .find(|letter| letter.again <= now || letter.again > now.saturating_add(FAR))
    }

    /// Has all that was not taken be tried at once: somebody may have mended what was in the way.
    pub fn hurry(&mut self, now: u64) {
        for letter in &mut self.letters {
            letter.again = letter.again.min(now);
        }
    }

    /// When there is something to do, if nothing comes in.
    pub fn next(&self, window: Duration) -> Option<u64> {
        let closes =
            (!self.gathering.is_empty()).then(|| self.since.saturating_add(window.as_secs()));
        self.letters.iter().map(|letter| letter.again).chain(closes).min()
    }

    /// A letter was taken.
    pub fn taken(&mut self, id: &str) {
        self.letters.retain(|letter| letter.id != id);
    }

    /// A letter was not taken. `jitter` is a random number from 0 to 1.
    pub fn refused(&mut self, id: &str, permanent: bool, now: u64, jitter: f64) -> Refusal {
        let Some(letter) = self.letters.iter_mut().find(|letter| letter.id == id) else {
            return Refusal::GivenUp;
        };
        letter.attempts = letter.attempts.saturating_add(1);
        match retry(letter.attempts, jitter).filter(|_| !permanent) {
            Some(wait) => {
                letter.again = now.saturating_add(wait.as_secs().max(1));
                Refusal::Later(letter.again)
            }
            None => {
                self.taken(id);
                Refusal::GivenUp
            }
        }
    }

    /// How many events wait to be told.
    pub fn waiting(&self) -> u64 {
        let gathering = self.omitted.saturating_add(self.gathering.len() as u64);
        self.letters.iter().fold(gathering, |sum, letter| sum.saturating_add(letter.count()))
    }
}

impl Letter {
    /// How many events it is about.
    pub fn count(&self) -> u64 {
        self.omitted.saturating_add(self.events.len() as u64)
    }
}

/// Events that are kept for one message.
const MOST_EVENTS: usize = 500;
/// Messages that wait at once.
const MOST_LETTERS: usize = 300;
/// No letter waits longer than this, in seconds, unless the clock went back.
const FAR: u64 = 2 * 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Meaning};
    use crate::standing::Details;

    const WINDOW: Duration = Duration::from_secs(300);

    fn event(number: u64) -> Event {
        Event {
            number,
            time: 0,
            kind: Kind::Listed,
            target: None,
            list: "bl.example".into(),
            meaning: Meaning::Block,
            first_seen: None,
            last_seen: None,
            details: Details::default(),
            reason: None,
        }
    }

    #[test]
    fn all_events_of_a_window_are_one_letter() {
        let mut mailbox = Mailbox::default();
        assert!(!mailbox.close(WINDOW, 1000), "there is nothing");
        mailbox.add(&[event(1)], 1000);
        mailbox.add(&[event(2), event(3)], 1200);
        assert_eq!((mailbox.next(WINDOW), mailbox.waiting()), (Some(1300), 3));
        assert!(!mailbox.close(WINDOW, 1299) && mailbox.due(1299).is_none());
        assert!(mailbox.close(WINDOW, 1300));
        let letter = mailbox.due(1300).expect("it is due");
        assert_eq!((letter.id.as_str(), letter.events.len()), ("repute-1000-1", 3));
        let id = letter.id.clone();
        mailbox.taken(&id);
        assert_eq!(mailbox, Mailbox { since: 1000, ..Mailbox::default() });
    }

    #[test]
    fn a_letter_that_is_not_taken_comes_again_with_the_same_id_until_it_is_given_up() {
        let mut mailbox = Mailbox::default();
        mailbox.add(&[event(1)], 0);
        mailbox.close(Duration::ZERO, 0);
        let mut now = 0;
        for attempt in 1..=30 {
            let letter = mailbox.due(now).expect("it is due").clone();
            assert_eq!(letter.id, "repute-0-1");
            let text = serde_json::to_string(&mailbox).expect("it can be written");
            mailbox = serde_json::from_str(&text).expect("it can be read");
            match mailbox.refused(&letter.id, false, now, 0.5) {
                Refusal::Later(again) => {
                    assert!(again > now && mailbox.due(now).is_none());
                    now = again;
                }
                Refusal::GivenUp => assert_eq!(attempt, 30),
            }
        }
        assert_eq!(mailbox.waiting(), 0);
        mailbox.add(&[event(2)], now);
        mailbox.close(Duration::ZERO, now);
        let id = mailbox.due(now).expect("it is due").id.clone();
        assert_eq!(mailbox.refused(&id, true, now, 0.5), Refusal::GivenUp, "for good");
    }

    #[test]
    fn one_letter_that_waits_does_not_hold_up_the_next() {
        let mut mailbox = Mailbox::default();
        mailbox.add(&[event(1)], 0);
        mailbox.close(Duration::ZERO, 0);
        mailbox.refused("repute-0-1", false, 0, 0.5);
        mailbox.add(&[event(2)], 1);
        mailbox.close(Duration::ZERO, 1);
        assert_eq!(mailbox.due(1).map(|letter| letter.id.as_str()), Some("repute-1-2"));
        mailbox.hurry(2);
        assert_eq!(mailbox.due(2).map(|letter| letter.id.as_str()), Some("repute-0-1"));
    }

    #[test]
    fn too_many_are_counted_and_a_clock_that_went_back_holds_nothing_up() {
        let mut mailbox = Mailbox::default();
        let events: Vec<Event> = (0..MOST_EVENTS as u64 + 7).map(event).collect();
        mailbox.add(&events, 1_000_000);
        assert_eq!(mailbox.waiting(), MOST_EVENTS as u64 + 7);
        assert!(mailbox.close(WINDOW, 5), "the clock went back");
        let letter = mailbox.due(5).expect("it is due").clone();
        assert_eq!((letter.events.len(), letter.omitted), (MOST_EVENTS, 7));
        mailbox.refused(&letter.id, false, 1_000_000, 0.5);
        assert!(mailbox.due(5).is_some(), "the clock went back again");
    }
}
