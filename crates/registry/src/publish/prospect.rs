//! What becomes of a change that was just committed, as far as it can be told before it is published: so that whoever
//! made it does not learn tomorrow that it waits.
//!
//! The guards themselves need the zone, which another process may have. Here is only what a change itself shows.

use repute_database::changes::{self, Since};
use repute_database::dns::{self, Settings};
use repute_database::lists::{ListId, Stored};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{DatabaseError, Key, Session, Timestamp, Transaction, entries, lists};
use repute_dnsxl::{Network, Target};

use super::check::is_too_much;
use crate::notice::Notice;
use crate::reserved::prefix_len;

/// What becomes of a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It is published, or will be in a moment.
    Soon,
    /// It is refused, or will be: a second person has to mean it.
    Held {
        /// Why.
        why: String,
        /// Whether that was decided already.
        is_decided: bool,
    },
    /// It waits until a second person has looked at another one.
    Behind {
        /// The one that was refused.
        serial: u32,
        /// Why.
        why: String,
    },
}

impl Prospect {
    /// Why it is not published soon, if it is not.
    pub fn held(self) -> Option<String> {
        match self {
            Prospect::Soon => None,
            Prospect::Held { why, .. } | Prospect::Behind { why, .. } => Some(why),
        }
    }
}

/// What becomes of a serial of a list, of which changes were just committed.
///
/// # Errors
/// If the database fails.
pub async fn prospect(
    mut session: Session<'_>,
    list: &Stored,
    serial: u32,
) -> Result<Prospect, DatabaseError> {
    if let Some(known) = publications::at(session.again(), list.id, serial).await? {
        return Ok(match known.outcome {
            Outcome::Published | Outcome::Approved { .. } => Prospect::Soon,
            Outcome::Refused { why } => Prospect::Held { why, is_decided: true },
        });
    }
    let good = publications::last_good(session.again(), list.id).await?;
    if good.as_ref().is_some_and(|good| good.serial > serial) {
        return Ok(Prospect::Soon);
    }
    if let Some(why) = foresee(session.again(), list, serial, good.as_ref()).await? {
        return Ok(Prospect::Held { why, is_decided: false });
    }
    Ok(match publications::pending(session, list.id).await? {
        Some(Publication { serial, outcome: Outcome::Refused { why }, .. }) => {
            Prospect::Behind { serial, why }
        }
        Some(_) | None => Prospect::Soon,
    })
}

/// The lists of which a version waits for a second person, each with it.
///
/// # Errors
/// If the database fails.
pub async fn waiting(session: Session<'_>) -> Result<Vec<(ListId, Publication)>, DatabaseError> {
    publications::all_pending(session).await
}

/// Tells editors and administrators of versions that were refused, once for each stretch in which a list stands still.
///
/// # Errors
/// If the database fails: then the transaction is to be dropped.
pub async fn tell(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<Notice>, DatabaseError> {
    let mut notices = Vec::new();
    for (id, publication) in publications::untold(transaction.session()).await? {
        let Some(list) = lists::by_id(transaction.session(), id).await? else { continue };
        // Of several processes one tells.
        if !publications::tell(transaction.session(), id, publication.serial, now).await? {
            continue;
        }
        let Publication { serial, outcome, .. } = publication;
        let Outcome::Refused { why } = outcome else { continue };
        for account in repute_database::accounts::editors(transaction.session()).await? {
            notices.push(Notice::VersionRefused {
                account: account.id.0,
                list: list.list.apex.clone(),
                serial,
                why: why.clone(),
            });
        }
    }
    Ok(notices)
}

/// Why a change will be refused, if it shows that itself.
async fn foresee(
    mut session: Session<'_>,
    list: &Stored,
    serial: u32,
    good: Option<&Publication>,
) -> Result<Option<String>, DatabaseError> {
    let settings = dns::of(session.again(), list.id).await?;
    let before = serial.saturating_sub(1);
    let largest = changes::largest_since(session.again(), list.id, before).await?;
    if let Some(good) = good
        && let Some(why) = is_too_much(good.entries, settings.max_change, largest)
    {
        return Ok(Some(why));
    }
    let Since::Keys(keys) = changes::since(session.again(), list.id, before).await? else {
        return Ok(None);
    };
    for (_, key) in keys {
        let Some(why) = suspicion(&key, &settings) else { continue };
        let found = entries::at(session.again(), list.id, &key).await?;
        if !found.is_empty() && found.iter().all(|entry| entry.code.is_some()) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// What is wrong with listing a key.
fn suspicion(key: &Key, settings: &Settings) -> Option<String> {
    let canary = settings.canaries.iter().find(|canary| covers(key, canary));
    if let Some(canary) = canary {
        return Some(format!("{canary} would be listed, which is a canary"));
    }
    match key {
        Key::Network(network) => {
            let most = match network {
                Network::V4(_) => settings.ipv4_prefix,
                Network::V6(_) => settings.ipv6_prefix,
            };
            (prefix_len(*network) <= most && most > 0)
                .then(|| format!("all of {network} would be listed"))
        }
        Key::Name(name, _) => (name.label_count() == 1)
            .then(|| format!("the top-level domain {name} would be listed")),
    }
}

/// Whether a key lists a target.
fn covers(key: &Key, target: &Target) -> bool {
    match (key, target) {
        (Key::Network(network), Target::Ipv4(address)) => network.contains((*address).into()),
        (Key::Network(network), Target::Ipv6(address)) => network.contains((*address).into()),
        (Key::Name(..), Target::Name(_)) => Key::over(target).contains(key),
        (Key::Network(_), Target::Name(_)) | (Key::Name(..), Target::Ipv4(_) | Target::Ipv6(_)) => {
            false
        }
    }
}
