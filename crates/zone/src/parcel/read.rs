//! Reading a parcel: bytes of others, of which none is believed.

use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{
    Extent, Ipv4Network, Ipv6Network, KeyKind, Name, Network, Polarity, ReturnCode,
};

use super::{END, ParcelError, Setting};
use crate::dataset::Soa;
use crate::journal::{Change, Key, State};
use crate::link::{Link, TagKey};
use crate::value::{Text, ValueId};
use crate::zone::{Dialect, ZoneSpec};

/// What is left to be read.
pub(super) struct Reader<'b> {
    /// All bytes.
    bytes: &'b [u8],
    /// How many of them were read.
    at: usize,
    /// The answers that came.
    answers: Vec<Vec<(ReturnCode, Text)>>,
}

impl<'b> Reader<'b> {
    /// Of these bytes.
    pub(super) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes, at: 0, answers: Vec::new() }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// So many bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'b [u8], ParcelError> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(ParcelError::Cut(self.at))?;
        self.at += len;
        Ok(taken)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> Result<u8, ParcelError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A number of fixed size.
    pub(super) fn u32(&mut self) -> Result<u32, ParcelError> {
        self.array().map(u32::from_le_bytes)
    }

    /// What is around the entries of a list at a serial.
    pub(super) fn setting(&mut self, serial: u32) -> Result<Setting, ParcelError> {
        let apex = self.name()?;
        let polarity = match self.byte()? {
            0 => Polarity::Block,
            1 => Polarity::Allow,
            2 => Polarity::Info,
            _ => return Err(self.wrong()),
        };
        let test_entries = self.flag()?;
        let kinds = self.byte()?;
        if kinds > 3 {
            return Err(self.wrong());
        }
        let kind = |bit, kind| (kinds & bit != 0).then_some(kind);
        let keys = [kind(1, KeyKind::Ip), kind(2, KeyKind::Name)].into_iter().flatten().collect();
        let ttl = self.u32()?;
        let soa = match self.flag()? {
            true => Some(self.soa(serial)?),
            false => None,
        };
        let name_servers = match self.flag()? {
            true => {
                let ttl = self.u32()?;
                let count = self.count()?;
                let servers = (0..count).map(|_| self.name()).collect::<Result<_, _>>()?;
                Some((ttl, servers))
            }
            false => None,
        };
        let count = self.count()?;
        let codes = (0..count).map(|_| self.code()).collect::<Result<_, _>>()?;
        let spec = ZoneSpec {
            apex,
            dialect: Dialect::Native,
            polarity,
            soa,
            name_servers,
            datasets: Vec::new(),
            test_entries,
            codes,
            link: None,
            serial,
        };
        Ok(Setting { spec, keys, ttl })
    }

    /// Where the texts lead to.
    pub(super) fn link(&mut self) -> Result<Link, ParcelError> {
        let len = self.byte()?;
        let before = std::str::from_utf8(self.take(len.into())?).map_err(|_| self.wrong())?;
        let key = TagKey::new(self.array()?);
        Link::new(before, key).map_err(|_| self.wrong())
    }

    /// The start of authority.
    fn soa(&mut self, serial: u32) -> Result<Soa, ParcelError> {
        let (origin, person) = (self.name()?, self.name()?);
        let [ttl, refresh, retry, expire, minimum] =
            [self.u32()?, self.u32()?, self.u32()?, self.u32()?, self.u32()?];
        Ok(Soa { ttl, origin, person, serial, refresh, retry, expire, minimum })
    }

    /// The next change; none at the end.
    pub(super) fn change(&mut self) -> Result<Option<Change>, ParcelError> {
        let key = match self.byte()? {
            0 => {
                let (len, first) = (self.byte()?, self.u32()?);
                let network = Ipv4Network::new(Ipv4Addr::from(first), len);
                Key::Network(Network::V4(network.map_err(|_| self.wrong())?))
            }
            1 => {
                let (len, first) = (self.byte()?, u128::from_le_bytes(self.array()?));
                let network = Ipv6Network::new(Ipv6Addr::from(first), len);
                Key::Network(Network::V6(network.map_err(|_| self.wrong())?))
            }
            2 => Key::Name(self.name()?, Extent::Exact),
            3 => Key::Name(self.name()?, Extent::Below),
            4 => Key::Name(self.name()?, Extent::Both),
            END if self.at == self.bytes.len() => return Ok(None),
            _ => return Err(self.wrong()),
        };
        let state = match self.number()? {
            0 => State::Absent,
            1 => State::Excluded,
            number => State::Listed(self.answer(number - 2)?),
        };
        Ok(Some(Change { key, state }))
    }

    /// An answer by its number, which stands here if it is new.
    fn answer(&mut self, number: u64) -> Result<Vec<(ReturnCode, Text)>, ParcelError> {
        let place = usize::try_from(number).map_err(|_| self.wrong())?;
        if let Some(answer) = self.answers.get(place) {
            return Ok(answer.clone());
        }
        if place != self.answers.len() || place >= ValueId::MAX as usize {
            return Err(self.wrong());
        }
        let count = self.count()?;
        let mut answer = Vec::new();
        for _ in 0..count {
            let code = self.code()?;
            let len = self.number()?;
            let len = usize::try_from(len).map_err(|_| self.wrong())?;
            let pieces = self.take(len)?;
            answer.push((code, Text::of_pieces(pieces).ok_or_else(|| self.wrong())?));
        }
        self.answers.push(answer.clone());
        Ok(answer)
    }

    /// A return code.
    fn code(&mut self) -> Result<ReturnCode, ParcelError> {
        self.array::<4>().map(|octets| ReturnCode(octets.into()))
    }

    /// A name.
    fn name(&mut self) -> Result<Name, ParcelError> {
        let len = self.byte()?;
        let wire = self.take(len.into())?;
        Name::from_wire(wire).map_err(|_| self.wrong())
    }

    /// Whether something is so.
    fn flag(&mut self) -> Result<bool, ParcelError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong()),
        }
    }

    /// How many things follow that people write by hand.
    fn count(&mut self) -> Result<u64, ParcelError> {
        let count = self.number()?;
        if count > MOST { Err(self.wrong()) } else { Ok(count) }
    }

    /// A number, seven bits a byte.
    fn number(&mut self) -> Result<u64, ParcelError> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.wrong())
    }

    /// So many bytes of fixed size.
    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], ParcelError> {
        let bytes = self.take(LEN)?;
        bytes.try_into().map_err(|_| self.wrong())
    }

    /// What was just read cannot be.
    fn wrong(&self) -> ParcelError {
        ParcelError::Inconsistent(self.at)
    }
}

/// Most name servers, codes, or answers of one entry.
const MOST: u64 = 10_000;
