//! A full disk under the store: turns are refused with the remedy, nothing that was answered is lost, and once there is space
//! turns are taken again, without a new start. Only root can make a disk so small.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use repute_challenge::{AllowFrom, By, Fault, Keep, Moment, Service, Settings, Store};

/// Where the disk is.
const DISK: &str = "REPUTE_TEST_CHALLENGE_DISK";

#[test]
fn a_full_disk_refuses_turns_until_there_is_space() {
    if fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() != 0) {
        eprintln!("skipped: only root can make a small disk");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=8m tmpfs \"$0\" && exec \"$@\"")
        .arg(folder.path())
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "fills_its_disk", "--ignored"])
        .env(DISK, folder.path())
        .status()
        .expect("unshare is there");
    assert!(status.success());
}

#[tokio::test]
#[ignore = "runs on a small disk, as a process of the test above"]
async fn fills_its_disk() {
    let Some(disk) = std::env::var_os(DISK).map(PathBuf::from) else { return };
    let store = Store::open(&disk.join("store"), drop).expect("it opens");
    let settings =
        Settings { domain: "auth.example".parse().expect("a name"), keep: Keep::default() };
    let service = Service::open(Arc::new(store), settings).await.expect("it opens");
    let register = || service.register(AllowFrom::default(), By::Operator, Moment(0));
    let mut answered = vec![register().await.expect("there is space").account.username];
    // What is left on the disk goes to something else.
    let ballast = disk.join("ballast");
    assert!(fs::write(&ballast, vec![1; 16 << 20]).is_err(), "the disk is small");
    let fault = loop {
        match register().await {
            Ok(new) => answered.push(new.account.username),
            Err(fault) => break fault,
        }
        assert!(answered.len() < 100_000, "the disk is never full");
    };
    assert!(matches!(fault, Fault::Store(_)) && fault.to_string().contains("is its disk full?"));
    assert!(register().await.is_err(), "it is full still");
    fs::remove_file(ballast).expect("it is removed");
    for _ in 0..100 {
        answered.push(register().await.expect("there is space again").account.username);
    }
    let there = service.list(None, usize::MAX).expect("it is read");
    let there: Vec<_> = there.iter().map(|listed| listed.account.username).collect();
    answered.sort();
    assert_eq!(there, answered);
}
