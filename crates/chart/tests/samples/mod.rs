//! Charts of made-up data: for the snapshots, and for eyes in the gallery.

use repute_chart::{
    Bar, Cell, Legend, MatrixRow, Series, State, TimelineRow, bars, lines, matrix, timeline,
};

/// When the made-up data end.
const NOW: i64 = 1_700_000_000;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Returns all samples by name, drawn at a width.
pub(crate) fn samples(width: u32) -> Vec<(&'static str, String)> {
    vec![
        ("bars", bars_sample(width)),
        ("lines", lines_sample(width)),
        ("timeline", timeline_sample(width)),
        ("matrix", matrix_sample(width)),
    ]
}

/// Amounts of all kinds.
fn bars_sample(width: u32) -> String {
    bars(
        "Queries by list, 14 November",
        width,
        &[
            Bar { label: "bl.example", value: 1_204_377.0 },
            Bar { label: "dbl.example", value: 483_350.0 },
            Bar { label: "a.list.with.a.rather.long.name.example", value: 96_001.5 },
            Bar { label: "allow.example", value: 12.0 },
            Bar { label: "new.example", value: 0.0 },
            Bar { label: "<dead & gone>", value: f64::NAN },
        ],
    )
}

/// Amounts that change, one with a gap.
fn lines_sample(width: u32) -> String {
    let wave = |height: f64, phase: f64| -> Vec<(i64, f64)> {
        let hour =
            |n: i32| height * (1.2 + (f64::from(n) / 24.0 * std::f64::consts::TAU + phase).sin());
        (0..49).map(|n| (NOW - 2 * DAY + i64::from(n) * 3600, hour(n).round())).collect()
    };
    let (a, mut b, c) = (wave(4_000.0, 0.0), wave(2_500.0, 1.0), wave(900.0, 2.5));
    for point in &mut b[20..26] {
        point.1 = f64::NAN;
    }
    lines(
        "Queries a second",
        width,
        &[
            Series { label: "bl.example", points: &a },
            Series { label: "dbl.example", points: &b },
            Series { label: "allow.example", points: &c },
        ],
    )
}

/// States over a month.
fn timeline_sample(width: u32) -> String {
    use State::{Bad, Good, Unknown};
    let day = |n: f64| NOW - (n * 86_400.0) as i64;
    let a = [(day(30.0), Good), (day(11.3), Bad), (day(8.1), Good)];
    let b = [(day(30.0), Good), (day(20.0), Unknown), (day(17.5), Good), (day(3.0), Unknown)];
    let c = [(day(22.0), Good), (day(14.02), Bad), (day(14.0), Good), (day(2.0), Bad)];
    timeline(
        "192.0.2.25 in the last 30 days",
        width,
        &Legend::default(),
        (day(30.0), NOW),
        &[
            TimelineRow { label: "zen.example", changes: &a },
            TimelineRow { label: "bl.slow.example", changes: &b },
            TimelineRow { label: "b.with.a.very.long.name.barracuda.example", changes: &c },
            TimelineRow { label: "never.asked.example", changes: &[] },
        ],
    )
}

/// Targets by lists.
fn matrix_sample(width: u32) -> String {
    let names: Vec<String> = (0..24)
        .map(|n| {
            let words =
                ["zen", "bl", "dnsbl-1", "b.barracuda", "psbl", "all.s5h", "truncate.gbudb"];
            format!("{}{}.example", words[n % words.len()], n / words.len())
        })
        .collect();
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let row = |seed: usize| -> Vec<Cell<'static>> {
        let of = |n: usize| match (n * 7 + seed * 5) % 23 {
            3 => Cell { state: State::Bad, note: "127.0.0.2, sends <spam>" },
            11 => Cell { state: State::Unknown, note: "time-out" },
            17 => Cell { state: State::Absent, note: "" },
            _ => Cell { state: State::Good, note: "" },
        };
        (0..24).map(of).collect()
    };
    let cells: Vec<Vec<Cell<'static>>> = (0..5).map(row).collect();
    let labels = ["192.0.2.25", "2001:db8::25", "mail.example.org", "198.51.100.7", "example.net"];
    let rows: Vec<MatrixRow<'_>> =
        labels.iter().zip(&cells).map(|(label, cells)| MatrixRow { label, cells }).collect();
    matrix("Our servers on 24 lists", width, &Legend::default(), &columns, &rows)
}
