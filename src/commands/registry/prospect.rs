//! What becomes of what was just done: whoever did it is told at once if it waits for a second person.

use std::time::Duration;

use repute_database::Database;
use repute_database::lists::Stored;
use repute_registry::publish::{Prospect, prospect};

use super::plain;
use crate::exit::tell;

/// Tells on standard error what keeps a serial from being published, if anything does. Where something looks as if it
/// did, whoever publishes is given a moment to say it himself.
pub(super) async fn foretell(
    database: &Database,
    list: &Stored,
    serial: Option<u32>,
) -> anyhow::Result<()> {
    let Some(serial) = serial else { return Ok(()) };
    let apex = &list.list.apex;
    let mut waited = Duration::ZERO;
    loop {
        let found = prospect(database.read().await?.session(), list, serial).await?;
        match found {
            Prospect::Soon => return Ok(()),
            Prospect::Held { why, is_decided: true } => {
                let why = plain(&why);
                tell!(
                    "warning: serial {serial} of {apex} is held back: {why}; if that is meant, a second person runs \
                     `repute list approve {apex} {serial}`"
                );
                return Ok(());
            }
            Prospect::Held { why, is_decided: false } if waited >= PATIENCE => {
                let why = plain(&why);
                tell!(
                    "warning: serial {serial} of {apex} will be held back, as it seems: {why}; once it is published \
                     by `repute serve`, `repute list status {apex}` says so"
                );
                return Ok(());
            }
            Prospect::Behind { serial: other, why } if waited >= PATIENCE => {
                let why = plain(&why);
                tell!(
                    "warning: serial {serial} of {apex} waits behind serial {other}, which was refused: {why}; \
                     `repute list status {apex}` says what to do"
                );
                return Ok(());
            }
            Prospect::Held { .. } | Prospect::Behind { .. } => {
                tokio::time::sleep(STEP).await;
                waited += STEP;
            }
        }
    }
}

/// How long whoever publishes is waited for.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often he is looked for meanwhile.
const STEP: Duration = Duration::from_millis(100);
