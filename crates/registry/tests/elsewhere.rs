//! Lists of others, asked over real sockets: name servers on loopback that count what they are asked.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use repute_dnsxl::{Name, Polarity, ReturnCode, Target};
use repute_lookup::inquiry::ListAt;
use repute_lookup::list::List;
use repute_registry::elsewhere::{Elsewhere, Refusal, Says};
use repute_registry::request::check::Outcome;
use repute_registry::request::elsewhere::gather;
use repute_registry::request::item::Item;

/// A list on loopback that has 8.8.8.8 and its test entry.
struct Other {
    /// Where it is asked.
    address: SocketAddr,
    /// How often it was asked for the codes of 8.8.8.8.
    asked: Arc<AtomicUsize>,
}

impl Other {
    /// Starts it; it ends with the process. With a gate it answers for 8.8.8.8 only when somebody else is there too.
    fn start(gate: Option<Arc<Barrier>>) -> Other {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        thread::spawn(move || serve(&socket, &counted, gate.as_deref()));
        Other { address, asked }
    }

    /// As a list that is asked at its own server.
    fn list(&self) -> ListAt {
        let mut list = List::new("bl.others.example".parse().expect("a name"));
        list.delisting = Some("https://bl.others.example/?q={target}".to_owned());
        list.meanings = vec![("127.0.0.2".parse().expect("codes"), "sends spam".to_owned())];
        ListAt { list, servers: vec![self.address] }
    }
}

/// Answers queries for A and TXT.
fn serve(socket: &UdpSocket, asked: &AtomicUsize, gate: Option<&Barrier>) {
    let mut packet = [0; 512];
    while let Ok((len, from)) = socket.recv_from(&mut packet) {
        let query = &packet[..len];
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
        let name = Name::from_wire(&query[12..end]).expect("a name").to_string();
        let rtype = query[end + 1];
        let data: Option<Vec<u8>> = match (&*name, rtype) {
            ("8.8.8.8.bl.others.example", 1) => {
                asked.fetch_add(1, Ordering::SeqCst);
                if let Some(gate) = gate {
                    gate.wait();
                }
                Some(vec![127, 0, 0, 2])
            }
            ("2.0.0.127.bl.others.example", 1) => Some(vec![127, 0, 0, 2]),
            ("8.8.8.8.bl.others.example", 16) => Some(b"\x0bsends <spam".to_vec()),
            _ => None,
        };
        let mut out = query[..end + 4].to_vec();
        (out[2], out[3]) = (0x84, if data.is_some() { 0 } else { 3 });
        out[6..12].fill(0);
        if let Some(data) = data {
            out[7] = 1;
            out.extend_from_slice(&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 60]);
            out.extend_from_slice(&[0, data.len() as u8]);
            out.extend_from_slice(&data);
        }
        socket.send_to(&out, from).expect("it is sent");
    }
}

/// A target.
fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

#[tokio::test]
async fn a_listing_elsewhere_says_why_and_how_to_get_out() {
    let other = Other::start(None);
    let dead = ListAt { servers: vec![([127, 0, 0, 1], 9).into()], ..other.list() };
    let mut dead = dead;
    dead.list.zone = "dead.example".parse().expect("a name");
    let elsewhere = Elsewhere::new(vec![other.list(), dead], Vec::new());
    let report = elsewhere.ask(&target("8.8.8.8")).await.expect("it is asked");
    let [listed, silent] = &report.opinions[..] else { panic!("{report:?}") };
    let code = (ReturnCode::LISTED, Some("sends spam".to_owned()));
    assert_eq!(listed.says, Says::Listed(vec![code], vec!["sends <spam".to_owned()]));
    assert_eq!(listed.way_out.as_deref(), Some("https://bl.others.example/?q=8.8.8.8"));
    assert!(matches!(silent.says, Says::Unknown(_)), "{silent:?}");
    assert_eq!(report.listed(Polarity::Block).count(), 1);
    let clean = elsewhere.ask(&target("8.8.4.4")).await.expect("it is asked");
    assert_eq!(clean.opinions[0].says, Says::NotListed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_asked_about_once_however_many_wait_and_then_kept() {
    let gate = Arc::new(Barrier::new(2));
    let other = Other::start(Some(Arc::clone(&gate)));
    let elsewhere = Elsewhere::new(vec![other.list()], Vec::new());
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let elsewhere = elsewhere.clone();
            tokio::spawn(async move { elsewhere.ask(&target("8.8.8.8")).await })
        })
        .collect();
    // One who does not wait any longer stops nothing for the others.
    waiting[0].abort();
    assert_eq!(elsewhere.kept(&target("8.8.8.8")), None, "the list has not answered yet");
    tokio::task::spawn_blocking(move || gate.wait()).await.expect("the list was asked");
    for one in waiting.into_iter().skip(1) {
        let report = one.await.expect("it ends").expect("it is asked");
        assert!(report.opinions[0].is_listed());
    }
    assert!(elsewhere.kept(&target("8.8.8.8")).is_some());
    elsewhere.ask(&target("8.8.8.8")).await.expect("it is kept");
    assert_eq!(other.asked.load(Ordering::SeqCst), 1);
    let private = elsewhere.ask(&target("10.0.0.1")).await;
    assert_eq!(private.expect_err("it is refused"), Refusal::Reserved("private use"));
}

#[tokio::test]
async fn the_addresses_of_a_request_are_checked_in_one_inquiry() {
    let other = Other::start(None);
    let elsewhere = Elsewhere::new(vec![other.list()], Vec::new());
    let add = |network: &str| Item::Add {
        network: network.parse().expect("a network"),
        code: ReturnCode::LISTED,
    };
    let items = [add("8.8.8.8/31"), add("10.0.0.0/30")];
    let found = gather(&elsewhere, &items).await;
    let outcomes: Vec<_> = found.iter().map(|one| (&*one.about, one.outcome)).collect();
    assert_eq!(outcomes, [("8.8.8.8", Outcome::Warn), ("8.8.8.9", Outcome::Pass)]);
    assert!(found[0].mend.contains("https://bl.others.example/?q=8.8.8.8"), "{found:?}");
    assert_eq!(gather(&elsewhere, &[Item::Name("Ours".to_owned())]).await, []);
}
