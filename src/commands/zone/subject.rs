//! The lists a command is about: zones of the configuration, snapshots, or plain files.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use repute_dnsxl::Target;
use repute_nameserver::loader::spool::Spool;
use repute_nameserver::loader::{
    self, BuildError, Built, Conditions, Content, SourceOrigin, ZoneConfig,
};
use repute_zone::guard::Reach;

use repute_zone::snapshot;

use crate::cli::ListArgs;
use crate::config::{self, Config};
use crate::exit::story;

/// A list that can be read.
pub(super) struct Subject {
    /// How it is called in what is shown.
    pub(super) name: String,
    /// How it is made.
    config: ZoneConfig,
    /// Where last copies of feeds lie.
    spool: Spool,
    /// How many bytes a compressed list may unpack to.
    max_unpacked: u64,
}

impl Subject {
    /// Finds the lists that were named; without names, all zones of the configuration.
    pub(super) fn find(
        config: Option<&Path>,
        what: &[String],
        list: &ListArgs,
    ) -> anyhow::Result<Vec<Subject>> {
        if list.kind.is_some() && what.is_empty() {
            bail!("--kind says how to read files: name at least one");
        }
        if what.iter().any(|word| word == "-") {
            bail!("a list cannot be read from standard input: write it to a file first");
        }
        if let Some(kind) = list.kind {
            let files: Vec<PathBuf> = what.iter().map(PathBuf::from).collect();
            // Comparing a list with yesterday's snapshot needs the kind for one of them only.
            match what.iter().find(|file| is_snapshot(Path::new(file))) {
                Some(file) if what.len() == 1 => return Ok(vec![Subject::snapshot(file)?]),
                Some(file) => bail!("`{file}` is a snapshot: it cannot be one list with others"),
                None => {}
            }
            let zone = config::zone_of_files(list.apex.clone(), kind, files)?;
            return Ok(vec![Subject::of(zone, what.join(", "), Path::new(""), MAX_UNPACKED)]);
        }
        // Snapshots need no configuration.
        if !what.is_empty() && what.iter().all(|w| Path::new(w).is_file()) {
            return what.iter().map(|w| Subject::snapshot(w)).collect();
        }
        let config = Config::find(config)?;
        let (folder, max_unpacked) = (config.process.data_dir, config.loader.max_unpacked);
        let mut zones = config.loader.zones;
        if what.is_empty() {
            if zones.is_empty() {
                bail!("the configuration has no zone");
            }
            let name = |zone: &ZoneConfig| zone.apex.to_string();
            let subject = |z: ZoneConfig| Subject::of(z.clone(), name(&z), &folder, max_unpacked);
            return Ok(zones.into_iter().map(subject).collect());
        }
        let mut subjects = Vec::with_capacity(what.len());
        for word in what {
            if Path::new(word).is_file() {
                subjects.push(Subject::snapshot(word)?);
                continue;
            }
            let apex = word.parse().with_context(|| format!("`{word}`"))?;
            let Some(at) = zones.iter().position(|z| z.apex == apex) else {
                bail!("`{word}` is neither a zone of the configuration nor a file");
            };
            subjects.push(Subject::of(zones.swap_remove(at), word.clone(), &folder, max_unpacked));
        }
        Ok(subjects)
    }

    /// Finds the one list that was named.
    pub(super) fn find_one(
        config: Option<&Path>,
        what: &[String],
        list: &ListArgs,
    ) -> anyhow::Result<Subject> {
        let mut found = Subject::find(config, what, list)?;
        match (found.pop(), found.is_empty()) {
            (Some(subject), true) => Ok(subject),
            _ => bail!("name one zone or snapshot"),
        }
    }

    /// What became of reading it, if that failed: with its name, unless it is said already.
    pub(super) fn failed(&self, error: BuildError) -> anyhow::Error {
        let error = anyhow::Error::new(error);
        if story(error.chain()).contains(&self.name) {
            error
        } else {
            error.context(self.name.clone())
        }
    }

    /// The feed that a file is the last copy of, if it is one.
    pub(super) fn feed_of(&self, file: &str) -> Option<&str> {
        let Content::Lists(sources) = &self.config.content else { return None };
        sources.iter().find_map(|source| match &source.origin {
            SourceOrigin::Feed(feed) => {
                let copy = self.spool.feed(&feed.url);
                (copy.display().to_string() == file).then_some(feed.url.as_str())
            }
            SourceOrigin::Files(_) => None,
        })
    }

    /// Whether it is a snapshot, which knows no lines.
    pub(super) fn is_snapshot(&self) -> bool {
        matches!(self.config.content, Content::Snapshot(_))
    }

    /// How it is made.
    pub(super) fn config(&self) -> &ZoneConfig {
        &self.config
    }

    /// Reads the list, and shows how far it is if a person watches.
    pub(super) fn build(&self, trace: Option<&Target>) -> Result<Built, BuildError> {
        let bar = self.bar();
        let progress = |bytes: u64| bar.inc(bytes);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let conditions = Conditions {
            now: u32::try_from(now).unwrap_or(u32::MAX),
            max_unpacked: self.max_unpacked,
            trace: trace.cloned(),
            feed: &|feed| self.spool.feed(&feed.url),
            old: None,
            last_serial: None,
            copies: None,
            most: Reach::default(),
            progress: Some(&progress),
        };
        let built = loader::build(&self.config, &conditions);
        bar.finish_and_clear();
        built
    }

    /// A list with all that is needed to read it.
    fn of(config: ZoneConfig, name: String, data_dir: &Path, max_unpacked: u64) -> Subject {
        Subject { name, config, spool: Spool::at(data_dir), max_unpacked }
    }

    /// A snapshot file, whose apex it knows itself.
    fn snapshot(file: &str) -> anyhow::Result<Subject> {
        let path = PathBuf::from(file);
        if !is_snapshot(&path) && File::open(&path).is_ok() {
            bail!(
                "`{file}` is no snapshot; to read it as a list, say of what with --kind, such as \
                 `--kind addresses` or `--kind names`"
            );
        }
        let zone = loader::open(&path)?;
        let config = config::zone_of_snapshot(zone.apex().clone(), path);
        Ok(Subject::of(config, file.to_owned(), Path::new(""), MAX_UNPACKED))
    }

    /// A progress bar over the files' bytes, hidden unless a person watches.
    fn bar(&self) -> ProgressBar {
        let files: Vec<&Path> = match &self.config.content {
            Content::Snapshot(_) => Vec::new(),
            Content::Lists(sources) => sources
                .iter()
                .filter_map(|source| match &source.origin {
                    SourceOrigin::Files(paths) => Some(paths.iter().map(PathBuf::as_path)),
                    SourceOrigin::Feed(_) => None,
                })
                .flatten()
                .collect(),
        };
        let size: u64 = files.iter().filter_map(|f| Some(f.metadata().ok()?.len())).sum();
        if size < WORTH_A_BAR || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = "reading {bar:40} {percent:>3}% of {total_bytes}";
        let style = ProgressStyle::with_template(style).expect("a constant template is sound");
        ProgressBar::new(size).with_style(style)
    }
}

/// Whether a file can be read and says that it is a snapshot.
fn is_snapshot(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && snapshot::is_snapshot(&start)
}

/// How many bytes files outside a configuration may unpack to.
pub(super) const MAX_UNPACKED: u64 = 4 << 30;
/// Smaller lists are read before a bar is seen.
const WORTH_A_BAR: u64 = 1 << 20;
