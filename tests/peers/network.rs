//! A private network for one test: its own loopback, its own processes, its own `/etc/resolv.conf`.
//!
//! Postfix asks the resolver of `/etc/resolv.conf` on port 53 and judges a client by its address.
//! So a test runs again inside new namespaces, where it is root, port 53 is free, and any address
//! can be its own; the machine around it sees nothing of that. When the test ends, however it
//! ends, the kernel ends all it started.

use std::any::type_name;
use std::env;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

/// Runs a test, which is a closure in a test function, on a network of its own.
pub(crate) fn on_private_network<Test: FnOnce()>(test: Test) {
    if env::var_os("REPUTE_NO_PEERS").is_some() {
        println!("skipped: REPUTE_NO_PEERS is set");
    } else if env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        test();
    } else {
        run_again_inside(test_name::<Test>());
    }
}

/// Gives this machine one more address.
pub(crate) fn add_address(address: IpAddr) {
    let length = if address.is_ipv4() { 32 } else { 128 };
    run("ip", &["address", "add", &format!("{address}/{length}"), "dev", "lo"]);
}

/// Makes 127.0.0.1, port 53, the resolver of every program in the test.
pub(crate) fn resolve_with_loopback(folder: &Path) {
    let file = folder.join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.1\n").expect("the test's folder is writable");
    run("mount", &["--bind", &file.to_string_lossy(), "/etc/resolv.conf"]);
}

/// Puts an empty folder over one of the machine's, for this test only.
pub(crate) fn cover(folder: &str) {
    run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", folder]);
}

/// Runs a program to its end and returns what it wrote; it must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error}; `./test` installs it"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {} ended with {}\n{stdout}{stderr}",
        arguments.join(" "),
        output.status
    );
    stdout
}

/// Runs this test program again, inside new namespaces, with this one test.
fn run_again_inside(name: &str) {
    let inside = format!("{INSIDE}=1");
    let mut command = vec!["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"];
    // The namespaces are root's to make; everybody else needs sudo for it, without a password.
    if fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
        command.splice(0..0, ["sudo", "--non-interactive"]);
    }
    let test = env::current_exe().expect("a running test has a file");
    let output = Command::new(command[0])
        .args(&command[1..])
        .args(["--mount-proc", "env", &inside])
        .arg(test)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .output()
        .expect("unshare is there: `./test` installs it");

    // Indented, so that nobody counts the inner result beside the outer one.
    for stream in [&output.stdout, &output.stderr] {
        for line in String::from_utf8_lossy(stream).lines() {
            println!("  | {line}");
        }
    }
    assert!(output.status.success(), "`{name}` failed on its private network, see above");
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    assert!(ran, "`{name}` is not the name of a test");
}

/// The name by which the test harness knows the function that holds a closure.
fn test_name<Closure>() -> &'static str {
    let path = type_name::<Closure>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_crate, name)| name)
}

/// The variable that tells a test that it is inside already.
const INSIDE: &str = "REPUTE_TEST_ON_PRIVATE_NETWORK";
