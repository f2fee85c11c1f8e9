//! Where messages go: to standard error, as text or JSON, from a level up.
//!
//! What a person asked for goes to standard output and never passes here.

use tracing_subscriber::filter::LevelFilter;

use crate::config::{LogFormat, LogLevel};

/// Begins to write messages. Called once, by the command that runs a server.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Who runs us under systemd gets times from the journal; others want them here.
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // Where nobody reads standard error any more it would tell so there, and panic.
        .log_internal_errors(false)
        .with_target(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.init(),
        // Whoever gathers such lines tells by it which are an audit's.
        LogFormat::Json => lines.json().flatten_event(true).with_target(true).init(),
    }
}
