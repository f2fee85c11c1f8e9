//! Invitations: owners ask people to belong to their organisation, by mail.
//!
//! Whoever has the link of the letter joins by it, with whatever account; so does whoever proved the address that it went
//! to. An invitation is good once, for a week, and only while who wrote it is still an owner whom nobody locked. Whether there is an account
//! with an address is told to nobody.

use std::time::Duration;

use repute_database::accounts::{self, AccountId};
use repute_database::entries::OrganisationId;
use repute_database::invitations::{self, Invitation};
use repute_database::organisations::{self, MemberRole};
use repute_database::{Timestamp, Transaction};
use serde_json::json;

use crate::organisation::{self, OrganisationError, allow, is_mail, log};
use crate::permission::{Action, Person};

/// Invites whoever reads a mail address, with a link of which this is the digest. An invitation that he has is replaced.
///
/// # Errors
/// If the person may not, it is no mail address, or too many invitations are open.
pub async fn invite(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    mail: &str,
    role: MemberRole,
    digest: &[u8],
    now: Timestamp,
) -> Result<Invitation, OrganisationError> {
    allow(transaction, person, id, Action::ChangeMembers).await?;
    let mail = mail.trim().to_lowercase();
    if !is_mail(&mail) {
        return Err(OrganisationError::Mail(mail.chars().take(80).collect()));
    }
    // Two who invite at once do it one after the other.
    organisations::members_to_change(transaction.session(), id).await?;
    invitations::forget(transaction.session(), now).await?;
    let open = invitations::of_organisation(transaction.session(), id, now).await?;
    if open.iter().filter(|one| one.mail != mail).count() >= MOST_OPEN {
        return Err(OrganisationError::Invitations);
    }
    let expires = now.after(HOLDS);
    let account = person.account;
    let invitation = Invitation { organisation: id, mail, role, account, created: now, expires };
    invitations::put(transaction.session(), digest, &invitation).await?;
    // Without the address: the log is for ever.
    let detail = json!({ "owner": role == MemberRole::Owner });
    log(transaction, person, "organisation.invite", id, &detail, now).await?;
    Ok(invitation)
}

/// Takes an invitation back.
///
/// # Errors
/// If the person may not, or the database fails.
pub async fn revoke(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    mail: &str,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::ChangeMembers).await?;
    if invitations::end(transaction.session(), id, mail).await? {
        log(transaction, person, "organisation.invite.revoke", id, &json!({}), now).await?;
    }
    Ok(())
}

/// The invitation of a link.
///
/// # Errors
/// If there is none that holds.
pub async fn of_link(
    transaction: &mut Transaction,
    digest: &[u8],
    now: Timestamp,
) -> Result<Invitation, OrganisationError> {
    let found = invitations::by_digest(transaction.session(), digest, now).await?;
    holds(transaction, found).await
}

/// The invitation to an organisation of whoever proved a mail address.
///
/// # Errors
/// If there is none that holds.
pub async fn of_mail(
    transaction: &mut Transaction,
    id: OrganisationId,
    mail: &str,
    now: Timestamp,
) -> Result<Invitation, OrganisationError> {
    let all = invitations::of_mail(transaction.session(), mail, now).await?;
    let found = all.into_iter().map(|(one, _)| one).find(|one| one.organisation == id);
    holds(transaction, found).await
}

/// Joins by an invitation, which is used up. Who belongs to the organisation already loses nothing by it.
///
/// # Errors
/// If somebody else used it up meanwhile, or the database fails.
pub async fn join(
    transaction: &mut Transaction,
    person: Person,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    let Invitation { organisation: id, role, .. } = invitation;
    if !invitations::end(transaction.session(), *id, &invitation.mail).await? {
        return Err(OrganisationError::NotInvited);
    }
    let has = organisations::role_of(transaction.session(), *id, person.account).await?;
    if has.is_none_or(|has| has < *role) {
        organisations::put_member(transaction.session(), *id, person.account, *role, now).await?;
    }
    let detail = json!({ "owner": *role == MemberRole::Owner });
    organisation::log(transaction, person, "organisation.join", *id, &detail, now).await
}

/// An invitation that is still meant: who wrote it is still an owner, and not locked.
async fn holds(
    transaction: &mut Transaction,
    found: Option<Invitation>,
) -> Result<Invitation, OrganisationError> {
    let found = found.ok_or(OrganisationError::NotInvited)?;
    let (id, by) = (found.organisation, found.account);
    let writer = accounts::by_id(transaction.session(), AccountId(by)).await?;
    if writer.is_none_or(|writer| writer.locked.is_some()) {
        return Err(OrganisationError::NotInvited);
    }
    match organisations::role_of(transaction.session(), id, by).await? {
        Some(MemberRole::Owner) => Ok(found),
        Some(MemberRole::Member) | None => Err(OrganisationError::NotInvited),
    }
}

/// Invitations of an organisation that are open at a time.
pub const MOST_OPEN: usize = 20;
/// How long one holds.
const HOLDS: Duration = Duration::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role as Stored;
    use repute_database::testing::on_each;

    use super::*;
    use crate::permission::Role;

    /// Makes an account.
    async fn account(transaction: &mut Transaction, mail: &str) -> Person {
        let now = Timestamp(1);
        let added = accounts::add(transaction.session(), mail, "x", "", Stored::Member, now).await;
        let id = added.expect("it is added").expect("it is new");
        Person { account: id.0, role: Role::Member }
    }

    #[tokio::test]
    async fn an_invitation_is_good_once_for_a_week_and_while_its_writer_is_an_owner() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let anna = account(t, "anna@x.example").await;
            let bert = account(t, "bert@x.example").await;
            let (now, week) = (Timestamp(5), Timestamp(5).after(HOLDS));
            let id = organisation::found(t, anna, "A bank", now).await.expect("it is there");
            let (owner, member) = (MemberRole::Owner, MemberRole::Member);
            let refused = invite(t, bert, id, "c@x.example", member, b"0", now).await;
            assert!(matches!(refused, Err(OrganisationError::Denied(_))));
            let refused = invite(t, anna, id, "c@x@example", member, b"0", now).await;
            assert!(matches!(refused, Err(OrganisationError::Mail(_))));
            invite(t, anna, id, " Bert@X.example ", owner, b"1", now).await.expect("invited");
            invite(t, anna, id, "bert@x.example", member, b"2", now).await.expect("instead");
            assert!(of_link(t, b"1", now).await.is_err(), "another link holds now");
            assert!(of_link(t, b"2", week).await.is_err(), "a week is over");
            let found = of_link(t, b"2", now).await.expect("it holds");
            assert_eq!(found, of_mail(t, id, "bert@x.example", now).await.expect("the same"));
            join(t, bert, &found, now).await.expect("he joins");
            assert!(join(t, bert, &found, now).await.is_err(), "once");
            let role = organisations::role_of(t.session(), id, bert.account).await.expect("read");
            assert_eq!(role, Some(member));

            // Nobody loses by one, and one of somebody who is no owner any more is void.
            invite(t, anna, id, "anna@x.example", member, b"3", now).await.expect("invited");
            let found = of_link(t, b"3", now).await.expect("it holds");
            join(t, anna, &found, now).await.expect("she has it");
            let role = organisations::role_of(t.session(), id, anna.account).await.expect("read");
            assert_eq!(role, Some(owner));
            invite(t, anna, id, "c@x.example", owner, b"4", now).await.expect("invited");
            organisation::put_member(t, anna, id, bert.account, owner, now).await.expect("put");
            organisation::put_member(t, bert, id, anna.account, member, now).await.expect("put");
            assert!(of_link(t, b"4", now).await.is_err());

            // Nor does one hold that somebody wrote who is locked by now, until he is not any more.
            invite(t, bert, id, "c@x.example", owner, b"c", now).await.expect("invited");
            for (since, is_good) in [(Some(now), false), (None, true)] {
                let account = accounts::AccountId(bert.account);
                accounts::lock(t.session(), account, since).await.expect("it is said");
                assert_eq!(of_link(t, b"c", now).await.is_ok(), is_good, "{since:?}");
                let by_mail = of_mail(t, id, "c@x.example", now).await;
                assert_eq!(by_mail.is_ok(), is_good, "{since:?}");
            }

            for count in 0..MOST_OPEN - 1 {
                let (mail, digest) = (format!("m{count}@x.example"), format!("m{count}"));
                let put = invite(t, bert, id, &mail, member, digest.as_bytes(), now).await;
                put.expect("there is room");
            }
            let refused = invite(t, bert, id, "last@x.example", member, b"5", now).await;
            assert!(matches!(refused, Err(OrganisationError::Invitations)));
            revoke(t, bert, id, "m1@x.example", now).await.expect("it is taken back");
            assert!(of_link(t, b"m1", now).await.is_err());
            invite(t, bert, id, "last@x.example", member, b"5", now).await.expect("there is room");
        })
        .await;
    }
}
