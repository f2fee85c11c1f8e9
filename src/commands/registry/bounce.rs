//! `repute registry bounce`: a report that a letter did not arrive, from a mail server's pipe.
//!
//! A mail server tries again later by one exit code alone (`EX_TEMPFAIL` of `sysexits.h`), and sends the report away for
//! ever by most others; so whatever may be mended ends with that one.

use std::io::{Read as _, stdin};
use std::path::Path;

use anyhow::{Context as _, bail};
use repute_database::Timestamp;
use repute_registry::bounce::report::{self, MOST, Report};
use repute_registry::bounce::{self, Noted};

use super::{database, plain};
use crate::commands::serve::link_key;
use crate::config::{Config, Origin};
use crate::exit::{Verdict, say, story, tell};

/// Takes a report.
pub(super) fn run(config: Option<&Path>, named: Option<&str>) -> anyhow::Result<Verdict> {
    match take(config, named) {
        Ok(()) => Ok(Verdict::Yes),
        Err(error) => {
            tell!("repute: {}", story(error.chain()));
            Ok(Verdict::Later)
        }
    }
}

/// The same; whoever pipes comes again after an error.
fn take(config: Option<&Path>, named: Option<&str>) -> anyhow::Result<()> {
    let mut message = Vec::new();
    let most = u64::try_from(MOST)? + 1;
    stdin().take(most).read_to_end(&mut message).context("cannot read standard input")?;
    let report = match report::read(&message) {
        Ok(report) => report,
        // It never will be one.
        Err(error) => {
            say!("nothing to do: {error}");
            return Ok(());
        }
    };
    let found = Config::find(config)?;
    if found.origin == Origin::BuiltIn {
        bail!(
            "name the portal's configuration by --config: only its key tells which letters are ours"
        );
    }
    let key = link_key::read_or_make(&found.portal.link_key)?;
    let place = database::place(config, named)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let database = database::open(&place).await?;
        let mut transaction = database.begin().await?;
        let session = transaction.session();
        let words = match bounce::recipient(session, &key, &report.names).await? {
            Some(recipient) => note(&mut transaction, &report, &recipient).await?,
            None => "nothing to do: it names no letter of ours from the last 30 days".to_owned(),
        };
        transaction.commit().await?;
        database.close().await;
        say!("{words}");
        Ok(())
    })
}

/// Writes down what a report says of the recipient of a letter; what became of it.
async fn note(
    transaction: &mut repute_database::Transaction,
    report: &Report,
    recipient: &str,
) -> anyhow::Result<String> {
    let Some((meaning, why)) = report.about(recipient) else {
        return Ok(format!("nothing to do: the letter to {recipient} was not given up"));
    };
    let noted = bounce::note(transaction, recipient, meaning, why, Timestamp::now()).await?;
    let why = plain(why);
    Ok(match noted {
        Noted::Nothing => {
            format!("nothing to do: that is about us or the letter, not about {recipient}: {why}")
        }
        Noted::Failed(days) => format!("{recipient} failed on {days} of 3 days: {why}"),
        Noted::Dead => format!("no letters go to {recipient} any more: {why}"),
        Noted::Known => format!("nothing to do: no letters go to {recipient} already"),
    })
}
