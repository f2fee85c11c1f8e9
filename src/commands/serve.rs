//! `repute serve`: the list server, from the first socket to the last answer.
//!
//! The order matters: sockets are bound, and what the server writes is made, while the process may still
//! be root; root is given up before the first byte of a list is read, and answers begin when all lists are loaded.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use arc_swap::ArcSwap;
use repute_distribution::Shelf;
use repute_dnsxl::Name;
use repute_nameserver::Zones;
use repute_nameserver::control::Reload;
use repute_nameserver::guests::Guests;
use repute_nameserver::listen::Given;
use repute_nameserver::loader::{Content, Format, ZoneConfig, memory};
use repute_nameserver::server::{Parts, Running};
use repute_nameserver::status::{StatusBoard, ZoneStatus};
use repute_portal::Entrance;
use repute_zone::DatasetKind;
use repute_zone::format::table::{TableKind, TableOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::config::{Config, Opened, Origin};
use crate::exit::Verdict;
use crate::privilege::Account;
use crate::systemd::Notify;
use crate::telemetry::Destination;
use crate::{first_start, telemetry};

mod authority;
mod belongings;
pub(super) mod challenge;
pub(super) mod cookies;
mod follow;
pub(super) mod link_key;
mod portal;
mod ports;
mod registry;
mod reloader;
pub(super) mod tls;

use authority::Own;
pub(super) use authority::{STORE, keys, records};
pub(super) use belongings::Belongings;
pub(crate) use challenge::Challenge;
use portal::Portal;
use ports::Ports;
use registry::Registry;
use reloader::Reloader;

/// Serves until it is told to stop.
pub(super) fn run(path: Option<&Path>) -> anyhow::Result<Verdict> {
    let read = || {
        let config = Config::find(path)?;
        let (level, format) = (config.process.log_level, config.process.log_format);
        telemetry::start(level, format, Destination::Errors);
        Ok(config)
    };
    run_by(path, read, |_| Ok(()))
}

/// Serves by a configuration until it is told to stop. Whoever reads it begins the log as well; `take_over` brings accounts
/// into the challenge service, if there is one, before anybody is answered.
pub(crate) fn run_by(
    path: Option<&Path>,
    read: impl FnOnce() -> anyhow::Result<Config>,
    take_over: impl FnOnce(&Challenge) -> anyhow::Result<()>,
) -> anyhow::Result<Verdict> {
    let started = Instant::now();
    // Descriptors that systemd passed are taken before any other is opened.
    let given = given_sockets()?;
    let opened = Opened {
        dns: !given.udp.is_empty() || !given.tcp.is_empty(),
        pages: given.http.is_some(),
        control: given.control.is_some(),
    };
    memory::prepare();
    let mut config = read()?;
    let notify = Notify::from_environment();
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("cannot wait for signals")?;

    let Ports { bound, portal: door, challenge: gate } = ports::open(&mut config, given)?;
    // A start that fails for its addresses leaves no lists behind.
    let first = match config.origin {
        Origin::BuiltIn => first_start::write_lists(&config.process.data_dir)?,
        Origin::File(_) | Origin::AcmeDns(_) => false,
    };
    let belongings = Belongings::of(&config, opened);
    if let Some(user) = &config.process.user {
        let account = Account::find(user)?;
        if Account::current().uid.is_root() {
            belongings.prepare(&account);
        }
        account.assume()?;
        if let Origin::File(path) = &config.origin
            && let Err(error) = std::fs::File::open(path)
        {
            let (path, user) = (path.display(), &user.user);
            tracing::warn!("user {user} cannot read {path}, so a reload will fail: {error}");
        }
    }
    belongings.check(&Account::current())?;
    config.identity.cookies = cookies::cookies(&config.cookies)?;
    let own = tls::certificate(config.certificate.as_ref())?;
    let certificate = portal::certificate(&config.portal)?;
    let of_challenge = config.challenge.as_ref().and_then(|one| one.certificate.as_ref());
    let of_challenge = challenge::certificate(of_challenge)?;
    let zones = Arc::new(ArcSwap::from_pointee(Zones::new(config.identity.clone())));
    let board = Arc::new(StatusBoard::new());
    let store = authority::store(&config)?;
    let loader = authority::load(config.loader.clone(), &zones, &board, store.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start the control threads")?;
    let own_zones = Own::start(&config, &zones, &board, store, runtime.handle())?;
    let guests = Guests::new(Arc::clone(&zones), Arc::clone(&board));
    let guests = match &own_zones {
        Some(own) => guests.observed_by(own.observer()),
        None => guests,
    };
    // Where there is a portal, servers elsewhere may follow.
    let shelf = (!door.is_empty()).then(|| Shelf::open(&config.process.data_dir)).transpose()?;
    let shelf = shelf.map(Arc::new);
    let registry = config.registry.is_on.then(|| {
        let (registry, data_dir) = (&config.registry, &config.process.data_dir);
        Registry::start(registry, guests, shelf.clone(), data_dir, runtime.handle())
    });
    let followers = follow::start(&config.follow, &config.process.data_dir, &zones, &board)?;
    let reloader = Reloader::new(config.clone(), opened, loader.remote(), Arc::clone(&zones));
    let reloader = Arc::new(
        reloader
            .showing("the portal", certificate.clone())
            .showing("DNS over TLS", own.clone())
            .showing("the challenge service", of_challenge.clone())
            .with(own_zones.clone()),
    );
    // Where there is a portal there is a registry.
    let portal = registry
        .as_ref()
        .zip(shelf)
        .map(|(registry, shelf)| {
            let zones = Arc::clone(&zones);
            let entrance = Entrance { listeners: door, certificate };
            Portal::start(&config.portal, path, registry.database(), entrance, zones, shelf)
        })
        .transpose()?;
    let accounts = own_zones.as_ref().and_then(|own| own.challenge());
    let mut challenge = config
        .challenge
        .as_ref()
        .zip(accounts)
        .map(|(config, zone)| Challenge::open(config, zone))
        .transpose()?;
    if let Some(challenge) = &challenge {
        take_over(challenge)?;
    }
    let companions = challenge.iter().map(Challenge::companion).collect();
    let running = bound.accompanied_by(companions).start(Parts {
        zones,
        board: Arc::clone(&board),
        reload: Arc::clone(&reloader) as Arc<dyn Reload>,
        runtime: runtime.handle().clone(),
        beyond: own_zones.as_ref().map(|own| own.beyond()),
        certificate: own.clone(),
    })?;
    reloader.running(running.remote());
    // What is answered there is to be found in DNS.
    if let Some(challenge) = &mut challenge {
        challenge.serve(gate, of_challenge.as_ref())?;
    }
    let welcome = Welcome {
        config: &config,
        running: &running,
        zones: board.zones(),
        first,
        portal: portal.as_ref(),
        challenge: challenge.as_ref(),
    };
    // Nobody may be reading that; a server serves all the same.
    if let Err(error) = welcome.write(&mut std::io::stdout().lock()) {
        tracing::debug!("cannot say that the server is ready: {error}");
    }
    let summary = summary(&board, &running);
    notify.ready(&summary);
    tracing::info!("ready after {} ms: {summary}", started.elapsed().as_millis());

    wait(&mut signals, &reloader, &board, &running, &notify);
    notify.stopping();
    tracing::info!("stopping");
    drop(followers);
    if let Some(challenge) = challenge {
        challenge.stop();
    }
    if let Some(portal) = portal {
        portal.stop();
    }
    if let Some(registry) = registry {
        runtime.block_on(registry.stop());
    }
    runtime.block_on(running.stop());
    drop(loader);
    Ok(Verdict::Yes)
}

/// Waits for the signal to stop; on the way there, reloads when asked.
fn wait(
    signals: &mut Signals,
    reloader: &Reloader,
    board: &StatusBoard,
    running: &Running,
    notify: &Notify,
) {
    for signal in signals.forever() {
        if signal != SIGHUP {
            return;
        }
        tracing::info!("reloading on SIGHUP");
        notify.reloading();
        running.reopen_logs();
        reloader.reload_soon();
        // The old lists are answered from meanwhile: for systemd that is ready.
        notify.ready(&summary(board, running));
    }
}

/// What is served, in a few words.
fn summary(board: &StatusBoard, running: &Running) -> String {
    let (zones, addresses) = (board.zones().len(), list(running.udp_addresses()));
    format!("{zones} zone{} at {addresses}", if zones == 1 { "" } else { "s" })
}

/// The sockets that systemd opened for us.
fn given_sockets() -> anyhow::Result<Given> {
    let variable = |name| std::env::var(name).ok();
    Ok(Given::from_systemd(
        std::process::id(),
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        variable("LISTEN_FDNAMES").as_deref(),
    )?)
}

/// What is said when the server is ready.
struct Welcome<'a> {
    config: &'a Config,
    running: &'a Running,
    zones: Vec<ZoneStatus>,
    first: bool,
    portal: Option<&'a Portal>,
    challenge: Option<&'a Challenge>,
}

impl Welcome<'_> {
    /// Says what is served, how to try it, and where to look.
    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let addresses = self.running.udp_addresses();
        writeln!(out, "repute {version} answers at {}", list(addresses))?;
        let width = self.zones.iter().map(|z| z.name.to_string().len()).max().unwrap_or(0);
        for zone in &self.zones {
            let name = zone.name.to_string();
            if zone.health.answers() {
                let faults = match zone.faults {
                    0 => String::new(),
                    n => format!(", {n} faulty lines left out"),
                };
                let warnings = match zone.warnings {
                    0 => String::new(),
                    n => format!(", {n} with a warning"),
                };
                writeln!(out, "  {name:<width$}  {:>9} entries{faults}{warnings}", zone.entries)?;
            } else {
                let why = zone.last_error.as_deref().unwrap_or("waiting for its feed");
                writeln!(out, "  {name:<width$}  not served: {why}")?;
            }
        }
        if let (Some(zone), Some(address)) =
            (self.zones.iter().find(|z| z.health.answers()), addresses.first())
        {
            writeln!(out, "try      {}", self.dig(&zone.name, *address))?;
        }
        if self.config.origin == Origin::BuiltIn {
            let verb = if self.first { "were written to" } else { "are in" };
            let folder = self.config.process.data_dir.display();
            writeln!(out, "lists    {verb} ./{folder}: edit one, and the answer changes")?;
        }
        if let Some(http) = self.running.http_address() {
            writeln!(out, "metrics  http://{http}/metrics, status http://{http}/status")?;
        }
        for line in self.portal.map(Portal::welcome).unwrap_or_default() {
            writeln!(out, "{line}")?;
        }
        if let Some(challenge) = self.challenge {
            writeln!(out, "{}", challenge.welcome())?;
        }
        out.flush()
    }

    /// A question that has an answer: an entry that every list of its kind has, else the SOA.
    fn dig(&self, apex: &Name, address: SocketAddr) -> String {
        let zones = &self.config.loader.zones;
        let zone = zones.iter().find(|zone| zone.apex == *apex);
        let shipped = match self.config.origin {
            Origin::BuiltIn => first_start::first_entry(&self.config.process.data_dir),
            Origin::File(_) | Origin::AcmeDns(_) => None,
        };
        let listed = shipped.and_then(|entry| entry.parse::<std::net::Ipv4Addr>().ok());
        let question = match (listed.map(|a| a.octets()), zone.and_then(test_entry)) {
            (Some([a, b, c, d]), _) => format!("{d}.{c}.{b}.{a}.{apex} A"),
            (None, Some(entry)) => format!("{entry}.{apex} A"),
            (None, None) => format!("{apex} SOA"),
        };
        format!("dig @{} -p {} {question}", address.ip(), address.port())
    }
}

/// The test entry that a zone has for certain, as the labels it is asked by (RFC 5782 section 5).
fn test_entry(zone: &ZoneConfig) -> Option<&'static str> {
    let Content::Lists(sources) = &zone.content else { return None };
    if !zone.test_entries {
        return None;
    }
    match &sources.first()?.format {
        Format::Table(TableOptions { kind: TableKind::Addresses, .. }) => Some("2.0.0.127"),
        Format::Table(TableOptions { kind: TableKind::Names, .. }) => Some("test"),
        Format::Rbldnsd(kind) => match kind {
            DatasetKind::Ip4set
            | DatasetKind::Ip4tset
            | DatasetKind::Ip4trie
            | DatasetKind::Ip6tset
            | DatasetKind::Ip6trie
            | DatasetKind::Addresses => Some("2.0.0.127"),
            DatasetKind::Dnset | DatasetKind::Dnhash | DatasetKind::Names => Some("test"),
            DatasetKind::Generic
            | DatasetKind::Combined
            | DatasetKind::Acl
            | DatasetKind::Aclkey => None,
        },
    }
}

/// Addresses as people write them.
fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
