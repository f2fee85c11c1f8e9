//! Who may have a zone: by address, by key, or by both.

use std::net::IpAddr;
use std::str::FromStr;

use repute_dnsxl::{Name, Network};

/// Who may have a zone. Nobody, without an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access(Vec<Entry>);

/// Some who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whoever is at these addresses; wherever he is, if there are none.
    pub network: Option<Network>,
    /// And signs with this key; whether or not he signs, without one.
    pub key: Option<Name>,
}

impl Access {
    /// Those that any of the entries lets in.
    pub fn new(entries: Vec<Entry>) -> Access {
        Access(entries)
    }

    /// Whether nobody may.
    pub fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody may, who comes from an address and signed with a key, or with none.
    pub fn admits(&self, address: IpAddr, key: Option<&Name>) -> bool {
        self.0.iter().any(|entry| {
            let is_there = entry
                .network
                .as_ref()
                .is_none_or(|network| network.contains(address.to_canonical()));
            is_there && entry.key.as_ref().is_none_or(|wanted| key == Some(wanted))
        })
    }

    /// The keys that are named.
    pub fn keys(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().filter_map(|entry| entry.key.as_ref())
    }
}

/// Written as `192.0.2.0/24`, `key NAME`, or `192.0.2.53 key NAME`.
impl FromStr for Entry {
    type Err = String;

    fn from_str(text: &str) -> Result<Entry, String> {
        let expected = || "expected an address or network, `key NAME`, or both".to_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (network, key) = match words[..] {
            ["key", key] => (None, Some(key)),
            [network] => (Some(network), None),
            [network, "key", key] => (Some(network), Some(key)),
            _ => return Err(expected()),
        };
        let key = key
            .map(|key| key.parse().map_err(|error| format!("the key's name: {error}")))
            .transpose()?;
        let network = network.map(|network| network.parse().map_err(|_| expected())).transpose()?;
        Ok(Entry { network, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_asked_for_as_they_are_written() {
        let access = |entries: &[&str]| {
            Access::new(entries.iter().map(|entry| entry.parse().expect("an entry")).collect())
        };
        let (near, far): (IpAddr, IpAddr) =
            ("192.0.2.7".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let (key, other): (Name, Name) =
            ("k.example".parse().unwrap(), "o.example".parse().unwrap());
        assert!(!access(&[]).admits(near, Some(&key)));
        assert!(
            access(&["192.0.2.0/24"]).admits(near, None)
                && !access(&["192.0.2.0/24"]).admits(far, None)
        );
        assert!(access(&["192.0.2.0/24"]).admits("::ffff:192.0.2.7".parse().unwrap(), None));
        let by_key = access(&["key k.example"]);
        assert!(
            by_key.admits(far, Some(&key))
                && !by_key.admits(far, Some(&other))
                && !by_key.admits(far, None)
        );
        let both = access(&["192.0.2.7 key k.example", "2001:db8::/32"]);
        assert!(
            both.admits(near, Some(&key)) && !both.admits(near, None) && both.admits(far, None)
        );
        for bad in ["", "key", "192.0.2.1 k", "any", "192.0.2.1 key", "192.0.2.0/24 key k x"] {
            assert!(bad.parse::<Entry>().is_err(), "{bad}");
        }
    }
}
