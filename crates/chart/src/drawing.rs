//! The one place where SVG is written: escaped, with finite numbers, and with colours for both
//! schemes.

use std::fmt::Write as _;

use crate::text::escape;

/// The colours of all charts, as a style sheet. Each chart holds it already.
///
/// A page may change them: `.repute-chart.repute-chart { --rc-ground: transparent; }`.
pub const STYLE: &str = "\
.repute-chart{color-scheme:light dark;max-width:100%;height:auto;\
--rc-ground:#ffffff;--rc-ink:#1b2430;--rc-soft:#5a6675;--rc-line:#dfe4ea;\
--rc-good:#0b7a45;--rc-bad:#b8141f;--rc-unknown:#8a5200;\
--rc-1:#0a58ca;--rc-2:#b45309;--rc-3:#0b7a45;--rc-4:#7c3aed;--rc-5:#be185d;--rc-6:#475569}\
@media (prefers-color-scheme:dark){.repute-chart{\
--rc-ground:#19212b;--rc-ink:#e6ebf1;--rc-soft:#9aa7b6;--rc-line:#2c3744;\
--rc-good:#7ee2a8;--rc-bad:#ff8b91;--rc-unknown:#ffcf70;\
--rc-1:#86b7ff;--rc-2:#ffb454;--rc-3:#7ee2a8;--rc-4:#c4a5ff;--rc-5:#ff9ecb;--rc-6:#b6c2d0}}\
.repute-chart .rc-ground{fill:var(--rc-ground)}\
.repute-chart .rc-ink{fill:var(--rc-ink)}\
.repute-chart .rc-soft{fill:var(--rc-soft)}\
.repute-chart .rc-line{fill:var(--rc-line)}\
.repute-chart .rc-good{fill:var(--rc-good)}\
.repute-chart .rc-bad{fill:var(--rc-bad)}\
.repute-chart .rc-unknown{fill:var(--rc-unknown)}\
.repute-chart .rc-1{fill:var(--rc-1)}\
.repute-chart .rc-2{fill:var(--rc-2)}\
.repute-chart .rc-3{fill:var(--rc-3)}\
.repute-chart .rc-4{fill:var(--rc-4)}\
.repute-chart .rc-5{fill:var(--rc-5)}\
.repute-chart .rc-6{fill:var(--rc-6)}\
.repute-chart .rc-ground-s{stroke:var(--rc-ground)}\
.repute-chart .rc-ink-s{stroke:var(--rc-ink)}\
.repute-chart .rc-soft-s{stroke:var(--rc-soft)}\
.repute-chart .rc-line-s{stroke:var(--rc-line)}\
.repute-chart .rc-good-s{stroke:var(--rc-good)}\
.repute-chart .rc-bad-s{stroke:var(--rc-bad)}\
.repute-chart .rc-unknown-s{stroke:var(--rc-unknown)}\
.repute-chart .rc-1-s{stroke:var(--rc-1)}\
.repute-chart .rc-2-s{stroke:var(--rc-2)}\
.repute-chart .rc-3-s{stroke:var(--rc-3)}\
.repute-chart .rc-4-s{stroke:var(--rc-4)}\
.repute-chart .rc-5-s{stroke:var(--rc-5)}\
.repute-chart .rc-6-s{stroke:var(--rc-6)}";

/// A colour by its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Behind everything.
    Ground,
    /// What is read first.
    Ink,
    /// What is read second.
    Soft,
    /// Lines that help the eye.
    Line,
    /// As it should be.
    Good,
    /// As it should not be.
    Bad,
    /// Nobody knows.
    Unknown,
    /// The n-th of several series; they repeat after six.
    Series(usize),
}

impl Paint {
    /// The name in the style sheet, and the colour in the light scheme.
    fn words(self) -> (&'static str, &'static str) {
        const SERIES: [(&str, &str); 6] = [
            ("1", "#0a58ca"),
            ("2", "#b45309"),
            ("3", "#0b7a45"),
            ("4", "#7c3aed"),
            ("5", "#be185d"),
            ("6", "#475569"),
        ];
        match self {
            Paint::Ground => ("ground", "#ffffff"),
            Paint::Ink => ("ink", "#1b2430"),
            Paint::Soft => ("soft", "#5a6675"),
            Paint::Line => ("line", "#dfe4ea"),
            Paint::Good => ("good", "#0b7a45"),
            Paint::Bad => ("bad", "#b8141f"),
            Paint::Unknown => ("unknown", "#8a5200"),
            Paint::Series(n) => SERIES[n % SERIES.len()],
        }
    }

    /// The attributes that fill a shape with it.
    pub(crate) fn fill(self) -> String {
        let (name, colour) = self.words();
        format!(r#"class="rc-{name}" fill="{colour}""#)
    }

    /// The attributes that draw a line with it.
    pub(crate) fn stroke(self) -> String {
        let (name, colour) = self.words();
        format!(r#"class="rc-{name}-s" stroke="{colour}" fill="none""#)
    }
}

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// A chart in the making.
#[derive(Debug, Default)]
pub(crate) struct Drawing {
    body: String,
}

impl Drawing {
    /// Adds a rectangle with round corners. `style` is what [`Paint`] gives, with more attributes
    /// perhaps.
    pub(crate) fn rect(
        &mut self,
        at: (f64, f64),
        size: (f64, f64),
        r: f64,
        style: &str,
        title: &str,
    ) {
        let (x, y, w, h) = (Px(at.0), Px(at.1), Px(size.0.max(0.0)), Px(size.1.max(0.0)));
        let head = format!(r#"rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{}""#, Px(r));
        self.mark("rect", &head, style, title);
    }

    /// Adds a circle.
    pub(crate) fn circle(&mut self, center: (f64, f64), r: f64, style: &str, title: &str) {
        let head = format!(r#"circle cx="{}" cy="{}" r="{}""#, Px(center.0), Px(center.1), Px(r));
        self.mark("circle", &head, style, title);
    }

    /// Adds lines from point to point.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], style: &str, title: &str) {
        let mut d = String::new();
        for (n, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{} {}", if n == 0 { 'M' } else { 'L' }, Px(*x), Px(*y));
        }
        if !d.is_empty() {
            self.mark("path", &format!(r#"path d="{d}""#), style, title);
        }
    }

    /// Adds a text, whose letters are `size` pixels high.
    pub(crate) fn text(
        &mut self,
        at: (f64, f64),
        size: u32,
        anchor: Anchor,
        style: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let _ = writeln!(
            self.body,
            r#"<text x="{}" y="{}" font-size="{size}"{anchor} {style}>{}</text>"#,
            Px(at.0),
            Px(at.1),
            escape(text)
        );
    }

    /// Adds a name and, behind it, what is read first.
    pub(crate) fn pair(&mut self, at: (f64, f64), size: u32, name: &str, value: &str) {
        let (soft, ink) = (Paint::Soft.fill(), Paint::Ink.fill());
        let _ = writeln!(
            self.body,
            r#"<text x="{}" y="{}" font-size="{size}" {soft}>{} <tspan {ink} font-weight="600">{}</tspan></text>"#,
            Px(at.0),
            Px(at.1),
            escape(name),
            escape(value)
        );
    }

    /// Adds a text that rises by so many degrees from where it begins.
    pub(crate) fn turned_text(
        &mut self,
        at: (f64, f64),
        degrees: u32,
        size: u32,
        style: &str,
        text: &str,
        title: &str,
    ) {
        let (x, y) = (Px(at.0), Px(at.1));
        let _ = writeln!(
            self.body,
            r#"<text transform="translate({x} {y}) rotate(-{degrees})" font-size="{size}" {style}>{}<title>{}</title></text>"#,
            escape(text),
            escape(title)
        );
    }

    /// Adds one element with a title or without.
    fn mark(&mut self, name: &str, head: &str, style: &str, title: &str) {
        let _ = if title.is_empty() {
            writeln!(self.body, "<{head} {style}/>")
        } else {
            writeln!(self.body, "<{head} {style}><title>{}</title></{name}>", escape(title))
        };
    }

    /// Returns the whole chart: its title above, `essence` as what is read aloud.
    pub(crate) fn finish(self, size: (f64, f64), title: &str, essence: &str) -> String {
        let (w, h) = (Px(size.0.ceil()), Px(size.1.ceil()));
        let label =
            if essence.is_empty() { title.to_owned() } else { format!("{title}: {essence}") };
        let label = escape(&label);
        let mut frame = Drawing::default();
        frame.rect((0.0, 0.0), (size.0.ceil(), size.1.ceil()), 8.0, &Paint::Ground.fill(), "");
        let heading = crate::text::fit(title, size.0 - 2.0 * PAD, 14);
        let style = format!(r#"{} font-weight="600""#, Paint::Ink.fill());
        frame.text((PAD, 26.0), 14, Anchor::Start, &style, &heading);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"repute-chart\" role=\"img\" \
             aria-label=\"{label}\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n{}{}</svg>\n",
            escape(title),
            frame.body,
            self.body
        )
    }
}

/// The margin of every chart.
pub(crate) const PAD: f64 = 16.0;
/// Where what is below the title begins.
pub(crate) const TOP: f64 = 40.0;

/// A width that a chart can be drawn at.
pub(crate) fn usable(width: u32) -> f64 {
    f64::from(width.clamp(240, 4000))
}

/// A coordinate: a tenth of a pixel is as much as anybody sees.
struct Px(f64);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug_assert!(self.0.is_finite(), "a coordinate is a number");
        let tenths = (self.0 * 10.0).round() / 10.0;
        // No minus before a zero.
        write!(f, "{}", if tenths == 0.0 { 0.0 } else { tenths })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_style_sheet_name_the_same_colours() {
        let all = [
            Paint::Ground,
            Paint::Ink,
            Paint::Soft,
            Paint::Line,
            Paint::Good,
            Paint::Bad,
            Paint::Unknown,
        ];
        for paint in all.into_iter().chain((0..6).map(Paint::Series)) {
            let (name, colour) = paint.words();
            let (light, dark) = STYLE.split_once("@media").unwrap();
            assert!(light.contains(&format!("--rc-{name}:{colour}")), "{name}");
            assert!(dark.contains(&format!("--rc-{name}:#")), "{name}");
            assert!(dark.contains(&format!(".rc-{name}{{fill:var(--rc-{name})}}")), "{name}");
            assert!(dark.contains(&format!(".rc-{name}-s{{stroke:var(--rc-{name})}}")), "{name}");
        }
    }

    #[test]
    fn coordinates_are_short() {
        for (value, text) in [(1.0, "1"), (1.26, "1.3"), (-0.01, "0"), (-2.5, "-2.5")] {
            assert_eq!(Px(value).to_string(), text);
        }
    }
}
