//! Why a message was not taken, in words that may be logged.
//!
//! No variant holds a secret: passwords, signing keys and the path of a web address, which is often
//! a password itself, never come here; what the other side says is cut, and left out where it may
//! echo one.

use std::io;
use std::path::PathBuf;

use crate::message::one_line;

/// Why a message was not taken, and by whom.
#[derive(Debug, thiserror::Error)]
#[error("{to}: {fault}")]
pub struct NotifyError {
    /// Where it should have gone: a kind of channel and a server's or program's name.
    pub to: String,
    /// What went wrong. It is a part of our words already, so it is no source of its own.
    pub fault: Fault,
}

impl NotifyError {
    /// Whether trying again is of no use: the other side understood and refused. What an operator
    /// can mend meanwhile, a missing file say, is worth another try.
    pub fn is_permanent(&self) -> bool {
        match &self.fault {
            Fault::Refused { code, .. } => (500..600).contains(code) && !is_about_login(*code),
            // Time-out, too early, too many requests: ask again (RFC 9110, RFC 8470, RFC 6585).
            Fault::Status(status) => {
                (300..500).contains(status) && ![408, 425, 429].contains(status)
            }
            Fault::Unmailable(_) => true,
            Fault::Secret { .. }
            | Fault::EmptySecret(_)
            | Fault::Certificates(_)
            | Fault::Login(_)
            | Fault::Mail(_)
            | Fault::Request(_)
            | Fault::Timeout
            | Fault::Start(_)
            | Fault::Ended { .. }
            | Fault::Killed(_) => false,
        }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A file with a secret or certificates cannot be read.
    #[error("cannot read {path}: {source}")]
    Secret {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file with a secret has nothing in it, or more than a secret.
    #[error("{0} must hold one line with the secret")]
    EmptySecret(PathBuf),
    /// A file with certificates has none.
    #[error("{0} holds no certificate in PEM form")]
    Certificates(PathBuf),
    /// The message cannot be written as mail.
    #[error("the message cannot be written as mail: {0}")]
    Unmailable(String),
    /// The mail server does not take the user name or password.
    #[error("the server refuses `user` and `password-file` with code {0}")]
    Login(u16),
    /// The mail server refuses the message.
    #[error("the server refuses with code {code}: {reason}")]
    Refused {
        /// What it refuses.
        step: Step,
        /// Its code (RFC 5321 section 4.2).
        code: u16,
        /// Its words.
        reason: String,
    },
    /// The mail server was not reached, or what it says is no SMTP.
    #[error("{0}")]
    Mail(String),
    /// The web server answers, but with no success.
    #[error("the server answers with status {0}{remedy}", remedy = status_remedy(*.0))]
    Status(u16),
    /// The web server was not reached, or what it says is no HTTP.
    #[error("{0}")]
    Request(String),
    /// The other side is too slow.
    #[error("not done within `timeout`")]
    Timeout,
    /// The program cannot be started.
    #[error("cannot be started: {0}")]
    Start(io::Error),
    /// The program failed.
    #[error("ended with status {status}{}", tail(.output))]
    Ended {
        /// Its exit status.
        status: i32,
        /// The last line it wrote to standard error.
        output: String,
    },
    /// The program was killed by somebody else.
    #[error("was killed by signal {0}")]
    Killed(i32),
}

/// What a mail server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To speak with us at all.
    Session,
    /// The sender.
    Sender,
    /// The recipient.
    Recipient,
    /// The message itself, after it was told who it is from and for whom.
    Content,
}

/// Whether an SMTP code is about user and password (RFC 4954 section 6).
pub(crate) fn is_about_login(code: u16) -> bool {
    matches!(code, 432 | 454 | 530 | 534 | 535 | 538)
}

/// What to do about an HTTP status.
fn status_remedy(status: u16) -> &'static str {
    match status {
        300..=399 => ": redirects are not followed, `url` must be where it ends",
        401 | 403 => ": is `url`, `token-file` or `secret-file` right?",
        404 | 405 | 410 => ": is `url` right?",
        _ => "",
    }
}

/// The program's own words behind ours.
fn tail(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

/// What somebody else said, as a part of one line.
pub(crate) fn quote(words: &str) -> String {
    one_line(words, 200)
}
