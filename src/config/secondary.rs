//! `[[secondary]]`: zones whose primary is elsewhere.

use std::ops::Range;

use repute_authority::incoming::{Bounds, Limits};
use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Entry;
use repute_dnsxl::Name;
use serde::Deserialize;
use toml::Spanned;

use super::authority::{self, SecondaryConfig, TakenAs};
use super::meaning::{Fault, header};
use super::value::{Size, Span, Text};

/// `[[secondary]]`: a zone that is taken over from its primary by zone transfer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileSecondary {
    /// The zone's name.
    pub(crate) apex: Text<Name>,
    /// Who has it, in the order in which they are asked.
    pub(crate) primaries: Vec<Text<Target>>,
    /// What it is.
    #[serde(default)]
    pub(crate) kind: TakenAs,
    /// Who may have it from us.
    #[serde(default)]
    pub(crate) transfer: Vec<Text<Entry>>,
    /// Who is told when it has changed.
    #[serde(default)]
    pub(crate) notify: Vec<Text<Target>>,
    /// It is not taken over with more records, nor sent.
    #[serde(default = "FileSecondary::max_records")]
    pub(crate) max_records: u64,
    /// It is not taken over with more bytes.
    #[serde(default = "FileSecondary::max_size")]
    pub(crate) max_size: Size,
    /// It may bring so many zones, as a catalog.
    #[serde(default = "FileSecondary::max_members")]
    pub(crate) max_members: usize,
    /// The least and the most that its SOA may say of refresh.
    #[serde(default = "FileSecondary::refresh")]
    pub(crate) refresh: [Span; 2],
    /// The same of retry.
    #[serde(default = "FileSecondary::retry")]
    pub(crate) retry: [Span; 2],
    /// The same of expire.
    #[serde(default = "FileSecondary::expire")]
    pub(crate) expire: [Span; 2],
}

impl FileSecondary {
    /// Default of `max-records`.
    fn max_records() -> u64 {
        Limits::default().records
    }

    /// Default of `max-size`.
    fn max_size() -> Size {
        Size(Limits::default().bytes)
    }

    /// Default of `max-members`.
    fn max_members() -> usize {
        10_000
    }

    /// Default of `refresh`.
    fn refresh() -> [Span; 2] {
        spans(Bounds::default().refresh)
    }

    /// Default of `retry`.
    fn retry() -> [Span; 2] {
        spans(Bounds::default().retry)
    }

    /// Default of `expire`.
    fn expire() -> [Span; 2] {
        spans(Bounds::default().expire)
    }
}

/// What a table means.
pub(super) struct Secondary {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// What is followed, and how.
    pub(super) config: SecondaryConfig,
    /// How it goes to others.
    pub(super) rule: Option<Rule>,
}

/// What the tables say.
pub(super) fn meaning(written: Vec<Spanned<FileSecondary>>) -> Result<Vec<Secondary>, Fault> {
    let zones = written.into_iter().map(|zone| {
        let span = header(zone.span());
        let zone = zone.into_inner();
        let apex = zone.apex.0;
        let fault =
            |what: &str| Fault { span: span.clone(), message: format!("zone `{apex}`: {what}") };
        if zone.primaries.is_empty() {
            return Err(fault("`primaries` names nobody: write the address of who has it"));
        }
        let bounds = |key: &str, [least, most]: [Span; 2]| {
            let (least, most) = (least.as_ttl(), most.as_ttl());
            match least {
                0 => Err(fault(&format!("`{key}` begins at a second or more"))),
                _ if least > most => Err(fault(&format!("`{key}`: the first is the least"))),
                _ => Ok((least, most)),
            }
        };
        let bounds = Bounds {
            refresh: bounds("refresh", zone.refresh)?,
            retry: bounds("retry", zone.retry)?,
            expire: bounds("expire", zone.expire)?,
        };
        let limits = Limits { records: zone.max_records, bytes: zone.max_size.0 };
        let primaries = zone.primaries.into_iter().map(|target| target.0).collect();
        let rule = authority::rule(zone.transfer, zone.notify, zone.max_records);
        let (kind, max_members) = (zone.kind, zone.max_members);
        let config = SecondaryConfig { apex, kind, max_members, primaries, limits, bounds };
        Ok(Secondary { span, config, rule })
    });
    zones.collect()
}

/// Two numbers of seconds as they are written.
fn spans((least, most): (u32, u32)) -> [Span; 2] {
    [least, most].map(|seconds| Span::seconds(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Origin};
    use super::*;

    /// The secondaries of a configuration, or what is wrong with it.
    fn read(text: &str) -> Result<Vec<SecondaryConfig>, String> {
        let text = format!("[[secondary]]\n{text}\n");
        match Config::parse(&text, Origin::File("/etc/r/a.toml".into())) {
            Ok(config) => Ok(config.authority.secondaries),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_zone_and_its_primary_are_enough() {
        let zones = read("apex = \"a.test\"\nprimaries = [\"192.0.2.1\"]").expect("sound");
        let expect = SecondaryConfig {
            apex: "a.test".parse().unwrap(),
            kind: TakenAs::Zone,
            max_members: 10_000,
            primaries: vec!["192.0.2.1:53".parse().unwrap()],
            limits: Limits::default(),
            bounds: Bounds::default(),
        };
        assert_eq!(zones, [expect]);
        let text = "apex = \"a.test\"\nprimaries = [\"192.0.2.1\"]\nexpire = [\"2s\", \"1m\"]\n\
                    max-records = 7\nmax-size = \"1MiB\"\nkind = \"list\"";
        let zones = read(text).expect("sound");
        assert_eq!(zones[0].bounds, Bounds { expire: (2, 60), ..Bounds::default() });
        assert_eq!(zones[0].kind, TakenAs::List);
        assert_eq!(zones[0].limits, Limits { records: 7, bytes: 1 << 20 });
    }

    #[test]
    fn what_cannot_be_is_refused_in_its_place() {
        for (text, expect) in [
            ("primaries = []", "`primaries` names nobody"),
            ("primaries = [\"here\"]", "expected an address"),
            ("primaries = [\"192.0.2.1\"]\nkind = \"lists\"", "unknown variant"),
            ("primaries = [\"192.0.2.1 key k.test\"]", "which no [[key]] has"),
            ("primaries = [\"192.0.2.1\"]\nretry = [\"1m\", \"1s\"]", "the first is the least"),
            ("primaries = [\"192.0.2.1\"]\nrefresh = [\"0s\", \"1s\"]", "begins at a second"),
            ("primaries = [\"192.0.2.1\"]\nexpire = [\"1s\"]", "a.toml:4"),
            (
                "primaries = [\"192.0.2.1\"]\n[[primary]]\napex = \"a.test\"\nfile = \"f\"",
                "there twice",
            ),
        ] {
            let refused = read(&format!("apex = \"a.test\"\n{text}")).expect_err(expect);
            assert!(refused.contains(expect), "{refused}");
        }
    }
}
