//! `repute registry import` and `repute registry purge`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use repute_database::lists::Stored;
use repute_database::{Database, Timestamp, entries, lists};
use repute_dnsxl::{KeyKind, Name, ReturnCode};
use repute_nameserver::loader::decompress::unpack;
use repute_registry::import::content::{self, Columns, Content, Layout, Reading};
use repute_registry::import::{self, Import, Mode, Report, Step, Whose};
use repute_zone::{DatasetKind, Problem};

use super::prospect::foretell;
use super::settings::criterion_of;
use super::{cause, list, plain};
use crate::cli::registry::{ImportArgs, ImportFormat, ModeWord, PurgeArgs};
use crate::exit::{Verdict, say, tell};

/// Takes a file's entries into a list.
pub(super) async fn run(database: &Database, args: &ImportArgs) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let stored = list(connection.session(), &args.list).await?;
    let codes = lists::codes(connection.session(), stored.id).await?;
    let criterion = match &args.criterion {
        Some(slug) => Some(criterion_of(connection.session(), &stored, slug).await?),
        None => None,
    };
    drop(connection);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let reading = Reading {
        layout: layout(args, stored.list.keys)?,
        keys: stored.list.keys,
        code: args.code.unwrap_or(ReturnCode::LISTED),
        minimum: args.minimum,
        subdomains: args.subdomains,
        now: u32::try_from(now).unwrap_or(u32::MAX),
    };
    let content = read(args, &reading)?;
    tell_faults(&content);
    let is_guessed = reading.layout.is_none();
    if let Some(layout) = content.layout.filter(|_| is_guessed) {
        tell!("{}: read as {}; --format says otherwise", content.name, layout_words(layout));
    }
    if args.organisations && content.layout != Some(Layout::Dnswl) {
        bail!("only dnswl.org's files have Ids of organisations: leave --organisations out");
    }
    if args.code.is_some() && matches!(content.layout, Some(Layout::Rbldnsd(_))) {
        bail!("rbldnsd's files say their codes themselves: leave --code out, or name the --format");
    }
    let strange: BTreeSet<ReturnCode> = content
        .rows
        .iter()
        .filter_map(|row| row.place.code())
        .filter(|code| !codes.iter().any(|(known, _)| known == code))
        .collect();
    if !codes.is_empty() && !strange.is_empty() {
        let apex = &args.list;
        let few: Vec<String> = strange.iter().take(MOST_CODES).map(ToString::to_string).collect();
        tell!(
            "{}: {apex} does not say what {} codes mean, such as {}: `repute registry list codes {apex} \
             CODE=MEANING` does",
            content.name,
            strange.len(),
            few.join(", ")
        );
    }
    if content.rows.is_empty() && args.mode != ModeWord::Add {
        bail!("{} has no entries: `repute registry purge` removes those of a source", content.name);
    }
    let import = Import {
        source: args.source.clone(),
        mode: match args.mode {
            ModeWord::Add => Mode::Add,
            ModeWord::ReplaceSource => Mode::ReplaceSource,
            ModeWord::ReplaceList => Mode::ReplaceList,
        },
        reason: args.reason.clone(),
        expires: args.expires.map(|span| Timestamp::now().after(span.0)),
        criterion,
        review: args.review_on,
        whose: if args.organisations { Whose::ByNumber } else { Whose::Nobodys },
    };
    let work = Work { action: "list.import", is_dry: args.dry_run, reason: &args.reason };
    let report = carry_out(database, &stored, &import, &content, &work).await?;
    show(&args.list, &report, Some(&content), work.is_dry, args.json)?;
    foretell(database, &stored, report.serial).await?;
    Ok(if content.faults.errors() + content.misfits > 0 { Verdict::No } else { Verdict::Yes })
}

/// Removes what a source brought: an import of nothing in its place.
pub(super) async fn purge(database: &Database, args: &PurgeArgs) -> anyhow::Result<Verdict> {
    let mut connection = database.read().await?;
    let stored = list(connection.session(), &args.list).await?;
    // A slip in the name would look like a list that has nothing of it any more.
    if entries::known_source(connection.session(), &args.source).await?.is_none() {
        let known = entries::sources(connection.session()).await?;
        let known: Vec<String> = known.into_iter().map(|(_, name)| name).take(SHOWN).collect();
        match known.is_empty() {
            true => bail!("there is no source `{}`, nor any other", args.source),
            false => bail!("there is no source `{}`; there are {}", args.source, known.join(", ")),
        }
    }
    drop(connection);
    let import = Import {
        source: args.source.clone(),
        mode: Mode::ReplaceSource,
        reason: String::new(),
        expires: None,
        criterion: None,
        review: None,
        whose: Whose::Nobodys,
    };
    let work = Work { action: "source.purge", is_dry: args.dry_run, reason: &args.reason };
    let report = carry_out(database, &stored, &import, &Content::default(), &work).await?;
    show(&args.list, &report, None, work.is_dry, args.json)?;
    foretell(database, &stored, report.serial).await?;
    Ok(Verdict::Yes)
}

/// So many sources are named where one is not known.
const SHOWN: usize = 20;

/// What is done, beside what is imported.
struct Work<'w> {
    /// What the audit log calls it.
    action: &'static str,
    /// Whether nothing is to be changed.
    is_dry: bool,
    /// Why.
    reason: &'w str,
}

/// Imports, or tells what an import would do.
async fn carry_out(
    database: &Database,
    stored: &Stored,
    import: &Import,
    content: &Content,
    work: &Work<'_>,
) -> anyhow::Result<Report> {
    let bar = bar();
    let mut step = |step: Step| match step {
        Step::Compared(count) => bar.set_message(format!("comparing with {count} entries")),
        Step::Written { done, of } => {
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message("writing");
        }
    };
    if work.is_dry {
        let mut connection = database.read().await?;
        let session = connection.session();
        let report =
            import::dry_run(session, stored, import, content, Timestamp::now(), &mut step).await?;
        bar.finish_and_clear();
        return Ok(report);
    }
    let mut transaction = database.begin().await?;
    let cause = cause(&mut transaction, work.action, work.reason).await?;
    let now = Timestamp::now();
    let report =
        import::run(&mut transaction, stored, import, content, &cause, now, &mut step).await?;
    if report.serial.is_some() {
        transaction.commit().await?;
    }
    bar.finish_and_clear();
    Ok(report)
}

/// How the file is laid out, if that is said.
fn layout(args: &ImportArgs, keys: KeyKind) -> anyhow::Result<Option<Layout>> {
    let usual = match keys {
        KeyKind::Ip => DatasetKind::Addresses,
        KeyKind::Name => DatasetKind::Names,
    };
    if !args.columns.is_empty() {
        let names: Vec<&str> = args.columns.iter().map(String::as_str).collect();
        let columns = content::heading(&names, b',', 0)
            .context("--columns names no column of the key, such as `key,code,text`")?;
        return Ok(Some(Layout::Csv(columns)));
    }
    Ok(match (args.format, args.kind) {
        (Some(ImportFormat::Rbldnsd) | None, Some(kind)) => Some(Layout::Rbldnsd(kind)),
        (Some(_), Some(_)) => bail!("--kind is one of rbldnsd's data files: leave --format out"),
        (Some(ImportFormat::Rbldnsd), None) => Some(Layout::Rbldnsd(usual)),
        (Some(ImportFormat::Plain), None) => Some(Layout::Plain),
        (Some(ImportFormat::Dnswl), None) => Some(Layout::Dnswl),
        (Some(ImportFormat::Csv), None) => None,
        (None, None) => args.minimum.map(|_| Layout::Plain),
    })
}

/// Reads the file.
fn read(args: &ImportArgs, reading: &Reading) -> anyhow::Result<Content> {
    let is_input = args.file.as_os_str() == "-";
    let (name, size, file): (_, _, Box<dyn Read>) = match is_input {
        true => ("standard input".to_owned(), 0, Box::new(io::stdin().lock())),
        false => {
            let path = &args.file;
            let failed = || format!("cannot read {}", path.display());
            let file = File::open(path).with_context(failed)?;
            let size = file.metadata().with_context(failed)?.len();
            (path.display().to_string(), size, Box::new(file))
        }
    };
    let bar = match size < WORTH_A_BAR || !io::stderr().is_terminal() {
        true => ProgressBar::hidden(),
        false => {
            let style = "reading {bar:40} {percent:>3}% of {total_bytes}";
            let style = ProgressStyle::with_template(style).expect("a constant template is sound");
            ProgressBar::new(size).with_style(style)
        }
    };
    let content = content::read(&name, bar.wrap_read(file), |file| unpack(file, MOST), reading)?;
    bar.finish_and_clear();
    let was_read = content.layout.is_some_and(|layout| matches!(layout, Layout::Csv(_)));
    if args.format == Some(ImportFormat::Csv) && !was_read {
        bail!("{name} has no line of headings: say by --columns key,code,text what stands where");
    }
    Ok(content)
}

/// Tells of faulty lines, each in its place, on standard error.
fn tell_faults(content: &Content) {
    // What a second column would be good for is said in words of the configuration file.
    let faults = content.faults.iter().filter(|f| !matches!(f.problem, Problem::Unused(_)));
    for fault in faults.take(MOST_FAULTS) {
        tell!("{}", plain(&fault.to_string()));
    }
    let errors = content.faults.errors();
    if errors > MOST_FAULTS as u64 {
        tell!("{}: {errors} faulty lines in all, which are left out", content.name);
    }
    for (count, why) in [
        (content.misfits, "name what the list does not take"),
        (content.left_out, "hold under a condition, or not at the apex, and are left out"),
        (content.repeated, "repeat another with the same code; the first counts"),
    ] {
        if count > 0 {
            tell!("{}: {count} entries {why}", content.name);
        }
    }
}

/// Shows what changed, or would.
fn show(
    apex: &Name,
    report: &Report,
    content: Option<&Content>,
    is_dry: bool,
    is_json: bool,
) -> io::Result<()> {
    let Report { added, changed, renewed, removed, unchanged, kept, kept_out, .. } = report;
    if is_json {
        let object = report.told(apex, content, is_dry);
        say!("{object}");
        return Ok(());
    }
    let would = if is_dry { "would be " } else { "" };
    let counts =
        [(added, "added"), (changed, "changed"), (renewed, "renewed"), (removed, "removed")];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {would}{word}"))
        .collect();
    let mut line = match words.is_empty() {
        true => "nothing changes".to_owned(),
        false => words.join(", "),
    };
    line += &format!("; {unchanged} unchanged");
    if report.shortened > 0 {
        line += &format!(", {} end earlier than until now", report.shortened);
    }
    if *kept > 0 {
        line += &format!(", {kept} of other sources stay theirs");
    }
    if *kept_out > 0 {
        line += &format!(", {kept_out} kept out by decisions");
    }
    if report.organisations > 0 {
        line += &format!("; {} organisations {would}added", report.organisations);
    }
    if report.strangers > 0 {
        line +=
            &format!("; {} Ids are other organisations here, which get nothing", report.strangers);
    }
    if report.suspended > 0 {
        line +=
            &format!("; {} Ids are suspended organisations, which get nothing", report.suspended);
    }
    if let Some(serial) = report.serial {
        line += &format!("; serial {serial}");
    }
    say!("{apex}: {line}");
    let first = &report.examples;
    for (sign, examples, count) in
        [('+', &first.added, added), ('~', &first.changed, changed), ('-', &first.removed, removed)]
    {
        for example in examples.iter().filter(|_| is_dry) {
            say!("  {sign} {}", plain(example));
        }
        let more = count.saturating_sub(examples.len() as u64);
        if is_dry && more > 0 {
            say!("  {sign} and {more} more");
        }
    }
    if !report.widest.is_empty() {
        let widest: Vec<String> = report.widest.iter().map(ToString::to_string).collect();
        say!("  the widest networks among the new ones: {}", widest.join(", "));
    }
    Ok(())
}

/// A layout in words.
fn layout_words(layout: Layout) -> String {
    match layout {
        Layout::Rbldnsd(kind) => format!("rbldnsd's {kind}"),
        Layout::Plain => "plain entries with a number".to_owned(),
        Layout::Dnswl => "dnswl.org's generic file".to_owned(),
        Layout::Csv(Columns { separator, .. }) => {
            format!("CSV between `{}`", char::from(separator).escape_default())
        }
    }
}

/// A bar for people.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos} of {len}");
    ProgressBar::new(0).with_style(style.expect("a constant template is sound"))
}

/// How many bytes a file may unpack to.
const MOST: u64 = 4 << 30;
/// Smaller files are read before a bar is seen.
const WORTH_A_BAR: u64 = 1 << 20;
/// How many codes are named that the list does not know.
const MOST_CODES: usize = 5;
/// How many faults are told one by one.
const MOST_FAULTS: usize = 20;
