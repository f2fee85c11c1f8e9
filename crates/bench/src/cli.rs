//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::echo::Calls;
use crate::list::Lists;
use crate::respond::engine::Way;
use crate::settings::Settings;

/// Measures Repute, its peers and the kernel's ceilings side by side.
///
/// Figures are ratios within one run on one machine. A first look:
/// `cargo run --release -p repute-bench -- all --quick`
#[derive(Debug, Parser)]
#[command(name = "repute-bench", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What all parts share.
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Options of all parts.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// Keep lists and what servers leave behind here.
    #[arg(long, global = true, default_value = "target/bench")]
    data: PathBuf,
    /// Seed of lists and queries.
    #[arg(long, global = true, default_value_t = 20_261_121)]
    seed: u64,
    /// Entries of the IPv4 lists.
    #[arg(long, global = true, default_value_t = 1_000_000)]
    v4: usize,
    /// Entries of the large IPv4 list.
    #[arg(long, global = true, default_value_t = 10_000_000)]
    huge: usize,
    /// Entries of the IPv6 list.
    #[arg(long, global = true, default_value_t = 100_000)]
    v6: usize,
    /// Entries of the list of names.
    #[arg(long, global = true, default_value_t = 200_000)]
    names: usize,
    /// How many different names to ask for.
    #[arg(long, global = true, default_value_t = 500_000)]
    queries: usize,
    /// The product; if absent, the `repute` beside this binary.
    #[arg(long, global = true, value_name = "BINARY")]
    repute: Option<PathBuf>,
    /// The CPU of servers and of what is measured in process.
    #[arg(long, global = true, default_value_t = 0)]
    server_cpu: usize,
    /// The CPU of the load generator.
    #[arg(long, global = true, default_value_t = 1)]
    generator_cpu: usize,
    /// How often to measure each figure [default: 9, or 3 with --quick].
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// Seconds a server is loaded in a round [default: 1.2, or 0.4 with --quick].
    #[arg(long, global = true)]
    seconds: Option<f64>,
    /// Fewer and shorter rounds: for a first look, not for publishing.
    #[arg(long, global = true)]
    quick: bool,
    /// Write all figures as JSON to this file too.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Shared {
    /// Turns what was typed into what is meant.
    pub(crate) fn settings(&self) -> Settings {
        let beside = std::env::current_exe().ok().map(|path| path.with_file_name("repute"));
        let repute = self.repute.clone().or(beside).filter(|path| path.is_file());
        let (rounds, seconds) = if self.quick { (3, 0.4) } else { (9, 1.2) };
        Settings {
            lists: Lists {
                folder: self.data.clone(),
                seed: self.seed,
                addresses: self.v4,
                huge: self.huge,
                networks6: self.v6,
                names: self.names,
            },
            repute,
            server_cpu: self.server_cpu,
            generator_cpu: self.generator_cpu,
            rounds: self.rounds.unwrap_or(rounds).max(1),
            duration: Duration::from_secs_f64(self.seconds.unwrap_or(seconds).clamp(0.1, 600.0)),
            queries: self.queries.max(100),
        }
    }

    /// How a report says what was run.
    pub(crate) fn how(&self) -> String {
        let Settings { rounds, duration, queries, .. } = self.settings();
        let seconds = duration.as_secs_f64();
        format!(
            "Lists of {} IPv4 entries ({} for the large one), {} IPv6 networks, {} names, seed {}; \
             {queries} queries, {rounds} interleaved rounds of {seconds} s.",
            self.v4, self.huge, self.v6, self.names, self.seed
        )
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the lists, as rbldnsd text and as a master file.
    Lists {
        /// The folder, instead of `--data`.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Write the queries in dnsperf's format.
    Queries {
        /// The folder, instead of `--data`.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Load a DNS server with queries from a file and print what came back.
    Blast {
        /// The server, as 127.0.0.1:53.
        server: SocketAddr,
        /// The queries in dnsperf's format.
        file: PathBuf,
        /// So many queries a second instead of as many as come back.
        #[arg(long)]
        rate: Option<f64>,
        /// Most queries outstanding.
        #[arg(long, default_value_t = 120)]
        window: usize,
        /// From how many sockets.
        #[arg(long, default_value_t = 4)]
        sockets: usize,
        /// Send an OPT record with each query.
        #[arg(long)]
        edns: bool,
    },
    /// Answer every query with a fixed record: the kernel's ceiling.
    Echo {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:5399")]
        listen: SocketAddr,
        /// By which system calls.
        #[arg(long, value_enum, default_value = "batch")]
        calls: Calls,
        /// How many threads answer.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// Real servers on loopback: answers per server-CPU-second.
    Serve,
    /// Reload under load: lost queries, silence, memory.
    Reload,
    /// Own CPU per query without the kernel, and instructions.
    Respond,
    /// Time to load, and memory.
    Load,
    /// Changes applied to a loaded list.
    Journal,
    /// Addresses looked up in many lists, beside check_rbl, rblcheck and dnsbl_exporter.
    Check,
    /// Imports, how soon DNS has them, and look-ups in the portal, on each database.
    Registry {
        /// Put the report into this page of the manual.
        #[arg(long, value_name = "FILE")]
        update: Option<PathBuf>,
    },
    /// Answers of a list beside updates of another zone, and very many zones, beside BIND.
    Zones {
        /// Put the report into this page of the manual.
        #[arg(long, value_name = "FILE")]
        update: Option<PathBuf>,
    },
    /// Answer as lists far away do: after a while, or never below `deadN.test`.
    Slow {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:5399")]
        listen: SocketAddr,
        /// Milliseconds until an answer.
        #[arg(long, default_value_t = 30)]
        delay: u64,
    },
    /// Answer packets in process, without a clock: what `respond` runs under callgrind.
    Answer {
        /// A snapshot.
        image: PathBuf,
        /// Packets, each behind its length in two bytes.
        packets: PathBuf,
        /// How to call `respond`.
        #[arg(long, value_enum, default_value = "batch")]
        way: Way,
        /// How often to answer all of them.
        #[arg(long, default_value_t = 1)]
        passes: usize,
    },
    /// Everything.
    All {
        /// Put the report between the marks of this page.
        #[arg(long, value_name = "PAGE")]
        update: Option<PathBuf>,
    },
}
