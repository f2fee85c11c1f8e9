//! Tells what happened: the thread that hands messages to channels.
//!
//! A message is on disk before it is sent and leaves the disk after it was taken. Each channel has one
//! message on its way at a time, in a thread of its own, so that a mail server that hangs holds up nobody
//! but itself.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use repute_notify::{Channel, NotifyError, send};

use crate::config::Config;
use crate::notice;
use crate::outbox::{Letter, Refusal};
use crate::shared::{Shared, now};

/// Tells until all is over.
pub(crate) fn run(shared: &Arc<Shared>) {
    loop {
        let config = shared.config();
        for (name, letter) in letters(shared, &config, config.window) {
            let Some(channel) = config.channels.get(&name).cloned() else { continue };
            let its = Arc::clone(shared);
            let sender = thread::Builder::new().name("tell".into()).spawn({
                let name = name.clone();
                move || deliver(&its, &name, &channel, &letter)
            });
            if let Err(error) = sender {
                tracing::error!("cannot start a thread to tell {name}: {error}");
                shared.book().sending.remove(&name);
            }
        }
        let book = shared.book();
        if book.is_over {
            return;
        }
        let free = book.state.outbox.iter().filter(|(name, _)| !book.sending.contains(*name));
        let next = free.filter_map(|(_, mailbox)| mailbox.next(config.window)).min();
        let wait = next.map_or(LONGEST_WAIT, |next| {
            Duration::from_secs(next.saturating_sub(now())).clamp(SHORTEST_WAIT, LONGEST_WAIT)
        });
        drop(shared.wait(book, wait));
    }
}

/// Tells all that is to be told now, without waiting for more; whether all of it was taken.
pub(crate) fn flush(shared: &Shared) -> bool {
    let config = shared.config();
    let mut all_taken = true;
    loop {
        let letters = letters(shared, &config, Duration::ZERO);
        if letters.is_empty() {
            return all_taken;
        }
        for (name, letter) in letters {
            if let Some(channel) = config.channels.get(&name) {
                all_taken &= deliver(shared, &name, channel, &letter);
            }
        }
    }
}

/// Makes what was gathered for long enough into letters, and returns those that are to be sent, one for each
/// channel that is free. They are on disk then.
fn letters(shared: &Shared, config: &Config, window: Duration) -> Vec<(String, Letter)> {
    let mut letters = Vec::new();
    let mut is_new = false;
    {
        let mut book = shared.book();
        if book.is_over {
            return letters;
        }
        let now = now();
        for name in config.channels.keys() {
            if book.sending.contains(name) {
                continue;
            }
            let Some(mailbox) = book.state.outbox.get_mut(name) else { continue };
            is_new |= mailbox.close(window, now);
            if let Some(letter) = mailbox.due(now) {
                letters.push((name.clone(), letter.clone()));
            }
        }
        book.sending.extend(letters.iter().map(|(name, _)| name.clone()));
    }
    if is_new {
        shared.save();
    }
    letters
}

/// Sends one letter, and writes down what became of it. Returns whether it was taken.
fn deliver(shared: &Shared, name: &str, channel: &Channel, letter: &Letter) -> bool {
    let message = notice::message(&letter.id, &letter.events, letter.omitted);
    let sent = send(channel, &message);
    {
        let mut book = shared.book();
        let book = &mut *book;
        let mailbox = book.state.outbox.entry(name.to_owned()).or_default();
        match &sent {
            Ok(()) => {
                mailbox.taken(&letter.id);
                *book.process.taken.entry(name.to_owned()).or_default() += 1;
                tracing::info!("told {name}: {}", message.subject());
            }
            Err(error) => {
                let refusal = refused(mailbox, &letter.id, error);
                let counts = match refusal {
                    Refusal::Later(again) => {
                        let wait = again.saturating_sub(now());
                        tracing::warn!("cannot tell {name}, next try in {wait} s: {error}");
                        &mut book.process.refused
                    }
                    Refusal::GivenUp => {
                        tracing::error!("cannot tell {name}, given up: {error}");
                        &mut book.process.given_up
                    }
                };
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
        book.sending.remove(name);
        book.is_dirty = true;
    }
    shared.save();
    shared.wake();
    sent.is_ok()
}

/// Says when a letter is tried again.
fn refused(mailbox: &mut crate::outbox::Mailbox, id: &str, error: &NotifyError) -> Refusal {
    let jitter = StdRng::from_os_rng().random::<f64>();
    mailbox.refused(id, error.is_permanent(), now(), jitter)
}

/// The longest time that is waited for something to tell; whoever has something wakes us.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The shortest.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
