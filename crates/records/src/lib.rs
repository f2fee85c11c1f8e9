//! Ordinary zones as data: the records that a domain has, asked, changed, compared, read and written.
//!
//! A [`Zone`] is a value, as a list is one: it never changes, any number of threads ask it, and a change
//! makes a new one that shares with the old one what did not change. An [`Editor`] makes such changes,
//! by the rules of RFC 2136 where they come as an [`update`], and tells the [`Difference`], which is what
//! a transfer carries and a journal keeps.
//!
//! Bytes in, bytes out: no sockets, no files, no clock. How a message is composed is the name server's part.

mod difference;
mod editor;
pub mod lint;
pub mod master;
mod path;
pub mod rdata;
mod record;
pub mod rtype;
pub mod update;
mod zone;

pub use difference::{Difference, Misfit};
pub use editor::{Advance, Editor};
pub use path::{LONGEST_PATH, Path};
pub use record::{Record, RecordSet};
pub use zone::{Node, Place, Soa, Unfit, Zone};
