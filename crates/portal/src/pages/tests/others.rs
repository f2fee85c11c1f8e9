//! Things of others, which exist: whoever may not see or change them is refused for who he is, and not because there is
//! nothing. The owner and an editor go the same ways, so that each refusal is of somebody and never of a wrong address.

use repute_database::evidence::Kind;
use repute_database::publications::Outcome;
use repute_registry::evidence;

use super::versions::publish;
use super::*;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Nobody who is signed in.
    Nobody,
    /// Somebody who has nothing to do with it.
    Stranger,
    /// Whose it is.
    Owner,
    /// An editor who has nothing to do with it.
    Editor,
    /// An administrator who has nothing to do with it.
    Administrator,
}

/// How somebody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// He sees or does it.
    Yes,
    /// He is sent to sign in.
    SignIn,
    /// He may not.
    Forbidden,
    /// He does not learn that it is there.
    Hidden,
}

impl How {
    /// What an answer says.
    fn of(answer: &Answer) -> How {
        match answer.status {
            StatusCode::FORBIDDEN => How::Forbidden,
            StatusCode::NOT_FOUND => How::Hidden,
            StatusCode::UNAUTHORIZED => How::SignIn,
            _ if answer.location().starts_with("/sign-in") => How::SignIn,
            _ => How::Yes,
        }
    }
}

/// A site where each thing there is has the number 1, and who is who by his cookies.
struct Things {
    site: Site,
    owner: std::collections::BTreeMap<String, String>,
}

impl Things {
    /// Makes all of it.
    async fn new(database: Database) -> Things {
        let mut site = Site::over(database);
        allow_list(&site).await;
        // Lists are remembered for a moment, so both are there before the first page.
        let block = site.add_list("bl.example").await;
        site.become_role(Some(Role::Member)).await;
        let owner = site.cookies.clone();
        ask_for(&mut site, "example.org", "8.8.8.8", "127.0.5.1").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let actor = audit::machine(t.session(), "test").await.expect("a name");
        let cause = Cause { actor, action: "a test".to_owned(), reason: String::new() };
        evidence::add_source(t, "traps", Kind::Trap, &cause, Timestamp(1)).await.expect("added");
        let entry = Entry {
            key: "9.9.9.0/24".parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source: entries::source(t.session(), "test").await.expect("a source"),
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        entries::put(t.session(), block, &[entry]).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        site.cookies.clear();
        let ask = [
            ("list", "bl.example"),
            ("target", "9.9.9.7"),
            ("mail", "a@b.example"),
            ("reason", ""),
        ];
        site.post("/removals", &ask).await.says(&["Look into your mail"]);
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await.says(&["An editor decides this"]);
        let actor = cause.actor.clone();
        let why = "it is wide".to_owned();
        publish(&site, block, &actor, "11.0.0.0/8", Outcome::Refused { why }).await;
        Things { site, owner }
    }

    /// Has the browser be one of these.
    async fn become_one(&mut self, who: Who) {
        match who {
            Who::Nobody => self.site.become_role(None).await,
            Who::Stranger => self.site.become_role(Some(Role::Member)).await,
            Who::Owner => self.site.cookies = self.owner.clone(),
            Who::Editor => self.site.become_role(Some(Role::Editor)).await,
            Who::Administrator => self.site.become_role(Some(Role::Administrator)).await,
        }
    }
}

/// All who ask, in the order of the tables.
const ALL: [Who; 5] = [Who::Nobody, Who::Stranger, Who::Owner, Who::Editor, Who::Administrator];

#[tokio::test]
async fn what_is_there_is_shown_to_whom_it_is_meant() {
    use How::{Forbidden, Hidden, SignIn, Yes};
    on_each_narrow(async |database| {
        let mut things = Things::new(database).await;
        let mut wrong: Vec<String> = Vec::new();
        // Nobody, a stranger, the owner, an editor, an administrator.
        let theirs = [SignIn, Hidden, Yes, Yes, Yes];
        let own = [SignIn, Hidden, Yes, Forbidden, Forbidden];
        let alone = [SignIn, Hidden, Yes, Hidden, Hidden];
        let desk = [SignIn, Forbidden, Forbidden, Yes, Yes];
        let office = [SignIn, Forbidden, Forbidden, Forbidden, Yes];
        for (path, how) in [
            ("/organisations/1", theirs),
            ("/organisations/1/hints", theirs),
            ("/organisations/1/hints/checks", theirs),
            ("/organisations/1/request", own),
            ("/claims/1", alone),
            ("/requests/1", theirs),
            ("/queue/removals/1", desk),
            ("/queue/versions/2", desk),
            ("/evidence/sources/1", desk),
            ("/lists/bl.example/entries", desk),
            ("/lists/bl.example/entry?key=9.9.9.0/24", desk),
            ("/lists/bl.example/kept-out", desk),
            ("/lists/bl.example/settings", office),
            ("/people/1", office),
        ] {
            for (who, how) in ALL.into_iter().zip(how) {
                things.become_one(who).await;
                let found = How::of(&things.site.get(path).await);
                if found != how {
                    wrong.push(format!("{path} as {who:?}: {found:?}, not {how:?}"));
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_there_is_changed_by_whom_it_is_meant() {
    use How::{Forbidden, Hidden, SignIn, Yes};
    on_each_narrow(async |database| {
        // What cannot be done twice is refused to the others first: those who may are last.
        let own = [
            (Who::Nobody, SignIn),
            (Who::Stranger, Hidden),
            (Who::Editor, Forbidden),
            (Who::Owner, Yes),
        ];
        let alone = [
            (Who::Nobody, SignIn),
            (Who::Stranger, Hidden),
            (Who::Editor, Hidden),
            (Who::Owner, Yes),
        ];
        let desk = [
            (Who::Nobody, SignIn),
            (Who::Stranger, Forbidden),
            (Who::Owner, Forbidden),
            (Who::Editor, Yes),
        ];
        let office = [
            (Who::Stranger, Forbidden),
            (Who::Owner, Forbidden),
            (Who::Editor, Forbidden),
            (Who::Administrator, Yes),
        ];
        let mail = [("mail", "a@b.example"), ("purpose", "abuse")];
        let entry =
            [("act", "exclude"), ("key", "9.9.9.0/24"), ("address", "9.9.9.9"), ("reason", "x")];
        let why: [(&str, &str); 1] = [("why", "a test")];
        let text = [("text", "a test")];
        let category = [("list", "1"), ("category", "3"), ("reason", "x")];
        let mut things = Things::new(database).await;
        let mut wrong: Vec<String> = Vec::new();
        for (path, fields, how) in [
            ("/organisations/1/contacts", &mail[..], own),
            ("/organisations/1/contacts/remove", &mail, own),
            ("/organisations/1/invitations", &[("mail", "c@b.example"), ("role", "member")], own),
            ("/organisations/1/still-right", &[], own),
            ("/organisations/1/notes", &text, desk),
            ("/organisations/1/category", &category, desk),
            ("/organisations/1/suspend", &text, desk),
            ("/organisations/1/resume", &[], desk),
            ("/requests/1/review", &[], desk),
            ("/requests/1/decide", &[("version", "0"), ("verdict", "reject"), ("why", "x")], desk),
            ("/requests/1/withdraw", &[], own),
            ("/claims/1/withdraw", &[], alone),
            ("/queue/removals/1", &[("verdict", "refuse"), ("why", "a test")], desk),
            ("/lists/bl.example/entry", &entry, desk),
            ("/lists/bl.example/kept-out", &[("key", "9.9.9.0/24")], desk),
            ("/queue/versions/2", &[("serial", "2")], desk),
            ("/evidence/sources/1/purge", &why, desk),
            ("/people/1/lock", &why, office),
        ] {
            for (who, how) in how {
                things.become_one(who).await;
                let found = How::of(&things.site.post(path, fields).await);
                if found != how {
                    wrong.push(format!("{path} as {who:?}: {found:?}, not {how:?}"));
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
    })
    .await;
}
