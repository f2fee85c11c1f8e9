//! Tokens by which programs act for an account. A token is found by its digest, so that nobody who reads the database
//! has one.

use crate::accounts::{self, Account, AccountId};
use crate::database::DatabaseError;
use crate::evidence::EvidenceSourceId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a token, for the person whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(pub i64);

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for: words with a blank between them.
    pub scopes: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// When it was last shown, to a few minutes.
    pub seen: Option<Timestamp>,
}

/// What a token shall be.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The digest of what is shown.
    pub digest: &'a [u8],
    /// What it may be used for: words with a blank between them.
    pub scopes: &'a str,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// As which sources of evidence it may speak.
    pub sources: &'a [EvidenceSourceId],
}

/// Adds a token to an account.
///
/// # Errors
/// If the database fails.
pub async fn add(
    mut session: Session<'_>,
    account: AccountId,
    new: &New<'_>,
    now: Timestamp,
) -> Result<TokenId, DatabaseError> {
    let (id,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(ADD)
            .bind(account.0)
            .bind(new.name)
            .bind(new.digest)
            .bind(new.scopes)
            .bind(now.0)
            .bind(new.expires.map(|expires| expires.0))
            .fetch_one(c)
            .await?
    });
    for source in new.sources {
        on!(session.again(), |c| {
            sqlx::query(ADD_SOURCE).bind(id).bind(source.0).execute(c).await?;
        });
    }
    Ok(TokenId(id))
}

/// As which sources of evidence a token may speak.
///
/// # Errors
/// If the database fails.
pub async fn sources(
    session: Session<'_>,
    id: TokenId,
) -> Result<Vec<EvidenceSourceId>, DatabaseError> {
    let rows: Vec<(i64,)> =
        on!(session, |c| sqlx::query_as(SOURCES).bind(id.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(source,)| EvidenceSourceId(source)).collect())
}

/// A token that has not ended, and whose it is; none if that account is locked.
///
/// # Errors
/// If the database fails.
pub async fn find(
    mut session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<(Token, Account)>, DatabaseError> {
    let row: Option<(i64, i64)> = on!(session.again(), |c| {
        sqlx::query_as(FIND).bind(digest).bind(now.0).fetch_optional(c).await?
    });
    let Some((id, owner)) = row else { return Ok(None) };
    let owner = accounts::by_id(session.again(), AccountId(owner)).await?;
    let Some(owner) = owner.filter(|owner| owner.locked.is_none()) else { return Ok(None) };
    let found: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id).fetch_optional(c).await?);
    Ok(found.map(|row| (token(row), owner)))
}

/// The tokens of an account, those that ended too, the newest first.
///
/// # Errors
/// If the database fails.
pub async fn of(session: Session<'_>, account: AccountId) -> Result<Vec<Token>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(OF).bind(account.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(token).collect())
}

/// Notes that a token was shown.
///
/// # Errors
/// If the database fails.
pub async fn see(session: Session<'_>, id: TokenId, now: Timestamp) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(SEE).bind(id.0).bind(now.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Ends a token of an account. What it was called; nothing if the account has no such token.
///
/// # Errors
/// If the database fails.
pub async fn end(
    session: Session<'_>,
    account: AccountId,
    id: TokenId,
) -> Result<Option<String>, DatabaseError> {
    let row: Option<(String,)> = on!(session, |c| {
        sqlx::query_as(END).bind(id.0).bind(account.0).fetch_optional(c).await?
    });
    Ok(row.map(|(name,)| name))
}

/// Ends all tokens of an account.
///
/// # Errors
/// If the database fails.
pub async fn end_all(session: Session<'_>, account: AccountId) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(END_ALL).bind(account.0).execute(c).await?.rows_affected()))
}

/// A row of tokens.
type Row = (i64, String, String, i64, Option<i64>, Option<i64>);

/// Reads a row.
fn token((id, name, scopes, created, expires, seen): Row) -> Token {
    Token {
        id: TokenId(id),
        name,
        scopes,
        created: Timestamp(created),
        expires: expires.map(Timestamp),
        seen: seen.map(Timestamp),
    }
}

statements! {
    /// Adds one.
    ADD = "INSERT INTO tokens (account, name, digest, scopes, created, expires)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    /// A source as which it may speak.
    ADD_SOURCE = "INSERT INTO token_sources (token, source) VALUES ($1, $2)";
    /// All of these.
    SOURCES = "SELECT source FROM token_sources WHERE token = $1 ORDER BY source";
    /// A token that has not ended, and its account.
    FIND = "SELECT id, account FROM tokens WHERE digest = $1 AND (expires IS NULL OR expires > $2)";
    /// One token.
    BY_ID = "SELECT id, name, scopes, created, expires, seen FROM tokens WHERE id = $1";
    /// Those of an account.
    OF = "SELECT id, name, scopes, created, expires, seen FROM tokens
        WHERE account = $1 ORDER BY id DESC";
    /// It was shown.
    SEE = "UPDATE tokens SET seen = $2 WHERE id = $1";
    /// Ends one.
    END = "DELETE FROM tokens WHERE id = $1 AND account = $2 RETURNING name";
    /// Ends all.
    END_ALL = "DELETE FROM tokens WHERE account = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Role;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_token_counts_until_it_ends_or_its_account_is_locked() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut accounts = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let id = accounts::add(t.session(), mail, "", "", Role::Editor, Timestamp(1)).await;
                accounts.push(id.expect("it is added").expect("it is new"));
            }
            let kind = crate::evidence::Kind::Trap;
            let source =
                crate::evidence::add_source(t.session(), "traps", kind, Timestamp(1)).await;
            let source = source.expect("it is added");
            let mut ids = Vec::new();
            for (name, expires) in [("one", Some(Timestamp(9))), ("two", None)] {
                let sources = if name == "one" { vec![source] } else { Vec::new() };
                let digest = name.as_bytes();
                let new = New { name, digest, scopes: "queue:read", expires, sources: &sources };
                let id = add(t.session(), accounts[0], &new, Timestamp(2)).await;
                ids.push(id.expect("it is added"));
            }
            let found = find(t.session(), b"one", Timestamp(8)).await.expect("it is read");
            let (token, account) = found.expect("it is there");
            assert_eq!(
                (&*token.name, account.id, account.role),
                ("one", accounts[0], Role::Editor)
            );
            assert_eq!(find(t.session(), b"one", Timestamp(9)).await.expect("read"), None, "over");
            assert_eq!(find(t.session(), b"not", Timestamp(8)).await.expect("read"), None);
            for (id, expect) in [(ids[0], vec![source]), (ids[1], Vec::new())] {
                assert_eq!(sources(t.session(), id).await.expect("they are read"), expect);
            }
            see(t.session(), ids[1], Timestamp(7)).await.expect("it is noted");
            let all = of(t.session(), accounts[0]).await.expect("they are read");
            assert_eq!(all.iter().map(|t| t.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
            assert_eq!(all[0].seen, Some(Timestamp(7)));
            accounts::lock(t.session(), accounts[0], Some(Timestamp(8))).await.expect("locked");
            assert_eq!(find(t.session(), b"two", Timestamp(8)).await.expect("read"), None);
            accounts::lock(t.session(), accounts[0], None).await.expect("unlocked");
            assert!(find(t.session(), b"two", Timestamp(8)).await.expect("read").is_some());
            assert_eq!(
                end(t.session(), accounts[1], ids[1]).await.expect("tried"),
                None,
                "not his"
            );
            let ended = end(t.session(), accounts[0], ids[1]).await.expect("it ends");
            assert_eq!(ended.as_deref(), Some("two"));
            assert_eq!(find(t.session(), b"two", Timestamp(8)).await.expect("read"), None);
            assert_eq!(end_all(t.session(), accounts[0]).await.expect("they end"), 1);
        })
        .await;
    }
}
