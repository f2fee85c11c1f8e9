//! What is unwise in a zone, though it can be served: for `repute zone check`.
//!
//! Only what the zone itself tells: nobody is asked whether a name server elsewhere answers.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::Name;

use crate::editor::is_later;
use crate::master::data::type_name;
use crate::rdata;
use crate::rtype::{A, AAAA, CNAME, DNAME, DS, MX, NS, NSEC, RRSIG, SRV};
use crate::zone::{Node, Place, Zone, stands_beside_cname};

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The name it is about.
    pub owner: Name,
    /// What is wrong, and what helps.
    pub message: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and may not always.
    Warning,
    /// Some answers are wrong, or none come.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}", self.owner, self.message)
    }
}

/// Looks a zone through.
pub fn zone(zone: &Zone) -> Vec<Finding> {
    let mut lint = Lint { zone, findings: Vec::new() };
    lint.start_of_authority();
    lint.name_servers();
    for node in zone.iter() {
        lint.aliases(node);
        lint.targets(node);
        lint.times_to_live(node);
        lint.delegation(node);
        lint.hidden(node);
    }
    lint.findings
}

/// Whether a new version of a zone reaches its secondaries: they look at nothing but the serial (RFC 1982).
pub fn serial(old: &Zone, new: &Zone) -> Option<Finding> {
    let is_changed = old != new;
    let message = match (old.serial(), new.serial()) {
        (before, after) if before == after && is_changed => {
            format!(
                "the zone has changed, and its serial is still {after}: secondaries do not fetch it; raise it"
            )
        }
        (before, after) if before != after && !is_later(after, before) => {
            format!(
                "the serial went back from {before} to {after}: secondaries do not fetch it; set it above {before}"
            )
        }
        _ => return None,
    };
    Some(Finding { severity: Severity::Error, owner: new.apex().clone(), message })
}

/// A zone being looked through.
struct Lint<'z> {
    zone: &'z Zone,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn error(&mut self, owner: &Name, message: String) {
        self.findings.push(Finding { severity: Severity::Error, owner: owner.clone(), message });
    }

    fn warn(&mut self, owner: &Name, message: String) {
        self.findings.push(Finding { severity: Severity::Warning, owner: owner.clone(), message });
    }

    /// The times of the SOA (RFC 1912 section 2.2, RFC 2308 section 5).
    fn start_of_authority(&mut self) {
        let (zone, apex) = (self.zone, self.zone.apex());
        let soa = zone.soa();
        if soa.retry >= soa.refresh {
            let text =
                format!("SOA: retry ({}) is not shorter than refresh ({})", soa.retry, soa.refresh);
            self.warn(apex, text);
        }
        if u64::from(soa.expire) < u64::from(soa.refresh) + u64::from(soa.retry) {
            let text = format!(
                "SOA: expire ({}) is shorter than refresh and retry together: a secondary gives the zone up before \
                 it has tried twice",
                soa.expire
            );
            self.error(apex, text);
        } else if soa.expire < WEEK {
            let text = format!(
                "SOA: expire ({}) is shorter than a week: an outage over holidays ends the zone",
                soa.expire
            );
            self.warn(apex, text);
        }
        if soa.minimum > DAY {
            let text = format!(
                "SOA: the last number ({}) is how long it is remembered that a name is not there: more than a day \
                 is long (RFC 2308 section 5)",
                soa.minimum
            );
            self.warn(apex, text);
        }
    }

    /// The zone's own name servers (RFC 1034 section 4.1, RFC 2182 section 3.1).
    fn name_servers(&mut self) {
        let (zone, apex) = (self.zone, self.zone.apex().clone());
        let Some(servers) = zone.top().get(NS) else {
            self.error(
                &apex,
                "there is no NS record at the apex: resolvers and secondaries want two".to_owned(),
            );
            return;
        };
        if servers.len() == 1 {
            self.warn(
                &apex,
                "there is one name server: a zone needs two, on two networks (RFC 2182)".to_owned(),
            );
        }
        let (mut networks, mut is_known) = (BTreeSet::new(), true);
        for server in servers.iter().filter_map(|data| Name::from_wire(data).ok()) {
            if !server.is_within(&apex) {
                is_known = false;
                continue;
            }
            networks.extend(self.addresses(&server).iter().map(|address| Network::of(address)));
            self.server(&apex, &server);
        }
        if is_known && servers.len() > 1 && networks.len() == 1 {
            let text = "all name servers are on one network: if it is down, so is the zone (RFC 2182 section 3.1)";
            self.warn(&apex, text.to_owned());
        }
    }

    /// A name server within the zone needs an address in it and must be no alias (RFC 2181 section 10.3).
    fn server(&mut self, owner: &Name, server: &Name) {
        if self.zone.node(server).is_some_and(|node| node.get(CNAME).is_some()) {
            self.error(
                owner,
                format!("its name server {server} is an alias (CNAME): name its real name"),
            );
        } else if self.addresses(server).is_empty() {
            self.error(
                owner,
                format!("its name server {server} has no address here: add A or AAAA records"),
            );
        }
    }

    /// The addresses of a name, delegated or not, by a wildcard or not.
    fn addresses(&self, name: &Name) -> Vec<Vec<u8>> {
        let node = self.zone.node(name).or_else(|| match self.zone.find_name(name) {
            Place::Wildcard(node) => Some(node),
            _ => None,
        });
        let sets = node
            .into_iter()
            .flat_map(|node| [A, AAAA].into_iter().filter_map(|rtype| node.get(rtype)));
        sets.flat_map(|set| set.iter().map(<[u8]>::to_vec)).collect()
    }

    /// A name that is an alias is nothing else (RFC 1034 section 3.6.2).
    fn aliases(&mut self, node: &Node) {
        let owner = node.owner();
        if let Some(aliases) = node.get(CNAME) {
            if aliases.len() > 1 {
                self.error(owner, "it has several CNAME records: leave one".to_owned());
            }
            let others: Vec<_> = node
                .iter()
                .map(super::record::RecordSet::rtype)
                .filter(|rtype| !stands_beside_cname(*rtype))
                .collect();
            if !others.is_empty() {
                let others = others.into_iter().map(type_name).collect::<Vec<_>>().join(", ");
                self.error(
                    owner,
                    format!(
                        "it is an alias (CNAME) and has other records ({others}), which nobody sees"
                    ),
                );
            }
        }
        if node.get(DNAME).is_some_and(|set| set.len() > 1) {
            self.error(
                owner,
                "it has several DNAME records: leave one (RFC 6672 section 2.4)".to_owned(),
            );
        }
    }

    /// What MX and SRV records name exists and is no alias (RFC 2181 section 10.3, RFC 2782).
    fn targets(&mut self, node: &Node) {
        for set in node.iter().filter(|set| matches!(set.rtype(), MX | SRV)) {
            let kind = type_name(set.rtype());
            let targets = set.iter().filter_map(|data| rdata::target(set.rtype(), data));
            let targets: Vec<Name> =
                targets.filter_map(|wire| Name::from_wire(wire).ok()).collect();
            for target in targets {
                // The root means that there is none (RFC 7505, RFC 2782).
                if target.label_count() == 0 || !target.is_within(self.zone.apex()) {
                    continue;
                }
                if self.zone.node(&target).is_some_and(|node| node.get(CNAME).is_some()) {
                    self.warn(
                        node.owner(),
                        format!("its {kind} record names {target}, which is an alias (CNAME)"),
                    );
                } else if self.addresses(&target).is_empty()
                    && !matches!(self.zone.find_name(&target), Place::Cut(_) | Place::Dname(_))
                {
                    self.error(
                        node.owner(),
                        format!("its {kind} record names {target}, which has no address"),
                    );
                }
            }
        }
    }

    /// Times to live that somebody will regret.
    fn times_to_live(&mut self, node: &Node) {
        for set in node.iter().filter(|set| set.ttl() > WEEK) {
            let kind = type_name(set.rtype());
            let text = format!(
                "its {kind} records live for {} seconds: no change is seen for more than a week",
                set.ttl()
            );
            self.warn(node.owner(), text);
        }
    }

    /// A delegated part: its name servers are found (RFC 1034 section 4.2.1).
    fn delegation(&mut self, node: &Node) {
        let owner = node.owner();
        if owner == self.zone.apex() {
            return;
        }
        if node.get(DS).is_some() && node.get(NS).is_none() {
            self.error(owner, "it has DS records and is not delegated: add NS records".to_owned());
        }
        let Some(servers) = node.get(NS) else { return };
        if owner.labels().next() == Some(b"*") {
            self.error(owner, "a wildcard cannot be delegated (RFC 4592 section 4.2)".to_owned());
        }
        if servers.len() == 1 {
            self.warn(owner, "it is delegated to one name server: a zone needs two".to_owned());
        }
        for server in servers.iter().filter_map(|data| Name::from_wire(data).ok()) {
            if server.is_within(owner) && self.addresses(&server).is_empty() {
                let text = format!(
                    "it is delegated to {server}, whose address nobody finds: add glue (A or AAAA records of {server})"
                );
                self.error(owner, text);
            } else if server.is_within(self.zone.apex()) && !server.is_within(owner) {
                self.server(owner, &server);
            }
        }
    }

    /// Records that nobody is ever given, as what is above them sends elsewhere.
    fn hidden(&mut self, node: &Node) {
        let owner = node.owner();
        match self.zone.find_name(owner) {
            Place::Cut(cut) => {
                let is_cut = cut.owner() == owner;
                let shown = |rtype: u16| match is_cut {
                    true => matches!(rtype, NS | DS | NSEC | RRSIG | A | AAAA),
                    false => matches!(rtype, A | AAAA),
                };
                let hidden: Vec<_> = node
                    .iter()
                    .map(super::record::RecordSet::rtype)
                    .filter(|rtype| !shown(*rtype))
                    .collect();
                if !hidden.is_empty() {
                    let hidden = hidden.into_iter().map(type_name).collect::<Vec<_>>().join(", ");
                    let text = format!(
                        "its {hidden} records are not served, as {} is delegated",
                        cut.owner()
                    );
                    self.warn(owner, text);
                }
            }
            Place::Dname(above) => {
                let text =
                    format!("its records are not served, as {} has a DNAME record", above.owner());
                self.warn(owner, text);
            }
            Place::Here(_) | Place::Wildcard(_) | Place::Empty | Place::Nothing => {}
        }
    }
}

/// A network as far as an outage is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    /// The first 24 bits.
    V4([u8; 3]),
    /// The first 48 bits.
    V6([u8; 6]),
    /// No address.
    None,
}

impl Network {
    /// The network of an address as record data.
    fn of(data: &[u8]) -> Network {
        if let Ok(address) = <[u8; 4]>::try_from(data) {
            let [a, b, c, _] = Ipv4Addr::from(address).octets();
            return Network::V4([a, b, c]);
        }
        match <[u8; 16]>::try_from(data) {
            Ok(address) => {
                let [a, b, c, d, e, f, ..] = Ipv6Addr::from(address).octets();
                Network::V6([a, b, c, d, e, f])
            }
            Err(_) => Network::None,
        }
    }
}

/// Seconds.
const DAY: u32 = 86_400;
/// Seconds.
const WEEK: u32 = 7 * DAY;
