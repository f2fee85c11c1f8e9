//! `/proposals`: what rules would list, and what editors decide about it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use repute_database::Timestamp;
use repute_database::conflicts::About;
use repute_database::lists::ListId;
use repute_database::rules::{self, Proposal, ProposalId, ProposalState};
use repute_registry::publish;
use repute_registry::rule::proposal::{self, Decided, Verdict};
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::evidence::{Seen, seen};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::overview::ListCard;
use crate::pages::conflict::{Interest, interest};
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "proposals.html")]
pub(crate) struct Proposals {
    frame: Frame,
    cards: Vec<ListCard>,
    list: Option<i64>,
    rows: Vec<Row>,
    /// How many are open in all.
    open: u64,
}

/// A proposal.
struct Row {
    proposal: Proposal,
    list: String,
    rule: String,
    seen: Vec<Seen>,
    /// Whether whoever looks is partial, and who else is.
    interest: Interest,
}

/// Which are shown.
#[derive(Deserialize)]
pub(crate) struct Typed {
    /// A list, by its number; none for all.
    #[serde(default)]
    list: Option<String>,
}

/// `GET /proposals`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(Typed { list }): Query<Typed>,
) -> Result<Page<Proposals>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?.to_vec();
    let list: Option<i64> = list.as_deref().and_then(|list| list.parse().ok());
    let mut look = app.database.look().await?;
    let (mut rows, mut open) = (Vec::new(), 0);
    let mut names = HashMap::new();
    for card in cards.iter().filter(|card| list.is_none_or(|list| card.id == ListId(list))) {
        open += rules::count_open(look.session(), card.id).await?;
        let left = MOST.saturating_sub(u32::try_from(rows.len()).unwrap_or(MOST));
        let state = ProposalState::Open;
        for proposal in rules::proposals(look.session(), card.id, state, None, left).await? {
            let which = (proposal.rule, proposal.version);
            if let Entry::Vacant(place) = names.entry(which) {
                let rule = rules::version(look.session(), which.0, which.1).await?;
                place.insert(rule.map_or_else(String::new, |rule| rule.name));
            }
            let seen = seen(look.session(), &proposal.proposed.key).await?;
            let rule = names.get(&which).cloned().unwrap_or_default();
            let about = About::Proposal(proposal.id);
            let interest = interest(look.session(), member.person(), about, true).await?;
            rows.push(Row { proposal, list: card.list.title.clone(), rule, seen, interest });
        }
    }
    Ok(Page(Proposals { frame, cards, list, rows, open }))
}

/// `POST /proposals`. Those that are meant are fields of their own, as `proposal-7=yes`.
pub(crate) async fn decide(
    State(app): State<App>,
    member: Member,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, AppError> {
    let wrong = |what: &str| AppError::Wrong(what.to_owned());
    let marked = fields.keys().filter_map(|name| name.strip_prefix("proposal-")?.parse().ok());
    let mut ids: Vec<ProposalId> = marked.map(ProposalId).collect();
    ids.sort_unstable();
    if ids.is_empty() {
        return Err(wrong("mark the proposals that you decide"));
    }
    let verdict = match fields.get("verdict").map(String::as_str) {
        Some("accept") => Verdict::Accept,
        Some("refuse") => Verdict::Refuse,
        Some(_) | None => return Err(wrong("choose what to do")),
    };
    let why = fields.get("why").map(|why| why.trim()).unwrap_or_default();
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    proposal::take_lists(&mut transaction, &ids).await?;
    let (mut made, mut waits) = (Vec::new(), false);
    for id in ids {
        let done = proposal::decide(&mut transaction, member.person(), id, verdict, why, now);
        match done.await? {
            Decided::Listed(list, serial) => made.push((list, serial)),
            Decided::Waits(_) => waits = true,
            Decided::Refused => {}
        }
    }
    let mut is_held = false;
    for (list, serial) in &made {
        let prospect = publish::prospect(transaction.session(), list, *serial).await?;
        is_held |= prospect.held().is_some();
    }
    transaction.commit().await?;
    let flash = match verdict {
        Verdict::Accept if waits && made.is_empty() => Flash::RequestWaitsForSecond,
        Verdict::Accept if waits => Flash::ProposalsWait,
        Verdict::Accept if is_held => Flash::RequestHeld,
        Verdict::Accept => Flash::ProposalsAccepted,
        Verdict::Refuse => Flash::ProposalsRefused,
    };
    Ok(back("/proposals", flash))
}

impl Proposals {
    /// Whether a list is the one that is chosen.
    fn is_list(&self, card: &ListCard) -> bool {
        self.list == Some(card.id.0)
    }

    /// Whether there are more than are shown.
    fn is_part(&self) -> bool {
        self.rows.len() as u64 != self.open
    }
}

/// So many are shown at once.
const MOST: u32 = 100;

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::accounts::Role;
    use repute_database::evidence::Kind;
    use repute_database::lists::{self, List, Stored};
    use repute_database::organisations::{self, MemberRole};
    use repute_database::rules::Terms;
    use repute_database::{Key, Transaction, audit, dns, entries, removals, requests, sessions};
    use repute_dnsxl::{KeyKind, Polarity};
    use repute_registry::changes::{self, Cause, Change};
    use repute_registry::evidence::{Sighting, Told, add_source, take};
    use repute_registry::rule::{self, apply};

    use super::*;
    use crate::secret::digest_of;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    /// Somebody.
    async fn cause(transaction: &mut Transaction) -> Cause {
        Cause {
            actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
            action: "test".to_owned(),
            reason: String::new(),
        }
    }

    /// Has a list propose what hits two traps.
    async fn propose(t: &mut Transaction, list: lists::ListId, cause: &Cause) -> Stored {
        let now = Timestamp::now();
        let list = lists::by_id(t.session(), list).await.expect("it is read");
        let list = list.expect("it is there");
        let terms = Terms {
            classes: Vec::new(),
            sources: Vec::new(),
            hits: 2,
            from_sources: 1,
            from_traps: 2,
            span: 86_400_000_000,
            lasts: 7 * 86_400_000_000,
            outcome: rules::Outcome::Propose,
            code: "127.0.0.2".parse().expect("a code"),
            text: String::new(),
            reason: "it hit <traps>".to_owned(),
            criterion: None,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
        };
        rule::put(t, &list, "hits", &terms, cause, now).await.expect("written");
        rule::set_enabled(t, &list, "hits", true, cause, now).await.expect("on");
        list
    }

    /// A list with a rule that proposes what hits two traps; six addresses that did.
    async fn house(site: &Site) -> Stored {
        let id = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (now, cause) = (Timestamp::now(), cause(&mut transaction).await);
        let added = add_source(&mut transaction, "traps", Kind::Trap, &cause, now).await;
        added.expect("it is added");
        let list = propose(&mut transaction, id, &cause).await;
        let hit = |address: u8, trap: &str| Sighting {
            target: format!("9.0.0.{address}").parse().expect("a target"),
            class: "spam".to_owned(),
            seen: now,
            count: 1,
            trap: Some(format!("{trap}@secret.example")),
            detail: String::new(),
            id: None,
        };
        let hits: Vec<Sighting> =
            (1..=6).flat_map(|address| [hit(address, "one"), hit(address, "two")]).collect();
        let key = &site.app.means.key;
        let told = &mut Told::default();
        let taken = take(&mut transaction, "traps", (&hits, told), Some(key), &cause, now).await;
        taken.expect("they are taken");
        transaction.commit().await.expect("it is committed");
        let turn = apply(&site.app.database, Timestamp::now()).await.expect("it is applied");
        assert_eq!(turn.proposed, 6);
        list
    }

    /// The addresses on the list.
    async fn listed(site: &Site, list: &Stored) -> Vec<String> {
        let mut connection = site.app.database.read().await.expect("a connection");
        let page = entries::page(connection.session(), list.id, None, None, 99).await;
        page.expect("they are read").into_iter().map(|entry| entry.key.to_string()).collect()
    }

    #[tokio::test]
    async fn editors_decide_many_at_once_and_see_why_and_no_trap() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Editor)).await;
            let page = site.get("/proposals").await;
            page.says(&["9.0.0.1", "9.0.0.6", "2 hits from 1 sources", "6 open", "spam", "traps"]);
            assert!(!page.text.contains("secret"), "{}", page.text);
            let none = site.post("/proposals", &[("verdict", "accept")]).await;
            assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
            let some = [("proposal-1", "yes"), ("proposal-3", "yes"), ("verdict", "accept")];
            assert_eq!(site.post("/proposals", &some).await.location(), "/proposals");
            assert_eq!(listed(&site, &list).await, ["9.0.0.1", "9.0.0.3"]);
            let silent = [("proposal-2", "yes"), ("verdict", "refuse")];
            site.post("/proposals", &silent).await.says(&["A refusal needs a reason"]);
            let twice = [("proposal-2", "yes"), ("proposal-1", "yes"), ("verdict", "accept")];
            assert_eq!(site.post("/proposals", &twice).await.status, StatusCode::CONFLICT);
            assert_eq!(listed(&site, &list).await.len(), 2, "all of it or nothing");
            let refused = [("proposal-2", "yes"), ("verdict", "refuse"), ("why", "a mistake")];
            assert_eq!(site.post("/proposals", &refused).await.location(), "/proposals");
            site.get("/proposals?list=1").await.says(&["3 open", "9.0.0.4"]);
            site.get("/queue").await.says(&["/proposals"]);
        })
        .await;
    }

    #[tokio::test]
    async fn those_of_several_lists_are_decided_at_once_whichever_came_first() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let first = site.add_list("first.example").await;
            let second = house(&site).await;
            // Proposals of the first list come last: lists are taken by their numbers all the same.
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let cause = cause(&mut transaction).await;
            let first = propose(&mut transaction, first, &cause).await;
            transaction.commit().await.expect("it is committed");
            let turn = apply(&site.app.database, Timestamp::now()).await.expect("it is applied");
            assert_eq!(turn.proposed, 6);
            site.become_role(Some(Role::Editor)).await;
            let both = [("proposal-1", "yes"), ("proposal-7", "yes"), ("verdict", "accept")];
            assert_eq!(site.post("/proposals", &both).await.location(), "/proposals");
            for list in [&first, &second] {
                assert_eq!(listed(&site, list).await, ["9.0.0.1"]);
            }
            let unknown = [("proposal-99", "yes"), ("verdict", "accept")];
            assert_eq!(site.post("/proposals", &unknown).await.status, StatusCode::NOT_FOUND);
        })
        .await;
    }

    #[tokio::test]
    async fn what_the_guards_hold_is_told_to_who_decides() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Editor)).await;
            // Rules never propose what the guard for canaries keeps back, but a guard against width may be very strict.
            for (proposal, ipv4_prefix, says) in [
                ("proposal-1", 32, "It is decided, but not in DNS yet"),
                ("proposal-2", 8, "Listed: name servers have it within a second."),
            ] {
                let mut transaction = site.app.database.begin().await.expect("a transaction");
                let settings = dns::Settings { ipv4_prefix, ..dns::Settings::default() };
                dns::set(transaction.session(), list.id, &settings).await.expect("it is set");
                transaction.commit().await.expect("it is committed");
                let fields = [(proposal, "yes"), ("verdict", "accept")];
                assert_eq!(site.post("/proposals", &fields).await.location(), "/proposals");
                site.get("/proposals").await.says(&[says]);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn who_belongs_to_the_organisation_does_not_decide() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Editor)).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let (now, cause) = (Timestamp::now(), cause(&mut transaction).await);
            let allow = List {
                apex: "wl.example".parse().expect("a name"),
                title: "Good".to_owned(),
                description: String::new(),
                polarity: Polarity::Allow,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let allow = lists::add(transaction.session(), &allow, now).await.expect("it is added");
            let allow =
                lists::by_id(transaction.session(), allow).await.expect("read").expect("there");
            let own = organisations::add(transaction.session(), "Own", now).await.expect("added");
            let digest = digest_of(&site.cookies["session"]);
            let found =
                sessions::find(transaction.session(), &digest, now).await.expect("it is read");
            let (_, account) = found.expect("somebody is signed in");
            let role = MemberRole::Member;
            organisations::put_member(transaction.session(), own, account.id.0, role, now)
                .await
                .expect("he belongs to it");
            let key: Key = "9.0.0.2".parse().expect("a key");
            let entry = entries::Entry {
                key: key.clone(),
                code: Some("127.0.2.1".parse().expect("a code")),
                text: String::new(),
                reason: String::new(),
                criterion: None,
                source: entries::source(transaction.session(), "hand").await.expect("a source"),
                organisation: Some(own),
                since: now,
                expires: None,
                review: None,
            };
            let change = [Change { key, entries: vec![entry] }];
            changes::apply(&mut transaction, &allow, &change, &cause, now).await.expect("applied");
            transaction.commit().await.expect("it is committed");
            let page = site.get("/proposals").await;
            page.says(&["Conflict of interest", "name=\"proposal-1\""]);
            assert!(!page.text.contains("name=\"proposal-2\""), "he cannot mark what is not his");
            let both = [("proposal-1", "yes"), ("proposal-2", "yes"), ("verdict", "accept")];
            let answer = site.post("/proposals", &both).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            answer.says(&["you belong to the organisation, so another editor does that"]);
            assert!(listed(&site, &list).await.is_empty());
            site.become_role(Some(Role::Editor)).await;
            assert_eq!(site.post("/proposals", &both).await.location(), "/proposals");
            assert_eq!(listed(&site, &list).await.len(), 2);
        })
        .await;
    }

    #[tokio::test]
    async fn who_says_that_he_is_partial_leaves_it_to_others_and_that_is_on_record() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Editor)).await;
            let own = site.cookies.clone();
            let path = "/proposals/1/conflict";
            let silent = site.post(path, &[("act", "declare"), ("why", " ")]).await;
            assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
            let early = site.post(path, &[("act", "take-back")]).await;
            assert_eq!(early.status, StatusCode::CONFLICT);
            let say = [("act", "declare"), ("why", "my <brother>'s")];
            assert_eq!(site.post(path, &say).await.location(), "/proposals");
            let page = site.get("/proposals").await;
            page.says(&["you said that you are partial", "another editor decides this"]);
            assert!(!page.text.contains("name=\"proposal-1\""));
            let accept = [("proposal-1", "yes"), ("verdict", "accept")];
            let refused = site.post("/proposals", &accept).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            refused.says(&["take that back first"]);
            // Others see it, and decide.
            site.become_role(Some(Role::Editor)).await;
            site.get("/proposals")
                .await
                .says(&["is partial in this", "my &#60;brother&#62;&#39;s"]);
            let other = site.cookies.clone();
            site.cookies = own.clone();
            assert_eq!(site.post(path, &[("act", "take-back")]).await.location(), "/proposals");
            site.get("/proposals").await.says(&["name=\"proposal-1\""]);
            site.post(path, &say).await;
            site.cookies = other;
            assert_eq!(site.post("/proposals", &accept).await.location(), "/proposals");
            assert_eq!(listed(&site, &list).await, ["9.0.0.1"]);
            site.cookies = own;
            let late = site.post(path, &[("act", "take-back")]).await;
            assert_eq!(late.status, StatusCode::CONFLICT);
            late.says(&["decided already"]);
            let mut connection = site.app.database.read().await.expect("a connection");
            let log = audit::of_subject(connection.session(), "proposal/1", 99).await;
            let log = log.expect("it is read");
            let said: Vec<_> = log.iter().map(|row| (&*row.action, &*row.detail)).collect();
            let declared = ("conflict.declare", r#"{"reason":"my <brother>'s"}"#);
            let back = ("conflict.take-back", r#"{"reason":""}"#);
            for one in [declared, back] {
                assert!(said.contains(&one), "{said:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_source_is_purged_by_whoever_just_proved_who_he_is_and_sees_what_goes() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Editor)).await;
            let some = [("proposal-1", "yes"), ("verdict", "accept")];
            assert_eq!(site.post("/proposals", &some).await.location(), "/proposals");
            site.get("/evidence?key=9.0.0.0/24").await.says(&["spam", "of 6", "traps", "trap"]);
            site.get("/evidence?key=nothing/7").await.says(&["neither a network"]);
            let page = site.get("/evidence/sources/1").await;
            page.says(&["All 12 observations", "1 entries leave their lists", "5 proposals"]);
            assert_eq!(site.get("/evidence/sources/9").await.status, StatusCode::NOT_FOUND);
            let why = [("why", "its traps are known")];
            site.let_time_pass().await;
            let again = site.post("/evidence/sources/1/purge", &why).await;
            assert_eq!(again.location(), "/confirm?next=/evidence/sources/1");
            site.become_role(Some(Role::Editor)).await;
            assert_eq!(site.post("/evidence/sources/1/purge", &why).await.location(), "/work/1");
            let page = site.get("/work/1").await;
            page.says(&[
                "It is begun",
                "Purge of source traps",
                "by Some &#60;One&#62;",
                "Cancel it",
            ]);
            page.says(&["it waits its turn", "http-equiv=\"refresh\""]);
            site.get("/work").await.says(&["Purge of source traps", "queued", "refresh"]);
            assert_eq!(site.get("/work/9").await.status, StatusCode::NOT_FOUND);
            site.work().await;
            let page = site.get("/work/1").await;
            page.says(&["12 observations are gone", ">done<"]);
            assert!(!page.text.contains("http-equiv") && !page.text.contains("Cancel it"));
            let turn = apply(&site.app.database, Timestamp::now()).await.expect("it is applied");
            assert_eq!(turn.dropped, 1);
            assert!(listed(&site, &list).await.is_empty());
            site.get("/proposals").await.says(&["Nothing waits"]);
        })
        .await;
    }

    #[tokio::test]
    async fn rules_are_shown_replayed_and_turned_off_by_administrators() {
        on_each_narrow(async |database| {
        let mut site = Site::over(database);
        house(&site).await;
        site.become_role(Some(Role::Editor)).await;
        let says =
            "2 hits in 1 day at 2 traps: is proposed with 127.0.0.2 until 7 days after the last";
        site.get("/rules").await.says(&["hits", says, "Rules have looked at all"]);
        let page = site.get("/rules/1").await;
        page.says(&["Version 1", "it hit &#60;traps&#62;", "Replay it"]);
        assert!(!page.text.contains("Turn it off"));
        let version = [("version", "1")];
        assert_eq!(site.post("/rules/1/replay", &version).await.location(), "/work/1");
        site.work().await;
        let page = site.get("/work/1").await;
        page.says(&["6 would be proposed", "<code>9.0.0.6</code>", "Nothing was changed"]);
        let none = site.post("/rules/1/replay", &[("version", "2")]).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        // Who ordered it cancels it, or an administrator; once.
        assert_eq!(site.post("/rules/1/replay", &version).await.location(), "/work/2");
        let own = site.cookies.clone();
        site.become_role(Some(Role::Editor)).await;
        assert!(!site.get("/work/2").await.text.contains("Cancel it"));
        let refused = site.post("/work/2/cancel", &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        site.cookies = own;
        assert_eq!(site.post("/work/2/cancel", &[]).await.location(), "/work/2");
        site.get("/work/2").await.says(&[">cancelled<", "It was cancelled."]);
        assert_eq!(site.post("/work/2/cancel", &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(site.get("/rules/2").await.status, StatusCode::NOT_FOUND);
        site.become_role(Some(Role::Administrator)).await;
        assert_eq!(site.post("/rules/1/disable", &[]).await.location(), "/rules/1");
        site.get("/rules/1").await.says(&["Turn it on", ">off<"]);
        assert_eq!(site.post("/rules/1/enable", &[]).await.location(), "/rules/1");
        site.get("/rules/1").await.says(&["Turn it off", ">on<"]);
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_seen_stands_beside_requests_and_removals_for_editors_alone() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let list = house(&site).await;
            site.become_role(Some(Role::Member)).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let now = Timestamp::now();
            let digest = digest_of(&site.cookies["session"]);
            let found =
                sessions::find(transaction.session(), &digest, now).await.expect("it is read");
            let account = found.expect("somebody is signed in").1.id.0;
            let own = organisations::add(transaction.session(), "Own", now).await.expect("added");
            let role = MemberRole::Owner;
            let put =
                organisations::put_member(transaction.session(), own, account, role, now).await;
            put.expect("he belongs to it");
            let new = requests::New {
                organisation: own,
                list: list.id,
                account,
                reason: String::new(),
                undoes: None,
                criterion: None,
                review: None,
            };
            let id = requests::add(transaction.session(), &new, now).await.expect("it is added");
            let item = requests::Item {
                action: "remove".to_owned(),
                subject: "9.0.0.0/24".to_owned(),
                code: String::new(),
                outcome: requests::Outcome::Open,
                before: String::new(),
            };
            requests::set_items(transaction.session(), id, &[item])
                .await
                .expect("they are written");
            let new = removals::New {
                list: list.id,
                key: "9.0.0.1".parse().expect("a key"),
                target: "9.0.0.1".to_owned(),
                mail: "postmaster@x.example".to_owned(),
                network: "9.0.0.0/24".to_owned(),
                reason: String::new(),
                kind: removals::Kind::Removal,
                way: removals::Way::Typed,
                control: removals::Control::None,
                nonce: [7; 16],
                created: now,
                expires: Timestamp(now.0 + 9),
            };
            removals::add(transaction.session(), &new).await.expect("it is added");
            transaction.commit().await.expect("it is committed");
            let page = site.get("/requests/1").await;
            assert!(page.status == StatusCode::OK && !page.text.contains("What was seen of it"));
            site.become_role(Some(Role::Editor)).await;
            let seen =
                ["What was seen of it", "spam", "of 6", "data-is=\"Hits\" class=\"number\">12<"];
            site.get("/requests/1").await.says(&seen);
            let seen = ["What was seen of it", "spam", "data-is=\"Hits\" class=\"number\">2<"];
            site.get("/queue/removals/1").await.says(&seen);
        })
        .await;
    }
}
