//! A change that a program asks for: JSON, and perhaps a key (`Idempotency-Key`) under which it is done once.
//!
//! Key, change and answer are committed together. Whoever asks again under the same key gets the same answer, whether
//! or not the first one reached him; two at the same moment wait for each other. What is refused is not kept: it may be
//! mended and sent again.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use repute_database::answers::{self, Whose};
use repute_database::{Timestamp, Transaction};
use repute_registry::notice::Notice;
use repute_registry::work::Spooled;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Caller;
use crate::app::App;
use crate::error::AppError;
use crate::form::json_holds_nul;
use crate::limits::Doer;
use crate::notice;
use crate::visitor::Visitor;

/// Whoever asks for a change.
pub(crate) trait Asker: FromRequestParts<App, Rejection = AppError> + Send + Sync {
    /// Under whose keys his changes are done once.
    fn whose(&self, app: &App) -> Whose;
}

impl Asker for Caller {
    fn whose(&self, _: &App) -> Whose {
        Whose::Account(self.account.id)
    }
}

impl Asker for Visitor {
    fn whose(&self, app: &App) -> Whose {
        Whose::Somebody(Doer::at(self.address).digest(app))
    }
}

/// What is asked, and by whom.
pub(crate) struct Call<A = Caller> {
    /// Who asks.
    pub(crate) caller: A,
    /// The key under which it is done once.
    key: Option<String>,
    /// The digest of what is asked.
    digest: Vec<u8>,
    /// Which state of what is changed he knows, if he says so.
    known: Option<String>,
    /// What the body says that it is, in lower case.
    kind: String,
    /// The body.
    body: Bytes,
    /// When it came.
    now: Timestamp,
}

/// What is done step by step, each of them committed by itself. Under a key each is committed with how far it is, so that
/// whoever asks again after an end in the middle has the rest done, and gets the answer that the first would have got.
pub(crate) struct Steps<T> {
    /// What came of the steps that were done.
    pub(crate) done: Vec<T>,
    /// Under which key it is done once, and whose that is.
    key: Option<(Whose, String)>,
    /// How far it is, as it is kept.
    kept: String,
}

/// A change on its way: dropped, nothing of it holds.
pub(crate) struct Write {
    /// What is written.
    pub(crate) transaction: Transaction,
    /// The moment of it.
    pub(crate) now: Timestamp,
    /// Who asks.
    whose: Whose,
    /// The key under which it is done once.
    key: Option<String>,
    /// What is shared.
    app: App,
    /// Whether letters were written.
    has_letters: bool,
}

impl<A: Asker> FromRequest<App> for Call<A> {
    type Rejection = AppError;

    async fn from_request(request: Request, app: &App) -> Result<Call<A>, AppError> {
        let (mut call, mut context, request) = Call::begun(request, app).await?;
        call.body = Bytes::from_request(request, app).await.map_err(|_| AppError::TooLarge)?;
        context.update(&call.body);
        call.digest = context.finish().as_ref().to_vec();
        Ok(call)
    }
}

impl<A: Asker> Call<A> {
    /// A call without its body yet, the digest of what is asked so far, and the rest.
    async fn begun(request: Request, app: &App) -> Result<(Call<A>, Context, Request), AppError> {
        let (mut parts, body) = request.into_parts();
        let caller = A::from_request_parts(&mut parts, app).await?;
        let key = key(&parts.headers)?;
        let known = parts.headers.get(IF_MATCH).map(|known| known.to_str().unwrap_or_default());
        let known = known.map(str::to_owned);
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let mut context = Context::new(&SHA256);
        let asked = format!("{} {}\n", parts.method, parts.uri);
        context.update(asked.as_bytes());
        let rest = Request::from_parts(parts, body);
        let (digest, body, now) = (Vec::new(), Bytes::new(), Timestamp::now());
        Ok((Call { caller, key, digest, known, kind, body, now }, context, rest))
    }

    /// A call whose body goes into a file, of so many bytes at most; the file is on the disk then, and goes with the
    /// value unless it is kept.
    ///
    /// # Errors
    /// If the body is too large or breaks off, or the disk does not take it.
    pub(crate) async fn spooled(
        request: Request,
        app: &App,
        most: u64,
    ) -> Result<(Call<A>, Spooled), AppError> {
        let (mut call, mut context, request) = Call::begun(request, app).await?;
        let mut body = request.into_body();
        let mut file = app.means.spool.create().map_err(AppError::Disk)?;
        let mut size = 0;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            // Trailers are no part of it.
            let Ok(bytes) = frame.map_err(|_| AppError::TooLarge)?.into_data() else { continue };
            size += bytes.len() as u64;
            if size > most {
                return Err(AppError::TooLarge);
            }
            context.update(&bytes);
            file.write(&bytes).map_err(AppError::Disk)?;
        }
        call.digest = context.finish().as_ref().to_vec();
        Ok((call, file))
    }

    /// What the body says.
    ///
    /// # Errors
    /// If it is no JSON, or says something else than is asked for.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, AppError> {
        if self.kind != "application/json" {
            return Err(AppError::Kind("application/json"));
        }
        if json_holds_nul(&self.body) {
            return Err(AppError::Nul);
        }
        serde_json::from_slice(&self.body).map_err(|error| AppError::Body(error.to_string()))
    }

    /// The body as it came, if it is of a kind.
    ///
    /// # Errors
    /// If it is of another one.
    pub(crate) fn bytes(&self, kind: &'static str) -> Result<&[u8], AppError> {
        match self.kind == kind {
            true => Ok(&self.body),
            false => Err(AppError::Kind(kind)),
        }
    }

    /// Fails if whoever asks says by `If-Match` (RFC 9110 section 13.1.1) that he read another state than this one.
    ///
    /// # Errors
    /// [`AppError::Changed`] if somebody changed it since.
    pub(crate) fn matches(&self, state: &HeaderValue) -> Result<(), AppError> {
        let Some(known) = &self.known else { return Ok(()) };
        let is_state = |one: &str| one == "*" || one.as_bytes() == state.as_bytes();
        match known.split(',').map(str::trim).any(is_state) {
            true => Ok(()),
            false => Err(AppError::Changed),
        }
    }

    /// Has what is kept of it under its key tell nothing of a secret in its body: who reads the database could try all
    /// secrets that there are on a digest without a key.
    pub(crate) fn hide(&mut self, app: &App) {
        self.digest = app.means.key.digest_of_call(&self.digest);
    }

    /// The moment at which it came.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Answers at once if it was done before: for what takes long before it begins.
    ///
    /// # Errors
    /// [`AppError::Answered`] if it was done before, under the same key; or if the database fails.
    pub(crate) async fn known(&self, app: &App) -> Result<(), AppError> {
        let Some(key) = &self.key else { return Ok(()) };
        let mut connection = app.database.read().await?;
        let whose = self.caller.whose(app);
        match answers::find(connection.session(), &whose, key, Timestamp::now()).await? {
            Some(answer) => Err(self.again(answer)),
            None => Ok(()),
        }
    }

    /// What was answered before, if it was to the same.
    fn again(&self, answer: answers::Answer) -> AppError {
        match answer.digest == self.digest {
            true => AppError::Answered(answer.status, answer.body),
            false => AppError::KeyUsed,
        }
    }

    /// Begins what is done step by step, or goes on where an earlier call under the same key ended.
    ///
    /// # Errors
    /// [`AppError::Answered`] if all of it was done before, under the same key; or if the database fails.
    pub(crate) async fn steps<T: DeserializeOwned>(&self, app: &App) -> Result<Steps<T>, AppError> {
        let Some(key) = &self.key else {
            return Ok(Steps { done: Vec::new(), key: None, kept: String::new() });
        };
        let whose = self.caller.whose(app);
        let mut transaction = app.database.begin().await?;
        let (session, now) = (transaction.session(), Timestamp::now());
        let taken = answers::take(session, &whose, key, &self.digest, now).await?;
        let (done, kept) = match taken {
            None => {
                transaction.commit().await?;
                (Vec::new(), String::new())
            }
            Some(answer) if answer.status == 0 && answer.digest == self.digest => {
                let is_new = answer.body.is_empty();
                let read = || serde_json::from_str(&answer.body).map_err(AppError::Answer);
                (if is_new { Vec::new() } else { read()? }, answer.body)
            }
            Some(answer) => return Err(self.again(answer)),
        };
        Ok(Steps { done, key: Some((whose, key.clone())), kept })
    }

    /// Begins the change.
    ///
    /// # Errors
    /// [`AppError::Answered`] if it was done before, under the same key; or if the database fails.
    pub(crate) async fn begin(&self, app: &App) -> Result<Write, AppError> {
        let now = Timestamp::now();
        let mut transaction = app.database.begin().await?;
        let whose = self.caller.whose(app);
        if let Some(key) = &self.key {
            let taken =
                answers::take(transaction.session(), &whose, key, &self.digest, now).await?;
            if let Some(answer) = taken {
                return Err(self.again(answer));
            }
        }
        let (key, app) = (self.key.clone(), app.clone());
        Ok(Write { transaction, now, whose, key, app, has_letters: false })
    }
}

impl<T: Serialize> Steps<T> {
    /// Keeps what is done by now, with the step that is about to be committed. Whether it still stands where this call
    /// believes: if not, another one under the same key was faster, and the step must be dropped.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn keep(&mut self, transaction: &mut Transaction) -> Result<bool, AppError> {
        let Some((whose, key)) = &self.key else { return Ok(true) };
        let kept = serde_json::to_string(&self.done).map_err(AppError::Answer)?;
        let moved = (&*self.kept, &*kept);
        let is_kept = answers::advance(transaction.session(), whose, key, moved, None).await?;
        self.kept = kept;
        Ok(is_kept)
    }

    /// Answers, as all of it is done; nothing if another call under the same key was faster.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn answer<A: Serialize>(
        &self,
        app: &App,
        status: StatusCode,
        answer: &A,
    ) -> Result<Option<Response>, AppError> {
        let body = serde_json::to_string(answer).map_err(AppError::Answer)?;
        if let Some((whose, key)) = &self.key {
            let mut transaction = app.database.begin().await?;
            let (moved, status) = ((&*self.kept, &*body), Some(status.as_u16()));
            if !answers::advance(transaction.session(), whose, key, moved, status).await? {
                return Ok(None);
            }
            transaction.commit().await?;
        }
        Ok(Some(json(status, body)))
    }
}

impl Write {
    /// Has those told whom it concerns.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn tell(&mut self, notices: &[Notice]) -> Result<(), AppError> {
        self.has_letters |= !notices.is_empty();
        notice::put(&self.app, &mut self.transaction, notices, self.now).await
    }

    /// Has it hold, and answers.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn done<T: Serialize>(
        self,
        status: StatusCode,
        answer: &T,
    ) -> Result<Response, AppError> {
        self.done_keeping(status, answer, answer).await
    }

    /// Has it hold, and answers; whoever asks again gets another answer, as in this one there is a secret.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn done_keeping<T: Serialize>(
        mut self,
        status: StatusCode,
        answer: &T,
        kept: &T,
    ) -> Result<Response, AppError> {
        let text = |value| serde_json::to_string(value).map_err(AppError::Answer);
        if let Some(key) = &self.key {
            let session = self.transaction.session();
            answers::keep(session, &self.whose, key, status.as_u16(), &text(kept)?).await?;
        }
        let body = text(answer)?;
        self.transaction.commit().await?;
        if self.has_letters {
            self.app.mail_waits.notify_one();
        }
        Ok(json(status, body))
    }

    /// Has it hold, and answers that something is begun, which is shown at a place.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn begun<T: Serialize>(
        self,
        location: &str,
        answer: &T,
    ) -> Result<Response, AppError> {
        let mut response = self.done(StatusCode::ACCEPTED, answer).await?;
        if let Ok(location) = location.parse() {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }

    /// Says that letters were written, so that they are sent soon.
    pub(crate) fn has_written(&mut self) {
        self.has_letters = true;
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The key of a call, without the quotes that it may have.
fn key(headers: &HeaderMap) -> Result<Option<String>, AppError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    match (1..=255).contains(&bare.len()) {
        true => Ok(Some(bare.to_owned())),
        false => Err(AppError::Key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_with_quotes_and_without() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", text.parse().expect("a value"));
            key(&headers).ok().flatten()
        };
        assert_eq!(read("\"a-1\"").as_deref(), Some("a-1"));
        assert_eq!(read(" a-1 ").as_deref(), Some("a-1"));
        assert_eq!(read("\"\""), None);
        assert_eq!(read(&"x".repeat(256)), None);
        assert!(key(&HeaderMap::new()).expect("none is needed").is_none());
    }
}
