//! A backup takes the place of what is in the database, also while servers work on it.
//!
//! What a backup holds is older than what was published since: a list that went on from there would give the same
//! serials once more, to other content. So each list goes on far ahead of every serial that it can have had, and
//! whoever follows it reads it anew: the processes on this database, servers elsewhere, and DNS's secondaries, to
//! which a serial that goes back means that nothing changed (RFC 1982). How far ahead depends on the time, so that one
//! backup that is restored twice, on machines that know nothing of what was published, does not come to one serial
//! twice. That, too, is written into the audit log.

use std::io::BufRead;

use repute_database::audit::{self, Deed};
use repute_database::backup::{self, BackupError, Extent, Into};
use repute_database::jobs::{self, Order};
use repute_database::lists::{self, Stored};
use repute_database::{DatabaseError, Timestamp, Transaction, changes};
use repute_dnsxl::Name;
use serde_json::json;

use crate::changes::PUBLISH;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// How much that was.
    pub extent: Extent,
    /// Each list, with the serial that it goes on with.
    pub lists: Vec<(Name, u32)>,
}

/// Restores a backup into a transaction, and has its lists go on ahead of their serials; `by` is the number of the
/// system's user who does it. Whoever else works on the database waits until the transaction is over.
///
/// # Errors
/// As [`backup::restore`]: then the transaction is to be dropped.
pub async fn restore(
    transaction: &mut Transaction,
    input: &mut (dyn BufRead + Send),
    into: Into,
    by: u32,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    // What others change before they are shut out moves a serial by one, far less than lists go ahead.
    let before = lists::all(transaction.session()).await?;
    let extent = backup::restore(transaction, input, into).await?;
    let actor = audit::user(transaction.session(), by).await?;
    let mut restored = Vec::new();
    for list in lists::all(transaction.session()).await? {
        let known = before.iter().find(|stored| stored.list.apex == list.list.apex);
        let serial = ahead(list.serial.max(known.map_or(0, |stored| stored.serial)), now);
        go_on(transaction, &list, serial, &actor, now).await?;
        restored.push((list.list.apex, serial));
    }
    Ok(Restored { extent, lists: restored })
}

/// Has a list go on with a serial, to be read anew.
async fn go_on(
    transaction: &mut Transaction,
    list: &Stored,
    serial: u32,
    actor: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    changes::go_to(transaction.session(), list.id, serial).await?;
    // How many keys differ from what was published nobody knows any more.
    changes::note_anew(transaction.session(), list.id, serial, 0).await?;
    let apex = list.list.apex.to_string();
    let deed = Deed {
        time: now,
        actor: actor.to_owned(),
        action: RESTORE.to_owned(),
        subject: format!("list/{apex}"),
        detail: json!({ "serial": serial, "was": list.serial }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    let order = Order {
        kind: PUBLISH.to_owned(),
        key: Some(format!("{PUBLISH}/{apex}")),
        payload: json!({ "list": apex }).to_string(),
        due: now,
    };
    jobs::order(transaction.session(), &order).await
}

/// A serial that is ahead of all that a list can have had since it had this one, and of which RFC 1982 (section 3.2)
/// says so, too. Behind the last one comes 1, as with every change.
fn ahead(serial: u32, now: Timestamp) -> u32 {
    let seconds = (now.0 / 1_000_000).saturating_sub(SINCE).clamp(0, i64::from(FARTHEST - AHEAD));
    let step = AHEAD + u32::try_from(seconds).unwrap_or(0);
    serial.checked_add(step).unwrap_or_else(|| serial.wrapping_add(step).saturating_add(1))
}

/// What the audit log says of each list that was restored.
pub const RESTORE: &str = "list.restore";
/// At least so far ahead a restored list goes on: a change each second for four months.
pub const AHEAD: u32 = 10_000_000;
/// From when on each second is one serial more: 2026 began, in Unix seconds.
const SINCE: i64 = 1_767_225_600;
/// So far ahead RFC 1982 still says that it is ahead; 2090 is over then.
const FARTHEST: u32 = (1 << 31) - 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_ahead_is_never_zero_and_always_later() {
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        for now in [Timestamp(9), at(SINCE), at(SINCE + 86_400), Timestamp(i64::MAX)] {
            for serial in [1, 2, 4_000_000_000, u32::MAX - AHEAD, u32::MAX - AHEAD + 1, u32::MAX] {
                let ahead = ahead(serial, now);
                // RFC 1982 section 3.2: "s1 is said to be less than s2 if ... i1 < i2 and i2 - i1 < 2^(SERIAL_BITS - 1)".
                let distance = ahead.wrapping_sub(serial);
                assert!(ahead != 0 && distance > 0 && distance < 1 << 31, "{serial} {ahead}");
            }
        }
    }

    #[test]
    fn one_backup_comes_to_another_serial_each_time() {
        let at = |seconds: i64| Timestamp((SINCE + seconds) * 1_000_000);
        assert_eq!(ahead(7, at(0)), 7 + AHEAD);
        assert_eq!(ahead(7, at(86_400)), ahead(7, at(86_399)) + 1);
    }
}
