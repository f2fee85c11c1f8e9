//! The registry: imports, how soon DNS has what was committed, and look-ups in the portal by wrk.
//!
//! The product runs as people run it: `repute registry` beside `repute serve`, on SQLite and on a PostgreSQL with its
//! usual settings. Nothing else measures the same, so there is no peer: the floors are absolute.

pub(crate) mod follower;
mod postgres;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::blast::{free_port, loopback};
use crate::process::{Scheduling, Server, answers, find};
use crate::queries::{Edns, Expect, Queries, Type};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Measures the registry on each database.
///
/// # Errors
/// If the product cannot be started, or does something else than it should.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let Some(repute) = &settings.repute else {
        results.miss("the registry: build Repute with --release".into());
        return Ok(());
    };
    let folder = settings.folder()?.join("registry");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    measure(settings, results, &folder, repute, SQLITE, "")?;
    match postgres::Postgres::start(&folder)? {
        Some(server) => measure(settings, results, &folder, repute, POSTGRES, &server.url()),
        None => {
            results.miss("the registry on PostgreSQL: it is not installed".into());
            Ok(())
        }
    }
}

/// Measures it on one database: a file, or the server at a URL.
fn measure(
    settings: &Settings,
    results: &mut Results,
    folder: &Path,
    repute: &Path,
    subject: &str,
    url: &str,
) -> anyhow::Result<()> {
    let count = u32::try_from(settings.lists.addresses).unwrap_or(u32::MAX).min(MOST);
    let place = Place::new(folder, repute, url)?;
    let rows = place.rows("rows.txt", FIRST, count)?;
    place.does(&["list", "add", "bl.example", "--template", "blocklist"])?;
    place.does(&["list", "add", "new.example", "--template", "blocklist"])?;
    eprintln!("registry on {subject}: import");
    let took = place.import("bl.example", &rows, "first")?;
    results.add(Part::Registry, &import_case(count), subject, "s", took);

    let server = place.serve(settings)?;
    // From before the command to the answer: the time of the command is in it.
    for round in 0..settings.rounds.min(ROUNDS) {
        eprintln!("registry on {subject}: changes, round {}", round + 1);
        let base = OTHERS + (round as u32) * 2 * CHANGES;
        let some = place.rows("some.txt", base, CHANGES)?;
        let begin = Instant::now();
        let took = place.import("bl.example", &some, &format!("round {round}"))?;
        let last = base + 2 * (CHANGES - 1);
        place.until_listed(last, "bl.example")?;
        let all = begin.elapsed().as_secs_f64();
        results.add(Part::Registry, &changes_case(count), subject, "s", all - took);
    }
    follower::measure(settings, results, &place, subject)?;
    eprintln!("registry on {subject}: an import while it is served");
    let begin = Instant::now();
    let took = place.import("new.example", &rows, "first")?;
    place.until_listed(FIRST + 2 * (count - 1), "new.example")?;
    let after = begin.elapsed().as_secs_f64() - took;
    results.add(Part::Registry, &publishing_case(count), subject, "s", after);
    look_ups(settings, results, &place, subject, count)?;
    drop(server);
    Ok(())
}

/// Looks addresses up by wrk, half of them listed: as fast as one core answers, then at half that rate.
fn look_ups(
    settings: &Settings,
    results: &mut Results,
    place: &Place,
    subject: &str,
    count: u32,
) -> anyhow::Result<()> {
    let Some(wrk) = find("wrk") else {
        results.miss("look-ups in the portal: wrk is not installed".into());
        return Ok(());
    };
    for door in DOORS {
        eprintln!("registry on {subject}: look-ups, {}", door.name);
        let full = place.wrk(settings, &wrk, door, count, None)?;
        full.check(door)?;
        results.add(Part::Registry, &rate_case(door, count), subject, "/s", full.rate);
        let half = place.wrk(settings, &wrk, door, count, Some(full.rate / 2.0))?;
        half.check(door)?;
        results.add(Part::Registry, &latency_case(door, count), subject, "ms", half.p99);
    }
    Ok(())
}

/// What is measured of an import.
pub(crate) fn import_case(count: u32) -> String {
    format!("import of {count} rows")
}

/// What is measured of some changes.
pub(crate) fn changes_case(count: u32) -> String {
    format!("{CHANGES} changes at {count} entries, from the command's end to DNS")
}

/// What is measured of an import into a list that is served.
pub(crate) fn publishing_case(count: u32) -> String {
    format!("import of {count} rows, from the command's end to DNS")
}

/// What is measured of look-ups as fast as they go.
pub(crate) fn rate_case(door: Door, count: u32) -> String {
    format!("look-ups at {count} entries, {}, one core", door.name)
}

/// What is measured of look-ups at half the rate.
pub(crate) fn latency_case(door: Door, count: u32) -> String {
    format!("look-ups at {count} entries, {}, p99 at half that rate", door.name)
}

/// A way to look an address up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it is asked.
    path: &'static str,
    /// What it says of an address that no list has, and of no other.
    absent: &'static str,
    /// What it says of an address that a list has, and of no other.
    listed: &'static str,
}

/// The ways to look an address up.
pub(crate) const DOORS: [Door; 2] = [
    Door {
        name: "page",
        path: "/lookup",
        absent: "is on none of our lists",
        listed: "How to get out",
    },
    Door {
        name: "API",
        path: "/api/v1/lookup",
        absent: "\"listed\":false",
        listed: "\"listed\":true",
    },
];

/// A server's folder and what is run in it.
struct Place {
    folder: PathBuf,
    repute: PathBuf,
    dns: u16,
    portal: u16,
}

/// What wrk saw.
struct Seen {
    /// Answers a second.
    rate: f64,
    /// The 99th percentile of latency, in milliseconds.
    p99: f64,
    /// Answers that were errors, or none.
    failed: u64,
    /// Answers that say that the address is listed.
    listed: u64,
    /// Answers that say that it is not.
    absent: u64,
}

impl Seen {
    /// Makes sure that every answer says what is so, and half of them that the address is listed: what is asked
    /// alternates.
    fn check(&self, door: Door) -> anyhow::Result<()> {
        let Seen { failed, listed, absent, .. } = self;
        let name = door.name;
        ensure!(*failed == 0, "{failed} of wrk's look-ups by the {name} failed, or said neither");
        let (less, more) = (*listed.min(absent), *listed.max(absent));
        // What is under way at the end is not counted; connections share the numbers.
        let slack = 4 * CONNECTIONS as u64;
        ensure!(
            less > 0 && more - less <= slack + more / 100,
            "of wrk's look-ups by the {name} {listed} found an entry and {absent} found none: half of them should"
        );
        Ok(())
    }
}

impl Place {
    /// An empty folder with a configuration.
    fn new(folder: &Path, repute: &Path, url: &str) -> anyhow::Result<Place> {
        let folder = folder.join("place");
        // It may be that of the database before.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("data"))?;
        let (dns, portal) = (free_port()?, free_port()?);
        let config = format!(
            "[server]\nlisten = [\"127.0.0.1:{dns}\"]\nmetrics = \"\"\ndata-dir = \"data\"\nworkers = 1\n\
             [registry]\ndatabase = \"{url}\"\n\
             [portal]\nlisten = \"127.0.0.1:{portal}\"\npublic-url = \"http://localhost:{portal}\"\n\
             limit-look-ups = false\n"
        );
        fs::write(folder.join("repute.toml"), config)?;
        Ok(Place { folder, repute: repute.to_owned(), dns, portal })
    }

    /// Writes a list of every second address from a first one on.
    fn rows(&self, name: &str, first: u32, count: u32) -> anyhow::Result<PathBuf> {
        let mut text = String::new();
        for number in 0..count {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", Ipv4Addr::from(first + 2 * number));
        }
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Runs `repute registry` to a good end.
    fn does(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(&self.repute);
        command.current_dir(&self.folder).arg("registry").args(words);
        let output = command.args(["--config", "repute.toml"]).output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "repute registry {}: {told}", words.join(" "));
        Ok(())
    }

    /// Imports a file; how many seconds the command took.
    fn import(&self, list: &str, file: &Path, source: &str) -> anyhow::Result<f64> {
        let file = file.to_string_lossy();
        let begin = Instant::now();
        self.does(&["import", list, &file, "--source", source, "--mode", "add"])?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Starts a server, and waits until it answers the first entry and pages.
    fn serve(&self, settings: &Settings) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.repute);
        command.current_dir(&self.folder).args(["serve", "--config", "repute.toml"]);
        let probe = probe(FIRST, "bl.example");
        let log = self.folder.join("log");
        let (cpus, how) = ([settings.server_cpu], Scheduling::Normal);
        let server = Server::start(command, self.dns, &cpus, how, probe.packet(0), &log)?;
        let begin = Instant::now();
        while TcpStream::connect(loopback(self.portal)).is_err() {
            ensure!(begin.elapsed() < LONGEST, "the portal does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// Waits until DNS answers an address.
    fn until_listed(&self, address: u32, apex: &str) -> anyhow::Result<()> {
        let probe = probe(address, apex);
        let socket = UdpSocket::bind(loopback(0))?;
        socket.connect(loopback(self.dns))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let begin = Instant::now();
        while !answers(&socket, probe.packet(0)) {
            ensure!(begin.elapsed() < LONGEST, "{apex} does not get {}", Ipv4Addr::from(address));
        }
        Ok(())
    }

    /// Runs wrk: as fast as it goes, or at a rate.
    fn wrk(
        &self,
        settings: &Settings,
        wrk: &Path,
        door: Door,
        count: u32,
        rate: Option<f64>,
    ) -> anyhow::Result<Seen> {
        let delay = rate.map_or(0.0, |rate| CONNECTIONS / rate * 1e3);
        let script = SCRIPT
            .replace("FIRST", &FIRST.to_string())
            .replace("SPAN", &(2 * count).to_string())
            .replace("PATH", door.path)
            .replace("ABSENT", door.absent)
            .replace("LISTED", door.listed)
            .replace("DELAY", &format!("{delay:.3}"));
        let file = self.folder.join("wrk.lua");
        fs::write(&file, script)?;
        let seconds = settings.duration.as_secs().clamp(1, 60).max(WRK_SECONDS);
        let output = Command::new("taskset")
            .args(["-c", &settings.generator_cpu.to_string()])
            .arg(wrk)
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--latency"])
            .arg("-s")
            .arg(&file)
            .arg(format!("http://127.0.0.1:{}", self.portal))
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start taskset (util-linux)")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("figures "));
        let line = line.with_context(|| format!("wrk says something else: {text}"))?;
        let mut words = line.split(' ').map(str::parse::<f64>);
        let mut next = || words.next().context("a figure")?.context("a number");
        let (rate, p99) = (next()?, next()?);
        let mut count = || next().map(|figure| figure as u64);
        Ok(Seen { rate, p99, failed: count()?, listed: count()?, absent: count()? })
    }
}

/// The query for an address.
fn probe(address: u32, apex: &str) -> Queries {
    let [a, b, c, d] = Ipv4Addr::from(address).octets();
    let mut queries = Queries::default();
    let name = format!("{d}.{c}.{b}.{a}.{apex}");
    queries.push(&name, Type::A, Edns::Absent, Expect::Listed);
    queries
}

/// What wrk asks: each second address is listed. It looks at every answer, and reports in one line.
const SCRIPT: &str = r#"
local number = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() listed, absent, neither = 0, 0, 0 end
function response(status, headers, body)
  if string.find(body, 'LISTED', 1, true) then listed = listed + 1
  elseif string.find(body, 'ABSENT', 1, true) then absent = absent + 1
  else neither = neither + 1 end
end
function request()
  -- A step that has no part in common with the span comes to each address once.
  number = (number + 1000003) % SPAN
  local address = FIRST + number
  local ip = string.format("%d.%d.%d.%d", math.floor(address / 16777216), math.floor(address / 65536) % 256,
    math.floor(address / 256) % 256, address % 256)
  return wrk.format("GET", "PATH?target=" .. ip)
end
function delay() return DELAY end
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local seen, unseen = 0, 0
  for _, thread in ipairs(threads) do
    seen, unseen, failed = seen + thread:get("listed"), unseen + thread:get("absent"), failed + thread:get("neither")
  end
  print(string.format("figures %.1f %.3f %d %d %d", summary.requests / summary.duration * 1e6,
    latency:percentile(99) / 1e3, failed, seen, unseen))
end
"#;
/// The first listed address: 16.0.0.0.
const FIRST: u32 = 0x1000_0000;
/// Where changes are made: 48.0.0.0.
const OTHERS: u32 = 0x3000_0000;
/// Most rows, so that they end before the changes.
const MOST: u32 = 100_000_000;
/// Changes of a round.
const CHANGES: u32 = 1000;
/// Rounds of changes.
const ROUNDS: usize = 5;
/// Connections of wrk.
const CONNECTIONS: f64 = 32.0;
/// Seconds that wrk runs at least.
const WRK_SECONDS: u64 = 5;
/// How long something is waited for.
const LONGEST: Duration = Duration::from_secs(180);
/// The embedded database.
pub(crate) const SQLITE: &str = "Repute on SQLite";
/// The server.
pub(crate) const POSTGRES: &str = "Repute on PostgreSQL";
