//! Names that answer with the address of the resolver that asks for them.
//!
//! They are data, `whoami.toml`, compiled in, with the source of each. A list may have such a name of its own.

use std::net::IpAddr;

use repute_dnsxl::Name;
use serde::Deserialize;

use crate::exchange::Answer;
use crate::message::{Data, Question};

/// Such a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whoami {
    /// The name.
    pub(super) name: Name,
    /// The type that has the address.
    rtype: u16,
    /// A word in front of it.
    prefix: String,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    whoami: Vec<Table>,
}

/// One of its tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    #[serde(rename = "type")]
    rtype: Type,
    #[serde(default)]
    prefix: String,
    /// Who runs it, for whom reads the file.
    #[serde(rename = "operator")]
    _operator: String,
    /// Where that is known from, for whom reads the file.
    #[serde(rename = "source")]
    _source: String,
}

/// The types in use.
#[derive(Clone, Copy, Deserialize)]
enum Type {
    /// The address itself.
    A,
    /// A text.
    #[serde(rename = "TXT")]
    Txt,
}

impl Whoami {
    /// Those that come with the product.
    pub(super) fn shipped() -> Vec<Whoami> {
        let file: File = toml::from_str(SHIPPED).expect("a test reads it");
        let whoami = |table: Table| Whoami {
            name: table.name.parse().expect("a test reads it"),
            rtype: match table.rtype {
                Type::A => A,
                Type::Txt => TXT,
            },
            prefix: table.prefix,
        };
        file.whoami.into_iter().map(whoami).collect()
    }

    /// One of a list, of which only the name is known: its text has the address.
    pub(super) fn of_list(name: &Name) -> Whoami {
        Whoami { name: name.clone(), rtype: TXT, prefix: String::new() }
    }

    /// What is asked.
    pub(super) fn question(&self) -> Question {
        Question::new(&self.name, self.rtype)
    }

    /// The address in an answer.
    pub(super) fn address(&self, answer: &Answer) -> Option<IpAddr> {
        let Answer::Reply(reply) = answer else { return None };
        reply.records.iter().find_map(|data| match data {
            Data::Address(address) => Some(*address),
            Data::Text(text) => {
                let text = text.trim();
                text.strip_prefix(&self.prefix)?.trim().parse().ok()
            }
            Data::Name(_) | Data::Mx { .. } | Data::Soa { .. } => None,
        })
    }
}

/// What comes with the product.
const SHIPPED: &str = include_str!("../../whoami.toml");
/// The type of addresses.
const A: u16 = 1;
/// The type of texts.
const TXT: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Reply;

    #[test]
    fn an_address_is_found_in_each_form() {
        let all = Whoami::shipped();
        assert!(all.len() >= 3);
        let answer = |data| Answer::Reply(Reply { records: vec![data], ..Reply::default() });
        let text = |text: &str| answer(Data::Text(text.to_owned()));
        let address: IpAddr = "192.0.2.53".parse().expect("an address");
        for whoami in &all {
            let said = match whoami.rtype {
                A => answer(Data::Address(address)),
                _ => text(&format!("{}192.0.2.53", whoami.prefix)),
            };
            assert_eq!(whoami.address(&said), Some(address), "{}", whoami.name);
            assert_eq!(whoami.address(&text("edns0-client-subnet 192.0.2.0/24")), None);
            assert_eq!(whoami.address(&Answer::TimedOut), None);
        }
        assert_eq!(all[0].address(&text("ns 2001:db8::53")), "2001:db8::53".parse().ok());
    }
}
