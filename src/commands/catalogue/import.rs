//! `repute catalogue import`: the lists of another program's configuration as tables.
//!
//! The tables are good and whole whatever the faults: each line that could not be taken is named on standard
//! error, and the exit code says that there are some.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use repute_lookup::catalogue::Catalogue;
use repute_lookup::catalogue::import::{Program, import};

use crate::cli::catalogue::{ImportArgs, ImportFrom};
use crate::config::shown;
use crate::exit::{Verdict, tell};

/// Reads the files and writes their lists. `No` if something in them could not be taken.
pub(super) fn run(args: &ImportArgs) -> anyhow::Result<Verdict> {
    let mut files = Vec::new();
    for path in &args.files {
        let name = match is_standard_input(path) {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        let text = read(path).with_context(|| format!("cannot read {name}"))?;
        let found = args.from.map(program).or_else(|| Program::of(&name, &text));
        let Some(program) = found else {
            bail!("{name}: cannot tell whose configuration this is: say it with --from");
        };
        files.push((name, program, text));
    }
    let texts: Vec<(Program, &str)> =
        files.iter().map(|(_, program, text)| (*program, &**text)).collect();
    let import = import(&texts, &Catalogue::shipped());
    for fault in &import.faults {
        let name = files.get(fault.text).map_or("", |(name, ..)| name);
        tell!("{name}:{}: {}", fault.line, shown(&fault.problem.to_string()));
    }
    if import.lists.is_empty() && import.faults.is_empty() {
        let names: Vec<&str> = files.iter().map(|(name, ..)| &**name).collect();
        tell!("{}: no lists are asked there", names.join(", "));
    }
    let mut out = io::stdout().lock();
    out.write_all(import.to_toml().as_bytes())?;
    out.flush()?;
    Ok(if import.faults.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// Reads a file of other people, which may be in an old character set.
fn read(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let most = MOST_BYTES + 1;
    if is_standard_input(path) {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        bail!("longer than {} MiB, and so no configuration", MOST_BYTES >> 20);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a path stands for standard input.
fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The program that was named.
fn program(from: ImportFrom) -> Program {
    match from {
        ImportFrom::CheckRbl => Program::CheckRbl,
        ImportFrom::Postfix => Program::Postfix,
        ImportFrom::SpamAssassin => Program::SpamAssassin,
        ImportFrom::Rspamd => Program::Rspamd,
    }
}

/// The largest file that is read.
const MOST_BYTES: u64 = 16 << 20;
