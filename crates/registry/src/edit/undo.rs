//! A change of a key is taken back: what was there before it is there again, by a new change under the same rules as any
//! other of one editor.
//!
//! Only what is still as the change left it can be taken back, so that an undo never undoes more than it names.

use repute_database::entries::{self, Entry};
use repute_database::entry_history::{self, Kind, Step, StepId};
use repute_database::lists::{self, Stored};
use repute_database::{DatabaseError, Key, Timestamp, Transaction, audit};

use super::{
    EditError, Made, UNDO, carry_out, check_interest, check_owners, check_reserved, write,
};
use crate::changes::{self, Cause, Change};
use crate::permission::Person;

/// Why a change is not taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is none of this number.
    #[error("{0} has no such change, or it is so long ago that it is forgotten")]
    Missing(String),
    /// It is none of one key that DNS saw.
    #[error("this cannot be taken back alone: {0}")]
    Kind(&'static str),
    /// It is not as the change left it.
    #[error("{0} has changed since: take back what came later first, or change it as it should be")]
    Since(Key),
    /// Time has taken it back, or would at once.
    #[error("what was there before is over since, so there is nothing to bring back")]
    Over,
    /// It would not be allowed as an edit either.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<DatabaseError> for UndoError {
    fn from(error: DatabaseError) -> UndoError {
        UndoError::Edit(EditError::Database(error))
    }
}

/// Takes a change back, or has that wait for a second editor; its key, and what became of it.
///
/// # Errors
/// If that is not possible, or the person may not: then the transaction is to be dropped.
pub async fn undo(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    step: StepId,
    reason: &str,
    now: Timestamp,
) -> Result<(Key, Made), UndoError> {
    // Who may not edit learns nothing of what there is.
    check_owners(transaction.session(), person, &[]).await?;
    let (step, key, there, back) = prepare(transaction, list, step, now).await?;
    if is_handed_over(&there, &back) {
        check_owners(transaction.session(), person, &there).await?;
        check_owners(transaction.session(), person, &back).await?;
        let actor = audit::actor(transaction.session(), person.account).await?;
        let cause = Cause { actor, action: UNDO.to_owned(), reason: named(&step, reason) };
        let (key, serial) = hand_back(transaction, list, (key, back), &cause, now).await?;
        return Ok((key, Made::Published(serial)));
    }
    check_fit(transaction, list, &key, &there, &back).await?;
    check_interest(transaction.session(), person, list, std::iter::once(&key)).await?;
    check_owners(transaction.session(), person, &there).await?;
    check_owners(transaction.session(), person, &back).await?;
    let reason = named(&step, reason);
    let change = Change { key: key.clone(), entries: back };
    let made = carry_out(transaction, person, list, &[change], (UNDO, &reason), now).await?;
    Ok((key, made))
}

/// Takes a change back on behalf of whoever has the shell, and so the database; its key and the serial.
///
/// # Errors
/// If that is not possible: then the transaction is to be dropped.
pub async fn undo_at_shell(
    transaction: &mut Transaction,
    actor: &str,
    list: &Stored,
    step: StepId,
    reason: &str,
    now: Timestamp,
) -> Result<(Key, u32), UndoError> {
    let (step, key, there, back) = prepare(transaction, list, step, now).await?;
    let (actor, reason) = (actor.to_owned(), named(&step, reason));
    let cause = Cause { actor, action: UNDO.to_owned(), reason };
    if is_handed_over(&there, &back) {
        return hand_back(transaction, list, (key, back), &cause, now).await;
    }
    check_fit(transaction, list, &key, &there, &back).await?;
    let change = Change { key: key.clone(), entries: back };
    let serial = write(transaction, list, &[change], (&cause, None), now).await?;
    Ok((key, serial))
}

/// Gives entries back to whom they were taken from; the serial stays.
async fn hand_back(
    transaction: &mut Transaction,
    list: &Stored,
    (key, entries): (Key, Vec<Entry>),
    cause: &Cause,
    now: Timestamp,
) -> Result<(Key, u32), UndoError> {
    let change = Change { key: key.clone(), entries };
    let done = changes::hand_over(transaction, list, &[change], cause, now).await;
    done.map_err(EditError::Change)?;
    Ok((key, list.serial))
}

/// Whether entries differ in nothing but in who is responsible for them.
fn is_handed_over(there: &[Entry], back: &[Entry]) -> bool {
    let is_same = |entry: &Entry| {
        let same = |other: &Entry| Entry { organisation: entry.organisation, ..other.clone() };
        there.iter().any(|other| same(other) == *entry)
    };
    there.len() == back.len() && back.iter().all(is_same)
}

/// A step, its key, what is there now, and what will be there; nobody else changes the list from here on.
async fn prepare(
    transaction: &mut Transaction,
    list: &Stored,
    step: StepId,
    now: Timestamp,
) -> Result<(Step, Key, Vec<Entry>, Vec<Entry>), UndoError> {
    lists::lock(transaction.session(), list.id).await?;
    let found = entry_history::by_id(transaction.session(), list.id, step).await?;
    let step = found.ok_or_else(|| UndoError::Missing(list.list.apex.to_string()))?;
    let key = key_of(&step)?;
    let there = entries::at(transaction.session(), list.id, &key).await?;
    let back = back(&step, &there, now)?;
    Ok((step, key, there, back))
}

/// Why it is taken back, with the row of the audit log that it takes back.
fn named(step: &Step, reason: &str) -> String {
    match reason.trim() {
        "" => format!("takes back {}", step.audit),
        reason => format!("takes back {}: {reason}", step.audit),
    }
}

/// Whether a change can be taken back, as far as it and what is there now tell.
///
/// # Errors
/// Why not.
pub fn can_be_undone(step: &Step, there: &[Entry], now: Timestamp) -> Result<(), UndoError> {
    key_of(step)?;
    back(step, there, now).map(|_| ())
}

/// The one key that a step is of, if it can be taken back.
fn key_of(step: &Step) -> Result<Key, UndoError> {
    match (step.kind, &step.turn.key) {
        (Kind::Change, Some(key)) => Ok(key.clone()),
        (Kind::Renewal, _) => Err(UndoError::Kind(
            "a rule did it for what was seen, and would do it again; change the entry, or the rule",
        )),
        (Kind::Many | Kind::Change, _) => Err(UndoError::Kind(
            "it is of very many entries; import what was there before, or purge its source",
        )),
    }
}

/// What will be there again.
fn back(step: &Step, there: &[Entry], now: Timestamp) -> Result<Vec<Entry>, UndoError> {
    let is_over = |entry: &Entry| entry.expires.is_some_and(|end| end <= now);
    if let Some(key) = &step.turn.key
        && !step.turn.led_to(there)
    {
        return Err(UndoError::Since(key.clone()));
    }
    let back: Vec<Entry> = step.turn.before.iter().filter(|e| !is_over(e)).cloned().collect();
    match back.is_empty() && !step.turn.before.is_empty() {
        true => Err(UndoError::Over),
        false => Ok(back),
    }
}

/// Makes sure that what comes back still fits the list.
pub(super) async fn check_fit(
    transaction: &mut Transaction,
    list: &Stored,
    key: &Key,
    there: &[Entry],
    back: &[Entry],
) -> Result<(), EditError> {
    let codes = lists::codes(transaction.session(), list.id).await?;
    let criteria = lists::criteria(transaction.session(), list.id).await?;
    for entry in back.iter().filter(|entry| !there.contains(entry)) {
        let Some(code) = entry.code else { continue };
        check_reserved(key)?;
        if !codes.is_empty() && !codes.iter().any(|(known, _)| *known == code) {
            let known = codes.iter().map(|(code, _)| code.to_string()).collect::<Vec<_>>();
            let (apex, known) = (list.list.apex.to_string(), known.join(", "));
            return Err(EditError::Code { apex, code, known });
        }
        // One that is ended stays where it is, and comes nowhere else.
        let names = |entry: &Entry, id| entry.criterion.is_some_and(|named| named.id == id);
        let is_here = |id| there.iter().any(|entry| names(entry, id));
        let ended = criteria.iter().find(|one| names(entry, one.id) && !one.is_open());
        if let Some(ended) = ended.filter(|ended| !is_here(ended.id)) {
            let (key, slug) = (key.to_string(), ended.slug.clone());
            return Err(EditError::CriterionEnded { key, slug });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each;
    use repute_database::{Database, kept_out, organisations};

    use super::super::tests::{list, said};
    use super::*;
    use crate::changes;
    use crate::edit::edit;
    use crate::motion;
    use crate::permission::Role;
    use crate::two_editors::TwoEditors;

    /// Who edits.
    const EDITOR: Person = Person { account: 7, role: Role::Editor };
    /// Another one.
    const OTHER: Person = Person { account: 8, role: Role::Editor };

    /// Makes an edit.
    async fn make(database: &Database, list: &Stored, words: &[&str], now: i64) {
        let mut transaction = database.begin().await.expect("a transaction");
        let edits: Vec<_> = words.iter().map(|words| said(words)).collect();
        let now = Timestamp(now);
        let done = edit(&mut transaction, EDITOR, list, &edits, "hand", "why", now).await;
        done.expect("it is written");
        transaction.commit().await.expect("it is committed");
    }

    /// The codes of a key, and its steps.
    async fn look(database: &Database, list: &Stored, key: &str) -> (Vec<Entry>, Vec<Step>) {
        let key = key.parse().expect("a key");
        let mut look = database.look().await.expect("a look");
        let there = entries::at(look.session(), list.id, &key).await.expect("they are read");
        let steps = entry_history::of_key(look.session(), list.id, &key, None, 99).await;
        (there, steps.expect("they are read"))
    }

    /// Takes a step back, or says why not.
    async fn take_back(
        database: &Database,
        person: Person,
        list: &Stored,
        step: StepId,
        now: i64,
    ) -> Result<Made, String> {
        let mut transaction = database.begin().await.expect("a transaction");
        let done = undo(&mut transaction, person, list, step, "a mistake", Timestamp(now)).await;
        let (_, made) = done.map_err(|error| error.to_string())?;
        transaction.commit().await.expect("it is committed");
        Ok(made)
    }

    #[tokio::test]
    async fn an_undo_is_a_new_change_to_what_was_before_and_can_be_taken_back_itself() {
        on_each(async |database| {
            let list = list(&database).await;
            make(&database, &list, &["+9.9.9.1 127.0.0.2"], 10).await;
            make(&database, &list, &["-9.9.9.1"], 20).await;
            let (there, steps) = look(&database, &list, "9.9.9.1").await;
            assert!(there.is_empty());
            let listed = steps[1].turn.after.clone();
            take_back(&database, OTHER, &list, steps[0].id, 30).await.expect("it is taken back");
            let (there, steps) = look(&database, &list, "9.9.9.1").await;
            assert_eq!(there, listed, "with all that it was, and since when");
            assert_eq!((steps.len(), &*steps[0].action), (3, UNDO));
            let detail: serde_json::Value = serde_json::from_str(&steps[0].detail).expect("JSON");
            assert_eq!(detail["reason"], format!("takes back {}: a mistake", steps[1].audit));
            take_back(&database, EDITOR, &list, steps[0].id, 40).await.expect("that as well");
            let (there, steps) = look(&database, &list, "9.9.9.1").await;
            assert_eq!((there.len(), steps.len()), (0, 4));
            // No import brings it back, as it was taken off.
            let mut read = database.read().await.expect("a connection");
            let key = "9.9.9.1".parse().expect("a key");
            let kept = kept_out::at(read.session(), list.id, &key, Timestamp(41)).await;
            assert!(kept.expect("it is read").is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn an_entry_meets_its_criterion_as_it_was_when_it_was_named() {
        on_each(async |database| {
            let list = list(&database).await;
            make(&database, &list, &["+9.9.9.1 127.0.0.2", "!9.9.9.2"], 10).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let trap =
                lists::criteria(t.session(), list.id).await.expect("they are read").remove(0);
            let changed = lists::change_criterion(t.session(), trap.id, "b", "b", Timestamp(15));
            assert_eq!(changed.await.expect("it says something else"), 2);
            transaction.commit().await.expect("it is committed");
            let version = async |key: &str| {
                let (there, _) = look(&database, &list, key).await;
                there.first().and_then(|entry| entry.criterion).and_then(|named| named.version)
            };
            // Another edit names the same, which does not become what it says by now.
            make(&database, &list, &["+9.9.9.1 127.0.0.2"], 20).await;
            assert_eq!(version("9.9.9.1").await, Some(1));
            make(&database, &list, &["-9.9.9.1"], 30).await;
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            take_back(&database, OTHER, &list, steps[0].id, 40).await.expect("it is taken back");
            assert_eq!(version("9.9.9.1").await, Some(1));
            // What is listed anew meets what it says by now, and so does what was there and named none.
            make(&database, &list, &["-9.9.9.1", "+9.9.9.1 127.0.0.2"], 50).await;
            make(&database, &list, &["+9.9.9.2 127.0.0.2", "-9.9.9.2"], 50).await;
            assert_eq!(version("9.9.9.1").await, Some(2));
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            take_back(&database, OTHER, &list, steps[0].id, 60).await.expect("it is taken back");
            assert_eq!(version("9.9.9.1").await, Some(1));
        })
        .await;
    }

    #[tokio::test]
    async fn what_has_changed_since_or_is_over_stays() {
        on_each(async |database| {
            let list = list(&database).await;
            make(&database, &list, &["+9.9.9.1 127.0.0.2"], 10).await;
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            let first = steps[0].id;
            make(&database, &list, &["!9.9.9.1"], 20).await;
            let refused = take_back(&database, EDITOR, &list, first, 30).await;
            assert!(refused.expect_err("it is refused").starts_with("9.9.9.1 has changed since"));
            let missing = take_back(&database, EDITOR, &list, StepId(999), 30).await;
            assert!(missing.expect_err("it is refused").contains("no such change"));
            make(&database, &list, &["-9.9.9.1"], 40).await;
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            // The entry ends after a day, the exclusion never.
            let later = 10 + 86_400_000_000;
            take_back(&database, EDITOR, &list, steps[0].id, later).await.expect("a part is left");
            let (there, _) = look(&database, &list, "9.9.9.1").await;
            assert_eq!(there.iter().map(|entry| entry.code).collect::<Vec<_>>(), [None]);
            make(&database, &list, &["+9.9.9.2 127.0.0.2"], 10).await;
            make(&database, &list, &["-9.9.9.2"], 20).await;
            let (_, steps) = look(&database, &list, "9.9.9.2").await;
            let over = take_back(&database, EDITOR, &list, steps[0].id, later).await;
            assert!(over.expect_err("it is refused").contains("over since"));
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_listed_again_by_a_criterion_that_is_ended() {
        on_each(async |database| {
            let list = list(&database).await;
            make(&database, &list, &["+9.9.9.1 127.0.0.2", "+9.9.9.2 127.0.0.2"], 10).await;
            make(&database, &list, &["-9.9.9.1"], 20).await;
            // What waits for a second editor names it, too.
            let wide = said("+45.0.0.0/16 127.0.0.2");
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let waits = edit(t, EDITOR, &list, &[wide], "hand", "why", Timestamp(30)).await;
            let Ok(Made::Waits(id, _)) = waits else { panic!("{waits:?}") };
            let trap = lists::criteria(t.session(), list.id).await.expect("they are read")[0].id;
            lists::end_criterion(t.session(), trap, Timestamp(40)).await.expect("it is ended");
            let confirm = motion::Verdict::Confirm;
            let done = motion::decide(t, OTHER, id, &confirm, Timestamp(50)).await;
            let Ok(motion::Decided::Stale(why)) = done else { panic!("{done:?}") };
            assert!(why.starts_with("the criterion `trap` is ended since"), "{why}");
            transaction.commit().await.expect("it is committed");
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            let refused = take_back(&database, EDITOR, &list, steps[0].id, 60).await;
            let refused = refused.expect_err("nothing is listed by it");
            assert!(refused.contains("list `9.9.9.1` by another one"), "{refused}");
            // What is listed by it stays so, whatever becomes of the rest.
            let mut transaction = database.begin().await.expect("a transaction");
            let key: Key = "9.9.9.2".parse().expect("a key");
            let there = entries::at(transaction.session(), list.id, &key).await.expect("read");
            let later = Entry { expires: None, ..there[0].clone() };
            check_fit(&mut transaction, &list, &key, &there, &[later]).await.expect("it may");
        })
        .await;
    }

    #[tokio::test]
    async fn an_undo_is_refused_wherever_an_edit_is() {
        on_each(async |database| {
            let list = list(&database).await;
            make(&database, &list, &["+9.9.9.1 127.0.0.2"], 10).await;
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            let member = Person { role: Role::Member, ..OTHER };
            let refused = take_back(&database, member, &list, steps[0].id, 20).await;
            assert!(refused.expect_err("it is refused").contains("you may not"));
            // A range that two editors took off is for two to bring back.
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let key: Key = "45.0.0.0/16".parse().expect("a key");
            let wide = Entry { key: key.clone(), ..steps[0].turn.after[0].clone() };
            let actor = audit::actor(t.session(), 9).await.expect("a pseudonym");
            let cause =
                Cause { actor, action: "request.approve".to_owned(), reason: String::new() };
            for entries in [vec![wide], vec![]] {
                let change = [Change { key: key.clone(), entries }];
                let done = changes::apply(t, &list, &change, &cause, Timestamp(11)).await;
                done.expect("it is written");
            }
            // The first one belongs to an organisation of an editor.
            let own = organisations::add(t.session(), "Ada's", Timestamp(1)).await.expect("an Id");
            let role = organisations::MemberRole::Member;
            organisations::put_member(t.session(), own, 8, role, Timestamp(1)).await.expect("put");
            let key: Key = "9.9.9.1".parse().expect("a key");
            let mut entries = entries::at(t.session(), list.id, &key).await.expect("read");
            entries[0].organisation = Some(own);
            let change = [Change { key, entries }];
            changes::apply(t, &list, &change, &cause, Timestamp(12)).await.expect("it is written");
            transaction.commit().await.expect("it is committed");
            let (_, steps) = look(&database, &list, "45.0.0.0/16").await;
            let two = take_back(&database, EDITOR, &list, steps[0].id, 20).await;
            assert!(matches!(two, Ok(Made::Waits(_, TwoEditors::WideRange))), "{two:?}");
            let (_, steps) = look(&database, &list, "9.9.9.1").await;
            let own = take_back(&database, OTHER, &list, steps[0].id, 20).await;
            assert!(own.expect_err("it is refused").contains("you belong to the organisation"));
            take_back(&database, EDITOR, &list, steps[0].id, 20).await.expect("he may");
        })
        .await;
    }
}
