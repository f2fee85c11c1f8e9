//! The challenge service beside the name server: its API, with threads of its own, so that what comes there is not felt in
//! DNS; the clock by which values end; and what an operator asks of it while it runs.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use repute_certificate::{Certificate, CertificateFiles};
use repute_challenge::{Api, HttpConfig, Moment, Service, Settings};
use repute_nameserver::companion::Companion;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::commands::challenge::order::Order;
use crate::commands::challenge::zone::ChallengeZone;
use crate::commands::challenge::{COMPANION, now};
use crate::config::ChallengeConfig;

/// The service at work.
pub(crate) struct Challenge {
    api: Arc<Api<ChallengeZone>>,
    /// Where the API is, and how it is reached.
    addresses: Vec<SocketAddr>,
    scheme: &'static str,
    stop: CancellationToken,
    tasks: TaskTracker,
    runtime: Runtime,
}

/// Reads the certificate of the API's own TLS, if it has one; what should be mended is told.
///
/// # Errors
/// If it cannot be read or used.
pub(in crate::commands) fn certificate(
    files: Option<&CertificateFiles>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    let Some(files) = files else { return Ok(None) };
    let certificate = Certificate::open(files.clone(), &["http/1.1"])
        .context("the API of the challenge service cannot speak TLS")?;
    // By which name clients come is not known here.
    for doubt in certificate.doubts(None, SystemTime::now()) {
        tracing::warn!("{doubt}");
    }
    Ok(Some(Arc::new(certificate)))
}

impl Challenge {
    /// Opens the accounts; nothing is served yet.
    ///
    /// # Errors
    /// If the store fails, or the system gives no threads.
    pub(super) fn open(
        config: &ChallengeConfig,
        zone: Arc<ChallengeZone>,
    ) -> anyhow::Result<Challenge> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("challenge")
            .enable_all()
            .build()
            .context("cannot start the threads of the challenge service")?;
        let settings = Settings { domain: config.domain().clone(), keep: config.keep };
        let service = runtime.block_on(Service::open(zone, settings))?;
        let api = Arc::new(Api::new(Arc::new(service), config.api.clone()));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        Ok(Challenge { api, addresses: Vec::new(), scheme: "http", stop, tasks, runtime })
    }

    /// Serves the API at its sockets from now on, and ends values that are too old.
    ///
    /// # Errors
    /// If a socket cannot be used.
    pub(super) fn serve(
        &mut self,
        listeners: Vec<TcpListener>,
        certificate: Option<&Arc<Certificate>>,
    ) -> anyhow::Result<()> {
        let _inside = self.runtime.enter();
        self.scheme = if certificate.is_some() { "https" } else { "http" };
        if let Some(certificate) = certificate {
            self.tasks.spawn(Arc::clone(certificate).watch(self.stop.clone()));
        }
        for listener in listeners {
            listener.set_nonblocking(true).context("challenge.listen")?;
            self.addresses.push(listener.local_addr().context("challenge.listen")?);
            let listener =
                tokio::net::TcpListener::from_std(listener).context("challenge.listen")?;
            let shown = certificate.map(Arc::clone).map(|certificate| {
                let shown: repute_challenge::Certificate = Arc::new(move || certificate.shown());
                shown
            });
            self.tasks.spawn(repute_challenge::serve(
                listener,
                Arc::clone(&self.api),
                HttpConfig::default(),
                shown,
                self.stop.clone(),
                self.tasks.clone(),
            ));
        }
        self.tasks.spawn(expire(Arc::clone(&self.api), self.stop.clone()));
        Ok(())
    }

    /// What the server says of it when it starts.
    pub(super) fn welcome(&self) -> String {
        let service = self.api.service();
        let domain = &service.settings().domain;
        let accounts = service.count().unwrap_or_default();
        let s = if accounts == 1 { "" } else { "s" };
        let places: Vec<_> =
            self.addresses.iter().map(|at| format!("{}://{at}", self.scheme)).collect();
        let places = match places.is_empty() {
            true => "has no API, as `listen` is empty".to_owned(),
            false => places.join(" and "),
        };
        format!("challenge {places}, zone {domain} with {accounts} account{s}")
    }

    /// What the name server's pages and control socket know of it.
    pub(super) fn companion(&self) -> Arc<dyn Companion> {
        let (api, runtime) = (Arc::clone(&self.api), self.runtime.handle().clone());
        Arc::new(Desk { api, runtime })
    }

    /// The service itself.
    pub(crate) fn service(&self) -> &Service<ChallengeZone> {
        self.api.service()
    }

    /// Waits for something of the service.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Answers what is under way, and ends.
    pub(super) fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        let ended = async { tokio::time::timeout(GRACE, self.tasks.wait()).await };
        if self.runtime.block_on(ended).is_err() {
            tracing::warn!(
                "some clients of the challenge service did not take their answers in time"
            );
        }
    }
}

/// Has values end when their time has come, until the server stops.
async fn expire(api: Arc<Api<ChallengeZone>>, stop: CancellationToken) {
    // What comes while it waits ends no sooner than this.
    let a_look = api.service().settings().keep.age.clamp(SHORTEST_LOOK, A_LOOK);
    loop {
        let now = now();
        let wait = match api.service().expire(now).await {
            Ok(Some(Moment(next))) => Duration::from_millis(next.saturating_sub(now.0)).min(a_look),
            Ok(None) => a_look,
            Err(fault) => {
                tracing::warn!("values of challenges that are too old stay for now: {fault}");
                a_look
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What is asked of the service while it runs.
struct Desk {
    api: Arc<Api<ChallengeZone>>,
    runtime: tokio::runtime::Handle,
}

impl Companion for Desk {
    fn name(&self) -> &'static str {
        COMPANION
    }

    fn metrics(&self) -> String {
        let service = self.api.service();
        // A page is better without the number of accounts than not there.
        service.counts().render(service.count().unwrap_or_default())
    }

    fn order(&self, order: &str) -> Result<serde_json::Value, String> {
        let order: Order = serde_json::from_str(order).map_err(|why| {
            format!("the order cannot be read ({why}): is the command of another version?")
        })?;
        let done = self.runtime.block_on(order.carry_out(self.api.service(), now()));
        done.map_err(|error| format!("{error:#}"))
    }
}

/// Threads of the API; the disk and slow passwords have theirs.
const THREADS: usize = 2;
/// How long at most until it is looked again for values that are too old.
const A_LOOK: Duration = Duration::from_secs(60);
/// How long at least.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// How long clients have to take their answers when the server stops.
const GRACE: Duration = Duration::from_secs(3);
