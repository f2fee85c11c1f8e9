//! `/account/tokens`: tokens by which programs act for somebody. A new one is shown once.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::evidence::{self, EvidenceSourceId};
use repute_database::tokens::{self, Token, TokenId};

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::account::done_at;
use crate::token::{self, Scope, Wish};
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "tokens.html")]
pub(crate) struct TokensPage {
    frame: Frame,
    /// Each with the sources of evidence as which it speaks.
    tokens: Vec<(Token, Vec<String>)>,
    /// The sources there are.
    sources: Vec<(EvidenceSourceId, String)>,
    /// What somebody with this role can choose.
    scopes: Vec<Scope>,
    typed: Typed,
    fault: Option<String>,
    now: Timestamp,
}

/// The page that shows a new one.
#[derive(Template)]
#[template(path = "token.html")]
pub(crate) struct NewToken {
    frame: Frame,
    name: String,
    token: String,
    /// Where the API is.
    origin: String,
}

/// What is typed.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    name: String,
    days: String,
    scopes: Vec<Scope>,
    sources: Vec<EvidenceSourceId>,
}

/// `GET /account/tokens`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<TokensPage>, AppError> {
    let typed = Typed { days: "90".to_owned(), ..Typed::default() };
    page(&app, frame, &member, typed, None).await.map(Page)
}

/// `POST /account/tokens`. Scopes are fields of their own name.
pub(crate) async fn make(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let scopes = Scope::ALL.into_iter().filter(|scope| !field(scope.word()).is_empty()).collect();
    let chosen = |name: &str| name.strip_prefix("source-")?.parse().ok().map(EvidenceSourceId);
    let sources = fields.iter().filter(|(_, value)| !value.trim().is_empty());
    let sources = sources.filter_map(|(name, _)| chosen(name)).collect();
    let typed = Typed { name: field("name"), days: field("days"), scopes, sources };
    let days = match &*typed.days {
        "" | "0" => None,
        days => {
            Some(days.parse::<u32>().ok().filter(|days| *days <= 3_650).ok_or(AppError::Choice)?)
        }
    };
    let (name, scopes) = (typed.name.clone(), typed.scopes.clone());
    let wish = Wish { name, scopes, days, sources: typed.sources.clone() };
    match token::make(&app, &member.account, &wish).await {
        Ok(token) => {
            let origin = app.config.public_url.to_string();
            Ok(Page(NewToken { frame, name: wish.name, token, origin }).into_response())
        }
        Err(AppError::Wrong(why)) => {
            let page = page(&app, frame, &member, typed, Some(sentence(&why))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// `POST /account/tokens/{id}/end`.
pub(crate) async fn end(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    match token::end(&app, &member.account, TokenId(id)).await? {
        true => Ok(done_at("/account/tokens", Flash::TokenEnded)),
        false => Err(AppError::NotFound),
    }
}

/// The page of somebody's tokens.
async fn page(
    app: &App,
    frame: Frame,
    member: &Member,
    typed: Typed,
    fault: Option<String>,
) -> Result<TokensPage, AppError> {
    let mut connection = app.database.read().await?;
    let sources = evidence::names(connection.session()).await?;
    let mut tokens = Vec::new();
    for token in tokens::of(connection.session(), member.account.id).await? {
        let own = tokens::sources(connection.session(), token.id).await?;
        let own = sources.iter().filter(|(id, _)| own.contains(id));
        let own = own.map(|(_, name)| name.clone()).collect();
        tokens.push((token, own));
    }
    let scopes: Vec<Scope> = Scope::of_role(member.account.role).collect();
    // Who cannot tell anything needs none of them.
    let sources = if scopes.contains(&Scope::EvidenceWrite) { sources } else { Vec::new() };
    Ok(TokensPage { frame, tokens, sources, scopes, typed, fault, now: Timestamp::now() })
}

impl TokensPage {
    /// Whether a scope is chosen.
    fn has(&self, scope: &Scope) -> bool {
        self.typed.scopes.contains(scope)
    }

    /// Whether a source is chosen.
    fn tells(&self, source: &EvidenceSourceId) -> bool {
        self.typed.sources.contains(source)
    }

    /// Whether a token is over.
    fn is_over(&self, token: &Token) -> bool {
        token.expires.is_some_and(|end| end <= self.now)
    }

    /// The choices of how long a token lasts.
    fn lives(&self) -> [(&'static str, &'static str); 4] {
        [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("0", "until it is ended")]
    }
}
