//! A zone whose primary is elsewhere, followed: asked for in time, kept in the store, served until it expires.
//!
//! What was taken over is on the disk before it is served, with what changed, so that others may follow us in turn; and so
//! is the time at which the primary was last heard, by which a zone expires after a start as well. Whatever fails, the
//! version that is there is served until then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::ZoneIndex;
use repute_nameserver::control::Outcome;
use repute_nameserver::status::{StatusBoard, Upstream, ZoneHealth, ZoneStatus};
use repute_records::{Difference, Editor, Misfit, Zone};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::fetch::{self, FetchError, Primary, Times, unix};
use super::list::List;
use super::outlet::{self, Counter, Outlet};
use super::places::Places;
use super::refreshed;
use super::schedule::{Bounds, Schedule};
use super::sequence::{Fault, Limits, Received, is_later};
use crate::authority::status;
use crate::catalog;
use crate::keys::Keys;
use crate::notify::Target;
use crate::sources::Sources;
use crate::store::{NO_SEED, Store, StoreError};
use crate::transfer::What;

/// A zone whose primary is elsewhere.
#[derive(Clone, Debug)]
pub struct Secondary {
    /// Its name.
    pub apex: Name,
    /// Its number, by which it is counted and reported.
    pub index: ZoneIndex,
    /// How queries are answered.
    pub outlet: Outlet,
    /// Who has it, in the order in which they are asked. NOTIFY is taken from them.
    pub primaries: Vec<Target>,
    /// How much it may be.
    pub limits: Limits,
    /// What the numbers of its SOA are kept between.
    pub bounds: Bounds,
}

impl Secondary {
    /// Whether another is followed in the same way, so that it need not begin anew.
    pub(crate) fn is_same(&self, other: &Secondary) -> bool {
        let Secondary { apex, index, outlet, primaries, limits, bounds } = self;
        *apex == other.apex
            && *index == other.index
            && outlet.is_same(&other.outlet)
            && *primaries == other.primaries
            && *limits == other.limits
            && *bounds == other.bounds
    }
}

/// What all of them need.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) store: Arc<Store>,
    pub(crate) board: Arc<StatusBoard>,
    /// Where lists are put to be answered.
    pub(crate) counter: Counter,
    /// The keys of now.
    pub(crate) keys: Arc<ArcSwap<Keys>>,
    /// From where primaries are asked now.
    pub(crate) sources: Arc<ArcSwap<Sources>>,
    /// How many questions are under way at once.
    pub(crate) places: Arc<Places>,
}

/// A zone being followed.
#[derive(Debug)]
pub(crate) struct Follower {
    secondary: Secondary,
    means: Means,
    schedule: Schedule,
    ears: Ears,
    /// Who waits for what comes of the next question.
    askers: Vec<oneshot::Sender<Outcome>>,
    is_served: bool,
    /// It as a list, if it is one and is answered.
    list: Option<List>,
    /// What failed last, so that it is told once.
    failing: Option<String>,
    /// What is told of it, but for what is told of its primaries.
    status: ZoneStatus,
    /// Who is asked, or was last.
    primary: Option<SocketAddr>,
    /// When it was last known to be the newest.
    refreshed: Option<u64>,
}

/// What a follower is told by others.
#[derive(Debug)]
pub(crate) struct Ears {
    /// By which primary something is new.
    pub(crate) told: mpsc::Receiver<usize>,
    /// Who wants a primary asked at once, and to know what came of it.
    pub(crate) wanted: mpsc::Receiver<oneshot::Sender<Outcome>>,
}

/// What came of a question.
#[derive(Debug)]
struct Refreshed {
    /// The version that is there now.
    zone: Arc<Zone>,
    /// How it came: what of it, records, messages; none if nothing is new.
    taken: Option<(&'static str, u64, u64)>,
    /// The serial that the primary has, where that is behind.
    behind: Option<u32>,
}

/// Why a question came to nothing.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    /// Nobody is configured.
    #[error("no primary is configured: add one")]
    NoPrimary,
    /// The key is not configured.
    #[error("key {0} is not known: add it to the keys")]
    NoKey(Name),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task was lost.
    #[error("what it sent could not be taken over by a fault of this program")]
    Lost,
}

impl Follower {
    /// Begins with what is in the store and was last the newest at a time: it is served if it has not expired. It takes
    /// no turn of the store, and waits for none.
    pub(crate) fn new(
        secondary: Secondary,
        means: Means,
        refreshed: Option<u64>,
        ears: Ears,
    ) -> Follower {
        let now = unix();
        let Secondary { apex, index, outlet, primaries, bounds, .. } = &secondary;
        let zone = means.store.zone(apex);
        // Without a time it is not of a primary.
        let held = zone.as_ref().zip(refreshed).map(|(zone, time)| (*zone.soa(), time));
        let mut schedule = Schedule::new(primaries.len(), *bounds, held, now);
        let is_expired = schedule.expire(now);
        let is_served = schedule.expires().is_some();
        let mut status = ZoneStatus::loading(apex.clone(), *index);
        let zone = zone.filter(|_| is_served);
        let (mut list, mut wrong) = (None, None);
        match (outlet.live(), &zone) {
            (Some(live), Some(_)) => means.store.serve(apex, live),
            (Some(live), None) => {
                means.store.withdraw(apex);
                live.store(None);
            }
            (None, zone) => {
                let read = zone.as_ref().map(|zone| outlet::read(None, zone, &means.store));
                match read.transpose() {
                    Ok(read) => list = read.map(|(list, _)| list),
                    Err(why) => wrong = Some(why),
                }
                means.counter.put(apex, *index, list.as_ref(), None);
            }
        }
        if let Some(zone) = &zone {
            status = standing(zone, list.as_ref(), *index);
        }
        if let Some(why) = wrong {
            tracing::error!(zone = %apex, "list {apex} is not served: {why}");
            (status.health, status.last_error) = (ZoneHealth::Failed, Some(why));
        }
        if is_expired {
            tracing::error!(zone = %apex, "{}", expired(apex));
            status.health = ZoneHealth::Failed;
            status.last_error = Some(expired(apex));
        }
        let refreshed = refreshed.filter(|_| is_served);
        let primary = primaries.first().map(|target| target.address);
        let (askers, failing) = (Vec::new(), None);
        let follower = Follower {
            secondary,
            means,
            schedule,
            ears,
            askers,
            is_served,
            list,
            failing,
            status,
            primary,
            refreshed,
        };
        follower.report();
        follower
    }

    /// Tells of it as it is.
    fn report(&self) {
        let upstream = self.primary.map(|primary| Upstream {
            primary,
            refreshed: self.refreshed,
            expires: self.schedule.expires(),
        });
        // What is told of a source's age is since when nobody has said that it is the newest.
        let source_modified = self.refreshed.and_then(|time| u32::try_from(time).ok());
        self.means.board.report(ZoneStatus { upstream, source_modified, ..self.status.clone() });
    }

    /// Follows it until the server stops, or is configured anew.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let now = unix();
            if self.schedule.expire(now) {
                self.lose();
            }
            if self.schedule.due() <= now {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.ask(now) => continue,
                }
            }
            // The clock may be set meanwhile.
            let wait = Duration::from_secs(self.schedule.wake().saturating_sub(now)).min(LOOK);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                told = self.ears.told.recv() => match told {
                    Some(primary) => self.schedule.notified(primary, unix()),
                    None => return,
                },
                wanted = self.ears.wanted.recv() => match wanted {
                    Some(asker) => {
                        self.askers.push(asker);
                        self.schedule.notified(self.schedule.primary(), unix());
                    }
                    None => return,
                },
            }
        }
    }

    /// Asks the primary whose turn it is, and takes over what it has. The zone expires meanwhile, if it does.
    async fn ask(&mut self, now: u64) {
        self.schedule.asked(now);
        let place = self.schedule.primary();
        let target = self.secondary.primaries.get(place).cloned();
        let known = self.schedule.expires().and_then(|_| self.means.store.zone(self.apex()));
        let (secondary, means) = (self.secondary.clone(), self.means.clone());
        let address = target.as_ref().map(|target| target.address);
        self.primary = address;
        let asking = async move {
            match target {
                Some(target) => means.refresh(&secondary, &target, known).await,
                None => Err(RefreshError::NoPrimary),
            }
        };
        tokio::pin!(asking);
        let refreshed = loop {
            let expires = self.schedule.expires();
            let left = expires.map_or(LOOK, |expires| {
                Duration::from_secs(expires.saturating_sub(unix())).min(LOOK)
            });
            tokio::select! {
                refreshed = &mut asking => break refreshed,
                () = tokio::time::sleep(left) => if self.schedule.expire(unix()) {
                    self.lose();
                },
            }
        };
        match refreshed {
            Ok(refreshed) => {
                let wrong = match self.secondary.outlet {
                    Outlet::Records(_) => None,
                    Outlet::List => self.list(&refreshed.zone).await,
                    // Who takes over its members looks by himself.
                    Outlet::Catalog(_, most) => {
                        catalog::members(&refreshed.zone, most).err().map(|why| {
                            format!("it is a broken catalog, so members stay as they were: {why}")
                        })
                    }
                };
                self.keep(refreshed, address, wrong);
            }
            Err(error) => self.fail(&error, address),
        }
    }

    /// Has a version answered as a list, if it is not yet; what is wrong with it.
    async fn list(&mut self, zone: &Arc<Zone>) -> Option<String> {
        let Secondary { apex, index, .. } = &self.secondary;
        if self.list.as_ref().is_some_and(|list| list.zone().serial() == zone.serial()) {
            return None;
        }
        let (before, own, store) =
            (self.list.take(), Arc::clone(zone), Arc::clone(&self.means.store));
        let read = tokio::task::spawn_blocking(move || outlet::read(before, &own, &store));
        let (list, record) = match read.await {
            Ok(Ok(read)) => read,
            // What was put there is answered until there is another, or it expires.
            Ok(Err(why)) => return Some(why),
            Err(_) => return Some("it could not be read by a fault of this program".to_owned()),
        };
        self.means.counter.put(apex, *index, Some(&list), record.as_ref());
        if record.is_none()
            && let Some((count, first)) = list.left_out()
        {
            tracing::warn!(
                zone = %apex,
                "list {apex} is answered without {count} records that a list cannot say, the first at {first}"
            );
        }
        self.list = Some(list);
        None
    }

    /// Has what is there served and reported.
    fn keep(
        &mut self,
        Refreshed { zone, taken, behind }: Refreshed,
        address: Option<SocketAddr>,
        wrong: Option<String>,
    ) {
        let apex = self.apex().clone();
        let at = At(address);
        self.schedule.refreshed(zone.soa(), unix(), chance());
        self.refreshed = Some(unix());
        if !self.is_served {
            if let Some(live) = self.secondary.outlet.live() {
                self.means.store.serve(&apex, live);
            }
            self.is_served = true;
        }
        let serial = zone.serial();
        if let Some((what, records, messages)) = taken {
            tracing::info!(
                zone = %apex, serial, records, messages,
                "took {what} zone {apex} from {at}: serial {serial}, {records} records in {messages} messages"
            );
        }
        let behind = behind.map(|older| {
            format!(
                "primary {at} has serial {older}, and serial {serial} is here: raise the serial there if its zone is \
                 meant"
            )
        });
        let warning = wrong.map(|why| format!("serial {serial}: {why}")).or(behind);
        match &warning {
            Some(warning) if self.failing.as_ref() != Some(warning) => {
                tracing::warn!(zone = %apex, "zone {apex} is served as it was: {warning}");
            }
            None if self.failing.is_some() => {
                tracing::info!(zone = %apex, "zone {apex} can be refreshed again");
            }
            Some(_) | None => {}
        }
        let ok = self.status.reloads_ok + u64::from(taken.is_some());
        let loaded_at = if taken.is_some() { None } else { self.status.loaded_at };
        let health = if warning.is_some() { ZoneHealth::Stale } else { ZoneHealth::Serving };
        let new = standing(&zone, self.list.as_ref(), self.secondary.index);
        self.status = ZoneStatus {
            health,
            reloads_ok: ok,
            reloads_failed: self.status.reloads_failed,
            loaded_at: loaded_at.or(new.loaded_at),
            last_error: warning.clone(),
            ..new
        };
        self.failing.clone_from(&warning);
        self.report();
        let ZoneStatus { serial, entries, .. } = self.status;
        self.answer(&match (warning, taken) {
            (Some(reason), _) => Outcome::Refused { reason, known: false },
            (None, Some(_)) => Outcome::Served { serial, entries, faults: 0, warnings: 0 },
            (None, None) => Outcome::Unchanged,
        });
    }

    /// Tells those who wait what came of the question.
    fn answer(&mut self, outcome: &Outcome) {
        for asker in self.askers.drain(..) {
            // Whoever does not wait any more needs no answer.
            let _ = asker.send(outcome.clone());
        }
    }

    /// Tells that nothing came, and goes on with the next primary.
    fn fail(&mut self, error: &RefreshError, address: Option<SocketAddr>) {
        let now = unix();
        self.schedule.failed(now, chance());
        let (apex, why) = (self.apex(), format!("primary {}: {error}", At(address)));
        // Another primary may have it.
        if self.schedule.due() <= now {
            tracing::info!(zone = %apex, "zone {apex}: {why}; the next primary is asked");
            return;
        }
        if self.failing.as_ref() != Some(&why) {
            let end = if self.is_served { "it is served as it was" } else { "it is not served" };
            tracing::warn!(zone = %apex, "zone {apex} cannot be refreshed, {end}: {why}");
        }
        self.status.health = if self.is_served { ZoneHealth::Stale } else { ZoneHealth::Failed };
        self.status.reloads_failed += 1;
        self.status.last_error = Some(why.clone());
        self.failing = Some(why.clone());
        self.report();
        self.answer(&Outcome::Refused { reason: why, known: false });
    }

    /// Serves it no more.
    fn lose(&mut self) {
        let Secondary { apex, index, outlet, .. } = &self.secondary;
        self.means.store.withdraw(apex);
        if let Outlet::List = outlet {
            self.list = None;
            self.means.counter.put(apex, *index, None, None);
        }
        let why = match &self.failing {
            Some(failing) => format!("{} ({failing})", expired(apex)),
            None => expired(apex),
        };
        tracing::error!(zone = %apex, "{why}");
        self.is_served = false;
        self.status.health = ZoneHealth::Failed;
        self.status.last_error = Some(why);
        self.report();
    }

    fn apex(&self) -> &Name {
        &self.secondary.apex
    }
}

impl Means {
    /// Asks a primary whether it has something newer than what is known, and takes that over.
    async fn refresh(
        &self,
        Secondary { apex, limits, .. }: &Secondary,
        target: &Target,
        known: Option<Arc<Zone>>,
    ) -> Result<Refreshed, RefreshError> {
        // It is never closed.
        let _place = self.places.take(target.address.ip()).await.ok_or(RefreshError::Lost)?;
        let key = match &target.key {
            Some(name) => {
                let keys = self.keys.load();
                Some(keys.get(name).cloned().ok_or_else(|| RefreshError::NoKey(name.clone()))?)
            }
            None => None,
        };
        let source = self.sources.load().to(target.address.ip());
        let primary = Primary { address: target.address, source, key };
        let times = Times::default();
        let fetch = |what| fetch::transfer(&primary, apex, what, *limits, &times);
        let mut fetched = match &known {
            None => fetch(What::Whole).await?,
            Some(zone) => {
                let serial = fetch::serial(&primary, apex, &times).await?;
                if !is_later(serial, zone.serial()) {
                    return self.confirm(apex, zone, serial).await;
                }
                match fetch(What::Since(zone.serial())).await {
                    Err(FetchError::Fault(fault)) if fault.is_of_changes() => {
                        tracing::info!(zone = %apex, "zone {apex}: all of it is asked for, as {fault}");
                        fetch(What::Whole).await?
                    }
                    fetched => fetched?,
                }
            }
        };
        if let (Received::Changes(steps), Some(zone)) = (&mut fetched.received, &known) {
            let (zone, steps) = (Arc::clone(zone), std::mem::take(steps));
            let followed = tokio::task::spawn_blocking(move || follow(&zone, &steps)).await;
            match followed.map_err(|_| RefreshError::Lost)? {
                Ok(versions) => {
                    let zone = self.change(apex, versions).await?;
                    let taken = Some(("what changed in", fetched.records, fetched.messages));
                    return Ok(Refreshed { zone, taken, behind: None });
                }
                // RFC 1995 section 2 leaves what helps to us: all of the zone does.
                Err(misfit) => {
                    tracing::warn!(
                        zone = %apex,
                        "zone {apex}: what changed at {} does not fit, so all of it is asked for: {misfit}",
                        target.address
                    );
                    fetched = fetch(What::Whole).await?;
                }
            }
        }
        match (fetched.received, known) {
            (Received::Whole(records), _) => {
                let own = apex.clone();
                let made = tokio::task::spawn_blocking(move || {
                    let (zone, unfit) = Zone::new(own, records)?;
                    unfit.into_iter().next().map_or(Ok(zone), Err)
                });
                let made = made.await.map_err(|_| RefreshError::Lost)?;
                let zone = made.map_err(|unfit| FetchError::Fault(Fault::Unfit(unfit)))?;
                let zone = self.put(zone).await?;
                let taken = Some(("all of", fetched.records, fetched.messages));
                Ok(Refreshed { zone, taken, behind: None })
            }
            (Received::Current(serial), Some(zone)) => self.confirm(apex, &zone, serial).await,
            // Who asks for all is given neither.
            (Received::Current(_) | Received::Changes(_), _) => {
                Err(FetchError::Fault(Fault::NoSoa).into())
            }
        }
    }

    /// Notes that a version is the newest.
    async fn confirm(
        &self,
        apex: &Name,
        zone: &Arc<Zone>,
        serial: u32,
    ) -> Result<Refreshed, RefreshError> {
        let own = apex.clone();
        let noted = self.store.turn(move |turn| refreshed::note(turn, &own, unix()));
        if let Err(error) = noted.done().await {
            // It is the newest all the same, as long as the process lives.
            tracing::warn!(zone = %apex, "cannot note that zone {apex} is the newest: {error}");
        }
        let behind = (serial != zone.serial()).then_some(serial);
        Ok(Refreshed { zone: Arc::clone(zone), taken: None, behind })
    }

    /// Keeps versions that follow from what is there; the last.
    async fn change(
        &self,
        apex: &Name,
        versions: Vec<(Zone, Difference)>,
    ) -> Result<Arc<Zone>, RefreshError> {
        let own = apex.clone();
        let kept = self.store.turn(move |turn| {
            versions.iter().try_for_each(|(zone, step)| turn.change(zone.clone(), step))?;
            refreshed::note(turn, &own, unix())
        });
        kept.done().await?;
        self.store.zone(apex).ok_or(RefreshError::Lost)
    }

    /// Keeps a whole zone: as a change of what is known, so that who follows us has only what changed.
    async fn put(&self, zone: Zone) -> Result<Arc<Zone>, RefreshError> {
        let apex = zone.apex().clone();
        let own = apex.clone();
        let kept = self.store.turn(move |turn| {
            turn.succeed(zone.clone(), NO_SEED)?;
            refreshed::note(turn, &own, unix())
        });
        kept.done().await?;
        self.store.zone(&apex).ok_or(RefreshError::Lost)
    }
}

/// The versions that lead on from one.
fn follow(zone: &Arc<Zone>, steps: &[Difference]) -> Result<Vec<(Zone, Difference)>, Misfit> {
    let (mut last, mut versions) = (Arc::clone(zone), Vec::with_capacity(steps.len()));
    for step in steps {
        let mut editor = Editor::new(&last);
        editor.apply(step)?;
        let (zone, difference) = editor.finish_as_is();
        last = Arc::new(zone.clone());
        versions.push((zone, difference));
    }
    Ok(versions)
}

/// What is told of a version that is served, as a list if it is one.
fn standing(zone: &Zone, list: Option<&List>, index: ZoneIndex) -> ZoneStatus {
    let status = status(zone, index);
    let Some(list) = list else { return status };
    ZoneStatus {
        entries: list.zone().entries(),
        serial: list.zone().serial(),
        image_bytes: list.zone().image_bytes() as u64,
        warnings: list.left_out().map_or(0, |(count, _)| count as u64),
        ..status
    }
}

/// What is said of a zone that is served no more.
fn expired(apex: &Name) -> String {
    format!(
        "zone {apex} has expired and is not served: no primary could be reached for as long as its SOA allows; see that \
         one runs and gives it to this server"
    )
}

/// A primary's address in a sentence.
struct At(Option<SocketAddr>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("(none)"),
        }
    }
}

/// A random byte.
fn chance() -> u8 {
    let mut bytes = [0];
    // Without one all zones ask at the same time.
    let _ = SystemRandom::new().fill(&mut bytes);
    let [byte] = bytes;
    byte
}

/// How long to wait at most before the clock is looked at.
const LOOK: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use repute_nameserver::{Identity, Zones};
    use repute_records::master;

    use super::*;
    use crate::lists::Lists;
    use crate::store;

    /// A zone of lines; a SOA with a serial is added.
    fn zone(serial: u32, lines: &str) -> Zone {
        let apex: Name = "zone.test".parse().expect("a name");
        let text = format!("@ 60 SOA ns hostmaster {serial} 2 3 4 5\n@ 60 NS ns\n{lines}");
        let records = master::read_lines(&apex, &text).records;
        Zone::new(apex, records.into_iter().map(|placed| placed.record)).expect("a zone").0
    }

    /// Means with a store that keeps so many bytes of former changes.
    fn means(folder: &tempfile::TempDir, journal: u64) -> Means {
        let limits = store::Limits { journal, ..store::Limits::default() };
        let store = Store::open(&folder.path().join("zones.redb"), limits).expect("a store");
        let store = Arc::new(store);
        let lists = Arc::new(Lists::start(Arc::clone(&store)).expect("a thread"));
        let zones = Zones::new(Identity::default());
        Means {
            store,
            board: Arc::default(),
            counter: Counter { zones: Arc::new(ArcSwap::from_pointee(zones)), lists },
            keys: Arc::default(),
            sources: Arc::default(),
            places: Arc::default(),
        }
    }

    #[tokio::test]
    async fn all_of_a_zone_is_kept_as_what_changed_and_its_time_is_noted() {
        let folder = tempfile::tempdir().expect("a folder");
        let means = means(&folder, 1 << 20);
        let old = means.put(zone(1, "a 60 A 192.0.2.1\n")).await.expect("kept");
        let apex = old.apex().clone();
        let times = || means.store.turn(refreshed::load).done();
        let noted = times().await.expect("read");
        assert!(noted.get(&apex).is_some_and(|time| *time + 60 > unix()), "{noted:?}");
        let new = zone(5, "b 60 A 192.0.2.2\n");
        let kept = means.put(new.clone()).await.expect("kept");
        assert_eq!(*kept, new);
        let steps = means.store.since(&apex, 1).expect("read").expect("known");
        assert_eq!(steps, [Difference::between(&old, &new)]);
        // That nothing is new is noted as well.
        let gone = apex.clone();
        let forgotten =
            means.store.turn(move |turn| refreshed::forget(turn, std::slice::from_ref(&gone)));
        forgotten.done().await.expect("forgotten");
        assert!(times().await.expect("read").is_empty());
        let confirmed = means.confirm(&apex, &kept, 4).await.expect("confirmed");
        assert_eq!((confirmed.behind, confirmed.taken.is_none()), (Some(4), true));
        assert!(times().await.expect("read").contains_key(&apex));
        // What is not later than what is in the store begins anew.
        let other = zone(4, "");
        means.put(other.clone()).await.expect("kept");
        assert_eq!(means.store.zone(&apex).as_deref(), Some(&other));
        assert_eq!(means.store.since(&apex, 5).expect("read"), None);
        assert_eq!(means.store.since(&apex, 1).expect("read"), None);
    }

    #[test]
    fn steps_lead_on_or_are_refused() {
        let versions = [zone(1, "a 60 A 192.0.2.1\n"), zone(2, ""), zone(3, "c 60 A 192.0.2.3\n")];
        let [first, second, third] = &versions;
        let steps = [Difference::between(first, second), Difference::between(second, third)];
        let start = Arc::new(first.clone());
        let followed = follow(&start, &steps).expect("they lead on");
        let [(zone, _), last] = &followed[..] else { panic!("{followed:?}") };
        assert_eq!((zone, last), (second, &(third.clone(), steps[1].clone())));
        let misfit = follow(&start, &steps[1..]).expect_err("a step is missing");
        assert_eq!(misfit, Misfit::From { expected: 1, found: 2 });
        let mut wrong = steps[0].clone();
        wrong.removed[0].data = Box::from([192, 0, 2, 9]);
        let misfit = follow(&start, &[wrong]).expect_err("it is not there");
        assert!(matches!(misfit, Misfit::Missing { .. }), "{misfit}");
    }
}
