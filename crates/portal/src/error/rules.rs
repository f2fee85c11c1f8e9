//! What a refusal by the registry's rules is to whoever asked: which of the few ways in which a request goes wrong.
//!
//! Each rule says itself what is to be done, so that pages, the API and the shell say the same.

use repute_registry::claim::ClaimError;
use repute_registry::conflict::ConflictError;
use repute_registry::edit::{EditError, UndoError};
use repute_registry::evidence::EvidenceError;
use repute_registry::kept_out::KeptOutError;
use repute_registry::link::LinkError;
use repute_registry::lists::AddError;
use repute_registry::motion::MotionError;
use repute_registry::organisation::OrganisationError;
use repute_registry::permission::{Action, Denied, Relation};
use repute_registry::publish::ApprovalError;
use repute_registry::removal::RemovalError;
use repute_registry::request::RequestError;
use repute_registry::rule::RuleError;
use repute_registry::rule::proposal::ProposalError;
use repute_registry::settings::SettingsError;
use repute_registry::subscriber::SubscriberError;
use repute_registry::work::WorkError;

use super::AppError;
use crate::account::shell::ShellError;

impl From<ClaimError> for AppError {
    fn from(error: ClaimError) -> AppError {
        match error {
            ClaimError::Database(error) => AppError::Database(error),
            ClaimError::Random(_) => AppError::Random,
            ClaimError::Unknown => AppError::NotFound,
            ClaimError::Locked => AppError::Refused(error.to_string()),
            ClaimError::Denied(denied) => AppError::Refused(denied.to_string()),
            ClaimError::Organisation(error) => error.into(),
            ClaimError::Link => AppError::StaleLink,
            ClaimError::Domain(_)
            | ClaimError::Over(_)
            | ClaimError::Mails(_)
            | ClaimError::Many
            | ClaimError::Told { .. }
            | ClaimError::Open
            | ClaimError::Stranger { .. } => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<LinkError> for AppError {
    fn from(error: LinkError) -> AppError {
        match error {
            LinkError::Random(_) => AppError::Random,
            LinkError::Database(error) => AppError::Database(error),
        }
    }
}

impl From<OrganisationError> for AppError {
    fn from(error: OrganisationError) -> AppError {
        match error {
            OrganisationError::Database(error) => AppError::Database(error),
            OrganisationError::Unknown(_) | OrganisationError::NoList => AppError::NotFound,
            OrganisationError::Denied(denied) => refused(denied),
            OrganisationError::NotInvited => AppError::StaleLink,
            OrganisationError::LastOwner
            | OrganisationError::Invitations
            | OrganisationError::NoAccount(_)
            | OrganisationError::LockedAccount(_)
            | OrganisationError::NotKnown(_)
            | OrganisationError::Proven(_)
            | OrganisationError::Text(_)
            | OrganisationError::Name
            | OrganisationError::Category(..)
            | OrganisationError::Mail(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<RequestError> for AppError {
    fn from(error: RequestError) -> AppError {
        match error {
            RequestError::Database(error) => AppError::Database(error),
            RequestError::Unknown(_) => AppError::NotFound,
            RequestError::Denied(denied) => refused(denied),
            RequestError::Partial(_) => AppError::Refused(error.to_string()),
            RequestError::Conflict => AppError::Conflict(error.to_string()),
            RequestError::Same(id) => AppError::Asked(id.0),
            RequestError::Items(_)
            | RequestError::Unproven(_)
            | RequestError::Many { .. }
            | RequestError::State(_)
            | RequestError::Suspended(_)
            | RequestError::Change(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<RemovalError> for AppError {
    fn from(error: RemovalError) -> AppError {
        match error {
            RemovalError::Database(error) => AppError::Database(error),
            RemovalError::Random(_) => AppError::Random,
            RemovalError::Link => AppError::StaleLink,
            RemovalError::Denied(denied) => AppError::Refused(denied.to_string()),
            RemovalError::Partial(_) => AppError::Refused(error.to_string()),
            RemovalError::NoBlockList(_)
            | RemovalError::NotListed(_)
            | RemovalError::Never(_)
            | RemovalError::Mail(_)
            | RemovalError::TooMany
            | RemovalError::NoWords
            | RemovalError::NoAppeal(_)
            | RemovalError::TooManyAppeals
            | RemovalError::Over(_)
            | RemovalError::Joined(_)
            | RemovalError::NoReason
            | RemovalError::Change(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<KeptOutError> for AppError {
    fn from(error: KeptOutError) -> AppError {
        match error {
            KeptOutError::Database(error) => AppError::Database(error),
            KeptOutError::Denied(denied) => AppError::Refused(denied.to_string()),
            KeptOutError::Missing(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<UndoError> for AppError {
    fn from(error: UndoError) -> AppError {
        match error {
            UndoError::Edit(error) => error.into(),
            UndoError::Since(_) => AppError::Conflict(error.to_string()),
            UndoError::Missing(_) | UndoError::Kind(_) | UndoError::Over => {
                AppError::Wrong(error.to_string())
            }
        }
    }
}

impl From<EditError> for AppError {
    fn from(error: EditError) -> AppError {
        match error {
            EditError::Database(error) => AppError::Database(error),
            EditError::Denied(denied) => AppError::Refused(denied.to_string()),
            EditError::NoRoom(_) => AppError::Conflict(error.to_string()),
            EditError::Reserved { .. }
            | EditError::Days(_)
            | EditError::End
            | EditError::Many(_)
            | EditError::Nothing
            | EditError::Code { .. }
            | EditError::Criterion { .. }
            | EditError::CriterionEnded { .. }
            | EditError::Category(_)
            | EditError::NoOrganisation(_)
            | EditError::Suspended(_)
            | EditError::Missing { .. }
            | EditError::Change(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<RuleError> for AppError {
    fn from(error: RuleError) -> AppError {
        match error {
            RuleError::Database(error) => AppError::Database(error),
            RuleError::Unknown(..) | RuleError::Version(..) => AppError::NotFound,
            RuleError::Word(_)
            | RuleError::Numbers
            | RuleError::Few(_)
            | RuleError::Long
            | RuleError::Wide
            | RuleError::Text
            | RuleError::Code(_)
            | RuleError::CriterionEnded(_)
            | RuleError::Change(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<ProposalError> for AppError {
    fn from(error: ProposalError) -> AppError {
        match error {
            ProposalError::Database(error) => AppError::Database(error),
            ProposalError::Unknown(_) => AppError::NotFound,
            ProposalError::Denied(denied) => AppError::Refused(denied.to_string()),
            ProposalError::Partial(_) => AppError::Refused(error.to_string()),
            ProposalError::Decided(..) => AppError::Conflict(error.to_string()),
            ProposalError::Over(_)
            | ProposalError::Held(..)
            | ProposalError::Reason
            | ProposalError::Change(_) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<MotionError> for AppError {
    fn from(error: MotionError) -> AppError {
        match error {
            MotionError::Database(error) => AppError::Database(error),
            MotionError::Unknown(_) => AppError::NotFound,
            MotionError::Edit(error) => error.into(),
            MotionError::Settings(error) => error.into(),
            MotionError::Denied(_)
            | MotionError::Partial(_)
            | MotionError::Own
            | MotionError::NotOwn => AppError::Refused(error.to_string()),
            MotionError::Over(..) | MotionError::Lost => AppError::Conflict(error.to_string()),
            MotionError::Reason => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<ConflictError> for AppError {
    fn from(error: ConflictError) -> AppError {
        match error {
            ConflictError::Database(error) => AppError::Database(error),
            ConflictError::Unknown(_) => AppError::NotFound,
            ConflictError::Denied(denied) => AppError::Refused(denied.to_string()),
            ConflictError::Request(error) => error.into(),
            ConflictError::Over(_) | ConflictError::None => AppError::Conflict(error.to_string()),
            ConflictError::Reason => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<EvidenceError> for AppError {
    fn from(error: EvidenceError) -> AppError {
        match error {
            EvidenceError::Database(error) => AppError::Database(error),
            EvidenceError::Unknown { .. } => AppError::NotFound,
            EvidenceError::Closed(_) | EvidenceError::Taken(_) => {
                AppError::Conflict(error.to_string())
            }
            EvidenceError::Word(_)
            | EvidenceError::Many(_)
            | EvidenceError::Fault { .. }
            | EvidenceError::NoKey => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<WorkError> for AppError {
    fn from(error: WorkError) -> AppError {
        match error {
            WorkError::Database(error) => AppError::Database(error),
            WorkError::Unknown(_) => AppError::NotFound,
            WorkError::Over(_) => AppError::Conflict(error.to_string()),
            WorkError::NoSource(_) => AppError::Wrong(error.to_string()),
            WorkError::Others => AppError::Refused(error.to_string()),
        }
    }
}

impl From<ApprovalError> for AppError {
    fn from(error: ApprovalError) -> AppError {
        match error {
            ApprovalError::Database(error) => AppError::Database(error),
            ApprovalError::Denied(denied) => AppError::Refused(denied.to_string()),
            ApprovalError::Own { .. } => AppError::Refused(error.to_string()),
            ApprovalError::Nothing(_) | ApprovalError::Other { .. } => {
                AppError::Conflict(error.to_string())
            }
        }
    }
}

impl From<SettingsError> for AppError {
    fn from(error: SettingsError) -> AppError {
        match error {
            SettingsError::Database(error) => AppError::Database(error),
            SettingsError::Denied(denied) => AppError::Refused(denied.to_string()),
            SettingsError::Random(_) => AppError::Random,
            SettingsError::Waits(_) | SettingsError::NoRoom(_) => {
                AppError::Conflict(error.to_string())
            }
            SettingsError::Text { .. }
            | SettingsError::Ttl
            | SettingsError::KeptOut
            | SettingsError::SamePolicy(_)
            | SettingsError::NoPolicy
            | SettingsError::Slug(_)
            | SettingsError::SlugTaken(_)
            | SettingsError::NoCriterion(..)
            | SettingsError::CriterionEnded(_)
            | SettingsError::CriterionInUse { .. }
            | SettingsError::SameCriterion(_)
            | SettingsError::CategoryTaken(_)
            | SettingsError::NoCategory(_)
            | SettingsError::Code(_)
            | SettingsError::Canary { .. }
            | SettingsError::Guard
            | SettingsError::Server(_)
            | SettingsError::Times
            | SettingsError::TooMany(..) => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<AddError> for AppError {
    fn from(error: AddError) -> AppError {
        match error {
            AddError::Database(error) => AppError::Database(error),
            AddError::Link(error) => error.into(),
            AddError::Exists(_) | AddError::Apex { .. } => AppError::Wrong(error.to_string()),
        }
    }
}

impl From<SubscriberError> for AppError {
    fn from(error: SubscriberError) -> AppError {
        match error {
            SubscriberError::Database(error) => AppError::Database(error),
            SubscriberError::Random(_) => AppError::Random,
            SubscriberError::Unknown(_) => AppError::NotFound,
            SubscriberError::Exists(_) | SubscriberError::Name(_) => {
                AppError::Wrong(error.to_string())
            }
        }
    }
}

impl From<ShellError> for AppError {
    fn from(error: ShellError) -> AppError {
        match error {
            ShellError::LastAdministrator => AppError::LastAdministrator,
            ShellError::LastOwner { .. } => AppError::Wrong(error.to_string()),
            ShellError::Known(_) | ShellError::Unknown(_) => AppError::NotFound,
            ShellError::Random => AppError::Random,
            ShellError::Letter(error) => AppError::Page(error),
            ShellError::Database(error) => AppError::Database(error),
        }
    }
}

/// What somebody learns of what he may not do: of an organisation that is not his nobody but editors learns anything,
/// not even that there is one.
fn refused(denied: Denied) -> AppError {
    match denied {
        Denied(
            Action::ReadOrganisation
            | Action::ChangeContacts
            | Action::ChangeMembers
            | Action::Request,
            Relation::Stranger,
        ) => AppError::Elses(denied.to_string()),
        denied => AppError::Refused(denied.to_string()),
    }
}
