//! Updates (RFC 2136), from the message to the answer.
//!
//! The order is that of section 3: the zone, the prerequisites, the permission, the changes; but records that mean
//! nothing are refused before any of it, and nothing of a zone is told to whoever has no key for it. Updates without a
//! signature are refused. What is answered with NOERROR is on the disk and served.
//!
//! What may be changed is decided in [`repute_records::update`]; keeping it is the [`Store`]'s part.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use repute_dnsxl::{Name, Network};
use repute_records::update::{Grant, Refusal, Update};
use repute_records::{Advance, Editor, Zone};

use crate::complaints::{Complaints, network};
use crate::ledger::Ledger;
use crate::message::{self, Sent, Unreadable};
use crate::replay::{self, Replays, Seen};
use crate::signature::{Signed, bare_answer, too_old};
use crate::store::{Fault, Store, Turn};

/// How much an update may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records of one update, prerequisites included. Default 1000.
    pub records: usize,
    /// Names of one zone, after the update. Default 100,000.
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { records: 1000, names: 100_000 }
    }
}

/// What a zone is to those who would change it.
#[derive(Clone, Debug)]
pub enum Role {
    /// It is changed here.
    Dynamic {
        /// Who may change what.
        permits: Vec<Permit>,
        /// How its serial goes on.
        serials: Serials,
    },
    /// It is changed here, by a service of this server alone, which has it begin as well.
    Service,
    /// It comes from elsewhere, where it is changed. Updates are not passed on.
    Secondary,
}

/// How a zone's serial goes on with a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serials {
    /// By one.
    #[default]
    Count,
    /// To the time in seconds since 1970, or by one if it is that already.
    Time,
}

/// What the holder of a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The key.
    pub key: Name,
    /// Which names and types.
    pub grants: Vec<Grant>,
    /// From where; none means from anywhere.
    pub from: Vec<Network>,
}

impl Permit {
    /// Whether it is for whoever has this key and comes from there.
    fn is_for(&self, key: &Name, address: IpAddr) -> bool {
        let is_near = self.from.is_empty() || self.from.iter().any(|from| from.contains(address));
        self.key == *key && is_near
    }
}

/// Does updates.
#[derive(Debug)]
pub struct Updates {
    /// Zones that may be asked for.
    pub zones: HashMap<Name, Role>,
    /// Bounds.
    pub limits: Limits,
    /// Where changes are kept.
    pub store: Arc<Store>,
    /// What came before.
    pub replays: Arc<Replays>,
    /// What is wrong with clients.
    pub complaints: Arc<Complaints>,
    /// What was done.
    pub ledger: Arc<Ledger>,
}

/// An update that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    added: usize,
    removed: usize,
    serial: u32,
}

/// Why an update is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum No {
    /// By the rules of the zone.
    #[error(transparent)]
    Rules(#[from] Refusal),
    /// It would have too many names.
    #[error("the zone would have more than {0} names: remove some, or raise the limit")]
    Names(usize),
}

impl Updates {
    /// Answers an update that is not signed: whatever it is, it is not done.
    pub fn unsigned(&self, message: &[u8], address: IpAddr, now: u64) -> Vec<u8> {
        let rcode = match self.read(message, None, address, now) {
            Err(rcode) => rcode,
            Ok((sent, _)) => {
                let remedy = "it is not signed: have the client sign it with a key of the zone";
                self.complain(&sent.apex, None, address, now, &remedy);
                REFUSED
            }
        };
        self.ledger.answered(rcode);
        bare_answer(message, rcode)
    }

    /// Answers an update that is signed; nothing if the same is under way.
    pub async fn signed(&self, mut signed: Signed, address: IpAddr, now: u64) -> Option<Vec<u8>> {
        let key = signed.signer.key().name().clone();
        let mark = replay::mark(&signed);
        let seen = self.replays.begin(&signed, now);
        if seen != Seen::Never {
            self.ledger.replayed();
        }
        let rcode = match seen {
            Seen::UnderWay => return None,
            Seen::Answered(rcode) => rcode,
            Seen::TooOld => return Some(too_old(&mut signed, now)),
            Seen::Never => {
                let rcode = self.take(&signed, &key, mark, address, now).await;
                self.ledger.answered(rcode);
                match rcode {
                    // The same may be sent again, and is done then.
                    SERVFAIL => self.replays.forget(&key, mark),
                    rcode => self.replays.answered(&key, mark, rcode),
                }
                rcode
            }
        };
        let mut answer = bare_answer(&signed.message, rcode);
        signed.signer.sign(&mut answer, now);
        Some(answer)
    }

    /// Does a signed update; the response code.
    async fn take(
        &self,
        signed: &Signed,
        key: &Name,
        mark: replay::Mark,
        address: IpAddr,
        now: u64,
    ) -> u8 {
        let (sent, role) = match self.read(&signed.message, Some(key), address, now) {
            Ok(read) => read,
            Err(rcode) => return rcode,
        };
        let complain = |remedy: &dyn std::fmt::Display, zone: &Name| {
            self.complain(zone, Some(key), address, now, remedy);
        };
        let (permits, serials) = match role {
            Role::Dynamic { permits, serials } => (permits, *serials),
            Role::Service | Role::Secondary => return REFUSED,
        };
        let own: Vec<&Permit> = permits.iter().filter(|own| own.is_for(key, address)).collect();
        if own.is_empty() {
            complain(&"the key may not change this zone from there: give it a grant", &sent.apex);
            return REFUSED;
        }
        let grants: Vec<Grant> = own.into_iter().flat_map(|own| own.grants.clone()).collect();
        let Sent { apex, prerequisites, changes, .. } = sent;
        let update = match Update::read(&apex, prerequisites, changes) {
            Ok(update) => update,
            Err(refusal) => {
                complain(&refusal, &apex);
                return refusal.rcode();
            }
        };
        let advance = match serials {
            Serials::Count => Advance::Next,
            Serials::Time => Advance::Time(u32::try_from(now).unwrap_or(u32::MAX)),
        };
        let (limits, zone, by) = (self.limits, apex.clone(), key.clone());
        let work = move |turn: &mut Turn<'_>| {
            let missing = || Fault::Undo(format!("the store has no zone {zone}"));
            let before = turn.zone(&zone).ok_or_else(missing)?;
            let (after, done) = match change(&update, &grants, limits, advance, &before) {
                Ok(changed) => changed,
                Err(no) => return Ok(Err(no)),
            };
            let Some((after, difference)) = after else { return Ok(Ok(done)) };
            turn.change(after, &difference)?;
            replay::keep(turn, &by, mark, NOERROR, now)?;
            Ok(Ok(done))
        };
        match self.store.turn(work).done().await {
            Ok(Ok(Done { added, removed, serial })) => {
                self.ledger.updated(&apex, key, serial, now);
                tracing::info!(
                    target: "audit",
                    key = %key, zone = %apex, client = %network(address), added, removed, serial,
                    "key {key} changed zone {apex}: {added} records added, {removed} removed, serial {serial}"
                );
                NOERROR
            }
            Ok(Err(No::Rules(refusal))) => {
                // A prerequisite that does not hold is an answer, and no mistake.
                if matches!(refusal.rcode(), FORMERR | REFUSED | NOTZONE) {
                    complain(&refusal, &apex);
                }
                refusal.rcode()
            }
            Ok(Err(no @ No::Names(_))) => {
                complain(&no, &apex);
                REFUSED
            }
            Err(error) => {
                complain(&error, &apex);
                SERVFAIL
            }
        }
    }

    /// Reads an update and finds its zone.
    fn read(
        &self,
        message: &[u8],
        key: Option<&Name>,
        address: IpAddr,
        now: u64,
    ) -> Result<(Sent, &Role), u8> {
        let sent = message::read(message, self.limits.records).map_err(|error| {
            self.complain(&Name::root(), key, address, now, &error);
            match error {
                Unreadable::Malformed(_) => FORMERR,
                Unreadable::TooMany(_) => REFUSED,
            }
        })?;
        match self.zones.get(&sent.apex).filter(|_| sent.class == CLASS_IN) {
            Some(Role::Secondary) => {
                let remedy = "the zone comes from elsewhere: send updates to its primary";
                self.complain(&sent.apex, key, address, now, &remedy);
                Err(REFUSED)
            }
            Some(Role::Service) => {
                let remedy = "the zone is changed by a service of this server alone: ask that one";
                self.complain(&sent.apex, key, address, now, &remedy);
                Err(REFUSED)
            }
            Some(role @ Role::Dynamic { .. }) => Ok((sent, role)),
            None => {
                let remedy =
                    "no zone of that name is changed here: compare its name with the configuration";
                self.complain(&sent.apex, key, address, now, &remedy);
                Err(NOTAUTH)
            }
        }
    }

    /// Writes a line about an update that is refused.
    fn complain(
        &self,
        zone: &Name,
        key: Option<&Name>,
        address: IpAddr,
        now: u64,
        why: &dyn std::fmt::Display,
    ) {
        self.complaints.complain("an update was refused", zone, key, address, now, why);
    }
}

/// Changes a zone by an update. Its next version and what changed, if anything did.
fn change(
    update: &Update,
    grants: &[Grant],
    limits: Limits,
    advance: Advance,
    before: &Arc<Zone>,
) -> Result<(Option<(Zone, repute_records::Difference)>, Done), No> {
    update.check(before)?;
    update.permit(before, grants)?;
    let mut editor = Editor::new(before);
    update.apply(&mut editor)?;
    let names = editor.zone().names();
    if names > limits.names && names > before.names() {
        return Err(No::Names(limits.names));
    }
    Ok(match editor.finish(advance) {
        None => (None, Done { added: 0, removed: 0, serial: before.serial() }),
        Some((after, difference)) => {
            let (added, removed) = (difference.added.len(), difference.removed.len());
            let done = Done { added, removed, serial: after.serial() };
            (Some((after, difference)), done)
        }
    })
}

/// The Internet.
const CLASS_IN: u16 = 1;
const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;
const NOTAUTH: u8 = 9;
const NOTZONE: u8 = 10;

#[cfg(test)]
mod tests;
