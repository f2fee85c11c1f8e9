//! Links that work once: by mail to prove an address, or printed for whoever has the shell. Found by the digest of
//! what is in them.

use crate::accounts::{Role, read_role};
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To make an account.
    Join,
    /// To choose another password.
    Reset,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub purpose: Purpose,
    /// Whom it is for; none if whoever has it says that himself.
    pub mail: Option<String>,
    /// What somebody who joins by it becomes.
    pub role: Role,
    /// Until when it works.
    pub expires: Timestamp,
}

impl Purpose {
    /// All of them.
    const ALL: [Purpose; 2] = [Purpose::Join, Purpose::Reset];

    /// Its word, as it is stored.
    fn word(self) -> &'static str {
        match self {
            Purpose::Join => "join",
            Purpose::Reset => "reset",
        }
    }
}

/// Makes a link.
///
/// # Errors
/// If the database fails.
pub async fn add(session: Session<'_>, digest: &[u8], link: &Link) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(ADD)
            .bind(digest)
            .bind(link.purpose.word())
            .bind(&link.mail)
            .bind(link.role.word())
            .bind(link.expires.0)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// A link that still works.
///
/// # Errors
/// If the database fails.
pub async fn find(
    session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Link>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(FIND).bind(digest).bind(now.0).fetch_optional(c).await?);
    row.map(link).transpose()
}

/// How many links of a purpose for an address still work.
///
/// # Errors
/// If the database fails.
pub async fn count(
    session: Session<'_>,
    purpose: Purpose,
    mail: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(COUNT).bind(purpose.word()).bind(mail).bind(now.0).fetch_one(c).await?
    });
    Ok(count.unsigned_abs())
}

/// Uses a link up: only one who does gets it.
///
/// # Errors
/// If the database fails.
pub async fn take(
    session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Link>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(TAKE).bind(digest).bind(now.0).fetch_optional(c).await?);
    row.map(link).transpose()
}

/// Makes all links of a purpose for an address, or for nobody in particular, useless.
///
/// # Errors
/// If the database fails.
pub async fn revoke(
    session: Session<'_>,
    purpose: Purpose,
    mail: Option<&str>,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        match mail {
            Some(mail) => sqlx::query(REVOKE)
                .bind(purpose.word())
                .bind(mail)
                .execute(c)
                .await?
                .rows_affected(),
            None => sqlx::query(REVOKE_OPEN).bind(purpose.word()).execute(c).await?.rows_affected(),
        }
    });
    Ok(())
}

/// Forgets links that are over.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(now.0).execute(c).await?.rows_affected()))
}

/// A row of links.
type Row = (String, Option<String>, String, i64);

/// Reads a row.
fn link((purpose, mail, role, expires): Row) -> Result<Link, DatabaseError> {
    let purpose = Purpose::ALL.into_iter().find(|known| known.word() == purpose);
    Ok(Link {
        purpose: purpose.ok_or(DatabaseError::Content("the purpose of a link"))?,
        mail,
        role: read_role(&role)?,
        expires: Timestamp(expires),
    })
}

statements! {
    /// Makes a link.
    ADD = "INSERT INTO links (digest, purpose, mail, role, expires) VALUES ($1, $2, $3, $4, $5)";
    /// A link.
    FIND = "SELECT purpose, mail, role, expires FROM links WHERE digest = $1 AND expires > $2";
    /// How many there are for an address.
    COUNT = "SELECT COUNT(*) FROM links WHERE purpose = $1 AND mail = $2 AND expires > $3";
    /// Uses a link up.
    TAKE = "DELETE FROM links WHERE digest = $1 AND expires > $2
        RETURNING purpose, mail, role, expires";
    /// Those for an address.
    REVOKE = "DELETE FROM links WHERE purpose = $1 AND mail = $2";
    /// Those for whoever has them.
    REVOKE_OPEN = "DELETE FROM links WHERE purpose = $1 AND mail IS NULL";
    /// Forgets what is over.
    FORGET = "DELETE FROM links WHERE expires <= $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_link_works_once_and_not_for_ever() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let link = |mail: Option<&str>| Link {
                purpose: Purpose::Join,
                mail: mail.map(str::to_owned),
                role: Role::Administrator,
                expires: Timestamp(100),
            };
            for (digest, mail) in [(b"a", Some("a@x.example")), (b"b", None), (b"c", None)] {
                add(t.session(), digest, &link(mail)).await.expect("it is made");
            }
            for (purpose, mail, now, expect) in [
                (Purpose::Join, "a@x.example", 99, 1),
                (Purpose::Join, "a@x.example", 100, 0),
                (Purpose::Reset, "a@x.example", 99, 0),
                (Purpose::Join, "b@x.example", 99, 0),
            ] {
                let found = count(t.session(), purpose, mail, Timestamp(now)).await;
                assert_eq!(found.expect("a number"), expect, "{purpose:?} {mail} {now}");
            }
            let found = find(t.session(), b"a", Timestamp(99)).await.expect("it is read");
            assert_eq!(found, Some(link(Some("a@x.example"))));
            assert_eq!(find(t.session(), b"a", Timestamp(100)).await.expect("it is read"), None);
            assert_eq!(take(t.session(), b"b", Timestamp(100)).await.expect("it is read"), None);
            assert_eq!(
                take(t.session(), b"b", Timestamp(9)).await.expect("it is read"),
                Some(link(None))
            );
            assert_eq!(take(t.session(), b"b", Timestamp(9)).await.expect("it is read"), None);
            revoke(t.session(), Purpose::Reset, None).await.expect("they are revoked");
            assert!(find(t.session(), b"c", Timestamp(9)).await.expect("it is read").is_some());
            revoke(t.session(), Purpose::Join, None).await.expect("they are revoked");
            assert!(find(t.session(), b"c", Timestamp(9)).await.expect("it is read").is_none());
            revoke(t.session(), Purpose::Join, Some("a@x.example")).await.expect("revoked");
            assert!(find(t.session(), b"a", Timestamp(9)).await.expect("it is read").is_none());
            assert_eq!(forget(t.session(), Timestamp(100)).await.expect("gone"), 0);
        })
        .await;
    }
}
