//! What organisations have on lists is looked at again, by a resolver whose answers change, on real databases.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use repute_database::consistency::{self as stored, Counts, State};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::lists::{self, List};
use repute_database::organisations::{self, Contact, Purpose};
use repute_database::testing::on_each;
use repute_database::{Database, Timestamp, contact_mails};
use repute_dnsxl::{KeyKind, Name, Polarity};
use repute_registry::consistency::{tell, turn};
use repute_registry::notice::{Notice, Reader};

/// So many hours.
fn hour(count: i64) -> Timestamp {
    Timestamp(count * 3_600_000_000)
}

/// What a resolver says: the name of an address, by its reverse name, and the address of a name. It is silent about names
/// that are held back.
#[derive(Clone, Default)]
struct World(Arc<Mutex<BTreeMap<String, Option<Vec<u8>>>>>);

impl World {
    /// Gives an address a name, which leads back to it.
    fn name(&self, address: [u8; 4], name: &str) {
        let mut known = self.0.lock().expect("nobody panicked");
        let [a, b, c, d] = address;
        let wire = name.parse::<Name>().expect("a name").as_wire().to_vec();
        known.insert(format!("{d}.{c}.{b}.{a}.in-addr.arpa"), Some(wire));
        known.insert(name.to_owned(), Some(address.to_vec()));
    }

    /// Has a name lead to another address.
    fn lead(&self, name: &str, address: [u8; 4]) {
        self.0.lock().expect("nobody panicked").insert(name.to_owned(), Some(address.to_vec()));
    }

    /// Says nothing about a name any more.
    fn hold_back(&self, name: &str) {
        self.0.lock().expect("nobody panicked").insert(name.to_owned(), None);
    }

    /// Forgets all.
    fn forget(&self) {
        self.0.lock().expect("nobody panicked").clear();
    }

    /// Answers on loopback.
    fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("an address");
        let world = self.clone();
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut packet) {
                let query = &packet[..len];
                let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
                let name = Name::from_wire(&query[12..end]).expect("a name").to_string();
                let found = world.0.lock().expect("nobody panicked").get(&name).cloned();
                let Some(data) = found.unwrap_or(Some(Vec::new())) else { continue };
                let mut out = query[..end + 4].to_vec();
                (out[2], out[3]) = (0x81, if data.is_empty() { 0x83 } else { 0x80 });
                out[6..12].fill(0);
                if !data.is_empty() {
                    out[7] = 1;
                    out.extend_from_slice(&[0xc0, 12, 0, query[end + 1], 0, 1, 0, 0, 0, 60]);
                    out.extend_from_slice(&[0, data.len() as u8]);
                    out.extend_from_slice(&data);
                }
                socket.send_to(&out, from).expect("it is sent");
            }
        });
        address
    }
}

/// Organisations, each with networks on an allow list.
async fn enlist(database: &Database, networks: &[&[&str]]) -> Vec<OrganisationId> {
    let mut transaction = database.begin().await.expect("a transaction");
    let list = List {
        apex: "wl.example".parse().expect("a name"),
        title: String::new(),
        description: String::new(),
        polarity: Polarity::Allow,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let list = lists::add(transaction.session(), &list, hour(0)).await.expect("it is added");
    let source = entries::source(transaction.session(), "hand").await.expect("a source");
    let mut all = Vec::new();
    for networks in networks {
        let id = organisations::add(transaction.session(), "A bank", hour(0)).await;
        let id = id.expect("an Id");
        for network in *networks {
            let entry = Entry {
                key: network.parse().expect("a key"),
                code: Some("127.0.5.1".parse().expect("a code")),
                text: String::new(),
                reason: String::new(),
                criterion: None,
                source,
                organisation: Some(id),
                since: hour(0),
                expires: None,
                review: None,
            };
            entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
        }
        all.push(id);
    }
    transaction.commit().await.expect("it is committed");
    all
}

/// Looks, and returns what is told.
async fn look(database: &Database, resolver: SocketAddr, now: Timestamp) -> Vec<Notice> {
    let timeout = Duration::from_millis(300);
    turn(database, &[resolver], timeout, now).await.expect("it is looked at");
    let mut transaction = database.begin().await.expect("a transaction");
    let told = tell(&mut transaction, now).await.expect("it is told");
    transaction.commit().await.expect("it is committed");
    told
}

/// How many networks of an organisation are in each state.
async fn counts(database: &Database, id: OrganisationId) -> Counts {
    let mut connection = database.read().await.expect("a connection");
    stored::counts(connection.session(), id).await.expect("they are counted")
}

#[tokio::test]
async fn a_name_that_does_not_lead_back_is_suspect_then_told_then_bad_and_well_again() {
    on_each(async |database| {
        let world = World::default();
        let resolver = world.serve();
        world.name([8, 8, 8, 8], "mail.bank.example");
        world.name([8, 8, 4, 4], "mx.bank.example");
        let bank = enlist(&database, &[&["8.8.8.8", "8.8.4.4"]]).await[0];
        let mut transaction = database.begin().await.expect("a transaction");
        for (mail, purpose) in
            [("abuse@bank.example", Purpose::Abuse), ("noc@bank.example", Purpose::Technical)]
        {
            let contact = Contact { mail: mail.to_owned(), purpose };
            let added = organisations::add_contact(transaction.session(), bank, &contact).await;
            added.expect("it is added");
            let said = contact_mails::confirm(transaction.session(), bank, mail, hour(0)).await;
            said.expect("it is confirmed");
        }
        // Nobody has said that letters may go there.
        let silent = Contact { mail: "other@bank.example".to_owned(), purpose: Purpose::Technical };
        organisations::add_contact(transaction.session(), bank, &silent).await.expect("added");
        transaction.commit().await.expect("it is committed");

        assert_eq!(look(&database, resolver, hour(1)).await, []);
        assert_eq!(look(&database, resolver, hour(25)).await, []);
        let of = |ok, suspect, bad| Counts { new: 0, ok, suspect, bad };
        assert_eq!(counts(&database, bank).await, of(2, 0, 0));

        // An answer that is lost changes nothing; one that says otherwise does, and twice it is told.
        world.hold_back("mail.bank.example");
        assert_eq!(look(&database, resolver, hour(50)).await, []);
        assert_eq!(counts(&database, bank).await, of(2, 0, 0));
        world.lead("mail.bank.example", [8, 8, 8, 9]);
        assert_eq!(look(&database, resolver, hour(60)).await, []);
        assert_eq!(counts(&database, bank).await, of(1, 1, 0));
        assert_eq!(look(&database, resolver, hour(67)).await, [], "it settles first");
        let told = look(&database, resolver, hour(68)).await;
        let [Notice::Consistency { reader, organisation, news, more: 0 }] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(*reader, Reader::Contact("noc@bank.example".to_owned()));
        assert_eq!((*organisation, news.len(), news[0].state), (bank, 1, State::Suspect));
        let mend = "`dig +short mail.bank.example A` must print 8.8.8.8";
        assert_eq!(news[0].reasons[0].mend, mend);
        assert_eq!(look(&database, resolver, hour(70)).await, [], "once");

        assert_eq!(look(&database, resolver, hour(92)).await, []);
        assert_eq!(counts(&database, bank).await, of(1, 1, 0), "not for three days yet");
        assert_eq!(look(&database, resolver, hour(134)).await, []);
        assert_eq!(counts(&database, bank).await, of(1, 0, 1));
        let told = look(&database, resolver, hour(136)).await;
        assert!(
            matches!(&told[..], [Notice::Consistency { news, .. }] if news[0].state == State::Bad)
        );

        world.name([8, 8, 8, 8], "mail.bank.example");
        assert_eq!(look(&database, resolver, hour(160)).await, []);
        assert_eq!(counts(&database, bank).await, of(2, 0, 0));
        let told = look(&database, resolver, hour(162)).await;
        assert!(
            matches!(&told[..], [Notice::Consistency { news, .. }] if news[0].state == State::Ok)
        );
    })
    .await;
}

#[tokio::test]
async fn a_resolver_that_has_lost_all_names_is_not_believed() {
    on_each(async |database| {
        let world = World::default();
        let resolver = world.serve();
        let networks = ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5", "8.8.8.6"];
        for last in 1..7 {
            world.name([8, 8, 8, last], &format!("mx{last}.bank.example"));
        }
        let each: Vec<&[&str]> = networks.iter().map(std::slice::from_ref).collect();
        let all = enlist(&database, &each).await;
        look(&database, resolver, hour(1)).await;
        look(&database, resolver, hour(25)).await;
        world.forget();
        look(&database, resolver, hour(50)).await;
        for id in all {
            assert_eq!(counts(&database, id).await, Counts { ok: 1, ..Counts::default() });
        }
    })
    .await;
}

#[tokio::test]
async fn two_processes_look_at_each_network_once() {
    on_each(async |database| {
        let world = World::default();
        let resolver = world.serve();
        let networks: Vec<String> = (1..200).map(|last| format!("8.8.8.{last}")).collect();
        let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
        let bank = enlist(&database, &[&networks]).await[0];
        let (resolvers, timeout) = ([resolver], Duration::from_secs(2));
        turn(&database, &resolvers, timeout, hour(1)).await.expect("they are found");
        // A day later all of them are due.
        let (one, other) = tokio::join!(
            turn(&database, &resolvers, timeout, hour(26)),
            turn(&database, &resolvers, timeout, hour(26))
        );
        one.and(other).expect("they are looked at");
        let mut connection = database.read().await.expect("a connection");
        let found = stored::unwell(connection.session(), bank, 999).await.expect("they are read");
        assert_eq!(found.len(), 199);
        assert!(found.iter().all(|one| one.standing.failures == 1), "none was counted twice");
    })
    .await;
}
