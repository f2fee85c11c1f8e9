//! A registry in which everything is there once, and belongs to somebody.

use std::collections::BTreeMap;
use std::time::Duration;

use repute_database::accounts::{self, AccountId, Role};
use repute_database::dns::{Links, Settings};
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::evidence::{EvidenceSourceId, Kind};
use repute_database::lists::{self, List, ListId};
use repute_database::organisations::{self, Contact, MemberRole, Purpose};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::requests::RequestId;
use repute_database::rules::{self, Terms};
use repute_database::{
    Database, Timestamp, Transaction, audit, contact_mails, kept_out, outbox, passkeys, sessions,
};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::bounce::{self, Meaning};
use repute_registry::changes::{self, Cause, Change};
use repute_registry::edit::{self, Edit, Made, What};
use repute_registry::evidence::{Sighting, Told, add_source, take};
use repute_registry::notice::Notice;
use repute_registry::permission::{self, Person};
use repute_registry::request::state::State;
use repute_registry::settings::{self, Hand, Who};
use repute_registry::template::Template;
use repute_registry::{link, rule, subscriber};

use super::anew;
use crate::secret::digest_of;
use crate::testing::Site;
use crate::token::{self, Scope, Wish};
use crate::{chores, contact};

/// Who is who there, and what texts in the tables stand for.
pub(super) struct World {
    /// The cookies of each, in the order of [`super::WHO`].
    pub(super) cookies: Vec<BTreeMap<String, String>>,
    /// A token with all scopes of each; nobody has none.
    pub(super) tokens: Vec<String>,
    /// The accounts of each but nobody.
    pub(super) accounts: Vec<AccountId>,
    /// What stands for what.
    words: Vec<(&'static str, String)>,
}

impl World {
    /// A text with what its words stand for.
    pub(super) fn fill(&self, text: &str) -> String {
        let fill = |text: String, (word, value): &(&str, String)| text.replace(word, value);
        self.words.iter().fold(text.to_owned(), fill)
    }

    /// Makes all of it.
    pub(super) async fn new(database: Database) -> World {
        let mut site = Site::over(database);
        let site = &mut site;
        let mut words = Vec::new();
        lists_of(site).await;
        let (mut cookies, mut accounts) = (vec![BTreeMap::new()], Vec::new());
        for (name, role) in [
            ("stranger", Role::Member),
            ("member", Role::Member),
            ("owner", Role::Member),
            ("editor", Role::Editor),
            ("administrator", Role::Administrator),
        ] {
            let mut transaction = begin(site).await;
            let t = &mut transaction;
            let (mail, now) = (format!("{name}@people.example"), Timestamp::now());
            let added = accounts::add(t.session(), &mail, name, "$none", role, now).await;
            let id = added.expect("it is added").expect("it is new");
            let end = now.after(Duration::from_secs(86_400));
            for session in [mail.clone(), format!("{mail} elsewhere")] {
                let digest = digest_of(&session);
                let begun = sessions::begin(t.session(), &digest, id, "", now, end).await;
                begun.expect("it begins");
            }
            transaction.commit().await.expect("it is committed");
            cookies.push(BTreeMap::from([("session".to_owned(), mail)]));
            accounts.push(id);
        }
        let [nobody, stranger, _, owner, editor, administrator] = &cookies[..] else {
            unreachable!("there are six")
        };

        // Organisation 1 is the owner's, and 2 the stranger's.
        for (who, domain) in [(owner, "ours.example"), (stranger, "theirs.example")] {
            site.cookies = who.clone();
            let claim = [("domain", domain), ("name", domain), ("proof", "postmaster")];
            let made = site.post("/claims", &claim).await;
            assert!(made.location().starts_with("/claims/"), "{made:?}");
            let prove = letter(site).await;
            assert_eq!(site.post(&prove, &[]).await.status, 303);
        }
        let (organisation, now) = (OrganisationId(1), Timestamp::now());
        let mut transaction = begin(site).await;
        let t = &mut transaction;
        let role = MemberRole::Member;
        let put = organisations::put_member(t.session(), organisation, accounts[1].0, role, now);
        put.await.expect("it is put");
        let mail = "noc@ours.example";
        let contact = Contact { mail: mail.to_owned(), purpose: Purpose::Technical };
        organisations::add_contact(t.session(), organisation, &contact).await.expect("it is added");
        contact_mails::confirm(t.session(), organisation, mail, now).await.expect("it is noted");
        let named = "named.example".parse().expect("a name");
        organisations::add_domain(t.session(), organisation, &named).await.expect("it is added");
        bounce::note(t, mail, Meaning::Gone, "5.1.1", now).await.expect("it is noted");
        passkeys::add(t.session(), accounts[2], &[7; 16], "a key", "{}", now).await.expect("added");
        transaction.commit().await.expect("it is committed");

        // Links that came by letters.
        site.cookies = owner.clone();
        let open = [("domain", "more.example"), ("organisation", "1"), ("proof", "postmaster")];
        assert_eq!(site.post("/claims", &open).await.location(), "/claims/3");
        words.push(("$prove", letter(site).await));
        let by_dns = [("domain", "dns.example"), ("organisation", "1"), ("proof", "dns")];
        assert_eq!(site.post("/claims", &by_dns).await.location(), "/claims/4");
        site.post("/organisations/1/contacts/try", &[("mail", mail)]).await;
        words.push(("$arrive", letter(site).await));
        let contact = [("mail", "abuse@x.example"), ("purpose", "abuse")];
        let added = site.post("/organisations/1/contacts", &contact).await;
        assert_eq!(added.status, 303, "{added:?}");
        words.push(("$contact", letter(site).await));
        let stop = contact::stop_link(&site.app, organisation, "abuse@x.example");
        let stop = stop.strip_prefix("http://localhost:8080").expect("it is ours");
        words.push(("$stop", stop.to_owned()));
        for (word, whom) in
            [("$invited", "guest@x.example"), ("$joining", "stranger@people.example")]
        {
            let invited = [("mail", whom), ("role", "member")];
            assert_eq!(site.post("/organisations/1/invitations", &invited).await.status, 303);
            words.push((word, letter(site).await));
        }
        site.post("/account/mail", &[("mail", "moved@people.example")]).await;
        words.push(("$newmail", letter(site).await));
        site.cookies = nobody.clone();
        site.post("/forgot", &[("mail", "owner@people.example")]).await;
        words.push(("$reset", letter(site).await));
        let url = &site.app.config.public_url;
        let guest = "new@people.example".parse().expect("a mail address");
        let link = crate::invite(&site.app.database, url, Some(&guest), Role::Member).await;
        let link = link.expect("it is made");
        words.push(("$join", link.strip_prefix(url.origin()).expect("it is ours").to_owned()));
        let mut transaction = begin(site).await;
        let (request, state) = (RequestId(1), State::Published);
        let notice = Notice::RequestMoved { account: accounts[2].0, request, state, held: None };
        crate::notice::put(&site.app, &mut transaction, &[notice], now).await.expect("it is told");
        transaction.commit().await.expect("it is committed");
        let text = letter_text(site).await;
        let (_, stop) = text.split_once("Fewer letters: http://localhost:8080").expect("a link");
        let stop = stop.split_whitespace().next().expect("a path");
        words.push(("$unsubscribe", stop.to_owned()));

        // Request 1 waits, 2 has a question, 3 is published, 4 is in review.
        for (number, address) in
            ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"].into_iter().enumerate()
        {
            site.cookies = owner.clone();
            let code = "127.0.5.1";
            let wanted = [
                ("list", "1"),
                ("action", "add"),
                ("code", code),
                ("networks", address),
                ("submit", "yes"),
            ];
            let path = format!("/requests/{}", number + 1);
            let answer = site.post("/organisations/1/request", &wanted).await;
            assert_eq!(answer.location(), path);
            site.cookies = editor.clone();
            if number > 0 {
                site.post(&format!("{path}/review"), &[]).await;
            }
            let verdict = match number {
                0 => continue,
                1 => [("verdict", "ask"), ("why", "whose?")],
                2 => [("verdict", "approve"), ("item-0", "yes")],
                _ => [("", ""); 2],
            };
            let page = site.get(&path).await;
            let version = value(&page.text, "name=\"version\"");
            if number == 3 {
                words.push(("$version", version));
                continue;
            }
            let fields = [&[("version", &*version)], &verdict[..]].concat();
            assert_eq!(site.post(&format!("{path}/decide"), &fields).await.location(), path);
            letter(site).await;
        }
        let queue = site.get("/queue").await;
        words.push(("$queued", value(&queue.text, "name=\"request-1\"")));

        // On the block list: an entry, a change that the guards hold, what is kept out, proposals of a rule.
        let serial = block_list(site).await;
        let entry = site.get("/lists/bl.example/entry?key=9.9.7.7").await;
        words.push(("$tagged", tagged(site, ListId(2), "9.9.7.7").await));
        words.push(("$serial", serial.to_string()));
        words.push(("$step", value(&entry.text, "name=\"step\"")));
        words.push(("$seen", value(&entry.text, "name=\"seen\"")));

        // Removal 1 waits for an editor, and 2 for whoever has the link.
        site.cookies = nobody.clone();
        for (target, is_followed) in [("9.9.9.7", true), ("9.9.8.8", false)] {
            let ask = [
                ("list", "bl.example"),
                ("target", target),
                ("mail", "a@b.example"),
                ("reason", ""),
            ];
            site.post("/removals", &ask).await.says(&["Look into your mail"]);
            let link = letter(site).await;
            match is_followed {
                true => site.post(&link, &[]).await.says(&["An editor decides this"]),
                false => words.push(("$removal", link)),
            }
        }

        // What another editor wants, and one has to agree to.
        let mut transaction = begin(site).await;
        let (t, now) = (&mut transaction, Timestamp::now());
        let mail = "another@people.example";
        let added = accounts::add(t.session(), mail, "another", "$none", Role::Editor, now).await;
        let AccountId(account) = added.expect("it is added").expect("it is new");
        let person = Person { account, role: permission::Role::Editor };
        let stored = lists::by_id(t.session(), ListId(2)).await.expect("read").expect("there");
        let what = What::Exclude { reason: "ours".to_owned() };
        let edits = [Edit { key: "9.64.0.0/16".parse().expect("a key"), what }];
        let made = edit::edit(t, person, &stored, &edits, "hand", "x", now).await;
        assert!(matches!(made, Ok(Made::Waits(..))), "{made:?}");
        transaction.commit().await.expect("it is committed");

        // What an editor ordered; a token of each; what each has open in another place.
        site.cookies = editor.clone();
        assert_eq!(site.post("/rules/1/replay", &[("version", "1")]).await.location(), "/work/1");
        site.cookies = administrator.clone();
        let mut tokens = vec![String::new()];
        for account in &accounts {
            tokens.push(token_of(site, *account, |_| true).await);
        }
        site.cookies = owner.clone();
        let page = site.get("/account").await;
        let (_, rest) = page.text.split_once("/account/sessions/").expect("another session");
        let (session, _) = rest.split_once('/').expect("its end");
        words.push(("$session", session.to_owned()));
        let mut transaction = begin(site).await;
        let cause = cause(&mut transaction).await;
        let added = subscriber::add(&mut transaction, "mirror", None, &cause, now).await;
        words.push(("$subscriber", added.expect("it is added")));
        transaction.commit().await.expect("it is committed");
        for (word, account) in
            [("$stranger", &accounts[0]), ("$member", &accounts[1]), ("$owner", &accounts[2])]
        {
            words.push((word, account.0.to_string()));
        }
        World { cookies, tokens, accounts, words }
    }
}

/// A token of an account with all scopes that its role may have and that are wanted.
pub(super) async fn token_of(
    site: &Site,
    account: AccountId,
    is_wanted: impl Fn(Scope) -> bool,
) -> String {
    let mut connection = site.app.database.read().await.expect("a connection");
    let found = accounts::by_id(connection.session(), account).await.expect("it is read");
    let account = found.expect("it is there");
    drop(connection);
    let scopes: Vec<Scope> = Scope::of_role(account.role).filter(|one| is_wanted(*one)).collect();
    // An editor's token tells what its sources saw, an administrator's all.
    let tells = scopes.contains(&Scope::EvidenceWrite) && account.role == Role::Editor;
    let sources = tells.then_some(EvidenceSourceId(1)).into_iter().collect();
    let wish = Wish { name: "a program".to_owned(), scopes, days: None, sources };
    token::make(&site.app, &account, &wish).await.expect("it is made")
}

/// An allow list, and a block list.
async fn lists_of(site: &Site) {
    let list = |apex: &str, polarity| List {
        apex: apex.parse().expect("a name"),
        title: apex.to_owned(),
        description: String::new(),
        polarity,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let mut transaction = begin(site).await;
    let (cause, now) = (cause(&mut transaction).await, Timestamp::now());
    for (apex, polarity, template) in [
        ("wl.example", Polarity::Allow, Template::Dnswl),
        ("bl.example", Polarity::Block, Template::Blocklist),
    ] {
        let list = list(apex, polarity);
        let t = &mut transaction;
        repute_registry::lists::add(t, &list, template, &cause, now).await.expect("it is added");
    }
    transaction.commit().await.expect("it is committed");
}

/// What is on the block list, what was seen, and what came of it; the serial that the guards hold.
async fn block_list(site: &Site) -> u32 {
    let mut transaction = begin(site).await;
    let (t, now) = (&mut transaction, Timestamp::now());
    let cause = cause(t).await;
    let list = ListId(2);
    let source = entries::source(t.session(), "test").await.expect("a source");
    let entry = |key: &str| Entry {
        key: key.parse().expect("a key"),
        code: Some("127.0.0.2".parse().expect("a code")),
        text: String::new(),
        reason: "a trap was hit".to_owned(),
        criterion: None,
        source,
        organisation: None,
        since: Timestamp(1),
        expires: None,
        review: None,
    };
    let mut serial = 0;
    for (keys, outcome) in [
        (vec!["9.9.9.0/24", "9.9.8.8", "9.9.7.7"], Outcome::Published),
        (vec!["11.0.0.0/8"], Outcome::Refused { why: "it is wide".to_owned() }),
    ] {
        let stored = lists::by_id(t.session(), list).await.expect("it is read").expect("there");
        for key in &keys {
            let change = [Change { key: key.parse().expect("a key"), entries: vec![entry(key)] }];
            let applied = changes::apply(t, &stored, &change, &cause, now).await;
            serial = applied.expect("it is applied");
        }
        let audit = audit::head(t.session()).await.expect("it is read").rows;
        let publication = Publication { serial, time: now, entries: 1, audit, outcome };
        publications::note(t.session(), list, &publication).await.expect("it is noted");
    }
    let kept = kept_out::KeptOut {
        key: "9.9.6.6".parse().expect("a key"),
        code: None,
        since: now,
        until: None,
        actor: cause.actor.clone(),
        reason: String::new(),
    };
    kept_out::put(t.session(), list, &kept).await.expect("it is written");
    let administrator = Person { account: 5, role: permission::Role::Administrator };
    let hand = Hand { who: Who::Person(administrator), reason: "x", now };
    let stored = lists::by_id(t.session(), list).await.expect("it is read").expect("it is there");
    settings::publish_policy(t, &hand, &stored, "ours").await.expect("it is published");
    let added = settings::add_criterion(t, &hand, &stored, "old", "Old", "It is old.").await;
    added.expect("it is added");
    add_source(t, "traps", Kind::Trap, &cause, now).await.expect("it is added");
    let terms = Terms {
        classes: Vec::new(),
        sources: Vec::new(),
        hits: 1,
        from_sources: 1,
        from_traps: 0,
        span: 86_400_000_000,
        lasts: 7 * 86_400_000_000,
        outcome: rules::Outcome::Propose,
        code: "127.0.0.2".parse().expect("a code"),
        text: String::new(),
        reason: "it hit".to_owned(),
        criterion: None,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
    };
    let stored = lists::by_id(t.session(), list).await.expect("it is read").expect("it is there");
    rule::put(t, &stored, "hits", &terms, &cause, now).await.expect("it is written");
    rule::set_enabled(t, &stored, "hits", true, &cause, now).await.expect("it is on");
    let hit = Sighting {
        target: "9.0.0.1".parse().expect("a target"),
        class: "spam".to_owned(),
        seen: now,
        count: 1,
        trap: None,
        detail: String::new(),
        id: None,
    };
    let (hits, told, key) = ([hit], &mut Told::default(), &site.app.means.key);
    take(t, "traps", (&hits, told), Some(key), &cause, now).await.expect("it is taken");
    transaction.commit().await.expect("it is committed");
    let turn = rule::apply(&site.app.database, Timestamp::now()).await.expect("it is applied");
    assert_eq!(turn.proposed, 1);
    serial
}

/// The path of the link that a list's text has about a target.
async fn tagged(site: &Site, list: ListId, target: &str) -> String {
    chores::announce(&site.app).await.expect("it is announced");
    let mut connection = site.app.database.read().await.expect("a connection");
    let stored = lists::by_id(connection.session(), list).await.expect("read").expect("there");
    // The portal of tests is nowhere to lead to, unless somebody says so.
    let settings = Settings { links: Links::On, ..Settings::default() };
    let found = link::of(connection.session(), &stored, &settings).await;
    let found = found.expect("it is read").expect("it has links");
    let path = found.before().strip_prefix("http://localhost:8080").expect("it is ours");
    let tag = found.key().tag(target.as_bytes());
    format!("{path}{target}/{}", String::from_utf8(tag.to_vec()).expect("letters"))
}

/// A transaction.
async fn begin(site: &Site) -> Transaction {
    site.app.database.begin().await.expect("a transaction")
}

/// The machine.
async fn cause(transaction: &mut Transaction) -> Cause {
    let actor = audit::machine(transaction.session(), "test").await.expect("a pseudonym");
    Cause { actor, action: "test".to_owned(), reason: String::new() }
}

/// The path of the first link in the last letter; all letters are sent by that.
async fn letter(site: &mut Site) -> String {
    let text = letter_text(site).await;
    let (_, rest) = text.split_once("http://localhost:8080").expect("a link");
    rest.split_whitespace().next().expect("a path").to_owned()
}

/// The last letter; all are sent by that.
async fn letter_text(site: &mut Site) -> String {
    let (mut transaction, mut last) = (begin(site).await, (0, String::new()));
    let (now, lease) = (Timestamp::now(), Duration::from_secs(60));
    while let Some(taken) = outbox::take(transaction.session(), now, lease).await.expect("read") {
        outbox::give_up(transaction.session(), taken.id).await.expect("it is sent");
        // What somebody waits for leaves first, whenever it was written.
        last = last.max((taken.id.0, taken.letter.plain));
    }
    transaction.commit().await.expect("it is committed");
    let cookies = std::mem::take(&mut site.cookies);
    *site = anew(&site.app.database).await;
    site.cookies = cookies;
    last.1
}

/// The value of a field on a page.
fn value(page: &str, field: &str) -> String {
    let (_, rest) = page.split_once(field).unwrap_or_else(|| panic!("no {field} on {page}"));
    let (_, rest) = rest.split_once("value=\"").expect("a value");
    rest.split_once('"').expect("its end").0.to_owned()
}
