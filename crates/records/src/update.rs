//! Dynamic update (RFC 2136) as a function: what a message asks for, whether it may, and what becomes of the zone.
//!
//! The message is read elsewhere; here its records have names, types and data, and mean something by their class.

use repute_dnsxl::Name;

use crate::editor::{Editor, is_later};
use crate::rdata;
use crate::record::{Record, RecordSet};
use crate::rtype::{self, ANY, NS, SOA};
use crate::zone::{Soa, Zone, stands_beside_cname};

/// A record of an update's sections, whose class and time to live say what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The name.
    pub owner: Name,
    /// The type.
    pub rtype: u16,
    /// The class: IN, NONE or ANY.
    pub class: u16,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The data, in wire form with whole names.
    pub data: Box<[u8]>,
}

/// What must be so for an update to be done (RFC 2136 section 2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// The name has some record.
    InUse(Name),
    /// It has none.
    NotInUse(Name),
    /// It has records of a type.
    Exists(Name, u16),
    /// It has none of that type.
    Absent(Name, u16),
    /// It has exactly these of that type.
    Is(Name, u16, Vec<Box<[u8]>>),
}

/// What an update does (RFC 2136 section 2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a record.
    Add(Record),
    /// Removes all records of a name and type.
    RemoveSet(Name, u16),
    /// Removes all records of a name.
    RemoveName(Name),
    /// Removes one record.
    Remove(Name, u16, Box<[u8]>),
}

/// An update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// What must be so.
    pub prerequisites: Vec<Prerequisite>,
    /// What is done, in order.
    pub changes: Vec<Change>,
}

/// Why an update is not done: each is a response code of RFC 2136 section 2.2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A record that means nothing: FORMERR.
    #[error("a record of the update means nothing: {0}")]
    Malformed(&'static str),
    /// A name of another zone: NOTZONE.
    #[error("{0} is not in the zone")]
    NotZone(Name),
    /// A name should not be there: YXDOMAIN.
    #[error("{0} is in use, and must not be")]
    NameInUse(Name),
    /// A name should be there: NXDOMAIN.
    #[error("{0} is not in use, and must be")]
    NameNotInUse(Name),
    /// Records should not be there: YXRRSET.
    #[error("{0} has records of type {1}, and must not")]
    SetInUse(Name, u16),
    /// Records should be there, or be others: NXRRSET.
    #[error("{0} has not the records of type {1} that it must have")]
    SetNotInUse(Name, u16),
    /// The key may not do that: REFUSED.
    #[error("the key may not change records of type {1} at {0}")]
    Forbidden(Name, u16),
    /// More records of a name and type than an answer carries: REFUSED.
    #[error(transparent)]
    Unfit(#[from] crate::zone::Unfit),
}

impl Refusal {
    /// The response code.
    pub fn rcode(&self) -> u8 {
        match self {
            Refusal::Malformed(_) => 1,
            Refusal::NameNotInUse(_) => 3,
            Refusal::Forbidden(..) | Refusal::Unfit(_) => 5,
            Refusal::NameInUse(_) => 6,
            Refusal::SetInUse(..) => 7,
            Refusal::SetNotInUse(..) => 8,
            Refusal::NotZone(_) => 10,
        }
    }
}

impl Update {
    /// Reads the records of both sections, in the order in which RFC 2136 sections 3.2.5 and 3.4.1.3 judge them.
    ///
    /// # Errors
    /// If a record means nothing, or is of another zone.
    pub fn read(
        apex: &Name,
        prerequisites: Vec<Raw>,
        changes: Vec<Raw>,
    ) -> Result<Update, Refusal> {
        let mut update = Update::default();
        for raw in prerequisites {
            within(apex, &raw.owner)?;
            update.require(raw)?;
        }
        for raw in changes {
            within(apex, &raw.owner)?;
            update.changes.push(change(raw)?);
        }
        Ok(update)
    }

    /// Adds a prerequisite; those of one name and type with data are one.
    fn require(&mut self, raw: Raw) -> Result<(), Refusal> {
        let Raw { owner, rtype, class, ttl, data } = raw;
        if ttl != 0 {
            return Err(Refusal::Malformed("a prerequisite has a time to live"));
        }
        let prerequisite = match (class, rtype, data.is_empty()) {
            (CLASS_ANY, ANY, true) => Prerequisite::InUse(owner),
            (CLASS_NONE, ANY, true) => Prerequisite::NotInUse(owner),
            (CLASS_ANY, rtype, true) => Prerequisite::Exists(owner, rtype),
            (CLASS_NONE, rtype, true) => Prerequisite::Absent(owner, rtype),
            (CLASS_ANY | CLASS_NONE, ..) => {
                return Err(Refusal::Malformed("a prerequisite without a value has data"));
            }
            (CLASS_IN, rtype, _) if rtype::is_data(rtype) => {
                let known = self.prerequisites.iter_mut().find_map(|known| match known {
                    Prerequisite::Is(name, other, data) if *name == owner && *other == rtype => {
                        Some(data)
                    }
                    _ => None,
                });
                if let Some(known) = known {
                    known.push(data);
                    return Ok(());
                }
                Prerequisite::Is(owner, rtype, vec![data])
            }
            _ => return Err(Refusal::Malformed("a prerequisite of another class")),
        };
        self.prerequisites.push(prerequisite);
        Ok(())
    }

    /// Whether all prerequisites hold (RFC 2136 section 3.2).
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, zone: &Zone) -> Result<(), Refusal> {
        let sets =
            |owner: &Name, rtype: u16| zone.node(owner).and_then(|node| node.get(rtype)).cloned();
        for prerequisite in &self.prerequisites {
            match prerequisite {
                Prerequisite::InUse(name) if zone.node(name).is_none() => {
                    return Err(Refusal::NameNotInUse(name.clone()));
                }
                Prerequisite::NotInUse(name) if zone.node(name).is_some() => {
                    return Err(Refusal::NameInUse(name.clone()));
                }
                Prerequisite::Exists(name, rtype) if sets(name, *rtype).is_none() => {
                    return Err(Refusal::SetNotInUse(name.clone(), *rtype));
                }
                Prerequisite::Absent(name, rtype) if sets(name, *rtype).is_some() => {
                    return Err(Refusal::SetInUse(name.clone(), *rtype));
                }
                Prerequisite::Is(name, rtype, data) => {
                    let set = sets(name, *rtype);
                    if !set.is_some_and(|set| is_exactly(&set, data)) {
                        return Err(Refusal::SetNotInUse(name.clone(), *rtype));
                    }
                }
                Prerequisite::InUse(_)
                | Prerequisite::NotInUse(_)
                | Prerequisite::Exists(..)
                | Prerequisite::Absent(..) => {}
            }
        }
        Ok(())
    }

    /// Whether these grants, together, allow all changes.
    ///
    /// # Errors
    /// The first that they do not.
    pub fn permit(&self, zone: &Zone, grants: &[Grant]) -> Result<(), Refusal> {
        let ask = |name: &Name, rtype: u16| {
            let is_granted = grants.iter().any(|grant| grant.permits(name, rtype));
            if is_granted { Ok(()) } else { Err(Refusal::Forbidden(name.clone(), rtype)) }
        };
        for change in &self.changes {
            match change {
                Change::Add(record) => ask(&record.owner, record.rtype)?,
                Change::RemoveSet(name, rtype) | Change::Remove(name, rtype, _) => {
                    ask(name, *rtype)?;
                }
                Change::RemoveName(name) => {
                    // Of what the name has: who may change its TXT may clear it if it has nothing else.
                    let types = zone
                        .node(name)
                        .into_iter()
                        .flat_map(|node| node.iter().map(RecordSet::rtype));
                    let stays = |rtype: &u16| name == zone.apex() && matches!(*rtype, SOA | NS);
                    types.filter(|rtype| !stays(rtype)).try_for_each(|rtype| ask(name, rtype))?;
                }
            }
        }
        Ok(())
    }

    /// Makes all changes, by RFC 2136 section 3.4.2: what cannot be is left out silently.
    ///
    /// # Errors
    /// If a name has too many records of a type then; the editor must not be used any more.
    pub fn apply(&self, editor: &mut Editor) -> Result<(), Refusal> {
        for change in &self.changes {
            match change {
                Change::Add(record) => add(editor, record)?,
                Change::RemoveSet(name, rtype) => {
                    if name != editor.zone().apex() || !matches!(*rtype, SOA | NS) {
                        editor.remove_set(name, *rtype);
                    }
                }
                Change::RemoveName(name) => {
                    let is_apex = name == editor.zone().apex();
                    let types: Vec<u16> = editor
                        .zone()
                        .node(name)
                        .into_iter()
                        .flat_map(|node| node.iter().map(RecordSet::rtype))
                        .filter(|rtype| !is_apex || !matches!(*rtype, SOA | NS))
                        .collect();
                    for rtype in types {
                        editor.remove_set(name, rtype);
                    }
                }
                Change::Remove(name, rtype, data) => {
                    let is_apex = name == editor.zone().apex();
                    // Section 3.4.2.4: the SOA stays, and the last name server.
                    let is_last_server = || {
                        let servers = editor.zone().top().get(NS);
                        servers.is_some_and(|set| set.len() == 1 && set.has(data))
                    };
                    if *rtype != SOA && !(is_apex && *rtype == NS && is_last_server()) {
                        editor.remove(name, *rtype, data);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Adds a record by RFC 2136 section 3.4.2.2.
fn add(editor: &mut Editor, record: &Record) -> Result<(), Refusal> {
    let Record { owner, rtype, data, .. } = record;
    let node = editor.zone().node(owner);
    let has = |wanted: &dyn Fn(u16) -> bool| {
        node.is_some_and(|node| node.iter().any(|set| wanted(set.rtype())))
    };
    if *rtype == rtype::CNAME {
        if has(&|other| !stands_beside_cname(other)) {
            return Ok(());
        }
        editor.remove_set(owner, rtype::CNAME);
    } else if !stands_beside_cname(*rtype) && has(&|other| other == rtype::CNAME) {
        return Ok(());
    }
    if *rtype == SOA {
        let serial = Soa::read(data).map(|soa| soa.serial);
        let is_newer = serial.is_some_and(|serial| is_later(serial, editor.zone().serial()));
        if owner != editor.zone().apex() || !is_newer {
            return Ok(());
        }
    }
    Ok(editor.add(record)?)
}

/// Reads a change.
fn change(raw: Raw) -> Result<Change, Refusal> {
    let Raw { owner, rtype, class, ttl, data } = raw;
    match class {
        CLASS_IN if !rtype::is_data(rtype) => {
            Err(Refusal::Malformed("a type that no zone holds is added"))
        }
        CLASS_IN if !rdata::is_sound(rtype, &data) => {
            Err(Refusal::Malformed("data that its type cannot have"))
        }
        CLASS_IN => Ok(Change::Add(Record { owner, rtype, ttl, data })),
        CLASS_ANY if ttl != 0 || !data.is_empty() => {
            Err(Refusal::Malformed("a removal of all has data or a time to live"))
        }
        CLASS_ANY if rtype == ANY => Ok(Change::RemoveName(owner)),
        CLASS_ANY if rtype::is_data(rtype) => Ok(Change::RemoveSet(owner, rtype)),
        CLASS_NONE if ttl != 0 => Err(Refusal::Malformed("a removal has a time to live")),
        CLASS_NONE if rtype::is_data(rtype) => Ok(Change::Remove(owner, rtype, data)),
        _ => Err(Refusal::Malformed("a change of another class")),
    }
}

/// Who may change what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which names; none means all of the zone.
    pub names: Vec<Scope>,
    /// Which types; none means all but SOA.
    pub types: Vec<u16>,
}

/// Names that a grant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This name.
    Name(Name),
    /// All names below this one, as `*.example.org` is written.
    Below(Name),
    /// All names that begin with these labels, as `_acme-challenge.*` is written.
    Begins(Name),
}

impl Grant {
    /// Whether records of a type may be changed at a name.
    pub fn permits(&self, name: &Name, rtype: u16) -> bool {
        let type_fits = match self.types.is_empty() {
            true => rtype != SOA,
            false => self.types.contains(&rtype),
        };
        let scope_fits = |scope: &Scope| match scope {
            Scope::Name(own) => own == name,
            Scope::Below(above) => name != above && name.is_within(above),
            Scope::Begins(start) => {
                let count = start.label_count();
                name.label_count() > count && name.labels().take(count).eq(start.labels())
            }
        };
        type_fits && (self.names.is_empty() || self.names.iter().any(scope_fits))
    }
}

impl std::str::FromStr for Scope {
    type Err = repute_dnsxl::NameError;

    fn from_str(text: &str) -> Result<Scope, repute_dnsxl::NameError> {
        match (text.strip_prefix("*."), text.strip_suffix(".*")) {
            (Some(above), _) => Ok(Scope::Below(above.parse()?)),
            (None, Some(start)) => Ok(Scope::Begins(start.parse()?)),
            (None, None) => Ok(Scope::Name(text.parse()?)),
        }
    }
}

/// Whether a set is exactly this data, in any order.
fn is_exactly(set: &RecordSet, data: &[Box<[u8]>]) -> bool {
    set.iter().all(|own| data.iter().any(|other| rdata::same(set.rtype(), own, other)))
        && data.iter().all(|other| set.has(other))
}

/// Whether a name is of the zone.
fn within(apex: &Name, name: &Name) -> Result<(), Refusal> {
    if name.is_within(apex) { Ok(()) } else { Err(Refusal::NotZone(name.clone())) }
}

/// The Internet.
const CLASS_IN: u16 = 1;
/// No class: what is not to be there.
const CLASS_NONE: u16 = 254;
/// Any class: whatever is there.
const CLASS_ANY: u16 = 255;
