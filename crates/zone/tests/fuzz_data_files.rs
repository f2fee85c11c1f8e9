//! No list file, however broken, makes us panic; what is read can be asked, exported and saved.

#[path = "fuzz/mutation.rs"]
mod mutation;

use std::io::Cursor;
use std::sync::Arc;

use mutation::{Mutation, mutate, time};
use repute_dnsxl::Polarity;
use repute_zone::format::table::{self, Layout, TableKind, TableOptions};
use repute_zone::format::{Input, Loaded, ReadError, ReadOptions, rbldnsd};
use repute_zone::guard::{self, Guards, Reach};
use repute_zone::{DatasetKind, Dialect, Relative, Zone, ZoneSpec, export, snapshot};

const LISTS: [&str; 7] = [
    "$SOA 1h ns1.x.example hm.x.example 0 10m 5m 1d 5m\n$NS 1d ns1.x.example -ns2.x.example ns3.x\n\
     $TTL 35m\n$MAXRANGE4 /8\n$0 https://x.example/\n$= [$=] $0$\n:127.0.0.3:spam $\n192.0.2.0/24\n\
     !192.0.2.7\n10.1-2 :4:range\n192.0.2.9-19 text alone $$\n1.2.3.4 :2:a\n1.2.3.4 :5:b\n0/0 :9:\n",
    "2001:db8::/32 :2:net $\n!2001:db8:1::/48\n2001:db8:0:1 :3:\n::1\n2001:db8::1:2:3:4/127 :4:x\n",
    ":2:listed $\nbad.example\n.worse.example :4:all\n*.below.example\n!good.worse.example\n\
     a\\.b.example :9:x @ ts=100;delay=60s;key=require\n\\000\\255.example\n",
    "$TTL 100\n$DATASET ip4set:one spam @\n1.2.3.4 :2:\n$DATASET dnset names\nx.example\n\
     $DATASET generic @\n@ A 1.2.3.4\nwww 300 IN TXT \"text\"\n@ MX 10 mail.x.example\n\
     $DATASET ip6trie six\n2001:db8::/33\n$DATASET ip4trie spam\n1.0.0.0/8\n",
    "$TIMESTAMP 2026:11:21:10:00:00 +2d\n:=refuse\n192.0.2.0/24\n::1 :ignore\n10.0.0.1 :127.0.0.9:$\n",
    "# ipsum\n192.0.2.1\t5\n192.0.2.2,7,\"a, b\"\n\"192.0.2.9\",\"5\",\"say \"\"x\"\"\n# \n!\"\n2001:db8::/48 3\nbad.example 2\n*.x.example;9\n",
    "\u{feff}0.0.0.0 localhost bad.example b\u{fc}cher.example # x\n::1 ip6-loopback\n||bad.example^\n\
     @@||good.bad.example^|\n||x.example^$image\nhttps://x.example/\nuser@x.example\na..b\n",
];

fn input(text: &[u8]) -> Input<'_> {
    Input { name: Arc::from("fuzz"), reader: Box::new(Cursor::new(text)), modified: 7 }
}

fn read(kind: u8, text: &[u8], options: &ReadOptions) -> Result<Loaded, ReadError> {
    match DatasetKind::ALL.get(usize::from(kind)) {
        Some((kind, _)) => rbldnsd::read(*kind, vec![input(text), input(text)], options),
        None => {
            let table = TableOptions {
                kind: if kind & 1 == 0 { TableKind::Addresses } else { TableKind::Names },
                layout: match kind % 5 {
                    0 => Layout::Blanks,
                    1 => Layout::Separated(b','),
                    2 => Layout::Separated(b';'),
                    3 => Layout::Hosts,
                    _ => Layout::Adblock,
                },
                key_column: 0,
                code_column: (kind & 2 != 0).then_some(1),
                category_column: (kind & 32 != 0).then_some(2),
                minimum: (kind & 4 != 0).then_some(3),
                code: repute_dnsxl::ReturnCode::LISTED,
                text: "see $".into(),
                text_column: (kind & 8 != 0).then_some(2),
                subdomains: kind & 16 != 0,
                header_lines: u32::from(kind & 1),
            };
            table::read(vec![input(text)], &table, options)
        }
    }
}

#[test]
fn fuzz_data_files() {
    bolero::check!().with_test_time(time()).with_type::<(u8, u8, bool, Vec<Mutation>)>().for_each(
        |(list, kind, native, mutations)| {
            let text = mutate(LISTS[usize::from(*list) % LISTS.len()].as_bytes(), mutations);
            let dialect = if *native { Dialect::Native } else { Dialect::Rbldnsd };
            let trace = Some("192.0.2.9".parse().expect("an address"));
            let options =
                ReadOptions { dialect, now: 1_800_000_000, trace, ..ReadOptions::default() };
            let Ok(loaded) = read(kind % 32, &text, &options) else { return };
            assert!(loaded.faults.errors() <= loaded.lines + 2);
            let zone = Zone::new(ZoneSpec {
                apex: "x.example".parse().expect("a name"),
                dialect,
                polarity: Polarity::Block,
                soa: None,
                name_servers: None,
                datasets: vec![Arc::new(loaded.dataset)],
                test_entries: *native,
                link: None,
                codes: Vec::new(),
                serial: 0,
            });
            for (wire, labels) in [
                (&b"\x011\x012\x013\x014"[..], &[0, 2, 4, 6][..]),
                (b"\x03bad\x07example", &[0, 4]),
                (b"", &[]),
                (b"\x012", &[0]),
            ] {
                zone.visit(Relative::new(wire, labels), |_| {});
            }
            guard::check(&zone, None, Reach::default(), &Guards::default());
            // A few wide IPv6 or IPv4 networks would be written out as millions of names.
            if zone.entries() < 20 && !text.contains(&b'/') {
                export::master(&zone, 1_700_000_000, &mut std::io::sink())
                    .expect("a sink takes all");
            }
            export::rbldnsd(&zone, export::View::Whole, &mut std::io::sink())
                .expect("a sink takes all");
            let is_list = !matches!(kind % 32, 9 | 10);
            if is_list {
                let mut image = Vec::new();
                snapshot::encode(&zone, &mut image).expect("memory takes it");
                let again = snapshot::open(image.into()).expect("what we write we can read");
                assert_eq!(again.entries(), zone.entries());
            }
        },
    );
}
