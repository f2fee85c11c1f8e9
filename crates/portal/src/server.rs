//! Connections: HTTP/1.1 with limits on heads, time and number, and a stop that lets answers under way finish.

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
use repute_database::Database;
use repute_distribution::Shelf;
use repute_dnsxl::Network;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::Config;
use crate::limits::Doer;
use crate::means::Means;
use crate::zones::Zones;
use crate::{chores, post, routes};

/// A portal at work.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    address: SocketAddr,
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

/// Starts a portal on a runtime.
///
/// # Errors
/// If the socket cannot be used.
pub fn start(
    database: Database,
    config: Config,
    means: Means,
    zones: Arc<dyn Zones>,
    shelf: Arc<Shelf>,
    listener: std::net::TcpListener,
    runtime: &Handle,
) -> Result<Running, StartError> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let _inside = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let app = App::new(database, config, means, zones, shelf, stop.clone());
    tasks.spawn_on(post::run(app.clone(), stop.clone()), runtime);
    tasks.spawn_on(chores::run(app.clone(), stop.clone()), runtime);
    let proxies = app.config.trusted_proxies.clone();
    let accepting = accept(listener, routes::router(app), proxies, stop.clone(), tasks.clone());
    tasks.spawn_on(accepting, runtime);
    Ok(Running { address, stop, tasks })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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

/// Takes connections until it is told to stop.
async fn accept(
    listener: TcpListener,
    router: Router,
    proxies: Vec<Network>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let crowd = Crowd::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Beyond that many, whoever comes is better turned away than left waiting.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let is_proxy = proxies.iter().any(|one| one.contains(peer.ip().to_canonical()));
                let Some(seat) = crowd.seat(peer.ip(), is_proxy) else { continue };
                let (router, stop) = (router.clone(), stop.clone());
                tasks.spawn(async move {
                    serve(stream, peer, router, stop).await;
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

/// A place in it, until it is dropped.
#[derive(Debug)]
struct Seat(Crowd, Option<Doer>);

impl Crowd {
    /// A place for another connection from an address, unless its network has as many as one may. Behind a trusted proxy
    /// are many people.
    fn seat(&self, address: IpAddr, is_proxy: bool) -> Option<Seat> {
        if is_proxy {
            return Some(Seat(self.clone(), None));
        }
        let doer = Doer::at(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(doer.clone()).or_default();
        if *count >= OF_NETWORK {
            return None;
        }
        *count += 1;
        Some(Seat(self.clone(), Some(doer)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(doer) = self.1.take() else { return };
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&doer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&doer);
            }
        }
    }
}

/// Serves a connection to its end. Errors are the client's business.
async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Most connections at a time.
const CONNECTIONS: usize = 1_024;
/// Most of them from one address of IPv4, or one /64 of IPv6.
const OF_NETWORK: usize = 128;
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Most header lines of a request.
const HEAD_LINES: usize = 64;
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
        seats.pop();
        assert!(crowd.seat(at("2001:db8::2"), false).is_some());
        seats.clear();
        assert!(crowd.0.lock().expect("whole").is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_serves_at_a_socket_and_stops_when_it_is_told() {
        let site = Site::new().await;
        site.add_list("bl.example").await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let (database, config) = (site.app.database.clone(), site.app.config.clone());
        let zones = Arc::clone(&site.zones) as Arc<dyn Zones>;
        let means = site.app.means.clone();
        let shelf = Arc::clone(&site.app.shelf);
        let runtime = Handle::current();
        let running = start(database, config, means, zones, shelf, listener, &runtime);
        let running = running.expect("it starts");
        let mut idle = TcpStream::connect(running.address()).await.expect("it listens");
        let mut stream = TcpStream::connect(running.address()).await.expect("it listens");
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
