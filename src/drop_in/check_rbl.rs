//! In place of check_rbl: its options, its first line and its exit codes, with Repute's look-ups behind.
//!
//! Existing commands, ini files and graphs keep working. What differs, for the better, is in
//! doc/monitoring.md: what cannot be known is not OK, one dead list costs nothing, and there is one deadline
//! for everything.

mod getopt;
mod line;
mod lists;
mod object;
mod options;
mod specs;
mod usage;

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use repute_dnsxl::{Target, relative_name};
use repute_lookup::inquiry::{Effort, Findings, Inquiry, ListAt, Rate};
use repute_lookup::resolver;

use crate::commands::check::lists::{at_own_servers, catalogue};
use crate::commands::check::memory::{Remembered, unix_now};
use crate::exit;
use crate::plugin::tally::Tally;
use crate::plugin::{self, Deadline, Output, State, clean_to};
use line::{Found, NAME};
use lists::Lists;
use object::{Checked, ObjectError};
use options::{Asked, Options, OptionsError};

/// Runs as check_rbl would with these arguments, of which the program's name is not one.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let started = Instant::now();
    let text = match options::read(arguments, &|name| std::env::var_os(name)) {
        Ok(Asked::Check(options)) => return plugin::run(NAME, || check(&options, started)),
        Ok(Asked::Help) => usage::help(),
        Ok(Asked::Version) => usage::version(),
        Ok(Asked::Usage) => usage::USAGE.to_owned(),
        Err(error) => {
            let long = match error {
                OptionsError::Getopt(_) | OptionsError::NoServer | OptionsError::NoObject => {
                    vec![usage::USAGE.trim_end().to_owned()]
                }
                _ => Vec::new(),
            };
            return Output { long, ..Output::unknown(NAME, error) }.write();
        }
    };
    crate::exit::print(&text);
    State::Unknown.exit_code()
}

/// Checks, whatever comes of it.
fn check(options: &Options, started: Instant) -> Output {
    match run(options, started) {
        Ok(output) => output,
        Err(error) => {
            let mut output = Output::unknown(NAME, exit::story(error.chain()));
            if let Some(ObjectError::Unresolved(host, why)) = error.downcast_ref() {
                output.long.push(format!("unknown: {host}: {why}"));
            }
            output
        }
    }
}

/// Checks, and says what it comes to.
fn run(options: &Options, started: Instant) -> anyhow::Result<Output> {
    let deadline = Deadline::new(started, options.timeout);
    let resolvers = resolvers(options)?;
    let patience = deadline.for_host(resolvers.len(), options.query_timeout);
    let checked = object::find(&options.object, &resolvers, patience)?;
    let mut lists = lists::find(&options.servers, &catalogue(None, None)?);
    if options.authoritative {
        at_own_servers(&mut lists.asked, &resolvers, patience / 2)?;
    }
    let inquiry = Inquiry {
        lists: lists.asked.clone(),
        resolvers: resolvers.clone(),
        timeout: deadline.for_lists(options.query_timeout),
        limit: deadline.left(),
        rate: Rate::OfList,
    };
    let mut tally = Tally::new(lists.asked.iter().map(|at| at.list.clone()).collect());
    let mut remembered = Remembered::read(false);
    let names = names(&resolvers);
    let name = checked.address.map(|address| object::name_beside(address, &names, patience));
    let targets = checked.targets.iter().cloned();
    let each = |report| {
        tally.add(&report);
        ControlFlow::Continue(())
    };
    let ran = inquiry.run_with(effort(options), targets, &mut remembered.known, unix_now(), each);
    let for_name = deadline.left().map_or(FOR_NAME, |left| left.min(FOR_NAME));
    let name = name.and_then(|name| name.recv_timeout(for_name).ok().flatten());
    let findings = ran.context("no more sockets")?;
    remembered.write();

    let found = Found {
        object: shown(&checked, name),
        tally: &tally,
        unusable: &lists.unusable,
        servers: lists.count(),
        took: deadline.took(),
    };
    let mut output = line::output(options, &found);
    if options.verbose > 0 {
        output.long.splice(0..0, beginning(options, &checked, &lists));
    }
    let unreachable = findings.unreachable.iter();
    output.long.extend(unreachable.map(|(at, error)| format!("cannot ask {at}: {error}")));
    if options.debug {
        output.long.extend(debug(&resolvers, &lists.asked, &findings));
    }
    Ok(output)
}

/// How often a query is sent, and how many are on the way.
fn effort(options: &Options) -> Effort {
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Effort { sends: options.sends.map(number), at_once: options.workers.map(number) }
}

/// The system's resolvers.
fn system() -> Vec<SocketAddr> {
    resolver::system(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

/// The resolvers that are asked for the name of an address. As with check_rbl they are the system's, whichever
/// server is asked about lists; but for one at a port of its own, which check_rbl cannot ask at all.
fn names(resolvers: &[SocketAddr]) -> Vec<SocketAddr> {
    match resolvers.iter().all(|resolver| resolver.port() == 53) {
        true => system(),
        false => resolvers.to_vec(),
    }
}

/// The resolvers that are asked: the one given, or the system's.
fn resolvers(options: &Options) -> anyhow::Result<Vec<SocketAddr>> {
    let mut resolvers = match &options.nameserver {
        None => system(),
        Some(text) => {
            let text = text.trim();
            let found = resolver::server(text).with_context(|| {
                format!("Invalid nameserver {}: an address is wanted", clean_to(text, 80))
            })?;
            vec![found]
        }
    };
    if options.ipv4_only {
        resolvers.retain(SocketAddr::is_ipv4);
        if resolvers.is_empty() {
            anyhow::bail!("--force-ipv4-resolver: there is no resolver with an IPv4 address");
        }
    }
    Ok(resolvers)
}

/// What was checked, as it is shown: an address with its name, or twice.
fn shown(checked: &Checked, name: Option<String>) -> String {
    match checked.address {
        None => checked.name.clone(),
        Some(address) => {
            format!("{} ({})", checked.name, name.unwrap_or_else(|| address.to_string()))
        }
    }
}

/// What check_rbl says first with `-v`.
fn beginning(options: &Options, checked: &Checked, lists: &Lists) -> Vec<String> {
    let mut lines = Vec::new();
    if options.verbose > 2 {
        let words = options.words.iter().map(|word| lists.without_keys(word));
        lines.push(format!("[extra-opts] check_rbl {}", words.collect::<Vec<_>>().join(" ")));
    }
    let seconds = options.timeout.unwrap_or(Duration::ZERO).as_secs();
    lines.push(format!("Using {seconds} as global script timeout"));
    let targets = checked.targets.iter().map(labels);
    let (targets, count) = (targets.collect::<Vec<_>>().join(", "), lists.count());
    lines.push(format!("Checking {targets} on {count} server(s)"));
    lines
}

/// What stands in front of a list's zone.
fn labels(target: &Target) -> String {
    let wire = relative_name(target);
    let (mut labels, mut rest) = (Vec::new(), &wire[..]);
    while let Some((length, tail)) = rest.split_first() {
        let (label, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = tail;
    }
    labels.join(".")
}

/// What became of each list's queries.
fn debug(resolvers: &[SocketAddr], lists: &[ListAt], findings: &Findings) -> Vec<String> {
    let addresses: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
    let mut lines = vec![format!("[DBG] Using DNS Resolver: {}", addresses.join(" "))];
    if let Some(address) = findings.rewrites {
        lines.push(format!("[DBG] it answers {address} for names that do not exist"));
    }
    lines.extend(lists.iter().zip(&findings.experiences).map(|(at, experience)| {
        let fastest = experience.fastest.map_or_else(
            || "never".to_owned(),
            |fastest| format!("{:.3} s at best", fastest.as_secs_f64()),
        );
        let (zone, answered, silent) = (&at.list.zone, experience.answered, experience.silent);
        format!("[DBG] {zone}: {answered} queries answered, {silent} not; {fastest}")
    }));
    lines
}

/// How long the name of an address may take longer than the lists: it only explains, and its servers may be
/// dead.
const FOR_NAME: Duration = Duration::from_millis(500);
