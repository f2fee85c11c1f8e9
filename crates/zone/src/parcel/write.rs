//! Writing a parcel.

use std::collections::HashMap;

use repute_dnsxl::{Extent, KeyKind, Name, Network, Polarity, ReturnCode};

use super::{END, LINKED, MAGIC, PLAIN, Setting};
use crate::dataset::Soa;
use crate::journal::{Change, Key, State};
use crate::value::Text;

/// Writes a parcel.
pub(super) fn parcel(
    setting: &Setting,
    from: u32,
    to: u32,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<u8> {
    let mut writer = Writer { out: MAGIC.to_vec(), answers: HashMap::new() };
    // Who knows nothing of links follows lists without.
    writer.out.push(if setting.spec.link.is_some() { LINKED } else { PLAIN });
    writer.u32(from);
    writer.u32(to);
    writer.setting(setting);
    for change in changes {
        writer.change(change);
    }
    writer.out.push(END);
    writer.out
}

/// What is around the entries of a list, as its parcels have it.
pub(crate) fn setting_bytes(setting: &Setting) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), answers: HashMap::new() };
    writer.setting(setting);
    writer.out
}

/// What was written.
struct Writer {
    /// The bytes.
    out: Vec<u8>,
    /// The answers that were written, with their numbers.
    answers: HashMap<Vec<(ReturnCode, Text)>, u64>,
}

impl Writer {
    /// Writes what is around the entries.
    fn setting(&mut self, Setting { spec, keys, ttl }: &Setting) {
        self.name(&spec.apex);
        self.out.push(match spec.polarity {
            Polarity::Block => 0,
            Polarity::Allow => 1,
            Polarity::Info => 2,
        });
        self.out.push(u8::from(spec.test_entries));
        let bit = |kind, bit: u8| if keys.contains(&kind) { bit } else { 0 };
        self.out.push(bit(KeyKind::Ip, 1) | bit(KeyKind::Name, 2));
        self.u32(*ttl);
        self.out.push(u8::from(spec.soa.is_some()));
        if let Some(soa) = &spec.soa {
            let Soa { ttl, origin, person, serial: _, refresh, retry, expire, minimum } = soa;
            self.name(origin);
            self.name(person);
            for number in [ttl, refresh, retry, expire, minimum] {
                self.u32(*number);
            }
        }
        self.out.push(u8::from(spec.name_servers.is_some()));
        if let Some((ttl, servers)) = &spec.name_servers {
            self.u32(*ttl);
            self.number(servers.len() as u64);
            for server in servers {
                self.name(server);
            }
        }
        self.number(spec.codes.len() as u64);
        for code in &spec.codes {
            self.out.extend_from_slice(&code.0.octets());
        }
        if let Some(link) = &spec.link {
            // An address has at most 120 bytes.
            self.out.push(link.before().len() as u8);
            self.out.extend_from_slice(link.before().as_bytes());
            self.out.extend_from_slice(link.key().bytes());
        }
    }

    /// Writes a change.
    fn change(&mut self, Change { key, state }: Change) {
        match key {
            Key::Network(Network::V4(network)) => {
                self.out.extend([0, network.prefix_len()]);
                self.u32(network.first());
            }
            Key::Network(Network::V6(network)) => {
                self.out.extend([1, network.prefix_len()]);
                self.out.extend_from_slice(&network.first().to_le_bytes());
            }
            Key::Name(name, extent) => {
                self.out.push(match extent {
                    Extent::Exact => 2,
                    Extent::Below => 3,
                    Extent::Both => 4,
                });
                self.name(&name);
            }
        }
        match state {
            State::Absent => self.number(0),
            State::Excluded => self.number(1),
            State::Listed(answer) => self.answer(answer),
        }
    }

    /// Writes the number of an answer, and the answer if it is new.
    fn answer(&mut self, answer: Vec<(ReturnCode, Text)>) {
        if let Some(number) = self.answers.get(&answer) {
            return self.number(number + 2);
        }
        let number = self.answers.len() as u64;
        self.number(number + 2);
        self.number(answer.len() as u64);
        for (code, text) in &answer {
            self.out.extend_from_slice(&code.0.octets());
            self.number(text.pieces().len() as u64);
            self.out.extend_from_slice(text.pieces());
        }
        self.answers.insert(answer, number);
    }

    /// Writes a name.
    fn name(&mut self, name: &Name) {
        let wire = name.as_wire();
        // A name has at most 255 bytes.
        self.out.push(wire.len() as u8);
        self.out.extend_from_slice(wire);
    }

    /// Writes a number of fixed size.
    fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes a number, seven bits a byte.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }
}
