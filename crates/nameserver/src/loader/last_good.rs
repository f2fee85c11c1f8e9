//! What of one zone outlives the process: its last good version, and its last serial.
//!
//! A version is written to the disk after it is served, as that takes a while; a serial before, so that
//! no restart goes behind one that somebody has seen.

use std::sync::Arc;

use repute_dnsxl::Name;
use repute_zone::{Zone, snapshot};
use tracing::warn;

use super::build::open_own;
use super::config::ZoneConfig;
use super::feed::unix_now;
use super::files::Stamp;
use super::serial::{Issued, is_later};
use super::spool::{Draft, Spool, remedy, replace_file};

/// The last good version of a zone, and its last serial.
pub(super) struct LastGood {
    /// The zone's apex.
    apex: Name,
    /// Where they lie.
    spool: Arc<Spool>,
    /// The last serial, from before the start too.
    issued: Option<Issued>,
    /// What is served and not kept on disk yet.
    unkept: Option<Unkept>,
}

/// What will be the last good zone once it is on the disk.
pub(super) enum Unkept {
    /// A zone built from lists.
    Built(Arc<Zone>),
    /// The copy of a snapshot, which lies beside its place.
    Copied(Draft),
}

impl LastGood {
    /// What is left of a zone from before the start.
    pub(super) fn of(apex: Name, spool: Arc<Spool>) -> LastGood {
        let issued = Issued::read(&spool.serial(&apex)).or_else(|| {
            // Without a note the last good zone is what is known.
            let serial = open_own(&spool.zone(&apex)).ok()?.serial();
            Some(Issued { serial, made_of: None })
        });
        LastGood { apex, spool, issued, unkept: None }
    }

    /// The last serial.
    pub(super) fn issued(&self) -> Option<Issued> {
        self.issued
    }

    /// Writes a serial down before anybody sees it.
    pub(super) fn issue(&mut self, issued: Issued) {
        let apex = &self.apex;
        if let Some(last) = self.issued
            && is_later(last.serial, issued.serial)
        {
            // Only a serial that somebody wrote down can go back, and he may want just that.
            warn!(
                zone = %apex, "the serial of `{apex}` goes back from {} to {}: secondaries and \
                 mirrors do not follow (RFC 1982)", last.serial, issued.serial
            );
        }
        if self.issued == Some(issued) {
            return;
        }
        let place = self.spool.serial(apex);
        if let Err(error) = issued.write(&place) {
            let (place, remedy) = (place.display(), remedy(&error));
            warn!(zone = %apex, "cannot keep the serial {place}, which may go back: {error}{remedy}");
        }
        self.issued = Some(issued);
    }

    /// Takes what is served now and will be kept; `None` if it is not to be.
    pub(super) fn owe(&mut self, unkept: Option<Unkept>) {
        self.unkept = unkept;
    }

    /// Writes what is served to the disk, if that was not done yet.
    pub(super) fn keep(&mut self) {
        let place = self.spool.zone(&self.apex);
        let kept = match self.unkept.take() {
            None => Ok(()),
            Some(Unkept::Built(zone)) => replace_file(&place, |out| snapshot::encode(&zone, out)),
            Some(Unkept::Copied(copy)) => copy.accept(),
        };
        if let Err(error) = kept {
            let (place, remedy) = (place.display(), remedy(&error));
            warn!(
                zone = %self.apex,
                "cannot keep {place}, so the last good version is the one before: {error}{remedy}"
            );
        }
    }

    /// Opens the last good version, if there is one that may still be served; with when it was written,
    /// in Unix seconds.
    pub(super) fn open(&self, config: &ZoneConfig) -> Option<(Zone, u32)> {
        let place = self.spool.zone(&self.apex);
        let stamp = Stamp::of(&place).ok().filter(|_| config.keep_last_good)?;
        let zone = match open_own(&place) {
            Ok(zone) if *zone.apex() == self.apex => zone,
            Ok(_) => return None,
            Err(error) => {
                warn!(zone = %self.apex, "the last good zone cannot be used: {error}");
                return None;
            }
        };
        let (written, expire) = (stamp.modified(), u64::from(soa_expire(config, &zone)));
        if u64::from(written) + expire < unix_now() {
            warn!(zone = %self.apex, "the last good zone is older than the SOA's expire time");
            return None;
        }
        Some((zone, written))
    }
}

/// How long a zone may be served without being refreshed, in seconds: its own SOA says it (RFC 1035 section
/// 3.3.13), or else the configuration's.
pub(super) fn soa_expire(config: &ZoneConfig, zone: &Zone) -> u32 {
    zone.soa().map_or(config.soa.expire, |soa| soa.expire)
}
