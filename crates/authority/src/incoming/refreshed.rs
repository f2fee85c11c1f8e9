//! When a zone was last known to be the newest, in the store's file: a zone expires by that after a start as well.

use std::collections::HashMap;

use redb::{ReadableTable, TableDefinition};
use repute_dnsxl::Name;

use crate::store::{Fault, Turn};

/// Seconds since 1970, by zone.
const REFRESHED: TableDefinition<'_, &[u8], u64> = TableDefinition::new("refreshed");

/// Reads all.
///
/// # Errors
/// If the store's file fails.
pub(crate) fn load(turn: &mut Turn<'_>) -> Result<HashMap<Name, u64>, Fault> {
    let table = turn.transaction().open_table(REFRESHED)?;
    let mut all = HashMap::new();
    for item in table.iter()? {
        let (apex, time) = item?;
        // What is no name is no zone's.
        if let Ok(apex) = Name::from_wire(apex.value()) {
            all.insert(apex, time.value());
        }
    }
    Ok(all)
}

/// Notes it of a zone.
///
/// # Errors
/// If the store's file fails.
pub(super) fn note(turn: &Turn<'_>, apex: &Name, time: u64) -> Result<(), Fault> {
    turn.transaction().open_table(REFRESHED)?.insert(apex.as_wire(), time)?;
    Ok(())
}

/// Forgets zones that are not followed any more: what is in the store of them is somebody else's.
///
/// # Errors
/// If the store's file fails.
pub(crate) fn forget(turn: &Turn<'_>, gone: &[Name]) -> Result<(), Fault> {
    let mut table = turn.transaction().open_table(REFRESHED)?;
    for apex in gone {
        table.remove(apex.as_wire())?;
    }
    Ok(())
}
