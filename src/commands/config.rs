//! `repute config`: an annotated configuration to start from, and whether one is right.
//!
//! A configuration is right only with its access lists, which decide who is answered at all, and with master files
//! that have no fault, as a zone with one is not served. Other files may come later - a list is often made by another
//! program - so what is missing is a warning.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use repute_certificate::Certificate;
use repute_nameserver::loader::{Content, MasterConfig, SnapshotOrigin, SourceOrigin, master};
use repute_zone::DatasetKind;

use super::access::{self, AskedFor};
use super::monitor;
use super::serve::challenge;
use super::serve::cookies::cookies;
use super::serve::tls;
use super::serve::{Belongings, keys};
use crate::cli::ConfigCommand;
use crate::config::{Config, EXAMPLE, Opened, Origin};
use crate::exit::{Verdict, tell};
use crate::privilege::Account;

/// Prints the annotated configuration, or checks one.
pub(super) fn run(path: Option<&Path>, command: &ConfigCommand) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Example => {
            out.write_all(EXAMPLE.as_bytes())?;
            Ok(Verdict::Yes)
        }
        ConfigCommand::Check => check(path, &Config::find(path)?, &mut out),
    }
}

/// Checks what a configuration that is right by itself says of files.
fn check(named: Option<&Path>, config: &Config, out: &mut impl Write) -> anyhow::Result<Verdict> {
    let zones =
        config.loader.zones.len() + config.loader.masters.len() + config.authority.stored().count();
    let zones = zones + usize::from(config.challenge.is_some());
    let s = if zones == 1 { "" } else { "s" };
    let (Origin::File(path) | Origin::AcmeDns(path)) = &config.origin else {
        // Its lists are written at the first start.
        writeln!(out, "no configuration, the built-in example: right, {zones} zone{s}")?;
        return Ok(Verdict::Yes);
    };
    let mut faulty = 0;
    for (list, kind) in access_lists(config) {
        let unpacked = config.loader.max_unpacked;
        match access::check(&list, kind, unpacked, AskedFor::InConfig, out)? {
            Verdict::Yes | Verdict::No => {}
            Verdict::Unknown | Verdict::Later => faulty += 1,
        }
    }
    for warning in warnings(config).into_iter().chain(monitor::warning(named, &config.monitor)) {
        tell!("repute: warning: {warning}");
    }
    let path = path.display();
    if let Err(error) = certificate(config) {
        writeln!(out, "{path}: not right, the portal cannot speak TLS: {error:#}")?;
        return Ok(Verdict::Unknown);
    }
    if let Err(error) = tls::certificate(config.certificate.as_ref()) {
        writeln!(out, "{path}: not right: {error:#}")?;
        return Ok(Verdict::Unknown);
    }
    let of_challenge = config.challenge.as_ref().and_then(|one| one.certificate.as_ref());
    if let Err(error) = challenge::certificate(of_challenge) {
        writeln!(out, "{path}: not right: {error:#}")?;
        return Ok(Verdict::Unknown);
    }
    if let Err(error) = cookies(&config.cookies) {
        writeln!(out, "{path}: not right, nobody would get DNS cookies: {error:#}")?;
        return Ok(Verdict::Unknown);
    }
    if let Err(error) = keys(&config.authority) {
        writeln!(out, "{path}: not right: {error:#}")?;
        return Ok(Verdict::Unknown);
    }
    let broken = masters(config, out)?;
    if broken > 0 {
        let s = if broken == 1 { "" } else { "s" };
        writeln!(out, "{path}: not right, {broken} zone{s} could not be served")?;
        return Ok(Verdict::Unknown);
    }
    if faulty > 0 {
        let s = if faulty == 1 { "" } else { "s" };
        writeln!(out, "{path}: not right, {faulty} access list{s} cannot be put in force")?;
        return Ok(Verdict::Unknown);
    }
    writeln!(out, "{path}: right, {zones} zone{s}")?;
    Ok(Verdict::Yes)
}

/// Reads the certificate of the portal, if it has one, and warns of what should be mended.
fn certificate(config: &Config) -> anyhow::Result<()> {
    let portal = &config.portal;
    let Some(files) = portal.certificate.clone().filter(|_| !portal.listen.is_empty()) else {
        return Ok(());
    };
    let certificate = Certificate::open(files, &[])?;
    for doubt in certificate.doubts(Some(portal.portal.public_url.host()), SystemTime::now()) {
        tell!("repute: warning: {doubt}");
    }
    Ok(())
}

/// All access lists, each once.
fn access_lists(config: &Config) -> Vec<(PathBuf, DatasetKind)> {
    let mut lists: Vec<(PathBuf, DatasetKind)> = Vec::new();
    let global = config.loader.acl.iter().map(|path| (path, DatasetKind::Acl));
    let of_zones = config.loader.zones.iter().flat_map(|zone| {
        let acl = zone.acl.iter().map(|path| (path, DatasetKind::Acl));
        acl.chain(zone.aclkey.iter().map(|path| (path, DatasetKind::Aclkey)))
    });
    for (path, kind) in global.chain(of_zones) {
        if !lists.iter().any(|(known, of)| known == path && *of == kind) {
            lists.push((path.clone(), kind));
        }
    }
    lists
}

/// Reads the master files of ordinary zones and tells their faults; how many zones could not be served.
fn masters(config: &Config, out: &mut impl Write) -> anyhow::Result<usize> {
    let mut broken = 0;
    let own = config.loader.masters.iter().map(|zone| (zone, false));
    let updated = config.authority.dynamic.iter().map(|zone| (&zone.seed, true));
    for (zone, is_updated) in own.chain(updated) {
        let MasterConfig { apex, .. } = zone;
        // Another program may be about to write it.
        let read = match master::read(zone, config.loader.max_unpacked) {
            Ok(read) => read,
            Err(error) => {
                tell!("repute: warning: {apex}: {error}");
                continue;
            }
        };
        let mut faults = read.faults;
        faults.extend(read.zone.err());
        if let Some(first) = faults.first().filter(|_| is_updated) {
            tell!(
                "repute: warning: {first}: zone {apex} cannot begin with its file; it is served if it has begun before"
            );
        } else if !faults.is_empty() {
            broken += 1;
            for fault in faults.iter().take(SHOWN) {
                writeln!(out, "{fault}")?;
            }
            if let Some(more) = faults.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                writeln!(out, "{apex}: {more} more faults: `repute zone check {apex}` shows all")?;
            }
        }
        for warning in read.warnings.iter().take(SHOWN) {
            tell!("repute: warning: {apex}: {warning}");
        }
    }
    Ok(broken)
}

/// What a server could not read or write now.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for zone in &config.loader.zones {
        let files: Vec<&PathBuf> = match &zone.content {
            Content::Snapshot(SnapshotOrigin::File(path)) => vec![path],
            Content::Snapshot(SnapshotOrigin::Feed(_)) => Vec::new(),
            Content::Lists(sources) => {
                let files = sources.iter().flat_map(|source| match &source.origin {
                    SourceOrigin::Files(files) => &files[..],
                    SourceOrigin::Feed(_) => &[],
                });
                files.collect()
            }
        };
        for file in files {
            if let Some(why) = unreadable(file) {
                warnings.push(format!("{}: cannot read {}: {why}", zone.apex, file.display()));
            }
        }
    }
    for follow in &config.follow {
        if let Some(why) = unreadable(&follow.token) {
            warnings.push(format!("{}: cannot read {}: {why}", follow.url, follow.token.display()));
        }
    }
    // Who is that user already becomes nobody; who cannot become it does not get as far as the log.
    let user = config.process.user.as_ref().and_then(|user| Account::find(user).ok());
    let becomes = user.filter(|user| *user != Account::current());
    let belongings = Belongings::of(config, Opened::default());
    if let Some(log) = belongings.misplaced_log(becomes.as_ref()) {
        warnings.push(format!("the query log {} cannot be made there", log.display()));
    }
    let data_dir = &config.process.data_dir;
    if data_dir.exists() && !data_dir.is_dir() {
        warnings.push(format!("the data folder {} is no folder", data_dir.display()));
    }
    warnings
}

/// Why a file cannot be read, if so.
fn unreadable(path: &Path) -> Option<String> {
    // The kind is looked at first, as opening a pipe would wait for its writer.
    match path.metadata() {
        Ok(file) if !file.is_file() => Some("not a regular file".to_owned()),
        Ok(_) => File::open(path).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// How many faults of a file are shown.
const SHOWN: usize = 20;
