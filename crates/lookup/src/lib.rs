//! Asking DNS lists about a target: anyone's lists, over DNS, and whether the lists themselves live.
//!
//! An [`inquiry`] asks: [`survey`] puts every list and every target at once, [`exchange`] carries the queries,
//! [`sockets`] the packets, and [`verdict`] says what an answer is worth. [`health`] remembers what was learned.
//!
//! What is *not* here: what a listing is worth to somebody (policy), serving lists, HTTP.

pub mod authority;
mod batch;
mod bucket;
pub mod cache;
pub mod catalogue;
pub mod code;
mod course;
pub mod doctor;
pub mod exchange;
pub mod health;
pub mod inquiry;
pub mod list;
pub mod message;
pub mod my_mail;
pub mod outcome;
pub mod probe;
mod questions;
pub mod resolve;
pub mod resolver;
pub mod sockets;
pub mod subject;
pub mod survey;
pub mod traffic;
pub mod verdict;
