//! rbldnsd's own cost of a query, with no kernel: its binary, with a library preloaded that hands out
//! packets instead of receiving them.
//!
//! The library is a page of C (`shim/userspace.c`), compiled when it is needed: preloading must replace
//! symbols of libc, and the bench's own binary stays free of that. It copies each packet in, which costs
//! rbldnsd some 10 ns that Repute does not pay in process.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::blast::free_port;
use crate::list::List;
use crate::process::{Scheduling, find, restrict};
use crate::queries::Queries;
use crate::settings::Settings;

/// The compiled library, and what to preload it into.
pub(crate) struct Shim {
    /// The library.
    library: PathBuf,
    /// rbldnsd.
    program: PathBuf,
}

/// Whether caches are as warm as the queries leave them, or as cold as other work would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caches {
    /// Nothing else runs.
    Warm,
    /// [`FLUSH_BYTES`] are walked, off the clock, before every 64 queries.
    Flushed,
}

impl Shim {
    /// Compiles the library.
    ///
    /// # Errors
    /// If rbldnsd or a C compiler is missing.
    pub(crate) fn build(settings: &Settings) -> anyhow::Result<Shim> {
        let program = find("rbldnsd").context("rbldnsd is not installed")?;
        let folder = settings.folder()?.canonicalize()?;
        let (source, library) = (folder.join("userspace.c"), folder.join("userspace.so"));
        fs::write(&source, SOURCE)?;
        let status = Command::new("cc")
            .args(["-O2", "-Wall", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .context("no C compiler `cc` for the shim")?;
        ensure!(status.success(), "the shim does not compile");
        Ok(Shim { library, program })
    }

    /// Runs rbldnsd over packets; returns its CPU nanoseconds per query.
    ///
    /// # Errors
    /// If it does not run to the end.
    pub(crate) fn measure(
        &self,
        settings: &Settings,
        list: List,
        kind: &str,
        queries: &Queries,
        caches: Caches,
    ) -> anyhow::Result<f64> {
        let packets = settings.folder()?.canonicalize()?.join("packets");
        let mut out = BufWriter::new(fs::File::create(&packets)?);
        queries.write_packets(&mut out)?;
        out.flush()?;
        let (warm, count, flush) = match caches {
            Caches::Warm => (queries.len(), 3 * queries.len(), 0),
            Caches::Flushed => {
                (queries.len().min(FLUSHED), queries.len().min(FLUSHED), FLUSH_BYTES)
            }
        };
        let text = settings.lists.text(list).canonicalize()?;
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-a", "-c", "0", "-u", "65534:65534"])
            .args(["-b", &format!("127.0.0.1/{}", free_port()?)])
            .arg(format!("{}:{kind}:{}", list.apex(), text.display()))
            .env("LD_PRELOAD", &self.library)
            .env("BENCH_PACKETS", packets)
            .env("BENCH_COUNT", count.to_string())
            .env("BENCH_WARM", warm.to_string())
            .env("BENCH_FLUSH", flush.to_string())
            .stdin(Stdio::null());
        let output = std::thread::scope(|scope| {
            let run = || {
                restrict(&[settings.server_cpu], Scheduling::RealTime)?;
                Ok::<_, anyhow::Error>(command.output()?)
            };
            scope.spawn(run).join().expect("running a program does not panic")
        })?;
        let talk = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = talk
            .lines()
            .find(|line| line.starts_with("ns_per_query"))
            .map(|line| line.split(' ').collect())
            .unwrap_or_default();
        match words.get(1).and_then(|word| word.parse().ok()) {
            Some(nanoseconds) => Ok(nanoseconds),
            None => bail!("rbldnsd under the shim: {}", talk.trim()),
        }
    }
}

/// How much memory is walked to flush caches: more than first- and second-level caches hold, so that the
/// index comes from the third level or memory, as on a server that does other work too.
pub(crate) const FLUSH_BYTES: usize = 8 << 20;

/// How many queries are asked with flushed caches: the walks between them take most of the time.
pub(crate) const FLUSHED: usize = 96_000;

/// The library.
const SOURCE: &str = include_str!("../shim/userspace.c");
