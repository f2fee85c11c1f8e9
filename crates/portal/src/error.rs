//! What can go wrong in a request, and the only place that knows HTTP's numbers for it.
//!
//! An error becomes a [`Problem`] in the response; `frame` shows it as a page or, in the API, as JSON (RFC 9457). Which one
//! a refusal by the registry's rules is stands in `rules`.

mod rules;

use std::time::Duration;

use axum::http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::DatabaseError;

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

/// An error with what is behind it, for the log.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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
