//! Zones that are built elsewhere in the process, and served beside those of the loader.
//!
//! Whoever builds them hands over a zone when it has a new one, and says what is wrong when it has none. What is
//! served stays until then, but not for longer than its SOA says once its source is lost.
//!
//! A zone that the loader has, from the configuration, is the loader's: a guest of the same name waits until that is
//! gone, and says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_zone::Zone;
use repute_zone::journal::Record;

use crate::observer::Observer;
use crate::status::{StatusBoard, ZoneHealth, ZoneStatus};
use crate::zones::{Serving, ZoneState, Zones};

/// The guests of a server.
#[derive(Debug)]
pub struct Guests {
    /// What is served.
    zones: Arc<ArcSwap<Zones>>,
    /// What is told of it.
    board: Arc<StatusBoard>,
    /// Each guest by its name.
    guests: Mutex<HashMap<Name, Guest>>,
    /// What was not confirmed for so many seconds is served no longer, whatever its SOA says.
    max_age: u64,
    /// Who is told of versions.
    observer: Option<Arc<dyn Observer>>,
}

/// One zone.
#[derive(Debug)]
struct Guest {
    /// What is served, if anything.
    zone: Option<Arc<Zone>>,
    /// When that was last known to be what its source says, in Unix seconds.
    confirmed: u64,
    /// What is told of it.
    status: ZoneStatus,
}

impl Guests {
    /// None yet.
    pub fn new(zones: Arc<ArcSwap<Zones>>, board: Arc<StatusBoard>) -> Guests {
        Guests { zones, board, guests: Mutex::default(), max_age: u64::MAX, observer: None }
    }

    /// The same, but that what was not confirmed for so long is served no longer.
    pub fn no_older_than(self, max_age: Duration) -> Guests {
        Guests { max_age: max_age.as_secs(), ..self }
    }

    /// The same, but that somebody is told of each version.
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Guests {
        Guests { observer: Some(observer), ..self }
    }

    /// Serves a zone from now on.
    pub fn serve(&self, zone: &Arc<Zone>) {
        self.serve_by(zone, None);
    }

    /// Serves a zone from now on, to which a record led from the version before, if that is known.
    pub fn serve_by(&self, zone: &Arc<Zone>, record: Option<&Record>) {
        self.take(zone, unix_now(), None, record);
    }

    /// Serves a zone from now on, which its source confirmed last at a time in Unix seconds.
    pub fn serve_as_of(&self, zone: &Arc<Zone>, confirmed: u64) {
        self.take(zone, confirmed, u32::try_from(confirmed).ok(), None);
    }

    /// Serves a zone, and tells how old it is if that is known.
    fn take(
        &self,
        zone: &Arc<Zone>,
        confirmed: u64,
        source_modified: Option<u32>,
        record: Option<&Record>,
    ) {
        let mut guests = self.guests();
        let guest = self.guest(&mut guests, zone.apex());
        let now = unix_now();
        guest.take(zone, confirmed);
        guest.status = ZoneStatus {
            health: ZoneHealth::Serving,
            loaded_at: u32::try_from(now).ok(),
            source_modified,
            reloads_ok: guest.status.reloads_ok + 1,
            last_error: None,
            ..guest.status.clone()
        };
        let is_served = self.put(guest);
        // The guests are still held, so that versions are told of in their order.
        if let Some(observer) = self.observer.as_ref().filter(|_| is_served) {
            observer.served(zone, record);
        }
    }

    /// Serves a zone from before the start, which was written down at a time in Unix seconds, until there is a new
    /// one; but not if that was too long ago. Whether it is served.
    pub fn serve_old(&self, zone: &Arc<Zone>, written: u32) -> bool {
        let mut guests = self.guests();
        if self.has_expired(zone, written.into(), unix_now()) {
            return false;
        }
        let guest = self.guest(&mut guests, zone.apex());
        guest.take(zone, written.into());
        guest.status.health = ZoneHealth::Stale;
        guest.status.source_modified = Some(written);
        self.put(guest);
        true
    }

    /// The source of a guest confirmed at a time in Unix seconds what is served of it.
    pub fn confirm(&self, apex: &Name, confirmed: u64) {
        let mut guests = self.guests();
        let guest = self.guest(&mut guests, apex);
        guest.confirmed = guest.confirmed.max(confirmed);
        if guest.zone.is_none() {
            return;
        }
        guest.status.source_modified = u32::try_from(guest.confirmed).ok();
        if guest.status.last_error.as_deref() != Some(CONFLICT) {
            guest.status.last_error = None;
            guest.status.health = ZoneHealth::Serving;
        }
        self.put(guest);
    }

    /// What is served of a guest.
    pub fn served(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.guests().get(apex)?.zone.clone()
    }

    /// Goes on with what is served of a guest, as there is something wrong with what comes after it.
    pub fn hold(&self, apex: &Name, why: &str) {
        let mut guests = self.guests();
        let guest = self.guest(&mut guests, apex);
        guest.fail(why);
        self.expire(guest, unix_now());
        self.put(guest);
    }

    /// The source of all guests was just seen and has these, so that no others are served any more; those that went.
    pub fn seen(&self, apexes: &[Name]) -> Vec<Name> {
        let mut guests = self.guests();
        let gone: Vec<Name> =
            guests.keys().filter(|apex| !apexes.contains(apex)).cloned().collect();
        for guest in gone.iter().filter_map(|apex| guests.remove(apex)) {
            self.remove(&guest);
        }
        let now = unix_now();
        for guest in guests.values_mut() {
            guest.confirmed = now;
            // The loader may have had a zone of this name, and have it no more; or the other way round.
            let is_ours = self.zones.load().index(&guest.status.name) == Some(guest.status.index);
            if !is_ours || guest.status.last_error.as_deref() == Some(CONFLICT) {
                self.put(guest);
            }
        }
        gone
    }

    /// The source of all guests is lost: they go on with what is served until that has expired.
    pub fn lost(&self, why: &str) {
        let now = unix_now();
        for guest in self.guests().values_mut() {
            guest.fail(why);
            self.expire(guest, now);
            self.put(guest);
        }
    }

    /// Serves a guest no longer that nobody has confirmed for too long.
    fn expire(&self, guest: &mut Guest, now: u64) {
        if guest.zone.as_ref().is_some_and(|zone| self.has_expired(zone, guest.confirmed, now)) {
            guest.zone = None;
        }
    }

    /// Whether a zone was not confirmed for so long that it must not be served any more (RFC 1035 section 3.3.13).
    fn has_expired(&self, zone: &Zone, confirmed: u64, now: u64) -> bool {
        let soa = zone.soa().map_or(u64::MAX, |soa| u64::from(soa.expire));
        now.saturating_sub(confirmed) > soa.min(self.max_age)
    }

    /// The guests.
    fn guests(&self) -> MutexGuard<'_, HashMap<Name, Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A guest, which is new if there is none of this name.
    fn guest<'g>(&self, guests: &'g mut HashMap<Name, Guest>, apex: &Name) -> &'g mut Guest {
        guests.entry(apex.clone()).or_insert_with(|| {
            let index = self.board.claim(apex);
            let status = ZoneStatus::loading(apex.clone(), index);
            Guest { zone: None, confirmed: 0, status }
        })
    }

    /// Has a guest served as it is now, and tells of it. Whether it is the guest that is served under its name.
    fn put(&self, guest: &mut Guest) -> bool {
        let ZoneStatus { name, index, .. } = &guest.status;
        let state = match &guest.zone {
            Some(zone) => ZoneState::Serving(Arc::clone(zone)),
            None => ZoneState::Failed,
        };
        let mut is_taken = false;
        self.zones.rcu(|zones| {
            is_taken = zones.index(name).is_some_and(|other| other != *index);
            match is_taken {
                true => Zones::clone(zones),
                false => zones.with(name, *index, state.clone(), Serving::default()),
            }
        });
        if is_taken {
            guest.status.last_error = Some(CONFLICT.to_owned());
            guest.status.health = ZoneHealth::Failed;
        } else if guest.status.last_error.as_deref() == Some(CONFLICT) {
            guest.status.last_error = None;
            guest.status.health = ZoneHealth::Serving;
        }
        if guest.zone.is_none() && guest.status.last_error.is_some() {
            guest.status.health = ZoneHealth::Failed;
        }
        self.board.report(guest.status.clone());
        !is_taken
    }

    /// Takes a guest away.
    fn remove(&self, guest: &Guest) {
        let ZoneStatus { name, index, .. } = &guest.status;
        self.zones.rcu(|zones| match zones.index(name) == Some(*index) {
            true => zones.without(name),
            false => Zones::clone(zones),
        });
        self.board.forget(*index);
    }
}

impl Guest {
    /// Takes what is to be served.
    fn take(&mut self, zone: &Arc<Zone>, confirmed: u64) {
        self.status.entries = zone.entries();
        self.status.serial = zone.serial();
        self.status.image_bytes = zone.image_bytes() as u64;
        self.confirmed = confirmed;
        self.zone = Some(Arc::clone(zone));
    }

    /// Notes what is wrong.
    fn fail(&mut self, why: &str) {
        if self.status.last_error.as_deref() != Some(why) {
            self.status.reloads_failed += 1;
            self.status.last_error = Some(why.to_owned());
        }
        self.status.health = ZoneHealth::Stale;
    }
}

/// The time.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What is told of a guest whose name is the loader's.
const CONFLICT: &str = "the configuration has a zone of this name as well, and that is served: take it out there, \
                        or retire the list";

#[cfg(test)]
mod tests {
    use repute_zone::{Dialect, Soa, ZoneSpec};

    use super::*;
    use crate::zones::Identity;

    /// An empty zone with a serial.
    fn zone(apex: &str, serial: u32) -> Arc<Zone> {
        let apex: Name = apex.parse().expect("a name");
        let soa = Soa {
            ttl: 60,
            origin: apex.clone(),
            person: apex.clone(),
            serial,
            refresh: 60,
            retry: 60,
            expire: 600,
            minimum: 60,
        };
        Arc::new(Zone::new(ZoneSpec {
            apex,
            dialect: Dialect::Native,
            polarity: repute_dnsxl::Polarity::Block,
            soa: Some(soa),
            name_servers: None,
            datasets: Vec::new(),
            test_entries: false,
            link: None,
            codes: Vec::new(),
            serial,
        }))
    }

    /// What is served and told of the names in the order of their arrival.
    fn told(guests: &Guests) -> Vec<String> {
        let serial = |name: &Name| match guests.zones.load().get(name) {
            Some(ZoneState::Serving(zone)) => zone.serial().to_string(),
            Some(ZoneState::Records(_) | ZoneState::Failed) => "SERVFAIL".to_owned(),
            None => "REFUSED".to_owned(),
        };
        let told = |status: ZoneStatus| {
            let error = status
                .last_error
                .map_or_else(String::new, |e| format!(" {}", e.get(..4).unwrap_or(&e)));
            format!("{} {} {}{error}", status.name, serial(&status.name), status.health.label())
        };
        guests.board.zones().into_iter().map(told).collect()
    }

    #[test]
    fn guests_come_are_held_and_go() {
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default())));
        let guests = Guests::new(zones, Arc::default());
        let (a, b): (Name, Name) = ("a.example".parse().unwrap(), "b.example".parse().unwrap());
        let old = u32::try_from(unix_now()).unwrap() - 300;
        assert!(guests.serve_old(&zone("a.example", 4), old));
        assert!(!guests.serve_old(&zone("c.example", 4), old - 600), "it has expired");
        guests.hold(&b, "why");
        assert_eq!(told(&guests), ["a.example 4 stale", "b.example SERVFAIL failed why"]);
        guests.serve(&zone("a.example", 5));
        guests.serve(&zone("b.example", 1));
        guests.hold(&a, "what");
        guests.seen(&[a.clone(), b.clone()]);
        assert_eq!(told(&guests), ["a.example 5 stale what", "b.example 1 serving"]);
        assert_eq!(guests.served(&a).map(|zone| zone.serial()), Some(5));
        guests.lost("gone");
        assert_eq!(told(&guests), ["a.example 5 stale gone", "b.example 1 stale gone"]);
        guests.guests().get_mut(&a).unwrap().confirmed -= 700;
        guests.lost("gone");
        assert_eq!(told(&guests), ["a.example SERVFAIL failed gone", "b.example 1 stale gone"]);
        guests.seen(&[a]);
        assert_eq!(told(&guests), ["a.example SERVFAIL failed gone"]);
    }

    #[test]
    fn what_nobody_confirms_is_served_for_its_time_and_no_longer() {
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default())));
        let guests = Guests::new(zones, Arc::default()).no_older_than(Duration::from_secs(100));
        let a: Name = "a.example".parse().unwrap();
        guests.serve_as_of(&zone("a.example", 4), unix_now() - 50);
        guests.hold(&a, "what");
        assert_eq!(told(&guests), ["a.example 4 stale what"]);
        let confirmed = unix_now() - 20;
        guests.confirm(&a, confirmed);
        assert_eq!(told(&guests), ["a.example 4 serving"]);
        let told_time = guests.board.zones()[0].source_modified;
        assert_eq!(told_time, u32::try_from(confirmed).ok(), "its age is told");
        guests.guests().get_mut(&a).unwrap().confirmed -= 90;
        guests.hold(&a, "what");
        assert_eq!(told(&guests), ["a.example SERVFAIL failed what"]);
        guests.confirm(&a, unix_now());
        assert_eq!(told(&guests), ["a.example SERVFAIL failed what"], "there is nothing to serve");
        guests.serve_as_of(&zone("a.example", 5), unix_now());
        assert_eq!(told(&guests), ["a.example 5 serving"]);
    }

    #[test]
    fn a_zone_of_the_configuration_is_served_before_a_guest_of_its_name() {
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default())));
        let guests = Guests::new(Arc::clone(&zones), Arc::default());
        let name: Name = "a.example".parse().unwrap();
        let of_the_loader = || {
            let index = guests.board.claim(&name);
            let state = ZoneState::Serving(zone("a.example", 100));
            zones.rcu(|zones| zones.with(&name, index, state.clone(), Serving::default()));
            index
        };
        let index = of_the_loader();
        guests.board.forget(index);
        guests.serve(&zone("a.example", 1));
        assert_eq!(told(&guests), ["a.example 100 failed the "]);
        zones.rcu(|zones| zones.without(&name));
        guests.seen(std::slice::from_ref(&name));
        assert_eq!(told(&guests), ["a.example 1 serving"]);
        // It comes by a reload.
        guests.board.forget(of_the_loader());
        guests.seen(std::slice::from_ref(&name));
        assert_eq!(told(&guests), ["a.example 100 failed the "]);
        guests.seen(&[]);
        assert!(zones.load().get(&name).is_some(), "what is not a guest's stays");
    }

    /// Notes the serials that it is told of, and those that records led from.
    #[derive(Debug, Default)]
    struct Noted(Mutex<Vec<(u32, Option<u32>)>>);

    impl Observer for Noted {
        fn served(&self, zone: &Arc<Zone>, record: Option<&Record>) {
            self.0.lock().unwrap().push((zone.serial(), record.map(|record| record.from)));
        }
    }

    #[test]
    fn versions_that_are_served_are_told_of() {
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default())));
        let noted = Arc::new(Noted::default());
        let guests = Guests::new(Arc::clone(&zones), Arc::default());
        let guests = guests.observed_by(Arc::clone(&noted) as Arc<dyn Observer>);
        guests.serve(&zone("a.example", 4));
        let record = Record { from: 4, to: 5, changes: Vec::new() };
        guests.serve_by(&zone("a.example", 5), Some(&record));
        guests.serve_as_of(&zone("a.example", 6), unix_now());
        // Another zone is served under this name.
        let name: Name = "b.example".parse().unwrap();
        let index = guests.board.claim(&name);
        let state = ZoneState::Serving(zone("b.example", 100));
        zones.rcu(|zones| zones.with(&name, index, state.clone(), Serving::default()));
        guests.board.forget(index);
        guests.serve(&zone("b.example", 1));
        assert_eq!(*noted.0.lock().unwrap(), [(4, None), (5, Some(4)), (6, None)]);
    }
}
