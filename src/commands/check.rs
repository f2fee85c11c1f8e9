//! `repute check`: is it listed, where, why, and how does it get out.

mod csv;
mod doctor;
mod fold;
mod json;
mod junit;
mod known;
pub(crate) mod lists;
pub(crate) mod memory;
pub(crate) mod monitoring;
mod my_mail;
mod set;
mod shower;
mod table;
pub(crate) mod targets;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use repute_dnsxl::Target;
use repute_lookup::inquiry::{Findings, Inquiry, Rate};
use repute_lookup::list::List;
use repute_lookup::resolve::Missing;
use repute_lookup::subject::Subject;
use repute_lookup::survey::Report;

use crate::cli::check::CheckArgs;
use crate::config::Span;
use crate::exit::{Verdict, tell};

use memory::{Remembered, unix_now};
use set::Set;
use shower::Shower;
use targets::{Targets, resolvers};

/// Checks the targets and shows what the lists say. `No` if one is listed.
pub(super) fn run(config: Option<&Path>, args: &CheckArgs) -> anyhow::Result<Verdict> {
    let timeout = timeout(&args.timeout)?;
    let resolvers = resolvers(&args.resolvers)?;
    let catalogue = lists::catalogue(config, args.catalogue.as_deref())?;
    if args.lists {
        return match args.targets.is_empty() {
            true => known::write(&catalogue, args.json),
            false => known::write_some(&catalogue, &args.targets),
        };
    }
    if args.own.doctor {
        return doctor::run(args, &catalogue, &resolvers, timeout);
    }
    let until = Instant::now() + LONGEST_SEARCH;
    let found = my_mail::subjects(&args.targets, args, &resolvers, timeout, until)?;
    for line in found.told.iter().filter(|_| !args.quiet) {
        tell!("{line}");
    }
    let targets = Targets::resolve(found.subjects, &resolvers, timeout)?;
    let is_cut = warn_of_missing(&targets) || !found.gaps.is_empty();
    let samples = targets.samples();
    let mut asked = lists::named(&args.list, &catalogue, &samples)?;
    if args.authoritative {
        lists::at_own_servers(&mut asked, &resolvers, timeout)?;
    }
    let set = args.list.is_empty().then(|| Set::of(&catalogue, asked.len()));
    let shown: Vec<List> = asked.iter().map(|at| at.list.clone()).collect();
    let inquiry = Inquiry { lists: asked, resolvers, timeout, limit: None, rate: rate(args) };
    let mut remembered = Remembered::read(args.forgetful);
    let mut shower = Shower::new(args, &shown, targets.count(), without_addresses(&targets), set);
    let mut failed = None;
    let each = |report: Report| match shower.show(&report) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let findings = inquiry.run(targets.iter(), &mut remembered.known, unix_now(), each)?;
    remembered.write();
    match failed {
        Some(error) => return Err(error.into()),
        None => shower.end()?,
    }
    warn_of_unreachable(&findings);
    if findings.no_resolver && !args.quiet {
        tell!("repute: no resolver answers; `repute check --doctor` says more");
    }
    let verdict = shower.verdict();
    Ok(if is_cut && verdict == Verdict::Yes { Verdict::Unknown } else { verdict })
}

/// How long a list may take.
pub(crate) fn timeout(text: &str) -> anyhow::Result<Duration> {
    let timeout = text.parse::<Span>().map_err(|error| anyhow!("--timeout: {error}"))?.0;
    if timeout < SHORTEST_TIMEOUT {
        bail!("--timeout: no list answers within {text}");
    }
    Ok(timeout)
}

/// How fast lists are asked.
fn rate(args: &CheckArgs) -> Rate {
    args.rate.map_or(Rate::OfList, |rate| match rate > 0.0 {
        true => Rate::AtMost(rate),
        false => Rate::Unlimited,
    })
}

/// Says which hosts have no addresses. Returns whether nobody can tell about one of them: what does not exist,
/// and what no resolver answers, is not clean. A domain that has no addresses is looked up as a name, and that
/// is all there is.
fn warn_of_missing(targets: &Targets) -> bool {
    let mut is_cut = false;
    for (subject, missing) in targets.missing() {
        if missing != Missing::Address {
            tell!("repute: {subject}: {missing}; only the name itself is looked up");
            is_cut = true;
        }
    }
    is_cut
}

/// The names of hosts whose addresses nobody gives, and why.
fn without_addresses(targets: &Targets) -> HashMap<Target, Missing> {
    let cut = targets.missing().filter(|(_, missing)| *missing != Missing::Address);
    let name = |(subject, missing): (&Subject, Missing)| match subject {
        Subject::Host(name) => Some((Target::Name(name.clone()), missing)),
        Subject::Address(_) | Subject::Network(_) => None,
    };
    cut.filter_map(name).collect()
}

/// Says which servers could not even be asked.
fn warn_of_unreachable(findings: &Findings) {
    for (address, error) in &findings.unreachable {
        tell!("repute: cannot ask {address}: {error}");
    }
}

/// The addresses of one's own mail are looked for so long.
const LONGEST_SEARCH: Duration = Duration::from_secs(60);
/// Nobody answers faster.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
