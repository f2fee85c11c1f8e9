//! What all parts of a run share: lists, CPUs, rounds, and where the product's binary is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::blast::free_port;
use crate::list::{List, Lists};
use crate::peer::{Assignment, Peer};
use crate::process::{Scheduling, Server};
use crate::queries::{Edns, Mix, Queries};
use crate::results::Results;

/// The settings of a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The lists.
    pub(crate) lists: Lists,
    /// The product's binary; without it only peers are measured.
    pub(crate) repute: Option<PathBuf>,
    /// The CPU of servers and of what is measured in process.
    pub(crate) server_cpu: usize,
    /// The CPU of the load generator.
    pub(crate) generator_cpu: usize,
    /// How often each figure is measured, in turn with all others.
    pub(crate) rounds: usize,
    /// How long a server is loaded in a round.
    pub(crate) duration: Duration,
    /// How many different names are asked for.
    pub(crate) queries: usize,
}

impl Settings {
    /// A folder for what servers and the bench itself leave behind.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn folder(&self) -> io::Result<PathBuf> {
        let folder = self.lists.folder.join("run");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Measures a copy of the product from now on: a build meanwhile must not change what is measured.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub(crate) fn hold_product(&mut self) -> io::Result<()> {
        if let Some(product) = &self.repute {
            let copy = self.folder()?.join("repute");
            // A server of an earlier run may still execute the old copy: replaced, not overwritten.
            let _absent = fs::remove_file(&copy);
            fs::copy(product, &copy)?;
            self.repute = Some(copy.canonicalize()?);
        }
        Ok(())
    }

    /// Draws queries.
    pub(crate) fn draw(&self, list: List, mix: Mix, edns: Edns) -> Queries {
        Queries::draw(&self.lists, list, mix, edns, self.queries)
    }

    /// Starts a server with a list on these CPUs.
    ///
    /// # Errors
    /// If it does not come up.
    pub(crate) fn start(
        &self,
        peer: &Peer,
        list: List,
        cpus: &[usize],
        scheduling: Scheduling,
        probe: &[u8],
    ) -> anyhow::Result<Server> {
        self.start_with(peer, list, &self.lists.text(list), cpus, scheduling, probe)
    }

    /// Starts a server with another file than the list's own.
    ///
    /// # Errors
    /// If it does not come up.
    pub(crate) fn start_with(
        &self,
        peer: &Peer,
        list: List,
        text: &Path,
        cpus: &[usize],
        scheduling: Scheduling,
        probe: &[u8],
    ) -> anyhow::Result<Server> {
        let port = free_port()?;
        let folder = self.folder()?.join(peer.title().replace([' ', '/', ','], "-"));
        // What the last run of this server left behind is not to help this one; mostly there is nothing.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let assignment = Assignment {
            list,
            text,
            master: &self.lists.master(),
            port,
            folder: &folder,
            repute: self.repute.as_deref(),
        };
        let command = peer.command(&assignment)?;
        Server::start(command, port, cpus, scheduling, probe, &folder.join("log"))
    }

    /// Leaves out servers that are not there, and notes them.
    pub(crate) fn present(&self, results: &mut Results, mut peers: Vec<Peer>) -> Vec<Peer> {
        peers.retain(|peer| {
            let there = peer.program(self.repute.as_deref()).is_some();
            if !there {
                let remedy = match peer {
                    Peer::Repute { .. } | Peer::DropIn => "build it with --release",
                    Peer::Rbldnsd { .. } | Peer::Nsd | Peer::Knot => "not installed",
                    Peer::Ceiling { .. } => "this program is gone",
                };
                results.miss(format!("{}: {remedy}", peer.title()));
            }
            there
        });
        peers
    }
}
