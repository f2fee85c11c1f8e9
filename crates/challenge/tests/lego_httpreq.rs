//! Debian's lego with its `httpreq` provider, in both modes, gets a certificate of Pebble with our API, which it has present
//! values and clean them up.
//!
//! Pebble asks no DNS here: what is proved is that the calls are those that lego makes.

#[path = "../../../tests/peers/daemon.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod daemon;
#[path = "../../../tests/serve/free.rs"]
mod free;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use daemon::{Daemon, until};
use free::free_address;
use repute_challenge::{
    AllowFrom, Api, ApiConfig, By, HttpConfig, Keep, Moment, NewAccount, Service, Settings, Store,
    TxtChange, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::test(flavor = "multi_thread")]
async fn lego_gets_a_certificate_by_httpreq_in_both_modes() {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let changes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&changes);
    let serve_zone = move |more: Vec<TxtChange>| sink.lock().expect("no panic").extend(more);
    let store = Store::open(&folder.path().join("store"), serve_zone).expect("it opens");
    let settings =
        Settings { domain: "auth.example".parse().expect("a name"), keep: Keep::default() };
    let service = Arc::new(Service::open(Arc::new(store), settings).await.expect("it opens"));
    let api = Arc::new(Api::new(Arc::clone(&service), ApiConfig::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = listener.local_addr().expect("an address");
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(serve(listener, api, HttpConfig::default(), None, stop.clone(), tasks.clone()));

    let (pebble, authority) = pebble(folder.path());
    let resolver = resolver();
    for mode in ["", "RAW"] {
        let new = service.register(AllowFrom::default(), By::Operator, Moment(0)).await;
        let new = new.expect("it is made");
        let path = folder.path().join(format!("lego{mode}"));
        let output = {
            let mut lego = lego(&path, folder.path(), authority, resolver, endpoint, mode, &new);
            tokio::task::spawn_blocking(move || lego.output()).await.expect("no panic")
        };
        let output = output.expect("lego is there: `./test` installs it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {said}");
        assert!(path.join("certificates/www.example.test.crt").exists(), "{said}");
        // The name and its wildcard have a value each, and both go.
        let taken = std::mem::take(&mut *changes.lock().expect("no panic"));
        let counts: Vec<_> = taken.iter().map(|change| change.values.len()).collect();
        assert_eq!(counts.iter().max(), Some(&2), "{counts:?}");
        assert_eq!(counts.last(), Some(&0), "{counts:?}");
        assert!(taken.iter().all(|change| change.name == new.full_domain));
    }
    drop(pebble);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

/// A lego that wants a certificate with an account.
fn lego(
    path: &Path,
    folder: &Path,
    authority: SocketAddr,
    resolver: SocketAddr,
    endpoint: SocketAddr,
    mode: &str,
    account: &NewAccount,
) -> Command {
    let mut lego = Command::new("lego");
    lego.arg("--path")
        .arg(path)
        .arg(format!("--server=https://localhost:{}/dir", authority.port()));
    lego.args(["--accept-tos", "--email=a@example.test", "--dns=httpreq", "--dns.disable-cp"]);
    lego.arg(format!("--dns.resolvers={resolver}"));
    lego.args(["--domains=www.example.test", "--domains=*.www.example.test", "run"]);
    lego.env("LEGO_CA_CERTIFICATES", folder.join("ca.pem"));
    lego.env("HTTPREQ_ENDPOINT", format!("http://{endpoint}")).env("HTTPREQ_MODE", mode);
    lego.env("HTTPREQ_USERNAME", account.account.username.to_string());
    lego.env("HTTPREQ_PASSWORD", account.password.as_str());
    lego.env("HTTPREQ_PROPAGATION_TIMEOUT", "30").env("HTTPREQ_POLLING_INTERVAL", "1");
    lego
}

/// A certificate authority that believes whoever asks, and where it listens.
fn pebble(folder: &Path) -> (Daemon, SocketAddr) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("ca.pem"), made.cert.pem()).expect("it is written");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("it is written");
    let (address, management) = (free_address(), free_address());
    let config = serde_json::json!({"pebble": {
        "listenAddress": address.to_string(),
        "managementListenAddress": management.to_string(),
        "certificate": folder.join("ca.pem"),
        "privateKey": folder.join("key.pem"),
        "httpPort": 5002, "tlsPort": 5001,
        "ocspResponderURL": "", "externalAccountBindingRequired": false,
    }});
    fs::write(folder.join("pebble.json"), config.to_string()).expect("it is written");
    let mut pebble = Command::new("pebble");
    pebble.arg("-config").arg(folder.join("pebble.json")).args(["-strict=false"]);
    pebble.args(["-dnsserver", "127.0.0.1:9"]);
    pebble.env("PEBBLE_VA_ALWAYS_VALID", "1").env("PEBBLE_VA_NOSLEEP", "1");
    pebble.env("PEBBLE_WFE_NONCEREJECT", "0");
    let mut pebble = Daemon::start(&mut pebble);
    // It says so before it does.
    pebble.wait_for("Listening on");
    until("pebble listens", || std::net::TcpStream::connect(address).ok());
    (pebble, address)
}

/// A resolver that knows nothing: lego asks one before it goes on.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            // An answer without records (RFC 1035 section 4.1.1): QR and RA are set, the code is NXDOMAIN, and of EDNS
            // nothing is said.
            let end =
                packet[12..length].iter().position(|&byte| byte == 0).map_or(length, |at| at + 17);
            packet[2] |= 0x80;
            packet[3] = 0x83;
            packet[6..12].fill(0);
            let _ = socket.send_to(&packet[..end.min(length)], client);
        }
    });
    address
}
