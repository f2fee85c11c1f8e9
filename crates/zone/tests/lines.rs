//! Lines of rbldnsd's data files, as rbldnsd(8) and doc/formats.md have them: the special ones, and some
//! that are no entries.

use std::net::Ipv4Addr;
use std::sync::Arc;

use repute_dnsxl::Name;
use repute_zone::format::{Input, Loaded, ReadError, ReadOptions, rbldnsd};
use repute_zone::{DatasetKind, Header};

/// Noon of 2026-11-22.
const NOW: u32 = 1_795_348_800;

/// Reads files as one list of addresses.
fn read(files: &[&str], options: &ReadOptions) -> Result<Loaded, ReadError> {
    let inputs = files.iter().map(|text| Input {
        name: Arc::from("list"),
        reader: Box::new(text.as_bytes()),
        modified: 7,
    });
    rbldnsd::read(DatasetKind::Addresses, inputs.collect(), options)
}

/// What files without faults say of their zone.
fn header(files: &[&str]) -> Header {
    let loaded = read(files, &ReadOptions { now: NOW, ..ReadOptions::default() });
    let loaded = loaded.expect("they are readable");
    let faults: Vec<_> = loaded.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{faults:?}");
    loaded.dataset.header().clone()
}

/// The faults of a file, one a line: line, column and what is wrong.
fn faults(text: &str) -> Vec<String> {
    let options = ReadOptions { now: NOW, ..ReadOptions::default() };
    let loaded = read(&[text], &options).expect("it is readable");
    loaded.faults.iter().map(|f| format!("{}:{}: {}", f.line, f.column, f.problem)).collect()
}

/// A name from text.
fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

#[test]
fn the_first_soa_and_the_first_name_servers_count() {
    let header = header(&[
        "$SOA 1h ns.example. hm.example. 7 10m 5m 1d 30s\n$NS 2d a.example -b.example c.example\n",
        "#$SOA 1 x.example. y.example. 8 1 1 1 1\n;$NAMESERVER 1 d.example\n",
    ]);
    let soa = header.soa.expect("there is one");
    assert_eq!((soa.origin, soa.person), (name("ns.example"), name("hm.example")));
    let numbers = [soa.ttl, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
    assert_eq!(numbers, [3600, 7, 600, 300, 86_400, 30]);
    // One with `-` before it is left out.
    let servers = vec![name("a.example"), name("c.example")];
    assert_eq!(header.name_servers, Some((172_800, servers)));
}

#[test]
fn of_time_to_lives_the_last_counts_within_limits() {
    assert_eq!(header(&["192.0.2.1\n"]).ttl, 2100);
    assert_eq!(header(&["$TTL 5m\n:$TTL 7m\n"]).ttl, 420);
    let options = ReadOptions { min_ttl: 60, max_ttl: 600, ..ReadOptions::default() };
    for (ttl, expect) in [("59s", 60), ("60", 60), ("10m", 600), ("1h", 600), ("0", 2100)] {
        let loaded = read(&[&format!("$TTL {ttl}\n")], &options).expect("it is readable");
        assert_eq!(loaded.dataset.header().ttl, expect, "{ttl}");
    }
}

#[test]
fn data_are_good_as_long_as_all_files_are() {
    let day = 86_400;
    let noon = NOW / day * day;
    assert_eq!(header(&["$TIMESTAMP 2026:11:21 +2d\n"]).expires, Some(noon + day));
    let files = ["$TIMESTAMP 2026:11:21 +4d\n", "$TIMESTAMP 2026:11:20 2026:11:24\n"];
    assert_eq!(header(&files).expires, Some(noon + 2 * day));
    assert_eq!(header(&[files[1], files[0]]).expires, Some(noon + 2 * day));
    // Without an end they are good for ever, and so they are with a stamp that says nothing.
    assert_eq!(header(&["$TIMESTAMP 2026:11:21\n"]).expires, None);
    assert_eq!(header(&["$TIMESTAMP 0\n"]).expires, None);
}

#[test]
fn a_time_stamp_to_come_makes_the_file_unusable() {
    let options = ReadOptions { now: NOW, ..ReadOptions::default() };
    let error = read(&["$TIMESTAMP 2026:11:22:12:00:05 +1d\n"], &options);
    assert!(matches!(error, Err(ReadError::Future { line: 1, seconds: 5, .. })));
    assert!(read(&["$TIMESTAMP 2026:11:22:12:00:00 +1d\n"], &options).is_ok());
}

#[test]
fn months_have_their_days() {
    for (month, days) in (1..).zip([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
        assert_eq!(faults(&format!("$TIMESTAMP 2025:{month:02}:{days}\n")), [""; 0]);
        let after = faults(&format!("$TIMESTAMP 2025:{month:02}:{}\n", days + 1));
        assert_eq!(after.len(), 1, "month {month}");
        // And the next one begins behind the last.
        if month < 12 {
            let ends =
                |day: &str| header(&[&format!("$TIMESTAMP 2024:12:31 2025:{day}\n")]).expires;
            let last = ends(&format!("{month:02}:{days}")).expect("an end");
            assert_eq!(ends(&format!("{:02}:01", month + 1)), Some(last + 86_400));
        }
    }
    assert_eq!(faults("$TIMESTAMP 2024:02:29\n"), [""; 0]);
}

#[test]
fn the_largest_range_is_only_lowered() {
    let text = "$MAXRANGE4 /24\n192.0.2.0/24\n198.51.100.0/23 :2:too large\n$MAXRANGE4 /16\n\
                10.0.0.0/16\n$MAXRANGE4 4\n192.0.2.0/30\n192.0.2.0-4\n192.0.2.8-11\n";
    let options = ReadOptions::default();
    let loaded = read(&[text], &options).expect("it is readable");
    let lines: Vec<_> = loaded.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [3, 4, 5, 8]);
    assert_eq!(loaded.dataset.entries(), 3);
    // A network of exactly so many addresses is none too large.
    for (limit, len) in [("256", 24), ("/24", 24), ("1", 32), ("/1", 1)] {
        let network = format!("{}/{len}", Ipv4Addr::from(0x8000_0000_u32));
        assert_eq!(faults(&format!("$MAXRANGE4 {limit}\n{network}\n")), [""; 0], "{limit}");
        let wider = format!("$MAXRANGE4 {limit}\n0.0.0.0/{}\n", len - 1);
        assert_eq!(faults(&wider).len(), 1, "{limit}");
    }
}

#[test]
fn a_number_or_a_group_alone_is_no_network() {
    for slip in ["10", "2001", "127 :2:", "2001 :2:spam", "!10", "!fe80"] {
        assert_eq!(faults(&format!("{slip}\n")).len(), 1, "{slip}");
    }
    for network in
        ["10.0", "2001:db8", "10/8", "127.0 :2:", "2001:db8 :2:spam", "!10.0", "2001::/16"]
    {
        assert_eq!(faults(&format!("{network}\n")), [""; 0], "{network}");
    }
}

/// Texts are one DNS string (RFC 1035 section 3.3), of which rbldnsd sends 254 bytes.
#[test]
fn a_text_is_as_long_as_one_string() {
    assert_eq!(faults(&format!("192.0.2.1 :2:{}\n", "x".repeat(254))), [""; 0]);
    let cut = faults(&format!("192.0.2.1 :2:{}\n", "x".repeat(255)));
    assert!(matches!(&cut[..], [told] if told.starts_with("1:268: ")), "{cut:?}");
}
