//! `repute registry evidence import`: a table of observations, or mail-abuse reports.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use repute_database::{Database, Timestamp};
use repute_registry::evidence as rules;
use repute_registry::evidence::batch::{self, Unwritten};
use repute_registry::evidence::mailbox::Messages;
use repute_registry::evidence::{Sighting, Taken, Told, arf};
use serde_json::json;

use super::super::{cause, plain};
use super::trap_key;
use crate::cli::registry::evidence::{TakeArgs, TakeFormat};
use crate::exit::{Verdict, say, tell};

/// What was read.
#[derive(Default)]
struct Read {
    /// What was seen.
    sightings: Vec<Sighting>,
    /// How many messages or lines are no evidence.
    faulty: u64,
    /// How many messages there were.
    messages: u64,
}

/// Takes what a file or folder says.
pub(super) async fn run(
    database: &Database,
    config: Option<&Path>,
    args: &TakeArgs,
) -> anyhow::Result<Verdict> {
    let now = Timestamp::now();
    let read = read(args, now)?;
    let mut sum = Taken::default();
    if !args.dry_run && !read.sightings.is_empty() {
        let key = match read.sightings.iter().any(|seen| seen.trap.is_some()) {
            true => trap_key(config)?,
            false => None,
        };
        let mut transaction = database.begin().await?;
        let cause = cause(&mut transaction, "evidence.take", &args.reason).await?;
        let mut told = Told::default();
        for part in read.sightings.chunks(rules::MOST) {
            let (source, key) = (&args.source, key.as_ref());
            let part = (part, &mut told);
            let part = rules::take(&mut transaction, source, part, key, &cause, now).await?;
            sum.taken += part.taken;
            sum.known += part.known;
        }
        transaction.commit().await?;
    }
    show(args, &read, sum)?;
    Ok(if read.faulty > 0 { Verdict::No } else { Verdict::Yes })
}

/// Reads it.
fn read(args: &TakeArgs, now: Timestamp) -> anyhow::Result<Read> {
    let mut read = Read::default();
    let failed = |path: &Path| format!("cannot read {}", path.display());
    if args.file.is_dir() {
        if args.format == Some(TakeFormat::Table) {
            bail!("{} is a folder: of folders mail-abuse reports are read", args.file.display());
        }
        for path in files(&args.file).with_context(|| failed(&args.file))? {
            let file = BufReader::new(File::open(&path).with_context(|| failed(&path))?);
            reports(&mut read, &path.display().to_string(), file, now)
                .with_context(|| failed(&path))?;
        }
        return Ok(read);
    }
    let (name, file): (_, Box<dyn BufRead>) = match args.file.as_os_str() == "-" {
        true => ("standard input".to_owned(), Box::new(io::stdin().lock())),
        false => {
            let file = File::open(&args.file).with_context(|| failed(&args.file))?;
            (args.file.display().to_string(), Box::new(BufReader::new(file)))
        }
    };
    let mut file = file;
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD)
        .read_to_end(&mut head)
        .with_context(|| format!("cannot read {name}"))?;
    let is_mail = args.format.map_or_else(|| looks_like_mail(&head), |f| f == TakeFormat::Arf);
    let whole = io::Cursor::new(head).chain(file);
    let failed = || format!("cannot read {name}");
    if is_mail {
        reports(&mut read, &name, whole, now).with_context(failed)?;
        return Ok(read);
    }
    let unwritten = Unwritten { class: &args.class, now };
    let batch = batch::read(whole, &unwritten).with_context(failed)?;
    for (line, fault) in &batch.faults {
        tell!("{name}:{line}: {}", plain(&fault.to_string()));
    }
    if batch.faulty > batch.faults.len() as u64 {
        tell!("{name}: {} faulty lines in all, which are left out", batch.faulty);
    }
    (read.sightings, read.faulty) = (batch.sightings, batch.faulty);
    Ok(read)
}

/// Reads the reports of a file.
fn reports(read: &mut Read, name: &str, file: impl BufRead, now: Timestamp) -> io::Result<()> {
    for (number, message) in (1..).zip(Messages::new(file)) {
        read.messages += 1;
        match arf::read(&message?, now) {
            Ok(sightings) => read.sightings.extend(sightings),
            Err(error) => {
                read.faulty += 1;
                if read.faulty <= MOST_TOLD {
                    tell!("{}: message {}: {error}", plain(name), number);
                }
            }
        }
    }
    Ok(())
}

/// The files of a folder, and of the parts of one that mail is delivered to, in their order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in [folder.to_owned(), folder.join("cur"), folder.join("new")] {
        let found = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        for file in found {
            let file = file?;
            if file.file_type()?.is_file() {
                files.push(file.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file begins as mail does: with a mailbox's line, or the field of a header.
fn looks_like_mail(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"From ") {
        return true;
    }
    let name = line.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let rest = line.get(name..).unwrap_or_default();
    name > 0
        && rest.first() == Some(&b':')
        && matches!(rest.get(1), None | Some(b' ' | b'\t' | b'\r'))
}

/// Shows what was taken.
fn show(args: &TakeArgs, read: &Read, sum: Taken) -> io::Result<()> {
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for seen in &read.sightings {
        *classes.entry(&seen.class).or_default() += u64::from(seen.count);
    }
    let found = read.sightings.len();
    if args.json {
        let object = json!({
            "source": args.source,
            "dry_run": args.dry_run,
            "observations": found,
            "taken": sum.taken,
            "known": sum.known,
            "hits": classes,
            "messages": read.messages,
            "faults": read.faulty,
        });
        say!("{object}");
        return Ok(());
    }
    let would = if args.dry_run { "would be " } else { "" };
    let hits: Vec<String> = classes.iter().map(|(class, n)| format!("{n} × {class}")).collect();
    let said = match sum.known {
        0 if hits.is_empty() => String::new(),
        0 => format!(": {}", plain(&hits.join(", "))),
        known => format!(", {known} known already"),
    };
    let taken = if args.dry_run { found as u64 } else { sum.taken };
    say!("{}: {taken} observations {would}taken{said}", plain(&args.source));
    if args.dry_run {
        for seen in read.sightings.iter().take(EXAMPLES) {
            say!("  + {} {} × {}", seen.target, seen.count, plain(&seen.class));
        }
        let more = found.saturating_sub(EXAMPLES);
        if more > 0 {
            say!("  + and {more} more");
        }
    }
    Ok(())
}

/// What is looked at to tell what a file is, in bytes.
const HEAD: u64 = 4_096;
/// So many messages that are no evidence are told one by one.
const MOST_TOLD: u64 = 20;
/// So many observations are shown by a dry run.
const EXAMPLES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_told_from_tables() {
        for (head, is_mail) in [
            ("From a@x Thu Jan  1 00:00:00 2026\n", true),
            ("Return-Path: <>\r\n", true),
            ("Subject:\r\n", true),
            ("2a00::1\n", false),
            ("2a00:1:2:3:4:5:6:7\n", false),
            ("target,class\n", false),
            ("{\"target\": \"9.0.0.1\"}\n", false),
            ("bad.example\n", false),
            ("", false),
        ] {
            assert_eq!(looks_like_mail(head.as_bytes()), is_mail, "{head}");
        }
    }
}
