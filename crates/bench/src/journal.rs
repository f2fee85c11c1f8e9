//! Changes to a loaded list: the CPU time of a journal record of ten changes to the mixed list.
//!
//! The records touch the list where queries do: they remove entries, list addresses beside others, and
//! give networks another code. Each builds on the one before, so patches grow as they do in a server.

use std::net::Ipv4Addr;

use repute_dnsxl::{Ipv4Network, Network, Polarity, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::{Dialect, Text, ZoneSpec};

use crate::kernel;
use crate::list::{Addresses, List};
use crate::process::{Scheduling, restrict};
use crate::random::Random;
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Applies records to the mixed list.
///
/// # Errors
/// If the library does not take the list or a record.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    eprintln!("journal");
    let list = settings.lists.addresses(List::Mixed);
    let records = records(&list, settings.lists.seed);
    std::thread::scope(|scope| {
        let work = || {
            restrict(&[settings.server_cpu], Scheduling::RealTime)?;
            let mut editor = editor(&list)?;
            for record in &records {
                let before = kernel::thread_cpu();
                editor.apply(record)?;
                let spent = (kernel::thread_cpu() - before).as_secs_f64() * 1e3;
                results.add(Part::Journal, CASE, SUBJECT, "CPU-ms", spent);
            }
            let before = kernel::thread_cpu();
            editor.compact();
            let spent = (kernel::thread_cpu() - before).as_secs_f64() * 1e3;
            results.add(Part::Journal, "indexes built anew", SUBJECT, "CPU-ms", spent);
            Ok(())
        };
        scope.spawn(work).join().expect("applying records does not panic")
    })
}

/// Makes the list one that can be changed.
fn editor(list: &Addresses) -> anyhow::Result<Editor> {
    let spec = ZoneSpec {
        apex: List::Mixed.apex().parse()?,
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: Vec::new(),
        test_entries: false,
        codes: Vec::new(),
        serial: 0,
    };
    let entries = list.entries.iter().map(|entry| change(entry.base, entry.len, Some(entry.code)));
    Ok(Editor::new(spec, 2100, entries))
}

/// Makes records of ten changes each.
fn records(list: &Addresses, seed: u64) -> Vec<Record> {
    let mut random = Random::new(seed ^ 0x6a6f_7572_6e61_6c00);
    (0..RECORDS)
        .map(|serial| {
            let changes = (0..CHANGES).map(|turn| {
                let entry = *random.pick(&list.entries);
                match turn % 3 {
                    0 => change(entry.base, entry.len, None),
                    1 => change(entry.base ^ random.below(256) as u32, 32, Some(entry.code)),
                    _ => change(entry.base, entry.len, Some(CHANGED)),
                }
            });
            Record { from: serial, to: serial + 1, changes: changes.collect() }
        })
        .collect()
}

/// Lists a network with a code, or takes it off the list.
fn change(base: u32, len: u8, code: Option<u8>) -> Change {
    let network = Ipv4Network::around(Ipv4Addr::from(base), len);
    let state = match code {
        None => State::Absent,
        Some(code) => {
            let text = Text::template("see https://www.example.org/query/ip/$");
            State::Listed(vec![(ReturnCode(Ipv4Addr::new(127, 0, 0, code)), text)])
        }
    };
    Change { key: Key::Network(Network::V4(network)), state }
}

/// What is done.
pub(crate) const CASE: &str = "10 changes to the mixed IPv4 list";
/// Who does it.
pub(crate) const SUBJECT: &str = "Repute, in process";
/// How many records are applied.
const RECORDS: u32 = 300;
/// The code that networks change to.
const CHANGED: u8 = 2;
/// Changes of a record.
const CHANGES: usize = 10;
