//! A report as CSV (RFC 4180): a line for each list.

use std::io::{self, Write};

use repute_lookup::list::List;
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;
use repute_lookup::verdict::Verdict;

use super::json::{polarity_word, verdict_word};
use super::set::Set;

/// Writes a report, each line with the day of the catalogue that the lists are of; with the line that names the columns, if it is the first.
pub(super) fn write(
    out: &mut impl Write,
    lists: &[List],
    report: &Report,
    missing: Option<Missing>,
    set: Option<Set>,
    first: bool,
) -> io::Result<()> {
    if first {
        write!(
            out,
            "target,list,polarity,verdict,codes,meaning,text,delisting,reason,catalogue\r\n"
        )?;
    }
    let day = set.map(|set| set.day.to_string()).unwrap_or_default();
    let target = report.target.to_string();
    if let Some(missing) = missing {
        write!(out, "{},,,unknown,,,,,{missing},{day}\r\n", field(&target))?;
    }
    for (list, verdict) in lists.iter().zip(&report.verdicts) {
        let Some(verdict) = verdict else { continue };
        // What most lists say of most targets, without a detour.
        if *verdict == Verdict::NotListed {
            let (polarity, word) = (polarity_word(list.polarity), verdict_word(verdict));
            write!(out, "{target},{},{polarity},{word},,,,,,{day}\r\n", list.zone)?;
            continue;
        }
        let (mut codes, mut meanings, mut texts) = (Vec::new(), Vec::new(), String::new());
        let (mut delisting, mut reason) = (String::new(), String::new());
        match verdict {
            Verdict::Listed(listing) => {
                codes.extend(listing.codes.iter().map(ToString::to_string));
                meanings.extend(listing.codes.iter().filter_map(|code| list.meaning(*code)));
                texts = listing.texts.join(" ");
                delisting = list.delisting_link(&report.target).unwrap_or_default();
            }
            Verdict::NotListed => {}
            Verdict::Unknown(why) => reason = why.to_string(),
        }
        let fields = [
            &target,
            &list.zone.to_string(),
            polarity_word(list.polarity),
            verdict_word(verdict),
            &codes.join(" "),
            &meanings.join("; "),
            &texts,
            &delisting,
            &reason,
            &day,
        ];
        let fields: Vec<String> = fields.iter().map(|field| self::field(field)).collect();
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

/// A field, in quotes if it needs them. What a spreadsheet would take for a formula begins with a quote:
/// texts of lists are written by strangers.
fn field(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text,
    };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_stays_in_its_field() {
        assert_eq!(field("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(field("a\r\nb"), "a  b");
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
