//! `repute audit`: does a list do what the RFCs and good practice ask, and what is to be mended?

mod json;
mod table;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use repute_audit::{Audit, Kind, State, Subject, badge};
use repute_dnsxl::Name;
use repute_lookup::catalogue::Catalogue;
use repute_lookup::list::{Access, List};
use repute_lookup::resolver;

use crate::cli::audit::{AuditArgs, AuditKind};
use crate::config::Span;
use crate::exit::Verdict;

use super::check::lists::catalogue;
use super::check::targets::resolvers;

/// Audits lists and shows what was found. `No` if there are faults.
pub(super) fn run(config: Option<&Path>, args: &AuditArgs) -> anyhow::Result<Verdict> {
    let timeout = args.timeout.parse::<Span>().map_err(|error| anyhow!("--timeout: {error}"))?.0;
    if timeout < Duration::from_millis(100) {
        bail!("--timeout: no server answers within {}", args.timeout);
    }
    let subjects = subjects(args, timeout, &catalogue(config, None)?)?;
    if args.badge.is_some() && subjects.len() > 1 {
        bail!("--badge: a picture shows one list, and {} are named", subjects.len());
    }
    let audits = audit(&subjects)?;
    if let (Some(path), Some(audit)) = (&args.badge, audits.first()) {
        fs::write(path, badge::svg(audit))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (n, audit) in audits.iter().enumerate() {
        if args.json {
            json::write(&mut out, audit)?;
        } else {
            if n > 0 {
                writeln!(out)?;
            }
            table::write(&mut out, audit, colour)?;
        }
    }
    out.flush()?;
    Ok(audits.iter().map(verdict).fold(Verdict::Yes, Verdict::worse))
}

/// The lists to audit: those with one name are one, with several servers.
fn subjects(
    args: &AuditArgs,
    timeout: Duration,
    catalogue: &Catalogue,
) -> anyhow::Result<Vec<Subject>> {
    let mut named: Vec<(Name, Vec<SocketAddr>)> = Vec::new();
    for text in &args.zones {
        let (zone, server) = one(text).with_context(|| text.clone())?;
        match named.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, servers)) => servers.extend(server),
            None => named.push((zone, server.into_iter().collect())),
        }
    }
    let resolvers = resolvers(&args.resolvers)?;
    let subject = |(zone, servers): (Name, Vec<SocketAddr>)| {
        let given = args.kind.map(|kind| match kind {
            AuditKind::Addresses => Kind::Addresses,
            AuditKind::Ipv6 => Kind::Ipv6,
            AuditKind::Names => Kind::Names,
        });
        let known = catalogue.find(&zone);
        if known.is_some_and(|list| matches!(list.access, Access::Key(..))) {
            bail!("{zone}: this list is asked with a key, and an audit takes none");
        }
        let kind = given.or_else(|| kind(known?));
        let errors = known.map(|list| &list.errors[..]).unwrap_or_default();
        let errors = errors.iter().map(|(codes, _)| codes.clone()).collect();
        Ok(Subject { zone, kind, errors, servers, resolvers: resolvers.clone(), timeout })
    };
    named.into_iter().map(subject).collect()
}

/// Reads a list and its server.
fn one(text: &str) -> anyhow::Result<(Name, Option<SocketAddr>)> {
    let (zone, server) = match text.split_once('@') {
        Some((zone, server)) => {
            let server = resolver::server(server).context("the server is not an address")?;
            (zone, Some(server))
        }
        None => (text, None),
    };
    let zone: Name = zone.parse()?;
    if zone.label_count() == 0 {
        bail!("the root is no list");
    }
    Ok((zone, server))
}

/// What a list of the catalogue lists.
fn kind(list: &List) -> Option<Kind> {
    let keys = list.keys;
    match (keys.ipv4, keys.ipv6, keys.name.is_some()) {
        (true, _, false) => Some(Kind::Addresses),
        (false, true, false) => Some(Kind::Ipv6),
        (false, false, true) => Some(Kind::Names),
        // Its test entries tell.
        (_, _, true) | (false, false, false) => None,
    }
}

/// Audits some lists at once; the results are in their order.
fn audit(subjects: &[Subject]) -> anyhow::Result<Vec<Audit>> {
    let next = Mutex::new(subjects.iter().enumerate());
    let done: Mutex<Vec<(usize, io::Result<Audit>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let taken = next.lock().expect("nobody panics with it").next();
            let Some((n, subject)) = taken else { return };
            let audit = repute_audit::run(subject);
            done.lock().expect("nobody panics with it").push((n, audit));
        }
    };
    thread::scope(|scope| {
        for _ in 0..subjects.len().min(AT_ONCE) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, audit)| audit.context("no more sockets")).collect()
}

/// What an audit comes to.
fn verdict(audit: &Audit) -> Verdict {
    let has_fault = audit.findings.iter().any(|finding| finding.state == State::Fail);
    match (audit.grade, has_fault) {
        (None, _) => Verdict::Unknown,
        (Some(_), true) => Verdict::No,
        (Some(_), false) => Verdict::Yes,
    }
}

/// Lists that are audited at once.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_several_servers() {
        let read = |zones: &[&str]| {
            let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
            let (resolvers, timeout) = (vec!["127.0.0.1".to_owned()], "2s".to_owned());
            let (kind, json, badge) = (None, false, None);
            let args = AuditArgs { zones, kind, resolvers, timeout, json, badge };
            subjects(&args, Duration::from_secs(2), &Catalogue::shipped()).map(|subjects| {
                let say = |s: &Subject| format!("{} {:?}", s.zone, s.servers);
                subjects.iter().map(say).collect::<Vec<_>>()
            })
        };
        let lists = ["bl.example@192.0.2.1", "dbl.example", "BL.example@[2001:db8::1]:5300"];
        assert_eq!(
            read(&lists).expect("they are lists"),
            ["bl.example [192.0.2.1:53, [2001:db8::1]:5300]", "dbl.example []"]
        );
        for wrong in ["", ".", "bl.example@", "bl.example@ns.example", "a..b"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_catalogue_knows_what_a_list_lists() {
        let catalogue = Catalogue::shipped();
        let kind = |zone: &str| kind(catalogue.find(&zone.parse().expect("a name"))?);
        assert_eq!(kind("zen.spamhaus.org"), Some(Kind::Addresses));
        assert_eq!(kind("dbl.spamhaus.org"), Some(Kind::Names));
        assert_eq!(kind("bl.example"), None);
    }
}
