//! A client of the challenge service: acme-dns's API in a few lines.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An account as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Where the API is.
    pub(crate) api: SocketAddr,
    /// Its name.
    pub(crate) username: String,
    /// Its password.
    pub(crate) password: String,
    /// The label of its values.
    pub(crate) subdomain: String,
    /// The whole name of its values.
    pub(crate) full_domain: String,
}

impl Client {
    /// Registers.
    pub(crate) fn register(api: SocketAddr) -> Client {
        let (status, body) = post(api, "/register", &[], "").expect("it answers");
        assert_eq!(status, 201, "{body}");
        Client::read(api, &body)
    }

    /// An account as the answer to a registration has it.
    pub(crate) fn read(api: SocketAddr, body: &str) -> Client {
        let told: serde_json::Value = serde_json::from_str(body).expect("an account in JSON");
        let text = |key: &str| told[key].as_str().expect("a text").to_owned();
        Client {
            api,
            username: text("username"),
            password: text("password"),
            subdomain: text("subdomain"),
            full_domain: text("fulldomain"),
        }
    }

    /// Puts a value; the status, if there was an answer.
    pub(crate) fn update(&self, value: &str) -> io::Result<u16> {
        let headers =
            [("X-Api-User", self.username.as_str()), ("X-Api-Key", self.password.as_str())];
        let body = format!("{{\"subdomain\": \"{}\", \"txt\": \"{value}\"}}", self.subdomain);
        post(self.api, "/update", &headers, &body).map(|(status, _)| status)
    }
}

/// A value that begins with a number.
pub(crate) fn value(number: usize) -> String {
    format!("{number:_<43}")
}

/// Posts something; the status and the body of the answer.
pub(crate) fn post(
    api: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<(u16, String)> {
    send(api, "POST", path, headers, body)
}

/// Sends a request; the status and the body of its answer.
pub(crate) fn send(
    api: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(api)?;
    // Whoever is killed with the request in his hands closes the connection; this is for one that is broken.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok((status, body.to_owned()))
}
