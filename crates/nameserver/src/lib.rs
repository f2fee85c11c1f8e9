//! Answering DNS queries for lists.
//!
//! The middle is [`respond()`]: a function from a packet and the served [`Zones`] to an answer. Around
//! it lie the sockets ([`listen`]), the door for what it does not answer ([`beyond`]), what keeps the zones fresh ([`loader`]), and what tells how it all
//! goes ([`counters`], [`status`], [`metrics`], [`http`], [`control`], [`query_log`], of services beside it too ([`companion`])); [`server`] puts
//! them together.

pub mod beyond;
pub mod companion;
pub mod control;
pub mod cookie;
pub mod counters;
pub mod guests;
pub mod http;
pub mod listen;
pub mod loader;
mod message;
pub mod metrics;
mod name_servers;
pub mod observer;
mod padding;
pub mod query_log;
pub mod rate_limit;
mod rates;
pub mod report;
mod respond;
pub mod server;
pub mod status;
mod subject;
mod write;
pub mod zones;

pub use respond::{
    BATCH, Client, Outcome, Queries, Reply, ReplyBuffer, Request, Transport, UDP_REPLY, respond,
    respond_batch,
};
pub use zones::{Handover, Identity, Live, Serving, ZoneIndex, ZoneState, Zones};
