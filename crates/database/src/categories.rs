//! What a list calls those who are on it. Categories are added and renamed, never deleted, and no number is used
//! again: a return code that holds the number means the same for ever.

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;

/// A category of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its number, which return codes hold.
    pub number: u8,
    /// What people call it.
    pub name: String,
}

/// Adds a category. Whether its number was free.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    list: ListId,
    category: &Category,
) -> Result<bool, DatabaseError> {
    let (number, name) = (i64::from(category.number), &category.name);
    let rows = on!(session, |c| {
        sqlx::query(ADD).bind(list.0).bind(number).bind(name).execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Gives a category another name. Whether there is one of that number.
///
/// # Errors
/// If the database fails.
pub async fn rename(
    session: Session<'_>,
    list: ListId,
    category: &Category,
) -> Result<bool, DatabaseError> {
    let (number, name) = (i64::from(category.number), &category.name);
    let rows = on!(session, |c| {
        sqlx::query(RENAME).bind(list.0).bind(number).bind(name).execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// The categories of a list, by number.
///
/// # Errors
/// If the database fails.
pub async fn all(session: Session<'_>, list: ListId) -> Result<Vec<Category>, DatabaseError> {
    let rows: Vec<(i64, String)> =
        on!(session, |c| sqlx::query_as(CATEGORIES).bind(list.0).fetch_all(c).await?);
    rows.into_iter().map(|(number, name)| Ok(Category { number: read(number)?, name })).collect()
}

/// Says which category of a list an organisation is in. The list must have it.
///
/// # Errors
/// If the list has no such category, or the database fails.
pub async fn assign(
    session: Session<'_>,
    organisation: OrganisationId,
    list: ListId,
    number: u8,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(ASSIGN).bind(organisation.0).bind(list.0);
        query.bind(i64::from(number)).execute(c).await?;
    });
    Ok(())
}

/// The category of a list that an organisation is in.
///
/// # Errors
/// If the database fails.
pub async fn of(
    session: Session<'_>,
    organisation: OrganisationId,
    list: ListId,
) -> Result<Option<Category>, DatabaseError> {
    let row: Option<(i64, String)> = on!(session, |c| {
        sqlx::query_as(OF).bind(organisation.0).bind(list.0).fetch_optional(c).await?
    });
    row.map(|(number, name)| Ok(Category { number: read(number)?, name })).transpose()
}

/// Reads a stored number.
fn read(number: i64) -> Result<u8, DatabaseError> {
    u8::try_from(number).map_err(|_| DatabaseError::Content("the number of a category"))
}

statements! {
    /// Adds a category.
    ADD = "INSERT INTO categories (list, number, name) VALUES ($1, $2, $3)
        ON CONFLICT (list, number) DO NOTHING";
    /// Renames one.
    RENAME = "UPDATE categories SET name = $3 WHERE list = $1 AND number = $2";
    /// All of a list.
    CATEGORIES = "SELECT number, name FROM categories WHERE list = $1 ORDER BY number";
    /// Puts an organisation into one.
    ASSIGN = "INSERT INTO organisation_categories (organisation, list, category) VALUES ($1, $2, $3)
        ON CONFLICT (organisation, list) DO UPDATE SET category = excluded.category";
    /// That of an organisation.
    OF = "SELECT c.number, c.name FROM organisation_categories o
        JOIN categories c ON c.list = o.list AND c.number = o.category
        WHERE o.organisation = $1 AND o.list = $2";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{Timestamp, lists, organisations};

    /// A category.
    fn category(number: u8, name: &str) -> Category {
        Category { number, name: name.to_owned() }
    }

    #[tokio::test]
    async fn a_number_means_one_category_for_ever() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "wl.example").await;
            let (banks, shops) = (category(2, "Banks"), category(15, "Shops"));
            for (category, is_new) in [(&banks, true), (&shops, true), (&category(2, "x"), false)] {
                let added = add(transaction.session(), list, category).await.expect("an answer");
                assert_eq!(added, is_new, "{category:?}");
            }
            let finance = category(2, "Finance");
            assert!(rename(transaction.session(), list, &finance).await.expect("an answer"));
            let none = rename(transaction.session(), list, &category(3, "x")).await;
            assert!(!none.expect("an answer"));
            let all = all(transaction.session(), list).await.expect("they are read");
            assert_eq!(all, [finance.clone(), shops]);
            let somebody = organisations::add(transaction.session(), "A bank", Timestamp(1)).await;
            let somebody = somebody.expect("it is added");
            for number in [15, 2] {
                assign(transaction.session(), somebody, list, number).await.expect("it is put");
            }
            let found = of(transaction.session(), somebody, list).await.expect("it is read");
            assert_eq!(found, Some(finance));
            let missing = assign(transaction.session(), somebody, list, 9).await;
            assert!(missing.is_err(), "no organisation is in a category that is not there");
        })
        .await;
    }
}
