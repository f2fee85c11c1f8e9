//! Other programs whose place Repute takes, by the name it is called by.
//!
//! An existing unit file and existing data keep working when the old program's path leads here, or
//! when the program's name stands in front of its arguments.

use std::ffi::{OsStr, OsString};
use std::path::Path;

pub(crate) mod rbldnsd;

/// The arguments for rbldnsd, if it is rbldnsd that was called: `rbldnsd ...` or
/// `repute rbldnsd ...`.
pub(crate) fn arguments_of_rbldnsd(
    arguments: &[OsString],
) -> Option<impl Iterator<Item = OsString>> {
    let is_rbldnsd = |word: &OsString| Path::new(word).file_name() == Some(OsStr::new("rbldnsd"));
    let skip = match arguments {
        [program, ..] if is_rbldnsd(program) => 1,
        [_, first, ..] if first == "rbldnsd" => 2,
        _ => return None,
    };
    Some(arguments.iter().skip(skip).cloned().collect::<Vec<_>>().into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rbldnsd_is_known_by_its_name_or_first_argument() {
        let check = |typed: &str, expect: Option<&str>| {
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            let rest = arguments_of_rbldnsd(&words)
                .map(|a| a.map(|w| w.into_string().unwrap()).collect::<Vec<_>>().join(" "));
            assert_eq!(rest.as_deref(), expect, "{typed}");
        };
        check("/usr/sbin/rbldnsd -n -b 127.0.0.1", Some("-n -b 127.0.0.1"));
        check("repute rbldnsd -h", Some("-h"));
        check("repute serve rbldnsd", None);
        check("repute", None);
    }
}
