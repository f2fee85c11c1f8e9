//! What an organisation may ask for: addresses once a domain is proven for it, so much at once, and the same thing
//! once.
//!
//! What it is called and where its website is it may ask for before: nothing of that is on a list.

use std::collections::BTreeSet;

use repute_database::entries::OrganisationId;
use repute_database::requests::queue;
use repute_database::{DatabaseError, Session, Transaction, organisations};

use super::item::Item;
use super::{Draft, RequestError, items};
use crate::permission::Person;

/// How much may be asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open requests of an organisation.
    pub by_organisation: u32,
    /// Open requests that one account began.
    pub by_account: u32,
    /// Items of a request.
    pub items: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { by_organisation: 20, by_account: 40, items: 1_000 }
    }
}

/// Fails if there is no room for a request, or the same is asked for already.
pub(super) async fn have_room(
    transaction: &mut Transaction,
    person: Person,
    draft: &Draft,
    limits: &Limits,
) -> Result<(), RequestError> {
    if draft.items.len() > limits.items {
        return Err(RequestError::Items(format!(
            "a request has at most {} items: ask for the others in another one",
            limits.items
        )));
    }
    // Of two that are handed in at the same moment the second one sees the first.
    organisations::lock(transaction.session(), draft.organisation).await?;
    let wanted = as_set(&draft.items);
    let (organisation, list) = (draft.organisation, draft.list);
    for open in queue::open_about(transaction.session(), organisation, list).await? {
        if as_set(&items(transaction.session(), open.id).await?) == wanted {
            return Err(RequestError::Same(open.id));
        }
    }
    let (theirs, own) = queue::open(transaction.session(), organisation, person.account).await?;
    if theirs >= limits.by_organisation {
        return Err(RequestError::Many { of: "this organisation has", count: theirs });
    }
    if own >= limits.by_account {
        return Err(RequestError::Many { of: "you have", count: own });
    }
    Ok(())
}

/// Fails if addresses are asked for in the name of an organisation of which no domain is proven, nor known to editors.
pub(super) async fn be_proven(
    mut session: Session<'_>,
    organisation: OrganisationId,
    items: &[Item],
) -> Result<(), RequestError> {
    let is_about_addresses = items.iter().any(|item| item.network().is_some());
    match is_about_addresses && !is_proven(session.again(), organisation).await? {
        true => Err(RequestError::Unproven(organisation)),
        false => Ok(()),
    }
}

/// Whether an organisation may ask for addresses: somebody has proven a domain for it, and none has lapsed since, or
/// an editor has said by which one it is known.
///
/// # Errors
/// If the database fails.
pub async fn is_proven(
    session: Session<'_>,
    organisation: OrganisationId,
) -> Result<bool, DatabaseError> {
    // Claims that are held put their domain there, and those that end take it away.
    Ok(!organisations::domains(session, organisation).await?.is_empty())
}

/// What is asked for, whatever the order.
fn as_set(items: &[Item]) -> BTreeSet<(&'static str, String, String)> {
    items.iter().map(Item::words).collect()
}
