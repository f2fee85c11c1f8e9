//! What can be done with accounts: each a turn, with its audit line and its count.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use redb::WriteTransaction;
use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::accounts::{self, Account, Listed};
use crate::allow_from::AllowFrom;
use crate::counts::Counts;
use crate::password::{self, Digest, Password, Secret};
use crate::turn::{Fault, Turns, TxtChange};
use crate::values::{Keep, Moment, Text, Values};

/// The service. Its zone is one; a server may have several services.
#[derive(Debug)]
pub struct Service<T> {
    /// The store.
    turns: Arc<T>,
    /// What is set.
    settings: Settings,
    /// What happened.
    counts: Counts,
    /// Passwords that are slow to verify, of which only so many are at a time.
    slow: Arc<Semaphore>,
    /// Places for those and for others that wait for their turn.
    pub(crate) queue: Semaphore,
}

/// What a service needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The apex of the zone below which subdomains are.
    pub domain: Name,
    /// Which values stay.
    pub keep: Keep,
}

/// An account that was just made, with the only copy of its password.
#[derive(Debug)]
pub struct NewAccount {
    /// The account.
    pub account: Account,
    /// Its password.
    pub password: Password,
    /// The whole name of its values.
    pub full_domain: Name,
}

/// Who does something, for the audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A client, by its network: IPv4 /24, IPv6 /56.
    Client(Network),
    /// The operator, at the shell.
    Operator,
}

impl By {
    /// The client at an address.
    pub fn client(address: IpAddr) -> By {
        By::Client(By::network(address))
    }

    /// The network that stands for a client: what one person may have many addresses in.
    pub(crate) fn network(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network::V4(Ipv4Network::around(address, 24)),
            IpAddr::V6(address) => Network::V6(Ipv6Network::around(address, 56)),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Client(network) => network.fmt(f),
            By::Operator => f.write_str("operator"),
        }
    }
}

/// What was found under the name that somebody says he has.
#[derive(Debug)]
pub struct Found(Option<Account>);

impl Found {
    /// Whether it takes a tenth of a second to look at its password.
    pub fn is_slow(&self) -> bool {
        matches!(&self.0, Some(Account { secret: Secret::Bcrypt(_), .. }))
    }
}

/// An account whose password somebody has shown.
#[derive(Debug)]
pub struct Proof {
    /// The account.
    account: Account,
    /// What is kept of the password from now on.
    digest: Digest,
}

impl Proof {
    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// Why somebody has not shown who he is.
#[derive(Debug, thiserror::Error)]
pub enum Unproved {
    /// There is no such account, or its password is another one: which, nobody is told.
    #[error("the account or its password is wrong")]
    Wrong,
    /// Too many passwords that are slow to verify wait.
    #[error("too many passwords of imported accounts are being verified")]
    Busy,
}

impl<T: Turns> Service<T> {
    /// Opens the service in a store.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn open(turns: Arc<T>, settings: Settings) -> Result<Service<T>, Fault> {
        turns.turn(|t| Ok((accounts::make_tables(t)?, Vec::new()))).await?;
        let slow = Arc::new(Semaphore::new(MOST_SLOW));
        let queue = Semaphore::new(MOST_WAITING);
        Ok(Service { turns, settings, counts: Counts::default(), slow, queue })
    }

    /// What is set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store.
    pub(crate) fn turns(&self) -> &T {
        &self.turns
    }

    /// What happened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Makes an account, with a name, a subdomain and a password that nobody can guess.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn register(
        &self,
        allow_from: AllowFrom,
        by: By,
        now: Moment,
    ) -> Result<NewAccount, Fault> {
        let password = Password::random()?;
        let account = Account {
            username: random_uuid()?,
            subdomain: random_uuid()?.to_string(),
            allow_from,
            created: now,
            secret: Secret::Digest(password.digest()),
        };
        let full_domain = name(&account.subdomain, &self.settings.domain)?;
        let account = self
            .turns
            .turn(move |t| match accounts::add(t, &account)? {
                true => Ok((account.clone(), Vec::new())),
                // Two of 2^122: the system's random source is none.
                false => Err(Fault::NoRandom),
            })
            .await?;
        self.counts.registered.one();
        said(&account, by, "register");
        Ok(NewAccount { account, password, full_domain })
    }

    /// Looks for the account that somebody says he has.
    ///
    /// # Errors
    /// If the store fails.
    pub fn find(&self, username: Uuid) -> Result<Found, Fault> {
        Ok(Found(accounts::find(&self.turns.read()?, username)?))
    }

    /// Holds a password against what is kept of it.
    ///
    /// An account that is not there takes as long as one that is: a digest is made and compared. Only accounts that came
    /// from acme-dns and were not used yet take longer, so whoever knows the name of such a one can tell that it is there.
    /// Names are random numbers of 122 bits.
    ///
    /// # Errors
    /// If the password is not that of the account, or too many wait to know.
    pub async fn prove(&self, found: Found, password: Password) -> Result<Proof, Unproved> {
        let digest = password.digest();
        let kept = found.0.as_ref().map(|account| account.secret.clone());
        let kept = kept.unwrap_or(Secret::Digest(Digest::NOBODY));
        let is_right = match kept {
            Secret::Digest(kept) => kept.is(&digest),
            Secret::Bcrypt(hash) => {
                let _waits = self.queue.try_acquire().map_err(|_| Unproved::Busy)?;
                let place = Arc::clone(&self.slow).acquire_owned().await;
                let place = place.expect("nobody closes it");
                let verify = move || {
                    let _place = place;
                    password::is_of(&hash, &password)
                };
                spawn_blocking(verify).await.unwrap_or(false)
            }
        };
        let account = found.0.filter(|_| is_right).ok_or(Unproved::Wrong)?;
        Ok(Proof { account, digest })
    }

    /// Adds a value to the subdomain of an account.
    ///
    /// # Errors
    /// If the account is not there any more, or the store fails.
    pub async fn update(&self, proof: Proof, text: Text, by: By, now: Moment) -> Result<(), Fault> {
        let Settings { domain, keep } = self.settings.clone();
        let account = self
            .turns
            .turn(move |t| {
                let account = accounts::proved(t, &proof.account, proof.digest)?;
                let values = accounts::add_value(t, &account.subdomain, &text, now, &keep)?;
                let change = change(&account.subdomain, &domain, &values)?;
                Ok((account, vec![change]))
            })
            .await?;
        self.counts.updated.one();
        said(&account, by, "update");
        Ok(())
    }

    /// Takes a value from the subdomain of an account, or all of them. How many went.
    ///
    /// # Errors
    /// If the account is not there any more, or the store fails.
    pub async fn clear(&self, proof: Proof, text: Option<Text>, by: By) -> Result<usize, Fault> {
        let Settings { domain, keep } = self.settings.clone();
        let (account, gone) = self
            .turns
            .turn(move |t| {
                let account = accounts::proved(t, &proof.account, proof.digest)?;
                let clear = |values: &mut Values| {
                    let before = values.0.len();
                    match &text {
                        Some(text) => drop(values.remove(text)),
                        None => values.0.clear(),
                    }
                    before - values.0.len()
                };
                let (values, gone) = accounts::change_values(t, &account.subdomain, &keep, clear)?;
                let change = change(&account.subdomain, &domain, &values)?;
                let changes = if gone > 0 { vec![change] } else { Vec::new() };
                Ok(((account, gone), changes))
            })
            .await?;
        self.counts.removed.some(gone);
        said(&account, by, "remove");
        Ok(gone)
    }

    /// Takes away values that are too old. When there are others, if any are kept so long: whoever calls it waits until
    /// then, or until a minute has gone by.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn expire(&self, now: Moment) -> Result<Option<Moment>, Fault> {
        // Whoever looks each minute lets a disk sleep that has nothing to write.
        let next = accounts::next_due(&self.turns.read()?)?;
        if next.is_none_or(|next| next > now) {
            return Ok(next);
        }
        loop {
            let Settings { domain, keep } = self.settings.clone();
            let turn = self.turns.turn(move |t| {
                let (due, next) = accounts::due(t, now, MOST_EXPIRED)?;
                let mut changes = Vec::new();
                let mut soonest = next;
                let mut gone = 0;
                for subdomain in &due {
                    let (values, expired) = accounts::expire(t, subdomain, now, &keep)?;
                    soonest = soonest.into_iter().chain(values.due(&keep)).min();
                    gone += expired;
                    if expired > 0 {
                        changes.push(change(subdomain, &domain, &values)?);
                    }
                }
                Ok(((gone, soonest), changes))
            });
            let (gone, soonest) = turn.await?;
            self.counts.expired.some(gone);
            // A turn is bounded, so that updates do not wait behind it; what is left is due still.
            if soonest.is_none_or(|soonest| soonest > now) {
                return Ok(soonest);
            }
        }
    }

    /// Accounts in the order of their names, those behind `after`, at most so many.
    ///
    /// # Errors
    /// If the store fails.
    pub fn list(&self, after: Option<Uuid>, most: usize) -> Result<Vec<Listed>, Fault> {
        accounts::list(&self.turns.read()?, after, most)
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// If the store fails.
    pub fn count(&self) -> Result<u64, Fault> {
        accounts::count(&self.turns.read()?)
    }

    /// Gives an account another password; the one before is worth nothing from now on.
    ///
    /// # Errors
    /// If there is no such account, or the store fails.
    pub async fn rotate(&self, username: Uuid, by: By) -> Result<Password, Fault> {
        let password = Password::random()?;
        let secret = Secret::Digest(password.digest());
        let turn = self.turns.turn(move |t| {
            let account = Account { secret: secret.clone(), ..accounts::of(t, username)? };
            accounts::replace(t, &account)?;
            Ok((account, Vec::new()))
        });
        let account = turn.await?;
        self.counts.rotated.one();
        said(&account, by, "rotate");
        Ok(password)
    }

    /// Takes an account away, with its values and the domains it stands for.
    ///
    /// # Errors
    /// If there is no such account, or the store fails.
    pub async fn delete(&self, username: Uuid, by: By) -> Result<(), Fault> {
        let Settings { domain, keep } = self.settings.clone();
        let turn = self.turns.turn(move |t| {
            let account = accounts::of(t, username)?;
            let change = change(&account.subdomain, &domain, &Values::default())?;
            accounts::remove(t, &account, &keep)?;
            Ok((account, vec![change]))
        });
        let account = turn.await?;
        self.counts.deleted.one();
        said(&account, by, "delete");
        Ok(())
    }

    /// Has an account stand for a domain, and nobody else. Whether that is news.
    ///
    /// Only the operator says so: by itself no account says anything of a domain, as it could keep out whose it is.
    ///
    /// # Errors
    /// If there is no such account, another one stands for the domain, or the store fails.
    pub async fn bind(&self, domain: Name, username: Uuid) -> Result<bool, Fault> {
        let turn = self.turns.turn(move |t| {
            let account = accounts::of(t, username)?;
            let is_new = accounts::bind(t, &domain, username)?;
            Ok(((account, is_new), Vec::new()))
        });
        let (account, is_new) = turn.await?;
        said(&account, By::Operator, "bind");
        Ok(is_new)
    }

    /// Has nobody stand for a domain. Who did.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn unbind(&self, domain: Name) -> Result<Option<Uuid>, Fault> {
        let turn = self.turns.turn(move |t| {
            let before = accounts::unbind(t, &domain)?;
            let account = before.map(|username| accounts::of(t, username)).transpose()?;
            Ok((account, Vec::new()))
        });
        let account = turn.await?;
        if let Some(account) = &account {
            said(account, By::Operator, "unbind");
        }
        Ok(account.map(|account| account.username))
    }

    /// Whether an account may put values for a name: its own subdomain, or the `_acme-challenge` of a domain.
    ///
    /// Whatever the name, values go to the account's own subdomain, so nobody can write to another's. What is held back is
    /// a value that would be of no use there: one for another's subdomain, for a domain that another account stands for, or
    /// for none of its own if it stands for some.
    ///
    /// # Errors
    /// If the store fails.
    pub fn may_present(&self, account: &Account, fqdn: &Name) -> Result<bool, Fault> {
        if fqdn.is_within(&self.settings.domain) {
            return Ok(name(&account.subdomain, &self.settings.domain)? == *fqdn);
        }
        let read = self.turns.read()?;
        let domain = without_prefix(fqdn);
        match accounts::of_domain(&read, &domain)? {
            Some(owner) => Ok(owner == account.username),
            None => Ok(!accounts::has_domains(&read, account.username)?),
        }
    }
}

/// All names that have values, in a turn: what a zone has of this service, for whoever makes it anew.
///
/// # Errors
/// If the store fails.
pub fn zone_values(t: &WriteTransaction, domain: &Name) -> Result<Vec<TxtChange>, Fault> {
    let all = accounts::all_values(t)?;
    all.iter().map(|(subdomain, values)| change(subdomain, domain, values)).collect()
}

/// The domain whose `_acme-challenge` a name is; itself, if it is none.
fn without_prefix(fqdn: &Name) -> Name {
    let wire = fqdn.as_wire();
    let rest = wire.strip_prefix(PREFIX).and_then(|rest| Name::from_wire(rest).ok());
    rest.unwrap_or_else(|| fqdn.clone())
}

/// What the name of a subdomain has now.
pub(crate) fn change(subdomain: &str, domain: &Name, values: &Values) -> Result<TxtChange, Fault> {
    Ok(TxtChange { name: name(subdomain, domain)?, values: values.strings() })
}

/// The whole name of a subdomain.
fn name(subdomain: &str, domain: &Name) -> Result<Name, Fault> {
    let label = u8::try_from(subdomain.len()).map_err(|_| Fault::Damaged)?;
    let wire = [&[label], subdomain.as_bytes(), domain.as_wire()].concat();
    Name::from_wire(&wire).map_err(|_| Fault::Damaged)
}

/// A random name (RFC 9562 section 5.4).
fn random_uuid() -> Result<Uuid, Fault> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::NoRandom)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Writes the audit line of a change: who and where, and none of what is secret.
fn said(account: &Account, by: By, change: &'static str) {
    tracing::info!(
        target: "repute_challenge::audit",
        account = %account.username,
        subdomain = %account.subdomain,
        client = %by,
        change,
        "{change} of challenge account {} by {by}",
        account.username
    );
}

/// How many slow passwords are verified at a time: a tenth of a second each, beside what else the machine does.
const MOST_SLOW: usize = 2;
/// How many of them there are together with those that wait: a few seconds' worth.
pub(crate) const MOST_WAITING: usize = 64;
/// Most subdomains whose old values go in one turn.
const MOST_EXPIRED: usize = 1_000;
/// The label before a domain whose TXT records prove it (RFC 8555 section 8.4), in wire form.
const PREFIX: &[u8] = b"\x0f_acme-challenge";

#[cfg(test)]
pub(crate) mod tests;
