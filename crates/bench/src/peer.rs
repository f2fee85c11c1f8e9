//! The servers that are measured, and how each is told what to serve.
//!
//! Every server gets one worker, unless said otherwise, and minimal answers; what would falsify a figure
//! is switched off (NSD's rate limit) or on (rbldnsd's `-a`). General name servers cannot hold the
//! mixed list: they get the one of single addresses.

mod config;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::echo::Calls;
use crate::list::List;
use crate::process::{find, myself};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Debian's rbldnsd with one of its data set types.
    Rbldnsd {
        /// The data set type.
        kind: &'static str,
        /// How it reloads.
        reload: Reload,
    },
    /// NSD.
    Nsd,
    /// Knot DNS.
    Knot,
    /// The kernel's cost.
    Ceiling {
        /// By which system calls.
        calls: Calls,
        /// How many threads answer.
        workers: usize,
    },
    /// Repute by its own configuration.
    Repute {
        /// How many threads answer.
        workers: usize,
    },
    /// Repute in rbldnsd's place, with its options.
    DropIn,
}

/// How rbldnsd reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// It answers nothing meanwhile.
    InPlace,
    /// `-f`: a child answers from a second copy.
    Fork,
}

/// What a server is to serve, and from where.
pub(crate) struct Assignment<'a> {
    /// Which list.
    pub(crate) list: List,
    /// The list in rbldnsd's format.
    pub(crate) text: &'a Path,
    /// The list as a master file.
    pub(crate) master: &'a Path,
    /// The port on loopback.
    pub(crate) port: u16,
    /// An empty folder for configuration and state.
    pub(crate) folder: &'a Path,
    /// The product's binary, if there is one.
    pub(crate) repute: Option<&'a Path>,
}

impl Peer {
    /// rbldnsd with the data set type that suits a list best.
    pub(crate) fn rbldnsd(list: List) -> Peer {
        Peer::Rbldnsd { kind: list.rbldnsd_type(), reload: Reload::InPlace }
    }

    /// What the tables call it.
    pub(crate) fn title(&self) -> String {
        match self {
            Peer::Rbldnsd { kind, reload: Reload::InPlace } => format!("rbldnsd {kind}"),
            Peer::Rbldnsd { kind, reload: Reload::Fork } => format!("rbldnsd {kind} -f"),
            Peer::Nsd => "NSD".into(),
            Peer::Knot => "Knot DNS".into(),
            Peer::Ceiling { calls: Calls::Single, .. } => "ceiling recvfrom/sendto".into(),
            Peer::Ceiling { workers: 1, .. } => "ceiling recvmmsg/sendmmsg".into(),
            Peer::Ceiling { workers, .. } => format!("ceiling, {workers} workers"),
            Peer::Repute { workers: 1 } => "Repute".into(),
            Peer::Repute { workers } => format!("Repute, {workers} workers"),
            Peer::DropIn => "Repute as rbldnsd".into(),
        }
    }

    /// Where its program is; `None` if it is not installed.
    pub(crate) fn program(&self, repute: Option<&Path>) -> Option<PathBuf> {
        match self {
            Peer::Rbldnsd { .. } => find("rbldnsd"),
            Peer::Nsd => find("nsd"),
            Peer::Knot => find("knotd"),
            Peer::Ceiling { .. } => Some(myself()),
            Peer::Repute { .. } | Peer::DropIn => repute.map(Path::to_owned),
        }
    }

    /// Writes its configuration and returns the command that runs it in the foreground.
    ///
    /// # Errors
    /// If the program is missing or the configuration cannot be written.
    pub(crate) fn command(&self, to: &Assignment<'_>) -> io::Result<Command> {
        let program = self.program(to.repute).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("{} is not installed", self.title()))
        })?;
        let folder = to.folder.canonicalize()?;
        let mut command = Command::new(program);
        match self {
            Peer::Rbldnsd { kind, reload } => {
                rbldnsd_arguments(&mut command, kind, to)?;
                if *reload == Reload::Fork {
                    command.arg("-f");
                }
            }
            Peer::DropIn => {
                command.arg("rbldnsd");
                rbldnsd_arguments(&mut command, to.list.rbldnsd_type(), to)?;
            }
            Peer::Nsd => {
                let config = write(folder.join("nsd.conf"), config::nsd(to, &folder)?)?;
                command.arg("-d").arg("-c").arg(config);
            }
            Peer::Knot => {
                let config = write(folder.join("knot.conf"), config::knot(to, &folder)?)?;
                command.arg("-c").arg(config);
            }
            Peer::Ceiling { calls, workers } => {
                let calls = match calls {
                    Calls::Single => "single",
                    Calls::Batch => "batch",
                };
                command.args(["echo", "--listen", &format!("127.0.0.1:{}", to.port)]);
                command.args(["--calls", calls, "--workers", &workers.to_string()]);
            }
            Peer::Repute { workers } => {
                let config = config::repute(to, &folder, *workers)?;
                let config = write(folder.join("repute.toml"), config)?;
                command.arg("serve").arg("--config").arg(config);
            }
        }
        Ok(command)
    }
}

/// rbldnsd's options: foreground, minimal answers, no checks for changes but on SIGHUP. Started by root it
/// wants another user, who reads the list through a path that starts at the root.
fn rbldnsd_arguments(command: &mut Command, kind: &str, to: &Assignment<'_>) -> io::Result<()> {
    let text = to.text.canonicalize()?;
    command.args(["-n", "-a", "-c", "0", "-u", "65534:65534"]);
    command.args(["-b", &format!("127.0.0.1/{}", to.port)]);
    command.arg(format!("{}:{kind}:{}", to.list.apex(), text.display()));
    Ok(())
}

/// Writes a file and returns its path.
fn write(path: PathBuf, text: String) -> io::Result<PathBuf> {
    fs::write(&path, text)?;
    Ok(path)
}
