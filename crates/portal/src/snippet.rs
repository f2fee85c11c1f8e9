//! Lines for the configurations of mail servers: what they need to ask a list, and to take only its codes for listings.
//!
//! A list may answer with codes that are no listings, to say that it does not answer somebody any more: so the codes
//! are always named. `tests/peers/lines.rs` gives these lines, as the page shows them, to the programs themselves.

use std::collections::BTreeSet;

use repute_dnsxl::{Polarity, ReturnCode};

/// Lines for a program's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// Which program's.
    pub(crate) program: &'static str,
    /// Where they belong.
    pub(crate) place: &'static str,
    /// The lines.
    pub(crate) lines: String,
}

/// What a list is to a mail server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Where it is asked.
    pub(crate) apex: &'a str,
    /// What being listed means.
    pub(crate) polarity: Polarity,
    /// Whether addresses are looked up in it; else names are.
    pub(crate) of_addresses: bool,
    /// The codes that it gives.
    pub(crate) codes: &'a [ReturnCode],
}

/// What mail servers need to ask a list.
pub(crate) fn snippets(list: &Asked<'_>) -> Vec<Snippet> {
    let mut codes: Vec<ReturnCode> = list.codes.to_vec();
    if list.polarity == Polarity::Allow {
        // 127.0.category.0 is the score of those who are only known: no reason to let anything pass.
        codes.retain(|code| code.0.octets()[3] != 0);
    }
    if codes.is_empty() {
        codes.push(ReturnCode::LISTED);
    }
    let all = [
        postfix(list, &codes),
        Some(spamassassin(list, &codes)),
        Some(rspamd(list, &codes)),
        Some(rspamd_weights(list, &codes)),
        exim(list, &codes),
    ];
    all.into_iter().flatten().collect()
}

/// Postfix, which rejects or accepts: facts are nothing for it, and a sender's name that anybody may write is no reason
/// to accept.
fn postfix(list: &Asked<'_>, codes: &[ReturnCode]) -> Option<Snippet> {
    let restriction = match (list.polarity, list.of_addresses) {
        (Polarity::Block, true) => "reject_rbl_client",
        (Polarity::Block, false) => "reject_rhsbl_sender",
        (Polarity::Allow, true) => "permit_dnswl_client",
        (Polarity::Allow, false) | (Polarity::Info, _) => return None,
    };
    let octets = octets(codes).map(|octet| match spans(&octet)[..] {
        [(only, last)] if only == last => only.to_string(),
        ref spans => {
            let span = |(first, last): &(u8, u8)| match first == last {
                true => first.to_string(),
                false => format!("{first}..{last}"),
            };
            format!("[{}]", spans.iter().map(span).collect::<Vec<_>>().join(";"))
        }
    });
    let lines = format!(
        "smtpd_recipient_restrictions =\n    permit_mynetworks\n    reject_unauth_destination\n    {restriction} {}={}",
        list.apex,
        octets.join(".")
    );
    Some(Snippet { program: "Postfix", place: "main.cf", lines })
}

/// SpamAssassin.
fn spamassassin(list: &Asked<'_>, codes: &[ReturnCode]) -> Snippet {
    let (apex, symbol) = (list.apex, symbol(list));
    let (words, score, nice, relay) = match list.polarity {
        Polarity::Block => ("is listed", "2.0", "", "lastexternal"),
        Polarity::Allow => ("is known to be good", "-2.0", " nice", "firsttrusted"),
        Polarity::Info => ("is described", "0.01", "", "lastexternal"),
    };
    let rule = match list.of_addresses {
        true => {
            let octets = octets(codes).map(|octet| match octet.len() {
                1 => octet.iter().map(u8::to_string).collect(),
                _ => {
                    format!("(?:{})", octet.iter().map(u8::to_string).collect::<Vec<_>>().join("|"))
                }
            });
            format!(
                "header   RCVD_{symbol} eval:check_rbl('{symbol}-{relay}', '{apex}.', '^{}$')",
                octets.join("\\.")
            )
        }
        false => {
            let (first, last) = (codes.iter().min(), codes.iter().max());
            let (first, last) = (first.copied(), last.copied());
            let span = format!(
                "{}-{}",
                first.unwrap_or(ReturnCode::LISTED),
                last.unwrap_or(ReturnCode::LISTED)
            );
            format!(
                "urirhssub RCVD_{symbol} {apex}. A {span}\nbody     RCVD_{symbol} eval:check_uridnsbl('RCVD_{symbol}')"
            )
        }
    };
    let lines = format!(
        "{rule}\ndescribe RCVD_{symbol} {words} at {apex}\nscore    RCVD_{symbol} {score}\ntflags   RCVD_{symbol} net{nice}"
    );
    Snippet { program: "SpamAssassin", place: "local.cf", lines }
}

/// rspamd: a symbol for each code, or for each last octet where codes hold a category.
fn rspamd(list: &Asked<'_>, codes: &[ReturnCode]) -> Snippet {
    let (apex, symbol) = (list.apex, symbol(list));
    let what = match list.of_addresses {
        true => "    checks = [\"from\"];",
        false => "    checks = [\"urls\", \"emails\"];\n    emails_domainonly = true;",
    };
    let [first, second, third, last] = octets(codes);
    let fixed = |octet: &BTreeSet<u8>| match octet.first() {
        Some(only) if octet.len() == 1 => only.to_string(),
        _ => "%d+".to_owned(),
    };
    let (first, second, third) = (fixed(&first), fixed(&second), fixed(&third));
    let named = last
        .iter()
        .map(|last| format!("      {symbol}_{last} = \"{first}.{second}.{third}.{last}\";\n"));
    let named: String = named.collect();
    let lines = format!(
        "rbls {{\n  \"{apex}\" {{\n    symbol = \"{symbol}\";\n    rbl = \"{apex}\";\n{what}\n    returncodes {{\n{named}    }}\n  }}\n}}"
    );
    Snippet { program: "rspamd", place: "local.d/rbl.conf", lines }
}

/// The weights of rspamd's symbols: without them they weigh nothing.
fn rspamd_weights(list: &Asked<'_>, codes: &[ReturnCode]) -> Snippet {
    let symbol = symbol(list);
    let weight = match list.polarity {
        Polarity::Block => "2.0",
        Polarity::Allow => "-1.0",
        Polarity::Info => "0.0",
    };
    let [.., last] = octets(codes);
    let named = last.iter().map(|last| format!("  \"{symbol}_{last}\" {{ weight = {weight}; }}\n"));
    let lines = format!("symbols {{\n{}}}", named.collect::<String>());
    Snippet { program: "rspamd", place: "local.d/rbl_group.conf", lines }
}

/// Exim. What accepts says for whom it does: a rule without that would open the relay to everybody who is listed.
fn exim(list: &Asked<'_>, codes: &[ReturnCode]) -> Option<Snippet> {
    let apex = list.apex;
    let named: Vec<String> = codes.iter().map(ReturnCode::to_string).collect();
    // Blanks at the start of a continued line are left out.
    let codes =
        named.chunks(6).map(|some| some.join(",")).collect::<Vec<_>>().join(",\\\n             ");
    let lines = match (list.polarity, list.of_addresses) {
        (Polarity::Block, true) => format!(
            "deny    dnslists = {apex}={codes}\n        message  = $sender_host_address is listed at $dnslist_domain: $dnslist_text"
        ),
        (Polarity::Block, false) => format!(
            "deny   !senders  = :\n        dnslists = {apex}={codes}/$sender_address_domain\n        message  = $sender_address_domain is listed at $dnslist_domain: $dnslist_text"
        ),
        (Polarity::Allow, true) => format!(
            "accept  domains  = +local_domains : +relay_to_domains\n        verify   = recipient\n        dnslists = {apex}={codes}"
        ),
        (Polarity::Info, true) => format!(
            "warn    dnslists = {apex}={codes}\n        add_header = X-DNS-List: $dnslist_domain $dnslist_value"
        ),
        (Polarity::Allow | Polarity::Info, false) => return None,
    };
    let place = match list.polarity {
        Polarity::Allow => "the RCPT access list, before block lists",
        Polarity::Block | Polarity::Info => "the RCPT access list",
    };
    Some(Snippet { program: "Exim", place, lines })
}

/// The name of a list as programs write names: letters and digits.
fn symbol(list: &Asked<'_>) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    list.apex.chars().map(letter).collect()
}

/// The values that each octet of the codes has.
fn octets(codes: &[ReturnCode]) -> [BTreeSet<u8>; 4] {
    [0, 1, 2, 3].map(|place| codes.iter().map(|code| code.0.octets()[place]).collect())
}

/// Values as spans of those that follow each other.
fn spans(values: &BTreeSet<u8>) -> Vec<(u8, u8)> {
    let mut spans: Vec<(u8, u8)> = Vec::new();
    for value in values {
        match spans.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*value) => *last = *value,
            Some(_) | None => spans.push((*value, *value)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines for a program.
    fn lines(program: &str, polarity: Polarity, of_addresses: bool, codes: &[&str]) -> String {
        let codes: Vec<ReturnCode> =
            codes.iter().map(|code| code.parse().expect("a code")).collect();
        let list = Asked { apex: "l.example", polarity, of_addresses, codes: &codes };
        let found = snippets(&list).into_iter().find(|snippet| snippet.program == program);
        found.map_or_else(String::new, |snippet| snippet.lines)
    }

    #[test]
    fn only_codes_of_the_list_are_taken_for_listings() {
        use Polarity::{Allow, Block};
        let block = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9"];
        let postfix = lines("Postfix", Block, true, &block);
        assert!(postfix.ends_with("reject_rbl_client l.example=127.0.0.[2..4;9]"), "{postfix}");
        assert!(lines("SpamAssassin", Block, true, &block).contains(r"'^127\.0\.0\.(?:2|3|4|9)$'"));
        assert!(
            lines("Exim", Block, true, &block)
                .contains("=127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.9\n")
        );
        assert!(lines("rspamd", Block, true, &block).contains("L_EXAMPLE_9 = \"127.0.0.9\";"));
        let allow = ["127.0.2.0", "127.0.2.1", "127.0.5.0", "127.0.5.1"];
        let postfix = lines("Postfix", Allow, true, &allow);
        assert!(postfix.ends_with("permit_dnswl_client l.example=127.0.[2;5].1"), "{postfix}");
        assert!(lines("rspamd", Allow, true, &allow).contains("L_EXAMPLE_1 = \"127.0.%d+.1\";"));
        assert!(lines("Postfix", Block, true, &[]).ends_with("=127.0.0.2"));
    }

    #[test]
    fn what_is_good_or_only_known_is_never_denied_and_opens_no_relay() {
        use Polarity::{Allow, Info};
        let exim = lines("Exim", Allow, true, &["127.0.2.1"]);
        assert!(exim.starts_with("accept  domains  = +local_domains"), "{exim}");
        assert_eq!(lines("Exim", Allow, false, &[]), "");
        assert_eq!(lines("Exim", Info, false, &[]), "");
        assert!(lines("Exim", Info, true, &[]).starts_with("warn "));
        for (polarity, of_addresses) in [(Allow, false), (Info, true), (Info, false)] {
            assert_eq!(lines("Postfix", polarity, of_addresses, &[]), "", "{polarity:?}");
        }
    }
}
