//! `repute registry rule replay`: what a rule would change, told before it does.

use std::io;

use repute_database::lists;
use repute_database::rules::{Outcome, Rule, RuleId};
use repute_database::{Database, Timestamp};
use repute_registry::rule;
use repute_registry::rule::replay::{EXAMPLES, Found, Report, replay};
use serde_json::{Value, json};

use super::super::list;
use super::file;
use crate::cli::registry::evidence::ReplayArgs;
use crate::exit::{Verdict, say};

/// Replays it.
pub(super) async fn run(database: &Database, args: &ReplayArgs) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let stored = list(look.session(), &args.list).await?;
    let now = Timestamp::now();
    let rule = match &args.file {
        None => rule::find(&mut look, &stored, &args.name, args.version).await?,
        Some(path) => {
            let criteria = lists::criteria(look.session(), stored.id).await?;
            let terms = file::read(path, &file::text(path)?, &criteria)?;
            rule::check(&args.name, &terms)?;
            Rule {
                id: RuleId(0),
                list: stored.id,
                name: args.name.clone(),
                version: 0,
                enabled: None,
                created: now,
                terms,
            }
        }
    };
    let since = match args.since {
        Some(span) => Timestamp(now.0 - i64::try_from(span.0.as_micros()).unwrap_or(now.0)),
        None => rule::horizon(&rule.terms, now),
    };
    let report = replay(&mut look, &stored, &rule, since, now, &mut |_| ()).await?;
    let what = match args.file {
        Some(_) => "as the file says it".to_owned(),
        None => format!("version {}", rule.version),
    };
    show(args, &report, &what, rule.terms.outcome)?;
    let Report { added, renewed, dropped, asked, .. } = &report;
    let changes = added.count + renewed.count + dropped.count + asked.count;
    Ok(if changes == 0 { Verdict::Yes } else { Verdict::No })
}

/// Shows what it found.
fn show(args: &ReplayArgs, report: &Report, what: &str, outcome: Outcome) -> io::Result<()> {
    let Report { keys, added, renewed, dropped, asked, held, same } = report;
    let most = args.limit.min(EXAMPLES);
    if args.json {
        let found = |found: &Found| -> Value {
            let first: Vec<String> =
                found.first.iter().take(most).map(ToString::to_string).collect();
            json!({ "count": found.count, "first": first })
        };
        let object = json!({
            "list": args.list.to_string(),
            "rule": args.name,
            "outcome": outcome.word(),
            "keys": keys,
            "added": found(added),
            "renewed": found(renewed),
            "dropped": found(dropped),
            "asked": found(asked),
            "held": found(held),
            "same": same,
        });
        say!("{object}");
        return Ok(());
    }
    say!(
        "{}: rule {}, {what}, by what was seen of {keys} addresses and names",
        args.list,
        args.name
    );
    let added_words = match outcome {
        Outcome::List => "would be listed",
        Outcome::Propose => "would be proposed",
    };
    for (sign, found, words) in [
        ('+', added, added_words),
        ('~', renewed, "would be listed longer"),
        ('-', dropped, "are listed by it and would not be"),
        ('?', asked, "are an organisation's on an allow list: an editor would be asked"),
        ('!', held, "are reserved or excluded, and never listed"),
    ] {
        if found.count == 0 {
            continue;
        }
        say!("{} {words}", found.count);
        for key in found.first.iter().take(most) {
            say!("  {sign} {key}");
        }
        let more = found.count.saturating_sub(most as u64);
        if more > 0 {
            say!("  {sign} and {more} more");
        }
    }
    say!("{same} stay as they are");
    Ok(())
}
