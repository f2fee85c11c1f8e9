//! `/api/v1/lists` and `/api/v1/lookup`: what our lists are, and what they say of somebody. For everybody.

use axum::Json;
use axum::extract::{Path, Query, State};
use repute_database::categories::Category;
use repute_database::dns;
use repute_database::lists::{self, Criterion, CriterionVersion};
use repute_dnsxl::{KeyKind, ReturnCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Endpoint;
use crate::app::App;
use crate::error::AppError;
use crate::lookup::{Finding, Reason, look_up, parse};
use crate::moment::Moment;
use crate::overview::{ListCard, card};
use crate::pages::list::guards;
use crate::pages::lookup::limit;
use crate::visitor::Visitor;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/lookup", GROUP, ask)
            .says(
                "What our lists say of an address or a name",
                "Lists of addresses are asked about an address, lists of names about a name. A URL or a mail address \
                 stands for its host.",
            )
            .query::<Asked>()
            .answers::<LookUp>(),
        Endpoint::get("/api/v1/lists", GROUP, all)
            .says("Our lists", "Those that are in use, and those that are being shut down.")
            .answers::<Lists>(),
        Endpoint::get("/api/v1/lists/{apex}", GROUP, show)
            .says("One list", "With its policy, and the criteria for which it lists.")
            .answers::<Whole>(),
    ]
}

/// What is asked about.
#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// An address or a name.
    target: String,
}

/// What our lists say.
#[derive(Serialize, JsonSchema)]
struct LookUp {
    /// What was asked about, as it was understood.
    target: String,
    /// What each list says; those that have it stand first.
    lists: Vec<Said>,
}

/// What a list says.
#[derive(Serialize, JsonSchema)]
struct Said {
    /// Its apex.
    list: String,
    /// What it is called.
    title: String,
    /// `block`, `allow` or `info`.
    polarity: &'static str,
    /// Whether it has the target.
    listed: bool,
    /// The codes it answers with.
    codes: Vec<Code>,
    /// How it is taken off for whoever asks: by the `link` in a letter, by an `editor`, or `none`; nothing if it is not
    /// on it, or it is no block list.
    removal: Option<&'static str>,
    /// The entries behind that.
    entries: Vec<Why>,
    /// Whom to write to about it.
    contact: String,
}

/// A code.
#[derive(Serialize, JsonSchema)]
struct Code {
    /// As DNS has it: 127.0.0.2.
    code: String,
    /// What it means.
    meaning: Option<String>,
}

/// Why something is listed.
#[derive(Serialize, JsonSchema)]
struct Why {
    /// What the entry names: the target, or what is around it.
    key: String,
    /// Since when (RFC 3339).
    since: String,
    /// Until when; nothing if it does not end by itself.
    until: Option<String>,
    /// When somebody looks at it again.
    review: Option<String>,
    /// The version of the policy that was in force when it was listed.
    policy: Option<i64>,
    /// The short name of the criterion that it meets.
    criterion: Option<String>,
    /// The version of that criterion that was in force when the entry came to name it.
    criterion_version: Option<i64>,
    /// In words.
    reason: String,
}

/// Lists.
#[derive(Serialize, JsonSchema)]
struct Lists {
    /// The lists.
    lists: Vec<Card>,
}

/// A list.
#[derive(Serialize, JsonSchema)]
struct Card {
    /// Its apex: the zone that is asked.
    apex: String,
    /// What it is called.
    title: String,
    /// What it is for.
    description: String,
    /// `block`, `allow` or `info`.
    polarity: &'static str,
    /// What it lists: `address` or `name`.
    keys: &'static str,
    /// For how many seconds its answers may be kept.
    ttl: u32,
    /// Whom to write to about it.
    contact: String,
    /// How many entries it has.
    entries: u64,
    /// Its serial: in DNS, or that of its last change if it is not served here.
    serial: u32,
    /// Whether it is answered here.
    served: bool,
    /// Whether it is being shut down: nobody should begin to use it.
    retiring: bool,
    /// Its codes.
    codes: Vec<Code>,
}

/// A list with its rules.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    card: Card,
    /// Its policy, if one was published.
    policy: Option<Policy>,
    /// The versions of the policy before, the latest first.
    former_policies: Vec<Policy>,
    /// What it calls those who are on it: codes of the form 127.0.CATEGORY.SCORE carry the number.
    categories: Vec<Group>,
    /// What holds a version back until a second person has looked at it, in words.
    guards: Vec<String>,
    /// For what it lists.
    criteria: Vec<Rule>,
}

/// A policy.
#[derive(Serialize, JsonSchema)]
struct Policy {
    /// Which version it is.
    version: i64,
    /// When it was published (RFC 3339).
    published: String,
    /// What it says.
    text: String,
}

/// A category.
#[derive(Serialize, JsonSchema)]
struct Group {
    /// Its number.
    number: u8,
    /// What it is called.
    name: String,
}

/// A criterion.
#[derive(Serialize, JsonSchema)]
struct Rule {
    /// Its short name.
    slug: String,
    /// What it is called.
    title: String,
    /// What it says.
    text: String,
    /// Since when nothing is listed by it any more (RFC 3339), if so.
    ended: Option<String>,
    /// What it said before and says now, the first first.
    versions: Vec<RuleVersion>,
}

/// What a criterion says from a moment on.
#[derive(Serialize, JsonSchema)]
struct RuleVersion {
    /// Which version it is.
    version: i64,
    /// What it is called.
    title: String,
    /// What it says.
    text: String,
    /// Since when (RFC 3339).
    since: String,
}

/// `GET /api/v1/lookup`.
async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    Query(Asked { target }): Query<Asked>,
) -> Result<Json<LookUp>, AppError> {
    limit(&app, &visitor)?;
    let target = parse(&target).map_err(|error| AppError::Target(error.to_string()))?;
    let findings = look_up(&app, &target).await?;
    let lists = findings.into_iter().map(Said::from).collect();
    Ok(Json(LookUp { target: target.to_string(), lists }))
}

/// `GET /api/v1/lists`.
async fn all(State(app): State<App>) -> Result<Json<Lists>, AppError> {
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    Ok(Json(Lists { lists: cards.iter().map(Card::from).collect() }))
}

/// `GET /api/v1/lists/{apex}`.
async fn show(State(app): State<App>, Path(apex): Path<String>) -> Result<Json<Whole>, AppError> {
    let card = card(&app, &apex).await?;
    let mut connection = app.database.read().await?;
    let policies = lists::policies(connection.session(), card.id).await?;
    let mut policies = policies.into_iter().map(|policy| Policy {
        version: policy.version,
        published: Moment(policy.published).rfc3339(),
        text: policy.text,
    });
    let policy = policies.next();
    let former_policies = policies.collect();
    let settings = dns::of(connection.session(), card.id).await?;
    let guards = guards(&settings, card.is_of_addresses());
    let group =
        |category: &Category| Group { number: category.number, name: category.name.clone() };
    let categories = card.categories.iter().map(group).collect();
    let criteria = lists::criteria(connection.session(), card.id).await?;
    let said = |one: CriterionVersion| RuleVersion {
        version: one.version,
        title: one.title,
        text: one.text,
        since: Moment(one.since).rfc3339(),
    };
    let rule = |Criterion { slug, title, text, ended, versions, .. }| Rule {
        slug,
        title,
        text,
        ended: ended.map(|end| Moment(end).rfc3339()),
        versions: versions.into_iter().map(said).collect(),
    };
    let criteria = criteria.into_iter().map(rule).collect();
    let card = Card::from(&card);
    Ok(Json(Whole { card, policy, former_policies, categories, guards, criteria }))
}

/// The word of a list's polarity.
fn polarity(card: &ListCard) -> &'static str {
    match (card.is_block(), card.is_allow()) {
        (true, _) => "block",
        (_, true) => "allow",
        (_, _) => "info",
    }
}

impl From<Finding> for Said {
    fn from(finding: Finding) -> Said {
        let code = |(code, meaning): &(ReturnCode, Option<String>)| Code {
            code: code.to_string(),
            meaning: meaning.clone(),
        };
        let why = |reason: &Reason| Why {
            key: reason.key.clone(),
            since: Moment(reason.since).rfc3339(),
            until: reason.until.map(|until| Moment(until).rfc3339()),
            review: reason.review.map(|review| Moment(review).rfc3339()),
            policy: reason.policy,
            criterion: reason.criterion.as_ref().map(|met| met.slug.clone()),
            criterion_version: reason.criterion.as_ref().map(|met| met.version),
            reason: reason.reason.clone(),
        };
        Said {
            listed: finding.is_listed(),
            removal: (finding.is_listed() && finding.card.is_block())
                .then(|| finding.leaving().word()),
            polarity: polarity(&finding.card),
            codes: finding.codes.iter().map(code).collect(),
            entries: finding.reasons.iter().map(why).collect(),
            list: finding.card.list.apex.to_string(),
            title: finding.card.list.title,
            contact: finding.card.list.contact,
        }
    }
}

impl From<&ListCard> for Card {
    fn from(card: &ListCard) -> Card {
        let list = card.list.clone();
        let code = |(code, meaning): &(ReturnCode, String)| Code {
            code: code.to_string(),
            meaning: Some(meaning.clone()),
        };
        Card {
            apex: list.apex.to_string(),
            title: list.title,
            description: list.description,
            polarity: polarity(card),
            keys: if list.keys == KeyKind::Ip { "address" } else { "name" },
            ttl: list.ttl,
            contact: list.contact,
            entries: card.entries,
            serial: card.serial,
            served: card.is_served,
            retiring: card.is_retiring(),
            codes: card.codes.iter().map(code).collect(),
        }
    }
}

/// The heading.
const GROUP: &str = "Lists";
