//! `repute backup` and `repute restore`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use repute_database::backup::{self, Extent, Into};
use repute_database::{Database, Place, Timestamp};
use repute_registry::restore::{self, Restored};

use super::registry::database::{open, place, told};
use super::shell_user;
use crate::cli::backup::{BackupArgs, RestoreArgs};
use crate::exit::{Verdict, tell};

/// Writes a backup.
pub(super) fn run(config: Option<&Path>, args: &BackupArgs) -> anyhow::Result<Verdict> {
    let place = place(config, args.database.as_deref())?;
    if let Place::File(database) = &place {
        keeps(database, &args.file)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let database = open(&place).await?;
        let extent = match args.file.as_os_str() == "-" {
            true => write(&database, &mut io::stdout()).await?,
            false => replace(&database, &args.file).await?,
        };
        database.close().await;
        tell!("{}: {} rows of {} tables", args.file.display(), extent.rows, extent.tables);
        Ok(Verdict::Yes)
    });
    told(&place, done)
}

/// Makes sure that there is a database, and that the backup does not take the place of it.
fn keeps(database: &Path, backup: &Path) -> anyhow::Result<()> {
    // Whoever mistypes its name would have an empty one, and a backup of that.
    if !database.exists() {
        bail!("there is no database {}: name the one that the server has", database.display());
    }
    let of = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let itself = ["", "-wal", "-shm"].map(|ending| of(&with_ending(database, ending)));
    let is_itself = of(backup).is_some_and(|there| itself.contains(&Some(there)));
    if is_itself {
        bail!("{} is the database itself: name another file for its backup", backup.display());
    }
    Ok(())
}

/// Restores a backup.
pub(super) fn restore(config: Option<&Path>, args: &RestoreArgs) -> anyhow::Result<Verdict> {
    let place = place(config, args.database.as_deref())?;
    let into = if args.force { Into::Instead } else { Into::Empty };
    let mut input: Box<dyn BufRead + Send> = match args.file.as_os_str() == "-" {
        true => Box::new(BufReader::new(io::stdin())),
        false => {
            let file = File::open(&args.file);
            let file = file.with_context(|| format!("cannot read {}", args.file.display()))?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let restored = match &place {
            Place::File(file) if !file.exists() => restore_new(file, &mut *input, into).await?,
            Place::File(_) | Place::Server(_) => restore_into(&place, &mut *input, into).await?,
        };
        let Restored { extent, lists } = restored;
        tell!(
            "{place}: {} rows of {} tables restored, the audit log is whole",
            extent.rows, extent.tables
        );
        for (list, serial) in lists {
            tell!("{list}: goes on with serial {serial}, and whoever follows it reads it anew");
        }
        tell!(
            "what was revoked, removed or used since the backup is as it was then: look through servers that may have lists \
             (`repute registry subscriber list`), roles and locks, passkeys, codes and recovery codes, and revoke again what \
             should be"
        );
        Ok(Verdict::Yes)
    });
    told(&place, done)
}

/// Restores into a file that is not there. It gets its name when all is in it, so that what fails leaves nothing behind.
async fn restore_new(
    file: &Path,
    input: &mut (dyn BufRead + Send),
    into: Into,
) -> anyhow::Result<Restored> {
    let failed = || format!("cannot make {}", file.display());
    // Another restore into the same file has another one.
    let part = with_ending(file, &format!(".{}.part", std::process::id()));
    let [log, others @ ..] = ["-wal", "-shm", "-journal"].map(|ending| with_ending(&part, ending));
    let restored = restore_into(&Place::File(part.clone()), input, into).await;
    let kept = restored.and_then(|restored| {
        // SQLite leaves its log where it cannot take all of it into the file.
        if log.exists() {
            bail!("cannot make {}: its disk is full, or fails", file.display());
        }
        // Unlike a new name, a second one never takes the place of what somebody has made meanwhile.
        fs::hard_link(&part, file).with_context(failed)?;
        Ok(restored)
    });
    for left in others.iter().chain([&log, &part]) {
        drop(fs::remove_file(left));
    }
    kept
}

/// Restores into a database.
async fn restore_into(
    place: &Place,
    input: &mut (dyn BufRead + Send),
    into: Into,
) -> anyhow::Result<Restored> {
    let database = open(place).await?;
    let restored = async {
        let mut transaction = database.begin().await?;
        let (by, now) = (shell_user::number(), Timestamp::now());
        let restored = restore::restore(&mut transaction, input, into, by, now).await?;
        transaction.commit().await?;
        anyhow::Ok(restored)
    };
    let restored = restored.await;
    database.close().await;
    restored
}

/// A file beside another one, whose name goes on so.
fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Writes a backup beside a file, which it takes the place of when it is on disk.
async fn replace(database: &Database, path: &Path) -> anyhow::Result<Extent> {
    let failed = || format!("cannot write {}", path.display());
    let mut name = path.file_name().with_context(failed)?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    // What an attempt that was killed has left.
    if part.exists() {
        fs::remove_file(&part).with_context(failed)?;
    }
    // Nobody else is to read what people entrust to a list.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let mut file = file.with_context(failed)?;
    let written = write(database, &mut file).await.with_context(failed);
    let kept = written.and_then(|extent| {
        file.sync_all().and_then(|()| fs::rename(&part, path)).with_context(failed)?;
        Ok(extent)
    });
    if kept.is_err() {
        drop(fs::remove_file(&part));
    }
    kept
}

/// Writes a backup.
async fn write(database: &Database, out: &mut (dyn Write + Send)) -> anyhow::Result<Extent> {
    let mut snapshot = database.look().await?;
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let extent = backup::write(&mut snapshot, &mut out).await?;
    out.flush()?;
    Ok(extent)
}
