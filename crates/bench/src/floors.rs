//! What Repute must reach, beside what was measured.
//!
//! Each floor is judged by the median of the run that is reported, never by the best value of several.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::check;
use crate::journal;
use crate::list::List;
use crate::load;
use crate::registry;
use crate::registry::follower::FOLLOWED;
use crate::registry::{POSTGRES, SQLITE};
use crate::reload;
use crate::report::number;
use crate::respond::{BATCHED, Case, SCALING, SCALING_CASE};
use crate::results::{Part, Results};
use crate::serve::TWO_WORKERS;
use crate::zones::{self, Subject, accounts};

/// A figure that Repute must reach.
struct Floor {
    /// What it is.
    what: String,
    /// How it follows from what was measured.
    measure: Measure,
    /// What it must be.
    limit: Limit,
    /// Its unit.
    unit: &'static str,
}

/// How a floor's value follows from figures.
enum Measure {
    /// The median of one.
    Median(Part, String, String),
    /// One against another of the same case.
    Ratio(Part, String, String, String),
    /// One less another of another case, same subject.
    Over(Part, String, String, String),
    /// One against another case, same subject.
    Times(Part, String, String, String),
}

/// What a value must be.
#[derive(Clone, Copy)]
enum Limit {
    /// No more.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

/// The floors that were measured and not reached.
pub(crate) fn missed(results: &Results) -> Vec<String> {
    let missed = floors().into_iter().filter_map(|floor| {
        let value = floor.value(results).filter(|value| !floor.reached(*value))?;
        Some(format!("{}: {} {}", floor.what, number(value), floor.unit))
    });
    missed.collect()
}

impl Floor {
    /// Whether it is about something of which anything was measured.
    fn concerns(&self, results: &Results) -> bool {
        let (Measure::Median(part, ..)
        | Measure::Ratio(part, ..)
        | Measure::Over(part, ..)
        | Measure::Times(part, ..)) = &self.measure;
        !results.of(*part).is_empty()
    }

    /// The measured value, if all it needs was measured.
    fn value(&self, results: &Results) -> Option<f64> {
        match &self.measure {
            Measure::Median(part, case, subject) => {
                Some(results.samples(*part, case, subject)?.median())
            }
            Measure::Ratio(part, case, subject, base) => {
                let base = results.samples(*part, case, base)?;
                Some(results.samples(*part, case, subject)?.ratio_to(base))
            }
            Measure::Over(part, case, less, subject) => {
                let less = results.samples(*part, less, subject)?.median();
                Some(results.samples(*part, case, subject)?.median() - less)
            }
            Measure::Times(part, case, base, subject) => {
                let base = results.samples(*part, base, subject)?;
                Some(results.samples(*part, case, subject)?.ratio_to(base))
            }
        }
    }

    /// Whether a value is as it must be.
    fn reached(&self, value: f64) -> bool {
        match self.limit {
            Limit::AtMost(limit) => value <= limit,
            Limit::AtLeast(limit) => value >= limit,
        }
    }
}

/// Writes the table of floors.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from(
        "### What must be reached\n\n| figure | must | measured | reached |\n|---|--:|--:|---|\n",
    );
    for floor in floors().into_iter().filter(|floor| floor.concerns(results)) {
        let limit = match floor.limit {
            Limit::AtMost(limit) => format!("≤ {}", number(limit)),
            Limit::AtLeast(limit) => format!("≥ {}", number(limit)),
        };
        let (value, reached) = match floor.value(results) {
            Some(value) => (number(value), if floor.reached(value) { "yes" } else { "**no**" }),
            None => ("-".into(), "not measured"),
        };
        let (what, unit) = (&floor.what, floor.unit);
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {what} | {limit} {unit} | {value} {unit} | {reached} |");
    }
    text
}

/// The table of floors, for machines.
pub(crate) fn to_json(results: &Results) -> Value {
    let rows = floors().into_iter().filter(|floor| floor.concerns(results)).map(|floor| {
        let value = floor.value(results);
        let (at_most, at_least) = match floor.limit {
            Limit::AtMost(limit) => (Some(limit), None),
            Limit::AtLeast(limit) => (None, Some(limit)),
        };
        json!({
            "figure": floor.what,
            "unit": floor.unit,
            "at_most": at_most,
            "at_least": at_least,
            "measured": value,
            "reached": value.map(|value| floor.reached(value)),
        })
    });
    rows.collect()
}

/// All floors.
fn floors() -> Vec<Floor> {
    let mut floors = Vec::new();
    serving(&mut floors);
    responding(&mut floors);
    memory_and_load(&mut floors);
    reloading(&mut floors);
    checking(&mut floors);
    registry(&mut floors);
    following(&mut floors);
    zones(&mut floors);
    floors
}

/// Floors of zones of our own.
fn zones(floors: &mut Vec<Floor>) {
    let [repute, bind] = [Subject::Repute, Subject::Bind].map(|who| who.title().to_owned());
    let mut add = |what: &str, measure, limit, unit| {
        floors.push(Floor { what: what.into(), measure, limit, unit });
    };
    add(
        "p99 of answers beside 1,000 updates/s, to that without",
        Measure::Times(Part::Zones, zones::BUSY.into(), zones::IDLE.into(), repute.clone()),
        Limit::AtMost(2.0),
        "x",
    );
    let median = |case: &str| Measure::Median(Part::Zones, case.into(), repute.clone());
    add(zones::RATE, median(zones::RATE), Limit::AtLeast(990.0), "/s");
    add(zones::LOST, median(zones::LOST), Limit::AtMost(0.0), "");
    add(zones::REFUSED, median(zones::REFUSED), Limit::AtMost(0.0), "");
    for (case, limit) in [
        (zones::FLAT_OUT, Limit::AtLeast(1.0)),
        (zones::START, Limit::AtMost(1.0)),
        (zones::MEMORY, Limit::AtMost(1.0)),
    ] {
        let measure = Measure::Ratio(Part::Zones, case.into(), repute.clone(), bind.clone());
        add(&format!("{case}, to BIND"), measure, limit, "x");
    }
    for (case, limit, unit) in [
        (accounts::UPDATE, Limit::AtLeast(1_000.0), "/s"),
        (accounts::START, Limit::AtMost(5.0), "s"),
        (accounts::MEMORY, Limit::AtMost(256.0), "MiB"),
    ] {
        let measure = Measure::Median(Part::Zones, case.into(), accounts::SUBJECT.into());
        add(case, measure, limit, unit);
    }
}

/// Floors of servers that follow a portal.
fn following(floors: &mut Vec<Floor>) {
    for subject in [SQLITE, POSTGRES] {
        floors.push(Floor {
            what: format!("1,000 changes, to DNS of a server that follows: {subject}"),
            measure: Measure::Median(Part::Registry, FOLLOWED.into(), subject.into()),
            limit: Limit::AtMost(1.0),
            unit: "s",
        });
    }
}

/// Floors of the checker.
fn checking(floors: &mut Vec<Floor>) {
    let mut add = |what: &str, case: &str, subject: &str, limit, unit| {
        let measure = Measure::Median(Part::Check, case.into(), subject.into());
        floors.push(Floor { what: what.into(), measure, limit, unit });
    };
    let (good, dead, again) = ("check of 1 address", "the same, 4 lists dead", "the second time");
    add(good, check::GOOD, check::REPUTE, Limit::AtMost(0.050), "s");
    add(dead, check::DEAD, check::REPUTE, Limit::AtMost(2.1), "s");
    add(again, check::DEAD, check::AGAIN, Limit::AtMost(0.065), "s");
    let many = "check of 1,000 addresses, one core";
    add(many, check::THOUSAND, check::REPUTE, Limit::AtLeast(200_000.0), "look-ups/s");
    let memory = "memory of 1,000,000 look-ups";
    add(memory, check::MEMORY, check::REPUTE, Limit::AtMost(64.0), "MiB");
}

/// Floors of the registry, of which there is no peer.
fn registry(floors: &mut Vec<Floor>) {
    use registry::{
        DOORS, POSTGRES, SQLITE, changes_case, import_case, latency_case, publishing_case,
        rate_case,
    };
    const COUNT: u32 = 1_000_000;
    for (subject, import) in [(SQLITE, 15.0), (POSTGRES, 30.0)] {
        let mut add = |case: String, limit, unit| {
            let measure = Measure::Median(Part::Registry, case.clone(), subject.into());
            floors.push(Floor { what: format!("{case}, {subject}"), measure, limit, unit });
        };
        add(import_case(COUNT), Limit::AtMost(import), "s");
        add(changes_case(COUNT), Limit::AtMost(1.0), "s");
        add(publishing_case(COUNT), Limit::AtMost(5.0), "s");
        for door in DOORS {
            add(rate_case(door, COUNT), Limit::AtLeast(2_000.0), "/s");
            add(latency_case(door, COUNT), Limit::AtMost(20.0), "ms");
        }
    }
}

/// Floors of real servers.
fn serving(floors: &mut Vec<Floor>) {
    for mix in ["A", "A+TXT"] {
        let case = format!("{}, {mix}", List::Mixed.title());
        floors.push(Floor {
            what: format!("answers per server-CPU-second, 1M IPv4, {mix}, to rbldnsd ip4trie"),
            measure: Measure::Ratio(Part::Serve, case, REPUTE.into(), "rbldnsd ip4trie".into()),
            limit: Limit::AtLeast(1.15),
            unit: "x",
        });
    }
    let (two, one) = ("Repute, 2 workers".into(), REPUTE.into());
    floors.push(Floor {
        what: "answers per server-CPU-second, two workers to one".into(),
        measure: Measure::Ratio(Part::Serve, TWO_WORKERS.into(), two, one),
        limit: Limit::AtLeast(0.95),
        unit: "x",
    });
}

/// Floors of `respond`, in memory.
fn responding(floors: &mut Vec<Floor>) {
    let limits = [
        (Case::HIT, 100.0),
        (Case::MISS, 100.0),
        (Case::TEXT, 115.0),
        (Case::NETWORKS6, 130.0),
        (Case::NAMES, 150.0),
        (Case::FLUSHED, 220.0),
    ];
    for (case, limit) in limits {
        floors.push(Floor {
            what: format!("own CPU per query in batches of 64: {}", case.title()),
            measure: Measure::Median(Part::Respond, case.title(), BATCHED.into()),
            limit: Limit::AtMost(limit),
            unit: "ns",
        });
    }
    let [one, two] = SCALING.map(Into::into);
    floors.push(Floor {
        what: "`respond` on two threads to one".into(),
        measure: Measure::Ratio(Part::Threads, SCALING_CASE.into(), two, one),
        limit: Limit::AtLeast(1.9),
        unit: "x",
    });
}

/// Floors of memory and time to load.
fn memory_and_load(floors: &mut Vec<Floor>) {
    let median = |what: &str, part, case: String, subject: &str, limit, unit| Floor {
        what: what.into(),
        measure: Measure::Median(part, case, subject.into()),
        limit: Limit::AtMost(limit),
        unit,
    };
    let title = |list: List| list.title().to_owned();
    floors.push(median("memory, 1M IPv4", Part::Memory, title(List::Mixed), REPUTE, 12.0, "MiB"));
    floors.push(Floor {
        what: "memory, 100k IPv6 /64, over an empty process".into(),
        measure: Measure::Over(
            Part::Memory,
            title(List::Networks6),
            load::empty_case(List::Networks6),
            REPUTE.into(),
        ),
        limit: Limit::AtMost(3.0),
        unit: "MiB",
    });
    floors.push(median("memory, 200k names", Part::Memory, title(List::Names), REPUTE, 9.0, "MiB"));
    for (list, what, text, image) in
        [(List::Mixed, "1M", 0.12, 0.005), (List::Huge, "10M", 1.2, 0.020)]
    {
        let subject = load::IN_PROCESS;
        let (what_text, what_image) =
            (format!("load of {what} text lines, one core"), format!("load of a {what} snapshot"));
        floors.push(median(&what_text, Part::Load, load::text_case(list), subject, text, "s"));
        floors.push(median(
            &what_image,
            Part::Load,
            load::snapshot_case(list),
            subject,
            image,
            "s",
        ));
    }
    let case = load::image_case(List::Huge);
    floors.push(median("image of 10M", Part::Memory, case, load::IN_PROCESS, 5.0, "B an entry"));
}

/// Floors of changes while serving.
fn reloading(floors: &mut Vec<Floor>) {
    for (what, case, limit, unit) in [
        ("reload at 10,000 queries/s: lost", reload::LOST, 0.0, ""),
        ("reload at 10,000 queries/s: longest silence", reload::SILENCE, 7.0, "ms"),
        ("reload at 10,000 queries/s: peak memory", reload::PEAK, 36.0, "MiB"),
    ] {
        floors.push(Floor {
            what: what.into(),
            measure: Measure::Median(Part::Reload, case.into(), REPUTE.into()),
            limit: Limit::AtMost(limit),
            unit,
        });
    }
    for case in journal::CASES {
        floors.push(Floor {
            what: format!("{case}, 1M entries"),
            measure: Measure::Median(Part::Journal, case.into(), journal::SUBJECT.into()),
            limit: Limit::AtMost(1.0),
            unit: "CPU-ms",
        });
    }
}

/// The product by its own configuration, one worker.
const REPUTE: &str = "Repute";
