//! Why a list stays as it is.

use std::io;
use std::path::PathBuf;

use repute_zone::TooMany;
use repute_zone::journal;
use repute_zone::parcel::ParcelError;

use crate::fetch::FetchError;

/// Why a list stays as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    /// The manifest's time is over.
    #[error(
        "the portal's manifest is {0} seconds old, and its time is over: the portal cannot read its database, something on the way hands out old copies, or a clock is wrong"
    )]
    Stale(u64),
    /// The manifest's time has not come.
    #[error("the portal's manifest was made in {0} seconds: set the clocks of both servers")]
    Clock(u64),
    /// The serial goes back.
    #[error(
        "the serial goes back from {known} to {serial}: an old manifest was handed out again, or the portal's database was put back by something else than `repute restore`; if it was, remove the list from `followed` in the data folder and start anew"
    )]
    Back {
        /// The one that is served.
        known: u32,
        /// The manifest's.
        serial: u32,
    },
    /// The portal gives nothing.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Other bytes than those that were signed.
    #[error(
        "{file} is not what was signed ({found} bytes of {expected}): it was cut or forged on the way"
    )]
    Forged {
        /// The parcel.
        file: String,
        /// Bytes that came.
        found: u64,
        /// Bytes that should have come.
        expected: u64,
    },
    /// It does not fit.
    #[error("it has {0} bytes, more than {1} (`max-size` of its [[follow]] in the configuration)")]
    TooLarge(u64, u64),
    /// What was signed is no list.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// What was signed does not lead on.
    #[error(transparent)]
    Order(#[from] journal::Refused),
    /// What was signed does not make what it should.
    #[error(
        "the parcels of serial {0} do not make the list that the manifest says: bring both servers to the same version"
    )]
    Content(u32),
    /// It has too many entries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The guards refuse it.
    #[error(
        "{0}; if that is meant, a second person approves it at the portal (`repute list approve`), or `ipv4-prefix` and `ipv6-prefix` of its [[follow]] let it pass"
    )]
    Guards(String),
    /// A file of the spool is not what it was.
    #[error("{path} is not what was written there", path = .0.display())]
    Spoilt(PathBuf),
    /// The spool cannot be used.
    #[error("cannot write the spool: free space there, or let the server's user write there")]
    Spool(#[source] io::Error),
}

impl FollowError {
    /// Whether the same manifest may come to something the next time. Otherwise only another one can, which comes by
    /// itself: other lists do not wait for that.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            FollowError::Fetch(_)
            | FollowError::Forged { .. }
            | FollowError::Spoilt(_)
            | FollowError::Spool(_) => true,
            FollowError::Stale(_)
            | FollowError::Clock(_)
            | FollowError::Back { .. }
            | FollowError::TooLarge(..)
            | FollowError::Parcel(_)
            | FollowError::Order(_)
            | FollowError::Content(_)
            | FollowError::TooMany(_)
            | FollowError::Guards(_) => false,
        }
    }
}
