//! Mail to a server that speaks SMTP (RFC 5321), STARTTLS (RFC 3207) and AUTH (RFC 4954), and
//! misbehaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use repute_notify::{Channel, Fault, NotifyError, send};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use peer::{Files, message};

mod peer;
#[path = "smtp/sink.rs"]
mod sink;

/// What a server does otherwise than a good one.
#[derive(Clone, Copy, Default)]
struct Conduct {
    /// From the first byte, it speaks TLS.
    implicit: bool,
    /// It offers STARTTLS.
    starttls: bool,
    /// It asks for the user `u` with the password `hunter2`.
    login: bool,
    /// What it answers to commands that begin so; an empty answer is silence.
    answer: Option<(&'static str, &'static str)>,
}

/// One session: what the client said, with its mail as one piece, and whether it was under TLS.
type Session = Vec<(bool, String)>;

/// Starts a server on loopback for one session.
fn serve(files: &Files, conduct: Conduct) -> (u16, JoinHandle<Session>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    let tls = Arc::clone(&files.tls);
    let thread = thread::spawn(move || {
        let (socket, _) = listener.accept().expect("a client comes");
        let mut session = Session::new();
        // A client that is content or disappointed hangs up.
        let _ = speak(socket, &tls, conduct, &mut session);
        session
    });
    (port, thread)
}

/// A connection, encrypted or not.
trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// Speaks with a client until it goes.
fn speak(
    socket: TcpStream,
    tls: &Arc<ServerConfig>,
    conduct: Conduct,
    session: &mut Session,
) -> std::io::Result<()> {
    let encrypt = |socket: TcpStream| -> std::io::Result<Box<dyn Connection>> {
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, socket)))
    };
    let second = socket.try_clone()?;
    let mut is_secret = conduct.implicit;
    let first = if is_secret { encrypt(socket)? } else { Box::new(socket) };
    let mut client = BufReader::new(first);
    let mut in_data = false;
    client.get_mut().write_all(b"220 localhost ready\r\n")?;
    loop {
        let mut said = String::new();
        while if in_data { !said.ends_with("\r\n.\r\n") } else { !said.ends_with("\r\n") } {
            if client.read_line(&mut said)? == 0 {
                return Ok(());
            }
        }
        let answer = match conduct.answer {
            Some((command, answer)) if said.starts_with(command) => answer.to_owned(),
            _ if in_data => "250 2.0.0 queued".to_owned(),
            _ => match said.split_whitespace().next().unwrap_or_default() {
                "EHLO" => {
                    let mut lines = vec!["250-localhost"];
                    lines.extend((conduct.starttls && !is_secret).then_some("250-STARTTLS"));
                    lines.extend(conduct.login.then_some("250-AUTH PLAIN LOGIN"));
                    lines.push("250 SIZE 1000000");
                    lines.join("\r\n")
                }
                // "\0u\0hunter2"
                "AUTH" if said.trim_end() == "AUTH PLAIN AHUAaHVudGVyMg==" => {
                    "235 2.7.0 welcome".to_owned()
                }
                "AUTH" => format!("535 5.7.8 no, not {}", said.trim_end()),
                "DATA" => "354 go on".to_owned(),
                "STARTTLS" => "220 go on".to_owned(),
                "QUIT" => "221 bye".to_owned(),
                _ => "250 ok".to_owned(),
            },
        };
        session.push((is_secret, said.clone()));
        if answer.is_empty() {
            continue;
        }
        in_data = answer.starts_with("354");
        client.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
        if said.starts_with("STARTTLS") {
            client = BufReader::new(encrypt(second.try_clone()?)?);
            is_secret = true;
        }
    }
}

/// Sends a message to a server of this conduct, through a channel with these lines more.
fn tell(files: &Files, conduct: Conduct, lines: &str) -> (Result<(), NotifyError>, Session) {
    let (port, server) = serve(files, conduct);
    let sent = send(&channel(files, port, lines), &message());
    (sent, server.join().expect("the server has no fault"))
}

/// A channel to a server on a port.
fn channel(files: &Files, port: u16, lines: &str) -> Channel {
    files.channel(&format!(
        "[smtp]\nserver = 'localhost'\nport = {port}\nfrom = 'Repute <r@example.org>'\n\
         to = ['a@example.org', 'B <b@example.org>']\n{lines}"
    ))
}

/// The channel's lines for the user that servers know.
const LOGIN: &str = "ca-file = '$/ca'\nuser = 'u'\npassword-file = '$/secret'\n";

#[test]
fn a_mail_arrives_as_it_was_written() {
    let files = Files::new();
    let (sent, session) = tell(&files, Conduct::default(), "tls = 'none'");
    sent.unwrap();
    let said: Vec<&str> = session.iter().map(|(_, said)| said.trim_end()).collect();
    assert_eq!(said[1], "MAIL FROM:<r@example.org>");
    assert_eq!(said[2..5], ["RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"]);
    let (headers, body) = said[5].split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = headers
        .split("\r\n")
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "From",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "X-Repute-Kind",
            "To",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding"
        ]
    );
    // RFC 5321 section 4.5.2: "If the first character is a period, one additional period is
    // inserted".
    assert_eq!(body, "one\r\n..\r\n...two\r\nRSET\r\nsnow: =E2=98=83\r\n\r\n.");
    assert_eq!(said[6], "QUIT");
}

#[test]
fn with_starttls_only_the_greeting_is_in_clear() {
    let files = Files::new();
    let conduct = Conduct { starttls: true, login: true, ..Conduct::default() };
    let (sent, session) = tell(&files, conduct, LOGIN);
    sent.unwrap();
    let in_clear: Vec<&str> =
        session.iter().filter(|(secret, _)| !secret).map(|(_, said)| &said[..4]).collect();
    assert_eq!(in_clear, ["EHLO", "STAR"]);
    assert!(session.iter().any(|(secret, said)| *secret && said.starts_with("AUTH PLAIN ")));
    assert_eq!(session.last().unwrap().1, "QUIT\r\n");
}

#[test]
fn implicit_tls_encrypts_all() {
    let files = Files::new();
    let conduct = Conduct { implicit: true, login: true, ..Conduct::default() };
    let (sent, session) = tell(&files, conduct, &format!("tls = 'implicit'\n{LOGIN}"));
    sent.unwrap();
    assert!(session.len() > 5 && session.iter().all(|(secret, _)| *secret));
}

/// Somebody on the way may strike the offer out.
#[test]
fn without_starttls_nothing_is_sent() {
    let files = Files::new();
    let (sent, session) = tell(&files, Conduct { login: true, ..Conduct::default() }, LOGIN);
    let error = sent.unwrap_err();
    assert!(error.to_string().contains("STARTTLS is not supported"), "{error}");
    assert!(!error.is_permanent());
    assert!(session.iter().all(|(_, said)| said.starts_with("EHLO")), "{session:?}");
}

#[test]
fn a_server_that_cannot_prove_its_name_gets_nothing() {
    let files = Files::new();
    let conduct = Conduct { starttls: true, ..Conduct::default() };
    for lines in ["ca-file = '$/other-ca'", ""] {
        let (sent, session) = tell(&files, conduct, lines);
        let error = sent.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        assert!(session.iter().all(|(secret, _)| !secret), "{session:?}");
    }
    let error = send(&channel(&files, 1, "ca-file = '$/secret'"), &message()).unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("/secret holds no certificate in PEM form"), "{error}");
}

/// The server of these tests repeats what it was sent, as some do.
#[test]
fn a_refused_password_is_not_repeated() {
    let files = Files::new();
    files.write("secret", "hunter3\n");
    let conduct = Conduct { starttls: true, login: true, ..Conduct::default() };
    let (sent, session) = tell(&files, conduct, LOGIN);
    let error = sent.unwrap_err();
    assert!(
        error.to_string().ends_with("refuses `user` and `password-file` with code 535"),
        "{error}"
    );
    assert!(!error.is_permanent(), "an operator can mend the file");
    let shown = format!("{error:?}");
    assert!(!shown.contains("hunter") && !shown.contains("AHUA"), "{shown}");
    assert!(session.iter().all(|(_, said)| !said.starts_with("MAIL")));
}

#[test]
fn a_server_without_login_is_told_so() {
    let files = Files::new();
    let (sent, _) = tell(&files, Conduct { starttls: true, ..Conduct::default() }, LOGIN);
    let error = sent.unwrap_err().to_string();
    assert!(error.contains("offers no login by PLAIN or LOGIN"), "{error}");
}

#[test]
fn refusals_are_quoted_and_some_are_final() {
    let files = Files::new();
    for (command, answer, permanent, words) in [
        ("MAIL", "451 4.3.0 later", false, "refuses with code 451: 4.3.0 later"),
        ("RCPT TO:<b", "550-5.1.1 no such\r\n550 5.1.1 user", true, "code 550: 5.1.1 no such user"),
        ("DATA", "554 5.7.1 \u{1b}[31mspam", true, "refuses with code 554: 5.7.1 [31mspam"),
        ("From:", "552 5.3.4 too big", true, "refuses with code 552: 5.3.4 too big"),
    ] {
        let conduct = Conduct { answer: Some((command, answer)), ..Conduct::default() };
        let (sent, _) = tell(&files, conduct, "tls = 'none'");
        let error = sent.unwrap_err();
        assert!(error.to_string().ends_with(words), "{command}: {error}");
        assert_eq!(error.is_permanent(), permanent, "{command}");
    }
}

#[test]
fn silence_nonsense_and_nobody_are_faults() {
    let files = Files::new();
    let conduct = Conduct { answer: Some(("MAIL", "")), ..Conduct::default() };
    let (sent, _) = tell(&files, conduct, "tls = 'none'\ntimeout = 1");
    assert!(matches!(sent.unwrap_err().fault, Fault::Timeout));
    for nonsense in ["HTTP/1.1 200 OK", "999 what", "250"] {
        let conduct = Conduct { answer: Some(("MAIL", nonsense)), ..Conduct::default() };
        let (sent, _) = tell(&files, conduct, "tls = 'none'\ntimeout = 1");
        assert!(matches!(&sent.unwrap_err().fault, Fault::Mail(_) | Fault::Timeout), "{nonsense}");
    }
    let endless = "250-".to_owned() + &"x".repeat(2_000_000);
    let conduct = Conduct { answer: Some(("MAIL", endless.leak())), ..Conduct::default() };
    let (sent, _) = tell(&files, conduct, "tls = 'none'");
    let error = sent.unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
    // A port where nobody listens any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = send(&channel(&files, port, "tls = 'none'"), &message()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("mail server localhost:{port}: ")), "{error}");
    assert!(!error.is_permanent());
}
