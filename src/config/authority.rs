//! Keys, and what they are for: who may change a zone, who may have it, who is told of changes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use repute_authority::catalog::Listed;
use repute_authority::incoming::{Bounds, Limits};
use repute_authority::keys::Algorithm;
use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::{Access, Entry};
use repute_authority::update::{Permit, Serials};
use repute_dnsxl::{Name, Network};
use repute_nameserver::loader::MasterConfig;
use repute_records::master::data::rtype;
use repute_records::update::{Grant, Scope};
use serde::Deserialize;
use toml::Spanned;

use super::meaning::{Fault, header};
use super::value::Text;

/// What the server does for zones besides answering.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AuthorityConfig {
    /// Keys that messages may be signed with.
    pub(crate) keys: Vec<KeyConfig>,
    /// Zones that are changed by updates.
    pub(crate) dynamic: Vec<DynamicConfig>,
    /// Zones that are taken over from elsewhere.
    pub(crate) secondaries: Vec<SecondaryConfig>,
    /// Catalogs of zones of our own.
    pub(crate) catalogs: Vec<CatalogConfig>,
    /// How zones go to others, lists among them.
    pub(crate) transfers: HashMap<Name, Rule>,
    /// The zone of the challenge service, but for its values.
    pub(crate) challenge: Option<MasterConfig>,
}

impl AuthorityConfig {
    /// Whether there is anything to do.
    pub(crate) fn is_wanted(&self) -> bool {
        // A catalog is for somebody who may have it.
        let AuthorityConfig { keys, dynamic, secondaries, catalogs: _, transfers, challenge } =
            self;
        let has_zones = !(dynamic.is_empty() && secondaries.is_empty() && challenge.is_none());
        has_zones || !(keys.is_empty() && transfers.is_empty())
    }

    /// The zones that lie in the store, by their names, but that of the challenge service.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Name> {
        let dynamic = self.dynamic.iter().map(|zone| &zone.seed.apex);
        let followed = self.secondaries.iter().map(|zone| &zone.apex);
        dynamic.chain(followed).chain(self.catalogs.iter().map(|catalog| &catalog.apex))
    }
}

/// A key whose secret was not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyConfig {
    /// Its name.
    pub(crate) name: Name,
    /// Its algorithm.
    pub(crate) algorithm: Algorithm,
    /// The file with its secret.
    pub(crate) secret_file: PathBuf,
}

/// A zone that is changed by updates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DynamicConfig {
    /// What it begins with.
    pub(crate) seed: MasterConfig,
    /// Who may change what.
    pub(crate) permits: Vec<Permit>,
    /// How its serial goes on.
    pub(crate) serials: Serials,
}

/// A zone that is taken over from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecondaryConfig {
    /// Its name.
    pub(crate) apex: Name,
    /// What it is.
    pub(crate) kind: TakenAs,
    /// How many zones it may bring, as a catalog.
    pub(crate) max_members: usize,
    /// Who has it, in the order in which they are asked.
    pub(crate) primaries: Vec<Target>,
    /// How much it may be.
    pub(crate) limits: Limits,
    /// What the numbers of its SOA are kept between.
    pub(crate) bounds: Bounds,
}

/// What a zone that is taken over is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TakenAs {
    /// An ordinary zone.
    #[default]
    Zone,
    /// A list, which is answered as other lists are.
    List,
    /// A catalog, whose members are taken over too.
    Catalog,
}

/// A catalog of zones of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CatalogConfig {
    /// Its name.
    pub(crate) apex: Name,
    /// What is in it.
    pub(crate) members: Vec<Listed>,
}

/// `[[key]]`: a key that messages are signed with (TSIG).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileKey {
    /// The key's name, the same on both sides.
    pub(crate) name: Text<Name>,
    /// Its algorithm.
    #[serde(default = "FileKey::algorithm")]
    pub(crate) algorithm: Text<Algorithm>,
    /// The file with its secret in base64.
    pub(crate) secret_file: PathBuf,
}

impl FileKey {
    /// Default of `algorithm`.
    fn algorithm() -> Text<Algorithm> {
        Text(Algorithm::default())
    }
}

/// `[[primary.update]]`: what the holder of a key may change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileUpdate {
    /// The key.
    pub(crate) key: Text<Name>,
    /// Which names; none means all of the zone.
    #[serde(default)]
    pub(crate) names: Vec<Text<Scope>>,
    /// Which types; none means all but SOA.
    #[serde(default)]
    pub(crate) types: Vec<Text<RecordType>>,
    /// From where; none means from anywhere.
    #[serde(default)]
    pub(crate) from: Vec<Text<Network>>,
}

impl FileUpdate {
    /// What it means.
    pub(super) fn permit(self) -> Permit {
        let names = self.names.into_iter().map(|name| name.0).collect();
        let types = self.types.into_iter().map(|rtype| rtype.0.0).collect();
        let from = self.from.into_iter().map(|network| network.0).collect();
        Permit { key: self.key.0, grants: vec![Grant { names, types }], from }
    }
}

/// A record type by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordType(u16);

impl std::str::FromStr for RecordType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<RecordType, &'static str> {
        rtype(text.as_bytes())
            .map(RecordType)
            .ok_or("expected a record type such as TXT or TYPE65280")
    }
}

/// How a zone's serial goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileSerials {
    /// By one.
    #[default]
    Count,
    /// To the time.
    Time,
}

impl FileSerials {
    /// What it means.
    pub(super) fn meaning(self) -> Serials {
        match self {
            FileSerials::Count => Serials::Count,
            FileSerials::Time => Serials::Time,
        }
    }
}

/// What is written of a zone's transfer; nothing if nobody may have it and nobody is told.
pub(super) fn rule(
    transfer: Vec<Text<Entry>>,
    notify: Vec<Text<Target>>,
    most: u64,
) -> Option<Rule> {
    let access = Access::new(transfer.into_iter().map(|entry| entry.0).collect());
    let notify: Vec<Target> = notify.into_iter().map(|target| target.0).collect();
    (!access.is_nobody() || !notify.is_empty()).then_some(Rule { access, notify, most })
}

/// Default of `max-records`.
pub(super) fn max_records() -> u64 {
    20_000_000
}

/// Puts together what zones say, and looks whether the keys that they name are there; `places` is where zones stand.
pub(super) fn meaning(
    keys: Vec<Spanned<FileKey>>,
    dynamic: Vec<DynamicConfig>,
    secondaries: Vec<SecondaryConfig>,
    catalogs: Vec<CatalogConfig>,
    transfers: HashMap<Name, Rule>,
    places: &HashMap<Name, Range<usize>>,
    folder: &Path,
) -> Result<AuthorityConfig, Fault> {
    let (mut names, mut known) = (HashSet::new(), Vec::new());
    for key in keys {
        let span = header(key.span());
        let FileKey { name, algorithm, secret_file } = key.into_inner();
        if !names.insert(name.0.clone()) {
            return Err(Fault { span, message: format!("key `{}` is there twice", name.0) });
        }
        let secret_file = folder.join(secret_file);
        known.push(KeyConfig { name: name.0, algorithm: algorithm.0, secret_file });
    }
    let permits = dynamic
        .iter()
        .flat_map(|zone| zone.permits.iter().map(|permit| (&zone.seed.apex, &permit.key)));
    let rules = transfers.iter().flat_map(|(apex, rule)| {
        let told = rule.notify.iter().filter_map(|target| target.key.as_ref());
        rule.access.keys().chain(told).map(move |key| (apex, key))
    });
    let asked = secondaries.iter().flat_map(|zone| {
        let keys = zone.primaries.iter().filter_map(|primary| primary.key.as_ref());
        keys.map(|key| (&zone.apex, key))
    });
    for (apex, key) in permits.chain(rules).chain(asked) {
        if !names.contains(key) {
            let message = format!("zone `{apex}` names key `{key}`, which no [[key]] has");
            let span = places.get(apex).cloned().unwrap_or_default();
            return Err(Fault { span, message });
        }
    }
    Ok(AuthorityConfig { keys: known, dynamic, secondaries, catalogs, transfers, challenge: None })
}
