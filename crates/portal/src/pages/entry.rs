//! `/r/{list}/{target}/{tag}`: where the text of a listing leads. Whoever follows its link is told why, what to mend,
//! and gets off, or is heard by an editor, without typing what the link says already. How its names look now is asked of
//! DNS once the page is there (`names`): nobody waits for a resolver to learn why he is listed.
//!
//! The tag says that the list made the link. It is told to whoever asks the list, so it proves nothing of who follows
//! it: what a removal needs is the same by every way.

use std::time::Instant;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::entries::{self, Entry};
use repute_database::lists::{self, ListId};
use repute_database::removals;
use repute_database::{Key, Timestamp};
use repute_dnsxl::{
    Extent, Ipv4Network, Ipv6Network, Name, Network, ReturnCode, Target, relative_name,
};
use repute_registry::link;
use repute_registry::removal::{
    self, Ask, Control, Kind, Outlook, RemovalError, Way, Why, control,
};
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::lookup::{Reason, explained};
use crate::moment::Moment;
use crate::overview::ListCard;
use crate::pages::lookup::limit;
use crate::pages::removal::{hand_in, seen_of};
use crate::visitor::Visitor;
use crate::zones::Standing;

/// The page of a listing.
#[derive(Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryPage {
    frame: Frame,
    card: ListCard,
    target: Target,
    /// What the entry names.
    key: String,
    /// The codes it answers with, with their meanings.
    codes: Vec<(ReturnCode, Option<String>)>,
    reasons: Vec<Reason>,
    outlook: Outlook,
    /// From where the visitor asks, if that shows that it is his.
    own: Option<String>,
    typed: Typed,
    fault: Option<String>,
}

/// The page of what is not listed any more.
#[derive(Template)]
#[template(path = "entry_gone.html")]
pub(crate) struct GonePage {
    frame: Frame,
    card: ListCard,
    target: Target,
    /// When somebody got it off, if that is known.
    since: Option<Timestamp>,
    /// Whether name servers still answer that it is listed.
    is_still: bool,
}

/// The page of a link that no list made.
#[derive(Template)]
#[template(path = "entry_unsigned.html")]
pub(crate) struct UnsignedPage {
    frame: Frame,
    /// What it names, if that is a target.
    target: Option<Target>,
    /// Whether it has a tag, which is wrong.
    is_damaged: bool,
}

/// What is typed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    mail: String,
    #[serde(default)]
    reason: String,
    /// Whether it is an appeal.
    #[serde(default)]
    appeal: String,
}

/// What a link says, once the list's key says that it is so.
struct Signed {
    /// The list.
    card: ListCard,
    /// What is listed.
    target: Target,
    /// The entry that lists it; none if it is gone.
    entry: Option<Entry>,
}

/// `GET /r/{list}/{target}`: the link of a text that no server of ours answered.
pub(crate) async fn unsigned(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path((_, target)): Path<(String, String)>,
) -> Result<Page<UnsignedPage>, AppError> {
    limit(&app, &visitor)?;
    Ok(Page(UnsignedPage { frame, target: crate::lookup::parse(&target).ok(), is_damaged: false }))
}

/// `GET /r/{list}/{target}/{tag}`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path(parts): Path<(String, String, String)>,
) -> Result<Response, AppError> {
    match read(&app, &visitor, &parts).await? {
        Ok(signed) => {
            let mail = visitor.member.as_ref().map(|member| member.account.mail.clone());
            let typed = Typed { mail: mail.unwrap_or_default(), ..Typed::default() };
            page(&app, frame, &visitor, signed, typed, None).await
        }
        Err(target) => Ok(damaged(frame, target)),
    }
}

/// `POST /r/{list}/{target}/{tag}`: a link goes to who asks.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path(parts): Path<(String, String, String)>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let signed = match read(&app, &visitor, &parts).await? {
        Ok(signed) => signed,
        Err(target) => return Ok(damaged(frame, target)),
    };
    limits::take(&app, Deed::Mail, Doer::at(visitor.address)).await?;
    let mail = typed.mail.trim().to_lowercase();
    let wanted = Ask {
        target: signed.target.clone(),
        mail,
        client: visitor.address,
        reason: typed.reason.trim().to_owned(),
        kind: if typed.appeal.is_empty() { Kind::Removal } else { Kind::Appeal },
        way: Way::Link,
        seen: seen_of(&app, &signed.target).await,
    };
    let now = Timestamp::now();
    match hand_in(&app, &frame, signed.card.id, &wanted, now).await? {
        Ok(response) => Ok(response),
        Err(
            error @ (RemovalError::Mail(_)
            | RemovalError::Never(_)
            | RemovalError::TooMany
            | RemovalError::NoWords
            | RemovalError::NoAppeal(_)
            | RemovalError::TooManyAppeals),
        ) => {
            let fault = Some(sentence(&error.to_string()));
            page(&app, frame, &visitor, signed, typed, fault).await
        }
        // Somebody was faster, and the page says so.
        Err(RemovalError::NotListed(_)) => {
            let signed = Signed { entry: None, ..signed };
            page(&app, frame, &visitor, signed, typed, None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a link: what it says, or only the target if no list made it.
async fn read(
    app: &App,
    visitor: &Visitor,
    (list, target, tag): &(String, String, String),
) -> Result<Result<Signed, Option<Target>>, AppError> {
    let at = Doer::at(visitor.address);
    app.limits.take(Deed::Link, &at, Instant::now()).map_err(AppError::TooMany)?;
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let id = list.parse().map(ListId).ok();
    let card = cards.iter().find(|card| Some(card.id) == id);
    let named = crate::lookup::parse(target).ok();
    if let (Some(card), Some(named)) = (card, named.clone()) {
        let mut connection = app.database.read().await?;
        if link::is_signed(connection.session(), card.id, target, tag).await? {
            let entry = removal::entry(connection.session(), card.id, &named, Way::Link).await?;
            let now = Timestamp::now();
            // What is over and still there was not cleared away yet.
            let entry = entry.filter(|entry| entry.expires.is_none_or(|expires| expires > now));
            return Ok(Ok(Signed { card: card.clone(), target: named, entry }));
        }
    }
    // Whoever makes links up looks something up, at the most.
    limit(app, visitor)?;
    Ok(Err(named))
}

/// The page of a link that is damaged.
fn damaged(frame: Frame, target: Option<Target>) -> Response {
    let page = UnsignedPage { frame, target, is_damaged: true };
    (StatusCode::NOT_FOUND, Page(page)).into_response()
}

/// The page of a link that a list made.
async fn page(
    app: &App,
    frame: Frame,
    visitor: &Visitor,
    signed: Signed,
    typed: Typed,
    fault: Option<String>,
) -> Result<Response, AppError> {
    let Signed { card, target, entry } = signed;
    let Some(entry) = entry else {
        let mut connection = app.database.read().await?;
        let mut since = None;
        for key in keys_of(&target) {
            since = since.max(removals::last_granted(connection.session(), card.id, &key).await?);
        }
        let standing = app.zones.standing(&card.list.apex, &target);
        let is_still = matches!(standing, Some(Standing::Listed(_)));
        return Ok(Page(GonePage { frame, card, target, since, is_still }).into_response());
    };
    let mut look = app.database.look().await?;
    let stored = lists::by_id(look.session(), card.id).await?.ok_or(AppError::NotFound)?;
    let (now, text) = (Timestamp::now(), target.to_string());
    let control = control::control(&target, &entry.key, visitor.address, "", &[]);
    let outlook = removal::outlook(look.session(), &stored, &entry, (&text, control), now).await?;
    let deciding = entries::at(look.session(), card.id, &entry.key).await?;
    let codes = deciding.iter().filter_map(|entry| entry.code);
    let codes = codes.map(|code| (code, card.meaning(code).map(str::to_owned))).collect();
    let reasons = explained(&card, deciding);
    let client = visitor.address.to_canonical().to_string();
    let own = (control == Control::Address).then(|| match client == text {
        true => format!("{text} itself"),
        false => "its network".to_owned(),
    });
    let key = entry.key.to_string();
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = EntryPage { frame, card, target, key, codes, reasons, outlook, own, typed, fault };
    Ok((status, Page(page)).into_response())
}

/// The keys of entries that list nothing but a target, its subscriber, or it and what is below.
fn keys_of(target: &Target) -> Vec<Key> {
    match target {
        Target::Ipv4(address) => vec![Key::Network(Network::V4(Ipv4Network::around(*address, 32)))],
        Target::Ipv6(address) => {
            let around = |len| Key::Network(Network::V6(Ipv6Network::around(*address, len)));
            [128, 64].map(around).into()
        }
        Target::Name(name) => {
            [Extent::Exact, Extent::Both].map(|extent| Key::Name(name.clone(), extent)).into()
        }
    }
}

impl EntryPage {
    /// Whether the entry lists more than the target.
    fn is_wider(&self) -> bool {
        self.key != self.target.to_string()
    }

    /// Whether the link in the letter takes it off.
    fn is_free(&self) -> bool {
        self.outlook == Outlook::Free
    }

    /// Why an editor decides, if one does.
    fn editors(&self) -> Option<Why> {
        match self.outlook {
            Outlook::Editor(why) => Some(why),
            Outlook::Free | Outlook::Locked(_) | Outlook::Never => None,
        }
    }

    /// Whether the link in the letter takes it off if who asks shows that it is his.
    fn is_to_prove(&self) -> bool {
        self.outlook == Outlook::Editor(Why::Unproven)
    }

    /// Whether one appeals against what a removal would meet.
    fn is_appeal(&self) -> bool {
        self.outlook.is_appealed()
    }

    /// Whether it is not taken off by asking.
    fn is_never(&self) -> bool {
        self.outlook == Outlook::Never
    }

    /// From when on it can be removed, if not now.
    fn locked(&self) -> Option<Timestamp> {
        match self.outlook {
            Outlook::Locked(until) => Some(until),
            Outlook::Free | Outlook::Editor(_) | Outlook::Never => None,
        }
    }

    /// The name that is asked of the list.
    fn question(&self) -> String {
        question(&self.target, &self.card.list.apex)
    }

    /// Whether it is an address, which has names.
    fn is_address(&self) -> bool {
        matches!(self.target, Target::Ipv4(_) | Target::Ipv6(_))
    }
}

impl GonePage {
    /// The name that is asked of the list.
    fn question(&self) -> String {
        question(&self.target, &self.card.list.apex)
    }
}

/// The name under which a list is asked about a target.
fn question(target: &Target, apex: &Name) -> String {
    let wire = [&relative_name(target)[..], apex.as_wire()].concat();
    Name::from_wire(&wire).map_or_else(|_| String::new(), |name| name.to_string())
}

#[cfg(test)]
mod tests;
