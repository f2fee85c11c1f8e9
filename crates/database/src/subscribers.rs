//! Subscribers: servers elsewhere that may have lists, each by a token of which only the digest is stored.

use std::collections::BTreeMap;

use repute_dnsxl::Name;

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(pub i64);

/// A subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Its number.
    pub id: SubscriberId,
    /// What it is called.
    pub name: String,
    /// Which lists it may have.
    pub lists: Scope,
    /// When it got its token.
    pub created: Timestamp,
    /// When that was last shown, to a few minutes.
    pub seen: Option<Timestamp>,
    /// When that was revoked.
    pub revoked: Option<Timestamp>,
}

/// Which lists somebody may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All, those of tomorrow too.
    All,
    /// These.
    Named(Vec<Name>),
}

impl Scope {
    /// Whether a list is one of them.
    pub fn has(&self, apex: &Name) -> bool {
        match self {
            Scope::All => true,
            Scope::Named(lists) => lists.contains(apex),
        }
    }
}

/// Adds a subscriber, who may have these lists; without any, all.
///
/// # Errors
/// If there is one of this name whose token is not revoked, or the database fails.
pub async fn add(
    mut session: Session<'_>,
    name: &str,
    digest: &[u8],
    lists: Option<&[ListId]>,
    now: Timestamp,
) -> Result<SubscriberId, DatabaseError> {
    let scope = if lists.is_some() { "named" } else { "all" };
    let (id,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(ADD).bind(name).bind(digest).bind(scope).bind(now.0).fetch_one(c).await?
    });
    for list in lists.unwrap_or_default() {
        on!(session.again(), |c| sqlx::query(ADD_LIST)
            .bind(id)
            .bind(list.0)
            .execute(c)
            .await?
            .rows_affected());
    }
    Ok(SubscriberId(id))
}

/// All of them, those whose tokens are revoked too, by name.
///
/// # Errors
/// If the database fails.
pub async fn all(mut session: Session<'_>) -> Result<Vec<Subscriber>, DatabaseError> {
    let rows: Vec<Row> = on!(session.again(), |c| sqlx::query_as(EVERY).fetch_all(c).await?);
    let named: Vec<(i64, String)> = on!(session, |c| sqlx::query_as(LISTS).fetch_all(c).await?);
    let mut lists: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    for (id, apex) in named {
        lists.entry(id).or_default().push(name(&apex)?);
    }
    Ok(rows.into_iter().map(|row| subscriber(row, &mut lists)).collect())
}

/// Who has a token, if that is not revoked.
///
/// # Errors
/// If the database fails.
pub async fn find(
    mut session: Session<'_>,
    digest: &[u8],
) -> Result<Option<Subscriber>, DatabaseError> {
    let row: Option<Row> =
        on!(session.again(), |c| { sqlx::query_as(FIND).bind(digest).fetch_optional(c).await? });
    let Some(row) = row else { return Ok(None) };
    let named: Vec<(String,)> =
        on!(session, |c| sqlx::query_as(LISTS_OF).bind(row.0).fetch_all(c).await?);
    let named = named.iter().map(|(apex,)| name(apex)).collect::<Result<_, _>>()?;
    let mut lists = BTreeMap::from([(row.0, named)]);
    Ok(Some(subscriber(row, &mut lists)))
}

/// Notes that a token was shown.
///
/// # Errors
/// If the database fails.
pub async fn see(
    session: Session<'_>,
    id: SubscriberId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(SEE).bind(id.0).bind(now.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Revokes the token of a subscriber. Whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn revoke(
    session: Session<'_>,
    name: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(REVOKE).bind(name).bind(now.0).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// A row of subscribers.
type Row = (i64, String, String, i64, Option<i64>, Option<i64>);

/// Reads a row, and takes its lists.
fn subscriber(row: Row, lists: &mut BTreeMap<i64, Vec<Name>>) -> Subscriber {
    let (id, name, scope, created, seen, revoked) = row;
    let lists = match scope == "all" {
        true => Scope::All,
        false => Scope::Named(lists.remove(&id).unwrap_or_default()),
    };
    Subscriber {
        id: SubscriberId(id),
        name,
        lists,
        created: Timestamp(created),
        seen: seen.map(Timestamp),
        revoked: revoked.map(Timestamp),
    }
}

/// Reads the name of a list.
fn name(apex: &str) -> Result<Name, DatabaseError> {
    apex.parse().map_err(|_| DatabaseError::Content("the name of a list"))
}

statements! {
    /// Adds one.
    ADD = "INSERT INTO subscribers (name, digest, scope, created) VALUES ($1, $2, $3, $4)
        RETURNING id";
    /// Lets one have a list.
    ADD_LIST = "INSERT INTO subscriber_lists (subscriber, list) VALUES ($1, $2)
        ON CONFLICT (subscriber, list) DO NOTHING";
    /// All of them.
    EVERY = "SELECT id, name, scope, created, seen, revoked FROM subscribers ORDER BY name, id";
    /// The lists of all.
    LISTS = "SELECT subscriber, apex FROM subscriber_lists
        JOIN lists ON lists.id = subscriber_lists.list ORDER BY apex";
    /// The one with a token.
    FIND = "SELECT id, name, scope, created, seen, revoked FROM subscribers
        WHERE digest = $1 AND revoked IS NULL";
    /// The lists of one.
    LISTS_OF = "SELECT apex FROM subscriber_lists
        JOIN lists ON lists.id = subscriber_lists.list WHERE subscriber = $1 ORDER BY apex";
    /// Notes that a token was shown.
    SEE = "UPDATE subscribers SET seen = $2 WHERE id = $1";
    /// Revokes a token.
    REVOKE = "UPDATE subscribers SET revoked = $2 WHERE name = $1 AND revoked IS NULL";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_token_counts_until_it_is_revoked() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            lists::tests::add(&mut t.session(), "wl.example").await;
            let (bl, wl): (Name, Name) =
                ("bl.example".parse().expect("a name"), "wl.example".parse().expect("a name"));
            add(t.session(), "all", b"a", None, Timestamp(1)).await.expect("it is added");
            add(t.session(), "one", b"b", Some(&[list]), Timestamp(2)).await.expect("it is added");
            let one = find(t.session(), b"b").await.expect("it is read").expect("it is there");
            assert!(one.lists.has(&bl) && !one.lists.has(&wl), "{one:?}");
            let every = find(t.session(), b"a").await.expect("it is read").expect("it is there");
            assert!(every.lists.has(&wl));
            see(t.session(), one.id, Timestamp(7)).await.expect("it is noted");
            let revoked = revoke(t.session(), "one", Timestamp(9)).await.expect("it is revoked");
            let again = revoke(t.session(), "one", Timestamp(9)).await.expect("it is asked");
            assert!(revoked && !again);
            assert_eq!(find(t.session(), b"b").await.expect("it is read"), None);
            add(t.session(), "one", b"c", None, Timestamp(10)).await.expect("the name is free");
            let all = all(t.session()).await.expect("they are read");
            let seen = |one: &Subscriber| (one.name.clone(), one.seen, one.revoked);
            assert_eq!(
                all.iter().map(seen).collect::<Vec<_>>(),
                [
                    ("all".to_owned(), None, None),
                    ("one".to_owned(), Some(Timestamp(7)), Some(Timestamp(9))),
                    ("one".to_owned(), None, None),
                ]
            );
            assert_eq!(all[1].lists, Scope::Named(vec![bl]));
        })
        .await;
    }
}
