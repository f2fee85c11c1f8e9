//! Administrators step in where an organisation cannot help itself: its last owner is gone, its contacts reach nobody, or
//! somebody holds a domain that is not his.
//!
//! Each needs a reason, which the audit log keeps and those whom it concerns are told. Nobody steps in for an organisation
//! to which he belongs.

use repute_database::accounts::{self, Account};
use repute_database::claims::{self, ClaimId};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, Contact, MemberRole};
use repute_database::{Timestamp, Transaction, audit, contact_mails};
use repute_dnsxl::Name;
use serde_json::{Value, json};

use crate::claim::{self, ClaimError};
use crate::notice::{Notice, Stepped};
use crate::organisation::{OrganisationError, allow, is_mail, log, text};
use crate::permission::{Action, Person};

/// Makes somebody who has an account an owner of an organisation, so that there is one.
///
/// # Errors
/// If the person may not, there is no reason or no such account, or the database fails.
pub async fn appoint(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    mail: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(Account, Vec<Notice>), OrganisationError> {
    let step = Step::begin(transaction, person, id, (Action::Intervene, STEPPING_IN), reason, now);
    let step = step.await?;
    let mail = mail.trim();
    let account = accounts::by_mail(transaction.session(), mail).await?;
    let unknown = || OrganisationError::NoAccount(mail.chars().take(80).collect());
    let account = account.ok_or_else(unknown)?;
    // Nobody can speak by one that is locked, and nobody deletes or locks it meanwhile.
    if accounts::hold(transaction.session(), account.id).await?.is_none() {
        return Err(OrganisationError::LockedAccount(account.mail));
    }
    let mut notices = step.tell(transaction, Stepped::Owner).await?;
    let owner = MemberRole::Owner;
    organisations::put_member(transaction.session(), id, account.id.0, owner, now).await?;
    notices.retain(
        |notice| !matches!(notice, Notice::Stepped { account: one, .. } if *one == account.id.0),
    );
    notices.push(step.notice(account.id.0, Stepped::You));
    let member = audit::actor(transaction.session(), account.id.0).await?;
    let detail = json!({ "member": member, "owner": true });
    step.end(transaction, "organisation.appoint", detail).await?;
    Ok((account, notices))
}

/// Adds a contact. No letters go there before whoever reads there says so, as to any other.
///
/// # Errors
/// If the person may not, there is no reason, it is no mail address, or the database fails.
pub async fn add_contact(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    contact: &Contact,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Notice>, OrganisationError> {
    let step = Step::begin(transaction, person, id, (Action::Intervene, STEPPING_IN), reason, now);
    let step = step.await?;
    if !is_mail(&contact.mail) {
        return Err(OrganisationError::Mail(contact.mail.chars().take(80).collect()));
    }
    organisations::add_contact(transaction.session(), id, contact).await?;
    let notices = step.tell(transaction, Stepped::Contacts).await?;
    // Without the address, which may be a person's: the log is for ever.
    step.end(transaction, "organisation.contact.add", json!({})).await?;
    Ok(notices)
}

/// Removes a contact.
///
/// # Errors
/// If the person may not, there is no reason, or the database fails.
pub async fn remove_contact(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    contact: &Contact,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Notice>, OrganisationError> {
    let step = Step::begin(transaction, person, id, (Action::Intervene, STEPPING_IN), reason, now);
    let step = step.await?;
    organisations::remove_contact(transaction.session(), id, contact).await?;
    contact_mails::forget(transaction.session(), id, &contact.mail).await?;
    let notices = step.tell(transaction, Stepped::Contacts).await?;
    step.end(transaction, "organisation.contact.remove", json!({})).await?;
    Ok(notices)
}

/// Ends a claim that is open, waits or holds its domain; the organisation is not known by that domain any more, and the
/// next one who proved it has it. Whoever made the claim stays in the organisation until its owners say otherwise.
///
/// # Errors
/// If the person may not, there is no reason, the claim is over, or the database fails.
pub async fn end_claim(
    transaction: &mut Transaction,
    person: Person,
    claim: ClaimId,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Notice>, ClaimError> {
    let found = claims::by_id(transaction.session(), claim).await?;
    let found = found.ok_or(ClaimError::Unknown)?;
    let id = found.new.organisation;
    // Who may not step in learns nothing of what there is.
    let step = Step::begin(transaction, person, id, (Action::Intervene, STEPPING_IN), reason, now);
    let step = step.await?;
    let seen = format!("ended by who runs this site: {}", step.reason);
    claim::end(transaction, &found, &seen, now).await?;
    let domain = found.new.domain.to_string();
    let detail = json!({ "domain": domain, "claim": claim.0 });
    step.end(transaction, "claim.end", detail).await?;
    Ok(vec![step.notice(found.new.account, Stepped::Claim(found.new.domain))])
}

/// Says that an organisation is not known by a domain any more, as an editor who named it may. Claims that would bring
/// somebody to the organisation by it end, and who made them is told.
///
/// # Errors
/// If the person may not, there is no reason, it is not known by it or has proven it, or the database fails.
pub async fn forget_domain(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    domain: &Name,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Notice>, OrganisationError> {
    let what = (Action::NameDomains, "taking a domain away");
    let step = Step::begin(transaction, person, id, what, reason, now).await?;
    // Nobody proves it while it is looked at who has.
    claims::hold_domain(transaction.session(), domain).await?;
    if !organisations::domains(transaction.session(), id).await?.contains(domain) {
        return Err(OrganisationError::NotKnown(domain.clone()));
    }
    let all = claims::of_domain(transaction.session(), domain).await?;
    let holds = |one: &claims::Claim| {
        one.new.organisation == id && matches!(one.state, claims::State::Held { .. })
    };
    if all.iter().any(holds) {
        return Err(OrganisationError::Proven(domain.clone()));
    }
    organisations::remove_domain(transaction.session(), id, domain).await?;
    let mut notices = step.tell(transaction, Stepped::Domain(domain.clone())).await?;
    let seen = format!("the organisation is not known by it any more: {}", step.reason);
    let mut ended = Vec::new();
    for claim in all.into_iter().filter(|one| one.new.organisation == id) {
        match claim.state {
            claims::State::Open | claims::State::Waiting { .. } => {}
            claims::State::Held { .. }
            | claims::State::Superseded
            | claims::State::Lapsed
            | claims::State::Expired
            | claims::State::Withdrawn => continue,
        }
        let state = claims::State::Withdrawn;
        if !claims::set_state(transaction.session(), &claim, state, &seen).await? {
            // It expired in this moment.
            continue;
        }
        ended.push(claim.id.0);
        let account = claim.new.account;
        let is_told = |notice: &Notice| matches!(notice, Notice::Stepped { account: one, .. } if *one == account);
        if !notices.iter().any(is_told) {
            notices.push(step.notice(account, Stepped::Claim(domain.clone())));
        }
    }
    let detail = json!({ "domain": domain.to_string(), "claims": ended });
    step.end(transaction, "organisation.domain.remove", detail).await?;
    Ok(notices)
}

/// The one way in which somebody steps in: he may, he says why, those whom it concerns are told, and the log has it last.
struct Step<'r> {
    /// Who.
    person: Person,
    /// For which organisation.
    id: OrganisationId,
    /// Why, in his words.
    reason: &'r str,
    /// When.
    now: Timestamp,
}

impl<'r> Step<'r> {
    /// Holds the organisation, and lets somebody step in who may and says why; `what` is what he does, as permissions and
    /// as people know it.
    async fn begin(
        transaction: &mut Transaction,
        person: Person,
        id: OrganisationId,
        what: (Action, &'static str),
        reason: &'r str,
        now: Timestamp,
    ) -> Result<Step<'r>, OrganisationError> {
        organisations::lock(transaction.session(), id).await?;
        allow(transaction, person, id, what.0).await?;
        Ok(Step { person, id, reason: text(what.1, reason)?, now })
    }

    /// What somebody is told of it.
    fn notice(&self, account: i64, what: Stepped) -> Notice {
        Notice::Stepped { account, organisation: self.id, what, reason: self.reason.to_owned() }
    }

    /// What the owners of the organisation are told.
    async fn tell(
        &self,
        transaction: &mut Transaction,
        what: Stepped,
    ) -> Result<Vec<Notice>, OrganisationError> {
        let members = organisations::members(transaction.session(), self.id).await?;
        let owners = members.into_iter().filter(|member| member.role == MemberRole::Owner);
        Ok(owners.map(|owner| self.notice(owner.account, what.clone())).collect())
    }

    /// Writes it into the audit log, with the reason.
    async fn end(
        &self,
        transaction: &mut Transaction,
        action: &str,
        mut detail: Value,
    ) -> Result<(), OrganisationError> {
        detail["reason"] = self.reason.into();
        log(transaction, self.person, action, self.id, &detail, self.now).await
    }
}

/// What an administrator has to give a reason for.
const STEPPING_IN: &str = "stepping in";

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role as Standing;
    use repute_database::claims::{Claim, Mailbox, New, Proof, State};
    use repute_database::organisations::Purpose;
    use repute_database::testing::on_each;

    use super::*;
    use crate::organisation;
    use crate::permission::Role;

    /// Who steps in.
    const ADMINISTRATOR: Person = Person { account: 90, role: Role::Administrator };
    /// Who may not.
    const EDITOR: Person = Person { account: 91, role: Role::Editor };

    /// What those who are told are told.
    fn told(notices: &[Notice]) -> Vec<(i64, Stepped)> {
        let told = notices.iter().map(|notice| match notice {
            Notice::Stepped { account, what, .. } => (*account, what.clone()),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[tokio::test]
    async fn an_administrator_gives_an_organisation_an_owner_and_contacts() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(5));
            let id = organisations::add(t.session(), "Lost", now).await.expect("an Id");
            let mut accounts = Vec::new();
            for mail in ["ada@x.example", "bob@x.example"] {
                let added = accounts::add(t.session(), mail, "A", "$", Standing::Member, now).await;
                accounts.push(added.expect("it is added").expect("it is new").0);
            }
            let owner = appoint(t, ADMINISTRATOR, id, " ada@x.example ", "gone", now).await;
            let (account, notices) = owner.expect("she is an owner");
            assert_eq!(account.id.0, accounts[0]);
            assert_eq!(told(&notices), [(accounts[0], Stepped::You)]);
            let owner = appoint(t, ADMINISTRATOR, id, "bob@x.example", "two", now).await;
            let (_, notices) = owner.expect("he is an owner");
            let both = [(accounts[0], Stepped::Owner), (accounts[1], Stepped::You)];
            assert_eq!(told(&notices), both);
            for account in &accounts {
                let role = organisations::role_of(t.session(), id, *account).await;
                assert_eq!(role.expect("it is read"), Some(MemberRole::Owner));
            }
            let eva = accounts::add(t.session(), "eva@x.example", "E", "$", Standing::Member, now);
            let eva = eva.await.expect("it is added").expect("it is new");
            accounts::lock(t.session(), eva, Some(now)).await.expect("it is locked");
            let locked = appoint(t, ADMINISTRATOR, id, "eva@x.example", "gone", now).await;
            assert!(matches!(locked, Err(OrganisationError::LockedAccount(_))), "{locked:?}");
            let role = organisations::role_of(t.session(), id, eva.0).await;
            assert_eq!(role.expect("it is read"), None);
            let mail = "noc@x.example".to_owned();
            let contact = Contact { mail, purpose: Purpose::Technical };
            let added = add_contact(t, ADMINISTRATOR, id, &contact, "dead", now).await;
            assert_eq!(told(&added.expect("it is added")).len(), 2);
            let removed = remove_contact(t, ADMINISTRATOR, id, &contact, "wrong", now).await;
            assert_eq!(told(&removed.expect("it is removed")).len(), 2);
            let insider = Person { account: accounts[0], ..ADMINISTRATOR };
            for (person, mail, reason) in [
                (EDITOR, "ada@x.example", "x"),
                (insider, "ada@x.example", "x"),
                (ADMINISTRATOR, "ada@x.example", " "),
                (ADMINISTRATOR, "eve@x.example", "x"),
            ] {
                let refused = appoint(t, person, id, mail, reason, now).await;
                assert!(refused.is_err(), "{person:?} {mail} {reason}");
            }
            assert!(add_contact(t, EDITOR, id, &contact, "x", now).await.is_err());
            assert!(remove_contact(t, EDITOR, id, &contact, "x", now).await.is_err());
            let subject = format!("organisation/{}", id.0);
            let deeds = audit::of_subject(t.session(), &subject, 9).await.expect("they are read");
            assert_eq!(deeds.len(), 4, "everything is on record");
        })
        .await;
    }

    #[tokio::test]
    async fn a_claim_is_ended_and_a_domain_that_was_named_taken_away() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(5));
            let id = organisations::add(t.session(), "Ours", now).await.expect("an Id");
            organisations::put_member(t.session(), id, 1, MemberRole::Owner, now)
                .await
                .expect("put");
            let domain: Name = "ours.example".parse().expect("a name");
            organisations::add_domain(t.session(), id, &domain).await.expect("it is added");
            let new = New {
                organisation: id,
                domain: domain.clone(),
                account: 1,
                proof: Proof::Mail(Mailbox::Abuse),
                nonce: [7; 16],
                created: now,
                expires: Timestamp(99),
            };
            let claim = claims::add(t.session(), &new).await.expect("it is added");
            let open = Claim { id: claim, new, state: State::Open, seen: String::new() };
            let state = State::Held { proven: now, due: None, failures: 0 };
            assert!(claims::set_state(t.session(), &open, state, "").await.expect("it is written"));
            let proven = forget_domain(t, EDITOR, id, &domain, "sold", now).await;
            assert!(matches!(proven, Err(OrganisationError::Proven(_))), "{proven:?}");
            for (person, reason) in [(EDITOR, "sold"), (ADMINISTRATOR, "")] {
                assert!(end_claim(t, person, claim, reason, now).await.is_err(), "{person:?}");
            }
            let notices = end_claim(t, ADMINISTRATOR, claim, "sold", now).await;
            let notices = notices.expect("it is ended");
            assert_eq!(told(&notices), [(1, Stepped::Claim(domain.clone()))]);
            let over = claims::by_id(t.session(), claim).await.expect("read").expect("there");
            assert_eq!(over.state, State::Withdrawn);
            assert_eq!(over.seen, "ended by who runs this site: sold");
            assert_eq!(organisations::domains(t.session(), id).await.expect("they are read"), []);
            let again = end_claim(t, ADMINISTRATOR, claim, "sold", now).await;
            assert!(matches!(again, Err(ClaimError::Over(_))), "{again:?}");
            // What an editor named he takes away.
            organisation::name_domain(t, EDITOR, id, &domain, now).await.expect("it is named");
            // Claims by it end with it, but not those for others.
            let other = organisations::add(t.session(), "Other", now).await.expect("an Id");
            let mut begun = Vec::new();
            for (organisation, account) in [(id, 1), (id, 5), (id, 6), (other, 7)] {
                let new = New {
                    organisation,
                    account,
                    nonce: [account as u8 + 9; 16],
                    ..open.new.clone()
                };
                let id = claims::add(t.session(), &new).await.expect("it is added");
                begun.push(Claim { id, new, state: State::Open, seen: String::new() });
            }
            let waiting = State::Waiting { proven: now, takes: None };
            let waits = claims::set_state(t.session(), &begun[2], waiting, "").await;
            assert!(waits.expect("it is written"));
            for (person, reason) in [(Person { role: Role::Member, ..EDITOR }, "x"), (EDITOR, " ")]
            {
                let refused = forget_domain(t, person, id, &domain, reason, now).await;
                assert!(refused.is_err(), "{person:?}");
            }
            let notices = forget_domain(t, EDITOR, id, &domain, "sold", now).await;
            let notices = notices.expect("it is taken away");
            let [claim, also] = [5, 6].map(|account| (account, Stepped::Claim(domain.clone())));
            assert_eq!(told(&notices), [(1, Stepped::Domain(domain.clone())), claim, also]);
            let mut states = Vec::new();
            for claim in &begun {
                let claim = claims::by_id(t.session(), claim.id).await.expect("it is read");
                states.push(claim.expect("it is there").state);
            }
            use State::{Open, Withdrawn};
            assert_eq!(states, [Withdrawn, Withdrawn, Withdrawn, Open]);
            let again = forget_domain(t, EDITOR, id, &domain, "sold", now).await;
            assert!(matches!(again, Err(OrganisationError::NotKnown(_))), "{again:?}");
        })
        .await;
    }
}
