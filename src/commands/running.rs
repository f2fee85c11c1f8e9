//! Speaks to the server of a configuration, also if that names another control socket by now.
//!
//! `control` and `data-dir` need a restart, so after a change of them the configuration says where the
//! server will listen and not where it does. The kernel knows: a control socket is made beside its place
//! under a name with its server's number (see `repute_nameserver::control`), by which the kernel lists it
//! ever after, and the command line of that process says by which configuration it runs.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use repute_nameserver::control::{Answer, ControlError, Request, ask};

use crate::config::USUAL_FILE;
use crate::exit::tell;

/// Asks the server of a configuration.
pub(super) fn ask_server(
    config: Option<&Path>,
    control: &Path,
    request: &Request,
) -> Result<Answer, ControlError> {
    match ask(control, request) {
        Err(error @ ControlError::NotRunning { .. }) => {
            let Some(elsewhere) = elsewhere(config) else { return Err(error) };
            let answer = ask(&elsewhere, request);
            if answer.is_ok() {
                tell!(
                    "repute: the server listens at {} until it is restarted, and not at {} yet",
                    elsewhere.display(),
                    control.display()
                );
            }
            answer
        }
        answer => answer,
    }
}

/// The control socket of a server that runs by this configuration, wherever it is.
fn elsewhere(config: Option<&Path>) -> Option<PathBuf> {
    let wanted = fs::canonicalize(config.unwrap_or(Path::new(USUAL_FILE))).ok()?;
    let listed = fs::read("/proc/net/unix").ok()?;
    listed.split(|byte| *byte == b'\n').filter_map(socket).find_map(|(place, server)| {
        let process = Path::new("/proc").join(server.to_string());
        let folder = fs::read_link(process.join("cwd")).ok()?;
        let words = fs::read(process.join("cmdline")).ok()?;
        let runs_by = fs::canonicalize(folder.join(config_of(&words)?)).ok()?;
        (runs_by == wanted).then(|| folder.join(place))
    })
}

/// A control socket that the kernel lists: its place, and its server's number.
fn socket(line: &[u8]) -> Option<(PathBuf, u32)> {
    let mut rest = line;
    // Num RefCount Protocol Flags Type St Inode Path
    for _ in 0..7 {
        rest = &rest[rest.iter().position(|byte| *byte != b' ')?..];
        rest = &rest[rest.iter().position(|byte| *byte == b' ')?..];
    }
    let path = &rest[1..];
    let dot = path.iter().rposition(|byte| *byte == b'.')?;
    let server = std::str::from_utf8(&path[dot + 1..]).ok()?.parse().ok()?;
    Some((PathBuf::from(std::ffi::OsStr::from_bytes(&path[..dot])), server))
}

/// The configuration that a server's command line names, or the usual one.
fn config_of(words: &[u8]) -> Option<PathBuf> {
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    words.iter().find(|word| **word == b"serve" || word.ends_with(b"acme-dns"))?;
    let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let named = words.iter().enumerate().find_map(|(at, word)| match *word {
        b"--config" | b"-c" => words.get(at + 1).copied(),
        word => word
            .strip_prefix(b"--config=")
            .or_else(|| word.strip_prefix(b"-c="))
            .or_else(|| word.strip_prefix(b"-c")),
    });
    Some(named.map_or_else(|| PathBuf::from(USUAL_FILE), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_names_places_and_servers() {
        let check = |line: &str, expect: Option<(&str, u32)>| {
            let expect = expect.map(|(place, server)| (PathBuf::from(place), server));
            assert_eq!(socket(line.as_bytes()), expect, "{line}");
        };
        let start = "0000000000000000: 00000002 00000000 00010000 0001 01 48151";
        check(
            &format!("{start} /var/lib/repute/control.4711"),
            Some(("/var/lib/repute/control", 4711)),
        );
        check(&format!("{start} my data/control.12"), Some(("my data/control", 12)));
        check(&format!("{start} /run/systemd/notify"), None);
        check(&format!("{start} @/tmp/.X11-unix/X0"), None);
        check(start, None);
        check("Num       RefCount Protocol Flags    Type St Inode Path", None);
        check("", None);
    }

    #[test]
    fn a_command_line_names_a_configuration() {
        let check = |line: &str, expect: Option<&str>| {
            let words = line.replace(' ', "\0");
            assert_eq!(config_of(words.as_bytes()), expect.map(PathBuf::from), "{line}");
        };
        check("repute serve --config a.toml", Some("a.toml"));
        check("repute -c a.toml serve", Some("a.toml"));
        check("repute serve --config=a.toml", Some("a.toml"));
        check("repute serve -ca.toml", Some("a.toml"));
        check("/usr/bin/acme-dns -c=a.cfg", Some("a.cfg"));
        check("repute serve", Some(USUAL_FILE));
        check("rbldnsd -n bl:ip4set:x", None);
    }
}
