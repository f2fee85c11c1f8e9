//! Zones that are changed here or taken over from elsewhere, transfers and keys, as the configuration has them.
//!
//! The secrets of keys are read here, and what zones begin with. Both are read again with the configuration.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use repute_authority::catalog::Catalog;
use repute_authority::incoming::{Outlet, Secondary};
use repute_authority::keys::{Key, Keys};
use repute_authority::store::{Limits, Store, StoreError};
use repute_authority::update::{self, Role};
use repute_authority::{Authority, Beginning, Files, Sources, ZoneConfig, file_changed};
use repute_dnsxl::Name;
use repute_nameserver::beyond::Beyond;
use repute_nameserver::control::Outcome;
use repute_nameserver::loader::{Loader, LoaderConfig, MasterConfig, master};
use repute_nameserver::observer::Observer;
use repute_nameserver::status::StatusBoard;
use repute_nameserver::{Live, ZoneIndex, ZoneState, Zones};
use repute_records::Record;
use tokio::runtime::Handle;

use crate::commands::challenge::zone::ChallengeZone;
use crate::config::{
    AuthorityConfig, CatalogConfig, Config, DynamicConfig, KeyConfig, SecondaryConfig, TakenAs,
};

/// What runs of it.
pub(super) struct Own {
    authority: Arc<Authority>,
    zones: Arc<ArcSwap<Zones>>,
    board: Arc<StatusBoard>,
    /// Zones of the store, with their numbers and where queries read them.
    stored: Mutex<HashMap<Name, (ZoneIndex, Live)>>,
    /// The zone of the challenge service, if there is one.
    challenge: Option<Arc<ChallengeZone>>,
}

/// Opens the store, if there are zones for it. Those that are only read can do without: they are served all the same, and
/// read anew after a restart.
///
/// # Errors
/// If it cannot be opened, and is needed for what programs change or others are sent.
pub(super) fn store(config: &Config) -> anyhow::Result<Option<Arc<Store>>> {
    let is_needed = config.authority.is_wanted();
    if !is_needed && config.loader.masters.is_empty() {
        return Ok(None);
    }
    let folder = &config.process.data_dir;
    // The loader makes it as well, and tells if it cannot.
    let _ = std::fs::create_dir_all(folder);
    match Store::open(&folder.join(STORE), Limits::default()) {
        Ok(store) => Ok(Some(Arc::new(store))),
        Err(error) if is_needed => Err(error.into()),
        Err(error) => {
            tracing::warn!("ordinary zones are not kept for a restart: {error}");
            Ok(None)
        }
    }
}

/// Starts to load zones; those of master files are kept where there is a store.
///
/// # Errors
/// If the data folder cannot be written, or no thread can be made.
pub(super) fn load(
    config: LoaderConfig,
    zones: &Arc<ArcSwap<Zones>>,
    board: &Arc<StatusBoard>,
    store: Option<&Arc<Store>>,
) -> anyhow::Result<Loader> {
    let (own, board) = (Arc::clone(zones), Arc::clone(board));
    Ok(match store {
        Some(store) => {
            let outlet = Files::new(Arc::clone(store), Arc::clone(zones));
            Loader::start_for(config, own, board, Arc::new(outlet))?
        }
        None => Loader::start(config, own, board)?,
    })
}

impl Own {
    /// Starts, if there is anything to do.
    pub(super) fn start(
        config: &Config,
        zones: &Arc<ArcSwap<Zones>>,
        board: &Arc<StatusBoard>,
        store: Option<Arc<Store>>,
        runtime: &Handle,
    ) -> anyhow::Result<Option<Arc<Own>>> {
        let Some(store) = store.filter(|_| config.authority.is_wanted()) else {
            return Ok(None);
        };
        let mut stored = HashMap::new();
        let most = config.loader.max_unpacked;
        let challenge = config.authority.challenge.as_ref().map(|zone| {
            let begun = ChallengeZone::begin(
                Arc::clone(&store),
                zone.apex.clone(),
                records_of_service(zone, most)?,
            );
            begun.with_context(|| format!("the zone {} cannot begin", zone.apex)).map(Arc::new)
        });
        let challenge = challenge.transpose()?;
        let own = challenge.as_deref().map(ChallengeZone::apex);
        let wanted = meaning(config, own, board, &mut stored)?;
        place(zones, &HashSet::new(), &stored, &config.authority);
        let authority = Authority::start(wanted, Arc::clone(zones), board, store, runtime)?;
        let (zones, board) = (Arc::clone(zones), Arc::clone(board));
        let stored = Mutex::new(stored);
        Ok(Some(Arc::new(Own { authority, zones, board, stored, challenge })))
    }

    /// The zone of the challenge service, if there is one.
    pub(super) fn challenge(&self) -> Option<Arc<ChallengeZone>> {
        self.challenge.clone()
    }

    /// Answers what the name server hands over.
    pub(super) fn beyond(&self) -> Arc<dyn Beyond> {
        Arc::clone(&self.authority) as Arc<dyn Beyond>
    }

    /// Has a primary of a zone that is taken over asked at once, and waits for what comes of it; nothing if there is no
    /// such zone. No task may call it.
    pub(super) fn refresh(&self, apex: &Name) -> Option<Outcome> {
        self.authority.refresh(apex)
    }

    /// Takes what is known of how lists change, so that they need not be compared.
    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        self.authority.lists()
    }

    /// Has a zone that is changed here begin with its file, if it has not; what became of it, and what should be known.
    ///
    /// # Errors
    /// In words, if the store cannot be written.
    pub(super) fn reload(
        &self,
        zone: &DynamicConfig,
        most: u64,
    ) -> Result<(Outcome, Option<String>), String> {
        let apex = &zone.seed.apex;
        let known = self.stored.lock().unwrap_or_else(PoisonError::into_inner).get(apex).cloned();
        let Some((index, live)) = known else {
            return Err(format!("zone `{apex}` is not served yet: `repute reload` takes it over"));
        };
        let failed = |error: StoreError| error.to_string();
        let beginning = self.authority.begin(&own(zone, index, live, most)).map_err(failed)?;
        Ok(match beginning {
            Beginning::New => {
                let new = self.authority.snapshot(apex);
                let (serial, entries) =
                    new.map_or((0, 0), |zone| (zone.serial(), zone.len() as u64));
                (Outcome::Served { serial, entries, faults: 0, warnings: 0 }, None)
            }
            Beginning::Known => {
                let note = format!(
                    "zone {apex} is what updates have made of it: its file was read when it began, and says the same"
                );
                (Outcome::Unchanged, Some(note))
            }
            Beginning::FileChanged => (Outcome::Unchanged, Some(file_changed(apex))),
            Beginning::FileUnread(why) => {
                let note = format!(
                    "zone {apex} is what updates have made of it; its file is not read: {why}"
                );
                (Outcome::Unchanged, Some(note))
            }
            Beginning::Failed(reason) => (Outcome::Refused { reason, known: false }, None),
        })
    }

    /// Goes on with another configuration.
    ///
    /// # Errors
    /// If a secret cannot be read, or the store not be written; everything is as it was then.
    pub(super) fn configure(&self, config: &Config) -> anyhow::Result<()> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = stored.clone();
        let own = self.challenge.as_deref().map(ChallengeZone::apex);
        let wanted: HashSet<&Name> = config.authority.stored().chain(own).collect();
        now.retain(|apex, _| wanted.contains(apex));
        let wanted = meaning(config, own, &self.board, &mut now)?;
        // A service that began, ended or has another zone by now does so at the next start.
        if let (Some(running), Some(zone)) = (&self.challenge, &config.authority.challenge)
            && *running.apex() == zone.apex
        {
            running.renew(records_of_service(zone, config.loader.max_unpacked)?)?;
        }
        self.authority.configure(wanted)?;
        let gone: HashSet<Name> =
            stored.keys().filter(|apex| !now.contains_key(*apex)).cloned().collect();
        place(&self.zones, &gone, &now, &config.authority);
        for (index, _) in gone.iter().filter_map(|apex| stored.get(apex)) {
            self.board.forget(*index);
        }
        *stored = now;
        Ok(())
    }
}

/// Has zones of the store served, but for those that are answered as lists, which place themselves; and others no more.
fn place(
    zones: &ArcSwap<Zones>,
    gone: &HashSet<Name>,
    stored: &HashMap<Name, (ZoneIndex, Live)>,
    config: &AuthorityConfig,
) {
    let lists = config.secondaries.iter().filter(|zone| zone.kind == TakenAs::List);
    let lists: HashSet<&Name> = lists.map(|zone| &zone.apex).collect();
    let followed = config.secondaries.iter().filter(|zone| zone.kind == TakenAs::Catalog);
    let own = config.catalogs.iter().map(|catalog| &catalog.apex);
    let catalogs: HashSet<&Name> = own.chain(followed.map(|zone| &zone.apex)).collect();
    let before = zones.load_full();
    let is_new = |apex: &Name, live: &Live| match before.get(apex) {
        Some(ZoneState::Records(other)) => {
            !Arc::ptr_eq(live, other) || before.private(apex).is_some() != catalogs.contains(apex)
        }
        Some(ZoneState::Serving(_) | ZoneState::Failed) | None => !lists.contains(apex),
    };
    let new: Vec<_> = stored
        .iter()
        .filter(|(apex, (_, live))| is_new(apex, live))
        .map(|(apex, (index, live))| (apex.clone(), *index, Arc::clone(live)))
        .collect();
    if gone.is_empty() && new.is_empty() {
        return;
    }
    let (private, new): (Vec<_>, Vec<_>) =
        new.into_iter().partition(|(apex, _, _)| catalogs.contains(apex));
    zones.rcu(|zones| {
        let zones = zones.without_all(gone).with_records(new.clone());
        private.iter().fold(zones, |zones, (apex, index, live)| {
            zones.with_private(apex, *index, Arc::clone(live))
        })
    });
}

/// Reads secrets and what zones begin with; zones that are new get a number.
fn meaning(
    whole: &Config,
    challenge: Option<&Name>,
    board: &StatusBoard,
    stored: &mut HashMap<Name, (ZoneIndex, Live)>,
) -> anyhow::Result<repute_authority::Config> {
    let (config, most) = (&whole.authority, whole.loader.max_unpacked);
    let listening = whole.server.listen.addresses.iter().map(|address| address.socket.ip());
    let sources = Sources::new(listening);
    let keys = keys(config)?;
    let mut place = |apex: &Name| {
        let new = || (board.claim(apex), Live::default());
        stored.entry(apex.clone()).or_insert_with(new).clone()
    };
    let secondaries = config.secondaries.iter().map(|zone| {
        let SecondaryConfig { apex, kind, max_members, primaries, limits, bounds } = zone.clone();
        let (index, live) = place(&apex);
        let outlet = match kind {
            TakenAs::Zone => Outlet::Records(live),
            TakenAs::List => Outlet::List,
            TakenAs::Catalog => Outlet::Catalog(live, max_members),
        };
        Secondary { apex, index, outlet, primaries, limits, bounds }
    });
    let secondaries = secondaries.collect();
    let catalogs = config.catalogs.iter().map(|CatalogConfig { apex, members }| {
        let (index, live) = place(apex);
        Catalog { apex: apex.clone(), index, live, members: members.clone() }
    });
    let catalogs = catalogs.collect();
    let lists = whole.loader.zones.iter().map(|zone| &zone.apex);
    let taken = lists.chain(whole.loader.masters.iter().map(|zone| &zone.apex)).cloned().collect();
    let mut zones = Vec::new();
    for zone in &config.dynamic {
        let (index, live) = place(&zone.seed.apex);
        zones.push(own(zone, index, live, most));
    }
    if let Some(apex) = challenge {
        let ((index, live), apex) = (place(apex), apex.clone());
        // Its service has it begin.
        let (role, seed) = (Role::Service, Ok(Vec::new()));
        zones.push(ZoneConfig { apex, index, live, role, seed });
    }
    let transfers = config.transfers.clone();
    let limits = update::Limits::default();
    Ok(repute_authority::Config {
        keys,
        zones,
        transfers,
        secondaries,
        catalogs,
        taken,
        limits,
        sources,
    })
}

/// A zone that is changed here, with what its file says.
fn own(zone: &DynamicConfig, index: ZoneIndex, live: Live, most: u64) -> ZoneConfig {
    let DynamicConfig { seed, permits, serials } = zone;
    let role = Role::Dynamic { permits: permits.clone(), serials: *serials };
    ZoneConfig { apex: seed.apex.clone(), index, live, role, seed: records(seed, most) }
}

/// The keys of a configuration with their secrets.
pub(in crate::commands) fn keys(config: &AuthorityConfig) -> anyhow::Result<Keys> {
    config.keys.iter().map(key).collect()
}

/// A key with its secret.
fn key(KeyConfig { name, algorithm, secret_file }: &KeyConfig) -> anyhow::Result<Key> {
    let secret = secret(secret_file).with_context(|| format!("the secret of key `{name}`"))?;
    Key::new(name.clone(), *algorithm, secret.trim())
        .with_context(|| format!("{}", secret_file.display()))
}

/// A file with a secret, which nobody else should be able to read.
fn secret(file: &Path) -> anyhow::Result<String> {
    use std::os::unix::fs::PermissionsExt;
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let is_open = file.metadata().is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
    if is_open {
        let file = file.display();
        tracing::warn!("everybody on this machine may read the secret in {file}: chmod o-r {file}");
    }
    Ok(text)
}

/// The records that the zone of a service has besides; what has no place in it is told.
fn records_of_service(zone: &MasterConfig, most: u64) -> anyhow::Result<Vec<Record>> {
    for warning in master::read(zone, most).map(|read| read.warnings).unwrap_or_default() {
        tracing::warn!(zone = %zone.apex, "zone {}: {warning}", zone.apex);
    }
    records(zone, most).map_err(|why| anyhow!("zone {}: {why}", zone.apex))
}

/// The records of a zone's file, or why there are none.
pub(in crate::commands) fn records(seed: &MasterConfig, most: u64) -> Result<Vec<Record>, String> {
    let read = master::read(seed, most).map_err(|error| error.to_string())?;
    match (read.faults.first(), read.zone) {
        (Some(fault), _) => Err(fault.clone()),
        (None, zone) => Ok(zone?.records().collect()),
    }
}

/// The store's file in the data folder.
pub(in crate::commands) const STORE: &str = "zones.redb";
