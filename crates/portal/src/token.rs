//! Tokens by which programs act for an account: made on a page, shown once, good for what their scopes say and never for
//! more than their owner may do himself.

use std::fmt;
use std::time::Duration;

use repute_database::accounts::{Account, Role};
use repute_database::evidence::{self, EvidenceSourceId};
use repute_database::tokens::{self, New, TokenId};
use repute_database::{Session, Timestamp};

use crate::account::note;
use crate::app::App;
use crate::error::AppError;
use crate::letter::{self, Event};
use crate::letters;
use crate::secret::{Secret, digest_of};

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// See the organisations that one belongs to, what they have and ask for.
    OrganisationsRead,
    /// Change contacts and members, claim domains.
    OrganisationsWrite,
    /// Ask for changes of a list.
    RequestsWrite,
    /// See the queue, every request and every organisation.
    QueueRead,
    /// Decide requests and removals, write notes, suspend.
    QueueWrite,
    /// Read the entries of lists.
    EntriesRead,
    /// Change entries without a request.
    EntriesWrite,
    /// Tell what traps, filters and people saw.
    EvidenceWrite,
    /// See who has an account.
    PeopleRead,
    /// Give roles, lock accounts.
    PeopleWrite,
    /// Let servers elsewhere have lists.
    Subscribers,
    /// Choose letters, see where one is signed in, end sessions and tokens.
    Account,
    /// Say what one is called, ask for another mail address.
    AccountWrite,
    /// See evidence, its sources and rules.
    EvidenceRead,
    /// Add and close sources of evidence, and purge them.
    EvidencePurge,
    /// Write rules, turn them on and off.
    RulesWrite,
    /// Take files into lists, purge a source of entries.
    EntriesImport,
    /// See the settings of lists.
    ListsRead,
    /// Add lists, change their settings.
    ListsWrite,
    /// Read the audit log.
    LogRead,
}

impl Scope {
    /// All of them, as a person reads them.
    pub(crate) const ALL: [Scope; 20] = [
        Scope::OrganisationsRead,
        Scope::OrganisationsWrite,
        Scope::RequestsWrite,
        Scope::QueueRead,
        Scope::QueueWrite,
        Scope::EntriesRead,
        Scope::EntriesWrite,
        Scope::EvidenceWrite,
        Scope::PeopleRead,
        Scope::PeopleWrite,
        Scope::Subscribers,
        Scope::Account,
        Scope::AccountWrite,
        Scope::EvidenceRead,
        Scope::EvidencePurge,
        Scope::RulesWrite,
        Scope::EntriesImport,
        Scope::ListsRead,
        Scope::ListsWrite,
        Scope::LogRead,
    ];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Scope::OrganisationsRead => "organisations:read",
            Scope::OrganisationsWrite => "organisations:write",
            Scope::RequestsWrite => "requests:write",
            Scope::QueueRead => "queue:read",
            Scope::QueueWrite => "queue:write",
            Scope::EntriesRead => "entries:read",
            Scope::EntriesWrite => "entries:write",
            Scope::EvidenceWrite => "evidence:write",
            Scope::PeopleRead => "people:read",
            Scope::PeopleWrite => "people:write",
            Scope::Subscribers => "subscribers",
            Scope::Account => "account",
            Scope::AccountWrite => "account:write",
            Scope::EvidenceRead => "evidence:read",
            Scope::EvidencePurge => "evidence:purge",
            Scope::RulesWrite => "rules:write",
            Scope::EntriesImport => "entries:import",
            Scope::ListsRead => "lists:read",
            Scope::ListsWrite => "lists:write",
            Scope::LogRead => "log:read",
        }
    }

    /// What it lets a program do, for whoever makes a token.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Scope::OrganisationsRead => {
                "See your organisations, what they have on lists, their claims and requests"
            }
            Scope::OrganisationsWrite => {
                "Change contacts and members of your organisations, claim domains"
            }
            Scope::RequestsWrite => "Ask for changes of lists in the name of your organisations",
            Scope::QueueRead => "See the queue, all requests, removals and organisations",
            Scope::QueueWrite => {
                "Decide requests and removals, write notes, set categories, suspend organisations"
            }
            Scope::EntriesRead => "Read all entries of lists with their sources and reasons",
            Scope::EntriesWrite => "Add, change and remove entries without a request",
            Scope::EvidenceWrite => "Tell what spam traps, filters and people saw",
            Scope::PeopleRead => "See who has an account",
            Scope::PeopleWrite => "Give roles, lock and unlock accounts, step in for organisations",
            Scope::Subscribers => "See, add and revoke servers elsewhere that may have lists",
            Scope::Account => {
                "Choose your letters, see where you are signed in, end sessions and tokens"
            }
            Scope::AccountWrite => {
                "Change what you are called, and with your password or a code your mail address"
            }
            Scope::EvidenceRead => {
                "See what was seen, its sources, rules and what they would change"
            }
            Scope::EvidencePurge => {
                "Add and close sources of evidence, remove all that one brought"
            }
            Scope::RulesWrite => "Write rules, turn them on and off",
            Scope::EntriesImport => {
                "Take files into lists, remove all entries that a source brought"
            }
            Scope::ListsRead => "See all settings of lists",
            Scope::ListsWrite => {
                "Add lists, change what they say, how they decide and how they are published"
            }
            Scope::LogRead => "Read the audit log",
        }
    }

    /// The least role that has use of it.
    pub(crate) fn least(self) -> Role {
        match self {
            Scope::OrganisationsRead
            | Scope::OrganisationsWrite
            | Scope::RequestsWrite
            | Scope::Account
            | Scope::AccountWrite => Role::Member,
            Scope::QueueRead
            | Scope::QueueWrite
            | Scope::EntriesRead
            | Scope::EntriesWrite
            | Scope::EvidenceWrite
            | Scope::EvidenceRead
            | Scope::EvidencePurge => Role::Editor,
            Scope::PeopleRead
            | Scope::PeopleWrite
            | Scope::Subscribers
            | Scope::RulesWrite
            | Scope::EntriesImport
            | Scope::ListsRead
            | Scope::ListsWrite
            | Scope::LogRead => Role::Administrator,
        }
    }

    /// Those that somebody with a role can give to a token.
    pub(crate) fn of_role(role: Role) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| scope.least() <= role)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What somebody wants a token to be.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What it is called.
    pub(crate) name: String,
    /// What it may be used for.
    pub(crate) scopes: Vec<Scope>,
    /// After how many days it ends; without them never.
    pub(crate) days: Option<u32>,
    /// As which sources of evidence it may speak.
    pub(crate) sources: Vec<EvidenceSourceId>,
}

/// Makes a token and tells its owner by a letter; the token, which is stored nowhere.
///
/// # Errors
/// If what is wanted cannot be, or the database fails.
pub(crate) async fn make(app: &App, account: &Account, wish: &Wish) -> Result<String, AppError> {
    let wrong = |why: &str| Err(AppError::Wrong(why.to_owned()));
    let name = wish.name.trim();
    if !(1..=60).contains(&name.chars().count()) || name.contains(char::is_control) {
        return wrong("give it a name of 60 characters or less");
    }
    if wish.scopes.is_empty() {
        return wrong("say what it may be used for");
    }
    if wish.scopes.iter().any(|scope| scope.least() > account.role) {
        return wrong("a token may not do more than you");
    }
    let tells = wish.scopes.contains(&Scope::EvidenceWrite);
    if !tells && !wish.sources.is_empty() {
        return wrong("only a token that tells what was seen has sources");
    }
    if tells && wish.sources.is_empty() && account.role != Role::Administrator {
        return wrong("say as which sources it tells what was seen");
    }
    let text = format!("{PREFIX}{}", Secret::new()?.text());
    let now = Timestamp::now();
    let scopes = wish.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ");
    let end = |days: u32| now.after(Duration::from_secs(u64::from(days) * 24 * 3600));
    let new = New {
        name,
        digest: &digest_of(&text),
        scopes: &scopes,
        expires: wish.days.map(end),
        sources: &wish.sources,
    };
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    // First this, which has others wait: what is counted stays so.
    note(t, account.id, account.id, "account.token", &format!("made: {scopes}"), now).await?;
    if tokens::of(t.session(), account.id).await?.len() >= MOST {
        return wrong("you have very many tokens: end those that are not used");
    }
    let known = evidence::names(t.session()).await?;
    if wish.sources.iter().any(|source| !known.iter().any(|(id, _)| id == source)) {
        return wrong("there is no such source of evidence");
    }
    tokens::add(t.session(), account.id, &new, now).await?;
    let letter = letter::told(&app.config, &account.mail, Event::TokenMade)?;
    letters::tell(t, &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(text)
}

/// Fails if a token may not tell what a source saw: one that has sources for others than these, one without any unless
/// its owner is an administrator.
///
/// # Errors
/// [`AppError::Refused`], or if the database fails.
pub(crate) async fn may_tell(
    mut session: Session<'_>,
    (token, account): (TokenId, &Account),
    source: &str,
) -> Result<(), AppError> {
    let sources = tokens::sources(session.again(), token).await?;
    if sources.is_empty() && account.role == Role::Administrator {
        return Ok(());
    }
    let found = evidence::source(session, source).await?;
    match found.is_some_and(|found| sources.contains(&found.id)) {
        true => Ok(()),
        false => Err(AppError::Refused(format!(
            "this token may not tell what `{source}` saw: make one for this source"
        ))),
    }
}

/// Ends a token. Whether the account had it.
///
/// # Errors
/// If the database fails.
pub(crate) async fn end(app: &App, account: &Account, id: TokenId) -> Result<bool, AppError> {
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let ended = tokens::end(transaction.session(), account.id, id).await?;
    if ended.is_some() {
        note(&mut transaction, account.id, account.id, "account.token", "ended", now).await?;
    }
    transaction.commit().await?;
    Ok(ended.is_some())
}

/// What all tokens begin with, so that those who search for lost ones know them.
const PREFIX: &str = "repute_";
/// So many an account has at most.
const MOST: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = Scope::ALL.map(Scope::word).into();
        assert_eq!(words.len(), Scope::ALL.len());
        assert_eq!(Scope::of_role(Role::Member).count(), 5);
        assert_eq!(Scope::of_role(Role::Administrator).count(), Scope::ALL.len());
    }
}
