//! Organisations: who belongs to them, where they are written to, whether their entries count.
//!
//! What an organisation is called and what it lists changes by requests, which an editor decides; who belongs to it
//! is its owners' business. An organisation that somebody owned is never without an owner.

use repute_database::accounts::{self, AccountId};
use repute_database::audit::{self, Deed};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, Contact, MemberRole, Note, Organisation, State};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, contact_mails};
use repute_dnsxl::Name;
use serde_json::json;

use crate::invitation::MOST_OPEN;
use crate::permission::{self, Action, Denied, Person, Relation};

/// Why an organisation is not changed.
#[derive(Debug, thiserror::Error)]
pub enum OrganisationError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is none of this Id.
    #[error("there is no organisation {0}")]
    Unknown(i64),
    /// Its last owner cannot go.
    #[error("an organisation needs an owner: make somebody else one first")]
    LastOwner,
    /// A text is empty or too long.
    #[error("{0} needs a text of at most {MOST_TEXT} characters")]
    Text(&'static str),
    /// No name.
    #[error(
        "a name is one line of 1 to {MOST_NAME} characters, none of which turns the writing around"
    )]
    Name,
    /// As many as are open at a time.
    #[error("{MOST_OPEN} invitations are open: wait until some are followed, or take some back")]
    Invitations,
    /// An invitation that was followed, was taken back, is too old, or never was.
    #[error("this invitation does not hold any more")]
    NotInvited,
    /// No list that anything is known of.
    #[error("there is no such list")]
    NoList,
    /// No category of the list.
    #[error("{0} has no category {1}: choose one that it has")]
    Category(Name, u8),
    /// Not a mail address.
    #[error("`{0}` is not a mail address")]
    Mail(String),
    /// Nobody has an account with this address.
    #[error("nobody has an account with the address `{0}`: have its reader sign up first")]
    NoAccount(String),
    /// Nobody can sign in with it.
    #[error("the account of {0} is locked: unlock it first, or name somebody else")]
    LockedAccount(String),
    /// It is not known by this domain.
    #[error("the organisation is not known by {0}")]
    NotKnown(Name),
    /// Somebody proved it for the organisation.
    #[error("{0} is proven: an administrator ends the claim instead")]
    Proven(Name),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What somebody is to an organisation.
///
/// # Errors
/// If the database fails.
pub async fn relation(
    session: Session<'_>,
    person: Person,
    id: OrganisationId,
) -> Result<Relation, DatabaseError> {
    Ok(organisations::role_of(session, id, person.account).await?.into())
}

/// An organisation that somebody may see, with what he is to it. That there is one is nobody else's business: whoever
/// may not see it learns as much as of one that is not there.
///
/// # Errors
/// If the database fails.
pub async fn visible(
    mut session: Session<'_>,
    person: Person,
    id: OrganisationId,
) -> Result<Option<(Organisation, Relation)>, DatabaseError> {
    let relation = relation(session.again(), person, id).await?;
    if permission::check(person, relation, Action::ReadOrganisation).is_err() {
        return Ok(None);
    }
    Ok(organisations::by_id(session, id).await?.map(|found| (found, relation)))
}

/// Adds an organisation, whose first owner is who adds it.
///
/// # Errors
/// If the name is no name, or the database fails.
pub async fn found(
    transaction: &mut Transaction,
    person: Person,
    name: &str,
    now: Timestamp,
) -> Result<OrganisationId, OrganisationError> {
    let name = called(name)?;
    let id = organisations::add(transaction.session(), name, now).await?;
    let owner = MemberRole::Owner;
    organisations::put_member(transaction.session(), id, person.account, owner, now).await?;
    log(transaction, person, "organisation.found", id, &json!({}), now).await?;
    Ok(id)
}

/// Adds an organisation for which nobody speaks yet, as an editor does it: whoever proves one of its domains speaks for
/// it.
///
/// # Errors
/// If the person may not, the name is no name, or the database fails.
pub async fn add(
    transaction: &mut Transaction,
    person: Person,
    name: &str,
    domains: &[Name],
    now: Timestamp,
) -> Result<OrganisationId, OrganisationError> {
    permission::check(person, Relation::Stranger, Action::AddOrganisation)?;
    let name = called(name)?;
    let id = organisations::add(transaction.session(), name, now).await?;
    for domain in domains {
        organisations::add_domain(transaction.session(), id, domain).await?;
    }
    let domains: Vec<String> = domains.iter().map(ToString::to_string).collect();
    let detail = json!({ "domains": domains });
    log(transaction, person, "organisation.add", id, &detail, now).await?;
    Ok(id)
}

/// Adds a person to an organisation, or gives one that belongs to it another role.
///
/// # Errors
/// If the person may not, its last owner would go, or the database fails.
pub async fn put_member(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    account: i64,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::ChangeMembers).await?;
    if role != MemberRole::Owner {
        keep_an_owner(transaction, id, account).await?;
    }
    organisations::put_member(transaction.session(), id, account, role, now).await?;
    let member = audit::actor(transaction.session(), account).await?;
    let detail = json!({ "member": member, "owner": role == MemberRole::Owner });
    log(transaction, person, "organisation.member", id, &detail, now).await
}

/// Takes a person out of an organisation. Everybody may leave one.
///
/// # Errors
/// If the person may not, its last owner would go, or the database fails.
pub async fn remove_member(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    account: i64,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    if person.account != account {
        allow(transaction, person, id, Action::ChangeMembers).await?;
    }
    keep_an_owner(transaction, id, account).await?;
    organisations::remove_member(transaction.session(), id, account).await?;
    let member = audit::actor(transaction.session(), account).await?;
    let detail = json!({ "member": member });
    log(transaction, person, "organisation.member.remove", id, &detail, now).await
}

/// Adds a contact, to which no letters go before whoever reads there says so by a link.
///
/// # Errors
/// If the person may not, it is no mail address, or the database fails.
pub async fn add_contact(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    contact: &Contact,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::ChangeContacts).await?;
    if !is_mail(&contact.mail) {
        return Err(OrganisationError::Mail(contact.mail.chars().take(80).collect()));
    }
    organisations::add_contact(transaction.session(), id, contact).await?;
    // His own he has confirmed with his account.
    let own = accounts::by_id(transaction.session(), AccountId(person.account)).await?;
    if own.is_some_and(|own| own.mail == contact.mail) {
        contact_mails::confirm(transaction.session(), id, &contact.mail, now).await?;
    }
    // Without the address, which may be a person's: the log is for ever.
    log(transaction, person, "organisation.contact.add", id, &json!({}), now).await
}

/// Removes a contact.
///
/// # Errors
/// If the person may not, or the database fails.
pub async fn remove_contact(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    contact: &Contact,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::ChangeContacts).await?;
    organisations::remove_contact(transaction.session(), id, contact).await?;
    contact_mails::forget(transaction.session(), id, &contact.mail).await?;
    log(transaction, person, "organisation.contact.remove", id, &json!({}), now).await
}

/// Suspends an organisation, with a reason that everybody reads: it gets no new entries. What it has stays, until
/// somebody decides about it.
///
/// # Errors
/// If the person may not, there is no reason, or the database fails.
pub async fn suspend(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    reason: &str,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::Suspend).await?;
    let reason = text("a suspension", reason)?.to_owned();
    let detail = json!({ "reason": reason });
    let state = State::Suspended { reason };
    organisations::set_state(transaction.session(), id, &state).await?;
    log(transaction, person, "organisation.suspend", id, &detail, now).await
}

/// Ends a suspension.
///
/// # Errors
/// If the person may not, or the database fails.
pub async fn resume(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::Suspend).await?;
    organisations::set_state(transaction.session(), id, &State::Active).await?;
    log(transaction, person, "organisation.resume", id, &json!({}), now).await
}

/// Says that an organisation is known by a domain: who proves it speaks for the organisation.
///
/// # Errors
/// If the person may not, or the database fails.
pub async fn name_domain(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    domain: &Name,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::NameDomains).await?;
    organisations::add_domain(transaction.session(), id, domain).await?;
    let detail = json!({ "domain": domain.to_string() });
    log(transaction, person, "organisation.domain", id, &detail, now).await
}

/// Writes a note about an organisation, which editors read.
///
/// # Errors
/// If the person may not, there is no text, or the database fails.
pub async fn note(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    words: &str,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    allow(transaction, person, id, Action::WriteNote).await?;
    let text = text("a note", words)?.to_owned();
    let actor = audit::actor(transaction.session(), person.account).await?;
    let note = Note { time: now, actor, name: None, text };
    Ok(organisations::add_note(transaction.session(), id, &note).await?)
}

/// Whether a text is a mail address, as far as can be told without sending.
pub fn is_mail(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,;\"()".contains(&byte));
    match text.rsplit_once('@') {
        Some((local, domain)) => {
            is_plain
                && (1..=64).contains(&local.len())
                && !local.contains('@')
                && domain.contains('.')
                && domain.parse::<repute_dnsxl::Name>().is_ok()
        }
        None => false,
    }
}

/// Lets a person do something to an organisation that is there.
pub(crate) async fn allow(
    transaction: &mut Transaction,
    person: Person,
    id: OrganisationId,
    action: Action,
) -> Result<(), OrganisationError> {
    let found = organisations::by_id(transaction.session(), id).await?;
    found.ok_or(OrganisationError::Unknown(id.0))?;
    let relation = relation(transaction.session(), person, id).await?;
    Ok(permission::check(person, relation, action)?)
}

/// Fails if an organisation would be without an owner when an account is none any more.
async fn keep_an_owner(
    transaction: &mut Transaction,
    id: OrganisationId,
    account: i64,
) -> Result<(), OrganisationError> {
    // Of two owners who leave at the same moment one stays.
    let members = organisations::members_to_change(transaction.session(), id).await?;
    let mut owners = members.iter().filter(|member| member.role == MemberRole::Owner);
    match owners.all(|owner| owner.account == account) && !members.is_empty() {
        true => Err(OrganisationError::LastOwner),
        false => Ok(()),
    }
}

/// Writes into the audit log what was done to an organisation.
pub(crate) async fn log(
    transaction: &mut Transaction,
    person: Person,
    action: &str,
    id: OrganisationId,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Result<(), OrganisationError> {
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        subject: format!("organisation/{}", id.0),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// A text that is one, without the space around it.
pub(crate) fn text<'t>(of: &'static str, words: &'t str) -> Result<&'t str, OrganisationError> {
    let words = words.trim();
    match words.is_empty() || words.chars().count() > MOST_TEXT {
        true => Err(OrganisationError::Text(of)),
        false => Ok(words),
    }
}

/// A name, without space around it. It stands in letters and pages that others read as ours, so it is one line, and
/// short.
pub(crate) fn called(name: &str) -> Result<&str, OrganisationError> {
    let name = name.trim();
    let turns = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_one = !name.chars().any(|c| c.is_control() || turns(c));
    match is_one && (1..=MOST_NAME).contains(&name.chars().count()) {
        true => Ok(name),
        false => Err(OrganisationError::Name),
    }
}

/// Characters of a name.
const MOST_NAME: usize = 200;
/// Characters of a reason, a note.
const MOST_TEXT: usize = 2_000;

#[cfg(test)]
mod tests {
    use repute_database::organisations::Purpose;
    use repute_database::testing::on_each;

    use super::*;
    use crate::permission::Role;

    /// Somebody.
    fn person(account: i64, role: Role) -> Person {
        Person { account, role }
    }

    #[tokio::test]
    async fn owners_say_who_belongs_and_one_always_stays() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let transaction = &mut transaction;
            let (anna, bert) = (person(1, Role::Member), person(2, Role::Member));
            let now = Timestamp(5);
            let id = found(transaction, anna, " Example ", now).await.expect("it is there");
            let member = MemberRole::Member;
            let refused = put_member(transaction, bert, id, 2, member, now).await;
            assert!(matches!(refused, Err(OrganisationError::Denied(_))));
            put_member(transaction, anna, id, 2, member, now).await.expect("he belongs to it");
            for refused in [
                put_member(transaction, anna, id, 1, member, now).await,
                remove_member(transaction, anna, id, 1, now).await,
            ] {
                assert!(matches!(refused, Err(OrganisationError::LastOwner)));
            }
            put_member(transaction, anna, id, 2, MemberRole::Owner, now).await.expect("an owner");
            remove_member(transaction, anna, id, 1, now).await.expect("she leaves");
            let members = organisations::members(transaction.session(), id).await.expect("read");
            assert_eq!(members.iter().map(|member| member.account).collect::<Vec<_>>(), [2]);
            let subject = format!("organisation/{}", id.0);
            let deeds = audit::of_subject(transaction.session(), &subject, 9).await.expect("read");
            assert_eq!(deeds.len(), 4, "everything is on record");
            let missing = put_member(transaction, bert, OrganisationId(99), 1, member, now).await;
            assert!(matches!(missing, Err(OrganisationError::Unknown(99))));
        })
        .await;
    }

    #[tokio::test]
    async fn editors_add_organisations_for_which_nobody_speaks() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (editor, now) = (person(1, Role::Editor), Timestamp(5));
            let domains = ["a.example".parse().expect("a name")];
            let id = add(t, editor, " Example ", &domains, now).await.expect("it is added");
            let stored = organisations::by_id(t.session(), id).await.expect("it is read");
            assert_eq!(stored.expect("it is there").name, "Example");
            let known = organisations::domains(t.session(), id).await.expect("they are read");
            assert_eq!(known, domains);
            assert_eq!(organisations::members(t.session(), id).await.expect("they are read"), []);
            let subject = format!("organisation/{}", id.0);
            let deeds = audit::of_subject(t.session(), &subject, 9).await.expect("they are read");
            assert_eq!(deeds.len(), 1);
            let long = "x".repeat(MOST_NAME + 1);
            for name in [" ", "two\nlines", "turned \u{202e}dnuora", &long] {
                let refused = add(t, editor, name, &[], now).await;
                assert!(matches!(refused, Err(OrganisationError::Name)), "{name}");
            }
            let refused = add(t, person(2, Role::Member), "Other", &[], now).await;
            assert!(matches!(refused, Err(OrganisationError::Denied(_))));
        })
        .await;
    }

    #[tokio::test]
    async fn who_belongs_to_it_and_editors_see_an_organisation() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (anna, bert) = (person(1, Role::Member), person(2, Role::Member));
            let id = found(t, anna, "Example", Timestamp(5)).await.expect("it is there");
            put_member(t, anna, id, 2, MemberRole::Member, Timestamp(5)).await.expect("he is");
            for (who, what, expected) in [
                (anna, id, Some(Relation::Owner)),
                (bert, id, Some(Relation::Member)),
                (person(3, Role::Member), id, None),
                (person(4, Role::Editor), id, Some(Relation::Stranger)),
                (person(5, Role::Administrator), id, Some(Relation::Stranger)),
                (person(4, Role::Editor), OrganisationId(99), None),
            ] {
                let seen = visible(t.session(), who, what).await.expect("it is looked for");
                assert_eq!(seen.map(|(_, relation)| relation), expected, "{who:?} {what:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn editors_suspend_with_a_reason_but_not_their_own() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let transaction = &mut transaction;
            let (editor, owner) = (person(1, Role::Editor), person(2, Role::Editor));
            let now = Timestamp(5);
            let id = found(transaction, owner, "Example", now).await.expect("it is there");
            for (who, reason) in [(owner, "spam"), (person(3, Role::Member), "spam"), (editor, " ")]
            {
                assert!(suspend(transaction, who, id, reason, now).await.is_err(), "{who:?}");
            }
            suspend(transaction, editor, id, "spam", now).await.expect("it is suspended");
            let stored = organisations::by_id(transaction.session(), id).await.expect("read");
            let reason = "spam".to_owned();
            assert_eq!(stored.expect("it is there").state, State::Suspended { reason });
            resume(transaction, editor, id, now).await.expect("it is over");
            note(transaction, editor, id, "called them", now).await.expect("it is written");
            assert!(note(transaction, owner, id, "nice people", now).await.is_err());
            let mail = Contact { mail: "abuse@example.org".into(), purpose: Purpose::Abuse };
            add_contact(transaction, owner, id, &mail, now).await.expect("it is added");
            assert!(add_contact(transaction, editor, id, &mail, now).await.is_err());
            remove_contact(transaction, owner, id, &mail, now).await.expect("it is removed");
        })
        .await;
    }

    #[test]
    fn a_mail_address_is_one() {
        for text in ["abuse@example.org", "o'neil+x@mail.example.org"] {
            assert!(is_mail(text), "{text}");
        }
        for text in
            ["", "@", "a@", "@b.c", "a@b", "a b@c.de", "a@b@c.de", "<a@b.de>", "a@b.de\nBcc: x@y.z"]
        {
            assert!(!is_mail(text), "{text}");
        }
    }
}
