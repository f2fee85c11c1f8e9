//! Subscribers: servers elsewhere get a token, and lose it, with a row in the audit log.

use repute_database::audit::{self, Deed};
use repute_database::lists::Stored;
use repute_database::subscribers;
use repute_database::{DatabaseError, Timestamp, Transaction};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use crate::changes::Cause;
use crate::token::NoRandom;

/// Why somebody is no subscriber, or stays one.
#[derive(Debug, thiserror::Error)]
pub enum SubscriberError {
    /// There is one.
    #[error("there is a subscriber `{0}` already: choose another name, or revoke its token first")]
    Exists(String),
    /// There is none.
    #[error(
        "there is no subscriber `{0}` with a token: `repute registry subscriber list` shows them"
    )]
    Unknown(String),
    /// It is no name.
    #[error(
        "`{0}` is no name for a subscriber: take 1 to 100 characters without control characters"
    )]
    Name(String),
    /// There is no token to be had.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Adds a subscriber, who may have these lists; without any, all. The token, which is stored nowhere.
///
/// # Errors
/// If there is one of this name, or the database fails: then the transaction is to be dropped.
pub async fn add(
    transaction: &mut Transaction,
    name: &str,
    lists: Option<&[Stored]>,
    cause: &Cause,
    now: Timestamp,
) -> Result<String, SubscriberError> {
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(SubscriberError::Name(name.escape_debug().collect()));
    }
    let all = subscribers::all(transaction.session()).await?;
    if all.iter().any(|one| one.name == name && one.revoked.is_none()) {
        return Err(SubscriberError::Exists(name.to_owned()));
    }
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // A look-up by the digest takes no longer for a better guess.
    let stored = digest(&SHA256, token.as_bytes());
    let ids = lists.map(|lists| lists.iter().map(|list| list.id).collect::<Vec<_>>());
    subscribers::add(transaction.session(), name, stored.as_ref(), ids.as_deref(), now).await?;
    let apexes =
        lists.map(|lists| lists.iter().map(|list| list.list.apex.to_string()).collect::<Vec<_>>());
    let detail = json!({ "lists": apexes, "reason": cause.reason });
    record(transaction, name, cause, detail.to_string(), now).await?;
    Ok(token)
}

/// Revokes the token of a subscriber: from now on it is nobody's.
///
/// # Errors
/// If there is none, or the database fails: then the transaction is to be dropped.
pub async fn revoke(
    transaction: &mut Transaction,
    name: &str,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), SubscriberError> {
    if !subscribers::revoke(transaction.session(), name, now).await? {
        return Err(SubscriberError::Unknown(name.escape_debug().collect()));
    }
    let detail = json!({ "reason": cause.reason });
    Ok(record(transaction, name, cause, detail.to_string(), now).await?)
}

/// Writes it into the audit log.
async fn record(
    transaction: &mut Transaction,
    name: &str,
    cause: &Cause,
    detail: String,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let deed = Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("subscriber/{name}"),
        detail,
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use repute_database::subscribers::Scope;
    use repute_database::testing::on_each;

    use super::*;

    #[tokio::test]
    async fn a_token_is_shown_once_and_stands_nowhere() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let cause = Cause {
                actor: audit::machine(t.session(), "shell").await.expect("a name"),
                action: "subscriber.add".to_owned(),
                reason: "a mirror".to_owned(),
            };
            let token = add(t, "mirror", None, &cause, Timestamp(1)).await.expect("it is added");
            assert_eq!(token.len(), 64);
            let stored = digest(&SHA256, token.as_bytes());
            let found = subscribers::find(t.session(), stored.as_ref()).await.expect("it is read");
            assert_eq!(found.map(|found| found.lists), Some(Scope::All));
            let again = add(t, "mirror", None, &cause, Timestamp(2)).await;
            assert!(matches!(again, Err(SubscriberError::Exists(_))), "{again:?}");
            let wrong = add(t, "a\nb", None, &cause, Timestamp(2)).await;
            assert!(matches!(wrong, Err(SubscriberError::Name(_))), "{wrong:?}");
            revoke(t, "mirror", &cause, Timestamp(3)).await.expect("it is revoked");
            let again = revoke(t, "mirror", &cause, Timestamp(4)).await;
            assert!(matches!(again, Err(SubscriberError::Unknown(_))), "{again:?}");
            let found = subscribers::find(t.session(), stored.as_ref()).await.expect("it is read");
            assert_eq!(found, None);
            let log = audit::of_subject(t.session(), "subscriber/mirror", 9).await.expect("read");
            assert_eq!(log.len(), 2);
            assert!(!log.iter().any(|deed| deed.detail.contains(&token)));
        })
        .await;
    }
}
