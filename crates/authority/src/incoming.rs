//! Zone transfer from others (RFC 5936, RFC 1995): zones whose primary is elsewhere.
//!
//! What a primary sends is read message by message by [`Sequence`], which knows no socket and keeps no more than it may;
//! sockets and time limits are those of [`transfer`].
//!
//! Deliberately not here: how zones go from us to others; see [`crate::transfer`].

mod fetch;
pub(crate) mod heard;
mod list;
pub(crate) mod members;
pub(crate) mod outlet;
mod places;
mod question;
pub(crate) mod refreshed;
mod schedule;
pub(crate) mod secondaries;
mod secondary;
mod sequence;

pub use fetch::{FetchError, Fetched, Primary, Times, serial, transfer};
pub use list::List;
pub use outlet::Outlet;
pub use schedule::{Bounds, Schedule};
pub use secondary::Secondary;
pub use sequence::{Fault, Limits, Received, Sequence, Step};
