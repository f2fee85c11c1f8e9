//! Requests on real databases: from the draft to the entry, with editors, and back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use repute_database::audit::{self, Verified};
use repute_database::entries::{self, Entry, Named, OrganisationId};
use repute_database::lists::{self, List, Stored};
use repute_database::organisations::{self, MemberRole};
use repute_database::requests::{self, Outcome as Ended, RequestId};
use repute_database::testing::on_each;
use repute_database::{
    Database, Timestamp, Transaction, accounts, categories, changes, claims, entry_history,
    publications,
};
use repute_dnsxl::{KeyKind, Name, Polarity};
use repute_registry::decision::{self, Criterion, Decided, Reason, Terms, Verdict};
use repute_registry::notice::Notice;
use repute_registry::organisation;
use repute_registry::permission::{Person, Role};
use repute_registry::request::check::{Evidence, Pointers};
use repute_registry::request::evidence;
use repute_registry::request::item::Item;
use repute_registry::request::limit::Limits;
use repute_registry::request::state::State;
use repute_registry::request::{self, Draft, RequestError};
use repute_registry::settings::{self, Hand, Who};
use repute_registry::two_editors::TwoEditors;

/// Who asks.
const ANNA: Person = Person { account: 1, role: Role::Member };
/// Who decides.
const EDITORS: [Person; 2] =
    [Person { account: 8, role: Role::Editor }, Person { account: 9, role: Role::Editor }];

/// So many days.
fn day(count: i64) -> Timestamp {
    Timestamp(count * 86_400_000_000)
}

/// A list with codes, and an organisation of Anna's.
async fn world(database: &Database, polarity: Polarity) -> (Stored, OrganisationId) {
    let mut transaction = database.begin().await.expect("a transaction");
    for number in 1..=9 {
        let (mail, role) = (format!("{number}@x.example"), accounts::Role::Editor);
        let added = accounts::add(transaction.session(), &mail, "E", "x", role, day(0)).await;
        added.expect("it is added").expect("it is new");
    }
    let list = List {
        apex: "list.example".parse().expect("a name"),
        title: "A list".to_owned(),
        description: String::new(),
        polarity,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let id = lists::add(transaction.session(), &list, day(0)).await.expect("it is added");
    for code in ["127.0.0.2", "127.0.5.1", "127.0.5.2", "127.0.5.3"] {
        let code = code.parse().expect("a code");
        lists::set_code(transaction.session(), id, code, "x").await.expect("it is set");
    }
    let high = "127.0.5.3".parse().expect("a code");
    lists::set_two_editors(transaction.session(), id, high, true).await.expect("it is set");
    let banks = categories::Category { number: 5, name: "Banks".to_owned() };
    categories::add(transaction.session(), id, &banks).await.expect("it is added");
    let bank = organisation::found(&mut transaction, ANNA, "A bank", day(0)).await;
    let bank = bank.expect("an Id");
    let domain = "bank.example".parse().expect("a name");
    organisations::add_domain(transaction.session(), bank, &domain).await.expect("it is added");
    let stored = lists::by_id(transaction.session(), id).await.expect("read").expect("there");
    transaction.commit().await.expect("it is committed");
    (stored, bank)
}

/// Items of their words, a line each.
fn items(lines: &str) -> Vec<Item> {
    let item = |line: &str| {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        Item::of_words(next(), next(), next()).expect("an item")
    };
    lines.lines().map(item).collect()
}

/// Evidence that the addresses of items have good names.
fn good(items: &[Item]) -> Vec<Evidence> {
    let evidence = |address: IpAddr| {
        let name: Name = "mail.bank.example".parse().expect("a name");
        Evidence { address, pointers: Pointers::Names(vec![(name, Some(vec![address]))]) }
    };
    evidence::sample(items).into_iter().map(evidence).collect()
}

/// Begins and submits a request; where it is then.
async fn ask(
    transaction: &mut Transaction,
    (list, organisation): (&Stored, OrganisationId),
    lines: &str,
    evidence: Option<Vec<Evidence>>,
) -> (RequestId, State) {
    let items = items(lines);
    let reason = "we send mail".to_owned();
    let evidence = evidence.unwrap_or_else(|| good(&items));
    let (criterion, review) = (None, None);
    let draft = Draft { organisation, list: list.id, reason, items, criterion, review };
    let id = request::begin(transaction, ANNA, &draft, &Limits::default(), day(1))
        .await
        .expect("it is begun");
    let state = request::submit(transaction, ANNA, id, "", &evidence, day(1)).await;
    (id, state.expect("it is submitted"))
}

/// Has an editor take and approve some items of a request.
async fn approve(
    transaction: &mut Transaction,
    editor: Person,
    id: RequestId,
    positions: &[usize],
) -> Result<Decided, RequestError> {
    let request = requests::by_id(transaction.session(), id).await?.expect("it is there");
    let version = match &*request.standing.state {
        "in-review" => request.version,
        _ => decision::review(transaction, editor, id, day(2)).await?.version,
    };
    let (positions, why) = (positions.to_vec(), "the others look dynamic".to_owned());
    let verdict = Verdict::Approve { positions, why, terms: Terms::default() };
    Ok(decision::decide(transaction, editor, id, version, &verdict, day(2)).await?.0)
}

/// What is on the list, in words.
async fn listed(transaction: &mut Transaction, list: &Stored) -> Vec<String> {
    let all = entries::page(transaction.session(), list.id, None, None, 99).await.expect("read");
    let word = |entry: &Entry| {
        let code = entry.code.map_or_else(|| "!".to_owned(), |code| code.to_string());
        format!("{} {code}", entry.key)
    };
    all.iter().map(word).collect()
}

#[tokio::test]
async fn what_is_approved_is_on_the_list_and_the_rest_is_not() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let lines =
            "add 8.8.8.8 127.0.5.1\nadd 8.8.4.0/24 127.0.5.1\nname Example-Bank\ncategory 5";
        let (id, state) = ask(t, (&list, bank), lines, None).await;
        assert_eq!((state, listed(t, &list).await), (State::Queued, vec![]));
        let findings = requests::findings(t.session(), id).await.expect("read");
        assert!(findings.iter().any(|one| one.kind == "fcrdns" && one.outcome == "pass"));
        let decided = approve(t, EDITORS[0], id, &[0, 2, 3]).await.expect("it is decided");
        assert_eq!(decided, Decided::Published(Some(2)));
        assert_eq!(listed(t, &list).await, ["8.8.8.8 127.0.5.1"]);
        let outcomes: Vec<_> = requests::items(t.session(), id)
            .await
            .expect("read")
            .iter()
            .map(|i| i.outcome)
            .collect();
        use Ended::{Approved, Rejected};
        assert_eq!(outcomes, [Approved, Rejected, Approved, Approved]);
        let history = requests::history(t.session(), id).await.expect("read");
        let states: Vec<_> = history.iter().map(|event| &*event.state).collect();
        let way = ["submitted", "checking", "queued", "in-review", "partly-approved", "published"];
        assert_eq!(states, way);
        let stored = requests::by_id(t.session(), id).await.expect("read").expect("there");
        assert_eq!(stored.standing.serial, Some(2));
        let name =
            organisations::by_id(t.session(), bank).await.expect("read").expect("there").name;
        let category = categories::of(t.session(), bank, list.id).await.expect("read");
        assert_eq!((&*name, category.expect("one").number), ("Example-Bank", 5));
        let changed = changes::since(t.session(), list.id, 1).await.expect("read");
        assert!(
            matches!(changed, changes::Since::Keys(keys) if keys.len() == 1),
            "the publisher is told"
        );

        // What is theirs they change, and take off an allow list by themselves.
        let (id, state) = ask(t, (&list, bank), "rescore 8.8.8.8 127.0.5.2", None).await;
        assert_eq!(state, State::Queued);
        approve(t, EDITORS[0], id, &[0]).await.expect("it is decided");
        assert_eq!(listed(t, &list).await, ["8.8.8.8 127.0.5.2"]);
        let (removed, state) = ask(t, (&list, bank), "remove 8.8.8.8", None).await;
        assert_eq!((state, listed(t, &list).await), (State::Published, vec![]));

        // An undo is a new request, with what was there before.
        let undone = decision::undo(t, EDITORS[1], removed, "by mistake", day(3)).await;
        let undone = undone.expect("it is begun");
        approve(t, EDITORS[1], undone, &[0]).await.expect("it is decided");
        assert_eq!(listed(t, &list).await, ["8.8.8.8 127.0.5.2"]);
        let again = requests::by_id(t.session(), undone).await.expect("read").expect("there");
        assert_eq!(again.new.undoes, Some(removed));
        assert!(matches!(audit::verify(t.session()).await.expect("read"), Verified::Whole(_)));
    })
    .await;
}

#[tokio::test]
async fn two_editors_decide_what_does_much_harm_and_none_his_own() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let lines = "add 8.8.8.8 127.0.5.3\nadd 8.8.4.4 127.0.5.1";
        let (id, _) = ask(t, (&list, bank), lines, None).await;
        let waits = Decided::Waits(TwoEditors::Code);
        assert_eq!(approve(t, EDITORS[0], id, &[0, 1]).await.expect("one agrees"), waits);
        assert_eq!(approve(t, EDITORS[0], id, &[0, 1]).await.expect("the same one"), waits);
        assert_eq!(approve(t, EDITORS[1], id, &[0]).await.expect("to something else"), waits);
        assert_eq!(listed(t, &list).await, [""; 0]);
        let decided = approve(t, EDITORS[0], id, &[0]).await.expect("both agree");
        assert_eq!(decided, Decided::Published(Some(2)));
        assert_eq!(listed(t, &list).await, ["8.8.8.8 127.0.5.3"]);

        let own = Person { role: Role::Administrator, ..ANNA };
        let (id, _) = ask(t, (&list, bank), "add 8.8.4.4 127.0.5.1", None).await;
        for nobody in [own, ANNA, Person { account: 5, role: Role::Member }] {
            let refused = approve(t, nobody, id, &[0]).await;
            assert!(matches!(refused, Err(RequestError::Denied(_))), "{nobody:?}");
        }
        // Who left decides nothing of what he asked for, nor about whom he once wanted to speak for.
        let role = MemberRole::Owner;
        organisations::remove_member(t.session(), bank, own.account).await.expect("he left");
        let claim = claims::New {
            organisation: bank,
            domain: "bank.example".parse().expect("a name"),
            account: 6,
            proof: claims::Proof::Dns,
            nonce: [0; 16],
            created: day(1),
            expires: day(2),
        };
        claims::add(t.session(), &claim).await.expect("it is made");
        for once in [own, Person { account: 6, role: Role::Editor }] {
            let refused = approve(t, once, id, &[0]).await;
            assert!(matches!(refused, Err(RequestError::Denied(_))), "{once:?}");
        }
        organisations::put_member(t.session(), bank, own.account, role, day(1)).await.expect("put");
        // Who decides says which version he saw.
        let version = decision::review(t, EDITORS[0], id, day(2)).await.expect("taken").version;
        let reject = Verdict::Reject(Reason::Fcrdns, "no PTR".to_owned());
        let stale = decision::decide(t, EDITORS[0], id, version - 1, &reject, day(2)).await;
        assert!(matches!(stale, Err(RequestError::Conflict)));
        let (decided, notices) =
            decision::decide(t, EDITORS[0], id, version, &reject, day(2)).await.expect("decided");
        assert_eq!(decided, Decided::Moved(State::Rejected));
        let told =
            Notice::RequestMoved { account: 1, request: id, state: State::Rejected, held: None };
        assert_eq!(notices, [told]);
        let history = requests::history(t.session(), id).await.expect("read");
        let last = history.last().expect("one");
        assert_eq!((&*last.reason, &*last.text), ("fcrdns", "no PTR"));
        // The log has it, and none of the words, which may name somebody.
        let log = audit::of_subject(t.session(), &format!("request/{}", id.0), 9).await;
        let log = log.expect("it is read");
        let [row] = &log[..] else { panic!("{log:?}") };
        let actor = audit::actor(t.session(), EDITORS[0].account).await.expect("a pseudonym");
        assert_eq!((&*row.action, &row.actor), ("request.reject", &actor));
        let detail: serde_json::Value = serde_json::from_str(&row.detail).expect("JSON");
        let expected = serde_json::json!({
            "list": "list.example", "organisation": bank.0, "policy": null, "items": 1, "reason": "fcrdns",
        });
        assert_eq!(detail, expected);
        assert!(matches!(
            request::withdraw(t, ANNA, id, day(3)).await,
            Err(RequestError::State(State::Rejected))
        ));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_not_asked_and_what_must_be_mended_comes_back() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for (lines, words) in [
            ("add 8.8.8.8 127.0.9.1", "list.example has no code 127.0.9.1"),
            ("add 8.8.8.8 127.0.5.1\nremove 8.8.8.8", "`8.8.8.8` stands in the request twice"),
            ("category 9", "list.example has no category 9"),
            ("website javascript:alert(1)", "`javascript:alert(1)` is no website"),
            ("", "a request has 1 to 1000 items"),
        ] {
            let (items, reason) = (items(lines), String::new());
            let (criterion, review) = (None, None);
            let draft =
                Draft { organisation: bank, list: list.id, reason, items, criterion, review };
            let refused =
                request::begin(t, ANNA, &draft, &Limits::default(), day(1)).await.expect_err(lines);
            assert_eq!(refused.to_string(), words);
            let stranger = Person { account: 5, ..ANNA };
            let refused = request::begin(t, stranger, &draft, &Limits::default(), day(1)).await;
            assert!(matches!(refused, Err(RequestError::Denied(_))));
        }
        let nameless = |address: &str| {
            let address = address.parse().expect("an address");
            vec![Evidence { address, pointers: Pointers::Names(vec![]) }]
        };
        for (lines, evidence) in [
            ("add 10.0.0.0/24 127.0.5.1", None),
            ("add 8.0.0.0/12 127.0.5.1", None),
            ("remove 8.8.8.8", None),
            ("add 8.8.4.4 127.0.5.1", Some(nameless("8.8.4.4"))),
        ] {
            let (_, state) = ask(t, (&list, bank), lines, evidence).await;
            assert_eq!(state, State::NeedsInfo, "{lines}");
        }
        // The DNS is mended, and the same request goes on; others are forgotten in time.
        let lines = "add 8.8.8.8 127.0.5.1";
        let (id, _) = ask(t, (&list, bank), lines, Some(nameless("8.8.8.8"))).await;
        let state = request::submit(t, ANNA, id, "mended", &good(&items(lines)), day(2)).await;
        assert_eq!(state.expect("it is submitted"), State::Queued);
        assert_eq!(request::expire(t, day(30)).await.expect("a number"), 0);
        assert_eq!(request::expire(t, day(31)).await.expect("a number"), 4);
        let other = items("add 8.8.4.4 127.0.5.1");
        let queued = request::revise(t, ANNA, id, &other).await;
        assert!(matches!(queued, Err(RequestError::State(State::Queued))));
        let version = decision::review(t, EDITORS[0], id, day(3)).await.expect("taken").version;
        let question = Verdict::Ask("which server is it?".to_owned());
        decision::decide(t, EDITORS[0], id, version, &question, day(3)).await.expect("asked");
        request::revise(t, ANNA, id, &other).await.expect("it came back");
        let state = request::submit(t, ANNA, id, "the other", &good(&other), day(3)).await;
        assert_eq!(state.expect("it is submitted"), State::Queued);
        assert_eq!(request::items(t.session(), id).await.expect("read"), other);
        // Who is suspended gets nothing new.
        let editor = EDITORS[0];
        organisation::suspend(t, editor, bank, "spam", day(3)).await.expect("it is suspended");
        transaction.commit().await.expect("it is committed");
        let mut transaction = database.begin().await.expect("a transaction");
        let refused = approve(&mut transaction, editor, id, &[0]).await;
        assert!(matches!(refused, Err(RequestError::Suspended(_))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn an_entry_of_nobodys_becomes_theirs_and_that_of_others_does_not() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let other = organisations::add(t.session(), "Other", day(0)).await.expect("an Id");
        let source = entries::source(t.session(), "import").await.expect("a source");
        let entry = |key: &str, organisation| Entry {
            key: key.parse().expect("a key"),
            code: Some("127.0.5.1".parse().expect("a code")),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source,
            organisation,
            since: day(0),
            expires: None,
            review: None,
        };
        let before = [entry("8.8.8.8", None), entry("8.8.4.4", Some(other))];
        entries::put(t.session(), list.id, &before).await.expect("they are written");
        let (id, _) = ask(t, (&list, bank), "add 8.8.8.8 127.0.5.1", None).await;
        approve(t, EDITORS[0], id, &[0]).await.expect("it is decided");
        let now = entries::at(t.session(), list.id, &before[0].key).await.expect("read");
        assert_eq!((now.len(), now[0].organisation, now[0].since), (1, Some(bank), day(0)));
        let undone = decision::undo(t, EDITORS[0], id, "no", day(3)).await.expect("it is begun");
        let back = request::items(t.session(), undone).await.expect("read");
        assert_eq!(back, items("rescore 8.8.8.8 127.0.5.1"), "what was listed stays so");
        let (id, _) = ask(t, (&list, bank), "add 8.8.4.4 127.0.5.1", None).await;
        let refused = approve(t, EDITORS[0], id, &[0]).await.expect_err("it is another's");
        let words = format!(
            "organisation {} has 8.8.4.4 on the list with 127.0.5.1: its entry must go first",
            other.0
        );
        assert_eq!(refused.to_string(), words);
    })
    .await;
}

/// Answers what a small world has: the PTR record of 8.8.8.8 and its way back.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut packet) {
            let query = &packet[..len];
            let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
            let name = Name::from_wire(&query[12..end]).expect("a name").to_string();
            let data = match (&*name, query[end + 1]) {
                ("8.8.8.8.in-addr.arpa", 12) => {
                    "mail.bank.example".parse::<Name>().expect("a name").as_wire().to_vec()
                }
                ("mail.bank.example", 1) => vec![8, 8, 8, 8],
                _ => Vec::new(),
            };
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

#[tokio::test]
async fn evidence_is_gathered_from_dns() {
    let items = items("add 8.8.8.8 127.0.5.1\nadd 8.8.4.4 127.0.5.1\nremove 1.1.1.1");
    let timeout = Duration::from_secs(5);
    let found = evidence::gather(&items, &[resolver()], timeout).await.expect("sockets");
    let (named, nameless) = (&found[0], &found[1]);
    assert_eq!(found.len(), 2, "what goes is not looked at");
    assert_eq!(*named, good(&items)[0]);
    assert_eq!(nameless.pointers, Pointers::Names(vec![]));
    let nobody = evidence::gather(&items, &[], timeout).await.expect("sockets");
    assert_eq!(nobody[0].pointers, Pointers::Unknown);
}

#[tokio::test]
async fn addresses_are_asked_for_once_a_domain_is_proven() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let domain = "bank.example".parse().expect("a name");
        let draft = |lines: &str| Draft {
            organisation: bank,
            list: list.id,
            reason: String::new(),
            items: items(lines),
            criterion: None,
            review: None,
        };
        let limits = Limits::default();
        let kept = draft("add 8.8.8.8 127.0.5.1");
        let kept = request::begin(t, ANNA, &kept, &limits, day(1)).await.expect("it is begun");
        // The domain lapsed meanwhile.
        organisations::remove_domain(t.session(), bank, &domain).await.expect("it is removed");
        let late = request::submit(t, ANNA, kept, "", &[], day(1)).await;
        assert!(matches!(late, Err(RequestError::Unproven(id)) if id == bank), "{late:?}");
        for lines in ["add 8.8.4.4 127.0.5.1", "remove 8.8.4.4", "name Ours\nremove 8.8.4.4"] {
            let refused = request::begin(t, ANNA, &draft(lines), &limits, day(1)).await;
            assert!(matches!(refused, Err(RequestError::Unproven(_))), "{lines}: {refused:?}");
        }
        let lines = "name Ours\ncategory 5";
        let named = request::begin(t, ANNA, &draft(lines), &limits, day(1)).await;
        let state = request::submit(t, ANNA, named.expect("it is begun"), "", &[], day(1)).await;
        assert_eq!(state.expect("it is handed in"), State::Queued);
        // An editor knows it.
        organisation::name_domain(t, EDITORS[0], bank, &domain, day(1)).await.expect("named");
        let state = request::submit(t, ANNA, kept, "", &[], day(1)).await;
        assert_eq!(state.expect("it is handed in"), State::Queued);
    })
    .await;
}

#[tokio::test]
async fn so_much_is_open_at_once_and_the_same_only_once() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let begin = async |t: &mut Transaction, lines: &str, limits: &Limits| {
            let (reason, items) = (String::new(), items(lines));
            let (criterion, review) = (None, None);
            let draft =
                Draft { organisation: bank, list: list.id, reason, items, criterion, review };
            request::begin(t, ANNA, &draft, limits, day(1)).await
        };
        let limits = Limits { by_organisation: 2, by_account: 9, items: 2 };
        let lines = "add 8.8.8.8 127.0.5.1\nadd 8.8.4.4 127.0.5.1";
        let first = begin(t, lines, &limits).await.expect("it is begun");
        let turned = "add 8.8.4.4 127.0.5.1\nadd 8.8.8.8 127.0.5.1";
        let again = begin(t, turned, &limits).await;
        assert!(matches!(again, Err(RequestError::Same(id)) if id == first), "{again:?}");
        begin(t, "add 8.8.8.8 127.0.5.1", &limits).await.expect("that is another one");
        let much = begin(t, "name A\nwebsite https://a.example/\ncategory 5", &limits).await;
        let words = "a request has at most 2 items: ask for the others in another one";
        assert_eq!(much.expect_err("it is too much").to_string(), words);
        let third = begin(t, "add 9.9.9.9 127.0.5.1", &limits).await;
        let words =
            "this organisation has 2 open requests: wait until some are decided, or take some back";
        assert_eq!(third.expect_err("it is too much").to_string(), words);
        let by_account = Limits { by_organisation: 9, by_account: 2, items: 9 };
        let third = begin(t, "add 9.9.9.9 127.0.5.1", &by_account).await;
        assert!(matches!(third, Err(RequestError::Many { of: "you have", count: 2 })), "{third:?}");
        // What is over leaves room, and may be asked for again.
        request::withdraw(t, ANNA, first, day(1)).await.expect("it is taken back");
        begin(t, lines, &limits).await.expect("there is room");
    })
    .await;
}

#[tokio::test]
async fn an_organisation_has_one_category_on_a_list_and_its_addresses_carry_it() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let shops = categories::Category { number: 6, name: "Shops".to_owned() };
        categories::add(t.session(), list.id, &shops).await.expect("it is added");
        let code = "127.0.6.1".parse().expect("a code");
        lists::set_code(t.session(), list.id, code, "x").await.expect("it is set");
        let of = async |t: &mut Transaction| {
            let of = categories::of(t.session(), bank, list.id).await.expect("read");
            of.map(|category| category.number)
        };
        // With its first address it is in a category; two at once are none.
        let (_, state) =
            ask(t, (&list, bank), "add 8.8.8.8 127.0.5.1\nadd 8.8.4.4 127.0.6.1", None).await;
        assert_eq!(state, State::NeedsInfo);
        let (id, state) = ask(t, (&list, bank), "add 9.9.9.9 127.0.5.1", None).await;
        assert_eq!((state, of(t).await), (State::Queued, None));
        approve(t, EDITORS[0], id, &[0]).await.expect("it is decided");
        assert_eq!(of(t).await, Some(5));
        // The whole of it goes over together, or nothing; an undo brings back what was there.
        let (id, state) =
            ask(t, (&list, bank), "rescore 9.9.9.9 127.0.6.1\ncategory 6", None).await;
        assert_eq!(state, State::Queued);
        let half = approve(t, EDITORS[0], id, &[0]).await.expect_err("without the category");
        let words = "9.9.9.9: 127.0.6.1 is of category 6 (Shops), and the organisation is in 5 (Banks): \
                     leave it out, or give the organisation another category first";
        assert_eq!(half.to_string(), words);
        approve(t, EDITORS[0], id, &[0, 1]).await.expect("it is decided");
        assert_eq!((of(t).await, &*listed(t, &list).await), (Some(6), &["9.9.9.9 127.0.6.1".to_owned()][..]));
        let undone = decision::undo(t, EDITORS[1], id, "by mistake", day(3)).await.expect("begun");
        approve(t, EDITORS[1], undone, &[0, 1]).await.expect("it is decided");
        assert_eq!((of(t).await, &*listed(t, &list).await), (Some(5), &["9.9.9.9 127.0.5.1".to_owned()][..]));
        // Each change of it is on record.
        let subject = format!("organisation/{}", bank.0);
        let mut logged = Vec::new();
        for editor in EDITORS {
            let actor = audit::actor(t.session(), editor.account).await.expect("a pseudonym");
            let some = audit::details_since(t.session(), &actor, &subject, day(0)).await;
            let some = some.expect("read").into_iter();
            logged.extend(some.filter(|(action, _)| action == "organisation.category"));
        }
        assert_eq!(logged.len(), 3, "{logged:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_ended_while_somebody_approves_is_ended_for_him() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let policy = lists::publish_policy(t.session(), list.id, "Why.", Timestamp(1)).await;
        policy.expect("it is published");
        lists::add_criterion(t.session(), list.id, 1, "old", ("old", "x"), Timestamp(1))
            .await
            .expect("it is added");
        let (id, _) = ask(t, (&list, bank), "add 8.8.8.8 127.0.5.1", None).await;
        let request = decision::review(t, EDITORS[0], id, day(2)).await.expect("it is taken");
        transaction.commit().await.expect("it is committed");
        let criterion = Criterion::This("old".to_owned());
        let terms = Terms { criterion, ..Terms::default() };
        let verdict = Verdict::Approve { positions: vec![0], why: String::new(), terms };
        let mut transaction = database.begin().await.expect("a transaction");
        let shell = audit::machine(transaction.session(), "shell").await.expect("a name");
        let hand = Hand { who: Who::Shell(&shell), reason: "", now: day(2) };
        lists::lock(transaction.session(), list.id).await.expect("it is taken");
        let end = async {
            // Whoever approves has come as far as he can meanwhile.
            for _ in 0..50 {
                let mut look = database.look().await.expect("a look");
                lists::criteria(look.session(), list.id).await.expect("they are read");
            }
            let ended = settings::end_criterion(&mut transaction, &hand, &list, "old").await;
            ended.expect("it is ended");
            transaction.commit().await.expect("it is committed");
        };
        let decide = async {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            decision::decide(t, EDITORS[0], id, request.version, &verdict, day(2)).await
        };
        let (decided, ()) = tokio::join!(decide, end);
        let refused = decided.expect_err("it is ended").to_string();
        assert!(refused.contains("criterion"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn an_editor_names_a_criterion_a_review_and_what_stays_out() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        lists::publish_policy(t.session(), list.id, "Banks.", day(0)).await.expect("published");
        let mut ids = Vec::new();
        for slug in ["bank", "known"] {
            let id = lists::add_criterion(t.session(), list.id, 1, slug, (slug, "x"), Timestamp(1))
                .await;
            ids.push(Some(Named { id: id.expect("it is added"), version: Some(1) }));
        }
        // A decision names what the criterion says when it is made.
        let known = ids[1].as_mut().expect("it was added");
        let changed = lists::change_criterion(t.session(), known.id, "known", "y", Timestamp(2));
        known.version = Some(changed.await.expect("it says something else"));
        let begin = async |t: &mut Transaction, lines: &str, slug: Option<&str>, review| {
            let items = items(lines);
            let draft = Draft {
                organisation: bank,
                list: list.id,
                reason: "ours".to_owned(),
                items: items.clone(),
                criterion: slug.map(str::to_owned),
                review,
            };
            let id = request::begin(t, ANNA, &draft, &Limits::default(), day(1)).await?;
            request::submit(t, ANNA, id, "", &good(&items), day(1)).await?;
            Ok::<_, RequestError>(id)
        };
        for (slug, review, words) in [
            (Some("none"), None, "the policy of list.example has no criterion `none`"),
            (None, Some(day(1)), "a review is in the future, within ten years"),
            (None, Some(day(4_000)), "a review is in the future, within ten years"),
        ] {
            let refused = begin(t, "add 8.8.8.8 127.0.5.1", slug, review).await.expect_err(words);
            assert_eq!(refused.to_string(), words);
        }
        let decide = async |t: &mut Transaction, editor: Person, id, terms: &Terms| {
            let version = decision::review(t, editor, id, day(2)).await?.version;
            let (positions, why, terms) =
                (vec![0], "one is a customer's".to_owned(), terms.clone());
            let verdict = Verdict::Approve { positions, why, terms };
            Ok::<_, RequestError>(
                decision::decide(t, editor, id, version, &verdict, day(2)).await?.0,
            )
        };
        let entry = async |t: &mut Transaction, key: &str| {
            let key = key.parse().expect("a key");
            let found = entries::at(t.session(), list.id, &key).await.expect("they are read");
            found.first().map(|one| (one.code.is_some(), one.criterion, one.review))
        };
        // What is asked for holds, unless the editor says something else.
        let year = Some(day(2 + 365));
        for (network, slug, asked, criterion, review, expected) in [
            ("8.8.8.8", None, None, Criterion::AsAsked, None, (true, None, year)),
            (
                "8.8.8.9",
                Some("bank"),
                Some(day(50)),
                Criterion::AsAsked,
                None,
                (true, ids[0], Some(day(50))),
            ),
            (
                "8.8.8.10",
                Some("bank"),
                Some(day(50)),
                Criterion::Nothing,
                Some(day(9)),
                (true, None, Some(day(9))),
            ),
            (
                "8.8.8.11",
                None,
                None,
                Criterion::This("known".to_owned()),
                None,
                (true, ids[1], year),
            ),
        ] {
            let lines = format!("add {network} 127.0.5.1");
            let id = begin(t, &lines, slug, asked).await.expect("it is handed in");
            let terms = Terms { criterion, review, without: Vec::new() };
            decide(t, EDITORS[0], id, &terms).await.expect("it is decided");
            assert_eq!(entry(t, network).await, Some(expected), "{network}");
        }
        // Of a network one address is left out, which is never listed from then on.
        let without = |addresses: &[&str]| Terms {
            without: addresses.iter().map(|one| one.parse().expect("a network")).collect(),
            ..Terms::default()
        };
        let id = begin(t, "add 9.9.9.0/24 127.0.5.3", None, None).await.expect("handed in");
        let spared = without(&["9.9.9.7"]);
        for (terms, words) in [
            (without(&["9.9.9.0/24"]), "9.9.9.0/24 lies in no network that is approved"),
            (without(&["9.9.8.7"]), "9.9.8.7 lies in no network that is approved"),
        ] {
            let refused = refused(t, id, &terms).await;
            assert!(refused.starts_with(words), "{refused}");
        }
        let waits = Decided::Waits(TwoEditors::Code);
        assert_eq!(decide(t, EDITORS[0], id, &spared).await.expect("one agrees"), waits);
        let whole = Terms::default();
        assert_eq!(decide(t, EDITORS[1], id, &whole).await.expect("to something else"), waits);
        assert_eq!(decide(t, EDITORS[0], id, &spared).await.expect("to the first"), waits);
        let done = decide(t, EDITORS[1], id, &spared).await.expect("both agree");
        assert!(matches!(done, Decided::Published(Some(_))), "{done:?}");
        assert_eq!(entry(t, "9.9.9.7").await, Some((false, None, None)));
        assert_eq!(entry(t, "9.9.9.0/24").await.map(|(is_listed, ..)| is_listed), Some(true));
        let after = requests::by_id(t.session(), id).await.expect("read").expect("there");
        assert_eq!((&*after.standing.state, after.standing.policy), ("published", Some(1)));
        let history = requests::history(t.session(), id).await.expect("read");
        let said = history.iter().find(|event| event.state == "partly-approved").expect("one");
        assert_eq!(said.text, "one is a customer's. Left out: 9.9.9.7.");
        // Under which policy it was done is kept.
        let key = "9.9.9.7".parse().expect("a key");
        let steps = entry_history::of_key(t.session(), list.id, &key, None, 9).await.expect("read");
        assert_eq!(steps.iter().map(|step| step.policy).collect::<Vec<_>>(), [Some(1)]);
        assert!(steps[0].detail.contains(r#""policy":1"#), "{}", steps[0].detail);
    })
    .await;
}

/// Why these terms are refused of a request, which is put back behind that.
async fn refused(t: &mut Transaction, id: RequestId, terms: &Terms) -> String {
    let version = decision::review(t, EDITORS[0], id, day(2)).await.expect("taken").version;
    let (positions, why, terms) = (vec![0], "x".to_owned(), terms.clone());
    let verdict = Verdict::Approve { positions, why, terms };
    let refused = decision::decide(t, EDITORS[0], id, version, &verdict, day(2)).await;
    let refused = refused.expect_err("it is refused").to_string();
    let back = decision::decide(t, EDITORS[0], id, version, &Verdict::PutBack, day(2)).await;
    back.expect("it is put back");
    refused
}

#[tokio::test]
async fn who_asked_is_told_that_the_guards_hold_it_back() {
    on_each(async |database| {
        let (list, bank) = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for (address, is_held) in [("8.8.8.8", false), ("8.8.4.4", true)] {
            if is_held {
                let why = "all of 11.0.0.0/8 would be listed".to_owned();
                let stored = lists::by_id(t.session(), list.id).await.expect("read");
                let serial = stored.expect("it is there").serial;
                let audit = audit::head(t.session()).await.expect("it is read").rows;
                let outcome = publications::Outcome::Refused { why };
                let waiting =
                    publications::Publication { serial, time: day(1), entries: 1, audit, outcome };
                publications::note(t.session(), list.id, &waiting).await.expect("it is noted");
            }
            let line = format!("add {address} 127.0.5.1");
            let (id, _) = ask(t, (&list, bank), &line, None).await;
            let version = decision::review(t, EDITORS[0], id, day(2)).await.expect("taken").version;
            let terms = Terms::default();
            let verdict = Verdict::Approve { positions: vec![0], why: String::new(), terms };
            let decided = decision::decide(t, EDITORS[0], id, version, &verdict, day(2)).await;
            let (_, told) = decided.expect("it is decided");
            let [Notice::RequestMoved { held, .. }] = &told[..] else { panic!("{told:?}") };
            assert_eq!(held.is_some(), is_held, "{told:?}");
        }
    })
    .await;
}
