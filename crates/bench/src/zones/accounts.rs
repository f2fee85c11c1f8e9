//! Very many accounts of the challenge service: made, used and found again after a restart, by its HTTP API.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::SCHEDULING;
use crate::blast::{free_port, loopback};
use crate::process::{Server, restrict};
use crate::queries::{Edns, Expect, Queries, Type};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Makes the accounts, has each put a value, and starts the server again.
///
/// # Errors
/// If the server does something else than it should.
pub(super) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let folder = settings.folder()?.join("zones-accounts");
    // Mostly there is nothing.
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let (dns, api) = (free_port()?, free_port()?);
    let mut probe = Queries::default();
    probe.push(&format!("ns1.{DOMAIN}"), Type::A, Edns::Absent, Expect::Listed);
    let start = || start(settings, &folder, dns, api, probe.packet(0));
    let mut add = |case: &str, unit, value| {
        results.add(Part::Zones, case, SUBJECT, unit, value);
    };

    let server = start()?;
    let empty = server.memory();
    eprintln!("zones: {ACCOUNTS} accounts");
    let begin = Instant::now();
    let accounts = spread(settings, ACCOUNTS, |_| {
        let mut client = Client::new(api)?;
        Ok(move |_| client.register())
    })?;
    add(REGISTER, "/s", f64::from(ACCOUNTS) / begin.elapsed().as_secs_f64());
    add(MEMORY, "MiB", server.memory() - empty);

    eprintln!("zones: an update of each account");
    let begin = Instant::now();
    spread(settings, ACCOUNTS, |_| {
        let (mut client, accounts) = (Client::new(api)?, &accounts);
        Ok(move |number: u32| client.update(&accounts[number as usize], number))
    })?;
    add(UPDATE, "/s", f64::from(ACCOUNTS) / begin.elapsed().as_secs_f64());
    drop(server);

    eprintln!("zones: a start with {ACCOUNTS} accounts");
    let server = start()?;
    add(START, "s", server.ready_after.as_secs_f64());
    // All passwords are good, and all values are there.
    let mut client = Client::new(api)?;
    for number in (0..ACCOUNTS).step_by(997) {
        let account = &accounts[number as usize];
        ensure!(is_answered(dns, account, number)?, "the value of account {number} is gone");
        client.update(account, number)?;
    }
    drop(server);
    Ok(())
}

/// Does something so many times from many connections at a time, each with its own means; what came of each, in order.
fn spread<R: Send, Do: FnMut(u32) -> anyhow::Result<R>>(
    settings: &Settings,
    times: u32,
    means: impl Fn(u32) -> anyhow::Result<Do> + Sync,
) -> anyhow::Result<Vec<R>> {
    let next = AtomicU32::new(0);
    let work = |connection| -> anyhow::Result<Vec<(u32, R)>> {
        restrict(&[settings.generator_cpu], SCHEDULING)?;
        let mut does = means(connection)?;
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= times {
                return Ok(done);
            }
            done.push((number, does(number)?));
        }
    };
    let mut done = std::thread::scope(|scope| -> anyhow::Result<Vec<(u32, R)>> {
        let work = &work;
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|connection| scope.spawn(move || work(connection))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("a client does not panic")?);
        }
        Ok(all)
    })?;
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, done)| done).collect())
}

/// Starts the server.
fn start(
    settings: &Settings,
    folder: &Path,
    dns: u16,
    api: u16,
    probe: &[u8],
) -> anyhow::Result<Server> {
    let config = folder.join("repute.toml");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{dns}\"]\nworkers = 1\ndata-dir = \"data\"\nmetrics = \"\"\n\
         [challenge]\ndomain = \"{DOMAIN}\"\nlisten = \"127.0.0.1:{api}\"\n\
         records = [\"@ NS ns1\", \"ns1 A 192.0.2.1\"]\n\
         registrations = 0\nregistrations-in-all = 0\nwrong-passwords = 0\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new(settings.repute.as_deref().context("build it with --release")?);
    command.args(["serve", "--config"]).arg(config);
    let cpus = [settings.server_cpu];
    Server::start(command, dns, &cpus, SCHEDULING, probe, &folder.join("log"))
}

/// What a client has of an account.
struct Account {
    username: String,
    password: String,
    subdomain: String,
}

/// A connection to the API.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects.
    fn new(api: u16) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(loopback(api))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Gets an account.
    fn register(&mut self) -> anyhow::Result<Account> {
        let said = self.post("/register", "", "", 201)?;
        let said: serde_json::Value = serde_json::from_str(&said)?;
        let field = |name: &str| said[name].as_str().map(str::to_owned).context("a field");
        Ok(Account {
            username: field("username")?,
            password: field("password")?,
            subdomain: field("subdomain")?,
        })
    }

    /// Puts a value.
    fn update(&mut self, account: &Account, number: u32) -> anyhow::Result<()> {
        let Account { username, password, subdomain } = account;
        let headers = format!("X-Api-User: {username}\r\nX-Api-Key: {password}\r\n");
        let body = format!("{{\"subdomain\":\"{subdomain}\",\"txt\":\"{}\"}}", value(number));
        self.post("/update", &headers, &body, 200).map(drop)
    }

    /// Sends a request, and returns the body of its answer, which must have a status.
    fn post(
        &mut self,
        path: &str,
        headers: &str,
        body: &str,
        expect: u16,
    ) -> anyhow::Result<String> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (String::new(), 0);
        self.0.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse()?;
            }
        }
        let mut said = vec![0; length];
        self.0.read_exact(&mut said)?;
        let said = String::from_utf8(said)?;
        ensure!(status.contains(&format!(" {expect} ")), "{path}: {}: {said}", status.trim_end());
        Ok(said)
    }
}

/// The value of an account, as long as a challenge's.
fn value(number: u32) -> String {
    format!("{number:0>43}")
}

/// Whether DNS has an account's value.
fn is_answered(dns: u16, account: &Account, number: u32) -> anyhow::Result<bool> {
    let name = format!("{}.{DOMAIN}", account.subdomain);
    let mut query = Queries::default();
    query.push(&name, Type::Txt, Edns::Absent, Expect::Listed);
    let socket = std::net::UdpSocket::bind(loopback(0))?;
    socket.connect(loopback(dns))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.send(query.packet(0))?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    Ok(answer[..length].windows(43).any(|text| text == value(number).as_bytes()))
}

/// How many accounts.
const ACCOUNTS: u32 = 100_000;
/// Connections at a time.
const CONNECTIONS: u32 = 64;
/// The zone of their subdomains.
const DOMAIN: &str = "auth.test";
/// Who is measured: acme-dns is in no distribution, so there is no peer.
pub(crate) const SUBJECT: &str = "Repute";
/// Accounts that are made.
pub(crate) const REGISTER: &str = "registrations by HTTP, 64 connections";
/// Values that are put.
pub(crate) const UPDATE: &str = "updates by HTTP, 64 connections, 100,000 accounts";
/// What they take.
pub(crate) const MEMORY: &str = "memory of 100,000 accounts";
/// Until DNS answers.
pub(crate) const START: &str = "start with 100,000 accounts and values";
