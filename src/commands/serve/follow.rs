//! Lists of portals elsewhere, served beside those of files and of the database.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use repute_distribution::{Config, Follower, Outlet};
use repute_dnsxl::Name;
use repute_nameserver::Zones;
use repute_nameserver::guests::Guests;
use repute_nameserver::loader::memory;
use repute_nameserver::status::StatusBoard;
use repute_zone::Zone;

/// Serves what was followed before the start, and follows each portal as long as what is returned is there.
///
/// # Errors
/// If the data folder cannot be used.
pub(super) fn start(
    follows: &[Config],
    data_dir: &Path,
    zones: &Arc<ArcSwap<Zones>>,
    board: &Arc<StatusBoard>,
) -> anyhow::Result<Vec<Follower>> {
    let follow = |config: &Config| {
        let guests = Guests::new(Arc::clone(zones), Arc::clone(board));
        let outlet = Box::new(Served(guests.no_older_than(config.max_age)));
        Follower::start(config.clone(), data_dir, outlet)
            .with_context(|| format!("cannot follow {} in {}", config.url, data_dir.display()))
    };
    follows.iter().map(follow).collect()
}

/// Serves the lists of a portal.
struct Served(Guests);

impl Outlet for Served {
    fn serve(&self, zone: &Arc<Zone>, confirmed: u64) {
        self.0.serve_as_of(zone, confirmed);
    }

    fn confirm(&self, apex: &Name, confirmed: u64) {
        self.0.confirm(apex, confirmed);
    }

    fn hold(&self, apex: &Name, why: &str) {
        self.0.hold(apex, why);
    }

    fn lost(&self, why: &str) {
        self.0.lost(why);
    }

    fn trim(&self) {
        memory::trim();
    }
}
