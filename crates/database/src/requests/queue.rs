//! Requests page by page, narrowed to what somebody looks for; and how many of whom are open.
//!
//! A page begins behind the last one of the page before, by what pages are sorted by: nothing is left out or shown
//! twice when others come or go meanwhile.

use std::fmt;
use std::str::FromStr;

use sqlx::QueryBuilder;

use super::{Request, RequestId, Row, request};
use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::sought::{self, Sought};
use crate::statement::statements;
use crate::time::Timestamp;

/// Which requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state only, by its word.
    pub state: Option<String>,
    /// Of this list only.
    pub list: Option<ListId>,
    /// Of this organisation only.
    pub organisation: Option<OrganisationId>,
    /// Handed in before.
    pub before: Option<Timestamp>,
    /// On this editor's desk, or ones with which he did something.
    pub editor: Option<AccountId>,
    /// Only those to which one editor agreed, and another has to.
    pub for_second: bool,
    /// What somebody looks for.
    pub sought: Option<Sought>,
}

/// How requests are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those first that wait longest.
    LongestWait,
    /// Those first that something happened to last.
    LatestChange,
}

/// A place among sorted requests: behind it the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// By what they are sorted.
    time: Timestamp,
    /// Of the same time, by their numbers.
    id: RequestId,
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place from which a page goes on")]
pub struct NoPlace;

impl Place {
    /// That of a request.
    pub fn of(request: &Request, order: Order) -> Place {
        let time = match order {
            Order::LongestWait => request.standing.submitted.unwrap_or(request.created),
            Order::LatestChange => request.touched,
        };
        Place { time, id: request.id }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time.0, self.id.0)
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Place, NoPlace> {
        let (time, id) = text.split_once('-').ok_or(NoPlace)?;
        let number = |text: &str| text.parse().map_err(|_| NoPlace);
        Ok(Place { time: Timestamp(number(time)?), id: RequestId(number(id)?) })
    }
}

/// Requests in their order, from behind a place on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    filter: &Filter,
    order: Order,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Request>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(PAGE);
        if let Some(state) = &filter.state {
            query.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(list) = filter.list {
            query.push(" AND list = ").push_bind(list.0);
        }
        if let Some(organisation) = filter.organisation {
            query.push(" AND organisation = ").push_bind(organisation.0);
        }
        if let Some(before) = filter.before {
            query.push(" AND COALESCE(submitted, created) < ").push_bind(before.0);
        }
        if let Some(editor) = filter.editor {
            query.push(" AND (editor = ").push_bind(editor.0);
            for part in [OF_APPROVALS, OF_HISTORY] {
                query.push(part).push_bind(editor.0);
            }
            query.push("))");
        }
        if filter.for_second {
            query.push(FOR_SECOND);
        }
        match &filter.sought {
            None => {}
            Some(Sought::Number(id)) => {
                query.push(" AND id = ").push_bind(*id);
            }
            Some(Sought::Network(network)) => {
                let ([first, last], around) = sought::keys(*network);
                query.push(" AND id IN (SELECT request FROM request_items WHERE key >= ");
                query.push_bind(first).push(" AND key <= ").push_bind(last);
                for key in around {
                    query.push(" UNION ALL SELECT request FROM request_items WHERE key = ");
                    query.push_bind(key);
                }
                query.push(")");
            }
            Some(Sought::Words(words)) => {
                let pattern = sought::pattern(words);
                for part in WORDS {
                    query.push(part).push_bind(pattern.clone());
                }
                query.push(WORDS_END);
            }
        }
        let (key, direction, beyond) = match order {
            Order::LongestWait => ("COALESCE(submitted, created)", "", ">"),
            Order::LatestChange => ("touched", " DESC", "<"),
        };
        if let Some(after) = after {
            query.push(format_args!(" AND ({key}, id) {beyond} ("));
            query.push_bind(after.time.0).push(", ").push_bind(after.id.0).push(")");
        }
        query.push(format_args!(" ORDER BY {key}{direction}, id{direction} LIMIT "));
        query.push_bind(i64::from(limit)).build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(request).collect()
}

/// How many requests are open in the name of an organisation, and of an account: those that take something back do not
/// count, as editors begin them.
///
/// # Errors
/// If the database fails.
pub async fn open(
    mut session: Session<'_>,
    organisation: OrganisationId,
    account: i64,
) -> Result<(u32, u32), DatabaseError> {
    let (by_organisation,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(OPEN_OF_ORGANISATION).bind(organisation.0).fetch_one(c).await?
    });
    let (by_account,): (i64,) =
        on!(session, |c| sqlx::query_as(OPEN_OF_ACCOUNT).bind(account).fetch_one(c).await?);
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok((count(by_organisation), count(by_account)))
}

/// The open requests of an organisation about a list, the first first.
///
/// # Errors
/// If the database fails.
pub async fn open_about(
    session: Session<'_>,
    organisation: OrganisationId,
    list: ListId,
) -> Result<Vec<Request>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OPEN_ABOUT).bind(organisation.0).bind(list.0).fetch_all(c).await?
    });
    rows.into_iter().map(request).collect()
}

/// Writes for items that are older than the column which network they are about, at most so many; how many there were.
///
/// # Errors
/// If the database fails.
pub async fn fill_keys(mut session: Session<'_>, limit: u32) -> Result<usize, DatabaseError> {
    let rows: Vec<(i64, i64, String)> = on!(session.again(), |c| {
        sqlx::query_as(WITHOUT_KEY).bind(i64::from(limit)).fetch_all(c).await?
    });
    for (request, position, subject) in &rows {
        // What is no network has a key that nothing is found by.
        let key = subject.parse().map(|network| Key::Network(network).to_bytes());
        on!(session.again(), |c| {
            let query = sqlx::query(SET_KEY).bind(request).bind(position);
            query.bind(key.unwrap_or_default()).execute(c).await?.rows_affected()
        });
    }
    Ok(rows.len())
}

/// Before what narrows a page.
const PAGE: &str =
    "SELECT id, organisation, list, account, reason, state, version, created, submitted,
    touched, editor, policy, serial, undoes, criterion, review FROM requests WHERE TRUE";
/// What an editor agreed to, before his number.
const OF_APPROVALS: &str = " OR id IN (SELECT request FROM request_approvals WHERE account = ";
/// With what else he did something, before his number.
const OF_HISTORY: &str = ") OR id IN (SELECT request FROM request_history
    JOIN actors ON actors.pseudonym = request_history.actor WHERE actors.account = ";
/// What another editor has to agree to.
const FOR_SECOND: &str =
    " AND state IN ('queued', 'in-review') AND id IN (SELECT request FROM request_approvals)";
/// Where words are looked for: before each the same pattern stands.
const WORDS: [&str; 4] = [
    " AND (organisation IN (SELECT id FROM organisations WHERE LOWER(name) LIKE ",
    " ESCAPE '\\') OR organisation IN (SELECT organisation FROM domains WHERE domain LIKE ",
    " ESCAPE '\\') OR account IN (SELECT id FROM accounts WHERE LOWER(name) LIKE ",
    " ESCAPE '\\' OR mail LIKE ",
];
/// Behind the last of them.
const WORDS_END: &str = " ESCAPE '\\'))";

statements! {
    /// Counts those of an organisation.
    OPEN_OF_ORGANISATION = "SELECT COUNT(*) FROM requests WHERE organisation = $1 AND undoes IS NULL
        AND state IN ('draft', 'submitted', 'checking', 'needs-info', 'queued', 'in-review')";
    /// Counts those of an account.
    OPEN_OF_ACCOUNT = "SELECT COUNT(*) FROM requests WHERE account = $1 AND undoes IS NULL
        AND state IN ('draft', 'submitted', 'checking', 'needs-info', 'queued', 'in-review')";
    /// Those of an organisation about a list.
    OPEN_ABOUT = "SELECT id, organisation, list, account, reason, state, version, created, submitted,
        touched, editor, policy, serial, undoes, criterion, review FROM requests WHERE organisation = $1 AND list = $2
        AND state IN ('draft', 'submitted', 'checking', 'needs-info', 'queued', 'in-review') ORDER BY id";
    /// Items whose key is not written yet.
    WITHOUT_KEY = "SELECT request, position, subject FROM request_items
        WHERE key IS NULL AND action IN ('add', 'remove', 'rescore') ORDER BY request LIMIT $1";
    /// Writes it.
    SET_KEY = "UPDATE request_items SET key = $3 WHERE request = $1 AND position = $2";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::requests::{Event, Item, New, Outcome, Standing};
    use crate::testing::on_each;
    use crate::{Transaction, audit, lists, organisations, requests};

    /// Begins a request about a network in a state, at a moment.
    async fn begin(
        t: &mut Transaction,
        (organisation, list, account): (OrganisationId, ListId, i64),
        network: &str,
        state: &str,
        at: i64,
    ) -> RequestId {
        let new = New {
            organisation,
            list,
            account,
            reason: String::new(),
            undoes: None,
            criterion: None,
            review: None,
        };
        let id = requests::add(t.session(), &new, Timestamp(at)).await.expect("it is begun");
        let item = Item {
            action: "add".to_owned(),
            subject: network.to_owned(),
            code: "127.0.5.1".to_owned(),
            outcome: Outcome::Open,
            before: String::new(),
        };
        requests::set_items(t.session(), id, &[item]).await.expect("they are written");
        let request = requests::by_id(t.session(), id).await.expect("read").expect("there");
        let event = Event {
            time: Timestamp(at),
            actor: audit::actor(t.session(), account).await.expect("a pseudonym"),
            state: state.to_owned(),
            reason: String::new(),
            text: String::new(),
        };
        let standing = Standing {
            state: state.to_owned(),
            submitted: Some(Timestamp(at)),
            ..request.standing.clone()
        };
        let moved = requests::move_on(t.session(), &request, &standing, &event).await;
        assert!(moved.expect("an answer"));
        id
    }

    /// The numbers on all pages of so many.
    async fn pages(t: &mut Transaction, filter: &Filter, order: Order, limit: u32) -> Vec<i64> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let found = page(t.session(), filter, order, after, limit).await.expect("a page");
            let Some(last) = found.last() else { return all };
            // A place goes through links as text.
            let text = Place::of(last, order).to_string();
            after = Some(text.parse().expect("a place"));
            all.extend(found.iter().map(|request| request.id.0));
        }
    }

    #[tokio::test]
    async fn pages_show_everything_once_and_what_is_sought() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "wl.example").await;
            let now = Timestamp(1);
            let bank = organisations::add(t.session(), "A Bank", now).await.expect("an Id");
            let shop = organisations::add(t.session(), "50% off", now).await.expect("an Id");
            let domain = "mail.shop.example".parse().expect("a name");
            organisations::add_domain(t.session(), shop, &domain).await.expect("it is added");
            let ada = accounts::add(t.session(), "a@x.example", "Ada L", "$h", Role::Member, now);
            let ada = ada.await.expect("it is added").expect("it is new").0;
            let of = |organisation| (organisation, list, 99);
            // Several of the same moment.
            for (network, at) in
                [("192.0.2.0/24", 10), ("192.0.2.7", 10), ("2001:db8::/32", 10), ("8.8.8.8", 9)]
            {
                begin(t, of(bank), network, "queued", at).await;
            }
            begin(t, (shop, list, ada), "198.51.100.1", "published", 20).await;
            begin(t, of(shop), "198.51.100.2", "published", 30).await;
            let state = |word: &str| Filter { state: Some(word.to_owned()), ..Filter::default() };
            for limit in 1..4 {
                let waiting = pages(t, &state("queued"), Order::LongestWait, limit).await;
                assert_eq!(waiting, [4, 1, 2, 3], "{limit}");
                let all = pages(t, &Filter::default(), Order::LatestChange, limit).await;
                assert_eq!(all, [6, 5, 3, 2, 1, 4], "{limit}");
            }
            // What Ada did something with, or agreed to.
            let of = |editor, for_second| Filter { editor, for_second, ..Filter::default() };
            let order = Order::LatestChange;
            assert_eq!(pages(t, &of(Some(AccountId(ada)), false), order, 9).await, [5]);
            let approval = requests::Approval {
                account: ada,
                positions: vec![0],
                spared: Vec::new(),
                time: now,
            };
            requests::set_approval(t.session(), RequestId(3), &approval).await.expect("it is set");
            assert_eq!(pages(t, &of(Some(AccountId(ada)), false), order, 9).await, [5, 3]);
            assert_eq!(pages(t, &of(Some(AccountId(-7)), false), order, 9).await, [0; 0]);
            assert_eq!(pages(t, &of(None, true), order, 9).await, [3]);
            for (words, expected) in [
                ("192.0.2.7", vec![2, 1]),
                ("192.0.2.9", vec![1]),
                ("192.0.0.0/16", vec![2, 1]),
                ("2001:db8::1", vec![3]),
                ("#4", vec![4]),
                ("bank", vec![3, 2, 1, 4]),
                ("0% o", vec![6, 5]),
                ("%", vec![6, 5]),
                ("SHOP.example", vec![6, 5]),
                ("ada", vec![5]),
                ("x.example", vec![5]),
                ("nobody", vec![]),
            ] {
                let filter = Filter { sought: Sought::read(words), ..Filter::default() };
                assert_eq!(pages(t, &filter, Order::LatestChange, 9).await, expected, "{words}");
            }
            for text in ["", "1", "x-1", "1-", "1-x"] {
                assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_open_is_counted_and_older_items_are_found_too() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "wl.example").await;
            let other = lists::tests::add(&mut t.session(), "bl.example").await;
            let bank = organisations::add(t.session(), "A Bank", Timestamp(1)).await;
            let bank = bank.expect("an Id");
            begin(t, (bank, list, 5), "192.0.2.1", "queued", 1).await;
            begin(t, (bank, other, 6), "192.0.2.2", "needs-info", 1).await;
            begin(t, (bank, list, 5), "192.0.2.3", "rejected", 1).await;
            let undo = New {
                organisation: bank,
                list,
                account: 5,
                reason: String::new(),
                undoes: Some(RequestId(1)),
                criterion: None,
                review: None,
            };
            requests::add(t.session(), &undo, Timestamp(1)).await.expect("it is begun");
            assert_eq!(open(t.session(), bank, 5).await.expect("counted"), (2, 1));
            let about = open_about(t.session(), bank, list).await.expect("read");
            assert_eq!(about.iter().map(|one| one.id.0).collect::<Vec<_>>(), [1, 4]);

            on!(t.session(), |c| {
                sqlx::query("UPDATE request_items SET key = NULL").execute(c).await.map(drop)
            })
            .expect("they are as they were once");
            let filter = Filter { sought: Sought::read("192.0.2.2"), ..Filter::default() };
            assert_eq!(pages(t, &filter, Order::LatestChange, 9).await, [0; 0]);
            let filled = [fill_keys(t.session(), 2).await, fill_keys(t.session(), 9).await];
            assert_eq!(filled.map(|count| count.expect("they are written")), [2, 1]);
            assert_eq!(pages(t, &filter, Order::LatestChange, 9).await, [2]);
        })
        .await;
    }
}
