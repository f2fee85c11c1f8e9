//! What holds for every chart: it is well-formed, all is inside, every number is one, each mark is
//! named.

use proptest::prelude::*;
use repute_chart::{
    Bar, Cell, Legend, MatrixRow, Series, State, TimelineRow, bars, lines, matrix, timeline,
};
use roxmltree::{Document, Node};

/// Checks what holds for every chart, and returns how many marks have titles.
fn check(svg: &str) -> usize {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error} in\n{svg}"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    assert!(root.attribute("aria-label").is_some_and(|label| !label.is_empty()));
    let view: Vec<f64> = numbers(root.attribute("viewBox").expect("a view box"));
    let (width, height) = (view[2], view[3]);
    for node in root.descendants().filter(Node::is_element) {
        for (x, y) in points(node) {
            let fits = (-0.01..=width + 0.01).contains(&x) && (-0.01..=height + 0.01).contains(&y);
            assert!(fits, "{x} {y} is outside {width} {height}: {node:?}");
        }
    }
    root.descendants().filter(|node| node.has_tag_name("title")).count() - 1
}

/// The points that an element reaches.
fn points(node: Node<'_, '_>) -> Vec<(f64, f64)> {
    let get = |name| numbers(node.attribute(name).unwrap_or("0"))[0];
    match node.tag_name().name() {
        "rect" => {
            let (x, y) = (get("x"), get("y"));
            vec![(x, y), (x + get("width"), y + get("height"))]
        }
        "circle" => {
            let (x, y, r) = (get("cx"), get("cy"), get("r"));
            vec![(x - r, y - r), (x + r, y + r)]
        }
        "path" => {
            let all = numbers(&node.attribute("d").expect("a path").replace(['M', 'L'], " "));
            all.chunks(2).map(|pair| (pair[0], pair[1])).collect()
        }
        "text" => match node.attribute("transform") {
            Some(transform) => {
                let at =
                    transform.strip_prefix("translate(").and_then(|rest| rest.split(')').next());
                let at = numbers(at.expect("a place"));
                vec![(at[0], at[1])]
            }
            None => vec![(get("x"), get("y"))],
        },
        _ => Vec::new(),
    }
}

/// The numbers in a text; anything else is a fault.
fn numbers(text: &str) -> Vec<f64> {
    let number = |word: &str| -> f64 {
        let number = word.parse().unwrap_or_else(|_| panic!("{word} is no number"));
        assert!(f64::is_finite(number), "{word}");
        number
    };
    text.split_whitespace().map(number).collect()
}

/// Labels that hurt.
fn label() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{0,30}", "\\PC{0,80}", "[\\x00-\\xff<&>\"'\u{202e}\u{ffff}]{0,20}"]
}

/// Amounts that hurt.
fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e6..1e6,
        1 => any::<f64>(),
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
}

/// Times that hurt.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_600_000_000i64..1_800_000_000, 1 => any::<i64>(), 1 => Just(0)]
}

/// All states.
fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Absent),
        Just(State::Good),
        Just(State::Fact),
        Just(State::Allowed),
        Just(State::Unknown),
        Just(State::Bad)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn bars_are_sound(
        title in label(), width in any::<u16>(),
        data in prop::collection::vec((label(), amount()), 0..30),
    ) {
        let data: Vec<Bar<'_>> = data.iter().map(|(l, v)| Bar { label: l, value: *v }).collect();
        let known = data.iter().filter(|bar| bar.value.is_finite()).count();
        prop_assert_eq!(check(&bars(&title, width.into(), &data)), known);
    }

    #[test]
    fn lines_are_sound(
        title in label(), width in any::<u16>(),
        data in prop::collection::vec(
            (label(), prop::collection::vec((time(), amount()), 0..30)), 0..15),
    ) {
        let data: Vec<Series<'_>> =
            data.iter().map(|(l, p)| Series { label: l, points: p }).collect();
        let known = data.iter().take(12).flat_map(|s| s.points).filter(|p| p.1.is_finite());
        prop_assert!(check(&lines(&title, width.into(), &data)) >= known.count());
    }

    #[test]
    fn timelines_are_sound(
        title in label(), width in any::<u16>(), from in time(), to in time(),
        data in prop::collection::vec(
            (label(), prop::collection::vec((time(), state()), 0..30)), 0..15),
    ) {
        let data: Vec<TimelineRow<'_>> =
            data.iter().map(|(l, c)| TimelineRow { label: l, changes: c }).collect();
        let legend = Legend { good: &title, ..Legend::default() };
        check(&timeline(&title, width.into(), &legend, (from, to), &data));
    }

    #[test]
    fn matrices_are_sound(
        title in label(), width in any::<u16>(),
        columns in prop::collection::vec(label(), 0..40),
        data in prop::collection::vec(
            (label(), prop::collection::vec((state(), label()), 0..40)), 0..20),
    ) {
        let cells: Vec<Vec<Cell<'_>>> = data
            .iter()
            .map(|(_, cells)| cells.iter().map(|(s, n)| Cell { state: *s, note: n }).collect())
            .collect();
        let rows: Vec<MatrixRow<'_>> = data
            .iter()
            .zip(&cells)
            .map(|((label, _), cells)| MatrixRow { label, cells })
            .collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let titles = check(&matrix(&title, width.into(), &Legend::default(), &columns, &rows));
        prop_assert!(titles >= rows.len() * columns.len());
    }
}

#[test]
fn a_million_points_give_a_small_chart() {
    let points: Vec<(i64, f64)> = (0..1_000_000).map(|n| (n, f64::from(n as u32 % 977))).collect();
    let svg = lines("Many", 720, &[Series { label: "a", points: &points }]);
    check(&svg);
    assert!(svg.len() < 100_000, "{} bytes", svg.len());
    let mut changes: Vec<(i64, State)> = (0..1_000_000)
        .map(|n| (n * 10, if n % 2 == 0 { State::Good } else { State::Unknown }))
        .collect();
    changes[500_000].1 = State::Bad;
    let rows = [TimelineRow { label: "flaps", changes: &changes }];
    let svg = timeline("Many", 720, &Legend::default(), (0, 10_000_000), &rows);
    check(&svg);
    assert!(svg.contains("flaps: listed, 1970-02-27 20:53"), "the one bad time is there");
    assert!(svg.len() < 100_000, "{} bytes", svg.len());
    let many: Vec<Bar<'_>> = vec![Bar { label: "b", value: 1.0 }; 10_000];
    let svg = bars("Many", 720, &many);
    assert!(svg.contains("and 9800 more, not shown") && svg.len() < 100_000);
    let cells = vec![Cell { state: State::Good, note: "" }; 1000];
    let rows = vec![MatrixRow { label: "r", cells: &cells }; 1000];
    let svg = matrix("Many", 720, &Legend::default(), &["c"; 1000], &rows);
    check(&svg);
    assert!(svg.contains("and 800 more rows and 800 more columns, not shown"));
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let data = [Bar { label: "a", value: 1.0 }, Bar { label: "b", value: 2.0 }];
    assert_eq!(bars("t", 400, &data), bars("t", 400, &data));
}

#[test]
fn one_point_and_equal_points_have_a_place() {
    for points in [&[(7, 5.0)][..], &[(7, 5.0), (7, 6.0)], &[(7, 0.0), (9, 0.0)], &[(7, f64::NAN)]]
    {
        check(&lines("Few", 320, &[Series { label: "a", points }]));
    }
}
