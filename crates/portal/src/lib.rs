//! The portal: people and API clients who look up, claim, ask, decide.
//!
//! What is *not* here: SQL (`database`), the rules by which a list changes (`registry`), DNS messages.
