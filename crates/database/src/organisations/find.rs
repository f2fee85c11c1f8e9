//! Organisations as editors look for them: by Id, name, domain or contact; and which of them have anything on a list.
//!
//! Words are looked for anywhere in a name, so all organisations are gone through: there are thousands of them, where
//! entries are millions.

use repute_dnsxl::Name;
use sqlx::QueryBuilder;

use super::{Organisation, Row, organisation};
use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::session::{Session, on};
use crate::statement::statements;

/// Organisations with this Id, or these words in their name, a domain or the mail address of a contact, in the order of
/// their Ids, from behind one on, at most so many. Without words all.
///
/// # Errors
/// If the database fails.
pub async fn find(
    session: Session<'_>,
    words: &str,
    after: Option<OrganisationId>,
    limit: u32,
) -> Result<Vec<Organisation>, DatabaseError> {
    let words = words.trim();
    let id: Option<i64> = words.trim_start_matches('#').parse().ok();
    let pattern = (!words.is_empty()).then(|| pattern(words));
    let after = after.map_or(0, |id| id.0);
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(FIND)
            .bind(after)
            .bind(pattern)
            .bind(id)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    Ok(rows.into_iter().map(organisation).collect())
}

/// The domains by which some organisations are known, by Id and name.
///
/// # Errors
/// If the database fails.
pub async fn domains_of(
    session: Session<'_>,
    ids: &[OrganisationId],
) -> Result<Vec<(OrganisationId, Name)>, DatabaseError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String)> = on!(session, |c| {
        let mut query = QueryBuilder::new(DOMAINS_OF);
        let mut places = query.separated(", ");
        for id in ids {
            places.push_bind(id.0);
        }
        query.push(") ORDER BY organisation, domain");
        query.build_query_as().fetch_all(c).await?
    });
    let read = |(id, domain): (i64, String)| {
        let domain = domain.parse();
        let domain = domain.map_err(|_| DatabaseError::Content("the domain of an organisation"))?;
        Ok((OrganisationId(id), domain))
    };
    rows.into_iter().map(read).collect()
}

/// Those of some organisations that are there, by Id.
///
/// # Errors
/// If the database fails.
pub async fn by_ids(
    session: Session<'_>,
    ids: &[OrganisationId],
) -> Result<Vec<Organisation>, DatabaseError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(BY_IDS);
        let mut places = query.separated(", ");
        for id in ids {
            places.push_bind(id.0);
        }
        query.push(") ORDER BY id");
        query.build_query_as().fetch_all(c).await?
    });
    Ok(rows.into_iter().map(organisation).collect())
}

/// Which of some organisations have anything on any list.
///
/// # Errors
/// If the database fails.
pub async fn published(
    session: Session<'_>,
    ids: &[OrganisationId],
) -> Result<Vec<OrganisationId>, DatabaseError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64,)> = on!(session, |c| {
        let mut query = QueryBuilder::new(PUBLISHED);
        query.push_values(ids, |mut row, id| {
            row.push_bind(id.0);
        });
        query.push(PUBLISHED_END);
        query.build_query_as().fetch_all(c).await?
    });
    Ok(rows.into_iter().map(|(id,)| OrganisationId(id)).collect())
}

/// What `LIKE` takes for words anywhere in a text, whatever they consist of.
fn pattern(words: &str) -> String {
    let mut pattern = String::from("%");
    for character in words.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Before the Ids of [`domains_of`].
const DOMAINS_OF: &str = "SELECT organisation, domain FROM domains WHERE organisation IN (";
/// Before the Ids of [`by_ids`].
const BY_IDS: &str =
    "SELECT id, name, website, suspension, created FROM organisations WHERE id IN (";
/// Before the Ids of [`published`].
const PUBLISHED: &str = "WITH wanted (id) AS (";
/// Behind them.
const PUBLISHED_END: &str = ") SELECT id FROM wanted
    WHERE EXISTS (SELECT 1 FROM entries WHERE entries.organisation = wanted.id)";

statements! {
    /// Those with some words.
    FIND = "SELECT o.id, o.name, o.website, o.suspension, o.created FROM organisations o WHERE o.id > $1
        AND (CAST($2 AS TEXT) IS NULL OR o.id = CAST($3 AS BIGINT) OR LOWER(o.name) LIKE $2 ESCAPE '!'
        OR EXISTS (SELECT 1 FROM domains d WHERE d.organisation = o.id AND d.domain LIKE $2 ESCAPE '!')
        OR EXISTS (SELECT 1 FROM contacts c WHERE c.organisation = o.id AND LOWER(c.mail) LIKE $2 ESCAPE '!'))
        ORDER BY o.id LIMIT $4";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::{self, Entry};
    use crate::organisations::{Contact, Purpose, add, add_contact, add_domain};
    use crate::testing::on_each;
    use crate::{Timestamp, lists};

    #[tokio::test]
    async fn organisations_are_found_by_id_name_domain_and_contact_and_page_by_page() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut ids = Vec::new();
            for name in ["Alpha Mail", "100% Beta", "Gamma_Ltd"] {
                ids.push(add(t.session(), name, Timestamp(5)).await.expect("it is added"));
            }
            let domain = "mx.delta.example".parse().expect("a name");
            add_domain(t.session(), ids[0], &domain).await.expect("it is added");
            let mail = "Noc@epsilon.example".to_owned();
            let contact = Contact { mail, purpose: Purpose::Technical };
            add_contact(t.session(), ids[1], &contact).await.expect("it is added");
            let third = ids[2].0.to_string();
            for (words, expected) in [
                ("", vec![0, 1, 2]),
                ("MAIL", vec![0]),
                ("delta.ex", vec![0]),
                ("noc@EPS", vec![1]),
                ("0% b", vec![1]),
                ("%", vec![1]),
                ("_", vec![2]),
                (&*third, vec![2]),
                ("#1", vec![0]),
                ("zeta", vec![]),
            ] {
                let found = find(t.session(), words, None, 9).await.expect("they are read");
                let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at]).collect();
                let found: Vec<_> = found.into_iter().map(|one| one.id).collect();
                assert_eq!(found, expected, "{words}");
            }
            let first = find(t.session(), "", None, 2).await.expect("they are read");
            let rest = find(t.session(), "", Some(first[1].id), 2).await.expect("they are read");
            assert_eq!(rest.iter().map(|one| one.id).collect::<Vec<_>>(), [ids[2]]);
            let domains = domains_of(t.session(), &ids).await.expect("they are read");
            assert_eq!(domains, [(ids[0], domain)]);
        })
        .await;
    }

    #[tokio::test]
    async fn what_has_an_entry_is_published() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let mut ids = Vec::new();
            for name in ["One", "Two"] {
                ids.push(add(t.session(), name, Timestamp(5)).await.expect("it is added"));
            }
            assert_eq!(published(t.session(), &ids).await.expect("they are read"), []);
            let entry = Entry {
                key: "192.0.2.7".parse().expect("a key"),
                code: "127.0.0.2".parse().ok(),
                text: String::new(),
                reason: String::new(),
                criterion: None,
                source: entries::source(t.session(), "hand").await.expect("a source"),
                organisation: Some(ids[1]),
                since: Timestamp(1),
                expires: None,
                review: None,
            };
            entries::put(t.session(), list, &[entry]).await.expect("it is written");
            assert_eq!(published(t.session(), &ids).await.expect("they are read"), [ids[1]]);
            assert_eq!(published(t.session(), &[]).await.expect("nothing is read"), []);
        })
        .await;
    }
}
