//! Bars: amounts beside one another.
//!
//! They lie, so that names are read without tilting one's head and fit a phone.

use crate::drawing::{Anchor, Drawing, PAD, Paint, TOP, usable};
use crate::number::{exact, short};
use crate::scale::{Scale, Zero, tame, ticks};
use crate::text;

/// One amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar<'a> {
    /// What it is the amount of.
    pub label: &'a str,
    /// How much; what is no number is shown as unknown.
    pub value: f64,
}

/// Draws amounts as bars from zero, in the order they come. The first 200 are drawn.
pub fn bars(title: &str, width: u32, bars: &[Bar<'_>]) -> String {
    let width = usable(width);
    let mut drawing = Drawing::default();
    let shown = bars.get(..MOST).unwrap_or(bars);
    if shown.is_empty() {
        drawing.text((PAD, TOP + 16.0), 12, Anchor::Start, &Paint::Soft.fill(), NO_DATA);
        return drawing.finish((width, TOP + 32.0), title, NO_DATA);
    }

    let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
    let labels = widest(&mut shown.iter().map(|bar| text::width(bar.label, 12)));
    let labels = labels.min(width * 0.4);
    let values = widest(&mut shown.iter().map(|bar| text::width(&short(bar.value), 12)));
    let (left, right) = (PAD + labels + 8.0, width - PAD - values - 8.0);
    let count = ((right - left) / 56.0).clamp(2.0, 10.0) as u32;
    let known = || shown.iter().filter_map(|bar| tame(bar.value));
    let (mut low, mut high) = (known().fold(0.0, f64::min), known().fold(0.0, f64::max));
    let mut axis = ticks(known(), Zero::Always, count);
    if low < high {
        // The longest bar takes all the room; the axis has those ticks that are not beyond it.
        axis.retain(|tick| (low..=high).contains(tick));
    } else {
        (low, high) = (0.0, axis.last().copied().unwrap_or(1.0));
    }
    let scale = Scale::new((low, high), (left, right.max(left + 20.0)));
    let bottom = TOP + ROW * shown.len() as f64 + 2.0;

    for tick in &axis {
        let x = scale.place(*tick);
        let paint = if *tick == 0.0 { Paint::Soft } else { Paint::Line };
        drawing.path(&[(x, TOP - 2.0), (x, bottom)], &paint.stroke(), "");
        let style = Paint::Soft.fill();
        drawing.text((x, bottom + 15.0), 11, Anchor::Middle, &style, &short(*tick));
    }
    for (n, bar) in shown.iter().enumerate() {
        let y = TOP + ROW * n as f64;
        let label = text::fit(bar.label, labels, 12);
        drawing.text((left - 8.0, y + 15.0), 12, Anchor::End, &Paint::Ink.fill(), &label);
        let name = format!("{}: {}", bar.label, exact(bar.value));
        let zero = scale.place(0.0);
        let Some(value) = tame(bar.value) else {
            let style = Paint::Unknown.fill();
            drawing.text((zero + 6.0, y + 15.0), 12, Anchor::Start, &style, "unknown");
            continue;
        };
        let end = scale.place(value);
        // An amount that is there is seen.
        let length = if value == 0.0 { 0.0 } else { (end - zero).abs().max(1.5) };
        let from = if value < 0.0 { zero - length } else { zero };
        drawing.rect((from, y + 3.0), (length, ROW - 8.0), 2.0, &Paint::Series(0).fill(), &name);
        let at = (zero.max(from + length) + 6.0, y + 15.0);
        drawing.text(at, 12, Anchor::Start, &Paint::Ink.fill(), &short(bar.value));
    }
    let mut height = bottom + 28.0;
    if bars.len() > shown.len() {
        let more = format!("and {} more, not shown", bars.len() - shown.len());
        drawing.text((PAD, height + 6.0), 12, Anchor::Start, &Paint::Soft.fill(), &more);
        height += 20.0;
    }
    let essence = text::join(bars.iter().map(|bar| format!("{} {}", bar.label, exact(bar.value))));
    drawing.finish((width, height), title, &essence)
}

/// How many bars are drawn.
const MOST: usize = 200;
/// How high the place of a bar is.
const ROW: f64 = 22.0;
/// What is said where there is nothing to draw.
pub(crate) const NO_DATA: &str = "no data";
