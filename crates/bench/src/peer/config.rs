//! Configuration files of the servers that have them.

use std::io;
use std::path::Path;

use super::Assignment;
use crate::list::List;

/// NSD: one server process, no rate limit (Debian's build has one by default), minimal answers.
pub(super) fn nsd(to: &Assignment<'_>, folder: &Path) -> io::Result<String> {
    let Assignment { port, list, .. } = to;
    let (apex, master, folder) = (list.apex(), to.master.canonicalize()?, folder.display());
    Ok(format!(
        r#"server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {apex}
  zonefile: "{}"
"#,
        master.display()
    ))
}

/// Knot DNS: one UDP worker, the zone in memory only.
pub(super) fn knot(to: &Assignment<'_>, folder: &Path) -> io::Result<String> {
    let Assignment { port, list, .. } = to;
    let (apex, master, folder) = (list.apex(), to.master.canonicalize()?, folder.display());
    Ok(format!(
        r#"server:
  rundir: "{folder}"
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{folder}"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
  - domain: {apex}
    file: "{}"
"#,
        master.display()
    ))
}

/// Repute: this many workers, no page for metrics, everything else as it is by default.
pub(super) fn repute(to: &Assignment<'_>, folder: &Path, workers: usize) -> io::Result<String> {
    let Assignment { port, list, .. } = to;
    let (apex, text, folder) = (list.apex(), to.text.canonicalize()?, folder.display());
    let kind = match list {
        List::Mixed | List::Hosts | List::Huge | List::Networks6 => "addresses",
        List::Names => "names",
    };
    Ok(format!(
        r#"[server]
listen = ["127.0.0.1:{port}"]
workers = {workers}
data-dir = "{folder}/data"
metrics = ""
[[zone]]
apex = "{apex}"
[[zone.source]]
kind = "{kind}"
format = "rbldnsd"
files = ["{}"]
"#,
        text.display()
    ))
}
