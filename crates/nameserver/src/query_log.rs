//! The query log: which queries came, from whom, and what was answered.
//!
//! A worker copies the few bytes that matter into its own bounded queue and goes on; it formats
//! nothing, waits for nobody and makes no system call. One thread takes the records out, writes lines
//! and hands them to the file, standard output or syslog. When it cannot keep up, records are
//! discarded and counted: a slow disk must never slow an answer.
//!
//! Off by default: it is the one place where clients are named.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_queue::ArrayQueue;

use crate::counters::Rcode;
use crate::respond::{Client, Outcome};
use crate::status::StatusBoard;

mod line;
mod rbldnsd;
mod record;
mod sink;
mod writer;

pub(crate) use record::Moment;
use record::Record;
use sink::Sink;
use writer::Writer;

/// What is logged, how and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which queries. Default: none.
    pub queries: Queries,
    /// Of those, one in so many. Default: 1, every one; 0 means the same.
    pub sample: u32,
    /// How a line looks. Default: text.
    pub format: Format,
    /// Where lines go. Default: standard output.
    pub destination: Destination,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            queries: Queries::Off,
            sample: 1,
            format: Format::Text,
            destination: Destination::Stdout,
        }
    }
}

/// Which queries are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queries {
    /// None.
    #[default]
    Off,
    /// Those whose answer names a listing.
    Hits,
    /// Those that got neither an answer from a zone nor "not listed": refused, malformed, dropped.
    Errors,
    /// All.
    All,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Words separated by blanks.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// As `rbldnsd -l` writes them.
    Rbldnsd,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output; under systemd that is the journal.
    Stdout,
    /// A file, appended to; opened again when asked, so that it can be rotated.
    File(PathBuf),
    /// A syslog socket, usually `/dev/log`; the journal listens there too.
    Syslog(PathBuf),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Stdout => f.write_str("to standard output"),
            Destination::File(path) | Destination::Syslog(path) => path.display().fmt(f),
        }
    }
}

/// The end of a queue at which a worker reports queries; it stays when the log is set up anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Slot>);

/// Where a worker finds its queue, if there is one now.
#[derive(Debug, Default)]
struct Slot {
    /// Whether there is one.
    on: AtomicBool,
    /// The queue.
    channel: ArcSwapOption<Channel>,
}

/// A queue from one worker to the log thread.
#[derive(Debug)]
struct Channel {
    /// The records.
    queue: ArrayQueue<Record>,
    /// Which queries are wanted.
    queries: Queries,
    /// One in so many of them.
    sample: u32,
    /// Wanted queries since the last that was taken.
    turn: AtomicU32,
    /// Records lost because the queue was full.
    lost: AtomicU64,
}

impl Recorder {
    /// Whether anything is logged at all: the one branch a batch pays when not.
    pub(crate) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Reports a query, if it is of the kind that is wanted and its turn has come.
    pub(crate) fn note(&self, moment: Moment, request: &[u8], client: &Client, outcome: &Outcome) {
        let channel = self.0.channel.load();
        let Some(channel) = &*channel else { return };
        if !channel.wants(outcome) {
            return;
        }
        // Two TCP tasks may race here: the sample is a little off then, and nothing else.
        let turn = channel.turn.load(Ordering::Relaxed) + 1;
        if turn < channel.sample {
            channel.turn.store(turn, Ordering::Relaxed);
            return;
        }
        channel.turn.store(0, Ordering::Relaxed);
        if channel.queue.push(Record::new(moment, request, client, outcome)).is_err() {
            channel.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Slot {
    /// Gives the worker another queue, or none, and returns when it has left the one before.
    fn replace(&self, channel: Option<Arc<Channel>>) {
        self.on.store(channel.is_some(), Ordering::Relaxed);
        let Some(before) = self.channel.swap(channel) else { return };
        // Ours, the log's and the writer's: whoever else holds it is about to report a query.
        while Arc::strong_count(&before) > 3 {
            thread::yield_now();
        }
    }
}

impl Channel {
    /// An empty queue.
    fn new(config: &Config, records: usize) -> Channel {
        Channel {
            queue: ArrayQueue::new(records),
            queries: config.queries,
            sample: config.sample,
            turn: AtomicU32::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Whether queries with this outcome are logged.
    fn wants(&self, outcome: &Outcome) -> bool {
        match (self.queries, outcome) {
            (Queries::Off, _)
            | (Queries::Hits, Outcome::Drop | Outcome::Limited | Outcome::Beyond) => false,
            (Queries::All, _) | (Queries::Errors, Outcome::Drop | Outcome::Limited) => true,
            // What its answer will be is not known yet.
            (Queries::Errors, Outcome::Beyond) => false,
            (Queries::Hits, Outcome::Reply(reply)) => reply.listed,
            (Queries::Errors, Outcome::Reply(reply)) => match Rcode::of(reply.rcode) {
                Rcode::NoError | Rcode::NxDomain => false,
                Rcode::FormErr
                | Rcode::ServFail
                | Rcode::NotImp
                | Rcode::Refused
                | Rcode::NotAuth
                | Rcode::BadVers
                | Rcode::BadCookie
                | Rcode::Other => true,
            },
        }
    }
}

/// The running log.
#[derive(Debug)]
pub(crate) struct QueryLog {
    /// How it is.
    config: Config,
    /// Where the workers find their queues.
    slots: Vec<Recorder>,
    /// Knows the names of zones.
    board: Arc<StatusBoard>,
    /// Who writes; `None` when the log is off.
    pen: Option<Pen>,
    /// Those who wrote before and have not come to an end, as nobody takes their lines.
    retired: Vec<Pen>,
    /// Lines and losses of those who have.
    before: (u64, u64),
}

/// A thread that writes, and the queues it writes from.
#[derive(Debug)]
struct Pen {
    /// The queues of all workers.
    channels: Vec<Arc<Channel>>,
    /// The thread; `None` when it has ended.
    writer: Option<JoinHandle<()>>,
    /// Orders to it.
    orders: Arc<Orders>,
}

/// What the log thread is told, and what it tells.
#[derive(Debug, Default)]
struct Orders {
    /// Write what is there and end.
    stop: AtomicBool,
    /// Open the file again.
    reopen: AtomicBool,
    /// Lines written so far.
    lines: AtomicU64,
}

impl QueryLog {
    /// Opens the destination and starts the thread, unless the log is off.
    ///
    /// `sources` is the number of queues; `board` knows the names of zones.
    pub(crate) fn start(
        config: &Config,
        sources: usize,
        board: Arc<StatusBoard>,
    ) -> io::Result<QueryLog> {
        let slots = (0..sources).map(|_| Recorder::default()).collect();
        let mut log = QueryLog {
            config: Config::default(),
            slots,
            board,
            pen: None,
            retired: Vec::new(),
            before: (0, 0),
        };
        log.configure(config)?;
        Ok(log)
    }

    /// Sets the log up anew while queries are answered. What was reported before is written as it was
    /// meant to be.
    ///
    /// # Errors
    /// If the new destination cannot be opened; nothing is changed then.
    pub(crate) fn configure(&mut self, config: &Config) -> io::Result<()> {
        if self.config == *config {
            return Ok(());
        }
        let pen = match config.queries {
            Queries::Off => None,
            Queries::Hits | Queries::Errors | Queries::All => {
                Some(Pen::take(config, self.slots.len(), Arc::clone(&self.board))?)
            }
        };
        for (place, slot) in self.slots.iter().enumerate() {
            slot.0.replace(pen.as_ref().map(|pen| Arc::clone(&pen.channels[place])));
        }
        if let Some(old) = std::mem::replace(&mut self.pen, pen) {
            old.finish(GRACE);
            self.retired.push(old);
        }
        for done in self.retired.extract_if(.., |pen| pen.is_done()) {
            let (lines, lost) = done.counts();
            self.before = (self.before.0 + lines, self.before.1 + lost);
        }
        self.config = config.clone();
        Ok(())
    }

    /// The end of the queue for one source.
    pub(crate) fn recorder(&self, source: usize) -> Recorder {
        self.slots.get(source).cloned().unwrap_or_default()
    }

    /// Opens the file again, as after a rotation.
    pub(crate) fn reopen(&self) {
        if let Some(pen) = &self.pen {
            pen.orders.reopen.store(true, Ordering::Release);
        }
    }

    /// Lines written, and queries lost because the log could not keep up.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let pens = self.pen.iter().chain(&self.retired).map(Pen::counts);
        pens.fold(self.before, |sum, pen| (sum.0 + pen.0, sum.1 + pen.1))
    }

    /// Writes what is queued and ends. The workers must have ended before.
    pub(crate) fn stop(&mut self) {
        for pen in self.pen.iter_mut().chain(&mut self.retired) {
            pen.stop();
        }
    }
}

impl Drop for QueryLog {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Pen {
    /// Opens the destination and starts a thread that writes there.
    fn take(config: &Config, sources: usize, board: Arc<StatusBoard>) -> io::Result<Pen> {
        let sink = Sink::open(&config.destination)?;
        let orders = Arc::new(Orders::default());
        let channels: Vec<_> =
            (0..sources).map(|_| Arc::new(Channel::new(config, QUEUE_RECORDS))).collect();
        let writer = Writer {
            channels: channels.clone(),
            orders: Arc::clone(&orders),
            format: config.format,
            board,
            sink,
        };
        let writer = thread::Builder::new().name("query-log".into()).spawn(move || writer.run())?;
        Ok(Pen { channels, writer: Some(writer), orders })
    }

    /// Lines written and queries lost.
    fn counts(&self) -> (u64, u64) {
        let lost = self.channels.iter().map(|c| c.lost.load(Ordering::Relaxed)).sum();
        (self.orders.lines.load(Ordering::Relaxed), lost)
    }

    /// Writes what is queued and ends.
    fn stop(&mut self) {
        self.finish(Duration::ZERO);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }

    /// Begins to end, and waits a while for that: whoever takes the lines may have stopped to.
    fn finish(&self, patience: Duration) {
        self.orders.stop.store(true, Ordering::Release);
        let Some(writer) = &self.writer else { return };
        writer.thread().unpark();
        let begin = Instant::now();
        while !writer.is_finished() && begin.elapsed() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether all that was queued is written.
    fn is_done(&self) -> bool {
        self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// How long the end of a log that is replaced is waited for.
const GRACE: Duration = Duration::from_secs(2);
/// Records a worker can be ahead of the log thread.
const QUEUE_RECORDS: usize = 4096;
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::respond::{Reply, Transport};
    use crate::zones::ZoneIndex;
    use proptest::prelude::*;
    use std::net::IpAddr;

    /// A query for `a.Bl.example` TXT IN.
    pub(crate) fn query() -> Vec<u8> {
        let mut query = vec![0; 12];
        query.extend_from_slice(b"\x01a\x02Bl\x07example\x00\x00\x10\x00\x01");
        query
    }

    pub(crate) fn client() -> Client {
        Client { address: IpAddr::from([192, 0, 2, 1]), transport: Transport::Udp }
    }

    pub(crate) fn answer(rcode: u8, listed: bool) -> Outcome {
        let reply = Reply {
            len: 80,
            zone: Some(ZoneIndex(0)),
            rcode,
            qtype: 16,
            answers: 1,
            listed,
            truncated: false,
            keyed: false,
            proven: false,
            limited: false,
        };
        Outcome::Reply(reply)
    }

    /// Which of five outcomes are wanted: a hit, a miss, an error, a drop, an empty answer.
    fn wanted(queries: Queries) -> [bool; 5] {
        let channel = Channel::new(&Config { queries, ..Config::default() }, 1);
        [answer(0, true), answer(3, false), answer(5, false), Outcome::Drop, answer(0, false)]
            .map(|outcome| channel.wants(&outcome))
    }

    #[test]
    fn queries_are_chosen_by_their_outcome() {
        assert_eq!(wanted(Queries::Hits), [true, false, false, false, false]);
        assert_eq!(wanted(Queries::Errors), [false, false, true, true, false]);
        assert_eq!(wanted(Queries::All), [true; 5]);
        assert_eq!(wanted(Queries::Off), [false; 5]);
    }

    #[test]
    fn one_in_n_is_written_and_all_that_was_queued_is_there_after_the_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queries.log");
        let config = Config {
            queries: Queries::All,
            sample: 10,
            destination: Destination::File(path.clone()),
            ..Config::default()
        };
        let mut log = QueryLog::start(&config, 1, Arc::new(StatusBoard::new())).unwrap();
        let recorder = log.recorder(0);
        for _ in 0..100 {
            recorder.note(Moment::default(), &query(), &client(), &answer(0, true));
        }
        log.stop();
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 10);
        assert_eq!(log.counts(), (10, 0));
    }

    #[test]
    fn a_full_queue_loses_records_and_counts_them() {
        let config = Config { queries: Queries::All, ..Config::default() };
        let channel = Arc::new(Channel::new(&config, 3));
        let recorder = Recorder::default();
        recorder.0.replace(Some(Arc::clone(&channel)));
        for _ in 0..5 {
            recorder.note(Moment::default(), &query(), &client(), &Outcome::Drop);
        }
        assert_eq!((channel.queue.len(), channel.lost.load(Ordering::Relaxed)), (3, 2));
    }

    #[test]
    fn a_log_that_is_set_up_anew_writes_each_query_once() {
        let folder = tempfile::tempdir().unwrap();
        let to = |name: &str| Config {
            queries: Queries::All,
            destination: Destination::File(folder.path().join(name)),
            ..Config::default()
        };
        let mut log = QueryLog::start(&Config::default(), 1, Arc::new(StatusBoard::new())).unwrap();
        let recorder = log.recorder(0);
        assert!(!recorder.is_on());
        let note = || recorder.note(Moment::default(), &query(), &client(), &answer(0, true));
        note();
        log.configure(&to("one")).unwrap();
        assert!(recorder.is_on());
        (0..3).for_each(|_| note());
        log.configure(&to("two")).unwrap();
        note();
        assert!(log.configure(&to("absent/folder")).is_err());
        note();
        log.configure(&Config::default()).unwrap();
        assert!(!recorder.is_on());
        note();
        log.stop();
        let lines =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("one"), lines("two"), log.counts()), (3, 2, (5, 0)));
    }

    #[test]
    fn a_log_whose_lines_nobody_takes_keeps_no_new_one_from_starting() {
        // A pipe that nobody reads: once it is full the writer stands still.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let to = |path: PathBuf| Config {
            queries: Queries::All,
            destination: Destination::File(path),
            ..Config::default()
        };
        let board = Arc::new(StatusBoard::new());
        let mut log = QueryLog::start(&to(path), 1, board).unwrap();
        let recorder = log.recorder(0);
        let note = || recorder.note(Moment::default(), &query(), &client(), &answer(0, true));
        (0..QUEUE_RECORDS).for_each(|_| note());
        log.configure(&to(folder.path().join("file"))).unwrap();
        note();
        drop(reader);
        log.stop();
        let lines = std::fs::read_to_string(folder.path().join("file")).unwrap().lines().count();
        assert_eq!(lines, 1);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_line(request in proptest::collection::vec(any::<u8>(), 0..600)) {
            for (format, outcome) in [
                (Format::Text, Outcome::Drop),
                (Format::Json, Outcome::Drop),
                (Format::Rbldnsd, answer(1, false)),
            ] {
                let record = Record::new(Moment::default(), &request, &client(), &outcome);
                let mut line = Vec::new();
                line::write(&record, format, &StatusBoard::new(), &mut line);
                let line = String::from_utf8(line).unwrap();
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert!(line.ends_with('\n') && line.is_ascii());
                if format == Format::Json {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
                }
            }
        }
    }
}
