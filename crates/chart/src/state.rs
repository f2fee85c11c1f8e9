//! What is known of a thing, as a shape and a colour.

use crate::drawing::{Anchor, Drawing, PAD, Paint};
use crate::text;

/// What is known of a thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing was asked: an empty place.
    Absent,
    /// As it should be.
    Good,
    /// Something that is neither good nor bad is so.
    Fact,
    /// Better than it need be, as on an allow list.
    Allowed,
    /// It was asked, and nobody knows.
    Unknown,
    /// As it should not be.
    Bad,
}

impl State {
    /// Whether it is in the legend only where it is in the chart.
    pub(crate) fn is_special(self) -> bool {
        matches!(self, State::Allowed | State::Fact)
    }
}

/// What the states are called in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legend<'a> {
    /// The word for [`State::Good`].
    pub good: &'a str,
    /// The word for [`State::Fact`].
    pub fact: &'a str,
    /// The word for [`State::Allowed`].
    pub allowed: &'a str,
    /// The word for [`State::Bad`].
    pub bad: &'a str,
    /// The word for [`State::Unknown`].
    pub unknown: &'a str,
    /// The word for [`State::Absent`].
    pub absent: &'a str,
}

/// The words for a target on block lists.
impl Default for Legend<'_> {
    fn default() -> Self {
        Legend {
            good: "not listed",
            fact: "fact",
            allowed: "allowed",
            bad: "listed",
            unknown: "unknown",
            absent: "not asked",
        }
    }
}

impl<'a> Legend<'a> {
    /// The word for a state.
    pub(crate) fn word(&self, state: State) -> &'a str {
        match state {
            State::Absent => self.absent,
            State::Good => self.good,
            State::Fact => self.fact,
            State::Allowed => self.allowed,
            State::Unknown => self.unknown,
            State::Bad => self.bad,
        }
    }

    /// Draws some states with their words from `top` on, in as many rows as `width` needs, and
    /// returns where that ends. `sign` draws a state around a point, 14 pixels wide.
    pub(crate) fn draw(
        &self,
        drawing: &mut Drawing,
        (top, width): (f64, f64),
        states: &[State],
        sign: impl Fn(&mut Drawing, (f64, f64), State),
    ) -> f64 {
        let (mut x, mut y) = (PAD, top);
        for state in states.iter().copied() {
            let word = text::fit(self.word(state), width - 2.0 * PAD - 24.0, 12);
            let needed = 22.0 + text::width(&word, 12);
            if x > PAD && x + needed > width - PAD {
                (x, y) = (PAD, y + 20.0);
            }
            sign(drawing, (x + 7.0, y + 8.0), state);
            drawing.text((x + 20.0, y + 12.0), 12, Anchor::Start, &Paint::Ink.fill(), &word);
            x += needed + 16.0;
        }
        y + 24.0
    }
}

/// Draws a state as a sign of 14 by 14 pixels: a block with a cross, a dot, a hook in a frame, an i in
/// a ring, a question mark in a broken frame, a dash. They differ without colours, and the worse the larger.
pub(crate) fn draw_state(drawing: &mut Drawing, center: (f64, f64), state: State, title: &str) {
    let (x, y) = center;
    match state {
        State::Bad => {
            drawing.rect((x - 7.0, y - 7.0), (14.0, 14.0), 3.0, &Paint::Bad.fill(), title);
            // Clicks and pointers go through it to the block, which has the title.
            let style = format!(
                r#"{} stroke-width="2" stroke-linecap="round" pointer-events="none""#,
                Paint::Ground.stroke()
            );
            drawing.path(&[(x - 3.0, y - 3.0), (x + 3.0, y + 3.0)], &style, "");
            drawing.path(&[(x + 3.0, y - 3.0), (x - 3.0, y + 3.0)], &style, "");
        }
        State::Good => {
            // The dot is small; what shows its title is as large as the other signs.
            if !title.is_empty() {
                let style = r#"fill="none" pointer-events="all""#;
                drawing.rect((x - 7.0, y - 7.0), (14.0, 14.0), 3.0, style, title);
            }
            let style = format!(r#"{} pointer-events="none""#, Paint::Good.fill());
            drawing.circle((x, y), 3.5, &style, "");
        }
        State::Allowed => {
            let frame =
                format!(r#"{} stroke-width="1.4" pointer-events="all""#, Paint::Good.stroke());
            drawing.rect((x - 6.3, y - 6.3), (12.6, 12.6), 3.0, &frame, title);
            let hook = [(x - 3.2, y + 0.2), (x - 0.8, y + 2.8), (x + 3.4, y - 2.8)];
            drawing.path(&hook, &hook_style(), "");
        }
        State::Fact => {
            let ring =
                format!(r#"{} stroke-width="1.2" pointer-events="all""#, Paint::Soft.stroke());
            drawing.circle((x, y), 6.2, &ring, title);
            let style =
                format!(r#"{} font-weight="700" pointer-events="none""#, Paint::Soft.fill());
            drawing.text((x, y + 3.6), 10, Anchor::Middle, &style, "i");
        }
        State::Unknown => {
            let style = format!(
                r#"{} stroke-width="1.2" stroke-dasharray="3 2" pointer-events="all""#,
                Paint::Unknown.stroke()
            );
            drawing.rect((x - 6.4, y - 6.4), (12.8, 12.8), 3.0, &style, title);
            let style =
                format!(r#"{} font-weight="700" pointer-events="none""#, Paint::Unknown.fill());
            drawing.text((x, y + 3.9), 11, Anchor::Middle, &style, "?");
        }
        State::Absent => {
            let style = format!(r#"{} stroke-width="1.5""#, Paint::Soft.stroke());
            drawing.path(&[(x - 3.0, y), (x + 3.0, y)], &style, title);
        }
    }
}

/// How the hook of [`State::Allowed`] is drawn; pointers go through it.
pub(crate) fn hook_style() -> String {
    format!(
        r#"{} stroke-width="2" stroke-linecap="round" pointer-events="none""#,
        Paint::Good.stroke()
    )
}
