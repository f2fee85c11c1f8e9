//! The API's sockets: HTTP/1.1, within TLS where there is a certificate, with limits on all that a client may send.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use repute_dnsxl::Network;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Asked, error};
use crate::service::By;
use crate::turn::Turns;
use crate::values::Moment;

/// Limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Most connections at a time. Default: 1,000.
    pub connections: usize,
    /// Most connections at a time of one client network, IPv4 /24 or IPv6 /56. Default: 200, as clients may come by one
    /// proxy.
    pub connections_each: usize,
    /// How long a client may take to begin, to send the head of a request and to send its body, each. Default: 10 s.
    pub time: Duration,
    /// Most bytes of a body. Default: 16 KiB.
    pub body: usize,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            connections: 1_000,
            connections_each: 200,
            time: Duration::from_secs(10),
            body: 16 * 1024,
        }
    }
}

/// What is shown to who comes by TLS: asked for with each connection, since certificates are renewed.
pub type Certificate = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// Serves the API until `stop`, and lets what is under way then finish: wait for `tasks`.
pub async fn serve<T: Turns>(
    listener: TcpListener,
    api: Arc<Api<T>>,
    config: HttpConfig,
    certificate: Option<Certificate>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Places::default());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = Places::take(&places, peer.ip(), &config) else {
                    api.service().counts().crowded.one();
                    continue;
                };
                let (api, certificate, stop) =
                    (Arc::clone(&api), certificate.clone(), stop.clone());
                tasks.spawn(async move {
                    let _place = place;
                    connection(stream, peer, api, config, certificate, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept connections for the moment: {error}");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Serves a connection, within TLS or not.
async fn connection<T: Turns>(
    stream: TcpStream,
    peer: SocketAddr,
    api: Arc<Api<T>>,
    config: HttpConfig,
    certificate: Option<Certificate>,
    stop: CancellationToken,
) {
    // An answer is short, and waits for nothing.
    let _ = stream.set_nodelay(true);
    match certificate {
        None => exchange(stream, peer, api, config, stop).await,
        Some(certificate) => {
            let begun = TlsAcceptor::from(certificate()).accept(stream);
            if let Ok(Ok(stream)) = timeout(config.time, begun).await {
                exchange(stream, peer, api, config, stop).await;
            }
        }
    }
}

/// Serves the requests of a connection. Errors are the client's business.
async fn exchange<T: Turns>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    api: Arc<Api<T>>,
    config: HttpConfig,
    stop: CancellationToken,
) {
    let has_begun = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        let api = Arc::clone(&api);
        has_begun.store(true, Ordering::Relaxed);
        async move { Ok::<_, Infallible>(answer(request, peer.ip(), &api, &config).await) }
    });
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .timer(TokioTimer::new())
        .header_read_timeout(config.time)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // Who has asked nothing yet gets no answer.
            if !has_begun.load(Ordering::Relaxed) {
                return;
            }
            let _ = timeout(config.time, connection).await;
        }
    }
}

/// Reads the body of a request and has it answered.
async fn answer<T: Turns>(
    request: Request<Incoming>,
    peer: IpAddr,
    api: &Api<T>,
    config: &HttpConfig,
) -> Response<String> {
    let (head, body) = request.into_parts();
    let body = match timeout(config.time, read(body, config.body)).await {
        Ok(Some(body)) => body,
        Ok(None) => return error(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        Err(_) => return error(StatusCode::REQUEST_TIMEOUT, "too_slow"),
    };
    let asked = Asked {
        method: &head.method,
        path: head.uri.path(),
        headers: &head.headers,
        body: &body,
        peer,
        now: now(),
    };
    api.respond(asked).await
}

/// Reads a body, unless it is longer than `most`. What breaks off is what came of it.
async fn read(mut body: Incoming, most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { break };
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > most {
                return None;
            }
            bytes.extend_from_slice(data);
        }
    }
    Some(bytes)
}

/// What the clock says.
fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Who has how many connections.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<Network, usize>>);

/// A connection's place, which is free again when this goes.
struct Place(Arc<Places>, Network);

impl Places {
    /// A place for a client, if there is one.
    fn take(places: &Arc<Places>, client: IpAddr, config: &HttpConfig) -> Option<Place> {
        let network = By::network(client);
        let mut taken = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let mine = taken.get(&network).copied().unwrap_or(0);
        if all >= config.connections || mine >= config.connections_each {
            return None;
        }
        taken.insert(network, mine + 1);
        Some(Place(Arc::clone(places), network))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = taken.get_mut(&self.1) {
            *mine -= 1;
            if *mine == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

/// Most bytes of a request's head (hyper takes no less than 8 KiB).
const HEAD_BYTES: usize = 16 * 1024;
/// Most header lines of a request.
const HEAD_LINES: usize = 64;
/// How long nothing is accepted after that failed.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
