//! The control socket between two processes' worth of code.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use repute_nameserver::companion::Companion;
use repute_nameserver::control::{Answer, ControlError, Outcome, Request, ask};
use repute_nameserver::http;
use repute_nameserver::server::{Config, StartError};

use crate::running::{TestServer, apex, config};

/// A server with a control socket in a folder of its own.
fn start() -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { control: Some(folder.path().join("control")), ..config() };
    (TestServer::start(config), folder)
}

#[test]
fn status_and_reload_are_answered() {
    let (server, folder) = start();
    let path = folder.path().join("control");
    let Answer::Status(report) = ask(&path, &Request::Status).unwrap() else {
        panic!("not a status")
    };
    assert_eq!(report.zones[0].name, "bl.example");
    assert_eq!(report.udp_addresses, server.running().udp_addresses());
    let Answer::Reloaded(reloads) = ask(&path, &Request::Reload(Some(apex()))).unwrap() else {
        panic!("not a reload")
    };
    let [zone] = &reloads.zones[..] else { panic!("{reloads:?}") };
    assert_eq!(zone.outcome, Outcome::Unchanged);
    let other = Request::Reload(Some("other.example".parse().unwrap()));
    let expect = Answer::Error("zone `other.example` is not configured".into());
    assert_eq!(ask(&path, &other).unwrap(), expect);
    assert_eq!(ask(&path, &Request::ReopenLogs).unwrap(), Answer::Done);
}

#[test]
fn words_that_mean_nothing_get_an_error_and_so_does_a_line_without_end() {
    let (_server, folder) = start();
    for line in [&b"hello\n"[..], b"\xff\xfe\n", b"\n", &[b'x'; 20_000]] {
        let mut stream = UnixStream::connect(folder.path().join("control")).unwrap();
        // The server may close before it has read all of a long line.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        if BufReader::new(stream).read_line(&mut answer).is_ok() {
            assert!(answer.starts_with("{\"error\":\"unknown request"), "{answer}");
        }
    }
    assert!(ask(&folder.path().join("control"), &Request::Status).is_ok());
}

#[test]
fn a_second_server_does_not_take_the_socket_and_a_stop_removes_it() {
    let (mut server, folder) = start();
    let path = folder.path().join("control");
    let second = Config { control: Some(path.clone()), ..config() };
    let bound = repute_nameserver::server::Server::bind(second, Default::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let parts = repute_nameserver::server::Parts {
        zones: Arc::clone(&server.zones),
        board: Arc::clone(&server.board),
        reload: Arc::new(crate::running::Unchanged),
        runtime: runtime.handle().clone(),
        beyond: None,
        certificate: None,
    };
    let error = bound.start(parts).unwrap_err();
    assert!(matches!(error, StartError::Control(ControlError::InUse { .. })), "{error}");
    assert!(ask(&path, &Request::Status).is_ok(), "the first still answers");
    server.stop();
    assert!(!path.exists());
    assert!(matches!(ask(&path, &Request::Status), Err(ControlError::NotRunning { .. })));
}

/// A service that says back what it is told, unless it is told nothing good.
struct Echo;

impl Companion for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn metrics(&self) -> String {
        "echo_orders_total 1\n".to_owned()
    }

    fn order(&self, order: &str) -> Result<serde_json::Value, String> {
        if order == "nothing" { Err("why ask?".to_owned()) } else { Ok(order.into()) }
    }
}

#[test]
fn orders_go_to_the_service_that_is_meant_and_its_counters_are_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let http = http::Config { address: Some(([127, 0, 0, 1], 0).into()), ..Default::default() };
    let config = Config { control: Some(path.clone()), http, ..config() };
    let mut server = TestServer::start_beside(config, vec![Arc::new(Echo)]);
    let order = |companion: &str, order: &str| {
        let (companion, order) = (companion.to_owned(), order.to_owned());
        ask(&path, &Request::Order { companion, order }).unwrap()
    };
    assert_eq!(order("echo", "two  words"), Answer::Told("two  words".into()));
    assert_eq!(order("echo", "nothing"), Answer::Error("why ask?".into()));
    let Answer::Error(why) = order("cook", "cake") else { panic!("there is no cook") };
    assert!(why.starts_with("the server runs no `cook` service"), "{why}");
    let page = server.running().http_address().expect("there are pages");
    let mut stream = std::net::TcpStream::connect(page).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("repute_nameserver_build_info") && text.ends_with("\necho_orders_total 1\n"),
        "{text}"
    );
    server.stop();
}
