//! The pages, one file each: what is shown, and how it comes about.

pub(crate) mod account;
pub(crate) mod home;
pub(crate) mod join;
pub(crate) mod list;
pub(crate) mod lookup;
pub(crate) mod reset;
pub(crate) mod sign_in;
pub(crate) mod status;
