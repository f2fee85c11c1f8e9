//! The HTTP API: that of acme-dns to the letter, `DELETE /update`, and what lego's `httpreq` calls.
//!
//! A request with its body comes in as a value, and the answer is one, so all of the API is tested by tables; sockets are
//! in [`crate::http`]. Bodies are read as acme-dns's JSON decoder reads them: keys in any case, what is not known ignored.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use repute_dnsxl::{Name, Network};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::allow_from::AllowFrom;
use crate::cors::Cors;
use crate::limit::{Limit, Rate};
use crate::password::Password;
use crate::service::{By, Proof, Service, Unproved};
use crate::turn::{Fault, Turns};
use crate::values::{Moment, Text};

/// How the API is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Whether clients get accounts. Default: they do.
    pub registration: Registration,
    /// Which web pages may use it. Default: all.
    pub cors: Cors,
    /// How a client's address is known. Default: by its connection.
    pub client: ClientAddress,
    /// What browsers are told of HTTPS. Default: nothing.
    pub hsts: Option<Hsts>,
    /// Registrations of one client network, IPv4 /24 or IPv6 /56. Default: 20 an hour.
    pub registrations_each: Rate,
    /// Registrations of all. Default: 1,000 an hour.
    pub registrations_all: Rate,
    /// Wrong passwords of one client network. Default: 60 in ten minutes.
    pub wrong_each: Rate,
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        let hour = Duration::from_secs(3600);
        ApiConfig {
            registration: Registration::Open,
            cors: Cors::new([]),
            client: ClientAddress::Connection,
            hsts: None,
            registrations_each: Rate { times: 20, period: hour },
            registrations_all: Rate { times: 1_000, period: hour },
            wrong_each: Rate { times: 60, period: Duration::from_secs(600) },
        }
    }
}

/// Whether clients get accounts by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// They do.
    Open,
    /// `/register` is not there.
    Closed,
}

/// How a client's address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// By its connection.
    Connection,
    /// By a header with addresses, of which a proxy in front adds the last: without that proxy anybody may write it.
    Header(HeaderName),
}

impl ClientAddress {
    /// By a header of this name, if it can be one.
    pub fn header(name: &str) -> Option<ClientAddress> {
        HeaderName::try_from(name).ok().map(ClientAddress::Header)
    }
}

/// HTTP Strict Transport Security (RFC 6797).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// How long browsers remember it.
    pub max_age: Duration,
    /// Whether it holds for all names below.
    pub include_subdomains: bool,
    /// Whether browsers may have it built in.
    pub preload: bool,
}

impl Hsts {
    /// The header.
    fn value(&self) -> HeaderValue {
        let subdomains = if self.include_subdomains { "; includeSubDomains" } else { "" };
        let preload = if self.preload { "; preload" } else { "" };
        let text = format!("max-age={}{subdomains}{preload}", self.max_age.as_secs());
        HeaderValue::try_from(text).expect("digits and words are a header")
    }
}

/// The API of a service.
#[derive(Debug)]
pub struct Api<T> {
    /// The service.
    service: Arc<Service<T>>,
    /// How it is served.
    config: ApiConfig,
    /// Registrations.
    registrations: Limit,
    /// Wrong passwords.
    wrong: Limit,
}

/// A request that was read.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The path of its target.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// When.
    pub now: Moment,
}

impl<T: Turns> Api<T> {
    /// An API that nobody has used yet.
    pub fn new(service: Arc<Service<T>>, config: ApiConfig) -> Api<T> {
        let registrations = Limit::new(config.registrations_each, config.registrations_all);
        let wrong = Limit::new(config.wrong_each, Rate { times: 0, period: Duration::ZERO });
        Api { service, config, registrations, wrong }
    }

    /// The service.
    pub fn service(&self) -> &Service<T> {
        &self.service
    }

    /// Answers a request.
    pub async fn respond(&self, asked: Asked<'_>) -> Response<String> {
        let (method, headers) = (asked.method, asked.headers);
        if Cors::is_preflight(method, headers) {
            let mut response = empty(StatusCode::NO_CONTENT);
            self.config.cors.add_preflight(headers, response.headers_mut());
            return self.signed(response);
        }
        let mut response = match self.route(&asked).await {
            Ok(response) => response,
            Err(refused) => self.refuse(&refused),
        };
        self.config.cors.add(headers, response.headers_mut());
        self.signed(response)
    }

    /// Adds what all answers have.
    fn signed(&self, mut response: Response<String>) -> Response<String> {
        if let Some(hsts) = &self.config.hsts {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.value());
        }
        response
    }

    /// Finds who answers.
    async fn route(&self, asked: &Asked<'_>) -> Result<Response<String>, Refused> {
        let methods = self.methods(asked.path);
        match (asked.path, asked.method.as_str()) {
            (path, method) if !methods.contains(&method) => {
                Ok(self.elsewhere(path, asked.method, methods))
            }
            ("/register", "POST") => self.register(asked).await,
            ("/update", "POST") => self.update(asked).await,
            ("/update", "DELETE") => self.clear(asked).await,
            ("/present", "POST") => self.present(asked, Challenge::Present).await,
            ("/cleanup", "POST") => self.present(asked, Challenge::Clean).await,
            // Of all paths with methods only this is left.
            _ => Ok(empty(StatusCode::OK)),
        }
    }

    /// The methods of a path; none, if there is no such path.
    fn methods(&self, path: &str) -> &'static [&'static str] {
        match (path, self.config.registration) {
            ("/register", Registration::Open) | ("/present" | "/cleanup", _) => &["POST"],
            ("/update", _) => &["DELETE", "POST"],
            ("/health", _) => &["GET"],
            _ => &[],
        }
    }

    /// What is said where no route is: where there is one, by which methods there is one, or that there is none.
    fn elsewhere(&self, path: &str, method: &Method, methods: &[&str]) -> Response<String> {
        if methods.is_empty() {
            let meant = path.trim_end_matches('/').to_ascii_lowercase();
            if self.methods(&meant).contains(&method.as_str())
                && let Ok(place) = HeaderValue::try_from(&meant)
            {
                let mut response = empty(match *method {
                    Method::GET => StatusCode::MOVED_PERMANENTLY,
                    _ => StatusCode::PERMANENT_REDIRECT,
                });
                response.headers_mut().insert(header::LOCATION, place);
                return response;
            }
            return plain(StatusCode::NOT_FOUND, "404 page not found\n");
        }
        let mut response = match *method {
            Method::OPTIONS => empty(StatusCode::OK),
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n"),
        };
        let mut all = [methods, &["OPTIONS"]].concat();
        all.sort_unstable();
        if let Ok(allow) = HeaderValue::try_from(all.join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    /// `POST /register`: an account.
    async fn register(&self, asked: &Asked<'_>) -> Result<Response<String>, Refused> {
        let allow_from = match asked.body {
            [] => AllowFrom::default(),
            body => {
                let body: Value =
                    serde_json::from_slice(body).map_err(|_| Refused::Bad(MALFORMED))?;
                let texts = networks(&body).ok_or(Refused::Bad(MALFORMED))?;
                AllowFrom::parse(texts).map_err(|_| Refused::Bad("invalid_allowfrom_cidr"))?
            }
        };
        let by = self.client(asked);
        self.registrations.take(by.network, asked.now).map_err(Refused::Often)?;
        let new = self.service.register(allow_from, by.by(), asked.now).await?;
        let allow_from: Vec<_> = new.account.allow_from.texts().collect();
        let quoted = |text: &str| Value::from(text).to_string();
        // The order of the fields is that of acme-dns.
        let body = format!(
            "{{\"username\":{},\"password\":{},\"fulldomain\":{},\"subdomain\":{},\"allowfrom\":{}}}",
            quoted(&new.account.username.to_string()),
            quoted(new.password.as_str()),
            quoted(&new.full_domain.to_string()),
            quoted(&new.account.subdomain),
            Value::from(allow_from),
        );
        Ok(json(StatusCode::CREATED, body))
    }

    /// `POST /update`: a value.
    async fn update(&self, asked: &Asked<'_>) -> Result<Response<String>, Refused> {
        let (proof, body) = self.owner(asked).await?;
        let text = field(&body, "txt").and_then(Value::as_str).and_then(Text::parse);
        let text = text.ok_or(Refused::Bad("bad_txt"))?;
        let said = format!("{{\"txt\": \"{}\"}}", text.as_str());
        self.service.update(proof, text, self.client(asked).by(), asked.now).await?;
        Ok(json(StatusCode::OK, said))
    }

    /// `DELETE /update`, which acme-dns has not: takes a value away, or without one all.
    async fn clear(&self, asked: &Asked<'_>) -> Result<Response<String>, Refused> {
        let (proof, body) = self.owner(asked).await?;
        let text = match field(&body, "txt") {
            None | Some(Value::Null) => None,
            Some(text) => {
                let text = text.as_str().and_then(Text::parse);
                Some(text.ok_or(Refused::Bad("bad_txt"))?)
            }
        };
        let gone = self.service.clear(proof, text, self.client(asked).by()).await?;
        Ok(json(StatusCode::OK, format!("{{\"removed\": {gone}}}")))
    }

    /// Who shows the password of an account by acme-dns's headers, with a body that names its subdomain.
    async fn owner(&self, asked: &Asked<'_>) -> Result<(Proof, Map<String, Value>), Refused> {
        let text = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let proof = self.prove(asked, text("X-Api-User"), text("X-Api-Key")).await?;
        // Of what is sent the first value counts.
        let first = serde_json::Deserializer::from_slice(asked.body).into_iter().next();
        let Some(Ok(Value::Object(body))) = first else { return Err(Refused::Forbidden) };
        let subdomain = field(&body, "subdomain").and_then(Value::as_str);
        match subdomain == Some(proof.account().subdomain.as_str()) {
            true => Ok((proof, body)),
            false => Err(Refused::Forbidden),
        }
    }

    /// `POST /present` and `POST /cleanup`, as lego's `httpreq` calls them: a value for a name comes and goes.
    async fn present(
        &self,
        asked: &Asked<'_>,
        what: Challenge,
    ) -> Result<Response<String>, Refused> {
        let basic = asked.headers.get(header::AUTHORIZATION).and_then(basic);
        let (user, password) = basic.as_ref().map_or((None, None), |(user, password)| {
            (Some(user.as_str()), Some(password.as_str()))
        });
        let proof = match self.prove(asked, user, password).await {
            Err(Refused::Forbidden) => return Err(Refused::Unknown),
            proof => proof?,
        };
        let Ok(Value::Object(body)) = serde_json::from_slice(asked.body) else {
            return Err(Refused::Bad(MALFORMED));
        };
        let (fqdn, text) = challenge(&body)?;
        if !self.service.may_present(proof.account(), &fqdn)? {
            return Err(Refused::Unknown);
        }
        let said = format!("{{\"txt\": \"{}\"}}", text.as_str());
        let by = self.client(asked).by();
        match what {
            Challenge::Present => self.service.update(proof, text, by, asked.now).await?,
            Challenge::Clean => drop(self.service.clear(proof, Some(text), by).await?),
        }
        Ok(json(StatusCode::OK, said))
    }

    /// Who shows a password of an account from where that may be used.
    async fn prove(
        &self,
        asked: &Asked<'_>,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<Proof, Refused> {
        let client = self.client(asked);
        let wrong = || match self.wrong.take(client.network, asked.now) {
            Ok(()) => Refused::Forbidden,
            Err(wait) => Refused::Often(wait),
        };
        let username = username.and_then(|text| Uuid::parse_str(text).ok());
        let password = password.and_then(Password::parse);
        let (Some(username), Some(password)) = (username, password) else { return Err(wrong()) };
        let found = self.service.find(username)?;
        // Who has the right password is not kept out by others of his network, as long as it costs us nothing to know.
        if found.is_slow() {
            self.wrong.look(client.network, asked.now).map_err(Refused::Often)?;
        }
        let proof = match self.service.prove(found, password).await {
            Ok(proof) => proof,
            Err(Unproved::Wrong) => return Err(wrong()),
            Err(Unproved::Busy) => return Err(Refused::Busy),
        };
        match proof.account().allow_from.allows(&client.addresses) {
            true => Ok(proof),
            false => Err(Refused::Forbidden),
        }
    }

    /// Who asks.
    fn client(&self, asked: &Asked<'_>) -> Client {
        let addresses = match &self.config.client {
            ClientAddress::Connection => vec![asked.peer],
            ClientAddress::Header(name) => {
                let text = asked.headers.get(name).and_then(|value| value.to_str().ok());
                let parts = text.unwrap_or_default().split(',');
                parts.filter_map(|part| part.trim().parse().ok()).collect()
            }
        };
        // The last address is what the nearest proxy saw; those before it are what it was told.
        let nearest = addresses.last().copied().unwrap_or(asked.peer);
        Client { network: By::network(nearest), addresses }
    }

    /// The answer to who is refused.
    fn refuse(&self, refused: &Refused) -> Response<String> {
        let counts = self.service.counts();
        let wait = |response: &mut Response<String>, wait: Duration| {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            if let Ok(seconds) = HeaderValue::try_from(seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
        };
        match refused {
            Refused::Forbidden => {
                counts.forbidden.one();
                error(StatusCode::UNAUTHORIZED, "forbidden")
            }
            Refused::Unknown => {
                counts.forbidden.one();
                let mut response = error(StatusCode::UNAUTHORIZED, "forbidden");
                let realm = HeaderValue::from_static("Basic realm=\"challenge account\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
                response
            }
            Refused::Bad(what) => {
                counts.bad.one();
                error(StatusCode::BAD_REQUEST, what)
            }
            Refused::Often(after) => {
                counts.limited.one();
                let mut response = error(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
                wait(&mut response, *after);
                response
            }
            Refused::Busy => {
                counts.limited.one();
                let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "busy");
                wait(&mut response, Duration::from_secs(5));
                response
            }
            Refused::Failed(fault) => {
                counts.failed.one();
                tracing::error!("a challenge account was not changed: {fault}");
                error(StatusCode::INTERNAL_SERVER_ERROR, "db_error")
            }
        }
    }
}

/// Who asks.
struct Client {
    /// The network that is counted and logged.
    network: Network,
    /// The addresses of which one must be allowed.
    addresses: Vec<IpAddr>,
}

impl Client {
    /// The same for the audit line.
    fn by(&self) -> By {
        By::Client(self.network)
    }
}

/// What is done to a value for a name.
#[derive(Clone, Copy)]
enum Challenge {
    /// It comes.
    Present,
    /// It goes.
    Clean,
}

/// Why something is not done.
enum Refused {
    /// Who asks has not shown that he may.
    Forbidden,
    /// The same, where passwords come by basic authentication.
    Unknown,
    /// What was sent is no good.
    Bad(&'static str),
    /// It was done too often; after this it may be done again.
    Often(Duration),
    /// Too much is done now.
    Busy,
    /// The store failed.
    Failed(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        match fault {
            // The account went, or its password changed, in the moment between.
            Fault::NoAccount | Fault::Changed => Refused::Forbidden,
            Fault::Busy => Refused::Busy,
            fault => Refused::Failed(fault),
        }
    }
}

/// A value for a name, in either form of `httpreq`.
fn challenge(body: &Map<String, Value>) -> Result<(Name, Text), Refused> {
    let text = |name: &str| field(body, name).and_then(Value::as_str);
    if let Some(fqdn) = text("fqdn") {
        let fqdn = fqdn.parse().map_err(|_| Refused::Bad("bad_fqdn"))?;
        let value = text("value").and_then(Text::parse).ok_or(Refused::Bad("bad_txt"))?;
        return Ok((fqdn, value));
    }
    let (Some(domain), Some(key)) = (text("domain"), text("keyAuth")) else {
        return Err(Refused::Bad(MALFORMED));
    };
    let domain = domain.strip_prefix("*.").unwrap_or(domain);
    let fqdn = match domain {
        "" | "." => Err(Refused::Bad("bad_fqdn")),
        _ => format!("_acme-challenge.{domain}").parse().map_err(|_| Refused::Bad("bad_fqdn")),
    };
    Ok((fqdn?, Text::of_key_authorization(key)))
}

/// The networks of a body of `/register`; none, if it has not that form.
fn networks(body: &Value) -> Option<Vec<&str>> {
    let body = match body {
        Value::Null => return Some(Vec::new()),
        Value::Object(body) => body,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    };
    match field(body, "allowfrom") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => None,
    }
}

/// A field of an object, by its name as it is or in any case.
fn field<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    body.get(name).or_else(|| {
        let same =
            |(key, value): (&String, &'b Value)| key.eq_ignore_ascii_case(name).then_some(value);
        body.iter().find_map(same)
    })
}

/// The name and the password of basic authentication (RFC 7617).
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let bytes = STANDARD.decode(rest.trim()).ok()?;
    let text = String::from_utf8(bytes).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

/// An answer for machines.
fn json(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    // A password, or the news of a change, is nothing to keep.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A word that says what is wrong, as acme-dns writes it.
pub(crate) fn error(status: StatusCode, word: &str) -> Response<String> {
    json(status, format!("{{\"error\": \"{word}\"}}"))
}

/// A line for people.
fn plain(status: StatusCode, line: &str) -> Response<String> {
    let mut response = Response::new(line.to_owned());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What is said of a body that is not what it should be.
const MALFORMED: &str = "malformed_json_payload";

#[cfg(test)]
mod tests;
