//! Who visits: an account by its session, or nobody in particular.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use repute_database::accounts::{Account, Role};
use repute_database::sessions::{self, SignedIn};
use repute_database::{DatabaseError, Timestamp};
use repute_registry::permission::{self, Person};

use crate::app::App;
use crate::client;
use crate::config::PublicUrl;
use crate::error::AppError;
use crate::flash::Flash;
use crate::secret::digest_of;
use crate::seen::{self, Used};

/// Who visits.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Where he asks from.
    pub(crate) address: IpAddr,
    /// His account and session, if he is signed in.
    pub(crate) member: Option<Member>,
    /// What was just done.
    pub(crate) flash: Option<Flash>,
}

/// Somebody signed in. As an argument of a handler: whoever it is about.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Whose account.
    pub(crate) account: Account,
    /// By which session.
    pub(crate) session: SignedIn,
}

impl Visitor {
    /// Finds out who it is.
    pub(crate) async fn find(
        app: &App,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Visitor, DatabaseError> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), |info| info.0);
        let address = client::address(peer, headers, &app.config.trusted_proxies);
        let flash = cookie(headers, flash_name(&app.config.public_url)).and_then(Flash::from_word);
        let member = match cookie(headers, session_cookie(&app.config.public_url)) {
            // Boxed: most who ask have no session, and would carry the place for its queries through every layer.
            Some(secret) => Box::pin(member(app, secret)).await?,
            None => None,
        };
        Ok(Visitor { address, member, flash })
    }

    /// His role; none if he is not signed in.
    pub(crate) fn role(&self) -> Option<Role> {
        self.member.as_ref().map(|member| member.account.role)
    }
}

impl Member {
    /// Who it is to the rules of the registry.
    pub(crate) fn person(&self) -> Person {
        person(&self.account)
    }

    /// Whether he decides about others' requests.
    pub(crate) fn is_editor(&self) -> bool {
        self.account.role >= Role::Editor
    }

    /// Whether the person proved who he is a short while ago.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        // A proof from times to come is one of a clock that was wrong then, or is wrong now.
        self.session.proven < now.after(SKEW) && now < self.session.proven.after(FRESH)
    }
}

/// Who an account's owner is to the rules of the registry.
pub(crate) fn person(account: &Account) -> Person {
    let role = match account.role {
        Role::Member => permission::Role::Member,
        Role::Editor => permission::Role::Editor,
        Role::Administrator => permission::Role::Administrator,
    };
    Person { account: account.id.0, role }
}

/// Whose session it is.
async fn member(app: &App, secret: &str) -> Result<Option<Member>, DatabaseError> {
    let now = Timestamp::now();
    let mut connection = app.database.read().await?;
    let found = sessions::find(connection.session(), &digest_of(secret), now).await?;
    drop(connection);
    let Some((session, account)) = found else { return Ok(None) };
    seen::note(app, Used::Session(session.id), Some(session.seen), now).await;
    Ok(Some(Member { account, session }))
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, AppError> {
        parts.extensions.get().cloned().ok_or(AppError::SignIn)
    }
}

impl<S: Sync> FromRequestParts<S> for Member {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Member, AppError> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.member.ok_or(AppError::SignIn)
    }
}

/// A cookie by its name.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The session's cookie. With TLS its name binds it to this host (RFC 6265bis section 4.1.3.2).
pub(crate) fn session_cookie(url: &PublicUrl) -> &'static str {
    if url.is_secure() { "__Host-session" } else { "session" }
}

/// The cookie of what was just done. What a page says is bound to this host, too.
pub(crate) fn flash_name(url: &PublicUrl) -> &'static str {
    if url.is_secure() { "__Host-flash" } else { "flash" }
}

/// By how much the clocks of two servers may differ.
const SKEW: Duration = Duration::from_secs(60);
/// How long a proof is fresh.
const FRESH: Duration = Duration::from_secs(10 * 60);
