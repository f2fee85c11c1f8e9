//! Lists on their way from the server where people change them to those that answer queries elsewhere.
//!
//! ```text
//!  publisher ── parcels ──> Shelf ── files ──────────────> portal ══ HTTP ══> Follower ── zones ──> name server
//!                             └──── signed manifests ──┘                        └── spool
//! ```
//! A [`Manifest`] says what a list is at a serial: which parcels make it, each by its length and digest, and who says
//! so, by Ed25519. So it does not matter who carries the parcels, and a server that was told the public key takes lists
//! from nobody else. Both ends keep what they have in a [`store`]: the [`Shelf`] what it hands out, the [`Follower`]
//! what it serves, so that either starts without the other.
//!
//! What is *not* here: who may have lists, and the server's side of HTTP (the portal's); how zones are served.

mod fetch;
mod follower;
mod hex;
mod key;
mod manifest;
mod shelf;
mod store;

pub use follower::{Config, Follower, Outlet};
pub use key::{KeyError, Keys, PublicKey, PublicKeyError};
pub use manifest::{Item, Manifest, ManifestError, Origin, split};
pub use shelf::{Delivery, Handout, Shelf, ShelfError, keys_in};
