//! What is said on standard error while a plugin runs.
//!
//! Some monitoring systems read both streams as one, and whatever comes first is the state then. So what parts
//! of the program say aside is kept back, and told below the first line.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::dup2_stderr;

use super::output::Output;

/// Runs a plugin, writes what it says, and ends as that says: with a line and a state, whatever happens.
pub(crate) fn run(name: &'static str, plugin: impl FnOnce() -> Output) -> ExitCode {
    let aside = Aside::begin();
    let mut output = guarded(name, plugin);
    output.long.extend(aside.into_iter().flat_map(Aside::lines));
    output.write()
}

/// What a plugin says; that it says nothing is a state, too.
fn guarded(name: &'static str, plugin: impl FnOnce() -> Output) -> Output {
    let said = panic::catch_unwind(AssertUnwindSafe(plugin));
    said.unwrap_or_else(|_| Output::unknown(name, FAULT))
}

/// Standard error as a file in memory.
struct Aside(File);

impl Aside {
    /// Keeps back what is said from now on; nothing if the system does not let us.
    fn begin() -> Option<Aside> {
        let file = memfd_create("aside", MFdFlags::MFD_CLOEXEC).ok().map(File::from)?;
        dup2_stderr(&file).ok()?;
        Some(Aside(file))
    }

    /// What was said.
    fn lines(mut self) -> Vec<String> {
        let mut text = Vec::new();
        let read = self.0.seek(SeekFrom::Start(0)).and_then(|_| {
            let file = &self.0;
            file.take(MOST_SAID).read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).lines().map(str::to_owned).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// What is said of a fault that should not be there.
const FAULT: &str = "a fault in the program itself, please report it with the lines below";
/// Bytes that are told.
const MOST_SAID: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_our_own_is_a_state() {
        let output = guarded("REPUTE", || panic!("this is what a test of a fault looks like"));
        assert!(output.to_string().starts_with("REPUTE UNKNOWN - a fault in the program itself"));
    }
}
