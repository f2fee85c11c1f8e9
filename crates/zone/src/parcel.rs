//! A parcel: a list, or what changed in it, as bytes that go from one server to another.
//!
//! A snapshot ([`crate::snapshot`]) holds indexes, which answer queries but do not tell what the entries were; whoever
//! is to take changes in needs those. So a parcel holds entries as they were written, and what is around them: the
//! zone's SOA, name servers, codes and times to live. A whole one leads from nothing to a serial, a delta from one
//! serial to a later one; both are read by the same code, and a list that took both in answers as the one they came
//! from.
//!
//! ```text
//!  magic "REPUTEPL", format, from, to
//!  apex, polarity, test entries, kinds of keys, ttl, SOA, name servers, codes, link (format 2)
//!  changes: kind, key, state      state 0 no entry, 1 never listed, n + 2 the answer n
//!  255                            an answer is written where it is first needed
//! ```
//! Numbers of fixed size are little-endian, others have seven bits a byte. There is no checksum: who hands parcels on
//! signs their digests. Bytes of whoever else harm nobody: all of them are looked at when a parcel is opened.

mod read;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use repute_dnsxl::{KeyKind, Name};

use crate::dataset::TooMany;
use crate::journal::{Change, Editor, Record, Refused};
use crate::zone::{Zone, ZoneSpec};
use read::Reader;
pub(crate) use write::setting_bytes;

/// A parcel whose bytes are good.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// All its bytes.
    bytes: Bytes,
    /// Where the changes begin.
    start: usize,
    /// The serial it applies to.
    from: u32,
    /// The serial it leads to.
    to: u32,
    /// What is around the entries.
    setting: Setting,
}

/// What is around the entries of a list.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The zone, without its data sets.
    pub(crate) spec: ZoneSpec,
    /// Which keys it takes.
    pub(crate) keys: Vec<KeyKind>,
    /// Time to live of all listings.
    pub(crate) ttl: u32,
}

impl Parcel {
    /// Opens a parcel, and looks at all of it.
    ///
    /// # Errors
    /// If it is none, cut, contradicts itself, or is of a newer format.
    pub fn open(bytes: Bytes) -> Result<Parcel, ParcelError> {
        let mut reader = Reader::new(&bytes);
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(ParcelError::NoParcel);
        }
        let version = reader.byte()?;
        if !matches!(version, PLAIN | LINKED) {
            return Err(ParcelError::Version { found: version, known: LINKED });
        }
        let (from, to) = (reader.u32()?, reader.u32()?);
        let mut setting = reader.setting(to)?;
        if version == LINKED {
            setting.spec.link = Some(reader.link()?);
        }
        let start = reader.at();
        while reader.change()?.is_some() {}
        Ok(Parcel { bytes, start, from, to, setting })
    }

    /// The serial it applies to; 0 if it is the whole list.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// The serial it leads to.
    pub fn to(&self) -> u32 {
        self.to
    }

    /// The list it is for.
    pub fn apex(&self) -> &Name {
        &self.setting.spec.apex
    }

    /// The changes; of a whole list, its entries.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let mut reader = Reader::new(self.bytes.get(self.start..).unwrap_or_default());
        // They were all read once.
        std::iter::from_fn(move || reader.change().ok().flatten())
    }
}

impl Editor {
    /// The list of a parcel that holds all of it.
    ///
    /// # Errors
    /// If an index cannot hold so much.
    pub fn of_parcel(parcel: &Parcel) -> Result<Editor, TooMany> {
        let Setting { spec, keys, ttl } = parcel.setting.clone();
        Editor::new(spec, &keys, ttl, parcel.changes())
    }

    /// Takes in what a parcel says changed.
    ///
    /// # Errors
    /// If it does not lead on from here, or an index cannot hold so much; the zone stays as it is then.
    pub fn take(&mut self, parcel: &Parcel) -> Result<&Arc<Zone>, Refused> {
        if parcel.from != self.serial() {
            return Err(Refused::From { expected: self.serial(), found: parcel.from });
        }
        let Setting { spec, ttl, .. } = parcel.setting.clone();
        self.reshape(spec, ttl);
        let changes = parcel.changes().collect();
        self.apply(&Record { from: parcel.from, to: parcel.to, changes })
    }

    /// All of the list as a parcel.
    pub fn whole(&self) -> Vec<u8> {
        write::parcel(&self.setting(), 0, self.serial(), self.changes())
    }

    /// What changed since a serial as a parcel, which leads to the present one.
    pub fn delta(&self, from: u32, changes: impl IntoIterator<Item = Change>) -> Vec<u8> {
        write::parcel(&self.setting(), from, self.serial(), changes)
    }
}

/// Why bytes are no parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParcelError {
    /// They are something else.
    #[error("not a list or a change of one")]
    NoParcel,
    /// They end too early.
    #[error("it is cut at byte {0}")]
    Cut(usize),
    /// They say what cannot be.
    #[error("it contradicts itself at byte {0}")]
    Inconsistent(usize),
    /// Another version of the format.
    #[error(
        "it has format {found}, this program knows {known}: bring both servers to the same version"
    )]
    Version {
        /// The parcel's.
        found: u8,
        /// Ours.
        known: u8,
    },
}

/// How a parcel begins.
const MAGIC: &[u8] = b"REPUTEPL";
/// The format of a list without links, which programs before links write and read.
const PLAIN: u8 = 1;
/// The same, and behind the codes the link of its texts.
const LINKED: u8 = 2;
/// How it ends: the kind of no key.
const END: u8 = 255;

#[cfg(test)]
mod tests {
    use repute_dnsxl::{Extent, Network, Polarity, ReturnCode};

    use super::*;
    use crate::journal::{Key, State};
    use crate::zone::Dialect;
    use crate::{Soa, Text};

    /// A list of both kinds of keys.
    fn editor() -> Editor {
        let name = |text: &str| text.parse().expect("a name");
        let soa = Soa {
            ttl: 60,
            origin: name("ns.example"),
            person: name("hostmaster.bl.example"),
            serial: 7,
            refresh: 1,
            retry: 2,
            expire: 3,
            minimum: 4,
        };
        let spec = ZoneSpec {
            apex: name("bl.example"),
            dialect: Dialect::Native,
            polarity: Polarity::Allow,
            soa: Some(soa),
            name_servers: Some((86_400, vec![name("ns.example"), name("ns2.example")])),
            datasets: Vec::new(),
            test_entries: true,
            link: None,
            codes: vec![ReturnCode::LISTED, "127.0.0.9".parse().expect("a code")],
            serial: 7,
        };
        let answer = |code: &str, text: &str| {
            State::Listed(vec![(code.parse().expect("a code"), Text::template(text))])
        };
        let network = |text: &str| Key::Network(text.parse::<Network>().expect("a network"));
        let at = |text: &str, extent| Key::Name(text.parse().expect("a name"), extent);
        let changes = [
            (network("192.0.2.0/24"), answer("127.0.0.2", "see https://bl.example/$")),
            (network("192.0.2.7"), State::Excluded),
            (network("2001:db8::/32"), answer("127.0.0.2", "see https://bl.example/$")),
            (network("198.51.100.1"), answer("127.0.0.9", "")),
            (at("x.example", Extent::Both), answer("127.0.0.2", "costs $$5")),
            (at("y.example", Extent::Below), answer("127.0.0.2", "costs $$5")),
            (at("y.example", Extent::Exact), State::Excluded),
        ];
        let changes = changes.map(|(key, state)| Change { key, state });
        Editor::new(spec, &[KeyKind::Ip, KeyKind::Name], 300, changes).expect("few")
    }

    /// All that a list is.
    fn said(editor: &Editor) -> Vec<String> {
        let mut said: Vec<String> = editor.changes().map(|change| format!("{change:?}")).collect();
        said.sort();
        let zone = editor.zone();
        said.push(format!("{:?} {:?} {}", zone.soa(), zone.name_servers(), zone.entries()));
        let Setting { spec, keys, ttl } = editor.setting();
        said.push(format!("{:?} {:?} {keys:?} {ttl} {}", spec.apex, spec.codes, spec.test_entries));
        said
    }

    #[test]
    fn a_list_that_was_sent_answers_as_the_one_it_came_from() {
        let mut here = editor();
        let parcel = Parcel::open(here.whole().into()).expect("it is good");
        assert_eq!((parcel.from(), parcel.to()), (0, 7));
        let mut there = Editor::of_parcel(&parcel).expect("few");
        assert_eq!(said(&there), said(&here));
        // And so after changes.
        let mut spec = parcel.setting.spec.clone();
        spec.name_servers = None;
        here.reshape(spec, 77);
        let gone = "192.0.2.7".parse().map(Key::Network).expect("a network");
        let come = "203.0.113.0/24".parse().map(Key::Network).expect("a network");
        let text = Text::template(&"long ".repeat(60));
        let changes = vec![
            Change { key: gone, state: State::Absent },
            Change { key: come, state: State::Listed(vec![(ReturnCode::LISTED, text)]) },
        ];
        let record = Record { from: 7, to: 9, changes };
        here.apply(&record).expect("it follows");
        let delta = Parcel::open(here.delta(7, record.changes.clone()).into()).expect("good");
        assert_eq!(delta.changes().collect::<Vec<_>>(), record.changes);
        there.take(&delta).expect("it follows");
        assert_eq!(said(&there), said(&here));
        let again = there.take(&delta).map(drop);
        assert_eq!(again, Err(Refused::From { expected: 9, found: 7 }));
    }

    #[test]
    fn what_is_cut_or_something_else_is_refused() {
        let whole = editor().whole();
        for end in 0..whole.len() {
            let cut = Parcel::open(whole[..end].to_vec().into());
            assert!(cut.is_err(), "{end} of {} bytes", whole.len());
        }
        let other = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            Parcel::open(bytes.into()).map(|parcel| parcel.to())
        };
        assert_eq!(other(0, b'x'), Err(ParcelError::NoParcel));
        assert_eq!(other(8, 9), Err(ParcelError::Version { found: 9, known: 2 }));
    }

    #[test]
    fn the_link_of_texts_comes_along_and_another_key_changes_no_entry() {
        let link = |byte| {
            let key = crate::TagKey::new([byte; 16]);
            Some(crate::Link::new("https://lists.example/r/3/", key).expect("an address"))
        };
        let mut here = editor();
        assert_eq!(here.whole()[8], PLAIN, "older servers follow it");
        let mut there = Editor::of_parcel(&Parcel::open(here.whole().into()).expect("it is good"));
        let there = there.as_mut().expect("few");
        for (from, byte) in [(7, 1), (8, 2)] {
            let spec = ZoneSpec { link: link(byte), ..here.setting().spec };
            here.reshape(spec, 300);
            here.apply(&Record { from, to: from + 1, changes: Vec::new() }).expect("it follows");
            let delta = here.delta(from, Vec::new());
            assert!(delta.len() < 400 && delta[8] == LINKED);
            let zone = there.take(&Parcel::open(delta.into()).expect("it is good"));
            assert_eq!(zone.expect("it follows").link(), link(byte).as_ref());
            let whole = here.whole();
            let again = Editor::of_parcel(&Parcel::open(whole.clone().into()).expect("good"));
            assert_eq!(again.expect("few").zone().link(), link(byte).as_ref());
            for end in 0..whole.len() {
                assert!(Parcel::open(whole[..end].to_vec().into()).is_err(), "{end}");
            }
        }
    }
}
