//! Access lists: the longest network that holds a client decides, or the key before the apex.
//!
//! They are no part of a zone, so there is no snapshot of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use repute_dnsxl::Name;
use repute_zone::format::ReadOptions;
use repute_zone::{Action, Dataset, DatasetKind, Relative};

use crate::list::dataset;
use crate::question::labels;

/// What a line says of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Say {
    /// The truth is told.
    Pass,
    /// No answer at all.
    Ignore,
    /// REFUSED.
    Refuse,
    /// Nothing is listed.
    Empty,
    /// Always listed, with this code.
    Always(u8),
}

impl Say {
    /// As it is written, in one of several ways.
    fn written(self, way: usize) -> String {
        let words: &[&str] = match self {
            Say::Pass => &[":pass", "=pass"],
            Say::Ignore => &[":ignore", "=ignore", ":blackhole"],
            Say::Refuse => &[":refuse", "=refuse", ":REFUSE"],
            Say::Empty => &[":empty", "=empty", ":empty # a remark"],
            Say::Always(code) => return format!(":127.255.255.{code}:see $"),
        };
        words[way % words.len()].to_owned()
    }

    /// What a list says, in these words.
    fn of(list: &Dataset, action: Action) -> Say {
        match action {
            Action::Pass => Say::Pass,
            Action::Ignore => Say::Ignore,
            Action::Refuse => Say::Refuse,
            Action::Empty => Say::Empty,
            Action::Always(value) => {
                let listing = list.always(value).expect("the list's own value");
                let mut pairs = listing.pairs(0, false);
                let (pair, next) = (pairs.next().expect("a code"), pairs.next());
                assert!(pair.code[..3] == [127, 255, 255] && next.is_none());
                let mut text = [0; 64];
                let len = listing.write_text(pair, b"it", text.len(), &mut text);
                assert_eq!(&text[..len], b"see it");
                Say::Always(pair.code[3])
            }
        }
    }
}

/// Anything a line may say.
fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        Just(Say::Pass),
        Just(Say::Ignore),
        Just(Say::Refuse),
        Just(Say::Empty),
        (1_u8..5).prop_map(Say::Always),
    ]
}

/// What is in effect where nothing is said: `:ignore` for an entry alone, and answers for all others.
const UNSAID: Say = Say::Ignore;

/// A network of either family: its first bits, how many they are.
type Net = (bool, u128, u8);

/// Networks that nest, touch and stand apart.
fn net() -> impl Strategy<Value = Net> {
    let v4 = (0_u128..3, 0_u128..0x300, prop_oneof![Just(0_u8), Just(8), 22_u8..=32])
        .prop_map(|(a, low, len)| (false, (a << 24 | low) >> (32 - len) << (32 - len), len));
    let first = prop_oneof![Just(0_u128), Just(0x2001_0db8), Just(0x2001_0db9)];
    let v6 = (first, 0_u128..3, prop_oneof![Just(16_u8), Just(32), Just(64), Just(127), Just(128)])
        .prop_map(|(a, low, len)| {
            (true, (a << 96 | low << 64 | low) >> (128 - len) << (128 - len), len)
        });
    prop_oneof![2 => v4, 1 => v6]
}

/// How many bits an address of a family has.
fn bits(v6: bool) -> u8 {
    if v6 { 128 } else { 32 }
}

/// An address of a family.
fn address(v6: bool, bits: u128) -> IpAddr {
    if v6 { Ipv6Addr::from(bits).into() } else { Ipv4Addr::from(bits as u32).into() }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    #[test]
    fn acl_says_what_the_longest_network_of_a_client_says(
        lines in proptest::collection::btree_map(
            net(), (proptest::option::weighted(0.9, say()), any::<usize>()), 1..40
        ),
    ) {
        let text: String = lines.iter().map(|((v6, first, len), (say, way))| {
            let say = say.map(|say| say.written(*way)).unwrap_or_default();
            format!("{}/{len} {say}\n", address(*v6, *first))
        }).collect();
        let list = dataset(DatasetKind::Acl, &text, &ReadOptions::default());
        for (v6, first, len) in lines.keys() {
            let host = u128::MAX.checked_shr(128 - u32::from(bits(*v6) - len)).unwrap_or(0);
            let most = u128::MAX >> (128 - bits(*v6));
            let last = first | host;
            for client in [first.wrapping_sub(1) & most, *first, last, (last + 1) & most] {
                let holding = lines.iter().filter(|((family, first, len), _)| {
                    let host = u32::from(bits(*family) - len);
                    let same = |shift| client.checked_shr(shift).unwrap_or(0) == first.checked_shr(shift).unwrap_or(0);
                    family == v6 && same(host)
                });
                let longest = holding.max_by_key(|((_, _, len), _)| *len);
                // doc/list-server.md: "Clients that are in no line get answers."
                let expect = longest.map_or(Say::Pass, |(_, (say, _))| say.unwrap_or(UNSAID));
                let client = address(*v6, client);
                let action = list.acl_action(client).expect("an access list by address");
                prop_assert_eq!(Say::of(&list, action), expect, "{}", client);
            }
        }
        prop_assert!(list.key_action(Relative::new(b"\x01k", &[0])).is_none(), "it knows no keys");
    }

    #[test]
    fn aclkey_says_what_the_label_before_the_apex_says(
        lines in proptest::collection::btree_map(
            "[a-z0-9-]{1,3}", (proptest::option::weighted(0.9, say()), any::<usize>()), 1..20
        ),
        others in proptest::option::of(say()),
        upper in any::<bool>(),
        questions in proptest::collection::vec(("([a-z0-9]{1,2}\\.){0,2}[a-z0-9]", "[a-z0-9-]{1,3}"), 1..30),
    ) {
        let mut text: String = lines.iter().map(|(key, (say, way))| {
            let key = if upper { key.to_uppercase() } else { key.clone() };
            format!("{key} {}\n", say.map(|say| say.written(*way)).unwrap_or_default())
        }).collect();
        // Last, so that it is what is said of everybody else.
        text.extend(others.map(|say| format!("{}\n", say.written(0))));
        let list = dataset(DatasetKind::Aclkey, &text, &ReadOptions::default());
        let of_others = others.unwrap_or(UNSAID);
        let keys = questions.iter().map(|(name, key)| (name.as_str(), key)).chain(lines.keys().map(|key| ("a.b", key)));
        for (name, key) in keys {
            let question: Name = format!("{name}.{key}").parse().expect("a name");
            let wire = question.relative();
            let (action, known) = list.key_action(Relative::new(wire, &labels(wire))).expect("it has keys");
            let line = lines.get(key);
            prop_assert_eq!(known, line.is_some(), "{}", key);
            let expect = line.map_or(of_others, |(say, _)| say.unwrap_or(UNSAID));
            prop_assert_eq!(Say::of(&list, action), expect, "{}", key);
            // A key alone asks about nothing, so it is no key.
            let alone: Name = key.parse().expect("a name");
            let wire = alone.relative();
            let (action, known) = list.key_action(Relative::new(wire, &labels(wire))).expect("it has keys");
            prop_assert_eq!((Say::of(&list, action), known), (of_others, false));
        }
        prop_assert!(list.acl_action(Ipv4Addr::LOCALHOST.into()).is_none(), "it knows no addresses");
    }
}
