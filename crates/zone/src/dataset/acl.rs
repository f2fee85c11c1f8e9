//! Access lists: what a client is told, by its address (`acl`) or by a key in its questions (`aclkey`).
//!
//! A key is the label next to the apex, as customers of a list get one each; it is cut off before the
//! question is answered.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv6::Ipv6Index;
use crate::value::{ValueId, Values};

/// What a client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// The truth.
    #[default]
    Pass,
    /// Nothing at all: the query is dropped.
    Ignore,
    /// REFUSED.
    Refuse,
    /// That nothing is listed.
    Empty,
    /// That everything is listed, with this value of the access list.
    Always(ValueId),
}

/// Actions by client address.
#[derive(Clone, Debug)]
pub(crate) struct Acl {
    /// IPv4 clients.
    pub(crate) v4: Ipv4Index,
    /// IPv6 clients.
    pub(crate) v6: Ipv6Index,
    /// Actions by the values of both indexes; 0 is none.
    pub(crate) actions: Vec<Action>,
    /// Answers of [`Action::Always`].
    pub(crate) values: Values,
}

impl Acl {
    /// What a client is told.
    pub(crate) fn action(&self, client: IpAddr) -> Action {
        let value = match client {
            IpAddr::V4(a) => self.v4.find(a.into()),
            IpAddr::V6(a) => self.v6.find(a.into()),
        };
        self.actions.get(value as usize).copied().unwrap_or_default()
    }
}

/// Actions by key.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Actions of known keys, in lower case.
    pub(crate) keys: HashMap<Box<[u8]>, Action>,
    /// What everybody else is told.
    pub(crate) default: Action,
    /// Answers of [`Action::Always`].
    pub(crate) values: Values,
}
