//! `repute registry kept-out`: what a decision took off a list, and imports pass over.

use anyhow::Context as _;
use repute_database::kept_out::{self, KeptOut};
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
            let found = kept_out::at(look.session(), stored.id, &key(&one)?, now).await?;
            show(&Vec::from_iter(found), json)
        }
        KeptOutCommand::Show { list, limit, after, json, .. } => {
            let (mut look, now) = (database.look().await?, Timestamp::now());
            let stored = super::list(look.session(), &list).await?;
            let after = after.as_deref().map(key).transpose()?;
            let found =
                kept_out::page(look.session(), stored.id, after.as_ref(), now, limit).await?;
            show(&found, json)
        }
        KeptOutCommand::LetBack { list, key: one, reason } => {
            let_back(database, &list, &key(&one)?, &reason).await
        }
    }
}

/// Shows some.
fn show(found: &[KeptOut], is_json: bool) -> anyhow::Result<Verdict> {
    for KeptOut { key, since, until, reason, .. } in found {
        if is_json {
            let until = until.map(time);
            let key = key.to_string();
            say!(
                "{}",
                json!({ "key": key, "since": time(*since), "until": until, "reason": reason })
            );
            continue;
        }
        let end =
            until.map_or_else(|| "for ever".to_owned(), |until| format!("until {}", time(until)));
        say!("{key}  {end}  {}  (since {})", plain(reason), time(*since));
    }
    Ok(if found.is_empty() { Verdict::No } else { Verdict::Yes })
}

/// Lets one back.
async fn let_back(
    database: &Database,
    apex: &Name,
    key: &Key,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let actor = shell_user::actor(transaction.session()).await?;
    let now = Timestamp::now();
    rules::let_back_at_shell(&mut transaction, actor, &stored, key, reason, now).await?;
    transaction.commit().await?;
    say!("{apex}: imports may list {key} again");
    Ok(Verdict::Yes)
}
