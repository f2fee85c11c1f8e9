//! Lines: how amounts change with time.

use crate::bars::NO_DATA;
use crate::date;
use crate::drawing::{Anchor, Drawing, PAD, Paint, TOP, usable};
use crate::number::{exact, short};
use crate::scale::{Scale, Zero, tame, ticks};
use crate::text;

/// One amount that changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series<'a> {
    /// What it is the amount of.
    pub label: &'a str,
    /// Times and amounts. Where an amount is no number, the line has a gap.
    pub points: &'a [(i64, f64)],
}

/// Draws amounts as lines over time. The first twelve are drawn.
pub fn lines(title: &str, width: u32, series: &[Series<'_>]) -> String {
    let width = usable(width);
    let mut drawing = Drawing::default();
    let shown = series.get(..MOST).unwrap_or(series);
    let points: Vec<Vec<Point>> = shown.iter().map(|series| in_order(series.points)).collect();
    let times = || points.iter().flatten().map(|(time, _)| *time);
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        drawing.text((PAD, TOP + 16.0), 12, Anchor::Start, &Paint::Soft.fill(), NO_DATA);
        return drawing.finish((width, TOP + 32.0), title, NO_DATA);
    };
    let (from, to) = if from < to { (from, to) } else { (from - 1800, to + 1800) };

    let top = legend(&mut drawing, width, series, &points) + 10.0;
    let bottom = top + (width * 0.36).clamp(120.0, 240.0);
    let axis = ticks(points.iter().flatten().filter_map(|(_, value)| *value), Zero::IfNear, 5);
    let room = axis.iter().map(|tick| text::width(&short(*tick), 11)).fold(0.0, f64::max);
    let (left, right) = (PAD + room + 8.0, width - PAD);
    let (low, high) = (axis.first().copied().unwrap_or(0.0), axis.last().copied().unwrap_or(1.0));
    let scale = Scale::new((low, high), (bottom, top));
    for tick in &axis {
        let y = scale.place(*tick);
        let paint = if *tick == 0.0 { Paint::Soft } else { Paint::Line };
        drawing.path(&[(left, y), (right, y)], &paint.stroke(), "");
        let style = Paint::Soft.fill();
        drawing.text((left - 8.0, y + 4.0), 11, Anchor::End, &style, &short(*tick));
    }
    let clock = Scale::new((from as f64, to as f64), (left, right));
    let height = time_axis(&mut drawing, (from, to), (left, right), (top, bottom), width);

    for (n, (series, points)) in shown.iter().zip(&points).enumerate() {
        let place = |(time, value): (i64, f64)| (clock.place(time as f64), scale.place(value));
        for run in points.split(|(_, value)| value.is_none()) {
            let run: Vec<(i64, f64)> = run.iter().filter_map(|(t, v)| Some((*t, (*v)?))).collect();
            let drawn: Vec<(f64, f64)> = thin(run.iter().map(|point| place(*point)).collect());
            if drawn.len() > 1 {
                let title = essence_of(series.label, points);
                drawing.path(&drawn, &stroke(n), &title);
            }
            if points.len() <= MOST_MARKS || run.len() == 1 {
                // Many marks would hide the dashes; they still tell what they are.
                let style = if points.len() <= MOST_SEEN || run.len() == 1 {
                    Paint::Series(n).fill()
                } else {
                    r#"fill="none" pointer-events="all""#.to_owned()
                };
                for point in &run {
                    let title = format!(
                        "{}, {} UTC: {}",
                        series.label,
                        date::exact(point.0),
                        exact(point.1)
                    );
                    drawing.circle(place(*point), 3.0, &style, &title);
                }
            }
        }
    }
    let all = shown.iter().zip(&points).map(|(series, points)| essence_of(series.label, points));
    let essence = format!("{}: {}", date::span(from, to), text::join(all));
    drawing.finish((width, height), title, &essence)
}

/// Draws ticks at round times below a chart, and what time it spans; returns where that ends.
pub(crate) fn time_axis(
    drawing: &mut Drawing,
    (from, to): (i64, i64),
    (left, right): (f64, f64),
    (top, bottom): (f64, f64),
    width: f64,
) -> f64 {
    let scale = Scale::new((from as f64, to as f64), (left, right));
    for (time, label) in date::ticks(from, to, ((right - left) / 56.0) as usize) {
        let x = scale.place(time as f64);
        drawing.path(&[(x, top), (x, bottom + 4.0)], &Paint::Line.stroke(), "");
        let half = text::width(&label, 11) / 2.0;
        let at = (x.clamp(half + 4.0, width - half - 4.0), bottom + 17.0);
        drawing.text(at, 11, Anchor::Middle, &Paint::Soft.fill(), &label);
    }
    let span = text::fit(&date::span(from, to), width - 2.0 * PAD, 11);
    drawing.text((right, bottom + 35.0), 11, Anchor::End, &Paint::Soft.fill(), &span);
    bottom + 46.0
}

/// A time, and an amount if it is known.
type Point = (i64, Option<f64>);

/// Points that can be drawn from left to right.
fn in_order(points: &[(i64, f64)]) -> Vec<Point> {
    let mut points: Vec<Point> =
        points.iter().map(|(time, value)| (date::tame(*time), tame(*value))).collect();
    points.sort_by_key(|(time, _)| *time);
    points
}

/// Draws a piece of each line with its name and last amount, and returns where that ends.
fn legend(drawing: &mut Drawing, width: f64, series: &[Series<'_>], points: &[Vec<Point>]) -> f64 {
    let (mut x, mut y) = (PAD, TOP);
    for (n, (series, points)) in series.iter().zip(points).enumerate() {
        let last =
            points.iter().rev().find_map(|(_, value)| *value).map_or("no data".into(), short);
        let word = text::fit(series.label, width * 0.6 - 40.0, 12);
        let needed = 38.0 + text::width(&word, 12) + text::width(&last, 12);
        if x > PAD && x + needed > width - PAD {
            (x, y) = (PAD, y + 20.0);
        }
        drawing.path(&[(x, y + 8.0), (x + 24.0, y + 8.0)], &stroke(n), "");
        drawing.pair((x + 30.0, y + 12.0), 12, &word, &last);
        x += needed + 18.0;
    }
    if series.len() > MOST {
        let more = format!("and {} more, not shown", series.len() - MOST);
        y += 20.0;
        drawing.text((PAD, y + 12.0), 12, Anchor::Start, &Paint::Soft.fill(), &more);
    }
    y + 24.0
}

/// The line of the n-th series: colours repeat after six, but never with the same dashes.
fn stroke(n: usize) -> String {
    const DASHES: [&str; 6] = ["none", "7 4", "2 3", "10 3 2 3", "14 5", "5 2"];
    let dashes = DASHES[(n + n / DASHES.len()) % DASHES.len()];
    let paint = Paint::Series(n).stroke();
    format!(r#"{paint} stroke-width="2" stroke-linejoin="round" stroke-dasharray="{dashes}""#)
}

/// Leaves of many points in one column of pixels the first, the lowest, the highest and the last:
/// the same picture.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= 2000 {
        return points;
    }
    let mut thin = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let mut kept: Vec<usize> = (0..column.len()).collect();
        kept.sort_by(|a, b| column[*a].1.total_cmp(&column[*b].1));
        let mut kept = vec![0, kept[0], kept[kept.len() - 1], column.len() - 1];
        kept.sort_unstable();
        kept.dedup();
        thin.extend(kept.into_iter().map(|n| column[n]));
    }
    thin
}

/// A series in a few words.
fn essence_of(label: &str, points: &[Point]) -> String {
    let known = || points.iter().filter_map(|(_, value)| *value);
    let (Some(last), true) = (known().next_back(), known().next().is_some()) else {
        return format!("{label} {NO_DATA}");
    };
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    format!("{label} {} (from {} to {})", exact(last), exact(low), exact(high))
}

/// How many lines are drawn.
const MOST: usize = 12;
/// Up to how many points each has a title.
const MOST_MARKS: usize = 120;
/// Up to how many points each is seen.
const MOST_SEEN: usize = 16;
