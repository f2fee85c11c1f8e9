//! Conflicts of interest that editors declare: what they said they are partial in.
//!
//! That an editor belongs to an organisation, or asked for something himself, is known without being said; see
//! `registry::conflict`.

use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::motions::MotionId;
use crate::removals::RemovalId;
use crate::requests::RequestId;
use crate::rules::ProposalId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What somebody may be partial in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// A request.
    Request(RequestId),
    /// A removal.
    Removal(RemovalId),
    /// A proposal of a rule.
    Proposal(ProposalId),
    /// A change that another editor wants.
    Motion(MotionId),
}

impl About {
    /// The word of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            About::Request(_) => "request",
            About::Removal(_) => "removal",
            About::Proposal(_) => "proposal",
            About::Motion(_) => "motion",
        }
    }

    /// Its number among its kind.
    pub fn number(self) -> i64 {
        match self {
            About::Request(RequestId(id))
            | About::Removal(RemovalId(id))
            | About::Proposal(ProposalId(id))
            | About::Motion(MotionId(id)) => id,
        }
    }
}

/// A conflict that an editor declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The editor.
    pub account: AccountId,
    /// Why, in his words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Writes down that an editor is partial; if he said so before, why.
///
/// # Errors
/// If the database fails.
pub async fn put(session: Session<'_>, about: About, new: &Declared) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(PUT)
            .bind(about.kind())
            .bind(about.number())
            .bind(new.account.0)
            .bind(&new.reason)
            .bind(new.since.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// Takes back that an editor is partial. Whether he had said so.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    session: Session<'_>,
    about: About,
    account: AccountId,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        let query = sqlx::query(REMOVE).bind(about.kind()).bind(about.number()).bind(account.0);
        query.execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Who said that he is partial in something, the first first.
///
/// # Errors
/// If the database fails.
pub async fn of(session: Session<'_>, about: About) -> Result<Vec<Declared>, DatabaseError> {
    let rows: Vec<(i64, String, i64)> = on!(session, |c| {
        sqlx::query_as(OF).bind(about.kind()).bind(about.number()).fetch_all(c).await?
    });
    let declared = |(account, reason, since)| Declared {
        account: AccountId(account),
        reason,
        since: Timestamp(since),
    };
    Ok(rows.into_iter().map(declared).collect())
}

statements! {
    /// Writes one down.
    PUT = "INSERT INTO conflicts (kind, subject, account, reason, since) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (kind, subject, account) DO UPDATE SET reason = excluded.reason";
    /// Takes one back.
    REMOVE = "DELETE FROM conflicts WHERE kind = $1 AND subject = $2 AND account = $3";
    /// All about something.
    OF = "SELECT account, reason, since FROM conflicts WHERE kind = $1 AND subject = $2
        ORDER BY since, account";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::testing::on_each;

    #[tokio::test]
    async fn what_somebody_declared_stands_until_he_takes_it_back_or_is_gone() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut ids = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let role = Role::Editor;
                let added = accounts::add(t.session(), mail, "A", "$none", role, Timestamp(1));
                ids.push(added.await.expect("it is added").expect("it is new"));
            }
            let about = About::Request(RequestId(7));
            let said = |account, reason: &str, since| Declared {
                account,
                reason: reason.to_owned(),
                since: Timestamp(since),
            };
            put(t.session(), about, &said(ids[1], "a friend", 2)).await.expect("it is put");
            put(t.session(), about, &said(ids[0], "a rival", 3)).await.expect("it is put");
            put(t.session(), about, &said(ids[1], "my brother", 4)).await.expect("it is put");
            let all = of(t.session(), about).await.expect("they are read");
            assert_eq!(all, [said(ids[1], "my brother", 2), said(ids[0], "a rival", 3)]);
            let other = About::Removal(RemovalId(7));
            assert_eq!(of(t.session(), other).await.expect("they are read"), []);
            assert!(!remove(t.session(), other, ids[0]).await.expect("it is tried"));
            assert!(remove(t.session(), about, ids[0]).await.expect("it is tried"));
            let gone = accounts::by_id(t.session(), ids[1]).await.expect("read").expect("there");
            crate::person::erase(t.session(), &gone).await.expect("it is erased");
            assert_eq!(of(t.session(), about).await.expect("they are read"), []);
            transaction.commit().await.expect("it is committed");
        })
        .await;
    }
}
