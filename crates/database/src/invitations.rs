//! Invitations: who is asked to belong to an organisation. Of the link only the digest is here.

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::organisations::MemberRole;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// To what.
    pub organisation: OrganisationId,
    /// Who is invited.
    pub mail: String,
    /// As what.
    pub role: MemberRole,
    /// The account of who invited him.
    pub account: i64,
    /// When.
    pub created: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
}

/// Invites somebody; an invitation that he has to the same organisation is replaced, and its link with it.
///
/// # Errors
/// If the database fails.
pub async fn put(
    session: Session<'_>,
    digest: &[u8],
    invitation: &Invitation,
) -> Result<(), DatabaseError> {
    let Invitation { organisation, mail, role, account, created, expires } = invitation;
    on!(session, |c| {
        sqlx::query(PUT)
            .bind(organisation.0)
            .bind(mail)
            .bind(word(*role))
            .bind(digest)
            .bind(account)
            .bind(created.0)
            .bind(expires.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// The invitation of a link, if it holds.
///
/// # Errors
/// If the database fails.
pub async fn by_digest(
    session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Invitation>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(BY_DIGEST).bind(digest).bind(now.0).fetch_optional(c).await?
    });
    row.map(invitation).transpose()
}

/// The invitations to an organisation that hold.
///
/// # Errors
/// If the database fails.
pub async fn of_organisation(
    session: Session<'_>,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Vec<Invitation>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OF_ORGANISATION).bind(organisation.0).bind(now.0).fetch_all(c).await?
    });
    rows.into_iter().map(invitation).collect()
}

/// The invitations of whoever has an address, with what the organisations are called.
///
/// # Errors
/// If the database fails.
pub async fn of_mail(
    session: Session<'_>,
    mail: &str,
    now: Timestamp,
) -> Result<Vec<(Invitation, String)>, DatabaseError> {
    type Named = (i64, String, String, i64, i64, i64, String);
    let rows: Vec<Named> =
        on!(session, |c| sqlx::query_as(OF_MAIL).bind(mail).bind(now.0).fetch_all(c).await?);
    let read = |(organisation, mail, role, account, created, expires, name): Named| {
        Ok((invitation((organisation, mail, role, account, created, expires))?, name))
    };
    rows.into_iter().map(read).collect()
}

/// Ends an invitation, because it was followed or is not meant any more. Whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn end(
    session: Session<'_>,
    organisation: OrganisationId,
    mail: &str,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(END).bind(organisation.0).bind(mail).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Forgets invitations whose time is over.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, now: Timestamp) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(FORGET).bind(now.0).execute(c).await?.rows_affected());
    Ok(())
}

/// A row.
type Row = (i64, String, String, i64, i64, i64);

/// Reads a row.
fn invitation(
    (organisation, mail, role, account, created, expires): Row,
) -> Result<Invitation, DatabaseError> {
    let role = match &*role {
        "owner" => MemberRole::Owner,
        "member" => MemberRole::Member,
        _ => return Err(DatabaseError::Content("the role of somebody who is invited")),
    };
    Ok(Invitation {
        organisation: OrganisationId(organisation),
        mail,
        role,
        account,
        created: Timestamp(created),
        expires: Timestamp(expires),
    })
}

/// The stored word of a role.
fn word(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Owner => "owner",
        MemberRole::Member => "member",
    }
}

statements! {
    /// Invites somebody.
    PUT = "INSERT INTO invitations (organisation, mail, role, digest, account, created, expires)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation, mail) DO UPDATE SET role = excluded.role,
        digest = excluded.digest, account = excluded.account, created = excluded.created, expires = excluded.expires";
    /// Of a link.
    BY_DIGEST = "SELECT organisation, mail, role, account, created, expires FROM invitations
        WHERE digest = $1 AND expires > $2";
    /// To an organisation.
    OF_ORGANISATION = "SELECT organisation, mail, role, account, created, expires FROM invitations
        WHERE organisation = $1 AND expires > $2 ORDER BY mail";
    /// Of somebody.
    OF_MAIL = "SELECT i.organisation, i.mail, i.role, i.account, i.created, i.expires, o.name FROM invitations i
        JOIN organisations o ON o.id = i.organisation WHERE i.mail = $1 AND i.expires > $2 ORDER BY o.id";
    /// It is over.
    END = "DELETE FROM invitations WHERE organisation = $1 AND mail = $2";
    /// Those that are.
    FORGET = "DELETE FROM invitations WHERE expires <= $1";
}
