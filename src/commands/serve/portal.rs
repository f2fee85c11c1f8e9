//! The portal beside the list server: it shows what is answered, from the same zones in memory.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arc_swap::ArcSwap;
use repute_database::{Database, Place};
use repute_dnsxl::{Name, Target, relative_name};
use repute_nameserver::{ZoneState, Zones};
use repute_portal::{Mail, Running, Standing, ZoneFacts};
use repute_zone::{Hit, Relative, Zone};
use tokio::runtime::Runtime;

use crate::config::PortalConfig;

/// The portal at work, with the threads that are its own: what people do there is not felt in DNS.
pub(super) struct Portal {
    /// What it says when it starts.
    welcome: Vec<String>,
    running: Running,
    runtime: Runtime,
}

/// Opens the portal's socket, if it is on.
///
/// # Errors
/// If somebody else has the address.
pub(super) fn bind(config: &PortalConfig) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.listen else { return Ok(None) };
    let listener = TcpListener::bind(address)
        .with_context(|| format!("cannot listen at {address}: set another `portal.listen`"))?;
    Ok(Some(listener))
}

impl Portal {
    /// Starts it behind its socket.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub(super) fn start(
        config: &PortalConfig,
        place: &Place,
        listener: TcpListener,
        zones: Arc<ArcSwap<Zones>>,
    ) -> anyhow::Result<Portal> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("portal")
            .enable_all()
            .build()
            .context("cannot start the portal's threads")?;
        let database = runtime.block_on(Database::open(place))?;
        let url = &config.portal.public_url;
        let mut welcome = vec![format!("portal   {url}")];
        if let Mail::Folder(folder) = &config.portal.mail {
            let folder = folder.display();
            welcome
                .push(format!("mail     is written into {folder}, as there is no [portal.smtp]"));
        }
        if let Some(link) = runtime.block_on(repute_portal::first_link(&database, url))? {
            welcome.push(format!("first administrator, once, within a day: {link}"));
        }
        let zones = Arc::new(Served(zones));
        let portal = config.portal.clone();
        let running = repute_portal::start(database, portal, zones, listener, runtime.handle())?;
        Ok(Portal { welcome, running, runtime })
    }

    /// What it says when it starts.
    pub(super) fn welcome(&self) -> &[String] {
        &self.welcome
    }

    /// Answers what is under way, and ends.
    pub(super) fn stop(self) {
        self.runtime.block_on(self.running.stop());
    }
}

/// The zones that are served, as the portal asks them.
struct Served(Arc<ArcSwap<Zones>>);

impl Served {
    /// A zone that has data.
    fn zone(&self, apex: &Name) -> Option<Arc<Zone>> {
        match self.0.load().get(apex)? {
            ZoneState::Serving(zone) => Some(Arc::clone(zone)),
            ZoneState::Failed => None,
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
