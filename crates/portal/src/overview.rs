//! The lists as they are described, remembered for a moment: every page names them, and they hardly change.
//!
//! Look-ups go by them and by the zones in memory, so a database that is slow or gone keeps nobody from those: what was
//! read before is good until something else is read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use repute_database::categories::{self, Category};
use repute_database::lists::{self, Criterion, Leaving, ListId, State};
use repute_database::{Database, DatabaseError, Session, Timestamp, entries};
use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode};
use repute_registry::publish;
use tokio::time::timeout;

use crate::app::App;
use crate::error::AppError;
use crate::zones::Zones;

/// A list as people see it.
#[derive(Clone, Debug)]
pub(crate) struct ListCard {
    /// Its number.
    pub(crate) id: ListId,
    /// What it is.
    pub(crate) list: lists::List,
    /// Whether it is in use.
    pub(crate) state: State,
    /// Its codes with their meanings.
    pub(crate) codes: Vec<(ReturnCode, String)>,
    /// How entries leave it for whoever asks, of the codes whose entries do not by a link.
    pub(crate) leavings: Vec<(ReturnCode, Leaving)>,
    /// What it calls those who are on it.
    pub(crate) categories: Vec<Category>,
    /// For what it lists.
    pub(crate) criteria: Vec<Criterion>,
    /// The versions of its policy and when each was published, the one in force first.
    pub(crate) policies: Vec<(i64, Timestamp)>,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// Its serial: in DNS if it is served here, else of its last change.
    pub(crate) serial: u32,
    /// Whether it is answered here.
    pub(crate) is_served: bool,
    /// The serial that was refused, if the list stands still until an editor has looked at it.
    pub(crate) held: Option<u32>,
}

impl ListCard {
    /// What being listed means, in a word.
    pub(crate) fn polarity(&self) -> &'static str {
        match self.list.polarity {
            Polarity::Block => "block list",
            Polarity::Allow => "allow list",
            Polarity::Info => "facts",
        }
    }

    /// Where its contact leads: to a letter or a page; nowhere if it is something else, which is for people to read.
    pub(crate) fn contact_link(&self) -> Option<String> {
        link_of(&self.list.contact)
    }

    /// The class that marks its polarity.
    pub(crate) fn mark(&self) -> &'static str {
        match self.list.polarity {
            Polarity::Block => "bad",
            Polarity::Allow => "good",
            Polarity::Info => "idle",
        }
    }

    /// What a mail server does with what is on it.
    pub(crate) fn is_block(&self) -> bool {
        self.list.polarity == Polarity::Block
    }

    /// Whether listed is good.
    pub(crate) fn is_allow(&self) -> bool {
        self.list.polarity == Polarity::Allow
    }

    /// Whether it lists addresses.
    pub(crate) fn is_of_addresses(&self) -> bool {
        self.list.keys == KeyKind::Ip
    }

    /// Whether it is being shut down.
    pub(crate) fn is_retiring(&self) -> bool {
        self.state == State::Retiring
    }

    /// How many entries, with the thousands apart.
    pub(crate) fn size(&self) -> String {
        grouped(self.entries)
    }

    /// What a code means, if it is known.
    pub(crate) fn meaning(&self, code: ReturnCode) -> Option<&str> {
        let found = self.codes.iter().find(|(known, _)| *known == code);
        found.map(|(_, meaning)| &**meaning)
    }

    /// How entries with a code leave it for whoever asks, in words.
    pub(crate) fn removal_of(&self, code: &ReturnCode) -> &'static str {
        leaving_words(self.leaving([*code]))
    }

    /// How an entry with these codes leaves it for whoever asks.
    pub(crate) fn leaving(&self, codes: impl IntoIterator<Item = ReturnCode>) -> Leaving {
        lists::leaving_of(&self.leavings, codes)
    }

    /// The version of its policy that was in force at a moment.
    pub(crate) fn policy_at(&self, time: Timestamp) -> Option<i64> {
        let found = self.policies.iter().find(|(_, published)| *published <= time);
        found.map(|(version, _)| *version)
    }

    /// The question of its test entry (RFC 5782 section 5).
    pub(crate) fn test_question(&self) -> String {
        let label = if self.is_of_addresses() { "2.0.0.127" } else { "test" };
        format!("{label}.{}", self.list.apex)
    }
}

/// How entries leave a list for whoever asks, in words.
pub(crate) fn leaving_words(leaving: Leaving) -> &'static str {
    match leaving {
        Leaving::Link => "by the link in a letter",
        Leaving::Editor => "an editor decides",
        Leaving::Never => "not by asking",
    }
}

/// The lists, and when they were read.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    /// What was read last, and until when it is not read again.
    known: Mutex<Option<(Instant, Arc<Vec<ListCard>>)>>,
    /// Whoever reads it again: one is enough.
    reading: tokio::sync::Mutex<()>,
}

impl Overview {
    /// All lists that are not retired, as they were a moment ago; as they were last known, if the database does not say.
    pub(crate) async fn get(
        &self,
        database: &Database,
        zones: &dyn Zones,
    ) -> Result<Arc<Vec<ListCard>>, DatabaseError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Boxed: it is rare, and its queries would be room in every page.
        let reading = || Box::pin(read(database, zones));
        let Some((until, lists)) = known else {
            return Ok(self.keep(reading().await?));
        };
        if Instant::now() < until {
            return Ok(lists);
        }
        // Whoever comes while one reads takes what is there.
        let Ok(_turn) = self.reading.try_lock() else { return Ok(lists) };
        match timeout(PATIENCE, reading()).await {
            Ok(Ok(read)) => Ok(self.keep(read)),
            Ok(Err(error)) => Ok(self.go_on(&lists, &error)),
            Err(slow) => Ok(self.go_on(&lists, &slow)),
        }
    }

    /// Remembers what was read.
    fn keep(&self, lists: Vec<ListCard>) -> Arc<Vec<ListCard>> {
        let lists = Arc::new(lists);
        let known = Some((Instant::now() + FRESH, Arc::clone(&lists)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        lists
    }

    /// Goes on with what was known, for a while without asking.
    fn go_on(&self, lists: &Arc<Vec<ListCard>>, why: &dyn std::error::Error) -> Arc<Vec<ListCard>> {
        tracing::warn!("pages show the lists as they were: {}", crate::error::whole(why));
        let known = Some((Instant::now() + AGAIN, Arc::clone(lists)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Arc::clone(lists)
    }
}

/// A list as people see it, of the name in an address.
///
/// # Errors
/// [`AppError::NotFound`] if there is none, or the database fails.
pub(crate) async fn card(app: &App, apex: &str) -> Result<ListCard, AppError> {
    let apex: Name = apex.parse().map_err(|_| AppError::NotFound)?;
    let cards = app.overview.get(&app.database, &*app.zones).await?;
    cards.iter().find(|card| card.list.apex == apex).cloned().ok_or(AppError::NotFound)
}

/// A list that is there, of the name in an address, as the database has it.
///
/// # Errors
/// [`AppError::NotFound`] if there is none, or the database fails.
pub(crate) async fn stored(session: Session<'_>, apex: &str) -> Result<lists::Stored, AppError> {
    let apex: Name = apex.parse().map_err(|_| AppError::NotFound)?;
    lists::by_apex(session, &apex).await?.ok_or(AppError::NotFound)
}

/// Reads the lists.
async fn read(database: &Database, zones: &dyn Zones) -> Result<Vec<ListCard>, DatabaseError> {
    let mut connection = database.read().await?;
    let mut cards = Vec::new();
    let waiting = publish::waiting(connection.session()).await?;
    for stored in lists::all(connection.session()).await? {
        if stored.state == State::Retired {
            continue;
        }
        let codes = lists::codes(connection.session(), stored.id).await?;
        let leavings = lists::leavings(connection.session(), stored.id).await?;
        let categories = categories::all(connection.session(), stored.id).await?;
        let criteria = lists::criteria(connection.session(), stored.id).await?;
        let policies = lists::policies(connection.session(), stored.id).await?;
        let facts = zones.facts(&stored.list.apex);
        let entries = match facts {
            Some(facts) => facts.entries,
            None => entries::count(connection.session(), stored.id).await?,
        };
        cards.push(ListCard {
            id: stored.id,
            state: stored.state,
            codes,
            leavings,
            categories,
            criteria,
            policies: policies.iter().map(|one| (one.version, one.published)).collect(),
            entries,
            serial: facts.map_or(stored.serial, |facts| facts.serial),
            is_served: facts.is_some(),
            held: waiting.iter().find(|(id, _)| *id == stored.id).map(|(_, one)| one.serial),
            list: stored.list,
        });
    }
    Ok(cards)
}

/// A number with a narrow space between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Where a contact leads.
fn link_of(contact: &str) -> Option<String> {
    if contact.contains(char::is_whitespace) {
        return None;
    }
    match contact.starts_with("https://") || contact.starts_with("http://") {
        true => Some(contact.to_owned()),
        false => contact.contains('@').then(|| format!("mailto:{contact}")),
    }
}

/// How long they are remembered.
const FRESH: Duration = Duration::from_secs(2);
/// How long whoever reads them again waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);
/// When a database that did not say is asked again.
const AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;
    use crate::zones::Standing;

    #[tokio::test]
    async fn lists_are_there_while_the_database_is_not() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let early = site.app.overview.get(&site.app.database, &*site.app.zones).await;
            assert_eq!(early.expect("it is read").len(), 0);
            site.add_list("bl.example").await;
            let age = || {
                let mut known = site.app.overview.known.lock().expect("whole");
                known.as_mut().expect("it was read").0 = Instant::now();
            };
            age();
            let read = site.app.overview.get(&site.app.database, &*site.app.zones).await;
            assert_eq!(read.expect("it is read").len(), 1);
            let name = "bl.example".parse().expect("a name");
            let other = "198.51.100.1".parse().expect("a target");
            let row = (name, other, Standing::NotListed);
            site.zones.0.lock().expect("whole").push(row);
            age();
            site.app.database.close().await;
            for path in ["/lookup?target=192.0.2.1", "/status", "/api/v1/lookup?target=192.0.2.1"] {
                let answer = site.get(path).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                answer.says(&["bl.example"]);
            }
            // One who asks learns that it is away, those behind him do not ask for a while.
            let known = site.app.overview.known.lock().expect("whole");
            assert!(known.as_ref().expect("it is there").0 > Instant::now() + FRESH);
        })
        .await;
    }

    #[test]
    fn a_contact_leads_to_a_letter_or_a_page_or_is_to_be_read() {
        for (contact, link) in [
            ("lists@example.org", Some("mailto:lists@example.org")),
            ("https://example.org/contact", Some("https://example.org/contact")),
            ("https://example.org/@lists", Some("https://example.org/@lists")),
            ("write to lists@example.org", None),
            ("javascript:alert(1)", None),
            ("the desk", None),
        ] {
            assert_eq!(link_of(contact).as_deref(), link, "{contact}");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (1234567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
