//! All zones that are followed: a task each, which is begun, left alone or ended as the configuration changes.
//!
//! A zone whose primaries and limits stay goes on as it is, so that a reload asks nobody anything that he was just asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use repute_dnsxl::Name;
use repute_nameserver::control::Outcome;
use repute_nameserver::status::StatusBoard;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::heard::{Deaf, Heard};
use super::outlet::Counter;
use super::secondary::{Ears, Follower, Means, Secondary};
use crate::keys::Keys;
use crate::sources::Sources;
use crate::store::Store;

/// Zones that are followed. Dropped, it ends all of them.
#[derive(Debug)]
pub(crate) struct Secondaries {
    means: Means,
    runtime: Handle,
    state: RwLock<State>,
}

/// Who follows what.
#[derive(Debug, Default)]
struct State {
    heard: Heard,
    followed: HashMap<Name, Followed>,
}

/// A zone that is followed.
#[derive(Debug)]
struct Followed {
    secondary: Secondary,
    /// Takes whoever wants a primary asked.
    wanted: mpsc::Sender<oneshot::Sender<Outcome>>,
    stop: CancellationToken,
}

impl Secondaries {
    /// None yet.
    pub(crate) fn new(
        store: Arc<Store>,
        board: Arc<StatusBoard>,
        counter: Counter,
        runtime: Handle,
    ) -> Secondaries {
        let (keys, sources, places) = (Arc::default(), Arc::default(), Arc::default());
        let means = Means { store, board, counter, keys, sources, places };
        Secondaries { means, runtime, state: RwLock::default() }
    }

    /// Follows these zones from now on and no others, each of which was last the newest at a time. Others are not served.
    pub(crate) fn configure(
        &self,
        wanted: Vec<Secondary>,
        refreshed: &HashMap<Name, u64>,
        keys: Arc<Keys>,
        sources: Sources,
    ) {
        self.means.keys.store(keys);
        self.means.sources.store(Arc::new(sources));
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { heard, followed } = &mut *state;
        let mut before = std::mem::take(followed);
        let mut new = Vec::new();
        for secondary in wanted {
            match before.remove(&secondary.apex) {
                Some(same) if same.secondary.is_same(&secondary) => {
                    followed.insert(secondary.apex.clone(), same);
                }
                other => {
                    other.inspect(|other| other.stop.cancel());
                    new.push(secondary);
                }
            }
        }
        for (apex, gone) in before {
            gone.stop.cancel();
            heard.forget(&apex);
            self.means.store.withdraw(&apex);
        }
        for secondary in new {
            let apex = secondary.apex.clone();
            let told = heard.listen(apex.clone(), secondary.primaries.clone());
            let (wanted, waiting) = mpsc::channel(ASKERS);
            let ears = Ears { told, wanted: waiting };
            let (means, time) = (self.means.clone(), refreshed.get(&apex).copied());
            let follower = Follower::new(secondary.clone(), means, time, ears);
            let stop = CancellationToken::new();
            self.runtime.spawn(follower.run(stop.clone()));
            followed.insert(apex, Followed { secondary, wanted, stop });
        }
    }

    /// Follows some of the zones no more, for now: they stay what they are.
    pub(crate) fn pause(&self, is_meant: impl Fn(&Name) -> bool) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { heard, followed } = &mut *state;
        followed.retain(|apex, zone| {
            let stays = !is_meant(apex);
            if !stays {
                zone.stop.cancel();
                heard.forget(apex);
                self.means.store.withdraw(apex);
            }
            stays
        });
    }

    /// Takes a NOTIFY: from this address, signed with this key if it was.
    pub(crate) fn hear(
        &self,
        message: &[u8],
        address: IpAddr,
        key: Option<&Name>,
    ) -> Result<(), Deaf> {
        self.state().heard.take(message, address, key)
    }

    /// Has a primary of a zone asked at once; where it is told what came of it. Nothing if the zone is not followed.
    pub(crate) fn ask(&self, apex: &Name) -> Option<oneshot::Receiver<Outcome>> {
        let (asker, waiting) = oneshot::channel();
        // One who finds no room is told so by an asker that is gone.
        let _ = self.state().followed.get(apex)?.wanted.try_send(asker);
        Some(waiting)
    }

    /// Who follows what.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Secondaries {
    fn drop(&mut self) {
        for followed in self.state().followed.values() {
            followed.stop.cancel();
        }
    }
}

/// How many may wait for one question.
const ASKERS: usize = 16;
