//! The watch over lists: the same targets, again and again, and who hears of it when something changes.
//!
//! ```text
//!  schedule -> check -> lookup -> finding -> state -> event -> outbox -> tell -> notify
//!                                              |
//!                                   store <----+----> view -> metrics, pages, JSON
//! ```
//! The [`state`] is one value that findings change ([`standing`], [`steady`]) and that says what has
//! changed ([`event`]); what is to be told waits in an [`outbox`]. All of that is pure. Around it are three
//! threads, one that asks lists, one that audits zones of one's own, and one that tells; and the pages.
//!
//! What is *not* here: how a list is asked and what an answer is worth (`lookup`), how a message reaches
//! somebody (`notify`), configuration files, SQL.

mod audit;
mod check;
pub mod config;
mod detail;
pub mod event;
pub mod finding;
mod html;
mod http;
pub mod metrics;
mod monitor;
pub mod notice;
pub mod outbox;
mod overview;
mod probe;
pub mod schedule;
mod shared;
pub mod standing;
pub mod state;
pub mod steady;
pub mod store;
mod tell;
pub mod view;

pub use config::Config;
pub use monitor::{Monitor, Tally};
