//! Messages of a transfer: filled with records until they are full.
//!
//! Every message repeats the question (RFC 5936 section 2.2.1 allows that for all of them), so that owners may point to
//! the apex in it. An owner that is the one before points to that. More is not worth its search: of a list nearly all
//! names are an apex with some digits before it.

use repute_dnsxl::Name;
use repute_records::rdata::{Piece, pieces};

/// A message that is being filled.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// Where the question ends.
    start: usize,
    /// How many bytes it may have.
    most: usize,
    answers: u16,
    /// The apex in lower-case wire form.
    apex: Box<[u8]>,
    /// Where the last owner stands, and its length.
    owner: Option<(u16, Box<[u8]>)>,
}

impl Page {
    /// An empty one: the header and question of a request, and how many bytes it may have.
    pub(super) fn new(id: [u8; 2], apex: &Name, qtype: u16, most: usize) -> Page {
        let mut bytes = vec![id[0], id[1], QR | AA, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(apex.as_wire());
        bytes.extend_from_slice(&qtype.to_be_bytes());
        bytes.extend_from_slice(&[0, 1]);
        let start = bytes.len();
        Page { bytes, start, most, answers: 0, apex: Box::from(apex.as_wire()), owner: None }
    }

    /// Adds a record; whether it fits. One that does not fit into an empty message fits into none.
    pub(super) fn push(&mut self, owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> bool {
        let before = (self.bytes.len(), self.owner.clone());
        self.put_owner(owner);
        self.bytes.extend_from_slice(&rtype.to_be_bytes());
        self.bytes.extend_from_slice(&[0, 1]);
        self.bytes.extend_from_slice(&ttl.to_be_bytes());
        let length = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        for piece in pieces(rtype, data) {
            match piece {
                Piece::Name(name) => self.put_below(name),
                Piece::Bytes(bytes) | Piece::PlainName(bytes) => {
                    self.bytes.extend_from_slice(bytes);
                }
            }
        }
        let written = u16::try_from(self.bytes.len() - length - 2);
        let (Ok(written), true, Some(answers)) =
            (written, self.bytes.len() <= self.most, self.answers.checked_add(1))
        else {
            self.bytes.truncate(before.0);
            self.owner = before.1;
            return false;
        };
        if let Some(place) = self.bytes.get_mut(length..length + 2) {
            place.copy_from_slice(&written.to_be_bytes());
        }
        self.answers = answers;
        true
    }

    /// Whether it has no record.
    pub(super) fn is_empty(&self) -> bool {
        self.answers == 0
    }

    /// The message, and an empty one of the same question.
    pub(super) fn take(&mut self) -> Vec<u8> {
        if let Some(place) = self.bytes.get_mut(6..8) {
            place.copy_from_slice(&self.answers.to_be_bytes());
        }
        let mut next = Vec::with_capacity(self.most);
        next.extend_from_slice(self.bytes.get(..self.start).unwrap_or_default());
        (self.answers, self.owner) = (0, None);
        std::mem::replace(&mut self.bytes, next)
    }

    /// Writes an owner.
    fn put_owner(&mut self, owner: &[u8]) {
        if let Some((place, known)) = &self.owner
            && **known == *owner
        {
            self.bytes.extend_from_slice(&(POINTER | place).to_be_bytes());
            return;
        }
        let place = u16::try_from(self.bytes.len()).ok();
        self.put_below(owner);
        let place = place.filter(|place| *place <= 0x3fff);
        match (&mut self.owner, place) {
            // The room of the last one is used again.
            (Some((known_place, known)), Some(place)) if known.len() == owner.len() => {
                *known_place = place;
                known.copy_from_slice(owner);
            }
            (known, place) => *known = place.map(|place| (place, Box::from(owner))),
        }
    }

    /// Writes a name: what is before the apex, and a pointer to that; or all of it.
    fn put_below(&mut self, name: &[u8]) {
        let before = name.len().checked_sub(self.apex.len());
        let is_below = before.is_some_and(|at| {
            name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(&self.apex))
                && is_label_start(name, at)
        });
        match before.filter(|_| is_below && self.apex.len() > 1) {
            Some(at) => {
                self.bytes.extend_from_slice(name.get(..at).unwrap_or_default());
                self.bytes.extend_from_slice(&(POINTER | HEADER).to_be_bytes());
            }
            None => self.bytes.extend_from_slice(name),
        }
    }
}

/// Whether a label of a name begins at a place.
fn is_label_start(name: &[u8], place: usize) -> bool {
    let mut at = 0;
    while at < place {
        let Some(&len) = name.get(at) else { return false };
        at += 1 + usize::from(len);
    }
    at == place
}

/// A response.
const QR: u8 = 0x80;
/// An authoritative one.
const AA: u8 = 0x04;
/// What makes two bytes a pointer.
const POINTER: u16 = 0xc000;
/// Where the question's name is.
const HEADER: u16 = 12;
