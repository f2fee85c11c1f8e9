//! Asks a primary: which version it has, and for a transfer.
//!
//! A primary may be anything: away, silent after the first byte, or as slow as it likes. Each step has its time, and so
//! has the whole, so that no zone waits for one primary for ever while another has it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repute_dnsxl::Name;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::question;
use super::sequence::{Fault, Limits, Received, Sequence, Step};
use crate::keys::Key;
use crate::signature::{Asker, Distrust};
use crate::transfer::What;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Primary {
    /// Where it listens.
    pub address: SocketAddr,
    /// From where it is asked; unspecified leaves that to the routes.
    pub source: IpAddr,
    /// Signs questions, if it wants that.
    pub key: Option<Arc<Key>>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// For the answer to a datagram, before it is sent once more or a connection is made. Default 2 s.
    pub datagram: Duration,
    /// For a connection. Default 5 s.
    pub connect: Duration,
    /// For each message over a connection. Default 30 s.
    pub message: Duration,
    /// For all of a transfer. Default 1 h.
    pub whole: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            datagram: Duration::from_secs(2),
            connect: Duration::from_secs(5),
            message: Duration::from_secs(30),
            whole: Duration::from_secs(3600),
        }
    }
}

/// What came of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What the primary has for us.
    pub received: Received,
    /// Messages that it took.
    pub messages: u64,
    /// Records in them, the SOA records included.
    pub records: u64,
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no way to it.
    #[error("no connection ({0}): see that it runs and that the way to it by TCP is open")]
    Connect(io::Error),
    /// It does not go on.
    #[error("it sent nothing for {0:?}: see that it runs and is not overloaded")]
    Silent(Duration),
    /// It takes too long.
    #[error("the transfer was not done after {0:?}: see why it is slow")]
    Slow(Duration),
    /// It ends before the end.
    #[error("it closed the connection before the answer was whole: look at its log")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// What it says cannot be believed.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// Its last messages are not signed, so that anybody may have made them.
    #[error("the end of the transfer is not signed: the primary's software is faulty")]
    UnsignedEnd,
    /// What it says is of no use.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Asks which version a primary has: by UDP, and by TCP if that brings nothing that counts.
///
/// # Errors
/// If it does not say.
pub async fn serial(primary: &Primary, apex: &Name, times: &Times) -> Result<u32, FetchError> {
    for _ in 0..DATAGRAMS {
        match timeout(times.datagram, ask_by_datagram(primary, apex)).await {
            Ok(Ok(Ok(serial))) => return Ok(serial),
            Ok(Ok(Err(Fault::Cut))) => break,
            Ok(Ok(Err(fault))) => return Err(fault.into()),
            // No way, or nothing came: a connection tells more, and gets through where UDP does not.
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    let id = random_id();
    let mut line = Line::open(primary, question::soa(id, apex), times).await?;
    let answer = line.next().await?;
    Ok(question::serial(&answer, id, apex)?)
}

/// Asks for a transfer.
///
/// # Errors
/// If nothing comes of it; nothing of it counts then.
pub async fn transfer(
    primary: &Primary,
    apex: &Name,
    what: What,
    limits: Limits,
    times: &Times,
) -> Result<Fetched, FetchError> {
    let whole = async {
        let id = random_id();
        let mut line = Line::open(primary, question::transfer(id, apex, what), times).await?;
        let mut sequence = Sequence::new(apex.clone(), what, id, limits);
        loop {
            let message = line.next().await?;
            let Step::Done(received) = sequence.take(&message)? else { continue };
            // RFC 8945 section 5.3.1: "the last message MUST be signed".
            if line.asker.as_ref().is_some_and(|asker| !asker.is_settled()) {
                return Err(FetchError::UnsignedEnd);
            }
            let (messages, records) = sequence.counts();
            return Ok(Fetched { received, messages, records });
        }
    };
    timeout(times.whole, whole).await.unwrap_or(Err(FetchError::Slow(times.whole)))
}

/// Asks for the serial by one datagram, and waits for an answer that can be believed.
async fn ask_by_datagram(primary: &Primary, apex: &Name) -> Result<Result<u32, Fault>, io::Error> {
    let socket = UdpSocket::bind((primary.source, 0)).await?;
    socket.connect(primary.address).await?;
    let id = random_id();
    let mut bytes = question::soa(id, apex);
    let mut asker = primary.key.as_ref().map(|key| Asker::sign(key, &mut bytes, unix()));
    socket.send(&bytes).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or_default();
        // Whoever makes up an answer must not end the wait for the true one.
        let believed = match &mut asker {
            Some(asker) => asker.verify(answer, unix()).ok(),
            None => Some(answer.to_vec()),
        };
        match believed.map(|answer| question::serial(&answer, id, apex)) {
            None | Some(Err(Fault::Foreign | Fault::Malformed(_))) => {}
            Some(told) => return Ok(told),
        }
    }
}

/// Connects from where the primary knows us.
async fn connect(primary: &Primary) -> io::Result<TcpStream> {
    let socket = match primary.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if !primary.source.is_unspecified() {
        socket.bind(SocketAddr::new(primary.source, 0))?;
    }
    socket.connect(primary.address).await
}

/// A connection on which a question was asked.
struct Line<'t> {
    stream: TcpStream,
    asker: Option<Asker>,
    times: &'t Times,
}

impl<'t> Line<'t> {
    /// Connects and asks.
    async fn open(
        primary: &Primary,
        mut question: Vec<u8>,
        times: &'t Times,
    ) -> Result<Line<'t>, FetchError> {
        let late = |_| FetchError::Connect(io::ErrorKind::TimedOut.into());
        let connecting = timeout(times.connect, connect(primary));
        let mut stream = connecting.await.map_err(late)?.map_err(FetchError::Connect)?;
        let asker = primary.key.as_ref().map(|key| Asker::sign(key, &mut question, unix()));
        let length = u16::try_from(question.len()).unwrap_or_default();
        let framed = [&length.to_be_bytes()[..], &question].concat();
        let silent = |_| FetchError::Silent(times.message);
        let written = timeout(times.message, stream.write_all(&framed)).await.map_err(silent)?;
        written.map_err(FetchError::Broken)?;
        Ok(Line { stream, asker, times })
    }

    /// The next message, without its signature.
    async fn next(&mut self) -> Result<Vec<u8>, FetchError> {
        let reading = async {
            let length = self.stream.read_u16().await?;
            let mut message = vec![0; usize::from(length)];
            self.stream.read_exact(&mut message).await?;
            Ok(message)
        };
        let read = timeout(self.times.message, reading).await;
        let message = match read {
            Err(_) => return Err(FetchError::Silent(self.times.message)),
            Ok(Ok(message)) => message,
            Ok(Err(error)) => {
                let error: io::Error = error;
                return Err(match error.kind() {
                    io::ErrorKind::UnexpectedEof => FetchError::Closed,
                    _ => FetchError::Broken(error),
                });
            }
        };
        match &mut self.asker {
            None => Ok(message),
            Some(asker) => match asker.verify(&message, unix()) {
                Ok(message) => Ok(message),
                // Who refuses without a signature can be believed that he gives nothing.
                Err(Distrust::Unsigned) => match message.get(3).map_or(0, |flags| flags & 15) {
                    0 => Err(Distrust::Unsigned.into()),
                    rcode => Err(Fault::Refused(rcode).into()),
                },
                Err(distrust) => Err(distrust.into()),
            },
        }
    }
}

/// An id that nobody guesses.
fn random_id() -> [u8; 2] {
    let mut bytes = [0; 2];
    // Without random bytes address and port, or the connection, are what is compared.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// Seconds since 1970.
pub(super) fn unix() -> u64 {
    // A clock before 1970 verifies nothing, and harms nothing.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Datagrams that are sent before a connection is tried.
const DATAGRAMS: usize = 2;
/// Bytes of a message.
const LARGEST: usize = 65_535;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::keys::{Algorithm, Keys};
    use crate::signature::{Checked, check};

    /// What a primary does with a connection.
    #[derive(Clone, Copy)]
    enum Does {
        /// It never says anything.
        Nothing,
        /// It closes after half a message.
        Half,
        /// It sends messages without records for ever.
        Drip,
        /// It answers with the SOA of serial 9, signed if it was asked so.
        Answer,
        /// The same without a signature.
        Unsigned,
        /// It refuses, without a signature.
        Refuse,
    }

    fn apex() -> Name {
        "zone.test".parse().expect("a name")
    }

    fn key() -> Arc<Key> {
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let name = "k.test".parse().expect("a name");
        Arc::new(Key::new(name, Algorithm::Sha256, secret).expect("a key"))
    }

    /// Times that are short where they are waited for.
    fn times(does: Does) -> Times {
        let (short, long) = (Duration::from_millis(100), Duration::from_secs(30));
        let message = if matches!(does, Does::Nothing) { short } else { long };
        let whole = if matches!(does, Does::Drip) { short } else { long };
        Times { datagram: short, connect: long, message, whole }
    }

    /// The answer to a question of either kind: its SOA.
    fn answer(question: &[u8]) -> Vec<u8> {
        let end = 12 + apex().as_wire().len() + 4;
        let mut answer = question[..end].to_vec();
        answer[2] = 0x84;
        answer[7] = 1;
        (answer[9], answer[11]) = (0, 0);
        answer.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x16\x00\x00\x00\x00\x00\x09");
        answer.extend([0; 16]);
        answer
    }

    /// Does it with one connection after the other.
    async fn serve(listener: TcpListener, does: Does) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.expect("a length");
            let mut question = vec![0; usize::from(length)];
            stream.read_exact(&mut question).await.expect("a question");
            let mut answer = answer(&question);
            match does {
                Does::Nothing => std::future::pending::<()>().await,
                Does::Half => answer.truncate(20),
                Does::Drip => {
                    answer.truncate(12 + apex().as_wire().len() + 4);
                    answer[7] = 0;
                }
                Does::Answer => {
                    let keys: Keys = Arc::into_inner(key()).into_iter().collect();
                    if let Checked::Signed(mut signed) = check(&question, &keys, unix()) {
                        signed.signer.sign(&mut answer, unix());
                    }
                }
                Does::Unsigned => {}
                Does::Refuse => answer[3] = 5,
            }
            let length = match does {
                Does::Half => 100,
                _ => u16::try_from(answer.len()).expect("short"),
            };
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            while stream.write_all(&framed).await.is_ok() && matches!(does, Does::Drip) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Asks a primary that does something for its serial, which goes by TCP as nobody answers datagrams, and for what
    /// changed since 9.
    fn ask(does: Does, key: Option<Arc<Key>>) -> [Result<u32, FetchError>; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let primary = Primary { address, source: Ipv4Addr::LOCALHOST.into(), key };
            let server = tokio::spawn(serve(listener, does));
            let times = times(does);
            let told = serial(&primary, &apex(), &times).await;
            // One that never answers has the other connection wait.
            let what = What::Since(9);
            let fetched = transfer(&primary, &apex(), what, Limits::default(), &times).await;
            server.abort();
            let fetched = fetched.map(|fetched| match fetched.received {
                Received::Current(serial) => serial,
                other => panic!("{other:?}"),
            });
            [told, fetched]
        })
    }

    #[test]
    fn a_primary_is_asked_with_and_without_a_key() {
        for key in [None, Some(key())] {
            let [told, fetched] = ask(Does::Answer, key);
            assert_eq!((told.expect("a serial"), fetched.expect("an answer")), (9, 9));
        }
    }

    #[test]
    fn primaries_that_do_not_go_on_are_given_up() {
        for told in ask(Does::Nothing, None) {
            assert!(matches!(told, Err(FetchError::Silent(_))), "{told:?}");
        }
        for told in ask(Does::Half, None) {
            assert!(matches!(told, Err(FetchError::Closed)), "{told:?}");
        }
        let [_, fetched] = ask(Does::Drip, None);
        assert!(matches!(fetched, Err(FetchError::Slow(_))), "{fetched:?}");
    }

    #[test]
    fn what_is_not_signed_is_not_believed() {
        for told in ask(Does::Unsigned, Some(key())) {
            assert!(matches!(told, Err(FetchError::Distrust(Distrust::Unsigned))), "{told:?}");
        }
        for told in ask(Does::Refuse, Some(key())) {
            let refused = matches!(told, Err(FetchError::Fault(Fault::Refused(5))));
            assert!(refused, "{told:?}");
        }
    }

    #[test]
    fn nobody_there_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let told = runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("its address");
            drop(listener);
            let primary = Primary { address, source: Ipv4Addr::UNSPECIFIED.into(), key: None };
            serial(&primary, &apex(), &times(Does::Nothing)).await
        });
        assert!(matches!(told, Err(FetchError::Connect(_))), "{told:?}");
    }
}
