//! Whether one's own resolvers are fit to ask lists, and what to mend.
//!
//! Lists answer who asks them, and who asks is the resolver: a public one is blocked, one that makes up addresses
//! lists the world, one that cuts TCP loses long texts. So each resolver is asked what it does with a name that
//! does not exist, with the root, with letters and bits; names that say who asked are looked up; and each list
//! is asked for its test entry, and, if it has names for that, whether it blocks us.
//!
//! [`advice`](Diagnosis::advice) makes one sentence of that. Nothing here changes anything.

mod advice;
mod direct;
mod whoami;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::Name;

pub use advice::Advice;

use crate::exchange::Answer;
use crate::list::List;
use crate::message::{Data, Question};
use crate::questions::{self, A, TXT, TestOf, test_question};
use crate::resolve;
use crate::resolver::public_operator;
use crate::verdict::{self, Reason, Said};
use direct::Direct;
use whoami::Whoami;

/// What was found.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Of each resolver, in the order in which they are asked.
    pub resolvers: Vec<Examined>,
}

/// A resolver that was examined.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The resolver.
    pub address: SocketAddr,
    /// Whose public resolver it is, if it is one.
    pub operator: Option<&'static str>,
    /// What it does; nothing if it does not answer.
    pub manners: Option<Manners>,
}

/// What a resolver does.
#[derive(Clone, Debug)]
pub struct Manners {
    /// How long an answer took.
    pub took: Duration,
    /// It recurses, and does so for us.
    pub recursion: Recursion,
    /// The size it announces by EDNS.
    pub edns: Option<u16>,
    /// It repeats the letters of a question as they were sent.
    pub keeps_case: bool,
    /// The address it makes up for names that do not exist.
    pub rewrites: Option<Ipv4Addr>,
    /// It finds the root.
    pub sees_root: bool,
    /// It checks signatures (DNSSEC).
    pub validates: bool,
    /// It answers by TCP.
    pub tcp: bool,
    /// From where its questions come, as others see them.
    pub seen_as: Vec<SeenAs>,
    /// What the lists do, those that have nothing to tell left out.
    pub lists: Vec<ListSays>,
    /// How many lists were asked.
    pub asked: usize,
}

/// Whether a resolver does what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recursion {
    /// It does.
    Yes,
    /// It refuses us.
    Refused,
    /// It is no resolver.
    No,
}

/// A resolver as somebody outside sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAs {
    /// The name that says so.
    pub by: Name,
    /// The address.
    pub address: IpAddr,
    /// The name of that address.
    pub host: Option<Name>,
    /// Whose public resolver it is, if it is one.
    pub operator: Option<&'static str>,
}

/// What a list does with this resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSays {
    /// The list.
    pub zone: Name,
    /// Whether it answers.
    pub attitude: Attitude,
    /// What it says of that, by its own names or with its code.
    pub words: Vec<String>,
}

/// Whether a list answers a resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attitude {
    /// It answers.
    Answers,
    /// It says that it does not answer us, and why.
    Blocks(String),
    /// Nothing of use comes, whoever is to blame.
    Silent(String),
}

/// Examines resolvers by these lists.
///
/// # Errors
/// If there are no sockets to be had.
pub fn examine(
    resolvers: &[SocketAddr],
    lists: &[List],
    timeout: Duration,
) -> io::Result<Diagnosis> {
    let examined = resolvers.iter().map(|address| {
        let manners = manners(*address, lists, timeout)?;
        Ok(Examined { address: *address, operator: public_operator(address.ip()), manners })
    });
    Ok(Diagnosis { resolvers: examined.collect::<io::Result<_>>()? })
}

/// What a resolver does.
fn manners(address: SocketAddr, lists: &[List], timeout: Duration) -> io::Result<Option<Manners>> {
    let (Some(control), Some(root)) = (questions::control(), root()) else { return Ok(None) };
    let Some(denial) = direct::by_udp(address, &control, timeout) else { return Ok(None) };
    let root_said = direct::by_udp(address, &root, timeout);
    let tcp = direct::by_tcp(address, &root, timeout).is_some();

    let whoami: Vec<Whoami> = Whoami::shipped()
        .into_iter()
        .chain(lists.iter().filter_map(|list| list.whoami.as_ref()).map(Whoami::of_list))
        .collect();
    let mut asked: Vec<Question> = whoami.iter().map(Whoami::question).collect();
    asked.extend(lists.iter().map(entry));
    asked.extend(lists.iter().filter_map(own_question));
    let answers = resolve::ask(&[address], &asked, timeout)?;
    let (who, of_lists) = answers.split_at(whoami.len());
    let (entries, own) = of_lists.split_at(lists.len());
    let mut seen_as: Vec<SeenAs> = Vec::new();
    for (whoami, answer) in whoami.iter().zip(who) {
        if let Some(address) = whoami.address(answer) {
            let operator = public_operator(address);
            seen_as.push(SeenAs { by: whoami.name.clone(), address, host: None, operator });
        }
    }
    let mut own = own.iter();
    let mut said: Vec<ListSays> = lists
        .iter()
        .zip(entries)
        .map(|(list, entry)| {
            let words = list.am_i_blocked.as_ref().and_then(|_| own.next()).map(texts);
            list_says(list, entry, words.unwrap_or_default())
        })
        .collect();
    name_and_explain(address, lists, &mut seen_as, &mut said, timeout)?;
    let asked = said.len();
    said.retain(|says| says.attitude != Attitude::Answers || !says.words.is_empty());
    Ok(Some(Manners {
        took: denial.took,
        recursion: match denial.reply.rcode {
            REFUSED => Recursion::Refused,
            _ if !denial.reply.recursion => Recursion::No,
            _ => Recursion::Yes,
        },
        edns: denial.reply.edns,
        keeps_case: denial.keeps_case,
        rewrites: denial.reply.addresses().next(),
        sees_root: root_said.as_ref().is_some_and(has_records),
        validates: root_said.is_some_and(|said| said.authentic),
        tcp,
        seen_as,
        lists: said,
        asked,
    }))
}

/// Asks for the names of addresses, and blocking lists for their reasons.
fn name_and_explain(
    address: SocketAddr,
    lists: &[List],
    seen_as: &mut [SeenAs],
    said: &mut [ListSays],
    timeout: Duration,
) -> io::Result<()> {
    let names = seen_as.iter().filter_map(|seen| Some(Question::new(&reverse(seen.address)?, PTR)));
    let blocked =
        lists.iter().zip(&*said).filter(|(_, says)| matches!(says.attitude, Attitude::Blocks(_)));
    let reasons = blocked.map(|(list, _)| Question { rtype: TXT, ..entry(list) });
    let asked: Vec<Question> = names.chain(reasons).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut answers = resolve::ask(&[address], &asked, timeout)?.into_iter();
    for seen in seen_as.iter_mut().filter(|seen| reverse(seen.address).is_some()) {
        seen.host = answers.next().and_then(|answer| match answer {
            Answer::Reply(reply) => reply.records.into_iter().find_map(|data| match data {
                Data::Name(name) => Some(name),
                Data::Address(_) | Data::Text(_) | Data::Mx { .. } | Data::Soa { .. } => None,
            }),
            Answer::TimedOut | Answer::Unreachable | Answer::Malformed => None,
        });
    }
    for (list, says) in lists.iter().zip(said) {
        if matches!(says.attitude, Attitude::Blocks(_))
            && let Some(answer) = answers.next()
        {
            says.words.extend(texts(&answer).iter().map(|text| list.masked(text)));
        }
    }
    Ok(())
}

/// What a list does, by the answer to its test entry and what it says of us.
fn list_says(list: &List, entry: &Answer, words: Vec<String>) -> ListSays {
    let every_code = List { only: Vec::new(), ..list.clone() };
    let says_yes = words.iter().any(|word| word.trim().to_ascii_lowercase().starts_with("yes"));
    let attitude = match verdict::read(&every_code, entry) {
        Said::Unknown(reason @ Reason::Blocked(..)) => Attitude::Blocks(reason.to_string()),
        _ if says_yes => {
            let name = list.am_i_blocked.as_ref().map(ToString::to_string).unwrap_or_default();
            Attitude::Blocks(format!("says so at {name}"))
        }
        Said::Unknown(reason) => Attitude::Silent(reason.to_string()),
        Said::Listed(..) | Said::NotListed { .. } => Attitude::Answers,
    };
    ListSays { zone: list.zone.clone(), attitude, words }
}

/// The question for the test entry of a list.
fn entry(list: &List) -> Question {
    test_question(list, TestOf::Listed).unwrap_or_else(|| Question::new(&list.zone, A))
}

/// The question by which a list says whether it blocks us.
fn own_question(list: &List) -> Option<Question> {
    list.am_i_blocked.as_ref().map(|name| Question::new(name, TXT))
}

/// The texts of an answer.
fn texts(answer: &Answer) -> Vec<String> {
    match answer {
        Answer::Reply(reply) => reply.texts().map(str::to_owned).collect(),
        Answer::TimedOut | Answer::Unreachable | Answer::Malformed => Vec::new(),
    }
}

/// Whether a reply has what was asked for.
fn has_records(said: &Direct) -> bool {
    said.reply.rcode == 0 && !said.reply.records.is_empty()
}

/// The name at which an address has its own (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse(address: IpAddr) -> Option<Name> {
    let name = match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles =
                address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    };
    name.parse().ok()
}

/// The SOA of the root.
fn root() -> Option<Question> {
    Some(Question::new(&Name::from_wire(&[0]).ok()?, SOA))
}

/// The server does not answer us.
const REFUSED: u16 = 5;
/// The type of starts of authority.
const SOA: u16 = 6;
/// The type of names of addresses.
const PTR: u16 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names() {
        for (address, name) in [
            ("192.0.2.53", "53.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.53", "53.2.0.192.in-addr.arpa"),
            (
                "2001:db8::53",
                "3.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(reverse(address).map(|name| name.to_string()).as_deref(), Some(name));
        }
    }
}
