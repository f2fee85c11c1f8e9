//! What both formats begin with: what the file is, and the records of the apex.

use std::io::{self, Write};

use repute_dnsxl::Name;

use crate::dataset::{Content, Dataset};
use crate::export::{STAND_IN, View, lacks_name_servers};
use crate::zone::Zone;

/// Whose grammar the header is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// RFC 1035 section 5.
    Master,
    /// Special entries of rbldnsd.
    Rbldnsd,
}

/// Writes a comment about the zone, the start of authority and the name servers.
pub(super) fn header(
    zone: &Zone,
    view: View,
    syntax: Syntax,
    out: &mut dyn Write,
) -> io::Result<()> {
    let comment = match syntax {
        Syntax::Master => ';',
        Syntax::Rbldnsd => '#',
    };
    let (apex, serial, entries) = (zone.apex(), zone.serial(), zone.entries());
    writeln!(out, "{comment} {apex}, serial {serial}, {entries} entries")?;
    if let View::At(now) = view
        && zone.datasets.iter().any(|dataset| is_conditional(dataset))
    {
        writeln!(
            out,
            "{comment} Some entries have a delay or need a key: this is what a client without a key is \
             told at {now} (seconds since 1970)."
        )?;
    }
    if syntax == Syntax::Master {
        writeln!(out, "$ORIGIN {}", absolute(apex))?;
    }
    if let Some(soa) = zone.soa() {
        let (ttl, origin, person) = (soa.ttl, &soa.origin, &soa.person);
        match syntax {
            Syntax::Master => {
                write!(out, "@\t{ttl}\tIN\tSOA\t{} {}", absolute(origin), absolute(person))?;
            }
            Syntax::Rbldnsd => write!(out, "$SOA {ttl} {origin} {person}")?,
        }
        let (refresh, retry, expire) = (soa.refresh, soa.retry, soa.expire);
        writeln!(out, " {} {refresh} {retry} {expire} {}", soa.serial, soa.minimum)?;
    }
    if let Some((ttl, servers)) = zone.name_servers() {
        match syntax {
            Syntax::Master if lacks_name_servers(zone) => {
                writeln!(
                    out,
                    "; No name servers are configured: {STAND_IN} stands for them, so that the file loads."
                )?;
                writeln!(out, "@\t{ttl}\tIN\tNS\t{STAND_IN}")?;
            }
            Syntax::Master => {
                for server in servers {
                    writeln!(out, "@\t{ttl}\tIN\tNS\t{}", absolute(server))?;
                }
            }
            Syntax::Rbldnsd => {
                write!(out, "$NS {ttl}")?;
                servers.iter().try_for_each(|server| write!(out, " {server}"))?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// Whether any entry has a delay or needs a key.
fn is_conditional(dataset: &Dataset) -> bool {
    match &dataset.content {
        Content::Addresses(addresses) => addresses.values.is_conditional(),
        Content::Names(names) => names.values.is_conditional(),
        Content::Combined(branches) => {
            branches.iter().flat_map(|branch| &branch.datasets).any(|d| is_conditional(d))
        }
        Content::Generic(_) | Content::Acl(_) | Content::Keys(_) => false,
    }
}

/// A name with the dot at its end.
fn absolute(name: &Name) -> String {
    match name.to_string() {
        root if root == "." => root,
        text => format!("{text}."),
    }
}
