//! The post: letters leave the outbox, a few at a time, and come back into it when they are not taken. What somebody waits
//! for at a screen goes before news. A letter is given up when a server has said often enough that it takes this one
//! not; while no server can be reached, or none lets us in, letters wait for days.
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
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Mail;
use crate::error::whole;

/// Sends letters until it is told to stop.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let mut under_way = JoinSet::new();
    while !stop.is_cancelled() {
        let mut next = SOON;
        if under_way.len() < AT_ONCE {
            match take(&app).await {
                Ok(Some(taken)) => {
                    let app = app.clone();
                    under_way.spawn(async move { deliver(&app, taken).await });
                    // There may be more.
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    told(&error);
                    next = LATER;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            Some(done) = under_way.join_next() => {
                if let Ok(Err(error)) = done {
                    told(&error);
                }
            }
            _ = timeout(next, app.mail_waits.notified()) => {}
        }
    }
    // What was handed to a server is written down as sent.
    while under_way.join_next().await.is_some() {}
}

/// Says that the database keeps letters from being sent.
fn told(error: &DatabaseError) {
    tracing::error!("letters cannot be sent: {}", whole(error));
}

/// Takes the letter that is due, if there is one.
async fn take(app: &App) -> Result<Option<Taken>, DatabaseError> {
    let mut transaction = app.database.begin().await?;
    let lease = match &app.config.mail {
        Mail::Server(server) => server.timeout().saturating_add(LEASE),
        Mail::Folder(_) => LEASE,
    };
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await?;
    transaction.commit().await?;
    Ok(taken)
}

/// Sends a letter, and writes down what became of it.
async fn deliver(app: &App, taken: Taken) -> Result<(), DatabaseError> {
    let (id, attempts, recipient) = (taken.id, taken.attempts, taken.letter.recipient.clone());
    let patience = taken.created.after(WAITS);
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
    let Some(Failure { why, is_final, is_about_it, refusal }) = failure else {
        outbox::sent(transaction.session(), id, now).await?;
        return transaction.commit().await;
    };
    let wait = match is_about_it {
        true => retry(attempts, 0.5).filter(|_| !is_final),
        // It was not the letter's fault: its attempts do not count.
        false => (now < patience).then(|| retry(attempts, 0.5).unwrap_or(AGAIN)),
    };
    if let Some(wait) = wait {
        tracing::warn!("a letter is tried again in {} s: {why}", wait.as_secs());
        outbox::failed(transaction.session(), id, &why, now.after(wait)).await?;
    } else {
        tracing::error!("a letter is given up after {attempts} attempts: {why}");
        outbox::give_up(transaction.session(), id).await?;
        if let Some((meaning, words)) = refusal {
            bounce::note(&mut transaction, &recipient, meaning, &words, now).await?;
        }
    }
    transaction.commit().await
}

/// Why a letter did not leave.
struct Failure {
    /// In words.
    why: String,
    /// Whether it will never.
    is_final: bool,
    /// Whether it is about this letter: what concerns all of them is mended by whoever runs the mail server, or this one.
    is_about_it: bool,
    /// What a mail server's refusal says of the address, and its words.
    refusal: Option<(Meaning, String)>,
}

impl Failure {
    /// It may leave later.
    fn later(why: String) -> Failure {
        Failure { why, is_final: false, is_about_it: false, refusal: None }
    }
}

impl From<NotifyError> for Failure {
    fn from(error: NotifyError) -> Failure {
        let why = error.to_string();
        let mut is_final = error.is_permanent();
        let mut is_about_it = false;
        let refusal = match error.fault {
            Fault::Refused { step, code, reason } => {
                is_about_it = matches!(step, Step::Recipient | Step::Content);
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
        Failure { why, is_final, is_about_it, refusal }
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
        parsed.map_err(|why| {
            let why = why.to_owned();
            Failure { why, is_final: true, is_about_it: true, refusal: None }
        })
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

/// So many letters are sent at a time: a server that is slow holds up only some.
const AT_ONCE: usize = 4;
/// How long letters wait for a server that can be reached. Of RFC 5321 (section 4.5.4.1) it is at least four or five days.
const WAITS: Duration = Duration::from_secs(7 * 86_400);
/// How long it is until the next attempt then, once it was tried often.
const AGAIN: Duration = Duration::from_secs(3_600);
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
                let put = outbox::put(transaction.session(), &letter, Timestamp::now()).await;
                put.expect("it is put in");
                transaction.commit().await.expect("it is committed");
                let taken = take(&site.app).await.expect("the database answers");
                deliver(&site.app, taken.expect("it is due")).await.expect("it is written down");
                assert_eq!(take(&site.app).await.expect("it answers"), None, "nothing is due");
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

    #[tokio::test]
    async fn letters_wait_for_a_server_that_is_away_and_what_somebody_waits_for_goes_first() {
        on_each_narrow(async |database| {
            let site = Site::over(database);
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("file");
            fs::write(&file, "").expect("it is written");
            let mut config = site.app.config.clone();
            config.mail = Mail::Folder(file.join("below"));
            let site = Site::with(site.app.database.clone(), config);
            let now = Timestamp::now();
            let letter = |to: &str, unsubscribe: &str| Stored {
                recipient: to.to_owned(),
                subject: "Hello".to_owned(),
                plain: "words".to_owned(),
                html: "<p>words</p>".to_owned(),
                unsubscribe: unsubscribe.to_owned(),
            };
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            for (to, unsubscribe, age) in
                [("news@x.example", "http://localhost:8080/stop", 3), ("link@x.example", "", 1)]
            {
                let created = now.before(Duration::from_secs(age * 86_400));
                let letter = letter(to, unsubscribe);
                let put = outbox::put(transaction.session(), &letter, created);
                put.await.expect("it is put in");
            }
            transaction.commit().await.expect("it is committed");
            let mut order = Vec::new();
            for _ in 0..2 {
                let taken = take(&site.app).await.expect("it answers").expect("one is due");
                order.push(taken.letter.recipient.clone());
                // More often than a server may refuse one.
                let taken = Taken { attempts: 1_000, ..taken };
                deliver(&site.app, taken).await.expect("it is written down");
            }
            assert_eq!(order, ["link@x.example", "news@x.example"]);
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let later = now.after(2 * AGAIN);
            let taken = outbox::take(transaction.session(), later, LEASE).await;
            let taken = taken.expect("it is read").expect("it waits still");
            transaction.commit().await.expect("it is committed");
            let old = Taken { created: now.before(WAITS), ..taken };
            deliver(&site.app, old).await.expect("it is written down");
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let left = outbox::take(transaction.session(), later, LEASE).await;
            let left = left.expect("it is read").expect("the other one waits");
            assert_eq!(left.letter.recipient, "news@x.example", "the older one was given up");
        })
        .await;
    }
}
