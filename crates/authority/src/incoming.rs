//! Zone transfer from others (RFC 5936, RFC 1995): zones whose primary is elsewhere.
//!
//! What a primary sends is read message by message by [`Sequence`], which knows no socket and keeps no more than it may.
//!
//! Deliberately not here: how zones go from us to others; see [`crate::transfer`].

mod sequence;

pub use sequence::{Fault, Limits, Received, Sequence, Step};
