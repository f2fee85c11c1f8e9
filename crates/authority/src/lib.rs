//! What a name server does for zones of its own besides answering: keys, signatures, updates, the store.
//!
//! A message that the name server does not answer by itself is handed over to it: whatever is signed
//! (RFC 8945), and updates (RFC 2136). Zones that programs change lie in a [`store`], whose file
//! has every change before it is answered.
//!
//! Deliberately no configuration file and no key file: what is given here is parsed already.

mod authority;
pub mod catalog;
mod complaints;
mod files;
pub mod incoming;
pub mod keys;
pub mod ledger;
pub mod lists;
pub mod message;
pub mod notify;
pub mod query;
pub mod replay;
pub mod signature;
mod sources;
pub mod store;
pub mod transfer;
mod transfers;
pub mod update;

pub use authority::{Authority, Beginning, Config, ZoneConfig, file_changed};
pub use files::Files;
pub use sources::Sources;
