//! The portal beside the list server: it shows what is answered, from the same zones in memory.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arc_swap::ArcSwap;
use repute_certificate::Certificate;
use repute_database::Database;
use repute_distribution::Shelf;
use repute_dnsxl::{Name, Target, relative_name};
use repute_lookup::inquiry::ListAt;
use repute_lookup::resolver;
use repute_nameserver::loader::decompress::unpack;
use repute_nameserver::{ZoneState, Zones};
use repute_portal::{Entrance, Mail, Means, Running, Standing, ZoneFacts};
use repute_registry::claim::challenge::Look;
use repute_registry::elsewhere::Elsewhere;
use repute_registry::work::Spool;
use repute_zone::{Hit, Relative, Zone};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::link_key;
use crate::commands::lists;
use crate::config::PortalConfig;

/// The portal at work, with the threads that are its own: what people do there is not felt in DNS.
pub(super) struct Portal {
    /// What it says when it starts.
    welcome: Vec<String>,
    /// Ends the wait for the database.
    stop: CancellationToken,
    /// What runs, as soon as the database is there.
    running: JoinHandle<Option<Running>>,
    runtime: Runtime,
}

/// Reads the certificate of the portal's own TLS, if it has one; what should be mended is told.
///
/// # Errors
/// If it cannot be read or used.
pub(super) fn certificate(config: &PortalConfig) -> anyhow::Result<Option<Arc<Certificate>>> {
    let Some(files) = config.certificate.clone().filter(|_| !config.listen.is_empty()) else {
        return Ok(None);
    };
    let certificate =
        Certificate::open(files, &["http/1.1"]).context("the portal cannot speak TLS")?;
    for doubt in certificate.doubts(Some(config.portal.public_url.host()), SystemTime::now()) {
        tracing::warn!("{doubt}");
    }
    Ok(Some(Arc::new(certificate)))
}

impl Portal {
    /// Starts it behind its socket. A database that does not answer yet is waited for, while DNS is answered.
    ///
    /// # Errors
    /// If it cannot be started on a database that answers.
    pub(super) fn start(
        config: &PortalConfig,
        path: Option<&Path>,
        mut database: watch::Receiver<Option<Database>>,
        entrance: Entrance,
        zones: Arc<ArcSwap<Zones>>,
        shelf: Arc<Shelf>,
    ) -> anyhow::Result<Portal> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("portal")
            .enable_all()
            .build()
            .context("cannot start the portal's threads")?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let means = means(config, path)?;
        let door = Door { config: config.portal.clone(), means, entrance, zones, shelf };
        let at_once = runtime.block_on(async { timeout(PATIENCE, there(&mut database)).await });
        let (welcome, running) = match at_once {
            Ok(Some(database)) => {
                let (welcome, running) = runtime.block_on(door.open(database, &handle))?;
                (welcome, runtime.spawn(async { Some(running) }))
            }
            Ok(None) | Err(_) => {
                let url = &door.config.public_url;
                let welcome = vec![format!("portal   {url}, as soon as its database answers")];
                let stop = stop.clone();
                let later = async move {
                    let database = tokio::select! {
                        () = stop.cancelled() => return None,
                        database = there(&mut database) => database?,
                    };
                    match door.open(database, &handle).await {
                        Ok((welcome, running)) => {
                            welcome.iter().for_each(|line| tracing::info!("{line}"));
                            Some(running)
                        }
                        Err(error) => {
                            tracing::error!("the portal cannot start: {error:#}");
                            None
                        }
                    }
                };
                (welcome, runtime.spawn(later))
            }
        };
        Ok(Portal { welcome, stop, running, runtime })
    }

    /// What it says when it starts.
    pub(super) fn welcome(&self) -> &[String] {
        &self.welcome
    }

    /// Answers what is under way, and ends.
    pub(super) fn stop(self) {
        self.stop.cancel();
        self.runtime.block_on(async {
            if let Ok(Some(running)) = self.running.await {
                running.stop().await;
            }
        });
    }
}

/// What a portal needs but for its database.
struct Door {
    config: repute_portal::Config,
    means: Means,
    entrance: Entrance,
    zones: Arc<ArcSwap<Zones>>,
    shelf: Arc<Shelf>,
}

impl Door {
    /// Starts the portal; what it says then.
    async fn open(
        self,
        database: Database,
        runtime: &Handle,
    ) -> anyhow::Result<(Vec<String>, Running)> {
        let url = &self.config.public_url;
        let mut welcome = vec![format!("portal   {url}")];
        if let Mail::Folder(folder) = &self.config.mail {
            let folder = folder.display();
            welcome
                .push(format!("mail     is written into {folder}, as there is no [portal.smtp]"));
        }
        if let Some(link) = repute_portal::first_link(&database, url).await? {
            let how = "open this link to become the first administrator, once, within a day";
            welcome.extend([format!("begin    {how}"), format!("         {link}")]);
        }
        let (config, means) = (self.config, self.means);
        let (zones, shelf) = (Arc::new(Served(self.zones)), self.shelf);
        let running =
            repute_portal::start(database, config, means, zones, shelf, self.entrance, runtime)?;
        Ok((welcome, running))
    }
}

/// What the registry's rules need besides the database.
fn means(config: &PortalConfig, path: Option<&Path>) -> anyhow::Result<Means> {
    let key = link_key::read_or_make(&config.link_key)?;
    let resolvers = match config.resolvers.is_empty() {
        true => resolver::system(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
        false => config.resolvers.clone(),
    };
    let (label, reach) = (config.challenge_label.clone(), config.reach);
    let elsewhere = match &config.other_lists {
        Some(named) => Some(Elsewhere::new(other_lists(named, path)?, resolvers.clone())),
        None => None,
    };
    let spool = Spool::open(&config.spool);
    let spool = spool.with_context(|| format!("cannot use {}", config.spool.display()))?;
    let look = Look { label, resolvers, timeout: DNS_TIME, reach };
    Ok(Means { key, look, elsewhere, spool, unpack: |file| unpack(file, MOST) })
}

/// The lists of others that are asked: these, or those of the catalogue that are open to all.
fn other_lists(named: &[String], path: Option<&Path>) -> anyhow::Result<Vec<ListAt>> {
    let catalogue = lists::catalogue(path, None)?;
    if named.is_empty() {
        let each_kind = [
            Target::Ipv4(Ipv4Addr::LOCALHOST),
            Target::Ipv6(Ipv6Addr::LOCALHOST),
            Target::Name(Name::root()),
        ];
        return lists::named(&[], &catalogue, &each_kind);
    }
    let one = |text: &String| {
        lists::one(text, &catalogue).with_context(|| format!("portal.other-lists: `{text}`"))
    };
    named.iter().map(one).collect()
}

/// How many bytes a file may unpack to.
const MOST: u64 = 4 << 30;
/// How long the portal waits for an answer of DNS.
const DNS_TIME: Duration = Duration::from_secs(3);

/// The database, once it is open; nothing if it never will be.
async fn there(database: &mut watch::Receiver<Option<Database>>) -> Option<Database> {
    database.wait_for(Option::is_some).await.ok()?.clone()
}

/// How long a start waits for the database, so that what it says is whole.
const PATIENCE: Duration = Duration::from_secs(5);

/// The zones that are served, as the portal asks them.
struct Served(Arc<ArcSwap<Zones>>);

impl Served {
    /// A zone that has data.
    fn zone(&self, apex: &Name) -> Option<Arc<Zone>> {
        match self.0.load().get(apex)? {
            ZoneState::Serving(zone) => Some(Arc::clone(zone)),
            ZoneState::Records(_) | ZoneState::Failed => None,
        }
    }
}

impl repute_portal::Zones for Served {
    fn standing(&self, apex: &Name, target: &Target) -> Option<Standing> {
        let zone = self.zone(apex)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        let wire = relative_name(target);
        let (mut labels, mut at) = (Vec::new(), 0);
        while let Some(length) = wire.get(at) {
            labels.push(u8::try_from(at).ok()?);
            at += 1 + usize::from(*length);
        }
        let mut codes = Vec::new();
        zone.visit(Relative::new(&wire, &labels), |hit| match hit {
            Hit::Listing(listing) => codes.extend(listing.pairs(now, false).map(|pair| pair.code)),
            Hit::Record(_) => {}
        });
        let mut codes: Vec<_> =
            codes.into_iter().map(|code| repute_dnsxl::ReturnCode(code.into())).collect();
        codes.sort();
        codes.dedup();
        Some(if codes.is_empty() { Standing::NotListed } else { Standing::Listed(codes) })
    }

    fn facts(&self, apex: &Name) -> Option<ZoneFacts> {
        let zone = self.zone(apex)?;
        Some(ZoneFacts { entries: zone.entries(), serial: zone.serial() })
    }
}
