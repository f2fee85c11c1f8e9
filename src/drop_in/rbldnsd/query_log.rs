//! `-l`: the query log, which is opened anew at each SIGHUP.
//!
//! As with rbldnsd a log that cannot be opened stops nothing, at the start as little as later: it is told,
//! no line is written, and the next SIGHUP tries again.

use std::fs::OpenOptions;
use std::io;

use repute_nameserver::query_log::{Config, Destination, Format, Queries};
use repute_nameserver::server::{Bound, Running};

use super::options::QueryLog;
use super::process;
use super::talk::Talk;

/// How the log is set up in the server.
pub(super) fn config(asked: Option<&QueryLog>) -> Config {
    let Some(asked) = asked else { return Config::default() };
    Config {
        queries: Queries::All,
        format: Format::Rbldnsd,
        destination: match asked {
            QueryLog::Stdout => Destination::Stdout,
            QueryLog::File(path) => Destination::File(path.clone()),
        },
        ..Config::default()
    }
}

/// The log of a server that runs.
pub(super) struct Log<'a> {
    /// What was asked for.
    asked: Option<&'a QueryLog>,
    /// Whether lines are written.
    is_on: bool,
}

impl<'a> Log<'a> {
    /// Takes the log out of a server whose log cannot be opened; why it cannot, in rbldnsd's words.
    pub(super) fn start(
        asked: Option<&'a QueryLog>,
        bound: Bound,
    ) -> (Log<'a>, Bound, Option<String>) {
        match unwritable(asked) {
            Some(why) => {
                let (log, why) = (Log { asked, is_on: false }, told(asked, &why));
                (log, bound.without_query_log(), Some(why))
            }
            None => (Log { asked, is_on: true }, bound, None),
        }
    }

    /// Opens it anew.
    pub(super) fn reopen(&mut self, running: &Running, talk: &Talk) {
        let set_up = |asked| running.remote().configure_log(&config(asked));
        let why = match unwritable(self.asked) {
            None if self.is_on => return running.reopen_logs(),
            None => set_up(self.asked).err(),
            // To write on into a file that was moved away is not what rbldnsd does.
            Some(why) => set_up(None).err().or(Some(why)),
        };
        self.is_on = why.is_none();
        if let Some(why) = why {
            talk.error(told(self.asked, &why));
        }
    }
}

/// Why the log cannot be written, if so.
fn unwritable(asked: Option<&QueryLog>) -> Option<io::Error> {
    let Some(QueryLog::File(path)) = asked else { return None };
    OpenOptions::new().append(true).create(true).open(path).err()
}

/// Rbldnsd's words for a log that cannot be opened.
fn told(asked: Option<&QueryLog>, why: &io::Error) -> String {
    process::failed(&format!("error (re)opening logfile `{}'", config(asked).destination), why)
}
