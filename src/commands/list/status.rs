//! `repute list status`: what each list publishes, and what waits.

use std::io::Write;

use anyhow::bail;
use repute_database::lists::{self, Stored};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{Database, Session};
use serde_json::json;

use crate::cli::list::StatusArgs;
use crate::exit::Verdict;

/// A list with what became of its serials.
struct Standing {
    /// The list.
    list: Stored,
    /// The last serial that may be seen.
    good: Option<Publication>,
    /// The one that waits for a second person.
    pending: Option<Publication>,
    /// The last ones.
    last: Vec<Publication>,
}

/// Runs the command.
pub(super) async fn run(database: &Database, args: &StatusArgs) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let mut all = lists::all(look.session()).await?;
    if let Some(apex) = &args.list {
        all.retain(|stored| stored.list.apex == *apex);
        if all.is_empty() {
            bail!("the registry has no list `{apex}`: `repute list status` shows those there are");
        }
    }
    let mut standings = Vec::new();
    for list in all {
        standings.push(Standing::read(look.session(), list).await?);
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        let lists: Vec<_> = standings.iter().map(Standing::json).collect();
        serde_json::to_writer_pretty(&mut out, &lists)?;
        writeln!(out)?;
    } else {
        write(&standings, args.list.is_some(), &mut out)?;
    }
    let waits = standings.iter().any(|standing| standing.pending.is_some());
    Ok(if waits { Verdict::No } else { Verdict::Yes })
}

/// Writes lists for people.
fn write(standings: &[Standing], with_last: bool, out: &mut impl Write) -> std::io::Result<()> {
    let name = |standing: &Standing| standing.list.list.apex.to_string();
    let width = standings.iter().map(|standing| name(standing).len()).max().unwrap_or(0).max(4);
    writeln!(
        out,
        "{:<width$} {:<8} {:>10} {:>10} {:>10}",
        "list", "state", "serial", "published", "entries"
    )?;
    for standing in standings {
        let good = standing.good.as_ref();
        let published = good.map_or("-".to_owned(), |good| good.serial.to_string());
        let entries = good.map_or("-".to_owned(), |good| good.entries.to_string());
        let (state, serial) = (standing.list.state.word(), standing.list.serial);
        let name = name(standing);
        writeln!(out, "{name:<width$} {state:<8} {serial:>10} {published:>10} {entries:>10}")?;
        if let Some(Publication { serial, outcome: Outcome::Refused { why }, .. }) =
            &standing.pending
        {
            writeln!(out, "  serial {serial} is refused: {why}")?;
            writeln!(
                out,
                "  if that is meant, a second person runs `repute list approve {name} {serial}`"
            )?;
        }
        for publication in standing.last.iter().filter(|_| with_last) {
            let Publication { serial, entries, outcome, .. } = publication;
            let outcome = match outcome {
                Outcome::Published => "published".to_owned(),
                Outcome::Refused { why } => format!("refused: {why}"),
                Outcome::Approved { why, .. } => format!("approved, though {why}"),
            };
            writeln!(out, "  {serial:>10} {entries:>10} {outcome}")?;
        }
    }
    Ok(())
}

impl Standing {
    /// Reads it.
    async fn read(mut session: Session<'_>, list: Stored) -> anyhow::Result<Standing> {
        let good = publications::last_good(session.again(), list.id).await?;
        let pending = publications::pending(session.again(), list.id).await?;
        let last = publications::last(session, list.id, SHOWN).await?;
        Ok(Standing { list, good, pending, last })
    }

    /// The same for machines.
    fn json(&self) -> serde_json::Value {
        let publication = |publication: &Publication| {
            let Publication { serial, time, entries, outcome, .. } = publication;
            let (outcome, why) = match outcome {
                Outcome::Published => ("published", None),
                Outcome::Refused { why } => ("refused", Some(why)),
                Outcome::Approved { why, .. } => ("approved", Some(why)),
            };
            let time = time.0 / 1_000_000;
            json!({ "serial": serial, "time": time, "entries": entries, "outcome": outcome, "why": why })
        };
        json!({
            "list": self.list.list.apex.to_string(),
            "state": self.list.state.word(),
            "serial": self.list.serial,
            "published": self.good.as_ref().map(|good| good.serial),
            "waiting": self.pending.as_ref().map(|pending| pending.serial),
            "last": self.last.iter().map(publication).collect::<Vec<_>>(),
        })
    }
}

/// So many serials are shown of a list.
const SHOWN: u32 = 20;
