//! `repute check --monitoring`: one state for all targets, in the words of monitoring plugins.
//!
//! It is a program of its own as far as its callers see: whatever goes wrong, there is a line on standard
//! output and an exit code from 0 to 3. There is one deadline, for addresses of hosts and lists alike, and
//! what is known by then is told.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::error::ErrorKind;
use repute_dnsxl::Polarity;
use repute_lookup::inquiry::Inquiry;
use repute_lookup::resolve::Missing;
use repute_lookup::subject::Subject;
use repute_lookup::verdict::Reason;

use super::memory::{Remembered, unix_now};
use super::targets::{Targets, resolvers};
use super::{lists, my_mail, rate, timeout};
use crate::cli::check::CheckArgs;
use crate::cli::monitoring::{self, Program};
use crate::exit;
use crate::plugin::tally::{Row, Tally, Word, unknown_lines};
use crate::plugin::{self, Deadline, Output, Perfdata, State, Thresholds, extra_opts};

/// The arguments for the plugin, if that is what is called: `repute check ... --monitoring`. The first of
/// them is the program's name.
pub(crate) fn arguments(all: &[OsString]) -> Option<Vec<OsString>> {
    let mut words = all.iter();
    let mut found: Vec<OsString> = vec![words.next()?.clone()];
    // The configuration may be named in front of the command, where its letter is another one than behind it.
    loop {
        let word = words.next()?;
        match word.to_str()? {
            "check" => break,
            "--config" | "-c" => found.extend(["--config".into(), words.next()?.clone()]),
            named if named.starts_with("--config=") => found.push(word.clone()),
            _ => return None,
        }
    }
    let rest = words.as_slice();
    let is_plugin = rest.iter().take_while(|word| *word != "--").any(|w| w == "--monitoring");
    is_plugin.then(|| [&found[..], rest].concat())
}

/// Runs as a plugin with these arguments.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let started = Instant::now();
    match parse(arguments) {
        Ok(program) => plugin::run(NAME, || {
            let found = run(&program, started);
            found.unwrap_or_else(|error| Output::unknown(NAME, exit::story(error.chain())))
        }),
        Err(Refused::Output(output)) => output.write(),
        Err(Refused::Help(text)) => {
            // The guidelines: help and version are no state.
            exit::print(&text);
            State::Unknown.exit_code()
        }
    }
}

/// Why nothing is checked.
enum Refused {
    /// Somebody wants to read the help or the version.
    Help(String),
    /// Something is wrong.
    Output(Output),
}

/// Parses the arguments, with those of ini files in front of them.
fn parse(arguments: &[OsString]) -> Result<Program, Refused> {
    let wrong = |error: clap::Error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refused::Help(error.to_string()),
        _ => {
            let text = error.to_string();
            let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
            let first = lines.next().unwrap_or_default();
            let why = first.strip_prefix("error: ").unwrap_or(first);
            let long = lines.map(str::to_owned).collect();
            Refused::Output(Output { long, ..Output::unknown(NAME, why) })
        }
    };
    let program = monitoring::parse(arguments).map_err(wrong)?;
    let locators = &program.args.monitoring.extra_opts;
    if locators.is_empty() {
        return Ok(program);
    }
    let refused = |why: String| Refused::Output(Output::unknown(NAME, why));
    let mut words: Vec<OsString> = arguments[..1].to_vec();
    for locator in locators {
        let section = extra_opts::read(locator, SECTION, &|name| std::env::var_os(name))
            .map_err(|error| refused(error.to_string()))?;
        for entry in &section.entries {
            let word = word(entry).map_err(|why| {
                refused(format!(
                    "--extra-opts: {} line {}: {why}",
                    section.file.display(),
                    entry.line
                ))
            })?;
            words.extend(word);
        }
    }
    words.extend_from_slice(&arguments[1..]);
    monitoring::parse(&words).map_err(wrong)
}

/// What a line of an ini file is on the command line.
fn word(entry: &extra_opts::Entry) -> Result<Option<OsString>, String> {
    let extra_opts::Entry { key, value, .. } = entry;
    let command = monitoring::command();
    let is_this = |arg: &&clap::Arg| {
        arg.get_long() == Some(key)
            || arg.get_short().is_some_and(|letter| *key == letter.to_string())
    };
    let arg = command
        .get_arguments()
        .find(is_this)
        .filter(|arg| !matches!(arg.get_id().as_str(), "monitoring" | "extra_opts" | "lists"));
    let arg = arg.ok_or_else(|| format!("there is no option `{key}`; --help shows all"))?;
    let long = arg.get_long().unwrap_or(key);
    match (arg.get_action().takes_values(), &**value) {
        (true, value) => Ok(Some(format!("--{long}={value}").into())),
        (false, "" | "1" | "yes" | "true" | "on") => Ok(Some(format!("--{long}").into())),
        (false, "0" | "no" | "false" | "off") => Ok(None),
        (false, _) => Err(format!("`{key}` is on or off, write {key}=1 or {key}=0")),
    }
}

/// Checks, and says what it comes to.
fn run(program: &Program, started: Instant) -> anyhow::Result<Output> {
    let args = &program.args;
    let timeout = timeout(&args.timeout)?;
    let deadline = Deadline::new(started, Some(timeout));
    let resolvers = resolvers(&args.resolvers)?;
    let catalogue = lists::catalogue(program.config.as_deref(), args.catalogue.as_deref())?;
    let typed = [&args.monitoring.hosts[..], &args.targets].concat();
    let patience = deadline.for_host(resolvers.len(), timeout);
    let until = started + timeout / 2;
    let found = my_mail::subjects(&typed, args, &resolvers, patience, until)?;
    let object = object(&found.subjects);
    let targets = Targets::resolve(found.subjects, &resolvers, patience)?;
    let samples = targets.samples();
    let mut asked = lists::named(&args.list, &catalogue, &samples)?;
    if args.authoritative {
        lists::at_own_servers(&mut asked, &resolvers, patience / 2)?;
    }
    let mut tally = Tally::new(asked.iter().map(|at| at.list.clone()).collect());
    let inquiry = Inquiry {
        lists: asked,
        resolvers,
        timeout: deadline.for_lists(timeout),
        limit: deadline.left(),
        rate: rate(args),
    };
    let mut remembered = Remembered::read(args.forgetful);
    let each = |report| {
        tally.add(&report);
        ControlFlow::Continue(())
    };
    let findings = inquiry
        .run(targets.iter(), &mut remembered.known, unix_now(), each)
        .map_err(|error| anyhow!("no more sockets: {error}"))?;
    remembered.write();

    let missing: Vec<(&Subject, Missing)> =
        targets.missing().filter(|(_, missing)| *missing != Missing::Address).collect();
    let mut output = judge(args, &object, &tally, &missing, &found.gaps, deadline.took());
    if tally.rows.iter().any(|row| row.unknown == Some(Reason::NotAsked)) {
        // A plugin ends in time, whatever is left.
        output.line.push_str("; not all was asked in time: see --timeout and --rate");
    }
    output.long.extend(found.told);
    if args.list.is_empty() {
        let (day, age) = (catalogue.date(), catalogue.date().days_until(unix_now()));
        output.long.push(format!("lists of the catalogue of {day}, {age} days old"));
    }
    let unreachable = findings.unreachable.iter();
    output
        .long
        .extend(unreachable.map(|(address, error)| format!("cannot ask {address}: {error}")));
    Ok(output)
}

/// What is checked, in a word, and how one goes on behind it.
fn object(subjects: &[Subject]) -> (String, &'static str) {
    match subjects {
        [one] => (one.to_string(), "is"),
        more => (format!("{} targets", more.len()), "are"),
    }
}

/// Says what all lists together come to.
fn judge(
    args: &CheckArgs,
    (object, is): &(String, &str),
    tally: &Tally,
    missing: &[(&Subject, Missing)],
    gaps: &[String],
    took: Duration,
) -> Output {
    let count = |is: fn(&&Row) -> bool, polarity| {
        u32::try_from(tally.of(polarity).filter(is).count()).unwrap_or(u32::MAX)
    };
    let asked = count(|row| row.is_asked(), Polarity::Block);
    let dead = count(|row| row.is_silent(), Polarity::Block);
    let errors = count(|row| row.is_unusable(), Polarity::Block);
    let allowed = count(|row| row.word() == Word::Listed, Polarity::Allow);
    let listing: Vec<&Row> = tally.of(Polarity::Block).filter(|row| row.is_counted()).collect();
    let listed = u32::try_from(listing.len()).unwrap_or(u32::MAX);
    let answered = asked - dead - errors;

    let thresholds =
        Thresholds { warning: args.monitoring.warning, critical: args.monitoring.critical };
    let is_quorate =
        answered > 0 && u64::from(answered) * 100 >= u64::from(asked) * u64::from(args.quorum);
    let state = match thresholds.state(listed) {
        _ if !is_quorate => State::Unknown,
        State::Ok if !missing.is_empty() || !gaps.is_empty() => State::Unknown,
        state => state,
    };

    let mut line = String::new();
    if let Some((subject, why)) = missing.first() {
        // Writing to a String cannot fail, here and below.
        let _ = write!(line, "cannot resolve {subject}: {why}; ");
    }
    if let Some(gap) = gaps.first() {
        let _ = write!(line, "{gap}; ");
    }
    let _ = match (asked, is_quorate) {
        (0, _) => write!(line, "no list takes {object}"),
        (_, false) => write!(line, "{object}: {answered} of {} said", lists_of(asked)),
        // Nothing is said of those that did not answer.
        (_, true) if listed == 0 && answered < asked => {
            write!(line, "{object} {is} on none of {} that answered", lists_of(answered))
        }
        (_, true) => {
            write!(line, "{object} {is} on {} of {}", listed_or_none(listed), lists_of(asked))
        }
    };
    if listed > 0 {
        if !is_quorate {
            let _ = write!(line, "; it is on {listed}");
        }
        let zones = listing.iter().take(MOST_NAMED).map(|row| row.list.zone.to_string());
        let _ = write!(line, ": {}", zones.collect::<Vec<_>>().join(", "));
        if listing.len() > MOST_NAMED {
            let _ = write!(line, " and {} more", listing.len() - MOST_NAMED);
        }
    }
    if is_quorate && asked > answered {
        let _ = write!(line, "; {} did not say", asked - answered);
    }
    if allowed > 0 {
        let _ = write!(line, "; allowed by {allowed}");
    }

    let perfdata = vec![
        Perfdata::count("servers", listed).with(thresholds),
        Perfdata::seconds("time", took),
        Perfdata::count("asked", asked),
        Perfdata::count("answered", answered),
        Perfdata::count("dead", dead),
        Perfdata::count("errors", errors),
        Perfdata::count("allowed", allowed),
    ];
    Output { name: NAME, state, line, perfdata, long: long(args, tally, missing) }
}

/// The further lines: what is bad, what is good or a fact, what is not known, and who does not have it.
fn long(args: &CheckArgs, tally: &Tally, missing: &[(&Subject, Missing)]) -> Vec<String> {
    let mut lines: Vec<String> = missing
        .iter()
        .map(|(subject, why)| {
            format!("unknown: {subject}: {why}; only the name itself was looked up")
        })
        .collect();
    let is_unknown = |row: &&Row| matches!(row.word(), Word::Unknown(_));
    let all = args.monitoring.verbose > 0 || args.all;
    for polarity in [Polarity::Block, Polarity::Allow, Polarity::Info] {
        lines.extend(tally.of(polarity).filter(|row| !is_unknown(row)).flat_map(Row::lines));
    }
    lines.extend(unknown_lines(&tally.rows, all));
    if all {
        let clean = tally.rows.iter().filter(|row| row.word() == Word::NotListed);
        lines.extend(clean.map(|row| format!("clean: {}", row.list.zone)));
    }
    lines
}

/// So many lists, in words.
fn lists_of(count: u32) -> String {
    match count {
        1 => "1 list".to_owned(),
        n => format!("{n} lists"),
    }
}

/// A number, in a word if there is nothing to count.
fn listed_or_none(count: u32) -> String {
    match count {
        0 => "none".to_owned(),
        n => n.to_string(),
    }
}

/// The word in front of the state.
const NAME: &str = "REPUTE";
/// The section of an ini file, if none is named.
const SECTION: &str = "repute";
/// So many lists are named on the first line, which somebody reads on a telephone.
const MOST_NAMED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_word_decides_whose_command_line_it_is() {
        let plugin =
            |line: &str| arguments(&words(line)).map(|words| words.join(&OsString::from(" ")));
        assert_eq!(plugin("repute check --monitoring x").expect("it is"), "repute --monitoring x");
        assert_eq!(
            plugin("repute check x -c 1 --monitoring").expect("it is"),
            "repute x -c 1 --monitoring"
        );
        let config = plugin("repute -c x check -c 1 --monitoring").expect("it is");
        assert_eq!(config, "repute --config x -c 1 --monitoring");
        for line in ["repute check x", "repute check -- --monitoring", "repute serve --monitoring"]
        {
            assert_eq!(plugin(line), None, "{line}");
        }
    }

    #[test]
    fn lines_of_an_ini_file_are_options() {
        let word = |key: &str, value: &str| {
            let entry = extra_opts::Entry { line: 1, key: key.into(), value: value.into() };
            word(&entry).map(|word| word.map(|word| word.into_string().expect("text")))
        };
        assert_eq!(word("list", "bl.example"), Ok(Some("--list=bl.example".into())));
        assert_eq!(word("w", "3"), Ok(Some("--warning=3".into())));
        assert_eq!(word("forgetful", "1"), Ok(Some("--forgetful".into())));
        assert_eq!(word("forgetful", "no"), Ok(None));
        assert!(word("forgetful", "x").expect_err("neither").contains("on or off"));
        assert!(word("server", "x").expect_err("no option").contains("no option `server`"));
        assert!(word("extra-opts", "x").is_err());
    }
}
