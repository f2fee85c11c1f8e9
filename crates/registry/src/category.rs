//! Categories of a list: added and renamed by administrators, never deleted, so that no return code changes its meaning.

use repute_database::audit::{self, Deed};
use repute_database::categories::{self, Category};
use repute_database::lists::Stored;
use repute_database::{DatabaseError, Timestamp, Transaction};
use serde_json::json;

use crate::permission::{self, Action, Denied, Person, Relation};

/// Why a category is not added or renamed.
#[derive(Debug, thiserror::Error)]
pub enum CategoryError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Its number means something already.
    #[error("{0} is a category of this list: rename it, or take another number")]
    Taken(u8),
    /// There is none of this number.
    #[error("this list has no category {0}")]
    Unknown(u8),
    /// No name.
    #[error("a category needs a name of at most 100 characters")]
    Name,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Adds a category.
///
/// # Errors
/// If the person may not, or its number is taken.
pub async fn add(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    category: &Category,
    now: Timestamp,
) -> Result<(), CategoryError> {
    check(person, category)?;
    match categories::add(transaction.session(), list.id, category).await? {
        true => log(transaction, person, "category.add", list, category, now).await,
        false => Err(CategoryError::Taken(category.number)),
    }
}

/// Gives a category another name.
///
/// # Errors
/// If the person may not, or there is none of its number.
pub async fn rename(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    category: &Category,
    now: Timestamp,
) -> Result<(), CategoryError> {
    check(person, category)?;
    match categories::rename(transaction.session(), list.id, category).await? {
        true => log(transaction, person, "category.rename", list, category, now).await,
        false => Err(CategoryError::Unknown(category.number)),
    }
}

/// Fails if a person may not have a category of this name.
fn check(person: Person, category: &Category) -> Result<(), CategoryError> {
    permission::check(person, Relation::Stranger, Action::ChangeCategories)?;
    match category.name.trim().is_empty() || category.name.chars().count() > 100 {
        true => Err(CategoryError::Name),
        false => Ok(()),
    }
}

/// Writes into the audit log what was done to a category.
async fn log(
    transaction: &mut Transaction,
    person: Person,
    action: &str,
    list: &Stored,
    category: &Category,
    now: Timestamp,
) -> Result<(), CategoryError> {
    let deed = Deed {
        time: now,
        actor: audit::actor(transaction.session(), person.account).await?,
        action: action.to_owned(),
        subject: format!("list/{}", list.list.apex),
        detail: json!({ "number": category.number, "name": category.name }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}
