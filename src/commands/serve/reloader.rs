//! A running server takes over what its configuration says now.
//!
//! The file is read as a whole first: if it is faulty nothing changes. What needs a restart stays as
//! it is, and is named. Everything else is handed to those whom it concerns, who keep what they have
//! until the new is ready, so that no query is lost.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use repute_certificate::Certificate;
use repute_dnsxl::Name;
use repute_nameserver::control::{Reload, Reloaded, Reloads};
use repute_nameserver::listen;
use repute_nameserver::loader::{LoaderConfig, Outcomes, Remote};
use repute_nameserver::server::{self, Remote as RunningRemote};
use repute_nameserver::{Identity, Zones};
use tracing::{error, info, warn};

use super::authority::Own;
use super::cookies::cookies;
use crate::config::{Config, Opened, Origin};

/// Knows what is in force, and all whom a change concerns.
pub(super) struct Reloader {
    /// The configuration that is in force.
    config: Mutex<Config>,
    /// Which sockets are not its own to change.
    opened: Opened,
    /// Builds zones.
    loader: Remote,
    /// What is served, and what the server says of itself.
    zones: Arc<ArcSwap<Zones>>,
    /// What can be changed of the server, once it runs.
    running: OnceLock<RunningRemote>,
    /// What was wrong with the query log at the last reload.
    log_problem: Mutex<Option<String>>,
    /// The certificates that are shown, and by whom.
    certificates: Vec<(&'static str, Arc<Certificate>)>,
    /// Zones that are changed here or taken over, transfers and keys, if there were any at the start.
    own: Option<Arc<Own>>,
}

/// A reload under way.
struct Begun {
    /// What becomes of the zones.
    outcomes: Outcomes,
    /// What has failed already.
    problems: Vec<String>,
    /// What has failed as it did before.
    known_problems: Vec<String>,
    /// What should be known.
    notes: Vec<String>,
}

impl Reloader {
    /// For a server that was started by this configuration.
    pub(super) fn new(
        config: Config,
        opened: Opened,
        loader: Remote,
        zones: Arc<ArcSwap<Zones>>,
    ) -> Reloader {
        let (config, log_problem) = (Mutex::new(config), Mutex::default());
        let running = OnceLock::new();
        let certificates = Vec::new();
        Reloader { config, opened, loader, zones, running, log_problem, certificates, own: None }
    }

    /// The same with zones that are changed here, transfers and keys.
    pub(super) fn with(mut self, own: Option<Arc<Own>>) -> Reloader {
        self.own = own;
        self
    }

    /// The same with a certificate that somebody shows, if he has one; it is read again as well.
    pub(super) fn showing(
        mut self,
        who: &'static str,
        certificate: Option<Arc<Certificate>>,
    ) -> Reloader {
        self.certificates.extend(certificate.map(|certificate| (who, certificate)));
        self
    }

    /// The server runs: its query log and its limit of answers can be changed from now on.
    pub(super) fn running(&self, running: RunningRemote) {
        // It is told once.
        let _ = self.running.set(running);
    }

    /// Reads the configuration and all lists again and does not wait. With a faulty configuration the
    /// lists are read by the one in force.
    pub(super) fn reload_soon(&self) {
        if self.begin().is_err() {
            self.loader.reload_soon();
        }
    }

    /// Reads the configuration and hands it on.
    fn begin(&self) -> Result<Begun, String> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let new = match &config.origin {
            Origin::BuiltIn => config.clone(),
            Origin::File(path) | Origin::AcmeDns(path) => {
                Config::find(Some(path)).map_err(|fault| {
                    let fault = format!("{fault:#}");
                    let first = fault.lines().next().unwrap_or_default();
                    error!(
                        "the configuration is not taken over, the server goes on as before: {first}"
                    );
                    fault
                })?
            }
        };
        let (mut problems, mut known_problems, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let keys = new.needs_restart(&config, self.opened);
        if !keys.is_empty() {
            let note = format!("only a restart takes over {}", keys.join(", "));
            warn!("{note}");
            notes.push(note);
        }
        match &self.own {
            Some(own) => {
                if let Err(why) = own.configure(&new) {
                    let problem = format!("keys, updates and transfers stay as they are: {why:#}");
                    error!("{problem}");
                    problems.push(problem);
                }
            }
            None if new.authority.is_wanted() => {
                let note = "only a restart takes over the first key, update, secondary or transfer"
                    .to_owned();
                warn!("{note}");
                notes.push(note);
            }
            None => {}
        }
        let Config {
            mut identity,
            cookies: wanted,
            loader,
            authority,
            server: server::Config { query_log, listen: listen::Config { rate_limit, .. }, .. },
            ..
        } = new;
        identity.cookies = match cookies(&wanted) {
            Ok(cookies) => cookies,
            Err(why) => {
                let problem = format!("DNS cookies stay as they are: {why:#}");
                error!("{problem}");
                problems.push(problem);
                config.identity.cookies.clone()
            }
        };
        // Whoever takes such messages is there since the start, or is not.
        identity.handover = config.identity.handover;
        if identity != config.identity {
            self.identify(&identity);
            config.identity = identity;
        }
        for (who, certificate) in &self.certificates {
            let Err(why) = certificate.reload() else { continue };
            let why = anyhow::Error::from(why);
            let problem = format!("{who} shows its certificate of before: {why:#}");
            error!("{problem}");
            problems.push(problem);
        }
        let mut before = self.log_problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = self.running.get() {
            running.limit(&rate_limit);
            config.server.listen.rate_limit = rate_limit;
        }
        match self.running.get().map(|running| running.configure_log(&query_log)) {
            None => {}
            Some(Ok(())) => {
                config.server.query_log = query_log;
                *before = None;
            }
            Some(Err(why)) => {
                let problem = format!("the query log stays as it is: {why}");
                error!("{problem}");
                let is_known = before.as_ref() == Some(&problem);
                if is_known { &mut known_problems } else { &mut problems }.push(problem.clone());
                *before = Some(problem);
            }
        }
        config.authority = authority;
        config.loader = LoaderConfig { data_dir: config.loader.data_dir.clone(), ..loader };
        let LoaderConfig { zones, masters, .. } = &config.loader;
        let of_programs = &config.authority;
        let zones = zones.len()
            + masters.len()
            + of_programs.dynamic.len()
            + usize::from(of_programs.challenge.is_some());
        let s = if zones == 1 { "" } else { "s" };
        info!("the configuration is in force, with {zones} zone{s}");
        let outcomes = self.loader.configure(config.loader.clone());
        Ok(Begun { outcomes, problems, known_problems, notes })
    }

    /// Has the server say something else of itself.
    fn identify(&self, identity: &Identity) {
        self.zones.rcu(|zones| zones.with_identity(identity.clone()));
    }
}

impl Reload for Reloader {
    fn reload(&self, zone: Option<&Name>) -> Result<Reloads, String> {
        if let Some(zone) = zone {
            let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
            if config.authority.challenge.as_ref().is_some_and(|own| own.apex == *zone) {
                return Err(format!(
                    "zone `{zone}` is changed by the challenge service: a reload without a zone takes over its lines in \
                     the configuration"
                ));
            }
            if config.authority.catalogs.iter().any(|catalog| catalog.apex == *zone) {
                return Err(format!(
                    "`{zone}` is a catalog, which follows from the configuration: `repute reload` reads that again"
                ));
            }
            let mut updated = config.authority.dynamic.iter();
            let updated = updated.find(|updated| updated.seed.apex == *zone).cloned();
            let most = config.loader.max_unpacked;
            drop(config);
            if let (Some(updated), Some(own)) = (updated, &self.own) {
                let (outcome, note) = own.reload(&updated, most)?;
                let zones = vec![Reloaded { zone: zone.to_string(), outcome }];
                return Ok(Reloads {
                    zones,
                    notes: note.into_iter().collect(),
                    ..Reloads::default()
                });
            }
            // Of a zone that is taken over, the primary is asked.
            if let Some(outcome) = self.own.as_ref().and_then(|own| own.refresh(zone)) {
                let zones = vec![Reloaded { zone: zone.to_string(), outcome }];
                return Ok(Reloads { zones, ..Reloads::default() });
            }
            return self.loader.reload(Some(zone));
        }
        let Begun { outcomes, problems, known_problems, notes } = self.begin()?;
        let mut reloads = outcomes.wait()?;
        reloads.problems.splice(0..0, problems);
        reloads.known_problems.splice(0..0, known_problems);
        reloads.notes.extend(notes);
        Ok(reloads)
    }
}
