//! Zones and lists on request and on change: who asks for one is given it, and who follows it is told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::beyond::Outgoing;
use repute_nameserver::{ZoneState, Zones};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::complaints::Complaints;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::lists::{Lists, Version};
use crate::notify::{self, Change, Target};
use crate::signature::{Signer, bare_answer};
use crate::sources::Sources;
use crate::store::{Steps, Store, StoreError};
use crate::transfer::{self, Ask, Outcome, Rule, Source, What};

/// What transfers need.
#[derive(Debug)]
pub(crate) struct Transfers {
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    pub(crate) store: Arc<Store>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) complaints: Arc<Complaints>,
    pub(crate) ledger: Arc<Ledger>,
    /// How many are sent at once.
    pub(crate) places: Arc<Semaphore>,
}

/// A question for a transfer, its signature checked.
#[derive(Debug)]
pub(crate) struct Request {
    /// The message without its signature.
    pub(crate) message: Vec<u8>,
    /// Signs the answers, if it was signed.
    pub(crate) signer: Option<Signer>,
}

/// A question that may be answered.
struct Granted {
    ask: Ask,
    source: Source,
    most: u64,
}

impl Transfers {
    /// Answers a question by UDP: with the SOA, or why not.
    pub(crate) fn datagram(
        &self,
        rules: &HashMap<Name, Rule>,
        mut request: Request,
        address: IpAddr,
        now: u64,
    ) -> Vec<u8> {
        let id = id_of(&request.message);
        let answer =
            self.grant(rules, &request, address, now).and_then(|granted| match granted.ask.what {
                // RFC 5936 section 4.2: a whole zone goes by TCP only.
                What::Whole => Err(FORMERR),
                What::Since(_) => {
                    transfer::answer_datagram(&granted.ask, id, &granted.source).ok_or(SERVFAIL)
                }
            });
        if answer.is_err() {
            self.ledger.transfer_refused();
        }
        let mut answer = answer.unwrap_or_else(|rcode| bare_answer(&request.message, rcode));
        if let Some(signer) = &mut request.signer {
            signer.sign(&mut answer, now);
        }
        answer
    }

    /// Answers a question by TCP; whether the connection goes on.
    pub(crate) async fn stream(
        &self,
        rules: &HashMap<Name, Rule>,
        request: Request,
        address: IpAddr,
        now: u64,
        out: &mut (dyn Outgoing + Send),
    ) -> bool {
        let Granted { ask, source, most } = match self.grant(rules, &request, address, now) {
            Ok(granted) => granted,
            Err(rcode) => {
                self.ledger.transfer_refused();
                return refuse(request, rcode, now, out).await;
            }
        };
        let soa = source.soa().and_then(|soa| repute_records::Soa::read(&soa.data));
        let serial = soa.map_or(0, |soa| soa.serial);
        // It is never closed.
        let Ok(_place) = Arc::clone(&self.places).acquire_owned().await else { return false };
        let (start, apex, id) = (Instant::now(), ask.apex.clone(), id_of(&request.message));
        // Taken along, it would be gone where the answer is that there is too much.
        let signer = request.signer.as_ref().map(Signer::again);
        let sent = transfer::send(ask, id, source, signer, most, now, out).await;
        let took = start.elapsed();
        self.ledger.transferred(&apex, serial, &sent, unix());
        match sent.outcome {
            Outcome::TooLarge => {
                tracing::warn!(
                    zone = %apex,
                    "`{apex}` was asked for and not sent: it has more than {most} records; raise `max-records` if that \
                     is meant"
                );
                refuse(request, REFUSED, now, out).await
            }
            Outcome::Broken => {
                tracing::info!(zone = %apex, "a transfer of `{apex}` broke off after {} records", sent.records);
                false
            }
            Outcome::Current | Outcome::Changes | Outcome::Whole => {
                let what = match sent.outcome {
                    Outcome::Changes => "what changed in",
                    Outcome::Current => "that nothing is new in",
                    Outcome::Whole | Outcome::TooLarge | Outcome::Broken => "all of",
                };
                tracing::info!(
                    zone = %apex, records = sent.records, messages = sent.messages, bytes = sent.bytes,
                    "sent {what} `{apex}`: {} records in {} messages, {took:.1?}", sent.records, sent.messages
                );
                true
            }
        }
    }

    /// Whether a question may be answered, and from what; else the response code.
    fn grant(
        &self,
        rules: &HashMap<Name, Rule>,
        request: &Request,
        address: IpAddr,
        now: u64,
    ) -> Result<Granted, u8> {
        let ask = Ask::read(&request.message).map_err(|_| FORMERR)?;
        let key = request.signer.as_ref().map(|signer| signer.key().name().clone());
        let zones = self.zones.load();
        let Some(state) = zones.get(&ask.apex) else { return Err(NOTAUTH) };
        let rule = rules.get(&ask.apex).filter(|rule| rule.access.admits(address, key.as_ref()));
        let Some(rule) = rule else {
            let why = "nobody there may have it: add the address or key to `transfer` of the zone";
            self.complaints.complain(
                "a transfer was refused",
                &ask.apex,
                key.as_ref(),
                address,
                now,
                &why,
            );
            return Err(REFUSED);
        };
        let source = match state {
            // What is sent is what the next changes lead on from, so it may be a version behind what is served.
            ZoneState::Serving(list) if list.soa().is_some() => match self.lists.reached(&ask.apex)
            {
                Some(version) => {
                    let steps = self.steps(&ask, |serial| self.lists.steps(&version, serial));
                    let Version { zone, now, .. } = version;
                    Source::List(zone, now, steps)
                }
                None => {
                    Source::List(Arc::clone(list), u32::try_from(now).unwrap_or(u32::MAX), None)
                }
            },
            ZoneState::Records(live) => {
                let zone = live.load_full().ok_or(SERVFAIL)?;
                let kept = self.store.zone(&ask.apex);
                // A version that could not be kept may have the serial of the one that is.
                let is_another = kept.is_some_and(|kept| {
                    kept.serial() == zone.serial() && !Arc::ptr_eq(&kept, &zone)
                });
                let steps = match is_another {
                    true => None,
                    false => self
                        .steps(&ask, |serial| self.store.steps(&ask.apex, serial, zone.serial())),
                };
                Source::Records(zone, steps)
            }
            ZoneState::Serving(_) | ZoneState::Failed => return Err(SERVFAIL),
        };
        Ok(Granted { ask, source, most: rule.most })
    }

    /// What changed up to a version, as far as it is known.
    fn steps(
        &self,
        ask: &Ask,
        since: impl FnOnce(u32) -> Result<Option<Steps>, StoreError>,
    ) -> Option<Steps> {
        let What::Since(from) = ask.what else { return None };
        match since(from) {
            Ok(steps) => steps,
            Err(error) => {
                tracing::warn!(zone = %ask.apex, "what changed in `{}` cannot be read, all is sent: {error}", ask.apex);
                None
            }
        }
    }
}

/// Answers with nothing but a response code; whether the connection goes on.
async fn refuse(
    mut request: Request,
    rcode: u8,
    now: u64,
    out: &mut (dyn Outgoing + Send),
) -> bool {
    let mut answer = bare_answer(&request.message, rcode);
    if let Some(signer) = &mut request.signer {
        signer.sign(&mut answer, now);
    }
    out.send(&answer).await.is_ok()
}

/// Looks now and then whether zones have changed that somebody is to be told of, and has him told, until the server
/// stops. It asks what is served, so it does not matter by whom a zone is changed; the first look tells of all.
pub(crate) async fn watch(
    zones: Arc<ArcSwap<Zones>>,
    lists: Arc<Lists>,
    targets: HashMap<Name, Vec<Target>>,
    keys: Arc<Keys>,
    sources: Sources,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
) {
    ledger.forget_secondaries();
    if targets.is_empty() {
        return;
    }
    let (changes, waiting) = mpsc::channel(CHANGES);
    let names: Vec<Name> = targets.keys().cloned().collect();
    let told = tokio::spawn(notify::run(targets, keys, sources, ledger, waiting, stop.clone()));
    let mut serials: HashMap<Name, u32> = HashMap::new();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => {}
        }
        let now: Vec<Source> = {
            let zones = zones.load();
            names.iter().filter_map(|name| current(zones.get(name)?, &lists)).collect()
        };
        for soa in now.iter().filter_map(Source::soa) {
            let Some(serial) = repute_records::Soa::read(&soa.data).map(|soa| soa.serial) else {
                continue;
            };
            if serials.insert(soa.owner.clone(), serial) != Some(serial)
                && changes.send(Change { soa }).await.is_err()
            {
                return;
            }
        }
    }
    // It ends by the same token.
    let _ = told.await;
}

/// Has what changed in lists found out as they come to be served, until the server stops.
pub(crate) async fn look(zones: Arc<ArcSwap<Zones>>, lists: Arc<Lists>, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => {}
        }
        lists.look(&zones, u32::try_from(unix()).unwrap_or(u32::MAX));
    }
}

/// The time, in seconds since 1970.
fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What is sent of a zone.
fn current(state: &ZoneState, lists: &Lists) -> Option<Source> {
    match state {
        ZoneState::Serving(list) => {
            let reached = lists.reached(list.apex());
            let zone = reached.map_or_else(|| Arc::clone(list), |version| version.zone);
            Some(Source::List(zone, 0, None))
        }
        ZoneState::Records(live) => Some(Source::Records(live.load_full()?, None)),
        ZoneState::Failed => None,
    }
}

/// The id of a message.
fn id_of(message: &[u8]) -> [u8; 2] {
    message.first_chunk().copied().unwrap_or_default()
}

const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;
const NOTAUTH: u8 = 9;
/// Changes that wait to be told.
const CHANGES: usize = 1_024;
/// How often zones are looked at.
const LOOK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
