//! In place of acme-dns: its configuration file, with Repute's challenge service behind.
//!
//! At the first start the accounts of its database are taken over with their passwords, and the database is left as it is;
//! from then on it is not looked at any more. What differs is in doc/challenge.md, and told at each start.

mod options;
mod takeover;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::commands::serve;
use crate::config::InPlaceOfAcmeDns;
use crate::exit::{self, Verdict, print, tell};
use crate::telemetry::{self, Destination};
use options::Asked;

/// Runs as acme-dns would with these arguments, of which the program's name is not one.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    match options::parse(arguments) {
        Ok(Asked::Run(named)) => exit::code(run(named)),
        Ok(Asked::Help) => {
            print(USAGE);
            ExitCode::SUCCESS
        }
        Err(message) => {
            tell!("acme-dns: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Serves by a file until it is told to stop.
fn run(named: Option<PathBuf>) -> anyhow::Result<Verdict> {
    let path = named.unwrap_or_else(|| usual(Path::exists));
    let source = OnceCell::new();
    let read = || {
        let InPlaceOfAcmeDns { config, source: database, log, remarks } =
            InPlaceOfAcmeDns::read(&path)?;
        for remark in remarks {
            tell!("acme-dns: {}: {remark}", path.display());
        }
        let destination = match log {
            None => Destination::Output,
            Some(file) => {
                let opened = OpenOptions::new().append(true).create(true).open(&file);
                Destination::File(opened.with_context(|| {
                    format!("cannot write the log {} (logconfig.logfile)", file.display())
                })?)
            }
        };
        telemetry::start(config.process.log_level, config.process.log_format, destination);
        // It is read once.
        let _ = source.set(database);
        Ok(config)
    };
    serve::run_by(None, read, |challenge| match source.get() {
        Some(source) => takeover::once(challenge, source),
        None => Ok(()),
    })
}

/// The file that acme-dns takes where none is named.
fn usual(exists: impl Fn(&Path) -> bool) -> PathBuf {
    let here = Path::new(HERE);
    // What is said of a file that is not there names the first.
    let is_here = !exists(Path::new(USUAL)) && exists(here);
    if is_here { here.to_owned() } else { PathBuf::from(USUAL) }
}

/// Where acme-dns looks for its configuration first.
const USUAL: &str = "/etc/acme-dns/config.cfg";
/// And then.
const HERE: &str = "./config.cfg";
/// What is said of its options.
const USAGE: &str = "\
Usage: acme-dns [-c FILE]

Repute's challenge service, by a configuration of acme-dns.

  -c FILE    the configuration [default: /etc/acme-dns/config.cfg, else ./config.cfg]

At the first start the accounts of its database are taken over; the database is left as it is.
`repute challenge --config FILE` lists, rotates and deletes accounts, while it runs or not.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_where_acme_dns_finds_it() {
        assert_eq!(usual(|_| true), Path::new(USUAL));
        assert_eq!(usual(|path| path == Path::new(HERE)), Path::new(HERE));
        assert_eq!(usual(|_| false), Path::new(USUAL));
    }
}
