//! The short way: a question that one index answers, in steps.
//!
//! Nearly all questions are about an address in a zone with one index for its family, or about a name in
//! a zone with one index of names, and nearly all have one return code or none. Those are answered here,
//! by the same look-ups as [`Zone::answer`] uses; whatever is not plain is left to that.

use super::Zone;
use super::listing::{Listing, Subject};
use super::question::Address;
use crate::dataset::Content;
use crate::dataset::ipv4_search::Ipv4Search;
use crate::dataset::ipv6::Ipv6Search;
use crate::dataset::names_search::{Hashes, NameSearch};
use crate::relative::Relative;
use crate::value::{Pair, ValueId, Values};

/// A question on the short way.
///
/// Call [`Self::fetch`] [`Self::STEPS`] times before [`Self::quick`], for a batch each time for all of
/// its questions: each call reads what the one before named to the processor, so that the waits for
/// memory overlap.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'z, 'q> {
    search: Search<'z, 'q>,
    values: &'z Values,
    ttl: u32,
}

/// The look-up that answers a question.
#[derive(Clone, Copy, Debug)]
enum Search<'z, 'q> {
    Ipv4(Ipv4Search<'z>),
    Ipv6(Ipv6Search<'z>),
    Name(NameSearch<'z, 'q>),
    /// The list has nothing of this family.
    Nowhere,
}

/// What [`Probe::quick`] finds.
#[derive(Clone, Copy, Debug)]
pub enum Quick<'z> {
    /// Listed with one return code.
    Listed(Listing<'z>, Pair),
    /// Not listed, and nothing below it is.
    Nothing,
    /// Ask [`Zone::answer`].
    Unsure,
}

impl Zone {
    /// Begins to answer a name below the apex, if it can be answered on the short way: names of addresses
    /// outside those of test entries and aliases, names of more than one label in a list of names.
    ///
    /// The probe is written to `place`, where it is used, and not returned: copying it from place to place
    /// would take longer than making it.
    #[inline(always)]
    pub fn probe<'z, 'q>(
        &'z self,
        name: Relative<'q>,
        hashes: &'q mut Hashes,
        place: &mut Option<Probe<'z, 'q>>,
    ) {
        let [dataset] = &self.datasets[..] else {
            *place = self.probe_several(name);
            return;
        };
        let ttl = dataset.header.ttl;
        match &dataset.content {
            Content::Addresses(addresses) => {
                let values = &addresses.values;
                let mut begin = |search| *place = Some(Probe { search, values, ttl });
                match Address::of(name, self.octets()) {
                    Address::Ipv4(address) if is_plain_ipv4(address, name) => match &addresses.v4 {
                        Some(v4) => begin(Search::Ipv4(v4.search(address))),
                        None => begin(Search::Nowhere),
                    },
                    Address::Ipv6(address) if is_plain_ipv6(address) => match &addresses.v6 {
                        Some(v6) => begin(Search::Ipv6(v6.search(address))),
                        None => begin(Search::Nowhere),
                    },
                    _ => {}
                }
            }
            Content::Names(names) if name.label_count() > 1 => {
                if let Some(search) = names.index.search(name, hashes) {
                    let search = Search::Name(search);
                    *place = Some(Probe { search, values: &names.values, ttl });
                }
            }
            _ => {}
        }
    }

    /// As [`Self::probe`], for a zone of several data sets of addresses of which one knows the family.
    #[inline(never)]
    fn probe_several<'z, 'q>(&'z self, name: Relative<'q>) -> Option<Probe<'z, 'q>> {
        let address = Address::of(name, self.octets());
        let mut only = None;
        for dataset in &self.datasets {
            let Content::Addresses(addresses) = &dataset.content else { return None };
            let search = match address {
                Address::Ipv4(address) if is_plain_ipv4(address, name) => {
                    addresses.v4.as_ref().map(|v4| Search::Ipv4(v4.search(address)))
                }
                Address::Ipv6(address) if is_plain_ipv6(address) => {
                    addresses.v6.as_ref().map(|v6| Search::Ipv6(v6.search(address)))
                }
                _ => return None,
            };
            if let Some(search) = search {
                let (values, ttl) = (&addresses.values, dataset.header.ttl);
                if only.replace(Probe { search, values, ttl }).is_some() {
                    return None;
                }
            }
        }
        only
    }
}

impl<'z> Probe<'z, '_> {
    /// How often [`Self::fetch`] is to be called, with the numbers of the steps.
    pub const STEPS: u8 = 2;

    /// Reads what was named before and names what is read next.
    #[inline(always)]
    pub fn fetch(&mut self, step: u8) {
        match (&mut self.search, step) {
            (Search::Ipv4(search), 0) => search.read_slot(),
            (Search::Ipv4(search), _) => search.read_chunk(),
            (Search::Ipv6(search), 0) => search.read_slot(),
            (Search::Ipv6(search), _) => search.read_top(),
            (Search::Name(search), 0) => search.read_slots(),
            (Search::Name(..) | Search::Nowhere, _) => {}
        }
    }

    /// The answer: the same that [`Zone::answer`] gives, or none. `name` is what it began with.
    #[inline(always)]
    pub fn quick<'n>(&self, name: impl FnOnce() -> Relative<'n>) -> Quick<'z> {
        let (value, subject) = match &self.search {
            Search::Nowhere => return Quick::Nothing,
            Search::Ipv4(search) => (search.value(), Subject::Ipv4(search.address())),
            Search::Ipv6(search) => (search.value(), Subject::Ipv6(search.address())),
            Search::Name(search) => {
                let name = name();
                let found = search.found(name);
                if found.value == 0 && found.parent {
                    return Quick::Unsure;
                }
                (found.value, found.subject(name))
            }
        };
        if value == 0 {
            return Quick::Nothing;
        }
        let (Probe { values, ttl, .. }, value) = (*self, ValueId(value));
        match values.only_pair(value) {
            Some(pair) => Quick::Listed(Listing { values, value, ttl, subject }, pair),
            None => Quick::Unsure,
        }
    }
}

/// Whether an IPv4 address means nothing else: 127/8 has the test entries, and a name of eight bytes is
/// four nibbles as well.
#[inline(always)]
fn is_plain_ipv4(address: u32, name: Relative<'_>) -> bool {
    address >> 24 != 127 && name.wire().len() != 8
}

/// Whether an IPv6 address means nothing else: mapped ones are test entries or aliases, and 2002::/16 may
/// be an alias.
#[inline(always)]
fn is_plain_ipv6(address: u128) -> bool {
    address >> 32 != 0xffff && address >> 112 != 0x2002
}
