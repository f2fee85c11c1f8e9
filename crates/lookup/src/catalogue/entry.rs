//! What one `[[list]]` table says of a list.
//!
//! A table may leave nearly everything out: for a list the catalogue knows it changes what it names, for
//! another it starts from a block list of addresses. Tables that are read, tables that are imported and
//! tables that are written are the same type, so that what one of them says the others can.

use std::path::PathBuf;

use repute_dnsxl::{Name, Polarity};

use crate::code::CodeSet;
use crate::list::{Access, Keys, List, Status};

/// What one table says; `None` says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which list.
    pub zone: Name,
    /// [`List::title`].
    pub title: Option<String>,
    /// [`List::keys`].
    pub keys: Option<Keys>,
    /// [`List::polarity`].
    pub polarity: Option<Polarity>,
    /// [`List::meanings`].
    pub codes: Option<Vec<(CodeSet, String)>>,
    /// [`List::only`].
    pub only: Option<Vec<CodeSet>>,
    /// [`List::errors`].
    pub errors: Option<Vec<(CodeSet, String)>>,
    /// [`List::contains`].
    pub contains: Option<Vec<Name>>,
    /// [`List::delisting`].
    pub delisting: Option<String>,
    /// [`List::access`], without a key.
    pub access: Option<Access>,
    /// Where the key is.
    pub key: Option<KeySource>,
    /// [`List::terms`].
    pub terms: Option<String>,
    /// [`List::rate`].
    pub rate: Option<f64>,
    /// [`List::status`].
    pub status: Option<Status>,
    /// [`List::checked`].
    pub checked: Option<String>,
    /// [`List::source`].
    pub source: Option<String>,
    /// [`List::note`].
    pub note: Option<String>,
    /// [`crate::list::TestEntries::listed`].
    pub test_listed: Option<bool>,
    /// [`crate::list::TestEntries::unlisted`].
    pub test_unlisted: Option<bool>,
    /// [`List::am_i_blocked`].
    pub am_i_blocked: Option<Name>,
    /// [`List::whoami`].
    pub whoami: Option<Name>,
    /// Whether it is in the default set, whatever its status.
    pub ask: Option<bool>,
}

/// Where a key is; it is never in the table itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Alone in this file.
    File(PathBuf),
    /// In this variable of the environment.
    Environment(String),
}

impl Entry {
    /// A table with nothing but its zone.
    pub fn new(zone: Name) -> Entry {
        Entry {
            zone,
            title: None,
            keys: None,
            polarity: None,
            codes: None,
            only: None,
            errors: None,
            contains: None,
            delisting: None,
            access: None,
            key: None,
            terms: None,
            rate: None,
            status: None,
            checked: None,
            source: None,
            note: None,
            test_listed: None,
            test_unlisted: None,
            am_i_blocked: None,
            whoami: None,
            ask: None,
        }
    }

    /// Changes a list to what the table says.
    pub fn apply(&self, list: &mut List) {
        set(&mut list.keys, self.keys.as_ref());
        set(&mut list.polarity, self.polarity.as_ref());
        set(&mut list.meanings, self.codes.as_ref());
        set(&mut list.only, self.only.as_ref());
        set(&mut list.errors, self.errors.as_ref());
        set(&mut list.contains, self.contains.as_ref());
        set(&mut list.access, self.access.as_ref());
        set(&mut list.status, self.status.as_ref());
        set(&mut list.tests.listed, self.test_listed.as_ref());
        set(&mut list.tests.unlisted, self.test_unlisted.as_ref());
        set_some(&mut list.title, self.title.as_ref());
        set_some(&mut list.delisting, self.delisting.as_ref());
        set_some(&mut list.terms, self.terms.as_ref());
        set_some(&mut list.rate, self.rate.as_ref());
        set_some(&mut list.checked, self.checked.as_ref());
        set_some(&mut list.source, self.source.as_ref());
        set_some(&mut list.note, self.note.as_ref());
        set_some(&mut list.am_i_blocked, self.am_i_blocked.as_ref());
        set_some(&mut list.whoami, self.whoami.as_ref());
    }
}

/// Sets what is always there.
fn set<T: Clone>(place: &mut T, said: Option<&T>) {
    if let Some(said) = said {
        place.clone_from(said);
    }
}

/// Sets what may be missing.
fn set_some<T: Clone>(place: &mut Option<T>, said: Option<&T>) {
    if said.is_some() {
        *place = said.cloned();
    }
}
