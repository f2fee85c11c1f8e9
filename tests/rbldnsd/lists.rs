//! Zones of every type rbldnsd knows, their files, and the arguments that name them. What stands in the
//! files is of `entries`.
//!
//! Each zone remembers the addresses and names its entries speak of, so that queries hit entries,
//! exclusions and the gaps beside them, not only the vast nothing between.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::entries::{Roughness, Style, ipv4_list, ipv6_list, name_list, record_list, specials};
use crate::random::Random;

/// The files of a run, the arguments that name them, and what to ask about.
pub(crate) struct Lists {
    /// Arguments as rbldnsd takes them: `zone:type:file,...`.
    pub(crate) specs: Vec<String>,
    /// The zones of these arguments.
    pub(crate) zones: Vec<Zone>,
    folder: PathBuf,
}

/// A zone and the targets worth asking about.
#[derive(Default)]
pub(crate) struct Zone {
    /// Where it hangs in the tree.
    pub(crate) apex: String,
    /// Addresses in, at the edge of and beside its entries.
    pub(crate) ipv4: Vec<Ipv4Addr>,
    /// The same for IPv6.
    pub(crate) ipv6: Vec<Ipv6Addr>,
    /// Names relative to the apex.
    pub(crate) names: Vec<String>,
    /// Every key of a real list as it is asked for; too many to ask for each.
    pub(crate) all: Vec<String>,
}

impl Lists {
    /// Writes generated lists of every type into `folder`, `size` entries in the large ones.
    pub(crate) fn generate(folder: &Path, random: &mut Random, size: usize) -> Lists {
        let mut lists = Lists { specs: Vec::new(), zones: Vec::new(), folder: folder.to_owned() };
        lists.address_zones(random, size);
        lists.name_zones(random, size);
        lists.combined(random, size / 4);
        lists.odd_zones(random);
        lists.rough_zones(random);
        lists.access(random);
        lists
    }

    /// Adds a real list as a zone: one address or name at the start of each line.
    pub(crate) fn add_real(&mut self, apex: &str, kind: &str, file: &Path) {
        let text = fs::read_to_string(file).expect("a list that was found can be read");
        let keys = text.lines().filter(|line| !line.starts_with('#'));
        let keys = keys.filter_map(|line| line.split_ascii_whitespace().next());
        let mut zone = Zone { apex: apex.to_owned(), ..Zone::default() };
        for (i, key) in keys.enumerate() {
            let asked = i % 30 == 0;
            match key.parse() {
                Ok(address) => {
                    zone.all.push(octets(address));
                    zone.ipv4.extend(asked.then_some(address));
                }
                Err(_) => {
                    zone.all.push(key.to_owned());
                    zone.names.extend(asked.then(|| key.to_owned()));
                }
            }
        }
        let copy = self.write(&format!("{apex}.list"), text.as_bytes());
        self.specs.push(format!("{apex}:{kind}:{copy}"));
        self.zones.push(zone);
    }

    /// Returns whole names below one, of which some must exist if it is an empty non-terminal:
    /// keys that end with it, and addresses whose last labels it is.
    pub(crate) fn below(&self, name: &str, random: &mut Random) -> Vec<String> {
        let inside = format!(".{name}");
        let zone = self.zones.iter().filter(|zone| inside.ends_with(&format!(".{}.", zone.apex)));
        let Some(zone) = zone.max_by_key(|zone| zone.apex.len()) else { return Vec::new() };
        let keys = zone.all.iter().chain(&zone.names);
        let keys = keys.map(|key| format!("{key}.{}.", zone.apex));
        let mut below: Vec<String> = keys.filter(|key| key.ends_with(&inside)).take(5000).collect();
        // A wildcard between a key and this name lists what nobody named.
        for key in below.clone().iter().take(200) {
            let between = key.match_indices('.').map(|(dot, _)| &key[dot + 1..]);
            let between = between.take_while(|above| above.len() > name.len());
            below.extend(between.map(|above| format!("w.{above}")));
        }
        below.push(format!("w.{name}"));

        let relative = inside.trim_end_matches(&format!(".{}.", zone.apex));
        // In a combined list an address may stand before the name of a sub-zone.
        let digits = |label: &&str| label.len() <= 3 && label.bytes().all(|b| b.is_ascii_digit());
        let nibble = |label: &&str| label.len() == 1 && label.as_bytes()[0].is_ascii_hexdigit();
        let labels: Vec<&str> = relative.split('.').filter(|label| !label.is_empty()).collect();
        // Octets may have zeros before them that the list does not have.
        let plain = labels.iter().map(|label| match label.trim_start_matches('0') {
            "" => "0",
            trimmed => trimmed,
        });
        let plain = format!(".{}", plain.collect::<Vec<_>>().join("."));
        let addresses = zone.ipv4.iter().copied().map(self::octets);
        let aliases = zone.ipv4.iter().flat_map(|a| {
            [
                a.to_ipv6_mapped(),
                Ipv6Addr::from(0x2002_u128 << 112 | u128::from(u32::from(*a)) << 80),
            ]
        });
        let keys = addresses.chain(aliases.map(self::nibbles)).chain(zone.all.iter().cloned());
        let heads = keys.filter_map(|key| Some(format!("{}.{name}", key.strip_suffix(&plain)?)));
        below.extend(heads.take(256));
        let octets = labels.iter().copied().take_while(digits).count();
        let nibbles = labels.iter().copied().take_while(nibble).count();
        for i in 0..400 {
            if (1..4).contains(&octets) {
                let more = (octets..4).map(|_| match i {
                    0 => "0.".to_owned(),
                    1 => "255.".to_owned(),
                    _ => format!("{}.", random.below(256)),
                });
                below.push(more.collect::<String>() + name);
            }
            if (1..32).contains(&nibbles) {
                // Zeros, a few of them random, or all random: as lists have them.
                let fixed = random.below(32 - nibbles + 1);
                let more = (nibbles..32).map(|at| match i {
                    0 => "0.".to_owned(),
                    1 => "f.".to_owned(),
                    _ if at - nibbles < fixed => "0.".to_owned(),
                    _ => format!("{:x}.", random.below(16)),
                });
                below.push(more.collect::<String>() + name);
            }
        }
        below
    }

    /// Zones of addresses: each type alone, both families together, one list in two zones, and a
    /// zone below another.
    fn address_zones(&mut self, random: &mut Random, size: usize) {
        let mut zone = Zone { apex: "set4.test".to_owned(), ..Zone::default() };
        let head = "$SOA 3000 ns1.set4.test. hostmaster.set4.test. 0 1h 10m 1w 5m\n\
                    $NS 2h ns1.set4.test ns2.set4.test -ns9.set4.test ns.Elsewhere.example\n\
                    $TTL 45m\n";
        let first = head.to_owned() + &ipv4_list(random, &mut zone, size, Style::Set);
        let second = ipv4_list(random, &mut zone, size, Style::Set);
        let files =
            [self.write("set4.1", first.as_bytes()), self.gzip("set4.2", second.as_bytes())];
        let glue =
            "ns1 A 192.0.2.53\nns2 7200 IN A 192.0.2.54\nns2 A 192.0.2.55\n@ MX 5 Mail.set4.test\n";
        let glue = self.write("set4.glue", glue.as_bytes());
        zone.names.extend(["ns1", "ns2", "ns9"].map(str::to_owned));
        self.specs.push(format!("set4.test:ip4set:{}", files.join(",")));
        self.specs.push(format!("set4.test:generic:{glue}"));
        self.zones.push(zone);

        for (apex, kind, style) in [
            ("trie4.test", "ip4trie", Style::Trie),
            ("tset4.test", "ip4tset", Style::Single),
            ("inner.set4.test", "ip4set", Style::Set),
        ] {
            let mut zone = Zone { apex: apex.to_owned(), ..Zone::default() };
            let soa = format!("$SOA 0 {apex} post.{apex} 2026112201 600 300 3600 100\n");
            let text = soa + &ipv4_list(random, &mut zone, size, style);
            let file = self.write(apex, text.as_bytes());
            self.specs.push(format!("{apex}:{kind}:{file}"));
            self.zones.push(zone);
        }

        for (apex, kind) in [("tset6.test", "ip6tset"), ("trie6.test", "ip6trie")] {
            let mut zone = Zone { apex: apex.to_owned(), ..Zone::default() };
            let text = "#$SOA 60 a.test b.test 7 1d 1h 1w 2h\n".to_owned()
                + &ipv6_list(random, &mut zone, size, kind == "ip6trie");
            let file = self.write(apex, text.as_bytes());
            self.specs.push(format!("{apex}:{kind}:{file}"));
            self.zones.push(zone);
        }

        // Both families in one zone, and that list again under another name.
        let mut zone = Zone { apex: "dual.test".to_owned(), ..Zone::default() };
        let soa = "$SOA 900 ns.dual.test root.dual.test 5 1h 1h 1w 1h\n$NS 900 ns.dual.test\n";
        let four = self.write(
            "dual.4",
            (soa.to_owned() + &ipv4_list(random, &mut zone, size / 4, Style::Trie)).as_bytes(),
        );
        let six = self.write("dual.6", ipv6_list(random, &mut zone, size / 4, true).as_bytes());
        let (ipv4, ipv6) = (zone.ipv4.clone(), zone.ipv6.clone());
        self.zones.push(zone);
        self.zones.push(Zone { apex: "again.test".to_owned(), ipv4, ipv6, ..Zone::default() });
        for apex in ["dual.test", "again.test"] {
            self.specs.push(format!("{apex}:ip4trie:{four}"));
            self.specs.push(format!("{apex}:ip6trie:{six}"));
        }
    }

    /// Zones of names and of plain records.
    fn name_zones(&mut self, random: &mut Random, size: usize) {
        let mut zone = Zone { apex: "names.test".to_owned(), ..Zone::default() };
        let soa = "$SOA 3600 ns.names.test h.names.test 0 3600 900 604800 900\n$NS 1d a.names.test b.names.test\n";
        let first = soa.to_owned() + &name_list(random, &mut zone, size);
        let second = name_list(random, &mut zone, size);
        let files =
            [self.gzip("names.1", first.as_bytes()), self.write("names.2", second.as_bytes())];
        self.specs.push(format!("names.test:dnset:{}", files.join(",")));
        self.zones.push(zone);

        let mut zone = Zone { apex: "generic.test".to_owned(), ..Zone::default() };
        let soa = "$SOA 3600 ns.generic.test h.generic.test 1 3600 900 604800 900\n\
                   $NS 1d ns.generic.test\nns A 192.0.2.1\n@ A 192.0.2.2\n@ TXT \"at the \\top\"\n";
        let text = soa.to_owned() + &record_list(random, &mut zone, size);
        let file = self.write("generic", text.as_bytes());
        self.specs.push(format!("generic.test:generic:{file}"));
        self.zones.push(zone);
    }

    /// A combined list: sections of every other type, at the apex and in sub-zones.
    fn combined(&mut self, random: &mut Random, size: usize) {
        let mut zone = Zone { apex: "combined.test".to_owned(), ..Zone::default() };
        let mut text = String::from(
            "$SOA 1800 ns.combined.test h.combined.test 99 1h 1h 1w 10m\n\
             $NS 1800 ns.combined.test\n$TTL 40m\n$1 from the top\n",
        );
        let section = |zone: &mut Zone, part: Zone, below: &[&str]| {
            for below in below {
                let inside = |name: &str| format!("{name}.{below}").replace(".@", "");
                for a in &part.ipv4 {
                    let [a, b, c, d] = a.octets();
                    zone.names.push(inside(&format!("{d}.{c}.{b}.{a}")));
                }
                for a in &part.ipv6 {
                    zone.names.push(inside(&nibbles(*a)));
                }
                zone.names.extend(part.names.iter().map(|name| inside(name)));
                zone.names.push((*below).to_owned());
            }
        };
        for (head, below) in [
            ("ip4set:first @ four", &["@", "four"][..]),
            ("ip4trie more.deep # a comment", &["more.deep"]),
            ("ip4tset t", &["t"]),
            ("ip6trie six", &["six"]),
            ("ip6tset:sixes six @", &["six", "@"]),
            ("dnset names @", &["names", "@"]),
            ("generic @ records", &["@", "records"]),
        ] {
            let mut part = Zone::default();
            text += &format!("$DATASET {head}\n");
            if random.percent(50) {
                text += "$TTL 20m\n$2 from the section\n";
            }
            text += &match head.split([' ', ':']).next() {
                Some("ip4set") => ipv4_list(random, &mut part, size, Style::Set),
                Some("ip4trie") => ipv4_list(random, &mut part, size, Style::Trie),
                Some("ip4tset") => ipv4_list(random, &mut part, size, Style::Single),
                Some("ip6trie") => ipv6_list(random, &mut part, size, true),
                Some("ip6tset") => ipv6_list(random, &mut part, size, false),
                Some("dnset") => name_list(random, &mut part, size),
                _ => record_list(random, &mut part, size),
            };
            section(&mut zone, part, below);
        }
        let file = self.write("combined", text.as_bytes());
        self.specs.push(format!("combined.test:combined:{file}"));
        self.zones.push(zone);
        self.combined_of_two();
    }

    /// A combined list of two files: what stands in the second before its first section belongs to the last
    /// section of the first.
    fn combined_of_two(&mut self) {
        let first = "$TTL 40m\n$1 top\n$DATASET ip4set:first @\n192.0.2.1 :2:first $0 $1 $2\n";
        let second = "$TTL 7m\n$SOA 60 ns.two.test h.two.test 1 1h 1h 1w 60\n$0 zero\n$1 one\n\
                      $DATASET ip4set:second @ deep\n$2 two\n192.0.2.2 :3:second $0 $1 $2\n";
        let (first, second) =
            (self.write("first", first.as_bytes()), self.write("second", second.as_bytes()));
        self.specs.push(format!("two.test:combined:{first},{second}"));
        self.zones.push(Zone {
            apex: "two.test".to_owned(),
            ipv4: vec![Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)],
            names: vec!["2.2.0.192.deep".to_owned(), "deep".to_owned()],
            ..Zone::default()
        });
    }

    /// Zones with one oddity each: answers too large for UDP, data that expired, no entry at all,
    /// everything listed, and an SOA record too long to be used.
    fn odd_zones(&mut self, random: &mut Random) {
        let mut large = String::from("$SOA 60 ns.large.test h.large.test 1 1h 1h 1w 60\n");
        large += "$NS 60 ns.large.test\n";
        let mut zone = Zone { apex: "large.test".to_owned(), ..Zone::default() };
        for (octet, values) in [(1, 8), (2, 25), (3, 45), (4, 90), (5, 200)] {
            for value in 0..values {
                let padding = "x".repeat(random.below(60));
                large +=
                    &format!("198.51.100.{octet} :127.1.{octet}.{value}:{value} {padding} $\n");
            }
            zone.ipv4.push(Ipv4Addr::new(198, 51, 100, octet));
        }
        let file = self.write("large", large.as_bytes());
        self.specs.push(format!("large.test:ip4set:{file}"));
        self.zones.push(zone);

        // Answers around the sizes at which name servers fit no longer.
        let mut crowded = String::from("$NS 60 ns.crowded.test ns.other.crowded.test\n");
        let mut zone = Zone { apex: "crowded.test".to_owned(), ..Zone::default() };
        for values in (20..32).chain(65..78) {
            let address = Ipv4Addr::new(198, 51, 100, values);
            crowded.extend((1..=values).map(|value| format!("{address} :{value}:\n")));
            zone.ipv4.push(address);
        }
        let file = self.write("crowded", crowded.as_bytes());
        self.specs.push(format!("crowded.test:ip4set:{file}"));
        self.zones.push(zone);

        let plain = "127.0.0.2\n10.0.0.0/8\n";
        for (apex, kind, text) in [
            ("expired.test", "ip4set", format!("$TIMESTAMP 2020:01:01 +1d\n{plain}")),
            ("lasting.test", "ip4set", format!("$TIMESTAMP 2020-01-01-00-00-00 20380101\n{plain}")),
            ("empty.test", "dnset", "$SOA 60 a b 1 1 1 1 1\n".to_owned()),
            ("bare.test", "ip4trie", "# nothing\n".to_owned()),
            (
                "world.test",
                "ip4trie",
                "$SOA 60 a b 1 1 1 1 1\n0.0.0.0/0 :9:$\n!10.1.0.0/16\n".to_owned(),
            ),
            ("limit.test", "ip4set", "$MAXRANGE4 /16\n10.0.0.0/8\n10.1.0.0/16\n".to_owned()),
        ] {
            let file = self.write(apex, text.as_bytes());
            self.specs.push(format!("{apex}:{kind}:{file}"));
            let ipv4 = ["127.0.0.2", "127.0.0.3", "10.0.0.1", "10.1.2.3", "10.2.0.0", "9.9.9.9"];
            let ipv4 = ipv4.map(|a| a.parse().expect("an address")).to_vec();
            let names = vec!["www".to_owned(), "a.b".to_owned()];
            self.zones.push(Zone { apex: apex.to_owned(), ipv4, names, ..Zone::default() });
        }
    }

    /// Lists as other systems and broken programs write them, of all types whose entries are lines.
    fn rough_zones(&mut self, random: &mut Random) {
        for (i, kind) in ["ip4set", "ip4trie", "ip6trie", "dnset"].into_iter().enumerate() {
            for roughness in Roughness::ALL {
                let apex = format!("rough{}{i}.test", roughness as usize);
                let mut zone = Zone { apex: apex.clone(), ..Zone::default() };
                let mut text = format!("$SOA 60 a.{apex} b.{apex} 1 1 1 1 1\n") + &specials(random);
                text += &match kind {
                    "ip4set" => ipv4_list(random, &mut zone, 60, Style::Set),
                    "ip4trie" => ipv4_list(random, &mut zone, 60, Style::Trie),
                    "ip6trie" => ipv6_list(random, &mut zone, 60, true),
                    _ => name_list(random, &mut zone, 60),
                };
                let file = self.write(&apex, &roughness.of(&text, kind != "dnset", random));
                self.specs.push(format!("{apex}:{kind}:{file}"));
                self.zones.push(zone);
            }
        }
    }

    /// Access lists: one for all zones and one of a zone, by loopback addresses of clients.
    fn access(&mut self, random: &mut Random) {
        let all = "127.0.0.10 :ignore\n127.0.0.11 :refuse\n127.0.0.12 =empty\n\
                   127.0.0.13 :127.0.0.99:all of $ is listed\n\
                   127.0.0.32/29 :refuse\n127.0.0.33 :pass\n::2 :refuse\n";
        let one = "127.0.0.21 :refuse\n127.0.0.22 :empty\n127.0.0.23 :5:$ asked\n127.0.0.24 :ignore\n\
                   127.0.0.12 :6:two lists\n127.0.0.13 =pass\n127.0.0.11 :empty\n";
        let all = self.write("acl.all", all.as_bytes());
        let one = self.write("acl.one", one.as_bytes());
        let mut zone = Zone { apex: "acl.test".to_owned(), ..Zone::default() };
        let text = "$SOA 60 a b 1 1 1 1 1\n$NS 60 ns.acl.test\n".to_owned()
            + &ipv4_list(random, &mut zone, 20, Style::Set);
        let file = self.write("acl.zone", text.as_bytes());
        self.specs.push(format!("acl.test:acl:{one}"));
        self.specs.push(format!("acl.test:ip4set:{file}"));
        self.specs.push(format!(":acl:{all}"));
        self.zones.push(zone);
    }

    /// Writes a file and gives it an age of its own, since serial numbers come from it.
    fn write(&self, name: &str, text: &[u8]) -> String {
        let path = self.folder.join(name);
        let mut file = File::create(&path).expect("the test's folder takes files");
        file.write_all(text).expect("the test's folder takes files");
        let age = 1_790_000_000 + name.bytes().map(u64::from).sum::<u64>();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(age)).expect("a file's age can be set");
        path.to_str().expect("the folder's name is plain").to_owned()
    }

    /// Writes a compressed file.
    fn gzip(&self, name: &str, text: &[u8]) -> String {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).expect("memory takes bytes");
        self.write(name, &packed.finish().expect("memory takes bytes"))
    }
}

/// Returns an IPv6 address as its nibbles in reverse, as it is asked for.
pub(crate) fn nibbles(address: Ipv6Addr) -> String {
    let digits = address.octets().map(|octet| format!("{octet:02x}")).concat();
    digits.chars().rev().map(String::from).collect::<Vec<_>>().join(".")
}

/// Returns an IPv4 address as its octets in reverse, as it is asked for.
pub(crate) fn octets(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}")
}
