//! Mail, handed to a mail server.
//!
//! Encryption is not opportunistic: with `starttls`, the default, a server that does not offer it
//! gets nothing, so that nobody on the way can strike the offer out. All recipients get one mail;
//! if one of them is refused, nobody gets it and the error names the reason.
//!
//! Deliberately not here: a queue, direct delivery by MX, HTML. A mail server does the first two
//! better.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use serde::Deserialize;

use crate::error::{Fault, Step, is_about_login, quote};
use crate::secret::{read_certificates, read_secret};
use crate::{Message, Timeout};

/// A mail server and whom it should deliver to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenSmtp")]
pub struct SmtpConfig {
    server: String,
    port: u16,
    tls: Tls,
    ca_file: Option<PathBuf>,
    login: Option<Login>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Timeout,
}

impl SmtpConfig {
    /// Has its files be in this folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> SmtpConfig {
        let login = self.login.as_mut().map(|login| &mut login.password_file);
        for path in self.ca_file.iter_mut().chain(login) {
            *path = folder.join(&*path);
        }
        self
    }

    /// The sender.
    pub(crate) fn from(&self) -> &Mailbox {
        &self.from
    }

    /// How long it may all take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.duration()
    }

    /// Which server it is, for people.
    pub(crate) fn describe(&self) -> String {
        format!("mail server {}:{}", self.server, self.port)
    }
}

/// [`SmtpConfig`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WrittenSmtp {
    /// Host name or address of the mail server.
    pub(crate) server: String,
    /// Its port; by default 587, with `tls = "implicit"` 465, with `tls = "none"` 25.
    pub(crate) port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub(crate) tls: Tls,
    /// Certificates in PEM form to trust in place of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Who we are to the mail server, if it asks.
    pub(crate) user: Option<String>,
    /// The file with that user's password.
    pub(crate) password_file: Option<PathBuf>,
    /// The sender.
    pub(crate) from: Mailbox,
    /// The recipients, one at least.
    pub(crate) to: Vec<Mailbox>,
    /// How long it may all take.
    #[serde(default)]
    pub(crate) timeout: Timeout,
}

impl TryFrom<WrittenSmtp> for SmtpConfig {
    type Error = &'static str;

    fn try_from(written: WrittenSmtp) -> Result<SmtpConfig, &'static str> {
        let server = written.server;
        if server.is_empty() || server.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("`server` must be a host name or an address; its port is in `port`");
        }
        if written.to.is_empty() {
            return Err("`to` must have a recipient");
        }
        let login = match (written.user, written.password_file) {
            (None, None) => None,
            (Some(user), Some(password_file)) => Some(Login { user, password_file }),
            (_, _) => return Err("`user` and `password-file` go together"),
        };
        if login.is_some() && written.tls == Tls::None && !is_this_machine(&server) {
            return Err("`password-file` needs `tls`: `none` would send the password in clear");
        }
        let port = written.port.unwrap_or(match written.tls {
            Tls::Starttls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        });
        Ok(SmtpConfig {
            server,
            port,
            tls: written.tls,
            ca_file: written.ca_file,
            login,
            from: written.from,
            to: written.to,
            timeout: written.timeout,
        })
    }
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// By the command STARTTLS (RFC 3207), without which nothing is sent.
    #[default]
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
    /// Not at all: for a server on the same machine.
    None,
}

/// A user of a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password_file: PathBuf,
}

/// A mail address, with a name before it or without.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mailbox(pub(crate) lettre::message::Mailbox);

impl FromStr for Mailbox {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Mailbox, &'static str> {
        if text.contains(char::is_control) {
            return Err(NO_MAILBOX);
        }
        text.parse().map(Mailbox).map_err(|_| NO_MAILBOX)
    }
}

impl TryFrom<String> for Mailbox {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Mailbox, &'static str> {
        text.parse()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Hands a message to the mail server.
///
/// # Errors
/// If the server does not take it, for whatever reason.
pub(crate) fn send(config: &SmtpConfig, message: &Message) -> Result<(), Fault> {
    deliver(config, &compose(config, message, SystemTime::now())?)
}

/// Hands mail to the mail server.
///
/// # Errors
/// If the server does not take it, for whatever reason.
pub(crate) fn deliver(config: &SmtpConfig, mail: &lettre::Message) -> Result<(), Fault> {
    let deadline = Deadline(Instant::now() + config.timeout.duration());
    let login = config
        .login
        .as_ref()
        .map(|login| Ok(Credentials::new(login.user.clone(), read_secret(&login.password_file)?)))
        .transpose()?;
    let tls = match config.tls {
        Tls::Starttls | Tls::Implicit => Some(tls_parameters(config)?),
        Tls::None => None,
    };
    let hello = hello_name();

    let from_start = if config.tls == Tls::Implicit { tls.as_ref() } else { None };
    let server = (config.server.as_str(), config.port);
    let mut connection =
        SmtpConnection::connect(server, Some(deadline.left()?), &hello, from_start, None)
            .map_err(|error| explain(&error))?;
    if config.tls == Tls::Starttls
        && let Some(tls) = &tls
    {
        deadline.limit(&mut connection)?;
        connection.starttls(tls, &hello).map_err(|error| explain(&error))?;
    }
    if let Some(login) = login {
        deadline.limit(&mut connection)?;
        connection.auth(DEFAULT_MECHANISMS, &login).map_err(|error| explain_login(&error))?;
    }
    deadline.limit(&mut connection)?;
    transfer(&mut connection, mail)?;
    // The mail is the server's now; how it says goodbye is of no interest.
    let _ = deadline.limit(&mut connection).map(|()| connection.quit());
    Ok(())
}

/// Hands mail over a connection that is ready for it (RFC 5321 section 3.3), and says what was refused, if something was;
/// the connection is of no use then.
fn transfer(connection: &mut SmtpConnection, mail: &lettre::Message) -> Result<(), Fault> {
    let (envelope, bytes) = (mail.envelope(), mail.formatted());
    let mut parameters = Vec::new();
    let eight_bits = MailParameter::Body(MailBodyParameter::EightBitMime);
    let mut addresses = envelope.to().iter().chain(envelope.from());
    let is_international = addresses.any(|address| !address.to_string().is_ascii());
    for (is_needed, extension, parameter) in [
        (is_international, Extension::SmtpUtfEight, MailParameter::SmtpUtfEight),
        (!bytes.is_ascii(), Extension::EightBitMime, eight_bits),
    ] {
        if !is_needed {
            continue;
        }
        if !connection.server_info().supports_feature(extension) {
            return Err(Fault::Mail(format!("the server does not offer {extension}")));
        }
        parameters.push(parameter);
    }
    let refused = |step| move |error| explain_step(&error, step);
    let sender = Mail::new(envelope.from().cloned(), parameters);
    connection.command(sender).map_err(refused(Step::Sender))?;
    for to in envelope.to() {
        let recipient = Rcpt::new(to.clone(), Vec::new());
        connection.command(recipient).map_err(refused(Step::Recipient))?;
    }
    connection.command(Data).map_err(refused(Step::Content))?;
    connection.message(&bytes).map_err(refused(Step::Content))?;
    Ok(())
}

/// Writes a message as mail (RFC 5322), as plain text in UTF-8.
fn compose(
    config: &SmtpConfig,
    message: &Message,
    now: SystemTime,
) -> Result<lettre::Message, Fault> {
    let domain = config.from.0.email.domain();
    let mut builder = lettre::Message::builder()
        .from(config.from.0.clone())
        .subject(message.subject())
        .date(now)
        .message_id(Some(format!("<{}@{domain}>", message.id())))
        // RFC 3834: no out-of-office reply, please.
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if !message.kind().is_empty() {
        builder = builder.raw_header(header("X-Repute-Kind", message.kind()));
    }
    for to in &config.to {
        builder = builder.to(to.0.clone());
    }
    builder
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(message.text().to_owned())
        .map_err(|error| Fault::Unmailable(quote(&error.to_string())))
}

/// A header of our own; its value is a word.
pub(crate) fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// How the server proves that it is the one.
fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, Fault> {
    let mut builder = TlsParameters::builder(config.server.clone());
    if let Some(path) = &config.ca_file {
        let pem = read_certificates(path)?;
        let no_certificate = || Fault::Certificates(path.clone());
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(no_certificate());
        }
        let roots = Certificate::from_pem(pem.as_bytes()).map_err(|_| no_certificate())?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    builder.build().map_err(|error| explain(&error))
}

/// What this machine calls itself: its full name if it has one, else an address that claims
/// nothing.
fn hello_name() -> ClientId {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    match name {
        Some(name) if name.contains('.') && name.bytes().all(is_of_a_host_name) => {
            ClientId::Domain(name)
        }
        _ => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
    }
}

/// Whether a byte may be in a host name.
fn is_of_a_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// Whether a server is on this machine, so that nobody else reads what is sent to it.
fn is_this_machine(server: &str) -> bool {
    server == "localhost" || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// When all must be done.
struct Deadline(Instant);

impl Deadline {
    /// How much time is left.
    fn left(&self) -> Result<Duration, Fault> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Fault::Timeout) } else { Ok(left) }
    }

    /// Has the next step end with the time that is left.
    fn limit(&self, connection: &mut SmtpConnection) -> Result<(), Fault> {
        let left = self.left()?;
        connection.set_timeout(Some(left)).map_err(|error| Fault::Mail(quote(&error.to_string())))
    }
}

/// What went wrong before there was talk of a message.
fn explain(error: &lettre::transport::smtp::Error) -> Fault {
    explain_step(error, Step::Session)
}

/// What went wrong, with the server's words.
fn explain_step(error: &lettre::transport::smtp::Error, step: Step) -> Fault {
    let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    match error.status() {
        Some(code) => Fault::Refused { step, code: code.into(), reason: quote(&words) },
        None if is_timeout(error) => Fault::Timeout,
        None => Fault::Mail(quote(&words)),
    }
}

/// What went wrong while the password was sent: without the server's words, which may hold it.
fn explain_login(error: &lettre::transport::smtp::Error) -> Fault {
    match error.status() {
        Some(code) if is_about_login(code.into()) => Fault::Login(code.into()),
        Some(code) => Fault::Refused {
            step: Step::Session,
            code: code.into(),
            reason: LOGIN_FAILED.to_owned(),
        },
        None if is_timeout(error) => Fault::Timeout,
        None if error.is_client() => Fault::Mail(NO_MECHANISM.to_owned()),
        None => Fault::Mail(LOGIN_FAILED.to_owned()),
    }
}

/// Whether a step took too long. The kernel calls the time-out of a read "would block".
fn is_timeout(error: &lettre::transport::smtp::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.is_timeout()
        || source.is_some_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// What to say of a text that is no mail address.
const NO_MAILBOX: &str = "not a mail address, such as `a@example.org` or `Name <a@example.org>`";
/// What to say in place of the server's words.
const LOGIN_FAILED: &str = "it does not take `user` and `password-file`";
/// What to say if there is no common way to log in.
const NO_MECHANISM: &str = "it offers no login by PLAIN or LOGIN; perhaps it needs no `user`";

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Reads a channel's table.
    fn read(toml: &str) -> Result<SmtpConfig, String> {
        toml::from_str(toml).map_err(|error| error.message().to_owned())
    }

    /// What every channel needs.
    const LEAST: &str = "server = 'mx.example'\nfrom = 'r@example.org'\nto = ['a@example.org']\n";

    #[test]
    fn defaults_are_for_a_submission_server() {
        let config = read(LEAST).unwrap();
        assert_eq!((config.port, config.tls), (587, Tls::Starttls));
        assert_eq!(config.timeout.duration(), Duration::from_secs(30));
        assert_eq!(read(&format!("{LEAST}tls = 'implicit'")).unwrap().port, 465);
        assert_eq!(read(&format!("{LEAST}tls = 'none'")).unwrap().port, 25);
    }

    #[test]
    fn what_cannot_work_is_refused_when_it_is_read() {
        for (line, words) in [
            ("colour = 1", "unknown field `colour`"),
            ("password = 'x'", "unknown field `password`"),
            ("user = 'x'", "`user` and `password-file` go together"),
            ("user = 'x'\npassword-file = 'f'\ntls = 'none'", "in clear"),
            ("timeout = '2d'", "a time from 1s to 1h"),
        ] {
            let error = read(&format!("{LEAST}{line}")).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        for (from, to) in [("mx.example", "mx example"), ("['a@example.org']", "[]")] {
            assert!(read(&LEAST.replace(from, to)).is_err(), "{to}");
        }
        let on_this_machine = LEAST.replace("mx.example", "127.0.0.1");
        let login = "user = 'x'\npassword-file = 'f'\ntls = 'none'";
        assert!(read(&format!("{on_this_machine}{login}")).is_ok());
    }

    #[test]
    fn a_mailbox_cannot_hold_a_line_end() {
        for text in ["a@example.org\r\nBcc: b@example.org", "a", "a@", "\n <a@example.org>", ""] {
            assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
        }
        let named: Mailbox = "Jörg \"J\" <j@example.org>".parse().unwrap();
        assert!(named.to_string().ends_with("<j@example.org>"), "{named}");
    }

    #[test]
    fn mail_is_plain_text_and_says_who_when_and_what() {
        let config = read(&LEAST.replace("'r@example.org'", "'Répute <r@example.org>'")).unwrap();
        let message = Message::new("listed", "192.0.2.1 gelistet: größer\r\nBcc: evil@example.net")
            .with_id("e1")
            .with_text("Zeile eins\n.\nZeile drei, größer");
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mail = compose(&config, &message, now).unwrap().formatted();
        assert_eq!(
            String::from_utf8(mail).unwrap().replace("\r\n", "\n"),
            "From: =?utf-8?b?UsOpcHV0ZQ==?= <r@example.org>\n\
             Subject: 192.0.2.1 gelistet: =?utf-8?b?Z3LDtsOfZXI=?= Bcc: evil@example.net\n\
             Date: Tue, 14 Nov 2023 22:13:20 +0000\n\
             Message-ID: <e1@example.org>\n\
             Auto-Submitted: auto-generated\n\
             X-Repute-Kind: listed\n\
             To: a@example.org\n\
             MIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: quoted-printable\n\
             \n\
             Zeile eins\n.\nZeile drei, gr=C3=B6=C3=9Fer\n"
        );
    }
}
