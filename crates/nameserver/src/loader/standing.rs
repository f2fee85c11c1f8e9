//! What of one zone is served now, how good that is, and what is told of it.
//!
//! Whatever goes wrong, what is served stays, until it was not confirmed for the SOA's expire time; where
//! nothing is served yet, the last good version from before the start may be. When a zone is built, and
//! when its files are looked at, is not known here but to the keeper.

use std::sync::Arc;

use repute_dnsxl::Name;
use repute_zone::guard::{self, Reach, Refusal};
use repute_zone::{Faults, Zone};
use tracing::{info, warn};

use super::build::{AccessLists, BuildError, Built};
use super::config::{Content, ZoneConfig};
use super::last_good::{LastGood, Unkept, soa_expire};
use super::recipe::Recipe;
use super::serial::Issued;
use crate::status::{ZoneHealth, ZoneStatus};
use crate::zones::{Serving, ZoneIndex};

/// What is served of a zone.
pub(super) struct Standing {
    /// What is served, if anything.
    served: Option<Arc<Zone>>,
    /// The most that was served.
    most: Reach,
    /// When what is served was last known to be what its sources say, in Unix seconds.
    confirmed: u64,
    /// The last failure to build that was told, so that it is not told again at each try.
    told: Option<String>,
    /// What is told about it.
    status: ZoneStatus,
    /// What outlives the process.
    last_good: LastGood,
}

/// What is to be served after a step.
#[derive(Debug)]
pub(super) enum Step {
    /// What was served before.
    Same,
    /// This.
    Serve(Box<Served>),
    /// Nothing: SERVFAIL.
    Fail,
}

/// A zone to be served, with who may ask it.
#[derive(Debug)]
pub(super) struct Served {
    /// The zone.
    pub(super) zone: Arc<Zone>,
    /// Who may ask it, and how it answers.
    pub(super) serving: Serving,
}

impl Standing {
    /// Nothing is served yet.
    pub(super) fn new(index: ZoneIndex, recipe: &Recipe) -> Standing {
        let apex = &recipe.config.apex;
        Standing {
            served: None,
            most: Reach::default(),
            confirmed: 0,
            told: None,
            status: ZoneStatus::loading(apex.clone(), index),
            last_good: LastGood::of(apex.clone(), Arc::clone(&recipe.spool)),
        }
    }

    /// What is served, if anything.
    pub(super) fn served(&self) -> Option<&Zone> {
        self.served.as_deref()
    }

    /// The most that was served.
    pub(super) fn most(&self) -> Reach {
        self.most
    }

    /// The last serial, however long ago that was.
    pub(super) fn last_serial(&self) -> Option<Issued> {
        self.last_good.issued()
    }

    /// What is told about the zone.
    pub(super) fn status(&self) -> &ZoneStatus {
        &self.status
    }

    /// Whether something is served and nothing failed since.
    pub(super) fn is_well(&self) -> bool {
        self.served.is_some() && self.status.last_error.is_none()
    }

    /// What was wrong, was wrong with other sources.
    pub(super) fn forgive(&mut self) {
        self.status.last_error = None;
    }

    /// Whoever asked for the next build wants to be told of it, also if that was told before.
    pub(super) fn tell_again(&mut self) {
        self.told = None;
    }

    /// Decides what becomes of a build. `confirmed` is when its sources were last known to be what they
    /// are now, in Unix seconds.
    pub(super) fn judge(
        &mut self,
        recipe: &Recipe,
        built: Result<Built, BuildError>,
        confirmed: u64,
        now: u64,
    ) -> Step {
        let apex = &recipe.config.apex;
        let mut built = match built {
            Ok(built) => built,
            Err(BuildError::NotFetched { url }) if self.status.last_error.is_none() => {
                info!(zone = %apex, "waiting for {url}");
                return self.fall_back(recipe);
            }
            Err(error) => {
                let why = error.to_string();
                if self.told.as_ref() != Some(&why) {
                    warn!(zone = %apex, "`{apex}` is not loaded: {why}");
                    self.told = Some(why.clone());
                }
                return self.refuse(recipe, why);
            }
        };
        report_faults(apex, &built);
        if let Some(address) = built.zone.covers_never_listed() {
            warn!(
                zone = %apex,
                "`{apex}` covers {address}, which is left out (RFC 5782 section 5)"
            );
        }
        if self.served.is_none() {
            built.refusals.extend(self.emptied_while_away(recipe, &built.zone));
        }
        if !built.refusals.is_empty() {
            let why: Vec<_> = built.refusals.iter().map(ToString::to_string).collect();
            let why = why.join("; ");
            warn!(zone = %apex, "`{apex}` is refused: {why}");
            self.status.faults = built.fault_count();
            self.status.warnings = built.warning_count();
            return self.refuse(recipe, why);
        }
        self.serve(recipe, built, confirmed, now)
    }

    /// Why a first version should not be served after what was served before the start.
    fn emptied_while_away(&self, recipe: &Recipe, zone: &Zone) -> Option<Refusal> {
        if !has_empty_list(zone) {
            return None;
        }
        let (before, _) = self.last_good.open(&recipe.config)?;
        guard::check_emptied(zone, &before, &recipe.config.guards)
    }

    /// Serves a good build, and keeps it.
    fn serve(&mut self, recipe: &Recipe, built: Built, confirmed: u64, now: u64) -> Step {
        let config = &recipe.config;
        let apex = &config.apex;
        self.told = None;
        let (faults, warnings) = (built.fault_count(), built.warning_count());
        let source_modified = built.modified();
        let Built { zone, acl, aclkey, reach, issued, copy, .. } = built;
        self.most = self.most.max(reach);
        self.last_good.issue(issued);
        let zone = Arc::new(zone);
        self.status = ZoneStatus {
            health: ZoneHealth::Serving,
            entries: zone.entries(),
            serial: zone.serial(),
            loaded_at: u32::try_from(now).ok(),
            source_modified,
            image_bytes: zone.image_bytes() as u64,
            reloads_ok: self.status.reloads_ok + 1,
            faults,
            warnings,
            last_error: None,
            ..self.status.clone()
        };
        info!(
            zone = %apex, serial = zone.serial(), entries = zone.entries(), faults, warnings,
            "serving `{apex}` with {} entries, serial {}", zone.entries(), zone.serial()
        );
        if has_empty_list(&zone) && !config.guards.allow_empty {
            warn!(zone = %apex, "`{apex}` is served although a list of it has no entries");
        }
        self.served = Some(Arc::clone(&zone));
        self.confirmed = confirmed;
        self.last_good.owe(match (&config.content, copy) {
            _ if !config.keep_last_good => None,
            (Content::Lists(_), _) => Some(Unkept::Built(Arc::clone(&zone))),
            (Content::Snapshot(_), copy) => copy.map(Unkept::Copied),
        });
        Step::Serve(Box::new(Served { zone, serving: serving(config, (acl, aclkey)) }))
    }

    /// Writes what is served to the disk as the last good zone, if that was not done yet. It takes a
    /// while, so it comes after the zone is served.
    pub(super) fn keep(&mut self) {
        self.last_good.keep();
    }

    /// Notes a failure; what is served stays, or the last good zone comes from the disk.
    pub(super) fn refuse(&mut self, recipe: &Recipe, why: String) -> Step {
        self.status.reloads_failed += 1;
        self.status.last_error = Some(why);
        if self.served.is_none() {
            return self.fall_back(recipe);
        }
        self.status.health = ZoneHealth::Stale;
        Step::Same
    }

    /// Serves the last good zone from before the start, if there is one that may still be served.
    pub(super) fn fall_back(&mut self, recipe: &Recipe) -> Step {
        let apex = &recipe.config.apex;
        let Some((zone, written)) = self.last_good.open(&recipe.config) else {
            return self.nothing();
        };
        // Without its access lists a zone would answer clients it must not answer.
        let access = match recipe.access(self) {
            Ok(lists) => lists,
            Err(error) => {
                warn!(zone = %apex, "the last good zone is not served: {error}");
                return self.nothing();
            }
        };
        warn!(zone = %apex, "serving the last good `{apex}` from before the start");
        self.status.health = ZoneHealth::Stale;
        self.status.entries = zone.entries();
        self.status.serial = zone.serial();
        self.status.image_bytes = zone.image_bytes() as u64;
        self.status.source_modified = Some(written);
        self.confirmed = written.into();
        let zone = Arc::new(zone);
        self.served = Some(Arc::clone(&zone));
        Step::Serve(Box::new(Served { zone, serving: serving(&recipe.config, access) }))
    }

    /// There is nothing to serve.
    fn nothing(&mut self) -> Step {
        self.status.health =
            if self.status.last_error.is_some() { ZoneHealth::Failed } else { ZoneHealth::Loading };
        Step::Fail
    }

    /// What is served is what the sources say, as of a time in Unix seconds.
    pub(super) fn confirm(&mut self, confirmed: u64) -> Step {
        if self.is_well() {
            self.confirmed = confirmed;
        }
        Step::Same
    }

    /// Whether what is served is too old to be served any longer; then it is dropped.
    pub(super) fn expire(&mut self, recipe: &Recipe, now: u64) -> Step {
        let Some(zone) = &self.served else { return Step::Same };
        let expire = u64::from(soa_expire(&recipe.config, zone));
        // `$TIMESTAMP` says until when the data are good; from then on they are stale.
        let good_until = zone.expires().map_or(self.confirmed, |e| self.confirmed.min(e.into()));
        if good_until + expire >= now {
            return Step::Same;
        }
        warn!(zone = %recipe.config.apex, "`{}` could not be refreshed for {expire} s and is no longer served", recipe.config.apex);
        self.served = None;
        self.status.health = ZoneHealth::Failed;
        let error = format!("not refreshed for the SOA's expire time, {expire} s");
        self.status.last_error.get_or_insert(error);
        Step::Fail
    }
}

/// Whether there is nothing in a list of a zone.
fn has_empty_list(zone: &Zone) -> bool {
    zone.datasets().iter().any(|dataset| dataset.entries() == 0)
}

/// How the zone is served, apart from its data.
fn serving(config: &ZoneConfig, (acl, key_acl): AccessLists) -> Serving {
    let name_servers_in_answers = config.name_servers_in_answers;
    Serving { acl, key_acl, name_servers_in_answers, is_private: false }
}

/// Writes the first faulty lines into the log.
fn report_faults(apex: &Name, built: &Built) {
    let total = built.fault_count() + built.warning_count();
    for fault in built.faults.iter().flat_map(Faults::iter).take(LOGGED_FAULTS) {
        warn!(zone = %apex, "{fault}");
    }
    if total > LOGGED_FAULTS as u64 {
        let more = total - LOGGED_FAULTS as u64;
        warn!(zone = %apex, "and {more} more; `repute zone check {apex}` shows them");
    }
}

/// How many faulty lines of a file are logged.
const LOGGED_FAULTS: usize = 20;
