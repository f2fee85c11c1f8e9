//! No file of observations and no mailbox makes its reader panic, nor take what evidence does not hold.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_database::Timestamp;
use repute_registry::evidence::batch::{self, Unwritten};
use repute_registry::evidence::is_word;
use repute_registry::evidence::mailbox::Messages;

/// Files to begin with.
const FILES: [&[u8]; 3] = [
    b"target,class,seen,count,trap,detail\n9.0.0.1,spam,2023-11-14T22:13:20Z,3,t@x.example,\"a, b\"\nbad.example\n",
    b"{\"target\": \"9.0.0.1\", \"seen\": 1700000000, \"count\": 2}\n[{\"target\": \"2a00::1\"}]\n",
    b"From a@x Thu Jan  1 00:00:00 2026\nSubject: 1\n\nbody\n\nFrom b@x Thu Jan  1 00:00:00 2026\nSubject: 2\n\n.\n",
];

#[test]
fn fuzz_evidence() {
    let unwritten = Unwritten { class: "spam", now: Timestamp(2_000_000_000_000_000) };
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let file = mutate(FILES[usize::from(*which) % FILES.len()], mutations);
            let batch = batch::read(&file[..], &unwritten).expect("it is in memory");
            for seen in &batch.sightings {
                assert!(is_word(&seen.class) && seen.count > 0 && seen.seen.0 >= 0, "{seen:?}");
            }
            let messages: Vec<_> = Messages::new(&file[..]).collect();
            let read: usize = messages.iter().flatten().map(Vec::len).sum();
            assert!(read <= file.len());
        },
    );
}
