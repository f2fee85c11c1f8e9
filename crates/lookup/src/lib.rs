//! Asking DNS lists about a target: anyone's lists, over DNS, and whether the lists themselves live.
//!
//! A [`survey`] asks every list about every target at once; [`exchange`] carries its queries, [`sockets`]
//! its packets, and [`verdict`] says what an answer is worth. [`health`] remembers what was learned.
//!
//! What is *not* here: what a listing is worth to somebody (policy), serving lists, HTTP.

mod bucket;
pub mod catalogue;
pub mod code;
mod course;
pub mod exchange;
pub mod health;
pub mod list;
pub mod message;
pub mod outcome;
mod questions;
pub mod resolve;
pub mod resolver;
pub mod sockets;
pub mod subject;
pub mod survey;
pub mod verdict;
