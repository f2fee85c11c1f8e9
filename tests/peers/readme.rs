//! The README's first steps, typed as they stand there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::list_server::{REPUTE, serve_without_configuration, wait_until_listed};
use crate::network::{on_private_network, run};

#[test]
fn the_first_steps_work_as_written() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let mut steps = README.lines().filter(|line| {
            let starts = ["dig @127.0.0.1 -p 5300", "printf ", "target/release/repute registry "];
            starts.iter().any(|start| line.starts_with(start))
        });
        let mut next = || type_in(folder.path(), steps.next().expect("the README has this step"));

        let _server = serve_without_configuration(folder.path());
        assert_eq!(next(), "127.0.0.2\n", "the test entry");
        assert_eq!(next(), "", "an address that is not listed");
        let why = next();
        assert!(why.contains("0-mail.com hands out throw-away mail addresses"), "{why}");
        let metrics = page(9053, "/metrics");
        for zone in ["ipsum.example", "disposable.example"] {
            for what in ["faults", "warnings"] {
                let none = format!("zone_{what}{{zone=\"{zone}\"}} 0");
                assert!(metrics.contains(&none), "no {what} in what is shipped: {metrics}");
            }
        }
        assert_eq!(next(), "", "an edit of the list");
        wait_until_listed("1.2.0.192.ipsum.example");
        assert_eq!(next(), "127.0.0.5\n", "the answer after the edit");
        let metrics = page(9053, "/metrics");
        assert!(metrics.contains("zone_entries{zone=\"ipsum.example\"} 307"), "{metrics}");

        let made = next();
        assert!(made.contains("bl.example: added"), "{made}");
        let added = next();
        assert!(added.contains("192.0.2.25 added"), "{added}");
        wait_until_listed("25.2.0.192.bl.example");
        assert_eq!(next(), "\"sent spam to our traps\"\n", "why it is listed");
        let why = page(8080, "/lookup?target=192.0.2.25");
        assert!(why.contains("sent spam to our traps"), "{why}");
    });
}

/// Runs a line of the README in a folder, and returns what it prints.
fn type_in(folder: &Path, line: &str) -> String {
    let line = line.replace("target/release/repute", &format!("'{REPUTE}'"));
    run("sh", &["-c", &format!("cd '{}' && {line}", folder.display())])
}

/// Fetches a page from where the README says that metrics and status are, or the portal.
fn page(port: u16, path: &str) -> String {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect(address).expect("the server has pages there");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers in text");
    text
}

/// The README.
const README: &str = include_str!("../../README.md");
