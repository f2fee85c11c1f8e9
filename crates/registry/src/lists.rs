//! New lists, with a template's codes and categories.
//!
//! What a list is later on is changed in `settings`.

use repute_database::audit::{self, Deed};
use repute_database::lists::{self, List, Stored};
use repute_database::{DatabaseError, Timestamp, Transaction};
use repute_dnsxl::Name;
use serde_json::json;

use crate::changes::Cause;
use crate::link::{self, LinkError};
use crate::template::Template;

/// Why a list cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is one.
    #[error("there is a list {0} already")]
    Exists(String),
    /// Its name is none that clients could ask under.
    #[error("`{apex}` is no name for a list: {why}")]
    Apex {
        /// The name.
        apex: String,
        /// Why not.
        why: &'static str,
    },
    /// It gets no key.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Adds a list with the codes and categories of a template.
///
/// # Errors
/// If there is one with this apex, or the database fails: then the transaction is to be dropped.
pub async fn add(
    transaction: &mut Transaction,
    list: &List,
    template: Template,
    cause: &Cause,
    now: Timestamp,
) -> Result<Stored, AddError> {
    let apex = list.apex.to_string();
    if let Some(why) = unfit(&list.apex) {
        return Err(AddError::Apex { apex, why });
    }
    if lists::by_apex(transaction.session(), &list.apex).await?.is_some() {
        return Err(AddError::Exists(apex));
    }
    let id = lists::add(transaction.session(), list, now).await?;
    for (code, meaning) in template.codes() {
        lists::set_code(transaction.session(), id, code, &meaning).await?;
        if template.is_for_two(code) {
            lists::set_two_editors(transaction.session(), id, code, true).await?;
        }
        lists::set_leaving(transaction.session(), id, code, template.leaving(code)).await?;
    }
    for (number, name) in template.categories() {
        lists::set_category(transaction.session(), id, *number, name).await?;
    }
    link::give_key(transaction, id, now).await?;
    let detail = json!({ "template": template.word(), "reason": cause.reason });
    record(transaction, list, cause, detail.to_string(), now).await?;
    let stored = lists::by_apex(transaction.session(), &list.apex).await?;
    Ok(stored.ok_or(DatabaseError::Missing("list"))?)
}

/// Why clients could not ask under a name.
fn unfit(apex: &Name) -> Option<&'static str> {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if apex.label_count() < 2 {
        return Some(
            "it is a whole top-level domain; take a name below one of yours, such as bl.example.org",
        );
    }
    if !apex.labels().all(|label| label.iter().all(is_plain)) {
        return Some("its labels have to be of letters, digits, `-` and `_`");
    }
    // 32 nibbles with their dots, and the end of the name.
    (apex.as_wire().len() + 64 > 255).then_some("it is too long for an IPv6 address in front of it")
}

/// Writes what was done to a list into the audit log.
async fn record(
    transaction: &mut Transaction,
    list: &List,
    cause: &Cause,
    detail: String,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let deed = Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("list/{}", list.apex),
        detail,
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use super::*;

    #[tokio::test]
    async fn a_list_comes_with_its_template_and_a_row_of_the_log_and_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let cause = Cause {
                actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
                action: "list.add".to_owned(),
                reason: "a test".to_owned(),
            };
            let list = List {
                apex: "wl.example".parse().expect("a name"),
                title: "A list".to_owned(),
                description: String::new(),
                polarity: Polarity::Allow,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let now = Timestamp(7);
            let stored = add(&mut transaction, &list, Template::Dnswl, &cause, now).await;
            let stored = stored.expect("it is added");
            let codes = lists::codes(transaction.session(), stored.id).await.expect("codes");
            let known = "127.0.3.2".parse().expect("a code");
            let meaning = codes.iter().find(|(code, _)| *code == known).map(|(_, m)| &**m);
            assert_eq!(meaning, Some("email service provider, score med"));
            let categories = lists::categories(transaction.session(), stored.id).await;
            assert_eq!(categories.expect("categories")[0], (2, "financial".to_owned()));
            let log = audit::of_subject(transaction.session(), "list/wl.example", 9).await;
            assert_eq!(log.expect("the log").len(), 1);
            for (apex, words) in [
                ("bl", "it is a whole top-level domain"),
                ("my\\032list.example", "its labels have to be"),
            ] {
                let list = List { apex: apex.parse().expect("a name"), ..list.clone() };
                let tried = add(&mut transaction, &list, Template::Dnswl, &cause, now).await;
                let told = tried.expect_err(apex).to_string();
                assert!(told.contains(words), "{told}");
            }
            let again = add(&mut transaction, &list, Template::Dnswl, &cause, now).await;
            let words = again.expect_err("it is there").to_string();
            assert_eq!(words, "there is a list wl.example already");
        })
        .await;
    }
}
