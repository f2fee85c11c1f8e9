//! A badge: the list and its grade, as the small signs on project pages.
//!
//! The widths of letters are estimated, and the text is told to fit.

use std::fmt::Write;

use crate::Audit;
use crate::grade::Grade;

/// An SVG image of an audit's result.
pub fn svg(audit: &Audit) -> String {
    let (word, colour) = match audit.grade {
        Some(Grade::A) => ("A", "#2e7d32"),
        Some(Grade::B) => ("B", "#558b2f"),
        Some(Grade::C) => ("C", "#9e6a00"),
        Some(Grade::D) => ("D", "#b45309"),
        Some(Grade::E) => ("E", "#c2410c"),
        Some(Grade::F) => ("F", "#b91c1c"),
        None => ("unknown", "#6b7280"),
    };
    let name = escaped(&audit.zone);
    // Bold letters are a seventh wider.
    let (left_text, right_text) = (width(&audit.zone), width(word) * 8 / 7);
    let (left, right) = (left_text + 2 * PADDING, right_text + 2 * PADDING);
    let whole = left + right;
    let (left_middle, right_middle) = (left / 2, left + right / 2);
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" \
         aria-label=\"{name}: grade {word}\">\
         <title>{name}: grade {word}</title>\
         <rect width=\"{whole}\" height=\"20\" rx=\"3\" fill=\"#3f3f46\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" rx=\"3\" fill=\"{colour}\"/>\
         <rect x=\"{left}\" width=\"4\" height=\"20\" fill=\"{colour}\"/>\
         <g fill=\"#fff\" text-anchor=\"middle\" font-size=\"11\" \
         font-family=\"Verdana,DejaVu Sans,Geneva,sans-serif\">\
         <text x=\"{left_middle}\" y=\"14\" textLength=\"{left_text}\">{name}</text>\
         <text x=\"{right_middle}\" y=\"14\" textLength=\"{right_text}\" \
         font-weight=\"bold\">{word}</text></g></svg>"
    );
    out
}

/// About how wide a text is in the font of badges.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' => 38,
            'f' | 't' | 'r' | '-' => 46,
            'm' | 'w' | 'A'..='Z' => 85,
            _ => 68,
        })
        .sum();
    tenths.div_ceil(10)
}

/// A text in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No XML may hold these.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Space beside a text.
const PADDING: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    /// The badge of a list with a grade.
    fn badge(zone: &str, grade: Option<Grade>) -> String {
        let (servers, findings) = (Vec::new(), Vec::new());
        svg(&Audit { zone: zone.to_owned(), servers, obstacle: None, findings, grade })
    }

    #[test]
    fn a_badge_is_xml_whatever_the_name() {
        for zone in ["bl.example", "a<b>&\"c\\000", "", "x\u{1}y"] {
            for grade in [Some(Grade::A), Some(Grade::F), None] {
                let svg = badge(zone, grade);
                let read = roxmltree::Document::parse(&svg).expect("it is XML");
                let word = grade.map_or("unknown".to_owned(), |grade| grade.letter().to_string());
                let texts = read.descendants().filter(|node| node.has_tag_name("text"));
                let texts: Vec<_> =
                    texts.map(|node| node.text().unwrap_or("").to_owned()).collect();
                assert_eq!(texts, [zone.replace('\u{1}', "\u{fffd}"), word]);
            }
        }
    }

    #[test]
    fn a_badge_grows_with_the_name() {
        let wide = |zone| {
            let svg = badge(zone, Some(Grade::A));
            let read = roxmltree::Document::parse(&svg).expect("it is XML");
            read.root_element().attribute("width").and_then(|w| w.parse::<usize>().ok())
        };
        assert!(wide("a.long.name.of.a.list.example.org") > wide("bl.example"));
    }
}
