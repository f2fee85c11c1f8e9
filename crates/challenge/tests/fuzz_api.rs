//! No request makes the API panic, and whatever it answers is well-formed: a status it has, JSON where it says so, and
//! never a password or a value that was not sent.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use mutation::{Mutation, mutate, time};
use repute_challenge::{
    AllowFrom, Api, ApiConfig, Asked, By, ClientAddress, Keep, Moment, NewAccount, Rate, Service,
    Settings, Store,
};
use tokio::runtime::Runtime;

/// A value.
const TXT: &str = "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM";

/// Requests that are good: method and path, and the body with `SUB` for the account's subdomain.
const REQUESTS: [(&str, &str, &str); 8] = [
    ("POST", "/register", "{\"allowfrom\": [\"192.0.2.0/24\", \"[2001:db8::]/32\"]}"),
    ("POST", "/update", "{\"subdomain\": \"SUB\", \"txt\": \"TXT\"}"),
    ("DELETE", "/update", "{\"subdomain\": \"SUB\", \"txt\": \"TXT\"}"),
    ("POST", "/present", "{\"fqdn\": \"_acme-challenge.example.org.\", \"value\": \"TXT\"}"),
    ("POST", "/present", "{\"domain\": \"*.example.org\", \"token\": \"t\", \"keyAuth\": \"k\"}"),
    ("POST", "/cleanup", "{\"fqdn\": \"SUB.auth.example.\", \"value\": \"TXT\"}"),
    ("OPTIONS", "/update", ""),
    ("GET", "/health", ""),
];

/// The API of a service that knows one account, and takes addresses from a header.
fn api(runtime: &Runtime, folder: &tempfile::TempDir) -> (Api<Store>, NewAccount) {
    let store = Store::open(&folder.path().join("store"), drop).expect("it opens");
    let settings =
        Settings { domain: "auth.example".parse().expect("a name"), keep: Keep::default() };
    let service = runtime.block_on(Service::open(Arc::new(store), settings)).expect("it opens");
    let client = By::client(IpAddr::from([192, 0, 2, 1]));
    let new = service.register(AllowFrom::default(), client, Moment(0));
    let new = runtime.block_on(new).expect("it is made");
    let unlimited = Rate { times: 0, period: std::time::Duration::ZERO };
    let config = ApiConfig {
        client: ClientAddress::Header(HeaderName::from_static("x-forwarded-for")),
        // Accounts that nobody uses would fill the store.
        registrations_all: Rate { times: 1_000, period: std::time::Duration::from_secs(1) },
        registrations_each: unlimited,
        wrong_each: unlimited,
        ..ApiConfig::default()
    };
    (Api::new(Arc::new(service), config), new)
}

/// Whether an answer is one.
fn judge(response: &Response<String>, body: &[u8], password: &str) {
    let status = response.status().as_u16();
    let known = [200, 201, 204, 301, 308, 400, 401, 404, 405, 429];
    assert!(known.contains(&status), "{response:?}");
    let said = response.body();
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        serde_json::from_str::<serde_json::Value>(said).expect("it is JSON");
    }
    assert!(!said.contains(password), "{said}");
    if let Some(value) = said.strip_prefix("{\"txt\": \"").and_then(|said| said.strip_suffix("\"}"))
    {
        // Of what is sent the first value counts; a key is known in any case, and with escapes.
        let sent = serde_json::Deserializer::from_slice(body).into_iter().next();
        let Some(Ok(serde_json::Value::Object(sent))) = sent else { panic!("{said}") };
        let mut texts = sent.values().filter_map(|text| text.as_str());
        assert!(texts.any(|text| text == value || digest(text) == value), "{said}");
    }
}

#[test]
fn fuzz_api() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (api, new) = api(&runtime, &folder);
    // A panic ends the test: nobody looks at what it left.
    let (api, runtime) = (AssertUnwindSafe(api), AssertUnwindSafe(runtime));
    let (username, password) = (new.account.username.to_string(), new.password.as_str());
    let basic = "Basic ".to_owned() + &base64(&format!("{username}:{password}"));
    let answered = Mutex::new(0_u64);
    type Input = (u8, Vec<Mutation>, u8, Vec<Mutation>);
    bolero::check!().with_type::<Input>().with_test_time(time()).for_each(
        |(which, mutations, place, more): &Input| {
            let (method, path, body) = REQUESTS[usize::from(*which) % REQUESTS.len()];
            let body = body.replace("SUB", &new.account.subdomain).replace("TXT", TXT);
            let body = mutate(body.as_bytes(), mutations);
            let mut texts: Vec<(&str, Vec<u8>)> = [
                ("x-api-user", &*username),
                ("x-api-key", password),
                ("authorization", &basic),
                ("x-forwarded-for", "198.51.100.1, 192.0.2.1"),
                ("origin", "https://a.example"),
                ("access-control-request-method", "POST"),
            ]
            .map(|(name, text)| (name, text.as_bytes().to_vec()))
            .to_vec();
            let changed = usize::from(*place) % texts.len();
            texts[changed].1 = mutate(&texts[changed].1, more);
            let mut headers = HeaderMap::new();
            for (name, text) in texts {
                if let Ok(value) = HeaderValue::from_bytes(&text) {
                    headers.insert(name, value);
                }
            }
            if method != "OPTIONS" {
                headers.remove("access-control-request-method");
            }
            let asked = Asked {
                method: &method.parse::<Method>().expect("a method"),
                path,
                headers: &headers,
                body: &body,
                peer: IpAddr::from([192, 0, 2, 1]),
                now: Moment(0),
            };
            let response = runtime.block_on(api.respond(asked));
            judge(&response, &body, password);
            *answered.lock().expect("no panic") += u64::from(response.status().is_success());
        },
    );
    assert!(*answered.lock().expect("no panic") > 0, "good requests are among them");
}

#[test]
fn fuzz_allow_from() {
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let valid = ["192.0.2.0/24", "[2001:db8::]/32", "::ffff:10.0.0.0/104"];
            let text = mutate(valid[usize::from(*which) % 3].as_bytes(), mutations);
            let text = String::from_utf8_lossy(&text);
            let Ok(list) = AllowFrom::parse([&text]) else { return };
            // What is said back means the same.
            assert_eq!(AllowFrom::parse(list.texts()).as_ref(), Ok(&list), "{text}");
            let (address, _) =
                list.texts().next().expect("it is there").split_once('/').expect("so");
            let address: IpAddr = address.parse().expect("it is an address");
            // A client of IPv4 is in no network of IPv6 that is wider than that of mapped addresses.
            assert!(list.allows(&[address]) || address != address.to_canonical(), "{text}");
        },
    );
}

/// The value of a key authorization (RFC 8555 section 8.4).
fn digest(text: &str) -> String {
    use base64::Engine as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// Base64 with padding.
fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
