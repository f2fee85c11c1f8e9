//! What the product promises to whom, written by hand: each route and each endpoint, with things that are there and are
//! somebody's, for everybody who may come. Nothing here asks the table that is enforced, but whether a route is missing.
//!
//! What is expected of one who comes is a letter:
//!
//! - `y`: he sees or does it
//! - `s`: he has to sign in, or to show a token
//! - `f`: he may not
//! - `h`: he does not learn that it is there
//! - `w`: he may, but what he sends is not right, which is so where more than a form would be needed

mod api;
mod pages;
mod world;

use axum::http::StatusCode;
use repute_database::{Database, Timestamp, limits};

use crate::testing::{Answer, Site};

/// Who comes, in the order of the letters: nobody, an owner of another organisation, a member of the one that things
/// belong to, its owner, an editor, an administrator.
const WHO: [&str; 6] = ["nobody", "stranger", "member", "owner", "editor", "administrator"];

/// The letter of an answer.
fn letter_of(answer: &Answer) -> char {
    let location = answer.location();
    match answer.status {
        StatusCode::UNAUTHORIZED => 's',
        StatusCode::FORBIDDEN => 'f',
        StatusCode::NOT_FOUND => 'h',
        _ if location.starts_with("/sign-in?next=") => 's',
        _ if location.starts_with("/confirm?") => '!',
        status if status.is_success() || status.is_redirection() => 'y',
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => 'w',
        _ => '!',
    }
}

/// A portal at which nobody did anything too often yet.
async fn anew(database: &Database) -> Site {
    let mut transaction = database.begin().await.expect("a transaction");
    limits::tidy(transaction.session(), Timestamp(i64::MAX), 0).await.expect("they are gone");
    transaction.commit().await.expect("it is committed");
    Site::over(database.clone())
}

/// Whom a row lets do something.
fn of<'r>(
    expected: &'r str,
    wanted: impl Fn(char) -> bool + 'r,
) -> impl Iterator<Item = usize> + 'r {
    expected.chars().enumerate().filter(move |(_, letter)| wanted(*letter)).map(|(who, _)| who)
}

/// Makes sure that a table has a row for each of these, and none besides.
fn is_whole(rows: impl Iterator<Item = String>, there: impl Iterator<Item = String>) {
    let (mut rows, mut there): (Vec<_>, Vec<_>) = (rows.collect(), there.collect());
    rows.sort();
    rows.dedup();
    there.sort();
    let missing: Vec<_> = there.iter().filter(|one| !rows.contains(one)).collect();
    let gone: Vec<_> = rows.iter().filter(|one| !there.contains(one)).collect();
    assert!(missing.is_empty(), "nothing is promised about {missing:#?}");
    assert!(gone.is_empty(), "there is no {gone:#?}");
}
