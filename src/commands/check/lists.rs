//! Which lists are asked: those of the command line, or the catalogue's.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use repute_dnsxl::{Name, Target};
use repute_lookup::authority;
use repute_lookup::catalogue::Catalogue;
use repute_lookup::code::CodeSet;
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::{Access, KeyPlace, List, NameForm, Secret};
use repute_lookup::resolver;

use crate::config::{Config, USUAL_FILE};
use crate::exit::tell;

/// The lists that are known: the shipped ones; over them those of a file of their own, and over these the
/// tables of the configuration. Each is the usual file, if it is there, unless another is named.
pub(crate) fn catalogue(config: Option<&Path>, given: Option<&Path>) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::shipped();
    Config::lay_lists(given, Path::new(DEFAULT_CATALOGUE), &mut catalogue)?;
    Config::lay_lists(config, Path::new(USUAL_FILE), &mut catalogue)?;
    Ok(catalogue)
}

/// The lists to ask: those of the command line, each once, or those of the catalogue that take one of the
/// targets.
pub(crate) fn named(
    given: &[String],
    catalogue: &Catalogue,
    targets: &[Target],
) -> anyhow::Result<Vec<ListAt>> {
    let (mut lists, mut seen): (Vec<ListAt>, _) = (Vec::new(), HashSet::new());
    for text in given {
        let one = one(text, catalogue).with_context(|| format!("--list {text}"))?;
        match lists.iter_mut().find(|known| known.list.zone == one.list.zone) {
            None => lists.push(one),
            Some(known) => join(known, one),
        }
    }
    if given.is_empty() {
        for kind in KINDS {
            let Some(target) = targets.iter().find(|target| kind(target)) else { continue };
            for list in catalogue.default_set(target) {
                if seen.insert(&list.zone) {
                    lists.push(ListAt { list: list.clone(), servers: Vec::new() });
                }
            }
        }
    }
    Ok(lists)
}

/// A list that is named twice is asked once: for the codes of both, at the servers of both.
fn join(known: &mut ListAt, again: ListAt) {
    match known.list.only.is_empty() || again.list.only.is_empty() {
        true => known.list.only.clear(),
        false => known.list.only.extend(again.list.only),
    }
    for server in again.servers {
        if !known.servers.contains(&server) {
            known.servers.push(server);
        }
    }
}

/// Finds the own servers of the lists that would be asked by way of the resolvers. A list whose servers nobody
/// knows stays as it is, and is named on standard error: what the resolvers say of it then tells why.
pub(crate) fn at_own_servers(
    lists: &mut [ListAt],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> anyhow::Result<()> {
    let by_resolver = |at: &&mut ListAt| at.servers.is_empty();
    let zones: Vec<Name> =
        lists.iter_mut().filter(by_resolver).map(|at| at.list.zone.clone()).collect();
    let found = authority::servers(&zones, resolvers, timeout).context("no more sockets")?;
    for (at, found) in lists.iter_mut().filter(by_resolver).zip(found) {
        match found {
            Ok(authority) => {
                let mut servers = authority.servers();
                servers.retain(is_reachable);
                // Not always the first one first: it is not the only one who is there to answer.
                servers.shuffle(&mut StdRng::from_os_rng());
                servers.truncate(MOST_SERVERS);
                at.servers = servers;
            }
            Err(error) => {
                tell!("repute: {}: {error}; asked by way of the resolver", at.list.zone);
            }
        }
    }
    Ok(())
}

/// Whether there is a way to an address; on many machines there is none to IPv6.
fn is_reachable(server: &SocketAddr) -> bool {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect(server)).is_ok()
}

/// What a list is named by: its zone, its own server, the codes that count.
pub(crate) type ListName = (Name, Option<SocketAddr>, Option<CodeSet>);

/// Takes the name of a list apart.
pub(crate) fn list_name(text: &str) -> anyhow::Result<ListName> {
    let (whole, codes) = match text.split_once('=') {
        Some((whole, codes)) => (whole, Some(codes)),
        None => (text, None),
    };
    let (zone, server) = match whole.split_once('@') {
        Some((zone, server)) => {
            let server = resolver::server(server).context("the server is not an address")?;
            (zone, Some(server))
        }
        None => (whole, None),
    };
    let zone: Name = zone.parse()?;
    if zone.label_count() == 0 {
        bail!("the root is no list");
    }
    let is_host =
        |label: &[u8]| label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !zone.labels().all(is_host) {
        bail!("a list's name has letters, digits and hyphens only");
    }
    Ok((zone, server, codes.map(str::parse).transpose()?))
}

/// Reads one.
pub(crate) fn one(text: &str, catalogue: &Catalogue) -> anyhow::Result<ListAt> {
    let (zone, server, codes) = list_name(text)?;
    let known = catalogue.find(&zone).cloned().or_else(|| with_key(&zone, catalogue));
    let mut list = known.unwrap_or_else(|| {
        let mut list = List::new(zone);
        // Somebody who names a list that nobody knows knows what it takes.
        list.keys.name = Some(NameForm::Host);
        list
    });
    // Of one whose key cannot be read, the check says so, and what the others say.
    if matches!(list.access, Access::Key(_, None)) && list.no_key.is_none() {
        bail!("this list needs a key: give it in {USUAL_FILE} or by the environment");
    }
    if let Some(codes) = codes {
        list.only = vec![codes];
    }
    Ok(ListAt { list, servers: server.into_iter().collect() })
}

/// The list that wants a key in front of its zone, if a zone is written with it, as other programs have it.
fn with_key(zone: &Name, catalogue: &Catalogue) -> Option<List> {
    let key = zone.labels().next().and_then(|label| std::str::from_utf8(label).ok()?.parse().ok());
    let mut found = catalogue.lists().filter(|list| {
        matches!(list.access, Access::Key(KeyPlace::BeforeZone, _))
            && zone.is_within(&list.zone)
            && zone.label_count() == list.zone.label_count() + 1
    });
    let list = found.next()?.clone();
    let access = Access::Key(KeyPlace::BeforeZone, Some(Secret::new(key?)));
    Some(List { access, no_key: None, ..list })
}

/// Kinds of targets that lists differ in.
const KINDS: [fn(&Target) -> bool; 3] = [
    |target| matches!(target, Target::Ipv4(_)),
    |target| matches!(target, Target::Ipv6(_)),
    |target| matches!(target, Target::Name(_)),
];

/// So many of a list's servers are asked, one after the other.
const MOST_SERVERS: usize = 3;
/// Where lists of one's own are looked for.
const DEFAULT_CATALOGUE: &str = "/etc/repute/lists.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_a_server_and_codes() {
        let read = |text: &str| {
            let named = one(text, &Catalogue::shipped()).expect("it is one");
            let codes: Vec<_> = named.list.only.iter().map(ToString::to_string).collect();
            format!("{} {:?} {}", named.list.zone, named.servers, codes.join(" "))
        };
        assert_eq!(read("bl.example"), "bl.example [] ");
        assert_eq!(
            read("bl.example@192.0.2.53=127.0.0.[2..4]"),
            "bl.example [192.0.2.53:53] 127.0.0.[2..4]"
        );
        assert_eq!(read("bl.example@[2001:db8::1]:5300"), "bl.example [[2001:db8::1]:5300] ");
        for wrong in ["", ".", "a..b", "bl example", "bl.example@ns.example", "bl.example=x"] {
            assert!(one(wrong, &Catalogue::shipped()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_list_is_asked_once() {
        let twice = ["bl.example".to_owned(), "BL.example.".to_owned()];
        assert_eq!(named(&twice, &Catalogue::shipped(), &[]).expect("they are lists").len(), 1);
        let parts = ["bl.example=2", "bl.example@127.0.0.1=4", "bl.example@127.0.0.2=4"];
        let parts = parts.map(str::to_owned);
        let joined = named(&parts, &Catalogue::shipped(), &[]).expect("they are lists").remove(0);
        let takes = |code: &str| {
            let code = code.parse().expect("a code");
            joined.list.only.iter().any(|set| set.contains(code))
        };
        assert!(takes("127.0.0.2") && takes("127.0.0.4") && !takes("127.0.0.3"));
        assert_eq!(joined.servers.len(), 2);
    }

    #[test]
    fn without_a_name_the_lists_that_take_the_targets_are_asked() {
        let zones = |targets: &[&str]| {
            let targets: Vec<Target> = targets.iter().map(|t| t.parse().expect("one")).collect();
            let lists = named(&[], &Catalogue::shipped(), &targets).expect("they are lists");
            lists.iter().map(|named| named.list.zone.to_string()).collect::<HashSet<_>>()
        };
        let (addresses, names) = (zones(&["192.0.2.1"]), zones(&["bad.example"]));
        assert!(addresses.contains("zen.spamhaus.org") && !addresses.contains("sbl.spamhaus.org"));
        assert!(names.contains("dbl.spamhaus.org") && !names.contains("zen.spamhaus.org"));
        let both = zones(&["192.0.2.1", "bad.example"]);
        assert_eq!(both, addresses.union(&names).cloned().collect());
    }

    #[test]
    fn a_known_list_keeps_what_is_known_of_it() {
        let named = one("dbl.spamhaus.org", &Catalogue::shipped()).expect("it is one");
        assert!(!named.list.takes(&Target::Ipv4([192, 0, 2, 1].into())));
        assert!(named.list.meaning("127.0.1.2".parse().expect("a code")).is_some());
    }
}
