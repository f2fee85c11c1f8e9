//! `--extra-opts=[section][@file]`: options from an ini file, so that keys and long lists stay off the
//! command line.
//!
//! Where the file is looked for if none is named is what two libraries agree on as far as they do: Perl's
//! Monitoring::Plugin, which check_rbl stands on, and the Monitoring Plugins' own in C.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::clean_to;
use super::ini::{self, IniError};

pub(crate) use super::ini::Entry;

/// A section of an ini file.
#[derive(Debug)]
pub(crate) struct Section {
    /// The file, as it was named or found.
    pub(crate) file: PathBuf,
    /// Its lines.
    pub(crate) entries: Vec<Entry>,
}

/// Reads the section that `locator`, the value of `--extra-opts`, means. `default` is the name of the
/// section if it has none; `environment` gives variables.
///
/// # Errors
/// If there is no such file, section, or if either cannot be read; the error says what to do.
pub(crate) fn read(
    locator: &str,
    default: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Section, ExtraOptsError> {
    let (section, file) = match locator.split_once('@') {
        Some((section, file)) => (section.trim(), file.trim()),
        None => (locator.trim(), ""),
    };
    let section = if section.is_empty() { default } else { section };
    let file = match file {
        "" => candidates(environment)
            .into_iter()
            .find(|path| path.is_file())
            .ok_or(ExtraOptsError::NotFound)?,
        file => PathBuf::from(file),
    };
    let text = text(&file).map_err(|error| ExtraOptsError::Unreadable(file.clone(), error))?;
    match ini::section(&text, section) {
        Ok(entries) => Ok(Section { file, entries }),
        Err(IniError::Syntax(line)) => Err(ExtraOptsError::Syntax(file, line)),
        Err(IniError::NoSection(name, there)) => {
            let name = clean_to(&name, 80);
            let there = match there.len() {
                0 => "it has none".to_owned(),
                _ => format!("it has [{}]", there.join("], [")),
            };
            Err(ExtraOptsError::NoSection(file, name, there))
        }
    }
}

/// The text of a file that is not larger than such a file can be; `-` is standard input.
fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)?,
        false => fs::File::open(file)?.take(LARGEST + 1).read_to_string(&mut text)?,
    };
    match u64::try_from(read) {
        Ok(read) if read <= LARGEST => Ok(text),
        _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, "over 1 MiB")),
    }
}

/// Where the file may be, in the order of looking.
fn candidates(environment: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let given = |name| environment(name).filter(|value| !value.is_empty());
    if let Some(file) = given("MP_CONFIG_FILE") {
        return vec![file.into()];
    }
    let folders = given("MONITORING_CONFIG_PATH").or_else(|| given("NAGIOS_CONFIG_PATH"));
    let folders: Vec<PathBuf> = std::env::split_paths(OsStr::new(&folders.unwrap_or_default()))
        .filter(|folder| folder.is_absolute() || folder.components().next().is_some())
        .collect();
    let named = folders.iter().flat_map(|folder| {
        ["plugins.ini", "nagios-plugins.ini", "monitoring-plugins.ini"]
            .map(|file| folder.join(file))
    });
    named.chain(USUAL.iter().map(PathBuf::from)).collect()
}

/// Why there are no options from a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtraOptsError {
    /// No file was named, and none is where such files are.
    #[error(
        "--extra-opts: no plugins.ini in any usual place: name the file, as --extra-opts=section@/path/to/file"
    )]
    NotFound,
    /// The file cannot be read.
    #[error("--extra-opts: cannot read {path}: {error}; the monitoring user must be able to read it", path = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// A line is wrong.
    #[error("--extra-opts: {path} line {line}: write `[section]` or `option=value`", path = .0.display(), line = .1)]
    Syntax(PathBuf, usize),
    /// The section is missing.
    #[error("--extra-opts: {path} has no section [{name}]; {there}", path = .0.display(), name = .1, there = .2)]
    NoSection(PathBuf, String, String),
}

/// Where the libraries look: first Perl's places in its order, then those that only the one in C knows.
const USUAL: [&str; 12] = [
    "/etc/nagios/plugins.ini",
    "/usr/local/nagios/etc/plugins.ini",
    "/usr/local/etc/nagios/plugins.ini",
    "/etc/opt/nagios/plugins.ini",
    "/etc/nagios-plugins.ini",
    "/etc/monitoring-plugins.ini",
    "/usr/local/etc/nagios-plugins.ini",
    "/usr/local/etc/monitoring-plugins.ini",
    "/etc/opt/nagios-plugins.ini",
    "/etc/opt/monitoring-plugins.ini",
    "/usr/local/etc/monitoring-plugins/monitoring-plugins.ini",
    "/etc/monitoring-plugins/monitoring-plugins.ini",
];
/// The largest file: some ten thousand lists.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads with these variables set.
    fn read_with(locator: &str, variables: &[(&str, &Path)]) -> Result<Section, ExtraOptsError> {
        read(locator, "check_rbl", &|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, path)| path.as_os_str().to_owned())
        })
    }

    /// The values of a section.
    fn values(section: &Section) -> Vec<&str> {
        section.entries.iter().map(|entry| &*entry.value).collect()
    }

    #[test]
    fn the_section_and_the_file_may_be_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nagios-plugins.ini");
        fs::write(&path, "[check_rbl]\ns=a\n[rbl]\ns=b\n").expect("it is written");
        let file = path.display();
        for (locator, value) in [
            (format!("rbl@{file}"), "b"),
            (format!("@{file}"), "a"),
            ("rbl".to_owned(), "b"),
            (String::new(), "a"),
        ] {
            let found = read_with(&locator, &[("NAGIOS_CONFIG_PATH", folder.path())]);
            assert_eq!(values(&found.expect("it is there")), [value], "{locator}");
        }
        let found = read_with("rbl", &[("MP_CONFIG_FILE", &path)]).expect("it is there");
        assert_eq!((values(&found), &found.file), (vec!["b"], &path));
    }

    #[test]
    fn the_first_file_of_the_first_folder_counts() {
        let [first, second] = [0, 1].map(|_| tempfile::tempdir().expect("a folder"));
        let both = std::env::join_paths([first.path(), second.path()]).expect("two folders");
        let look =
            || read_with("a", &[("MONITORING_CONFIG_PATH", Path::new(&both))]).map(|s| s.file);
        let write = |path: &Path| fs::write(path, "[a]\n").expect("it is written");
        let (late, early) =
            (second.path().join("plugins.ini"), first.path().join("monitoring-plugins.ini"));
        write(&late);
        assert_eq!(look().expect("it is there"), late);
        write(&early);
        assert_eq!(look().expect("it is there"), early);
    }

    #[test]
    fn the_usual_places_are_those_of_both_libraries() {
        let places = candidates(&|_| None);
        assert_eq!(
            places.first().map(PathBuf::as_path),
            Some(Path::new("/etc/nagios/plugins.ini"))
        );
        assert!(places.contains(&"/etc/monitoring-plugins/monitoring-plugins.ini".into()));
        let given = candidates(&|name| (name == "NAGIOS_CONFIG_PATH").then(|| "/a:/b".into()));
        assert_eq!(given[3], Path::new("/b/plugins.ini"));
        assert_eq!(given[6..], places, "the usual ones come behind those of the environment");
    }

    #[test]
    fn an_error_names_the_file_and_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.ini");
        let error = |locator: &str| {
            let found = read_with(&format!("{locator}@{}", path.display()), &[]);
            found.expect_err("it is wrong").to_string().replace(&*path.to_string_lossy(), "FILE")
        };
        assert!(error("a").starts_with("--extra-opts: cannot read FILE: No such file"));
        fs::write(&path, "[b]\nx\n").expect("it is written");
        assert_eq!(error("a"), "--extra-opts: FILE line 2: write `[section]` or `option=value`");
        fs::write(&path, "[b]\n[c]\n").expect("it is written");
        assert_eq!(error("a"), "--extra-opts: FILE has no section [a]; it has [b], [c]");
        fs::write(&path, "#".repeat(1 << 20) + "#").expect("it is written");
        assert!(error("a").contains("over 1 MiB"));
    }
}
