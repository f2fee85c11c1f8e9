//! The name server over real sockets: what clients, scrapers and operators see.

mod control;
mod pages;
mod query_log;
mod running;
mod tcp;
mod udp;
