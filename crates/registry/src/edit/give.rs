//! Entries are given to an organisation, which is responsible for them from then on, or taken from one: an import brings
//! entries that are nobody's, and only what is an organisation's its members can have changed.
//!
//! DNS does not see it. Each key can be taken back ([`super::undo()`]), and all of them by giving them again.

use repute_database::entries::find::{Sought, find};
use repute_database::entries::{self, OrganisationId};
use repute_database::lists::{self, Stored};
use repute_database::organisations::{self, State};
use repute_database::{Key, Timestamp, Transaction, audit};

use super::{EditError, MOST, check_owners};
use crate::changes::{self, Cause, Change};
use crate::organisation;
use crate::permission::{self, Action, Person};

/// Which entries are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All entries of these keys.
    Keys(Vec<Key>),
    /// All entries of the keys that are found so, as many as are taken at once.
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

/// Gives entries of a list to an organisation, or to nobody.
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
) -> Result<Given, EditError> {
    check_owners(transaction.session(), person, &[]).await?;
    if let Some(id) = to {
        // Nobody suspends it meanwhile.
        organisations::lock(transaction.session(), id).await?;
        let found = organisations::by_id(transaction.session(), id).await?;
        match found.ok_or(EditError::NoOrganisation(id.0))?.state {
            State::Active => {}
            State::Suspended { .. } => return Err(EditError::Suspended(id.0)),
        }
        let relation = organisation::relation(transaction.session(), person, id).await?;
        permission::check(person, relation, Action::EditEntries)?;
    }
    lists::lock(transaction.session(), list.id).await?;
    let (keys, is_more) = match which {
        Which::Keys(keys) if keys.len() > MOST => return Err(EditError::Many(keys.len())),
        Which::Keys(keys) => (keys.clone(), false),
        Which::Sought(sought) => found(transaction, list, sought, to).await?,
    };
    let mut all: Vec<Change> = Vec::new();
    for key in keys {
        if all.iter().any(|change| change.key == key) {
            continue;
        }
        let mut entries = entries::at(transaction.session(), list.id, &key).await?;
        if entries.is_empty() {
            let (apex, key) = (list.list.apex.to_string(), key.to_string());
            return Err(EditError::Missing { apex, key });
        }
        check_owners(transaction.session(), person, &entries).await?;
        if entries.iter().all(|entry| entry.organisation == to) {
            continue;
        }
        for entry in &mut entries {
            entry.organisation = to;
        }
        all.push(Change { key, entries });
    }
    if all.is_empty() {
        return Err(EditError::Nothing);
    }
    let actor = audit::actor(transaction.session(), person.account).await?;
    let whom = to.map_or_else(|| "nobody".to_owned(), |id| format!("organisation {}", id.0));
    let reason = match reason.trim() {
        "" => format!("to {whom}"),
        reason => format!("to {whom}: {reason}"),
    };
    let cause = Cause { actor, action: GIVE.to_owned(), reason };
    changes::hand_over(transaction, list, &all, &cause, now).await?;
    Ok(Given { keys: all.len(), is_more })
}

/// The keys that are found so and are somebody else's, as many as are taken at once; whether there are more.
async fn found(
    transaction: &mut Transaction,
    list: &Stored,
    sought: &Sought,
    to: Option<OrganisationId>,
) -> Result<(Vec<Key>, bool), EditError> {
    let (mut keys, mut after): (Vec<Key>, _) = (Vec::new(), None);
    loop {
        let limit = MOST as u32;
        let found = find(transaction.session(), list.id, sought, after.as_ref(), limit).await?;
        for entry in found.entries.into_iter().filter(|entry| entry.organisation != to) {
            // They come in the order of their keys.
            if keys.last() == Some(&entry.key) {
                continue;
            }
            if keys.len() == MOST {
                return Ok((keys, true));
            }
            keys.push(entry.key);
        }
        after = found.next;
        if after.is_none() {
            return Ok((keys, false));
        }
    }
}

/// What the audit log calls it.
pub const GIVE: &str = "entries.give";

#[cfg(test)]
mod tests {
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
            assert_eq!(given.expect("they are given"), Given { keys: 2, is_more: false });
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
            assert_eq!(given.expect("they are given"), Given { keys: 3, is_more: false });
            let given = give(t, EDITOR, &list, &which, None, "", now).await;
            assert_eq!(given.expect("they are taken").keys, 3);
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
}
