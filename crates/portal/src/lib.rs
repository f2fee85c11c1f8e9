//! The portal: the door of the registry, for people and programs.
//!
//! [`start`] serves pages and the API at a socket until it is stopped. Every route stands in `routes` with the least
//! role it needs; `access` is the one place that lets somebody in. A page is a template in `templates/`, filled by a
//! struct beside its handler in `pages`; `frame` puts what all pages share around it, error pages included.
//!
//! What is *not* here: SQL (`database`), the rules by which a list changes (`registry`), DNS messages.

mod access;
mod account;
mod again;
mod api;
mod app;
mod asset;
mod chart;
mod check;
mod chores;
mod client;
mod config;
mod contact;
mod device;
mod distribution;
mod entry_history;
mod error;
mod evidence;
mod factor;
mod flash;
mod form;
mod frame;
mod impatient;
mod letter;
mod letters;
mod limits;
mod lookup;
mod mail_address;
mod means;
mod moment;
mod new_mail;
mod notice;
mod overview;
mod own_data;
mod pages;
mod passkey;
mod password;
mod people;
mod post;
mod recovery;
mod routes;
mod secret;
mod seen;
mod server;
mod snippet;
mod spans;
#[cfg(test)]
mod testing;
mod token;
mod totp;
mod visitor;
mod work;
mod zones;

pub use account::shell::{ShellError, address, all, first_link, invite, reset_link};
pub use config::{Config, Mail, PublicUrl, PublicUrlError, ReturnPath, ReturnPathError};
pub use mail_address::{MailAddress, MailAddressError};
pub use means::Means;
pub use new_mail::set_mail;
pub use own_data::{Erased, delete, export};
pub use people::{lock, reset_factors, set_role, unlock};
pub use server::{Entrance, Running, StartError, start};
pub use zones::{Standing, ZoneFacts, Zones};
