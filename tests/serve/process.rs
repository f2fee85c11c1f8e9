//! The binary as a child process, in a folder of its own, on ports that the kernel chooses.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder for one test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in it, in place.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A configuration on free ports, without zones.
    pub(crate) fn header(&self) -> String {
        PORTS.to_owned() + "data-dir = \"data\"\n"
    }

    /// A configuration with the zone bl.example from these files.
    pub(crate) fn config(&self, kind: &str, files: &[&str]) -> String {
        self.header() + &zone("bl.example", kind, files)
    }

    /// The binary, run in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        command.args(args).current_dir(self.0.path());
        command
    }

    /// Runs a server that cannot start; its exit code and what it says.
    pub(crate) fn fails(&self, config: &str) -> (i32, String) {
        self.write("wrong.toml", config);
        let output = self.command(&["serve", "--config", "wrong.toml"]).output().unwrap();
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), errors)
    }
}

/// Free ports, and no pages.
const PORTS: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\nmetrics = \"\"\n";

/// A zone from these files.
pub(crate) fn zone(apex: &str, kind: &str, files: &[&str]) -> String {
    let files: Vec<_> = files.iter().map(|f| format!("\"{f}\"")).collect();
    let files = files.join(", ");
    format!("[[zone]]\napex = \"{apex}\"\n[[zone.source]]\nkind = \"{kind}\"\nfiles = [{files}]\n")
}

/// A server that answers.
pub(crate) struct Served<'p> {
    /// Its folder.
    place: &'p Place,
    /// The process.
    child: Child,
    /// Where it answers DNS.
    pub(crate) dns: SocketAddr,
}

impl<'p> Served<'p> {
    /// Starts a server and waits until it says that it answers.
    pub(crate) fn start(place: &'p Place, config: &str) -> Served<'p> {
        Served::start_with(place, config, &[])
    }

    /// Starts a server with variables in its environment.
    pub(crate) fn start_with(
        place: &'p Place,
        config: &str,
        variables: &[(&str, &Path)],
    ) -> Served<'p> {
        let mut command = place.command(&[]);
        command.envs(variables.iter().copied());
        Served::start_by(place, config, command)
    }

    /// Starts a server by a command that runs the binary with what is put behind it.
    pub(crate) fn start_by(place: &'p Place, config: &str, mut command: Command) -> Served<'p> {
        place.write("repute.toml", config);
        let mut child = command
            .args(["serve", "--config", "repute.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Only the first line is read: a server whose output nobody takes must go on serving.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((_, address)) = line.trim().split_once("answers at ") else {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("the server does not start: {line}{errors}");
        };
        let dns = address.parse().unwrap();
        // What it logs must go somewhere, or it would wait for us.
        let mut stderr = child.stderr.take().unwrap();
        let mut log = std::fs::File::create(place.path("log")).unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut log));
        Served { place, child, dns }
    }

    /// Runs a command beside it; its exit code and what it prints.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        let output = self.place.command(args).args(["--config", "repute.toml"]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    /// Waits until something is logged, and returns all that was logged so far.
    pub(crate) fn logged(&self, what: &str) -> String {
        let log = || std::fs::read_to_string(self.place.path("log")).unwrap();
        super::dns::until(what, || log().contains(what));
        log()
    }

    /// The serial of a zone.
    pub(crate) fn serial(&self, zone: &str) -> u64 {
        self.zone(zone)["serial"].as_u64().unwrap()
    }

    /// How many answers a zone gave.
    pub(crate) fn answers(&self, zone: &str) -> u64 {
        self.zone(zone)["answers"]["total"].as_u64().unwrap()
    }

    /// What is told of a zone.
    fn zone(&self, zone: &str) -> serde_json::Value {
        let (_, status) = self.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let zones = status["zones"].as_array().unwrap();
        zones.iter().find(|z| z["name"] == zone).expect("the zone is served").clone()
    }

    /// Has it read its lists again.
    pub(crate) fn reload(&self) -> (i32, String) {
        self.run(&["reload"])
    }

    /// Has it read its lists again, and does not wait.
    pub(crate) fn reload_in_background(&self) -> Child {
        let mut command = self.place.command(&["reload", "--config", "repute.toml"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success(), "a graceful end is no failure");
        assert!(!self.place.path("data/control").exists(), "the control socket is gone");
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The number of its thread with this name.
    pub(crate) fn thread(&self, name: &str) -> String {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let mut threads = threads.map(|thread| thread.unwrap().path());
        let named = |path: &PathBuf| {
            fs::read_to_string(path.join("comm")).is_ok_and(|found| found.trim_end() == name)
        };
        let thread = threads.find(named).expect("there is such a thread");
        thread.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that ended cannot be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
