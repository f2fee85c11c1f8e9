//! The rules: what a list and its servers must or should do, who says so, and what mends it.
//!
//! The manual's table is held against this one by a test.

use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "what a rule says stands once, in `Rule::facts`")]
pub enum Rule {
    TestIpv4,
    NeverIpv4,
    TestIpv6,
    NeverIpv6,
    TestName,
    NeverName,
    Codes,
    Wildcard,
    World,
    Text,
    ListingTtl,
    Subdomain,
    EmptyNonTerminal,
    BelowDenied,
    OtherTypes,
    LetterCase,
    DenialSoa,
    NegativeTtl,
    Soa,
    SoaNames,
    SoaSerial,
    SoaTimers,
    NsRecords,
    Delegation,
    TwoServers,
    TwoNetworks,
    Ipv4,
    Ipv6,
    SerialsInStep,
    SameAnswers,
    Answers,
    Authoritative,
    Tcp,
    Recursion,
    UnknownType,
    HeaderBits,
    UnknownOpcode,
    Edns,
    EdnsVersion,
    EdnsOption,
    EdnsFlags,
    EdnsDo,
}

/// How much it matters that a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A list that breaks it cannot be believed.
    Vital,
    /// To break it is a fault.
    Must,
    /// It is advice.
    Should,
}

impl Severity {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Vital => "vital",
            Severity::Must => "must",
            Severity::Should => "should",
        }
    }
}

/// What is to be known of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its short name, for machines.
    pub id: &'static str,
    /// What it asks.
    pub title: &'static str,
    /// Who asks it.
    pub reference: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What to do where it is broken.
    pub remedy: &'static str,
}

impl Rule {
    /// All of them, in the order in which they are shown: the list, its names, its zone, its servers.
    pub const ALL: [Rule; 42] = [
        Rule::TestIpv4,
        Rule::NeverIpv4,
        Rule::TestIpv6,
        Rule::NeverIpv6,
        Rule::TestName,
        Rule::NeverName,
        Rule::Codes,
        Rule::Wildcard,
        Rule::World,
        Rule::Text,
        Rule::ListingTtl,
        Rule::Subdomain,
        Rule::EmptyNonTerminal,
        Rule::BelowDenied,
        Rule::OtherTypes,
        Rule::LetterCase,
        Rule::DenialSoa,
        Rule::NegativeTtl,
        Rule::Soa,
        Rule::SoaNames,
        Rule::SoaSerial,
        Rule::SoaTimers,
        Rule::NsRecords,
        Rule::Delegation,
        Rule::TwoServers,
        Rule::TwoNetworks,
        Rule::Ipv4,
        Rule::Ipv6,
        Rule::SerialsInStep,
        Rule::SameAnswers,
        Rule::Answers,
        Rule::Authoritative,
        Rule::Tcp,
        Rule::Recursion,
        Rule::UnknownType,
        Rule::HeaderBits,
        Rule::UnknownOpcode,
        Rule::Edns,
        Rule::EdnsVersion,
        Rule::EdnsOption,
        Rule::EdnsFlags,
        Rule::EdnsDo,
    ];

    /// What is to be known of it.
    pub const fn facts(self) -> Facts {
        use Severity::{Must, Should, Vital};
        let (id, severity, reference, title, remedy) = match self {
            Rule::TestIpv4 => (
                "test-ipv4",
                Vital,
                "RFC 5782 section 5",
                "127.0.0.2 is listed",
                "add an entry for 127.0.0.2: users switch off lists without it",
            ),
            Rule::NeverIpv4 => (
                "never-ipv4",
                Vital,
                "RFC 5782 section 5",
                "127.0.0.1 is not listed",
                "take 127.0.0.1 off the list, and what lists everything",
            ),
            Rule::TestIpv6 => (
                "test-ipv6",
                Must,
                "RFC 5782 section 5",
                "::ffff:127.0.0.2 is listed",
                "add an entry for ::ffff:127.0.0.2",
            ),
            Rule::NeverIpv6 => (
                "never-ipv6",
                Vital,
                "RFC 5782 section 5",
                "::ffff:127.0.0.1 is not listed",
                "take ::ffff:127.0.0.1 off the list, and what lists everything",
            ),
            Rule::TestName => (
                "test-name",
                Vital,
                "RFC 5782 section 5",
                "TEST is listed",
                "add an entry for the name test: users switch off lists without it",
            ),
            Rule::NeverName => (
                "never-name",
                Vital,
                "RFC 5782 section 5",
                "INVALID is not listed",
                "take the name invalid off the list, and what lists everything",
            ),
            Rule::Codes => (
                "codes",
                Vital,
                "RFC 5782 section 2.1",
                "listings answer in 127.0.0.0/8",
                "answer 127.0.0.2 or another code of that network: all else looks like a parked domain",
            ),
            Rule::Wildcard => (
                "wildcard",
                Vital,
                "RFC 6471 section 3.4",
                "a name invented just now is not listed",
                "remove the wildcard; a list that is given up is emptied, never filled",
            ),
            Rule::World => (
                "world",
                Vital,
                "RFC 6471 section 3.4",
                "addresses drawn at random are not all listed",
                "remove the entry for all addresses; a list that is given up is emptied, never filled",
            ),
            Rule::Text => (
                "text",
                Should,
                "RFC 5782 section 2.1",
                "listings say why, as TXT",
                "give every entry a text with the reason, best a link to a page about the address",
            ),
            Rule::ListingTtl => (
                "listing-ttl",
                Should,
                "RFC 5782 section 4",
                "listings may be cached, for a day at most",
                "choose a TTL that fits how often the list changes: some minutes to some hours",
            ),
            Rule::Subdomain => (
                "subdomain",
                Should,
                "RFC 6471 section 3.1",
                "the list has a subdomain to itself",
                "ask it below the operator's domain, as bl.example.org, not at the domain with its web site",
            ),
            Rule::EmptyNonTerminal => (
                "empty-non-terminal",
                Must,
                "RFC 8020 section 2",
                "names above a listing exist",
                "answer NOERROR for them: resolvers that minimise names (RFC 9156) miss listings otherwise",
            ),
            Rule::BelowDenied => (
                "below-denied",
                Must,
                "RFC 8020 section 2",
                "below a name that does not exist nothing does",
                "answer NXDOMAIN below it as well",
            ),
            Rule::OtherTypes => (
                "other-types",
                Must,
                "RFC 4074 section 4.2",
                "a listed name has no AAAA, and exists all the same",
                "answer NOERROR without records for types that an entry does not have",
            ),
            Rule::LetterCase => (
                "letter-case",
                Must,
                "RFC 4343 section 3",
                "letters of any case are the same, and the question is repeated as it was put",
                "copy the question into the answer byte by byte: resolvers check it against forgery",
            ),
            Rule::DenialSoa => (
                "denial-soa",
                Must,
                "RFC 2308 section 3",
                "denials carry the SOA record of the zone",
                "configure the SOA record: without it nobody may cache that an address is not listed",
            ),
            Rule::NegativeTtl => (
                "negative-ttl",
                Should,
                "RFC 2308 section 5",
                "denials may be cached, for a day at most",
                "choose a minimum in the SOA record as short as a new entry may wait: some minutes",
            ),
            Rule::Soa => (
                "soa",
                Must,
                "RFC 1034 section 4.2.1",
                "the zone has an SOA record",
                "configure the SOA record",
            ),
            Rule::SoaNames => (
                "soa-names",
                Should,
                "RFC 1035 section 3.3.13",
                "the SOA record names a primary server and a mailbox",
                "put the first server and a mailbox that is read into the SOA record",
            ),
            Rule::SoaSerial => (
                "soa-serial",
                Should,
                "RFC 1912 section 2.2",
                "the serial is set, and no date to come",
                "have the software count the serial, or write it as date and number of the day",
            ),
            Rule::SoaTimers => (
                "soa-timers",
                Should,
                "RFC 1912 section 2.2",
                "retry is no longer than refresh, and expire longer than both together",
                "choose refresh, retry and expire as 1h, 10m and 7d",
            ),
            Rule::NsRecords => (
                "ns-records",
                Must,
                "RFC 1034 section 4.2.1",
                "the zone names its servers",
                "configure NS records at the apex, those of the delegation",
            ),
            Rule::Delegation => (
                "delegation",
                Should,
                "RFC 1034 section 4.2.2",
                "the zone names the servers that it is delegated to",
                "make the NS records of the zone and of the zone above the same",
            ),
            Rule::TwoServers => (
                "two-servers",
                Should,
                "RFC 1034 section 4.1",
                "the zone has two servers at least",
                "add a second server: while the only one is down, mail waits for its time-outs",
            ),
            Rule::TwoNetworks => (
                "two-networks",
                Should,
                "RFC 2182 section 3.1",
                "the servers stand in two networks at least (IPv4 /24, IPv6 /48)",
                "put a server into another network, best at another place",
            ),
            Rule::Ipv4 => (
                "ipv4",
                Should,
                "RFC 3901 section 4",
                "a server answers by IPv4",
                "give one server an IPv4 address that answers",
            ),
            Rule::Ipv6 => (
                "ipv6",
                Should,
                "good practice",
                "a server answers by IPv6",
                "give one server an IPv6 address that answers: some resolvers have nothing else",
            ),
            Rule::SerialsInStep => (
                "serials-in-step",
                Should,
                "RFC 1034 section 4.3.5",
                "all servers have the same serial",
                "find out why the server that lags does not get the list, or later than the others",
            ),
            Rule::SameAnswers => (
                "same-answers",
                Must,
                "RFC 1034 section 4.3.5",
                "all servers answer the same",
                "serve the same list everywhere",
            ),
            Rule::Answers => (
                "answers",
                Must,
                "RFC 8906 section 3.1.1",
                "every server answers for the zone",
                "mend the server, or take it out of the NS records here and above",
            ),
            Rule::Authoritative => (
                "authoritative",
                Must,
                "RFC 1035 section 4.1.1",
                "answers are authoritative (AA)",
                "serve the zone itself: answers of a cache are no answers of the list",
            ),
            Rule::Tcp => (
                "tcp",
                Must,
                "RFC 7766 section 5",
                "servers answer by TCP",
                "let TCP to port 53 through, and have the server listen there",
            ),
            Rule::Recursion => (
                "recursion",
                Must,
                "RFC 5358 section 4",
                "names of others are refused, and recursion is not offered",
                "switch recursion off, and refuse (REFUSED) what is not in the zone",
            ),
            Rule::UnknownType => (
                "unknown-type",
                Must,
                "RFC 8906 section 3.1.2",
                "an unknown type is answered with no records",
                "answer NOERROR without records for types the server does not know",
            ),
            Rule::HeaderBits => (
                "header-bits",
                Must,
                "RFC 8906 section 3.1.3",
                "bits of the header that are new to the server change nothing (CD, AD, Z)",
                "ignore these bits in queries, and leave them clear in answers",
            ),
            Rule::UnknownOpcode => (
                "unknown-opcode",
                Must,
                "RFC 8906 section 3.1.4",
                "an unknown operation is answered NOTIMP",
                "answer NOTIMP",
            ),
            Rule::Edns => (
                "edns",
                Must,
                "RFC 8906 section 3.2.1",
                "servers speak EDNS",
                "let EDNS through, and use a server that speaks it",
            ),
            Rule::EdnsVersion => (
                "edns-version",
                Must,
                "RFC 8906 section 3.2.2",
                "an unknown version of EDNS is answered BADVERS",
                "answer BADVERS with the version that is spoken",
            ),
            Rule::EdnsOption => (
                "edns-option",
                Must,
                "RFC 8906 section 3.2.3",
                "an unknown option of EDNS changes nothing",
                "ignore the option, and do not repeat it",
            ),
            Rule::EdnsFlags => (
                "edns-flags",
                Must,
                "RFC 8906 section 3.2.4",
                "unknown flags of EDNS change nothing",
                "ignore the flag, and leave it clear in the answer",
            ),
            Rule::EdnsDo => (
                "edns-do",
                Must,
                "RFC 8906 section 3.2.6",
                "who asks for signatures (DO) is answered",
                "answer as without the flag",
            ),
        };
        Facts { id, title, reference, severity, remedy }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_rule_is_known_by_one_name() {
        let ids: HashSet<&str> = Rule::ALL.iter().map(|rule| rule.facts().id).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            let written = serde_json::to_string(&rule).expect("a name");
            assert_eq!(written, format!("\"{}\"", rule.facts().id));
        }
    }
}
