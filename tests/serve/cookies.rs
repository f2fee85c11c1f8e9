//! DNS cookies of a running server (RFC 7873): made by a secret that servers of one name share, and that is
//! changed while they run.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::process::{Place, Served};

/// Asks for an address with data of a COOKIE option; returns the response code and the option of the answer.
fn ask(server: SocketAddr, cookie: &[u8]) -> (u8, Vec<u8>) {
    let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(b"\x011\x012\x010\x03192\x02bl\x07example\x00\x00\x01\x00\x01");
    let question = message.len();
    let len = cookie.len() as u8;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, len + 4, 0, 10, 0, len]);
    message.extend_from_slice(cookie);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.send(&message).unwrap();
    let mut reply = [0; 1_232];
    let n = socket.recv(&mut reply).unwrap();
    // An answer has one A record behind its question or none; then comes OPT.
    let opt = question + 16 * usize::from(reply[7]);
    assert_eq!(reply[opt..opt + 3], [0, 0, 41], "{:02x?}", &reply[..n]);
    (reply[3] & 15 | reply[opt + 5] << 4, reply[(opt + 15).min(n)..n].to_vec())
}

const HALF: &[u8] = b"12345678";
const BADCOOKIE: u8 = 23;

#[test]
fn a_secret_of_a_file_is_shared_and_changed_without_a_cookie_lost() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let (one, two) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    place.write("cookies", &format!("{one}\n"));
    let keys = "[nameserver]\ncookies = \"require\"\ncookie-secret-file = \"cookies\"\n";
    let config = place.config("addresses", &["a.txt"]) + keys;
    let server = Served::start(&place, &config);
    let (rcode, first) = ask(server.dns, HALF);
    assert_eq!((rcode, first.len()), (BADCOOKIE, 24));
    assert_eq!(ask(server.dns, &first), (0, first.clone()));
    // The new secret in front, the one of before behind it.
    place.write("cookies", &format!("{two}\n{one}\n"));
    assert_eq!(server.reload().0, 0);
    let (rcode, second) = ask(server.dns, &first);
    assert!(rcode == 0 && second != first && second.len() == 24);
    // What is no secret changes nothing, and is told.
    place.write("cookies", "secret\n");
    let (code, shown) = server.reload();
    assert!(code != 0 && shown.contains("32 hexadecimal digits"), "{code} {shown}");
    assert_eq!(ask(server.dns, &second), (0, second.clone()));
    let (code, shown) = server.run(&["config", "check"]);
    assert!(code != 0 && shown.contains("32 hexadecimal digits"), "{code} {shown}");
    server.stop();

    // Another server that shares the secret takes the cookie, and one that has the former one alone does not.
    place.write("cookies", two);
    let server = Served::start(&place, &config);
    assert_eq!(ask(server.dns, &second), (0, second.clone()));
    assert_eq!(ask(server.dns, &first).0, BADCOOKIE);
    server.stop();
}

#[test]
fn without_a_file_cookies_outlive_a_reload_and_off_means_none() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let (rcode, cookie) = ask(server.dns, HALF);
    assert_eq!((rcode, cookie.len()), (0, 24));
    place.write("repute.toml", &format!("{config}[nameserver]\ncookies = \"require\"\n"));
    assert_eq!(server.reload().0, 0);
    assert_eq!(ask(server.dns, &cookie), (0, cookie.clone()));
    place.write("repute.toml", &format!("{config}[nameserver]\ncookies = \"off\"\n"));
    assert_eq!(server.reload().0, 0);
    assert_eq!(ask(server.dns, &cookie), (0, Vec::new()));
    server.stop();
}
