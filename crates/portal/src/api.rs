//! `/api/v1`: for programs, by tokens, what people do on pages: the same rules, the same rows in the audit log.
//!
//! What there is stands in one table of [`Endpoint`]s, from which routes, the OpenAPI document and the page about it
//! are made. Changes may carry a key by which they are done once ([`Call`]). Lists for servers elsewhere are
//! `distribution`.

mod account;
mod call;
mod caller;
mod claims;
mod conflicts;
mod consistency;
mod desk;
mod directory;
mod document;
mod endpoint;
mod entries;
mod entry_history;
mod evidence;
mod export;
mod imports;
mod invitations;
mod lists;
mod log;
mod motions;
mod organisations;
mod people;
mod queue;
mod removals;
mod requests;
mod rules;
mod settings;
mod sources;
mod statistics;
mod subscribers;
#[cfg(test)]
pub(crate) mod tests;
mod versions;
mod work;

pub(crate) use call::{Call, Write, json};
pub(crate) use caller::{Caller, admit, bearer};
pub(crate) use document::{Described, Document, document};
pub(crate) use endpoint::{Access, Endpoint};

/// All that programs can do.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut all = Vec::new();
    for part in [
        lists::endpoints(),
        removals::endpoints(),
        account::endpoints(),
        organisations::endpoints(),
        directory::endpoints(),
        consistency::endpoints(),
        invitations::endpoints(),
        claims::endpoints(),
        requests::endpoints(),
        queue::endpoints(),
        conflicts::endpoints(),
        motions::endpoints(),
        desk::endpoints(),
        versions::endpoints(),
        entries::endpoints(),
        entry_history::endpoints(),
        export::endpoints(),
        evidence::endpoints(),
        sources::endpoints(),
        rules::endpoints(),
        settings::endpoints(),
        people::endpoints(),
        subscribers::endpoints(),
        log::endpoints(),
        imports::endpoints(),
        work::endpoints(),
        statistics::endpoints(),
    ] {
        all.extend(part);
    }
    all
}
