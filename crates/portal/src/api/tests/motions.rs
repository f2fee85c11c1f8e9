//! Changes that two have to agree to, as programs use them: what agreeing asks for, and who is told.

use std::time::Duration;

use repute_database::digests::{self, Wanted};
use repute_database::entries::{self, OrganisationId};
use repute_database::outbox;
use repute_database::testing::on_each_narrow;

use super::*;

/// To whom letters wait that say something, in order; then none wait.
async fn told(site: &Site, words: &[&str]) -> Vec<String> {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let (mut told, lease) = (Vec::new(), Duration::from_secs(1000));
    while let Some(taken) =
        outbox::take(transaction.session(), Timestamp::now(), lease).await.expect("it is read")
    {
        outbox::give_up(transaction.session(), taken.id).await.expect("it is gone");
        if words.iter().all(|words| taken.letter.plain.contains(words)) {
            told.push(taken.letter.recipient);
        }
    }
    transaction.commit().await.expect("it is committed");
    told.sort();
    told
}

/// The address of a program's owner.
async fn mail(site: &Site, program: &Program) -> String {
    let mut connection = site.app.database.read().await.expect("a connection");
    let account = accounts::by_id(connection.session(), program.account).await;
    account.expect("it is read").expect("it is there").mail
}

/// A range that two have to agree to.
fn wide(key: &str) -> Value {
    json!({ "reason": "all of <it>", "changes": [
        { "action": "list", "key": key, "code": "127.0.0.2", "reason": "a trap" } ]})
}

#[tokio::test]
async fn agreeing_asks_for_what_the_change_itself_asks_for() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let (queue, lists, entries) = (Scope::QueueWrite, Scope::ListsWrite, Scope::EntriesWrite);
        let first = Program::new(&mut site, Role::Editor, &[entries]).await;
        let some = Program::new(&mut site, Role::Editor, &[queue]).await;
        let both = Program::new(&mut site, Role::Editor, &[queue, entries]).await;
        let confirm = json!({ "verdict": "confirm" });
        let made = first.post(&mut site, "/lists/bl.example/entries", &wide("9.9.0.0/16")).await;
        assert_eq!((made.status, &json(&made)["motion"]), (StatusCode::ACCEPTED, &json!(1)));
        let refused = some.post(&mut site, "/motions/1/decide", &confirm).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
        refused.says(&["needs the scope", "entries:write"]);
        let done = both.post(&mut site, "/motions/1/decide", &confirm).await;
        assert_eq!(json(&done)["outcome"], "done", "{done:?}");
        // Who may not do it at all says no, and more he need not have.
        first.post(&mut site, "/lists/bl.example/entries", &wide("9.8.0.0/16")).await;
        let no = json!({ "verdict": "refuse", "why": "too wide" });
        let done = some.post(&mut site, "/motions/2/decide", &no).await;
        assert_eq!(json(&done)["outcome"], "refused", "{done:?}");
        // Settings are an administrator's, whose program has to be one for settings; an editor only agrees.
        let wants = Program::new(&mut site, Role::Administrator, &[lists]).await;
        let other = Program::new(&mut site, Role::Administrator, &[queue, entries]).await;
        let loose = |max_change: u8| json!({ "reason": "x", "dns": { "max_change": max_change } });
        let (patch, path) = (Method::PATCH, "/lists/bl.example/settings");
        for (turn, program) in [(3, &some), (4, &other)] {
            let change = loose(if turn == 3 { 90 } else { 95 });
            let made = wants.ask(&mut site, patch.clone(), path, None, &change).await;
            assert_eq!(json(&made)["motion"], turn, "{made:?}");
            let decide = format!("/motions/{turn}/decide");
            let answer = program.post(&mut site, &decide, &confirm).await;
            if turn == 3 {
                assert_eq!(json(&answer)["outcome"], "done", "{answer:?}");
            } else {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
                answer.says(&["lists:write"]);
            }
        }
        // Who wanted it is no administrator any more: whoever confirms it wants it himself.
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        accounts::set_role(t.session(), wants.account, Role::Member).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let again = other.post(&mut site, "/motions/4/decide", &confirm).await;
        assert_eq!(again.status, StatusCode::FORBIDDEN, "{again:?}");
        let full = Program::new(&mut site, Role::Administrator, &[queue, lists]).await;
        told(&site, &[]).await;
        let taken = full.post(&mut site, "/motions/4/decide", &confirm).await;
        assert_eq!(json(&taken)["outcome"], "taken-over", "{taken:?}");
        // The others are told anew that it waits.
        let mut others = Vec::new();
        for program in [&first, &some, &both, &other] {
            others.push(mail(&site, program).await);
        }
        others.sort();
        assert_eq!(told(&site, &["the guards of the list", "/queue/motions/4"]).await, others);
    })
    .await;
}

#[tokio::test]
async fn those_who_may_agree_are_told_as_they_want_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let first = Program::new(&mut site, Role::Editor, &[Scope::EntriesWrite]).await;
        let at_once = Program::new(&mut site, Role::Editor, &[Scope::QueueRead]).await;
        let weekly = Program::new(&mut site, Role::Administrator, &[Scope::QueueRead]).await;
        let needed = Program::new(&mut site, Role::Editor, &[Scope::QueueRead]).await;
        let own = Program::new(&mut site, Role::Editor, &[Scope::QueueRead]).await;
        Program::new(&mut site, Role::Member, &[Scope::OrganisationsRead]).await;
        let organisation = OrganisationId(own.organisation(&site).await);
        // One belongs to whom the entry is that would go.
        let listed = json!({ "reason": "x", "changes": [
            { "action": "list", "key": "9.9.0.0/20", "code": "127.0.0.2", "reason": "a trap" } ]});
        let path = "/lists/bl.example/entries";
        first.post(&mut site, path, &listed).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let list = lists::by_apex(t.session(), &"bl.example".parse().expect("a name")).await;
        let list = list.expect("it is read").expect("it is there");
        let key = "9.9.0.0/20".parse().expect("a key");
        let mut there = entries::at(t.session(), list.id, &key).await.expect("they are read");
        there[0].organisation = Some(organisation);
        there[0].key = "9.9.0.0/16".parse().expect("a key");
        entries::put(t.session(), list.id, &there).await.expect("it is written");
        digests::want(t.session(), weekly.account, Wanted::Weekly).await.expect("it is written");
        digests::want(t.session(), needed.account, Wanted::Needed).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        told(&site, &[]).await;
        let off = json!({ "reason": "<why>", "changes": [
            { "action": "remove", "key": "9.9.0.0/16" } ]});
        let made = first.post(&mut site, path, &off).await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
        let words = ["wants to change 9.9.0.0/16 (bl.example)", "<why>", "/queue/motions/1"];
        assert_eq!(told(&site, &words).await, [mail(&site, &at_once).await]);
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let gathered = digests::take(transaction.session(), weekly.account).await;
        let gathered = gathered.expect("they are read");
        assert_eq!(gathered.len(), 1);
        assert!(gathered[0].link.ends_with("/queue/motions/1"), "{gathered:?}");
        let none = digests::take(transaction.session(), needed.account).await;
        assert_eq!(none.expect("they are read").len(), 0);
        drop(transaction);
        // On a page it is the same.
        site.become_role(Some(Role::Editor)).await;
        told(&site, &[]).await;
        let page = site.get("/lists/bl.example/entry?key=9.7.0.0/16").await;
        let (_, rest) = page.text.split_once("name=\"seen\" value=\"").expect("it says so");
        let fields = [
            ("act", "list"),
            ("key", "9.7.0.0/16"),
            ("seen", rest.split('"').next().expect("its end")),
            ("code", "127.0.0.2"),
            ("reason", "a trap"),
            ("end", ""),
            ("why", "all of it"),
        ];
        let answer = site.post("/lists/bl.example/entry", &fields).await;
        assert_eq!(answer.location(), "/queue/motions/2", "{answer:?}");
        assert_eq!(told(&site, &["9.7.0.0/16", "all of it"]).await.len(), 3);
    })
    .await;
}
