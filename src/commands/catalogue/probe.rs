//! `repute catalogue probe`: whether lists are still as the catalogue knows them.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use repute_lookup::catalogue::{Catalogue, Day, Entry, refreshed, status_word, to_toml};
use repute_lookup::list::{Access, List, Status};
use repute_lookup::probe::{FAR, Finding, Probed, probe};
use serde_json::json;

use crate::cli::catalogue::ProbeArgs;
use crate::commands::check::lists::catalogue;
use crate::commands::check::memory::unix_now;
use crate::commands::check::targets::resolvers;
use crate::commands::check::timeout;
use crate::config::shown;
use crate::exit::Verdict;

/// Measures the lists and shows what changed. `No` if something did.
pub(super) fn run(config: Option<&Path>, args: &ProbeArgs) -> anyhow::Result<Verdict> {
    let timeout = timeout(&args.timeout)?;
    let resolvers = resolvers(&args.resolvers)?;
    let catalogue = catalogue(config, args.catalogue.as_deref())?;
    let lists = lists(args, &catalogue)?;
    let today = Day::of(unix_now());
    let by_way_of = || {
        let names: Vec<String> = resolvers.iter().map(SocketAddr::to_string).collect();
        names.join(", ")
    };
    let findings = match probe(&lists, &resolvers, timeout).context("no more sockets")? {
        Probed::Lists(findings) => findings,
        Probed::NoRoot => bail!(
            "nothing can be said of any list: by way of {} the root of the DNS is not to be seen, and lists \
             would look dead that are only out of reach",
            by_way_of()
        ),
        Probed::NoWayOut => bail!(
            "nothing can be said of any list: some do not answer, but by way of {} neither do the servers of {}, so \
             that they may only be out of reach",
            by_way_of(),
            FAR.join(", ")
        ),
    };
    let measured: Vec<Measured<'_>> =
        lists.iter().zip(findings).map(|(list, finding)| Measured { list, finding }).collect();
    let changed: Vec<Entry> =
        measured.iter().filter(|one| one.is_changed()).map(|one| one.entry(today)).collect();
    // Of lists that were named, the user knows why.
    let mass = if args.zones.is_empty() { mass_death(&measured) } else { None };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        write_json(&mut out, &measured, today)?;
    } else if args.toml && mass.is_some() {
        // Tables that are written somewhere are believed there.
    } else if args.toml {
        let tables: Vec<String> = changed.iter().map(to_toml).collect();
        out.write_all(tables.join("\n").as_bytes())?;
    } else {
        write_table(&mut out, &measured, args.all)?;
        write_sum(&mut out, &measured, today, args.all)?;
    }
    out.flush()?;
    if let Some((died, lived)) = mass {
        bail!(
            "{died} of {lived} lists known as live would be dead at once, which is rather the way to them: nothing is \
             written. Try again, or by another --resolver; lists that are named are believed"
        );
    }
    if let Some(path) = &args.output
        && !changed.is_empty()
    {
        write_into(path, &changed)?;
    }
    Ok(if changed.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// The lists to measure.
fn lists(args: &ProbeArgs, catalogue: &Catalogue) -> anyhow::Result<Vec<List>> {
    if args.zones.is_empty() {
        let has_no_key = |list: &&List| !matches!(list.access, Access::Key(..));
        return Ok(catalogue.lists().filter(has_no_key).cloned().collect());
    }
    let mut lists: Vec<List> = Vec::new();
    for zone in &args.zones {
        let Some(list) = catalogue.find(zone) else {
            bail!(
                "{zone} is no list of the catalogue: add a table for it, as doc/catalogue.md shows"
            );
        };
        if let Some(why) = &list.no_key {
            bail!("{zone} cannot be asked, its key is missing: {why}");
        }
        if matches!(list.access, Access::Key(_, None)) {
            bail!("{zone} needs a key: give it in the configuration or by the environment");
        }
        if !lists.contains(list) {
            lists.push(list.clone());
        }
    }
    Ok(lists)
}

/// A list and what was found of it.
struct Measured<'a> {
    list: &'a List,
    finding: Finding,
}

impl Measured<'_> {
    /// Whether it is sure to be another way than it is known.
    fn is_changed(&self) -> bool {
        self.finding.status().is_some_and(|status| status != self.list.status)
    }

    /// What was found, as a table.
    fn entry(&self, today: Day) -> Entry {
        let mut entry = Entry::new(self.list.zone.clone());
        entry.status = self.finding.status();
        entry.checked = Some(today.to_string());
        entry.source = Some(format!("measured: {}", self.finding));
        entry
    }

    /// How it was known.
    fn then(&self) -> String {
        let word = status_word(self.list.status);
        self.list.checked.as_ref().map_or(word.to_owned(), |day| format!("{word} ({day})"))
    }

    /// How it is.
    fn now(&self) -> &'static str {
        self.finding.status().map_or("cannot tell", status_word)
    }
}

/// How many lists that are known as live would be dead now, and of how many, if that are too many to be true.
fn mass_death(measured: &[Measured<'_>]) -> Option<(usize, usize)> {
    let lived = measured.iter().filter(|one| one.list.status == Status::Live);
    let died = lived.clone().filter(|one| one.finding.status() == Some(Status::Dead)).count();
    let lived = lived.count();
    (died * MASS > lived).then_some((died, lived))
}

/// More than one list in so many does not die between two measurements.
const MASS: usize = 4;

/// Writes what changed for people, or all.
fn write_table(out: &mut impl Write, measured: &[Measured<'_>], all: bool) -> io::Result<()> {
    let rows: Vec<[String; 4]> = measured
        .iter()
        .filter(|one| all || one.is_changed())
        .map(|one| {
            let zone = one.list.zone.to_string();
            [zone, one.then(), one.now().to_owned(), shown(&one.finding.to_string())]
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let heading = ["zone", "then", "now", "why"].map(str::to_owned);
    let width = |column: usize| {
        rows.iter().chain([&heading]).map(|row| row[column].len()).max().unwrap_or(0)
    };
    let [first, second, third] = [width(0), width(1), width(2)];
    for [zone, then, now, why] in [&heading].into_iter().chain(&rows) {
        writeln!(out, "{zone:<first$}  {then:<second$}  {now:<third$}  {why}")?;
    }
    writeln!(out)
}

/// Writes what it comes to.
fn write_sum(
    out: &mut impl Write,
    measured: &[Measured<'_>],
    today: Day,
    all: bool,
) -> io::Result<()> {
    let changed = measured.iter().filter(|one| one.is_changed()).count();
    let unclear = measured.iter().filter(|one| one.finding.status().is_none()).count();
    let same = measured.len() - changed - unclear;
    let lists = if measured.len() == 1 { "list" } else { "lists" };
    let hint = if all || unclear == 0 { "" } else { "; --all shows why" };
    writeln!(
        out,
        "{} {lists} measured on {today}: {changed} changed, {same} as known, {unclear} cannot be told{hint}",
        measured.len()
    )
}

/// Writes all for programs.
fn write_json(out: &mut impl Write, measured: &[Measured<'_>], today: Day) -> io::Result<()> {
    for one in measured {
        let object = json!({
            "zone": one.list.zone.to_string(),
            "then": status_word(one.list.status),
            "checked": one.list.checked,
            "now": one.finding.status().map(status_word),
            "date": today.to_string(),
            "finding": one.finding.to_string(),
            "changed": one.is_changed(),
        });
        // As an error of the output, so that a closed pipe is known for one.
        serde_json::to_writer(&mut *out, &object).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes what changed into a file, which is the old one or the new one, and never half of either.
fn write_into(path: &Path, changed: &[Entry]) -> anyhow::Result<()> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
    };
    let text = refreshed(&text, changed)
        .with_context(|| format!("{} is left as it is", path.display()))?;
    // A link to the file stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&part, text)
        .and_then(|()| match fs::metadata(&path) {
            Ok(old) => fs::set_permissions(&part, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&part, &path));
    if written.is_err() {
        // Nothing is left of it; the first error is the one to tell.
        drop(fs::remove_file(&part));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
