//! Resolvers and lists of others that never answer: what we know ourselves is shown without them, and what they were
//! asked is said to be unknown.

use std::io::ErrorKind;
use std::net::UdpSocket;

use repute_database::dns::{Links, Settings};
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, Contact, Purpose};
use repute_lookup::inquiry::ListAt;
use repute_registry::claim::challenge::Look;
use repute_registry::elsewhere::Elsewhere;
use repute_registry::link;

use super::*;
use crate::means::Means;

/// A server that takes every question and answers none.
struct Silence(UdpSocket);

impl Silence {
    /// One on loopback.
    fn new() -> Silence {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("it does not wait");
        Silence(socket)
    }

    /// A portal that knows no other resolver, and one list of others, which is there, too.
    fn asked_by(&self, database: Database) -> Site {
        let site = Site::over(database);
        let at = self.0.local_addr().expect("an address");
        let look = Look { resolvers: vec![at], ..site.app.means.look.clone() };
        let zone = "bl.others.example".parse().expect("a name");
        let list = repute_lookup::list::List::new(zone);
        let others = vec![ListAt { list, servers: vec![at] }];
        let elsewhere = Some(Elsewhere::new(others, Vec::new()));
        let means = Means { look, elsewhere, ..site.app.means.clone() };
        let (database, config) = (site.app.database.clone(), site.app.config.clone());
        Site::by(database, config, means)
    }

    /// Whether it was asked since this was called last.
    fn was_asked(&self) -> bool {
        let mut count = 0;
        loop {
            match self.0.recv(&mut [0; 512]) {
                Ok(_) => count += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count > 0,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn what_we_know_is_shown_before_anybody_is_asked_and_silence_is_said_to_be_unknown() {
    on_each_narrow(async |database| {
        let silence = Silence::new();
        let mut site = silence.asked_by(database);
        let bl = site.add_list("bl.example").await;
        put(&site, bl, "127.0.0.2", None).await;
        chores::announce(&site.app).await.expect("it is announced");
        let (link, later) =
            (link_of(&site, bl, "8.8.8.8").await, "data-load=\"names\" data-at-once");
        for path in ["/lookup?target=8.8.8.8", &link] {
            let page = site.get(path).await;
            page.says(&["traps hit", "action=\"/lookup/names\"", later, "/assets/more-"]);
            assert!(!silence.was_asked(), "{path}");
        }
        // A form with a mistake is answered at once, too.
        site.post(&link, &[("mail", "<b>")]).await.says(&["is not a mail address", later]);
        silence.was_asked();

        let page = site.get("/lookup/names?target=8.8.8.8").await;
        page.says(&["<div id=\"names\">", "no resolver says whether", "unclear"]);
        assert!(silence.was_asked());
        let page = site.get("/lookup/elsewhere?q=8.8.8.8").await;
        page.says(&["No block list of others said anything of 8.8.8.8", "unknown"]);
        assert!(silence.was_asked());
        // A name has none that leads back.
        let page = site.get("/lookup?target=mail.example.org").await;
        assert!(!page.text.contains("/lookup/names"));
    })
    .await;
}

#[tokio::test]
async fn hints_say_what_is_known_and_later_what_nobody_answered() {
    on_each_narrow(async |database| {
        let silence = Silence::new();
        let mut site = silence.asked_by(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let (organisation, _) = ask_for(&mut site, "x.example", "8.8.8.8", "127.0.5.3").await;
        let (hints, checks) =
            (format!("{organisation}/hints"), format!("{organisation}/hints/checks"));
        silence.was_asked();
        // Where there is nothing to ask about nobody is asked.
        for path in [&hints, &checks] {
            let page = site.get(path).await;
            page.says(&["It has no address on any of our lists"]);
            assert!(!page.text.contains("data-load") && !page.text.contains("just now"));
        }
        let id = organisation.rsplit_once('/').expect("a path").1.parse().expect("a number");
        let id = OrganisationId(id);
        put(&site, list, "127.0.5.3", Some(id)).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let contact = Contact { mail: "abuse@x.example".to_owned(), purpose: Purpose::Abuse };
        let added = organisations::add_contact(transaction.session(), id, &contact).await;
        added.expect("it is added");
        transaction.commit().await.expect("it is committed");
        let page = site.get(&hints).await;
        page.says(&[
            "<code>8.8.8.8</code>",
            &format!("action=\"{checks}\" data-load=\"hints\" data-at-once"),
            "Nothing to mend is known",
        ]);
        let sure = ["As good as it can be", "Nothing here costs you"];
        assert!(sure.iter().all(|word| !page.text.contains(word)), "{}", page.text);
        assert!(!silence.was_asked());

        let page = site.get(&checks).await;
        assert!(silence.was_asked());
        page.says(&[
            "<section id=\"hints\"",
            "Not everything was answered",
            "8.8.8.8: no resolver says whether it has a PTR record.",
            "8.8.8.8: no other list said anything.",
        ]);
        assert!(sure.iter().all(|word| !page.text.contains(word)), "{}", page.text);
        site.become_role(Some(Role::Member)).await;
        assert_eq!(site.get(&checks).await.status, StatusCode::NOT_FOUND);
        assert!(!silence.was_asked());
    })
    .await;
}

/// Puts 8.8.8.8 onto a list.
async fn put(site: &Site, list: ListId, code: &str, organisation: Option<OrganisationId>) {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let source = entries::source(transaction.session(), "test").await.expect("a source");
    let entry = Entry {
        key: "8.8.8.8".parse().expect("a key"),
        code: Some(code.parse().expect("a code")),
        text: String::new(),
        reason: "traps hit".to_owned(),
        criterion: None,
        source,
        organisation,
        since: Timestamp::now(),
        expires: None,
        review: None,
    };
    entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
    transaction.commit().await.expect("it is committed");
}

/// The path of the link in the text of a listing.
async fn link_of(site: &Site, list: ListId, target: &str) -> String {
    let mut connection = site.app.database.read().await.expect("a connection");
    let stored = lists::by_id(connection.session(), list).await.expect("read").expect("there");
    let settings = Settings { links: Links::On, ..Settings::default() };
    let found = link::of(connection.session(), &stored, &settings).await;
    let found = found.expect("it is read").expect("it has links");
    let path = found.before().strip_prefix("http://localhost:8080").expect("it is ours");
    let tag = found.key().tag(target.as_bytes());
    format!("{path}{target}/{}", String::from_utf8(tag.to_vec()).expect("letters"))
}
