//! Checking: what a look-up in ninety lists costs, as a whole process, beside check_rbl and rblcheck, and beside a
//! scrape of dnsbl_exporter.
//!
//! check_rbl asks port 53, and rblcheck the system's resolver, so all of this runs again in namespaces of its own,
//! where a server of ours is the resolver: [`slow`] answers after 30 ms, as lists on the Internet do, or not at all.
//! How many look-ups a second are possible is measured against Repute's own server, which does not wait.

mod exporter;
pub(crate) mod slow;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::blast::{free_port, loopback};
use crate::kernel;
use crate::process::{Scheduling, Server, find, myself, restrict};
use crate::queries::{Edns, Expect, Queries, Type};
use crate::random::Random;
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Measures Repute's checker and its peers.
///
/// # Errors
/// If the servers cannot be started; a checker that fails is noted in the results.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let Some(repute) = &settings.repute else {
        results.miss("Repute's checker: build it with --release".into());
        return Ok(());
    };
    let peers = Peers::find(results);
    let folder = settings.folder()?.join("check");
    fs::create_dir_all(&folder)?;
    // Whole, as a cache is not looked for at a path that is relative.
    let folder = folder.canonicalize()?;
    with_slow_lists(settings, results, &folder, repute, &peers)?;
    with_fast_lists(settings, results, &folder, repute)
}

/// Runs this program again in namespaces of its own, where port 53 and `/etc/resolv.conf` are ours.
///
/// # Errors
/// If the system allows no namespaces, or the run fails.
pub(crate) fn run_inside() -> anyhow::Result<()> {
    let mut command = Command::new("unshare");
    if fs::metadata("/proc/self")?.uid() != 0 {
        command.arg("--map-root-user");
    }
    // The shell does what only the inside may do; this program's own arguments follow as its parameters.
    let script = "ip link set lo up && ip address add 127.0.9.53/8 dev lo 2>/dev/null; \
                  echo 'nameserver 127.0.9.53' > \"$1\" && mount --bind \"$1\" /etc/resolv.conf && \
                  shift && exec \"$@\"";
    let resolv = std::env::temp_dir().join(format!("repute-bench-{}.conf", std::process::id()));
    command.args(["--net", "--mount", "sh", "-c", script, "sh"]).arg(&resolv).arg(myself());
    let status = command
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("cannot start unshare (util-linux)")?;
    // It was made by the shell, if that came so far.
    let _absent = fs::remove_file(&resolv);
    ensure!(status.success(), "the run in namespaces of its own ended with {status}");
    Ok(())
}

/// Whether this already is that run.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// One address in ninety lists that answer after 30 ms, of which four or none are dead.
fn with_slow_lists(
    settings: &Settings,
    results: &mut Results,
    folder: &Path,
    repute: &Path,
    peers: &Peers,
) -> anyhow::Result<()> {
    let resolver: SocketAddr = slow::RESOLVER.parse().context("a constant address parses")?;
    let mut command = Command::new(myself());
    command.args(["slow", "--listen", slow::RESOLVER]);
    let mut probe = Queries::default();
    probe.push("2.0.0.127.good1.test", Type::A, Edns::Absent, Expect::Listed);
    let _server = Server::start_at(
        command,
        resolver,
        &[settings.server_cpu],
        Scheduling::RealTime,
        (probe.packet(0), PATIENCE),
        &folder.join("slow.log"),
    )?;
    let check = |dead: usize, cache: &Path| {
        let mut command = Command::new(repute);
        command.args(["check", ADDRESS, "--quiet", "--resolver", slow::RESOLVER]);
        for zone in zones(dead) {
            command.args(["--list", &zone]);
        }
        command.env("XDG_CACHE_HOME", cache);
        command
    };
    for round in 0..settings.rounds {
        eprintln!("check: round {}", round + 1);
        let cache = folder.join("cache");
        let forget = || fs::remove_dir_all(&cache);
        peers.measure(settings, results, folder, (GOOD, 0))?;
        let _absent = forget();
        let took = measure(settings, check(0, &cache), &[0])?;
        results.add(Part::Check, GOOD, REPUTE, "s", took.wall);
        // They wait as long each time, and never vary.
        if round == 0 {
            peers.measure(settings, results, folder, (DEAD, 4))?;
        }
        let _absent = forget();
        let took = measure(settings, check(4, &cache), &[0])?;
        results.add(Part::Check, DEAD, REPUTE, "s", took.wall);
        let took = measure(settings, check(4, &cache), &[0])?;
        results.add(Part::Check, DEAD, AGAIN, "s", took.wall);
    }
    Ok(())
}

/// The zones of all lists, of which the first so many are dead.
fn zones(dead: usize) -> Vec<String> {
    let dead_ones = (0..dead).map(|i| format!("dead{i}.test"));
    dead_ones.chain((dead..LISTS).map(|i| format!("good{i}.test"))).collect()
}

/// What others check addresses with, as far as it is there.
struct Peers {
    /// Debian's monitoring plugin.
    check_rbl: Option<PathBuf>,
    /// Debian's command.
    rblcheck: Option<PathBuf>,
    /// The exporter for Prometheus, which no package manager has.
    exporter: Option<PathBuf>,
}

impl Peers {
    /// Finds them; one that is missing is named in the results.
    fn find(results: &mut Results) -> Peers {
        let mut peer = |name: &str, from: &str| {
            let found = find(name);
            if found.is_none() {
                results.miss(format!("{name}: not installed ({from})"));
            }
            found
        };
        let plugin = PathBuf::from("/usr/lib/nagios/plugins/check_rbl");
        Peers {
            check_rbl: Some(plugin)
                .filter(|path| path.is_file())
                .or_else(|| peer("check_rbl", "monitoring-plugins-contrib")),
            rblcheck: peer("rblcheck", "rblcheck"),
            exporter: peer("dnsbl_exporter", "github.com/Luzilla/dnsbl_exporter, into PATH"),
        }
    }

    /// Looks one address up with each of them, in lists of which so many are dead.
    fn measure(
        &self,
        settings: &Settings,
        results: &mut Results,
        folder: &Path,
        (case, dead): (&str, usize),
    ) -> anyhow::Result<()> {
        let zones = zones(dead);
        let with = |mut command: Command, options: &[&str]| {
            command.args(options);
            for zone in &zones {
                command.args(["-s", zone]);
            }
            command
        };
        if let Some(program) = &self.check_rbl {
            let options = ["-H", ADDRESS, "-n", "127.0.9.53"];
            let took = measure(
                settings,
                with(Command::new(program), &options),
                // With dead ones, nothing that it was told is left at the end.
                if dead == 0 { &[0] } else { &[3] },
            )?;
            results.add(Part::Check, case, CHECK_RBL, "s", took.wall);
        }
        if let Some(program) = &self.rblcheck {
            let mut command = with(Command::new(program), &["-c"]);
            command.arg(ADDRESS);
            let took = measure(settings, command, &[0])?;
            // It ends with 0 on errors too.
            ensure!(took.lines == LISTS, "rblcheck wrote of {} lists", took.lines);
            results.add(Part::Check, case, RBLCHECK, "s", took.wall);
        }
        if let Some(program) = &self.exporter {
            let took = exporter::scrape(settings, program, folder, (ADDRESS, &zones))?;
            results.add(Part::Check, case, EXPORTER, "s", took.as_secs_f64());
        }
        Ok(())
    }
}

/// Thousands of addresses in ninety lists that answer at once.
fn with_fast_lists(
    settings: &Settings,
    results: &mut Results,
    folder: &Path,
    repute: &Path,
) -> anyhow::Result<()> {
    let port = free_port()?;
    let config = fast_lists(folder, port)?;
    let mut command = Command::new(repute);
    command.arg("serve").arg("--config").arg(&config);
    let mut probe = Queries::default();
    probe.push("2.0.0.127.list0.test", Type::A, Edns::Absent, Expect::Listed);
    let (cpus, log) = ([settings.server_cpu], folder.join("fast.log"));
    let _server = Server::start(command, port, &cpus, Scheduling::RealTime, probe.packet(0), &log)?;
    for (addresses, case) in [(1_000, THOUSAND), (MILLION.div_ceil(LISTS), MEMORY)] {
        let targets = folder.join(format!("{addresses}.txt"));
        let mut random = Random::new(settings.lists.seed);
        let address = |_| format!("{}\n", std::net::Ipv4Addr::from(random.bits() as u32 | 1 << 30));
        fs::write(&targets, (0..addresses).map(address).collect::<String>())?;
        let rounds = if addresses > 1_000 { settings.rounds.div_ceil(3) } else { settings.rounds };
        for _ in 0..rounds {
            let mut command = Command::new(repute);
            command.args(["check", "--forgetful", "--file"]).arg(&targets);
            for list in 0..LISTS {
                command.args(["--list", &format!("list{list}.test@{}", loopback(port))]);
            }
            let took = measure(settings, command, &[0])?;
            ensure!(took.lines >= addresses, "it left targets out");
            ensure!(took.unknown == 0, "it invented time-outs, of {} targets", took.unknown);
            let lookups = (addresses * LISTS) as f64;
            if addresses == 1_000 {
                results.add(Part::Check, case, REPUTE, "look-ups/s", lookups / took.wall);
                results.add(Part::Check, case, REPUTE_CPU, "look-ups/CPU-s", lookups / took.cpu);
            } else {
                results.add(Part::Check, case, REPUTE, "MiB", took.memory);
            }
        }
    }
    Ok(())
}

/// Writes ninety small lists and the configuration that serves them.
fn fast_lists(folder: &Path, port: u16) -> anyhow::Result<PathBuf> {
    let list = folder.join("list.txt");
    fs::write(&list, "192.0.2.1\n10.9.0.0/16\n")?;
    let mut text = format!(
        "[server]\nlisten = [\"{}\"]\nworkers = 1\nmetrics = \"\"\ndata-dir = \"{}\"\n",
        loopback(port),
        folder.join("data").display()
    );
    for zone in 0..LISTS {
        text.push_str(&format!(
            "[[zone]]\napex = \"list{zone}.test\"\n\
             [[zone.source]]\nkind = \"addresses\"\nfiles = [\"{}\"]\n",
            list.display()
        ));
    }
    let config = folder.join("repute.toml");
    fs::write(&config, text)?;
    Ok(config)
}

/// What a checker's run took.
struct Took {
    /// From its start to its end, in seconds.
    wall: f64,
    /// The CPU time, in seconds.
    cpu: f64,
    /// The most memory it had, in MiB.
    memory: f64,
    /// How many lines it wrote.
    lines: usize,
    /// In how many of them a list did not say.
    unknown: usize,
}

/// Runs a checker to its end, which must be one of these.
fn measure(settings: &Settings, mut command: Command, ends: &[i32]) -> anyhow::Result<Took> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = settings.folder()?.join("check").join("output");
    command.stdin(Stdio::null()).stdout(fs::File::create(&output)?).stderr(Stdio::null());
    let cpus = [settings.generator_cpu];
    // Mask and policy pass from a thread to the processes it starts.
    let (wall, usage) = std::thread::scope(|scope| {
        let work = || {
            restrict(&cpus, Scheduling::RealTime)?;
            let begin = Instant::now();
            let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
            let usage = kernel::wait(child)?;
            anyhow::Ok((begin.elapsed(), usage))
        };
        scope.spawn(work).join().expect("running a checker does not panic")
    })?;
    // Line by line: the system counts our own memory as that of a process that we start.
    let (mut lines, mut unknown, mut first) = (0, 0, None);
    for line in BufReader::new(fs::File::open(&output)?).lines() {
        let line = line?;
        lines += 1;
        unknown += usize::from(line.contains("did not say"));
        first.get_or_insert(line);
    }
    if !ends.contains(&usage.code) {
        bail!("{name} ended with {}: {}", usage.code, first.unwrap_or_default());
    }
    Ok(Took {
        wall: wall.as_secs_f64(),
        cpu: usage.cpu.as_secs_f64(),
        memory: usage.memory as f64 / f64::from(1 << 20),
        lines,
        unknown,
    })
}

/// How long an answer of the slow server is waited for.
const PATIENCE: Duration = Duration::from_millis(200);
/// Says that this is the run in namespaces of its own.
const INSIDE: &str = "REPUTE_BENCH_INSIDE";
/// Lists that an address is looked up in.
const LISTS: usize = 90;
/// Look-ups for the figure of memory.
const MILLION: usize = 1_000_000;
/// The case of one address, all lists alive.
pub(crate) const GOOD: &str = "1 address, 90 lists that answer after 30 ms, whole process";
/// The case of one address, some lists dead.
pub(crate) const DEAD: &str = "the same, 4 of them dead, default options";
/// The case of many addresses.
pub(crate) const THOUSAND: &str = "1,000 addresses, 90 lists that answer at once";
/// The case of memory.
pub(crate) const MEMORY: &str = "1,000,000 look-ups";
/// The address.
const ADDRESS: &str = "192.0.2.25";
/// The peers.
const CHECK_RBL: &str = "check_rbl";
const RBLCHECK: &str = "rblcheck";
/// This one is a daemon that asks when it is asked, so its start is not counted.
const EXPORTER: &str = "dnsbl_exporter, a scrape";
/// Ourselves.
pub(crate) const REPUTE: &str = "Repute";
/// Ourselves, by CPU time.
const REPUTE_CPU: &str = "Repute, by its own CPU time";
/// Ourselves, once we know which lists are dead.
pub(crate) const AGAIN: &str = "Repute, the second time";
