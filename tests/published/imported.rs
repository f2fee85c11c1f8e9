//! A file that a program handed in, and a server that is killed while it takes it into a list: what was acknowledged is
//! done, once and whole, whenever that was.

use std::time::Duration;

use repute_database::testing::Server;
use serde_json::Value;

use super::together::Portal;
use crate::dns::{listed, until};
use crate::process::Place;
use crate::random::Random;

#[test]
fn a_file_that_was_taken_for_a_list_in_sqlite_outlives_kills() {
    outlives_kills("registry.db");
}

#[test]
fn a_file_that_was_taken_for_a_list_in_postgresql_outlives_kills() {
    let Some(postgres) = Server::start() else { return };
    outlives_kills(&postgres.url());
}

/// Hands a file in, and kills the server at some moment, and the next one at another.
fn outlives_kills(database: &str) {
    let mut random = Random::new();
    let place = Place::new();
    let portal = Portal::start(&place, database, "");
    let add = ["registry", "list", "add", "bl.example", "--template", "blocklist"];
    let (code, said) = portal.server.run(&[&add[..], &["--reason", "ours"]].concat());
    assert_eq!(code, 0, "{said}");
    let cookie = portal.join("anna@example.org");
    let token = portal.token(&cookie, "entries%3Aread=yes&entries%3Aimport=yes");
    let head = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n\
         Idempotency-Key: the-one-file\r\n"
    );
    let path = "/api/v1/lists/bl.example/imports?source=feed&mode=add&reason=a+test";
    let file: String = (0..COUNT).map(|i| format!("{}\n", address(i))).collect();
    let taken = portal.ask("POST", path, &head, &file);
    let id = body(&taken)["id"].as_u64().unwrap_or_else(|| panic!("it is taken: {taken}"));
    let work =
        |portal: &Portal<'_>| body(&portal.ask("GET", &format!("/api/v1/work/{id}"), &head, ""));

    random.pause(Duration::from_secs(2));
    portal.server.signal("KILL");
    drop(portal);
    // Whoever comes next has it once the one who had it has said nothing for a while.
    let portal = Portal::start(&place, database, "");
    until("somebody is at it", || {
        let shown = work(&portal);
        assert!(shown["fault"].is_null(), "{shown}");
        shown["done"].as_u64() > Some(0) || shown["state"] == "done"
    });
    random.pause(Duration::from_secs(2));
    portal.server.signal("KILL");
    drop(portal);

    let portal = Portal::start(&place, database, "");
    until("it is done", || {
        let shown = work(&portal);
        assert!(shown["fault"].is_null(), "{shown}");
        shown["state"] == "done"
    });
    for at in [0, COUNT / 2, COUNT - 1] {
        let octets: Vec<String> = address(at).split('.').rev().map(str::to_owned).collect();
        let name = format!("{}.bl.example", octets.join("."));
        until(&name, || listed(portal.server.dns, &name));
    }
    let show = ["registry", "list", "show", "bl.example", "--json"];
    let (_, shown) = portal.server.run(&show);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["entries"], COUNT, "{shown}");
    let (_, log) = portal.server.run(&["registry", "log", "bl.example", "--json"]);
    assert_eq!(log.matches("\"list.import\"").count(), 1, "it is done once: {log}");
    let (code, verified) = portal.server.run(&["registry", "verify"]);
    assert!(code == 0 && verified.contains("the audit log is whole"), "{verified}");
    // Whoever heard no answer asks again, and is told of the same.
    assert_eq!(body(&portal.ask("POST", path, &head, &file))["id"], id);
    portal.server.stop();
}

/// What the API answers.
fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"))
}

/// An address of the file.
fn address(number: u32) -> String {
    std::net::Ipv4Addr::from(0x0b00_0000 + number).to_string()
}

/// How many addresses the file has.
const COUNT: u32 = 60_000;
