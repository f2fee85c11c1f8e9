//! `/lists/{apex}/settings`: what a list says of itself, how it decides and how it is published, for administrators.
//!
//! Each part of the page is a form of its own, all sent to the same address: so whoever has to prove first who he is
//! comes back to this page.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::categories::{self, Category};
use repute_database::dns::{self, Links, Settings};
use repute_database::lists::{self, Criterion, Leaving, Policy, Stored};
use repute_database::motions::MotionId;
use repute_database::{Session, Timestamp, kept_out};
use repute_dnsxl::{Name, ReturnCode};
use repute_registry::settings::{self, Description, Hand, Set, SettingsError, Who};

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::overview::leaving_words;
use crate::pages::motion::path as motion_path;
use crate::pages::sign_in::back;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
pub(crate) struct SettingsPage {
    frame: Frame,
    list: Stored,
    policies: Vec<Policy>,
    criteria: Vec<Criterion>,
    categories: Vec<Category>,
    codes: Vec<(ReturnCode, String)>,
    /// Which of them two editors have to agree to.
    for_two: Vec<ReturnCode>,
    /// How entries leave it whose codes do not by a link.
    leavings: Vec<(ReturnCode, Leaving)>,
    /// For how many days it keeps off what was taken off it.
    keep_out: u32,
    dns: Settings,
    doubts: Vec<String>,
    /// What was typed last, if it was refused.
    typed: HashMap<String, String>,
    /// Why.
    fault: Option<String>,
    /// A digest of what the page shows, for forms that send all of it back.
    seen: String,
}

/// `GET /lists/{apex}/settings`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(apex): Path<String>,
) -> Result<Page<SettingsPage>, AppError> {
    let mut look = app.database.look().await?;
    let list = find(look.session(), &apex).await?;
    Ok(Page(read(look.session(), frame, list, HashMap::new(), None).await?))
}

/// `POST /lists/{apex}/settings`: the form of one part, by its field `part`.
pub(crate) async fn change(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(apex): Path<String>,
    Form(typed): Form<HashMap<String, String>>,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let list = find(transaction.session(), &apex).await?;
    lists::lock(transaction.session(), list.id).await?;
    // What is read from here on stays so.
    let list = find(transaction.session(), &apex).await?;
    let before = dns::of(transaction.session(), list.id).await?;
    let field = |name: &str| typed.get(name).map(|text| text.trim()).unwrap_or_default();
    let who = Who::Person(member.person());
    let hand = Hand { who, reason: field("reason"), now: Timestamp::now() };
    let t = &mut transaction;
    let mut motion = None;
    let done = match field("part") {
        // These send back all that was shown: what somebody else changed meanwhile would be taken back unseen.
        "description" | "dns" if field("seen") != digest(&list, &before) => {
            drop(transaction);
            let mut look = app.database.look().await?;
            let fault = Some(CHANGED.to_owned());
            let page = read(look.session(), frame, list, HashMap::new(), fault).await?;
            return Ok((StatusCode::CONFLICT, Page(page)).into_response());
        }
        "description" => match number("the time to live", field("ttl")) {
            Err(fault) => Err(fault),
            Ok(ttl) => {
                let new = Description {
                    title: field("title").to_owned(),
                    description: field("description").to_owned(),
                    contact: field("contact").to_owned(),
                    ttl,
                };
                told(settings::describe(t, &hand, &list, &new).await)?
            }
        },
        "keep-out" => match number("the days", field("days")) {
            Err(fault) => Err(fault),
            Ok(days) => told(settings::keep_out(t, &hand, &list, days).await)?,
        },
        "policy" => told(settings::publish_policy(t, &hand, &list, field("text")).await.map(drop))?,
        "criterion" => {
            let (slug, title, text) = (field("slug"), field("title"), field("text"));
            told(settings::add_criterion(t, &hand, &list, slug, title, text).await.map(drop))?
        }
        "criterion-change" => {
            let (slug, title, text) = (field("slug"), field("title"), field("text"));
            told(settings::change_criterion(t, &hand, &list, slug, title, text).await.map(drop))?
        }
        "criterion-end" => told(settings::end_criterion(t, &hand, &list, field("slug")).await)?,
        part @ ("category" | "category-name") => match number("a category", field("number")) {
            Err(fault) => Err(fault),
            Ok(number) => {
                let category = Category { number, name: field("name").to_owned() };
                told(match part {
                    "category" => settings::add_category(t, &hand, &list, &category).await,
                    _ => settings::rename_category(t, &hand, &list, &category).await,
                })?
            }
        },
        "code" => match field("code").parse() {
            Err(_) => Err(format!("`{}` is no return code, such as 127.0.0.2", field("code"))),
            Ok(code) => {
                // Of a new code nobody says by an empty box that one editor is enough.
                let known = lists::codes(t.session(), list.id).await?;
                let is_known = known.iter().any(|(known, _)| *known == code);
                let for_two = match field("two") {
                    "yes" => Some(true),
                    _ => is_known.then_some(false),
                };
                let rules = (for_two, Leaving::by_word(field("removal")));
                let set = settings::set_code(t, &hand, &list, code, field("meaning"), rules).await;
                waits(&mut motion, set)?
            }
        },
        "dns" => match publishing(&before, field) {
            Err(fault) => Err(fault),
            Ok(new) => waits(&mut motion, settings::configure(t, &hand, &list, &new).await)?,
        },
        _ => return Err(AppError::Choice),
    };
    match done {
        Ok(()) => {
            if let Some(id) = motion {
                let notices = repute_registry::motion::notices(t, id).await?;
                notice::put(&app, t, &notices, hand.now).await?;
            }
            transaction.commit().await?;
            app.mail_waits.notify_one();
            Ok(match motion {
                Some(id) => back(&motion_path(id), Flash::MotionMade),
                None => {
                    back(&format!("/lists/{}/settings", list.list.apex), Flash::SettingsChanged)
                }
            })
        }
        Err(fault) => {
            drop(transaction);
            let mut look = app.database.look().await?;
            let page = read(look.session(), frame, list, typed, Some(sentence(&fault))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
    }
}

/// The list of an apex.
async fn find(session: Session<'_>, apex: &str) -> Result<Stored, AppError> {
    let apex: Name = apex.parse().map_err(|_| AppError::NotFound)?;
    lists::by_apex(session, &apex).await?.ok_or(AppError::NotFound)
}

/// All that the page shows.
async fn read(
    mut session: Session<'_>,
    frame: Frame,
    list: Stored,
    typed: HashMap<String, String>,
    fault: Option<String>,
) -> Result<SettingsPage, AppError> {
    let dns = dns::of(session.again(), list.id).await?;
    Ok(SettingsPage {
        frame,
        policies: lists::policies(session.again(), list.id).await?,
        criteria: lists::criteria(session.again(), list.id).await?,
        categories: categories::all(session.again(), list.id).await?,
        codes: lists::codes(session.again(), list.id).await?,
        for_two: lists::codes_for_two(session.again(), list.id).await?,
        leavings: lists::leavings(session.again(), list.id).await?,
        keep_out: kept_out::days(session, list.id).await?,
        doubts: settings::doubts(&list, &dns),
        seen: digest(&list, &dns),
        dns,
        list,
        typed,
        fault,
    })
}

/// A digest of what the forms about a list and its publishing show.
fn digest(list: &Stored, dns: &Settings) -> String {
    let shown = format!("{:?} {dns:?}", list.list);
    let digest = ring::digest::digest(&ring::digest::SHA256, shown.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What is to be said of a refusal on the page itself; all else is an error.
fn told(done: Result<(), SettingsError>) -> Result<Result<(), String>, AppError> {
    match done {
        Ok(()) => Ok(Ok(())),
        Err(SettingsError::Database(error)) => Err(error.into()),
        Err(SettingsError::Denied(denied)) => Err(AppError::Refused(denied.to_string())),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The same of what may wait for a second person.
fn waits(
    motion: &mut Option<MotionId>,
    done: Result<Set, SettingsError>,
) -> Result<Result<(), String>, AppError> {
    if let Ok(Set::Waits(id)) = done {
        *motion = Some(id);
    }
    told(done.map(drop))
}

/// How a list is to be published, by what was typed.
fn publishing<'f>(before: &Settings, field: impl Fn(&str) -> &'f str) -> Result<Settings, String> {
    let seconds = |name: &str, what: &str| number::<u32>(what, field(name));
    Ok(Settings {
        name_servers: each("name server", field("name-servers"))?,
        hostmaster: each("mailbox", field("hostmaster"))?.into_iter().next(),
        refresh: seconds("refresh", "refresh")?,
        retry: seconds("retry", "retry")?,
        expire: seconds("expire", "expire")?,
        minimum: seconds("minimum", "the time that nothing is remembered")?,
        ipv4_prefix: number("the IPv4 prefix", field("ipv4-prefix"))?,
        ipv6_prefix: number("the IPv6 prefix", field("ipv6-prefix"))?,
        max_change: number("the largest change", field("max-change"))?,
        canaries: each("canary", field("canaries"))?,
        links: Links::by_word(field("links")).ok_or("choose whether the texts have links")?,
        ..before.clone()
    })
}

/// Somebody else was faster.
const CHANGED: &str = "Somebody changed these settings since you opened the page. Below stands what holds now: change that.";

/// A number that was typed.
fn number<T: FromStr>(what: &str, typed: &str) -> Result<T, String> {
    typed.parse().map_err(|_| format!("`{typed}` is no number for {what}"))
}

/// Each of several words.
fn each<T: FromStr>(what: &str, typed: &str) -> Result<Vec<T>, String> {
    let words = typed.split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty());
    words.map(|word| word.parse().map_err(|_| format!("`{word}` is no {what}"))).collect()
}

/// Several words in a field, one a line.
fn lines(words: &[impl Display]) -> String {
    words.iter().map(|word| format!("{word}\n")).collect()
}

impl SettingsPage {
    /// How entries with a code leave the list for whoever asks, in words.
    fn removal_of(&self, code: &ReturnCode) -> &'static str {
        leaving_words(lists::leaving_of(&self.leavings, [*code]))
    }

    /// The ways in which they may, each as its word and in words.
    fn removals(&self) -> [(&'static str, &'static str); 3] {
        Leaving::ALL.map(|leaving| (leaving.word(), leaving_words(leaving)))
    }

    /// What stands in a field: what was typed and refused, or else what holds.
    fn value(&self, part: &str, name: &str, holds: &dyn Display) -> String {
        let is_refused = self.typed.get("part").is_some_and(|typed| typed == part);
        match self.typed.get(name) {
            Some(typed) if is_refused => typed.clone(),
            Some(_) | None => holds.to_string(),
        }
    }

    /// The same for a field that is empty at first.
    fn typed(&self, part: &str, name: &str) -> String {
        self.value(part, name, &"")
    }

    /// Whether a choice about links is made.
    fn is_chosen(&self, links: &str) -> bool {
        self.value("dns", "links", &self.dns.links.word()) == links
    }

    /// The name servers.
    fn name_servers(&self) -> String {
        self.value("dns", "name-servers", &lines(&self.dns.name_servers))
    }

    /// The canaries.
    fn canaries(&self) -> String {
        self.value("dns", "canaries", &lines(&self.dns.canaries))
    }

    /// The mailbox of the SOA.
    fn hostmaster(&self) -> String {
        let holds = self.dns.hostmaster.as_ref().map(Name::to_string).unwrap_or_default();
        self.value("dns", "hostmaster", &holds)
    }
}

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role;
    use repute_database::audit;

    use super::*;
    use crate::testing::{Answer, Site};
    use repute_database::testing::on_each_narrow;

    /// What is typed into a form.
    type Fields<'f> = &'f [(&'f str, &'f str)];

    /// Sends the form of a part, as it stands on the page now.
    async fn send(site: &mut Site, fields: Fields<'_>) -> Answer {
        let seen = seen(site).await;
        let fields = [fields, &[("seen", &*seen)]].concat();
        site.post("/lists/bl.example/settings", &fields).await
    }

    /// What the forms of the page say that it shows.
    async fn seen(site: &mut Site) -> String {
        let page = site.get("/lists/bl.example/settings").await;
        let (_, rest) = page.text.split_once("name=\"seen\" value=\"").expect("it says so");
        rest.split_once('"').expect("its end").0.to_owned()
    }

    #[tokio::test]
    async fn of_two_administrators_the_later_takes_nothing_back_unseen() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            site.become_role(Some(Role::Administrator)).await;
            let both = seen(&mut site).await;
            let (first, second) = (dns("9", "ns1.example.net"), dns("16", "ns2.example.net"));
            let with = |fields: &[(&'static str, &'static str)], seen: &str| {
                let fields: Vec<(String, String)> =
                    fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                [fields, vec![("seen".to_owned(), seen.to_owned())]].concat()
            };
            for (fields, status) in [(first, StatusCode::SEE_OTHER), (second, StatusCode::CONFLICT)]
            {
                let fields = with(&fields, &both);
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                let answer = site.post("/lists/bl.example/settings", &fields).await;
                assert_eq!(answer.status, status, "{answer:?}");
                if status == StatusCode::CONFLICT {
                    answer.says(&["Somebody changed these settings", "ns1.example.net"]);
                    assert!(!answer.text.contains("ns2.example.net"), "{}", answer.text);
                }
            }
            let without =
                site.post("/lists/bl.example/settings", &dns("8", "ns3.example.net")).await;
            assert_eq!(without.status, StatusCode::CONFLICT);
        })
        .await;
    }

    /// The fields of the part about publishing, with the IPv4 prefix and the name servers.
    fn dns<'f>(prefix: &'f str, servers: &'f str) -> Vec<(&'f str, &'f str)> {
        vec![
            ("part", "dns"),
            ("name-servers", servers),
            ("hostmaster", ""),
            ("refresh", "3600"),
            ("retry", "600"),
            ("expire", "604800"),
            ("minimum", "150"),
            ("ipv4-prefix", prefix),
            ("ipv6-prefix", "16"),
            ("max-change", "25"),
            ("canaries", "192.0.2.9 2001:db8::9"),
            ("links", "on"),
        ]
    }

    #[tokio::test]
    async fn an_administrator_says_what_a_list_is_and_everybody_reads_it() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            site.become_role(Some(Role::Administrator)).await;
            let forms: &[Fields<'_>] = &[
                &[
                    ("part", "description"),
                    ("title", "Hosts of <spam>"),
                    ("description", "For tests."),
                    ("contact", "lists@example.org"),
                    ("ttl", "60"),
                    ("reason", "a test"),
                ],
                &[("part", "policy"), ("text", "We list what hits traps.\r\n\r\nNothing else.")],
                &[("part", "policy"), ("text", "We list what hits traps twice.")],
                &[
                    ("part", "criterion"),
                    ("slug", "trap"),
                    ("title", "A trap was hit"),
                    ("text", "Mail came to nobody."),
                ],
                &[
                    ("part", "criterion-change"),
                    ("slug", "trap"),
                    ("title", "Traps were hit"),
                    ("text", "Mail came to nobody, twice."),
                ],
                &[("part", "criterion-end"), ("slug", "trap"), ("reason", "no traps")],
                &[("part", "category"), ("number", "7"), ("name", "banks")],
                &[("part", "category-name"), ("number", "7"), ("name", "money")],
                &[
                    ("part", "code"),
                    ("code", "127.0.0.4"),
                    ("meaning", "infected"),
                    ("removal", "none"),
                ],
                &dns("9", "ns1.example.net, ns2.example.net"),
            ];
            for form in forms {
                let answer = send(&mut site, form).await;
                let place = "/lists/bl.example/settings";
                assert_eq!(answer.location(), place, "{form:?}: {answer:?}");
            }
            let page = site.get("/lists/bl.example/settings").await;
            page.says(&[
                "Hosts of &#60;spam&#62;",
                "data-is=\"Removal\">not by asking",
                "We list what hits traps.",
                "Version 2",
                "Version 1",
            ]);
            page.says(&[
                "Traps were hit",
                "2, since",
                "ended</span>",
                "money",
                "infected",
                "ns2.example.net",
                "2001:db8::9",
            ]);
            page.says(&["name=\"ipv4-prefix\"", "value=\"9\"", "value=\"on\" selected"]);
            let mut connection = site.app.database.read().await.expect("a connection");
            let deeds = audit::of_subject(connection.session(), "list/bl.example", 99).await;
            let deeds: Vec<String> =
                deeds.expect("the log").into_iter().rev().map(|deed| deed.action).collect();
            let expect = [
                "list.set",
                "policy.publish",
                "policy.publish",
                "criterion.add",
                "criterion.change",
                "criterion.end",
                "category.add",
                "category.rename",
                "list.code",
                "list.publish",
            ];
            assert_eq!(deeds, expect);
            drop(connection);
            site.become_role(None).await;
            let public = site.get("/lists/bl.example").await;
            public.says(&["We list what hits traps twice.", "Traps were hit", "infected"]);
            public.says(&["<summary>Version 1, from", "<strong>A trap was hit", ">ended "]);
            assert!(!public.text.contains("/settings"), "it is for administrators");
            site.become_role(Some(Role::Administrator)).await;
            site.get("/lists/bl.example").await.says(&["/lists/bl.example/settings"]);
        })
        .await;
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_said_beside_what_was_typed() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            site.become_role(Some(Role::Administrator)).await;
            site.get("/lists/bl.example/settings")
                .await
                .says(&["has itself as its only name server"]);
            let wrong: &[(Fields<'_>, &[&str])] = &[
                (&[("part", "policy"), ("text", " ")], &["A policy needs from 1"]),
                (
                    &[("part", "criterion"), ("slug", "trap"), ("title", "<b>"), ("text", "x")],
                    &["publish one first", "value=\"&#60;b&#62;\""],
                ),
                (
                    &[("part", "code"), ("code", "10.0.0.1"), ("meaning", "x")],
                    &["outside 127.0.0.0/8"],
                ),
                (
                    &[("part", "category"), ("number", "300"), ("name", "x")],
                    &["`300` is no number"],
                ),
                (&dns("33", ""), &["IPv4 prefixes go from 0 to 32", "value=\"33\""]),
                (&dns("8", "ns_1..example"), &["`ns_1..example` is no name server"]),
            ];
            for (form, words) in wrong {
                let answer = send(&mut site, form).await;
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
                answer.says(words);
            }
            let none = send(&mut site, &[("part", "x")]).await;
            assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        })
        .await;
    }
}
