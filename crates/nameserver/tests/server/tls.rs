//! DNS over TLS (RFC 7858): the same answers and the same limits as by TCP, within TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use repute_certificate::{Certificate, CertificateFiles};
use repute_nameserver::listen::Address;
use repute_nameserver::server::Config;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::running::{A, NXDOMAIN, TestServer, config, framed, gist, is_closed, query};

/// A server with a certificate for localhost, which clients believe.
struct Secured {
    /// The server.
    server: TestServer,
    /// Its certificate.
    der: CertificateDer<'static>,
    /// Where its files are.
    _folder: TempDir,
}

type Session = StreamOwned<ClientConnection, TcpStream>;

impl Secured {
    /// Starts a server.
    fn start(mut config: Config) -> Secured {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let pair = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let signed = signed.self_signed(&pair).unwrap();
        std::fs::write(&certificate, signed.pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        let shown = Certificate::open(CertificateFiles { certificate, key }, &["dot"]).unwrap();
        config.listen.tls = vec![Address::required(SocketAddr::from(([127, 0, 0, 1], 0)))];
        let server = TestServer::start_with_certificate(config, Arc::new(shown));
        Secured { server, der: signed.der().clone(), _folder: folder }
    }

    /// Connects and says nothing yet.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.running().tls_addresses()[0]).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Connects and agrees on a protocol.
    fn session(&self, protocols: &[&[u8]]) -> io::Result<Session> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = "localhost".try_into().unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = self.connect();
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(session, stream))
    }
}

/// Reads one message.
fn read_message(session: &mut Session) -> Vec<u8> {
    let mut length = [0; 2];
    session.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    session.read_exact(&mut message).unwrap();
    message
}

/// Section 3.3: "DNS messages over TLS MUST [be] two-octet length prefixed"; section 3.4: clients "SHOULD pipeline".
#[test]
fn queries_are_answered_within_tls_as_by_tcp() {
    let secured = Secured::start(config());
    let mut session = secured.session(&[b"dot"]).unwrap();
    assert_eq!(session.conn.alpn_protocol(), Some(&b"dot"[..]));
    let queries = [query(1, "2.0.0.127.bl.example", A), query(2, "9.9.9.9.bl.example", A)];
    session.write_all(&queries.map(|query| framed(&query)).concat()).unwrap();
    assert_eq!(gist(&read_message(&mut session)), (1, 0, 1));
    assert_eq!(gist(&read_message(&mut session)), (2, NXDOMAIN, 0));
    // A query in pieces, and many more than a buffer holds.
    let question = framed(&query(3, "2.0.0.127.bl.example", A));
    for piece in question.chunks(7) {
        session.write_all(piece).unwrap();
        session.flush().unwrap();
    }
    assert_eq!(gist(&read_message(&mut session)), (3, 0, 1));
    session.write_all(&question.repeat(1_000)).unwrap();
    for _ in 0..1_000 {
        assert_eq!(gist(&read_message(&mut session)), (3, 0, 1));
    }
    // The end is said within TLS, so that nobody can cut answers off unseen.
    session.conn.send_close_notify();
    session.flush().unwrap();
    assert_eq!(session.read(&mut [0; 1]).unwrap(), 0);
    let report = secured.server.running().report();
    assert_eq!((report.tcp.queries, report.tcp_connections.admitted), (1_003, 1));
}

#[test]
fn a_client_without_alpn_is_served_and_one_that_wants_another_protocol_is_not() {
    let secured = Secured::start(config());
    let mut session = secured.session(&[]).unwrap();
    session.write_all(&framed(&query(1, "2.0.0.127.bl.example", A))).unwrap();
    assert_eq!(gist(&read_message(&mut session)), (1, 0, 1));
    assert!(secured.session(&[b"h2"]).is_err());
}

#[test]
fn who_does_not_shake_hands_is_left() {
    let mut config = config();
    config.listen.tcp.handshake = Duration::from_millis(150);
    let secured = Secured::start(config);
    assert!(is_closed(&mut secured.connect()));
    let mut plain = secured.connect();
    plain.write_all(&framed(&query(1, "2.0.0.127.bl.example", A))).unwrap();
    // An alert at most, and the end.
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(said.len() < 16, "{said:02x?}");
    assert!(secured.session(&[b"dot"]).is_ok());
}

#[test]
fn limits_hold_for_both_together_and_idle_sessions_end() {
    let mut config = config();
    config.listen.tcp.connections_per_client = 1;
    config.listen.tcp.idle = Duration::from_millis(300);
    let mut secured = Secured::start(config);
    let address = secured.server.running().tls_addresses()[0];
    let mut first = secured.server.connect();
    first.write_all(&framed(&query(1, "2.0.0.127.bl.example", A))).unwrap();
    assert!(is_closed(&mut secured.connect()), "one is in");
    drop(first);
    let mut session = loop {
        // The place is free a moment after the close was seen.
        if let Ok(session) = secured.session(&[b"dot"]) {
            break session;
        }
    };
    assert_eq!(session.read(&mut [0; 1]).unwrap(), 0, "idle");
    secured.server.stop();
    assert!(TcpStream::connect(address).is_err());
}
