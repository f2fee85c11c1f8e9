//! Which lists are asked: those of the command line, or the catalogue's.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, bail};
use repute_dnsxl::{Name, Target};
use repute_lookup::catalogue::Catalogue;
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::{Access, List, NameForm};
use repute_lookup::resolver;

use crate::config::{Config, USUAL_FILE};

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
    let (mut lists, mut seen) = (Vec::new(), HashSet::new());
    for text in given {
        let one = one(text, catalogue).with_context(|| format!("--list {text}"))?;
        if seen.insert((one.list.zone.clone(), one.servers.clone())) {
            lists.push(one);
        }
    }
    if given.is_empty() {
        for kind in KINDS {
            let Some(target) = targets.iter().find(|target| kind(target)) else { continue };
            for list in catalogue.default_set(target) {
                if seen.insert((list.zone.clone(), Vec::new())) {
                    lists.push(ListAt { list: list.clone(), servers: Vec::new() });
                }
            }
        }
    }
    Ok(lists)
}

/// Reads one.
fn one(text: &str, catalogue: &Catalogue) -> anyhow::Result<ListAt> {
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
    let known = catalogue.find(&zone);
    let mut list = known.cloned().unwrap_or_else(|| List::new(zone));
    if known.is_none() {
        // Somebody who names a list that nobody knows knows what it takes.
        list.keys.name = Some(NameForm::Host);
    }
    if matches!(list.access, Access::Key(_, None)) {
        bail!("this list needs a key: give it in {USUAL_FILE} or by the environment");
    }
    if let Some(codes) = codes {
        list.only = vec![codes.parse()?];
    }
    Ok(ListAt { list, servers: server.into_iter().collect() })
}

/// Kinds of targets that lists differ in.
const KINDS: [fn(&Target) -> bool; 3] = [
    |target| matches!(target, Target::Ipv4(_)),
    |target| matches!(target, Target::Ipv6(_)),
    |target| matches!(target, Target::Name(_)),
];

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
        for wrong in ["", ".", "a..b", "bl.example@ns.example", "bl.example=x"] {
            assert!(one(wrong, &Catalogue::shipped()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_list_is_asked_once() {
        let twice = ["bl.example".to_owned(), "BL.example.".to_owned()];
        assert_eq!(named(&twice, &Catalogue::shipped(), &[]).expect("they are lists").len(), 1);
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
