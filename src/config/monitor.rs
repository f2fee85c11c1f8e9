//! `[monitor]` of the configuration: as it is written, and what it means.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use repute_dnsxl::Name;
use repute_lookup::resolver;
use repute_lookup::subject::Subject;
use repute_monitor::steady::Hysteresis;
use repute_notify::{Channel, CommandConfig, SmtpConfig, WebhookConfig};
use serde::Deserialize;
use toml::Spanned;

use super::file::MetricsAddress;
use super::meaning::{Fault, header, optional};
use super::value::{Span, Text};
use crate::commands::list_name;

/// `[monitor]`: what is watched, and who hears of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileMonitor {
    /// Addresses, networks and hosts to check.
    pub(crate) targets: Vec<Text<Subject>>,
    /// A file with more of them.
    pub(crate) targets_file: PathBuf,
    /// Zones of one's own to audit.
    pub(crate) zones: Vec<Text<ZoneAt>>,
    /// Lists to ask; none for those of the catalogue.
    pub(crate) lists: Vec<Text<ListName>>,
    /// A file with more of them.
    pub(crate) lists_file: PathBuf,
    /// Resolvers to ask; none for the system's.
    pub(crate) resolvers: Vec<Text<Resolver>>,
    /// How often each target is checked.
    pub(crate) interval: Spanned<Span>,
    /// How long a list may take.
    pub(crate) timeout: Spanned<Span>,
    /// The share of lists that must answer, in percent.
    pub(crate) quorum: Spanned<u8>,
    /// How many checks must agree before something has changed.
    pub(crate) hysteresis: Text<Hysteresis>,
    /// How long news are gathered for one message.
    pub(crate) gather: Span,
    /// The file of what is known; empty means `DATA-DIR/monitor.json`.
    pub(crate) state: PathBuf,
    /// Address of the pages, metrics and prober; empty switches them off.
    pub(crate) listen: Spanned<MetricsAddress>,
    /// Have the metrics of Luzilla/dnsbl_exporter as well.
    pub(crate) luzilla: bool,
    /// Who is told.
    pub(crate) channel: Vec<Spanned<FileChannel>>,
}

impl Default for FileMonitor {
    fn default() -> FileMonitor {
        FileMonitor {
            targets: Vec::new(),
            targets_file: PathBuf::new(),
            zones: Vec::new(),
            lists: Vec::new(),
            lists_file: PathBuf::new(),
            resolvers: Vec::new(),
            interval: Spanned::new(0..0, Span::seconds(3600)),
            timeout: Spanned::new(0..0, Span::seconds(2)),
            quorum: Spanned::new(0..0, 50),
            hysteresis: Text(Hysteresis::default()),
            gather: Span::seconds(300),
            state: PathBuf::new(),
            listen: Spanned::new(0..0, MetricsAddress(Some(([127, 0, 0, 1], 9211).into()))),
            luzilla: false,
            channel: Vec::new(),
        }
    }
}

/// `[[monitor.channel]]`: how somebody is told.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileChannel {
    /// What it is called in logs and metrics.
    pub(crate) name: String,
    /// `[monitor.channel.smtp]`: by mail.
    #[serde(default)]
    pub(crate) smtp: Option<SmtpConfig>,
    /// `[monitor.channel.webhook]`: by an HTTP request.
    #[serde(default)]
    pub(crate) webhook: Option<WebhookConfig>,
    /// `[monitor.channel.command]`: through a program.
    #[serde(default)]
    pub(crate) command: Option<CommandConfig>,
}

/// A list as it is named on the command line, `ZONE[@SERVER][=CODES]`; what is known of it is in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListName(pub(crate) String);

impl FromStr for ListName {
    type Err = String;

    fn from_str(text: &str) -> Result<ListName, String> {
        match list_name(text) {
            Ok(_) => Ok(ListName(text.to_owned())),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

/// A zone of one's own, and one of its servers: `ZONE[@SERVER]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneAt {
    /// The zone.
    pub(crate) zone: Name,
    /// The server; none for those that it is delegated to.
    pub(crate) server: Option<SocketAddr>,
}

impl FromStr for ZoneAt {
    type Err = String;

    fn from_str(text: &str) -> Result<ZoneAt, String> {
        match list_name(text) {
            Ok((zone, server, None)) => Ok(ZoneAt { zone, server }),
            Ok((_, _, Some(_))) => Err("expected a zone, without codes".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

/// A resolver by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolver(pub(crate) SocketAddr);

impl FromStr for Resolver {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Resolver, &'static str> {
        resolver::server(text)
            .map(Resolver)
            .ok_or("expected an address such as 192.0.2.53 or [2001:db8::53]:5300")
    }
}

/// `[monitor]` as it is used, but for what stands in other files.
#[derive(Clone, Debug)]
pub(crate) struct MonitorConfig {
    /// What is checked.
    pub(crate) subjects: Vec<Subject>,
    /// A file with more.
    pub(crate) targets_file: Option<PathBuf>,
    /// Zones of one's own to audit.
    pub(crate) zones: Vec<ZoneAt>,
    /// Lists by name.
    pub(crate) lists: Vec<String>,
    /// A file with more.
    pub(crate) lists_file: Option<PathBuf>,
    /// Resolvers to ask; none for the system's.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// How often each subject is checked.
    pub(crate) interval: Duration,
    /// How long a list may take.
    pub(crate) timeout: Duration,
    /// The share of lists that must answer, from 0 to 1.
    pub(crate) quorum: f64,
    /// How many checks must agree.
    pub(crate) hysteresis: Hysteresis,
    /// How long news are gathered for one message.
    pub(crate) gather: Duration,
    /// The file of what is known.
    pub(crate) state: PathBuf,
    /// Where pages, metrics and prober are.
    pub(crate) listen: Option<SocketAddr>,
    /// Have the metrics of Luzilla/dnsbl_exporter as well.
    pub(crate) luzilla: bool,
    /// Who is told.
    pub(crate) channels: BTreeMap<String, Channel>,
}

/// Makes what is meant.
pub(super) fn meaning(
    written: FileMonitor,
    data_dir: &Path,
    folder: &Path,
) -> Result<MonitorConfig, Fault> {
    let fault = |span, message: &str| Err(Fault { span, message: message.to_owned() });
    if written.interval.get_ref().0 < SHORTEST_INTERVAL {
        return fault(written.interval.span(), "monitor.interval: expected 1s or more");
    }
    if written.timeout.get_ref().0 < SHORTEST_TIMEOUT {
        return fault(written.timeout.span(), "monitor.timeout: no list answers within that");
    }
    if *written.quorum.get_ref() > 100 {
        return fault(written.quorum.span(), "monitor.quorum: expected a percentage, 0 to 100");
    }
    let mut channels = BTreeMap::new();
    for channel in written.channel {
        let span = header(channel.span());
        let FileChannel { name, smtp, webhook, command } = channel.into_inner();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(is_word) {
            return fault(
                span,
                "monitor.channel: expected a `name` of letters, digits, `-`, `_` and `.`",
            );
        }
        let channel = match (smtp, webhook, command) {
            (Some(smtp), None, None) => Channel::Smtp(smtp),
            (None, Some(webhook), None) => Channel::Webhook(webhook),
            (None, None, Some(command)) => Channel::Command(command),
            (_, _, _) => {
                let message = format!(
                    "monitor.channel `{name}`: expected one of the tables `smtp`, `webhook` and `command`"
                );
                return Err(Fault { span, message });
            }
        };
        if channels.insert(name.clone(), channel.in_folder(folder)).is_some() {
            let message = format!("monitor.channel `{name}` is there twice");
            return Err(Fault { span, message });
        }
    }
    Ok(MonitorConfig {
        subjects: written.targets.into_iter().map(|target| target.0).collect(),
        targets_file: optional(&written.targets_file, folder),
        zones: written.zones.into_iter().map(|zone| zone.0).collect(),
        lists: written.lists.into_iter().map(|list| list.0.0).collect(),
        lists_file: optional(&written.lists_file, folder),
        resolvers: written.resolvers.into_iter().map(|resolver| resolver.0.0).collect(),
        interval: written.interval.get_ref().0,
        timeout: written.timeout.get_ref().0,
        quorum: f64::from(*written.quorum.get_ref()) / 100.0,
        hysteresis: written.hysteresis.0,
        gather: written.gather.0,
        state: optional(&written.state, folder).unwrap_or_else(|| data_dir.join("monitor.json")),
        listen: written.listen.get_ref().0,
        luzilla: written.luzilla,
        channels,
    })
}

/// No list is asked about the same target more often.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// No list answers faster in all cases.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
