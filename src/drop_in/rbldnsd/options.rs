//! The options of rbldnsd, as its users and unit files write them.
//!
//! The grammar is that of the C library's getopt: letters in a cluster (`-nq`), a value behind its
//! letter or as the next argument (`-c0`, `-c 0`), options after zones, `--` as the end of options.
//! That, and messages others may look for, is why this is not the parser of the other commands.
//!
//! Values are checked as far as their text allows; whether a user or an address exists is found out
//! when it is used.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::facility::Facility;

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The help, on standard output.
    Help,
    /// The same, since nothing was asked: a fault.
    Usage,
    /// To serve, dump or check zones.
    Run(Box<Options>),
}

/// A command line that can be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `-u user[:group]`: who to run as.
    pub(super) user: Option<String>,
    /// `-r`: the new root folder, entered before data is read.
    pub(super) root: Option<PathBuf>,
    /// `-w`: the folder relative names are in.
    pub(super) work: Option<PathBuf>,
    /// `-b address[/port]`: where to listen.
    pub(super) bind: Vec<String>,
    /// `-4`, `-6`: the one family to listen on.
    pub(super) family: Option<Family>,
    /// `-t`: times to live.
    pub(super) ttl: Ttl,
    /// `-c`: seconds between looks at the files; 0 is never.
    pub(super) check: Check,
    /// `-p`: where the process number is written.
    pub(super) pid_file: Option<PathBuf>,
    /// `-n`: stay in the foreground.
    pub(super) foreground: bool,
    /// `-e`: take networks with bits behind their prefix.
    pub(super) accept_host_bits: bool,
    /// `-l`: where queries are logged.
    pub(super) query_log: Option<QueryLog>,
    /// `-s`: where statistics are written.
    pub(super) statistics: Option<StatisticsFile>,
    /// `-q`: serve before the data is loaded.
    pub(super) quick: bool,
    /// `-d`, `-D`: what is done instead of serving.
    pub(super) task: Task,
    /// `-v`: what is told about the version.
    pub(super) version: Version,
    /// `-a`, `-A`: whether positive answers go without name servers.
    pub(super) minimal: bool,
    /// `-F`: which kind of program syslog takes us for.
    pub(super) facility: Facility,
    /// `-C`: compressed files are an error.
    pub(super) plain_files_only: bool,
    /// What is left: `zone:type:file,...`.
    pub(super) zones: Vec<String>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `-4`.
    Ipv4,
    /// `-6`.
    Ipv6,
}

/// `-t default[:minimum[:maximum]]` in seconds; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ttl {
    /// For data that names none.
    pub(super) default: u32,
    /// What is shorter is raised to this.
    pub(super) minimum: u32,
    /// What is longer is lowered to this.
    pub(super) maximum: u32,
}

impl Default for Ttl {
    fn default() -> Ttl {
        Ttl { default: 35 * 60, minimum: 0, maximum: 0 }
    }
}

/// `-c` in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Check(pub(super) u32);

impl Default for Check {
    fn default() -> Check {
        Check(60)
    }
}

/// `-l [+]file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueryLog {
    /// `-`: standard output.
    Stdout,
    /// A file. Lines are written as they come either way, so the `+` changes nothing.
    File(PathBuf),
}

/// `-s [+]file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatisticsFile {
    /// The file.
    pub(super) path: PathBuf,
    /// Whether counts are those since the last line (`+`) or since the start.
    pub(super) relative: bool,
}

/// What is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Task {
    /// Answer queries.
    #[default]
    Serve,
    /// `-d`: write the zones as master files.
    Dump,
    /// `-D`, of the rspamd fork: only load the zones.
    Load,
}

/// What `version.bind` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    /// Name and version.
    #[default]
    Shown,
    /// `-v`: the name alone.
    Hidden,
    /// `-vv`: such queries are refused.
    Refused,
}

/// Reads a command line, without the program's name.
///
/// # Errors
/// The message for the user, as rbldnsd words it.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let mut arguments = arguments.peekable();
    if arguments.peek().is_none() {
        return Ok(Asked::Usage);
    }
    let mut options = Options::default();
    let mut only_zones = false;
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_bytes();
        if only_zones || bytes == b"-" || !bytes.starts_with(b"-") {
            options.zones.push(text(&argument));
            continue;
        }
        if bytes == b"--" {
            only_zones = true;
            continue;
        }
        let mut letters = &bytes[1..];
        while let Some((&letter, rest)) = letters.split_first() {
            letters = rest;
            if letter == b'h' {
                return Ok(Asked::Help);
            }
            if options.flag(letter)? {
                continue;
            }
            if !VALUED.contains(&letter) {
                return Err(bad_option(&format!("invalid option -- '{}'", char::from(letter))));
            }
            let value = if rest.is_empty() { arguments.next() } else { Some(owned(rest)) };
            let Some(value) = value else {
                let letter = char::from(letter);
                return Err(bad_option(&format!("option requires an argument -- '{letter}'")));
            };
            options.value(letter, &value)?;
            letters = &[];
        }
    }
    if options.zones.is_empty() {
        return Err("no zone(s) to service specified (-h for help)".to_owned());
    }
    Ok(Asked::Run(Box::new(options)))
}

impl Options {
    /// Takes an option without a value; `false` if the letter is none.
    fn flag(&mut self, letter: u8) -> Result<bool, String> {
        match letter {
            b'4' => self.family = Some(Family::Ipv4),
            b'6' => self.family = Some(Family::Ipv6),
            b'n' => self.foreground = true,
            b'e' => self.accept_host_bits = true,
            b'q' => self.quick = true,
            b'd' => self.task = Task::Dump,
            b'D' => self.task = Task::Load,
            b'v' => {
                self.version = match self.version {
                    Version::Shown => Version::Hidden,
                    Version::Hidden | Version::Refused => Version::Refused,
                }
            }
            b'a' => self.minimal = true,
            b'A' => self.minimal = false,
            // A reload here never keeps queries waiting, nor does it copy the process.
            b'f' => {}
            b'C' => self.plain_files_only = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes an option with its value.
    fn value(&mut self, letter: u8, value: &OsStr) -> Result<(), String> {
        let shown = text(value);
        match letter {
            b'u' => self.user = Some(shown),
            b'r' => self.root = Some(value.into()),
            b'w' => self.work = Some(value.into()),
            b'p' => self.pid_file = Some(value.into()),
            b'b' if self.bind.len() == MOST_ADDRESSES => {
                return Err(format!("too many addresses to listen on ({MOST_ADDRESSES} max)"));
            }
            b'b' => self.bind.push(shown),
            b't' => self.ttl = ttl(&shown)?,
            b'c' => {
                let all = |(seconds, rest): (u32, &str)| rest.is_empty().then_some(Check(seconds));
                let check = time(&shown).and_then(all);
                self.check = check.ok_or(format!("invalid check interval (-c) value `{shown}'"))?;
            }
            b'l' => {
                let (_, path) = plus(value);
                self.query_log = match path.as_bytes() {
                    b"" => None,
                    b"-" => Some(QueryLog::Stdout),
                    _ => Some(QueryLog::File(path.into())),
                };
            }
            b's' => {
                let (relative, path) = plus(value);
                let file = StatisticsFile { path: path.into(), relative };
                self.statistics = (!path.is_empty()).then_some(file);
            }
            b'F' => {
                let facility = Facility::from_name(&shown);
                self.facility = facility.ok_or(format!("log facility {shown} is not valid"))?;
            }
            b'U' => {
                return Err("updates over a socket (-U) are not supported: \
                            change the files, they are read again at once on SIGHUP"
                    .to_owned());
            }
            // Code made for another program's insides cannot run in this one.
            _ => {
                return Err(format!(
                    "extensions (-{}) are not supported: remove the option",
                    char::from(letter)
                ));
            }
        }
        Ok(())
    }
}

/// Reads the value of `-t`; parts may be empty, as in `::2h`.
fn ttl(value: &str) -> Result<Ttl, String> {
    let mut ttl = Ttl::default();
    let mut rest = value;
    for (word, part) in
        [("ttl", &mut ttl.default), ("minttl", &mut ttl.minimum), ("maxttl", &mut ttl.maximum)]
    {
        if let Some(after) = rest.strip_prefix(':') {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            break;
        }
        let fault = || format!("invalid {word} (-t) value `{value}'");
        let (seconds, after) = time(rest).ok_or_else(fault)?;
        rest = match after.strip_prefix(':') {
            Some(after) => after,
            None if after.is_empty() => after,
            None => return Err(fault()),
        };
        if word == "ttl" && seconds == 0 {
            return Err(fault());
        }
        *part = seconds;
    }
    if !rest.is_empty() {
        return Err(format!("invalid value for -t (ttl) option: `{value}'"));
    }
    let Ttl { default, minimum, maximum } = ttl;
    if (maximum != 0 && (minimum > maximum || default > maximum)) || default < minimum {
        return Err(format!("inconsistent def:min:max ttl: {default}:{minimum}:{maximum}"));
    }
    Ok(ttl)
}

/// Reads a time such as `90`, `35m`, `2h` and returns it in seconds with what follows.
fn time(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let number: u32 = number.parse().ok()?;
    let (factor, unit) = match rest.bytes().next().map(|unit| unit.to_ascii_lowercase()) {
        Some(b's') => (1, 1),
        Some(b'm') => (60, 1),
        Some(b'h') => (60 * 60, 1),
        Some(b'd') => (24 * 60 * 60, 1),
        Some(b'w') => (7 * 24 * 60 * 60, 1),
        _ => (1, 0),
    };
    Some((number.checked_mul(factor)?, &rest[unit..]))
}

/// Splits a leading `+` off a file name.
fn plus(value: &OsStr) -> (bool, &OsStr) {
    match value.as_bytes().strip_prefix(b"+") {
        Some(rest) => (true, OsStr::from_bytes(rest)),
        None => (false, value),
    }
}

/// The two lines for an option that is not one.
fn bad_option(what: &str) -> String {
    let program = super::PROGRAM;
    format!("{what}\n{program}: type `{program} -h' for help")
}

/// An argument as text; what is no UTF-8 becomes visible as such in messages.
fn text(argument: &OsStr) -> String {
    argument.to_string_lossy().into_owned()
}

/// The rest of an argument as a value of its own.
fn owned(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// Letters that take a value.
const VALUED: &[u8] = b"urbwtcplsFxXU";
/// How many `-b` there may be.
const MOST_ADDRESSES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, String> {
        match parse(line.split(' ').map(OsString::from))? {
            Asked::Run(options) => Ok(*options),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[track_caller]
    fn fault(line: &str, expect: &str) {
        assert_eq!(options(line).unwrap_err(), expect);
    }

    #[test]
    fn letters_cluster_and_values_may_stick_to_them() {
        let options = options("-nqeb127.2/53 z:ip4set:f -c 2h -t:1m -lq -vv -s+st -4").unwrap();
        assert!(options.foreground && options.quick && options.accept_host_bits);
        assert_eq!(options.bind, ["127.2/53"]);
        assert_eq!(options.check, Check(7200));
        assert_eq!(options.ttl, Ttl { default: 2100, minimum: 60, maximum: 0 });
        assert_eq!(options.query_log, Some(QueryLog::File("q".into())));
        assert_eq!(options.version, Version::Refused);
        let statistics = StatisticsFile { path: "st".into(), relative: true };
        assert_eq!(options.statistics, Some(statistics));
        assert_eq!(options.family, Some(Family::Ipv4));
        assert_eq!(options.zones, ["z:ip4set:f"]);
    }

    #[test]
    fn two_dashes_end_the_options() {
        assert_eq!(options("-n -- -odd:ip4set:f").unwrap().zones, ["-odd:ip4set:f"]);
    }

    #[test]
    fn times_to_live_are_as_rbldnsd_takes_them() {
        let ttl = |value: &str| options(&format!("-t {value} z")).map(|options| options.ttl);
        assert_eq!(ttl("5m:1m:2h"), Ok(Ttl { default: 300, minimum: 60, maximum: 7200 }));
        assert_eq!(ttl("::2h"), Ok(Ttl { default: 2100, minimum: 0, maximum: 7200 }));
        assert_eq!(ttl("1W"), Ok(Ttl { default: 604_800, minimum: 0, maximum: 0 }));
        for (value, expect) in [
            ("abc", "invalid ttl (-t) value `abc'"),
            ("0", "invalid ttl (-t) value `0'"),
            ("5m:x", "invalid minttl (-t) value `5m:x'"),
            ("5m:1m:x", "invalid maxttl (-t) value `5m:1m:x'"),
            ("5m:1m:2h:3", "invalid value for -t (ttl) option: `5m:1m:2h:3'"),
            ("5m:1h", "inconsistent def:min:max ttl: 300:3600:0"),
        ] {
            assert_eq!(ttl(value).unwrap_err(), expect);
        }
    }

    #[test]
    fn faults_are_worded_as_rbldnsd_words_them() {
        fault("-n", "no zone(s) to service specified (-h for help)");
        fault("-Z z", "invalid option -- 'Z'\nrbldnsd: type `rbldnsd -h' for help");
        fault("z -b", "option requires an argument -- 'b'\nrbldnsd: type `rbldnsd -h' for help");
        fault("-c x z", "invalid check interval (-c) value `x'");
        fault("-F x z", "log facility x is not valid");
        fault(&format!("{}z", "-b a ".repeat(21)), "too many addresses to listen on (20 max)");
    }

    #[test]
    fn what_cannot_be_honoured_is_an_error_with_a_remedy() {
        fault("-x a.so z", "extensions (-x) are not supported: remove the option");
        fault("-Xa z", "extensions (-X) are not supported: remove the option");
        assert!(options("-U 127.0.0.1/53 z").unwrap_err().contains("not supported"));
    }

    #[test]
    fn help_wins_and_nothing_at_all_is_a_fault() {
        assert_eq!(parse(["-nh".into()].into_iter()), Ok(Asked::Help));
        assert_eq!(parse(std::iter::empty()), Ok(Asked::Usage));
    }
}
