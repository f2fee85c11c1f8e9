//! Programs whose place Repute can take, under their own names and options.

pub(crate) mod rbldnsd;

use std::ffi::OsString;
use std::path::Path;

/// Returns the arguments meant for rbldnsd, if this is called by that name (`/usr/sbin/rbldnsd`, a
/// link to us) or with that word as its first argument.
pub(crate) fn arguments_of_rbldnsd(
    arguments: &[OsString],
) -> Option<impl Iterator<Item = OsString>> {
    let called = arguments.first().and_then(|program| Path::new(program).file_name());
    let taken = if called.is_some_and(|name| name == RBLDNSD) {
        1
    } else if arguments.get(1).is_some_and(|word| word == RBLDNSD) {
        2
    } else {
        return None;
    };
    Some(arguments[taken..].iter().cloned())
}

/// The name rbldnsd is called by.
const RBLDNSD: &str = "rbldnsd";

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(line: &str) -> Option<Vec<OsString>> {
        let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
        arguments_of_rbldnsd(&arguments).map(Iterator::collect)
    }

    #[test]
    fn the_name_or_the_first_word_decides() {
        assert_eq!(rest("/usr/sbin/rbldnsd -n x").unwrap(), ["-n", "x"]);
        assert_eq!(rest("/usr/bin/repute rbldnsd -n x").unwrap(), ["-n", "x"]);
        assert_eq!(rest("rbldnsd").unwrap(), [""; 0]);
        assert_eq!(rest("/usr/bin/repute serve rbldnsd"), None);
        assert_eq!(rest("repute"), None);
    }
}
