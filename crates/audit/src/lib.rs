//! Grading DNS lists, one's own and strangers' alike, by what the RFCs and good practice ask of them.
//!
//! [`run`] asks every name server of a list some dozens of questions ([`mod@probe`]), writes down what each
//! said ([`observe`]), holds that against the [`rule`]s ([`judge`]), and makes a [`grade`] of it.
//!
//! What is *not* here: what a list says of somebody's address (`repute-lookup`), and what the faults of a
//! list mean to its users.

pub mod badge;
pub mod grade;
pub mod judge;
mod network;
pub mod observe;
pub mod probe;
pub mod reply;
pub mod rule;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use repute_dnsxl::Name;
use repute_lookup::code::CodeSet;
use serde::{Deserialize, Serialize};

use grade::Grade;
use rule::Rule;

/// What is audited, and how.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The list, as it is asked: `bl.example`.
    pub zone: Name,
    /// What it lists; without that its test entries tell.
    pub kind: Option<Kind>,
    /// Answers by which it says that it does not answer us, besides those of all lists.
    pub errors: Vec<CodeSet>,
    /// Its servers. Without any, those it is delegated to, found by the resolvers.
    pub servers: Vec<SocketAddr>,
    /// Who is asked for its servers.
    pub resolvers: Vec<SocketAddr>,
    /// How long a server has for an answer.
    pub timeout: Duration,
}

/// What a list lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// IPv4 addresses; IPv6 addresses too, if there is a test entry for them.
    Addresses,
    /// IPv6 addresses only.
    Ipv6,
    /// Domain names.
    Names,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The list.
    pub zone: String,
    /// The servers that were asked, with their names if those are known.
    pub servers: Vec<Asked>,
    /// Why the list as a whole cannot be audited, if so.
    pub obstacle: Option<String>,
    /// What was found by each rule, in the order of [`Rule::ALL`].
    pub findings: Vec<Finding>,
    /// What that comes to; nothing if it cannot be told.
    pub grade: Option<Grade>,
}

/// A server that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its address.
    pub address: SocketAddr,
    /// Its name.
    pub name: Option<String>,
    /// Whether it answers by UDP; nothing if this machine has no way to it.
    pub udp: Option<bool>,
    /// Whether it answers by TCP; nothing if there is no way to it, or it was not asked as it does not by UDP.
    pub tcp: Option<bool>,
    /// The serial of its version of the zone.
    pub serial: Option<u32>,
}

impl Audit {
    /// The serial of the newest version that a server has (RFC 1982 section 3.2).
    pub fn newest_serial(&self) -> Option<u32> {
        let serials = self.servers.iter().filter_map(|server| server.serial);
        serials.reduce(|newest, serial| match (serial.wrapping_sub(newest) as i32) > 0 {
            true => serial,
            false => newest,
        })
    }
}

/// What was found by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Whether it is kept.
    pub state: State,
    /// What was seen; of a rule that was skipped, why.
    pub seen: String,
}

/// Whether a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It could not be told, or does not apply.
    Skipped,
    /// It is.
    Pass,
    /// It is not, but it is advice.
    Warn,
    /// It is not: a fault.
    Fail,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Skipped => "skipped",
            State::Pass => "pass",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// Audits a list. It takes some time-outs at most, however many servers are dead.
///
/// # Errors
/// If there are no sockets to be had.
pub fn run(subject: &Subject) -> io::Result<Audit> {
    observe::observe(subject).map(|observations| judge::judge(&observations))
}
