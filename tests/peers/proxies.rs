//! The portal behind nginx, Apache, Caddy and HAProxy, by the lines that stand there: people are signed in over TLS, and who
//! they are is where they come from, whatever they say themselves.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::daemon::{Daemon, until};
use crate::list_server::{REPUTE, serve};
use crate::network::{add_address, cover, on_private_network, run};

#[test]
fn nginx_brings_people_to_the_portal() {
    on_private_network(|| {
        let place = Stage::new();
        let site = block(PORTAL_CHAPTER, "```nginx\n");
        let text = format!(
            "daemon off;\nerror_log stderr;\npid {0}/nginx.pid;\nevents {{}}\n\
             http {{\naccess_log off;\n{site}\n}}\n",
            place.folder().display()
        );
        let config = place.write("nginx.conf", &text);
        let mut command = Command::new("nginx");
        let _nginx = Daemon::start(command.args(["-e", "stderr", "-c", &config]));
        place.is_reached_as_who_one_is();
    });
}

#[test]
fn apache_brings_people_to_the_portal() {
    on_private_network(|| {
        let place = Stage::new();
        let site = block(PORTAL_CHAPTER, "```apache\n");
        // Those of the manual, and what Debian has switched on.
        let modules = ["ssl", "headers", "proxy", "proxy_http"];
        let modules = modules.into_iter().chain(["mpm_event", "authn_core", "authz_core"]);
        let modules = modules.map(|module| {
            format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n")
        });
        let text = format!(
            "{}ServerRoot {1}\nPidFile {1}/pid\nDefaultRuntimeDir {1}\nErrorLog /dev/stderr\n\
             ServerName lists.example\nUser www-data\nGroup www-data\nListen 443\n{site}",
            modules.collect::<String>(),
            place.folder().display()
        );
        let config = place.write("apache.conf", &text);
        let mut command = Command::new("apache2");
        let _apache = Daemon::start(command.args(["-D", "FOREGROUND", "-f", &config]));
        place.is_reached_as_who_one_is();
    });
}

#[test]
fn caddy_brings_people_to_the_portal() {
    on_private_network(|| {
        let mut place = Stage::new();
        let site = block(PORTAL_CHAPTER, "```text\nlists.example {\n");
        // Its certificates are its own here, as no authority is within reach.
        let text = format!(
            "{{\nadmin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\n}}\n\
             lists.example {{\n{site}"
        );
        let config = place.write("Caddyfile", &text);
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config", &config]);
        let home = place.folder().to_owned();
        command.env("HOME", &home).env("XDG_DATA_HOME", &home).env("XDG_CONFIG_HOME", &home);
        let _caddy = Daemon::start(&mut command);
        let root = home.join("caddy/pki/authorities/local/root.crt");
        until("its authority", || CertificateDer::from_pem_file(&root).ok())
            .clone_into(&mut place.root);
        place.is_reached_as_who_one_is();
    });
}

#[test]
fn haproxy_brings_people_to_the_portal() {
    on_private_network(|| {
        let place = Stage::new();
        let text = block(POSTGRESQL_CHAPTER, "or HAProxy:\n\n```text\n");
        let config = place.write("haproxy.cfg", text);
        let mut command = Command::new("haproxy");
        let _haproxy = Daemon::start(command.args(["-db", "-f", &config]));
        place.is_reached_as_who_one_is();
    });
}

/// The chapter of the portal.
const PORTAL_CHAPTER: &str = include_str!("../../doc/portal.md");

/// The chapter with a proxy before two portals.
const POSTGRESQL_CHAPTER: &str = include_str!("../../doc/postgresql.md");

/// The lines of a chapter behind these words, to the end of their block.
fn block<'c>(chapter: &'c str, words: &str) -> &'c str {
    let (_, rest) = chapter.split_once(words).unwrap_or_else(|| panic!("no {words} there"));
    rest.split_once("```").expect("it ends").0
}

/// A portal for a proxy, and the proxy's certificate where the manual has it.
struct Stage {
    /// The folder of the test.
    folder: tempfile::TempDir,
    /// Who signed the certificate.
    root: CertificateDer<'static>,
    /// The portal; it ends with the test.
    _portal: Daemon,
}

impl Stage {
    /// Starts the portal.
    fn new() -> Stage {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("the folder is ours");
        fs::create_dir(folder.path().join("data")).expect("the folder is ours");
        let config = folder.path().join("repute.toml");
        fs::write(&config, CONFIG).expect("the folder is ours");
        add_address(CLIENT.parse().expect("the constant is an address"));
        let root = write_certificate();
        Stage { _portal: serve(&config), folder, root }
    }

    /// The folder.
    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into it; its path.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    }

    /// Signs somebody in through the proxy, who says that he comes from elsewhere.
    fn is_reached_as_who_one_is(&self) {
        let home = until("the proxy", || {
            self.ask("GET", "/", "").filter(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        assert!(home.to_lowercase().contains("strict-transport-security: max-age="), "{home}");
        let config = self.folder().join("repute.toml").display().to_string();
        let add = ["--config", &config, "admin", "add", "a@example.org", "--role", "administrator"];
        let link = run(REPUTE, &add);
        let path = link.trim().strip_prefix("https://lists.example").expect("it is there");
        let form = "name=Anna&password=some+long+words";
        let strange = self.ask("POST", path, &format!("Origin: https://evil.example\r\n{FORM}"));
        let strange = strange.expect("it answers");
        assert!(strange.starts_with("HTTP/1.1 403"), "{strange}");
        let head = format!("Origin: https://lists.example\r\n{FORM}");
        let made = self.send("POST", path, &head, form).expect("it answers");
        let cookie = made.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie in {made}"));
        assert!(cookie.contains("__Host-session=") && cookie.contains("Secure"), "{cookie}");
        let (_, cookie) = cookie.split_once(": ").expect("it was found by that");
        let (cookie, _) = cookie.split_once(';').expect("it has attributes");
        let account = self.ask("GET", "/account", &format!("Cookie: {cookie}\r\n"));
        let account = account.expect("it answers");
        assert!(account.contains(CLIENT) && !account.contains(LIE), "{account}");
    }

    /// Asks without a body.
    fn ask(&self, method: &str, path: &str, head: &str) -> Option<String> {
        self.send(method, path, head, "")
    }

    /// Asks over TLS; the whole answer, or nothing if nobody answers.
    fn send(&self, method: &str, path: &str, head: &str, body: &str) -> Option<String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("it is a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("it has those")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "lists.example".try_into().expect("the constant is a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("it is well set up");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
        let from: SocketAddr = format!("{CLIENT}:0").parse().expect("it is an address");
        socket.bind(&from.into()).expect("the address is this machine's");
        let proxy: SocketAddr = "127.0.0.1:443".parse().expect("the constant is an address");
        socket.connect(&proxy.into()).ok()?;
        let mut stream = StreamOwned::new(session, TcpStream::from(socket));
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: lists.example\r\nX-Forwarded-For: {LIE}\r\n\
             {head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).ok()?;
        let mut answer = Vec::new();
        // Some end the connection without saying so in TLS; what was said before counts.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).ok().filter(|answer| !answer.is_empty())
    }
}

/// Writes a certificate and its key to where the manual has them, for this test only; who signed it.
fn write_certificate() -> CertificateDer<'static> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are right names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = || KeyPair::generate().expect("there is chance");
    let authority = CertifiedIssuer::self_signed(params, key()).expect("it signs");
    let (key, name) = (key(), "lists.example".to_owned());
    let params = CertificateParams::new(vec![name]).expect("it is a name");
    let certificate = params.signed_by(&key, &authority).expect("it signs");
    cover("/etc/ssl");
    let folder = Path::new("/etc/ssl/lists");
    fs::create_dir(folder).expect("the file system is new and ours");
    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    let both = format!("{certificate}{key}");
    for (file, text) in [("cert.pem", certificate), ("key.pem", key), ("both.pem", both)] {
        fs::write(folder.join(file), text).expect("the folder is ours");
    }
    authority.der().clone()
}

/// Where the visitor comes from.
const CLIENT: &str = "192.0.2.7";

/// Where he says that he comes from.
const LIE: &str = "198.51.100.1";

/// The head of a form.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The portal, as the manual sets it up behind a proxy, at both addresses that the manual's HAProxy knows.
const CONFIG: &str = "\
[server]
listen = [\"127.0.0.1:5300\"]
data-dir = \"data\"
metrics = \"\"
[registry]
database = \"registry.db\"
[portal]
listen = [\"127.0.0.1:8080\", \"127.0.0.2:8080\"]
public-url = \"https://lists.example\"
trusted-proxies = [\"127.0.0.1\", \"::1\"]
ask-other-lists = false
";
