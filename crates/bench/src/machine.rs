//! The machine line of a report: without it no figure means anything.

use std::fs;
use std::process::Command;

use crate::kernel;
use crate::process::find;

/// Describes the machine and the versions of the peers in a line or two.
pub(crate) fn describe() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown CPU", |(_, model)| model.trim());
    let virtual_machine = if cpu_info.contains(" hypervisor") { ", virtual machine" } else { "" };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let scheduling = if may_run_in_real_time() {
        "server and generator under SCHED_RR"
    } else {
        "no right to SCHED_RR, so noisier"
    };
    format!(
        "{cpus} CPUs {model}{virtual_machine}, Linux {}, loopback UDP, {scheduling}; {}.",
        kernel.trim(),
        peers()
    )
}

/// The versions of the peers.
fn peers() -> String {
    let versions = [("rbldnsd", "-h"), ("nsd", "-v"), ("knotd", "--version")]
        .map(|(program, option)| version(program, option));
    versions.join(", ")
}

/// Whether a thread may run before all ordinary work; tried on one that ends at once.
fn may_run_in_real_time() -> bool {
    let attempt = std::thread::spawn(|| kernel::real_time().is_ok());
    attempt.join().unwrap_or(false)
}

/// The line in which a program tells its version.
fn version(program: &str, option: &str) -> String {
    let Some(path) = find(program) else { return format!("no {program}") };
    let Ok(output) = Command::new(path).arg(option).output() else {
        return format!("{program} does not run");
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()));
    line.unwrap_or(program).trim().trim_end_matches('.').to_owned()
}
