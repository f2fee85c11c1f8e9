//! `repute config`: an annotated configuration to start from, and whether one is right.

use std::io::Write;
use std::path::Path;

use crate::cli::ConfigCommand;
use crate::config::{Config, EXAMPLE, Origin};
use crate::exit::Verdict;

/// Prints the annotated configuration, or checks one.
pub(super) fn run(path: Option<&Path>, command: &ConfigCommand) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Example => out.write_all(EXAMPLE.as_bytes())?,
        ConfigCommand::Check => {
            let config = Config::find(path)?;
            let name = match &config.origin {
                Origin::File(path) => path.display().to_string(),
                Origin::BuiltIn => "no configuration, the built-in example".to_owned(),
            };
            let zones = config.loader.zones.len();
            let s = if zones == 1 { "" } else { "s" };
            writeln!(out, "{name}: right, {zones} zone{s}")?;
        }
    }
    Ok(Verdict::Yes)
}
