//! Luzilla/dnsbl_exporter: a daemon that looks its targets up whenever Prometheus fetches its metrics.
//!
//! What is measured is one such fetch, from the request to the last byte. That it was started before is not counted,
//! as for none of its users it is. It is a program in Go that no package manager has; who puts it into `PATH` has it
//! measured.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::slow;
use crate::blast::{free_port, loopback};
use crate::process::{Scheduling, restrict};
use crate::settings::Settings;

/// How long it takes to say of an address in which lists it is, asked over HTTP.
///
/// # Errors
/// If it does not start, or does not speak of each list.
pub(super) fn scrape(
    settings: &Settings,
    program: &Path,
    folder: &Path,
    (address, zones): (&str, &[String]),
) -> anyhow::Result<Duration> {
    let (lists, targets) = (folder.join("rbls.ini"), folder.join("targets.ini"));
    let servers: String = zones.iter().map(|zone| format!("server={zone}\n")).collect();
    fs::write(&lists, format!("[rbl]\n{servers}"))?;
    fs::write(&targets, format!("[targets]\nserver={address}\n"))?;
    let listen = loopback(free_port()?);
    let mut command = Command::new(program);
    command.args(["--config.dns-resolver", slow::RESOLVER]);
    command.args(["--web.listen-address", &listen.to_string()]);
    command.arg("--config.rbls").arg(&lists).arg("--config.targets").arg(&targets);
    let log = fs::File::create(folder.join("dnsbl_exporter.log"))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // Mask and policy pass from a thread to the processes it starts.
    let child = std::thread::scope(|scope| {
        let spawn = || {
            restrict(&[settings.generator_cpu], Scheduling::RealTime)?;
            command.spawn().context("cannot start dnsbl_exporter")
        };
        scope.spawn(spawn).join().expect("starting a process does not panic")
    })?;
    let mut exporter = Exporter(child);
    let started = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(listen) {
            Ok(stream) => break stream,
            Err(error) => {
                if let Some(status) = exporter.0.try_wait()? {
                    bail!("dnsbl_exporter ended with {status}");
                }
                ensure!(started.elapsed() < START_LIMIT, "dnsbl_exporter: {error}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    };
    stream.set_read_timeout(Some(SCRAPE_LIMIT))?;
    let begin = Instant::now();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("dnsbl_exporter did not answer")?;
    let took = begin.elapsed();
    let told = text.lines().filter(|line| line.starts_with("luzilla_rbls_ips_blacklisted{"));
    ensure!(told.count() == zones.len(), "dnsbl_exporter left lists out");
    Ok(took)
}

/// The running program; it ends with this value.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        // It keeps nothing, so it needs no time to end.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// How long it may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a fetch may take: dead lists cost it two seconds each.
const SCRAPE_LIMIT: Duration = Duration::from_secs(120);
