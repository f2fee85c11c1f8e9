//! No `config.cfg` makes its reader panic, and each that is refused names a key or a line.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_challenge::{AcmeDnsConfig, ConfigError};

/// A file to begin with.
const FILE: &str = "[general]\nlisten = \"127.0.0.1:53\"\nprotocol = \"both4\"\ndomain = \"auth.example.org\"\n\
    nsname = \"auth.example.org\"\nnsadmin = \"admin.example.org\"\nrecords = [\"auth.example.org. A 192.0.2.1\"]\n\
    debug = false\n[database]\nengine = \"sqlite3\"\nconnection = \"acme-dns.db\"\n[api]\nip = \"[::1]\"\nport = \"443\"\n\
    tls = \"cert\"\ntls_cert_privkey = \"k\"\ntls_cert_fullchain = \"c\"\ncorsorigins = [\"*\"]\nuse_header = true\n\
    header_name = \"X-Real-Ip\"\nhsts_enabled = true\nhsts_max_age = 1\n[logconfig]\nloglevel = \"info\"\n";

#[test]
fn fuzz_config() {
    assert!(AcmeDnsConfig::parse(FILE).is_ok());
    bolero::check!().with_type::<Vec<Mutation>>().with_test_time(time()).for_each(
        |mutations: &Vec<Mutation>| {
            let text = mutate(FILE.as_bytes(), mutations);
            match AcmeDnsConfig::parse(&String::from_utf8_lossy(&text)) {
                Ok((config, _)) => assert!(!config.dns.is_empty() && !config.api.is_empty()),
                Err(ConfigError::Syntax(text)) => assert!(text.contains("line"), "{text}"),
                Err(ConfigError::Keys(faults)) => {
                    assert!(
                        !faults.is_empty() && faults.iter().all(|fault| fault.key.contains('.'))
                    );
                }
            }
        },
    );
}
