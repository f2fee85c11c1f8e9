//! Lists of every type rbldnsd knows, with everything their formats allow, and some that they do not.
//!
//! Each zone remembers the addresses and names its entries speak of, so that queries hit entries,
//! exclusions and the gaps beside them, not only the vast nothing between.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

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
                      $DATASET ip4set:second @ below\n$2 two\n192.0.2.2 :3:second $0 $1 $2\n";
        let (first, second) =
            (self.write("first", first.as_bytes()), self.write("second", second.as_bytes()));
        self.specs.push(format!("two.test:combined:{first},{second}"));
        let names = ["1.2.0.192", "2.2.0.192", "2.2.0.192.below", "below"].map(str::to_owned);
        self.zones.push(Zone {
            apex: "two.test".to_owned(),
            names: names.into(),
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

/// What is rough about a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roughness {
    /// Every line ends with a carriage return.
    CarriageReturns,
    /// The last line does not end.
    NoEnd,
    /// Bytes of value 0 stand in some lines.
    Nul,
    /// Some lines are long.
    LongLines,
    /// Special lines stand between entries.
    Specials,
    /// Tabs stand for blanks.
    Tabs,
    /// Bytes that are no UTF-8.
    Bytes,
}

impl Roughness {
    const ALL: [Roughness; 7] = [
        Roughness::CarriageReturns,
        Roughness::NoEnd,
        Roughness::Nul,
        Roughness::LongLines,
        Roughness::Specials,
        Roughness::Tabs,
        Roughness::Bytes,
    ];

    /// Makes a list rough, with its keys or without.
    fn of(self, text: &str, keys: bool, random: &mut Random) -> Vec<u8> {
        let mut rough = Vec::new();
        for line in text.lines() {
            let some = random.percent(15);
            // Names stay as they are, since they are asked for; an address cut short is a network.
            let start = if keys && self != Roughness::Nul {
                0
            } else {
                line.find([' ', '\t']).unwrap_or(line.len())
            };
            let place = start + random.below(line.len() - start + 1);
            let mut line = line.as_bytes().to_vec();
            match self {
                Roughness::CarriageReturns => line.push(b'\r'),
                Roughness::Nul if some => line.insert(place, 0),
                Roughness::LongLines if some => {
                    let length = random.one(&[250, 255, 256, 257, 500, 2000, 4000, 6000]);
                    line.extend(std::iter::repeat_n(b'y', length));
                }
                Roughness::Specials if some => {
                    rough.extend_from_slice(random.pick(&SPECIALS).as_bytes());
                    rough.push(b'\n');
                }
                Roughness::Tabs => {
                    line.iter_mut().filter(|b| **b == b' ').for_each(|blank| *blank = b'\t');
                }
                Roughness::Bytes if some => line.insert(place, random.below(256) as u8),
                _ => {}
            }
            rough.extend_from_slice(&line);
            rough.push(b'\n');
        }
        if self == Roughness::NoEnd {
            rough.pop();
        }
        rough
    }
}

/// Special lines that may stand anywhere.
const SPECIALS: [&str; 14] = [
    "$TTL 5m",
    "$TTL 0",
    "$ttl 7200 ",
    "$TTL 1h30",
    "$1 another first",
    "$3 third",
    "$4",
    "$= <$=>",
    "#$2 hidden $1",
    "$MAXRANGE4 /9",
    "$MAXRANGE4 300",
    "$SOA 99 x y 2 2 2 2 2",
    "$NS 99 ns.elsewhere.test",
    "$TIMESTAMP 2020:01:01 2037:01:01",
];

/// Which entries a type of IPv4 list takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Addresses, prefixes, networks and ranges.
    Set,
    /// Addresses, prefixes and networks.
    Trie,
    /// Addresses only.
    Single,
}

/// Writes an IPv4 list in which networks overlap, repeat and exclude one another.
fn ipv4_list(random: &mut Random, zone: &mut Zone, size: usize, style: Style) -> String {
    let mut text = specials(random);
    // What some of the lines between entries list.
    zone.ipv4.push(Ipv4Addr::new(10, 9, 8, 7));
    for _ in 0..size {
        let base = Ipv4Addr::from([
            random.one(&[10, 127, 172, 192, 203, 2]),
            random.one(&[0, 1, 2, 113, 255]),
            random.below(6) as u8 * 51,
            random.below(256) as u8,
        ]);
        let not = if random.percent(12) { "!" } else { "" };
        let (key, first, last) = ipv4_key(random, base, style);
        let value = value(random);
        text += &format!("{not}{key}{value}\n");
        let (first, last) = (u32::from(first), u32::from(last));
        let inside = first + (random.bits() % (u64::from(last - first) + 1)) as u32;
        let around = [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)];
        zone.ipv4.extend(around.map(Ipv4Addr::from));
        text += &interlude(random);
    }
    text
}

/// Writes a key of an IPv4 list and returns the first and the last address it means.
fn ipv4_key(random: &mut Random, base: Ipv4Addr, style: Style) -> (String, Ipv4Addr, Ipv4Addr) {
    let [a, b, c, d] = base.octets();
    let number = u32::from(base);
    let network = |bits: u32| {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        (Ipv4Addr::from(number & mask), Ipv4Addr::from(number | !mask))
    };
    let form = if style == Style::Single { random.below(20) } else { random.below(100) };
    match form {
        0..2 => (format!("{a:03}.{b:02}.{c}.{d:03}"), base, base),
        2..55 => (base.to_string(), base, base),
        55..62 => (format!("{a}.{b}.{c}"), network(24).0, network(24).1),
        62..64 => (format!("{a}.{b}"), network(16).0, network(16).1),
        64..86 => {
            let bits =
                random.one(&[9, 14, 16, 17, 20, 22, 23, 24, 24, 25, 26, 27, 28, 29, 30, 31, 32]);
            let (first, last) = network(bits);
            // Some have bits set in their host part: to be refused, so nothing changes.
            let shown = if random.percent(5) { base } else { first };
            (format!("{shown}/{bits}"), first, last)
        }
        86..95 if style == Style::Set => {
            let last = Ipv4Addr::from(number.saturating_add(random.below(700) as u32));
            (format!("{base}-{last}"), base, last)
        }
        95..98 if style == Style::Set => {
            let last = d.saturating_add(random.below(9) as u8);
            (format!("{base}-{last}"), base, Ipv4Addr::new(a, b, c, last))
        }
        98.. if style == Style::Set => {
            let last = b.saturating_add(1);
            (format!("{a}.{b}-{last}"), network(16).0, Ipv4Addr::new(a, last, 255, 255))
        }
        _ => (format!("{base}/32"), base, base),
    }
}

/// Writes an IPv6 list: networks with values for a trie, /64s and excluded addresses for a set.
fn ipv6_list(random: &mut Random, zone: &mut Zone, size: usize, trie: bool) -> String {
    let mut text = specials(random);
    for _ in 0..size {
        let group = |random: &mut Random| random.one(&[0, 1, 2, 0xff, 0xabcd, 0x8000]);
        let mut groups = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0].map(|g: u16| g);
        for g in &mut groups[2..] {
            *g = group(random);
        }
        if random.percent(4) {
            groups = [0x2002, 0xc000, 0x0201, 0, 0, 0, 0, group(random)];
        }
        let base = u128::from(Ipv6Addr::from(groups));
        let not = random.percent(12);
        let bits = match (trie, not) {
            (true, _) => {
                random.one(&[16, 29, 32, 36, 40, 47, 48, 56, 61, 63, 64, 64, 65, 100, 127, 128])
            }
            (false, false) => 64,
            (false, true) => 128,
        };
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        let (first, last) = (base & mask, base | !mask);
        let start = Ipv6Addr::from(first);
        let not = if not { "!" } else { "" };
        let key = match (trie, bits) {
            (true, 128) if random.percent(50) => start.to_string().to_uppercase(),
            (true, _) => format!("{start}/{bits}"),
            (false, 64) => {
                start.segments()[..4].iter().map(|g| format!("{g:x}")).collect::<Vec<_>>().join(":")
            }
            (false, _) => start.to_string(),
        };
        let value = if trie { value(random) } else { String::new() };
        text += &format!("{not}{key}{value}\n");
        let inside = first
            + (u128::from(random.bits()) << 64 | u128::from(random.bits())) % (last - first).max(1);
        let around = [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)];
        zone.ipv6.extend(around.map(Ipv6Addr::from));
        if random.percent(3) {
            text += random.pick(&[
                "2001:db8::/200 :2:x\n",
                "2001:db8:::1\n",
                "12345::\n",
                "junk:\n",
                "# ::1\n",
            ]);
        }
    }
    text
}

/// Writes a list of names: plain, with all below, only below, excluded.
fn name_list(random: &mut Random, zone: &mut Zone, size: usize) -> String {
    let mut text = specials(random);
    for _ in 0..size {
        let name = some_name(random);
        let prefix = random.pick(&["", "", "", ".", ".", "*.", "!", "!*.", "!."]);
        let shown = if random.percent(10) { name.to_uppercase() } else { name.clone() };
        let end = if random.percent(5) { "." } else { "" };
        let value = value(random);
        let value = if value.is_empty() || value.starts_with([' ', '\t']) {
            value
        } else {
            format!(" {value}")
        };
        text += &format!("{prefix}{shown}{end}{value}\n");
        zone.names.push(format!("{}.{name}", random.pick(&["a", "b", "www", "x.y"])));
        if let Some((_, parent)) = name.split_once('.') {
            zone.names.push(parent.to_owned());
        }
        zone.names.push(name);
        let between = interlude(random).replace("10.9.8.7", "interlude.example");
        let words = between.lines().filter_map(|line| line.split_ascii_whitespace().next());
        zone.names
            .extend(words.filter(|word| !word.starts_with([':', '#', ';'])).map(str::to_owned));
        text += &between;
    }
    text
}

/// Writes records in the simple master format of `generic`.
fn record_list(random: &mut Random, zone: &mut Zone, size: usize) -> String {
    let mut text = String::new();
    for _ in 0..size {
        let name = some_name(random);
        let ttl = random.pick(&["", "", "300 ", "2h ", "1 ", "30d "]);
        let class = random.pick(&["", "IN ", "in "]);
        let data = match random.below(4) {
            0 => format!("A 127.0.{}.{}", random.below(4), random.below(256)),
            1 => format!("TXT \"text {}\"", random.below(9)),
            2 => format!("txt bare text {}", random.below(9)),
            _ => format!("MX {} Mail{}.example", random.below(70) * 10, random.below(3)),
        };
        text += &format!("{name} {ttl}{class}{data}\n");
        zone.names.push(format!("a.{name}"));
        zone.names.push(name);
        if random.percent(2) {
            text += random.pick(&["name AAAA ::1\n", "# note\n", "\n", "x A 1.2.3.400\n", ";c\n"]);
        }
    }
    text
}

/// Returns a name of one to five labels out of few, so that names lie below names.
fn some_name(random: &mut Random) -> String {
    let top = random.pick(&["com", "org", "test", "x1", "deep.er"]);
    let mut name =
        format!("{}{}.{top}", random.pick(&["ex", "spam", "a-b", "under_score"]), random.below(40));
    for _ in 0..random.below(4) {
        name = format!("{}.{name}", random.pick(&["www", "mail", "a", "b", "sub7"]));
    }
    name
}

/// Writes what may follow a key: nothing, a code, a text, both, a comment.
fn value(random: &mut Random) -> String {
    let code = random.pick(&["2", "3", "77", "127.0.1.5", "127.3.2.1", "10.0.0.1", "4.5"]);
    let text = random.pick(&[
        "listed, see http://bl.test/?$",
        "costs $$5 for $ and $$",
        "$1 then $2 and $9",
        "= alone with $ and $=",
        "",
        "say \"hi\" \\ to $",
        "zwölf $",
        "a trailing dollar $",
        "#not a comment",
        "100% : colons : inside",
    ]);
    match random.below(12) {
        0..3 => String::new(),
        3 => " # remark".to_owned(),
        4 | 5 => format!(" :{code}"),
        6 => format!("\t:{code}:"),
        7 => format!(" {text}"),
        8 => format!(" :{code}:{}", "long $ text, ".repeat(26)),
        9 => format!(" :{code} :  {text}  "),
        _ => format!(" :{code}:{text}"),
    }
}

/// Writes the special lines at the head of a list.
fn specials(random: &mut Random) -> String {
    let mut text = String::new();
    for (percent, line) in [
        (60, "$1 first variable\n"),
        (30, ";$2 second $ variable\n"),
        (30, "$1 too late\n"),
        (25, "$= Base[$=] for $ ($1)\n"),
        (30, "$TTL 2h\n"),
        (30, ":$TTL 30s\n"),
        (60, ":4:default, see $\n"),
        (10, "$UNKNOWN thing\n"),
        (10, "$SOA broken\n"),
    ] {
        if random.percent(percent) {
            text += line;
        }
    }
    text
}

/// Writes, now and then, what stands between entries: defaults, comments, faults.
fn interlude(random: &mut Random) -> String {
    if !random.percent(6) {
        return String::new();
    }
    match random.below(10) {
        0 => ":8:a new default for $\n".to_owned(),
        1 => ":127.0.0.11\n".to_owned(),
        2 => "\n   \t \n# comment\n; comment\n".to_owned(),
        3 => "300.1.2.3\n1.2.3.4.5\n1.2.3\t\t:x:bad code\n-\n!\n".to_owned(),
        4 => "   10.9.8.7   :2: spaced   \n".to_owned(),
        5 => ":bad default\n:0:zero\n::\n".to_owned(),
        6 => "10.9.8.7/33\n10.9.8.7-10.9.8.1\n10.9.8.7x\n10\n".to_owned(),
        7 => format!("# {}\n", "a long comment ".repeat(40)),
        8 => "10.9.8.7 :3:windows line\r\n".to_owned(),
        _ => "10.9.8.7 :2:twice\n10.9.8.7 :2:twice\n".to_owned(),
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
