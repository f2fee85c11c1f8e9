//! The command line as transcripts: what is typed, what is printed, and the exit code.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes down what is printed now.

use std::path::Path;
use std::{env, fs, io};

/// Runs all transcripts in a copy of their folder, since commands write files; what is to be written down
/// is written in place.
#[test]
fn transcripts() {
    let written = Path::new("tests/cli");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let cases = if env::var_os("TRYCMD").is_some() {
        written
    } else {
        copy(written, folder.path()).expect("the transcripts can be copied");
        folder.path()
    };
    trycmd::TestCases::new().case(cases.join("*.trycmd")).run();
}

/// Copies what is in a folder.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), copied)?;
        }
    }
    Ok(())
}
