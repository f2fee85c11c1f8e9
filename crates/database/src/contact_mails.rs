//! What whoever reads the mail of an organisation's contact said by a link: that letters may go there, or that none shall.
//!
//! It is said of a mail address, whatever it is a contact for, and goes with the last contact that has it.

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How a contact's mail address stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactMail {
    /// The address, in lower case.
    pub mail: String,
    /// Since when letters may go there; none until somebody said so.
    pub confirmed: Option<Timestamp>,
    /// Since when none shall.
    pub stopped: Option<Timestamp>,
}

impl ContactMail {
    /// Whether letters may go there.
    pub fn is_written_to(&self) -> bool {
        self.confirmed.is_some() && self.stopped.is_none()
    }
}

/// How the addresses of an organisation's contacts stand, each once.
///
/// # Errors
/// If the database fails.
pub async fn of(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<ContactMail>, DatabaseError> {
    let rows: Vec<(String, Option<i64>, Option<i64>)> =
        on!(session, |c| sqlx::query_as(OF).bind(id.0).fetch_all(c).await?);
    let contact = |(mail, confirmed, stopped): (String, Option<i64>, Option<i64>)| ContactMail {
        mail,
        confirmed: confirmed.map(Timestamp),
        stopped: stopped.map(Timestamp),
    };
    Ok(rows.into_iter().map(contact).collect())
}

/// Letters may go to an address from now on, also if none should before.
///
/// # Errors
/// If there is no such organisation, or the database fails.
pub async fn confirm(
    session: Session<'_>,
    id: OrganisationId,
    mail: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mail = mail.to_lowercase();
    on!(session, |c| {
        sqlx::query(CONFIRM).bind(id.0).bind(mail).bind(now.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// No letters shall go to an address from now on.
///
/// # Errors
/// If there is no such organisation, or the database fails.
pub async fn stop(
    session: Session<'_>,
    id: OrganisationId,
    mail: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mail = mail.to_lowercase();
    on!(session, |c| {
        sqlx::query(STOP).bind(id.0).bind(mail).bind(now.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Forgets what was said of an address that no contact of an organisation has any more.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    session: Session<'_>,
    id: OrganisationId,
    mail: &str,
) -> Result<(), DatabaseError> {
    let mail = mail.to_lowercase();
    on!(session, |c| {
        sqlx::query(FORGET).bind(id.0).bind(mail).execute(c).await?.rows_affected()
    });
    Ok(())
}

statements! {
    /// Those of an organisation.
    OF = "SELECT DISTINCT c.mail, m.confirmed, m.stopped FROM contacts c
        LEFT JOIN contact_mails m ON m.organisation = c.organisation AND m.mail = c.mail
        WHERE c.organisation = $1 ORDER BY c.mail";
    /// Letters may go there.
    CONFIRM = "INSERT INTO contact_mails (organisation, mail, confirmed) VALUES ($1, $2, $3)
        ON CONFLICT (organisation, mail) DO UPDATE SET confirmed = excluded.confirmed, stopped = NULL";
    /// None shall.
    STOP = "INSERT INTO contact_mails (organisation, mail, stopped) VALUES ($1, $2, $3)
        ON CONFLICT (organisation, mail) DO UPDATE SET stopped = excluded.stopped";
    /// Nobody has it any more.
    FORGET = "DELETE FROM contact_mails WHERE organisation = $1 AND mail = $2 AND NOT EXISTS
        (SELECT 1 FROM contacts c WHERE c.organisation = $1 AND c.mail = $2)";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisations::{self, Contact, Purpose};
    use crate::testing::on_each;

    #[tokio::test]
    async fn an_address_is_confirmed_stopped_and_forgotten_with_its_last_contact() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let id = organisations::add(t.session(), "Ours", Timestamp(1)).await.expect("an Id");
            let contact = |purpose| Contact { mail: "noc@x.example".to_owned(), purpose };
            for purpose in [Purpose::Abuse, Purpose::Technical] {
                organisations::add_contact(t.session(), id, &contact(purpose)).await.expect("one");
            }
            let is = |confirmed: Option<i64>, stopped: Option<i64>| {
                vec![ContactMail {
                    mail: "noc@x.example".to_owned(),
                    confirmed: confirmed.map(Timestamp),
                    stopped: stopped.map(Timestamp),
                }]
            };
            let found = of(t.session(), id).await.expect("they are read");
            assert_eq!(found, is(None, None));
            assert!(!found[0].is_written_to());
            confirm(t.session(), id, "NOC@x.example", Timestamp(2)).await.expect("confirmed");
            let found = of(t.session(), id).await.expect("they are read");
            assert_eq!(found, is(Some(2), None));
            assert!(found[0].is_written_to());
            stop(t.session(), id, "noc@X.example", Timestamp(3)).await.expect("stopped");
            let found = of(t.session(), id).await.expect("they are read");
            assert_eq!(found, is(Some(2), Some(3)));
            assert!(!found[0].is_written_to());
            for (purpose, left) in
                [(Purpose::Abuse, is(Some(2), Some(3))), (Purpose::Technical, Vec::new())]
            {
                let one = contact(purpose);
                organisations::remove_contact(t.session(), id, &one).await.expect("it goes");
                forget(t.session(), id, &one.mail).await.expect("it is forgotten");
                assert_eq!(of(t.session(), id).await.expect("they are read"), left);
            }
            let again = contact(Purpose::Abuse);
            organisations::add_contact(t.session(), id, &again).await.expect("one");
            assert_eq!(of(t.session(), id).await.expect("they are read"), is(None, None));
            confirm(t.session(), id, &again.mail, Timestamp(4)).await.expect("confirmed");
            assert_eq!(of(t.session(), id).await.expect("they are read"), is(Some(4), None));
        })
        .await;
    }
}
