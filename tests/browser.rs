//! The portal in a real browser: walks of people through the pages of the real binary, which `tests/browser/` tells.
//!
//! With `SCREENSHOTS=FOLDER` in the environment each page that is looked at is kept there as pictures.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "a walk asks by DNS what it must")]
mod dns;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "a walk needs a part of what tests of the command need")]
mod process;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use process::{Place, Served};

/// A portal with its server, for a walk.
fn portal(place: &Place) -> Served<'_> {
    std::fs::create_dir(place.path("data")).unwrap();
    // Whoever listened there is gone, and nobody else takes it meanwhile.
    let portal = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "{}[portal]\nlisten = \"{portal}\"\npublic-url = \"http://localhost:{}\"\n",
        place.header(),
        portal.port()
    );
    let server = Served::start(place, &config);
    // It opens its database beside what answers DNS.
    dns::until("the portal answers", || std::net::TcpStream::connect(portal).is_ok());
    server
}

/// Runs a walk to its good end.
fn walk(name: &str, arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules").exists(), "`./test` installs what drives the browser");
    let output = Command::new("node").current_dir(folder).arg(name).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("no node: {error}; `./test` installs it"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{told}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn an_account_is_guarded_by_codes_and_passkeys() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        return;
    }
    let place = Place::new();
    let server = portal(&place);
    let (status, link) =
        server.run(&["admin", "add", "ada@example.org", "--role", "administrator"]);
    assert_eq!(status, 0, "{link}");
    walk("accounts.mjs", &[link.trim()]);
}
