//! Rules about what a list lists (RFC 5782, RFC 6471).

use std::collections::BTreeSet;

use crate::Kind;
use crate::probe::{DRAWN, Key, Probe};
use crate::reply::Reply;

use super::{
    Case, DAY, NOERROR, NXDOMAIN, Word, codes, fail, is_told, list, pass, rcode, reply, said, skip,
    warn,
};

impl Case<'_> {
    /// The test entry that must be there.
    pub(super) fn test_entry(&self, key: Key) -> Word {
        if let Some(word) = self.does_not_apply(key) {
            return word;
        }
        let none = self.keys.is_empty();
        self.each(|server| match said(server, Probe::Listed(key)) {
            Err(word) => word,
            Ok(reply) if !reply.codes().is_empty() => {
                pass(format!("{} answers {}", key.listed(), list(&reply.codes())))
            }
            Ok(_) if none => fail("neither 127.0.0.2, ::ffff:127.0.0.2 nor TEST is listed"),
            Ok(reply) => fail(format!("{} is not listed ({})", key.listed(), rcode(reply.rcode))),
        })
    }

    /// The one that must not be.
    pub(super) fn never(&self, key: Key) -> Word {
        if let Some(word) = self.does_not_apply(key) {
            return word;
        }
        self.each(|server| match said(server, Probe::Never(key)) {
            Err(word) => word,
            Ok(reply) if !reply.codes().is_empty() => {
                fail(format!("{} answers {}", key.never(), list(&reply.codes())))
            }
            Ok(reply) if !is_told(reply.rcode) => skip(rcode(reply.rcode)),
            Ok(reply) => pass(format!("{} is not listed ({})", key.never(), rcode(reply.rcode))),
        })
    }

    /// Why there need not be test entries of a kind, if so. A list that shows none at all is taken for one of
    /// IPv4 addresses.
    fn does_not_apply(&self, key: Key) -> Option<Word> {
        let applies = self.keys.contains(&key) || (self.keys.is_empty() && key == Key::Ipv4);
        let what = match key {
            Key::Ipv4 => "IPv4 addresses",
            Key::Ipv6 => "IPv6 addresses",
            Key::Name => "names",
        };
        let why = match self.seen.kind {
            Some(Kind::Ipv6 | Kind::Names) => format!("it is said not to list {what}"),
            Some(Kind::Addresses) if key == Key::Name => format!("it is said not to list {what}"),
            Some(Kind::Addresses) | None => {
                format!("{} is not listed: no list of {what}", key.listed())
            }
        };
        (!applies).then(|| skip(why))
    }

    /// Listings answer with codes.
    pub(super) fn codes(&self) -> Word {
        self.each_key(|server, key| {
            let codes = codes(server, Probe::Listed(key));
            let strange: BTreeSet<_> =
                codes.iter().copied().filter(|code| code.octets()[0] != 127).collect();
            match (codes.is_empty(), strange.is_empty()) {
                (true, _) => skip(format!("{} is not listed", key.listed())),
                (false, true) => pass(list(&codes)),
                (false, false) => fail(format!(
                    "{} answers {}: parked or hijacked?",
                    key.listed(),
                    list(&strange)
                )),
            }
        })
    }

    /// An invented name is not listed.
    pub(super) fn wildcard(&self) -> Word {
        self.each(|server| match said(server, Probe::Invented) {
            Err(word) => word,
            Ok(reply) if !reply.codes().is_empty() => {
                fail(format!("an invented name answers {}", list(&reply.codes())))
            }
            Ok(reply) if !is_told(reply.rcode) => skip(rcode(reply.rcode)),
            Ok(reply) => pass(format!("an invented name is not listed ({})", rcode(reply.rcode))),
        })
    }

    /// Not everybody is listed.
    pub(super) fn world(&self) -> Word {
        if !self.keys.is_empty() && !self.keys.contains(&Key::Ipv4) {
            return skip("no list of IPv4 addresses");
        }
        self.each(|server| {
            let replies: Vec<&Reply> = (0..DRAWN)
                .filter_map(|n| reply(server, Probe::Drawn(n)))
                .filter(|r| is_told(r.rcode))
                .collect();
            let listed: Vec<_> = replies
                .iter()
                .map(|reply| reply.codes())
                .filter(|codes| !codes.is_empty())
                .collect();
            let (count, drawn) = (listed.len(), replies.len());
            // A list of countries or networks has something to say of everybody, and not always the same.
            let is_alike = listed.iter().all(|codes| Some(codes) == listed.first());
            match (count, drawn) {
                (_, 0) => skip("no reply about any"),
                (count, drawn) if count == drawn && is_alike && drawn > 1 => {
                    fail(format!("all of {drawn} addresses answer {}", list(&listed[0])))
                }
                (count, drawn) => pass(format!("{count} of {drawn} are listed")),
            }
        })
    }

    /// Listings have a reason.
    pub(super) fn text(&self) -> Word {
        self.each_key(|server, key| {
            if codes(server, Probe::Listed(key)).is_empty() {
                return skip(format!("{} is not listed", key.listed()));
            }
            let reply = match said(server, Probe::Reason(key)) {
                Err(word) => return word,
                Ok(reply) => reply,
            };
            if reply.truncated {
                return warn(format!("the text of {} is cut, and TCP does not help", key.listed()));
            }
            match reply.texts().into_iter().find(|text| !text.trim().is_empty()) {
                Some(text) => pass(format!("\"{}\"", short(text))),
                None if !reply.texts().is_empty() => {
                    warn(format!("the text of {} is empty", key.listed()))
                }
                None => warn(format!("{} has no text ({})", key.listed(), rcode(reply.rcode))),
            }
        })
    }

    /// Listings may be cached.
    pub(super) fn listing_ttl(&self) -> Word {
        self.each_key(|server, key| {
            let reply = reply(server, Probe::Listed(key)).filter(|reply| !reply.codes().is_empty());
            let ttls = reply.map(|reply| reply.answers.iter().map(|record| record.ttl));
            match ttls.and_then(|mut ttls| ttls.next()) {
                None => skip(format!("{} is not listed", key.listed())),
                Some(0) => warn("TTL 0: nobody may cache"),
                Some(ttl) if ttl > DAY => warn(format!("TTL {ttl}, more than a day")),
                Some(ttl) => pass(format!("TTL {ttl}")),
            }
        })
    }

    /// The list is not the operator's domain itself.
    pub(super) fn subdomain(&self) -> Word {
        let zone = self.seen.zone.to_string();
        match psl::domain(zone.as_bytes()) {
            Some(domain) if domain.as_bytes().len() < zone.len() => {
                let domain = String::from_utf8_lossy(domain.as_bytes());
                pass(format!("a subdomain of {domain}"))
            }
            Some(_) | None => warn(format!("{zone} is the operator's domain itself")),
        }
    }

    /// Names above a listing exist.
    pub(super) fn empty_non_terminal(&self) -> Word {
        let addresses: Vec<Key> =
            self.keys.iter().copied().filter(|key| *key != Key::Name).collect();
        if addresses.is_empty() {
            return skip("no test entry of an address");
        }
        self.each(|server| {
            let mut words = addresses.iter().map(|key| {
                if codes(server, Probe::Listed(*key)).is_empty() {
                    return skip(format!("{} is not listed", key.listed()));
                }
                let above = match key {
                    Key::Ipv4 => "0.0.127".to_owned(),
                    Key::Ipv6 | Key::Name => format!("the name above {}", key.listed()),
                };
                match said(server, Probe::Above(*key)) {
                    Err(word) => word,
                    Ok(reply) if reply.rcode == NOERROR => pass(format!("{above} exists")),
                    Ok(reply) => fail(format!("{above}: {}", rcode(reply.rcode))),
                }
            });
            // The first that is worse, or else the first.
            let first = words.next().unwrap_or_else(|| skip("no test entry of an address"));
            words.fold(first, |worst, word| if word.state > worst.state { word } else { worst })
        })
    }

    /// Nothing is below what does not exist.
    pub(super) fn below_denied(&self) -> Word {
        self.each(|server| {
            match reply(server, Probe::Invented) {
                Some(reply) if reply.rcode == NXDOMAIN => {}
                Some(_) | None => return skip("the invented name is not denied by NXDOMAIN"),
            }
            match said(server, Probe::BelowInvented) {
                Err(word) => word,
                Ok(reply) if reply.rcode == NXDOMAIN => pass("NXDOMAIN below NXDOMAIN"),
                Ok(reply) if !reply.codes().is_empty() => fail(format!(
                    "below an invented name 127.0.0.2 answers {}",
                    list(&reply.codes())
                )),
                Ok(reply) => fail(format!("{} below NXDOMAIN", rcode(reply.rcode))),
            }
        })
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Characters of a text that are shown.
const MOST_TEXT: usize = 60;
