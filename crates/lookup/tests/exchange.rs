//! Queries over a network that loses, delays, repeats and forges packets. Time is simulated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use repute_lookup::exchange::{Answer, Exchange, Limits, Room, SocketId};
use repute_lookup::message::{Manner, Question};

/// How the network treats packets.
struct Weather {
    /// The share that is lost, each way.
    loss: f64,
    /// The longest way of a packet.
    delay: Duration,
    /// The share of answers before which a forged one comes.
    forged: f64,
    /// Whether the server keeps the case of letters.
    keeps_case: bool,
}

const FAIR: Weather =
    Weather { loss: 0.0, delay: Duration::from_millis(40), forged: 0.0, keeps_case: true };

/// The question of a number: `n<number>.bl.example`.
fn question(number: u32) -> Question {
    Question::new(&format!("n{number}.bl.example").parse().expect("a name"), 1)
}

/// What the server answers to a query: one address, made of the number in its name.
fn answer(query: &[u8], keeps_case: bool) -> Vec<u8> {
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    let digits = &query[14..13 + usize::from(query[12])];
    let number: u32 = std::str::from_utf8(digits).expect("digits").parse().expect("a number");
    let mut reply = query[..end + 5].to_vec();
    if !keeps_case {
        reply[12..end].make_ascii_lowercase();
    }
    (reply[2], reply[3]) = (0x84, 0);
    reply[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    reply.extend_from_slice(&(0x7f00_0000 | number).to_be_bytes());
    reply
}

/// Asks so many questions; returns the answers by number, how many packets were sent, and how long it took.
fn run(questions: u32, weather: &Weather, seed: u64) -> (Vec<Answer>, u64, Duration) {
    run_within(Limits::default(), questions, weather, seed)
}

/// The same within other limits.
fn run_within(
    limits: Limits,
    questions: u32,
    weather: &Weather,
    seed: u64,
) -> (Vec<Answer>, u64, Duration) {
    let mut random = StdRng::seed_from_u64(seed);
    let start = Instant::now();
    let mut now = start;
    let mut exchange = Exchange::new(limits);
    let manner = Manner { recursion: true, edns: None, mixed_case: true };
    let server = exchange.add_server(manner, 4);
    // Packets on their way, by arrival.
    let mut network: BinaryHeap<Reverse<Arrival>> = BinaryHeap::new();
    let (mut asked, mut sent) = (0, 0);
    let mut answers = vec![None; questions as usize];
    loop {
        let mut later = None;
        while asked < questions {
            match exchange.room(server, now) {
                Room::Now => {}
                Room::Later(moment) => {
                    later = Some(moment);
                    break;
                }
                Room::Full => break,
            }
            exchange.ask(server, question(asked), asked, now);
            asked += 1;
        }
        while let Some(datagram) = exchange.next_datagram(now) {
            sent += 1;
            let way = |random: &mut StdRng| {
                let delay = weather.delay.mul_f64(random.random_range(0.5..=1.0));
                (!random.random_bool(weather.loss)).then_some(delay)
            };
            let (socket, reply) = (datagram.socket, answer(datagram.bytes, weather.keeps_case));
            if random.random_bool(weather.forged) {
                let mut forged = reply.clone();
                let place = random.random_range(0..2);
                forged[place] ^= 1 << random.random_range(0..8);
                *forged.last_mut().expect("an address") ^= 0xff;
                network.push(Reverse((now, sent, SocketId2::of(socket), forged)));
            }
            if let (Some(there), Some(back)) = (way(&mut random), way(&mut random)) {
                network.push(Reverse((now + there + back, sent, SocketId2::of(socket), reply)));
            }
        }
        while let Some((number, answer)) = exchange.next_answer() {
            assert!(answers[number as usize].replace(answer).is_none(), "{number} twice");
        }
        if exchange.is_empty() && asked == questions {
            break;
        }
        let arrival = network.peek().map(|Reverse((at, ..))| *at);
        let due = exchange.next_due();
        now = arrival.into_iter().chain(due).chain(later).min().expect("something comes").max(now);
        while let Some(Reverse((at, ..))) = network.peek()
            && *at <= now
        {
            let Some(Reverse((_, _, socket, packet))) = network.pop() else { break };
            exchange.receive(socket.id(), &packet, now);
        }
        exchange.tick(now);
    }
    (answers.into_iter().flatten().collect(), sent, now - start)
}

/// A packet on its way: when it arrives, which one it is, where it goes.
type Arrival = (Instant, u64, SocketId2, Vec<u8>);

/// A socket's id that can be ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SocketId2(usize, usize);

impl SocketId2 {
    fn of(id: SocketId) -> SocketId2 {
        SocketId2(id.server, id.socket)
    }

    fn id(self) -> SocketId {
        SocketId { server: self.0, socket: self.1 }
    }
}

/// How many were not answered; every answer must be that to its own question.
fn unanswered(answers: &[Answer]) -> usize {
    let mut silent = 0;
    for (number, answer) in answers.iter().enumerate() {
        match answer {
            Answer::Reply(reply) => {
                let address = std::net::Ipv4Addr::from(0x7f00_0000 | number as u32);
                assert_eq!(reply.addresses().collect::<Vec<_>>(), [address], "of {number}");
            }
            Answer::TimedOut => silent += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    silent
}

#[test]
fn over_a_good_network_each_question_is_sent_once() {
    let (answers, sent, took) = run(5000, &FAIR, 1);
    assert_eq!((unanswered(&answers), sent), (0, 5000));
    assert!(took < Duration::from_secs(2), "{took:?} of simulated time");
}

#[test]
fn of_a_hundred_thousand_questions_over_a_lossy_network_fewer_than_one_is_lost() {
    let weather = Weather { loss: 0.05, ..FAIR };
    let (answers, sent, _) = run(100_000, &weather, 2);
    assert_eq!(unanswered(&answers), 0);
    assert!(sent < 130_000, "{sent} packets: a lost one is sent again, and no other");
}

#[test]
fn a_dead_server_is_asked_eight_times_and_no_longer_than_the_time_out() {
    let weather = Weather { loss: 1.0, ..FAIR };
    let (answers, sent, took) = run(10, &weather, 3);
    assert_eq!((unanswered(&answers), sent, took), (10, 80, Duration::from_secs(2)));
}

#[test]
fn who_wants_fewer_sends_waits_as_long() {
    let weather = Weather { loss: 1.0, ..FAIR };
    for sends in [1, 2, 5] {
        let limits = Limits { sends, ..Limits::default() };
        let (answers, sent, took) = run_within(limits, 10, &weather, 3);
        let expected = (10, 10 * sends as u64, Duration::from_secs(2));
        assert_eq!((unanswered(&answers), sent, took), expected);
    }
    let slow = Weather { delay: Duration::from_millis(900), ..FAIR };
    let limits = Limits { sends: 1, ..Limits::default() };
    assert_eq!(unanswered(&run_within(limits, 10, &slow, 3).0), 0, "late answers are heard");
}

#[test]
fn forged_packets_are_not_believed() {
    let weather = Weather { forged: 1.0, loss: 0.02, ..FAIR };
    let (answers, ..) = run(5000, &weather, 4);
    assert_eq!(unanswered(&answers), 0);
}

#[test]
fn a_server_that_does_not_keep_the_case_is_understood_all_the_same() {
    let weather = Weather { keeps_case: false, ..FAIR };
    let (answers, sent, _) = run(1000, &weather, 5);
    assert_eq!(unanswered(&answers), 0);
    assert!(sent < 1600, "{sent}: only those on the way when that was seen are sent again");
}

#[test]
fn a_server_that_is_not_there_ends_all_its_questions_at_once() {
    let now = Instant::now();
    let mut exchange = Exchange::new(Limits::default());
    let manner = Manner { recursion: true, edns: None, mixed_case: true };
    let (gone, there) = (exchange.add_server(manner, 1), exchange.add_server(manner, 1));
    (0..5).for_each(|number| exchange.ask(gone, question(number), number, now));
    exchange.ask(there, question(9), 9, now);
    while exchange.next_datagram(now).is_some() {}
    exchange.refuse(gone, now);
    assert_eq!(exchange.next_answer(), None, "one refusal may be of another packet");
    exchange.refuse(gone, now);
    let ended: Vec<_> = std::iter::from_fn(|| exchange.next_answer()).collect();
    assert_eq!(ended.len(), 5);
    assert!(ended.iter().all(|(_, answer)| *answer == Answer::Unreachable));
    assert_eq!(exchange.len(), 1);
}

#[test]
fn what_is_cut_is_asked_again_by_tcp() {
    let now = Instant::now();
    let mut exchange = Exchange::new(Limits::default());
    let manner = Manner { recursion: true, edns: None, mixed_case: true };
    let server = exchange.add_server(manner, 1);
    exchange.ask(server, question(7), "seven", now);
    let datagram = exchange.next_datagram(now).expect("a packet");
    let (socket, mut cut) = (datagram.socket, answer(datagram.bytes, true));
    cut[2] |= 2;
    exchange.receive(socket, &cut, now);
    assert_eq!(exchange.next_answer(), None);
    let again = exchange.next_over_tcp().expect("it is asked by TCP");
    let reply = answer(&again.bytes, true);
    exchange.receive_tcp(again.ticket, Some(&reply), now);
    let (tag, answer) = exchange.next_answer().expect("an answer");
    assert_eq!(tag, "seven");
    assert!(matches!(answer, Answer::Reply(reply) if reply.addresses().count() == 1));
}

#[test]
fn a_server_that_has_not_answered_yet_is_not_asked_more_than_its_socket_holds() {
    let mut exchange = Exchange::new(Limits::default());
    let manner = Manner { recursion: true, edns: None, mixed_case: false };
    let server = exchange.add_server(manner, 4);
    let start = Instant::now();
    // Asks what there is room for; how much that was, the last packet, and when there is room again.
    let ask = |exchange: &mut Exchange<u32>, now: Instant| {
        let mut asked = 0;
        let then = loop {
            match exchange.room(server, now) {
                Room::Now => exchange.ask(server, question(asked), asked, now),
                other => break other,
            }
            asked += 1;
        };
        let mut last = None;
        while let Some(datagram) = exchange.next_datagram(now) {
            last = Some((datagram.socket, answer(datagram.bytes, true)));
        }
        (asked, last, then)
    };
    let later = |milliseconds| start + Duration::from_millis(milliseconds);
    let (asked, last, then) = ask(&mut exchange, start);
    assert_eq!((asked, then), (128, Room::Later(later(1))));
    // A reply makes room for itself, and for one more as the server is there.
    let (socket, reply) = last.expect("something was sent");
    exchange.receive(socket, &reply, start);
    let (asked, _, then) = ask(&mut exchange, start);
    assert_eq!((asked, then), (2, Room::Later(later(1))));
    assert_eq!(ask(&mut exchange, later(1)).0, 128);
    // In the end it has all that the windows of four sockets let through.
    assert_eq!(ask(&mut exchange, later(2)).0 + ask(&mut exchange, later(9)).0, 512 - 257);
    assert_eq!(exchange.room(server, later(9)), Room::Full);
}
