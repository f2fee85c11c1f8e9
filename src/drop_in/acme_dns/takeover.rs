//! The accounts of acme-dns, taken over once.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use repute_challenge::{Foreign, Import, Source};
use repute_database::Place;
use repute_database::acme_dns::{self, Account, AcmeDnsError};

use crate::commands::challenge::now;
use crate::commands::serve::Challenge;
use crate::exit::{say, tell};

/// Takes over the accounts of a database, unless that was done before; a database that is not there yet has none.
///
/// # Errors
/// If the database cannot be read, or the store not be written; nothing is taken then.
pub(super) fn once(challenge: &Challenge, source: &Source) -> anyhow::Result<()> {
    let place = match source {
        Source::Sqlite(path) => Place::File(whole(path)),
        Source::Postgres(url) => {
            url.parse().context("the connection to PostgreSQL (database.connection)")?
        }
    };
    let name = place.to_string();
    if challenge.service().imported(&name)?.is_some() {
        return Ok(());
    }
    let accounts = match challenge.block_on(acme_dns::read(&place)) {
        Ok(accounts) => accounts,
        Err(AcmeDnsError::NoFile(path)) => {
            tell!(
                "acme-dns: there is no database at {}, so no accounts are taken over",
                path.display()
            );
            return Ok(());
        }
        Err(error) => {
            return Err(error).context(
                "the accounts of acme-dns cannot be taken over, which is done before the first client is answered",
            );
        }
    };
    let foreign = accounts.into_iter().map(foreign).collect();
    match challenge.block_on(challenge.service().import(name.clone(), foreign, now()))? {
        Import::Done { .. } => {}
        Import::Taken { accounts, there, faults } => {
            let s = if accounts == 1 { "" } else { "s" };
            let before = match there {
                0 => String::new(),
                n => format!(", {n} were here already"),
            };
            let left = match faults.len() {
                0 => String::new(),
                n => format!(", {n} could not be taken"),
            };
            say!(
                "{accounts} account{s} taken over from {name}{before}{left}; it is left as it is and not read again"
            );
            for fault in faults {
                tell!("acme-dns: {fault}");
            }
        }
    }
    Ok(())
}

/// The path of a file, wherever the next start is.
fn whole(path: &Path) -> PathBuf {
    std::fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.into())
}

/// An account as it is read, for the service.
fn foreign(account: Account) -> Foreign {
    let Account { username, password, subdomain, allow_from, values } = account;
    Foreign { username, password, subdomain, allow_from, values }
}
