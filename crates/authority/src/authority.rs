//! Everything around zones of our own as one: started with what is configured, it takes what the name server hands over.
//!
//! A worker that hands over a datagram has other queries waiting, so it is put into a queue and dropped if that is full;
//! a few tasks take from there. A connection waits for its answer.
//!
//! Here the clock is read, once for each message.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::beyond::{Back, Beyond, Outgoing};
use repute_nameserver::control::Outcome;
use repute_nameserver::report::BeyondReport;
use repute_nameserver::status::{StatusBoard, ZoneHealth, ZoneStatus};
use repute_nameserver::{Live, Transport, ZoneIndex, Zones};
use repute_records::{Record, Zone};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

use crate::catalog::{self, Catalog};
use crate::complaints::Complaints;
use crate::incoming::heard::Deaf;
use crate::incoming::members::Members;
use crate::incoming::outlet::Counter;
use crate::incoming::secondaries::Secondaries;
use crate::incoming::{Secondary, refreshed};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::lists::Lists;
use crate::query::{self, Answered};
use crate::replay::Replays;
use crate::signature::{Checked, Signed, bare_answer, check};
use crate::sources::Sources;
use crate::store::{FROM_FILE, Store, StoreError, packed};
use crate::transfer::Rule;
use crate::transfers::{self, Request, Transfers};
use crate::update::{self, Role, Updates};

/// What there is to do.
#[derive(Debug, Default)]
pub struct Config {
    /// Keys that messages may be signed with.
    pub keys: Keys,
    /// Zones of our own.
    pub zones: Vec<ZoneConfig>,
    /// How zones go to others, lists among them, by their names.
    pub transfers: HashMap<Name, Rule>,
    /// Zones whose primary is elsewhere.
    pub secondaries: Vec<Secondary>,
    /// Catalogs of zones of our own.
    pub catalogs: Vec<Catalog>,
    /// Names of zones that are configured elsewhere: no catalog of others brings them.
    pub taken: HashSet<Name>,
    /// How much an update may ask for.
    pub limits: update::Limits,
    /// From where others are spoken to.
    pub sources: Sources,
}

/// A zone of our own.
#[derive(Debug)]
pub struct ZoneConfig {
    /// Its name.
    pub apex: Name,
    /// Its number, by which it is counted and reported.
    pub index: ZoneIndex,
    /// Where queries read it.
    pub live: Live,
    /// Who may change it.
    pub role: Role,
    /// The records that it begins with: of a master file, or why they could not be read. Of a zone that a service
    /// changes nothing is taken from here.
    pub seed: Result<Vec<Record>, String>,
}

/// What a name server does for zones of its own.
#[derive(Debug)]
pub struct Authority {
    desk: Arc<Desk>,
    board: Arc<StatusBoard>,
    queue: mpsc::Sender<Datagram>,
    dropped: AtomicU64,
    runtime: Handle,
    /// Ends those who tell of changes.
    watch: Mutex<CancellationToken>,
    /// Zones that catalogs of others name.
    members: Members,
    /// What was configured last.
    given: Mutex<Configured>,
    /// Ends with it.
    end: CancellationToken,
}

/// What of a configuration is needed when the members of a catalog change.
#[derive(Debug, Default)]
struct Configured {
    secondaries: Vec<Secondary>,
    taken: HashSet<Name>,
    transfers: HashMap<Name, Rule>,
    keys: Arc<Keys>,
    /// From where others are spoken to.
    sources: Sources,
}

/// A datagram that waits.
type Datagram = (Vec<u8>, SocketAddr, Back);

/// What messages are answered with.
#[derive(Debug)]
struct Desk {
    /// What is configured now.
    rules: ArcSwap<Rules>,
    /// How zones go to others, members of catalogs among them.
    granted: ArcSwap<HashMap<Name, Rule>>,
    zones: Arc<ArcSwap<Zones>>,
    store: Arc<Store>,
    replays: Arc<Replays>,
    complaints: Arc<Complaints>,
    transfers: Transfers,
    /// Zones whose primary is elsewhere.
    secondaries: Secondaries,
    ledger: Arc<Ledger>,
}

/// What is configured.
#[derive(Debug)]
struct Rules {
    keys: Arc<Keys>,
    updates: Updates,
    /// Numbers of the zones that are changed here.
    indexes: HashMap<Name, ZoneIndex>,
}

impl Authority {
    /// Starts with a configuration, as [`configure`](Authority::configure) takes it. Like that, no task may call it.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub fn start(
        config: Config,
        zones: Arc<ArcSwap<Zones>>,
        board: &Arc<StatusBoard>,
        store: Arc<Store>,
        runtime: &Handle,
    ) -> Result<Arc<Authority>, StoreError> {
        let replays = Arc::new(store.turn(Replays::load).wait()?);
        let complaints = Arc::new(Complaints::default());
        let ledger = Arc::new(Ledger::default());
        let updates = Updates {
            zones: HashMap::new(),
            limits: config.limits,
            store: Arc::clone(&store),
            replays: Arc::clone(&replays),
            complaints: Arc::clone(&complaints),
            ledger: Arc::clone(&ledger),
        };
        let rules = Rules { keys: Arc::default(), updates, indexes: HashMap::new() };
        let transfers = Transfers {
            zones: Arc::clone(&zones),
            store: Arc::clone(&store),
            lists: Arc::new(Lists::start(Arc::clone(&store))?),
            complaints: Arc::clone(&complaints),
            ledger: Arc::clone(&ledger),
            places: Arc::new(Semaphore::new(TRANSFERS)),
        };
        let rules = ArcSwap::from_pointee(rules);
        let counter = Counter { zones: Arc::clone(&zones), lists: Arc::clone(&transfers.lists) };
        let secondaries =
            Secondaries::new(Arc::clone(&store), Arc::clone(board), counter, runtime.clone());
        let members = Members::load(Arc::clone(&store), Arc::clone(&zones), Arc::clone(board))?;
        let desk = Arc::new(Desk {
            rules,
            granted: ArcSwap::default(),
            zones,
            store,
            replays,
            complaints,
            transfers,
            secondaries,
            ledger,
        });
        let (told, own) = (Arc::clone(board), Arc::downgrade(&desk));
        desk.store.listen(Arc::new(move |zone| {
            let rules = own.upgrade().map(|desk| desk.rules.load_full());
            if let Some(index) = rules.and_then(|rules| rules.indexes.get(zone.apex()).copied()) {
                let before = told.zone(index).map_or(0, |before| before.reloads_ok);
                told.report(ZoneStatus { reloads_ok: before + 1, ..status(zone, index) });
            }
        }));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let own = Arc::clone(&desk);
        let authority = Authority {
            desk,
            board: Arc::clone(board),
            queue,
            dropped: AtomicU64::new(0),
            runtime: runtime.clone(),
            watch: Mutex::default(),
            members,
            given: Mutex::default(),
            end: CancellationToken::new(),
        };
        authority.configure(config)?;
        runtime.spawn(take(waiting, own));
        let (changed, end) = (Arc::clone(&authority.members.changed), authority.end.clone());
        let authority = Arc::new(authority);
        runtime.spawn(follow_catalogs(Arc::downgrade(&authority), changed, end));
        Ok(authority)
    }

    /// Goes on with another configuration: zones that are changed here are taken from the store, or begin with their
    /// records there; all of them are served and reported. A zone that has neither fails alone. Zones that are not
    /// configured any more are not served, and stay in the store; their numbers are the caller's to forget.
    ///
    /// It waits for the disk, so no task may call it.
    ///
    /// # Errors
    /// If the store cannot be written; everything is as it was then.
    pub fn configure(&self, config: Config) -> Result<(), StoreError> {
        let Config {
            keys,
            zones: own,
            transfers,
            secondaries,
            catalogs,
            mut taken,
            limits,
            sources,
        } = config;
        let Desk { rules, store, replays, complaints, ledger, .. } = &*self.desk;
        taken.extend(own.iter().map(|zone| zone.apex.clone()));
        taken.extend(catalogs.iter().map(|catalog| catalog.apex.clone()));
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        // What a catalog brought and is configured here now is somebody else's first.
        let look = self.members.look(&secondaries, &taken);
        self.desk.secondaries.pause(|apex| !look.stays(apex));
        self.members.keep(&look)?;
        let beginnings = begin(&own, store)?;
        catalog::keep(store, &catalogs, u32::try_from(now()).unwrap_or(u32::MAX))?;
        let dynamic = || own.iter().filter(|zone| is_changed_here(zone));
        let listed = catalogs.iter().map(|catalog| (catalog.apex.clone(), catalog.index));
        let indexes: HashMap<Name, ZoneIndex> =
            dynamic().map(|zone| (zone.apex.clone(), zone.index)).chain(listed).collect();
        for apex in rules.load().indexes.keys().filter(|apex| !indexes.contains_key(*apex)) {
            store.withdraw(apex);
        }
        let keys = Arc::new(keys);
        let told = Arc::clone(&keys);
        *given = Configured { secondaries, taken, transfers, keys: told, sources };
        let members = self.members.place(&look, &given.secondaries);
        self.follow(&given, members)?;
        for Catalog { apex, index, live, .. } in &catalogs {
            store.serve(apex, live);
            if let Some(current) = store.zone(apex) {
                self.board.report(status(&current, *index));
            }
        }
        for zone in dynamic() {
            self.present(zone, beginnings.get(&zone.apex));
        }
        let updates = Updates {
            zones: own.into_iter().map(|zone| (zone.apex, zone.role)).collect(),
            limits,
            store: Arc::clone(store),
            replays: Arc::clone(replays),
            complaints: Arc::clone(complaints),
            ledger: Arc::clone(ledger),
        };
        rules.store(Arc::new(Rules { keys, updates, indexes }));
        self.grant(&given);
        Ok(())
    }

    /// Looks what catalogs of others say now, and takes over what they name. No task may call it.
    fn follow_catalogs(&self) -> Result<(), StoreError> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let look = self.members.look(&given.secondaries, &given.taken);
        self.desk.secondaries.pause(|apex| !look.stays(apex));
        self.members.keep(&look)?;
        let members = self.members.place(&look, &given.secondaries);
        self.follow(&given, members)?;
        self.grant(&given);
        Ok(())
    }

    /// Follows what is configured, and what catalogs name.
    fn follow(&self, given: &Configured, members: Vec<Secondary>) -> Result<(), StoreError> {
        let all: Vec<Secondary> = given.secondaries.iter().cloned().chain(members).collect();
        let refreshed = times(&self.desk.store, &all)?;
        let (keys, sources) = (Arc::clone(&given.keys), given.sources.clone());
        self.desk.secondaries.configure(all, &refreshed, keys, sources);
        Ok(())
    }

    /// Gives zones to those who may have them, and tells those who are to be told: members as their catalogs.
    fn grant(&self, given: &Configured) {
        let Desk { granted, zones, ledger, .. } = &*self.desk;
        let members = self.members.catalogs().into_iter();
        let members = members
            .filter_map(|(zone, catalog)| Some((zone, given.transfers.get(&catalog)?.clone())));
        let transfers: HashMap<Name, Rule> = members.chain(given.transfers.clone()).collect();
        let lists = &self.desk.transfers.lists;
        lists.watch(transfers.keys().cloned().collect());
        let targets = transfers.iter().filter(|(_, rule)| !rule.notify.is_empty());
        let targets = targets.map(|(apex, rule)| (apex.clone(), rule.notify.clone())).collect();
        let stop = CancellationToken::new();
        self.runtime.spawn(transfers::look(Arc::clone(zones), Arc::clone(lists), stop.clone()));
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *watch, stop.clone()).cancel();
        self.runtime.spawn(transfers::watch(
            Arc::clone(zones),
            Arc::clone(lists),
            targets,
            Arc::clone(&given.keys),
            given.sources.clone(),
            Arc::clone(ledger),
            stop,
        ));
        granted.store(Arc::new(transfers));
    }

    /// Has a zone begin that is changed here, if it has not, by what its file says by now; how it goes on. It has to be
    /// configured as it is.
    ///
    /// It waits for the disk, so no task may call it.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn begin(&self, zone: &ZoneConfig) -> Result<Beginning, StoreError> {
        let beginning = begin([zone], &self.desk.store)?.remove(&zone.apex);
        self.present(zone, beginning.as_ref());
        Ok(beginning.unwrap_or(Beginning::Known))
    }

    /// Has a zone that is changed here served, and reports it.
    fn present(&self, zone: &ZoneConfig, beginning: Option<&Beginning>) {
        let store = &self.desk.store;
        store.serve(&zone.apex, &zone.live);
        let before = self.board.zone(zone.index).map_or(0, |before| before.reloads_ok);
        let why = match beginning {
            Some(Beginning::Failed(why) | Beginning::FileUnread(why)) => Some(why.clone()),
            Some(Beginning::New | Beginning::Known | Beginning::FileChanged) | None => None,
        };
        self.board.report(match store.zone(&zone.apex) {
            Some(current) => {
                ZoneStatus { reloads_ok: before.max(1), ..status(&current, zone.index) }
            }
            None => ZoneStatus {
                health: ZoneHealth::Failed,
                last_error: why,
                ..ZoneStatus::loading(zone.apex.clone(), zone.index)
            },
        });
    }

    /// Who may be told of each version of a list as it is served, with the journal's record that led to it. Without that
    /// versions are seen all the same, and compared whole.
    pub fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.desk.transfers.lists)
    }

    /// Has a primary of a zone that is followed asked at once, and waits for what comes of it; nothing if there is no such
    /// zone. No task may call it.
    pub fn refresh(&self, apex: &Name) -> Option<Outcome> {
        let waiting = self.desk.secondaries.ask(apex)?;
        Some(waiting.blocking_recv().unwrap_or_else(|_| Outcome::Refused {
            reason:
                "it was configured anew meanwhile, or too many wait for it: try again".to_owned(),
            known: false,
        }))
    }

    /// A zone that is changed here, as it is now.
    pub fn snapshot(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.desk.store.zone(apex)
    }

    /// Datagrams that were dropped, as too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.end.cancel();
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

impl Beyond for Authority {
    fn datagram(&self, message: &[u8], peer: SocketAddr, back: Back) {
        if self.queue.try_send((message.to_vec(), peer, back)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report(&self) -> BeyondReport {
        self.desk.ledger.report(self.dropped())
    }

    fn stream<'a>(
        &'a self,
        message: &'a [u8],
        peer: SocketAddr,
        out: &'a mut (dyn Outgoing + Send),
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            let (rules, now) = (self.desk.rules.load_full(), now());
            match self.desk.answer(&rules, message, peer.ip(), Transport::Tcp, now).await {
                Given::Answer(Some(answer)) => out.send(&answer).await.is_ok(),
                Given::Answer(None) => true,
                Given::Transfer(request) => {
                    let granted = self.desk.granted.load_full();
                    self.desk.transfers.stream(&granted, request, peer.ip(), now, out).await
                }
            }
        })
    }
}

/// Answers datagrams, some at once, until nobody can send any more.
async fn take(mut waiting: mpsc::Receiver<Datagram>, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some((message, peer, back)) = waiting.recv().await {
        // It is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let (rules, now) = (desk.rules.load_full(), now());
            match desk.answer(&rules, &message, peer.ip(), Transport::Udp, now).await {
                Given::Answer(Some(answer)) => back.send(&answer),
                Given::Answer(None) => {}
                Given::Transfer(request) => {
                    let granted = desk.granted.load_full();
                    back.send(&desk.transfers.datagram(&granted, request, peer.ip(), now));
                }
            }
            drop(place);
        });
    }
}

/// What becomes of a message.
enum Given {
    /// It gets this answer, or none.
    Answer(Option<Vec<u8>>),
    /// It asks for a transfer.
    Transfer(Request),
}

impl Desk {
    /// Answers a message, unless it asks for a transfer.
    async fn answer(
        &self,
        Rules { keys, updates, .. }: &Rules,
        message: &[u8],
        address: IpAddr,
        transport: Transport,
        now: u64,
    ) -> Given {
        let opcode = message.get(2).map_or(0, |flags| (flags & OPCODE) >> 3);
        match check(message, keys, now) {
            Checked::Refused(refused) => {
                let zone = crate::message::subject(message).unwrap_or_else(Name::root);
                let what = "a signed message was refused";
                let (key, why) = (refused.reason.key(), &refused.reason);
                self.ledger.distrusted(why);
                self.complaints.complain(what, &zone, key, address, now, why);
                Given::Answer(Some(refused.answer))
            }
            Checked::Unsigned => match opcode {
                UPDATE => Given::Answer(Some(updates.unsigned(message, address, now))),
                QUERY => match self.private(message, address, None, now) {
                    Some(Private::Shown(zones)) => {
                        Given::Answer(query::plain(message, address, transport, now, &zones))
                    }
                    Some(Private::Refused) => Given::Answer(Some(bare_answer(message, REFUSED))),
                    None => Given::Transfer(Request { message: message.to_vec(), signer: None }),
                },
                NOTIFY => {
                    let rcode = self.hear(message, address, None, now);
                    Given::Answer(rcode.map(|rcode| bare_answer(message, rcode)))
                }
                _ => Given::Answer(Some(bare_answer(message, NOTIMP))),
            },
            Checked::Signed(signed) => match opcode {
                UPDATE => Given::Answer(updates.signed(signed, address, now).await),
                QUERY => {
                    let key = signed.signer.key().name().clone();
                    let zones = match self.private(&signed.message, address, Some(&key), now) {
                        Some(Private::Refused) => {
                            return Given::Answer(Some(said(signed, REFUSED, now)));
                        }
                        Some(Private::Shown(zones)) => Arc::new(zones),
                        None => self.zones.load_full(),
                    };
                    match query::answer(signed, address, transport, now, &zones) {
                        Answered::Reply(reply) => Given::Answer(Some(reply)),
                        Answered::Nothing => Given::Answer(None),
                        Answered::Transfer(Signed { message, signer, .. }) => {
                            Given::Transfer(Request { message, signer: Some(signer) })
                        }
                    }
                }
                NOTIFY => {
                    let key = signed.signer.key().name().clone();
                    let rcode = self.hear(&signed.message, address, Some(&key), now);
                    Given::Answer(rcode.map(|rcode| said(signed, rcode, now)))
                }
                _ => Given::Answer(Some(said(signed, NOTIMP, now))),
            },
        }
    }

    /// What becomes of a question to a zone that is for those only who may have all of it; nothing if it is not to one,
    /// or is a question for a transfer.
    fn private(
        &self,
        message: &[u8],
        address: IpAddr,
        key: Option<&Name>,
        now: u64,
    ) -> Option<Private> {
        let name = query::question(message)?;
        let zones = self.zones.load();
        let (apex, index, live) = zones.private(&name)?;
        let granted = self.granted.load();
        if granted.get(apex).is_some_and(|rule| rule.access.admits(address, key)) {
            let shown = [(apex.clone(), index, Arc::clone(live))];
            let zones = Zones::new(zones.identity().clone()).with_records(shown);
            return Some(Private::Shown(zones));
        }
        let why =
            "a catalog is for its secondaries: add the address or key to `transfer` of the catalog";
        self.complaints.complain("a question was refused", apex, key, address, now, &why);
        Some(Private::Refused)
    }

    /// Takes what a primary says of a change; the response code, or none for what is an answer itself.
    fn hear(&self, message: &[u8], address: IpAddr, key: Option<&Name>, now: u64) -> Option<u8> {
        match self.secondaries.hear(message, address, key) {
            Ok(()) => Some(NOERROR),
            Err(Deaf::Malformed) if message.get(2).is_some_and(|flags| flags & QR != 0) => None,
            Err(Deaf::Malformed) => Some(FORMERR),
            Err(Deaf::Stranger) => {
                let zone = crate::message::subject(message).unwrap_or_else(Name::root);
                let what = "a NOTIFY was refused";
                let why = "the zone is not taken over from there: add the sender to its primaries, or have it tell others";
                self.complaints.complain(what, &zone, key, address, now, &why);
                Some(REFUSED)
            }
        }
    }
}

/// What becomes of a question to a private zone.
enum Private {
    /// It is answered from these zones.
    Shown(Zones),
    /// Who asks may not have the zone.
    Refused,
}

/// Takes over what catalogs of others name, whenever one has changed.
async fn follow_catalogs(authority: Weak<Authority>, changed: Arc<Notify>, end: CancellationToken) {
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = changed.notified() => {}
        }
        let Some(authority) = authority.upgrade() else { return };
        let followed = tokio::task::spawn_blocking(move || authority.follow_catalogs()).await;
        if let Ok(Err(why)) = followed {
            tracing::error!(
                "members of catalogs stay as they were, until one changes again: {why}"
            );
        }
    }
}

/// A signed answer with nothing but a response code.
fn said(mut signed: Signed, rcode: u8, now: u64) -> Vec<u8> {
    let mut answer = bare_answer(&signed.message, rcode);
    signed.signer.sign(&mut answer, now);
    answer
}

/// How a zone that is changed here began, or goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// With its file, just now.
    New,
    /// As it was in the store.
    Known,
    /// As it was in the store, though its file says something else by now.
    FileChanged,
    /// As it was in the store; its file cannot be read, for a reason.
    FileUnread(String),
    /// Not at all, for a reason.
    Failed(String),
}

/// Has zones begin that the store does not know yet; how each of them begins.
fn begin<'z>(
    own: impl IntoIterator<Item = &'z ZoneConfig>,
    store: &Store,
) -> Result<HashMap<Name, Beginning>, StoreError> {
    let (mut beginnings, mut new, mut renewed) = (HashMap::new(), Vec::new(), Vec::new());
    for ZoneConfig { apex, seed, .. } in own.into_iter().filter(|zone| begins_here(zone)) {
        // What was its file's until now begins anew with that.
        let known = store.seed(apex).filter(|seed| *seed != FROM_FILE);
        let beginning = match (seed, known, store.zone(apex)) {
            (Err(why), Some(_), _) => Beginning::FileUnread(why.clone()),
            (Err(why), None, Some(zone)) => {
                // From now on it is what updates make of it, whatever its file says one day.
                renewed.push((apex.clone(), digest(&zone.records().collect::<Vec<_>>())));
                Beginning::FileUnread(why.clone())
            }
            (Err(why), None, None) => Beginning::Failed(why.clone()),
            (Ok(records), Some(known), _) => match digest(records) {
                digest if digest == known => Beginning::Known,
                digest => {
                    renewed.push((apex.clone(), digest));
                    Beginning::FileChanged
                }
            },
            (Ok(records), None, _) => match Zone::new(apex.clone(), records.iter().cloned()) {
                Ok((zone, unfit)) => {
                    for why in unfit {
                        tracing::warn!(zone = %apex, "zone {apex} begins without a record: {why}");
                    }
                    new.push((zone, digest(records)));
                    Beginning::New
                }
                Err(why) => Beginning::Failed(why.to_string()),
            },
        };
        match &beginning {
            Beginning::FileChanged => tracing::warn!(zone = %apex, "{}", file_changed(apex)),
            Beginning::Failed(why) => {
                tracing::error!(zone = %apex, "zone {apex} cannot be served: {why}");
            }
            Beginning::New | Beginning::Known | Beginning::FileUnread(_) => {}
        }
        beginnings.insert(apex.clone(), beginning);
    }
    store
        .turn(move |turn| {
            new.iter().try_for_each(|(zone, seed)| turn.succeed(zone.clone(), *seed))?;
            renewed.iter().try_for_each(|(apex, seed)| turn.note_seed(apex, *seed))
        })
        .wait()?;
    Ok(beginnings)
}

/// What is told of a zone whose file was changed.
pub fn file_changed(apex: &Name) -> String {
    format!(
        "the file of zone {apex} was changed and is not read: updates have changed the zone since it was first read; \
         `repute zone export {apex}` writes it as it is, and updates change it"
    )
}

/// When zones from elsewhere were last known to be the newest; of all others that is forgotten.
fn times(store: &Store, secondaries: &[Secondary]) -> Result<HashMap<Name, u64>, StoreError> {
    let followed: HashSet<Name> = secondaries.iter().map(|zone| zone.apex.clone()).collect();
    let loaded = store.turn(move |turn| {
        let mut times = refreshed::load(turn)?;
        let gone: Vec<Name> =
            times.keys().filter(|apex| !followed.contains(apex)).cloned().collect();
        refreshed::forget(turn, &gone)?;
        times.retain(|apex, _| followed.contains(apex));
        Ok(times)
    });
    loaded.wait()
}

/// Whether a zone begins with its seed.
fn begins_here(zone: &ZoneConfig) -> bool {
    match zone.role {
        Role::Dynamic { .. } => true,
        Role::Service | Role::Secondary => false,
    }
}

/// Whether a zone is changed here.
fn is_changed_here(zone: &ZoneConfig) -> bool {
    match zone.role {
        Role::Dynamic { .. } | Role::Service => true,
        // It is served by whoever transfers it.
        Role::Secondary => false,
    }
}

/// What is told of a zone.
pub(crate) fn status(zone: &Zone, index: ZoneIndex) -> ZoneStatus {
    ZoneStatus {
        health: ZoneHealth::Serving,
        entries: zone.len() as u64,
        serial: zone.serial(),
        loaded_at: u32::try_from(now()).ok(),
        reloads_ok: 1,
        ..ZoneStatus::loading(zone.apex().clone(), index)
    }
}

/// A digest of records, in the order in which they stand.
fn digest(records: &[Record]) -> u64 {
    let (mut digest, mut bytes) = (Xxh3::new(), Vec::new());
    for record in records {
        bytes.clear();
        packed::record(record, &mut bytes);
        digest.update(&bytes);
    }
    digest.digest()
}

/// The time, in seconds since 1970.
fn now() -> u64 {
    // A clock before 1970 lets nobody in, and harms nothing.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Datagrams that may wait.
const QUEUE: usize = 1024;
/// Datagrams that are answered at once. Updates among them wait for one disk together.
const AT_ONCE: usize = 256;
/// Kind of message, in the first byte of the flags.
const OPCODE: u8 = 0x78;
/// A query.
const QUERY: u8 = 0;
/// An update.
const UPDATE: u8 = 5;
/// Word of a change.
const NOTIFY: u8 = 4;
/// A response, in the first byte of the flags.
const QR: u8 = 0x80;
const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
/// Transfers that are sent at once; others wait.
const TRANSFERS: usize = 16;
