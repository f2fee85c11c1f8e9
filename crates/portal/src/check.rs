//! What is found out about a request before its checks run: what DNS says of its addresses, and what lists of others do.
//! Pages and the API ask the same.

use std::time::Instant;

use repute_database::accounts::AccountId;
use repute_database::requests::RequestId;
use repute_database::{Timestamp, Transaction};
use repute_registry::permission::Person;
use repute_registry::request::check::{Evidence, Finding};
use repute_registry::request::item::Item;
use repute_registry::request::state::State;
use repute_registry::request::{self, elsewhere, evidence};

use crate::app::App;
use crate::error::AppError;
use crate::limits::{Deed, Doer};

/// What was found out about the items of a request.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// What DNS says of their addresses.
    pub(crate) evidence: Vec<Evidence>,
    /// What lists of others say of some of them.
    pub(crate) others: Vec<Finding>,
}

/// Asks DNS about the addresses of items, and lists of others, as often as that is fair.
pub(crate) async fn gather(
    app: &App,
    account: AccountId,
    items: &[Item],
) -> Result<Gathered, AppError> {
    if items.iter().all(|item| item.code().is_none()) {
        return Ok(Gathered::default());
    }
    app.limits
        .take(Deed::Ask, &Doer::Account(account.0), Instant::now())
        .map_err(AppError::TooMany)?;
    let look = &app.means.look;
    let evidence = evidence::gather(items, &look.resolvers, look.timeout);
    let others = async {
        match &app.means.elsewhere {
            Some(lists) => elsewhere::gather(lists, items).await,
            None => Vec::new(),
        }
    };
    let (evidence, others) = tokio::join!(evidence, others);
    Ok(Gathered { evidence: evidence.map_err(AppError::Sockets)?, others })
}

/// Hands a request in, with what was found out about it.
pub(crate) async fn hand_in(
    transaction: &mut Transaction,
    person: Person,
    id: RequestId,
    words: &str,
    gathered: &Gathered,
    now: Timestamp,
) -> Result<State, AppError> {
    let state = request::submit(transaction, person, id, words, &gathered.evidence, now).await?;
    elsewhere::add(transaction, id, &gathered.others).await?;
    Ok(state)
}
