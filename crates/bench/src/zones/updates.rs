//! Signed updates (RFC 2136), each of which puts another text where one was.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use repute_authority::keys::{Algorithm, Key};
use repute_authority::signature::Asker;
use repute_dnsxl::Name;

/// Makes updates of one zone.
pub(super) struct Updates {
    /// The zone.
    zone: Name,
    /// Names that are changed in turn.
    names: Vec<Name>,
    key: Arc<Key>,
    /// How many were made.
    made: u32,
}

impl Updates {
    /// For a zone, so many names of which are changed.
    ///
    /// # Errors
    /// If that is no zone's name.
    pub(super) fn new(zone: &str, names: u32) -> anyhow::Result<Updates> {
        let name = |text: String| text.parse::<Name>().context("a name");
        let names = (0..names).map(|number| name(format!("_acme-challenge.n{number}.{zone}")));
        let key = Key::new(name(KEY.into())?, Algorithm::Sha256, SECRET).context("a key")?;
        Ok(Updates {
            zone: name(zone.into())?,
            names: names.collect::<anyhow::Result<_>>()?,
            key: Arc::new(key),
            made: 0,
        })
    }

    /// The next one.
    pub(super) fn next(&mut self, id: u16) -> Vec<u8> {
        let name = &self.names[self.made as usize % self.names.len()];
        let text = format!("{:-<43}", Ipv4Addr::from(self.made).to_string());
        self.made += 1;
        let mut message = id.to_be_bytes().to_vec();
        // One zone, two records in the update section (RFC 2136 section 2).
        message.extend([UPDATE << 3, 0, 0, 1, 0, 0, 0, 2, 0, 0]);
        message.extend_from_slice(self.zone.as_wire());
        message.extend([0, 6, 0, 1]);
        // What is there goes (class ANY), and the new one comes.
        message.extend_from_slice(name.as_wire());
        message.extend([0, 16, 0, 255, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(name.as_wire());
        message.extend([0, 16, 0, 1, 0, 0, 0, 1, 0, 44, 43]);
        message.extend_from_slice(text.as_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Asker::sign(&self.key, &mut message, now);
        message
    }
}

/// The opcode.
const UPDATE: u8 = 5;
/// The key's name.
pub(super) const KEY: &str = "k.test";
/// The key's secret, known to all who read this: the servers answer on loopback.
pub(super) const SECRET: &str = "aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBub2lzZSE=";
