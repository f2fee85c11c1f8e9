//! `/lists/{apex}/entries`: what is on a list, for editors, page by page and by what they look for.

use askama::Template;
use axum::extract::{Path, Query, State};
use repute_database::entries::find::{Coded, Found, Sought, find};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::lists::{self, Stored};
use repute_database::{Key, NoKey};
use repute_dnsxl::{Name, ReturnCode};
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::entry_history::Names;
use crate::error::{AppError, sentence};
use crate::frame::{Frame, Page};
use crate::lookup::parse;
use crate::moment::Moment;
use crate::overview::stored;

pub(crate) mod give;
pub(crate) mod one;

/// The page.
#[derive(Template)]
#[template(path = "entries.html")]
pub(crate) struct Entries {
    frame: Frame,
    list: Stored,
    codes: Vec<(ReturnCode, String)>,
    names: Names,
    filter: Narrowed,
    /// What in the filter is not understood.
    fault: Option<String>,
    /// What is looked for, if it is an address, a network or a name.
    key: Option<Key>,
    /// What covers that.
    above: Vec<Entry>,
    rows: Vec<Entry>,
    /// Where more are, and whether this page found as many as it could show.
    next: Option<(String, bool)>,
}

/// Which are shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Narrowed {
    /// An address, a network or a name.
    #[serde(default)]
    find: String,
    /// The Id of an organisation.
    #[serde(default)]
    organisation: String,
    /// The name of a source.
    #[serde(default)]
    source: String,
    /// A code, or `never`.
    #[serde(default)]
    code: String,
    /// Exactly what DNS says.
    #[serde(default)]
    text: String,
    /// The key behind which to go on.
    #[serde(default)]
    after: String,
}

/// `GET /lists/{apex}/entries`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
    Query(filter): Query<Narrowed>,
) -> Result<Page<Entries>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let codes = lists::codes(look.session(), list.id).await?;
    let names = Names::of(look.session(), list.id).await?;
    let (mut above, mut found, mut fault) = (Vec::new(), Found::default(), None);
    let mut key = None;
    match filter.sought(&names) {
        Ok((sought, after)) => {
            if let Some(within) = sought.within.as_ref().filter(|_| after.is_none()) {
                above = entries::above(look.session(), list.id, within).await?;
            }
            found = find(look.session(), list.id, &sought, after.as_ref(), MOST).await?;
            key = sought.within;
        }
        Err(why) => fault = Some(sentence(&why)),
    }
    let is_full = !found.entries.is_empty();
    let next = found.next.map(|next| (filter.behind(&list.list.apex, &next), is_full));
    let rows = found.entries;
    Ok(Page(Entries { frame, list, codes, names, filter, fault, key, above, rows, next }))
}

/// Reads what somebody looks for: as lists write it, or as he found it in a log.
pub(super) fn key_of(text: &str) -> Result<Key, String> {
    text.trim().parse().or_else(|error: NoKey| {
        let key = parse(text).ok().and_then(|target| Key::over(&target).into_iter().next());
        // Digits that are no address are no name either.
        let key = key.and_then(|key| key.to_string().parse().ok());
        key.ok_or_else(|| error.to_string())
    })
}

impl Narrowed {
    /// What is looked for, and behind which key.
    fn sought(&self, names: &Names) -> Result<(Sought, Option<Key>), String> {
        let said = |text: &str| !text.trim().is_empty();
        let mut sought = Sought::default();
        if said(&self.find) {
            sought.within = Some(key_of(&self.find)?);
        }
        if said(&self.organisation) {
            let id = self.organisation.trim().parse();
            let id =
                id.map_err(|_| format!("`{}` is no Id of an organisation", self.organisation))?;
            sought.organisation = Some(OrganisationId(id));
        }
        if said(&self.source) {
            let name = self.source.trim();
            let found = names.sources.iter().find(|(_, known)| known == name);
            let (id, _) = found.ok_or_else(|| format!("no entry came from a source `{name}`"))?;
            sought.source = Some(*id);
        }
        if said(&self.code) {
            sought.code = Some(match self.code.trim() {
                "never" => Coded::Never,
                code => Coded::With(code.parse().map_err(|error| format!("`{code}`: {error}"))?),
            });
        }
        if said(&self.text) {
            sought.text = Some(self.text.trim().to_owned());
        }
        let after = said(&self.after).then(|| self.after.trim().parse());
        let after = after.transpose().map_err(|error: NoKey| error.to_string())?;
        Ok((sought, after))
    }

    /// Whether anything in particular is looked for.
    fn is_narrow(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.trim().is_empty())
    }

    /// The page of the same from behind a key on.
    fn behind(&self, apex: &Name, after: &Key) -> String {
        let mut path = format!("/lists/{apex}/entries?after={}", encode(&after.to_string()));
        for (name, value) in self.fields() {
            if !value.trim().is_empty() {
                path += &format!("&{name}={}", encode(value.trim()));
            }
        }
        path
    }

    /// The page of the same from the first on.
    fn path(&self, apex: &Name) -> String {
        let said = self.fields().into_iter().filter(|(_, value)| !value.trim().is_empty());
        let said: Vec<_> =
            said.map(|(name, value)| format!("{name}={}", encode(value.trim()))).collect();
        match said.is_empty() {
            true => format!("/lists/{apex}/entries"),
            false => format!("/lists/{apex}/entries?{}", said.join("&")),
        }
    }

    /// What is said of the entries, by the names of the fields.
    fn fields(&self) -> [(&'static str, &str); 5] {
        [
            ("find", &self.find),
            ("organisation", &self.organisation),
            ("source", &self.source),
            ("code", &self.code),
            ("text", &self.text),
        ]
    }
}

impl Entries {
    /// What a code means.
    fn meaning(&self, code: ReturnCode) -> &str {
        let found = self.codes.iter().find(|(known, _)| *known == code);
        found.map_or("", |(_, meaning)| meaning)
    }

    /// The page of a key.
    fn place(&self, key: &Key) -> String {
        one::path(&self.list.list.apex, key)
    }

    /// Whether entries are chosen in the tables.
    fn chooses(&self) -> bool {
        true
    }

    /// Whether a code is looked for.
    fn is_code(&self, code: &str) -> bool {
        self.filter.code.trim() == code
    }

    /// Whether what is looked for is on the list itself.
    fn is_there(&self) -> bool {
        self.rows.iter().any(|row| Some(&row.key) == self.key.as_ref())
    }
}

/// Entries on a page.
const MOST: u32 = 100;

#[cfg(test)]
mod tests;
