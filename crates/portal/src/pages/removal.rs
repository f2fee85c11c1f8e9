//! `/removals`: who is on a block list gets off it, by a link in a letter and without an account; and what an editor
//! says where that is not enough.

use std::time::Instant;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::accounts::AccountId;
use repute_database::conflicts::About;
use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::kept_out::{self, KeptOut};
use repute_database::lists::{self, ListId};
use repute_database::organisations::{self, Note};
use repute_database::removals::{self, Removal, RemovalId, State as Stage};
use repute_database::{Key, Session, Timestamp};
use repute_dnsxl::Target;
use repute_registry::kept_out::End;
use repute_registry::removal::{
    self, Ask, Control, Decided, Kind, Outlook, Refusal, RemovalError, Verdict, Way, Why, control,
};
use repute_registry::request;
use repute_registry::request::check::{Evidence, Finding, Neighbour};
use repute_registry::request::evidence;
use repute_registry::request::item::Item;
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::evidence::{Seen, seen};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::lookup::parse;
use crate::moment::Moment;
use crate::notice;
use crate::overview::{ListCard, card};
use crate::pages::bulk::with_canned;
use crate::pages::conflict::{Interest, interest};
use crate::pages::join::Mailed;
use crate::pages::lookup::limit;
use crate::pages::names::{self, title};
use crate::pages::queue::is_held;
use crate::pages::request::{outcome_mark, whose};
use crate::pages::sign_in::back;
use crate::spans::Spans;
use crate::visitor::{Member, Visitor};

pub(crate) mod follow;

/// The page on which somebody asks.
#[derive(Template)]
#[template(path = "removal_new.html")]
pub(crate) struct NewRemoval {
    frame: Frame,
    card: ListCard,
    /// What a removal would meet, of a target that is named and listed.
    outlook: Option<Outlook>,
    typed: Typed,
    fault: Option<String>,
}

/// The page on which an editor decides.
#[derive(Template)]
#[template(path = "removal_review.html")]
pub(crate) struct Review {
    frame: Frame,
    removal: Removal,
    card: Option<ListCard>,
    entries: Vec<Entry>,
    /// How often it was removed within the last 30 days.
    before: u32,
    /// What an editor said against it within that time.
    refusal: Option<Refusal>,
    /// Those that wait with it, or were decided with it.
    joined: Vec<Removal>,
    /// Texts to choose from.
    canned: Vec<String>,
    /// What was seen of it.
    seen: Vec<Seen>,
    /// Whether whoever looks is partial, and who else is.
    interest: Interest,
    /// Entries around it.
    neighbours: Vec<Neighbour>,
    /// What editors noted about the organisations whose entries it is about.
    notes: Vec<Note>,
    /// What DNS says of the address, asked now; none if it is no address, or was asked too often.
    findings: Option<Vec<Finding>>,
    /// Until when it is kept off the list, if it is.
    kept_off: Option<KeptOut>,
    /// For how many days the list keeps off what is taken off it.
    days: u32,
}

/// What is typed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Typed {
    /// The list, by its apex.
    #[serde(default)]
    list: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    mail: String,
    #[serde(default)]
    reason: String,
    /// Whether it is an appeal.
    #[serde(default)]
    appeal: String,
}

/// `GET /removals/new?list=...&target=...`.
pub(crate) async fn form(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Query(typed): Query<Typed>,
) -> Result<Page<NewRemoval>, AppError> {
    let card = card(&app, &typed.list).await?;
    limit(&app, &visitor)?;
    let outlook = outlook(&app, &card, &visitor, &typed.target).await?;
    Ok(Page(NewRemoval { frame, card, outlook, typed, fault: None }))
}

/// What a removal of a target would meet that somebody named; nothing if it is not listed.
async fn outlook(
    app: &App,
    card: &ListCard,
    visitor: &Visitor,
    typed: &str,
) -> Result<Option<Outlook>, AppError> {
    let Ok(target) = parse(typed) else { return Ok(None) };
    let mut look = app.database.look().await?;
    let entry = removal::entry(look.session(), card.id, &target, Way::Typed).await?;
    let stored = lists::by_id(look.session(), card.id).await?;
    let (Some(entry), Some(stored)) = (entry, stored) else { return Ok(None) };
    let (text, now) = (target.to_string(), Timestamp::now());
    let control = control::control(&target, &entry.key, visitor.address, "", &[]);
    let outlook = removal::outlook(look.session(), &stored, &entry, (&text, control), now).await?;
    Ok(Some(outlook))
}

/// `POST /removals`: a link goes to who asks.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Mail, Doer::at(visitor.address)).await?;
    let card = card(&app, &typed.list).await?;
    let fault = match parse(&typed.target) {
        Err(error) => sentence(&format!("this is {error}")),
        Ok(target) => {
            let (now, mail) = (Timestamp::now(), typed.mail.trim().to_lowercase());
            let reason = typed.reason.trim().to_owned();
            let (client, way) = (visitor.address, Way::Typed);
            let seen = seen_of(&app, &target).await;
            let kind = if typed.appeal.is_empty() { Kind::Removal } else { Kind::Appeal };
            let wanted = Ask { target, mail, client, reason, kind, way, seen };
            match hand_in(&app, &frame, card.id, &wanted, now).await? {
                Ok(response) => return Ok(response),
                Err(
                    error @ (RemovalError::NoBlockList(_)
                    | RemovalError::NotListed(_)
                    | RemovalError::Never(_)
                    | RemovalError::Mail(_)
                    | RemovalError::TooMany
                    | RemovalError::NoWords
                    | RemovalError::NoAppeal(_)
                    | RemovalError::TooManyAppeals),
                ) => sentence(&error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let outlook = outlook(&app, &card, &visitor, &typed.target).await?;
    let page = NewRemoval { frame, card, outlook, typed, fault: Some(fault) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// Asks for a removal, and shows that a letter with a link is on its way; or tells why not.
pub(super) async fn hand_in(
    app: &App,
    frame: &Frame,
    list: ListId,
    wanted: &Ask,
    now: Timestamp,
) -> Result<Result<Response, RemovalError>, AppError> {
    let mut transaction = app.database.begin().await?;
    let stored = lists::by_id(transaction.session(), list).await?.ok_or(AppError::NotFound)?;
    match removal::ask(&mut transaction, &stored, wanted, &app.means.key, now).await {
        Ok((_, notices)) => {
            notice::put(app, &mut transaction, &notices, now).await?;
            transaction.commit().await?;
            app.mail_waits.notify_one();
            let (frame, mail) = (frame.clone(), wanted.mail.clone());
            let folder = app.config.mail.is_folder();
            Ok(Ok(Page(Mailed { frame, mail, folder, lasts: "two days" }).into_response()))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// `GET /queue/removals/{id}`.
pub(crate) async fn review(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<Review>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let mut look = app.database.look().await?;
    let removal = removals::by_id(look.session(), RemovalId(id)).await?;
    let removal = removal.ok_or(AppError::NotFound)?;
    let card = cards.iter().find(|card| card.id == removal.new.list).cloned();
    let entries = entries::at(look.session(), removal.new.list, &removal.new.key).await?;
    let (list, key, now) = (removal.new.list, &removal.new.key, Timestamp::now());
    let before = match entries.iter().find(|entry| entry.code.is_some()) {
        Some(entry) => removal::before(look.session(), list, entry, now).await?,
        None => 0,
    };
    let refusal = refused(look.session(), &removal).await?;
    let joined = removals::joined(look.session(), removal.id).await?;
    let canned = app.config.canned_reasons.clone();
    let seen = seen(look.session(), key).await?;
    let kept_off = kept_out::at(look.session(), list, key, now).await?;
    let days = kept_out::days(look.session(), list).await?;
    let is_open = removal.state == Stage::Queued;
    let about = About::Removal(removal.id);
    let interest = interest(look.session(), member.person(), about, is_open).await?;
    let neighbours = neighbours(look.session(), &removal, &entries).await?;
    let notes = notes(look.session(), &entries).await?;
    drop(look);
    let findings = findings(&app, member.account.id, &removal).await?;
    Ok(Page(Review {
        frame,
        removal,
        card,
        entries,
        before,
        refusal,
        joined,
        canned,
        seen,
        interest,
        neighbours,
        notes,
        findings,
        kept_off,
        days,
    }))
}

/// The entries around what a removal is about, and within it, without itself.
pub(crate) async fn neighbours(
    mut session: Session<'_>,
    removal: &Removal,
    entries: &[Entry],
) -> Result<Vec<Neighbour>, AppError> {
    let Key::Network(network) = removal.new.key else { return Ok(Vec::new()) };
    let list = lists::by_id(session.again(), removal.new.list).await?.ok_or(AppError::NotFound)?;
    // No organisation has this number.
    let own = entries.iter().find_map(|entry| entry.organisation).unwrap_or(OrganisationId(0));
    let item = Item::Remove { network };
    let mut found = request::neighbours(session, own, &list, &item).await?;
    found.retain(|one| one.network != network);
    found.truncate(MOST_NEIGHBOURS);
    Ok(found)
}

/// What an editor said against the same not long ago, of one that waits.
pub(crate) async fn refused(
    session: Session<'_>,
    removal: &Removal,
) -> Result<Option<Refusal>, AppError> {
    let (list, key) = (removal.new.list, &removal.new.key);
    match removal.state {
        Stage::Queued => Ok(removal::refusal(session, list, key, Timestamp::now()).await?),
        Stage::Sent | Stage::Granted | Stage::Refused | Stage::Expired => Ok(None),
    }
}

/// What editors noted about the organisations that have these entries.
pub(crate) async fn notes(
    mut session: Session<'_>,
    entries: &[Entry],
) -> Result<Vec<Note>, AppError> {
    let mut owners: Vec<_> = entries.iter().filter_map(|entry| entry.organisation).collect();
    owners.dedup();
    let mut all = Vec::new();
    for owner in owners {
        all.extend(organisations::notes(session.again(), owner, MOST_NOTES).await?);
    }
    Ok(all)
}

/// What DNS says of the address that a removal is about, as often as it is fair to ask.
pub(crate) async fn findings(
    app: &App,
    by: AccountId,
    removal: &Removal,
) -> Result<Option<Vec<Finding>>, AppError> {
    let address = match parse(&removal.new.target) {
        Ok(Target::Ipv4(address)) => address.into(),
        Ok(Target::Ipv6(address)) => address.into(),
        Ok(Target::Name(_)) | Err(_) => return Ok(None),
    };
    match app.limits.take(Deed::Ask, &Doer::Account(by.0), Instant::now()) {
        Ok(()) => names::look(app, address).await.map(Some),
        Err(_) => Ok(None),
    }
}

/// What an editor decides.
#[derive(Deserialize)]
pub(crate) struct Typing {
    verdict: String,
    /// The number of a text of ours.
    #[serde(default)]
    canned: String,
    #[serde(default)]
    why: String,
    /// Until when imports do not bring it back: `never`, `at-once`, or as the list says.
    #[serde(default)]
    kept_off: String,
}

/// `POST /queue/removals/{id}`.
pub(crate) async fn decide(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Typing { verdict, canned, why, kept_off }): Form<Typing>,
) -> Result<Response, AppError> {
    let verdict = match &*verdict {
        "grant" => Verdict::Grant {
            end: match &*kept_off {
                "never" => End::Never,
                "at-once" => End::AtOnce,
                _ => End::AsTheListSays,
            },
            why: granted(&app, id, &canned, &why).await?,
        },
        _ => Verdict::Refuse(with_canned(&app, &canned, &why)),
    };
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let decided =
        removal::decide(&mut transaction, member.person(), RemovalId(id), &verdict, now).await?;
    let (decided, notices) = decided;
    notice::put(&app, &mut transaction, &notices, now).await?;
    let removal = removals::by_id(transaction.session(), RemovalId(id)).await?;
    let list = removal.ok_or(AppError::NotFound)?.new.list;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    let is_held = match decided {
        Decided::Granted { serial, .. } => is_held(&app, list, Some(serial)).await?,
        Decided::Waits(_) | Decided::Refused => false,
    };
    Ok(match decided {
        Decided::Granted { .. } if is_held => back("/queue", Flash::RequestHeld),
        Decided::Waits(_) => back(&format!("/queue/removals/{id}"), Flash::RequestWaitsForSecond),
        Decided::Granted { .. } | Decided::Refused => back("/queue", Flash::RequestDecided),
    })
}

/// What an editor says to a removal that he grants: nothing unless it is an appeal, since the form asks why not.
async fn granted(app: &App, id: i64, canned: &str, why: &str) -> Result<String, AppError> {
    let mut look = app.database.look().await?;
    let removal = removals::by_id(look.session(), RemovalId(id)).await?;
    let Some(removal) = removal else { return Ok(String::new()) };
    match removal::is_appealed(look.session(), &removal).await? {
        true => Ok(with_canned(app, canned, why)),
        false => Ok(String::new()),
    }
}

impl NewRemoval {
    /// Whether it is an appeal: because a removal would meet what one appeals against, or he came for that.
    fn is_appeal(&self) -> bool {
        match self.outlook {
            Some(outlook) => outlook.is_appealed(),
            None => !self.typed.appeal.is_empty(),
        }
    }

    /// From when on it can be removed, if not now.
    fn locked(&self) -> Option<Timestamp> {
        match self.outlook {
            Some(Outlook::Locked(until)) => Some(until),
            Some(Outlook::Free | Outlook::Editor(_) | Outlook::Never) | None => None,
        }
    }

    /// Whether it is not taken off by asking.
    fn is_never(&self) -> bool {
        self.outlook == Some(Outlook::Never)
    }

    /// Why an editor decides, if one does whoever asks.
    fn editors(&self) -> Option<Why> {
        match self.outlook {
            // Who asks may still show by his mail address that it is his.
            Some(
                Outlook::Editor(Why::Unproven)
                | Outlook::Free
                | Outlook::Locked(_)
                | Outlook::Never,
            )
            | None => None,
            Some(Outlook::Editor(why)) => Some(why),
        }
    }
}

impl Review {
    /// What it is about.
    fn title(&self) -> String {
        match self.removal.new.kind {
            Kind::Removal => format!("Removal of {}", self.removal.new.target),
            Kind::Appeal => format!("Appeal about {}", self.removal.new.target),
        }
    }

    /// Whether somebody appeals who is locked out or was refused, by this one or one that joined it.
    fn is_appeal(&self) -> bool {
        let mut all = self.joined.iter().chain([&self.removal]);
        all.any(|one| one.new.kind == Kind::Appeal)
    }

    /// How who asks came here.
    fn way(&self) -> &'static str {
        match self.removal.new.way {
            Way::Typed => "by the look-up",
            Way::Link => "by the link of the listing",
        }
    }
}

/// What shows that who asks has to do with the target.
fn shown(removal: &Removal) -> &'static str {
    match removal.new.control {
        Control::Address if removal.new.key.to_string() != removal.new.target => {
            "it was asked from an address in the network"
        }
        Control::Address => "it was asked from the address itself",
        Control::Domain => "the mail is taken at a domain of it",
        Control::None => "nothing",
    }
}

/// What DNS says of a target, by which removals are counted and which shows whose it is. It is asked once for each letter,
/// so what limits letters limits this.
pub(crate) async fn seen_of(app: &App, target: &Target) -> Vec<Evidence> {
    let addresses = match target {
        Target::Ipv4(address) => vec![(*address).into()],
        Target::Ipv6(address) => vec![(*address).into()],
        Target::Name(_) => Vec::new(),
    };
    let look = &app.means.look;
    let gathered = evidence::of_addresses(addresses, &look.resolvers, look.timeout).await;
    // Without sockets nobody is kept from asking.
    gathered.unwrap_or_default()
}

/// What to do about an entry that lists a target all the same, for people.
pub(crate) fn next_step(outlook: &Outlook) -> String {
    match outlook {
        Outlook::Free => "Ask once more: the next link takes that entry off, too.".to_owned(),
        Outlook::Locked(until) => {
            let until = Moment(*until);
            format!("It came back onto the list too often: ask once more from {until} UTC on.")
        }
        Outlook::Never => {
            "That one is not taken off by asking: write to the list's contact.".to_owned()
        }
        Outlook::Editor(why) => format!(
            "An editor decides about that one, since {why}: ask once more, and say what you mended."
        ),
    }
}

/// Notes that are shown, of each organisation.
const MOST_NOTES: u32 = 20;
/// Neighbours that are shown.
const MOST_NEIGHBOURS: usize = 50;
