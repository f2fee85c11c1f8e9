//! `/claims`: somebody shows that a domain is his, and so that he may speak for an organisation.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::accounts::AccountId;
use repute_database::categories::Category;
use repute_database::claims::{self, Claim, ClaimId, Mailbox, Proof};
use repute_database::entries::OrganisationId;
use repute_database::lists::ListId;
use repute_database::organisations::{self, Organisation, find};
use repute_dnsxl::Name;
use repute_registry::claim::{self, ClaimError, For, challenge};
use repute_registry::intervention;
use repute_registry::organisation::OrganisationError;
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::moment::Moment;
use crate::notice;
use crate::overview::ListCard;
use crate::pages::organisation;
use crate::pages::sign_in::back;
use crate::visitor::{Member, Visitor};

/// Why a claim is ended.
#[derive(Deserialize)]
pub(crate) struct TypedEnd {
    why: String,
}

/// The page on which a claim is made.
#[derive(Template)]
#[template(path = "claim_new.html")]
pub(crate) struct NewClaim {
    frame: Frame,
    /// The organisations of who claims.
    own: Vec<Organisation>,
    /// The lists that have categories.
    cards: Vec<ListCard>,
    typed: Typed,
    fault: Option<String>,
}

/// The page of a claim.
#[derive(Template)]
#[template(path = "claim.html")]
pub(crate) struct ClaimPage {
    frame: Frame,
    claim: Claim,
    organisation: String,
    /// Whether the organisation has anything on any list.
    is_published: bool,
    /// The name of the record, for a proof by DNS.
    record: String,
    /// What it must hold.
    text: String,
    /// Whether letters become files.
    folder: bool,
}

/// What is typed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    domain: String,
    /// The Id of an organisation that is there; empty for a new one.
    #[serde(default)]
    organisation: String,
    /// What a new organisation is called.
    #[serde(default)]
    name: String,
    /// `dns`, or the mailbox that a link goes to.
    #[serde(default)]
    proof: String,
    /// The categories of a new organisation, as `category-1=5` for the list with the number 1.
    #[serde(flatten)]
    more: HashMap<String, String>,
}

/// `GET /claims/new`.
pub(crate) async fn form(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(typed): Query<Typed>,
) -> Result<Page<NewClaim>, AppError> {
    let (own, cards) = (own(&app, &member).await?, categorised(&app).await?);
    Ok(Page(NewClaim { frame, own, cards, typed, fault: None }))
}

/// `POST /claims`.
pub(crate) async fn open(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let fault = match wanted(&typed) {
        Err(fault) => fault,
        Ok((domain, whom, proof)) => {
            limit(&app, visitor.address, member.account.id, proof).await?;
            let (now, key) = (Timestamp::now(), &app.means.key);
            let mut transaction = app.database.begin().await?;
            let opened =
                claim::open(&mut transaction, member.person(), &whom, &domain, proof, key, now)
                    .await;
            match opened {
                Ok(opened) => {
                    notice::put(&app, &mut transaction, &opened.notices, now).await?;
                    transaction.commit().await?;
                    app.mail_waits.notify_one();
                    return Ok(back(&path(&opened.claim), Flash::ClaimOpened));
                }
                Err(
                    error @ (ClaimError::Domain(_)
                    | ClaimError::Mails(_)
                    | ClaimError::Many
                    | ClaimError::Open
                    | ClaimError::Stranger { .. }
                    | ClaimError::Organisation(
                        OrganisationError::Text(_)
                        | OrganisationError::Name
                        | OrganisationError::Unknown(_)
                        | OrganisationError::NoList
                        | OrganisationError::Category(..),
                    )),
                ) => sentence(&error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let (own, cards) = (own(&app, &member).await?, categorised(&app).await?);
    let page = NewClaim { frame, own, cards, typed, fault: Some(fault) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// `GET /claims/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<ClaimPage>, AppError> {
    let (claim, organisation) = theirs(&app, &member, id).await?;
    let record = app.means.look.name(&claim.new.domain);
    let record = record.map_or_else(|_| String::new(), |name| name.to_string());
    let text = challenge::text(&claim::token(&claim, &app.means.key));
    let folder = app.config.mail.is_folder();
    let mut connection = app.database.read().await?;
    let published = find::published(connection.session(), &[claim.new.organisation]).await?;
    let is_published = !published.is_empty();
    Ok(Page(ClaimPage { frame, claim, organisation, is_published, record, text, folder }))
}

/// `POST /claims/{id}/look`: asks the domain's name servers now.
pub(crate) async fn look(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let (claim, _) = theirs(&app, &member, id).await?;
    let doer = Doer::Account(member.account.id.0);
    app.limits.take(Deed::Ask, &doer, Instant::now()).map_err(AppError::TooMany)?;
    let found = claim::search(&app.means.look, &claim, &app.means.key).await;
    let found = found.map_err(AppError::Sockets)?;
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let taken = claim::take(&mut transaction, member.person(), ClaimId(id), &found, now).await;
    let (claim, notices) = taken?;
    notice::put(&app, &mut transaction, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    let flash = match found {
        Ok(_) => Flash::ClaimProven,
        Err(_) => Flash::ClaimNotFound,
    };
    Ok(back(&path(&claim), flash))
}

/// `POST /claims/{id}/withdraw`.
pub(crate) async fn withdraw(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    claim::withdraw(&mut transaction, member.person(), ClaimId(id), Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(back("/organisations", Flash::ClaimWithdrawn))
}

/// `POST /claims/{id}/end`: an administrator ends it.
pub(crate) async fn end(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(TypedEnd { why }): Form<TypedEnd>,
) -> Result<Response, AppError> {
    let (person, now) = (member.person(), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let notices = intervention::end_claim(t, person, ClaimId(id), &why, now).await?;
    let found = claims::by_id(t.session(), ClaimId(id)).await?.ok_or(AppError::NotFound)?;
    notice::put(&app, t, &notices, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&organisation::path(found.new.organisation.0), Flash::ClaimEnded))
}

/// Lets somebody have a letter sent to a domain, if that is not too much.
pub(crate) async fn limit(
    app: &App,
    address: IpAddr,
    account: AccountId,
    proof: Proof,
) -> Result<(), AppError> {
    if proof == Proof::Dns {
        return Ok(());
    }
    for doer in [Doer::at(address), Doer::Account(account.0)] {
        limits::take(app, Deed::Mail, doer).await?;
    }
    Ok(())
}

/// What is claimed, for whom and how, or what is wrong with what was typed.
fn wanted(typed: &Typed) -> Result<(Name, For, Proof), String> {
    let domain = typed.domain.trim().trim_end_matches('.');
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL);
    let domain: Option<Name> = ascii.ok().and_then(|ascii| ascii.parse().ok());
    let domain = domain.ok_or("Name a domain, as example.org.")?;
    let whom = match typed.organisation.trim() {
        "" => For::New { name: typed.name.trim().to_owned(), categories: typed.categories()? },
        id => {
            let id: Result<i64, _> = id.trim_start_matches('#').parse();
            For::Existing(OrganisationId(id.map_err(|_| "An Id is a number.")?))
        }
    };
    let proof = match &*typed.proof {
        "postmaster" => Proof::Mail(Mailbox::Postmaster),
        "hostmaster" => Proof::Mail(Mailbox::Hostmaster),
        "abuse" => Proof::Mail(Mailbox::Abuse),
        _ => Proof::Dns,
    };
    Ok((domain, whom, proof))
}

/// The lists that have categories.
async fn categorised(app: &App) -> Result<Vec<ListCard>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let has_some = |card: &&ListCard| !card.categories.is_empty() && !card.is_retiring();
    Ok(cards.iter().filter(has_some).cloned().collect())
}

/// A claim of whoever asks, and what its organisation is called.
async fn theirs(app: &App, member: &Member, id: i64) -> Result<(Claim, String), AppError> {
    let mut connection = app.database.read().await?;
    let claim = claims::by_id(connection.session(), ClaimId(id)).await?;
    let is_theirs = |claim: &Claim| claim.new.account == member.account.id.0;
    let claim = claim.filter(is_theirs).ok_or(AppError::NotFound)?;
    let organisation = organisations::by_id(connection.session(), claim.new.organisation).await?;
    let name = organisation.map_or_else(String::new, |organisation| organisation.name);
    Ok((claim, name))
}

/// The organisations of whoever asks.
async fn own(app: &App, member: &Member) -> Result<Vec<Organisation>, AppError> {
    let mut connection = app.database.read().await?;
    Ok(organisations::of_account(connection.session(), member.account.id.0).await?)
}

/// Where a claim is.
pub(crate) fn path(claim: &Claim) -> String {
    format!("/claims/{}", claim.id.0)
}

/// How a claim stands, for people.
pub(crate) fn standing(claim: &Claim) -> (&'static str, String) {
    use claims::State;
    match claim.state {
        State::Open => ("warn", format!("to be proven until {} UTC", Moment(claim.new.expires))),
        State::Waiting { takes, .. } => match takes {
            Some(takes) => ("warn", format!("proven; yours on {} UTC", Moment(takes))),
            None => ("warn", "proven; somebody else has a better proof".to_owned()),
        },
        State::Held { proven, failures: 0, .. } => {
            ("good", format!("proven since {} UTC", Moment(proven)))
        }
        State::Held { .. } => ("bad", "yours, but its proof is gone".to_owned()),
        State::Superseded => ("idle", "over: somebody else has a better proof".to_owned()),
        State::Lapsed => ("idle", "over: its proof is gone".to_owned()),
        State::Expired => ("idle", "over: it was not proven in time".to_owned()),
        State::Withdrawn if !claim.seen.is_empty() => ("idle", format!("over: {}", claim.seen)),
        State::Withdrawn => ("idle", "taken back".to_owned()),
    }
}

impl Typed {
    /// The categories that are chosen.
    fn categories(&self) -> Result<Vec<(ListId, u8)>, String> {
        let chosen = self.more.iter().filter_map(|(name, value)| {
            let list = name.strip_prefix("category-")?;
            (!value.trim().is_empty()).then_some((list, value.trim()))
        });
        let read = |(list, number): (&str, &str)| {
            let (list, number) = (list.parse().ok()?, number.parse().ok()?);
            Some((ListId(list), number))
        };
        let mut chosen = chosen
            .map(|one| read(one).ok_or_else(|| "Choose a category of the list.".to_owned()))
            .collect::<Result<Vec<_>, _>>()?;
        chosen.sort_by_key(|(list, _)| list.0);
        Ok(chosen)
    }
}

impl NewClaim {
    /// Whether a category is the one that is chosen.
    fn is_chosen(&self, card: &ListCard, category: &Category) -> bool {
        let chosen = self.typed.more.get(&format!("category-{}", card.id.0));
        chosen.is_some_and(|chosen| *chosen == category.number.to_string())
    }
}

impl ClaimPage {
    /// How it stands.
    fn standing(&self) -> (&'static str, String) {
        standing(&self.claim)
    }

    /// Whether it is still to be proven.
    fn is_open(&self) -> bool {
        self.claim.state == claims::State::Open
    }

    /// Whether its domain is theirs, or will be.
    fn is_alive(&self) -> bool {
        let state = &self.claim.state;
        matches!(
            state,
            claims::State::Open | claims::State::Waiting { .. } | claims::State::Held { .. }
        )
    }

    /// The mailbox that the link went to; none for a proof by DNS.
    fn mailbox(&self) -> Option<String> {
        match self.claim.new.proof {
            Proof::Dns => None,
            Proof::Mail(mailbox) => {
                Some(format!("{}@{}", mailbox.local_part(), self.claim.new.domain))
            }
        }
    }
}
