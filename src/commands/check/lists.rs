//! Which lists are asked, as they are named on the command line.

use std::collections::HashSet;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use repute_lookup::list::{List, NameForm, PUBLIC_RATE};
use repute_lookup::resolver;

/// A list, and where it is asked.
#[derive(Debug)]
pub(super) struct Named {
    /// The list.
    pub(super) list: List,
    /// Its own server; without one the resolver is asked.
    pub(super) server: Option<SocketAddr>,
}

impl Named {
    /// Most queries a second: a list on this machine has no limit.
    pub(super) fn rate(&self) -> Option<f64> {
        match self.server {
            Some(address) if address.ip().is_loopback() => self.list.rate,
            Some(_) | None => Some(self.list.rate.unwrap_or(PUBLIC_RATE)),
        }
    }

    /// Where it is asked, in words.
    pub(super) fn asked_at(&self, resolvers: &[SocketAddr]) -> String {
        let address = self.server.or(resolvers.first().copied());
        address.map_or_else(String::new, |address| address.to_string())
    }
}

/// Reads the lists of the command line, each once.
pub(super) fn named(given: &[String]) -> anyhow::Result<Vec<Named>> {
    if given.is_empty() {
        bail!("name the lists to ask with --list");
    }
    let (mut lists, mut seen) = (Vec::new(), HashSet::new());
    for text in given {
        let one = one(text).with_context(|| format!("--list {text}"))?;
        if seen.insert((one.list.zone.clone(), one.server)) {
            lists.push(one);
        }
    }
    Ok(lists)
}

/// Reads one.
fn one(text: &str) -> anyhow::Result<Named> {
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
    let mut list = List::new(zone.parse()?);
    if list.zone.label_count() == 0 {
        bail!("the root is no list");
    }
    // Somebody who names a list knows what it takes.
    list.keys.name = Some(NameForm::Host);
    list.only = codes.map(str::parse).transpose()?.into_iter().collect();
    Ok(Named { list, server })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_a_server_and_codes() {
        let read = |text: &str| {
            let named = one(text).expect("it is one");
            let codes: Vec<_> = named.list.only.iter().map(ToString::to_string).collect();
            format!("{} {:?} {}", named.list.zone, named.server, codes.join(" "))
        };
        assert_eq!(read("bl.example"), "bl.example None ");
        assert_eq!(
            read("bl.example@192.0.2.53=127.0.0.[2..4]"),
            "bl.example Some(192.0.2.53:53) 127.0.0.[2..4]"
        );
        assert_eq!(read("bl.example@[2001:db8::1]:5300"), "bl.example Some([2001:db8::1]:5300) ");
        for wrong in ["", ".", "a..b", "bl.example@ns.example", "bl.example=x"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_list_is_asked_once() {
        let twice = ["bl.example".to_owned(), "BL.example.".to_owned()];
        assert_eq!(named(&twice).expect("they are lists").len(), 1);
    }

    #[test]
    fn only_lists_on_this_machine_have_no_limit() {
        let rate = |text: &str| one(text).expect("it is one").rate();
        assert_eq!(rate("bl.example@127.0.0.1:5300"), None);
        assert_eq!(rate("bl.example@192.0.2.1"), Some(PUBLIC_RATE));
        assert_eq!(rate("bl.example"), Some(PUBLIC_RATE));
    }
}
