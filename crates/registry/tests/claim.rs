//! Claims from the challenge to the end, with a resolver and two name servers on loopback whose zone can be changed.

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use repute_database::accounts::{self, AccountId};
use repute_database::claims::{self, Claim, ClaimId, Mailbox, Proof, State};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, MemberRole};
use repute_database::testing::on_each;
use repute_database::{Database, Timestamp, Transaction, person};
use repute_dnsxl::Name;
use repute_registry::claim::challenge::{Fault, Look, Reach};
use repute_registry::claim::{self, Answer, ClaimError, For, Opened, Tell};
use repute_registry::notice::Notice;
use repute_registry::organisation;
use repute_registry::permission::{Person, Role};
use repute_registry::token::TokenKey;

/// What each name server says at the name of the challenge; one that is not here is silent.
type Texts = Arc<Mutex<HashMap<IpAddr, Vec<String>>>>;

/// The name servers of `x.example`.
const SERVERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3))];

/// A resolver and the servers of `x.example`; they end with the process.
struct World {
    texts: Texts,
    look: Look,
}

impl World {
    /// Starts them.
    fn start() -> World {
        let texts = Texts::default();
        let resolver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let first = UdpSocket::bind((SERVERS[0], 0)).expect("a port");
        let port = first.local_addr().expect("an address").port();
        let second = UdpSocket::bind((SERVERS[1], port)).expect("the same port");
        let resolvers = vec![resolver.local_addr().expect("an address")];
        for socket in [resolver, first, second] {
            let texts = texts.clone();
            thread::spawn(move || serve(&socket, &texts));
        }
        let look = Look {
            label: "_repute-challenge".to_owned(),
            resolvers,
            timeout: Duration::from_secs(2),
            reach: Reach::Everywhere { port },
        };
        World { texts, look }
    }

    /// Puts a text on all servers, or on one.
    fn publish(&self, servers: &[IpAddr], text: &str) {
        self.publish_all(servers, &[text.to_owned()]);
    }

    /// The same of several texts.
    fn publish_all(&self, servers: &[IpAddr], all: &[String]) {
        let mut texts = self.texts.lock().expect("whole");
        for server in servers {
            texts.insert(*server, [&["v=spf1 -all".to_owned()], all].concat());
        }
    }

    /// Takes it off all of them.
    fn clear(&self) {
        let mut texts = self.texts.lock().expect("whole");
        for server in SERVERS {
            texts.insert(server, Vec::new());
        }
    }
}

/// Answers queries: as a resolver for who serves `x.example`, as a server of it for texts.
fn serve(socket: &UdpSocket, texts: &Texts) {
    let own = socket.local_addr().expect("an address").ip();
    let mut packet = [0; 512];
    while let Ok((len, from)) = socket.recv_from(&mut packet) {
        let query = &packet[..len];
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
        let name = Name::from_wire(&query[12..end]).expect("a name").to_string();
        let records: Vec<Vec<u8>> = match (&*name, query[end + 1], SERVERS.contains(&own)) {
            ("x.example", 2, false) => ["ns1.x.example", "ns2.x.example"]
                .map(|host| host.parse::<Name>().expect("a name").as_wire().to_vec())
                .to_vec(),
            ("ns1.x.example", 1, false) => vec![vec![127, 0, 0, 2]],
            ("ns2.x.example", 1, false) => vec![vec![127, 0, 0, 3]],
            ("_repute-challenge.x.example", 16, true) => {
                let Some(texts) = texts.lock().expect("whole").get(&own).cloned() else { continue };
                let data = |text: String| [&[text.len() as u8], text.as_bytes()].concat();
                texts.into_iter().map(data).collect()
            }
            _ => Vec::new(),
        };
        let mut out = query[..end + 4].to_vec();
        // AA from a server of the zone, RA from the resolver.
        (out[2], out[3]) = if SERVERS.contains(&own) { (0x84, 0) } else { (0x81, 0x80) };
        out[6..12].fill(0);
        out[7] = records.len() as u8;
        for data in records {
            out.extend_from_slice(&[0xc0, 12, 0, query[end + 1], 0, 1, 0, 0, 0, 60]);
            out.extend_from_slice(&[0, data.len() as u8]);
            out.extend_from_slice(&data);
        }
        send(socket, &out, from);
    }
}

/// Sends a reply.
fn send(socket: &UdpSocket, packet: &[u8], to: SocketAddr) {
    socket.send_to(packet, to).expect("it is sent");
}

/// A member of the registry.
fn member(account: i64) -> Person {
    Person { account, role: Role::Member }
}

/// So many days.
fn day(count: i64) -> Timestamp {
    Timestamp(count * 86_400_000_000)
}

/// The key of these tests.
fn key() -> TokenKey {
    TokenKey::new(&[7; 32])
}

/// The domain of these tests.
fn domain() -> Name {
    "x.example".parse().expect("a name")
}

/// Opens a claim.
async fn open(
    database: &Database,
    who: Person,
    whom: For,
    proof: Proof,
    now: Timestamp,
) -> Result<Opened, ClaimError> {
    let mut transaction = database.begin().await.expect("a transaction");
    let opened = claim::open(&mut transaction, who, &whom, &domain(), proof, &key(), now).await?;
    transaction.commit().await.expect("it is committed");
    Ok(opened)
}

/// Looks for a claim's record, and takes what is found.
async fn look(
    database: &Database,
    world: &World,
    who: Person,
    claim: &Claim,
    now: Timestamp,
) -> (Claim, Vec<Notice>) {
    let found = claim::search(&world.look, claim, &key()).await.expect("sockets");
    let mut transaction = database.begin().await.expect("a transaction");
    let taken = claim::take(&mut transaction, who, claim.id, &found, now).await;
    transaction.commit().await.expect("it is committed");
    taken.expect("it is taken")
}

/// What is told, kept.
#[derive(Default)]
struct Heard(Mutex<Vec<Notice>>);

impl Tell for Heard {
    async fn tell(
        &self,
        _: &mut Transaction,
        notices: &[Notice],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.lock().expect("whole").extend_from_slice(notices);
        Ok(())
    }
}

/// Nobody can be told anything.
struct Deaf;

impl Tell for Deaf {
    async fn tell(
        &self,
        _: &mut Transaction,
        notices: &[Notice],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if notices.is_empty() { Ok(()) } else { Err("no letter can be written".into()) }
    }
}

/// Looks again at what is due; what is told of it.
async fn look_again(database: &Database, look: &Look, now: Timestamp) -> Vec<Notice> {
    let heard = Heard::default();
    claim::look_again(database, look, &key(), &heard, now).await.expect("a look");
    heard.0.into_inner().expect("whole")
}

/// The state of a claim.
async fn state(database: &Database, claim: &Claim) -> State {
    let mut connection = database.read().await.expect("a connection");
    let claim = claims::by_id(connection.session(), claim.id).await.expect("it is read");
    claim.expect("it is there").state
}

#[tokio::test]
async fn a_domain_is_proven_at_all_of_its_own_servers_and_lapses_when_the_proof_is_gone() {
    let world = World::start();
    on_each(async |database| {
        world.texts.lock().expect("whole").clear();
        let anna = member(1);
        let whom = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let opened = open(&database, anna, whom, Proof::Dns, day(0)).await.expect("it is open");
        let claim = opened.claim;
        let text = format!("token={}", claim::token(&claim, &key()));

        // Silent servers prove nothing.
        let (silent, _) = look(&database, &world, anna, &claim, day(1)).await;
        assert_eq!(silent.state, State::Open);
        assert!(silent.seen.starts_with("0 of 2 servers"), "{}", silent.seen);
        // One of two is not enough, and which one lacks it is said.
        world.clear();
        world.publish(&SERVERS[..1], &text);
        let (half, _) = look(&database, &world, anna, &claim, day(1)).await;
        assert_eq!(half.state, State::Open);
        assert!(half.seen.contains("127.0.0.3 has no TXT record"), "{}", half.seen);
        world.publish(&SERVERS, &text);
        let (held, notices) = look(&database, &world, anna, &claim, day(1)).await;
        let due = Some(day(2));
        assert_eq!(held.state, State::Held { proven: day(1), due, failures: 0 });
        assert_eq!(notices, []);
        let mut connection = database.read().await.expect("a connection");
        let id = claim.new.organisation;
        let role = organisations::role_of(connection.session(), id, 1).await.expect("read");
        assert_eq!(role, Some(MemberRole::Owner));
        let domains = organisations::domains(connection.session(), id).await.expect("read");
        assert_eq!(domains, [domain()]);
        drop(connection);

        // The record goes: told on each day, gone on the third.
        assert_eq!(look_again(&database, &world.look, day(2)).await, []);
        world.clear();
        // What cannot be told does not happen.
        let deaf = claim::look_again(&database, &world.look, &key(), &Deaf, day(3)).await;
        assert!(matches!(deaf, Err(ClaimError::Told { .. })), "{deaf:?}");
        assert_eq!(
            state(&database, &claim).await,
            State::Held { proven: day(1), due: Some(day(3)), failures: 0 }
        );
        for (at, is_held) in [(3, true), (4, true), (5, false)] {
            // Two processes at once: one of them counts, and tells.
            let (one, other) = tokio::join!(
                look_again(&database, &world.look, day(at)),
                look_again(&database, &world.look, day(at)),
            );
            let told = [one, other].concat();
            let is_lost = matches!(told[..], [Notice::ClaimLost { account: 1, .. }]);
            let is_failing = matches!(told[..], [Notice::ClaimFails { account: 1, .. }]);
            assert_eq!((is_failing, is_lost), (is_held, !is_held), "day {at}: {told:?}");
            let stands = matches!(state(&database, &claim).await, State::Held { .. });
            assert_eq!(stands, is_held, "day {at}");
        }
        let again = look_again(&database, &world.look, day(9)).await;
        assert_eq!(again, [], "what is over is not looked at");
    })
    .await;
}

#[tokio::test]
async fn a_proof_by_dns_takes_a_domain_from_one_by_mail_after_a_week() {
    let world = World::start();
    on_each(async |database| {
        let (anna, bert) = (member(1), member(2));
        let mail = Proof::Mail(Mailbox::Postmaster);
        let whom = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let hers = open(&database, anna, whom, mail, day(0)).await.expect("it is open");
        let [Notice::ClaimLink { token, mailbox: Mailbox::Postmaster, .. }] = &hers.notices[..]
        else {
            panic!("{:?}", hers.notices)
        };
        let (id, key) = (hers.claim.id, key());
        let mut transaction = database.begin().await.expect("a transaction");
        let (t, yes) = (&mut transaction, Answer::Yes);
        for (id, token) in [(ClaimId(99), &**token), (id, "abc"), (id, "")] {
            let refused = claim::follow_link(t, id, token, yes, &key, day(1)).await;
            assert!(matches!(refused, Err(ClaimError::Link)), "{refused:?}");
        }
        for answer in [Answer::Yes, Answer::No] {
            let late = claim::follow_link(t, id, token, answer, &key, day(15)).await;
            assert!(matches!(late, Err(ClaimError::Over("expired"))));
        }
        let (_, told) = claim::follow_link(t, id, token, yes, &key, day(1)).await.expect("proven");
        let [Notice::ClaimAnswered { account: 1, answer: Answer::Yes, .. }] = told[..] else {
            panic!("{told:?}")
        };
        for answer in [Answer::Yes, Answer::No] {
            let twice = claim::follow_link(t, id, token, answer, &key, day(1)).await;
            assert!(matches!(twice, Err(ClaimError::Over("held"))), "a link is good once");
        }
        transaction.commit().await.expect("it is committed");

        let organisation = hers.claim.new.organisation;
        let whom = For::Existing(organisation);
        let his = open(&database, bert, whom, Proof::Dns, day(2)).await.expect("it is open").claim;
        world.clear();
        world.publish(&SERVERS, &format!("token={}", claim::token(&his, &key)));
        let (his, notices) = look(&database, &world, bert, &his, day(3)).await;
        let waiting = State::Waiting { proven: day(3), takes: Some(day(10)) };
        assert_eq!(his.state, waiting);
        let challenged = Notice::ClaimChallenged { account: 1, domain: domain(), takes: day(10) };
        assert_eq!(notices, [challenged], "she is told before");
        assert_eq!(look_again(&database, &world.look, day(9)).await, []);
        assert!(matches!(state(&database, &hers.claim).await, State::Held { .. }));
        let told = look_again(&database, &world.look, day(10)).await;
        assert!(matches!(
            told[..],
            [Notice::ClaimLost { account: 1, .. }, Notice::ClaimHeld { account: 2, .. }]
        ));
        assert_eq!(state(&database, &hers.claim).await, State::Superseded);
        let mut connection = database.read().await.expect("a connection");
        let members = organisations::members(connection.session(), organisation).await;
        let accounts: Vec<_> = members.expect("read").iter().map(|one| one.account).collect();
        assert_eq!(accounts, [2], "who speaks for it is who proved it best");
        drop(connection);
        // Another proof of his own takes nobody's place, and needs no week.
        let again = open(&database, bert, For::Existing(organisation), Proof::Dns, day(11)).await;
        let again = again.expect("it is open").claim;
        world.publish(&SERVERS, &format!("token={}", claim::token(&again, &key)));
        let (again, notices) = look(&database, &world, bert, &again, day(11)).await;
        assert!(matches!(again.state, State::Held { .. }), "{again:?}");
        assert_eq!((state(&database, &his).await, notices), (State::Superseded, vec![]));
    })
    .await;
}

#[tokio::test]
async fn whoever_is_told_and_proves_it_as_well_keeps_the_domain() {
    let world = World::start();
    on_each(async |database| {
        let (anna, bert, key) = (member(1), member(2), key());
        let whom = || For::New { name: "Example".to_owned(), categories: Vec::new() };
        let mail = Proof::Mail(Mailbox::Postmaster);
        let hers = open(&database, anna, whom(), mail, day(0)).await.expect("it is open");
        let [Notice::ClaimLink { token, .. }] = &hers.notices[..] else {
            panic!("{:?}", hers.notices)
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let (t, yes) = (&mut transaction, Answer::Yes);
        claim::follow_link(t, hers.claim.id, token, yes, &key, day(1)).await.expect("proven");
        transaction.commit().await.expect("it is committed");
        let his = open(&database, bert, whom(), Proof::Dns, day(2)).await.expect("it is open");
        let organisation = For::Existing(hers.claim.new.organisation);
        let better = open(&database, anna, organisation, Proof::Dns, day(2)).await;
        let (his, better) = (his.claim, better.expect("it is open").claim);
        world.clear();
        let tokens = [&his, &better].map(|claim| format!("token={}", claim::token(claim, &key)));
        world.publish_all(&SERVERS, &tokens);
        let (his, told) = look(&database, &world, bert, &his, day(3)).await;
        assert_eq!(his.state, State::Waiting { proven: day(3), takes: Some(day(10)) });
        assert!(matches!(told[..], [Notice::ClaimChallenged { account: 1, .. }]), "{told:?}");
        // She does what the letter says.
        let (better, _) = look(&database, &world, anna, &better, day(4)).await;
        assert!(matches!(better.state, State::Held { .. }), "{better:?}");
        let in_line = State::Waiting { proven: day(3), takes: None };
        assert_eq!(state(&database, &his).await, in_line, "an equal proof takes nothing");
        // As it was written before equal proofs were compared: the day comes all the same.
        let mut transaction = database.begin().await.expect("a transaction");
        let known = claims::by_id(transaction.session(), his.id).await.expect("it is read");
        let due = State::Waiting { proven: day(3), takes: Some(day(10)) };
        let known = known.expect("it is there");
        let is_set = claims::set_state(transaction.session(), &known, due, "").await;
        assert!(is_set.expect("it is set"));
        transaction.commit().await.expect("it is committed");
        assert_eq!(look_again(&database, &world.look, day(10)).await, []);
        assert_eq!(state(&database, &his).await, in_line);
        assert!(matches!(state(&database, &better).await, State::Held { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_domain_of_ones_own_opens_no_other_organisation() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let bank = organisations::add(transaction.session(), "A bank", day(0)).await;
        let bank = bank.expect("an Id");
        transaction.commit().await.expect("it is committed");
        let mallory = member(3);
        let refused = open(&database, mallory, For::Existing(bank), Proof::Dns, day(1)).await;
        assert!(matches!(refused, Err(ClaimError::Stranger { .. })));
        // An editor says by what it is known; then who proves that speaks for it.
        let mut transaction = database.begin().await.expect("a transaction");
        let editor = Person { account: 9, role: Role::Editor };
        let named =
            organisation::name_domain(&mut transaction, editor, bank, &domain(), day(1)).await;
        named.expect("it is named");
        transaction.commit().await.expect("it is committed");
        open(&database, mallory, For::Existing(bank), Proof::Dns, day(1)).await.expect("open");
    })
    .await;
}

/// Takes a domain away from an organisation as if it never had it, which lets a claim by it stand.
async fn forget(database: &Database, id: OrganisationId) {
    let mut transaction = database.begin().await.expect("a transaction");
    organisations::remove_domain(transaction.session(), id, &domain()).await.expect("removed");
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn a_claim_brings_nobody_to_an_organisation_that_is_not_known_by_the_domain_any_more() {
    let world = World::start();
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let bank = organisations::add(transaction.session(), "A bank", day(0)).await;
        let bank = bank.expect("an Id");
        let named = organisations::add_domain(transaction.session(), bank, &domain()).await;
        named.expect("it is named");
        transaction.commit().await.expect("it is committed");
        // Somebody else holds the domain by mail, so that the better proof waits.
        let mail = Proof::Mail(Mailbox::Postmaster);
        let whom = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let held = open(&database, member(1), whom, mail, day(0)).await.expect("it is open");
        follow(&database, &held, day(0)).await.expect("it is proven");
        let whom = For::Existing(bank);
        let by_mail = open(&database, member(2), whom.clone(), mail, day(0)).await.expect("open");
        let by_dns =
            open(&database, member(3), whom, Proof::Dns, day(0)).await.expect("open").claim;
        world.clear();
        world.publish(&SERVERS, &format!("token={}", claim::token(&by_dns, &key())));
        let (by_dns, _) = look(&database, &world, member(3), &by_dns, day(1)).await;
        assert!(matches!(by_dns.state, State::Waiting { .. }), "{by_dns:?}");
        forget(&database, bank).await;
        let refused = follow(&database, &by_mail, day(1)).await;
        assert!(matches!(refused, Err(ClaimError::Stranger { .. })), "{refused:?}");
        let told = look_again(&database, &world.look, day(8)).await;
        assert!(matches!(told[..], [Notice::ClaimLost { account: 3, .. }]), "{told:?}");
        assert_eq!(state(&database, &by_dns).await, State::Lapsed);
        assert!(matches!(state(&database, &held.claim).await, State::Held { .. }));
        let mut connection = database.read().await.expect("a connection");
        let members = organisations::members(connection.session(), bank).await.expect("read");
        assert_eq!(members, []);
    })
    .await;
}

#[tokio::test]
async fn colleagues_who_prove_the_same_speak_for_the_organisation_side_by_side() {
    on_each(async |database| {
        let mail = Proof::Mail(Mailbox::Postmaster);
        let mut organisation = None;
        for (account, at) in [(1, 0), (2, 3)] {
            let whom = organisation.map_or_else(
                || For::New { name: "Example".to_owned(), categories: Vec::new() },
                For::Existing,
            );
            let opened = open(&database, member(account), whom, mail, day(at)).await;
            let Opened { claim, notices } = opened.expect("it is open");
            organisation = Some(claim.new.organisation);
            let [Notice::ClaimLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, key) = (&mut transaction, key());
            let proven = claim::follow_link(t, claim.id, token, Answer::Yes, &key, day(at)).await;
            let (claim, notices) = proven.expect("it is proven");
            transaction.commit().await.expect("it is committed");
            assert!(matches!(claim.state, State::Held { .. }), "{claim:?}");
            let is_told = matches!(
                notices[..],
                [Notice::ClaimShared { account: 1, .. }, Notice::ClaimAnswered { account: 2, .. }]
            );
            assert_eq!(is_told, account == 2, "{notices:?}");
        }
        let mut connection = database.read().await.expect("a connection");
        let id = organisation.expect("there is one");
        let members = organisations::members(connection.session(), id).await.expect("read");
        let owners: Vec<_> = members.iter().map(|one| (one.account, one.role)).collect();
        assert_eq!(owners, [(1, MemberRole::Owner), (2, MemberRole::Owner)]);
    })
    .await;
}

#[tokio::test]
async fn a_colleague_takes_the_place_of_who_is_gone_while_his_record_stays() {
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let mut ids = Vec::new();
        for mail in ["ada@x.example", "bert@x.example"] {
            let role = accounts::Role::Member;
            let added = accounts::add(t.session(), mail, "A", "$none", role, day(0)).await;
            ids.push(added.expect("it is added").expect("it is new"));
        }
        transaction.commit().await.expect("it is committed");
        let [ada, bert] = [ids[0], ids[1]];
        let new = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let opened = open(&database, member(ada.0), new, Proof::Dns, day(0)).await;
        let by_dns = opened.expect("it is open").claim;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        claim::take(t, member(ada.0), by_dns.id, &Ok(2), day(0)).await.expect("it is proven");
        transaction.commit().await.expect("it is committed");
        let of = For::Existing(by_dns.new.organisation);
        let mail = Proof::Mail(Mailbox::Postmaster);
        let opened = open(&database, member(bert.0), of, mail, day(1)).await.expect("it is open");
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let account = accounts::by_id(t.session(), ada).await.expect("it is read").expect("there");
        person::erase(t.session(), &account).await.expect("she is erased");
        transaction.commit().await.expect("it is committed");
        let state = state(&database, &by_dns).await;
        assert!(matches!(state, State::Held { .. }), "her record is still there: {state:?}");
        let [Notice::ClaimLink { token, .. }] = &opened.notices[..] else { panic!("{opened:?}") };
        let mut transaction = database.begin().await.expect("a transaction");
        let (t, key, yes) = (&mut transaction, key(), Answer::Yes);
        let proven = claim::follow_link(t, opened.claim.id, token, yes, &key, day(2)).await;
        let (proven, notices) = proven.expect("it is proven");
        transaction.commit().await.expect("it is committed");
        assert!(matches!(proven.state, State::Held { .. }), "{proven:?}");
        assert!(
            matches!(notices[..], [Notice::ClaimAnswered { account, .. }] if account == bert.0),
            "nobody else is told: {notices:?}"
        );
        assert!(matches!(self::state(&database, &by_dns).await, State::Superseded));
        let mut connection = database.read().await.expect("a connection");
        let id = by_dns.new.organisation;
        let members = organisations::members(connection.session(), id).await.expect("read");
        assert_eq!(members.iter().map(|one| one.account).collect::<Vec<_>>(), [bert.0]);
    })
    .await;
}

/// Takes a link for a proof, in a transaction of its own.
async fn follow(database: &Database, opened: &Opened, now: Timestamp) -> Result<State, ClaimError> {
    let Opened { claim, notices } = opened;
    let [Notice::ClaimLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
    let mut transaction = database.begin().await?;
    let (t, key) = (&mut transaction, key());
    let (claim, _) = claim::follow_link(t, claim.id, token, claim::Answer::Yes, &key, now).await?;
    transaction.commit().await?;
    Ok(claim.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_prove_a_domain_in_the_same_moment_one_holds_it_and_the_other_waits() {
    on_each(async |database| {
        let (now, mail) = (day(1), Proof::Mail(Mailbox::Postmaster));
        for turn in 0..15 {
            let domain: Name = format!("x{turn}.example").parse().expect("a name");
            let mut opened = Vec::new();
            for account in [2 * turn + 1, 2 * turn + 2] {
                let name = format!("Organisation {account}");
                let whom = For::New { name, categories: Vec::new() };
                let mut transaction = database.begin().await.expect("a transaction");
                let (t, who) = (&mut transaction, member(account));
                let one = claim::open(t, who, &whom, &domain, mail, &key(), now).await;
                opened.push(one.expect("it is open"));
                transaction.commit().await.expect("it is committed");
            }
            let [one, other] = &opened[..] else { panic!("two") };
            let (one, other) =
                tokio::join!(follow(&database, one, now), follow(&database, other, now));
            let states = [one, other].map(|state| state.unwrap_or_else(|error| panic!("{error}")));
            let held = states.iter().filter(|state| matches!(state, State::Held { .. })).count();
            let wait = states.iter().filter(|one| matches!(one, State::Waiting { .. })).count();
            assert_eq!((held, wait), (1, 1), "{turn}: {states:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_reads_the_mailbox_says_no_and_nothing_is_proven() {
    on_each(async |database| {
        let whom = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let mail = Proof::Mail(Mailbox::Abuse);
        let opened = open(&database, member(1), whom, mail, day(0)).await.expect("it is open");
        let Opened { claim, notices } = opened;
        let [Notice::ClaimLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
        let mut transaction = database.begin().await.expect("a transaction");
        let (t, key) = (&mut transaction, key());
        let said = claim::follow_link(t, claim.id, token, Answer::No, &key, day(1)).await;
        let (over, told) = said.expect("it is said");
        assert_eq!(over.state, State::Withdrawn);
        let mailbox = format!("abuse@{}", claim.new.domain);
        assert!(over.seen.contains(&mailbox), "{}", over.seen);
        let [Notice::ClaimAnswered { account: 1, answer: Answer::No, .. }] = told[..] else {
            panic!("{told:?}")
        };
        let again = claim::follow_link(t, claim.id, token, Answer::Yes, &key, day(1)).await;
        assert!(matches!(again, Err(ClaimError::Over("withdrawn"))), "{again:?}");
        let domains = organisations::domains(t.session(), claim.new.organisation).await;
        assert_eq!(domains.expect("they are read"), []);
        transaction.commit().await.expect("it is committed");
    })
    .await;
}

#[tokio::test]
async fn nobody_sends_letters_to_very_many_domains() {
    on_each(async |database| {
        let mut count = 0;
        for number in 0..40 {
            let mut transaction = database.begin().await.expect("a transaction");
            let name = format!("x{number}.example").parse().expect("a name");
            let (t, who, key) = (&mut transaction, member(1), key());
            let (whom, mail) = (
                For::New { name: "x".to_owned(), categories: Vec::new() },
                Proof::Mail(Mailbox::Abuse),
            );
            match claim::open(t, who, &whom, &name, mail, &key, day(9)).await {
                Ok(opened) => {
                    claim::withdraw(t, who, opened.claim.id, day(9)).await.expect("withdrawn");
                    transaction.commit().await.expect("it is committed");
                    count += 1;
                }
                Err(error) => assert!(matches!(error, ClaimError::Many), "{error}"),
            }
        }
        assert_eq!(count, 30);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_bombed_with_mail_and_what_is_no_domain_is_not_claimed() {
    on_each(async |database| {
        let mail = Proof::Mail(Mailbox::Abuse);
        for (account, at, is_sent) in
            [(1, 0, true), (2, 0, true), (3, 0, true), (4, 0, false), (4, 1, true)]
        {
            let whom = For::New { name: "x".to_owned(), categories: Vec::new() };
            let opened = open(&database, member(account), whom, mail, day(at)).await;
            assert_eq!(opened.is_ok(), is_sent, "{account}");
        }
        let mut transaction = database.begin().await.expect("a transaction");
        for name in ["example", "_dmarc.example.org", "a b.example"] {
            let name = name.replace(' ', "\\032").parse().expect("a name");
            let (who, whom, key) =
                (member(1), For::New { name: "x".to_owned(), categories: Vec::new() }, key());
            let refused =
                claim::open(&mut transaction, who, &whom, &name, Proof::Dns, &key, day(0)).await;
            assert!(matches!(refused, Err(ClaimError::Domain(_))), "{name}");
        }
    })
    .await;
}

#[test]
fn servers_on_networks_of_ours_are_not_asked() {
    let world = World::start();
    world.publish(&SERVERS, "token=abc");
    let here = world.look.run(&domain(), "abc").expect("sockets");
    assert_eq!(here, Ok(2));
    let look = Look { reach: Reach::Public, ..world.look };
    let nobody = look.run(&domain(), "abc").expect("sockets");
    assert!(matches!(nobody, Err(Fault::Unclear { asked: 0, .. })), "{nobody:?}");
}

#[tokio::test]
async fn a_claim_of_somebody_who_is_locked_gives_him_nothing() {
    let world = World::start();
    on_each(async |database| {
        let mut transaction = database.begin().await.expect("a transaction");
        for mail in ["anna@y.example", "bert@y.example"] {
            let t = &mut transaction;
            let role = accounts::Role::Member;
            let added = accounts::add(t.session(), mail, "x", "", role, day(0)).await;
            added.expect("it is added").expect("it is new");
        }
        transaction.commit().await.expect("it is committed");
        let lock = async |account: i64, since: Option<Timestamp>| {
            let mut transaction = database.begin().await.expect("a transaction");
            let done = accounts::lock(transaction.session(), AccountId(account), since).await;
            done.expect("it is said");
            transaction.commit().await.expect("it is committed");
        };
        let (anna, bert) = (member(1), member(2));
        let whom = For::New { name: "Example".to_owned(), categories: Vec::new() };
        let mail = Proof::Mail(Mailbox::Postmaster);
        let hers = open(&database, anna, whom, mail, day(0)).await.expect("it is open");
        lock(1, Some(day(1))).await;
        let refused = follow(&database, &hers, day(1)).await;
        assert!(matches!(refused, Err(ClaimError::Locked)), "{refused:?}");
        assert_eq!(state(&database, &hers.claim).await, State::Open);
        lock(1, None).await;
        let held = follow(&database, &hers, day(1)).await;
        assert!(matches!(held, Ok(State::Held { .. })), "{held:?}");
        // Nor does he get what waited for him until he is let in again.
        let whom = For::Existing(hers.claim.new.organisation);
        let his = open(&database, bert, whom, Proof::Dns, day(2)).await.expect("it is open").claim;
        world.clear();
        world.publish(&SERVERS, &format!("token={}", claim::token(&his, &key())));
        let (his, _) = look(&database, &world, bert, &his, day(3)).await;
        assert_eq!(his.state, State::Waiting { proven: day(3), takes: Some(day(10)) });
        lock(2, Some(day(9))).await;
        assert_eq!(look_again(&database, &world.look, day(10)).await, []);
        assert!(matches!(state(&database, &hers.claim).await, State::Held { .. }));
        lock(2, None).await;
        let told = look_again(&database, &world.look, day(11)).await;
        assert!(matches!(
            told[..],
            [Notice::ClaimLost { account: 1, .. }, Notice::ClaimHeld { account: 2, .. }]
        ));
    })
    .await;
}
