//! The state as it is shown: one value from which metrics, pages and JSON are made.
//!
//! The state leaves out what is as it should be; here that is put in again, by what is configured.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use repute_audit::Audit;
use repute_dnsxl::Target;
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::List;
use repute_lookup::traffic::Traffic;
use serde::Serialize;

use crate::config::Config;
use crate::event::{Event, Meaning};
use crate::outbox::Mailbox;
use crate::standing::{Details, Shown, Standing, Status};
use crate::state::{Condition, Life, Record, State, Summary};

/// All that is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct View<'a> {
    /// The version of the program.
    pub version: &'a str,
    /// When this was made, in Unix seconds.
    pub time: u64,
    /// How often each subject is checked, in seconds.
    pub interval: u64,
    /// How the process does.
    pub process: &'a Process,
    /// Targets: addresses in their order, then names in theirs.
    pub targets: Vec<RecordView<'a>>,
    /// Zones of one's own.
    pub zones: Vec<RecordView<'a>>,
    /// Lists, in their order in the configuration.
    pub lists: Vec<ListView<'a>>,
    /// What is wrong with subjects themselves.
    pub problems: BTreeMap<&'a str, &'a str>,
    /// Channels, and how many events wait to be told there.
    pub channels: BTreeMap<&'a str, u64>,
    /// What happened lately, the newest first.
    pub events: Vec<&'a Event>,
}

/// How the process does; it is not kept.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Process {
    /// When it started, in Unix seconds.
    pub started: u64,
    /// When the state was last written.
    pub saved: Option<u64>,
    /// Why it cannot be, if it cannot.
    pub save_error: Option<String>,
    /// How often it could not.
    pub save_failures: u64,
    /// Rounds of checks.
    pub rounds: u64,
    /// Seconds that the last one took.
    pub round_seconds: f64,
    /// Messages that were taken, by channel.
    pub taken: BTreeMap<String, u64>,
    /// Messages that were not.
    pub refused: BTreeMap<String, u64>,
    /// Messages that were given up.
    pub given_up: BTreeMap<String, u64>,
    /// The last audit of each zone since the start.
    #[serde(skip)]
    pub audits: BTreeMap<String, Audit>,
    /// Queries, by list.
    #[serde(skip)]
    pub traffic: BTreeMap<String, Traffic>,
}

/// A target, or a zone of one's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The subject that it is checked for.
    pub subject: &'a str,
    /// The first check, in Unix seconds.
    pub first: u64,
    /// The last one.
    pub checked: u64,
    /// What the last one came to.
    #[serde(flatten)]
    pub summary: Summary,
    /// By list, in their order; lists that do not take it are left out.
    pub lists: Vec<Cell<'a>>,
}

/// How a target stands with a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cell<'a> {
    /// The list.
    pub list: &'a str,
    /// What being on it means.
    pub meaning: Meaning,
    /// What is shown of it; nothing before it was asked.
    pub shown: Option<Shown>,
    /// Whether it is listed, as far as anybody ever knew.
    pub status: Option<Status>,
    /// Since when that is so.
    pub since: u64,
    /// The first check that saw it listed.
    pub first_seen: Option<u64>,
    /// The last one that did.
    pub last_seen: Option<u64>,
    /// Why the last check could not tell.
    pub reason: Option<&'a str>,
    /// What the list says of it, if it is listed.
    #[serde(flatten)]
    pub details: Option<&'a Details>,
    /// A list that has it too, and has all entries of this one.
    pub part_of: Option<&'a str>,
    /// What was shown since when, the newest last; empty if it never was anything but clean.
    #[serde(skip)]
    pub history: &'a [(u64, Shown)],
}

/// A list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListView<'a> {
    /// Its name.
    pub name: &'a str,
    /// What being on it means.
    pub meaning: Meaning,
    /// Whether it can be used; nothing before it was asked.
    pub life: Option<Life>,
    /// Since when that is so.
    pub since: u64,
    /// What is the matter with it.
    pub condition: Condition,
    /// In words.
    pub reason: Option<&'a str>,
    /// Targets on it.
    pub listed: usize,
}

impl<'a> View<'a> {
    /// Makes it.
    pub fn of(state: &'a State, config: &'a Config, process: &'a Process, time: u64) -> View<'a> {
        let columns: Vec<Column<'a>> = columns(config);
        let mut targets: Vec<RecordView<'a>> = state
            .targets
            .iter()
            .map(|(name, record)| target(name, record, &columns, state))
            .collect();
        targets.sort_by_cached_key(|target| order(target.name));
        let mut listed: HashMap<&str, usize> = HashMap::new();
        for cell in targets.iter().flat_map(|target| &target.lists).filter(|c| c.is_listed()) {
            *listed.entry(cell.list).or_default() += 1;
        }
        let lists = columns.iter().map(|column| {
            let record = state.lists.get(column.name);
            ListView {
                name: column.name,
                meaning: column.meaning,
                life: record.and_then(|record| record.life.value()),
                since: record.map_or(0, |record| record.life.since()),
                condition: record.map_or(Condition::Ok, |record| record.condition),
                reason: record.and_then(|record| record.reason.as_deref()),
                listed: listed.get(column.name).copied().unwrap_or(0),
            }
        });
        let problems = state
            .subjects
            .iter()
            .filter_map(|(name, round)| Some((name.as_str(), round.problem.as_deref()?)));
        let waiting = |name: &String| state.outbox.get(name).map_or(0, Mailbox::waiting);
        View {
            version: env!("CARGO_PKG_VERSION"),
            time,
            interval: config.interval.as_secs(),
            process,
            lists: lists.collect(),
            zones: state.zones.iter().map(|(name, record)| zone(name, record)).collect(),
            problems: problems.collect(),
            channels: config.channels.keys().map(|name| (name.as_str(), waiting(name))).collect(),
            events: state.events.iter().rev().collect(),
            targets,
        }
    }
}

impl Cell<'_> {
    /// Whether it is listed, as far as anybody knows.
    pub fn is_listed(&self) -> bool {
        self.status == Some(Status::Listed)
    }

    /// What was shown since when, the newest last.
    pub fn changes(&self) -> Vec<(u64, Shown)> {
        match (self.history, self.shown) {
            ([], Some(shown)) => vec![(self.since, shown)],
            (history, _) => history.to_vec(),
        }
    }

    /// Whether that is bad, and nothing that is told of another list already.
    pub fn counts(&self) -> bool {
        self.is_listed() && self.meaning == Meaning::Block && self.part_of.is_none()
    }
}

/// Where a target stands among others: addresses in their order, then names in theirs.
fn order(name: &str) -> (bool, Option<IpAddr>, String) {
    let address: Option<IpAddr> = name.parse().ok();
    (address.is_none(), address, name.to_owned())
}

/// A list as it is configured.
struct Column<'a> {
    name: &'a str,
    list: &'a List,
    meaning: Meaning,
    /// The lists that have all of its entries.
    part_of: Vec<&'a str>,
}

/// The lists that are configured.
fn columns<'c>(config: &'c Config) -> Vec<Column<'c>> {
    let lists = config.names().iter().zip(&config.lists);
    let column = |(name, at): (&'c String, &'c ListAt)| {
        let wholes = lists.clone().filter(|(_, whole)| whole.list.contains.contains(&at.list.zone));
        let part_of = wholes.map(|(whole, _)| whole.as_str()).filter(|whole| whole != name);
        Column {
            name,
            list: &at.list,
            meaning: at.list.polarity.into(),
            part_of: part_of.collect(),
        }
    };
    lists.clone().map(column).collect()
}

/// A target with all lists that take it.
fn target<'a>(
    name: &'a str,
    record: &'a Record,
    columns: &[Column<'a>],
    state: &'a State,
) -> RecordView<'a> {
    let asked: Option<Target> = name.parse().ok();
    let is_on =
        |list: &str| record.standings.get(list).is_some_and(|s| s.status() == Some(Status::Listed));
    let cells = columns.iter().filter_map(|column| {
        if !asked.as_ref().is_some_and(|target| column.list.takes(target)) {
            return None;
        }
        let part_of = column.part_of.iter().find(|whole| is_on(whole)).copied();
        let since = state.lists.get(column.name).map(|list| list.since);
        Some(match record.standings.get(column.name) {
            Some(standing) => cell(column.name, column.meaning, standing, part_of),
            None => {
                let since =
                    since.filter(|since| *since <= record.checked).map(|s| s.max(record.first));
                Cell {
                    list: column.name,
                    meaning: column.meaning,
                    shown: since.map(|_| Shown::Clean),
                    status: since.map(|_| Status::Clean),
                    since: since.unwrap_or(0),
                    first_seen: None,
                    last_seen: None,
                    reason: None,
                    details: None,
                    part_of: None,
                    history: &[],
                }
            }
        })
    });
    RecordView {
        name,
        subject: &record.subject,
        first: record.first,
        checked: record.checked,
        summary: record.summary,
        lists: cells.collect(),
    }
}

/// A zone with the rules that it ever broke.
fn zone<'a>(name: &'a str, record: &'a Record) -> RecordView<'a> {
    let cells = record.standings.iter();
    RecordView {
        name,
        subject: &record.subject,
        first: record.first,
        checked: record.checked,
        summary: record.summary,
        lists: cells.map(|(rule, standing)| cell(rule, Meaning::Block, standing, None)).collect(),
    }
}

/// How it stands with one list.
fn cell<'a>(
    list: &'a str,
    meaning: Meaning,
    standing: &'a Standing,
    part_of: Option<&'a str>,
) -> Cell<'a> {
    let is_listed = standing.status() == Some(Status::Listed);
    Cell {
        list,
        meaning,
        shown: standing.shown(),
        status: standing.status(),
        since: standing.since(),
        first_seen: standing.seen().map(|(first, _)| first),
        last_seen: standing.seen().map(|(_, last)| last),
        reason: standing.unknown(),
        details: is_listed.then(|| standing.details()),
        part_of: part_of.filter(|_| is_listed),
        history: standing.history(),
    }
}
