//! An SMTP client that may choose its own address (RFC 5321).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An SMTP session as a client.
pub(crate) struct Session {
    /// The connection; replies are read from it line by line.
    connection: BufReader<TcpStream>,
}

impl Session {
    /// Connects from one of this machine's addresses and reads the greeting.
    pub(crate) fn open(from: IpAddr, server: SocketAddr) -> (Session, Reply) {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)
            .expect("sockets can be made");
        socket.bind(&SocketAddr::new(from, 0).into()).expect("the address is this machine's");
        socket.connect(&server.into()).expect("the mail server listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
        let mut session = Session { connection: BufReader::new(stream) };
        let greeting = session.reply();
        (session, greeting)
    }

    /// Sends one command, or a message, and reads the reply.
    pub(crate) fn say(&mut self, line: &str) -> Reply {
        let mut stream = self.connection.get_ref();
        stream.write_all(format!("{line}\r\n").as_bytes()).expect("the mail server still reads");
        self.reply()
    }

    /// Reads one reply, which may have several lines.
    fn reply(&mut self) -> Reply {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let length = self.connection.read_line(&mut line).expect("the mail server answers");
            assert!(length > 0, "the mail server hung up after `{text}`");
            text.push_str(&line);
            // RFC 5321 section 4.2.1: a hyphen after the code says that more lines follow.
            if line.as_bytes().get(3) != Some(&b'-') {
                return Reply(text.trim_end().to_owned());
            }
        }
    }
}

/// The text of a reply, with its code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply(pub(crate) String);

impl Reply {
    /// Tells whether the server takes the command: 2yz, or 3yz before a message.
    pub(crate) fn is_positive(&self) -> bool {
        self.0.starts_with(['2', '3'])
    }
}

/// Sends one small message, and returns the reply to the recipient or, if that is taken, to the
/// whole message.
pub(crate) fn deliver(from: IpAddr, server: SocketAddr) -> Reply {
    let (mut session, greeting) = Session::open(from, server);
    assert!(greeting.is_positive(), "{greeting:?}");
    for command in ["EHLO client.example", "MAIL FROM:<sender@client.example>"] {
        let reply = session.say(command);
        assert!(reply.is_positive(), "{command}: {reply:?}");
    }
    let verdict = session.say("RCPT TO:<postmaster@mx.example>");
    if !verdict.is_positive() {
        return verdict;
    }
    let go_ahead = session.say("DATA");
    assert!(go_ahead.is_positive(), "{go_ahead:?}");
    session.say("Subject: test\r\n\r\nHello.\r\n.")
}

/// How long a mail server may take for a reply: postscreen waits by design.
const PATIENCE: Duration = Duration::from_secs(60);
