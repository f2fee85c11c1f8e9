//! `repute registry`: lists that are kept in a database, from the shell.

mod bounce;
pub(super) mod database;
mod distribution;
mod entries;
mod evidence;
mod export;
mod history;
mod import;
mod kept_out;
mod lists;
mod log;
mod proposal;
mod prospect;
mod rule;
mod settings;
mod subscriber;

pub(super) use log::time;

use std::path::Path;

use repute_database::lists::{Stored, by_apex};
use repute_database::{DatabaseError, Session, Transaction};
use repute_dnsxl::Name;
use repute_registry::changes::Cause;

use super::shell_user;
use crate::cli::registry::{RegistryArgs, RegistryCommand};
use crate::exit::Verdict;

/// Runs one of its commands.
pub(super) fn run(config: Option<&Path>, args: RegistryArgs) -> anyhow::Result<Verdict> {
    if let RegistryCommand::Distribution(command) = &args.command {
        return distribution::run(config, command);
    }
    if let RegistryCommand::Bounce = &args.command {
        return bounce::run(config, args.database.as_deref());
    }
    let place = database::place(config, args.database.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let database = database::open(&place).await?;
        let verdict = match args.command {
            RegistryCommand::Lists { json } => lists::all(&database, json).await,
            RegistryCommand::List(command) => lists::run(&database, command).await,
            RegistryCommand::Entry(command) => entries::run(&database, command).await,
            RegistryCommand::Import(args) => import::run(&database, &args).await,
            RegistryCommand::Purge(args) => import::purge(&database, &args).await,
            RegistryCommand::KeptOut(command) => kept_out::run(&database, command).await,
            RegistryCommand::Verify { expect } => log::verify(&database, expect.as_ref()).await,
            RegistryCommand::Log { list, limit, json } => {
                log::run(&database, list.as_ref(), limit, json).await
            }
            RegistryCommand::Evidence(command) => evidence::run(&database, config, command).await,
            RegistryCommand::Rule(command) => rule::run(&database, command).await,
            RegistryCommand::Proposal(command) => proposal::run(&database, command).await,
            RegistryCommand::Subscriber(command) => subscriber::run(&database, command).await,
            // It needs no database.
            RegistryCommand::Distribution(command) => distribution::run(config, &command),
            // It opens it itself, after it has read its input.
            RegistryCommand::Bounce => bounce::run(config, args.database.as_deref()),
            RegistryCommand::Export { list, format } => export::run(&database, &list, format).await,
        };
        database.close().await;
        verdict
    });
    database::told(&place, done)
}

/// The list of this apex.
async fn list(session: Session<'_>, apex: &Name) -> anyhow::Result<Stored> {
    let list = by_apex(session, apex).await?;
    list.ok_or_else(|| {
        anyhow::anyhow!(
            "there is no list {apex}: `repute registry lists` shows those there are, `repute registry list add \
             {apex}` adds it"
        )
    })
}

/// What the audit log says of something done here.
async fn cause(
    transaction: &mut Transaction,
    action: &str,
    reason: &str,
) -> Result<Cause, DatabaseError> {
    let actor = shell_user::actor(transaction.session()).await?;
    Ok(Cause { actor, action: action.to_owned(), reason: reason.to_owned() })
}

/// A text of others on a terminal: what could move the cursor is replaced.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
