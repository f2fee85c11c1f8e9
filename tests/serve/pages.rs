//! Somebody at the pages of a portal: a browser of a few lines that keeps cookies and sends forms, and the letters in the
//! folder into which they are written.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use crate::dns::until;

/// Somebody with cookies of his own.
pub(crate) struct Visitor {
    /// Where the portal listens.
    at: SocketAddr,
    /// How it calls itself.
    url: String,
    /// His cookies.
    cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP's number.
    pub(crate) status: u16,
    /// Where it sends him, if it does.
    pub(crate) location: String,
    /// The page.
    pub(crate) text: String,
}

impl Visitor {
    /// Somebody who was never here, before the portal at this port of `localhost`.
    pub(crate) fn at(at: SocketAddr) -> Visitor {
        let url = format!("http://localhost:{}", at.port());
        Visitor { at, url, cookies: BTreeMap::new() }
    }

    /// Asks for a page.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends a form.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let escape = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let pair = |(name, value): &(&str, &str)| {
            let value: String = escape(value);
            format!("{name}={value}")
        };
        let form: Vec<String> = fields.iter().map(pair).collect();
        self.ask("POST", path, &form.join("&"))
    }

    /// Sends a form that must be taken; where he is led.
    pub(crate) fn does(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        answer.location
    }

    /// Makes an account by a link, with this mail address if the link has none.
    pub(crate) fn join(&mut self, link: &str, name: &str, mail: &str) {
        let path = link.trim().trim_start_matches(&self.url).to_owned();
        let own = [("name", name), ("password", "four words in a row"), ("mail", mail)];
        self.does(&path, if mail.is_empty() { &own[..2] } else { &own });
    }

    /// Asks, and keeps the cookies that come.
    fn ask(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: {}\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.at.port(),
            self.url,
            pairs.join("; "),
            form.len()
        );
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(form.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let mut location = String::new();
        for line in head.lines().skip(1) {
            match line.split_once(": ").unwrap() {
                ("set-cookie", cookie) => {
                    let (pair, _) = cookie.split_once(';').unwrap();
                    let (name, value) = pair.split_once('=').unwrap();
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                ("location", to) => to.clone_into(&mut location),
                _ => {}
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, location, text: text.to_owned() }
    }
}

impl Answer {
    /// Makes sure that it says all of this.
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.text.contains(word), "`{word}` is not in\n{}", self.text);
        }
    }
}

/// Letters in a folder, each read once.
pub(crate) struct Letters {
    /// Where they are written.
    folder: PathBuf,
    /// What was read.
    read: HashSet<PathBuf>,
}

impl Letters {
    /// Those in a folder, which may come to be later.
    pub(crate) fn of(folder: PathBuf) -> Letters {
        Letters { folder, read: HashSet::new() }
    }

    /// The path of the link in the next letter to an address.
    pub(crate) fn link_to(&mut self, mail: &str) -> String {
        self.next_to(mail).0
    }

    /// The path of the link in the next letter to an address, and the letter.
    pub(crate) fn next_to(&mut self, mail: &str) -> (String, String) {
        let mut found = None;
        until(&format!("a letter to {mail}"), || {
            let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
            let files = files.map(|file| file.path()).filter(|file| !self.read.contains(file));
            let letter = files
                .filter(|file| file.extension().is_some_and(|ending| ending == "eml"))
                .map(|file| (fs::read_to_string(&file).unwrap().replace("=\r\n", ""), file))
                .find(|(text, _)| text.contains(&format!("To: {mail}\r\n")));
            if let Some((text, file)) = letter {
                self.read.insert(file);
                // The headers name where it is unsubscribed from.
                let (_, body) = text.split_once("\r\n\r\n").expect("a body");
                let (_, rest) = body.split_once("http://localhost:").expect("a link");
                let link = rest.split_whitespace().next().expect("its end");
                let path = link.find('/').map(|start| link[start..].to_owned());
                found = path.map(|path| (path, body.replace("\r\n", "\n")));
            }
            found.is_some()
        });
        found.expect("there is one")
    }
}
