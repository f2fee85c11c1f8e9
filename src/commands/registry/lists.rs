//! `repute registry lists` and `repute registry list`.

use anyhow::{Context, bail};
use repute_database::lists::{self, Leaving, List, State, Stored};
use repute_database::{Database, Timestamp, entries};
use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode};
use repute_registry::template::Template;
use serde_json::{Value, json};

use super::{cause, list, plain, settings};
use crate::cli::registry::{AddArgs, ListCommand, TemplateWord, YesNo};
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// Shows all lists.
pub(super) async fn all(database: &Database, is_json: bool) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let lists = lists::all(connection.session()).await?;
    let mut shown = Vec::new();
    for stored in &lists {
        let count = entries::count(connection.session(), stored.id).await?;
        match is_json {
            true => shown.push(object(stored, count)),
            false => say!(
                "{}  {} entries, serial {}, {}",
                stored.list.apex,
                count,
                stored.serial,
                plain(&stored.list.title)
            ),
        }
    }
    if is_json {
        say!("{}", Value::Array(shown));
    } else if lists.is_empty() {
        say!("no lists yet: `repute registry list add APEX` adds one");
    }
    Ok(Verdict::Yes)
}

/// Runs one of the commands about a list.
pub(super) async fn run(database: &Database, command: ListCommand) -> anyhow::Result<Verdict> {
    match command {
        ListCommand::Add(args) => add(database, &args).await,
        ListCommand::Show { list, json } => show(database, &list, json).await,
        ListCommand::Codes { list, set, two_editors, removal } => {
            let for_two = two_editors.map(|word| word == YesNo::Yes);
            codes(database, &list, &set, (for_two, removal)).await
        }
        ListCommand::Set(args) => settings::set(database, &args).await,
        ListCommand::Policy(command) => settings::policy(database, command).await,
        ListCommand::Criterion(command) => settings::criterion(database, command).await,
        ListCommand::Category(command) => settings::category(database, command).await,
        ListCommand::Dns(command) => settings::dns(database, command).await,
    }
}

/// Adds a list.
async fn add(database: &Database, args: &AddArgs) -> anyhow::Result<Verdict> {
    let template = match args.template {
        TemplateWord::Empty => Template::Empty,
        TemplateWord::Blocklist => Template::Blocklist,
        TemplateWord::DomainBlocklist => Template::DomainBlocklist,
        TemplateWord::Dnswl => Template::Dnswl,
    };
    let ttl = args.ttl.as_ttl();
    if ttl == 0 {
        bail!("--ttl: a time to live of nothing would have every answer asked for again");
    }
    let list = List {
        apex: args.apex.clone(),
        title: args.title.clone().unwrap_or_else(|| args.apex.to_string()),
        description: args.description.clone(),
        polarity: args.polarity.map_or(template.polarity(), Polarity::from),
        keys: args.keys.map_or(template.keys(), KeyKind::from),
        ttl,
        contact: args.contact.clone(),
    };
    let mut transaction = database.begin().await?;
    let cause = cause(&mut transaction, "list.add", &args.reason).await?;
    let now = Timestamp::now();
    repute_registry::lists::add(&mut transaction, &list, template, &cause, now).await?;
    transaction.commit().await?;
    say!("{}: added, lists {}", list.apex, list.keys);
    Ok(Verdict::Yes)
}

/// Shows a list.
async fn show(database: &Database, apex: &Name, is_json: bool) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let stored = list(connection.session(), apex).await?;
    let count = entries::count(connection.session(), stored.id).await?;
    if is_json {
        say!("{}", object(&stored, count));
        return Ok(Verdict::Yes);
    }
    let Stored { list, serial, .. } = &stored;
    say!("{}  {}", list.apex, plain(&list.title));
    for (name, value) in [
        ("about", plain(&list.description)),
        ("means", polarity_word(list.polarity).to_owned()),
        ("lists", list.keys.to_string()),
        ("entries", count.to_string()),
        ("serial", serial.to_string()),
        ("ttl", format!("{} s", list.ttl)),
        ("contact", plain(&list.contact)),
        ("state", state_word(stored.state).to_owned()),
    ] {
        if !value.is_empty() {
            say!("  {name:8} {value}");
        }
    }
    for (number, name) in lists::categories(connection.session(), stored.id).await? {
        say!("  category {number:3} {}", plain(&name));
    }
    Ok(Verdict::Yes)
}

/// Shows what codes mean, or says it.
async fn codes(
    database: &Database,
    apex: &Name,
    set: &[String],
    rules: (Option<bool>, Option<Leaving>),
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    for word in set {
        let (code, meaning) = word
            .split_once('=')
            .with_context(|| format!("`{word}` is no code with its meaning, such as 2=spam"))?;
        let code: ReturnCode = code.parse().with_context(|| format!("`{code}`"))?;
        let actor = shell_user::actor(transaction.session()).await?;
        let hand = settings::hand(&actor, "");
        let t = &mut transaction;
        repute_registry::settings::set_code(t, &hand, &stored, code, meaning, rules).await?;
    }
    let codes = lists::codes(transaction.session(), stored.id).await?;
    let leavings = lists::leavings(transaction.session(), stored.id).await?;
    let all_for_two = lists::codes_for_two(transaction.session(), stored.id).await?;
    if !set.is_empty() {
        transaction.commit().await?;
    }
    for (code, meaning) in codes {
        let who = if all_for_two.contains(&code) { " (two editors decide)" } else { "" };
        let off = match lists::leaving_of(&leavings, [code]) {
            Leaving::Link => "",
            Leaving::Editor => " (an editor takes it off)",
            Leaving::Never => " (not taken off by asking)",
        };
        say!("{code:15} {}{who}{off}", plain(&meaning));
    }
    Ok(Verdict::Yes)
}

/// A list for machines.
fn object(stored: &Stored, entries: u64) -> Value {
    let Stored { list, serial, .. } = stored;
    json!({
        "apex": list.apex.to_string(),
        "title": list.title,
        "description": list.description,
        "polarity": polarity_word(list.polarity),
        "keys": list.keys.to_string(),
        "ttl": list.ttl,
        "contact": list.contact,
        "state": state_word(stored.state),
        "serial": serial,
        "entries": entries,
    })
}

/// The word for what being listed means.
fn polarity_word(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Block => "block",
        Polarity::Allow => "allow",
        Polarity::Info => "info",
    }
}

/// The word for whether a list is in use.
fn state_word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Retiring => "retiring",
        State::Retired => "retired",
    }
}
