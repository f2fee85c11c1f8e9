//! Organisations: who is responsible for entries, and which people belong to them.
//!
//! Accounts are numbers here. The domains are those that an organisation is known by; who proved one stands in
//! [`crate::claims`].

use repute_dnsxl::Name;
use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

pub mod find;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its Id.
    pub id: OrganisationId,
    /// What it is called.
    pub name: String,
    /// Its website; empty if none is known.
    pub website: String,
    /// Whether its entries count.
    pub state: State,
    /// Since when it is known.
    pub created: Timestamp,
}

/// Whether an organisation may have entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It may.
    Active,
    /// It may not.
    Suspended {
        /// Why, for everybody to read.
        reason: String,
    },
}

/// What a person may do in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberRole {
    /// Asks for changes.
    Member,
    /// Says as well who belongs to it.
    Owner,
}

/// A person of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: i64,
    /// What it may do.
    pub role: MemberRole,
    /// Since when it belongs to it.
    pub since: Timestamp,
}

/// What a contact is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Reports of abuse.
    Abuse,
    /// Questions about its servers.
    Technical,
    /// All else.
    General,
}

/// Where an organisation is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The address.
    pub mail: String,
    /// What for.
    pub purpose: Purpose,
}

/// What an editor wrote about an organisation, for other editors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub time: Timestamp,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
    /// What the account is called by now that it belongs to, as long as that is there; it is read, not written.
    pub name: Option<String>,
    /// What.
    pub text: String,
}

/// Adds an organisation.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    name: &str,
    now: Timestamp,
) -> Result<OrganisationId, DatabaseError> {
    let (id,): (i64,) =
        on!(session, |c| sqlx::query_as(ADD).bind(name).bind(now.0).fetch_one(c).await?);
    Ok(OrganisationId(id))
}

/// Adds organisations under Ids that nobody has yet, each with its name and the domains by which it is known.
///
/// # Errors
/// If one has such an Id, or the database fails.
pub async fn add_numbered(
    mut session: Session<'_>,
    new: &[(OrganisationId, String, &[Name])],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if new.is_empty() {
        return Ok(());
    }
    for part in new.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(ADD_NUMBERED);
            query.push_values(part, |mut row, (id, name, _)| {
                row.push_bind(id.0).push_bind(name.clone()).push_bind(now.0);
            });
            query.build().execute(c).await?;
        });
    }
    let domains = new.iter().flat_map(|(id, _, all)| all.iter().map(move |domain| (id, domain)));
    let domains: Vec<_> = domains.map(|(id, domain)| (id.0, domain.to_string())).collect();
    for part in domains.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(ADD_DOMAINS);
            query.push_values(part, |mut row, (id, domain)| {
                row.push_bind(*id).push_bind(domain.clone());
            });
            query.push(ADD_DOMAINS_END);
            query.build().execute(c).await?;
        });
    }
    match session {
        // SQLite takes the number behind the largest.
        Session::Sqlite(_) => {}
        Session::Postgres(c, _) => {
            sqlx::query(GO_ON).execute(c).await?;
        }
    }
    Ok(())
}

/// An organisation by its Id.
///
/// # Errors
/// If the database fails.
pub async fn by_id(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Option<Organisation>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    Ok(row.map(organisation))
}

/// Gives an organisation another name and website.
///
/// # Errors
/// If the database fails.
pub async fn describe(
    session: Session<'_>,
    id: OrganisationId,
    name: &str,
    website: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(DESCRIBE).bind(id.0).bind(name).bind(website).execute(c).await?;
    });
    Ok(())
}

/// Says whether an organisation may have entries.
///
/// # Errors
/// If the database fails.
pub async fn set_state(
    session: Session<'_>,
    id: OrganisationId,
    state: &State,
) -> Result<(), DatabaseError> {
    let reason = match state {
        State::Active => "",
        State::Suspended { reason } => reason,
    };
    on!(session, |c| {
        sqlx::query(SET_STATE).bind(id.0).bind(reason).execute(c).await?;
    });
    Ok(())
}

/// Adds a domain that an organisation is known by, unless it is there.
///
/// # Errors
/// If the database fails.
pub async fn add_domain(
    session: Session<'_>,
    id: OrganisationId,
    domain: &Name,
) -> Result<(), DatabaseError> {
    let domain = domain.to_string();
    on!(session, |c| sqlx::query(ADD_DOMAIN)
        .bind(id.0)
        .bind(domain)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Removes a domain from those that an organisation is known by.
///
/// # Errors
/// If the database fails.
pub async fn remove_domain(
    session: Session<'_>,
    id: OrganisationId,
    domain: &Name,
) -> Result<(), DatabaseError> {
    let domain = domain.to_string();
    on!(session, |c| {
        sqlx::query(REMOVE_DOMAIN).bind(id.0).bind(domain).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// The domains that an organisation is known by.
///
/// # Errors
/// If the database fails.
pub async fn domains(session: Session<'_>, id: OrganisationId) -> Result<Vec<Name>, DatabaseError> {
    let rows: Vec<(String,)> =
        on!(session, |c| sqlx::query_as(DOMAINS).bind(id.0).fetch_all(c).await?);
    let read = |(domain,): (String,)| {
        domain.parse().map_err(|_| DatabaseError::Content("the domain of an organisation"))
    };
    rows.into_iter().map(read).collect()
}

/// The organisations that are known by a domain.
///
/// # Errors
/// If the database fails.
pub async fn by_domain(
    session: Session<'_>,
    domain: &Name,
) -> Result<Vec<Organisation>, DatabaseError> {
    let domain = domain.to_string();
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(BY_DOMAIN).bind(domain).fetch_all(c).await?);
    Ok(rows.into_iter().map(organisation).collect())
}

/// Adds a person to an organisation, or gives one that belongs to it another role.
///
/// # Errors
/// If the database fails.
pub async fn put_member(
    session: Session<'_>,
    id: OrganisationId,
    account: i64,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(PUT_MEMBER).bind(id.0).bind(account).bind(role_word(role));
        query.bind(now.0).execute(c).await?;
    });
    Ok(())
}

/// Takes a person out of an organisation.
///
/// # Errors
/// If the database fails.
pub async fn remove_member(
    session: Session<'_>,
    id: OrganisationId,
    account: i64,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(REMOVE_MEMBER).bind(id.0).bind(account).execute(c).await?;
    });
    Ok(())
}

/// Has whoever else would change an organisation's people, or begin a request in its name, wait until this transaction
/// is over.
///
/// # Errors
/// If the database fails.
pub async fn lock(session: Session<'_>, id: OrganisationId) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(LOCK).bind(id.0).execute(c).await?.rows_affected());
    Ok(())
}

/// The same for some at once, in the order of their Ids, as everybody takes them; those that are not there are passed
/// over.
///
/// # Errors
/// If the database fails.
pub async fn lock_all(session: Session<'_>, ids: &[OrganisationId]) -> Result<(), DatabaseError> {
    // SQLite has one writer.
    let Session::Postgres(c, _) = session else { return Ok(()) };
    let mut ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    for part in ids.chunks(ROWS) {
        sqlx::query(LOCK_ALL).bind(part).execute(&mut *c).await?;
    }
    Ok(())
}

/// The people of an organisation, by account. Whoever else would change them waits until this transaction is over.
///
/// # Errors
/// If the database fails.
pub async fn members_to_change(
    mut session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Member>, DatabaseError> {
    lock(session.again(), id).await?;
    members(session, id).await
}

/// The people of an organisation, by account.
///
/// # Errors
/// If the database fails.
pub async fn members(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Member>, DatabaseError> {
    let rows: Vec<(i64, String, i64)> =
        on!(session, |c| sqlx::query_as(MEMBERS).bind(id.0).fetch_all(c).await?);
    let member = |(account, role, since): (i64, String, i64)| {
        Ok(Member { account, role: read_role(&role)?, since: Timestamp(since) })
    };
    rows.into_iter().map(member).collect()
}

/// What a person may do in an organisation; nothing if he does not belong to it.
///
/// # Errors
/// If the database fails.
pub async fn role_of(
    session: Session<'_>,
    id: OrganisationId,
    account: i64,
) -> Result<Option<MemberRole>, DatabaseError> {
    let row: Option<(String,)> = on!(session, |c| sqlx::query_as(ROLE_OF)
        .bind(id.0)
        .bind(account)
        .fetch_optional(c)
        .await?);
    row.map(|(role,)| read_role(&role)).transpose()
}

/// The organisations that a person belongs to, by Id.
///
/// # Errors
/// If the database fails.
pub async fn of_account(
    session: Session<'_>,
    account: i64,
) -> Result<Vec<Organisation>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_ACCOUNT).bind(account).fetch_all(c).await?);
    Ok(rows.into_iter().map(organisation).collect())
}

/// Adds a contact, unless it is there.
///
/// # Errors
/// If the database fails.
pub async fn add_contact(
    session: Session<'_>,
    id: OrganisationId,
    contact: &Contact,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(ADD_CONTACT).bind(id.0).bind(&contact.mail);
        query.bind(purpose_word(contact.purpose)).execute(c).await?;
    });
    Ok(())
}

/// Removes a contact.
///
/// # Errors
/// If the database fails.
pub async fn remove_contact(
    session: Session<'_>,
    id: OrganisationId,
    contact: &Contact,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(REMOVE_CONTACT).bind(id.0).bind(&contact.mail);
        query.bind(purpose_word(contact.purpose)).execute(c).await?;
    });
    Ok(())
}

/// The contacts of an organisation.
///
/// # Errors
/// If the database fails.
pub async fn contacts(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Contact>, DatabaseError> {
    let rows: Vec<(String, String)> =
        on!(session, |c| sqlx::query_as(CONTACTS).bind(id.0).fetch_all(c).await?);
    let contact = |(mail, purpose): (String, String)| {
        let purpose = match &*purpose {
            "abuse" => Purpose::Abuse,
            "technical" => Purpose::Technical,
            "general" => Purpose::General,
            _ => return Err(DatabaseError::Content("the purpose of a contact")),
        };
        Ok(Contact { mail, purpose })
    };
    rows.into_iter().map(contact).collect()
}

/// Writes a note about an organisation.
///
/// # Errors
/// If the database fails.
pub async fn add_note(
    session: Session<'_>,
    id: OrganisationId,
    note: &Note,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(ADD_NOTE).bind(id.0).bind(note.time.0);
        query.bind(&note.actor).bind(&note.text).execute(c).await?;
    });
    Ok(())
}

/// The notes about an organisation, the latest first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn notes(
    session: Session<'_>,
    id: OrganisationId,
    limit: u32,
) -> Result<Vec<Note>, DatabaseError> {
    let rows: Vec<(i64, String, Option<String>, String)> = on!(session, |c| {
        sqlx::query_as(NOTES).bind(id.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    let note = |(time, actor, name, text)| Note { time: Timestamp(time), actor, name, text };
    Ok(rows.into_iter().map(note).collect())
}

/// A row of organisations.
type Row = (i64, String, String, String, i64);

/// Reads a row.
fn organisation((id, name, website, suspension, created): Row) -> Organisation {
    let state = match suspension.is_empty() {
        true => State::Active,
        false => State::Suspended { reason: suspension },
    };
    Organisation { id: OrganisationId(id), name, website, state, created: Timestamp(created) }
}

/// The stored word of a role.
fn role_word(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Member => "member",
        MemberRole::Owner => "owner",
    }
}

/// Reads a stored role.
fn read_role(word: &str) -> Result<MemberRole, DatabaseError> {
    match word {
        "member" => Ok(MemberRole::Member),
        "owner" => Ok(MemberRole::Owner),
        _ => Err(DatabaseError::Content("the role of a member")),
    }
}

/// The stored word of a purpose.
fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Abuse => "abuse",
        Purpose::Technical => "technical",
        Purpose::General => "general",
    }
}

/// Rows in a statement.
const ROWS: usize = 1_000;
/// Before the rows of [`add_numbered`].
const ADD_NUMBERED: &str = "INSERT INTO organisations (id, name, created) ";
/// Before its domains.
const ADD_DOMAINS: &str = "INSERT INTO domains (organisation, domain) ";
/// Behind them.
const ADD_DOMAINS_END: &str = " ON CONFLICT (organisation, domain) DO NOTHING";
/// Holds up others who want to change some of them; only PostgreSQL has these words. It is what [`LOCK`] takes of one.
const LOCK_ALL: &str =
    "SELECT 1 FROM organisations WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
/// Has PostgreSQL go on behind the largest Id, which SQLite does by itself. Never back: another transaction may have taken
/// a number that is not seen here yet.
const GO_ON: &str = "SELECT setval(pg_get_serial_sequence('organisations', 'id'),
    GREATEST((SELECT MAX(id) FROM organisations), last_value),
    is_called OR EXISTS (SELECT 1 FROM organisations)) FROM organisations_id_seq";

statements! {
    /// Adds an organisation.
    ADD = "INSERT INTO organisations (name, created) VALUES ($1, $2) RETURNING id";
    /// One organisation.
    BY_ID = "SELECT id, name, website, suspension, created FROM organisations WHERE id = $1";
    /// Renames one.
    DESCRIBE = "UPDATE organisations SET name = $2, website = $3 WHERE id = $1";
    /// Suspends one, or not.
    SET_STATE = "UPDATE organisations SET suspension = $2 WHERE id = $1";
    /// Holds up others who want to change it.
    LOCK = "UPDATE organisations SET name = name WHERE id = $1";
    /// Adds a domain.
    ADD_DOMAIN = "INSERT INTO domains (organisation, domain) VALUES ($1, $2)
        ON CONFLICT (organisation, domain) DO NOTHING";
    /// Removes a domain.
    REMOVE_DOMAIN = "DELETE FROM domains WHERE organisation = $1 AND domain = $2";
    /// All domains.
    DOMAINS = "SELECT domain FROM domains WHERE organisation = $1 ORDER BY domain";
    /// Whose a domain is.
    BY_DOMAIN = "SELECT o.id, o.name, o.website, o.suspension, o.created FROM domains d
        JOIN organisations o ON o.id = d.organisation WHERE d.domain = $1 ORDER BY o.id";
    /// Adds a member.
    PUT_MEMBER = "INSERT INTO members (organisation, account, role, since) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organisation, account) DO UPDATE SET role = excluded.role";
    /// Removes a member.
    REMOVE_MEMBER = "DELETE FROM members WHERE organisation = $1 AND account = $2";
    /// All members.
    MEMBERS = "SELECT account, role, since FROM members WHERE organisation = $1 ORDER BY account";
    /// One member.
    ROLE_OF = "SELECT role FROM members WHERE organisation = $1 AND account = $2";
    /// Where somebody is a member.
    OF_ACCOUNT = "SELECT o.id, o.name, o.website, o.suspension, o.created FROM members m
        JOIN organisations o ON o.id = m.organisation WHERE m.account = $1 ORDER BY o.id";
    /// Adds a contact.
    ADD_CONTACT = "INSERT INTO contacts (organisation, mail, purpose) VALUES ($1, $2, $3)
        ON CONFLICT (organisation, mail, purpose) DO NOTHING";
    /// Removes a contact.
    REMOVE_CONTACT = "DELETE FROM contacts WHERE organisation = $1 AND mail = $2 AND purpose = $3";
    /// All contacts.
    CONTACTS = "SELECT mail, purpose FROM contacts WHERE organisation = $1 ORDER BY purpose, mail";
    /// Adds a note.
    ADD_NOTE = "INSERT INTO notes (organisation, time, actor, text) VALUES ($1, $2, $3, $4)";
    /// The last notes.
    NOTES = "SELECT n.time, n.actor, p.name, n.text
        FROM notes n LEFT JOIN actors w ON w.pseudonym = n.actor LEFT JOIN accounts p ON p.id = w.account
        WHERE n.organisation = $1 ORDER BY n.id DESC LIMIT $2";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{accounts, audit};

    #[tokio::test]
    async fn an_organisation_is_stored_as_it_is() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let id = add(transaction.session(), "Example", Timestamp(7)).await.expect("an Id");
            let site = "https://example.org/";
            describe(transaction.session(), id, "Example AG", site).await.expect("it is changed");
            let suspended = State::Suspended { reason: "spam".to_owned() };
            set_state(transaction.session(), id, &suspended).await.expect("it is changed");
            let stored = by_id(transaction.session(), id).await.expect("it is read");
            let stored = stored.expect("it is there");
            assert_eq!((&*stored.name, &*stored.website), ("Example AG", site));
            assert_eq!((&stored.state, stored.created), (&suspended, Timestamp(7)));
            set_state(transaction.session(), id, &State::Active).await.expect("it is changed");
            let stored = by_id(transaction.session(), id).await.expect("it is read");
            assert_eq!(stored.expect("it is there").state, State::Active);
            let names = ["a.example", "b.example"].map(|name| name.parse().expect("a name"));
            for name in [&names[1], &names[0], &names[1]] {
                add_domain(transaction.session(), id, name).await.expect("it is added");
            }
            let all = domains(transaction.session(), id).await.expect("they are read");
            assert_eq!(all, names);
            remove_domain(transaction.session(), id, &names[1]).await.expect("it is removed");
            for (name, wanted) in [(&names[0], &[id][..]), (&names[1], &[])] {
                let found = by_domain(transaction.session(), name).await.expect("it is read");
                assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), wanted);
            }
            let none = by_id(transaction.session(), OrganisationId(99)).await;
            assert_eq!(none.expect("a look"), None);
        })
        .await;
    }

    #[tokio::test]
    async fn organisations_come_with_ids_and_others_go_on_behind_them() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let names = ["a.example", "b.example"].map(|name| name.parse().expect("a name"));
            let new = [
                (OrganisationId(7), "a.example".to_owned(), &names[..]),
                (OrganisationId(42), "c.example".to_owned(), &[]),
            ];
            add_numbered(t.session(), &new, Timestamp(7)).await.expect("they are added");
            add_numbered(t.session(), &[], Timestamp(7)).await.expect("nothing is added");
            let known = domains(t.session(), OrganisationId(7)).await.expect("they are read");
            assert_eq!(known, names);
            let ids = [OrganisationId(42), OrganisationId(43)];
            let there = find::by_ids(t.session(), &ids).await.expect("they are read");
            assert_eq!(there.iter().map(|one| one.id).collect::<Vec<_>>(), ids[..1]);
            lock_all(t.session(), &ids).await.expect("nobody has them");
            lock_all(t.session(), &[]).await.expect("nothing is wanted");
            let next = add(t.session(), "Next", Timestamp(8)).await.expect("an Id");
            assert_eq!(next, ids[1]);
            // A number that was given once is not given again, whatever is seen of it.
            on!(t.session(), |c| {
                let query = sqlx::query("DELETE FROM organisations WHERE id = 43");
                query.execute(c).await.expect("it is gone").rows_affected()
            });
            let old = [(OrganisationId(9), "d.example".to_owned(), &[][..])];
            add_numbered(t.session(), &old, Timestamp(9)).await.expect("it is added");
            let expected = match t.session() {
                Session::Sqlite(_) => OrganisationId(43),
                Session::Postgres(..) => OrganisationId(44),
            };
            let next = add(t.session(), "After", Timestamp(9)).await.expect("an Id");
            assert_eq!(next, expected);
        })
        .await;
    }

    #[tokio::test]
    async fn people_contacts_and_notes_come_and_go() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let id = add(transaction.session(), "Example", Timestamp(7)).await.expect("an Id");
            use MemberRole::{Member, Owner};
            for (account, role) in [(5, Owner), (6, Owner), (6, Member), (7, Member)] {
                let put = put_member(transaction.session(), id, account, role, Timestamp(9)).await;
                put.expect("it is put");
            }
            remove_member(transaction.session(), id, 7).await.expect("it is removed");
            let all = members_to_change(transaction.session(), id).await.expect("they are read");
            let all: Vec<_> = all.iter().map(|member| (member.account, member.role)).collect();
            assert_eq!(all, [(5, Owner), (6, Member)]);
            let mut role = async |account| {
                role_of(transaction.session(), id, account).await.expect("it is read")
            };
            assert_eq!((role(5).await, role(7).await), (Some(Owner), None));
            let theirs = of_account(transaction.session(), 6).await.expect("they are read");
            assert_eq!(theirs.iter().map(|one| one.id).collect::<Vec<_>>(), [id]);
            let contact = |mail: &str, purpose| Contact { mail: mail.to_owned(), purpose };
            let abuse = contact("abuse@example.org", Purpose::Abuse);
            let general = contact("info@example.org", Purpose::General);
            for contact in [&abuse, &general, &abuse] {
                add_contact(transaction.session(), id, contact).await.expect("it is added");
            }
            remove_contact(transaction.session(), id, &general).await.expect("it is removed");
            let all = contacts(transaction.session(), id).await.expect("they are read");
            assert_eq!(all, [abuse]);
            let (mail, role, now) = ("ed@example.org", accounts::Role::Editor, Timestamp(1));
            let added = accounts::add(transaction.session(), mail, "Edith", "$none", role, now);
            let account = added.await.expect("it is added").expect("it is new");
            let actor = audit::actor(transaction.session(), account.0).await.expect("a pseudonym");
            let note = |time, name: Option<&str>, text: &str| Note {
                time: Timestamp(time),
                actor: actor.clone(),
                name: name.map(str::to_owned),
                text: text.to_owned(),
            };
            for note in [note(1, None, "called them"), note(2, None, "called again")] {
                add_note(transaction.session(), id, &note).await.expect("it is written");
            }
            let last = notes(transaction.session(), id, 1).await.expect("they are read");
            assert_eq!(last, [note(2, Some("Edith"), "called again")]);
            audit::erase(transaction.session(), account.0).await.expect("it is gone");
            let last = notes(transaction.session(), id, 1).await.expect("they are read");
            assert_eq!(last, [note(2, None, "called again")], "whoever is gone has no name");
        })
        .await;
    }
}
