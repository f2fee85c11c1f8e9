//! Reports as they come: written in the form that is wanted, counted, and how far it is.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use repute_dnsxl::Target;
use repute_lookup::list::List;
use repute_lookup::outcome::{Count, Outcome};
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;

use crate::cli::check::CheckArgs;
use crate::exit::{Verdict, tell};

use super::fold::Fold;
use super::set::Set;
use super::{csv, json, junit, table};

/// Shows reports as they come, and counts them.
pub(super) struct Shower<'a> {
    args: &'a CheckArgs,
    lists: &'a [List],
    colour: bool,
    /// How far it is, for somebody who waits.
    bar: ProgressBar,
    /// The set that was asked, if the lists are those of the catalogue.
    set: Option<Set>,
    /// Names of hosts that have no addresses, and why: of these nobody can tell.
    missing: HashMap<Target, Missing>,
    /// How many targets were looked up, and of these listed and unknown.
    asked: u64,
    listed: u64,
    unknown: u64,
    /// Whether anything was written, and whether that was more than a line.
    begun: bool,
    spread: bool,
    /// Lines of clean addresses that are held back.
    fold: Fold,
}

impl<'a> Shower<'a> {
    /// Nothing shown yet.
    pub(super) fn new(
        args: &'a CheckArgs,
        lists: &'a [List],
        targets: u128,
        missing: HashMap<Target, Missing>,
        set: Option<Set>,
    ) -> Shower<'a> {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let is_long = targets >= MANY && !args.quiet && io::stderr().is_terminal();
        let bar = match u64::try_from(targets) {
            Ok(targets) if is_long => ProgressBar::new(targets).with_style(
                ProgressStyle::with_template("{bar:30} {pos}/{len} targets, {eta} left{msg}")
                    .expect("a constant template parses"),
            ),
            Ok(_) | Err(_) => ProgressBar::hidden(),
        };
        Shower {
            args,
            lists,
            colour,
            bar,
            set,
            missing,
            asked: 0,
            listed: 0,
            unknown: 0,
            begun: false,
            spread: false,
            fold: Fold::default(),
        }
    }

    /// Takes the bar away, and ends what has an end.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        let style = table::Style { colour: self.colour, all: self.args.all };
        table::write_plain(&mut io::stdout().lock(), &self.fold.take(), style)?;
        if self.args.junit {
            let mut out = io::stdout().lock();
            if !self.begun {
                junit::begin(&mut out)?;
            }
            junit::end(&mut out)?;
        }
        if self.asked == 0 && !self.args.quiet {
            tell!("repute: no block list that is asked takes what is checked");
        }
        let is_text = !(self.args.quiet || self.args.json || self.args.csv || self.args.junit);
        if is_text && self.asked > 1 {
            let clean = self.asked - self.listed - self.unknown;
            let (asked, listed, unknown) = (self.asked, self.listed, self.unknown);
            writeln!(
                io::stdout().lock(),
                "\n{asked} targets: {listed} listed, {clean} not listed, {unknown} unknown"
            )?;
        }
        if is_text
            && self.begun
            && let Some(set) = self.set
        {
            writeln!(io::stdout().lock(), "\n{set}; `repute check --lists` shows them")?;
        }
        Ok(())
    }

    /// Shows a report.
    pub(super) fn show(&mut self, report: &Report) -> io::Result<()> {
        let count = Count::of(self.lists, report);
        let missing = self.missing.get(&report.target).copied();
        let outcome = match count.outcome(f64::from(self.args.quorum) / 100.0) {
            // Its addresses may be listed, whatever they are.
            Outcome::NotListed if missing.is_some() => Outcome::Unknown,
            outcome => outcome,
        };
        // A name that no list of names was asked about, and an address of a kind that no list takes, say
        // nothing either way.
        let is_asked = missing.is_some() || report.verdicts.iter().any(Option::is_some);
        if missing.is_some() || count.asked() > 0 {
            self.asked += 1;
            self.listed += u64::from(outcome == Outcome::Listed);
            self.unknown += u64::from(outcome == Outcome::Unknown);
        }
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            let (listed, unknown) = (self.listed, self.unknown);
            self.bar.set_message(format!("; {listed} listed, {unknown} unknown"));
        }
        let bar = self.bar.clone();
        bar.suspend(|| self.write(report, count, outcome, missing, is_asked))
    }

    /// Writes it.
    fn write(
        &mut self,
        report: &Report,
        count: Count,
        outcome: Outcome,
        missing: Option<Missing>,
        is_asked: bool,
    ) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.args {
            args if args.quiet => Ok(()),
            args if args.json => {
                json::write(&mut out, self.lists, report, count, outcome, missing, self.set)
            }
            args if args.junit => {
                if first {
                    junit::begin(&mut out)?;
                }
                junit::write(&mut out, self.lists, report, count, outcome, missing, self.set)
            }
            args if args.csv => csv::write(&mut out, self.lists, report, missing, self.set, first),
            _ if !is_asked => Ok(()),
            args => {
                let style = table::Style { colour: self.colour, all: args.all };
                if let Some(said) = table::plain(report, count, outcome, style) {
                    // What is one line stands close to its like.
                    if !first && self.spread {
                        writeln!(out)?;
                    }
                    self.spread = false;
                    let lines = self.fold.push(&report.target, &said);
                    table::write_plain(&mut out, &lines, style)?;
                    return out.flush();
                }
                table::write_plain(&mut out, &self.fold.take(), style)?;
                let mut text = Vec::new();
                table::write(&mut text, self.lists, report, count, outcome, missing, style)?;
                let is_spread = text.iter().filter(|byte| **byte == b'\n').count() > 1;
                if !first && (is_spread || self.spread) {
                    writeln!(out)?;
                }
                self.spread = is_spread;
                out.write_all(&text)
            }
        }?;
        out.flush()
    }

    /// What all of them come to: one that is listed says most.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.listed, self.unknown) {
            (1.., _) => Verdict::No,
            (0, 1..) => Verdict::Unknown,
            // Who asked nobody knows nothing.
            (0, 0) if self.asked == 0 => Verdict::Unknown,
            (0, 0) => Verdict::Yes,
        }
    }
}

/// With so many targets somebody who watches is told how far it is.
const MANY: u128 = 64;
