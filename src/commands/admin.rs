//! `repute admin`: the portal's accounts, for whoever has the shell.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use repute_portal::Erased;
use serde_json::json;

use super::registry::database::{open, place, told};
use crate::cli::admin::{AdminArgs, AdminCommand};
use crate::config::{Config, Origin};
use crate::exit::{Verdict, tell};

/// Does it.
pub(super) fn run(path: Option<&Path>, args: AdminArgs) -> anyhow::Result<Verdict> {
    let config = Config::find(path)?;
    let place = place(path, args.database.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a thread for the database")?;
    let done = runtime.block_on(async {
        let database = open(&place).await?;
        // Without a configuration the portal takes another port where its own is taken, and says in the database where it is.
        let known = match config.origin {
            Origin::BuiltIn => repute_portal::address(&database).await?,
            Origin::File(_) | Origin::AcmeDns(_) => None,
        };
        let url = known.as_ref().unwrap_or(&config.portal.portal.public_url);
        let mut out = std::io::stdout().lock();
        match args.command {
            AdminCommand::Add { mail, role } => {
                let link =
                    repute_portal::invite(&database, url, mail.as_ref(), role.into()).await?;
                writeln!(out, "{link}")?;
            }
            AdminCommand::Role { mail, role } => {
                let portal = &config.portal.portal;
                repute_portal::set_role(&database, portal, &mail, role.into()).await?;
            }
            AdminCommand::ResetFactors { mail } => {
                repute_portal::reset_factors(&database, &config.portal.portal, &mail).await?;
            }
            AdminCommand::Reset { mail } => {
                writeln!(out, "{}", repute_portal::reset_link(&database, url, &mail).await?)?;
            }
            AdminCommand::Mail { from, to } => {
                repute_portal::set_mail(&database, &config.portal.portal, &from, &to).await?;
            }
            AdminCommand::Lock { mail } => {
                repute_portal::lock(&database, &config.portal.portal, &mail).await?;
            }
            AdminCommand::Unlock { mail } => {
                repute_portal::unlock(&database, &config.portal.portal, &mail).await?;
            }
            AdminCommand::Export { mail } => {
                writeln!(out, "{}", repute_portal::export(&database, &mail).await?)?;
            }
            AdminCommand::Delete { mail, yes: _ } => {
                match repute_portal::delete(&database, &mail).await? {
                    Erased::Account => {
                        tell!("the account of {mail} is gone");
                    }
                    Erased::Address => {
                        tell!("{mail} had no account; what was kept of it is gone");
                    }
                }
            }
            AdminCommand::List { json } => {
                let all = repute_portal::all(&database).await?;
                let rows = all.iter();
                if json {
                    let rows = rows.map(|account| {
                        json!({
                            "mail": account.mail,
                            "name": account.name,
                            "role": account.role.word(),
                            "locked": account.locked.is_some(),
                        })
                    });
                    let rows: Vec<_> = rows.collect();
                    writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
                } else {
                    for account in rows {
                        writeln!(
                            out,
                            "{:<13}  {}  {}",
                            account.role.word(),
                            account.mail,
                            account.name
                        )?;
                    }
                }
            }
        }
        out.flush()?;
        database.close().await;
        Ok(Verdict::Yes)
    });
    told(&place, done)
}
