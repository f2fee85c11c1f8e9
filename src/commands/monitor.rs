//! `repute monitor`: the watch over lists, as a daemon, for one round, and as a test of its channels.

mod plan;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use repute_monitor::Monitor;
use repute_notify::{Message, send};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::serve::Belongings;
use crate::cli::monitor::{MonitorArgs, MonitorCommand};
use crate::config::{Config, MonitorConfig, Origin};
use crate::exit::{Verdict, say, story, tell};
use crate::privilege::Account;
use crate::systemd::Notify;
use crate::telemetry;

/// Watches until it is told to stop, or does what it was asked for.
pub(super) fn run(path: Option<&Path>, args: &MonitorArgs) -> anyhow::Result<Verdict> {
    let config = Config::find(path)?;
    match (&args.command, args.once) {
        (Some(MonitorCommand::NotifyTest { channel }), _) => {
            notify_test(&config.monitor, channel.as_deref())
        }
        (None, true) => once(path, &config),
        (None, false) => watch(path, &config),
    }
}

/// What is wrong with what the configuration says of the monitor, if it says something.
pub(super) fn warning(path: Option<&Path>, config: &MonitorConfig) -> Option<String> {
    let is_used = !config.subjects.is_empty()
        || !config.zones.is_empty()
        || config.targets_file.is_some()
        || !config.channels.is_empty();
    let error = plan::plan(path, config).err().filter(|_| is_used)?;
    Some(format!("the monitor cannot start: {}", story(error.chain())))
}

/// Sends a message through each channel, and says what became of it.
fn notify_test(config: &MonitorConfig, only: Option<&str>) -> anyhow::Result<Verdict> {
    if let Some(name) = only
        && !config.channels.contains_key(name)
    {
        let known: Vec<&str> = config.channels.keys().map(String::as_str).collect();
        bail!("there is no channel `{name}` in the configuration; there are: {}", known.join(", "));
    }
    if config.channels.is_empty() {
        bail!("no channel is configured: write a [[monitor.channel]]");
    }
    let host = nix::unistd::gethostname().unwrap_or_default();
    let subject = format!("test of the monitor on {}", host.to_string_lossy());
    let mut verdict = Verdict::Yes;
    let channels = config.channels.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
    for (name, channel) in channels {
        let message = Message::new("test", &subject)
            .with_text("Somebody tested whether news of the monitor arrive here. They do.\n")
            .with_fact("channel", name.clone());
        match send(channel, &message) {
            Ok(()) => say!("{name}: taken"),
            Err(error) => {
                say!("{name}: not taken: {error}");
                verdict = Verdict::No;
            }
        }
    }
    Ok(verdict)
}

/// Does one round, and shows what somebody should look at.
fn once(path: Option<&Path>, config: &Config) -> anyhow::Result<Verdict> {
    let (plan, _) = plan::plan(path, &config.monitor)?;
    let monitor = Monitor::open(plan, &config.monitor.state)?;
    let tally = monitor.once().context("cannot ask")?;
    let mut out = std::io::stdout().lock();
    for line in monitor.summary() {
        writeln!(out, "{line}")?;
    }
    if let Some(error) = monitor.save_error() {
        tell!("repute: {error}");
    }
    if !tally.all_told {
        tell!("repute: not everybody could be told; the next round tries again");
    }
    Ok(match (tally.listed + tally.broken, tally.unknown) {
        (0, 0) => Verdict::Yes,
        (0, _) => Verdict::Unknown,
        (_, _) => Verdict::No,
    })
}

/// Watches until it is told to stop.
fn watch(path: Option<&Path>, config: &Config) -> anyhow::Result<Verdict> {
    telemetry::start(
        config.process.log_level,
        config.process.log_format,
        telemetry::Destination::Errors,
    );
    let notify = Notify::from_environment();
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("cannot wait for signals")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(8)
        .thread_name("pages")
        .enable_all()
        .build()
        .context("cannot start the threads of the pages")?;
    let pages = config.monitor.listen.map(|address| bind(&runtime, address)).transpose()?;
    become_user(config)?;
    let (plan, summary) = plan::plan(path, &config.monitor)?;
    let monitor = Monitor::open(plan, &config.monitor.state)?;
    monitor.start().context("cannot start the threads that check and tell")?;
    let mut at = String::new();
    if let Some(listener) = pages {
        at = format!(", shown at http://{}/", listener.local_addr()?);
        runtime.spawn(monitor.pages(listener));
    }
    let version = env!("CARGO_PKG_VERSION");
    // Nobody may be reading that; the monitor watches all the same.
    if let Err(error) = writeln!(std::io::stdout(), "repute {version} watches {summary}{at}") {
        tracing::debug!("cannot say that the monitor is ready: {error}");
    }
    notify.ready(&summary);
    tracing::info!("watching {summary}{at}");
    for signal in signals.forever() {
        if signal != SIGHUP {
            break;
        }
        notify.reloading();
        let status = match reload(path, config, &monitor) {
            Ok(summary) => {
                tracing::info!("the configuration is in force: watching {summary}");
                summary
            }
            Err(error) => {
                let error = story(error.chain());
                tracing::error!("the configuration is not taken over: {error}");
                format!("the configuration is not taken over: {}", first_line(&error))
            }
        };
        notify.ready(&status);
    }
    notify.stopping();
    tracing::info!("stopping");
    monitor.stop();
    // A probe under way is nobody's any more.
    runtime.shutdown_background();
    Ok(Verdict::Yes)
}

/// Opens the socket of the pages.
fn bind(runtime: &Runtime, address: SocketAddr) -> anyhow::Result<TcpListener> {
    runtime.block_on(TcpListener::bind(address)).with_context(|| {
        format!("cannot listen at {address}: is another monitor running? `listen` of [monitor] says where")
    })
}

/// Becomes whom the configuration names, with a folder for the state that is that user's.
fn become_user(config: &Config) -> anyhow::Result<()> {
    let belongings = Belongings::of_monitor(&config.monitor.state);
    if let Some(user) = &config.process.user {
        let account = Account::find(user)?;
        if Account::current().uid.is_root() {
            belongings.prepare(&account);
        }
        account.assume()?;
    }
    belongings.check(&Account::current())
}

/// Reads the configuration again and puts it in force.
fn reload(path: Option<&Path>, old: &Config, monitor: &Monitor) -> anyhow::Result<String> {
    let new = match &old.origin {
        Origin::File(file) | Origin::AcmeDns(file) => Config::find(Some(file))?,
        Origin::BuiltIn => Config::find(None)?,
    };
    let differs = [
        ("monitor.listen", new.monitor.listen != old.monitor.listen),
        ("monitor.state", new.monitor.state != old.monitor.state),
    ];
    for (key, _) in differs.iter().filter(|(_, differs)| *differs) {
        tracing::warn!("only a restart takes over {key}");
    }
    let (plan, summary) = plan::plan(path, &new.monitor)?;
    monitor.configure(plan);
    Ok(summary)
}

/// The first line of what may be a picture of a file.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
