//! What was measured, written into tables that are there already.
//!
//! Somebody wrote them, with comments and in his order, so only what was measured is exchanged: `status`,
//! `checked` and `source` of its lists. A list without a table gets one at the end.

use std::ops::Range;

use super::entry::Entry;
use super::fault::{CatalogueError, CatalogueFault};
use super::read;
use super::table::status_word;
use super::write::{self, to_toml};

/// Writes the status of lists, with its day and source, into a text with tables.
///
/// # Errors
/// If the text is not right as it is, or its lists are written in a way that cannot be edited.
pub fn refreshed(text: &str, measured: &[Entry]) -> Result<String, CatalogueError> {
    let (_, tables) = read::read(text)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut behind = String::new();
    for entry in measured {
        let Some(table) = tables.iter().find(|table| table.entry.zone == entry.zone) else {
            behind.push('\n');
            behind.push_str(&to_toml(entry));
            continue;
        };
        let mut new = String::new();
        for (key, value) in [
            ("status", entry.status.map(status_word)),
            ("checked", entry.checked.as_deref()),
            ("source", entry.source.as_deref()),
        ] {
            let Some(value) = value.map(write::text) else { continue };
            match table.value(key) {
                Some(place) => edits.push((place, value)),
                None => new.push_str(&format!("{key} = {value}\n")),
            }
        }
        // Below the line of the zone, which every table has.
        let zone = table.value("zone").map_or(0, |place| place.end);
        let end = text[zone..].find('\n').map_or(text.len(), |at| zone + at + 1);
        if end == text.len() && !text.ends_with('\n') {
            new.insert(0, '\n');
        }
        edits.push((end..end, new));
    }
    let refused = CatalogueError {
        line: 0,
        span: 0..0,
        zone: None,
        key: None,
        fault: CatalogueFault::NoTables,
    };
    // From the end, so that earlier places stay where they are; none may lie within another.
    edits.sort_by_key(|(place, _)| std::cmp::Reverse((place.start, place.end)));
    if edits.windows(2).any(|pair| pair[1].0.end > pair[0].0.start) {
        return Err(refused);
    }
    let mut edited = text.to_owned();
    for (place, value) in edits {
        edited.replace_range(place, &value);
    }
    if !edited.is_empty() && !edited.ends_with('\n') && !behind.is_empty() {
        edited.push('\n');
    }
    edited.push_str(if edited.is_empty() { behind.trim_start() } else { &behind });
    // Tables in one line, or under a name of many dots, are not found again as they should be.
    let again = read::read(&edited).map(|(_, tables)| tables).unwrap_or_default();
    let is_written = |entry: &&Entry| {
        again.iter().any(|table| {
            let found = &table.entry;
            (&found.zone, found.status, &found.checked)
                == (&entry.zone, entry.status, &entry.checked)
        })
    };
    match measured.iter().all(|entry| is_written(&entry)) {
        true => Ok(edited),
        false => Err(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Status;

    /// A text with `live` measured for a zone.
    fn with(text: &str, zones: &[&str]) -> Result<String, CatalogueError> {
        let measured: Vec<Entry> = zones
            .iter()
            .map(|zone| {
                let mut entry = Entry::new(zone.parse().expect("a name"));
                entry.status = Some(Status::Live);
                entry.checked = Some("2026-11-22".to_owned());
                entry.source = Some("measured".to_owned());
                entry
            })
            .collect();
        refreshed(text, &measured)
    }

    #[test]
    fn what_somebody_wrote_stays_as_it_is() {
        let text = "# mine\n[[list]]\nchecked = \"2012\" # long ago\nzone = \"a.example\" # a\nstatus = \"dead\"\n\
                    [list.codes]\n\"127.0.0.2\" = \"spam\"\n[server]\nworkers = 1\n";
        let expect = "# mine\n[[list]]\nchecked = \"2026-11-22\" # long ago\nzone = \"a.example\" # a\n\
                      source = \"measured\"\nstatus = \"live\"\n[list.codes]\n\"127.0.0.2\" = \"spam\"\n[server]\n\
                      workers = 1\n\n[[list]]\nzone = \"b.example\"\nstatus = \"live\"\nchecked = \"2026-11-22\"\n\
                      source = \"measured\"\n";
        assert_eq!(with(text, &["a.example", "b.example"]).as_deref(), Ok(expect));
        assert_eq!(
            with(expect, &["a.example", "b.example"]).as_deref(),
            Ok(expect),
            "the second time too"
        );
        let last = with("[[list]]\nzone = \"a.example\"", &["a.example", "b.example"]);
        assert!(last.is_ok_and(|text| {
            text.starts_with("[[list]]\nzone = \"a.example\"\nstatus = \"live\"\n")
        }));
        assert_eq!(with("", &["a.example"]).map(|text| text.starts_with("[[list]]")), Ok(true));
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        assert!(with("list = [{ zone = \"a.example\" }]\n", &["a.example"]).is_err());
        assert!(with("list = [{ zone = \"a.example\" }]\n", &["b.example"]).is_err());
        assert!(with("[[list]]\nzone = \"a..b\"\n", &["b.example"]).is_err());
        // A value that begins in the line of the zone and goes on in the next.
        let source = "list = [{ zone = \"a.example\", source = \"\"\"\n\u{e9}\"\"\" }]\n";
        assert!(with(source, &["a.example"]).is_err());
    }
}
