//! Accounts from the first to the last turn, in a store on disk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::store::Store;

/// The zone as it is served: what each name has.
pub(crate) type Zone = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A service in a folder of its own, and the zone it serves.
pub(crate) async fn service(folder: &TempDir, keep: Keep) -> (Service<Store>, Zone) {
    let zone = Zone::default();
    let served = Arc::clone(&zone);
    let serve = move |changes: Vec<TxtChange>| {
        let mut zone = served.lock().expect("no panic");
        for change in changes {
            let text = |value: Vec<u8>| String::from_utf8(value).expect("a text");
            zone.insert(change.name.to_string(), change.values.into_iter().map(text).collect());
        }
    };
    let store = Store::open(&folder.path().join("store"), serve).expect("it opens");
    let settings = Settings { domain: "auth.example".parse().expect("a name"), keep };
    (Service::open(Arc::new(store), settings).await.expect("it opens"), zone)
}

/// A value of one character.
fn text(of: char) -> Text {
    Text::parse(&of.to_string().repeat(43)).expect("a value")
}

/// Who asks.
fn client() -> By {
    By::client("192.0.2.77".parse().expect("an address"))
}

/// Shows a password.
async fn prove(
    service: &Service<Store>,
    username: Uuid,
    password: &Password,
) -> Result<Proof, Unproved> {
    service.prove(service.find(username).expect("it is read"), password.clone()).await
}

/// Puts values, as the account that shows its password.
async fn put(service: &Service<Store>, new: &NewAccount, what: &str, now: u64) {
    for of in what.chars() {
        let proof = prove(service, new.account.username, &new.password).await.expect("it is right");
        service.update(proof, text(of), client(), Moment(now)).await.expect("it is done");
    }
}

/// The first characters of the values that are served for an account.
fn served(zone: &Zone, new: &NewAccount) -> String {
    let zone = zone.lock().expect("no panic");
    let values = zone.get(&new.full_domain.to_string()).cloned().unwrap_or_default();
    values.iter().filter_map(|value| value.chars().next()).collect()
}

/// Registers an account.
async fn register(service: &Service<Store>) -> NewAccount {
    service.register(AllowFrom::default(), client(), Moment(0)).await.expect("it is made")
}

#[tokio::test]
async fn values_are_served_with_the_commit_and_are_there_after_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let keep = Keep { values: 3, age: Duration::from_millis(100) };
    let new = {
        let (service, zone) = service(&folder, keep).await;
        let new = register(&service).await;
        assert_eq!(new.full_domain.to_string(), format!("{}.auth.example", new.account.subdomain));
        assert_eq!(served(&zone, &new), "");
        put(&service, &new, "abcd", 0).await;
        assert_eq!(served(&zone, &new), "bcd");
        new
    };
    let (service, zone) = service(&folder, keep).await;
    let apex = service.settings().domain.clone();
    let turn = service.turns().turn(move |t| Ok((zone_values(t, &apex)?, Vec::new())));
    let whole = turn.await.expect("it is read");
    let expect = TxtChange {
        name: new.full_domain.clone(),
        values: ["b", "c", "d"].map(|of| of.repeat(43).into_bytes()).to_vec(),
    };
    assert_eq!(whole, [expect]);
    let listed = service.list(None, 10).expect("it is read");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].values.len(), 3);
    assert_eq!(service.expire(Moment(99)).await.expect("it runs"), Some(Moment(100)));
    assert_eq!(served(&zone, &new), "", "nothing was too old");
    assert_eq!(service.expire(Moment(100)).await.expect("it runs"), None);
    assert_eq!(served(&zone, &new), "cd");
    put(&service, &new, "d", 101).await;
    assert_eq!(served(&zone, &new), "cd");
    assert_eq!(service.counts().expired.value(), 1);
}

#[tokio::test]
async fn who_looks_for_old_values_writes_nothing_while_there_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let commits = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&commits);
    let count = move |_| *counted.lock().expect("no panic") += 1;
    let store = Store::open(&folder.path().join("store"), count).expect("it opens");
    let domain: Name = "auth.example".parse().expect("a name");
    let settings = Settings { domain, keep: Keep { values: 3, age: Duration::from_secs(1) } };
    let service = Service::open(Arc::new(store), settings).await.expect("it opens");
    let new = register(&service).await;
    let written = || *commits.lock().expect("no panic");
    let before = written();
    assert_eq!(service.expire(Moment(9_000)).await.expect("it runs"), None);
    assert_eq!(written(), before);
    put(&service, &new, "abc", 0).await;
    let before = written();
    assert_eq!(service.expire(Moment(999)).await.expect("it runs"), Some(Moment(1_000)));
    assert_eq!(written(), before);
    assert_eq!(service.expire(Moment(1_000)).await.expect("it runs"), None);
    assert_eq!(written(), before + 1);
}

#[tokio::test]
async fn settings_that_change_hold_for_values_that_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut service, zone) = service(&folder, Keep::default()).await;
    let new = register(&service).await;
    put(&service, &new, "abcd", 0).await;
    service.settings.keep = Keep { values: 10, age: Duration::from_hours(2) };
    let hour = 3_600_000;
    assert_eq!(service.expire(Moment(hour)).await.expect("it runs"), Some(Moment(2 * hour)));
    assert_eq!(served(&zone, &new), "abcd");
    assert_eq!(service.expire(Moment(2 * hour)).await.expect("it runs"), None);
    assert_eq!(served(&zone, &new), "cd");
}

#[tokio::test]
async fn more_subdomains_than_one_turn_takes_expire() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, zone) = service(&folder, Keep::default()).await;
    let new = register(&service).await;
    put(&service, &new, "abc", 0).await;
    let turn = service.turns.turn(|t| {
        for i in 0..MOST_EXPIRED + 1 {
            for of in "xyz".chars() {
                accounts::add_value(t, &format!("s{i}"), &text(of), Moment(0), &Keep::default())?;
            }
        }
        Ok(((), Vec::new()))
    });
    turn.await.expect("it is written");
    assert_eq!(service.expire(Moment(u64::MAX)).await.expect("it runs"), None);
    assert_eq!(service.counts().expired.value(), MOST_EXPIRED as u64 + 2);
    assert_eq!(served(&zone, &new), "bc");
}

#[tokio::test]
async fn clients_take_away_one_value_or_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, zone) = service(&folder, Keep::default()).await;
    let (new, other) = (register(&service).await, register(&service).await);
    put(&service, &new, "abc", 0).await;
    put(&service, &other, "b", 0).await;
    let clear = async |what: Option<Text>| {
        let proof = prove(&service, new.account.username, &new.password).await.expect("right");
        service.clear(proof, what, client()).await.expect("it is done")
    };
    assert_eq!((clear(Some(text('b'))).await, &*served(&zone, &new)), (1, "ac"));
    assert_eq!((clear(Some(text('b'))).await, &*served(&zone, &new)), (0, "ac"));
    assert_eq!((clear(None).await, &*served(&zone, &new)), (2, ""));
    assert_eq!(served(&zone, &other), "b");
}

#[tokio::test]
async fn a_password_opens_its_account_until_another_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, zone) = service(&folder, Keep::default()).await;
    let new = register(&service).await;
    let username = new.account.username;
    let wrong = Password::random().expect("one");
    for (username, password) in [(username, &wrong), (Uuid::nil(), &new.password)] {
        let refused = prove(&service, username, password).await;
        assert!(matches!(refused, Err(Unproved::Wrong)));
    }
    let early = prove(&service, username, &new.password).await.expect("it is right");
    let rotated = service.rotate(username, By::Operator).await.expect("it is done");
    // What was shown before counts no more, also when its turn comes only now.
    let late = service.update(early, text('a'), client(), Moment(0)).await;
    assert!(matches!(late, Err(Fault::Changed)));
    assert!(prove(&service, username, &new.password).await.is_err());
    let new = NewAccount { password: rotated, ..new };
    put(&service, &new, "a", 0).await;
    assert_eq!(served(&zone, &new), "a");
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, zone) = service(&folder, Keep::default()).await;
    let new = register(&service).await;
    let username = new.account.username;
    put(&service, &new, "abc", 0).await;
    let domain: Name = "example.org".parse().expect("a name");
    assert!(service.bind(domain.clone(), username).await.expect("it is bound"));
    let early = prove(&service, username, &new.password).await.expect("it is right");
    service.delete(username, By::Operator).await.expect("it is done");
    assert_eq!((&*served(&zone, &new), service.count().expect("it is read")), ("", 0));
    assert!(matches!(service.delete(username, By::Operator).await, Err(Fault::NoAccount)));
    let late = service.update(early, text('a'), client(), Moment(0)).await;
    assert!(matches!(late, Err(Fault::NoAccount)));
    assert!(prove(&service, username, &new.password).await.is_err());
    assert_eq!(service.expire(Moment(u64::MAX)).await.expect("it runs"), None);
    assert_eq!(service.counts().expired.value(), 0);
    let other = register(&service).await;
    assert!(service.bind(domain, other.account.username).await.expect("the domain is free"));
}

#[tokio::test]
async fn accounts_are_listed_by_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, _zone) = service(&folder, Keep::default()).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(register(&service).await.account.username);
    }
    all.sort();
    let mut found = Vec::new();
    while let page = service.list(found.last().copied(), 2).expect("it is read")
        && !page.is_empty()
    {
        assert!(page.len() <= 2);
        found.extend(page.iter().map(|listed| listed.account.username));
    }
    assert_eq!(found, all);
    assert!(service.list(Some(Uuid::max()), 2).expect("it is read").is_empty());
}

#[tokio::test]
async fn a_domain_is_one_account_s_and_values_go_to_ones_own_subdomain() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, _zone) = service(&folder, Keep::default()).await;
    let (a, b, open) =
        (register(&service).await, register(&service).await, register(&service).await);
    let domain: Name = "Example.org".parse().expect("a name");
    assert!(service.bind(domain.clone(), a.account.username).await.expect("it is bound"));
    assert!(!service.bind(domain.clone(), a.account.username).await.expect("it is so already"));
    let taken = service.bind(domain.clone(), b.account.username).await;
    assert!(matches!(taken, Err(Fault::Bound { username, .. }) if username == a.account.username));
    let unknown = service.bind("x.example".parse().expect("a name"), Uuid::nil()).await;
    assert!(matches!(unknown, Err(Fault::NoAccount)));
    let (own_of_a, own_of_b) = (a.full_domain.to_string(), b.full_domain.to_string());
    for (who, fqdn, expect) in [
        (&a, "_acme-challenge.example.org", true),
        (&a, "_ACME-challenge.EXAMPLE.org.", true),
        (&a, "_acme-challenge.sub.example.org", false),
        (&a, "_acme-challenge.example.net", false),
        (&a, &*own_of_a, true),
        (&a, &*own_of_b, false),
        (&a, "auth.example", false),
        (&b, "_acme-challenge.example.org", false),
        (&b, "_acme-challenge.example.net", true),
        (&b, &*own_of_b, true),
        (&open, "_acme-challenge.example.org", false),
        (&open, "_acme-challenge.example.net", true),
    ] {
        let fqdn: Name = fqdn.parse().expect("a name");
        let may = service.may_present(&who.account, &fqdn).expect("it is read");
        assert_eq!(may, expect, "{fqdn}");
    }
    let before = service.unbind(domain.clone()).await.expect("it is done");
    assert_eq!(before, Some(a.account.username));
    assert_eq!(service.unbind(domain).await.expect("it is done"), None);
    let fqdn = "_acme-challenge.example.org".parse().expect("a name");
    assert!(service.may_present(&b.account, &fqdn).expect("it is read"));
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_change_is_a_line_that_says_who_and_no_secret() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // With one subscriber alone, a test on another thread that has none and writes such a line first would have it
    // left out for good.
    let _second =
        tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir().expect("a folder");
    let (service, _zone) = service(&folder, Keep::default()).await;
    let new = register(&service).await;
    let username = new.account.username;
    put(&service, &new, "a", 0).await;
    let proof = prove(&service, username, &new.password).await.expect("it is right");
    service.clear(proof, None, client()).await.expect("it is done");
    let domain: Name = "example.org".parse().expect("a name");
    service.bind(domain.clone(), username).await.expect("it is bound");
    service.unbind(domain).await.expect("it is unbound");
    let rotated = service.rotate(username, By::Operator).await.expect("it is done");
    service.delete(username, By::Operator).await.expect("it is done");
    let text = String::from_utf8(logged.0.lock().expect("no panic").clone()).expect("a text");
    let lines = text
        .lines()
        .map(|line| -> serde_json::Value { serde_json::from_str(line).expect("it is JSON") });
    let lines = lines.filter(|line| line["target"] == "repute_challenge::audit");
    let said = lines.map(|line| {
        let fields = &line["fields"];
        assert_eq!(fields["account"], username.to_string());
        assert_eq!(fields["subdomain"], *new.account.subdomain);
        let text = |name: &str| fields[name].as_str().expect("a text").to_owned();
        text("change") + " " + &text("client")
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "register 192.0.2.0/24",
            "update 192.0.2.0/24",
            "remove 192.0.2.0/24",
            "bind operator",
            "unbind operator",
            "rotate operator",
            "delete operator",
        ]
    );
    for secret in [new.password.as_str(), rotated.as_str(), text_of_a()] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// The value that was put.
fn text_of_a() -> &'static str {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}
