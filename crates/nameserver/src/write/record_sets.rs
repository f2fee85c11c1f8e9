//! Record sets of any owner and section, with names compressed (RFC 1035 section 4.1.4).
//!
//! Answers of lists are about the question's name only and know where its parts are; those of ordinary zones go
//! from name to name. Names that were written are remembered by their places, a few of them, on the stack.

use repute_records::RecordSet;
use repute_records::rdata::{Piece, pieces};

use super::Writer;
use crate::message::{HEADER, Query};

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// What was asked for.
    Answer,
    /// Who is responsible.
    Authority,
    /// What one will ask next.
    Additional,
}

/// Where names stand in a message.
#[derive(Debug)]
pub(crate) struct Places {
    places: [u16; MOST_PLACES],
    count: usize,
}

impl Places {
    /// The names of the question: each of its labels begins one.
    pub(crate) fn of(query: &Query) -> Places {
        let mut places = Places { places: [0; MOST_PLACES], count: 0 };
        for label in &query.labels[..query.label_count] {
            places.add(HEADER + usize::from(*label));
        }
        places
    }

    /// Remembers one, if there is room and a pointer reaches it.
    fn add(&mut self, at: usize) {
        if let (Some(place), Ok(at)) = (self.places.get_mut(self.count), u16::try_from(at))
            && at < POINTER
        {
            *place = at;
            self.count += 1;
        }
    }

    /// Where a name stands already.
    fn find(&self, message: &[u8], name: &[u8]) -> Option<u16> {
        self.places[..self.count]
            .iter()
            .copied()
            .find(|at| stands_at(message, usize::from(*at), name))
    }
}

impl Writer<'_> {
    /// Adds a set to a section, beginning with one of its records that a number chooses. What does not fit is left
    /// out whole, and sets TC (RFC 2181 section 9).
    pub(crate) fn push_set(
        &mut self,
        section: Section,
        owner: &[u8],
        set: &RecordSet,
        ttl: u32,
        first: u16,
        places: &mut Places,
    ) {
        let first = usize::from(first) % set.len().max(1);
        for data in set.iter().skip(first).chain(set.iter().take(first)) {
            self.push_data(section, owner, (set.rtype(), ttl), data, places);
        }
    }

    /// Adds a record to a section.
    pub(crate) fn push_data(
        &mut self,
        section: Section,
        owner: &[u8],
        (rtype, ttl): (u16, u32),
        data: &[u8],
        places: &mut Places,
    ) {
        if self.truncated {
            return;
        }
        let start = (self.at, places.count);
        match self.try_push(owner, (rtype, ttl), data, places) {
            Some(()) => match section {
                Section::Answer => self.answers += 1,
                Section::Authority => self.authority += 1,
                Section::Additional => self.additional += 1,
            },
            None => {
                (self.at, places.count) = start;
                self.truncate();
            }
        }
    }

    /// Writes a record; nothing if it does not fit.
    fn try_push(
        &mut self,
        owner: &[u8],
        (rtype, ttl): (u16, u32),
        data: &[u8],
        places: &mut Places,
    ) -> Option<()> {
        self.put_name(owner, places)?;
        self.put(&rtype.to_be_bytes())?;
        self.put(&CLASS_IN)?;
        self.put(&ttl.to_be_bytes())?;
        let length = self.at;
        self.put(&[0, 0])?;
        for piece in pieces(rtype, data) {
            match piece {
                Piece::Name(name) => self.put_name(name, places)?,
                Piece::Bytes(bytes) | Piece::PlainName(bytes) => self.put(bytes)?,
            }
        }
        let written = u16::try_from(self.at - length - 2).ok()?;
        self.out.get_mut(length..length + 2)?.copy_from_slice(&written.to_be_bytes());
        Some(())
    }

    /// Writes a name: labels until the rest stands somewhere already.
    fn put_name(&mut self, name: &[u8], places: &mut Places) -> Option<()> {
        let mut rest = name;
        while let Some((&len @ 1.., _)) = rest.split_first() {
            if let Some(place) = places.find(&self.out[..self.at], rest) {
                return self.put(&(POINTER_BITS | place).to_be_bytes());
            }
            let (label, tail) = rest.split_at_checked(1 + usize::from(len))?;
            let at = self.at;
            self.put(label)?;
            places.add(at);
            rest = tail;
        }
        self.put(&[0])
    }

    /// Writes bytes, if there is room.
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at + bytes.len();
        if end > self.end {
            return None;
        }
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }
}

/// Whether a name in wire form stands at a place in a message, in whatever letters.
fn stands_at(message: &[u8], mut at: usize, name: &[u8]) -> bool {
    let mut rest = name;
    // We point backwards only, and each step is shorter than a name.
    for _ in 0..MOST_STEPS {
        match message.get(at) {
            Some(0) => return rest == [0],
            Some(&len @ 1..=63) => {
                let end = 1 + usize::from(len);
                let (Some(here), Some(label)) = (message.get(at..at + end), rest.get(..end)) else {
                    return false;
                };
                if !here.eq_ignore_ascii_case(label) {
                    return false;
                }
                (at, rest) = (at + end, &rest[end..]);
            }
            Some(&high @ 0xc0..) => {
                let Some(&low) = message.get(at + 1) else { return false };
                at = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            }
            Some(_) | None => return false,
        }
    }
    false
}

/// The Internet, as bytes.
const CLASS_IN: [u8; 2] = [0, 1];
/// What a pointer cannot reach.
const POINTER: u16 = 0x4000;
/// What makes two bytes a pointer.
const POINTER_BITS: u16 = 0xc000;
/// Names that are remembered: enough for a question and the names of a delegation.
const MOST_PLACES: usize = 160;
/// Labels and pointers on the way through a name.
const MOST_STEPS: usize = 256;
