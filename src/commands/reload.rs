//! `repute reload`: the running server reads its configuration and its lists again.

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use repute_nameserver::control::{Answer, Outcome, Request, ask};

use crate::cli::ReloadArgs;
use crate::config::Config;
use crate::exit::Verdict;

/// Asks the server, waits, and shows what became of each zone.
pub(super) fn run(path: Option<&Path>, args: &ReloadArgs) -> anyhow::Result<Verdict> {
    let request = Request::Reload(args.zone.clone());
    let answer = match Config::find(path) {
        Ok(config) => ask(&config.process.control, &request)?,
        // The server shall hear of it all the same, and say in its log why it goes on as before.
        Err(fault) => match Config::find_control(path).map(|control| ask(&control, &request)) {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => return Err(fault),
        },
    };
    let reloads = match answer {
        Answer::Reloaded(reloads) => reloads,
        Answer::Error(reason) => bail!(reason),
        Answer::Status(_) | Answer::Done => bail!("the server answers something else"),
    };
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::Yes;
    for zone in reloads.zones {
        let name = zone.zone;
        match zone.outcome {
            Outcome::Served { serial, entries, faults } => {
                writeln!(out, "{name}: {entries} entries, serial {serial}, {faults} faulty lines")?;
            }
            Outcome::Unchanged => writeln!(out, "{name}: unchanged")?,
            Outcome::Removed => writeln!(out, "{name}: removed")?,
            Outcome::Waiting => writeln!(out, "{name}: waiting for its feed")?,
            Outcome::Refused { reason } => {
                verdict = Verdict::No;
                writeln!(out, "{name}: refused: {reason}")?;
            }
        }
    }
    for problem in reloads.problems {
        verdict = Verdict::No;
        writeln!(out, "{problem}")?;
    }
    for note in reloads.notes {
        writeln!(out, "{note}")?;
    }
    Ok(verdict)
}
