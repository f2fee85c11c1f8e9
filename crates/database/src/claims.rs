//! Claims: somebody says that a domain is his, for an organisation, and proves it or does not.
//!
//! A claim is never deleted, so that no challenge comes again. The one that holds a domain says whose it is.

use repute_dnsxl::Name;

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub i64);

/// How a domain is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// By a link that was mailed to one of the domain's own mailboxes.
    Mail(Mailbox),
    /// By a record in its DNS.
    Dns,
}

/// The mailboxes of a domain that only its operator reads (RFC 2142); nobody can choose another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mailbox {
    /// `postmaster@`.
    Postmaster,
    /// `hostmaster@`.
    Hostmaster,
    /// `abuse@`.
    Abuse,
}

/// What somebody claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// For whom.
    pub organisation: OrganisationId,
    /// The domain.
    pub domain: Name,
    /// Who claims it.
    pub account: i64,
    /// How it is to be proven.
    pub proof: Proof,
    /// Random bytes, from which the challenge is made.
    pub nonce: [u8; 16],
    /// When.
    pub created: Timestamp,
    /// Until when the challenge can be met.
    pub expires: Timestamp,
}

/// A claim as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its number.
    pub id: ClaimId,
    /// What is claimed.
    pub new: New,
    /// Where it stands.
    pub state: State,
    /// What the last look for its proof saw.
    pub seen: String,
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The challenge is not met yet.
    Open,
    /// It is proven, but somebody else holds the domain.
    Waiting {
        /// Since when it is proven.
        proven: Timestamp,
        /// When it takes the domain over; never as long as the other proof is as good.
        takes: Option<Timestamp>,
    },
    /// The domain is the organisation's.
    Held {
        /// Since when.
        proven: Timestamp,
        /// When the proof is looked at again; never for a mail.
        due: Option<Timestamp>,
        /// How often in a row it was missing.
        failures: u32,
    },
    /// A better proof took its place.
    Superseded,
    /// Its proof is gone.
    Lapsed,
    /// The challenge was not met in time.
    Expired,
    /// Who made it took it back.
    Withdrawn,
}

impl Mailbox {
    /// The local part.
    pub fn local_part(self) -> &'static str {
        match self {
            Mailbox::Postmaster => "postmaster",
            Mailbox::Hostmaster => "hostmaster",
            Mailbox::Abuse => "abuse",
        }
    }
}

impl State {
    /// When it is to be looked at.
    pub fn due(self) -> Option<Timestamp> {
        match self {
            State::Waiting { takes, .. } => takes,
            State::Held { due, .. } => due,
            State::Open | State::Superseded | State::Lapsed | State::Expired | State::Withdrawn => {
                None
            }
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Waiting { .. } => "waiting",
            State::Held { .. } => "held",
            State::Superseded => "superseded",
            State::Lapsed => "lapsed",
            State::Expired => "expired",
            State::Withdrawn => "withdrawn",
        }
    }
}

/// Makes a claim.
///
/// # Errors
/// If its nonce was used before, or the database fails.
pub async fn add(session: Session<'_>, new: &New) -> Result<ClaimId, DatabaseError> {
    let (proof, mailbox) = proof_words(new.proof);
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD)
            .bind(new.organisation.0)
            .bind(new.domain.to_string())
            .bind(new.account)
            .bind(proof)
            .bind(mailbox)
            .bind(&new.nonce[..])
            .bind(new.created.0)
            .bind(new.expires.0)
            .fetch_one(c)
            .await?
    });
    Ok(ClaimId(id))
}

/// Writes where a claim stands, if it still stands where the caller believes. Whether it did.
///
/// # Errors
/// If it is to hold a domain that another one holds, or the database fails.
pub async fn set_state(
    session: Session<'_>,
    before: &Claim,
    state: State,
    seen: &str,
) -> Result<bool, DatabaseError> {
    let (proven, takes, due, failures) = match state {
        State::Waiting { proven, takes } => (Some(proven), takes, takes, 0),
        State::Held { proven, due, failures } => (Some(proven), None, due, failures),
        State::Open | State::Superseded | State::Lapsed | State::Expired | State::Withdrawn => {
            (None, None, None, 0)
        }
    };
    let rows = on!(session, |c| {
        sqlx::query(SET_STATE)
            .bind(before.id.0)
            .bind(before.state.word())
            .bind(state.word())
            .bind(proven.map(|time| time.0))
            .bind(takes.map(|time| time.0))
            .bind(due.map(|time| time.0))
            .bind(i64::from(failures))
            .bind(seen)
            .bind(before.state.due().map_or(0, |time| time.0))
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

/// A claim by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: ClaimId) -> Result<Option<Claim>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(claim).transpose()
}

/// The claims of a domain, the first first.
///
/// # Errors
/// If the database fails.
pub async fn of_domain(session: Session<'_>, domain: &Name) -> Result<Vec<Claim>, DatabaseError> {
    let domain = domain.to_string();
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_DOMAIN).bind(domain).fetch_all(c).await?);
    rows.into_iter().map(claim).collect()
}

/// Has nobody else decide who holds a domain before this transaction is over: two who prove it in the same moment come
/// one after the other. The first claim that was ever made of it stands for all of them, as claims stay.
///
/// # Errors
/// If the database fails.
pub async fn hold_domain(session: Session<'_>, domain: &Name) -> Result<(), DatabaseError> {
    let domain = domain.to_string();
    on!(session, |c| sqlx::query(HOLD_DOMAIN).bind(domain).execute(c).await?.rows_affected());
    Ok(())
}

/// The claims for an organisation, the first first.
///
/// # Errors
/// If the database fails.
pub async fn of_organisation(
    session: Session<'_>,
    id: OrganisationId,
) -> Result<Vec<Claim>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_ORGANISATION).bind(id.0).fetch_all(c).await?);
    rows.into_iter().map(claim).collect()
}

/// The claims that somebody made, the first first.
///
/// # Errors
/// If the database fails.
pub async fn of_account(session: Session<'_>, account: i64) -> Result<Vec<Claim>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_ACCOUNT).bind(account).fetch_all(c).await?);
    rows.into_iter().map(claim).collect()
}

/// Claims that are to be looked at, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn due(
    session: Session<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Claim>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(DUE).bind(now.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(claim).collect()
}

/// Ends claims whose challenge was not met in time; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(EXPIRE).bind(now.0).execute(c).await?.rows_affected()))
}

/// Counts a mail to a domain on a day. Whether it is one of the first `most`.
///
/// # Errors
/// If the database fails.
pub async fn count_mail(
    session: Session<'_>,
    domain: &Name,
    day: i64,
    most: u32,
) -> Result<bool, DatabaseError> {
    let domain = domain.to_string();
    let rows = on!(session, |c| {
        let query = sqlx::query(COUNT_MAIL).bind(domain).bind(day).bind(i64::from(most));
        query.execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Forgets how many mails went to domains before a day; of how many domains and days that was.
///
/// # Errors
/// If the database fails.
pub async fn forget_mails(session: Session<'_>, before: i64) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET_MAILS).bind(before).execute(c).await?.rows_affected()))
}

/// A row of claims.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// For whom.
    organisation: i64,
    /// The domain.
    domain: String,
    /// Who made it.
    account: i64,
    /// How it is proven.
    proof: String,
    /// To which mailbox the link goes.
    mailbox: String,
    /// For the token.
    nonce: Vec<u8>,
    /// The word of its state.
    state: String,
    /// When it was made.
    created: i64,
    /// Until when the challenge can be met.
    expires: i64,
    /// When it was proven.
    proven: Option<i64>,
    /// When it takes over.
    takes: Option<i64>,
    /// When it is looked at.
    due: Option<i64>,
    /// How often the proof was missing.
    failures: i64,
    /// What the last look saw.
    seen: String,
}

/// Reads a row.
fn claim(row: Row) -> Result<Claim, DatabaseError> {
    let proof = match (&*row.proof, &*row.mailbox) {
        ("dns", _) => Proof::Dns,
        ("mail", "postmaster") => Proof::Mail(Mailbox::Postmaster),
        ("mail", "hostmaster") => Proof::Mail(Mailbox::Hostmaster),
        ("mail", "abuse") => Proof::Mail(Mailbox::Abuse),
        _ => return Err(DatabaseError::Content("the proof of a claim")),
    };
    let proven = row.proven.map(Timestamp).ok_or(DatabaseError::Content("a claim without a proof"));
    let state = match &*row.state {
        "open" => State::Open,
        "waiting" => State::Waiting { proven: proven?, takes: row.takes.map(Timestamp) },
        "held" => State::Held {
            proven: proven?,
            due: row.due.map(Timestamp),
            failures: u32::try_from(row.failures).unwrap_or(0),
        },
        "superseded" => State::Superseded,
        "lapsed" => State::Lapsed,
        "expired" => State::Expired,
        "withdrawn" => State::Withdrawn,
        _ => return Err(DatabaseError::Content("the state of a claim")),
    };
    let nonce = row.nonce[..].try_into();
    let new = New {
        organisation: OrganisationId(row.organisation),
        domain: row.domain.parse().map_err(|_| DatabaseError::Content("the domain of a claim"))?,
        account: row.account,
        proof,
        nonce: nonce.map_err(|_| DatabaseError::Content("the nonce of a claim"))?,
        created: Timestamp(row.created),
        expires: Timestamp(row.expires),
    };
    Ok(Claim { id: ClaimId(row.id), new, state, seen: row.seen })
}

/// The stored words of a proof: what it is, and the mailbox.
fn proof_words(proof: Proof) -> (&'static str, &'static str) {
    match proof {
        Proof::Dns => ("dns", ""),
        Proof::Mail(mailbox) => ("mail", mailbox.local_part()),
    }
}

statements! {
    /// Makes a claim.
    ADD = "INSERT INTO claims
        (organisation, domain, account, proof, mailbox, nonce, state, created, expires, failures, seen)
        VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, 0, '') RETURNING id";
    /// Moves it on.
    SET_STATE = "UPDATE claims
        SET state = $3, proven = $4, takes = $5, due = $6, failures = $7, seen = $8
        WHERE id = $1 AND state = $2 AND COALESCE(due, 0) = $9";
    /// One claim.
    BY_ID = "SELECT id, organisation, domain, account, proof, mailbox, nonce, state, created,
        expires, proven, takes, due, failures, seen FROM claims WHERE id = $1";
    /// Those of a domain.
    OF_DOMAIN = "SELECT id, organisation, domain, account, proof, mailbox, nonce, state, created,
        expires, proven, takes, due, failures, seen FROM claims WHERE domain = $1 ORDER BY id";
    /// Holds the first of a domain.
    HOLD_DOMAIN = "UPDATE claims SET domain = domain WHERE id = (SELECT MIN(id) FROM claims WHERE domain = $1)";
    /// Those for an organisation.
    OF_ORGANISATION = "SELECT id, organisation, domain, account, proof, mailbox, nonce, state, created,
        expires, proven, takes, due, failures, seen FROM claims WHERE organisation = $1 ORDER BY id";
    /// Those of a person.
    OF_ACCOUNT = "SELECT id, organisation, domain, account, proof, mailbox, nonce, state, created,
        expires, proven, takes, due, failures, seen FROM claims WHERE account = $1 ORDER BY id";
    /// Those to look at.
    DUE = "SELECT id, organisation, domain, account, proof, mailbox, nonce, state, created,
        expires, proven, takes, due, failures, seen FROM claims WHERE due <= $1 ORDER BY due, id LIMIT $2";
    /// Ends those that were not met.
    EXPIRE = "UPDATE claims SET state = 'expired' WHERE state = 'open' AND expires <= $1";
    /// Forgets counts of days that are over.
    FORGET_MAILS = "DELETE FROM claim_mails WHERE day < $1";
    /// Counts a mail, up to a number.
    COUNT_MAIL = "INSERT INTO claim_mails (domain, day, count) VALUES ($1, $2, 1)
        ON CONFLICT (domain, day) DO UPDATE SET count = claim_mails.count + 1
        WHERE claim_mails.count < $3";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisations;
    use crate::testing::on_each;

    /// A claim of `example.org`.
    fn new(organisation: OrganisationId, account: i64, proof: Proof) -> New {
        New {
            organisation,
            domain: "example.org".parse().expect("a name"),
            account,
            proof,
            nonce: [account as u8; 16],
            created: Timestamp(10),
            expires: Timestamp(100),
        }
    }

    #[tokio::test]
    async fn a_claim_moves_on_from_where_it_stands_and_a_domain_has_one_holder() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let somebody = organisations::add(transaction.session(), "x", Timestamp(1)).await;
            let somebody = somebody.expect("an Id");
            let mail = Proof::Mail(Mailbox::Abuse);
            let mut ids = Vec::new();
            for (account, proof) in [(1, Proof::Dns), (2, mail), (3, mail)] {
                let new = new(somebody, account, proof);
                ids.push(add(transaction.session(), &new).await.expect("it is made"));
            }
            let (due, proven) = (Some(Timestamp(60)), Timestamp(50));
            let held = State::Held { proven, due, failures: 2 };
            let first = by_id(transaction.session(), ids[0]).await.expect("it is read");
            let first = first.expect("it is there");
            assert_eq!((first.state, &first.new), (State::Open, &new(somebody, 1, Proof::Dns)));
            let moved = set_state(transaction.session(), &first, held, "found it").await;
            assert!(moved.expect("an answer"));
            let again = set_state(transaction.session(), &first, State::Lapsed, "").await;
            assert!(!again.expect("an answer"), "somebody was faster");
            let domain = "EXAMPLE.org".parse().expect("a name");
            let all = of_domain(transaction.session(), &domain).await.expect("they are read");
            assert_eq!((all.len(), all[0].state, &*all[0].seen), (3, held, "found it"));
            let waiting = State::Waiting { proven, takes: Some(Timestamp(70)) };
            set_state(transaction.session(), &all[1], waiting, "").await.expect("an answer");
            for (now, wanted) in [(59, &ids[..0]), (60, &ids[..1]), (70, &ids[..2])] {
                let due = super::due(transaction.session(), Timestamp(now), 9).await;
                let due: Vec<_> = due.expect("they are read").iter().map(|one| one.id).collect();
                assert_eq!(due, wanted, "at {now}");
            }
            assert_eq!(expire(transaction.session(), Timestamp(99)).await.expect("a number"), 0);
            assert_eq!(expire(transaction.session(), Timestamp(100)).await.expect("a number"), 1);
            let theirs = of_account(transaction.session(), 3).await.expect("they are read");
            assert_eq!(theirs[0].state, State::Expired);
            let all =
                of_organisation(transaction.session(), somebody).await.expect("they are read");
            assert_eq!((all.len(), all[1].state), (3, waiting));
            let twice = set_state(transaction.session(), &all[1], held, "").await;
            assert!(twice.is_err(), "a domain has one holder");
        })
        .await;
    }

    #[tokio::test]
    async fn no_challenge_comes_twice_and_mails_are_few() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let somebody = organisations::add(transaction.session(), "x", Timestamp(1)).await;
            let new = new(somebody.expect("an Id"), 1, Proof::Dns);
            for (domain, day, is_sent) in [
                ("a.example", 1, true),
                ("a.example", 1, true),
                ("a.example", 1, false),
                ("a.example", 2, true),
                ("b.example", 1, true),
            ] {
                let domain = domain.parse().expect("a name");
                let counted = count_mail(transaction.session(), &domain, day, 2).await;
                assert_eq!(counted.expect("an answer"), is_sent, "{domain} {day}");
            }
            // Of days that are over nothing stays; the next day everybody may again.
            assert_eq!(forget_mails(transaction.session(), 2).await.expect("a number"), 2);
            assert_eq!(forget_mails(transaction.session(), 2).await.expect("a number"), 0);
            let domain = "a.example".parse().expect("a name");
            for is_sent in [true, false] {
                let counted = count_mail(transaction.session(), &domain, 2, 2).await;
                assert_eq!(counted.expect("an answer"), is_sent);
            }
            add(transaction.session(), &new).await.expect("it is made");
            assert!(add(transaction.session(), &new).await.is_err());
        })
        .await;
    }
}
