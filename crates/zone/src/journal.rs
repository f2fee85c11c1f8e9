//! Changes to a list: applied one record at a time, touching only what changed.
//!
//! A zone never changes, so a change gives a new one. An [`Editor`] holds the entries of a list as they
//! were written, which the index alone does not tell (what lay below an entry shows again when it is
//! removed), and lays a patch over the indexes for exactly the networks and names of a record. Everything
//! else is shared with the zone before, so ten changes cost the same in a list of any size. When the
//! patch has grown, [`Editor::compact`] builds the indexes anew; the caller chooses the moment.

mod entries;
mod sum;

use std::sync::Arc;

use repute_dnsxl::{KeyKind, Name, Network, ReturnCode};

use crate::dataset::{Addresses, Content, Dataset, DatasetKind, Header, Names, TooMany};
use crate::parcel::{Setting, setting_bytes};
use crate::value::Text;
use crate::zone::{Zone, ZoneSpec};
use repute_dnsxl::Extent;

use entries::{Entries, Indexes, Touched};
use sum::Sum;

/// The changes from one serial to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The serial it applies to.
    pub from: u32,
    /// The serial it leads to, which is later.
    pub to: u32,
    /// The changes, in order; of several for one key the last counts.
    pub changes: Vec<Change>,
}

/// A key and what it is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changes.
    pub key: Key,
    /// What it becomes.
    pub state: State,
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A network.
    Network(Network),
    /// A name alone, what is below it, or both.
    Name(Name, Extent),
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Listed with these return codes and texts; without any, never listed.
    Listed(Vec<(ReturnCode, Text)>),
    /// Never listed.
    Excluded,
    /// No entry.
    Absent,
}

/// A list that can be changed.
#[derive(Debug)]
pub struct Editor {
    /// The zone around the list.
    spec: ZoneSpec,
    /// Which keys it takes: without entries it still answers as a list of these.
    keys: Vec<KeyKind>,
    /// Time to live of all listings, in seconds.
    ttl: u32,
    /// The version.
    serial: u32,
    /// The entries as they were written.
    entries: Entries,
    /// The indexes as last built, with what was laid over them since.
    indexes: Indexes,
    /// The zone as it was last made.
    zone: Arc<Zone>,
}

impl Editor {
    /// A list with keys of these kinds and these entries. `spec.datasets` is replaced; the SOA's serial, or else `spec.serial`, is the
    /// first serial; `ttl` holds for all listings.
    ///
    /// # Errors
    /// If the entries are more than an index can hold.
    pub fn new(
        spec: ZoneSpec,
        keys: &[KeyKind],
        ttl: u32,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Editor, TooMany> {
        let serial = match &spec.soa {
            Some(soa) if soa.serial != 0 => soa.serial,
            Some(_) | None => spec.serial,
        };
        let mut entries = Entries::default();
        for change in changes {
            entries.check_room(1)?;
            entries.enter(&change, &mut Touched::default());
        }
        let indexes = entries.index()?;
        let zone = Arc::new(Zone::new(ZoneSpec { datasets: Vec::new(), ..spec.clone() }));
        let mut editor = Editor { spec, keys: keys.to_vec(), ttl, serial, entries, indexes, zone };
        editor.publish();
        Ok(editor)
    }

    /// The zone as it is now.
    pub fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// Applies a record and returns the new zone.
    ///
    /// # Errors
    /// If the record does not lead from the zone's serial to a later one, or brings more than an index can
    /// hold; the zone stays as it is then.
    pub fn apply(&mut self, record: &Record) -> Result<&Arc<Zone>, Refused> {
        let Record { from, to, changes } = record;
        if *from != self.serial {
            return Err(Refused::From { expected: self.serial, found: *from });
        }
        // RFC 1982: of two serials the later one is less than half a circle ahead.
        if to.wrapping_sub(*from).cast_signed() <= 0 {
            return Err(Refused::To { from: *from, to: *to });
        }
        // A change brings one answer at most; building anew forgets those that no entry gives.
        if self.entries.check_room(changes.len()).is_err() {
            self.compact()?;
            self.entries.check_room(changes.len())?;
        }
        let mut touched = Touched::default();
        for change in changes {
            self.entries.enter(change, &mut touched);
        }
        self.lay(&touched);
        self.serial = *to;
        self.publish();
        Ok(&self.zone)
    }

    /// Has the zone around the list be another one from the next record on: its SOA, name servers and test entries,
    /// and the time to live of listings. The SOA's serial does not count, as a record brings that.
    pub fn reshape(&mut self, spec: ZoneSpec, ttl: u32) {
        (self.spec, self.ttl) = (spec, ttl);
    }

    /// All entries, as changes of an empty list.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.entries.changes()
    }

    /// What is around the entries.
    pub(crate) fn setting(&self) -> Setting {
        Setting { spec: self.spec.clone(), keys: self.keys.clone(), ttl: self.ttl }
    }

    /// A sum over all that the list says, whatever its serial: servers on which it differs at one serial went apart. The
    /// first call goes through all entries; from then on changes keep it.
    pub fn checksum(&mut self) -> u128 {
        let mut sum = self.entries.sum();
        sum.add(Sum::of_setting(&setting_bytes(&self.setting())));
        sum.0
    }

    /// The version.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Whether so much was laid over the indexes, or so many answers came, that building them anew is worth
    /// it.
    pub fn wants_compaction(&self) -> bool {
        let Indexes { v4, v6, names, values } = &self.indexes;
        let patched = v4.patch.as_ref().map_or(0, |p| p.len())
            + v6.patch.as_ref().map_or(0, |p| p.len())
            + names.patch.as_ref().map_or(0, |p| p.len());
        let answers = self.entries.values.len() - values.first_added().value as usize;
        patched > PATCHES_KEPT || answers > PATCHES_KEPT
    }

    /// Builds the indexes anew and forgets what no entry needs; the zone answers the same, and can be
    /// written as a snapshot.
    ///
    /// # Errors
    /// If the entries are more than an index can hold; the zone stays as it is then.
    pub fn compact(&mut self) -> Result<&Arc<Zone>, TooMany> {
        self.indexes = self.entries.index()?;
        self.publish();
        Ok(&self.zone)
    }

    /// Lays over the indexes what holds now in what was touched.
    fn lay(&mut self, touched: &Touched) {
        let Indexes { v4, v6, names, .. } = &mut self.indexes;
        let ranges = self.entries.resolve_v4(touched);
        if !ranges.is_empty() {
            let old = v4.patch.take().unwrap_or_default();
            v4.patch = Some(Arc::new(old.over(&ranges)));
        }
        let ranges = self.entries.resolve_v6(touched);
        if !ranges.is_empty() {
            let old = v6.patch.take().unwrap_or_default();
            v6.patch = Some(Arc::new(old.over(&ranges)));
        }
        let mut records = self.entries.records(touched).peekable();
        if records.peek().is_some() {
            *names = names.with(records);
        }
    }

    /// Makes the zone of what is there.
    fn publish(&mut self) {
        let Indexes { v4, v6, names, values } = &mut self.indexes;
        if self.entries.values.len() > values.len() {
            let first = values.first_added();
            values.added = Some(Arc::new(self.entries.values.finish_from(first)));
        }
        let header = Header { ttl: self.ttl, modified: self.serial, ..Header::default() };
        let mut datasets = Vec::new();
        if self.entries.networks() > 0 || self.keys.contains(&KeyKind::Ip) {
            let (v4, v6, values) = (Some(v4.clone()), Some(v6.clone()), values.clone());
            let content = Content::Addresses(Box::new(Addresses { v4, v6, values }));
            let (kind, entries) = (DatasetKind::Addresses, self.entries.networks());
            let header = header.clone();
            datasets.push(Arc::new(Dataset { kind, header, content, entries }));
        }
        if self.entries.names() > 0 || self.keys.contains(&KeyKind::Name) {
            let (index, values) = (names.clone(), values.clone());
            let content = Content::Names(Box::new(Names { index, values }));
            let (kind, entries) = (DatasetKind::Names, self.entries.names());
            datasets.push(Arc::new(Dataset { kind, header, content, entries }));
        }
        let mut spec = ZoneSpec { datasets, serial: self.serial, ..self.spec.clone() };
        if let Some(soa) = &mut spec.soa {
            soa.serial = self.serial;
        }
        self.zone = Arc::new(Zone::new(spec));
    }
}

/// Why a record is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It begins elsewhere.
    #[error(
        "the record begins at serial {found}, the zone is at {expected}; fetch the records between"
    )]
    From {
        /// The zone's.
        expected: u32,
        /// The record's.
        found: u32,
    },
    /// It does not lead to a later serial.
    #[error("the record leads from serial {from} to {to}, which is not later (RFC 1982)")]
    To {
        /// Where it begins.
        from: u32,
        /// Where it leads.
        to: u32,
    },
    /// It brings more than an index can hold.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// From this many patched ranges and names, or added answers, on, building anew is worth it.
const PATCHES_KEPT: usize = 8192;

#[cfg(test)]
mod tests {
    use repute_dnsxl::Polarity;

    use super::*;
    use crate::zone::{Dialect, Quick};
    use crate::{Hashes, Probe, Relative, Subject};

    fn editor(keys: &[KeyKind], changes: &[(&str, Extent, Option<&str>)]) -> Editor {
        let spec = ZoneSpec {
            apex: "bl.example".parse().expect("a name"),
            dialect: Dialect::Native,
            polarity: Polarity::Block,
            soa: None,
            name_servers: None,
            datasets: Vec::new(),
            test_entries: false,
            link: None,
            codes: Vec::new(),
            serial: 1,
        };
        Editor::new(spec, keys, 300, changes.iter().map(change)).expect("few")
    }

    fn change(&(key, extent, text): &(&str, Extent, Option<&str>)) -> Change {
        let network = key.parse().map(Key::Network);
        let key = network.unwrap_or_else(|_| Key::Name(key.parse().expect("a name"), extent));
        let listed = |text| State::Listed(vec![(ReturnCode::LISTED, Text::template(text))]);
        Change { key, state: text.map_or(State::Absent, listed) }
    }

    fn apply(editor: &mut Editor, changes: &[(&str, Extent, Option<&str>)]) {
        let changes = changes.iter().map(change).collect();
        let record = Record { from: editor.serial, to: editor.serial + 1, changes };
        editor.apply(&record).expect("the record follows");
    }

    #[test]
    fn entries_are_what_was_entered_and_no_names_above() {
        use Extent::{Below, Both, Exact};
        let text = Some("listed");
        let mut editor =
            editor(&[], &[("a.b.c.example", Exact, text), ("192.0.2.0/24", Exact, text)]);
        assert_eq!(editor.zone().entries(), 2);
        apply(&mut editor, &[("d.example", Both, text), ("192.0.2.0/24", Exact, Some("other"))]);
        assert_eq!(editor.zone().entries(), 3);
        apply(&mut editor, &[("d.example", Below, Some("other")), ("x.example", Exact, None)]);
        assert_eq!(editor.zone().entries(), 4);
        apply(&mut editor, &[("d.example", Both, None), ("a.b.c.example", Exact, None)]);
        assert_eq!(editor.zone().entries(), 1);
    }

    #[test]
    fn the_sum_is_that_of_what_is_there_whatever_came_before() {
        use Extent::{Below, Both, Exact};
        let (one, two) = (Some("listed"), Some("other"));
        let steps: &[&[(&str, Extent, Option<&str>)]] = &[
            &[("192.0.2.0/24", Exact, one), ("2001:db8::/32", Exact, two)],
            &[("192.0.2.0/24", Exact, two), ("192.0.2.0/25", Exact, one), ("x.example", Both, one)],
            &[("a.x.example", Exact, two), ("x.example", Below, two), ("192.0.2.1", Exact, None)],
            &[("2001:db8::/32", Exact, None), ("x.example", Exact, None)],
            &[("192.0.2.0/25", Exact, one), ("a.x.example", Both, two)],
        ];
        let mut kept = editor(&[KeyKind::Ip, KeyKind::Name], &[]);
        let mut sums = vec![kept.checksum()];
        for step in steps {
            apply(&mut kept, step);
            let mut entries: Vec<Change> = kept.changes().collect();
            entries.reverse();
            let mut anew =
                Editor::new(kept.spec.clone(), &kept.keys, kept.ttl, entries).expect("few");
            assert_eq!(kept.checksum(), anew.checksum(), "{step:?}");
            kept.compact().expect("few");
            assert_eq!(kept.checksum(), anew.checksum(), "{step:?}");
            sums.push(kept.checksum());
        }
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count, "each step made another list");
        let before = kept.checksum();
        kept.reshape(kept.spec.clone(), kept.ttl + 1);
        assert_ne!(kept.checksum(), before, "how long answers are kept is a part of it");
    }

    #[test]
    fn what_was_never_there_leaves_nothing_behind() {
        let mut editor = editor(&[KeyKind::Ip], &[("192.0.2.1", Extent::Exact, Some("listed"))]);
        apply(&mut editor, &[("x.example", Extent::Both, None)]);
        assert_eq!(editor.zone().datasets().len(), 1);
        let names = [("x.example", Extent::Both, Some("listed"))];
        apply(&mut editor, &names);
        assert_eq!(editor.zone().datasets().len(), 2);
        apply(&mut editor, &names.map(|(name, extent, _)| (name, extent, None)));
        assert_eq!(editor.zone().datasets().len(), 1);
    }

    #[test]
    fn answers_that_no_entry_gives_are_forgotten() {
        let texts: Vec<_> = (0..=PATCHES_KEPT).map(|n| format!("reason {n}")).collect();
        let mut editor = editor(&[KeyKind::Ip], &[("192.0.2.1", Extent::Exact, Some("first"))]);
        let bytes = editor.zone().image_bytes();
        for texts in texts.chunks(1000) {
            assert!(!editor.wants_compaction());
            let changes = texts.iter().map(|text| ("192.0.2.1", Extent::Exact, Some(&**text)));
            apply(&mut editor, &changes.collect::<Vec<_>>());
        }
        assert!(editor.wants_compaction());
        editor.compact().expect("few");
        assert!(!editor.wants_compaction());
        // "reason 8192" has six bytes more than "first".
        assert_eq!(editor.zone().image_bytes(), bytes + 6);
        assert_eq!(editor.entries.values.len(), 2);
    }

    #[test]
    fn what_is_around_the_list_changes_with_a_record() {
        let mut editor = editor(&[KeyKind::Ip], &[("192.0.2.1", Extent::Exact, Some("listed"))]);
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let spec =
            ZoneSpec { name_servers: Some((60, vec![name("ns.example")])), ..editor.spec.clone() };
        editor.reshape(spec, 77);
        assert!(editor.zone().name_servers().is_none());
        apply(&mut editor, &[]);
        assert_eq!(editor.zone().name_servers(), Some((60, &[name("ns.example")][..])));
        assert_eq!((editor.zone().datasets()[0].header().ttl, editor.zone().entries()), (77, 1));
    }

    #[test]
    fn a_record_must_lead_to_a_later_serial() {
        let mut editor = editor(&[], &[]);
        let record = |from, to| Record { from, to, changes: Vec::new() };
        let wrong = |from, to| Err(Refused::To { from, to });
        assert_eq!(editor.apply(&record(1, 1)).map(|_| ()), wrong(1, 1));
        assert_eq!(editor.apply(&record(1, 0)).map(|_| ()), wrong(1, 0));
        assert_eq!(editor.apply(&record(1, 0x8000_0001)).map(|_| ()), wrong(1, 0x8000_0001));
        let gap = Refused::From { expected: 1, found: 2 };
        assert_eq!(editor.apply(&record(2, 3)).map(|_| ()), Err(gap));
        assert!(editor.apply(&record(1, 0x8000_0000)).is_ok());
        assert!(editor.apply(&record(0x8000_0000, u32::MAX)).is_ok());
        assert!(editor.apply(&record(u32::MAX, 5)).is_ok());
    }

    #[test]
    fn changed_names_are_answered_the_short_way() {
        let mut editor = editor(&[KeyKind::Name], &[("x.example", Extent::Both, Some("listed"))]);
        apply(&mut editor, &[("y.example", Extent::Both, Some("new"))]);
        let quick = |labels: &[&str]| -> String {
            let (mut wire, mut places) = (Vec::new(), Vec::new());
            for label in labels {
                places.push(wire.len() as u8);
                wire.push(label.len() as u8);
                wire.extend_from_slice(label.as_bytes());
            }
            let name = Relative::new(&wire, &places);
            let (mut hashes, mut probe) = (Hashes::default(), None);
            editor.zone().probe(name, &mut hashes, &mut probe);
            let mut probe = probe.expect("it is a list of names");
            (0..Probe::STEPS).for_each(|step| probe.fetch(step));
            match probe.quick(|| name) {
                Quick::Listed(listing, pair) => {
                    let mut text = [0; 255];
                    let len = listing.write_text(pair, b"", 254, &mut text);
                    let Subject::Name { start, .. } = listing.subject() else { panic!("a name") };
                    format!("{} from {start}", String::from_utf8_lossy(&text[..len]))
                }
                Quick::Nothing => "nothing".into(),
                Quick::Unsure => "unsure".into(),
            }
        };
        assert_eq!(quick(&["y", "example"]), "new from 0");
        assert_eq!(quick(&["a", "b", "c", "d", "e", "f", "g", "h", "y", "example"]), "new from 16");
        assert_eq!(quick(&["www", "x", "example"]), "listed from 4");
        assert_eq!(quick(&["z", "example"]), "nothing");
    }
}
