//! Review dates: an organisation says now and then that what it has on lists is still right.
//!
//! It is reminded a month ahead and when it is time, once a week at the most. Nothing leaves a list because nobody
//! looked: editors see who did not.

use std::collections::BTreeMap;
use std::time::Duration;

use repute_database::consistency::{self, State};
use repute_database::entries::{self, OrganisationId};
use repute_database::jobs::{self, Order};
use repute_database::lists::{self, ListId};
use repute_database::organisations::{self, State as Standing};
use repute_database::reviews::{self, Due};
use repute_database::{Database, DatabaseError, Key, Timestamp, Transaction, audit};

use crate::changes::{self, Cause, Change};
use crate::consistency::readers;
use crate::notice::Notice;
use crate::organisation::{self, OrganisationError};
use crate::permission::{self, Action, Person};
use crate::request::RequestError;

/// Until when something is near.
pub fn near(now: Timestamp) -> Timestamp {
    now.after(AHEAD)
}

/// Says of what an organisation should look at that it is still right, which moves its review dates by a year; how many
/// networks. What is bad with DNS has to be mended first and stays as it is, and so does what is beyond those that are
/// shown at once.
///
/// # Errors
/// If the person may not, the organisation is suspended, or the database fails.
pub async fn still_right(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    now: Timestamp,
) -> Result<usize, RequestError> {
    let found = organisations::by_id(transaction.session(), id).await?;
    let found = found.ok_or(OrganisationError::Unknown(id.0))?;
    let relation = organisation::relation(transaction.session(), person, id).await?;
    permission::check(person, relation, Action::Request)?;
    if let Standing::Suspended { reason } = found.state {
        return Err(RequestError::Suspended(reason));
    }
    let bad: Vec<Key> = consistency::unwell(transaction.session(), id, u32::MAX)
        .await?
        .into_iter()
        .filter(|one| one.standing.state == State::Bad)
        .map(|one| one.key)
        .collect();
    let mut lists: BTreeMap<i64, Vec<Key>> = BTreeMap::new();
    for Due { list, key, .. } in
        reviews::due(transaction.session(), id, near(now), MOST_SHOWN).await?
    {
        if !bad.contains(&key) {
            lists.entry(list.0).or_default().push(key);
        }
    }
    let cause = Cause {
        actor: audit::actor(transaction.session(), person.account).await?,
        action: "entries.review".to_owned(),
        reason: format!("organisation {} says that they are still right", id.0),
    };
    // All of them before anything is written, in one order: whoever else changes several waits, and nobody for us.
    for list in lists.keys() {
        lists::lock(transaction.session(), ListId(*list)).await?;
    }
    let mut count = 0;
    for (list, keys) in lists {
        let list = lists::by_id(transaction.session(), ListId(list)).await?;
        let list = list.ok_or(RequestError::Unknown("list"))?;
        let mut changes = Vec::with_capacity(keys.len());
        for key in keys {
            let mut entries = entries::at(transaction.session(), list.id, &key).await?;
            let mut is_theirs = false;
            for entry in entries.iter_mut().filter(|entry| entry.organisation == Some(id)) {
                entry.review = entry.review.map(|_| now.after(YEAR));
                is_theirs = true;
            }
            // Somebody may have taken it off since we looked what is due.
            if is_theirs {
                changes.push(Change { key, entries });
            }
        }
        if changes.is_empty() {
            continue;
        }
        count += changes.len();
        changes::apply(transaction, &list, &changes, &cause, now).await?;
    }
    Ok(count)
}

/// Has it be this process's turn to remind, for an hour; nobody else does meanwhile.
///
/// # Errors
/// If the database fails.
pub async fn take_turn(database: &Database, now: Timestamp) -> Result<bool, DatabaseError> {
    let order = |due| Order {
        kind: REMIND.to_owned(),
        key: Some(REMIND.to_owned()),
        payload: "{}".to_owned(),
        due,
    };
    let mut transaction = database.begin().await?;
    jobs::keep(transaction.session(), &order(now), EVERY).await?;
    let job = jobs::take_of(transaction.session(), REMIND, now, EVERY).await?;
    transaction.commit().await?;
    Ok(job.is_some())
}

/// Who is to be reminded of review dates now. To be written into the transaction that tells it.
///
/// # Errors
/// If the database fails.
pub async fn remind(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<Notice>, DatabaseError> {
    let (ahead, quiet) = (near(now), now.before(QUIET));
    let mut notices = Vec::new();
    let all = reviews::to_remind(transaction.session(), now, ahead, quiet, ORGANISATIONS).await?;
    for id in all {
        if !reviews::reminded(transaction.session(), id, now, ahead, quiet).await? {
            continue;
        }
        let due = reviews::due(transaction.session(), id, ahead, MOST_TOLD).await?;
        let count = reviews::count(transaction.session(), id, ahead).await?;
        let is_over = due.first().is_some_and(|first| first.review <= now);
        let more = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(due.len());
        for reader in readers(transaction.session(), id).await? {
            let due = due.clone();
            notices.push(Notice::Review { reader, organisation: id, due, more, is_over });
        }
    }
    Ok(notices)
}

/// Networks that a page shows, and that are confirmed at once.
pub const MOST_SHOWN: u32 = 200;
/// How long before a review date somebody is reminded of it.
const AHEAD: Duration = Duration::from_secs(30 * 86_400);
/// For how long somebody's word is good.
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// An organisation is reminded no sooner again.
const QUIET: Duration = Duration::from_secs(7 * 86_400);
/// What the job is called.
const REMIND: &str = "remind";
/// How often is looked who is to be reminded.
const EVERY: Duration = Duration::from_secs(3_600);
/// Organisations that are reminded in an hour.
const ORGANISATIONS: u32 = 1_000;
/// Networks that a letter names.
const MOST_TOLD: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    use repute_database::changes as stored;
    use repute_database::entries::Entry;
    use repute_database::lists::List;
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use crate::notice::Reader;
    use crate::permission::Role;

    /// So many days.
    fn day(count: i64) -> Timestamp {
        Timestamp(count * 86_400_000_000)
    }

    #[tokio::test]
    async fn what_its_people_confirm_is_right_for_another_year_and_nobody_else_can() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (anna, other) = (
                Person { account: 1, role: Role::Member },
                Person { account: 2, role: Role::Administrator },
            );
            let bank = organisation::found(t, anna, "A bank", day(0)).await.expect("an Id");
            let list = List {
                apex: "wl.example".parse().expect("a name"),
                title: String::new(),
                description: String::new(),
                polarity: Polarity::Allow,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let list = lists::add(t.session(), &list, day(0)).await.expect("it is added");
            let source = entries::source(t.session(), "hand").await.expect("a source");
            for (key, review, whose) in [
                ("8.8.8.8", Some(day(100)), Some(bank)),
                ("8.8.4.4", Some(day(120)), Some(bank)),
                ("8.8.1.1", Some(day(200)), Some(bank)),
                ("8.8.2.2", Some(day(100)), None),
                ("8.8.3.3", None, Some(bank)),
            ] {
                let entry = Entry {
                    key: key.parse().expect("a key"),
                    code: Some("127.0.5.1".parse().expect("a code")),
                    text: "x".to_owned(),
                    reason: String::new(),
                    criterion: None,
                    source,
                    organisation: whose,
                    since: day(0),
                    expires: None,
                    review,
                };
                entries::put(t.session(), list, &[entry]).await.expect("it is written");
            }
            let told = remind(t, day(95)).await.expect("they are reminded");
            let [Notice::Review { reader, due, more: 0, is_over: false, .. }] = &told[..] else {
                panic!("{told:?}");
            };
            assert_eq!((reader, due.len()), (&Reader::Account(1), 2));
            assert_eq!(remind(t, day(96)).await.expect("nobody is"), []);
            let told = remind(t, day(103)).await.expect("they are reminded");
            assert!(matches!(&told[..], [Notice::Review { is_over: true, .. }]), "{told:?}");

            let refused = still_right(t, other, bank, day(105)).await;
            assert!(matches!(refused, Err(RequestError::Denied(_))), "{refused:?}");
            assert_eq!(still_right(t, anna, bank, day(105)).await.expect("they are"), 2);
            assert_eq!(still_right(t, anna, bank, day(105)).await.expect("nothing is due"), 0);
            let mut review = async |key: &str| {
                let key = key.parse().expect("a key");
                let found = entries::at(t.session(), list, &key).await.expect("it is read");
                found[0].review
            };
            assert_eq!(review("8.8.8.8").await, Some(day(105 + 365)));
            assert_eq!(review("8.8.1.1").await, Some(day(200)), "that is far away");
            assert_eq!(review("8.8.2.2").await, Some(day(100)), "that is nobody's");
            assert_eq!(review("8.8.3.3").await, None, "nobody looks at that");
            let since = stored::since(t.session(), list, 1).await.expect("they are read");
            assert!(matches!(since, stored::Since::Keys(keys) if keys.len() == 2));
            let subject = "list/wl.example";
            let deeds = audit::of_subject(t.session(), subject, 9).await.expect("they are read");
            assert_eq!(deeds[0].action, "entries.review");
        })
        .await;
    }

    #[tokio::test]
    async fn what_an_editor_takes_off_meanwhile_does_not_come_back() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let anna = Person { account: 1, role: Role::Member };
            let bank = organisation::found(t, anna, "A bank", day(0)).await.expect("an Id");
            let list = List {
                apex: "wl.example".parse().expect("a name"),
                title: String::new(),
                description: String::new(),
                polarity: Polarity::Allow,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let id = lists::add(t.session(), &list, day(0)).await.expect("it is added");
            let source = entries::source(t.session(), "hand").await.expect("a source");
            let key: Key = "8.8.8.8".parse().expect("a key");
            let entry = Entry {
                key: key.clone(),
                code: Some("127.0.5.1".parse().expect("a code")),
                text: "x".to_owned(),
                reason: String::new(),
                criterion: None,
                source,
                organisation: Some(bank),
                since: day(0),
                expires: None,
                review: Some(day(100)),
            };
            entries::put(t.session(), id, &[entry]).await.expect("it is written");
            transaction.commit().await.expect("it is committed");

            let mut editing = database.begin().await.expect("a transaction");
            lists::lock(editing.session(), id).await.expect("it is ours");
            let other = database.clone();
            let mut confirming = tokio::spawn(async move {
                let mut transaction = other.begin().await.expect("a transaction");
                let count = still_right(&mut transaction, anna, bank, day(95)).await;
                transaction.commit().await.expect("it is committed");
                count.expect("he may")
            });
            let early = tokio::time::timeout(Duration::from_millis(200), &mut confirming).await;
            assert!(early.is_err(), "he waits for the editor");
            let stored = lists::by_id(editing.session(), id).await.expect("it is read");
            let cause = Cause {
                actor: audit::SYSTEM.to_owned(),
                action: "entries.edit".to_owned(),
                reason: "abuse".to_owned(),
            };
            let gone = [Change { key: key.clone(), entries: Vec::new() }];
            let stored = stored.expect("it is there");
            changes::apply(&mut editing, &stored, &gone, &cause, day(95)).await.expect("it is off");
            editing.commit().await.expect("it is committed");
            assert_eq!(confirming.await.expect("it ends"), 0);
            let mut connection = database.read().await.expect("a connection");
            let found = entries::at(connection.session(), id, &key).await.expect("it is read");
            assert_eq!(found, []);
        })
        .await;
    }
}
