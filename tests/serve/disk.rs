//! A small disk under the data folder. Only root can make one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::process::Place;

/// A view of the file system in which a small disk is the data folder; it ends with the value.
pub(crate) struct Disk(Child);

impl Disk {
    /// Makes one of 100 kB; `None` if this is not root.
    pub(crate) fn new(place: &Place) -> Option<Disk> {
        Disk::of(place, "100k")
    }

    /// Makes one of a size; `None` if this is not root.
    pub(crate) fn of(place: &Place, size: &str) -> Option<Disk> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: only root can make a small disk");
            return None;
        }
        fs::create_dir(place.path("data")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).current_dir(place.path(""));
        let mount = format!("mount -t tmpfs -o size={size} tmpfs data");
        command.arg(format!("{mount} && echo ready && exec cat"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Some(Disk(child))
    }

    /// The binary, run where it is.
    pub(crate) fn command(&self, place: &Place) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--wd", "--target", &self.0.id().to_string(), "--"]);
        command.arg(env!("CARGO_BIN_EXE_repute")).current_dir(place.path(""));
        command
    }

    /// Where somebody outside finds what is there.
    pub(crate) fn seen(&self, place: &Place, path: &str) -> PathBuf {
        let path = place.path(path);
        format!("/proc/{}/root{}", self.0.id(), path.display()).into()
    }

    /// The names of all files in a folder of it.
    pub(crate) fn files(&self, place: &Place, folder: &str) -> Vec<String> {
        let files = fs::read_dir(self.seen(place, folder)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A child that has ended needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
