//! One sentence on the next page: what was just done. It travels in a cookie as a word, never as text.

/// What the next page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flash {
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// An account was made.
    Joined,
    /// Another password holds.
    PasswordChanged,
    /// A session was ended.
    SessionEnded,
    /// Somebody wants other letters.
    LettersChosen,
    /// A letter goes to an address from which others came back.
    LetterTried,
    /// Somebody is invited.
    Invited,
    /// Somebody is not any more.
    InvitationRevoked,
    /// Somebody belongs to an organisation.
    JoinedOrganisation,
    /// Entries are still right.
    StillRight,
    /// A claim was made.
    ClaimOpened,
    /// A claim was proven.
    ClaimProven,
    /// A proof was looked for, and is not there.
    ClaimNotFound,
    /// A claim was taken back.
    ClaimWithdrawn,
    /// An administrator ended a claim.
    ClaimEnded,
    /// An organisation is written to elsewhere.
    ContactsChanged,
    /// Others belong to an organisation.
    MembersChanged,
    /// An organisation was suspended.
    Suspended,
    /// A suspension is over.
    Resumed,
    /// An organisation is known by one more domain.
    DomainNamed,
    /// An organisation is known by one domain less.
    DomainForgotten,
    /// An organisation is in another category.
    Categorised,
    /// A note was written.
    Noted,
    /// An editor added an organisation.
    OrganisationAdded,
    /// What was asked for is on the list.
    RequestPublished,
    /// A request waits for an editor.
    RequestQueued,
    /// A check sent a request back.
    RequestCameBack,
    /// A request was taken back.
    RequestWithdrawn,
    /// An editor took a request.
    RequestTaken,
    /// Something was decided.
    RequestDecided,
    /// A second editor has to agree.
    RequestWaitsForSecond,
    /// A request takes back another one.
    UndoBegun,
    /// An editor said that he is partial.
    ConflictDeclared,
    /// He took that back.
    ConflictTakenBack,
    /// Codes are asked for from now on.
    TotpAdded,
    /// Codes are not asked for any more.
    TotpRemoved,
    /// A token does not work any more.
    TokenEnded,
    /// There is one more passkey.
    PasskeyAdded,
    /// There is one passkey less.
    PasskeyRemoved,
    /// An account is gone.
    Deleted,
    /// Somebody else's account is gone.
    SomebodyDeleted,
    /// Somebody is called otherwise.
    NameChanged,
    /// A letter went to an address that somebody wants to have.
    MailAsked,
    /// Somebody has another address.
    MailChanged,
    /// Somebody has another role.
    RoleGiven,
    /// Somebody cannot use his account.
    Locked,
    /// Somebody can use it again.
    Unlocked,
    /// Somebody has no second factors any more.
    FactorsReset,
    /// Something proposed was listed.
    ProposalsAccepted,
    /// A second editor has to agree to some of what was proposed.
    ProposalsWait,
    /// A change waits for a second editor.
    MotionMade,
    /// A second editor agreed.
    MotionDone,
    /// A second editor agreed to what the first one may not want any more.
    MotionTakenOver,
    /// What a second editor agreed to is out of date.
    MotionStale,
    /// A second editor did not agree.
    MotionRefused,
    /// A change that waited was taken back.
    MotionWithdrawn,
    /// Something proposed was refused.
    ProposalsRefused,
    /// Work was ordered.
    WorkBegun,
    /// Work was cancelled.
    WorkCancelled,
    /// A rule was turned on.
    RuleOn,
    /// A rule was turned off.
    RuleOff,
    /// There is another list.
    ListAdded,
    /// A list is set up otherwise.
    SettingsChanged,
    /// Imports may list something again.
    LetBack,
    /// An entry was changed.
    EntryChanged,
    /// A change of an entry was taken back.
    ChangeUndone,
    /// A change is made, but waits for a second person before it is published.
    ChangeHeld,
    /// Entries were given to an organisation, or taken from one.
    Given,
    /// As many as are given at once, and there are more.
    SomeGiven,
    /// A version that waited is approved.
    VersionApproved,
    /// What was decided waits until an editor has looked at something else.
    RequestHeld,
    /// What was begun took too long, or was wrong too often.
    Again,
}

impl Flash {
    /// All of them.
    const ALL: &'static [Flash] = &[
        Flash::SignedIn,
        Flash::SignedOut,
        Flash::Joined,
        Flash::PasswordChanged,
        Flash::SessionEnded,
        Flash::LettersChosen,
        Flash::LetterTried,
        Flash::Invited,
        Flash::InvitationRevoked,
        Flash::JoinedOrganisation,
        Flash::StillRight,
        Flash::ClaimOpened,
        Flash::ClaimProven,
        Flash::ClaimNotFound,
        Flash::ClaimWithdrawn,
        Flash::ClaimEnded,
        Flash::ContactsChanged,
        Flash::MembersChanged,
        Flash::Suspended,
        Flash::Resumed,
        Flash::DomainNamed,
        Flash::DomainForgotten,
        Flash::Categorised,
        Flash::Noted,
        Flash::OrganisationAdded,
        Flash::RequestPublished,
        Flash::RequestQueued,
        Flash::RequestCameBack,
        Flash::RequestWithdrawn,
        Flash::RequestTaken,
        Flash::RequestDecided,
        Flash::RequestWaitsForSecond,
        Flash::UndoBegun,
        Flash::ConflictDeclared,
        Flash::ConflictTakenBack,
        Flash::TotpAdded,
        Flash::TotpRemoved,
        Flash::TokenEnded,
        Flash::PasskeyAdded,
        Flash::PasskeyRemoved,
        Flash::Deleted,
        Flash::SomebodyDeleted,
        Flash::NameChanged,
        Flash::MailAsked,
        Flash::MailChanged,
        Flash::RoleGiven,
        Flash::Locked,
        Flash::Unlocked,
        Flash::FactorsReset,
        Flash::ProposalsAccepted,
        Flash::ProposalsWait,
        Flash::MotionMade,
        Flash::MotionDone,
        Flash::MotionTakenOver,
        Flash::MotionStale,
        Flash::MotionRefused,
        Flash::MotionWithdrawn,
        Flash::ProposalsRefused,
        Flash::WorkBegun,
        Flash::WorkCancelled,
        Flash::RuleOn,
        Flash::RuleOff,
        Flash::ListAdded,
        Flash::SettingsChanged,
        Flash::LetBack,
        Flash::EntryChanged,
        Flash::ChangeUndone,
        Flash::ChangeHeld,
        Flash::Given,
        Flash::SomeGiven,
        Flash::VersionApproved,
        Flash::RequestHeld,
        Flash::Again,
    ];

    /// Its word in the cookie.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Flash::SignedIn => "signed-in",
            Flash::SignedOut => "signed-out",
            Flash::Joined => "joined",
            Flash::PasswordChanged => "password-changed",
            Flash::SessionEnded => "session-ended",
            Flash::LettersChosen => "letters-chosen",
            Flash::LetterTried => "letter-tried",
            Flash::Invited => "invited",
            Flash::InvitationRevoked => "invitation-revoked",
            Flash::JoinedOrganisation => "joined-organisation",
            Flash::StillRight => "still-right",
            Flash::ClaimOpened => "claim-opened",
            Flash::ClaimProven => "claim-proven",
            Flash::ClaimNotFound => "claim-not-found",
            Flash::ClaimWithdrawn => "claim-withdrawn",
            Flash::ClaimEnded => "claim-ended",
            Flash::ContactsChanged => "contacts-changed",
            Flash::MembersChanged => "members-changed",
            Flash::Suspended => "suspended",
            Flash::Resumed => "resumed",
            Flash::DomainNamed => "domain-named",
            Flash::DomainForgotten => "domain-forgotten",
            Flash::Categorised => "categorised",
            Flash::Noted => "noted",
            Flash::OrganisationAdded => "organisation-added",
            Flash::RequestPublished => "request-published",
            Flash::RequestQueued => "request-queued",
            Flash::RequestCameBack => "request-came-back",
            Flash::RequestWithdrawn => "request-withdrawn",
            Flash::RequestTaken => "request-taken",
            Flash::RequestDecided => "request-decided",
            Flash::RequestWaitsForSecond => "request-waits",
            Flash::UndoBegun => "undo-begun",
            Flash::ConflictDeclared => "conflict-declared",
            Flash::ConflictTakenBack => "conflict-taken-back",
            Flash::TotpAdded => "totp-added",
            Flash::TotpRemoved => "totp-removed",
            Flash::TokenEnded => "token-ended",
            Flash::PasskeyAdded => "passkey-added",
            Flash::PasskeyRemoved => "passkey-removed",
            Flash::Deleted => "deleted",
            Flash::SomebodyDeleted => "somebody-deleted",
            Flash::NameChanged => "name-changed",
            Flash::MailAsked => "mail-asked",
            Flash::MailChanged => "mail-changed",
            Flash::RoleGiven => "role-given",
            Flash::Locked => "locked",
            Flash::Unlocked => "unlocked",
            Flash::FactorsReset => "factors-reset",
            Flash::ProposalsAccepted => "proposals-accepted",
            Flash::ProposalsWait => "proposals-wait",
            Flash::MotionMade => "motion-made",
            Flash::MotionDone => "motion-done",
            Flash::MotionTakenOver => "motion-taken-over",
            Flash::MotionStale => "motion-stale",
            Flash::MotionRefused => "motion-refused",
            Flash::MotionWithdrawn => "motion-withdrawn",
            Flash::ProposalsRefused => "proposals-refused",
            Flash::WorkBegun => "work-begun",
            Flash::WorkCancelled => "work-cancelled",
            Flash::RuleOn => "rule-on",
            Flash::RuleOff => "rule-off",
            Flash::ListAdded => "list-added",
            Flash::SettingsChanged => "settings-changed",
            Flash::LetBack => "let-back",
            Flash::EntryChanged => "entry-changed",
            Flash::ChangeUndone => "change-undone",
            Flash::ChangeHeld => "change-held",
            Flash::Given => "given",
            Flash::SomeGiven => "some-given",
            Flash::VersionApproved => "version-approved",
            Flash::RequestHeld => "request-held",
            Flash::Again => "again",
        }
    }

    /// The one of a word.
    pub(crate) fn from_word(word: &str) -> Option<Flash> {
        Flash::ALL.iter().copied().find(|flash| flash.word() == word)
    }

    /// What is said.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Flash::SignedIn => "You are signed in.",
            Flash::SignedOut => "You are signed out.",
            Flash::Joined => "Your account is made, and you are signed in.",
            Flash::PasswordChanged => {
                "Your new password holds. Everywhere else you are signed out."
            }
            Flash::SessionEnded => "Signed out there.",
            Flash::LettersChosen => "You get letters in that way from now on.",
            Flash::LetterTried => {
                "A letter is on its way. When somebody follows the link in it, letters go there again."
            }
            Flash::Invited => "A letter with the invitation is on its way. It is good for a week.",
            Flash::InvitationRevoked => "The invitation is taken back.",
            Flash::JoinedOrganisation => "You speak for this organisation now.",
            Flash::StillRight => {
                "Thank you. We ask again in a year. What still stands here has to be mended first."
            }
            Flash::ClaimOpened => "The claim is made. Prove it now.",
            Flash::ClaimProven => "The domain is proven.",
            Flash::ClaimNotFound => {
                "We looked, and did not find the proof. Below stands what we saw."
            }
            Flash::ClaimEnded => "The claim is ended, and who made it is told.",
            Flash::ClaimWithdrawn => "The claim is taken back.",
            Flash::ContactsChanged => "The contacts are changed.",
            Flash::MembersChanged => "The people are changed.",
            Flash::Suspended => "The organisation is suspended.",
            Flash::Resumed => "The suspension is over.",
            Flash::DomainForgotten => {
                "It is not known by this domain any more, and its owners are told."
            }
            Flash::DomainNamed => "Whoever proves this domain speaks for the organisation.",
            Flash::Categorised => {
                "The category is set. What is listed keeps its codes: change those that carry another one."
            }
            Flash::OrganisationAdded => "The organisation is added. Nobody speaks for it yet.",
            Flash::Noted => "The note is written down.",
            Flash::RequestPublished => "It is on the list: name servers have it within a second.",
            Flash::RequestQueued => {
                "The request is handed in. An editor decides, within two days as a rule."
            }
            Flash::RequestCameBack => {
                "A check found something that must be mended first: see below."
            }
            Flash::RequestWithdrawn => "The request is taken back.",
            Flash::RequestTaken => "It is yours to decide.",
            Flash::RequestDecided => "It is decided, and who asked is told.",
            Flash::RequestWaitsForSecond => "You agreed. Another editor has to agree as well.",
            Flash::ConflictDeclared => "It is on record: another editor decides this.",
            Flash::ConflictTakenBack => "It is on record: you may decide this again.",
            Flash::UndoBegun => "This request takes the other one back. Decide it like any other.",
            Flash::TotpAdded => "From now on a code from your app is asked for when you sign in.",
            Flash::TotpRemoved => "No code from your app is asked for any more.",
            Flash::TokenEnded => "The token does not work any more.",
            Flash::PasskeyAdded => "You sign in with your passkey from now on.",
            Flash::PasskeyRemoved => "That passkey is good for nothing any more.",
            Flash::Deleted => "Your account is gone.",
            Flash::SomebodyDeleted => "The account is gone.",
            Flash::NameChanged => "You are called so from now on.",
            Flash::MailAsked => {
                "Look into the mail of the new address: follow the link there, in a browser where you are signed in."
            }
            Flash::MailChanged => "Your account has another mail address.",
            Flash::RoleGiven => "The role is given.",
            Flash::Locked => "The account is locked.",
            Flash::Unlocked => "The account is open again.",
            Flash::FactorsReset => "The second factors are taken away.",
            Flash::ProposalsAccepted => "Listed: name servers have it within a second.",
            Flash::MotionMade => {
                "Nothing is changed yet: it waits here until another editor agrees."
            }
            Flash::MotionDone => "You agreed, and it is done.",
            Flash::MotionTakenOver => {
                "Who wanted it may not any more. Now you want it, and another editor has to agree."
            }
            Flash::MotionStale => {
                "Nothing is done: it has changed since it was wanted. Look at it, and want it anew."
            }
            Flash::MotionRefused => "It is refused, and nothing is changed.",
            Flash::MotionWithdrawn => "It is taken back, and nothing is changed.",
            Flash::ProposalsWait => {
                "What one editor may decide is listed. To the rest another one has to agree as well."
            }
            Flash::ProposalsRefused => "Refused. What was seen until now is not proposed again.",
            Flash::WorkBegun => "It is begun, and goes on when you leave this page.",
            Flash::WorkCancelled => "It is cancelled. What was done of it stays.",
            Flash::RuleOn => "The rule is on. It looks within seconds.",
            Flash::RuleOff => "The rule is off. What it listed stays until its time is over.",
            Flash::ListAdded => {
                "The list is there. Say here what it is for, how it decides and where its name servers are."
            }
            Flash::SettingsChanged => "It is changed, and written down in the log.",
            Flash::LetBack => "The next import lists it again, if its file still has it.",
            Flash::EntryChanged => "It is changed: name servers have it within a second.",
            Flash::ChangeUndone => {
                "It is taken back, by a new change: name servers have it within a second."
            }
            Flash::SomeGiven => {
                "A thousand entries are given, and there are more: give the rest in the same way."
            }
            Flash::Given => {
                "Somebody else is responsible for these entries now. Each can be taken back on its page."
            }
            Flash::ChangeHeld => {
                "It is changed, but not published: the guards of the list want a second person to look at the queue."
            }
            Flash::VersionApproved => "It is approved: name servers have it within a second.",
            Flash::RequestHeld => {
                "It is decided, but not in DNS yet: an editor has to look at a version of the list first that was refused."
            }
            Flash::Again => "That took too long, or was wrong too often. Please begin again.",
        }
    }
}
