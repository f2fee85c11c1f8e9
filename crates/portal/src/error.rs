//! What can go wrong in a request, and the only place that knows HTTP's numbers for it.
//!
//! An error becomes a [`Problem`] in the response; `frame` shows it as a page or, in the API, as JSON (RFC 9457).

use std::time::Duration;

use axum::http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::DatabaseError;
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

use crate::account::shell::ShellError;
use crate::api::json;
use crate::token::Scope;

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// There is nothing at this address.
    #[error("there is nothing here")]
    NotFound,
    /// Somebody may not do this.
    #[error("you may not do this")]
    Forbidden,
    /// It came from another site's page.
    #[error("this came from a page of another site, so nothing was done")]
    ForeignPage,
    /// Whoever asks must sign in first.
    #[error("sign in first")]
    SignIn,
    /// What a browser signed is not what it was asked for, or by no key that is known.
    #[error("the passkey was not accepted")]
    Passkey,
    /// Nobody would be left who can give roles.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// What was chosen is none of the choices.
    #[error("what was chosen is none of the choices")]
    Choice,
    /// Nobody may use the account.
    #[error("this account is locked")]
    Locked,
    /// Somebody does something too often.
    #[error("too often; again in {0:?}")]
    TooMany(Duration),
    /// The key of somebody's codes cannot be read: it was sealed by another server's key.
    #[error("the key of these codes was sealed by another key than this server's")]
    Sealed,
    /// Passwords of somebody's address are tried from everywhere.
    #[error("too many wrong passwords from everywhere; again in {0:?}")]
    Besieged(Duration),
    /// What is asked about is neither an address nor a name.
    #[error("{0}")]
    Target(String),
    /// Somebody may not do this, by the rules of the registry.
    #[error("{0}")]
    Refused(String),
    /// The same, of an organisation that is not his: whoever is no editor learns only that there is nothing.
    #[error("{0}")]
    Elses(String),
    /// What is asked for is not possible, and what would be.
    #[error("{0}")]
    Wrong(String),
    /// Somebody else was faster.
    #[error("{0}")]
    Conflict(String),
    /// What was read is not what is there now.
    #[error("it was changed meanwhile")]
    Changed,
    /// What is asked for was asked for already, by the request of this number.
    #[error("request {0} asks for the same")]
    Asked(i64),
    /// A link that was used, is too old, or never was.
    #[error("this link does not work any more")]
    StaleLink,
    /// The system gives no sockets to ask DNS with.
    #[error("no sockets to ask DNS with")]
    Sockets(#[source] std::io::Error),
    /// A token that was revoked, or never was.
    #[error("this token is not known")]
    Token,
    /// No token of an account, or one that was ended.
    #[error("no token is shown, or none that is known")]
    NoToken,
    /// A token that is for something else.
    #[error("the token has no scope {0}")]
    Scope(Scope),
    /// A body of another kind.
    #[error("the body is not declared as {0}")]
    Kind(&'static str),
    /// A body that says something else than is asked for.
    #[error("{0}")]
    Body(String),
    /// A character that no text has.
    #[error("the character U+0000 is in no text")]
    Nul,
    /// A body that is too large, or broke off.
    #[error("the body is too large")]
    TooLarge,
    /// A file that cannot be kept.
    #[error("cannot keep the file")]
    Disk(#[source] std::io::Error),
    /// An answer that cannot be written.
    #[error("cannot write the answer")]
    Answer(#[source] serde_json::Error),
    /// A key that is none.
    #[error("an Idempotency-Key has 1 to 255 characters")]
    Key,
    /// A key that was used for something else.
    #[error("this Idempotency-Key was used for something else")]
    KeyUsed,
    /// No error: it was done before, under the same key, and this was answered.
    #[error("it was done before")]
    Answered(u16, String),
    /// The system gives no random numbers, or no threads.
    #[error("the system does not give what passwords need")]
    Random,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A page cannot be written.
    #[error("cannot write the page")]
    Page(#[from] askama::Error),
}

/// A text of a rule as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

impl From<ClaimError> for AppError {
    fn from(error: ClaimError) -> AppError {
        match error {
            ClaimError::Database(error) => AppError::Database(error),
            ClaimError::Random(_) => AppError::Random,
            ClaimError::Unknown => AppError::NotFound,
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

/// An error with what is behind it, for the log.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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
            | SettingsError::NoCriterion(_)
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

impl From<crate::secret::NoRandomness> for AppError {
    fn from(_: crate::secret::NoRandomness) -> AppError {
        AppError::Random
    }
}

/// Only editors are told what went wrong: others learn that there is nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hidden;

/// What went wrong, for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// HTTP's number.
    pub(crate) status: StatusCode,
    /// In a few words.
    pub(crate) title: &'static str,
    /// What to do about it.
    pub(crate) detail: String,
}

impl Problem {
    /// What to say of a status that came without words: of layers below, a body too large, a slow client.
    pub(crate) fn of_status(status: StatusCode) -> Problem {
        let (title, detail) = match status {
            StatusCode::NOT_FOUND => {
                ("Nothing here", "There is no page at this address. Was it copied whole?")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                ("Not in this way", "This address cannot be used in this way.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("Too much at once", "What was sent is larger than this page takes.")
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
                ("This took too long", "The request was given up. Please try again.")
            }
            status if status.is_client_error() => {
                ("This was not understood", "Please go back, and fill in the form again.")
            }
            _ => (
                "Something is broken here",
                "It is not your fault, and it was written down. Please try again later.",
            ),
        };
        Problem { status, title, detail: detail.to_owned() }
    }
}

/// What was answered before, with a header that says so.
fn again(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = json(status, body.to_owned());
    let replayed = HeaderName::from_static("idempotency-replayed");
    response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
    // What was begun is shown where it was shown before.
    let told: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let place = told["location"].as_str().and_then(|place| place.parse().ok());
    if let (StatusCode::ACCEPTED, Some(place)) = (status, place) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let problem =
            |status, title, detail: &str| Problem { status, title, detail: detail.to_owned() };
        let problem = match &self {
            AppError::NotFound => Problem::of_status(StatusCode::NOT_FOUND),
            AppError::Forbidden => problem(
                StatusCode::FORBIDDEN,
                "Not for you",
                "Your account may not do this. If it should, ask an administrator of this site.",
            ),
            AppError::ForeignPage => problem(
                StatusCode::FORBIDDEN,
                "From another site",
                "This came from a page of another site, so nothing was done. Open the page here, and try again.",
            ),
            AppError::SignIn => problem(
                StatusCode::UNAUTHORIZED,
                "Sign in first",
                "This needs an account. Sign in, and try again.",
            ),
            AppError::Passkey => problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "The passkey was not accepted",
                "It is not known here, or it took too long. Go back, and try again or take another way.",
            ),
            AppError::LastAdministrator => problem(
                StatusCode::CONFLICT,
                "Nobody would be left",
                "This is the last administrator. Make somebody else one first, and try again.",
            ),
            AppError::Choice => problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Not one of the choices",
                "What was chosen is not known here. Go back, and choose again.",
            ),
            AppError::Locked => problem(
                StatusCode::FORBIDDEN,
                "This account is locked",
                "An administrator of this site has locked it. Ask there why, and whether it can be opened again.",
            ),
            AppError::TooMany(_) => problem(
                StatusCode::TOO_MANY_REQUESTS,
                "Too often",
                "That was done very often from here in a short time. Please wait a little, and try again.",
            ),
            AppError::Sealed => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "Codes cannot be checked",
                "This server cannot read from what your codes are made. Use a recovery code or a passkey; or ask whoever \
                 runs this site, whose log says what to do.",
            ),
            AppError::Besieged(_) => problem(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong passwords",
                "Passwords were tried very often for this mail address, from other places. Sign in with a passkey, or \
                 in a browser in which you have signed in before; or choose another password, for which you get a \
                 letter at /forgot. Or wait a little, and try again.",
            ),
            AppError::Target(why) => problem(StatusCode::BAD_REQUEST, "Not a target", why),
            AppError::Elses(why) | AppError::Refused(why) => {
                problem(StatusCode::FORBIDDEN, "Not for you", &sentence(why))
            }
            AppError::Wrong(why) => {
                problem(StatusCode::UNPROCESSABLE_ENTITY, "That is not possible", &sentence(why))
            }
            AppError::Conflict(why) => {
                problem(StatusCode::CONFLICT, "Somebody was faster", &sentence(why))
            }
            AppError::Changed => problem(
                StatusCode::PRECONDITION_FAILED,
                "Somebody was faster",
                "It is not as it was when you read it. Read it again, and change that.",
            ),
            AppError::Asked(id) => problem(
                StatusCode::CONFLICT,
                "Asked for already",
                &format!(
                    "Request {id} asks for the same and is open: go on with that one, at /requests/{id}."
                ),
            ),
            AppError::StaleLink => problem(
                StatusCode::NOT_FOUND,
                "This link does not work any more",
                "Links in our letters work once, for a day or two. Ask for another one where you asked for this.",
            ),
            AppError::Token => problem(
                StatusCode::UNAUTHORIZED,
                "This token is not known",
                "It is wrong, or was revoked. `repute registry subscriber add` on the portal's machine makes another.",
            ),
            AppError::NoToken => problem(
                StatusCode::UNAUTHORIZED,
                "No token",
                "Show a token as `Authorization: Bearer repute_…`. Your account's page makes them; those that were ended, or \
                 are over, do not work.",
            ),
            AppError::Scope(scope) => problem(
                StatusCode::FORBIDDEN,
                "Not with this token",
                &format!(
                    "This token may not be used for it, or you may not do it any more: it needs the scope {scope}."
                ),
            ),
            AppError::Kind(kind) => problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Of another kind",
                &format!("Send {kind}, and say so: `Content-Type: {kind}`."),
            ),
            AppError::Body(why) => {
                problem(StatusCode::BAD_REQUEST, "This was not understood", &sentence(why))
            }
            AppError::Nul => problem(
                StatusCode::BAD_REQUEST,
                "This was not understood",
                "It holds the character U+0000, which is in no text.",
            ),
            AppError::TooLarge => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
            AppError::Key => {
                problem(StatusCode::BAD_REQUEST, "Not a key", &sentence(&self.to_string()))
            }
            AppError::KeyUsed => problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "This key is used",
                "Something else was asked for under this Idempotency-Key. Take a new key for each thing.",
            ),
            AppError::Disk(error) => {
                tracing::error!("a file cannot be kept: {error}");
                problem(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "No room for it",
                    "This server cannot keep the file now, and it was written down. Please try again later.",
                )
            }
            AppError::Answered(status, body) => return again(*status, body),
            AppError::Database(error) if error.is_away() => {
                tracing::error!("the database is away: {}", whole(error));
                problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The database is away",
                    "Lists are answered by DNS all the same. Whoever runs this site finds it in the log; try again in a minute.",
                )
            }
            AppError::Database(error) if error.is_contended() => {
                tracing::warn!("somebody was in the way: {}", whole(error));
                problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "At the same moment",
                    "Somebody changed the same at the same moment, so nothing was done. Please try again.",
                )
            }
            AppError::Random
            | AppError::Sockets(_)
            | AppError::Database(_)
            | AppError::Answer(_)
            | AppError::Page(_) => {
                tracing::error!("a request failed: {}", whole(&self));
                Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        let mut response = problem.status.into_response();
        if let AppError::TooMany(wait) | AppError::Besieged(wait) = &self {
            let seconds = HeaderValue::from(wait.as_secs().saturating_add(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        if problem.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(30));
        }
        if let AppError::Token | AppError::NoToken = &self {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let AppError::Elses(_) = &self {
            response.extensions_mut().insert(Hidden);
        }
        response.extensions_mut().insert(problem);
        response
    }
}
