//! `repute reload`: the running server reads its lists again.

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use repute_nameserver::control::{Answer, Outcome, Request, ask};

use crate::cli::ReloadArgs;
use crate::config::Config;
use crate::exit::Verdict;

/// Asks the server, waits, and shows what became of each zone.
pub(super) fn run(path: Option<&Path>, args: &ReloadArgs) -> anyhow::Result<Verdict> {
    let config = Config::find(path)?;
    let zones = match ask(&config.process.control, &Request::Reload(args.zone.clone()))? {
        Answer::Reloaded(zones) => zones,
        Answer::Error(reason) => bail!(reason),
        Answer::Status(_) | Answer::Done => bail!("the server answers something else"),
    };
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::Yes;
    for zone in zones {
        let name = zone.zone;
        match zone.outcome {
            Outcome::Served { serial, entries, faults } => {
                writeln!(out, "{name}: {entries} entries, serial {serial}, {faults} faulty lines")?;
            }
            Outcome::Unchanged => writeln!(out, "{name}: unchanged")?,
            Outcome::Refused { reason } => {
                verdict = Verdict::No;
                writeln!(out, "{name}: refused: {reason}")?;
            }
        }
    }
    Ok(verdict)
}
