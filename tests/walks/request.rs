//! Walk (ii): a member asks on a page, an editor approves on another, and the server that follows the portal answers it.

use repute_database::testing::Server;

use crate::dns::{listed, rcode, until};
use crate::free::free_address;
use crate::pages::{Letters, Visitor};
use crate::process::{Place, Served};

/// ARCHITECTURE.md, "An edit goes this way" and "A change goes on this way".
#[test]
fn what_an_editor_approves_on_a_page_is_answered_where_the_list_is_followed() {
    tell("registry.db");
    if let Some(server) = Server::start() {
        tell(&server.url());
    }
}

/// The story, with a registry in this database.
fn tell(database: &str) {
    let (at, elsewhere) = (Place::new(), Place::new());
    std::fs::create_dir(at.path("data")).unwrap();
    let portal = free_address();
    // No resolver is there: what DNS says of an address is unknown, which an editor may pass over.
    let config = format!(
        "{}[registry]\ndatabase = \"{database}\"\n[portal]\nlisten = \"{portal}\"\n\
         public-url = \"http://localhost:{}\"\nresolvers = [\"127.0.0.1:9\"]\nask-other-lists = false\n",
        at.header(),
        portal.port()
    );
    let publisher = Served::start(&at, &config);
    let does = |line: &[&str]| {
        let output = at.command(line).args(["--config", "repute.toml"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    until("the portal answers", || std::net::TcpStream::connect(portal).is_ok());
    does(&["registry", "list", "add", "wl.example", "--template", "dnswl"]);

    // A server elsewhere follows it, with a token and the key that signs.
    elsewhere.write("token", &does(&["registry", "subscriber", "add", "ns2.example"]));
    let key = does(&["registry", "distribution", "key"]);
    let follow = format!(
        "[[follow]]\nurl = \"http://{portal}\"\ntoken-file = \"token\"\npublic-keys = [\"{}\"]\n",
        key.split_whitespace().next().unwrap()
    );
    let follower = Served::start(&elsewhere, &(elsewhere.header() + &follow));
    until("the list is followed", || listed(follower.dns, "2.0.0.127.wl.example"));

    // Somebody makes an account, and shows by a letter that a domain is his.
    let mut letters = Letters::of(at.path("data/mail"));
    let mut member = Visitor::at(portal);
    member.post("/sign-up", &[("mail", "grace@example.org")]).says(&["Look into your mail"]);
    member.join(&letters.link_to("grace@example.org"), "Grace", "");
    let claim = [("domain", "example.org"), ("name", "Example Mail"), ("proof", "postmaster")];
    member.does("/claims", &claim);
    member.does(&letters.link_to("postmaster@example.org"), &[]);

    // He asks for an address.
    let wanted = |action| {
        [
            ("list", "1"),
            ("action", action),
            ("code", "127.0.5.2"),
            ("networks", "8.8.8.8"),
            ("reason", "Our mail server."),
            ("submit", "yes"),
        ]
    };
    let name = "8.8.8.8.wl.example";
    let request = member.does("/organisations/1/request", &wanted("add"));
    member.get(&request).says(&["in the queue", "add 8.8.8.8 with 127.0.5.2"]);
    assert_eq!((rcode(publisher.dns, name), rcode(follower.dns, name)), (3, 3));

    // An editor approves it.
    let mut editor = Visitor::at(portal);
    let link = does(&["admin", "add", "edith@example.org", "--role", "editor"]);
    editor.join(&link, "Edith", "");
    editor.get("/queue").says(&["Example Mail", &request]);
    editor.does(&format!("{request}/review"), &[]);
    let page = editor.get(&request).text;
    let (_, rest) = page.split_once("name=\"version\" value=\"").expect("a form");
    let (version, _) = rest.split_once('"').expect("its end");
    let approves = [("version", version), ("verdict", "approve"), ("item-0", "yes")];
    editor.does(&format!("{request}/decide"), &approves);
    until("the portal's server answers it", || listed(publisher.dns, name));
    until("and the one that follows", || listed(follower.dns, name));
    assert_eq!(follower.serial("wl.example"), publisher.serial("wl.example"));
    member.get(&request).says(&["published"]);

    // What only takes his own address off again is done at once, there, too.
    member.does("/organisations/1/request", &wanted("remove"));
    until("the portal's server has it no more", || rcode(publisher.dns, name) == 3);
    until("nor has the one that follows", || rcode(follower.dns, name) == 3);
    does(&["registry", "verify"]);
    follower.stop();
    publisher.stop();
}
