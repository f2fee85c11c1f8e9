//! What is watched, and how: values only, made by whoever reads configurations.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use repute_lookup::inquiry::{Inquiry, ListAt, Rate};
use repute_lookup::list::List;
use repute_lookup::subject::Subject;
use repute_notify::Channel;

use crate::finding;
use crate::state::Rules;
use crate::steady::Hysteresis;

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is checked.
    pub subjects: Vec<Subject>,
    /// Zones of one's own that are audited.
    pub zones: Vec<repute_audit::Subject>,
    /// By which lists.
    pub lists: Vec<ListAt>,
    /// The resolvers for lists without servers of their own, and for hosts.
    pub resolvers: Vec<SocketAddr>,
    /// How often each subject is checked.
    pub interval: Duration,
    /// How long a list may take.
    pub timeout: Duration,
    /// The share of lists that must answer, from 0 to 1.
    pub quorum: f64,
    /// How many checks must agree.
    pub hysteresis: Hysteresis,
    /// How long news are gathered for one message.
    pub window: Duration,
    /// Who is told.
    pub channels: BTreeMap<String, Channel>,
    /// Whether metrics have the names of Luzilla/dnsbl_exporter as well.
    pub luzilla: bool,
    /// What the lists are called.
    names: Vec<String>,
}

impl Config {
    /// For these subjects, lists and resolvers; the rest as it is by default.
    pub fn new(subjects: Vec<Subject>, lists: Vec<ListAt>, resolvers: Vec<SocketAddr>) -> Config {
        Config {
            names: finding::names(&lists),
            subjects,
            zones: Vec::new(),
            lists,
            resolvers,
            interval: Duration::from_secs(3600),
            timeout: Duration::from_secs(2),
            quorum: 0.5,
            hysteresis: Hysteresis::default(),
            window: Duration::from_secs(300),
            channels: BTreeMap::new(),
            luzilla: false,
        }
    }

    /// What the lists are called, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The lists without their servers.
    pub(crate) fn bare_lists(&self) -> Vec<List> {
        self.lists.iter().map(|at| at.list.clone()).collect()
    }

    /// What decides how findings are taken in.
    pub(crate) fn rules(&self) -> Rules {
        Rules { hysteresis: self.hysteresis, interval: self.interval }
    }

    /// What is asked.
    pub(crate) fn inquiry(&self, limit: Option<Duration>) -> Inquiry {
        Inquiry {
            lists: self.lists.clone(),
            resolvers: self.resolvers.clone(),
            timeout: self.timeout,
            limit,
            rate: Rate::OfList,
        }
    }
}
