//! Accounts and the zone of their values in one store, from the first turn to the next start.

use std::path::Path;
use std::time::Duration;

use repute_authority::store::Limits;
use repute_challenge::{AllowFrom, By, Keep, Moment, NewAccount, Service, Settings, Text, Uuid};
use repute_records::master;

use super::*;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// The records of lines, with a SOA before them.
fn records(lines: &str) -> Vec<Record> {
    let text = format!("@ 60 SOA ns hostmaster 7 3600 900 604800 300\n{lines}");
    let reading = master::read_lines(&name("auth.test"), &text);
    assert!(reading.faults.is_empty(), "{:?}", reading.faults);
    reading.records.into_iter().map(|placed| placed.record).collect()
}

/// A service in a folder.
struct Fixture {
    store: Arc<Store>,
    service: Service<ChallengeZone>,
}

impl Fixture {
    /// As a server starts that has these lines.
    async fn start(folder: &Path, lines: &str) -> Fixture {
        let (path, records) = (folder.join("zones.redb"), records(lines));
        let begin = move || {
            let store = Arc::new(Store::open(&path, Limits::default()).expect("a store"));
            let zone = ChallengeZone::begin(Arc::clone(&store), name("auth.test"), records);
            (store, Arc::new(zone.expect("it begins")))
        };
        let (store, zone) = tokio::task::spawn_blocking(begin).await.expect("no panic");
        let keep = Keep { values: 2, age: Duration::from_secs(60) };
        let settings = Settings { domain: name("auth.test"), keep };
        Fixture { store, service: Service::open(zone, settings).await.expect("it opens") }
    }

    async fn register(&self) -> NewAccount {
        self.service.register(AllowFrom::default(), By::Operator, Moment(0)).await.expect("made")
    }

    /// Puts a value of one character as an account.
    async fn update(&self, account: &NewAccount, of: char) -> Result<(), Fault> {
        let found = self.service.find(account.account.username).expect("it is read");
        let proof = self.service.prove(found, account.password.clone()).await.expect("it is right");
        let text = Text::parse(&of.to_string().repeat(43)).expect("a value");
        self.service.update(proof, text, By::Operator, Moment(1)).await
    }

    /// The zone as it is on the disk.
    fn zone(&self) -> Arc<Zone> {
        self.store.zone(&name("auth.test")).expect("it has begun")
    }

    /// The first characters of what is at a name, with the time to live.
    fn values(&self, at: &Name) -> String {
        let zone = self.zone();
        let Some(set) = zone.node(at).and_then(|node| node.get(rtype::TXT)) else {
            return String::new();
        };
        let first = |data: &[u8]| char::from(data[1]);
        let mut all: Vec<char> = set.iter().map(first).collect();
        all.sort_unstable();
        format!("{} {}", set.ttl(), all.into_iter().collect::<String>())
    }
}

#[tokio::test]
async fn a_value_is_in_the_zone_and_its_journal_when_it_is_answered_and_after_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (new, serial) = {
        let fixture = Fixture::start(folder.path(), "@ NS ns").await;
        let new = fixture.register().await;
        let before = fixture.zone().serial();
        for of in ['a', 'b', 'c'] {
            fixture.update(&new, of).await.expect("it is done");
        }
        assert_eq!(fixture.values(&new.full_domain), "1 bc");
        let steps = fixture.store.since(&name("auth.test"), before).expect("it is read");
        let steps = steps.expect("the journal reaches back");
        assert_eq!(steps.iter().map(|step| step.added.len()).sum::<usize>(), 3);
        assert_eq!(steps.iter().map(|step| step.removed.len()).sum::<usize>(), 1);
        (new, fixture.zone().serial())
    };
    let fixture = Fixture::start(folder.path(), "@ NS ns").await;
    assert_eq!(fixture.values(&new.full_domain), "1 bc");
    assert_eq!(fixture.zone().serial(), serial, "nothing has changed");
    fixture.update(&new, 'd').await.expect("its password is as before");
    assert_eq!(fixture.values(&new.full_domain), "1 cd");
    fixture.service.delete(new.account.username, By::Operator).await.expect("it is there");
    assert_eq!(fixture.values(&new.full_domain), "");
    assert_eq!(fixture.zone().len(), 2);
}

#[tokio::test]
async fn other_lines_take_the_place_of_those_before_and_values_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "@ NS ns\nns 60 A 192.0.2.1\ngone 60 TXT \"x\"\n";
    let new = {
        let fixture = Fixture::start(folder.path(), lines).await;
        let new = fixture.register().await;
        fixture.update(&new, 'a').await.expect("it is done");
        new
    };
    let fixture = Fixture::start(folder.path(), "@ NS ns\nns 60 A 192.0.2.2\n").await;
    let zone = fixture.zone();
    assert_eq!(fixture.values(&new.full_domain), "1 a");
    assert!(zone.node(&name("gone.auth.test")).is_none());
    let address =
        zone.node(&name("ns.auth.test")).and_then(|node| node.get(1)).expect("an address");
    assert_eq!(address.first(), [192, 0, 2, 2]);
    assert!(zone.serial() > 1_600_000_000, "a store that was lost would go on from the time");
}

#[tokio::test]
async fn who_is_refused_stops_nobody_and_a_zone_that_is_gone_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = Fixture::start(folder.path(), "@ NS ns").await;
    let new = fixture.register().await;
    let nobody = fixture.service.rotate(Uuid::nil(), By::Operator);
    let (refused, done) = tokio::join!(nobody, fixture.update(&new, 'a'));
    assert!(matches!(refused, Err(Fault::NoAccount)));
    done.expect("it is done");
    let remove = fixture.store.turn(|turn| turn.remove(&name("auth.test")));
    remove.done().await.expect("it is removed");
    let told = fixture.update(&new, 'b').await.expect_err("there is no zone").to_string();
    assert!(told.contains("the store has no zone auth.test"), "{told}");
    let listed = fixture.service.list(None, 1).expect("it is read");
    assert_eq!(listed[0].values.len(), 1, "what has no place in the zone is not kept either");
}
