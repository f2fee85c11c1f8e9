//! A server from its first step to its last.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::control::{Reload, Reloads};
use repute_nameserver::counters::{Rcode, Totals, ZoneTotals};
use repute_nameserver::listen::{self, Address, Given, ListenError};
use repute_nameserver::rate_limit;
use repute_nameserver::server::{Bound, Config, Parts, Running, Server};
use repute_nameserver::status::StatusBoard;
use repute_nameserver::zones::{Identity as Speaker, Serving, ZoneIndex, ZoneState, Zones};
use repute_zone::Dialect;

use super::LOADING_FAILED;
use super::load::{Datasets, Refreshed};
use super::options::{Options, QueryLog, Version};
use super::plan::Plan;
use super::process::{self, Background, Identity, Notify, Side};
use super::query_log::{self, Log};
use super::resolve;
use super::signals::{Event, Events};
use super::statistics::{Counts, Reading, Statistics};
use super::talk::Talk;

/// Serves until a signal ends it; in the background unless told otherwise.
pub(super) fn serve(options: &Options) -> ExitCode {
    let terminal = Talk::to_terminal(false);
    let given = match given() {
        Ok(given) => given,
        Err(message) => {
            terminal.error(message);
            return ExitCode::FAILURE;
        }
    };
    if options.bind.is_empty() && given.udp.is_empty() {
        terminal.error("no address to listen on (-b option) specified");
        return ExitCode::FAILURE;
    }
    let notify = Notify::open(std::env::var_os("NOTIFY_SOCKET").as_deref());
    let (background, mut talk) = if notify.is_on() {
        (None, Talk::default().and_syslog(options.facility))
    } else if options.foreground {
        (None, Talk::to_terminal(true))
    } else {
        match process::fork() {
            Ok(Side::Parent(code)) => return code,
            Ok(Side::Daemon(background)) => {
                let news = !options.quick && options.query_log != Some(QueryLog::Stdout);
                (Some(background), Talk::to_terminal(news).and_syslog(options.facility))
            }
            Err(why) => {
                terminal.error(process::failed("fork() failed", &why));
                return ExitCode::FAILURE;
            }
        }
    };
    match run(options, given, background, &notify, &mut talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            talk.error(message);
            ExitCode::FAILURE
        }
    }
}

/// Does everything in its order.
fn run(
    options: &Options,
    given: Given,
    background: Option<Background>,
    notify: &Notify,
    talk: &mut Talk,
) -> Result<(), String> {
    let bound = bind(options, given, talk)?;
    let identity = Identity::find(options.user.as_deref())?;
    if let Some(path) = &options.pid_file {
        process::write_pid(path)?;
    }
    process::enter(options.root.as_deref(), options.work.as_deref())?;
    identity.assume()?;

    repute_nameserver::loader::memory::prepare();
    let plan = Plan::new(&options.zones)?;
    let mut lists = Lists::new(plan, options);
    if !options.quick && lists.refresh(talk) != Refreshed::Whole {
        return Err(LOADING_FAILED.to_owned());
    }
    let sockets = bound.udp_addresses().len();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|why| process::failed("unable to start", &why))?;
    let parts = Parts {
        zones: Arc::clone(&lists.zones),
        board: Arc::new(StatusBoard::new()),
        reload: Arc::new(BySignal),
        runtime: runtime.handle().clone(),
        beyond: None,
        certificate: None,
    };
    let events = Events::listen(options.check.0);
    let events = events.map_err(|why| process::failed("unable to catch signals", &why))?;
    let (mut log, bound, unlogged) = Log::start(options.query_log.as_ref(), bound);
    let running = bound.start(parts).map_err(|why| format!("unable to start: {why}"))?;
    let (version, count) = (env!("CARGO_PKG_VERSION"), lists.plan.zones.len());
    talk.info(format!("Repute version {version} started ({sockets} socket(s), {count} zone(s))"));
    if let Some(why) = unlogged {
        talk.error(why);
    }
    if let Some(background) = background {
        background.ready(talk, options.query_log == Some(QueryLog::Stdout));
    }
    if options.quick {
        lists.refresh(talk);
    }
    notify.tell("READY=1\n");

    let mut ledger = Ledger::new(options, lists.names());
    ledger.mark(talk);
    attend(events, &running, &mut log, &mut lists, &mut ledger, notify, talk);

    notify.tell("STOPPING=1\n");
    talk.info("terminating");
    // The last answers are counted before the counts are told.
    let totals = running.totals();
    runtime.block_on(running.stop());
    ledger.end(&lists.reading(&totals), talk);
    Ok(())
}

/// Does what signals and the clock ask for, until one asks to stop.
fn attend(
    mut events: Events,
    running: &Running,
    log: &mut Log<'_>,
    lists: &mut Lists,
    ledger: &mut Ledger,
    notify: &Notify,
    talk: &Talk,
) {
    let reload = |lists: &mut Lists| {
        notify.tell("RELOADING=1\n");
        lists.refresh(talk);
        notify.tell("READY=1\n");
    };
    loop {
        let event = events.next();
        let reading = lists.reading(&running.totals());
        match event {
            Event::Check => {
                ledger.write(&reading, talk);
                reload(lists);
            }
            Event::Reload => {
                log.reopen(running, talk);
                reload(lists);
            }
            Event::Statistics => {
                ledger.write(&reading, talk);
                ledger.tell(&reading, talk);
            }
            Event::Reset => {
                ledger.write(&reading, talk);
                ledger.tell(&reading, talk);
                ledger.reset(&reading, talk);
            }
            Event::Stop => return,
        }
    }
}

/// Takes the sockets that systemd opened, if it did.
fn given() -> Result<Given, String> {
    let variable = |name| std::env::var(name).ok();
    let (pid, fds) = (variable("LISTEN_PID"), variable("LISTEN_FDS"));
    let names = variable("LISTEN_FDNAMES");
    let pid = pid.as_deref();
    Given::from_systemd(std::process::id(), pid, fds.as_deref(), names.as_deref())
        .map_err(|why| why.to_string())
}

/// Binds all addresses by UDP, and by TCP where that is free.
fn bind(options: &Options, given: Given, talk: &Talk) -> Result<Bound, String> {
    let mut addresses = Vec::new();
    for bind in &options.bind {
        for address in resolve::addresses(bind, options.family)? {
            addresses.push(Address::required(address));
        }
    }
    let mut config = Config {
        listen: listen::Config {
            addresses,
            // rbldnsd answers as much as it is asked.
            rate_limit: rate_limit::Config { responses_per_second: 0, ..Default::default() },
            ..listen::Config::default()
        },
        query_log: query_log::config(options.query_log.as_ref()),
        ..Config::default()
    };
    config.http.address = None;
    let unable = |error: ListenError| match error {
        ListenError::InUse { address, .. } => unable_to_bind(address, "Address already in use"),
        ListenError::Forbidden { address, .. } => unable_to_bind(address, "Permission denied"),
        ListenError::NotHere { address } => {
            unable_to_bind(address, "Cannot assign requested address")
        }
        other => other.to_string(),
    };
    let bound = match Server::bind(config.clone(), given) {
        // rbldnsd never had TCP: its absence must not keep a set-up from starting that worked.
        Err(ListenError::InUse { address, transport: "TCP" }) => {
            let why = unable_to_bind(address, "Address already in use");
            talk.warning(format!("{why}: serving without TCP"));
            config.listen.tcp.connections = 0;
            Server::bind(config, Given::default())
        }
        bound => bound,
    };
    let bound = bound.map_err(unable)?;
    for address in bound.udp_addresses() {
        talk.info(format!("listening on {}/{}", address.ip(), address.port()));
    }
    Ok(bound)
}

/// Says that an address cannot be had.
fn unable_to_bind(address: std::net::SocketAddr, why: &str) -> String {
    format!("unable to bind to {}/{}: {why}", address.ip(), address.port())
}

/// The data and the zones that are made of it.
struct Lists {
    plan: Plan,
    datasets: Datasets,
    zones: Arc<ArcSwap<Zones>>,
    /// `-a`: positive answers go without name servers.
    minimal: bool,
    /// When each zone's data was found to have expired, so that it is told once.
    expired: Vec<bool>,
}

impl Lists {
    /// Nothing is loaded: every zone answers SERVFAIL.
    fn new(plan: Plan, options: &Options) -> Lists {
        let version = match options.version {
            Version::Shown => Some(format!("rbldnsd (Repute {})", env!("CARGO_PKG_VERSION"))),
            Version::Hidden => Some("rbldnsd".to_owned()),
            Version::Refused => None,
        };
        let dialect = Dialect::Rbldnsd;
        let speaker = Speaker { version, dialect, ..Speaker::default() };
        let datasets = Datasets::new(&plan.datasets, options);
        let expired = vec![false; plan.zones.len()];
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(speaker)));
        let lists = Lists { plan, datasets, zones, minimal: options.minimal, expired };
        lists.publish();
        lists
    }

    /// Reads what changed and puts it into service.
    fn refresh(&mut self, talk: &Talk) -> Refreshed {
        let start = Instant::now();
        let refreshed = self.datasets.refresh(now() as u32, talk);
        if refreshed != Refreshed::Nothing {
            self.publish();
            repute_nameserver::loader::memory::trim();
            for zone in &self.plan.zones {
                if zone.datasets.iter().any(|id| self.datasets.get(*id).is_none()) {
                    let apex = &zone.apex;
                    talk.warning(format!(
                        "zone {apex}: not all datasets are loaded, zone will not be serviced"
                    ));
                }
            }
            let (seconds, kib) = (start.elapsed().as_secs_f64(), self.datasets.bytes() / 1024);
            talk.info(format!("zones reloaded, time {seconds:.2}e sec, mem data={kib} Kb"));
        }
        self.tell_expired(talk);
        refreshed
    }

    /// Makes zones of the data there is and swaps them in, all at once.
    fn publish(&self) {
        let get = |id| self.datasets.get(id);
        let mut zones = Zones::clone(&self.zones.load());
        for (place, planned) in self.plan.zones.iter().enumerate() {
            let state = match self.datasets.zone(planned) {
                Some(zone) => ZoneState::Serving(Arc::new(zone)),
                None => ZoneState::Failed,
            };
            let serving = Serving {
                acl: planned.acl.and_then(get),
                key_acl: planned.aclkey.and_then(get),
                name_servers_in_answers: !self.minimal,
                is_private: false,
            };
            zones = zones.with(&planned.apex, index(place), state, serving);
        }
        let (acl, aclkey) = (self.plan.acl.and_then(get), self.plan.aclkey.and_then(get));
        self.zones.store(Arc::new(zones.with_acl(acl, aclkey)));
    }

    /// Tells of zones whose data says that its time is over.
    fn tell_expired(&mut self, talk: &Talk) {
        let zones = self.zones.load();
        for (zone, told) in self.plan.zones.iter().zip(&mut self.expired) {
            let expires = match zones.get(&zone.apex) {
                Some(ZoneState::Serving(zone)) => zone.expires(),
                Some(ZoneState::Records(_) | ZoneState::Failed) | None => None,
            };
            let expired = expires.is_some_and(|at| u64::from(at) < now());
            if expired && !*told {
                let apex = &zone.apex;
                talk.warning(format!("zone {apex}: zone data expired, zone will not be serviced"));
            }
            *told = expired;
        }
    }

    /// The zones' names.
    fn names(&self) -> Vec<Name> {
        self.plan.zones.iter().map(|zone| zone.apex.clone()).collect()
    }

    /// Sorts counters as rbldnsd does.
    fn reading(&self, totals: &Totals) -> Reading {
        let zones = (0..self.plan.zones.len()).map(|place| counts(&totals.zone(index(place))));
        let mut all = counts(&totals.everywhere());
        // Queries without an answer have no zone.
        all.err += totals.udp.dropped + totals.tcp.dropped;
        all.bytes_in = totals.udp.bytes_in + totals.tcp.bytes_in;
        Reading { zones: zones.collect(), all }
    }
}

/// Sorts the counters of a zone as rbldnsd does.
fn counts(totals: &ZoneTotals) -> Counts {
    let (ok, nxd) = (totals.rcode(Rcode::NoError), totals.rcode(Rcode::NxDomain));
    Counts {
        ok,
        nxd,
        err: totals.answers() - ok - nxd,
        bytes_in: totals.bytes_in,
        bytes_out: totals.bytes_out,
    }
}

/// The place of a zone in the plan as the number its counters are kept by.
fn index(place: usize) -> ZoneIndex {
    // More zones than fit into 16 bits do not fit onto a command line either.
    ZoneIndex(u16::try_from(place).unwrap_or(u16::MAX))
}

/// Where statistics are told and written.
struct Ledger {
    statistics: Statistics,
    file: Option<std::path::PathBuf>,
    /// Whether the last line could not be written: that is told once, not at each line.
    is_failing: bool,
}

impl Ledger {
    /// Begins to count now.
    fn new(options: &Options, names: Vec<Name>) -> Ledger {
        let file = options.statistics.as_ref();
        let relative = file.is_some_and(|file| file.relative);
        let statistics = Statistics::new(names, relative, now());
        Ledger { statistics, file: file.map(|file| file.path.clone()), is_failing: false }
    }

    /// Writes a line to the file.
    fn write(&mut self, reading: &Reading, talk: &Talk) {
        if self.file.is_some() {
            let line = self.statistics.file_line(reading, now());
            self.append(&line, talk);
        }
    }

    /// Writes a time alone to the file: counts start again here.
    fn mark(&mut self, talk: &Talk) {
        if self.file.is_some() {
            self.append(&now().to_string(), talk);
        }
    }

    /// Tells the counts.
    fn tell(&self, reading: &Reading, talk: &Talk) {
        for message in self.statistics.messages(reading, now()) {
            talk.info(message);
        }
    }

    /// Counts from zero.
    fn reset(&mut self, reading: &Reading, talk: &Talk) {
        self.statistics.reset(reading, now());
        self.mark(talk);
    }

    /// Writes and tells for the last time.
    fn end(&mut self, reading: &Reading, talk: &Talk) {
        self.write(reading, talk);
        self.tell(reading, talk);
        self.mark(talk);
    }

    /// Adds a line to the file, which is opened each time so that it may be rotated.
    ///
    /// A file that cannot be written is told, and told again only after it could be.
    fn append(&mut self, line: &str, talk: &Talk) {
        let Some(path) = &self.file else { return };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written: io::Result<()> = file.and_then(|mut file| writeln!(file, "{line}"));
        let was_failing = std::mem::replace(&mut self.is_failing, written.is_err());
        if let Err(why) = written
            && !was_failing
        {
            let what = format!("unable to write statistics to {}", path.display());
            talk.warning(process::failed(&what, &why));
        }
    }
}

/// There is no control socket here: reloads come by signal.
struct BySignal;

impl Reload for BySignal {
    fn reload(&self, _zone: Option<&Name>) -> Result<Reloads, String> {
        Err("send SIGHUP to reload".to_owned())
    }
}

/// The time in Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
