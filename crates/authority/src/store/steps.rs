//! Former changes of a zone or a list, as they lie in the store's file: found by their serials, and read one by one.
//!
//! What a secondary lacks may be as much as a journal keeps, and many may ask at once. So of what is found no more is held
//! than where it lies, and of a step that is sent no more than its bytes. A step that is dropped from the journal
//! meanwhile ends the transfer, and the secondary asks again.

use std::ops::ControlFlow;
use std::sync::Arc;

use redb::{TableDefinition, TableError};
use repute_dnsxl::Name;
use repute_records::{Difference, Record, Soa};

use super::{Store, StoreError, packed};

/// Changes by zone or list and number.
pub(crate) type Table = TableDefinition<'static, (&'static [u8], u64), &'static [u8]>;

/// What changed from one version to another, in order.
#[derive(Clone)]
pub struct Steps {
    store: Arc<Store>,
    found: Found,
}

/// Where steps lie.
#[derive(Clone)]
pub(crate) struct Found {
    table: Table,
    apex: Name,
    numbers: Vec<u64>,
    records: u64,
    to: Record,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Steps").field(&self.found.numbers).finish()
    }
}

impl Steps {
    /// Finds the steps of a table that lead from one serial to another; nothing if they are not known.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn find(
        store: &Arc<Store>,
        table: Table,
        apex: &Name,
        from: u32,
        to: u32,
    ) -> Result<Option<Steps>, StoreError> {
        let found = Found::new(store, table, apex, from, to)?;
        Ok(found.map(|found| Steps { store: Arc::clone(store), found }))
    }

    /// How many records they have, the SOA records included.
    pub fn records(&self) -> u64 {
        self.found.records
    }

    /// Gives all records in the order of a transfer (RFC 1995 section 4): the SOA that is reached, each step with the SOA
    /// that it leads from and what goes, the SOA that it leads to and what comes, and the first SOA again.
    ///
    /// # Errors
    /// If the file cannot be read, or a step is not there any more.
    pub fn each(
        &self,
        each: &mut dyn FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let Found { apex, numbers, to, .. } = &self.found;
        if each(to).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for number in numbers {
            let gone = || StoreError::Undone(format!("a former change of {apex} is there no more"));
            let bytes = self.found.read(&self.store, *number)?.ok_or_else(gone)?;
            let flow = packed::each_of_difference(&bytes, each).ok_or_else(gone)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(each(to))
    }
}

impl Found {
    /// Finds the steps of a table that lead from one serial to another. What is newer is passed over: it may not be served
    /// yet.
    pub(crate) fn new(
        store: &Store,
        table: Table,
        apex: &Name,
        from: u32,
        to: u32,
    ) -> Result<Option<Found>, StoreError> {
        store.read(|transaction| {
            let steps = match transaction.open_table(table) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                steps => steps?,
            };
            let wire = apex.as_wire();
            let (mut numbers, mut records, mut wanted, mut last) = (Vec::new(), 0, to, None);
            for item in steps.range((wire, 0)..=(wire, u64::MAX))?.rev() {
                let (key, bytes) = item?;
                let unreadable =
                    || redb::Error::Corrupted(format!("a former change of {apex} is unreadable"));
                let step = packed::outline(bytes.value()).ok_or_else(unreadable)?;
                let serial = |soa: &Record| Soa::read(&soa.data).map(|soa| soa.serial);
                let (before, after) =
                    serial(&step.from).zip(serial(&step.to)).ok_or_else(unreadable)?;
                if after != wanted {
                    if numbers.is_empty() {
                        continue;
                    }
                    break;
                }
                numbers.push(key.value().1);
                records += step.records;
                let to = last.get_or_insert(step.to);
                if before == from {
                    numbers.reverse();
                    let (apex, to) = (apex.clone(), to.clone());
                    return Ok(Some(Found { table, apex, numbers, records, to }));
                }
                wanted = before;
            }
            Ok(None)
        })
    }

    /// All of them at once; nothing if one is not there any more.
    pub(crate) fn whole(&self, store: &Store) -> Result<Option<Vec<Difference>>, StoreError> {
        let read = |number: &u64| {
            let bytes = self.read(store, *number)?;
            Ok(bytes.and_then(|bytes| packed::read_difference(&bytes)))
        };
        self.numbers.iter().map(read).collect()
    }

    /// The bytes of a step, if it is there.
    fn read(&self, store: &Store, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        store.read(|transaction| {
            let step = transaction.open_table(self.table)?.get((self.apex.as_wire(), number))?;
            Ok(step.map(|step| step.value().to_vec()))
        })
    }
}
