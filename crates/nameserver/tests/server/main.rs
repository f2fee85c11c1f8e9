//! The name server over real sockets: what clients, scrapers and operators see.

mod beyond;
mod control;
#[path = "../../../zone/tests/fixture/list.rs"]
mod list;
mod pages;
mod query_log;
mod rate_limit;
mod running;
mod tcp;
mod tcp_limits;
mod tls;
mod udp;
