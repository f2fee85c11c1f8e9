//! `repute check`: is it listed, where, why, and how does it get out.

mod csv;
mod json;
mod known;
mod lists;
mod table;

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use repute_dnsxl::Target;
use repute_lookup::exchange::{Answer, Exchange, Limits};
use repute_lookup::health::Memory;
use repute_lookup::list::List;
use repute_lookup::message::{Data, Manner, Question};
use repute_lookup::outcome::{Count, Outcome};
use repute_lookup::resolve;
use repute_lookup::resolver;
use repute_lookup::sockets::Sockets;
use repute_lookup::subject::{Subject, target};
use repute_lookup::survey::{Asked, Report, Survey};

use crate::cli::check::CheckArgs;
use crate::config::Span;
use crate::exit::Verdict;

use lists::Named;

/// Checks the targets and shows what the lists say. `No` if one is listed.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Verdict> {
    let timeout = args.timeout.parse::<Span>().map_err(|error| anyhow!("--timeout: {error}"))?.0;
    if timeout < Duration::from_millis(100) {
        bail!("--timeout: no list answers within {}", args.timeout);
    }
    let resolvers = resolvers(&args.resolvers)?;
    let catalogue = lists::catalogue(args.catalogue.as_deref())?;
    if args.lists {
        return known::write(&catalogue, args.json);
    }
    let subjects = subjects(args)?;
    let targets = targets(&subjects, &resolvers, timeout)?;
    let named = lists::named(&args.list, &catalogue, &targets)?;

    let place = memory_path().filter(|_| !args.forgetful);
    let mut memory = place.as_deref().map(Memory::read).unwrap_or_default();
    let now = unix_now();

    let mut exchange = Exchange::new(Limits { timeout, ..Limits::default() });
    let mut sockets = Sockets::new().context("no more sockets")?;
    let (asked, recursing) =
        servers(&named, &resolvers, &mut sockets, &mut exchange, &memory, now)?;
    let shown: Vec<List> = named.iter().map(|named| named.list.clone()).collect();
    let mut survey = Survey::new(asked, targets.into_iter(), &recursing, timeout, Instant::now());

    if args.list.is_empty() && !args.quiet && io::stderr().is_terminal() {
        let age = catalogue.date().days_until(now);
        eprintln!(
            "{} lists of the catalogue of {} ({age} days old); `repute check --lists` shows them",
            shown.len(),
            catalogue.date()
        );
    }
    let mut shower = Shower::new(args, &shown);
    let mut failed = None;
    sockets.run(&mut survey, &mut exchange, |report| {
        if failed.is_none() {
            failed = shower.show(&report).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    for ((list, experience), named) in survey.experiences().zip(&named) {
        memory.note(&list.zone, &named.asked_at(&resolvers), experience, now);
    }
    if let Some(place) = place {
        memory.forget(now);
        // What was found is shown; that it is not remembered costs the next one some time.
        if let Err(error) = memory.write(&place) {
            eprintln!("repute: cannot write {}: {error}", place.display());
        }
    }
    Ok(shower.verdict())
}

/// The resolvers that are asked.
fn resolvers(given: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    if given.is_empty() {
        return Ok(resolver::system(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()));
    }
    let parse = |text: &String| {
        resolver::server(text).with_context(|| {
            format!("--resolver {text}: not an address, as 192.0.2.53 or [2001:db8::53]:5300")
        })
    };
    given.iter().map(parse).collect()
}

/// What is to be checked, each once.
fn subjects(args: &CheckArgs) -> anyhow::Result<Vec<Subject>> {
    let mut texts = args.targets.clone();
    if let Some(path) = &args.file {
        let lines: Vec<String> = if path.as_os_str() == "-" {
            io::stdin().lock().lines().collect::<io::Result<_>>().context("standard input")?
        } else {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            text.lines().map(str::to_owned).collect()
        };
        let without_comment = |line: &String| {
            let line = line.split('#').next().unwrap_or_default().trim().to_owned();
            (!line.is_empty()).then_some(line)
        };
        texts.extend(lines.iter().filter_map(without_comment));
    }
    if texts.is_empty() {
        bail!("nothing to check: name an address or host, or a file with --file");
    }
    let mut subjects = Vec::new();
    let mut seen = HashSet::new();
    for text in &texts {
        let subject: Subject = text.parse()?;
        if seen.insert(subject.clone()) {
            subjects.push(subject);
        }
    }
    let addresses = subjects.iter().fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
    let most_of_one = subjects.iter().map(Subject::addresses).max().unwrap_or(0);
    if most_of_one > MOST_ASKED && !args.yes {
        bail!("{addresses} addresses: say --yes if all of them are to be looked up");
    }
    Ok(subjects)
}

/// The targets of the subjects: of a host its name and its addresses.
fn targets(
    subjects: &[Subject],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> anyhow::Result<Vec<Target>> {
    let hosts: Vec<&repute_dnsxl::Name> = subjects
        .iter()
        .filter_map(|subject| match subject {
            Subject::Host(name) => Some(name),
            Subject::Address(_) | Subject::Network(_) => None,
        })
        .collect();
    let questions: Vec<Question> =
        hosts.iter().flat_map(|name| [A, AAAA].map(|rtype| Question::new(name, rtype))).collect();
    let answers = match questions.is_empty() {
        true => Vec::new(),
        false => resolve::ask(resolvers, &questions, timeout).context("no more sockets")?,
    };
    let mut answers = answers.chunks(2);
    let (mut targets, mut seen) = (Vec::new(), HashSet::new());
    for subject in subjects {
        let mut found: Vec<Target> = subject.targets().collect();
        if let Subject::Host(name) = subject {
            let answers = answers.next().unwrap_or_default();
            if !answers.iter().any(|a| matches!(a, Answer::Reply(r) if matches!(r.rcode, 0 | 3))) {
                bail!(
                    "cannot look up `{name}`: no resolver answers ({})",
                    resolvers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                );
            }
            let records = answers.iter().filter_map(|answer| match answer {
                Answer::Reply(reply) => Some(&reply.records),
                Answer::TimedOut | Answer::Unreachable | Answer::Malformed => None,
            });
            found.extend(records.flatten().filter_map(|data| match data {
                Data::Address(address) => Some(target(*address)),
                Data::Text(_) | Data::Name(_) | Data::Soa { .. } => None,
            }));
        }
        targets.extend(found.into_iter().filter(|target| seen.insert(target.clone())));
    }
    Ok(targets)
}

/// Opens sockets to all servers, and says which list is asked at which; also which of them recurse.
fn servers<T>(
    named: &[Named],
    resolvers: &[SocketAddr],
    sockets: &mut Sockets,
    exchange: &mut Exchange<T>,
    memory: &Memory,
    now: u64,
) -> anyhow::Result<(Vec<Asked>, Vec<usize>)> {
    let recursing = Manner { recursion: true, edns: Some(1232), mixed_case: true };
    let mut open = |address: SocketAddr, manner: Manner, count: usize| {
        sockets.add_server(exchange, address, manner, count)
    };
    let needs_resolver = named.iter().any(|named| named.server.is_none());
    let mut resolving = Vec::new();
    for address in resolvers.iter().filter(|_| needs_resolver) {
        match open(*address, recursing, SOCKETS) {
            Ok(server) => resolving.push(server),
            Err(error) => eprintln!("repute: cannot ask the resolver {address}: {error}"),
        }
    }
    if needs_resolver && resolving.is_empty() {
        bail!("no resolver can be asked");
    }
    let mut asked = Vec::new();
    for named in named {
        let servers = match named.server {
            None => resolving.clone(),
            Some(address) => {
                let manner = Manner { recursion: false, ..recursing };
                let server = open(address, manner, SOCKETS)
                    .with_context(|| format!("cannot ask {} at {address}", named.list.zone))?;
                vec![server]
            }
        };
        let at = named.asked_at(resolvers);
        asked.push(Asked {
            list: named.list.clone(),
            servers,
            rate: named.rate(),
            evidence: memory.evidence(&named.list.zone, &at, now),
            doubtful: memory.is_doubtful(&named.list.zone, &at, now),
        });
    }
    Ok((asked, resolving))
}

/// Shows reports as they come, and counts them.
struct Shower<'a> {
    args: &'a CheckArgs,
    lists: &'a [List],
    colour: bool,
    listed: bool,
    unknown: bool,
    begun: bool,
}

impl<'a> Shower<'a> {
    /// Nothing shown yet.
    fn new(args: &'a CheckArgs, lists: &'a [List]) -> Shower<'a> {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Shower { args, lists, colour, listed: false, unknown: false, begun: false }
    }

    /// Shows a report.
    fn show(&mut self, report: &Report) -> io::Result<()> {
        let count = Count::of(self.lists, report);
        let outcome = count.outcome(f64::from(self.args.quorum) / 100.0);
        // A name that no list of names was asked about, and an address of a kind that no list takes, say
        // nothing either way.
        let is_asked = report.verdicts.iter().any(Option::is_some);
        if is_asked {
            self.listed |= outcome == Outcome::Listed;
            self.unknown |= outcome == Outcome::Unknown && count.asked() > 0;
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.args {
            args if args.quiet => Ok(()),
            args if args.json => json::write(&mut out, self.lists, report, count, outcome),
            args if args.csv => csv::write(&mut out, self.lists, report, first),
            _ if !is_asked => Ok(()),
            args => {
                let style = table::Style { colour: self.colour, all: args.all };
                table::write(&mut out, self.lists, report, count, outcome, style, first)
            }
        }?;
        out.flush()
    }

    /// What all of them come to: one that is listed says most.
    fn verdict(&self) -> Verdict {
        match (self.listed, self.unknown) {
            (true, _) => Verdict::No,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::Yes,
        }
    }
}

/// Where what was learned of lists is kept: a cache, so in the place for caches.
fn memory_path() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(folder.join("repute").join("health.json"))
}

/// Seconds since 1970.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The type of IPv4 addresses.
const A: u16 = 1;
/// The type of IPv6 addresses.
const AAAA: u16 = 28;
/// Networks of more addresses are looked up only if that is said to be meant.
const MOST_ASKED: u128 = 1024;
/// Sockets to each server: as many windows of queries are on the way at once.
const SOCKETS: usize = 4;
