//! Debian's rbldnsd and the drop-in, side by side: the same lists, the same queries, the answers
//! compared field by field.
//!
//! What may differ are the rows of a table in doc/rbldnsd.md and of `rbldnsd/compare.rs`, and a test holds
//! the two together; each difference is counted. Lists and queries come from a seed: `REPUTE_SEED=7` tries
//! others, `REPUTE_QUERIES=n` more of them.

#[path = "rbldnsd/compare.rs"]
mod compare;
#[path = "rbldnsd/entries.rs"]
mod entries;
#[path = "serve/free.rs"]
#[expect(dead_code, reason = "these tests want ports alone")]
mod free;
#[path = "rbldnsd/lists.rs"]
mod lists;
#[path = "rbldnsd/program.rs"]
mod program;
#[path = "rbldnsd/queries.rs"]
mod queries;
#[path = "rbldnsd/random.rs"]
mod random;
#[path = "rbldnsd/servers.rs"]
mod servers;
#[path = "rbldnsd/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use compare::{Difference, Ledger, Verdict, compare};
use lists::Lists;
use program::Program;
use queries::{Defect, Query};
use random::Random;
use servers::{Client, PATIENCE, Server, client, read};

#[test]
fn drop_in_answers_as_rbldnsd() {
    let Some(peer) = Program::peer() else { return };
    let run = Run::new(&peer, &Program::ours(), number("REPUTE_QUERIES", 500_000), None);
    run.judge();
    assert!(run.queries >= 500_000 || std::env::var_os("REPUTE_QUERIES").is_some());
    for (difference, row) in Difference::ROWS {
        let times = run.differences.get(&difference).copied().unwrap_or(0);
        assert!(times > 0, "`{row}` is documented but never seen");
    }
}

/// What is allowed here is what people are told: the rows of the table, each with its RFC.
#[test]
fn every_difference_is_a_row_of_the_manual() {
    let manual = include_str!("../doc/rbldnsd.md");
    let (_, section) =
        manual.split_once("## What differs in answers").expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("it is not the last one");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    let (head, rows) = rows.split_first().expect("the table has a head");
    assert_eq!(head[0], "difference");
    let documented: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(documented, Difference::ROWS.map(|(_, row)| row));
    for row in rows {
        assert!(row.len() == 4 && row[3].contains("RFC "), "`{}` names no RFC", row[0]);
    }
}

/// The comparison must be able to fail: rbldnsd answers as itself, but not with other data.
#[test]
fn comparison_sees_one_changed_entry() {
    let Some(peer) = Program::peer() else { return };
    // What rbldnsd does not do at all (EDNS, FORMERR) is no difference of content.
    let content = |run: &Run| {
        let words = ["ANSWER", "AUTHORITY", "ADDITIONAL", "became", "below", "only"];
        let faults = run.faults.iter();
        faults.filter(|fault| words.iter().any(|w| fault.contains(w))).cloned().collect::<Vec<_>>()
    };
    let same = content(&Run::new(&peer, &peer, 20_000, None));
    let denied = |fault: &&String| !fault.ends_with(ABOVE_OTHERS);
    assert_eq!(same.iter().find(denied), None);
    assert!(!same.is_empty(), "rbldnsd denies names above others, and it goes unnoticed");

    let entry = "\n10.1.0.0/17 :77:changed\n";
    let changed = content(&Run::new(&peer, &peer, 40_000, Some(("trie4.test", entry))));
    let seen = changed.iter().filter(|f| f.contains("trie4.test") && !f.ends_with(ABOVE_OTHERS));
    assert!(seen.count() > 0, "a changed entry goes unnoticed");
}

/// Two servers, asked everything.
struct Run {
    /// How many queries both got.
    queries: usize,
    /// How often each documented difference was seen.
    differences: BTreeMap<Difference, usize>,
    /// What nothing explains.
    faults: Vec<String>,
}

impl Run {
    /// Starts both servers on the same lists and compares `total` answers. `change` appends a text
    /// to one file of the second server's.
    fn new(peer: &Program, ours: &Program, total: usize, change: Option<(&str, &str)>) -> Run {
        let seed = number("REPUTE_SEED", 20_261_122) as u64;
        let mut random = Random::new(seed);
        println!("seed {seed}: REPUTE_SEED={seed} repeats this");
        let folder = tempfile::tempdir().expect("a folder for lists can be made");
        readable(folder.path());
        let mut lists = Lists::generate(folder.path(), &mut random, 600);
        for (i, (kind, file)) in real_lists().into_iter().enumerate() {
            lists.add_real(&format!("real{i}.test"), kind, &file);
        }
        let arguments = |specs: &[String]| {
            let options = ["-t", "35m:1m:1w", "-v", "-f", "-c", "0"].map(str::to_owned);
            [&options[..], specs].concat()
        };
        let peer = Server::start(peer, &arguments(&lists.specs));
        if let Some((name, text)) = change {
            let file = folder.path().join(name);
            let old = std::fs::read_to_string(&file).expect("the file was written");
            std::fs::write(&file, old + text).expect("the file was written");
        }
        let ours = Server::start(ours, &arguments(&lists.specs));

        let mut run = Run { queries: 0, differences: BTreeMap::new(), faults: Vec::new() };
        let mut ledger = Ledger::default();
        // Twice as long as any server on loopback needs, for queries that earn silence.
        let quiet = Duration::from_millis(50);

        let mut both = Pair::new(client(1), &peer, &ours);
        let mut exhaustive = queries::exhaustive(&lists);
        // A short run has no time for all of it; proofs may be missing then.
        random.shuffle(&mut exhaustive);
        exhaustive.truncate(total * 3 / 4);
        for batch in exhaustive.chunks(BATCH) {
            both.ask(batch, PATIENCE, &mut run, &mut ledger, 0);
        }
        let malformed: Vec<Query> =
            (0..total / 100).map(|_| queries::malformed(&lists, &mut random)).collect();
        for batch in malformed.chunks(BATCH) {
            both.ask(batch, quiet, &mut run, &mut ledger, 0);
        }
        // Clients the access lists single out, and one over IPv6.
        let mut clients: Vec<IpAddr> = [1, 11, 12, 13, 21, 22, 23, 32, 33].map(client).to_vec();
        if peer.addresses[1].is_ipv6() {
            clients.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
        }
        for (world, from) in (0..).zip(clients.iter().copied()).skip(1) {
            let mut pair = Pair::new(from, &peer, &ours);
            let batch = queries::ordinary(&lists, &mut random, total / 100);
            for batch in batch.chunks(BATCH) {
                pair.ask(batch, PATIENCE, &mut run, &mut ledger, world);
            }
        }
        for (world, from) in [(100, client(10)), (101, client(24))] {
            let mut pair = Pair::new(from, &peer, &ours);
            let batch = queries::ordinary(&lists, &mut random, 4 * BATCH);
            for batch in batch.chunks(BATCH) {
                pair.ask(batch, quiet, &mut run, &mut ledger, world);
            }
        }
        while run.queries < total {
            let batch: Vec<Query> = (0..BATCH).map(|_| queries::any(&lists, &mut random)).collect();
            both.ask(&batch, PATIENCE, &mut run, &mut ledger, 0);
        }
        for (world, name) in ledger.unproven() {
            // Nothing below it was asked for so far: look for what would prove it.
            let from = clients.get(usize::from(world)).copied().unwrap_or(client(1));
            let mut client = Client::new(from, &peer);
            let below = lists.below(&name, &mut random);
            let below: Vec<Query> = below.iter().map(|name| queries::address(name)).collect();
            let exists = below.chunks(BATCH).any(|batch| {
                let batch: Vec<&Query> = batch.iter().collect();
                let replies = client.ask(&batch, PATIENCE, 3).into_iter().flatten();
                let mut replies = replies.filter_map(|reply| wire::parse(&reply).ok());
                replies.any(|reply| reply.rcode == wire::NOERROR)
            });
            if !exists {
                run.faults.push(format!("{name} client {world}: NODATA, nothing below"));
            }
        }
        let denied = ledger.denied();
        run.faults
            .extend(denied.map(|(world, name)| format!("{name} client {world}: {ABOVE_OTHERS}")));
        run
    }

    /// Prints the counts and fails with the first faults if there is any.
    fn judge(&self) {
        println!("{} queries compared", self.queries);
        for (difference, times) in &self.differences {
            println!("{times:8} {difference:?}");
        }
        // One fault of each zone and reason tells more than many of one.
        let mut kinds: BTreeMap<String, (usize, &String)> = BTreeMap::new();
        for fault in &self.faults {
            let (query, why) = fault.split_once(": ").unwrap_or((fault, ""));
            let zone = query.split(".test.").next().and_then(|name| name.rsplit('.').next());
            let why = why.split([':', '[', '{']).next().unwrap_or(why);
            let kind = format!("{} {why}", zone.unwrap_or(query));
            kinds.entry(kind).or_insert((0, fault)).0 += 1;
        }
        for (kind, (times, fault)) in kinds.iter().take(200) {
            println!("{times:8} {kind}, such as {fault}");
        }
        assert!(self.faults.is_empty(), "{} faults of {} kinds", self.faults.len(), kinds.len());
    }
}

/// The same client of two servers.
struct Pair<'a> {
    peer: Client,
    ours: Client,
    server: &'a Server,
}

impl<'a> Pair<'a> {
    /// Opens a socket to each.
    fn new(from: IpAddr, peer: &Server, ours: &'a Server) -> Pair<'a> {
        Pair { peer: Client::new(from, peer), ours: Client::new(from, ours), server: ours }
    }

    /// Asks both and compares. `wait` is how long silence must last to be believed.
    fn ask(
        &mut self,
        batch: &[Query],
        wait: Duration,
        run: &mut Run,
        ledger: &mut Ledger,
        world: u8,
    ) {
        let tries = if wait == PATIENCE { 3 } else { 1 };
        let batch: Vec<&Query> = batch.iter().collect();
        let mut peers = self.peer.ask(&batch, wait, tries);
        let mut ours = self.ours.ask(&batch, wait, tries);
        // A short silence is believed where it is the rule; elsewhere the server was only slow.
        let of_peer = |i: usize| batch[i].defect != Defect::Format && ours[i].is_some();
        self.peer.insist(&batch, &mut peers, of_peer);
        let of_ours = |i: usize| batch[i].defect == Defect::Format || peers[i].is_some();
        self.ours.insist(&batch, &mut ours, of_ours);
        run.queries += batch.len();
        for ((query, peer), ours) in batch.into_iter().zip(peers).zip(ours) {
            let (peer, ours) = match (read(peer.as_deref()), read(ours.as_deref())) {
                (Ok(peer), Ok(ours)) => (peer, ours),
                (peer, ours) => {
                    let why = format!("unreadable: {:?}, {:?}", peer.err(), ours.err());
                    run.faults.push(describe(query, world, &why));
                    continue;
                }
            };
            let whole = || {
                let reply = self.server.ask_tcp(&query.bytes).ok()?;
                wire::parse(&reply).ok()
            };
            match compare(query, peer.as_ref(), ours.as_ref(), whole) {
                Verdict::Same => {}
                Verdict::Allowed(differences) => {
                    for difference in differences {
                        *run.differences.entry(difference).or_default() += 1;
                    }
                }
                Verdict::Wrong(why) => run.faults.push(describe(query, world, &why)),
            }
            if let (Some(peer), Some(ours)) = (&peer, &ours) {
                ledger.note(world, query, peer, ours);
            }
        }
    }
}

/// What is wrong with a name that is denied although something lies below it.
const ABOVE_OTHERS: &str = "NXDOMAIN, names below";

/// How many queries are under way at once: fewer than fit into rbldnsd's receive buffer.
const BATCH: usize = 64;

/// Describes a query in a fault.
fn describe(query: &Query, world: u8, why: &str) -> String {
    let Query { rtype, class, defect, edns, .. } = query;
    let name = wire::name_text(&query.name);
    let name = if query.name.is_empty() { query.bytes.escape_ascii().to_string() } else { name };
    format!("{name} type{rtype} class{class} {defect:?} EDNS {edns:?} client {world}: {why}")
}

/// Returns the lists shipped with the project and how rbldnsd reads them.
fn real_lists() -> [(&'static str, PathBuf); 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lists");
    [
        ("ip4set", folder.join("ipsum/ipsum.txt")),
        ("dnset", folder.join("disposable-domains/disposable-domains.txt")),
    ]
}

/// Lets the user a server runs as read a folder of the test's.
fn readable(folder: &Path) {
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, mode).expect("the test's own folder");
}

/// Returns a number from the environment, or what it is otherwise.
fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
