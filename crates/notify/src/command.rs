//! A message given to a program: JSON on standard input, the key facts in its environment.
//!
//! The program gets a clean environment (`PATH` and `REPUTE_*`), the root as its folder, and a
//! process group of its own, so that it can be killed with all it started when it hangs. What it
//! writes to standard output is thrown away; of standard error, the last line is shown if it fails.
//!
//! Deliberately not here: a shell. Arguments are the operator's, the message is never among them.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::error::{Fault, quote};
use crate::{Message, Timeout};

/// A program that is run for each message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenCommand")]
pub struct CommandConfig {
    program: String,
    arguments: Vec<String>,
    timeout: Timeout,
}

impl CommandConfig {
    /// Which program it is, for people. Its arguments are not shown: they may be anything.
    pub(crate) fn describe(&self) -> String {
        format!("command {}", self.program)
    }
}

/// [`CommandConfig`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenCommand {
    /// The program and its arguments.
    run: Vec<String>,
    /// When it is killed.
    #[serde(default)]
    timeout: Timeout,
}

impl TryFrom<WrittenCommand> for CommandConfig {
    type Error = &'static str;

    fn try_from(written: WrittenCommand) -> Result<CommandConfig, &'static str> {
        let mut words = written.run.into_iter();
        match words.next() {
            Some(program) if !program.is_empty() && !program.contains('\0') => {
                Ok(CommandConfig { program, arguments: words.collect(), timeout: written.timeout })
            }
            _ => Err("`run` must name a program, as in `run = [\"/usr/local/bin/page\", \"me\"]`"),
        }
    }
}

/// Runs the program.
///
/// # Errors
/// If it cannot be started, ends with another status than 0, or takes too long.
pub(crate) fn send(config: &CommandConfig, message: &Message) -> Result<(), Fault> {
    let deadline = Instant::now() + config.timeout.duration();
    let mut child = Command::new(&config.program)
        .args(&config.arguments)
        .env_clear()
        .env("PATH", PATH)
        .envs(message.to_environment())
        .current_dir("/")
        .process_group(0)
        .stdin(input(message).map_err(Fault::Start)?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Fault::Start)?;
    let mut output = Output::default();
    let watched = watch(&mut child, deadline, &mut output);
    if !matches!(watched, Ok(true)) {
        kill(&child);
    }
    let status = child.wait().map_err(Fault::Start)?;
    match watched {
        Ok(true) => judge(status, &output),
        Ok(false) => Err(Fault::Timeout),
        Err(error) => Err(Fault::Start(error)),
    }
}

/// The message as a file without a name. A pipe would have to be fed, for as long as the program
/// likes.
fn input(message: &Message) -> io::Result<File> {
    let mut file = File::from(memfd_create("message", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(message.to_json().as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Reads what the program writes until it has ended, and returns whether it has. It is not reaped:
/// its number and its group's stay taken until then.
fn watch(child: &mut Child, deadline: Instant, output: &mut Output) -> io::Result<bool> {
    let mut errors = child.stderr.take();
    let pid = pid(child);
    let (ended, end) = io::pipe()?;
    // Ends with the program, which is killed if it does not end by itself.
    thread::spawn(move || {
        while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR)
        {
        }
        drop(end);
    });
    let mut reads_after_end = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut sources = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        sources.extend(errors.as_ref().map(|e| PollFd::new(e.as_fd(), PollFlags::POLLIN)));
        match poll(&mut sources, round_up(left)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |n: usize| sources.get(n).and_then(PollFd::any).unwrap_or_default();
        let (has_ended, can_read) = (is_ready(0), is_ready(1));
        // What was written before the end is read, as much as fits a pipe; but whoever was left behind
        // may hold the pipe, and write to it, for ever.
        if has_ended && (!can_read || reads_after_end == MOST_READS) {
            return Ok(true);
        }
        reads_after_end += u32::from(has_ended);
        if let Some(pipe) = &mut errors
            && can_read
            && !output.read_from(pipe)?
        {
            errors = None;
        }
        if Instant::now() >= deadline {
            return Ok(has_ended);
        }
    }
}

/// A wait in the kernel's unit, never a little too short.
fn round_up(left: Duration) -> PollTimeout {
    let ms = left.as_micros().div_ceil(1000);
    PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
}

/// Kills a program that was not reaped yet, and all that it started.
fn kill(child: &Child) {
    // If it has just ended by itself and left nobody, there is nobody to kill.
    let _ = killpg(pid(child), Signal::SIGKILL);
}

/// A program's number, which is its group's too.
fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("Linux numbers processes up to 2^22"))
}

/// Whether a status means success.
fn judge(status: ExitStatus, output: &Output) -> Result<(), Fault> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(status), _) => Err(Fault::Ended { status, output: output.last_line() }),
        (None, signal) => Err(Fault::Killed(signal.unwrap_or_default())),
    }
}

/// The end of what a program wrote.
#[derive(Default)]
struct Output(Vec<u8>);

impl Output {
    /// Reads once and returns whether there may be more.
    fn read_from(&mut self, source: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0; READ];
        let size = match source.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            read => read?,
        };
        self.0.extend_from_slice(buffer.get(..size).unwrap_or_default());
        let surplus = self.0.len().saturating_sub(KEPT_OUTPUT);
        self.0.drain(..surplus);
        Ok(size > 0)
    }

    /// The last line that says something.
    fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        quote(text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default())
    }
}

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How many bytes are read at once.
const READ: usize = 8 << 10;
/// How many reads empty a pipe, which holds 64 KiB unless somebody enlarged it.
const MOST_READS: u32 = 16;
/// How many bytes of standard error are kept.
const KEPT_OUTPUT: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell script as a channel.
    fn run(script: &str, timeout: &str) -> Result<(), Fault> {
        let words = serde_json::json!({ "run": ["sh", "-c", script], "timeout": timeout });
        let config: CommandConfig = serde_json::from_value(words).unwrap();
        let message = Message::new("listed", "$(exit 9) is listed")
            .with_id("e1")
            .with_text(&"a long text\n".repeat(20_000))
            .with_fact("target", "192.0.2.1");
        send(&config, &message)
    }

    #[test]
    fn a_program_reads_json_and_a_clean_environment() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        run(&format!("cat >{at}/in; env >{at}/env; pwd >{at}/pwd"), "1h").unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&read("in")).unwrap();
        assert_eq!(json["facts"]["target"], "192.0.2.1");
        assert_eq!(json["text"].as_str().unwrap().len(), 240_000);
        let environment = read("env");
        for line in ["REPUTE_SUBJECT=$(exit 9) is listed", "REPUTE_FACT_TARGET=192.0.2.1"] {
            assert!(environment.lines().any(|l| l == line), "{environment}");
        }
        // Of ours, nothing: cargo has set this for the test.
        assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
        assert_eq!(read("pwd"), "/\n");
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let failed = run("echo first >&2; printf 'no\\033[31m pager\\n\\n' >&2; exit 3", "1h");
        assert_eq!(failed.unwrap_err().to_string(), "ended with status 3: no [31m pager");
        assert_eq!(run("exit 4", "1h").unwrap_err().to_string(), "ended with status 4");
        assert_eq!(run("kill -9 $$", "1h").unwrap_err().to_string(), "was killed by signal 9");
        let config: CommandConfig = toml::from_str("run = ['/nowhere/page']").unwrap();
        let missing = send(&config, &Message::new("a", "b")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot be started: No such file"), "{missing}");
    }

    /// 50 MB on each of both outputs fill every pipe there is.
    #[test]
    fn a_program_may_write_a_lot() {
        let script =
            "head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2; echo end >&2; exit 5";
        let Err(Fault::Ended { status: 5, output }) = run(script, "1h") else { panic!() };
        assert!(output.ends_with('…') || output.ends_with("end"), "{output}");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let at = pids.display();
        let script = format!("trap '' TERM; sleep 1000 & echo $! $$ >{at}; exec 2>&-; wait");
        assert!(matches!(run(&script, "1s"), Err(Fault::Timeout)));
        for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
            let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                // A killed orphan is a zombie until it is reaped by whoever took it over.
                Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")),
                Err(_) => true,
            };
            while !gone() {
                thread::yield_now();
            }
        }
    }

    /// What it leaves behind may go on, and may go on writing.
    #[test]
    fn a_program_that_leaves_something_running_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        run(&format!("(cat {0} >&2; echo done >{0}) & exit 0", fifo.display()), "1h").unwrap();
        std::fs::write(&fifo, "still here\n").unwrap();
        assert_eq!(std::fs::read_to_string(&fifo).unwrap(), "done\n");
    }

    /// It writes without end until the pipe is closed, which is when we are done.
    #[test]
    fn what_is_left_behind_cannot_keep_us_by_writing() {
        run("yes >&2 & exit 0", "1h").unwrap();
    }

    #[test]
    fn a_command_needs_a_program() {
        for text in ["run = []", "run = ['']", "run = 'sh'", "", "run = ['a']\nshell = true"] {
            assert!(toml::from_str::<CommandConfig>(text).is_err(), "{text}");
        }
    }
}
