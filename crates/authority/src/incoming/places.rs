//! How many questions to primaries are under way at once: in all, and to one of them.
//!
//! A server that takes ten thousand zones over from one primary would else be a flood, of which the primary refuses most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for questions.
#[derive(Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    /// Of each primary.
    own: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Places {
        Places { all: Arc::new(Semaphore::new(IN_ALL)), own: Mutex::default() }
    }
}

impl Places {
    /// Waits for a place to ask a primary.
    pub(crate) async fn take(&self, primary: IpAddr) -> Option<Place> {
        let own = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(AT_ONE));
            Arc::clone(own.entry(primary.to_canonical()).or_insert_with(new))
        };
        // Who waits for a primary takes nothing from others.
        let own = own.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _own: own, _all: all })
    }
}

/// Questions at once; other zones wait.
const IN_ALL: usize = 64;
/// Of these, to one primary: less than it is wont to allow a client.
const AT_ONE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_primary_leaves_places_to_others() {
        let places = Places::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut taken = Vec::new();
        for _ in 0..AT_ONE {
            taken.push(places.take(address(1)).await.expect("there is room"));
        }
        let mut waits = Box::pin(places.take(address(1)));
        let is_taken = tokio::select! {
            biased;
            _ = &mut waits => true,
            () = std::future::ready(()) => false,
        };
        assert!(!is_taken, "it waits");
        for last in 2..=u8::try_from(IN_ALL - AT_ONE + 1).expect("few") {
            taken.push(places.take(address(last)).await.expect("there is room"));
        }
        assert_eq!(places.all.available_permits(), 0);
        taken.clear();
        assert!(waits.await.is_some());
    }
}
