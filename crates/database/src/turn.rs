//! A turn at what one transaction changes at a time: a list, or the evidence; and how many may wait for theirs.
//!
//! SQLite has one writer, so whoever writes has every turn. On PostgreSQL a row is locked, and whoever waits for it
//! keeps a connection meanwhile. Some wait long: an import of a million rows has its list for a quarter of a minute. So
//! only some of the connections that write may be waiting, and the others are there for whoever wants no such turn, as
//! people who sign in do.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::Session;

/// Who of a database waits for a turn.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Leave to wait.
    leave: Semaphore,
    /// Whether somebody had none for a while, and nobody had his turn since: then it is no use to stay for one.
    is_crowded: AtomicBool,
}

/// How many connections may wait for a turn: fewer than there are writers.
pub(crate) const WAITERS: usize = 8;
/// How long somebody stays for leave to wait: turns are short but for imports, so that a crowd gets through.
const GRACE: Duration = Duration::from_secs(1);

impl Default for Turns {
    fn default() -> Turns {
        Turns { leave: Semaphore::new(WAITERS), is_crowded: AtomicBool::new(false) }
    }
}

impl Turns {
    /// Leave to wait, if there is some soon.
    async fn leave(&self, grace: Duration) -> Result<SemaphorePermit<'_>, DatabaseError> {
        if let Ok(leave) = self.leave.try_acquire() {
            return Ok(leave);
        }
        if self.is_crowded.load(Relaxed) {
            return Err(DatabaseError::Busy);
        }
        // Nobody closes it.
        match timeout(grace, self.leave.acquire()).await {
            Ok(Ok(leave)) => Ok(leave),
            Ok(Err(_)) | Err(_) => {
                self.is_crowded.store(true, Relaxed);
                Err(DatabaseError::Busy)
            }
        }
    }
}

/// What one transaction changes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// What is on a list.
    List(ListId),
    /// The evidence.
    Evidence,
}

/// What a transaction has taken. Everybody takes lists by their numbers, then evidence, then the end of the audit log:
/// so nobody waits for who waits for him, and nobody keeps the log, which all want, while he waits for a list.
#[derive(Debug)]
pub struct Taken {
    /// Who else waits.
    turns: Arc<Turns>,
    /// The lists.
    lists: Mutex<Vec<ListId>>,
    /// The lists that are new with it, for which nobody waits.
    made: Mutex<Vec<ListId>>,
    /// Whether the evidence.
    has_evidence: AtomicBool,
    /// Whether the end of the audit log.
    has_log: AtomicBool,
}

impl Taken {
    /// Nothing.
    pub(crate) fn nothing(turns: &Arc<Turns>) -> Taken {
        Taken {
            turns: Arc::clone(turns),
            lists: Mutex::default(),
            made: Mutex::default(),
            has_evidence: AtomicBool::new(false),
            has_log: AtomicBool::new(false),
        }
    }

    /// Notes what is taken next; in what we build to test, nobody takes a list out of order.
    fn note(&self, turn: Turn) {
        let Turn::List(list) = turn else {
            self.has_evidence.store(true, Relaxed);
            return;
        };
        let mut lists = inside(&self.lists);
        if lists.contains(&list) || inside(&self.made).contains(&list) {
            return;
        }
        let is_first = !self.has_log.load(Relaxed) && !self.has_evidence.load(Relaxed);
        let is_next = lists.iter().all(|taken| taken.0 < list.0);
        debug_assert!(is_first && is_next, "list {} is taken behind {lists:?} or more", list.0);
        lists.push(list);
    }
}

/// The lists behind a lock. Whoever panicked with it has no transaction any more.
fn inside(lists: &Mutex<Vec<ListId>>) -> MutexGuard<'_, Vec<ListId>> {
    lists.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a transaction made a list, for which nobody waits.
pub(crate) fn made(session: &Session<'_>, list: ListId) {
    if let Session::Postgres(_, taken) = session {
        inside(&taken.made).push(list);
    }
}

/// Notes that a transaction takes the end of the audit log.
pub(crate) fn logs(session: &Session<'_>) {
    if let Session::Postgres(_, taken) = session {
        taken.has_log.store(true, Relaxed);
    }
}

/// Takes a turn until the transaction is over. Of a list that is not there nothing is taken.
///
/// # Errors
/// [`DatabaseError::Busy`] if too many wait already; if the database fails, as it does for who waits too long.
pub(crate) async fn take(session: Session<'_>, turn: Turn) -> Result<(), DatabaseError> {
    let Session::Postgres(connection, taken) = session else { return Ok(()) };
    taken.note(turn);
    if let Some(()) = turn.take_free(connection).await? {
        return Ok(());
    }
    let turns = &taken.turns;
    let _leave = turns.leave(GRACE).await?;
    turn.wait_for(connection).await?;
    turns.is_crowded.store(false, Relaxed);
    Ok(())
}

impl Turn {
    /// Takes it if nobody has it.
    async fn take_free(self, c: &mut PgConnection) -> Result<Option<()>, DatabaseError> {
        let query = match self {
            Turn::List(list) => sqlx::query(FREE_LIST).bind(list.0),
            Turn::Evidence => sqlx::query(FREE_EVIDENCE),
        };
        Ok(query.fetch_optional(c).await?.map(drop))
    }

    /// Waits for it.
    async fn wait_for(self, c: &mut PgConnection) -> Result<(), DatabaseError> {
        let query = match self {
            Turn::List(list) => sqlx::query(LIST).bind(list.0),
            Turn::Evidence => sqlx::query(EVIDENCE),
        };
        query.execute(c).await?;
        Ok(())
    }
}

// Only PostgreSQL has these words, so that they are not among the statements that both know.

/// Takes a list that nobody has.
const FREE_LIST: &str = "SELECT 1 FROM lists WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED";
/// Waits for a list.
const LIST: &str = "SELECT 1 FROM lists WHERE id = $1 FOR NO KEY UPDATE";
/// Takes the evidence if nobody has it.
const FREE_EVIDENCE: &str = "SELECT 1 FROM evidence_turn FOR NO KEY UPDATE SKIP LOCKED";
/// Waits for the evidence; the first one makes the row.
const EVIDENCE: &str = "INSERT INTO evidence_turn (one, turns) VALUES (1, 1)
    ON CONFLICT (one) DO UPDATE SET turns = evidence_turn.turns + 1";

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::testing::Server;
    use crate::{Database, lists};

    #[tokio::test]
    async fn who_finds_too_many_waiting_is_told_and_who_finds_room_is_let_in() {
        let turns = Turns { leave: Semaphore::new(1), ..Turns::default() };
        let first = turns.leave(Duration::ZERO).await.expect("there is room");
        let (second, ()) =
            tokio::join!(turns.leave(Duration::from_secs(600)), async { drop(first) });
        let second = second.expect("there is room again");
        let told = turns.leave(Duration::ZERO).await.expect_err("there is none");
        assert!(told.is_contended() && !told.is_away(), "{told:?}");
        // From here on nobody stays, as nobody gets through.
        turns.leave(Duration::MAX).await.expect_err("it is no use");
        drop(second);
        drop(turns.leave(Duration::ZERO).await.expect("there is room"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn who_wants_no_list_is_let_through_while_a_crowd_waits_for_one() {
        let Some(server) = Server::start() else { return };
        let database = Database::open(&server.place()).await.expect("it opens");
        let mut transaction = database.begin().await.expect("a transaction");
        let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
        transaction.commit().await.expect("it is committed");
        // Somebody has the list for as long as the test wants.
        let mut long = database.begin().await.expect("a transaction");
        lists::lock(long.session(), list).await.expect("nobody has it");
        let (is_over, mut over) = oneshot::channel::<()>();
        let crowd: Vec<_> = (0..40)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move {
                    let mut transaction = database.begin().await?;
                    lists::lock(transaction.session(), list).await?;
                    transaction.commit().await
                })
            })
            .collect();
        // As long as none of these is through, nobody gives the list back.
        for number in 0..20 {
            let mut brief = database.begin().await.expect("a connection that writes");
            lists::tests::add(&mut brief.session(), &format!("l{number}.example")).await;
            brief.commit().await.expect("it is committed");
            let mut reading = database.read().await.expect("a connection that reads");
            let all = lists::all(reading.session()).await.expect("they are read");
            assert_eq!(all.len(), number + 2);
        }
        assert!(over.try_recv().is_err());
        long.commit().await.expect("it is committed");
        drop(is_over);
        let mut through = 0;
        for one in crowd {
            match one.await.expect("no panic") {
                Ok(()) => through += 1,
                Err(DatabaseError::Busy) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(through >= WAITERS, "those who waited have their turn: {through}");
    }
}
