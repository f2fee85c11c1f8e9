//! Connections: HTTP/1.1 with limits on heads, time and number, and a stop that lets answers under way finish. Where
//! there is a certificate all of it is within TLS.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use repute_certificate::Certificate;
use repute_database::Database;
use repute_distribution::Shelf;
use repute_dnsxl::Network;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::Config;
use crate::impatient::Impatient;
use crate::limits::Doer;
use crate::means::Means;
use crate::zones::Zones;
use crate::{chores, post, routes, work};

/// A portal at work.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    addresses: Vec<SocketAddr>,
    /// Tells everything to stop.
    stop: CancellationToken,
    /// All that runs.
    tasks: TaskTracker,
}

/// Why a portal cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its socket cannot be used.
    #[error("cannot use the portal's socket")]
    Socket(#[from] std::io::Error),
}

/// Where people come in.
#[derive(Debug)]
pub struct Entrance {
    /// Sockets that listen.
    pub listeners: Vec<std::net::TcpListener>,
    /// What is shown to whoever comes; without one, TLS is left to a proxy.
    pub certificate: Option<Arc<Certificate>>,
}

/// Starts a portal on a runtime, at all of these sockets.
///
/// # Errors
/// If a socket cannot be used.
pub fn start(
    database: Database,
    config: Config,
    means: Means,
    zones: Arc<dyn Zones>,
    shelf: Arc<Shelf>,
    entrance: Entrance,
    runtime: &Handle,
) -> Result<Running, StartError> {
    let Entrance { listeners, certificate } = entrance;
    let addresses = listeners.iter().map(std::net::TcpListener::local_addr);
    let addresses = addresses.collect::<Result<_, _>>()?;
    let _inside = runtime.enter();
    let socket = |listener: std::net::TcpListener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    let listeners: Vec<_> = listeners.into_iter().map(socket).collect::<Result<_, _>>()?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let app = App::new(database, config, means, zones, shelf, stop.clone());
    tasks.spawn_on(post::run(app.clone(), stop.clone()), runtime);
    tasks.spawn_on(chores::run(app.clone(), stop.clone()), runtime);
    tasks.spawn_on(work::run(app.clone(), stop.clone()), runtime);
    tasks.spawn_on(chores::look(app.clone(), stop.clone()), runtime);
    if let Some(certificate) = certificate.clone() {
        tasks.spawn_on(certificate.watch(stop.clone()), runtime);
    }
    let hall = Hall {
        certificate,
        proxies: app.config.trusted_proxies.clone().into(),
        router: routes::router(app),
        places: Arc::new(Semaphore::new(CONNECTIONS)),
        crowd: Crowd::default(),
        stop: stop.clone(),
        tasks: tasks.clone(),
    };
    for listener in listeners {
        tasks.spawn_on(accept(listener, hall.clone()), runtime);
    }
    Ok(Running { addresses, stop, tasks })
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more requests, and returns when those under way are answered.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("the portal's last requests were not waited for");
        }
    }
}

/// What the connections of all sockets share.
#[derive(Clone)]
struct Hall {
    /// What is shown first, if there is TLS.
    certificate: Option<Arc<Certificate>>,
    /// What answers.
    router: Router,
    /// Proxies that many people come through.
    proxies: Arc<[Network]>,
    /// Places for connections.
    places: Arc<Semaphore>,
    /// Who takes them.
    crowd: Crowd,
    /// Tells everything to stop.
    stop: CancellationToken,
    /// All that runs.
    tasks: TaskTracker,
}

/// Takes connections until it is told to stop.
async fn accept(listener: TcpListener, hall: Hall) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = hall.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Beyond that many, whoever comes is better turned away than left waiting.
                let Ok(place) = Arc::clone(&hall.places).try_acquire_owned() else { continue };
                let address = peer.ip().to_canonical();
                let is_proxy = hall.proxies.iter().any(|one| one.contains(address));
                let Some(seat) = hall.crowd.seat(peer.ip(), is_proxy) else { continue };
                let inner = hall.clone();
                hall.tasks.spawn(async move {
                    welcome(stream, peer, inner).await;
                    drop((place, seat));
                });
            }
            Err(error) => {
                tracing::warn!("the portal cannot take a connection: {error}");
                // Out of descriptors: those that end meanwhile make room.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// How many connections each network has: one that takes all of them keeps nobody else out.
#[derive(Clone, Debug, Default)]
struct Crowd(Arc<Mutex<HashMap<Doer, usize>>>);

/// A place in it, until it is dropped: in each of these networks.
#[derive(Debug)]
struct Seat(Crowd, Vec<Doer>);

impl Crowd {
    /// A place for another connection from an address, unless its network, or what lies around that, has as many as one
    /// may. Behind a trusted proxy are many people.
    fn seat(&self, address: IpAddr, is_proxy: bool) -> Option<Seat> {
        if is_proxy {
            return Some(Seat(self.clone(), Vec::new()));
        }
        let around: Vec<(Doer, u32)> = Doer::around(address).collect();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |doer: &Doer| counts.get(doer).copied().unwrap_or_default();
        let most = |share: u32| (OF_NETWORK * share as usize).min(OF_ANY);
        if around.iter().any(|(doer, share)| has(doer) >= most(*share)) {
            return None;
        }
        let doers: Vec<Doer> = around.into_iter().map(|(doer, _)| doer).collect();
        for doer in &doers {
            *counts.entry(doer.clone()).or_default() += 1;
        }
        Some(Seat(self.clone(), doers))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        for doer in self.1.drain(..) {
            if let Some(count) = counts.get_mut(&doer) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&doer);
                }
            }
        }
    }
}

/// Serves whoever came, within TLS if there is a certificate.
async fn welcome(stream: TcpStream, peer: SocketAddr, hall: Hall) {
    let Hall { certificate, router, stop, .. } = hall;
    let Some(certificate) = certificate else { return serve(stream, peer, router, stop).await };
    let handshake = TlsAcceptor::from(certificate.shown()).accept(stream);
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE_TIME, handshake) => shaken,
        () = stop.cancelled() => return,
    };
    // Whoever gave up, or speaks no TLS, is the client's business.
    if let Ok(Ok(stream)) = shaken {
        serve(stream, peer, router, stop).await;
    }
}

/// Serves a connection to its end. Errors are the client's business.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(Impatient::new(stream)), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Most connections at a time.
const CONNECTIONS: usize = 1_024;
/// Most of them from one address of IPv4, or one /64 of IPv6; wider networks have a share of more.
const OF_NETWORK: usize = 128;
/// Most of them from any network.
const OF_ANY: usize = CONNECTIONS / 4;
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Most header lines of a request.
const HEAD_LINES: usize = 64;
/// How long it may take until TLS stands.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a head may take, and how long a connection may idle.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// How long answers under way are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::testing::Site;

    #[test]
    fn one_network_takes_not_all_the_places() {
        let crowd = Crowd::default();
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut seats: Vec<Seat> =
            std::iter::from_fn(|| crowd.seat(at("2001:db8::1"), false)).collect();
        assert_eq!(seats.len(), OF_NETWORK);
        assert!(crowd.seat(at("2001:db8::2"), false).is_none(), "it is the same network");
        assert!(crowd.seat(at("2001:db8::2"), true).is_some(), "a proxy has many people");
        assert!(crowd.seat(at("2001:db8:0:1::1"), false).is_some());
        // Nor one who has many of them: a household has 256, whoever asks for it 65,536.
        let many = |count: u32, base: u128| -> usize {
            let address = |n: u32| IpAddr::from((base + (u128::from(n) << 64)).to_be_bytes());
            let taken = (0..count).flat_map(|n| (0..100).map(move |_| address(n)));
            let seats: Vec<Seat> = taken.filter_map(|at| crowd.seat(at, false)).collect();
            seats.len()
        };
        assert_eq!(many(20, 0x2001_0db8_0001 << 80), OF_ANY, "a /56");
        assert_eq!(many(900, 0x2001_0db8_0002 << 80), OF_ANY, "a /48");
        seats.pop();
        assert!(crowd.seat(at("2001:db8::2"), false).is_some());
        seats.clear();
        assert!(crowd.0.lock().expect("whole").is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_serves_at_a_socket_and_stops_when_it_is_told() {
        let site = Site::new().await;
        site.add_list("bl.example").await;
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let listeners = vec![listener(), listener()];
        let entrance = Entrance { listeners, certificate: None };
        let (database, config) = (site.app.database.clone(), site.app.config.clone());
        let zones = Arc::clone(&site.zones) as Arc<dyn Zones>;
        let means = site.app.means.clone();
        let shelf = Arc::clone(&site.app.shelf);
        let runtime = Handle::current();
        let running = start(database, config, means, zones, shelf, entrance, &runtime);
        let running = running.expect("it starts");
        let [first, second] = running.addresses() else { panic!("it listens at both") };
        let mut idle = TcpStream::connect(first).await.expect("it listens");
        let mut stream = TcpStream::connect(second).await.expect("it listens");
        let request =
            b"GET /lookup?target=192.0.2.1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it answers");
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        assert!(text.contains("192.0.2.1 is on none of our lists"), "{text}");
        // A connection that says nothing does not hold it up.
        running.stop().await;
        assert_eq!(idle.read(&mut [0]).await.expect("it is closed"), 0);
    }
}
