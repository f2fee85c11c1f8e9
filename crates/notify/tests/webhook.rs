//! Webhooks to web servers, good ones and bad ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use repute_notify::{Channel, Fault, send};
use rustls::{ServerConnection, StreamOwned};

use peer::{Files, message};

mod peer;

/// A request: its head in lower case, and its body.
type Request = (String, String);

/// Answers one request with `reply`, and then, until the client goes, with `more` again and again.
fn answer(mut client: impl Read + Write, reply: &str, more: &str) -> Request {
    let mut head = String::new();
    let mut reader = BufReader::new(&mut client);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |digits| digits.parse().expect("a length"))];
    let _ = reader.read_exact(&mut body);
    // A client that has seen enough hangs up.
    let mut sent = client.write_all(reply.as_bytes());
    while !more.is_empty() && sent.is_ok() {
        sent = client.write_all(more.as_bytes());
    }
    let _ = client.flush();
    (head, String::from_utf8(body).expect("JSON is UTF-8"))
}

/// Starts a server on loopback for one request.
fn serve(reply: &str, more: &'static str) -> (u16, JoinHandle<Request>) {
    let reply = reply.to_owned();
    with_client(move |client| answer(client, &reply, more))
}

/// Starts a server on loopback for one connection.
fn with_client(
    speak: impl FnOnce(TcpStream) -> Request + Send + 'static,
) -> (u16, JoinHandle<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    (port, thread::spawn(move || speak(listener.accept().expect("a client comes").0)))
}

/// A channel to a server on a port.
fn channel(files: &Files, port: u16, lines: &str) -> Channel {
    files.channel(&format!("[webhook]\nurl = 'http://127.0.0.1:{port}/T0/hook?key=k1'\n{lines}"))
}

/// A good server's answer.
const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_message_is_posted_as_json_with_a_signature_and_a_token() {
    let files = Files::new();
    files.write("token", "tk_1\n");
    let (port, server) = serve(TAKEN, "");
    let lines = "secret-file = '$/secret'\ntoken-file = '$/token'";
    send(&channel(&files, port, lines), &message()).unwrap();
    let (head, body) = server.join().unwrap();
    assert!(head.starts_with("post /t0/hook?key=k1 http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer tk_1\r\n"), "{head}");
    assert_eq!(
        body,
        r#"{"id":"e1","kind":"listed","subject":"192.0.2.1 is listed on größer.example Bcc: evil@example.net","#
            .to_owned()
            + r#""text":"one\n.\n..two\nRSET\nsnow: ☃\n","facts":{"target":"192.0.2.1"}}"#
    );
    // What a reader does: compute the signature over what came, under the same secret.
    let header = head.split("\r\nrepute-signature: t=").nth(1).unwrap().lines().next().unwrap();
    let (time, signature) = header.split_once(",v1=").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hunter2");
    let bytes: Vec<u8> = (0..signature.len() / 2)
        .map(|n| u8::from_str_radix(&signature[2 * n..2 * n + 2], 16).unwrap())
        .collect();
    ring::hmac::verify(&key, format!("{time}.{body}").as_bytes(), &bytes).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - time.parse::<u64>().unwrap() < 3600, "{time}");
}

#[test]
fn without_secrets_nothing_of_them_is_sent() {
    let files = Files::new();
    files.write("address", "http://127.0.0.1:PORT/hunter2\n");
    let (port, server) = serve(TAKEN, "");
    files.write("address", &format!("http://127.0.0.1:{port}/hunter2\n"));
    send(&files.channel("[webhook]\nurl-file = '$/address'"), &message()).unwrap();
    let (head, _) = server.join().unwrap();
    assert!(head.starts_with("post /hunter2 "), "{head}");
    assert!(!head.contains("signature") && !head.contains("authorization"), "{head}");
}

#[test]
fn only_success_is_success() {
    let files = Files::new();
    for (status, permanent) in [
        ("500 Oops", false),
        ("503 Later", false),
        ("429 Slow down", false),
        ("408 Slow", false),
        ("400 What", true),
        ("403 No", true),
        ("410 Gone", true),
        ("304 Not Modified", true),
    ] {
        let (port, _server) = serve(&format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"), "");
        let error = send(&channel(&files, port, ""), &message()).unwrap_err();
        let code = &status[..3];
        let words =
            format!("webhook at http://127.0.0.1:{port}: the server answers with status {code}");
        assert!(error.to_string().starts_with(&words), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{status}");
        assert!(!format!("{error:?} {error}").contains("k1"), "{error:?}");
    }
}

/// A follower would connect to the second server.
#[test]
fn redirects_are_not_followed() {
    let files = Files::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let to = elsewhere.local_addr().unwrap();
        let head =
            format!("HTTP/1.1 {status} There\r\nlocation: http://{to}/\r\ncontent-length: 0");
        let (port, _server) = serve(&format!("{head}\r\n\r\n"), "");
        let error = send(&channel(&files, port, ""), &message()).unwrap_err();
        assert!(error.to_string().contains("redirects are not followed"), "{error}");
        assert!(error.is_permanent());
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn an_endless_reply_is_not_read() {
    let files = Files::new();
    let (port, server) = serve("HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n", "x");
    send(&channel(&files, port, "timeout = '1h'"), &message()).unwrap();
    server.join().expect("the client hangs up");
    let (port, server) = serve("HTTP/1.1 200 OK\r\n", "x-and-so-on: and so on\r\n");
    let error = send(&channel(&files, port, "timeout = '1h'"), &message()).unwrap_err();
    assert!(matches!(error.fault, Fault::Request(_)), "{error}");
    server.join().expect("the client hangs up");
}

#[test]
fn servers_that_say_nothing_or_nonsense_are_faults() {
    let files = Files::new();
    // Silent until the client goes.
    let (port, server) = with_client(|mut client| {
        let mut all = String::new();
        let _ = client.read_to_string(&mut all);
        (all, String::new())
    });
    let error = send(&channel(&files, port, "timeout = 1"), &message()).unwrap_err();
    assert!(matches!(error.fault, Fault::Timeout), "{error}");
    assert!(server.join().unwrap().0.starts_with("POST "));
    for nonsense in ["220 mail.example ESMTP\r\n", "HTTP/1.1 200 OK\r\ncontent-le", ""] {
        let (port, _server) = serve(nonsense, "");
        let error = send(&channel(&files, port, ""), &message()).unwrap_err();
        assert!(!error.is_permanent() && !error.to_string().contains("k1"), "{error}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = send(&channel(&files, port, ""), &message()).unwrap_err();
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
}

#[test]
fn https_asks_for_a_certificate_of_the_right_authority() {
    let files = Files::new();
    for (authority, trusted) in [("ca", true), ("other-ca", false)] {
        let tls = Arc::clone(&files.tls);
        let (port, server) = with_client(move |client| {
            let connection = ServerConnection::new(tls).expect("the certificate is right");
            answer(StreamOwned::new(connection, client), TAKEN, "")
        });
        let sent = send(
            &files.channel(&format!(
                "[webhook]\nurl = 'https://localhost:{port}/'\nca-file = '$/{authority}'\n\
                 token-file = '$/secret'"
            )),
            &message(),
        );
        assert_eq!(sent.is_ok(), trusted, "{sent:?}");
        assert_eq!(server.join().unwrap().0.contains("hunter2"), trusted);
    }
}

#[test]
fn a_file_that_is_missing_or_wrong_is_named() {
    let files = Files::new();
    files.write("address", "http://bl.example/\n");
    files.write("nothing", "");
    for (lines, words) in [
        ("secret-file = '$/missing'", "/missing: No such file"),
        ("token-file = '$/nothing'", "/nothing must hold one line"),
        ("ca-file = '$/nothing'", "/nothing holds no certificate"),
    ] {
        let error = send(&channel(&files, 1, lines), &message()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let lines = "[webhook]\nurl-file = '$/address'\ntoken-file = '$/secret'";
    let error = send(&files.channel(lines), &message()).unwrap_err();
    assert!(error.to_string().contains("needs https"), "{error}");
    let lines = "[webhook]\nurl-file = '$/secret'";
    let error = send(&files.channel(lines), &message()).unwrap_err();
    assert!(error.to_string().contains("not an address"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
