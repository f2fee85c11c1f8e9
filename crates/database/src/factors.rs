//! Second factors that are typed: codes that change every half minute, and codes for whoever has lost those.
//!
//! A secret lies here as it is, since codes are made from it. Of a recovery code only the digest does: it holds more
//! than anybody guesses, so a fast digest is enough.

use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What makes codes (RFC 6238).
#[derive(Clone, PartialEq, Eq)]
pub struct Totp {
    /// What both sides know.
    pub secret: Secret,
    /// Since when it counts; none until a code has shown that somebody has it.
    pub confirmed: Option<Timestamp>,
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As it is, from before it was sealed.
    Plain(Vec<u8>),
    /// Sealed under a key that is not in the database.
    Sealed(Vec<u8>),
}

impl std::fmt::Debug for Totp {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Totp").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

/// What of this an account has that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    /// Since when it has codes that change.
    pub totp: Option<Timestamp>,
    /// How many passkeys.
    pub passkeys: u32,
    /// How many recovery codes are left.
    pub recovery: u32,
}

impl Factors {
    /// Whether a password alone is not enough.
    pub fn are_asked(&self) -> bool {
        self.totp.is_some() || self.passkeys > 0
    }
}

/// What an account has.
///
/// # Errors
/// If the database fails.
pub async fn of(session: Session<'_>, account: AccountId) -> Result<Factors, DatabaseError> {
    let (totp, passkeys, recovery): (Option<i64>, i64, i64) =
        on!(session, |c| sqlx::query_as(OF).bind(account.0).fetch_one(c).await?);
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    let (passkeys, recovery) = (count(passkeys), count(recovery));
    Ok(Factors { totp: totp.map(Timestamp), passkeys, recovery })
}

/// Keeps a sealed secret for an account until it is confirmed, in place of another one that is not. Whether it does: not if
/// one counts already.
///
/// # Errors
/// If the database fails.
pub async fn offer_totp(
    session: Session<'_>,
    account: AccountId,
    sealed: &[u8],
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(OFFER_TOTP).bind(account.0).bind(sealed).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// What makes an account's codes.
///
/// # Errors
/// If the database fails.
pub async fn totp(session: Session<'_>, account: AccountId) -> Result<Option<Totp>, DatabaseError> {
    let row: Option<(Vec<u8>, Option<i64>, i64)> =
        on!(session, |c| sqlx::query_as(TOTP).bind(account.0).fetch_optional(c).await?);
    let totp = |(secret, confirmed, sealed): (_, Option<i64>, _)| Totp {
        secret: if sealed == 0 { Secret::Plain(secret) } else { Secret::Sealed(secret) },
        confirmed: confirmed.map(Timestamp),
    };
    Ok(row.map(totp))
}

/// The secrets of all accounts, sealed or not.
///
/// # Errors
/// If the database fails.
pub async fn secrets(session: Session<'_>) -> Result<Vec<(AccountId, Secret)>, DatabaseError> {
    let rows: Vec<(i64, Vec<u8>, i64)> =
        on!(session, |c| sqlx::query_as(SECRETS).fetch_all(c).await?);
    let secret = |(account, secret, sealed)| {
        let secret = if sealed == 0 { Secret::Plain(secret) } else { Secret::Sealed(secret) };
        (AccountId(account), secret)
    };
    Ok(rows.into_iter().map(secret).collect())
}

/// Puts a sealed secret in the place of the same one that was not. Whether it was still there.
///
/// # Errors
/// If the database fails.
pub async fn seal(
    session: Session<'_>,
    account: AccountId,
    plain: &[u8],
    sealed: &[u8],
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        let query = sqlx::query(SEAL).bind(account.0).bind(plain).bind(sealed);
        query.execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Has a secret count, as somebody has shown the code of a half minute.
///
/// # Errors
/// If the database fails.
pub async fn confirm_totp(
    session: Session<'_>,
    account: AccountId,
    step: u64,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let rows = on!(session, |c| {
        let query = sqlx::query(CONFIRM_TOTP).bind(account.0).bind(step).bind(now.0);
        query.execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Takes the code of a half minute. Whether it may be taken: not twice, and none from before one that was taken.
///
/// # Errors
/// If the database fails.
pub async fn take_step(
    session: Session<'_>,
    account: AccountId,
    step: u64,
) -> Result<bool, DatabaseError> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let rows = on!(session, |c| {
        sqlx::query(TAKE_STEP).bind(account.0).bind(step).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Takes the changing codes away. Whether there were any.
///
/// # Errors
/// If the database fails.
pub async fn remove_totp(session: Session<'_>, account: AccountId) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| sqlx::query(REMOVE_TOTP)
        .bind(account.0)
        .execute(c)
        .await?
        .rows_affected());
    Ok(rows > 0)
}

/// Gives an account recovery codes in place of those it has.
///
/// # Errors
/// If the database fails.
pub async fn set_recovery(
    mut session: Session<'_>,
    account: AccountId,
    digests: &[Vec<u8>],
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| {
        sqlx::query(REMOVE_RECOVERY).bind(account.0).execute(c).await?.rows_affected()
    });
    for digest in digests {
        on!(session.again(), |c| {
            sqlx::query(ADD_RECOVERY).bind(account.0).bind(digest).execute(c).await?.rows_affected()
        });
    }
    Ok(())
}

/// Uses a recovery code up. Whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn take_recovery(
    session: Session<'_>,
    account: AccountId,
    digest: &[u8],
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(TAKE_RECOVERY).bind(account.0).bind(digest).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Takes everything of this from an account, passkeys too.
///
/// # Errors
/// If the database fails.
pub async fn remove_all(mut session: Session<'_>, account: AccountId) -> Result<(), DatabaseError> {
    for statement in [REMOVE_TOTP, REMOVE_RECOVERY, REMOVE_PASSKEYS] {
        on!(session.again(), |c| {
            sqlx::query(statement).bind(account.0).execute(c).await?.rows_affected()
        });
    }
    Ok(())
}

statements! {
    /// What counts.
    OF = "SELECT (SELECT confirmed FROM totps WHERE account = $1),
        (SELECT COUNT(*) FROM passkeys WHERE account = $1),
        (SELECT COUNT(*) FROM recovery_codes WHERE account = $1)";
    /// A secret that is not confirmed.
    OFFER_TOTP = "INSERT INTO totps (account, secret, sealed, confirmed, step) VALUES ($1, $2, 1, NULL, 0)
        ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, sealed = 1 WHERE totps.confirmed IS NULL";
    /// The secret.
    TOTP = "SELECT secret, confirmed, sealed FROM totps WHERE account = $1";
    /// All secrets.
    SECRETS = "SELECT account, secret, sealed FROM totps ORDER BY account";
    /// Seals one.
    SEAL = "UPDATE totps SET secret = $3, sealed = 1 WHERE account = $1 AND secret = $2 AND sealed = 0";
    /// It counts.
    CONFIRM_TOTP = "UPDATE totps SET confirmed = $3, step = $2
        WHERE account = $1 AND confirmed IS NULL AND step < $2";
    /// Its code is taken.
    TAKE_STEP = "UPDATE totps SET step = $2
        WHERE account = $1 AND confirmed IS NOT NULL AND step < $2";
    /// It is gone.
    REMOVE_TOTP = "DELETE FROM totps WHERE account = $1";
    /// A recovery code.
    ADD_RECOVERY = "INSERT INTO recovery_codes (account, digest) VALUES ($1, $2)";
    /// Uses one up.
    TAKE_RECOVERY = "DELETE FROM recovery_codes WHERE account = $1 AND digest = $2";
    /// All are gone.
    REMOVE_RECOVERY = "DELETE FROM recovery_codes WHERE account = $1";
    /// All passkeys are gone.
    REMOVE_PASSKEYS = "DELETE FROM passkeys WHERE account = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_secret_counts_once_it_is_confirmed_and_each_code_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let added =
                accounts::add(t.session(), "a@x.example", "", "", Role::Member, Timestamp(1)).await;
            let id = added.expect("it is added").expect("it is new");
            for secret in [b"first", b"other"] {
                assert!(offer_totp(t.session(), id, secret).await.expect("it is kept"));
            }
            assert!(
                !take_step(t.session(), id, 7).await.expect("it is tried"),
                "it does not count"
            );
            assert!(!of(t.session(), id).await.expect("it is read").are_asked());
            assert!(confirm_totp(t.session(), id, 7, Timestamp(5)).await.expect("it is confirmed"));
            let totp = totp(t.session(), id).await.expect("it is read").expect("it is there");
            assert!(totp.secret == Secret::Sealed(b"other".to_vec()));
            assert_eq!(totp.confirmed, Some(Timestamp(5)));
            assert!(!seal(t.session(), id, b"other", b"again").await.expect("it is tried"));
            // As it was before secrets were sealed.
            on!(t.session(), |c| {
                let before = sqlx::query("UPDATE totps SET sealed = 0").execute(c).await;
                before.expect("it is set").rows_affected()
            });
            let all = secrets(t.session()).await.expect("they are read");
            assert!(all == [(id, Secret::Plain(b"other".to_vec()))]);
            assert!(!seal(t.session(), id, b"wrong", b"sealed").await.expect("it is tried"));
            assert!(seal(t.session(), id, b"other", b"sealed").await.expect("it is sealed"));
            let all = secrets(t.session()).await.expect("they are read");
            assert!(all == [(id, Secret::Sealed(b"sealed".to_vec()))]);
            assert!(!format!("{totp:?}").contains("secret"));
            assert!(!offer_totp(t.session(), id, b"third").await.expect("it is tried"));
            for (step, is_taken) in [(7, false), (8, true), (8, false), (6, false), (10, true)] {
                let taken = take_step(t.session(), id, step).await.expect("it is tried");
                assert_eq!(taken, is_taken, "{step}");
            }
            assert!(remove_totp(t.session(), id).await.expect("it is gone"));
            assert_eq!(of(t.session(), id).await.expect("it is read"), Factors::default());
        })
        .await;
    }

    #[tokio::test]
    async fn recovery_codes_work_once_and_new_ones_end_the_old() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut ids = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let id = accounts::add(t.session(), mail, "", "", Role::Member, Timestamp(1)).await;
                ids.push(id.expect("it is added").expect("it is new"));
            }
            let codes = |texts: [&[u8]; 2]| texts.map(<[u8]>::to_vec);
            let first = codes([b"one", b"two"]);
            set_recovery(t.session(), ids[0], &first).await.expect("they are set");
            for (who, code, is_taken) in [(1, b"one", false), (0, b"one", true), (0, b"one", false)]
            {
                let taken = take_recovery(t.session(), ids[who], code).await.expect("it is tried");
                assert_eq!(taken, is_taken);
            }
            assert_eq!(of(t.session(), ids[0]).await.expect("it is read").recovery, 1);
            let other = codes([b"six", b"ten"]);
            set_recovery(t.session(), ids[0], &other).await.expect("they are set");
            assert!(!take_recovery(t.session(), ids[0], b"two").await.expect("it is tried"));
            assert_eq!(of(t.session(), ids[0]).await.expect("it is read").recovery, 2);
            remove_all(t.session(), ids[0]).await.expect("all is gone");
            assert_eq!(of(t.session(), ids[0]).await.expect("it is read"), Factors::default());
        })
        .await;
    }
}
