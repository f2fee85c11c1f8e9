//! Who may do what: one table, which everything that people do goes through.
//!
//! A person has a role on the whole of the registry and a relation to the organisation at hand. An editor who
//! belongs to an organisation decides nothing about it.
//!
//! Not here: who somebody is (accounts), and what an action needs besides (its own rules).

use std::fmt;

use repute_database::organisations::MemberRole;

/// A person who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: i64,
    /// What it may do in the registry.
    pub role: Role,
}

/// What an account may do in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Speaks for organisations.
    Member,
    /// Decides what is listed.
    Editor,
    /// Decides, and says what lists are and who edits them.
    Administrator,
}

/// What an account is to the organisation at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// Nothing.
    Stranger,
    /// It belongs to it.
    Member,
    /// It says who belongs to it.
    Owner,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Claim a domain, for a new organisation or one that is there.
    Claim,
    /// Add an organisation for which nobody speaks yet.
    AddOrganisation,
    /// See an organisation's people, contacts, claims and requests.
    ReadOrganisation,
    /// Change where an organisation is written to.
    ChangeContacts,
    /// Say who belongs to an organisation.
    ChangeMembers,
    /// Draft a request, change, submit or take it back.
    Request,
    /// See the queue, evidence and notes.
    ReadQueue,
    /// Decide a request or a removal.
    Decide,
    /// Take back what was decided.
    Undo,
    /// Write a note for other editors.
    WriteNote,
    /// Suspend an organisation, or end that.
    Suspend,
    /// Say by which domains an organisation is known, so that who proves one speaks for it.
    NameDomains,
    /// Step in where an organisation cannot help itself: an owner, contacts, a claim.
    Intervene,
    /// Say which category of a list an organisation is in.
    Categorise,
    /// Change entries without a request.
    EditEntries,
    /// Remove all that a source of evidence brought.
    PurgeSource,
    /// Turn rules on and off.
    ChangeRules,
    /// Say what a list is, how it decides and how it is published.
    ChangeLists,
}

/// Somebody wanted to do what he may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("you may not {0}{hint}", hint = self.hint())]
pub struct Denied(pub Action, pub Relation);

/// Whether somebody may do something.
pub fn may(role: Role, relation: Relation, action: Action) -> bool {
    let is_editor = role >= Role::Editor;
    let is_stranger = relation == Relation::Stranger;
    match action {
        Action::Claim => true,
        Action::ReadOrganisation => is_editor || !is_stranger,
        Action::ChangeContacts | Action::ChangeMembers => relation == Relation::Owner,
        Action::Request => !is_stranger,
        Action::ReadQueue | Action::PurgeSource | Action::AddOrganisation => is_editor,
        Action::Decide
        | Action::Undo
        | Action::Suspend
        | Action::WriteNote
        | Action::NameDomains
        | Action::Categorise
        | Action::EditEntries => is_editor && is_stranger,
        Action::Intervene => role == Role::Administrator && is_stranger,
        Action::ChangeLists | Action::ChangeRules => role == Role::Administrator,
    }
}

/// Lets somebody do something, or not.
///
/// # Errors
/// If he may not.
pub fn check(person: Person, relation: Relation, action: Action) -> Result<(), Denied> {
    match may(person.role, relation, action) {
        true => Ok(()),
        false => Err(Denied(action, relation)),
    }
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 18] = [
        Action::Claim,
        Action::AddOrganisation,
        Action::ReadOrganisation,
        Action::ChangeContacts,
        Action::ChangeMembers,
        Action::Request,
        Action::ReadQueue,
        Action::Decide,
        Action::Undo,
        Action::WriteNote,
        Action::Suspend,
        Action::NameDomains,
        Action::Intervene,
        Action::Categorise,
        Action::EditEntries,
        Action::PurgeSource,
        Action::ChangeRules,
        Action::ChangeLists,
    ];
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Claim => "claim a domain",
            Action::AddOrganisation => "add organisations",
            Action::ReadOrganisation => "see this organisation",
            Action::ChangeContacts => "change its contacts",
            Action::ChangeMembers => "change who belongs to it",
            Action::Request => "ask for changes in its name",
            Action::ReadQueue => "see the queue",
            Action::Decide => "decide this",
            Action::Undo => "take this back",
            Action::WriteNote => "write notes about it",
            Action::Suspend => "suspend it",
            Action::NameDomains => "say which domains it is known by",
            Action::Intervene => "step in for its owners",
            Action::Categorise => "say which category it is in",
            Action::EditEntries => "change these entries",
            Action::PurgeSource => "purge a source",
            Action::ChangeRules => "turn rules on and off",
            Action::ChangeLists => "change what a list is",
        })
    }
}

impl Denied {
    /// What would have to be different.
    fn hint(self) -> &'static str {
        match (self.0, self.1) {
            (
                Action::Decide
                | Action::Undo
                | Action::Suspend
                | Action::WriteNote
                | Action::NameDomains
                | Action::Categorise
                | Action::EditEntries,
                Relation::Member | Relation::Owner,
            ) => ": you belong to the organisation, so another editor does that",
            (Action::ChangeContacts | Action::ChangeMembers, _) => ": only its owners do that",
            (Action::ReadOrganisation | Action::Request, _) => {
                ": you do not belong to it; claim one of its domains first"
            }
            (Action::Intervene, Relation::Member | Relation::Owner) => {
                ": you belong to the organisation, so another administrator does that"
            }
            (Action::ChangeLists | Action::ChangeRules | Action::Intervene, _) => {
                ": only administrators do that"
            }
            (
                Action::ReadQueue
                | Action::AddOrganisation
                | Action::PurgeSource
                | Action::Decide
                | Action::Undo
                | Action::Suspend
                | Action::WriteNote
                | Action::NameDomains
                | Action::Categorise
                | Action::EditEntries,
                _,
            ) => ": only editors do that",
            (Action::Claim, _) => "",
        }
    }
}

impl From<Option<MemberRole>> for Relation {
    fn from(role: Option<MemberRole>) -> Relation {
        match role {
            None => Relation::Stranger,
            Some(MemberRole::Member) => Relation::Member,
            Some(MemberRole::Owner) => Relation::Owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may do what: for each role the relations stranger, member, owner.
    const TABLE: [(Action, [&str; 3]); 18] = [
        //                           member editor administrator
        (Action::Claim, ["smo", "smo", "smo"]),
        (Action::AddOrganisation, ["---", "smo", "smo"]),
        (Action::ReadOrganisation, ["-mo", "smo", "smo"]),
        (Action::ChangeContacts, ["--o", "--o", "--o"]),
        (Action::ChangeMembers, ["--o", "--o", "--o"]),
        (Action::Request, ["-mo", "-mo", "-mo"]),
        (Action::ReadQueue, ["---", "smo", "smo"]),
        (Action::Decide, ["---", "s--", "s--"]),
        (Action::Undo, ["---", "s--", "s--"]),
        (Action::WriteNote, ["---", "s--", "s--"]),
        (Action::Suspend, ["---", "s--", "s--"]),
        (Action::NameDomains, ["---", "s--", "s--"]),
        (Action::Intervene, ["---", "---", "s--"]),
        (Action::Categorise, ["---", "s--", "s--"]),
        (Action::EditEntries, ["---", "s--", "s--"]),
        (Action::PurgeSource, ["---", "smo", "smo"]),
        (Action::ChangeRules, ["---", "---", "smo"]),
        (Action::ChangeLists, ["---", "---", "smo"]),
    ];

    #[test]
    fn every_action_is_allowed_to_whom_the_table_says() {
        assert_eq!(TABLE.map(|(action, _)| action), Action::ALL, "the table has every action");
        let roles = [Role::Member, Role::Editor, Role::Administrator];
        let relations = [Relation::Stranger, Relation::Member, Relation::Owner];
        for (action, allowed) in TABLE {
            for (role, allowed) in roles.into_iter().zip(allowed) {
                let found: String = relations
                    .into_iter()
                    .zip("smo".chars())
                    .map(|(relation, letter)| match may(role, relation, action) {
                        true => letter,
                        false => '-',
                    })
                    .collect();
                assert_eq!(found, allowed, "{action:?} by {role:?}");
            }
        }
    }

    #[test]
    fn a_refusal_says_what_would_have_to_be_different() {
        let editor = Person { account: 1, role: Role::Editor };
        let refused = check(editor, Relation::Member, Action::Decide).expect_err("a conflict");
        let words =
            "you may not decide this: you belong to the organisation, so another editor does that";
        assert_eq!(refused.to_string(), words);
        let member = Person { role: Role::Member, ..editor };
        let refused = check(member, Relation::Stranger, Action::Decide).expect_err("no editor");
        assert_eq!(refused.to_string(), "you may not decide this: only editors do that");
    }
}
