//! Accounts that come from acme-dns, taken in one turn.
//!
//! What its database holds comes in as texts, since anybody may have written to it: they are read here, and an account that
//! cannot be taken is named and the others taken. A source is taken once. What is here already stays as it is, so an import
//! that comes twice, or late, takes nothing back.

use uuid::Uuid;

use crate::accounts::{self, Account};
use crate::allow_from::AllowFrom;
use crate::password::Secret;
use crate::service::{Service, change};
use crate::turn::{Fault, Turns};
use crate::values::{Moment, Text, Values};

/// An account as acme-dns keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// Its name.
    pub username: String,
    /// The bcrypt hash of its password.
    pub password: String,
    /// The label of its values.
    pub subdomain: String,
    /// From where it may be used, as a list in JSON; nothing is an empty one.
    pub allow_from: String,
    /// Its values, the oldest first; empty ones are none.
    pub values: Vec<String>,
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// It was done before, and nothing was done now.
    Done {
        /// When.
        at: Moment,
    },
    /// Accounts were taken.
    Taken {
        /// How many.
        accounts: usize,
        /// How many were here already, by their name or their subdomain.
        there: usize,
        /// Those that could not be taken.
        faults: Vec<ImportFault>,
    },
}

/// Why an account was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("account {username:?} of acme-dns was not taken: {reason}; register it anew")]
pub struct ImportFault {
    /// Its name, as it stands there.
    pub username: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What may be wrong with an account of acme-dns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The name.
    #[error("its name is no UUID")]
    Username,
    /// The password.
    #[error("its password is no bcrypt hash, or one of a cost above 14")]
    Password,
    /// The subdomain.
    #[error("its subdomain is not one label of letters, digits and hyphens")]
    Subdomain,
    /// The networks: without them anybody could use it.
    #[error("its `AllowFrom` is not a list of networks")]
    AllowFrom,
}

impl<T: Turns> Service<T> {
    /// When accounts were taken from `source`, if they were.
    ///
    /// # Errors
    /// If the store fails.
    pub fn imported(&self, source: &str) -> Result<Option<Moment>, Fault> {
        accounts::was_imported(&self.turns().read()?, source)
    }

    /// Takes accounts from `source` (a name for where they are, without a password), unless that was done before.
    ///
    /// # Errors
    /// If the store fails; then nothing is taken.
    pub async fn import(
        &self,
        source: String,
        foreign: Vec<Foreign>,
        now: Moment,
    ) -> Result<Import, Fault> {
        let settings = self.settings().clone();
        let work = move |t: &redb::WriteTransaction| {
            if let Some(at) = accounts::imported(t, &source)? {
                return Ok((Import::Done { at }, Vec::new()));
            }
            let (mut taken, mut there) = (0, 0);
            let (mut faults, mut changes) = (Vec::new(), Vec::new());
            for foreign in &foreign {
                let account = match read(foreign, now) {
                    // A name that is too long together with the zone's is none.
                    Ok(account)
                        if change(&account.subdomain, &settings.domain, &Values::default())
                            .is_err() =>
                    {
                        Err(Reason::Subdomain)
                    }
                    read => read,
                };
                let account = match account {
                    Ok(account) => account,
                    Err(reason) => {
                        let username = foreign.username.clone();
                        faults.push(ImportFault { username, reason });
                        continue;
                    }
                };
                if !accounts::add(t, &account)? {
                    there += 1;
                    continue;
                }
                taken += 1;
                let add = |values: &mut Values| {
                    let texts = foreign.values.iter().filter_map(|text| Text::parse(text));
                    texts.for_each(|text| values.add(&text, now, &settings.keep));
                };
                let (values, ()) =
                    accounts::change_values(t, &account.subdomain, &settings.keep, add)?;
                if !values.0.is_empty() {
                    changes.push(change(&account.subdomain, &settings.domain, &values)?);
                }
            }
            accounts::set_imported(t, &source, now)?;
            Ok((Import::Taken { accounts: taken, there, faults }, changes))
        };
        self.turns().turn(work).await
    }
}

/// Reads an account.
fn read(foreign: &Foreign, now: Moment) -> Result<Account, Reason> {
    Ok(Account {
        username: Uuid::parse_str(&foreign.username).map_err(|_| Reason::Username)?,
        subdomain: is_subdomain(&foreign.subdomain)
            .then(|| foreign.subdomain.clone())
            .ok_or(Reason::Subdomain)?,
        allow_from: allow_from(&foreign.allow_from).ok_or(Reason::AllowFrom)?,
        created: now,
        secret: Secret::from_bcrypt(&foreign.password).ok_or(Reason::Password)?,
    })
}

/// Whether a text is one label, as acme-dns has them.
fn is_subdomain(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Reads a list of networks in JSON.
fn allow_from(json: &str) -> Option<AllowFrom> {
    if json.trim().is_empty() {
        return Some(AllowFrom::default());
    }
    let texts: Option<Vec<String>> = serde_json::from_str(json).ok()?;
    AllowFrom::parse(texts.unwrap_or_default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::Password;
    use crate::service::tests::service;
    use crate::service::{By, Unproved};
    use crate::values::Keep;

    const HASH: &str = "$2a$10$ldVoGU5yrdlbPzuPUbUfleVovGjaRelP9tql0IltVUJk778gf.2tu";
    const USERNAME: &str = "a097455b-52cc-4569-90c8-7a4b97c6eba8";
    const SUBDOMAIN: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf";

    /// An account as acme-dns keeps it, with a hash of little cost.
    fn foreign(password: &Password) -> Foreign {
        Foreign {
            username: USERNAME.to_owned(),
            password: bcrypt::hash(password.as_str(), 4).expect("a hash"),
            subdomain: SUBDOMAIN.to_owned(),
            allow_from: r#"["192.0.2.0/24","2001:db8::/32"]"#.to_owned(),
            values: vec![String::new(), "a".repeat(43)],
        }
    }

    fn taken(accounts: usize, there: usize) -> Import {
        Import::Taken { accounts, there, faults: Vec::new() }
    }

    #[tokio::test]
    async fn an_imported_account_is_used_by_its_old_password_and_then_has_a_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let (service, zone) = service(&folder, Keep::default()).await;
        let password = Password::random().expect("one");
        let source = || "acme-dns.db".to_owned();
        let all = vec![foreign(&password)];
        let import = service.import(source(), all.clone(), Moment(7)).await.expect("it is taken");
        assert_eq!(import, taken(1, 0));
        let again = service.import(source(), all, Moment(8)).await.expect("it is known");
        assert_eq!(again, Import::Done { at: Moment(7) });
        let name = format!("{SUBDOMAIN}.auth.example");
        let served = || zone.lock().expect("no panic").get(&name).cloned();
        assert_eq!(served(), Some(vec!["a".repeat(43)]));

        let username = Uuid::parse_str(USERNAME).expect("a name");
        let find = || service.find(username).expect("it is read");
        assert!(find().is_slow());
        let wrong = service.prove(find(), Password::random().expect("one")).await;
        assert!(matches!(wrong, Err(Unproved::Wrong)));
        // Two at once, of which the second finds a digest where it saw a hash.
        let first = service.prove(find(), password.clone()).await.expect("it is right");
        let second = service.prove(find(), password.clone()).await.expect("it is right");
        let networks = first.account().allow_from.texts().map(str::to_owned);
        assert!(networks.eq(["192.0.2.0/24", "2001:db8::/32"]));
        let text = |of: &str| Text::parse(&of.repeat(43)).expect("a value");
        service.update(first, text("b"), By::Operator, Moment(9)).await.expect("it is done");
        assert!(!find().is_slow());
        service.update(second, text("c"), By::Operator, Moment(9)).await.expect("it is done");
        let third = service.prove(find(), password).await.expect("it is right");
        service.update(third, text("d"), By::Operator, Moment(9)).await.expect("it is done");
        assert_eq!(served().map(|values| values.len()), Some(4));
    }

    #[tokio::test]
    async fn what_is_here_stays_and_what_is_broken_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (service, _zone) = service(&folder, Keep::default()).await;
        let good = Foreign {
            username: USERNAME.to_owned(),
            password: HASH.to_owned(),
            subdomain: SUBDOMAIN.to_owned(),
            ..Foreign::default()
        };
        let first = service.import("a".to_owned(), vec![good.clone()], Moment(0)).await;
        assert_eq!(first.expect("it is taken"), taken(1, 0));
        let rotated = service.rotate(Uuid::parse_str(USERNAME).expect("a name"), By::Operator);
        let rotated = rotated.await.expect("it is done");
        let other = |username: &str| Foreign { username: username.to_owned(), ..good.clone() };
        let long = "x".repeat(64);
        let bad = |change: fn(&mut Foreign)| {
            let mut foreign = other("b097455b-52cc-4569-90c8-7a4b97c6eba8");
            foreign.subdomain = "free".to_owned();
            change(&mut foreign);
            foreign
        };
        let all = vec![
            good.clone(),
            // Its subdomain is taken, in another case.
            Foreign { subdomain: SUBDOMAIN.to_uppercase(), ..bad(|_| {}) },
            bad(|foreign| foreign.username = "me".to_owned()),
            bad(|foreign| foreign.password = "secret".to_owned()),
            bad(|foreign| foreign.subdomain = "a.b".to_owned()),
            bad(|foreign| foreign.subdomain = String::new()),
            Foreign { subdomain: long, ..bad(|_| {}) },
            bad(|foreign| foreign.allow_from = r#"["everywhere"]"#.to_owned()),
            bad(|foreign| foreign.allow_from = "192.0.2.0/24".to_owned()),
            bad(|foreign| foreign.allow_from = "null".to_owned()),
        ];
        let second = service.import("b".to_owned(), all, Moment(0)).await.expect("it is taken");
        assert_eq!(service.imported("b").expect("it is read"), Some(Moment(0)));
        assert_eq!(service.imported("c").expect("it is read"), None);
        let Import::Taken { accounts: 1, there: 2, faults } = second else { panic!("{second:?}") };
        let reasons: Vec<_> = faults.iter().map(|fault| fault.reason).collect();
        use Reason::{AllowFrom, Password, Subdomain, Username};
        let expect = [Username, Password, Subdomain, Subdomain, Subdomain, AllowFrom, AllowFrom];
        assert_eq!(reasons, expect);
        assert_eq!(
            faults[0].to_string(),
            "account \"me\" of acme-dns was not taken: its name is no UUID; register it anew"
        );
        let found = service.find(Uuid::parse_str(USERNAME).expect("a name")).expect("it is read");
        assert!(service.prove(found, rotated).await.is_ok(), "what is here was not overwritten");
    }
}
