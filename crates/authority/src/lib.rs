//! What a name server does for zones of its own besides answering: keys and signatures, updates.
//!
//! A message that the name server does not answer by itself is handed over to it: whatever is signed
//! (RFC 8945), and updates (RFC 2136).
//!
//! Deliberately no configuration file and no key file: what is given here is parsed already.

pub mod keys;
pub mod message;
pub mod query;
pub mod signature;
