//! Timelines: when something had which state.
//!
//! A short bad time in a long good one is what one looks for. So the worse is drawn over the
//! better, and never smaller than one sees.

use crate::bars::NO_DATA;
use crate::date;
use crate::drawing::{Anchor, Drawing, PAD, Paint, TOP, usable};
use crate::lines::time_axis;
use crate::scale::Scale;
use crate::state::{Legend, State, hook_style};
use crate::text;

/// One thing and its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineRow<'a> {
    /// What had the states.
    pub label: &'a str,
    /// Since when it had which state; each holds until the next. Before the first it is absent.
    pub changes: &'a [(i64, State)],
}

/// Draws the states of things between two times, the later of which is when the last states were
/// known to hold. The first 200 things are drawn.
pub fn timeline(
    title: &str,
    width: u32,
    legend: &Legend<'_>,
    (from, to): (i64, i64),
    rows: &[TimelineRow<'_>],
) -> String {
    let width = usable(width);
    let (from, to) = (date::tame(from), date::tame(to));
    let mut drawing = Drawing::default();
    let shown = rows.get(..MOST).unwrap_or(rows);
    if shown.is_empty() || from >= to {
        drawing.text((PAD, TOP + 16.0), 12, Anchor::Start, &Paint::Soft.fill(), NO_DATA);
        return drawing.finish((width, TOP + 32.0), title, NO_DATA);
    }

    let mut states = vec![State::Bad, State::Good, State::Allowed, State::Fact, State::Unknown];
    states.retain(|state| {
        let is_there = |row: &TimelineRow<'_>| row.changes.iter().any(|(_, s)| s == state);
        !state.is_special() || shown.iter().any(is_there)
    });
    let sign = |drawing: &mut Drawing, (x, y): (f64, f64), state| {
        draw(drawing, y, (x - 7.0, x + 7.0), width, state, "");
    };
    let top = legend.draw(&mut drawing, (TOP, width), &states, sign) + 6.0;
    // Where there is no room beside a row, its label stands above it.
    let is_narrow = width < 520.0;
    let labels = shown.iter().map(|row| text::width(row.label, 12)).fold(0.0, f64::max);
    let labels = if is_narrow { width - 2.0 * PAD } else { labels.min(width * 0.32) };
    let left = if is_narrow { PAD } else { PAD + labels + 10.0 };
    let (row_height, down) = if is_narrow { (42.0, 18.0) } else { (26.0, 1.0) };
    let right = width - PAD;
    let bottom = top + row_height * shown.len() as f64;
    let height = time_axis(&mut drawing, (from, to), (left, right), (top, bottom), width);
    let scale = Scale::new((from as f64, to as f64), (left, right));

    for (n, row) in shown.iter().enumerate() {
        let y = top + row_height * n as f64;
        let label = text::fit(row.label, labels, 12);
        let (at, anchor) = if is_narrow {
            ((left, y + 13.0), Anchor::Start)
        } else {
            ((left - 10.0, y + 16.0), Anchor::End)
        };
        drawing.text(at, 12, anchor, &Paint::Ink.fill(), &label);
        let mut spans = spans(row.changes, (from, to));
        spans.sort_by_key(|span| span.state);
        for span in merge(spans, scale) {
            let title = format!(
                "{}: {}, {}",
                row.label,
                legend.word(span.state),
                date::span(span.from, span.to)
            );
            let ends = (scale.place(span.from as f64), scale.place(span.to as f64));
            draw(&mut drawing, y + down + 11.0, ends, right, span.state, &title);
        }
    }
    let mut height = height;
    if rows.len() > shown.len() {
        let more = format!("and {} more, not shown", rows.len() - shown.len());
        drawing.text((PAD, height + 4.0), 12, Anchor::Start, &Paint::Soft.fill(), &more);
        height += 18.0;
    }
    let essence = text::join(rows.iter().map(|row| {
        let now = spans(row.changes, (from, to)).last().map_or(State::Absent, |span| span.state);
        format!("{} {}", row.label, legend.word(now))
    }));
    drawing.finish((width, height), title, &format!("{}: {essence}", date::span(from, to)))
}

/// A state from one time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: i64,
    to: i64,
    state: State,
}

/// Returns what changes mean between two times, in their order. Equal states that follow one
/// another are one.
fn spans(changes: &[(i64, State)], (from, to): (i64, i64)) -> Vec<Span> {
    let mut changes = changes.to_vec();
    changes.sort_by_key(|(time, _)| *time);
    let mut spans: Vec<Span> = Vec::new();
    for (n, (start, state)) in changes.iter().enumerate() {
        let end = changes.get(n + 1).map_or(to, |(time, _)| (*time).min(to));
        let start = (*start).max(from);
        if start >= end {
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.state == *state && last.to == start => last.to = end,
            _ => spans.push(Span { from: start, to: end, state: *state }),
        }
    }
    spans
}

/// Joins spans, sorted by state, of which more than one would be in the same two pixels.
fn merge(spans: Vec<Span>, scale: Scale) -> Vec<Span> {
    if spans.len() < 200 {
        return spans;
    }
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last)
                if last.state == span.state
                    && scale.place(span.from as f64) - scale.place(last.to as f64) < 2.0 =>
            {
                last.to = last.to.max(span.to);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// Draws one span around a middle line: the worse, the higher.
fn draw(
    drawing: &mut Drawing,
    y: f64,
    (from, to): (f64, f64),
    right: f64,
    state: State,
    title: &str,
) {
    let length = (to - from).max(LEAST).min(right - PAD);
    let from = from.min(right - length);
    match state {
        State::Bad => {
            drawing.rect((from, y - 9.0), (length, 18.0), 2.0, &Paint::Bad.fill(), title);
            if length >= 14.0 {
                let (x, style) = (
                    from + 7.0,
                    format!(r#"{} stroke-width="2" pointer-events="none""#, Paint::Ground.stroke()),
                );
                drawing.path(&[(x - 3.0, y - 3.0), (x + 3.0, y + 3.0)], &style, "");
                drawing.path(&[(x + 3.0, y - 3.0), (x - 3.0, y + 3.0)], &style, "");
            }
        }
        State::Unknown => {
            // It hides what it is drawn over, or it would look like both.
            drawing.rect((from, y - 6.0), (length, 12.0), 2.0, &Paint::Ground.fill(), "");
            let style = format!(
                r#"{} stroke-width="1.2" stroke-dasharray="3 2" pointer-events="all""#,
                Paint::Unknown.stroke()
            );
            let inner = (length - 1.2).max(0.6);
            drawing.rect((from + 0.6, y - 5.4), (inner, 10.8), 2.0, &style, title);
            if length >= 14.0 {
                let style =
                    format!(r#"{} font-weight="700" pointer-events="none""#, Paint::Unknown.fill());
                drawing.text((from + length / 2.0, y + 3.5), 10, Anchor::Middle, &style, "?");
            }
        }
        State::Good => {
            drawing.rect((from, y - 2.0), (length, 4.0), 1.0, &Paint::Good.fill(), title);
        }
        State::Allowed => {
            drawing.rect((from, y - 6.0), (length, 12.0), 2.0, &Paint::Ground.fill(), "");
            let style =
                format!(r#"{} stroke-width="1.4" pointer-events="all""#, Paint::Good.stroke());
            let inner = (length - 1.4).max(0.6);
            drawing.rect((from + 0.7, y - 5.3), (inner, 10.6), 2.0, &style, title);
            if length >= 14.0 {
                let x = from + 7.0;
                let hook = [(x - 3.2, y + 0.2), (x - 0.8, y + 2.8), (x + 3.4, y - 2.8)];
                drawing.path(&hook, &hook_style(), "");
            }
        }
        State::Fact => {
            drawing.rect((from, y - 4.0), (length, 8.0), 4.0, &Paint::Soft.fill(), title);
        }
        State::Absent => {}
    }
}

/// How many things are drawn.
const MOST: usize = 200;
/// How wide a span is at least.
const LEAST: f64 = 2.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_become_spans_within_the_time_shown() {
        use State::{Absent, Bad, Good};
        let span = |from, to, state| Span { from, to, state };
        let changes = [(5, Good), (10, Bad), (20, Bad), (15, Bad), (30, Good), (40, Absent)];
        assert_eq!(
            spans(&changes, (8, 50)),
            [span(8, 10, Good), span(10, 30, Bad), span(30, 40, Good), span(40, 50, Absent)]
        );
        assert_eq!(spans(&changes, (12, 14)), [span(12, 14, Bad)]);
        assert_eq!(spans(&changes, (0, 5)), []);
    }
}
