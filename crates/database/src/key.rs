//! What an entry names, as bytes that sort: an index over them finds all that is above a key, and all below.
//!
//! A network is its family, its first address and its length; a name is its labels from the last one on. So
//! everything within a network, or below a name, stands together, and what contains a target are a few exact
//! keys.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use repute_dnsxl::{Extent, Ipv4Network, Ipv6Network, Name, Network, Target};

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A network.
    Network(Network),
    /// A name alone, what is below it, or both.
    Name(Name, Extent),
}

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of an entry: the database is damaged, or of a later version")]
pub struct KeyError;

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a network (192.0.2.0/24, 2001:db8::/32) nor a name (x.example, with all below it .x.example, \
     all below it *.x.example)"
)]
pub struct NoKey(pub String);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Network(network) => network.fmt(f),
            Key::Name(name, Extent::Exact) => name.fmt(f),
            Key::Name(name, Extent::Below) => write!(f, "*.{name}"),
            Key::Name(name, Extent::Both) => write!(f, ".{name}"),
        }
    }
}

impl FromStr for Key {
    type Err = NoKey;

    /// Parses a network, or a name as lists write it: `x`, `*.x` for all below it, `.x` for both.
    fn from_str(text: &str) -> Result<Key, NoKey> {
        if let Ok(network) = text.parse() {
            return Ok(Key::Network(network));
        }
        let (name, extent) = match (text.strip_prefix("*."), text.strip_prefix('.')) {
            (Some(name), _) => (name, Extent::Below),
            (None, Some(name)) => (name, Extent::Both),
            (None, None) => (text, Extent::Exact),
        };
        // Digits alone, or a slash, are an address that went wrong, never a name.
        let is_number = name.rsplit('.').next().is_some_and(|label| label.parse::<u32>().is_ok());
        match name.parse() {
            Ok(name) if !is_number && !text.contains('/') => Ok(Key::Name(name, extent)),
            Ok(_) | Err(_) => Err(NoKey(text.to_owned())),
        }
    }
}

impl Key {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Key::Network(Network::V4(network)) => {
                let first = network.first().to_be_bytes();
                [&[IPV4][..], &first, &[network.prefix_len()]].concat()
            }
            Key::Network(Network::V6(network)) => {
                let first = network.first().to_be_bytes();
                [&[IPV6][..], &first, &[network.prefix_len()]].concat()
            }
            Key::Name(name, extent) => {
                let mut bytes = subtree(name);
                bytes.extend([0, extent_byte(*extent)]);
                bytes
            }
        }
    }

    /// Reads them.
    ///
    /// # Errors
    /// If they are none that [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Key, KeyError> {
        let (family, rest) = bytes.split_first().ok_or(KeyError)?;
        match *family {
            IPV4 => {
                let (first, &[len]) = rest.split_first_chunk().ok_or(KeyError)? else {
                    return Err(KeyError);
                };
                let first = u32::from_be_bytes(*first).into();
                let network = Ipv4Network::new(first, len).map_err(|_| KeyError)?;
                Ok(Key::Network(Network::V4(network)))
            }
            IPV6 => {
                let (first, &[len]) = rest.split_first_chunk().ok_or(KeyError)? else {
                    return Err(KeyError);
                };
                let first = u128::from_be_bytes(*first).into();
                let network = Ipv6Network::new(first, len).map_err(|_| KeyError)?;
                Ok(Key::Network(Network::V6(network)))
            }
            NAME => {
                let (&extent, labels) = rest.split_last().ok_or(KeyError)?;
                Ok(Key::Name(name_of(labels)?, extent_of(extent)?))
            }
            _ => Err(KeyError),
        }
    }

    /// The keys that would list a target, the most specific first: at most 129.
    pub fn over(target: &Target) -> Vec<Key> {
        match target {
            Target::Ipv4(address) => (0..=32)
                .rev()
                .map(|len| Key::Network(Network::V4(Ipv4Network::around(*address, len))))
                .collect(),
            Target::Ipv6(address) => (0..=128)
                .rev()
                .map(|len| Key::Network(Network::V6(Ipv6Network::around(*address, len))))
                .collect(),
            Target::Name(name) => {
                let mut keys = vec![
                    Key::Name(name.clone(), Extent::Exact),
                    Key::Name(name.clone(), Extent::Both),
                ];
                let mut rest = name.as_wire();
                while let Some((&len, tail)) = rest.split_first()
                    && len > 0
                {
                    rest = tail.get(usize::from(len)..).unwrap_or_default();
                    // A tail of a name at a label is a name.
                    let Ok(above) = Name::from_wire(rest) else { break };
                    if above.label_count() > 0 {
                        keys.push(Key::Name(above.clone(), Extent::Below));
                        keys.push(Key::Name(above, Extent::Both));
                    }
                }
                keys
            }
        }
    }

    /// The keys of entries that cover all of this one, the most specific first; this one is none of them.
    pub fn above(&self) -> Vec<Key> {
        let target = match self {
            Key::Network(Network::V4(network)) => Target::Ipv4(network.first().into()),
            Key::Network(Network::V6(network)) => Target::Ipv6(network.first().into()),
            Key::Name(name, _) => Target::Name(name.clone()),
        };
        let covers = |other: &Key| match (other, self) {
            (Key::Network(Network::V4(other)), Key::Network(Network::V4(network))) => {
                other.prefix_len() < network.prefix_len()
            }
            (Key::Network(Network::V6(other)), Key::Network(Network::V6(network))) => {
                other.prefix_len() < network.prefix_len()
            }
            (Key::Name(other, extent), Key::Name(name, of)) if other == name => {
                *extent == Extent::Both && *of != Extent::Both
            }
            (Key::Network(_) | Key::Name(..), _) => true,
        };
        Key::over(&target).into_iter().filter(covers).collect()
    }

    /// The bytes between which all keys lie that are within this one, itself included.
    pub fn within(&self) -> RangeInclusive<Vec<u8>> {
        match self {
            Key::Network(Network::V4(network)) => {
                let last = [&[IPV4][..], &network.last().to_be_bytes(), &[32]].concat();
                self.to_bytes()..=last
            }
            Key::Network(Network::V6(network)) => {
                let last = [&[IPV6][..], &network.last().to_be_bytes(), &[128]].concat();
                self.to_bytes()..=last
            }
            Key::Name(name, _) => {
                // No label is so long.
                let (first, mut last) = (subtree(name), subtree(name));
                last.push(u8::MAX);
                first..=last
            }
        }
    }
}

/// The bytes that the keys of a name and of all below it begin with.
fn subtree(name: &Name) -> Vec<u8> {
    let labels: Vec<&[u8]> = name.labels().collect();
    let mut bytes = vec![NAME];
    for label in labels.into_iter().rev() {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label);
    }
    bytes
}

/// The name of labels from the last one on, with the end.
fn name_of(mut bytes: &[u8]) -> Result<Name, KeyError> {
    let mut labels: Vec<&[u8]> = Vec::new();
    loop {
        let (&len, rest) = bytes.split_first().ok_or(KeyError)?;
        if len == 0 {
            break;
        }
        labels.push(rest.get(..usize::from(len)).ok_or(KeyError)?);
        bytes = rest.get(usize::from(len)..).ok_or(KeyError)?;
    }
    let mut wire = Vec::new();
    for label in labels.into_iter().rev() {
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
    }
    wire.push(0);
    match bytes.len() {
        1 => Name::from_wire(&wire).map_err(|_| KeyError),
        _ => Err(KeyError),
    }
}

/// The byte of an extent.
fn extent_byte(extent: Extent) -> u8 {
    match extent {
        Extent::Exact => 0,
        Extent::Below => 1,
        Extent::Both => 2,
    }
}

/// The extent of a byte.
fn extent_of(byte: u8) -> Result<Extent, KeyError> {
    match byte {
        0 => Ok(Extent::Exact),
        1 => Ok(Extent::Below),
        2 => Ok(Extent::Both),
        _ => Err(KeyError),
    }
}

/// The first byte of keys that are IPv4 networks.
const IPV4: u8 = 4;
/// Of IPv6 networks.
const IPV6: u8 = 6;
/// Of names.
const NAME: u8 = b'n';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Key {
        Key::Network(text.parse().expect("a network"))
    }

    fn name(text: &str, extent: Extent) -> Key {
        Key::Name(text.parse().expect("a name"), extent)
    }

    /// Any key.
    fn key() -> impl Strategy<Value = Key> {
        let extent = prop_oneof![Just(Extent::Exact), Just(Extent::Below), Just(Extent::Both)];
        prop_oneof![
            (any::<u32>(), 0_u8..=32).prop_map(|(address, len)| {
                Key::Network(Network::V4(Ipv4Network::around(address.into(), len)))
            }),
            (any::<u128>(), 0_u8..=128).prop_map(|(address, len)| {
                Key::Network(Network::V6(Ipv6Network::around(address.into(), len)))
            }),
            ("([a-z0-9]{1,3}\\.){1,4}[a-z]{2,3}", extent)
                .prop_map(|(text, extent)| Key::Name(text.parse().expect("a name"), extent)),
        ]
    }

    #[test]
    fn what_covers_all_of_a_key_is_above_it() {
        for (key, first, last, count) in [
            ("192.0.2.7", "192.0.2.6/31", "0.0.0.0/0", 32),
            ("192.0.2.0/24", "192.0.2.0/23", "0.0.0.0/0", 24),
            ("2001:db8::/32", "2001:db8::/31", "::/0", 32),
            ("a.b.example", ".a.b.example", ".example", 5),
            ("*.a.b.example", ".a.b.example", ".example", 5),
            (".a.b.example", "*.b.example", ".example", 4),
        ] {
            let above = key.parse::<Key>().expect("a key").above();
            let ends = [&above[0], &above[above.len() - 1]].map(Key::to_string);
            assert_eq!((ends, above.len()), ([first, last].map(str::to_owned), count), "{key}");
        }
        assert_eq!("0.0.0.0/0".parse::<Key>().expect("a key").above(), []);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key in key()) {
            prop_assert_eq!(Key::from_bytes(&key.to_bytes()), Ok(key));
        }

        #[test]
        fn strangers_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(key) = Key::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }

        #[test]
        fn what_is_within_stands_together(address in any::<u32>(), outer in 0_u8..=32, inner in 0_u8..=32, other in any::<u32>()) {
            let outer = Ipv4Network::around(address.into(), outer);
            let inner = Ipv4Network::around(other.into(), inner);
            let is_within = outer.prefix_len() <= inner.prefix_len()
                && outer.contains(inner.first().into());
            let range = Key::Network(Network::V4(outer)).within();
            prop_assert_eq!(range.contains(&Key::Network(Network::V4(inner)).to_bytes()), is_within);
        }
    }

    #[test]
    fn a_target_has_few_keys_above_it() {
        let keys = Key::over(&"192.0.2.1".parse().expect("a target"));
        assert_eq!((keys.len(), &keys[0]), (33, &network("192.0.2.1")));
        assert_eq!(keys[32], network("0.0.0.0/0"));
        assert_eq!(Key::over(&"2001:db8::1".parse().expect("a target")).len(), 129);
        use Extent::{Below, Both, Exact};
        let keys = Key::over(&"a.b.example".parse().expect("a target"));
        let wanted = [
            name("a.b.example", Exact),
            name("a.b.example", Both),
            name("b.example", Below),
            name("b.example", Both),
            name("example", Below),
            name("example", Both),
        ];
        assert_eq!(keys, wanted);
    }

    #[test]
    fn names_below_stand_behind_theirs() {
        let range = name("example.com", Extent::Exact).within();
        for inside in ["example.com", "a.example.com", "zz.b.example.com"] {
            assert!(range.contains(&name(inside, Extent::Both).to_bytes()), "{inside}");
        }
        for outside in ["com", "example.org", "myexample.com", "examples.com"] {
            assert!(!range.contains(&name(outside, Extent::Both).to_bytes()), "{outside}");
        }
    }
}
