//! A data set: the entries of one or more list files, ready to be asked.
//!
//! A zone has one or several; each says for itself whether it lists a name, and the zone answers with
//! all of them. How its entries were written, in which format and with which defaults, is over when a
//! data set is built: what is left is an index and the values it points to.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use repute_dnsxl::{Name, relative_ipv4};

use crate::value::{ValueId, Values};

pub(crate) mod acl;
pub(crate) mod generic;
pub(crate) mod ipv4;
pub(crate) mod ipv4_entries;
pub(crate) mod ipv4_search;
pub(crate) mod ipv6;
pub(crate) mod names;
pub(crate) mod names_entries;
pub(crate) mod names_patch;
pub(crate) mod names_search;
pub(crate) mod runs;

/// A built data set. It never changes.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub(crate) kind: DatasetKind,
    pub(crate) header: Header,
    pub(crate) content: Content,
    pub(crate) entries: u64,
}

impl Dataset {
    /// Which kind of entries it was read from.
    pub fn kind(&self) -> DatasetKind {
        self.kind
    }

    /// How many entries were read.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// What its files said about the zone around it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of indexes and values, in memory or in the mapped image.
    pub fn image_bytes(&self) -> usize {
        match &self.content {
            Content::Addresses(a) => a.image_bytes(),
            Content::Names(n) => n.index.image_bytes() + n.values.image_bytes(),
            Content::Generic(g) => g.image_bytes(),
            Content::Combined(branches) => {
                distinct(branches).map(|dataset| dataset.image_bytes()).sum()
            }
            Content::Acl(acl) => {
                acl.v4.image_bytes() + acl.v6.image_bytes() + acl.values.image_bytes()
            }
            Content::Keys(keys) => keys.values.image_bytes(),
        }
    }

    /// An address that must never be listed and that it covers, at whatever name.
    pub(crate) fn covers_never_listed(&self) -> Option<IpAddr> {
        match &self.content {
            Content::Addresses(a) => {
                let v4 = a.v4.as_ref().is_some_and(|v4| v4.find(NEVER_IPV4) != 0);
                let v6 = a.v6.as_ref().is_some_and(|v6| v6.find(NEVER_IPV6) != 0);
                let v4 = v4.then_some(IpAddr::V4(NEVER_IPV4.into()));
                v4.or(v6.then_some(IpAddr::V6(NEVER_IPV6.into())))
            }
            Content::Generic(generic) => {
                let name = relative_ipv4(NEVER_IPV4.into());
                let lists = generic.names.record_of(&name).exact.lists();
                lists.then_some(IpAddr::V4(NEVER_IPV4.into()))
            }
            Content::Combined(branches) => {
                distinct(branches).find_map(|dataset| dataset.covers_never_listed())
            }
            Content::Names(_) | Content::Acl(_) | Content::Keys(_) => None,
        }
    }
}

/// A list holds more than an index can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Each distinct set of return codes and texts has a number of 23 bits.
    #[error(
        "more than {} distinct answers: give entries the same text (a `$` in it stands for what is \
         listed), or divide the list",
        ValueId::MAX
    )]
    Answers,
    /// Each name, listed or above a listed one, has a place of 32 bits.
    #[error("names of more than 4 GiB together: divide the list")]
    Names,
    /// Each network that is divided further has a number of 23 bits.
    #[error(
        "more than {} IPv6 networks of 64 bits with longer prefixes inside: list /64 networks, or \
         divide the list",
        ValueId::MAX
    )]
    Ipv6Networks,
}

/// 127.0.0.1 must never be listed (RFC 5782 section 5).
pub(crate) const NEVER_IPV4: u32 = 0x7f00_0001;
/// Nor must ::ffff:127.0.0.1.
pub(crate) const NEVER_IPV6: u128 = 0xffff_7f00_0001;

/// What a list file says about the zone it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Time to live of the listings, in seconds.
    pub ttl: u32,
    /// `$SOA`.
    pub soa: Option<Soa>,
    /// `$NS`: time to live and name servers.
    pub name_servers: Option<(u32, Vec<Name>)>,
    /// `$TIMESTAMP`: the data must not be used after this time (seconds since 1970).
    pub expires: Option<u32>,
    /// When the newest of its files was changed (seconds since 1970).
    pub modified: u32,
}

/// The start of authority of a zone (RFC 1035 section 3.3.13). Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Time to live of the record itself.
    pub ttl: u32,
    /// The name server that is the origin of the data.
    pub origin: Name,
    /// The mailbox of the person in charge, as a name.
    pub person: Name,
    /// The version; 0 takes the time of the newest file.
    pub serial: u32,
    /// How often secondaries look for a new version.
    pub refresh: u32,
    /// How soon they try again after a failure.
    pub retry: u32,
    /// When they stop answering without contact.
    pub expire: u32,
    /// Time to live of negative answers (RFC 2308).
    pub minimum: u32,
}

/// What a data set holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Networks.
    Addresses(Box<Addresses>),
    /// Domain names.
    Names(Box<Names>),
    /// Plain records.
    Generic(Box<generic::Generic>),
    /// Data sets at names below the apex.
    Combined(Vec<Branch>),
    /// Clients by address.
    Acl(Box<acl::Acl>),
    /// Clients by key.
    Keys(Box<acl::Keys>),
}

/// Networks of both families and what they answer.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// IPv4, if any network is.
    pub(crate) v4: Option<ipv4::Ipv4Index>,
    /// IPv6, if any network is.
    pub(crate) v6: Option<ipv6::Ipv6Index>,
    /// What they answer.
    pub(crate) values: Values,
}

impl Addresses {
    /// Bytes of indexes and values.
    pub(crate) fn image_bytes(&self) -> usize {
        self.v4.as_ref().map_or(0, ipv4::Ipv4Index::image_bytes)
            + self.v6.as_ref().map_or(0, ipv6::Ipv6Index::image_bytes)
            + self.values.image_bytes()
    }
}

/// Domain names and what they answer.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The names.
    pub(crate) index: names::NamesIndex,
    /// What they answer.
    pub(crate) values: Values,
}

/// A name below the apex with its data sets.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// The labels between the data sets and the apex, in wire form without the root.
    pub(crate) suffix: Box<[u8]>,
    /// How many labels that is; 0 is the apex itself.
    pub(crate) labels: usize,
    /// What is there.
    pub(crate) datasets: Vec<Arc<Dataset>>,
}

/// The data sets at names below the apex; each once, though it may stand at several.
pub(crate) fn distinct(branches: &[Branch]) -> impl Iterator<Item = &Arc<Dataset>> {
    let mut seen = HashSet::new();
    let all = branches.iter().flat_map(|branch| &branch.datasets);
    all.filter(move |dataset| seen.insert(Arc::as_ptr(dataset)))
}

/// The kinds of entries a data set is read from: rbldnsd's types, those its rspamd fork added, and our
/// own two, which take any network or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetKind {
    /// IPv4 addresses, networks and ranges; several answers an address.
    Ip4set,
    /// IPv4 addresses with one answer.
    Ip4tset,
    /// IPv4 (and IPv6) networks, the most specific decides.
    Ip4trie,
    /// IPv6 /64 networks with one answer.
    Ip6tset,
    /// IPv6 networks, the most specific decides.
    Ip6trie,
    /// Domain names.
    Dnset,
    /// Domain names, the last of equal ones decides.
    Dnhash,
    /// Plain records.
    Generic,
    /// Several data sets in one file.
    Combined,
    /// Clients by address.
    Acl,
    /// Clients by key.
    Aclkey,
    /// IPv4 and IPv6 networks; equal ones answer together.
    Addresses,
    /// Domain names; equal ones answer together.
    Names,
}

impl DatasetKind {
    /// Every kind with the word for it.
    pub const ALL: [(DatasetKind, &'static str); 13] = [
        (DatasetKind::Ip4set, "ip4set"),
        (DatasetKind::Ip4tset, "ip4tset"),
        (DatasetKind::Ip4trie, "ip4trie"),
        (DatasetKind::Ip6tset, "ip6tset"),
        (DatasetKind::Ip6trie, "ip6trie"),
        (DatasetKind::Dnset, "dnset"),
        (DatasetKind::Dnhash, "dnhash"),
        (DatasetKind::Generic, "generic"),
        (DatasetKind::Combined, "combined"),
        (DatasetKind::Acl, "acl"),
        (DatasetKind::Aclkey, "aclkey"),
        (DatasetKind::Addresses, "addresses"),
        (DatasetKind::Names, "names"),
    ];
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = DatasetKind::ALL.iter().find(|(kind, _)| kind == self).map(|(_, word)| *word);
        f.write_str(word.expect("every kind has a word"))
    }
}

impl FromStr for DatasetKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<DatasetKind, UnknownKind> {
        let kind = DatasetKind::ALL.iter().find(|(_, w)| *w == word).map(|(kind, _)| *kind);
        kind.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// A word that names no kind of data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown data set type `{0}`: expected addresses, names, ip4set, ip4tset, ip4trie, ip6tset, \
     ip6trie, dnset, dnhash, generic, combined, acl or aclkey"
)]
pub struct UnknownKind(pub String);
