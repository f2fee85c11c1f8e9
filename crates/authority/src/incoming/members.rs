//! Members of catalogs that are followed (RFC 9432 section 5), each a zone that is taken over as its catalog is.
//!
//! Which catalog a member is of, and under which label, is kept in the store's file: so a start goes on where it was, and a
//! member that begins anew, or goes, leaves nothing behind.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use redb::{ReadableTable, TableDefinition};
use repute_dnsxl::Name;
use repute_nameserver::status::StatusBoard;
use repute_nameserver::{Live, ZoneIndex, Zones};
use tokio::sync::Notify;

use super::outlet::Outlet;
use super::refreshed;
use super::secondary::Secondary;
use crate::catalog::{self, Label, Plan, plan};
use crate::store::{Fault, Store, StoreError, Turn};

/// The members of all catalogs.
#[derive(Debug)]
pub(crate) struct Members {
    store: Arc<Store>,
    zones: Arc<ArcSwap<Zones>>,
    board: Arc<StatusBoard>,
    state: Mutex<State>,
    /// Catalogs that are followed.
    catalogs: Arc<ArcSwap<HashSet<Name>>>,
    /// Woken when one of them has changed.
    pub(crate) changed: Arc<Notify>,
}

/// What is there.
#[derive(Debug, Default)]
struct State {
    /// By which catalog each member is there.
    labels: HashMap<Name, Label>,
    /// Where each is served.
    places: HashMap<Name, (ZoneIndex, Live)>,
    /// What was said last of those that are not taken.
    refused: HashMap<Name, String>,
}

/// What comes of a look at all catalogs.
#[derive(Debug)]
pub(crate) struct Look {
    plan: Plan,
    gone: HashSet<Name>,
}

impl Members {
    /// Begins with those that the store knows.
    pub(crate) fn load(
        store: Arc<Store>,
        zones: Arc<ArcSwap<Zones>>,
        board: Arc<StatusBoard>,
    ) -> Result<Members, StoreError> {
        let labels = store.turn(load).wait()?;
        let state = Mutex::new(State { labels, ..State::default() });
        let (catalogs, changed) = (Arc::<ArcSwap<HashSet<Name>>>::default(), Arc::default());
        let (followed, wake) = (Arc::clone(&catalogs), Arc::<Notify>::clone(&changed));
        store.listen(Arc::new(move |zone| {
            if followed.load().contains(zone.apex()) {
                wake.notify_one();
            }
        }));
        Ok(Members { store, zones, board, state, catalogs, changed })
    }

    /// Looks at all catalogs among zones that are followed; `taken` are names of other zones of the configuration.
    pub(crate) fn look(&self, followed: &[Secondary], taken: &HashSet<Name>) -> Look {
        let mut state = self.state();
        let catalogs: Vec<_> = followed
            .iter()
            .filter_map(|zone| match zone.outlet {
                Outlet::Catalog(_, most) => Some((zone.apex.clone(), self.read(&zone.apex, most))),
                Outlet::Records(_) | Outlet::List => None,
            })
            .collect();
        self.catalogs.store(Arc::new(catalogs.iter().map(|(apex, _)| apex.clone()).collect()));
        let by_hand: HashSet<&Name> =
            taken.iter().chain(followed.iter().map(|zone| &zone.apex)).collect();
        let zones = self.zones.load();
        let plan = plan(&state.labels, &catalogs, |zone| {
            if by_hand.contains(zone) {
                return Some("it is configured here by itself, and that counts");
            }
            let own = state.places.get(zone).map(|(index, _)| *index);
            let other = zones.index(zone).is_some_and(|index| Some(index) != own);
            other.then_some("another zone of this name is served here")
        });
        let refused: HashMap<Name, String> = plan.refused.iter().cloned().collect();
        for (zone, why) in &refused {
            if state.refused.get(zone) != Some(why) {
                tracing::warn!(%zone, "{why}");
            }
        }
        state.refused = refused;
        let gone: HashSet<Name> =
            state.labels.keys().filter(|zone| !plan.members.contains_key(*zone)).cloned().collect();
        Look { plan, gone }
    }

    /// What a catalog says; nothing if that cannot be told.
    fn read(&self, apex: &Name, most: usize) -> Option<Vec<catalog::Member>> {
        let zone = self.store.zone(apex)?;
        match catalog::members(&zone, most) {
            Ok(members) => Some(members),
            Err(why) => {
                tracing::error!(
                    zone = %apex,
                    "catalog {apex} with serial {} is broken, so its members stay as they were: {why}",
                    zone.serial()
                );
                None
            }
        }
    }

    /// Forgets what is kept of members that go or begin anew, once nobody follows them any more, and keeps which there are.
    pub(crate) fn keep(&self, Look { plan, gone }: &Look) -> Result<(), StoreError> {
        let mut state = self.state();
        let changed: Vec<(Name, Label)> = plan
            .members
            .iter()
            .filter(|(zone, label)| state.labels.get(*zone) != Some(label))
            .map(|(zone, label)| (zone.clone(), label.clone()))
            .collect();
        // What the store has of a zone that was something else before is nothing to go on with.
        let new = changed.iter().map(|(zone, _)| zone);
        let new = new.filter(|zone| !state.labels.contains_key(*zone));
        let empty: Vec<Name> = gone.iter().chain(&plan.anew).chain(new).cloned().collect();
        if changed.is_empty() && empty.is_empty() {
            return Ok(());
        }
        let own = gone.clone();
        let kept = self.store.turn(move |turn| {
            empty.iter().try_for_each(|zone| turn.remove(zone))?;
            refreshed::forget(turn, &empty)?;
            note(turn, &own, &changed)
        });
        kept.wait()?;
        for zone in gone {
            let why = state.labels.get(zone).map(|label| label.catalog.to_string());
            let catalog = why.unwrap_or_default();
            tracing::info!(%zone, "zone {zone} is not in catalog {catalog} any more, and not served");
        }
        for (zone, Label { catalog, .. }) in &plan.members {
            if !state.labels.contains_key(zone) {
                tracing::info!(%zone, "zone {zone} is in catalog {catalog}, and taken over");
            } else if plan.anew.contains(zone) {
                tracing::info!(%zone, "zone {zone} begins anew, as catalog {catalog} wants it");
            }
        }
        state.labels.clone_from(&plan.members);
        Ok(())
    }

    /// Has members served where they are new, and no more where they are gone; all as zones that are to be followed, each
    /// as its catalog is.
    pub(crate) fn place(&self, look: &Look, followed: &[Secondary]) -> Vec<Secondary> {
        let mut state = self.state();
        let State { labels, places, .. } = &mut *state;
        let mut gone = HashSet::new();
        places.retain(|zone, (index, _)| {
            let stays = labels.contains_key(zone);
            if !stays {
                // Another zone may be served under its name by now.
                if self.zones.load().index(zone) == Some(*index) {
                    gone.insert(zone.clone());
                }
                self.board.forget(*index);
            }
            stays
        });
        let catalogs: HashMap<&Name, &Secondary> =
            followed.iter().map(|zone| (&zone.apex, zone)).collect();
        let (mut new, mut all) = (Vec::new(), Vec::new());
        for (zone, Label { catalog, .. }) in labels.iter() {
            let Some(catalog) = catalogs.get(catalog) else { continue };
            let place = places.get(zone).cloned();
            let place = match place.filter(|_| !look.plan.anew.contains(zone)) {
                Some(place) => place,
                None => {
                    let known = places.get(zone).map(|(index, _)| *index);
                    let index = known.unwrap_or_else(|| self.board.claim(zone));
                    let place = (index, Live::default());
                    places.insert(zone.clone(), place.clone());
                    new.push((zone.clone(), place.0, Arc::clone(&place.1)));
                    place
                }
            };
            let (index, outlet) = (place.0, Outlet::Records(place.1));
            all.push(Secondary { apex: zone.clone(), index, outlet, ..Secondary::clone(catalog) });
        }
        if !(gone.is_empty() && new.is_empty()) {
            self.zones.rcu(|zones| zones.without_all(&gone).with_records(new.clone()));
        }
        all
    }

    /// By which catalog a member is there.
    pub(crate) fn catalogs(&self) -> HashMap<Name, Name> {
        let state = self.state();
        state.labels.iter().map(|(zone, label)| (zone.clone(), label.catalog.clone())).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is changed in steps that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    /// Whether a member may go on as it is followed now.
    pub(crate) fn stays(&self, zone: &Name) -> bool {
        !self.gone.contains(zone) && !self.plan.anew.contains(zone)
    }
}

/// The catalog and the label of each member.
const MEMBERS: TableDefinition<'_, &[u8], (&[u8], &[u8])> = TableDefinition::new("members");

/// Reads all.
fn load(turn: &mut Turn<'_>) -> Result<HashMap<Name, Label>, Fault> {
    let table = turn.transaction().open_table(MEMBERS)?;
    let mut all = HashMap::new();
    for item in table.iter()? {
        let (zone, label) = item?;
        let (catalog, label) = label.value();
        // What is no name is no zone's.
        if let (Ok(zone), Ok(catalog)) = (Name::from_wire(zone.value()), Name::from_wire(catalog)) {
            all.insert(zone, Label { catalog, label: label.into() });
        }
    }
    Ok(all)
}

/// Notes those that changed, and forgets those that are gone.
fn note(turn: &Turn<'_>, gone: &HashSet<Name>, changed: &[(Name, Label)]) -> Result<(), Fault> {
    let mut table = turn.transaction().open_table(MEMBERS)?;
    for zone in gone {
        table.remove(zone.as_wire())?;
    }
    for (zone, Label { catalog, label }) in changed {
        table.insert(zone.as_wire(), (catalog.as_wire(), &**label))?;
    }
    Ok(())
}
