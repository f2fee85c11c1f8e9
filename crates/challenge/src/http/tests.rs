//! The API behind real sockets on loopback: limits, TLS, a stop.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;
use crate::api::ApiConfig;
use crate::service::tests::service;
use crate::store::Store;
use crate::values::Keep;

/// A server on loopback.
struct Running {
    api: Arc<Api<Store>>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    _folder: TempDir,
}

async fn running(config: HttpConfig, certificate: Option<Certificate>) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, _zone) = service(&folder, Keep::default()).await;
    let api = Arc::new(Api::new(Arc::new(service), ApiConfig::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let serving =
        serve(listener, Arc::clone(&api), config, certificate, stop.clone(), tasks.clone());
    tasks.spawn(serving);
    Running { api, address, stop, tasks, _folder: folder }
}

/// Sends a request and reads until the other side ends.
async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    // Whoever is cut off may see a reset behind the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("a text")
}

/// A request after which the connection ends.
fn register(body: &str) -> String {
    format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn requests_are_answered_one_after_the_other_and_long_ones_refused() {
    let running = running(HttpConfig { body: 100, ..HttpConfig::default() }, None).await;
    let connect = || async { TcpStream::connect(running.address).await.expect("it listens") };
    let two = format!("GET /health HTTP/1.1\r\nHost: x\r\n\r\n{}", register(""));
    let answer = talk(connect().await, &two).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("HTTP/1.1 201 Created\r\n") && answer.ends_with("\"allowfrom\":[]}"));
    let answer = talk(connect().await, &register(&" ".repeat(101))).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
    let chunked = "POST /register HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert!(talk(connect().await, chunked).await.starts_with("HTTP/1.1 201 "));
    let head = format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(talk(connect().await, &head).await.starts_with("HTTP/1.1 431 "));
    assert_eq!(running.api.service().counts().registered.value(), 2);
}

#[tokio::test]
async fn who_sends_nothing_is_left_and_who_is_slow_is_told() {
    let config = HttpConfig { time: Duration::from_millis(50), ..HttpConfig::default() };
    let running = running(config, None).await;
    let connect = || async { TcpStream::connect(running.address).await.expect("it listens") };
    talk(connect().await, "").await;
    talk(connect().await, "POST /upd").await;
    let half = "POST /update HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";
    let answer = talk(connect().await, half).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("too_slow"), "{answer}");
}

#[tokio::test]
async fn a_network_has_so_many_connections_and_a_place_is_free_when_one_ends() {
    let config = HttpConfig { connections_each: 1, ..HttpConfig::default() };
    let running = running(config, None).await;
    let connect = || async { TcpStream::connect(running.address).await.expect("it listens") };
    let first = connect().await;
    // The second is closed without an answer; then the first is asked, which has its place.
    assert_eq!(talk(connect().await, "").await, "");
    assert!(talk(first, &register("")).await.starts_with("HTTP/1.1 201 "));
    assert_eq!(running.api.service().counts().crowded.value(), 1);
    // A place is given back a moment after the client has seen the end.
    while talk(connect().await, &register("")).await.is_empty() {}
}

#[tokio::test]
async fn tls_shows_the_certificate_of_the_moment() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let shown = Arc::new(
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("they fit"),
    );
    let asked: Certificate = Arc::new(move || Arc::clone(&shown));
    let running = running(HttpConfig::default(), Some(asked)).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("it is a certificate");
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(running.address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, stream).await.expect("it is trusted");
    assert!(talk(stream, &register("")).await.starts_with("HTTP/1.1 201 "));
    // Who speaks no TLS gets no answer of HTTP.
    let stream = TcpStream::connect(running.address).await.expect("it listens");
    let mut answer = Vec::new();
    let (mut read, mut write) = stream.into_split();
    write.write_all(register("").as_bytes()).await.expect("it is sent");
    let _ = read.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_all_tasks() {
    let running = running(HttpConfig::default(), None).await;
    let idle = TcpStream::connect(running.address).await.expect("it listens");
    let mut busy = TcpStream::connect(running.address).await.expect("it listens");
    busy.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is sent");
    let mut byte = [0];
    busy.read_exact(&mut byte).await.expect("an answer begins");
    running.stop.cancel();
    running.tasks.close();
    running.tasks.wait().await;
    assert_eq!(talk(idle, "").await, "");
}
