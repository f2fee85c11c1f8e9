//! Rules about the zone: its SOA and NS records, and whether its servers agree.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use repute_dnsxl::Name;

use crate::observe::{Found, Server};
use crate::probe::{Key, Probe};
use crate::reply::{Heard, Reply, Soa};

use super::{Case, NOERROR, Word, codes, fail, label, pass, rcode, reply, said, skip, warn};

impl Case<'_> {
    /// The SOA record is there.
    pub(super) fn soa(&self) -> Word {
        self.each(|server| match said(server, Probe::Soa) {
            Err(word) => word,
            Ok(reply) => match Reply::soa(&reply.answers) {
                Some((record, _)) if record.owner == self.seen.zone => pass("it has"),
                Some((record, _)) => pass(format!("it is a part of the zone {}", record.owner)),
                None => fail(format!("none ({})", rcode(reply.rcode))),
            },
        })
    }

    /// The names in it.
    pub(super) fn soa_names(&self) -> Word {
        self.each_soa(|soa| {
            let is_nobody = |name: &Name| {
                name.label_count() == 0 || name.to_string().trim_end_matches('.') == "localhost"
            };
            match (is_nobody(&soa.mname), is_nobody(&soa.rname)) {
                (false, false) => pass(format!("{}, {}", soa.mname, soa.rname)),
                (true, _) => warn(format!("the primary server is `{}`", soa.mname)),
                (false, true) => warn(format!("the mailbox is `{}`", soa.rname)),
            }
        })
    }

    /// Its serial.
    pub(super) fn soa_serial(&self) -> Word {
        self.each_soa(|soa| match soa.serial {
            0 => warn("0"),
            serial if is_to_come(serial, self.seen.now) => {
                warn(format!("{serial} is a date to come"))
            }
            serial => pass(serial.to_string()),
        })
    }

    /// Its times.
    pub(super) fn soa_timers(&self) -> Word {
        self.each_soa(|soa| {
            let Soa { refresh, retry, expire, .. } = soa;
            let said = format!("refresh {refresh}, retry {retry}, expire {expire}");
            match () {
                () if *refresh == 0 || *retry == 0 => {
                    warn(format!("{said}: secondaries never rest"))
                }
                () if retry > refresh => warn(format!("{said}: retry is longer than refresh")),
                () if *expire <= refresh.saturating_add(*retry) => {
                    warn(format!("{said}: one failure, and secondaries stop"))
                }
                () => pass(said),
            }
        })
    }

    /// What is said of each server's SOA record.
    fn each_soa(&self, word: impl Fn(&Soa) -> Word) -> Word {
        self.each(|server| {
            let soa = reply(server, Probe::Soa).and_then(|reply| Reply::soa(&reply.answers));
            soa.map_or_else(|| skip("no SOA record"), |(_, soa)| word(soa))
        })
    }

    /// The NS records are there.
    pub(super) fn ns_records(&self) -> Word {
        self.each(|server| match said(server, Probe::Ns) {
            Err(word) => word,
            Ok(reply) => match names(&Reply::servers(&reply.answers)) {
                names if !names.is_empty() => pass(names),
                _ => fail(format!("none ({})", rcode(reply.rcode))),
            },
        })
    }

    /// They are those of the delegation.
    pub(super) fn delegation(&self) -> Word {
        let delegated = match &self.seen.found {
            Found::Named => return skip("only the servers named here were asked"),
            Found::Not(error) => return skip(error.to_string()),
            Found::Resolved { delegation: Err(why), .. } => return skip(why),
            Found::Resolved { delegation: Ok(names), .. } => names,
        };
        self.each(|server| {
            let own = reply(server, Probe::Ns).map(|reply| Reply::servers(&reply.answers));
            match own.filter(|own| !own.is_empty()) {
                None => skip("the zone names none"),
                Some(own) if own == *delegated => pass("the same"),
                Some(own) => {
                    let (here, above): (BTreeSet<Name>, BTreeSet<Name>) = (
                        own.difference(delegated).cloned().collect(),
                        delegated.difference(&own).cloned().collect(),
                    );
                    let say = |names: &BTreeSet<Name>, place| {
                        (!names.is_empty()).then(|| format!("only {place}: {}", self::names(names)))
                    };
                    let both = say(&here, "here").into_iter().chain(say(&above, "above"));
                    warn(both.collect::<Vec<_>>().join("; "))
                }
            }
        })
    }

    /// There are two servers.
    pub(super) fn two_servers(&self) -> Word {
        let named = self.living.iter().filter_map(|server| reply(server, Probe::Ns));
        let mut all: BTreeSet<Name> =
            named.flat_map(|reply| Reply::servers(&reply.answers)).collect();
        if let Found::Resolved { hosts, .. } = &self.seen.found {
            all.extend(hosts.iter().map(|host| host.name.clone()));
        }
        match all.len() {
            0 => skip("the zone names none"),
            1 => warn(format!("only {}", names(&all))),
            count => pass(format!("{count}: {}", names(&all))),
        }
    }

    /// They stand in two networks.
    pub(super) fn two_networks(&self) -> Word {
        let is_named = matches!(self.seen.found, Found::Named);
        if is_named && self.seen.servers.len() < 2 {
            return skip("only the server named here was asked");
        }
        let (mut ipv4, mut ipv6) = (BTreeSet::new(), BTreeSet::new());
        for server in &self.seen.servers {
            match server.address.ip() {
                IpAddr::V4(address) => {
                    let [a, b, c, _] = address.octets();
                    ipv4.insert(format!("{a}.{b}.{c}.0/24"));
                }
                IpAddr::V6(address) => {
                    let [a, b, c, ..] = address.segments();
                    ipv6.insert(format!("{a:x}:{b:x}:{c:x}::/48"));
                }
            }
        }
        let all: Vec<String> = ipv4.iter().chain(&ipv6).cloned().collect();
        match ipv4.len() > 1 || ipv6.len() > 1 {
            true => pass(all.join(", ")),
            // One network of each family is most often one place.
            false => warn(format!("only {}", all.join(", "))),
        }
    }

    /// A server answers by a family of addresses.
    pub(super) fn family(&self, family: &str, is_of: impl Fn(&IpAddr) -> bool) -> Word {
        let of: Vec<&Server> =
            self.seen.servers.iter().filter(|server| is_of(&server.address.ip())).collect();
        let alive: Vec<String> = self
            .living
            .iter()
            .filter(|server| is_of(&server.address.ip()))
            .map(|server| label(server))
            .collect();
        let is_lost =
            |server: &&Server| matches!(server.heard.get(&Probe::Start), Some(Heard::NoRoute));
        match () {
            () if !alive.is_empty() => pass(alive.join(", ")),
            () if of.is_empty() && matches!(self.seen.found, Found::Named) => {
                skip(format!("no {family} address was named here"))
            }
            () if of.is_empty() => warn(format!("no server has an {family} address")),
            () if of.iter().all(is_lost) => skip(format!("this machine has no {family}")),
            () => warn(format!("no server answers by {family}")),
        }
    }

    /// All servers have the same serial.
    pub(super) fn serials_in_step(&self) -> Word {
        let mut serials: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for server in &self.living {
            let soa = reply(server, Probe::Soa).and_then(|reply| Reply::soa(&reply.answers));
            if let Some((_, soa)) = soa {
                serials.entry(soa.serial).or_default().push(label(server));
            }
        }
        let count: usize = serials.values().map(Vec::len).sum();
        match (serials.len(), serials.first_key_value()) {
            (_, None) => skip("no SOA record"),
            (_, _) if count < 2 => skip("only one server says its serial"),
            (1, Some((serial, _))) => pass(format!("{serial} on {count}")),
            (_, Some(_)) => {
                let say = |(serial, servers): (&u32, &Vec<String>)| {
                    format!("{serial} on {}", servers.join(", "))
                };
                warn(serials.iter().map(say).collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// All servers answer the same.
    pub(super) fn same_answers(&self) -> Word {
        let [first, others @ ..] = &self.living[..] else { return skip("no server answers") };
        if others.is_empty() {
            return skip("only one server answers");
        }
        let mut different = Vec::new();
        for other in others {
            if let Some(what) = difference(first, other) {
                different.push(format!("{} and {}: {what}", label(first), label(other)));
            }
        }
        match different.is_empty() {
            true => pass(format!("{} servers agree", self.living.len())),
            false => fail(different.join("; ")),
        }
    }

    /// Every server answers for the zone.
    pub(super) fn answers(&self) -> Word {
        let words = self.seen.servers.iter().map(|server| {
            let word = match said(server, Probe::Start) {
                Err(word) => word,
                Ok(start) => {
                    let has_entry = Key::ALL
                        .into_iter()
                        .any(|key| !codes(server, Probe::Listed(key)).is_empty());
                    match start.rcode {
                        _ if has_entry => pass("all answer"),
                        NOERROR if start.authoritative => pass("all answer"),
                        NOERROR => fail("it knows the zone by hearsay only (no AA), or not at all"),
                        code => fail(format!("{} for the zone", rcode(code))),
                    }
                }
            };
            (server, word)
        });
        let said = super::worst(&words.collect::<Vec<_>>());
        let lost: Vec<String> = match &self.seen.found {
            Found::Resolved { hosts, .. } => {
                let lost = hosts.iter().filter(|host| host.addresses.is_empty());
                lost.map(|host| host.name.to_string()).collect()
            }
            Found::Named | Found::Not(_) => Vec::new(),
        };
        match lost.is_empty() {
            true => said,
            false => fail(format!("{} has no address; {}", lost.join(", "), said.seen)),
        }
    }
}

/// What two servers answer differently, if anything.
fn difference(one: &Server, other: &Server) -> Option<String> {
    let probes = Key::ALL
        .into_iter()
        .flat_map(|key| [(Probe::Listed(key), key.listed()), (Probe::Never(key), key.never())]);
    let invented = std::iter::once((Probe::Invented, "an invented name"));
    for (probe, what) in probes.chain(invented) {
        let (Some(a), Some(b)) = (reply(one, probe), reply(other, probe)) else { continue };
        if (a.rcode, a.codes()) != (b.rcode, b.codes()) {
            return Some(format!("{what} answers {} and {}", summary(a), summary(b)));
        }
    }
    let texts = Key::ALL.into_iter().find(|key| {
        let (a, b) = (reply(one, Probe::Reason(*key)), reply(other, Probe::Reason(*key)));
        matches!((a, b), (Some(a), Some(b)) if a.texts() != b.texts())
    });
    texts.map(|key| format!("the texts of {} differ", key.listed()))
}

/// A reply in few words.
fn summary(reply: &Reply) -> String {
    match reply.codes() {
        codes if codes.is_empty() => rcode(reply.rcode),
        codes => super::list(&codes),
    }
}

/// Names in words.
fn names(names: &BTreeSet<Name>) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(ToString::to_string).collect();
    if names.len() > MOST_NAMES {
        shown.push(format!("and {} more", names.len() - MOST_NAMES));
    }
    shown.join(", ")
}

/// Whether a serial reads as a date (2026112201) that is more than a day away.
fn is_to_come(serial: u32, now: u64) -> bool {
    let (year, month, day) = (serial / 1_000_000, serial / 10_000 % 100, serial / 100 % 100);
    let is_date = matches!((year, month, day), (1990..=2099, 1..=12, 1..=31));
    // Days since 1970, as if all months had 31: only their order counts.
    let ordinal = |year: u64, month: u64, day: u64| (year * 12 + month) * 31 + day;
    let (this_year, this_month, today) = date(now / 86_400);
    is_date
        && ordinal(year.into(), month.into(), day.into())
            > ordinal(this_year, this_month, today) + 1
}

/// Year, month and day of a day since 1970, by the calendar of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    // Howard Hinnant's way: years begin in March, so that the odd day is the last one.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Most servers that are shown by name.
const MOST_NAMES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_779, (2026, 11, 22)),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn only_dates_lie_in_the_future() {
        let now = 20_779 * 86_400;
        for (serial, expected) in [
            (2_026_112_205, false),
            (2_026_112_301, false),
            (2_026_120_101, true),
            (2_031_010_100, true),
            (2_026_990_000, false),
            (1_795_305_600, false),
            (7, false),
        ] {
            assert_eq!(is_to_come(serial, now), expected, "{serial}");
        }
    }
}
