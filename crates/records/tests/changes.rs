//! Changes to a zone: updates by the rules of RFC 2136, and what a difference says of them.

use std::sync::Arc;

use proptest::prelude::*;
use repute_dnsxl::Name;
use repute_records::update::{Grant, Raw, Refusal, Scope, Update};
use repute_records::{Advance, Difference, Editor, Misfit, Record, Zone, master, rtype};

/// A name of the zone.
fn name(text: &str) -> Name {
    match text {
        "@" => "zone.test".parse(),
        text => format!("{text}.zone.test").parse(),
    }
    .expect("a name")
}

/// A zone of lines; a SOA is added.
fn zone(lines: &str) -> Arc<Zone> {
    let text = format!(
        "$TTL 60\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\nns A 192.0.2.53\n{lines}"
    );
    let reading = master::read_lines(&name("@"), &text);
    assert_eq!(reading.faults, [], "{text}");
    let records = reading.records.into_iter().map(|placed| placed.record);
    Arc::new(Zone::new(name("@"), records).expect("a zone").0)
}

/// A record of an update: `owner class type data`, with a time to live of 60 where records are added.
fn raw(line: &str) -> Raw {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (owner, class, kind, data) = (word(), word(), word(), word());
    let rtype = if kind == "ANY" {
        rtype::ANY
    } else {
        master::data::rtype(kind.as_bytes()).expect("a type")
    };
    let data = match data {
        "" => Box::default(),
        data => {
            let text = format!("x 60 {kind} {data}");
            let reading = master::read_lines(&name("@"), &text);
            reading.records.first().expect("a record").record.data.clone()
        }
    };
    let (class, ttl) = match class {
        "IN" => (1, 60),
        // A prerequisite with a value has the zone's class and no time to live.
        "IS" => (1, 0),
        "NONE" => (254, 0),
        _ => (255, 0),
    };
    Raw { owner: name(owner), rtype, class, ttl, data }
}

/// Does an update, and says what changed or the response code.
fn update(zone: &Arc<Zone>, prerequisites: &[&str], changes: &[&str]) -> Result<Vec<String>, u8> {
    let of = |lines: &[&str]| lines.iter().map(|line| raw(line)).collect::<Vec<_>>();
    let update = Update::read(zone.apex(), of(prerequisites), of(changes))
        .map_err(|refusal| refusal.rcode())?;
    update.check(zone).map_err(|refusal| refusal.rcode())?;
    let mut editor = Editor::new(zone);
    update.apply(&mut editor).map_err(|refusal| refusal.rcode())?;
    Ok(editor.finish(Advance::Next).map(|(_, difference)| told(&difference)).unwrap_or_default())
}

/// A difference, one record a line.
fn told(difference: &Difference) -> Vec<String> {
    let line = |sign: &str, record: &Record| {
        let line = master::line(record)
            .replace(".zone.test.", "")
            .replace("zone.test.", "@")
            .replace('\t', " ");
        format!("{sign}{line}").replace(" 60 IN", "")
    };
    let removed = difference.removed.iter().map(|record| line("-", record));
    removed.chain(difference.added.iter().map(|record| line("+", record))).collect()
}

#[test]
fn prerequisites_are_judged_by_section_3_2() {
    let zone = zone("a A 192.0.2.1\na A 192.0.2.2\nb.c TXT x\nm MX 10 Mail\n");
    let codes = [
        ("a ANY ANY", Ok(())),
        ("z ANY ANY", Err(3)),
        // An empty non-terminal has no records of its own: it is not in use (section 2.4.5).
        ("c NONE ANY", Ok(())),
        ("a NONE ANY", Err(6)),
        ("a ANY A", Ok(())),
        ("a ANY TXT", Err(8)),
        ("a NONE TXT", Ok(())),
        ("a NONE A", Err(7)),
        ("a IS A 192.0.2.1", Err(8)),
        ("m IS MX 10 mAIL.zone.test.", Ok(())),
    ];
    for (line, expect) in codes {
        assert_eq!(update(&zone, &[line], &[]).map(|_| ()), expect, "{line}");
    }
    let both = ["a IS A 192.0.2.2", "a IS A 192.0.2.1"];
    assert_eq!(update(&zone, &both, &[]), Ok(vec![]), "of one name and type they are one set");
    assert_eq!(update(&zone, &["a IN A 192.0.2.1"], &[]), Err(1), "a time to live");
    let outside = Raw { owner: "other.test".parse().expect("a name"), ..raw("a ANY A") };
    let refused = Update::read(zone.apex(), vec![], vec![outside]);
    assert_eq!(refused.map_err(|refusal| refusal.rcode()), Err(10), "NOTZONE");
}

#[test]
fn changes_are_made_by_section_3_4_2() {
    let zone = zone("a A 192.0.2.1\nc CNAME a\nt 300 TXT x\n@ MX 10 a\n");
    let cases: [(&[&str], &[&str]); 12] = [
        (&["a IN A 192.0.2.2"], &["+a A 192.0.2.2"]),
        (&["a IN A 192.0.2.1"], &[]),
        // "Any Update RR whose NAME is the same ... the TTL is replaced".
        (&["t IN TXT x"], &["-t 300 IN TXT \"x\"", "+t TXT \"x\""]),
        (&["t IN TXT y"], &["-t 300 IN TXT \"x\"", "+t TXT \"x\"", "+t TXT \"y\""]),
        (&["c IN A 192.0.2.1"], &[]),
        (&["a IN CNAME c"], &[]),
        (&["c IN CNAME t"], &["-c CNAME a", "+c CNAME t"]),
        (&["a ANY ANY", "a IN CNAME t"], &["-a A 192.0.2.1", "+a CNAME t"]),
        (&["a NONE A 192.0.2.1"], &["-a A 192.0.2.1"]),
        (&["@ ANY ANY"], &["-@ MX 10 a"]),
        (&["@ NONE NS ns", "@ ANY NS", "@ ANY SOA"], &[]),
        (&["@ IN NS ns2", "@ NONE NS ns"], &["-@ NS ns", "+@ NS ns2"]),
    ];
    for (changes, expect) in cases {
        assert_eq!(update(&zone, &[], changes).expect("done"), expect, "{changes:?}");
    }
    assert_eq!(update(&zone, &[], &["a IN ANY"]), Err(1));
    let bad = Raw { data: Box::from([1, 2, 3]), ..raw("a IN A 192.0.2.1") };
    assert!(matches!(Update::read(zone.apex(), vec![], vec![bad]), Err(Refusal::Malformed(_))));
}

#[test]
fn serials_go_on_and_never_back() {
    let zone = zone("");
    let serial = |advance, soa: Option<&str>| {
        let mut editor = Editor::new(&zone);
        editor.replace(&name("a"), rtype::TXT, 1, &[b"\x01x"]).expect("fits");
        if let Some(soa) = soa {
            let update = Update::read(zone.apex(), vec![], vec![raw(soa)]).expect("an update");
            update.apply(&mut editor).expect("done");
        }
        editor.finish(advance).expect("a change").0.serial()
    };
    assert_eq!(serial(Advance::Next, None), 8);
    assert_eq!(serial(Advance::Time(1_000), None), 1_000);
    assert_eq!(serial(Advance::Time(5), None), 8);
    assert_eq!(serial(Advance::Next, Some("@ IN SOA ns hostmaster 50 3600 900 604800 300")), 50);
    assert_eq!(
        serial(Advance::Next, Some("@ IN SOA ns hostmaster 5 3600 900 604800 300")),
        8,
        "not back"
    );
    assert!(Editor::new(&zone).finish(Advance::Next).is_none(), "nothing changed");
}

#[test]
fn a_difference_of_other_versions_does_not_fit() {
    let (zone, other) = (zone("a A 192.0.2.1\n"), zone("b A 192.0.2.1\n"));
    let mut editor = Editor::new(&zone);
    editor.remove(&name("a"), rtype::A, &[192, 0, 2, 1]);
    let (newer, difference) = editor.finish(Advance::Next).expect("a change");
    let apply = |zone: Arc<Zone>| Editor::new(&zone).apply(&difference);
    assert_eq!(apply(zone), Ok(()));
    assert_eq!(apply(Arc::new(newer)), Err(Misfit::From { expected: 8, found: 7 }));
    assert_eq!(apply(other), Err(Misfit::Missing { owner: name("a"), rtype: rtype::A }));
}

#[test]
fn keys_change_what_they_are_granted() {
    let zone = zone("_acme-challenge.a TXT x\nb A 192.0.2.1\nb TXT y\n");
    let grant = |scope: &str, types: &[u16]| {
        let names =
            if scope.is_empty() { vec![] } else { vec![scope.parse::<Scope>().expect("a scope")] };
        vec![Grant { names, types: types.to_vec() }]
    };
    let may = |grants: &[Grant], change: &str| {
        let update = Update::read(zone.apex(), vec![], vec![raw(change)]).expect("an update");
        update.permit(&zone, grants).map_err(|refusal| refusal.rcode())
    };
    let challenges = grant("_acme-challenge.*", &[rtype::TXT]);
    assert_eq!(may(&challenges, "_acme-challenge.a IN TXT y"), Ok(()));
    assert_eq!(may(&challenges, "_acme-challenge.a ANY ANY"), Ok(()), "it has nothing else");
    assert_eq!(may(&challenges, "_acme-challenge.a IN CNAME b"), Err(5));
    assert_eq!(may(&challenges, "a IN TXT y"), Err(5));
    let texts = grant("", &[rtype::TXT]);
    assert_eq!(may(&texts, "b ANY TXT"), Ok(()));
    assert_eq!(may(&texts, "b ANY ANY"), Err(5), "it has an address");
    assert_eq!(may(&grant("*.b.zone.test", &[]), "c.b IN A 192.0.2.1"), Ok(()));
    assert_eq!(may(&grant("*.b.zone.test", &[]), "b IN A 192.0.2.1"), Err(5));
    assert_eq!(
        may(&grant("", &[]), "@ IN SOA ns hostmaster 50 1 1 1 1"),
        Err(5),
        "the SOA is named or not granted"
    );
    assert_eq!(may(&[], "b IN TXT y"), Err(5));
}

/// Lines of records that meet.
fn records() -> impl Strategy<Value = Vec<String>> {
    let owner = prop::sample::select(vec!["@", "a", "b.a", "*.a", "c"]);
    let data = prop::sample::select(vec![
        "A 192.0.2.1",
        "A 192.0.2.2",
        "TXT x",
        "TXT y",
        "MX 10 a",
        "MX 10 A",
        "NS ns",
    ]);
    let line =
        (owner, 60..62_u32, data).prop_map(|(owner, ttl, data)| format!("{owner} {ttl} {data}"));
    prop::collection::vec(line, 0..12)
}

proptest! {
    /// A journal that is applied to the version before gives the version after, to the letter.
    #[test]
    fn a_difference_leads_from_one_version_to_the_other(one in records(), other in records()) {
        let of = |lines: &[String]| zone(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let (old, new) = (of(&one), of(&other));
        let difference = Difference::between(&old, &new);
        let mut editor = Editor::new(&old);
        editor.apply(&difference).expect("it fits");
        let (made, again) = editor.finish_as_is();
        prop_assert_eq!(&made, &*new);
        prop_assert_eq!(made.len(), new.len());
        prop_assert_eq!(made.records().count(), new.len());
        prop_assert_eq!(&again.removed, &difference.removed);
        prop_assert_eq!(&again.added, &difference.added);
    }
}
