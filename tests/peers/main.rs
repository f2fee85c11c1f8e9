//! The program seen by the software that people run: Unbound, Postfix, Exim, SpamAssassin, rspamd, dig, certbot, lego,
//! proxies, a browser.
//!
//! Every test is alone on a private network ([`network`]): real programs on their real ports, with
//! addresses from the documentation ranges as mail clients. The lists are small text files, since
//! what is proved here is that our answers mean to others what we mean.
//!
//! A program that is missing fails its test. Only `REPUTE_NO_PEERS` in the environment skips them,
//! and `./test` installs what they need.

mod acme;
mod audit;
mod catalogs;
mod challenge;
#[path = "../serve/challenge_api.rs"]
mod challenge_api;
mod check;
mod check_rbl;
#[path = "../check_rbl/cases.rs"]
mod check_rbl_cases;
#[path = "../check_rbl/lists.rs"]
#[expect(dead_code, reason = "shared with the tests without peers, which need more of it")]
mod check_rbl_lists;
mod daemon;
mod dig;
#[path = "../serve/dns.rs"]
#[expect(dead_code, reason = "shared with tests that ask more by it")]
mod dns;
mod dns_over_tls;
mod doctor;
mod exports;
mod import;
mod letters;
mod lines;
mod list_server;
mod lists_by_transfer;
mod manual;
mod monitor;
mod monitoring;
mod my_mail;
mod name_servers;
mod network;
#[path = "../serve/pages.rs"]
#[expect(dead_code, reason = "shared with walks, which need more of it")]
mod pages;
mod pebble;
mod postfix;
mod probe;
mod proxies;
mod readme;
mod secondaries;
mod secondary;
mod smtp;
mod spamassassin;
mod status_page;
mod systemd;
mod unbound;
mod zones;
