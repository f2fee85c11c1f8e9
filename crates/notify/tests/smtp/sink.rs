//! Mail to a server that we have not written: Postfix's `smtp-sink`, which keeps what it was given.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use repute_notify::send;

use crate::peer::{Files, message};

/// A server that runs as long as this lives.
struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `smtp-sink` in a folder and waits until it greets.
fn start(files: &Files, port: u16, options: &[&str]) -> Sink {
    let child = Command::new("/usr/sbin/smtp-sink")
        // Who is root must say whom to become, and nobody else may.
        .args(if nix::unistd::geteuid().is_root() { &["-u", "root"][..] } else { &[] })
        .args(["-d", "mail."])
        .args(options)
        .args([&format!("127.0.0.1:{port}"), "10"])
        .current_dir(files.path(""))
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run smtp-sink: {error}; `./test` installs it"));
    let mut sink = Sink(child);
    loop {
        let mut greeting = String::new();
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port))
            && BufReader::new(stream).read_line(&mut greeting).is_ok_and(|size| size > 0)
        {
            return sink;
        }
        let ended = sink.0.try_wait().expect("it is our child");
        assert!(ended.is_none(), "smtp-sink has ended: {ended:?}");
        std::thread::yield_now();
    }
}

/// A port that was free a moment ago.
fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("it is bound").port()
}

#[test]
fn postfix_takes_a_mail_and_finds_in_it_what_was_written() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        println!("skipped: REPUTE_NO_PEERS is set");
        return;
    }
    let files = Files::new();
    let port = port();
    let channel = files.channel(&format!(
        "[smtp]\nserver = '127.0.0.1'\nport = {port}\ntls = 'none'\nfrom = 'r@example.org'\n\
         to = ['a@example.org', 'b@example.org']"
    ));
    let sink = start(&files, port, &[]);
    send(&channel, &message()).unwrap();
    drop(sink);
    let mails: Vec<String> = fs::read_dir(files.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("mail.")))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = mails[0].replace("\r\n", "\n");
    for line in [
        "X-Mail-Args: <r@example.org>",
        "X-Rcpt-Args: <a@example.org>",
        "X-Rcpt-Args: <b@example.org>",
        "Message-ID: <e1@example.org>",
        "To: a@example.org, b@example.org",
    ] {
        assert!(mail.lines().any(|l| l == line), "`{line}` is not in\n{mail}");
    }
    let (head, body) = mail.split_once("\n\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert_eq!(body.trim_end(), "one\n.\n..two\nRSET\nsnow: =E2=98=83");

    // Refused for good, and for now.
    for (option, value, permanent) in [("-f", "RCPT", true), ("-r", "DATA", false)] {
        let _sink = start(&files, port, &[option, value]);
        let error = send(&channel, &message()).unwrap_err();
        assert!(error.to_string().contains("refuses with code"), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
    }
}
