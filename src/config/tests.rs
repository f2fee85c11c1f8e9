//! The configuration from outside: what is refused, where the caret stands, and that the annotated
//! file tells the truth.

use std::time::Duration;

use repute_nameserver::loader::{Content, FeedConfig, SnapshotOrigin};

use super::file::FileConfig;
use super::*;

/// The error of a configuration, or nothing.
fn refused(text: &str) -> String {
    match Config::parse(text, Origin::File("a.toml".into())) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

/// The annotated file with its commented keys and tables switched on.
fn example_in_full() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest)
            if rest.starts_with('[') || rest.starts_with(|c: char| c.is_ascii_lowercase()) =>
        {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_shows_the_defaults() {
    assert_eq!(read(EXAMPLE).unwrap(), FileConfig::default());
}

#[test]
fn what_the_example_shows_of_a_zone_is_the_default_too() {
    let shown = read(&example_in_full()).unwrap();
    // What has no default must be given here as it is there.
    let minimal = r#"
        [[zone]]
        apex = "bl.example"
        return-codes = { "127.0.0.2" = "sends spam", "127.0.0.4" = "open proxy" }
        [zone.soa]
        [[zone.source]]
        kind = "addresses"
        format = "plain"
        separator = "blanks"
        files = ["bl.txt"]
    "#;
    let minimal = read(minimal).unwrap();
    let mut zones = shown.zone.into_iter().map(toml::Spanned::into_inner);
    let shown = zones.next().unwrap();
    assert!(zones.next().is_none());
    let minimal = minimal.zone[0].as_ref().clone();
    assert_eq!(format!("{:?}", strip(shown)), format!("{:?}", strip(minimal)));
}

#[test]
fn what_the_example_shows_of_a_list_is_the_default_too() {
    let full = example_in_full();
    let (_, keys) = full.split_once("\n[[list]]\n").unwrap();
    let (keys, _) = keys.split_once("\n[list.codes]").unwrap();
    let zone: repute_dnsxl::Name = "bl.example".parse().unwrap();
    let defaults = repute_lookup::list::List::new(zone.clone());
    let mut count = 0;
    for line in keys.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (key, value) = line.split_once(" = ").unwrap();
        // The key of a list has a place only if there is one.
        let access = if key.starts_with("key-") { "access = \"key-before-zone\"\n" } else { "" };
        let zone_line = if key == "zone" { "" } else { "zone = \"bl.example\"\n" };
        let text = format!("[[list]]\n{zone_line}{access}{line}\n");
        let catalogue = Catalogue::with(&text, &mut |_| Ok(None))
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let list = catalogue.find(&zone).unwrap();
        // What has no default is shown empty, or as an example.
        let is_shown =
            matches!(key, "title" | "delisting" | "terms" | "checked" | "source" | "note")
                || matches!(key, "am-i-blocked" | "whoami" | "rate")
                || key.starts_with("key-");
        assert_eq!(*list == defaults, !is_shown, "{key} = {value}");
        count += 1;
    }
    assert_eq!(count, 21);
}

#[test]
fn a_fault_of_a_list_is_shown_in_its_place() {
    let shown =
        refused("[server]\nworkers = 1\n[[list]]\nzone = \"bl.example\"\npolarity = \"bad\"\n");
    assert!(
        shown.starts_with("a.toml:5:12: list bl.example: polarity: expected \"block\""),
        "{shown}"
    );
    assert!(shown.ends_with("5 | polarity = \"bad\"\n  |            ^^^^^"), "{shown}");
    let shown = refused("[[list]]\nzone = \"bl.example\"\ntilte = \"x\"\n");
    assert!(
        shown.starts_with("a.toml:3:1: list bl.example: tilte: there is no such key"),
        "{shown}"
    );
    assert_eq!(refused("[[list]]\nzone = \"bl.example\"\n"), "");
}

/// Takes the places out of a zone, so that two can be compared.
fn strip(mut zone: file::FileZone) -> file::FileZone {
    for source in &mut zone.source {
        *source = toml::Spanned::new(0..0, source.as_ref().clone());
    }
    zone
}

#[test]
fn the_built_in_configuration_is_sound() {
    let config = Config::parse(BUILT_IN, Origin::BuiltIn).unwrap();
    assert_eq!(config.loader.zones.len(), 2);
    assert_eq!(config.process.data_dir, Path::new("repute-data"));
    assert_eq!(config.process.control, Path::new("repute-data/control"));
    let listen: Vec<_> = config.portal.listen.iter().map(|one| one.socket.to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:8080", "[::1]:8080"]);
    assert_eq!(config.portal.portal.public_url.origin(), "http://localhost:8080");
    let mail = repute_portal::Mail::Folder("repute-data/mail".into());
    assert_eq!(config.portal.portal.mail, mail);
    assert_eq!(config.registry.database.to_string(), "repute-data/registry.db");
}

#[test]
fn paths_are_taken_from_the_folder_of_the_file() {
    let text = "[server]\ndata-dir = \"data\"\n[[zone]]\napex = \"a.example\"\nsnapshot = \"/x/y\"";
    let config = Config::parse(text, Origin::File("/etc/repute/a.toml".into())).unwrap();
    assert_eq!(config.process.data_dir, Path::new("/etc/repute/data"));
    assert_eq!(
        config.loader.zones[0].content,
        Content::Snapshot(SnapshotOrigin::File(PathBuf::from("/x/y")))
    );
}

#[test]
fn a_snapshot_may_be_an_address() {
    let text = "[[zone]]\napex = \"a.example\"\nsnapshot = \"https://lists.example/a\"\n\
                snapshot-interval = \"5m\"\nsnapshot-max-size = \"1MiB\"";
    let config = Config::parse(text, Origin::File("/etc/repute/a.toml".into())).unwrap();
    let feed = FeedConfig {
        url: "https://lists.example/a".into(),
        interval: Duration::from_secs(300),
        timeout: Duration::from_secs(60),
        max_size: 1 << 20,
    };
    let content = Content::Snapshot(SnapshotOrigin::Feed(feed));
    assert_eq!(config.loader.zones[0].content, content);
}

#[test]
fn a_fault_is_shown_in_its_place() {
    assert_eq!(
        refused("[server]\nlisten = [\"localhost\"]\n"),
        "a.toml:2:10: server.listen[0]: `localhost`: expected an address and port such as \
         192.0.2.1:53 or [2001:db8::1]:53\n  |\n2 | listen = [\"localhost\"]\n  |          ^^^^^^^^^^^^^"
    );
    let text = "[[zone]]\napex = \"bl.example\"\ntll = \"5m\"\n";
    let shown = refused(text);
    assert!(shown.starts_with("a.toml:3:1: "), "{shown}");
    assert!(shown.contains("unknown field `tll`") && shown.contains("`ttl`"), "{shown}");
    assert!(shown.ends_with("3 | tll = \"5m\"\n  | ^^^"), "{shown}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let check = |text: &str, expect: &str| {
        let shown = refused(text);
        assert!(shown.contains(expect), "{text}\n-> {shown}");
    };
    let zone = "[[zone]]\napex = \"a.example\"\n";
    let source = "[[zone.source]]\nkind = \"addresses\"\n";
    check(zone, "no [[zone.source]]");
    check(&format!("{zone}{source}"), "`files` or `url`");
    check(&format!("{zone}{source}url = \"ftp://x\""), "must begin with http");
    check(&format!("{zone}{source}files = [\"a\"]\nurl = \"http://x\""), "not both");
    check(&format!("{zone}{source}files = [\"a\"]\nminimum = 2"), "needs a `code-column`");
    check(&format!("{zone}{source}files = [\"a\"]\nkey-column = 0"), "counts from 1");
    check(&format!("{zone}snapshot = \"a\"\n{zone}snapshot = \"b\""), "there twice");
    check(&format!("{zone}snapshot = \"a\"\n[zone.guards]\nipv4-prefix = 33"), "0 to 32");
    check(
        &format!("{zone}snapshot = \"a\"\n[zone.guards]\nipv6-growth = 129"),
        "ipv6-growth must be 0 to 128",
    );
    check(
        &format!("{zone}[[zone.source]]\nkind = \"ip4set\"\nformat = \"csv\"\nfiles = [\"a\"]"),
        "use `addresses` or `names`",
    );
    for format in ["hosts", "adblock"] {
        check(
            &format!("{zone}{source}format = \"{format}\"\nfiles = [\"a\"]"),
            "use `kind = \"names\"`",
        );
        let names = format!(
            "{zone}[[zone.source]]\nkind = \"names\"\nformat = \"{format}\"\nfiles = [\"a\"]\n"
        );
        assert_eq!(refused(&names), "");
        for key in ["separator = \"tab\"", "key-column = 2", "code-column = 1", "text-column = 1"] {
            let name = key.split(' ').next().unwrap();
            check(&format!("{names}{key}"), &format!("`{name}` is for formats plain and csv"));
        }
    }
    let outside = "a return code is in 127.0.0.0/8 (RFC 5782): expected such as 127.0.0.2";
    check(
        &format!("{zone}{source}files = [\"a\"]\ncode = \"192.0.2.1\""),
        &format!("zone[0].source[0].code: `192.0.2.1`: {outside}"),
    );
    check(
        &format!("{zone}snapshot = \"a\"\nreturn-codes = {{ \"10.0.0.1\" = \"spam\" }}"),
        &format!("zone[0].return-codes.10.0.0.1: `10.0.0.1`: {outside}"),
    );
    check(&format!("{zone}{source}code = \"spam\""), "expected a return code such as 127.0.0.2");
    check(
        &format!("{zone}{source}files = [\"a\"]\ntext = \"{}\"", "x".repeat(255)),
        "`text` is longer than 254 bytes",
    );
    check("[server]\nworkers = -1", "server.workers");
    check("nonsense", "not TOML");
    check(&format!("{zone}ttl = \"5 parsecs\""), "expected a number with a unit");
    assert_eq!(refused(&format!("{zone}{source}files = [\"a\"]")), "");
}

#[test]
fn the_pages_and_dns_cannot_have_one_tcp_port() {
    let check = |listen: &str, metrics: &str, expect: bool| {
        let text =
            format!("[server]\nlisten = [\"[::1]:5300\", \"{listen}\"]\nmetrics = \"{metrics}\"\n");
        let shown = refused(&text);
        let both = format!("a.toml:3:11: server.metrics {metrics} and server.listen {listen} want");
        assert_eq!(shown.starts_with(&both), expect, "{text}{shown}");
        assert_eq!(shown.is_empty(), !expect, "{text}{shown}");
        let without_tcp = format!("{text}[nameserver]\ntcp-connections = 0\n");
        assert_eq!(refused(&without_tcp), "");
    };
    check("127.0.0.1:9053", "127.0.0.1:9053", true);
    check("0.0.0.0:9053", "127.0.0.1:9053", true);
    check("127.0.0.1:9053", "0.0.0.0:9053", true);
    check("[::]:9053", "[::1]:9053", true);
    check("127.0.0.1:9054", "127.0.0.1:9053", false);
    check("127.0.0.2:9053", "127.0.0.1:9053", false);
    // An IPv6 wildcard takes no IPv4.
    check("[::]:9053", "127.0.0.1:9053", false);
    check("127.0.0.1:0", "127.0.0.1:0", false);
    check("127.0.0.1:9053", "", false);
    // The default is an address like any other.
    let shown = refused("[server]\nlisten = [\"127.0.0.1:9053\"]\n");
    assert!(shown.contains("server.metrics 127.0.0.1:9053 and server.listen"), "{shown}");
}

#[test]
fn a_wrong_type_is_named_by_its_key_wherever_it_stands() {
    let zone = "[[zone]]\napex = \"a.example\"\n";
    let source = "[[zone]]\napex = \"a.example\"\n[[zone.source]]\nkind = \"addresses\"\n";
    let check = |before: &str, text: &str, expect: &str| {
        let shown = refused(&format!("{before}{text}"));
        let (_, first) = shown.lines().next().unwrap().split_once(": ").unwrap();
        assert_eq!(first, expect, "{text}");
        for word in ["serde", "struct", "File", "usize", "sequence"] {
            assert!(!shown.contains(word), "{shown}");
        }
    };
    let wrong = |what: &str, expect: &str| format!("invalid type: {what}, expected {expect}");
    let one = |expect: &str| wrong("integer `1`", expect);
    check("", "zone = 1", &format!("zone: {}", one("a list")));
    check("", "zone = [1]", &format!("zone[0]: {}", one("a table")));
    check("", "[[server]]", "server: expected a table, not a list");
    check("", "server = 1", &format!("server: {}", one("a table")));
    check("[server]\n", "listen = 1", &format!("server.listen: {}", one("a list")));
    check("[server]\n", "listen = [1]", &format!("server.listen[0]: {}", one("a text")));
    check("[server]\n", "data-dir = 1", &format!("server.data-dir: {}", one("a path")));
    check("[server]\n", "log-level = 1", "server.log-level: expected a text");
    check(
        "[nameserver.query-log]\n",
        "sample = -1",
        "nameserver.query-log.sample: invalid value: integer `-1`, expected a whole number from 0 to \
         4294967295",
    );
    check("[nameserver]\n", "query-log = 1", &format!("nameserver.query-log: {}", one("a table")));
    check("[loader]\n", "watch = 1", &format!("loader.watch: {}", one("true or false")));
    check("[[zone]]", "", "zone[0]: missing field `apex`");
    check(
        zone,
        "ttl = true",
        &format!("zone[0].ttl: {}", wrong("boolean `true`", "a span of time such as \"35m\"")),
    );
    check(zone, "soa = 1", &format!("zone[0].soa: {}", one("a table")));
    check(zone, "name-servers = [1]", &format!("zone[0].name-servers[0]: {}", one("a text")));
    check(zone, "return-codes = 1", &format!("zone[0].return-codes: {}", one("a table")));
    check(
        zone,
        "return-codes = { \"127.0.0.2\" = 1 }",
        &format!("zone[0].return-codes.127.0.0.2: {}", one("a text")),
    );
    check(
        zone,
        "guards = { ipv4-prefix = 300 }",
        "zone[0].guards.ipv4-prefix: invalid value: integer `300`, expected a whole number from 0 to \
         255",
    );
    check(zone, "source = 1", &format!("zone[0].source: {}", one("a list")));
    check(zone, "source = [1]", &format!("zone[0].source[0]: {}", one("a table")));
    check(source, "files = [1]", &format!("zone[0].source[0].files[0]: {}", one("a path")));
    check(source, "format = 1", "zone[0].source[0].format: expected a text");
    check(source, "code = 1", &format!("zone[0].source[0].code: {}", one("a text")));
    check(
        source,
        "key-column = -1",
        "zone[0].source[0].key-column: invalid value: integer `-1`, expected a whole number, 0 or more",
    );
}

#[test]
fn a_mail_address_becomes_a_name() {
    let text = "[[zone]]\napex = \"a.example\"\nsnapshot = \"x\"\n[zone.soa]\n\
                contact = \"jane.doe@example.com\"";
    let config = Config::parse(text, Origin::BuiltIn).unwrap();
    assert_eq!(config.loader.zones[0].soa.contact.to_string(), "jane\\.doe.example.com");
}

#[test]
fn what_is_followed_is_whole_and_there_once() {
    let key = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let follow = |url: &str, keys: &str| {
        format!("[[follow]]\nurl = \"{url}\"\ntoken-file = \"token\"\npublic-keys = [{keys}]\n")
    };
    let good = follow("https://lists.example/", &format!("\"{key}\""));
    let config = Config::parse(&good, Origin::File("/etc/repute/a.toml".into())).unwrap();
    let [followed] = &config.follow[..] else { panic!("one portal") };
    assert_eq!(followed.url, "https://lists.example");
    assert_eq!(followed.token, Path::new("/etc/repute/token"));
    assert_eq!((followed.ipv4_prefix, followed.ipv6_prefix), (Some(8), Some(16)));
    let shown = read(&example_in_full()).unwrap().follow;
    let default = read(&good).unwrap().follow;
    let known = |one: &toml::Spanned<super::follow::FileFollow>| {
        let one = one.get_ref().clone();
        super::follow::FileFollow { url: String::new(), token_file: PathBuf::new(), ..one }
    };
    assert_eq!(known(&shown[0]), known(&default[0]), "the example shows the defaults");
    for (text, words) in [
        (follow("lists.example", &format!("\"{key}\"")), "expected `url` to be the address"),
        (follow("https://lists.example", ""), "at least one of `public-keys`"),
        (follow("https://lists.example", "\"ed25519:00\""), "expected a public key as"),
        (good.repeat(2), "it is there twice"),
    ] {
        assert!(refused(&text).contains(words), "{text}: {}", refused(&text));
    }
}
