//! Charts in pages: drawn for a wide page and for a phone, without the style that each chart holds.
//!
//! The policy of our pages forbids styles within them, so that style is a part of our own sheet.

use repute_chart::{Bar, STYLE, Series};

/// A chart in both widths, as markup that is safe to put into a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chart {
    /// For a wide page.
    pub(crate) wide: String,
    /// For a phone.
    pub(crate) slim: String,
}

impl Chart {
    /// Amounts over time.
    pub(crate) fn lines(title: &str, series: &[Series<'_>]) -> Chart {
        Chart::of(|width| repute_chart::lines(title, width, series))
    }

    /// Amounts beside one another.
    pub(crate) fn bars(title: &str, bars: &[Bar<'_>]) -> Chart {
        Chart::of(|width| repute_chart::bars(title, width, bars))
    }

    /// What draws in a width draws in both.
    fn of(draw: impl Fn(u32) -> String) -> Chart {
        let style = format!("<style>{STYLE}</style>");
        let plain = |width| draw(width).replace(&style, "");
        Chart { wide: plain(WIDE), slim: plain(SLIM) }
    }
}

/// The width of a page's content.
const WIDE: u32 = 976;
/// The width of a phone's.
const SLIM: u32 = 343;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_chart_is_styled_from_within_it_and_texts_are_escaped() {
        let points = [(0, 1.0), (86_400, 2.0)];
        let lines = Chart::lines("<b>", &[Series { label: "\"x\" & y", points: &points }]);
        let bars = Chart::bars("t", &[Bar { label: "<script>", value: 3.0 }]);
        for svg in [lines.wide, lines.slim, bars.wide, bars.slim] {
            assert!(svg.starts_with("<svg "), "{svg}");
            for wrong in ["<style", " style=", "<b>", "<script>"] {
                assert!(!svg.contains(wrong), "{wrong} is in {svg}");
            }
        }
    }
}
