//! What handlers share: the database, the configuration, the lists in memory.

use std::sync::Arc;

use repute_database::Database;
use repute_distribution::Shelf;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::limits::Limits;
use crate::means::Means;
use crate::overview::Overview;
use crate::passkey::Passkeys;
use crate::password::Hashing;
use crate::zones::Zones;

/// What handlers share; clones are the same one.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of it.
pub(crate) struct Parts {
    /// Where everything is remembered.
    pub(crate) database: Database,
    /// How the portal is set up.
    pub(crate) config: Config,
    /// What the registry's rules need besides the database.
    pub(crate) means: Means,
    /// The lists as they are answered.
    pub(crate) zones: Arc<dyn Zones>,
    /// The lists as they are described, remembered for a moment.
    pub(crate) overview: Overview,
    /// How often somebody may do something.
    pub(crate) limits: Limits,
    /// Where passwords are hashed.
    pub(crate) hashing: Hashing,
    /// What asks browsers for passkeys, and checks them.
    pub(crate) passkeys: Passkeys,
    /// Told when there is mail to be sent.
    pub(crate) mail_waits: Notify,
    /// Told when there is work to be done.
    pub(crate) work_waits: Notify,
    /// Who notes that somebody was here: one at a time.
    pub(crate) notes: Arc<Semaphore>,
    /// What servers elsewhere may have.
    pub(crate) shelf: Arc<Shelf>,
    /// Cancelled when the portal ends, so that nobody is left waiting.
    pub(crate) closing: CancellationToken,
}

impl App {
    /// Of these parts.
    pub(crate) fn new(
        database: Database,
        config: Config,
        means: Means,
        zones: Arc<dyn Zones>,
        shelf: Arc<Shelf>,
        closing: CancellationToken,
    ) -> App {
        let passkeys = Passkeys::new(&config);
        App(Arc::new(Parts {
            database,
            config,
            means,
            zones,
            overview: Overview::default(),
            limits: Limits::default(),
            hashing: Hashing::default(),
            passkeys,
            mail_waits: Notify::new(),
            work_waits: Notify::new(),
            notes: Arc::new(Semaphore::new(1)),
            shelf,
            closing,
        }))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
