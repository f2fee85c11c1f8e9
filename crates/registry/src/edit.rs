//! An editor changes entries by hand, or a program of his does: without a request, and so only what one editor may
//! decide alone.
//!
//! Not here: what whoever has the shell does (he may do everything), and evidence, from which rules make entries.

use std::time::Duration;

use repute_database::entries::{self, Entry};
use repute_database::entry_history::Turn;
use repute_database::lists::{self, Stored};
use repute_database::motions::{MotionId, What as Wanted};
use repute_database::{DatabaseError, Key, Session, Timestamp, Transaction, audit, organisations};
use repute_dnsxl::ReturnCode;

use crate::category;
use crate::changes::{self, Cause, Change, ChangeError};
use crate::kept_out;
use crate::motion::{self, NoRoom, Wish};
use crate::organisation;
use crate::permission::{self, Action, Denied, Person};
use crate::reserved::reserved_for;
use crate::rule::{holders, settle};
use crate::two_editors::{self, TwoEditors};

mod give;
mod undo;

pub use give::{GIVE, Given, Which, give, give_at_shell};
pub use undo::{UndoError, can_be_undone, undo, undo_at_shell};

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What it is about.
    pub key: Key,
    /// What becomes of it.
    pub what: What,
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is listed with a code; an entry with the same code is replaced.
    List(Listing),
    /// It is never listed, whatever is around it.
    Exclude {
        /// Why.
        reason: String,
    },
    /// Its entry with this code goes; without a code all of them.
    Remove {
        /// Which.
        code: Option<ReturnCode>,
    },
}

/// How something is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// With which code.
    pub code: ReturnCode,
    /// With which code it was listed until now, if that becomes another one: the entry goes on under this code.
    pub before: Option<ReturnCode>,
    /// The text that DNS answers; empty for the list's.
    pub text: String,
    /// Why.
    pub reason: String,
    /// Which criterion of the policy it meets, by its short name.
    pub criterion: Option<String>,
    /// When it ends by itself.
    pub end: End,
    /// When somebody should look at it again.
    pub review: Review,
}

/// When an entry ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Never.
    Never,
    /// After so many days.
    After(u32),
    /// At this moment.
    At(Timestamp),
    /// As it was said before; never, for a new one.
    AsBefore,
}

/// When somebody should look at an entry again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Nobody needs to.
    Never,
    /// At this moment.
    At(Timestamp),
    /// As it was said before.
    AsBefore,
}

/// Why an edit is refused.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// He may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It needs a second editor, and there is no room to wait for one.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Too much at once.
    #[error("{0} changes at once are too many: {MOST} are taken")]
    Many(usize),
    /// Nothing to do.
    #[error("there is nothing to change")]
    Nothing,
    /// Not one of the list's codes.
    #[error("{apex} has no code {code}: it has {known}")]
    Code {
        /// The list.
        apex: String,
        /// What was named.
        code: ReturnCode,
        /// What it has.
        known: String,
    },
    /// Not one of the policy's criteria.
    #[error("the policy of {apex} has no criterion `{slug}`")]
    Criterion {
        /// The list.
        apex: String,
        /// What was named.
        slug: String,
    },
    /// It would be listed by one again that was ended since.
    #[error("the criterion `{slug}` is ended since: list `{key}` by another one")]
    CriterionEnded {
        /// What was to be listed.
        key: String,
        /// The criterion.
        slug: String,
    },
    /// Nobody sends from there.
    #[error("`{key}` is reserved ({what}): nothing comes from there that a list could tell of")]
    Reserved {
        /// What was to be listed.
        key: String,
        /// For what it is reserved.
        what: &'static str,
    },
    /// It does not go with the category of the organisation whose entry it is.
    #[error("{0}")]
    Category(String),
    /// No time that an entry could last.
    #[error("an entry lasts from 1 to {MOST_DAYS} days, not {0}; without a number it stays")]
    Days(u32),
    /// The same as a moment.
    #[error("an entry ends in the future, and within {MOST_DAYS} days; without a date it stays")]
    End,
    /// There is none of this Id.
    #[error("there is no organisation {0}")]
    NoOrganisation(i64),
    /// It gets no new entries.
    #[error("organisation {0} is suspended, and gets no entries: end the suspension first")]
    Suspended(i64),
    /// There is nothing to remove or to change.
    #[error("{apex} has no such entry for {key}")]
    Missing {
        /// The list.
        apex: String,
        /// What was named.
        key: String,
    },
    /// It does not fit the list.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is published with this serial.
    Published(u32),
    /// Another editor has to agree, and why: until then nothing changes.
    Waits(MotionId, TwoEditors),
}

/// The text that DNS answers where nobody wrote another: mail servers put it into what a sender reads. Amounts of dollars
/// are no places for a target.
pub fn text_of(reason: &str) -> String {
    reason.trim().replace('$', "$$")
}

/// Changes entries of a list, or has that wait for a second editor.
///
/// # Errors
/// If the person may not, or it is not possible: then the transaction is to be dropped.
pub async fn edit(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    edits: &[Edit],
    source: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Made, EditError> {
    if edits.is_empty() {
        return Err(EditError::Nothing);
    }
    if edits.len() > MOST {
        return Err(EditError::Many(edits.len()));
    }
    for Edit { key, what } in edits {
        check_listing(key, what, now)?;
    }
    // Nobody else changes the list meanwhile, and what is read stays so.
    lists::lock(transaction.session(), list.id).await?;
    let keys = edits.iter().map(|edit| &edit.key);
    check_interest(transaction.session(), person, list, keys).await?;
    let codes = lists::codes(transaction.session(), list.id).await?;
    let criteria = lists::criteria(transaction.session(), list.id).await?;
    let source = entries::source(transaction.session(), source).await?;
    let mut all: Vec<Change> = Vec::with_capacity(edits.len());
    for Edit { key, what } in edits {
        // Of several edits of one key the later ones see what the earlier ones did.
        let before = all.iter().position(|change| change.key == *key);
        let mut left = match before.map(|at| all.swap_remove(at)) {
            Some(change) => change.entries,
            None => entries::at(transaction.session(), list.id, key).await?,
        };
        check_owners(transaction.session(), person, &left).await?;
        let apex = || list.list.apex.to_string();
        let new = match what {
            What::Remove { code } => {
                let count = left.len();
                left.retain(|entry| code.is_some() && entry.code != *code);
                if left.len() == count {
                    return Err(EditError::Missing { apex: apex(), key: key.to_string() });
                }
                None
            }
            What::Exclude { reason } => Some((None, String::new(), reason, None, None)),
            What::List(listing) => {
                let is_known = codes.iter().any(|(known, _)| *known == listing.code);
                if !codes.is_empty() && !is_known {
                    let known = codes.iter().map(|(code, _)| code.to_string());
                    let known = known.collect::<Vec<_>>().join(", ");
                    return Err(EditError::Code { apex: apex(), code: listing.code, known });
                }
                let of_slug = |slug: &String| {
                    // One that is ended stays where it is, and comes nowhere else.
                    let is_here = |id| {
                        left.iter().any(|entry| entry.criterion.is_some_and(|one| one.id == id))
                    };
                    let found = criteria.iter().find(|known| known.slug == *slug);
                    let found = found.filter(|known| known.is_open() || is_here(known.id));
                    let missing = || EditError::Criterion { apex: apex(), slug: slug.clone() };
                    found.map(lists::Criterion::named).ok_or_else(missing)
                };
                let criterion = listing.criterion.as_ref().map(of_slug).transpose()?;
                let code = Some(listing.code);
                Some((code, listing.text.clone(), &listing.reason, criterion, Some(listing)))
            }
        };
        if let Some((code, text, reason, criterion, listing)) = new {
            // What is listed under another code goes on under this one, in place of what was there.
            let old = listing.and_then(|listing| listing.before).filter(|old| Some(*old) != code);
            let moved = left.iter().position(|entry| old.is_some() && entry.code == old);
            let moved = moved.map(|at| left.remove(at));
            if old.is_some() && moved.is_none() {
                return Err(EditError::Missing { apex: apex(), key: key.to_string() });
            }
            let known = left.iter().position(|entry| entry.code == code);
            let known = known.map(|at| left.remove(at));
            let is_recoded = moved.is_some();
            let known = moved.or(known);
            // What it carried before may stay.
            if let (Some(code), Some(entry), true) = (code, &known, is_recoded)
                && let Some(id) = entry.organisation
                && let Some(why) = category::against(transaction, id, list, code).await?
            {
                return Err(EditError::Category(why));
            }
            let before = known.as_ref().and_then(|entry| entry.criterion);
            let criterion = match (listing, before, criterion) {
                // Of an exclusion only the reason is said anew.
                (None, before, _) => before,
                // What goes on to meet a criterion met it as it was then.
                (Some(_), Some(before), Some(now)) if before.id == now.id => Some(before),
                (Some(_), _, now) => now,
            };
            let expires = match listing.map_or(End::AsBefore, |listing| listing.end) {
                End::Never => None,
                End::After(days) => Some(now.after(Duration::from_secs(u64::from(days) * 86_400))),
                End::At(end) => Some(end),
                End::AsBefore => known.as_ref().and_then(|entry| entry.expires),
            };
            let review = match listing.map_or(Review::AsBefore, |listing| listing.review) {
                Review::Never => None,
                Review::At(time) => Some(time),
                Review::AsBefore => known.as_ref().and_then(|entry| entry.review),
            };
            left.push(Entry {
                key: key.clone(),
                code,
                text,
                reason: reason.trim().to_owned(),
                criterion,
                source,
                organisation: known.as_ref().and_then(|entry| entry.organisation),
                since: known.as_ref().map_or(now, |entry| entry.since),
                expires,
                review,
            });
        }
        all.push(Change { key: key.clone(), entries: left });
    }
    carry_out(transaction, person, list, &all, (EDIT, reason), now).await
}

/// Writes what one person changes by himself, or has it wait for a second editor.
async fn carry_out(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    all: &[Change],
    (action, reason): (&str, &str),
    now: Timestamp,
) -> Result<Made, EditError> {
    // What could never be written does not wait for anybody.
    for change in all {
        changes::check(list, change)?;
    }
    if reason.trim().chars().count() > changes::REASON {
        return Err(ChangeError::Long { what: "the reason", most: changes::REASON }.into());
    }
    let actor = audit::actor(transaction.session(), person.account).await?;
    if let Some(two) = two_editors::of_changes(transaction, list, &actor, all, now).await? {
        let what = Wanted::Entries(changes::turns(transaction, list, all).await?);
        let wish = Wish { what, action, reason, two: two.word() };
        let id = motion::open(transaction, person, list, wish, now).await??;
        return Ok(Made::Waits(id, two));
    }
    let (action, reason) = (action.to_owned(), reason.trim().to_owned());
    let cause = Cause { actor, action, reason };
    Ok(Made::Published(write(transaction, list, all, (&cause, None), now).await?))
}

/// Does what one editor wanted and another one agreed to, by his pseudonym; the serial with which that is published.
pub(crate) async fn agreed(
    transaction: &mut Transaction,
    list: &Stored,
    turns: &[Turn],
    (cause, second): (&Cause, &str),
    now: Timestamp,
) -> Result<u32, EditError> {
    let mut all = Vec::with_capacity(turns.len());
    for turn in turns {
        let Some(key) = turn.key.clone() else { continue };
        let mut entries = turn.after.clone();
        // What is new is there from now on.
        let is_known = |entry: &Entry| turn.before.iter().any(|old| old.since == entry.since);
        for entry in entries.iter_mut().filter(|entry| !is_known(entry)) {
            entry.since = if cause.action == UNDO { entry.since } else { now };
        }
        all.push(Change { key, entries });
    }
    write(transaction, list, &all, (cause, Some(second)), now).await
}

/// Why what somebody wanted is not what is to be changed any more, if so.
pub(crate) async fn stale(
    transaction: &mut Transaction,
    list: &Stored,
    turns: &[Turn],
    now: Timestamp,
) -> Result<Option<String>, EditError> {
    for turn in turns {
        let Some(key) = &turn.key else { continue };
        let there = entries::at(transaction.session(), list.id, key).await?;
        if Turn::new(key.clone(), there.clone(), Vec::new()).before != turn.before {
            return Ok(Some(format!("{key} has changed since this was wanted")));
        }
        let is_over = |entry: &Entry| entry.expires.is_some_and(|end| end <= now);
        if turn.after.iter().any(|entry| !turn.before.contains(entry) && is_over(entry)) {
            return Ok(Some(format!("the time for which {key} was to be listed is over")));
        }
        match undo::check_fit(transaction, list, key, &there, &turn.after).await {
            Ok(()) => {}
            Err(EditError::Database(error)) => return Err(error.into()),
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
    Ok(None)
}

/// Makes sure that somebody has no part in what turns are about.
pub(crate) async fn check_part(
    mut session: Session<'_>,
    person: Person,
    list: &Stored,
    turns: &[Turn],
) -> Result<(), EditError> {
    for turn in turns {
        check_owners(session.again(), person, &turn.before).await?;
        check_owners(session.again(), person, &turn.after).await?;
    }
    let keys = turns.iter().filter_map(|turn| turn.key.as_ref());
    check_interest(session, person, list, keys).await
}

/// Writes it, maybe with another editor who agreed, by his pseudonym; the serial with which it is published.
async fn write(
    transaction: &mut Transaction,
    list: &Stored,
    all: &[Change],
    (cause, second): (&Cause, Option<&str>),
    now: Timestamp,
) -> Result<u32, EditError> {
    // What an editor took off whole no rule lists again for what was seen before; and no import brings back what left.
    for Change { key, .. } in all.iter().filter(|change| change.entries.is_empty()) {
        settle(transaction, list.id, key, now).await?;
    }
    let off = kept_out::leaving(transaction, list.id, all).await?;
    let serial = changes::apply_agreed(transaction, list, all, cause, second, now).await?;
    let (by, end) = ((&*cause.actor, &*cause.reason), kept_out::End::AsTheListSays);
    kept_out::keep_all(transaction, list.id, &off, by, end, now).await?;
    Ok(serial)
}

/// Makes sure that something is worth being listed, and for a time that there is.
fn check_listing(key: &Key, what: &What, now: Timestamp) -> Result<(), EditError> {
    let What::List(listing) = what else { return Ok(()) };
    check_reserved(key)?;
    let latest = now.after(Duration::from_secs(u64::from(MOST_DAYS) * 86_400));
    match listing.end {
        End::After(days) if !(1..=MOST_DAYS).contains(&days) => Err(EditError::Days(days)),
        End::At(end) if end <= now || end > latest => Err(EditError::End),
        End::After(_) | End::At(_) | End::Never | End::AsBefore => Ok(()),
    }
}

/// Makes sure that something comes from there that a list could tell of.
fn check_reserved(key: &Key) -> Result<(), EditError> {
    if let Key::Network(network) = key
        && let Some(what) = reserved_for(*network)
    {
        return Err(EditError::Reserved { key: key.to_string(), what });
    }
    Ok(())
}

/// Makes sure that a key is none of which an organisation has a part, or what is around it, to which the person
/// belongs.
async fn check_interest(
    mut session: Session<'_>,
    person: Person,
    list: &Stored,
    keys: impl Iterator<Item = &Key>,
) -> Result<(), EditError> {
    let own = organisations::of_account(session.again(), person.account).await?;
    if own.is_empty() {
        return Ok(());
    }
    let all = lists::all(session.again()).await?;
    for key in keys {
        let holders = holders(session.again(), &all, list, key, MOST_HOLDERS).await?;
        for organisation in own.iter().filter(|own| holders.contains(&own.id)) {
            let id = organisation.id;
            let relation = organisation::relation(session.again(), person, id).await?;
            permission::check(person, relation, Action::EditEntries)?;
        }
    }
    Ok(())
}

/// Makes sure that the person may change these entries: editors, and no organisation's to which they belong.
async fn check_owners(
    mut session: Session<'_>,
    person: Person,
    entries: &[Entry],
) -> Result<(), EditError> {
    permission::check(person, permission::Relation::Stranger, Action::EditEntries)?;
    for id in entries.iter().filter_map(|entry| entry.organisation) {
        let relation = organisation::relation(session.again(), person, id).await?;
        permission::check(person, relation, Action::EditEntries)?;
    }
    Ok(())
}

/// What the audit log calls it.
const EDIT: &str = "entries.edit";
/// What the audit log calls an edit that takes back a change.
pub const UNDO: &str = "entries.undo";
/// The longest time of an entry, in days.
const MOST_DAYS: u32 = 3_650;
/// So many organisations are looked for within a network.
const MOST_HOLDERS: usize = 10_000;
/// So many changes are taken at once.
pub const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use repute_database::Database;
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use super::*;
    use crate::permission::Role;

    /// A block list with a code and a criterion.
    pub(super) async fn list(database: &Database) -> Stored {
        let list = lists::List {
            apex: "bl.example".parse().expect("a name"),
            title: String::new(),
            description: String::new(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let id = lists::add(t.session(), &list, Timestamp(1)).await.expect("it is added");
        let code = "127.0.0.2".parse().expect("a code");
        lists::set_code(t.session(), id, code, "spam").await.expect("it is set");
        let version = lists::publish_policy(t.session(), id, "", Timestamp(1)).await;
        let version = version.expect("it is published");
        let trap =
            lists::add_criterion(t.session(), id, version, "trap", ("", ""), Timestamp(1)).await;
        trap.expect("it is added");
        let stored = lists::by_id(t.session(), id).await.expect("it is read").expect("there");
        transaction.commit().await.expect("it is committed");
        stored
    }

    /// An edit in words: `+ key code`, `! key` or `- key`.
    pub(super) fn said(words: &str) -> Edit {
        let (sign, rest) = words.split_at(1);
        let (key, code) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let reason = "seen".to_owned();
        let what = match sign {
            "+" => What::List(Listing {
                code: code.parse().expect("a code"),
                text: String::new(),
                reason,
                criterion: Some("trap".to_owned()),
                before: None,
                end: End::After(1),
                review: Review::AsBefore,
            }),
            "!" => What::Exclude { reason },
            _ => What::Remove { code: code.parse().ok() },
        };
        Edit { key: key.parse().expect("a key"), what }
    }

    #[tokio::test]
    async fn an_editor_does_alone_what_one_may_decide() {
        on_each(async |database| {
            let list = list(&database).await;
            let editor = Person { account: 7, role: Role::Editor };
            let run = async |person: Person, words: &[&str]| {
                let mut transaction = database.begin().await.expect("a transaction");
                let edits: Vec<Edit> = words.iter().map(|words| said(words)).collect();
                let (t, now) = (&mut transaction, Timestamp(9));
                let done = edit(t, person, &list, &edits, "api", "why", now).await;
                if done.is_ok() {
                    transaction.commit().await.expect("it is committed");
                }
                done.map_err(|error| error.to_string())
            };
            let first = run(editor, &["+9.9.9.1 127.0.0.2", "!9.9.9.7"]).await;
            let first = first.expect("it is done");
            let mut connection = database.read().await.expect("a connection");
            let key: Key = "9.9.9.1".parse().expect("a key");
            let found = entries::at(connection.session(), list.id, &key).await.expect("read");
            assert_eq!(found[0].expires, Some(Timestamp(9 + 86_400_000_000)));
            assert!(found[0].criterion.is_some());
            drop(connection);
            // The second one sees what the first one did.
            let Made::Published(first) = first else { panic!("{first:?}") };
            let next = |count| Ok(Made::Published(first + count));
            assert_eq!(run(editor, &["-9.9.9.7", "+9.9.9.7 127.0.0.2"]).await, next(1));
            assert_eq!(run(editor, &["-9.9.9.1", "-9.9.9.7 127.0.0.2"]).await, next(2));
            for (person, words, why) in [
                (editor, "-9.9.9.1", "no such entry"),
                (editor, "+9.9.9.1 127.0.0.9", "no code 127.0.0.9: it has 127.0.0.2"),
                (editor, "+10.0.0.1 127.0.0.2", "reserved (private use)"),
                (editor, "+example.org 127.0.0.2", "cannot be on"),
                (Person { role: Role::Member, ..editor }, "!9.9.9.1", "you may not"),
            ] {
                let error = run(person, &[words]).await.expect_err("it is refused");
                assert!(error.contains(why), "{words}: {error}");
            }
            assert_eq!(run(editor, &[]).await, Err("there is nothing to change".to_owned()));
            // In pieces it is as much: 16 of them are a /16, and each is what one may decide.
            let mut done = 0;
            let waits = loop {
                match run(editor, &[&format!("+45.0.{}.0/20 127.0.0.2", done * 16)]).await {
                    Ok(Made::Published(_)) => done += 1,
                    other => break other,
                }
            };
            let is_wide = matches!(waits, Ok(Made::Waits(_, TwoEditors::WideRange)));
            assert!(done == 1 && is_wide, "{done} {waits:?}");
            let again = run(editor, &["+45.0.16.0/20 127.0.0.2"]).await;
            assert!(again.expect_err("it waits").contains("is about the same"));
            let many = vec!["!9.9.9.1"; MOST + 1];
            assert!(run(editor, &many).await.expect_err("too much").contains("1001 changes"));
        })
        .await;
    }

    #[tokio::test]
    async fn what_can_never_be_written_does_not_wait_for_a_second_editor() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let editor = Person { account: 7, role: Role::Editor };
            let long = "x".repeat(changes::REASON + 1);
            let mut wordy = said("+45.0.0.0/16 127.0.0.2");
            let What::List(listing) = &mut wordy.what else { unreachable!() };
            listing.reason.clone_from(&long);
            let (wide, name) = (said("+45.0.0.0/16 127.0.0.2"), said("!*.com"));
            for (edits, why, refused) in [
                (&[wordy][..], "why", "the reason has more than 1000 characters"),
                (std::slice::from_ref(&wide), &long, "the reason has more than 1000 characters"),
                (&[wide.clone(), name], "why", "cannot be on bl.example"),
            ] {
                let error = edit(t, editor, &list, edits, "api", why, Timestamp(9)).await;
                let error = error.expect_err("it is refused").to_string();
                assert!(error.contains(refused), "{error}");
            }
            let just = format!(" {} ", &long[1..]);
            let made = edit(t, editor, &list, &[wide], "api", &just, Timestamp(9)).await;
            assert!(matches!(made, Ok(Made::Waits(_, TwoEditors::WideRange))), "{made:?}");
        })
        .await;
    }

    #[tokio::test]
    async fn an_exclusion_with_another_reason_keeps_its_end_and_its_criterion() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let criteria = lists::criteria(t.session(), list.id).await.expect("they are read");
            let criterion = Some(criteria[0].named());
            let key: Key = "9.9.9.7".parse().expect("a key");
            let excluded = Entry {
                key: key.clone(),
                code: None,
                text: String::new(),
                reason: "ours".to_owned(),
                criterion,
                source: entries::source(t.session(), "hand").await.expect("a source"),
                organisation: None,
                since: Timestamp(5),
                expires: Some(Timestamp(500)),
                review: Some(Timestamp(400)),
            };
            let put = Change { key: key.clone(), entries: vec![excluded.clone()] };
            let actor = audit::machine(t.session(), "shell").await.expect("a name");
            let cause = Cause { actor, action: EDIT.to_owned(), reason: String::new() };
            changes::apply(t, &list, &[put], &cause, Timestamp(5)).await.expect("it is put");
            let editor = Person { account: 7, role: Role::Editor };
            let edits = [said("!9.9.9.7")];
            edit(t, editor, &list, &edits, "hand", "", Timestamp(20)).await.expect("it is done");
            let found = entries::at(t.session(), list.id, &key).await.expect("they are read");
            assert_eq!(found, [Entry { reason: "seen".to_owned(), ..excluded }]);
        })
        .await;
    }

    #[tokio::test]
    async fn an_entry_goes_on_under_another_code_with_what_is_not_said_anew() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (two, three) = (ReturnCode::LISTED, "127.0.0.3".parse().expect("a code"));
            lists::set_code(t.session(), list.id, three, "more").await.expect("it is set");
            let editor = Person { account: 7, role: Role::Editor };
            let key: Key = "9.9.9.1".parse().expect("a key");
            let listed = |code, before, end, review| {
                let What::List(listing) = said("+9.9.9.1 127.0.0.2").what else { unreachable!() };
                let what = What::List(Listing { code, before, end, review, ..listing });
                [Edit { key: key.clone(), what }]
            };
            let review = Review::At(Timestamp(777));
            let edits = listed(two, None, End::At(Timestamp(500)), review);
            edit(t, editor, &list, &edits, "hand", "", Timestamp(10)).await.expect("it is listed");
            let edits = listed(three, Some(two), End::AsBefore, Review::AsBefore);
            edit(t, editor, &list, &edits, "hand", "", Timestamp(20)).await.expect("it moves");
            let found = entries::at(t.session(), list.id, &key).await.expect("they are read");
            let shown: Vec<_> =
                found.iter().map(|e| (e.code, e.since.0, e.expires, e.review)).collect();
            let (end, time) = (Some(Timestamp(500)), Some(Timestamp(777)));
            assert_eq!(shown, [(Some(three), 10, end, time)]);
            let edits = listed(three, None, End::Never, Review::Never);
            edit(t, editor, &list, &edits, "hand", "", Timestamp(30)).await.expect("it stays");
            let found = entries::at(t.session(), list.id, &key).await.expect("they are read");
            assert_eq!((found[0].expires, found[0].review), (None, None));
            for (edits, why) in [
                (listed(three, Some(two), End::Never, Review::Never), "no such entry"),
                (listed(three, None, End::At(Timestamp(40)), Review::Never), "in the future"),
                (listed(three, None, End::At(Timestamp(i64::MAX)), Review::Never), "in the future"),
                (listed(three, None, End::After(0), Review::Never), "from 1 to"),
            ] {
                let refused = edit(t, editor, &list, &edits, "hand", "", Timestamp(40)).await;
                let refused = refused.expect_err("it is refused").to_string();
                assert!(refused.contains(why), "{refused}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_edits_what_is_his_own_organisations() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let own = organisations::add(t.session(), "Ada's", Timestamp(1)).await.expect("an Id");
            let role = organisations::MemberRole::Member;
            organisations::put_member(t.session(), own, 7, role, Timestamp(1)).await.expect("put");
            let editor = Person { account: 8, role: Role::Editor };
            let edits = [said("+9.9.9.1 127.0.0.2")];
            edit(t, editor, &list, &edits, "api", "", Timestamp(2)).await.expect("it is written");
            let key: Key = "9.9.9.1".parse().expect("a key");
            let mut found = entries::at(t.session(), list.id, &key).await.expect("they are read");
            found[0].organisation = Some(own);
            entries::remove(t.session(), list.id, &key).await.expect("it is removed");
            entries::put(t.session(), list.id, &found).await.expect("it is written");
            let edits = [said("-9.9.9.1")];
            let member = Person { account: 7, ..editor };
            let refused = edit(t, member, &list, &edits, "api", "", Timestamp(3)).await;
            assert!(matches!(refused, Err(EditError::Denied(_))), "{refused:?}");
            edit(t, editor, &list, &edits, "api", "", Timestamp(3)).await.expect("it is removed");
            // What is in an organisation's network is its business, and so is what is around it.
            let allow = lists::List {
                apex: "wl.example".parse().expect("a name"),
                polarity: Polarity::Allow,
                ..list.list.clone()
            };
            let allow = lists::add(t.session(), &allow, Timestamp(1)).await.expect("it is added");
            let key: Key = "8.8.8.0/25".parse().expect("a key");
            let code = Some("127.0.5.1".parse().expect("a code"));
            found[0] = Entry { key, organisation: Some(own), code, ..found[0].clone() };
            entries::put(t.session(), allow, &found).await.expect("it is written");
            for (words, is_own) in [
                ("+8.8.8.7 127.0.0.2", true),
                ("+8.8.8.0/24 127.0.0.2", true),
                ("+8.8.8.200 127.0.0.2", false),
            ] {
                let said = edit(t, member, &list, &[said(words)], "api", "", Timestamp(4)).await;
                assert_eq!(matches!(said, Err(EditError::Denied(_))), is_own, "{words}: {said:?}");
                assert_eq!(said.is_ok(), !is_own, "{words}: {said:?}");
            }
            transaction.commit().await.expect("it is committed");
        })
        .await;
    }
}
