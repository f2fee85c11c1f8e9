//! How a zone that is taken over is answered: as the records that it is, or as a list from its indexes.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::{Live, Serving, ZoneIndex, ZoneState, Zones};
use repute_records::Zone;
use repute_zone::journal;

use super::list::List;
use crate::lists::Lists;
use crate::store::Store;

/// How a zone is answered.
#[derive(Clone, Debug)]
pub enum Outlet {
    /// As records, which queries read here.
    Records(Live),
    /// As a list.
    List,
    /// As records for those who may have all of it; what it names is taken over too, so many zones at most.
    Catalog(Live, usize),
}

impl Outlet {
    /// Whether another is the same.
    pub(super) fn is_same(&self, other: &Outlet) -> bool {
        match (self, other) {
            (Outlet::Records(one), Outlet::Records(other)) => Arc::ptr_eq(one, other),
            (Outlet::List, Outlet::List) => true,
            (Outlet::Catalog(one, most), Outlet::Catalog(other, others)) => {
                Arc::ptr_eq(one, other) && most == others
            }
            (Outlet::Records(_) | Outlet::List | Outlet::Catalog(..), _) => false,
        }
    }

    /// Where queries read it, if it is answered as records.
    pub(super) fn live(&self) -> Option<&Live> {
        match self {
            Outlet::Records(live) | Outlet::Catalog(live, _) => Some(live),
            Outlet::List => None,
        }
    }
}

/// Where lists are put to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    pub(crate) lists: Arc<Lists>,
}

impl Counter {
    /// Has a list answered, to which a record led from the version before if that is known; or none, with SERVFAIL.
    pub(super) fn put(
        &self,
        apex: &Name,
        index: ZoneIndex,
        list: Option<&List>,
        record: Option<&journal::Record>,
    ) {
        let state = match list {
            Some(list) => ZoneState::Serving(Arc::clone(list.zone())),
            None => ZoneState::Failed,
        };
        self.zones.rcu(|zones| zones.with(apex, index, state.clone(), Serving::default()));
        if let Some(list) = list {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            self.lists.hear(list.zone(), record, u32::try_from(now).unwrap_or(u32::MAX));
        }
    }
}

/// A list of the version of a zone that the store has, by what changed since the list was read if that is known.
pub(super) fn read(
    list: Option<List>,
    zone: &Zone,
    store: &Store,
) -> Result<(List, Option<journal::Record>), String> {
    if let Some(mut list) = list {
        // What cannot be read is read whole.
        let steps = store.since(zone.apex(), list.zone().serial()).ok().flatten();
        match steps.filter(|steps| !is_much(steps, zone)).map(|steps| list.follow(zone, &steps)) {
            Some(Ok(record)) => return Ok((list, Some(record))),
            Some(Err(why)) => {
                tracing::info!(zone = %zone.apex(), "list {} is read anew: {why}", zone.apex());
            }
            None => {}
        }
    }
    List::read(zone).map(|list| (list, None)).map_err(|why| format!("it is no list: {why}"))
}

/// Whether so much changed that a list is better read anew.
fn is_much(steps: &[repute_records::Difference], zone: &Zone) -> bool {
    let changed: usize = steps.iter().map(repute_records::Difference::len).sum();
    changed > zone.len() / 2 + 1_000
}
