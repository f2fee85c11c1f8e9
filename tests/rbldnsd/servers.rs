//! Name servers as child processes, and the asking of them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::queries::Query;
use crate::wire::{self, Reply};

/// A program that takes rbldnsd's arguments.
pub(crate) struct Program {
    /// The file to run.
    pub(crate) path: PathBuf,
    /// What comes before rbldnsd's own arguments.
    pub(crate) first: &'static [&'static str],
}

impl Program {
    /// Returns Debian's rbldnsd, or nothing if `./test --no-peers` asked to do without.
    pub(crate) fn peer() -> Option<Program> {
        if std::env::var_os("REPUTE_NO_PEERS").is_some() {
            eprintln!("skipped: REPUTE_NO_PEERS is set");
            return None;
        }
        let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
        let path = folders.map(|folder| Path::new(folder).join("rbldnsd"));
        let path = path.into_iter().find(|path| path.exists());
        let path = path.expect("rbldnsd is missing: install Debian's package rbldnsd");
        Some(Program { path, first: &[] })
    }

    /// Returns this project's drop-in.
    pub(crate) fn ours() -> Program {
        Program { path: env!("CARGO_BIN_EXE_repute").into(), first: &["rbldnsd"] }
    }
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    child: Child,
    /// Where it answers, over IPv4 and IPv6.
    pub(crate) addresses: [SocketAddr; 2],
}

impl Server {
    /// Starts a server on free ports of loopback and waits until it says that it is ready.
    pub(crate) fn start(program: &Program, arguments: &[String]) -> Server {
        // A port found free may be taken by another test before the server has it.
        for _ in 0..5 {
            if let Some(server) = Server::try_start(program, arguments) {
                return server;
            }
        }
        panic!("{} does not start", program.path.display());
    }

    fn try_start(program: &Program, arguments: &[String]) -> Option<Server> {
        let addresses = [
            free("127.0.0.1:0").expect("loopback has a free port"),
            free("[::1]:0").unwrap_or_else(|_| free("127.0.0.1:0").expect("a free port")),
        ];
        let mut command = Command::new(&program.path);
        command.args(program.first).arg("-n");
        for address in addresses {
            command.arg("-b").arg(format!("{}/{}", address.ip(), address.port()));
        }
        if is_root() {
            command.args(["-u", "65534:65534"]);
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server's file can be run");
        let (sender, lines) = mpsc::channel();
        follow(child.stdout.take().expect("stdout is piped"), sender.clone());
        follow(child.stderr.take().expect("stderr is piped"), sender);
        let mut said = Vec::new();
        // The channel closes when the server ends without having got ready.
        for line in lines {
            let ready = line.contains(" started (");
            said.push(line);
            if ready {
                return Some(Server { child, addresses });
            }
        }
        eprintln!("{said:#?}");
        child.wait().expect("a child can be waited for");
        None
    }

    /// Asks one query over TCP.
    pub(crate) fn ask_tcp(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.addresses[0])?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply)?;
        Ok(reply)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One socket that asks one server.
pub(crate) struct Client {
    socket: UdpSocket,
    next: u16,
}

impl Client {
    /// Opens a socket at an address of loopback and points it at a server.
    pub(crate) fn new(from: IpAddr, server: &Server) -> Client {
        let to = server.addresses[usize::from(from.is_ipv6())];
        let socket = UdpSocket::bind((from, 0)).expect("loopback addresses can be bound");
        socket.connect(to).expect("a UDP socket connects at once");
        Client { socket, next: 1 }
    }

    /// Sends queries all at once and returns the replies, `None` where there is silence.
    ///
    /// A query without a reply is asked again, up to `tries` times in all.
    pub(crate) fn ask(
        &mut self,
        batch: &[&Query],
        quiet: Duration,
        tries: usize,
    ) -> Vec<Option<Vec<u8>>> {
        let first = self.next;
        self.next = self.next.wrapping_add(batch.len() as u16);
        let mut replies: Vec<Option<Vec<u8>>> = batch.iter().map(|_| None).collect();
        let mut missing = batch.len();
        self.socket.set_read_timeout(Some(quiet)).expect("a time-out over 0 is taken");
        let mut buffer = [0; 65_536];
        for _ in 0..tries {
            for (i, query) in batch.iter().enumerate().filter(|(i, _)| replies[*i].is_none()) {
                let mut bytes = query.bytes.clone();
                let id = first.wrapping_add(i as u16).to_be_bytes();
                let n = bytes.len().min(2);
                bytes[..n].copy_from_slice(&id[..n]);
                // An error here is an earlier message that could not be delivered.
                let _ = self.socket.send(&bytes);
            }
            while missing > 0 {
                let Ok(length) = self.socket.recv(&mut buffer) else { break };
                let Some(id) = buffer[..length].first_chunk() else { continue };
                let i = usize::from(u16::from_be_bytes(*id).wrapping_sub(first));
                if let Some(reply @ None) = replies.get_mut(i) {
                    *reply = Some(buffer[..length].to_vec());
                    missing -= 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
        replies
    }

    /// Asks again, patiently, where there was silence and `expected` says that a reply must come.
    pub(crate) fn insist(
        &mut self,
        batch: &[&Query],
        replies: &mut [Option<Vec<u8>>],
        expected: impl Fn(usize) -> bool,
    ) {
        let silent: Vec<usize> =
            (0..batch.len()).filter(|&i| replies[i].is_none() && expected(i)).collect();
        if silent.is_empty() {
            return;
        }
        let again: Vec<&Query> = silent.iter().map(|&i| batch[i]).collect();
        for (i, reply) in silent.into_iter().zip(self.ask(&again, PATIENCE, 3)) {
            replies[i] = reply;
        }
    }
}

/// Reads a reply that came, or says why it cannot be read.
pub(crate) fn read(reply: Option<&[u8]>) -> Result<Option<Reply>, &'static str> {
    reply.map(wire::parse).transpose()
}

/// How long a server may take over an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Whether the test runs as root, which rbldnsd refuses to do.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)) == Some("0")
}

/// Returns a port nobody uses at the moment, by UDP or TCP.
fn free(address: &str) -> io::Result<SocketAddr> {
    loop {
        let address = UdpSocket::bind(address)?.local_addr()?;
        // Many ports are kept by TCP connections that ended a moment ago.
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {}
            Err(why) => return Err(why),
        }
    }
}

/// Sends what a child says, line by line, until it ends.
fn follow(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody listens once the server is ready; what it says is still taken from it.
            let _ = sender.send(line);
        }
    });
}

/// The address of loopback that stands for one kind of client in the access lists.
pub(crate) fn client(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}
