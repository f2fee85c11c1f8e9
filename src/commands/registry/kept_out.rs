//! `repute registry kept-out`: what a decision took off a list, and imports pass over.

use anyhow::Context as _;
use repute_database::kept_out::{self, KeptOut, Spot};
use repute_database::{Database, Key, Timestamp};
use repute_dnsxl::Name;
use repute_registry::kept_out as rules;
use serde_json::json;

use super::log::time;
use super::{list, plain};
use crate::cli::registry::KeptOutCommand;
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// Runs one of the commands.
pub(super) async fn run(database: &Database, command: KeptOutCommand) -> anyhow::Result<Verdict> {
    let key = |text: &str| text.parse::<Key>().with_context(|| format!("`{text}`"));
    match command {
        KeptOutCommand::Show { list, key: Some(one), json, .. } => {
            let (mut look, now) = (database.look().await?, Timestamp::now());
            let stored = super::list(look.session(), &list).await?;
            let found = kept_out::all_at(look.session(), stored.id, &key(&one)?, now).await?;
            show(&found, json)
        }
        KeptOutCommand::Show { list, limit, after, json, .. } => {
            let (mut look, now) = (database.look().await?, Timestamp::now());
            let stored = super::list(look.session(), &list).await?;
            let spot = |text: &str| text.parse::<Spot>().with_context(|| format!("`{text}`"));
            let after = after.as_deref().map(spot).transpose()?;
            let found =
                kept_out::page(look.session(), stored.id, after.as_ref(), now, limit).await?;
            show(&found, json)
        }
        KeptOutCommand::LetBack { list, key: one, code, reason } => {
            let_back(database, &list, &Spot { key: key(&one)?, code }, &reason).await
        }
    }
}

/// Shows some.
fn show(found: &[KeptOut], is_json: bool) -> anyhow::Result<Verdict> {
    for kept in found {
        let KeptOut { key, code, since, until, reason, .. } = kept;
        if is_json {
            let (key, code) = (key.to_string(), code.map(|code| code.to_string()));
            let (since, until) = (time(*since), until.map(time));
            let object = json!({
                "key": key, "code": code, "since": since, "until": until, "reason": reason,
            });
            say!("{object}");
            continue;
        }
        let end =
            until.map_or_else(|| "for ever".to_owned(), |until| format!("until {}", time(until)));
        say!("{}  {end}  {}  (since {})", kept.spot(), plain(reason), time(*since));
    }
    Ok(if found.is_empty() { Verdict::No } else { Verdict::Yes })
}

/// Lets one back.
async fn let_back(
    database: &Database,
    apex: &Name,
    spot: &Spot,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let actor = shell_user::actor(transaction.session()).await?;
    let now = Timestamp::now();
    rules::let_back_at_shell(&mut transaction, actor, &stored, spot, reason, now).await?;
    transaction.commit().await?;
    say!("{apex}: imports may list {spot} again");
    Ok(Verdict::Yes)
}
