//! Programs whose place Repute can take, under their own names and options.

pub(crate) mod acme_dns;
pub(crate) mod check_rbl;
pub(crate) mod rbldnsd;

use std::ffi::OsString;
use std::path::Path;

/// A program whose place Repute can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// A service for challenges of certificates.
    AcmeDns,
    /// A monitoring plugin.
    CheckRbl,
    /// A name server.
    Rbldnsd,
}

/// Returns the program that is meant and its arguments, if this is called by its name
/// (`/usr/sbin/rbldnsd`, a link to us) or with that word as its first argument.
pub(crate) fn called(arguments: &[OsString]) -> Option<(Program, Vec<OsString>)> {
    let name = arguments.first().and_then(|program| Path::new(program).file_name());
    PROGRAMS.into_iter().find_map(|(program, word)| {
        let taken = match () {
            () if name.is_some_and(|name| name == word) => 1,
            () if arguments.get(1).is_some_and(|first| first == word) => 2,
            () => return None,
        };
        Some((program, arguments[taken..].to_vec()))
    })
}

/// The names they are called by.
const PROGRAMS: [(Program, &str); 3] = [
    (Program::AcmeDns, "acme-dns"),
    (Program::CheckRbl, "check_rbl"),
    (Program::Rbldnsd, "rbldnsd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_or_the_first_word_decides() {
        let called = |line: &str| {
            let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
            called(&arguments)
        };
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let rbldnsd = |rest: &[&str]| Some((Program::Rbldnsd, words(rest)));
        assert_eq!(called("/usr/sbin/rbldnsd -n x"), rbldnsd(&["-n", "x"]));
        assert_eq!(called("/usr/bin/repute rbldnsd -n x"), rbldnsd(&["-n", "x"]));
        assert_eq!(called("rbldnsd"), rbldnsd(&[]));
        assert_eq!(called("/usr/bin/acme-dns -c x"), Some((Program::AcmeDns, words(&["-c", "x"]))));
        assert_eq!(called("./check_rbl -h"), Some((Program::CheckRbl, words(&["-h"]))));
        assert_eq!(called("repute check_rbl"), Some((Program::CheckRbl, Vec::new())));
        assert_eq!(called("/usr/bin/repute serve rbldnsd"), None);
        assert_eq!(called("repute"), None);
    }
}
