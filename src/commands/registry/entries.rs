//! `repute registry entry`.

use anyhow::bail;
use repute_database::entries::find::{Coded, Sought};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::entry_history::StepId;
use repute_database::lists::{self, Criterion, CriterionVersion, Stored};
use repute_database::{Database, Key, Session, Timestamp};
use repute_dnsxl::{Name, ReturnCode};
use repute_registry::changes::{self, Change};
use repute_registry::edit::{self, EditError, Which};
use repute_registry::kept_out::{self, End};
use repute_registry::rule;
use serde_json::{Value, json};

use super::log::time;
use super::prospect::foretell;
use super::settings::criterion_of;
use super::{cause, history, list, plain};
use crate::cli::registry::{EntryArgs, EntryCommand, GiveArgs, Receiver};
use crate::exit::{Verdict, say, tell};

/// Runs one of the commands about entries.
pub(super) async fn run(database: &Database, command: EntryCommand) -> anyhow::Result<Verdict> {
    match command {
        EntryCommand::Add(args) => add(database, &args).await,
        EntryCommand::Remove { list, key, code, reason } => {
            remove(database, &list, &key.parse()?, code, &reason).await
        }
        EntryCommand::Show { list: apex, key, json } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            let found = entries::at(connection.session(), stored.id, &key.parse()?).await?;
            show(database, &stored, &found, json).await?;
            if found.is_empty() {
                tell!(
                    "{apex} has no entry for {} itself: `repute registry entry at` shows what covers an address or a name",
                    plain(&key)
                );
                return Ok(Verdict::No);
            }
            Ok(Verdict::Yes)
        }
        EntryCommand::History { list, key, limit, json } => {
            history::show(database, &list, &key.parse()?, limit, json).await
        }
        EntryCommand::Undo { list, step, reason } => {
            history::undo(database, &list, StepId(step), &reason).await
        }
        EntryCommand::Give(args) => give(database, &args).await,
        EntryCommand::At { list: apex, target, json } => {
            let mut connection = database.read().await?;
            let stored = list(connection.session(), &apex).await?;
            let found = entries::over(connection.session(), stored.id, &target).await?;
            show(database, &stored, &found, json).await?;
            // The most specific key decides, and an exclusion there beats its codes.
            let decides = found
                .first()
                .map(|first| found.iter().filter(|e| e.key == first.key).all(|e| e.code.is_some()));
            Ok(if decides == Some(true) { Verdict::Yes } else { Verdict::No })
        }
    }
}

/// Adds an entry.
async fn add(database: &Database, args: &EntryArgs) -> anyhow::Result<Verdict> {
    let key: Key = args.key.parse()?;
    if args.reason.trim().is_empty() {
        bail!("--reason: say why, for whoever asks how to get off the list");
    }
    if args.expires.is_some_and(|span| span.0.is_zero()) {
        bail!(
            "--expires: an entry that is over at once lists nothing; leave it out to list for ever"
        );
    }
    let code = (!args.exclude).then_some(args.code);
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), &args.list).await?;
    // What is there is read, and written with what comes to it: nobody else may change it in between.
    lists::lock(transaction.session(), stored.id).await?;
    let codes = lists::codes(transaction.session(), stored.id).await?;
    if let Some(code) = code
        && !codes.is_empty()
        && !codes.iter().any(|(known, _)| *known == code)
    {
        let apex = &args.list;
        bail!(
            "{apex} has no code {code}: `repute registry list codes {apex}` shows those it has, and with \
             `{code}=MEANING` adds it"
        );
    }
    let now = Timestamp::now();
    let source = entries::source(transaction.session(), &args.source).await?;
    let mut all = entries::at(transaction.session(), stored.id, &key).await?;
    let known = all.iter().position(|entry| entry.code == code).map(|at| all.remove(at));
    let since = known.as_ref().map_or(now, |entry| entry.since);
    let expires = args.expires.map(|span| now.after(span.0));
    let reason = args.reason.clone();
    let text = match &args.text {
        Some(text) => text.clone(),
        // What is never listed answers nothing.
        None if args.exclude => String::new(),
        None => edit::text_of(&reason),
    };
    let (criterion, organisation, review) =
        known.map_or((None, None, None), |e| (e.criterion, e.organisation, e.review));
    let criterion = match &args.criterion {
        Some(slug) => {
            let id = criterion_of(transaction.session(), &stored, slug).await?;
            let now = lists::named(transaction.session(), id).await?;
            // What goes on to meet a criterion met it as it was then.
            Some(criterion.filter(|before| before.id == id).unwrap_or(now))
        }
        None => criterion,
    };
    let review = args.review.map_or(review, |span| Some(now.after(span.0)));
    let key_of = key.clone();
    all.push(Entry {
        key: key_of,
        code,
        text,
        reason,
        criterion,
        source,
        organisation,
        since,
        expires,
        review,
    });
    let cause = cause(&mut transaction, "entry.add", &args.reason).await?;
    let changes = [Change { key, entries: all }];
    let serial = changes::apply(&mut transaction, &stored, &changes, &cause, now).await?;
    transaction.commit().await?;
    say!("{}: {} added, serial {serial}", args.list, changes[0].key);
    foretell(database, &stored, Some(serial)).await?;
    Ok(Verdict::Yes)
}

/// Removes entries.
async fn remove(
    database: &Database,
    apex: &Name,
    key: &Key,
    code: Option<ReturnCode>,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    lists::lock(transaction.session(), stored.id).await?;
    let mut left = entries::at(transaction.session(), stored.id, key).await?;
    let before = left.len();
    left.retain(|entry| code.is_some() && entry.code != code);
    if left.len() == before {
        bail!("{apex} has no such entry for {key}: `repute registry entry show {apex} {key}`");
    }
    let gone = before - left.len();
    let cause = cause(&mut transaction, "entry.remove", reason).await?;
    let changes = [Change { key: key.clone(), entries: left }];
    let now = Timestamp::now();
    rule::settle(&mut transaction, stored.id, key, now).await?;
    let off = kept_out::leaving(&mut transaction, stored.id, &changes).await?;
    let serial = changes::apply(&mut transaction, &stored, &changes, &cause, now).await?;
    let (by, end) = ((&*cause.actor, reason), End::AsTheListSays);
    kept_out::keep_all(&mut transaction, stored.id, &off, by, end, now).await?;
    transaction.commit().await?;
    say!("{apex}: {key} removed ({gone}), serial {serial}");
    foretell(database, &stored, Some(serial)).await?;
    Ok(Verdict::Yes)
}

/// Says whose entries are. Very many are given in parts, each as one row of the audit log.
async fn give(database: &Database, args: &GiveArgs) -> anyhow::Result<Verdict> {
    let to = match args.to {
        Receiver::Nobody => None,
        Receiver::Organisation(id) => Some(OrganisationId(id)),
    };
    let keys = args.keys.iter().map(|key| key.parse()).collect::<Result<Vec<Key>, _>>()?;
    let mut count = 0;
    loop {
        let mut transaction = database.begin().await?;
        let stored = list(transaction.session(), &args.list).await?;
        let which = match keys.is_empty() {
            false => Which::Keys(keys.clone()),
            true => Which::Sought(sought(transaction.session(), args).await?),
        };
        let cause = cause(&mut transaction, edit::GIVE, &args.reason).await?;
        let (t, now) = (&mut transaction, Timestamp::now());
        let given = edit::give_at_shell(t, &cause.actor, &stored, &which, to, &args.reason, now);
        let (given, _) = match given.await {
            // What is theirs already stays so, and somebody may have given the last of them meanwhile.
            Err(EditError::Nothing) if count > 0 => break,
            given => given?,
        };
        transaction.commit().await?;
        count += given.keys;
        if !given.is_more {
            break;
        }
    }
    let whose = to.map_or_else(|| "nobody's".to_owned(), |id| format!("organisation {}'s", id.0));
    say!("{}: {count} networks or names are {whose} now", args.list);
    Ok(Verdict::Yes)
}

/// What those have in common that are given.
async fn sought(mut session: Session<'_>, args: &GiveArgs) -> anyhow::Result<Sought> {
    let source = match &args.source {
        Some(name) => match entries::known_source(session.again(), name).await? {
            Some(known) => Some(known),
            None => bail!("no entry came from `{name}`"),
        },
        None => None,
    };
    Ok(Sought {
        within: args.within.as_ref().map(|within| within.parse()).transpose()?,
        organisation: args.of.map(OrganisationId),
        source,
        code: args.code.map(Coded::With),
        text: None,
    })
}

/// Shows entries.
async fn show(
    database: &Database,
    stored: &Stored,
    found: &[Entry],
    is_json: bool,
) -> anyhow::Result<()> {
    let mut connection = database.read().await?;
    let sources = entries::sources(connection.session()).await?;
    let criteria = lists::criteria(connection.session(), stored.id).await?;
    for entry in found {
        let source = sources.iter().find(|(id, _)| *id == entry.source);
        let source = source.map_or("?", |(_, name)| name);
        if is_json {
            say!("{}", object(entry, source, &criteria));
            continue;
        }
        let code = entry.code.map_or_else(|| "never listed".to_owned(), |code| code.to_string());
        let (reason, source, since) = (plain(&entry.reason), plain(source), time(entry.since));
        let until = entry.expires.map(|expires| format!(", until {}", time(expires)));
        let until = until.unwrap_or_default();
        say!("{}  {code}  {reason}  ({source}, since {since}{until})", entry.key);
        if !entry.text.is_empty() {
            say!("    {}", plain(&entry.text));
        }
        if let Some((known, said)) = met(entry, &criteria) {
            let (slug, title) = (plain(&known.slug), plain(&said.title));
            say!("    criterion {slug}, version {}: {title}", said.version);
        }
        if let Some(review) = entry.review {
            let review = time(review);
            let day = review.split_once('T').map_or(&*review, |(day, _)| day);
            say!("    to be reviewed on {day}");
        }
    }
    Ok(())
}

/// The criterion that an entry names, and what it said to it.
fn met<'c>(
    entry: &Entry,
    criteria: &'c [Criterion],
) -> Option<(&'c Criterion, &'c CriterionVersion)> {
    let named = entry.criterion?;
    let known = criteria.iter().find(|known| known.id == named.id)?;
    Some((known, known.said(named.version, entry.since)?))
}

/// An entry for machines, with what the criteria of its list say.
pub(super) fn object(entry: &Entry, source: &str, criteria: &[Criterion]) -> Value {
    let met = met(entry, criteria);
    json!({
        "key": entry.key.to_string(),
        "code": entry.code.map(|code| code.to_string()),
        "text": entry.text,
        "reason": entry.reason,
        "criterion": met.map(|(known, _)| &known.slug),
        "criterion_version": met.map(|(_, said)| said.version),
        "criterion_title": met.map(|(_, said)| &said.title),
        "source": source,
        "since": time(entry.since),
        "expires": entry.expires.map(time),
        "review": entry.review.map(time),
    })
}
