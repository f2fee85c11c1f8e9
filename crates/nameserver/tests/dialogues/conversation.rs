//! Runs a script: builds its zones, sends its queries, compares its answers.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use repute_dnsxl::{Name, Polarity};
use repute_nameserver::cookie::Cookies;
use repute_nameserver::{
    Client, Handover, Identity, Outcome, Serving, Transport, ZoneIndex, ZoneState, Zones, respond,
};
use repute_zone::format::ReadOptions;
use repute_zone::{Dataset, DatasetKind, Dialect, Link, Soa, TagKey, Zone, ZoneSpec};

use crate::list::block_list;
use crate::text::{message, query};

/// Runs a script; returns how many exchanges it had, and those that went otherwise.
pub(crate) fn run(file: &str, script: &str) -> (usize, Vec<String>) {
    let mut stage = Stage::default();
    let mut failures = Vec::new();
    let mut exchanges = 0;
    let mut lines = script.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if let Some(asked) = line.strip_prefix('>') {
            let mut expected = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('<')) {
                expected.push(line[1..].trim().to_owned());
            }
            let got = stage.ask(asked);
            exchanges += 1;
            if got != expected {
                failures.push(format!(
                    "{file}:{}: >{asked}\nexpected:\n  {}\ngot:\n  {}",
                    number + 1,
                    expected.join("\n  "),
                    got.join("\n  ")
                ));
            }
        } else {
            stage.direct(line).unwrap_or_else(|| panic!("{file}:{}: `{line}`", number + 1));
        }
    }
    (exchanges, failures)
}

/// What is served while a script runs.
#[derive(Default)]
struct Stage {
    identity: Identity,
    zones: Vec<Scene>,
    acl: Option<String>,
    now: u32,
}

/// A zone as a script describes it.
struct Scene {
    apex: Name,
    sets: Vec<(DatasetKind, String)>,
    /// The lines of an ordinary zone's master file, if it is one.
    records: Option<String>,
    dialect: Dialect,
    polarity: Polarity,
    tests: bool,
    name_servers: bool,
    own_soa: bool,
    failed: bool,
    keys: Option<String>,
    /// Where texts lead to; their tags are made with a key of the bytes 0 to 15.
    link: Option<String>,
}

impl Stage {
    /// Takes a line that is no exchange.
    fn direct(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "|" => {
                let scene = self.zones.last_mut()?;
                let text = match &mut scene.records {
                    Some(lines) => lines,
                    None => &mut scene.sets.last_mut()?.1,
                };
                text.push_str(rest);
                text.push('\n');
            }
            "zone" => {
                let (apex, kind) = rest.split_once(' ')?;
                let (sets, records) = match kind {
                    "records" => (Vec::new(), Some(String::new())),
                    kind => (vec![(kind.parse().ok()?, String::new())], None),
                };
                self.zones.push(Scene {
                    apex: apex.parse().ok()?,
                    sets,
                    records,
                    dialect: Dialect::Native,
                    polarity: Polarity::Block,
                    tests: false,
                    name_servers: false,
                    own_soa: false,
                    failed: false,
                    keys: None,
                    link: None,
                });
            }
            "and" => self.zones.last_mut()?.sets.push((rest.parse().ok()?, String::new())),
            "dialect" => {
                self.zones.last_mut()?.dialect = Dialect::Rbldnsd;
                self.identity.dialect = Dialect::Rbldnsd;
            }
            "polarity" => self.zones.last_mut()?.polarity = Polarity::Allow,
            "tests" => self.zones.last_mut()?.tests = true,
            "name-servers" => self.zones.last_mut()?.name_servers = true,
            "own-soa" => self.zones.last_mut()?.own_soa = true,
            "failed" => self.zones.last_mut()?.failed = true,
            "link" => self.zones.last_mut()?.link = Some(rest.to_owned()),
            "acl" => self.acl.get_or_insert_default().push_str(&format!("{rest}\n")),
            "keys" => {
                let keys = &mut self.zones.last_mut()?.keys;
                keys.get_or_insert_default().push_str(&format!("{rest}\n"));
            }
            "now" => self.now = rest.parse().ok()?,
            "offer" => self.identity.handover = Handover::Offer,
            "cookies" => {
                let (how, secrets) = rest.split_once(' ')?;
                let secrets = secrets.replace(' ', "\n").parse().ok()?;
                self.identity.cookies = match how {
                    "on" => Cookies::On(secrets),
                    "require" => Cookies::Require(secrets),
                    _ => return None,
                };
            }
            "version" => self.identity.version = Some(rest.to_owned()),
            "server-id" => self.identity.server_id = Some(rest.to_owned()),
            "reset" => *self = Stage::default(),
            _ => return None,
        }
        Some(())
    }

    /// Sends a query and returns the answer as lines.
    fn ask(&self, asked: &str) -> Vec<String> {
        let zones = self.zones();
        let (packet, transport, client) = query(asked);
        let mut reply = vec![0xee; 65_535];
        let client = Client { address: client, transport };
        match respond(&packet, &client, self.now, &zones, &mut reply) {
            Outcome::Drop => vec!["dropped".to_owned()],
            Outcome::Limited => vec!["limited".to_owned()],
            Outcome::Beyond => vec!["handed over".to_owned()],
            Outcome::Reply(done) => {
                let reply = &reply[..usize::from(done.len)];
                assert_eq!(reply[..2], packet[..2], "the id is the query's");
                let lines = message(reply, &packet);
                assert!(transport == Transport::Tcp || reply.len() <= 1232, "too long for UDP");
                lines
            }
        }
    }

    fn zones(&self) -> Zones {
        let mut zones = Zones::new(self.identity.clone());
        if let Some(acl) = &self.acl {
            let acl = dataset(DatasetKind::Acl, acl, self.identity.dialect, self.now);
            zones = zones.with_acl(Some(acl), None);
        }
        for (i, scene) in self.zones.iter().enumerate() {
            if let Some(lines) = &scene.records {
                let live =
                    Arc::new(ArcSwapOption::new((!scene.failed).then(|| scene.records(lines))));
                zones = zones.with_records([(scene.apex.clone(), ZoneIndex(i as u16), live)]);
                continue;
            }
            let state = if scene.failed {
                ZoneState::Failed
            } else {
                ZoneState::Serving(Arc::new(scene.zone(self.now)))
            };
            let keys = |text: &String| dataset(DatasetKind::Aclkey, text, scene.dialect, self.now);
            let serving = Serving {
                name_servers_in_answers: scene.name_servers,
                key_acl: scene.keys.as_ref().map(keys),
                ..Serving::default()
            };
            zones = zones.with(&scene.apex, ZoneIndex(i as u16), state, serving);
        }
        zones
    }
}

impl Scene {
    /// The ordinary zone of some lines, with a SOA.
    fn records(&self, lines: &str) -> Arc<repute_records::Zone> {
        let text = format!(
            "$TTL 3600\n@ SOA ns1.example. hostmaster.example. 7 600 300 86400 300\n{lines}"
        );
        let reading = repute_records::master::read_lines(&self.apex, &text);
        assert_eq!(reading.faults, []);
        let records = reading.records.into_iter().map(|placed| placed.record);
        let (zone, unfit) = repute_records::Zone::new(self.apex.clone(), records).expect("a zone");
        assert_eq!(unfit, []);
        Arc::new(zone)
    }

    fn zone(&self, now: u32) -> Zone {
        let name = |text: &str| text.parse().expect("a constant name");
        let soa = Soa {
            ttl: 3600,
            origin: name("ns1.example"),
            person: name("hostmaster.example"),
            serial: 7,
            refresh: 600,
            retry: 300,
            expire: 86_400,
            minimum: 300,
        };
        let datasets = self.sets.iter();
        let datasets = datasets.map(|(kind, text)| dataset(*kind, text, self.dialect, now));
        Zone::new(ZoneSpec {
            dialect: self.dialect,
            polarity: self.polarity,
            soa: (!self.own_soa).then_some(soa),
            name_servers: (!self.own_soa)
                .then(|| (3600, vec![name("ns1.example"), name("ns2.example")])),
            test_entries: self.tests,
            link: self.link.as_ref().map(|before| {
                let key = TagKey::new(std::array::from_fn(|place| place as u8));
                Link::new(before, key).expect("an address")
            }),
            ..block_list(&self.apex.to_string(), datasets.collect())
        })
    }
}

fn dataset(kind: DatasetKind, text: &str, dialect: Dialect, now: u32) -> Arc<Dataset> {
    let options = ReadOptions { dialect, now, ..ReadOptions::default() };
    crate::list::dataset(kind, text, &options)
}

/// The client of queries that name none.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
