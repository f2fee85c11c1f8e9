//! `repute registry distribution`: what servers elsewhere need to know.

use std::path::Path;

use repute_distribution::{Keys, keys_in};

use crate::cli::registry::DistributionCommand;
use crate::config::Config;
use crate::exit::{Verdict, say, tell};

/// Runs one of its commands.
pub(super) fn run(config: Option<&Path>, command: &DistributionCommand) -> anyhow::Result<Verdict> {
    let DistributionCommand::Key { add, remove } = command;
    let mut keys = Keys::open(&keys_in(&Config::find(config)?.process.data_dir))?;
    if *add {
        keys.add()?;
        tell!(
            "all of these keys sign, from the next change on or within five minutes: tell the followers of them"
        );
    }
    if let Some(id) = remove {
        keys.remove(id)?;
        tell!(
            "followers that do not know one of these keys go on with what they have, and take nothing new"
        );
    }
    for key in keys.public() {
        say!("{key}  {}", key.id());
    }
    tell!("the keys that sign lie in {}", keys.folder().display());
    Ok(Verdict::Yes)
}
