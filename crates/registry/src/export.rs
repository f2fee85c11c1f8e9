//! The entries of a list as text: as they are, not what becomes of them in DNS. What is written so is read by an import.

use repute_database::Timestamp;
use repute_database::entries::Entry;
use repute_dnsxl::Name;

/// As what entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// rbldnsd's data file.
    Rbldnsd,
    /// A table, with all that is known of an entry.
    Csv,
}

/// What stands before the entries.
pub fn head(format: Format, apex: &Name, serial: u32) -> String {
    match format {
        Format::Rbldnsd => format!("# {apex}, serial {serial}\n"),
        Format::Csv => "key,code,text,reason,source,since,expires\n".to_owned(),
    }
}

/// Adds the line of an entry, from a source of this name; times are written by `time`.
pub fn line(
    out: &mut String,
    format: Format,
    entry: &Entry,
    source: &str,
    time: impl Fn(Timestamp) -> String,
) {
    match format {
        Format::Rbldnsd => rbldnsd(out, entry),
        Format::Csv => csv(out, entry, source, time),
    }
}

/// Adds an entry as a line of a data file.
fn rbldnsd(out: &mut String, entry: &Entry) {
    match entry.code {
        None => *out += &format!("!{}\n", entry.key),
        // A line end would begin another entry.
        Some(code) => {
            let text: String =
                entry.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            *out += &format!("{} :{code}:{text}\n", entry.key);
        }
    }
}

/// Adds an entry as a row of CSV.
fn csv(out: &mut String, entry: &Entry, source: &str, time: impl Fn(Timestamp) -> String) {
    let mark = if entry.code.is_none() { "!" } else { "" };
    let key = format!("{mark}{}", entry.key);
    let code = entry.code.map(|code| code.to_string()).unwrap_or_default();
    let expires = entry.expires.map(&time).unwrap_or_default();
    let since = time(entry.since);
    let cells = [&*key, &*code, &*entry.text, &*entry.reason, source, &*since, &*expires];
    *out += &cells.map(cell).join(",");
    out.push('\n');
}

/// A cell of CSV (RFC 4180). What a table program would take for a formula begins with an apostrophe.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    match !guard.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use repute_database::entries::SourceId;

    use super::*;

    #[test]
    fn what_others_wrote_neither_begins_a_line_nor_a_formula() {
        let entry = Entry {
            key: "192.0.2.1".parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: "one\n192.0.2.2".to_owned(),
            reason: "=1+1, \"so\"".to_owned(),
            criterion: None,
            source: SourceId(1),
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        let mut out = String::new();
        line(&mut out, Format::Rbldnsd, &entry, "hand", |time| time.0.to_string());
        line(&mut out, Format::Csv, &entry, "hand", |time| time.0.to_string());
        let never = Entry { code: None, ..entry };
        line(&mut out, Format::Rbldnsd, &never, "hand", |time| time.0.to_string());
        let expect = "192.0.2.1 :127.0.0.2:one 192.0.2.2\n\
            192.0.2.1,127.0.0.2,\"one\n192.0.2.2\",\"'=1+1, \"\"so\"\"\",hand,1,\n!192.0.2.1\n";
        assert_eq!(out, expect);
    }
}
