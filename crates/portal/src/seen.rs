//! When a session, a token or a subscriber was last in use: noted now and then, and never at the cost of whoever asks.
//!
//! While an import or a restore has the database, or its disk is full, nothing can be noted; pages are read all the same.

use std::time::Duration;

use repute_database::sessions::{self, SessionId};
use repute_database::subscribers::{self, SubscriberId};
use repute_database::tokens::{self, TokenId};
use repute_database::{Database, DatabaseError, Timestamp};
use tokio::time::timeout;

use crate::app::App;

/// What is in use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Used {
    /// Somebody's session, and with it his account.
    Session(SessionId),
    /// A program's token.
    Token(TokenId),
    /// The token of a server that follows.
    Subscriber(SubscriberId),
}

/// Notes that something is in use, unless it was noted a short while ago. Whoever asks waits a moment for it and no
/// longer; where the database does not take it, it is left for another time.
pub(crate) async fn note(app: &App, used: Used, last: Option<Timestamp>, now: Timestamp) {
    if last.is_some_and(|last| now.0.abs_diff(last.0) <= EVERY.as_micros() as u64) {
        return;
    }
    // Those who cannot be noted now do not queue up.
    let Ok(turn) = app.notes.clone().try_acquire_owned() else { return };
    let database = app.database.clone();
    let noting = tokio::spawn(async move {
        if let Err(error) = write(&database, used, now).await {
            tracing::warn!("it cannot be noted that somebody was here: {error}");
        }
        drop(turn);
    });
    // It goes on by itself: what is under way in a database is not cut.
    let _ = timeout(PATIENCE, noting).await;
}

/// Writes it down.
async fn write(database: &Database, used: Used, now: Timestamp) -> Result<(), DatabaseError> {
    let mut transaction = database.begin().await?;
    let session = transaction.session();
    match used {
        Used::Session(id) => sessions::see(session, id, now).await?,
        Used::Token(id) => tokens::see(session, id, now).await?,
        Used::Subscriber(id) => subscribers::see(session, id, now).await?,
    }
    transaction.commit().await
}

/// How often it is noted: a write for each request would be too many.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How long whoever asks waits for it.
const PATIENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::accounts::Role;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::secret::digest_of;
    use crate::testing::Site;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_is_read_while_nothing_can_be_written() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database.clone());
            site.become_role(Some(Role::Member)).await;
            let digest = digest_of(&site.cookies["session"]);
            let long_ago = Timestamp::now().before(2 * EVERY);
            let mut writing = database.begin().await.expect("a transaction");
            let found = sessions::find(writing.session(), &digest, Timestamp::now()).await;
            let (session, _) = found.expect("it is read").expect("somebody is signed in");
            sessions::see(writing.session(), session.id, long_ago).await.expect("it is noted");
            writing.commit().await.expect("it is committed");
            // Somebody else has the row now, and where one may write at a time, the database.
            let mut writing = database.begin().await.expect("a transaction");
            sessions::see(writing.session(), session.id, long_ago).await.expect("it is noted");
            for _ in 0..3 {
                assert_eq!(site.get("/account").await.status, StatusCode::OK);
            }
            drop(writing);
            let seen = async || {
                let mut look = database.look().await.expect("a look");
                let found = sessions::find(look.session(), &digest, Timestamp::now()).await;
                found.expect("it is read").expect("he still is").0.seen
            };
            while seen().await == long_ago {
                tokio::time::sleep(Duration::from_millis(5)).await;
                assert_eq!(site.get("/account").await.status, StatusCode::OK);
            }
        })
        .await;
    }
}
