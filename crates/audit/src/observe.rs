//! Asking the servers of a list, and writing down what each said.
//!
//! First each is asked for the SOA record: who does not answer that is not asked more, so that a dead server
//! costs one time-out. Then all other questions go out at once. Nothing is judged here.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use repute_dnsxl::Name;
use repute_lookup::authority::{self, AuthorityError, Host};
use repute_lookup::code::CodeSet;

use crate::network::{self, Question, Transport};
use crate::probe::{Asking, Probe, draw};
use crate::reply::{Heard, Reply};
use crate::{Kind, Subject};

/// What the servers of a list said.
#[derive(Clone, Debug)]
pub struct Observations {
    /// The list.
    pub zone: Name,
    /// The zone it stands in: its own, or one above.
    pub apex: Name,
    /// What it is said to list.
    pub kind: Option<Kind>,
    /// Answers by which it says that it does not answer us, besides those of all lists.
    pub errors: Vec<CodeSet>,
    /// When, in seconds since 1970.
    pub now: u64,
    /// How the servers were found.
    pub found: Found,
    /// The servers.
    pub servers: Vec<Server>,
}

/// How the servers of a list were found.
#[derive(Clone, Debug)]
pub enum Found {
    /// They were named.
    Named,
    /// By the resolvers.
    Resolved {
        /// The name servers.
        hosts: Vec<Host>,
        /// Those that the zone above names, or why that is not known.
        delegation: Result<BTreeSet<Name>, String>,
    },
    /// Not at all.
    Not(AuthorityError),
}

/// A server, and what it said.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    /// Its name.
    pub name: Option<Name>,
    /// What came of the questions that were asked.
    pub heard: HashMap<Probe, Heard>,
}

/// Asks a list's servers.
///
/// # Errors
/// If there are no sockets to be had.
pub fn observe(subject: &Subject) -> io::Result<Observations> {
    let mut random = StdRng::from_os_rng();
    let (found, mut apex) = match subject.servers.is_empty() {
        false => (Found::Named, subject.zone.clone()),
        true => find(subject, &mut random)?,
    };
    let mut servers = servers(subject, &found);
    let letter = |_| char::from(random.random_range(b'a'..=b'z'));
    let mut asking = Asking {
        zone: subject.zone.clone(),
        apex: apex.clone(),
        invented: (0..INVENTED).map(letter).collect(),
        drawn: std::array::from_fn(|_| draw(&mut random)),
    };
    let all: Vec<usize> = (0..servers.len()).collect();
    ask(&mut servers, &all, &[Probe::Start], &asking, subject.timeout, &mut random)?;

    let starts = servers.iter().filter_map(|server| server.heard.get(&Probe::Start)?.reply());
    let said = starts.filter_map(|reply| {
        let (record, _) = Reply::soa(&reply.answers).or_else(|| Reply::soa(&reply.authority))?;
        let is_ours = subject.zone.is_within(&record.owner) && record.owner.label_count() > 0;
        is_ours.then(|| record.owner.clone())
    });
    // The deepest: a server that does not have the zone may have the one above.
    apex = said.max_by_key(Name::label_count).unwrap_or(apex);
    asking.apex = apex.clone();
    let lives = |server: &Server| {
        matches!(server.heard.get(&Probe::Start), Some(Heard::Reply(_) | Heard::Malformed))
    };
    let living: Vec<usize> =
        servers.iter().enumerate().filter(|(_, server)| lives(server)).map(|(n, _)| n).collect();
    let probes: Vec<Probe> = Asking::probes().collect();
    ask(&mut servers, &living, &probes, &asking, subject.timeout, &mut random)?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (zone, kind, errors) = (subject.zone.clone(), subject.kind, subject.errors.clone());
    Ok(Observations { zone, apex, kind, errors, now, found, servers })
}

/// The servers to ask, each once.
fn servers(subject: &Subject, found: &Found) -> Vec<Server> {
    let named = subject.servers.iter().map(|address| (*address, None));
    let resolved = match found {
        Found::Resolved { hosts, .. } => &hosts[..],
        Found::Named | Found::Not(_) => &[],
    };
    let resolved = resolved.iter().flat_map(|host| {
        let at = |address| (SocketAddr::new(address, PORT), Some(host.name.clone()));
        host.addresses.iter().copied().map(at)
    });
    let mut servers: Vec<Server> = Vec::new();
    for (address, name) in named.chain(resolved) {
        if servers.iter().all(|known| known.address != address) {
            servers.push(Server { address, name, heard: HashMap::new() });
        }
    }
    servers.truncate(MOST_SERVERS);
    servers
}

/// Puts questions to some of the servers, and writes down what comes of them.
fn ask(
    servers: &mut [Server],
    asked: &[usize],
    probes: &[Probe],
    asking: &Asking,
    timeout: Duration,
    random: &mut StdRng,
) -> io::Result<()> {
    let (mut questions, mut whose) = (Vec::new(), Vec::new());
    for &server in asked {
        let mut ids = BTreeSet::new();
        let is_here = servers[server].address.ip().is_loopback();
        let (mut after, pace) = (Duration::ZERO, if is_here { Duration::ZERO } else { PACE });
        for &probe in probes {
            let id = loop {
                let id = random.random();
                if ids.insert(id) {
                    break id;
                }
            };
            let Some(packet) = asking.packet(probe, id) else { continue };
            let transport = match probe {
                Probe::Tcp => Transport::Tcp,
                _ => Transport::Udp,
            };
            questions.push(Question { server, packet, transport, after });
            after += pace;
            whose.push((server, probe));
        }
    }
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let heard = network::ask(&addresses, &questions, timeout)?;
    for ((server, probe), heard) in whose.into_iter().zip(heard) {
        servers[server].heard.insert(probe, heard);
    }
    Ok(())
}

/// Finds the servers of a list, and what the zone above says of them.
fn find(subject: &Subject, random: &mut StdRng) -> io::Result<(Found, Name)> {
    let find = |zone: &Name| {
        let one = std::slice::from_ref(zone);
        let found = authority::servers(one, &subject.resolvers, subject.timeout)?;
        Ok::<_, io::Error>(found.into_iter().next().unwrap_or(Err(AuthorityError::NoAnswer)))
    };
    let own = match find(&subject.zone)? {
        Ok(own) => own,
        Err(error) => return Ok((Found::Not(error), subject.zone.clone())),
    };
    let apex = own.apex;
    let delegation = match above(&apex).map(|above| find(&above)).transpose()? {
        None => Err("nothing is above it".to_owned()),
        Some(Err(error)) => Err(format!("the zone above: {error}")),
        Some(Ok(above)) => delegation(&apex, &above.hosts, subject.timeout, random)?,
    };
    Ok((Found::Resolved { hosts: own.hosts, delegation }, apex))
}

/// The name servers that the zone above names.
fn delegation(
    apex: &Name,
    above: &[Host],
    timeout: Duration,
    random: &mut StdRng,
) -> io::Result<Result<BTreeSet<Name>, String>> {
    let first = |host: &Host| Some(SocketAddr::new(*host.addresses.first()?, PORT));
    let servers: Vec<SocketAddr> = above.iter().filter_map(first).take(MOST_ABOVE).collect();
    let packet = |id: u16| {
        let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&id.to_be_bytes(), &head[..], apex.as_wire(), &[0, 2, 0, 1]].concat()
    };
    let questions: Vec<Question> = (0..servers.len())
        .map(|server| {
            let packet = packet(random.random());
            Question { server, packet, transport: Transport::Udp, after: Duration::ZERO }
        })
        .collect();
    let heard = network::ask(&servers, &questions, timeout)?;
    let replies: Vec<&Reply> = heard.iter().filter_map(Heard::reply).collect();
    let referral = |reply: &&Reply| {
        let ours = reply.authority.iter().filter(|record| record.owner == *apex);
        let names = Reply::servers(&ours.cloned().collect::<Vec<_>>());
        (!names.is_empty()).then_some(names)
    };
    Ok(match replies.iter().find_map(referral) {
        Some(names) => Ok(names),
        None if replies.iter().any(|reply| reply.authoritative && !reply.answers.is_empty()) => {
            Err("the servers of the zone above serve this one too".to_owned())
        }
        None if replies.is_empty() => Err("the servers of the zone above do not answer".to_owned()),
        None => Err("the servers of the zone above do not name them".to_owned()),
    })
}

/// The name above another, if that is not the root.
fn above(name: &Name) -> Option<Name> {
    let first = 1 + usize::from(*name.as_wire().first()?);
    Name::from_wire(name.as_wire().get(first..)?).ok().filter(|above| above.label_count() > 0)
}

/// DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// Between questions to a server that is not on this machine.
const PACE: Duration = Duration::from_millis(5);
/// Most servers that are asked.
const MOST_SERVERS: usize = 32;
/// Most servers of the zone above that are asked.
const MOST_ABOVE: usize = 4;
/// Letters of a name that nobody ever listed.
const INVENTED: usize = 20;
