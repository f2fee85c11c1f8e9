//! `repute registry subscriber`: servers elsewhere that may have lists.

use repute_database::subscribers::{self, Scope, Subscriber};
use repute_database::{Database, Timestamp};
use repute_dnsxl::Name;
use repute_registry::subscriber;
use serde_json::json;

use super::log::time;
use super::{cause, list, plain};
use crate::cli::registry::SubscriberCommand;
use crate::exit::{Verdict, say, tell};

/// Runs one of its commands.
pub(super) async fn run(
    database: &Database,
    command: SubscriberCommand,
) -> anyhow::Result<Verdict> {
    match command {
        SubscriberCommand::Add { name, lists, reason } => {
            add(database, &name, &lists, &reason).await
        }
        SubscriberCommand::List { json } => show(database, json).await,
        SubscriberCommand::Revoke { name, reason } => revoke(database, &name, &reason).await,
    }
}

/// Lets a server have lists.
async fn add(
    database: &Database,
    name: &str,
    apexes: &[Name],
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let mut lists = Vec::new();
    for apex in apexes {
        lists.push(list(transaction.session(), apex).await?);
    }
    let cause = cause(&mut transaction, "subscriber.add", reason).await?;
    let named = (!lists.is_empty()).then_some(&lists[..]);
    let now = Timestamp::now();
    let token = subscriber::add(&mut transaction, name, named, &cause, now).await?;
    transaction.commit().await?;
    say!("{token}");
    tell!("that is the token of {name}, which is shown only now: it belongs into its `token-file`");
    Ok(Verdict::Yes)
}

/// Shows all of them.
async fn show(database: &Database, is_json: bool) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    for Subscriber { name, lists, created, seen, revoked, .. } in
        subscribers::all(connection.session()).await?
    {
        let named: Option<Vec<String>> = match &lists {
            Scope::All => None,
            Scope::Named(lists) => Some(lists.iter().map(Name::to_string).collect()),
        };
        if is_json {
            let object = json!({
                "name": name,
                "lists": named,
                "created": time(created),
                "seen": seen.map(time),
                "revoked": revoked.map(time),
            });
            say!("{object}");
            continue;
        }
        let lists = named.map_or_else(|| "all lists".to_owned(), |named| named.join(" "));
        let state = match (revoked, seen) {
            (Some(revoked), _) => format!("revoked {}", time(revoked)),
            (None, Some(seen)) => format!("seen {}", time(seen)),
            (None, None) => "never seen".to_owned(),
        };
        say!("{}  {lists}  since {}, {state}", plain(&name), time(created));
    }
    Ok(Verdict::Yes)
}

/// Makes a token useless.
async fn revoke(database: &Database, name: &str, reason: &str) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let cause = cause(&mut transaction, "subscriber.revoke", reason).await?;
    subscriber::revoke(&mut transaction, name, &cause, Timestamp::now()).await?;
    transaction.commit().await?;
    say!("the token of {} is good for nothing from now on", plain(name));
    Ok(Verdict::Yes)
}
