//! The pages, one file each: what is shown, and how it comes about.

pub(crate) mod account;
pub(crate) mod arrive;
pub(crate) mod bulk;
pub(crate) mod claim;
pub(crate) mod confirm;
pub(crate) mod conflict;
pub(crate) mod contact;
pub(crate) mod docs;
pub(crate) mod elsewhere;
pub(crate) mod entries;
pub(crate) mod entry;
pub(crate) mod evidence;
pub(crate) mod hints;
pub(crate) mod home;
pub(crate) mod invitations;
pub(crate) mod join;
pub(crate) mod kept_out;
pub(crate) mod letters;
pub(crate) mod list;
pub(crate) mod list_new;
pub(crate) mod lookup;
pub(crate) mod names;
pub(crate) mod organisation;
pub(crate) mod organisations;
pub(crate) mod own_data;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod people;
pub(crate) mod proposals;
pub(crate) mod queue;
pub(crate) mod recovery;
pub(crate) mod removal;
pub(crate) mod request;
pub(crate) mod reset;
pub(crate) mod rules;
pub(crate) mod second;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod statistics;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod totp;
pub(crate) mod upkeep;
pub(crate) mod work;

#[cfg(test)]
mod tests;
