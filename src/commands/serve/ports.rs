//! The sockets of DNS, of the pages, of the portal and of the challenge service.
//!
//! With a configuration an address that somebody else has ends the start: whoever wrote it there meant it. Who tries the
//! program without one meant no port at all, and often has something at 8080 already. He gets the next free port, and
//! is told of it.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use repute_nameserver::control::{self, Request};
use repute_nameserver::listen::{self, Given, ListenError};
use repute_nameserver::server::{Bound, Server};
use tracing::warn;

use crate::config::{Config, Origin, PortalConfig};

/// Sockets that are bound and answer nothing yet.
pub(super) struct Ports {
    /// Those of the list server.
    pub(super) bound: Bound,
    /// Those of the portal; none where it is off.
    pub(super) portal: Vec<TcpListener>,
    /// Those of the challenge service's API; none where there is none.
    pub(super) challenge: Vec<TcpListener>,
}

/// Opens all sockets. Without a configuration, `config` has the ports afterwards that it became.
///
/// # Errors
/// If an address is taken, forbidden or not of this machine; or if a server without a configuration runs in this folder.
pub(super) fn open(config: &mut Config, given: Given) -> anyhow::Result<Ports> {
    match config.origin {
        Origin::File(_) | Origin::AcmeDns(_) => {
            let bound = Server::bind(config.server.clone(), given)?;
            let portal = bind(&config.portal).context("portal.listen")?;
            let addresses = config.challenge.iter().flat_map(|challenge| &challenge.listen);
            let challenge = addresses.filter_map(|&at| listen::bind_pages(at).transpose());
            let challenge = challenge.collect::<Result<_, _>>().context("challenge.listen")?;
            Ok(Ports { bound, portal, challenge })
        }
        // It has no challenge service.
        Origin::BuiltIn => anywhere(config, given),
    }
}

/// Opens all sockets, at other ports where these are taken.
fn anywhere(config: &mut Config, mut given: Given) -> anyhow::Result<Ports> {
    // Beside a server of the same folder no other port helps.
    if let Some(path) = config.server.control.clone()
        && control::ask(&path, &Request::Status).is_ok()
    {
        return Err(control::ControlError::InUse { path }.into());
    }
    let (dns, pages) = (first_port(config), config.server.http.address);
    let mut attempts = 0..ATTEMPTS;
    let bound = loop {
        match Server::bind(config.server.clone(), std::mem::take(&mut given)) {
            Err(ListenError::InUse { address, .. }) if attempts.next().is_some() => {
                move_on(config, address);
            }
            done => break done?,
        }
    };
    if first_port(config) != dns {
        moved(dns, "DNS is answered", first_port(config));
    }
    if let (Some(old), Some(new)) = (pages, config.server.http.address)
        && old != new
    {
        moved(old.port(), "metrics and status are", new.port());
    }
    let asked = config.portal.listen.first().map_or(0, |first| first.socket.port());
    let portal = loop {
        match bind(&config.portal) {
            Err(ListenError::InUse { address, .. }) if attempts.next().is_some() => {
                let port = next(address.port());
                config.portal.listen.iter_mut().for_each(|one| one.socket.set_port(port));
                config.portal.portal.public_url =
                    format!("http://localhost:{port}").parse().expect("it is a host with a port");
            }
            done => break done?,
        }
    };
    if let Some(port) = config.portal.listen.first().map(|first| first.socket.port())
        && port != asked
    {
        moved(asked, "the portal is", port);
    }
    Ok(Ports { bound, portal, challenge: Vec::new() })
}

/// Opens the portal's sockets.
fn bind(config: &PortalConfig) -> Result<Vec<TcpListener>, ListenError> {
    config.listen.iter().filter_map(|&address| listen::bind_pages(address).transpose()).collect()
}

/// The port at which DNS is answered.
fn first_port(config: &Config) -> u16 {
    config.server.listen.addresses.first().map_or(0, |first| first.socket.port())
}

/// Has what was to be at an address try the next port.
fn move_on(config: &mut Config, taken: SocketAddr) {
    match &mut config.server.http.address {
        Some(pages) if *pages == taken => pages.set_port(next(taken.port())),
        Some(_) | None => {
            // DNS has one port at all of its addresses.
            let port = next(taken.port());
            config.server.listen.addresses.iter_mut().for_each(|one| one.socket.set_port(port));
        }
    }
}

/// The port behind another.
fn next(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(1_024)
}

/// Tells that something is at another port than it would have been.
fn moved(from: u16, what: &str, to: u16) {
    warn!(
        "port {from} is taken, so {what} at port {to}: `ss -lnptu sport = :{from}` names who has it; \
         `repute config example` begins a configuration with ports of your own"
    );
}

/// How many ports are tried.
const ATTEMPTS: u32 = 200;
