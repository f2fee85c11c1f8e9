//! `repute-bench`: Repute, its peers and the kernel's ceilings measured side by side in one run.
//!
//! Method and traps are in `doc/performance.md`. Not part of the product: nothing here is shipped.

mod blast;
mod check;
mod cli;
mod echo;
mod floors;
mod journal;
mod kernel;
mod library;
mod list;
mod load;
mod machine;
mod peer;
mod process;
mod queries;
mod random;
mod registry;
mod reload;
mod report;
mod respond;
mod results;
mod samples;
mod serve;
mod settings;
mod shim;
mod zones;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde_json::json;

use crate::blast::{Load, Pace};
use crate::cli::{Cli, Command};
use crate::list::List;
use crate::queries::{Edns, Mix, Queries};
use crate::report::Section;
use crate::results::Results;
use crate::settings::Settings;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut settings = cli.shared.settings();
    let mut results = Results::default();
    let mut page = None;
    match &cli.command {
        Command::Lists { out } => return lists(&mut settings, out.as_deref()),
        Command::Queries { out } => return queries(&settings, out.as_deref()),
        Command::Blast { server, file, rate, window, sockets, edns } => {
            let load = Load {
                server: *server,
                duration: settings.duration,
                window: *window,
                sockets: *sockets,
                pace: rate.map_or(Pace::FlatOut, Pace::PerSecond),
            };
            return blast(&load, file, if *edns { Edns::Present } else { Edns::Absent });
        }
        Command::Echo { listen, calls, workers } => {
            return Ok(echo::run(*listen, *calls, *workers)?);
        }
        Command::Answer { image, packets, way, passes } => {
            return respond::instructions::answer(image, packets, *way, *passes);
        }
        Command::Serve => {
            settings.hold_product()?;
            serve::run(&settings, &mut results)?;
        }
        Command::Reload => {
            settings.hold_product()?;
            reload::run(&settings, &mut results)?;
        }
        Command::Slow { listen, delay } => {
            return Ok(check::slow::run(*listen, Duration::from_millis(*delay))?);
        }
        Command::Check if !check::is_inside() => return check::run_inside(),
        Command::Check => {
            settings.hold_product()?;
            check::run(&settings, &mut results)?;
        }
        Command::Registry { update } => {
            page = update.clone().map(|page| (page, Section::Registry));
            settings.hold_product()?;
            registry::run(&settings, &mut results)?;
        }
        Command::Zones { update } => {
            page = update.clone().map(|page| (page, Section::Zones));
            settings.hold_product()?;
            zones::run(&settings, &mut results)?;
        }
        Command::Respond => respond::run(&settings, &mut results)?,
        Command::Load => {
            settings.hold_product()?;
            load::run(&settings, &mut results)?;
        }
        Command::Journal => journal::run(&settings, &mut results)?,
        Command::All { .. } if !check::is_inside() => return check::run_inside(),
        Command::All { update } => {
            page = update.clone().map(|page| (page, Section::All));
            settings.hold_product()?;
            respond::run(&settings, &mut results)?;
            load::run(&settings, &mut results)?;
            journal::run(&settings, &mut results)?;
            reload::run(&settings, &mut results)?;
            serve::run(&settings, &mut results)?;
            check::run(&settings, &mut results)?;
            registry::run(&settings, &mut results)?;
            zones::run(&settings, &mut results)?;
        }
    }
    let how = cli.shared.how();
    let markdown = report::markdown(&results, &how);
    println!("{markdown}");
    if let Some(file) = &cli.shared.json {
        let json = report::json(&results, &how);
        fs::write(file, format!("{json:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some((page, section)) = page {
        report::update(&page, section, &markdown)?;
    }
    let missed = floors::missed(&results);
    anyhow::ensure!(missed.is_empty(), "not reached: {}", missed.join("; "));
    Ok(())
}

/// Writes all lists.
fn lists(settings: &mut Settings, out: Option<&Path>) -> anyhow::Result<()> {
    if let Some(out) = out {
        settings.lists.folder = out.to_owned();
    }
    for list in List::ALL {
        settings.lists.prepare(list)?;
        println!("{}", settings.lists.text(list).display());
    }
    println!("{}", settings.lists.master().display());
    Ok(())
}

/// Writes the queries of all lists.
fn queries(settings: &Settings, out: Option<&Path>) -> anyhow::Result<()> {
    let folder = out.map_or_else(|| settings.lists.folder.clone(), PathBuf::from);
    fs::create_dir_all(&folder)?;
    for list in List::ALL {
        for mix in [Mix::A, Mix::ATxt] {
            let suffix = format!("{}.queries", mix.title().to_lowercase());
            let name = settings.lists.text(list).with_extension(suffix);
            let path = folder.join(name.file_name().context("a list has a file name")?);
            let mut file = BufWriter::new(File::create(&path)?);
            settings.draw(list, mix, Edns::Absent).write(&mut file)?;
            file.flush()?;
            println!("{}", path.display());
        }
    }
    Ok(())
}

/// Loads one server and prints the tally.
fn blast(load: &Load, file: &Path, edns: Edns) -> anyhow::Result<()> {
    let input = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut queries = Queries::read(BufReader::new(input), edns)?;
    anyhow::ensure!(queries.len() > 0, "{} has no queries", file.display());
    let tally = blast::run(load, &mut queries)?;
    let server: SocketAddr = load.server;
    let json = json!({
        "server": server.to_string(),
        "sent": tally.sent,
        "received": tally.received,
        "lost": tally.lost,
        "rate": tally.rate(),
        "positive": tally.positive,
        "negative": tally.negative,
        "failed": tally.failed,
        "longest_silence_ms": tally.longest_silence.as_secs_f64() * 1e3,
        "bytes_per_reply": tally.bytes as f64 / tally.received.max(1) as f64,
    });
    println!("{json}");
    Ok(())
}
