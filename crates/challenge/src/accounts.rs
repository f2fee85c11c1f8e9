//! Accounts and the values of their subdomains, as tables.
//!
//! Everything that writes checks first and writes then, so that what is refused has written nothing (see
//! [`crate::Turns`]). Rows are found by keys; nothing here reads a whole table but [`list`], page by page.

use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata as _, TableDefinition, WriteTransaction,
};
use repute_dnsxl::Name;
use uuid::Uuid;

use crate::allow_from::AllowFrom;
use crate::password::{Digest, Secret};
use crate::turn::Fault;
use crate::values::{Keep, Moment, Text, Values};

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who it is.
    pub username: Uuid,
    /// The label below the zone's apex where its values are.
    pub subdomain: String,
    /// From where it may be used.
    pub allow_from: AllowFrom,
    /// When it was registered here, or imported.
    pub created: Moment,
    /// What is kept of its password.
    pub(crate) secret: Secret,
}

/// An account with all there is of it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The account.
    pub account: Account,
    /// Its values, the oldest first, and when each came.
    pub values: Vec<(Moment, String)>,
    /// The domains it stands for.
    pub domains: Vec<Name>,
}

/// Makes the tables that are not there yet.
pub(crate) fn make_tables(t: &WriteTransaction) -> Result<(), Fault> {
    t.open_table(ACCOUNTS)?;
    t.open_table(SUBDOMAINS)?;
    t.open_table(VALUES)?;
    t.open_table(DUE)?;
    t.open_table(DOMAINS)?;
    t.open_table(DOMAINS_OF)?;
    t.open_table(IMPORTS)?;
    Ok(())
}

/// The account of a name.
pub(crate) fn find(read: &ReadTransaction, username: Uuid) -> Result<Option<Account>, Fault> {
    row(&read.open_table(ACCOUNTS)?, username)
}

/// How many there are.
pub(crate) fn count(read: &ReadTransaction) -> Result<u64, Fault> {
    Ok(read.open_table(ACCOUNTS)?.len()?)
}

/// Accounts in the order of their names, those behind `after`.
pub(crate) fn list(
    read: &ReadTransaction,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<Listed>, Fault> {
    let accounts = read.open_table(ACCOUNTS)?;
    let values = read.open_table(VALUES)?;
    let domains = read.open_table(DOMAINS_OF)?;
    let first = match after.map(|after| after.as_u128().checked_add(1)) {
        None => 0,
        Some(Some(next)) => next,
        Some(None) => return Ok(Vec::new()),
    };
    let mut listed = Vec::new();
    for row in accounts.range(first..)?.take(most) {
        let (username, row) = row?;
        let account = account(Uuid::from_u128(username.value()), row.value())?;
        let values = held(&values, &key(&account.subdomain))?.0;
        let domains = domains_of(&domains, account.username)?;
        listed.push(Listed { account, values, domains });
    }
    Ok(listed)
}

/// All subdomains that have values, with them.
pub(crate) fn all_values(t: &WriteTransaction) -> Result<Vec<(String, Values)>, Fault> {
    let table = t.open_table(VALUES)?;
    let mut all = Vec::new();
    for row in table.iter()? {
        let (subdomain, row) = row?;
        all.push((subdomain.value().to_owned(), values(row.value())));
    }
    Ok(all)
}

/// Adds an account. Whether its name and its subdomain were both free; otherwise nothing is written.
pub(crate) fn add(t: &WriteTransaction, account: &Account) -> Result<bool, Fault> {
    let mut accounts = t.open_table(ACCOUNTS)?;
    let mut subdomains = t.open_table(SUBDOMAINS)?;
    let (username, subdomain) = (account.username.as_u128(), key(&account.subdomain));
    if accounts.get(username)?.is_some() || subdomains.get(&*subdomain)?.is_some() {
        return Ok(false);
    }
    subdomains.insert(&*subdomain, username)?;
    write(&mut accounts, account)?;
    Ok(true)
}

/// The account that somebody showed the password of, as it is now; from now on a digest is kept of it.
///
/// # Errors
/// If it is gone, or has another password: a turn may come later than the proof.
pub(crate) fn proved(
    t: &WriteTransaction,
    proof: &Account,
    digest: Digest,
) -> Result<Account, Fault> {
    let mut accounts = t.open_table(ACCOUNTS)?;
    let mut now = row(&accounts, proof.username)?.ok_or(Fault::NoAccount)?;
    match (&now.secret, &proof.secret) {
        // Also if the digest took the place of a hash meanwhile.
        (Secret::Digest(kept), _) if kept.is(&digest) => {}
        (Secret::Bcrypt(kept), Secret::Bcrypt(shown)) if kept == shown => {
            now.secret = Secret::Digest(digest);
            write(&mut accounts, &now)?;
        }
        _ => return Err(Fault::Changed),
    }
    Ok(now)
}

/// Replaces what is kept of an account.
pub(crate) fn replace(t: &WriteTransaction, account: &Account) -> Result<(), Fault> {
    write(&mut t.open_table(ACCOUNTS)?, account)
}

/// The account of a name, to change it.
pub(crate) fn of(t: &WriteTransaction, username: Uuid) -> Result<Account, Fault> {
    row(&t.open_table(ACCOUNTS)?, username)?.ok_or(Fault::NoAccount)
}

/// Takes an account away, with its values and domains.
pub(crate) fn remove(t: &WriteTransaction, account: &Account, keep: &Keep) -> Result<(), Fault> {
    let (username, subdomain) = (account.username.as_u128(), key(&account.subdomain));
    change_values(t, &account.subdomain, keep, |values| values.0.clear())?;
    t.open_table(ACCOUNTS)?.remove(username)?;
    t.open_table(SUBDOMAINS)?.remove(&*subdomain)?;
    let mut domains_of = t.open_table(DOMAINS_OF)?;
    let mut domains = t.open_table(DOMAINS)?;
    for domain in self::domains_of(&domains_of, account.username)? {
        domains.remove(domain.as_wire())?;
        domains_of.remove((username, domain.as_wire()))?;
    }
    Ok(())
}

/// Changes the values of a subdomain. What they are now, and what `change` said.
pub(crate) fn change_values<R>(
    t: &WriteTransaction,
    subdomain: &str,
    keep: &Keep,
    change: impl FnOnce(&mut Values) -> R,
) -> Result<(Values, R), Fault> {
    let key = key(subdomain);
    let mut table = t.open_table(VALUES)?;
    let before = held(&table, &key)?;
    let mut after = before.clone();
    let said = change(&mut after);
    if before == after {
        return Ok((after, said));
    }
    if after.0.is_empty() {
        table.remove(&*key)?;
    } else {
        let row: Vec<_> = after.0.iter().map(|(at, text)| (at.0, text.as_str())).collect();
        table.insert(&*key, row)?;
    }
    let mut due = t.open_table(DUE)?;
    if let Some(at) = before.due(keep) {
        due.remove((at.0, &*key))?;
    }
    if let Some(at) = after.due(keep) {
        due.insert((at.0, &*key), ())?;
    }
    Ok((after, said))
}

/// When values may be too old next.
pub(crate) fn next_due(read: &ReadTransaction) -> Result<Option<Moment>, Fault> {
    Ok(read.open_table(DUE)?.first()?.map(|(key, _)| Moment(key.value().0)))
}

/// The subdomains with values that may be too old, at most so many, and when others are.
pub(crate) fn due(
    t: &WriteTransaction,
    now: Moment,
    most: usize,
) -> Result<(Vec<String>, Option<Moment>), Fault> {
    let mut table = t.open_table(DUE)?;
    let mut rows = Vec::new();
    for row in table.range(..=(now.0, LAST))?.take(most) {
        let (row, _) = row?;
        let (at, subdomain) = row.value();
        rows.push((at, subdomain.to_owned()));
    }
    // A row may be older than the settings: whoever looks writes the right one.
    for (at, subdomain) in &rows {
        table.remove((*at, subdomain.as_str()))?;
    }
    let next = table.first()?.map(|(key, _)| Moment(key.value().0));
    Ok((rows.into_iter().map(|(_, subdomain)| subdomain).collect(), next))
}

/// Takes values away that are too old, and writes down when the next ones are. What is left, and how many went.
pub(crate) fn expire(
    t: &WriteTransaction,
    subdomain: &str,
    now: Moment,
    keep: &Keep,
) -> Result<(Values, usize), Fault> {
    let (values, gone) = change_values(t, subdomain, keep, |values| values.expire(now, keep))?;
    if let Some(at) = values.due(keep) {
        t.open_table(DUE)?.insert((at.0, subdomain), ())?;
    }
    Ok((values, gone))
}

/// Who stands for a domain.
pub(crate) fn of_domain(read: &ReadTransaction, domain: &Name) -> Result<Option<Uuid>, Fault> {
    let found = read.open_table(DOMAINS)?.get(domain.as_wire())?;
    Ok(found.map(|found| Uuid::from_u128(found.value())))
}

/// Whether an account stands for any domain.
pub(crate) fn has_domains(read: &ReadTransaction, username: Uuid) -> Result<bool, Fault> {
    let table = read.open_table(DOMAINS_OF)?;
    let mut rows = table.range((username.as_u128(), &[][..])..)?;
    let first = rows.next().transpose()?;
    Ok(first.is_some_and(|(row, _)| row.value().0 == username.as_u128()))
}

/// Has an account stand for a domain. Whether that is news.
pub(crate) fn bind(t: &WriteTransaction, domain: &Name, username: Uuid) -> Result<bool, Fault> {
    of(t, username)?;
    let mut domains = t.open_table(DOMAINS)?;
    let owner = domains.get(domain.as_wire())?.map(|owner| Uuid::from_u128(owner.value()));
    match owner {
        Some(owner) if owner == username => Ok(false),
        Some(owner) => Err(Fault::Bound { domain: domain.clone(), username: owner }),
        None => {
            domains.insert(domain.as_wire(), username.as_u128())?;
            t.open_table(DOMAINS_OF)?.insert((username.as_u128(), domain.as_wire()), ())?;
            Ok(true)
        }
    }
}

/// Has nobody stand for a domain. Who did.
pub(crate) fn unbind(t: &WriteTransaction, domain: &Name) -> Result<Option<Uuid>, Fault> {
    let owner = t.open_table(DOMAINS)?.remove(domain.as_wire())?.map(|owner| owner.value());
    if let Some(owner) = owner {
        t.open_table(DOMAINS_OF)?.remove((owner, domain.as_wire()))?;
    }
    Ok(owner.map(Uuid::from_u128))
}

/// When something was imported, if it was.
pub(crate) fn imported(t: &WriteTransaction, source: &str) -> Result<Option<Moment>, Fault> {
    Ok(t.open_table(IMPORTS)?.get(source)?.map(|at| Moment(at.value())))
}

/// When something was imported, as it is on the disk.
pub(crate) fn was_imported(read: &ReadTransaction, source: &str) -> Result<Option<Moment>, Fault> {
    Ok(read.open_table(IMPORTS)?.get(source)?.map(|at| Moment(at.value())))
}

/// Writes down that something was imported.
pub(crate) fn set_imported(t: &WriteTransaction, source: &str, now: Moment) -> Result<(), Fault> {
    t.open_table(IMPORTS)?.insert(source, now.0)?;
    Ok(())
}

/// Adds a value as the newest.
pub(crate) fn add_value(
    t: &WriteTransaction,
    subdomain: &str,
    text: &Text,
    now: Moment,
    keep: &Keep,
) -> Result<Values, Fault> {
    Ok(change_values(t, subdomain, keep, |values| values.add(text, now, keep))?.0)
}

/// The form in which subdomains are compared: DNS knows no case.
fn key(subdomain: &str) -> String {
    subdomain.to_ascii_lowercase()
}

/// The account of a name in the table.
fn row(
    table: &impl ReadableTable<u128, AccountRow>,
    username: Uuid,
) -> Result<Option<Account>, Fault> {
    let row = table.get(username.as_u128())?;
    row.map(|row| account(username, row.value())).transpose()
}

/// Reads an account's row.
fn account(
    username: Uuid,
    (secret, subdomain, allow_from, created): (&[u8], &str, Vec<&str>, u64),
) -> Result<Account, Fault> {
    Ok(Account {
        username,
        subdomain: subdomain.to_owned(),
        allow_from: AllowFrom::parse(allow_from).map_err(|_| Fault::Damaged)?,
        created: Moment(created),
        secret: Secret::from_bytes(secret)?,
    })
}

/// Writes an account's row.
fn write(table: &mut redb::Table<'_, u128, AccountRow>, account: &Account) -> Result<(), Fault> {
    let secret = account.secret.to_bytes();
    let allow_from: Vec<_> = account.allow_from.texts().collect();
    let row = (&*secret, account.subdomain.as_str(), allow_from, account.created.0);
    table.insert(account.username.as_u128(), row)?;
    Ok(())
}

/// The values of a subdomain in the table.
fn held(table: &impl ReadableTable<&'static str, ValuesRow>, key: &str) -> Result<Values, Fault> {
    let row = table.get(key)?;
    Ok(row.map(|row| values(row.value())).unwrap_or_default())
}

/// Reads a row of values.
fn values(row: Vec<(u64, &str)>) -> Values {
    Values(row.into_iter().map(|(at, text)| (Moment(at), text.to_owned())).collect())
}

/// The domains of an account in the table.
fn domains_of(
    table: &impl ReadableTable<(u128, &'static [u8]), ()>,
    username: Uuid,
) -> Result<Vec<Name>, Fault> {
    let username = username.as_u128();
    let mut domains = Vec::new();
    for row in table.range((username, &[][..])..)? {
        let (row, _) = row?;
        let (owner, domain) = row.value();
        if owner != username {
            break;
        }
        domains.push(Name::from_wire(domain).map_err(|_| Fault::Damaged)?);
    }
    Ok(domains)
}

/// Secret, subdomain, networks, since when.
type AccountRow = (&'static [u8], &'static str, Vec<&'static str>, u64);
/// When each value came, and its text; the oldest first.
type ValuesRow = Vec<(u64, &'static str)>;

/// Accounts by their names.
const ACCOUNTS: TableDefinition<'_, u128, AccountRow> = TableDefinition::new("challenge-accounts");
/// Whose a subdomain is.
const SUBDOMAINS: TableDefinition<'_, &str, u128> = TableDefinition::new("challenge-subdomains");
/// The values of subdomains that have any.
const VALUES: TableDefinition<'_, &str, ValuesRow> = TableDefinition::new("challenge-values");
/// When a subdomain has values that are too old.
const DUE: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("challenge-due");
/// Who stands for a domain, by its wire form.
const DOMAINS: TableDefinition<'_, &[u8], u128> = TableDefinition::new("challenge-domains");
/// For which domains an account stands.
const DOMAINS_OF: TableDefinition<'_, (u128, &[u8]), ()> =
    TableDefinition::new("challenge-domains-of");
/// What was imported, and when.
const IMPORTS: TableDefinition<'_, &str, u64> = TableDefinition::new("challenge-imports");
/// A text behind every subdomain.
const LAST: &str = "\u{10ffff}";
