//! No pasted text makes us panic, wait for ever or take more than a request holds; what is read is read again.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_registry::request::paste::{MOST, paste};

/// Texts to begin with.
const TEXTS: [&[u8]; 3] = [
    b"192.0.2.1\n2001:db8::/32, 192.0.2.0/24 # ours\n- [2001:db8::1] mail.example.org\n",
    b"192.0.2.1 - 192.0.2.200; \n0.0.0.0-255.255.255.255\n::1-ffff::\n192.0.2.8-15",
    b"\"192.0.2.1\" <192.0.2.2> \xe2\x80\x93 (192.0.2.3)\r\n192.0.2.1/33\n",
];

#[test]
fn fuzz_paste() {
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let bytes = mutate(TEXTS[usize::from(*which) % TEXTS.len()], mutations);
            let pasted = paste(&String::from_utf8_lossy(&bytes));
            assert!(pasted.networks.len() <= MOST && pasted.faults.len() <= MOST + 1);
            for fault in &pasted.faults {
                assert!(!fault.text.chars().any(char::is_control), "{fault}");
            }
            let again: String = pasted.networks.iter().map(|one| format!("{one}\n")).collect();
            assert_eq!(paste(&again).networks, pasted.networks);
        },
    );
}
