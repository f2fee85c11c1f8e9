//! What can be told of a request without a person: each check says what was seen, and how to mend it.
//!
//! Functions over evidence that was gathered before; nothing here asks.

use std::net::IpAddr;

use repute_dnsxl::{Name, Network};

use super::item::Item;
use crate::reserved::{prefix_len, reserved_for};
use crate::two_editors::is_wide;

/// What was found out about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The address.
    pub address: IpAddr,
    /// The names that its PTR records give it.
    pub pointers: Pointers,
}

/// The names of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointers {
    /// No resolver says.
    Unknown,
    /// Nobody was asked: the time was over.
    NotAsked,
    /// These, each with the addresses that it has; none if that is not known.
    Names(Vec<(Name, Option<Vec<IpAddr>>)>),
}

/// An entry that a request touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// What it lists.
    pub network: Network,
    /// Whose it is.
    pub whose: Whose,
}

/// Whose an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// That of who asks.
    Own,
    /// Another organisation's, by its Id.
    Others(i64),
    /// Nobody's: an editor's, or a feed's.
    Nobodys,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Whether the network can be listed at all.
    Range,
    /// Whether the name of an address leads back to it.
    Fcrdns,
    /// Whether that name is one of a mail server.
    Naming,
    /// Whether that name lies in a domain of the organisation.
    Domain,
    /// Whether somebody else has an entry there.
    Conflict,
    /// Whether a code carries the organisation's category.
    Category,
    /// What lists of others say.
    Elsewhere,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// All is well.
    Pass,
    /// It could not be told.
    Unclear,
    /// An editor should look at it.
    Warn,
    /// It must be mended.
    Fail,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it ended.
    pub outcome: Outcome,
    /// What it is about: an address or a network.
    pub about: String,
    /// What was seen.
    pub seen: String,
    /// How it is mended; empty if there is nothing to mend.
    pub mend: String,
}

impl Check {
    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Check::Range => "range",
            Check::Fcrdns => "fcrdns",
            Check::Naming => "naming",
            Check::Domain => "domain",
            Check::Conflict => "conflict",
            Check::Category => "category",
            Check::Elsewhere => "listed elsewhere",
        }
    }

    /// The check of a word.
    pub fn of_word(word: &str) -> Option<Check> {
        let all = [
            Check::Range,
            Check::Fcrdns,
            Check::Naming,
            Check::Domain,
            Check::Conflict,
            Check::Category,
            Check::Elsewhere,
        ];
        all.into_iter().find(|check| check.word() == word)
    }
}

impl Outcome {
    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Unclear => "unclear",
            Outcome::Warn => "warn",
            Outcome::Fail => "fail",
        }
    }

    /// The outcome of a word.
    pub fn of_word(word: &str) -> Option<Outcome> {
        let all = [Outcome::Pass, Outcome::Unclear, Outcome::Warn, Outcome::Fail];
        all.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// What the checks of a network find that need no evidence.
pub fn range(network: Network) -> Finding {
    let too_large = match network {
        Network::V4(_) => prefix_len(network) < 16,
        Network::V6(_) => prefix_len(network) < 32,
    };
    let (outcome, seen, mend) = match reserved_for(network) {
        Some(what) => {
            (Outcome::Fail, format!("reserved for {what}"), "name public addresses".to_owned())
        }
        None if too_large => (
            Outcome::Fail,
            "larger than /16 (IPv4) or /32 (IPv6)".to_owned(),
            "name the networks that send mail".to_owned(),
        ),
        None if is_wide(network) => (
            Outcome::Warn,
            "wider than /20 (IPv4) or /40 (IPv6): two editors decide".to_owned(),
            "name only the addresses that send mail".to_owned(),
        ),
        None => (Outcome::Pass, "public addresses".to_owned(), String::new()),
    };
    Finding { check: Check::Range, outcome, about: network.to_string(), seen, mend }
}

/// What the names of an address say: whether they lead back to it, are those of a mail server, and lie in a domain of
/// who asks.
pub fn names(evidence: &Evidence, domains: &[Name]) -> Vec<Finding> {
    let address = evidence.address;
    let finding = |check, outcome, seen: String, mend: String| Finding {
        check,
        outcome,
        about: address.to_string(),
        seen,
        mend,
    };
    let ask = format!("dig +short -x {address}");
    let names = match &evidence.pointers {
        Pointers::Unknown => {
            let seen = "no resolver says whether it has a PTR record".to_owned();
            return vec![finding(Check::Fcrdns, Outcome::Unclear, seen, format!("`{ask}`"))];
        }
        Pointers::NotAsked => {
            let seen = "not looked at: the resolvers took too long for the others";
            return vec![finding(Check::Fcrdns, Outcome::Unclear, seen.to_owned(), ask)];
        }
        Pointers::Names(names) if names.is_empty() => {
            let mend = format!("`{ask}` must print the name of the server");
            return vec![finding(
                Check::Fcrdns,
                Outcome::Fail,
                "it has no PTR record".to_owned(),
                mend,
            )];
        }
        Pointers::Names(names) => names,
    };
    let leads_back = |(_, addresses): &&(Name, Option<Vec<IpAddr>>)| match addresses {
        Some(addresses) => addresses.contains(&address),
        None => false,
    };
    let Some((name, _)) = names.iter().find(leads_back) else {
        let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
        let (first, addresses) = &names[0];
        let (outcome, seen) = match addresses {
            None => {
                (Outcome::Unclear, format!("its name is {first}, of which no resolver says more"))
            }
            Some(some) if some.is_empty() => {
                (Outcome::Fail, format!("its name is {first}, which has no addresses"))
            }
            Some(some) => {
                let some: Vec<String> = some.iter().take(4).map(IpAddr::to_string).collect();
                (Outcome::Fail, format!("its name is {first}, which has {}", some.join(", ")))
            }
        };
        let mend = format!("`dig +short {first} {rtype}` must print {address}");
        return vec![finding(Check::Fcrdns, outcome, seen, mend)];
    };
    let mut findings = vec![finding(
        Check::Fcrdns,
        Outcome::Pass,
        format!("its name {name} leads back to it"),
        String::new(),
    )];
    findings.push(match generic(name, address) {
        Some(why) => finding(
            Check::Naming,
            Outcome::Warn,
            format!("{name} looks like the name of a dynamic or unnamed address: {why}"),
            format!("`{ask}` should print a name like mail.example.org"),
        ),
        None => finding(Check::Naming, Outcome::Pass, format!("{name} is a name"), String::new()),
    });
    findings.push(match domains.iter().find(|domain| name.is_within(domain)) {
        Some(domain) => {
            finding(Check::Domain, Outcome::Pass, format!("{name} lies in {domain}"), String::new())
        }
        None => finding(
            Check::Domain,
            Outcome::Warn,
            format!("{name} lies in no domain of the organisation"),
            "claim that domain, or say why the address is yours".to_owned(),
        ),
    });
    findings
}

/// Why a name looks like that of a dynamic address, or of one that nobody named.
pub fn generic(name: &Name, address: IpAddr) -> Option<String> {
    // The last two labels are an operator's, who may be called as he likes.
    let count = name.label_count();
    let labels = name.labels().take(count.saturating_sub(2));
    let text = labels.map(String::from_utf8_lossy).collect::<Vec<_>>().join(".");
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    if let Some(word) = words.into_iter().find(|word| WORDS.contains(word)) {
        return Some(format!("`{word}`"));
    }
    let holds_address = match address {
        IpAddr::V4(address) => {
            let octets = address.octets();
            let numbers: Vec<u32> = text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            let forward: Vec<u32> = octets.iter().map(|octet| u32::from(*octet)).collect();
            let reverse: Vec<u32> = forward.iter().rev().copied().collect();
            let last_two = [&forward[2..], &reverse[..2]];
            let hex = octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
            let padded = octets.iter().map(|octet| format!("{octet:03}")).collect::<String>();
            last_two.iter().any(|two| numbers.windows(2).any(|pair| pair == *two))
                || text.contains(&hex)
                || text.contains(&padded)
        }
        IpAddr::V6(address) => {
            let nibbles: String = address.segments().map(|part| format!("{part:04x}")).concat();
            let plain: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            let reverse: String = nibbles.chars().rev().collect();
            plain.contains(&nibbles[16..]) || plain.contains(&reverse[..16])
        }
    };
    holds_address.then(|| "it holds the address".to_owned())
}

/// What other entries say of an item.
pub fn conflicts(item: &Item, neighbours: &[Neighbour]) -> Option<Finding> {
    let network = item.network()?;
    let others = neighbours.iter().filter_map(|neighbour| match neighbour.whose {
        Whose::Others(id) => Some((neighbour.network, id)),
        Whose::Own | Whose::Nobodys => None,
    });
    let own = || neighbours.iter().any(|one| one.whose == Whose::Own && one.network == network);
    let (outcome, seen, mend) = match (item, others.into_iter().next()) {
        (Item::Remove { .. } | Item::Rescore { .. }, _) if !own() => (
            Outcome::Fail,
            "the organisation has no entry for exactly this".to_owned(),
            "name the network as it is listed".to_owned(),
        ),
        (Item::Remove { .. }, _) => {
            (Outcome::Pass, "it is an entry of the organisation".to_owned(), String::new())
        }
        (_, Some((network, id))) => (
            Outcome::Warn,
            format!("organisation {id} has an entry for {network}"),
            "say in the request why the address is yours now".to_owned(),
        ),
        (Item::Add { .. }, None) if own() => (
            Outcome::Warn,
            "the organisation has an entry for it already".to_owned(),
            "ask for another code instead".to_owned(),
        ),
        (_, None) => (Outcome::Pass, "nobody else has an entry there".to_owned(), String::new()),
    };
    Some(Finding { check: Check::Conflict, outcome, about: network.to_string(), seen, mend })
}

/// Words that operators put into names of addresses that they give to customers.
const WORDS: &[&str] = &[
    "adsl",
    "broadband",
    "cable",
    "client",
    "cpe",
    "cust",
    "customer",
    "customers",
    "dhcp",
    "dial",
    "dialin",
    "dialup",
    "dsl",
    "dyn",
    "dynamic",
    "dynip",
    "ftth",
    "mobile",
    "nat",
    "pool",
    "pools",
    "pppoe",
    "ppp",
    "residential",
    "unassigned",
    "vdsl",
    "wifi",
    "xdsl",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a name is taken for that of a dynamic address.
    fn is_generic(name: &str, address: &str) -> bool {
        let (name, address) = (name.parse().expect("a name"), address.parse().expect("one"));
        generic(&name, address).is_some()
    }

    #[test]
    fn names_that_nobody_gave_are_known() {
        for name in [
            "192-0-2-25.example.net",
            "25.2.0.192.in.example.net",
            "host-2-25.example.net",
            "c0000219.example.net",
            "192000002025.example.net",
            "dyn25.isp.example.net",
            "pool-7.isp.example.net",
            "x.dsl.isp.example.net",
        ] {
            assert!(is_generic(name, "192.0.2.25"), "{name}");
        }
        for name in [
            "mail.example.org",
            "mx25.example.org",
            "dsl.example",
            "mail.dsl.example",
            "mx1.fra2.example.org",
            "nation.example.org",
            "natalie.mail.example.org",
        ] {
            assert!(!is_generic(name, "192.0.2.25"), "{name}");
        }
        let address = "2a00:1450:4001:81b::200e";
        assert!(is_generic("2a00-1450-4001-081b-0000-0000-0000-200e.v6.example.net", address));
        assert!(!is_generic("mail.v6.example.net", address));
    }

    /// A name, and its addresses if they are known.
    type Named<'n> = (&'n str, Option<&'n [&'n str]>);

    /// What the names of 192.0.2.25 come to, in words; `names` are a name and its addresses each.
    fn named(names: Option<&[Named<'_>]>) -> Vec<String> {
        let address = |text: &&str| text.parse().expect("an address");
        let pointers = names.map_or(Pointers::Unknown, |names| {
            let read = |(name, addresses): &Named<'_>| {
                let addresses = addresses.map(|some| some.iter().map(address).collect());
                (name.parse().expect("a name"), addresses)
            };
            Pointers::Names(names.iter().map(read).collect())
        });
        let evidence = Evidence { address: address(&"192.0.2.25"), pointers };
        let word = |one: &Finding| {
            format!("{} {}: {} [{}]", one.check.word(), one.outcome.word(), one.seen, one.mend)
        };
        super::names(&evidence, &["example.org".parse().expect("a name")])
            .iter()
            .map(word)
            .collect()
    }

    #[test]
    fn a_name_leads_back_or_it_is_said_what_must_change() {
        let found = named(Some(&[("mail.example.org", Some(&["192.0.2.25"]))]));
        assert_eq!(
            found,
            [
                "fcrdns pass: its name mail.example.org leads back to it []",
                "naming pass: mail.example.org is a name []",
                "domain pass: mail.example.org lies in example.org []",
            ]
        );
        for (names, wanted) in [
            (
                None,
                "fcrdns unclear: no resolver says whether it has a PTR record [`dig +short -x 192.0.2.25`]",
            ),
            (
                Some(&[][..]),
                "fcrdns fail: it has no PTR record [`dig +short -x 192.0.2.25` must print the name of the server]",
            ),
            (
                Some(&[("mail.example.org", Some(&["192.0.2.26"][..]))][..]),
                "fcrdns fail: its name is mail.example.org, which has 192.0.2.26 \
                 [`dig +short mail.example.org A` must print 192.0.2.25]",
            ),
            (
                Some(&[("mail.example.org", Some(&[][..]))][..]),
                "fcrdns fail: its name is mail.example.org, which has no addresses \
                 [`dig +short mail.example.org A` must print 192.0.2.25]",
            ),
            (
                Some(&[("mail.example.org", None)][..]),
                "fcrdns unclear: its name is mail.example.org, of which no resolver says more \
                 [`dig +short mail.example.org A` must print 192.0.2.25]",
            ),
        ] {
            assert_eq!(named(names), [wanted]);
        }
        let found = named(Some(&[
            ("old.example.org", Some(&[])),
            ("pool.isp.example.net", Some(&["192.0.2.25"])),
        ]));
        let outcomes: Vec<_> = found.iter().map(|one| &one[..11]).collect();
        assert_eq!(outcomes, ["fcrdns pass", "naming warn", "domain warn"]);
    }

    #[test]
    fn a_range_is_public_and_not_too_large() {
        for (network, outcome) in [
            ("8.8.8.0/24", Outcome::Pass),
            ("8.8.0.0/20", Outcome::Pass),
            ("8.8.0.0/19", Outcome::Warn),
            ("8.8.0.0/16", Outcome::Warn),
            ("8.0.0.0/15", Outcome::Fail),
            ("192.168.1.0/24", Outcome::Fail),
            ("2a00:1450::/40", Outcome::Pass),
            ("2a00:1450::/32", Outcome::Warn),
            ("2a00::/31", Outcome::Fail),
            ("2001:db8::1", Outcome::Fail),
        ] {
            assert_eq!(range(network.parse().expect("one")).outcome, outcome, "{network}");
        }
    }

    #[test]
    fn what_others_have_is_seen() {
        let (here, around) = ("8.8.8.8".parse().expect("one"), "8.8.8.0/24".parse().expect("one"));
        let code = "127.0.5.1".parse().expect("a code");
        let add = Item::Add { network: here, code };
        let rescore = Item::Rescore { network: here, code };
        let remove = Item::Remove { network: here };
        use Outcome::{Fail, Pass, Warn};
        for (network, whose, outcomes) in [
            (here, Whose::Own, [Warn, Pass, Pass]),
            (around, Whose::Own, [Pass, Fail, Fail]),
            (around, Whose::Others(7), [Warn, Fail, Fail]),
            (here, Whose::Nobodys, [Pass, Fail, Fail]),
        ] {
            let neighbours = [Neighbour { network, whose }];
            let found = [&add, &rescore, &remove]
                .map(|item| conflicts(item, &neighbours).expect("a network").outcome);
            assert_eq!(found, outcomes, "{network} {whose:?}");
        }
        assert_eq!(conflicts(&Item::Category(1), &[]), None);
    }
}
