//! The words of DNS lists (RFC 5782): what is asked about, under which name, and what is answered.
//!
//! Every other room speaks with these types. Here is no I/O, no clock and no list: a [`Target`] is
//! an address or a name somebody asks about, a [`Network`] or [`Name`] is what a list names, a
//! [`ReturnCode`] is what it answers, and [`test_entries`] are the entries every list must have.

mod list;
mod name;
mod network;
mod query_name;
mod return_code;
mod target;
mod test_entry;

pub use list::{Extent, KeyKind, Polarity};
pub use name::{Name, NameError};
pub use network::{Ipv4Network, Ipv6Network, Network, NetworkError};
pub use query_name::{relative_ipv4, relative_ipv6, relative_name};
pub use return_code::{ReturnCode, ReturnCodeError};
pub use target::{Target, TargetError};
pub use test_entry::{TestEntry, TestKey, test_entries};
