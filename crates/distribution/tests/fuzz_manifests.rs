//! No manifest, however wrong, makes us panic: not those that nobody signed, nor those that our own key did.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_distribution::{Item, Keys, Manifest, Origin, split};

#[test]
fn fuzz_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(folder.path()).unwrap();
    let item = |from, to| Item::of(from, to, b"bytes");
    let manifest = Manifest {
        origin: Origin { id: 3, apex: "bl.example".parse().unwrap() },
        serial: 17,
        made: 1_000,
        expires: 4_600,
        approved: 12,
        content: 0x5f2e,
        whole: item(0, 15),
        deltas: vec![item(14, 15), item(15, 17)],
    };
    let text = manifest.sign(&keys);
    let body = text.split_once("signature").unwrap().0;
    bolero::check!().with_type::<(bool, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(is_signed, mutations): &(bool, Vec<Mutation>)| {
            let mutated = |text: &str| {
                String::from_utf8_lossy(&mutate(text.as_bytes(), mutations)).into_owned()
            };
            let text = match is_signed {
                // By whoever has the key: what is behind the signature is looked at too.
                true => keys.seal(&mutated(body)),
                false => mutated(&text),
            };
            for text in split(&text) {
                let Ok(manifest) = Manifest::open(text, &keys.public()) else { continue };
                let again = Manifest::open(&manifest.sign(&keys), &keys.public());
                assert_eq!(again.as_ref(), Ok(&manifest));
                assert!(manifest.way(manifest.whole.to).is_some());
            }
        },
    );
}
