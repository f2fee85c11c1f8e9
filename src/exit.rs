//! How the process ends: the one place that decides exit codes.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; or yes: listed, the same, no faults |
//! | 1 | no: not listed, different, faults |
//! | 2 | could not tell or not do it; the command line or the configuration is wrong |
//! | 75 | not now: whoever hands mail on is to try again (`EX_TEMPFAIL`) |

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use repute_database::DatabaseError;

/// Writes a line to standard output. Where nobody reads any more, the function that says it ends with that error,
/// which [`code`] knows; `println!` would panic.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($words)*)?
    }};
}
pub(crate) use say;

/// Writes a line to standard error. Whether anybody reads it changes nothing of what is done, and nobody is left to be
/// told; `eprintln!` would panic.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stderr(), $($words)*));
    }};
}
pub(crate) use tell;

/// Writes a text to standard output as programs do whose exit code has a meaning of its own, whether anybody reads or not.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// What a command found, if it did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done, or yes.
    Yes,
    /// No.
    No,
    /// It cannot be said, and why was shown already.
    Unknown,
    /// It cannot be done now, and why was shown already; a mail server tries again.
    Later,
}

impl Verdict {
    /// The worse of two: what cannot be said says most.
    pub(crate) fn worse(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Later, _) | (_, Verdict::Later) => Verdict::Later,
            (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::No, _) | (_, Verdict::No) => Verdict::No,
            (Verdict::Yes, Verdict::Yes) => Verdict::Yes,
        }
    }
}

/// Turns what became of a command into an exit code, and shows the error if there is one.
pub(crate) fn code(result: anyhow::Result<Verdict>) -> ExitCode {
    match result {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Ok(Verdict::Unknown) => ExitCode::from(2),
        Ok(Verdict::Later) => ExitCode::from(75),
        // `repute zone export | head` is a fine thing to do.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("repute: {}", story(error.chain()));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, each told once: some name their cause themselves.
pub(crate) fn story<'e>(chain: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    let mut story = String::new();
    for cause in chain.map(ToString::to_string) {
        if story.is_empty() {
            story = cause;
        } else if !story.ends_with(&cause) {
            story = format!("{story}: {cause}");
        }
    }
    story
}

/// Whether a command only failed because nobody reads its output any more.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    // A connection to a database that breaks is no reader who has seen enough.
    let is_other = error.chain().any(<dyn Error>::is::<DatabaseError>);
    let is_closed = error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    });
    is_closed && !is_other
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let told = anyhow::Error::new(missing()).context(format!("cannot read x: {}", missing()));
        assert_eq!(story(told.chain()), format!("cannot read x: {}", missing()));
        let untold = anyhow::Error::new(missing()).context("cannot read x");
        assert_eq!(story(untold.chain()), format!("cannot read x: {}", missing()));
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let closed = || Err::<Verdict, _>(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(code(closed().context("writing")), ExitCode::SUCCESS);
        let other = Err::<Verdict, _>(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(code(other.context("reading")), ExitCode::from(2));
        let source = io::Error::from(io::ErrorKind::BrokenPipe);
        let broken = Err(DatabaseError::File { file: "lists.db".to_owned(), source });
        assert_eq!(code(broken.context("reading")), ExitCode::from(2), "the work is not done");
        assert_eq!(code(Ok(Verdict::No)), ExitCode::from(1));
    }
}
