//! A list as the records of an ordinary zone, in wire form: what zone transfer sends (RFC 5936, RFC 1995).
//!
//! The records answer every address and name as the list does to a client without a key. Networks, and names with all
//! that is below them, are wildcards; exclusions are names that cut them. A network that does not end at an octet or
//! nibble is written as those that it consists of; one of which up to a quarter of the next octets or nibbles is missing
//! or says something else is a wildcard with these as names in it. What such records cannot say of a list:
//!
//! - Who may ask: access lists, by address or by key, stay with the server that has the list.
//! - Entries with a delay or a key: the records say what holds at one time for clients without a key, and what comes to
//!   hold later is in no record before somebody makes the records anew.
//! - A text with `$` names the first address of its network, and so does a link with its tag: what a wildcard answers is
//!   the same for all that it stands for. Addresses that are entries of their own are one network if three of four
//!   neighbours are listed alike.
//! - A wildcard also answers for names that are no address, and where several networks meet in a label that is an octet
//!   and a nibble, more names are written out.
//! - A name that must exist so that a wildcard ends there has a HINFO record `"" "not listed"`: NODATA, where the list
//!   may say that there is no such name.
//! - Names with a label that is a single `*`, and names too long below the apex, are left out.
//! - rbldnsd's dialect: one name is written for each address, its other spellings are not.
//!
//! The order of names is the same in each version of a list, so two versions can be compared as they are gone through
//! ([`Difference`]). Nothing is held of what was gone through, but for the names of a list of names, which are put in
//! order first ([`SortedNames`]).
//!
//! What is *not* here: messages, the start of authority around a transfer, and who may have one.

pub(crate) mod difference;
pub(crate) mod scope;
pub(crate) mod sets;
pub(crate) mod sorted_names;
mod spelled;
pub(crate) mod walk;

use std::ops::ControlFlow;

pub use difference::{Difference, Way};
pub use sorted_names::SortedNames;

use scope::Scope;
use walk::{Order, Walk};

use crate::zone::Zone;

/// A version of a list, to be written as records.
#[derive(Clone, Copy, Debug)]
pub struct Version<'v> {
    /// The list.
    pub zone: &'v Zone,
    /// Its names in order, or more than them.
    pub names: &'v SortedNames,
    /// The time (seconds since 1970) at which entries hold or do not. Whoever has records of a version goes on from the
    /// time at which they were made.
    pub now: u32,
}

/// A record of class IN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireRecord<'r> {
    /// The name it belongs to: wire form, uncompressed, with the apex and the root.
    pub owner: &'r [u8],
    /// Its type.
    pub rtype: u16,
    /// Its time to live in seconds.
    pub ttl: u32,
    /// Its data in wire form, uncompressed.
    pub data: &'r [u8],
}

/// Gives all records of a list but its start of authority. Those of one name come together, those of one type among
/// them as well.
pub fn records(
    version: Version<'_>,
    mut each: impl FnMut(WireRecord<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut walk = Walk::new(version, Order::Paths, Scope::ALL);
    while let Some(at) = walk.next() {
        walk.sort();
        walk.sets().iter().try_for_each(|bare| each(difference::wire(&walk, at, bare)))?;
    }
    ControlFlow::Continue(())
}

/// How many records a list has, its start of authority not among them: counted, until there are more than `most`, so that
/// a list that is too large is known for that before any of it is sent.
pub fn count(version: Version<'_>, most: u64) -> u64 {
    let mut count = 0;
    // The flow only says whether all were counted.
    let _ = records(version, |_| {
        count += 1;
        if count > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    count
}
