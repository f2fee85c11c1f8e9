//! Signals and the passing of time, as one stream of events.
//!
//! rbldnsd's meanings: HUP reads changed files and opens the log again, USR1 tells statistics, USR2
//! tells and resets them, TERM and INT end the server. Between signals, the files are looked at once
//! an interval. A signal that comes while data is read waits its turn, as do all others.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// What the server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The check interval is over.
    Check,
    /// Read changed files and open the log again.
    Reload,
    /// Tell statistics.
    Statistics,
    /// Tell statistics and count from zero.
    Reset,
    /// End.
    Stop,
}

/// Where events come from.
#[derive(Debug)]
pub(super) struct Events {
    signals: Receiver<Event>,
    interval: Option<Duration>,
    next: Instant,
}

impl Events {
    /// Begins to catch signals; 0 seconds is no interval.
    ///
    /// # Errors
    /// If the system gives no thread or descriptor.
    pub(super) fn listen(seconds: u32) -> io::Result<Events> {
        // PIPE is caught so that a log into a pipe whose reader went away does not end the server.
        let mut caught = Signals::new([SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGPIPE])?;
        let (sender, signals) = mpsc::channel();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in caught.forever() {
                let event = match signal {
                    SIGHUP => Event::Reload,
                    SIGUSR1 => Event::Statistics,
                    SIGUSR2 => Event::Reset,
                    SIGTERM | SIGINT => Event::Stop,
                    _ => continue,
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
        let interval = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        Ok(Events { signals, interval, next: Instant::now() + interval.unwrap_or_default() })
    }

    /// Waits for the next event.
    pub(super) fn next(&mut self) -> Event {
        let Some(interval) = self.interval else {
            return self.signals.recv().unwrap_or(Event::Stop);
        };
        let wait = self.next.saturating_duration_since(Instant::now());
        match self.signals.recv_timeout(wait) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => {
                self.next = Instant::now() + interval;
                Event::Check
            }
            // The thread that catches signals never ends by itself.
            Err(RecvTimeoutError::Disconnected) => Event::Stop,
        }
    }
}
