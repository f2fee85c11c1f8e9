//! From a database of acme-dns to accounts that its clients go on using with the passwords they have.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use repute_challenge::{
    Api, ApiConfig, Asked, Foreign, Import, Keep, Moment, Service, Settings, Store,
};
use repute_database::Place;
use repute_database::acme_dns::{self, Account};
use repute_database::testing::Server;
use repute_database::testing::acme_dns::{Schema, make};

const USERNAME: &str = "a097455b-52cc-4569-90c8-7a4b97c6eba8";
const SUBDOMAIN: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf";
const PASSWORD: &str = "PUrNTjU24JYNEOCeS2JcjaJGv1sinT80oV9--dpX";
const TXT: &str = "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM";

/// The account's row.
fn account() -> Account {
    Account {
        username: USERNAME.to_owned(),
        password: bcrypt::hash(PASSWORD, 10).expect("a hash"),
        subdomain: SUBDOMAIN.to_owned(),
        allow_from: r#"["192.0.2.0/24"]"#.to_owned(),
        values: vec![String::new(), "v".repeat(43)],
    }
}

/// What is read of a database, for the service.
fn foreign(account: Account) -> Foreign {
    let Account { username, password, subdomain, allow_from, values } = account;
    Foreign { username, password, subdomain, allow_from, values }
}

/// Imports a database twice and updates as its client did before.
async fn check(place: &Place, schema: Schema) {
    make(place, schema, &[account()]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("store"), drop).expect("it opens");
    let settings =
        Settings { domain: "auth.example".parse().expect("a name"), keep: Keep::default() };
    let service = Service::open(Arc::new(store), settings).await.expect("it opens");
    let import = async |now| {
        let read = acme_dns::read(place).await.expect("it is read");
        let all = read.into_iter().map(foreign).collect();
        service.import(place.to_string(), all, Moment(now)).await.expect("it is taken")
    };
    assert_eq!(import(1).await, Import::Taken { accounts: 1, there: 0, faults: Vec::new() });
    assert_eq!(import(2).await, Import::Done { at: Moment(1) });
    let service = Arc::new(service);
    let api = Api::new(Arc::clone(&service), ApiConfig::default());
    let mut headers = HeaderMap::new();
    headers.insert("X-Api-User", HeaderValue::from_static(USERNAME));
    headers.insert("X-Api-Key", HeaderValue::from_static(PASSWORD));
    let body = format!("{{\"subdomain\": \"{SUBDOMAIN}\", \"txt\": \"{TXT}\"}}");
    for (peer, status) in [([198, 51, 100, 1], 401), ([192, 0, 2, 1], 200), ([192, 0, 2, 1], 200)] {
        let asked = Asked {
            method: &Method::POST,
            path: "/update",
            headers: &headers,
            body: body.as_bytes(),
            peer: IpAddr::from(peer),
            now: Moment(3),
        };
        assert_eq!(api.respond(asked).await.status(), status);
    }
    let listed = service.list(None, 10).expect("it is read");
    let values: Vec<_> = listed[0].values.iter().map(|(_, value)| value.clone()).collect();
    assert_eq!((listed.len(), values), (1, vec!["v".repeat(43), TXT.to_owned()]));
}

#[tokio::test]
async fn clients_of_acme_dns_on_sqlite_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    check(&Place::File(folder.path().join("acme-dns.db")), Schema::Text).await;
}

#[tokio::test]
async fn clients_of_acme_dns_on_postgresql_go_on() {
    let Some(server) = Server::start() else { return };
    check(&server.place(), Schema::Json).await;
}
