//! Test entries (RFC 5782 section 5) that a list itself lacks.

use repute_dnsxl::TestKey;

use super::listing::{Hit, Listing, Subject};
use super::visit::{Existence, Place};
use crate::value::{ValueId, Values};

/// Test entries that the list itself lacks.
#[derive(Clone, Debug)]
pub(crate) struct Tests {
    pub(crate) entries: Vec<TestListing>,
    pub(crate) values: Values,
    pub(crate) ttl: u32,
}

/// A test entry, ready to be compared and answered.
#[derive(Clone, Debug)]
pub(crate) struct TestListing {
    /// The labels it is asked under.
    pub(crate) relative: Box<[u8]>,
    pub(crate) subject: Subject,
    pub(crate) value: ValueId,
}

impl TestListing {
    /// A test entry at the name of a list, in wire form without the root. Nothing if that is too long.
    pub(super) fn new(key: &TestKey, list: &[u8], value: ValueId) -> Option<TestListing> {
        let (mut relative, subject) = match key {
            TestKey::Ipv4(a) => (repute_dnsxl::relative_ipv4(*a), Subject::Ipv4((*a).into())),
            TestKey::Ipv6(a) => (repute_dnsxl::relative_ipv6(*a), Subject::Ipv6((*a).into())),
            TestKey::Name(n) => {
                let wire = n.relative().to_vec();
                let end = wire.len() as u8;
                (wire, Subject::Name { start: 0, end })
            }
        };
        relative.extend_from_slice(list);
        let fits = relative.len() <= LONGEST_RELATIVE;
        fits.then(|| TestListing { relative: relative.into_boxed_slice(), subject, value })
    }

    /// What is tested, and the name of the list it belongs to: both in wire form without the root.
    pub(crate) fn key_and_list(&self) -> (&[u8], &[u8]) {
        let key = match self.subject {
            Subject::Ipv4(a) => repute_dnsxl::relative_ipv4(a.into()).len(),
            Subject::Ipv6(a) => repute_dnsxl::relative_ipv6(a.into()).len(),
            Subject::Name { end, .. } => usize::from(end),
            Subject::Client => self.relative.len(),
        };
        self.relative.split_at(key.min(self.relative.len()))
    }
}

impl Tests {
    #[inline]
    pub(super) fn visit<'z>(
        &'z self,
        place: Place<'_>,
        hit: &mut impl FnMut(Hit<'z>),
    ) -> Existence {
        let mut found = Existence::Nothing;
        // Names above a test entry are its endings.
        for entry in self.entries.iter().filter(|e| e.relative.ends_with(place.name.wire())) {
            if entry.relative.len() == place.name.wire().len() {
                let (values, value) = (&self.values, entry.value);
                let (ttl, subject) = (self.ttl, entry.subject);
                hit(Hit::Listing(Listing { values, value, ttl, subject }));
                return Existence::Listed;
            }
            found = Existence::Exists;
        }
        found
    }
}

/// Bytes of the longest name below an apex, without the root (RFC 1035 section 2.3.4).
const LONGEST_RELATIVE: usize = 254;
