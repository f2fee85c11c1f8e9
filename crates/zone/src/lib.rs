//! A list as data: read it, build it, ask it, carry it as bytes.
//!
//! ```text
//!  list files ── format ──> entries ── resolve ──> index ─┐
//!                     └────> values (codes, texts) ───────┴─> Dataset ──> Zone ── visit ──> hits
//! ```
//! Reading and building happen once; what is asked is a [`Zone`], a value that never changes and is
//! shared by all threads. There is no I/O here and no clock: readers are handed in, and so is the time.

mod dataset;
pub mod export;
mod fault;
pub mod format;
pub mod guard;
pub mod journal;
mod lanes;
mod link;
pub mod parcel;
mod patch;
mod prefetch;
mod rank;
pub mod records;
mod relative;
mod resolve;
mod section;
pub mod snapshot;
mod value;
mod zone;

pub use dataset::acl::Action;
pub use dataset::generic::Record;
pub use dataset::names_search::Hashes;
pub use dataset::{Dataset, DatasetKind, Header, Soa, TooMany, UnknownKind};
pub use fault::{Fault, Faults, LONGEST_LINE, Problem};
pub use lanes::copy_short;
pub use link::{Link, NoAddress, TagKey};
pub use relative::{Octets, Relative};
pub use repute_dnsxl::Extent;
pub use value::{Condition, Pair, Text, ValueBuilder, ValueId, Values};
pub use zone::{
    Address, DEFAULT_TTL, Dialect, Existence, Hit, Listing, Outline, Probe, Question, Quick,
    Subject, Zone, ZoneSpec,
};
