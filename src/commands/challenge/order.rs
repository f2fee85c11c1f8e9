//! What an operator wants done with accounts: a line between `repute challenge` and the server, or done by the command
//! itself where no server runs.

use anyhow::{Context as _, anyhow};
use repute_challenge::{AllowFrom, By, Listed, Moment, NewAccount, Service, Turns, Uuid};
use repute_database::Timestamp;
use repute_dnsxl::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commands::registry;

/// What is wanted. Names and numbers are texts here, and are read where it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::commands) enum Order {
    /// The accounts behind one, some of them.
    List {
        /// The last that is known already.
        after: Option<String>,
    },
    /// A new account.
    Register {
        /// From where it may be used.
        allow_from: Vec<String>,
    },
    /// Another password.
    Rotate {
        /// Of whom.
        account: String,
    },
    /// That an account goes.
    Delete {
        /// Which.
        account: String,
    },
    /// That an account stands for a domain.
    Bind {
        /// The domain.
        domain: String,
        /// The account.
        account: String,
    },
    /// That nobody stands for a domain.
    Unbind {
        /// The domain.
        domain: String,
    },
}

impl Order {
    /// Does it; what came of it.
    ///
    /// # Errors
    /// If it cannot be done; what can be done instead is said.
    pub(in crate::commands) async fn carry_out<T: Turns>(
        self,
        service: &Service<T>,
        now: Moment,
    ) -> anyhow::Result<Value> {
        match self {
            Order::List { after } => {
                let after = after.as_deref().map(username).transpose()?;
                let all = service.list(after, PAGE)?;
                Ok(all.iter().map(|listed| shown(listed, &service.settings().domain)).collect())
            }
            Order::Register { allow_from } => {
                let allow_from = AllowFrom::parse(allow_from)
                    .map_err(|text| anyhow!("`{text}` is no network: write it as 192.0.2.0/24"))?;
                let new = service.register(allow_from, By::Operator, now).await?;
                let NewAccount { account, password, full_domain } = new;
                Ok(json!({
                    "username": account.username.to_string(),
                    "password": password.as_str(),
                    "fulldomain": full_domain.to_string(),
                    "subdomain": account.subdomain,
                    "allowfrom": account.allow_from.texts().collect::<Vec<_>>(),
                }))
            }
            Order::Rotate { account } => {
                let account = username(&account)?;
                let password = service.rotate(account, By::Operator).await.map_err(unknown)?;
                Ok(json!({ "username": account.to_string(), "password": password.as_str() }))
            }
            Order::Delete { account } => {
                let account = username(&account)?;
                service.delete(account, By::Operator).await.map_err(unknown)?;
                Ok(json!({ "username": account.to_string() }))
            }
            Order::Bind { domain, account } => {
                let (domain, account) = (name(&domain)?, username(&account)?);
                let is_new = service.bind(domain.clone(), account).await.map_err(unknown)?;
                let account = account.to_string();
                Ok(json!({ "domain": domain.to_string(), "username": account, "new": is_new }))
            }
            Order::Unbind { domain } => {
                let domain = name(&domain)?;
                let before = service.unbind(domain.clone()).await?;
                let before = before.map(|username| username.to_string());
                Ok(json!({ "domain": domain.to_string(), "username": before }))
            }
        }
    }
}

/// An account for machines.
fn shown(Listed { account, values, domains }: &Listed, apex: &Name) -> Value {
    let values: Vec<Value> =
        values.iter().map(|(at, text)| json!({ "value": text, "at": time(*at) })).collect();
    json!({
        "username": account.username.to_string(),
        "subdomain": account.subdomain,
        "fulldomain": format!("{}.{apex}", account.subdomain),
        "allowfrom": account.allow_from.texts().collect::<Vec<_>>(),
        "created": time(account.created),
        "values": values,
        "domains": domains.iter().map(Name::to_string).collect::<Vec<_>>(),
    })
}

/// A moment as people and machines read it.
fn time(Moment(milliseconds): Moment) -> String {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    registry::time(Timestamp(milliseconds.saturating_mul(1_000)))
}

/// The account of a name.
fn username(text: &str) -> anyhow::Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| {
        anyhow!(
            "`{text}` is no account: name it by its user name, which `repute challenge list` shows"
        )
    })
}

/// A domain.
fn name(text: &str) -> anyhow::Result<Name> {
    text.parse().with_context(|| format!("`{text}` is no domain"))
}

/// An account that is not there, with where those are that are.
fn unknown(fault: repute_challenge::Fault) -> anyhow::Error {
    match fault {
        fault @ repute_challenge::Fault::NoAccount => {
            anyhow!("{fault}: `repute challenge list` shows those that there are")
        }
        fault => fault.into(),
    }
}

/// Accounts of one answer.
pub(super) const PAGE: usize = 1_000;
