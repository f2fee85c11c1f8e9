//! Gives up root once the sockets are open.
//!
//! A process that nobody told whom to become keeps its user: in a container, or under a service
//! manager that switched already, that is right. One that was told and cannot does not start.

use anyhow::{Context, bail};
use nix::unistd::{Gid, Group, Uid, User, getuid, setgid, setgroups, setuid};

use crate::config::UserName;

/// Becomes another user, for good.
///
/// # Errors
/// If there is no such user or group, if it is root, or if the system refuses.
pub(crate) fn become_user(name: &UserName) -> anyhow::Result<()> {
    let (uid, own_group) = user(&name.user)?;
    let gid = match &name.group {
        Some(group) => self::group(group)?,
        None => own_group.with_context(|| format!("user {uid} has no entry: name a group too"))?,
    };
    if uid.is_root() {
        bail!("server.user is root: leave it empty to keep root");
    }
    if getuid() == uid && nix::unistd::getgid() == gid {
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
