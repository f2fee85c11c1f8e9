//! `repute reload`: the running server reads its configuration and its lists again.
//!
//! Whoever reloads wants to know what came of his change. A zone that failed before and fails still, for
//! the same reason, is no outcome of it: it is told, but it is no failure of the reload.

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use repute_nameserver::control::{Answer, Outcome, Reloads, Request};

use super::running::ask_server;
use crate::cli::ReloadArgs;
use crate::config::Config;
use crate::exit::Verdict;

/// Asks the server, waits, and shows what became of each zone.
pub(super) fn run(path: Option<&Path>, args: &ReloadArgs) -> anyhow::Result<Verdict> {
    let request = Request::Reload(args.zone.clone());
    let answer = match Config::find(path) {
        Ok(config) => ask_server(path, &config.process.control, &request)?,
        // The server shall hear of it all the same, and say in its log why it goes on as before.
        Err(fault) => {
            let control = Config::find_control(path);
            match control.map(|control| ask_server(path, &control, &request)) {
                Some(Ok(answer)) => answer,
                Some(Err(_)) | None => return Err(fault),
            }
        }
    };
    let reloads = match answer {
        Answer::Reloaded(reloads) => reloads,
        Answer::Error(reason) => bail!(reason),
        Answer::Status(_) | Answer::Zone(_) | Answer::Told(_) | Answer::Done => {
            bail!("the server answers something else")
        }
    };
    let verdict = show(&reloads, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())?;
    Ok(verdict)
}

/// Shows what a reload led to, and what was wrong before; `No` if it refused something new.
fn show(
    reloads: &Reloads,
    out: &mut impl Write,
    talk: &mut impl Write,
) -> std::io::Result<Verdict> {
    let mut verdict = Verdict::Yes;
    for zone in &reloads.zones {
        let name = &zone.zone;
        match &zone.outcome {
            Outcome::Served { serial, entries, faults, warnings } => {
                let warned = match warnings {
                    0 => String::new(),
                    n => format!(", {n} with a warning"),
                };
                writeln!(
                    out,
                    "{name}: {entries} entries, serial {serial}, {faults} faulty lines{warned}"
                )?;
            }
            Outcome::Unchanged => writeln!(out, "{name}: unchanged")?,
            Outcome::Removed => writeln!(out, "{name}: removed")?,
            Outcome::Waiting => writeln!(out, "{name}: waiting for its feed")?,
            Outcome::Refused { reason, known: false } => {
                verdict = Verdict::No;
                writeln!(out, "{name}: refused: {reason}")?;
            }
            Outcome::Refused { reason, known: true } => {
                writeln!(talk, "repute: warning: {name}: refused as before this reload: {reason}")?;
            }
        }
    }
    for problem in &reloads.problems {
        verdict = Verdict::No;
        writeln!(out, "{problem}")?;
    }
    for problem in &reloads.known_problems {
        writeln!(talk, "repute: warning: as before this reload: {problem}")?;
    }
    for note in &reloads.notes {
        writeln!(out, "{note}")?;
    }
    Ok(verdict)
}
