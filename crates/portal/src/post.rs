//! The post: letters leave the outbox one after the other, and come back into it when they are not taken.

use std::fs;
use std::path::Path;
use std::time::Duration;

use repute_database::outbox::{self, Taken};
use repute_database::{DatabaseError, Timestamp};
use repute_notify::{Letter, Mailbox, NotifyError, retry};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Mail;
use crate::error::whole;

/// Sends letters until it is told to stop.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let next = match send_next(&app).await {
            // There may be more.
            Ok(true) => continue,
            Ok(false) => SOON,
            Err(error) => {
                tracing::error!("letters cannot be sent: {}", whole(&error));
                LATER
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timeout(next, app.mail_waits.notified()) => {}
        }
    }
}

/// Sends the letter that is due, if there is one.
async fn send_next(app: &App) -> Result<bool, DatabaseError> {
    let mut transaction = app.database.begin().await?;
    let taken = outbox::take(transaction.session(), Timestamp::now(), LEASE).await?;
    transaction.commit().await?;
    let Some(taken) = taken else { return Ok(false) };
    let (id, attempts) = (taken.id, taken.attempts);
    let (mail, host) = (app.config.mail.clone(), app.config.public_url.host().to_owned());
    let sent = spawn_blocking(move || send(&mail, &host, &taken)).await;
    let error = match sent {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(Failure::Later("it was given up on the way".to_owned())),
    };
    let mut transaction = app.database.begin().await?;
    let wait = match &error {
        Some(Failure::Later(_)) => retry(attempts, 0.5),
        Some(Failure::Never(_)) | None => None,
    };
    match (error, wait) {
        (Some(Failure::Later(why)), Some(wait)) => {
            tracing::warn!("a letter is tried again in {} s: {why}", wait.as_secs());
            let again = Timestamp::now().after(wait);
            outbox::failed(transaction.session(), id, &why, again).await?;
        }
        (Some(Failure::Later(why) | Failure::Never(why)), _) => {
            tracing::error!("a letter is given up after {attempts} attempts: {why}");
            outbox::sent(transaction.session(), id).await?;
        }
        (None, _) => outbox::sent(transaction.session(), id).await?,
    }
    transaction.commit().await?;
    Ok(true)
}

/// Why a letter did not leave.
enum Failure {
    /// It may leave later.
    Later(String),
    /// It will never.
    Never(String),
}

/// Hands a letter on.
fn send(mail: &Mail, host: &str, taken: &Taken) -> Result<(), Failure> {
    let to: Mailbox =
        taken.letter.recipient.parse().map_err(|why: &str| Failure::Never(why.to_owned()))?;
    let letter = Letter {
        id: format!("{}-{}", taken.id.0, Timestamp::now().0),
        to,
        subject: taken.letter.subject.clone(),
        plain: taken.letter.plain.clone(),
        html: taken.letter.html.clone(),
        unsubscribe: Some(taken.letter.unsubscribe.clone()).filter(|url| !url.is_empty()),
    };
    let judge = |error: NotifyError| match error.is_permanent() {
        true => Failure::Never(error.to_string()),
        false => Failure::Later(error.to_string()),
    };
    match mail {
        Mail::Server(server) => server.send(&letter).map_err(judge),
        Mail::Folder(folder) => {
            // An address is no host name of mail.
            let host = if host.starts_with('[') { "localhost" } else { host };
            let from: Mailbox = format!("noreply@{host}")
                .parse()
                .map_err(|why: &str| Failure::Later(why.to_owned()))?;
            let bytes = letter.to_bytes(&from).map_err(judge)?;
            write(folder, &letter.id, &bytes).map_err(|error| {
                Failure::Later(format!("cannot write into {}: {error}", folder.display()))
            })
        }
    }
}

/// Writes a letter as a file, whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{name}.part"));
    // It holds a link that opens an account.
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    std::io::Write::write_all(&mut file, bytes)?;
    fs::rename(part, folder.join(format!("{name}.eml")))
}

/// How often the box is looked into: another process may have put something there.
const SOON: Duration = Duration::from_secs(10);
/// After how long a database that failed is asked again.
const LATER: Duration = Duration::from_secs(30);
/// How long nobody else takes a letter.
const LEASE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use repute_database::outbox::Letter as Stored;

    use super::*;
    use crate::testing::Site;

    #[tokio::test]
    async fn a_letter_becomes_a_file_or_waits_with_its_error() {
        let mut site = Site::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let letter = Stored {
            recipient: "you@x.example".to_owned(),
            subject: "Hello".to_owned(),
            plain: "words".to_owned(),
            html: "<p>words</p>".to_owned(),
            unsubscribe: "http://localhost:8080/unsubscribe/1/x".to_owned(),
        };
        let file = folder.path().join("file");
        fs::write(&file, "").expect("it is written");
        for (mail, is_sent) in [(file.join("below"), false), (folder.path().join("mail"), true)] {
            let mut config = site.app.config.clone();
            config.mail = Mail::Folder(mail);
            site = Site::with(site.app.database.clone(), config).keeping(site);
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            outbox::put(transaction.session(), &letter, Timestamp(1)).await.expect("it is put in");
            transaction.commit().await.expect("it is committed");
            assert!(send_next(&site.app).await.expect("the database answers"));
            assert!(!send_next(&site.app).await.expect("the database answers"), "nothing is due");
            let files = fs::read_dir(folder.path().join("mail")).into_iter().flatten();
            let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
            assert_eq!(files.len(), usize::from(is_sent), "{files:?}");
            if let Some(file) = files.first() {
                let text = fs::read_to_string(file).expect("it is text");
                assert!(
                    text.contains("To: you@x.example")
                        && text.contains("From: noreply@localhost")
                        && text
                            .contains("List-Unsubscribe: <http://localhost:8080/unsubscribe/1/x>")
                );
            }
        }
        // The one that was not taken is tried again.
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let later = Timestamp::now().after(Duration::from_secs(60));
        let taken = outbox::take(transaction.session(), later, LEASE).await.expect("it is read");
        assert_eq!(taken.map(|taken| taken.attempts), Some(2));
    }
}
