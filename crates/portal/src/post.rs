//! The post: letters leave the outbox one after the other, and come back into it when they are not taken.
//!
//! Nobody can know whether a server took a letter that fell silent after the last byte of it, or whether this process was
//! killed before it heard the answer: such a letter is sent again. Its `Message-ID` is the same each time, so that what
//! is there twice is known for one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use repute_database::outbox::{self, Taken};
use repute_database::{DatabaseError, Timestamp};
use repute_notify::{Fault, Letter, Mailbox, NotifyError, Step, retry};
use repute_registry::bounce::{self, Meaning, Refused};
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
    let lease = match &app.config.mail {
        Mail::Server(server) => server.timeout().saturating_add(LEASE),
        Mail::Folder(_) => LEASE,
    };
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await?;
    transaction.commit().await?;
    let Some(taken) = taken else { return Ok(false) };
    let (id, attempts, recipient) = (taken.id, taken.attempts, taken.letter.recipient.clone());
    let (mail, host) = (app.config.mail.clone(), app.config.public_url.host().to_owned());
    let name = bounce::name(&app.means.key, id, taken.created);
    let return_path = app.config.return_path.of(&name);
    let sent =
        spawn_blocking(move || send(&mail, &host, taken, name, return_path.as_deref())).await;
    let failure = match sent {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::later("it was given up on the way".to_owned())),
    };
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let Some(Failure { why, is_final, refusal }) = failure else {
        outbox::sent(transaction.session(), id, now).await?;
        transaction.commit().await?;
        return Ok(true);
    };
    if let Some(wait) = retry(attempts, 0.5).filter(|_| !is_final) {
        tracing::warn!("a letter is tried again in {} s: {why}", wait.as_secs());
        outbox::failed(transaction.session(), id, &why, now.after(wait)).await?;
    } else {
        tracing::error!("a letter is given up after {attempts} attempts: {why}");
        outbox::give_up(transaction.session(), id).await?;
        if let Some((meaning, words)) = refusal {
            bounce::note(&mut transaction, &recipient, meaning, &words, now).await?;
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// Why a letter did not leave.
struct Failure {
    /// In words.
    why: String,
    /// Whether it will never.
    is_final: bool,
    /// What a mail server's refusal says of the address, and its words.
    refusal: Option<(Meaning, String)>,
}

impl Failure {
    /// It may leave later.
    fn later(why: String) -> Failure {
        Failure { why, is_final: false, refusal: None }
    }
}

impl From<NotifyError> for Failure {
    fn from(error: NotifyError) -> Failure {
        let why = error.to_string();
        let mut is_final = error.is_permanent();
        let refusal = match error.fault {
            Fault::Refused { step, code, reason } => {
                let refused = match step {
                    Step::Recipient => Refused::Recipient,
                    Step::Content => Refused::Letter,
                    Step::Session | Step::Sender => Refused::Other,
                };
                let meaning = bounce::of_reply(refused, code, &reason);
                // A mailbox that is full today may not be so tomorrow: all attempts are one failure.
                is_final = is_final && meaning != Meaning::Failing;
                Some((meaning, reason))
            }
            _ => None,
        };
        Failure { why, is_final, refusal }
    }
}

/// Hands a letter on.
fn send(
    mail: &Mail,
    host: &str,
    taken: Taken,
    name: String,
    return_path: Option<&str>,
) -> Result<(), Failure> {
    let mailbox = |text: &str| {
        let parsed: Result<Mailbox, &str> = text.parse();
        parsed.map_err(|why| Failure { why: why.to_owned(), is_final: true, refusal: None })
    };
    let letter = Letter {
        id: name,
        to: mailbox(&taken.letter.recipient)?,
        subject: taken.letter.subject,
        plain: taken.letter.plain,
        html: taken.letter.html,
        unsubscribe: Some(taken.letter.unsubscribe).filter(|url| !url.is_empty()),
        return_path: return_path.map(mailbox).transpose()?,
    };
    match mail {
        Mail::Server(server) => Ok(server.send(&letter)?),
        Mail::Folder(folder) => {
            // An address is no host name of mail.
            let host = if host.starts_with('[') { "localhost" } else { host };
            let bytes = letter.to_bytes(&mailbox(&format!("noreply@{host}"))?)?;
            write(folder, &letter.id, &bytes).map_err(|error| {
                Failure::later(format!("cannot write into {}: {error}", folder.display()))
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
/// How long nobody else takes a letter, beyond the time that a mail server has for it: to find the server, and to write
/// down that it was sent.
const LEASE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use repute_database::outbox::Letter as Stored;

    use super::*;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn a_letter_becomes_a_file_or_waits_with_its_error() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
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
            for (mail, is_sent) in [(file.join("below"), false), (folder.path().join("mail"), true)]
            {
                let mut config = site.app.config.clone();
                config.mail = Mail::Folder(mail);
                site = Site::with(site.app.database.clone(), config);
                let mut transaction = site.app.database.begin().await.expect("a transaction");
                outbox::put(transaction.session(), &letter, Timestamp(1))
                    .await
                    .expect("it is put in");
                transaction.commit().await.expect("it is committed");
                assert!(send_next(&site.app).await.expect("the database answers"));
                assert!(
                    !send_next(&site.app).await.expect("the database answers"),
                    "nothing is due"
                );
                let files = fs::read_dir(folder.path().join("mail")).into_iter().flatten();
                let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
                assert_eq!(files.len(), usize::from(is_sent), "{files:?}");
                if let Some(file) = files.first() {
                    let text = fs::read_to_string(file).expect("it is text");
                    assert!(
                        text.contains("To: you@x.example")
                            && text.contains("From: noreply@localhost")
                            && text.contains(
                                "List-Unsubscribe: <http://localhost:8080/unsubscribe/1/x>"
                            )
                    );
                }
            }
            // The one that was not taken is tried again.
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let later = Timestamp::now().after(Duration::from_secs(60));
            let taken =
                outbox::take(transaction.session(), later, LEASE).await.expect("it is read");
            assert_eq!(taken.map(|taken| taken.attempts), Some(2));
        })
        .await;
    }
}
