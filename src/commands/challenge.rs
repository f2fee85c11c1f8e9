//! `repute challenge`: the accounts of the challenge service.
//!
//! A server has its store for itself, so what an operator wants is done by it where it runs, and by this command where
//! none does: the same [`Order`] either way.

pub(super) mod order;
pub(crate) mod zone;

use std::cell::OnceCell;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use repute_authority::store::{Limits, Store};
use repute_challenge::{Moment, Service, Settings};
use repute_nameserver::control::{Answer, ControlError, LINE_BYTES, Request};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::registry::plain;
use super::running::ask_server;
use super::serve::{STORE, records};
use crate::cli::challenge::{ChallengeArgs, ChallengeCommand};
use crate::config::{ChallengeConfig, Config};
use crate::exit::{Verdict, tell};
use crate::telemetry::{self, Destination};
use order::Order;
use zone::ChallengeZone;

/// Runs one of its commands.
pub(super) fn run(path: Option<&Path>, args: ChallengeArgs) -> anyhow::Result<Verdict> {
    let config = Config::find(path)?;
    let Some(challenge) = &config.challenge else {
        bail!(
            "the configuration has no challenge service: begin one with `[challenge]` and its `domain`, or name \
             another configuration by --config"
        );
    };
    let desk = Desk { path, config: &config, challenge, own: OnceCell::new() };
    let mut out = std::io::stdout().lock();
    match args.command {
        ChallengeCommand::List { json } => list(&desk, json, &mut out)?,
        ChallengeCommand::Register { allow_from, json } => {
            let told = desk.order(&Order::Register { allow_from })?;
            if json {
                writeln!(out, "{told}")?;
            } else {
                for key in ["username", "password", "fulldomain", "subdomain"] {
                    writeln!(out, "{key:<10} {}", text(&told, key))?;
                }
                for network in texts(&told, "allowfrom") {
                    writeln!(out, "{:<10} {network}", "allowfrom")?;
                }
            }
            tell!(
                "the password is shown only now; `_acme-challenge` of each name is to be a CNAME to the fulldomain"
            );
        }
        ChallengeCommand::Rotate { account, json } => {
            let told = desk.order(&Order::Rotate { account })?;
            if json {
                writeln!(out, "{told}")?;
            } else {
                writeln!(out, "{}", text(&told, "password"))?;
            }
            tell!(
                "that is the password of {} from now on, which is shown only now",
                text(&told, "username")
            );
        }
        ChallengeCommand::Delete { account } => {
            let told = desk.order(&Order::Delete { account })?;
            writeln!(out, "deleted {}", text(&told, "username"))?;
        }
        ChallengeCommand::Bind { domain, account } => {
            let told = desk.order(&Order::Bind { domain: domain.to_string(), account })?;
            let already = match told.get("new") {
                Some(Value::Bool(false)) => "already ",
                _ => "",
            };
            writeln!(
                out,
                "{} {already}stands for {}",
                text(&told, "username"),
                text(&told, "domain")
            )?;
        }
        ChallengeCommand::Unbind { domain } => {
            let told = desk.order(&Order::Unbind { domain: domain.to_string() })?;
            match told.get("username") {
                Some(Value::String(before)) => {
                    writeln!(out, "{} stands for {domain} no more", plain(before))?;
                }
                _ => {
                    writeln!(out, "nobody stood for {domain}")?;
                    return Ok(Verdict::No);
                }
            }
        }
    }
    Ok(Verdict::Yes)
}

/// Shows all accounts.
fn list(desk: &Desk<'_>, is_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let (mut after, mut count) = (None, 0_usize);
    loop {
        let told = desk.order(&Order::List { after })?;
        let page = told.as_array().map(Vec::as_slice).unwrap_or_default();
        for account in page {
            if is_json {
                writeln!(out, "{account}")?;
                continue;
            }
            if count == 0 {
                writeln!(out, "{HEADING}")?;
            }
            count += 1;
            let (domains, networks) = (texts(account, "domains"), texts(account, "allowfrom"));
            let values = account.get("values").and_then(Value::as_array).map_or(0, Vec::len);
            let or_all = |all: Vec<String>, none: &str| match all.is_empty() {
                true => none.to_owned(),
                false => all.join(" "),
            };
            writeln!(
                out,
                "{:<36} {:<36} {:<20} {values:>6}  {}  {}",
                text(account, "username"),
                text(account, "subdomain"),
                text(account, "created"),
                or_all(domains, "any domain"),
                or_all(networks, "from anywhere"),
            )?;
        }
        after = match page.last() {
            Some(last) if page.len() >= order::PAGE => Some(text(last, "username")),
            Some(_) | None => break,
        };
    }
    if count == 0 && !is_json {
        tell!("there are no accounts: clients register, or `repute challenge register` makes one");
    }
    Ok(())
}

/// A text of an answer, as it can be shown.
fn text(of: &Value, key: &str) -> String {
    plain(of.get(key).and_then(Value::as_str).unwrap_or_default())
}

/// The texts of a list of an answer.
fn texts(of: &Value, key: &str) -> Vec<String> {
    let all = of.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).map(plain).collect()
}

/// Where orders go to.
struct Desk<'a> {
    path: Option<&'a Path>,
    config: &'a Config,
    challenge: &'a ChallengeConfig,
    /// The service in this process, once no server was found.
    own: OnceCell<(Runtime, Service<ChallengeZone>)>,
}

impl Desk<'_> {
    /// Has an order carried out: by the server, or here if none runs.
    fn order(&self, order: &Order) -> anyhow::Result<Value> {
        if let Some((runtime, service)) = self.own.get() {
            return runtime.block_on(order.clone().carry_out(service, now()));
        }
        let line = serde_json::to_string(order)?;
        let request = Request::Order { companion: COMPANION.to_owned(), order: line };
        // It ends with a line.
        if u64::try_from(request.to_string().len())? >= LINE_BYTES {
            bail!("too many networks: name larger ones, or fewer");
        }
        match ask_server(self.path, &self.config.process.control, &request) {
            Ok(Answer::Told(told)) => Ok(told),
            Ok(Answer::Error(reason)) => bail!(reason),
            Ok(_) => bail!("the server answers something else"),
            Err(ControlError::NotRunning { path }) => {
                let opened = self.open(&path)?;
                let (runtime, service) = self.own.get_or_init(|| opened);
                runtime.block_on(order.clone().carry_out(service, now()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the store, where no server has it.
    fn open(&self, control: &Path) -> anyhow::Result<(Runtime, Service<ChallengeZone>)> {
        let file = self.config.process.data_dir.join(STORE);
        if !file.exists() {
            bail!(
                "no server answers at {}, and there is no store at {}: start the server, which makes it, or name its \
                 configuration by --config",
                control.display(),
                file.display()
            );
        }
        let zone = &self.challenge.zone;
        let lines = records(zone, self.config.loader.max_unpacked)
            .map_err(|why| anyhow::anyhow!("the zone {} cannot be made: {why}", zone.apex))?;
        let store = Arc::new(Store::open(&file, Limits::default())?);
        let zone = Arc::new(ChallengeZone::begin(store, zone.apex.clone(), lines)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the system gives no more descriptors")?;
        let settings =
            Settings { domain: self.challenge.domain().clone(), keep: self.challenge.keep };
        let service = runtime.block_on(Service::open(zone, settings))?;
        // What is done is told as the server's log would.
        let process = &self.config.process;
        telemetry::start(process.log_level, process.log_format, Destination::Errors);
        Ok((runtime, service))
    }
}

/// What the clock says.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The word by which the control socket knows the service.
pub(super) const COMPANION: &str = "challenge";
/// Above the accounts.
const HEADING: &str = "username                             subdomain                            \
                       created              values  domains  networks";
