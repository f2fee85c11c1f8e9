//! Whose the entries of a file are: lists of others number their organisations, and an import may take the numbers over.
//!
//! A number is only a number: it may be that of quite another organisation here. So entries go to one that is there only if
//! it is known by the domain that the file has beside the number; one that is not there is added, known by that domain, and
//! whoever proves the domain speaks for it. One that is suspended gets none, as by every other way.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use repute_database::bulk::{Place, Row};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, State, find};
use repute_database::{DatabaseError, Session, Timestamp, Transaction};
use repute_dnsxl::Name;

use super::content::Content;
use super::{Import, Whose};

/// Whose the entries of a file are.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the text of an entry, which is a domain.
    of: HashMap<String, OrganisationId>,
    /// Those that are not there yet, with their domains.
    pub(super) new: BTreeMap<i64, Vec<Name>>,
    /// How many numbers are here those of others.
    pub(super) others: u64,
    /// How many are those of organisations that are suspended.
    pub(super) suspended: u64,
}

/// Has nobody suspend, or change, the organisations that a file names until the transaction is over.
///
/// # Errors
/// If the database fails.
pub(super) async fn hold(
    transaction: &mut Transaction,
    import: &Import,
    content: &Content,
) -> Result<(), DatabaseError> {
    let ids: BTreeSet<u32> = match import.whose {
        Whose::Nobodys => return Ok(()),
        Whose::ByNumber => content.numbers.values().copied().collect(),
    };
    let ids: Vec<OrganisationId> = ids.into_iter().map(|id| OrganisationId(id.into())).collect();
    organisations::lock_all(transaction.session(), &ids).await
}

impl Owners {
    /// Of a file, as an import wants it.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn find(
        mut session: Session<'_>,
        import: &Import,
        content: &Content,
    ) -> Result<Owners, DatabaseError> {
        let mut owners = Owners::default();
        match import.whose {
            Whose::Nobodys => return Ok(owners),
            Whose::ByNumber => {}
        }
        let mut domains: BTreeMap<i64, Vec<(Name, &str)>> = BTreeMap::new();
        for (text, number) in &content.numbers {
            if let Ok(domain) = text.parse::<Name>() {
                domains.entry(i64::from(*number)).or_default().push((domain, text));
            }
        }
        let ids: Vec<OrganisationId> = domains.keys().map(|id| OrganisationId(*id)).collect();
        for part in ids.chunks(AT_ONCE) {
            let there = find::by_ids(session.again(), part).await?;
            let there: HashMap<OrganisationId, State> =
                there.into_iter().map(|one| (one.id, one.state)).collect();
            let known = find::domains_of(session.again(), part).await?;
            let known: HashSet<(OrganisationId, Name)> = known.into_iter().collect();
            for id in part {
                let Some(mut theirs) = domains.remove(&id.0) else { continue };
                theirs.sort_by(|a, b| a.1.cmp(b.1));
                let is_known = |(name, _): &(Name, &str)| known.contains(&(*id, name.clone()));
                match there.get(id) {
                    Some(_) if !theirs.iter().any(is_known) => {
                        owners.others += 1;
                        continue;
                    }
                    Some(State::Suspended { .. }) => {
                        owners.suspended += 1;
                        continue;
                    }
                    Some(State::Active) => {}
                    None => {
                        let mut names: Vec<Name> =
                            theirs.iter().map(|(name, _)| name.clone()).collect();
                        // The same name, written in two ways, is one domain.
                        names.dedup();
                        owners.new.insert(id.0, names);
                    }
                }
                owners.of.extend(theirs.into_iter().map(|(_, text)| (text.to_owned(), *id)));
            }
        }
        Ok(owners)
    }

    /// Whose an entry of the file is.
    pub(super) fn of(&self, row: &Row) -> Option<OrganisationId> {
        self.of.get(&*row.text).copied()
    }

    /// Adds those that are not there yet, each by the first of its domains.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn add(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let new: Vec<(OrganisationId, String, &[Name])> = self
            .new
            .iter()
            .filter_map(|(id, names)| {
                Some((OrganisationId(*id), names.first()?.to_string(), &**names))
            })
            .collect();
        organisations::add_numbered(transaction.session(), &new, now).await
    }

    /// Those of some entries that are somebody's, with whose they are.
    pub(super) fn places<'r>(&self, rows: &'r [Row]) -> Vec<(&'r Place, OrganisationId)> {
        rows.iter().filter_map(|row| Some((&row.place, self.of(row)?))).collect()
    }
}

/// So many organisations are looked for with one statement.
const AT_ONCE: usize = 1_000;
