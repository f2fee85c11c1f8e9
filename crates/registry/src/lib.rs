//! The rules of a reputation list that people run together: how it changes, and what follows from a change.
//!
//! A list changes in one place only, [`changes`]: entries, the audit log and the order to publish go into one
//! transaction of the database, or none of them does.
//!
//! Whoever does something goes through [`permission`]. Who speaks for whom is proven by a [`claim`]. What is asked of
//! DNS is asked by `lookup`, outside of transactions, and comes in as a value.
//!
//! What is *not* here: SQL (`database`), HTTP and pages (`portal`), DNS messages, the words of mails.
//! What is committed becomes a zone in [`publish`], at once, in every process that serves the database; who serves
//! it is not known here.
//!
//! What is *not* here: SQL (`database`), HTTP and pages (`portal`), DNS messages.

pub mod agreement;
pub mod bounce;
pub mod bulk;
pub mod category;
pub mod changes;
pub mod claim;
pub mod conflict;
pub mod consistency;
pub mod decision;
pub mod edit;
pub mod elsewhere;
pub mod evidence;
pub mod expiry;
pub mod export;
pub mod hint;
pub mod history;
pub mod import;
pub mod intervention;
pub mod invitation;
pub mod kept_out;
pub mod link;
pub mod lists;
pub mod motion;
pub mod notice;
pub mod organisation;
pub mod permission;
pub mod publish;
pub mod removal;
pub mod request;
pub mod reserved;
pub mod restore;
pub mod retirement;
pub mod review;
pub mod rule;
pub mod seal;
pub mod settings;
pub mod statistics;
pub mod subscriber;
pub mod template;
pub mod token;
pub mod two_editors;
pub mod weight;
pub mod work;
