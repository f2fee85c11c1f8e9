//! A portal for tests: its routes over a real database, called without a socket, and a browser's cookies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use repute_database::accounts::{self, Role};
use repute_database::lists::{self, List};
use repute_database::testing::{folder, fresh_file, open_narrow};
use repute_database::{Database, Timestamp, sessions};
use repute_distribution::Shelf;
use repute_dnsxl::{KeyKind, Name, Polarity, Target};
use repute_lookup::inquiry::ListAt;
use repute_registry::claim::challenge::{Look, Reach};
use repute_registry::elsewhere::Elsewhere;
use repute_registry::removal::wave::Waves;
use repute_registry::request::limit::Limits;
use repute_registry::token::TokenKey;
use repute_registry::work::{Spool, Worker};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::{Config, Mail, ReturnPath};
use crate::means::Means;
use crate::routes;
use crate::secret::digest_of;
use crate::zones::{Standing, ZoneFacts, Zones};

/// A portal, and a browser before it.
pub(crate) struct Site {
    /// What its handlers share.
    pub(crate) app: App,
    /// Its routes.
    router: Router,
    /// The browser's cookies.
    pub(crate) cookies: BTreeMap<String, String>,
    /// What the lists in memory say.
    pub(crate) zones: Arc<Table>,
    /// What is handed out lies here.
    _shelf: TempDir,
    /// Files of imports, unless they are another's.
    spool: Option<TempDir>,
    /// The database, unless it is another's.
    _folder: Option<TempDir>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP's number.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) text: String,
}

/// Lists in memory, as a table.
#[derive(Default)]
pub(crate) struct Table(pub(crate) Mutex<Vec<(Name, Target, Standing)>>);

impl Zones for Table {
    fn standing(&self, apex: &Name, target: &Target) -> Option<Standing> {
        let table = self.0.lock().expect("nobody panicked");
        let rows: Vec<_> = table.iter().filter(|(known, _, _)| known == apex).collect();
        let found = rows.iter().find(|(_, known, _)| known == target);
        match found {
            Some((_, _, standing)) => Some(standing.clone()),
            None => (!rows.is_empty()).then_some(Standing::NotListed),
        }
    }

    fn facts(&self, apex: &Name) -> Option<ZoneFacts> {
        let table = self.0.lock().expect("nobody panicked");
        let entries = table.iter().filter(|(known, _, _)| known == apex).count() as u64;
        (entries > 0).then_some(ZoneFacts { entries, serial: 7 })
    }
}

impl Site {
    /// One over a fresh database.
    pub(crate) async fn new() -> Site {
        let folder = folder();
        let database = open_narrow(&fresh_file(&folder).await).await;
        Site { _folder: Some(folder), ..Site::over(database) }
    }

    /// One over this database.
    pub(crate) fn over(database: Database) -> Site {
        let config = Config {
            title: "Example lists".to_owned(),
            public_url: "http://localhost:8080".parse().expect("a URL"),
            trusted_proxies: Vec::new(),
            limit_look_ups: true,
            canned_reasons: vec!["Write to <abuse@example.org> first.".to_owned()],
            requests: Limits::default(),
            waves: Waves::default(),
            mail: Mail::Folder("/nonexistent".into()),
            return_path: ReturnPath::default(),
        };
        Site::with(database, config)
    }

    /// One that is set up so.
    pub(crate) fn with(database: Database, config: Config) -> Site {
        let look = Look {
            label: "_repute-challenge".to_owned(),
            // Nobody listens there: what a test wants to be known it says itself.
            resolvers: vec![([127, 0, 0, 1], 9).into()],
            timeout: std::time::Duration::from_millis(100),
            reach: Reach::Public,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let means = Means {
            key: TokenKey::new(&[7; 32]),
            look,
            elsewhere: None,
            spool: Spool::open(&folder.path().join("spool")).expect("it opens"),
            unpack: |file| Ok(file),
        };
        Site { spool: Some(folder), ..Site::by(database, config, means) }
    }

    /// One that has these means.
    pub(crate) fn by(database: Database, config: Config, means: Means) -> Site {
        let zones = Arc::new(Table::default());
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Arc::new(Shelf::open(folder.path()).expect("it opens"));
        let known = Arc::clone(&zones) as Arc<dyn Zones>;
        let app = App::new(database, config, means, known, shelf, CancellationToken::new());
        let router = routes::router(app.clone());
        Site {
            app,
            router,
            cookies: BTreeMap::new(),
            zones,
            _shelf: folder,
            spool: None,
            _folder: None,
        }
    }

    /// One that asks one list of others, at a server that is not there.
    pub(crate) fn asking_another_list(database: Database) -> Site {
        let plain = Site::over(database);
        let zone = "bl.example".parse().expect("a name");
        let servers = vec![([127, 0, 0, 1], 9).into()];
        let lists = vec![ListAt { list: repute_lookup::list::List::new(zone), servers }];
        let elsewhere = Some(Elsewhere::new(lists, Vec::new()));
        let means = Means { elsewhere, ..plain.app.means.clone() };
        let database = plain.app.database.clone();
        Site { spool: plain.spool, ..Site::by(database, plain.app.config.clone(), means) }
    }

    /// Adds a list of addresses that blocks.
    pub(crate) async fn add_list(&self, apex: &str) -> lists::ListId {
        let list = List {
            apex: apex.parse().expect("a name"),
            title: format!("The list <{apex}>"),
            description: "Hosts that sent spam to traps.".to_owned(),
            polarity: Polarity::Block,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: "lists@example.org".to_owned(),
        };
        let mut transaction = self.app.database.begin().await.expect("a transaction");
        let id = lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
        transaction.commit().await.expect("it is committed");
        id
    }

    /// Has the browser be signed in as somebody new with this role, or as nobody.
    pub(crate) async fn become_role(&mut self, role: Option<Role>) {
        self.cookies.clear();
        let Some(role) = role else { return };
        let mut transaction = self.app.database.begin().await.expect("a transaction");
        let mail = format!("{}@{}.example", Timestamp::now().0, role.word());
        let now = Timestamp::now();
        let added = accounts::add(transaction.session(), &mail, "Some <One>", "$none", role, now);
        let id = added.await.expect("it is added").expect("it is new");
        let digest = digest_of(&mail);
        let end = now.after(std::time::Duration::from_secs(60));
        let begun = sessions::begin(transaction.session(), &digest, id, "", now, end);
        begun.await.expect("it begins");
        transaction.commit().await.expect("it is committed");
        self.cookies.insert("session".to_owned(), mail);
    }

    /// Has somebody make an account by a link, with the password `the first words`, and be signed in.
    pub(crate) async fn join(&mut self, mail: &str, role: Role) {
        self.cookies.clear();
        let address = mail.parse().expect("a mail address");
        let url = &self.app.config.public_url;
        let link = crate::invite(&self.app.database, url, Some(&address), role).await;
        let link = link.expect("there is no such account");
        let path = link.strip_prefix(url.origin()).expect("it is ours").to_owned();
        let fields = [("name", "Ada"), ("password", "the first words")];
        assert_eq!(self.post(&path, &fields).await.status, StatusCode::SEE_OTHER);
    }

    /// Has an hour pass since anybody proved who he is.
    pub(crate) async fn let_time_pass(&self) {
        let mut transaction = self.app.database.begin().await.expect("a transaction");
        let digest = digest_of(&self.cookies["session"]);
        let found = sessions::find(transaction.session(), &digest, Timestamp::now()).await;
        let (session, _) = found.expect("it is read").expect("somebody is signed in");
        let before = Timestamp(session.proven.0 - 3_600_000_000);
        sessions::prove(transaction.session(), session.id, before).await.expect("it is noted");
        transaction.commit().await.expect("it is committed");
    }

    /// Has all work be done that was ordered.
    pub(crate) async fn work(&self) {
        let (database, means) = (self.app.database.clone(), &self.app.means);
        let worker = Worker::new(database, means.spool.clone(), means.unpack);
        let worker = worker.expect("random numbers");
        let stop = CancellationToken::new();
        while worker.turn(Timestamp::now(), &stop).await.expect("it is done") {}
    }

    /// How many files wait to be taken into lists.
    pub(crate) fn spooled(&self) -> usize {
        let folder = self.spool.as_ref().expect("it is this site's").path().join("spool");
        // One of them says how the folder is called.
        std::fs::read_dir(folder).expect("it is there").count() - 1
    }

    /// Asks for a page.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], &[]).await
    }

    /// Sends a form, as a browser does from a page of ours.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, path, &[("sec-fetch-site", "same-origin")], fields).await
    }

    /// Asks with these headers, and keeps the cookies that come back.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Answer {
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        self.send(method, path, &[headers, &[form_type]].concat(), form.join("&")).await
    }

    /// Sends a body with these headers, and keeps the cookies that come back.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("it is a request");
        let response = self.router.clone().oneshot(request).await.expect("it is answered");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("it is plain");
            let (pair, rest) = cookie.split_once(';').expect("it has attributes");
            let (name, value) = pair.split_once('=').expect("it is a pair");
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = to_bytes(body, 1 << 20).await.expect("it is read");
        let text = String::from_utf8(bytes.to_vec()).expect("it is text");
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

impl Answer {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it sends the browser, if it does.
    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// Makes sure that it says all of this.
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.text.contains(word), "`{word}` is not in\n{}", self.text);
        }
    }
}

/// A value in a form.
fn escape(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
