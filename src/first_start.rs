//! The first start without a configuration: two real lists appear in the data folder.
//!
//! They are part of the binary, so that trying it needs nothing but the binary. A list that is there
//! already is never written again: whoever edited it finds the edit after every start.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use repute_nameserver::loader::spool::replace_file;

/// Writes the lists that are not there yet; returns whether any was written.
///
/// # Errors
/// If the folder cannot be made or written.
pub(crate) fn write_lists(data_dir: &Path) -> anyhow::Result<bool> {
    let hint = || {
        format!(
            "cannot write {}: run in a folder that you may write, or name another with --config",
            data_dir.display()
        )
    };
    fs::create_dir_all(data_dir).with_context(hint)?;
    let mut any = false;
    for (name, list) in LISTS {
        any |= write_if_absent(&data_dir.join(name), list).with_context(hint)?;
    }
    Ok(any)
}

/// Something that the shipped data lists: the first entry of the first list, as it stands now.
pub(crate) fn first_entry(data_dir: &Path) -> Option<String> {
    let (name, _) = LISTS.first()?;
    let text = fs::read_to_string(data_dir.join(name)).ok()?;
    let line = text.lines().find(|l| !l.is_empty() && !l.starts_with('#'))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// Writes a file if there is none.
fn write_if_absent(path: &Path, content: &[u8]) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    replace_file(path, |out| out.write_all(content))?;
    Ok(true)
}

/// The lists, by the names that the built-in configuration gives them.
const LISTS: [(&str, &[u8]); 2] = [
    ("ipsum.txt", include_bytes!("../examples/lists/ipsum/ipsum.txt")),
    (
        "disposable-domains.txt",
        include_bytes!("../examples/lists/disposable-domains/disposable-domains.txt"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_list_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert!(write_lists(&data).unwrap());
        fs::write(data.join("ipsum.txt"), "# mine\n192.0.2.1 3\n").unwrap();
        assert!(!write_lists(&data).unwrap());
        assert_eq!(first_entry(&data).as_deref(), Some("192.0.2.1"));
    }
}
