//! A manifest: what a list is at a serial, in which parcels, and who says so.
//!
//! ```text
//!  repute-manifest 2
//!  list bl.example 3                     the name and the number of the list
//!  serial 17
//!  made 1763830000                       Unix seconds
//!  expires 1763833600
//!  approved 12                           the last serial that a second person approved; 0 if there is none
//!  content 5f2e9c0d...                   a sum over all that the list says: what comes out of the parcels has it
//!  whole 15 48123 9f86d0...              the list at a serial: bytes, SHA-256
//!  delta 14 15 812 60303a...             what changed from a serial to the next one
//!  delta 15 17 1024 fd61a0...
//!  signature 5c3f2f0b9e8d7a61 4e1a...    by each key: its short name, Ed25519 over all lines before the first signature
//! ```
//! There is one text for what a manifest says, so that what is signed is what is read. The deltas lead from one to the
//! next and to the serial; the whole list is one of the serials on that way. Serials alone do not tell what a list is:
//! where a database was put back by other means than ours, they come a second time with other content, and the sum
//! tells. Does not read the clock.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use repute_dnsxl::Name;
use ring::digest::{SHA256, digest};

use crate::hex;
use crate::key::{Keys, PublicKey, SIGNATURE};

/// What a list is at a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which list.
    pub origin: Origin,
    /// The serial.
    pub serial: u32,
    /// When this was said, in Unix seconds.
    pub made: u64,
    /// Until when it may be believed.
    pub expires: u64,
    /// The last serial that a second person approved though a guard refused it; 0 if there is none.
    pub approved: u32,
    /// A sum over all that the list says at this serial ([`repute_zone::journal::Editor::checksum`]).
    pub content: u128,
    /// The list as a whole, at this or an earlier serial.
    pub whole: Item,
    /// What changed, one after the other, to the serial.
    pub deltas: Vec<Item>,
}

/// Which list it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its number where it comes from.
    pub id: u64,
    /// Its name.
    pub apex: Name,
}

/// A parcel, as a manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The serial it applies to; 0 for a whole list.
    pub from: u32,
    /// The serial it leads to.
    pub to: u32,
    /// How many bytes it has.
    pub length: u64,
    /// Their SHA-256.
    pub digest: [u8; 32],
}

impl Item {
    /// Of a parcel.
    pub fn of(from: u32, to: u32, bytes: &[u8]) -> Item {
        Item { from, to, length: bytes.len() as u64, digest: sha256(bytes) }
    }

    /// Whether these are its bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64 && self.digest == sha256(bytes)
    }

    /// What its file is called.
    pub(crate) fn file(&self) -> String {
        match self.from {
            0 => format!("{}.whole", self.to),
            from => format!("{from}-{}.delta", self.to),
        }
    }
}

impl Manifest {
    /// Reads a manifest that one of these keys signed.
    ///
    /// # Errors
    /// If it is none, or nobody signed it whom we know.
    pub fn open(text: &str, keys: &[PublicKey]) -> Result<Manifest, ManifestError> {
        let (body, signatures) = match text.find("\nsignature ") {
            Some(at) => text.split_at(at + 1),
            None => return Err(ManifestError::Unsigned),
        };
        let mut is_signed = false;
        for line in signatures.lines().take(MOST_SIGNATURES) {
            let (Some(SIGNATURE), Some((id, signature))) = (
                line.split(' ').next(),
                line.get(SIGNATURE.len() + 1..).and_then(|l| l.split_once(' ')),
            ) else {
                return Err(ManifestError::Line(line_of(text, line)));
            };
            let signature: [u8; 64] =
                hex::decode(signature).ok_or_else(|| ManifestError::Line(line_of(text, line)))?;
            is_signed |= keys
                .iter()
                .any(|key| key.id() == id && key.has_signed(body.as_bytes(), &signature));
        }
        // Nothing is read of what nobody signed.
        if !is_signed {
            return Err(ManifestError::Stranger);
        }
        let manifest = read(body)?;
        match manifest.is_a_way() && manifest.body() == body {
            true => Ok(manifest),
            false => Err(ManifestError::Inconsistent),
        }
    }

    /// The manifest as text, signed.
    pub fn sign(&self, keys: &Keys) -> String {
        keys.seal(&self.body())
    }

    /// The deltas that lead from a serial to this one; none if there is no such way.
    pub fn way(&self, from: u32) -> Option<&[Item]> {
        if from == self.serial {
            return Some(&[]);
        }
        let start = self.deltas.iter().position(|delta| delta.from == from)?;
        self.deltas.get(start..)
    }

    /// The whole list and the deltas that lead on from there: what a start from nothing takes.
    pub fn parts(&self) -> impl Iterator<Item = &Item> {
        std::iter::once(&self.whole).chain(self.way(self.whole.to).unwrap_or_default())
    }

    /// All that it names.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        std::iter::once(&self.whole).chain(&self.deltas)
    }

    /// When it may be believed, in Unix seconds.
    pub fn lifetime(&self) -> RangeInclusive<u64> {
        self.made.saturating_sub(SKEW)..=self.expires
    }

    /// Whether its deltas lead from one to the next, and from the whole list to the serial.
    fn is_a_way(&self) -> bool {
        let follows = |pair: &[Item]| matches!(pair, [one, next] if one.to == next.from);
        self.whole.from == 0
            && self.deltas.windows(2).all(follows)
            && self.deltas.iter().all(|delta| delta.from != 0 && is_later(delta.from, delta.to))
            && self.deltas.last().is_none_or(|last| last.to == self.serial)
            && self.way(self.whole.to).is_some()
    }

    /// What is signed.
    fn body(&self) -> String {
        let Manifest { origin, serial, made, expires, approved, content, whole, deltas } = self;
        let mut text = format!(
            "{FIRST}\nlist {} {}\nserial {serial}\nmade {made}\nexpires {expires}\napproved {approved}\n\
             content {content:032x}\n",
            origin.apex, origin.id
        );
        let _ =
            writeln!(text, "whole {} {} {}", whole.to, whole.length, hex::encode(&whole.digest));
        for Item { from, to, length, digest } in deltas {
            let _ = writeln!(text, "delta {from} {to} {length} {}", hex::encode(digest));
        }
        text
    }
}

/// Whether a serial comes behind another (RFC 1982).
pub(crate) fn is_later(one: u32, other: u32) -> bool {
    other.wrapping_sub(one).cast_signed() > 0
}

/// The SHA-256 of bytes.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 has 32 bytes.
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// The manifests of a text with several.
pub fn split(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.match_indices(FIRST).map(|(at, _)| at).collect();
    starts.retain(|at| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'));
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| text.get(*start..end)).collect()
}

/// Reads the lines of a manifest.
fn read(body: &str) -> Result<Manifest, ManifestError> {
    let mut lines = (1..).zip(body.lines()).peekable();
    match lines.next() {
        Some((_, FIRST)) => {}
        Some((_, line)) if line.starts_with("repute-manifest ") => {
            return Err(ManifestError::Version);
        }
        Some((number, _)) => return Err(ManifestError::Line(number)),
        None => return Err(ManifestError::Line(1)),
    }
    let mut next = |word: &str| -> Result<(usize, Vec<&str>), ManifestError> {
        let (number, line) = lines.next().ok_or(ManifestError::Line(1))?;
        let mut words = line.split(' ');
        match words.next() == Some(word) {
            true => Ok((number, words.collect())),
            false => Err(ManifestError::Line(number)),
        }
    };
    let (number, words) = next("list")?;
    let [apex, id] = words[..] else { return Err(ManifestError::Line(number)) };
    let apex = apex.parse().map_err(|_| ManifestError::Line(number))?;
    let origin = Origin { id: parse(id, number)?, apex };
    let mut one = |word: &str| {
        let (number, words) = next(word)?;
        let [value] = words[..] else { return Err(ManifestError::Line(number)) };
        parse::<u64>(value, number)
    };
    let narrow = |value: u64| u32::try_from(value).map_err(|_| ManifestError::Inconsistent);
    let serial = narrow(one("serial")?)?;
    let (made, expires, approved) = (one("made")?, one("expires")?, narrow(one("approved")?)?);
    let (number, words) = next("content")?;
    let [content] = words[..] else { return Err(ManifestError::Line(number)) };
    let content = u128::from_str_radix(content, 16).map_err(|_| ManifestError::Line(number))?;
    let (number, words) = next("whole")?;
    let [to, length, digest] = words[..] else { return Err(ManifestError::Line(number)) };
    let whole = item("0", to, length, digest, number)?;
    let mut deltas = Vec::new();
    for (number, line) in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let ["delta", from, to, length, digest] = words[..] else {
            return Err(ManifestError::Line(number));
        };
        if deltas.len() == MOST_DELTAS {
            return Err(ManifestError::Line(number));
        }
        deltas.push(item(from, to, length, digest, number)?);
    }
    Ok(Manifest { origin, serial, made, expires, approved, content, whole, deltas })
}

/// Reads an item.
fn item(
    from: &str,
    to: &str,
    length: &str,
    digest: &str,
    line: usize,
) -> Result<Item, ManifestError> {
    Ok(Item {
        from: parse(from, line)?,
        to: parse(to, line)?,
        length: parse(length, line)?,
        digest: hex::decode(digest).ok_or(ManifestError::Line(line))?,
    })
}

/// Reads a number.
fn parse<N: std::str::FromStr>(text: &str, line: usize) -> Result<N, ManifestError> {
    text.parse().map_err(|_| ManifestError::Line(line))
}

/// The number of a line that is a part of a text.
fn line_of(text: &str, line: &str) -> usize {
    text.lines().take_while(|other| *other != line).count() + 1
}

/// Why a text is no manifest that may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It has no signature.
    #[error("the manifest is not signed: is there a portal at this address?")]
    Unsigned,
    /// Nobody whom we know signed it.
    #[error(
        "the manifest is forged, or signed by another key: compare `public-keys` with `repute registry distribution \
         key` at the portal"
    )]
    Stranger,
    /// A line is not what belongs there.
    #[error(
        "line {0} of the manifest is not what belongs there: bring both servers to the same version"
    )]
    Line(usize),
    /// It contradicts itself.
    #[error("the manifest contradicts itself: bring both servers to the same version")]
    Inconsistent,
    /// Another version of the format.
    #[error("the manifest is of another version of repute: bring both servers to the same version")]
    Version,
}

/// The first line.
const FIRST: &str = "repute-manifest 2";
/// Most deltas that a manifest may name.
pub(crate) const MOST_DELTAS: usize = 1_000;
/// Most signatures that are looked at.
const MOST_SIGNATURES: usize = 16;
/// By how many seconds clocks may differ.
const SKEW: u64 = 600;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest.
    pub(crate) fn manifest() -> Manifest {
        let item = |from, to| Item::of(from, to, b"bytes");
        Manifest {
            origin: Origin { id: 3, apex: "bl.example".parse().expect("a name") },
            serial: 17,
            made: 1_000,
            expires: 4_600,
            approved: 12,
            content: 0x5f2e,
            whole: item(0, 15),
            deltas: vec![item(14, 15), item(15, 17)],
        }
    }

    /// Keys in a folder of their own, which goes with them.
    pub(crate) fn keys() -> (Keys, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        (Keys::open(folder.path()).expect("they open"), folder)
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        let (mut keys, _folder) = keys();
        let (manifest, first) = (manifest(), keys.public());
        let text = manifest.sign(&keys);
        assert_eq!(Manifest::open(&text, &first), Ok(manifest.clone()));
        keys.add().expect("it is made");
        let by_both = manifest.sign(&keys);
        for key in keys.public() {
            assert_eq!(Manifest::open(&by_both, &[key]), Ok(manifest.clone()));
        }
        assert_eq!(split(&[&*text, &by_both].concat()), [&text, &by_both]);
        let (others, _folder) = self::keys();
        assert_eq!(Manifest::open(&text, &others.public()), Err(ManifestError::Stranger));
        assert_eq!(Manifest::open(&text, &[]), Err(ManifestError::Stranger));
        assert_eq!(Manifest::open(&manifest.body(), &first), Err(ManifestError::Unsigned));
        assert_eq!(Manifest::open("<html>", &first), Err(ManifestError::Unsigned));
    }

    #[test]
    fn no_byte_of_a_manifest_can_be_another() {
        let (keys, _folder) = keys();
        let text = manifest().sign(&keys);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert!(Manifest::open(&other, &keys.public()).is_err(), "{at}: {other}");
        }
        for end in 0..text.len() - 1 {
            assert!(Manifest::open(&text[..end], &keys.public()).is_err(), "{end}");
        }
    }

    #[test]
    fn deltas_that_lead_nowhere_are_refused_though_they_are_signed() {
        let (keys, _folder) = keys();
        let check = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            let opened = Manifest::open(&manifest.sign(&keys), &keys.public());
            assert_eq!(opened, Err(ManifestError::Inconsistent), "{manifest:?}");
        };
        check(|manifest| manifest.serial = 18);
        check(|manifest| manifest.whole.to = 16);
        check(|manifest| manifest.deltas[0].to = 16);
        check(|manifest| manifest.deltas[0].from = 16);
        check(|manifest| manifest.deltas.truncate(1));
        let manifest = manifest();
        assert_eq!(manifest.way(14).map(<[Item]>::len), Some(2));
        assert_eq!(manifest.way(17).map(<[Item]>::len), Some(0));
        assert_eq!(manifest.way(13), None);
        assert_eq!(manifest.parts().map(|item| item.to).collect::<Vec<_>>(), [15, 17]);
        assert_eq!(manifest.lifetime(), 400..=4_600);
    }
}
