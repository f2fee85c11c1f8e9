//! A DNS server whose zones misbehave in every way that lists do, and a few that do not.
//!
//! What a zone does is in its name: `refused.test` answers REFUSED. Lists that are fine have 192.0.2.25, by
//! its address, and the domain spam.example, and the test entries of RFC 5782.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A server that runs until the process ends.
pub(crate) struct Lists {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How often each name was asked.
    asked: Arc<Mutex<HashMap<String, usize>>>,
    /// How many answers of slow zones are being thought about now, and were at most.
    slow: Arc<(AtomicUsize, AtomicUsize)>,
}

/// What is said of a name and type.
enum Said {
    /// These addresses, or asked for texts this one.
    Listed(Vec<[u8; 4]>),
    /// Records of any type, as type and data.
    Records(Vec<(u8, Vec<u8>)>),
    /// There is no such name, says the zone of so many labels.
    Denied(usize),
    /// This response code.
    Code(u8),
    /// Nothing.
    Silence,
}

impl Lists {
    /// Starts it.
    pub(crate) fn start(address: SocketAddr) -> Lists {
        Lists::saying(address, say)
    }

    /// Starts one that knows lists and the names of no addresses.
    pub(crate) fn nameless(address: SocketAddr) -> Lists {
        Lists::saying(address, |labels, rtype, times, recursive| match rtype {
            PTR => Said::Denied(0),
            rtype => say(labels, rtype, times, recursive),
        })
    }

    /// Starts one that says this.
    fn saying(address: SocketAddr, say: fn(&[String], u8, usize, bool) -> Said) -> Lists {
        let socket = UdpSocket::bind(address).expect("the address is free");
        let address = socket.local_addr().expect("it has one");
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let slow = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let lists = Lists { address, asked: Arc::clone(&asked), slow: Arc::clone(&slow) };
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let query = packet[..length].to_vec();
                let labels = labels(&query);
                let rtype =
                    query[13 + labels.iter().map(|label| label.len() + 1).sum::<usize>() + 1];
                let times = {
                    let mut asked = asked.lock().expect("nobody panics with it");
                    let times = asked.entry(format!("{} {rtype}", labels.join("."))).or_default();
                    *times += 1;
                    *times
                };
                let socket = socket.try_clone().expect("there are descriptors");
                let send = move |said| {
                    if let Some(reply) = reply(&query, &labels, rtype, said) {
                        // Who asked may be gone.
                        drop(socket.send_to(&reply, from));
                    }
                };
                let labels = self::labels(&packet[..length]);
                let recursive = packet[2] & 1 != 0;
                match labels[labels.len() - 1] == "slow" {
                    // A fifth of a second for each answer, as a name server far away takes.
                    true => {
                        let slow = Arc::clone(&slow);
                        let now = slow.0.fetch_add(1, Ordering::SeqCst) + 1;
                        slow.1.fetch_max(now, Ordering::SeqCst);
                        drop(thread::spawn(move || {
                            thread::sleep(Duration::from_millis(200));
                            slow.0.fetch_sub(1, Ordering::SeqCst);
                            send(say(&labels, rtype, times, recursive));
                        }));
                    }
                    false => send(say(&labels, rtype, times, recursive)),
                }
            }
        });
        lists
    }

    /// How many answers of slow zones were waited for at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.slow.1.load(Ordering::SeqCst)
    }

    /// How often the address of this name was asked.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().expect("nobody panics with it");
        asked.get(&format!("{name} 1")).copied().unwrap_or(0)
    }
}

/// What the server says of a name that is asked the nth time; as a resolver, or as the list's own server.
fn say(labels: &[String], rtype: u8, times: usize, recursive: bool) -> Said {
    let name = labels.join(".");
    let address = |address: [u8; 4]| (1, address.to_vec());
    match (&*name, rtype) {
        ("25.2.0.192.in-addr.arpa", PTR) => {
            return Said::Records(vec![(PTR, b"\x04mail\x04test\0".to_vec())]);
        }
        ("mail.test", A) => return Said::Records(vec![address([192, 0, 2, 25])]),
        // The listed address is not the first.
        ("two.test", A) => {
            return Said::Records(vec![address([192, 0, 2, 26]), address([192, 0, 2, 25])]);
        }
        ("six.test", AAAA) => {
            let address = "2001:db8::25".parse::<std::net::Ipv6Addr>().expect("an address");
            return Said::Records(vec![(AAAA, address.octets().to_vec())]);
        }
        ("own.test", NS) => return Said::Records(vec![(NS, b"\x02ns\x03own\x04test\0".to_vec())]),
        ("ns.own.test", A) => return Said::Records(vec![address([127, 0, 0, 1])]),
        ("six.test" | "mail.test" | "two.test" | "ns.own.test", _) => {
            return Said::Records(Vec::new());
        }
        ("late.slow", A) => return Said::Records(vec![address([192, 0, 2, 25])]),
        ("dead.slow" | "never.test", _) => return Said::Silence,
        _ => {}
    }
    // Lists of the real world that the catalogue knows are asked by their names.
    let count =
        KNOWN.iter().find(|zone| name.ends_with(*zone)).map_or(2, |zone| zone.split('.').count());
    let (below, zone) = labels.split_at(labels.len().saturating_sub(count));
    let (below, zone) = (below.join("."), zone.join("."));
    let six = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
    let is_listed =
        matches!(&*below, "25.2.0.192" | "2.0.0.127" | "test" | "spam.example" | "192.0.2.25")
            || below == six;
    let is_test = matches!(&*below, "2.0.0.127" | "test");
    let listed = |code: u8| Said::Listed(vec![[127, 0, 0, code]]);
    let kind = zone
        .trim_end_matches(".slow")
        .trim_end_matches(".test")
        .trim_end_matches(|c: char| c.is_ascii_digit());
    match kind {
        "clean" | "white" if is_test => listed(2),
        "listed" | "lossy" | "slowed" if is_listed => match kind == "lossy" && times == 1 {
            true => Said::Silence,
            false => listed(if zone == "listed4.test" { 4 } else { 2 }),
        },
        "white" if is_listed => listed(3),
        "multi" if is_listed => Said::Listed(vec![[127, 0, 0, 2], [127, 0, 0, 4], [127, 0, 0, 10]]),
        "list.dnswl.org" if is_listed => Said::Listed(vec![[127, 0, 8, 3]]),
        "zen.spamhaus.org"
        | "sbl.spamhaus.org"
        | "xbl.spamhaus.org"
        | "k3y.zen.dq.spamhaus.net"
            if is_listed =>
        {
            listed(2)
        }
        // It answers those who ask itself.
        "own" if !recursive && is_listed => listed(2),
        "own" if !recursive => Said::Denied(2),
        "open" | "own" => Said::Listed(vec![[127, 255, 255, 254]]),
        "blocked" => Said::Listed(vec![[127, 0, 0, 1]]),
        "parked" => Said::Listed(vec![[203, 0, 113, 9]]),
        "wild" => listed(2),
        "refused" => Said::Code(5),
        "servfail" => Said::Code(2),
        "dead" => Said::Silence,
        // There is no such zone, says the root.
        "none" => Said::Denied(0),
        "lossy" if times == 1 => Said::Silence,
        _ if labels.len() < count => Said::Denied(0),
        _ => Said::Denied(count),
    }
}

/// The labels of the question, in lower case.
fn labels(query: &[u8]) -> Vec<String> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    if labels.is_empty() { vec![String::new()] } else { labels }
}

/// The reply to a query.
fn reply(query: &[u8], labels: &[String], rtype: u8, said: Said) -> Option<Vec<u8>> {
    let question: usize = 12 + labels.iter().map(|label| label.len() + 1).sum::<usize>() + 5;
    let mut out = query[..question].to_vec();
    (out[2], out[3]) = (0x85, 0x80);
    out[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    let records = match said {
        Said::Silence => return None,
        Said::Code(code) => {
            out[3] |= code;
            Vec::new()
        }
        Said::Listed(codes) if rtype == A => codes.iter().map(|c| (A, c.to_vec())).collect(),
        Said::Listed(_) => vec![(TXT, [&[TEXT.len() as u8], TEXT.as_bytes()].concat())],
        Said::Records(records) => records,
        Said::Denied(depth) => {
            out[3] |= 3;
            out[9] = 1;
            // The owner: the last labels of the question.
            let skipped: usize =
                labels[..labels.len() - depth].iter().map(|label| label.len() + 1).sum();
            out.extend_from_slice(&[0xc0, 12 + skipped as u8, 0, 6, 0, 1, 0, 0, 0, 1, 0, 22, 0, 0]);
            [7_u32, 600, 300, 86_400, 60].iter().for_each(|n| out.extend(n.to_be_bytes()));
            Vec::new()
        }
    };
    out[7] = records.len() as u8;
    for (rtype, data) in records {
        out.extend_from_slice(&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 1, 0, data.len() as u8]);
        out.extend_from_slice(&data);
    }
    Some(out)
}

/// A server on a port of loopback that is free.
pub(crate) fn anywhere() -> Lists {
    Lists::start((Ipv4Addr::LOCALHOST, 0).into())
}

/// What lists say of what they have: with what would break a plugin's output.
pub(crate) const TEXT: &str = "spam | servers=0;0;0\nOK";
/// Zones that the catalogue knows.
const KNOWN: [&str; 5] = [
    "list.dnswl.org",
    "zen.spamhaus.org",
    "sbl.spamhaus.org",
    "xbl.spamhaus.org",
    "k3y.zen.dq.spamhaus.net",
];
/// The types that are answered.
const A: u8 = 1;
const NS: u8 = 2;
const PTR: u8 = 12;
const TXT: u8 = 16;
const AAAA: u8 = 28;
