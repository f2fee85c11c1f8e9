//! The challenge service: accounts that put `_acme-challenge` values into a zone of ours, by the API of acme-dns.
//!
//! A client that wants a certificate proves that a name is its own by a TXT record (RFC 8555 section 8.4). Here it gets a
//! subdomain for that, which the name's `_acme-challenge` points to by a CNAME, and a password that opens nothing else.
//!
//! Accounts and values are tables in one store with the zone; this room changes both in one [turn](Turns). What is *not*
//! here: DNS messages, serials and journals of the zone, the configuration file, SQL.

mod accounts;
mod allow_from;
mod api;
mod config;
mod cors;
mod counts;
mod http;
mod import;
mod limit;
mod password;
mod service;
#[cfg(any(test, feature = "testing"))]
mod store;
mod turn;
mod values;

pub use accounts::{Account, Listed};
pub use allow_from::AllowFrom;
pub use api::{Api, ApiConfig, Asked, ClientAddress, Hsts, Registration};
pub use config::{
    AcmeDnsConfig, ConfigError, Log, LogFormat, LogLevel, Remark, Source, Tls, Transports,
};
pub use cors::Cors;
pub use counts::{Count, Counts};
pub use http::{Certificate, HttpConfig, serve};
pub use import::{Foreign, Import, ImportFault, Reason};
pub use limit::Rate;
pub use password::Password;
pub use service::{By, Found, NewAccount, Proof, Service, Settings, Unproved, zone_values};
#[cfg(feature = "testing")]
pub use store::Store;
pub use turn::{Fault, Turns, TxtChange};
pub use uuid::Uuid;
pub use values::{Keep, Moment, Text};
