//! Who does the work: one piece at a time in each process.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use repute_database::work::{self, End, Kind, Work, WorkId};
use repute_database::{Database, DatabaseError, Session, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::spool::Spool;
use super::{import, purge, replay};
use crate::evidence::EvidenceError;
use crate::import::content::Unpack;
use crate::rule::RuleError;

/// Who does the work of a process.
#[derive(Debug)]
pub struct Worker {
    /// Where everything is remembered.
    pub(super) database: Database,
    /// Where the files of imports are.
    pub(super) spool: Spool,
    /// What unpacks them.
    pub(super) unpack: Unpack,
    /// Who it is: nobody else is called so.
    name: String,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// There is more.
    More {
        /// So much is done.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// That was all.
    Last,
    /// Somebody else has it, or nobody wants it.
    Lost,
}

/// How far work is that says so now and then.
#[derive(Debug, Default)]
pub(super) struct Beat {
    /// So much is done.
    pub(super) done: AtomicU64,
    /// Of so much; 0 if nobody knows.
    pub(super) total: AtomicU64,
}

/// Somebody's claim to work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'w>(pub(super) &'w str);

impl Claim<'_> {
    /// Keeps work for a while, and says how far it is; whether it is still his.
    pub(super) async fn keep(
        self,
        session: Session<'_>,
        id: WorkId,
        far: (u64, u64),
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        work::keep(session, id, self.0, far, now.after(LEASE)).await
    }

    /// Ends work; whether it was still his.
    pub(super) async fn end(
        self,
        session: Session<'_>,
        id: WorkId,
        end: End<'_>,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        work::end(session, id, self.0, end, now).await
    }
}

/// Why work is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undone {
    /// It cannot be, and whoever ordered it learns why.
    #[error("{0}")]
    Wrong(String),
    /// The database failed: somebody tries again.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<EvidenceError> for Undone {
    fn from(error: EvidenceError) -> Undone {
        match error {
            EvidenceError::Database(error) => Undone::Database(error),
            error => Undone::Wrong(error.to_string()),
        }
    }
}

impl From<RuleError> for Undone {
    fn from(error: RuleError) -> Undone {
        match error {
            RuleError::Database(error @ DatabaseError::Missing(_)) => {
                Undone::Wrong(error.to_string())
            }
            RuleError::Database(error) => Undone::Database(error),
            error => Undone::Wrong(error.to_string()),
        }
    }
}

/// Does work until it is stopped, as soon as it is told that there is some, and a little later if another process is.
pub async fn run(worker: Worker, waits: &Notify, stop: CancellationToken) {
    let (mut is_told, mut tidied) = (false, None::<Instant>);
    loop {
        if tidied.is_none_or(|tidied| tidied.elapsed() > TIDY) {
            tidied = Some(Instant::now());
            if let Err(error) = worker.tidy(Timestamp::now()).await {
                warn!("what is left of work that is over cannot be cleared away: {error}");
            }
        }
        match worker.turn(Timestamp::now(), &stop).await {
            Ok(true) => {
                is_told = false;
                continue;
            }
            Ok(false) => is_told = false,
            Err(error) if is_told => drop(error),
            Err(error) => {
                is_told = true;
                warn!("work is not done for now: {error}");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = waits.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

impl Worker {
    /// One that takes work from this database, and files from this folder.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new(database: Database, spool: Spool, unpack: Unpack) -> Result<Worker, DatabaseError> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| DatabaseError::Content("the system gives no random numbers"))?;
        let name = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Worker { database, spool, unpack, name })
    }

    /// Takes the next work and does it; whether there was some.
    ///
    /// # Errors
    /// If the database fails: then somebody goes on with it later.
    pub async fn turn(
        &self,
        now: Timestamp,
        stop: &CancellationToken,
    ) -> Result<bool, DatabaseError> {
        if stop.is_cancelled() {
            return Ok(false);
        }
        let Some(work) = self.take(now).await? else { return Ok(false) };
        let (id, kind) = (work.id, work.new.kind.word());
        if work.attempts > MOST_ATTEMPTS {
            let fault = format!("{MOST_ATTEMPTS} times whoever was at it ended before it was done");
            self.end(id, End::Failed(&fault)).await?;
            self.clear(&work);
            return Ok(true);
        }
        let done = match work.new.kind {
            Kind::Purge => self.purge(work.clone(), stop).await,
            Kind::Replay | Kind::Import => self.at_once(&work, stop).await,
        };
        match done {
            Ok(true) => info!("work {} is done: {kind}", id.0),
            Ok(false) => {}
            Err(Undone::Wrong(why)) => {
                warn!("work {} cannot be done: {kind}: {why}", id.0);
                self.end(id, End::Failed(&why)).await?;
                self.clear(&work);
            }
            Err(Undone::Database(error)) if error.is_away() || error.is_contended() => {
                return Err(error);
            }
            Err(Undone::Database(error)) => {
                self.end(id, End::Failed(&error.to_string())).await?;
                self.clear(&work);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Takes the next work.
    pub(super) async fn take(&self, now: Timestamp) -> Result<Option<Work>, DatabaseError> {
        // Nothing is written every few seconds for nothing.
        if work::open(self.database.read().await?.session()).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.database.begin().await?;
        let (name, folder) = (&self.name, self.spool.name());
        let work = work::claim(transaction.session(), name, folder, now, LEASE).await?;
        transaction.commit().await?;
        Ok(work)
    }

    /// Purges a source, part by part.
    async fn purge(&self, mut work: Work, stop: &CancellationToken) -> Result<bool, Undone> {
        loop {
            if stop.is_cancelled() {
                self.release(work.id).await?;
                return Ok(false);
            }
            match self.part(&work, Timestamp::now()).await? {
                Part::More { done, total } => (work.done, work.new.total) = (done, total),
                Part::Last => return Ok(true),
                Part::Lost => return Ok(false),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One part of a purge.
    pub(super) async fn part(&self, work: &Work, now: Timestamp) -> Result<Part, Undone> {
        let mut transaction = self.database.begin().await?;
        let part = purge::part(&mut transaction, work, &Claim(&self.name), now).await?;
        if part != Part::Lost {
            transaction.commit().await?;
        }
        Ok(part)
    }

    /// Does what is done at once, and says meanwhile how far it is. Whoever stops or cancels it finds nothing done.
    async fn at_once(&self, work: &Work, stop: &CancellationToken) -> Result<bool, Undone> {
        let beat = Beat::default();
        beat.total.store(work.new.total, Ordering::Relaxed);
        let done = async {
            match work.new.kind {
                Kind::Replay => {
                    let found =
                        replay::carry_out(&self.database, work, &beat, Timestamp::now()).await?;
                    self.finish(work.id, &found).await
                }
                Kind::Import => import::carry_out(self, work, &Claim(&self.name), &beat).await,
                Kind::Purge => Ok(false),
            }
        };
        let outcome = tokio::select! {
            done = done => done,
            () = self.beats(work.id, &beat) => Ok(false),
            () = stop.cancelled() => {
                self.release(work.id).await?;
                return Ok(false);
            }
        };
        if outcome.is_ok() {
            self.clear(work);
        }
        outcome
    }

    /// Says how far work is, until it is somebody else's. Where one writes at a time this waits for who does the work,
    /// and nobody else can take it meanwhile.
    async fn beats(&self, id: WorkId, beat: &Beat) {
        loop {
            tokio::time::sleep(BEAT).await;
            let far = (beat.done.load(Ordering::Relaxed), beat.total.load(Ordering::Relaxed));
            let kept = async {
                let mut transaction = self.database.begin().await?;
                let claim = Claim(&self.name);
                let kept = claim.keep(transaction.session(), id, far, Timestamp::now()).await?;
                transaction.commit().await?;
                Ok::<bool, DatabaseError>(kept)
            };
            // The database may be back in time.
            if matches!(kept.await, Ok(false)) {
                return;
            }
        }
    }

    /// Ends work with what was found.
    async fn finish(&self, id: WorkId, found: &Value) -> Result<bool, Undone> {
        Ok(self.end(id, End::Done(&found.to_string())).await?)
    }

    /// Ends work.
    async fn end(&self, id: WorkId, end: End<'_>) -> Result<bool, DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let ended = Claim(&self.name).end(transaction.session(), id, end, Timestamp::now()).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Lets others have work at once.
    async fn release(&self, id: WorkId) -> Result<(), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        work::release(transaction.session(), id, &self.name).await?;
        transaction.commit().await
    }

    /// Removes the file of work that is over.
    fn clear(&self, work: &Work) {
        self.spool.discard(work);
    }

    /// Removes files that no open work needs, gives up what waits for a server that is gone, and forgets what is long over.
    async fn tidy(&self, now: Timestamp) -> Result<(), DatabaseError> {
        // What comes in meanwhile is younger than what is swept.
        let open = work::open(self.database.read().await?.session()).await?;
        let needed: HashSet<String> = open.iter().filter_map(import::file_of).collect();
        if let Err(error) = self.spool.sweep(&needed, SystemTime::now()) {
            warn!("the folder of imports cannot be read: {error}");
        }
        let mut transaction = self.database.begin().await?;
        let fault = "the server that has its file did not come back within a week: order it again";
        let count = work::give_up(transaction.session(), now.before(MOST_WAIT), fault, now).await?;
        work::forget(transaction.session(), now.before(KEPT)).await?;
        transaction.commit().await?;
        if count > 0 {
            warn!("{count} imports are given up: no server took their files within a week");
        }
        Ok(())
    }
}

/// How often what is left of work is cleared away.
const TIDY: Duration = Duration::from_secs(3_600);
/// How long work is somebody's who says nothing of it.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// How often he says how far it is.
const BEAT: Duration = Duration::from_secs(2);
/// How often it is asked whether there is work that another process was told of.
const EVERY: Duration = Duration::from_secs(2);
/// How long others have between two parts.
const PAUSE: Duration = Duration::from_millis(5);
/// So often work is taken: what ends a process each time is given up.
const MOST_ATTEMPTS: u32 = 5;
/// How long work waits for the server that has its file.
const MOST_WAIT: Duration = Duration::from_secs(7 * 86_400);
/// How long work that is over is shown.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
