//! What two editors have to agree to, by every way by which an entry comes, changes or goes, on real databases.

use repute_database::accounts::{self, AccountId};
use repute_database::conflicts::About;
use repute_database::dns::{self, Settings};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::entry_history;
use repute_database::lists::{self, List, Stored};
use repute_database::motions::{self, MotionId};
use repute_database::organisations;
use repute_database::publications::{self, Outcome as Published, Publication};
use repute_database::removals;
use repute_database::requests;
use repute_database::rules::{self, Outcome, Proposed, Terms};
use repute_database::testing::on_each;
use repute_database::{Agreed, Database, Key, Timestamp, Transaction, audit};
use repute_dnsxl::{KeyKind, Polarity, ReturnCode};
use repute_registry::bulk::{self, Pick, Ruling, Tried};
use repute_registry::changes::{self, Cause, Change};
use repute_registry::conflict::{self, Conflict};
use repute_registry::decision::{self, Terms as Said};
use repute_registry::edit::{self, Edit, EditError, End, Listing, Made, Review, What};
use repute_registry::kept_out;
use repute_registry::motion::{self, Decided, MotionError, NoRoom, Verdict};
use repute_registry::organisation;
use repute_registry::permission::{Person, Role};
use repute_registry::removal::{self, Control, Way};
use repute_registry::request::item::Item;
use repute_registry::request::limit::Limits;
use repute_registry::request::state::State;
use repute_registry::request::{self, Draft};
use repute_registry::rule::{self, proposal};
use repute_registry::settings::{self, Hand, Set, Who};
use repute_registry::two_editors::TwoEditors;

/// A moment, in microseconds.
const NOW: i64 = 1_000_000_000_000;
/// An hour.
const HOUR: i64 = 3_600_000_000;

/// A list of addresses and one of names, on which two editors decide about 127.0.0.9; an organisation; five editors.
struct World {
    addresses: Stored,
    names: Stored,
    organisation: OrganisationId,
    author: Person,
    editors: Vec<Person>,
}

/// Makes it.
async fn world(database: &Database) -> World {
    let mut transaction = database.begin().await.expect("a transaction");
    let t = &mut transaction;
    let mut made = Vec::new();
    for (apex, keys) in [("bl.example", KeyKind::Ip), ("dbl.example", KeyKind::Name)] {
        let list = List {
            apex: apex.parse().expect("a name"),
            title: "A list".to_owned(),
            description: String::new(),
            polarity: Polarity::Block,
            keys,
            ttl: 300,
            contact: String::new(),
        };
        let id = lists::add(t.session(), &list, Timestamp(0)).await.expect("it is added");
        for code in ["127.0.0.2", "127.0.0.9"] {
            let code = code.parse().expect("a code");
            lists::set_code(t.session(), id, code, "x").await.expect("it is set");
        }
        lists::set_two_editors(t.session(), id, code("127.0.0.9"), true).await.expect("it is set");
        made.push(lists::by_id(t.session(), id).await.expect("it is read").expect("it is there"));
    }
    let mut editors = Vec::new();
    for mail in ["a", "b", "c", "d", "e"] {
        let mail = format!("{mail}@x.example");
        let role = accounts::Role::Editor;
        let id = accounts::add(t.session(), &mail, "E", "x", role, Timestamp(0)).await;
        let AccountId(account) = id.expect("it is added").expect("it is new");
        editors.push(Person { account, role: Role::Editor });
    }
    let author = Person { account: 99, role: Role::Member };
    let organisation = organisation::found(t, author, "A bank", Timestamp(0)).await;
    let organisation = organisation.expect("an Id");
    let domain = "bank.example".parse().expect("a name");
    organisations::add_domain(t.session(), organisation, &domain).await.expect("it is added");
    transaction.commit().await.expect("it is committed");
    let names = made.pop().expect("the second");
    World { addresses: made.pop().expect("the first"), names, organisation, author, editors }
}

/// Reads a code.
fn code(text: &str) -> ReturnCode {
    text.parse().expect("a code")
}

/// Writes what is at a key, as whoever has the shell does; long ago.
async fn put(t: &mut Transaction, list: &Stored, key: &Key, codes: &[ReturnCode]) {
    put_at(t, list, key, codes, Timestamp(NOW - 9 * HOUR)).await;
}

/// Writes what is at a key at a moment, with entries that are there for long.
async fn put_at(
    t: &mut Transaction,
    list: &Stored,
    key: &Key,
    codes: &[ReturnCode],
    now: Timestamp,
) {
    let source = entries::source(t.session(), "hand").await.expect("a source");
    let entry = |code: &ReturnCode| Entry {
        key: key.clone(),
        code: Some(*code),
        text: String::new(),
        reason: "seen".to_owned(),
        criterion: None,
        source,
        organisation: None,
        since: Timestamp(NOW - 9 * HOUR),
        expires: None,
        review: None,
    };
    let cause = Cause {
        actor: audit::machine(t.session(), "shell").await.expect("a name"),
        action: "entries.change".to_owned(),
        reason: String::new(),
    };
    let change = Change { key: key.clone(), entries: codes.iter().map(entry).collect() };
    let done = changes::apply(t, list, &[change], &cause, now).await;
    done.expect("it is written");
}

/// A way by which an editor changes a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Edit,
    Undo,
    Request,
    Proposal,
    Removal,
    Taking,
}

/// Prepares a way, so that editors can go it again and again; the number of what they decide.
async fn prepare(t: &mut Transaction, world: &World, by: By, key: &Key, code: ReturnCode) -> i64 {
    let list = world.of(key);
    match by {
        By::Edit => 0,
        By::Undo => {
            put(t, list, key, &[code]).await;
            put(t, list, key, &[]).await;
            let steps = entry_history::of_key(t.session(), list.id, key, None, 1).await;
            steps.expect("they are read")[0].id.0
        }
        By::Request => {
            let Key::Network(network) = key else { unreachable!("requests name networks") };
            let draft = Draft {
                organisation: world.organisation,
                list: list.id,
                reason: "we send".to_owned(),
                items: vec![Item::Add { network: *network, code }],
                criterion: None,
                review: None,
            };
            let (limits, now) = (Limits::default(), Timestamp(NOW));
            let id = request::begin(t, world.author, &draft, &limits, now).await;
            let id = id.expect("it is begun");
            let state = request::submit(t, world.author, id, "", &[], now).await;
            assert_eq!(state.expect("it is submitted"), State::Queued);
            id.0
        }
        By::Proposal => {
            let cause = Cause {
                actor: audit::machine(t.session(), "shell").await.expect("a name"),
                action: "rule.set".to_owned(),
                reason: String::new(),
            };
            let name = format!("of-{}", code.to_string().replace('.', "-"));
            let terms = terms(code, Outcome::Propose);
            rule::put(t, list, &name, &terms, &cause, Timestamp(NOW)).await.expect("it is put");
            let found = rule::find(t, list, &name, None).await.expect("it is there");
            let proposed = Proposed {
                key: key.clone(),
                hits: 9,
                from_sources: 1,
                last: Timestamp(NOW),
                expires: Timestamp(NOW + 99 * HOUR),
                note: String::new(),
            };
            let new = rules::propose(t.session(), &found, &proposed, Timestamp(NOW)).await;
            assert!(new.expect("it is proposed"));
            let open = rules::open_of(t.session(), found.id, key).await.expect("it is read");
            open.expect("it is open").id.0
        }
        By::Removal => {
            put(t, list, key, &[code]).await;
            let new = removals::New {
                kind: removals::Kind::Removal,
                list: list.id,
                key: key.clone(),
                target: "9.9.9.9".to_owned(),
                mail: "a@x.example".to_owned(),
                network: "198.51.100.0/24".to_owned(),
                reason: "repaired".to_owned(),
                way: Way::Typed,
                control: Control::None,
                nonce: nonce(key),
                created: Timestamp(NOW),
                expires: Timestamp(NOW + HOUR),
            };
            let id = removals::add(t.session(), &new).await.expect("it is asked for");
            let one = removals::by_id(t.session(), id).await.expect("read").expect("there");
            let queued = removals::State::Queued;
            let moved = removals::move_on(t.session(), &one, queued, ("x", None), Timestamp(NOW));
            assert!(moved.await.expect("it moves"));
            id.0
        }
        By::Taking => {
            put(t, list, key, &[code]).await;
            0
        }
    }
}

/// Bytes that are others for each key.
fn nonce(key: &Key) -> [u8; 16] {
    let mut nonce = [0; 16];
    for (place, byte) in nonce.iter_mut().zip(key.to_string().bytes()) {
        *place = byte;
    }
    nonce
}

/// What a rule says that lists with a code.
fn terms(code: ReturnCode, outcome: Outcome) -> Terms {
    Terms {
        classes: Vec::new(),
        sources: Vec::new(),
        hits: 1,
        from_sources: 1,
        from_traps: 0,
        span: HOUR,
        lasts: 99 * HOUR,
        outcome,
        code,
        text: String::new(),
        reason: "it was seen".to_owned(),
        criterion: None,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
    }
}

/// Has an editor go a way at a moment: nothing if it is done, or why another one has to agree.
async fn go(
    t: &mut Transaction,
    world: &World,
    (by, editor): (By, Person),
    (key, code, id): (&Key, ReturnCode, i64),
    now: i64,
) -> Option<TwoEditors> {
    let (list, now) = (world.of(key), Timestamp(now));
    match by {
        By::Edit | By::Taking => {
            let listing = Listing {
                code,
                before: None,
                text: String::new(),
                reason: "seen".to_owned(),
                criterion: None,
                end: End::Never,
                review: Review::Never,
            };
            let what = match by {
                By::Edit => What::List(listing),
                _ => What::Remove { code: None },
            };
            let edits = [Edit { key: key.clone(), what }];
            match edit::edit(t, editor, list, &edits, "hand", "why", now).await {
                Ok(Made::Published(_)) => None,
                Ok(Made::Waits(_, two)) => Some(two),
                Err(error) => panic!("{by:?} of {key}: {error}"),
            }
        }
        By::Undo => {
            let step = entry_history::StepId(id);
            match edit::undo(t, editor, list, step, "why", now).await {
                Ok((_, Made::Published(_))) => None,
                Ok((_, Made::Waits(_, two))) => Some(two),
                Err(error) => panic!("{by:?} of {key}: {error}"),
            }
        }
        By::Request => {
            let id = requests::RequestId(id);
            let request = decision::review(t, editor, id, now).await.expect("it is taken");
            let terms = Said::default();
            let verdict =
                decision::Verdict::Approve { positions: vec![0], why: String::new(), terms };
            let version = request.version;
            match decision::decide(t, editor, id, version, &verdict, now).await.expect("decided").0
            {
                decision::Decided::Published(_) => None,
                decision::Decided::Waits(two) => Some(two),
                decision::Decided::Moved(state) => panic!("{key}: {state}"),
            }
        }
        By::Proposal => {
            let (id, verdict) = (rules::ProposalId(id), proposal::Verdict::Accept);
            match proposal::decide(t, editor, id, verdict, "", now).await.expect("it is decided") {
                proposal::Decided::Listed(..) => None,
                proposal::Decided::Waits(two) => Some(two),
                proposal::Decided::Refused => panic!("{key} is refused"),
            }
        }
        By::Removal => {
            let verdict =
                removal::Verdict::Grant { end: kept_out::End::AsTheListSays, why: String::new() };
            let id = removals::RemovalId(id);
            match removal::decide(t, editor, id, &verdict, now).await.expect("it is decided").0 {
                removal::Decided::Granted { .. } => None,
                removal::Decided::Waits(two) => Some(two),
                removal::Decided::Refused => panic!("{key} is refused"),
            }
        }
    }
}

/// The one motion of a list that is open.
async fn open(t: &mut Transaction, list: &Stored) -> MotionId {
    let open = motions::open_of(t.session(), list.id, 9).await.expect("they are read");
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].id
}

/// Has an editor decide a motion.
async fn decide(
    t: &mut Transaction,
    editor: Person,
    id: MotionId,
    verdict: &Verdict,
    now: i64,
) -> Result<Decided, MotionError> {
    motion::decide(t, editor, id, verdict, Timestamp(now)).await
}

impl World {
    /// The list that takes a key.
    fn of(&self, key: &Key) -> &Stored {
        match key {
            Key::Network(_) => &self.addresses,
            Key::Name(..) => &self.names,
        }
    }
}

/// Takes both lists, for who does more than one thing in a transaction: everybody takes them before the audit log.
async fn take(t: &mut Transaction, world: &World) {
    let mut lists = [world.addresses.id, world.names.id];
    lists.sort_by_key(|list| list.0);
    for list in lists {
        lists::lock(t.session(), list).await.expect("nobody has it");
    }
}

#[tokio::test]
async fn every_way_asks_a_second_editor_for_the_same() {
    use TwoEditors::{Code, WideName, WideRange};
    let coming = &[By::Edit, By::Undo, By::Request, By::Proposal][..];
    let of_names = &[By::Edit, By::Undo, By::Proposal][..];
    let by_hand = &[By::Edit, By::Undo][..];
    let going = &[By::Removal, By::Taking][..];
    on_each(async |database| {
        let world = world(&database).await;
        for (ways, key, with, why) in [
            (coming, "9.9.9.9", "127.0.0.2", None),
            (coming, "9.9.9.9", "127.0.0.9", Some(Code)),
            (coming, "9.9.0.0/16", "127.0.0.2", Some(WideRange)),
            (coming, "2a00::/32", "127.0.0.2", Some(WideRange)),
            (of_names, ".spam.example", "127.0.0.2", None),
            (of_names, ".spam.example", "127.0.0.9", Some(Code)),
            // Rules never list what many share.
            (by_hand, ".co.uk", "127.0.0.2", Some(WideName)),
            (going, "9.9.9.9", "127.0.0.9", None),
            (going, "9.9.0.0/16", "127.0.0.2", Some(WideRange)),
            (going, "2a00::/32", "127.0.0.2", Some(WideRange)),
            (going, "spam.example", "127.0.0.9", None),
            (going, ".co.uk", "127.0.0.2", Some(WideName)),
        ] {
            for by in ways {
                // Nothing of it is kept, so that each way finds the same.
                let mut transaction = database.begin().await.expect("a transaction");
                let t = &mut transaction;
                take(t, &world).await;
                let (key, with) = (key.parse::<Key>().expect("a key"), code(with));
                let id = prepare(t, &world, *by, &key, with).await;
                let what = (&key, with, id);
                let first = go(t, &world, (*by, world.editors[0]), what, NOW).await;
                assert_eq!(first, why, "{by:?} of {key} with {with}");
                let list = world.of(&key);
                let there = entries::at(t.session(), list.id, &key).await.expect("they are read");
                let is_before = matches!(by, By::Removal | By::Taking) == !there.is_empty();
                assert_eq!(is_before, why.is_some(), "{by:?} of {key} with {with}: {there:?}");
                if why.is_none() {
                    continue;
                }
                let is_motion = matches!(by, By::Edit | By::Undo | By::Taking);
                if is_motion {
                    let id = open(t, list).await;
                    let own = decide(t, world.editors[0], id, &Verdict::Confirm, NOW).await;
                    assert!(matches!(own, Err(MotionError::Own)), "{own:?}");
                    let done = decide(t, world.editors[1], id, &Verdict::Confirm, NOW).await;
                    assert!(matches!(done, Ok(Decided::Done(Some(_)))), "{by:?} {key}: {done:?}");
                } else {
                    let again = go(t, &world, (*by, world.editors[0]), what, NOW).await;
                    assert_eq!(again, why, "the same editor: {by:?} of {key} with {with}");
                    let second = go(t, &world, (*by, world.editors[1]), what, NOW).await;
                    assert_eq!(second, None, "another one: {by:?} of {key} with {with}");
                }
                let there = entries::at(t.session(), list.id, &key).await.expect("they are read");
                let is_gone = matches!(by, By::Removal | By::Taking);
                assert_eq!(there.is_empty(), is_gone, "{by:?} of {key} with {with}");
                // The log knows both.
                let subject = format!("list/{}", list.list.apex);
                let log = audit::of_subject(t.session(), &subject, 1);
                let log = log.await.expect("the log");
                let mut actors = Vec::new();
                for editor in &world.editors[..2] {
                    actors.push(audit::actor(t.session(), editor.account).await.expect("known"));
                }
                let detail: serde_json::Value =
                    serde_json::from_str(&log[0].detail).expect("it is JSON");
                if is_motion {
                    actors.reverse();
                }
                assert_eq!(
                    (&*log[0].actor, detail["agreed"].as_str()),
                    (&*actors[1], Some(&*actors[0])),
                    "{by:?} of {key} with {with}: {log:?}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_mends_an_entry_asks_nobody() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        take(t, &world).await;
        for (key, with) in
            [("9.9.0.0/16", "127.0.0.9"), ("9.9.9.9", "127.0.0.9"), (".co.uk", "127.0.0.2")]
        {
            let (key, with) = (key.parse::<Key>().expect("a key"), code(with));
            put(t, world.of(&key), &key, &[with]).await;
            let what = (&key, with, 0);
            let done = go(t, &world, (By::Edit, world.editors[0]), what, NOW).await;
            assert_eq!(done, None, "{key} with {with}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_one_editor_does_counts_together_by_whatever_way_and_what_two_did_does_not() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let with = code("127.0.0.2");
        let mut ways = [By::Edit, By::Undo, By::Request, By::Proposal].into_iter().cycle();
        // A /22 by each of four ways is a /20; the next address more is too much by each.
        for place in 0..4 {
            let key: Key = format!("9.9.{}.0/22", place * 4).parse().expect("a key");
            let by = ways.next().expect("one");
            let id = prepare(t, &world, by, &key, with).await;
            let done = go(t, &world, (by, world.editors[0]), (&key, with, id), NOW).await;
            assert_eq!(done, None, "{by:?}");
        }
        for (place, by) in [By::Edit, By::Undo, By::Request, By::Proposal].into_iter().enumerate() {
            let key: Key = format!("9.10.{place}.0/31").parse().expect("a key");
            let id = prepare(t, &world, by, &key, with).await;
            let what = (&key, with, id);
            let why = go(t, &world, (by, world.editors[0]), what, NOW + 1).await;
            assert_eq!(why, Some(TwoEditors::WideRange), "{by:?}");
        }
        // What two decided is neither's alone.
        for by in [By::Request, By::Proposal] {
            let key: Key = if by == By::Request { "11.1.0.0/16" } else { "11.2.0.0/16" }
                .parse()
                .expect("a key");
            let id = prepare(t, &world, by, &key, with).await;
            for (editor, why) in [(3, Some(TwoEditors::WideRange)), (4, None)] {
                let what = (&key, with, id);
                assert_eq!(go(t, &world, (by, world.editors[editor]), what, NOW).await, why);
            }
        }
        for editor in [3, 4] {
            let key: Key = format!("11.{editor}.0.0/20").parse().expect("a key");
            let what = (&key, with, 0);
            assert_eq!(go(t, &world, (By::Edit, world.editors[editor]), what, NOW).await, None);
        }
        // A day later it is another matter.
        let key: Key = "9.12.0.0/20".parse().expect("a key");
        let later = NOW + 24 * HOUR;
        let what = (&key, with, 0);
        assert_eq!(go(t, &world, (By::Edit, world.editors[0]), what, later).await, None);
        // So with removals: some of them as an edit, and some as they were asked for.
        for place in 0..25 {
            let key: Key = format!("9.13.0.{place}").parse().expect("a key");
            let by = if place % 2 == 0 { By::Removal } else { By::Taking };
            let id = prepare(t, &world, by, &key, with).await;
            let what = (&key, with, id);
            let why = go(t, &world, (by, world.editors[2]), what, NOW).await;
            let expected = (place == 24).then_some(TwoEditors::MassRemoval);
            assert_eq!(why, expected, "the {place}th, by {by:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_lists_by_itself_proposes_what_is_for_two() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let cause = Cause {
            actor: audit::machine(t.session(), "shell").await.expect("a name"),
            action: "rule.set".to_owned(),
            reason: String::new(),
        };
        let kind = repute_database::evidence::Kind::Trap;
        let now = Timestamp::now();
        repute_registry::evidence::add_source(t, "traps", kind, &cause, now).await.expect("added");
        for (name, with) in [("low", "127.0.0.2"), ("high", "127.0.0.9")] {
            let terms = terms(code(with), Outcome::List);
            let list = &world.addresses;
            rule::put(t, list, name, &terms, &cause, now).await.expect("it is put");
            rule::set_enabled(t, list, name, true, &cause, now).await.expect("it is on");
        }
        let hit = repute_registry::evidence::Sighting {
            target: "9.9.9.9".parse().expect("a target"),
            class: "spam".to_owned(),
            seen: now,
            count: 1,
            trap: None,
            detail: String::new(),
            id: None,
        };
        let told = &mut repute_registry::evidence::Told::default();
        let hits = [hit];
        let taken =
            repute_registry::evidence::take(t, "traps", (&hits, told), None, &cause, now).await;
        taken.expect("they are taken");
        transaction.commit().await.expect("it is committed");
        let turn = rule::apply(&database, Timestamp::now()).await.expect("it is applied");
        assert_eq!((turn.added, turn.proposed), (1, 1), "{turn:?}");
        let mut look = database.look().await.expect("a look");
        let open = rules::ProposalState::Open;
        let list = world.addresses.id;
        let proposals = rules::proposals(look.session(), list, open, None, 9).await.expect("read");
        assert_eq!(proposals[0].proposed.note, "two editors have to agree to it");
        let rule = rule::find(&mut look, &world.addresses, "high", None).await.expect("the rule");
        let (since, step) = (Timestamp(0), &mut |_: u64| ());
        let report =
            rule::replay::replay(&mut look, &world.addresses, &rule, since, Timestamp::now(), step);
        let report = report.await.expect("it is replayed");
        assert_eq!((report.asked.count, report.added.count), (1, 0), "{report:?}");
        drop(look);

        // Who agreed to it did not agree to what the next version of the rule makes of it.
        for (reason, is_agreed) in [(None, true), (Some("another one"), false)] {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let now = Timestamp::now();
            if let Some(reason) = reason {
                let terms = Terms { reason: reason.to_owned(), ..rule.terms.clone() };
                rule::put(t, &world.addresses, "high", &terms, &cause, now).await.expect("put");
            } else {
                let agreed = Agreed { account: 7, time: now };
                rules::agree(t.session(), proposals[0].id, agreed).await.expect("it is noted");
                let horizon = rule::horizon(&rule.terms, now);
                repute_database::evidence::wait_all(t.session(), horizon).await.expect("they wait");
            }
            transaction.commit().await.expect("it is committed");
            let turn = rule::apply(&database, Timestamp::now()).await.expect("it is applied");
            assert_eq!(turn.keys, 1);
            let mut look = database.look().await.expect("a look");
            let still = rules::proposal_by_id(look.session(), proposals[0].id).await;
            let still = still.expect("it is read").expect("it is there");
            assert_eq!(still.agreed.is_some(), is_agreed, "{reason:?}");
            let count = rules::count_agreed(look.session(), list).await.expect("it is counted");
            assert_eq!(count, u64::from(is_agreed));
        }
    })
    .await;
}

#[tokio::test]
async fn the_word_of_who_is_locked_demoted_or_partial_by_now_does_not_count() {
    on_each(async |database| {
        let world = world(&database).await;
        for (by, key) in
            [(By::Request, "9.9.0.0/16"), (By::Removal, "9.9.0.0/16"), (By::Proposal, "9.9.0.0/16")]
        {
            for what in ["locked", "demoted", "late", "as before"] {
                let mut transaction = database.begin().await.expect("a transaction");
                let t = &mut transaction;
                take(t, &world).await;
                let (key, with) = (key.parse::<Key>().expect("a key"), code("127.0.0.2"));
                let id = prepare(t, &world, by, &key, with).await;
                let [first, second, third, ..] = world.editors[..] else { unreachable!("five") };
                let at = (&key, with, id);
                assert!(go(t, &world, (by, first), at, NOW).await.is_some(), "{by:?}");
                let account = AccountId(first.account);
                let mut now = NOW;
                match what {
                    "locked" => {
                        let since = Some(Timestamp(NOW));
                        accounts::lock(t.session(), account, since).await.expect("it is locked");
                    }
                    "demoted" => {
                        let role = accounts::Role::Member;
                        accounts::set_role(t.session(), account, role).await.expect("it is set");
                    }
                    "late" => now += 15 * 24 * HOUR,
                    _ => {
                        assert_eq!(go(t, &world, (by, second), at, now).await, None, "{by:?}");
                        continue;
                    }
                }
                if by == By::Proposal && what == "late" {
                    // Its own time is over before.
                    continue;
                }
                let why = go(t, &world, (by, second), at, now).await;
                assert_eq!(why, Some(TwoEditors::WideRange), "{by:?}, {what}");
                // The second one's is the first word now.
                assert_eq!(go(t, &world, (by, third), at, now).await, None, "{by:?}, {what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_preview_of_many_says_what_will_become_of_each() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut picks = Vec::new();
        let keys = (0..26).map(|place| format!("9.9.9.{place}"));
        for key in keys.chain(["x.example".to_owned()]) {
            let key: Key = key.parse().expect("a key");
            let with = code("127.0.0.2");
            let mut transaction = database.begin().await.expect("a transaction");
            let id = prepare(&mut transaction, &world, By::Removal, &key, with).await;
            transaction.commit().await.expect("it is committed");
            picks.push(Pick::Removal(removals::RemovalId(id)));
        }
        // Where another one agreed before, it is not his alone, and does not count.
        let by = (By::Removal, world.editors[1]);
        let wide: Key = "11.0.0.0/16".parse().expect("a key");
        let with = code("127.0.0.2");
        let mut transaction = database.begin().await.expect("a transaction");
        let id = prepare(&mut transaction, &world, By::Removal, &wide, with).await;
        assert!(go(&mut transaction, &world, by, (&wide, with, id), NOW).await.is_some());
        picks.insert(0, Pick::Removal(removals::RemovalId(id)));
        transaction.commit().await.expect("it is committed");
        let (editor, now) = (world.editors[0], Timestamp(NOW));
        let (mut tried, mut seen, mut made) = (Tried::default(), Vec::new(), Vec::new());
        for pick in picks.clone() {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let outcome = bulk::try_out(t, editor, pick, &Ruling::Approve, &mut tried, now).await;
            seen.push(outcome.expect("it is tried"));
        }
        for pick in picks {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let done = bulk::carry_out(t, editor, pick, &Ruling::Approve, now).await;
            made.push(done.expect("it is done").0);
            transaction.commit().await.expect("it is committed");
        }
        // Guards look at all that waits to be published, which a preview does not make.
        let kinds =
            |all: &[bulk::Outcome]| -> Vec<_> { all.iter().map(std::mem::discriminant).collect() };
        assert_eq!(kinds(&seen), kinds(&made), "{seen:?} {made:?}");
        let waits: Vec<_> = seen
            .iter()
            .enumerate()
            .filter_map(|(place, one)| matches!(one, bulk::Outcome::Second(_)).then_some(place))
            .collect();
        assert_eq!(waits, [25, 26], "the 25th of one list, and none of the other: {seen:?}");
    })
    .await;
}

#[tokio::test]
async fn a_preview_adds_up_what_the_guards_would_make_of_many() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut picks = Vec::new();
        for key in ["9.9.9.1", "9.9.9.2", "9.9.9.3"] {
            let key: Key = key.parse().expect("a key");
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let id = prepare(t, &world, By::Removal, &key, code("127.0.0.2")).await;
            transaction.commit().await.expect("it is committed");
            picks.push(Pick::Removal(removals::RemovalId(id)));
        }
        let (editor, now) = (world.editors[0], Timestamp(NOW));
        // An hour ago there were many more, so that the second one is one too many.
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let audit = audit::head(t.session()).await.expect("the log").rows;
        for (serial, time, entries) in [(1, NOW - 2 * HOUR, 3_000), (2, NOW - 1, 2_001)] {
            let publication = Publication {
                serial,
                time: Timestamp(time),
                entries,
                audit,
                outcome: Published::Published,
            };
            let list = world.addresses.id;
            publications::note(t.session(), list, &publication).await.expect("it is noted");
        }
        transaction.commit().await.expect("it is committed");
        let mut tried = Tried::default();
        let mut held = Vec::new();
        for pick in picks {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let outcome = bulk::try_out(t, editor, pick, &Ruling::Approve, &mut tried, now).await;
            let bulk::Outcome::Done(impact) = outcome.expect("it is tried") else {
                panic!("each may be done");
            };
            held.push(impact.held.unwrap_or_default());
        }
        assert_eq!(held[0], "");
        assert!(
            held[1].starts_with("with those before it, 1999 entries, where an hour"),
            "{held:?}"
        );
        assert!(held[2].starts_with("it comes behind what is kept back, because"), "{held:?}");
    })
    .await;
}

#[tokio::test]
async fn a_word_on_a_removal_is_of_the_entry_that_was_there() {
    on_each(async |database| {
        let world = world(&database).await;
        let list = &world.addresses;
        for what in ["changed", "brought anew", "renewed", "before"] {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let (key, with) = ("9.9.0.0/16".parse::<Key>().expect("a key"), code("127.0.0.2"));
            let id = prepare(t, &world, By::Removal, &key, with).await;
            let [first, second, third, ..] = world.editors[..] else { unreachable!("five") };
            let at = (&key, with, id);
            let wide = Some(TwoEditors::WideRange);
            if what == "before" {
                put_at(t, list, &key, &[code("127.0.0.9")], Timestamp(NOW - 1)).await;
            }
            assert_eq!(go(t, &world, (By::Removal, first), at, NOW).await, wide);
            let later = Timestamp(NOW + 1);
            match what {
                "changed" => put_at(t, list, &key, &[code("127.0.0.9")], later).await,
                "brought anew" => {
                    // As an import of very many does, of which no key has a step.
                    let there = entries::at(t.session(), list.id, &key).await.expect("read");
                    entries::remove(t.session(), list.id, &key).await.expect("it is removed");
                    let new: Vec<_> =
                        there.into_iter().map(|entry| Entry { since: later, ..entry }).collect();
                    entries::put(t.session(), list.id, &new).await.expect("it is written");
                }
                "renewed" => {
                    let cause = Cause {
                        actor: audit::machine(t.session(), "rules").await.expect("a name"),
                        action: "entries.renew".to_owned(),
                        reason: String::new(),
                    };
                    let mut entries = entries::at(t.session(), list.id, &key).await.expect("read");
                    entries[0].expires = Some(Timestamp(NOW + 99 * HOUR));
                    let change = Change { key: key.clone(), entries };
                    let renewed = changes::renew(t, list, &[change], &cause, later).await;
                    renewed.expect("it is renewed");
                }
                _ => {}
            }
            let counts = matches!(what, "renewed" | "before");
            let why = go(t, &world, (By::Removal, second), at, NOW + 2).await;
            assert_eq!(why, (!counts).then_some(TwoEditors::WideRange), "{what}");
            if !counts {
                // The second one's is the first word now.
                assert_eq!(go(t, &world, (By::Removal, third), at, NOW + 3).await, None, "{what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_locked_at_the_same_moment_was_locked_before_or_after() {
    on_each(async |database| {
        let world = world(&database).await;
        for round in 0..4 {
            let mut transaction = database.begin().await.expect("a transaction");
            let key: Key = format!("9.{round}.0.0/16").parse().expect("a key");
            let with = code("127.0.0.2");
            let id = prepare(&mut transaction, &world, By::Request, &key, with).await;
            let what = (&key, with, id);
            let by = (By::Request, world.editors[0]);
            assert!(go(&mut transaction, &world, by, what, NOW).await.is_some());
            transaction.commit().await.expect("it is committed");
            let account = AccountId(world.editors[0].account);
            let decide = async {
                let mut transaction = database.begin().await.expect("a transaction");
                let by = (By::Request, world.editors[1]);
                let why = go(&mut transaction, &world, by, what, NOW).await;
                // Whoever locks him now waits, or was first.
                tokio::task::yield_now().await;
                transaction.commit().await.expect("it is committed");
                why
            };
            let lock = async {
                let mut transaction = database.begin().await.expect("a transaction");
                let since = Some(Timestamp(NOW));
                let locked = accounts::lock(transaction.session(), account, since).await;
                locked.expect("it is locked");
                transaction.commit().await.expect("it is committed");
            };
            let why = if round % 2 == 0 {
                tokio::join!(decide, lock).0
            } else {
                tokio::join!(lock, decide).1
            };
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let there = entries::at(t.session(), world.addresses.id, &key).await.expect("read");
            assert_eq!(there.is_empty(), why.is_some(), "done, or waiting, and nothing between");
            accounts::lock(t.session(), account, None).await.expect("it is unlocked");
            transaction.commit().await.expect("it is committed");
        }
    })
    .await;
}

#[tokio::test]
async fn what_waits_ends_once_and_only_as_it_was_wanted() {
    on_each(async |database| {
        let world = world(&database).await;
        let (key, with) = ("9.9.0.0/16".parse::<Key>().expect("a key"), code("127.0.0.2"));
        let [first, second, third, ..] = world.editors[..] else { unreachable!("five") };
        for what in
            ["confirmed", "refused", "withdrawn", "stale", "late", "locked", "belongs", "partial"]
        {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            assert!(go(t, &world, (By::Edit, first), (&key, with, 0), NOW).await.is_some());
            let id = open(t, &world.addresses).await;
            let confirm = &Verdict::Confirm;
            let account = AccountId(first.account);
            match what {
                "confirmed" => {
                    let done = decide(t, second, id, confirm, NOW + HOUR).await;
                    assert!(matches!(done, Ok(Decided::Done(Some(_)))), "{done:?}");
                    let list = world.addresses.id;
                    let there = entries::at(t.session(), list, &key).await.expect("read");
                    assert_eq!(there[0].since, Timestamp(NOW + HOUR), "since it was agreed to");
                    let again = decide(t, third, id, confirm, NOW + HOUR).await;
                    assert!(matches!(again, Err(MotionError::Over(_, "confirmed"))), "{again:?}");
                }
                "refused" => {
                    let silent = decide(t, second, id, &Verdict::Refuse(" ".to_owned()), NOW).await;
                    assert!(matches!(silent, Err(MotionError::Reason)), "{silent:?}");
                    let no = Verdict::Refuse("it is a company's".to_owned());
                    let done = decide(t, second, id, &no, NOW).await;
                    assert!(matches!(done, Ok(Decided::Refused)), "{done:?}");
                    let motion = motions::by_id(t.session(), id).await.expect("it is read");
                    assert_eq!(motion.expect("it is there").answer, "it is a company's");
                }
                "withdrawn" => {
                    let others = decide(t, second, id, &Verdict::Withdraw, NOW).await;
                    assert!(matches!(others, Err(MotionError::NotOwn)), "{others:?}");
                    let done = decide(t, first, id, &Verdict::Withdraw, NOW).await;
                    assert!(matches!(done, Ok(Decided::Withdrawn)), "{done:?}");
                }
                "stale" => {
                    put(t, &world.addresses, &key, &[code("127.0.0.9")]).await;
                    let done = decide(t, second, id, confirm, NOW).await.expect("it is taken");
                    let Decided::Stale(why) = done else { panic!("{done:?}") };
                    assert!(why.starts_with("9.9.0.0/16 has changed since"), "{why}");
                    let list = world.addresses.id;
                    let there = entries::at(t.session(), list, &key).await.expect("read");
                    assert_eq!(there[0].code, Some(code("127.0.0.9")), "nobody agreed to more");
                }
                "late" => {
                    let late = NOW + 15 * 24 * HOUR;
                    let done = decide(t, second, id, confirm, late).await;
                    assert!(matches!(done, Err(MotionError::Over(_, "expired"))), "{done:?}");
                    assert_eq!(motion::tidy(t, Timestamp(late)).await.expect("it is done"), 1);
                    // There is room for another one.
                    assert!(
                        go(t, &world, (By::Edit, first), (&key, with, 0), late).await.is_some()
                    );
                    continue;
                }
                "locked" => {
                    let since = Some(Timestamp(NOW));
                    accounts::lock(t.session(), account, since).await.expect("it is locked");
                    let done = decide(t, second, id, confirm, NOW).await;
                    assert!(matches!(done, Ok(Decided::TakenOver)), "{done:?}");
                    let own = decide(t, second, id, confirm, NOW).await;
                    assert!(matches!(own, Err(MotionError::Own)), "{own:?}");
                    let done = decide(t, third, id, confirm, NOW).await;
                    assert!(matches!(done, Ok(Decided::Done(Some(_)))), "{done:?}");
                }
                "belongs" => {
                    put(t, &world.addresses, &key, &[]).await;
                    let role = organisations::MemberRole::Member;
                    let (of, now) = (world.organisation, Timestamp(NOW));
                    organisations::put_member(t.session(), of, second.account, role, now)
                        .await
                        .expect("it is put");
                    let allow = List {
                        apex: "wl.example".parse().expect("a name"),
                        polarity: Polarity::Allow,
                        ..world.addresses.list.clone()
                    };
                    let allow = lists::add(t.session(), &allow, now).await.expect("it is added");
                    let source = entries::source(t.session(), "hand").await.expect("a source");
                    let entry = Entry {
                        key: "9.9.9.9".parse().expect("a key"),
                        code: Some(with),
                        text: String::new(),
                        reason: String::new(),
                        criterion: None,
                        source,
                        organisation: Some(of),
                        since: now,
                        expires: None,
                        review: None,
                    };
                    entries::put(t.session(), allow, &[entry]).await.expect("it is written");
                    let done = decide(t, second, id, confirm, NOW).await;
                    assert!(matches!(done, Err(MotionError::Denied(_))), "{done:?}");
                }
                _ => {
                    let about = About::Motion(id);
                    conflict::declare(t, second, about, "a friend's", Timestamp(NOW))
                        .await
                        .expect("it is declared");
                    let done = decide(t, second, id, confirm, NOW).await;
                    assert!(matches!(done, Err(MotionError::Partial(_))), "{done:?}");
                    let own = conflict::of(t.session(), first, about).await.expect("it is read");
                    assert_eq!(own, Some(Conflict::Asked));
                }
            }
            let open = motions::open_of(t.session(), world.addresses.id, 9).await.expect("read");
            assert_eq!(open.is_empty(), !matches!(what, "belongs" | "partial"), "{what}");
        }
        // Two that would make each other stale do not wait beside each other.
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        assert!(go(t, &world, (By::Edit, first), (&key, with, 0), NOW).await.is_some());
        let what = What::Exclude { reason: "x".to_owned() };
        let edits = [Edit { key: key.clone(), what }];
        let same =
            edit::edit(t, second, &world.addresses, &edits, "hand", "", Timestamp(NOW)).await;
        assert!(matches!(same, Err(EditError::NoRoom(NoRoom::Same(_)))), "{same:?}");
    })
    .await;
}

#[tokio::test]
async fn an_editor_or_another_administrator_agrees_to_looser_guards() {
    on_each(async |database| {
        let world = world(&database).await;
        let list = &world.addresses;
        let administrator = Person { role: Role::Administrator, ..world.editors[0] };
        let account = AccountId(administrator.account);
        for what in ["done", "stale", "demoted"] {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let role = accounts::Role::Administrator;
            accounts::set_role(t.session(), account, role).await.expect("it is set");
            let hand = Hand { who: Who::Person(administrator), reason: "why", now: Timestamp(NOW) };
            let loose = Settings { ipv4_prefix: 0, ..Settings::default() };
            let high = code("127.0.0.9");
            let set = settings::configure(t, &hand, list, &loose).await.expect("it is taken");
            let Set::Waits(guards) = set else { panic!("{set:?}") };
            let set = settings::set_code(t, &hand, list, high, "y", (Some(false), None)).await;
            let Ok(Set::Waits(of_code)) = set else { panic!("{set:?}") };
            let shell = Hand { who: Who::Shell(audit::SYSTEM), ..hand };
            match what {
                "done" => {}
                "stale" => {
                    let other = Settings { refresh: 60, ..Settings::default() };
                    settings::configure(t, &shell, list, &other).await.expect("it is set");
                    settings::set_code(t, &shell, list, high, "z", (None, None))
                        .await
                        .expect("it is set");
                }
                _ => {
                    let role = accounts::Role::Editor;
                    accounts::set_role(t.session(), account, role).await.expect("it is set");
                }
            }
            for id in [guards, of_code] {
                let own = decide(t, administrator, id, &Verdict::Confirm, NOW).await;
                assert!(matches!(own, Err(MotionError::Own)), "{own:?}");
                let done = decide(t, world.editors[1], id, &Verdict::Confirm, NOW).await;
                match what {
                    "done" => assert!(matches!(done, Ok(Decided::Done(_))), "{done:?}"),
                    "stale" => assert!(matches!(done, Ok(Decided::Stale(_))), "{done:?}"),
                    // An editor does not want that himself.
                    _ => assert!(matches!(done, Err(MotionError::Lost)), "{done:?}"),
                }
            }
            let holds = dns::of(t.session(), list.id).await.expect("they are read");
            let for_two = lists::codes_for_two(t.session(), list.id).await.expect("they are read");
            let is_done = what == "done";
            assert_eq!((holds.ipv4_prefix == 0, for_two.is_empty()), (is_done, is_done), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_end_that_comes_earlier_takes_off_and_one_that_comes_later_lists() {
    on_each(async |database| {
        let world = world(&database).await;
        let list = &world.addresses;
        let two = code("127.0.0.2");
        let singles: Vec<Key> =
            (1..=25).map(|n| format!("45.9.0.{n}").parse().expect("a key")).collect();
        let (wide, high): (Key, Key) =
            ("45.0.0.0/16".parse().expect("a key"), "45.8.0.1".parse().expect("a key"));
        let mut transaction = database.begin().await.expect("a transaction");
        put(&mut transaction, list, &wide, &[two]).await;
        put(&mut transaction, list, &high, &[code("127.0.0.9")]).await;
        for key in &singles {
            put(&mut transaction, list, key, &[two]).await;
        }
        transaction.commit().await.expect("it is committed");
        let ends = async |keys: &[Key], code: ReturnCode, end: End| {
            let listing = |_| {
                What::List(Listing {
                    code,
                    before: None,
                    text: String::new(),
                    reason: "seen".to_owned(),
                    criterion: None,
                    end,
                    review: Review::AsBefore,
                })
            };
            let edits: Vec<Edit> =
                keys.iter().map(|key| Edit { key: key.clone(), what: listing(key) }).collect();
            let mut transaction = database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp(NOW));
            let made = edit::edit(t, world.editors[0], list, &edits, "hand", "", now).await;
            transaction.commit().await.expect("it is committed");
            match made.expect("it is done") {
                Made::Published(_) => None,
                Made::Waits(_, two) => Some(two),
            }
        };
        let (day, nine) = (End::After(1), code("127.0.0.9"));
        assert_eq!(ends(&[wide], two, day).await, Some(TwoEditors::WideRange));
        assert_eq!(ends(&singles, two, day).await, Some(TwoEditors::MassRemoval));
        // A single one is what one decides, and he may have it last longer again, ...
        assert_eq!(ends(&singles[..1], two, day).await, None);
        assert_eq!(ends(&singles[..1], two, End::Never).await, None);
        // ... but not with a code that another one has to agree to.
        let high = [high];
        assert_eq!(ends(&high, nine, End::After(7)).await, None);
        assert_eq!(ends(&high, nine, End::Never).await, Some(TwoEditors::Code));
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_no_more_than_somebody_reads() {
    on_each(async |database| {
        let world = world(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let mut count = 0_u32;
        for (letters, is_taken) in [(20, true), (900, false)] {
            let edits: Vec<Edit> = (0..1_000)
                .map(|_| {
                    count += 1;
                    let key = format!("45.{}.{}.0/24", count / 256, count % 256);
                    let listing = Listing {
                        code: code("127.0.0.2"),
                        before: None,
                        text: String::new(),
                        reason: "x".repeat(letters),
                        criterion: None,
                        end: End::Never,
                        review: Review::AsBefore,
                    };
                    Edit { key: key.parse().expect("a key"), what: What::List(listing) }
                })
                .collect();
            let (list, now) = (&world.addresses, Timestamp(NOW));
            let made = edit::edit(t, world.editors[0], list, &edits, "hand", "", now).await;
            match is_taken {
                true => assert!(matches!(made, Ok(Made::Waits(..))), "{made:?}"),
                false => {
                    let refused = made.expect_err("it is refused");
                    assert!(matches!(refused, EditError::NoRoom(NoRoom::Large)), "{refused:?}");
                }
            }
        }
    })
    .await;
}
