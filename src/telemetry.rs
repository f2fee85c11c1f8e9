//! Where messages go: to standard error or where another program would write them, as text or JSON, from a level up.
//!
//! What a person asked for goes to standard output and never passes here.

use std::fs::File;
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{LogFormat, LogLevel};

/// Where messages go.
pub(crate) enum Destination {
    /// To standard error.
    Errors,
    /// To standard output.
    Output,
    /// Into a file.
    File(File),
}

/// Begins to write messages. Called once, by the command that runs a server.
pub(crate) fn start(level: LogLevel, format: LogFormat, destination: Destination) {
    let writer = match destination {
        Destination::Errors => BoxMakeWriter::new(std::io::stderr),
        Destination::Output => BoxMakeWriter::new(std::io::stdout),
        Destination::File(file) => BoxMakeWriter::new(Mutex::new(file)),
    };
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Who runs us under systemd gets times from the journal; others want them here.
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer)
        // Where nobody reads any more it would tell so there, and panic.
        .log_internal_errors(false)
        .with_target(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.init(),
        // Whoever gathers such lines tells by it which are an audit's.
        LogFormat::Json => lines.json().flatten_event(true).with_target(true).init(),
    }
}
