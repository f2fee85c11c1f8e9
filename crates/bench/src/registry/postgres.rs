//! A PostgreSQL of the run's own, with its usual settings.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::kernel::{self, Signal};

/// A running server; it ends with this value.
pub(super) struct Postgres {
    child: Child,
    folder: PathBuf,
}

impl Postgres {
    /// Starts one that listens on a socket in a folder only; none if it is not installed.
    ///
    /// # Errors
    /// If it does not start.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Option<Postgres>> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = folder.join("postgres");
        // What another run left.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        if is_root {
            let status = Command::new("chown").arg("nobody").arg(&folder).status()?;
            ensure!(status.success(), "chown: {status}");
        }
        // It refuses to run as root.
        let command = |program: &str| {
            let program = programs.join(program);
            if !is_root {
                return Command::new(program);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--clear-groups", "--"]).arg(program);
            command
        };
        let data = folder.join("data");
        let mut init = command("initdb");
        init.current_dir("/").arg("--pgdata").arg(&data);
        init.args(["--auth=trust", "--username=repute", "--encoding=UTF8", "--locale=C"]);
        let output = init.output().context("cannot start initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let mut server = command("postgres");
        server.current_dir("/").arg("-D").arg(&data).arg("-k").arg(&folder);
        server.args(["-c", "listen_addresses="]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().context("cannot start postgres")?;
        let server = Postgres { child, folder };
        let begin = Instant::now();
        while !server.is_ready(&programs)? {
            ensure!(begin.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(server))
    }

    /// Where it is, as a configuration says it.
    pub(super) fn url(&self) -> String {
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://repute@{host}/postgres")
    }

    /// Whether it takes connections.
    fn is_ready(&self, programs: &Path) -> anyhow::Result<bool> {
        let mut command = Command::new(programs.join("pg_isready"));
        command.arg("-q").arg("-h").arg(&self.folder);
        Ok(command.status().context("cannot start pg_isready")?.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It ends its own processes, unless it is gone already.
        let _gone = kernel::signal(self.child.id(), Signal::Terminate);
        let _status = self.child.wait();
    }
}

/// Where Debian keeps the programs of the newest version.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop()
}
