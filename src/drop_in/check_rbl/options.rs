//! check_rbl's options: from the command line, and from ini files below it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::getopt::{self, GetoptError, Given, Takes, Value};
use super::specs::SPECS;
use crate::plugin::extra_opts::{self, Entry, ExtraOptsError};

/// What somebody wants to know.
#[derive(Debug)]
pub(super) enum Asked {
    /// Whether something is listed.
    Check(Box<Options>),
    /// How the program is called.
    Usage,
    /// What the options are.
    Help,
    /// Which version it is.
    Version,
}

/// What is checked, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// What is looked up, and where it was written.
    pub(super) object: Object,
    /// The zones of the lists, as they were written.
    pub(super) servers: Vec<String>,
    /// So many listings are worth a warning.
    pub(super) warning: u32,
    /// So many are critical.
    pub(super) critical: u32,
    /// What the listings are.
    pub(super) count: Counted,
    /// How long everything may take; none for as long as the queries take.
    pub(super) timeout: Option<Duration>,
    /// How long a list may take.
    pub(super) query_timeout: Duration,
    /// How often a query is sent at most.
    pub(super) sends: Option<u32>,
    /// How many queries are on the way at most.
    pub(super) workers: Option<u32>,
    /// The resolver to ask.
    pub(super) nameserver: Option<String>,
    /// Ask the lists' own servers.
    pub(super) authoritative: bool,
    /// Ask resolvers over IPv4 only.
    pub(super) ipv4_only: bool,
    /// What is said behind the result.
    pub(super) append: String,
    /// Show what happens on the wire.
    pub(super) debug: bool,
    /// How much is said of each list.
    pub(super) verbose: u8,
    /// Words that are no options.
    pub(super) ignored: Vec<String>,
    /// All options, with those of ini files.
    pub(super) words: Vec<String>,
}

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// An address or host (`-H`).
    Host(String),
    /// A domain (`-U`).
    Url(String),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Lists that have it.
    Listed,
    /// Lists that do not have it (`--wl`).
    NotListed,
}

/// Reads the arguments, with the ini files they name below them.
pub(super) fn read(
    arguments: &[OsString],
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Asked, OptionsError> {
    let words: Vec<String> =
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (typed, ignored) = getopt::parse(&words, &SPECS)?;
    let (mut given, mut all_words) = (Vec::new(), Vec::new());
    for locator in texts(&typed, "extra-opts") {
        let section = extra_opts::read(locator, SECTION, environment)?;
        for entry in &section.entries {
            let entries = of_entry(entry)
                .map_err(|error| OptionsError::Line(section.file.clone(), entry.line, error))?;
            all_words.push(format!("--{}={}", entry.key, entry.value));
            given.extend(entries);
        }
    }
    given.extend(typed);
    all_words.extend(words);
    let has = |name: &str| given.iter().any(|given| given.name == name);
    match () {
        () if has("usage") => Ok(Asked::Usage),
        () if has("version") => Ok(Asked::Version),
        () if has("help") => Ok(Asked::Help),
        () => Ok(Asked::Check(Box::new(options(&given, ignored, all_words)?))),
    }
}

/// What a line of an ini file is: an option with its value, or a flag that is on or off.
fn of_entry(entry: &Entry) -> Result<Option<Given>, GetoptError> {
    let spec = getopt::long_option(&entry.key, &SPECS)?;
    let name = spec.names[0];
    let unusable = || GetoptError::Unknown(entry.key.clone());
    if matches!(name, "extra-opts" | "help" | "usage" | "version") {
        return Err(unusable());
    }
    if spec.takes == Takes::Nothing {
        return match &*entry.value {
            "0" | "no" | "false" | "off" => Ok(None),
            _ => Ok(Some(Given { name, value: Value::None })),
        };
    }
    let word = format!("--{name}={}", unquoted(&entry.value));
    let (given, _) = getopt::parse(&[word], &SPECS)?;
    Ok(given.into_iter().next())
}

/// A value without the quotes around it, which Monitoring::Plugin wants around values with spaces.
fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// The texts of an option that may be repeated.
fn texts<'g>(given: &'g [Given], name: &str) -> impl Iterator<Item = &'g str> {
    given.iter().filter_map(move |given| match &given.value {
        Value::Text(text) if given.name == name => Some(&**text),
        Value::Text(_) | Value::Number(_) | Value::None => None,
    })
}

/// Makes options of what was given; the last of each counts.
fn options(
    given: &[Given],
    ignored: Vec<String>,
    words: Vec<String>,
) -> Result<Options, OptionsError> {
    let has = |name: &str| given.iter().any(|given| given.name == name);
    let text = |name| texts(given, name).last().filter(|text| !text.is_empty()).map(str::to_owned);
    let number = |name: &'static str, least: u32| {
        let numbers = given.iter().filter(|given| given.name == name);
        let mut last = numbers.filter_map(|given| match given.value {
            Value::Number(number) => Some(number),
            Value::Text(_) | Value::None => None,
        });
        last.next_back().map_or(Ok(None), |number| match u32::try_from(number) {
            Ok(number) if number >= least => Ok(Some(number)),
            Ok(_) | Err(_) => Err(OptionsError::Number { name, number, least }),
        })
    };
    let servers: Vec<String> = texts(given, "server").map(str::to_owned).collect();
    if servers.is_empty() {
        return Err(OptionsError::NoServer);
    }
    let warning = number("warning", 1)?.unwrap_or(1);
    let critical = number("critical", 1)?.unwrap_or(1);
    if critical < warning {
        return Err(OptionsError::Order);
    }
    let object = match (text("host"), text("url")) {
        (Some(host), _) => Object::Host(host),
        (None, Some(url)) => Object::Url(url),
        (None, None) => return Err(OptionsError::NoObject),
    };
    let nameserver = text("nameserver");
    if has("authoritative") && nameserver.is_some() {
        return Err(OptionsError::TwoServers);
    }
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let verbose = given.iter().filter(|given| given.name == "verbose").count();
    Ok(Options {
        object,
        servers,
        warning,
        critical,
        count: if has("whitelistings") { Counted::NotListed } else { Counted::Listed },
        timeout: Some(number("timeout", 0)?.map_or(TIMEOUT, seconds)).filter(|t| !t.is_zero()),
        query_timeout: number("query-timeout", 1)?.map_or(QUERY_TIMEOUT, seconds),
        sends: number("retry", 0)?.map(|retry| retry.max(1)),
        workers: number("workers", 1)?,
        nameserver,
        authoritative: has("authoritative"),
        ipv4_only: has("force-ipv4-resolver"),
        append: text("append").unwrap_or_default(),
        debug: has("debug"),
        verbose: u8::try_from(verbose).unwrap_or(u8::MAX),
        ignored,
        words,
    })
}

/// Why nothing is checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum OptionsError {
    /// The command line is wrong.
    #[error(transparent)]
    Getopt(#[from] GetoptError),
    /// An ini file cannot be read.
    #[error(transparent)]
    ExtraOpts(#[from] ExtraOptsError),
    /// A line of an ini file is wrong.
    #[error("--extra-opts: {file} line {line}: {why}", file = .0.display(), line = .1, why = .2)]
    Line(PathBuf, usize, GetoptError),
    /// A number is too small, or larger than anything.
    #[error("--{name} {number}: write a number from {least} up")]
    Number {
        /// The option.
        name: &'static str,
        /// Its value.
        number: i64,
        /// The least that makes sense.
        least: u32,
    },
    /// There is no list.
    #[error("Missing argument: server")]
    NoServer,
    /// There is nothing to look up.
    #[error("host or url has to be set")]
    NoObject,
    /// The thresholds are the wrong way round.
    #[error("critical has to be greater or equal warning")]
    Order,
    /// Both the lists' own servers and a resolver are to be asked.
    #[error("--authoritative and --nameserver cannot be specified at the same time")]
    TwoServers,
}

/// The section of an ini file, if none is named.
const SECTION: &str = "check_rbl";
/// How long everything may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a list may take: check_rbl waits 15 s, as long as everything may take, and then tells nothing.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Reads a command line.
    fn read(line: &str) -> Result<Asked, OptionsError> {
        let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        super::read(&words, &|_| None)
    }

    /// The options of a command line that is right.
    fn options(line: &str) -> Options {
        match read(line).expect("it is right") {
            Asked::Check(options) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_is_not_said_is_as_in_check_rbl_but_for_the_patience() {
        let options = options("-H 192.0.2.1 -s bl.example");
        assert_eq!((options.warning, options.critical), (1, 1));
        assert_eq!(options.timeout, Some(Duration::from_secs(15)));
        assert_eq!(options.query_timeout, Duration::from_secs(2));
        assert_eq!(options.count, Counted::Listed);
        assert_eq!((options.sends, options.workers), (None, None));
    }

    #[test]
    fn the_command_line_is_above_the_ini_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("check_rbl.ini");
        let text = "[rbl]\nserver=a.example\ns=b.example\ncritical=5\nwarning=2\nappend=\"see wiki\"\n\
                    whitelistings=0\ndebug=1\n";
        fs::write(&path, text).expect("it is written");
        let line = format!("-s c.example -H x --extra-opts=rbl@{} -c 3", path.display());
        let options = options(&line);
        assert_eq!(options.servers, ["a.example", "b.example", "c.example"]);
        assert_eq!((options.warning, options.critical), (2, 3));
        assert_eq!((&*options.append, options.debug), ("see wiki", true));
        assert_eq!(options.count, Counted::Listed);
        fs::write(&path, "[rbl]\nservers=a.example\n").expect("it is written");
        let error = read(&line).expect_err("no such option").to_string();
        assert!(
            error.ends_with("check_rbl.ini line 2: unknown option `servers`; --help shows all"),
            "{error}"
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (line, why) in [
            ("-H x", "Missing argument: server"),
            ("-s a", "host or url has to be set"),
            ("-H x -s a -w 3 -c 2", "critical has to be greater or equal warning"),
            ("-H x -s a -w 3", "critical has to be greater or equal warning"),
            ("-H x -s a -w 0", "--warning 0: write a number from 1 up"),
            ("-H x -s a -c -1", "--critical -1: write a number from 1 up"),
            ("-H x -s a --query-timeout 0", "--query-timeout 0: write a number from 1 up"),
            ("-H x -s a --workers 99999999999", "--workers 99999999999: write a number from 1 up"),
            (
                "-H x -s a -A -n y",
                "--authoritative and --nameserver cannot be specified at the same time",
            ),
        ] {
            assert_eq!(read(line).expect_err(line).to_string(), why, "{line}");
        }
    }

    #[test]
    fn help_needs_no_other_option() {
        assert!(matches!(read("-h"), Ok(Asked::Help)));
        assert!(matches!(read("-V -h"), Ok(Asked::Version)));
        assert!(matches!(read("-? -V"), Ok(Asked::Usage)));
    }

    #[test]
    fn a_host_is_before_a_url_and_zero_is_no_limit() {
        let options = options("-U y -H x -s a -t 0 -r 0 left over");
        assert_eq!(options.object, Object::Host("x".into()));
        assert_eq!((options.timeout, options.sends), (None, Some(1)));
        assert_eq!(options.ignored, ["left", "over"]);
    }
}
