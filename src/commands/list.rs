//! `repute list`: what the lists of the registry publish, what was refused, and how one ends.

mod brought;
mod retire;
mod status;

use std::path::Path;

use anyhow::{Context, bail};
use repute_database::lists::{self, Stored};
use repute_database::{Database, Timestamp, Transaction};
use repute_dnsxl::Name;
use repute_registry::publish;

use super::registry::database::told;
use super::shell_user;
use crate::cli::list::ListCommand;
use crate::config::Config;
use crate::exit::{Verdict, say};

/// Runs the command.
pub(super) fn run(config: Option<&Path>, command: ListCommand) -> anyhow::Result<Verdict> {
    let config = Config::find(config)?;
    if !config.registry.is_on {
        bail!("there is no registry: name its database as `database` in [registry]");
    }
    let place = config.registry.database;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let database = Database::open(&place).await?;
        let verdict = match command {
            ListCommand::Status(args) => status::run(&database, &args).await,
            ListCommand::Approve { list, serial, show: true } => {
                brought::show(&database, &list, serial).await
            }
            ListCommand::Approve { list, serial, show: false } => {
                approve(&database, &list, serial).await
            }
            ListCommand::Retire { list, empty, end } => {
                retire::run(&database, &list, retire::Step::of(empty, end)).await
            }
        };
        database.close().await;
        verdict
    });
    told(&place, done)
}

/// Approves a version that was refused.
async fn approve(database: &Database, apex: &Name, serial: u32) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let list = find(&mut transaction, apex).await?;
    let actor = shell_user::actor(transaction.session()).await?;
    publish::approve(&mut transaction, &list, serial, &actor, Timestamp::now()).await?;
    transaction.commit().await.context("nothing was approved")?;
    say!("serial {serial} of {apex} is approved, and published within a second where it is served");
    Ok(Verdict::Yes)
}

/// A list by its name.
async fn find(transaction: &mut Transaction, apex: &Name) -> anyhow::Result<Stored> {
    let list = lists::by_apex(transaction.session(), apex).await?;
    list.with_context(|| {
        format!("the registry has no list `{apex}`: `repute list status` shows those there are")
    })
}
