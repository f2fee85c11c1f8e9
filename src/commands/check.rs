//! `repute check`: is it listed, where, why, and how does it get out.

mod csv;
mod json;
mod junit;
mod known;
pub(crate) mod lists;
pub(crate) mod memory;
mod table;
pub(crate) mod targets;

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use repute_dnsxl::Target;
use repute_lookup::inquiry::{Findings, Inquiry, Rate};
use repute_lookup::list::List;
use repute_lookup::outcome::{Count, Outcome};
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;

use crate::cli::check::CheckArgs;
use crate::config::Span;
use crate::exit::Verdict;

use memory::{Remembered, unix_now};
use targets::{Targets, resolvers, subjects};

/// Checks the targets and shows what the lists say. `No` if one is listed.
pub(super) fn run(config: Option<&Path>, args: &CheckArgs) -> anyhow::Result<Verdict> {
    let timeout = timeout(&args.timeout)?;
    let resolvers = resolvers(&args.resolvers)?;
    let catalogue = lists::catalogue(config, args.catalogue.as_deref())?;
    if args.lists {
        return known::write(&catalogue, args.json);
    }
    let subjects = subjects(&args.targets, args.file.as_deref(), args.yes)?;
    let targets = Targets::resolve(subjects, &resolvers, timeout)?;
    let is_cut = warn_of_missing(&targets);
    let first: Vec<Target> = targets.iter().take(LOOKED_AT_FOR_KINDS).collect();
    let mut asked = lists::named(&args.list, &catalogue, &first)?;
    if args.authoritative {
        lists::at_own_servers(&mut asked, &resolvers, timeout)?;
    }
    if args.list.is_empty() && !args.quiet && io::stderr().is_terminal() {
        let age = catalogue.date().days_until(unix_now());
        eprintln!(
            "{} lists of the catalogue of {} ({age} days old); `repute check --lists` shows them",
            asked.len(),
            catalogue.date()
        );
    }
    let shown: Vec<List> = asked.iter().map(|at| at.list.clone()).collect();
    let rate = args.rate.map_or(Rate::OfList, |rate| match rate > 0.0 {
        true => Rate::AtMost(rate),
        false => Rate::Unlimited,
    });
    let inquiry = Inquiry { lists: asked, resolvers, timeout, limit: None, rate };
    let mut remembered = Remembered::read(args.forgetful);
    let mut shower = Shower::new(args, &shown, targets.count());
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
    let verdict = shower.verdict();
    Ok(if is_cut && verdict == Verdict::Yes { Verdict::Unknown } else { verdict })
}

/// How long a list may take.
fn timeout(text: &str) -> anyhow::Result<Duration> {
    let timeout = text.parse::<Span>().map_err(|error| anyhow!("--timeout: {error}"))?.0;
    if timeout < SHORTEST_TIMEOUT {
        bail!("--timeout: no list answers within {text}");
    }
    Ok(timeout)
}

/// Says which hosts have no addresses. Returns whether nobody can tell about one of them: what does not exist,
/// and what no resolver answers, is not clean. A domain that has no addresses is looked up as a name, and that
/// is all there is.
fn warn_of_missing(targets: &Targets) -> bool {
    let mut is_cut = false;
    for (subject, missing) in targets.missing() {
        if missing != Missing::Address {
            eprintln!("repute: {subject}: {missing}; only the name itself is looked up");
            is_cut = true;
        }
    }
    is_cut
}

/// Says which servers could not even be asked.
fn warn_of_unreachable(findings: &Findings) {
    for (address, error) in &findings.unreachable {
        eprintln!("repute: cannot ask {address}: {error}");
    }
}

/// Shows reports as they come, and counts them.
struct Shower<'a> {
    args: &'a CheckArgs,
    lists: &'a [List],
    colour: bool,
    /// How far it is, for somebody who waits.
    bar: ProgressBar,
    listed: u64,
    unknown: u64,
    begun: bool,
}

impl<'a> Shower<'a> {
    /// Nothing shown yet.
    fn new(args: &'a CheckArgs, lists: &'a [List], targets: u128) -> Shower<'a> {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let is_long = targets >= MANY && !args.quiet && io::stderr().is_terminal();
        let bar = match u64::try_from(targets) {
            Ok(targets) if is_long => ProgressBar::new(targets).with_style(
                ProgressStyle::with_template("{bar:30} {pos}/{len} targets, {eta} left{msg}")
                    .expect("a constant template parses"),
            ),
            Ok(_) | Err(_) => ProgressBar::hidden(),
        };
        Shower { args, lists, colour, bar, listed: 0, unknown: 0, begun: false }
    }

    /// Takes the bar away, and ends what has an end.
    fn end(&self) -> io::Result<()> {
        self.bar.finish_and_clear();
        if self.args.junit {
            let mut out = io::stdout().lock();
            if !self.begun {
                junit::begin(&mut out)?;
            }
            junit::end(&mut out)?;
        }
        Ok(())
    }

    /// Shows a report.
    fn show(&mut self, report: &Report) -> io::Result<()> {
        let count = Count::of(self.lists, report);
        let outcome = count.outcome(f64::from(self.args.quorum) / 100.0);
        // A name that no list of names was asked about, and an address of a kind that no list takes, say
        // nothing either way.
        let is_asked = report.verdicts.iter().any(Option::is_some);
        if is_asked {
            self.listed += u64::from(outcome == Outcome::Listed);
            self.unknown += u64::from(outcome == Outcome::Unknown && count.asked() > 0);
        }
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            let (listed, unknown) = (self.listed, self.unknown);
            self.bar.set_message(format!("; {listed} listed, {unknown} unknown"));
        }
        let first = !std::mem::replace(&mut self.begun, true);
        self.bar.suspend(|| self.write(report, count, outcome, is_asked, first))
    }

    /// Writes it.
    fn write(
        &self,
        report: &Report,
        count: Count,
        outcome: Outcome,
        is_asked: bool,
        first: bool,
    ) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.args {
            args if args.quiet => Ok(()),
            args if args.json => json::write(&mut out, self.lists, report, count, outcome),
            args if args.junit => {
                if first {
                    junit::begin(&mut out)?;
                }
                junit::write(&mut out, self.lists, report, count, outcome)
            }
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
            (1.., _) => Verdict::No,
            (0, 1..) => Verdict::Unknown,
            (0, 0) => Verdict::Yes,
        }
    }
}

/// With so many targets somebody who watches is told how far it is.
const MANY: u128 = 64;
/// Nobody answers faster.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Which kinds of lists are asked is decided by so many targets.
const LOOKED_AT_FOR_KINDS: usize = 10_000;
