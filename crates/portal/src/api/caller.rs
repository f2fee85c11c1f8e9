//! Who asks as a program: an account by one of its tokens.

use std::time::Instant;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use repute_database::Timestamp;
use repute_database::accounts::Account;
use repute_database::tokens::{self, Token};
use repute_registry::permission::Person;

use crate::app::App;
use crate::error::{AppError, Hidden};
use crate::limits::{self, Deed, Doer};
use crate::secret::digest_of;
use crate::seen::{self, Used};
use crate::token::Scope;
use crate::visitor::{Visitor, person};

/// Who asks. As an argument of a handler: whoever showed a token with the scope of its endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Whose token it is.
    pub(crate) account: Account,
    /// The token.
    pub(crate) token: Token,
}

impl Caller {
    /// Who it is to the rules of the registry.
    pub(crate) fn person(&self) -> Person {
        person(&self.account)
    }

    /// Whether the token may be used for something, and its owner may still do it.
    pub(crate) fn has(&self, scope: Scope) -> bool {
        let mut scopes = self.token.scopes.split(' ');
        self.account.role >= scope.least() && scopes.any(|word| word == scope.word())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Caller, AppError> {
        parts.extensions.get().cloned().ok_or(AppError::NoToken)
    }
}

/// Admits whoever shows a token with one of these scopes; any token if none is named.
pub(crate) async fn admit(
    app: &App,
    visitor: &Visitor,
    scopes: &[Scope],
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match caller(app, visitor, request.headers()).await {
        Ok(caller) if scopes.is_empty() || scopes.iter().any(|scope| caller.has(*scope)) => {
            let reads_all = caller.has(Scope::QueueRead);
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            if reads_all {
                // He sees all organisations anyway, so he is told why this one is not his to change.
                response.extensions_mut().remove::<Hidden>();
            }
            response
        }
        Ok(_) => AppError::Scope(scopes[0]).into_response(),
        Err(error) => error.into_response(),
    };
    // What is told to the holder of a token is nobody else's.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whose token is shown.
async fn caller(app: &App, visitor: &Visitor, headers: &HeaderMap) -> Result<Caller, AppError> {
    let now = (Timestamp::now(), Instant::now());
    let token = bearer(headers).ok_or(AppError::NoToken)?;
    let mut connection = app.database.read().await?;
    // A look-up by the digest takes no longer for a better guess.
    let found = tokens::find(connection.session(), &digest_of(token), now.0).await?;
    drop(connection);
    let Some((token, account)) = found else {
        let doer = Doer::at(visitor.address);
        limits::take(app, Deed::Try, doer).await?;
        return Err(AppError::NoToken);
    };
    let doer = Doer::Account(account.id.0);
    app.limits.take(Deed::Call, &doer, now.1).map_err(AppError::TooMany)?;
    seen::note(app, Used::Token(token.id), token.seen, now.0).await;
    Ok(Caller { account, token })
}

/// The token that is shown (RFC 6750 section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = shown.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
