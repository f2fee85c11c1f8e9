//! What people are told of what happens: who is told what, as values. Words, languages and mail are others' business.

use repute_database::claims::{ClaimId, Mailbox};
use repute_database::entries::OrganisationId;
use repute_database::motions::MotionId;
use repute_database::removals::RemovalId;
use repute_database::requests::RequestId;
use repute_database::reviews::Due;
use repute_database::{Key, Timestamp};
use repute_dnsxl::{Name, Target};

use crate::claim::Answer;
use crate::consistency::News;
use crate::removal::{Kind, Still};
use crate::request::state::State;

/// Who reads for an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whoever reads the mail of one of its contacts.
    Contact(String),
    /// One of its people, by his account.
    Account(i64),
}

/// What somebody did for an organisation who does not belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// Who is told is an owner of it now.
    You,
    /// Somebody else is an owner, too.
    Owner,
    /// It is written to elsewhere.
    Contacts,
    /// His claim of a domain is ended.
    Claim(Name),
    /// It is not known by a domain any more that an editor had named.
    Domain(Name),
}

/// Which way entries went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// To the organisation.
    To,
    /// From it.
    From,
}

/// Something that somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The link that proves a claim, to a mailbox of the domain and to no other one.
    ClaimLink {
        /// The claim.
        claim: ClaimId,
        /// The domain.
        domain: Name,
        /// The mailbox.
        mailbox: Mailbox,
        /// What the link holds.
        token: String,
    },
    /// Somebody else proved the domain better: at a moment it will be his.
    ClaimChallenged {
        /// Who is told.
        account: i64,
        /// The domain.
        domain: Name,
        /// When.
        takes: Timestamp,
    },
    /// The proof is not there any more, and the claim will end.
    ClaimFails {
        /// Who is told.
        account: i64,
        /// The domain.
        domain: Name,
        /// What was seen.
        seen: String,
    },
    /// The domain is not his any more.
    ClaimLost {
        /// Who is told.
        account: i64,
        /// The domain.
        domain: Name,
    },
    /// A colleague proved the domain as well as he did, and speaks for the organisation beside him.
    ClaimShared {
        /// Who is told.
        account: i64,
        /// For whom both speak.
        organisation: OrganisationId,
        /// The domain.
        domain: Name,
    },
    /// Whoever reads the domain's mailbox said yes or no.
    ClaimAnswered {
        /// Who is told.
        account: i64,
        /// The claim.
        claim: ClaimId,
        /// The domain.
        domain: Name,
        /// Which mailbox that is.
        mailbox: String,
        /// What was said.
        answer: Answer,
        /// Whether the organisation has anything on any list.
        is_published: bool,
    },
    /// The domain he waited for is his.
    ClaimHeld {
        /// Who is told.
        account: i64,
        /// For whom.
        organisation: OrganisationId,
        /// The domain.
        domain: Name,
        /// Whether that has anything on any list.
        is_published: bool,
    },
    /// Who runs the site stepped in for an organisation.
    Stepped {
        /// Who is told.
        account: i64,
        /// The organisation.
        organisation: OrganisationId,
        /// What was done.
        what: Stepped,
        /// Why.
        reason: String,
    },
    /// Somebody said that entries of a list are his organisation's from now on, or no more.
    Handed {
        /// Who is told.
        account: i64,
        /// The organisation.
        organisation: OrganisationId,
        /// The list.
        list: Name,
        /// Which way they went.
        what: Handed,
        /// The first of what they name.
        first: Vec<Key>,
        /// How many more there are.
        more: usize,
        /// Why; it may be empty.
        reason: String,
    },
    /// A request came to a state that its author wants to know.
    RequestMoved {
        /// Who is told.
        account: i64,
        /// The request.
        request: RequestId,
        /// Where it stands.
        state: State,
        /// Why the guards of the list keep back what was approved until an editor has looked, if they do.
        held: Option<String>,
    },
    /// A version of a list was refused, and nothing of it is published until a second person has looked.
    VersionRefused {
        /// Who is told: an editor.
        account: i64,
        /// The list.
        list: Name,
        /// The version.
        serial: u32,
        /// Why.
        why: String,
    },
    /// A change of one editor waits for another one.
    MotionWaits {
        /// Who is told: an editor who may agree to it.
        account: i64,
        /// The change.
        motion: MotionId,
        /// The list.
        list: Name,
        /// What it is about, in words.
        about: String,
        /// Who wants it.
        mover: Option<String>,
        /// Why, in his words.
        reason: String,
        /// Why two have to agree.
        two: String,
    },
    /// The link that removes an entry, to who asked for it.
    RemovalLink {
        /// The removal.
        removal: RemovalId,
        /// Where it goes.
        mail: String,
        /// What is on the list.
        target: Target,
        /// What was asked for.
        kind: Kind,
        /// What the link holds.
        token: String,
    },
    /// An editor decided a removal.
    RemovalDecided {
        /// The removal.
        removal: RemovalId,
        /// Who is told.
        mail: String,
        /// What is, or was, on the list.
        target: String,
        /// Whether it stays.
        is_refused: bool,
        /// Why, in the editor's words; it may be empty if it went.
        said: String,
        /// What lists it all the same, if the entry went.
        still: Option<Still>,
        /// Why the guards of the list keep the removal back until an editor has looked, if they do.
        held: Option<String>,
    },
    /// How networks of an organisation stand with DNS has changed.
    Consistency {
        /// Who is told.
        reader: Reader,
        /// The organisation.
        organisation: OrganisationId,
        /// What changed, the worst first.
        news: Vec<News>,
        /// How many more there are.
        more: usize,
    },
    /// Review dates of an organisation are near or over.
    Review {
        /// Who is told.
        reader: Reader,
        /// The organisation.
        organisation: OrganisationId,
        /// What is to be looked at, the earliest first.
        due: Vec<Due>,
        /// How many more there are.
        more: usize,
        /// Whether the first of it is over.
        is_over: bool,
    },
}
