//! The name servers of a zone as they stand in answers, compressed once.
//!
//! NS records and their glue repeat in every positive answer of a zone that gives them. They are
//! written when the zone is, in each order in which they may be asked for, with their names
//! compressed (RFC 1035 section 4.1.4): against the apex, which is in every question, and against one
//! another. An answer copies the bytes and adds two numbers to the pointers in them.

use repute_dnsxl::Name;

use crate::zones::NS;

/// NS records and glue of a zone, in every rotation.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameServers {
    rotations: Vec<Block>,
}

impl NameServers {
    /// Compresses the records; `glue` are A records with owner, each of one of the `servers`.
    pub(crate) fn new(
        apex: &Name,
        ttl: u32,
        servers: &[Name],
        glue: &[(Name, u32, [u8; 4])],
    ) -> Self {
        let rotation = |first: usize| {
            let servers = servers[first..].iter().chain(&servers[..first]);
            let mut block = Block::default();
            for server in servers {
                block.push_name(apex, apex);
                block.push_head(NS, ttl);
                let length = block.bytes.len();
                block.bytes.extend([0, 0]);
                block.push_name(apex, server);
                let data = (block.bytes.len() - length - 2) as u16;
                block.bytes[length..length + 2].copy_from_slice(&data.to_be_bytes());
                block.servers += 1;
            }
            block.servers_end = block.bytes.len();
            for (server, ttl, address) in glue {
                block.push_name(apex, server);
                block.push_head(crate::zones::A, *ttl);
                block.bytes.extend([0, 4]);
                block.bytes.extend(address);
                block.glue += 1;
            }
            block.known.clear();
            block
        };
        NameServers { rotations: (0..servers.len()).map(rotation).collect() }
    }

    /// One of the orders, chosen by a number.
    pub(crate) fn rotation(&self, number: u16) -> Option<&Block> {
        let count = self.rotations.len().max(1);
        self.rotations.get(usize::from(number) % count)
    }
}

/// Records in wire form whose pointers are not set yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    /// Pointers: where they stand, and what they point to.
    pointers: Vec<(u16, Target)>,
    /// Where the NS records end and the glue begins.
    servers_end: usize,
    /// How many of each there are.
    pub(crate) servers: u16,
    pub(crate) glue: u16,
    /// Names in the block that others may point to, while it is made: wire form and place.
    known: Vec<(Vec<u8>, u16)>,
}

/// Where a pointer goes.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// So many bytes into the apex in the question.
    Apex(u16),
    /// So many bytes into the block.
    Block(u16),
}

impl Block {
    /// Bytes of the NS records alone.
    pub(crate) fn servers_len(&self) -> usize {
        self.servers_end
    }

    /// Bytes of NS records and glue.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Copies as many bytes as `out` takes, which stands at `at` in a message whose question has
    /// the apex at `apex`.
    pub(crate) fn write(&self, out: &mut [u8], at: usize, apex: u16) {
        out.copy_from_slice(&self.bytes[..out.len()]);
        for (place, target) in &self.pointers {
            let place = usize::from(*place);
            let Some(room) = out.get_mut(place..place + 2) else { return };
            let offset = match target {
                Target::Apex(offset) => apex + offset,
                Target::Block(offset) => at as u16 + offset,
            };
            room.copy_from_slice(&(0xc000 | offset).to_be_bytes());
        }
    }

    /// Adds type, class IN and time to live.
    fn push_head(&mut self, rtype: u16, ttl: u32) {
        self.bytes.extend(rtype.to_be_bytes());
        self.bytes.extend([0, 1]);
        self.bytes.extend(ttl.to_be_bytes());
    }

    /// Adds a name: labels that are new, then a pointer to the rest if that stands elsewhere.
    fn push_name(&mut self, apex: &Name, name: &Name) {
        let mut rest = name.as_wire();
        let apex = apex.as_wire();
        while rest.len() > 1 {
            let known = self.known.iter().find(|(wire, _)| wire == rest).map(|(_, at)| *at);
            let target = if apex.len() > 1 && is_suffix(apex, rest) {
                Some(Target::Apex((apex.len() - rest.len()) as u16))
            } else {
                known.map(Target::Block)
            };
            if let Some(target) = target {
                self.pointers.push((self.bytes.len() as u16, target));
                self.bytes.extend([0, 0]);
                return;
            }
            self.known.push((rest.to_vec(), self.bytes.len() as u16));
            let label = 1 + usize::from(rest[0]);
            self.bytes.extend_from_slice(&rest[..label]);
            rest = &rest[label..];
        }
        self.bytes.push(0);
    }
}

/// Whether `rest` is a name in wire form that `name` ends with, by whole labels.
fn is_suffix(name: &[u8], rest: &[u8]) -> bool {
    let mut tail = name;
    while tail.len() > rest.len() {
        tail = &tail[1 + usize::from(tail[0])..];
    }
    tail == rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_compressed_against_apex_and_one_another() {
        let apex = name("bl.test");
        let servers = [name("ns.bl.test"), name("a.other.example"), name("b.other.example")];
        let glue = [(name("ns.bl.test"), 60, [192, 0, 2, 1])];
        let servers = NameServers::new(&apex, 7, &servers, &glue);
        let block = servers.rotation(3).unwrap();
        assert_eq!((block.servers, block.glue), (3, 1));
        let mut out = vec![0; block.len()];
        // The question's apex stands at 20, the block at 40.
        block.write(&mut out, 40, 20);
        let expect = [
            &b"\xc0\x14\0\x02\0\x01\0\0\0\x07\0\x05\x02ns\xc0\x14"[..],
            b"\xc0\x14\0\x02\0\x01\0\0\0\x07\0\x11\x01a\x05other\x07example\0",
            b"\xc0\x14\0\x02\0\x01\0\0\0\x07\0\x04\x01b\xc0\x47",
            b"\xc0\x34\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01",
        ];
        assert_eq!(out, expect.concat());
        // Without the glue.
        let mut out = vec![0; block.servers_len()];
        block.write(&mut out, 40, 20);
        assert_eq!(out, expect[..3].concat());
    }

    #[test]
    fn each_server_is_first_in_turn() {
        let servers = NameServers::new(&name("z"), 7, &[name("a"), name("b")], &[]);
        let first = |n| {
            let block = servers.rotation(n).unwrap();
            let mut out = vec![0; block.len()];
            block.write(&mut out, 0, 12);
            out[13]
        };
        assert_eq!([first(0), first(1), first(2)], [b'a', b'b', b'a']);
    }
}
