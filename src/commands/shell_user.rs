//! Who sits at the shell: the system's user, whom the audit log tells apart from others by a pseudonym.
//!
//! A second person is asked for where a change may do harm, so every command that changes something acts as this
//! one user, never as "the command line". Whether a user and an account of the portal are one person cannot be told
//! here.

use nix::unistd::{Uid, User};
use repute_database::{DatabaseError, Session, audit};

/// The pseudonym of the user who runs this.
pub(super) async fn actor(session: Session<'_>) -> Result<String, DatabaseError> {
    audit::user(session, number()).await
}

/// The number of the user who runs this.
pub(super) fn number() -> u32 {
    let sudo = std::env::var("SUDO_UID").ok();
    behind(nix::unistd::getuid().as_raw(), sudo.as_deref())
}

/// What the audit log shows of each user that it knows: the name he has on this machine, or else his number.
pub(super) async fn names(session: Session<'_>) -> Result<Vec<(String, String)>, DatabaseError> {
    let users = audit::users(session).await?;
    let name = |uid: u32| match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("user {uid}"),
    };
    Ok(users.into_iter().map(|(pseudonym, uid)| (pseudonym, name(uid))).collect())
}

/// The user behind root: who called sudo, by what sudo says of him. Of others that variable is believed by nobody.
fn behind(uid: u32, sudo: Option<&str>) -> u32 {
    match (uid, sudo.and_then(|sudo| sudo.parse().ok())) {
        (0, Some(caller)) => caller,
        (uid, _) => uid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_is_somebody_else_behind_sudo() {
        for (uid, sudo, expect) in [
            (0, None, 0),
            (0, Some("1000"), 1000),
            (0, Some("root"), 0),
            (0, Some("-1"), 0),
            (1000, Some("1001"), 1000),
        ] {
            assert_eq!(behind(uid, sudo), expect, "{uid} {sudo:?}");
        }
    }
}
