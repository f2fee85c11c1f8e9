//! What can go wrong in a request, and the only place that knows HTTP's numbers for it.
//!
//! An error becomes a [`Problem`] in the response; `frame` shows it as a page or, in the API, as JSON (RFC 9457).

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::DatabaseError;

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
    /// Somebody does something too often.
    #[error("too often; again in {0:?}")]
    TooMany(Duration),
    /// What is asked about is neither an address nor a name.
    #[error("{0}")]
    Target(String),
    /// A link that was used, is too old, or never was.
    #[error("this link does not work any more")]
    StaleLink,
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

impl From<crate::secret::NoRandomness> for AppError {
    fn from(_: crate::secret::NoRandomness) -> AppError {
        AppError::Random
    }
}

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
            AppError::TooMany(_) => problem(
                StatusCode::TOO_MANY_REQUESTS,
                "Too often",
                "That was done very often from here in a short time. Please wait a little, and try again.",
            ),
            AppError::Target(why) => problem(StatusCode::BAD_REQUEST, "Not a target", why),
            AppError::StaleLink => problem(
                StatusCode::NOT_FOUND,
                "This link does not work any more",
                "Links in our letters work once, for a day. Ask for another one where you asked for this.",
            ),
            AppError::Random | AppError::Database(_) | AppError::Page(_) => {
                let error: &dyn std::error::Error = &self;
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                tracing::error!("a request failed: {error}{cause}");
                Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        let mut response = problem.status.into_response();
        if let AppError::TooMany(wait) = &self {
            let seconds = HeaderValue::from(wait.as_secs().saturating_add(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(problem);
        response
    }
}
