//! A publisher's shelf behind a small web server on loopback, which hands out what it is told to, and an outlet that
//! remembers what it was told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use repute_distribution::{Config, Delivery, Keys, Origin, Outlet, Shelf, keys_in};
use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode, relative_name};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::{Dialect, Hit, Link, Relative, Soa, TagKey, Text, Zone, ZoneSpec};
use tempfile::TempDir;

/// What a portal does to what it hands out: the path, and the body.
type Tamper = Box<dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send>;

/// The publisher.
pub(crate) struct Stage {
    /// Its folder.
    pub(crate) folder: TempDir,
    /// What it hands out.
    pub(crate) shelf: Shelf,
    /// The list.
    editor: Mutex<Editor>,
    /// What becomes of that on the way.
    tamper: Mutex<Tamper>,
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
    /// Counts what changes on the stage.
    changes: (Mutex<u64>, Condvar),
}

impl Stage {
    /// With a list at serial 5, and its address.
    pub(crate) fn new() -> (Arc<Stage>, String) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let stage = Arc::new(Stage {
            folder,
            shelf,
            editor: Mutex::new(editor()),
            tamper: Mutex::new(Box::new(|_, body| body)),
            asked: Mutex::default(),
            changes: (Mutex::new(0), Condvar::new()),
        });
        stage.publish_whole(0);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::clone(&stage);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let stage = Arc::clone(&server);
                std::thread::spawn(move || stage.answer(stream));
            }
        });
        (stage, url)
    }

    /// Lists networks, and hands that out; the serial.
    pub(crate) fn publish(&self, networks: &[&str], approved: u32) -> u32 {
        let mut editor = self.editor.lock().unwrap();
        let from = editor.serial();
        let record = Record { from, to: from + 2, changes: networks.iter().map(listed).collect() };
        editor.apply(&record).unwrap();
        let delta = editor.delta(from, record.changes);
        let origin = origin();
        let content = editor.checksum();
        let delivery = Delivery { origin: &origin, serial: from + 2, approved, content };
        if self.shelf.put(delivery, Some((from, &delta))).unwrap() {
            self.shelf.put_whole(delivery, &editor.whole()).unwrap();
        }
        self.tell();
        from + 2
    }

    /// Puts the list back to what it was at serial 5, as if something had restored its database, and nobody who hands
    /// it out remembered more.
    pub(crate) fn put_back(&self) {
        *self.editor.lock().unwrap() = editor();
        self.publish_whole(0);
    }

    /// Hands out the whole list as it is.
    pub(crate) fn publish_whole(&self, approved: u32) {
        let mut editor = self.editor.lock().unwrap();
        let (origin, serial, content) = (origin(), editor.serial(), editor.checksum());
        let delivery = Delivery { origin: &origin, serial, approved, content };
        self.shelf.put_whole(delivery, &editor.whole()).unwrap();
        self.tell();
    }

    /// From now on this is done to what is handed out.
    pub(crate) fn tamper(&self, tamper: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + 'static) {
        *self.tamper.lock().unwrap() = Box::new(tamper);
        self.tell();
    }

    /// What is handed out as manifests now.
    pub(crate) fn manifests(&self) -> String {
        self.shelf.manifests(None, |_| true).text
    }

    /// The paths that were asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Who follows it, with a folder of his own.
    pub(crate) fn config(&self, url: &str) -> Config {
        let token = self.folder.path().join("token");
        std::fs::write(&token, "secret\n").unwrap();
        Config {
            url: url.to_owned(),
            token,
            keys: Keys::open(&keys_in(self.folder.path())).unwrap().public(),
            lists: Vec::new(),
            max_age: Duration::from_secs(3_600),
            max_size: 1 << 20,
            timeout: Duration::from_secs(20),
            ipv4_prefix: Some(8),
            ipv6_prefix: Some(16),
        }
    }

    /// Counts on.
    fn tell(&self) {
        *self.changes.0.lock().unwrap() += 1;
        self.changes.1.notify_all();
    }

    /// Answers the requests of a connection.
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(first)) = lines.next() {
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let head: Vec<String> =
                lines.by_ref().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
            let header = |name: &str| {
                let mut pairs = head.iter().filter_map(|line| line.split_once(": "));
                pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            assert_eq!(header("authorization"), Some("Bearer secret"));
            let path = path.strip_prefix("/api/v1/distribution/").unwrap();
            let (path, after) = path.split_once("?after=").unwrap_or((path, ""));
            let (tag, body) = self.body(path, after);
            let (status, body) = match body {
                Some(body) => ("200 OK", body),
                None => ("204 No Content", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\netag: {tag}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            // Who asked may be gone.
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    }

    /// What is at a path; nothing if that is what whoever asks has for a while.
    fn body(&self, path: &str, after: &str) -> (String, Option<Vec<u8>>) {
        let Some(rest) = path.strip_prefix("lists/bl.example/") else {
            let count = self.changes.0.lock().unwrap();
            let wait = |count: &mut u64| after == count.to_string();
            let (count, waited) =
                self.changes.1.wait_timeout_while(count, Duration::from_secs(10), wait).unwrap();
            let body = (!waited.timed_out()).then(|| self.manifests().into_bytes());
            let body = body.map(|body| self.tamper.lock().unwrap()(path, body));
            return (format!("\"{count}\""), body);
        };
        self.asked.lock().unwrap().push(rest.to_owned());
        let (from, to) = rest.split_once('/').unwrap();
        let origin = origin();
        let (file, _) =
            self.shelf.parcel(&origin.apex, from.parse().unwrap(), to.parse().unwrap()).unwrap();
        let body = std::fs::read(file).unwrap();
        ("\"x\"".to_owned(), Some(self.tamper.lock().unwrap()(path, body)))
    }
}

/// What was told to an outlet.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<(Mutex<Said>, Condvar)>);

/// What it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// The zone that is served.
    pub(crate) zone: Option<Arc<Zone>>,
    /// What is wrong.
    pub(crate) fault: Option<String>,
    /// When it was confirmed.
    pub(crate) confirmed: u64,
}

impl Said {
    /// The serial.
    pub(crate) fn serial(&self) -> u32 {
        self.zone.as_ref().map_or(0, |zone| zone.serial())
    }

    /// Whether the list has an address.
    pub(crate) fn lists(&self, address: &str) -> bool {
        let Some(zone) = &self.zone else { return false };
        let wire = relative_name(&address.parse().unwrap());
        let (mut labels, mut at) = (Vec::new(), 0);
        while at < wire.len() {
            labels.push(at as u8);
            at += 1 + usize::from(wire[at]);
        }
        let mut is_listed = false;
        zone.visit(Relative::new(&wire, &labels), |hit| {
            is_listed |= matches!(hit, Hit::Listing(_));
        });
        is_listed
    }
}

impl Told {
    /// What was said so far.
    pub(crate) fn now(&self) -> Said {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Said) -> bool) -> Said {
        let said = self.0.0.lock().unwrap();
        let patience = Duration::from_secs(60);
        let (said, waited) =
            self.0.1.wait_timeout_while(said, patience, |said| !is_so(said)).unwrap();
        assert!(!waited.timed_out(), "{what}: it never came; {} {:?}", said.serial(), said.fault);
        said.clone()
    }

    /// Writes something down.
    fn say(&self, say: impl FnOnce(&mut Said)) {
        say(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }
}

impl Outlet for Told {
    fn serve(&self, zone: &Arc<Zone>, confirmed: u64) {
        self.say(|said| *said = Said { zone: Some(Arc::clone(zone)), fault: None, confirmed });
    }

    fn confirm(&self, _: &Name, confirmed: u64) {
        self.say(|said| (said.fault, said.confirmed) = (None, confirmed));
    }

    fn hold(&self, _: &Name, why: &str) {
        self.say(|said| said.fault = Some(why.to_owned()));
    }

    fn lost(&self, why: &str) {
        self.say(|said| said.fault = Some(why.to_owned()));
    }
}

/// Where a follower's manifest of the list lies.
pub(crate) fn spool(data_dir: &TempDir) -> PathBuf {
    let folders: Vec<_> =
        std::fs::read_dir(data_dir.path().join("followed")).unwrap().flatten().collect();
    let [portal] = &folders[..] else { panic!("one portal") };
    portal.path().join("bl.example")
}

/// The list.
pub(crate) fn origin() -> Origin {
    Origin { id: 3, apex: "bl.example".parse().unwrap() }
}

/// The change that lists a network.
fn listed(network: &&str) -> Change {
    let state = State::Listed(vec![(ReturnCode::LISTED, Text::template("see $"))]);
    Change { key: Key::Network(network.parse().unwrap()), state }
}

/// Where its texts lead to.
pub(crate) fn link() -> Link {
    Link::new("https://lists.example/r/3/", TagKey::new([7; 16])).unwrap()
}

/// The list at serial 5.
fn editor() -> Editor {
    let apex = origin().apex;
    let soa = Soa {
        ttl: 60,
        origin: apex.clone(),
        person: apex.clone(),
        serial: 5,
        refresh: 60,
        retry: 60,
        expire: 600,
        minimum: 60,
    };
    let spec = ZoneSpec {
        apex,
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: Some(soa),
        name_servers: None,
        datasets: Vec::new(),
        test_entries: true,
        link: Some(link()),
        codes: vec![ReturnCode::LISTED],
        serial: 5,
    };
    Editor::new(spec, &[KeyKind::Ip], 300, ["192.0.2.0/24"].iter().map(listed)).unwrap()
}
