//! Rules that make entries of evidence, version by version, and what they propose to editors.
//!
//! A version never changes: who replays it later reads what it was. What a rule means is the registry's business.

use repute_dnsxl::ReturnCode;

use crate::agreed::{Agreed, agreed};
use crate::database::DatabaseError;
use crate::entries::CriterionId;
use crate::key::Key;
use crate::lists::{ListId, read_code};
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub i64);

/// Names a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub i64);

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The classes that count; none are all.
    pub classes: Vec<String>,
    /// The names of the sources that count; none are all.
    pub sources: Vec<String>,
    /// So many hits,
    pub hits: u32,
    /// from so many sources,
    pub from_sources: u32,
    /// at so many traps,
    pub from_traps: u32,
    /// within so many microseconds,
    pub span: i64,
    /// list for so many microseconds from the last one.
    pub lasts: i64,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The code of the entry.
    pub code: ReturnCode,
    /// What the list says about it in DNS.
    pub text: String,
    /// Why, for people.
    pub reason: String,
    /// Which criterion it meets.
    pub criterion: Option<CriterionId>,
    /// The network of an IPv4 address that is listed.
    pub ipv4_prefix: u8,
    /// That of an IPv6 address.
    pub ipv6_prefix: u8,
}

/// What becomes of what meets a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An editor decides.
    Propose,
    /// It is listed.
    List,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Propose => "propose",
            Outcome::List => "list",
        }
    }
}

/// A rule in one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// Of which list.
    pub list: ListId,
    /// Its name.
    pub name: String,
    /// Which version this is.
    pub version: i64,
    /// Since when the rule does something.
    pub enabled: Option<Timestamp>,
    /// When this version was written.
    pub created: Timestamp,
    /// What it says.
    pub terms: Terms,
}

/// What a rule would list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// What.
    pub key: Key,
    /// How many hits there were.
    pub hits: u64,
    /// From how many sources.
    pub from_sources: u32,
    /// When the last of them was.
    pub last: Timestamp,
    /// Until when it would be listed.
    pub expires: Timestamp,
    /// Why no entry was made at once.
    pub note: String,
}

/// A proposal as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: ProposalId,
    /// By which rule.
    pub rule: RuleId,
    /// In which version.
    pub version: i64,
    /// For which list.
    pub list: ListId,
    /// What.
    pub proposed: Proposed,
    /// Where it stands.
    pub state: ProposalState,
    /// Since when.
    pub created: Timestamp,
    /// Why it was decided so.
    pub reason: String,
    /// The editor who agrees that it is listed, where two have to.
    pub agreed: Option<Agreed>,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProposalState {
    /// Nobody decided yet.
    Open,
    /// It became an entry.
    Accepted,
    /// It did not.
    Refused,
}

impl ProposalState {
    /// All of them.
    pub const ALL: [ProposalState; 3] =
        [ProposalState::Open, ProposalState::Accepted, ProposalState::Refused];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            ProposalState::Open => "open",
            ProposalState::Accepted => "accepted",
            ProposalState::Refused => "refused",
        }
    }
}

/// Writes a rule, or the next version of the one of this name; its number and version.
///
/// # Errors
/// If the database fails.
pub async fn put(
    mut session: Session<'_>,
    list: ListId,
    name: &str,
    terms: &Terms,
    now: Timestamp,
) -> Result<(RuleId, i64), DatabaseError> {
    let (id, version): (i64, i64) = on!(session.again(), |c| {
        sqlx::query_as(PUT).bind(list.0).bind(name).bind(now.0).fetch_one(c).await?
    });
    on!(session, |c| {
        sqlx::query(ADD_VERSION)
            .bind(id)
            .bind(version)
            .bind(terms.classes.join(" "))
            .bind(terms.sources.join(" "))
            .bind(i64::from(terms.hits))
            .bind(i64::from(terms.from_sources))
            .bind(i64::from(terms.from_traps))
            .bind(terms.span)
            .bind(terms.lasts)
            .bind(terms.outcome.word())
            .bind(terms.code.to_string())
            .bind(&terms.text)
            .bind(&terms.reason)
            .bind(terms.criterion.map(|id| id.0))
            .bind(i64::from(terms.ipv4_prefix))
            .bind(i64::from(terms.ipv6_prefix))
            .bind(now.0)
            .execute(c)
            .await?;
    });
    Ok((RuleId(id), version))
}

/// Has a rule do something from now on, or nothing.
///
/// # Errors
/// If the database fails.
pub async fn set_enabled(
    session: Session<'_>,
    id: RuleId,
    enabled: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    let enabled = enabled.map(|time| time.0);
    on!(session, |c| {
        sqlx::query(SET_ENABLED).bind(id.0).bind(enabled).execute(c).await?;
    });
    Ok(())
}

/// A list's rules by their names, each in the version that holds.
///
/// # Errors
/// If the database fails.
pub async fn of_list(session: Session<'_>, list: ListId) -> Result<Vec<Rule>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(OF_LIST).bind(list.0).fetch_all(c).await?);
    rows.into_iter().map(rule).collect()
}

/// All versions of a list's rule, the first first; none if there is no such rule.
///
/// # Errors
/// If the database fails.
pub async fn versions(
    session: Session<'_>,
    list: ListId,
    name: &str,
) -> Result<Vec<Rule>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| { sqlx::query_as(VERSIONS).bind(list.0).bind(name).fetch_all(c).await? });
    rows.into_iter().map(rule).collect()
}

/// One version of a rule, if there is such a one.
///
/// # Errors
/// If the database fails.
pub async fn version(
    session: Session<'_>,
    id: RuleId,
    version: i64,
) -> Result<Option<Rule>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(VERSION).bind(id.0).bind(version).fetch_optional(c).await?
    });
    row.map(rule).transpose()
}

/// Proposes an entry; one that is open of the same rule and key is brought to what is known now. Whether it is new.
///
/// # Errors
/// If the database fails.
pub async fn propose(
    mut session: Session<'_>,
    rule: &Rule,
    proposed: &Proposed,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let key = proposed.key.to_bytes();
    let (known,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(HAS_OPEN).bind(rule.id.0).bind(key.clone()).fetch_one(c).await?
    });
    on!(session, |c| {
        sqlx::query(PROPOSE)
            .bind(rule.id.0)
            .bind(rule.version)
            .bind(rule.list.0)
            .bind(key)
            .bind(i64::try_from(proposed.hits).unwrap_or(i64::MAX))
            .bind(i64::from(proposed.from_sources))
            .bind(proposed.last.0)
            .bind(proposed.expires.0)
            .bind(&proposed.note)
            .bind(now.0)
            .execute(c)
            .await?;
    });
    Ok(known == 0)
}

/// Takes back what is open of a rule for a key, as if it had never been; whether there was something.
///
/// # Errors
/// If the database fails.
pub async fn withdraw(
    session: Session<'_>,
    rule: RuleId,
    key: &Key,
) -> Result<bool, DatabaseError> {
    let key = key.to_bytes();
    let rows = on!(session, |c| {
        sqlx::query(WITHDRAW).bind(rule.0).bind(key).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Takes back what is open of all rules of a list for a key.
///
/// # Errors
/// If the database fails.
pub async fn withdraw_all(
    session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<(), DatabaseError> {
    let key = key.to_bytes();
    on!(session, |c| {
        sqlx::query(WITHDRAW_ALL).bind(list.0).bind(key).execute(c).await?;
    });
    Ok(())
}

/// What is open of a rule for a key, if something is.
///
/// # Errors
/// If the database fails.
pub async fn open_of(
    session: Session<'_>,
    rule: RuleId,
    key: &Key,
) -> Result<Option<Proposal>, DatabaseError> {
    let key = key.to_bytes();
    let row: Option<ProposalRow> =
        on!(session, |c| sqlx::query_as(OPEN_OF).bind(rule.0).bind(key).fetch_optional(c).await?);
    row.map(proposal).transpose()
}

/// How many proposals of a list are open.
///
/// # Errors
/// If the database fails.
pub async fn count_open(session: Session<'_>, list: ListId) -> Result<u64, DatabaseError> {
    let (count,): (i64,) =
        on!(session, |c| sqlx::query_as(COUNT_OPEN).bind(list.0).fetch_one(c).await?);
    Ok(count.unsigned_abs())
}

/// To how many open proposals of a list one editor agreed, so that they wait for another one.
///
/// # Errors
/// If the database fails.
pub async fn count_agreed(session: Session<'_>, list: ListId) -> Result<u64, DatabaseError> {
    let (count,): (i64,) =
        on!(session, |c| sqlx::query_as(COUNT_AGREED).bind(list.0).fetch_one(c).await?);
    Ok(count.unsigned_abs())
}

/// When a rule was last refused a key, if it was.
///
/// # Errors
/// If the database fails.
pub async fn refused(
    session: Session<'_>,
    rule: RuleId,
    key: &Key,
) -> Result<Option<Timestamp>, DatabaseError> {
    let key = key.to_bytes();
    let (time,): (Option<i64>,) =
        on!(session, |c| sqlx::query_as(REFUSED).bind(rule.0).bind(key).fetch_one(c).await?);
    Ok(time.map(Timestamp))
}

/// A list's proposals in a state, the oldest first, behind one, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn proposals(
    session: Session<'_>,
    list: ListId,
    state: ProposalState,
    after: Option<ProposalId>,
    limit: u32,
) -> Result<Vec<Proposal>, DatabaseError> {
    let rows: Vec<ProposalRow> = on!(session, |c| {
        sqlx::query_as(PROPOSALS)
            .bind(list.0)
            .bind(state.word())
            .bind(after.map_or(0, |id| id.0))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(proposal).collect()
}

/// A proposal by its number.
///
/// # Errors
/// If the database fails.
pub async fn proposal_by_id(
    session: Session<'_>,
    id: ProposalId,
) -> Result<Option<Proposal>, DatabaseError> {
    let row: Option<ProposalRow> =
        on!(session, |c| sqlx::query_as(PROPOSAL).bind(id.0).fetch_optional(c).await?);
    row.map(proposal).transpose()
}

/// Notes that an editor agrees to a proposal that two have to agree to.
///
/// # Errors
/// If the database fails.
pub async fn agree(
    session: Session<'_>,
    id: ProposalId,
    agreed: Agreed,
) -> Result<(), DatabaseError> {
    let Agreed { account, time } = agreed;
    on!(session, |c| {
        sqlx::query(AGREE).bind(id.0).bind(account).bind(time.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Takes back that an editor agrees to a proposal, if it was he.
///
/// # Errors
/// If the database fails.
pub async fn take_back(
    session: Session<'_>,
    id: ProposalId,
    account: i64,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(TAKE_BACK).bind(id.0).bind(account).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Decides a proposal that is open; whether it was. Who decided is a pseudonym of the audit log.
///
/// # Errors
/// If the database fails.
pub async fn decide(
    session: Session<'_>,
    id: ProposalId,
    state: ProposalState,
    actor: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(DECIDE)
            .bind(id.0)
            .bind(state.word())
            .bind(now.0)
            .bind(actor)
            .bind(reason)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// A row of rules with a version.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// Of which list.
    list: i64,
    /// Its name.
    name: String,
    /// Since when it does something.
    enabled: Option<i64>,
    /// Which version.
    version: i64,
    /// When it was written.
    created: i64,
    /// Classes, with spaces between.
    classes: String,
    /// Sources, with spaces between.
    sources: String,
    /// How many hits.
    hits: i64,
    /// From how many sources.
    from_sources: i64,
    /// At how many traps.
    from_traps: i64,
    /// Within which time.
    span: i64,
    /// For how long.
    lasts: i64,
    /// The word of what becomes of it.
    outcome: String,
    /// The code.
    code: String,
    /// What is said in DNS.
    text: String,
    /// Why.
    reason: String,
    /// Which criterion.
    criterion: Option<i64>,
    /// The network of an IPv4 address.
    ipv4_prefix: i64,
    /// That of an IPv6 address.
    ipv6_prefix: i64,
}

/// Reads a row.
fn rule(row: Row) -> Result<Rule, DatabaseError> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let number = |number: i64| {
        u32::try_from(number).map_err(|_| DatabaseError::Content("a number of a rule"))
    };
    let prefix = |number: i64| {
        u8::try_from(number).map_err(|_| DatabaseError::Content("the prefix of a rule"))
    };
    Ok(Rule {
        id: RuleId(row.id),
        list: ListId(row.list),
        name: row.name,
        version: row.version,
        enabled: row.enabled.map(Timestamp),
        created: Timestamp(row.created),
        terms: Terms {
            classes: words(&row.classes),
            sources: words(&row.sources),
            hits: number(row.hits)?,
            from_sources: number(row.from_sources)?,
            from_traps: number(row.from_traps)?,
            span: row.span,
            lasts: row.lasts,
            outcome: match &*row.outcome {
                "propose" => Outcome::Propose,
                "list" => Outcome::List,
                _ => return Err(DatabaseError::Content("the outcome of a rule")),
            },
            code: read_code(&row.code)?,
            text: row.text,
            reason: row.reason,
            criterion: row.criterion.map(CriterionId),
            ipv4_prefix: prefix(row.ipv4_prefix)?,
            ipv6_prefix: prefix(row.ipv6_prefix)?,
        },
    })
}

/// A row of proposals.
#[derive(sqlx::FromRow)]
struct ProposalRow {
    /// Its number.
    id: i64,
    /// By which rule.
    rule: i64,
    /// In which version.
    version: i64,
    /// For which list.
    list: i64,
    /// What.
    key: Vec<u8>,
    /// How many hits.
    hits: i64,
    /// From how many sources.
    from_sources: i64,
    /// The last of them.
    last: i64,
    /// Until when.
    expires: i64,
    /// Why no entry was made.
    note: String,
    /// The word of its state.
    state: String,
    /// Since when.
    created: i64,
    /// Why it was decided so.
    reason: String,
    /// Who agreed first.
    agreed: Option<i64>,
    /// When.
    agreed_at: Option<i64>,
}

/// Reads a row.
fn proposal(row: ProposalRow) -> Result<Proposal, DatabaseError> {
    let state = ProposalState::ALL.into_iter().find(|state| state.word() == row.state);
    Ok(Proposal {
        id: ProposalId(row.id),
        rule: RuleId(row.rule),
        version: row.version,
        list: ListId(row.list),
        proposed: Proposed {
            key: Key::from_bytes(&row.key)?,
            hits: row.hits.unsigned_abs(),
            from_sources: u32::try_from(row.from_sources)
                .map_err(|_| DatabaseError::Content("the sources of a proposal"))?,
            last: Timestamp(row.last),
            expires: Timestamp(row.expires),
            note: row.note,
        },
        state: state.ok_or(DatabaseError::Content("the state of a proposal"))?,
        created: Timestamp(row.created),
        reason: row.reason,
        agreed: agreed(row.agreed, row.agreed_at),
    })
}

statements! {
    /// A rule, new or with one version more.
    PUT = "INSERT INTO rules (list, name, version, created) VALUES ($1, $2, 1, $3)
        ON CONFLICT (list, name) DO UPDATE SET version = rules.version + 1 RETURNING id, version";
    /// A version.
    ADD_VERSION = "INSERT INTO rule_versions (rule, version, classes, sources, hits, from_sources, from_traps,
        span, lasts, outcome, code, text, reason, criterion, ipv4_prefix, ipv6_prefix, created)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    /// Turns a rule on or off.
    SET_ENABLED = "UPDATE rules SET enabled = $2 WHERE id = $1";
    /// A list's rules.
    OF_LIST = "SELECT r.id, r.list, r.name, r.enabled, v.version, v.created, v.classes, v.sources, v.hits,
        v.from_sources, v.from_traps, v.span, v.lasts, v.outcome, v.code, v.text, v.reason, v.criterion,
        v.ipv4_prefix, v.ipv6_prefix
        FROM rules r JOIN rule_versions v ON v.rule = r.id AND v.version = r.version
        WHERE r.list = $1 ORDER BY r.name";
    /// A rule's versions.
    VERSIONS = "SELECT r.id, r.list, r.name, r.enabled, v.version, v.created, v.classes, v.sources, v.hits,
        v.from_sources, v.from_traps, v.span, v.lasts, v.outcome, v.code, v.text, v.reason, v.criterion,
        v.ipv4_prefix, v.ipv6_prefix
        FROM rules r JOIN rule_versions v ON v.rule = r.id
        WHERE r.list = $1 AND r.name = $2 ORDER BY v.version";
    /// One of them.
    VERSION = "SELECT r.id, r.list, r.name, r.enabled, v.version, v.created, v.classes, v.sources, v.hits,
        v.from_sources, v.from_traps, v.span, v.lasts, v.outcome, v.code, v.text, v.reason, v.criterion,
        v.ipv4_prefix, v.ipv6_prefix
        FROM rules r JOIN rule_versions v ON v.rule = r.id WHERE r.id = $1 AND v.version = $2";
    /// Whether something is open.
    HAS_OPEN = "SELECT COUNT(*) FROM proposals WHERE rule = $1 AND key = $2 AND state = 'open'";
    /// Proposes. Who agreed to what another version of the rule wants agreed to something else.
    PROPOSE = "INSERT INTO proposals
        (rule, version, list, key, hits, from_sources, last, expires, note, state, created, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, '')
        ON CONFLICT (rule, key) WHERE state = 'open' DO UPDATE SET version = excluded.version,
        hits = excluded.hits, from_sources = excluded.from_sources, last = excluded.last,
        expires = excluded.expires, note = excluded.note,
        agreed = CASE WHEN proposals.version = excluded.version THEN proposals.agreed END,
        agreed_at = CASE WHEN proposals.version = excluded.version THEN proposals.agreed_at END";
    /// Takes a proposal back.
    WITHDRAW = "DELETE FROM proposals WHERE rule = $1 AND key = $2 AND state = 'open'";
    /// Takes back what all rules propose.
    WITHDRAW_ALL = "DELETE FROM proposals WHERE list = $1 AND key = $2 AND state = 'open'";
    /// When it was refused.
    REFUSED = "SELECT MAX(decided) FROM proposals WHERE rule = $1 AND key = $2 AND state = 'refused'";
    /// Proposals in a state.
    PROPOSALS = "SELECT id, rule, version, list, key, hits, from_sources, last, expires, note, state, created, reason, agreed, agreed_at
        FROM proposals WHERE list = $1 AND state = $2 AND id > $3 ORDER BY id LIMIT $4";
    /// One of them.
    PROPOSAL = "SELECT id, rule, version, list, key, hits, from_sources, last, expires, note, state, created, reason, agreed, agreed_at
        FROM proposals WHERE id = $1";
    /// What is open of a rule for a key.
    OPEN_OF = "SELECT id, rule, version, list, key, hits, from_sources, last, expires, note, state, created, reason, agreed, agreed_at
        FROM proposals WHERE rule = $1 AND key = $2 AND state = 'open'";
    /// How many are open.
    COUNT_OPEN = "SELECT COUNT(*) FROM proposals WHERE list = $1 AND state = 'open'";
    /// How many wait for a second editor.
    COUNT_AGREED =
        "SELECT COUNT(*) FROM proposals WHERE list = $1 AND state = 'open' AND agreed IS NOT NULL";
    /// Notes who agrees.
    AGREE = "UPDATE proposals SET agreed = $2, agreed_at = $3 WHERE id = $1 AND state = 'open'";
    /// Notes that he does not.
    TAKE_BACK = "UPDATE proposals SET agreed = NULL, agreed_at = NULL WHERE id = $1 AND agreed = $2";
    /// Decides one.
    DECIDE = "UPDATE proposals SET state = $2, decided = $3, actor = $4, reason = $5
        WHERE id = $1 AND state = 'open'";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{audit, lists};

    /// What a rule says that lists at once.
    fn terms(hits: u32) -> Terms {
        Terms {
            classes: vec!["spam".to_owned(), "virus".to_owned()],
            sources: vec!["traps".to_owned()],
            hits,
            from_sources: 2,
            from_traps: 1,
            span: 3_600_000_000,
            lasts: 7_200_000_000,
            outcome: Outcome::List,
            code: "127.0.0.3".parse().expect("a code"),
            text: "see x".to_owned(),
            reason: "traps hit".to_owned(),
            criterion: None,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
        }
    }

    #[tokio::test]
    async fn a_new_version_leaves_the_old_ones_as_they_were() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let mut id = RuleId(0);
            for (version, hits) in [(1, 5), (2, 3)] {
                let now = Timestamp(10 * version);
                let put = put(transaction.session(), list, "traps", &terms(hits), now).await;
                let (rule, written) = put.expect("it is written");
                assert_eq!(written, version);
                id = rule;
            }
            set_enabled(transaction.session(), id, Some(Timestamp(9))).await.expect("it is on");
            let all = versions(transaction.session(), list, "traps").await.expect("they are read");
            assert_eq!((&all[0].terms, &all[1].terms), (&terms(5), &terms(3)));
            assert_eq!(
                (all.len(), all[0].created, all[1].created),
                (2, Timestamp(10), Timestamp(20))
            );
            let rules = of_list(transaction.session(), list).await.expect("they are read");
            assert_eq!((rules.as_slice(), rules[0].enabled), (&all[1..], Some(Timestamp(9))));
            assert!(versions(transaction.session(), list, "x").await.expect("none").is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn a_proposal_is_open_once_and_decided_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let written = put(transaction.session(), list, "traps", &terms(5), Timestamp(1)).await;
            written.expect("it is written");
            let rule = of_list(transaction.session(), list).await.expect("they are read").remove(0);
            let proposed = |hits| Proposed {
                key: "192.0.2.1".parse().expect("a key"),
                hits,
                from_sources: 2,
                last: Timestamp(5),
                expires: Timestamp(50),
                note: String::new(),
            };
            for (hits, is_new) in [(5, true), (6, false)] {
                let new =
                    propose(transaction.session(), &rule, &proposed(hits), Timestamp(7)).await;
                assert_eq!(new.expect("it is proposed"), is_new);
            }
            let open = ProposalState::Open;
            let all = proposals(transaction.session(), list, open, None, 9).await.expect("some");
            assert_eq!((all.len(), &all[0].proposed), (1, &proposed(6)));
            let actor = audit::machine(transaction.session(), "shell").await.expect("a name");
            for is_first in [true, false] {
                let state = ProposalState::Refused;
                let (id, now) = (all[0].id, Timestamp(8));
                let was = decide(transaction.session(), id, state, &actor, "no", now).await;
                assert_eq!(was.expect("it is decided"), is_first);
            }
            let known = proposal_by_id(transaction.session(), all[0].id).await.expect("it is read");
            let known = known.expect("it is there");
            assert_eq!((known.state, &*known.reason), (ProposalState::Refused, "no"));
            let key = proposed(1).key;
            let time = refused(transaction.session(), rule.id, &key).await.expect("it is read");
            assert_eq!(time, Some(Timestamp(8)));
            let again = propose(transaction.session(), &rule, &proposed(7), Timestamp(9)).await;
            assert!(again.expect("it is proposed"));
            for was in [true, false] {
                let gone = withdraw(transaction.session(), rule.id, &key).await;
                assert_eq!(gone.expect("it is gone"), was);
            }
        })
        .await;
    }
}
