//! The master file (RFC 1035 section 5): the same answers from BIND, NSD, Knot and others.
//!
//! What the records are, and what they cannot say of a list, is in [`crate::records`]; here they become text.

use std::io::{self, Write};

use crate::export::header::{Syntax, header};
use crate::export::{View, name_text, record_text};
use crate::records::scope::Scope;
use crate::records::walk::{Order, Walk};
use crate::records::{SortedNames, Version};
use crate::zone::Zone;

/// Writes a zone as a master file: what a client without a key is told at a time (seconds since 1970).
///
/// # Errors
/// If `out` fails.
pub fn master(zone: &Zone, now: u32, out: &mut dyn Write) -> io::Result<()> {
    header(zone, View::At(now), Syntax::Master, out)?;
    let names = SortedNames::of(zone);
    let version = Version { zone, names: &names, now };
    let mut walk = Walk::new(version, Order::File, Scope::ALL);
    while let Some(at) = walk.next() {
        let owner = name_text(walk.relative_owner(at));
        for record in walk.sets().iter() {
            if let Some(text) = record_text(record.rtype, record.data) {
                writeln!(out, "{owner}\t{}\tIN\t{text}", record.ttl)?;
            }
        }
    }
    Ok(())
}
