//! The API as acme-dns's clients and lego use it, request by request.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::service::tests::{Zone, service};
use crate::store::Store;
use crate::values::Keep;

/// A value.
const TXT: &str = "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM";

/// An API on a store of its own.
struct Stage {
    api: Api<Store>,
    zone: Zone,
    _folder: TempDir,
}

/// A request, with all that tests vary.
#[derive(Clone)]
struct Request<'r> {
    line: &'r str,
    headers: Vec<(&'r str, String)>,
    body: String,
    peer: &'r str,
    now: u64,
}

/// What came of one: status, body, headers.
struct Answer(u16, String, HeaderMap);

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.2.get(name).map(|value| value.to_str().expect("a text"))
    }
}

/// A request of somebody.
fn request<'r>(line: &'r str, body: &str) -> Request<'r> {
    let headers = Vec::new();
    Request { line, headers, body: body.to_owned(), peer: "192.0.2.1", now: 0 }
}

impl<'r> Request<'r> {
    /// With a header.
    fn with(mut self, name: &'r str, value: &str) -> Request<'r> {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Stage {
    async fn new(config: ApiConfig) -> Stage {
        let folder = tempfile::tempdir().expect("a folder");
        let (service, zone) = service(&folder, Keep::default()).await;
        Stage { api: Api::new(Arc::new(service), config), zone, _folder: folder }
    }

    async fn ask(&self, request: Request<'_>) -> Answer {
        let (method, path) = request.line.split_once(' ').expect("a method and a path");
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(*name).expect("a name");
            headers.append(name, value.parse().expect("a header"));
        }
        let asked = Asked {
            method: &method.parse().expect("a method"),
            path,
            headers: &headers,
            body: request.body.as_bytes(),
            peer: request.peer.parse().expect("an address"),
            now: Moment(request.now),
        };
        let (head, body) = self.api.respond(asked).await.into_parts();
        Answer(head.status.as_u16(), body, head.headers)
    }

    /// Registers an account with networks; its fields.
    async fn register(&self, allow_from: &str) -> Fields {
        let body = format!("{{\"allowfrom\": [{allow_from}]}}");
        let Answer(status, body, _) = self.ask(request("POST /register", &body)).await;
        assert_eq!(status, 201, "{body}");
        let body: Value = serde_json::from_str(&body).expect("it is JSON");
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        Fields {
            username: text("username"),
            password: text("password"),
            subdomain: text("subdomain"),
        }
    }

    /// The values that are served for an account.
    fn served(&self, account: &Fields) -> Vec<String> {
        let name = format!("{}.auth.example", account.subdomain);
        self.zone.lock().expect("no panic").get(&name).cloned().unwrap_or_default()
    }
}

/// What a client keeps of its account.
struct Fields {
    username: String,
    password: String,
    subdomain: String,
}

impl Fields {
    /// A request with the headers of acme-dns.
    fn asks<'r>(&self, line: &'r str, body: &str) -> Request<'r> {
        request(line, body).with("X-Api-User", &self.username).with("X-Api-Key", &self.password)
    }

    /// An update.
    fn update(&self, txt: &str) -> Request<'static> {
        let body = format!("{{\"subdomain\": \"{}\", \"txt\": \"{txt}\"}}", self.subdomain);
        self.asks("POST /update", &body)
    }

    /// A call of lego.
    fn lego<'r>(&self, line: &'r str, body: &str) -> Request<'r> {
        let pair = STANDARD.encode(format!("{}:{}", self.username, self.password));
        request(line, body).with("Authorization", &format!("Basic {pair}"))
    }
}

#[tokio::test]
async fn registering_answers_as_acme_dns_does() {
    let stage = Stage::new(ApiConfig { registrations_each: OFTEN, ..ApiConfig::default() }).await;
    for (body, status, expect) in [
        ("", 201, "[]"),
        ("{}", 201, "[]"),
        ("null", 201, "[]"),
        (r#"{"allowfrom": null}"#, 201, "[]"),
        (r#"{"allowfrom": []}"#, 201, "[]"),
        (r#"{"other": 1, "AllowFrom": ["10.0.0.1/24"]}"#, 201, r#"["10.0.0.1/24"]"#),
        (
            r#"{"allowfrom": ["192.0.2.0/24", "[2001:db8::]/32"]}"#,
            201,
            r#"["192.0.2.0/24","2001:db8::/32"]"#,
        ),
        (r#"{"allowfrom": ["192.0.2.0/33"]}"#, 400, "invalid_allowfrom_cidr"),
        (r#"{"allowfrom": ["192.0.2.1"]}"#, 400, "invalid_allowfrom_cidr"),
        (r#"{"allowfrom": "192.0.2.0/24"}"#, 400, "malformed_json_payload"),
        (r#"{"allowfrom": [1]}"#, 400, "malformed_json_payload"),
        (r#"{"allowfrom": []} x"#, 400, "malformed_json_payload"),
        ("[]", 400, "malformed_json_payload"),
        ("{\"allowfrom", 400, "malformed_json_payload"),
        (" ", 400, "malformed_json_payload"),
    ] {
        let answer = stage.ask(request("POST /register", body)).await;
        assert_eq!(answer.0, status, "{body}: {}", answer.1);
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        if status != 201 {
            assert_eq!(answer.1, format!("{{\"error\": \"{expect}\"}}"), "{body}");
            continue;
        }
        // The order of the fields, and no blank, is what some clients count on.
        let fields: Value = serde_json::from_str(&answer.1).expect("it is JSON");
        let text = |name: &str| fields[name].as_str().expect("a text");
        let (username, subdomain) = (text("username"), text("subdomain"));
        assert_eq!(
            answer.1,
            format!(
                "{{\"username\":\"{username}\",\"password\":\"{}\",\
                 \"fulldomain\":\"{subdomain}.auth.example\",\"subdomain\":\"{subdomain}\",\
                 \"allowfrom\":{expect}}}",
                text("password")
            )
        );
        assert!(Uuid::parse_str(username).is_ok() && Uuid::parse_str(subdomain).is_ok());
        assert!(Password::parse(text("password")).is_some() && username != subdomain);
    }
}

#[tokio::test]
async fn updating_answers_as_acme_dns_does() {
    let stage = Stage::new(ApiConfig::default()).await;
    let (a, b) = (stage.register("").await, stage.register("").await);
    let sub = &a.subdomain;
    for (body, status, expect) in [
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{TXT}\"}}"), 200, TXT),
        (format!("{{\"SUBDOMAIN\": \"{sub}\", \"Txt\": \"{TXT}\", \"more\": []}}"), 200, TXT),
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{TXT}\"}} and more"), 200, TXT),
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": \"\"}}"), 400, "bad_txt"),
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{}\"}}", &TXT[1..]), 400, "bad_txt"),
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": 5}}"), 400, "bad_txt"),
        (format!("{{\"subdomain\": \"{sub}\"}}"), 400, "bad_txt"),
        (format!("{{\"subdomain\": \"{}\", \"txt\": \"{TXT}\"}}", b.subdomain), 401, "forbidden"),
        (format!("{{\"txt\": \"{TXT}\"}}"), 401, "forbidden"),
        (format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{TXT}\""), 401, "forbidden"),
        (String::new(), 401, "forbidden"),
        ("[]".to_owned(), 401, "forbidden"),
    ] {
        let answer = stage.ask(a.asks("POST /update", &body)).await;
        let expect = match status {
            200 => format!("{{\"txt\": \"{expect}\"}}"),
            _ => format!("{{\"error\": \"{expect}\"}}"),
        };
        assert_eq!((answer.0, &*answer.1), (status, &*expect), "{body}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }
    assert_eq!(stage.served(&a), [TXT]);
    assert!(stage.served(&b).is_empty());
}

#[tokio::test]
async fn all_that_is_wrong_with_who_asks_is_forbidden() {
    let stage = Stage::new(ApiConfig::default()).await;
    let (a, b) = (stage.register("").await, stage.register("").await);
    let nobody = Uuid::nil().to_string();
    let (user, key) = (&*a.username, &*a.password);
    let spellings = [
        user.to_uppercase(),
        user.replace('-', ""),
        format!("urn:uuid:{user}"),
        format!("{{{user}}}"),
    ];
    for spelled in &spellings {
        let good = Fields {
            username: spelled.clone(),
            password: key.into(),
            subdomain: a.subdomain.clone(),
        };
        assert_eq!(stage.ask(good.update(TXT)).await.0, 200, "{spelled}");
    }
    for (username, password) in
        [(user, &*b.password), (&nobody, key), ("me", key), (user, "short"), ("", key), (user, "")]
    {
        let bad = Fields {
            username: username.to_owned(),
            password: password.to_owned(),
            subdomain: a.subdomain.clone(),
        };
        for line in ["POST /update", "DELETE /update"] {
            let Answer(status, body, _) = stage.ask(Request { line, ..bad.update(TXT) }).await;
            assert_eq!((status, &*body), (401, r#"{"error": "forbidden"}"#), "{username} {line}");
        }
        let call = format!("{{\"fqdn\": \"_acme-challenge.example.org.\", \"value\": \"{TXT}\"}}");
        for line in ["POST /present", "POST /cleanup"] {
            let answer = stage.ask(bad.lego(line, &call)).await;
            assert_eq!((answer.0, &*answer.1), (401, r#"{"error": "forbidden"}"#), "{line}");
            assert!(
                answer.header("WWW-Authenticate").is_some_and(|text| text.starts_with("Basic"))
            );
        }
    }
    let bare = request("POST /update", &a.update(TXT).body);
    assert_eq!(stage.ask(bare).await.0, 401);
    for bad in ["", "Basic", "Basic !", "Bearer eDp5", "Basic eHk="] {
        let call = request("POST /present", "{}").with("Authorization", bad);
        assert_eq!(stage.ask(call).await.0, 401, "{bad}");
    }
}

#[tokio::test]
async fn networks_of_an_account_hold_for_every_call() {
    let stage = Stage::new(ApiConfig::default()).await;
    let a = stage.register(r#""192.0.2.0/24", "[2001:db8::]/32""#).await;
    let call = format!("{{\"fqdn\": \"_acme-challenge.example.org.\", \"value\": \"{TXT}\"}}");
    for (peer, status) in [
        ("192.0.2.9", 200),
        ("::ffff:192.0.2.9", 200),
        ("2001:db8::1", 200),
        ("198.51.100.1", 401),
        ("2001:db9::1", 401),
    ] {
        for request in
            [a.update(TXT), a.lego("POST /present", &call), a.lego("POST /cleanup", &call)]
        {
            let line = request.line;
            // A header counts only where a proxy is said to write it.
            let request = Request { peer, ..request }.with("X-Forwarded-For", "192.0.2.1");
            assert_eq!(stage.ask(request).await.0, status, "{peer} {line}");
        }
    }
}

#[tokio::test]
async fn a_header_names_the_client_where_a_proxy_writes_it() {
    let client = ClientAddress::Header(HeaderName::from_static("x-forwarded-for"));
    let stage = Stage::new(ApiConfig { client, ..ApiConfig::default() }).await;
    let (a, open) = (stage.register("\"192.0.2.0/24\"").await, stage.register("").await);
    for (header, status) in [
        ("192.0.2.9", 200),
        ("198.51.100.1, 192.0.2.9", 200),
        ("192.0.2.9 ,198.51.100.1", 200),
        ("198.51.100.1", 401),
        (",,", 401),
        ("unknown", 401),
    ] {
        let request = a.update(TXT).with("X-Forwarded-For", header);
        assert_eq!(stage.ask(request).await.0, status, "{header}");
    }
    assert_eq!(stage.ask(a.update(TXT)).await.0, 401, "the connection is that of the proxy");
    assert_eq!(stage.ask(open.update(TXT)).await.0, 200);
}

#[tokio::test]
async fn values_are_deleted_one_by_one_or_all() {
    let stage = Stage::new(ApiConfig::default()).await;
    let a = stage.register("").await;
    let others: Vec<String> = ["a", "b", "c"].map(|of| of.repeat(43)).to_vec();
    for value in &others {
        assert_eq!(stage.ask(a.update(value)).await.0, 200);
    }
    assert_eq!(stage.served(&a), others);
    let delete = |body: String| a.asks("DELETE /update", &body);
    let sub = &a.subdomain;
    for (body, status, expect, left) in [
        (
            format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{}\"}}", others[1]),
            200,
            "{\"removed\": 1}",
            2,
        ),
        (
            format!("{{\"subdomain\": \"{sub}\", \"txt\": \"{}\"}}", others[1]),
            200,
            "{\"removed\": 0}",
            2,
        ),
        (
            format!("{{\"subdomain\": \"{sub}\", \"txt\": \"\"}}"),
            400,
            "{\"error\": \"bad_txt\"}",
            2,
        ),
        ("{\"subdomain\": \"other\"}".to_owned(), 401, "{\"error\": \"forbidden\"}", 2),
        (format!("{{\"subdomain\": \"{sub}\"}}"), 200, "{\"removed\": 2}", 0),
    ] {
        let Answer(told, said, _) = stage.ask(delete(body.clone())).await;
        assert_eq!((told, &*said, stage.served(&a).len()), (status, expect, left), "{body}");
    }
}

#[tokio::test]
async fn lego_presents_and_cleans_up_in_both_modes() {
    let stage = Stage::new(ApiConfig::default()).await;
    let (a, b) = (stage.register("").await, stage.register("").await);
    let value = "v".repeat(43);
    let default = |fqdn: &str| format!("{{\"fqdn\":\"{fqdn}\",\"value\":\"{value}\"}}\n");
    let ask = async |line: &str, body: &str| stage.ask(a.lego(line, body)).await.0;
    assert_eq!(ask("POST /present", &default("_acme-challenge.example.org.")).await, 200);
    assert_eq!(stage.served(&a), [&*value]);
    // RFC 8555 section 8.4: the digest of the key authorization; `TXT` is that of "key", as other programs compute it.
    let raw = r#"{"domain":"*.example.org","token":"t","keyAuth":"key"}"#;
    assert_eq!(ask("POST /present", raw).await, 200);
    assert_eq!(stage.served(&a), [&*value, TXT]);
    assert_eq!(ask("POST /cleanup", &default("_acme-challenge.example.org.")).await, 200);
    assert_eq!(stage.served(&a), [TXT]);
    for _ in 0..2 {
        assert_eq!(ask("POST /cleanup", raw).await, 200);
        assert!(stage.served(&a).is_empty());
    }
    // Versions that follow the CNAME send the name it leads to.
    let own = format!("{}.auth.example.", a.subdomain);
    let other = format!("{}.auth.example.", b.subdomain);
    assert_eq!(ask("POST /present", &default(&own)).await, 200);
    assert_eq!(ask("POST /present", &default(&other)).await, 401);
    for (body, expect) in [
        ("", 400),
        ("{}", 400),
        (r#"{"fqdn":"a..b","value":""}"#, 400),
        (r#"{"fqdn":"example.org","value":"short"}"#, 400),
        (r#"{"domain":"example.org"}"#, 400),
        (r#"{"domain":"","keyAuth":"key"}"#, 400),
    ] {
        assert_eq!(ask("POST /present", body).await, expect, "{body}");
    }
    assert!(stage.served(&b).is_empty());
}

#[tokio::test]
async fn a_bound_domain_is_its_account_s_alone() {
    let stage = Stage::new(ApiConfig::default()).await;
    let (a, b) = (stage.register("").await, stage.register("").await);
    let username = Uuid::parse_str(&a.username).expect("a name");
    let domain = "example.org".parse().expect("a name");
    assert!(stage.api.service().bind(domain, username).await.expect("it is bound"));
    let raw = r#"{"domain":"example.org","token":"t","keyAuth":"key"}"#;
    assert_eq!(stage.ask(b.lego("POST /present", raw)).await.0, 401);
    assert_eq!(stage.ask(a.lego("POST /present", raw)).await.0, 200);
    assert_eq!((stage.served(&a).len(), stage.served(&b).len()), (1, 0));
}

#[tokio::test]
async fn what_is_no_route_is_answered_as_acme_dns_s_router_does() {
    let closed = ApiConfig { registration: Registration::Closed, ..ApiConfig::default() };
    let (open, closed) = (Stage::new(ApiConfig::default()).await, Stage::new(closed).await);
    for (line, status, allow) in [
        ("GET /health", 200, None),
        ("HEAD /health", 405, Some("GET, OPTIONS")),
        ("POST /health", 405, Some("GET, OPTIONS")),
        ("GET /update", 405, Some("DELETE, OPTIONS, POST")),
        ("OPTIONS /update", 200, Some("DELETE, OPTIONS, POST")),
        ("GET /register", 405, Some("OPTIONS, POST")),
        ("PUT /present", 405, Some("OPTIONS, POST")),
        ("GET /", 404, None),
        ("POST /nothing", 404, None),
        ("POST /Update", 308, None),
        ("GET /health/", 301, None),
        ("GET /update/", 404, None),
    ] {
        let answer = open.ask(request(line, "")).await;
        assert_eq!((answer.0, answer.header("Allow")), (status, allow), "{line}");
        assert_eq!(answer.header("Location").is_some(), status == 301 || status == 308);
    }
    assert_eq!(open.ask(request("GET /health", "")).await.1, "");
    assert_eq!(closed.ask(request("POST /register", "")).await.0, 404);
    assert_eq!(closed.ask(request("GET /register", "")).await.0, 404);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_it_and_browsers_hear_of_https() {
    let hsts = Hsts { max_age: Duration::from_secs(60), include_subdomains: true, preload: true };
    let cors = Cors::new(["https://a.example".to_owned()]);
    let stage = Stage::new(ApiConfig { cors, hsts: Some(hsts), ..ApiConfig::default() }).await;
    let preflight = |origin| {
        let request = request("OPTIONS /update", "").with("Origin", origin);
        stage.ask(request.with("Access-Control-Request-Method", "POST"))
    };
    let answer = preflight("https://a.example").await;
    assert_eq!(answer.0, 204);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("https://a.example"));
    assert!(
        answer.header("Access-Control-Allow-Headers").is_some_and(|all| all.contains("X-Api-Key"))
    );
    let other = preflight("https://b.example").await;
    assert_eq!((other.0, other.header("Access-Control-Allow-Origin")), (204, None));
    let refused = stage.ask(request("POST /update", "").with("Origin", "https://a.example")).await;
    assert_eq!(refused.header("Access-Control-Allow-Origin"), Some("https://a.example"));
    for answer in [answer, refused] {
        let told = answer.header("Strict-Transport-Security");
        assert_eq!(told, Some("max-age=60; includeSubDomains; preload"));
    }
}

/// So often that nobody is kept from it.
const OFTEN: Rate = Rate { times: 0, period: Duration::ZERO };

#[tokio::test]
async fn registrations_are_limited_per_network_and_in_all() {
    let rate = |times| Rate { times, period: Duration::from_secs(3600) };
    let config = ApiConfig {
        registrations_each: rate(2),
        registrations_all: rate(3),
        ..ApiConfig::default()
    };
    let stage = Stage::new(config).await;
    let ask = async |peer: &str, now| {
        stage.ask(Request { peer, now, ..request("POST /register", "") }).await
    };
    // What is no good counts nothing.
    assert_eq!(stage.ask(request("POST /register", "x")).await.0, 400);
    assert_eq!(ask("192.0.2.1", 0).await.0, 201);
    assert_eq!(ask("192.0.2.200", 0).await.0, 201);
    let answer = ask("192.0.2.77", 0).await;
    assert_eq!((answer.0, &*answer.1), (429, r#"{"error": "too_many_requests"}"#));
    assert_eq!(answer.header("Retry-After"), Some("1800"));
    assert_eq!(ask("2001:db8:0:1::1", 0).await.0, 201);
    assert_eq!(ask("198.51.100.1", 0).await.0, 429, "all together have had theirs");
    assert_eq!(ask("192.0.2.1", 1_800_000).await.0, 201);
    assert_eq!(stage.api.service().counts().limited.value(), 2);
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_the_right_one_is_not() {
    let wrong_each = Rate { times: 3, period: Duration::from_secs(60) };
    let stage = Stage::new(ApiConfig { wrong_each, ..ApiConfig::default() }).await;
    let a = stage.register("").await;
    let bad =
        Fields { password: "x".repeat(40), username: a.username.clone(), subdomain: String::new() };
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(stage.ask(bad.update(TXT)).await.0);
    }
    assert_eq!(told, [401, 401, 401, 429, 429]);
    assert_eq!(stage.ask(a.update(TXT)).await.0, 200, "who has the right one is not kept out");
    let elsewhere = Request { peer: "198.51.100.1", ..bad.update(TXT) };
    assert_eq!(stage.ask(elsewhere).await.0, 401);
    let later = Request { now: 20_000, ..bad.update(TXT) };
    assert_eq!(stage.ask(later).await.0, 401);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error_of_ours() {
    let stage = Stage::new(ApiConfig::default()).await;
    let a = stage.register("").await;
    type Row = (&'static [u8], &'static str, Vec<&'static str>, u64);
    let table = redb::TableDefinition::<'_, u128, Row>::new("challenge-accounts");
    let username = Uuid::parse_str(&a.username).expect("a name").as_u128();
    let spoil = stage.api.service().turns().turn(move |t| {
        t.open_table(table)?.insert(username, (&[9][..], "", Vec::new(), 0))?;
        Ok(((), Vec::new()))
    });
    spoil.await.expect("it is written");
    let Answer(status, body, _) = stage.ask(a.update(TXT)).await;
    assert_eq!((status, &*body), (500, r#"{"error": "db_error"}"#));
    assert_eq!(stage.api.service().counts().failed.value(), 1);
    assert_eq!(stage.ask(request("POST /register", "")).await.0, 201, "others are not concerned");
}

#[tokio::test]
async fn passwords_that_are_slow_to_verify_are_so_many_and_not_after_wrong_ones() {
    let wrong_each = Rate { times: 2, period: Duration::from_secs(60) };
    let stage = Stage::new(ApiConfig { wrong_each, ..ApiConfig::default() }).await;
    let a = Fields {
        username: "a097455b-52cc-4569-90c8-7a4b97c6eba8".to_owned(),
        password: "x".repeat(40),
        subdomain: "d420c923-bbd7-4056-ab64-c3ca54c9b3cf".to_owned(),
    };
    let foreign = crate::Foreign {
        username: a.username.clone(),
        password: bcrypt::hash(&a.password, 4).expect("a hash"),
        subdomain: a.subdomain.clone(),
        ..crate::Foreign::default()
    };
    let service = stage.api.service();
    let import = service.import("old".to_owned(), vec![foreign], Moment(0)).await;
    assert!(matches!(import, Ok(crate::Import::Taken { accounts: 1, .. })));
    let (good, username, subdomain) = (&a, a.username.clone(), a.subdomain.clone());
    let bad = Fields { password: "y".repeat(40), username, subdomain };
    {
        let all = u32::try_from(crate::service::MOST_WAITING).expect("it is small");
        let _others = service.queue.try_acquire_many(all).expect("nobody waits");
        let answer = stage.ask(good.update(TXT)).await;
        assert_eq!((answer.0, &*answer.1), (503, r#"{"error": "busy"}"#));
        assert_eq!(answer.header("Retry-After"), Some("5"));
    }
    assert_eq!(
        [stage.ask(bad.update(TXT)).await.0, stage.ask(bad.update(TXT)).await.0],
        [401, 401]
    );
    // Whether it is the right one would cost too much to know.
    assert_eq!(stage.ask(good.update(TXT)).await.0, 429);
    let later = Request { now: 30_000, ..good.update(TXT) };
    assert_eq!(stage.ask(later).await.0, 200);
    // It is a digest by now, and looked at whatever was wrong before.
    assert_eq!(stage.ask(Request { now: 30_000, ..bad.update(TXT) }).await.0, 401);
    assert_eq!(stage.ask(Request { now: 30_000, ..bad.update(TXT) }).await.0, 429);
    assert_eq!(stage.ask(Request { now: 30_000, ..good.update(TXT) }).await.0, 200);
}
