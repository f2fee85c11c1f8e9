//! NOTIFY (RFC 1996): secondaries are told that a zone has changed, until they say that they heard.
//!
//! Of several changes one after the other only the last is told. Who does not answer is told again, later each time, and
//! given up after some minutes; his refresh interval brings him to us anyway.
//!
//! [`Notifier`] decides, with the time as an argument; [`run`] has the sockets and the clock.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use repute_dnsxl::Name;
use repute_records::{Record, Soa};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::keys::{Key, Keys};
use crate::ledger::Ledger;
use crate::signature::Asker;
use crate::sources::Sources;

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Where he listens.
    pub address: SocketAddr,
    /// The key that the message is signed with, if it is.
    pub key: Option<Name>,
}

/// Written as `192.0.2.53`, `[2001:db8::53]:5353`, or either with `key NAME` behind it.
impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let expected =
            || "expected an address, with a port or not, or with `key NAME` behind it".to_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (address, key) = match words[..] {
            [address] => (address, None),
            [address, "key", key] => (address, Some(key)),
            _ => return Err(expected()),
        };
        let address = match (address.parse::<SocketAddr>(), address.parse::<IpAddr>()) {
            (Ok(address), _) => address,
            (Err(_), Ok(address)) => SocketAddr::new(address, DNS),
            (Err(_), Err(_)) => return Err(expected()),
        };
        let key = key
            .map(|key| key.parse().map_err(|error| format!("the key's name: {error}")))
            .transpose()?;
        Ok(Target { address, key })
    }
}

/// A version of a zone that secondaries are to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The SOA record of the version.
    pub soa: Record,
}

/// What is to be sent.
#[derive(Debug)]
pub struct Message {
    /// Where to.
    pub to: SocketAddr,
    /// The SOA record of the version that it tells of.
    pub soa: Record,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What is still to be told, and when.
#[derive(Debug, Default)]
pub struct Notifier {
    /// Each message on its way: to whom, and of which zone.
    pending: BTreeMap<(Target, Name), Pending>,
}

/// A message on its way.
#[derive(Debug)]
struct Pending {
    soa: Record,
    id: u16,
    /// How often it was sent.
    sent: u32,
    due: Instant,
    asker: Option<Asker>,
}

impl Notifier {
    /// Has secondaries told of a version, at once.
    pub fn tell(&mut self, change: &Change, targets: &[Target], now: Instant) {
        for target in targets {
            let pending =
                Pending { soa: change.soa.clone(), id: 0, sent: 0, due: now, asker: None };
            self.pending.insert((target.clone(), change.soa.owner.clone()), pending);
        }
    }

    /// When something is due next.
    pub fn due(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.due).min()
    }

    /// The messages that are due, and those who are given up, each with the zone. `chance` gives ids that
    /// nobody can guess.
    pub fn take_due(
        &mut self,
        keys: &Keys,
        now: Instant,
        unix: u64,
        chance: &mut dyn FnMut() -> u16,
    ) -> (Vec<Message>, Vec<(Target, Name)>) {
        let (mut messages, mut given_up) = (Vec::new(), Vec::new());
        for ((target, zone), pending) in
            self.pending.iter_mut().filter(|(_, pending)| pending.due <= now)
        {
            if pending.sent >= MOST_SENDS {
                given_up.push((target.clone(), zone.clone()));
                continue;
            }
            pending.id = chance();
            let key = target.key.as_ref().and_then(|key| keys.get(key));
            let (bytes, asker) = message(pending.id, &pending.soa, key, unix);
            pending.asker = asker;
            pending.due = now + FIRST_WAIT * 2_u32.pow(pending.sent);
            pending.sent += 1;
            let (to, soa) = (target.address, pending.soa.clone());
            messages.push(Message { to, soa, bytes });
        }
        for gone in &given_up {
            self.pending.remove(gone);
        }
        (messages, given_up)
    }

    /// Takes an answer; whose it was, if it was one. With an error, too, he has heard (RFC 1996 section 4.8), but for
    /// errors that pass, after which he is told again.
    pub fn answered(
        &mut self,
        from: SocketAddr,
        answer: &[u8],
        unix: u64,
    ) -> Option<(Target, Name, u8)> {
        let (&[id, low, flags, rest], _) = answer.split_first_chunk::<4>()?;
        let id = u16::from_be_bytes([id, low]);
        if flags & 0xf8 != QR | NOTIFY << 3 {
            return None;
        }
        let rcode = rest & 15;
        let key = self.pending.iter_mut().find_map(|(key, pending)| {
            let is_his = same_place(key.0.address, from) && pending.id == id && pending.sent > 0;
            // A signed message has a signed answer; who refuses the signature cannot sign.
            let is_true = match &mut pending.asker {
                Some(asker) => asker.verify(answer, unix).is_ok() || rcode == NOTAUTH,
                None => true,
            };
            (is_his && is_true).then(|| key.clone())
        })?;
        if !matches!(rcode, SERVFAIL) {
            self.pending.remove(&key);
        }
        Some((key.0, key.1, rcode))
    }
}

/// A NOTIFY with the SOA (RFC 1996 section 3.7), signed if there is a key.
fn message(id: u16, soa: &Record, key: Option<&Arc<Key>>, unix: u64) -> (Vec<u8>, Option<Asker>) {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[NOTIFY << 3 | AA, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    bytes.extend_from_slice(soa.owner.as_wire());
    bytes.extend_from_slice(&soa.rtype.to_be_bytes());
    // Class IN, and a pointer to the name in the question.
    bytes.extend_from_slice(&[0, 1, 0xc0, 12]);
    bytes.extend_from_slice(&soa.rtype.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes.extend_from_slice(&soa.ttl.to_be_bytes());
    bytes.extend_from_slice(&u16::try_from(soa.data.len()).unwrap_or_default().to_be_bytes());
    bytes.extend_from_slice(&soa.data);
    let asker = key.map(|key| Asker::sign(key, &mut bytes, unix));
    (bytes, asker)
}

/// Tells whom it is told to, until the server stops.
pub async fn run(
    targets: HashMap<Name, Vec<Target>>,
    keys: Arc<Keys>,
    sources: Sources,
    ledger: Arc<Ledger>,
    mut changes: mpsc::Receiver<Change>,
    stop: CancellationToken,
) {
    let mut notifier = Notifier::default();
    let mut sockets = Sockets::open(&sources, targets.values().flatten()).await;
    loop {
        let due = notifier.due().unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Some(change) => {
                    let whom = targets.get(&change.soa.owner).map_or(&[][..], Vec::as_slice);
                    notifier.tell(&change, whom, Instant::now());
                }
                None => return,
            },
            () = tokio::time::sleep_until(due.into()) => {}
            Some((from, answer)) = sockets.heard.recv() => {
                heard(&mut notifier, &ledger, from, &answer);
            }
        }
        let (messages, given_up) = notifier.take_due(&keys, Instant::now(), unix(), &mut rand_id);
        for Message { to, soa, bytes } in messages {
            sockets.send(&sources, to, &bytes).await;
            let serial = Soa::read(&soa.data).map_or(0, |soa| soa.serial);
            ledger.told(&soa.owner, to, serial, unix());
        }
        for (target, zone) in given_up {
            ledger.given_up(&zone, target.address, unix());
            tracing::warn!(
                %zone, to = %target.address,
                "secondary {} does not answer that `{zone}` has changed: it will find out at its next refresh",
                target.address
            );
        }
    }
}

/// Takes an answer.
fn heard(notifier: &mut Notifier, ledger: &Ledger, from: SocketAddr, answer: &[u8]) {
    let answered = notifier.answered(from, answer, unix());
    if let Some((target, zone, rcode)) = &answered {
        ledger.heard(zone, target.address, *rcode, unix());
    }
    match answered {
        Some((target, zone, 0)) => {
            tracing::debug!(%zone, to = %target.address, "a secondary has heard of a change");
        }
        Some((target, zone, rcode)) => tracing::warn!(
            %zone, to = %target.address, rcode,
            "secondary {} refuses to hear that `{zone}` has changed (response code {rcode}): let it take NOTIFY from \
             this server",
            target.address
        ),
        None => {}
    }
}

/// Sockets to tell from, one for each address that somebody is told from, and what comes back to all of them.
struct Sockets {
    by_source: HashMap<IpAddr, Arc<UdpSocket>>,
    heard: mpsc::Receiver<(SocketAddr, Vec<u8>)>,
    /// Each waits at one socket, and ends with this value.
    _waiting: JoinSet<()>,
}

impl Sockets {
    /// Opens those that are needed for targets.
    async fn open(sources: &Sources, targets: impl Iterator<Item = &Target>) -> Sockets {
        let mut by_source = HashMap::new();
        let (sender, heard) = mpsc::channel(ANSWERS);
        let mut waiting = JoinSet::new();
        for source in targets.map(|target| sources.to(target.address.ip())) {
            if by_source.contains_key(&source) {
                continue;
            }
            match UdpSocket::bind((source, 0)).await {
                Ok(socket) => {
                    let socket = Arc::new(socket);
                    waiting.spawn(receive(Arc::clone(&socket), sender.clone()));
                    by_source.insert(source, socket);
                }
                Err(error) => tracing::error!(
                    "cannot tell secondaries of changes: no socket for {source}: {error}"
                ),
            }
        }
        Sockets { by_source, heard, _waiting: waiting }
    }

    /// Sends a message from the address that its target knows.
    async fn send(&self, sources: &Sources, to: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.by_source.get(&sources.to(to.ip()))
            && let Err(error) = socket.send_to(bytes, to).await
        {
            // It is sent again.
            tracing::debug!(%to, "cannot tell a secondary of a change: {error}");
        }
    }
}

/// Hands on what comes to a socket. What nobody takes in time is said again after the next message.
async fn receive(socket: Arc<UdpSocket>, heard: mpsc::Sender<(SocketAddr, Vec<u8>)>) {
    let mut buffer = vec![0; 4096];
    loop {
        // An error is about a message that was sent, and is told by nobody answering.
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = buffer.get(..length).unwrap_or_default().to_vec();
            let _ = heard.try_send((from, answer));
        }
    }
}

/// Whether two addresses are one.
fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

/// A number that nobody can guess.
fn rand_id() -> u16 {
    let mut bytes = [0; 2];
    // Without random bytes the address of the one who answers is all that is compared.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    u16::from_be_bytes(bytes)
}

/// The time, in seconds since 1970.
fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The port of DNS.
const DNS: u16 = 53;
/// The opcode.
const NOTIFY: u8 = 4;
/// A response.
const QR: u8 = 0x80;
/// An authoritative one.
const AA: u8 = 0x04;
const SERVFAIL: u8 = 2;
const NOTAUTH: u8 = 9;
/// How long an answer is waited for at first; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// How often somebody is told: over some four minutes.
const MOST_SENDS: u32 = 7;
/// Answers that wait.
const ANSWERS: usize = 64;
/// A wait when nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use repute_records::{master, rtype};

    /// A SOA record with a serial.
    fn soa(serial: u32) -> Change {
        let apex = "z.example".parse().expect("a name");
        let text = format!("@ 60 SOA ns h {serial} 1 2 3 4");
        let soa = master::read_lines(&apex, &text).records.remove(0).record;
        assert_eq!(soa.rtype, rtype::SOA);
        Change { soa }
    }

    /// The answer to a message with a response code.
    fn answer(message: &Message, rcode: u8) -> Vec<u8> {
        let mut answer = message.bytes.clone();
        answer[2] |= QR;
        answer[3] = rcode;
        answer
    }

    #[test]
    fn who_does_not_answer_is_told_again_and_given_up_in_the_end() {
        let (mut notifier, keys, start) = (Notifier::default(), Keys::default(), Instant::now());
        let target: Target = "192.0.2.53".parse().expect("a target");
        notifier.tell(&soa(7), std::slice::from_ref(&target), start);
        let mut times = Vec::new();
        let given_up = loop {
            let due = notifier.due().expect("something is due");
            let (messages, given_up) = notifier.take_due(&keys, due, 0, &mut || 7);
            if !given_up.is_empty() {
                break given_up;
            }
            assert_eq!(messages.len(), 1);
            assert_eq!(messages[0].to.to_string(), "192.0.2.53:53");
            times.push(due.duration_since(start).as_secs());
        };
        assert_eq!(times, [0, 2, 6, 14, 30, 62, 126]);
        assert_eq!(given_up, [(target, "z.example".parse().expect("a name"))]);
        assert_eq!(notifier.due(), None);
    }

    #[test]
    fn an_answer_ends_it_and_only_the_last_change_is_told() {
        let (mut notifier, keys, now) = (Notifier::default(), Keys::default(), Instant::now());
        let target: Target = "192.0.2.53:5353".parse().expect("a target");
        notifier.tell(&soa(7), std::slice::from_ref(&target), now);
        notifier.tell(&soa(8), std::slice::from_ref(&target), now);
        let (messages, _) = notifier.take_due(&keys, now, 0, &mut || 0x1234);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].bytes[..12], [0x12, 0x34, 0x24, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert!(
            messages[0].bytes.windows(4).any(|bytes| bytes == 8_u32.to_be_bytes()),
            "the last serial"
        );
        let heard = answer(&messages[0], 0);
        assert!(
            notifier.answered("192.0.2.54:5353".parse().unwrap(), &heard, 0).is_none(),
            "somebody else"
        );
        assert!(notifier.answered(target.address, &messages[0].bytes, 0).is_none(), "no answer");
        let failed = answer(&messages[0], SERVFAIL);
        assert!(
            notifier.answered(target.address, &failed, 0).is_some() && notifier.due().is_some(),
            "it passes"
        );
        assert!(notifier.answered(target.address, &heard, 0).is_some());
        assert_eq!(notifier.due(), None);
        assert!(notifier.answered(target.address, &heard, 0).is_none(), "once");
    }

    #[test]
    fn targets_are_written_with_port_and_key_or_without() {
        let target = |text: &str| text.parse::<Target>();
        assert_eq!(target("[2001:db8::1]:5353").unwrap().address.port(), 5353);
        assert_eq!(
            target("2001:db8::1 key k.example").unwrap().key,
            Some("k.example".parse().unwrap())
        );
        for bad in ["", "ns.example", "192.0.2.1 key", "192.0.2.1 k.example"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
