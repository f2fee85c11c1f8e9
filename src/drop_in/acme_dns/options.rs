//! acme-dns's command line: it has one option, in the forms that Go programs take.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To serve, by this file or the usual one.
    Run(Option<PathBuf>),
    /// How it is called.
    Help,
}

/// Reads the arguments.
///
/// # Errors
/// In words, if there is something that acme-dns does not know.
pub(super) fn parse(arguments: &[OsString]) -> Result<Asked, String> {
    let mut named = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let bytes = argument.as_bytes();
        // One hyphen is as good as two.
        let option = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-"));
        match option {
            Some(b"h" | b"help") => return Ok(Asked::Help),
            Some(b"c") => {
                let file = rest.next().ok_or("-c is to be followed by a file")?;
                named = Some(PathBuf::from(file));
            }
            Some(option) => match option.strip_prefix(b"c=") {
                Some(file) => named = Some(PathBuf::from(OsString::from_vec(file.to_vec()))),
                None => return Err(unknown(argument)),
            },
            None => return Err(unknown(argument)),
        }
    }
    Ok(Asked::Run(named))
}

/// What is said of an argument that is none.
fn unknown(argument: &OsStr) -> String {
    format!("`{}` is no option: there is only -c", argument.to_string_lossy().escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_in_go() {
        let parse = |line: &str| {
            let arguments: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            parse(&arguments)
        };
        let file = |name: &str| Ok(Asked::Run(Some(PathBuf::from(name))));
        assert_eq!(parse(""), Ok(Asked::Run(None)));
        for line in ["-c a.cfg", "--c a.cfg", "-c=a.cfg", "--c=a.cfg", "-c b.cfg -c a.cfg"] {
            assert_eq!(parse(line), file("a.cfg"), "{line}");
        }
        assert_eq!(parse("-h"), Ok(Asked::Help));
        for (line, told) in [
            ("-c", "-c is to be followed by a file"),
            ("-x", "`-x` is no option: there is only -c"),
            ("serve", "`serve` is no option: there is only -c"),
            ("-", "`-` is no option: there is only -c"),
        ] {
            assert_eq!(parse(line), Err(told.to_owned()), "{line}");
        }
    }
}
