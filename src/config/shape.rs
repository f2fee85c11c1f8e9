//! Which keys of the configuration are tables.
//!
//! The parser takes a list for a table too, and its elements for the keys in the order in which they
//! are declared: `server = []` would be all defaults. Nobody means that, so it is an error here.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// What a key holds.
enum Shape {
    /// A table, with these tables in it.
    Table(&'static [(&'static str, Shape)]),
    /// A list of such tables.
    Tables(&'static [(&'static str, Shape)]),
}

/// Finds a list where a table belongs: its place, and what to say. Text that is not TOML has none.
pub(super) fn list_for_table(text: &str) -> Option<(Range<usize>, String)> {
    find(DeTable::parse(text).ok()?.get_ref(), "", WHOLE)
}

/// Finds it in a table.
fn find(
    table: &DeTable<'_>,
    path: &str,
    shapes: &[(&str, Shape)],
) -> Option<(Range<usize>, String)> {
    let wrong = |span, path: &str| Some((span, format!("{path}: expected a table, not a list")));
    for (key, value) in table {
        let key: &str = key.get_ref();
        let Some((_, shape)) = shapes.iter().find(|(name, _)| *name == key) else { continue };
        let path = [path, key].concat();
        let found = match (shape, value.get_ref()) {
            (Shape::Table(_), DeValue::Array(_)) => wrong(value.span(), &path),
            (Shape::Table(inner), DeValue::Table(table)) => find(table, &format!("{path}."), inner),
            (Shape::Tables(inner), DeValue::Array(items)) => {
                items.iter().zip(0..).find_map(|(item, at): (_, usize)| match item.get_ref() {
                    DeValue::Array(_) => wrong(item.span(), &format!("{path}[{at}]")),
                    DeValue::Table(table) => find(table, &format!("{path}[{at}]."), inner),
                    _ => None,
                })
            }
            // What is neither is told with its type when it is read.
            (Shape::Table(_) | Shape::Tables(_), _) => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The whole file.
const WHOLE: &[(&str, Shape)] = &[
    ("server", Shape::Table(&[])),
    ("nameserver", Shape::Table(&[("query-log", Shape::Table(&[]))])),
    ("loader", Shape::Table(&[])),
    ("zone", Shape::Tables(ZONE)),
    ("key", Shape::Tables(&[])),
    ("primary", Shape::Tables(&[("update", Shape::Tables(&[]))])),
    ("secondary", Shape::Tables(&[])),
    ("challenge", Shape::Table(&[])),
    ("catalog", Shape::Tables(&[("groups", Shape::Table(&[]))])),
    ("follow", Shape::Tables(&[])),
    ("monitor", Shape::Table(&[("channel", Shape::Tables(CHANNEL))])),
    ("list", Shape::Tables(&[("codes", Shape::Table(&[])), ("errors", Shape::Table(&[]))])),
];

/// One channel of the monitor.
const CHANNEL: &[(&str, Shape)] =
    &[("smtp", Shape::Table(&[])), ("webhook", Shape::Table(&[])), ("command", Shape::Table(&[]))];

/// One zone.
const ZONE: &[(&str, Shape)] =
    &[("soa", Shape::Table(&[])), ("guards", Shape::Table(&[])), ("source", Shape::Tables(&[]))];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_no_table() {
        let check = |text: &str, expect: Option<&str>| {
            let expect = expect.map(|path| format!("{path}: expected a table, not a list"));
            assert_eq!(list_for_table(text).map(|(_, said)| said), expect, "{text}");
        };
        check("server = []", Some("server"));
        check("[[server]]", Some("server"));
        check("nameserver.query-log = [[\"all\"]]", Some("nameserver.query-log"));
        check("zone = [[\"bl.example\"]]", Some("zone[0]"));
        check("[[zone]]\n[[zone]]\nsoa = [1]", Some("zone[1].soa"));
        check("[[zone]]\nsource = [{}, []]", Some("zone[0].source[1]"));
        check("[[list]]\ncodes = []", Some("list[0].codes"));
        check("[[monitor.channel]]\nsmtp = []", Some("monitor.channel[0].smtp"));
        check("[[zone]]\n[[zone.source]]\nfiles = []\n[server]\nlisten = []", None);
        check("server = 1\nzone = 2\nother = []", None);
        check("[server", None);
    }
}
