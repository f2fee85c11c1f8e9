//! A store of its own file, with one thread that writes: what the tests of this room turn in. Products keep accounts in the
//! file of their zones.
//!
//! A commit waits for the disk, so turns that come meanwhile are committed together: a thousand updates a second need no
//! thousand waits. Whoever reads waits for nobody.
//!
//! After a fault of the disk, as when it is full, redb does nothing more with a file: what it has in memory may be ahead of
//! what is on disk. So the file is closed and opened anew, with what was committed last; if that fails as well, each turn
//! tries again. Space that is freed is enough, and nobody has to start the server again.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use redb::backends::FileBackend;
use redb::{Database, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use crate::turn::{Fault, Turns, TxtChange};

/// A store in a file. Once it is dropped all that was turned in is done, and the file free.
pub struct Store {
    /// The file.
    file: Arc<File>,
    /// Where the thread gets its work, until it shall end.
    jobs: Option<mpsc::Sender<Job>>,
    /// The thread.
    writer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a file, or makes it for its owner alone. `serve` is told what each commit changes, once it is on disk.
    ///
    /// # Errors
    /// If the file cannot be opened, is no store, or another process has it open.
    pub fn open(
        path: &Path,
        serve: impl FnMut(Vec<TxtChange>) + Send + 'static,
    ) -> Result<Store, Fault> {
        let open = RwLock::new(Ok(open(path)?));
        let file = Arc::new(File { path: path.to_owned(), open });
        let (jobs, queue) = mpsc::channel(MOST_WAITING);
        let writer = Writer { file: Arc::clone(&file), serve };
        let name = "challenge-store".to_owned();
        let writer = thread::Builder::new().name(name).spawn(move || writer.run(queue))?;
        Ok(Store { file, jobs: Some(jobs), writer: Some(writer) })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // Whether it panicked is known to those who waited for it.
            let _ = writer.join();
        }
    }
}

impl Turns for Store {
    fn turn<R, W>(&self, work: W) -> impl Future<Output = Result<R, Fault>> + Send
    where
        R: Send + 'static,
        W: FnMut(&WriteTransaction) -> Result<(R, Vec<TxtChange>), Fault> + Send + 'static,
    {
        let (told, end) = oneshot::channel();
        let job: Job = Box::new(move |transaction| match transaction.and_then(work) {
            Ok((value, changes)) => Done {
                outcome: Ok(changes),
                // Whoever left needs no answer; his turn was taken all the same.
                tell: Box::new(move |end| drop(told.send(end.map(|()| value)))),
            },
            Err(fault) => Done {
                outcome: Err(fault.clone()),
                tell: Box::new(move |end| drop(told.send(Err(end.err().unwrap_or(fault))))),
            },
        });
        async move {
            let jobs = self.jobs.as_ref().ok_or(Fault::Closed)?;
            jobs.send(job).await.map_err(|_| Fault::Closed)?;
            end.await.unwrap_or(Err(Fault::Closed))
        }
    }

    fn read(&self) -> Result<ReadTransaction, Fault> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        Ok(open.as_ref().map_err(Clone::clone)?.begin_read()?)
    }
}

/// The file of a store.
struct File {
    /// Where it is.
    path: PathBuf,
    /// It, or why it could not be opened again.
    open: RwLock<Result<Database, Fault>>,
}

impl File {
    /// Closes the file and opens it anew, after a fault.
    fn reopen(&self, fault: Fault) {
        let mut file = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // While one has it open, no other can.
        *file = Err(fault);
        *file = open(&self.path);
    }
}

/// Opens a file, or makes it for its owner alone.
fn open(path: &Path) -> Result<Database, Fault> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let backend = FileBackend::new(file.open(path)?)?;
    Ok(Database::builder().create_with_backend(backend)?)
}

/// A turn that waits for a transaction, or to be told that there is none.
type Job = Box<dyn FnOnce(Result<&WriteTransaction, Fault>) -> Done + Send>;

/// A turn that ran in a transaction which is not committed yet.
struct Done {
    /// What it changes in the zone, or why it did nothing.
    outcome: Result<Vec<TxtChange>, Fault>,
    /// Tells who waits what became of the transaction.
    tell: Box<dyn FnOnce(Result<(), Fault>) + Send>,
}

/// The thread that writes.
struct Writer<S> {
    /// The file.
    file: Arc<File>,
    /// Who serves the zone.
    serve: S,
}

impl<S: FnMut(Vec<TxtChange>)> Writer<S> {
    /// Takes turns until nobody can want one any more.
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < MOST_TOGETHER
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            self.take(jobs);
        }
    }

    /// Takes some turns in one transaction, and tells all of them how that ended.
    fn take(&mut self, jobs: Vec<Job>) {
        if let Err(fault) = self.fault() {
            self.file.reopen(fault);
        }
        let mut told = Vec::with_capacity(jobs.len());
        let end = self.commit(jobs, &mut told);
        if let Err(fault @ Fault::Store(_)) = &end {
            self.file.reopen(fault.clone());
        }
        for tell in told {
            tell(end.clone());
        }
    }

    /// Why the file is not open, if it is not.
    fn fault(&self) -> Result<(), Fault> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Runs turns and commits what they wrote; `told` is who waits for the end of that.
    fn commit(&mut self, jobs: Vec<Job>, told: &mut Vec<Tell>) -> Result<(), Fault> {
        let open = self.file.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().map_err(Clone::clone);
        let begun = database.and_then(|database| Ok(database.begin_write()?));
        let mut end = begun.as_ref().map(drop).map_err(Clone::clone);
        let mut changes = Vec::new();
        for job in jobs {
            let transaction = begun.as_ref().map_err(Clone::clone);
            let done = job(end.clone().and(transaction));
            told.push(done.tell);
            match done.outcome {
                Ok(more) => changes.extend(more),
                Err(fault) if fault.is_refusal() => {}
                Err(fault) => end = Err(fault),
            }
        }
        // Without a commit, the transaction goes with all that was written in it.
        end?;
        begun?.commit()?;
        drop(open);
        (self.serve)(changes);
        Ok(())
    }
}

/// Tells who waits what became of the transaction.
type Tell = Box<dyn FnOnce(Result<(), Fault>) + Send>;

/// Most turns that wait; who comes then waits to wait.
const MOST_WAITING: usize = 1024;
/// Most turns of one transaction.
const MOST_TOGETHER: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use redb::TableDefinition;

    use super::*;

    const TABLE: TableDefinition<'_, u32, u32> = TableDefinition::new("test");

    /// A turn that writes a number and has a name of it changed.
    fn write(number: u32) -> impl FnMut(&WriteTransaction) -> Result<(u32, Vec<TxtChange>), Fault> {
        move |transaction| {
            transaction.open_table(TABLE)?.insert(number, number)?;
            let name = format!("n{number}.example").parse().expect("a name");
            Ok((number, vec![TxtChange { name, values: Vec::new() }]))
        }
    }

    /// What the table has.
    fn written(store: &Store) -> Vec<u32> {
        use redb::ReadableTable as _;
        let table = store.read().and_then(|read| Ok(read.open_table(TABLE)?)).expect("a table");
        table.iter().expect("rows").map(|row| row.expect("a row").0.value()).collect()
    }

    #[tokio::test]
    async fn turns_that_come_together_are_all_served_once_and_a_refusal_stops_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let served = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&served);
        let serve = move |changes| sink.lock().expect("no panic").push(changes);
        let store = Store::open(&folder.path().join("store"), serve).expect("it opens");
        let store = Arc::new(store);
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    match number % 10 {
                        3 => store.turn(|_| Err(Fault::NoAccount)).await,
                        _ => store.turn(write(number)).await,
                    }
                })
            })
            .collect();
        for (number, task) in (0..100).zip(tasks) {
            match task.await.expect("it ends") {
                Ok(told) => assert!(told == number && number % 10 != 3),
                Err(fault) => assert!(matches!(fault, Fault::NoAccount) && number % 10 == 3),
            }
        }
        assert_eq!(written(&store).len(), 90);
        assert_eq!(served.lock().expect("no panic").iter().map(Vec::len).sum::<usize>(), 90);
    }

    #[tokio::test]
    async fn a_fault_of_the_store_undoes_its_transaction_and_a_later_one_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store");
        let store = Store::open(&path, drop).expect("it opens");
        store.turn(write(1)).await.expect("it is written");
        let failed = store.turn(|transaction| {
            write(2)(transaction)?;
            Err::<((), _), _>(Fault::Damaged)
        });
        assert!(matches!(failed.await, Err(Fault::Damaged)));
        assert_eq!(written(&store), [1]);
        store.turn(write(3)).await.expect("it is written");
        assert!(matches!(Store::open(&path, drop), Err(Fault::Store(_))), "one process at a time");
        assert_eq!(written(&store), [1, 3]);
        drop(store);
        assert_eq!(written(&Store::open(&path, drop).expect("the file is free")), [1, 3]);
        let mode = std::fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    }
}
