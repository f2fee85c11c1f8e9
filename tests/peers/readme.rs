//! The README's first steps, typed as they stand there.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::list_server::{serve_without_configuration, wait_until_listed};
use crate::network::{on_private_network, run};

#[test]
fn the_first_steps_work_as_written() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let mut steps = README.lines().filter(|line| {
            line.starts_with("dig @127.0.0.1 -p 5300") || line.starts_with("printf ")
        });
        let mut next = || type_in(folder.path(), steps.next().expect("the README has this step"));

        let _server = serve_without_configuration(folder.path());
        assert_eq!(next(), "127.0.0.2\n", "the test entry");
        assert_eq!(next(), "", "an address that is not listed");
        let why = next();
        assert!(why.contains("0-mail.com hands out throw-away mail addresses"), "{why}");
        let metrics = page("/metrics");
        for zone in ["ipsum.example", "disposable.example"] {
            for what in ["faults", "warnings"] {
                let none = format!("zone_{what}{{zone=\"{zone}\"}} 0");
                assert!(metrics.contains(&none), "no {what} in what is shipped: {metrics}");
            }
        }
        assert_eq!(next(), "", "an edit of the list");
        wait_until_listed("1.2.0.192.ipsum.example");
        assert_eq!(next(), "127.0.0.5\n", "the answer after the edit");
        let metrics = page("/metrics");
        assert!(metrics.contains("zone_entries{zone=\"ipsum.example\"} 307"), "{metrics}");
    });
}

/// Runs a line of the README in a folder, and returns what it prints.
fn type_in(folder: &Path, line: &str) -> String {
    run("sh", &["-c", &format!("cd '{}' && {line}", folder.display())])
}

/// Fetches a page from where the README says that metrics and status are.
fn page(path: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9053").expect("the server has pages there");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers in text");
    text
}

/// The README.
const README: &str = include_str!("../../README.md");
