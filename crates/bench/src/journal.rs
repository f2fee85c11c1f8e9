//! Changes to a loaded list: the CPU time of a journal record of ten changes to a million entries.
//!
//! The records touch the list where queries do: they remove entries, list others beside them, and give
//! entries another code. Each builds on the one before, so patches grow as they do in a server.

use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, KeyKind, Network, Polarity, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::{Dialect, Extent, Text, ZoneSpec};

use crate::kernel;
use crate::list::{List, Names, Networks6, Reach};
use crate::process::{Scheduling, restrict};
use crate::random::Random;
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Applies records to a list of each kind. All have as many entries as the mixed list.
///
/// # Errors
/// If the library does not take a list or a record.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    eprintln!("journal");
    let (seed, count) = (settings.lists.seed, settings.lists.addresses);
    let [mixed, networks6, names] = CASES;

    let list = settings.lists.addresses(List::Mixed);
    let network = |base, len| network(Ipv4Network::around(Ipv4Addr::from(base), len));
    let entries = list.entries.iter().map(|e| listed(network(e.base, e.len), e.code));
    let records = records(seed, |random| {
        let entry = *random.pick(&list.entries);
        let beside = network(entry.base ^ random.below(256) as u32, 32);
        (network(entry.base, entry.len), beside)
    });
    measure(settings, results, (mixed, KeyKind::Ip), entries, &records)?;

    let list = Networks6::generate(seed, count);
    let entries = list.entries.iter().map(|half| listed(network6(*half, 64), LISTED));
    let records = self::records(seed, |random| {
        let half = *random.pick(&list.entries);
        (network6(half, 64), network6(half ^ random.below(256), 64))
    });
    measure(settings, results, (networks6, KeyKind::Ip), entries, &records)?;

    let list = Names::generate(seed, count);
    let entries = list.entries.iter().map(|(name, reach)| listed(self::name(name, *reach), LISTED));
    let records = self::records(seed, |random| {
        let (name, reach) = random.pick(&list.entries);
        let beside = format!("{}.{name}", random.below(256));
        (self::name(name, *reach), self::name(&beside, Reach::Exact))
    });
    measure(settings, results, (names, KeyKind::Name), entries, &records)
}

/// Applies records to a list and notes what each cost.
fn measure(
    settings: &Settings,
    results: &mut Results,
    (case, kind): (&str, KeyKind),
    entries: impl Iterator<Item = Change> + Send,
    records: &[Record],
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let work = || {
            restrict(&[settings.server_cpu], Scheduling::RealTime)?;
            let mut editor = Editor::new(spec()?, &[kind], 2100, entries)?;
            for record in records {
                let before = kernel::thread_cpu();
                editor.apply(record)?;
                let spent = (kernel::thread_cpu() - before).as_secs_f64() * 1e3;
                results.add(Part::Journal, case, SUBJECT, "CPU-ms", spent);
            }
            let before = kernel::thread_cpu();
            editor.compact()?;
            let spent = (kernel::thread_cpu() - before).as_secs_f64() * 1e3;
            let case = format!("{case}: indexes built anew");
            results.add(Part::Journal, &case, SUBJECT, "CPU-ms", spent);
            Ok(())
        };
        scope.spawn(work).join().expect("applying records does not panic")
    })
}

/// The zone around a list.
fn spec() -> anyhow::Result<ZoneSpec> {
    Ok(ZoneSpec {
        apex: List::Mixed.apex().parse()?,
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: Vec::new(),
        test_entries: false,
        link: None,
        codes: Vec::new(),
        serial: 0,
    })
}

/// Makes records of ten changes each, from a way to draw a listed key and one beside it.
fn records(seed: u64, draw: impl Fn(&mut Random) -> (Key, Key)) -> Vec<Record> {
    let mut random = Random::new(seed ^ 0x6a6f_7572_6e61_6c00);
    (0..RECORDS)
        .map(|serial| {
            let changes = (0..CHANGES).map(|turn| {
                let (key, beside) = draw(&mut random);
                match turn % 3 {
                    0 => Change { key, state: State::Absent },
                    1 => listed(beside, LISTED),
                    _ => listed(key, CHANGED),
                }
            });
            Record { from: serial, to: serial + 1, changes: changes.collect() }
        })
        .collect()
}

/// Lists a key with a code.
fn listed(key: Key, code: u8) -> Change {
    let text = Text::template("see https://www.example.org/query/ip/$");
    let state = State::Listed(vec![(ReturnCode(Ipv4Addr::new(127, 0, 0, code)), text)]);
    Change { key, state }
}

/// The key of an IPv4 network.
fn network(network: Ipv4Network) -> Key {
    Key::Network(Network::V4(network))
}

/// The key of an IPv6 network, from the upper half of its addresses.
fn network6(half: u64, len: u8) -> Key {
    let address = Ipv6Addr::from(u128::from(half) << 64);
    Key::Network(Network::V6(Ipv6Network::around(address, len)))
}

/// The key of a name.
fn name(name: &str, reach: Reach) -> Key {
    let extent = match reach {
        Reach::Exact => Extent::Exact,
        Reach::Below => Extent::Both,
    };
    Key::Name(name.parse().expect("names that are made up are names"), extent)
}

/// What is done, for each list.
pub(crate) const CASES: [&str; 3] = [
    "10 changes to the mixed IPv4 list",
    "10 changes to as many IPv6 /64",
    "10 changes to as many names",
];
/// Who does it.
pub(crate) const SUBJECT: &str = "Repute, in process";
/// How many records are applied.
const RECORDS: u32 = 300;
/// The code of entries that are added, and of lists with one code.
const LISTED: u8 = 3;
/// The code that entries change to.
const CHANGED: u8 = 2;
/// Changes of a record.
const CHANGES: usize = 10;
