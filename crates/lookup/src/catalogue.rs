//! The catalogue: which lists there are, what their answers mean, and whether they live.
//!
//! It is data, `catalogue.toml`, compiled in. The same tables in the user's configuration change what it
//! says of a list, or add lists:
//!
//! ```toml
//! [[list]]
//! zone = "bl.example"
//! keys = ["ipv4", "ipv6"]
//! delisting = "https://bl.example/?q={target}"
//!
//! [list.codes]
//! "127.0.0.2" = "spam"
//! ```
//!
//! No file is read here, and no variable: who has the keys gives them when he is asked. That a list lives
//! is what is known from elsewhere, with its day and source; only asking it shows whether it still does.

mod day;
mod entry;
mod fault;
pub mod import;
mod read;
mod refresh;
mod table;
mod write;

use repute_dnsxl::{Name, Target};

pub use day::{Day, DayError};
pub use entry::{Entry, KeySource};
pub use fault::{CatalogueError, CatalogueFault};
pub use refresh::refreshed;
pub use table::{Row, status_word, table};
pub use write::to_toml;

use crate::list::{Access, List, Secret, Status};
use read::Table;

/// Lists that are known.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The day the shipped data were last worked on.
    date: Day,
    /// The lists, those of the user behind the shipped ones.
    items: Vec<Item>,
}

/// A list with what matters only here.
#[derive(Clone, Debug)]
struct Item {
    /// The list.
    list: List,
    /// Where its key is.
    key: Option<KeySource>,
    /// Whether it is asked whatever its status, or never.
    ask: Option<bool>,
}

/// Gives the key that lies somewhere: none if there is none, or why it cannot be read.
pub type Keyring<'a> = dyn FnMut(&KeySource) -> Result<Option<String>, String> + 'a;

impl Catalogue {
    /// The lists that come with the product, without keys.
    pub fn shipped() -> Catalogue {
        let (date, tables) = read::read(SHIPPED).expect("a test reads it");
        let mut catalogue = Catalogue { date: date.expect("a test reads it"), items: Vec::new() };
        catalogue.merge(&tables, false).expect("a test merges it");
        catalogue
    }

    /// The shipped lists with the user's tables laid over them, and with keys.
    ///
    /// # Errors
    /// As [`Self::lay`].
    pub fn with(user: &str, keyring: &mut Keyring<'_>) -> Result<Catalogue, CatalogueError> {
        let mut catalogue = Catalogue::shipped();
        catalogue.lay(user, keyring)?;
        Ok(catalogue)
    }

    /// Lays the tables of a text over what is there, and has keys given. Whatever else is in the text is passed
    /// over, as it may be a whole configuration.
    ///
    /// # Errors
    /// The first fault, with its place: a key or value that is wrong by itself, a list that contradicts
    /// itself once the tables are merged, or a key that is none. A key that cannot be had is no error: the list
    /// is not asked, and says why ([`List::no_key`]).
    pub fn lay(&mut self, user: &str, keyring: &mut Keyring<'_>) -> Result<(), CatalogueError> {
        let (_, tables) = read::read(user)?;
        self.merge(&tables, true)?;
        self.fill_in_keys(&tables, keyring)
    }

    /// The day the shipped data were last worked on.
    pub fn date(&self) -> Day {
        self.date
    }

    /// All lists.
    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.items.iter().map(|item| &item.list)
    }

    /// The list that is asked at a zone.
    pub fn find(&self, zone: &Name) -> Option<&List> {
        self.lists().find(|list| list.zone == *zone)
    }

    /// The list at a zone, or what is assumed of one nobody knows.
    pub fn find_or_assume(&self, zone: &Name) -> List {
        self.find(zone).cloned().unwrap_or_else(|| List::new(zone.clone()))
    }

    /// The lists to ask about a target if nobody named any: those that live, are open to us and take
    /// such a target, and what the user added or wants asked; none that another one of them contains.
    pub fn default_set(&self, target: &Target) -> Vec<&List> {
        let asked = self.items.iter().filter(|item| item.is_asked() && item.list.takes(target));
        self.without_contained(asked.map(|item| &item.list).collect())
    }

    /// Leaves out lists that another one of these contains, directly or by a third one: their listings
    /// would be counted twice.
    pub fn without_contained<'a>(&self, lists: Vec<&'a List>) -> Vec<&'a List> {
        // One that cannot be asked for want of its key stands for no other one.
        let asked = lists.iter().filter(|list| list.no_key.is_none());
        let contained: Vec<Name> = asked.flat_map(|list| self.contained_in(list)).collect();
        lists.into_iter().filter(|list| !contained.contains(&list.zone)).collect()
    }

    /// The zones a list contains, directly or by a third one.
    pub fn contained_in(&self, list: &List) -> Vec<Name> {
        let mut found = list.contains.clone();
        let mut next = 0;
        while let Some(zone) = found.get(next) {
            let inner = self.find(zone).map(|list| &list.contains[..]).unwrap_or_default();
            let new: Vec<Name> =
                inner.iter().filter(|zone| !found.contains(zone)).cloned().collect();
            found.extend(new);
            next += 1;
        }
        found
    }

    /// Lays tables over what is there.
    fn merge(&mut self, tables: &[Table], by_user: bool) -> Result<(), CatalogueError> {
        for (i, table) in tables.iter().enumerate() {
            let entry = &table.entry;
            let earlier = tables[..i].iter().find(|earlier| earlier.entry.zone == entry.zone);
            if let Some(earlier) = earlier {
                return Err(table.error("zone", CatalogueFault::Twice(earlier.line())));
            }
            let at = self.items.iter().position(|item| item.list.zone == entry.zone);
            let at = at.unwrap_or_else(|| {
                let list = List::new(entry.zone.clone());
                // Who adds a list wants it asked, unless he says that it is dead.
                let is_new = by_user && matches!(entry.status, None | Some(Status::Live));
                self.items.push(Item { list, key: None, ask: is_new.then_some(true) });
                self.items.len() - 1
            });
            let item = &mut self.items[at];
            entry.apply(&mut item.list);
            item.key = entry.key.clone().or(item.key.take());
            item.ask = entry.ask.or(item.ask);
        }
        tables.iter().try_for_each(|table| self.check(table))
    }

    /// Checks what only shows once the tables are merged.
    fn check(&self, table: &Table) -> Result<(), CatalogueError> {
        let item = self.items.iter().find(|item| item.list.zone == table.entry.zone);
        let Some(Item { list, key, .. }) = item else { return Ok(()) };
        let listings = list.meanings.iter().map(|(codes, _)| codes);
        for (error, _) in &list.errors {
            if listings.clone().any(|codes| codes.overlaps(error)) {
                let key = if table.entry.errors.is_some() { "errors" } else { "codes" };
                return Err(table.error(key, CatalogueFault::Ambiguous(Box::new(error.clone()))));
            }
        }
        if let Some(unknown) = list.contains.iter().find(|zone| self.find(zone).is_none()) {
            return Err(table.error("contains", CatalogueFault::NoSuchList(unknown.clone())));
        }
        if self.contained_in(list).contains(&list.zone) {
            let inner = list.contains.iter().find(|zone| {
                let inside = self.find(zone).map(|inner| self.contained_in(inner));
                **zone == list.zone || inside.is_some_and(|inside| inside.contains(&list.zone))
            });
            let inner = inner.unwrap_or(&list.zone).clone();
            return Err(table.error("contains", CatalogueFault::Circle(inner)));
        }
        match (key, &list.access) {
            (Some(source), Access::Open | Access::Registration) => {
                let key = match source {
                    KeySource::File(_) => "key-file",
                    KeySource::Environment(_) => "key-env",
                };
                Err(table.error(key, CatalogueFault::NoKeyPlace))
            }
            (_, Access::Key(..)) | (None, Access::Open | Access::Registration) => Ok(()),
        }
    }

    /// Has the keys given.
    fn fill_in_keys(
        &mut self,
        tables: &[Table],
        keyring: &mut Keyring<'_>,
    ) -> Result<(), CatalogueError> {
        for item in &mut self.items {
            let (Access::Key(_, secret), Some(source)) = (&mut item.list.access, &item.key) else {
                continue;
            };
            let zone = &item.list.zone;
            let fault = |fault| {
                let key = match source {
                    KeySource::File(_) => "key-file",
                    KeySource::Environment(_) => "key-env",
                };
                let table = tables.iter().find(|table| table.entry.zone == *zone);
                table.map_or_else(
                    || CatalogueError {
                        line: 0,
                        span: 0..0,
                        zone: Some(zone.to_string()),
                        key: Some(key.to_owned()),
                        fault: CatalogueFault::clone(&fault),
                    },
                    |table| table.error(key, fault.clone()),
                )
            };
            match keyring(source) {
                Ok(Some(text)) => {
                    let key = secret_of(&text).ok_or_else(|| fault(CatalogueFault::BadKey))?;
                    *secret = Some(key);
                    item.list.no_key = None;
                }
                Ok(None) => {}
                // It may have been found where an earlier file says that it is.
                Err(why) => item.list.no_key = secret.is_none().then_some(why),
            }
        }
        Ok(())
    }
}

impl Item {
    /// Whether it is asked if nobody names lists.
    fn is_asked(&self) -> bool {
        let (is_usable, is_open) = match self.list.access {
            Access::Open => (true, true),
            Access::Key(_, Some(_)) => (true, true),
            // Who names a key wants the list asked, and is told what is wrong with it.
            Access::Key(_, None) => (self.list.no_key.is_some(), true),
            // Whether our resolver is registered, only the user knows.
            Access::Registration => (true, false),
        };
        is_usable && self.ask.unwrap_or(is_open && self.list.status == Status::Live)
    }
}

/// A key from what a file or a variable holds.
fn secret_of(text: &str) -> Option<Secret> {
    let text = text.trim();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let name = Some(text).filter(|text| text.bytes().all(is_word))?.parse().ok()?;
    Some(Secret::new(name))
}

/// The lists that come with the product.
const SHIPPED: &str = include_str!("../catalogue.toml");

#[cfg(test)]
mod tests;
