//! A store that is killed at a moment that nobody chose has all that was answered.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use repute_challenge::{AllowFrom, By, Keep, Moment, Service, Settings, Store, Text};

/// Where the process that is killed has its store.
const STORE: &str = "REPUTE_TEST_CHALLENGE_STORE";

/// The service in a file; none of its values ends.
async fn open(path: &Path) -> Service<Store> {
    let store = Store::open(path, drop).expect("it opens");
    let keep = Keep { values: 1_000_000, age: Duration::from_hours(24) };
    let settings = Settings { domain: "auth.example".parse().expect("a name"), keep };
    Service::open(Arc::new(store), settings).await.expect("it opens")
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let mut answered = Vec::new();
    for round in 1..=8 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let told = lines
            .map_while(Result::ok)
            .filter_map(|line| Some(line.split_once("answered ")?.1.to_owned()));
        let before = answered.len();
        for line in told {
            answered.push(line);
            if answered.len() == before + 30 * round {
                child.kill().expect("it runs");
            }
        }
        child.wait().expect("it has ended");
        assert!(answered.len() >= before + 30 * round, "it ended by itself");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let service = runtime.expect("a runtime").block_on(open(&path));
        let mut there = Vec::new();
        let all = service.list(None, usize::MAX).expect("it is read");
        for listed in all {
            let subdomain = &listed.account.subdomain;
            there.push(subdomain.clone());
            there.extend(listed.values.iter().map(|(_, value)| format!("{subdomain} {value}")));
        }
        there.sort();
        let lost = |one: &&String| there.binary_search(one).is_err();
        let lost: Vec<_> = answered.iter().filter(lost).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
    }
}

#[tokio::test]
#[ignore = "runs as a process of the test above"]
async fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let service = Arc::new(open(Path::new(&path)).await);
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(write(Arc::clone(&service)))).collect();
    for task in tasks {
        task.await.expect("it never ends");
    }
}

/// Registers an account, gives it values, and says each that was answered.
async fn write(service: Arc<Service<Store>>) {
    let new = service.register(AllowFrom::default(), By::Operator, Moment(0)).await;
    let new = new.expect("it is made");
    let subdomain = new.account.subdomain;
    println!("answered {subdomain}");
    for count in 0_u64.. {
        let text = Text::parse(&format!("{count:043}")).expect("a value");
        let found = service.find(new.account.username).expect("it is read");
        let proof = service.prove(found, new.password.clone()).await.expect("it is right");
        service.update(proof, text, By::Operator, Moment(0)).await.expect("it is done");
        println!("answered {subdomain} {count:043}");
    }
}
