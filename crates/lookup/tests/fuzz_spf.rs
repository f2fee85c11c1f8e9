//! No SPF record, however broken or however it leads on, makes the search panic or go on for ever.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_lookup::exchange::Answer;
use repute_lookup::message::{Data, Reply};
use repute_lookup::my_mail::Search;

const RECORDS: [&str; 4] = [
    "v=spf1 +mx a:x.example/24//64 ip4:192.0.2.0/28 ip6:2001:db8::/32 include:_spf.mail.example ~all",
    "v=spf1 include:y.example redirect=z.example",
    "v=spf1 exists:%{i}.x.example ptr:x.example ?a -mx:b.example exp=w.example",
    "v=spf1 ip4:192.0.2.1 include:mail.example include:%{d}.example a//0 mx/0",
];

#[test]
fn fuzz_spf() {
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let valid = RECORDS[usize::from(*which) % RECORDS.len()];
            let text = mutate(valid.as_bytes(), mutations);
            let text = String::from_utf8_lossy(&text).into_owned();
            let host = || "mx.mail.example".parse().expect("a name");
            // Whatever is asked, all records are the answer: each domain includes what it includes.
            let records = vec![
                Data::Text(text.clone()),
                Data::Mx { preference: 10, host: host() },
                Data::Address([192, 0, 2, 25].into()),
            ];
            let reply = Answer::Reply(Reply { records, ..Reply::default() });
            let mut search = Search::new("mail.example".parse().expect("a name"));
            for round in 0.. {
                let questions = search.questions();
                if questions.is_empty() {
                    break;
                }
                assert!(round < 500, "it ends: {text}");
                search.hear(&vec![reply.clone(); questions.len()]);
            }
            let mail = search.end();
            assert!(!mail.found.is_empty(), "the mail server is found: {text}");
            assert!(mail.notes.iter().all(|note| !note.to_string().is_empty()));
        },
    );
}
