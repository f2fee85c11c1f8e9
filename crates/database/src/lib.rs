//! The registry's database: lists, what is in them, who changed it and why, what is still to be done.
//!
//! One schema and one text of each statement for SQLite, which is built in, and PostgreSQL. All SQL of the
//! product is in this crate, each statement in the list that a test prepares on both. Everything happens in a
//! [`Session`]: a connection that reads, or a transaction.
//!
//! What is *not* here: who may change something, what follows from a change (`portal`), DNS, HTTP.

mod agreed;
mod database;
mod key;
mod session;
mod sought;
mod statement;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod turn;

pub mod accounts;
pub mod acme_dns;
pub mod answers;
pub mod audit;
pub mod backup;
pub mod bulk;
pub mod categories;
pub mod changes;
pub mod claims;
pub mod conflicts;
pub mod consistency;
pub mod contact_mails;
pub mod digests;
pub mod dns;
pub mod entries;
pub mod entry_history;
pub mod evidence;
pub mod factors;
pub mod invitations;
pub mod jobs;
pub mod kept_out;
pub mod limits;
pub mod links;
pub mod list_days;
pub mod lists;
pub mod motions;
pub mod organisations;
pub mod outbox;
pub mod passkeys;
pub mod person;
pub mod publications;
pub mod removals;
pub mod requests;
pub mod reviews;
pub mod rules;
pub mod sessions;
pub mod settled;
pub mod sign_ins;
pub mod statistics;
pub mod subscribers;
pub mod tag_keys;
pub mod tokens;
pub mod undelivered;
pub mod work;

pub use agreed::Agreed;
pub use database::{Connection, Database, DatabaseError, Place, Transaction, is_full};
pub use key::{Key, KeyError, NoKey};
pub use session::Session;
pub use sought::Sought;
pub use time::Timestamp;
