//! A server elsewhere: how soon it answers what was committed at the portal that it follows by HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};

use super::{CHANGES, FIRST, OTHERS, Place, ROUNDS, probe};
use crate::blast::free_port;
use crate::process::{Scheduling, Server};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Measures a server that follows the portal of a place, which is served and has the whole list.
///
/// # Errors
/// If it does not start, or does not get what changes.
pub(super) fn measure(
    settings: &Settings,
    results: &mut Results,
    portal: &Place,
    subject: &str,
) -> anyhow::Result<()> {
    eprintln!("registry on {subject}: a server that follows, its start");
    let place = Place {
        folder: portal.folder.join("follower"),
        repute: portal.repute.clone(),
        dns: free_port()?,
        portal: portal.portal,
    };
    let config = config(&place, portal)?;
    let begin = Instant::now();
    // It answers nothing before it has fetched the whole list.
    let server = start(settings, &place, &config)?;
    results.add(Part::Registry, WHOLE, subject, "s", begin.elapsed().as_secs_f64());
    // From before the command to the answer: the time of the command is in it.
    for round in 0..settings.rounds.min(ROUNDS) {
        eprintln!("registry on {subject}: changes for who follows, round {}", round + 1);
        let base = OTHERS + ((ROUNDS + round) as u32) * 2 * CHANGES;
        let some = portal.rows("some.txt", base, CHANGES)?;
        let begin = Instant::now();
        let took = portal.import("bl.example", &some, &format!("followed {round}"))?;
        place.until_listed(base + 2 * (CHANGES - 1), "bl.example")?;
        let after = begin.elapsed().as_secs_f64() - took;
        results.add(Part::Registry, FOLLOWED, subject, "s", after);
    }
    drop(server);
    Ok(())
}

/// Makes a folder with a configuration, and a token for it; where the configuration is.
fn config(place: &Place, portal: &Place) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(place.folder.join("data"))?;
    fs::write(place.folder.join("token"), told(portal, &["subscriber", "add", "ns2.example"])?)?;
    let keys = told(portal, &["distribution", "key"])?;
    let key = keys.split_whitespace().next().context("a key")?;
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:{}\"]\nmetrics = \"\"\ndata-dir = \"data\"\nworkers = 1\n\
         [[follow]]\nurl = \"http://127.0.0.1:{}\"\ntoken-file = \"token\"\npublic-keys = [\"{key}\"]\n",
        place.dns, portal.portal
    );
    let file = place.folder.join("repute.toml");
    fs::write(&file, config)?;
    Ok(file)
}

/// What `repute registry` prints at a portal.
fn told(portal: &Place, words: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(&portal.repute);
    command.current_dir(&portal.folder).arg("registry").args(words);
    let output = command.args(["--config", "repute.toml"]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "repute registry {}: {errors}", words.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts it on the other processor, as it is another machine, and waits until it answers the first entry.
fn start(settings: &Settings, place: &Place, config: &Path) -> anyhow::Result<Server> {
    let mut command = Command::new(&place.repute);
    command.current_dir(&place.folder).args(["serve", "--config"]).arg(config);
    let probe = probe(FIRST, "bl.example");
    let (cpus, how) = ([settings.generator_cpu], Scheduling::Normal);
    Server::start(command, place.dns, &cpus, how, probe.packet(0), &place.folder.join("log"))
}

/// What changes take to who follows.
pub(crate) const FOLLOWED: &str =
    "1,000 changes, from the command's end to DNS of a server that follows the portal";
/// What it takes to begin.
const WHOLE: &str = "start of a server that follows, to its first answer";
