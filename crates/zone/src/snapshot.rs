//! A built zone as one file: mapped and served without being built again.
//!
//! ```text
//!  0  magic "REPUTEZN"      24  checksum (XXH3, 64 bits) of everything from 32 on
//!  8  format version, u32   32  table of sections: place and length, u64 each
//! 12  number of sections    ..  sections; the first describes the zone, the others are its indexes
//! 16  length of the file
//! ```
//! All numbers are little-endian. The checksum finds corruption, not malice, so every place a look-up
//! may reach is checked when a snapshot is opened: a hostile file can list what it likes, but it can
//! neither make us read outside of it nor panic. Access lists are not part of a snapshot.

mod decode;
mod encode;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::section::{read_u32, read_u64};
use crate::zone::Zone;

pub use encode::encode;

/// Opens a snapshot. The bytes are shared, not copied: hand in a mapped file.
///
/// # Errors
/// If it is none, corrupt, cut, or of a newer format.
#[expect(clippy::needless_pass_by_value, reason = "a zone takes over the image")]
pub fn open(image: Bytes) -> Result<Zone, SnapshotError> {
    if image.len() < HEADER || image[..8] != *MAGIC {
        return Err(SnapshotError::NoSnapshot);
    }
    let version = read_u32(&image, 8);
    if !matches!(version, PLAIN | LINKED) {
        return Err(SnapshotError::Version { found: version, known: LINKED });
    }
    let length = read_u64(&image, 16);
    if length != image.len() as u64 {
        return Err(SnapshotError::Length { expected: length, found: image.len() as u64 });
    }
    if xxh3_64(&image[HEADER..]) != read_u64(&image, 24) {
        return Err(SnapshotError::Checksum);
    }
    decode::zone(&image, version, read_u32(&image, 12) as usize).ok_or(SnapshotError::Inconsistent)
}

/// Whether a file that begins with these bytes is a snapshot, good or not.
pub fn is_snapshot(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The checksum differs: the file is corrupt.
    #[error("the snapshot is corrupt (its checksum differs); build it again")]
    Checksum,
    /// The checksum is right, but the content is not: whoever wrote it is at fault.
    #[error("the snapshot contradicts itself; build it again")]
    Inconsistent,
    /// The file is shorter or longer than it says.
    #[error("the snapshot has {found} bytes of {expected}; copy or build it again")]
    Length {
        /// Bytes it says it has.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file is something else.
    #[error("not a snapshot of a zone")]
    NoSnapshot,
    /// Another version of the format.
    #[error("the snapshot has format {found}, this program knows {known}; build it again")]
    Version {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
}

/// How a snapshot begins.
const MAGIC: &[u8; 8] = b"REPUTEZN";
/// The format of a zone without links, which programs before links write and read.
const PLAIN: u32 = 3;
/// The same, and at the end of the description the link of its texts.
const LINKED: u32 = 4;
/// Bytes before the checked part.
const HEADER: usize = 32;
/// Bytes of an entry of the table of sections.
const TABLE_ENTRY: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use repute_dnsxl::Polarity;

    use super::*;
    use crate::dataset::{Branch, Content, Dataset, DatasetKind, Header};
    use crate::format::{Input, ReadOptions, rbldnsd};
    use crate::zone::{Dialect, ZoneSpec};

    fn zone(datasets: Vec<Arc<Dataset>>) -> Zone {
        Zone::new(ZoneSpec {
            apex: "bl.example".parse().expect("a name"),
            dialect: Dialect::Native,
            polarity: Polarity::Block,
            soa: None,
            name_servers: None,
            datasets,
            test_entries: false,
            link: None,
            codes: Vec::new(),
            serial: 1,
        })
    }

    /// The snapshot of a zone with two empty data sets that say they have so many entries.
    fn image(entries: u64) -> Vec<u8> {
        let branches: Vec<Branch> = Vec::new();
        let content = Content::Combined(branches);
        let (kind, header) = (DatasetKind::Combined, Header::default());
        let dataset = Arc::new(Dataset { kind, header, content, entries });
        let mut image = Vec::new();
        encode(&zone(vec![Arc::clone(&dataset), dataset]), &mut image).expect("memory takes it");
        image
    }

    #[test]
    fn counts_that_no_list_has_are_refused() {
        let zone = open(image(1 << 32).into()).expect("the snapshot is good");
        assert_eq!(zone.entries(), 1 << 33);
        let error = open(image(u64::MAX).into()).map(|zone| zone.entries());
        assert_eq!(error, Err(SnapshotError::Inconsistent));
    }

    #[test]
    fn a_link_makes_a_snapshot_of_the_next_format() {
        let key = crate::TagKey::new([7; 16]);
        let link = crate::Link::new("https://lists.example/r/3/", key).expect("an address");
        let linked = Zone { link: Some(link), ..zone(Vec::new()) };
        let image = |zone: &Zone| {
            let mut image = Vec::new();
            encode(zone, &mut image).expect("memory takes it");
            image
        };
        for (zone, version) in [(zone(Vec::new()), PLAIN), (linked, LINKED)] {
            let image = image(&zone);
            assert_eq!(read_u32(&image, 8), version);
            assert_eq!(open(image.into()).expect("it is good").link(), zone.link());
        }
        // An address that no link has is none of ours.
        let mut image = image(&Zone { link: None, ..zone(Vec::new()) });
        image[8] = LINKED as u8;
        assert_eq!(open(image.into()).map(drop), Err(SnapshotError::Inconsistent));
        let newer = SnapshotError::Version { found: 5, known: LINKED };
        let mut image = self::image(0);
        image[8] = 5;
        assert_eq!(open(image.into()).map(drop), Err(newer));
    }

    #[test]
    fn a_data_set_at_several_names_is_stored_once() {
        let text: String = (0..=255).map(|n| format!("192.0.{n}.1\n")).collect();
        let read = |names: &str| {
            let text = format!("$DATASET ip4set {names}\n{text}");
            let reader = Box::new(text.as_bytes());
            let input = Input { name: "list".into(), reader, modified: 0 };
            let loaded = rbldnsd::read(DatasetKind::Combined, vec![input], &ReadOptions::default());
            let datasets = vec![Arc::new(loaded.expect("it is read").dataset)];
            let mut image = Vec::new();
            encode(&zone(datasets), &mut image).expect("memory takes it");
            image
        };
        let (once, thrice) = (read("a"), read("a b c"));
        assert!(thrice.len() < once.len() + 64);
        let zone = open(thrice.into()).expect("the snapshot is good");
        let Content::Combined(branches) = &zone.datasets[0].content else { panic!("combined") };
        let [first, second, third] = &branches[..] else { panic!("three names") };
        assert!(Arc::ptr_eq(&first.datasets[0], &second.datasets[0]));
        assert!(Arc::ptr_eq(&first.datasets[0], &third.datasets[0]));
        assert_eq!(zone.image_bytes(), open(once.into()).expect("good").image_bytes());
    }
}
