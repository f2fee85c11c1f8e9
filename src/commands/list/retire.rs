//! `repute list retire`: the end of a list, as RFC 6471 section 3.4 asks for it.
//!
//! What a list must never do at its end is to list everything, so that who has not noticed loses all mail. It answers
//! that nothing is listed, for as long as anybody asks.

use anyhow::bail;
use repute_database::lists::State;
use repute_database::{Database, Timestamp};
use repute_dnsxl::{KeyKind, Name};
use repute_registry::retirement;

use super::find;
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// A step of the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Says what comes.
    Announce,
    /// Empties the list.
    Empty,
    /// Ends it.
    End,
}

impl Step {
    /// The step of these options.
    pub(super) fn of(empty: bool, end: bool) -> Step {
        match (empty, end) {
            (true, _) => Step::Empty,
            (false, true) => Step::End,
            (false, false) => Step::Announce,
        }
    }
}

/// Runs the command.
pub(super) async fn run(database: &Database, apex: &Name, step: Step) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let list = find(&mut transaction, apex).await?;
    let test = match list.list.keys {
        KeyKind::Ip => "2.0.0.127",
        KeyKind::Name => "test",
    };
    let actor = shell_user::actor(transaction.session()).await?;
    let now = Timestamp::now();
    match step {
        Step::Announce if list.state == State::Active => {
            say!(
                "{apex} is in use. To shut it down without harm:\n\
                 1. say so: on its pages, on mailing lists, to those who ship it in their configurations\n\
                 2. `repute list retire {apex} --empty`: it lists nothing, and {test}.{apex} tells so\n\
                 3. wait a month or more, while users take it out of their configurations\n\
                 4. `repute list retire {apex} --end`: it goes on to list nothing, with long times to live\n\
                 5. keep the domain, and its servers as long as they are asked: whoever registers it after\n\
                    you could list the world"
            );
        }
        Step::Announce => bail!("{apex} is being shut down already"),
        Step::Empty => {
            retirement::empty(&mut transaction, &list, &actor, now).await?;
            transaction.commit().await?;
            say!(
                "{apex} is published without entries and without test entries. See for yourself, at its server:\n\
                 dig {test}.{apex} A    must say NXDOMAIN\n\
                 A month from now: `repute list retire {apex} --end`"
            );
        }
        Step::End => {
            retirement::end(&mut transaction, &list, &actor, now).await?;
            transaction.commit().await?;
            say!(
                "{apex} is retired, and goes on to answer that nothing is listed. Keep the domain. When nobody asks \
                 any more, have NS records with a time to live of 604800 point to names in 192.0.2.0/24"
            );
        }
    }
    Ok(Verdict::Yes)
}
