//! `/organisations/{id}/hints`: how our lists see each address of an organisation, what would raise it, and the step
//! that mends it. What is known is there at once; what DNS and lists of others say is on `/hints/checks`, which asks them
//! and is put into the page when it comes.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Path, State};
use repute_database::Timestamp;
use repute_database::categories;
use repute_database::entries::{self, OrganisationId};
use repute_database::organisations::{self, Organisation};
use repute_registry::hint::{self, Hint, Step, Weight};
use repute_registry::organisation;
use repute_registry::request::check::{self, Outcome};
use repute_registry::request::evidence;
use repute_registry::request::item::Item;

use crate::app::App;
use crate::error::{AppError, sentence};
use crate::frame::{Frame, Page};
use crate::overview::ListCard;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "hints.html")]
pub(crate) struct Hints {
    frame: Frame,
    organisation: Organisation,
    /// What it lacks itself.
    own: Vec<Hint>,
    parts: Vec<Part>,
    /// Whether there are more entries than are looked at.
    is_cut: bool,
    /// Whether DNS was asked.
    live: Live,
    /// Whether lists of others are asked, too.
    asks_others: bool,
}

/// What it has on a list.
struct Part {
    card: ListCard,
    rows: Vec<Row>,
}

/// An entry with its hints.
struct Row {
    key: String,
    /// An address of it, for links.
    address: String,
    /// What the list says, in words.
    says: String,
    hints: Vec<Hint>,
    /// What was asked and not answered.
    unclear: Vec<String>,
}

/// Whether DNS is asked for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    /// Not yet: nobody waits for it.
    Later,
    /// While somebody waits.
    Now,
    /// There is nothing to ask about.
    Needless,
}

/// `GET /organisations/{id}/hints`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<Hints>, AppError> {
    page(&app, frame, &member, id, Live::Later).await
}

/// `GET /organisations/{id}/hints/checks`.
pub(crate) async fn checks(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<Hints>, AppError> {
    page(&app, frame, &member, id, Live::Now).await
}

/// The page, with what DNS says or without.
async fn page(
    app: &App,
    frame: Frame,
    member: &Member,
    id: i64,
    live: Live,
) -> Result<Page<Hints>, AppError> {
    let (id, now) = (OrganisationId(id), Timestamp::now());
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    let mut look = app.database.look().await?;
    let seen = organisation::visible(look.session(), member.person(), id).await?;
    let (organisation, _) = seen.ok_or(AppError::NotFound)?;
    let domains = organisations::domains(look.session(), id).await?;
    let contacts = organisations::contacts(look.session(), id).await?;
    let own = hint::of_organisation(&organisation, &domains, &contacts);
    let (mut found, mut is_cut) = (Vec::new(), false);
    for card in cards.iter().filter(|card| card.is_of_addresses()) {
        let category = categories::of(look.session(), id, card.id).await?;
        let mut entries =
            entries::of_organisation(look.session(), card.id, id, None, MOST + 1).await?;
        is_cut |= entries.len() > MOST as usize;
        entries.truncate(MOST as usize);
        let for_two = repute_database::lists::codes_for_two(look.session(), card.id).await?;
        found.push((card, for_two, category, entries));
    }
    drop(look);
    // Names and other lists are asked for about all addresses together.
    let listed = found.iter().flat_map(|(_, _, _, entries)| entries);
    let items: Vec<Item> = listed
        .filter_map(|entry| Some(Item::Add { network: hint::network(entry)?, code: entry.code? }))
        .collect();
    let addresses = evidence::sample(&items);
    let mut findings = Vec::new();
    let live = if items.is_empty() { Live::Needless } else { live };
    if live == Live::Now {
        let gathered = crate::check::gather(app, member.account.id, &items).await?;
        findings.extend(gathered.evidence.iter().flat_map(|one| check::names(one, &domains)));
        findings.extend(gathered.others);
        // Several entries of one address would say it twice.
        findings.dedup();
    }
    let mut parts = Vec::new();
    for (card, for_two, category, entries) in found {
        let mut rows = Vec::new();
        for entry in entries {
            let mut hints =
                hint::of_entry(&card.list, (&card.codes, &for_two), category.as_ref(), &entry, now);
            let network = hint::network(&entry);
            let within = |address: &&IpAddr| network.is_some_and(|one| one.contains(**address));
            for address in addresses.iter().filter(within) {
                let about = hint::of_findings(&findings, *address);
                hints.extend(
                    about.into_iter().filter(|one| !hints.contains(one)).collect::<Vec<_>>(),
                );
            }
            hints.sort_by_key(|hint| hint.weight);
            let says = match entry.code {
                Some(code) => match card.meaning(code) {
                    Some(meaning) => format!("{code} {meaning}"),
                    None => code.to_string(),
                },
                None => "never listed".to_owned(),
            };
            let address = addresses.iter().find(within).map_or_else(String::new, IpAddr::to_string);
            let of_it = |about: &str| {
                about.parse().is_ok_and(|about| addresses.contains(&about) && within(&&about))
            };
            let unclear = findings
                .iter()
                .filter(|one| one.outcome == Outcome::Unclear && of_it(&one.about))
                .map(|one| format!("{}: {}", one.about, one.seen))
                .collect();
            rows.push(Row { key: entry.key.to_string(), address, says, hints, unclear });
        }
        if !rows.is_empty() {
            parts.push(Part { card: card.clone(), rows });
        }
    }
    let asks_others = app.means.elsewhere.is_some();
    Ok(Page(Hints { frame, organisation, own, parts, is_cut, live, asks_others }))
}

impl Hints {
    /// Where a hint is followed, and what that is called; none if it is outside of this site.
    fn step(
        &self,
        hint: &Hint,
        part: Option<&Part>,
        row: Option<&Row>,
    ) -> Option<(String, &'static str)> {
        let id = self.organisation.id.0;
        match (hint.step, part, row) {
            (Step::Request, _, _) => {
                Some((format!("/organisations/{id}/request"), "Ask for a change"))
            }
            (Step::Contacts, _, _) => Some((format!("/organisations/{id}#contacts"), "Contacts")),
            (Step::Claim, _, _) => Some(("/claims/new".to_owned(), "Claim a domain")),
            (Step::Removal, Some(part), Some(row)) => {
                let (list, target) = (&part.card.list.apex, &row.address);
                let path = format!("/removals/new?list={list}&target={target}");
                Some((path, "Ask for the removal"))
            }
            (Step::Removal, _, _) | (Step::Outside, _, _) => None,
        }
    }

    /// How many hints matter much.
    fn musts(&self) -> usize {
        let rows = self.parts.iter().flat_map(|part| &part.rows).flat_map(|row| &row.hints);
        rows.chain(&self.own).filter(|hint| hint.weight == Weight::Must).count()
    }

    /// Of how many entries not all is known.
    fn unclear(&self) -> usize {
        self.parts.iter().flat_map(|part| &part.rows).filter(|row| !row.unclear.is_empty()).count()
    }

    /// Whether all is known, and nothing of it matters much.
    fn is_good(&self) -> bool {
        self.musts() == 0 && self.unclear() == 0 && self.live != Live::Later
    }
}

/// What mends it. Commands and links end as they are.
fn mend(hint: &Hint) -> String {
    match hint.step {
        Step::Outside => hint.mend.clone(),
        Step::Request | Step::Contacts | Step::Claim | Step::Removal => sentence(&hint.mend),
    }
}

/// How much a hint matters, as a word and its class.
fn weight(hint: &Hint) -> (&'static str, &'static str) {
    match hint.weight {
        Weight::Must => ("bad", "mend it"),
        Weight::Should => ("warn", "better"),
        Weight::Could => ("idle", "possible"),
    }
}

/// Entries of a list that are looked at.
const MOST: u32 = 100;
