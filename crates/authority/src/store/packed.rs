//! Records, sets and differences as the bytes that the store's file keeps.

use std::ops::ControlFlow;

use repute_dnsxl::Name;
use repute_records::{Difference, Record, RecordSet, rdata};

/// A set: its time to live, then each record's data behind its length.
pub(super) fn set(set: &RecordSet) -> Vec<u8> {
    let mut bytes = set.ttl().to_be_bytes().to_vec();
    for data in set.iter() {
        counted(data, &mut bytes);
    }
    bytes
}

/// The records of a set; nothing if that is not what it is.
pub(super) fn read_set(owner: &Name, rtype: u16, bytes: &[u8]) -> Option<Vec<Record>> {
    let (ttl, mut rest) = bytes.split_first_chunk::<4>()?;
    let ttl = u32::from_be_bytes(*ttl);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let data = Box::from(take_counted(&mut rest)?);
        records.push(Record { owner: owner.clone(), rtype, ttl, data });
    }
    Some(records)
}

/// A difference: the SOA before and afterwards, how many records went, those, and those that came.
pub(crate) fn difference(difference: &Difference) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    record(&difference.from, &mut bytes);
    record(&difference.to, &mut bytes);
    bytes.extend(u32::try_from(difference.removed.len()).ok()?.to_be_bytes());
    for one in difference.removed.iter().chain(&difference.added) {
        record(one, &mut bytes);
    }
    Some(bytes)
}

/// The difference; nothing if that is not what it is.
pub(crate) fn read_difference(bytes: &[u8]) -> Option<Difference> {
    let mut rest = bytes;
    let (from, to) = (take_record(&mut rest)?, take_record(&mut rest)?);
    let (count, tail) = rest.split_first_chunk::<4>()?;
    rest = tail;
    let mut removed = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        removed.push(take_record(&mut rest)?);
    }
    let mut added = Vec::new();
    while !rest.is_empty() {
        added.push(take_record(&mut rest)?);
    }
    Some(Difference { from, to, removed, added })
}

/// What a difference is, without its records.
pub(super) struct Outline {
    pub(super) from: Record,
    pub(super) to: Record,
    /// How many records it has, those two included.
    pub(super) records: u64,
}

/// The outline of a difference; nothing if that is not what it is.
pub(super) fn outline(bytes: &[u8]) -> Option<Outline> {
    let mut rest = bytes;
    let (from, to) = (take_record(&mut rest)?, take_record(&mut rest)?);
    let (_, mut rest) = rest.split_first_chunk::<4>()?;
    let mut records = 2;
    while !rest.is_empty() {
        let (_, tail) = rest.split_at_checked(rdata::name_len(rest)? + 6)?;
        rest = tail;
        take_counted(&mut rest)?;
        records += 1;
    }
    Some(Outline { from, to, records })
}

/// Gives each record of a difference in the order of a transfer: the SOA before, what goes, the SOA afterwards, what
/// comes. Nothing if that is not what it is, though some may have been given by then.
pub(super) fn each_of_difference(
    bytes: &[u8],
    each: &mut dyn FnMut(&Record) -> ControlFlow<()>,
) -> Option<ControlFlow<()>> {
    let mut rest = bytes;
    let (from, to) = (take_record(&mut rest)?, take_record(&mut rest)?);
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut given = |record: &Record| each(record).is_continue();
    let mut goes_on = given(&from);
    for _ in 0..u32::from_be_bytes(*count) {
        goes_on = goes_on && given(&take_record(&mut rest)?);
    }
    goes_on = goes_on && given(&to);
    while goes_on && !rest.is_empty() {
        goes_on = given(&take_record(&mut rest)?);
    }
    Some(if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
}

/// Writes a record.
pub(crate) fn record(record: &Record, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(record.owner.as_wire());
    bytes.extend(record.rtype.to_be_bytes());
    bytes.extend(record.ttl.to_be_bytes());
    counted(&record.data, bytes);
}

/// Reads a record, and goes behind it.
fn take_record(rest: &mut &[u8]) -> Option<Record> {
    let (owner, tail) = rest.split_at_checked(rdata::name_len(rest)?)?;
    let (rtype, tail) = tail.split_first_chunk::<2>()?;
    let (ttl, mut tail) = tail.split_first_chunk::<4>()?;
    let data = Box::from(take_counted(&mut tail)?);
    *rest = tail;
    Some(Record {
        owner: Name::from_wire(owner).ok()?,
        rtype: u16::from_be_bytes(*rtype),
        ttl: u32::from_be_bytes(*ttl),
        data,
    })
}

/// Writes data behind its length.
fn counted(data: &[u8], bytes: &mut Vec<u8>) {
    // Data comes from messages, and is never longer than one.
    let data = data.get(..usize::from(u16::MAX)).unwrap_or(data);
    bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(data);
}

/// Reads data behind its length, and goes behind it.
fn take_counted<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    let (len, tail) = rest.split_first_chunk::<2>()?;
    let (data, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    *rest = tail;
    Some(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_record() -> impl Strategy<Value = Record> {
        let data = proptest::collection::vec(any::<u8>(), 0..40);
        ("[a-z]{1,9}(\\.[a-z]{1,9}){0,3}", any::<u16>(), any::<u32>(), data).prop_map(
            |(owner, rtype, ttl, data)| Record {
                owner: owner.parse().expect("a name"),
                rtype,
                ttl,
                data: data.into_boxed_slice(),
            },
        )
    }

    proptest! {
        #[test]
        fn differences_come_back_and_cut_ones_are_told(
            from in any_record(),
            to in any_record(),
            removed in proptest::collection::vec(any_record(), 0..5),
            added in proptest::collection::vec(any_record(), 0..5),
            cut in any::<proptest::sample::Index>(),
        ) {
            let whole = Difference { from, to, removed, added };
            let bytes = difference(&whole).expect("few records");
            let again = read_difference(&bytes);
            prop_assert_eq!(again.as_ref(), Some(&whole));
            let mut given = Vec::new();
            let flow = each_of_difference(&bytes, &mut |record| {
                given.push(record.clone());
                ControlFlow::Continue(())
            });
            prop_assert_eq!(flow, Some(ControlFlow::Continue(())));
            let Difference { from, to, removed, added } = whole.clone();
            prop_assert_eq!(&given, &[vec![from], removed, vec![to], added].concat());
            prop_assert_eq!(outline(&bytes).map(|outline| outline.records), Some(given.len() as u64));
            let cut = read_difference(&bytes[..cut.index(bytes.len())]);
            prop_assert!(cut.is_none_or(|cut| cut.added.len() < whole.added.len()));
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = (read_difference(&bytes), outline(&bytes));
            let _ = each_of_difference(&bytes, &mut |_| ControlFlow::Continue(()));
            let _ = read_set(&Name::root(), 1, &bytes);
        }
    }
}
