//! Evidence: what machines and people saw of an address or a name, taken in batches, whole or not at all.
//!
//! It names no person: a trap is kept as a keyed digest from which nobody learns the address, and words are few. What
//! follows from evidence is said by rules.

pub mod arf;
pub mod batch;
pub mod mailbox;

use std::collections::HashMap;
use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::evidence::{self, EvidenceSourceId, Identity, Kind, Observation};
use repute_database::{DatabaseError, Key, Timestamp, Transaction, settled};
use repute_dnsxl::{Extent, Ipv4Network, Ipv6Network, Network, Target};
use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::changes::Cause;
use crate::token::TokenKey;

/// Something that was seen, as it is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Of which address or name.
    pub target: Target,
    /// What, in a word: `spam`, `abuse`, `dictionary-attack`.
    pub class: String,
    /// When.
    pub seen: Timestamp,
    /// How often.
    pub count: u32,
    /// The trap that was hit, if one was; it is not kept.
    pub trap: Option<String>,
    /// A few words about it, with no person in them.
    pub detail: String,
    /// What the sender calls it: what is told again under the same name is the same. Without it, what says the same of
    /// the same moment is.
    pub id: Option<String>,
}

/// What was told so far in one file or call: what stands there twice was seen twice.
#[derive(Clone, Debug, Default)]
pub struct Told(HashMap<Identity, u32>);

/// How much was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Observations that are new.
    pub taken: u64,
    /// Observations that were known already, and do not count again.
    pub known: u64,
}

/// Why evidence is not taken.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// There is no such source.
    #[error("there is no source of evidence `{name}`{those}", those = those(.known))]
    Unknown {
        /// What was named.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// It is closed.
    #[error("the source `{0}` is closed: nothing more is taken from it until it is opened again")]
    Closed(String),
    /// There is one.
    #[error("there is a source `{0}` already")]
    Taken(String),
    /// No word.
    #[error("`{0}` is no name: up to 64 lower-case letters, digits, `-`, `_` and `.` are")]
    Word(String),
    /// Too much at once.
    #[error("{0} observations at once are too many: {MOST} are taken")]
    Many(usize),
    /// One of them is wrong.
    #[error("observation {number}: {fault}")]
    Fault {
        /// Which, from 1 on.
        number: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// A trap without a key.
    #[error(
        "a trap is kept as a digest with the portal's key only: name the configuration with `link-key`"
    )]
    NoKey,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What is wrong with an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The class is no word.
    #[error("the class is no word of up to 64 lower-case letters, digits, `-`, `_` and `.`")]
    Class,
    /// Nothing, or too many.
    #[error("the count is not from 1 to 1000000000")]
    Count,
    /// It was seen in the future.
    #[error("the time is more than a day ahead")]
    Future,
    /// Too many words.
    #[error("the detail has more than {MOST_DETAIL} bytes")]
    Detail,
    /// No trap has so long a name.
    #[error("the trap has more than {MOST_TRAP} bytes, or none")]
    Trap,
    /// No sender calls it so.
    #[error("the id has more than {MOST_ID} bytes, or none")]
    Id,
}

/// Adds a source of evidence.
///
/// # Errors
/// If its name is none or taken, or the database fails.
pub async fn add_source(
    transaction: &mut Transaction,
    name: &str,
    kind: Kind,
    cause: &Cause,
    now: Timestamp,
) -> Result<EvidenceSourceId, EvidenceError> {
    if !is_word(name) {
        return Err(EvidenceError::Word(name.to_owned()));
    }
    if evidence::source(transaction.session(), name).await?.is_some() {
        return Err(EvidenceError::Taken(name.to_owned()));
    }
    let id = evidence::add_source(transaction.session(), name, kind, now).await?;
    let detail = json!({ "kind": kind.word(), "reason": cause.reason });
    record(transaction, name, cause, detail, now).await?;
    Ok(id)
}

/// Closes a source, or opens it again.
///
/// # Errors
/// If there is no such source, or the database fails.
pub async fn set_closed(
    transaction: &mut Transaction,
    name: &str,
    closed: Option<Timestamp>,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), EvidenceError> {
    let source = source(transaction, name).await?;
    evidence::set_closed(transaction.session(), source.id, closed).await?;
    let detail = json!({ "closed": closed.is_some(), "reason": cause.reason });
    record(transaction, name, cause, detail, now).await
}

/// Takes what a source saw, all of it or nothing: one row of the audit log with how much of it was new, if any. What was told before,
/// by another file or call than this one, counts once. An IPv4 address in the form of IPv6 is one of IPv4.
///
/// # Errors
/// If the source is unknown or closed, one of them is wrong, or the database fails: the transaction is to be dropped.
pub async fn take(
    transaction: &mut Transaction,
    name: &str,
    (sightings, told): (&[Sighting], &mut Told),
    key: Option<&TokenKey>,
    cause: &Cause,
    now: Timestamp,
) -> Result<Taken, EvidenceError> {
    if sightings.len() > MOST {
        return Err(EvidenceError::Many(sightings.len()));
    }
    let source = source(transaction, name).await?;
    if source.closed.is_some() {
        return Err(EvidenceError::Closed(name.to_owned()));
    }
    let mut observations = Vec::with_capacity(sightings.len());
    for (number, sighting) in (1..).zip(sightings) {
        check(sighting, now).map_err(|fault| EvidenceError::Fault { number, fault })?;
        let trap = match (&sighting.trap, key) {
            (None, _) => None,
            (Some(_), None) => return Err(EvidenceError::NoKey),
            (Some(trap), Some(key)) => Some(key.digest_of_trap(trap)),
        };
        let observation = Observation {
            source: source.id,
            class: sighting.class.clone(),
            key: key_of(&sighting.target),
            seen: sighting.seen,
            received: now,
            count: sighting.count,
            trap,
            detail: sighting.detail.chars().filter(|c| !c.is_control()).collect(),
        };
        let identity = told.identity(&observation, sighting.id.as_deref());
        observations.push((identity, Observation { seen: sighting.seen.min(now), ..observation }));
    }
    evidence::lock(transaction.session()).await?;
    let mut new = evidence::add(transaction.session(), &observations).await?;
    let taken = new.len() as u64;
    let mut classes: HashMap<&str, u64> = HashMap::new();
    for (_, seen) in observations.iter().filter(|(identity, _)| new.remove(identity)) {
        *classes.entry(&seen.class).or_default() += u64::from(seen.count);
    }
    let known = observations.len() as u64 - taken;
    if taken == 0 {
        // Who says the same again and again makes no row of the log, which nobody can shorten.
        return Ok(Taken { taken, known });
    }
    let detail = json!({ "count": taken, "known": known, "hits": classes, "reason": cause.reason });
    record(transaction, name, cause, detail, now).await?;
    Ok(Taken { taken, known })
}

impl Told {
    /// By which an observation is known when it comes again: the name that its sender gave it, or all that it says, and
    /// how often the same stands before it.
    fn identity(&mut self, seen: &Observation, id: Option<&str>) -> Identity {
        let mut context = Context::new(&SHA256);
        // Each part with its length before it: nothing that is written otherwise reads the same.
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(&seen.source.0.to_be_bytes());
        part(seen.class.as_bytes());
        part(&seen.key.to_bytes());
        match id {
            Some(id) => part(id.as_bytes()),
            None => {
                part(&seen.seen.0.to_be_bytes());
                part(&seen.count.to_be_bytes());
                part(seen.trap.as_deref().unwrap_or_default());
                part(seen.detail.as_bytes());
            }
        }
        if id.is_none() {
            let place = self.0.entry(short(&context)).or_default();
            context.update(&place.to_be_bytes());
            *place += 1;
        }
        short(&context)
    }
}

/// The first half of a digest: two that are told by chance have the same once in 10^24 at ten million of them.
fn short(context: &Context) -> Identity {
    let digest = context.clone().finish();
    let mut identity = Identity::default();
    identity.copy_from_slice(&digest.as_ref()[..16]);
    identity
}

/// Removes all that a source brought; how many observations that were. Entries that stood on it go when rules look
/// next.
///
/// # Errors
/// If there is no such source, or the database fails.
pub async fn purge(
    transaction: &mut Transaction,
    name: &str,
    cause: &Cause,
    now: Timestamp,
) -> Result<u64, EvidenceError> {
    let source = source(transaction, name).await?;
    evidence::lock(transaction.session()).await?;
    let count = evidence::purge(transaction.session(), source.id).await?;
    record_purge(transaction, name, count, cause, now).await?;
    Ok(count)
}

/// Writes down that so much of what a source brought was removed.
///
/// # Errors
/// If the database fails.
pub(crate) async fn record_purge(
    transaction: &mut Transaction,
    name: &str,
    count: u64,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), EvidenceError> {
    let detail = json!({ "count": count, "reason": cause.reason });
    record(transaction, name, cause, detail, now).await
}

/// Forgets what was seen longer ago than so long; how many observations that were. Entries keep their time.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    transaction: &mut Transaction,
    keep: Duration,
    cause: &Cause,
    now: Timestamp,
) -> Result<u64, EvidenceError> {
    let span = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    evidence::lock(transaction.session()).await?;
    let before = Timestamp(now.0.saturating_sub(span));
    let count = evidence::forget(transaction.session(), before).await?;
    settled::forget(transaction.session(), before).await?;
    if count > 0 {
        let detail = json!({ "count": count, "before": before.0, "reason": cause.reason });
        record(transaction, "", cause, detail, now).await?;
    }
    Ok(count)
}

/// Whether a text is a word: the name of a source or rule, or a class.
pub fn is_word(text: &str) -> bool {
    let is_letter =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    (1..=MOST_WORD).contains(&text.len()) && text.bytes().all(is_letter)
}

/// The key of an address or name alone.
pub(crate) fn key_of(target: &Target) -> Key {
    let network = |address| Key::Network(Network::V4(Ipv4Network::around(address, 32)));
    match target {
        Target::Ipv4(address) => network(*address),
        Target::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(address) => network(address),
            None => Key::Network(Network::V6(Ipv6Network::around(*address, 128))),
        },
        Target::Name(name) => Key::Name(name.clone(), Extent::Exact),
    }
}

/// The source of a name.
///
/// # Errors
/// If there is none, or the database fails.
pub(crate) async fn source(
    transaction: &mut Transaction,
    name: &str,
) -> Result<evidence::Source, EvidenceError> {
    if let Some(source) = evidence::source(transaction.session(), name).await? {
        return Ok(source);
    }
    let known = evidence::sources(transaction.session()).await?;
    let known = known.into_iter().map(|(source, _)| source.name).collect();
    Err(EvidenceError::Unknown { name: name.to_owned(), known })
}

/// What is wrong with an observation, if anything is.
fn check(sighting: &Sighting, now: Timestamp) -> Result<(), Fault> {
    let is_trap = |trap: &String| (1..=MOST_TRAP).contains(&trap.trim().len());
    match sighting {
        Sighting { class, .. } if !is_word(class) => Err(Fault::Class),
        Sighting { count, .. } if !(1..=MOST_COUNT).contains(count) => Err(Fault::Count),
        Sighting { seen, .. } if *seen > now.after(AHEAD) => Err(Fault::Future),
        Sighting { detail, .. } if detail.len() > MOST_DETAIL => Err(Fault::Detail),
        Sighting { trap, .. } if !trap.iter().all(is_trap) => Err(Fault::Trap),
        Sighting { id: Some(id), .. } if !(1..=MOST_ID).contains(&id.len()) => Err(Fault::Id),
        Sighting { .. } => Ok(()),
    }
}

/// Writes down what was done about a source, or all of them.
async fn record(
    transaction: &mut Transaction,
    source: &str,
    cause: &Cause,
    detail: serde_json::Value,
    now: Timestamp,
) -> Result<(), EvidenceError> {
    let deed = Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("evidence/{source}"),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// The sources there are, behind an error.
fn those(names: &[String]) -> String {
    match names.is_empty() {
        true => ": there is none yet".to_owned(),
        false => format!(": there are {}", names.join(", ")),
    }
}

/// So many are taken at once.
pub const MOST: usize = 10_000;
/// So often something is seen at most.
const MOST_COUNT: u32 = 1_000_000_000;
/// Clocks of others may be ahead.
const AHEAD: Duration = Duration::from_secs(86_400);
/// So long is a word at most.
const MOST_WORD: usize = 64;
/// So long is a detail at most.
const MOST_DETAIL: usize = 200;
/// So long is what a sender calls something at most.
const MOST_ID: usize = 200;
/// So long is a trap's address at most (RFC 5321 section 4.5.3.1).
const MOST_TRAP: usize = 320;

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each;

    use super::*;

    /// An observation of an address or name.
    fn sighting(target: &str) -> Sighting {
        Sighting {
            target: target.parse().expect("a target"),
            class: "spam".to_owned(),
            seen: Timestamp(100),
            count: 3,
            trap: None,
            detail: "HELO\tx".to_owned(),
            id: None,
        }
    }

    /// Somebody.
    async fn cause(transaction: &mut Transaction) -> Cause {
        Cause {
            actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
            action: "evidence.take".to_owned(),
            reason: "a test".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_batch_is_taken_whole_with_one_row_of_the_log_and_no_trap() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let (now, key) = (Timestamp(1_000), TokenKey::new(&[1; 32]));
            let cause = cause(&mut transaction).await;
            let added = add_source(&mut transaction, "traps", Kind::Trap, &cause, now).await;
            added.expect("it is added");
            let hit = Sighting { trap: Some("Trap@example.org".to_owned()), ..sighting("9.0.0.1") };
            let batch = [hit, sighting("::ffff:9.0.0.1"), sighting("bad.example")];
            let taken = take(
                &mut transaction,
                "traps",
                (&batch, &mut Told::default()),
                Some(&key),
                &cause,
                now,
            )
            .await;
            assert_eq!(taken.expect("it is taken"), Taken { taken: 3, known: 0 });
            let target = "9.0.0.1".parse().expect("a key");
            let kept = evidence::of_key(transaction.session(), &target, Timestamp(0), 9).await;
            let kept = kept.expect("they are read");
            assert_eq!((kept.len(), &*kept[0].detail, kept[0].received), (2, "HELOx", now));
            assert_eq!(kept[0].trap, Some(key.digest_of_trap(" trap@EXAMPLE.org")));
            assert_ne!(
                kept[0].trap,
                Some(TokenKey::new(&[2; 32]).digest_of_trap("trap@example.org"))
            );
            let log = audit::of_subject(transaction.session(), "evidence/traps", 9).await;
            let log = log.expect("the log");
            assert_eq!(log.len(), 2);
            let detail: serde_json::Value = serde_json::from_str(&log[0].detail).expect("JSON");
            assert_eq!((&detail["count"], &detail["hits"]["spam"]), (&json!(3), &json!(9)));
            assert!(!log.iter().any(|deed| deed.detail.contains("example.org")), "{log:?}");
            let gone = purge(&mut transaction, "traps", &cause, now).await.expect("it is purged");
            assert_eq!(gone, 3);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_told_again_counts_once_and_what_stands_twice_in_a_file_twice() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (now, key) = (Timestamp(1_000), TokenKey::new(&[1; 32]));
            let cause = cause(t).await;
            for name in ["traps", "others"] {
                let added = add_source(t, name, Kind::Trap, &cause, now).await;
                added.expect("it is added");
            }
            let one = sighting("9.0.0.1");
            let other = |change: fn(&mut Sighting)| {
                let mut other = one.clone();
                change(&mut other);
                other
            };
            let trap = other(|one| one.trap = Some("a@b.example".to_owned()));
            let named = other(|one| one.id = Some("a-1".to_owned()));
            // The same lines twice: two hits. In parts, too, as a large file is taken.
            let file = [one.clone(), one.clone(), trap.clone(), named.clone()];
            for (taken, known) in [(4, 0), (0, 4)] {
                let mut told = Told::default();
                let mut sum = Taken::default();
                for part in file.chunks(1) {
                    let part = take(t, "traps", (part, &mut told), Some(&key), &cause, now).await;
                    let part = part.expect("it is taken");
                    sum.taken += part.taken;
                    sum.known += part.known;
                }
                assert_eq!(sum, Taken { taken, known });
            }
            let mut check = async |name: &str, one: Sighting, is_new: bool| {
                let some = ([one], &mut Told::default());
                let found = take(t, name, (&some.0, some.1), Some(&key), &cause, now).await;
                let found = found.expect("it is taken");
                assert_eq!(found.taken == 1, is_new, "{some:?}");
            };
            check("traps", one.clone(), false).await;
            check("others", one.clone(), true).await;
            check("traps", other(|one| one.target = "9.0.0.2".parse().expect("one")), true).await;
            check("traps", other(|one| one.class = "virus".to_owned()), true).await;
            check("traps", other(|one| one.count = 4), true).await;
            check("traps", other(|one| one.detail = "HELO y".to_owned()), true).await;
            check("traps", other(|one| one.seen = Timestamp(101)), true).await;
            check("traps", other(|one| one.trap = Some("c@b.example".to_owned())), true).await;
            // What its sender names is known by that, whatever else it says.
            let later = Sighting { seen: Timestamp(500), count: 9, ..named.clone() };
            check("traps", later, false).await;
            check("traps", Sighting { id: Some("a-2".to_owned()), ..named }, true).await;
            let log = audit::of_subject(t.session(), "evidence/traps", 1).await;
            let detail: serde_json::Value =
                serde_json::from_str(&log.expect("the log")[0].detail).expect("JSON");
            assert_eq!((&detail["count"], &detail["known"]), (&json!(1), &json!(0)));
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_wrong_is_refused_with_its_place() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let now = Timestamp(1_000);
            let cause = cause(&mut transaction).await;
            let unknown =
                take(&mut transaction, "x", (&[], &mut Told::default()), None, &cause, now).await;
            let words = "there is no source of evidence `x`: there is none yet";
            assert_eq!(unknown.expect_err("it is unknown").to_string(), words);
            let named = add_source(&mut transaction, "A b", Kind::Trap, &cause, now).await;
            assert!(matches!(named, Err(EvidenceError::Word(_))), "{named:?}");
            let added = add_source(&mut transaction, "traps", Kind::Trap, &cause, now).await;
            added.expect("it is added");
            let again = add_source(&mut transaction, "traps", Kind::Trap, &cause, now).await;
            assert!(matches!(again, Err(EvidenceError::Taken(_))), "{again:?}");
            let unknown = purge(&mut transaction, "trap", &cause, now).await;
            let words = "there is no source of evidence `trap`: there are traps";
            assert_eq!(unknown.expect_err("it is unknown").to_string(), words);
            let good = sighting("9.0.0.1");
            let ahead = Timestamp(now.after(AHEAD).0 + 1);
            for (wrong, fault) in [
                (Sighting { class: "A".to_owned(), ..good.clone() }, Fault::Class),
                (Sighting { class: "a".repeat(65), ..good.clone() }, Fault::Class),
                (Sighting { count: 0, ..good.clone() }, Fault::Count),
                (Sighting { seen: ahead, ..good.clone() }, Fault::Future),
                (Sighting { detail: "x".repeat(201), ..good.clone() }, Fault::Detail),
                (Sighting { trap: Some(" ".to_owned()), ..good.clone() }, Fault::Trap),
                (Sighting { id: Some(String::new()), ..good.clone() }, Fault::Id),
            ] {
                let batch = [good.clone(), wrong];
                let refused = take(
                    &mut transaction,
                    "traps",
                    (&batch, &mut Told::default()),
                    None,
                    &cause,
                    now,
                )
                .await;
                let Err(EvidenceError::Fault { number, fault: found }) = refused else {
                    panic!("{refused:?}")
                };
                assert_eq!((number, found), (2, fault));
            }
            let trap = [Sighting { trap: Some("a@b".to_owned()), ..good.clone() }];
            let refused =
                take(&mut transaction, "traps", (&trap, &mut Told::default()), None, &cause, now)
                    .await;
            assert!(matches!(refused, Err(EvidenceError::NoKey)), "{refused:?}");
            let many = vec![good.clone(); MOST + 1];
            let refused =
                take(&mut transaction, "traps", (&many, &mut Told::default()), None, &cause, now)
                    .await;
            assert!(matches!(refused, Err(EvidenceError::Many(_))), "{refused:?}");
            for closed in [Some(now), None] {
                let set = set_closed(&mut transaction, "traps", closed, &cause, now).await;
                set.expect("it is set");
                let batch = [good.clone()];
                let taken = take(
                    &mut transaction,
                    "traps",
                    (&batch, &mut Told::default()),
                    None,
                    &cause,
                    now,
                )
                .await;
                assert_eq!(taken.is_ok(), closed.is_none(), "{taken:?}");
            }
            for (keep, count) in [(900, 0), (899, 1)] {
                let keep = Duration::from_micros(keep);
                let gone = forget(&mut transaction, keep, &cause, now).await;
                assert_eq!(gone.expect("it is forgotten"), count);
            }
        })
        .await;
    }
}
