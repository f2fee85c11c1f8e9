//! Records as a master file.

use std::io::{self, Write};

use repute_dnsxl::Name;

use super::data;
use crate::record::Record;
use crate::zone::Zone;

/// Writes a zone: its SOA first, one record a line, every name whole, so that lines stand for themselves.
///
/// # Errors
/// If `out` fails.
pub fn write(zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    for record in zone.records() {
        writeln!(out, "{}", line(&record))?;
    }
    Ok(())
}

/// A record as a line, without its end.
pub fn line(record: &Record) -> String {
    let Record { owner, rtype, ttl, data } = record;
    format!(
        "{}\t{ttl}\tIN\t{}\t{}",
        absolute(owner),
        data::type_name(*rtype),
        data::text(*rtype, data)
    )
}

/// A name with its dot. Parentheses mean something in a master file, and nowhere else.
fn absolute(name: &Name) -> String {
    if name.label_count() == 0 {
        return ".".to_owned();
    }
    format!("{name}.").replace('(', "\\(").replace(')', "\\)")
}
