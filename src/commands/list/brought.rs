//! `repute list approve --show`: what a version that was refused brings.

use anyhow::bail;
use repute_database::publications::{self, Outcome};
use repute_database::{Database, Key};
use repute_dnsxl::Name;
use repute_registry::publish::{self, Brought, Fate};

use super::find;
use crate::commands::registry::plain;
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// Shows it.
pub(super) async fn show(database: &Database, apex: &Name, serial: u32) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let list = find(&mut look, apex).await?;
    let Some(refused) = publications::pending(look.session(), list.id).await? else {
        bail!("no version of {apex} waits for approval");
    };
    if refused.serial != serial {
        bail!("serial {serial} of {apex} does not wait for approval; {} does", refused.serial);
    }
    let users = shell_user::names(look.session()).await?;
    let brought = publish::brought(look.session(), &list, refused).await?;
    if let Outcome::Refused { why } = &brought.refused.outcome {
        say!("serial {serial} of {apex} is refused: {}", plain(why));
    }
    match &brought.good {
        Some(good) => say!("serial {} is answered, with {} entries", good.serial, good.entries),
        None => say!("nothing of the list is answered yet"),
    }
    let counts = brought.counts;
    say!("{} added, {} removed, {} changed", counts.added, counts.removed, counts.changed);
    for (canary, by) in &brought.canaries {
        if let Some(by) = by {
            say!("{canary}, which is a canary, would be listed by {by}");
        }
    }
    for (network, keys, size) in &brought.around {
        say!("within {network}: {keys} keys, as wide as {size}");
    }
    for (number, by) in &brought.by {
        let user = users.iter().find(|(pseudonym, _)| *pseudonym == by.deed.actor);
        let user = user.map(|(_, name)| &**name);
        let who = by.name.as_deref().or(user).unwrap_or(&by.deed.actor);
        say!("row {number} of the log: {} by {}", plain(&by.deed.action), plain(who));
    }
    for fate in Fate::ALL {
        some(&brought, fate)?;
    }
    Ok(Verdict::Yes)
}

/// Shows some of the keys of a fate.
fn some(brought: &Brought, fate: Fate) -> anyhow::Result<()> {
    let found = brought.page(Some(fate), &[], SHOWN + 1);
    for row in found.iter().take(SHOWN) {
        say!("  {} {}", fate.word(), row.key);
    }
    if found.len() > SHOWN {
        say!("  and more that are {}", fate.word());
    }
    for step in &brought.many {
        let of = match fate {
            Fate::Added => &step.turn.after,
            Fate::Removed => &step.turn.before,
            Fate::Changed => continue,
        };
        let is_named = |key: &Key| brought.rows.iter().any(|row| row.key == *key);
        for entry in of.iter().filter(|entry| !is_named(&entry.key)).take(SHOWN) {
            say!("  {} {} (of an import of many)", fate.word(), entry.key);
        }
    }
    Ok(())
}

/// So many keys of each fate are shown.
const SHOWN: usize = 20;
