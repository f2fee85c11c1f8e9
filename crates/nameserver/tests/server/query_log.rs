//! The query log of a running server.

use std::io::Write;

use repute_nameserver::query_log::{Config, Destination, Format, Queries};

use crate::running::{A, TestServer, client, config, framed, query, read_message, receive};

#[test]
fn hits_by_udp_and_tcp_are_in_the_file_when_the_server_has_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let mut config = config();
    config.query_log = Config {
        queries: Queries::Hits,
        format: Format::Json,
        destination: Destination::File(path.clone()),
        ..Config::default()
    };
    let mut server = TestServer::start(config);
    let socket = client(server.address());
    for name in ["2.0.0.127.bl.example", "9.9.9.9.bl.example"] {
        socket.send(&query(1, name, A)).unwrap();
        receive(&socket, &mut [0; 1500]).unwrap();
    }
    let mut stream = server.connect();
    stream.write_all(&framed(&query(2, "5.2.0.192.BL.example", A))).unwrap();
    read_message(&mut stream);
    server.stop();
    let log = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["transport"].to_string());
    let seen: Vec<_> = lines
        .iter()
        .map(|l| {
            [&l["transport"], &l["name"], &l["zone"], &l["rcode"]].map(|v| v.as_str().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ["tcp", "5.2.0.192.bl.example", "bl.example", "NOERROR"],
            ["udp", "2.0.0.127.bl.example", "bl.example", "NOERROR"],
        ]
    );
}
