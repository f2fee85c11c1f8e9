//! Zones of master files, kept in the store beside those that programs change.
//!
//! What a file says is served at once, whether or not there is room to keep it. What is kept serves two ends: the
//! difference of two versions goes to secondaries (IXFR, RFC 1995) if the serial went up, and after a restart the last
//! version that was good is there, should the file be broken or missing then. All versions that were read together are
//! kept in one turn, with one `fsync`.
//!
//! A version whose serial did not go up is served, told, and sent whole to whoever asks: what is known of former changes
//! is forgotten, as it does not lead to it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::loader::master::{Direct, NOT_EXPECTED, Outlet};
use repute_nameserver::{Live, ZoneIndex, Zones};
use repute_records::{Zone, lint};

use crate::store::{FROM_FILE, Store, StoreError};

/// Serves and keeps zones of master files.
#[derive(Debug)]
pub struct Files {
    store: Arc<Store>,
    served: Direct,
}

impl Files {
    /// Puts zones before queries, and into a store.
    pub fn new(store: Arc<Store>, zones: Arc<ArcSwap<Zones>>) -> Files {
        Files { store, served: Direct::new(zones) }
    }

    /// Keeps versions in one turn, unless one of them cannot be: then each alone, so that it keeps no other back.
    fn keep(&self, zones: &[Arc<Zone>]) -> Vec<Result<(), StoreError>> {
        let all = zones.to_vec();
        let kept = self.store.turn(move |turn| {
            all.iter().try_for_each(|zone| turn.succeed(Zone::clone(zone), FROM_FILE))
        });
        match kept.wait() {
            Err(StoreError::Undone(_)) if zones.len() > 1 => {
                zones.iter().flat_map(|zone| self.keep(std::slice::from_ref(zone))).collect()
            }
            kept => zones.iter().map(|_| kept.clone()).collect(),
        }
    }
}

impl Outlet for Files {
    fn expect(&self, zones: Vec<(Name, ZoneIndex)>) -> Vec<Option<Arc<Zone>>> {
        let names: Vec<Name> = zones.iter().map(|(apex, _)| apex.clone()).collect();
        self.served.expect(zones);
        let kept = |apex: &Name| {
            let live = self.served.live(apex)?;
            // What updates or another primary made of a zone is not what its file says.
            (self.store.seed(apex) == Some(FROM_FILE)).then(|| self.store.serve(apex, &live))?;
            live.load_full()
        };
        names.iter().map(kept).collect()
    }

    fn take(&self, zones: Vec<Arc<Zone>>) -> Vec<Result<(), String>> {
        let lives: Vec<Option<Live>> =
            zones.iter().map(|zone| self.served.live(zone.apex())).collect();
        let (mut expected, mut moved) = (Vec::new(), Vec::new());
        for (zone, live) in zones.iter().zip(&lives) {
            let Some(live) = live else { continue };
            moved.push(self.store.zone(zone.apex()).and_then(|kept| lint::serial(&kept, zone)));
            if live.load().is_none() {
                // There is nothing to answer from, and the disk may take its time.
                live.store(Some(Arc::clone(zone)));
            }
            expected.push(Arc::clone(zone));
        }
        let mut outcomes = self.keep(&expected).into_iter().zip(moved);
        let mut outcome = |(zone, live): (&Arc<Zone>, &Option<Live>)| {
            let Some((live, (kept, moved))) = live.as_ref().zip(outcomes.next()) else {
                return Err(NOT_EXPECTED.to_owned());
            };
            match kept {
                Ok(()) => {
                    self.store.serve(zone.apex(), live);
                    moved.map_or(Ok(()), |finding| Err(finding.message))
                }
                Err(error) => {
                    live.store(Some(Arc::clone(zone)));
                    Err(format!(
                        "serial {} is served and could not be kept: {error}",
                        zone.serial()
                    ))
                }
            }
        };
        zones.iter().zip(&lives).map(&mut outcome).collect()
    }

    fn retire(&self, apexes: &[Name]) {
        for apex in apexes {
            if let Some(live) = self.served.live(apex) {
                self.store.withdraw_from(apex, &live);
            }
        }
        self.served.retire(apexes);
    }
}

#[cfg(test)]
mod tests;
