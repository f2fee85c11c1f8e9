//! The questions of an audit, as packets.
//!
//! Ordinary questions are sent without EDNS, as everybody answers those; the odd ones are those of RFC 8906
//! section 8.

use std::net::Ipv4Addr;

use repute_dnsxl::{Name, relative_ipv4, relative_ipv6};

/// A question of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// The SOA record at the list's name: is anybody there?
    Start,
    /// The SOA record of its zone.
    Soa,
    /// The same by TCP.
    Tcp,
    /// The same, in letters of mixed case.
    Case,
    /// The NS records of its zone.
    Ns,
    /// A of the test entry that must be there.
    Listed(Key),
    /// TXT of it.
    Reason(Key),
    /// AAAA of it.
    OtherType(Key),
    /// A of the name above it.
    Above(Key),
    /// A of the test entry that must not be there.
    Never(Key),
    /// A of a name invented for this audit.
    Invented,
    /// A of a test entry below that name.
    BelowInvented,
    /// A of an address drawn at random.
    Drawn(u8),
    /// A name of somebody else, with the wish for recursion.
    Foreign,
    /// The SOA record, with the wish for recursion.
    RecursionDesired,
    /// A type nobody has defined.
    UnknownType,
    /// The SOA record with CD.
    CheckingDisabled,
    /// The SOA record with AD.
    AuthenticData,
    /// The SOA record with the bit that is not used.
    ReservedBit,
    /// An operation nobody has defined.
    UnknownOpcode,
    /// The SOA record by EDNS.
    Edns,
    /// With a version nobody has defined.
    EdnsVersion,
    /// With an option nobody has defined.
    EdnsOption,
    /// With a flag nobody has defined.
    EdnsFlags,
    /// With DO.
    EdnsDo,
}

/// What a test entry is an entry of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A name.
    Name,
}

impl Key {
    /// All of them.
    pub const ALL: [Key; 3] = [Key::Ipv4, Key::Ipv6, Key::Name];

    /// The test entry that must be there, as it is written (RFC 5782 section 5).
    pub fn listed(self) -> &'static str {
        match self {
            Key::Ipv4 => "127.0.0.2",
            Key::Ipv6 => "::ffff:127.0.0.2",
            Key::Name => "TEST",
        }
    }

    /// The one that must not be there.
    pub fn never(self) -> &'static str {
        match self {
            Key::Ipv4 => "127.0.0.1",
            Key::Ipv6 => "::ffff:127.0.0.1",
            Key::Name => "INVALID",
        }
    }

    /// A test entry in the form it is asked by; the last octet says which.
    fn relative(self, last: u8) -> Vec<u8> {
        let address = Ipv4Addr::new(127, 0, 0, last);
        match (self, last) {
            (Key::Ipv4, _) => relative_ipv4(address),
            (Key::Ipv6, _) => relative_ipv6(address.to_ipv6_mapped()),
            (Key::Name, LISTED) => b"\x04test".to_vec(),
            (Key::Name, _) => b"\x07invalid".to_vec(),
        }
    }
}

/// How many addresses are drawn at random. A list of half the Internet by one code is taken for one of all once in
/// four thousand audits.
pub const DRAWN: u8 = 12;

/// What the questions of one audit have in common.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The list.
    pub zone: Name,
    /// The zone it stands in: its own, or one above.
    pub apex: Name,
    /// A label nobody ever listed.
    pub invented: String,
    /// Addresses drawn at random.
    pub drawn: [Ipv4Addr; DRAWN as usize],
}

impl Asking {
    /// All questions after the first.
    pub fn probes() -> impl Iterator<Item = Probe> {
        use Probe as P;
        let keys = Key::ALL.into_iter().flat_map(|key| {
            [P::Listed(key), P::Reason(key), P::OtherType(key), P::Above(key), P::Never(key)]
        });
        let single = [
            P::Soa,
            P::Tcp,
            P::Case,
            P::Ns,
            P::Invented,
            P::BelowInvented,
            P::Foreign,
            P::RecursionDesired,
            P::UnknownType,
            P::CheckingDisabled,
            P::AuthenticData,
            P::ReservedBit,
            P::UnknownOpcode,
            P::Edns,
            P::EdnsVersion,
            P::EdnsOption,
            P::EdnsFlags,
            P::EdnsDo,
        ];
        single.into_iter().chain(keys).chain((0..DRAWN).map(P::Drawn))
    }

    /// A question as a packet, with an id and without length; nothing if it has no sense or the name would be
    /// too long.
    pub fn packet(&self, probe: Probe, id: u16) -> Option<Vec<u8>> {
        use Probe as P;
        let below = |relative: &[u8]| [relative, self.zone.as_wire()].concat();
        let apex = || self.apex.as_wire().to_vec();
        let invented = [&[self.invented.len() as u8], self.invented.as_bytes()].concat();
        let (name, rtype) = match probe {
            P::Start => (self.zone.as_wire().to_vec(), SOA),
            P::Case => (mixed(&apex()), SOA),
            P::Ns => (apex(), NS),
            P::Listed(key) => (below(&key.relative(LISTED)), A),
            P::Reason(key) => (below(&key.relative(LISTED)), TXT),
            P::OtherType(key) => (below(&key.relative(LISTED)), AAAA),
            P::Above(Key::Name) => return None,
            P::Above(key) => {
                let relative = key.relative(LISTED);
                let first = 1 + usize::from(*relative.first()?);
                (below(relative.get(first..)?), A)
            }
            P::Never(key) => (below(&key.relative(NEVER)), A),
            P::Invented => (below(&invented), A),
            P::BelowInvented => (below(&[Key::Ipv4.relative(LISTED), invented].concat()), A),
            P::Drawn(n) => (below(&relative_ipv4(*self.drawn.get(usize::from(n))?)), A),
            P::Foreign => (self.foreign().to_vec(), A),
            P::UnknownType => (apex(), UNDEFINED_TYPE),
            P::UnknownOpcode => (Vec::new(), 0),
            P::Soa
            | P::Tcp
            | P::RecursionDesired
            | P::CheckingDisabled
            | P::AuthenticData
            | P::ReservedBit
            | P::Edns
            | P::EdnsVersion
            | P::EdnsOption
            | P::EdnsFlags
            | P::EdnsDo => (apex(), SOA),
        };
        if name.len() > LONGEST_NAME {
            return None;
        }
        let (high, low) = match probe {
            P::Foreign | P::RecursionDesired => (RD, 0),
            P::CheckingDisabled => (0, CD),
            P::AuthenticData => (0, AD),
            P::ReservedBit => (0, Z),
            P::UnknownOpcode => (UNDEFINED_OPCODE << 3, 0),
            _ => (0, 0),
        };
        // Version, flags and an option.
        let edns = match probe {
            P::Edns => Some((0, 0, None)),
            P::EdnsVersion => Some((1, 0, None)),
            P::EdnsOption => Some((0, 0, Some(UNDEFINED_OPTION))),
            P::EdnsFlags => Some((0, UNDEFINED_FLAG, None)),
            P::EdnsDo => Some((0, DO, None)),
            _ => None,
        };
        let questions = u8::from(!name.is_empty());
        let mut out = id.to_be_bytes().to_vec();
        out.extend([high, low, 0, questions, 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
        if questions == 1 {
            out.extend_from_slice(&name);
            out.extend_from_slice(&rtype.to_be_bytes());
            out.extend_from_slice(&[0, 1]);
        }
        if let Some((version, flags, option)) = edns {
            out.extend_from_slice(&[0, 0, 41]);
            out.extend_from_slice(&UDP_SIZE.to_be_bytes());
            out.extend_from_slice(&[0, version]);
            out.extend_from_slice(&flags.to_be_bytes());
            out.extend_from_slice(&[0, if option.is_some() { 4 } else { 0 }]);
            if let Some(option) = option {
                out.extend_from_slice(&option.to_be_bytes());
                out.extend_from_slice(&[0, 0]);
            }
        }
        Some(out)
    }

    /// A name that the list's servers do not serve.
    fn foreign(&self) -> &'static [u8] {
        let ours = b"\x07example\x03com\x00";
        match Name::from_wire(ours).is_ok_and(|name| self.apex.is_within(&name)) {
            true => b"\x07example\x03net\x00",
            false => ours,
        }
    }
}

/// A name with every second letter in upper case.
fn mixed(wire: &[u8]) -> Vec<u8> {
    let mut upper = false;
    let change = |byte: &u8| {
        // Lengths are below 64, so no letter.
        upper ^= byte.is_ascii_alphabetic();
        if upper { byte.to_ascii_uppercase() } else { *byte }
    };
    wire.iter().map(change).collect()
}

/// An address drawn from those that hosts on the Internet have.
pub fn draw(random: &mut impl rand::Rng) -> Ipv4Addr {
    loop {
        let address = Ipv4Addr::from(random.random::<u32>());
        let [first, second, ..] = address.octets();
        // Bogon lists list these, and mean it (RFC 6471 section 3.5).
        let is_special = matches!(first, 0 | 10 | 127 | 224..)
            || matches!((first, second), (100, 64..128) | (169, 254) | (172, 16..32))
            || matches!((first, second), (192, 0 | 168) | (198, 18 | 19 | 51) | (203, 0));
        if !is_special {
            return address;
        }
    }
}

/// The last octet of what must be listed.
const LISTED: u8 = 2;
/// The last octet of what must not be.
const NEVER: u8 = 1;
/// Longest name (RFC 1035 section 3.1).
const LONGEST_NAME: usize = 255;
/// The size of replies by UDP that is announced: what no network cuts.
const UDP_SIZE: u16 = 1232;
/// IPv4 addresses.
const A: u16 = 1;
/// Name servers.
const NS: u16 = 2;
/// Start of a zone.
const SOA: u16 = 6;
/// Texts.
const TXT: u16 = 16;
/// IPv6 addresses.
const AAAA: u16 = 28;
/// The type RFC 8906 section 8.1.2 asks for.
const UNDEFINED_TYPE: u16 = 1000;
/// The operation of its section 8.1.4.
const UNDEFINED_OPCODE: u8 = 15;
/// The option of its section 8.2.3.
pub(crate) const UNDEFINED_OPTION: u16 = 100;
/// The flag of its section 8.2.4.
pub(crate) const UNDEFINED_FLAG: u16 = 0x40;
/// Recursion desired, in the third byte of the header.
const RD: u8 = 1;
/// Checking disabled, in the fourth.
const CD: u8 = 0x10;
/// Authentic data.
const AD: u8 = 0x20;
/// The bit that is not used.
const Z: u8 = 0x40;
/// Signatures, please (RFC 3225), among EDNS's flags.
const DO: u16 = 0x8000;
