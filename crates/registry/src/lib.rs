//! The rules of a reputation list that people run together: how it changes, and what follows from a change.
//!
//! A list changes in one place only, [`changes`]: entries, the audit log and the order to publish go into one
//! transaction of the database, or none of them does.
//!
//! What is *not* here: SQL (`database`), HTTP and pages (`portal`), DNS messages.

pub mod changes;
pub mod import;
pub mod lists;
pub mod template;
