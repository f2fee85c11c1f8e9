//! Entries are given to an organisation, which is responsible for them from then on, or taken from one: an import brings
//! entries that are nobody's, and only what is an organisation's its members can have changed.
//!
//! DNS does not see it. Each key can be taken back ([`super::undo()`]), and all of them by giving them again. The people of
//! the organisations are told.

use std::collections::BTreeMap;

use repute_database::entries::find::{Sought, find};
use repute_database::entries::{self, OrganisationId};
use repute_database::lists::{self, Stored};
use repute_database::organisations::{self, State};
use repute_database::{Key, Timestamp, Transaction, audit};
use repute_dnsxl::ReturnCode;

use super::{EditError, MOST, check_owners};
use crate::changes::{self, Cause, Change};
use crate::notice::{Handed, Notice};
use crate::organisation;
use crate::permission::{self, Action, Person};

/// Which entries are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All entries of these keys.
    Keys(Vec<Key>),
    /// The entries that are found so and no others of their keys, as many as are taken at once.
    Sought(Sought),
}

/// What was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// So many keys.
    pub keys: usize,
    /// Whether there are more that are found so.
    pub is_more: bool,
}

/// Gives entries of a list to an organisation, or to nobody; what its people, and those of whom they are taken from, are told.
///
/// # Errors
/// If the person may not, or there are none: then the transaction is to be dropped.
pub async fn give(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    which: &Which,
    to: Option<OrganisationId>,
    reason: &str,
    now: Timestamp,
) -> Result<(Given, Vec<Notice>), EditError> {
    check_owners(transaction.session(), person, &[]).await?;
    hand(transaction, Giver::Editor(person), list, which, (to, reason), now).await
}

/// Gives them on behalf of whoever has the shell, and so the database.
///
/// # Errors
/// If there are none, or the organisation gets none: then the transaction is to be dropped.
pub async fn give_at_shell(
    transaction: &mut Transaction,
    actor: &str,
    list: &Stored,
    which: &Which,
    to: Option<OrganisationId>,
    reason: &str,
    now: Timestamp,
) -> Result<(Given, Vec<Notice>), EditError> {
    hand(transaction, Giver::Shell(actor), list, which, (to, reason), now).await
}

/// Who gives.
enum Giver<'g> {
    /// An editor, who gives nothing to his own organisation and takes nothing from it.
    Editor(Person),
    /// Whoever has the shell, by his name in the audit log.
    Shell(&'g str),
}

/// Hands entries over.
async fn hand(
    transaction: &mut Transaction,
    giver: Giver<'_>,
    list: &Stored,
    which: &Which,
    (to, reason): (Option<OrganisationId>, &str),
    now: Timestamp,
) -> Result<(Given, Vec<Notice>), EditError> {
    if let Some(id) = to {
        // Nobody suspends it meanwhile.
        organisations::lock(transaction.session(), id).await?;
        let found = organisations::by_id(transaction.session(), id).await?;
        match found.ok_or(EditError::NoOrganisation(id.0))?.state {
            State::Active => {}
            State::Suspended { .. } => return Err(EditError::Suspended(id.0)),
        }
        if let Giver::Editor(person) = giver {
            let relation = organisation::relation(transaction.session(), person, id).await?;
            permission::check(person, relation, Action::EditEntries)?;
        }
    }
    lists::lock(transaction.session(), list.id).await?;
    let (keys, is_more) = match which {
        Which::Keys(keys) if keys.len() > MOST => return Err(EditError::Many(keys.len())),
        Which::Keys(keys) => (keys.iter().map(|key| (key.clone(), Of::All)).collect(), false),
        Which::Sought(sought) => found(transaction, list, sought, to).await?,
    };
    let mut all: Vec<Change> = Vec::new();
    let mut from: BTreeMap<i64, Vec<Key>> = BTreeMap::new();
    for (key, of) in keys {
        if all.iter().any(|change| change.key == key) {
            continue;
        }
        let mut entries = entries::at(transaction.session(), list.id, &key).await?;
        if entries.is_empty() {
            let (apex, key) = (list.list.apex.to_string(), key.to_string());
            return Err(EditError::Missing { apex, key });
        }
        let mut is_given = false;
        for entry in &mut entries {
            let is_meant = match &of {
                Of::All => true,
                Of::These(codes) => codes.contains(&entry.code),
            };
            if !is_meant || entry.organisation == to {
                continue;
            }
            if let Giver::Editor(person) = giver {
                check_owners(transaction.session(), person, std::slice::from_ref(entry)).await?;
            }
            if let Some(id) = entry.organisation {
                let keys = from.entry(id.0).or_default();
                if keys.last() != Some(&key) {
                    keys.push(key.clone());
                }
            }
            entry.organisation = to;
            is_given = true;
        }
        if is_given {
            all.push(Change { key, entries });
        }
    }
    if all.is_empty() {
        return Err(EditError::Nothing);
    }
    let actor = match giver {
        Giver::Editor(person) => audit::actor(transaction.session(), person.account).await?,
        Giver::Shell(actor) => actor.to_owned(),
    };
    let mut notices = Vec::new();
    let taken = from.into_iter().map(|(id, keys)| (OrganisationId(id), Handed::From, keys));
    let keys = || all.iter().map(|change| change.key.clone()).collect();
    let given = to.map(|id| (id, Handed::To, keys()));
    for (id, what, keys) in taken.chain(given) {
        notices.extend(tell(transaction, list, (id, what, keys), reason).await?);
    }
    let whom = to.map_or_else(|| "nobody".to_owned(), |id| format!("organisation {}", id.0));
    let reason = match reason.trim() {
        "" => format!("to {whom}"),
        reason => format!("to {whom}: {reason}"),
    };
    let cause = Cause { actor, action: GIVE.to_owned(), reason };
    changes::hand_over(transaction, list, &all, &cause, now).await?;
    Ok((Given { keys: all.len(), is_more }, notices))
}

/// What the people of an organisation are told.
async fn tell(
    transaction: &mut Transaction,
    list: &Stored,
    (id, what, keys): (OrganisationId, Handed, Vec<Key>),
    reason: &str,
) -> Result<Vec<Notice>, EditError> {
    let members = organisations::members(transaction.session(), id).await?;
    let notice = |member: organisations::Member| Notice::Handed {
        account: member.account,
        organisation: id,
        list: list.list.apex.clone(),
        what,
        first: keys.iter().take(SHOWN).cloned().collect(),
        more: keys.len().saturating_sub(SHOWN),
        reason: reason.trim().to_owned(),
    };
    Ok(members.into_iter().map(notice).collect())
}

/// Which entries of a key.
#[derive(Debug)]
enum Of {
    /// All.
    All,
    /// Those with these codes; none is that it is never listed.
    These(Vec<Option<ReturnCode>>),
}

/// The keys with entries that are found so and are somebody else's, as many as are taken at once; whether there are more.
async fn found(
    transaction: &mut Transaction,
    list: &Stored,
    sought: &Sought,
    to: Option<OrganisationId>,
) -> Result<(Vec<(Key, Of)>, bool), EditError> {
    let (mut keys, mut after): (Vec<(Key, Of)>, _) = (Vec::new(), None);
    loop {
        let limit = MOST as u32;
        let found = find(transaction.session(), list.id, sought, after.as_ref(), limit).await?;
        for entry in found.entries.into_iter().filter(|entry| entry.organisation != to) {
            // They come in the order of their keys.
            let is_full = keys.len() == MOST;
            match keys.last_mut() {
                Some((key, Of::These(codes))) if *key == entry.key => codes.push(entry.code),
                _ if is_full => return Ok((keys, true)),
                _ => keys.push((entry.key, Of::These(vec![entry.code]))),
            }
        }
        after = found.next;
        if after.is_none() {
            return Ok((keys, false));
        }
    }
}

/// So many keys are named in a letter.
const SHOWN: usize = 10;
/// What the audit log calls it.
pub const GIVE: &str = "entries.give";

#[cfg(test)]
mod tests {
    use repute_database::entries::find;
    use repute_database::entry_history;
    use repute_database::testing::on_each;

    use super::super::tests::{list, said};
    use super::super::{edit, undo};
    use super::*;
    use crate::permission::Role;

    /// Who gives.
    const EDITOR: Person = Person { account: 7, role: Role::Editor };

    #[tokio::test]
    async fn entries_are_given_to_an_organisation_and_back_and_dns_does_not_see_it() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(9));
            let id = organisations::add(t.session(), "Ours", now).await.expect("an Id");
            let edits = [said("+45.0.0.0/20 127.0.0.2")];
            edit(t, EDITOR, &list, &edits, "hand", "", now).await.expect("it is written");
            let edits = ["+9.9.9.2 127.0.0.2", "+9.9.9.3 127.0.0.2"].map(said);
            let serial = edit(t, EDITOR, &list, &edits, "hand", "", now).await.expect("written");
            let keys = ["45.0.0.0/20", "9.9.9.2"].map(|key| key.parse().expect("a key"));
            let which = Which::Keys(keys.to_vec());
            let given = give(t, EDITOR, &list, &which, Some(id), "theirs", now).await;
            assert_eq!(given.expect("they are given").0, Given { keys: 2, is_more: false });
            let theirs = entries::of_organisation(t.session(), list.id, id, None, 9).await;
            let theirs = theirs.expect("they are read");
            assert_eq!(
                theirs.iter().map(|entry| &entry.key).collect::<Vec<_>>(),
                [&keys[1], &keys[0]]
            );
            let stored = lists::by_id(t.session(), list.id).await.expect("read").expect("there");
            assert_eq!(
                crate::edit::Made::Published(stored.serial),
                serial,
                "there is nothing to publish"
            );
            let again = give(t, EDITOR, &list, &which, Some(id), "", now).await;
            assert!(matches!(again, Err(EditError::Nothing)), "{again:?}");
            // With what he listed just now it would be too much to list, but who is responsible he may say.
            for key in &keys {
                let steps = entry_history::of_key(t.session(), list.id, key, None, 9).await;
                let step = steps.expect("they are read")[0].id;
                undo(t, EDITOR, &list, step, "", now).await.expect("it is taken back");
            }
            let theirs = entries::of_organisation(t.session(), list.id, id, None, 9).await;
            assert_eq!(theirs.expect("they are read"), []);
            let sought = Sought { code: None, text: Some(String::new()), ..Sought::default() };
            let which = Which::Sought(sought);
            let given = give(t, EDITOR, &list, &which, Some(id), "", now).await;
            assert_eq!(given.expect("they are given").0, Given { keys: 3, is_more: false });
            let given = give(t, EDITOR, &list, &which, None, "", now).await;
            assert_eq!(given.expect("they are taken").0.keys, 3);
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_gives_to_his_own_or_takes_from_it_and_who_is_suspended_gets_none() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(9));
            let mut ids = Vec::new();
            for name in ["Ours", "Theirs"] {
                ids.push(organisations::add(t.session(), name, now).await.expect("an Id"));
            }
            let role = organisations::MemberRole::Member;
            organisations::put_member(t.session(), ids[0], 8, role, now).await.expect("put");
            let edits = [said("+9.9.9.1 127.0.0.2")];
            edit(t, EDITOR, &list, &edits, "hand", "", now).await.expect("it is written");
            let key: Key = "9.9.9.1".parse().expect("a key");
            let which = Which::Keys(vec![key]);
            let member = Person { account: 8, ..EDITOR };
            let own = give(t, member, &list, &which, Some(ids[0]), "", now).await;
            assert!(matches!(own, Err(EditError::Denied(_))), "{own:?}");
            let nobody = Person { role: Role::Member, ..EDITOR };
            let refused = give(t, nobody, &list, &which, Some(ids[1]), "", now).await;
            assert!(matches!(refused, Err(EditError::Denied(_))), "{refused:?}");
            give(t, EDITOR, &list, &which, Some(ids[0]), "", now).await.expect("it is given");
            let taken = give(t, member, &list, &which, Some(ids[1]), "", now).await;
            assert!(matches!(taken, Err(EditError::Denied(_))), "{taken:?}");
            let state = State::Suspended { reason: "spam".to_owned() };
            organisations::set_state(t.session(), ids[1], &state).await.expect("it is written");
            for (which, to, why) in [
                (&which, Some(ids[1]), "is suspended"),
                (&which, Some(OrganisationId(99)), "no organisation 99"),
                (&Which::Keys(vec!["9.9.9.7".parse().expect("a key")]), None, "no such entry"),
                (&Which::Keys(Vec::new()), None, "nothing to change"),
            ] {
                let refused = give(t, EDITOR, &list, which, to, "", now).await;
                let refused = refused.expect_err("it is refused").to_string();
                assert!(refused.contains(why), "{refused}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn of_a_key_only_what_was_found_is_given_and_those_whom_it_concerns_are_told() {
        on_each(async |database| {
            let list = list(&database).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(9));
            let other: ReturnCode = "127.0.0.9".parse().expect("a code");
            lists::set_code(t.session(), list.id, other, "other").await.expect("it is set");
            let mut ids = Vec::new();
            for (name, account) in [("Ours", 21), ("Theirs", 22)] {
                let id = organisations::add(t.session(), name, now).await.expect("an Id");
                let role = organisations::MemberRole::Member;
                organisations::put_member(t.session(), id, account, role, now).await.expect("put");
                ids.push(id);
            }
            let edits = ["+9.9.9.1 127.0.0.2", "+9.9.9.1 127.0.0.9", "+9.9.9.2 127.0.0.9"];
            edit(t, EDITOR, &list, &edits.map(said), "hand", "", now).await.expect("written");
            let whose = async |t: &mut Transaction| {
                let all = entries::page(t.session(), list.id, None, None, 9).await;
                let all = all.expect("they are read");
                all.iter().map(|one| one.organisation).collect::<Vec<_>>()
            };
            let told = |notices: &[Notice]| {
                let told = notices.iter().map(|notice| match notice {
                    Notice::Handed { account, what, first, more, reason, .. } => {
                        let first = first.iter().map(ToString::to_string).collect::<Vec<_>>();
                        (*account, *what, first.join(" "), *more, reason.clone())
                    }
                    other => panic!("{other:?}"),
                });
                told.collect::<Vec<_>>()
            };
            let with = find::Coded::With("127.0.0.2".parse().expect("a code"));
            let which = Which::Sought(Sought { code: Some(with), ..Sought::default() });
            let (given, notices) =
                give(t, EDITOR, &list, &which, Some(ids[0]), " theirs ", now).await.expect("given");
            assert_eq!(given, Given { keys: 1, is_more: false });
            assert_eq!(whose(t).await, [Some(ids[0]), None, None], "the other code stays nobody's");
            let (key, why) = ("9.9.9.1".to_owned(), "theirs".to_owned());
            assert_eq!(told(&notices), [(21, Handed::To, key.clone(), 0, why)]);
            // All of the keys, from one to the other.
            let keys = ["9.9.9.1", "9.9.9.2"].map(|key| key.parse().expect("a key"));
            let which = Which::Keys(keys.to_vec());
            let actor = audit::machine(t.session(), "shell").await.expect("a name");
            let given = give_at_shell(t, &actor, &list, &which, Some(ids[1]), "", now).await;
            let (given, notices) = given.expect("they are given");
            assert_eq!(given, Given { keys: 2, is_more: false });
            assert_eq!(whose(t).await, [Some(ids[1]); 3]);
            let both = "9.9.9.1 9.9.9.2".to_owned();
            let expected = [
                (21, Handed::From, key, 0, String::new()),
                (22, Handed::To, both, 0, String::new()),
            ];
            assert_eq!(told(&notices), expected);
            let state = State::Suspended { reason: "spam".to_owned() };
            organisations::set_state(t.session(), ids[0], &state).await.expect("it is written");
            let refused = give_at_shell(t, &actor, &list, &which, Some(ids[0]), "", now).await;
            assert!(matches!(refused, Err(EditError::Suspended(_))), "{refused:?}");
        })
        .await;
    }
}
