//! TLS of the portal and of the challenge service's API, as a client meets it that believes one authority: what is shown, what is taken over, what is kept.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::dns::until;
use crate::free::free_address;
use crate::process::{Place, Served};

/// Somebody who signs certificates, and what he signed last.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate for localhost, valid until the first day of a year, and its key; what is shown then.
    fn writes(&self, place: &Place, until: i32) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        place.write("key.pem", &key.serialize_pem());
        fs::set_permissions(place.path("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
        place.write("cert.pem", &certificate.pem());
        certificate.der().clone()
    }

    /// Comes to a portal as somebody who believes this authority.
    fn client(&self, portal: SocketAddr) -> std::io::Result<Client> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = "localhost".try_into().unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(portal)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Client(StreamOwned::new(session, stream)))
    }

    /// The certificate that a portal shows to whoever comes now.
    fn shown(&self, portal: SocketAddr) -> CertificateDer<'static> {
        let client = self.client(portal).unwrap();
        client.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

/// A connection that stands.
struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Sends a request and reads the head of the answer, and its body.
    fn ask(&mut self, request: &str, path: &str, body: &str) -> (String, String) {
        let text = format!(
            "{request} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(text.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.split_once("content-length: ").unwrap().1;
        let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }
}

/// A configuration with a portal that speaks TLS.
fn config(place: &Place, portal: SocketAddr) -> String {
    format!(
        "{}[portal]\nlisten = \"{portal}\"\npublic-url = \"https://localhost\"\n\
         tls-certificate = \"cert.pem\"\ntls-key = \"key.pem\"\n",
        place.header()
    )
}

#[test]
fn the_portal_shows_its_certificate_and_takes_over_another_while_connections_stand() {
    let place = Place::new();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let first = authority.writes(&place, 2090);
    let portal = free_address();
    let server = Served::start(&place, &config(&place, portal));
    let mut silent = TcpStream::connect(portal).unwrap();
    let mut client = authority.client(portal).unwrap();
    assert_eq!(client.0.conn.peer_certificates().unwrap()[0], first);
    assert_eq!(client.0.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (head, page) = client.ask("GET", "/", "");
    assert!(head.starts_with("HTTP/1.1 200") && page.contains("Our lists"), "{head}");
    assert!(head.contains("strict-transport-security: max-age="), "{head}");
    let (code, link) = server.run(&["admin", "add", "a@example.org", "--role", "administrator"]);
    assert_eq!(code, 0, "{link}");
    let path = link.trim().strip_prefix("https://localhost").unwrap();
    let (head, _) = client.ask("POST", path, "name=A&password=some+long+words");
    let cookie = head.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    assert!(cookie.contains("__Host-session=") && cookie.contains("; Secure"), "{cookie}");

    // Who does not believe the authority hangs up, and who speaks no TLS hears nothing.
    let refused = stranger.client(portal).err().expect("it is refused").to_string();
    assert!(refused.contains("UnknownIssuer") || refused.contains("invalid peer"), "{refused}");
    let mut plain = TcpStream::connect(portal).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");

    // Files that change are taken over; a connection that stands goes on.
    let second = authority.writes(&place, 2091);
    until("the second is shown", || authority.shown(portal) == second);
    assert!(client.ask("GET", "/status", "").0.starts_with("HTTP/1.1 200"));

    // Half of another pair changes nothing.
    let key = fs::read_to_string(place.path("key.pem")).unwrap();
    authority.writes(&place, 2092);
    place.write("key.pem", &key);
    let (code, told) = server.reload();
    assert_ne!(code, 0);
    let why = "the portal shows its certificate of before";
    assert!(told.contains(why) && told.contains("does not fit"), "{told}");
    assert_eq!(authority.shown(portal), second);
    server.logged("does not fit the first certificate");

    // And a reload takes over a whole one at once.
    let third = authority.writes(&place, 2093);
    let (code, told) = server.reload();
    assert_eq!(code, 0, "{told}");
    assert_eq!(authority.shown(portal), third);
    assert!(client.ask("GET", "/", "").0.starts_with("HTTP/1.1 200"));

    // Whoever never says a word is not waited for.
    silent.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    server.stop();
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_before_it_is_shown() {
    let place = Place::new();
    let authority = Authority::new();
    let config = config(&place, "127.0.0.1:0".parse().unwrap());
    place.write("repute.toml", &config);
    let check = || {
        let output =
            place.command(&["config", "check", "--config", "repute.toml"]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, said) = check();
    assert!(
        code == 2 && said.contains("not right") && said.contains("cert.pem: No such"),
        "{said}"
    );
    let (_, errors) = place.fails(&config);
    assert!(errors.contains("cannot read") && errors.contains("cert.pem"), "{errors}");

    authority.writes(&place, 2090);
    assert_eq!(check().0, 0, "{}", check().1);
    assert!(!check().1.contains("warning"), "{}", check().1);
    fs::set_permissions(place.path("key.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    assert!(check().0 == 0 && check().1.contains("others can read the key"), "{}", check().1);
    authority.writes(&place, 2021);
    assert!(check().0 == 0 && check().1.contains("expired at 2021-01-01"), "{}", check().1);
    place.write("repute.toml", &config.replace("https://localhost", "https://lists.example"));
    authority.writes(&place, 2090);
    assert!(check().1.contains("is not for lists.example"), "{}", check().1);
    place.write("repute.toml", &config);
    place.write("key.pem", &KeyPair::generate().unwrap().serialize_pem());
    let (code, said) = check();
    assert!(code == 2 && said.contains("does not fit"), "{said}");
    let (_, errors) = place.fails(&config);
    assert!(
        errors.contains("the portal cannot speak TLS") && errors.contains("does not fit"),
        "{errors}"
    );

    for (wrong, why) in [
        (config.replace("https://", "http://"), "`public-url` must begin with https://"),
        (config.replace("tls-key = \"key.pem\"\n", ""), "needs its key"),
        (config.replace("tls-certificate = \"cert.pem\"\n", ""), "needs its certificate"),
    ] {
        let (_, errors) = place.fails(&wrong);
        assert!(errors.contains(why), "{errors}");
    }
}

#[test]
fn the_challenge_service_shows_its_certificate_and_takes_over_another() {
    let place = Place::new();
    let authority = Authority::new();
    let first = authority.writes(&place, 2090);
    let api = free_address();
    let files = "tls-certificate = \"cert.pem\"\ntls-key = \"key.pem\"\n";
    let config = format!(
        "{}[challenge]\ndomain = \"auth.example\"\nlisten = \"{api}\"\nhsts-age = \"1d\"\n{files}",
        place.header()
    );
    let server = Served::start(&place, &config);
    assert_eq!(authority.shown(api), first);
    let mut client = authority.client(api).unwrap();
    let (head, body) = client.ask("POST", "/register", "");
    assert!(head.starts_with("HTTP/1.1 201") && body.contains("fulldomain"), "{head}{body}");
    assert!(head.contains("strict-transport-security: max-age=86400"), "{head}");
    let second = authority.writes(&place, 2091);
    assert_eq!(server.reload().0, 0);
    assert_eq!(authority.shown(api), second);
    let (head, _) = client.ask("GET", "/health", "");
    assert!(head.starts_with("HTTP/1.1 200"), "who is connected already stays: {head}");
    fs::remove_file(place.path("cert.pem")).unwrap();
    let (code, told) = server.run(&["config", "check"]);
    assert!(
        code == 2 && told.contains("the API of the challenge service cannot speak TLS"),
        "{told}"
    );
    let (code, told) = server.reload();
    assert!(
        code == 1 && told.contains("the challenge service shows its certificate of before"),
        "{told}"
    );
    assert_eq!(authority.shown(api), second);
    drop(client);
    server.stop();
}
