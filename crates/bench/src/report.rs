//! The report: Markdown tables for people, JSON for machines, and their place in the manual.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::floors;
use crate::machine;
use crate::results::{Figure, Part, Results};

/// Writes all tables: what must be reached first, then every part.
pub(crate) fn markdown(results: &Results, how: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}\n{how}\n", machine::describe());
    text.push_str(&floors::markdown(results));
    for part in Part::ALL {
        let figures = results.of(part);
        if !figures.is_empty() {
            let _ = writeln!(text, "\n### {}\n", part.title());
            text.push_str(&table(results, &figures));
        }
    }
    if !results.missing().is_empty() {
        text.push_str("\n### Not measured\n\n");
        for what in results.missing() {
            let _ = writeln!(text, "- {what}");
        }
    }
    text
}

/// Everything, for machines.
pub(crate) fn json(results: &Results, how: &str) -> Value {
    let mut value = results.to_json();
    value["machine"] = json!(machine::describe());
    value["how"] = json!(how);
    value["floors"] = floors::to_json(results);
    value
}

/// A report in the manual.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    /// That of all parts.
    All,
    /// That of the registry.
    Registry,
    /// That of zones.
    Zones,
}

impl Section {
    /// The lines before and behind it.
    fn marks(self) -> [&'static str; 2] {
        match self {
            Section::All => ["<!-- repute-bench: begin -->", "<!-- repute-bench: end -->"],
            Section::Registry => {
                ["<!-- repute-bench registry: begin -->", "<!-- repute-bench registry: end -->"]
            }
            Section::Zones => {
                ["<!-- repute-bench zones: begin -->", "<!-- repute-bench zones: end -->"]
            }
        }
    }
}

/// Puts a report between the two marks of a page.
///
/// # Errors
/// If the page cannot be read or written, or has no marks.
pub(crate) fn update(page: &Path, section: Section, report: &str) -> anyhow::Result<()> {
    let name = page.display();
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {name}"))?;
    let [begin, end] = section.marks();
    let text = between_marks(&text, section, report)
        .with_context(|| format!("{name} has no lines `{begin}` and `{end}` for the report"))?;
    fs::write(page, text).with_context(|| format!("cannot write {name}"))
}

/// Replaces what stands between the marks.
fn between_marks(page: &str, section: Section, report: &str) -> Option<String> {
    let [begin, end] = section.marks();
    let start = page.find(begin)? + begin.len();
    let end = start + page[start..].find(end)?;
    Some(format!("{}\n\n{}\n\n{}", &page[..start], report.trim(), &page[end..]))
}

/// Writes a table, a row a figure; the ratio is to the first row of the same case and unit.
fn table(results: &Results, figures: &[&Figure]) -> String {
    let mut text = String::from(
        "| case | subject | unit | min | median | max | ratio | rounds |\n|---|---|---|--:|--:|--:|--:|--:|\n",
    );
    for figure in figures {
        let samples = &figure.samples;
        let ratio = samples.ratio_to(results.base(figure));
        let ratio = if ratio.is_finite() { format!("{ratio:.2}") } else { "-".into() };
        let [min, median, max] = [samples.min(), samples.median(), samples.max()].map(number);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {min} | {median} | {max} | {ratio} | {} |",
            figure.case,
            figure.subject,
            figure.unit,
            samples.len()
        );
    }
    text
}

/// Writes a number with three significant digits or, if large, commas.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    if value == 0.0 || value.abs() >= 100.0 {
        let digits = format!("{:.0}", value.abs());
        let mut text = String::from(if value < 0.0 { "-" } else { "" });
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(1, 6) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [(1_234_567.8, "1,234,568"), (72.345, "72.3"), (0.123_45, "0.123"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "-");
    }

    #[test]
    fn a_report_replaces_the_last_one() {
        for section in [Section::All, Section::Registry] {
            let [begin, end] = section.marks();
            let page = format!("before\n{begin}\nold\n{end}\nafter\n");
            let page = between_marks(&page, section, "new").unwrap();
            assert_eq!(page, format!("before\n{begin}\n\nnew\n\n{end}\nafter\n"));
            assert_eq!(between_marks("no marks", section, "new"), None);
        }
    }
}
