//! Gives up root once the sockets are open.
//!
//! A process that nobody told whom to become keeps its user: in a container, or under a service
//! manager that switched already, that is right. One that was told and cannot does not start.
//!
//! What the new user has to write is made before that: see `belongings`.

use std::fmt;

use anyhow::{Context, bail};
use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgid, getuid, setgid, setgroups, setuid,
};

use crate::config::UserName;

/// A user and a group of the system. Shown as `chown` takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user's number.
    pub(crate) uid: Uid,
    /// The group's number.
    pub(crate) gid: Gid,
    /// The user's name, or number if it has none.
    pub(crate) user: String,
    /// The group's name, or number if it has none.
    pub(crate) group: String,
}

impl Account {
    /// Finds whom the configuration names.
    ///
    /// # Errors
    /// If there is no such user or group, or if it is root.
    pub(crate) fn find(name: &UserName) -> anyhow::Result<Account> {
        let (uid, own_group) = user(&name.user)?;
        let gid = match &name.group {
            Some(group) => self::group(group)?,
            None => {
                own_group.with_context(|| format!("user {uid} has no entry: name a group too"))?
            }
        };
        if uid.is_root() {
            bail!("server.user is root: leave it empty to keep root");
        }
        Ok(Account::of(uid, gid))
    }

    /// Whom the process is now.
    pub(crate) fn current() -> Account {
        Account::of(geteuid(), getegid())
    }

    /// Becomes this user, for good.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn assume(&self) -> anyhow::Result<()> {
        let Account { uid, gid, .. } = *self;
        if getuid() == uid && getgid() == gid {
            return Ok(());
        }
        // The groups first: without root they can no longer be changed.
        setgroups(&[gid]).context("cannot drop supplementary groups (is this root?)")?;
        setgid(gid).with_context(|| format!("cannot become group {gid}"))?;
        setuid(uid).with_context(|| format!("cannot become user {uid}"))?;
        if setuid(Uid::from_raw(0)).is_ok() {
            bail!("root could be regained after becoming user {uid}");
        }
        Ok(())
    }

    /// The account with these numbers, and the names they have.
    fn of(uid: Uid, gid: Gid) -> Account {
        let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
        let group = Group::from_gid(gid).ok().flatten().map(|group| group.name);
        Account {
            uid,
            gid,
            user: user.unwrap_or_else(|| uid.to_string()),
            group: group.unwrap_or_else(|| gid.to_string()),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.user, self.group)
    }
}

/// A user by name or number, and the user's own group.
fn user(name: &str) -> anyhow::Result<(Uid, Option<Gid>)> {
    if let Ok(number) = name.parse() {
        let uid = Uid::from_raw(number);
        return Ok((uid, User::from_uid(uid)?.map(|user| user.gid)));
    }
    let user = User::from_name(name)?.with_context(|| format!("there is no user `{name}`"))?;
    Ok((user.uid, Some(user.gid)))
}

/// A group by name or number.
fn group(name: &str) -> anyhow::Result<Gid> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let group = Group::from_name(name)?.with_context(|| format!("there is no group `{name}`"))?;
    Ok(group.gid)
}
