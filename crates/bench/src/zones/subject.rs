//! The servers whose zones are measured, and how each is told of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::updates::{KEY, SECRET};
use super::{SCHEDULING, ZONE, ZONES};
use crate::blast::free_port;
use crate::list::List;
use crate::process::{Server, find};
use crate::settings::Settings;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Repute.
    Repute,
    /// BIND.
    Bind,
}

/// What it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The list, and a zone that takes updates.
    Beside,
    /// Very many zones.
    Many,
}

impl Subject {
    /// All, the product first.
    pub(super) const ALL: [Subject; 2] = [Subject::Repute, Subject::Bind];

    /// What the tables call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Subject::Repute => "Repute",
            Subject::Bind => "BIND",
        }
    }

    /// Where its program is.
    pub(super) fn program(self, repute: Option<&Path>) -> Option<PathBuf> {
        match self {
            Subject::Repute => repute.map(Path::to_owned),
            Subject::Bind => find("named"),
        }
    }

    /// Starts it on its CPU, with nothing of a former run.
    ///
    /// # Errors
    /// If it does not come up.
    pub(super) fn start(
        self,
        settings: &Settings,
        what: What,
        probe: &[u8],
    ) -> anyhow::Result<Server> {
        let folder = settings.folder()?.join(format!("zones-{}", self.title()));
        // Mostly there is nothing.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let folder = folder.canonicalize()?;
        let port = free_port()?;
        let program = self.program(settings.repute.as_deref()).context("it is not there")?;
        if what == What::Many {
            zones(&folder)?;
        }
        let mut command = Command::new(program);
        let (name, text) = match self {
            Subject::Repute => ("repute.toml", repute(settings, what, &folder, port)?),
            Subject::Bind => ("named.conf", bind(settings, what, &folder, port)?),
        };
        let config = folder.join(name);
        fs::write(&config, text)?;
        match self {
            Subject::Repute => command.args(["serve", "--config"]).arg(config),
            Subject::Bind => command.args(["-g", "-n", "1", "-c"]).arg(config),
        };
        let cpus = [settings.server_cpu];
        Server::start(command, port, &cpus, SCHEDULING, probe, &folder.join("log"))
    }
}

/// Writes a master file for each of very many zones.
fn zones(folder: &Path) -> anyhow::Result<()> {
    for number in 0..ZONES {
        let [_, _, high, low] = number.to_be_bytes();
        let text = format!(
            "$TTL 3600\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n@ NS ns2\n@ MX 10 mail\n\
             @ TXT \"v=spf1 mx -all\"\n@ CAA 0 issue \"ca.example\"\nns1 A 192.0.2.1\nns2 A 198.51.100.1\n\
             mail A 10.1.{high}.{low}\nmail AAAA 2001:db8::{number}\nwww A 10.2.{high}.{low}\n"
        );
        fs::write(folder.join(format!("z{number}.zone")), text)?;
    }
    Ok(())
}

/// What a zone that takes updates begins with.
const LINES: [&str; 4] = ["@ NS ns1", "@ NS ns2", "ns1 A 192.0.2.1", "ns2 A 198.51.100.1"];

/// Repute's configuration.
fn repute(settings: &Settings, what: What, folder: &Path, port: u16) -> anyhow::Result<String> {
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\nworkers = 1\ndata-dir = \"data\"\nmetrics = \"\"\n"
    );
    match what {
        What::Beside => {
            fs::write(folder.join("k.key"), SECRET)?;
            let list = settings.lists.text(List::Hosts).canonicalize()?;
            write!(
                text,
                "[[zone]]\napex = \"{}\"\n[[zone.source]]\nkind = \"addresses\"\nformat = \"rbldnsd\"\n\
                 files = [\"{}\"]\n[[key]]\nname = \"{KEY}\"\nsecret-file = \"k.key\"\n\
                 [[primary]]\napex = \"{ZONE}\"\nrecords = {LINES:?}\n[[primary.update]]\nkey = \"{KEY}\"\n",
                List::Hosts.apex(),
                list.display()
            )?;
        }
        What::Many => {
            for number in 0..ZONES {
                write!(
                    text,
                    "[[primary]]\napex = \"z{number}.test\"\nfile = \"z{number}.zone\"\n"
                )?;
            }
        }
    }
    Ok(text)
}

/// BIND's configuration.
fn bind(settings: &Settings, what: What, folder: &Path, port: u16) -> anyhow::Result<String> {
    let mut text = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
         recursion no; pid-file none; session-keyfile none; notify no; dnssec-validation no; \
         minimal-responses yes; update-quota 100000; }};\ncontrols {{ }};\n",
        folder.display()
    );
    match what {
        What::Beside => {
            let start = "$TTL 3600\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n";
            fs::write(folder.join("dyn.zone"), format!("{start}{}\n", LINES.join("\n")))?;
            write!(
                text,
                "key \"{KEY}\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
                 zone \"{}\" {{ type primary; file \"{}\"; }};\n\
                 zone \"{ZONE}\" {{ type primary; file \"dyn.zone\"; allow-update {{ key {KEY}; }}; }};\n",
                List::Hosts.apex(),
                settings.lists.master().canonicalize()?.display()
            )?;
        }
        What::Many => {
            for number in 0..ZONES {
                writeln!(
                    text,
                    "zone \"z{number}.test\" {{ type primary; file \"z{number}.zone\"; }};"
                )?;
            }
        }
    }
    Ok(text)
}
