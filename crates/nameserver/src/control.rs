//! The control socket: how `repute status`, `repute reload` and others speak to a running server.
//!
//! A unix stream socket that only its owner (and root) may open. A client sends one line of words and
//! gets one line of JSON; then the connection ends. What a reload does is the business of whoever owns
//! the zones, behind [`Reload`].
//!
//! A socket file whose server is gone is replaced; one that answers is left alone.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::companion::Companion;
use crate::http::Gather;
use crate::listen::tcp::accept_failed;
use crate::report::Report;
use crate::zones::{ZoneState, Zones};

mod socket;

pub(crate) use socket::Socket;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// How the server is.
    Status,
    /// That a zone, or every zone, is built again from its sources.
    Reload(Option<Name>),
    /// That log files are opened again, as after their rotation.
    ReopenLogs,
    /// A zone as it is served.
    Zone(Name),
    /// Something that a [`Companion`] of the server does.
    Order {
        /// Its word.
        companion: String,
        /// What it shall do, in one line.
        order: String,
    },
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How the server is.
    Status(Box<Report>),
    /// What became of a reload.
    Reloaded(Reloads),
    /// A zone as a master file.
    Zone(String),
    /// What came of an order.
    Told(serde_json::Value),
    /// It was done.
    Done,
    /// It was not, and why.
    Error(String),
}

/// What became of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloads {
    /// What became of each zone.
    pub zones: Vec<Reloaded>,
    /// What failed beside them, in words.
    pub problems: Vec<String>,
    /// What failed beside them and had failed before.
    #[serde(default)]
    pub known_problems: Vec<String>,
    /// What should be known, in words.
    pub notes: Vec<String>,
}

/// What became of one zone's reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The zone's apex.
    pub zone: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a reload led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// New data is served.
    Served {
        /// Its serial.
        serial: u32,
        /// Its entries.
        entries: u64,
        /// Faulty lines that were left out.
        faults: u64,
        /// Lines that count, but with a warning.
        #[serde(default)]
        warnings: u64,
    },
    /// The sources are as they were.
    Unchanged,
    /// It is no longer in the configuration, and no longer served.
    Removed,
    /// Its feed was never fetched, so there is nothing to serve yet.
    Waiting,
    /// What was served before still is.
    Refused {
        /// Why, in words.
        reason: String,
        /// Whether that was so before the reload, and from the same sources.
        #[serde(default)]
        known: bool,
    },
}

/// Whoever can build zones again.
pub trait Reload: Send + Sync {
    /// Builds one zone, or reads the configuration again and builds all; returns when that is done.
    ///
    /// It may take as long as it takes: the caller is a thread that can wait.
    ///
    /// # Errors
    /// In words, if the zone is not configured, or the configuration is faulty.
    fn reload(&self, zone: Option<&Name>) -> Result<Reloads, String>;
}

/// What requests are answered from.
pub(crate) struct Commands {
    /// Tells how the server is.
    pub(crate) gather: Gather,
    /// Builds zones.
    pub(crate) reload: Arc<dyn Reload>,
    /// Opens logs again.
    pub(crate) reopen_logs: Box<dyn Fn() + Send + Sync>,
    /// What is served.
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    /// What else runs.
    pub(crate) companions: Vec<Arc<dyn Companion>>,
}

/// Answers requests until the server stops.
pub(crate) async fn serve(
    socket: Socket,
    commands: Arc<Commands>,
    stop: CancellationToken,
    tasks: TaskTracker,
) -> io::Result<()> {
    let listener = socket.listener.try_clone()?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (commands, stop) = (Arc::clone(&commands), stop.clone());
                tasks.spawn(async move {
                    let _place = place;
                    tokio::select! {
                        _ = converse(stream, commands) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// Reads one request and answers it.
async fn converse(stream: tokio::net::UnixStream, commands: Arc<Commands>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = tokio::io::BufReader::new(read.take(LINE_BYTES));
    timeout(LINE_TIME, reader.read_until(b'\n', &mut line)).await??;
    let request = String::from_utf8_lossy(&line).parse::<Request>();
    // A reload takes a while and gathering reads files: neither belongs on an async thread.
    let answer = tokio::task::spawn_blocking(move || match request {
        Ok(request) => commands.answer(&request),
        Err(error) => Answer::Error(error.to_string()),
    });
    let answer = answer.await.unwrap_or_else(|_| Answer::Error("the server failed at it".into()));
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    // A large zone is taken in pieces, each in its time.
    for piece in text.chunks(PIECE) {
        timeout(LINE_TIME, write.write_all(piece)).await??;
    }
    Ok(())
}

impl Commands {
    /// Does what is asked.
    fn answer(&self, request: &Request) -> Answer {
        match request {
            Request::Status => Answer::Status(Box::new((self.gather)())),
            Request::Reload(zone) => match self.reload.reload(zone.as_ref()) {
                Ok(reloads) => Answer::Reloaded(reloads),
                Err(reason) => Answer::Error(reason),
            },
            Request::ReopenLogs => {
                (self.reopen_logs)();
                Answer::Done
            }
            Request::Zone(apex) => match self.zones.load().get(apex) {
                Some(ZoneState::Records(live)) => match live.load_full() {
                    Some(zone) => Answer::Zone(master_file(&zone)),
                    None => {
                        Answer::Error(format!("there is nothing of zone `{apex}` to be served"))
                    }
                },
                Some(ZoneState::Serving(list)) => match list_file(list) {
                    Ok(text) => Answer::Zone(text),
                    Err(why) => Answer::Error(format!("list `{apex}` cannot be written: {why}")),
                },
                Some(ZoneState::Failed) => {
                    Answer::Error(format!("there is nothing of `{apex}` to be served"))
                }
                None => Answer::Error(format!("zone `{apex}` is not served")),
            },
            Request::Order { companion, order } => {
                let one = self.companions.iter().find(|one| one.name() == companion);
                match one.map(|one| one.order(order)) {
                    Some(Ok(told)) => Answer::Told(told),
                    Some(Err(reason)) => Answer::Error(reason),
                    None => Answer::Error(format!(
                        "the server runs no `{companion}` service: its configuration had none when it was started"
                    )),
                }
            }
        }
    }
}

/// A zone as text.
fn master_file(zone: &repute_records::Zone) -> String {
    zone.records().map(|record| format!("{}\n", repute_records::master::line(&record))).collect()
}

/// A list as text.
fn list_file(list: &repute_zone::Zone) -> io::Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    let mut text = Vec::new();
    repute_zone::export::master(list, now, &mut text)?;
    String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Asks the server at `path` and waits for its answer.
///
/// # Errors
/// If no server answers there. What a server refuses to do is not an error here but
/// [`Answer::Error`].
pub fn ask(path: &Path, request: &Request) -> Result<Answer, ControlError> {
    let mut stream = UnixStream::connect(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { path: path.into() }
        }
        _ => ControlError::Ask { path: path.into(), source },
    })?;
    let fail = |source| ControlError::Ask { path: path.into(), source };
    let patience = match request {
        Request::Status | Request::ReopenLogs => Some(ANSWER_TIME),
        // A large list takes its time, and so does a disk.
        Request::Reload(_) | Request::Zone(_) | Request::Order { .. } => None,
    };
    stream.set_read_timeout(patience).map_err(fail)?;
    writeln!(stream, "{request}").map_err(fail)?;
    let mut line = String::new();
    match BufReader::new(stream).read_line(&mut line).map_err(fail)? {
        0 => Err(fail(io::ErrorKind::UnexpectedEof.into())),
        _ => serde_json::from_str(&line)
            .map_err(|source| ControlError::Answer { path: path.into(), source }),
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(line: &str) -> Result<Request, RequestError> {
        if let Some(("order", rest)) = line.trim().split_once(' ') {
            let (companion, order) = rest.split_once(' ').ok_or(RequestError::Unknown)?;
            if companion.is_empty() || order.is_empty() {
                return Err(RequestError::Unknown);
            }
            let (companion, order) = (companion.to_owned(), order.to_owned());
            return Ok(Request::Order { companion, order });
        }
        let mut words = line.split_ascii_whitespace();
        let request = match (words.next(), words.next()) {
            (Some("status"), None) => Request::Status,
            (Some("reload"), None) => Request::Reload(None),
            (Some("reload"), Some(zone)) => {
                Request::Reload(Some(zone.parse().map_err(RequestError::Zone)?))
            }
            (Some("reopen-logs"), None) => Request::ReopenLogs,
            (Some("zone"), Some(zone)) => Request::Zone(zone.parse().map_err(RequestError::Zone)?),
            _ => return Err(RequestError::Unknown),
        };
        if words.next().is_some() { Err(RequestError::Unknown) } else { Ok(request) }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Status => f.write_str("status"),
            Request::Reload(None) => f.write_str("reload"),
            Request::Reload(Some(zone)) => write!(f, "reload {zone}"),
            Request::ReopenLogs => f.write_str("reopen-logs"),
            Request::Zone(zone) => write!(f, "zone {zone}"),
            Request::Order { companion, order } => write!(f, "order {companion} {order}"),
        }
    }
}

/// Why a line is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not one of the known ones.
    #[error(
        "unknown request: there are `status`, `reload [ZONE]`, `reopen-logs`, `zone ZONE` and `order COMPANION ORDER`"
    )]
    Unknown,
    /// The zone's name is none.
    #[error("not a zone name: {0}")]
    Zone(#[source] repute_dnsxl::NameError),
}

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another server answers there.
    #[error("a server is running already: {} answers", path.display())]
    InUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// Something else is at the path.
    #[error("{} is there and is no socket: remove it or choose another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot make the control socket {}: its folder must exist and be writable", path.display())]
    Bind {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody answers.
    #[error("no server answers at {}: is it running, with this path as its control socket?", path.display())]
    NotRunning {
        /// The path.
        path: PathBuf,
    },
    /// The conversation failed.
    #[error("cannot speak to the server at {}", path.display())]
    Ask {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The answer is not understood.
    #[error("the server at {} answers in another way: is it of another version?", path.display())]
    Answer {
        /// The path.
        path: PathBuf,
        /// Where it differs.
        source: serde_json::Error,
    },
}

/// Conversations at a time.
const CONNECTIONS: usize = 16;
/// Longest request: a name of 255 bytes takes at most four times as many in text, and an order some hundred networks.
pub const LINE_BYTES: u64 = 16 * 1024;
/// How long a client waits for what a server has at hand.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer that are sent at once.
const PIECE: usize = 64 * 1024;
/// How long a client may take to send its line, and to take a piece of the answer.
const LINE_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_lines_of_words() {
        let check = |line: &str, expect| assert_eq!(line.parse::<Request>(), expect, "{line}");
        check(" status \n", Ok(Request::Status));
        check("reload BL.example", Ok(Request::Reload(Some("bl.example".parse().unwrap()))));
        check("reload", Ok(Request::Reload(None)));
        check("reload a b", Err(RequestError::Unknown));
        let order = Request::Order { companion: "cook".to_owned(), order: "a  cake".to_owned() };
        check("order cook a  cake\n", Ok(order));
        check("order cook", Err(RequestError::Unknown));
        check("order  cake", Err(RequestError::Unknown));
        check("", Err(RequestError::Unknown));
        check("reload a..b", Err(RequestError::Zone(repute_dnsxl::NameError::EmptyLabel)));
    }

    #[test]
    fn a_server_that_is_not_there_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = ask(&folder.path().join("control"), &Request::Status).unwrap_err();
        assert!(matches!(error, ControlError::NotRunning { .. }));
    }

    proptest! {
        #[test]
        fn no_line_panics_and_what_is_read_is_written_the_same(line in any::<Vec<u8>>()) {
            let line = String::from_utf8_lossy(&line);
            if let Ok(request) = line.parse::<Request>() {
                prop_assert_eq!(request.to_string().parse::<Request>(), Ok(request));
            }
        }

        #[test]
        fn any_zone_survives_the_journey(label in "[ -~]{1,20}") {
            let escaped: String = label.bytes().map(|b| format!("\\{b:03}")).collect();
            let request = Request::Reload(Some(escaped.parse().unwrap()));
            prop_assert_eq!(request.to_string().parse::<Request>(), Ok(request));
        }
    }
}
