//! `repute registry list set`, `policy`, `criterion`, `category` and `dns`: what a list says of itself, how it decides
//! and how it is published.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use repute_database::categories::{self, Category};
use repute_database::dns::{self, Links, Settings};
use repute_database::lists::{self, Policy};
use repute_database::{Database, Session, Timestamp};
use repute_dnsxl::{Name, Target};
use repute_registry::settings::{self, Description, Hand, Set, Who};
use serde_json::json;

use super::log::time;
use super::{list, plain};
use crate::cli::registry::list::{
    CategoryCommand, CriterionCommand, DnsArgs, DnsCommand, PolicyCommand, SetArgs,
};
use crate::commands::shell_user;
use crate::config::Span;
use crate::exit::{Verdict, say, tell};

/// Who sits here, and why he does it.
pub(super) fn hand<'h>(actor: &'h str, reason: &'h str) -> Hand<'h> {
    Hand { who: Who::Shell(actor), reason, now: Timestamp::now() }
}

/// Describes a list anew.
pub(super) async fn set(database: &Database, args: &SetArgs) -> anyhow::Result<Verdict> {
    let SetArgs { list: apex, title, description, contact, ttl, reason } = args;
    if title.is_none() && description.is_none() && contact.is_none() && ttl.is_none() {
        bail!("nothing is to be changed: name --title, --description, --contact or --ttl");
    }
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let was = stored.list.clone();
    let new = Description {
        title: title.clone().unwrap_or(was.title),
        description: description.clone().unwrap_or(was.description),
        contact: contact.clone().unwrap_or(was.contact),
        ttl: ttl.map_or(was.ttl, Span::as_ttl),
    };
    let actor = shell_user::actor(transaction.session()).await?;
    settings::describe(&mut transaction, &hand(&actor, reason), &stored, &new).await?;
    transaction.commit().await?;
    say!("{apex}: changed");
    Ok(Verdict::Yes)
}

/// Shows or publishes a policy.
pub(super) async fn policy(database: &Database, command: PolicyCommand) -> anyhow::Result<Verdict> {
    match command {
        PolicyCommand::Show { list: apex, version, versions } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            let all = lists::policies(connection.session(), stored.id).await?;
            show_policy(&all, version, versions)
        }
        PolicyCommand::Publish { list: apex, file, reason } => {
            let text = read(&file)?;
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &apex).await?;
            let actor = shell_user::actor(transaction.session()).await?;
            let hand = hand(&actor, &reason);
            let version = settings::publish_policy(&mut transaction, &hand, &stored, &text).await?;
            transaction.commit().await?;
            say!("{apex}: version {version} of the policy is in force");
            Ok(Verdict::Yes)
        }
    }
}

/// Shows one of all policies, or which there are.
fn show_policy(all: &[Policy], version: Option<i64>, are_listed: bool) -> anyhow::Result<Verdict> {
    if are_listed {
        for policy in all {
            say!("{:>4}  since {}", policy.version, time(policy.published));
        }
        return Ok(if all.is_empty() { Verdict::No } else { Verdict::Yes });
    }
    let found = match version {
        Some(version) => all.iter().find(|policy| policy.version == version),
        None => all.first(),
    };
    let Some(policy) = found else {
        tell!("there is no such policy: `--versions` shows those there are");
        return Ok(Verdict::No);
    };
    tell!("version {}, in force from {} on", policy.version, time(policy.published));
    for line in policy.text.lines() {
        say!("{}", plain(line));
    }
    Ok(Verdict::Yes)
}

/// The text of a file, or of standard input.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    // More than any policy has; what is refused need not be read to its end.
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().take(MOST).read_to_string(&mut text),
        false => {
            std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_string(&mut text))
        }
    };
    read.with_context(|| format!("cannot read the policy from {}", file.display()))?;
    Ok(text)
}

/// Adds or shows criteria.
pub(super) async fn criterion(
    database: &Database,
    command: CriterionCommand,
) -> anyhow::Result<Verdict> {
    match command {
        CriterionCommand::Add { list: apex, slug, title, text, reason } => {
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &apex).await?;
            let actor = shell_user::actor(transaction.session()).await?;
            let hand = hand(&actor, &reason);
            settings::add_criterion(&mut transaction, &hand, &stored, &slug, &title, &text).await?;
            transaction.commit().await?;
            say!("{apex}: criterion {slug} added");
        }
        CriterionCommand::Change { list: apex, slug, title, text, reason } => {
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &apex).await?;
            let actor = shell_user::actor(transaction.session()).await?;
            let hand = hand(&actor, &reason);
            let all = lists::criteria(transaction.session(), stored.id).await?;
            let known = all.into_iter().find(|one| one.slug == slug);
            let before = known.map(|one| (one.title, one.text)).unwrap_or_default();
            // What is not said stays.
            let title = title.unwrap_or(before.0);
            let text = text.unwrap_or(before.1);
            let t = &mut transaction;
            let version =
                settings::change_criterion(t, &hand, &stored, &slug, &title, &text).await?;
            transaction.commit().await?;
            say!("{apex}: criterion {slug} changed, version {version}");
        }
        CriterionCommand::End { list: apex, slug, reason } => {
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &apex).await?;
            let actor = shell_user::actor(transaction.session()).await?;
            settings::end_criterion(&mut transaction, &hand(&actor, &reason), &stored, &slug)
                .await?;
            transaction.commit().await?;
            say!("{apex}: criterion {slug} ended; entries that name it keep it");
        }
        CriterionCommand::Show { list: apex, json } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            for one in lists::criteria(connection.session(), stored.id).await? {
                match json {
                    true => {
                        say!(
                            "{}",
                            json!({
                                "slug": one.slug,
                                "title": one.title,
                                "text": one.text,
                                "version": one.versions.last().map(|last| last.version),
                                "since": one.versions.last().map(|last| time(last.since)),
                                "ended": one.ended.map(time),
                            })
                        );
                    }
                    false => {
                        let ended = one
                            .ended
                            .map_or(String::new(), |end| format!(" (ended {})", time(end)));
                        say!("{:20} {}{ended}", one.slug, plain(&one.title));
                        say!("    {}", plain(&one.text));
                        for before in one.versions.iter().rev().skip(1) {
                            let (version, since) = (before.version, time(before.since));
                            say!("    version {version}, since {since}: {}", plain(&before.title));
                            say!("        {}", plain(&before.text));
                        }
                    }
                }
            }
        }
    }
    Ok(Verdict::Yes)
}

/// Adds, renames or shows categories.
pub(super) async fn category(
    database: &Database,
    command: CategoryCommand,
) -> anyhow::Result<Verdict> {
    let (apex, number, name, reason, is_new) = match command {
        CategoryCommand::Add { list, number, name, reason } => (list, number, name, reason, true),
        CategoryCommand::Rename { list, number, name, reason } => {
            (list, number, name, reason, false)
        }
        CategoryCommand::Show { list: apex } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            for one in categories::all(connection.session(), stored.id).await? {
                say!("{:3} {}", one.number, plain(&one.name));
            }
            return Ok(Verdict::Yes);
        }
    };
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), &apex).await?;
    let actor = shell_user::actor(transaction.session()).await?;
    let (hand, category) = (hand(&actor, &reason), Category { number, name });
    match is_new {
        true => settings::add_category(&mut transaction, &hand, &stored, &category).await?,
        false => settings::rename_category(&mut transaction, &hand, &stored, &category).await?,
    }
    transaction.commit().await?;
    say!("{apex}: category {number} is {}", plain(&category.name));
    Ok(Verdict::Yes)
}

/// Shows or changes how a list is published.
pub(super) async fn dns(database: &Database, command: DnsCommand) -> anyhow::Result<Verdict> {
    match command {
        DnsCommand::Show { list: apex, json } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            let settings = dns::of(connection.session(), stored.id).await?;
            show_dns(&settings, json)?;
            tell_doubts(&settings::doubts(&stored, &settings));
            Ok(Verdict::Yes)
        }
        DnsCommand::Set(args) => {
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &args.list).await?;
            let before = dns::of(transaction.session(), stored.id).await?;
            let new = changed(&before, &args)?;
            if new == before {
                bail!("nothing would be changed");
            }
            let actor = shell_user::actor(transaction.session()).await?;
            let hand = hand(&actor, &args.reason);
            let set = settings::configure(&mut transaction, &hand, &stored, &new).await?;
            let Set::Done(Some(serial)) = set else { bail!("the shell needs nobody to agree") };
            transaction.commit().await?;
            say!("{}: published so from serial {serial} on", args.list);
            tell_doubts(&settings::doubts(&stored, &new));
            Ok(Verdict::Yes)
        }
        DnsCommand::NewKey { list: apex, reason } => {
            let mut transaction = database.begin().await?;
            let stored = list(transaction.session(), &apex).await?;
            let actor = shell_user::actor(transaction.session()).await?;
            let hand = hand(&actor, &reason);
            let serial = settings::renew_links(&mut transaction, &hand, &stored).await?;
            transaction.commit().await?;
            say!("{apex}: links with another key from serial {serial} on");
            Ok(Verdict::Yes)
        }
    }
}

/// Tells what is not wise.
pub(super) fn tell_doubts(doubts: &[String]) {
    for doubt in doubts {
        tell!("warning: {doubt}");
    }
}

/// The settings that are meant.
fn changed(before: &Settings, args: &DnsArgs) -> anyhow::Result<Settings> {
    let span = |typed: Option<Span>, before: u32| typed.map_or(before, Span::as_ttl);
    let name_servers = match &args.name_servers {
        Some(typed) => each(typed, |text| Ok(text.parse::<Name>()?))?,
        None => before.name_servers.clone(),
    };
    let canaries = match &args.canaries {
        Some(typed) => each(typed, |text| Ok(text.parse::<Target>()?))?,
        None => before.canaries.clone(),
    };
    let hostmaster = match args.hostmaster.as_deref() {
        Some("") => None,
        Some(typed) => Some(typed.parse().with_context(|| format!("--hostmaster `{typed}`"))?),
        None => before.hostmaster.clone(),
    };
    Ok(Settings {
        name_servers,
        hostmaster,
        refresh: span(args.refresh, before.refresh),
        retry: span(args.retry, before.retry),
        expire: span(args.expire, before.expire),
        minimum: span(args.minimum, before.minimum),
        name_server_ttl: span(args.name_server_ttl, before.name_server_ttl),
        ipv4_prefix: args.ipv4_prefix.unwrap_or(before.ipv4_prefix),
        ipv6_prefix: args.ipv6_prefix.unwrap_or(before.ipv6_prefix),
        max_change: args.max_change.unwrap_or(before.max_change),
        canaries,
        links: args.links.map_or(before.links, Links::from),
    })
}

/// Reads each of what was typed between commas; nothing between them is nothing.
fn each<T>(typed: &[String], read: impl Fn(&str) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let words = typed.iter().map(|word| word.trim()).filter(|word| !word.is_empty());
    words.map(|word| read(word).with_context(|| format!("`{word}`"))).collect()
}

/// Shows how a list is published.
fn show_dns(settings: &Settings, is_json: bool) -> anyhow::Result<()> {
    let servers: Vec<String> = settings.name_servers.iter().map(Name::to_string).collect();
    let canaries: Vec<String> = settings.canaries.iter().map(Target::to_string).collect();
    let hostmaster = settings.hostmaster.as_ref().map(Name::to_string);
    if is_json {
        let object = json!({
            "name_servers": servers,
            "hostmaster": hostmaster,
            "refresh": settings.refresh,
            "retry": settings.retry,
            "expire": settings.expire,
            "minimum": settings.minimum,
            "name_server_ttl": settings.name_server_ttl,
            "ipv4_prefix": settings.ipv4_prefix,
            "ipv6_prefix": settings.ipv6_prefix,
            "max_change": settings.max_change,
            "canaries": canaries,
            "links": settings.links.word(),
        });
        say!("{object}");
        return Ok(());
    }
    let seconds = |seconds: u32| format!("{seconds} s");
    let length = |length: u8| match length {
        0 => "not held back".to_owned(),
        length => format!("/{length}"),
    };
    let percent = match settings.max_change {
        0 => "not held back".to_owned(),
        percent => format!("{percent} %"),
    };
    for (name, value) in [
        ("name servers", servers.join(" ")),
        ("hostmaster", hostmaster.unwrap_or_default()),
        ("refresh", seconds(settings.refresh)),
        ("retry", seconds(settings.retry)),
        ("expire", seconds(settings.expire)),
        ("minimum", seconds(settings.minimum)),
        ("ttl of NS", seconds(settings.name_server_ttl)),
        ("new IPv4", length(settings.ipv4_prefix)),
        ("new IPv6", length(settings.ipv6_prefix)),
        ("one change", percent),
        ("canaries", canaries.join(" ")),
        ("links", settings.links.word().to_owned()),
    ] {
        let value = if value.is_empty() { "-" } else { &value };
        say!("{name:13} {value}");
    }
    Ok(())
}

/// The number of a criterion that entries name.
pub(super) async fn criterion_of(
    session: Session<'_>,
    list: &lists::Stored,
    slug: &str,
) -> anyhow::Result<repute_database::entries::CriterionId> {
    let all = lists::criteria(session, list.id).await?;
    let found = all.iter().find(|one| one.slug == slug && one.is_open());
    let apex = &list.list.apex;
    Ok(found
        .with_context(|| {
            format!(
                "{apex} has no criterion `{slug}`: `repute registry list criterion show {apex}`"
            )
        })?
        .id)
}

/// Most bytes that are read of a policy.
const MOST: u64 = 1 << 20;
