//! The one way by which a list changes.
//!
//! A change is written with its serial, its row in the audit log and the order to publish it, all in the
//! caller's transaction: after a commit all of it holds, after a crash before it none.

use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::bulk::{self, Place};
use repute_database::entries::{self, Entry};
use repute_database::entry_history::{self, Kind, Turn, Under};
use repute_database::jobs::{self, Order};
use repute_database::lists::{self, Stored};
use repute_database::{DatabaseError, Key, Timestamp, Transaction, changes};
use repute_dnsxl::KeyKind;
use serde_json::{Value, json};

use crate::{kept_out, reserved, two_editors};

pub(crate) mod ends;
mod turns;

pub use turns::MOST_EACH;
pub(crate) use turns::{of_places, sample};

/// A key and what it is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changes.
    pub key: Key,
    /// All its entries; without any there is nothing at this key any more.
    pub entries: Vec<Entry>,
}

/// Who changes a list, and why: what the audit log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The pseudonym of who does it, from [`audit::actor`].
    pub actor: String,
    /// What is done, in a word of the field: `entries.change`, `request.approve`.
    pub action: String,
    /// Why, for people; what is behind it, a request or a file.
    pub reason: String,
}

/// Why a list cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// An entry under another key than the change's.
    #[error("an entry for `{entry}` stands under the key `{key}`")]
    Key {
        /// The change's key.
        key: String,
        /// The entry's.
        entry: String,
    },
    /// A network on a list of names, or the other way round.
    #[error("`{key}` cannot be on {apex}, which lists {keys}")]
    Kind {
        /// What should be listed.
        key: String,
        /// The list.
        apex: String,
        /// What it takes.
        keys: KeyKind,
    },
    /// Everything, or what is never listed.
    #[error("`{key}` is never listed: {why}")]
    Never {
        /// What should be listed.
        key: String,
        /// Why not.
        why: &'static str,
    },
    /// A text that nobody could read, or DNS could not carry.
    #[error("{what} has more than {most} characters")]
    Long {
        /// Which.
        what: &'static str,
        /// The most.
        most: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Writes changes of a list into a transaction; the serial they have. Of several for one key the last counts.
///
/// # Errors
/// If a change does not fit the list, or the database fails: then the transaction is to be dropped.
pub async fn apply(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
    cause: &Cause,
    now: Timestamp,
) -> Result<u32, ChangeError> {
    apply_agreed(transaction, list, changes, cause, None, now).await
}

/// The same of what another editor agreed to, if one did, by his pseudonym: the audit log says so.
///
/// # Errors
/// If a change does not fit the list, or the database fails: then the transaction is to be dropped.
pub(crate) async fn apply_agreed(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
    cause: &Cause,
    agreed: Option<&str>,
    now: Timestamp,
) -> Result<u32, ChangeError> {
    for change in changes {
        check(list, change)?;
    }
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    let turns = turns::of_changes(transaction, list.id, changes).await?;
    for Change { key, entries } in changes {
        entries::remove(transaction.session(), list.id, key).await?;
        entries::put(transaction.session(), list.id, entries).await?;
    }
    kept_out::give_way(transaction, list.id, changes).await?;
    let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
    changes::note(transaction.session(), list.id, serial, &keys).await?;
    let policy = lists::policy_version(transaction.session(), list.id).await?;
    let mut detail = detail(serial, (changes, &turns), &cause.reason, policy);
    if let Some(agreed) = agreed {
        detail["agreed"] = agreed.into();
    }
    let under = record(transaction, list, cause, (detail.to_string(), policy), now).await?;
    entry_history::note(transaction.session(), list.id, under, Kind::Change, &turns).await?;
    Ok(serial)
}

/// What changes will make of their keys: to be called before they are written.
pub(crate) async fn turns(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
) -> Result<Vec<Turn>, DatabaseError> {
    turns::of_changes(transaction, list.id, changes).await
}

/// Writes entries that only last longer or shorter, or are there for another reason: DNS does not see it, and there is
/// nothing to publish.
///
/// # Errors
/// If a change does not fit the list, or the database fails: then the transaction is to be dropped.
pub async fn renew(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
    cause: &Cause,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
    entry_history::drop_renewals(transaction.session(), list.id, &keys).await?;
    quietly(transaction, list, changes, cause, Kind::Renewal, now).await
}

/// Writes entries for which somebody else is responsible from now on: DNS does not see it, and there is nothing to
/// publish, but each can be taken back.
///
/// # Errors
/// If a change does not fit the list, or the database fails: then the transaction is to be dropped.
pub async fn hand_over(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
    cause: &Cause,
    now: Timestamp,
) -> Result<(), ChangeError> {
    quietly(transaction, list, changes, cause, Kind::Change, now).await
}

/// Writes changes that DNS does not see, with their history and their row in the audit log.
async fn quietly(
    transaction: &mut Transaction,
    list: &Stored,
    changes: &[Change],
    cause: &Cause,
    kind: Kind,
    now: Timestamp,
) -> Result<(), ChangeError> {
    for change in changes {
        check(list, change)?;
    }
    let turns = turns::of_changes(transaction, list.id, changes).await?;
    for Change { key, entries } in changes {
        entries::remove(transaction.session(), list.id, key).await?;
        entries::put(transaction.session(), list.id, entries).await?;
    }
    let policy = lists::policy_version(transaction.session(), list.id).await?;
    let detail = detail(list.serial, (changes, &turns), &cause.reason, policy);
    let deed = deed(list, cause, detail.to_string(), now);
    let audit = audit::append(transaction.session(), &deed).await?;
    let under = Under { audit, time: now, policy };
    entry_history::note(transaction.session(), list.id, under, kind, &turns).await?;
    Ok(())
}

/// Removes entries whose time is over, at most so many; how many keys that were. Without any nothing is written.
///
/// # Errors
/// If the database fails: then the transaction is to be dropped.
pub async fn expire(
    transaction: &mut Transaction,
    list: &Stored,
    most: u32,
    cause: &Cause,
    now: Timestamp,
) -> Result<usize, ChangeError> {
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    let gone = entries::expire(transaction.session(), list.id, now, most).await?;
    if gone.is_empty() {
        return Ok(0);
    }
    let ended_by = ends::set_by(transaction, list, &gone).await?;
    let (keys, kind, turns) = turns::of_gone(transaction, list.id, gone).await?;
    changes::note(transaction.session(), list.id, serial, &keys).await?;
    let mut shown = Vec::new();
    for key in keys.iter().take(SHOWN) {
        let entries = entries::at(transaction.session(), list.id, key).await?;
        shown.push(Change { key: key.clone(), entries });
    }
    let detail = json!({
        "serial": serial,
        "count": keys.len(),
        "changes": named(&shown),
        "ended_by": ended_by,
        "reason": cause.reason,
    });
    // Time took them off, and no policy.
    let under = record(transaction, list, cause, (detail.to_string(), None), now).await?;
    entry_history::note(transaction.session(), list.id, under, kind, &turns).await?;
    Ok(keys.len())
}

/// Entries of a list that changed by the hundred thousand: what is left to be written down of it.
#[derive(Debug)]
pub struct Bulk<'b> {
    /// The serial, from [`begin_bulk`].
    pub serial: u32,
    /// What changed for DNS.
    pub places: Vec<&'b Place>,
    /// What the audit log says of it.
    pub detail: serde_json::Value,
    /// What the history of entries says of it.
    pub history: (Kind, Vec<Turn>),
}

/// Begins a change of very many entries: gives its serial, and has whoever else changes the list wait until the
/// transaction is over.
///
/// # Errors
/// If the database fails.
pub async fn begin_bulk(transaction: &mut Transaction, list: &Stored) -> Result<u32, ChangeError> {
    Ok(changes::next_serial(transaction.session(), list.id).await?)
}

/// Ends it, when its entries are written: which keys changed, the audit log, the order to publish.
///
/// # Errors
/// If the database fails: then the transaction is to be dropped.
pub async fn end_bulk(
    transaction: &mut Transaction,
    list: &Stored,
    bulk: &Bulk<'_>,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), ChangeError> {
    if bulk.places.len() > changes::MOST_NAMED {
        let keys = bulk.places.len() as u64;
        changes::note_anew(transaction.session(), list.id, bulk.serial, keys).await?;
        bulk::settle(transaction.session()).await?;
    } else {
        let keys = bulk.places.iter().map(|place| place.key()).collect::<Result<Vec<_>, _>>()?;
        changes::note(transaction.session(), list.id, bulk.serial, &keys).await?;
    }
    let policy = lists::policy_version(transaction.session(), list.id).await?;
    let under = record(transaction, list, cause, (bulk.detail.to_string(), policy), now).await?;
    let (kind, turns) = &bulk.history;
    Ok(entry_history::note(transaction.session(), list.id, under, *kind, turns).await?)
}

/// Forgets what became of entries long ago, some at a time; how many steps that were. The audit log stays.
///
/// # Errors
/// If the database fails.
pub async fn forget_history(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    entry_history::forget(transaction.session(), now.before(KEPT), FORGOTTEN_AT_ONCE).await
}

/// For so long it is known what became of an entry: two years.
pub const KEPT: Duration = Duration::from_secs(730 * 86_400);
/// So many steps are forgotten at once.
pub const FORGOTTEN_AT_ONCE: u32 = 10_000;

/// Writes a change into the audit log and orders it to be published; what its steps have in common.
async fn record(
    transaction: &mut Transaction,
    list: &Stored,
    cause: &Cause,
    (detail, policy): (String, Option<i64>),
    now: Timestamp,
) -> Result<Under, ChangeError> {
    let audit = audit::append(transaction.session(), &deed(list, cause, detail, now)).await?;
    let apex = list.list.apex.to_string();
    let order = Order {
        kind: PUBLISH.to_owned(),
        key: Some(format!("{PUBLISH}/{apex}")),
        payload: json!({ "list": apex }).to_string(),
        due: now,
    };
    jobs::order(transaction.session(), &order).await?;
    Ok(Under { audit, time: now, policy })
}

/// A row of the audit log.
fn deed(list: &Stored, cause: &Cause, detail: String, now: Timestamp) -> Deed {
    Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("list/{}", list.list.apex),
        detail,
    }
}

/// The kind of the job that brings a list's changes into DNS.
pub const PUBLISH: &str = "publish";

/// Whether a change fits a list.
pub(crate) fn check(list: &Stored, change: &Change) -> Result<(), ChangeError> {
    let fits = match change.key {
        Key::Network(_) => list.list.keys == KeyKind::Ip,
        Key::Name(..) => list.list.keys == KeyKind::Name,
    };
    if !fits {
        return Err(ChangeError::Kind {
            key: change.key.to_string(),
            apex: list.list.apex.to_string(),
            keys: list.list.keys,
        });
    }
    let never = || never_listed(&change.key);
    if change.entries.iter().any(|entry| entry.code.is_some())
        && let Some(why) = never()
    {
        return Err(ChangeError::Never { key: change.key.to_string(), why });
    }
    for entry in &change.entries {
        for (what, text, most) in
            [("the reason", &entry.reason, REASON), ("the text", &entry.text, TEXT)]
        {
            if text.chars().count() > most {
                return Err(ChangeError::Long { what, most });
            }
        }
    }
    match change.entries.iter().find(|entry| entry.key != change.key) {
        None => Ok(()),
        Some(entry) => {
            Err(ChangeError::Key { key: change.key.to_string(), entry: entry.key.to_string() })
        }
    }
}

/// Why a key cannot be listed, whatever somebody wants: it would list the world, or what tells clients that a list
/// works (RFC 5782 section 5).
fn never_listed(key: &Key) -> Option<&'static str> {
    match key {
        Key::Network(network) if reserved::prefix_len(*network) == 0 => {
            Some("that is every address there is")
        }
        Key::Network(network) => {
            let loopback = [LOOPBACK, MAPPED_LOOPBACK];
            let mut loopback = loopback.iter().filter_map(|loopback| loopback.parse().ok());
            loopback.any(|loopback| reserved::overlaps(loopback, *network)).then_some(
                "loopback addresses say whether a list works; 127.0.0.2 is on every list by itself, 127.0.0.1 must not \
                 be (RFC 5782 section 5)",
            )
        }
        Key::Name(name, _) => {
            let word = name.to_string();
            matches!(&*word, "invalid" | "test").then_some(
                "these names say whether a list works; `test` is on every list by itself, `invalid` must not be (RFC \
                 5782 section 5)",
            )
        }
    }
}

/// The addresses among which the test entries are.
const LOOPBACK: &str = "127.0.0.0/8";
/// The same as those of IPv6.
const MAPPED_LOOPBACK: &str = "::ffff:127.0.0.0/104";
/// Characters of a reason, which people read.
pub(crate) const REASON: usize = 1_000;
/// Characters of a text: answers of DNS are to fit into one packet.
const TEXT: usize = 1_000;

/// What the audit log says of changes: each key with its codes, for as many as a person reads.
fn detail(
    serial: u32,
    (changes, turns): (&[Change], &[Turn]),
    reason: &str,
    policy: Option<i64>,
) -> Value {
    json!({
        "serial": serial,
        "count": changes.len(),
        "changes": named(changes),
        "weight": two_editors::weight(turns).to_json(),
        "reason": reason,
        "policy": policy,
    })
}

/// The first of them, each with its codes.
fn named(changes: &[Change]) -> Vec<Value> {
    let shown = changes.iter().take(SHOWN).map(|Change { key, entries }| {
        let codes: Vec<_> =
            entries.iter().map(|entry| entry.code.map(|code| code.to_string())).collect();
        json!({ "key": key.to_string(), "codes": codes })
    });
    shown.collect()
}

/// So many keys are named in one row of the audit log; the table of changes has all of them.
const SHOWN: usize = 100;

#[cfg(test)]
mod tests {
    use repute_database::lists::{self, List};
    use repute_database::testing::on_each;
    use repute_database::{Database, audit::Verified};
    use repute_dnsxl::Polarity;

    use super::*;

    /// Adds a list of addresses.
    pub(super) async fn add(database: &Database) -> Stored {
        let mut transaction = database.begin().await.expect("a transaction");
        let list = List {
            apex: "bl.example".parse().expect("a name"),
            title: "A list".to_owned(),
            description: String::new(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
        let stored = lists::by_apex(transaction.session(), &list.apex).await;
        transaction.commit().await.expect("it is committed");
        stored.expect("it is read").expect("it is there")
    }

    /// An entry of a key.
    async fn listed(transaction: &mut Transaction, key: &str) -> Change {
        let key: Key = key.parse().expect("a key");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let entry = Entry {
            key: key.clone(),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "why".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        Change { key, entries: vec![entry] }
    }

    /// Somebody.
    async fn cause(transaction: &mut Transaction) -> Cause {
        Cause {
            actor: audit::actor(transaction.session(), 1).await.expect("a pseudonym"),
            action: "entries.change".to_owned(),
            reason: "a test".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_change_is_an_entry_a_row_of_the_log_and_a_job_or_nothing() {
        on_each(async |database| {
            let list = add(&database).await;
            for is_committed in [false, true] {
                let mut transaction = database.begin().await.expect("a transaction");
                let change = listed(&mut transaction, "192.0.2.0/24").await;
                let cause = cause(&mut transaction).await;
                let serial = apply(&mut transaction, &list, &[change], &cause, Timestamp(5)).await;
                assert_eq!(serial.expect("it is applied"), 2);
                if is_committed {
                    transaction.commit().await.expect("it is committed");
                }
            }
            let mut transaction = database.begin().await.expect("a transaction");
            let session = &mut transaction;
            let now = Timestamp(9);
            let lease = std::time::Duration::from_secs(1);
            assert_eq!(entries::count(session.session(), list.id).await.expect("a count"), 1);
            let since = changes::since(session.session(), list.id, 1).await.expect("changes");
            let changed = vec![(2, "192.0.2.0/24".parse().expect("a key"))];
            assert_eq!(since, changes::Since::Keys(changed));
            let verified = audit::verify(session.session()).await.expect("it is read");
            assert_eq!(verified, Verified::Whole(1));
            let job = jobs::take(session.session(), now, lease).await.expect("jobs").expect("one");
            assert_eq!(
                (job.kind.as_str(), job.payload.as_str()),
                (PUBLISH, "{\"list\":\"bl.example\"}")
            );
            assert!(jobs::take(session.session(), now, lease).await.expect("jobs").is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn what_does_not_fit_the_list_is_refused() {
        on_each(async |database| {
            let list = add(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let cause = cause(&mut transaction).await;
            let name = listed(&mut transaction, ".spam.example").await;
            let mut other = listed(&mut transaction, "192.0.2.1").await;
            other.key = "192.0.2.2".parse().expect("a key");
            let mut long = listed(&mut transaction, "192.0.2.3").await;
            long.entries[0].reason = "x".repeat(100_000);
            for never in ["0.0.0.0/0", "::/0", "127.0.0.1", "127.0.0.2", "126.0.0.0/7"] {
                let change = listed(&mut transaction, never).await;
                let refused = apply(&mut transaction, &list, &[change], &cause, Timestamp(5)).await;
                assert!(matches!(refused, Err(ChangeError::Never { .. })), "{never}");
                let mut excluded = listed(&mut transaction, never).await;
                excluded.entries[0].code = None;
                check(&list, &excluded).expect("what never lists may be said of anything");
            }
            for (change, words) in [
                (long, "the reason has more than 1000 characters"),
                (name, "`.spam.example` cannot be on bl.example, which lists addresses"),
                (other, "an entry for `192.0.2.1` stands under the key `192.0.2.2`"),
            ] {
                let refused = apply(&mut transaction, &list, &[change], &cause, Timestamp(5)).await;
                assert_eq!(refused.expect_err("it is refused").to_string(), words);
            }
        })
        .await;
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for text in ["192.0.2.0/24", "2001:db8::/32", "x.example", "*.x.example", ".x.example"] {
            assert_eq!(text.parse::<Key>().expect(text).to_string(), text);
        }
        for text in ["", "192.0.2.300", "192.0.2.1/33", "a..b", "1.2.3"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
