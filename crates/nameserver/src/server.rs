//! The name server as a whole: bound, started, running, stopped.
//!
//! The steps are apart because the process changes between them: [`Server::bind`] may need root, then
//! the binary gives its rights up, then [`Bound::start`] makes threads and the control socket as the
//! user that serves. What is served is handed in and swapped by its owner at any time; nothing here
//! builds zones or reads a list.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use repute_certificate::Certificate;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beyond::Beyond;
use crate::companion::Companion;
use crate::control::{self, Commands, ControlError, Reload};
use crate::counters::{Counters, Totals};
use crate::http::{self, Gather, Pages};
use crate::listen::tally::Tally;
use crate::listen::tcp::{Admission, Service};
use crate::listen::udp::{self, Duty};
use crate::listen::{self, Given, ListenError, Listeners};
use crate::query_log::{self, QueryLog};
use crate::rate_limit::{self, RateLimit};
use crate::report::Report;
use crate::status::StatusBoard;
use crate::zones::Zones;

mod overview;

use overview::{Doings, Overview, sample, unix_seconds};

/// How the name server listens and what it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// DNS: addresses, workers, limits.
    pub listen: listen::Config,
    /// Metrics and status pages.
    pub http: http::Config,
    /// The control socket; `None` has none. Default: none.
    pub control: Option<PathBuf>,
    /// The query log.
    pub query_log: query_log::Config,
}

/// The way in.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Binds all addresses, or takes the sockets that systemd bound instead.
    ///
    /// # Errors
    /// If an address is taken, forbidden or not of this machine.
    pub fn bind(config: Config, given: Given) -> Result<Bound, ListenError> {
        let listeners = listen::bind(&config.listen, given.udp, given.tcp)?;
        let http = match (given.http, config.http.address) {
            (Some(listener), _) => Some(listener),
            (None, Some(address)) => Some(listen::bind_http(address)?),
            (None, None) => None,
        };
        let control = given.control.map(control::Socket::given);
        Ok(Bound { config, listeners, http, control, companions: Vec::new() })
    }
}

/// A name server that holds its addresses and answers nothing yet.
pub struct Bound {
    /// How it is meant to be.
    config: Config,
    /// DNS sockets.
    listeners: Listeners,
    /// The socket of the pages.
    http: Option<TcpListener>,
    /// The control socket, if systemd gave one.
    control: Option<control::Socket>,
    /// What else runs in the process.
    companions: Vec<Arc<dyn Companion>>,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a server needs of others to run.
#[derive(Clone)]
pub struct Parts {
    /// What is served; its owner swaps it.
    pub zones: Arc<ArcSwap<Zones>>,
    /// What is reported of the zones.
    pub board: Arc<StatusBoard>,
    /// Builds zones when the control socket asks for it.
    pub reload: Arc<dyn Reload>,
    /// Runs TCP, HTTP and the control socket.
    pub runtime: Handle,
    /// Answers what the zones offer to it by their [`Handover`](crate::Handover). With `None` such
    /// messages would be dropped, so the zones must not offer them then.
    pub beyond: Option<Arc<dyn Beyond>>,
    /// What is shown at addresses of TLS; without one nobody is served there.
    pub certificate: Option<Arc<Certificate>>,
}

impl Bound {
    /// Addresses served by UDP, with the ports the kernel chose.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.listeners.udp_addresses
    }

    /// Addresses served by TCP, with the ports the kernel chose.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.listeners.tcp_addresses
    }

    /// The same without its query log.
    #[must_use]
    pub fn without_query_log(mut self) -> Bound {
        self.config.query_log = query_log::Config::default();
        self
    }

    /// The same with other services, which are on its page of metrics and take orders by its control socket.
    #[must_use]
    pub fn accompanied_by(mut self, companions: Vec<Arc<dyn Companion>>) -> Bound {
        self.companions = companions;
        self
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// If the control socket or the query log cannot be opened, or the system gives no threads.
    pub fn start(self, parts: Parts) -> Result<Running, StartError> {
        let Bound { config, listeners, http, control, companions } = self;
        let Parts { zones, board, reload, runtime, beyond, certificate } = parts;
        let control = match (control, &config.control) {
            (Some(socket), _) => Some(socket),
            (None, Some(path)) => Some(control::Socket::bind(path)?),
            (None, None) => None,
        };
        let workers = listeners.workers.len();
        let counters = Arc::new(Counters::new(workers));
        let log = QueryLog::start(&config.query_log, workers + 1, Arc::clone(&board)).map_err(
            |source| StartError::QueryLog {
                place: config.query_log.destination.to_string(),
                source,
            },
        )?;
        let rate_limit = Arc::new(RateLimit::new(&config.listen.rate_limit));
        let served = Arc::clone(&zones);
        let duty = |worker| Duty {
            zones: Arc::clone(&zones),
            counters: counters.udp(worker),
            log: log.recorder(worker),
            rate_limit: Arc::clone(&rate_limit),
            beyond: beyond.clone(),
            tally: Tally::new(Arc::clone(&zones), counters.handed_over()),
        };
        let crew = udp::start(listeners.workers, duty).map_err(StartError::Threads)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let tcp_config = config.listen.tcp;
        let service = Service {
            config: tcp_config,
            admission: Admission::new(
                tcp_config.connections,
                tcp_config.connections_per_client,
                tcp_config.connections_per_network,
            ),
            beyond: beyond.clone(),
            tally: Tally::new(Arc::clone(&zones), counters.tcp()),
            zones,
            counters: counters.tcp(),
            log: log.recorder(workers),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let overview = Arc::new(Overview {
            started: Instant::now(),
            started_at: unix_seconds(),
            workers,
            udp_addresses: listeners.udp_addresses,
            tcp_addresses: listeners.tcp_addresses,
            tls_addresses: listeners.tls_addresses,
            admission: service.admission.clone(),
            crew: Mutex::new(crew),
            rate_limit,
            log: Mutex::new(log),
            window: Mutex::default(),
            counters,
            board,
            beyond: Doings(beyond),
        });

        // Sockets join a runtime only inside it.
        let _inside = runtime.enter();
        for listener in listeners.tcp {
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(StartError::Threads)?;
            tasks.spawn(listen::tcp::serve(listener, None, service.clone()));
        }
        if let Some(certificate) = certificate {
            for listener in listeners.tls {
                let listener =
                    tokio::net::TcpListener::from_std(listener).map_err(StartError::Threads)?;
                let shown = Some(Arc::clone(&certificate));
                tasks.spawn(listen::tcp::serve(listener, shown, service.clone()));
            }
            tasks.spawn(certificate.watch(stop.clone()));
        }
        let gather: Gather = {
            let overview = Arc::clone(&overview);
            Arc::new(move || overview.report())
        };
        let http_address = http.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(listener) = http {
            listener.set_nonblocking(true).map_err(StartError::Threads)?;
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(StartError::Threads)?;
            let counting = companions.clone();
            let others: http::Others =
                Arc::new(move || counting.iter().map(|one| one.metrics()).collect());
            let pages = Pages { gather: Arc::clone(&gather), others };
            tasks.spawn(http::serve(listener, config.http, pages, stop.clone(), tasks.clone()));
        }
        if let Some(socket) = control {
            let reopen = Arc::clone(&overview);
            let commands = Commands {
                gather,
                reload,
                reopen_logs: Box::new(move || reopen.reopen_logs()),
                zones: served,
                companions,
            };
            tasks.spawn(control::serve(socket, Arc::new(commands), stop.clone(), tasks.clone()));
        }
        tasks.spawn(sample(Arc::clone(&overview), stop.clone()));
        Ok(Running { overview, http_address, stop, tasks })
    }
}

/// A name server that answers. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// What is known of it.
    overview: Arc<Overview>,
    /// Where its pages are.
    http_address: Option<SocketAddr>,
    /// Ends the tasks.
    stop: CancellationToken,
    /// Knows the tasks.
    tasks: TaskTracker,
}

impl Running {
    /// Addresses served by UDP.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.overview.udp_addresses
    }

    /// Addresses served by TCP.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.overview.tcp_addresses
    }

    /// Addresses served by TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.overview.tls_addresses
    }

    /// Where metrics and status are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// What was counted since the start.
    pub fn totals(&self) -> Totals {
        self.overview.counters.totals()
    }

    /// Everything the server tells of itself.
    pub fn report(&self) -> Report {
        self.overview.report()
    }

    /// Opens the files of the query log again, as after their rotation.
    pub fn reopen_logs(&self) {
        self.overview.reopen_logs();
    }

    /// A handle for those who may change the query log and the limit of answers.
    pub fn remote(&self) -> Remote {
        Remote(Arc::clone(&self.overview))
    }

    /// Stops: no new query is taken, those that have arrived are answered, then everything ends.
    pub async fn stop(self) {
        let overview = Arc::clone(&self.overview);
        self.stop.cancel();
        self.tasks.close();
        let workers = tokio::task::spawn_blocking(move || {
            let mut crew = overview.crew.lock().unwrap_or_else(PoisonError::into_inner);
            crew.stop();
            crew.join();
        });
        let _ = workers.await;
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not take their answers in time and are cut off");
        }
        let overview = Arc::clone(&self.overview);
        let log = tokio::task::spawn_blocking(move || {
            overview.log.lock().unwrap_or_else(PoisonError::into_inner).stop();
        });
        let _ = log.await;
    }
}

/// Changes what can be changed of a server that runs.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Overview>);

impl Remote {
    /// Limits answers otherwise from now on.
    pub fn limit(&self, config: &rate_limit::Config) {
        self.0.rate_limit.configure(config);
    }

    /// Sets the query log up anew.
    ///
    /// # Errors
    /// If its destination cannot be opened; it stays as it was then.
    pub fn configure_log(&self, config: &query_log::Config) -> io::Result<()> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).configure(config)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        // Poisoned or not, the threads must hear of it.
        self.overview.crew.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}

/// Why a bound server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The query log.
    #[error("cannot open the query log {place}: {source}")]
    QueryLog {
        /// Where it should go.
        place: String,
        /// Why it cannot.
        source: io::Error,
    },
    /// Threads, or joining sockets to the runtime.
    #[error("the system gives no more threads or descriptors")]
    Threads(#[source] io::Error),
}

/// How long connections may take to end.
const GRACE: Duration = Duration::from_secs(3);
