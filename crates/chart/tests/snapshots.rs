//! Small charts as text, so that a change of what is drawn is seen in a review.
//!
//! `CHART_SNAPSHOTS=overwrite cargo test -p repute-chart --test snapshots` writes them anew; look
//! at them in a browser then: `cargo run -p repute-chart --example gallery -- 720 > gallery.html`.

use std::path::Path;

use repute_chart::{
    Bar, Cell, Legend, MatrixRow, STYLE, Series, State, TimelineRow, bars, lines, matrix, timeline,
};

/// Compares a chart with the one that was looked at.
#[expect(clippy::disallowed_methods, reason = "a test may read and write files")]
fn check(name: &str, svg: &str) {
    // The style sheet is the same in all, and not what a snapshot is for.
    let found = svg.replace(STYLE, "");
    assert_ne!(found, svg, "the style sheet is in it");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("CHART_SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, &found).expect("the snapshots are writable");
    }
    let expected = std::fs::read_to_string(&path).expect("the snapshot is there");
    assert_eq!(found, expected, "{name} has changed");
}

#[test]
fn bars_begin_at_zero() {
    let data = [
        Bar { label: "bl.example", value: 1_500.0 },
        Bar { label: "<allow>", value: -250.0 },
        Bar { label: "dead.example", value: f64::NAN },
    ];
    check("bars.svg", &bars("Entries & changes", 320, &data));
}

#[test]
fn lines_have_gaps_where_nothing_is_known() {
    let t = 1_700_000_000;
    let a = [(t, 1.0), (t + 3600, 3.0), (t + 7200, f64::NAN), (t + 10_800, 2.0)];
    let b = [(t + 10_800, 5.0), (t, 4.0)];
    let data = [Series { label: "bl.example", points: &a }, Series { label: "two", points: &b }];
    check("lines.svg", &lines("Queries a second", 320, &data));
}

#[test]
fn a_short_bad_time_is_seen_in_a_timeline() {
    use State::{Bad, Good, Unknown};
    let t = 1_700_000_000;
    let a = [(t, Good), (t + 500_000, Bad), (t + 500_060, Good)];
    let b = [(t + 100_000, Bad), (t + 300_000, Unknown)];
    let rows =
        [TimelineRow { label: "a.example", changes: &a }, TimelineRow { label: "b", changes: &b }];
    let shown = (t, t + 864_000);
    check("timeline.svg", &timeline("192.0.2.1", 600, &Legend::default(), shown, &rows));
}

#[test]
fn a_matrix_shows_each_state_in_its_own_shape() {
    let cell = |state| Cell { state, note: "" };
    let one = [cell(State::Good), Cell { state: State::Bad, note: "127.0.0.2" }];
    let two = [cell(State::Unknown)];
    let rows = [
        MatrixRow { label: "192.0.2.1", cells: &one },
        MatrixRow { label: "2001:db8::1", cells: &two },
    ];
    let columns = ["zen.example", "bl.example"];
    check("matrix.svg", &matrix("Ours", 600, &Legend::default(), &columns, &rows));
}

#[test]
fn nothing_gives_a_chart_that_says_so() {
    check("empty.svg", &bars("Nothing", 320, &[]));
    for svg in [
        lines("Nothing", 320, &[]),
        timeline("Nothing", 320, &Legend::default(), (5, 5), &[]),
        matrix("Nothing", 320, &Legend::default(), &[], &[]),
    ] {
        assert!(svg.contains(">no data<") && svg.contains("Nothing: no data"), "{svg}");
    }
}
