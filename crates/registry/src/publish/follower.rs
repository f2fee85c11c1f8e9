//! One list that is followed: its entries in an editor, what of it may be seen, what is still to be written down.
//!
//! Everything is read in one look at the database, so that a zone is never a mixture of two serials. What of it
//! takes the processor (building, checking) is done on threads for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use repute_database::audit::{self, Head};
use repute_database::changes::{self, Since};
use repute_database::entries::{self, Listing};
use repute_database::jobs;
use repute_database::lists::{self, ListId, Stored};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{Database, DatabaseError, Key, Timestamp, Transaction};
use repute_dnsxl::Name;
use repute_zone::journal::{self, Change, Editor, Record};
use repute_zone::{TooMany, Zone};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::check::{SPAN, Way, check};
use super::shape::{self, Shape};
use super::{Edition, Outlet, told};
use crate::changes::PUBLISH;

/// Follows a list.
pub(super) struct Follower {
    /// The database.
    database: Database,
    /// Who serves.
    outlet: Arc<dyn Outlet>,
    /// The list.
    id: ListId,
    /// Its name.
    apex: Name,
    /// The list as it was read last.
    book: Option<Book>,
    /// What is served, if anything since the start.
    served: Option<Arc<Zone>>,
    /// The version that was refused last, if nothing was published since.
    held: Option<Held>,
    /// What is published and not written down yet.
    unnoted: Option<Publication>,
    /// What changed since the version that was handed on last; none if that is not known, or too much.
    news: Option<News>,
    /// The last approved serial, if what is served is not handed on yet.
    unhanded: Option<Option<u32>>,
    /// Since when what is served is not kept.
    unkept: Option<Instant>,
    /// The last failure that was told.
    failure: Option<String>,
}

/// What changed since a serial.
struct News {
    /// The serial.
    from: u32,
    /// The changes, in order.
    changes: Vec<Change>,
}

/// A list as it was read.
struct Book {
    /// Its entries.
    editor: Editor,
    /// What is around them.
    shape: Arc<Shape>,
    /// The head of the audit log then: a database of which the log does not go on from it has another history, in
    /// which the same serials stand for something else.
    head: Head,
}

/// A version that was refused.
struct Held {
    /// Its serial.
    serial: u32,
    /// The version.
    zone: Arc<Zone>,
    /// Why.
    why: String,
    /// The last version that was decided about, and by what.
    decided: (Arc<Zone>, (bool, Option<u32>, bool)),
}

/// What the database says of the serials of a list.
struct Sayings {
    /// Of the present one.
    now: Option<Publication>,
    /// Of the last that may be seen.
    good: Option<Publication>,
    /// Of the last, if it waits for approval.
    pending: Option<Publication>,
    /// The last one that was approved.
    approved: Option<u32>,
    /// How many keys the largest change since the one that is served changed.
    largest: u64,
    /// The same since the one that was refused.
    largest_since_held: u64,
    /// How many entries there were a while ago.
    entries: Option<u64>,
}

impl News {
    /// These and more changes, unless they become too many: then the whole list is the shorter way.
    fn and(mut self, changes: Vec<Change>) -> Option<News> {
        self.changes.extend(changes);
        (self.changes.len() <= MANY).then_some(self)
    }
}

impl Sayings {
    /// What a decision may change by, beside the entries.
    fn basis(&self) -> (bool, Option<u32>, bool) {
        let good = self.good.as_ref().map(|good| good.serial);
        (self.now.is_some(), good, self.pending.is_some())
    }
}

/// Whether a version may be seen.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// It may.
    Publish,
    /// Not yet: another was refused, and what is wrong with that is still wrong.
    Hold(String),
    /// It is refused.
    Refuse(String),
}

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It has too many entries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// A fault of ours, which ended a thread.
    #[error("a fault of this program: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl Follower {
    /// For a list.
    pub(super) fn new(database: Database, outlet: Arc<dyn Outlet>, list: &Stored) -> Follower {
        Follower {
            database,
            outlet,
            id: list.id,
            apex: list.list.apex.clone(),
            book: None,
            served: None,
            held: None,
            unnoted: None,
            news: None,
            unhanded: None,
            unkept: None,
            failure: None,
        }
    }

    /// Follows until nobody tells any more; then keeps what is served.
    pub(super) async fn run(mut self, mut news: watch::Receiver<Stored>) {
        loop {
            news.mark_unchanged();
            let nap = match self.follow().await {
                Ok(()) => {
                    self.failure = None;
                    self.nap()
                }
                Err(error) => {
                    self.failed(&error);
                    RETRY
                }
            };
            if let Ok(Err(_)) = tokio::time::timeout(nap, news.changed()).await {
                break;
            }
            if self.unkept.is_some_and(|since| since.elapsed() >= KEEP) {
                self.keep().await;
            }
        }
        self.keep().await;
    }

    /// How long nothing is to be done unless something changes.
    fn nap(&self) -> Duration {
        match (&self.held, &self.unnoted, self.unkept) {
            // Somebody may approve it, or another process publish it.
            (Some(_), ..) => super::POLL,
            (None, Some(_), _) => RETRY,
            (None, None, Some(since)) => KEEP.saturating_sub(since.elapsed()),
            (None, None, None) => Duration::from_secs(3_600),
        }
    }

    /// Tells of a failure, once.
    fn failed(&mut self, error: &FollowError) {
        let why = told(error);
        if self.failure.as_ref() != Some(&why) {
            warn!(zone = %self.apex, "`{}` cannot be published: {why}", self.apex);
        }
        self.outlet.hold(&self.apex, &why);
        self.failure = Some(why);
    }

    /// Brings what is served to where the database is.
    async fn follow(&mut self) -> Result<(), FollowError> {
        let mut look = self.database.look().await?;
        let Some(stored) = lists::by_id(look.session(), self.id).await? else { return Ok(()) };
        let head = audit::head(look.session()).await?;
        let shape = Arc::new(Shape::read(look.session(), &stored).await?);
        let before = self.served.clone().or_else(|| self.outlet.last(&self.apex));
        let since = before.as_ref().map_or(0, |zone| zone.serial());
        let since_held = self.held.as_ref().map_or(since, |held| held.serial);
        let sayings = Sayings {
            now: publications::at(look.session(), self.id, stored.serial).await?,
            good: publications::last_good(look.session(), self.id).await?,
            pending: publications::pending(look.session(), self.id).await?,
            approved: publications::last_approved(look.session(), self.id).await?,
            largest: changes::largest_since(look.session(), self.id, since).await?,
            largest_since_held: changes::largest_since(look.session(), self.id, since_held).await?,
            entries: publications::entries_at(
                look.session(),
                self.id,
                Timestamp::now().before(SPAN),
            )
            .await?,
        };
        self.read(&mut look, &stored, &shape, &head).await?;
        drop(look);
        let Some(book) = &mut self.book else { return Ok(()) };
        let audit = head.rows;
        (book.shape, book.head) = (Arc::clone(&shape), head);
        let zone = Arc::clone(book.editor.zone());
        if !self.is_decided(&zone, &sayings) {
            match self.decide(&zone, before, &shape, &sayings).await? {
                Decision::Publish => {
                    self.publish(zone, audit, sayings.now.as_ref());
                    self.unhanded = Some(sayings.approved);
                }
                Decision::Hold(why) => self.hold(&zone, why, &sayings),
                Decision::Refuse(why) => self.refuse(&zone, audit, why, &sayings),
            }
        }
        self.hand_on().await?;
        self.note().await?;
        self.compact().await
    }

    /// Whether it was decided about a version before, and by the same.
    fn is_decided(&self, zone: &Arc<Zone>, sayings: &Sayings) -> bool {
        let is_served = self.served.as_ref().is_some_and(|served| Arc::ptr_eq(served, zone));
        let is_held = self.held.as_ref().is_some_and(|held| {
            Arc::ptr_eq(&held.decided.0, zone) && held.decided.1 == sayings.basis()
        });
        is_served || is_held
    }

    /// Reads what changed, or all.
    async fn read(
        &mut self,
        look: &mut Transaction,
        stored: &Stored,
        shape: &Arc<Shape>,
        head: &Head,
    ) -> Result<(), FollowError> {
        let known = self.book.as_ref().filter(|book| {
            book.shape.has_entries() == shape.has_entries() && book.editor.serial() <= stored.serial
        });
        let is_same = match &self.book {
            Some(book) => audit::goes_on_from(look.session(), &book.head).await?,
            None => true,
        };
        if !is_same {
            warn!(
                zone = %self.apex,
                "`{}` is read anew: the database has another history than before, as after a restore", self.apex
            );
            // What was decided before was decided about something else.
            (self.held, self.unnoted) = (None, None);
        } else if let Some(book) = known {
            let (from, to) = (book.editor.serial(), stored.serial);
            if from == to {
                return Ok(());
            }
            let most = u32::try_from(book.editor.zone().entries() / 4).unwrap_or(u32::MAX);
            let most = most.max(FEW);
            if changes::count_since(look.session(), self.id, from, most + 1).await? <= most
                && let Since::Keys(keys) = changes::since(look.session(), self.id, from).await?
            {
                let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
                let keys = if shape.has_entries() { keys } else { Vec::new() };
                let listings = entries::listings_at(look.session(), self.id, &keys).await?;
                return self
                    .apply(Record { from, to, changes: become_of(keys, listings) }, shape)
                    .await;
            }
        }
        self.build(look, stored, shape, head).await
    }

    /// Applies what changed.
    async fn apply(&mut self, record: Record, shape: &Shape) -> Result<(), FollowError> {
        let Some(mut book) = self.book.take() else { return Ok(()) };
        let (spec, ttl) = (shape.spec(record.to), shape.list.ttl);
        let news = self.news.take();
        let applied = spawn_blocking(move || {
            book.editor.reshape(spec, ttl);
            match book.editor.apply(&record) {
                Ok(_) => Ok(Some((book, news.and_then(|news| news.and(record.changes))))),
                Err(journal::Refused::TooMany(error)) => Err(error),
                // The record begins where the editor is and leads on; were it otherwise, all is read again.
                Err(journal::Refused::From { .. } | journal::Refused::To { .. }) => Ok(None),
            }
        });
        if let Some((book, news)) = applied.await?? {
            (self.book, self.news) = (Some(book), news);
        }
        Ok(())
    }

    /// Reads the whole list.
    async fn build(
        &mut self,
        look: &mut Transaction,
        stored: &Stored,
        shape: &Arc<Shape>,
        head: &Head,
    ) -> Result<(), FollowError> {
        let started = Instant::now();
        (self.book, self.news) = (None, None);
        let (spec, ttl, keys) = (shape.spec(stored.serial), shape.list.ttl, [shape.list.keys]);
        // What was read is entered while the next is read.
        let (pages, mut inbox) = mpsc::channel::<Vec<Listing>>(2);
        let building = spawn_blocking(move || {
            let pages = std::iter::from_fn(|| inbox.blocking_recv());
            Editor::new(spec, &keys, ttl, pages.flat_map(shape::changes))
        });
        let mut last: Option<Listing> = None;
        let mut rest: Vec<Listing> = Vec::new();
        while shape.has_entries() {
            let mut page = entries::listings(look.session(), self.id, last.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            last = page.last().cloned();
            // The entries of the last key may go on in the next page.
            let whole = match page.last() {
                Some(end) if !is_last => page.partition_point(|one| one.key != end.key),
                Some(_) | None => page.len(),
            };
            let next = page.split_off(whole);
            rest.append(&mut page);
            if whole == 0 && !is_last {
                rest.extend(next);
                continue;
            }
            let is_taken = pages.send(std::mem::replace(&mut rest, next)).await.is_ok();
            if is_last || !is_taken {
                break;
            }
        }
        drop(pages);
        let editor = building.await??;
        if editor.zone().entries() > u64::from(PAGE) {
            let (entries, millis) = (editor.zone().entries(), started.elapsed().as_millis());
            info!(zone = %self.apex, "read {entries} entries of `{}` in {millis} ms", self.apex);
        }
        self.book = Some(Book { editor, shape: Arc::clone(shape), head: head.clone() });
        Ok(())
    }

    /// Whether the present version may be seen.
    async fn decide(
        &self,
        zone: &Arc<Zone>,
        before: Option<Arc<Zone>>,
        shape: &Arc<Shape>,
        sayings: &Sayings,
    ) -> Result<Decision, FollowError> {
        let Sayings { now, good, pending, approved: _, largest, largest_since_held, entries } =
            sayings;
        match now.as_ref().map(|now| &now.outcome) {
            Some(Outcome::Published | Outcome::Approved { .. }) => return Ok(Decision::Publish),
            Some(Outcome::Refused { why }) => return Ok(Decision::Hold(why.clone())),
            None => {}
        }
        if let (None, Some(Publication { outcome: Outcome::Refused { why }, .. })) =
            (&before, pending)
        {
            // There is nothing to compare it with, and the one before was refused.
            return Ok(Decision::Hold(why.clone()));
        }
        let way = Way { largest: *largest, entries: *entries };
        let refused = check_aside(zone, before, shape, way).await?;
        let Err(why) = refused else { return Ok(Decision::Publish) };
        let Some(held) = &self.held else { return Ok(Decision::Refuse(why)) };
        // It may be refused for what is held only; that is approved or not.
        let since = Some(Arc::clone(&held.zone));
        let way = Way { largest: *largest_since_held, entries: Some(held.zone.entries()) };
        if check_aside(zone, since, shape, way).await?.is_err() {
            return Ok(Decision::Refuse(why));
        }
        Ok(match good {
            Some(good) if good.serial >= held.serial => Decision::Publish,
            Some(_) | None => Decision::Hold(held.why.clone()),
        })
    }

    /// Has a version served.
    fn publish(&mut self, zone: Arc<Zone>, audit: u64, known: Option<&Publication>) {
        let (serial, entries) = (zone.serial(), zone.entries());
        let record = self.news.take().map(|news| {
            let News { from, changes } = news;
            Record { from, to: serial, changes }
        });
        self.outlet.serve(&zone, record.as_ref());
        self.news = record.map(|Record { from, changes, .. }| News { from, changes });
        info!(
            zone = %self.apex, serial, entries,
            "published `{}` with {entries} entries, serial {serial}", self.apex
        );
        self.served = Some(zone);
        self.held = None;
        self.unkept.get_or_insert_with(Instant::now);
        if known.is_none() {
            let time = Timestamp::now();
            let outcome = Outcome::Published;
            self.unnoted = Some(Publication { serial, time, entries, audit, outcome });
        }
    }

    /// Hands what was published on to servers elsewhere.
    async fn hand_on(&mut self) -> Result<(), FollowError> {
        // The editor is where the version that was published is only until it takes the next one in.
        let Some(approved) = self.unhanded.take() else { return Ok(()) };
        let (Some(mut book), news) = (self.book.take(), self.news.take()) else { return Ok(()) };
        let (outlet, apex, list) = (Arc::clone(&self.outlet), self.apex.clone(), self.id);
        let handed = spawn_blocking(move || {
            let editor = &mut book.editor;
            let (serial, content) = (editor.serial(), editor.checksum());
            let edition = Edition { list, apex: &apex, serial, approved, content };
            let delta = news.map(|news| (news.from, editor.delta(news.from, news.changes)));
            if outlet.hand_on(&edition, delta) {
                outlet.hand_on_whole(&edition, editor.whole());
            }
            book
        });
        let book = self.book.insert(handed.await?);
        self.news = Some(News { from: book.editor.serial(), changes: Vec::new() });
        Ok(())
    }

    /// Goes on with what is served.
    fn hold(&mut self, zone: &Arc<Zone>, why: String, sayings: &Sayings) {
        let waiting = sayings.pending.as_ref().map(|pending| pending.serial);
        self.outlet.hold(&self.apex, &refused(&self.apex, &why, waiting));
        let decided = (Arc::clone(zone), sayings.basis());
        match &mut self.held {
            Some(held) => held.decided = decided,
            None => {
                let (serial, zone) = (zone.serial(), Arc::clone(zone));
                self.held = Some(Held { serial, zone, why, decided });
            }
        }
    }

    /// Refuses a version.
    fn refuse(&mut self, zone: &Arc<Zone>, audit: u64, why: String, sayings: &Sayings) {
        let (serial, entries, time) = (zone.serial(), zone.entries(), Timestamp::now());
        let told = refused(&self.apex, &why, Some(serial));
        warn!(zone = %self.apex, serial, "{told}");
        self.outlet.hold(&self.apex, &told);
        let outcome = Outcome::Refused { why: why.clone() };
        self.unnoted = Some(Publication { serial, time, entries, audit, outcome });
        let decided = (Arc::clone(zone), sayings.basis());
        self.held = Some(Held { serial, zone: Arc::clone(zone), why, decided });
    }

    /// Writes down what became of the present serial, and that the order to publish it is carried out.
    async fn note(&mut self) -> Result<(), DatabaseError> {
        let Some(publication) = &self.unnoted else { return Ok(()) };
        let mut transaction = self.database.begin().await?;
        publications::note(transaction.session(), self.id, publication).await?;
        let now = Timestamp::now();
        let forgotten = publications::forget(transaction.session(), self.id, before(now)).await?;
        if let Some(serial) = forgotten {
            changes::forget(transaction.session(), self.id, serial).await?;
        }
        carry_out(&mut transaction, now).await?;
        transaction.commit().await?;
        self.unnoted = None;
        Ok(())
    }

    /// Builds the indexes anew if so much was laid over them that it is worth it.
    async fn compact(&mut self) -> Result<(), FollowError> {
        if self.book.as_ref().is_some_and(|book| book.editor.wants_compaction()) {
            self.build_in().await?;
        }
        Ok(())
    }

    /// Builds the indexes anew, and serves that, which says the same.
    async fn build_in(&mut self) -> Result<(), FollowError> {
        let Some(mut book) = self.book.take() else { return Ok(()) };
        let was = Arc::clone(book.editor.zone());
        let compacted = spawn_blocking(move || book.editor.compact().map(drop).map(|()| book));
        let book = self.book.insert(compacted.await??);
        let zone = book.editor.zone();
        if self.served.as_ref().is_some_and(|served| Arc::ptr_eq(served, &was)) {
            self.outlet.serve(zone, None);
            self.served = Some(Arc::clone(zone));
        }
        if let Some(held) = self.held.as_mut().filter(|held| Arc::ptr_eq(&held.zone, &was)) {
            held.zone = Arc::clone(zone);
        }
        if let Some(held) = self.held.as_mut().filter(|held| Arc::ptr_eq(&held.decided.0, &was)) {
            held.decided.0 = Arc::clone(zone);
        }
        Ok(())
    }

    /// Keeps what is served for the next start.
    async fn keep(&mut self) {
        if self.unkept.is_none() {
            return;
        }
        // Only a zone without a patch can be written; a refused one is in the editor's way until it is decided.
        if self.held.is_none()
            && let Err(error) = self.build_in().await
        {
            return self.failed(&error);
        }
        let Some(zone) = self.served.clone() else { return };
        let outlet = Arc::clone(&self.outlet);
        // The outlet tells of what it cannot write.
        let _ = spawn_blocking(move || outlet.keep(&zone)).await;
        self.unkept = None;
    }
}

/// Checks a version on a thread for that.
async fn check_aside(
    zone: &Arc<Zone>,
    before: Option<Arc<Zone>>,
    shape: &Arc<Shape>,
    way: Way,
) -> Result<Result<(), String>, FollowError> {
    let (zone, shape) = (Arc::clone(zone), Arc::clone(shape));
    Ok(spawn_blocking(move || check(&zone, before.as_deref(), &shape, way)).await?)
}

/// Carries out the orders to publish: those for lists of which the last serial is written down are done.
async fn carry_out(transaction: &mut Transaction, now: Timestamp) -> Result<(), DatabaseError> {
    while let Some(job) = jobs::take_of(transaction.session(), PUBLISH, now, LEASE).await? {
        let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap_or_default();
        let apex = payload["list"].as_str().and_then(|apex| apex.parse::<Name>().ok());
        let list = match apex {
            Some(apex) => lists::by_apex(transaction.session(), &apex).await?,
            None => None,
        };
        let is_done = match list {
            Some(list) => {
                publications::at(transaction.session(), list.id, list.serial).await?.is_some()
            }
            None => true,
        };
        if is_done {
            jobs::done(transaction.session(), &job).await?;
        } else {
            let again = now.after(RETRY);
            jobs::failed(transaction.session(), &job, "it is not published yet", again).await?;
        }
    }
    Ok(())
}

/// What keys become; one without listings is no entry any more.
fn become_of(keys: Vec<Key>, listings: Vec<Listing>) -> Vec<Change> {
    let gone = keys
        .into_iter()
        .map(|key| Change { key: shape::journal_key(key), state: journal::State::Absent });
    // Of several for one key the last counts.
    gone.chain(shape::changes(listings)).collect()
}

/// What is told of a version that is refused.
fn refused(apex: &Name, why: &str, serial: Option<u32>) -> String {
    let remedy = serial.map_or_else(String::new, |serial| {
        format!("; if that is meant, a second person runs `repute list approve {apex} {serial}`")
    });
    format!("`{apex}` is refused: {why}{remedy}")
}

/// From when on publications are remembered.
fn before(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(REMEMBERED.as_micros()).unwrap_or(i64::MAX)))
}

/// Entries that are read at once.
const PAGE: u32 = 20_000;
/// So many changes are never worth building anew.
const FEW: u32 = 20_000;
/// So many changes at once are not handed on one by one.
const MANY: usize = 200_000;
/// When something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long an order is ours while we look whether it is carried out.
const LEASE: Duration = Duration::from_secs(10);
/// At most so old is what is kept for the next start.
const KEEP: Duration = Duration::from_secs(60);
/// How long it is remembered what was published, and which keys that changed.
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);
