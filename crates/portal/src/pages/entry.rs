//! `/r/{list}/{target}/{tag}`: where the text of a listing leads. Whoever follows its link is told why, what to mend,
//! how it looks now, and gets off, or is heard by an editor, without typing what the link says already.
//!
//! The tag says that the list made the link. It is told to whoever asks the list, so it proves nothing of who follows
//! it: what a removal needs is the same by every way.

use std::net::IpAddr;
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
use repute_registry::removal::{self, Ask, Control, Outlook, RemovalError, Way, Why};
use repute_registry::request::check::Finding;
use serde::Deserialize;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{Deed, Doer};
use crate::lookup::{Reason, explained};
use crate::moment::Moment;
use crate::overview::ListCard;
use crate::pages::lookup::limit;
use crate::pages::names::{self, title};
use crate::pages::removal::{domain_of, hand_in};
use crate::pages::request::outcome_mark;
use crate::spans::Spans;
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
    /// How its names look now; none if that was not asked.
    names: Option<Vec<Finding>>,
    outlook: Outlook,
    /// Whether the visitor asks from the target.
    is_own: bool,
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
            let typed = Typed { mail: mail.unwrap_or_default(), reason: String::new() };
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
    let at = Doer::at(visitor.address);
    app.limits.take(Deed::Mail, at, Instant::now()).map_err(AppError::TooMany)?;
    let mail = typed.mail.trim().to_lowercase();
    // Its names are asked for only if they could say something new.
    let mut control = removal::control(&signed.target, visitor.address, &mail, &[]);
    if control == Control::None
        && let Some((_, own)) = look(&app, &visitor, &signed.target).await?
    {
        control = removal::control(&signed.target, visitor.address, &mail, &own);
    }
    let wanted = Ask {
        target: signed.target.clone(),
        mail,
        domain: domain_of(&app, &signed.target).await,
        client: visitor.address,
        reason: typed.reason.trim().to_owned(),
        way: Way::Link,
        control,
    };
    let now = Timestamp::now();
    match hand_in(&app, &frame, signed.card.id, &wanted, now).await? {
        Ok(response) => Ok(response),
        Err(error @ (RemovalError::Mail(_) | RemovalError::TooMany)) => {
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
    app.limits.take(Deed::Link, at, Instant::now()).map_err(AppError::TooMany)?;
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
    let names = look(app, visitor, &target).await?.map(|(findings, _)| findings);
    let mut look = app.database.look().await?;
    let stored = lists::by_id(look.session(), card.id).await?.ok_or(AppError::NotFound)?;
    let (now, text) = (Timestamp::now(), target.to_string());
    let outlook = removal::outlook(look.session(), &stored, &entry, &text, now).await?;
    let deciding = entries::at(look.session(), card.id, &entry.key).await?;
    let codes = deciding.iter().filter_map(|entry| entry.code);
    let codes = codes.map(|code| (code, card.meaning(code).map(str::to_owned))).collect();
    let reasons = explained(look.session(), card.id, deciding).await?;
    let control = removal::control(&target, visitor.address, "", &[]);
    let (is_own, key) = (control == Control::Address, entry.key.to_string());
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = EntryPage {
        frame,
        card,
        target,
        key,
        codes,
        reasons,
        names,
        outlook,
        is_own,
        typed,
        fault,
    };
    Ok((status, Page(page)).into_response())
}

/// How the names of an address look, and those that lead back to it; none of what has no names, or if too much was asked
/// for today.
async fn look(
    app: &App,
    visitor: &Visitor,
    target: &Target,
) -> Result<Option<(Vec<Finding>, Vec<Name>)>, AppError> {
    let address = match target {
        Target::Ipv4(address) => IpAddr::V4(*address),
        Target::Ipv6(address) => IpAddr::V6(*address),
        Target::Name(_) => return Ok(None),
    };
    let doer = Doer::at(visitor.address);
    if app.limits.take(Deed::Ask, doer, Instant::now()).is_err() {
        return Ok(None);
    }
    names::look(app, address).await.map(Some)
}

/// The keys of entries that list nothing but a target, or it and what is below.
fn keys_of(target: &Target) -> Vec<Key> {
    match target {
        Target::Ipv4(address) => vec![Key::Network(Network::V4(Ipv4Network::around(*address, 32)))],
        Target::Ipv6(address) => {
            vec![Key::Network(Network::V6(Ipv6Network::around(*address, 128)))]
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
            Outlook::Free | Outlook::Locked(_) => None,
        }
    }

    /// From when on it can be removed, if not now.
    fn locked(&self) -> Option<Timestamp> {
        match self.outlook {
            Outlook::Locked(until) => Some(until),
            Outlook::Free | Outlook::Editor(_) => None,
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
mod tests {
    use repute_database::dns::{Links, Settings};
    use repute_database::removals::RemovalId;
    use repute_database::testing::on_each_narrow;
    use repute_database::{Database, outbox};

    use super::*;
    use crate::chores;
    use crate::testing::Site;

    /// Lists keys on a list of this name; its number.
    async fn list(site: &Site, apex: &str, keys: &[&str]) -> ListId {
        let id = site.add_list(apex).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        lists::publish_policy(t.session(), id, "Traps.", Timestamp(1)).await.expect("published");
        let title = "A <trap> was hit";
        let criterion = lists::add_criterion(t.session(), id, 1, "trap", title, "Close the relay.");
        let criterion = criterion.await.expect("it is added");
        let source = entries::source(t.session(), "test").await.expect("a source");
        let all: Vec<Entry> = keys
            .iter()
            .map(|key| Entry {
                key: key.parse().expect("a key"),
                code: Some("127.0.0.2".parse().expect("a code")),
                text: String::new(),
                reason: "<script>alert(1)</script>".to_owned(),
                criterion: Some(criterion),
                source,
                organisation: None,
                since: Timestamp(1_772_373_906_000_000),
                expires: None,
                review: None,
            })
            .collect();
        entries::put(t.session(), id, &all).await.expect("they are written");
        transaction.commit().await.expect("it is committed");
        chores::announce(&site.app).await.expect("it is announced");
        id
    }

    /// The path of the link that a list's text has about a target.
    async fn path_of(database: &Database, list: ListId, target: &str) -> String {
        let mut connection = database.read().await.expect("a connection");
        let stored = lists::by_id(connection.session(), list).await.expect("read").expect("there");
        // The portal of tests is nowhere to lead to, unless somebody says so.
        let settings = Settings { links: Links::On, ..Settings::default() };
        let found = link::of(connection.session(), &stored, &settings).await;
        let found = found.expect("it is read").expect("it has links");
        let path = found.before().strip_prefix("http://localhost:8080").expect("it is ours");
        let tag = found.key().tag(target.as_bytes());
        format!("{path}{target}/{}", String::from_utf8(tag.to_vec()).expect("letters"))
    }

    /// The path in the next letter.
    async fn letter(site: &Site) -> String {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = std::time::Duration::from_secs(60);
        let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
        let taken = taken.expect("it is tried").expect("a letter");
        outbox::sent(transaction.session(), taken.id, Timestamp::now()).await.expect("it is sent");
        transaction.commit().await.expect("it is committed");
        let text = taken.letter.plain;
        let (_, rest) = text.split_once("http://localhost:8080").expect("a link");
        rest.split_whitespace().next().expect("a path").to_owned()
    }

    /// What was asked for.
    async fn asked(site: &Site, id: i64) -> removals::New {
        let mut connection = site.app.database.read().await.expect("a connection");
        let found = removals::by_id(connection.session(), RemovalId(id)).await;
        found.expect("it is read").expect("it is there").new
    }

    #[tokio::test]
    async fn who_follows_the_link_of_his_listing_gets_off_without_typing_it() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
            let path = path_of(&site.app.database, bl, "192.0.2.7").await;
            let page = site.get(&path).await;
            page.says(&[
                "192.0.2.7",
                "&#60;script&#62;",
                "2026-03-01 14:05",
                "A &#60;trap&#62; was hit",
                "Close the relay.",
                "dig +short -x 192.0.2.7",
                "dig +short 7.2.0.192.bl.example",
                "keep the old answer for 300 seconds",
                "Send me the link that takes it off",
                "noindex",
            ]);
            assert!(!page.text.contains("<script>") && !page.text.contains("name=\"target\""));
            let wrong = site.post(&path, &[("mail", "<b>"), ("reason", "kept")]).await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
            wrong.says(&["is not a mail address", "kept</textarea>"]);
            let fields = [("mail", "a@b.example"), ("reason", "fixed")];
            site.post(&path, &fields).await.says(&["Look into your mail"]);
            let new = asked(&site, 1).await;
            assert_eq!((&*new.target, &*new.reason, new.way), ("192.0.2.7", "fixed", Way::Link));
            let confirm = letter(&site).await;
            site.get(&path).await.says(&["Send me the link"]);
            site.post(&confirm, &[]).await.says(&["It is off the list"]);
            let gone = site.get(&path).await;
            gone.says(&["not listed", "somebody got it off on 20", "for 300 seconds at most"]);
            assert!(!gone.text.contains("<form class=\"stack\""));
            let late = site.post(&path, &fields).await;
            late.says(&["not listed", "somebody got it off on 20"]);
            // It comes back: from then on the page says from when on it can be removed.
            list_again(&site, bl).await;
            let page = site.get(&path).await;
            page.says(&["It came back onto the list too often"]);
            assert!(!page.text.contains("name=\"mail\""));
        })
        .await;
    }

    /// Lists 192.0.2.7 once more.
    async fn list_again(site: &Site, list: ListId) {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let entry = Entry {
            key: "192.0.2.7".parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "again".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp::now(),
            expires: None,
            review: None,
        };
        entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
    }

    #[tokio::test]
    async fn a_link_that_no_list_made_leads_to_the_look_up() {
        let mut site = Site::new().await;
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let other = list(&site, "other.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let (start, tag) = path.rsplit_once('/').expect("a tag");
        let wrong = [
            format!("{start}/{}", &tag[..11]),
            format!("{start}/{tag}a"),
            format!("/r/{}/192.0.2.8/{tag}", bl.0),
            format!("/r/{}/192.0.2.7/{tag}", other.0),
            format!("/r/99/192.0.2.7/{tag}"),
            format!("/r/x/192.0.2.7/{tag}"),
            format!("/r/{}/%3Cb%3E/{tag}", bl.0),
        ];
        for path in &wrong {
            for page in [site.get(path).await, site.post(path, &[("mail", "a@b.example")]).await] {
                assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
                page.says(&["This link is damaged", "action=\"/lookup\""]);
                assert!(!page.text.contains("alert(1)"), "{path} shows the entry");
            }
        }
        site.get(&wrong[2]).await.says(&["value=\"192.0.2.8\""]);
        let page = site.get(start).await;
        assert_eq!(page.status, StatusCode::OK);
        page.says(&["This link is not signed", "value=\"192.0.2.7\""]);
        // Mail programs write letters large, or put what they like behind.
        assert_eq!(site.get(&path.to_uppercase().replace("/R/", "/r/")).await.status, 200);
    }

    #[tokio::test]
    async fn an_editor_hears_whose_entry_lists_more_than_him() {
        let mut site = Site::new().await;
        let bl = list(&site, "bl.example", &["192.0.2.0/24", "*.below.example"]).await;
        let why = "the entry covers more than what you asked about";
        for target in ["192.0.2.7", "below.example"] {
            let path = path_of(&site.app.database, bl, target).await;
            site.get(&path).await.says(&["An editor decides this", why, "asks an editor"]);
            let fields = [("mail", "postmaster@below.example"), ("reason", "fixed")];
            site.post(&path, &fields).await.says(&["Look into your mail"]);
            let confirm = letter(&site).await;
            site.post(&confirm, &[]).await.says(&["An editor decides this"]);
        }
        assert_eq!(asked(&site, 1).await.control, Control::None);
        assert_eq!(asked(&site, 2).await.control, Control::Domain, "a domain of the target");
        site.become_role(Some(repute_database::accounts::Role::Editor)).await;
        site.get("/queue/removals/2").await.says(&["taken at a domain of it", "by the link"]);
    }

    #[tokio::test]
    async fn who_asks_from_the_address_itself_has_shown_that_it_is_his() {
        let mut site = Site::new().await;
        let mut config = site.app.config.clone();
        config.trusted_proxies = vec!["0.0.0.0/32".parse().expect("a network")];
        let mut behind = Site::with(site.app.database.clone(), config);
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let own = "You ask from 192.0.2.7 itself";
        let from = [("x-forwarded-for", "192.0.2.7")];
        let get = axum::http::Method::GET;
        behind.ask(get.clone(), &path, &from, &[]).await.says(&[own]);
        let elses = [("x-forwarded-for", "192.0.2.8")];
        let page = behind.ask(get.clone(), &path, &elses, &[]).await;
        assert!(!page.text.contains(own));
        // Whoever is no proxy may say what he likes.
        assert!(!site.ask(get, &path, &from, &[]).await.text.contains(own));
        let headers = [from[0], ("sec-fetch-site", "same-origin")];
        let fields = [("mail", "a@b.example")];
        let sent = behind.ask(axum::http::Method::POST, &path, &headers, &fields).await;
        sent.says(&["Look into your mail"]);
        assert_eq!(asked(&site, 1).await.control, Control::Address);
    }

    #[tokio::test]
    async fn who_has_searched_too_much_can_still_follow_his_link_but_makes_none_up() {
        let mut site = Site::new().await;
        let bl = list(&site, "bl.example", &["spam.example"]).await;
        let path = path_of(&site.app.database, bl, "spam.example").await;
        // Nothing is let in again while the test runs.
        let later = Instant::now() + std::time::Duration::from_secs(3_600);
        let me = || Doer::at(IpAddr::from([0, 0, 0, 0]));
        while site.app.limits.take(Deed::LookUp, me(), later).is_ok() {}
        assert_eq!(site.get("/lookup").await.status, StatusCode::TOO_MANY_REQUESTS);
        let made_up = format!("/r/{}/spam.example/aaaaaaaaaaaa", bl.0);
        assert_eq!(site.get(&made_up).await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(site.get(&path).await.status, StatusCode::OK);
        while site.app.limits.take(Deed::Link, me(), later).is_ok() {}
        let last = site.get(&path).await;
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "but not for ever");
    }
}
