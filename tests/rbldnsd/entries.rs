//! Entries of every type: what rbldnsd's formats allow, and some lines that they do not.
//!
//! A zone is told the addresses and names its entries speak of. Which files there are, and which zones,
//! is `lists`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::lists::Zone;
use crate::random::Random;

/// What is rough about a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roughness {
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
    /// All ways.
    pub(crate) const ALL: [Roughness; 7] = [
        Roughness::CarriageReturns,
        Roughness::NoEnd,
        Roughness::Nul,
        Roughness::LongLines,
        Roughness::Specials,
        Roughness::Tabs,
        Roughness::Bytes,
    ];

    /// Makes a list rough, with its keys or without.
    pub(crate) fn of(self, text: &str, keys: bool, random: &mut Random) -> Vec<u8> {
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
pub(crate) enum Style {
    /// Addresses, prefixes, networks and ranges.
    Set,
    /// Addresses, prefixes and networks.
    Trie,
    /// Addresses only.
    Single,
}

/// Writes an IPv4 list in which networks overlap, repeat and exclude one another.
pub(crate) fn ipv4_list(random: &mut Random, zone: &mut Zone, size: usize, style: Style) -> String {
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
pub(crate) fn ipv6_list(random: &mut Random, zone: &mut Zone, size: usize, trie: bool) -> String {
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
pub(crate) fn name_list(random: &mut Random, zone: &mut Zone, size: usize) -> String {
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
pub(crate) fn record_list(random: &mut Random, zone: &mut Zone, size: usize) -> String {
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
pub(crate) fn specials(random: &mut Random) -> String {
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
