//! Mail addresses at which letters failed: on how many days, and since when nothing goes there any more.
//!
//! Decides nothing: which failure counts, and how many are too many, is told by whoever writes it down.

use std::time::Duration;

use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How an address does that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Its number.
    pub id: i64,
    /// The address, in lower case.
    pub mail: String,
    /// On so many days.
    pub failures: u32,
    /// When the last of them was.
    pub failed: Timestamp,
    /// Since when nothing goes there; none while letters still do.
    pub dead: Option<Timestamp>,
    /// What a mail server said last.
    pub words: String,
}

/// An address to which nothing goes, and a person or an organisation that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The address.
    pub mail: String,
    /// Since when nothing goes there.
    pub dead: Timestamp,
    /// What a mail server said.
    pub words: String,
    /// The organisation that is written to there.
    pub organisation: OrganisationId,
    /// What it is called.
    pub name: String,
}

/// What is known of an address, which is known from now on; nobody else changes it before this transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn hold(
    session: Session<'_>,
    mail: &str,
    now: Timestamp,
) -> Result<Undelivered, DatabaseError> {
    let row: Row = on!(session, |c| {
        sqlx::query_as(HOLD).bind(mail.to_lowercase()).bind(now.0).fetch_one(c).await?
    });
    Ok(undelivered(row))
}

/// Writes down how an address does.
///
/// # Errors
/// If the database fails.
pub async fn put(session: Session<'_>, one: &Undelivered) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(PUT)
            .bind(one.id)
            .bind(i64::from(one.failures))
            .bind(one.failed.0)
            .bind(one.dead.map(|dead| dead.0))
            .bind(&one.words)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// An address to which nothing goes; none if letters do.
///
/// # Errors
/// If the database fails.
pub async fn dead(session: Session<'_>, mail: &str) -> Result<Option<Undelivered>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(DEAD).bind(mail.to_lowercase()).fetch_optional(c).await?
    });
    Ok(row.map(undelivered))
}

/// Those of some addresses to which nothing goes.
///
/// # Errors
/// If the database fails.
pub async fn among(
    session: Session<'_>,
    mails: &[&str],
) -> Result<Vec<Undelivered>, DatabaseError> {
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(AMONG);
        let mut list = query.separated(", ");
        for mail in mails {
            list.push_bind(mail.to_lowercase());
        }
        query.push(")");
        query.build_query_as().fetch_all(c).await?
    });
    Ok(rows.into_iter().map(undelivered).collect())
}

/// The same by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: i64) -> Result<Option<Undelivered>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await?);
    Ok(row.map(undelivered))
}

/// Letters go to an address again, and no report about those from before counts. Whether none did.
///
/// # Errors
/// If the database fails.
pub async fn revive(mut session: Session<'_>, mail: &str) -> Result<bool, DatabaseError> {
    let mail = mail.to_lowercase();
    on!(session.again(), |c| sqlx::query(DROP_SENT).bind(&mail).execute(c).await?.rows_affected());
    let rows = on!(session, |c| sqlx::query(DROP).bind(&mail).execute(c).await?.rows_affected());
    Ok(rows > 0)
}

/// The addresses of an organisation's contacts and people to which nothing goes.
///
/// # Errors
/// If the database fails.
pub async fn of_organisation(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Undelivered>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_ORGANISATION).bind(id.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(undelivered).collect())
}

/// What organisations do not get, those that miss letters for longest first.
///
/// # Errors
/// If the database fails.
pub async fn missed(session: Session<'_>, limit: u32) -> Result<Vec<Missed>, DatabaseError> {
    let rows: Vec<(String, i64, String, i64, String)> =
        on!(session, |c| { sqlx::query_as(MISSED).bind(i64::from(limit)).fetch_all(c).await? });
    let missed = |(mail, dead, words, organisation, name)| Missed {
        mail,
        dead: Timestamp(dead),
        words,
        organisation: OrganisationId(organisation),
        name,
    };
    Ok(rows.into_iter().map(missed).collect())
}

/// Forgets failures from so long ago of addresses that are not dead, or that nobody has.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    session: Session<'_>,
    now: Timestamp,
    age: Duration,
) -> Result<u64, DatabaseError> {
    let before = now.before(age).0;
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before).execute(c).await?.rows_affected()))
}

/// A row.
type Row = (i64, String, i64, i64, Option<i64>, String);

/// Reads a row.
fn undelivered((id, mail, failures, failed, dead, words): Row) -> Undelivered {
    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
    Undelivered { id, mail, failures, failed: Timestamp(failed), dead: dead.map(Timestamp), words }
}

/// Those of some addresses, before what names them.
const AMONG: &str = "SELECT id, mail, failures, failed, dead, words FROM undelivered
    WHERE dead IS NOT NULL AND mail IN (";

statements! {
    /// An address is known, and held.
    HOLD = "INSERT INTO undelivered (mail, failures, failed, dead, words) VALUES ($1, 0, $2, NULL, '')
        ON CONFLICT (mail) DO UPDATE SET mail = excluded.mail
        RETURNING id, mail, failures, failed, dead, words";
    /// How it does.
    PUT = "UPDATE undelivered SET failures = $2, failed = $3, dead = $4, words = $5 WHERE id = $1";
    /// One to which nothing goes.
    DEAD = "SELECT id, mail, failures, failed, dead, words FROM undelivered WHERE mail = $1 AND dead IS NOT NULL";
    /// The same by its number.
    BY_ID = "SELECT id, mail, failures, failed, dead, words FROM undelivered WHERE id = $1 AND dead IS NOT NULL";
    /// It is as any other.
    DROP = "DELETE FROM undelivered WHERE mail = $1";
    /// Its letters are forgotten.
    DROP_SENT = "DELETE FROM sent_letters WHERE recipient = $1";
    /// Those of an organisation.
    OF_ORGANISATION = "SELECT id, mail, failures, failed, dead, words FROM undelivered WHERE dead IS NOT NULL AND mail IN
        (SELECT mail FROM contacts WHERE organisation = $1
        UNION SELECT a.mail FROM members m JOIN accounts a ON a.id = m.account WHERE m.organisation = $1)
        ORDER BY mail";
    /// Those of all organisations.
    MISSED = "SELECT u.mail, u.dead, u.words, o.id, o.name FROM undelivered u JOIN
        (SELECT organisation, mail FROM contacts
        UNION SELECT m.organisation, a.mail FROM members m JOIN accounts a ON a.id = m.account) c ON c.mail = u.mail
        JOIN organisations o ON o.id = c.organisation
        WHERE u.dead IS NOT NULL ORDER BY u.dead, u.mail, o.id LIMIT $1";
    /// Nobody needs them.
    FORGET = "DELETE FROM undelivered WHERE failed <= $1 AND (dead IS NULL OR
        (NOT EXISTS (SELECT 1 FROM accounts a WHERE a.mail = undelivered.mail)
        AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.mail = undelivered.mail)))";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::organisations::{self, Contact, MemberRole, Purpose};
    use crate::outbox::{self, Letter};
    use crate::testing::on_each;

    #[tokio::test]
    async fn an_address_fails_dies_is_shown_where_it_is_missed_and_lives_again() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let held = hold(t.session(), "A@x.example", Timestamp(5)).await.expect("it is held");
            assert_eq!((&*held.mail, held.failures, held.dead), ("a@x.example", 0, None));
            assert_eq!(dead(t.session(), "a@x.example").await.expect("it is read"), None);
            let is_dead = Undelivered {
                failures: 2,
                failed: Timestamp(9),
                dead: Some(Timestamp(9)),
                words: "no such user".to_owned(),
                ..held
            };
            put(t.session(), &is_dead).await.expect("it is written");
            let again = hold(t.session(), "a@X.example", Timestamp(10)).await.expect("it is held");
            assert_eq!(again, is_dead, "it is the same one");
            let found = dead(t.session(), "A@x.example").await.expect("it is read");
            assert_eq!(found.as_ref(), Some(&is_dead));
            let found = by_id(t.session(), is_dead.id).await.expect("it is read");
            assert_eq!(found.as_ref(), Some(&is_dead));
            for (mails, count) in
                [(&["b@x.example", "A@x.example"][..], 1), (&["b@x.example"], 0), (&[], 0)]
            {
                let found = among(t.session(), mails).await.expect("they are read");
                assert_eq!(found.len(), count, "{mails:?}");
            }

            // It is missed by whoever has it as a contact, or as a person's.
            let mut missed_by = Vec::new();
            for name in ["With", "Whose", "None"] {
                let id = organisations::add(t.session(), name, Timestamp(1)).await.expect("one");
                missed_by.push(id);
            }
            let contact = Contact { mail: "a@x.example".to_owned(), purpose: Purpose::Abuse };
            organisations::add_contact(t.session(), missed_by[0], &contact).await.expect("added");
            let mail = "a@x.example";
            let id = accounts::add(t.session(), mail, "A", "", Role::Member, Timestamp(1)).await;
            let id = id.expect("it is added").expect("it is new");
            let owner = MemberRole::Owner;
            organisations::put_member(t.session(), missed_by[1], id.0, owner, Timestamp(1))
                .await
                .expect("put");
            for (place, count) in [(0, 1), (1, 1), (2, 0)] {
                let found = of_organisation(t.session(), missed_by[place]).await.expect("read");
                assert_eq!(found.len(), count, "{place}");
            }
            let all = missed(t.session(), 9).await.expect("they are read");
            let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
            assert_eq!(names, ["With", "Whose"]);
            assert_eq!(missed(t.session(), 1).await.expect("they are read").len(), 1);

            // Somebody has it, so it is not forgotten; one that nobody has is.
            let other = hold(t.session(), "b@x.example", Timestamp(9)).await.expect("it is held");
            let other = Undelivered { dead: Some(Timestamp(9)), ..other };
            put(t.session(), &other).await.expect("it is written");
            let (now, age) = (Timestamp(20), Duration::from_micros(10));
            assert_eq!(forget(t.session(), now, age).await.expect("a number"), 1);
            assert_eq!(by_id(t.session(), other.id).await.expect("it is read"), None);

            let letter = Letter {
                recipient: mail.to_owned(),
                subject: String::new(),
                plain: String::new(),
                html: String::new(),
                unsubscribe: String::new(),
            };
            outbox::put(t.session(), &letter, Timestamp(1)).await.expect("it is put in");
            let taken = outbox::take(t.session(), Timestamp(1), age).await.expect("it is read");
            let taken = taken.expect("one is due");
            outbox::sent(t.session(), taken.id, Timestamp(2)).await.expect("it is gone");
            assert!(revive(t.session(), "A@x.example").await.expect("it is written"));
            assert!(!revive(t.session(), mail).await.expect("it is written"));
            assert_eq!(dead(t.session(), mail).await.expect("it is read"), None);
            let known = outbox::recipients(t.session(), taken.id).await.expect("they are read");
            assert_eq!(known, [], "a report about an old letter is believed no more");
        })
        .await;
    }
}
