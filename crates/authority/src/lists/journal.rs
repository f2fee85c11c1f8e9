//! Former changes of lists, in tables of their own in the store's file.

use std::collections::HashSet;

use redb::{ReadableTable, TableDefinition, TableError};
use repute_dnsxl::Name;

use crate::store::steps::Table;
use crate::store::{Fault, Store, StoreError};

/// The version of a list that the file knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its serial.
    pub(super) serial: u32,
    /// The time for which its records are made.
    pub(super) now: u32,
    /// A sum over its records, by which it is known again.
    pub(super) sum: u128,
}

/// What the file knows of a list.
pub(super) fn head(store: &Store, apex: &Name) -> Result<Option<Head>, StoreError> {
    store.read(|transaction| {
        let table = match transaction.open_table(LISTS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        let row = table.get(apex.as_wire())?;
        Ok(row.map(|row| {
            let (serial, now, sum, ..) = row.value();
            Head { serial, now, sum }
        }))
    })
}

/// Begins anew: nothing is known of how a list came to be what it is.
pub(super) fn begin(store: &Store, apex: &Name, head: Head) -> Result<(), StoreError> {
    let apex = apex.clone();
    let work = move |turn: &mut crate::store::Turn<'_>| {
        let (transaction, wire) = (turn.transaction(), apex.as_wire());
        let all = (wire, 0)..=(wire, u64::MAX);
        transaction.open_table(STEPS)?.retain_in(all, |_, _| false)?;
        let row = (head.serial, head.now, head.sum, 0, 0, 0);
        transaction.open_table(LISTS)?.insert(wire, row)?;
        Ok(())
    };
    store.turn(work).wait()
}

/// Adds a change, and forgets the oldest of what is more than `most` bytes.
pub(super) fn append(
    store: &Store,
    apex: &Name,
    head: Head,
    step: Vec<u8>,
    most: u64,
) -> Result<(), StoreError> {
    let apex = apex.clone();
    let work = move |turn: &mut crate::store::Turn<'_>| {
        let (transaction, wire) = (turn.transaction(), apex.as_wire());
        let mut lists = transaction.open_table(LISTS)?;
        let row = lists.get(wire)?.map(|row| row.value());
        let Some((_, _, _, mut first, mut next, mut bytes)) = row else {
            return Err(Fault::Undo(format!("the store does not know the list {apex}")));
        };
        let mut steps = transaction.open_table(STEPS)?;
        steps.insert((wire, next), &step[..])?;
        next += 1;
        bytes += step.len() as u64;
        while bytes > most && first < next {
            let gone = steps.remove((wire, first))?.map_or(0, |gone| gone.value().len() as u64);
            bytes = bytes.saturating_sub(gone);
            first += 1;
        }
        lists.insert(wire, (head.serial, head.now, head.sum, first, next, bytes))?;
        Ok(())
    };
    store.turn(work).wait()
}

/// Forgets all lists but some.
pub(super) fn forget_others(store: &Store, lists: HashSet<Name>) -> Result<(), StoreError> {
    let is_other =
        move |wire: &[u8]| Name::from_wire(wire).map_or(true, |name| !lists.contains(&name));
    let has_others = store.read(|transaction| {
        let table = match transaction.open_table(LISTS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(false),
            table => table?,
        };
        for row in table.iter()? {
            if is_other(row?.0.value()) {
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    if !has_others {
        return Ok(());
    }
    let work = move |turn: &mut crate::store::Turn<'_>| {
        let transaction = turn.transaction();
        transaction.open_table(STEPS)?.retain(|(wire, _), _| !is_other(wire))?;
        transaction.open_table(LISTS)?.retain(|wire, _| !is_other(wire))?;
        Ok(())
    };
    store.turn(work).wait()
}

/// What is known of a list: serial, time, sum, the number of the oldest change and of the next, bytes of all.
type Row = (u32, u32, u128, u64, u64, u64);
/// Lists by their names.
const LISTS: TableDefinition<'_, &[u8], Row> = TableDefinition::new("lists");
/// Changes by list and number.
pub(super) const STEPS: Table = TableDefinition::new("list-changes");
